#include "collab/object.h"

#include "base/buf.h"

/* What a kind calls its verbs: what is asked for, and what happened then. */
struct word {
    enum object_kind kind;
    enum object_verb verb;
    struct span ask, event; /* an empty ask: it only happens */
};

static const struct span kind_names[OBJECT_KIND_COUNT] = {
    [OBJECT_LOCK] = SPAN_INIT("lock"),
    [OBJECT_CONFLICT] = SPAN_INIT("conflict"),
    [OBJECT_COMMENT] = SPAN_INIT("comment"),
    [OBJECT_MESSAGE] = SPAN_INIT("message"),
    [OBJECT_NOTIFICATION] = SPAN_INIT("notification"),
    [OBJECT_PREFERENCES] = SPAN_INIT("preferences"),
    [OBJECT_ACTIVITY] = SPAN_INIT("activity"),
};

#define NOTHING \
    {           \
        NULL, 0 \
    }
static const struct word words[] = {
    {OBJECT_LOCK, OBJECT_ADD, SPAN_INIT("acquire"), SPAN_INIT("acquired")},
    {OBJECT_LOCK, OBJECT_REMOVE, SPAN_INIT("release"), SPAN_INIT("released")},
    {OBJECT_LOCK, OBJECT_RENEW, SPAN_INIT("renew"), SPAN_INIT("renewed")},
    {OBJECT_LOCK, OBJECT_REQUEST, SPAN_INIT("request"), SPAN_INIT("requested")},
    {OBJECT_LOCK, OBJECT_HAND_OVER, SPAN_INIT("hand_over"), SPAN_INIT("handed_over")},
    {OBJECT_LOCK, OBJECT_FORCE, SPAN_INIT("force"), SPAN_INIT("forced")},
    {OBJECT_LOCK, OBJECT_EXPIRE, NOTHING, SPAN_INIT("expired")},
    {OBJECT_CONFLICT, OBJECT_ADD, NOTHING, SPAN_INIT("opened")},
    {OBJECT_CONFLICT, OBJECT_EDIT, NOTHING, SPAN_INIT("refreshed")},
    {OBJECT_CONFLICT, OBJECT_ASSIGN, SPAN_INIT("assign"), SPAN_INIT("assigned")},
    {OBJECT_CONFLICT, OBJECT_RESOLVE, SPAN_INIT("resolve"), SPAN_INIT("resolved")},
    {OBJECT_COMMENT, OBJECT_ADD, SPAN_INIT("add"), SPAN_INIT("added")},
    {OBJECT_COMMENT, OBJECT_EDIT, SPAN_INIT("edit"), SPAN_INIT("edited")},
    {OBJECT_COMMENT, OBJECT_REMOVE, SPAN_INIT("delete"), SPAN_INIT("deleted")},
    {OBJECT_COMMENT, OBJECT_RESOLVE, SPAN_INIT("resolve"), SPAN_INIT("resolved")},
    {OBJECT_COMMENT, OBJECT_REOPEN, SPAN_INIT("reopen"), SPAN_INIT("reopened")},
    {OBJECT_COMMENT, OBJECT_REACT, SPAN_INIT("react"), SPAN_INIT("reacted")},
    {OBJECT_MESSAGE, OBJECT_ADD, SPAN_INIT("send"), SPAN_INIT("sent")},
    {OBJECT_NOTIFICATION, OBJECT_ADD, SPAN_INIT("add"), SPAN_INIT("added")},
    {OBJECT_NOTIFICATION, OBJECT_READ, SPAN_INIT("read"), SPAN_INIT("read")},
    {OBJECT_NOTIFICATION, OBJECT_UNREAD, SPAN_INIT("unread"), SPAN_INIT("unread")},
    {OBJECT_NOTIFICATION, OBJECT_REMOVE, SPAN_INIT("dismiss"), SPAN_INIT("dismissed")},
    {OBJECT_PREFERENCES, OBJECT_EDIT, SPAN_INIT("put"), SPAN_INIT("changed")},
    {OBJECT_ACTIVITY, OBJECT_ADD, SPAN_INIT("add"), SPAN_INIT("added")},
};

enum { WORD_COUNT = sizeof(words) / sizeof(words[0]) };

struct span object_kind_name(enum object_kind kind)
{
    return kind_names[kind];
}

bool object_kind_parse(struct span name, enum object_kind *out)
{
    for (unsigned i = 0; i < OBJECT_KIND_COUNT; i++) {
        if (span_equal(kind_names[i], name)) {
            *out = (enum object_kind)i;
            return true;
        }
    }
    return false;
}

struct span object_event_name(enum object_kind kind, enum object_verb verb)
{
    for (unsigned i = 0; i < WORD_COUNT; i++)
        if (words[i].kind == kind && words[i].verb == verb)
            return words[i].event;
    return SPAN("changed");
}

struct span object_verb_name(enum object_kind kind, enum object_verb verb)
{
    for (unsigned i = 0; i < WORD_COUNT; i++)
        if (words[i].kind == kind && words[i].verb == verb)
            return words[i].ask;
    return SPAN_EMPTY;
}

/* What people read as somebody's doing. Renewing a lock and reading one's inbox are none. */
static const struct {
    enum object_kind kind;
    enum object_verb verb;
    struct span name;
} activities[] = {
    {OBJECT_LOCK, OBJECT_ADD, SPAN_INIT("locked")},
    {OBJECT_LOCK, OBJECT_REMOVE, SPAN_INIT("unlocked")},
    {OBJECT_LOCK, OBJECT_REQUEST, SPAN_INIT("lock_requested")},
    {OBJECT_LOCK, OBJECT_HAND_OVER, SPAN_INIT("lock_handed_over")},
    {OBJECT_LOCK, OBJECT_FORCE, SPAN_INIT("lock_forced")},
    {OBJECT_LOCK, OBJECT_EXPIRE, SPAN_INIT("lock_expired")},
    {OBJECT_CONFLICT, OBJECT_ADD, SPAN_INIT("conflict_opened")},
    {OBJECT_CONFLICT, OBJECT_ASSIGN, SPAN_INIT("conflict_assigned")},
    {OBJECT_CONFLICT, OBJECT_RESOLVE, SPAN_INIT("conflict_resolved")},
    {OBJECT_COMMENT, OBJECT_ADD, SPAN_INIT("commented")},
    {OBJECT_COMMENT, OBJECT_EDIT, SPAN_INIT("comment_edited")},
    {OBJECT_COMMENT, OBJECT_REMOVE, SPAN_INIT("comment_deleted")},
    {OBJECT_COMMENT, OBJECT_RESOLVE, SPAN_INIT("comment_resolved")},
    {OBJECT_COMMENT, OBJECT_REOPEN, SPAN_INIT("comment_reopened")},
    {OBJECT_COMMENT, OBJECT_REACT, SPAN_INIT("reacted")},
    {OBJECT_NOTIFICATION, OBJECT_ADD, SPAN_INIT("notified")},
};

struct span object_activity_name(enum object_kind kind, enum object_verb verb)
{
    for (size_t i = 0; i < sizeof(activities) / sizeof(activities[0]); i++)
        if (activities[i].kind == kind && activities[i].verb == verb)
            return activities[i].name;
    return SPAN_EMPTY;
}

bool object_verb_parse(enum object_kind kind, struct span name, enum object_verb *out)
{
    for (unsigned i = 0; i < WORD_COUNT; i++) {
        if (name.len > 0 && words[i].kind == kind && span_equal(words[i].ask, name)) {
            *out = words[i].verb;
            return true;
        }
    }
    return false;
}

bool object_state_is_known(enum object_kind kind, struct span state)
{
    static const struct {
        enum object_kind kind;
        struct span state;
    } states[] = {
        {OBJECT_CONFLICT, SPAN_INIT("open")},       {OBJECT_CONFLICT, SPAN_INIT("resolved")},
        {OBJECT_COMMENT, SPAN_INIT("open")},        {OBJECT_COMMENT, SPAN_INIT("resolved")},
        {OBJECT_NOTIFICATION, SPAN_INIT("unread")}, {OBJECT_NOTIFICATION, SPAN_INIT("read")},
    };

    for (size_t i = 0; i < sizeof(states) / sizeof(states[0]); i++)
        if (states[i].kind == kind && span_equal(states[i].state, state))
            return true;
    return false;
}

/* ---- direct messages ---------------------------------------------------------------------------------------------- */

/* With its colons written otherwise, so that no two pairs of people share a name. */
static void append_part(struct buf *out, struct span id)
{
    buf_append_char(out, ':');
    for (size_t i = 0; i < id.len; i++) {
        if (id.data[i] == ':')
            BUF_APPEND_LITERAL(out, "%3A");
        else if (id.data[i] == '%')
            BUF_APPEND_LITERAL(out, "%25");
        else
            buf_append_char(out, id.data[i]);
    }
}

static bool comes_first(struct span id, struct span other)
{
    return id.len != other.len ? id.len < other.len : span_compare(id, other) <= 0;
}

struct span object_dm_room(struct arena *arena, struct span user_id, struct span other_id)
{
    const bool is_first = comes_first(user_id, other_id);
    struct buf name = BUF_EMPTY;
    struct span room;

    BUF_APPEND_LITERAL(&name, "dm"); /* each part begins with a colon: ROOM_OF_TWO */
    append_part(&name, is_first ? user_id : other_id);
    append_part(&name, is_first ? other_id : user_id);
    room = arena_copy(arena, buf_span(&name));
    buf_deinit(&name);
    return room;
}

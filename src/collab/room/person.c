#include "collab/room/person.h"

#include "base/buf.h"
#include "base/memory.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

enum { SAID_BYTES_MAX = 256, EDITING_ROW_BYTES_MAX = 128, NO_KEY_BITS = 3 };

/* ---- life --------------------------------------------------------------------------------------------------------- */

static struct span person_key(const struct person *person)
{
    return span_of(person->key, person->key_len);
}

static void append_key(struct buf *key, uint64_t room_serial, struct span user_id)
{
    buf_append(key, &room_serial, sizeof(room_serial));
    buf_append_span(key, user_id);
}

struct person *person_find(const struct room *room, struct span user_id)
{
    struct buf key = BUF_EMPTY;
    struct person *person;

    append_key(&key, room->serial, user_id);
    person = map_get(&room->hub->people, buf_span(&key));
    buf_deinit(&key);
    return person;
}

static bool has_own_color(const struct room *room, const struct color *color)
{
    if (room->own_color_count == 0)
        return false;
    LIST_EACH (&room->people, node) {
        const struct person *person = LIST_OWNER(node, struct person, in_room);

        if (person->color_number == OWN_COLOR && strcmp(person->color.text, color->text) == 0)
            return true;
    }
    return false;
}

/* The colour he has elsewhere if it is free here, else the first one that is. */
static void take_color(struct person *person)
{
    struct room *room = person->room;
    uint32_t number = color_preferred(person->identity->user_id);
    struct color color = color_at(number);

    if (color_set_has(&room->colors, number) || has_own_color(room, &color)) {
        number = 0;
        do {
            number = color_set_next_free(&room->colors, number);
            color = color_at(number);
        } while (has_own_color(room, &color) && ++number);
    }
    color_set_add(&room->colors, number);
    person->color_number = number;
    person->color = color;
}

static void give_color_back(struct person *person)
{
    if (person->color_number == OWN_COLOR)
        person->room->own_color_count--;
    else
        color_set_remove(&person->room->colors, person->color_number);
}

static uint64_t conflate_key(const struct room *room, struct span user_id)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    buf_append_span(&text, room->name);
    buf_append_char(&text, '\0');
    buf_append_span(&text, user_id);
    hash = hash_stable(buf_span(&text));
    buf_deinit(&text);
    return hash & ~(uint64_t)NO_KEY_BITS;
}

struct person *person_new(struct room *room, struct identity *identity, session_id session)
{
    const struct hub *hub = room->hub;
    struct buf key = BUF_EMPTY;
    struct person *person;

    append_key(&key, room->serial, identity->user_id);
    person = memory_alloc(sizeof(*person) + key.len);
    memcpy(person->key, key.data, key.len);
    person->key_len = (uint16_t)key.len;
    buf_deinit(&key);

    person->room = room;
    person->identity = identity_ref(identity);
    person->first_session = session;
    person->since_ms = person->last_seen_ms = hub->wall_ms;
    person->conflate_key = conflate_key(room, identity->user_id);
    person->alarm.kind = ALARM_PERSON;
    list_init(&person->in_pending);
    list_init(&person->in_moved);
    list_init(&person->sessions);
    list_init(&person->typings);
    take_color(person);
    list_push_tail(&room->people, &person->in_room);
    map_put(&room->hub->people, person_key(person), person);
    room->people_count++;
    return person;
}

void person_free(struct person *person)
{
    struct room *room = person->room;

    assert(list_is_empty(&person->sessions) && list_is_empty(&person->typings));
    alarm_cancel(room->hub, &person->alarm);
    give_color_back(person);
    list_remove(&person->in_room);
    list_remove(&person->in_pending);
    list_remove(&person->in_moved);
    map_remove(&room->hub->people, person_key(person));
    room->people_count--;
    identity_unref(person->identity);
    free(person->cursor);
    free(person);
}

/* ---- his sessions ------------------------------------------------------------------------------------------------- */

void person_attach(struct person *person, struct member *member)
{
    assert(member->person == NULL);
    member->person = person;
    person->session_count++;
    list_push_tail(&person->sessions, &member->in_person);
    person_touch(member);
}

void person_detach(struct member *member)
{
    struct person *person = member->person;

    if (person->cursor_session == member->key.session)
        person_set_cursor(member, SPAN_EMPTY);
    list_remove(&member->in_person);
    person->session_count--;
    member->person = NULL;
    member->lingers_until = 0;
    free(member->said);
    member->said = NULL;
}

void person_touch(struct member *member)
{
    struct person *person = member->person;
    const struct hub *hub = person->room->hub;

    member->active_ms = hub->now_ms;
    person->last_seen_ms = hub->wall_ms;
    if (person->sessions.prev != &member->in_person) {
        list_remove(&member->in_person);
        list_push_tail(&person->sessions, &member->in_person);
    }
}

/* ---- what a session says ------------------------------------------------------------------------------------------ */

static struct span said(const struct member *member, unsigned which)
{
    const char *text;

    if (member->said == NULL)
        return SPAN_EMPTY;
    text = member->said->text;
    for (unsigned i = 0; i < which; i++)
        text += member->said->lens[i];
    return span_of(text, member->said->lens[which]);
}

static void say(struct member *member, unsigned which, struct span text)
{
    struct span texts[SAID_COUNT];
    struct whereabouts *block;
    size_t bytes = 0;
    char *place;

    for (unsigned i = 0; i < SAID_COUNT; i++) {
        texts[i] = i == which ? text : said(member, i);
        bytes += texts[i].len;
    }
    block = bytes > 0 ? memory_alloc(sizeof(*block) + bytes) : NULL;
    place = block ? block->text : NULL;
    for (unsigned i = 0; block && i < SAID_COUNT; i++) {
        if (texts[i].len > 0)
            memcpy(place, texts[i].data, texts[i].len);
        place += texts[i].len;
        block->lens[i] = (uint16_t)texts[i].len;
    }
    free(member->said);
    member->said = block;
}

static bool is_color_taken(const struct person *person, const struct color *color)
{
    LIST_EACH (&person->room->people, node) {
        const struct person *other = LIST_OWNER(node, struct person, in_room);

        if (other != person && strcmp(other->color.text, color->text) == 0)
            return true;
    }
    return false;
}

static bool is_too_long(const struct presence_change *change, struct span *field)
{
    const struct {
        struct span text;
        size_t bytes_max;
        struct span field;
    } texts[] = {
        {change->page, SAID_BYTES_MAX, SPAN("page")},
        {change->section, SAID_BYTES_MAX, SPAN("section")},
        {change->activity, SAID_BYTES_MAX, SPAN("activity")},
        {change->editing_row, EDITING_ROW_BYTES_MAX, SPAN("editing_row")},
    };

    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (texts[i].text.len > texts[i].bytes_max) {
            *field = texts[i].field;
            return true;
        }
    }
    return false;
}

enum err person_check(const struct person *person, const struct presence_change *change, struct span *field)
{
    struct color color;

    if (is_too_long(change, field))
        return ERR_TOO_LARGE;
    if (!(change->given & PRESENCE_COLOR))
        return OK;
    *field = SPAN("color");
    if (!color_is_valid(change->color))
        return ERR_BAD_COLOR;
    color = color_parse(change->color);
    return is_color_taken(person, &color) ? ERR_EXISTS : OK;
}

static void apply_color(struct person *person, struct span text)
{
    const struct color color = color_parse(text);

    if (strcmp(person->color.text, color.text) == 0)
        return;
    give_color_back(person);
    person->color = color;
    person->color_number = OWN_COLOR;
    person->room->own_color_count++;
}

void person_apply(struct member *member, const struct presence_change *change)
{
    if (change->given & PRESENCE_STATUS)
        member->status = (uint8_t)change->status;
    if (change->given & PRESENCE_INTENT)
        member->intent = (uint8_t)change->intent;
    if (change->given & PRESENCE_PAGE)
        say(member, SAID_PAGE, change->page);
    if (change->given & PRESENCE_SECTION)
        say(member, SAID_SECTION, change->section);
    if (change->given & PRESENCE_ACTIVITY)
        say(member, SAID_ACTIVITY, change->activity);
    if (change->given & PRESENCE_EDITING_ROW)
        say(member, SAID_EDITING_ROW, change->editing_row);
    if (change->given & PRESENCE_COLOR)
        apply_color(member->person, change->color);
}

void person_set_cursor(struct member *member, struct span cursor)
{
    struct person *person = member->person;

    free(person->cursor);
    person->cursor = cursor.len > 0 ? memory_copy(cursor.data, cursor.len) : NULL;
    person->cursor_len = (uint32_t)cursor.len;
    person->cursor_session = cursor.len > 0 ? member->key.session : 0;
}

void person_set_editing_row(struct member *member, struct span row)
{
    say(member, SAID_EDITING_ROW, row);
}

/* ---- put together ------------------------------------------------------------------------------------------------- */

static bool is_idle(const struct member *member)
{
    const struct hub *hub = member->room->hub;

    return hub->now_ms - member->active_ms >= hub->limits.idle_ms;
}

/* As his activity says, unless he chose to be away or not to be seen. */
static enum status session_status(const struct member *member)
{
    if (member->status != STATUS_ONLINE)
        return (enum status)member->status;
    return is_idle(member) ? STATUS_AWAY : STATUS_ONLINE;
}

/* enum status is in order: somebody is what his most present session is. */
enum status person_status(const struct person *person)
{
    enum status status = STATUS_OFFLINE;

    LIST_EACH (&person->sessions, node) {
        enum status other = session_status(LIST_OWNER(node, struct member, in_person));

        if (other < status)
            status = other;
    }
    return status;
}

/* enum intent is in order, too: editing beats viewing. */
static enum intent person_intent(const struct person *person)
{
    enum intent intent = INTENT_NONE;

    LIST_EACH (&person->sessions, node) {
        enum intent other = (enum intent)LIST_OWNER(node, struct member, in_person)->intent;

        if (other > intent)
            intent = other;
    }
    return intent;
}

/* What the most recently active session says, of those that say anything. */
static struct span last_said(const struct person *person, unsigned which)
{
    for (const struct list *node = person->sessions.prev; node != &person->sessions; node = node->prev) {
        struct span text = said(LIST_OWNER(node, const struct member, in_person), which);

        if (text.len > 0)
            return text;
    }
    return SPAN_EMPTY;
}

struct span person_editing_row(const struct person *person)
{
    return last_said(person, SAID_EDITING_ROW);
}

void person_describe(const struct person *person, struct presence *out)
{
    const struct identity *identity = person->identity;

    *out = (struct presence){
        .user_id = identity->user_id,
        .username = identity->username,
        .name = identity->name,
        .avatar = identity->avatar,
        .color = color_span(&person->color),
        .status = person_status(person),
        .intent = person_intent(person),
        .page = last_said(person, SAID_PAGE),
        .section = last_said(person, SAID_SECTION),
        .activity = last_said(person, SAID_ACTIVITY),
        .editing_row = last_said(person, SAID_EDITING_ROW),
        .cursor = span_of(person->cursor, person->cursor_len),
        .last_seen_ms = person->last_seen_ms,
        .since_ms = person->since_ms,
        .session_count = person->session_count,
        .session = person->first_session,
        .room = person->room->name,
    };
}

static uint64_t mix(uint64_t hash, struct span text)
{
    return (hash ^ hash_stable(text)) * 0x9E3779B97F4A7C15u + text.len;
}

uint64_t person_fingerprint(const struct person *person)
{
    struct presence now;
    uint64_t hash;

    person_describe(person, &now);
    hash = ((uint64_t)now.status << 8 | (uint64_t)now.intent << 4 | (now.cursor.len > 0)) + 1;
    hash = mix(hash, now.username);
    hash = mix(hash, now.name);
    hash = mix(hash, now.avatar);
    hash = mix(hash, now.color);
    hash = mix(hash, now.page);
    hash = mix(hash, now.section);
    hash = mix(hash, now.activity);
    return mix(hash, now.editing_row);
}

uint64_t person_deadline(const struct person *person)
{
    const uint64_t idle_ms = person->room->hub->limits.idle_ms;
    uint64_t deadline = UINT64_MAX;
    uint64_t idle_at = 0;

    LIST_EACH (&person->sessions, node) {
        const struct member *member = LIST_OWNER(node, struct member, in_person);

        if (member->lingers_until > 0 && member->lingers_until < deadline)
            deadline = member->lingers_until;
        if (session_status(member) == STATUS_ONLINE && member->active_ms + idle_ms > idle_at)
            idle_at = member->active_ms + idle_ms;
    }
    return idle_at > 0 && idle_at < deadline ? idle_at : deadline;
}

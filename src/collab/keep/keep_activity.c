/* What people did: lines of the activity feed. Most come with a change or a comment; a client adds those that leave no other trace, such as
 * that somebody looked at a record. They are events, and nothing else is kept of them. */
#include "collab/keep/keep.h"
#include "base/limits.h"
#include "collab/keep/keep_job.h"

#include "base/map.h"
#include "base/memory.h"
#include "collab/type/access.h"

#include <stdlib.h>

/* ---- feeds -------------------------------------------------------------------------------------------------------- */

static bool is_customers(const struct field *field, const struct type *type)
{
    const struct type *target = type_find(type->registry, field->target);

    return field->kind == FIELD_REFERENCE && target && span_equal(target->name, SPAN("customer"));
}

/* The customer whom the record is about: itself, or the first that it refers to in a field that everybody may read who may read the record. In
 * whose feed it stands tells everybody what is in the field. */
static struct span customer_of(struct arena *arena, const struct type *type, struct span entity_id, struct span state)
{
    struct span customer = SPAN_EMPTY;

    if (span_equal(type->name, SPAN("customer")))
        return arena_copy(arena, entity_id);
    for (uint32_t i = 0; i < type->field_count && customer.len == 0; i++)
        if (is_customers(&type->fields[i], type) && access_is_open(type, &type->fields[i]))
            customer = keep_field_text(arena, state, type->fields[i].name);
    return record_id_is_valid(customer) ? customer : SPAN_EMPTY;
}

void activity_note(struct store_request *request, struct commit_event *entry, const struct type *type,
                   struct span entity_id, struct span state, struct span user_id, struct span action)
{
    struct arena *arena = &request->arena;
    struct commit_activity *activity = arena_alloc(arena, sizeof(*activity));

    activity->action = arena_copy(arena, action);
    activity->user_id = arena_copy(arena, user_id);
    if (type) {
        activity->type = type->name;
        activity->entity_id = arena_copy(arena, entity_id);
        activity->customer_id = customer_of(arena, type, entity_id, state);
    }
    entry->activity = activity;
    commit_show_in(request, entry, SPAN(ROOM_ACTIVITY));
    if (user_id.len > 0)
        commit_show_in(request, entry, arena_printf(arena, ROOM_OF_FEED "user:%.*s", SPAN_ARG(user_id)));
    if (activity->customer_id.len > 0)
        commit_show_in(request, entry,
                       arena_printf(arena, ROOM_OF_FEED "customer:%.*s", SPAN_ARG(activity->customer_id)));
}

/* ---- who looked at what a moment ago ------------------------------------------------------------------------------ */

enum { VIEWS_COUNT = 4096, VIEW_MS = 600000 };

/* Each in the one place that its hash says: a newer one drives an older one out, which is then noted once more. */
struct keep_views {
    struct {
        uint64_t hash, until_ms;
    } places[VIEWS_COUNT];
};

static uint64_t hash_of_view(const struct keep_job *job)
{
    struct buf text = BUF_EMPTY;
    uint64_t hash;

    buf_append_u64(&text, job->command->room.len);
    buf_append_span(&text, job->command->room);
    buf_append_span(&text, job->command->identity->user_id);
    hash = map_hash(buf_span(&text));
    buf_deinit(&text);
    return hash;
}

/* False: he looked at it before, and that is noted. */
static bool remember_view(struct keep_job *job)
{
    const uint64_t hash = hash_of_view(job), now_ms = job->hub->now_ms;
    struct keep_views *views = job->hub->keep_views;

    if (views == NULL)
        views = job->hub->keep_views = NEW(struct keep_views);
    if (views->places[hash % VIEWS_COUNT].hash == hash && now_ms < views->places[hash % VIEWS_COUNT].until_ms)
        return false;
    views->places[hash % VIEWS_COUNT].hash = hash;
    views->places[hash % VIEWS_COUNT].until_ms = now_ms + VIEW_MS;
    return true;
}

void keep_view_forget(struct keep_job *job)
{
    const uint64_t hash = hash_of_view(job);

    job->is_view = false;
    if (job->hub->keep_views && job->hub->keep_views->places[hash % VIEWS_COUNT].hash == hash)
        job->hub->keep_views->places[hash % VIEWS_COUNT].until_ms = 0;
}

void keep_views_free(struct keep_views *views)
{
    free(views);
}

/* ---- a client's own ----------------------------------------------------------------------------------------------- */

enum { ACTION_BYTES_MAX = 32, METADATA_BYTES_MAX = LIMIT_ACTIVITY_BYTES };

static bool is_word(struct span action)
{
    for (size_t i = 0; i < action.len; i++)
        if (!((action.data[i] >= 'a' && action.data[i] <= 'z') || action.data[i] == '_'))
            return false;
    return action.len > 0 && action.len <= ACTION_BYTES_MAX;
}

/* What comes with a change, an action or a comment is not for anybody to say who made none. */
static bool is_reserved(const struct type *type, struct span action)
{
    static const struct span words[] = {SPAN_INIT("created"), SPAN_INIT("updated"), SPAN_INIT("deleted")};

    for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++)
        if (span_equal(words[i], action))
            return true;
    for (uint32_t i = 0; i < type->action_count; i++)
        if (span_equal(type->actions[i].event, action))
            return true;
    for (unsigned kind = 0; kind < OBJECT_KIND_COUNT; kind++)
        for (unsigned verb = 0; verb < OBJECT_VERB_COUNT; verb++)
            if (span_equal(object_activity_name((enum object_kind)kind, (enum object_verb)verb), action))
                return true;
    return false;
}

static enum err read_input(struct keep_job *job, struct span *action, struct span *metadata)
{
    enum err err;

    if ((err = keep_input_text(job, "action", ACTION_BYTES_MAX, true, action)) != OK)
        return err;
    if (!is_word(*action) || (!job->command->object.as_server && is_reserved(job->type, *action)))
        return keep_refuse(job, ERR_BAD_FIELD, "action");
    return keep_input_json(job, "metadata", false, METADATA_BYTES_MAX, metadata);
}

static struct span print(struct keep_job *job, const struct object_head *head, struct span action, struct span metadata)
{
    struct buf text = BUF_EMPTY;
    struct span body;

    keep_open_body(&text, head);
    json_member_string(&text, "action", action);
    if (metadata.len > 0)
        json_member_raw(&text, "metadata", metadata);
    buf_append_char(&text, '}');
    body = arena_copy(&job->arena, buf_span(&text));
    buf_deinit(&text);
    return body;
}

/* That somebody looked at it is for the feeds alone: it would drive changes out of the record's own room. */
static void note(struct keep_job *job, struct span action, struct span state)
{
    struct store_request *request = keep_new_commit(job);
    struct commit_event *entry = keep_say(job, &job->object, OBJECT_ADD);

    if (!job->is_view)
        commit_show_in(request, entry, job->command->room);
    activity_note(request, entry, job->type, job->entity_id, state, job->command->identity->user_id, action);
    keep_print_event(request, entry);
    job->object.id = SPAN_EMPTY; /* it is not kept as an object: a repeat gets this body */
}

enum err keep_activity(struct keep_job *job)
{
    struct span action = SPAN_EMPTY, metadata = SPAN_EMPTY, state = SPAN_EMPTY;
    struct object_head head;
    enum err err;

    if (job->command->object.verb != OBJECT_ADD)
        return keep_refuse(job, ERR_UNKNOWN_ACTION, "verb");
    if ((err = keep_may_read(job)) != OK || (err = read_input(job, &action, &metadata)) != OK)
        return err;
    if (!keep_record(job, &state))
        return OK;
    if (!keep_is_there(job, state))
        return ERR_NOT_FOUND;
    head = keep_head(job, OBJECT_ACTIVITY, state);
    job->object.kind = OBJECT_ACTIVITY;
    job->object.id = head.id;
    job->object.room = job->command->room;
    job->object.body = print(job, &head, action, metadata);
    job->is_view = span_equal(action, SPAN("viewed"));
    if (!job->is_view || remember_view(job))
        note(job, action, state);
    else
        job->object.id = SPAN_EMPTY;
    return OK;
}

/* What a decision has to know of the store, and how it is read: what a decision asked for and did not get, all at once. */
#include "collab/keep/keep_job.h"

#include <assert.h>

/* ---- facts -------------------------------------------------------------------------------------------------------- */

const struct object *keep_object(struct keep_job *job, enum object_kind kind, struct span id)
{
    struct known_object *known = job->facts.objects;

    while (known && !(known->object.kind == kind && span_equal(known->object.id, id)))
        known = known->next;
    if (known == NULL) {
        known = arena_alloc(&job->arena, sizeof(*known));
        known->object = (struct object){.kind = kind, .id = arena_copy(&job->arena, id)};
        known->next = job->facts.objects;
        job->facts.objects = known;
    }
    return known->is_known ? &known->object : NULL;
}

bool keep_user(struct keep_job *job, struct span name, struct span *user_id)
{
    struct known_user *known = job->facts.users;

    *user_id = SPAN_EMPTY;
    while (known && !span_equal(known->name, name))
        known = known->next;
    if (known == NULL) {
        known = arena_alloc(&job->arena, sizeof(*known));
        known->name = arena_copy(&job->arena, name);
        known->next = job->facts.users;
        job->facts.users = known;
    }
    *user_id = known->user_id;
    return known->is_known;
}

bool keep_record(struct keep_job *job, struct span *state)
{
    *state = job->facts.record;
    job->facts.wants_record = true;
    return job->facts.has_record;
}

bool keep_list(struct keep_job *job, enum object_kind kind, struct span owner, struct span state, uint32_t count_max)
{
    struct keep_facts *facts = &job->facts;

    if (!facts->wants_list) {
        facts->wants_list = true;
        facts->list_count_max = count_max;
        facts->listed.kind = kind;
        facts->listed.owner = arena_copy(&job->arena, owner);
        facts->listed.state = state;
    }
    return facts->has_list;
}

static uint32_t count_unknown_objects(const struct keep_facts *facts)
{
    uint32_t count = 0;

    for (const struct known_object *known = facts->objects; known; known = known->next)
        count += !known->is_known;
    return count;
}

static uint32_t count_unknown_users(const struct keep_facts *facts)
{
    uint32_t count = 0;

    for (const struct known_user *known = facts->users; known; known = known->next)
        count += !known->is_known;
    return count;
}

bool keep_is_unknown(const struct keep_job *job)
{
    const struct keep_facts *facts = &job->facts;

    return (facts->wants_record && !facts->has_record) || (facts->wants_list && !facts->has_list) ||
           count_unknown_objects(facts) > 0 || count_unknown_users(facts) > 0;
}

/* ---- reading ------------------------------------------------------------------------------------------------------ */

static void read_objects(struct keep_job *job, uint32_t count)
{
    struct store_request *request = keep_new_request(job, STORE_OBJECTS_READ);
    struct arena *arena = &request->arena;

    request->objects = arena_alloc(arena, count * sizeof(*request->objects));
    for (const struct known_object *known = job->facts.objects; known; known = known->next) {
        struct object *object = &request->objects[request->object_count];

        if (known->is_known)
            continue;
        object->kind = known->object.kind;
        object->id = arena_copy(arena, known->object.id);
        request->object_count++;
    }
    keep_send(job, request);
}

static void find_users(struct keep_job *job, uint32_t count)
{
    struct store_request *request = keep_new_request(job, STORE_USERS_FIND);
    struct arena *arena = &request->arena;

    request->names = arena_alloc(arena, count * sizeof(*request->names));
    request->user_ids = arena_alloc(arena, count * sizeof(*request->user_ids));
    for (const struct known_user *known = job->facts.users; known; known = known->next)
        if (!known->is_known)
            request->names[request->name_count++] = arena_copy(arena, known->name);
    keep_send(job, request);
}

static void list_objects(struct keep_job *job)
{
    struct store_request *request = keep_new_request(job, STORE_OBJECTS_LIST);
    const struct object *listed = &job->facts.listed;

    request->objects = arena_alloc(&request->arena, sizeof(*request->objects));
    request->object_count = 1;
    request->objects[0].kind = listed->kind;
    request->objects[0].owner = arena_copy(&request->arena, listed->owner);
    request->objects[0].state = arena_copy(&request->arena, listed->state);
    request->rights = keep_rights(job);
    request->count_max = job->facts.list_count_max;
    keep_send(job, request);
}

void keep_read_unknown(struct keep_job *job)
{
    const struct keep_facts *facts = &job->facts;
    const uint32_t object_count = count_unknown_objects(facts), user_count = count_unknown_users(facts);

    job->step = KEEP_READING;
    job->failure = OK;
    if (object_count > 0)
        read_objects(job, object_count);
    if (user_count > 0)
        find_users(job, user_count);
    if (facts->wants_record && !facts->has_record)
        keep_send(job, keep_new_request(job, STORE_RECORD_LOAD));
    if (facts->wants_list && !facts->has_list)
        list_objects(job);
}

void keep_copy_object(struct arena *arena, const struct object *from, struct object *to)
{
    *to = *from;
    to->id = arena_copy(arena, from->id);
    to->room = arena_copy(arena, from->room);
    to->owner = arena_copy(arena, from->owner);
    to->state = arena_copy(arena, from->state);
    to->body = arena_copy(arena, from->body);
}

static void learn_objects(struct keep_job *job, const struct store_request *request)
{
    for (uint32_t i = 0; i < request->object_count; i++) {
        const struct object *object = &request->objects[i];
        struct known_object *known = job->facts.objects;

        while (known && !(known->object.kind == object->kind && span_equal(known->object.id, object->id)))
            known = known->next;
        assert(known);
        keep_copy_object(&job->arena, object, &known->object);
        known->is_known = true;
    }
}

static void learn_users(struct keep_job *job, const struct store_request *request)
{
    for (uint32_t i = 0; i < request->name_count; i++) {
        struct known_user *known = job->facts.users;

        while (known && !span_equal(known->name, request->names[i]))
            known = known->next;
        assert(known);
        known->user_id = arena_copy(&job->arena, request->user_ids[i]);
        known->is_known = true;
    }
}

static void learn_list(struct keep_job *job, const struct store_request *request)
{
    struct keep_facts *facts = &job->facts;

    facts->list = arena_alloc(&job->arena, (request->object_count + 1) * sizeof(*facts->list));
    for (uint32_t i = 0; i < request->object_count; i++)
        keep_copy_object(&job->arena, &request->objects[i], &facts->list[i]);
    facts->list_count = request->object_count;
    facts->list_total = request->version;
    facts->has_list = true;
}

void keep_learn(struct keep_job *job, const struct store_request *request)
{
    switch (request->kind) {
    case STORE_OBJECTS_READ: learn_objects(job, request); break;
    case STORE_USERS_FIND: learn_users(job, request); break;
    case STORE_OBJECTS_LIST: learn_list(job, request); break;
    default:
        assert(request->kind == STORE_RECORD_LOAD);
        job->facts.record = request->found ? arena_copy(&job->arena, request->state) : SPAN_EMPTY;
        job->facts.has_record = true;
    }
}

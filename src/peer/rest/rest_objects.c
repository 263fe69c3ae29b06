#include "peer/rest/rest_objects.h"

#include "collab/type/access.h"
#include "collab/hub.h"
#include "peer/dialect/object_say.h"

/* ---- who may see it ---- */

static bool is_own_room(const struct request *request, struct span room)
{
    return span_equal(span_slice(room, sizeof(ROOM_OF_USER) - 1, room.len), request->identity->user_id) ||
           access_is_admin(request->identity->access);
}

bool rest_object_is_visible(const struct request *request, const struct object *object)
{
    if (span_starts_with(object->room, SPAN(ROOM_OF_USER)) && !is_own_room(request, object->room))
        return false;
    return object_is_shown(request->registry, request->identity->access, object);
}

bool rest_answer_has_object(const struct request *request, const struct answer *answer)
{
    const struct object object = {.kind = answer->object_kind, .room = answer->room, .body = answer->object};
    return answer->has_object && rest_object_is_visible(request, &object);
}

/* ---- printing ---- */

void rest_object_write(struct buf *out, const struct request *request, enum object_kind kind, struct span room,
                       struct span body)
{
    const struct object_view view =
        object_view_of(request->registry, request->identity->access, room, body, OBJECT_SNAKE);
    object_write(out, kind, body, &view);
}

static void respond_object(struct request *request, unsigned status, const char *key, enum object_kind kind,
                           struct span room, struct span body)
{
    struct buf json = BUF_EMPTY;
    if (key) {
        buf_append_char(&json, '{');
        json_append_key(&json, key);
    }
    rest_object_write(&json, request, kind, room, body);
    if (key)
        buf_append_char(&json, '}');
    http_add_header(request->exchange, "Cache-Control", SPAN("private, no-cache"));
    request_respond_long(request, status, &json);
}

/* ---- asking for something ---- */

enum err rest_object_input(struct request *request, struct arena *arena, bool is_needed, struct span *input)
{
    static const char *const except[] = {NULL};
    struct json body;
    struct buf text = BUF_EMPTY;
    *input = SPAN_EMPTY;
    if (!is_needed && request->exchange->body.len == 0)
        return OK;
    enum err err = request_json(request, &body);
    if (err)
        return err;
    object_input(&text, &body, body.root, except);
    *input = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    json_deinit(&body);
    return OK;
}

void rest_object_answer(struct request *request, const struct rest_deed *deed, const struct answer *answer)
{
    if (answer->err)
        rest_fail_answer(request, answer);
    else if (deed->status == 204 || !answer->has_object)
        request_respond(request, 204, SPAN_EMPTY);
    else
        respond_object(request, deed->status, deed->key, deed->kind, answer->room, answer->object);
}

static void on_done(struct request *request, const struct answer *answer)
{
    rest_object_answer(request, request->state, answer);
}

/* What a handler keeps until its answer has come: of a table, or in the exchange's arena. */
static void remember(struct request *request, const void *state)
{
    request->state = (void *)(uintptr_t)state;
    request->state_is_borrowed = true;
}

void rest_object_send(struct request *request, const struct rest_deed *deed, struct span room, struct span object_id,
                      struct span input)
{
    struct span key;
    enum err err = rest_idempotency_key(request->exchange, &key);
    if (err) {
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
        return;
    }
    struct command *command = request_command(request, COMMAND_OBJECT, room);
    command->object.kind = deed->kind;
    command->object.verb = deed->verb;
    command->object.object_id = arena_copy(&command->arena, object_id);
    command->object.id = arena_copy(&command->arena, key);
    command->object.input = arena_copy(&command->arena, input);
    command->object.as_server = deed->as_server;
    remember(request, deed);
    request_send(request, command, on_done);
}

void rest_object_do(struct request *request, const struct rest_deed *deed, struct span room, struct span object_id)
{
    struct span input;
    enum err err = rest_object_input(request, &request->exchange->arena, deed->needs_input, &input);
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
    else
        rest_object_send(request, deed, room, object_id, input);
}

static enum err read_about(struct request *request, const struct json *body, struct span *room, struct span *field)
{
    yyjson_val *name = json_get2(body->root, "entity_type", "entityType");
    struct span id = json_get_text2(body->root, "entity_id", "entityId");
    const struct type *type = type_find(request->registry, json_text(name));
    *field = SPAN("entity_type");
    if (!name)
        return ERR_MISSING_FIELD;
    *field = SPAN("entity_id");
    if (!json_get2(body->root, "entity_id", "entityId"))
        return ERR_MISSING_FIELD;
    *field = SPAN_EMPTY;
    if (!type || !record_id_is_valid(id) || !access_allows(request->identity->access, type, VERB_READ))
        return ERR_NOT_FOUND;
    *room = rest_room(&request->exchange->arena, type, id);
    return OK;
}

void rest_object_do_about(struct request *request, const struct rest_deed *deed)
{
    static const char *const except[] = {"entity_type", "entity_id", NULL};
    struct json body;
    struct buf input = BUF_EMPTY;
    struct span room, field = SPAN_EMPTY;
    enum err err = request_json(request, &body);
    if (err == OK && (err = read_about(request, &body, &room, &field)) == OK) {
        object_input(&input, &body, body.root, except);
        rest_object_send(request, deed, room, SPAN_EMPTY, buf_span(&input));
    } else {
        request_fail(request, err, field, SPAN_EMPTY);
    }
    buf_deinit(&input);
    json_deinit(&body);
}

/* ---- finding one ---- */

struct finding {
    enum object_kind kind;
    struct span id;
    void (*then)(struct request *request, const struct object *object, const void *context);
    const void *context;
    struct object object;
};

static void run_find(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct finding *finding = job->state;
    (void)store;
    job->err = store_object_get(reader, &job->arena, finding->kind, finding->id, &finding->object);
}

static void on_found(struct request_job *job, struct request *request)
{
    const struct finding *finding = job->state;
    enum err err = job->err;
    if (err == OK && !rest_object_is_visible(request, &finding->object))
        err = ERR_NOT_FOUND;
    if (err)
        request_fail(request, err, SPAN_EMPTY, SPAN_EMPTY);
    else
        finding->then(request, &finding->object, finding->context);
}

void rest_object_find(struct request *request, enum object_kind kind, struct span id,
                      void (*then)(struct request *request, const struct object *object, const void *context),
                      const void *context)
{
    struct request_job *job = request_job_new(request);
    struct finding *finding = arena_alloc(&job->arena, sizeof *finding);
    finding->kind = kind;
    finding->id = arena_copy(&job->arena, id);
    finding->then = then;
    finding->context = context;
    job->state = finding;
    job->run = run_find;
    job->done = on_found;
    request_read(job);
}

static void do_deed(struct request *request, const struct object *object, const void *deed)
{
    rest_object_do(request, deed, object->room, object->id);
}

void rest_object_find_and_do(struct request *request, const struct rest_deed *deed, struct span id)
{
    rest_object_find(request, deed->kind, id, do_deed, deed);
}

static void show(struct request *request, const struct object *object, const void *key)
{
    respond_object(request, 200, key, object->kind, object->room, object->body);
}

void rest_object_show(struct request *request, enum object_kind kind, struct span id, const char *key)
{
    rest_object_find(request, kind, id, show, key);
}

/* ---- lists ---- */

struct page_job {
    struct rest_listing listing;
    struct object_page page;
    uint64_t count;
};

static void run_list(struct request_job *job, struct store *store, struct store_reader *reader)
{
    struct page_job *state = job->state;
    struct rest_listing *listing = &state->listing;
    const struct request *request = job->request;
    const struct object_rights rights = {request->registry, request->identity->access};
    (void)store;
    if (listing->owner_is_named && (job->err = store_user_resolve(reader, &job->arena, &listing->query.owner)))
        return;
    job->err = store_objects(reader, &job->arena, &listing->query, &state->page);
    if (job->err == OK && listing->count_key)
        job->err = store_object_count(reader, listing->query.kind, listing->query.owner, listing->count_state, &rights,
                                      &state->count);
}

static void write_page(struct buf *out, const struct request *request, const struct page_job *state)
{
    const struct object_page *page = &state->page;
    buf_append_char(out, '{');
    json_append_key(out, state->listing.key);
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < page->count; i++) {
        const struct object *object = &page->objects[i];
        if (!rest_object_is_visible(request, object))
            continue;
        if (out->data[out->len - 1] != '[')
            buf_append_char(out, ',');
        rest_object_write(out, request, object->kind, object->room, object->body);
    }
    buf_append_char(out, ']');
    if (state->listing.count_key)
        json_member_u64(out, state->listing.count_key, state->count);
    rest_write_cursor(out, page->next);
    buf_append_char(out, '}');
}

static void on_listed(struct request_job *job, struct request *request)
{
    struct buf json = BUF_EMPTY;
    if (job->err) {
        rest_fail_page(request, job->err);
        return;
    }
    write_page(&json, request, job->state);
    request_respond_long(request, 200, &json);
}

static enum err read_state(struct request *request, struct arena *arena, struct object_query *query, struct span *field)
{
    struct span state;
    if (!http_query(request->exchange, "state", &state) || state.len == 0)
        return OK;
    *field = SPAN("state");
    if (!object_state_is_known(query->kind, state))
        return ERR_BAD_FIELD;
    query->state = arena_copy(arena, state);
    return OK;
}

void rest_object_list(struct request *request, const struct rest_listing *listing)
{
    struct request_job *job = request_job_new(request);
    struct page_job *state = arena_alloc(&job->arena, sizeof *state);
    struct object_query *query = &state->listing.query;
    struct span field = SPAN_EMPTY;
    state->listing = *listing;
    query->room = arena_copy(&job->arena, query->room);
    query->owner = arena_copy(&job->arena, query->owner);
    job->state = state;
    job->run = run_list;
    job->done = on_listed;
    enum err err = read_state(request, &job->arena, query, &field);
    if (err || (err = rest_page(request, &job->arena, &query->cursor, &query->limit, &field))) {
        request_job_drop(job);
        request_fail(request, err, field, SPAN_EMPTY);
        return;
    }
    request_read(job);
}

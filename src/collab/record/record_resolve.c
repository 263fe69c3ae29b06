/* A conflict is settled: with the parked change ("local"), with what is there ("remote"), or with a value made of both ("merged"). It
 * is settled as it was shown: when its places changed again since, it is refreshed instead. */
#include "base/clock.h"
#include "collab/type/access.h"
#include "collab/record/record_settling.h"
#include "collab/change/transform.h"

enum { CLASHES_MAX = CHANGE_OPS_MAX };

static const struct span resolution_names[] = {SPAN_INIT("local"), SPAN_INIT("remote"), SPAN_INIT("merged")};

static bool is_same_value(yyjson_val *a, yyjson_val *b)
{
    a = none_if_null(a);
    b = none_if_null(b);
    return a == NULL || b == NULL ? a == b : yyjson_equals(a, b);
}

/* ---- what is there ------------------------------------------------------------------------------------------------ */

static bool is_moved(const struct change *local, const struct path *path)
{
    for (uint32_t i = 0; i < local->op_count; i++)
        if (local->ops[i].kind == OP_MOV && path_relation(&local->ops[i].path, path) == RELATION_SAME)
            return true;
    return false;
}

static enum err read_place(struct settling *settling, yyjson_val *field, struct place *place)
{
    struct making *making = settling->making;
    const struct span path = json_get_text(field, "path"); /* empty: the whole record */
    enum err err;

    if (path.len > 0 && (err = path_parse(making->arena, path, &place->path)) != OK)
        return err;
    place->is_move = is_moved(&settling->local, &place->path);
    place->mine = none_if_null(json_get(field, "mine"));
    place->theirs = none_if_null(json_get(field, "theirs"));
    place->now = state_find(settling->state.root, &place->path);
    if (place->is_move)
        place->now = json_get(place->now, "pos");
    settling->shown |= making_shown(making, &place->path);
    return OK;
}

static enum err read_places(struct settling *settling)
{
    yyjson_val *fields = json_get(settling->body.root, "fields"), *field;
    const size_t count = yyjson_arr_size(fields);
    yyjson_arr_iter iter;
    enum err err;

    settling->places = arena_alloc(settling->making->arena, count * sizeof(*settling->places));
    if (count == 0 || count > CLASHES_MAX)
        return count == 0 ? OK : ERR_BAD_MESSAGE;
    yyjson_arr_iter_init(fields, &iter);
    while ((field = yyjson_arr_iter_next(&iter)))
        if ((err = read_place(settling, field, &settling->places[settling->place_count++])) != OK)
            return err;
    return OK;
}

static enum err read_local(struct settling *settling)
{
    yyjson_val *local = json_get(settling->body.root, "local");

    return local ? change_read(settling->making->arena, json_slice(&settling->body, local), &settling->local)
                 : ERR_BAD_MESSAGE;
}

static enum err read_state(struct settling *settling)
{
    const struct making *making = settling->making;

    if (!making->present->exists)
        return OK;
    return json_parse(&settling->state, buf_span(&making->present->state), &record_json_limits);
}

static enum err read_resolution(struct settling *settling)
{
    struct making *making = settling->making;
    const struct span input = making->command->object.input;
    struct span name;
    enum err err;

    if (input.len > 0 && (err = json_parse(&settling->input, input, &json_limits_default)) != OK)
        return err;
    name = json_get_text(settling->input.root, "resolution");
    for (unsigned i = 0; i < 3; i++) {
        if (span_equal(resolution_names[i], name)) {
            settling->resolution = (enum resolution)i;
            return OK;
        }
    }
    making->plan->field = SPAN("resolution");
    return json_get(settling->input.root, "resolution") ? ERR_BAD_FIELD : ERR_MISSING_FIELD;
}

/* ---- who may, and whether it is what he saw ----------------------------------------------------------------------- */

static void show(struct settling *settling, struct span body)
{
    struct record_outcome *outcome = &settling->making->plan->outcome;

    outcome->has_object = true;
    outcome->object_kind = OBJECT_CONFLICT;
    outcome->object_id = settling->object->id;
    outcome->object = body;
    outcome->object_shown = settling->shown;
}

static enum err may_settle(struct settling *settling)
{
    struct making *making = settling->making;
    const struct access *access = making->command->identity->access;
    const uint64_t writable = access_writable(access, making->type);

    for (uint32_t i = 0; i < settling->place_count; i++) {
        const struct span name = settling->places[i].path.steps[0];
        const struct field *field = NULL;

        if (settling->places[i].path.depth == 0) /* may he delete it: that is asked of the change */
            continue;
        if ((field = type_field(making->type, name)) && (access_is_admin(access) || (writable >> field->index & 1)))
            continue;
        if (field && !(access_readable(access, making->type) >> field->index & 1))
            return ERR_NOT_FOUND; /* for him it is not there, whatever it is about */
        making->plan->field = name;
        return field ? ERR_FORBIDDEN : ERR_UNKNOWN_FIELD;
    }
    return OK;
}

static bool has_changed(const struct settling *settling)
{
    for (uint32_t i = 0; i < settling->place_count; i++)
        if (!is_same_value(settling->places[i].theirs, settling->places[i].now))
            return true;
    return false;
}

/* He decided over an older state of the conflict than there is. */
static bool has_seen_older(const struct settling *settling)
{
    const uint64_t seen = yyjson_get_uint(json_get(settling->input.root, "version"));

    return seen != 0 && seen < yyjson_get_uint(json_get(settling->body.root, "current_version"));
}

static enum err check(struct settling *settling)
{
    enum err err;

    if ((err = read_resolution(settling)) != OK)
        return err;
    if ((err = may_settle(settling)) != OK)
        return err;
    if (!span_equal(settling->object->state, SPAN("open"))) {
        show(settling, settling->object->body);
        return ERR_ALREADY_RESOLVED;
    }
    if (has_seen_older(settling)) {
        show(settling, settling->object->body);
        return ERR_CONFLICT;
    }
    return OK;
}

/* ---- the body, rewritten ------------------------------------------------------------------------------------------ */

static void put_text(yyjson_mut_doc *doc, yyjson_mut_val *object, const char *key, struct span text)
{
    yyjson_mut_obj_put(object, yyjson_mut_str(doc, key), yyjson_mut_strn(doc, text.len > 0 ? text.data : "", text.len));
}

static void put_time(yyjson_mut_doc *doc, struct arena *arena, yyjson_mut_val *object, const char *key, int64_t time_ms)
{
    struct buf text = BUF_EMPTY;

    clock_append_iso(&text, time_ms);
    put_text(doc, object, key, arena_copy(arena, buf_span(&text)));
    buf_deinit(&text);
}

static void put_resolution(yyjson_mut_doc *doc, yyjson_mut_val *root, const struct settling *settling, uint64_t version)
{
    const struct making *making = settling->making;
    yyjson_val *merged = settling->resolution == RESOLUTION_MERGED ? settling_merged_value(settling) : NULL;

    put_text(doc, root, "state", SPAN("resolved"));
    put_text(doc, root, "resolution", resolution_names[settling->resolution]);
    if (merged)
        yyjson_mut_obj_put(root, yyjson_mut_str(doc, "merged_value"), yyjson_val_mut_copy(doc, merged));
    put_text(doc, root, "resolved_by", making->command->identity->user_id);
    put_time(doc, making->arena, root, "resolved_at", making->hub->wall_ms);
    yyjson_mut_obj_put(root, yyjson_mut_str(doc, "resolved_version"), yyjson_mut_uint(doc, version));
}

/* version 0: only refreshed. */
static void put_object(struct settling *settling, struct store_request *request, uint64_t version)
{
    struct making *making = settling->making;
    yyjson_mut_doc *doc = yyjson_mut_doc_new(NULL);
    yyjson_mut_val *root = yyjson_val_mut_copy(doc, settling->body.root);
    struct object object = *settling->object;
    struct buf text = BUF_EMPTY;

    if (version > 0)
        put_resolution(doc, root, settling, version);
    else
        settling_put_news(settling, doc, root);
    put_time(doc, making->arena, root, "updated_at", making->hub->wall_ms);
    json_append_mut(&text, root);
    yyjson_mut_doc_free(doc);
    object.id = arena_copy(&request->arena, object.id);
    object.room = arena_copy(&request->arena, object.room);
    object.owner = arena_copy(&request->arena, object.owner);
    object.state = version > 0 ? SPAN("resolved") : SPAN("open");
    object.revision++;
    object.body = arena_copy(&request->arena, buf_span(&text));
    buf_deinit(&text);
    show(settling, arena_copy(making->arena, object.body));
    announce_object(making, request, &object, object.body, version > 0 ? OBJECT_RESOLVE : OBJECT_EDIT, settling->shown,
                    SPAN_EMPTY);
}

/* ---- settled ------------------------------------------------------------------------------------------------------ */

/* The change that settles it, if one is needed; false: it cannot be. */
static bool apply(struct settling *settling, struct change *change)
{
    struct making *making = settling->making;
    struct span field = SPAN_EMPTY;
    enum err err;

    if (settling->resolution == RESOLUTION_REMOTE)
        return true;
    if (!making->present->exists) {
        making_refuse(making, ERR_NOT_FOUND, SPAN_EMPTY);
        return false;
    }
    if (!(settling->resolution == RESOLUTION_LOCAL ? settling_make_local(settling, change)
                                                   : settling_make_merged(settling, change)))
        return false;
    if ((err = making_authorise_ops(making, change, &field)) != OK) {
        making_refuse(making, err, field);
        return false;
    }
    change->id = making->command->object.id;
    change->resolves = settling->object->id;
    change->metadata = settling->local.metadata;
    making->plan->request = plan_apply(making, change);
    return making->plan->err == OK && making->plan->need == NULL && !making->plan->waits;
}

static void settle(struct settling *settling)
{
    struct making *making = settling->making;
    struct record_plan *plan = making->plan;
    struct change change = {.kind = CHANGE_UPDATE};
    uint64_t version = making->present->version;

    if (!apply(settling, &change))
        return;
    if (plan->request == NULL)
        plan->request = making_commit(making);
    else
        version = plan->request->commit.version;
    put_object(settling, plan->request, version);
    plan_keep_answer(plan->request, plan->changes || making->present->exists ? version : 0, &plan->outcome);
}

static void refresh(struct settling *settling)
{
    struct making *making = settling->making;

    if (!settling_read_news(settling))
        return;
    making->plan->request = making_commit(making);
    making->plan->request->commit.op_id = SPAN_EMPTY; /* it is not done: the same may be sent again */
    put_object(settling, making->plan->request, 0);
    making->plan->outcome.err = ERR_CONFLICT;
}

static void decide(struct settling *settling)
{
    struct making *making = settling->making;
    enum err err;

    if ((err = json_parse(&settling->body, settling->object->body, &record_json_limits)) != OK ||
        (err = read_local(settling)) != OK || (err = read_state(settling)) != OK ||
        (err = read_places(settling)) != OK || (err = check(settling)) != OK) {
        making_refuse(making, err, making->plan->field);
        return;
    }
    if (has_changed(settling))
        refresh(settling);
    else
        settle(settling);
}

void plan_resolve(struct making *making)
{
    const struct command *command = making->command;
    struct settling settling = {.making = making};

    if (command->object.object_id.len == 0) {
        making_refuse(making, ERR_MISSING_FIELD, SPAN("id"));
        return;
    }
    settling.object = making_object(making, OBJECT_CONFLICT, command->object.object_id);
    if (settling.object == NULL || making_waits(making))
        return;
    if (settling.object->revision == 0 || !span_equal(settling.object->room, command->room)) {
        making_refuse(making, ERR_NOT_FOUND, SPAN_EMPTY);
        return;
    }
    decide(&settling);
    json_deinit(&settling.body);
    json_deinit(&settling.state);
    json_deinit(&settling.input);
}

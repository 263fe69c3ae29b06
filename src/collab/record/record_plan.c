#include "collab/record/record_plan.h"

#include "collab/type/access.h"
#include "collab/record/record_lock.h"
#include "collab/record/record_making.h"

const struct json_limits record_json_limits = {16 * 1024 * 1024, 128, 1024 * 1024};

/* ---- who may ------------------------------------------------------------------------------------------------------ */

static enum verb verb_of(enum change_kind kind)
{
    if (kind == CHANGE_CREATE)
        return VERB_CREATE;
    return kind == CHANGE_DELETE ? VERB_DELETE : VERB_UPDATE;
}

/* The dialects check this while they read the message; but it is the record's home that answers for it. What a new record gets
 * beyond what was sent (its defaults) is none of the sender's doing, so of a create only the verb is asked. */
static enum err authorise_ops(const struct access *access, const struct type *type, const struct change *change,
                              struct span *field)
{
    const uint64_t readable = access_readable(access, type);
    const uint64_t writable = access_writable(access, type);

    for (uint32_t i = 0; i < change->op_count; i++) {
        const struct op *op = &change->ops[i];
        const uint64_t allowed = op->kind == OP_TEST ? readable : writable;
        const struct field *named;

        *field = op->path.depth > 0 ? op->path.steps[0] : SPAN_EMPTY;
        if (op->path.depth == 0)
            return ERR_BAD_PATH;
        if (!(named = type_field(type, op->path.steps[0])))
            return ERR_UNKNOWN_FIELD;
        if (!((allowed >> named->index) & 1))
            return access_field_error(access, type, ERR_FORBIDDEN, *field);
    }
    *field = SPAN_EMPTY;
    return OK;
}

static enum err authorise_change(const struct access *access, const struct type *type, const struct change *change,
                                 struct span *field)
{
    if (!access_allows(access, type, verb_of(change->kind)))
        return ERR_FORBIDDEN;
    return change->kind == CHANGE_CREATE ? OK : authorise_ops(access, type, change, field);
}

static enum err authorise_action(const struct access *access, const struct type *type, const struct command *command,
                                 struct span *field)
{
    const struct action *action = type_action(type, command->action.name);

    *field = SPAN("action");
    if (action == NULL)
        return ERR_UNKNOWN_ACTION;
    if (!access_allows_action(access, type, action))
        return ERR_FORBIDDEN;
    *field = SPAN_EMPTY; /* whatever is wrong from here on, it is not the action's name */
    return OK;
}

/* What is only announced has no past, and nothing that could be in conflict. */
static bool needs_past(const struct command *command)
{
    return command->kind == COMMAND_UNDO || command->kind == COMMAND_RESTORE ||
           (command->kind == COMMAND_OBJECT && command->object.kind == OBJECT_CONFLICT);
}

static enum err authorise(const struct command *command, const struct type *type, struct span *field)
{
    const struct access *access;

    if (command->identity == NULL) /* the server itself */
        return OK;
    access = command->identity->access;
    if (command->kind == COMMAND_CHANGE)
        return authorise_change(access, type, command->change, field);
    if (command->kind == COMMAND_ACTION)
        return authorise_action(access, type, command, field);
    if (needs_past(command) && type->write_mode == WRITE_BROADCAST)
        return ERR_UNSUPPORTED;
    return access_allows(access, type, VERB_UPDATE) ? OK : ERR_FORBIDDEN;
}

enum err record_plan_authorise(const struct hub *hub, const struct command *command, struct span *field)
{
    struct span id;
    const struct type *type = type_of_room(hub->registry, command->room, &id);

    *field = SPAN_EMPTY;
    if (type == NULL)
        return ERR_NOT_FOUND;
    if (!record_id_is_valid(id))
        return ERR_BAD_NAME;
    return authorise(command, type, field);
}

/* Who may do everything may also bring back what clients cannot write. */
enum err making_authorise_ops(const struct making *making, const struct change *change, struct span *field)
{
    const struct access *access = making->command->identity->access;
    enum err err;

    if (!access_allows(access, making->type, verb_of(change->kind)))
        return ERR_FORBIDDEN;
    if (access_is_admin(access) || change->kind == CHANGE_CREATE)
        return OK;
    if ((err = authorise_ops(access, making->type, change, field)) != ERR_UNKNOWN_FIELD)
        return err;
    *field = SPAN_EMPTY; /* the past named it, not he: he does not learn that it is there */
    return ERR_FORBIDDEN;
}

/* ---- for all who make plans --------------------------------------------------------------------------------------- */

void making_refuse(struct making *making, enum err err, struct span field)
{
    making->plan->err = err;
    making->plan->field = field.len > 0 ? arena_copy(making->arena, field) : SPAN_EMPTY;
}

uint64_t making_shown(const struct making *making, const struct path *path)
{
    const struct field *field;

    if (path->depth == 0)
        return UINT64_MAX >> (64 - making->type->field_count);
    field = type_field(making->type, path->steps[0]);
    return field ? (uint64_t)1 << field->index : 0;
}

bool making_waits(struct making *making)
{
    making->plan->waits = making->record->commit_count > 0 || making->record->lock_count > 0;
    return making->plan->waits;
}

enum err making_check_version(const struct making *making, uint64_t base_version, bool must_match)
{
    if (must_match && base_version != making->present->version)
        return ERR_PRECONDITION;
    return base_version > making->present->version ? ERR_BAD_VERSION : OK;
}

static struct store_request *commit_new(const struct hub *hub, const struct command *command, const struct type *type,
                                        struct span id)
{
    struct store_request *request = store_request_new(STORE_COMMIT);

    request->type = type;
    request->room = arena_copy(&request->arena, command->room);
    request->entity_id = arena_copy(&request->arena, id);
    if (command->identity)
        request->commit.user_id = arena_copy(&request->arena, command->identity->user_id);
    request->commit.time_ms = hub->wall_ms;
    return request;
}

struct store_request *making_commit(const struct making *making)
{
    struct store_request *request = commit_new(making->hub, making->command, making->type, making->id);

    plan_set_op(request, making->command, making->hash);
    return request;
}

struct store_request *plan_keep_id(struct hub *hub, const struct command *command, uint64_t hash, uint64_t version,
                                   const struct record_outcome *outcome)
{
    struct span id;
    const struct type *type = type_of_room(hub->registry, command->room, &id);
    struct store_request *request = commit_new(hub, command, type, id);

    plan_set_op(request, command, hash);
    plan_keep_answer(request, version, outcome);
    return request;
}

/* ---- the plan ----------------------------------------------------------------------------------------------------- */

/* What a record of a type is that only announces its changes: nobody knows, so they are made to nothing. */
static const struct snapshot nothing = {.state = {(char *)(uintptr_t) "{}", 2, 0}, .exists = true};

static void make(struct making *making)
{
    switch (making->command->kind) {
    case COMMAND_CHANGE: plan_change(making); break;
    case COMMAND_ACTION: plan_action(making); break;
    case COMMAND_UNDO: plan_undo(making); break;
    case COMMAND_RESTORE: plan_restore(making); break;
    default:
        if (making->command->object.kind == OBJECT_LOCK)
            plan_lock(making);
        else
            plan_resolve(making);
    }
}

/* Part of it was made before it was known that it cannot be, or not yet. */
static void drop_what_is_not_to_be(struct record_plan *plan)
{
    if (plan->err == OK && plan->need == NULL && !plan->waits && !plan->sweeps)
        return;
    store_request_free(plan->request);
    buf_deinit(&plan->after.state);
    plan->request = NULL;
    plan->changes = plan->locks = false;
}

void record_plan_make(struct record *record, struct command *command, uint64_t hash, const struct record_reads *reads,
                      struct record_plan *plan)
{
    struct making making = {.hub = record->hub,
                            .record = record,
                            .present = record_present(record),
                            .command = command,
                            .arena = &command->arena,
                            .hash = hash,
                            .reads = reads,
                            .plan = plan};

    *plan = (struct record_plan){0};
    if ((plan->err = record_plan_authorise(record->hub, command, &plan->field)) != OK) {
        if (command->identity == NULL)
            record_locks_put_off(record, command->session);
        return; /* a reload may have come meanwhile */
    }
    making.type = type_of_room(record->hub->registry, command->room, &making.id);
    if (making.type->write_mode == WRITE_BROADCAST)
        making.present = &nothing;
    make(&making);
    drop_what_is_not_to_be(plan);
}

void record_plan_deinit(struct record_plan *plan)
{
    store_request_free(plan->need);
    store_request_free(plan->request);
    buf_deinit(&plan->after.state);
}

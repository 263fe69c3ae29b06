/* What people are told in their inboxes of what happens to a record; and whom a change concerns: who is made responsible for the record hears of
 * it. The fields that say who hold usernames; the store is only asked when one of them really becomes another. */
#include "collab/record/record_making.h"

/* ---- telling ------------------------------------------------------------------------------------------------------ */

struct notice making_notice(const struct making *making, struct span type, struct span state, uint64_t shown)
{
    struct notice notice =
        notice_about(making->arena, making->command->identity, type, making->type, making->id, state);

    notice.shown = shown;
    return notice;
}

void making_tell(struct making *making, struct store_request *request, const struct notice *notice, struct span user_id)
{
    struct store_request *need = making->plan->need;
    const struct object *preferences = making_object(making, OBJECT_PREFERENCES, user_id);

    if (preferences == NULL) { /* what is decided is decided */
        store_request_free(making->plan->need);
        making->plan->need = need;
    }
    (void)notice_add(making->hub, request, notice, user_id, preferences ? preferences->body : SPAN_EMPTY);
}

/* ---- who becomes responsible -------------------------------------------------------------------------------------- */

enum { RESPONSIBLE_COUNT = 4 };
static const struct span responsible[RESPONSIBLE_COUNT] = {SPAN_INIT("assigned_to"), SPAN_INIT("assignee"),
                                                           SPAN_INIT("owner"), SPAN_INIT("manager")};

static bool names_responsible(const struct op *op, struct span name)
{
    return op->path.depth == 1 && op->kind == OP_SET && span_equal(op->path.steps[0], name);
}

/* The operation that says who it is in the end; NULL: none. */
static const struct op *assignment(const struct making *making, const struct change *change, unsigned which)
{
    const struct field *field = NULL;
    const struct op *last = NULL;

    for (uint32_t i = 0; i < change->op_count; i++)
        if (names_responsible(&change->ops[i], responsible[which]))
            last = &change->ops[i];
    if (last)
        field = type_field(making->type, responsible[which]);
    return field && field->kind == FIELD_STRING && !span_equal(last->before, last->after) ? last : NULL;
}

/* The name that it puts there; empty: it is nobody else's business. */
static struct span assigned_name(const struct making *making, const struct op *op)
{
    struct json json = {0};
    struct span name = SPAN_EMPTY;

    if (op->after.len == 0 || json_parse(&json, op->after, &json_limits_default) != OK)
        return SPAN_EMPTY;
    if (!span_equal_nocase(json_text(json.root), making->command->identity->username))
        name = arena_copy(making->arena, json_text(json.root));
    json_deinit(&json);
    return name;
}

/* False: it is being read. */
static bool find_assignee(struct making *making, const struct op *op, struct span *user_id)
{
    const struct span name = op ? assigned_name(making, op) : SPAN_EMPTY;

    *user_id = SPAN_EMPTY;
    if (name.len == 0)
        return true;
    if (!making_find_user(making, name, user_id))
        return false;
    return user_id->len == 0 || making_object(making, OBJECT_PREFERENCES, *user_id) != NULL;
}

static bool may_assign(const struct making *making, const struct change *change)
{
    return type_is_stored(making->type) && change->kind != CHANGE_DELETE;
}

bool plan_find_assignees(struct making *making, const struct change *change)
{
    struct span user_id;

    for (unsigned i = 0; i < RESPONSIBLE_COUNT && may_assign(making, change); i++)
        if (!find_assignee(making, assignment(making, change, i), &user_id))
            return false;
    return true;
}

static void notify(struct making *making, struct store_request *request, const struct op *op, struct span user_id)
{
    const struct field *field = type_field(making->type, op->path.steps[0]);
    struct notice notice =
        making_notice(making, SPAN("assignment"), buf_span(&making->plan->after.state), (uint64_t)1 << field->index);

    notice.title = arena_printf(making->arena, "Assigned to you: %.*s", SPAN_ARG(notice.record));
    notice.message = arena_printf(making->arena, "%.*s put your name in \"%.*s\".", SPAN_ARG(notice.from_name),
                                  SPAN_ARG(field->title));
    making_tell(making, request, &notice, user_id);
}

void plan_notify_assignees(struct making *making, struct store_request *request, const struct change *change)
{
    struct span user_id;

    for (unsigned i = 0; i < RESPONSIBLE_COUNT && may_assign(making, change); i++) {
        const struct op *op = assignment(making, change, i);

        if (find_assignee(making, op, &user_id) && user_id.len > 0)
            notify(making, request, op, user_id);
    }
}

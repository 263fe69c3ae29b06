/* Whom a change concerns: who is made responsible for a record hears of it in his inbox. The fields that say who hold usernames;
 * the store is only asked when one of them really becomes another. */
#include "collab/keep/keep.h"
#include "collab/record/record_making.h"

enum { RESPONSIBLE_COUNT = 3 };
static const struct span responsible[RESPONSIBLE_COUNT] = {SPAN_INIT("assigned_to"), SPAN_INIT("assignee"),
                                                           SPAN_INIT("owner")};

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
    return making->type->write_mode == WRITE_AUTHORITATIVE && change->kind != CHANGE_DELETE;
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
    const struct identity *identity = making->command->identity;
    const struct object *preferences = making_object(making, OBJECT_PREFERENCES, user_id);
    const struct field *field = type_field(making->type, op->path.steps[0]);
    const struct span label = keep_label(making->arena, making->type, buf_span(&making->plan->after.state));
    const struct span name = label.len > 0 ? label : making->id;
    struct notice notice = {.user_id = user_id,
                            .type = SPAN("assignment"),
                            .about = making->type,
                            .entity_id = making->id,
                            .entity_name = name,
                            .from_user_id = identity->user_id,
                            .from_username = identity->username,
                            .from_name = identity->name,
                            .shown = (uint64_t)1 << field->index};

    notice.title = arena_printf(making->arena, "Assigned to you: %.*s", SPAN_ARG(name));
    notice.message = arena_printf(making->arena, "%.*s put your name in \"%.*s\".", SPAN_ARG(identity->name),
                                  SPAN_ARG(field->title));
    (void)notice_add(making->hub, request, &notice, preferences->body);
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

/* A conflict is opened: nothing of the change is done, both values are kept, and those whose work it is hear of it. */
#include "collab/keep/keep.h"
#include "collab/change/reconcile.h"
#include "collab/record/record_making.h"
#include "collab/change/transform.h"

#include <assert.h>

enum {
    REMOTE_BYTES_MAX = 16 * 1024, /* of one change that is shown */
    LOCAL_BYTES_MAX = 64 * 1024,  /* of the values shown beside the parked one's own */
    AUTHORS_MAX = CHANGE_OPS_MAX, /* each operation may stand against somebody else's */
};

/* What is being put together. */
struct opening {
    struct making *making;
    struct change local; /* as it was sent */
    const struct tail_changes *since;
    const struct reconciled *reconciled;
    uint64_t shown;
    uint32_t remote_count;
    uint32_t remotes[CONFLICT_REMOTE_MAX]; /* indexes in since */
    uint32_t author_count;
    struct span authors[AUTHORS_MAX + 1]; /* of the remote changes, then his own id */
};

/* ---- what clashes ------------------------------------------------------------------------------------------------- */

static const struct path *clash_path(const struct opening *opening, uint32_t clash)
{
    const uint32_t op = opening->reconciled->clashes[clash].op;
    static const struct path whole = {0};

    return op < opening->local.op_count ? &opening->local.ops[op].path : &whole;
}

/* Of several operations on one place the last one says what was wanted. */
static bool is_said_again(const struct opening *opening, uint32_t clash)
{
    for (uint32_t i = clash + 1; i < opening->reconciled->clash_count; i++)
        if (path_relation(clash_path(opening, clash), clash_path(opening, i)) == RELATION_SAME)
            return true;
    return false;
}

/* An operation that nobody stands against shows what was there when it was made and what it makes of it, too. Not an edit of a text, which
 * says it itself; and only so much, for each of many may be about the same large value. */
static void show_values(struct op *op, const struct op *tried, size_t *budget)
{
    const size_t len = tried->before.len + tried->after.len;

    op->before = op->after = SPAN_EMPTY;
    if (op->kind == OP_TXT || len > *budget)
        return;
    *budget -= len;
    op->before = tried->before;
    op->after = tried->after;
}

/* The operations as they were sent, with what is known of the values at their places. */
static void set_local(struct opening *opening, const struct change *change)
{
    struct making *making = opening->making;
    const struct change *sent = making->command->change;
    struct change *local = &opening->local;
    size_t budget = LOCAL_BYTES_MAX;

    *local = *change;
    local->op_count = sent->op_count;
    local->ops = arena_alloc(making->arena, sent->op_count * sizeof(*local->ops));
    local->has_strategy = sent->has_strategy;
    local->strategy = sent->strategy;
    local->verdict = VERDICT_CONFLICT;
    for (uint32_t i = 0; i < sent->op_count; i++) {
        local->ops[i] = sent->ops[i];
        show_values(&local->ops[i], &change->ops[i], &budget);
    }
    for (uint32_t i = 0; i < opening->reconciled->clash_count; i++) {
        const struct clash *clash = &opening->reconciled->clashes[i];

        if (clash->op >= local->op_count)
            continue;
        local->ops[clash->op].before = clash->base;
        local->ops[clash->op].after = clash->mine;
    }
}

static void add_remote(struct opening *opening, uint32_t since)
{
    for (uint32_t i = 0; i < opening->remote_count; i++)
        if (opening->remotes[i] == since)
            return;
    if (opening->remote_count < CONFLICT_REMOTE_MAX)
        opening->remotes[opening->remote_count++] = since;
}

static void add_author(struct opening *opening, struct span user_id, uint32_t count_max)
{
    for (uint32_t i = 0; i < opening->author_count; i++)
        if (span_equal(opening->authors[i], user_id))
            return;
    if (user_id.len > 0 && opening->author_count < count_max)
        opening->authors[opening->author_count++] = user_id;
}

static void look_at_clashes(struct opening *opening)
{
    for (uint32_t i = opening->reconciled->clash_count; i-- > 0;) {
        const struct clash *clash = &opening->reconciled->clashes[i];

        opening->shown |= making_shown(opening->making, clash_path(opening, i));
        if (clash->since >= opening->since->count)
            continue;
        add_remote(opening, clash->since);
        add_author(opening, opening->since->items[clash->since]->user_id, AUTHORS_MAX);
    }
}

/* ---- its body ----------------------------------------------------------------------------------------------------- */

void conflict_print_change(struct buf *out, const struct change *change)
{
    const size_t start = out->len;
    struct change head = *change;

    change_print(out, change);
    if (out->len - start <= REMOTE_BYTES_MAX)
        return;
    out->len = start;
    head.op_count = head.superseded_count = 0;
    head.metadata = SPAN_EMPTY;
    change_print(out, &head);
}

static void print_remotes(struct buf *out, const struct opening *opening)
{
    json_append_key(out, "remote");
    buf_append_char(out, '[');
    for (uint32_t i = opening->remote_count; i-- > 0;) {
        conflict_print_change(out, opening->since->items[opening->remotes[i]]);
        if (i > 0)
            buf_append_char(out, ',');
    }
    buf_append_char(out, ']');
}

static void print_field(struct buf *out, const struct path *path, const struct clash *clash)
{
    struct buf text = BUF_EMPTY;

    path_append(&text, path);
    buf_append_char(out, '{');
    json_member_string(out, "path", buf_span(&text));
    json_member_raw(out, "base", clash->base);
    json_member_raw(out, "mine", clash->mine);
    json_member_raw(out, "theirs", clash->theirs);
    buf_append_char(out, '}');
    buf_deinit(&text);
}

static void print_fields(struct buf *out, const struct opening *opening)
{
    bool is_first = true;

    json_append_key(out, "fields");
    buf_append_char(out, '[');
    for (uint32_t i = 0; i < opening->reconciled->clash_count; i++) {
        if (is_said_again(opening, i))
            continue;
        if (!is_first)
            buf_append_char(out, ',');
        is_first = false;
        print_field(out, clash_path(opening, i), &opening->reconciled->clashes[i]);
    }
    buf_append_char(out, ']');
}

static void print_body(struct buf *out, const struct opening *opening, const struct object *object)
{
    const struct making *making = opening->making;
    const struct identity *identity = making->command->identity;
    const struct object_head head = {.kind = OBJECT_CONFLICT,
                                     .id = object->id,
                                     .time_ms = object->time_ms,
                                     .user_id = identity->user_id,
                                     .username = identity->username,
                                     .name = identity->name,
                                     .type = making->type,
                                     .entity_id = making->id,
                                     .entity_name =
                                         keep_label(making->arena, making->type, buf_span(&making->present->state))};

    keep_open_body(out, &head);
    json_member_string(out, "state", SPAN("open"));
    json_append_key(out, "local");
    change_print(out, &opening->local);
    print_remotes(out, opening);
    print_fields(out, opening);
    json_member_u64(out, "base_version", opening->local.base_version);
    json_member_u64(out, "current_version", making->present->version);
    json_member_raw(out, "assigned_to", SPAN_EMPTY);
    buf_append_char(out, '}');
}

/* ---- who hears of it ---------------------------------------------------------------------------------------------- */

/* He whose change waits is told who stood in its way: whoever made the newest of the others. */
static void tell_sender(struct opening *opening, struct store_request *request, struct notice notice)
{
    const struct span user_id = notice.from_user_id;
    const struct change *other =
        opening->remote_count > 0 ? opening->since->items[opening->remotes[0]] : &(const struct change){0};

    notice.from_user_id = other->user_id;
    notice.from_username = other->username;
    notice.from_name = SPAN_EMPTY; /* a change does not say it */
    notice.message = SPAN("Somebody else changed it meanwhile: your change waits for a decision.");
    making_tell(opening->making, request, &notice, user_id);
}

static void tell_authors(struct opening *opening, struct store_request *request, struct span id)
{
    struct making *making = opening->making;
    struct notice notice = making_notice(making, SPAN("conflict"), buf_span(&making->present->state), opening->shown);

    notice.priority = SPAN("high");
    notice.title = arena_printf(making->arena, "Conflicting changes: %.*s", SPAN_ARG(notice.record));
    notice.message = SPAN("A change that does not go together with yours waits for a decision.");
    notice.data = notice_data(making->arena, "conflict_id", id, SPAN_EMPTY);
    for (uint32_t i = 0; i < opening->author_count; i++)
        making_tell(making, request, &notice, opening->authors[i]); /* but not to himself */
    tell_sender(opening, request, notice);
}

static void commit(struct opening *opening)
{
    struct making *making = opening->making;
    struct record_plan *plan = making->plan;
    struct store_request *request = making_commit(making);
    struct arena *arena = &request->arena;
    struct object object = {.kind = OBJECT_CONFLICT,
                            .room = arena_copy(arena, making->command->room),
                            .state = SPAN("open"),
                            .time_ms = making->hub->wall_ms,
                            .revision = 1};
    struct buf body = BUF_EMPTY;

    object.id = arena_printf(arena, "CF-%.*s", SPAN_ARG(hub_new_event_id(making->hub, making->arena)));
    print_body(&body, opening, &object);
    object.body = arena_copy(arena, buf_span(&body));
    buf_deinit(&body);
    announce_object(making, request, &object, object.body, OBJECT_ADD, opening->shown, SPAN_EMPTY);
    tell_authors(opening, request, object.id);
    plan->outcome.has_object = true;
    plan->outcome.object_kind = OBJECT_CONFLICT;
    plan->outcome.object_id = arena_copy(making->arena, object.id);
    plan->outcome.object_shown = opening->shown;
    plan_keep_answer(request, making->present->version, &plan->outcome);
    plan->request = request;
}

/* The store would not refuse it when the changes that it stands against fail, so these have to be certain. */
void plan_conflict(struct making *making, const struct change *change, const struct tail_changes *since,
                   const struct reconciled *reconciled)
{
    struct opening opening = {.making = making, .since = since, .reconciled = reconciled};

    if (making_waits(making))
        return;
    set_local(&opening, change);
    look_at_clashes(&opening);
    add_author(&opening, making->command->identity->user_id, AUTHORS_MAX + 1);
    if (making_read_objects(making, OBJECT_PREFERENCES, opening.authors, opening.author_count))
        commit(&opening);
}

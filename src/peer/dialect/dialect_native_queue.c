/* A client that was away sends what it has queued in one `sync`: the changes go to the record one after the other, each with its own
 * verdict, and when the last one is answered the record is looked at: what it is then, and all verdicts, are one answer. */
#include "base/limits.h"
#include "peer/dialect/dialect_native_hear.h"

/* One message is one error, however many of its changes are. */
static void count_error(struct session *session, struct gathering *gathering, enum err err)
{
    if (!gathering->has_failed)
        session_count_error(session, err);
    gathering->has_failed = true;
}

/* A change that was refused is told so in its place; those after it are tried all the same. */
static void refuse(struct session *session, struct gathering *gathering, uint32_t place, struct span id, enum err err,
                   struct span field)
{
    const struct native_failure failure = {.err = err, .field = field, .is_verdict = true};
    native_write_result_error(&gathering->parts[place], id, &failure);
    gathering->due--;
    count_error(session, gathering, err);
}

/* The record as it is after all of them. Whatever becomes of this, it is answered: the place for it was taken first. */
static void finish(struct session *session, struct gathering *gathering, struct span room)
{
    struct command *command;
    enum err err = session_command(session, COMMAND_LOOK, room, gathering->tag, true, &command);
    if (err) { /* it was in order when the changes were */
        session_end(session, err);
        return;
    }
    command->look.wants_record = true;
    session_send(session, command);
}

/* A queue on its way to its record. */
struct queue {
    struct session *session;
    struct gathering *gathering;
    const struct type *type;
    struct span id, room;
    struct span
        source; /* of all changes that name none: what one of them did is nothing that another one has to give way to */
    struct arena *arena;
};

static enum err send_change(const struct queue *queue, uint32_t place, yyjson_val *object, struct span *field)
{
    struct session *session = queue->session;
    struct command *command;
    struct span key = json_get_text(object, "id");
    enum err err = session_command(session, COMMAND_CHANGE, queue->room, 0, true, &command);
    if (err)
        return err;
    if ((err = native_read_change(session, queue->type, queue->id, object, command, queue->arena, field)) ||
        (err = dialogue_gather(session, NATIVE_QUEUED, key, queue->gathering, place, &command->tag))) {
        command_free(command);
        return err;
    }
    command->change->id = arena_copy(&command->arena, key);
    if (command->change->source.len == 0)
        command->change->source = arena_copy(&command->arena, queue->source);
    session_send(session, command);
    return OK;
}

static void send_all(const struct queue *queue, yyjson_val *changes)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(changes);
    yyjson_val *change;
    for (uint32_t place = 0; (change = yyjson_arr_iter_next(&iter)) && !queue->session->is_closing; place++) {
        struct span field = SPAN_EMPTY;
        enum err err = send_change(queue, place, change, &field);
        if (err)
            refuse(queue->session, queue->gathering, place, json_get_text(change, "id"), err, field);
    }
    if (--queue->gathering->due == 0)
        finish(queue->session, queue->gathering, queue->room);
}

static enum err check(struct native_hearing *hearing, yyjson_val *changes)
{
    yyjson_arr_iter iter = yyjson_arr_iter_with(changes);
    yyjson_val *change;
    struct span key;
    hearing->field = SPAN("messageId");
    if (!hearing->message.has_id)
        return ERR_MISSING_FIELD;
    hearing->field = SPAN("changes");
    if (!yyjson_is_arr(changes))
        return ERR_BAD_FIELD;
    if (yyjson_arr_size(changes) > LIMIT_QUEUE_CHANGES)
        return ERR_TOO_LARGE;
    while ((change = yyjson_arr_iter_next(&iter))) {
        if (!yyjson_is_obj(change))
            return ERR_BAD_FIELD;
        enum err err = native_key(hearing, change, &key);
        if (err)
            return err;
    }
    hearing->field = SPAN_EMPTY;
    return OK;
}

enum err native_hear_queue(struct native_hearing *hearing, const struct type *type, struct span id, struct span room,
                           yyjson_val *changes)
{
    struct queue queue = {hearing->session, NULL, type, id, room, SPAN_EMPTY, hearing->arena};
    enum err err = check(hearing, changes);
    if (err || (err = native_text(hearing, "source", "clientId", &queue.source)))
        return err;
    queue.gathering = gathering_new((uint32_t)yyjson_arr_size(changes));
    queue.gathering->due = queue.gathering->count + 1; /* one for us: some may be answered while others are sent */
    if (!(err = dialogue_gather(queue.session, NATIVE_SYNC, hearing->message.id, queue.gathering, 0,
                                &queue.gathering->tag))) {
        if (queue.source.len == 0)
            queue.source = arena_printf(queue.arena, "sync-%llx-%llx", (unsigned long long)queue.session->id,
                                        (unsigned long long)queue.gathering->tag);
        send_all(&queue, changes);
    }
    gathering_unref(queue.gathering);
    return err;
}

/* Too many are refused as one message, whatever they are. */
uint32_t native_queue_count(const struct native_hearing *hearing)
{
    size_t count = yyjson_arr_size(json_get(hearing->payload, "changes"));
    return count == 0 || count > LIMIT_QUEUE_CHANGES ? 1 : (uint32_t)count;
}

void native_queue_answer(struct session *session, struct waiting *waiting, const struct answer *answer, uint64_t mask)
{
    struct gathering *gathering = waiting->gathering;
    struct buf *part = &gathering->parts[waiting->place];
    if (answer->err && answer->err != ERR_RESYNC) {
        const struct native_failure failure = native_failure_of(answer, NATIVE_QUEUED);
        native_write_result_error(part, waiting_id(waiting), &failure);
        count_error(session, gathering, answer->err);
    } else {
        native_write_result(part, answer, mask);
    }
    if (--gathering->due == 0)
        finish(session, gathering, answer->room);
    waiting_free(waiting);
}

#include "peer/record_past.h"

#include "collab/change/undo.h"

enum err record_past_read(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                          const struct record_moment *moment, struct list_row *out)
{
    switch (moment->when) {
    case RECORD_AT_VERSION: return store_record_at(reader, arena, type, id, moment->version, out);
    case RECORD_AT_TIME: return store_record_at_time(reader, arena, type, id, moment->time_ms, out);
    case RECORD_NOW: break;
    }
    return store_record(reader, arena, type, id, out);
}

static enum err read_state(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                           uint64_t version, struct span *state)
{
    struct list_row row = {0};
    enum err err = version ? store_record_at(reader, arena, type, id, version, &row) : OK;
    *state = row.state.len && err == OK ? row.state : SPAN("{}");
    return err == ERR_NOT_FOUND ? OK : err;
}

enum err record_past_compare(struct store_reader *reader, struct arena *arena, const struct type *type, struct span id,
                             struct record_difference *difference)
{
    struct change *change = &difference->change;
    struct span from, to;
    struct buf after = BUF_EMPTY;
    enum err err;
    if ((err = read_state(reader, arena, type, id, difference->from, &from)) ||
        (err = read_state(reader, arena, type, id, difference->to, &to)))
        return err;
    *change = (struct change){.kind = CHANGE_UPDATE};
    err = change_between(arena, type, from, to, &change->ops, &change->op_count);
    if (err == OK) /* for the values before and after */
        err = change_apply(arena, NULL, from, SIZE_MAX, change, &after);
    buf_deinit(&after);
    return err;
}

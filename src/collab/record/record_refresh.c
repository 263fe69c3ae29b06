/* A conflict that cannot be settled as it was shown, because somebody wrote there once more: it is brought up to date, and shown anew. */
#include "collab/change/transform.h"
#include "collab/record/record_settling.h"

bool settling_read_news(struct settling *settling)
{
    const uint64_t version = yyjson_get_uint(json_get(settling->body.root, "current_version"));
    bool is_complete; /* what is gone from the history is not shown: the values are those of the present state */

    return making_changes_since(settling->making, version, 0, &settling->news, &is_complete);
}

/* ---- the values --------------------------------------------------------------------------------------------------- */

static void put_theirs(const struct settling *settling, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *field;
    yyjson_mut_arr_iter iter;
    uint32_t i = 0;

    yyjson_mut_arr_iter_init(yyjson_mut_obj_get(root, "fields"), &iter);
    while ((field = yyjson_mut_arr_iter_next(&iter))) {
        yyjson_val *now = settling->places[i++].now;

        yyjson_mut_obj_put(field, yyjson_mut_str(doc, "theirs"),
                           now ? yyjson_val_mut_copy(doc, now) : yyjson_mut_null(doc));
    }
}

/* ---- the changes -------------------------------------------------------------------------------------------------- */

static bool touches(const struct change *change, const struct path *path)
{
    for (uint32_t i = 0; i < change->op_count; i++)
        if (path_relation(&change->ops[i].path, path) != RELATION_APART)
            return true;
    return change->kind == CHANGE_CREATE || change->kind == CHANGE_DELETE;
}

static bool is_news(const struct settling *settling, const struct change *change)
{
    for (uint32_t i = 0; i < settling->place_count; i++)
        if (touches(change, &settling->places[i].path))
            return true;
    return false;
}

static void add_remote(yyjson_mut_doc *doc, yyjson_mut_val *remote, const struct change *change)
{
    struct buf text = BUF_EMPTY;
    struct json json = {0};

    conflict_print_change(&text, change);
    if (json_parse(&json, buf_span(&text), &record_json_limits) == OK)
        yyjson_mut_arr_append(remote, yyjson_val_mut_copy(doc, json.root)); /* the strings, too */
    json_deinit(&json);
    buf_deinit(&text);
}

static void put_remote(const struct settling *settling, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    yyjson_mut_val *remote = yyjson_mut_obj_get(root, "remote");

    for (uint32_t i = 0; i < settling->news.count; i++)
        if (is_news(settling, settling->news.items[i]))
            add_remote(doc, remote, settling->news.items[i]);
    while (yyjson_mut_arr_size(remote) > CONFLICT_REMOTE_MAX)
        yyjson_mut_arr_remove_first(remote);
}

void settling_put_news(const struct settling *settling, yyjson_mut_doc *doc, yyjson_mut_val *root)
{
    put_theirs(settling, doc, root);
    put_remote(settling, doc, root);
    yyjson_mut_obj_put(root, yyjson_mut_str(doc, "current_version"),
                       yyjson_mut_uint(doc, settling->making->present->version));
}

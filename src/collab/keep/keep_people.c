/* Who is meant: by an id or a username that a client lists, or by an @ in a text; and how they want to be told. */
#include "collab/keep/keep_job.h"

#include "base/utf8.h"

bool keep_people_have(const struct keep_people *people, struct span id)
{
    for (uint32_t i = 0; i < people->count; i++)
        if (span_equal(people->ids[i], id))
            return true;
    return false;
}

/* False: that would be one too many. */
static bool add(struct keep_people *people, struct span id)
{
    if (keep_people_have(people, id))
        return true;
    if (people->count == KEEP_PEOPLE_MAX)
        return false;
    people->ids[people->count++] = id;
    return true;
}

/* ---- listed ------------------------------------------------------------------------------------------------------- */

/* An id if there is an account with it, else a username. Nobody: empty, and so it is when that is not known yet. */
static struct span find(struct keep_job *job, struct span name, bool is_number)
{
    struct span by_id, by_name = SPAN_EMPTY;
    const bool is_known = keep_user(job, arena_printf(&job->arena, "#%.*s", SPAN_ARG(name)), &by_id);

    if (is_known && by_id.len > 0)
        return by_id;
    if (!is_number)
        (void)keep_user(job, name, &by_name);
    return by_name;
}

enum err keep_people_listed(struct keep_job *job, const char *key, bool are_given, struct keep_people *people)
{
    yyjson_val *list = json_get(job->input.root, key), *item;
    enum err err;
    size_t i, max;

    if (list == NULL || yyjson_is_null(list))
        return OK;
    if (!yyjson_is_arr(list) || yyjson_arr_size(list) > KEEP_PEOPLE_MAX)
        return keep_refuse(job, ERR_BAD_FIELD, key);
    yyjson_arr_foreach(list, i, max, item)
    {
        struct span name, id;

        if ((err = keep_input_id(job, item, key, &name)) != OK)
            return err;
        id = find(job, name, yyjson_is_uint(item));
        if (id.len == 0 && are_given && !keep_is_unknown(job)) /* somebody who is known by his token alone */
            id = name;
        if (id.len == 0 && !keep_is_unknown(job))
            return keep_refuse(job, ERR_UNKNOWN_USER, key);
        if (id.len > 0)
            (void)add(people, id); /* there are as many as the list has at most */
    }
    return OK;
}

/* ---- named in a text ---------------------------------------------------------------------------------------------- */

static bool is_word_byte(char byte)
{
    return (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') ||
           byte == '_' || byte == '-' || byte == '.' || (unsigned char)byte >= 0x80;
}

/* The next word that follows an @ which follows no word itself: the address a@b.com names nobody. A sentence may end with a name, so
 * its full stop is none of it. */
static bool next_name(struct span *rest, struct span *name)
{
    for (size_t at = 0; at < rest->len; at++) {
        size_t end = at + 1;

        if (rest->data[at] != '@' || (at > 0 && is_word_byte(rest->data[at - 1])))
            continue;
        while (end < rest->len && is_word_byte(rest->data[end]))
            end++;
        *name = span_slice(*rest, at + 1, end - at - 1);
        while (name->len > 0 && (name->data[name->len - 1] == '.' || name->data[name->len - 1] == '-'))
            name->len--;
        if (name->len == 0)
            continue;
        *rest = span_slice(*rest, end, rest->len);
        return true;
    }
    return false;
}

enum err keep_people_named(struct keep_job *job, struct span text, struct keep_people *people)
{
    struct keep_people words = {0}; /* each is looked for once, and not more than can be meant */
    struct span rest = text, name, id;

    while (next_name(&rest, &name)) {
        if (!add(&words, name))
            return keep_refuse(job, ERR_BAD_FIELD, "mentions");
        (void)keep_user(job, name, &id);
        if (id.len > 0 && !add(people, id))
            return keep_refuse(job, ERR_BAD_FIELD, "mentions");
    }
    return OK;
}

/* ---- telling them ------------------------------------------------------------------------------------------------- */

struct span keep_preferences_of(struct keep_job *job, struct span user_id)
{
    const struct object *preferences = keep_object(job, OBJECT_PREFERENCES, user_id);

    return preferences && preferences->revision > 0 ? preferences->body : SPAN_EMPTY;
}

struct notice keep_notice(struct keep_job *job, struct span type, struct span state)
{
    struct notice notice = notice_about(&job->arena, job->command->identity, type, job->type, job->entity_id, state);

    notice.shown = job->shown;
    return notice;
}

bool keep_tell(struct keep_job *job, const struct notice *notice, struct span user_id)
{
    return notice_add(job->hub, job->commit, notice, user_id, keep_preferences_of(job, user_id));
}

struct span keep_excerpt(struct arena *arena, struct span text, size_t characters_max)
{
    struct span rest = text;
    uint32_t codepoint;

    for (size_t count = 0; count < characters_max; count++)
        if (!utf8_next(&rest, &codepoint))
            return text;
    if (rest.len == 0)
        return text;
    return arena_printf(arena, "%.*s\xe2\x80\xa6", (int)(text.len - rest.len), text.data);
}

/* Reactions to comments: who reacted with which emoji. Everybody reacts for himself, with each once. */
#include "collab/keep/keep_comment.h"

#include "base/limits.h"

enum {
    EMOJI_BYTES_MAX = LIMIT_EMOJI_BYTES,
    EMOJIS_MAX = LIMIT_EMOJIS,      /* of a comment */
    REACTIONS_MAX = LIMIT_REACTIONS /* of all people with all of them */
};

static size_t count_reactions(yyjson_mut_val *reactions)
{
    size_t count = 0, i, max;
    yyjson_mut_val *key, *people;

    yyjson_mut_obj_foreach(reactions, i, max, key, people)
    {
        count += yyjson_mut_arr_size(people);
    }
    return count;
}

static bool find_person(yyjson_mut_val *people, struct span user_id, size_t *index)
{
    yyjson_mut_val *person;
    size_t i, max;

    yyjson_mut_arr_foreach(people, i, max, person)
    {
        if (yyjson_mut_equals_strn(person, user_id.data, user_id.len)) {
            *index = i;
            return true;
        }
    }
    return false;
}

static enum err add_reaction(struct keep_job *job, struct keep_edit *edit, yyjson_mut_val *reactions, struct span emoji)
{
    const struct span user_id = job->command->identity->user_id;
    yyjson_mut_val *people = yyjson_mut_obj_getn(reactions, emoji.data, emoji.len);

    if (count_reactions(reactions) >= REACTIONS_MAX || (people == NULL && yyjson_mut_obj_size(reactions) >= EMOJIS_MAX))
        return keep_refuse(job, ERR_TOO_MANY, "emoji");
    if (people == NULL) {
        people = yyjson_mut_arr(edit->doc);
        yyjson_mut_obj_add(reactions, yyjson_mut_strncpy(edit->doc, emoji.data, emoji.len), people);
    }
    yyjson_mut_arr_add_strncpy(edit->doc, people, user_id.data, user_id.len);
    return OK;
}

static void remove_reaction(yyjson_mut_val *reactions, struct span emoji, size_t index)
{
    yyjson_mut_val *people = yyjson_mut_obj_getn(reactions, emoji.data, emoji.len);

    yyjson_mut_arr_remove(people, index);
    if (yyjson_mut_arr_size(people) == 0)
        yyjson_mut_obj_remove_keyn(reactions, emoji.data, emoji.len);
}

static enum err read_emoji(struct keep_job *job, struct span *emoji, yyjson_val **on)
{
    enum err err = keep_input_label(job, "emoji", EMOJI_BYTES_MAX, true, emoji);

    if (err != OK)
        return err;
    if (emoji->len > EMOJI_BYTES_MAX)
        return keep_refuse(job, ERR_BAD_FIELD, "emoji");
    *on = json_get(job->input.root, "on");
    if (*on && !yyjson_is_bool(*on) && !yyjson_is_null(*on))
        return keep_refuse(job, ERR_BAD_FIELD, "on");
    return OK;
}

/* Without a word about it the reaction is taken back when it is there. */
enum err keep_react(struct keep_job *job, const struct object *comment)
{
    yyjson_mut_val *reactions;
    struct keep_edit edit;
    struct span emoji;
    yyjson_val *on = NULL;
    bool is_there, is_wanted;
    size_t index = 0;
    enum err err;

    if ((err = read_emoji(job, &emoji, &on)) != OK || (err = keep_edit_open(&edit, comment->body)) != OK)
        return err;
    reactions = yyjson_mut_obj_get(edit.root, "reactions");
    is_there =
        find_person(yyjson_mut_obj_getn(reactions, emoji.data, emoji.len), job->command->identity->user_id, &index);
    is_wanted = yyjson_is_bool(on) ? yyjson_get_bool(on) : !is_there;
    if (is_wanted && !is_there)
        err = add_reaction(job, &edit, reactions, emoji);
    else if (!is_wanted && is_there)
        remove_reaction(reactions, emoji, index);
    if (err == OK && is_wanted != is_there)
        keep_comment_changed(job, comment, &edit, comment->state);
    yyjson_mut_doc_free(edit.doc);
    return err;
}

/* Who may do what beside records. */
#include "collab/type/access.h"
#include "collab/change/change.h"
#include "collab/keep/keep_job.h"

enum err keep_may_read(struct keep_job *job)
{
    if (job->type == NULL)
        return ERR_NOT_FOUND;
    if (job->is_privileged || access_allows(job->command->identity->access, job->type, VERB_READ))
        return OK;
    return ERR_FORBIDDEN;
}

bool keep_is_there(const struct keep_job *job, struct span state)
{
    return state.len > 0 || !type_is_stored(job->type);
}

bool keep_may_update(const struct keep_job *job)
{
    return job->is_privileged || access_allows(job->command->identity->access, job->type, VERB_UPDATE);
}

enum err keep_may_manage(struct keep_job *job, struct span *user_id)
{
    const struct span room = job->command->room;

    if (!span_starts_with(room, SPAN(ROOM_OF_USER)))
        return ERR_NOT_FOUND;
    *user_id = span_slice(room, sizeof(ROOM_OF_USER) - 1, room.len);
    if (user_id->len == 0)
        return ERR_NOT_FOUND;
    return job->is_privileged || span_equal(*user_id, job->command->identity->user_id) ? OK : ERR_FORBIDDEN;
}

/* With a registry that stays: the store asks, too. */
struct object_rights keep_rights(const struct keep_job *job)
{
    const struct identity *identity = job->command->identity;
    struct object_rights rights = {.registry = job->hub->registry};

    if (!job->is_privileged)
        rights.access = access_of(job->hub->registry, identity->roles, identity->role_count);
    return rights;
}

bool keep_may_see(struct keep_job *job, struct span path, uint64_t *shown)
{
    const struct field *field;
    struct path steps;

    *shown = 0;
    if (path.len == 0)
        return true;
    if (path_parse(&job->arena, path, &steps) != OK || (field = type_field(job->type, steps.steps[0])) == NULL)
        return false;
    *shown = (uint64_t)1 << field->index;
    if (job->is_privileged || (access_readable(job->command->identity->access, job->type) & *shown) != 0)
        return true;
    *shown = 0;
    return false;
}

/* dialect_projects.h: the parts of the projects vocabulary that its two files share: hearing (dialect_projects.c) and saying (dialect_projects_say.c). The
 * wire is described in docs/protocol/socketio.md. */
#pragma once

#include "peer/dialect/vocabulary.h"

#define PROJECTS_TYPE "project"
#define PROJECTS_DIVISION_TYPE "division"
#define PROJECTS_EMPLOYEE_TYPE "employee"

bool projects_say(const struct event *event, uint64_t mask, struct buf *out);

/* The members of presence:change: who, how he is, and in which room, which is told by "projectId" or "divisionId" (a record's; type NULL: none). */
void projects_write_presence(struct buf *out, const struct presence *presence, bool has_left, const struct type *type,
                             struct span id);
/* The members of capacity:updated that `state` tells, an employee's fields or some of them: division, hours, capacity and what comes of them. */
void projects_write_capacity(struct buf *out, const struct type *type, struct span employee_id, struct span state,
                             uint64_t mask);
/* "projectId" or "divisionId", and nothing for other types. */
void projects_write_place(struct buf *out, const struct type *type, struct span id);
/* The members of a message of a chat, of its body (object.h). */
void projects_write_message(struct buf *out, const struct type *type, struct span entity_id, struct span body);

#include "collab/room/places.h"
#include "collab/room/presence.h"
#include "collab/record/record.h"

/* What a join is answered, taken together in one moment: who is there, where the room stands, what was missed up to there, and the
 * record as it is at that position. Everything that is delivered after the answer comes after that position. */

static void add_missed(const struct room *room, const struct missed *missed, struct answer *answer)
{
    answer->is_resync = missed->is_resync;
    if (missed->count == 0)
        return;
    answer->missed = arena_alloc(&answer->arena, missed->count * sizeof(struct event *));
    answer->missed_count = missed->count;
    for (uint32_t i = 0; i < missed->count; i++)
        answer->missed[i] = event_ref(event_log_at(&room->log, missed->place + i));
}

static void list_people(const struct room *room, const struct identity *identity, struct answer *answer)
{
    presence_list(room, answer);
    if (span_equal(room->name, SPAN(ROOM_PRESENCE)))
        places_list(room->hub, identity, answer);
}

static struct answer *answer_join(const struct room *room, const struct member *member, const struct command *command,
                                  const struct missed *missed, const struct record *record)
{
    struct answer *answer = answer_new(command, OK);

    answer->listens = member->listens;
    answer->is_present = member->person != NULL;
    answer->position = room_position(room);
    /* Who only wants to be seen does not look round: everybody who connects does that in the server-wide room. */
    if (command->join.listens)
        list_people(room, command->identity, answer);
    add_missed(room, missed, answer);
    if (record)
        record_describe(record, answer);
    return answer;
}

static enum err find_member(struct room *room, session_id session, struct member **member)
{
    *member = room_member(room, session);
    return *member ? OK : room_add_member(room, session, member);
}

/* Joining again adds to what the session had: who only asks to be seen goes on listening. */
static void join(struct room *room, struct command *command, const struct missed *missed, const struct record *record)
{
    bool is_new = false;
    struct member *member;
    enum err err;

    if ((err = find_member(room, command->session, &member)) != OK) {
        hub_refuse(room->hub, command, err, SPAN_EMPTY);
        command_free(command);
        return;
    }
    if (command->join.listens)
        room_set_listening(member, true);
    if (command->join.is_present)
        is_new = presence_enter(member, command->identity, &command->join.presence);
    if (room->type)
        record_session_came(room->hub, room->name, command->identity->user_id, command->session);
    hub_answer(room->hub, command, answer_join(room, member, command, missed, record));
    if (command->join.is_present)
        presence_announce(member, is_new);
    command_free(command);
}

bool room_join(struct room *room, struct command *command)
{
    struct missed missed = {0};
    struct record *record = NULL;
    enum err err = room->type ? record_for_join(room, &record) : OK;

    if (err != OK) {
        hub_refuse(room->hub, command, err, SPAN_EMPTY);
        command_free(command);
        return true;
    }
    if (room->type && record == NULL)
        return false;
    if (command->join.has_since && !room_resume(room, command->join.since, &missed))
        return false;
    join(room, command, &missed, record);
    return true;
}

/* ---- leaving ------------------------------------------------------------------------------------------------------ */

static bool has_grace(const struct member *member, enum leave_reason reason)
{
    return reason == LEAVE_DISCONNECTED && member->person && member->room->hub->limits.grace_ms > 0;
}

void room_leave(struct room *room, struct command *command)
{
    struct member *member = room_member(room, command->session);
    const bool is_broken = command->leave.reason == LEAVE_DISCONNECTED && room->hub->limits.grace_ms > 0;
    struct answer *answer;

    if (member == NULL) {
        hub_refuse(room->hub, command, ERR_NOT_MEMBER, SPAN_EMPTY);
        command_free(command);
        return;
    }
    room_set_listening(member, false);
    answer = answer_new(command, OK);
    answer->position = room_position(room);
    hub_answer(room->hub, command, answer);
    if (has_grace(member, command->leave.reason)) {
        presence_linger(member);
    } else {
        if (member->person)
            presence_exit(member);
        room_remove_member(member);
    }
    /* also when the configuration does not have the record's type any more */
    record_session_left(room->hub, room->name, command->session, is_broken);
    command_free(command);
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static void look(struct room *room, struct command *command, const struct record *record)
{
    struct answer *answer = answer_new(command, OK);

    answer->position = room_position(room);
    list_people(room, command->identity, answer);
    if (record)
        record_describe(record, answer);
    hub_answer(room->hub, command, answer);
    command_free(command);
}

bool room_look(struct room *room, struct command *command)
{
    struct record *record = NULL;
    const bool wants_record = room->type && command->look.wants_record;
    enum err err = wants_record ? record_for_join(room, &record) : OK;

    if (err != OK) {
        hub_refuse(room->hub, command, err, SPAN_EMPTY);
        command_free(command);
        return true;
    }
    if (wants_record && record == NULL)
        return false;
    look(room, command, record);
    return true;
}

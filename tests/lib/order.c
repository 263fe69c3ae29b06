#include "lib/order.h"

struct answer *order_create(const char *fields)
{
    return hub_double_change(world, MARIA, user_of(MARIA), ORDER, CHANGE_CREATE, "", fields);
}

struct answer *order_update(const char *fields)
{
    return order_update_as("", fields);
}

struct answer *order_update_as(const char *id, const char *fields)
{
    return hub_double_change(world, MARIA, user_of(MARIA), ORDER, CHANGE_UPDATE, id, fields);
}

struct answer *order_delete(void)
{
    return hub_double_change(world, MARIA, user_of(MARIA), ORDER, CHANGE_DELETE, "", NULL);
}

struct answer *order_act(session_id session, const char *action, const char *id)
{
    struct command *command = hub_double_command(world, COMMAND_ACTION, session, user_of(session), ORDER);

    command->action.name = span_from_str(action);
    command->action.id = span_from_str(id);
    return hub_double_ask(world, command);
}

uint64_t order_send(enum change_kind kind, const char *id, const char *fields)
{
    struct command *command = hub_double_change_command(world, AMIR, user_of(AMIR), ORDER, kind, id, fields);
    const uint64_t tag = command->tag;

    hub_double_do(world, command);
    return tag;
}

const struct model_change *order_stored(void)
{
    return model_store_record(&world->store, SPAN(ORDER));
}

#include "collab/type/type_parse.h"

#include "base/memory.h"

#include <assert.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <string.h>

enum {
    TYPES_MAX = 256,
    LIST_MAX = 256,
    NAME_BYTES_MAX = 64,
    MESSAGE_BYTES = 256,
    ARENA_BLOCK_BYTES = 16 * 1024,
};

static const struct json_limits limits = {.bytes_max = 1 << 20, .depth_max = 32, .members_max = 65536};

/* ---- saying what is wrong ---- */

enum err type_fail(struct type_parser *parser, const char *format, ...)
{
    char message[MESSAGE_BYTES];
    va_list args;

    va_start(args, format);
    vsnprintf(message, sizeof(message), format, args);
    va_end(args);
    if (parser->type)
        buf_printf(parser->why, "type \"%.*s\"", SPAN_ARG(parser->type->name));
    if (parser->part)
        buf_printf(parser->why, ", %s \"%.*s\"", parser->part, SPAN_ARG(parser->part_name));
    if (parser->type)
        buf_append_str(parser->why, ": ");
    buf_append_str(parser->why, message);
    return ERR_CONFIG;
}

/* ---- members ---- */

enum err type_get_text(struct type_parser *parser, yyjson_val *object, const char *key, bool is_required,
                       struct span *out)
{
    yyjson_val *value = json_get(object, key);

    if (value == NULL)
        return is_required ? type_fail(parser, "\"%s\" is missing", key) : OK;
    if (!yyjson_is_str(value))
        return type_fail(parser, "\"%s\" must be a text", key);
    *out = json_text(value);
    return OK;
}

enum err type_get_bool(struct type_parser *parser, yyjson_val *object, const char *key, bool *out)
{
    yyjson_val *value = json_get(object, key);

    if (value && !yyjson_is_bool(value))
        return type_fail(parser, "\"%s\" must be true or false", key);
    if (value)
        *out = yyjson_get_bool(value);
    return OK;
}

static struct span scalar_text(struct arena *arena, yyjson_val *value)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    if (yyjson_is_str(value))
        return json_text(value);
    if (yyjson_is_null(value))
        return SPAN_EMPTY;
    json_append_value(&text, value);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

enum err type_get_texts(struct type_parser *parser, yyjson_val *value, const char *key, bool takes_any,
                        struct span **out, uint32_t *count)
{
    bool is_list = yyjson_is_arr(value);
    size_t len = is_list ? yyjson_arr_size(value) : 1;

    if (len > LIST_MAX)
        return type_fail(parser, "\"%s\" has more than %d values", key, LIST_MAX);
    *out = arena_alloc(&parser->registry->arena, len * sizeof(struct span));
    *count = 0;
    for (size_t i = 0; i < len; i++) {
        yyjson_val *one = is_list ? yyjson_arr_get(value, i) : value;

        if (takes_any ? yyjson_is_ctn(one) : !yyjson_is_str(one))
            return type_fail(parser, "\"%s\" must be a list of %s", key, takes_any ? "plain values" : "texts");
        (*out)[(*count)++] = scalar_text(&parser->registry->arena, one);
    }
    return OK;
}

enum err type_check_keys(struct type_parser *parser, yyjson_val *object, const char *names)
{
    yyjson_obj_iter members;
    yyjson_val *key;

    if (!yyjson_is_obj(object))
        return type_fail(parser, "must be an object");
    yyjson_obj_iter_init(object, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        struct span rest = span_from_str(names), name;
        bool is_known = false;

        while (!is_known && span_cut(&rest, ' ', &name))
            is_known = span_equal(name, json_text(key));
        if (!is_known)
            return type_fail(parser, "\"%.*s\" means nothing here", SPAN_ARG(json_text(key)));
    }
    return OK;
}

enum err type_check_name(struct type_parser *parser, struct span name)
{
    bool is_good = name.len > 0 && name.len <= NAME_BYTES_MAX && name.data[0] >= 'a' && name.data[0] <= 'z';

    for (size_t i = 1; is_good && i < name.len; i++) {
        char byte = name.data[i];

        is_good =
            (byte >= 'a' && byte <= 'z') || (byte >= 'A' && byte <= 'Z') || (byte >= '0' && byte <= '9') || byte == '_';
    }
    if (!is_good)
        return type_fail(parser, "\"%.*s\" is no name: a small letter, then letters, digits and '_', at most %d bytes",
                         SPAN_ARG(span_slice(name, 0, NAME_BYTES_MAX)), NAME_BYTES_MAX);
    return OK;
}

enum err type_count(struct type_parser *parser, yyjson_val *object, const char *what, uint32_t max, uint32_t *out)
{
    if (object && !yyjson_is_obj(object))
        return type_fail(parser, "\"%s\" must be an object", what);
    *out = object ? (uint32_t)yyjson_obj_size(object) : 0;
    return *out > max ? type_fail(parser, "has more than %u %s", max, what) : OK;
}

enum err type_get_strategy(struct type_parser *parser, yyjson_val *object, bool *has, enum strategy *out)
{
    struct span name = SPAN_EMPTY;
    enum err err;

    if ((err = type_get_text(parser, object, "strategy", false, &name)) != OK || name.len == 0)
        return err;
    if (!strategy_parse(name, out))
        return type_fail(parser, "there is no strategy \"%.*s\"", SPAN_ARG(name));
    *has = true;
    return OK;
}

/* ---- roles ---- */

static enum err role_bit(struct type_parser *parser, struct span role, uint64_t *bit)
{
    struct type_registry *registry = parser->registry;
    uint32_t index = 0;

    while (index < registry->role_count && !span_equal(registry->roles[index], role))
        index++;
    if (index == REGISTRY_ROLES_MAX)
        return type_fail(parser, "role \"%.*s\" is one too many: %d are possible", SPAN_ARG(role), REGISTRY_ROLES_MAX);
    if (index == registry->role_count)
        registry->roles[registry->role_count++] = role;
    *bit = (uint64_t)1 << index;
    return OK;
}

static enum err set_roles(struct type_parser *parser, struct role_set *set)
{
    enum err err;
    uint64_t bit = 0;

    set->bits = 0;
    for (uint32_t i = 0; i < set->count; i++) {
        if (set->names[i].len == 0 || set->names[i].len > NAME_BYTES_MAX)
            return type_fail(parser, "a role's name has 1 to %d bytes", NAME_BYTES_MAX);
        if ((err = role_bit(parser, set->names[i], &bit)) != OK)
            return err;
        set->bits |= bit;
    }
    return OK;
}

enum err type_get_roles(struct type_parser *parser, yyjson_val *object, const char *key, struct role_set *out)
{
    yyjson_val *value = json_get(object, key);
    enum err err;

    if (value == NULL)
        return OK;
    *out = (struct role_set){0};
    if (span_equal(json_text(value), SPAN("*"))) {
        out->any = true;
        return OK;
    }
    /* An empty list would mean "as the type" to the code and "nobody" to a reader. */
    if (!yyjson_is_arr(value) || yyjson_arr_size(value) == 0)
        return type_fail(parser, "\"%s\" must be \"*\" or a list of roles (only [\"admin\"]: nobody else)", key);
    if ((err = type_get_texts(parser, value, key, false, &out->names, &out->count)) != OK)
        return err;
    return set_roles(parser, out);
}

/* ---- types ---- */

static enum err parse_strategies(struct type_parser *parser, yyjson_val *object)
{
    struct type *type = parser->type;
    yyjson_val *allowed = json_get(object, "strategies_allowed");
    struct span *names;
    uint32_t count = 0;
    bool has_own = false;
    enum strategy strategy;
    enum err err;

    if ((err = type_get_strategy(parser, object, &has_own, &type->strategy)) != OK)
        return err;
    if (allowed && (err = type_get_texts(parser, allowed, "strategies_allowed", false, &names, &count)) != OK)
        return err;
    type->strategies_allowed = 1u << type->strategy;
    for (uint32_t i = 0; i < count; i++) {
        if (!strategy_parse(names[i], &strategy))
            return type_fail(parser, "there is no strategy \"%.*s\"", SPAN_ARG(names[i]));
        type->strategies_allowed |= 1u << strategy;
    }
    return OK;
}

static enum err parse_write_mode(struct type_parser *parser, yyjson_val *object)
{
    static const struct span names[] = {SPAN_INIT("authoritative"), SPAN_INIT("broadcast"), SPAN_INIT("proxied")};
    static const enum write_mode modes[] = {WRITE_AUTHORITATIVE, WRITE_BROADCAST, WRITE_PROXIED};
    struct span name = names[0];
    enum err err;

    if ((err = type_get_text(parser, object, "write_mode", false, &name)) != OK)
        return err;
    for (size_t i = 0; i < 3; i++) {
        if (span_equal(names[i], name)) {
            parser->type->write_mode = modes[i];
            return OK;
        }
    }
    return type_fail(parser, "\"write_mode\" must be \"authoritative\", \"broadcast\" or \"proxied\"");
}

/* Unless the type says otherwise: everybody reads, editors and managers write, managers delete; nobody but admins
 * takes locks or changes of others back. */
static enum err set_default_roles(struct type_parser *parser)
{
    static const struct span names[] = {SPAN_INIT("manager"), SPAN_INIT("editor")};
    struct type *type = parser->type;
    struct arena *arena = &parser->registry->arena;
    enum err err;

    type->read = (struct role_set){.any = true};
    type->delete = (struct role_set){.count = 1, .names = arena_alloc(arena, sizeof(names))};
    memcpy(type->delete.names, names, sizeof(names));
    if ((err = set_roles(parser, &type->delete)) != OK)
        return err;
    type->update = (struct role_set){.count = 2, .names = type->delete.names};
    if ((err = set_roles(parser, &type->update)) != OK)
        return err;
    type->create = type->update;
    return OK;
}

static enum err parse_roles(struct type_parser *parser, yyjson_val *roles)
{
    struct type *type = parser->type;
    enum err err;

    if ((err = set_default_roles(parser)) != OK || roles == NULL)
        return err;
    if ((err = type_check_keys(parser, roles, "read create update delete force_locks revert_others")) != OK ||
        (err = type_get_roles(parser, roles, "read", &type->read)) != OK ||
        (err = type_get_roles(parser, roles, "create", &type->create)) != OK ||
        (err = type_get_roles(parser, roles, "update", &type->update)) != OK ||
        (err = type_get_roles(parser, roles, "delete", &type->delete)) != OK ||
        (err = type_get_roles(parser, roles, "force_locks", &type->force_locks)) != OK)
        return err;
    return type_get_roles(parser, roles, "revert_others", &type->revert_others);
}

/* "work_order" is heard on "work-order-updates", unless it says where. */
static struct span default_channel(struct arena *arena, struct span name)
{
    struct span channel = arena_printf(arena, "%.*s-updates", SPAN_ARG(name));
    char *byte = (char *)(uintptr_t)channel.data;

    for (; *byte; byte++)
        if (*byte == '_')
            *byte = '-';
    return channel;
}

static enum err parse_names(struct type_parser *parser, yyjson_val *object)
{
    struct type *type = parser->type;
    yyjson_val *aliases = json_get(object, "aliases");
    enum err err;

    type->title = type->name;
    type->channel = default_channel(&parser->registry->arena, type->name);
    if ((err = type_check_name(parser, type->name)) != OK ||
        (err = type_get_text(parser, object, "title", false, &type->title)) != OK ||
        (err = type_get_text(parser, object, "channel", false, &type->channel)) != OK ||
        (err = type_get_text(parser, object, "id_prefix", false, &type->id_prefix)) != OK ||
        (err = type_get_text(parser, object, "label", false, &type->label)) != OK)
        return err;
    if (aliases && (err = type_get_texts(parser, aliases, "aliases", false, &type->aliases, &type->alias_count)) != OK)
        return err;
    for (uint32_t i = 0; i < type->alias_count; i++)
        if ((err = type_check_name(parser, type->aliases[i])) != OK)
            return err;
    if (type->id_prefix.len > 0 && (type->id_prefix.len > NAME_BYTES_MAX || !record_id_is_valid(type->id_prefix)))
        return type_fail(parser, "\"id_prefix\" is no beginning of an id");
    return OK;
}

/* The type's fields are there already. */
static enum err parse_context(struct type_parser *parser, yyjson_val *context)
{
    struct type *type = parser->type;
    enum err err;

    if (context == NULL)
        return OK;
    if ((err = type_get_texts(parser, context, "context", false, &type->context, &type->context_count)) != OK)
        return err;
    for (uint32_t i = 0; i < type->context_count; i++)
        if (type_field(type, type->context[i]) == NULL)
            return type_fail(parser, "\"context\" names no field: \"%.*s\"", SPAN_ARG(type->context[i]));
    return OK;
}

static enum err parse_type(struct type_parser *parser, yyjson_val *object)
{
    struct type *type = parser->type;
    enum err err;

    if ((err = type_check_keys(parser, object,
                               "title channel id_prefix label aliases strategy strategies_allowed write_mode "
                               "enforce_locks roles fields actions alerts context")) != OK ||
        (err = parse_names(parser, object)) != OK || (err = parse_strategies(parser, object)) != OK ||
        (err = parse_write_mode(parser, object)) != OK ||
        (err = type_get_bool(parser, object, "enforce_locks", &type->enforces_locks)) != OK ||
        (err = parse_roles(parser, json_get(object, "roles"))) != OK ||
        (err = type_parse_fields(parser, json_get(object, "fields"))) != OK ||
        (err = parse_context(parser, json_get(object, "context"))) != OK ||
        (err = type_parse_actions(parser, json_get(object, "actions"))) != OK ||
        (err = type_parse_alerts(parser, json_get(object, "alerts"))) != OK)
        return err;
    if (type->label.len > 0 && type_field(type, type->label) == NULL)
        return type_fail(parser, "\"label\" names no field");
    for (uint32_t i = 0; i < type->field_count; i++)
        if (type->fields[i].has_strategy)
            type->strategies_allowed |= 1u << type->fields[i].strategy;
    return OK;
}

/* ---- the registry ---- */

static bool is_replaced(const struct type_registry *registry, size_t source, yyjson_val *key)
{
    yyjson_val *extra = source == 0 ? registry->sources[1].root : NULL;

    return extra && yyjson_obj_getn(extra, yyjson_get_str(key), yyjson_get_len(key)) != NULL;
}

/* null in the second text takes a built-in type away. */
static enum err parse_source(struct type_parser *parser, size_t source)
{
    struct type_registry *registry = parser->registry;
    yyjson_obj_iter members;
    yyjson_val *key, *value;
    enum err err;

    yyjson_obj_iter_init(registry->sources[source].root, &members);
    while ((key = yyjson_obj_iter_next(&members)) != NULL) {
        value = yyjson_obj_iter_get_val(key);
        if (is_replaced(registry, source, key) || yyjson_is_null(value))
            continue;
        parser->type = &registry->types[registry->type_count];
        *parser->type = (struct type){.name = json_text(key), .index = registry->type_count, .registry = registry};
        if ((err = parse_type(parser, value)) != OK)
            return err;
        registry->type_count++;
    }
    parser->type = NULL;
    return OK;
}

static enum err add_name(struct type_parser *parser, struct map *map, struct span name, const char *what)
{
    const struct type *other = map_put(map, name, parser->type);

    return other
               ? type_fail(parser, "%s \"%.*s\" is taken by type \"%.*s\"", what, SPAN_ARG(name), SPAN_ARG(other->name))
               : OK;
}

static bool is_servers_own(struct span channel)
{
    static const struct span names[] = {SPAN_INIT("records"),       SPAN_INIT("user-presence"),
                                        SPAN_INIT("notifications"), SPAN_INIT("activity-feed"),
                                        SPAN_INIT("edit-locks"),    SPAN_INIT("comments")};

    for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
        if (span_equal(names[i], channel))
            return true;
    return false;
}

static enum err index_type(struct type_parser *parser)
{
    struct type *type = parser->type;
    struct type_registry *registry = parser->registry;
    enum err err;

    if ((err = add_name(parser, &registry->by_name, type->name, "name")) != OK)
        return err;
    for (uint32_t i = 0; i < type->alias_count; i++)
        if ((err = add_name(parser, &registry->by_name, type->aliases[i], "alias")) != OK)
            return err;
    /* With a colon it could be a record's room. */
    if (!record_id_is_valid(type->channel) || span_find(type->channel, ':') < type->channel.len ||
        is_servers_own(type->channel))
        return type_fail(parser, "channel \"%.*s\" is no name for a channel of a type", SPAN_ARG(type->channel));
    return add_name(parser, &registry->by_channel, type->channel, "channel");
}

static enum err check_targets(struct type_parser *parser)
{
    const struct type *type = parser->type;

    for (uint32_t i = 0; i < type->field_count; i++) {
        const struct field *field = &type->fields[i];

        if (field->kind == FIELD_REFERENCE && type_find(parser->registry, field->target) == NULL)
            return type_fail(parser, "field \"%.*s\": there is no type \"%.*s\"", SPAN_ARG(field->name),
                             SPAN_ARG(field->target));
    }
    return OK;
}

static enum err read_source(struct type_parser *parser, size_t source, struct span text)
{
    struct json *json = &parser->registry->sources[source];
    enum err err;

    if ((err = json_parse(json, text, &limits)) != OK)
        return type_fail(parser, "the types are no JSON that can be read: %s", err_sentence(err));
    return yyjson_is_obj(json->root) ? OK : type_fail(parser, "the types must be an object");
}

static enum err parse_registry(struct type_parser *parser, struct span builtin, struct span extra)
{
    struct type_registry *registry = parser->registry;
    size_t count;
    enum err err;

    if ((err = read_source(parser, 0, builtin)) != OK || (extra.len && (err = read_source(parser, 1, extra)) != OK))
        return err;
    count = yyjson_obj_size(registry->sources[0].root) + yyjson_obj_size(registry->sources[1].root);
    if (count > TYPES_MAX)
        return type_fail(parser, "there are more than %d types", TYPES_MAX);
    registry->types = arena_alloc(&registry->arena, count * sizeof(struct type));
    if ((err = parse_source(parser, 0)) != OK || (err = parse_source(parser, 1)) != OK)
        return err;
    for (uint32_t i = 0; i < registry->type_count; i++) {
        parser->type = &registry->types[i];
        if ((err = index_type(parser)) != OK)
            return err;
    }
    for (uint32_t i = 0; i < registry->type_count; i++) {
        parser->type = &registry->types[i];
        if ((err = check_targets(parser)) != OK)
            return err;
    }
    return OK;
}

enum err type_registry_new(struct span builtin, struct span extra, struct type_registry **out, struct buf *why)
{
    struct type_registry *registry = NEW(struct type_registry);
    struct type_parser parser = {.registry = registry, .why = why};
    enum err err;

    atomic_init(&registry->ref_count, 1);
    atomic_init(&registry->accesses, NULL);
    arena_init(&registry->arena, ARENA_BLOCK_BYTES);
    map_init(&registry->by_name);
    map_init(&registry->by_channel);
    registry->roles[registry->role_count++] = SPAN("admin"); /* access.c counts on it being the first */
    /* The texts must live as long as what points into them. */
    if ((err = parse_registry(&parser, arena_copy(&registry->arena, builtin), arena_copy(&registry->arena, extra))) !=
        OK)
        goto done;
    *out = registry;
    registry = NULL;
done:
    type_registry_unref(registry);
    return err;
}

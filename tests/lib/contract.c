#include "lib/contract.h"

#include <stdio.h>
#include <stdlib.h>

struct command *contract_change_of(session_id session, const char *json)
{
    return hub_double_json_command(world, session, user_of(session), CONTRACT, json);
}

struct answer *contract_change(session_id session, const char *json)
{
    return hub_double_ask(world, contract_change_of(session, json));
}

void contract_given(void)
{
    hub_double_change(world, LI, 4, CONTRACT, CHANGE_CREATE, "", "{\"title\":\"A\",\"price\":5,\"terms\":\"none\"}");
    contract_change(MARIA, "{\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":6}]}");
}

struct answer *contract_clash(const char *id)
{
    char text[200];

    (void)snprintf(text, sizeof(text),
                   "{\"id\":\"%s\",\"version\":1,\"ops\":[{\"op\":\"set\",\"path\":\"price\",\"value\":7},"
                   "{\"op\":\"txt\",\"path\":\"terms\",\"value\":[4,\"!\"]}]}",
                   id);
    return contract_change(AMIR, text);
}

const char *contract_given_conflict(void)
{
    static char id[64];

    contract_given();
    (void)snprintf(id, sizeof(id), "%s", conflict_id(contract_clash("c1")));
    return id;
}

struct command *contract_resolve_of(session_id session, const char *id, const char *input)
{
    return object_command(session, CONTRACT, OBJECT_CONFLICT, OBJECT_RESOLVE, id, input);
}

struct answer *contract_resolve(session_id session, const char *id, const char *input)
{
    return hub_double_ask(world, contract_resolve_of(session, id, input));
}

/* ---- looking ------------------------------------------------------------------------------------------------------ */

static yyjson_doc *parse(struct span text)
{
    yyjson_doc *doc = yyjson_read(text.data, text.len, 0);

    assert_non_null(doc);
    return doc;
}

const char *conflict_id(const struct answer *answer)
{
    static char id[64];
    yyjson_doc *doc = parse(answer->object);
    struct span text = json_get_text(yyjson_doc_get_root(doc), "id");

    assert_true(text.len > 3 && text.len < sizeof(id));
    (void)snprintf(id, sizeof(id), "%.*s", SPAN_ARG(text));
    yyjson_doc_free(doc);
    return id;
}

const struct object *conflict_stored(const char *id)
{
    return model_store_object(&world->store, OBJECT_CONFLICT, span_from_str(id));
}

void assert_conflict(const struct answer *answer, uint64_t version)
{
    assert_ok(answer);
    assert_int_equal(answer->verdict, VERDICT_CONFLICT);
    assert_int_equal(answer->version, version);
    assert_true(answer->has_object);
    assert_int_equal(answer->object_kind, OBJECT_CONFLICT);
}

void assert_member(struct span body, const char *pointer, const char *json)
{
    yyjson_doc *doc = parse(body);
    yyjson_val *value = yyjson_doc_ptr_get(doc, pointer);
    char *text = value ? yyjson_val_write(value, 0, NULL) : NULL;

    assert_string_equal(text ? text : "(nothing)", json);
    free(text);
    yyjson_doc_free(doc);
}

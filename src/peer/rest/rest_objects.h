/* rest_objects.h: what the endpoints of locks, conflicts, comments, messages, notifications and preferences share: they are all
 * objects (collab/object.h). Something is asked for with a command whose input is the request's body; one that is there already is
 * looked up first, because its room is where the command goes; lists are pages of the store's. What somebody may not see
 * is not there: 404 alone, left out of lists. */
#pragma once

#include "peer/rest/rest.h"

/* What a request wants done. */
struct rest_deed {
    enum object_kind kind;
    enum object_verb verb;
    unsigned status;  /* of the answer when it was done; 204: without a body */
    const char *key;  /* {"lock": {...}}; NULL: the object's members stand in the answer itself */
    bool needs_input; /* else the request may come without a body */
    bool as_server;   /* for a backend */
};

/* The body's members with their names in snake_case, as a command's input: only the outermost ones, what is in them is the user's own. Empty when there is no
 * body and none is needed. */
must_check enum err rest_object_input(struct request *request, struct arena *arena, bool is_needed, struct span *input);
/* Sends the command; its answer is the request's. The deed must live as long as the program. */
void rest_object_do(struct request *request, const struct rest_deed *deed, struct span room, struct span object_id);
/* The same with an input of the caller's own. */
void rest_object_send(struct request *request, const struct rest_deed *deed, struct span room, struct span object_id,
                      struct span input);
/* What is said about a record: the body's `entity_type` and `entity_id` say about which, the rest is the input. */
void rest_object_do_about(struct request *request, const struct rest_deed *deed);
/* The answer of such a command, when there is more to it. */
void rest_object_answer(struct request *request, const struct rest_deed *deed, const struct answer *answer);

/* Looks for the object; when it is there and may be seen, `then` gets it, else the request is answered. */
void rest_object_find(struct request *request, enum object_kind kind, struct span id,
                      void (*then)(struct request *request, const struct object *object, const void *context),
                      const void *context);
/* Finds it, and does the deed in its room. */
void rest_object_find_and_do(struct request *request, const struct rest_deed *deed, struct span id);
/* Finds it, and shows it. */
void rest_object_show(struct request *request, enum object_kind kind, struct span id, const char *key);

/* A page of objects as `{KEY: [...], "next_cursor": ...}`; limit and cursor are read from the request, and `state` where the kind has
 * states (else it is an unknown parameter as any other). */
struct rest_listing {
    struct object_query query; /* its spans are copied */
    bool owner_is_named;       /* the query's owner is what was asked for: an id or a username */
    const char *key;           /* "comments" */
    /* Notifications: how many of the owner's have the state, as a member; NULL: none. */
    const char *count_key;
    struct span count_state;
};
void rest_object_list(struct request *request, const struct rest_listing *listing);

/* Whether the user may see it: he may read the record that it is about and every field that it shows; a user's own room is closed to others. */
bool rest_object_is_visible(const struct request *request, const struct object *object);
/* Whether the answer has one that he may see. */
bool rest_answer_has_object(const struct request *request, const struct answer *answer);
/* The body as REST shows it (peer/object_say.h), without what is said of fields that the user may not read. */
void rest_object_write(struct buf *out, const struct request *request, enum object_kind kind, struct span room,
                       struct span body);

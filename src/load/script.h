/* script.h: what a client says and hears on one wire. Pure: text of messages in and out, no sockets.
 *
 * A published payload is a JSON object of exactly the bytes asked for, with the moment of sending in it:
 *     {"t0":"0123456789abcdef","p":"xxx..."}
 * so any wire that carries JSON untouched carries it, and a listener finds the moment without parsing. */
#pragma once

#include "load/plan.h"

enum { SCRIPT_PAYLOAD_BYTES_MIN = 32 };

/* What a message is, as cheaply as that can be told. */
enum script_fact {
    SCRIPT_OTHER,    /* of no interest here */
    SCRIPT_DELIVERY, /* what somebody else published */
    SCRIPT_ACK,
    SCRIPT_ERROR,
    SCRIPT_PING, /* the server wants script->pong */
};

enum script_greeting { SCRIPT_WAIT, SCRIPT_READY, SCRIPT_REFUSED };

struct script {
    const char *name;
    struct span pong; /* the answer to SCRIPT_PING */

    /* What the upgrade asks for: path and query. */
    void (*append_target)(const struct plan *plan, uint32_t number, struct buf *out);
    /* Called once after the upgrade with nothing heard, then with every message, until it says that the caller is
     * ready. *step is the script's own, 0 at first. What it leaves in *say is sent as one message. */
    enum script_greeting (*greet)(const struct plan *plan, uint32_t number, uint8_t *step, struct span heard,
                                  struct buf *say);
    enum script_fact (*hear)(struct span message);
    void (*append_publish)(const struct plan *plan, uint32_t number, struct span payload, struct buf *out);
    void (*append_cursor)(const struct plan *plan, uint32_t number, struct span payload, struct buf *out);
    /* A change of a record: sets the field to a text with `value` in it. Answered by an acknowledgement with ack_id.
     * NULL: this wire has no records. */
    void (*append_update)(const struct plan *plan, uint32_t record, uint64_t value, uint32_t ack_id, struct buf *out);
    bool (*read_ack_id)(struct span ack, uint32_t *ack_id);
};

const struct script *script_find(const char *name); /* NULL: there is none */

extern const struct script script_native, script_raw, script_socketio;

void script_append_payload(struct buf *out, uint64_t sent_ns, size_t bytes);
/* The moment in a message that carries such a payload; false when there is none. */
bool script_find_sent(struct span message, uint64_t *sent_ns);

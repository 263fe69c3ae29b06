/* socketio.h: Socket.IO protocol 5 packets as pure codecs. A packet is the text of an Engine.IO message, followed for
 * binary packets by its attachments as binary messages. Source: the Socket.IO protocol document, revision 5. What
 * packets mean (namespaces, rooms, acknowledgements, recovery) is in peer/. */
#pragma once

#include "base/limits.h"
#include "base/buf.h"
#include "base/err.h"
#include "wire/json.h"

enum sio_type { SIO_CONNECT, SIO_DISCONNECT, SIO_EVENT, SIO_ACK, SIO_CONNECT_ERROR, SIO_BINARY_EVENT, SIO_BINARY_ACK };

struct sio_packet {
    enum sio_type type;
    struct span nsp; /* "/" when the packet names none; without the query part */
    bool has_ack;
    uint64_t ack_id; /* <= 2^53-1 */
    unsigned attachment_count;
    struct span data; /* the JSON text as it came, empty when there is none */
};

/* sio_decode lets a longer namespace pass: a CONNECT to it is answered with a CONNECT_ERROR, as one to any unknown
 * name. */
#define SIO_NSP_BYTES_MAX 256

/* Splits and checks one packet's text; spans point into it. Checks what the protocol fixes for each type: EVENT is a
 * non-empty array whose first item is a string or number that is no reserved name; ACK is an array and has an id;
 * CONNECT has an object or nothing; CONNECT_ERROR an object or a string; DISCONNECT has nothing; placeholders of a
 * binary packet are objects {"_placeholder":true,"num":N} with 0 <= N < count, no N twice; such a packet has 1 to
 * LIMIT_SIO_ATTACHMENTS attachments. ERR_PROTOCOL otherwise (close the connection), ERR_TOO_LARGE for more than
 * LIMIT_SIO_ATTACHMENTS attachments or 2^53 ack ids. `limits` are those of the JSON. */
must_check enum err sio_decode(struct span text, const struct json_limits *limits, struct sio_packet *packet);
/* The same, and gives the packet's data parsed (empty when there is none), which spares the caller a second parse.
 * *json is the caller's on OK, and empty otherwise. */
must_check enum err sio_decode_json(struct span text, const struct json_limits *limits, struct sio_packet *packet,
                                    struct json *json);

/* Collects a binary packet's attachments; bytes_max bounds text and attachments together. */
struct sio_assembly {
    struct sio_packet packet; /* spans point into the text given last, or for binary packets into `text` */
    struct json json;         /* packet.data parsed, while the packet is whole */
    struct buf text;
    struct buf *attachments; /* packet.attachment_count of them */
    unsigned received;
    size_t bytes_max, bytes;
    struct json_limits limits;
    bool is_open; /* attachments are due: a text packet now is a protocol error */
};
void sio_assembly_init(struct sio_assembly *assembly, size_t bytes_max);
void sio_assembly_deinit(struct sio_assembly *assembly);
/* A text packet. *is_whole: it needs no (more) attachments; read assembly->packet and assembly->json, then call
 * sio_assembly_reset. After an error the connection is to be closed. */
must_check enum err sio_assembly_text(struct sio_assembly *assembly, struct span text, const struct json_limits *limits,
                                      bool *is_whole);
must_check enum err sio_assembly_binary(struct sio_assembly *assembly, struct span bytes, bool *is_whole);
void sio_assembly_reset(struct sio_assembly *assembly);

/* Appends the text of a packet: type digit, attachments (some exactly when the type is a binary one), namespace (left
 * out for "/"), ack id, data. */
void sio_append(struct buf *out, enum sio_type type, struct span nsp, unsigned attachment_count, const uint64_t *ack_id,
                struct span data);

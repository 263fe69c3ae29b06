/* websocket_stage.h: a server that sends back what it hears on its one WebSocket and writes it down, and a client that decodes what it
 * gets. Made anew for every test, as `echo`; a test changes its options before it upgrades. */
#pragma once

#include "lib/net_stage.h"
#include "net/websocket_internal.h"

#define KEY "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"
#define FIELDS "Host: a\r\nUpgrade: websocket\r\nConnection: keep-alive, Upgrade\r\nSec-WebSocket-Version: 13\r\n"
#define UPGRADE "GET /ws HTTP/1.1\r\n" FIELDS KEY "\r\n"
#define UPGRADE_DEFLATE "GET /ws HTTP/1.1\r\n" FIELDS KEY "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n"

struct websocket_stage {
    struct stage stage;
    struct far far;
    struct conn *conn;
    struct http_handlers handlers;
    struct websocket_options options;
    struct websocket_events events;
    struct websocket *socket;
    struct http_exchange *pending;
    struct buf seen;
    unsigned message_count, closed_count, conn_closed_count, slow_count;
    uint16_t code;
    bool answers_later, closes_on_message, terminates_on_message, pauses_on_message;
    /* the client's side */
    struct ws client;
    size_t decoded;
    struct buf replies; /* "text ...", "ping ", "close 1000 " ... in brackets */
    struct inflater *inflater;
};

extern struct websocket_stage echo;
extern const uint8_t echo_mask[4]; /* the client's */

/* cmocka's, around each test. */
int websocket_stage_set_up(void **state);
int websocket_stage_tear_down(void **state);
/* Another connection, with these limits or the default ones. */
void echo_reopen(const struct conn_limits *limits);

void echo_upgrade(const char *request);
void echo_say(const char *text);
void echo_say_frame(enum ws_opcode opcode, struct span payload);
void echo_say_close(uint16_t code);

/* Decodes what has come, into `replies`. */
void echo_decode(void);
void echo_until_reply(const char *text);
void echo_until_closed(uint16_t code);
/* So much was sent that nothing more leaves. */
void echo_until_blocked(void);
void assert_replies(const char *text);

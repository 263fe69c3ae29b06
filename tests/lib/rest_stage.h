/* rest_stage.h: the one peer_stage of a test, `stage`, and a client of it, `far`. */
#pragma once

#include "lib/peer_stage.h"

#define JSON "Content-Type: application/json\r\n"

extern struct peer_stage stage;
extern struct far far;

/* cmocka's, around each test. */
int rest_stage_set_up(void **state);
int rest_stage_tear_down(void **state);

/* Account 7 asks; see peer_stage_ask. */
void rest_ask(const char *method, const char *path, const char *headers, const char *body);

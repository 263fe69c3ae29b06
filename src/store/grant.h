/* grant.h: the token of a lock. It is the number that the store gives to the event that tells of the lock, so it is known only
 * when the commit is being written, and has to get into what is written. Pure functions; any thread that owns the request. */
#pragma once

#include "collab/ports.h"

/* Puts request->commit.sequence as "token" into the body of objects[0], and into the body and the stored form of the
 * first event, which tells of that object. Both bodies are JSON objects with such a member, a number; nobody else may
 * have seen the event yet. */
void grant_token(struct store_request *request);

/* rest_create.h: POST /api/v1/records/{type}, which is a file of its own. */
#pragma once

#include "peer/rest/rest.h"

void rest_create_handle(struct request *request);

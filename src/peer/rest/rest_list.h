/* rest_list.h: GET /api/v1/records/{type}, which is a file of its own. */
#pragma once

#include "peer/rest/rest.h"

void rest_list_handle(struct request *request);

#include "lib/rest_stage.h"

struct peer_stage stage;
struct far far;

int rest_stage_set_up(void **state)
{
    (void)state;
    peer_stage_init(&stage);
    peer_stage_connect(&stage, &far);
    return 0;
}

int rest_stage_tear_down(void **state)
{
    (void)state;
    far_close(&far);
    peer_stage_deinit(&stage);
    return 0;
}

void rest_ask(const char *method, const char *path, const char *headers, const char *body)
{
    peer_stage_ask(&stage, &far, method, path, headers, body);
}

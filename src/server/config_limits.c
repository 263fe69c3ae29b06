/* What the lower folders get of the configuration: a few numbers each. */
#include "server/config.h"

struct http_limits config_http_limits(const struct config *config)
{
    return (struct http_limits){
        .request_line_bytes_max = config->http_request_line_bytes_max,
        .header_bytes_max = config->http_header_bytes_max,
        .header_count_max = config->http_header_count_max,
        .query_count_max = config->http_query_count_max,
        .body_bytes_max = config->http_body_bytes_max,
        .header_ms = config->http_header_ms,
        .body_rate_grace_ms = config->http_body_rate_grace_ms,
        .body_rate_bytes_min = config->http_body_rate_bytes_min,
        .idle_ms = config->http_idle_ms,
        .first_byte_ms = config->http_first_byte_ms,
        .pipeline_max = config->http_pipeline_max,
    };
}

struct hub_limits config_hub_limits(const struct config *config)
{
    return (struct hub_limits){
        .tick_ms = config->room_tick_ms,
        .grace_ms = config->presence_grace_ms,
        .idle_ms = config->presence_idle_ms,
        .typing_ms = config->typing_ms,
        .refresh_ms = config->presence_refresh_ms,
        .log_events_max = config->log_events_max,
        .log_age_ms = config->log_age_ms,
        .log_bytes_max = config->log_bytes_max,
        .hub_log_bytes_max = config->hub_log_bytes_max,
        .room_waiting_max = config->room_waiting_max,
        .presence_list_max = config->presence_list_max,
        .places_max = config->places_max,
        .records_bytes_max = config->records_bytes_max,
        .rooms_max = config->rooms_max,
        .room_members_max = config->room_members_max,
        .records_cached_max = config->records_cached_max,
        .record_bytes_max = config->record_bytes_max,
        .changes_waiting_max = config->changes_waiting_max,
        .keeping_max = config->keeping_max,
        .lock_ttl_ms = config->lock_ttl_ms,
        .room_linger_ms = config->room_linger_ms,
    };
}

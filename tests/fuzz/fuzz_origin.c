/* Origin, Host, Sec-Fetch-Site and a list of allowed origins, a line each. The oracle for "same": Host, with the scheme
 * of the connection before it, allowed as an exact origin, must give the same verdict as being the server's own. */
#include "auth/origin.h"

#include <assert.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct span next_line(struct span *rest)
{
    struct span line = SPAN_EMPTY;

    (void)span_cut(rest, '\n', &line);
    return line;
}

static void check_twin(struct origin_request request, enum origin_verdict verdict)
{
    struct origin_rules *rules = NULL;
    struct buf own = BUF_EMPTY, why = BUF_EMPTY;
    enum origin_verdict twin = ORIGIN_REFUSED;

    buf_append_str(&own, request.is_tls ? "https://" : "http://");
    buf_append_span(&own, request.host);
    request.host = SPAN("");
    if (origin_rules_new(buf_span(&own), SPAN(""), &rules, &why) == OK && request.host.len == 0) {
        twin = origin_check(rules, &request);
        origin_rules_free(rules);
    }
    /* A host with a blank or a comma in it would be two entries of the list, and is no host. */
    if (span_find(buf_span(&own), ' ') == own.len && span_find(buf_span(&own), ',') == own.len &&
        span_find(buf_span(&own), '\t') == own.len && span_find(buf_span(&own), '\r') == own.len)
        assert((twin == ORIGIN_ALLOWED) == (verdict == ORIGIN_SAME));
    buf_deinit(&own);
    buf_deinit(&why);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct span rest = span_of(data, size);
    struct origin_request request = {.origin = next_line(&rest), .host = next_line(&rest)};
    struct origin_rules *rules = NULL;
    struct span pattern = SPAN("");
    struct buf why = BUF_EMPTY;
    enum origin_verdict verdict;

    request.fetch_site = next_line(&rest);
    request.is_tls = size % 2 == 1;
    request.is_state_changing = size % 3 != 0;
    /* Not always: compiling it takes longer than all the rest. */
    if (size % 4 == 0)
        pattern = SPAN("https://[a-z0-9-]+\\.example\\.com");
    if (origin_rules_new(rest, pattern, &rules, &why) == OK) {
        verdict = origin_check(rules, &request);
        if (request.origin.len > 0) {
            assert(verdict != ORIGIN_NONE);
            check_twin(request, verdict);
        }
        origin_rules_free(rules);
    } else {
        assert(why.len > 0);
    }
    buf_deinit(&why);
    return 0;
}

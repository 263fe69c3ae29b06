/* Whatever is logged, quoted as it should be or not, is one line of valid JSON, and what was quoted adds no member. */
#include "base/log.h"
#include "base/utf8.h"

#include <assert.h>
#include <stdlib.h>
#include <yyjson.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len);

static void check_line(void *members, struct span line)
{
    yyjson_doc *doc = yyjson_read(line.data, line.len, 0);

    assert(doc != NULL && yyjson_is_obj(yyjson_doc_get_root(doc)));
    *(size_t *)members = yyjson_obj_size(yyjson_doc_get_root(doc));
    yyjson_doc_free(doc);
    assert(utf8_is_valid(line));
    assert(span_find(line, '\n') == line.len);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct span input = span_of(data, len);
    char *str = span_to_str(input);
    size_t members = 0;

    log_redirect(check_line, &members);
    log_configure(LOG_INFO, LOG_FORMAT_JSON);
    log_info("quoted", "peer=%s n=%d", LOG_TEXT(input), 1);
    assert(members == 5);
    log_info("bare", "%s", str);
    log_info("value", "peer=%s n=%d", str, 1);
    log_redirect(NULL, NULL);
    free(str);
    return 0;
}

/* docs/errors.md, made from err.def. */
#include "server/errors_docs.h"

#include "base/err.h"

void errors_write_docs(struct buf *out)
{
    buf_append_str(
        out,
        "# Errors\n\n"
        "Made from `src/base/err.def` by `make docs`. The code is what programs look at; the sentence is for people. The close code ends a WebSocket "
        "when such errors pile up, or at once where the protocol says so; none: the connection stays.\n\n"
        "| code | HTTP | close | sentence |\n| --- | --- | --- | --- |\n");
    for (enum err err = (enum err)1; err < ERR_COUNT; err++) {
        buf_printf(out, "| `%s` | %u | ", err_code(err), err_http_status(err));
        if (err_close_code(err))
            buf_printf(out, "%u", err_close_code(err));
        buf_printf(out, " | %s |\n", err_sentence(err));
    }
}

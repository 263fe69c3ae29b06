/* docs/errors.md, made from err.def. */
#include "server/errors_docs.h"

#include "base/err.h"

void errors_write_docs(struct buf *out)
{
    buf_append_str(
        out,
        "# Errors\n\n"
        "Made from `src/base/err.def` by `make docs`. The code is what programs look at; the sentence is for people. The close code ends a connection "
        "where the protocol says so; none: it stays. *Counted* are messages that no client should send: more of them within a minute than "
        "[`error_messages_per_minute_max`](limits.md) end the connection with the close code of the last. What was said rightly and could not be done is "
        "not counted.\n\n"
        "| code | HTTP | close | counted | sentence |\n| --- | --- | --- | --- | --- |\n");
    for (enum err err = (enum err)1; err < ERR_COUNT; err++) {
        buf_printf(out, "| `%s` | %u | ", err_code(err), err_http_status(err));
        if (err_close_code(err))
            buf_printf(out, "%u", err_close_code(err));
        buf_printf(out, " | %s | %s |\n", err_is_counted(err) ? "yes" : "", err_sentence(err));
    }
}

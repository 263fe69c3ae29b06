#include "lib/check.h"

void assert_text(struct span text, const char *expected)
{
    if (!span_equal(text, span_from_str(expected)))
        fail_msg("\"%.*s\" is not \"%s\"", SPAN_ARG(text), expected);
}

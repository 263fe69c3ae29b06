#include "server/types_builtin.h"

/* The assembler puts the file into the program: it looks for it where #include does. */
#ifdef __APPLE__
#define SECTION ".section __TEXT,__const\n"
#define SYMBOL(name) "_" name
#define HIDDEN ".private_extern "
#else
#define SECTION ".section .rodata, \"a\"\n"
#define SYMBOL(name) name
#define HIDDEN ".hidden "
#endif
#define LABEL(name) ".global " SYMBOL(name) "\n" HIDDEN SYMBOL(name) "\n" SYMBOL(name) ":\n"

__asm__(SECTION LABEL("types_json") ".incbin \"server/types.json\"\n" LABEL("types_json_end") ".byte 0\n"
                                                                                              ".text\n");

extern const char types_json[], types_json_end[];

struct span types_builtin(void)
{
    return span_of(types_json, (size_t)(types_json_end - types_json));
}

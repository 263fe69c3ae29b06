/* limits.h: the numbers of limits.def as constants: what a protocol or the program bounds and no operator changes. What an operator
 * may change is handed down from the configuration (server/config.def). */
#pragma once

enum {
#define SECTION(title, sentence)
#define LIMIT(name, number, unit, what, consequence) LIMIT_##name = (number),
#define FIXED(what, value, consequence)
#include "base/limits.def"
#undef FIXED
#undef LIMIT
#undef SECTION
};

/* types_builtin.h: the business types that are there without any configuration: src/server/types.json, in the program.
 * Any thread. */
#pragma once

#include "base/span.h"

struct span types_builtin(void); /* JSON, for type_registry_new */

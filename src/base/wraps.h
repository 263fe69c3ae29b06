/* wraps.h: marks the few functions whose unsigned arithmetic overflows on purpose (hashes, generators), so that clang's
 * integer sanitizer stays quiet about them and loud about everything else. */
#pragma once

#ifdef __clang__
#define WRAPS __attribute__((no_sanitize("unsigned-integer-overflow", "unsigned-shift-base")))
#else
#define WRAPS
#endif

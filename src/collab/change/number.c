#include "collab/change/number.h"

#include "collab/change/items.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { DECIMAL_DIGITS = 15, PLACES_MAX = 40 };

/* From there on the digits before the point are all that a double has. */
static const double decimals_below = 1e15;

bool number_is(struct span json)
{
    return json.len > 0 && (json.data[0] == '-' || (json.data[0] >= '0' && json.data[0] <= '9'));
}

static bool is_signed(yyjson_val *number)
{
    return yyjson_is_int(number) && !(yyjson_is_uint(number) && yyjson_get_uint(number) > INT64_MAX);
}

/* A sum has the decimal places of its larger addend: of 7.1 - 7 all digits but the first are noise. */
static double to_decimal(double sum, double larger)
{
    const int places = larger > 0 ? DECIMAL_DIGITS - 1 - (int)floor(log10(larger)) : 0;
    char text[64];
    double rounded;

    if (larger >= decimals_below)
        return sum;
    if (places > PLACES_MAX)
        (void)snprintf(text, sizeof(text), "%.*g", DECIMAL_DIGITS, sum);
    else
        (void)snprintf(text, sizeof(text), "%.*f", places, sum);
    rounded = strtod(text, NULL);
    return rounded != 0 ? rounded : 0; /* there is no -0 */
}

static struct span print_double(struct arena *arena, double number)
{
    struct buf text = BUF_EMPTY;
    struct span copy;

    json_append_number(&text, number);
    copy = arena_copy(arena, buf_span(&text));
    buf_deinit(&text);
    return copy;
}

struct span number_sum(struct arena *arena, struct span a, struct span b)
{
    yyjson_val *one = json_in_arena_read(arena, a), *other = json_in_arena_read(arena, b);
    int64_t whole;
    double total, larger;

    if (!yyjson_is_num(one) || !yyjson_is_num(other))
        return SPAN_EMPTY;
    if (is_signed(one) && is_signed(other) &&
        !__builtin_add_overflow(yyjson_get_sint(one), yyjson_get_sint(other), &whole))
        return arena_printf(arena, "%lld", (long long)whole);
    total = yyjson_get_num(one) + yyjson_get_num(other);
    larger = fmax(fabs(yyjson_get_num(one)), fabs(yyjson_get_num(other)));
    return isfinite(total) ? print_double(arena, to_decimal(total, larger)) : SPAN_EMPTY;
}

struct span number_negative(struct arena *arena, struct span number)
{
    if (number.len > 0 && number.data[0] == '-')
        return span_slice(number, 1, number.len);
    return arena_printf(arena, "-%.*s", SPAN_ARG(number));
}

double number_value(struct arena *arena, struct span number)
{
    return yyjson_get_num(json_in_arena_read(arena, number));
}

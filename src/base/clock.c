#include "base/clock.h"

#include <assert.h>
#include <time.h>

/* ---- reading them ---- */

static struct timespec read_clock(clockid_t clock)
{
    struct timespec now;
    int failed = clock_gettime(clock, &now);

    assert(!failed);
    return now;
}

uint64_t clock_mono_ns(void)
{
    struct timespec now = read_clock(CLOCK_MONOTONIC);

    return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
}

uint64_t clock_mono_ms(void)
{
    return clock_mono_ns() / 1000000u;
}

int64_t clock_wall_ms(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    return (int64_t)now.tv_sec * 1000 + now.tv_nsec / 1000000;
}

int64_t clock_wall_ns(void)
{
    struct timespec now = read_clock(CLOCK_REALTIME);

    return (int64_t)now.tv_sec * 1000000000 + now.tv_nsec;
}

/* ---- the calendar ----
 * By hand, because gmtime_r and timegm ask the system's time zone files. Years begin in March here: so the leap day is
 * a year's last, and the months' lengths repeat (31 30 31 30 31) in a way that a division knows. */

enum { MS_PER_DAY = 86400000, DAYS_PER_CYCLE = 146097, DAYS_TO_1970 = 719468 }; /* from 0000-03-01; 400 years */

static const int64_t wall_ms_min = -62167219200000; /* 0000-01-01T00:00:00.000Z */
static const int64_t wall_ms_max = 253402300799999; /* 9999-12-31T23:59:59.999Z */

struct date {
    int64_t year, month, day; /* 1-based month and day */
};

static int64_t days_from_date(struct date date)
{
    int64_t year = date.month > 2 ? date.year : date.year - 1;
    int64_t month = date.month > 2 ? date.month - 3 : date.month + 9; /* since March */
    int64_t cycle = year >= 0 ? year / 400 : -1;                      /* January and February of 0000 */
    int64_t year_of_cycle = year - cycle * 400;
    int64_t day_of_year = (153 * month + 2) / 5 + date.day - 1;

    return cycle * DAYS_PER_CYCLE + year_of_cycle * 365 + year_of_cycle / 4 - year_of_cycle / 100 + day_of_year -
           DAYS_TO_1970;
}

static struct date date_from_days(int64_t days)
{
    int64_t shifted = days + DAYS_TO_1970;
    int64_t cycle = shifted >= 0 ? shifted / DAYS_PER_CYCLE : -1;
    int64_t day = shifted - cycle * DAYS_PER_CYCLE;
    /* Take out the leap days that came before, then every year has 365 days. */
    int64_t year = (day - day / 1460 + day / 36524 - day / 146096) / 365;
    int64_t day_of_year = day - (365 * year + year / 4 - year / 100);
    int64_t month = (5 * day_of_year + 2) / 153; /* since March */
    struct date date = {.day = day_of_year - (153 * month + 2) / 5 + 1};

    date.month = month < 10 ? month + 3 : month - 9;
    date.year = cycle * 400 + year + (date.month <= 2);
    return date;
}

static bool date_is_valid(struct date date)
{
    struct date same;

    if (date.month < 1 || date.month > 12 || date.day < 1 || date.day > 31)
        return false;
    same = date_from_days(days_from_date(date)); /* the 30th of February comes back as the 1st of March */
    return same.month == date.month && same.day == date.day;
}

/* ---- as text ---- */

/* The last two digits; every message carries a time, so they are put together by hand and appended at once. */
static char *put_two(char *place, int64_t number)
{
    unsigned two = (unsigned)number % 100;

    place[0] = (char)('0' + two / 10);
    place[1] = (char)('0' + two % 10);
    return place + 2;
}

static char *put_after(char *place, char separator, int64_t number)
{
    *place = separator;
    return put_two(place + 1, number);
}

/* Times that four digits of year cannot show become the nearest one they can. */
void clock_append_iso(struct buf *out, int64_t wall_ms)
{
    int64_t clamped = wall_ms < wall_ms_min ? wall_ms_min : wall_ms > wall_ms_max ? wall_ms_max : wall_ms;
    int64_t since_year_0 = clamped - wall_ms_min; /* not negative: divisions round down */
    int64_t ms = since_year_0 % MS_PER_DAY;
    struct date date = date_from_days(since_year_0 / MS_PER_DAY + wall_ms_min / MS_PER_DAY);
    char text[sizeof("2026-02-03T04:05:06.789Z") - 1], *place = text;

    place = put_two(place, date.year / 100);
    place = put_two(place, date.year);
    place = put_after(place, '-', date.month);
    place = put_after(place, '-', date.day);
    place = put_after(place, 'T', ms / 3600000);
    place = put_after(place, ':', ms / 60000 % 60);
    place = put_after(place, ':', ms / 1000 % 60);
    place = put_after(place, '.', ms % 1000 / 10);
    *place++ = (char)('0' + ms % 10);
    *place++ = 'Z';
    buf_append(out, text, (size_t)(place - text));
}

/* Takes exactly `count` digits. */
static bool take_digits(struct span *rest, size_t count, int64_t *number)
{
    *number = 0;
    if (rest->len < count)
        return false;
    for (size_t i = 0; i < count; i++) {
        if (rest->data[i] < '0' || rest->data[i] > '9')
            return false;
        *number = *number * 10 + (rest->data[i] - '0');
    }
    *rest = span_slice(*rest, count, rest->len);
    return true;
}

static bool take_char(struct span *rest, char byte)
{
    if (rest->len == 0 || rest->data[0] != byte)
        return false;
    *rest = span_slice(*rest, 1, rest->len);
    return true;
}

static bool take_date(struct span *rest, struct date *date)
{
    return take_digits(rest, 4, &date->year) && take_char(rest, '-') && take_digits(rest, 2, &date->month) &&
           take_char(rest, '-') && take_digits(rest, 2, &date->day) && date_is_valid(*date);
}

static bool take_hour_and_minute(struct span *rest, int64_t *minutes)
{
    int64_t hour, minute;

    if (!take_digits(rest, 2, &hour) || !take_char(rest, ':') || !take_digits(rest, 2, &minute))
        return false;
    *minutes = hour * 60 + minute;
    return hour < 24 && minute < 60;
}

/* ".5" is 500 ms; digits beyond the third are cut off. */
static bool take_fraction(struct span *rest, int64_t *ms)
{
    int64_t digit, weight = 100;
    size_t count = 0;

    *ms = 0;
    if (!take_char(rest, '.'))
        return true;
    for (; count < 9 && take_digits(rest, 1, &digit); count++) {
        *ms += digit * weight;
        weight /= 10;
    }
    return count > 0;
}

/* Nothing and Z are UTC. */
static bool take_offset(struct span *rest, int64_t *minutes)
{
    bool east;

    *minutes = 0;
    if (rest->len == 0 || take_char(rest, 'Z'))
        return true;
    east = take_char(rest, '+');
    if ((!east && !take_char(rest, '-')) || !take_hour_and_minute(rest, minutes))
        return false;
    if (!east)
        *minutes = -*minutes;
    return true;
}

bool clock_parse_iso(struct span text, int64_t *wall_ms)
{
    struct span rest = text;
    struct date date;
    int64_t minutes, seconds, ms, offset;

    if (!take_date(&rest, &date) || !take_char(&rest, 'T') || !take_hour_and_minute(&rest, &minutes) ||
        !take_char(&rest, ':') || !take_digits(&rest, 2, &seconds) || seconds > 59 || !take_fraction(&rest, &ms) ||
        !take_offset(&rest, &offset) || rest.len > 0)
        return false;
    *wall_ms = days_from_date(date) * MS_PER_DAY + (minutes - offset) * 60000 + seconds * 1000 + ms;
    return true;
}

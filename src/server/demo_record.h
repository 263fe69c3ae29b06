/* demo_record.h: what the files of the demonstration data share: writing one record, choosing, and what a record is
 * called by its number. Nobody else includes it. */
#pragma once

#include "base/rand.h"
#include "server/demo.h"
#include "server/demo_words.h"

struct demo {
    struct type_registry *registry;
    demo_sink *sink;
    void *arg;
    size_t count; /* records given to the sink */
    struct arena arena;
    struct rand rand;        /* of the record under way: it depends on its type and number alone */
    const struct type *type; /* of the record under way */
    struct span id;
    struct buf json, state;
};

/* A record: begin, members in any order, end (checks it against its type and gives it to the sink). False: there is no
 * such type, leave it out. `number` counts from 0. */
bool demo_begin(struct demo *demo, const char *type, struct span id, unsigned number);
void demo_end(struct demo *demo);

/* Members. */
void demo_text(struct demo *demo, const char *key, struct span text);
void demo_join(struct demo *demo, const char *key, struct span first, const char *between, struct span second);
/* SPAN_ARG evaluates its argument more than once: nothing that chooses may stand in it. */
void demo_format(struct demo *demo, const char *key, const char *format, ...) __attribute__((format(printf, 3, 4)));
void demo_integer(struct demo *demo, const char *key, unsigned number);
void demo_amount(struct demo *demo, const char *key, uint64_t cents);
void demo_date(struct demo *demo, const char *key, int day);      /* days since 2026-01-01: "2026-02-19" */
void demo_moment(struct demo *demo, const char *key, int day);    /* a time of that day: "2026-02-19T09:14:00.000Z" */
void demo_open(struct demo *demo, const char *key, char bracket); /* a nested object or list; key NULL: an item */
void demo_close(struct demo *demo, char bracket);

/* Choosing. One choice per expression: compilers differ in the order in which they evaluate arguments, and the data
 * is to be the same everywhere. */
unsigned demo_below(struct demo *demo, unsigned bound);
unsigned demo_between(struct demo *demo, unsigned least, unsigned most);
bool demo_chance(struct demo *demo, unsigned percent);
struct span demo_pick(struct demo *demo, struct words words);
struct span demo_choose(struct demo *demo, const char *choices); /* one of the words between blanks */
struct span demo_user(struct demo *demo);                        /* the username of somebody who works */
void demo_address(struct demo *demo, const char *key);
uint64_t demo_seed(unsigned kind, unsigned number);

/* What is known of a record by its number, wherever it is mentioned. Texts are in the arena. */
struct demo_part {
    struct span id, name;
    const struct part_family *family;
    unsigned cost_cents;
};
struct demo_part demo_part(struct demo *demo, unsigned number);
struct span demo_person(struct demo *demo, unsigned kind,
                        unsigned number); /* "Maria Garcia"; the kind tells lists apart */
struct span demo_company(struct demo *demo, unsigned kind, unsigned number);
struct span demo_host(struct demo *demo, struct span company);                      /* "northwindgroup.example.com" */
struct span demo_email(struct demo *demo, struct span person, struct span company); /* "maria.garcia@" and the host */

enum { DEMO_KIND_PART = 1, DEMO_KIND_VENDOR, DEMO_KIND_CUSTOMER, DEMO_KIND_EMPLOYEE };

/* Ids by number, in the arena. */
struct span demo_id(struct demo *demo, const char *prefix, unsigned digits, unsigned first, unsigned number);
#define DEMO_ID_WORK_ORDER(demo, number) demo_id(demo, "WO-", 4, 1001, number)
#define DEMO_ID_ECO(demo, number) demo_id(demo, "ECO-", 3, 101, number)
#define DEMO_ID_PART(demo, number) demo_id(demo, "PN-", 5, 10001, number)
#define DEMO_ID_VENDOR(demo, number) demo_id(demo, "V-", 3, 101, number)
#define DEMO_ID_PURCHASE(demo, number) demo_id(demo, "PO-", 4, 2001, number)
#define DEMO_ID_ITEM(demo, number) demo_id(demo, "SKU-", 4, 1, number)
#define DEMO_ID_CUSTOMER(demo, number) demo_id(demo, "CUST-", 4, 1, number)
#define DEMO_ID_ORDER(demo, number) demo_id(demo, "ORD-", 5, 10001, number)
#define DEMO_ID_PRICE(demo, number) demo_id(demo, "PRICE-", 3, 101, number)
#define DEMO_ID_PROJECT(demo, number) demo_id(demo, "PRJ-", 3, 101, number)
#define DEMO_ID_EMPLOYEE(demo, number) demo_id(demo, "EMP-", 3, 1, number)
#define DEMO_ID_DIVISION(demo, number) demo_id(demo, "DIV-", 1, 1, number)

/* demo_factory.c, demo_sales.c, demo_staff.c */
void demo_parts(struct demo *demo);
void demo_vendors(struct demo *demo);
void demo_items(struct demo *demo);
void demo_work_orders(struct demo *demo);
void demo_ecos(struct demo *demo);
void demo_purchases(struct demo *demo);
void demo_customers(struct demo *demo);
void demo_orders(struct demo *demo);
void demo_prices(struct demo *demo);
void demo_divisions(struct demo *demo);
void demo_projects(struct demo *demo);
void demo_employees(struct demo *demo);

/* demo.h: the demonstration data: accounts, and a deterministic generator of records. The same registry always gets
 * the same records: no clock, no kernel randomness. Dates lie around the beginning of 2026, references lead to
 * records that exist, every record suits its type. Logic in demo.c and demo_*.c, words in demo_words.c. */
#pragma once

#include "collab/type/type.h"

struct demo_account {
    struct span id, username, name, password;
    uint32_t role_count;
    struct span roles[2];
};
#define DEMO_ACCOUNT_COUNT 5
extern const struct demo_account demo_accounts[DEMO_ACCOUNT_COUNT];

/* How many there are of each. Ids count up from the first: WO-1001, ECO-101, PN-10001, V-101, PO-2001, SKU-0001,
 * CUST-0001, ORD-10001, PRICE-101, PRJ-101, EMP-001, DIV-1. */
enum {
    DEMO_WORK_ORDERS = 500,
    DEMO_ECOS = 60,
    DEMO_PARTS = 2000,
    DEMO_VENDORS = 80,
    DEMO_PURCHASES = 150,
    DEMO_ITEMS = 1200,
    DEMO_CUSTOMERS = 800,
    DEMO_ORDERS = 1500,
    DEMO_PRICES = 40,
    DEMO_PROJECTS = 40,
    DEMO_EMPLOYEES = 120,
    DEMO_DIVISIONS = 6,
};

typedef void demo_sink(void *arg, const struct type *type, struct span id, struct span state);

/* Calls the sink for each record; id and state are valid during the call. Types that a configuration has taken away
 * are left out, and so are records that do not suit a type that it has replaced. Gives how many records the sink got.
 */
size_t demo_generate(struct type_registry *registry, demo_sink *sink, void *arg);

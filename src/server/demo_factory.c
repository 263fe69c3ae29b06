/* Vendors, parts, inventory, work orders, engineering change orders, purchase orders. The first of those that have a
 * way to go are at its beginning, so that a newcomer can approve ECO-101 and kit WO-1001. */
#include "server/demo_record.h"

enum { FRESH = 12 /* records at the beginning of their way */ };

static void contact(struct demo *demo, unsigned number)
{
    struct span person = demo_person(demo, DEMO_KIND_VENDOR, number);
    struct span company = demo_company(demo, DEMO_KIND_VENDOR, number);

    demo_text(demo, "name", company);
    demo_text(demo, "contact_name", person);
    demo_text(demo, "email", demo_email(demo, person, company));
    demo_format(demo, "phone", "+1 503 555 %04u", demo_below(demo, 10000));
    demo_join(demo, "website", SPAN("https://www"), ".", demo_host(demo, company));
}

void demo_vendors(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_VENDORS; i++) {
        if (!demo_begin(demo, "vendor", DEMO_ID_VENDOR(demo, i), i))
            return;
        contact(demo, i);
        demo_text(demo, "status", demo_chance(demo, 90) ? SPAN("active") : demo_choose(demo, "on_hold blocked"));
        demo_address(demo, "address");
        demo_text(demo, "currency", demo_choose(demo, "USD USD USD EUR EUR GBP THB JPY"));
        demo_text(demo, "payment_terms", demo_choose(demo, "prepaid net_15 net_30 net_30 net_30 net_45 net_60"));
        demo_integer(demo, "lead_time_days", demo_between(demo, 2, 60));
        demo_integer(demo, "rating", demo_between(demo, 2, 5));
        demo_open(demo, "certifications", '[');
        json_append_string(&demo->json, demo_pick(demo, words_certifications));
        demo_close(demo, ']');
        demo_end(demo);
    }
}

static void manufacturer_number(struct demo *demo)
{
    char first = (char)('A' + demo_below(demo, 26));
    char second = (char)('A' + demo_below(demo, 26));

    demo_format(demo, "manufacturer_number", "%c%c-%05u", first, second, demo_below(demo, 100000));
}

void demo_parts(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_PARTS; i++) {
        struct demo_part part = demo_part(demo, i);

        if (!demo_begin(demo, "part", part.id, i))
            return;
        demo_text(demo, "name", part.name);
        demo_text(demo, "category", part.family->category);
        demo_text(demo, "revision", demo_choose(demo, "A A A B B C D"));
        demo_text(demo, "status", demo_chance(demo, 92) ? SPAN("active") : demo_choose(demo, "prototype obsolete"));
        demo_text(demo, "vendor", DEMO_ID_VENDOR(demo, demo_below(demo, DEMO_VENDORS)));
        manufacturer_number(demo);
        demo_text(demo, "unit", part.family->unit);
        demo_amount(demo, "unit_cost", part.cost_cents);
        demo_integer(demo, "lead_time_days", demo_between(demo, 1, 90));
        demo_amount(demo, "weight_g", demo_between(demo, 50, 250000));
        demo_text(demo, "material", part.family->material);
        demo_format(demo, "drawing", "DRW-%05u-%c.pdf", i + 10001, 'A' + (char)demo_below(demo, 4));
        demo_end(demo);
    }
}

/* Most items have stock to spare; one in fourteen is at its reorder point or below, none of the first hundred. */
static void stock(struct demo *demo, unsigned number)
{
    unsigned reorder_point = demo_between(demo, 5, 80);
    bool is_low = number >= 100 && demo_chance(demo, 7);
    unsigned on_hand = is_low ? demo_between(demo, 0, reorder_point) : reorder_point + demo_between(demo, 10, 600);

    demo_integer(demo, "qty_on_hand", on_hand);
    demo_integer(demo, "qty_reserved", demo_between(demo, 0, on_hand / 4));
    demo_integer(demo, "qty_ordered", is_low ? demo_between(demo, 50, 300) : 0);
    demo_integer(demo, "qty_ordered_jason", demo_chance(demo, 20) ? demo_between(demo, 5, 50) : 0);
    demo_integer(demo, "qty_ordered_maria", demo_chance(demo, 20) ? demo_between(demo, 5, 50) : 0);
    demo_integer(demo, "reorder_point", reorder_point);
    demo_integer(demo, "reorder_qty", demo_between(demo, 2, 20) * 25);
}

static void location(struct demo *demo)
{
    char hall = (char)('A' + demo_below(demo, 6));
    unsigned aisle = demo_between(demo, 1, 9), bay = demo_between(demo, 1, 40);

    demo_format(demo, "location", "%c%u-%02u-%u", hall, aisle, bay, demo_between(demo, 1, 5));
}

void demo_items(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_ITEMS; i++) {
        struct demo_part part = demo_part(demo, i * 5 % DEMO_PARTS + i / 400);
        struct span sku = DEMO_ID_ITEM(demo, i);

        if (!demo_begin(demo, "inventory", sku, i))
            return;
        demo_text(demo, "sku", sku);
        demo_text(demo, "name", part.name);
        demo_text(demo, "category", part.family->category);
        demo_text(demo, "part", part.id);
        demo_text(demo, "vendor", DEMO_ID_VENDOR(demo, demo_below(demo, DEMO_VENDORS)));
        demo_text(demo, "status", i < 100 || demo_chance(demo, 95) ? SPAN("active") : SPAN("inactive"));
        location(demo);
        demo_text(demo, "unit", part.family->unit);
        stock(demo, i);
        demo_amount(demo, "unit_cost", part.cost_cents);
        demo_date(demo, "last_counted", (int)demo_below(demo, 150) - 100);
        if (demo_chance(demo, 10))
            demo_text(demo, "notes", demo_pick(demo, words_item_notes));
        demo_end(demo);
    }
}

static void materials(struct demo *demo, unsigned quantity, bool is_issued)
{
    demo_open(demo, "materials", '[');
    for (unsigned i = demo_between(demo, 1, 4); i > 0; i--) {
        struct demo_part part = demo_part(demo, demo_below(demo, DEMO_PARTS));
        unsigned needed = quantity * demo_between(demo, 1, 4);

        demo_open(demo, NULL, '{');
        demo_text(demo, "part", part.id);
        demo_text(demo, "name", part.name);
        demo_integer(demo, "required", needed);
        demo_integer(demo, "issued", is_issued ? needed : 0);
        demo_close(demo, '}');
    }
    demo_close(demo, ']');
}

/* Where a work order is on its way, and what that leaves behind. */
static void progress(struct demo *demo, struct span status, unsigned quantity, int due, bool is_kitted)
{
    bool is_started = span_equal(status, SPAN("in_progress")) || span_equal(status, SPAN("completed"));

    demo_text(demo, "status", status);
    if (is_kitted) {
        json_member_bool(&demo->json, "kitted", true);
        demo_moment(demo, "kitted_at", due - 9);
        demo_text(demo, "kitted_by", demo_user(demo));
    }
    if (is_started)
        demo_moment(demo, "started_at", due - 7);
    if (span_equal(status, SPAN("completed"))) {
        demo_integer(demo, "quantity_completed", quantity);
        demo_moment(demo, "completed_at", due - 1);
        demo_text(demo, "completed_by", demo_user(demo));
    } else if (is_started) {
        demo_integer(demo, "quantity_completed", demo_below(demo, quantity));
    }
}

void demo_work_orders(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_WORK_ORDERS; i++) {
        unsigned quantity;
        bool is_kitted;
        struct demo_part part;
        struct span status;
        int due;

        if (!demo_begin(demo, "work_order", DEMO_ID_WORK_ORDER(demo, i), i))
            return;
        part = demo_part(demo, demo_below(demo, DEMO_PARTS));
        quantity = demo_between(demo, 1, 50);
        quantity *= demo_between(demo, 1, 10);
        status = i < FRESH ? SPAN("open")
                           : demo_choose(demo, "open open open in_progress in_progress on_hold completed completed "
                                               "completed cancelled");
        is_kitted = i >= FRESH && (span_equal(status, SPAN("in_progress")) || span_equal(status, SPAN("completed")) ||
                                   demo_chance(demo, 20));
        due = (span_equal(status, SPAN("completed")) ? -60 : 45) + (int)demo_below(demo, 60);
        demo_join(demo, "title", demo_pick(demo, words_operations), " ", part.name);
        demo_text(demo, "priority", demo_choose(demo, "low normal normal normal high urgent"));
        demo_text(demo, "part", part.id);
        demo_integer(demo, "quantity", quantity);
        if (demo_chance(demo, 60))
            demo_text(demo, "order", DEMO_ID_ORDER(demo, demo_below(demo, DEMO_ORDERS)));
        demo_text(demo, "work_center", demo_pick(demo, words_work_centers));
        demo_text(demo, "assigned_to", demo_user(demo));
        demo_date(demo, "due_date", due);
        progress(demo, status, quantity, due, is_kitted);
        materials(demo, quantity, is_kitted);
        demo_amount(demo, "cost_estimate", (uint64_t)quantity * part.cost_cents * 3 / 2);
        if (demo_chance(demo, 40))
            demo_text(demo, "notes", demo_pick(demo, words_work_notes));
        demo_end(demo);
    }
}

static void decisions(struct demo *demo, struct span status, int day)
{
    bool is_approved = span_equal(status, SPAN("approved")) || span_equal(status, SPAN("implemented"));

    demo_text(demo, "status", status);
    if (!span_equal(status, SPAN("draft"))) {
        demo_moment(demo, "submitted_at", day);
        demo_text(demo, "submitted_by", demo_user(demo));
    }
    if (is_approved) {
        demo_moment(demo, "approved_at", day + 4);
        demo_text(demo, "approved_by", SPAN("mgarcia"));
    }
    if (span_equal(status, SPAN("implemented"))) {
        demo_moment(demo, "implemented_at", day + 18);
        demo_text(demo, "implemented_by", demo_user(demo));
    }
    if (span_equal(status, SPAN("rejected"))) {
        demo_moment(demo, "rejected_at", day + 3);
        demo_text(demo, "rejected_by", SPAN("mgarcia"));
        demo_text(demo, "rejection_reason", SPAN("The cost does not outweigh the benefit this year."));
    }
}

void demo_ecos(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_ECOS; i++) {
        struct demo_part part;
        int day;

        if (!demo_begin(demo, "eco", DEMO_ID_ECO(demo, i), i))
            return;
        part = demo_part(demo, demo_below(demo, DEMO_PARTS));
        day = (int)demo_below(demo, 80) - 60;
        demo_join(demo, "title", demo_pick(demo, words_eco_titles), " ", part.family->noun);
        decisions(demo,
                  i < FRESH
                      ? SPAN("submitted")
                      : demo_choose(demo, "draft draft submitted submitted approved approved rejected implemented "
                                          "implemented"),
                  day);
        demo_text(demo, "priority", demo_choose(demo, "low normal normal high urgent"));
        demo_text(demo, "change_type", demo_choose(demo, "design design process document supplier material"));
        demo_text(demo, "part", part.id);
        demo_open(demo, "affected_parts", '[');
        demo_open(demo, NULL, '{');
        demo_text(demo, "part", part.id);
        demo_text(demo, "from_revision", SPAN("A"));
        demo_text(demo, "to_revision", SPAN("B"));
        demo_close(demo, '}');
        demo_close(demo, ']');
        demo_text(demo, "reason", demo_pick(demo, words_eco_reasons));
        demo_join(demo, "description", part.name, ". ", demo_pick(demo, words_eco_notes));
        demo_text(demo, "requested_by", demo_user(demo));
        demo_date(demo, "effective_date", day + 60);
        demo_amount(demo, "cost_impact", demo_between(demo, 0, 900000));
        demo_end(demo);
    }
}

static uint64_t purchase_lines(struct demo *demo)
{
    uint64_t total = 0;

    demo_open(demo, "lines", '[');
    for (unsigned i = demo_between(demo, 1, 5); i > 0; i--) {
        struct demo_part part = demo_part(demo, demo_below(demo, DEMO_PARTS));
        unsigned quantity = demo_between(demo, 1, 40) * 5;

        demo_open(demo, NULL, '{');
        demo_text(demo, "part", part.id);
        demo_text(demo, "description", part.name);
        demo_integer(demo, "quantity", quantity);
        demo_amount(demo, "unit_price", part.cost_cents);
        demo_close(demo, '}');
        total += (uint64_t)quantity * part.cost_cents;
    }
    demo_close(demo, ']');
    return total;
}

static void purchase_progress(struct demo *demo, struct span status, int day)
{
    bool is_received = span_equal(status, SPAN("received"));

    demo_text(demo, "status", status);
    if (is_received || span_equal(status, SPAN("approved")) || span_equal(status, SPAN("ordered"))) {
        demo_moment(demo, "approved_at", day);
        demo_text(demo, "approved_by", SPAN("mgarcia"));
    }
    if (is_received || span_equal(status, SPAN("ordered")))
        demo_date(demo, "order_date", day + 1);
    if (is_received) {
        demo_moment(demo, "received_at", day + 14);
        demo_text(demo, "received_by", demo_user(demo));
    }
}

void demo_purchases(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_PURCHASES; i++) {
        unsigned vendor;
        int day;

        if (!demo_begin(demo, "procurement", DEMO_ID_PURCHASE(demo, i), i))
            return;
        vendor = demo_below(demo, DEMO_VENDORS);
        day = (int)demo_below(demo, 90) - 60;
        demo_join(demo, "title", part_families[demo_below(demo, part_family_count)].category, ", ",
                  demo_company(demo, DEMO_KIND_VENDOR, vendor));
        demo_text(demo, "vendor", DEMO_ID_VENDOR(demo, vendor));
        purchase_progress(demo,
                          i < FRESH ? SPAN("submitted")
                                    : demo_choose(demo, "draft submitted approved ordered ordered received received "
                                                        "received cancelled"),
                          day);
        demo_text(demo, "buyer", demo_user(demo));
        demo_date(demo, "expected_date", day + 21);
        demo_amount(demo, "total", purchase_lines(demo));
        demo_end(demo);
    }
}

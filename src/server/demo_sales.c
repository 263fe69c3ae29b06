/* Customers, sales orders, pricing rules. */
#include "server/demo_record.h"

enum { FRESH = 12 /* orders at the beginning of their way */ };

static void interactions(struct demo *demo)
{
    demo_open(demo, "interactions", '[');
    for (unsigned i = demo_below(demo, 4); i > 0; i--) {
        demo_open(demo, NULL, '{');
        demo_text(demo, "kind", demo_choose(demo, "call call meeting"));
        demo_date(demo, "date", (int)demo_below(demo, 120) - 75);
        demo_text(demo, "by", demo_user(demo));
        demo_text(demo, "summary", demo_pick(demo, words_call_notes));
        demo_close(demo, '}');
    }
    demo_close(demo, ']');
}

void demo_customers(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_CUSTOMERS; i++) {
        struct span person = demo_person(demo, DEMO_KIND_CUSTOMER, i);
        struct span company = demo_company(demo, DEMO_KIND_CUSTOMER, i);

        if (!demo_begin(demo, "customer", DEMO_ID_CUSTOMER(demo, i), i))
            return;
        demo_text(demo, "name", person);
        demo_text(demo, "company", company);
        demo_text(demo, "email", demo_email(demo, person, company));
        demo_format(demo, "phone", "+1 512 555 %04u", demo_below(demo, 10000));
        demo_text(demo, "status", demo_choose(demo, "lead active active active active inactive"));
        demo_text(demo, "segment", demo_choose(demo, "retail wholesale industrial industrial public"));
        demo_text(demo, "tier", demo_choose(demo, "standard standard standard silver silver gold platinum"));
        demo_text(demo, "owner", demo_user(demo));
        demo_address(demo, "address");
        demo_amount(demo, "credit_limit", (uint64_t)demo_between(demo, 2, 100) * 50000);
        demo_amount(demo, "lifetime_value", demo_between(demo, 0, 25000000));
        interactions(demo);
        demo_date(demo, "last_contact", (int)demo_below(demo, 120) - 75);
        demo_open(demo, "tags", '[');
        json_append_string(&demo->json, demo_pick(demo, words_customer_tags));
        demo_close(demo, ']');
        if (demo_chance(demo, 50))
            demo_text(demo, "notes", demo_pick(demo, words_customer_notes));
        demo_end(demo);
    }
}

/* The price is what the part costs and half as much again. */
static uint64_t order_items(struct demo *demo)
{
    uint64_t subtotal = 0;

    demo_open(demo, "items", '[');
    for (unsigned i = demo_between(demo, 1, 5); i > 0; i--) {
        unsigned number = demo_below(demo, DEMO_ITEMS), quantity = demo_between(demo, 1, 40);
        struct demo_part part = demo_part(demo, number * 5 % DEMO_PARTS + number / 400);
        unsigned price = part.cost_cents * 3 / 2 + 1;

        demo_open(demo, NULL, '{');
        demo_text(demo, "sku", DEMO_ID_ITEM(demo, number));
        demo_text(demo, "description", part.name);
        demo_integer(demo, "quantity", quantity);
        demo_amount(demo, "unit_price", price);
        demo_close(demo, '}');
        subtotal += (uint64_t)quantity * price;
    }
    demo_close(demo, ']');
    return subtotal;
}

static void amounts(struct demo *demo)
{
    uint64_t subtotal = order_items(demo);
    unsigned discount = demo_chance(demo, 25) ? demo_between(demo, 1, 3) * 5 : 0;

    demo_amount(demo, "subtotal", subtotal);
    demo_integer(demo, "discount_percent", discount);
    demo_amount(demo, "total", subtotal - subtotal * discount / 100);
}

static void delivery(struct demo *demo, struct span status, int day)
{
    bool is_delivered = span_equal(status, SPAN("delivered"));

    demo_text(demo, "status", status);
    demo_text(demo, "payment_status",
              is_delivered ? demo_choose(demo, "paid paid unpaid") : demo_choose(demo, "unpaid unpaid partial paid"));
    if (is_delivered || span_equal(status, SPAN("shipped"))) {
        demo_text(demo, "carrier", demo_pick(demo, words_carriers));
        demo_format(demo, "tracking_number", "TRK%010u", demo_below(demo, 2000000000));
        demo_moment(demo, "shipped_at", day + 6);
    }
    if (is_delivered)
        demo_moment(demo, "delivered_at", day + 9);
}

void demo_orders(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_ORDERS; i++) {
        unsigned customer;
        struct span status;
        int day;

        if (!demo_begin(demo, "order", DEMO_ID_ORDER(demo, i), i))
            return;
        customer = demo_below(demo, DEMO_CUSTOMERS);
        status = i < FRESH ? SPAN("pending")
                           : demo_choose(demo, "pending confirmed processing shipped shipped delivered delivered "
                                               "delivered delivered cancelled");
        day = (int)demo_below(demo, 60) - (span_equal(status, SPAN("delivered")) ? 90 : 12);
        demo_join(demo, "title", demo->id, ", ", demo_company(demo, DEMO_KIND_CUSTOMER, customer));
        demo_text(demo, "customer", DEMO_ID_CUSTOMER(demo, customer));
        delivery(demo, status, day);
        demo_date(demo, "order_date", day);
        demo_date(demo, "required_date", day + (int)demo_between(demo, 7, 45));
        demo_text(demo, "salesperson", demo_user(demo));
        amounts(demo);
        demo_address(demo, "shipping_address");
        if (demo_chance(demo, 35))
            demo_text(demo, "notes", demo_pick(demo, words_order_notes));
        demo_end(demo);
    }
}

/* Either a percentage for a group of customers, or an amount for a part. */
static void rule(struct demo *demo, unsigned number)
{
    struct demo_part part = demo_part(demo, demo_below(demo, DEMO_PARTS));
    struct span tier = demo_choose(demo, "silver gold platinum");
    struct span segment = demo_choose(demo, "retail wholesale industrial public");
    unsigned percent = demo_between(demo, 1, 8) * 5 / 2;
    bool is_volume = number % 4 == 1;

    if (number % 2 == 0) {
        demo_format(demo, "name", "%u %% off for %.*s, %.*s", percent, SPAN_ARG(tier), SPAN_ARG(segment));
        demo_text(demo, "rule", SPAN("percent_off"));
        demo_text(demo, "tier", tier);
        demo_text(demo, "segment", segment);
        demo_integer(demo, "percent", percent);
    } else {
        demo_format(demo, "name", "%s: %.*s", is_volume ? "Volume price" : "List price", SPAN_ARG(part.name));
        demo_text(demo, "rule", is_volume ? SPAN("volume") : SPAN("list_price"));
        demo_text(demo, "part", part.id);
        demo_amount(demo, "amount", part.cost_cents * 4 / 3 + 1);
        demo_integer(demo, "min_quantity", is_volume ? demo_between(demo, 1, 20) * 10 : 1);
    }
}

void demo_prices(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_PRICES; i++) {
        bool is_active;

        if (!demo_begin(demo, "pricing", DEMO_ID_PRICE(demo, i), i))
            return;
        is_active = i % 4 != 3;
        rule(demo, i);
        demo_text(demo, "status", is_active ? SPAN("active") : SPAN("draft"));
        demo_integer(demo, "precedence", demo_between(demo, 1, 20) * 10);
        demo_date(demo, "valid_from", -31);
        demo_date(demo, "valid_to", 364);
        if (is_active) {
            demo_moment(demo, "approved_at", -40);
            demo_text(demo, "approved_by", SPAN("mgarcia"));
        }
        demo_end(demo);
    }
}

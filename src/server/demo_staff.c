/* Divisions, projects with their phases, employees in crews. */
#include "server/demo_record.h"

void demo_divisions(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_DIVISIONS; i++) {
        const struct division_facts *facts = &division_facts[i];
        unsigned threshold;

        if (!demo_begin(demo, "division", DEMO_ID_DIVISION(demo, i), i))
            return;
        threshold = demo_between(demo, 4, 20) * 25000;
        demo_text(demo, "name", facts->name);
        demo_text(demo, "manager", facts->manager);
        demo_text(demo, "cost_center", facts->cost_center);
        demo_text(demo, "location", facts->location);
        demo_integer(demo, "headcount", DEMO_EMPLOYEES / DEMO_DIVISIONS);
        demo_text(demo, "currency", SPAN("USD"));
        demo_integer(demo, "cash_threshold", threshold);
        demo_integer(demo, "cash_balance", threshold + demo_between(demo, 20, 900) * 1000);
        demo_end(demo);
    }
}

/* Phases follow each other; those before the present one are done. */
static void phases(struct demo *demo, struct words crews, int start, int days, unsigned progress)
{
    unsigned count = demo_between(demo, 3, words_phases.count);
    int length = days / (int)count;

    demo_open(demo, "phases", '[');
    for (unsigned i = 0; i < count; i++) {
        unsigned from = i * 100 / count, to = (i + 1) * 100 / count;
        bool is_done = progress >= to, is_begun = progress > from;

        demo_open(demo, NULL, '{');
        demo_text(demo, "name", words_phases.words[i * words_phases.count / count]);
        demo_text(demo, "status", is_done ? SPAN("completed") : is_begun ? SPAN("active") : SPAN("planned"));
        demo_date(demo, "start_date", start + (int)i * length);
        demo_date(demo, "end_date", start + ((int)i + 1) * length - 1);
        demo_integer(demo, "progress", is_done ? 100 : is_begun ? (progress - from) * 100 / (to - from) : 0);
        demo_text(demo, "crew", demo_pick(demo, crews));
        demo_close(demo, '}');
    }
    demo_close(demo, ']');
}

void demo_projects(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_PROJECTS; i++) {
        unsigned division = i % DEMO_DIVISIONS, progress, budget;
        struct span status;
        int start, days;

        if (!demo_begin(demo, "project", DEMO_ID_PROJECT(demo, i), i))
            return;
        status = i < 10 ? SPAN("active") : demo_choose(demo, "planned active active on_hold completed");
        progress = span_equal(status, SPAN("planned"))     ? 0
                   : span_equal(status, SPAN("completed")) ? 100
                                                           : demo_between(demo, 5, 95);
        days = (int)demo_between(demo, 120, 400);
        start = 49 - days * (int)progress / 100; /* as far as it is by 2026-02-19 */
        budget = demo_between(demo, 40, 2500) * 1000;
        demo_join(demo, "name", words_project_names.words[i % words_project_names.count], ", ",
                  words_project_places.words[(i * 3 + i / words_project_names.count) % words_project_places.count]);
        demo_text(demo, "status", status);
        demo_text(demo, "division", DEMO_ID_DIVISION(demo, division));
        demo_text(demo, "customer", DEMO_ID_CUSTOMER(demo, demo_below(demo, DEMO_CUSTOMERS)));
        demo_text(demo, "manager", demo_user(demo));
        demo_date(demo, "start_date", start);
        demo_date(demo, "end_date", start + days);
        demo_integer(demo, "progress", progress);
        demo_integer(demo, "budget", budget);
        demo_integer(demo, "spent", budget / 100 * progress / 100 * demo_between(demo, 85, 99));
        phases(demo, division_facts[division].crews, start, days, progress);
        demo_end(demo);
    }
}

static void skills(struct demo *demo)
{
    struct span first = demo_pick(demo, words_skills), second = demo_pick(demo, words_skills);

    demo_open(demo, "skills", '[');
    json_append_string(&demo->json, first);
    if (!span_equal(first, second)) {
        buf_append_char(&demo->json, ',');
        json_append_string(&demo->json, second);
    }
    demo_close(demo, ']');
}

void demo_employees(struct demo *demo)
{
    for (unsigned i = 0; i < DEMO_EMPLOYEES; i++) {
        unsigned division = i % DEMO_DIVISIONS, capacity;
        struct span name = demo_person(demo, DEMO_KIND_EMPLOYEE, i);

        if (!demo_begin(demo, "employee", DEMO_ID_EMPLOYEE(demo, i), i))
            return;
        capacity = demo_chance(demo, 85) ? 40 : demo_choose(demo, "20 32").data[0] == '2' ? 20 : 32;
        demo_text(demo, "name", name);
        demo_text(demo, "email", demo_email(demo, name, division_facts[division].name));
        demo_text(demo, "job_title", demo_pick(demo, words_job_titles));
        demo_text(demo, "status", demo_chance(demo, 94) ? SPAN("active") : SPAN("on_leave"));
        demo_text(demo, "division", DEMO_ID_DIVISION(demo, division));
        demo_text(demo, "crew", demo_pick(demo, division_facts[division].crews));
        demo_text(demo, "project",
                  DEMO_ID_PROJECT(demo, division + DEMO_DIVISIONS * demo_below(demo, DEMO_PROJECTS / DEMO_DIVISIONS)));
        demo_integer(demo, "hours", capacity * demo_between(demo, 10, 20) / 20);
        demo_integer(demo, "capacity", capacity);
        skills(demo);
        demo_date(demo, "hire_date", -(int)demo_between(demo, 60, 4000));
        demo_amount(demo, "hourly_rate", demo_between(demo, 2400, 7800));
        demo_end(demo);
    }
}

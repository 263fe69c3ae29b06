/* demo_words.h: the words that the demonstration data is made of. */
#pragma once

#include "base/span.h"

struct words {
    const struct span *words;
    uint32_t count;
};

/* Parts of one kind: "Hex bolt M8x40, zinc". */
struct part_family {
    struct span noun, category, unit, material;
    unsigned cost_cents_min, cost_cents_max; /* of one unit */
    struct words sizes, finishes;
};
extern const struct part_family part_families[];
extern const unsigned part_family_count;

struct division_facts {
    struct span name, manager, cost_center, location;
    struct words crews;
};
extern const struct division_facts division_facts[]; /* DEMO_DIVISIONS of them */

extern const struct words words_first_names, words_last_names;
extern const struct words words_company_names, words_company_kinds;
extern const struct words words_streets, words_cities, words_countries; /* a city and its country have the same place */
extern const struct words words_operations, words_work_centers, words_work_notes;
extern const struct words words_eco_titles, words_eco_reasons, words_eco_notes;
extern const struct words words_customer_tags, words_customer_notes, words_call_notes;
extern const struct words words_order_notes, words_carriers;
extern const struct words words_project_names, words_project_places, words_phases;
extern const struct words words_job_titles, words_skills;
extern const struct words words_certifications, words_item_notes;

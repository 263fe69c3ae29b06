#include "simulation/sim_mail.h"

#include "base/memory.h"

#include <stdlib.h>

static bool is_before(const struct sim_mail *a, const struct sim_mail *b)
{
    return a->due_ms < b->due_ms || (a->due_ms == b->due_ms && a->serial < b->serial);
}

void sim_mail_put(struct sim *sim, struct sim_mail *mail)
{
    unsigned i = sim->mail_count++;

    if (sim->mail_count > sim->mail_capacity) {
        sim->mail_capacity = sim->mail_capacity ? sim->mail_capacity * 2 : 256;
        sim->mails = memory_resize(sim->mails, sim->mail_capacity * sizeof(*sim->mails));
    }
    mail->serial = ++sim->mail_serial;
    for (; i > 0 && is_before(mail, sim->mails[(i - 1) / 2]); i = (i - 1) / 2)
        sim->mails[i] = sim->mails[(i - 1) / 2];
    sim->mails[i] = mail;
}

struct sim_mail *sim_mail_take(struct sim *sim)
{
    struct sim_mail *first = sim->mails[0], *last = sim->mails[--sim->mail_count];
    unsigned i = 0;

    for (;;) {
        unsigned child = 2 * i + 1;

        if (child + 1 < sim->mail_count && is_before(sim->mails[child + 1], sim->mails[child]))
            child++;
        if (child >= sim->mail_count || !is_before(sim->mails[child], last))
            break;
        sim->mails[i] = sim->mails[child];
        i = child;
    }
    sim->mails[i] = last;
    return first;
}

struct sim_mail *sim_mail_post(struct sim *sim, enum mail_kind kind, unsigned to, uint64_t due_ms)
{
    struct sim_mail *mail = NEW(struct sim_mail);

    mail->kind = kind;
    mail->to = to;
    mail->due_ms = due_ms;
    sim_mail_put(sim, mail);
    return mail;
}

/* By a link: after a while, but never before what was sent on it earlier. */
struct sim_mail *sim_mail_send(struct sim *sim, enum mail_kind kind, unsigned from, unsigned to)
{
    uint64_t *link_ms = &sim->link_ms[from][to];
    const uint64_t due_ms = sim->now_ms + sim_random(sim, sim_chance(sim, 50) ? 60 : 4);

    *link_ms = due_ms > *link_ms ? due_ms : *link_ms;
    return sim_mail_post(sim, kind, to, *link_ms);
}

void sim_mail_free(struct sim_mail *mail)
{
    command_free(mail->command);
    answer_free(mail->answer);
    event_unref(mail->event);
    store_request_free(mail->request);
    for (unsigned i = 0; mail->facts && i < mail->facts->count; i++) {
        event_unref(mail->facts->facts[i].event);
        store_request_free(mail->facts->facts[i].request);
    }
    if (mail->facts)
        free(mail->facts->facts);
    free(mail->facts);
    free(mail);
}

struct sim_fact *sim_facts_add(struct sim_facts *facts)
{
    if (facts->count == facts->capacity) {
        facts->capacity = facts->capacity ? facts->capacity * 2 : 16;
        facts->facts = memory_resize(facts->facts, facts->capacity * sizeof(*facts->facts));
    }
    facts->facts[facts->count] = (struct sim_fact){0};
    return &facts->facts[facts->count++];
}

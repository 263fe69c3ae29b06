/* A stack that posters push on with one compare-and-swap and the home thread empties with one exchange. Nothing is ever
 * taken from the middle, so there is no ABA problem. */
#include "net/mailbox.h"

#include <assert.h>
#include <stdatomic.h>

void mailbox_init(struct mailbox *box, void (*wake)(void *arg), void *arg)
{
    atomic_init(&box->newest, NULL);
    box->wake = wake;
    box->arg = arg;
}

void mailbox_post(struct mailbox *box, struct mail *mail)
{
    struct mail *newest = atomic_load_explicit(&box->newest, memory_order_relaxed);

    assert(mail != NULL);
    do
        mail->next = newest;
    while (!atomic_compare_exchange_weak_explicit(&box->newest, &newest, mail, memory_order_release,
                                                  memory_order_relaxed));
    /* Only who found the box empty wakes: the home thread takes everything at once, so one wake covers the batch. */
    if (newest == NULL && box->wake)
        box->wake(box->arg);
}

struct mail *mailbox_take(struct mailbox *box)
{
    struct mail *mail = atomic_exchange_explicit(&box->newest, NULL, memory_order_acquire);
    struct mail *oldest = NULL;

    while (mail) {
        struct mail *next = mail->next;

        mail->next = oldest;
        oldest = mail;
        mail = next;
    }
    return oldest;
}

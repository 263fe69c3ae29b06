/* mailbox.h: the one door between threads. Mail is a struct that embeds `struct mail` as its first member and changes owner
 * when posted; boxes keep the order of each poster. Posting wakes the box's thread once per batch. */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct mail {
    struct mail *next;
    uint32_t kind; /* the receiver's: enum in the header that defines the mail */
};

struct mailbox {
    _Atomic(struct mail *) newest; /* a lock-free stack: turned round when taken */
    void (*wake)(void *arg);       /* any thread; called when the box was empty */
    void *arg;
};

void mailbox_init(struct mailbox *box, void (*wake)(void *arg), void *arg);
/* Any thread; takes mail. */
void mailbox_post(struct mailbox *box, struct mail *mail);
/* Home thread; gives the whole list at once, oldest first; NULL when empty. */
struct mail *mailbox_take(struct mailbox *box);

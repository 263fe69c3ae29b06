#include "net/mailbox.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>

enum { POSTERS = 4, MAILS = 20000 };

struct letter {
    struct mail mail;
    unsigned poster, number;
};

static void count_wake(void *arg)
{
    (*(unsigned *)arg)++;
}

static void an_empty_box_gives_nothing(void **state)
{
    struct mailbox box;

    (void)state;
    mailbox_init(&box, NULL, NULL);
    assert_null(mailbox_take(&box));
}

static void mail_comes_out_in_the_order_it_was_posted(void **state)
{
    struct mailbox box;
    struct letter letters[3] = {{.number = 0}, {.number = 1}, {.number = 2}};
    struct mail *mail;

    (void)state;
    mailbox_init(&box, NULL, NULL);
    for (int i = 0; i < 3; i++)
        mailbox_post(&box, &letters[i].mail);

    mail = mailbox_take(&box);
    for (unsigned i = 0; i < 3; i++, mail = mail->next)
        assert_int_equal(((struct letter *)(void *)mail)->number, i);
    assert_null(mail);
    assert_null(mailbox_take(&box));
}

static void only_the_first_mail_of_a_batch_wakes(void **state)
{
    struct mailbox box;
    struct letter letters[4] = {0};
    unsigned wakes = 0;

    (void)state;
    mailbox_init(&box, count_wake, &wakes);
    mailbox_post(&box, &letters[0].mail);
    mailbox_post(&box, &letters[1].mail);
    mailbox_post(&box, &letters[2].mail);
    assert_int_equal(wakes, 1);

    (void)mailbox_take(&box);
    mailbox_post(&box, &letters[3].mail);
    assert_int_equal(wakes, 2);
}

struct poster {
    struct mailbox *box;
    unsigned id;
};

static void *post_many(void *arg)
{
    struct poster *poster = arg;

    for (unsigned i = 0; i < MAILS; i++) {
        struct letter *letter = calloc(1, sizeof(*letter));

        if (letter == NULL)
            abort();
        letter->poster = poster->id;
        letter->number = i;
        mailbox_post(poster->box, &letter->mail);
    }
    return NULL;
}

static void no_mail_of_many_threads_is_lost_and_each_keeps_its_order(void **state)
{
    struct mailbox box;
    struct poster posters[POSTERS];
    pthread_t threads[POSTERS];
    unsigned next[POSTERS] = {0}, total = 0;

    (void)state;
    mailbox_init(&box, NULL, NULL);
    for (unsigned i = 0; i < POSTERS; i++) {
        posters[i] = (struct poster){&box, i};
        assert_int_equal(pthread_create(&threads[i], NULL, post_many, &posters[i]), 0);
    }

    while (total < POSTERS * MAILS) {
        struct mail *mail = mailbox_take(&box);

        while (mail) {
            struct letter *letter = (struct letter *)(void *)mail;

            mail = mail->next;
            assert_int_equal(letter->number, next[letter->poster]);
            next[letter->poster]++;
            total++;
            free(letter);
        }
    }
    for (unsigned i = 0; i < POSTERS; i++)
        pthread_join(threads[i], NULL);
    assert_null(mailbox_take(&box));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(an_empty_box_gives_nothing),
        cmocka_unit_test(mail_comes_out_in_the_order_it_was_posted),
        cmocka_unit_test(only_the_first_mail_of_a_batch_wakes),
        cmocka_unit_test(no_mail_of_many_threads_is_lost_and_each_keeps_its_order),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}

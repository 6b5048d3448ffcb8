/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <signal.h>
#include <stdatomic.h>
#include <unistd.h>

#include "base/thread.h"

struct seen {
        sigset_t blocked;
        char name[16];
        pthread_barrier_t named;
};

static void *look(void *arg)
{
        struct seen *s = arg;

        pthread_barrier_wait(&s->named);
        pthread_sigmask(SIG_SETMASK, NULL, &s->blocked);
        pthread_getname_np(pthread_self(), s->name, sizeof(s->name));
        return s;
}

/* It has its name, takes no signals and can be joined; the caller's signals are as before. */
static void test_joined(void **state)
{
        struct seen s;
        pthread_t thread;
        sigset_t mine;
        void *result;

        pthread_barrier_init(&s.named, NULL, 2);
        assert_int_equal(thread_start(&thread, "test-look", 64 * 1024, look, &s), 0);
        pthread_barrier_wait(&s.named);
        assert_int_equal(pthread_join(thread, &result), 0);
        pthread_barrier_destroy(&s.named);
        assert_ptr_equal(result, &s);
        assert_string_equal(s.name, "test-look");
        assert_int_equal(sigismember(&s.blocked, SIGTERM), 1);
        pthread_sigmask(SIG_SETMASK, NULL, &mine);
        assert_int_equal(sigismember(&mine, SIGTERM), 0);
}

static void *leave(void *arg)
{
        atomic_fetch_add((atomic_int *)arg, 1);
        return NULL;
}

/* Those that nobody joins may end before thread_start() does. */
static void test_detached(void **state)
{
        static atomic_int n;

        for (int i = 0; i < 500; i++)
                assert_int_equal(thread_start(NULL, "test-leave", 0, leave, &n), 0);
        while (atomic_load(&n) < 500)
                (void)usleep(1000);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_joined),
                cmocka_unit_test(test_detached),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

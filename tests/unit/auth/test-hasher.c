/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "auth/auth_hasher.h"
#include "base/macro.h"

struct fixture {
        sd_event *loop;
        struct auth_hasher *hasher;
};

struct job {
        struct auth_hash_job hash;
        unsigned n_completed;
};

static int setup(void **state)
{
        static struct fixture f;

        f = (struct fixture){0};
        if (sd_event_new(&f.loop) < 0 || auth_hasher_new(&f.hasher, f.loop) < 0)
                return -1;
        *state = &f;
        return 0;
}

static int teardown(void **state)
{
        struct fixture *f = *state;

        f->hasher = auth_hasher_free(f->hasher);
        f->loop = sd_event_unref(f->loop);
        return 0;
}

static void on_complete(struct auth_hash_job *h)
{
        container_of(h, struct job, hash)->n_completed++;
}

static void wait_for(struct fixture *f, const struct job *j)
{
        while (j->n_completed == 0)
                assert_true(sd_event_run(f->loop, UINT64_MAX) >= 0);
        assert_int_equal(j->n_completed, 1);
}

/* A password matches its own hash only; the hash is Argon2id and salted. */
static void test_hash_and_verify(void **state)
{
        struct fixture *f = *state;
        struct job a = {0}, b = {0}, right = {0}, wrong = {0};

        assert_int_equal(auth_hash_submit(&a.hash, f->hasher, "correct horse", USEC_INFINITY, on_complete),
                         0);
        assert_int_equal(auth_hash_submit(&b.hash, f->hasher, "correct horse", USEC_INFINITY, on_complete),
                         0);
        assert_int_equal(a.n_completed, 0);
        wait_for(f, &a);
        wait_for(f, &b);
        assert_int_equal(a.hash.status, 0);
        assert_int_equal(strncmp(a.hash.hash, "$argon2id$", 10), 0);
        assert_string_not_equal(a.hash.hash, b.hash.hash);
        assert_int_equal(auth_verify_submit(&right.hash, f->hasher, a.hash.hash, "correct horse",
                                            USEC_INFINITY, on_complete),
                         0);
        assert_int_equal(auth_verify_submit(&wrong.hash, f->hasher, a.hash.hash, "correct horsf",
                                            USEC_INFINITY, on_complete),
                         0);
        wait_for(f, &right);
        wait_for(f, &wrong);
        assert_int_equal(right.hash.status, 0);
        assert_int_equal(wrong.hash.status, -EACCES);
}

/* The hash to verify against may lie in the job itself. */
static void test_verify_in_place(void **state)
{
        struct fixture *f = *state;
        struct job j = {0};

        assert_int_equal(auth_hash_submit(&j.hash, f->hasher, "twelve drums", USEC_INFINITY, on_complete), 0);
        wait_for(f, &j);
        j.n_completed = 0;
        assert_int_equal(auth_verify_submit(&j.hash, f->hasher, j.hash.hash, "twelve drums", USEC_INFINITY,
                                            on_complete),
                         0);
        wait_for(f, &j);
        assert_int_equal(j.hash.status, 0);
}

/* What has not begun by its deadline is told so, and not computed. */
static void test_deadline(void **state)
{
        struct fixture *f = *state;
        struct job late = {0}, right = {0};

        assert_int_equal(auth_hash_submit(&right.hash, f->hasher, "twelve drums", USEC_INFINITY, on_complete),
                         0);
        assert_int_equal(auth_verify_submit(&late.hash, f->hasher, NULL, "twelve drums",
                                            clock_monotonic_usec(), on_complete),
                         0);
        wait_for(f, &late);
        wait_for(f, &right);
        assert_int_equal(late.hash.status, -ETIMEDOUT);
        assert_int_equal(right.hash.status, 0);
}

/* A user that does not exist has no right password, not even the empty one, nor has one whose stored hash is
 * damaged. */
static void test_nobody(void **state)
{
        static const char *const hashes[] = {NULL, "", "$argon2id$v=19$m=65536,t=2,p=1$broken"};
        struct fixture *f = *state;

        for (size_t i = 0; i < ARRAY_SIZE(hashes); i++) {
                struct job j = {0};

                assert_int_equal(
                        auth_verify_submit(&j.hash, f->hasher, hashes[i], "", USEC_INFINITY, on_complete), 0);
                wait_for(f, &j);
                assert_int_equal(j.hash.status, -EACCES);
        }
}

/* The line is bounded; beyond it -EBUSY, and a cancelled job that waited makes room again and never calls
 * back. */
static void test_bounded_line(void **state)
{
        static struct job jobs[AUTH_HASH_WAITING_MAX + AUTH_HASH_THREADS + 1];
        struct fixture *f = *state;
        size_t n = 0;

        memset(jobs, 0, sizeof(jobs));
        while (n < ARRAY_SIZE(jobs) &&
               auth_hash_submit(&jobs[n].hash, f->hasher, "some password", USEC_INFINITY, on_complete) == 0)
                n++;
        assert_true(n >= AUTH_HASH_WAITING_MAX);
        assert_true(n < ARRAY_SIZE(jobs));
        for (size_t i = 0; i < n; i++)
                auth_hash_cancel(&jobs[i].hash);
        assert_int_equal(
                auth_hash_submit(&jobs[0].hash, f->hasher, "some password", USEC_INFINITY, on_complete), 0);
        wait_for(f, &jobs[0]);
        for (size_t i = 1; i < n; i++)
                assert_int_equal(jobs[i].n_completed, 0);
}

/* Freeing the hasher forgets what has not begun; its jobs may still be cancelled. */
static void test_free_with_jobs(void **state)
{
        struct fixture *f = *state;
        struct job jobs[6] = {0};

        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++)
                assert_int_equal(auth_hash_submit(&jobs[i].hash, f->hasher, "some password", USEC_INFINITY,
                                                  on_complete),
                                 0);
        f->hasher = auth_hasher_free(f->hasher);
        for (size_t i = 0; i < ARRAY_SIZE(jobs); i++) {
                assert_int_equal(jobs[i].n_completed, 0);
                auth_hash_cancel(&jobs[i].hash);
        }
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup_teardown(test_hash_and_verify, setup, teardown),
                cmocka_unit_test_setup_teardown(test_verify_in_place, setup, teardown),
                cmocka_unit_test_setup_teardown(test_deadline, setup, teardown),
                cmocka_unit_test_setup_teardown(test_nobody, setup, teardown),
                cmocka_unit_test_setup_teardown(test_bounded_line, setup, teardown),
                cmocka_unit_test_setup_teardown(test_free_with_jobs, setup, teardown),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

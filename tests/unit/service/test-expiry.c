/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "service/expiry.h"
#include "tiny-http.h"

struct fixture {
        struct expiry expiry;
        unsigned n_expired;
        struct expiry_entry *last;
        bool restarts;
};

static void on_expired(struct expiry *x, struct expiry_entry *e)
{
        struct fixture *f = container_of(x, struct fixture, expiry);

        assert_false(expiry_is_started(e));
        f->n_expired++;
        f->last = e;
        if (f->restarts) {
                f->restarts = false;
                assert_int_equal(expiry_start(x, e), 0);
        }
}

/* Entries expire once, in the order in which they were started last; a stopped one does not; one may be
 * started again while it expires. */
static void test_order(void **state)
{
        struct expiry_entry a = {0}, b = {0}, c = {0};
        struct fixture f = {0};
        sd_event *loop;

        assert_int_equal(sd_event_new(&loop), 0);
        expiry_init(&f.expiry, loop, 10 * USEC_PER_MSEC, on_expired);
        assert_int_equal(expiry_start(&f.expiry, &a), 0);
        assert_int_equal(expiry_start(&f.expiry, &b), 0);
        assert_int_equal(expiry_start(&f.expiry, &c), 0);
        assert_int_equal(expiry_start(&f.expiry, &a), 0);
        expiry_stop(&b);
        f.restarts = true;
        tiny_run_until(loop, &f.n_expired, 3);
        assert_ptr_equal(f.last, &c);
        tiny_run_for(loop, 30 * USEC_PER_MSEC);
        assert_int_equal(f.n_expired, 3);
        expiry_done(&f.expiry);
        sd_event_unref(loop);
}

/* Without a delay nothing expires. */
static void test_never(void **state)
{
        struct expiry_entry a = {0};
        struct fixture f = {0};
        sd_event *loop;

        assert_int_equal(sd_event_new(&loop), 0);
        expiry_init(&f.expiry, loop, 0, on_expired);
        assert_int_equal(expiry_start(&f.expiry, &a), 0);
        assert_false(expiry_is_started(&a));
        expiry_done(&f.expiry);
        sd_event_unref(loop);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_order),
                cmocka_unit_test(test_never),
        };

        return cmocka_run_group_tests_name("expiry", tests, NULL, NULL);
}

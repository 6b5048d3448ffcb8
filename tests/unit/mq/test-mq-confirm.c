/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "base/macro.h"
#include "mq/mq_confirm.h"

static int items[8];

/* Tags count from 1 and a single ack settles its own item only. */
static void test_single(void **state)
{
        struct mq_confirm c;

        assert_int_equal(mq_confirm_init(&c, 4), 0);
        assert_int_equal(mq_confirm_push(&c, &items[0]), 1);
        assert_int_equal(mq_confirm_push(&c, &items[1]), 2);
        assert_ptr_equal(mq_confirm_take(&c, 2), &items[1]);
        assert_ptr_equal(mq_confirm_peek(&c, 1), &items[0]);
        assert_null(mq_confirm_peek(&c, 2));
        assert_ptr_equal(mq_confirm_take(&c, 1), &items[0]);
        assert_int_equal(c.n_items, 0);
        mq_confirm_done(&c);
}

/* A tag that is settled already, was never published or is zero has no item: a broker gone mad does no harm.
 */
static void test_unknown_tags(void **state)
{
        struct mq_confirm c;

        assert_int_equal(mq_confirm_init(&c, 4), 0);
        mq_confirm_push(&c, &items[0]);
        assert_null(mq_confirm_take(&c, 0));
        assert_null(mq_confirm_take(&c, 2));
        assert_null(mq_confirm_take(&c, UINT64_MAX));
        assert_ptr_equal(mq_confirm_take(&c, 1), &items[0]);
        assert_null(mq_confirm_take(&c, 1));
        mq_confirm_done(&c);
}

/* `multiple` settles all up to its tag in order, passing over what was settled singly. */
static void test_multiple(void **state)
{
        struct mq_confirm c;

        assert_int_equal(mq_confirm_init(&c, 8), 0);
        for (unsigned i = 0; i < 6; i++)
                mq_confirm_push(&c, &items[i]);
        assert_ptr_equal(mq_confirm_take(&c, 2), &items[1]);
        assert_ptr_equal(mq_confirm_take_up_to(&c, 4), &items[0]);
        assert_ptr_equal(mq_confirm_take_up_to(&c, 4), &items[2]);
        assert_ptr_equal(mq_confirm_take_up_to(&c, 4), &items[3]);
        assert_null(mq_confirm_take_up_to(&c, 4));
        assert_int_equal(c.n_items, 2);
        assert_ptr_equal(mq_confirm_take_up_to(&c, UINT64_MAX), &items[4]);
        assert_ptr_equal(mq_confirm_take_up_to(&c, UINT64_MAX), &items[5]);
        assert_null(mq_confirm_take_up_to(&c, UINT64_MAX));
        mq_confirm_done(&c);
}

/* The window is full by its span, not by its items: the oldest confirm that is missing holds it. */
static void test_full(void **state)
{
        struct mq_confirm c;

        assert_int_equal(mq_confirm_init(&c, 3), 0);
        for (unsigned i = 0; i < 3; i++)
                mq_confirm_push(&c, &items[i]);
        assert_true(mq_confirm_is_full(&c));
        mq_confirm_take(&c, 2);
        mq_confirm_take(&c, 3);
        assert_true(mq_confirm_is_full(&c));
        mq_confirm_take(&c, 1);
        assert_false(mq_confirm_is_full(&c));
        assert_int_equal(c.first, 4);
        mq_confirm_done(&c);
}

/* The ring goes round for ever; a new channel counts from 1 again. */
static void test_laps(void **state)
{
        struct mq_confirm c;

        assert_int_equal(mq_confirm_init(&c, 3), 0);
        for (uint64_t tag = 1; tag <= 1000; tag++) {
                assert_int_equal(mq_confirm_push(&c, &items[tag % ARRAY_SIZE(items)]), tag);
                if (tag >= 3)
                        assert_ptr_equal(mq_confirm_take_up_to(&c, tag - 2),
                                         &items[(tag - 2) % ARRAY_SIZE(items)]);
        }
        while (mq_confirm_take_up_to(&c, UINT64_MAX))
                ;
        mq_confirm_restart(&c);
        assert_int_equal(mq_confirm_push(&c, &items[0]), 1);
        mq_confirm_done(&c);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_single),   cmocka_unit_test(test_unknown_tags),
                cmocka_unit_test(test_multiple), cmocka_unit_test(test_full),
                cmocka_unit_test(test_laps),
        };

        return cmocka_run_group_tests_name("mq-confirm", tests, NULL, NULL);
}

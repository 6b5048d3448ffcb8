/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "notifier/topics.h"

/* As RabbitMQ's topic exchange does. */
static void test_match(void **state)
{
        static const struct {
                const char *pattern, *type;
                bool matches;
        } cases[] = {
                {"product.updated", "product.updated", true},
                {"product.updated", "product.update", false},
                {"product.updated", "product.updated.x", false},
                {"product.*", "product.updated", true},
                {"product.*", "product", false},
                {"product.*", "product.a.b", false},
                {"*", "product", true},
                {"*", "product.updated", false},
                {"*.updated", "product.updated", true},
                {"#", "product.updated", true},
                {"#", "x", true},
                {"product.#", "product", true},
                {"product.#", "product.a.b.c", true},
                {"product.#", "products.a", false},
                {"#.updated", "updated", true},
                {"#.updated", "a.b.updated", true},
                {"#.updated", "a.updated.b", false},
                {"a.#.z", "a.z", true},
                {"a.#.z", "a.b.z.c.z", true},
                {"a.#.z", "a.b.z.c", false},
                {"a.#.b.#.c", "a.x.b.y.b.c", true},
                {"a.#.b.#.c", "a.x.y.c", false},
                {"#.*", "a", true},
                {"#.#", "a", true},
                {"*.#.*", "a", false},
                {"*.#.*", "a.b", true},
                {"#.a.#", "b.a.c.a", true},
        };

        for (size_t i = 0; i < ARRAY_SIZE(cases); i++)
                if (topic_matches(cases[i].pattern, cases[i].type) != cases[i].matches)
                        fail_msg("%s and %s", cases[i].pattern, cases[i].type);
}

/* A pattern of the worst kind costs no more than its length times the type's. */
static void test_cost(void **state)
{
        char pattern[TOPIC_SIZE_MAX + 1], type[TOPIC_SIZE_MAX + 1];

        for (size_t i = 0; i + 1 < sizeof(pattern); i++) {
                pattern[i] = "#.a."[i % 4];
                type[i] = "a."[i % 2];
        }
        pattern[252] = 'b';
        pattern[253] = type[253] = '\0';
        assert_false(topic_matches(pattern, type));
}

static int get(struct map *book, const char *text, struct topics **ret)
{
        const char *reason = NULL;
        int r = topics_get(book, text, 3, ret, &reason);

        assert_true((r == -EINVAL) == (reason != NULL));
        return r;
}

/* Equal lists are one, and go with the last who holds them. */
static void test_shared(void **state)
{
        struct topics *a, *b, *c;
        struct map book;

        map_init(&book);
        assert_int_equal(get(&book, "record.*,product.#", &a), 0);
        assert_int_equal(get(&book, "record.*,product.#", &b), 0);
        assert_int_equal(get(&book, NULL, &c), 0);
        assert_ptr_equal(a, b);
        assert_int_equal(book.n_entries, 2);
        assert_true(topics_match(a, "record.added"));
        assert_true(topics_match(a, "product.updated"));
        assert_false(topics_match(a, "file.shared"));
        assert_true(topics_match(c, "file.shared"));
        topics_unref(a);
        assert_true(topics_match(b, "record.added"));
        topics_unref(b);
        topics_unref(c);
        assert_int_equal(book.n_entries, 0);
        map_done(&book);
}

/* What is no list of patterns is refused with a reason, and nothing of it stays. */
static void test_refused(void **state)
{
        static const char *const wrong[] = {",",  "a,", ",a",   "a..b",    ".a",       "a.", "a b",
                                            "a*", "##", "a.#b", "a,b,c,d", "\xc3\xb1", "*#"};
        struct topics *t = NULL;
        char longest[TOPIC_SIZE_MAX + 2];
        struct map book;

        map_init(&book);
        for (size_t i = 0; i < ARRAY_SIZE(wrong); i++)
                if (get(&book, wrong[i], &t) != -EINVAL)
                        fail_msg("%s", wrong[i]);
        memset(longest, 'a', sizeof(longest));
        longest[TOPIC_SIZE_MAX + 1] = '\0';
        assert_int_equal(get(&book, longest, &t), -EINVAL);
        longest[TOPIC_SIZE_MAX] = '\0';
        assert_int_equal(get(&book, longest, &t), 0);
        topics_unref(t);
        assert_int_equal(book.n_entries, 0);
        map_done(&book);
}

int main(void)
{
        static const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_match),
                cmocka_unit_test(test_cost),
                cmocka_unit_test(test_shared),
                cmocka_unit_test(test_refused),
        };

        return cmocka_run_group_tests_name("topics", tests, NULL, NULL);
}

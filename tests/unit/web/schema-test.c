/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <ctype.h>
#include <string.h>

#include "base/buf.h"
#include "base/str.h"
#include "schema-test.h"

static json_t *load(void **state)
{
        const struct schema_test *t = *state;
        json_t *document = NULL;

        assert_int_equal(web_schema_unite(t->parts, &document), 0);
        return document;
}

static void lower(char *out, size_t size, const char *s)
{
        size_t i;

        for (i = 0; s[i] && i + 1 < size; i++)
                out[i] = (char)tolower((unsigned char)s[i]);
        out[i] = '\0';
}

/* Every route is described. */
static void test_routes_are_described(void **state)
{
        const struct schema_test *test = *state;
        json_t *document = load(state), *paths = json_object_get(document, "paths");
        char method[16];

        for (const struct http_route *const *t = test->tables; *t; t++)
                for (const struct http_route *r = *t; r->method; r++) {
                        lower(method, sizeof(method), r->method);
                        if (!json_object_get(json_object_get(paths, r->path), method))
                                fail_msg("%s %s is not described", r->method, r->path);
                }
        json_decref(document);
}

static bool is_route(const struct schema_test *test, const char *path, const char *key)
{
        char method[16];

        for (const struct http_route *const *t = test->tables; *t; t++)
                for (const struct http_route *r = *t; r->method; r++) {
                        lower(method, sizeof(method), r->method);
                        if (streq(r->path, path) && streq(method, key))
                                return true;
                }
        return false;
}

/* What is described exists; what needs no token says so, and only that. */
static void test_described_are_routes(void **state)
{
        json_t *document = load(state), *item, *operation;
        const char *path, *key;

        json_object_foreach(json_object_get(document, "paths"), path, item) json_object_foreach(
                item, key, operation) if (!streq(key, "parameters") && !is_route(*state, path, key))
                fail_msg("%s %s is no route", key, path);
        json_decref(document);
}

static void test_security(void **state)
{
        const struct schema_test *test = *state;
        json_t *document = load(state), *paths = json_object_get(document, "paths");
        char method[16];

        for (const struct http_route *const *t = test->tables; *t; t++)
                for (const struct http_route *r = *t; r->method; r++) {
                        json_t *operation, *security;
                        bool is_open, said_open;

                        lower(method, sizeof(method), r->method);
                        operation = json_object_get(json_object_get(paths, r->path), method);
                        security = json_object_get(operation, "security");
                        is_open = r->scope == 0 || (r->scope & ~(unsigned)WEB_SCOPE_LOCAL) == AUTH_READ;
                        said_open = security && json_object_size(json_array_get(security, 0)) == 0;
                        if (is_open != said_open)
                                fail_msg("%s %s: security is described wrongly", r->method, r->path);
                }
        json_decref(document);
}

static json_t *resolve(json_t *document, const char *pointer)
{
        char name[64];

        if (!startswith(pointer, "#/"))
                return NULL;
        for (pointer += 2; document && *pointer;) {
                size_t n = strcspn(pointer, "/");

                assert_true(n < sizeof(name));
                memcpy(name, pointer, n);
                name[n] = '\0';
                document = json_object_get(document, name);
                pointer += n + (pointer[n] == '/');
        }
        return document;
}

static void check_references(json_t *document, json_t *value)
{
        const char *key, *target;
        json_t *member;
        size_t i;

        json_array_foreach(value, i, member) check_references(document, member);
        json_object_foreach(value, key, member)
        {
                target = streq(key, "$ref") ? json_string_value(member) : NULL;
                if (target && !resolve(document, target))
                        fail_msg("%s leads nowhere", target);
                check_references(document, member);
        }
}

/* Every reference leads somewhere. */
static void test_references(void **state)
{
        json_t *document = load(state);

        check_references(document, document);
        json_decref(document);
}

/* Programs name their functions by operationId: each has one of its own. */
static void test_operation_ids(void **state)
{
        json_t *document = load(state), *seen = json_object(), *item, *operation;
        const char *path, *key, *id;

        json_object_foreach(json_object_get(document, "paths"), path, item)
                json_object_foreach(item, key, operation)
        {
                if (streq(key, "parameters"))
                        continue;
                id = json_string_value(json_object_get(operation, "operationId"));
                assert_non_null(id);
                assert_null(json_object_get(seen, id));
                json_object_set_new(seen, id, json_true());
        }
        json_decref(seen);
        json_decref(document);
}

int schema_test_run(const char *name, const struct schema_test *t)
{
        struct schema_test test = *t;
        struct CMUnitTest tests[] = {
                cmocka_unit_test(test_routes_are_described),
                cmocka_unit_test(test_described_are_routes),
                cmocka_unit_test(test_security),
                cmocka_unit_test(test_references),
                cmocka_unit_test(test_operation_ids),
        };

        for (size_t i = 0; i < ARRAY_SIZE(tests); i++)
                tests[i].initial_state = &test;
        return cmocka_run_group_tests_name(name, tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "auth/auth.h"
#include "auth/auth_digest.h"
#include "base/macro.h"

/* A user name is lower-case letters, digits and . _ -, begins with a letter and has at most 64 characters. */
static void test_usernames(void **state)
{
        static const char *const good[] = {"a", "ana", "ana.b-c_9", "z00"};
        static const char *const bad[] = {"",      "Ana",  "9ana", ".ana",  "-a",      "_a",
                                          "ana b", "ana/", "añá",  "ana\n", "ana\x01", "root@admin"};
        char longest[AUTH_USERNAME_MAX + 2];

        for (size_t i = 0; i < ARRAY_SIZE(good); i++)
                assert_true(auth_username_is_valid(good[i]));
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_false(auth_username_is_valid(bad[i]));
        memset(longest, 'a', sizeof(longest));
        longest[AUTH_USERNAME_MAX] = '\0';
        assert_true(auth_username_is_valid(longest));
        longest[AUTH_USERNAME_MAX] = 'a';
        longest[AUTH_USERNAME_MAX + 1] = '\0';
        assert_false(auth_username_is_valid(longest));
}

/* Scopes are words in any order; admin brings the others; an unknown word or no word is an error that leaves
 * the output alone. */
static void test_scopes(void **state)
{
        static const char *const bad[] = {"", " ", "reads", "rea", "READ", "read,write", "read  admins"};
        unsigned scopes = 99;
        char text[AUTH_SCOPES_SIZE];

        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(auth_scopes_parse(bad[i], &scopes), -EINVAL);
        assert_int_equal(scopes, 99);
        assert_int_equal(auth_scopes_parse(" write  read ", &scopes), 0);
        assert_int_equal(scopes, AUTH_READ | AUTH_WRITE);
        auth_scopes_format(scopes, text);
        assert_string_equal(text, "read write");
        assert_int_equal(auth_scopes_parse("admin", &scopes), 0);
        auth_scopes_format(scopes, text);
        assert_string_equal(text, "read write admin");
        auth_scopes_format(0, text);
        assert_string_equal(text, "");
}

/* A right is had when every bit asked for is there; writing does not imply reading, admin implies both. */
static void test_allows(void **state)
{
        struct auth_identity who = {.scopes = AUTH_WRITE};

        assert_true(auth_allows(&who, 0));
        assert_true(auth_allows(&who, AUTH_WRITE));
        assert_false(auth_allows(&who, AUTH_READ));
        assert_false(auth_allows(&who, AUTH_READ | AUTH_WRITE));
        who.scopes = AUTH_ADMIN;
        assert_true(auth_allows(&who, AUTH_READ | AUTH_WRITE | AUTH_ADMIN));
        who.scopes = 0;
        assert_false(auth_allows(&who, AUTH_READ));
}

/* The defaults are those that the manual page names. */
static void test_defaults(void **state)
{
        static const struct conf_table tables[] = {{auth_options, 0}, {NULL}};
        struct auth_conf conf = {0};

        assert_int_equal(conf_set_defaults(tables, &conf), 0);
        assert_int_equal(conf.anonymous_read, AUTH_ANONYMOUS_LOOPBACK);
        assert_int_equal(conf.session_usec, 12 * 3600 * USEC_PER_SEC);
        assert_int_equal(conf.login_failures_max, 10);
        assert_int_equal(conf.login_window_usec, 300 * USEC_PER_SEC);
        conf_done(tables, &conf);
}

/* A token is recognised by its hash, and no two are the same. */
static void test_token(void **state)
{
        uint8_t made[AUTH_TOKEN_HASH_BYTES], read[AUTH_TOKEN_HASH_BYTES], other_hash[AUTH_TOKEN_HASH_BYTES];
        char token[AUTH_TOKEN_SIZE], other[AUTH_TOKEN_SIZE];

        assert_int_equal(auth_token_make(token, made), 0);
        assert_int_equal(auth_token_make(other, other_hash), 0);
        assert_string_not_equal(token, other);
        assert_int_equal(strncmp(token, "lj_", 3), 0);
        assert_int_equal(strlen(token), 46);
        assert_int_equal(auth_token_hash(token, read), 0);
        assert_memory_equal(made, read, sizeof(made));
        assert_memory_not_equal(made, other_hash, sizeof(made));
}

/* What is not exactly of a token's form never reaches the database. */
static void test_bad_tokens(void **state)
{
        static const char *const bad[] = {
                "",
                "lj_",
                "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",    /* one short */
                "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",  /* one long */
                "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAB",   /* bits left over */
                "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA=",   /* padding */
                "lj_AAAAAAAAAAAAAAAAAAAAA+AAAAAAAAAAAAAAAAAAAAA",   /* the other alphabet */
                "lj_AAAAAAAAAAAAAAAAAAAAA AAAAAAAAAAAAAAAAAAAAA",   /* a space */
                "LJ_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA",   /* another prefix */
                "lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA\n", /* a line end */
        };
        uint8_t hash[AUTH_TOKEN_HASH_BYTES];

        assert_int_equal(auth_token_hash("lj_AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA", hash), 0);
        for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
                assert_int_equal(auth_token_hash(bad[i], hash), -EINVAL);
}

/* The digest is SHA-256 (FIPS 180-4, "abc"), however the text is cut. */
static void test_digest(void **state)
{
        struct auth_digest d;
        char hex[AUTH_DIGEST_HEX_SIZE];

        auth_digest_init(&d);
        auth_digest_add(&d, "a", 1);
        auth_digest_add(&d, NULL, 0);
        auth_digest_add(&d, "bc", 2);
        auth_digest_hex(&d, hex);
        assert_string_equal(hex, "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_usernames), cmocka_unit_test(test_scopes),
                cmocka_unit_test(test_allows),    cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_token),     cmocka_unit_test(test_bad_tokens),
                cmocka_unit_test(test_digest),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

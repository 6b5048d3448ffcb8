/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "service/conf.h"

struct inner {
        usec_t span;
        char *text;
};

struct outer {
        bool flag;
        uint64_t number, size;
        int colour;
        struct inner inner;
};

static const char *const colours[] = {"red", "green", NULL};

static const struct conf_option outer_options[] = {
        {.section = "Outer",
         .key = "Flag",
         .type = CONF_BOOL,
         .offset = offsetof(struct outer, flag),
         .fallback = "yes"},
        {.section = "Outer",
         .key = "Number",
         .type = CONF_UINT,
         .offset = offsetof(struct outer, number),
         .fallback = "5",
         .min = 1,
         .max = 9},
        {.section = "Outer",
         .key = "Size",
         .type = CONF_SIZE,
         .offset = offsetof(struct outer, size),
         .fallback = "1M"},
        {.section = "Outer",
         .key = "Colour",
         .type = CONF_ENUM,
         .offset = offsetof(struct outer, colour),
         .fallback = "green",
         .names = colours},
        {0},
};
static const struct conf_option inner_options[] = {
        {.section = "Broker",
         .key = "Span",
         .type = CONF_USEC,
         .offset = offsetof(struct inner, span),
         .fallback = "5min",
         .min = USEC_PER_SEC,
         .max = 3600 * USEC_PER_SEC},
        {.section = "Broker",
         .key = "Text",
         .type = CONF_STRING,
         .offset = offsetof(struct inner, text),
         .fallback = "hello"},
        {0},
};
static const struct conf_table tables[] = {
        {outer_options, 0},
        {inner_options, offsetof(struct outer, inner)},
        {0},
};

/* Parses over the defaults; the caller frees both. */
static int parse(const char *text, bool shared, struct outer *ret, char **ret_messages)
{
        struct buf messages = BUF_EMPTY;
        int r;

        *ret = (struct outer){0};
        assert_int_equal(conf_set_defaults(tables, ret), 0);
        r = conf_parse_text("f.conf", text, strlen(text), shared, tables, ret, &messages);
        *ret_messages = buf_take(&messages, NULL);
        return r;
}

static void expect_good(const char *text, struct outer *ret)
{
        _cleanup_free_ char *messages = NULL;

        assert_int_equal(parse(text, false, ret, &messages), 0);
        assert_string_equal(messages, "");
}

static void expect_bad(const char *text, bool shared, const char *expected)
{
        _cleanup_free_ char *messages = NULL;
        struct outer conf;

        assert_int_equal(parse(text, shared, &conf, &messages), -EINVAL);
        assert_string_equal(messages, expected);
        conf_done(tables, &conf);
}

/* Without a file every value is its default, written in file syntax. */
static void test_defaults(void **state)
{
        struct outer conf;

        expect_good("", &conf);
        assert_true(conf.flag);
        assert_int_equal(conf.number, 5);
        assert_int_equal(conf.size, 1 << 20);
        assert_int_equal(conf.colour, 1);
        assert_int_equal(conf.inner.span, 300 * USEC_PER_SEC);
        assert_string_equal(conf.inner.text, "hello");
        conf_done(tables, &conf);
        assert_null(conf.inner.text);
}

/* Values of every type; the last one wins; an empty one brings the default back. */
static void test_values(void **state)
{
        struct outer conf;

        expect_good(
                "\xef\xbb\xbf# comment\n; comment\n\n[Outer]\r\nFlag = off\r\nNumber=9\n  Size=64K\n"
                "Colour=red\n[Broker]\nSpan=1min 30s\nText=a = b ; c # d\nText=\n[Outer]\nNumber=2\nNumber=3",
                &conf);
        assert_false(conf.flag);
        assert_int_equal(conf.number, 3);
        assert_int_equal(conf.size, 65536);
        assert_int_equal(conf.colour, 0);
        assert_int_equal(conf.inner.span, 90 * USEC_PER_SEC);
        assert_string_equal(conf.inner.text, "hello");
        conf_done(tables, &conf);
}

/* As for systemd, a ';' or '#' inside a value belongs to it. */
static void test_no_inline_comments(void **state)
{
        struct outer conf;

        expect_good("[Broker]\nText=host=a ; b # c\n", &conf);
        assert_string_equal(conf.inner.text, "host=a ; b # c");
        conf_done(tables, &conf);
}

/* A value may be as long as a connection string gets, far beyond what libinih takes by itself. */
static void test_long_value(void **state)
{
        char text[3000];
        struct outer conf;
        size_t n;

        memset(text, 'x', sizeof(text));
        memcpy(text, "[Broker]\nText=", 14);
        text[sizeof(text) - 1] = '\0';
        n = sizeof(text) - 1 - 14;
        expect_good(text, &conf);
        assert_int_equal(strlen(conf.inner.text), n);
        conf_done(tables, &conf);
}

/* Every error of a file is told, each with its line, and in the words of the file. */
static void test_errors(void **state)
{
        expect_bad("Flag=yes\n[Outer]\nFlag=perhaps\nNumber=0\nNumber=x\nSize=1X\nColour=blue\nFlaggy="
                   "1\nnonsense\n"
                   "[Broker]\nSpan=2h\nSpan=soon\n[Nowhere]\nKey=1\n[Outer\nFlag=yes\n[Outer] x\nFlag=no\n",
                   false,
                   "f.conf:1: Flag= stands before any [Section]\n"
                   "f.conf:3: Flag= must be yes or no\n"
                   "f.conf:4: Number= must be from 1 to 9\n"
                   "f.conf:5: Number= must be a whole number\n"
                   "f.conf:6: Size= must be a size in bytes such as 65536, 64K or 1M\n"
                   "f.conf:7: Colour= must be one of red, green\n"
                   "f.conf:8: unknown key Flaggy= in [Outer]\n"
                   "f.conf:9: a line is Key=Value, [Section] or begins with # or ;\n"
                   "f.conf:11: Span= must be from 1s to 3600s\n"
                   "f.conf:12: Span= must be a time span such as 90, 5min 20s or 200ms\n"
                   "f.conf:13: unknown section [Nowhere]\n"
                   "f.conf:15: a section is written [Name]\n"
                   "f.conf:17: unexpected text after [Outer]\n");
}

/* Bytes that are no text, and a line without end, are errors and not something to guess at. */
static void test_garbage(void **state)
{
        char text[6000];

        expect_bad("[Outer]\nFlag=\xff\n", false, "f.conf:2: the line is not UTF-8 text\n");
        memset(text, 'x', sizeof(text));
        text[sizeof(text) - 1] = '\0';
        expect_bad(text, false, "f.conf:1: the line is longer than 4093 bytes\n");
}

/* lonja.conf is for all: sections of others are passed over there, and nowhere else; strangers never. */
static void test_shared_sections(void **state)
{
        _cleanup_free_ char *messages = NULL;
        struct outer conf;

        assert_int_equal(parse("[Database]\nAnything=goes\n[Broker]\nText=x\n", true, &conf, &messages), 0);
        assert_string_equal(conf.inner.text, "x");
        conf_done(tables, &conf);
        expect_bad("[Database]\nAnything=goes\n", false, "f.conf:1: unknown section [Database]\n");
        expect_bad("[Broker]\nTexts=x\n", true, "f.conf:2: unknown key Texts= in [Broker]\n");
        expect_bad("[Tea]\nTexts=x\n", true, "f.conf:1: unknown section [Tea]\n");
}

static void write_file(const char *dir, const char *name, const char *text)
{
        char path[200];
        FILE *f;

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        f = fopen(path, "we");
        assert_non_null(f);
        assert_true(fputs(text, f) >= 0);
        assert_int_equal(fclose(f), 0);
}

static void make_folder(const char *dir, const char *name)
{
        char path[200];

        (void)snprintf(path, sizeof(path), "%s/%s", dir, name);
        assert_int_equal(mkdir(path, 0700), 0);
}

static const char *const files[] = {
        "lonja.conf",           "lonja.conf.d/10-a.conf", "lonja.conf.d/20-b.conf",
        "lonja.conf.d/.x.conf", "lonja.conf.d/readme",    "word.conf",
        "word.conf.d/10-z.conf"};

static void remove_files(const char *dir)
{
        char path[200];

        for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
                (void)snprintf(path, sizeof(path), "%s/%s", dir, files[i]);
                (void)unlink(path);
        }
        (void)snprintf(path, sizeof(path), "%s/lonja.conf.d", dir);
        (void)rmdir(path);
        (void)snprintf(path, sizeof(path), "%s/word.conf.d", dir);
        (void)rmdir(path);
        (void)rmdir(dir);
}

/* The daemon's file wins over the shared one, drop-ins over their file, later names over earlier ones. */
static void test_order_of_files(void **state)
{
        char dir[] = "/tmp/lonja-test-XXXXXX";
        struct buf messages = BUF_EMPTY;
        struct outer conf = {0};

        assert_non_null(mkdtemp(dir));
        assert_int_equal(conf_load(dir, "word", tables, &conf, &messages), 0);
        conf_done(tables, &conf);
        make_folder(dir, "lonja.conf.d");
        make_folder(dir, "word.conf.d");
        write_file(dir, "lonja.conf", "[Outer]\nNumber=1\nSize=1\n[Broker]\nText=shared\nSpan=10\n");
        write_file(dir, "lonja.conf.d/20-b.conf", "[Broker]\nText=b\nSpan=20\n");
        write_file(dir, "lonja.conf.d/10-a.conf", "[Broker]\nText=a\n");
        write_file(dir, "lonja.conf.d/.x.conf", "nonsense\n");
        write_file(dir, "lonja.conf.d/readme", "nonsense\n");
        write_file(dir, "word.conf", "[Outer]\nNumber=2\nSize=2\n");
        write_file(dir, "word.conf.d/10-z.conf", "[Outer]\nNumber=3\n");
        conf = (struct outer){0};
        assert_int_equal(conf_load(dir, "word", tables, &conf, &messages), 0);
        assert_int_equal(buf_size(&messages), 0);
        assert_int_equal(conf.number, 3);
        assert_int_equal(conf.size, 2);
        assert_int_equal(conf.inner.span, 20 * USEC_PER_SEC);
        assert_string_equal(conf.inner.text, "b");
        conf_done(tables, &conf);
        remove_files(dir);
        buf_done(&messages);
}

/* One look tells what is wrong in all files, and the struct owns nothing afterwards. */
static void test_errors_of_all_files(void **state)
{
        char dir[] = "/tmp/lonja-test-XXXXXX", expected[400];
        _cleanup_free_ char *text = NULL;
        struct buf messages = BUF_EMPTY;
        struct outer conf = {0};

        assert_non_null(mkdtemp(dir));
        make_folder(dir, "word.conf.d");
        make_folder(dir, "lonja.conf");
        write_file(dir, "word.conf", "[Outer]\nNumber=0\n");
        write_file(dir, "word.conf.d/10-z.conf", "[Outer]\nX=3\n");
        assert_int_equal(conf_load(dir, "word", tables, &conf, &messages), -EINVAL);
        text = buf_take(&messages, NULL);
        (void)snprintf(expected, sizeof(expected),
                       "%s/lonja.conf:0: cannot be read: Is a directory\n"
                       "%s/word.conf:2: Number= must be from 1 to 9\n"
                       "%s/word.conf.d/10-z.conf:2: unknown key X= in [Outer]\n",
                       dir, dir, dir);
        assert_string_equal(text, expected);
        assert_null(conf.inner.text);
        (void)snprintf(expected, sizeof(expected), "%s/lonja.conf", dir);
        assert_int_equal(rmdir(expected), 0);
        remove_files(dir);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_defaults),
                cmocka_unit_test(test_values),
                cmocka_unit_test(test_no_inline_comments),
                cmocka_unit_test(test_long_value),
                cmocka_unit_test(test_errors),
                cmocka_unit_test(test_garbage),
                cmocka_unit_test(test_shared_sections),
                cmocka_unit_test(test_order_of_files),
                cmocka_unit_test(test_errors_of_all_files),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

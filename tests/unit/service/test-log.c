/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/fd.h"
#include "service/log.h"

/* Standard error goes into a pipe while `text` is made. */
struct capture {
        int saved, pipe[2];
};

static void capture_begin(struct capture *c)
{
        assert_int_equal(pipe2(c->pipe, O_CLOEXEC | O_NONBLOCK), 0);
        c->saved = dup(STDERR_FILENO);
        assert_true(dup2(c->pipe[1], STDERR_FILENO) >= 0);
}

static void capture_end(struct capture *c, char text[8192])
{
        ssize_t n;

        assert_true(dup2(c->saved, STDERR_FILENO) >= 0);
        n = read(c->pipe[0], text, 8191);
        text[n > 0 ? n : 0] = '\0';
        (void)fd_close(c->saved);
        (void)fd_close(c->pipe[0]);
        (void)fd_close(c->pipe[1]);
}

static int quiet_journal(void **state)
{
        unsetenv("JOURNAL_STREAM");
        log_open("lonja-test");
        log_set_level(LOG_INFO);
        return 0;
}

/* Without the journal a line has its priority in front and its fields behind; those without a value are left
 * out. */
static void test_stderr(void **state)
{
        struct capture c;
        char text[8192];

        capture_begin(&c);
        log_info("hello %d", 1);
        log_info_fields(
                LOG_FIELDS({"MESSAGE_ID", "00"}, {"REQUEST_ID", "abc"}, {"CODE", NULL}, {"PRODUCT", "A1"}),
                "done");
        capture_end(&c, text);
        assert_string_equal(text, "<6>hello 1\n<6>done REQUEST_ID=abc PRODUCT=A1\n");
}

/* What is above the level is not written, and the level can change. */
static void test_level(void **state)
{
        struct capture c;
        char text[8192];

        capture_begin(&c);
        log_debug("unseen");
        assert_false(log_is_enabled(LOG_DEBUG));
        log_set_level(LOG_DEBUG);
        log_debug("seen");
        log_set_level(LOG_ERR);
        log_warning("unseen");
        capture_end(&c, text);
        assert_string_equal(text, "<7>seen\n");
}

/* %m is the error that was given, which comes back; errno is as before. */
static void test_errno(void **state)
{
        struct capture c;
        char text[8192];

        errno = EBUSY;
        capture_begin(&c);
        assert_int_equal(log_error_errno(-ENOENT, "no %s: %m", "x"), -ENOENT);
        assert_int_equal(log_debug_errno(-EPERM, "unseen"), -EPERM);
        capture_end(&c, text);
        assert_string_equal(text, "<3>no x: No such file or directory\n");
        assert_int_equal(errno, EBUSY);
}

/* A line stays one line, whatever a client sent, and however long it is. */
static void test_no_forgery(void **state)
{
        static char longest[5000];
        struct capture c;
        char text[8192];

        memset(longest, 'x', sizeof(longest) - 1);
        capture_begin(&c);
        log_info("a\n<0>b\x1b[2J");
        log_info_fields(LOG_FIELDS({"X", "c\nd"}), "%s", longest);
        capture_end(&c, text);
        assert_memory_equal(text, "<6>a <0>b [2J\n<6>xxx", 20);
        assert_ptr_equal(strchr(strchr(text, '\n') + 1, '\n'), text + strlen(text) - 1);
}

/* A storm is cut to a burst for each minute. */
static void test_limit(void **state)
{
        struct log_limit l = {0};
        unsigned suppressed = 99, passed = 0;

        for (int i = 0; i < 100; i++)
                passed += log_limit_pass(&l, 3, &suppressed);
        assert_int_equal(passed, 3);
        assert_int_equal(suppressed, 0);
        l.window_start_usec -= 61000000; /* a minute later */
        assert_true(log_limit_pass(&l, 3, &suppressed));
        assert_int_equal(suppressed, 97);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test_setup(test_stderr, quiet_journal),
                cmocka_unit_test_setup(test_level, quiet_journal),
                cmocka_unit_test_setup(test_errno, quiet_journal),
                cmocka_unit_test_setup(test_no_forgery, quiet_journal),
                cmocka_unit_test(test_limit),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

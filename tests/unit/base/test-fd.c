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

#include "base/alloc.h"
#include "base/fd.h"
#include "base/id.h"

/* A file comes whole and NUL-terminated, whatever its length is to the buffer's steps. */
static void test_read_file(void **state)
{
        static const size_t sizes[] = {0, 1, 4094, 4095, 4096, 10000};
        char path[] = "/tmp/lonja-test-fd-XXXXXX", *data = malloc(10000);
        _cleanup_fd_ int fd = mkstemp(path);

        assert_true(fd >= 0);
        assert_non_null(data);
        memset(data, 'x', 10000);
        for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
                _cleanup_free_ char *text = NULL;
                size_t n = 1;

                assert_int_equal(ftruncate(fd, 0), 0);
                assert_int_equal(pwrite(fd, data, sizes[i], 0), sizes[i]);
                assert_int_equal(fd_read_file(path, 10000, &text, &n), 0);
                assert_int_equal(n, sizes[i]);
                assert_int_equal(strlen(text), n);
        }
        assert_int_equal(fd_read_file(path, 9999, &data, NULL), -EFBIG);
        assert_int_equal(unlink(path), 0);
        assert_int_equal(fd_read_file(path, 1, &data, NULL), -ENOENT);
        free(data);
}

/* Closing keeps errno, and a negative descriptor is none. */
static void test_close(void **state)
{
        int fd = open("/dev/null", O_RDONLY | O_CLOEXEC);

        assert_int_equal(fd_set_nonblock(fd), 0);
        assert_true(fcntl(fd, F_GETFL) & O_NONBLOCK);
        errno = EBUSY;
        assert_int_equal(fd_close(fd), -1);
        assert_int_equal(fd_close(-1), -1);
        assert_int_equal(errno, EBUSY);
        assert_int_equal(fd_set_nonblock(fd), -EBADF);
}

/* Ids are 32 hex digits, all different, and valid by the rule for foreign ones. */
static void test_id(void **state)
{
        char a[ID_SIZE], b[ID_SIZE];

        id_make(a);
        id_make(b);
        assert_int_equal(strlen(a), ID_SIZE - 1);
        assert_string_not_equal(a, b);
        assert_true(id_is_valid(a));
}

/* What could forge a log line or grow without end is no id. */
static void test_foreign_id(void **state)
{
        char longest[ID_FOREIGN_MAX + 2];

        memset(longest, 'a', sizeof(longest));
        longest[ID_FOREIGN_MAX + 1] = '\0';
        assert_false(id_is_valid(longest));
        longest[ID_FOREIGN_MAX] = '\0';
        assert_true(id_is_valid(longest));
        assert_true(id_is_valid("Ab9._:-"));
        assert_false(id_is_valid(""));
        assert_false(id_is_valid("a b"));
        assert_false(id_is_valid("a\nb"));
        assert_false(id_is_valid("\xc3\xb1"));
}

int main(void)
{
        const struct CMUnitTest tests[] = {
                cmocka_unit_test(test_read_file),
                cmocka_unit_test(test_close),
                cmocka_unit_test(test_id),
                cmocka_unit_test(test_foreign_id),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

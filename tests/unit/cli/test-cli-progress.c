/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "cli/cli_progress.h"

/* With a known total there is a bar, without one only what has passed; never more than whole. */
static void test_line(void **state)
{
        struct cli_progress p = {.what = "import", .total = 4096, .done = 1024, .began_usec = USEC_PER_SEC};
        char line[120];

        cli_progress_format(&p, 3 * USEC_PER_SEC, line, sizeof(line));
        assert_string_equal(line, "import [######                  ]  25%  1.0 KiB  512 B/s");
        p.done = 10000;
        cli_progress_format(&p, 3 * USEC_PER_SEC, line, sizeof(line));
        assert_string_equal(line, "import [########################] 100%  9.8 KiB  4.9 KiB/s");
        p = (struct cli_progress){.what = "export", .done = 3 << 20};
        cli_progress_format(&p, 0, line, sizeof(line));
        assert_string_equal(line, "export  3.0 MiB  0 B/s");
}

int main(void)
{
        const struct CMUnitTest tests[] = {cmocka_unit_test(test_line)};

        return cmocka_run_group_tests(tests, NULL, NULL);
}

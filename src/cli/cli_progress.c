/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_progress.h"

#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/macro.h"

#define SHOW_EVERY_USEC (100 * USEC_PER_MSEC)
#define BAR_WIDTH 24

static void format_bytes(double bytes, char out[16])
{
        static const char *const units[] = {"B", "KiB", "MiB", "GiB", "TiB"};
        size_t u = 0;

        for (; bytes >= 1024 && u + 1 < ARRAY_SIZE(units); u++)
                bytes /= 1024;
        snprintf(out, 16, u == 0 ? "%.0f %s" : "%.1f %s", bytes, units[u]);
}

void cli_progress_format(const struct cli_progress *p, usec_t now_usec, char *out, size_t out_size)
{
        double seconds = (double)(now_usec - p->began_usec) / (double)USEC_PER_SEC;
        char done[16], rate[16], bar[BAR_WIDTH + 1];
        double part = p->total > 0 ? (double)p->done / (double)p->total : 0;
        size_t n;

        part = part > 1 ? 1 : part;
        n = (size_t)(part * BAR_WIDTH);
        memset(bar, '#', n);
        memset(bar + n, ' ', BAR_WIDTH - n);
        bar[BAR_WIDTH] = '\0';
        format_bytes((double)p->done, done);
        format_bytes(seconds > 0 ? (double)p->done / seconds : 0, rate);
        if (p->total > 0)
                snprintf(out, out_size, "%s [%s] %3.0f%%  %s  %s/s", p->what, bar, part * 100, done, rate);
        else
                snprintf(out, out_size, "%s  %s  %s/s", p->what, done, rate);
}

void cli_progress_begin(struct cli_progress *p, const char *what, uint64_t total, bool quiet)
{
        *p = (struct cli_progress){.what = what,
                                   .total = total,
                                   .began_usec = clock_monotonic_usec(),
                                   .is_shown = !quiet && isatty(STDERR_FILENO)};
}

void cli_progress_add(struct cli_progress *p, uint64_t bytes)
{
        char line[120];
        usec_t now;

        p->done += bytes;
        if (!p->is_shown)
                return;
        now = clock_monotonic_usec();
        if (now < p->shown_usec + SHOW_EVERY_USEC)
                return;
        p->shown_usec = now;
        cli_progress_format(p, now, line, sizeof(line));
        fprintf(stderr, "\r%s\033[K", line);
}

void cli_progress_end(struct cli_progress *p)
{
        if (p->is_shown && p->shown_usec > 0)
                fputs("\r\033[K", stderr);
        p->is_shown = false;
}

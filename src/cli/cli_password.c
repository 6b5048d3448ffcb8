/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_password.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <termios.h>
#include <unistd.h>

#include "auth/auth.h"
#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli.h"

void cli_password_freep(char **password)
{
        if (*password)
                explicit_bzero(*password, strlen(*password));
        free(*password);
        *password = NULL;
}

/* One line, byte by byte: what follows in a pipe is for somebody else. -1 at the end of the input. */
static int read_line(char *out, size_t out_size)
{
        size_t n = 0;
        char c = 0;
        ssize_t got = 0;

        while (n + 1 < out_size && (got = read(STDIN_FILENO, &c, 1)) == 1 && c != '\n')
                out[n++] = c;
        if (n > 0 && out[n - 1] == '\r')
                n--;
        out[n] = '\0';
        return got == 1 || n > 0 ? 0 : -1;
}

static int read_silently(const char *prompt, const char *name, char *out, size_t out_size)
{
        struct termios before, silent;
        int r;

        if (tcgetattr(STDIN_FILENO, &before) < 0)
                return -1;
        silent = before;
        silent.c_lflag &= ~(tcflag_t)ECHO;
        (void)tcsetattr(STDIN_FILENO, TCSAFLUSH, &silent);
        fprintf(stderr, "%s%s: ", prompt, name);
        r = read_line(out, out_size);
        (void)tcsetattr(STDIN_FILENO, TCSADRAIN, &before);
        fputc('\n', stderr);
        return r;
}

int cli_password_read(const char *prompt, const char *name, bool twice, char **ret)
{
        char first[AUTH_PASSWORD_MAX + 2], second[AUTH_PASSWORD_MAX + 2];
        bool terminal = isatty(STDIN_FILENO);
        bool same = true;
        int r;

        r = terminal ? read_silently(prompt, name, first, sizeof(first)) : read_line(first, sizeof(first));
        if (r == 0 && terminal && twice) {
                r = read_silently("Once more for ", name, second, sizeof(second));
                same = r == 0 && streq(first, second);
        }
        if (r == 0 && same)
                *ret = strdup(first);
        explicit_bzero(first, sizeof(first));
        explicit_bzero(second, sizeof(second));
        if (r < 0)
                return cli_fail(CLI_USAGE, "no password was given");
        if (!same)
                return cli_fail(CLI_USAGE, "the two are not the same");
        return *ret ? CLI_OK : cli_fail(CLI_FAILED, "out of memory");
}

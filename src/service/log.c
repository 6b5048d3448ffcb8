/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#define SD_JOURNAL_SUPPRESS_LOCATION

#include <errno.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <systemd/sd-journal.h>
#include <unistd.h>

#include "base/clock.h"
#include "base/str.h"
#include "service/log.h"

#define MESSAGE_SIZE 2048 /* LINE_MAX, as sd_journal_print(3) has it */
#define FIELDS_MAX 16     /* of one message, with our own */
#define FIELD_SIZE 512    /* of one field, name included; longer values are cut */
#define WINDOW_USEC (60 * USEC_PER_SEC)

/* Set once, before there are threads, except for the level. */
static struct {
        const char *identifier;
        bool journal;
        _Atomic int level;
} state = {.identifier = "lonja", .level = LOG_INFO};

/* Is standard error the journal's own stream (systemd.exec(5), $JOURNAL_STREAM)?  Only then is it sure that
 * somebody reads what goes to the journal's socket; a person at a terminal wants to see it there. */
static bool stderr_is_journal(void)
{
        const char *stream = getenv("JOURNAL_STREAM");
        uintmax_t device, inode;
        struct stat st;

        if (!stream || sscanf(stream, "%" SCNuMAX ":%" SCNuMAX, &device, &inode) != 2)
                return false;
        return fstat(STDERR_FILENO, &st) == 0 && st.st_dev == device && st.st_ino == inode;
}

void log_open(const char *identifier)
{
        state.identifier = identifier;
        state.journal = stderr_is_journal();
}

void log_set_level(int priority)
{
        atomic_store_explicit(&state.level, priority, memory_order_relaxed);
}

bool log_is_enabled(int priority)
{
        return priority <= atomic_load_explicit(&state.level, memory_order_relaxed);
}

struct journal_entry {
        char text[FIELDS_MAX][FIELD_SIZE];
        struct iovec iov[FIELDS_MAX + 1]; /* and the message */
        int n;
};

static void _printf_(2, 3) add_field(struct journal_entry *e, const char *fmt, ...)
{
        va_list ap;
        char *text;

        if (e->n == FIELDS_MAX)
                return;
        text = e->text[e->n];
        va_start(ap, fmt);
        (void)vsnprintf(text, FIELD_SIZE, fmt, ap);
        va_end(ap);
        e->iov[e->n++] = (struct iovec){text, strlen(text)};
}

static void write_journal(int priority, const char *file, int line, int error, const struct log_field *fields,
                          const char *text)
{
        char message[MESSAGE_SIZE + sizeof("MESSAGE=")];
        struct journal_entry e = {.n = 0};

        add_field(&e, "PRIORITY=%d", priority);
        add_field(&e, "SYSLOG_IDENTIFIER=%s", state.identifier);
        add_field(&e, "CODE_FILE=%s", file);
        add_field(&e, "CODE_LINE=%d", line);
        if (error != 0)
                add_field(&e, "ERRNO=%d", abs(error));
        for (; fields && fields->name; fields++)
                if (fields->value)
                        add_field(&e, "%s=%s", fields->name, fields->value);
        (void)snprintf(message, sizeof(message), "MESSAGE=%s", text);
        e.iov[e.n++] = (struct iovec){message, strlen(message)};
        (void)sd_journal_sendv(e.iov, e.n);
}

static size_t append(char *line, size_t n, size_t size, const char *s)
{
        while (*s && n + 2 < size) {
                char c = *s++;

                line[n++] = (char)((unsigned char)c < ' ' ? ' ' : c);
        }
        return n;
}

/* One line and one write(2), so that lines of several threads do not mix; control characters are blanked, so
 * that what a client sent cannot forge a line. */
static void write_stderr(int priority, const struct log_field *fields, const char *text)
{
        char line[MESSAGE_SIZE + FIELD_SIZE];
        size_t n;

        n = (size_t)snprintf(line, sizeof(line), "<%d>", priority);
        n = append(line, n, sizeof(line), text);
        for (; fields && fields->name; fields++)
                if (fields->value && !streq(fields->name, "MESSAGE_ID")) {
                        n = append(line, n, sizeof(line), " ");
                        n = append(line, n, sizeof(line), fields->name);
                        n = append(line, n, sizeof(line), "=");
                        n = append(line, n, sizeof(line), fields->value);
                }
        line[n++] = '\n';
        if (write(STDERR_FILENO, line, n) < 0)
                return; /* nowhere left to complain */
}

static void _printf_(6, 0) write_any(int priority, int error, const char *file, int line,
                                     const struct log_field *fields, const char *fmt, va_list ap)
{
        char text[MESSAGE_SIZE];
        int saved = errno;

        errno = abs(error); /* for %m */
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        if (state.journal)
                write_journal(priority, file, line, error, fields, text);
        else
                write_stderr(priority, fields, text);
        errno = saved;
}

void log_write(int priority, const char *file, int line, const struct log_field *fields, const char *fmt, ...)
{
        va_list ap;

        if (!log_is_enabled(priority))
                return;
        va_start(ap, fmt);
        write_any(priority, 0, file, line, fields, fmt, ap);
        va_end(ap);
}

int log_write_errno(int priority, int error, const char *file, int line, const struct log_field *fields,
                    const char *fmt, ...)
{
        va_list ap;

        if (!log_is_enabled(priority))
                return error;
        va_start(ap, fmt);
        write_any(priority, error, file, line, fields, fmt, ap);
        va_end(ap);
        return error;
}

bool log_limit_pass(struct log_limit *l, unsigned burst, unsigned *ret_suppressed)
{
        usec_t now = clock_monotonic_usec();

        if (l->window_start_usec == 0 || now - l->window_start_usec >= WINDOW_USEC) {
                l->window_start_usec = now;
                l->count = 0;
        }
        if (l->count >= burst) {
                l->suppressed++;
                return false;
        }
        l->count++;
        *ret_suppressed = l->suppressed;
        l->suppressed = 0;
        return true;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The journal, with a stderr fallback ("<6>text", sd-daemon(3)) where no journald listens.
 *
 * Libraries below the daemons log nothing above debug; a function logs or returns an error, never both.
 * The level is the process's only mutable global: set by the service, re-read by reload. */

#include <stdbool.h>
#include <syslog.h>

#include "base/macro.h"

void log_open(const char *identifier);
void log_set_level(int priority);
bool log_is_enabled(int priority);

/* One extra field: a NAME of [A-Z0-9_] and its value; NULL values are left out. */
struct log_field {
        const char *name, *value;
};
#define LOG_FIELDS(...) ((const struct log_field[]){__VA_ARGS__, {NULL, NULL}})

void log_write(int priority, const char *file, int line, const struct log_field *fields, const char *fmt, ...)
        _printf_(5, 6);
/* Logs "text: strerror(-error)" when fmt holds %m, adds ERRNO=, and returns `error`. */
int log_write_errno(int priority, int error, const char *file, int line, const struct log_field *fields,
                    const char *fmt, ...) _printf_(6, 7);

#define log_debug(...) log_write(LOG_DEBUG, __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_info(...) log_write(LOG_INFO, __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_notice(...) log_write(LOG_NOTICE, __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_warning(...) log_write(LOG_WARNING, __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_error(...) log_write(LOG_ERR, __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_info_fields(fields, ...) log_write(LOG_INFO, __FILE__, __LINE__, (fields), __VA_ARGS__)
#define log_fields(priority, fields, ...) log_write((priority), __FILE__, __LINE__, (fields), __VA_ARGS__)
#define log_error_errno(error, ...) log_write_errno(LOG_ERR, (error), __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_warning_errno(error, ...)                                                                        \
        log_write_errno(LOG_WARNING, (error), __FILE__, __LINE__, NULL, __VA_ARGS__)
#define log_debug_errno(error, ...) log_write_errno(LOG_DEBUG, (error), __FILE__, __LINE__, NULL, __VA_ARGS__)

/* Repeated errors: true at most `burst` times per minute for this site; tells in *ret_suppressed how many
 * were held back before. */
struct log_limit {
        unsigned long long window_start_usec;
        unsigned count, suppressed;
};
bool log_limit_pass(struct log_limit *l, unsigned burst, unsigned *ret_suppressed);

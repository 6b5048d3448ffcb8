/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Configuration: INI files as systemd users know them (systemd.syntax(7)), read into structs by tables.
 *
 * Order, later wins: lonja.conf, lonja.conf.d/ *.conf, <word>.conf, <word>.conf.d/ *.conf (drop-ins by name).
 * An unknown section or key, a bad value or a bad line is an error with file:line, all of them reported.
 * In lonja.conf and its drop-ins a known shared section (conf_shared_sections in conf.c: Service, Database,
 * Broker, HTTP, GRPC, Auth, Events, Tasks) that this daemon has no table for is skipped.
 * An empty value ("Key=") restores the default. */

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/clock.h"

enum conf_type {
        CONF_BOOL,   /* bool */
        CONF_UINT,   /* uint64_t, min..max */
        CONF_SIZE,   /* uint64_t bytes, K M G */
        CONF_USEC,   /* usec_t */
        CONF_STRING, /* char *, owned by the struct; never NULL after loading */
        CONF_ENUM,   /* int, index into `names` */
};

struct conf_option {
        const char *section, *key;
        enum conf_type type;
        size_t offset;            /* in the struct of this table */
        const char *fallback;     /* the default, in file syntax */
        uint64_t min, max;        /* UINT, SIZE, USEC; max 0 = no limit */
        const char *const *names; /* ENUM: NULL-terminated */
};

/* One table and where its struct lies in the daemon's. Arrays end with options == NULL. */
struct conf_table {
        const struct conf_option *options; /* ends with key == NULL */
        size_t base;
        /* The table's sections have more keys, for other daemons: in lonja.conf and its drop-ins they are
         * skipped. */
        bool partial;
};

/* Reads everything below `dir` for `word` into the zeroed `conf`.  0; -EINVAL with one "file:line: reason"
 * line per error in `messages`; -errno. Missing files are no error. On error `conf` is released. */
int conf_load(const char *dir, const char *word, const struct conf_table *tables, void *conf,
              struct buf *messages);
/* Frees the strings. */
void conf_done(const struct conf_table *tables, void *conf);
/* One INI text: the fuzz target and unit tests call it. `shared`: the rule for lonja.conf above. */
int conf_parse_text(const char *file, const char *text, size_t n, bool shared,
                    const struct conf_table *tables, void *conf, struct buf *messages);
int conf_set_defaults(const struct conf_table *tables, void *conf);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja setup: what its steps share. Private to cli_setup*.c.
 *
 * Each step looks first, makes what is missing, records what it made, and says what it could not do; it never
 * touches what somebody else made. So a second run finds nothing to do, and one that was cut off goes on. */

#include <jansson.h>

#include "base/clock.h"
#include "cli/cli.h"
#include "cli/cli_child.h"
#include "cli/cli_setup_text.h"

struct setup {
        const struct cli *cli;
        const char *config_dir, *state_dir, *unit_dir;
        bool is_trial;        /* --config-dir: not this host's own installation */
        usec_t deadline;      /* of --if-possible; else infinity */
        const char *database; /* --database, --amqp; or NULL */
        const char *amqp;

        /* What the daemons are going to use. */
        char *conninfo, *uri;                  /* owned */
        bool database_is_ours, broker_is_ours; /* local, as setup makes it; else the administrator's */

        struct setup_state state;
        json_t *done, *left; /* sentences */
        bool units_changed, config_changed;
};

void setup_did(struct setup *s, const char *fmt, ...) _printf_(2, 3);
void setup_left(struct setup *s, const char *fmt, ...) _printf_(2, 3);
/* Records what was made; told when it cannot. */
void setup_state_save(struct setup *s);

/* Runs a program within `limit_usec` and what is left of the whole; as cli_child_run(). `output` and `why`
 * may be NULL; `why` takes the first line of what it complained. */
#define SETUP_WHY_SIZE 256
int setup_run(struct setup *s, const char *const *argv, const char *user, const char *input,
              usec_t limit_usec, struct buf *output, char why[SETUP_WHY_SIZE]);

/* ---- files ---- */

/* 0, -ENOENT ("" is returned then), -errno. */
int setup_file_read(const char *path, char **ret);
/* Makes the folder, replaces the file in one step unless it says the same already. 1 changed, 0 not, -errno:
 * told as left to do. */
int setup_file_write(struct setup *s, const char *path, unsigned mode, const char *text);
/* 1 removed, 0 there was none, -errno: told. */
int setup_file_remove(struct setup *s, const char *path);
/* A credential of `user`: <config>/credentials/<user>/<name>. */
int setup_credential_read(struct setup *s, const char *user, const char *name, char **ret);
int setup_credential_write(struct setup *s, const char *user, const char *name, const char *secret);

/* ---- steps ---- */

int setup_choose(struct setup *s);          /* 0, or an exit status that was told */
int setup_passwords_read(struct setup *s);  /* --passwords: standard input; CLI_OK, or told */
bool setup_local_database(struct setup *s); /* role and database; true: they are there */
void setup_local_broker(struct setup *s);   /* virtual host, users, credentials */
void setup_write_config(struct setup *s);   /* drop-ins of lonja.conf and bridge.conf */
void setup_write_units(struct setup *s);    /* drop-ins of the services, for servers elsewhere */

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where the database and the broker are: an explicit --config-dir, else the environment, else lonja.conf. */

#include "cli/cli.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"

struct cli_conf {
        struct pg_conf pg;
        struct mq_conf mq;
        const char *conninfo; /* $LONJA_DATABASE or pg.conninfo; borrowed */
        const char *amqp_uri; /* $LONJA_AMQP_URL or mq.uri; borrowed */
        bool loaded;
};

/* 0; an error was told on stderr: -errno. */
int cli_conf_load(struct cli_conf *conf, const struct cli *cli);
void cli_conf_done(struct cli_conf *conf);

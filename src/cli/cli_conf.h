/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where the database and the broker are: an explicit --config-dir, else the environment ($LONJA_DATABASE,
 * $LONJA_AMQP_URL), else lonja.conf. Passwords that no credential of ours gives come from the daemons' folder
 * of credentials, for those who may read it. */

#include "cli/cli.h"
#include "mq/mq_link.h"
#include "pg/pg_pool.h"

struct cli_conf {
        struct pg_conf pg; /* conninfo and uri are what counts, wherever they came from */
        struct mq_conf mq;
        bool loaded;
};

/* Root becomes the user lonja, where there is one and the installation is the host's own: that is whom the
 * database knows. 0; an error was told on stderr: -errno. */
int cli_conf_load(struct cli_conf *conf, const struct cli *cli);
void cli_conf_done(struct cli_conf *conf);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_conf.h"

#include <stdlib.h>
#include <string.h>

#include "service/conf.h"

static const struct conf_table tables[] = {
        {pg_options, offsetof(struct cli_conf, pg)},
        {mq_options, offsetof(struct cli_conf, mq)},
        {0},
};

int cli_conf_load(struct cli_conf *conf, const struct cli *cli)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        const char *database = getenv("LONJA_DATABASE"), *amqp = getenv("LONJA_AMQP_URL");
        bool use_env = !cli->config_dir_given;
        int r;

        *conf = (struct cli_conf){0};
        r = conf_load(cli->config_dir, "cli", tables, conf, &messages);
        if (r < 0) {
                if (buf_size(&messages) > 0)
                        fwrite(buf_bytes(&messages), 1, buf_size(&messages), stderr);
                cli_fail(CLI_FAILED, "cannot read the configuration in %s: %s", cli->config_dir,
                         strerror(-r));
                return r;
        }
        conf->loaded = true;
        conf->conninfo = use_env && database ? database : conf->pg.conninfo;
        conf->amqp_uri = use_env && amqp ? amqp : conf->mq.uri;
        return 0;
}

void cli_conf_done(struct cli_conf *conf)
{
        if (conf->loaded)
                conf_done(tables, conf);
        conf->loaded = false;
}

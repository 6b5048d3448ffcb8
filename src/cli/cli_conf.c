/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_conf.h"

#include <errno.h>
#include <pwd.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli_child.h"
#include "cli/cli_secret.h"
#include "service/conf.h"

#define DAEMON_USER "lonja"

static const struct conf_table tables[] = {
        {pg_options, offsetof(struct cli_conf, pg)},
        {mq_options, offsetof(struct cli_conf, mq)},
        {0},
};

/* True: the environment says where the database is, which may be anywhere. */
static int apply_environment(struct cli_conf *conf, const struct cli *cli, bool *ret)
{
        const char *database = getenv("LONJA_DATABASE"), *amqp = getenv("LONJA_AMQP_URL");
        int r = 0;

        *ret = false;
        if (cli->config_dir_given)
                return 0;
        if (database && *database) {
                r = strdup_to(&conf->pg.conninfo, database);
                *ret = true;
        }
        if (r == 0 && amqp && *amqp)
                r = strdup_to(&conf->mq.uri, amqp);
        return r;
}

/* libpq takes $PGPASSWORD where conninfo and credential have none; setenv() shows it to nobody else. */
static int apply_secrets(struct cli_conf *conf, const struct cli *cli)
{
        _cleanup_free_ char *database = NULL;
        _cleanup_free_ char *amqp = NULL;
        char *uri;

        if (getenv("CREDENTIALS_DIRECTORY"))
                return 0;
        database = cli_secret_read(cli->config_dir, "database.password");
        if (database && setenv("PGPASSWORD", database, 0) < 0)
                return -ENOMEM;
        amqp = cli_secret_read(cli->config_dir, "amqp.password");
        if (!amqp)
                return 0;
        uri = cli_secret_in_amqp(conf->mq.uri, amqp);
        if (!uri)
                return -ENOMEM;
        free(conf->mq.uri);
        conf->mq.uri = uri;
        return 0;
}

/* Where there is such a user: without it Lonja is not installed as a package here. */
static int become_daemon_user(void)
{
        return geteuid() == 0 ? cli_become(getpwnam(DAEMON_USER)) : 0;
}

int cli_conf_load(struct cli_conf *conf, const struct cli *cli)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        bool elsewhere = false;
        int r;

        *conf = (struct cli_conf){0};
        r = conf_load(cli->config_dir, "cli", tables, conf, &messages);
        conf->loaded = r == 0;
        if (r == 0)
                r = apply_environment(conf, cli, &elsewhere);
        if (r == 0)
                r = apply_secrets(conf, cli);
        if (r == 0 && !elsewhere && !cli->config_dir_given)
                r = become_daemon_user();
        if (r < 0) {
                if (buf_size(&messages) > 0)
                        fwrite(buf_bytes(&messages), 1, buf_size(&messages), stderr);
                cli_fail(CLI_FAILED, "cannot use the configuration in %s: %s", cli->config_dir, strerror(-r));
                cli_conf_done(conf);
        }
        return r;
}

void cli_conf_done(struct cli_conf *conf)
{
        if (conf->loaded)
                conf_done(tables, conf);
        conf->loaded = false;
}

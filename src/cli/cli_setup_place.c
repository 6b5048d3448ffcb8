/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja setup: where database and broker are, and what the daemons have to be told of it. */

#include <arpa/inet.h>
#include <errno.h>
#include <netdb.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/str.h"
#include "cli/cli_setup.h"
#include "mq/mq_link.h"
#include "mq/mq_uri.h"
#include "pg/pg_place.h"
#include "pg/pg_pool.h"

#define LOCAL_CONNINFO "dbname=lonja user=lonja"
#define DEFAULT_CONNINFO "dbname=lonja"
#define LOCAL_URI "amqp://lonja@127.0.0.1:5672/lonja"
#define PASSWORDS_MAX 4096

/* ---- choosing ---- */

struct chosen_conf {
        struct pg_conf pg;
        struct mq_conf mq;
};

static const struct conf_table tables[] = {
        {pg_options, offsetof(struct chosen_conf, pg)},
        {mq_options, offsetof(struct chosen_conf, mq)},
        {0},
};

/* $PGHOST and $PGPORT lead psql to a server that is not in the usual place, and so the daemons, too. */
static char *local_conninfo(void)
{
        const char *host = getenv("PGHOST"), *port = getenv("PGPORT");
        struct buf b = BUF_EMPTY;

        buf_append_str(&b, LOCAL_CONNINFO);
        if (host && setup_is_plain(host))
                buf_printf(&b, " host=%s", host);
        if (port && setup_is_plain(port))
                buf_printf(&b, " port=%s", port);
        return buf_take(&b, NULL);
}

static int choose_database(struct setup *s, const char *configured)
{
        _cleanup_free_ char *local = local_conninfo();
        _cleanup_(buf_done) struct buf hosts = BUF_EMPTY;
        const char *given = s->database ? s->database : configured;
        char error[256];
        bool has_password;

        if (!local)
                return cli_fail(CLI_FAILED, "out of memory");
        if (pg_place(given, &hosts, &has_password, error, sizeof(error)) < 0 || strchr(given, '\n'))
                return cli_fail(CLI_USAGE, "%s: %s", s->database ? "--database" : "Conninfo=", error);
        if (s->database && has_password)
                return cli_fail(CLI_USAGE,
                                "--database: a password does not belong there, where everybody can read "
                                "it; see --passwords");
        s->database_is_ours =
                streq(given, local) || streq(given, DEFAULT_CONNINFO) || streq(given, LOCAL_CONNINFO);
        return strdup_to(&s->conninfo, s->database_is_ours ? local : given) < 0
                       ? cli_fail(CLI_FAILED, "out of memory")
                       : CLI_OK;
}

static int choose_broker(struct setup *s, const char *configured)
{
        _cleanup_(buf_done) struct buf for_bridge = BUF_EMPTY;
        const char *given = s->amqp ? s->amqp : configured, *reason = "out of memory";

        if (s->amqp && setup_bridge_uri(given, &for_bridge, &reason) < 0)
                return cli_fail(CLI_USAGE, "--amqp: %s", reason);
        s->broker_is_ours = streq(given, LOCAL_URI);
        return strdup_to(&s->uri, given) < 0 ? cli_fail(CLI_FAILED, "out of memory") : CLI_OK;
}

int setup_choose(struct setup *s)
{
        _cleanup_(buf_done) struct buf messages = BUF_EMPTY;
        struct chosen_conf conf = {0};
        int r;

        r = conf_load(s->config_dir, "cli", tables, &conf, &messages);
        if (r < 0) {
                if (buf_size(&messages) > 0)
                        fwrite(buf_bytes(&messages), 1, buf_size(&messages), stderr);
                return cli_fail(CLI_FAILED, "cannot use the configuration in %s: %s", s->config_dir,
                                strerror(-r));
        }
        r = choose_database(s, conf.pg.conninfo);
        if (r == CLI_OK)
                r = choose_broker(s, conf.mq.uri);
        conf_done(tables, &conf);
        return r;
}

/* ---- passwords ---- */

static int take_password(struct setup *s, const char *line)
{
        static const struct {
                const char *key, *user, *name;
        } known[] = {
                {"database=", "lonja", "database.password"},
                {"amqp=", "lonja", "amqp.password"},
                {"bridge=", "lonja-bridge", "amqp.password"},
        };

        for (size_t i = 0; i < ARRAY_SIZE(known); i++) {
                const char *secret = startswith(line, known[i].key);

                if (secret && *secret) {
                        (void)setup_credential_write(s, known[i].user, known[i].name, secret);
                        return CLI_OK;
                }
        }
        return cli_fail(CLI_USAGE, "--passwords: lines are database=SECRET, amqp=SECRET or bridge=SECRET");
}

int setup_passwords_read(struct setup *s)
{
        char text[PASSWORDS_MAX];
        int r = CLI_OK;

        if (!cli_option(s->cli, "passwords"))
                return CLI_OK;
        while (r == CLI_OK && fgets(text, sizeof(text), stdin)) {
                text[strcspn(text, "\r\n")] = '\0';
                if (*text)
                        r = take_password(s, text);
        }
        explicit_bzero(text, sizeof(text));
        return r;
}

/* ---- drop-ins of our configuration ---- */

static void write_dropin(struct setup *s, const char *folder, const char *conninfo, const char *uri)
{
        _cleanup_(buf_done) struct buf text = BUF_EMPTY;
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s/50-setup.conf", s->config_dir, folder) < 0) {
                path = NULL;
                return;
        }
        setup_conf_format(conninfo, uri, &text);
        buf_append_char(&text, '\0');
        if (buf_error(&text) < 0 || setup_file_write(s, path, 0644, buf_bytes(&text)) <= 0)
                return;
        setup_did(s, "wrote %s", path);
        s->config_changed = true;
}

/* What somebody else decided stays with their file; what an earlier run wrote for it, too. */
static char *earlier_value(struct setup *s, const char *key)
{
        _cleanup_free_ char *path = NULL, *text = NULL;

        if (asprintf(&path, "%s/lonja.conf.d/50-setup.conf", s->config_dir) < 0)
                return path = NULL;
        return setup_file_read(path, &text) == 0 ? setup_conf_value(text, key) : NULL;
}

void setup_write_config(struct setup *s)
{
        _cleanup_free_ char *conninfo = earlier_value(s, "Conninfo"), *uri = earlier_value(s, "Uri");
        _cleanup_(buf_done) struct buf for_bridge = BUF_EMPTY;
        bool database = s->database || s->database_is_ours, broker = s->amqp || s->broker_is_ours;
        const char *reason;

        if (database || broker || conninfo || uri)
                write_dropin(s, "lonja.conf.d", database ? s->conninfo : conninfo, broker ? s->uri : uri);
        if (!broker || setup_bridge_uri(s->uri, &for_bridge, &reason) < 0)
                return;
        buf_append_char(&for_bridge, '\0');
        if (buf_error(&for_bridge) == 0)
                write_dropin(s, "bridge.conf.d", NULL, buf_bytes(&for_bridge));
}

/* ---- drop-ins of the services ---- */

static bool is_address(const char *host)
{
        unsigned char room[sizeof(struct in6_addr)];

        return inet_pton(AF_INET, host, room) == 1 || inet_pton(AF_INET6, host, room) == 1;
}

static void add_nameservers(struct buf *addresses)
{
        _cleanup_free_ char *text = NULL;

        if (setup_file_read("/etc/resolv.conf", &text) == 0)
                setup_nameservers(text, addresses);
}

/* All that a name stands for today, without those of this host, which services may talk to anyway. */
static int resolve(struct setup *s, const char *host, struct buf *addresses)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM};
        struct addrinfo *found = NULL;
        char text[INET6_ADDRSTRLEN];
        bool remote = false;
        int r;

        r = getaddrinfo(host, NULL, &hints, &found);
        if (r != 0) {
                setup_left(s, "let the services talk to %s: its address is not known (%s)", host,
                           gai_strerror(r));
                return -ENXIO;
        }
        for (const struct addrinfo *a = found; a; a = a->ai_next) {
                if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) != 0)
                        continue;
                text[strcspn(text, "%")] = '\0';
                if (startswith(text, "127.") || streq(text, "::1"))
                        continue;
                setup_add_line(addresses, text);
                remote = true;
        }
        freeaddrinfo(found);
        if (remote && !is_address(host))
                add_nameservers(addresses);
        return 0;
}

static int resolve_lines(struct setup *s, struct buf *hosts, struct buf *addresses)
{
        char *rest = NULL;
        int r = 0;

        buf_append_char(hosts, '\0');
        if (buf_error(hosts) < 0)
                return -ENOMEM;
        for (char *host = strtok_r(buf_bytes(hosts), "\n", &rest); host && r == 0;
             host = strtok_r(NULL, "\n", &rest))
                r = resolve(s, host, addresses);
        return r;
}

static int resolve_both(struct setup *s, struct buf *database, struct buf *broker)
{
        _cleanup_(buf_done) struct buf db_hosts = BUF_EMPTY, mq_hosts = BUF_EMPTY;
        char error[256], reason[MQ_URI_REASON_SIZE];
        bool has_password;
        struct mq_uri u;
        int r;

        r = pg_place(s->conninfo, &db_hosts, &has_password, error, sizeof(error));
        if (r == 0)
                r = resolve_lines(s, &db_hosts, database);
        if (r == 0)
                r = mq_uri_parse(s->uri, &u, reason);
        if (r < 0)
                return r;
        buf_append_str(&mq_hosts, u.host);
        mq_uri_done(&u);
        return resolve_lines(s, &mq_hosts, broker);
}

static void write_unit(struct setup *s, const char *service, const struct buf *database,
                       const struct buf *broker)
{
        _cleanup_(buf_done) struct buf all = BUF_EMPTY, text = BUF_EMPTY;
        _cleanup_free_ char *path = NULL;
        int r;

        if (asprintf(&path, "%s/%s.service.d/50-setup.conf", s->unit_dir, service) < 0) {
                path = NULL;
                return;
        }
        if (database)
                buf_append(&all, buf_bytes(database), buf_size(database));
        if (broker)
                buf_append(&all, buf_bytes(broker), buf_size(broker));
        buf_append_char(&all, '\0');
        setup_allow_format(buf_bytes(&all), &text);
        if (buf_size(&text) == 0) {
                r = setup_file_remove(s, path);
                if (r > 0)
                        setup_did(s, "removed %s", path);
        } else {
                buf_append_char(&text, '\0');
                r = setup_file_write(s, path, 0644, buf_bytes(&text));
                if (r > 0)
                        setup_did(s, "wrote %s", path);
        }
        s->units_changed |= r > 0;
}

void setup_write_units(struct setup *s)
{
        static const struct {
                const char *service;
                bool database, broker; /* talks to it */
        } links[] = {
                {"lonja-products", true, true},   {"lonja-bridge", false, true},
                {"lonja-gateway", true, true},    {"lonja-notifier", true, true},
                {"lonja-calculator", true, true}, {"lonja-calculator@", true, true},
                {"lonja-scheduler", true, true},  {"lonja-sweep", true, true},
                {"lonja-db", true, false},
        };
        _cleanup_(buf_done) struct buf database = BUF_EMPTY, broker = BUF_EMPTY;

        if (resolve_both(s, &database, &broker) < 0)
                return; /* what an earlier run wrote is better than nothing */
        for (size_t i = 0; i < ARRAY_SIZE(links); i++)
                write_unit(s, links[i].service, links[i].database ? &database : NULL,
                           links[i].broker ? &broker : NULL);
}

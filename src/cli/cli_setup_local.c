/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja setup: PostgreSQL and RabbitMQ on this host, each through its own administrator and its own tool. */

#include <errno.h>
#include <stdlib.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "cli/cli_setup.h"
#include "contract/names.h"

#define PSQL_USEC (10 * USEC_PER_SEC)
#define CTL_USEC (20 * USEC_PER_SEC)
#define SECRET_BYTES 24

/* ---- PostgreSQL ---- */

/* The socket's folder and the port are told: Debian's psql would look for the user's favourite cluster. */
static int psql(struct setup *s, const char *sql, struct buf *output, char why[SETUP_WHY_SIZE])
{
        const char *host = getenv("PGHOST"), *port = getenv("PGPORT");
        const char *argv[] = {"psql", "-XAtqw",
                              "-v",   "ON_ERROR_STOP=1",
                              "-h",   host ? host : "/var/run/postgresql",
                              "-p",   port ? port : "5432",
                              "-U",   "postgres",
                              "-d",   "postgres",
                              "-f",   "-",
                              NULL};

        return setup_run(s, argv, "postgres", sql, PSQL_USEC, output, why);
}

static bool create(struct setup *s, const char *what, const char *sql, bool *made)
{
        char why[SETUP_WHY_SIZE];

        if (psql(s, sql, NULL, why) != 0) {
                setup_left(s, "make the %s: %s", what, why);
                return false;
        }
        *made = true;
        setup_state_save(s);
        setup_did(s, "made the %s", what);
        return true;
}

bool setup_local_database(struct setup *s)
{
        static const char look[] =
                "SELECT EXISTS (SELECT FROM pg_roles WHERE rolname = 'lonja'),"
                " (SELECT pg_get_userbyid(datdba) FROM pg_database WHERE datname = 'lonja')";
        _cleanup_(buf_done) struct buf found = BUF_EMPTY;
        char why[SETUP_WHY_SIZE];
        const char *owner;
        int r;

        r = psql(s, look, &found, why);
        if (r != 0 || buf_size(&found) < 3) {
                setup_left(s,
                           r == -ENOENT ? "install PostgreSQL (apt install postgresql), or tell where it is: "
                                          "lonja setup --database CONNINFO"
                                        : "start PostgreSQL, or tell where it is: lonja setup --database "
                                          "CONNINFO (%s)",
                           why);
                return false;
        }
        if (buf_bytes(&found)[0] != 't' &&
            !create(s, "PostgreSQL role lonja", "CREATE ROLE lonja LOGIN", &s->state.role))
                return false;
        owner = buf_bytes(&found) + strlen("t|");
        if (streq(owner, "lonja\n"))
                return true;
        if (*owner == '\n' || !*owner) /* the order of texts is the same on every host */
                return create(s, "PostgreSQL database lonja",
                              "CREATE DATABASE lonja OWNER lonja TEMPLATE template0 ENCODING 'UTF8' LOCALE "
                              "'C.UTF-8'",
                              &s->state.database);
        setup_left(s, "the database lonja belongs to %.*s: give it to the role lonja, or use another",
                   (int)strcspn(owner, "\n"), owner);
        return false;
}

/* ---- RabbitMQ ---- */

struct broker_user {
        const char *name;
        const char *const *permissions; /* configure, write, read */
        bool *made;
};

static int ctl(struct setup *s, const char *const *words, const char *input, struct buf *output,
               char why[SETUP_WHY_SIZE])
{
        const char *argv[16] = {"rabbitmqctl", "-q"};
        size_t n = 2;

        for (; *words; words++)
                argv[n++] = *words;
        return setup_run(s, argv, NULL, input, CTL_USEC, output, why);
}

#define CTL(s, input, output, why, ...)                                                                      \
        ctl((s), (const char *const[]){__VA_ARGS__, NULL}, (input), (output), (why))

static bool add_vhost(struct setup *s, const struct buf *vhosts)
{
        char why[SETUP_WHY_SIZE];

        if (setup_list_has(buf_bytes(vhosts), "lonja"))
                return true;
        if (CTL(s, NULL, NULL, why, "add_vhost", "lonja") != 0) {
                setup_left(s, "make the RabbitMQ virtual host lonja: %s", why);
                return false;
        }
        s->state.vhost = true;
        setup_state_save(s);
        setup_did(s, "made the RabbitMQ virtual host lonja");
        return true;
}

/* The password that is there, or a new one, which is on the disk before the broker knows it. */
static int have_password(struct setup *s, const char *user, char **ret)
{
        unsigned char bytes[SECRET_BYTES];
        char secret[2 * SECRET_BYTES + 1];
        int r;

        r = setup_credential_read(s, user, "amqp.password", ret);
        if (r == 0 && **ret)
                return 0;
        if (r < 0 && r != -ENOENT)
                return r;
        random_bytes(bytes, sizeof(bytes));
        hex_encode(bytes, sizeof(bytes), secret);
        explicit_bzero(bytes, sizeof(bytes));
        r = setup_credential_write(s, user, "amqp.password", secret);
        if (r >= 0)
                r = strdup_to(ret, secret);
        explicit_bzero(secret, sizeof(secret));
        return r;
}

static void password_freep(char **p)
{
        if (*p)
                explicit_bzero(*p, strlen(*p));
        free(*p);
}

/* True when the broker takes the user with the password of the credential. */
static bool ensure_user(struct setup *s, const struct broker_user *u, bool exists)
{
        _cleanup_(password_freep) char *password = NULL;
        char why[SETUP_WHY_SIZE];
        int r;

        if (exists && !*u->made) {
                r = setup_credential_read(s, u->name, "amqp.password", &password);
                if (r == 0 && CTL(s, password, NULL, why, "authenticate_user", u->name) == 0)
                        return true;
                setup_left(s,
                           "the RabbitMQ user %s was made by somebody else: write its password to "
                           "%s/credentials/%s/amqp.password",
                           u->name, s->config_dir, u->name);
                return false;
        }
        r = have_password(s, u->name, &password);
        if (r < 0) {
                setup_left(s, "the password of the RabbitMQ user %s: %s", u->name, strerror(-r));
                return false;
        }
        if (exists && CTL(s, password, NULL, why, "authenticate_user", u->name) == 0)
                return true;
        if (CTL(s, password, NULL, why, exists ? "change_password" : "add_user", u->name) != 0) {
                setup_left(s, "make the RabbitMQ user %s: %s", u->name, why);
                return false;
        }
        *u->made = true;
        setup_state_save(s);
        setup_did(s, exists ? "set the password of the RabbitMQ user %s" : "made the RabbitMQ user %s",
                  u->name);
        return true;
}

static void ensure_permissions(struct setup *s, const struct broker_user *u, const struct buf *before)
{
        char why[SETUP_WHY_SIZE];

        if (setup_permissions_are(buf_bytes(before), u->name, u->permissions))
                return;
        if (!*u->made && setup_list_has(buf_bytes(before), u->name))
                return; /* somebody else's user with somebody else's permissions */
        if (CTL(s, NULL, NULL, why, "set_permissions", "-p", "lonja", u->name, u->permissions[0],
                u->permissions[1], u->permissions[2]) != 0)
                setup_left(s, "give the RabbitMQ user %s its permissions: %s", u->name, why);
        else
                setup_did(s, "gave the RabbitMQ user %s its permissions", u->name);
}

void setup_local_broker(struct setup *s)
{
        /* The bridge declares the exchange of events as everybody does, and an exclusive queue that the
         * broker names, binds and reads it. It cannot publish. */
        static const char *const all[] = {".*", ".*", ".*"}, *const hears[] = {
                                                                     "^(lonja\\.events|amq\\.gen-.*)$",
                                                                     "^amq\\.gen-.*$",
                                                                     "^(lonja\\.events|amq\\.gen-.*)$"};
        const struct broker_user users[] = {{"lonja", all, &s->state.user},
                                            {"lonja-bridge", hears, &s->state.bridge_user}};
        _cleanup_(buf_done) struct buf vhosts = BUF_EMPTY, known = BUF_EMPTY, permissions = BUF_EMPTY;
        char why[SETUP_WHY_SIZE];
        int r;

        r = CTL(s, NULL, &vhosts, why, "list_vhosts", "name", "--no-table-headers");
        if (r != 0) {
                setup_left(s,
                           r == -ENOENT
                                   ? "install RabbitMQ (apt install rabbitmq-server), or tell where it is: "
                                     "lonja setup --amqp URI"
                                   : "start RabbitMQ, or tell where it is: lonja setup --amqp URI (%s)",
                           why);
                return;
        }
        if (!add_vhost(s, &vhosts))
                return;
        if (CTL(s, NULL, &known, why, "list_users", "--no-table-headers") != 0 ||
            CTL(s, NULL, &permissions, why, "list_permissions", "-p", "lonja", "--no-table-headers") != 0) {
                setup_left(s, "make the RabbitMQ users: %s", why);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(users); i++)
                if (ensure_user(s, &users[i], setup_list_has(buf_bytes(&known), users[i].name)))
                        ensure_permissions(s, &users[i], &permissions);
}

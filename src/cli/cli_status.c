/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja status: how everything is, without waking anybody. systemd is asked about the daemons, the database
 * about schema, outbox and log, the broker about queues; none of our own doors is touched.
 *
 *     0  all is well
 *     1  degraded: the broker is away, a unit has failed, or events wait for longer than they should
 *     2  down: no database, or its schema is not the one that is needed, or no door is open */

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "cli/cli_conf.h"
#include "cli/cli_fields.h"
#include "contract/names.h"
#include "mq/mq_probe.h"
#include "pg/pg_ask.h"
#include "pg/pg_migrate.h"
#include "service/unit_daemon.h"
#include "json/jread.h"

#define BROKER_STALL_USEC (3 * USEC_PER_SEC) /* nobody waits longer for a status */
/* The sweep comes every minute: what is older than two has nobody. */
#define OUTBOX_AGE_MAX_SEC 120

enum health { HEALTH_OK = 0, HEALTH_DEGRADED = 1, HEALTH_DOWN = 2 };

struct status {
        const struct cli *cli;
        struct cli_conf conf;
        json_t *answer; /* owned: what --json prints; people see the same in words */
        enum health health;
};

static void worsen(struct status *s, enum health to)
{
        s->health = MAX_OF(s->health, to);
}

static void say(const struct status *s, const char *what, const char *fmt, ...) _printf_(3, 4);
static void say(const struct status *s, const char *what, const char *fmt, ...)
{
        va_list ap;

        if (s->cli->json)
                return;
        printf("%-10s  ", what);
        va_start(ap, fmt);
        vprintf(fmt, ap);
        va_end(ap);
        putchar('\n');
}

/* ---- daemons ---- */

static json_t *doors_json(const struct unit_daemon *d)
{
        json_t *doors = json_object();

        for (size_t i = 0; i < d->n_doors; i++)
                json_object_set_new(doors, *d->doors[i].name ? d->doors[i].name : "main",
                                    json_string(d->doors[i].state));
        return doors;
}

static void format_doors(const struct unit_daemon *d, char *out, size_t size)
{
        size_t n = 0;

        out[0] = '\0';
        for (size_t i = 0; i < d->n_doors && n < size; i++)
                n += (size_t)snprintf(out + n, size - n, "%s%s %s", i > 0 ? ", " : "",
                                      *d->doors[i].name ? d->doors[i].name : "main", d->doors[i].state);
}

static void show_daemons(struct status *s, const struct unit_daemons *all)
{
        static const struct cli_column columns[] = {{"DAEMON"}, {"STATE"}, {"DOORS", .shrinks = true}, {0}};
        json_t *list = json_object();
        struct cli_table t;
        bool any_open = false;

        cli_table_init(&t, columns);
        for (size_t i = 0; i < all->n; i++) {
                const struct unit_daemon *d = &all->items[i];
                char doors[256];

                for (size_t k = 0; k < d->n_doors; k++)
                        any_open = any_open || streq(d->doors[k].state, "open");
                if (unit_daemon_has_failed(d))
                        worsen(s, HEALTH_DEGRADED);
                format_doors(d, doors, sizeof(doors));
                cli_table_cell(&t, d->word);
                cli_table_cell(&t, d->state);
                cli_table_cell(&t, doors);
                json_object_set_new(list, d->word,
                                    json_pack("{s:s, s:o}", "state", d->state, "doors", doors_json(d)));
        }
        if (!any_open)
                worsen(s, HEALTH_DOWN);
        json_object_set_new(s->answer, "daemons", list);
        if (!s->cli->json) {
                (void)cli_print_table(&t);
                putchar('\n');
        }
        cli_table_done(&t);
}

/* The helpers around the daemons: the migration and the sweep. */
static void show_helper(struct status *s, const struct unit_state *units, size_t n, const char *unit)
{
        const struct unit_state *u = unit_state_find(units, n, unit);

        if (!u || !streq(u->active, "failed"))
                return;
        worsen(s, HEALTH_DEGRADED);
        say(s, "failed", "%s: see systemctl status %s", unit, unit);
}

static void look_at_units(struct status *s)
{
        _cleanup_free_ struct unit_state *units = NULL;
        struct unit_daemons all;
        size_t n = 0;
        int r;

        r = unit_state_list("lonja*", &units, &n);
        if (r < 0) {
                say(s, "daemons", "not asked: %s", r == -ENOTSUP ? "no systemd here" : strerror(-r));
                json_object_set_new(s->answer, "daemons", json_null());
                if (r != -ENOTSUP)
                        worsen(s, HEALTH_DEGRADED);
                return;
        }
        unit_daemons_find(units, n, &all);
        show_daemons(s, &all);
        show_helper(s, units, n, "lonja-db.service");
        show_helper(s, units, n, "lonja-sweep.service");
        show_helper(s, units, n, "lonja-sweep.timer");
}

/* ---- database ---- */

static int look_at_schema(struct status *s, json_t *found)
{
        const char *state;
        char error[256];
        int version, r;

        r = pg_schema_version(s->conf.pg.conninfo, &version, error, sizeof(error));
        if (r < 0) {
                worsen(s, HEALTH_DOWN);
                say(s, "database", "down: %s", error);
                json_object_set_new(found, "state", json_string("down"));
                json_object_set_new(found, "error", json_string(error));
                return r;
        }
        state = version == SCHEMA_VERSION  ? "up"
                : version < SCHEMA_VERSION ? "schema-pending"
                                           : "schema-too-new";
        json_object_set_new(found, "state", json_string(state));
        json_object_set_new(found, "schema", json_integer(version));
        json_object_set_new(found, "needed", json_integer(SCHEMA_VERSION));
        if (version == SCHEMA_VERSION) {
                say(s, "database", "up, schema %d", version);
                return 0;
        }
        worsen(s, HEALTH_DOWN);
        say(s, "database", "%s: the schema is %d, needed is %d", state, version, SCHEMA_VERSION);
        return -ESTALE;
}

static int64_t number(const char *text)
{
        int64_t n = 0;

        if (text)
                (void)parse_i64(text, &n);
        return n;
}

static void look_at_events(struct status *s, json_t *found)
{
        static const char sql[] = "SELECT (SELECT count(*) FROM outbox),"
                                  " (SELECT extract(epoch FROM now() - min(at))::bigint FROM outbox),"
                                  " (SELECT last FROM event_head), (SELECT published FROM relay)";
        char *values[4], error[256];
        int64_t n[4];
        int r;

        r = pg_ask(s->conf.pg.conninfo, sql, values, ARRAY_SIZE(values), error, sizeof(error));
        if (r < 0) {
                worsen(s, HEALTH_DEGRADED);
                say(s, "events", "unknown: %s", r == -ENODATA || r == -ENOMEM ? strerror(-r) : error);
                return;
        }
        for (size_t i = 0; i < ARRAY_SIZE(values); i++) {
                n[i] = number(values[i]);
                free(values[i]);
        }
        if (n[1] > OUTBOX_AGE_MAX_SEC)
                worsen(s, HEALTH_DEGRADED);
        say(s, "events",
            "%lld in the outbox (oldest %lld s), %lld in the log, %lld of them not published yet",
            (long long)n[0], (long long)n[1], (long long)n[2], (long long)(n[2] - n[3]));
        json_object_set_new(found, "outbox", json_integer(n[0]));
        json_object_set_new(found, "outbox_oldest_sec", json_integer(n[1]));
        json_object_set_new(found, "event_head", json_integer(n[2]));
        json_object_set_new(found, "event_published", json_integer(n[3]));
}

static void look_at_database(struct status *s)
{
        json_t *found = json_object();

        if (look_at_schema(s, found) == 0)
                look_at_events(s, found);
        json_object_set_new(s->answer, "database", found);
}

/* ---- broker ---- */

static void look_at_broker(struct status *s)
{
        struct mq_queue_depth depths[QUEUE_NAMES_MAX];
        json_t *found = json_object(), *queues;
        char error[MQ_PROBE_ERROR_SIZE];
        int r;

        s->conf.mq.stall_usec = BROKER_STALL_USEC;
        mq_probe_names(depths, ARRAY_SIZE(depths), queue_names);
        r = mq_probe(&s->conf.mq, depths, error);
        json_object_set_new(found, "state", json_string(r < 0 ? "down" : "up"));
        json_object_set_new(s->answer, "broker", found);
        if (r < 0) {
                worsen(s, HEALTH_DEGRADED);
                say(s, "broker", "down: %s", error);
                json_object_set_new(found, "error", json_string(error));
                return;
        }
        say(s, "broker", "up");
        queues = json_object();
        for (const struct mq_queue_depth *d = depths; d->name; d++) {
                if (!d->exists)
                        continue;
                say(s, "", "%s: %u waiting, %u consumers", d->name, d->n_messages, d->n_consumers);
                json_object_set_new(queues, d->name,
                                    json_pack("{s:I, s:I}", "messages", (json_int_t)d->n_messages,
                                              "consumers", (json_int_t)d->n_consumers));
        }
        json_object_set_new(found, "queues", queues);
}

static int run_status(struct cli *cli)
{
        static const char *const words[] = {"ok", "degraded", "down"};
        struct status s = {.cli = cli};

        if (cli_conf_load(&s.conf, cli) < 0)
                return HEALTH_DOWN;
        s.answer = json_object();
        look_at_units(&s);
        look_at_database(&s);
        look_at_broker(&s);
        json_object_set_new(s.answer, "status", json_string(words[s.health]));
        if (cli->json)
                (void)cli_print_json(s.answer);
        else
                printf("\nLonja is %s.\n", words[s.health]);
        json_decref(s.answer);
        cli_conf_done(&s.conf);
        return (int)s.health;
}

const struct cli_command cli_status_commands[] = {
        {"status", NULL, "", 0, 0, "how everything is, waking nobody; exit 0 ok, 1 degraded, 2 down", NULL,
         run_status},
        {0},
};

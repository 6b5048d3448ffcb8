/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The relay between a database and a broker that are played by the test: it sees what is asked and what is
 * published, and answers when it likes, in any order. */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/str.h"
#include "contract/names.h"
#include "events/event_relay.h"
#include "mq/mq_publish.h"
#include "pg/pg_query.h"

#define PUBLISHES_MAX 1024

static struct world {
        sd_event *loop;
        struct event_relay *relay;
        struct mq_link_watch *watch;
        bool is_broker_up;
        int submit_error; /* of the next publish */
        int n_holds;

        struct pg_query *turn, *read; /* in flight */
        int64_t turn_lease, turn_confirmed, read_after, read_to;
        unsigned n_turns, n_reads;
        int64_t rows[8][4]; /* a turn's row; or offsets of a read in column 0 */
        size_t n_rows;
        bool is_read_answer;

        struct mq_publish *publishes[PUBLISHES_MAX]; /* by offset; NULL when answered */
        unsigned n_publishes;
        int64_t last_offset;
        char last_body[1024];
} world;

/* ---- the service, as far as a relay needs it ---- */

sd_event *service_loop(struct service *s)
{
        return world.loop;
}

void service_hold(struct service *s)
{
        world.n_holds++;
}

void service_release(struct service *s)
{
        assert_true(world.n_holds > 0);
        world.n_holds--;
}

/* ---- the database ---- */

void pg_query_init(struct pg_query *q, const struct pg_statement *statement, pg_query_fn complete)
{
        *q = (struct pg_query){.statement = statement, .complete = complete};
}

void pg_query_text(struct pg_query *q, const char *value)
{
        q->n_params++;
}

void pg_query_int(struct pg_query *q, int64_t value)
{
        if (streq(q->statement->name, "event_relay_turn")) {
                if (q->n_params == 2)
                        world.turn_lease = value;
                if (q->n_params == 3)
                        world.turn_confirmed = value;
        } else {
                *(q->n_params == 0 ? &world.read_after : &world.read_to) = value;
        }
        q->n_params++;
}

int pg_query_submit(struct pg_query *q, struct pg_pool *pool, enum pg_lane lane, usec_t deadline_usec)
{
        if (streq(q->statement->name, "event_relay_turn")) {
                assert_null(world.turn);
                assert_int_equal(lane, PG_LANE_WRITE);
                world.turn = q;
                world.n_turns++;
        } else {
                assert_null(world.read);
                assert_int_equal(lane, PG_LANE_READ);
                world.read = q;
                world.n_reads++;
        }
        return 0;
}

void pg_query_done(struct pg_query *q)
{
        if (world.turn == q)
                world.turn = NULL;
        if (world.read == q)
                world.read = NULL;
        *q = (struct pg_query){0};
}

size_t pg_query_rows(const struct pg_query *q)
{
        return world.n_rows;
}

bool pg_row_is_null(const struct pg_query *q, size_t row, unsigned column)
{
        return false;
}

const char *pg_row_text(const struct pg_query *q, size_t row, unsigned column)
{
        static const char *const texts[] = {
                "", "id", "product.updated", "A1", "2026-11-22T00:00:00.000000Z", "", "req-1", "{\"n\":1}"};

        return texts[column];
}

int64_t pg_row_int(const struct pg_query *q, size_t row, unsigned column)
{
        if (world.is_read_answer)
                return column == 0 ? world.rows[0][0] + (int64_t)row : 7;
        return world.rows[0][column];
}

bool pg_row_bool(const struct pg_query *q, size_t row, unsigned column)
{
        return world.rows[row][column] != 0;
}

/* ---- the broker ---- */

bool mq_link_can_publish(const struct mq_link *l)
{
        return world.is_broker_up;
}

void mq_link_watch_add(struct mq_link *l, struct mq_link_watch *w)
{
        world.watch = w;
}

void mq_link_watch_remove(struct mq_link_watch *w)
{
        world.watch = NULL;
}

int mq_publish_submit(struct mq_publish *p, struct mq_link *l, const struct mq_message *m,
                      usec_t deadline_usec, mq_publish_fn complete)
{
        const char *at = strstr(m->body, "\"lonjaoffset\":");

        if (world.submit_error < 0)
                return world.submit_error;
        assert_non_null(at);
        assert_string_equal(m->exchange, EVENTS_EXCHANGE);
        assert_string_equal(m->routing_key, "product.updated");
        assert_string_equal(m->message_id, "id");
        assert_string_equal(m->headers[0].name, HEADER_REQUEST_ID);
        assert_string_equal(m->headers[0].text, "req-1");
        world.last_offset = atoll(at + strlen("\"lonjaoffset\":"));
        assert_true(world.last_offset < PUBLISHES_MAX);
        *p = (struct mq_publish){.complete = complete, .owner = l};
        world.publishes[world.last_offset] = p;
        world.n_publishes++;
        return 0;
}

void mq_publish_cancel(struct mq_publish *p)
{
        for (size_t i = 0; i < PUBLISHES_MAX; i++)
                if (world.publishes[i] == p)
                        world.publishes[i] = NULL;
}

/* ---- the test's vocabulary ---- */

/* Everything that can happen without a new answer. */
static void settle(void)
{
        while (sd_event_run(world.loop, 0) > 0)
                ;
}

static void answer_turn(int64_t moved, int64_t head, int64_t published, bool is_holder)
{
        struct pg_query *q = world.turn;

        assert_non_null(q);
        world.turn = NULL;
        world.is_read_answer = false;
        world.n_rows = 1;
        memcpy(world.rows[0], (int64_t[]){moved, head, published, is_holder}, sizeof(world.rows[0]));
        q->complete(q);
        settle();
}

static void fail_turn(int status)
{
        struct pg_query *q = world.turn;

        assert_non_null(q);
        world.turn = NULL;
        world.n_rows = 0;
        q->status = status;
        q->complete(q);
        settle();
}

/* Rows first, first + 1, ... */
static void answer_read(int64_t first, size_t n)
{
        struct pg_query *q = world.read;

        assert_non_null(q);
        world.read = NULL;
        world.is_read_answer = true;
        world.rows[0][0] = first;
        world.n_rows = n;
        q->complete(q);
        settle();
}

static void answer_publish(int64_t offset, int status)
{
        struct mq_publish *p = world.publishes[offset];

        assert_non_null(p);
        world.publishes[offset] = NULL;
        p->owner = NULL;
        p->status = status;
        p->complete(p);
        settle();
}

static void broker(bool up)
{
        world.is_broker_up = up;
        world.watch->changed(world.watch, up);
        settle();
}

static int setup(void **state)
{
        world = (struct world){.is_broker_up = true};
        assert_true(sd_event_new(&world.loop) >= 0);
        assert_int_equal(event_relay_new(&world.relay, NULL, NULL, NULL), 0);
        settle();
        return 0;
}

static int teardown(void **state)
{
        event_relay_free(world.relay);
        assert_int_equal(world.n_holds, 0);
        for (size_t i = 0; i < PUBLISHES_MAX; i++)
                assert_null(world.publishes[i]);
        world.loop = sd_event_unref(world.loop);
        return 0;
}

/* From the start to n events in flight. */
static void publish_first(size_t n)
{
        answer_turn((int64_t)n, (int64_t)n, 0, true);
        answer_read(1, n);
        assert_int_equal(world.n_publishes, n);
}

/* ---- cases ---- */

/* A relay looks at once for what a crash has left, and with nothing to do holds nothing. */
static void test_start(void **state)
{
        assert_non_null(world.turn);
        assert_true(world.turn_lease > 0);
        assert_int_equal(world.turn_confirmed, 0);
        assert_int_equal(world.n_holds, 0);
        answer_turn(0, 0, 0, false);
        assert_null(world.turn);
        assert_int_equal(world.n_reads, 0);
}

/* Any number of commits in one loop turn are one turn; those during it are one more; the service is held from
 * the first poke to the last answer. */
static void test_pokes_are_coalesced(void **state)
{
        answer_turn(0, 0, 0, false);
        for (int i = 0; i < 5; i++)
                event_relay_poke(world.relay);
        assert_int_equal(world.n_holds, 1);
        settle();
        assert_int_equal(world.n_turns, 2);
        for (int i = 0; i < 5; i++) {
                event_relay_poke(world.relay);
                settle();
        }
        assert_int_equal(world.n_turns, 2);
        answer_turn(0, 0, 0, false);
        assert_int_equal(world.n_turns, 3);
        assert_int_equal(world.n_holds, 1);
        answer_turn(0, 0, 0, false);
        assert_int_equal(world.n_turns, 3);
        assert_int_equal(world.n_holds, 0);
}

/* The whole way: read, publish in order, record when all is confirmed, give the lease up. */
static void test_publish(void **state)
{
        event_relay_poke(world.relay);
        answer_turn(3, 3, 0, true);
        assert_int_equal(world.read_after, 0);
        assert_int_equal(world.read_to, 3);
        answer_turn(0, 3, 0, true); /* of the poke */
        answer_read(1, 3);
        assert_int_equal(world.n_publishes, 3);
        assert_int_equal(world.last_offset, 3);
        assert_null(world.turn);
        assert_int_equal(world.n_holds, 1);
        for (int64_t offset = 1; offset <= 3; offset++)
                answer_publish(offset, 0);
        assert_int_equal(world.turn_confirmed, 3);
        answer_turn(0, 3, 3, false);
        assert_int_equal(world.n_holds, 0);
        assert_null(world.turn);
}

/* Only what is confirmed without a gap is recorded. */
static void test_confirms_out_of_order(void **state)
{
        publish_first(4);
        answer_publish(2, 0);
        answer_publish(4, 0);
        assert_null(world.turn);
        event_relay_poke(world.relay); /* any turn tells how far it has come */
        settle();
        assert_int_equal(world.turn_confirmed, 0);
        answer_turn(0, 4, 0, true);
        answer_publish(1, 0);
        event_relay_poke(world.relay);
        settle();
        assert_int_equal(world.turn_confirmed, 2);
        answer_turn(0, 4, 2, true);
        answer_publish(3, 0);
        assert_int_equal(world.turn_confirmed, 4);
        answer_turn(0, 4, 4, false);
}

/* A refused publish: nothing more goes out until all of the tenure are answered; then, after a pause, it
 * begins again behind what was recorded, with the refused one. */
static void test_refused(void **state)
{
        publish_first(3);
        answer_publish(1, 0);
        answer_publish(2, -EIO);
        assert_null(world.turn);
        assert_int_equal(world.n_holds, 1);
        answer_publish(3, 0);
        assert_non_null(world.turn);
        assert_int_equal(world.turn_lease, 0); /* the pause */
        answer_turn(0, 3, 0, false);
        assert_int_equal(world.n_reads, 1);
        assert_int_equal(world.n_holds, 1); /* behind the head, and the broker is there */
}

/* The broker goes: what is in flight fails, the lease is given back, the service may leave. It returns: go on
 * behind what was recorded. */
static void test_broker_away_and_back(void **state)
{
        publish_first(2);
        answer_publish(1, 0);
        world.is_broker_up = false; /* the link fails its publishes before it tells its watchers */
        answer_publish(2, -ECONNRESET);
        broker(false);
        assert_int_equal(world.turn_lease, 0);
        assert_int_equal(world.n_holds, 0);
        answer_turn(0, 2, 0, false);
        answer_turn(0, 2, 0, false); /* once for the failure, once for the news */
        assert_null(world.turn);

        event_relay_poke(world.relay); /* the log goes on */
        settle();
        assert_int_equal(world.turn_lease, 0);
        assert_int_equal(world.n_holds, 0);
        answer_turn(1, 3, 0, false);

        broker(true);
        assert_true(world.turn_lease > 0);
        answer_turn(0, 3, 0, true);
        assert_int_equal(world.read_after, 0);
        answer_read(1, 3);
        assert_int_equal(world.n_publishes, 5);
        for (int64_t offset = 1; offset <= 3; offset++)
                answer_publish(offset, 0);
        answer_turn(0, 3, 3, false);
        assert_int_equal(world.n_holds, 0);
}

/* Another has the lease: its work is waited for, unless we are asked to leave. */
static void test_somebody_else_holds(void **state)
{
        event_relay_poke(world.relay);
        answer_turn(1, 1, 0, false);
        answer_turn(0, 1, 0, false);
        assert_int_equal(world.n_reads, 0);
        assert_int_equal(world.n_holds, 1);
        event_relay_drain(world.relay);
        assert_int_equal(world.n_holds, 0);
}

/* The lease was lost and won again while another published: start from what that one recorded. */
static void test_overtaken(void **state)
{
        publish_first(2);
        event_relay_poke(world.relay);
        settle();
        answer_turn(0, 9, 5, true);
        assert_int_equal(world.n_reads, 1);
        answer_publish(1, 0);
        answer_publish(2, 0);
        assert_non_null(world.turn);
        answer_turn(0, 9, 5, true);
        assert_int_equal(world.read_after, 5);
        answer_read(6, 4);
        for (int64_t offset = 6; offset <= 9; offset++)
                answer_publish(offset, 0);
        assert_int_equal(world.turn_confirmed, 9);
        answer_turn(0, 9, 9, false);
}

/* A hole in the log can only be damage: nothing behind it is published as if it were not there. */
static void test_hole(void **state)
{
        answer_turn(3, 3, 0, true);
        answer_read(2, 2);
        assert_int_equal(world.n_publishes, 0);
        answer_turn(0, 3, 0, false);
        assert_int_equal(world.n_reads, 1);
}

/* Too many publishes wait already: later, not never. */
static void test_busy(void **state)
{
        world.submit_error = -EBUSY;
        answer_turn(2, 2, 0, true);
        answer_read(1, 2);
        assert_int_equal(world.n_publishes, 0);
        assert_int_equal(world.turn_lease, 0);
        answer_turn(0, 2, 0, false);
        assert_int_equal(world.n_holds, 1);
}

/* The database is away: nothing can be delivered, so nothing is held. */
static void test_database_away(void **state)
{
        answer_turn(0, 0, 0, false);
        event_relay_poke(world.relay);
        settle();
        assert_int_equal(world.n_holds, 1);
        fail_turn(-ENOTCONN);
        assert_int_equal(world.n_holds, 0);
        assert_null(world.turn);
}

/* A full batch is followed by the next at once, and is held for. */
static void test_backlog(void **state)
{
        answer_turn(2000, 2000, 0, false);
        assert_non_null(world.turn);
        assert_int_equal(world.n_holds, 1);
        answer_turn(1, 2001, 2001, false);
        assert_null(world.turn);
        assert_int_equal(world.n_holds, 0);
}

/* The window is bounded: reading stops when it is full, and goes on with the confirms. */
static void test_window(void **state)
{
        int64_t next = 1;

        answer_turn(900, 900, 0, true);
        while (world.read) {
                int64_t to = world.read_to;

                assert_int_equal(world.read_after, next - 1);
                answer_read(next, (size_t)(to - next + 1));
                next = to + 1;
        }
        assert_true(world.n_publishes <= 512 && world.n_publishes >= 256);
        answer_publish(1, 0);
        for (int64_t offset = 2; offset < 300; offset++)
                answer_publish(offset, 0);
        assert_non_null(world.read);
        assert_non_null(world.turn); /* the record follows, not one turn for each */
        assert_true(world.n_turns <= 3);
}

/* Leaving in the middle: nothing calls back any more. */
static void test_free_in_flight(void **state)
{
        publish_first(3);
        event_relay_poke(world.relay);
        settle();
        assert_non_null(world.turn);
}

int main(void)
{
        const struct CMUnitTest tests[] = {
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
                CASE(test_start),
                CASE(test_pokes_are_coalesced),
                CASE(test_publish),
                CASE(test_confirms_out_of_order),
                CASE(test_refused),
                CASE(test_broker_away_and_back),
                CASE(test_somebody_else_holds),
                CASE(test_overtaken),
                CASE(test_hole),
                CASE(test_busy),
                CASE(test_database_away),
                CASE(test_backlog),
                CASE(test_window),
                CASE(test_free_in_flight),
        };

        return cmocka_run_group_tests_name("event-relay", tests, NULL, NULL);
}

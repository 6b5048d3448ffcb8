/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* The link to the broker, driven by lines: tests/integration/test_mq.py asks on stdin and reads what happens
 * on stdout.
 *
 *     mq-probe URI STALL_MSEC HEARTBEAT_MSEC UNCONFIRMED_MAX [CA_FILE]     topology of the table below
 *
 *     state                                   state UP CAN_PUBLISH ERROR
 *     publish ID N KEY MANDATORY TIMEOUT_MSEC SIZE   confirmed, returned, nacked, lost, unsent, timeout,
 * refused: N times; bodies ID-0 .. ID-(N-1), then "published ID ..." with counts pump ID N KEY the same, each
 * again until it is confirmed; "pumped ID N TRIES" consume QUEUE PREFETCH NO_ACK AUTO_ACK  started, lost,
 * delivery GENERATION TAG REDELIVERED BODY ack | reject | requeue GENERATION TAG stop latency latency USEC:
 * the longest that a 1 ms timer was late since asked last metrics                                 metrics
 * published confirmed failed returned delivered acked reconnects quit freed USEC */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "mq/mq_consume.h"
#include "mq/mq_publish.h"

static const struct mq_exchange exchanges[] = {{"probe", "topic"}, {"probe.dead", "direct"}, {0}};
static const struct mq_queue queues[] = {
        {"probe.q", "quorum", "probe.dead"}, {"probe.dead.q", "classic", NULL}, {"", NULL, NULL}, {0}};
static const struct mq_binding bindings[] = {{"probe.q", "probe", "work.#"},
                                             {"probe.dead.q", "probe.dead", "work.dead"},
                                             {"", "probe", "event.#"},
                                             {0}};
static const struct mq_topology topology = {exchanges, queues, bindings};

enum outcome { CONFIRMED, RETURNED, NACKED, LOST, UNSENT, TIMEOUT, REFUSED, OTHER, N_OUTCOMES };

struct batch;
struct item {
        struct mq_publish publish;
        struct batch *batch;
        unsigned number;
};
struct batch {
        struct probe *probe;
        char id[32], key[64];
        bool mandatory, is_pump;
        usec_t timeout;
        size_t size;
        unsigned n, n_done, n_tries, outcomes[N_OUTCOMES];
        struct list_link retry; /* waits for the link to be up, or for room */
        struct list waiting;    /* of item.publish.link */
        struct item items[];
};

struct probe {
        sd_event *loop;
        struct mq_link *link;
        struct mq_link_watch watch;
        struct mq_consumer consumer;
        bool auto_ack;
        char queue[128];
        struct loop_io input;
        struct loop_timer tick, retry;
        usec_t last_tick, worst;
        struct list batches; /* pumps with waiting items */
        struct buf line;
};

static void say(const char *fmt, ...) _printf_(1, 2);
static void say(const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vprintf(fmt, ap);
        va_end(ap);
        (void)putchar('\n');
        (void)fflush(stdout);
}

/* ---- publishing ---- */

static enum outcome outcome_of(int status)
{
        switch (status) {
        case 0:
                return CONFIRMED;
        case -EHOSTUNREACH:
                return RETURNED;
        case -EIO:
                return NACKED;
        case -ECONNRESET:
                return LOST;
        case -ENOTCONN:
                return UNSENT;
        case -ETIMEDOUT:
                return TIMEOUT;
        case -EBUSY:
                return REFUSED;
        default:
                return OTHER;
        }
}

static void batch_done(struct batch *b)
{
        if (b->is_pump)
                say("pumped %s %u %u", b->id, b->n, b->n_tries);
        else
                say("published %s confirmed=%u returned=%u nacked=%u lost=%u unsent=%u timeout=%u refused=%u "
                    "other=%u",
                    b->id, b->outcomes[CONFIRMED], b->outcomes[RETURNED], b->outcomes[NACKED],
                    b->outcomes[LOST], b->outcomes[UNSENT], b->outcomes[TIMEOUT], b->outcomes[REFUSED],
                    b->outcomes[OTHER]);
        list_remove(&b->retry);
        free(b);
}

static void on_retry(struct loop_timer *t);

static void item_done(struct item *item, int status)
{
        struct batch *b = item->batch;

        if (b->is_pump && status != 0 && status != -ECANCELED) {
                list_append(&b->waiting, &item->publish.link);
                if (!loop_timer_is_armed(&b->probe->retry))
                        (void)loop_timer_start(&b->probe->retry, b->probe->loop, 20 * USEC_PER_MSEC,
                                               on_retry);
                return;
        }
        b->outcomes[outcome_of(status)]++;
        if (++b->n_done == b->n)
                batch_done(b);
}

static void on_published(struct mq_publish *p)
{
        item_done(container_of(p, struct item, publish), p->status);
}

static int item_submit(struct item *item)
{
        struct batch *b = item->batch;
        _cleanup_free_ char *body = malloc(64 + b->size);
        char id[64];
        int n = snprintf(id, sizeof(id), "%s-%u", b->id, item->number);
        const struct header headers[] = {{"x-request-id", b->id}, {0}};
        struct mq_message m = {.exchange = streq(b->key, "probe.q") ? "" : "probe",
                               .routing_key = b->key,
                               .content_type = "text/plain",
                               .message_id = id,
                               .headers = headers,
                               .body = body,
                               .body_size = (size_t)n + b->size,
                               .mandatory = b->mandatory};

        if (!body)
                return -ENOMEM;
        memcpy(body, id, (size_t)n);
        memset(body + n, ' ', b->size);
        b->n_tries++;
        return mq_publish_submit(&item->publish, b->probe->link, &m,
                                 b->timeout ? usec_add(clock_monotonic_usec(), b->timeout) : USEC_INFINITY,
                                 on_published);
}

static void on_retry(struct loop_timer *t)
{
        struct probe *p = container_of(t, struct probe, retry);
        bool again = false;

        LIST_FOREACH_SAFE (i, &p->batches) {
                struct batch *b = LIST_ENTRY(i, struct batch, retry);
                struct list_link *j;

                while ((j = list_first(&b->waiting))) {
                        struct item *item = LIST_ENTRY(j, struct item, publish.link);

                        list_remove(j);
                        if (item_submit(item) < 0) {
                                list_prepend(&b->waiting, j);
                                again = true;
                                break;
                        }
                }
        }
        if (again)
                (void)loop_timer_start(&p->retry, p->loop, 20 * USEC_PER_MSEC, on_retry);
}

static void start_batch(struct probe *p, bool is_pump, const char *id, unsigned n, const char *key,
                        bool mandatory, unsigned timeout_msec, size_t size)
{
        struct batch *b = calloc(1, sizeof(*b) + n * sizeof(b->items[0]));

        if (!b)
                return;
        b->probe = p;
        (void)snprintf(b->id, sizeof(b->id), "%s", id);
        (void)snprintf(b->key, sizeof(b->key), "%s", key);
        b->n = n;
        b->mandatory = mandatory;
        b->is_pump = is_pump;
        b->timeout = timeout_msec * USEC_PER_MSEC;
        b->size = size;
        list_init(&b->waiting);
        if (is_pump)
                list_append(&p->batches, &b->retry);
        for (unsigned i = 0; i < n; i++) {
                int r;

                b->items[i] = (struct item){.batch = b, .number = i};
                r = item_submit(&b->items[i]);
                if (r < 0)
                        item_done(&b->items[i], r);
        }
}

/* ---- consuming ---- */

static void on_delivered(struct mq_consumer *c, const struct mq_delivery *d)
{
        struct probe *p = container_of(c, struct probe, consumer);

        say("delivery %u %" PRIu64 " %d %.*s", d->generation, d->tag, d->redelivered, (int)d->body_size,
            d->body);
        if (p->auto_ack)
                mq_delivery_ack(c, d->tag, d->generation);
}

static void on_started(struct mq_consumer *c)
{
        say("started");
}

static void on_lost(struct mq_consumer *c)
{
        say("lost");
}

/* ---- commands ---- */

static void on_changed(struct mq_link_watch *w, bool up)
{
        struct probe *p = container_of(w, struct probe, watch);

        say("%s %s", up ? "up" : "down", p->link ? mq_link_error(p->link) : "");
}

static void on_tick(struct loop_timer *t)
{
        struct probe *p = container_of(t, struct probe, tick);
        usec_t now = clock_monotonic_usec();

        if (p->last_tick > 0)
                p->worst = MAX_OF(p->worst, now - p->last_tick);
        p->last_tick = now;
        (void)loop_timer_start(&p->tick, p->loop, USEC_PER_MSEC, on_tick);
}

static void print_metrics(struct probe *p)
{
        struct mq_link_metrics m;

        mq_link_metrics(p->link, &m);
        say("metrics published=%" PRIu64 " confirmed=%" PRIu64 " failed=%" PRIu64 " returned=%" PRIu64
            " delivered=%" PRIu64 " acked=%" PRIu64 " reconnects=%" PRIu64 " waiting=%" PRIu64
            " unconfirmed=%" PRIu64,
            m.n_published, m.n_confirmed, m.n_failed, m.n_returned, m.n_delivered, m.n_acked, m.n_reconnects,
            m.n_waiting, m.n_unconfirmed);
}

static void quit(struct probe *p)
{
        usec_t start = clock_monotonic_usec();

        p->link = mq_link_free(p->link);
        say("freed %" PRIu64, clock_monotonic_usec() - start);
        (void)sd_event_exit(p->loop, 0);
}

static void settle(struct probe *p, const char *verb, unsigned generation, uint64_t tag)
{
        if (streq(verb, "ack"))
                mq_delivery_ack(&p->consumer, tag, generation);
        else
                mq_delivery_reject(&p->consumer, tag, generation, streq(verb, "requeue"));
}

static void obey(struct probe *p, const char *line)
{
        char verb[16] = "", a[64] = "", b[64] = "", c[64] = "", d[64] = "", e[64] = "", f[64] = "";

        (void)sscanf(line, "%15s %63s %63s %63s %63s %63s %63s", verb, a, b, c, d, e, f);
        if (streq(verb, "publish")) {
                start_batch(p, false, a, (unsigned)atoi(b), c, atoi(d) != 0, (unsigned)atoi(e),
                            (size_t)atoi(f));
        } else if (streq(verb, "pump")) {
                start_batch(p, true, a, (unsigned)atoi(b), c, false, 0, 0);
        } else if (streq(verb, "consume")) {
                (void)snprintf(p->queue, sizeof(p->queue), "%s", streq(a, "-") ? "" : a);
                p->auto_ack = atoi(d) != 0;
                if (mq_consumer_start(&p->consumer, p->link, p->queue, (unsigned)atoi(b), atoi(c) != 0) < 0)
                        say("refused");
        } else if (streq(verb, "ack") || streq(verb, "reject") || streq(verb, "requeue")) {
                settle(p, verb, (unsigned)atoi(a), (uint64_t)atoll(b));
        } else if (streq(verb, "stop")) {
                mq_consumer_stop(&p->consumer);
                say("stopped");
        } else if (streq(verb, "state")) {
                say("state %d %d %s", mq_link_is_up(p->link), mq_link_can_publish(p->link),
                    mq_link_error(p->link));
        } else if (streq(verb, "latency")) {
                say("latency %" PRIu64, p->worst > USEC_PER_MSEC ? p->worst - USEC_PER_MSEC : 0);
                p->worst = 0;
        } else if (streq(verb, "metrics")) {
                print_metrics(p);
        } else if (streq(verb, "quit")) {
                quit(p);
        } else {
                say("what is \"%s\"?", verb);
        }
}

static void on_input(struct loop_io *io, uint32_t revents)
{
        struct probe *p = container_of(io, struct probe, input);
        char *end, *room = buf_reserve(&p->line, 4096);
        ssize_t n;

        if (!room)
                return;
        n = read(STDIN_FILENO, room, 4096);
        if (n <= 0) {
                loop_io_stop(io);
                quit(p);
                return;
        }
        buf_commit(&p->line, (size_t)n);
        while (p->link && buf_size(&p->line) > 0 &&
               (end = memchr(buf_bytes(&p->line), '\n', buf_size(&p->line)))) {
                *end = '\0';
                obey(p, buf_bytes(&p->line));
                buf_consume(&p->line, (size_t)(end - buf_bytes(&p->line)) + 1);
        }
}

int main(int argc, char *argv[])
{
        struct probe p = {.watch.changed = on_changed,
                          .consumer = {.delivered = on_delivered, .started = on_started, .lost = on_lost}};
        struct mq_conf conf = {0};
        int r;

        if (argc < 5)
                return 2;
        conf.ca_file = argc > 5 ? argv[5] : NULL;
        conf.uri = argv[1];
        conf.stall_usec = (usec_t)atoi(argv[2]) * USEC_PER_MSEC;
        conf.heartbeat_usec = (usec_t)atoi(argv[3]) * USEC_PER_MSEC;
        conf.unconfirmed_max = (uint64_t)atoi(argv[4]);
        conf.waiting_max = 20000;
        list_init(&p.batches);
        if ((r = sd_event_new(&p.loop)) < 0 ||
            (r = mq_link_new(&p.link, p.loop, &conf, &topology, true, &p.watch)) < 0 ||
            (r = loop_io_start(&p.input, p.loop, STDIN_FILENO, EPOLLIN, on_input)) < 0)
                return 1;
        on_tick(&p.tick);
        r = sd_event_loop(p.loop);
        loop_io_stop(&p.input);
        loop_timer_done(&p.tick);
        loop_timer_done(&p.retry);
        buf_done(&p.line);
        sd_event_unref(p.loop);
        return r < 0;
}

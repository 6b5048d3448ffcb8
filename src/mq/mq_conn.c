/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "mq/mq_conn.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/thread.h"

#define BACKOFF_BASE (100 * USEC_PER_MSEC)
#define BACKOFF_MAX (3 * USEC_PER_SEC)
/* A connection that lasted this long was a good one: the next attempt starts with a short pause again. */
#define GOOD_USEC (5 * USEC_PER_SEC)
/* Name resolution is the deepest thing on this stack. */
#define STACK_BYTES (256 * 1024)
/* Frames read before looking at the loop's wishes again. */
#define FRAMES_PER_TURN 256
/* How long a good-bye is waited for: a living broker on any sane network answers in this. */
#define GOODBYE_USEC (30 * USEC_PER_MSEC)
/* Whose socket is cut ends as soon as it runs; on a machine that is too busy for that, we wait for it. */
#define CUT_END_USEC (5 * USEC_PER_SEC)

void mq_conn_tell(struct mq_conn *c)
{
        if (c->has_told || !c->loop_wake)
                return;
        c->has_told = true;
        loop_wake_signal(c->loop_wake);
}

void mq_conn_kick(struct mq_conn *c)
{
        static const uint64_t one = 1;

        if (c->is_kicked)
                return;
        c->is_kicked = true;
        (void)!write(c->wake_fd, &one, sizeof(one));
}

void mq_conn_enter(struct mq_conn *c)
{
        atomic_store(&c->progress_usec, clock_monotonic_usec());
        atomic_store(&c->is_busy, true);
}

void mq_conn_leave(struct mq_conn *c)
{
        atomic_store(&c->is_busy, false);
}

bool mq_conn_is_stalled(struct mq_conn *c, bool expects, usec_t since_usec, usec_t now_usec)
{
        usec_t progress = atomic_load(&c->progress_usec);

        if (!atomic_load(&c->is_busy)) {
                if (!expects)
                        return false;
                progress = MAX_OF(progress, since_usec);
        }
        return now_usec > usec_add(progress, c->target.stall_usec);
}

void mq_conn_cut(struct mq_conn *c)
{
        pthread_mutex_lock(&c->lock);
        if (c->cut_fd >= 0 && !c->was_cut) {
                c->was_cut = true;
                (void)shutdown(c->cut_fd, SHUT_RDWR);
        }
        pthread_mutex_unlock(&c->lock);
}

void mq_conn_set_blocked(struct mq_conn *c, bool blocked, const char *why)
{
        pthread_mutex_lock(&c->lock);
        c->is_blocked = blocked;
        (void)snprintf(c->error, sizeof(c->error), "%s", blocked ? why : "");
        mq_conn_tell(c);
        pthread_mutex_unlock(&c->lock);
}

static bool is_stopping(struct mq_conn *c)
{
        bool stopping;

        pthread_mutex_lock(&c->lock);
        stopping = c->is_stopping;
        pthread_mutex_unlock(&c->lock);
        return stopping;
}

/* Sleeps until kicked or, with `fd` >= 0, until it can be read. */
static void conn_wait(struct mq_conn *c, int fd, usec_t timeout)
{
        struct pollfd fds[2] = {{.fd = c->wake_fd, .events = POLLIN}, {.fd = fd, .events = POLLIN}};
        struct timespec ts = {.tv_sec = (time_t)(timeout / USEC_PER_SEC),
                              .tv_nsec = (long)(timeout % USEC_PER_SEC) * 1000};
        uint64_t count;

        (void)ppoll(fds, 2, timeout == USEC_INFINITY ? NULL : &ts, NULL);
        if (!(fds[0].revents & POLLIN))
                return;
        (void)!read(c->wake_fd, &count, sizeof(count));
        pthread_mutex_lock(&c->lock);
        c->is_kicked = false;
        pthread_mutex_unlock(&c->lock);
}

/* From here on the loop can cut us. */
static int conn_register(struct mq_conn *c)
{
        int fd = fcntl(amqp_get_sockfd(c->state), F_DUPFD_CLOEXEC, 3), r;

        if (fd < 0) {
                (void)snprintf(c->reason, sizeof(c->reason), "out of file descriptors");
                return -errno;
        }
        pthread_mutex_lock(&c->lock);
        c->cut_fd = fd;
        c->was_cut = false;
        r = c->is_stopping ? -ESHUTDOWN : 0; /* nobody would cut us any more */
        pthread_mutex_unlock(&c->lock);
        return r;
}

static int conn_open(struct mq_conn *c)
{
        const struct mq_role *role = c->role;
        int r;

        r = mq_socket_connect(&c->target, &c->state, c->reason);
        if (r < 0)
                return r;
        r = conn_register(c);
        if (r < 0)
                return r;
        r = mq_socket_login(&c->target, c->state, c->reason);
        if (r < 0)
                return r;
        r = mq_socket_declare(c->state, c->topology, role->takes_exclusive_queues ? c->exclusive_queue : NULL,
                              sizeof(c->exclusive_queue), c->reason);
        if (r < 0)
                return r;
        r = role->opened(c);
        if (r < 0)
                return r;

        atomic_store(&c->progress_usec, clock_monotonic_usec());
        pthread_mutex_lock(&c->lock);
        c->is_up = true;
        c->is_blocked = false;
        c->generation++;
        c->error[0] = '\0';
        mq_conn_tell(c);
        pthread_mutex_unlock(&c->lock);
        return 0;
}

static int conn_take(struct mq_conn *c, const amqp_frame_t *frame)
{
        const amqp_method_t *m = &frame->payload.method;
        char why[MQ_ERROR_SIZE], text[MQ_ERROR_SIZE - 32];

        if (frame->frame_type != AMQP_FRAME_METHOD)
                return c->role->take(c, frame);
        switch (m->id) {
        case AMQP_CONNECTION_CLOSE_METHOD:
        case AMQP_CHANNEL_CLOSE_METHOD:
                return mq_socket_closed(m, "closed", c->reason);
        case AMQP_BASIC_CANCEL_METHOD:
                (void)snprintf(c->reason, sizeof(c->reason), "the broker cancelled the consumer");
                return -EPROTO;
        case AMQP_CONNECTION_BLOCKED_METHOD:
                mq_bytes_copy(((const amqp_connection_blocked_t *)m->decoded)->reason, text, sizeof(text));
                (void)snprintf(why, sizeof(why), "the broker blocks publishers: %s", text);
                mq_conn_set_blocked(c, true, why);
                return 0;
        case AMQP_CONNECTION_UNBLOCKED_METHOD:
                mq_conn_set_blocked(c, false, "");
                return 0;
        default:
                return c->role->take(c, frame);
        }
}

/* Reads what has come, without waiting; first of all what the library has buffered already.  Keeps the
 * heartbeats, in both directions.  0: nothing came; 1: something did, which may have made room for more work.
 */
static int conn_read(struct mq_conn *c)
{
        unsigned i;

        for (i = 0; i < FRAMES_PER_TURN; i++) {
                struct timeval at_once = {0};
                amqp_frame_t frame;
                int status, r;

                if (c->role->can_take && !c->role->can_take(c))
                        break;
                mq_conn_enter(c); /* it may send a heartbeat */
                status = amqp_simple_wait_frame_noblock(c->state, &frame, &at_once);
                mq_conn_leave(c);
                if (status == AMQP_STATUS_TIMEOUT)
                        break;
                r = mq_socket_status(status, "reading", c->reason);
                if (r < 0)
                        return r;
                atomic_store(&c->progress_usec, clock_monotonic_usec());
                r = conn_take(c, &frame);
                if (r < 0)
                        return r;
                amqp_maybe_release_buffers(c->state);
        }
        return i > 0;
}

static int conn_serve(struct mq_conn *c)
{
        /* often enough for the library to send a heartbeat in time (it wants half the interval) */
        usec_t nap = c->target.heartbeat_sec > 0 ? (usec_t)c->target.heartbeat_sec * USEC_PER_SEC / 4
                                                 : USEC_INFINITY;

        for (;;) {
                int worked, got;
                bool full;

                worked = c->role->work(c);
                if (worked < 0)
                        return worked;
                got = conn_read(c);
                if (got < 0)
                        return got;
                if (is_stopping(c))
                        return -ECANCELED;
                if (worked > 0 || got > 0)
                        continue;
                full = c->role->can_take && !c->role->can_take(c);
                conn_wait(c, full ? -1 : amqp_get_sockfd(c->state), nap);
        }
}

/* connection.close and a short look for the answer: a broker that lives need not log a lost client. */
static void conn_say_goodbye(struct mq_conn *c)
{
        amqp_connection_close_t close = {.reply_code = AMQP_REPLY_SUCCESS,
                                         .reply_text = amqp_cstring_bytes("bye")};
        usec_t until = usec_add(clock_monotonic_usec(), GOODBYE_USEC), now;

        (void)c->role->work(c); /* what the loop has settled before it left */
        if (amqp_send_method(c->state, 0, AMQP_CONNECTION_CLOSE_METHOD, &close) != AMQP_STATUS_OK)
                return;
        while ((now = clock_monotonic_usec()) < until) {
                struct timeval left = {.tv_usec = (suseconds_t)(until - now)};
                amqp_frame_t frame;

                if (amqp_simple_wait_frame_noblock(c->state, &frame, &left) != AMQP_STATUS_OK)
                        return;
                if (frame.frame_type == AMQP_FRAME_METHOD &&
                    frame.payload.method.id == AMQP_CONNECTION_CLOSE_OK_METHOD)
                        return;
                amqp_maybe_release_buffers(c->state);
        }
}

static void conn_close(struct mq_conn *c)
{
        int cut_fd;

        pthread_mutex_lock(&c->lock);
        if (c->was_cut)
                (void)snprintf(c->reason, sizeof(c->reason), "no progress for %u s: cut",
                               (unsigned)(c->target.stall_usec / USEC_PER_SEC));
        c->is_up = false;
        c->is_blocked = false;
        c->has_failed = true;
        memcpy(c->error, c->reason, sizeof(c->error));
        cut_fd = c->cut_fd;
        c->cut_fd = -1;
        c->role->lost(c);
        mq_conn_tell(c);
        pthread_mutex_unlock(&c->lock);

        /* nobody else can see the socket any more; cut it first, so that destroying cannot wait for a peer */
        if (cut_fd >= 0)
                (void)shutdown(cut_fd, SHUT_RDWR);
        fd_close(cut_fd);
        if (c->state)
                (void)amqp_destroy_connection(c->state);
        c->state = NULL;
        atomic_store(&c->is_busy, false);
}

static void conn_pause(struct mq_conn *c, unsigned attempt)
{
        usec_t until = usec_add(clock_monotonic_usec(), backoff_usec(attempt, BACKOFF_BASE, BACKOFF_MAX)),
               now;

        while (!is_stopping(c) && (now = clock_monotonic_usec()) < until)
                conn_wait(c, -1, until - now);
}

static void *conn_main(void *argument)
{
        struct mq_conn *c = argument;
        unsigned attempt = 0;
        bool orphan;

        while (!is_stopping(c)) {
                usec_t start = clock_monotonic_usec();
                int r;

                r = conn_open(c);
                if (r >= 0)
                        r = conn_serve(c);
                if (r == -ECANCELED)
                        conn_say_goodbye(c);
                conn_close(c);
                if (is_stopping(c))
                        break;
                if (clock_monotonic_usec() - start > GOOD_USEC)
                        attempt = 0;
                conn_pause(c, attempt++);
        }
        pthread_mutex_lock(&c->lock);
        c->has_ended = true;
        orphan = c->is_orphan;
        pthread_cond_signal(&c->ended);
        pthread_mutex_unlock(&c->lock);
        if (orphan)
                c->role->free(c);
        return NULL;
}

int mq_conn_init(struct mq_conn *c, const struct mq_role *role, struct mq_target *target,
                 const struct mq_topology *topology, struct loop_wake *wake)
{
        pthread_condattr_t attributes;

        c->role = role;
        c->topology = topology;
        c->loop_wake = wake;
        c->cut_fd = -1;
        c->target = *target;
        *target = (struct mq_target){0};
        /* with default attributes these cannot fail in glibc */
        pthread_mutex_init(&c->lock, NULL);
        pthread_condattr_init(&attributes);
        pthread_condattr_setclock(&attributes, CLOCK_MONOTONIC);
        pthread_cond_init(&c->ended, &attributes);
        pthread_condattr_destroy(&attributes);
        c->wake_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        return c->wake_fd < 0 ? -errno : 0;
}

void mq_conn_done(struct mq_conn *c)
{
        if (!c->role)
                return;
        fd_close(c->wake_fd);
        mq_target_done(&c->target);
        pthread_cond_destroy(&c->ended);
        pthread_mutex_destroy(&c->lock);
}

int mq_conn_start(struct mq_conn *c)
{
        char name[16]; /* what the kernel keeps */
        int r;

        (void)snprintf(name, sizeof(name), "mq-%s", c->role->purpose);
        r = thread_start(&c->thread, name, STACK_BYTES, conn_main, c);
        c->is_started = r >= 0;
        return r;
}

void mq_conn_stop(struct mq_conn *c)
{
        pthread_mutex_lock(&c->lock);
        c->is_stopping = true;
        mq_conn_kick(c);
        pthread_mutex_unlock(&c->lock);
}

/* lock held */
static bool wait_for_end(struct mq_conn *c, usec_t until)
{
        struct timespec ts = {.tv_sec = (time_t)(until / USEC_PER_SEC),
                              .tv_nsec = (long)(until % USEC_PER_SEC) * 1000};

        while (!c->has_ended && pthread_cond_timedwait(&c->ended, &c->lock, &ts) == 0)
                ;
        return c->has_ended;
}

void mq_conn_free(struct mq_conn *c, usec_t polite_until_usec, usec_t search_until_usec)
{
        pthread_t thread = c->thread; /* an orphan takes c with it */
        bool has_ended;

        if (!c->is_started) {
                c->role->free(c);
                return;
        }
        mq_conn_stop(c);
        pthread_mutex_lock(&c->lock);
        has_ended = wait_for_end(c, polite_until_usec);
        if (!has_ended && c->cut_fd >= 0) {
                (void)shutdown(c->cut_fd, SHUT_RDWR);
                has_ended = wait_for_end(c, usec_add(clock_monotonic_usec(), CUT_END_USEC));
        } else if (!has_ended) {
                has_ended = wait_for_end(c, search_until_usec);
        }
        c->is_orphan = !has_ended;
        c->loop_wake = NULL;
        pthread_mutex_unlock(&c->lock);

        if (has_ended) {
                pthread_join(thread, NULL);
                c->role->free(c);
        } else {
                pthread_detach(thread);
        }
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* What a running daemon does with its time:
 *
 *      RUNNING --SIGTERM, SIGINT, idle--> DRAINING --nothing held, or the grace is over--> the loop ends
 *         |                                  |
 *         +---------service_fail()-----------+--> the loop ends with 1
 *
 * The idle clock is one timer that is not moved for each request: a request only writes down when it was.
 * When the timer fires it looks how long that is ago, and sleeps on for the rest.  Its first stop after a
 * burst gives the burst's memory back, since a daemon is idle for most of its life. */

#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <systemd/sd-daemon.h>

#include "base/alloc.h"
#include "service/bell.h"
#include "service/log.h"
#include "service/log_ids.h"
#include "service/service_life.h"

#define QUIET_USEC (2 * USEC_PER_SEC) /* without a request: the burst is over */

static const struct service_conf *service_settings(const struct service *s)
{
        return s->conf; /* the first member of every daemon's configuration */
}

sd_event *service_loop(struct service *s)
{
        return s->loop;
}

const struct listen_set *service_listeners(const struct service *s)
{
        return &s->listeners;
}

const char *service_config_dir(const struct service *s)
{
        return s->config_dir;
}

bool service_is_draining(const struct service *s)
{
        return s->draining;
}

void service_fail(struct service *s, int error)
{
        s->failed = true;
        log_error_errno(error, "Giving up: %m");
        (void)sd_event_exit(s->loop, EXIT_FAILURE);
}

void service_status(struct service *s, const char *fmt, ...)
{
        char text[256];
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(text, sizeof(text), fmt, ap);
        va_end(ap);
        /* A line break would begin another assignment of the notification. */
        for (char *p = text; *p; p++)
                if (*p == '\n')
                        *p = ' ';
        (void)sd_notifyf(false, "STATUS=%s", text);
}

/* ---- leaving ---- */

static void on_maybe_leave(struct loop_task *t)
{
        struct service *s = container_of(t, struct service, maybe_leave);

        if (s->draining && s->n_holds == 0 && s->n_lingers == 0)
                (void)sd_event_exit(s->loop, EXIT_SUCCESS);
}

/* Looked at once the turn is over: what ends in one callback may begin something else in the same. */
static void check_leave(struct service *s)
{
        if (s->draining && s->n_holds == 0 && s->n_lingers == 0)
                loop_task_schedule(&s->maybe_leave);
}

static void on_grace_over(struct loop_timer *t)
{
        struct service *s = container_of(t, struct service, grace_timer);

        log_warning("Leaving with work in hand: %zu operations, %zu connections", s->n_holds, s->n_lingers);
        (void)sd_event_exit(s->loop, EXIT_SUCCESS);
}

static void begin_drain(struct service *s)
{
        int r;

        s->draining = true;
        loop_timer_stop(&s->idle_timer);
        /* A bell that rings from now on starts the next process. */
        for (size_t i = 0; i < s->n_bells; i++)
                loop_io_stop(&s->bells[i].io);
        (void)sd_notify(false, "STOPPING=1\nSTATUS=Finishing what was accepted.");
        r = loop_timer_start(&s->grace_timer, s->loop, service_settings(s)->drain_usec, on_grace_over);
        if (r < 0)
                return service_fail(s, r);
        s->daemon->drain(s->object);
        check_leave(s);
}

/* ---- the idle clock ---- */

static void on_idle_timer(struct loop_timer *t);

static usec_t first_stop_usec(const struct service *s)
{
        usec_t idle_max = service_settings(s)->idle_exit_usec;

        return idle_max > 0 ? MIN_OF(idle_max, QUIET_USEC) : QUIET_USEC;
}

static void arm_idle_timer(struct service *s, usec_t delay)
{
        int r = loop_timer_start(&s->idle_timer, s->loop, delay, on_idle_timer);

        if (r < 0)
                service_fail(s, r);
}

static void on_idle_timer(struct loop_timer *t)
{
        struct service *s = container_of(t, struct service, idle_timer);
        usec_t idle_max = service_settings(s)->idle_exit_usec,
               idle = clock_monotonic_usec() - s->touched_usec;

        if (idle < first_stop_usec(s))
                return arm_idle_timer(s, first_stop_usec(s) - idle);
        if (!s->quiet) {
                s->quiet = true;
                (void)malloc_trim(0);
        }
        /* With work in hand the clock stands; service_release() starts it again. */
        if (s->n_holds > 0 || idle_max == 0)
                return;
        if (idle < idle_max)
                return arm_idle_timer(s, idle_max - idle);
        log_info_fields(LOG_FIELDS({"MESSAGE_ID", LOG_ID_IDLE_EXIT}), "Idle, leaving until somebody knocks");
        begin_drain(s);
}

void service_touch(struct service *s)
{
        s->touched_usec = clock_monotonic_usec();
        if (s->draining || (!s->quiet && loop_timer_is_armed(&s->idle_timer)))
                return;
        s->quiet = false;
        arm_idle_timer(s, first_stop_usec(s));
}

void service_hold(struct service *s)
{
        s->n_holds++;
}

void service_release(struct service *s)
{
        assert(s->n_holds > 0);
        s->n_holds--;
        service_touch(s);
        check_leave(s);
}

void service_linger(struct service *s)
{
        s->n_lingers++;
}

void service_linger_end(struct service *s)
{
        assert(s->n_lingers > 0);
        s->n_lingers--;
        check_leave(s);
}

/* ---- signals and bells ---- */

static int on_terminate(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        struct service *s = userdata;

        if (!s->draining)
                begin_drain(s);
        else if (si->ssi_signo == SIGINT) /* a person at a terminal, for the second time */
                (void)sd_event_exit(s->loop, EXIT_SUCCESS);
        return 0;
}

static void reload(struct service *s)
{
        struct buf messages = BUF_EMPTY;
        void *conf = NULL;
        int r;

        r = service_read_conf(s->daemon, s->config_dir, &conf, &messages);
        if (r < 0) {
                service_log_lines(&messages);
                log_fields(LOG_ERR, LOG_FIELDS({"MESSAGE_ID", LOG_ID_RELOAD_FAILED}),
                           "The configuration is unusable, the old one stays");
                buf_done(&messages);
                return;
        }
        buf_done(&messages);
        if (s->daemon->reload)
                s->daemon->reload(s->object, conf);
        service_free_conf(s->daemon, s->conf);
        s->conf = conf;
        log_set_level(service_settings(s)->log_level);
        /* The idle clock may have become shorter, or begun to run. */
        s->quiet = true;
        service_touch(s);
        log_info_fields(LOG_FIELDS({"MESSAGE_ID", LOG_ID_RELOADED}), "Configuration reloaded");
}

static int on_hangup(sd_event_source *source, const struct signalfd_siginfo *si, void *userdata)
{
        struct service *s = userdata;

        if (s->draining)
                return 0;
        (void)sd_notifyf(false, "RELOADING=1\nMONOTONIC_USEC=%llu",
                         (unsigned long long)clock_monotonic_usec());
        reload(s);
        (void)sd_notify(false, "READY=1");
        return 0;
}

static void on_bell(struct loop_io *io, uint32_t revents)
{
        struct service_bell *bell = container_of(io, struct service_bell, io);
        struct service *s = bell->service;

        bell_drain(bell->fd);
        service_touch(s);
        s->daemon->ring(s->object);
}

static int watch_bells(struct service *s)
{
        for (size_t i = 0; i < s->listeners.n_sockets; i++) {
                const struct listen_socket *socket = &s->listeners.sockets[i];
                struct service_bell *bell = &s->bells[s->n_bells];
                int r;

                if (socket->door->kind != LISTEN_DATAGRAM)
                        continue;
                bell_drain(socket->fd);
                *bell = (struct service_bell){.service = s, .fd = socket->fd};
                r = loop_io_start(&bell->io, s->loop, bell->fd, EPOLLIN, on_bell);
                if (r < 0)
                        return r;
                s->n_bells++;
        }
        return 0;
}

/* ---- life ---- */

/* Blocked in every thread, as those that start later inherit the mask: sd-event reads the first three from a
 * descriptor, and a closed connection is an error of write(2), not the end of the process. */
static int block_signals(void)
{
        sigset_t set;

        if (sigemptyset(&set) < 0 || sigaddset(&set, SIGTERM) < 0 || sigaddset(&set, SIGINT) < 0 ||
            sigaddset(&set, SIGHUP) < 0 || sigaddset(&set, SIGPIPE) < 0 ||
            sigprocmask(SIG_BLOCK, &set, NULL) < 0)
                return -errno;
        return 0;
}

static int prepare_loop(struct service *s)
{
        int r;

        if ((r = block_signals()) < 0 || (r = sd_event_new(&s->loop)) < 0 ||
            (r = sd_event_add_signal(s->loop, NULL, SIGTERM, on_terminate, s)) < 0 ||
            (r = sd_event_add_signal(s->loop, NULL, SIGINT, on_terminate, s)) < 0 ||
            (r = sd_event_add_signal(s->loop, NULL, SIGHUP, on_hangup, s)) < 0 ||
            (r = sd_event_set_watchdog(s->loop, true)) < 0 ||
            (r = loop_task_init(&s->maybe_leave, s->loop, on_maybe_leave)) < 0)
                return log_error_errno(r, "Cannot set up the event loop: %m");
        return 0;
}

static int adopt_sockets(struct service *s)
{
        const char *missing = NULL;
        size_t strangers = 0;
        int r;

        r = listen_set_adopt(&s->listeners, s->daemon->doors, &missing, &strangers);
        if (missing)
                return log_error_errno(r,
                                       "No socket named \"%s\" was passed: start the socket unit, not the "
                                       "program",
                                       missing);
        if (r < 0)
                return log_error_errno(r, "Cannot adopt the sockets that were passed: %m");
        if (strangers > 0)
                log_warning("Closed %zu passed sockets of unknown name or wrong type", strangers);
        return 0;
}

static void service_done(struct service *s)
{
        s->daemon->free(s->object);
        for (size_t i = 0; i < s->n_bells; i++)
                loop_io_stop(&s->bells[i].io);
        listen_set_done(&s->listeners);
        loop_task_done(&s->maybe_leave);
        loop_timer_done(&s->grace_timer);
        loop_timer_done(&s->idle_timer);
        s->loop = sd_event_unref(s->loop);
}

int service_run(struct service *s)
{
        int r;

        if ((r = prepare_loop(s)) < 0 || (r = adopt_sockets(s)) < 0)
                goto finish;
        r = watch_bells(s);
        if (r < 0) {
                log_error_errno(r, "Cannot watch the doorbell: %m");
                goto finish;
        }
        r = s->daemon->start(s, s->conf, &s->object);
        if (r < 0)
                goto finish;
        service_touch(s);
        if (s->daemon->ring) /* the bell may be why we are here */
                s->daemon->ring(s->object);
        (void)sd_notify(false, "READY=1");
        r = sd_event_loop(s->loop);
        if (r < 0)
                log_error_errno(r, "The event loop failed: %m");
finish:
        service_done(s);
        return r == 0 && !s->failed ? EXIT_SUCCESS : EXIT_FAILURE;
}

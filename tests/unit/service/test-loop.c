/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/fd.h"
#include "service/loop.h"

/* What happened, in order: one letter for each callback. */
struct diary {
        sd_event *loop;
        char text[256];
        size_t n;
        struct loop_timer timer, other_timer;
        struct loop_task task;
        struct loop_io io[3];
        struct loop_wake wake;
        int pairs[3][2];
        pthread_t thread;
};

static int diary_open(void **state)
{
        struct diary *d = calloc(1, sizeof(*d));

        *state = d;
        for (size_t i = 0; i < 3; i++)
                if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, d->pairs[i]) < 0)
                        return -1;
        return sd_event_new(&d->loop);
}

static int diary_close(void **state)
{
        struct diary *d = *state;

        loop_timer_done(&d->timer);
        loop_timer_done(&d->other_timer);
        loop_task_done(&d->task);
        loop_wake_done(&d->wake);
        for (size_t i = 0; i < 3; i++) {
                loop_io_stop(&d->io[i]);
                (void)fd_close(d->pairs[i][0]);
                (void)fd_close(d->pairs[i][1]);
        }
        sd_event_unref(d->loop);
        free(d);
        return 0;
}

static void enter(struct diary *d, char c)
{
        if (d->n + 1 < sizeof(d->text))
                d->text[d->n++] = c;
}

static void leave(struct diary *d)
{
        (void)sd_event_exit(d->loop, 0);
}

static void on_other_timer(struct loop_timer *t)
{
        struct diary *d = container_of(t, struct diary, other_timer);

        enter(d, 'o');
        leave(d);
}

static void on_timer(struct loop_timer *t)
{
        struct diary *d = container_of(t, struct diary, timer);

        assert_false(loop_timer_is_armed(t));
        enter(d, 't');
        if (d->n < 3)
                assert_int_equal(loop_timer_start(t, d->loop, 0, on_timer), 0);
        else
                assert_int_equal(
                        loop_timer_start(&d->other_timer, d->loop, 2 * USEC_PER_MSEC, on_other_timer), 0);
}

/* A timer fires once for each start, may be started again from its own callback, and never when stopped. */
static void test_timer(void **state)
{
        struct diary *d = *state;
        usec_t before = clock_monotonic_usec();

        assert_false(loop_timer_is_armed(&d->timer));
        loop_timer_stop(&d->timer);
        assert_int_equal(loop_timer_start(&d->other_timer, d->loop, 0, on_other_timer), 0);
        loop_timer_stop(&d->other_timer);
        assert_false(loop_timer_is_armed(&d->other_timer));
        assert_int_equal(loop_timer_start(&d->timer, d->loop, USEC_INFINITY, on_timer), 0);
        assert_int_equal(loop_timer_start(&d->timer, d->loop, 5 * USEC_PER_MSEC, on_timer), 0);
        assert_true(loop_timer_is_armed(&d->timer));
        assert_int_equal(sd_event_loop(d->loop), 0);
        assert_string_equal(d->text, "ttto");
        assert_true(clock_monotonic_usec() - before >= 7 * USEC_PER_MSEC);
}

static void on_task(struct loop_task *t)
{
        struct diary *d = container_of(t, struct diary, task);

        enter(d, 'T');
        leave(d);
}

static void on_input(struct diary *d, size_t i)
{
        char c;

        assert_int_equal(read(d->pairs[i][0], &c, 1), 1);
        enter(d, c);
        loop_task_schedule(&d->task);
        loop_task_schedule(&d->task);
}

static void on_ready_0(struct loop_io *io, uint32_t revents)
{
        on_input(container_of(io, struct diary, io[0]), 0);
}

static void on_ready_1(struct loop_io *io, uint32_t revents)
{
        on_input(container_of(io, struct diary, io[1]), 1);
}

static void on_ready_2(struct loop_io *io, uint32_t revents)
{
        on_input(container_of(io, struct diary, io[2]), 2);
}

/* A task runs once after all input that was ready when it was scheduled, however often it was scheduled. */
static void test_task_comes_last(void **state)
{
        static void (*const ready[])(struct loop_io *, uint32_t) = {on_ready_0, on_ready_1, on_ready_2};
        struct diary *d = *state;

        assert_int_equal(loop_task_init(&d->task, d->loop, on_task), 0);
        for (size_t i = 0; i < 3; i++) {
                assert_int_equal(loop_io_start(&d->io[i], d->loop, d->pairs[i][0], EPOLLIN, ready[i]), 0);
                assert_int_equal(write(d->pairs[i][1], "x", 1), 1);
        }
        assert_int_equal(sd_event_loop(d->loop), 0);
        assert_string_equal(d->text, "xxxT");
}

static void on_endless(struct loop_io *io, uint32_t revents)
{
        struct diary *d = container_of(io, struct diary, io[0]);

        enter(d, 'x'); /* never read: ready for ever */
        loop_task_schedule(&d->task);
}

/* Input without end does not starve a task. */
static void test_task_is_not_starved(void **state)
{
        struct diary *d = *state;

        assert_int_equal(loop_task_init(&d->task, d->loop, on_task), 0);
        assert_int_equal(loop_io_start(&d->io[0], d->loop, d->pairs[0][0], EPOLLIN, on_endless), 0);
        assert_int_equal(write(d->pairs[0][1], "x", 1), 1);
        assert_int_equal(sd_event_loop(d->loop), 0);
        assert_int_equal(d->text[d->n - 1], 'T');
        assert_in_range(d->n, 2, 100);
}

static void on_writable(struct loop_io *io, uint32_t revents)
{
        struct diary *d = container_of(io, struct diary, io[0]);

        assert_true(revents & EPOLLOUT);
        enter(d, 'w');
        loop_io_stop(io);
        leave(d);
}

/* What is waited for can change, and a stopped source may be started again on another descriptor. */
static void test_io_events(void **state)
{
        struct diary *d = *state;

        assert_int_equal(loop_io_start(&d->io[0], d->loop, d->pairs[1][0], EPOLLIN, on_ready_0), 0);
        assert_int_equal(loop_io_start(&d->io[0], d->loop, d->pairs[0][0], EPOLLIN, on_writable), 0);
        assert_int_equal(sd_event_run(d->loop, 0), 0);
        assert_int_equal(loop_io_set_events(&d->io[0], EPOLLOUT), 0);
        assert_int_equal(sd_event_loop(d->loop), 0);
        assert_string_equal(d->text, "w");
        assert_null(d->io[0].source);
}

static void on_woken(struct loop_wake *w)
{
        struct diary *d = container_of(w, struct diary, wake);

        enter(d, 'k');
        leave(d);
}

static void *signal_thrice(void *userdata)
{
        struct diary *d = userdata;

        for (int i = 0; i < 3; i++)
                loop_wake_signal(&d->wake);
        return NULL;
}

/* Signals from another thread arrive, and those not yet heard are one. */
static void test_wake(void **state)
{
        struct diary *d = *state;

        assert_int_equal(loop_wake_init(&d->wake, d->loop, on_woken), 0);
        assert_int_equal(pthread_create(&d->thread, NULL, signal_thrice, d), 0);
        assert_int_equal(pthread_join(d->thread, NULL), 0);
        assert_int_equal(sd_event_loop(d->loop), 0);
        assert_string_equal(d->text, "k");
        loop_wake_done(&d->wake);
        loop_wake_done(&d->wake);
}

#define story(test) cmocka_unit_test_setup_teardown(test, diary_open, diary_close)

int main(void)
{
        const struct CMUnitTest tests[] = {
                story(test_timer),
                story(test_task_comes_last),
                story(test_task_is_not_starved),
                story(test_io_events),
                story(test_wake),
        };

        return cmocka_run_group_tests(tests, NULL, NULL);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* One detached thread per look-up, as in pg_cancel.c: connecting is rare, and a look-up cannot be
 * interrupted. Loop and thread each own one reference to the work and a descriptor of the same eventfd; the
 * thread writes the result, then signals, then lets go; the loop reads after the signal. */

#include "pg/pg_resolve.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netdb.h>
#include <stdatomic.h>
#include <stdio.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/buf.h"
#include "base/fd.h"
#include "base/thread.h"

#define ADDRESSES_MAX 16 /* libpq tries them one after another; nobody waits for more */

struct pg_resolve_work {
        atomic_int n_owners;
        char *hosts_in, *ports_in;
        int loop_fd, thread_fd;
        struct buf hosts, addresses, ports;
        unsigned n_addresses;
        int error; /* EAI_* of the last name that was not found */
};

static void work_unref(struct pg_resolve_work *w)
{
        if (atomic_fetch_sub(&w->n_owners, 1) > 1)
                return;
        free(w->hosts_in);
        free(w->ports_in);
        fd_close(w->loop_fd);
        fd_close(w->thread_fd);
        buf_done(&w->hosts);
        buf_done(&w->addresses);
        buf_done(&w->ports);
        free(w);
}

static bool is_name(const char *host, size_t n)
{
        _cleanup_free_ char *copy = memdup_str(host, n);
        struct in6_addr ignored;

        if (n == 0 || *host == '/' || *host == '@')
                return false;
        return copy && !strchr(copy, ':') && inet_pton(AF_INET, copy, &ignored) != 1;
}

bool pg_resolve_is_needed(const char *hosts)
{
        for (const char *h = hosts ? hosts : ""; *h;) {
                size_t n = strcspn(h, ",");

                if (is_name(h, n))
                        return true;
                h += n + (h[n] == ',');
        }
        return false;
}

/* ---- the thread ---- */

static void add(struct pg_resolve_work *w, const char *host, size_t n_host, const char *address,
                const char *port, size_t n_port)
{
        if (w->n_addresses == ADDRESSES_MAX)
                return;
        if (w->n_addresses++ > 0) {
                buf_append_char(&w->hosts, ',');
                buf_append_char(&w->addresses, ',');
                buf_append_char(&w->ports, ',');
        }
        buf_append(&w->hosts, host, n_host);
        buf_append_str(&w->addresses, address);
        buf_append(&w->ports, port, n_port);
}

static void look_up(struct pg_resolve_work *w, const char *host, size_t n_host, const char *port,
                    size_t n_port)
{
        const struct addrinfo hints = {.ai_socktype = SOCK_STREAM, .ai_flags = AI_ADDRCONFIG};
        _cleanup_free_ char *name = memdup_str(host, n_host);
        struct addrinfo *found = NULL;
        char text[64];
        int r;

        r = name ? getaddrinfo(name, NULL, &hints, &found) : EAI_MEMORY;
        if (r != 0) {
                w->error = r;
                return;
        }
        for (const struct addrinfo *a = found; a; a = a->ai_next)
                if (getnameinfo(a->ai_addr, a->ai_addrlen, text, sizeof(text), NULL, 0, NI_NUMERICHOST) == 0)
                        add(w, host, n_host, text, port, n_port);
        freeaddrinfo(found);
}

/* One port for all hosts, or one for each. */
static void resolve_all(struct pg_resolve_work *w)
{
        const char *port = w->ports_in;
        bool shared = !strchr(port, ',');

        for (const char *h = w->hosts_in; *h;) {
                size_t n = strcspn(h, ","), n_port = strcspn(port, ",");

                if (is_name(h, n))
                        look_up(w, h, n, port, n_port);
                else
                        add(w, h, n, "", port, n_port);
                h += n + (h[n] == ',');
                if (!shared)
                        port += n_port + (port[n_port] == ',');
        }
        buf_append_char(&w->hosts, '\0');
        buf_append_char(&w->addresses, '\0');
        buf_append_char(&w->ports, '\0');
}

static void *thread_main(void *arg)
{
        struct pg_resolve_work *w = arg;
        uint64_t one = 1;

        resolve_all(w);
        if (write(w->thread_fd, &one, sizeof(one)) < 0) /* cannot fail on a counter of 1 */
                w->error = EAI_SYSTEM;
        work_unref(w);
        return NULL;
}

/* ---- the loop ---- */

static void take_result(struct pg_resolve *r, struct pg_resolve_work *w)
{
        bool failed = buf_error(&w->hosts) < 0 || buf_error(&w->addresses) < 0 || buf_error(&w->ports) < 0;

        if (w->n_addresses == 0 || failed) {
                snprintf(r->error, sizeof(r->error), "cannot find %s: %s", w->hosts_in,
                         failed ? "out of memory" : gai_strerror(w->error));
                return;
        }
        r->hosts = buf_take(&w->hosts, NULL);
        r->addresses = buf_take(&w->addresses, NULL);
        r->ports = buf_take(&w->ports, NULL);
}

static void on_signal(struct loop_io *io, uint32_t revents)
{
        struct pg_resolve *r = container_of(io, struct pg_resolve, io);
        struct pg_resolve_work *w = TAKE_PTR(r->work);

        loop_io_stop(&r->io);
        take_result(r, w);
        work_unref(w);
        r->done(r);
}

static struct pg_resolve_work *work_new(const char *hosts, const char *ports)
{
        struct pg_resolve_work *w = new0(struct pg_resolve_work, 1);

        if (!w)
                return NULL;
        atomic_init(&w->n_owners, 1);
        w->hosts_in = strdup(hosts);
        w->ports_in = strdup(ports ? ports : "");
        w->loop_fd = eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
        w->thread_fd = w->loop_fd >= 0 ? fcntl(w->loop_fd, F_DUPFD_CLOEXEC, 3) : -1;
        if (!w->hosts_in || !w->ports_in || w->thread_fd < 0) {
                work_unref(w);
                return NULL;
        }
        return w;
}

int pg_resolve_start(struct pg_resolve *r, sd_event *loop, const char *hosts, const char *ports,
                     void (*done)(struct pg_resolve *r))
{
        int k;

        pg_resolve_done(r);
        r->done = done;
        r->error[0] = '\0';
        r->work = work_new(hosts, ports);
        if (!r->work)
                return -ENOMEM;
        k = loop_io_start(&r->io, loop, r->work->loop_fd, EPOLLIN, on_signal);
        if (k >= 0) {
                atomic_fetch_add(&r->work->n_owners, 1);
                k = thread_start(NULL, "pg-resolve", 0, thread_main, r->work);
                if (k < 0)
                        atomic_fetch_sub(&r->work->n_owners, 1);
        }
        if (k < 0)
                pg_resolve_done(r);
        return MIN_OF(k, 0);
}

void pg_resolve_done(struct pg_resolve *r)
{
        struct pg_resolve_work *w = TAKE_PTR(r->work);

        loop_io_stop(&r->io);
        if (w)
                work_unref(w);
        free(TAKE_PTR(r->hosts));
        free(TAKE_PTR(r->addresses));
        free(TAKE_PTR(r->ports));
}

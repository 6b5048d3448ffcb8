/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* PQcancel() opens a connection of its own and waits for the server to close it: milliseconds on a healthy
 * host, minutes towards a dead one. Hence a detached thread per cancel; there are never more of them than
 * leased connections that were aborted within one network time-out. The thread owns all it touches, so
 * nothing has to wait for it, not even the end of the process. */

#include "pg/pg_cancel.h"

#include <pthread.h>
#include <signal.h>

#include "base/macro.h"

static void *cancel_main(void *arg)
{
        PGcancel *cancel = arg;
        char ignored[256];

        (void)PQcancel(cancel, ignored, sizeof(ignored));
        PQfreeCancel(cancel);
        return NULL;
}

void pg_cancel_running(PGconn *pg)
{
        PGcancel *cancel = PQgetCancel(pg);
        pthread_attr_t attr;
        pthread_t thread;
        sigset_t all, old;
        int r;

        if (!cancel)
                return;
        if (pthread_attr_init(&attr) != 0) {
                PQfreeCancel(cancel);
                return;
        }
        (void)pthread_attr_setdetachstate(&attr, PTHREAD_CREATE_DETACHED);
        /* Signals belong to the loop. */
        sigfillset(&all);
        pthread_sigmask(SIG_SETMASK, &all, &old);
        r = pthread_create(&thread, &attr, cancel_main, cancel);
        pthread_sigmask(SIG_SETMASK, &old, NULL);
        if (r != 0)
                PQfreeCancel(cancel);
        else
                (void)pthread_setname_np(thread, "pg-cancel");
        pthread_attr_destroy(&attr);
}

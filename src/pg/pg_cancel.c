/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* PQcancel() opens a connection of its own and waits for the server to close it: milliseconds on a healthy
 * host, minutes towards a dead one. Hence a detached thread per cancel; there are never more of them than
 * leased connections that were aborted within one network time-out. The thread owns all it touches, so
 * nothing has to wait for it, not even the end of the process. */

#include "pg/pg_cancel.h"

#include "base/thread.h"

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

        if (cancel && thread_start(NULL, "pg-cancel", 0, cancel_main, cancel) < 0)
                PQfreeCancel(cancel);
}

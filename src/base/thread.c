/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "base/thread.h"

#include <signal.h>

int thread_start(pthread_t *ret, const char *name, size_t stack, void *(*run)(void *), void *arg)
{
        pthread_attr_t attributes;
        pthread_t thread;
        sigset_t all, before;
        int r;

        r = pthread_attr_init(&attributes);
        if (r != 0)
                return -r;
        if (stack > 0)
                (void)pthread_attr_setstacksize(&attributes, stack);
        (void)sigfillset(&all);
        (void)pthread_sigmask(SIG_SETMASK, &all, &before);
        r = pthread_create(&thread, &attributes, run, arg);
        (void)pthread_sigmask(SIG_SETMASK, &before, NULL);
        (void)pthread_attr_destroy(&attributes);
        if (r != 0)
                return -r;
        /* Detached only after its name is set: one that was born detached may be gone by then, and its handle
         * with it. */
        (void)pthread_setname_np(thread, name);
        if (ret)
                *ret = thread;
        else
                (void)pthread_detach(thread);
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <pthread.h>

#include "base/alloc.h"
#include "base/thread.h"
#include "service/offload.h"

struct offload {
        pthread_mutex_t mutex; /* guards the lists and `stop` */
        pthread_cond_t come;
        pthread_t threads[OFFLOAD_THREADS_MAX];
        unsigned n_threads;
        void (*thread_done)(void);
        bool stop;
        struct list waiting, finished; /* struct offload_job, borrowed */
        struct loop_wake wake;
};

static void *thread_main(void *p)
{
        struct offload *o = p;

        pthread_mutex_lock(&o->mutex);
        for (;;) {
                struct offload_job *job;

                while (list_is_empty(&o->waiting) && !o->stop)
                        pthread_cond_wait(&o->come, &o->mutex);
                if (o->stop)
                        break;
                job = LIST_ENTRY(list_first(&o->waiting), struct offload_job, link);
                list_remove(&job->link);
                pthread_mutex_unlock(&o->mutex);
                job->run(job);
                pthread_mutex_lock(&o->mutex);
                list_append(&o->finished, &job->link);
                loop_wake_signal(&o->wake);
        }
        pthread_mutex_unlock(&o->mutex);
        if (o->thread_done)
                o->thread_done();
        return NULL;
}

static struct offload_job *take_finished(struct offload *o)
{
        struct list_link *first;

        pthread_mutex_lock(&o->mutex);
        first = list_first(&o->finished);
        if (first)
                list_remove(first);
        pthread_mutex_unlock(&o->mutex);
        return first ? LIST_ENTRY(first, struct offload_job, link) : NULL;
}

static void on_finished(struct loop_wake *w)
{
        struct offload *o = container_of(w, struct offload, wake);
        struct offload_job *job;

        while ((job = take_finished(o)))
                job->complete(job);
}

int offload_new(struct offload **ret, sd_event *loop, const char *name, unsigned n_threads,
                void (*thread_done)(void))
{
        struct offload *o = new0(struct offload, 1);
        int r;

        if (!o)
                return -ENOMEM;
        o->wake.fd = -1;
        o->thread_done = thread_done;
        pthread_mutex_init(&o->mutex, NULL);
        pthread_cond_init(&o->come, NULL);
        list_init(&o->waiting);
        list_init(&o->finished);
        r = loop_wake_init(&o->wake, loop, on_finished);
        while (r == 0 && o->n_threads < MIN_OF(n_threads, (unsigned)OFFLOAD_THREADS_MAX)) {
                r = thread_start(&o->threads[o->n_threads], name, 0, thread_main, o);
                if (r == 0)
                        o->n_threads++;
        }
        if (r < 0) {
                offload_free(o);
                return r;
        }
        *ret = o;
        return 0;
}

void offload_submit(struct offload *o, struct offload_job *job)
{
        pthread_mutex_lock(&o->mutex);
        list_append(&o->waiting, &job->link);
        pthread_cond_signal(&o->come);
        pthread_mutex_unlock(&o->mutex);
}

struct offload *offload_free(struct offload *o)
{
        if (!o)
                return NULL;
        pthread_mutex_lock(&o->mutex);
        o->stop = true;
        pthread_cond_broadcast(&o->come);
        pthread_mutex_unlock(&o->mutex);
        for (unsigned i = 0; i < o->n_threads; i++)
                (void)pthread_join(o->threads[i], NULL);
        loop_wake_done(&o->wake);
        pthread_cond_destroy(&o->come);
        pthread_mutex_destroy(&o->mutex);
        free(o);
        return NULL;
}

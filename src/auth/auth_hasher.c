/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Argon2id off the loop.
 *
 * A job is embedded in its operation and may die at any time; its work is a separate object that the threads
 * own while they have it. Only the loop looks at work->job, so that a cancelled job needs no lock to be
 * forgotten; everything else that both sides touch is under the mutex.
 *
 *     submit -> waiting -> running (in one thread) -> finished -> complete() in the loop
 *                  | cancel: freed   | cancel: forgotten, freed when finished */

#include "auth/auth_hasher.h"

#include <assert.h>
#include <errno.h>
#include <pthread.h>
#include <sodium.h>
#include <stdbool.h>
#include <string.h>

#include "base/alloc.h"
#include "base/thread.h"

static_assert(AUTH_HASH_SIZE >= crypto_pwhash_STRBYTES, "the encoded hash must fit");

struct work {
        struct list_link link;
        struct auth_hash_job *job; /* borrowed, loop only; NULL once cancelled */
        bool is_verify, has_hash, is_waiting;
        int status;
        usec_t deadline_usec;
        char hash[AUTH_HASH_SIZE];
        size_t password_size;
        char password[];
};

struct auth_hasher {
        pthread_mutex_t mutex;
        pthread_cond_t come;
        pthread_t threads[AUTH_HASH_THREADS];
        size_t n_threads;
        bool stop;
        struct list waiting, finished; /* struct work */
        size_t n_waiting;
        struct loop_wake wake;
};

static struct work *work_free(struct work *w)
{
        if (w) {
                sodium_memzero(w->password, w->password_size);
                sodium_memzero(w->hash, sizeof(w->hash));
                free(w);
        }
        return NULL;
}

/* The hash of no password, with the INTERACTIVE limits: what the password of an unknown user is verified
 * against, so that the time taken tells nothing. */
static const char nobody[AUTH_HASH_SIZE] =
        "$argon2id$v=19$m=65536,t=2,p=1$AAAAAAAAAAAAAAAAAAAAAA$AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA";

static int hash_password(struct work *w)
{
        return crypto_pwhash_str(w->hash, w->password, w->password_size, crypto_pwhash_OPSLIMIT_INTERACTIVE,
                                 crypto_pwhash_MEMLIMIT_INTERACTIVE) < 0
                       ? -ENOMEM
                       : 0;
}

/* The library does not tell a lack of memory from a wrong password; errno does. An unknown user's password
 * never matches. */
static int verify_password(const struct work *w)
{
        errno = 0;
        if (crypto_pwhash_str_verify(w->has_hash ? w->hash : nobody, w->password, w->password_size) == 0)
                return w->has_hash ? 0 : -EACCES;
        return errno == ENOMEM ? -ENOMEM : -EACCES;
}

static int do_work(struct work *w)
{
        if (clock_monotonic_usec() >= w->deadline_usec)
                return -ETIMEDOUT;
        return w->is_verify ? verify_password(w) : hash_password(w);
}

static void *thread_main(void *p)
{
        struct auth_hasher *h = p;

        pthread_mutex_lock(&h->mutex);
        for (;;) {
                struct work *w;

                while (list_is_empty(&h->waiting) && !h->stop)
                        pthread_cond_wait(&h->come, &h->mutex);
                if (h->stop)
                        break;
                w = LIST_ENTRY(list_first(&h->waiting), struct work, link);
                list_remove(&w->link);
                w->is_waiting = false;
                h->n_waiting--;
                pthread_mutex_unlock(&h->mutex);
                w->status = do_work(w);
                pthread_mutex_lock(&h->mutex);
                list_append(&h->finished, &w->link);
                loop_wake_signal(&h->wake);
        }
        pthread_mutex_unlock(&h->mutex);
        return NULL;
}

static struct work *take_finished(struct auth_hasher *h)
{
        struct list_link *first;

        pthread_mutex_lock(&h->mutex);
        first = list_first(&h->finished);
        if (first)
                list_remove(first);
        pthread_mutex_unlock(&h->mutex);
        return first ? LIST_ENTRY(first, struct work, link) : NULL;
}

static void on_finished(struct loop_wake *wake)
{
        struct auth_hasher *h = container_of(wake, struct auth_hasher, wake);
        struct work *w;

        while ((w = take_finished(h))) {
                struct auth_hash_job *j = w->job;

                if (j) {
                        j->work = NULL;
                        j->status = w->status;
                        if (!w->is_verify)
                                memcpy(j->hash, w->hash, sizeof(j->hash));
                }
                work_free(w);
                if (j)
                        j->complete(j);
        }
}

int auth_hasher_new(struct auth_hasher **ret, sd_event *loop)
{
        _cleanup_(auth_hasher_freep) struct auth_hasher *h = NULL;
        int r;

        if (sodium_init() < 0)
                return -EIO;
        h = new0(struct auth_hasher, 1);
        if (!h)
                return -ENOMEM;
        pthread_mutex_init(&h->mutex, NULL);
        pthread_cond_init(&h->come, NULL);
        list_init(&h->waiting);
        list_init(&h->finished);
        h->wake.fd = -1;
        r = loop_wake_init(&h->wake, loop, on_finished);
        if (r < 0)
                return r;
        while (h->n_threads < AUTH_HASH_THREADS) {
                r = thread_start(&h->threads[h->n_threads], "auth-hash", 0, thread_main, h);
                if (r < 0)
                        return r;
                h->n_threads++;
        }
        *ret = TAKE_PTR(h);
        return 0;
}

static void drop_all(struct list *l)
{
        LIST_FOREACH_SAFE (i, l) {
                struct work *w = LIST_ENTRY(i, struct work, link);

                list_remove(i);
                if (w->job)
                        w->job->work = NULL;
                work_free(w);
        }
}

struct auth_hasher *auth_hasher_free(struct auth_hasher *h)
{
        if (!h)
                return NULL;
        pthread_mutex_lock(&h->mutex);
        h->stop = true;
        pthread_cond_broadcast(&h->come);
        pthread_mutex_unlock(&h->mutex);
        for (size_t i = 0; i < h->n_threads; i++)
                pthread_join(h->threads[i], NULL);
        loop_wake_done(&h->wake);
        drop_all(&h->waiting);
        drop_all(&h->finished);
        pthread_cond_destroy(&h->come);
        pthread_mutex_destroy(&h->mutex);
        free(h);
        return NULL;
}

static int enqueue(struct auth_hasher *h, struct work *w)
{
        int r = 0;

        pthread_mutex_lock(&h->mutex);
        if (h->n_waiting >= AUTH_HASH_WAITING_MAX)
                r = -EBUSY;
        else {
                w->is_waiting = true;
                h->n_waiting++;
                list_append(&h->waiting, &w->link);
                pthread_cond_signal(&h->come);
        }
        pthread_mutex_unlock(&h->mutex);
        return r;
}

static int submit(struct auth_hash_job *j, struct auth_hasher *h, bool is_verify, const char *hash,
                  const char *password, usec_t deadline_usec, void (*complete)(struct auth_hash_job *j))
{
        size_t n = strlen(password);
        struct work *w = calloc(1, sizeof(*w) + n + 1);
        int r;

        if (!w)
                return -ENOMEM;
        w->job = j;
        w->is_verify = is_verify;
        w->deadline_usec = deadline_usec;
        w->password_size = n;
        memcpy(w->password, password, n);
        if (hash) { /* copied before the job is reset: it may live in there */
                w->has_hash = true;
                strncpy(w->hash, hash, sizeof(w->hash) - 1);
        }
        *j = (struct auth_hash_job){.complete = complete, .hasher = h};
        r = enqueue(h, w);
        if (r < 0) {
                work_free(w);
                return r;
        }
        j->work = w;
        return 0;
}

int auth_hash_submit(struct auth_hash_job *j, struct auth_hasher *h, const char *password,
                     usec_t deadline_usec, void (*complete)(struct auth_hash_job *j))
{
        return submit(j, h, false, NULL, password, deadline_usec, complete);
}

int auth_verify_submit(struct auth_hash_job *j, struct auth_hasher *h, const char *hash, const char *password,
                       usec_t deadline_usec, void (*complete)(struct auth_hash_job *j))
{
        return submit(j, h, true, hash, password, deadline_usec, complete);
}

void auth_hash_cancel(struct auth_hash_job *j)
{
        struct work *w = j->work;
        bool was_waiting;

        if (!w)
                return;
        j->work = NULL;
        w->job = NULL;
        pthread_mutex_lock(&j->hasher->mutex);
        was_waiting = w->is_waiting;
        if (was_waiting) {
                list_remove(&w->link);
                j->hasher->n_waiting--;
        }
        pthread_mutex_unlock(&j->hasher->mutex);
        if (was_waiting)
                work_free(w);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Argon2id off the loop: two threads, a bounded line. */

#include "base/list.h"
#include "base/macro.h"
#include "service/loop.h"

#define AUTH_HASH_SIZE 128 /* crypto_pwhash_STRBYTES */
/* A hash takes about 50 ms and 64 MiB: more would only wait past their deadline. */
#define AUTH_HASH_WAITING_MAX 64
#define AUTH_HASH_THREADS 2

struct auth_hasher;
int auth_hasher_new(struct auth_hasher **ret, sd_event *loop);
/* Joins the threads; jobs not begun are dropped without call-back. */
struct auth_hasher *auth_hasher_free(struct auth_hasher *h);
DEFINE_FREEP(struct auth_hasher, auth_hasher_free)

struct auth_hash_job { /* embedded */
        void (*complete)(struct auth_hash_job *j);
        /* hash: 0. verify: 0 match, -EACCES no match. -ENOMEM; -ETIMEDOUT: not begun by its deadline */
        int status;
        char hash[AUTH_HASH_SIZE]; /* in for verify, out for hash */
        /* private */
        struct auth_hasher *hasher;
        void *work;
};
/* The password is copied and wiped. `deadline_usec` of CLOCK_MONOTONIC: nobody waits for one that has not
 * begun by then, and it is told so as soon as those before it are done. 0; -EBUSY. */
int auth_hash_submit(struct auth_hash_job *j, struct auth_hasher *h, const char *password,
                     usec_t deadline_usec, void (*complete)(struct auth_hash_job *j));
/* `hash` NULL = a user that does not exist: burns the same time and answers -EACCES. */
int auth_verify_submit(struct auth_hash_job *j, struct auth_hasher *h, const char *hash, const char *password,
                       usec_t deadline_usec, void (*complete)(struct auth_hash_job *j));
/* The job never calls back after this; harmless when not in flight, safe on a zeroed job. */
void auth_hash_cancel(struct auth_hash_job *j);

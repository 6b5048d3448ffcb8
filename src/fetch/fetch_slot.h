/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Private to src/fetch: a libcurl easy handle and the job that borrows it. Handles are kept and reused, since
 * making one costs more than a request over a warm connection. */

#include <curl/curl.h>

#include "fetch/fetch.h"

struct fetch_slot {
        struct list_link link;         /* in the client's `busy` or `spare` */
        CURL *easy;                    /* owned */
        struct curl_slist *headers;    /* owned, of the current job */
        struct fetch *job;             /* borrowed; NULL when it was cancelled inside a libcurl call-back */
        const struct fetch_conf *conf; /* borrowed, of the current job */
        bool was_refused;              /* an address that may_connect() did not like */
        int aborted;                   /* -errno: why our own call-back broke the transfer off */
        char message[CURL_ERROR_SIZE]; /* libcurl's words */
};

struct fetch_slot *fetch_slot_new(void);
struct fetch_slot *fetch_slot_free(struct fetch_slot *s);
DEFINE_FREEP(struct fetch_slot, fetch_slot_free)
/* Puts the job's request into the handle. 0 or -ENOMEM. */
int fetch_slot_begin(struct fetch_slot *s, struct fetch *f, const struct fetch_conf *conf);
/* The transfer is over: fills the job's result and makes the handle fit for the next. */
void fetch_slot_complete(struct fetch_slot *s, CURLcode code);
/* Forgets the job. */
void fetch_slot_clear(struct fetch_slot *s);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-scheduler: what the process is made of. The handlers get it by http_request_context(). */

#include "net/net_tls.h"
#include "pg/pg_listen.h"
#include "scheduler/clock_watch.h"
#include "scheduler/result_intake.h"
#include "scheduler/schedule_api.h"
#include "scheduler/schedule_store.h"
#include "scheduler/scheduler_conf.h"
#include "scheduler/sender.h"
#include "scheduler/ticker.h"
#include "web/web_backend.h"
#include "web/web_input.h"

struct scheduler {
        struct web web;                    /* first: the guard finds it there */
        struct service *service;           /* borrowed */
        const struct scheduler_conf *conf; /* borrowed, replaced by reload */
        struct web_backend backend;
        struct zone_book zones;
        struct ticker ticker;
        struct sender sender;
        struct result_intake results;
        struct pg_listen edits; /* what others did to schedules */
        struct clock_watch clock;
        struct pg_query files; /* the definitions of our files on their way */
        bool files_are_due;
        struct loop_timer files_retry;
};

extern const struct service_daemon scheduler_daemon;
extern const struct http_route scheduler_routes[];

extern const struct web_schema scheduler_schema; /* made from scheduler.openapi.json by the build */

/* The daemon's own lines of /metrics. */
void scheduler_metrics(void *context, struct buf *out);

/* Brings the schedules of our files into the database, when there is one (scheduler_files.c). */
void scheduler_sync_files(struct scheduler *d);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja-notifier: what the process is made of. The handlers get it by http_request_context(). */

#include "net/net_tls.h"
#include "notifier/catch_up.h"
#include "notifier/client.h"
#include "notifier/feed.h"
#include "notifier/host_state.h"
#include "notifier/notifier_conf.h"
#include "notifier/page.h"
#include "web/web_backend.h"

struct notifier {
        struct web web;                   /* first: the guard finds it there */
        struct service *service;          /* borrowed */
        const struct notifier_conf *conf; /* borrowed, replaced by reload */
        struct pages pages;
        struct web_backend backend;
        struct feed feed;
        struct clients clients;
        struct catch_up catch_ups[CATCH_UPS_MAX];
        struct auth_watch sessions;
        struct host_state *host_state; /* owned */
        uint64_t n_pages, n_refused;   /* read for those behind; refused beyond MaxClients= */
};

extern const struct service_daemon notifier_daemon;
extern const struct http_route notifier_routes[];

/* Made from notifier.openapi.json by the build. */
extern const struct web_schema notifier_schema;

/* The daemon's own lines of /metrics. */
void notifier_metrics(void *context, struct buf *out);

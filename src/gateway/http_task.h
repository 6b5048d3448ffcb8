/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The task http.request: one request to where HttpAllow= permits, so that a schedule can call anything.
 *
 *     http.request(url, method="GET", headers={}, body=null, timeout=30) -> {"status": 200, "body": "..."}
 *
 * The address is looked at when the connection is made, so that a name cannot mean one host when it is
 * checked and another when it is used; redirects are answers, not followed.  429 and 5xx are tried again. */

#include "gateway/gateway_conf.h"
#include "pg/pg_pool.h"
#include "tasks/task_worker.h"

struct http_tasks;

/* Logs what it returns. */
int http_tasks_new(struct http_tasks **ret, struct service *service, struct pg_pool *pool,
                   const struct gateway_conf *conf);
void http_tasks_reload(struct http_tasks *h, const struct gateway_conf *conf);
void http_tasks_ring(struct http_tasks *h);
void http_tasks_drain(struct http_tasks *h);
struct http_tasks *http_tasks_free(struct http_tasks *h);
void http_tasks_metrics(const struct http_tasks *h, struct buf *out);

/* Is this host (as fetch_url_host() has it) in the list of names, "*.suffix"es and "*"? Pure. */
bool http_task_is_allowed(const char *list, const char *host);

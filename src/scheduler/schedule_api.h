/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The handlers of /api/schedules. */

#include "http/http_request.h"
#include "pg/pg_query.h"

int schedule_api_list(struct http_request *r);
int schedule_api_get(struct http_request *r);
int schedule_api_state(struct http_request *r);
int schedule_api_firings(struct http_request *r);
int schedule_api_preview(struct http_request *r);

int schedule_api_create(struct http_request *r);
int schedule_api_put(struct http_request *r);
int schedule_api_patch(struct http_request *r);
int schedule_api_delete(struct http_request *r);

int schedule_api_run(struct http_request *r);
int schedule_api_pause(struct http_request *r);
int schedule_api_resume(struct http_request *r);
int schedule_api_backfill(struct http_request *r);

/* Between these files: the name in the path. 0; 1: answered with 404. */
int schedule_api_name(struct http_request *r, const char **ret);
void schedule_api_not_found(struct http_request *r, const char *name);
/* The answer to a query that failed. */
void schedule_api_failed(struct http_request *r, const struct pg_query *q);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Reading the log of events, a page at a time. Offsets are dense: whoever knows where he is sees a hole. */

#include "pg/pg_query.h"
#include "ws/ws_frame.h"

#define EVENT_LOG_PAGE 500                 /* events of a page */
#define EVENT_LOG_PAGE_BYTES (1024 * 1024) /* of data: the event that passes it is the page's last */

/* What follows `after`, `limit` events at most; 0 asks for the head alone. -errno of pg_query_submit(). */
int event_log_read(struct pg_query *q, struct pg_pool *pool, int64_t after, unsigned limit,
                   pg_query_fn complete);

/* Of a completed query: the smallest offset that is kept (last + 1 when there is none) and the newest. */
void event_log_head(const struct pg_query *q, int64_t *ret_first, int64_t *ret_last);
size_t event_log_rows(const struct pg_query *q);
int64_t event_log_offset(const struct pg_query *q, size_t row);
const char *event_log_type(const struct pg_query *q, size_t row);
/* As every client gets it. 0; -ENOMEM. */
int event_log_frame(const struct pg_query *q, size_t row, struct ws_frame **ret);

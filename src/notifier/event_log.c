/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "notifier/event_log.h"
#include "notifier/event_text.h"
#include "json/jwrite.h"

#define READ_USEC (5 * USEC_PER_SEC) /* then it is tried again */

enum column { FIRST, LAST, OFFSET, ID, TYPE, ENTITY, TIME, DATA, TEXT };

/* One row at least: the head. */
static const struct pg_statement read_statement = {
        .name = "event_log_read",
        .sql = "SELECT h.first, h.last, e.\"offset\", e.id, e.type, e.entity, e.at, e.data, e.text"
               "  FROM event_head h LEFT JOIN LATERAL ("
               "       SELECT p.*, sum(octet_length(p.data)) OVER (ORDER BY p.\"offset\")"
               "                   - octet_length(p.data) AS before"
               "         FROM (SELECT \"offset\", id, type, entity, rfc3339(time) AS at, data::text AS data,"
               "                      data->>'text' AS text"
               "                 FROM event WHERE \"offset\" > $1 AND \"offset\" <= h.last"
               "                ORDER BY \"offset\" LIMIT $2) p) e ON e.before < $3"
               " ORDER BY e.\"offset\"",
};

int event_log_read(struct pg_query *q, struct pg_pool *pool, int64_t after, unsigned limit,
                   pg_query_fn complete)
{
        pg_query_init(q, &read_statement, complete);
        pg_query_int(q, after);
        pg_query_int(q, limit);
        pg_query_int(q, EVENT_LOG_PAGE_BYTES);
        return pg_query_submit(q, pool, PG_LANE_READ, usec_add(clock_monotonic_usec(), READ_USEC));
}

void event_log_head(const struct pg_query *q, int64_t *ret_first, int64_t *ret_last)
{
        *ret_first = pg_row_int(q, 0, FIRST);
        *ret_last = pg_row_int(q, 0, LAST);
}

size_t event_log_rows(const struct pg_query *q)
{
        size_t n = pg_query_rows(q);

        return n > 0 && pg_row_is_null(q, 0, OFFSET) ? 0 : n;
}

int64_t event_log_offset(const struct pg_query *q, size_t row)
{
        return pg_row_int(q, row, OFFSET);
}

const char *event_log_type(const struct pg_query *q, size_t row)
{
        return pg_row_text(q, row, TYPE);
}

static void write_text(struct jwrite *w, const struct pg_query *q, size_t row)
{
        struct buf text = BUF_EMPTY;

        if (!pg_row_is_null(q, row, TEXT)) {
                jwrite_pair(w, "text", pg_row_text(q, row, TEXT));
                return;
        }
        event_text_write(&text, pg_row_text(q, row, TYPE), pg_row_text(q, row, ENTITY));
        jwrite_key(w, "text");
        if (buf_error(&text) < 0)
                w->out->failed = true;
        else
                jwrite_string_n(w, buf_bytes(&text), buf_size(&text));
        buf_done(&text);
}

int event_log_frame(const struct pg_query *q, size_t row, struct ws_frame **ret)
{
        struct buf json = BUF_EMPTY;
        struct jwrite w = jwrite_to(&json);
        int r;

        jwrite_object_begin(&w);
        jwrite_key(&w, "offset");
        jwrite_int(&w, event_log_offset(q, row));
        jwrite_pair(&w, "id", pg_row_text(q, row, ID));
        jwrite_pair(&w, "type", pg_row_text(q, row, TYPE));
        jwrite_pair(&w, "entity", pg_row_text(q, row, ENTITY));
        jwrite_pair(&w, "time", pg_row_text(q, row, TIME));
        jwrite_key(&w, "data");
        jwrite_raw(&w, pg_row_text(q, row, DATA), pg_row_size(q, row, DATA));
        write_text(&w, q, row);
        jwrite_object_end(&w);
        r = buf_error(&json);
        if (r == 0)
                r = ws_frame_new(ret, buf_bytes(&json), buf_size(&json));
        buf_done(&json);
        return r;
}

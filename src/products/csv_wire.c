/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "products/csv_wire.h"

/*      START --"--> QUOTED --"--> QUOTE_SEEN --"--> QUOTED (a quote)
 *        | other                      | , or end: field done
 *        v                            | other: wrong
 *      PLAIN --, or end: field done   v
 *        | ": wrong --------------> SKIPPING --end of line--> START
 */

void csv_reader_init(struct csv_reader *c)
{
        *c = (struct csv_reader){.line = 1, .record_line = 1};
}

void csv_reader_done(struct csv_reader *c)
{
        buf_done(&c->text);
}

static void begin_record(struct csv_reader *c)
{
        buf_reset(&c->text);
        c->n_fields = 0;
        c->state = CSV_START;
        c->complete = false;
        c->record_line = c->line;
}

/* -EBADMSG is reported once, at the end of the wrong record. */
static void refuse(struct csv_reader *c, const char *reason)
{
        c->reason = reason;
        c->state = CSV_SKIPPING;
}

static void end_field(struct csv_reader *c)
{
        if (c->n_fields == CSV_FIELDS_MAX) {
                refuse(c, "has too many fields");
                return;
        }
        c->ends[c->n_fields++] = buf_size(&c->text);
        c->state = CSV_START;
}

static int end_record(struct csv_reader *c)
{
        c->complete = true;
        if (c->state == CSV_SKIPPING)
                return -EBADMSG;
        end_field(c);
        if (c->state == CSV_SKIPPING)
                return -EBADMSG;
        return buf_error(&c->text) < 0 ? -ENOMEM : 1;
}

static void take(struct csv_reader *c, char byte)
{
        if (buf_size(&c->text) == CSV_RECORD_MAX)
                refuse(c, "is too long");
        else
                buf_append_char(&c->text, byte);
}

static void take_unquoted(struct csv_reader *c, char byte)
{
        if (byte == ',')
                end_field(c);
        else if (byte == '"' && c->state == CSV_START)
                c->state = CSV_QUOTED;
        else if (byte == '"')
                refuse(c, "has a quote in a field that does not begin with one");
        else {
                c->state = CSV_PLAIN;
                take(c, byte);
        }
}

static void take_quoted(struct csv_reader *c, char byte)
{
        if (c->state == CSV_QUOTED && byte == '"')
                c->state = CSV_QUOTE_SEEN;
        else if (c->state == CSV_QUOTED)
                take(c, byte);
        else if (byte == '"') {
                c->state = CSV_QUOTED;
                take(c, byte);
        } else if (byte == ',')
                end_field(c);
        else
                refuse(c, "has text behind a closing quote");
}

/* One byte; true when it ends a record. */
static bool take_byte(struct csv_reader *c, char byte)
{
        bool in_quotes = c->state == CSV_QUOTED;

        if (byte == '\n')
                c->line++;
        /* A CR is held back: before LF it belongs to the line end, elsewhere to the text. */
        if (c->was_cr) {
                c->was_cr = false;
                if (byte != '\n') {
                        if (c->state == CSV_QUOTE_SEEN)
                                refuse(c, "has text behind a closing quote");
                        else if (c->state != CSV_SKIPPING)
                                take_unquoted(c, '\r');
                }
        }
        if (!in_quotes && byte == '\n')
                return true;
        if (!in_quotes && byte == '\r')
                c->was_cr = true;
        else if (c->state == CSV_QUOTED || c->state == CSV_QUOTE_SEEN)
                take_quoted(c, byte);
        else if (c->state != CSV_SKIPPING)
                take_unquoted(c, byte);
        return false;
}

int csv_reader_next(struct csv_reader *c, const char **p, size_t *n)
{
        if (c->complete)
                begin_record(c);
        while (*n > 0) {
                char byte = **p;

                (*p)++;
                (*n)--;
                if (take_byte(c, byte))
                        return end_record(c);
        }
        return buf_error(&c->text) < 0 ? -ENOMEM : 0;
}

int csv_reader_end(struct csv_reader *c)
{
        if (c->complete)
                begin_record(c);
        c->was_cr = false;
        if (c->state == CSV_QUOTED)
                refuse(c, "ends inside quotes");
        else if (c->state == CSV_START && c->n_fields == 0)
                return 0;
        return end_record(c);
}

const char *csv_reader_field(const struct csv_reader *c, size_t i, size_t *ret_size)
{
        size_t start = i > 0 ? c->ends[i - 1] : 0;

        *ret_size = c->ends[i] - start;
        return *ret_size > 0 ? buf_bytes(&c->text) + start : "";
}

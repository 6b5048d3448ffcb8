/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "contract/task_message.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"
#include "json/jwrite.h"

/* What others print when they list tasks: enough to recognise one. */
#define REPRESENTATION_MAX 1024
/* No run of a task is meant to take longer; the bound keeps the arithmetic exact. */
#define LIMIT_MAX_SEC (365.0 * 24 * 3600)
#define RETRIES_MAX 1000000

void task_message_done(struct task_message *m)
{
        json_decref(m->args);
        json_decref(m->kwargs);
        m->args = m->kwargs = NULL;
}

/* ---- in ---- */

static int say(char reason[TASK_REASON_SIZE], const char *fmt, ...) _printf_(2, 3);
static int say(char reason[TASK_REASON_SIZE], const char *fmt, ...)
{
        va_list ap;

        va_start(ap, fmt);
        (void)vsnprintf(reason, TASK_REASON_SIZE, fmt, ap);
        va_end(ap);
        return -EBADMSG;
}

static bool is_word(const char *s)
{
        size_t n = s ? strnlen(s, TASK_ID_MAX + 1) : 0;

        for (size_t i = 0; i < n; i++)
                if (s[i] <= ' ' || s[i] > '~')
                        return false;
        return n > 0 && n <= TASK_ID_MAX;
}

static int read_word(const struct header *headers, const char *name, bool required, const char **ret,
                     char reason[TASK_REASON_SIZE])
{
        const struct header *h = header_find(headers, name);

        if (!required && (!h || h->type == HEADER_NULL))
                return 0;
        *ret = header_text(headers, name);
        if (!*ret || !is_word(*ret))
                return say(reason, "header %s must be 1 to %d printable characters", name, TASK_ID_MAX);
        return 0;
}

/* Python's isoformat(): a fraction or none, an offset or none; without one it is UTC, as for Celery. */
static int read_time(const struct header *headers, const char *name, int64_t *ret,
                     char reason[TASK_REASON_SIZE])
{
        const struct header *h = header_find(headers, name);
        char text[48];

        *ret = TASK_NO_TIME;
        if (!h || h->type == HEADER_NULL)
                return 0;
        if (h->type == HEADER_TEXT && h->text && strlen(h->text) < sizeof(text) - 1) {
                (void)snprintf(text, sizeof(text), "%s", h->text);
                if (parse_rfc3339(text, ret) == 0)
                        return 0;
                (void)snprintf(text, sizeof(text), "%sZ", h->text);
                if (parse_rfc3339(text, ret) == 0)
                        return 0;
        }
        return say(reason, "header %s must be an ISO 8601 time", name);
}

static bool seconds_of(const struct header *h, usec_t *ret)
{
        double seconds = h->type == HEADER_REAL ? h->real : (double)h->number;

        if (h->type == HEADER_NULL) {
                *ret = 0;
                return true;
        }
        if ((h->type != HEADER_INT && h->type != HEADER_REAL) || !(seconds >= 0) || seconds > LIMIT_MAX_SEC)
                return false;
        *ret = (usec_t)(seconds * (double)USEC_PER_SEC);
        return true;
}

/* [hard, soft], each seconds or null. */
static int read_limits(const struct header *headers, struct task_message *m, char reason[TASK_REASON_SIZE])
{
        const struct header *h = header_find(headers, "timelimit");

        if (!h || h->type == HEADER_NULL)
                return 0;
        if (h->type != HEADER_LIST || headers_count(h->items) != 2 ||
            !seconds_of(&h->items[0], &m->hard_limit_usec) || !seconds_of(&h->items[1], &m->soft_limit_usec))
                return say(reason, "header timelimit must be two numbers of seconds");
        return 0;
}

static int read_headers(const struct header *headers, struct task_message *m, char reason[TASK_REASON_SIZE])
{
        const struct header *retries = header_find(headers, "retries"),
                            *ignore = header_find(headers, "ignore_result");
        int r;

        if (!header_find(headers, "task"))
                return say(reason, "not a task of Celery's message protocol 2: no header task");
        if ((r = read_word(headers, "task", true, &m->task, reason)) < 0 ||
            (r = read_word(headers, "id", true, &m->id, reason)) < 0 ||
            (r = read_word(headers, "root_id", false, &m->root_id, reason)) < 0 ||
            (r = read_word(headers, "parent_id", false, &m->parent_id, reason)) < 0 ||
            (r = read_word(headers, "group", false, &m->group, reason)) < 0 ||
            (r = read_time(headers, "eta", &m->eta_usec, reason)) < 0 ||
            (r = read_time(headers, "expires", &m->expires_usec, reason)) < 0 ||
            (r = read_limits(headers, m, reason)) < 0)
                return r;
        m->shadow = header_text(headers, "shadow");
        m->origin = header_text(headers, "origin");
        m->request_id = header_text(headers, HEADER_REQUEST_ID);
        m->ignore_result = ignore && ignore->type == HEADER_BOOL && ignore->number != 0;
        if (!retries || retries->type == HEADER_NULL)
                return 0;
        if (retries->type != HEADER_INT || retries->number < 0 || retries->number > RETRIES_MAX)
                return say(reason, "header retries must be a small number");
        m->retries = retries->number;
        return 0;
}

/* A name, a list or an object that is not empty. */
static bool is_something(const json_t *v)
{
        return v && !json_is_null(v) && !(json_is_array(v) && json_array_size(v) == 0) &&
               !(json_is_object(v) && json_object_size(v) == 0);
}

static int read_body(const char *body, size_t n, struct task_message *m, char reason[TASK_REASON_SIZE])
{
        static const char *const followers[] = {"callbacks", "errbacks", "chain", "chord"};
        _cleanup_json_ json_t *whole = NULL;
        struct field_errors errors;
        json_t *embed;
        int r;

        errors.n_errors = 0;
        r = jread_text(body, n, &whole, &errors);
        if (r == -EBADMSG)
                return say(reason, "the body %s", errors.errors[0].reason);
        if (r < 0)
                return r;
        embed = json_array_get(whole, 2);
        if (json_array_size(whole) != 3 || !json_is_array(json_array_get(whole, 0)) ||
            !json_is_object(json_array_get(whole, 1)) || !(json_is_object(embed) || json_is_null(embed)))
                return say(reason, "the body must be [args, kwargs, embed]");
        for (size_t i = 0; i < ARRAY_SIZE(followers); i++)
                m->has_followers = m->has_followers || is_something(json_object_get(embed, followers[i]));
        m->args = json_incref(json_array_get(whole, 0));
        m->kwargs = json_incref(json_array_get(whole, 1));
        return 0;
}

int task_message_decode(const struct header *headers, const char *content_type, const char *content_encoding,
                        const char *body, size_t n, struct task_message *ret, char reason[TASK_REASON_SIZE])
{
        struct task_message m = {.eta_usec = TASK_NO_TIME, .expires_usec = TASK_NO_TIME};
        int r;

        if (!content_type || !streq(content_type, TASK_MEDIA))
                return say(reason, "the content type must be " TASK_MEDIA ", not \"%.80s\"",
                           content_type ? content_type : "");
        if (content_encoding && *content_encoding && !streq(content_encoding, TASK_ENCODING))
                return say(reason, "the content encoding must be " TASK_ENCODING ", not \"%.80s\"",
                           content_encoding);
        if (header_find(headers, "compression"))
                return say(reason, "compressed bodies are not read");
        r = read_headers(headers, &m, reason);
        if (r >= 0)
                r = read_body(body, n, &m, reason);
        if (r < 0)
                return r;
        *ret = m;
        return 0;
}

/* ---- out ---- */

void task_wire_done(struct task_wire *w)
{
        buf_done(&w->args);
        buf_done(&w->kwargs);
        buf_done(&w->body);
}

static int append_json(const char *text, size_t n, void *out)
{
        buf_append(out, text, n);
        return 0;
}

static void write_json(struct buf *out, json_t *value, const char *empty)
{
        if (!value)
                buf_append_str(out, empty);
        else if (json_dump_callback(value, append_json, out, JSON_COMPACT | JSON_ENCODE_ANY) < 0)
                out->failed = true; /* only memory can lack */
}

/* A NUL-terminated piece of the text, cut between characters. */
static void represent(struct buf *out, const struct buf *json)
{
        const char *text = buf_bytes(json);
        size_t n = buf_size(json);

        buf_reset(out);
        if (n > REPRESENTATION_MAX) {
                for (n = REPRESENTATION_MAX; n > 0 && ((unsigned char)text[n] & 0xc0) == 0x80; n--)
                        ;
                buf_append(out, text, n);
                buf_append_str(out, "...");
        } else {
                buf_append(out, text, n);
        }
        buf_append_char(out, '\0');
}

static struct header text_header(const char *name, const char *text)
{
        return (struct header){name, text, .type = text ? HEADER_TEXT : HEADER_NULL};
}

/* As Python reads it: +00:00, since Z is new to its fromisoformat(). */
static struct header time_header(const char *name, int64_t usec, char text[40])
{
        char zulu[RFC3339_SIZE];

        if (usec == TASK_NO_TIME)
                return (struct header){name, .type = HEADER_NULL};
        format_rfc3339(usec, zulu);
        (void)snprintf(text, 40, "%.*s+00:00", (int)strlen(zulu) - 1, zulu);
        return text_header(name, text);
}

static struct header seconds_item(usec_t usec)
{
        if (usec == 0)
                return (struct header){"", .type = HEADER_NULL};
        if (usec % USEC_PER_SEC == 0)
                return (struct header){"", .type = HEADER_INT, .number = (int64_t)(usec / USEC_PER_SEC)};
        return (struct header){"", .type = HEADER_REAL, .real = (double)usec / (double)USEC_PER_SEC};
}

static void write_headers(struct task_wire *w, const struct task_message *m)
{
        const struct header headers[] = {
                text_header("lang", "py"),
                text_header("task", m->task),
                text_header("id", m->id),
                text_header("root_id", m->root_id ? m->root_id : m->id),
                text_header("parent_id", m->parent_id),
                text_header("group", m->group),
                text_header("shadow", m->shadow),
                time_header("eta", m->eta_usec, w->eta),
                time_header("expires", m->expires_usec, w->expires),
                {"retries", .type = HEADER_INT, .number = m->retries},
                {"timelimit", .type = HEADER_LIST, .items = w->limits},
                text_header("argsrepr", buf_bytes(&w->args)),
                text_header("kwargsrepr", buf_bytes(&w->kwargs)),
                text_header("origin", m->origin ? m->origin : "lonja"),
                {"ignore_result", .type = HEADER_BOOL, .number = m->ignore_result},
                {0},
                {0},
        };

        static_assert(sizeof(headers) <= sizeof(w->headers), "room for all headers");
        w->limits[0] = seconds_item(m->hard_limit_usec);
        w->limits[1] = seconds_item(m->soft_limit_usec);
        w->limits[2] = (struct header){0};
        memcpy(w->headers, headers, sizeof(headers));
        if (m->request_id)
                w->headers[ARRAY_SIZE(headers) - 2] = text_header(HEADER_REQUEST_ID, m->request_id);
}

int task_wire_encode(struct task_wire *w, const struct task_message *m)
{
        _cleanup_(buf_done) struct buf args = BUF_EMPTY, kwargs = BUF_EMPTY;

        if (!is_word(m->id) || !is_word(m->task))
                return -EINVAL;
        write_json(&args, m->args, "[]");
        write_json(&kwargs, m->kwargs, "{}");
        if (buf_error(&args) < 0 || buf_error(&kwargs) < 0)
                return -ENOMEM;
        represent(&w->args, &args);
        represent(&w->kwargs, &kwargs);
        buf_reset(&w->body);
        buf_append_char(&w->body, '[');
        buf_append(&w->body, buf_bytes(&args), buf_size(&args));
        buf_append_char(&w->body, ',');
        buf_append(&w->body, buf_bytes(&kwargs), buf_size(&kwargs));
        buf_append_str(&w->body, ",{\"callbacks\":null,\"errbacks\":null,\"chain\":null,\"chord\":null}]");
        if (buf_error(&w->args) < 0 || buf_error(&w->kwargs) < 0 || buf_error(&w->body) < 0)
                return -ENOMEM;
        write_headers(w, m);
        return 0;
}

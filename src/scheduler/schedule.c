/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/schedule.h"

#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "contract/names.h"

#define EVERY_MIN USEC_PER_SEC
#define DESCRIPTION_MAX 1000
#define MAX_PENDING_DEFAULT 1000

#define AT(member) .offset = offsetof(struct schedule, member)
#define SEEN(flag) .present = offsetof(struct schedule, flag)
#define TEXT(key, member, max_)                                                                              \
        {                                                                                                    \
                .name = key, .type = JREAD_STRING, AT(member), .min = 1, .max = (max_)                       \
        }
#define OPTIONAL(key, member)                                                                                \
        {                                                                                                    \
                .name = key, .type = JREAD_STRING, AT(member), .min = 1, .max = SCHEDULE_TEXT_MAX,           \
                .nullable = true                                                                             \
        }
#define IGNORED(key)                                                                                         \
        {                                                                                                    \
                .name = key, .type = JREAD_JSON, AT(ignored), .nullable = true                               \
        }

static const struct jread_field fields[] = {
        TEXT("name", name, SCHEDULE_NAME_MAX),
        {.name = "description", .type = JREAD_STRING, AT(description), .max = DESCRIPTION_MAX},
        OPTIONAL("every", every),
        OPTIONAL("cron", cron),
        TEXT("timezone", timezone, ZONE_NAME_MAX),
        {.name = "task",
         .type = JREAD_STRING,
         AT(task),
         .min = 1,
         .max = SCHEDULE_TEXT_MAX,
         .required = true},
        {.name = "args", .type = JREAD_JSON, AT(args)},
        {.name = "kwargs", .type = JREAD_JSON, AT(kwargs)},
        TEXT("queue", queue, SCHEDULE_TEXT_MAX),
        {.name = "priority", .type = JREAD_INT, AT(priority), .min = 0, .max = 255},
        OPTIONAL("start", start),
        OPTIONAL("end", end),
        TEXT("jitter", jitter, SCHEDULE_TEXT_MAX),
        TEXT("overlap", overlap, SCHEDULE_TEXT_MAX),
        TEXT("catch_up", catch_up, SCHEDULE_TEXT_MAX),
        TEXT("catch_up_window", window, SCHEDULE_TEXT_MAX),
        OPTIONAL("expires", expires),
        TEXT("timeout", timeout, SCHEDULE_TEXT_MAX),
        {.name = "pause_after", .type = JREAD_INT, AT(pause_after), .min = 0, .max = 1000000},
        {.name = "max_pending",
         .type = JREAD_INT,
         AT(max_pending),
         SEEN(has_max_pending),
         .min = 1,
         .max = 1000000},
        {.name = "enabled", .type = JREAD_BOOL, AT(enabled), SEEN(has_enabled)},
        IGNORED("source"),
        IGNORED("version"),
        IGNORED("created_at"),
        IGNORED("updated_at"),
        IGNORED("state"),
};

static const char *const catch_ups[] = {"none", "last", "all", NULL};
static const char *const overlaps[] = {"skip", "queue", "allow", NULL};

void schedule_done(struct schedule *s)
{
        char **texts[] = {&s->name,    &s->description, &s->every,  &s->cron,    &s->timezone,
                          &s->task,    &s->queue,       &s->start,  &s->end,     &s->jitter,
                          &s->overlap, &s->catch_up,    &s->window, &s->expires, &s->timeout};

        for (size_t i = 0; i < ARRAY_SIZE(texts); i++)
                free(*texts[i]);
        json_decref(s->args);
        json_decref(s->kwargs);
        json_decref(s->ignored);
        *s = (struct schedule){0};
}

bool schedule_name_is_valid(const char *name)
{
        size_t n = strlen(name);

        return n >= 1 && n <= SCHEDULE_NAME_MAX &&
               strspn(name, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._-") == n &&
               !streq(name, ".") && !streq(name, "..");
}

/* ---- Texts to values ---- */

struct check {
        const char *prefix;
        struct field_errors *errors; /* NULL: nobody wants to know */
        bool is_wrong;
};

static void wrong(struct check *c, const char *field, const char *reason)
{
        char path[96];

        c->is_wrong = true;
        if (!c->errors)
                return;
        (void)snprintf(path, sizeof(path), "%s/%s", c->prefix, field);
        field_errors_add(c->errors, path, "%s", reason);
}

static usec_t read_span(struct check *c, const char *field, const char *text, usec_t min)
{
        usec_t v = 0;

        if (parse_usec(text, &v) < 0)
                wrong(c, field, "must be a time span such as \"90s\" or \"1h 30min\"");
        else if (v < min || v > SCHEDULE_SPAN_MAX)
                wrong(c, field,
                      min > 0 ? "must be between one second and ten years" : "must be ten years at most");
        else
                return v;
        return min;
}

static int64_t read_time(struct check *c, const char *field, const char *text, int64_t absent)
{
        int64_t v = absent;

        if (text && parse_rfc3339(text, &v) < 0)
                wrong(c, field, "must be a time such as \"2026-11-22T03:35:00Z\"");
        return v;
}

static int read_choice(struct check *c, const char *field, const char *text, const char *const *choices,
                       const char *reason)
{
        for (int i = 0; choices[i]; i++)
                if (streq(text, choices[i]))
                        return i;
        wrong(c, field, reason);
        return 0;
}

static int read_cron(struct check *c, const struct schedule_texts *t, struct zone_book *zones,
                     struct recurrence *r)
{
        char reason[CRON_REASON_SIZE];
        int k;

        if (cron_parse(t->cron, &r->cron, reason) < 0)
                wrong(c, "cron", reason);
        k = zone_book_get(zones, t->timezone, &r->zone);
        if (k == -ENOMEM)
                return k;
        if (k < 0)
                wrong(c, "timezone", "must be a time zone of this system such as \"Europe/Madrid\"");
        return 0;
}

static int compile(struct check *c, const struct schedule_texts *t, struct zone_book *zones,
                   struct recurrence *r, struct plan_policy *policy)
{
        int k = 0;

        *r = (struct recurrence){.start_usec = t->start_usec, .end_usec = t->end_usec};
        r->jitter_usec = read_span(c, "jitter", t->jitter, 0);
        if (!*t->every == !*t->cron)
                wrong(c, *t->every ? "cron" : "every", "is either every or cron, and one of them");
        else if (*t->every)
                r->every_usec = read_span(c, "every", t->every, EVERY_MIN);
        else
                k = read_cron(c, t, zones, r);
        if (r->every_usec > 0 && r->jitter_usec >= r->every_usec)
                wrong(c, "jitter", "must be shorter than every");
        if (r->start_usec >= r->end_usec)
                wrong(c, "end", "must be later than start");
        policy->window_usec = read_span(c, "catch_up_window", t->window, 0);
        policy->catch_up = (enum catch_up)read_choice(c, "catch_up", t->catch_up, catch_ups,
                                                      "must be none, last or all");
        return k;
}

int schedule_compile(const struct schedule_texts *t, struct zone_book *zones, struct recurrence *ret,
                     struct plan_policy *ret_policy)
{
        struct check c = {0};
        int r;

        r = compile(&c, t, zones, ret, ret_policy);
        if (r < 0)
                return r;
        if (c.is_wrong)
                return *t->cron && !ret->zone ? -ENOENT : -EBADMSG;
        return 0;
}

/* ---- Reading ---- */

static const char *default_queue(const char *task)
{
        static const struct {
                const char *prefix, *queue;
        } queues[] = {
                {"products.", PRODUCTS_QUEUE},
                {"calculator.", CALCULATOR_TASKS_QUEUE},
                {"http.", HTTP_TASKS_QUEUE},
                {"queue.", HTTP_TASKS_QUEUE},
        };

        for (size_t i = 0; i < ARRAY_SIZE(queues); i++)
                if (startswith(task, queues[i].prefix))
                        return queues[i].queue;
        return "celery";
}

static int fill_texts(struct schedule *s)
{
        const struct {
                char **text;
                const char *value;
        } defaults[] = {
                {&s->description, ""},  {&s->timezone, "UTC"},
                {&s->jitter, "0"},      {&s->overlap, "allow"},
                {&s->catch_up, "last"}, {&s->window, "1d"},
                {&s->timeout, "1h"},    {&s->queue, s->task ? default_queue(s->task) : ""},
        };

        for (size_t i = 0; i < ARRAY_SIZE(defaults); i++)
                if (!*defaults[i].text && strdup_to(defaults[i].text, defaults[i].value) < 0)
                        return -ENOMEM;
        return 0;
}

static int fill_defaults(struct schedule *s)
{
        if (!s->args)
                s->args = json_array();
        if (!s->kwargs)
                s->kwargs = json_object();
        if (!s->has_max_pending)
                s->max_pending = MAX_PENDING_DEFAULT;
        if (!s->has_enabled)
                s->enabled = true;
        return s->args && s->kwargs ? fill_texts(s) : -ENOMEM;
}

static void check_names(struct check *c, const struct schedule *s)
{
        const struct {
                const char *field, *text;
        } names[] = {{"task", s->task}, {"queue", s->queue}};

        if (s->name && !schedule_name_is_valid(s->name))
                wrong(c, "name", "must be 1 to 64 of A-Z a-z 0-9 . _ -");
        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                for (const char *p = names[i].text; p && *p; p++)
                        if (*p <= ' ' || *p > '~') {
                                wrong(c, names[i].field, "must be printable ASCII without blanks");
                                break;
                        }
        if (!json_is_array(s->args))
                wrong(c, "args", "must be an array");
        if (!json_is_object(s->kwargs))
                wrong(c, "kwargs", "must be an object");
}

int schedule_read(json_t *value, struct zone_book *zones, const char *prefix, struct schedule *ret,
                  struct field_errors *errors)
{
        struct check c = {.prefix = prefix, .errors = errors};
        struct schedule_texts texts;
        int r, k;

        r = jread_object(value, fields, ARRAY_SIZE(fields), prefix, ret, errors);
        if (r < 0 && (r != -EBADMSG || !json_is_object(value)))
                return r;
        k = fill_defaults(ret);
        if (k < 0)
                return k;
        check_names(&c, ret);
        texts = (struct schedule_texts){
                .every = ret->every ? ret->every : "",
                .cron = ret->cron ? ret->cron : "",
                .timezone = ret->timezone,
                .jitter = ret->jitter,
                .catch_up = ret->catch_up,
                .window = ret->window,
                .start_usec = read_time(&c, "start", ret->start, INT64_MIN),
                .end_usec = read_time(&c, "end", ret->end, INT64_MAX),
        };
        k = compile(&c, &texts, zones, &ret->recurrence, &ret->policy);
        if (k < 0)
                return k;
        (void)read_choice(&c, "overlap", ret->overlap, overlaps, "must be skip, queue or allow");
        if (ret->expires)
                ret->expires_usec = read_span(&c, "expires", ret->expires, EVERY_MIN);
        ret->timeout_usec = read_span(&c, "timeout", ret->timeout, EVERY_MIN);
        return r < 0 || c.is_wrong ? -EBADMSG : 0;
}

/* ---- Writing ---- */

static json_t *time_or_null(int64_t usec)
{
        char text[RFC3339_SIZE];

        if (usec == INT64_MIN || usec == INT64_MAX)
                return json_null();
        format_rfc3339(usec, text);
        return json_string(text);
}

json_t *schedule_columns(const struct schedule *s, const char *name)
{
        json_t *columns;

        columns = json_pack(
                "{s:s, s:s?, s:s?, s:s, s:s, s:O, s:O, s:s, s:I, s:o, s:o, s:s, s:s, s:s, s:s, s:s?, s:o, "
                "s:s, s:I, s:I, "
                "s:I, s:b}",
                "description", s->description, "every", s->every, "cron", s->cron, "timezone", s->timezone,
                "task", s->task, "args", s->args, "kwargs", s->kwargs, "queue", s->queue, "priority",
                (json_int_t)s->priority, "start_at", time_or_null(s->recurrence.start_usec), "end_at",
                time_or_null(s->recurrence.end_usec), "jitter", s->jitter, "overlap", s->overlap, "catch_up",
                s->catch_up, "catch_up_window", s->window, "expires", s->expires, "expires_usec",
                s->expires ? json_integer((json_int_t)s->expires_usec) : json_null(), "timeout", s->timeout,
                "timeout_usec", (json_int_t)s->timeout_usec, "pause_after", (json_int_t)s->pause_after,
                "max_pending", (json_int_t)s->max_pending, "enabled", s->enabled);
        if (columns && name && json_object_set_new(columns, "name", json_string(name)) < 0) {
                json_decref(columns);
                return NULL;
        }
        return columns;
}

int schedule_patch(json_t *target, json_t *patch)
{
        const char *key;
        json_t *value;

        json_object_foreach(patch, key, value)
        {
                json_t *old = json_object_get(target, key);
                int r = 0;

                if (json_is_null(value))
                        (void)json_object_del(target, key);
                else if (json_is_object(value) && json_is_object(old))
                        r = schedule_patch(old, value); /* as deep as jread_text() lets it be */
                else
                        r = json_object_set(target, key, value) < 0 ? -ENOMEM : 0;
                if (r < 0)
                        return r;
        }
        return 0;
}

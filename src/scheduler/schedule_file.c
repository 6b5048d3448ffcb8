/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "scheduler/schedule_file.h"

#include <dirent.h>
#include <errno.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/parse.h"
#include "base/str.h"
#include "service/conf.h"

#define FILE_MAX ((size_t)1 << 20)
#define SECTION "Schedule"

enum value_kind { TEXT, NUMBER, SWITCH, JSON };

/* Every field that a file may have, each as the text that stands there. */
static const struct file_field {
        const char *name;
        enum value_kind kind;
} file_fields[] = {
        {"description", TEXT}, {"every", TEXT},     {"cron", TEXT},          {"timezone", TEXT},
        {"task", TEXT},        {"args", JSON},      {"kwargs", JSON},        {"queue", TEXT},
        {"priority", NUMBER},  {"start", TEXT},     {"end", TEXT},           {"jitter", TEXT},
        {"overlap", TEXT},     {"catch_up", TEXT},  {"expires", TEXT},       {"catch_up_window", TEXT},
        {"timeout", TEXT},     {"enabled", SWITCH}, {"pause_after", NUMBER}, {"max_pending", NUMBER},
};
#define N_FIELDS ARRAY_SIZE(file_fields)

struct file_values {
        char *texts[N_FIELDS]; /* owned by the table's rules; "" = absent */
};

static void make_options(struct conf_option options[N_FIELDS + 1])
{
        for (size_t i = 0; i < N_FIELDS; i++)
                options[i] = (struct conf_option){SECTION, file_fields[i].name, CONF_STRING,
                                                  offsetof(struct file_values, texts[i]), ""};
        options[N_FIELDS] = (struct conf_option){NULL};
}

/* The line on which `key` is set last, or 0. */
static unsigned line_of(const char *text, const char *key)
{
        size_t n = strlen(key);
        unsigned line = 1, found = 0;

        for (const char *p = text; p; p = strchr(p, '\n'), p += p ? 1 : 0, line++) {
                p += strspn(p, " \t");
                if (strncmp(p, key, n) == 0 && p[n + strspn(p + n, " \t")] == '=')
                        found = line;
        }
        return found;
}

static json_t *value_of(const struct file_field *f, const char *text, const char **ret_reason)
{
        struct field_errors errors = {.n_errors = 0};
        json_t *value = NULL;
        int64_t number;
        bool yes;

        switch (f->kind) {
        case TEXT:
                *ret_reason = "must be UTF-8";
                return json_string(text);
        case NUMBER:
                *ret_reason = "must be a number";
                return parse_i64(text, &number) < 0 ? NULL : json_integer(number);
        case SWITCH:
                *ret_reason = "must be yes or no";
                return parse_bool(text, &yes) < 0 ? NULL : json_boolean(yes);
        case JSON:
                *ret_reason = "must be JSON";
                return jread_text(text, strlen(text), &value, &errors) < 0 ? NULL : value;
        }
        return NULL;
}

static int make_object(const char *file, const char *text, const struct file_values *values, json_t **ret,
                       struct buf *messages)
{
        _cleanup_json_ json_t *object = json_object();
        const char *reason = NULL;
        int r = 0;

        for (size_t i = 0; object && i < N_FIELDS; i++) {
                const struct file_field *f = &file_fields[i];
                json_t *value;

                if (!*values->texts[i])
                        continue;
                value = value_of(f, values->texts[i], &reason);
                if (!value) {
                        buf_printf(messages, "%s:%u: %s: %s\n", file, line_of(text, f->name), f->name,
                                   reason);
                        r = -EINVAL;
                } else if (json_object_set_new(object, f->name, value) < 0) {
                        return -ENOMEM;
                }
        }
        if (!object)
                return -ENOMEM;
        if (r == 0)
                *ret = TAKE_PTR(object);
        return r;
}

static void tell_errors(const char *file, const char *text, const struct field_errors *errors,
                        struct buf *messages)
{
        for (size_t i = 0; i < errors->n_errors; i++) {
                const char *field = errors->errors[i].path;

                field += *field == '/';
                buf_printf(messages, "%s:%u: %s: %s\n", file, line_of(text, field), field,
                           errors->errors[i].reason);
        }
}

static int check_object(const char *file, const char *name, const char *text, json_t *object,
                        struct zone_book *zones, json_t **ret, struct buf *messages)
{
        struct field_errors errors = {.n_errors = 0};
        struct schedule s = {0};
        int r;

        r = schedule_read(object, zones, "", &s, &errors);
        if (r == -EBADMSG) {
                tell_errors(file, text, &errors, messages);
                r = -EINVAL;
        }
        if (r == 0) {
                *ret = schedule_columns(&s, name);
                r = *ret ? 0 : -ENOMEM;
        }
        schedule_done(&s);
        return r;
}

int schedule_file_parse(const char *file, const char *name, const char *text, size_t n,
                        struct zone_book *zones, json_t **ret, struct buf *messages)
{
        struct conf_option options[N_FIELDS + 1];
        const struct conf_table tables[] = {{options, 0}, {NULL}};
        _cleanup_json_ json_t *object = NULL;
        struct file_values values = {0};
        int r;

        make_options(options);
        if (!schedule_name_is_valid(name)) {
                buf_printf(messages, "%s:0: the file is named like no schedule (A-Z a-z 0-9 . _ -)\n", file);
                return -EINVAL;
        }
        r = conf_set_defaults(tables, &values);
        if (r == 0)
                r = conf_parse_text(file, text, n, false, tables, &values, messages);
        if (r == 0)
                r = make_object(file, text, &values, &object, messages);
        if (r == 0)
                r = check_object(file, name, text, object, zones, ret, messages);
        conf_done(tables, &values);
        return r;
}

static int read_one(const char *dir, const char *entry, struct zone_book *zones, json_t *all,
                    struct buf *messages)
{
        _cleanup_free_ char *text = NULL;
        char path[4096], name[NAME_MAX + 1];
        json_t *one = NULL;
        size_t n;
        int r;

        if (snprintf(path, sizeof(path), "%s/%s", dir, entry) >= (int)sizeof(path))
                return -ENAMETOOLONG;
        (void)snprintf(name, sizeof(name), "%.*s", (int)(strlen(entry) - strlen(".conf")), entry);
        r = fd_read_file(path, FILE_MAX, &text, &n);
        if (r == -ENOMEM)
                return r;
        if (r < 0) {
                buf_printf(messages, "%s:0: cannot be read: %s\n", path, strerror(-r));
                return -EINVAL;
        }
        r = schedule_file_parse(path, name, text, n, zones, &one, messages);
        if (r == 0)
                r = json_array_append_new(all, one) < 0 ? -ENOMEM : 0;
        return r;
}

static int is_schedule(const struct dirent *entry)
{
        return entry->d_name[0] != '.' && endswith(entry->d_name, ".conf");
}

int schedule_files_read(const char *config_dir, json_t **ret, struct buf *messages)
{
        _cleanup_json_ json_t *all = json_array();
        struct dirent **entries = NULL;
        struct zone_book zones;
        char dir[4096];
        bool is_wrong = false;
        int n, r = all ? 0 : -ENOMEM;

        (void)snprintf(dir, sizeof(dir), "%s/" SCHEDULE_DIR, config_dir);
        n = scandir(dir, &entries, is_schedule, alphasort);
        if (n < 0 && errno != ENOENT) {
                buf_printf(messages, "%s:0: cannot be read: %s\n", dir, strerror(errno));
                return -EINVAL;
        }
        zone_book_init(&zones);
        for (int i = 0; i < n; i++) {
                if (r == 0)
                        r = read_one(dir, entries[i]->d_name, &zones, all, messages);
                if (r == -EINVAL) { /* every error of every file is told */
                        is_wrong = true;
                        r = 0;
                }
                free(entries[i]);
        }
        free(entries);
        zone_book_done(&zones);
        if (r == 0 && is_wrong)
                r = -EINVAL;
        if (r == 0)
                *ret = TAKE_PTR(all);
        return r;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/decimal.h"
#include "base/str.h"
#include "json/jread.h"

#define STRING_MAX_DEFAULT (1 << 20) /* code points; the body limit is the same size in bytes */

/* What is told back may quote the sender: keep it well-formed even where it was cut short. */
static void mend_utf8(char *s)
{
        size_t n = strlen(s);

        for (unsigned cut = 0; cut < 3 && n > 0 && !utf8_is_valid(s, n); cut++)
                if ((unsigned char)s[n - 1] >= 0x80)
                        s[--n] = '\0';
        if (utf8_is_valid(s, n))
                return;
        for (char *p = s; *p; p++)
                if ((unsigned char)*p >= 0x80)
                        *p = '?';
}

void field_errors_add(struct field_errors *e, const char *path, const char *fmt, ...)
{
        struct field_error *error;
        va_list ap;

        if (e->n_errors == JREAD_ERRORS_MAX)
                return;
        error = &e->errors[e->n_errors++];
        (void)snprintf(error->path, sizeof(error->path), "%s", path);
        va_start(ap, fmt);
        (void)vsnprintf(error->reason, sizeof(error->reason), fmt, ap);
        va_end(ap);
        mend_utf8(error->path);
        mend_utf8(error->reason);
}

/* Counted before parsing, since jansson recurses for each level. */
static bool is_too_deep(const char *text, size_t n)
{
        bool in_string = false;
        unsigned depth = 0;

        for (size_t i = 0; i < n; i++) {
                char c = text[i];

                if (in_string) {
                        if (c == '\\')
                                i++;
                        else if (c == '"')
                                in_string = false;
                } else if (c == '"')
                        in_string = true;
                else if (c == '{' || c == '[') {
                        if (++depth > JREAD_DEPTH_MAX)
                                return true;
                } else if ((c == '}' || c == ']') && depth > 0)
                        depth--;
        }
        return false;
}

int jread_text(const char *text, size_t n, json_t **ret, struct field_errors *errors)
{
        json_error_t error;
        json_t *value;

        if (is_too_deep(text, n)) {
                field_errors_add(errors, "", "is nested deeper than %d levels", JREAD_DEPTH_MAX);
                return -EBADMSG;
        }
        value = json_loadb(text, n, JSON_DECODE_ANY | JSON_REJECT_DUPLICATES, &error);
        if (!value) {
                if (json_error_code(&error) == json_error_out_of_memory)
                        return -ENOMEM;
                field_errors_add(errors, "", "is not valid JSON at line %d, column %d: %s", error.line,
                                 error.column, error.text);
                return -EBADMSG;
        }
        *ret = value;
        return 0;
}

/* prefix/name with the escapes of RFC 6901; cut to what fits. */
static void make_path(char out[96], const char *prefix, const char *name)
{
        size_t n = (size_t)snprintf(out, 96, "%s/", prefix);

        for (; *name && n + 3 < 96; name++)
                if (*name == '~' || *name == '/') {
                        out[n++] = '~';
                        out[n++] = *name == '~' ? '0' : '1';
                } else
                        out[n++] = *name;
        out[MIN_OF(n, (size_t)95)] = '\0';
}

static int read_string(json_t *value, const struct jread_field *f, const char *path, void *at,
                       struct field_errors *errors)
{
        int64_t max = f->max > 0 ? f->max : STRING_MAX_DEFAULT, points;
        const char *s = json_string_value(value);
        size_t n = json_string_length(value), ok;

        if (!s) {
                field_errors_add(errors, path, "must be a string");
                return 0;
        }
        if (!utf8_is_valid(s, n)) {
                field_errors_add(errors, path, "must be UTF-8 text without NUL");
                return 0;
        }
        points = (int64_t)utf8_length(s, n);
        if (points < f->min || points > max) {
                if (points == 0)
                        field_errors_add(errors, path, "must not be empty");
                else if (points < f->min)
                        field_errors_add(errors, path, "must have at least %" PRId64 " characters", f->min);
                else
                        field_errors_add(errors, path, "must have at most %" PRId64 " characters", max);
                return 0;
        }
        ok = f->charset ? strspn(s, f->charset) : n;
        if (ok < n) {
                if (s[ok] > ' ' && s[ok] < 0x7f)
                        field_errors_add(errors, path, "must not contain '%c'", s[ok]);
                else
                        field_errors_add(errors, path, "must not contain the byte 0x%02x",
                                         (unsigned char)s[ok]);
                return 0;
        }
        return strdup_to(at, s);
}

static void read_money(json_t *value, const char *path, int64_t *at, struct field_errors *errors)
{
        const char *s = json_string_value(value);
        int64_t cents;
        int r;

        if (!s) {
                field_errors_add(errors, path, "must be a decimal string such as \"12.50\"");
                return;
        }
        r = strlen(s) == json_string_length(value) ? money_parse(s, &cents) : -EINVAL;
        if (r == -EINVAL)
                field_errors_add(errors, path, "must be a decimal string such as \"12.50\"");
        else if (r < 0)
                field_errors_add(errors, path, "must be from 0 to 9999999999.99, in whole cents");
        else
                *at = cents;
}

static void read_int(json_t *value, const struct jread_field *f, const char *path, int64_t *at,
                     struct field_errors *errors)
{
        int64_t v = json_integer_value(value);

        if (!json_is_integer(value))
                field_errors_add(errors, path, "must be an integer");
        else if (v < f->min || v > f->max)
                field_errors_add(errors, path, "must be from %" PRId64 " to %" PRId64, f->min, f->max);
        else
                *at = v;
}

static int read_null(const struct jread_field *f, const char *path, void *at, struct field_errors *errors)
{
        if (!f->nullable)
                field_errors_add(errors, path, "must not be null");
        else if (f->type == JREAD_STRING)
                return strdup_to(at, NULL);
        else if (f->type == JREAD_JSON) {
                json_decref(*(json_t **)at);
                *(json_t **)at = NULL;
        }
        return 0;
}

static int read_field(json_t *value, const struct jread_field *f, const char *path, void *into,
                      struct field_errors *errors)
{
        void *at = (char *)into + f->offset;

        if (f->present > 0)
                *(bool *)((char *)into + f->present) = true;
        if (json_is_null(value))
                return read_null(f, path, at, errors);
        switch (f->type) {
        case JREAD_STRING:
                return read_string(value, f, path, at, errors);
        case JREAD_MONEY:
                read_money(value, path, at, errors);
                return 0;
        case JREAD_BOOL:
                if (json_is_boolean(value))
                        *(bool *)at = json_is_true(value);
                else
                        field_errors_add(errors, path, "must be true or false");
                return 0;
        case JREAD_INT:
                read_int(value, f, path, at, errors);
                return 0;
        case JREAD_JSON:
                json_decref(*(json_t **)at);
                *(json_t **)at = json_incref(value);
                return 0;
        }
        return -EINVAL;
}

static const struct jread_field *find_field(const struct jread_field *fields, size_t n_fields,
                                            const char *name)
{
        for (size_t i = 0; i < n_fields; i++)
                if (streq(fields[i].name, name))
                        return &fields[i];
        return NULL;
}

int jread_object(json_t *value, const struct jread_field *fields, size_t n_fields, const char *prefix,
                 void *into, struct field_errors *errors)
{
        size_t before = errors->n_errors;
        const char *name;
        json_t *member;
        char path[96];
        int r;

        if (!json_is_object(value)) {
                field_errors_add(errors, prefix, "must be an object");
                return -EBADMSG;
        }
        json_object_foreach(value, name, member)
        {
                const struct jread_field *f = find_field(fields, n_fields, name);

                make_path(path, prefix, name);
                if (!f) {
                        field_errors_add(errors, path, "is not a known field");
                        continue;
                }
                r = read_field(member, f, path, into, errors);
                if (r < 0)
                        return r;
        }
        for (size_t i = 0; i < n_fields; i++)
                if (fields[i].required && !json_object_get(value, fields[i].name)) {
                        make_path(path, prefix, fields[i].name);
                        field_errors_add(errors, path, "is required");
                }
        return errors->n_errors > before ? -EBADMSG : 0;
}

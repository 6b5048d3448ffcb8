/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "gateway/record_message.h"

#include <errno.h>
#include <stdlib.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"

struct body {
        char *message; /* owned */
};

static const struct jread_field fields[] = {
        {.name = "message",
         .type = JREAD_STRING,
         .offset = offsetof(struct body, message),
         .required = true,
         .min = 1,
         .max = RECORD_MESSAGE_MAX},
};

bool record_message_is_valid(const char *s, size_t n)
{
        return n > 0 && utf8_is_valid(s, n) && utf8_length(s, n) <= RECORD_MESSAGE_MAX;
}

static int decode_object(json_t *value, char **ret, struct field_errors *errors)
{
        struct body body = {0};
        int r;

        r = jread_object(value, fields, ARRAY_SIZE(fields), "", &body, errors);
        if (r < 0)
                free(body.message);
        else
                *ret = body.message;
        return r;
}

int record_message_decode_json(const char *text, size_t n, char **ret, struct field_errors *errors)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = jread_text(text, n, &value, errors);
        return r < 0 ? r : decode_object(value, ret, errors);
}

static int take_text(const char *body, size_t n, char **ret, struct field_errors *errors)
{
        if (!record_message_is_valid(body, n)) {
                field_errors_add(errors, "", "must be 1 to %d characters of UTF-8", RECORD_MESSAGE_MAX);
                return -EBADMSG;
        }
        *ret = memdup_str(body, n);
        return *ret ? 0 : -ENOMEM;
}

/* Is the media type `type`, whatever its case and parameters? */
static bool is_media(const char *content_type, const char *type)
{
        size_t n = strcspn(content_type, "; ");

        return n == strlen(type) && strncasecmp(content_type, type, n) == 0;
}

int record_message_decode(const char *content_type, const char *body, size_t n, char **ret,
                          struct field_errors *errors)
{
        struct field_errors ignored = {.n_errors = 0};
        _cleanup_json_ json_t *value = NULL;
        int r;

        if (content_type && is_media(content_type, "application/json"))
                return record_message_decode_json(body, n, ret, errors);
        if (content_type && strncasecmp(content_type, "text/", 5) == 0)
                return take_text(body, n, ret, errors);
        r = jread_text(body, n, &value, &ignored);
        if (r == -ENOMEM)
                return r;
        return r == 0 && json_is_object(value) ? decode_object(value, ret, errors)
                                               : take_text(body, n, ret, errors);
}

/* The length of the name in braces that `s` begins with; 0: none. */
static size_t placeholder(const char *s)
{
        static const char *const names[] = {"{message}", "{client_type}", "{total}", "{id}", "{created_at}"};

        for (size_t i = 0; i < ARRAY_SIZE(names); i++)
                if (startswith(s, names[i]))
                        return strlen(names[i]);
        return 0;
}

int record_template_check(const char *s, const char **ret_reason)
{
        size_t n = strlen(s), skip;

        *ret_reason = NULL;
        if (n == 0 || n > RECORD_TEMPLATE_MAX || !utf8_is_valid(s, n))
                *ret_reason = "must be 1 to 1000 bytes of UTF-8";
        for (const char *p = s; !*ret_reason && (p = strpbrk(p, "{}")); p += skip) {
                skip = placeholder(p);
                if (skip == 0)
                        *ret_reason = "braces hold message, client_type, total, id or created_at";
        }
        return *ret_reason ? -EINVAL : 0;
}

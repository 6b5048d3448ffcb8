/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/id.h"
#include "base/str.h"
#include "products/product.h"
#include "json/jwrite.h"

#define FACTOR_WHOLE_MAX 10
#define FACTOR_PLACES_MAX 18

static const char code_charset[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
                                   "abcdefghijklmnopqrstuvwxyz"
                                   "0123456789._-";

#define AT(member) .offset = offsetof(struct product, member)
#define SEEN(flag) .present = offsetof(struct product, flag)

static const struct jread_field product_fields[] = {
        {.name = "code",
         .type = JREAD_STRING,
         AT(code),
         SEEN(has_code),
         .min = 1,
         .max = PRODUCT_CODE_MAX,
         .charset = code_charset},
        {.name = "description",
         .type = JREAD_STRING,
         AT(description),
         SEEN(has_description),
         .min = 1,
         .max = PRODUCT_DESCRIPTION_MAX},
        {.name = "buying_price", .type = JREAD_MONEY, AT(buying_cents), SEEN(has_buying)},
        {.name = "selling_price", .type = JREAD_MONEY, AT(selling_cents), SEEN(has_selling)},
        {.name = "created_at", .type = JREAD_JSON, AT(ignored), .nullable = true},
        {.name = "updated_at", .type = JREAD_JSON, AT(ignored), .nullable = true},
        {.name = "version", .type = JREAD_JSON, AT(ignored), .nullable = true},
};

void product_done(struct product *p)
{
        free(p->code);
        free(p->description);
        json_decref(p->ignored);
        *p = (struct product){0};
}

bool product_code_is_valid(const char *code)
{
        size_t n = strlen(code);

        return n >= 1 && n <= PRODUCT_CODE_MAX && strspn(code, code_charset) == n && !streq(code, ".") &&
               !streq(code, "..");
}

void product_code_make(char out[PRODUCT_CODE_MADE_SIZE])
{
        static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789";
        size_t filled = 0;

        /* Bytes from 252 up are thrown away: 256 is no multiple of 36. */
        while (filled < PRODUCT_CODE_MADE_SIZE - 1) {
                uint8_t bytes[PRODUCT_CODE_MADE_SIZE];

                random_bytes(bytes, sizeof(bytes));
                for (size_t i = 0; i < sizeof(bytes) && filled < PRODUCT_CODE_MADE_SIZE - 1; i++)
                        if (bytes[i] < 252)
                                out[filled++] = alphabet[bytes[i] % 36];
        }
        out[filled] = '\0';
}

static void refuse(struct field_errors *errors, const char *prefix, const char *name, const char *reason)
{
        char path[96];

        (void)snprintf(path, sizeof(path), "%s/%s", prefix, name);
        field_errors_add(errors, path, "%s", reason);
}

int product_read(json_t *value, enum product_form form, const char *prefix, struct product *ret,
                 struct field_errors *errors)
{
        size_t before = errors->n_errors;
        int r;

        r = jread_object(value, product_fields, ARRAY_SIZE(product_fields), prefix, ret, errors);
        if (r < 0 && (r != -EBADMSG || !json_is_object(value)))
                return r;
        if (ret->code && !product_code_is_valid(ret->code))
                refuse(errors, prefix, "code", "must not be \".\" or \"..\", which no URL path can hold");
        if (form == PRODUCT_WHOLE && !ret->has_description)
                refuse(errors, prefix, "description", "is required");
        if (form == PRODUCT_WHOLE && !ret->has_buying)
                refuse(errors, prefix, "buying_price", "is required");
        if (form == PRODUCT_WHOLE && !ret->has_selling)
                refuse(errors, prefix, "selling_price", "is required");
        return r < 0 || errors->n_errors > before ? -EBADMSG : 0;
}

int product_decode(const char *text, size_t n, enum product_form form, struct product *ret,
                   struct field_errors *errors)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = jread_text(text, n, &value, errors);
        if (r < 0)
                return r;
        return product_read(value, form, "", ret, errors);
}

void product_command(struct buf *out, const char *code, const struct product *p)
{
        struct jwrite w = jwrite_to(out);

        jwrite_array_begin(&w);
        jwrite_string(&w, code);
        jwrite_string(&w, p->description);
        if (p->has_buying)
                jwrite_int(&w, p->buying_cents);
        else
                jwrite_null(&w);
        if (p->has_selling)
                jwrite_int(&w, p->selling_cents);
        else
                jwrite_null(&w);
        jwrite_array_end(&w);
}

static bool is_factor(const char *s)
{
        size_t whole = strspn(s, "0123456789"), places = 0;
        const char *end = s + whole;

        if (*end == '.') {
                places = strspn(end + 1, "0123456789");
                end += 1 + places;
                if (places == 0)
                        return false;
        }
        return *end == '\0' && whole >= 1 && whole <= FACTOR_WHOLE_MAX && places <= FACTOR_PLACES_MAX &&
               strpbrk(s, "123456789");
}

/* "01.10" is "1.1": equal factors have one text, which the key of a write is bound to. */
static void normalize_factor(char *s)
{
        size_t zeros = strspn(s, "0"), n;

        if (zeros > 0 && (s[zeros] == '.' || s[zeros] == '\0'))
                zeros--;
        n = strlen(s + zeros);
        memmove(s, s + zeros, n + 1);
        if (!strchr(s, '.'))
                return;
        while (s[n - 1] == '0')
                s[--n] = '\0';
        if (s[n - 1] == '.')
                s[n - 1] = '\0';
}

struct factor_body {
        char *factor;
        bool present;
};

int product_factor_read(json_t *value, char ret_factor[PRODUCT_FACTOR_SIZE], struct field_errors *errors)
{
        static const struct jread_field fields[] = {
                {.name = "factor",
                 .type = JREAD_STRING,
                 .offset = offsetof(struct factor_body, factor),
                 .required = true},
        };
        struct factor_body body = {0};
        int r;

        r = jread_object(value, fields, ARRAY_SIZE(fields), "", &body, errors);
        if (r == 0 && !is_factor(body.factor)) {
                field_errors_add(
                        errors, "/factor",
                        "must be a decimal string above 0 such as \"1.1\", at most %d digits before the "
                        "point and %d after",
                        FACTOR_WHOLE_MAX, FACTOR_PLACES_MAX);
                r = -EBADMSG;
        }
        if (r == 0) {
                memcpy(ret_factor, body.factor, strlen(body.factor) + 1);
                normalize_factor(ret_factor);
        }
        free(body.factor);
        return r;
}

int product_factor_decode(const char *text, size_t n, char ret_factor[PRODUCT_FACTOR_SIZE],
                          struct field_errors *errors)
{
        _cleanup_json_ json_t *value = NULL;
        int r;

        r = jread_text(text, n, &value, errors);
        return r < 0 ? r : product_factor_read(value, ret_factor, errors);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_cursor.h"

#include <errno.h>
#include <string.h>

#include "auth/auth_digest.h"
#include "base/alloc.h"
#include "base/str.h"
#include "json/jread.h"
#include "json/jwrite.h"

#define CHECK_DIGITS 16 /* 64 bits against accidents */

static const char alphabet[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_";

static void base64url_encode(struct buf *out, const unsigned char *p, size_t n)
{
        for (size_t i = 0; i < n; i += 3) {
                size_t left = MIN_OF(n - i, (size_t)3);
                unsigned v = (unsigned)p[i] << 16;

                if (left > 1)
                        v |= (unsigned)p[i + 1] << 8;
                if (left > 2)
                        v |= p[i + 2];
                for (size_t k = 0; k <= left; k++)
                        buf_append_char(out, alphabet[(v >> (18 - 6 * k)) & 63]);
        }
}

/* Bits left over must be zero, so that each value has one text. */
static int base64url_decode(struct buf *out, const char *s, size_t n)
{
        unsigned v = 0, bits = 0;

        for (size_t i = 0; i < n; i++) {
                const char *at = s[i] ? strchr(alphabet, s[i]) : NULL;

                if (!at)
                        return -EBADMSG;
                v = v << 6 | (unsigned)(at - alphabet);
                bits += 6;
                if (bits >= 8) {
                        bits -= 8;
                        buf_append_char(out, (char)(v >> bits & 0xff));
                        v &= (1u << bits) - 1;
                }
        }
        return bits >= 6 || v != 0 ? -EBADMSG : buf_error(out);
}

static void check_of(const struct web_cursor *c, const char *context, char out[CHECK_DIGITS + 1])
{
        char hex[AUTH_DIGEST_HEX_SIZE];
        struct auth_digest digest;

        auth_digest_init(&digest);
        auth_digest_add(&digest, context, strlen(context) + 1);
        auth_digest_add(&digest, c->backward ? "b" : "f", 1);
        for (unsigned i = 0; i < c->n_keys; i++)
                auth_digest_add(&digest, c->keys[i], strlen(c->keys[i]) + 1);
        auth_digest_hex(&digest, hex);
        memcpy(out, hex, CHECK_DIGITS);
        out[CHECK_DIGITS] = '\0';
}

void web_cursor_encode(struct buf *out, const char *context, const struct web_cursor *c)
{
        struct buf json = BUF_EMPTY;
        struct jwrite w = jwrite_to(&json);
        char check[CHECK_DIGITS + 1];

        check_of(c, context, check);
        jwrite_object_begin(&w);
        jwrite_pair(&w, "c", check);
        jwrite_key(&w, "b");
        jwrite_bool(&w, c->backward);
        jwrite_key(&w, "k");
        jwrite_array_begin(&w);
        for (unsigned i = 0; i < c->n_keys; i++)
                jwrite_string(&w, c->keys[i]);
        jwrite_array_end(&w);
        jwrite_object_end(&w);
        if (buf_error(&json) < 0)
                out->failed = true;
        else
                base64url_encode(out, (const unsigned char *)buf_bytes(&json), buf_size(&json));
        buf_done(&json);
}

struct fields {
        char *check;
        bool backward;
        json_t *keys;
};

static const struct jread_field cursor_fields[] = {
        {"c", JREAD_STRING, offsetof(struct fields, check), .required = true},
        {"b", JREAD_BOOL, offsetof(struct fields, backward), .required = true},
        {"k", JREAD_JSON, offsetof(struct fields, keys), .required = true},
};

static int take_keys(json_t *keys, struct web_cursor *c)
{
        if (!json_is_array(keys) || json_array_size(keys) > WEB_CURSOR_KEYS_MAX)
                return -EBADMSG;
        for (size_t i = 0; i < json_array_size(keys); i++) {
                const char *key = json_string_value(json_array_get(keys, i));

                if (!key || strlen(key) != json_string_length(json_array_get(keys, i)))
                        return -EBADMSG;
                c->keys[i] = strdup(key);
                if (!c->keys[i])
                        return -ENOMEM;
                c->n_keys++;
        }
        return 0;
}

static int from_json(const char *text, size_t n, const char *context, struct web_cursor *c)
{
        struct field_errors ignored = {.n_errors = 0};
        struct fields f = {NULL};
        json_t *value = NULL;
        char check[CHECK_DIGITS + 1];
        int r;

        r = jread_text(text, n, &value, &ignored);
        if (r < 0)
                return r;
        r = jread_object(value, cursor_fields, ARRAY_SIZE(cursor_fields), "", &f, &ignored);
        if (r == 0)
                r = take_keys(f.keys, c);
        if (r == 0) {
                c->backward = f.backward;
                check_of(c, context, check);
                r = streq(check, f.check) ? 0 : -EBADMSG;
        }
        free(f.check);
        json_decref(f.keys);
        json_decref(value);
        return r;
}

int web_cursor_decode(const char *text, const char *context, struct web_cursor *ret)
{
        struct web_cursor c = {0};
        struct buf json = BUF_EMPTY;
        size_t n = strnlen(text, WEB_CURSOR_MAX + 1);
        int r;

        if (n == 0 || n > WEB_CURSOR_MAX)
                return -EBADMSG;
        r = base64url_decode(&json, text, n);
        if (r == 0)
                r = from_json(buf_bytes(&json), buf_size(&json), context, &c);
        buf_done(&json);
        if (r < 0) {
                web_cursor_done(&c);
                return r;
        }
        *ret = c;
        return 0;
}

void web_cursor_done(struct web_cursor *c)
{
        for (unsigned i = 0; i < WEB_CURSOR_KEYS_MAX; i++)
                free(c->keys[i]);
        *c = (struct web_cursor){0};
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <stdlib.h>
#include <string.h>

#include "base/macro.h"
#include "base/str.h"
#include "fuzz.h"
#include "json/jread.h"
#include "json/jwrite.h"

struct thing {
        char *name, *note;
        int64_t price, count;
        bool flag, has_note;
        json_t *extra;
};

static const struct jread_field fields[] = {
        {.name = "code",
         .type = JREAD_STRING,
         .offset = offsetof(struct thing, name),
         .required = true,
         .min = 1,
         .max = 64,
         .charset = "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789._-"},
        {.name = "description",
         .type = JREAD_STRING,
         .offset = offsetof(struct thing, note),
         .present = offsetof(struct thing, has_note),
         .nullable = true},
        {.name = "selling_price", .type = JREAD_MONEY, .offset = offsetof(struct thing, price)},
        {.name = "count", .type = JREAD_INT, .offset = offsetof(struct thing, count), .min = -5, .max = 5},
        {.name = "flag", .type = JREAD_BOOL, .offset = offsetof(struct thing, flag)},
        {.name = "extra", .type = JREAD_JSON, .offset = offsetof(struct thing, extra), .nullable = true},
};

static void check_errors(const struct field_errors *errors)
{
        fuzz_check(errors->n_errors > 0);
        for (size_t i = 0; i < errors->n_errors; i++) {
                fuzz_check(utf8_is_valid(errors->errors[i].path, strlen(errors->errors[i].path)));
                fuzz_check(utf8_is_valid(errors->errors[i].reason, strlen(errors->errors[i].reason)));
        }
}

/* A string that was read is written as JSON that reads as the same string. */
static void check_string(const char *s)
{
        struct field_errors errors = {0};
        struct buf text = BUF_EMPTY;
        struct jwrite w = jwrite_to(&text);
        json_t *value = NULL;

        jwrite_string(&w, s);
        fuzz_check(jread_text(buf_bytes(&text), buf_size(&text), &value, &errors) == 0);
        fuzz_check(streq(json_string_value(value), s));
        json_decref(value);
        buf_done(&text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        struct field_errors errors = {0};
        struct thing thing = {0};
        json_t *value = NULL;
        int r;

        r = jread_text((const char *)data, size, &value, &errors);
        if (r < 0) {
                check_errors(&errors);
                return 0;
        }
        r = jread_object(value, fields, ARRAY_SIZE(fields), "/items/0", &thing, &errors);
        if (r < 0)
                check_errors(&errors);
        else
                check_string(thing.name);
        if (thing.note)
                check_string(thing.note);
        free(thing.name);
        free(thing.note);
        json_decref(thing.extra);
        json_decref(value);
        return 0;
}

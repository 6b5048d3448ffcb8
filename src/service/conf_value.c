/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "service/conf_value.h"

static int set_enum(const struct conf_option *option, const char *value, int *at, char reason[160])
{
        size_t n;

        for (int i = 0; option->names[i]; i++)
                if (streq(option->names[i], value)) {
                        *at = i;
                        return 0;
                }
        n = (size_t)snprintf(reason, 160, "must be one of");
        for (int i = 0; option->names[i] && n < 160; i++)
                n += (size_t)snprintf(reason + n, 160 - n, "%s %s", i > 0 ? "," : "", option->names[i]);
        return -EINVAL;
}

/* As a person would write it in the file. */
static void format_number(const struct conf_option *option, uint64_t v, char out[32])
{
        if (option->type != CONF_USEC)
                (void)snprintf(out, 32, "%" PRIu64, v);
        else if (v == USEC_INFINITY)
                (void)snprintf(out, 32, "infinity");
        else if (v % USEC_PER_SEC == 0)
                (void)snprintf(out, 32, "%" PRIu64 "s", v / USEC_PER_SEC);
        else if (v % USEC_PER_MSEC == 0)
                (void)snprintf(out, 32, "%" PRIu64 "ms", v / USEC_PER_MSEC);
        else
                (void)snprintf(out, 32, "%" PRIu64 "us", v);
}

static void explain_range(const struct conf_option *option, char reason[160])
{
        char min[32], max[32];

        format_number(option, option->min, min);
        format_number(option, option->max > 0 ? option->max : UINT64_MAX, max);
        (void)snprintf(reason, 160, "must be from %s to %s", min, max);
}

static int set_number(const struct conf_option *option, const char *value, uint64_t *at, char reason[160])
{
        uint64_t v, max = option->max > 0 ? option->max : UINT64_MAX;
        const char *form;
        int r;

        switch (option->type) {
        case CONF_SIZE:
                r = parse_size(value, &v);
                form = "must be a size in bytes such as 65536, 64K or 1M";
                break;
        case CONF_USEC:
                r = parse_usec(value, &v);
                form = "must be a time span such as 90, 5min 20s or 200ms";
                break;
        default:
                r = parse_u64(value, 0, UINT64_MAX, &v);
                form = "must be a whole number";
                break;
        }
        if (r == -EINVAL) {
                (void)snprintf(reason, 160, "%s", form);
                return r;
        }
        if (r < 0 || v < option->min || v > max) {
                explain_range(option, reason);
                return -EINVAL;
        }
        *at = v;
        return 0;
}

int conf_value_set(const struct conf_option *option, const char *value, void *base, char reason[160])
{
        void *at = (char *)base + option->offset;
        int r;

        if (!*value && option->fallback)
                value = option->fallback;
        switch (option->type) {
        case CONF_BOOL:
                r = parse_bool(value, at);
                if (r < 0)
                        (void)snprintf(reason, 160, "must be yes or no");
                return r;
        case CONF_STRING:
                return strdup_to(at, value);
        case CONF_ENUM:
                return set_enum(option, value, at, reason);
        case CONF_UINT:
        case CONF_SIZE:
        case CONF_USEC:
                return set_number(option, value, at, reason);
        }
        return -EINVAL;
}

void conf_value_done(const struct conf_option *option, void *base)
{
        char **at = (char **)(void *)((char *)base + option->offset);

        free(*at);
        *at = NULL;
}

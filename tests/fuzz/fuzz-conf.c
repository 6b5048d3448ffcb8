/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/str.h"
#include "fuzz.h"
#include "service/service.h"

struct conf {
        struct service_conf service;
        char *text;
        bool flag;
        uint64_t size;
};

static const struct conf_option options[] = {
        {.section = "Broker",
         .key = "Host",
         .type = CONF_STRING,
         .offset = offsetof(struct conf, text),
         .fallback = "x"},
        {.section = "Broker",
         .key = "Tls",
         .type = CONF_BOOL,
         .offset = offsetof(struct conf, flag),
         .fallback = "no"},
        {.section = "HTTP",
         .key = "MaxBody",
         .type = CONF_SIZE,
         .offset = offsetof(struct conf, size),
         .fallback = "1M"},
        {0},
};
static const struct conf_table tables[] = {{service_options, 0}, {options, 0}, {0}};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        for (int shared = 0; shared < 2; shared++) {
                struct buf messages = BUF_EMPTY;
                struct conf conf = {0};
                int r;

                fuzz_check(conf_set_defaults(tables, &conf) == 0);
                r = conf_parse_text("fuzz.conf", (const char *)data, size, shared > 0, tables, &conf,
                                    &messages);
                fuzz_check((r == 0) == (buf_size(&messages) == 0));
                fuzz_check(conf.text && utf8_is_valid(conf.text, strlen(conf.text)));
                conf_done(tables, &conf);
                buf_done(&messages);
        }
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Input: lines "t CONTENT-TYPE", "e ENCODING", "h NAME VALUE"; a value is "s TEXT", "i NUMBER", "d NUMBER",
 * "b 0|1", "n", "o", or "l", whose items follow in lines "  VALUE"; an empty line; the body.  corpus/ has
 * what Celery 5.2 sent. */

#include <stdlib.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/task_message.h"
#include "fuzz.h"

#define LINES_MAX 64
#define ITEMS_MAX 8

struct input {
        const char *type, *encoding;
        struct header headers[LINES_MAX + 1], items[LINES_MAX][ITEMS_MAX + 1];
        size_t n_headers, n_items;
};

static struct header value_of(const char *text)
{
        const char *rest = *text && text[1] == ' ' ? text + 2 : "";

        switch (*text) {
        case 's':
                return (struct header){"", rest};
        case 'i':
                return (struct header){"", .type = HEADER_INT, .number = atoll(rest)};
        case 'd':
                return (struct header){"", .type = HEADER_REAL, .real = atof(rest)};
        case 'b':
                return (struct header){"", .type = HEADER_BOOL, .number = *rest == '1'};
        case 'n':
                return (struct header){"", .type = HEADER_NULL};
        default:
                return (struct header){"", .type = HEADER_OTHER};
        }
}

static void take_line(struct input *in, char *line)
{
        char *name = line + 2, *space;

        if (startswith(line, "t "))
                in->type = name;
        else if (startswith(line, "e "))
                in->encoding = name;
        else if (startswith(line, "  ") && in->n_headers > 0 && in->n_items < ITEMS_MAX)
                in->items[in->n_headers - 1][in->n_items++] = value_of(name);
        else if (startswith(line, "h ") && in->n_headers < LINES_MAX && (space = strchr(name, ' '))) {
                struct header *h = &in->headers[in->n_headers];

                *space = '\0';
                *h = value_of(space + 1);
                h->name = name;
                if (streq(space + 1, "l")) {
                        h->type = HEADER_LIST;
                        h->items = in->items[in->n_headers];
                }
                in->n_headers++;
                in->n_items = 0;
        }
}

static void check_again(const struct task_message *m)
{
        struct task_wire w = {.eta = ""};
        char reason[TASK_REASON_SIZE];
        struct task_message again;

        fuzz_check(task_wire_encode(&w, m) == 0);
        fuzz_check(task_message_decode(w.headers, TASK_MEDIA, TASK_ENCODING, buf_bytes(&w.body),
                                       buf_size(&w.body), &again, reason) == 0);
        fuzz_check(streq(again.id, m->id) && streq(again.task, m->task));
        fuzz_check(again.eta_usec == m->eta_usec && again.expires_usec == m->expires_usec);
        fuzz_check(again.retries == m->retries && again.ignore_result == m->ignore_result);
        fuzz_check(json_equal(again.args, m->args) && json_equal(again.kwargs, m->kwargs));
        task_message_done(&again);
        task_wire_done(&w);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
        _cleanup_free_ char *text = memdup_str(data, size);
        char reason[TASK_REASON_SIZE] = "", *at = text, *end;
        static struct input in;
        struct task_message m;

        fuzz_check(text);
        in = (struct input){0};
        while ((end = strchr(at, '\n'))) {
                *end = '\0';
                take_line(&in, at);
                at = end + 1;
                if (end - text == 0 || end[-1] == '\0')
                        break;
        }
        if (task_message_decode(in.headers, in.type, in.encoding, at, size - (size_t)(at - text), &m,
                                reason) < 0) {
                fuzz_check(*reason);
                return 0;
        }
        check_again(&m);
        task_message_done(&m);
        return 0;
}

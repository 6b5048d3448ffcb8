/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "bridge/session_ask.h"
#include "bridge/session_request.h"

static void command_ping(struct session *s, struct bridge_request *q)
{
        answer_json(s, "JSON", "PONG", "{}", 2);
}

static const struct command {
        const char *verb, *type;
        void (*run)(struct session *s, struct bridge_request *q);
        bool is_list; /* its end may have to be the end of the connection */
} commands[] = {
        {"GET", "PRODUCT", command_get_product},
        {"GET", "PRODUCTS", command_get_products, true},
        {"STOP", "PRODUCT", command_stop_product},
        {"PING", "", command_ping},
        {"AUTH", "", command_auth},
};

static const struct command *find_command(const struct bridge_request *q)
{
        for (size_t i = 0; i < ARRAY_SIZE(commands); i++)
                if (streq(commands[i].verb, q->verb) && streq(commands[i].type, q->type))
                        return &commands[i];
        return NULL;
}

void session_request(struct session *s, const char *line, size_t n, bool bare)
{
        struct bridge_request q = {0};
        const struct command *command;
        char reason[160];
        int r;

        r = bridge_request_decode(line, n, &q, reason);
        if (r == -ENOMEM) {
                answer_lack_of_memory(s, "REQUEST");
                return;
        }
        if (r < 0) {
                session_error(s, "REQUEST", 400, "malformed-request", reason, NULL, NULL);
                return;
        }
        command = find_command(&q);
        if (command) {
                s->ends_after_list = bare && command->is_list;
                command->run(s, &q);
        } else
                session_error(s, "REQUEST", 400, "unknown-command",
                              "the commands are GET+PRODUCT, GET+PRODUCTS, STOP+PRODUCT, PING+ and AUTH+",
                              NULL, NULL);
        bridge_request_done(&q);
}

struct session_ask *session_ask_new(struct session *s, enum session_ask_kind kind, const char *type)
{
        struct session_ask *a = new0(struct session_ask, 1);

        if (!a) {
                answer_lack_of_memory(s, type);
                return NULL;
        }
        a->session = s;
        a->kind = kind;
        s->bridge->n_lists += kind == ASK_LIST;
        s->ask = a;
        s->state = SESSION_ASKING;
        return a;
}

struct session_ask *session_ask_free(struct session_ask *a)
{
        if (!a)
                return NULL;
        a->session->bridge->n_lists -= a->kind == ASK_LIST;
        bearer_hold_drop(&a->candidate);
        upstream_get_done(&a->get);
        free(a->next);
        free(a);
        return NULL;
}

void session_ask_drained(struct session_ask *a)
{
        if (a->kind == ASK_LIST)
                list_drained(a);
}

/* ---- Answers ---- */

void answer_invalid(struct session *s, const char *type, const struct field_errors *errors)
{
        session_error(s, type, 400, "invalid-input", "the request is not valid", errors, NULL);
}

void answer_lack_of_memory(struct session *s, const char *type)
{
        session_error(s, type, 503, "unavailable", "out of memory", NULL, NULL);
}

void answer_json(struct session *s, const char *kind, const char *type, const char *text, size_t n)
{
        _cleanup_(buf_done) struct buf line = BUF_EMPTY;

        bridge_answer_encode(&line, kind, type, text, n);
        session_write(s, &line);
}

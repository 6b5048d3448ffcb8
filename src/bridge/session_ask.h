/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Private to the session's commands: each is a function that reads the request and answers it, or leaves a
 * session_ask behind that answers it later by session_answered(). */

#include "bridge/session.h"
#include "contract/bridge_frame.h"

/* What a GET+PRODUCT asks for. */
struct watch_request {
        char code[PRODUCT_CODE_MAX + 1];
        usec_t interval_usec;
        bool on_change, once;
};

enum session_ask_kind {
        ASK_WATCH, /* is the session's token still good? */
        ASK_TOKEN, /* is a new token good? */
        ASK_LIST,  /* a page of products, and the next */
};

struct session_ask {
        struct session *session; /* borrowed */
        enum session_ask_kind kind;
        struct watch_request watch;   /* ASK_WATCH */
        struct bearer_hold candidate; /* ASK_TOKEN */
        struct upstream_get get;      /* ASK_LIST, and what follows */
        char *next; /* owned; path of the page to be asked for when this one has been sent */
        unsigned n_pages;
        bool all;
};

/* The session is ASKING then. NULL: out of memory, which was answered. */
struct session_ask *session_ask_new(struct session *s, enum session_ask_kind kind, const char *type);

void answer_invalid(struct session *s, const char *type, const struct field_errors *errors);
void answer_lack_of_memory(struct session *s, const char *type);
void answer_json(struct session *s, const char *kind, const char *type, const char *text, size_t n);

/* May the session read at all? If not, it was told. */
bool session_has_right(struct session *s, const char *type);
/* Starts the watch, or asks again what is watched already. */
void session_start_watch(struct session *s, const struct watch_request *q);

/* The commands. */
void command_get_product(struct session *s, struct bridge_request *q);
void command_stop_product(struct session *s, struct bridge_request *q);
void command_get_products(struct session *s, struct bridge_request *q);
void command_auth(struct session *s, struct bridge_request *q);
void list_drained(struct session_ask *a);

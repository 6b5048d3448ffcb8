/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An http_request without a server: tests fill in what came and look at what was answered. */

#include "http/http_request.h"
#include "http/http_server.h"

struct fake_header {
        const char *name, *value;
};

#define FAKE_HEADERS_MAX 8

struct http_request {
        /* What came. */
        void *context;
        const struct http_route *route;
        const char *path, *segment, *body;
        struct fake_header headers[FAKE_HEADERS_MAX];
        struct net_peer peer;
        bool is_forwarded;
        char copy[128]; /* the last that was made */
        struct url_query query;
        /* What happened. */
        void *op, *guard;
        void (*op_done)(void *op), (*guard_done)(void *guard);
        const void *identity;
        char user[80]; /* for the journal */
        unsigned n_passed, n_replies;
        unsigned status;
        int error;          /* of http_reply_error() */
        char slug[64];      /* of a problem */
        char detail[256];   /* of a problem */
        char content[8192]; /* of the body */
        struct field_errors errors;
        struct {
                char name[32], value[160];
        } replied[FAKE_HEADERS_MAX], fields[4];
        size_t n_replied, n_fields;
};

/* A request for `query` ("limit=2&..."), from 127.0.0.1. */
void fake_request_init(struct http_request *r, const char *query);
void fake_request_done(struct http_request *r);
/* The value of a header of the answer, or NULL. */
const char *fake_request_replied(const struct http_request *r, const char *name);

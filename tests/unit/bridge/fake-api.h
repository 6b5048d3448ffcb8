/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A product API of one product and one token, as the bridge sees it, in the test's own loop. */

#include "bridge/bridge.h"
#include "tiny-http.h"

struct fake_api {
        struct tiny_http http;
        unsigned version;  /* of every product; 0: there is none */
        const char *text;  /* its description */
        const char *token; /* the good one; NULL: none is */
        bool needs_token;  /* for reading products */
        bool cuts;         /* hangs up instead of answering */
        bool holds;        /* keeps the next request for products in `held` */
        struct tiny_request *held;
        unsigned n_gets, n_same, n_checks; /* requests for products, of them 304; for sessions */
        unsigned n_pages;                  /* of the list */
        char authorization[256];           /* of the last request for a product */
};

void fake_api_start(struct fake_api *a, sd_event *loop);
void fake_api_stop(struct fake_api *a);
/* Answers what was held, with what is true now. */
void fake_api_release(struct fake_api *a);

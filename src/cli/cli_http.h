/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* REST as a command line wants it: one request after another, errors told on stderr.
 *
 * Where to: --url, else the daemon's variable such as $LONJA_PRODUCTS_URL (not beside an explicit
 * --config-dir, which is another installation), else its admin socket when it can be opened, else its port on
 * this host. The token is that of --token-file or $LONJA_TOKEN; the admin socket needs none. */

#include <jansson.h>

#include "cli/cli.h"
#include "fetch/fetch.h"

/* A daemon's HTTP door. */
struct cli_door {
        const char *word;     /* "products": its admin socket is products.sock */
        const char *variable; /* "LONJA_PRODUCTS_URL" */
        const char *url;      /* its port on this host */
};
#define CLI_PRODUCTS_URL "http://127.0.0.1:8000"
#define CLI_GATEWAY_URL "http://127.0.0.1:8001"
#define CLI_SCHEDULER_URL "http://127.0.0.1:8004"
extern const struct cli_door cli_products_door, cli_gateway_door, cli_scheduler_door;

#define CLI_TOKEN_MAX 512

/* For the options of each command that uses this. */
#define CLI_HTTP_OPTIONS CLI_HTTP_OPTIONS_OF("products", CLI_PRODUCTS_URL)
#define CLI_HTTP_OPTIONS_OF(word, default_url)                                                               \
        {"url", "URL", "of lonja-" word " (default: admin socket, else " default_url ")"},                   \
                {"token-file", "FILE", "holds the session's token (default: $LONJA_TOKEN)"},                 \
        {                                                                                                    \
                "ca-file", "FILE", "authority for https (default: the system's)"                             \
        }

struct cli_http {
        sd_event *loop;              /* owned */
        struct fetch_client *client; /* owned */
        char *authorization;         /* owned header line, or NULL */
        char *where;                 /* owned, for messages */
};

/* CLI_OK, or what the command should exit with; the reason was told. */
int cli_http_open(struct cli_http *h, const struct cli *cli, const struct cli_door *door);
void cli_http_close(struct cli_http *h);

struct cli_call {
        struct fetch fetch;        /* method, path, body, pieces: set by the caller; complete is ours */
        const struct buf *problem; /* where `piece` puts the body of an error answer; NULL: fetch.answer */
        bool is_done;
};
/* Runs it and judges the answer: CLI_OK for 2xx. The caller calls fetch_done(). */
int cli_http_run(struct cli_http *h, struct cli_call *c);
/* One request with JSON in and out. `body` may be NULL, is borrowed; `header` is one more line or NULL; `ret`
 * may be NULL, is NULL for an empty answer. A write carries an Idempotency-Key and is repeated when its
 * outcome is unknown. */
int cli_http_json(struct cli_http *h, const char *method, const char *path, const json_t *body,
                  const char *header, json_t **ret);
/* Lets the loop turn for a while. */
void cli_http_wait(struct cli_http *h, usec_t usec);
/* "/api/products/" and the name escaped; NULL when out of memory. */
char *cli_http_path(const char *collection, const char *name, const char *rest);
/* Told already or not, this is what an error answer means for the exit status. */
enum cli_exit cli_http_exit(unsigned status);
/* $LONJA_TOKEN or the file's first line, owned; NULL without one. CLI_OK or CLI_FAILED. */
int cli_token_read(const struct cli *cli, char **ret);

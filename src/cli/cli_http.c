/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_http.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/id.h"
#include "base/str.h"
#include "base/url.h"
#include "cli/cli_problem.h"
#include "contract/names.h"
#include "json/jread.h"

/* A write whose outcome is unknown is asked again under its key: a daemon that restarts is back in a second.
 */
#define ATTEMPTS_MAX 4
#define ATTEMPT_PAUSE_USEC (500 * USEC_PER_MSEC)

const struct cli_door cli_products_door = {"products", "LONJA_PRODUCTS_URL", CLI_PRODUCTS_URL};
const struct cli_door cli_gateway_door = {"gateway", "LONJA_GATEWAY_URL", CLI_GATEWAY_URL};
const struct cli_door cli_scheduler_door = {"scheduler", "LONJA_SCHEDULER_URL", CLI_SCHEDULER_URL};

int cli_token_read(const struct cli *cli, char **ret)
{
        const char *file = cli_option(cli, "token-file"), *env = getenv("LONJA_TOKEN");
        _cleanup_free_ char *text = NULL;
        int r;

        *ret = NULL;
        if (!file && !(env && *env))
                return CLI_OK;
        if (file) {
                r = fd_read_file(file, CLI_TOKEN_MAX, &text, NULL);
                if (r < 0)
                        return cli_fail(CLI_FAILED, "cannot read %s: %s", file, strerror(-r));
        } else {
                text = strdup(env);
                if (!text)
                        return cli_fail(CLI_FAILED, "out of memory");
        }
        text[strcspn(text, "\r\n")] = '\0';
        if (strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789._~+/=-") !=
            strlen(text))
                return cli_fail(CLI_USAGE, "%s is no token", file ? file : "$LONJA_TOKEN");
        *ret = TAKE_PTR(text);
        return CLI_OK;
}

/* Being able to connect to the admin socket is the right to use it: there is no other way to find out. */
static bool can_connect(const char *path)
{
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        _cleanup_fd_ int fd = -1;

        if (strlen(path) >= sizeof(address.sun_path))
                return false;
        memcpy(address.sun_path, path, strlen(path));
        fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        return fd >= 0 && connect(fd, (struct sockaddr *)&address, sizeof(address)) == 0;
}

static char *admin_socket(const struct cli_door *door)
{
        const char *dir = getenv("LONJA_RUNTIME_DIR");
        _cleanup_free_ char *path = NULL;

        if (asprintf(&path, "%s/%s.sock", dir ? dir : RUNTIME_DIR, door->word) < 0)
                return path = NULL;
        return can_connect(path) ? TAKE_PTR(path) : NULL;
}

static int open_client(struct cli_http *h, const struct cli *cli, const char *url, const char *socket)
{
        const struct fetch_conf conf = {.base_url = url,
                                        .unix_socket = socket,
                                        .ca_file = cli_option(cli, "ca-file"),
                                        .connections_max = 1};
        int r;

        r = sd_event_new(&h->loop);
        if (r >= 0)
                r = fetch_client_new(&h->client, h->loop, &conf);
        if (r >= 0)
                r = strdup_to(&h->where, socket ? socket : url);
        if (r < 0)
                return cli_fail(r == -EINVAL ? CLI_USAGE : CLI_FAILED, "cannot use %s: %s", url,
                                strerror(-r));
        return CLI_OK;
}

int cli_http_open(struct cli_http *h, const struct cli *cli, const struct cli_door *door)
{
        const char *url = cli_option(cli, "url");
        _cleanup_free_ char *token = NULL;
        _cleanup_free_ char *socket = NULL;
        int exit;

        *h = (struct cli_http){0};
        if (!url && !cli->config_dir_given)
                url = getenv(door->variable);
        if (!url || !*url) {
                socket = admin_socket(door);
                url = socket ? "http://localhost" : door->url;
        }
        exit = open_client(h, cli, url, socket);
        if (exit == CLI_OK && !socket)
                exit = cli_token_read(cli, &token);
        if (exit == CLI_OK && token && asprintf(&h->authorization, "Authorization: Bearer %s", token) < 0) {
                h->authorization = NULL;
                exit = cli_fail(CLI_FAILED, "out of memory");
        }
        if (exit != CLI_OK)
                cli_http_close(h);
        return exit;
}

void cli_http_close(struct cli_http *h)
{
        h->client = fetch_client_free(h->client);
        h->loop = sd_event_unref(h->loop);
        free(h->authorization);
        free(h->where);
        *h = (struct cli_http){0};
}

enum cli_exit cli_http_exit(unsigned status)
{
        switch (status) {
        case 401:
        case 403:
                return CLI_FORBIDDEN;
        case 404:
                return CLI_NOT_FOUND;
        case 409:
        case 412:
                return CLI_CONFLICT;
        case 502:
        case 503:
        case 504:
                return CLI_UNREACHABLE;
        default:
                return CLI_FAILED;
        }
}

/* ---- requests ---- */

static void on_complete(struct fetch *f)
{
        container_of(f, struct cli_call, fetch)->is_done = true;
}

static int run(struct cli_http *h, struct cli_call *c)
{
        struct fetch *f = &c->fetch;
        int r;

        c->is_done = false;
        f->complete = on_complete;
        if (h->authorization && f->n_headers < FETCH_HEADERS_MAX)
                f->headers[f->n_headers++] = h->authorization;
        r = fetch_submit(f, h->client);
        while (r >= 0 && !c->is_done)
                r = sd_event_run(h->loop, UINT64_MAX);
        return MIN_OF(r, 0);
}

static int judge(const struct cli_http *h, const struct cli_call *c, int r)
{
        const struct fetch *f = &c->fetch;
        const struct buf *problem = c->problem ? c->problem : &f->answer;

        if (r < 0)
                return cli_fail(CLI_FAILED, "%s", strerror(-r));
        if (f->error < 0)
                return cli_fail(CLI_UNREACHABLE, "%s: %s", h->where,
                                *f->reason ? f->reason : strerror(-f->error));
        if (f->status >= 200 && f->status < 300)
                return CLI_OK;
        cli_problem_print(f->status, buf_size(problem) > 0 ? buf_bytes(problem) : "", buf_size(problem));
        return (int)cli_http_exit(f->status);
}

int cli_http_run(struct cli_http *h, struct cli_call *c)
{
        return judge(h, c, run(h, c));
}

static bool is_unknown(const struct fetch *f)
{
        if (f->error < 0)
                return f->error == -ECONNRESET || f->error == -ETIMEDOUT;
        return f->status == 503 && cli_problem_is(buf_size(&f->answer) > 0 ? buf_bytes(&f->answer) : "",
                                                  buf_size(&f->answer), "outcome-unknown");
}

void cli_http_wait(struct cli_http *h, usec_t usec)
{
        usec_t end = usec_add(clock_monotonic_usec(), usec), now;

        while ((now = clock_monotonic_usec()) < end)
                if (sd_event_run(h->loop, end - now) < 0)
                        return;
}

static int answer_json(const struct fetch *f, json_t **ret)
{
        struct field_errors errors = {.n_errors = 0};
        json_t *value = NULL;

        if (buf_size(&f->answer) > 0 &&
            jread_text(buf_bytes(&f->answer), buf_size(&f->answer), &value, &errors) < 0)
                return cli_fail(CLI_FAILED, "the answer is no JSON: %s", errors.errors[0].reason);
        *ret = value;
        return CLI_OK;
}

int cli_http_json(struct cli_http *h, const char *method, const char *path, const json_t *body,
                  const char *header, json_t **ret)
{
        _cleanup_free_ char *text = body ? json_dumps(body, JSON_COMPACT) : NULL;
        bool is_write = !streq(method, "GET");
        char key[ID_SIZE + sizeof("Idempotency-Key: ")] = "Idempotency-Key: ";
        struct cli_call c = {0};
        int r, exit;

        if (body && !text)
                return cli_fail(CLI_FAILED, "out of memory");
        id_make(key + strlen(key));
        for (unsigned attempt = 1;; attempt++) {
                c = (struct cli_call){.fetch = {.method = method,
                                                .path = path,
                                                .body = text,
                                                .body_size = text ? strlen(text) : 0}};
                if (is_write)
                        c.fetch.headers[c.fetch.n_headers++] = key;
                if (header)
                        c.fetch.headers[c.fetch.n_headers++] = header;
                r = run(h, &c);
                if (r < 0 || !is_write || attempt >= ATTEMPTS_MAX || !is_unknown(&c.fetch))
                        break;
                fetch_done(&c.fetch);
                cli_http_wait(h,
                              ATTEMPT_PAUSE_USEC); /* the connection that broke is cleared away meanwhile */
        }
        exit = judge(h, &c, r);
        if (exit == CLI_OK && ret)
                exit = answer_json(&c.fetch, ret);
        fetch_done(&c.fetch);
        return exit;
}

char *cli_http_path(const char *collection, const char *name, const char *rest)
{
        struct buf b = BUF_EMPTY;

        buf_append_str(&b, collection);
        url_encode(&b, name);
        buf_append_str(&b, rest);
        return buf_take(&b, NULL);
}

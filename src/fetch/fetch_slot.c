/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/alloc.h"
#include "base/str.h"
#include "fetch/fetch_slot.h"

#define ANSWER_MAX_DEFAULT (UINT64_C(16) << 20) /* a page of 1,000 products is below 1 MiB */
#define CONNECT_TIMEOUT_MS 5000L /* less than any deadline, so that the reason is the true one */

static size_t on_body(char *p, size_t size, size_t n, void *userdata)
{
        struct fetch_slot *s = userdata;
        struct fetch *f = s->job;
        size_t bytes = size * n;
        long status = 0;

        if (!f)
                return 0; /* cancelled in an earlier piece */
        if (f->piece) {
                if (curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
                        f->status = (unsigned)status;
                s->aborted = MIN_OF(f->piece(f, p, bytes), 0);
                return s->aborted < 0 || !s->job ? 0 : bytes;
        }
        if (buf_size(&f->answer) + bytes > (f->answer_max > 0 ? f->answer_max : ANSWER_MAX_DEFAULT)) {
                s->aborted = -EFBIG;
                return 0;
        }
        buf_append(&f->answer, p, bytes);
        if (buf_error(&f->answer) < 0) {
                s->aborted = -ENOMEM;
                return 0;
        }
        return bytes;
}

static size_t on_upload(char *p, size_t size, size_t n, void *userdata)
{
        struct fetch_slot *s = userdata;
        long r;

        if (!s->job)
                return CURL_READFUNC_ABORT;
        r = s->job->upload(s->job, p, size * n);
        if (r < 0) {
                s->aborted = (int)r;
                return CURL_READFUNC_ABORT;
        }
        return s->job ? (size_t)r : CURL_READFUNC_ABORT;
}

/* Copies the value of header line `p` when its name is `name`; too long a value counts as absent. */
static void header_value(const char *p, size_t n, const char *name, char *out, size_t out_size)
{
        size_t name_size = strlen(name);

        if (n <= name_size || p[name_size] != ':' || strncasecmp(p, name, name_size) != 0)
                return;
        p += name_size + 1;
        n -= name_size + 1;
        while (n > 0 && (*p == ' ' || *p == '\t')) {
                p++;
                n--;
        }
        while (n > 0 && (p[n - 1] == '\n' || p[n - 1] == '\r' || p[n - 1] == ' '))
                n--;
        if (n >= out_size)
                return;
        memcpy(out, p, n);
        out[n] = '\0';
}

static size_t on_header(char *p, size_t size, size_t n, void *userdata)
{
        struct fetch_slot *s = userdata;

        if (s->job) {
                header_value(p, size * n, "ETag", s->job->etag, sizeof(s->job->etag));
                header_value(p, size * n, "X-Request-ID", s->job->request_id, sizeof(s->job->request_id));
        }
        return size * n;
}

struct fetch_slot *fetch_slot_new(void)
{
        _cleanup_(fetch_slot_freep) struct fetch_slot *s = new0(struct fetch_slot, 1);

        if (!s)
                return NULL;
        s->easy = curl_easy_init();
        return s->easy ? TAKE_PTR(s) : NULL;
}

struct fetch_slot *fetch_slot_free(struct fetch_slot *s)
{
        if (!s)
                return NULL;
        if (s->easy)
                curl_easy_cleanup(s->easy);
        curl_slist_free_all(s->headers);
        free(s);
        return NULL;
}

static int add_header(struct fetch_slot *s, const char *line)
{
        struct curl_slist *l = curl_slist_append(s->headers, line);

        if (!l)
                return -ENOMEM;
        s->headers = l;
        return 0;
}

static int set_headers(struct fetch_slot *s, const struct fetch *f)
{
        bool typed = false;
        int r = 0;

        for (unsigned i = 0; r == 0 && i < f->n_headers; i++) {
                typed = typed || strncasecmp(f->headers[i], "Content-Type:", 13) == 0;
                r = add_header(s, f->headers[i]);
        }
        if (r == 0 && (f->body || f->upload) && !typed)
                r = add_header(s, "Content-Type: application/json");
        /* No "Expect: 100-continue": it costs a round trip, or a second with who ignores it. */
        if (r == 0 && (f->body || f->upload))
                r = add_header(s, "Expect:");
        if (r < 0)
                return r;
        return curl_easy_setopt(s->easy, CURLOPT_HTTPHEADER, s->headers) == CURLE_OK ? 0 : -ENOMEM;
}

static int set_url(struct fetch_slot *s, const struct fetch *f, const struct fetch_conf *conf)
{
        _cleanup_(buf_done) struct buf url = BUF_EMPTY;

        buf_append_str(&url, conf->base_url);
        buf_append_str(&url, f->path);
        buf_append_char(&url, '\0');
        if (buf_error(&url) < 0)
                return -ENOMEM;
        return curl_easy_setopt(s->easy, CURLOPT_URL, buf_bytes(&url)) == CURLE_OK ? 0 : -ENOMEM;
}

/* Setting a plain option cannot fail; what copies text is checked where it matters. */
static void set_method(struct fetch_slot *s, const struct fetch *f)
{
        CURL *e = s->easy;

        if (f->upload) {
                curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
                curl_easy_setopt(e, CURLOPT_READFUNCTION, on_upload);
                curl_easy_setopt(e, CURLOPT_READDATA, s);
        } else if (f->body) {
                curl_easy_setopt(e, CURLOPT_POST, 1L);
                curl_easy_setopt(e, CURLOPT_POSTFIELDS, f->body);
                curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)f->body_size);
        } else if (streq(f->method, "HEAD"))
                curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
        else
                curl_easy_setopt(e, CURLOPT_HTTPGET, 1L);
}

static int set_method_name(struct fetch_slot *s, const struct fetch *f)
{
        bool implied = streq(f->method, f->upload ? "PUT"
                                        : f->body ? "POST"
                                                  : "GET") ||
                       streq(f->method, "HEAD");

        if (implied)
                return 0;
        return curl_easy_setopt(s->easy, CURLOPT_CUSTOMREQUEST, f->method) == CURLE_OK ? 0 : -ENOMEM;
}

static curl_socket_t on_open_socket(void *userdata, curlsocktype purpose, struct curl_sockaddr *address)
{
        struct fetch_slot *s = userdata;

        (void)purpose;
        if (!s->conf->may_connect(s->conf->context, &address->addr)) {
                s->was_refused = true;
                return CURL_SOCKET_BAD;
        }
        return socket(address->family, address->socktype | SOCK_CLOEXEC, address->protocol);
}

static void set_transport(struct fetch_slot *s, const struct fetch_conf *conf, usec_t left_usec)
{
        CURL *e = s->easy;
        long left_ms = (long)MAX_OF(left_usec / USEC_PER_MSEC, (usec_t)1);

        curl_easy_setopt(e, CURLOPT_PRIVATE, s);
        curl_easy_setopt(e, CURLOPT_ERRORBUFFER, s->message);
        curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
        curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
        curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
        curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
        curl_easy_setopt(e, CURLOPT_PROXY, "");
        curl_easy_setopt(e, CURLOPT_TCP_KEEPALIVE, 1L);
        curl_easy_setopt(e, CURLOPT_TIMEOUT_MS, left_ms);
        curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, MIN_OF(left_ms, CONNECT_TIMEOUT_MS));
        curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
        curl_easy_setopt(e, CURLOPT_WRITEDATA, s);
        curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_header);
        curl_easy_setopt(e, CURLOPT_HEADERDATA, s);
        if (conf->may_connect) {
                curl_easy_setopt(e, CURLOPT_OPENSOCKETFUNCTION, on_open_socket);
                curl_easy_setopt(e, CURLOPT_OPENSOCKETDATA, s);
        }
        if (conf->unix_socket)
                curl_easy_setopt(e, CURLOPT_UNIX_SOCKET_PATH, conf->unix_socket);
        if (conf->ca_file)
                curl_easy_setopt(e, CURLOPT_CAINFO, conf->ca_file);
}

int fetch_slot_begin(struct fetch_slot *s, struct fetch *f, const struct fetch_conf *conf)
{
        usec_t now = clock_monotonic_usec();
        int r;

        s->job = f;
        s->conf = conf;
        s->was_refused = false;
        s->aborted = 0;
        s->message[0] = '\0';
        set_transport(s, conf, f->deadline_usec > now ? f->deadline_usec - now : 0);
        set_method(s, f);
        r = set_method_name(s, f);
        if (r < 0)
                return r;
        r = set_url(s, f, conf);
        if (r < 0)
                return r;
        return set_headers(s, f);
}

static int error_from_code(CURLcode code)
{
        switch (code) {
        case CURLE_OK:
                return 0;
        case CURLE_COULDNT_CONNECT:
        case CURLE_COULDNT_RESOLVE_HOST:
                return -ECONNREFUSED;
        case CURLE_OPERATION_TIMEDOUT:
                return -ETIMEDOUT;
        case CURLE_GOT_NOTHING:
        case CURLE_RECV_ERROR:
        case CURLE_SEND_ERROR:
        case CURLE_PARTIAL_FILE:
                return -ECONNRESET;
        case CURLE_OUT_OF_MEMORY:
                return -ENOMEM;
        case CURLE_URL_MALFORMAT:
        case CURLE_UNSUPPORTED_PROTOCOL:
                return -EINVAL;
        default:
                return -EPROTO;
        }
}

void fetch_slot_complete(struct fetch_slot *s, CURLcode code)
{
        struct fetch *f = s->job;
        long status = 0;

        if (!f)
                return;
        if (s->was_refused && code == CURLE_COULDNT_CONNECT)
                s->aborted = -EACCES;
        f->error = s->aborted < 0 ? s->aborted : error_from_code(code);
        if (curl_easy_getinfo(s->easy, CURLINFO_RESPONSE_CODE, &status) == CURLE_OK)
                f->status = (unsigned)status;
        if (f->error < 0) {
                const char *words = s->message[0] ? s->message : curl_easy_strerror(code);

                snprintf(f->reason, sizeof(f->reason), "%.*s", (int)sizeof(f->reason) - 1,
                         s->aborted < 0 ? strerror(-s->aborted) : words);
        }
}

void fetch_slot_clear(struct fetch_slot *s)
{
        s->job = NULL;
        /* Resets the options and keeps live connections, session ids and the DNS cache. */
        curl_easy_reset(s->easy);
        curl_slist_free_all(s->headers);
        s->headers = NULL;
}

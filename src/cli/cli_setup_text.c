/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_setup_text.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "base/url.h"
#include "mq/mq_uri.h"

#define WRITTEN_BY                                                                                           \
        "# Written by `lonja setup`; the next run renews it.  Put your own options into another file.\n"

/* ---- lines and words ---- */

static size_t line_length(const char *at)
{
        return strcspn(at, "\n");
}

static const char *next_line(const char *at)
{
        at += line_length(at);
        return *at ? at + 1 : at;
}

static bool is_text(const char *at, size_t n, const char *text)
{
        return n == strlen(text) && memcmp(at, text, n) == 0;
}

/* The value of "key=..." at this line, or NULL. */
static const char *value_at(const char *line, const char *key)
{
        const char *rest = startswith(line, key);

        return rest && *rest == '=' ? rest + 1 : NULL;
}

static bool has_word(const char *at, size_t n, const char *word)
{
        for (const char *end = at + n; at < end;) {
                size_t k = strcspn(at, " \n");

                if (is_text(at, k, word))
                        return true;
                at += k + 1;
        }
        return false;
}

void setup_add_line(struct buf *lines, const char *line)
{
        size_t n = buf_size(lines), k = strlen(line);

        for (size_t i = 0; i < n;) {
                const char *at = buf_bytes(lines) + i, *end = memchr(at, '\n', n - i);

                if (is_text(at, (size_t)(end - at), line))
                        return;
                i += (size_t)(end - at) + 1;
        }
        buf_append(lines, line, k);
        buf_append_char(lines, '\n');
}

/* ---- setup.state ---- */

void setup_state_parse(const char *text, struct setup_state *ret)
{
        *ret = (struct setup_state){0};
        for (const char *at = text; *at; at = next_line(at)) {
                size_t n = line_length(at);
                const char *users = value_at(at, "broker_users");

                ret->database |= is_text(at, n, "database=lonja");
                ret->role |= is_text(at, n, "role=lonja");
                ret->vhost |= is_text(at, n, "vhost=lonja");
                if (!users)
                        continue;
                ret->user |= has_word(users, line_length(users), "lonja");
                ret->bridge_user |= has_word(users, line_length(users), "lonja-bridge");
        }
}

void setup_state_format(const struct setup_state *state, struct buf *out)
{
        buf_append_str(
                out,
                "# What `lonja setup` has made on this host; purging the package takes it away again.\n");
        if (state->database)
                buf_append_str(out, "database=lonja\n");
        if (state->role)
                buf_append_str(out, "role=lonja\n");
        if (state->vhost)
                buf_append_str(out, "vhost=lonja\n");
        if (state->user || state->bridge_user)
                buf_printf(out, "broker_users=%s%s%s\n", state->user ? "lonja" : "",
                           state->user && state->bridge_user ? " " : "",
                           state->bridge_user ? "lonja-bridge" : "");
}

/* ---- drop-ins ---- */

void setup_conf_format(const char *conninfo, const char *uri, struct buf *out)
{
        buf_append_str(out, WRITTEN_BY);
        if (conninfo)
                buf_printf(out, "\n[Database]\nConninfo=%s\n", conninfo);
        if (uri)
                buf_printf(out, "\n[Broker]\nUri=%s\n", uri);
}

char *setup_conf_value(const char *text, const char *key)
{
        for (const char *at = text; *at; at = next_line(at)) {
                const char *value = value_at(at, key);

                if (value)
                        return memdup_str(value, line_length(value));
        }
        return NULL;
}

void setup_allow_format(const char *addresses, struct buf *out)
{
        if (!*addresses)
                return;
        buf_append_str(out, WRITTEN_BY "\n[Service]\n");
        for (const char *at = addresses; *at; at = next_line(at))
                buf_printf(out, "IPAddressAllow=%.*s\n", (int)line_length(at), at);
}

/* ---- rabbitmqctl ---- */

static const char *find_row(const char *lines, const char *name)
{
        for (const char *at = lines; *at; at = next_line(at))
                if (is_text(at, strcspn(at, "\t\n"), name))
                        return at;
        return NULL;
}

bool setup_list_has(const char *lines, const char *name)
{
        return find_row(lines, name) != NULL;
}

bool setup_permissions_are(const char *lines, const char *user, const char *const permissions[3])
{
        const char *at = find_row(lines, user);

        if (!at)
                return false;
        at += strlen(user);
        for (size_t i = 0; i < 3; i++) {
                size_t n;

                if (*at++ != '\t')
                        return false;
                n = strcspn(at, "\t\n");
                if (!is_text(at, n, permissions[i]))
                        return false;
                at += n;
        }
        return true;
}

/* ---- addresses ---- */

void setup_nameservers(const char *resolv_conf, struct buf *out)
{
        char address[64];

        for (const char *at = resolv_conf; *at; at = next_line(at)) {
                const char *rest = startswith(at, "nameserver");
                size_t n;

                if (!rest || !strchr(" \t", *rest))
                        continue;
                rest += strspn(rest, " \t");
                n = strcspn(rest, " \t\r\n%");
                if (n == 0 || n >= sizeof(address))
                        continue;
                memcpy(address, rest, n);
                address[n] = '\0';
                if (!startswith(address, "127.") && !streq(address, "::1"))
                        setup_add_line(out, address);
        }
}

/* ---- connection strings ---- */

int setup_bridge_uri(const char *uri, struct buf *out, const char **reason)
{
        struct mq_uri u;
        char why[MQ_URI_REASON_SIZE];
        bool has_password;
        int r;

        r = mq_uri_parse(uri, &u, why);
        if (r < 0) {
                *reason = "it is no amqp:// or amqps:// URI";
                return r;
        }
        has_password = u.password != NULL;
        buf_printf(out, strchr(u.host, ':') ? "%s://lonja-bridge@[%s]:%u/" : "%s://lonja-bridge@%s:%u/",
                   u.tls ? "amqps" : "amqp", u.host, (unsigned)u.port);
        url_encode(out, u.vhost);
        mq_uri_done(&u);
        if (has_password) {
                *reason = "a password does not belong there, where everybody can read it; see --passwords";
                return -EINVAL;
        }
        return buf_error(out);
}

bool setup_is_plain(const char *s)
{
        return *s &&
               strspn(s, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789/._-@") == strlen(s);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>
#include <strings.h>

#include "base/base64.h"
#include "base/str.h"
#include "http/http_list.h"
#include "net/net_digest.h"
#include "ws/ws_handshake.h"

#define KEY_SIZE 24 /* base64 of 16 bytes */
#define GUID "258EAFA5-E914-47DA-95CA-C5AB0DC85B11"

static bool is_key(const char *s)
{
        static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

        return s && strlen(s) == KEY_SIZE && strspn(s, digits) == KEY_SIZE - 2 && endswith(s, "==");
}

static int accept_key(struct http_request *r, const char *key)
{
        uint8_t digest[NET_SHA1_BYTES];
        struct buf text = BUF_EMPTY;
        char joined[KEY_SIZE + sizeof(GUID)];
        int k;

        memcpy(joined, key, KEY_SIZE);
        memcpy(joined + KEY_SIZE, GUID, sizeof(GUID));
        k = net_sha1(joined, KEY_SIZE + sizeof(GUID) - 1, digest);
        if (k < 0)
                return k;
        base64_encode(&text, digest, sizeof(digest));
        buf_append_char(&text, '\0');
        k = buf_error(&text);
        if (k == 0)
                http_reply_header(r, "Sec-WebSocket-Accept", buf_bytes(&text));
        buf_done(&text);
        return k;
}

int ws_handshake(struct http_request *r, const char *subprotocol)
{
        const char *upgrade = http_request_header(r, "Upgrade"),
                   *connection = http_request_header(r, "Connection"),
                   *key = http_request_header(r, "Sec-WebSocket-Key"),
                   *version = http_request_header(r, "Sec-WebSocket-Version"),
                   *offered = http_request_header(r, "Sec-WebSocket-Protocol");

        if (!streq(http_request_method(r), "GET") || !http_list_has(upgrade, "websocket", true) ||
            !http_list_has(connection, "upgrade", true)) {
                http_reply_header(r, "Upgrade", "websocket");
                http_reply_problem(r, 426, "upgrade-required", "this is a WebSocket: RFC 6455");
                return 1;
        }
        if (!version || !streq(version, "13")) {
                http_reply_header(r, "Sec-WebSocket-Version", "13");
                http_reply_problem(r, 426, "upgrade-required", "this WebSocket has version 13");
                return 1;
        }
        if (!is_key(key)) {
                http_reply_problem(r, 400, "bad-handshake", "Sec-WebSocket-Key is not 16 bytes in base64");
                return 1;
        }
        if (http_list_has(offered, subprotocol, false))
                http_reply_header(r, "Sec-WebSocket-Protocol", subprotocol);
        return accept_key(r, key);
}

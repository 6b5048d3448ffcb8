/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* An event on lonja.events: CloudEvents 1.0, structured JSON. `lonjaoffset`, `lonjaversion` and
 * `lonjarequestid` are extension attributes. Pure; fuzzed.
 *
 *     {"specversion":"1.0","id":"<uuid>","source":"/lonja","type":"product.updated","subject":"A1","time":"...","datacontenttype":"application/json",
 *      "lonjaoffset":42,"lonjaversion":7,"lonjarequestid":"...","data":{...}} */

#include <stdint.h>

#include "base/buf.h"
#include "json/jread.h"

struct event_message {
        char *id, *type, *subject, *time, *request_id; /* owned */
        int64_t offset, version;
        json_t *data; /* owned, may be NULL */
};

/* All strings as stored; `data` is JSON text or NULL. Appends to out. */
void event_message_encode(struct buf *out, const char *id, const char *type, const char *subject,
                          const char *time, int64_t offset, int64_t version, const char *request_id,
                          const char *data);
int event_message_decode(const char *text, size_t n, struct event_message *ret); /* 0; -EBADMSG; -ENOMEM */
void event_message_done(struct event_message *e);

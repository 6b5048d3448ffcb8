/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Where the broker is: the AMQP URI specification (https://www.rabbitmq.com/uri-spec.html) without query
 * parameters, which are options of ours with names of their own.  Pure. */

#include <stdbool.h>
#include <stdint.h>

#define MQ_URI_REASON_SIZE 96

struct mq_uri {
        char *host, *user, *vhost; /* owned, never NULL */
        char *password;            /* owned; NULL when the URI has none */
        uint16_t port;
        bool tls;
};

/* "amqp[s]://[user[:password]@]host[:port][/vhost]"; IPv6 hosts in brackets; user, password and vhost are
 * percent-decoded.  Defaults: user guest, port 5672 (amqps 5671), vhost "/" (also for a bare slash at the
 * end, as most clients read it).  0; -EINVAL with a reason; -ENOMEM. */
int mq_uri_parse(const char *text, struct mq_uri *ret, char reason[MQ_URI_REASON_SIZE]);
void mq_uri_done(struct mq_uri *u);

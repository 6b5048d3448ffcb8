/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* RFC 9457 problem details as text: one shape over REST, the bridge and AMQP. */

#include "base/buf.h"
#include "json/jread.h"

/* {"type":"urn:lonja:problem:<slug>","title":...,"status":...,"detail":...,"errors":[...]} on one line.
 * detail and errors may be NULL. */
void problem_write(struct buf *out, unsigned status, const char *slug, const char *detail,
                   const struct field_errors *errors);
/* "Not found" for 404 and so on. */
const char *problem_title(unsigned status);
/* A job's negative errno as a problem: its status, and a constant slug and detail.
 * -ENOTCONN/-EBUSY/-ETIMEDOUT, -ESTALE schema-pending, -EPROTONOSUPPORT schema-too-new, -ECONNRESET
 * outcome-unknown, -ECANCELED shutting-down: 503. What is none of these is 500 "internal", for the caller to
 * log; its detail is NULL. */
unsigned problem_of_error(int error, const char **ret_slug, const char **ret_detail);

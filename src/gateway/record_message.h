/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What a client sends to have a record, and the sentence that announces one. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"
#include "json/jread.h"

#define RECORD_MESSAGE_MAX 10000 /* code points; the table says so, too */
#define RECORD_TEMPLATE_MAX 1000 /* bytes of RecordTemplate= */

/* 1 to RECORD_MESSAGE_MAX code points of UTF-8 without NUL. */
bool record_message_is_valid(const char *s, size_t n);

/* {"message": ...}: an owned copy, as from the two below. 0; -EBADMSG with entries in `errors`; -ENOMEM. */
int record_message_decode_json(const char *text, size_t n, char **ret, struct field_errors *errors);
/* An AMQP body: JSON if its content type says so, text if that says text/...; without a word of it (NULL, ""
 * or another type), JSON if it is an object and else text. Same results. */
int record_message_decode(const char *content_type, const char *body, size_t n, char **ret,
                          struct field_errors *errors);

/* May it be RecordTemplate=? {message}, {client_type}, {total}, {id} and {created_at} stand for the record's;
 * there are no other braces. 0, or -EINVAL with a reason in *ret_reason. */
int record_template_check(const char *s, const char **ret_reason);

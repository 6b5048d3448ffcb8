/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Between struct header (base/header.h) and the field tables of AMQP. Private to mq/. */

#include <amqp.h>

#include "base/header.h"

/* For a publish. Lists take their elements from `*items`, which moves on; all borrow from `h`. */
amqp_field_value_t mq_field_of(const struct header *h, amqp_field_value_t **items);

/* Of a delivery: the first MQ_DELIVERY_HEADERS_MAX entries, copied as headers_copy() does. */
struct headers_size mq_fields_measure(const amqp_table_t *table);
const struct header *mq_fields_copy(const amqp_table_t *table, struct header **structs, char **bytes);

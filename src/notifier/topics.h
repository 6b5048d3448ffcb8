/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* What a client wants to hear of: patterns of event types as AMQP's topic exchanges know them. Words are
 * separated by dots; "*" is one word, "#" any number of them, also none.
 *
 * Ten thousand clients of one page ask for the same: equal lists are kept once. */

#include <stdbool.h>
#include <stddef.h>

#include "base/map.h"

#define TOPIC_SIZE_MAX 255 /* of a pattern: that of an AMQP routing key */

/* Pure. `type` is words with dots between them. */
bool topic_matches(const char *pattern, const char *type);

struct topics {
        struct map_entry entry; /* by text */
        struct map *book;       /* borrowed */
        unsigned n_refs;
        char *text;         /* owned; as it was asked for */
        char *words;        /* owned; what the patterns point into */
        const char **items; /* owned array */
        size_t n_items;
};

/* "record.*,product.#". NULL or "" is "#". 0; -EINVAL with a sentence in *ret_reason; -ENOMEM. */
int topics_get(struct map *book, const char *text, size_t items_max, struct topics **ret,
               const char **ret_reason);
struct topics *topics_unref(struct topics *t);
bool topics_match(const struct topics *t, const char *type);

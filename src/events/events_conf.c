/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "events/events_conf.h"

/* An interval of PostgreSQL is sure to hold it; who wants to keep events longer copies them. */
#define KEEP_MAX_USEC (3650 * 86400 * USEC_PER_SEC)

const struct conf_option events_options[] = {
        {"Events", "KeepSec", CONF_USEC, offsetof(struct events_conf, keep_usec), "7d", .min = USEC_PER_SEC,
         .max = KEEP_MAX_USEC},
        {"Events", "KeepEvents", CONF_UINT, offsetof(struct events_conf, keep_events), "1000000", .min = 1,
         .max = 1000000000000},
        {"Events", "KeepFiringsSec", CONF_USEC, offsetof(struct events_conf, keep_firings_usec), "30d",
         .min = USEC_PER_SEC, .max = KEEP_MAX_USEC},
        {0},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* How long the event log is kept. Section [Events]; the sweep does it. */

#include "service/conf.h"

struct events_conf {
        usec_t keep_usec;         /* KeepSec=7d */
        uint64_t keep_events;     /* KeepEvents=1000000 */
        usec_t keep_firings_usec; /* KeepFiringsSec=30d, the history of schedules */
};
extern const struct conf_option events_options[];

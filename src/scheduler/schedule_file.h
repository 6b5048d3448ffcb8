/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Schedules as files: <config dir>/schedules.d/NAME.conf with one section [Schedule], whose keys are the
 * fields of the REST interface.
 *
 *     [Schedule]
 *     every=6min
 *     task=products.adjust_prices
 *     kwargs={"factor": "1.1"}
 *     enabled=no
 */

#include <jansson.h>

#include "scheduler/schedule.h"

#define SCHEDULE_DIR "schedules.d"

/* All of them as an array for schedule_store_files(). A folder that is not there is empty. 0; -EINVAL with a
 * line "file:line: reason" for every error in `messages`; -ENOMEM; -errno. */
int schedule_files_read(const char *config_dir, json_t **ret, struct buf *messages);
/* One text: for tests and the fuzzer. `file` names it in messages. *ret is a new reference. */
int schedule_file_parse(const char *file, const char *name, const char *text, size_t n,
                        struct zone_book *zones, json_t **ret, struct buf *messages);

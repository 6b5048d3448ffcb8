/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The commands of `lonja tasks`, and what their files share. */

#include "cli/cli_http.h"

#define TASKS_COLLECTION "/api/schedules"

int cli_tasks_history(struct cli *cli);
int cli_tasks_preview(struct cli *cli);
int cli_tasks_backfill(struct cli *cli);

/* Opens, asks lonja-scheduler, closes. `path` is owned by the caller; NULL is a lack of memory. */
int cli_tasks_ask(struct cli *cli, const char *method, const char *path, const json_t *body,
                  const char *header, json_t **ret);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "scheduler/schedule_api.h"
#include "scheduler/scheduler.h"

const struct http_route scheduler_routes[] = {
        {"GET", "/api/schedules", schedule_api_list, .scope = AUTH_READ | WEB_SCOPE_SESSION},
        {"POST", "/api/schedules", schedule_api_create, .scope = AUTH_WRITE},
        {"GET", "/api/schedules/{name}", schedule_api_get, .scope = AUTH_READ | WEB_SCOPE_SESSION},
        {"PUT", "/api/schedules/{name}", schedule_api_put, .scope = AUTH_WRITE},
        {"PATCH", "/api/schedules/{name}", schedule_api_patch, .scope = AUTH_WRITE},
        {"DELETE", "/api/schedules/{name}", schedule_api_delete, .scope = AUTH_WRITE},
        {"GET", "/api/schedules/{name}/state", schedule_api_state, .scope = AUTH_READ | WEB_SCOPE_SESSION},
        {"GET", "/api/schedules/{name}/firings", schedule_api_firings,
         .scope = AUTH_READ | WEB_SCOPE_SESSION},
        {"GET", "/api/schedules/{name}/preview", schedule_api_preview,
         .scope = AUTH_READ | WEB_SCOPE_SESSION},
        {"POST", "/api/schedules/{name}:run", schedule_api_run, .scope = AUTH_WRITE},
        {"POST", "/api/schedules/{name}:pause", schedule_api_pause, .scope = AUTH_WRITE},
        {"POST", "/api/schedules/{name}:resume", schedule_api_resume, .scope = AUTH_WRITE},
        {"POST", "/api/schedules/{name}:backfill", schedule_api_backfill, .scope = AUTH_WRITE},
        {NULL},
};

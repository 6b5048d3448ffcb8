/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* MESSAGE_ID of every notable event; systemd/lonja.catalog explains each. `journalctl MESSAGE_ID=...`. */

#define LOG_ID_REQUEST_DONE                                                                                  \
        "6d6f2b1f54b04a2a8a1c7a0f3c2d9e01" /* a request changed state or failed with >= 500 */
#define LOG_ID_DATABASE_DOWN "6d6f2b1f54b04a2a8a1c7a0f3c2d9e02"
#define LOG_ID_DATABASE_UP "6d6f2b1f54b04a2a8a1c7a0f3c2d9e03"
#define LOG_ID_BROKER_DOWN "6d6f2b1f54b04a2a8a1c7a0f3c2d9e04"
#define LOG_ID_BROKER_UP "6d6f2b1f54b04a2a8a1c7a0f3c2d9e05"
#define LOG_ID_SCHEMA_PENDING "6d6f2b1f54b04a2a8a1c7a0f3c2d9e06"
#define LOG_ID_SCHEMA_TOO_NEW "6d6f2b1f54b04a2a8a1c7a0f3c2d9e07"
#define LOG_ID_MIGRATED "6d6f2b1f54b04a2a8a1c7a0f3c2d9e08"
#define LOG_ID_LOGIN_LIMITED "6d6f2b1f54b04a2a8a1c7a0f3c2d9e09"
#define LOG_ID_RELOADED "6d6f2b1f54b04a2a8a1c7a0f3c2d9e0a"
#define LOG_ID_RELOAD_FAILED "6d6f2b1f54b04a2a8a1c7a0f3c2d9e0b"
#define LOG_ID_DELIVERY_DONE "6d6f2b1f54b04a2a8a1c7a0f3c2d9e0d" /* an AMQP delivery changed state */
#define LOG_ID_DELIVERY_DEAD "6d6f2b1f54b04a2a8a1c7a0f3c2d9e0e"
#define LOG_ID_IDLE_EXIT "6d6f2b1f54b04a2a8a1c7a0f3c2d9e0c"

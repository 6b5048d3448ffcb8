/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "pg/pg_pool.h"

#define OPTION(name, kind, field, def, ...)                                                                  \
        {                                                                                                    \
                .section = "Database", .key = name, .type = kind, .offset = offsetof(struct pg_conf, field), \
                .fallback = def, __VA_ARGS__                                                                 \
        }

const struct conf_option pg_options[] = {
        OPTION("Conninfo", CONF_STRING, conninfo, "dbname=lonja"),
        OPTION("ReadConnections", CONF_UINT, read_connections, "2", .min = 1, .max = 64),
        OPTION("WriteConnections", CONF_UINT, write_connections, "4", .min = 1, .max = 64),
        OPTION("ExclusiveConnections", CONF_UINT, exclusive_connections, "2", .min = 1, .max = 64),
        OPTION("WaitingMax", CONF_UINT, waiting_max, "10000", .min = 1, .max = 1000000),
        OPTION("StatementTimeoutSec", CONF_USEC, statement_timeout_usec, "30"),
        {0},
};

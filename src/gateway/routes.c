/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/gateway.h"

const struct http_route gateway_routes[] = {
        {NULL},
};

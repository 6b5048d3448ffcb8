/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/gateway.h"

const struct rpc_method gateway_methods[] = {
        {NULL},
};

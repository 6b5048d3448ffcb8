/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/gateway.h"

void gateway_metrics(void *context, struct buf *out)
{
        const struct gateway *d = context;

        web_backend_metrics(&d->backend, out);
        web_rpc_metrics(out, d->rpc);
}

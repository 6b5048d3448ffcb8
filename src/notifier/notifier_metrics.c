/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/notifier.h"

void notifier_metrics(void *context, struct buf *out)
{
        const struct notifier *d = context;

        web_backend_metrics(&d->backend, out);
}

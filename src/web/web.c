/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web.h"

void web_done(struct web *w)
{
        w->hasher = auth_hasher_free(w->hasher);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A sentence for people about an event that brings none of its own. Pure. */

#include "base/buf.h"

void event_text_write(struct buf *out, const char *type, const char *entity);

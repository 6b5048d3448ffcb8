/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One value of a configuration file. */

#include "service/conf.h"

/* Parses `value` as the option's type into the struct at `base`; "" stands for the default.  0; -EINVAL with
 * the end of a sentence in `reason` ("must be yes or no"); -ENOMEM.  On error the old value stays. */
int conf_value_set(const struct conf_option *option, const char *value, void *base, char reason[160]);
/* Frees a string. */
void conf_value_done(const struct conf_option *option, void *base);

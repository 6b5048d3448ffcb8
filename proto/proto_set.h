/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The google.protobuf.FileDescriptorSet of all files below proto/, serialized: what server reflection tells. */

#include <stddef.h>

extern const unsigned char proto_set[];
extern const size_t proto_set_size;

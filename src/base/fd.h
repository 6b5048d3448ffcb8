/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* File descriptors. */

#include <stdbool.h>
#include <stddef.h>

#include "base/macro.h"

/* Closes unless negative, keeps errno, returns -1. */
int fd_close(int fd);
static inline void fd_closep(int *fd)
{
        *fd = fd_close(*fd);
}
#define _cleanup_fd_ _cleanup_(fd_closep)

int fd_set_nonblock(int fd);
/* Reads a whole small file; 0, -EFBIG beyond max, or -errno.  NUL-terminated; size without the NUL. */
int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_size);

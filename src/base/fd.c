/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"

int fd_close(int fd)
{
        int saved = errno;

        /* After EINTR the descriptor is gone on Linux: never close twice. */
        if (fd >= 0)
                (void)close(fd);
        errno = saved;
        return -1;
}

int fd_set_nonblock(int fd)
{
        int flags = fcntl(fd, F_GETFL);

        if (flags < 0)
                return -errno;
        if (fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
                return -errno;
        return 0;
}

int fd_read_file(const char *path, size_t max, char **ret, size_t *ret_size)
{
        _cleanup_fd_ int fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
        _cleanup_free_ char *data = NULL;
        size_t size = 0, capacity = 0;

        if (fd < 0)
                return -errno;
        for (;;) {
                ssize_t n;

                if (capacity - size < 2) {
                        char *bigger = realloc(data, capacity ? capacity * 2 : 4096);

                        if (!bigger)
                                return -ENOMEM;
                        capacity = capacity ? capacity * 2 : 4096;
                        data = bigger;
                }
                n = read(fd, data + size, capacity - size - 1);
                if (n < 0 && errno == EINTR)
                        continue;
                if (n < 0)
                        return -errno;
                if (n == 0)
                        break;
                size += (size_t)n;
                if (size > max)
                        return -EFBIG;
        }
        data[size] = '\0';
        *ret = TAKE_PTR(data);
        if (ret_size)
                *ret_size = size;
        return 0;
}

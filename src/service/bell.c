/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/un.h>

#include "base/fd.h"
#include "service/bell.h"
#include "service/service.h"

#define DEFAULT_RUNTIME_DIR "/run/lonja"

void bell_drain(int fd)
{
        char byte;

        while (recv(fd, &byte, sizeof(byte), MSG_DONTWAIT | MSG_TRUNC) >= 0 || errno == EINTR)
                ;
}

void service_ring(const char *word)
{
        _cleanup_fd_ int fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
        const char *dir = getenv("LONJA_RUNTIME_DIR");
        struct sockaddr_un address = {.sun_family = AF_UNIX};
        int n;

        if (fd < 0)
                return;
        n = snprintf(address.sun_path, sizeof(address.sun_path), "%s/%s.bell",
                     dir ? dir : DEFAULT_RUNTIME_DIR, word);
        if (n < 0 || (size_t)n >= sizeof(address.sun_path))
                return;
        /* A full queue means that it rings already, no socket that the daemon is not installed here; either
         * way the sweep comes round within a minute. */
        if (sendto(fd, "", 0, MSG_DONTWAIT | MSG_NOSIGNAL, (const struct sockaddr *)&address,
                   sizeof(address)) < 0)
                return;
}

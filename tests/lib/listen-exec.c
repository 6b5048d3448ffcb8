/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* listen-exec UID:GID PROGRAM [ARGUMENT...]
 *
 * The last step between the socket holder and a daemon: LISTEN_PID must be the pid of the process that adopts
 * the sockets (sd_listen_fds(3)), which the holder cannot know when it spawns without forking itself (a fork
 * of an interpreter costs 3 ms of every cold start, this 1 ms).  Drops to UID:GID ("-": stays), dies with the
 * holder. */

#include <grp.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

static int drop_to(const char *ids)
{
        unsigned uid, gid;

        if (strcmp(ids, "-") == 0)
                return 0;
        if (sscanf(ids, "%u:%u", &uid, &gid) != 2)
                return -1;
        if (setgroups(0, NULL) < 0 || setgid(gid) < 0)
                return -1;
        return setuid(uid);
}

int main(int argc, char *argv[])
{
        char pid[16];

        if (argc < 3) {
                fprintf(stderr, "usage: listen-exec UID:GID PROGRAM [ARGUMENT...]\n");
                return 2;
        }
        if (drop_to(argv[1]) < 0 || prctl(PR_SET_PDEATHSIG, SIGKILL) < 0) {
                perror("listen-exec");
                return 1;
        }
        snprintf(pid, sizeof(pid), "%d", (int)getpid());
        if (setenv("LISTEN_PID", pid, 1) < 0) {
                perror("listen-exec");
                return 1;
        }
        execv(argv[2], argv + 2);
        perror(argv[2]);
        return 127;
}

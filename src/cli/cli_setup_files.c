/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja setup: files. Each is replaced in one step, so that a daemon that starts meanwhile reads the old one
 * or the new one. */

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli_setup.h"

#define FILE_MAX (64 * 1024)

int setup_file_read(const char *path, char **ret)
{
        int r;

        r = fd_read_file(path, FILE_MAX, ret, NULL);
        if (r == -ENOENT) {
                *ret = strdup("");
                return *ret ? -ENOENT : -ENOMEM;
        }
        return r;
}

/* The folder of `path`, and what is missing above it. Folders of secrets are root's alone. */
static int make_folder(const char *path, unsigned mode)
{
        _cleanup_free_ char *folder = strdup(path);

        if (!folder)
                return -ENOMEM;
        for (char *at = strchr(folder + 1, '/'); at; at = strchr(at + 1, '/')) {
                *at = '\0';
                if (mkdir(folder, (mode & 0077) ? 0755 : 0700) < 0 && errno != EEXIST)
                        return -errno;
                *at = '/';
        }
        return 0;
}

static int write_all(int fd, const char *text)
{
        for (size_t n = strlen(text); n > 0;) {
                ssize_t k = write(fd, text, n);

                if (k < 0)
                        return -errno;
                text += k;
                n -= (size_t)k;
        }
        return fsync(fd) < 0 ? -errno : 0;
}

/* On the disk before it gets its name: a power cut leaves one of the two. */
static int replace(const char *path, unsigned mode, const char *text)
{
        _cleanup_free_ char *fresh = NULL;
        _cleanup_fd_ int fd = -1;
        int r;

        if (asprintf(&fresh, "%s.XXXXXX", path) < 0)
                return fresh = NULL, -ENOMEM;
        fd = mkostemp(fresh, O_CLOEXEC); /* 0600 */
        if (fd < 0)
                return -errno;
        r = write_all(fd, text);
        if (r == 0 && (fchmod(fd, mode) < 0 || rename(fresh, path) < 0))
                r = -errno;
        if (r < 0)
                (void)unlink(fresh);
        return r;
}

int setup_file_write(struct setup *s, const char *path, unsigned mode, const char *text)
{
        _cleanup_free_ char *before = NULL;
        int r;

        r = setup_file_read(path, &before);
        if (r == 0 && streq(before, text))
                return 0;
        r = make_folder(path, mode);
        if (r == 0)
                r = replace(path, mode, text);
        if (r < 0) {
                setup_left(s, "write %s: %s", path, strerror(-r));
                return r;
        }
        return 1;
}

int setup_file_remove(struct setup *s, const char *path)
{
        if (unlink(path) == 0)
                return 1;
        if (errno == ENOENT || errno == ENOTDIR)
                return 0;
        setup_left(s, "remove %s: %s", path, strerror(errno));
        return -errno;
}

/* ---- credentials ---- */

static int credential_path(struct setup *s, const char *user, const char *name, char **ret)
{
        if (asprintf(ret, "%s/credentials/%s/%s", s->config_dir, user, name) < 0)
                return *ret = NULL, -ENOMEM;
        return 0;
}

int setup_credential_read(struct setup *s, const char *user, const char *name, char **ret)
{
        _cleanup_free_ char *path = NULL;
        int r;

        r = credential_path(s, user, name, &path);
        if (r < 0)
                return r;
        r = setup_file_read(path, ret);
        if (*ret)
                (*ret)[strcspn(*ret, "\n")] = '\0';
        return r;
}

int setup_credential_write(struct setup *s, const char *user, const char *name, const char *secret)
{
        _cleanup_free_ char *path = NULL, *line = NULL;
        int r;

        r = credential_path(s, user, name, &path);
        if (r < 0)
                return r;
        if (asprintf(&line, "%s\n", secret) < 0)
                return line = NULL, -ENOMEM;
        r = setup_file_write(s, path, 0600, line);
        explicit_bzero(line, strlen(line));
        if (r > 0) {
                setup_did(s, "wrote the credential %s", path);
                s->config_changed = true;
        }
        return r;
}

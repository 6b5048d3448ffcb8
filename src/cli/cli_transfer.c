/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* lonja products import and export: streams of any length, never held in memory. An export to a file appears
 * there only when it is whole. */

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/str.h"
#include "cli/cli_fields.h"
#include "cli/cli_http.h"
#include "cli/cli_products.h"
#include "cli/cli_progress.h"
#include "json/jread.h"

#define TRANSFER_USEC (24 * 3600 * USEC_PER_SEC) /* whoever waits longer has a broken line anyway */

struct transfer {
        struct cli_call call;
        struct cli_progress progress;
        int fd;             /* owned unless a standard stream */
        struct buf problem; /* the body of an error answer */
};

static bool is_standard(const char *file)
{
        return !file || streq(file, "-");
}

/* The format that was asked for, or that the name tells; NULL: a wrong one, told. */
static const char *find_format(const struct cli *cli, const char *file)
{
        const char *format = cli_option(cli, "format");

        if (!format)
                return !is_standard(file) && endswith(file, ".csv") ? "csv" : "ndjson";
        if (streq(format, "csv") || streq(format, "ndjson"))
                return format;
        cli_fail(CLI_USAGE, "--format is ndjson or csv, not '%s'", format);
        return NULL;
}

/* ---- import ---- */

static long on_upload(struct fetch *f, void *p, size_t n)
{
        struct transfer *t = container_of(f, struct transfer, call.fetch);
        ssize_t got;

        do
                got = read(t->fd, p, n);
        while (got < 0 && errno == EINTR);
        if (got < 0)
                return -errno;
        cli_progress_add(&t->progress, (uint64_t)got);
        return got;
}

static int print_imported(const struct cli *cli, const struct buf *answer)
{
        struct field_errors ignored = {.n_errors = 0};
        _cleanup_json_ json_t *result = NULL;
        char a[32], b[32], c[32];

        if (buf_size(answer) == 0 || jread_text(buf_bytes(answer), buf_size(answer), &result, &ignored) < 0)
                return cli_fail(CLI_FAILED, "the answer is no JSON");
        if (cli->json)
                return cli_print_json(result);
        printf("%s created, %s updated, %s unchanged\n", cli_json_text(result, "created", a),
               cli_json_text(result, "updated", b), cli_json_text(result, "unchanged", c));
        return CLI_OK;
}

static int import_stream(struct cli *cli, struct transfer *t, const char *format)
{
        struct fetch *f = &t->call.fetch;
        struct cli_http h;
        int exit;

        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        f->method = "POST";
        f->path = cli_option(cli, "create") ? "/api/products:import?mode=create" : "/api/products:import";
        f->headers[f->n_headers++] =
                streq(format, "csv") ? "Content-Type: text/csv" : "Content-Type: application/x-ndjson";
        f->upload = on_upload;
        f->timeout_usec = TRANSFER_USEC;
        exit = cli_http_run(&h, &t->call);
        cli_progress_end(&t->progress);
        if (exit == CLI_OK)
                exit = print_imported(cli, &f->answer);
        fetch_done(f);
        cli_http_close(&h);
        return exit;
}

int cli_products_import(struct cli *cli)
{
        const char *file = cli_operand(cli, 0), *format = find_format(cli, file);
        struct transfer t = {.fd = STDIN_FILENO};
        struct stat st;
        int exit;

        if (!format)
                return CLI_USAGE;
        if (!is_standard(file))
                t.fd = open(file, O_RDONLY | O_CLOEXEC);
        if (t.fd < 0 || fstat(t.fd, &st) < 0)
                return cli_fail(CLI_FAILED, "%s: %s", file, strerror(errno));
        cli_progress_begin(&t.progress, "import", S_ISREG(st.st_mode) ? (uint64_t)st.st_size : 0, cli->json);
        exit = import_stream(cli, &t, format);
        if (t.fd != STDIN_FILENO)
                fd_close(t.fd);
        return exit;
}

/* ---- export ---- */

static int write_all(int fd, const char *p, size_t n)
{
        while (n > 0) {
                ssize_t written = write(fd, p, n);

                if (written < 0 && errno != EINTR)
                        return -errno;
                if (written > 0) {
                        p += written;
                        n -= (size_t)written;
                }
        }
        return 0;
}

static int on_piece(struct fetch *f, const void *p, size_t n)
{
        struct transfer *t = container_of(f, struct transfer, call.fetch);

        if (f->status != 200) {
                buf_append(&t->problem, p, n);
                return buf_error(&t->problem);
        }
        cli_progress_add(&t->progress, n);
        return write_all(t->fd, p, n);
}

static int export_stream(struct cli *cli, struct transfer *t, const char *format)
{
        struct fetch *f = &t->call.fetch;
        char path[64];
        struct cli_http h;
        int exit;

        exit = cli_http_open(&h, cli, &cli_products_door);
        if (exit != CLI_OK)
                return exit;
        snprintf(path, sizeof(path), "/api/products:export?format=%s", format);
        f->method = "GET";
        f->path = path;
        f->piece = on_piece;
        t->call.problem = &t->problem;
        f->timeout_usec = TRANSFER_USEC;
        exit = cli_http_run(&h, &t->call);
        cli_progress_end(&t->progress);
        fetch_done(f);
        cli_http_close(&h);
        return exit;
}

static int export_to_file(struct cli *cli, struct transfer *t, const char *file, const char *format)
{
        _cleanup_free_ char *part = NULL;
        int exit;

        if (asprintf(&part, "%s.part", file) < 0) {
                part = NULL;
                return cli_fail(CLI_FAILED, "out of memory");
        }
        t->fd = open(part, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
        if (t->fd < 0)
                return cli_fail(CLI_FAILED, "%s: %s", part, strerror(errno));
        exit = export_stream(cli, t, format);
        if (exit == CLI_OK && fsync(t->fd) < 0)
                exit = cli_fail(CLI_FAILED, "%s: %s", part, strerror(errno));
        fd_close(t->fd);
        if (exit == CLI_OK && rename(part, file) < 0)
                exit = cli_fail(CLI_FAILED, "%s: %s", file, strerror(errno));
        if (exit != CLI_OK)
                unlink(part);
        return exit;
}

int cli_products_export(struct cli *cli)
{
        const char *file = cli_operand(cli, 0), *format = find_format(cli, file);
        struct transfer t = {.fd = STDOUT_FILENO};
        int exit;

        if (!format)
                return CLI_USAGE;
        cli_progress_begin(&t.progress, "export", 0, cli->json);
        exit = is_standard(file) ? export_stream(cli, &t, format) : export_to_file(cli, &t, file, format);
        buf_done(&t.problem);
        return exit;
}

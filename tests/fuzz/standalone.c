/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Replays a corpus: each file as it is, then cut short at every length, then with every bit flipped once:
 * cheap neighbours in which most decoders have their bugs.  The folder is corpus/NAME for a program
 * fuzz-NAME. */

#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/fd.h"
#include "base/macro.h"
#include "base/str.h"
#include "fuzz.h"

#define INPUT_MAX (1 << 20)
#define NEIGHBOURS_MAX 1024 /* bytes of an input whose neighbours are tried */

/* A copy on the heap of exactly this size, so that a sanitizer sees the first byte read beyond it. */
static void try_input(const char *data, size_t n)
{
        _cleanup_free_ uint8_t *copy = malloc(n > 0 ? n : 1);

        if (!copy)
                abort();
        if (n > 0)
                memcpy(copy, data, n);
        (void)LLVMFuzzerTestOneInput(copy, n);
}

static void try_neighbours(char *data, size_t n)
{
        size_t limit = MIN_OF(n, (size_t)NEIGHBOURS_MAX);

        for (size_t i = 0; i < limit; i++)
                try_input(data, i);
        for (size_t i = 0; i < 8 * limit; i++) {
                data[i / 8] = (char)(data[i / 8] ^ 1 << i % 8);
                try_input(data, n);
                data[i / 8] = (char)(data[i / 8] ^ 1 << i % 8);
        }
}

static int is_input(const struct dirent *entry)
{
        return entry->d_name[0] != '.';
}

int main(int argc, char *argv[])
{
        const char *top = getenv("top_srcdir"), *name = strrchr(argv[0], '/');
        struct dirent **entries = NULL;
        char folder[4096];
        int n;

        name = startswith(name ? name + 1 : argv[0], "fuzz-");
        if (!name)
                return 99;
        (void)snprintf(folder, sizeof(folder), "%s/tests/fuzz/corpus/%s", top ? top : ".", name);
        n = scandir(folder, &entries, is_input, alphasort);
        if (n <= 0) {
                printf("Bail out! No inputs in %s\n", folder);
                return 99;
        }
        printf("1..%d\n", n);
        for (int i = 0; i < n; i++) {
                _cleanup_free_ char *data = NULL;
                char path[4096 + 256];
                size_t size = 0;

                (void)snprintf(path, sizeof(path), "%s/%s", folder, entries[i]->d_name);
                printf("# %s\n", path); /* the last line when it crashes */
                (void)fflush(stdout);
                if (fd_read_file(path, INPUT_MAX, &data, &size) < 0)
                        printf("not ");
                else {
                        try_input(data, size);
                        try_neighbours(data, size);
                }
                printf("ok %d - %s\n", i + 1, entries[i]->d_name);
                free(entries[i]);
        }
        free(entries);
        return 0;
}

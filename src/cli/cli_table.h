/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Tables for people: columns as wide as their widest cell, two spaces between them. Pure.
 *
 * Text comes from other people's data: control characters are shown as '?', so that no cell can move the
 * cursor or repaint the terminal. */

#include <stdbool.h>
#include <stddef.h>

#include "base/buf.h"

#define CLI_COLUMNS_MAX 12

struct cli_column {
        const char *title; /* NULL ends the array */
        bool right;        /* numbers */
        bool shrinks;      /* gives way, with an ellipsis, where the line would be wider than the terminal */
};

struct cli_table {
        const struct cli_column *columns; /* borrowed */
        size_t n_columns;
        struct buf cells; /* all cells, each with its NUL */
        size_t n_cells;
        size_t widths[CLI_COLUMNS_MAX];
};

void cli_table_init(struct cli_table *t, const struct cli_column *columns);
void cli_table_done(struct cli_table *t);
/* The next cell of the row; NULL is empty. Rows fill up by themselves. */
void cli_table_cell(struct cli_table *t, const char *text);
/* Title line and rows; `width` 0: as wide as it gets. 0 or -ENOMEM. */
int cli_table_print(struct cli_table *t, struct buf *out, size_t width);

/* One row with given widths, for tables that grow while one looks on. */
void cli_row_print(struct buf *out, const struct cli_column *columns, const size_t *widths,
                   const char *const *cells);
/* The same to standard output; the widths grow with what comes, but for the last. */
void cli_row_show(const struct cli_column *columns, size_t *widths, const char *const *cells);
/* Columns that UTF-8 text takes on a terminal. */
size_t cli_text_width(const char *s);

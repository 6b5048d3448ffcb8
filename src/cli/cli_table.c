/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli_table.h"

#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <wchar.h>

#define GAP 2
#define SHRUNK_MIN 12 /* below it a column says nothing any more */
#define ELLIPSIS "\xe2\x80\xa6"

/* One code point and its length; bytes that are no UTF-8 count one each. */
static size_t decode(const char *s, uint32_t *ret)
{
        static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
        const unsigned char *u = (const unsigned char *)s;
        size_t n = u[0] < 0x80 ? 1 : u[0] >= 0xf0 ? 4 : u[0] >= 0xe0 ? 3 : u[0] >= 0xc2 ? 2 : 0;
        uint32_t c = n == 1 ? u[0] : n == 2 ? u[0] & 0x1f : n == 3 ? u[0] & 0x0f : u[0] & 0x07;

        for (size_t i = 1; i < n; i++) {
                if ((u[i] & 0xc0) != 0x80) {
                        n = 0;
                        break;
                }
                c = c << 6 | (u[i] & 0x3f);
        }
        if (n == 0 || c < least[n] || (c >= 0xd800 && c < 0xe000) || c > 0x10ffff) {
                *ret = 0;
                return 1;
        }
        *ret = c;
        return n;
}

/* C0, DEL, C1, and the marks that turn the direction of what follows. */
static bool is_control(uint32_t c)
{
        return c < 0x20 || (c >= 0x7f && c < 0xa0) || (c >= 0x202a && c <= 0x202e) ||
               (c >= 0x2066 && c <= 0x2069);
}

static size_t width_of(uint32_t c)
{
        int n = is_control(c) ? 1 : wcwidth((wchar_t)c);

        return n < 0 ? 1 : (size_t)n; /* a locale that does not know it shows something */
}

size_t cli_text_width(const char *s)
{
        size_t width = 0;
        uint32_t c;

        while (*s) {
                s += decode(s, &c);
                width += width_of(c);
        }
        return width;
}

/* At most `width` columns of it; returns how many were used. */
static size_t append_text(struct buf *out, const char *s, size_t width)
{
        bool cut = cli_text_width(s) > width;
        size_t room = cut ? width - 1 : width, used = 0, n;
        uint32_t c;

        for (; *s; s += n) {
                n = decode(s, &c);
                if (used + width_of(c) > room)
                        break;
                used += width_of(c);
                if (is_control(c))
                        buf_append_char(out, '?');
                else
                        buf_append(out, s, n);
        }
        if (cut)
                buf_append_str(out, ELLIPSIS);
        return used + cut;
}

static void append_spaces(struct buf *out, size_t n)
{
        while (n-- > 0)
                buf_append_char(out, ' ');
}

void cli_row_print(struct buf *out, const struct cli_column *columns, const size_t *widths,
                   const char *const *cells)
{
        for (size_t i = 0; columns[i].title; i++) {
                bool last = !columns[i + 1].title;
                size_t width = widths[i] > 0 ? widths[i] : 1, used = cli_text_width(cells[i]);

                if (columns[i].right && used < width)
                        append_spaces(out, width - used);
                used = append_text(out, cells[i], last && widths[i] == 0 ? SIZE_MAX : width);
                if (last)
                        break;
                append_spaces(out, (columns[i].right || used > width ? 0 : width - used) + GAP);
        }
        buf_append_char(out, '\n');
}

void cli_row_show(const struct cli_column *columns, size_t *widths, const char *const *cells)
{
        _cleanup_(buf_done) struct buf out = BUF_EMPTY;

        for (size_t i = 0; columns[i + 1].title; i++) /* the last one may be as long as it likes */
                widths[i] = MAX_OF(widths[i], cli_text_width(cells[i]));
        cli_row_print(&out, columns, widths, cells);
        if (buf_error(&out) == 0)
                fwrite(buf_bytes(&out), 1, buf_size(&out), stdout);
}

void cli_table_init(struct cli_table *t, const struct cli_column *columns)
{
        *t = (struct cli_table){.columns = columns};
        for (; columns[t->n_columns].title; t->n_columns++) {
                assert(t->n_columns < CLI_COLUMNS_MAX);
                t->widths[t->n_columns] = cli_text_width(columns[t->n_columns].title);
        }
}

void cli_table_done(struct cli_table *t)
{
        buf_done(&t->cells);
}

void cli_table_cell(struct cli_table *t, const char *text)
{
        size_t *width = &t->widths[t->n_cells++ % t->n_columns];

        text = text ? text : "";
        *width = MAX_OF(*width, cli_text_width(text));
        buf_append(&t->cells, text, strlen(text) + 1);
}

/* Takes from the shrinking columns, from left to right, what is too much. */
static void fit(struct cli_table *t, size_t width)
{
        size_t total = GAP * (t->n_columns - 1);

        for (size_t i = 0; i < t->n_columns; i++)
                total += t->widths[i];
        for (size_t i = 0; i < t->n_columns && total > width; i++) {
                size_t spare;

                if (!t->columns[i].shrinks || t->widths[i] <= SHRUNK_MIN)
                        continue;
                spare = MIN_OF(t->widths[i] - SHRUNK_MIN, total - width);
                t->widths[i] -= spare;
                total -= spare;
        }
}

int cli_table_print(struct cli_table *t, struct buf *out, size_t width)
{
        const char *cells[CLI_COLUMNS_MAX], *cell;

        if (buf_error(&t->cells) < 0)
                return buf_error(&t->cells);
        if (width > 0)
                fit(t, width);
        for (size_t i = 0; i < t->n_columns; i++)
                cells[i] = t->columns[i].title;
        cli_row_print(out, t->columns, t->widths, cells);
        cell = t->n_cells > 0 ? buf_bytes(&t->cells) : NULL;
        for (size_t i = 0; i < t->n_cells; i++, cell += strlen(cell) + 1) {
                cells[i % t->n_columns] = cell;
                if ((i + 1) % t->n_columns == 0)
                        cli_row_print(out, t->columns, t->widths, cells);
        }
        return buf_error(out);
}

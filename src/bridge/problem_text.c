/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "bridge/problem_text.h"
#include "json/jwrite.h"

void problem_text_write(struct buf *out, unsigned status, const char *slug, const char *detail,
                        const struct field_errors *errors, const char *code)
{
        struct jwrite w;

        problem_write(out, status, slug, detail, errors);
        if (!code || buf_error(out) < 0)
                return;
        out->end--; /* the closing brace */
        buf_append_str(out, ",\"code\":");
        w = jwrite_to(out);
        jwrite_string(&w, code);
        buf_append_char(out, '}');
}

void problem_text_line(struct buf *out, const char *type, unsigned status, const char *slug,
                       const char *detail, const struct field_errors *errors, const char *code)
{
        buf_append_str(out, "ERROR+");
        buf_append_str(out, type);
        buf_append_char(out, '+');
        problem_text_write(out, status, slug, detail, errors, code);
        buf_append_char(out, '\n');
}

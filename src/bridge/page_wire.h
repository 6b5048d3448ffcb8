/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A page of a list as the API sends it: {"next":url|null,"previous":url|null,"results":[...]}. Only its two
 * interesting members are found, without building a tree: a page may hold a thousand products. Pure. */

#include <stddef.h>

struct page_wire {
        char *results; /* borrowed from the text: the array, brackets included */
        size_t results_size;
        char *next; /* owned; path and query of the next page, NULL on the last */
};

/* Line breaks between JSON tokens of `text` become spaces, since an answer of the bridge is one line. 0;
 * -EBADMSG; -ENOMEM. */
int page_wire_decode(char *text, size_t n, struct page_wire *ret);
void page_wire_done(struct page_wire *p);

/* The same for any JSON text: a raw line break in it can only be white space. */
void json_text_join_lines(char *text, size_t n);

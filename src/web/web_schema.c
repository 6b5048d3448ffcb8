/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "web/web_schema.h"

#include <errno.h>

#include "json/jread.h"

/* Parts are the program's own text, so their depth is known. */
static int unite(json_t *whole, json_t *part)
{
        const char *key;
        json_t *value, *mine;
        int r = 0;

        if (json_is_array(whole))
                return json_array_extend(whole, part) < 0 ? -ENOMEM : 0;
        json_object_foreach(part, key, value)
        {
                mine = json_object_get(whole, key);
                if (!mine)
                        r = json_object_set(whole, key, value) < 0 ? -ENOMEM : 0;
                else if (json_is_object(mine) || json_is_array(mine))
                        r = unite(mine, value);
                if (r < 0)
                        return r;
        }
        return 0;
}

int web_schema_unite(const struct web_schema *const *parts, json_t **ret)
{
        json_t *whole = json_object(), *part = NULL;
        int r = whole ? 0 : -ENOMEM;

        for (; r >= 0 && *parts; parts++) {
                struct field_errors errors = {.n_errors = 0};

                r = jread_text((*parts)->text, (*parts)->size, &part, &errors);
                if (r >= 0)
                        r = unite(whole, part);
                json_decref(part);
                part = NULL;
        }
        if (r < 0) {
                json_decref(whole);
                return r;
        }
        *ret = whole;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/event_message.h"
#include "json/jwrite.h"

void event_message_encode(struct buf *out, const char *id, const char *type, const char *subject,
                          const char *time, int64_t offset, int64_t version, const char *request_id,
                          const char *data)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "specversion", "1.0");
        jwrite_pair(&w, "id", id);
        jwrite_pair(&w, "source", "/lonja");
        jwrite_pair(&w, "type", type);
        if (subject)
                jwrite_pair(&w, "subject", subject);
        if (time)
                jwrite_pair(&w, "time", time);
        jwrite_key(&w, "lonjaoffset");
        jwrite_int(&w, offset);
        jwrite_key(&w, "lonjaversion");
        jwrite_int(&w, version);
        if (request_id)
                jwrite_pair(&w, "lonjarequestid", request_id);
        if (data) {
                jwrite_pair(&w, "datacontenttype", "application/json");
                jwrite_key(&w, "data");
                jwrite_raw(&w, data, strlen(data));
        }
        jwrite_object_end(&w);
}

void event_message_done(struct event_message *e)
{
        json_decref(e->data);
        free(e->request_id);
        free(e->time);
        free(e->subject);
        free(e->type);
        free(e->id);
        *e = (struct event_message){0};
}

static int read_attribute(json_t *object, const char *name, bool required, char **ret)
{
        json_t *value = json_object_get(object, name);

        if (!value || json_is_null(value))
                return required ? -EBADMSG : 0;
        if (!json_is_string(value) || (required && json_string_length(value) == 0))
                return -EBADMSG;
        return strdup_to(ret, json_string_value(value));
}

static int read_number(json_t *object, const char *name, int64_t *ret)
{
        json_t *value = json_object_get(object, name);

        if (!json_is_integer(value) || json_integer_value(value) < 0)
                return -EBADMSG;
        *ret = json_integer_value(value);
        return 0;
}

/* Unknown attributes are passed over: CloudEvents lets anyone on the way add extensions. */
static int read_event(json_t *object, struct event_message *e)
{
        const char *spec = json_string_value(json_object_get(object, "specversion"));
        int r;

        if (!spec || !streq(spec, "1.0"))
                return -EBADMSG;
        if ((r = read_attribute(object, "id", true, &e->id)) < 0 ||
            (r = read_attribute(object, "type", true, &e->type)) < 0 ||
            (r = read_attribute(object, "subject", false, &e->subject)) < 0 ||
            (r = read_attribute(object, "time", false, &e->time)) < 0 ||
            (r = read_attribute(object, "lonjarequestid", false, &e->request_id)) < 0 ||
            (r = read_number(object, "lonjaoffset", &e->offset)) < 0 ||
            (r = read_number(object, "lonjaversion", &e->version)) < 0)
                return r;
        e->data = json_incref(json_object_get(object, "data"));
        return 0;
}

int event_message_decode(const char *text, size_t n, struct event_message *ret)
{
        _cleanup_json_ json_t *object = NULL;
        struct field_errors errors = {0};
        struct event_message e = {0};
        int r;

        r = jread_text(text, n, &object, &errors);
        if (r < 0)
                return r;
        r = read_event(object, &e);
        if (r < 0) {
                event_message_done(&e);
                return r;
        }
        *ret = e;
        return 0;
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "contract/task_result_message.h"

#include <errno.h>

#include "base/alloc.h"
#include "base/str.h"
#include "contract/problem.h"
#include "json/jwrite.h"

static const char *const names[] = {"PENDING", "RECEIVED", "STARTED", "RETRY",
                                    "SUCCESS", "FAILURE",  "REVOKED"};

const char *task_status_name(enum task_status status)
{
        return names[status];
}

bool task_status_is_final(enum task_status status)
{
        return status >= TASK_SUCCESS;
}

void task_result_encode(struct buf *out, const char *task_id, enum task_status status, const char *result)
{
        struct jwrite w = jwrite_to(out);

        jwrite_object_begin(&w);
        jwrite_pair(&w, "task_id", task_id);
        jwrite_pair(&w, "status", task_status_name(status));
        jwrite_key(&w, "result");
        if (result)
                jwrite_raw(&w, result, strlen(result));
        else
                jwrite_null(&w);
        jwrite_key(&w, "traceback");
        jwrite_null(&w);
        jwrite_key(&w, "children");
        jwrite_array_begin(&w);
        jwrite_array_end(&w);
        jwrite_object_end(&w);
}

/* What a Celery worker would have said: programs catch these classes. */
static const struct {
        const char *slug, *type, *module;
} known[] = {
        {"not-registered", "NotRegistered", "celery.exceptions"},
        {"task-expired", "TaskRevokedError", "celery.exceptions"},
        {"time-limit-exceeded", "TimeLimitExceeded", "billiard.exceptions"},
        {"task-parked", "WorkerLostError", "billiard.exceptions"},
};

/* price-too-large -> PriceTooLarge */
static void write_class(struct buf *out, const char *slug)
{
        bool upper = true;

        for (; *slug; slug++) {
                if (*slug == '-') {
                        upper = true;
                        continue;
                }
                buf_append_char(out,
                                upper && *slug >= 'a' && *slug <= 'z' ? (char)(*slug - 'a' + 'A') : *slug);
                upper = false;
        }
}

void task_error_encode(struct buf *out, const char *slug, unsigned status, const char *detail,
                       const struct field_errors *errors)
{
        struct jwrite w = jwrite_to(out);
        size_t i = 0;

        while (i < ARRAY_SIZE(known) && !streq(slug, known[i].slug))
                i++;
        jwrite_object_begin(&w);
        jwrite_key(&w, "exc_type");
        jwrite_raw(&w, "\"", 1);
        if (i < ARRAY_SIZE(known))
                buf_append_str(out, known[i].type);
        else
                write_class(out, slug);
        buf_append_char(out, '"');
        jwrite_key(&w, "exc_message");
        jwrite_array_begin(&w);
        jwrite_string(&w, detail ? detail : slug);
        jwrite_array_end(&w);
        jwrite_pair(&w, "exc_module", i < ARRAY_SIZE(known) ? known[i].module : "lonja");
        jwrite_key(&w, "problem");
        jwrite_raw(&w, "", 0);
        problem_write(out, status, slug, detail, errors);
        jwrite_object_end(&w);
}

void task_result_done(struct task_result *r)
{
        free(r->task_id);
        free(r->traceback);
        json_decref(r->result);
        *r = (struct task_result){0};
}

static int read_status(const char *name, enum task_status *ret)
{
        for (size_t i = 0; name && i < ARRAY_SIZE(names); i++)
                if (streq(name, names[i])) {
                        *ret = (enum task_status)i;
                        return 0;
                }
        return -EBADMSG;
}

static int read_result(json_t *object, struct task_result *r)
{
        const char *id = json_string_value(json_object_get(object, "task_id"));
        json_t *result = json_object_get(object, "result");
        int k;

        if (!id || *id == '\0' || !result)
                return -EBADMSG;
        k = read_status(json_string_value(json_object_get(object, "status")), &r->status);
        if (k < 0)
                return k;
        k = strdup_to(&r->task_id, id);
        if (k < 0)
                return k;
        r->result = json_incref(result);
        return strdup_to(&r->traceback, json_string_value(json_object_get(object, "traceback")));
}

int task_result_decode(const char *text, size_t n, struct task_result *ret)
{
        _cleanup_json_ json_t *object = NULL;
        struct task_result result = {0};
        struct field_errors errors;
        int r;

        errors.n_errors = 0;
        r = jread_text(text, n, &object, &errors);
        if (r >= 0)
                r = read_result(object, &result);
        if (r < 0) {
                task_result_done(&result);
                return r;
        }
        *ret = result;
        return 0;
}

void task_result_describe(struct buf *out, const struct task_result *r)
{
        const char *type = json_string_value(json_object_get(r->result, "exc_type"));
        json_t *message = json_object_get(r->result, "exc_message");

        if (!type)
                return;
        buf_append_str(out, type);
        if (json_is_array(message))
                message = json_array_get(message, 0);
        if (json_is_string(message))
                buf_printf(out, ": %s", json_string_value(message));
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* From a delivery to a job. */

#include <errno.h>

#include "base/alloc.h"
#include "base/parse.h"
#include "base/str.h"
#include "calculator/calculator.h"
#include "contract/names.h"

/* {"expression":...} as REST takes it, or the bare expression. */
static int decode(struct job *j, const struct mq_delivery *d, struct field_errors *errors)
{
        _cleanup_free_ char *text = NULL;
        const char *p = d->body, *end = d->body + d->body_size;

        while (p < end && (*p == ' ' || *p == '\t' || *p == '\n' || *p == '\r'))
                p++;
        if (p < end && *p == '{')
                return calculation_input_decode(d->body, d->body_size, &j->computation.input, errors);
        text = memdup_str(d->body, d->body_size);
        if (!text)
                return -ENOMEM;
        return calculation_input_make(memchr(text, '\0', d->body_size) ? "" : text, NULL, NULL, 0,
                                      &j->computation.input, errors);
}

/* In the body, as a person writes it, or in the header. */
static int decode_deadline(struct job *j, const struct mq_delivery *d)
{
        const char *deadline = header_text(d->headers, HEADER_DEADLINE);
        int64_t usec;

        if (j->computation.input.deadline || !deadline || parse_rfc3339(deadline, &usec) < 0)
                return 0;
        return strdup_to(&j->computation.input.deadline, deadline);
}

static int copy_if_any(char **field, const char *value)
{
        return value && *value ? strdup_to(field, value) : 0;
}

static int copy_delivery(struct job *j, const struct mq_delivery *d)
{
        bool is_kept = d->type && streq(d->type, CALCULATION_TYPE) && d->message_id && *d->message_id;
        int r;

        j->tag = d->tag;
        j->generation = d->generation;
        j->was_delivered_before = d->redelivered;
        r = copy_if_any(&j->reply_to, d->reply_to);
        if (r == 0)
                r = copy_if_any(&j->correlation_id, d->correlation_id);
        if (r == 0)
                r = copy_if_any(&j->request_id, d->request_id);
        if (r == 0 && is_kept)
                r = strdup_to(&j->id, d->message_id);
        return r;
}

/* What is no calculation: whoever waits is told, and else it is a dead letter. */
static void refuse(struct job *j, const struct field_errors *errors)
{
        struct calculator *c = j->calculator;
        struct buf text = BUF_EMPTY;

        c->counters.n_refused++;
        calculator_counted(c);
        list_append(&c->jobs.active, &j->link);
        if (!j->id && !j->reply_to) {
                mq_delivery_reject(&c->consumer, j->tag, j->generation, false);
                job_end(j);
                return;
        }
        calculation_error_write(&text, "invalid-input", errors->errors[0].reason, 0);
        j->error_json = buf_take(&text, NULL);
        if (!j->error_json)
                job_requeue(j);
        else
                job_tell(j);
}

void job_accept(struct calculator *c, const struct mq_delivery *d)
{
        struct field_errors errors = {.n_errors = 0};
        struct job *j = new0(struct job, 1);
        int r;

        if (!j || service_is_draining(c->service)) {
                free(j);
                mq_delivery_reject(&c->consumer, d->tag, d->generation, true);
                return;
        }
        j->calculator = c;
        service_hold(c->service);
        r = copy_delivery(j, d);
        if (r == 0)
                r = decode(j, d, &errors);
        if (r == 0)
                r = decode_deadline(j, d);
        if (r == 0 && !j->id && !j->reply_to) {
                field_errors_add(&errors, "", "nobody waits for the answer");
                r = -EBADMSG;
        }
        if (r == -EBADMSG) {
                refuse(j, &errors);
        } else if (r < 0) {
                job_requeue(j);
        } else {
                list_append(&c->jobs.waiting, &j->link);
                job_start_waiting(c);
        }
}

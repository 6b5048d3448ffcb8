/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/computation.h"

#include <string.h>

#include "base/macro.h"

/* In a thread. */
static void on_run(struct offload_job *o)
{
        struct computation *c = container_of(o, struct computation, offload);
        const char *text = c->input.expression;

        c->status = expression_evaluate(text, strlen(text), (unsigned)c->input.digits, c->work_usec,
                                        &c->result, &c->error);
}

static void on_computed(struct offload_job *o)
{
        struct computation *c = container_of(o, struct computation, offload);

        c->complete(c);
}

void computation_submit(struct computation *c, struct offload *o)
{
        c->offload = (struct offload_job){.run = on_run, .complete = on_computed};
        offload_submit(o, &c->offload);
}

void computation_done(struct computation *c)
{
        calculation_input_done(&c->input);
        expression_result_done(&c->result);
}

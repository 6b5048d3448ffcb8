/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* One expression and what it comes to, computed off the loop: for a message as for a task. */

#include "arithmetic/calculation_input.h"
#include "service/offload.h"

struct computation {
        struct calculation_input input; /* owned, as all results */
        usec_t work_usec;               /* of processor time it may take */
        void (*complete)(struct computation *c);

        int status; /* 0; -EBADMSG with `error`; -ENOMEM */
        struct expression_result result;
        struct expression_error error;

        struct offload_job offload; /* private */
};

/* `c` must not die before complete() or the end of `o`. */
void computation_submit(struct computation *c, struct offload *o);
/* Zeroed and used ones. */
void computation_done(struct computation *c);

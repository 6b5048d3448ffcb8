/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja.v1.Calculator: begin functions of its methods. */

#include "rpc/rpc_call.h"

int calculation_grpc_add(struct rpc_call *c);
int calculation_grpc_subtract(struct rpc_call *c);
int calculation_grpc_multiply(struct rpc_call *c);
int calculation_grpc_divide(struct rpc_call *c);
int calculation_grpc_evaluate(struct rpc_call *c);
int calculation_grpc_submit(struct rpc_call *c);
int calculation_grpc_get(struct rpc_call *c);
int calculation_grpc_watch(struct rpc_call *c);

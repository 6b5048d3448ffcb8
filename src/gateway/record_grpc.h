/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* lonja.v1.Records: begin functions of its methods. */

#include "rpc/rpc_call.h"

int record_grpc_add(struct rpc_call *c);
int record_grpc_get(struct rpc_call *c);
int record_grpc_list(struct rpc_call *c);
int record_grpc_watch(struct rpc_call *c);
void record_grpc_watch_writable(struct rpc_call *c);

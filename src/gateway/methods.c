/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/gateway.h"
#include "gateway/record_grpc.h"
#include "proto/lonja/v1/records.pb-c.h"

#define RECORD_REQUEST_MAX ((size_t)64 * 1024) /* 10,000 characters of four bytes, and to spare */

const struct rpc_method gateway_methods[] = {
        {.name = "/lonja.v1.Records/Add",
         .kind = RPC_UNARY,
         .request = &lonja__v1__add_record_request__descriptor,
         .response = &lonja__v1__record__descriptor,
         .begin = record_grpc_add,
         .flags = RPC_METHOD_WRITE,
         .scope = AUTH_WRITE,
         .message_max = RECORD_REQUEST_MAX},
        {.name = "/lonja.v1.Records/Get",
         .kind = RPC_UNARY,
         .request = &lonja__v1__get_record_request__descriptor,
         .response = &lonja__v1__record__descriptor,
         .begin = record_grpc_get,
         .scope = AUTH_READ,
         .message_max = 1024},
        {.name = "/lonja.v1.Records/List",
         .kind = RPC_UNARY,
         .request = &lonja__v1__list_records_request__descriptor,
         .response = &lonja__v1__list_records_response__descriptor,
         .begin = record_grpc_list,
         .scope = AUTH_READ,
         .message_max = 1024},
        {.name = NULL},
};

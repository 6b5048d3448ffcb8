/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

/* Server reflection v1 and v1alpha (grpc/doc/server-reflection.md), so that tools can call what they have no
 * .proto of. Both are the same bytes under two names. */

#include <errno.h>

#include "base/str.h"
#include "proto/grpc/reflection/v1/reflection.pb-c.h"
#include "proto/proto_set.h"
#include "rpc/proto_wire.h"
#include "rpc/rpc_internal.h"

#define SERVICES_MAX 32
#define REQUEST_MAX 4096

static int begin(struct rpc_call *c)
{
        return 0;
}

static int tell(struct rpc_call *c, const Grpc__Reflection__V1__ServerReflectionResponse *m)
{
        int r = rpc_call_send(c, &m->base);

        return r == -EPIPE ? 0 : r;
}

static int send_error(struct rpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *m,
                      enum grpc_code code, const char *text)
{
        Grpc__Reflection__V1__ErrorResponse error = GRPC__REFLECTION__V1__ERROR_RESPONSE__INIT;

        error.error_code = (int32_t)code;
        error.error_message = (char *)text;
        m->message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ERROR_RESPONSE;
        m->error_response = &error;
        return tell(c, m);
}

static int send_file(struct rpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *m,
                     struct proto_wire file)
{
        ProtobufCBinaryData bytes = {.data = (uint8_t *)file.at, .len = proto_wire_size(file)};
        Grpc__Reflection__V1__FileDescriptorResponse files =
                GRPC__REFLECTION__V1__FILE_DESCRIPTOR_RESPONSE__INIT;

        files.n_file_descriptor_proto = 1;
        files.file_descriptor_proto = &bytes;
        m->message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_FILE_DESCRIPTOR_RESPONSE;
        m->file_descriptor_response = &files;
        return tell(c, m);
}

static int answer_file(struct rpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *m,
                       const char *name, bool is_symbol)
{
        struct proto_wire set = proto_wire_of(proto_set, proto_set_size), file;
        int r = is_symbol ? proto_set_find_symbol(set, name, &file) : proto_set_find_file(set, name, &file);

        return r < 0 ? send_error(c, m, GRPC_NOT_FOUND, "not-found: nothing of this name")
                     : send_file(c, m, file);
}

/* Proto3 has no extensions: none, of a type that exists. */
static int answer_extensions(struct rpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *m,
                             const char *type)
{
        Grpc__Reflection__V1__ExtensionNumberResponse none =
                GRPC__REFLECTION__V1__EXTENSION_NUMBER_RESPONSE__INIT;
        struct proto_wire file;

        if (proto_set_find_symbol(proto_wire_of(proto_set, proto_set_size), type, &file) < 0)
                return send_error(c, m, GRPC_NOT_FOUND, "not-found: nothing of this name");
        none.base_type_name = (char *)type;
        m->message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_ALL_EXTENSION_NUMBERS_RESPONSE;
        m->all_extension_numbers_response = &none;
        return tell(c, m);
}

/* The services of the method table, each once; methods of one stand together there. The names are the call's.
 */
static size_t list_services(struct rpc_call *c, Grpc__Reflection__V1__ServiceResponse *services)
{
        const struct rpc_server *s = c->server;
        size_t n = 0;

        for (size_t i = 0; i < s->n_entries && n < SERVICES_MAX; i++) {
                const char *name = s->entries[i].method->name + 1;
                char *service = arena_memdup_str(&c->arena, name, strcspn(name, "/"));

                if (!service || (n > 0 && streq(services[n - 1].name, service)))
                        continue;
                grpc__reflection__v1__service_response__init(&services[n]);
                services[n++].name = service;
        }
        return n;
}

static int answer_list(struct rpc_call *c, Grpc__Reflection__V1__ServerReflectionResponse *m)
{
        Grpc__Reflection__V1__ServiceResponse services[SERVICES_MAX], *places[SERVICES_MAX];
        Grpc__Reflection__V1__ListServiceResponse list = GRPC__REFLECTION__V1__LIST_SERVICE_RESPONSE__INIT;

        list.n_service = list_services(c, services);
        list.service = places;
        for (size_t i = 0; i < list.n_service; i++)
                places[i] = &services[i];
        m->message_response_case =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__MESSAGE_RESPONSE_LIST_SERVICES_RESPONSE;
        m->list_services_response = &list;
        return tell(c, m);
}

static int take(struct rpc_call *c, const struct ProtobufCMessage *base)
{
        Grpc__Reflection__V1__ServerReflectionRequest *q = (void *)base;
        Grpc__Reflection__V1__ServerReflectionResponse m =
                GRPC__REFLECTION__V1__SERVER_REFLECTION_RESPONSE__INIT;

        m.valid_host = q->host;
        m.original_request = q;
        switch (q->message_request_case) {
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_BY_FILENAME:
                return answer_file(c, &m, q->file_by_filename, false);
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_SYMBOL:
                return answer_file(c, &m, q->file_containing_symbol, true);
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_ALL_EXTENSION_NUMBERS_OF_TYPE:
                return answer_extensions(c, &m, q->all_extension_numbers_of_type);
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_LIST_SERVICES:
                return answer_list(c, &m);
        case GRPC__REFLECTION__V1__SERVER_REFLECTION_REQUEST__MESSAGE_REQUEST_FILE_CONTAINING_EXTENSION:
                return send_error(c, &m, GRPC_NOT_FOUND, "not-found: there are no extensions");
        default:
                rpc_call_problem(c, 400, "bad-message", "the request asks for nothing");
                return 0;
        }
}

static void writable(struct rpc_call *c)
{
        rpc_call_resume(c);
}

static void ended(struct rpc_call *c)
{
        rpc_call_finish(c, GRPC_OK, NULL);
}

#define METHOD(version)                                                                                      \
        {                                                                                                    \
                .name = "/grpc.reflection." version ".ServerReflection/ServerReflectionInfo",                \
                .kind = RPC_STREAM, .request = &grpc__reflection__v1__server_reflection_request__descriptor, \
                .response = &grpc__reflection__v1__server_reflection_response__descriptor, .begin = begin,   \
                .message = take, .ended = ended, .writable = writable,                                       \
                .flags = RPC_METHOD_QUIET | RPC_METHOD_ENDLESS, .message_max = REQUEST_MAX,                  \
        }

const struct rpc_method rpc_reflection_methods[] = {METHOD("v1"), METHOD("v1alpha"), {0}};

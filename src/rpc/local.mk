# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += librpc.a
librpc_a_CPPFLAGS = $(AM_CPPFLAGS) $(NGHTTP2_CFLAGS) $(PROTOBUF_C_CFLAGS)
librpc_a_SOURCES = \
	%D%/grpc_frame.c \
	%D%/grpc_frame.h \
	%D%/proto_wire.c \
	%D%/proto_wire.h \
	%D%/rpc_answer.c \
	%D%/rpc_ask.c \
	%D%/rpc_call.c \
	%D%/rpc_call.h \
	%D%/rpc_client.c \
	%D%/rpc_client.h \
	%D%/rpc_client_internal.h \
	%D%/rpc_client_session.c \
	%D%/rpc_connection.c \
	%D%/rpc_health.c \
	%D%/rpc_header.c \
	%D%/rpc_header.h \
	%D%/rpc_internal.h \
	%D%/rpc_codec.c \
	%D%/rpc_codec.h \
	%D%/rpc_receive.c \
	%D%/rpc_reflection.c \
	%D%/rpc_server.c \
	%D%/rpc_server.h \
	%D%/rpc_session.c \
	$(NULL)

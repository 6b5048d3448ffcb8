# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

rpc_tests = test-grpc-frame test-grpc-status test-proto-wire test-rpc-codec
check_PROGRAMS += $(rpc_tests)
TESTS += $(rpc_tests)

rpc_test_libraries = librpc.a libproto.a libcontract.a libjson.a libbase.a $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_grpc_frame_SOURCES = %D%/test-grpc-frame.c
test_grpc_frame_LDADD = $(rpc_test_libraries)

test_grpc_status_SOURCES = %D%/test-grpc-status.c
test_grpc_status_LDADD = $(rpc_test_libraries)

test_proto_wire_SOURCES = %D%/test-proto-wire.c
test_proto_wire_LDADD = $(rpc_test_libraries)

test_rpc_codec_SOURCES = %D%/test-rpc-codec.c
nodist_test_rpc_codec_SOURCES = tests/lib/echo.pb-c.c
test_rpc_codec_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
test_rpc_codec_LDADD = $(rpc_test_libraries)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
#
# A target is fuzz-NAME.c with its inputs in corpus/NAME.  With --enable-fuzzing (and CC=clang) it is a libFuzzer
# program: ./fuzz-NAME ../tests/fuzz/corpus/NAME -max_total_time=60; otherwise `make check` replays the inputs.

fuzz_targets = fuzz-grpc-frame fuzz-proto-set fuzz-rpc-client fuzz-rpc-message \
	fuzz-bridge-frame \
	fuzz-conf \
	fuzz-cron \
	fuzz-cursor \
	fuzz-etag \
	fuzz-event-message \
	fuzz-http-path \
	fuzz-jread \
	fuzz-list-query \
	fuzz-page-wire \
	fuzz-product \
	fuzz-record-message \
	fuzz-product-import \
	fuzz-scalar \
	fuzz-task-message \
	fuzz-task-result \
	fuzz-topics \
	fuzz-url-query \
	fuzz-ws-reader \
	fuzz-zone \
	$(NULL)
fuzz_targets += fuzz-calculation-input fuzz-expression
check_PROGRAMS += $(fuzz_targets)
if FUZZING
fuzz_ldflags = $(AM_LDFLAGS) -fsanitize=fuzzer
fuzz_main =
else
fuzz_ldflags = $(AM_LDFLAGS)
fuzz_main = %D%/standalone.c
TESTS += $(fuzz_targets)
endif
EXTRA_DIST += %D%/standalone.c %D%/fuzz.h %D%/corpus

fuzz_bridge_frame_SOURCES = %D%/fuzz-bridge-frame.c $(fuzz_main)
fuzz_bridge_frame_LDFLAGS = $(fuzz_ldflags)
fuzz_bridge_frame_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_conf_SOURCES = %D%/fuzz-conf.c $(fuzz_main)
fuzz_conf_LDFLAGS = $(fuzz_ldflags)
fuzz_conf_LDADD = libservice.a libbase.a $(INIH_LIBS) $(SYSTEMD_LIBS)

fuzz_record_message_SOURCES = %D%/fuzz-record-message.c $(fuzz_main)
fuzz_record_message_LDFLAGS = $(fuzz_ldflags)
fuzz_record_message_LDADD = libgateway.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_event_message_SOURCES = %D%/fuzz-event-message.c $(fuzz_main)
fuzz_event_message_LDFLAGS = $(fuzz_ldflags)
fuzz_event_message_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_calculation_input_SOURCES = %D%/fuzz-calculation-input.c $(fuzz_main)
fuzz_calculation_input_LDFLAGS = $(fuzz_ldflags)
fuzz_calculation_input_LDADD = $(arithmetic_LIBS) libcontract.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_expression_SOURCES = %D%/fuzz-expression.c $(fuzz_main)
fuzz_expression_LDFLAGS = $(fuzz_ldflags)
fuzz_expression_LDADD = $(arithmetic_LIBS) libbase.a

fuzz_http_path_SOURCES = %D%/fuzz-http-path.c $(fuzz_main)
fuzz_http_path_LDFLAGS = $(fuzz_ldflags)
fuzz_http_path_LDADD = libhttp.a libbase.a

fuzz_jread_SOURCES = %D%/fuzz-jread.c $(fuzz_main)
fuzz_jread_LDFLAGS = $(fuzz_ldflags)
fuzz_jread_LDADD = libjson.a libbase.a $(JANSSON_LIBS)

fuzz_scalar_SOURCES = %D%/fuzz-scalar.c $(fuzz_main)
fuzz_scalar_LDFLAGS = $(fuzz_ldflags)
fuzz_scalar_LDADD = libbase.a

fuzz_topics_SOURCES = %D%/fuzz-topics.c $(fuzz_main)
fuzz_topics_LDFLAGS = $(fuzz_ldflags)
fuzz_topics_LDADD = libnotifier.a libhttp.a libbase.a

fuzz_ws_reader_SOURCES = %D%/fuzz-ws-reader.c $(fuzz_main)
fuzz_ws_reader_LDFLAGS = $(fuzz_ldflags)
fuzz_ws_reader_LDADD = libws.a libbase.a $(WSLAY_LIBS)

fuzz_url_query_SOURCES = %D%/fuzz-url-query.c $(fuzz_main)
fuzz_url_query_LDFLAGS = $(fuzz_ldflags)
fuzz_url_query_LDADD = libbase.a

fuzz_cursor_SOURCES = %D%/fuzz-cursor.c $(fuzz_main)
fuzz_cursor_LDFLAGS = $(fuzz_ldflags)
fuzz_cursor_LDADD = libweb.a libauth.a libjson.a libbase.a $(JANSSON_LIBS) $(SODIUM_LIBS)

fuzz_etag_SOURCES = %D%/fuzz-etag.c $(fuzz_main)
fuzz_etag_LDFLAGS = $(fuzz_ldflags)
fuzz_etag_LDADD = libweb.a libbase.a

fuzz_list_query_SOURCES = %D%/fuzz-list-query.c $(fuzz_main)
fuzz_list_query_LDFLAGS = $(fuzz_ldflags)
fuzz_list_query_LDADD = libweb.a libauth.a libjson.a libbase.a $(JANSSON_LIBS) $(SODIUM_LIBS)

fuzz_page_wire_SOURCES = %D%/fuzz-page-wire.c $(fuzz_main)
fuzz_page_wire_LDFLAGS = $(fuzz_ldflags)
fuzz_page_wire_LDADD = libbridge.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_product_SOURCES = %D%/fuzz-product.c $(fuzz_main)
fuzz_product_LDFLAGS = $(fuzz_ldflags)
fuzz_product_LDADD = libproducts.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_product_import_SOURCES = %D%/fuzz-product-import.c $(fuzz_main)
fuzz_product_import_LDFLAGS = $(fuzz_ldflags)
fuzz_product_import_LDADD = libproducts.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_cron_SOURCES = %D%/fuzz-cron.c $(fuzz_main)
fuzz_cron_LDFLAGS = $(fuzz_ldflags)
fuzz_cron_LDADD = libscheduler.a libbase.a

fuzz_zone_SOURCES = %D%/fuzz-zone.c $(fuzz_main)
fuzz_zone_LDFLAGS = $(fuzz_ldflags)
fuzz_zone_LDADD = libscheduler.a libbase.a

fuzz_task_message_SOURCES = %D%/fuzz-task-message.c $(fuzz_main)
fuzz_task_message_LDFLAGS = $(fuzz_ldflags)
fuzz_task_message_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_task_result_SOURCES = %D%/fuzz-task-result.c $(fuzz_main)
fuzz_task_result_LDFLAGS = $(fuzz_ldflags)
fuzz_task_result_LDADD = libcontract.a libjson.a libbase.a $(JANSSON_LIBS)

fuzz_grpc_frame_SOURCES = %D%/fuzz-grpc-frame.c $(fuzz_main)
fuzz_grpc_frame_LDFLAGS = $(fuzz_ldflags)
fuzz_grpc_frame_LDADD = librpc.a libbase.a

fuzz_proto_set_SOURCES = %D%/fuzz-proto-set.c $(fuzz_main)
fuzz_proto_set_LDFLAGS = $(fuzz_ldflags)
fuzz_proto_set_LDADD = librpc.a libbase.a

fuzz_rpc_client_SOURCES = %D%/fuzz-rpc-client.c $(fuzz_main)
nodist_fuzz_rpc_client_SOURCES = tests/lib/echo.pb-c.c
fuzz_rpc_client_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
fuzz_rpc_client_LDFLAGS = $(fuzz_ldflags)
fuzz_rpc_client_LDADD = $(tests_lib_rpc_probe_LDADD)

fuzz_rpc_message_SOURCES = %D%/fuzz-rpc-message.c $(fuzz_main)
nodist_fuzz_rpc_message_SOURCES = tests/lib/echo.pb-c.c
fuzz_rpc_message_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
fuzz_rpc_message_LDFLAGS = $(fuzz_ldflags)
fuzz_rpc_message_LDADD = librpc.a libbase.a $(PROTOBUF_C_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libgateway.a
libgateway_a_SOURCES = \
	%D%/calculation.c \
	%D%/calculation.h \
	%D%/calculation_api.c \
	%D%/calculation_api.h \
	%D%/calculation_feed.c \
	%D%/calculation_grpc.c \
	%D%/calculation_grpc.h \
	%D%/calculation_internal.h \
	%D%/calculation_store.c \
	%D%/calculation_sweep.c \
	%D%/calculation_wait.c \
	%D%/gateway.c \
	%D%/gateway.h \
	%D%/gateway_conf.c \
	%D%/gateway_conf.h \
	%D%/gateway_metrics.c \
	%D%/http_task.c \
	%D%/http_task.h \
	%D%/methods.c \
	%D%/record.c \
	%D%/record.h \
	%D%/record_api.c \
	%D%/record_api.h \
	%D%/record_feed.c \
	%D%/record_feed.h \
	%D%/record_grpc.c \
	%D%/record_grpc.h \
	%D%/record_message.c \
	%D%/record_message.h \
	%D%/record_queue.c \
	%D%/record_queue.h \
	%D%/record_store.c \
	%D%/record_store.h \
	%D%/routes.c \
	$(NULL)
nodist_libgateway_a_SOURCES = %D%/calculation_schema.c %D%/gateway_schema.c

EXTRA_DIST += %D%/calculation.openapi.json %D%/gateway.openapi.json
CLEANFILES += %D%/calculation_schema.c %D%/gateway_schema.c

%D%/calculation_schema.c: %D%/calculation.openapi.json $(embed_schema_script)
	$(embed_schema) calculation $(srcdir)/%D%/calculation.openapi.json

%D%/gateway_schema.c: %D%/gateway.openapi.json $(embed_schema_script)
	$(embed_schema) gateway $(srcdir)/%D%/gateway.openapi.json

sbin_PROGRAMS += lonja-gateway
lonja_gateway_SOURCES = %D%/main.c
lonja_gateway_LDADD = libgateway.a libtasks.a libfetch.a libweb.a librpc.a libproto.a libevents.a libauth.a libhttp.a libpg.a libmq.a libnet.a \
	$(arithmetic_LIBS) libcontract.a libjson.a libservice.a libbase.a \
	$(CURL_LIBS) $(MHD_LIBS) $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(NGHTTP2_LIBS) $(PROTOBUF_C_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
	$(SYSTEMD_LIBS)

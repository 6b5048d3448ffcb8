# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Built always, not by `make check` alone: ./dev up stands on it too.
noinst_PROGRAMS += %D%/listen-exec
tests_lib_listen_exec_SOURCES = %D%/listen-exec.c

EXTRA_DIST += \
	%D%/arithmetic.py \
	%D%/browser.py \
	%D%/calculations.py \
	%D%/catalogue.py \
	%D%/celery_app.py \
	%D%/devstack.py \
	%D%/echo.proto \
	%D%/grpcs.py \
	%D%/h2raw.py \
	%D%/holder.py \
	%D%/live.py \
	%D%/metrics.py \
	%D%/postgres.py \
	%D%/probe.py \
	%D%/process.py \
	%D%/rabbitmq.py \
	%D%/records.py \
	%D%/rpcprobe.py \
	%D%/schedules.py \
	%D%/stack.py \
	%D%/tasks.py \
	%D%/units.py \
	%D%/waiting.py \
	$(NULL)

# Layers driven by lines on stdin, for tests/integration.
noinst_PROGRAMS += %D%/mq-probe %D%/relay-probe
tests_lib_mq_probe_SOURCES = %D%/mq-probe.c
tests_lib_mq_probe_LDADD = libmq.a libservice.a libbase.a $(RABBITMQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)
tests_lib_relay_probe_SOURCES = %D%/relay-probe.c
tests_lib_relay_probe_LDADD = libevents.a libpg.a libmq.a libservice.a libcontract.a libjson.a libbase.a \
	$(PQ_LIBS) $(RABBITMQ_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

# A gRPC server with methods that no product has.
noinst_PROGRAMS += %D%/rpc-probe
tests_lib_rpc_probe_SOURCES = %D%/rpc-probe.c
nodist_tests_lib_rpc_probe_SOURCES = %D%/echo.pb-c.c
tests_lib_rpc_probe_CPPFLAGS = $(AM_CPPFLAGS) $(PROTOBUF_C_CFLAGS)
tests_lib_rpc_probe_LDADD = librpc.a libproto.a libnet.a libservice.a libcontract.a libjson.a libbase.a \
	$(NGHTTP2_LIBS) $(PROTOBUF_C_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)
noinst_PROGRAMS += %D%/ask-probe
tests_lib_ask_probe_SOURCES = %D%/ask-probe.c
nodist_tests_lib_ask_probe_SOURCES = %D%/echo.pb-c.c
tests_lib_ask_probe_CPPFLAGS = $(tests_lib_rpc_probe_CPPFLAGS)
tests_lib_ask_probe_LDADD = $(tests_lib_rpc_probe_LDADD)
BUILT_SOURCES += %D%/echo.pb-c.h
CLEANFILES += %D%/echo.pb-c.c %D%/echo.pb-c.h %D%/echo.set

# Its descriptors beside it: the tests make their messages of them.
%D%/echo.pb-c.c: %D%/echo.proto
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(PROTOC_C) --proto_path=$(srcdir) --c_out=. --descriptor_set_out=%D%/echo.set $(srcdir)/%D%/echo.proto && \
	touch $(@:.c=.h)
%D%/echo.pb-c.h: %D%/echo.pb-c.c
	@test -e $@ && touch $@

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Built always, not by `make check` alone: ./dev up stands on it too.
noinst_PROGRAMS += %D%/listen-exec
tests_lib_listen_exec_SOURCES = %D%/listen-exec.c

EXTRA_DIST += \
	%D%/catalogue.py \
	%D%/devstack.py \
	%D%/holder.py \
	%D%/postgres.py \
	%D%/probe.py \
	%D%/process.py \
	%D%/rabbitmq.py \
	%D%/stack.py \
	%D%/units.py \
	$(NULL)

# Layers driven by lines on stdin, for tests/integration.
noinst_PROGRAMS += %D%/mq-probe %D%/relay-probe
tests_lib_mq_probe_SOURCES = %D%/mq-probe.c
tests_lib_mq_probe_LDADD = libmq.a libservice.a libbase.a $(RABBITMQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)
tests_lib_relay_probe_SOURCES = %D%/relay-probe.c
tests_lib_relay_probe_LDADD = libevents.a libpg.a libmq.a libservice.a libcontract.a libjson.a libbase.a \
	$(PQ_LIBS) $(RABBITMQ_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

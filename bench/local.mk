# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Only for ./dev bench.
EXTRA_PROGRAMS += bench-mhd
bench_mhd_SOURCES = %D%/bare_mhd.c
bench_mhd_LDADD = $(MHD_LIBS)

EXTRA_PROGRAMS += amqp-echo
amqp_echo_SOURCES = %D%/amqp-echo.c
amqp_echo_LDADD = $(RABBITMQ_LIBS)

EXTRA_PROGRAMS += cold-select
cold_select_SOURCES = %D%/cold-select.c
cold_select_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
cold_select_LDADD = $(PQ_LIBS)

.PHONY: bench-programs
bench-programs: bench-mhd$(EXEEXT) amqp-echo$(EXEEXT) cold-select$(EXEEXT)

EXTRA_DIST += \
	%D%/README.md \
	%D%/bed.py \
	%D%/bench.py \
	%D%/calculations.lua \
	%D%/calculations.py \
	%D%/insert-batch.sql \
	%D%/insert.sql \
	%D%/products.py \
	%D%/python-calculations/app.py \
	%D%/python-records/app.py \
	%D%/records.lua \
	%D%/records.py \
	%D%/django/app.py \
	%D%/get.sql \
	%D%/live.py %D%/measure.py \
	%D%/requests.lua \
	%D%/schedules.py \
	%D%/update.sql \
	$(NULL)

# What src/http costs without a database: its own opening comment tells.
EXTRA_PROGRAMS += http-loop
http_loop_SOURCES = %D%/http-loop.c
http_loop_LDADD = libhttp.a libnet.a libcontract.a libservice.a libjson.a libbase.a $(MHD_LIBS) $(GNUTLS_LIBS) \
	$(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libcalculator.a
libcalculator_a_SOURCES = \
	%D%/calculation_store.c %D%/calculation_store.h \
	%D%/calculator.c %D%/calculator.h \
	%D%/calculator_conf.c %D%/calculator_conf.h \
	%D%/calculator_tasks.c %D%/calculator_tasks.h \
	%D%/computation.c %D%/computation.h \
	%D%/job.c %D%/job.h \
	%D%/job_accept.c \
	%D%/job_attempt.c

sbin_PROGRAMS += lonja-calculator
lonja_calculator_SOURCES = %D%/main.c
lonja_calculator_LDADD = libcalculator.a libtasks.a libauth.a libpg.a libmq.a $(arithmetic_LIBS) libcontract.a \
	libjson.a libservice.a libbase.a $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

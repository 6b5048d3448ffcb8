# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

sbin_PROGRAMS += lonja-sweep
lonja_sweep_SOURCES = \
	%D%/main.c \
	%D%/sweep.c \
	%D%/sweep.h \
	%D%/sweep_trim.c \
	$(NULL)
lonja_sweep_LDADD = libevents.a libpg.a libmq.a libcontract.a libservice.a libbase.a \
	$(PQ_LIBS) $(RABBITMQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

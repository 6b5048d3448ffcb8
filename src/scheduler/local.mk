# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libscheduler.a
libscheduler_a_SOURCES = \
	%D%/backfill_api.c \
	%D%/civil.c \
	%D%/civil.h \
	%D%/clock_watch.c \
	%D%/clock_watch.h \
	%D%/cron.c \
	%D%/cron.h \
	%D%/firing_store.c \
	%D%/firing_store.h \
	%D%/id_batch.c \
	%D%/id_batch.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/recurrence.c \
	%D%/recurrence.h \
	%D%/result_intake.c \
	%D%/result_intake.h \
	%D%/routes.c \
	%D%/schedule.c \
	%D%/schedule.h \
	%D%/schedule_api.c \
	%D%/schedule_api.h \
	%D%/schedule_file.c \
	%D%/schedule_file.h \
	%D%/schedule_store.c \
	%D%/schedule_store.h \
	%D%/schedule_write_api.c \
	%D%/scheduler.c \
	%D%/scheduler.h \
	%D%/scheduler_conf.c \
	%D%/scheduler_conf.h \
	%D%/scheduler_files.c \
	%D%/scheduler_metrics.c \
	%D%/sender.c \
	%D%/sender.h \
	%D%/ticker.c \
	%D%/ticker.h \
	%D%/zone.c \
	%D%/zone.h \
	%D%/zone_book.c \
	%D%/zone_book.h \
	%D%/zone_file.c \
	%D%/zone_rule.c \
	$(NULL)
nodist_libscheduler_a_SOURCES = %D%/scheduler_schema.c

EXTRA_DIST += %D%/scheduler.openapi.json
CLEANFILES += %D%/scheduler_schema.c

%D%/scheduler_schema.c: %D%/scheduler.openapi.json $(embed_schema_script)
	$(embed_schema) scheduler $(srcdir)/%D%/scheduler.openapi.json

sbin_PROGRAMS += lonja-scheduler
lonja_scheduler_SOURCES = %D%/main.c
lonja_scheduler_LDADD = libscheduler.a libweb.a libevents.a libauth.a libhttp.a libpg.a libmq.a libnet.a \
	libcontract.a libjson.a libservice.a libbase.a \
	$(MHD_LIBS) $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
	$(SYSTEMD_LIBS)

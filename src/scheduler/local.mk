# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libscheduler.a
libscheduler_a_SOURCES = \
	%D%/civil.c \
	%D%/civil.h \
	%D%/cron.c \
	%D%/cron.h \
	%D%/plan.c \
	%D%/plan.h \
	%D%/recurrence.c \
	%D%/recurrence.h \
	%D%/zone.c \
	%D%/zone.h \
	%D%/zone_file.c \
	%D%/zone_rule.c \
	$(NULL)

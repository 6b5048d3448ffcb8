# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

scheduler_tests = test-firing-plan test-recurrence test-schedule test-scheduler-schema test-zone
check_PROGRAMS += $(scheduler_tests)
TESTS += $(scheduler_tests)

test_firing_plan_SOURCES = %D%/test-firing-plan.c
test_firing_plan_LDADD = libscheduler.a libbase.a $(CMOCKA_LIBS)

test_recurrence_SOURCES = %D%/test-recurrence.c
test_recurrence_LDADD = libscheduler.a libbase.a $(CMOCKA_LIBS)

test_schedule_SOURCES = %D%/test-schedule.c
test_schedule_LDADD = libscheduler.a libcontract.a libservice.a libjson.a libbase.a $(JANSSON_LIBS) $(INIH_LIBS) \
	$(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_scheduler_schema_SOURCES = %D%/test-scheduler-schema.c $(schema_test_sources)
test_scheduler_schema_LDADD = $(lonja_scheduler_LDADD) $(CMOCKA_LIBS)

test_zone_SOURCES = %D%/test-zone.c
test_zone_LDADD = libscheduler.a libbase.a $(CMOCKA_LIBS)

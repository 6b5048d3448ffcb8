# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

check_PROGRAMS += test-task-letter
TESTS += test-task-letter

test_task_letter_SOURCES = %D%/test-task-letter.c
test_task_letter_LDADD = libtasks.a libmq.a libjson.a libservice.a libbase.a $(RABBITMQ_LIBS) $(JANSSON_LIBS) \
	$(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

mq_tests = test-mq-confirm test-mq-content test-mq-field test-mq-outgoing test-mq-uri
check_PROGRAMS += $(mq_tests)
TESTS += $(mq_tests)
mq_test_libs = libmq.a libservice.a libbase.a $(RABBITMQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_mq_confirm_SOURCES = %D%/test-mq-confirm.c
test_mq_confirm_LDADD = $(mq_test_libs)

test_mq_content_SOURCES = %D%/test-mq-content.c
test_mq_content_LDADD = $(mq_test_libs)

test_mq_field_SOURCES = %D%/test-mq-field.c
test_mq_field_LDADD = $(mq_test_libs)

test_mq_outgoing_SOURCES = %D%/test-mq-outgoing.c
test_mq_outgoing_LDADD = $(mq_test_libs)

test_mq_uri_SOURCES = %D%/test-mq-uri.c
test_mq_uri_LDADD = $(mq_test_libs)

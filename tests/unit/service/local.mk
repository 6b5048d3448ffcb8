# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

service_tests = test-conf test-expiry test-listen test-log test-loop test-service test-unit-daemon
check_PROGRAMS += $(service_tests)
TESTS += $(service_tests)
service_test_libs = libservice.a libbase.a $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_conf_SOURCES = %D%/test-conf.c
test_conf_LDADD = $(service_test_libs)

test_expiry_SOURCES = %D%/test-expiry.c $(tiny_http)
test_expiry_CPPFLAGS = $(tiny_http_CPPFLAGS)
test_expiry_LDADD = libnet.a $(service_test_libs) $(GNUTLS_LIBS)

test_listen_SOURCES = %D%/test-listen.c
test_listen_LDADD = $(service_test_libs)

test_log_SOURCES = %D%/test-log.c
test_log_LDADD = $(service_test_libs)

test_loop_SOURCES = %D%/test-loop.c
test_loop_LDADD = $(service_test_libs)

test_service_SOURCES = %D%/test-service.c
test_service_LDADD = $(service_test_libs)

test_unit_daemon_SOURCES = %D%/test-unit-daemon.c
test_unit_daemon_LDADD = $(service_test_libs)

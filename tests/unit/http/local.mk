# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

http_tests = test-http-body test-http-end test-http-list test-http-request test-http-router test-http-stream \
	test-http-tls
check_PROGRAMS += $(http_tests)
TESTS += $(http_tests)

http_test_libraries = libhttp.a libnet.a libcontract.a libservice.a libjson.a libbase.a $(MHD_LIBS) \
	$(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)
http_fixture = %D%/http-fixture.c %D%/http-fixture.h

test_http_body_SOURCES = %D%/test-http-body.c $(http_fixture)
test_http_body_LDADD = $(http_test_libraries)

test_http_end_SOURCES = %D%/test-http-end.c $(http_fixture)
test_http_end_LDADD = $(http_test_libraries)

test_http_list_SOURCES = %D%/test-http-list.c
test_http_list_LDADD = libhttp.a $(CMOCKA_LIBS)

test_http_request_SOURCES = %D%/test-http-request.c $(http_fixture)
test_http_request_LDADD = $(http_test_libraries)

test_http_router_SOURCES = %D%/test-http-router.c
test_http_router_LDADD = $(http_test_libraries)

test_http_stream_SOURCES = %D%/test-http-stream.c $(http_fixture)
test_http_stream_LDADD = $(http_test_libraries)

test_http_tls_SOURCES = %D%/test-http-tls.c $(http_fixture) $(test_certificate)
test_http_tls_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_srcdir)/tests/unit/net
test_http_tls_LDADD = $(http_test_libraries)

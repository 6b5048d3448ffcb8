# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

bridge_tests = test-bearer test-bridge-conf test-page-wire test-product-watch test-session
check_PROGRAMS += $(bridge_tests)
TESTS += $(bridge_tests)

fake_api = %D%/fake-api.c %D%/fake-api.h $(tiny_http)
bridge_test_cppflags = $(tiny_http_CPPFLAGS) -I$(srcdir)/%D%
bridge_test_libs = $(bridge_LIBS) $(CMOCKA_LIBS)

test_bearer_SOURCES = %D%/test-bearer.c $(fake_api)
test_bearer_CPPFLAGS = $(bridge_test_cppflags)
test_bearer_LDADD = $(bridge_test_libs)

test_bridge_conf_SOURCES = %D%/test-bridge-conf.c
test_bridge_conf_LDADD = $(bridge_test_libs)


test_page_wire_SOURCES = %D%/test-page-wire.c
test_page_wire_LDADD = $(bridge_test_libs)

test_product_watch_SOURCES = %D%/test-product-watch.c $(fake_api)
test_product_watch_CPPFLAGS = $(bridge_test_cppflags)
test_product_watch_LDADD = $(bridge_test_libs)


test_session_SOURCES = %D%/test-session.c $(fake_api)
test_session_CPPFLAGS = $(bridge_test_cppflags)
test_session_LDADD = $(bridge_test_libs)

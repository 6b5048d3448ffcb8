# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

web_tests = test-address test-cursor test-etag test-guard test-weblist test-plan test-write
check_PROGRAMS += $(web_tests)
TESTS += $(web_tests)

web_test_fakes = %D%/fake_http.c %D%/fake_http.h %D%/fake_pg.c %D%/fake_pg.h
web_test_libs = libweb.a libhttp.a libauth.a libpg.a libjson.a libbase.a $(JANSSON_LIBS) $(SODIUM_LIBS) $(CMOCKA_LIBS)

test_address_SOURCES = %D%/test-address.c
test_address_LDADD = $(web_test_libs)

test_cursor_SOURCES = %D%/test-cursor.c
test_cursor_LDADD = $(web_test_libs)

test_etag_SOURCES = %D%/test-etag.c
test_etag_LDADD = $(web_test_libs)

test_guard_SOURCES = %D%/test-guard.c $(web_test_fakes)
test_guard_LDADD = $(web_test_libs)

test_plan_SOURCES = %D%/test-plan.c
test_plan_LDADD = $(web_test_libs)

test_weblist_SOURCES = %D%/test-weblist.c $(web_test_fakes)
test_weblist_LDADD = $(web_test_libs)

test_write_SOURCES = %D%/test-write.c $(web_test_fakes)
test_write_LDADD = $(web_test_libs)

# For the daemons' own tests.
schema_test_sources = %D%/schema-test.c %D%/schema-test.h

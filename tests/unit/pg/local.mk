# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

pg_tests = test-pg-migration test-pg-params test-pg-pool test-pg-query test-pg-resolve
check_PROGRAMS += $(pg_tests)
TESTS += $(pg_tests)

pg_test_libs = libpg.a libservice.a libbase.a $(PQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_pg_migration_SOURCES = %D%/test-pg-migration.c
test_pg_migration_LDADD = $(pg_test_libs)
test_pg_params_SOURCES = %D%/test-pg-params.c
test_pg_params_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
test_pg_params_LDADD = $(pg_test_libs)
test_pg_pool_SOURCES = %D%/test-pg-pool.c
test_pg_pool_LDADD = $(pg_test_libs)
test_pg_query_SOURCES = %D%/test-pg-query.c
test_pg_query_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
test_pg_query_LDADD = $(pg_test_libs)
test_pg_resolve_SOURCES = %D%/test-pg-resolve.c
test_pg_resolve_LDADD = $(pg_test_libs)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

auth_tests = test-auth test-hasher
check_PROGRAMS += $(auth_tests)
TESTS += $(auth_tests)

test_auth_SOURCES = %D%/test-auth.c
test_auth_LDADD = libauth.a libpg.a libservice.a libjson.a libbase.a $(PQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) \
	$(SODIUM_LIBS) $(CMOCKA_LIBS)

test_hasher_SOURCES = %D%/test-hasher.c
test_hasher_LDADD = libauth.a libservice.a libbase.a $(SYSTEMD_LIBS) $(SODIUM_LIBS) $(CMOCKA_LIBS)

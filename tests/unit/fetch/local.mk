# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

check_PROGRAMS += test-fetch test-fetch-address
TESTS += test-fetch test-fetch-address

test_fetch_address_SOURCES = %D%/test-fetch-address.c
test_fetch_address_LDADD = libfetch.a libbase.a $(CURL_LIBS) $(CMOCKA_LIBS)

# The bridge's tests use the little server too.
tiny_http = %D%/tiny-http.c %D%/tiny-http.h
tiny_http_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D%
test_fetch_SOURCES = %D%/test-fetch.c $(tiny_http)
test_fetch_CPPFLAGS = $(tiny_http_CPPFLAGS)
test_fetch_LDADD = libfetch.a libnet.a libservice.a libbase.a $(CURL_LIBS) $(GNUTLS_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) \
	$(CMOCKA_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

net_tests = test-net-acceptor test-net-address test-net-stream
check_PROGRAMS += $(net_tests)
TESTS += $(net_tests)

net_test_libraries = libnet.a libservice.a libbase.a $(GNUTLS_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS) $(CMOCKA_LIBS)

test_net_acceptor_SOURCES = %D%/test-net-acceptor.c
test_net_acceptor_LDADD = $(net_test_libraries)

test_net_address_SOURCES = %D%/test-net-address.c
test_net_address_LDADD = $(net_test_libraries)

test_certificate = %D%/certificate.c %D%/certificate.h
test_net_stream_SOURCES = %D%/test-net-stream.c $(test_certificate)
test_net_stream_LDADD = $(net_test_libraries)

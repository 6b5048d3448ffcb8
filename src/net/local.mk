# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	%D%/net_acceptor.c \
	%D%/net_acceptor.h \
	%D%/net_address.c \
	%D%/net_address.h \
	%D%/net_digest.c \
	%D%/net_digest.h \
	%D%/net_stream.c \
	%D%/net_stream.h \
	%D%/net_tls.c \
	%D%/net_tls.h \
	$(NULL)

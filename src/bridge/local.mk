# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libbridge.a
libbridge_a_SOURCES = \
	%D%/bearer.c %D%/bearer.h \
	%D%/bridge.c %D%/bridge.h \
	%D%/bridge_conf.c %D%/bridge_conf.h \
	%D%/event_feed.c %D%/event_feed.h \
	%D%/page_wire.c %D%/page_wire.h \
	%D%/problem_text.c %D%/problem_text.h \
	%D%/product_answer.c \
	%D%/product_book.c \
	%D%/product_entry.h \
	%D%/product_watch.c %D%/product_watch.h \
	%D%/session.c %D%/session.h \
	%D%/session_ask.h \
	%D%/session_list.c \
	%D%/session_request.c %D%/session_request.h \
	%D%/session_right.c \
	%D%/session_serve.c \
	%D%/session_watch.c \
	%D%/upstream.c %D%/upstream.h

bridge_LIBS = libbridge.a libfetch.a libmq.a libnet.a libservice.a libcontract.a libjson.a libbase.a \
	$(CURL_LIBS) $(RABBITMQ_LIBS) $(GNUTLS_LIBS) $(INIH_LIBS) $(JANSSON_LIBS) $(SYSTEMD_LIBS)

sbin_PROGRAMS += lonja-bridge
lonja_bridge_SOURCES = %D%/main.c
lonja_bridge_LDADD = $(bridge_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libnotifier.a
libnotifier_a_SOURCES = \
	%D%/catch_up.c %D%/catch_up.h \
	%D%/client.c %D%/client.h \
	%D%/event_log.c %D%/event_log.h \
	%D%/event_text.c %D%/event_text.h \
	%D%/feed.c %D%/feed.h \
	%D%/host_state.c %D%/host_state.h \
	%D%/notifier.c %D%/notifier.h \
	%D%/notifier_conf.c %D%/notifier_conf.h \
	%D%/notifier_metrics.c \
	%D%/origin.c %D%/origin.h \
	%D%/page.c %D%/page.h \
	%D%/panel.c %D%/panel.h \
	%D%/routes.c \
	%D%/sse_client.c \
	%D%/stream_api.c %D%/stream_api.h \
	%D%/topics.c %D%/topics.h \
	%D%/ws_client.c
nodist_libnotifier_a_SOURCES = %D%/notifier_schema.c

EXTRA_DIST += %D%/notifier.openapi.json
CLEANFILES += %D%/notifier_schema.c

%D%/notifier_schema.c: %D%/notifier.openapi.json $(embed_schema_script)
	$(embed_schema) notifier $(srcdir)/%D%/notifier.openapi.json

sbin_PROGRAMS += lonja-notifier
lonja_notifier_SOURCES = %D%/main.c
lonja_notifier_LDADD = libnotifier.a libweb.a libevents.a libauth.a libws.a libhttp.a libpg.a libmq.a libnet.a \
	libcontract.a libjson.a libservice.a libbase.a \
	$(MHD_LIBS) $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(WSLAY_LIBS) $(JANSSON_LIBS) \
	$(INIH_LIBS) $(SYSTEMD_LIBS)

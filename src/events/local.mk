# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libevents.a
libevents_a_SOURCES = \
	%D%/event_relay.c \
	%D%/event_relay.h \
	%D%/events_conf.c \
	%D%/events_conf.h \
	$(NULL)

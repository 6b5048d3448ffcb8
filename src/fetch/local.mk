# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libfetch.a
libfetch_a_SOURCES = \
	src/fetch/fetch.h \
	src/fetch/fetch.c \
	src/fetch/fetch_address.h \
	src/fetch/fetch_address.c \
	src/fetch/fetch_slot.h \
	src/fetch/fetch_slot.c \
	$(NULL)

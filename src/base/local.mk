# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	%D%/alloc.c %D%/alloc.h \
	%D%/arena.c %D%/arena.h \
	%D%/base64.c %D%/base64.h \
	%D%/buf.c %D%/buf.h \
	%D%/clock.c %D%/clock.h \
	%D%/decimal.c %D%/decimal.h \
	%D%/fd.c %D%/fd.h \
	%D%/header.c %D%/header.h \
	%D%/id.c %D%/id.h \
	%D%/list.h \
	%D%/macro.h \
	%D%/map.c %D%/map.h \
	%D%/parse.c %D%/parse.h \
	%D%/str.c %D%/str.h \
	%D%/thread.c %D%/thread.h \
	%D%/url.c %D%/url.h

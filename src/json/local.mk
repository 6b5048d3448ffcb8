# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libjson.a
libjson_a_SOURCES = \
	%D%/jread.c %D%/jread.h \
	%D%/jwrite.c %D%/jwrite.h

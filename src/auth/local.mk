# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libauth.a
libauth_a_SOURCES = \
	%D%/auth.c \
	%D%/auth.h \
	%D%/auth_check.c \
	%D%/auth_command.c \
	%D%/auth_command.h \
	%D%/auth_digest.c \
	%D%/auth_digest.h \
	%D%/auth_hasher.c \
	%D%/auth_hasher.h \
	%D%/auth_token.c \
	%D%/auth_watch.c \
	%D%/auth_watch.h \
	$(NULL)

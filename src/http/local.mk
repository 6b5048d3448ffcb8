# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
	%D%/http_handler.c \
	%D%/http_headers.c \
	%D%/http_internal.h \
	%D%/http_list.c \
	%D%/http_list.h \
	%D%/http_port.c \
	%D%/http_receive.c \
	%D%/http_reply.c \
	%D%/http_request.c \
	%D%/http_request.h \
	%D%/http_router.c \
	%D%/http_router.h \
	%D%/http_server.c \
	%D%/http_server.h \
	%D%/http_stream.c \
	%D%/http_tls.c \
	%D%/http_upgrade.c \
	$(NULL)

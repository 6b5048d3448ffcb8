# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libmq.a
libmq_a_SOURCES = \
	%D%/mq_conf.c \
	%D%/mq_confirm.c \
	%D%/mq_confirm.h \
	%D%/mq_conn.c \
	%D%/mq_conn.h \
	%D%/mq_consume.c \
	%D%/mq_consume.h \
	%D%/mq_content.c \
	%D%/mq_content.h \
	%D%/mq_field.c \
	%D%/mq_field.h \
	%D%/mq_link.c \
	%D%/mq_link.h \
	%D%/mq_loop.h \
	%D%/mq_probe.c \
	%D%/mq_probe.h \
	%D%/mq_publish.c \
	%D%/mq_publish.h \
	%D%/mq_publisher.c \
	%D%/mq_publisher.h \
	%D%/mq_receiver.c \
	%D%/mq_receiver.h \
	%D%/mq_socket.c \
	%D%/mq_socket.h \
	%D%/mq_uri.c \
	%D%/mq_uri.h \
	$(NULL)

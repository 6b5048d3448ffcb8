# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libservice.a
libservice_a_SOURCES = \
	%D%/bell.c %D%/bell.h \
	%D%/conf.c %D%/conf.h \
	%D%/conf_load.c \
	%D%/conf_value.c %D%/conf_value.h \
	%D%/credential.c \
	%D%/expiry.c %D%/expiry.h \
	%D%/files.c %D%/files.h \
	%D%/listen.c %D%/listen.h \
	%D%/log.c %D%/log.h %D%/log_ids.h \
	%D%/loop.c %D%/loop.h \
	%D%/offload.c %D%/offload.h \
	%D%/service.c %D%/service.h %D%/service_life.h \
	%D%/service_main.c \
	%D%/unit_daemon.c %D%/unit_daemon.h \
	%D%/unit_state.c %D%/unit_state.h

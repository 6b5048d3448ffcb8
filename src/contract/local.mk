# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libcontract.a
libcontract_a_SOURCES = \
	%D%/bridge_frame.c %D%/bridge_frame.h \
	%D%/event_message.c %D%/event_message.h \
	%D%/grpc_status.c %D%/grpc_status.h \
	%D%/names.c %D%/names.h \
	%D%/problem.c %D%/problem.h \
	%D%/task_message.c %D%/task_message.h \
	%D%/task_result_message.c %D%/task_result_message.h

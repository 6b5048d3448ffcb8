# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libtasks.a
libtasks_a_SOURCES = \
	%D%/task_answer.c \
	%D%/task_begin.c \
	%D%/task_call.c \
	%D%/task_call.h \
	%D%/task_internal.h \
	%D%/task_later.c \
	%D%/task_letter.c \
	%D%/task_letter.h \
	%D%/task_store.c \
	%D%/task_store.h \
	%D%/task_worker.c \
	%D%/task_worker.h \
	%D%/tasks_conf.c \
	%D%/tasks_conf.h \
	$(NULL)

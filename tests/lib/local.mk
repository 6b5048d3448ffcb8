# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Built always, not by `make check` alone: ./dev up stands on it too.
noinst_PROGRAMS += %D%/listen-exec
tests_lib_listen_exec_SOURCES = %D%/listen-exec.c

EXTRA_DIST += \
	%D%/devstack.py \
	%D%/holder.py \
	%D%/postgres.py \
	%D%/process.py \
	%D%/rabbitmq.py \
	%D%/stack.py \
	%D%/units.py \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Built always, not by `make check` alone: ./dev up stands on them too.
noinst_PROGRAMS += %D%/listen-exec %D%/migrate
tests_lib_listen_exec_SOURCES = %D%/listen-exec.c
tests_lib_migrate_SOURCES = %D%/migrate.c
tests_lib_migrate_LDADD = libpg.a libservice.a libbase.a $(PQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

EXTRA_DIST += \
	%D%/holder.py \
	%D%/postgres.py \
	%D%/process.py \
	%D%/rabbitmq.py \
	%D%/stack.py \
	%D%/units.py \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libpg.a
libpg_a_CPPFLAGS = $(AM_CPPFLAGS) $(PQ_CFLAGS)
libpg_a_SOURCES = \
	%D%/pg_ask.c \
	%D%/pg_ask.h \
	%D%/pg_blocking.c \
	%D%/pg_blocking.h \
	%D%/pg_cancel.c \
	%D%/pg_cancel.h \
	%D%/pg_conf.c \
	%D%/pg_conn.c \
	%D%/pg_conn.h \
	%D%/pg_copy.c \
	%D%/pg_copy.h \
	%D%/pg_group.c \
	%D%/pg_group.h \
	%D%/pg_line.c \
	%D%/pg_line.h \
	%D%/pg_link.c \
	%D%/pg_link.h \
	%D%/pg_listen.c \
	%D%/pg_listen.h \
	%D%/pg_migrate.c \
	%D%/pg_migrate.h \
	%D%/pg_migration.c \
	%D%/pg_migration.h \
	%D%/pg_params.c \
	%D%/pg_params.h \
	%D%/pg_place.c \
	%D%/pg_place.h \
	%D%/pg_pipeline.c \
	%D%/pg_pipeline.h \
	%D%/pg_pool.c \
	%D%/pg_pool.h \
	%D%/pg_prepared.c \
	%D%/pg_prepared.h \
	%D%/pg_query.c \
	%D%/pg_query.h \
	%D%/pg_resolve.c \
	%D%/pg_resolve.h \
	%D%/pg_sqlstate.c \
	$(NULL)
nodist_libpg_a_SOURCES = %D%/schema_version.h

BUILT_SOURCES += %D%/schema_version.h
CLEANFILES += %D%/schema_version.h
$(libpg_a_OBJECTS): %D%/schema_version.h

%D%/schema_version.h: Makefile
	$(AM_V_GEN)$(MKDIR_P) $(@D) && \
	version=`for f in $(dist_sql_DATA); do echo "$$f"; done | \
		$(SED) -e 's|.*/||' -e 's|_.*||' -e 's|^0*||' | sort -n | tail -n 1` && \
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* SPDX-FileCopyrightText: Lonja contributors */\n#pragma once\n\n/* Made from the list in sql/local.mk. */\n#define SCHEMA_VERSION %s\n' \
		"$$version" >$@.tmp && mv $@.tmp $@

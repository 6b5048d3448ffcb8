# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = \
	%D%/web.h \
	%D%/web_account.c \
	%D%/web_account.h \
	%D%/web_address.c \
	%D%/web_address.h \
	%D%/web_backend.c \
	%D%/web_backend.h \
	%D%/web_cursor.c \
	%D%/web_cursor.h \
	%D%/web_etag.c \
	%D%/web_etag.h \
	%D%/web_guard.c \
	%D%/web_health.c \
	%D%/web_input.c \
	%D%/web_input.h \
	%D%/web_list.c \
	%D%/web_list.h \
	%D%/web_metrics.c \
	%D%/web_open.c \
	%D%/web_plan.c \
	%D%/web_plan.h \
	%D%/web_private.h \
	%D%/web_rpc.c \
	%D%/web_rpc.h \
	%D%/web_schema.c \
	%D%/web_schema.h \
	%D%/web_session_api.c \
	%D%/web_user_api.c \
	%D%/web_value.c \
	%D%/web_value.h \
	%D%/web_write.c \
	%D%/web_write.h \
	$(NULL)
nodist_libweb_a_SOURCES = %D%/web_account_schema.c %D%/web_operation_schema.c

EXTRA_DIST += %D%/embed-schema %D%/web_account.openapi.json %D%/web_operation.openapi.json
CLEANFILES += $(nodist_libweb_a_SOURCES)

# A daemon's own document: its rule ends with $(embed_schema) NAME FILE.
embed_schema_script = $(srcdir)/%D%/embed-schema
embed_schema = $(AM_V_GEN)$(MKDIR_P) $(@D) && embed() { $(SHELL) $(embed_schema_script) "$$@" >$@.tmp && mv $@.tmp $@; } && embed

%D%/web_account_schema.c: %D%/web_account.openapi.json %D%/embed-schema
	$(embed_schema) web_account $(srcdir)/%D%/web_account.openapi.json
%D%/web_operation_schema.c: %D%/web_operation.openapi.json %D%/embed-schema
	$(embed_schema) web_operation $(srcdir)/%D%/web_operation.openapi.json

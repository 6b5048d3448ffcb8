# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	%D%/cli.c \
	%D%/cli.h \
	%D%/cli_address.c \
	%D%/cli_address.h \
	%D%/cli_args.c \
	%D%/cli_args.h \
	%D%/cli_calc.c \
	%D%/cli_child.c \
	%D%/cli_child.h \
	%D%/cli_conf.c \
	%D%/cli_conf.h \
	%D%/cli_db.c \
	%D%/cli_events.c \
	%D%/cli_fields.c \
	%D%/cli_fields.h \
	%D%/cli_grpc.c \
	%D%/cli_grpc.h \
	%D%/cli_http.c \
	%D%/cli_http.h \
	%D%/cli_list.c \
	%D%/cli_list.h \
	%D%/cli_password.c \
	%D%/cli_password.h \
	%D%/cli_problem.c \
	%D%/cli_problem.h \
	%D%/cli_products.c \
	%D%/cli_products.h \
	%D%/cli_progress.c \
	%D%/cli_progress.h \
	%D%/cli_record.c \
	%D%/cli_record.h \
	%D%/cli_record_watch.c \
	%D%/cli_secret.c \
	%D%/cli_secret.h \
	%D%/cli_setup.c \
	%D%/cli_setup.h \
	%D%/cli_setup_files.c \
	%D%/cli_setup_local.c \
	%D%/cli_setup_place.c \
	%D%/cli_setup_text.c \
	%D%/cli_setup_text.h \
	%D%/cli_status.c \
	%D%/cli_table.c \
	%D%/cli_table.h \
	%D%/cli_tasks.c \
	%D%/cli_tasks.h \
	%D%/cli_tasks_history.c \
	%D%/cli_transfer.c \
	%D%/cli_until.c \
	%D%/cli_until.h \
	%D%/cli_user.c \
	%D%/cli_watch.c \
	$(NULL)

# cli_db.c needs the version that libpg.a is made for
$(libcli_a_OBJECTS): src/pg/schema_version.h

bin_PROGRAMS += lonja
lonja_SOURCES = %D%/main.c
lonja_LDADD = libcli.a libauth.a librpc.a libproto.a libfetch.a libpg.a libmq.a libnet.a libservice.a libcontract.a libjson.a libbase.a \
	$(PQ_LIBS) $(RABBITMQ_LIBS) $(CURL_LIBS) $(JANSSON_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(NGHTTP2_LIBS) $(PROTOBUF_C_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Run by `./dev test`, not by `make check`: they start PostgreSQL and RabbitMQ.
EXTRA_DIST += \
	%D%/bridge_scale.py \
	%D%/conftest.py \
	%D%/notifier_scale.py \
	%D%/test_bridge.py \
	%D%/test_auth.py \
	%D%/test_calculator.py \
	%D%/test_dashboard.py \
	%D%/test_calculator_exact.py \
	%D%/test_calculator_grpc.py \
	%D%/test_calculator_kill.py \
	%D%/test_dev.py \
	%D%/test_gateway.py \
	%D%/test_grpc.py \
	%D%/test_health.py \
	%D%/test_write.py \
	%D%/test_holder.py \
	%D%/test_http.py \
	%D%/test_cli.py \
	%D%/test_cli_record.py \
	%D%/test_kill.py \
	%D%/test_mq.py \
	%D%/test_notifier.py \
	%D%/test_records.py \
	%D%/test_records_amqp.py \
	%D%/test_records_kill.py \
	%D%/test_records_watch.py \
	%D%/test_relay.py \
	%D%/test_rpc.py \
	%D%/test_rpc_client.py \
	%D%/test_rpc_hostile.py \
	%D%/test_schedules.py \
	%D%/test_schedules_celery.py \
	%D%/test_schedules_kill.py \
	%D%/test_schedules_servers.py \
	%D%/test_sweep.py \
	%D%/test_tasks.py \
	%D%/test_tasks_calculator.py \
	%D%/test_tasks_http.py \
	%D%/test_pg.py \
	%D%/test_products.py \
	%D%/test_products_bulk.py \
	%D%/test_products_failures.py \
	%D%/test_products_list.py \
	%D%/test_products_prices.py \
	$(NULL)

# Stories about src/pg told to a real server by test_pg.py.
noinst_PROGRAMS += pg-live
pg_live_CPPFLAGS = $(AM_CPPFLAGS) -I$(srcdir)/%D%/pg-live
pg_live_SOURCES = \
	%D%/pg-live/failures.c \
	%D%/pg-live/live.h \
	%D%/pg-live/load.c \
	%D%/pg-live/main.c \
	%D%/pg-live/queries.c \
	%D%/pg-live/sessions.c \
	$(NULL)
pg_live_LDADD = libpg.a libservice.a libbase.a $(PQ_LIBS) $(INIH_LIBS) $(SYSTEMD_LIBS)

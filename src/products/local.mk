# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libproducts.a
libproducts_a_SOURCES = \
	%D%/csv_wire.c \
	%D%/csv_wire.h \
	%D%/product.c \
	%D%/product.h \
	%D%/product_api.c \
	%D%/product_api.h \
	%D%/product_export_api.c \
	%D%/product_import.c \
	%D%/product_import.h \
	%D%/product_import_api.c \
	%D%/product_input.c \
	%D%/product_input.h \
	%D%/product_lookup.c \
	%D%/product_lookup.h \
	%D%/product_store.c \
	%D%/product_store.h \
	%D%/product_tasks.c \
	%D%/product_write_api.c \
	%D%/products.c \
	%D%/products.h \
	%D%/products_conf.c \
	%D%/products_conf.h \
	%D%/products_metrics.c \
	%D%/routes.c \
	$(NULL)
nodist_libproducts_a_SOURCES = %D%/products_schema.c

EXTRA_DIST += %D%/products.openapi.json
CLEANFILES += %D%/products_schema.c

%D%/products_schema.c: %D%/products.openapi.json $(embed_schema_script)
	$(embed_schema) products $(srcdir)/%D%/products.openapi.json

sbin_PROGRAMS += lonja-products
lonja_products_SOURCES = %D%/main.c
lonja_products_LDADD = libproducts.a libtasks.a libweb.a libevents.a libauth.a libhttp.a libpg.a libmq.a libnet.a \
	libcontract.a libjson.a libservice.a libbase.a \
	$(MHD_LIBS) $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
	$(SYSTEMD_LIBS)

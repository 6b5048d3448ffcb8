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

# The document goes into the program byte by byte: it is served as it was written.
%D%/products_schema.c: %D%/products.openapi.json %D%/local.mk
	$(AM_V_GEN)$(MKDIR_P) $(@D) && { \
	printf '/* SPDX-License-Identifier: Apache-2.0 */\n/* SPDX-FileCopyrightText: Lonja contributors */\n\n'; \
	printf '/* Made from products.openapi.json. */\n\n#include "products/products.h"\n\nconst char products_schema[] = {\n'; \
	od -An -v -tu1 $(srcdir)/%D%/products.openapi.json | $(SED) -e 's/[0-9][0-9]*/&,/g'; \
	printf '0};\nconst size_t products_schema_size = sizeof(products_schema) - 1;\n'; } >$@.tmp && mv $@.tmp $@

sbin_PROGRAMS += lonja-products
lonja_products_SOURCES = %D%/main.c
lonja_products_LDADD = libproducts.a libweb.a libevents.a libauth.a libhttp.a libpg.a libmq.a libnet.a \
	libcontract.a libjson.a libservice.a libbase.a \
	$(MHD_LIBS) $(PQ_LIBS) $(RABBITMQ_LIBS) $(SODIUM_LIBS) $(GNUTLS_LIBS) $(JANSSON_LIBS) $(INIH_LIBS) \
	$(SYSTEMD_LIBS)

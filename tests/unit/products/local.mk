# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

products_tests = test-csv-wire test-product test-product-import test-product-store test-products-schema
check_PROGRAMS += $(products_tests)
TESTS += $(products_tests)

test_csv_wire_SOURCES = %D%/test-csv-wire.c
test_csv_wire_LDADD = libproducts.a libbase.a $(CMOCKA_LIBS)

test_product_SOURCES = %D%/test-product.c
test_product_LDADD = libproducts.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_product_import_SOURCES = %D%/test-product-import.c
test_product_import_LDADD = libproducts.a libjson.a libbase.a $(JANSSON_LIBS) $(CMOCKA_LIBS)

test_product_store_SOURCES = %D%/test-product-store.c
test_product_store_LDADD = $(lonja_products_LDADD) $(CMOCKA_LIBS)

test_products_schema_SOURCES = %D%/test-products-schema.c $(schema_test_sources)
test_products_schema_LDADD = $(lonja_products_LDADD) $(CMOCKA_LIBS)

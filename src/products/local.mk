# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libproducts.a
libproducts_a_SOURCES = \
	$(NULL)

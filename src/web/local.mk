# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libweb.a
libweb_a_SOURCES = \
	$(NULL)

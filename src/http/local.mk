# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libhttp.a
libhttp_a_SOURCES = \
	$(NULL)

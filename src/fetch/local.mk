# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libfetch.a
libfetch_a_SOURCES = \
	$(NULL)

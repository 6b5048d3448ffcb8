# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libbase.a
libbase_a_SOURCES = \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libpg.a
libpg_a_SOURCES = \
	$(NULL)

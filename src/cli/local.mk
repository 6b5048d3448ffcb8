# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libcli.a
libcli_a_SOURCES = \
	$(NULL)

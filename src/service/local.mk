# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libservice.a
libservice_a_SOURCES = \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libbridge.a
libbridge_a_SOURCES = \
	$(NULL)

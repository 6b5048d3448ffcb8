# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libauth.a
libauth_a_SOURCES = \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libnet.a
libnet_a_SOURCES = \
	$(NULL)

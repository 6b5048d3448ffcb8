# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libcontract.a
libcontract_a_SOURCES = \
	$(NULL)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libmq.a
libmq_a_SOURCES = \
	$(NULL)

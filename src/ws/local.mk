# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libws.a
libws_a_SOURCES = \
	%D%/ws_conn.c %D%/ws_conn.h \
	%D%/ws_frame.c %D%/ws_frame.h \
	%D%/ws_handshake.c %D%/ws_handshake.h \
	%D%/ws_reader.c %D%/ws_reader.h

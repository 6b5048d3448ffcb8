# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
#
# The gRPC contract.  protoc-c makes C of it in the build folder: #include "proto/lonja/v1/records.pb-c.h".  The
# descriptors of all files go into the program, too, for server reflection.

protodir = $(pkgdatadir)/proto
lonjaprotodir = $(protodir)/lonja/v1
dist_lonjaproto_DATA = \
	%D%/lonja/v1/calculator.proto \
	%D%/lonja/v1/records.proto
proto_foreign = \
	%D%/grpc/health/v1/health.proto \
	%D%/grpc/reflection/v1/reflection.proto \
	%D%/grpc/reflection/v1alpha/reflection.proto
proto_files = $(dist_lonjaproto_DATA) $(proto_foreign)
# v1alpha is v1 under another name, and served by the same code.
proto_compiled = $(dist_lonjaproto_DATA) %D%/grpc/health/v1/health.proto %D%/grpc/reflection/v1/reflection.proto
proto_sources = $(proto_compiled:.proto=.pb-c.c)
proto_headers = $(proto_compiled:.proto=.pb-c.h)

noinst_LIBRARIES += libproto.a
nodist_libproto_a_SOURCES = \
	%D%/lonja/v1/calculator.pb-c.c \
	%D%/lonja/v1/records.pb-c.c \
	%D%/grpc/health/v1/health.pb-c.c \
	%D%/grpc/reflection/v1/reflection.pb-c.c \
	%D%/proto_set.c
libproto_a_SOURCES = %D%/proto_set.h
libproto_a_CPPFLAGS = $(AM_CPPFLAGS) -I$(top_builddir)/proto $(PROTOBUF_C_CFLAGS)
# Made by others: our warnings are not theirs.
libproto_a_CFLAGS = -std=gnu17 $(SAN_FLAGS) -w

EXTRA_DIST += $(proto_foreign)
BUILT_SOURCES += $(proto_headers)
CLEANFILES += $(proto_sources) $(proto_headers) %D%/proto_set.c %D%/proto.set

SUFFIXES += .proto .pb-c.c
# One run makes both files; the header is the younger one, so that a rule from the source to it never runs twice.
.proto.pb-c.c:
	$(AM_V_GEN)$(MKDIR_P) %D% && \
	$(PROTOC_C) --proto_path=$(srcdir)/%D% --c_out=%D% $< && touch $(@:.c=.h)
$(proto_headers): $(proto_sources)
	@test -e $@ && touch $@

%D%/proto.set: $(proto_files)
	$(AM_V_GEN)$(MKDIR_P) %D% && cd $(srcdir) && \
	$(PROTOC_C) --proto_path=%D% --include_imports --descriptor_set_out=$(abs_top_builddir)/$@ $(proto_files)

%D%/proto_set.c: %D%/proto.set
	$(AM_V_GEN){ \
	printf '/* Made from proto.set. */\n\n#include "proto/proto_set.h"\n\nconst unsigned char proto_set[] = {\n'; \
	od -An -v -tu1 %D%/proto.set | $(SED) -e 's/[0-9][0-9]*/&,/g'; \
	printf '};\nconst size_t proto_set_size = sizeof(proto_set);\n'; } >$@.tmp && mv $@.tmp $@

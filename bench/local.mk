# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Only for ./dev bench.
EXTRA_PROGRAMS += bench-mhd
bench_mhd_SOURCES = %D%/bare_mhd.c
bench_mhd_LDADD = $(MHD_LIBS)

.PHONY: bench-programs
bench-programs: bench-mhd$(EXEEXT)

EXTRA_DIST += \
	%D%/README.md \
	%D%/bench.py \
	%D%/django/app.py \
	%D%/get.sql \
	%D%/measure.py \
	%D%/requests.lua \
	%D%/update.sql \
	$(NULL)

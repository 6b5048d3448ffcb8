# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

lint_scripts = \
	%D%/layering \
	%D%/format \
	%D%/forbidden \
	%D%/globals \
	%D%/spdx \
	%D%/shell \
	%D%/python \
	%D%/man \
	%D%/conf \
	%D%/units \
	$(NULL)
dist_check_SCRIPTS = $(lint_scripts)
TESTS += $(lint_scripts)
EXTRA_DIST += %D%/lib.sh

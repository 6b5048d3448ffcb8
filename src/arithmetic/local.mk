# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

noinst_LIBRARIES += libarithmetic.a
libarithmetic_a_SOURCES = \
	%D%/calculation_input.c %D%/calculation_input.h \
	%D%/expression.c %D%/expression.h \
	%D%/expression_exact.c \
	%D%/expression_format.c \
	%D%/expression_parse.c \
	%D%/expression_real.c \
	%D%/expression_tree.h \
	%D%/expression_zero.c \
	%D%/operation.c %D%/operation.h

arithmetic_LIBS = libarithmetic.a $(MPFR_LIBS) $(GMP_LIBS)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
#
# The migrations, one line each: the only list.  The highest number is the schema
# version that this build needs (src/pg/schema_version.h is made from it).

sqldir = $(pkgdatadir)/sql
dist_sql_DATA = \
	%D%/0001_foundation.sql \
	%D%/0002_events.sql \
	%D%/0003_accounts.sql \
	%D%/0004_products.sql \
	%D%/0005_records.sql \
	%D%/0006_tasks.sql \
	%D%/0007_calculations.sql \
	%D%/0008_schedules.sql \
	%D%/0009_suspects.sql \
	%D%/0010_calculation_groups.sql \
	$(NULL)

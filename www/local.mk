# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
#
# The dashboard, as it is served.  A panel is one line here, one in panels.js and one in src/notifier/panel.c.

wwwdir = $(pkgdatadir)/www
dist_www_DATA = \
	%D%/app.js \
	%D%/chart.js \
	%D%/dom.js \
	%D%/icon.svg \
	%D%/index.html \
	%D%/panel-calculations.js \
	%D%/panel-feed.js \
	%D%/panel-health.js \
	%D%/panel-prices.js \
	%D%/panel-records.js \
	%D%/panel-schedules.js \
	%D%/panel-system.js \
	%D%/panels.js \
	%D%/session.js \
	%D%/stream.js \
	%D%/style.css \
	$(NULL)

EXTRA_DIST += %D%/screenshot.png

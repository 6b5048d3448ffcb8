# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

systemd_sockets = \
	%D%/lonja-products.socket \
	%D%/lonja-products-admin.socket \
	%D%/lonja-products-bell.socket \
	%D%/lonja-scheduler.socket \
	%D%/lonja-scheduler-admin.socket \
	%D%/lonja-scheduler-bell.socket \
	%D%/lonja-scheduler-https.socket \
	%D%/lonja-products-https.socket \
	%D%/lonja-bridge.socket \
	%D%/lonja-bridge-tcps.socket \
	%D%/lonja-calculator-bell.socket \
	%D%/lonja-gateway.socket \
	%D%/lonja-gateway-admin.socket \
	%D%/lonja-gateway-bell.socket \
	%D%/lonja-gateway-https.socket \
	%D%/lonja-gateway-grpc.socket \
	%D%/lonja-gateway-grpcs.socket \
	%D%/lonja-notifier.socket \
	%D%/lonja-notifier-admin.socket \
	%D%/lonja-notifier-https.socket
systemd_services = \
	%D%/lonja.service \
	%D%/lonja-bridge.service \
	%D%/lonja-calculator.service \
	%D%/lonja-calculator@.service \
	%D%/lonja-db.service \
	%D%/lonja-gateway.service \
	%D%/lonja-notifier.service \
	%D%/lonja-products.service \
	%D%/lonja-scheduler.service \
	%D%/lonja-sweep.service
systemd_generated = $(systemd_services) %D%/tmpfiles.d/lonja.conf

catalogdir = $(prefix)/lib/systemd/catalog
sysusersdir = $(prefix)/lib/sysusers.d
tmpfilesdir = $(prefix)/lib/tmpfiles.d
dist_systemdsystemunit_DATA = $(systemd_sockets) %D%/lonja-sweep.timer %D%/lonja.slice
nodist_systemdsystemunit_DATA = $(systemd_services)
dist_catalog_DATA = %D%/lonja.catalog
dist_sysusers_DATA = %D%/sysusers.d/lonja.conf
nodist_tmpfiles_DATA = %D%/tmpfiles.d/lonja.conf

EXTRA_DIST += $(systemd_generated:=.in) %D%/sandbox.inc
CLEANFILES += $(systemd_generated) %D%/sandbox.tmp

# The line @SANDBOX@ of a service becomes the common block.
systemd_substitute = $(SED) \
	-e 's|@bindir[@]|$(bindir)|g' \
	-e 's|@sbindir[@]|$(sbindir)|g' \
	-e 's|@sysconfdir[@]|$(sysconfdir)|g' \
	-e 's|@localstatedir[@]|$(localstatedir)|g' \
	-e '/^@SANDBOX[@]$$/{' -e 'r %D%/sandbox.tmp' -e 'd' -e '}'

%D%/sandbox.tmp: %D%/sandbox.inc
	$(AM_V_GEN)$(MKDIR_P) %D% && $(SED) -e '/^#/d' -e '/^$$/d' $(srcdir)/%D%/sandbox.inc > $@

$(systemd_generated): %D%/sandbox.tmp Makefile

SUFFIXES += .service .service.in .conf .conf.in
.service.in.service:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(systemd_substitute) $< > $@
.conf.in.conf:
	$(AM_V_GEN)$(MKDIR_P) $(@D) && $(systemd_substitute) $< > $@

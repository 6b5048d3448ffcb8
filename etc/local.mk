# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

lonjaconfdir = $(sysconfdir)/lonja
dist_lonjaconf_DATA = %D%/lonja.conf %D%/products.conf %D%/scheduler.conf %D%/bridge.conf %D%/calculator.conf %D%/gateway.conf %D%/notifier.conf

lonjaschedulesdir = $(sysconfdir)/lonja/schedules.d
dist_lonjaschedules_DATA = %D%/schedules.d/update_prices.conf

# Empty folders for secrets, one for each user, read by LoadCredential= as root.
install-data-local: install-credentials
install-credentials:
	$(MKDIR_P) $(DESTDIR)$(sysconfdir)/lonja
	$(INSTALL) -d -m 0700 $(DESTDIR)$(sysconfdir)/lonja/credentials
	$(INSTALL) -d -m 0700 $(DESTDIR)$(sysconfdir)/lonja/credentials/lonja
	$(INSTALL) -d -m 0700 $(DESTDIR)$(sysconfdir)/lonja/credentials/lonja-bridge
uninstall-local: uninstall-credentials
uninstall-credentials:
	-rmdir $(DESTDIR)$(sysconfdir)/lonja/credentials/lonja \
		$(DESTDIR)$(sysconfdir)/lonja/credentials/lonja-bridge \
		$(DESTDIR)$(sysconfdir)/lonja/credentials
.PHONY: install-credentials uninstall-credentials

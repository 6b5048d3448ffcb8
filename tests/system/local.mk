# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Run by `./dev system-test`: they boot a host.
EXTRA_DIST += \
	%D%/base-tree \
	%D%/certificates.py \
	%D%/clients.py \
	%D%/conftest.py \
	%D%/host.py \
	%D%/manual.py \
	%D%/market.py \
	%D%/snapshot.py \
	%D%/test_10_bare.py \
	%D%/test_20_install.py \
	%D%/test_30_doors.py \
	%D%/test_35_suite.py \
	%D%/test_40_journal.py \
	%D%/test_45_autopkgtest.py \
	%D%/test_47_manual.py \
	%D%/test_50_handover.py \
	%D%/test_60_trouble.py \
	%D%/test_70_reboot.py \
	%D%/test_80_upgrade.py \
	%D%/test_85_elsewhere.py \
	%D%/test_90_cost.py \
	$(NULL)

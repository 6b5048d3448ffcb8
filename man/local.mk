# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

dist_man_MANS += \
	%D%/lonja.1 \
	%D%/lonja.7 \
	%D%/lonja-bridge.8 \
	%D%/lonja-calculator.8 \
	%D%/lonja-gateway.8 \
	%D%/lonja-notifier.8 \
	%D%/lonja-products.8 \
	%D%/lonja-scheduler.8 \
	%D%/lonja-sweep.8 \
	%D%/lonja-tasks.7 \
	%D%/lonja.conf.5 \
	$(NULL)

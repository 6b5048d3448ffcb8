# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

# Run by `./dev test`, not by `make check`: they start PostgreSQL and RabbitMQ.
EXTRA_DIST += \
	%D%/conftest.py \
	%D%/test_holder.py \
	$(NULL)

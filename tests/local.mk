# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors

include %D%/unit/base/local.mk
include %D%/unit/json/local.mk
include %D%/unit/arithmetic/local.mk
include %D%/unit/service/local.mk
include %D%/unit/net/local.mk
include %D%/unit/http/local.mk
include %D%/unit/rpc/local.mk
include %D%/unit/fetch/local.mk
include %D%/unit/pg/local.mk
include %D%/unit/mq/local.mk
include %D%/unit/auth/local.mk
include %D%/unit/contract/local.mk
include %D%/unit/events/local.mk
include %D%/unit/tasks/local.mk
include %D%/unit/web/local.mk
include %D%/unit/products/local.mk
include %D%/unit/bridge/local.mk
include %D%/unit/notifier/local.mk
include %D%/unit/ws/local.mk
include %D%/unit/scheduler/local.mk
include %D%/unit/gateway/local.mk
include %D%/unit/cli/local.mk
include %D%/lib/local.mk
include %D%/fuzz/local.mk
include %D%/lint/local.mk
include %D%/integration/local.mk
include %D%/system/local.mk

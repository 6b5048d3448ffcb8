/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* REST handlers of calculations, for the route table. */

#include "http/http_request.h"

int calculation_api_submit(struct http_request *r);
int calculation_api_list(struct http_request *r);
int calculation_api_get(struct http_request *r);
int calculation_api_cancel(struct http_request *r);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The begin functions of /api/records, for routes.c. */

#include "http/http_request.h"

int record_api_list(struct http_request *r);
int record_api_get(struct http_request *r);
int record_api_create(struct http_request *r);

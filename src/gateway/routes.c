/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/calculation_api.h"
#include "gateway/gateway.h"
#include "gateway/record_api.h"

const struct http_route gateway_routes[] = {
        {"GET", "/api/records", record_api_list, .scope = AUTH_READ},
        {"POST", "/api/records", record_api_create, .scope = AUTH_WRITE},
        {"GET", "/api/records/{id}", record_api_get, .scope = AUTH_READ},
        {"GET", "/api/calculations", calculation_api_list, .scope = AUTH_READ},
        {"POST", "/api/calculations", calculation_api_submit, .scope = AUTH_WRITE},
        {"GET", "/api/calculations/{id}", calculation_api_get, .scope = AUTH_READ},
        {"POST", "/api/calculations/{id}:cancel", calculation_api_cancel, .scope = AUTH_WRITE},
        {NULL},
};

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "products/product_api.h"
#include "products/products.h"

const struct http_route products_routes[] = {
        {"GET", "/api/products", product_api_list, .scope = AUTH_READ},
        {"POST", "/api/products", product_api_create, .scope = AUTH_WRITE},
        {"GET", "/api/products/{code}", product_api_get, .scope = AUTH_READ},
        {"PUT", "/api/products/{code}", product_api_put, .scope = AUTH_WRITE},
        {"PATCH", "/api/products/{code}", product_api_patch, .scope = AUTH_WRITE},
        {"DELETE", "/api/products/{code}", product_api_delete, .scope = AUTH_WRITE},
        {"GET", "/api/products/{code}/history", product_api_history, .scope = AUTH_READ},
        {"GET", "/api/products:export", product_api_export, .scope = AUTH_READ},
        {"POST", "/api/products:import", product_api_import, HTTP_ROUTE_STREAM_BODY, AUTH_WRITE},
        {"POST", "/api/products:adjust-prices", product_api_adjust_prices, .scope = AUTH_WRITE},
        {NULL},
};

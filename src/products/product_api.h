/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The begin functions of /api/products, for routes.c. */

#include "http/http_request.h"

/* product_api.c */
int product_api_list(struct http_request *r);
int product_api_get(struct http_request *r);
int product_api_history(struct http_request *r);

/* product_write_api.c */
int product_api_create(struct http_request *r);
int product_api_put(struct http_request *r);
int product_api_patch(struct http_request *r);
int product_api_delete(struct http_request *r);
int product_api_adjust_prices(struct http_request *r);

/* product_import_api.c, product_export_api.c */
int product_api_import(struct http_request *r);
int product_api_export(struct http_request *r);

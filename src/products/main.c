/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "products/products.h"

int main(int argc, char *argv[])
{
        return service_main(&products_daemon, argc, argv);
}

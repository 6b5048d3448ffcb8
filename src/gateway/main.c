/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "gateway/gateway.h"

int main(int argc, char *argv[])
{
        return service_main(&gateway_daemon, argc, argv);
}

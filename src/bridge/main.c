/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "bridge/bridge.h"

int main(int argc, char *argv[])
{
        return service_main(&bridge_daemon, argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "scheduler/scheduler.h"

int main(int argc, char *argv[])
{
        return service_main(&scheduler_daemon, argc, argv);
}

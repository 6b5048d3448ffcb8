/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "notifier/notifier.h"

int main(int argc, char *argv[])
{
        return service_main(&notifier_daemon, argc, argv);
}

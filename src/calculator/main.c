/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "calculator/calculator.h"

int main(int argc, char *argv[])
{
        return service_main(&calculator_daemon, argc, argv);
}

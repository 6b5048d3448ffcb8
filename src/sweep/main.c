/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */

#include "sweep/sweep.h"

int main(int argc, char *argv[])
{
        return service_main(&sweep_program, argc, argv);
}

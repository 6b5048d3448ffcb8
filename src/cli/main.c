/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#include "cli/cli.h"

int main(int argc, char *argv[])
{
        return cli_main(argc, argv);
}

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* Daemons get their passwords from systemd as credentials. The command line is no unit: an administrator who
 * may read the credential folder uses the same files. Pure but for cli_secret_read(). */

/* <dir>/credentials/lonja/<name> without its newline, owned; NULL when it cannot be read. */
char *cli_secret_read(const char *dir, const char *name);
/* A copy of an AMQP URI with the password put in, owned; NULL when out of memory. One that names no user, or
 * has a password already, stays as it is. */
char *cli_secret_in_amqp(const char *uri, const char *password);

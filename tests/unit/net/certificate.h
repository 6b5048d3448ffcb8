/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* A certificate for the length of a test, signed by itself. PEM texts; the caller frees. */
void test_certificate(char **ret_certificate, char **ret_key);

/* SPDX-License-Identifier: Apache-2.0 */
/* SPDX-FileCopyrightText: Lonja contributors */
#pragma once

/* The daemon's own doorbell; ringing another's is service_ring(). */

/* Reads to EAGAIN: a datagram left behind would start the daemon again as soon as it is gone. */
void bell_drain(int fd);

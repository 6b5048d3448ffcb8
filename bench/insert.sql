-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
INSERT INTO bench_record (message, client_type) VALUES ('record of the benchmark', 'pgbench');

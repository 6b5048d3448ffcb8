-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
\set i random(1, 100000)
SELECT code, description, buying_price, selling_price, created_at, updated_at, version FROM product WHERE code = 'B' || lpad(:i::text, 6, '0') AND deleted_at IS NULL;

-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
\set i random(1, 100000)
\set cents random(1, 99999)
UPDATE product SET selling_price = :cents / 100.0, version = version + 1, updated_at = now() WHERE code = 'B' || lpad(:i::text, 6, '0');

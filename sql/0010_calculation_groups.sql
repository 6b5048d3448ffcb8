-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Calculations in groups (src/pg/pg_group.h): one commit for many, and one row for each item, in their order.  Locks
-- are taken in an order that all share, by key or by id, so that two groups never wait for each other.

-- p_items: [{"key", "hash", "request_id", "id", "expression", "operation", "operands", "digits", "deadline",
-- "is_sent"}, ...], as calculation_submit() takes them.  Of a key that the group holds twice, the first by id counts.
CREATE FUNCTION calculation_submit_group(p_items json) RETURNS SETOF write_row LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY WITH item AS MATERIALIZED (
        SELECT * FROM ROWS FROM (
            json_to_recordset(p_items) AS (key text, hash text, request_id text, id text, expression text,
                                           operation text, operands text, digits int, deadline timestamptz,
                                           is_sent boolean)
        ) WITH ORDINALITY AS i (key, hash, request_id, id, expression, operation, operands, digits, deadline,
                                is_sent, n)
        ORDER BY hashtext(key), key, id
    ), submitted AS MATERIALIZED (
        SELECT i.n, calculation_submit(i.key, i.hash, i.request_id, i.id, i.expression, i.operation, i.operands,
                                       i.digits, i.deadline, i.is_sent) AS w
        FROM item i
    )
    SELECT (s.w).* FROM submitted s ORDER BY s.n;
END $$;

-- p_items: [{"id", "state", "result", "error"}, ...], as calculation_finish() takes them.
CREATE FUNCTION calculation_finish_group(p_items json) RETURNS SETOF text LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY WITH item AS MATERIALIZED (
        SELECT * FROM ROWS FROM (
            json_to_recordset(p_items) AS (id text, state text, result text, error text)
        ) WITH ORDINALITY AS i (id, state, result, error, n)
        ORDER BY id
    ), finished AS MATERIALIZED (
        SELECT i.n, calculation_finish(i.id, i.state, i.result, i.error) AS json FROM item i
    )
    SELECT f.json FROM finished f ORDER BY f.n;
END $$;

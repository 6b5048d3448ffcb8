-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Calculations that nobody keeps (plain AMQP RPC, "durable": false) have no row to count attempts in.  One of them
-- that was delivered before may be what ended its worker: only then it is counted here, for as long as it has not
-- ended; and when it is parked it becomes a calculation, so that people see it where they see the others.

CREATE TABLE calculation_suspect (
    key       text        PRIMARY KEY,          -- SHA-256 of whom to answer and of the question, hex
    attempts  int         NOT NULL,             -- that began after an earlier delivery had come to nothing
    parked_as text        COLLATE "C",          -- the calculation that it became
    at        timestamptz NOT NULL DEFAULT now()
);
CREATE INDEX calculation_suspect_at ON calculation_suspect (at);

-- As calculation_attempt().  is_due: compute it; otherwise `error` is what it came to.
CREATE FUNCTION calculation_suspect(p_key text, p_max int, p_expression text, p_operation text, p_operands text,
                                    p_digits int, p_request_id text, OUT is_due boolean, OUT error text)
LANGUAGE plpgsql AS $$
DECLARE
    new_id text := lpad(to_hex(floor(extract(epoch FROM clock_timestamp()) * 1000)::bigint), 12, '0')
                   || left(replace(gen_random_uuid()::text, '-', ''), 20);
BEGIN
    INSERT INTO calculation_suspect AS s (key, attempts) VALUES (p_key, 1)
    ON CONFLICT (key) DO UPDATE SET attempts = s.attempts + 1, at = now() WHERE s.attempts < p_max;
    is_due := FOUND;
    IF is_due THEN
        RETURN;
    END IF;
    error := json_build_object('type', 'urn:lonja:problem:parked',
                               'detail', format('the worker ended %s times while it computed this', p_max))::text;
    UPDATE calculation_suspect SET parked_as = new_id WHERE key = p_key AND parked_as IS NULL;
    IF FOUND THEN                               -- once, however often its message comes again
        INSERT INTO calculation (id, expression, operation, operands, digits, attempts, request_id)
        VALUES (new_id, p_expression, p_operation, p_operands, p_digits, p_max, p_request_id);
        PERFORM calculation_finish(new_id, 'parked', NULL, error);
    END IF;
END $$;

-- It has ended like any other.
CREATE FUNCTION calculation_cleared(p_key text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM calculation_suspect WHERE key = p_key
$$;

-- For the sweep: forgets at most p_limit of those that nothing was heard of for a day; returns how many.
CREATE FUNCTION calculation_suspect_trim(p_limit int) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT key FROM calculation_suspect WHERE at < now() - interval '1 day'
        ORDER BY at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM calculation_suspect s USING old WHERE s.key = old.key RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

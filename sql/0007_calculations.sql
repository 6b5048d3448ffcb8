-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Calculations that outlive the processes that serve them.
--
--      queued --a worker begins one that was delivered before--> running
--         |                                                         |
--         +------------------------+--------------------------------+
--                                  v
--            done | failed | expired | cancelled | parked          never changed afterwards
--
-- The row is the truth, the message in the queue a hint that there is something to compute.  Whoever ends a
-- calculation does so with one UPDATE that demands an unfinished state: the first one wins, and its event goes
-- with it.

CREATE TABLE calculation (
    id          text        COLLATE "C" PRIMARY KEY CHECK (id ~ '^[0-9a-f]{32}$'),  -- ascending with time
    expression  text        NOT NULL,
    operation   text,                           -- with its operands: how it was asked for, if not as an expression
    operands    text,                           -- a JSON array
    digits      int         NOT NULL,
    state       text        NOT NULL DEFAULT 'queued'
                            CHECK (state IN ('queued', 'running', 'done', 'failed', 'expired', 'cancelled', 'parked')),
    result      text,                           -- done: {"value":...,"exact":...,"fraction":...}
    error       text,                           -- failed, parked: {"type":...,"detail":...[,"position":...]}
    attempts    int         NOT NULL DEFAULT 0, -- that began after an earlier delivery had come to nothing
    created_at  timestamptz NOT NULL DEFAULT now(),
    sent_at     timestamptz NOT NULL DEFAULT now(), -- '-infinity': the broker has not got it
    deadline    timestamptz,
    finished_at timestamptz,
    request_id  text
);

-- Small, since most rows are finished: what the sweep looks at, and what people look for.
CREATE INDEX calculation_unsent ON calculation (sent_at) WHERE state IN ('queued', 'running');
CREATE INDEX calculation_deadline ON calculation (deadline)
    WHERE state IN ('queued', 'running') AND deadline IS NOT NULL;
CREATE INDEX calculation_parked ON calculation (id) WHERE state = 'parked';

-- The JSON of a calculation: answers, events, and what a waiting caller is sent.
CREATE FUNCTION calculation_json(c calculation) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"id":"' || c.id || '","expression":' || to_json(c.expression)::text
        || coalesce(',"operation":"' || c.operation || '","operands":' || c.operands, '')
        || ',"digits":' || c.digits::text
        || ',"state":"' || c.state
        || '","result":' || coalesce(c.result, 'null')
        || ',"error":' || coalesce(c.error, 'null')
        || ',"created_at":"' || rfc3339(c.created_at)
        || '","deadline":' || coalesce('"' || rfc3339(c.deadline) || '"', 'null')
        || ',"finished_at":' || coalesce('"' || rfc3339(c.finished_at) || '"', 'null') || '}'
$$;

-- p_is_sent: a message follows at once; otherwise the sweep will see to it.
CREATE FUNCTION calculation_submit(p_key text, p_hash text, p_request_id text, p_id text, p_expression text,
                                   p_operation text, p_operands text, p_digits int, p_deadline timestamptz,
                                   p_is_sent boolean)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    c calculation;
BEGIN
    w := idem_begin('calculation.submit', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    INSERT INTO calculation (id, expression, operation, operands, digits, deadline, sent_at, request_id)
    VALUES (p_id, p_expression, p_operation, p_operands, p_digits, p_deadline,
            CASE WHEN p_is_sent THEN now() ELSE '-infinity' END, p_request_id)
    RETURNING * INTO c;
    RETURN idem_end('calculation.submit', p_key, p_hash, 202, NULL, '/api/calculations/' || p_id,
                    calculation_json(c));
END $$;

-- Gives an unfinished calculation its final state, or 'expired' when its deadline has passed.  Returns it as it is
-- then, whoever ended it; NULL when there is none, or when it was committed this very moment, after the look for it.
CREATE FUNCTION calculation_finish(p_id text, p_state text, p_result text, p_error text) RETURNS text
LANGUAGE plpgsql AS $$
DECLARE
    c    calculation;
    json text;
BEGIN
    UPDATE calculation
    SET state = CASE WHEN deadline <= now() THEN 'expired' ELSE p_state END,
        result = CASE WHEN deadline <= now() THEN NULL ELSE p_result END,
        error = CASE WHEN deadline <= now() THEN NULL ELSE p_error END,
        finished_at = now()
    WHERE id = p_id AND state IN ('queued', 'running')
    RETURNING * INTO c;
    IF NOT FOUND THEN
        RETURN (SELECT calculation_json(k) FROM calculation k WHERE id = p_id AND state NOT IN ('queued', 'running'));
    END IF;
    json := calculation_json(c);
    INSERT INTO outbox (type, entity, version, data, request_id)
    VALUES ('calculation.finished', c.id, 1, json::jsonb, c.request_id);
    RETURN json;
END $$;

-- An attempt at one that was delivered before: counted, or parked when there were p_max of them.  is_due: compute
-- it; otherwise it has its final state.
CREATE FUNCTION calculation_attempt(p_id text, p_max int, OUT is_due boolean, OUT json text)
LANGUAGE plpgsql AS $$
BEGIN
    UPDATE calculation SET state = 'running', attempts = attempts + 1
    WHERE id = p_id AND state IN ('queued', 'running') AND attempts < p_max
          AND (deadline IS NULL OR deadline > now());
    is_due := FOUND;
    IF NOT is_due THEN
        json := calculation_finish(p_id, 'parked', NULL, json_build_object(
            'type', 'urn:lonja:problem:parked',
            'detail', format('the worker ended %s times while it computed this', p_max))::text);
    END IF;
END $$;

CREATE FUNCTION calculation_cancel(p_key text, p_hash text, p_id text) RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w     write_row;
    json  text;
BEGIN
    w := idem_begin('calculation.cancel', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    json := calculation_finish(p_id, 'cancelled', NULL, NULL);
    IF json IS NULL THEN
        RETURN write_refused('not-found', 404, 'there is no such calculation');
    END IF;
    IF (SELECT state FROM calculation WHERE id = p_id) <> 'cancelled' THEN
        RETURN write_refused('already-finished', 409, 'it had ended before');
    END IF;
    RETURN idem_end('calculation.cancel', p_key, p_hash, 200, NULL, NULL, json);
END $$;

-- Records what has expired, at most p_limit of them; returns how many.
CREATE FUNCTION calculation_expire(p_limit int) RETURNS bigint LANGUAGE sql AS $$
    WITH late AS (
        SELECT id FROM calculation
        WHERE state IN ('queued', 'running') AND deadline <= now()
        ORDER BY deadline LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    SELECT count(calculation_finish(id, 'expired', NULL, NULL)) FROM late
$$;

-- Takes at most p_limit unfinished ones whose message is p_age old or was never sent, for sending it again.
CREATE FUNCTION calculation_resend(p_age interval, p_limit int)
RETURNS TABLE (id text, expression text, digits int, deadline text, request_id text) LANGUAGE sql AS $$
    WITH due AS (
        SELECT c.id FROM calculation c
        WHERE c.state IN ('queued', 'running') AND c.sent_at <= now() - p_age
        ORDER BY c.sent_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE calculation c SET sent_at = now() FROM due WHERE c.id = due.id
    RETURNING c.id, c.expression, c.digits, rfc3339(c.deadline), c.request_id
$$;

-- A message of these did not reach the broker.
CREATE FUNCTION calculation_unsent(p_ids text[]) RETURNS void LANGUAGE sql AS $$
    UPDATE calculation SET sent_at = '-infinity'
    WHERE id = ANY (p_ids) AND state IN ('queued', 'running')
$$;

-- For the sweep: removes at most p_limit finished ones that are older than p_age; returns how many.  An id begins
-- with the milliseconds since 1970, so that no index on a time is needed.
CREATE FUNCTION calculation_trim(p_age interval, p_limit int) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT id FROM calculation
        WHERE id < lpad(to_hex(floor(extract(epoch FROM now() - p_age) * 1000)::bigint), 12, '0')
              AND state NOT IN ('queued', 'running')
        ORDER BY id LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM calculation c USING old WHERE c.id = old.id RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

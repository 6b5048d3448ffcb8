-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Tasks: what became of each (src/tasks/task_worker.h), and those that wait for their time.
--
-- A task's effect and its final state commit together: a function that changes something for a task begins with
-- task_lock() and ends with task_end().  So a task that is delivered again, by a broker that lost the ack or by
-- a client that sent it twice, is answered with what it came to, and changes nothing.

CREATE TABLE task (
    id          text        PRIMARY KEY CHECK (length(id) BETWEEN 1 AND 255),
    name        text        NOT NULL,
    queue       text        NOT NULL,
    hash        text        NOT NULL,           -- SHA-256 of name and arguments, hex
    -- RECEIVED: waits for its eta; RETRY: waits to be tried again; PARKED: a dead letter that may come back.
    status      text        NOT NULL DEFAULT 'RECEIVED'
                CHECK (status IN ('RECEIVED', 'STARTED', 'RETRY', 'PARKED', 'SUCCESS', 'FAILURE', 'REVOKED')),
    attempts    int         NOT NULL DEFAULT 0, -- that began, of the delivery in hand
    result      text,                           -- JSON
    received_at timestamptz NOT NULL DEFAULT now(),
    started_at  timestamptz,                    -- the first time
    finished_at timestamptz
);
CREATE INDEX task_at ON task (coalesce(finished_at, received_at));

CREATE FUNCTION task_is_final(p_status text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_status IN ('SUCCESS', 'FAILURE', 'REVOKED')
$$;

-- Messages that are not due.  `message` is the letter as the broker brought it (src/tasks/task_letter.h).
CREATE TABLE task_later (
    task_id     text        PRIMARY KEY,
    queue       text        NOT NULL,
    due_at      timestamptz NOT NULL,
    taken_until timestamptz NOT NULL DEFAULT '-infinity', -- somebody publishes it until then
    message     text        NOT NULL
);
CREATE INDEX task_later_due ON task_later (queue, due_at);

-- What to do with a delivery:
--   run     now, for the attempts-th time
--   done    nothing: it has come to `status` and `result` before
--   later   not before its eta: keep it
--   expired nothing, ever
--   parked  nothing: it was begun p_max_attempts times and never ended, whatever it does to its workers
--   reused  nothing: the id belongs to a task with other arguments
--   busy    ask again: a twin is being carried out.  Nobody waits here for its end, as others wait behind us
--   suspect ask again when it has its turn, alone among its like: it was begun twice before and never ended
-- The record of a beginning may be lost with the server: then an attempt goes uncounted.
CREATE FUNCTION task_begin(p_id text, p_name text, p_queue text, p_hash text, p_is_redelivered boolean,
                           p_has_turn boolean, p_eta timestamptz, p_expires timestamptz, p_max_attempts int,
                           OUT verdict text, OUT status text, OUT result text, OUT attempts int)
LANGUAGE plpgsql AS $$
DECLARE
    t task;
BEGIN
    PERFORM set_config('synchronous_commit', 'off', true);
    INSERT INTO task (id, name, queue, hash) VALUES (p_id, p_name, p_queue, p_hash) ON CONFLICT DO NOTHING;
    SELECT * INTO t FROM task WHERE id = p_id FOR NO KEY UPDATE SKIP LOCKED;
    IF NOT FOUND THEN
        verdict := 'busy';
        RETURN;
    END IF;
    status := t.status;
    result := t.result;
    attempts := t.attempts;
    IF t.hash <> p_hash THEN
        verdict := 'reused';
    ELSIF task_is_final(t.status) THEN
        verdict := 'done';
    ELSIF p_expires <= clock_timestamp() THEN
        verdict := 'expired';
    ELSIF p_eta > clock_timestamp() THEN
        verdict := 'later';
    ELSIF p_is_redelivered AND t.attempts >= p_max_attempts THEN
        UPDATE task SET status = 'PARKED', attempts = 0 WHERE id = p_id;
        verdict := 'parked';
    ELSIF p_is_redelivered AND t.attempts >= 2 AND NOT p_has_turn THEN
        verdict := 'suspect';
    ELSE
        UPDATE task u SET status = 'STARTED', attempts = u.attempts + 1,
                          started_at = coalesce(u.started_at, clock_timestamp())
        WHERE id = p_id RETURNING u.attempts INTO attempts;
        verdict := 'run';
    END IF;
END $$;

-- For the function that has the effect: false when the task has ended already.
CREATE FUNCTION task_lock(p_id text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM task t WHERE t.id = p_id AND NOT task_is_final(t.status) FOR NO KEY UPDATE;
    RETURN FOUND;
END $$;

-- The first final state stays.
CREATE FUNCTION task_end(p_id text, p_status text, p_result text) RETURNS void LANGUAGE sql AS $$
    UPDATE task SET status = p_status, result = p_result, finished_at = clock_timestamp()
    WHERE id = p_id AND NOT task_is_final(status)
$$;

CREATE FUNCTION task_conclude(p_id text, p_status text, p_result text, OUT status text, OUT result text)
LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);  -- by a change that is just being cancelled
    PERFORM task_end(p_id, p_status, p_result);
    SELECT t.status, t.result INTO status, result FROM task t WHERE t.id = p_id;
END $$;

-- Requeued before anything was done: the attempt did not begin.
CREATE FUNCTION task_unbegin(p_id text) RETURNS void LANGUAGE sql AS $$
    UPDATE task SET attempts = greatest(attempts - 1, 0) WHERE id = p_id AND NOT task_is_final(status)
$$;

-- Keeps the message until p_due (NULL: p_delay seconds from now).
CREATE FUNCTION task_postpone(p_id text, p_queue text, p_status text, p_due timestamptz, p_delay float8,
                              p_message text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM set_config('lock_timeout', '500ms', true);
    UPDATE task SET status = p_status, attempts = 0 WHERE id = p_id AND NOT task_is_final(status);
    IF FOUND THEN
        INSERT INTO task_later AS l (task_id, queue, due_at, message)
        VALUES (p_id, p_queue, coalesce(p_due, clock_timestamp() + make_interval(secs => p_delay)), p_message)
        ON CONFLICT (task_id) DO UPDATE
            SET queue = excluded.queue, due_at = excluded.due_at, taken_until = '-infinity',
                message = excluded.message;
    END IF;
END $$;

-- Messages that are due and nobody else's for p_lease seconds; after them one row without an id, which tells in how
-- many milliseconds to look again (NULL: nothing waits; not above 0: there is more).
CREATE FUNCTION task_due(p_queue text, p_limit int, p_lease float8)
RETURNS TABLE (task_id text, due_at text, message text, wait_ms bigint) LANGUAGE plpgsql AS $$
BEGIN
    RETURN QUERY
    WITH due AS (
        SELECT l.task_id FROM task_later l
        WHERE l.queue = p_queue AND l.due_at <= clock_timestamp() AND l.taken_until < clock_timestamp()
        ORDER BY l.due_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    )
    UPDATE task_later l SET taken_until = clock_timestamp() + make_interval(secs => p_lease)
    FROM due d WHERE l.task_id = d.task_id
    RETURNING l.task_id, l.due_at::text, l.message, NULL::bigint;
    RETURN QUERY
    SELECT NULL::text, NULL::text, NULL::text,
           ceil(extract(epoch FROM min(greatest(l.due_at, l.taken_until)) - clock_timestamp()) * 1000)::bigint
    FROM task_later l WHERE l.queue = p_queue;
END $$;

-- It is with the broker.  Unless it was put off again meanwhile.
CREATE FUNCTION task_sent(p_id text, p_due text) RETURNS void LANGUAGE sql AS $$
    DELETE FROM task_later WHERE task_id = p_id AND due_at = p_due::timestamptz
$$;
-- It is not: anybody may try again.
CREATE FUNCTION task_unsent(p_id text, p_due text) RETURNS void LANGUAGE sql AS $$
    UPDATE task_later SET taken_until = clock_timestamp() + interval '1 second'
    WHERE task_id = p_id AND due_at = p_due::timestamptz
$$;

-- For the sweep: is there something to do in the next minute?
CREATE FUNCTION task_is_due(p_queue text) RETURNS boolean LANGUAGE sql STABLE AS $$
    SELECT EXISTS (SELECT FROM task_later WHERE queue = p_queue AND due_at < clock_timestamp() + interval '1 minute')
$$;

-- Whether somebody may still ask for a task, or send it again.  Who keeps track of tasks replaces it.
CREATE FUNCTION task_is_wanted(p_id text) RETURNS boolean LANGUAGE sql STABLE AS $$ SELECT false $$;

-- For the sweep: forgets at most p_limit tasks of more than a week ago.
CREATE FUNCTION task_trim(p_limit int) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT id FROM task
        WHERE coalesce(finished_at, received_at) < now() - interval '7 days'
          AND NOT EXISTS (SELECT FROM task_later l WHERE l.task_id = id) AND NOT task_is_wanted(id)
        ORDER BY coalesce(finished_at, received_at) LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM task t USING old WHERE t.id = old.id RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- ---- The catalogue's tasks ------------------------------------------------------------------------------
--
-- The same writes as over REST, with the task's row in place of an Idempotency-Key.

CREATE FUNCTION task_ended_meanwhile() RETURNS write_row LANGUAGE sql IMMUTABLE AS $$
    SELECT write_refused('task-ended', 409, 'the task has been carried out by another worker')
$$;

CREATE FUNCTION product_task_adjust_prices(p_id text, p_request_id text, p_factor numeric)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
BEGIN
    IF NOT task_lock(p_id) THEN
        RETURN task_ended_meanwhile();
    END IF;
    w := product_adjust_prices(NULL, NULL, p_request_id, p_factor);
    IF w.outcome = 'done' THEN
        PERFORM task_end(p_id, 'SUCCESS', w.answer);
    END IF;
    RETURN w;
END $$;

-- p_rows: a JSON array of [line, code, description, buying_price, selling_price].  An exception is the only way
-- to undo the rows of a refused import; its block keeps the refusal.
CREATE FUNCTION product_task_import(p_id text, p_request_id text, p_is_create boolean, p_rows json)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
BEGIN
    IF NOT task_lock(p_id) THEN
        RETURN task_ended_meanwhile();
    END IF;
    BEGIN
        CREATE TEMPORARY TABLE product_staging (line bigint, code text COLLATE "C", description text,
                                                buying_price numeric, selling_price numeric) ON COMMIT DROP;
        INSERT INTO pg_temp.product_staging
        SELECT (r ->> 0)::bigint, r ->> 1, r ->> 2, (r ->> 3)::numeric, (r ->> 4)::numeric
        FROM json_array_elements(p_rows) r;
        w := product_import(NULL, NULL, p_request_id, p_is_create);
        IF w.outcome <> 'done' THEN
            RAISE EXCEPTION 'refused' USING ERRCODE = 'LJ001';
        END IF;
    EXCEPTION WHEN SQLSTATE 'LJ001' THEN
        RETURN w;
    END;
    PERFORM task_end(p_id, 'SUCCESS', w.answer);
    RETURN w;
END $$;

-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Schedules and the ledger of their firings (src/scheduler/).
--
-- Exactly once.  When a schedule is due is computed in C (time zones, cron); what came out is offered to
-- schedule_fire() together with what it was computed from: the definition's version and `planned_to`, up to which
-- every nominal time has been dealt with.  The function takes the offer if both still hold, under the schedule's row
-- lock, and moves planned_to; of any number of schedulers one wins, and the primary key of `firing` is the last word.
--
-- At least once.  A firing is 'pending' until the broker has confirmed its message.  Who inserts one sends it; if
-- nothing was heard by `send_at`, whoever looks next sends it again, with the same task id.
--
-- Locks are taken in one order: key, schedules by name, firings by task id.

-- "Now" of every scheduler: one clock for all hosts.  A function of its own, so that tests can let days pass.
CREATE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql AS $$ SELECT clock_timestamp() $$;

-- Exact both ways; never called for infinity.
CREATE FUNCTION usec_of(p_time timestamptz) RETURNS bigint LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT (extract(epoch FROM p_time) * 1000000)::bigint
$$;
CREATE FUNCTION usec_time(p_usec bigint) RETURNS timestamptz LANGUAGE sql IMMUTABLE STRICT PARALLEL SAFE AS $$
    SELECT timestamptz '1970-01-01 00:00:00+00' + p_usec * interval '1 microsecond'
$$;

CREATE TABLE schedule (
    name            text        COLLATE "C" PRIMARY KEY CHECK (name ~ '^[A-Za-z0-9._-]{1,64}$'),
    -- the definition; durations as they were written, and in microseconds where a statement below needs them
    description     text        NOT NULL DEFAULT '',
    every           text,
    cron            text,
    timezone        text        NOT NULL DEFAULT 'UTC',
    task            text        NOT NULL,
    args            jsonb       NOT NULL DEFAULT '[]',
    kwargs          jsonb       NOT NULL DEFAULT '{}',
    queue           text        NOT NULL,
    priority        int         NOT NULL DEFAULT 0,
    start_at        timestamptz,
    end_at          timestamptz,
    jitter          text        NOT NULL DEFAULT '0',
    overlap         text        NOT NULL DEFAULT 'allow' CHECK (overlap IN ('skip', 'queue', 'allow')),
    catch_up        text        NOT NULL DEFAULT 'last' CHECK (catch_up IN ('none', 'last', 'all')),
    catch_up_window text        NOT NULL DEFAULT '1d',
    expires         text,
    expires_usec    bigint,
    timeout         text        NOT NULL DEFAULT '1h',
    timeout_usec    bigint      NOT NULL DEFAULT 3600000000,
    pause_after     int         NOT NULL DEFAULT 0,
    max_pending     int         NOT NULL DEFAULT 1000,
    enabled         boolean     NOT NULL DEFAULT true,
    source          text,                       -- the host whose file it comes from; NULL: made by REST
    version         bigint      NOT NULL DEFAULT 1,
    created_at      timestamptz NOT NULL DEFAULT now(),
    updated_at      timestamptz NOT NULL DEFAULT now(),
    deleted_at      timestamptz,                -- a tombstone: keeps the version from ever repeating
    -- the state, which changes without a new version
    paused_at       timestamptz,
    pause_reason    text,
    failures        int         NOT NULL DEFAULT 0,     -- in a row
    missed          bigint      NOT NULL DEFAULT 0,     -- nominal times that catch_up left out
    last_time       timestamptz,                -- the newest nominal time that fired
    planned_to      timestamptz NOT NULL DEFAULT scheduler_now(),
    next_time       timestamptz,                -- nominal
    next_due        timestamptz NOT NULL DEFAULT '-infinity'    -- with jitter; -infinity: to be planned; infinity: never
);
CREATE INDEX schedule_due ON schedule (next_due) WHERE next_due < 'infinity';
CREATE INDEX schedule_source ON schedule (source) WHERE source IS NOT NULL;

--     waiting --an earlier one ended (overlap=queue)--> pending --the broker confirmed--> sent --> started
--        |                                                |                                |          |
--        +--schedule deleted--> cancelled <---------------+                                +----+-----+
--                               expired <--not sent in time                                     v
--     skipped  (overlap=skip, or too many pending)                        succeeded, failed, revoked, unanswered
--     missed   (an absence: one row for all of it)
CREATE TABLE firing (
    schedule     text        COLLATE "C" NOT NULL,
    nominal_time timestamptz NOT NULL,
    task_id      uuid        NOT NULL UNIQUE DEFAULT gen_random_uuid(),
    kind         text        NOT NULL CHECK (kind IN ('timer', 'run', 'backfill')),
    state        text        NOT NULL,
    task         text        NOT NULL,
    args         jsonb       NOT NULL,
    kwargs       jsonb       NOT NULL,
    queue        text        NOT NULL,
    priority     int         NOT NULL,
    timeout_usec bigint      NOT NULL,
    due_at       timestamptz NOT NULL,
    expires_at   timestamptz,
    fired_at     timestamptz NOT NULL,          -- entered the ledger
    send_at      timestamptz,                   -- pending: not before; whoever is sending it has until then
    sent_at      timestamptz,
    answer_by    timestamptz,
    started_at   timestamptz,
    finished_at  timestamptz,
    result       jsonb,
    error        text,
    PRIMARY KEY (schedule, nominal_time)
) WITH (fillfactor = 70);
CREATE INDEX firing_pending ON firing (send_at) WHERE state = 'pending';
CREATE INDEX firing_expiring ON firing (expires_at) WHERE state = 'pending' AND expires_at IS NOT NULL;
CREATE INDEX firing_waiting ON firing (schedule) WHERE state = 'waiting';
CREATE INDEX firing_unsent ON firing (schedule, nominal_time) WHERE state IN ('waiting', 'pending');
CREATE INDEX firing_open ON firing (schedule) WHERE state IN ('waiting', 'pending', 'sent', 'started');
CREATE INDEX firing_answer_by ON firing (answer_by) WHERE state IN ('sent', 'started');
CREATE INDEX firing_fired_at ON firing (fired_at);

CREATE FUNCTION schedule_json(s schedule) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'name', s.name, 'description', s.description, 'every', s.every, 'cron', s.cron, 'timezone', s.timezone,
        'task', s.task, 'args', s.args, 'kwargs', s.kwargs, 'queue', s.queue, 'priority', s.priority,
        'start', rfc3339(s.start_at), 'end', rfc3339(s.end_at), 'jitter', s.jitter, 'overlap', s.overlap,
        'catch_up', s.catch_up, 'catch_up_window', s.catch_up_window, 'expires', s.expires,
        'timeout', s.timeout, 'pause_after', s.pause_after, 'max_pending', s.max_pending, 'enabled', s.enabled,
        'source', s.source, 'version', s.version, 'created_at', rfc3339(s.created_at),
        'updated_at', rfc3339(s.updated_at))::text
$$;

CREATE FUNCTION schedule_state_json(s schedule) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'name', s.name, 'active', s.enabled AND s.paused_at IS NULL,
        'paused_at', rfc3339(s.paused_at), 'pause_reason', s.pause_reason, 'failures', s.failures,
        'missed', s.missed, 'last_time', rfc3339(s.last_time),
        'next_time', CASE WHEN s.next_due < 'infinity' THEN rfc3339(s.next_time) END)::text
$$;

CREATE FUNCTION firing_json(f firing) RETURNS text LANGUAGE sql STABLE AS $$
    SELECT json_build_object(
        'schedule', f.schedule, 'nominal_time', rfc3339(f.nominal_time), 'task_id', f.task_id, 'kind', f.kind,
        'state', f.state, 'task', f.task, 'args', f.args, 'kwargs', f.kwargs, 'queue', f.queue,
        'due_at', rfc3339(f.due_at), 'fired_at', rfc3339(f.fired_at), 'sent_at', rfc3339(f.sent_at),
        'started_at', rfc3339(f.started_at), 'finished_at', rfc3339(f.finished_at),
        'late_ms', round(extract(epoch FROM f.sent_at - f.due_at) * 1000),
        -- a worker may answer before the broker's confirm is noted
        'duration_ms', CASE WHEN f.finished_at < coalesce(f.started_at, f.sent_at) THEN 0
                       ELSE round(extract(epoch FROM f.finished_at - coalesce(f.started_at, f.sent_at)) * 1000) END,
        'result', f.result, 'error', f.error)::text
$$;

-- ---- Events ---------------------------------------------------------------------------------------------

-- Schedulers are told by the database itself: it is there when the broker is not.
CREATE FUNCTION schedule_changed(s schedule, p_type text, p_request_id text) RETURNS void LANGUAGE sql AS $$
    INSERT INTO outbox (type, entity, version, data, request_id)
    VALUES (p_type, s.name, s.version, schedule_json(s)::jsonb, p_request_id);
    SELECT pg_notify('lonja_schedule', '')
$$;

CREATE FUNCTION firing_event_data(f firing) RETURNS jsonb LANGUAGE sql STABLE AS $$
    SELECT jsonb_build_object(
        'schedule', f.schedule, 'nominal_time', rfc3339(f.nominal_time), 'task_id', f.task_id, 'task', f.task,
        'queue', f.queue, 'fired_at', rfc3339(f.fired_at))
$$;

-- ---- Definitions ----------------------------------------------------------------------------------------

-- Whether and when it is to be planned anew: what it is counted from.
CREATE FUNCTION schedule_replan(s schedule) RETURNS schedule LANGUAGE plpgsql AS $$
BEGIN
    s.planned_to := scheduler_now();
    s.next_time := NULL;
    s.next_due := CASE WHEN s.enabled AND s.paused_at IS NULL AND s.deleted_at IS NULL THEN '-infinity'::timestamptz
                       ELSE 'infinity' END;
    RETURN s;
END $$;

-- The definition in p_def, all of it, put into `s`; NULL where nothing differs.
CREATE FUNCTION schedule_with(s schedule, p_def jsonb) RETURNS schedule LANGUAGE plpgsql AS $$
DECLARE
    n schedule := jsonb_populate_record(s, p_def);
BEGIN
    IF s.version IS NOT NULL AND s.deleted_at IS NULL AND n IS NOT DISTINCT FROM s THEN
        RETURN NULL;
    END IF;
    IF s.version IS NULL OR s.deleted_at IS NOT NULL
       OR (n.every, n.cron, n.timezone, n.start_at, n.end_at, n.jitter, n.enabled)
          IS DISTINCT FROM (s.every, s.cron, s.timezone, s.start_at, s.end_at, s.jitter, s.enabled) THEN
        n := schedule_replan(n);
    END IF;
    RETURN n;
END $$;

-- Writes `n` over the row of its name, or as a new one.
CREATE FUNCTION schedule_store(n schedule, p_is_new boolean, p_request_id text) RETURNS schedule
LANGUAGE plpgsql AS $$
BEGIN
    IF p_is_new THEN
        n.deleted_at := NULL;
        n.paused_at := NULL;
        n.pause_reason := NULL;
        n.failures := 0;
        n.missed := 0;
        n.last_time := NULL;
        n.created_at := now();
        n := schedule_replan(n);
    END IF;
    n.version := coalesce(n.version, 0) + 1;
    n.updated_at := now();
    UPDATE schedule
    SET description = n.description, every = n.every, cron = n.cron, timezone = n.timezone, task = n.task,
        args = n.args, kwargs = n.kwargs, queue = n.queue, priority = n.priority, start_at = n.start_at,
        end_at = n.end_at, jitter = n.jitter, overlap = n.overlap, catch_up = n.catch_up,
        catch_up_window = n.catch_up_window, expires = n.expires, expires_usec = n.expires_usec,
        timeout = n.timeout, timeout_usec = n.timeout_usec, pause_after = n.pause_after,
        max_pending = n.max_pending, enabled = n.enabled, source = n.source, version = n.version,
        created_at = n.created_at, updated_at = n.updated_at, deleted_at = n.deleted_at, paused_at = n.paused_at,
        pause_reason = n.pause_reason, failures = n.failures, missed = n.missed, last_time = n.last_time,
        planned_to = n.planned_to, next_time = n.next_time, next_due = n.next_due
    WHERE name = n.name;
    IF NOT FOUND THEN
        INSERT INTO schedule VALUES (n.*);
    END IF;
    PERFORM schedule_changed(n, CASE WHEN p_is_new THEN 'schedule.created' ELSE 'schedule.updated' END,
                             p_request_id);
    RETURN n;
END $$;

-- p_base: the version that p_def was made from (PATCH), else NULL: another one by now is 'changed-meanwhile', and the
-- caller reads again.  p_is_create: it must not be there (POST, If-None-Match: *).  p_is_update: it must (PATCH).
CREATE FUNCTION schedule_put(p_key text, p_hash text, p_if_match bigint, p_request_id text, p_op text, p_name text,
                             p_def jsonb, p_is_create boolean, p_is_update boolean, p_base bigint)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w      write_row;
    s      schedule;
    n      schedule;
    is_new boolean;
BEGIN
    w := idem_begin(p_op, p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    -- a row that is not there yet cannot be locked
    PERFORM pg_advisory_xact_lock(hashtext('schedule'), hashtext(p_name));
    SELECT * INTO s FROM schedule WHERE name = p_name FOR UPDATE;
    is_new := NOT FOUND OR s.deleted_at IS NOT NULL;
    IF is_new AND (p_is_update OR p_if_match IS NOT NULL) THEN
        RETURN CASE WHEN p_is_update
                    THEN write_refused('not-found', 404, format('there is no schedule %s', p_name))
                    ELSE write_refused('version-mismatch', 412, format('there is no schedule %s', p_name)) END;
    END IF;
    IF NOT is_new THEN
        IF p_is_create THEN
            RETURN CASE WHEN p_op = 'schedule.create'
                        THEN write_refused('already-exists', 409, format('there is a schedule %s already', p_name))
                        ELSE write_refused('version-mismatch', 412, format('there is a schedule %s already', p_name),
                                           s.version::text) END;
        END IF;
        IF p_if_match >= 0 AND p_if_match <> s.version THEN
            RETURN write_refused('version-mismatch', 412, format('the version is %s', s.version), s.version::text);
        END IF;
        IF s.source IS NOT NULL THEN
            RETURN write_refused('read-only', 409, format('schedule %s comes from a file', p_name));
        END IF;
        IF p_base <> s.version THEN
            RETURN write_refused('changed-meanwhile', 503, 'the schedule has changed meanwhile', s.version::text);
        END IF;
    END IF;
    s.name := p_name;
    n := schedule_with(s, p_def);
    IF n.name IS NOT NULL THEN
        s := schedule_store(n, is_new, p_request_id);
    END IF;
    RETURN idem_end(p_op, p_key, p_hash, CASE WHEN is_new THEN 201 ELSE 200 END, s.version::text,
                    CASE WHEN is_new THEN '/api/schedules/' || s.name END, schedule_json(s));
END $$;

-- Leaves a tombstone; what has not been sent yet never will be.
CREATE FUNCTION schedule_bury(s schedule, p_request_id text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE schedule
    SET deleted_at = now(), updated_at = now(), version = version + 1, source = NULL, next_time = NULL,
        next_due = 'infinity', args = '[]', kwargs = '{}'
    WHERE name = s.name
    RETURNING * INTO s;
    UPDATE firing SET state = 'cancelled', finished_at = scheduler_now(), error = 'the schedule was deleted'
    WHERE schedule = s.name AND state IN ('waiting', 'pending');
    PERFORM schedule_changed(s, 'schedule.deleted', p_request_id);
END $$;

CREATE FUNCTION schedule_delete(p_key text, p_hash text, p_if_match bigint, p_request_id text, p_name text)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    s schedule;
BEGIN
    w := idem_begin('schedule.delete', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO s FROM schedule WHERE name = p_name AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no schedule %s', p_name));
    END IF;
    IF p_if_match >= 0 AND p_if_match <> s.version THEN
        RETURN write_refused('version-mismatch', 412, format('the version is %s', s.version), s.version::text);
    END IF;
    IF s.source IS NOT NULL THEN
        RETURN write_refused('read-only', 409, format('schedule %s comes from a file', p_name));
    END IF;
    PERFORM schedule_bury(s, p_request_id);
    RETURN idem_end('schedule.delete', p_key, p_hash, 204, NULL, NULL, NULL);
END $$;

-- The schedules of a host's files, each with its name.  What this host brought before and brings no more is deleted.
-- Returns the names that REST has taken, which stay as they are.
CREATE FUNCTION schedule_files(p_host text, p_defs jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    d jsonb;
    s schedule;
    n schedule;
BEGIN
    FOR d IN SELECT e FROM jsonb_array_elements(p_defs) e ORDER BY e->>'name' COLLATE "C" LOOP
        PERFORM pg_advisory_xact_lock(hashtext('schedule'), hashtext(d->>'name'));
        SELECT * INTO s FROM schedule WHERE name = d->>'name' FOR UPDATE;
        IF FOUND AND s.source IS NULL AND s.deleted_at IS NULL THEN
            RETURN NEXT s.name;
            CONTINUE;
        END IF;
        n := schedule_with(s, d || jsonb_build_object('source', coalesce(s.source, p_host)));
        IF n.name IS NOT NULL THEN
            PERFORM schedule_store(n, s.version IS NULL OR s.deleted_at IS NOT NULL, NULL);
        END IF;
    END LOOP;
    FOR s IN SELECT * FROM schedule WHERE source = p_host ORDER BY name FOR UPDATE LOOP
        IF NOT p_defs @> jsonb_build_array(jsonb_build_object('name', s.name)) THEN
            PERFORM schedule_bury(s, NULL);
        END IF;
    END LOOP;
END $$;

-- p_reason: it pauses; NULL: it goes on from now.  Doing either twice is no error.
CREATE FUNCTION schedule_pause(p_key text, p_hash text, p_request_id text, p_name text, p_reason text)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w    write_row;
    s    schedule;
    p_op text := CASE WHEN p_reason IS NULL THEN 'schedule.resume' ELSE 'schedule.pause' END;
BEGIN
    w := idem_begin(p_op, p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO s FROM schedule WHERE name = p_name AND deleted_at IS NULL FOR UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no schedule %s', p_name));
    END IF;
    IF (s.paused_at IS NULL) <> (p_reason IS NULL) THEN
        s.paused_at := CASE WHEN p_reason IS NOT NULL THEN scheduler_now() END;
        s.pause_reason := p_reason;
        s.failures := CASE WHEN p_reason IS NULL THEN 0 ELSE s.failures END;
        s := schedule_replan(s);
        UPDATE schedule
        SET paused_at = s.paused_at, pause_reason = s.pause_reason, failures = s.failures, planned_to = s.planned_to,
            next_time = s.next_time, next_due = s.next_due
        WHERE name = s.name;
        PERFORM schedule_changed(s, CASE WHEN p_reason IS NULL THEN 'schedule.resumed' ELSE 'schedule.paused' END,
                                 p_request_id);
    END IF;
    RETURN idem_end(p_op, p_key, p_hash, 200, NULL, NULL, schedule_state_json(s));
END $$;

-- ---- The ledger -----------------------------------------------------------------------------------------

-- One firing of `s`, and its event if it goes out; NULL: that nominal time is in the ledger already.
CREATE FUNCTION firing_insert(s schedule, p_kind text, p_nominal timestamptz, p_due timestamptz, p_state text,
                              p_error text, p_now timestamptz, p_lease interval DEFAULT '0',
                              p_request_id text DEFAULT NULL) RETURNS firing
LANGUAGE plpgsql AS $$
DECLARE
    f firing;
BEGIN
    INSERT INTO firing (schedule, nominal_time, kind, state, task, args, kwargs, queue, priority, timeout_usec, due_at,
                        expires_at, fired_at, send_at, finished_at, error)
    VALUES (s.name, p_nominal, p_kind, p_state, s.task, s.args, s.kwargs, s.queue, s.priority, s.timeout_usec, p_due,
            p_due + s.expires_usec * interval '1 microsecond', p_now,
            CASE WHEN p_state = 'pending' THEN p_now + p_lease END,
            CASE WHEN p_state IN ('skipped', 'missed') THEN p_now END, p_error)
    ON CONFLICT (schedule, nominal_time) DO NOTHING
    RETURNING * INTO f;
    IF f.state = 'pending' THEN
        INSERT INTO outbox (type, entity, version, data, request_id)
        VALUES ('schedule.fired', f.schedule, s.version, firing_event_data(f), p_request_id);
    END IF;
    RETURN f;
END $$;

-- What the sender needs of a firing, in this order (src/scheduler/firing_store.c).
CREATE TYPE firing_order AS (
    task_id text, task text, args text, kwargs text, queue text, priority int, nominal_usec bigint, due_usec bigint,
    expires_usec bigint, schedule text
);
CREATE FUNCTION firing_to_order(f firing) RETURNS firing_order LANGUAGE sql STABLE AS $$
    SELECT ROW(f.task_id::text, f.task, f.args::text, f.kwargs::text, f.queue, f.priority, usec_of(f.nominal_time),
               usec_of(f.due_at), usec_of(f.expires_at), f.schedule)::firing_order
$$;

-- p_plans: [{"name", "version", "planned_to", "to", "next_time", "next_due", "times": [[nominal, due], ...],
-- "missed": [first, last, n]}], times in microseconds; next_* NULL: never again.  What is pending now is the
-- caller's to send, within p_lease seconds; a row without task id tells what was missed: how many times (priority),
-- the first and the last of them.
CREATE FUNCTION schedule_fire(p_plans jsonb, p_lease float8) RETURNS SETOF firing_order LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := scheduler_now();
    lease interval := make_interval(secs => p_lease);
    p     record;
    s     schedule;
    f     firing;
    t     jsonb;
    n     int;                                  -- pending of this schedule, those of others included
    busy  boolean;
    v_state text;
    v_error text;
BEGIN
    -- Rows that another scheduler holds are its business; each statement after the lock sees what was committed.
    FOR p IN
        SELECT o.* FROM jsonb_to_recordset(p_plans) AS o(name text, version bigint, planned_to bigint, "to" bigint,
                                                         next_time bigint, next_due bigint, times jsonb, missed jsonb)
        ORDER BY o.name COLLATE "C"
    LOOP
        SELECT * INTO s FROM schedule
        WHERE name = p.name AND version = p.version AND planned_to = usec_time(p.planned_to) AND next_due < 'infinity'
        FOR NO KEY UPDATE SKIP LOCKED;
        CONTINUE WHEN NOT FOUND;

        UPDATE schedule
        SET planned_to = usec_time(p."to"), next_time = usec_time(p.next_time),
            next_due = coalesce(usec_time(p.next_due), 'infinity'),
            last_time = coalesce(usec_time((p.times->-1->>0)::bigint), last_time),
            missed = s.missed + coalesce((p.missed->>2)::bigint, 0)
        WHERE name = s.name;
        IF p.missed IS NOT NULL THEN
            PERFORM firing_insert(s, 'timer', usec_time((p.missed->>0)::bigint), usec_time((p.missed->>0)::bigint),
                                  'missed', format('%s times from %s to %s, catch_up=%s', p.missed->>2,
                                                   rfc3339(usec_time((p.missed->>0)::bigint)),
                                                   rfc3339(usec_time((p.missed->>1)::bigint)), s.catch_up), v_now);
            RETURN NEXT ROW('', '', '', '', '', (p.missed->>2)::int, (p.missed->>0)::bigint, (p.missed->>1)::bigint,
                            NULL, s.name)::firing_order;
        END IF;
        CONTINUE WHEN jsonb_array_length(p.times) = 0;

        SELECT count(*) INTO n FROM firing WHERE schedule = s.name AND state IN ('waiting', 'pending');
        busy := s.overlap <> 'allow' AND EXISTS (
            SELECT FROM firing WHERE schedule = s.name AND state IN ('waiting', 'pending', 'sent', 'started'));
        FOR t IN SELECT e FROM jsonb_array_elements(p.times) WITH ORDINALITY AS a(e, i) ORDER BY i LOOP
            v_error := NULL;
            IF n >= s.max_pending THEN
                v_state := 'skipped';
                v_error := format('%s are pending', n);
            ELSIF busy AND s.overlap = 'skip' THEN
                v_state := 'skipped';
                v_error := 'the one before has not ended';
            ELSIF busy AND s.overlap = 'queue' THEN
                v_state := 'waiting';
            ELSE
                v_state := 'pending';
            END IF;
            f := firing_insert(s, 'timer', usec_time((t->>0)::bigint), usec_time((t->>1)::bigint), v_state, v_error,
                               v_now, lease);
            CONTINUE WHEN f.schedule IS NULL OR v_state = 'skipped';
            n := n + 1;
            busy := true;
            IF v_state = 'pending' THEN
                RETURN NEXT firing_to_order(f);
            END IF;
        END LOOP;
    END LOOP;
END $$;

-- Runs it once more, now, whatever its state.  The nominal time is the moment.
CREATE FUNCTION schedule_run(p_key text, p_hash text, p_request_id text, p_name text) RETURNS write_row
LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    s schedule;
    f firing;
    v_now timestamptz;
BEGIN
    w := idem_begin('schedule.run', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO s FROM schedule WHERE name = p_name AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no schedule %s', p_name));
    END IF;
    WHILE f.schedule IS NULL LOOP
        v_now := scheduler_now();
        f := firing_insert(s, 'run', v_now, v_now, 'pending', NULL, v_now, '0', p_request_id);
    END LOOP;
    RETURN idem_end('schedule.run', p_key, p_hash, 202, NULL, NULL, firing_json(f));
END $$;

-- The nominal times p_times (microseconds) that are not in the ledger yet.  They go out at once, or one after the
-- other unless overlap=allow.
CREATE FUNCTION schedule_backfill(p_key text, p_hash text, p_request_id text, p_name text, p_version bigint,
                                  p_times jsonb) RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    s schedule;
    f firing;
    t bigint;
    n int := 0;
    busy boolean;
    v_now timestamptz := scheduler_now();
BEGIN
    w := idem_begin('schedule.backfill', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO s FROM schedule WHERE name = p_name AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no schedule %s', p_name));
    END IF;
    IF s.version <> p_version THEN
        RETURN write_refused('changed-meanwhile', 503, 'the schedule has changed meanwhile', s.version::text);
    END IF;
    s.expires_usec := NULL;                     -- long past is what they are asked for
    busy := s.overlap <> 'allow' AND EXISTS (
        SELECT FROM firing WHERE schedule = s.name AND state IN ('waiting', 'pending', 'sent', 'started'));
    FOR t IN SELECT e::bigint FROM jsonb_array_elements_text(p_times) WITH ORDINALITY AS a(e, i) ORDER BY i LOOP
        f := firing_insert(s, 'backfill', usec_time(t), v_now, CASE WHEN busy THEN 'waiting' ELSE 'pending' END, NULL,
                           v_now, '0', p_request_id);
        IF f.schedule IS NOT NULL THEN
            n := n + 1;
            busy := s.overlap <> 'allow';
        END IF;
    END LOOP;
    RETURN idem_end('schedule.backfill', p_key, p_hash, 202, NULL, NULL,
                    format('{"found":%s,"fired":%s}', jsonb_array_length(p_times), n));
END $$;

-- The oldest waiting firing of each of these schedules where nothing is on its way becomes pending.
CREATE FUNCTION firing_promote(p_schedules text[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := scheduler_now();
BEGIN
    WITH first AS (
        SELECT DISTINCT ON (w.schedule) w.task_id FROM firing w
        WHERE w.schedule = ANY (p_schedules) AND w.state = 'waiting' AND NOT EXISTS (
            SELECT FROM firing o WHERE o.schedule = w.schedule AND o.state IN ('pending', 'sent', 'started'))
        ORDER BY w.schedule, w.nominal_time
    ), gone AS (
        UPDATE firing f SET state = 'pending', send_at = v_now FROM first
        WHERE f.task_id = first.task_id AND f.state = 'waiting'
        RETURNING f.*
    )
    INSERT INTO outbox (type, entity, version, data)
    SELECT 'schedule.fired', g.schedule, s.version, firing_event_data(ROW(g.*)::firing)
    FROM gone g JOIN schedule s ON s.name = g.schedule;
END $$;

-- What is to be sent and nobody is sending: new (run, backfill, queue), left by a scheduler that is gone, or failed
-- before.  On the way, what nobody needs to wait for any longer is closed.  Each selection follows an index of its own,
-- as the ledger is long.  It locks schedules before firings, as all others do, and passes over what they have locked:
-- the next call finds it.
CREATE FUNCTION firing_take(p_lease float8, p_limit int) RETURNS SETOF firing_order LANGUAGE plpgsql AS $$
DECLARE
    v_now      timestamptz := scheduler_now();
    unanswered uuid[] := ARRAY(
        SELECT task_id FROM firing WHERE state IN ('sent', 'started') AND answer_by <= v_now
        ORDER BY answer_by LIMIT p_limit);
    unsent     uuid[] := ARRAY(
        SELECT task_id FROM firing WHERE state = 'pending' AND send_at <= v_now AND expires_at <= v_now
        ORDER BY expires_at LIMIT p_limit);
    -- also those whose turn was overlooked: a waiting one whose predecessor ended in the very moment
    locked     text[] := ARRAY(
        SELECT name FROM schedule
        WHERE name IN (SELECT schedule FROM firing WHERE task_id = ANY (unanswered || unsent)
                       UNION SELECT schedule FROM firing WHERE state = 'waiting')
        ORDER BY name FOR NO KEY UPDATE SKIP LOCKED);
BEGIN
    UPDATE firing SET state = 'unanswered', finished_at = v_now, error = 'no result came within the timeout'
    WHERE task_id IN (
        SELECT task_id FROM firing
        WHERE task_id = ANY (unanswered) AND schedule = ANY (locked) AND state IN ('sent', 'started') AND answer_by <= v_now
        FOR NO KEY UPDATE SKIP LOCKED);
    UPDATE firing SET state = 'expired', finished_at = v_now, error = coalesce(error, 'it was not sent in time')
    WHERE task_id IN (
        SELECT task_id FROM firing
        WHERE task_id = ANY (unsent) AND schedule = ANY (locked) AND state = 'pending' AND send_at <= v_now
        FOR NO KEY UPDATE SKIP LOCKED);
    PERFORM firing_promote(locked);
    RETURN QUERY
    WITH mine AS (
        SELECT task_id FROM firing WHERE state = 'pending' AND send_at <= v_now AND coalesce(expires_at > v_now, true)
        ORDER BY send_at LIMIT p_limit FOR NO KEY UPDATE SKIP LOCKED
    ), taken AS (
        UPDATE firing f SET send_at = v_now + make_interval(secs => p_lease)
        FROM mine WHERE f.task_id = mine.task_id RETURNING f.*
    )
    SELECT o.* FROM taken t, firing_to_order(ROW(t.*)::firing) o ORDER BY t.nominal_time;
END $$;

-- The broker has them.  A result may have been faster.  So may have been the deletion of the schedule, or the end of
-- what it was good for: then the ledger says what is true, that it went out.
CREATE FUNCTION firing_is_unsent(p_state text) RETURNS boolean LANGUAGE sql IMMUTABLE AS $$
    SELECT p_state IN ('pending', 'cancelled', 'expired')
$$;
CREATE FUNCTION firing_sent(p_ids uuid[]) RETURNS void LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := scheduler_now();
BEGIN
    PERFORM FROM firing WHERE task_id = ANY (p_ids) ORDER BY task_id FOR NO KEY UPDATE;
    UPDATE firing
    SET sent_at = coalesce(sent_at, v_now), answer_by = v_now + timeout_usec * interval '1 microsecond',
        state = CASE WHEN firing_is_unsent(state) THEN 'sent' ELSE state END,
        finished_at = CASE WHEN firing_is_unsent(state) THEN NULL ELSE finished_at END,
        error = CASE WHEN firing_is_unsent(state) THEN NULL ELSE error END
    WHERE task_id = ANY (p_ids);
END $$;

-- The broker refused them, or cannot be reached: another try in p_pause seconds.
CREATE FUNCTION firing_unsent(p_ids uuid[], p_pause float8, p_error text) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    PERFORM FROM firing WHERE task_id = ANY (p_ids) ORDER BY task_id FOR NO KEY UPDATE;
    UPDATE firing SET send_at = scheduler_now() + make_interval(secs => p_pause), error = p_error
    WHERE task_id = ANY (p_ids) AND state = 'pending';
END $$;

-- p_results: [{"id", "status", "result", "error"}] as they came from workers.  Returns the schedules that were
-- paused by it, for the journal.
CREATE FUNCTION firing_results(p_results jsonb) RETURNS SETOF text LANGUAGE plpgsql AS $$
DECLARE
    v_now timestamptz := scheduler_now();
    ids   uuid[] := ARRAY(SELECT (e->>'id')::uuid FROM jsonb_array_elements(p_results) e ORDER BY 1);
    names text[];
    r     record;
    f     firing;
    s     schedule;
BEGIN
    SELECT array_agg(DISTINCT schedule) INTO names FROM firing WHERE task_id = ANY (ids);
    PERFORM FROM schedule WHERE name = ANY (names) ORDER BY name FOR NO KEY UPDATE;
    PERFORM FROM firing WHERE task_id = ANY (ids) ORDER BY task_id FOR NO KEY UPDATE;
    FOR r IN SELECT (e->>'id')::uuid AS id, e->>'status' AS status, e->'result' AS result, e->>'error' AS error
             FROM jsonb_array_elements(p_results) WITH ORDINALITY AS a(e, i) ORDER BY i LOOP
        IF r.status NOT IN ('SUCCESS', 'FAILURE', 'REVOKED') THEN
            UPDATE firing
            SET started_at = coalesce(started_at, v_now), error = coalesce(r.error, error),
                state = CASE WHEN state IN ('pending', 'sent') THEN 'started' ELSE state END
            WHERE task_id = r.id AND state IN ('pending', 'sent', 'started', 'unanswered');
            CONTINUE;
        END IF;
        UPDATE firing
        SET state = CASE r.status WHEN 'SUCCESS' THEN 'succeeded' WHEN 'FAILURE' THEN 'failed' ELSE 'revoked' END,
            finished_at = v_now, result = r.result, error = r.error
        WHERE task_id = r.id AND state NOT IN ('succeeded', 'failed', 'revoked')
        RETURNING * INTO f;
        CONTINUE WHEN NOT FOUND;
        UPDATE schedule
        SET failures = CASE r.status WHEN 'SUCCESS' THEN 0 WHEN 'FAILURE' THEN failures + 1 ELSE failures END
        WHERE name = f.schedule AND (r.status <> 'SUCCESS' OR failures > 0)
        RETURNING * INTO s;
        INSERT INTO outbox (type, entity, version, data)
        VALUES ('schedule.finished', f.schedule, coalesce(s.version, 0),
                firing_event_data(f) || jsonb_build_object('status', f.state, 'result', f.result, 'error', f.error,
                                                           'finished_at', rfc3339(f.finished_at)));
        IF s.name = f.schedule AND s.pause_after > 0 AND s.failures >= s.pause_after AND s.paused_at IS NULL
           AND s.deleted_at IS NULL THEN
            PERFORM schedule_pause(NULL, NULL, NULL, s.name, format('failed %s times in a row', s.failures));
            RETURN NEXT s.name;
        END IF;
    END LOOP;
    PERFORM firing_promote(names);
END $$;

-- For the sweep: removes at most p_limit closed firings that are older than p_age; returns how many.
CREATE FUNCTION firing_trim(p_age interval, p_limit int) RETURNS bigint LANGUAGE sql AS $$
    WITH old AS (
        SELECT schedule, nominal_time FROM firing
        WHERE fired_at < (SELECT scheduler_now()) - p_age AND state NOT IN ('waiting', 'pending', 'sent', 'started')
        ORDER BY fired_at LIMIT p_limit FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM firing f USING old WHERE f.schedule = old.schedule AND f.nominal_time = old.nominal_time
        RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

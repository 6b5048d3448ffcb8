-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- Message records: whatever door they come by, each knows how many there are with it.

-- Exact and dense counts.  Whoever counts holds the row until its commit, so that the order of the numbers is the
-- order of the commits; hence groups (record_add).
CREATE TABLE counter (
    name text   PRIMARY KEY,
    last bigint NOT NULL
) WITH (fillfactor = 10);                       -- few rows, always written: room for HOT updates

-- All, and those of each kind of client.
INSERT INTO counter VALUES ('record', 0), ('record.REST', 0), ('record.GRPC', 0), ('record.RabbitMQ', 0);

CREATE TABLE record (
    id          bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    message     text        NOT NULL CHECK (length(message) BETWEEN 1 AND 10000),
    client_type text        NOT NULL CHECK (client_type IN ('REST', 'GRPC', 'RabbitMQ')),
    created_at  timestamptz NOT NULL,
    total       bigint      NOT NULL UNIQUE     -- how many there are with this one
);
CREATE INDEX record_created_at ON record (created_at, id);

-- Adds a group of records, all or none.  p_items: [{"message", "client_type", "key", "hash", "request_id"}, ...],
-- where key and hash may be absent; p_template: the sentence, see record_text().  Answers one row for each item, in
-- their order, as idem_begin() would: 'done', 'replayed' (the first answer), 'idempotency-key-reused'.
--
-- The lock on the counter lets one group in at a time, so keys need no lock of their own: the statement after it
-- sees all that earlier groups did.  Of a key that the group holds twice, the first counts.  Totals, ids and the
-- places of the events are drawn in the order of the items while the lock is held: the order of totals is that of
-- the events.
--
-- Events go into the log at once, since with the lock on its head a group may be its own sequencer: that spares each
-- record a row of the outbox, written and deleted, and the group a second commit.  What waits in the outbox was
-- committed before and comes first: then the group queues up behind it.
CREATE FUNCTION record_add(p_items json, p_template text)
RETURNS TABLE (outcome text, id bigint, client_type text, created_at text, total bigint)
LANGUAGE plpgsql AS $$
#variable_conflict use_column
DECLARE
    base      bigint;
    head      bigint;                           -- of the log
    is_queued boolean;                          -- behind others, in the outbox
    moment    timestamptz;
    shown     text;
BEGIN
    SELECT last INTO base FROM counter WHERE name = 'record' FOR UPDATE;
    SELECT last INTO head FROM event_head FOR UPDATE;
    PERFORM FROM outbox LIMIT 1;
    is_queued := FOUND;
    moment := clock_timestamp();
    shown := rfc3339(moment);
    RETURN QUERY
    WITH item AS MATERIALIZED (
        SELECT * FROM ROWS FROM (
            json_to_recordset(p_items) AS (message text, client_type text, key text, hash text, request_id text)
        ) WITH ORDINALITY AS i (message, client_type, key, hash, request_id, n)
    ), known AS MATERIALIZED (                  -- LIMIT: one index probe for each key, whatever the planner knows
        SELECT i.key, k.hash, k.answer
        FROM (SELECT DISTINCT key FROM item WHERE key IS NOT NULL) i
        CROSS JOIN LATERAL (
            SELECT hash, answer::jsonb AS answer FROM idem
            WHERE op = 'record.add' AND key = i.key AND at > now() - interval '24 hours' LIMIT 1
        ) k
    ), fresh AS MATERIALIZED (                  -- with ids of its own, so that nothing below has to be joined
        SELECT i.*, row_number() OVER (ORDER BY i.n) AS nth, nextval('record_id_seq') AS id
        FROM (SELECT i.*, row_number() OVER (PARTITION BY i.key ORDER BY i.n) AS use FROM item i) i
        LEFT JOIN known k ON k.key = i.key
        WHERE i.key IS NULL OR i.use = 1 AND k.key IS NULL
    ), inserted AS (
        INSERT INTO record (id, message, client_type, created_at, total) OVERRIDING SYSTEM VALUE
        SELECT f.id, f.message, f.client_type, moment, base + f.nth FROM fresh f ORDER BY f.n
    ), added AS MATERIALIZED (
        SELECT f.*, base + f.nth AS total,
               jsonb_build_object('id', f.id, 'message', f.message, 'client_type', f.client_type,
                                  'created_at', shown, 'total', base + f.nth,
                                  'text', record_text(p_template, f.id, f.message, f.client_type, shown, base + f.nth)
                                 ) AS data
        FROM fresh f
    ), logged AS (
        INSERT INTO event ("offset", id, type, entity, version, data, request_id, time)
        SELECT head + a.nth, gen_random_uuid(), 'record.added', a.id::text, 1, a.data, a.request_id, moment
        FROM added a WHERE NOT is_queued ORDER BY a.n
    ), moved AS (
        UPDATE event_head SET last = last + more.n
        FROM (SELECT count(*) AS n FROM fresh HAVING count(*) > 0) more
        WHERE NOT is_queued
    ), queued AS (
        INSERT INTO outbox (type, entity, version, data, request_id)
        SELECT 'record.added', a.id::text, 1, a.data, a.request_id
        FROM added a WHERE is_queued ORDER BY a.n
    ), remembered AS (                          -- the conflict is an expired key that the sweep has not removed yet
        INSERT INTO idem AS i (op, key, hash, status, location, answer)
        SELECT 'record.add', a.key, a.hash, 201, '/api/records/' || a.id, (a.data - 'text')::text
        FROM added a WHERE a.key IS NOT NULL
        ON CONFLICT (op, key) DO UPDATE
            SET hash = excluded.hash, status = excluded.status, location = excluded.location,
                answer = excluded.answer, at = excluded.at
    ), counted AS (
        UPDATE counter c SET last = c.last + more.n
        FROM (SELECT 'record' AS name, count(*) AS n FROM fresh HAVING count(*) > 0
              UNION ALL SELECT 'record.' || f.client_type, count(*) FROM fresh f GROUP BY f.client_type) more
        WHERE c.name = more.name
    ), told AS (
        SELECT a.n, 'done' AS outcome, a.id, a.client_type, shown AS created_at, a.total FROM added a
        UNION ALL                               -- a key of an earlier group, or of an earlier item of this one
        SELECT i.n, CASE WHEN i.hash = k.hash THEN 'replayed' ELSE 'idempotency-key-reused' END,
               (k.answer->>'id')::bigint, k.answer->>'client_type', k.answer->>'created_at',
               (k.answer->>'total')::bigint
        FROM item i
        JOIN (SELECT key, hash, answer, 0 AS n FROM known
              UNION ALL SELECT key, hash, data, n FROM added) k ON k.key = i.key AND k.n < i.n
    )
    SELECT t.outcome, t.id, t.client_type, t.created_at, t.total FROM told t ORDER BY t.n;
END $$;

-- The sentence that announces a record.  The message goes in last, so that nothing in it is taken for a name.
CREATE FUNCTION record_text(p_template text, p_id bigint, p_message text, p_client_type text, p_created_at text,
                            p_total bigint) RETURNS text
LANGUAGE sql IMMUTABLE PARALLEL SAFE AS $$
    SELECT replace(replace(replace(replace(replace(p_template,
                   '{id}', p_id::text),
                   '{client_type}', p_client_type),
                   '{created_at}', p_created_at),
                   '{total}', p_total::text),
                   '{message}', p_message)
$$;

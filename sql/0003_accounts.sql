-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- What every write shares (idempotency keys), then accounts, sessions and the counters of failed logins.

-- ---- Writes ---------------------------------------------------------------------------------------------
--
-- A write is one plpgsql function that RETURNS write_row and is called by
--     SELECT * FROM thing_change($1, ...)
-- src/web/web_write.c turns the row into the HTTP answer.
--
--   outcome   'done', 'replayed', or the slug of the problem: 'not-found', 'already-exists',
--             'version-mismatch', ...
--   status    the HTTP status, also of a problem
--   etag      the version, bare digits (web/ puts the quotes on)
--   location  path of what was created, or NULL
--   answer    done, replayed: the JSON text, NULL or '' for none; a problem: its detail in words, or NULL
--
-- How to write one:
--
--     CREATE FUNCTION thing_change(p_key text, p_hash text, ...) RETURNS write_row LANGUAGE plpgsql AS $$
--     DECLARE
--         w write_row;
--     BEGIN
--         w := idem_begin('thing.change', p_key, p_hash);     -- first of all, before any other lock
--         IF w.outcome IS NOT NULL THEN
--             RETURN w;                                       -- a replay, or a key that was used otherwise
--         END IF;
--         ...                                                 -- If-Match and the rest come after
--         IF NOT FOUND THEN
--             RETURN write_refused('not-found', 404);         -- nothing is remembered
--         END IF;
--         INSERT INTO outbox ...;
--         RETURN idem_end('thing.change', p_key, p_hash, 200, version::text, NULL, answer);
--     END $$;
--
-- Test w.outcome: `w IS NOT NULL` is true only when every field is set.  A key of NULL means that the caller
-- sent none; both helpers then do nothing.  A refusal must not have written anything, since the transaction
-- commits: check first, write afterwards.
CREATE TYPE write_row AS (
    outcome  text,
    status   int,
    etag     text,
    location text,
    answer   text
);

-- NULL: go on.  Otherwise the row to return.  A concurrent twin waits here until the first transaction has
-- ended, then sees its answer (each statement of a plpgsql function has a new snapshot).  An advisory lock
-- rather than an early INSERT, so that a refused write leaves nothing to undo and a key costs one row version.
-- Two unlucky keys with the same hash only wait for each other.
CREATE FUNCTION idem_begin(p_op text, p_key text, p_hash text) RETURNS write_row
LANGUAGE plpgsql AS $$
DECLARE
    k idem;
BEGIN
    IF p_key IS NULL THEN
        RETURN NULL;
    END IF;
    PERFORM pg_advisory_xact_lock(hashtext(p_op), hashtext(p_key));
    SELECT * INTO k FROM idem WHERE op = p_op AND key = p_key AND at > now() - interval '24 hours';
    IF NOT FOUND THEN
        RETURN NULL;
    END IF;
    IF k.hash <> p_hash THEN
        RETURN ROW('idempotency-key-reused', 422, NULL, NULL,
                   'this Idempotency-Key was used with another request')::write_row;
    END IF;
    IF k.answer IS NULL THEN
        RETURN ROW('secret-already-shown', 409, NULL, NULL,
                   'the first answer held a secret and was not kept')::write_row;
    END IF;
    RETURN ROW('replayed', k.status, k.etag, k.location, k.answer)::write_row;
END $$;

-- Remembers the success under its key (if any) and returns the row of it.  p_secret: the answer is not kept.
-- The conflict is an expired key that the sweep has not removed yet.
CREATE FUNCTION idem_end(p_op text, p_key text, p_hash text, p_status int, p_etag text, p_location text,
                         p_answer text, p_secret boolean DEFAULT false) RETURNS write_row
LANGUAGE plpgsql AS $$
BEGIN
    IF p_key IS NOT NULL THEN
        INSERT INTO idem AS i (op, key, hash, status, etag, location, answer)
        VALUES (p_op, p_key, p_hash, p_status, p_etag, p_location,
                CASE WHEN p_secret THEN NULL ELSE coalesce(p_answer, '') END)
        ON CONFLICT (op, key) DO UPDATE
            SET hash = excluded.hash, status = excluded.status, etag = excluded.etag,
                location = excluded.location, answer = excluded.answer, at = excluded.at;
    END IF;
    RETURN ROW('done', p_status, p_etag, p_location, p_answer)::write_row;
END $$;

CREATE FUNCTION write_refused(p_slug text, p_status int, p_detail text DEFAULT NULL, p_etag text DEFAULT NULL)
RETURNS write_row LANGUAGE sql IMMUTABLE AS $$
    SELECT ROW(p_slug, p_status, p_etag, NULL, p_detail)::write_row
$$;

-- For the sweep: removes at most p_limit expired keys, oldest first; returns how many.
CREATE FUNCTION idem_trim(p_limit int) RETURNS bigint
LANGUAGE sql AS $$
    WITH old AS (
        SELECT op, key FROM idem WHERE at < now() - interval '24 hours' ORDER BY at LIMIT p_limit
        FOR UPDATE SKIP LOCKED
    ), gone AS (
        DELETE FROM idem i USING old WHERE i.op = old.op AND i.key = old.key RETURNING 1
    )
    SELECT count(*) FROM gone
$$;

-- Time as every interface shows it: RFC 3339 UTC with microseconds.  STABLE like to_char(), so that it is inlined.
CREATE FUNCTION rfc3339(p_time timestamptz) RETURNS text
LANGUAGE sql STABLE PARALLEL SAFE STRICT AS $$
    SELECT to_char(p_time AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.US"Z"')
$$;

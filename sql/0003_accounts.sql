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

-- ---- Accounts -------------------------------------------------------------------------------------------

-- Scopes are bits: 1 read, 2 write, 4 admin.  admin is stored with the others, so that the rights of a session
-- are simply (session.scopes & account.scopes): taking one from the account takes it from every open session.
CREATE TABLE account (
    id         bigint      GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    name       text        NOT NULL UNIQUE CHECK (name ~ '^[a-z][a-z0-9._-]{0,63}$'),
    password   text        NOT NULL,            -- Argon2id, as crypto_pwhash_str() writes it
    scopes     int         NOT NULL CHECK (scopes BETWEEN 1 AND 3 OR scopes = 7),
    disabled   boolean     NOT NULL DEFAULT false,
    version    bigint      NOT NULL DEFAULT 1,
    created_at timestamptz NOT NULL DEFAULT now(),
    updated_at timestamptz NOT NULL DEFAULT now()
);

-- The token itself is shown once and known to nobody here.
CREATE TABLE session (
    token_hash bytea       PRIMARY KEY CHECK (length(token_hash) = 32),
    account_id bigint      NOT NULL REFERENCES account ON DELETE CASCADE,
    scopes     int         NOT NULL CHECK (scopes BETWEEN 1 AND 3 OR scopes = 7),
    address    text        NOT NULL,            -- where the login came from, for people
    created_at timestamptz NOT NULL DEFAULT now(),
    expires_at timestamptz NOT NULL
);
CREATE INDEX session_account ON session (account_id);
CREATE INDEX session_expires ON session (expires_at);

-- Failed logins of one subject ('user:ana', 'address:192.0.2.7') in the window that its first failure opened.
CREATE TABLE login_failure (
    subject  text        PRIMARY KEY,
    since    timestamptz NOT NULL DEFAULT now(),
    failures int         NOT NULL DEFAULT 1
);
CREATE INDEX login_failure_since ON login_failure (since);

CREATE FUNCTION scopes_json(p_scopes int) RETURNS json
LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT array_to_json(array_remove(ARRAY[CASE WHEN p_scopes & 1 <> 0 THEN 'read' END,
                                            CASE WHEN p_scopes & 2 <> 0 THEN 'write' END,
                                            CASE WHEN p_scopes & 4 <> 0 THEN 'admin' END], NULL))
$$;

CREATE FUNCTION account_json(a account) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('username', a.name, 'scopes', scopes_json(a.scopes), 'disabled', a.disabled,
                             'version', a.version, 'created_at', rfc3339(a.created_at),
                             'updated_at', rfc3339(a.updated_at))::text
$$;

CREATE FUNCTION account_create(p_key text, p_hash text, p_name text, p_password text, p_scopes int)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    a account;
BEGIN
    w := idem_begin('user.create', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    INSERT INTO account (name, password, scopes) VALUES (p_name, p_password, p_scopes)
    ON CONFLICT (name) DO NOTHING
    RETURNING * INTO a;
    IF NOT FOUND THEN
        RETURN write_refused('already-exists', 409, 'there is a user of this name');
    END IF;
    RETURN idem_end('user.create', p_key, p_hash, 201, a.version::text, '/api/users/' || a.name,
                    account_json(a));
END $$;

-- p_match: the version that If-Match names, -2 for "*", NULL for none.  p_scopes, p_disabled: NULL leaves.
-- Disabling revokes every session.  What changes nothing gives no new version.
CREATE FUNCTION account_update(p_key text, p_hash text, p_match bigint, p_name text, p_scopes int,
                               p_disabled boolean) RETURNS write_row
LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    a account;
BEGIN
    w := idem_begin('user.update', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO a FROM account WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, 'there is no user of this name');
    END IF;
    IF p_match >= 0 AND p_match <> a.version THEN
        RETURN write_refused('version-mismatch', 412, 'the user has changed since', a.version::text);
    END IF;
    IF (coalesce(p_scopes, a.scopes), coalesce(p_disabled, a.disabled)) <> (a.scopes, a.disabled) THEN
        UPDATE account
           SET scopes = coalesce(p_scopes, scopes), disabled = coalesce(p_disabled, disabled),
               version = version + 1, updated_at = now()
         WHERE id = a.id
        RETURNING * INTO a;
    END IF;
    IF a.disabled THEN
        DELETE FROM session WHERE account_id = a.id;
    END IF;
    RETURN idem_end('user.update', p_key, p_hash, 200, a.version::text, NULL, account_json(a));
END $$;

-- p_verified: the stored hash that the caller's old password was checked against, NULL when an administrator
-- asks; it must still be the stored one.  Every session of the user ends.
CREATE FUNCTION account_set_password(p_key text, p_hash text, p_name text, p_password text, p_verified text)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    a account;
BEGIN
    w := idem_begin('user.password', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO a FROM account WHERE name = p_name FOR UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, 'there is no user of this name');
    END IF;
    IF p_verified IS NOT NULL AND (a.disabled OR a.password <> p_verified) THEN
        RETURN write_refused('wrong-password', 403, 'the old password is not right');
    END IF;
    UPDATE account SET password = p_password, version = version + 1, updated_at = now()
     WHERE id = a.id
    RETURNING * INTO a;
    DELETE FROM session WHERE account_id = a.id;
    DELETE FROM login_failure WHERE subject = 'user:' || a.name;
    RETURN idem_end('user.password', p_key, p_hash, 204, a.version::text, NULL, NULL);
END $$;

-- ---- Logging in -----------------------------------------------------------------------------------------
--
-- login_begin -> (the caller verifies the password, off its loop) -> session_create or login_failed.
-- The limit is looked at twice: before the costly hash, and again when a session would be made, so that many
-- guesses sent at once do not pass together.

-- Seconds until the first of the two counters lets the caller in again; 0 = now.
CREATE FUNCTION login_wait(p_name text, p_address text, p_max int, p_window interval) RETURNS int
LANGUAGE sql STABLE AS $$
    SELECT coalesce(max(greatest(1, ceil(extract(epoch FROM since + p_window - now())))), 0)::int
      FROM login_failure
     WHERE subject IN ('user:' || p_name, 'address:' || p_address)
       AND failures >= p_max AND since + p_window > now()
$$;

-- Counts and refuses; the window of a subject starts again with the first failure after its end.  p_op tells
-- who asked: 'session.create', or 'user.password' for an old password that is wrong.
CREATE FUNCTION login_failed(p_op text, p_name text, p_address text, p_window interval) RETURNS write_row
LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO login_failure AS f (subject)
    SELECT s FROM unnest(ARRAY['address:' || p_address, 'user:' || p_name]) s ORDER BY s
    ON CONFLICT (subject) DO UPDATE
       SET failures = CASE WHEN f.since + p_window > now() THEN f.failures + 1 ELSE 1 END,
           since = CASE WHEN f.since + p_window > now() THEN f.since ELSE now() END;
    IF p_op = 'user.password' THEN
        RETURN write_refused('wrong-password', 403, 'the old password is not right');
    END IF;
    RETURN write_refused('bad-credentials', 401, 'wrong user name or password');
END $$;

-- outcome NULL: verify the password against `password` (NULL: no such user, or a disabled one).
CREATE FUNCTION login_begin(p_op text, p_key text, p_hash text, p_name text, p_address text, p_max int,
                            p_window interval, OUT outcome text, OUT status int, OUT etag text,
                            OUT location text, OUT answer text, OUT wait_sec int, OUT password text)
LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
BEGIN
    w := idem_begin(p_op, p_key, p_hash);
    wait_sec := login_wait(p_name, p_address, p_max, p_window);
    IF w.outcome IS NULL AND wait_sec > 0 THEN
        w := write_refused('too-many-failures', 429, 'too many failed logins; wait before trying again');
    END IF;
    outcome := w.outcome;
    status := w.status;
    etag := w.etag;
    location := w.location;
    answer := w.answer;
    SELECT a.password INTO password FROM account a WHERE a.name = p_name AND NOT a.disabled;
END $$;

-- p_verified: the stored hash that the password matched.  Whoever disables the account or changes its password
-- in between wins: the row lock waits for them, and the session is refused.  p_scopes NULL: all of the
-- account's.  The answer lacks the token, which only the caller knows.
CREATE FUNCTION session_create(p_key text, p_hash text, p_name text, p_address text, p_max int,
                               p_window interval, p_verified text, p_token_hash bytea, p_scopes int,
                               p_ttl interval) RETURNS write_row
LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    a account;
    s session;
BEGIN
    w := idem_begin('session.create', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO a FROM account WHERE name = p_name FOR SHARE;
    IF NOT FOUND OR a.disabled OR a.password <> p_verified THEN
        RETURN write_refused('bad-credentials', 401, 'wrong user name or password');
    END IF;
    IF login_wait(p_name, p_address, p_max, p_window) > 0 THEN
        RETURN write_refused('too-many-failures', 429, 'too many failed logins; wait before trying again');
    END IF;
    IF p_scopes & ~a.scopes <> 0 THEN
        RETURN write_refused('insufficient-scope', 403, 'the user does not have all of these scopes');
    END IF;
    INSERT INTO session (token_hash, account_id, scopes, address, expires_at)
    VALUES (p_token_hash, a.id, coalesce(p_scopes, a.scopes), p_address, now() + p_ttl)
    RETURNING * INTO s;
    DELETE FROM login_failure WHERE subject = 'user:' || p_name;
    RETURN idem_end('session.create', p_key, p_hash, 201, NULL, '/api/sessions/current',
                    session_json(s, a), true);
END $$;

CREATE FUNCTION session_json(s session, a account) RETURNS text
LANGUAGE sql STABLE AS $$
    SELECT json_build_object('user', a.name, 'scopes', scopes_json(s.scopes & a.scopes),
                             'created_at', rfc3339(s.created_at), 'expires_at', rfc3339(s.expires_at))::text
$$;

-- Revoking twice is no error: the session is gone, which is what was wanted.
CREATE FUNCTION session_delete(p_key text, p_hash text, p_token_hash bytea) RETURNS write_row
LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
BEGIN
    w := idem_begin('session.delete', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    DELETE FROM session WHERE token_hash = p_token_hash;
    RETURN idem_end('session.delete', p_key, p_hash, 204, NULL, NULL, NULL);
END $$;

-- For the sweep: removes at most p_limit expired sessions and as many counters unused for a day; returns how
-- many rows went.
CREATE FUNCTION session_trim(p_limit int) RETURNS bigint
LANGUAGE sql AS $$
    WITH s AS (
        DELETE FROM session WHERE token_hash IN (
            SELECT token_hash FROM session WHERE expires_at < now() ORDER BY expires_at LIMIT p_limit
            FOR UPDATE SKIP LOCKED) RETURNING 1
    ), f AS (
        DELETE FROM login_failure WHERE subject IN (
            SELECT subject FROM login_failure WHERE since < now() - interval '1 day' ORDER BY since LIMIT p_limit
            FOR UPDATE SKIP LOCKED) RETURNING 1
    )
    SELECT (SELECT count(*) FROM s) + (SELECT count(*) FROM f)
$$;

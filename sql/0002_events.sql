-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- The sequencer, the relay's lease and the trimming of the log (src/events/event_relay.h).
--
-- Order.  The log has the exact commit order per entity, and if A was committed before B's transaction began, A
-- comes first: an outbox id is drawn after the entity's row lock is held, so that ids of one entity ascend in
-- commit order; and whoever sees B in the outbox sees A too, or A is in the log already.  What concurrent
-- transactions did to different entities has no order of its own and gets one here.

-- The busiest rows of the database: room for HOT updates, and the outbox, which is empty most of the time, is
-- cleaned by its own count and not by its size.
ALTER TABLE event_head SET (fillfactor = 10);
ALTER TABLE relay SET (fillfactor = 10);
ALTER TABLE outbox SET (autovacuum_vacuum_scale_factor = 0, autovacuum_vacuum_threshold = 5000,
                        autovacuum_analyze_scale_factor = 0, autovacuum_analyze_threshold = 100000);

-- One turn of a relay, in this order:
--   sequence  moves at most p_limit committed outbox rows into the log, with dense offsets
--   record    what the broker has confirmed to the caller, if the lease is the caller's
--   lease     takes or renews it for p_lease seconds when there is something to publish (0: the caller cannot
--             publish), else gives it up
--
-- The lock on event_head lets one sequencer in at a time; the statement after it has a newer snapshot, which sees
-- what the one before committed.
--
-- The lease is held only while its holder publishes, and nobody needs to be notified: a holder gives it up with
-- the same look at the head that tells it that nothing is left, and both looks happen under the lock on the
-- relay's row.  Either the holder sees the new head or whoever moved it finds the lease free.
--
-- Without anything moved the commit need not wait for the disk: a lost record means a repeat, a lost lease is taken
-- again.  What was moved must be safe before it is published under its offset.
CREATE FUNCTION event_relay_turn(p_who text, p_limit int, p_lease int, p_confirmed bigint, OUT moved int,
                                 OUT head bigint, OUT published bigint, OUT is_holder boolean)
LANGUAGE plpgsql AS $$
DECLARE
    r       relay;
    is_ours boolean;
BEGIN
    moved := 0;
    PERFORM FROM outbox LIMIT 1;
    IF FOUND THEN
        SELECT h.last INTO head FROM event_head h FOR UPDATE;
        WITH taken AS (
            DELETE FROM outbox WHERE id IN (SELECT id FROM outbox ORDER BY id LIMIT p_limit) RETURNING *
        ), logged AS (
            INSERT INTO event ("offset", id, type, entity, version, data, request_id, time)
            SELECT event_relay_turn.head + row_number() OVER (ORDER BY t.id), t.event_id, t.type, t.entity,
                   t.version, t.data, t.request_id, t.at
            FROM taken t ORDER BY t.id
            RETURNING 1
        )
        SELECT count(*) INTO moved FROM logged;
    END IF;
    IF moved > 0 THEN
        UPDATE event_head SET last = last + moved RETURNING last INTO head;
    ELSE
        PERFORM set_config('synchronous_commit', 'off', true);
        SELECT h.last INTO head FROM event_head h;
    END IF;

    SELECT * INTO r FROM relay;
    IF r.published >= head AND r.holder IS DISTINCT FROM p_who THEN     -- the usual sweep: nothing to lock for
        published := r.published;
        is_holder := false;
        RETURN;
    END IF;
    SELECT * INTO r FROM relay FOR UPDATE;
    SELECT h.last INTO head FROM event_head h;
    is_ours := r.holder IS NOT DISTINCT FROM p_who;
    published := CASE WHEN is_ours THEN least(greatest(r.published, p_confirmed), head) ELSE r.published END;
    is_holder := p_lease > 0 AND published < head AND
                 (is_ours OR r.holder IS NULL OR r.until <= clock_timestamp());
    IF is_holder OR is_ours THEN
        UPDATE relay
        SET published = event_relay_turn.published,
            holder = CASE WHEN is_holder THEN p_who END,
            until = CASE WHEN is_holder THEN clock_timestamp() + make_interval(secs => p_lease)
                         ELSE '-infinity' END;
    END IF;
END $$;

-- Removes at most p_limit events from the front of the log: published ones that are older than p_age or more than
-- p_rows behind the head.  What remains is without holes.  Returns how many went.
CREATE FUNCTION event_trim(p_age interval, p_rows bigint, p_limit int) RETURNS bigint
LANGUAGE plpgsql AS $$
DECLARE
    h       event_head;
    done    bigint;
    cut     bigint;                             -- the last offset to go
BEGIN
    SELECT * INTO h FROM event_head;
    SELECT published INTO done FROM relay;
    -- the first that is young enough; reads only what is old, in order
    SELECT coalesce(min("offset") - 1, h.last) INTO cut
    FROM (SELECT "offset" FROM event WHERE "offset" <= h.last AND time >= now() - p_age
          ORDER BY "offset" LIMIT 1) young;
    cut := least(greatest(cut, h.last - p_rows), done, h.first + p_limit - 1);
    IF cut < h.first THEN
        RETURN 0;
    END IF;
    DELETE FROM event WHERE "offset" <= cut;
    UPDATE event_head SET first = greatest(first, cut + 1);
    RETURN cut - h.first + 1;
END $$;

-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- What every daemon needs: idempotency keys, the outbox and the event log.  The migrator keeps schema_migration
-- itself and wraps each file in a transaction.

-- A key with its first answer, for 24 h.  Scope: (operation, key).  Only successes are kept.
CREATE TABLE idem (
    op      text        NOT NULL,
    key     text        NOT NULL CHECK (length(key) BETWEEN 1 AND 255),
    hash    text        NOT NULL,               -- SHA-256 of the decoded command and its target, hex
    status  int         NOT NULL,
    etag    text,
    location text,
    answer  text,                               -- NULL: the answer held a secret and is not kept
    at      timestamptz NOT NULL DEFAULT now(),
    PRIMARY KEY (op, key)
);
CREATE INDEX idem_at ON idem (at);

-- Written in the transaction of the change, after the entity's row lock is held.
CREATE TABLE outbox (
    id         bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    event_id   uuid        NOT NULL DEFAULT gen_random_uuid(),
    type       text        NOT NULL,
    entity     text        NOT NULL,
    version    bigint      NOT NULL,
    data       jsonb       NOT NULL,
    request_id text,
    at         timestamptz NOT NULL DEFAULT clock_timestamp()
);

-- The log: dense offsets in an order that respects commit order.  Read by offset alone: another index would be a
-- quarter of what an event costs, and nobody would use it.
CREATE TABLE event (
    "offset"   bigint      PRIMARY KEY,
    id         uuid        NOT NULL,            -- drawn at random, once
    type       text        NOT NULL,
    entity     text        NOT NULL,
    version    bigint      NOT NULL,
    data       jsonb       NOT NULL,
    request_id text,
    time       timestamptz NOT NULL
);

CREATE TABLE event_head (
    one   boolean PRIMARY KEY DEFAULT true CHECK (one),
    first bigint NOT NULL,                      -- smallest offset still kept
    last  bigint NOT NULL
);
INSERT INTO event_head VALUES (true, 1, 0);

-- Who publishes, until when, and how far it has come.
CREATE TABLE relay (
    one       boolean PRIMARY KEY DEFAULT true CHECK (one),
    holder    text,
    until     timestamptz NOT NULL DEFAULT '-infinity',
    published bigint      NOT NULL DEFAULT 0
);
INSERT INTO relay DEFAULT VALUES;

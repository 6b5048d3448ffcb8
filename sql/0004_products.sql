-- SPDX-License-Identifier: Apache-2.0
-- SPDX-FileCopyrightText: Lonja contributors
--
-- The catalogue.  Each function below is one whole write: key, change, past price, event, remembered answer.
--
-- A change that changes nothing (a PUT or PATCH with the values that are there, a factor of 1) gives no new
-- version and no event: the ETag that the client holds is still the truth.
--
-- Locks are taken in one order: the key, then products by code.  Single-row writes hold one product, so only
-- the two multi-row writes must take care, and both sort.

CREATE TABLE product (
    code          text          COLLATE "C" PRIMARY KEY
                                CHECK (code ~ '^[A-Za-z0-9._-]{1,64}$' AND code <> '.' AND code <> '..'),
    description   text          NOT NULL,
    buying_price  numeric(12,2) NOT NULL CHECK (buying_price >= 0),
    selling_price numeric(12,2) NOT NULL CHECK (selling_price >= 0),
    created_at    timestamptz   NOT NULL DEFAULT now(),
    updated_at    timestamptz   NOT NULL DEFAULT now(),
    version       bigint        NOT NULL DEFAULT 1,
    deleted_at    timestamptz                   -- a tombstone: keeps the version from ever repeating
);

-- One for each ordering that the list offers; the code breaks ties.
CREATE INDEX product_buying_price ON product (buying_price, code) WHERE deleted_at IS NULL;
CREATE INDEX product_selling_price ON product (selling_price, code) WHERE deleted_at IS NULL;
CREATE INDEX product_created_at ON product (created_at, code) WHERE deleted_at IS NULL;
CREATE INDEX product_updated_at ON product (updated_at, code) WHERE deleted_at IS NULL;

-- A row for each version that brought other prices than the one before.  No foreign key: the rows are only
-- written below, and the check would cost every price change a lookup.
CREATE TABLE product_price (
    code          text          COLLATE "C" NOT NULL,
    version       bigint        NOT NULL,
    buying_price  numeric(12,2) NOT NULL,
    selling_price numeric(12,2) NOT NULL,
    at            timestamptz   NOT NULL,
    PRIMARY KEY (code, version)
);

-- The JSON of a product: answers of writes and data of events.  src/products/product_store.c writes the same
-- text from a row on the reading side.
CREATE FUNCTION product_json(p_code text, p_description text, p_buying_price numeric, p_selling_price numeric,
                             p_created_at timestamptz, p_updated_at timestamptz, p_version bigint)
RETURNS text LANGUAGE sql STABLE AS $$
    SELECT '{"code":"' || p_code
        || '","description":' || to_json(p_description)::text
        || ',"buying_price":"' || p_buying_price::text
        || '","selling_price":"' || p_selling_price::text
        || '","created_at":"' || rfc3339(p_created_at)
        || '","updated_at":"' || rfc3339(p_updated_at)
        || '","version":' || p_version::text || '}'
$$;

-- Half-even to cents, exactly.  round() goes half away from zero, so it is right except on a tie whose lower
-- neighbour is even; prices and factors are never negative.
CREATE FUNCTION product_round(p_exact numeric) RETURNS numeric LANGUAGE sql IMMUTABLE STRICT AS $$
    SELECT CASE WHEN p_exact - trunc(p_exact, 2) = 0.005 AND trunc(p_exact * 100) % 2 = 0
                THEN trunc(p_exact, 2)
                ELSE round(p_exact, 2) END
$$;

-- The later of now and just after `p_last`: a product's times never stand still or go back, whatever the clock
-- does and however long a writer waited for the row.
CREATE FUNCTION product_now(p_last timestamptz) RETURNS timestamptz LANGUAGE sql STABLE AS $$
    SELECT greatest(now(), p_last + interval '1 microsecond')
$$;

-- What follows every single-row change, with the row lock held: the event, and the price if it is another.
CREATE FUNCTION product_changed(p product, p_type text, p_data text, p_is_priced boolean, p_request_id text)
RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    INSERT INTO outbox (type, entity, version, data, request_id)
    VALUES (p_type, p.code, p.version, p_data::jsonb, p_request_id);
    IF p_is_priced THEN
        INSERT INTO product_price (code, version, buying_price, selling_price, at)
        VALUES (p.code, p.version, p.buying_price, p.selling_price, p.updated_at);
    END IF;
END $$;

-- A new product, or a deleted one again.  NULL when there is one already.
CREATE FUNCTION product_make(p_code text, p_description text, p_buying_price numeric, p_selling_price numeric,
                             p_request_id text)
RETURNS product LANGUAGE plpgsql AS $$
DECLARE
    p product;
BEGIN
    INSERT INTO product AS old (code, description, buying_price, selling_price)
    VALUES (p_code, p_description, p_buying_price, p_selling_price)
    ON CONFLICT (code) DO UPDATE
        SET description = excluded.description, buying_price = excluded.buying_price,
            selling_price = excluded.selling_price, created_at = product_now(old.updated_at),
            updated_at = product_now(old.updated_at), version = old.version + 1, deleted_at = NULL
        WHERE old.deleted_at IS NOT NULL
    RETURNING * INTO p;
    IF FOUND THEN
        PERFORM product_changed(p, 'product.created',
                                product_json(p.code, p.description, p.buying_price, p.selling_price,
                                             p.created_at, p.updated_at, p.version),
                                true, p_request_id);
    END IF;
    RETURN p;
END $$;

-- New values for a product whose row is locked.
CREATE FUNCTION product_set(p_old product, p_description text, p_buying_price numeric, p_selling_price numeric,
                            p_request_id text)
RETURNS product LANGUAGE plpgsql AS $$
DECLARE
    p product;
BEGIN
    IF p_old.description = p_description AND p_old.buying_price = p_buying_price
       AND p_old.selling_price = p_selling_price THEN
        RETURN p_old;
    END IF;
    UPDATE product
    SET description = p_description, buying_price = p_buying_price, selling_price = p_selling_price,
        updated_at = product_now(updated_at), version = version + 1
    WHERE code = p_old.code
    RETURNING * INTO p;
    PERFORM product_changed(p, 'product.updated',
                            product_json(p.code, p.description, p.buying_price, p.selling_price,
                                         p.created_at, p.updated_at, p.version),
                            p.buying_price <> p_old.buying_price OR p.selling_price <> p_old.selling_price,
                            p_request_id);
    RETURN p;
END $$;

-- The success of a write that ends with a product.
CREATE FUNCTION product_written(p_op text, p_key text, p_hash text, p_status int, p product)
RETURNS write_row LANGUAGE plpgsql AS $$
BEGIN
    RETURN idem_end(p_op, p_key, p_hash, p_status, p.version::text,
                    CASE WHEN p_status = 201 THEN '/api/products/' || p.code END,
                    product_json(p.code, p.description, p.buying_price, p.selling_price,
                                 p.created_at, p.updated_at, p.version));
END $$;

-- p_if_match: a version; NULL: the header was absent; -2: "*".
CREATE FUNCTION product_mismatch(p_version bigint, p_if_match bigint) RETURNS boolean
LANGUAGE sql IMMUTABLE AS $$
    SELECT coalesce(p_if_match >= 0 AND p_if_match <> p_version, false)
$$;

CREATE FUNCTION product_create(p_key text, p_hash text, p_request_id text, p_code text, p_description text,
                               p_buying_price numeric, p_selling_price numeric)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    p product;
BEGIN
    w := idem_begin('product.create', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    p := product_make(p_code, p_description, p_buying_price, p_selling_price, p_request_id);
    IF p.code IS NULL THEN
        RETURN write_refused('already-exists', 409, format('there is a product %s already', p_code));
    END IF;
    RETURN product_written('product.create', p_key, p_hash, 201, p);
END $$;

-- Creates or replaces.  p_is_create: only creates (If-None-Match: *).
CREATE FUNCTION product_put(p_key text, p_hash text, p_if_match bigint, p_request_id text, p_is_create boolean,
                            p_code text, p_description text, p_buying_price numeric, p_selling_price numeric)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    p product;
BEGIN
    w := idem_begin('product.put', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    LOOP
        SELECT * INTO p FROM product WHERE code = p_code AND deleted_at IS NULL FOR NO KEY UPDATE;
        IF FOUND THEN
            IF p_is_create THEN
                RETURN write_refused('version-mismatch', 412, format('there is a product %s already', p_code),
                                     p.version::text);
            END IF;
            IF product_mismatch(p.version, p_if_match) THEN
                RETURN write_refused('version-mismatch', 412, format('the version is %s', p.version),
                                     p.version::text);
            END IF;
            p := product_set(p, p_description, p_buying_price, p_selling_price, p_request_id);
            RETURN product_written('product.put', p_key, p_hash, 200, p);
        END IF;
        IF p_if_match IS NOT NULL THEN
            RETURN write_refused('version-mismatch', 412, format('there is no product %s', p_code));
        END IF;
        p := product_make(p_code, p_description, p_buying_price, p_selling_price, p_request_id);
        IF p.code IS NOT NULL THEN
            RETURN product_written('product.put', p_key, p_hash, 201, p);
        END IF;
        -- Somebody else has made it between the two statements: look again.
    END LOOP;
END $$;

-- NULL leaves a field as it is; none of them may be removed.
CREATE FUNCTION product_patch(p_key text, p_hash text, p_if_match bigint, p_request_id text, p_code text,
                              p_description text, p_buying_price numeric, p_selling_price numeric)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    p product;
BEGIN
    w := idem_begin('product.patch', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO p FROM product WHERE code = p_code AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no product %s', p_code));
    END IF;
    IF product_mismatch(p.version, p_if_match) THEN
        RETURN write_refused('version-mismatch', 412, format('the version is %s', p.version), p.version::text);
    END IF;
    p := product_set(p, coalesce(p_description, p.description), coalesce(p_buying_price, p.buying_price),
                     coalesce(p_selling_price, p.selling_price), p_request_id);
    RETURN product_written('product.patch', p_key, p_hash, 200, p);
END $$;

-- The tombstone keeps code and version; what described the product goes.
CREATE FUNCTION product_delete(p_key text, p_hash text, p_if_match bigint, p_request_id text, p_code text)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
    p product;
BEGIN
    w := idem_begin('product.delete', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT * INTO p FROM product WHERE code = p_code AND deleted_at IS NULL FOR NO KEY UPDATE;
    IF NOT FOUND THEN
        RETURN write_refused('not-found', 404, format('there is no product %s', p_code));
    END IF;
    IF product_mismatch(p.version, p_if_match) THEN
        RETURN write_refused('version-mismatch', 412, format('the version is %s', p.version), p.version::text);
    END IF;
    UPDATE product
    SET description = '', updated_at = product_now(updated_at), deleted_at = product_now(updated_at),
        version = version + 1
    WHERE code = p_code
    RETURNING * INTO p;
    PERFORM product_changed(p, 'product.deleted', format('{"code":"%s","version":%s}', p.code, p.version),
                            false, p_request_id);
    RETURN idem_end('product.delete', p_key, p_hash, 204, NULL, NULL, NULL);
END $$;

-- Every price times a factor, half-even to cents, in one statement; one event for each product that changed.
-- A price that does not fit any more refuses all of it, naming the first such code.
CREATE FUNCTION product_adjust_prices(p_key text, p_hash text, p_request_id text, p_factor numeric)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w         write_row;
    too_large text;
    n         bigint;
BEGIN
    w := idem_begin('product.adjust-prices', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    -- `priced` locks in code order and then holds the newest values, whatever the statement's snapshot saw.
    WITH priced AS MATERIALIZED (
        SELECT p.code, product_round(p.buying_price * p_factor) AS buying_price,
               product_round(p.selling_price * p_factor) AS selling_price
        FROM product p WHERE p.deleted_at IS NULL
        ORDER BY p.code FOR NO KEY UPDATE
    ), refused AS MATERIALIZED (
        SELECT min(code) AS code FROM priced WHERE greatest(buying_price, selling_price) > 9999999999.99
    ), changed AS (
        UPDATE product p
        SET buying_price = n.buying_price, selling_price = n.selling_price,
            updated_at = product_now(p.updated_at), version = p.version + 1
        FROM priced n
        WHERE p.code = n.code AND (SELECT r.code IS NULL FROM refused r)
          AND (p.buying_price <> n.buying_price OR p.selling_price <> n.selling_price)
        RETURNING p.*
    ), remembered AS (
        INSERT INTO product_price (code, version, buying_price, selling_price, at)
        SELECT c.code, c.version, c.buying_price, c.selling_price, c.updated_at FROM changed c
    ), told AS (
        INSERT INTO outbox (type, entity, version, data, request_id)
        SELECT 'product.updated', c.code, c.version,
               product_json(c.code, c.description, c.buying_price, c.selling_price, c.created_at, c.updated_at,
                            c.version)::jsonb, p_request_id
        FROM changed c ORDER BY c.code
    )
    SELECT (SELECT code FROM refused), (SELECT count(*) FROM changed) INTO too_large, n;

    IF too_large IS NOT NULL THEN
        RETURN write_refused('price-too-large', 422,
                             format('a price of product %s would exceed 9999999999.99', too_large));
    END IF;
    RETURN idem_end('product.adjust-prices', p_key, p_hash, 200, NULL, NULL, format('{"changed":%s}', n));
END $$;

-- The rows of pg_temp.product_staging(line, code, description, buying_price, selling_price), all or nothing:
-- the caller rolls back on any other outcome than 'done' (or 'replayed').  Existing products are replaced
-- unless p_is_create.  An 'invalid-input' or 'already-exists' has a JSON array of the lines as its answer.
CREATE FUNCTION product_import(p_key text, p_hash text, p_request_id text, p_is_create boolean)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w       write_row;
    wrong   text;
    n_lines bigint;
    n_made  bigint;
    n_set   bigint;
BEGIN
    w := idem_begin('product.import', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    SELECT json_agg(json_build_object('line', line, 'path', format('/%s/code', line),
                                      'reason', format('is the code of line %s already', first)) ORDER BY line)
    INTO wrong
    FROM (SELECT s.line, f.first FROM pg_temp.product_staging s
          JOIN (SELECT code, min(line) AS first FROM pg_temp.product_staging GROUP BY code HAVING count(*) > 1) f
            ON f.code = s.code AND s.line > f.first
          ORDER BY s.line LIMIT 100) twice;
    IF wrong IS NOT NULL THEN
        RETURN write_refused('invalid-input', 400, wrong);
    END IF;

    -- Sorted, since this takes the row locks, of new and of old products alike.
    WITH written AS (
        INSERT INTO product AS old (code, description, buying_price, selling_price)
        SELECT code, description, buying_price, selling_price FROM pg_temp.product_staging ORDER BY code
        ON CONFLICT (code) DO UPDATE
            SET description = excluded.description, buying_price = excluded.buying_price,
                selling_price = excluded.selling_price, updated_at = product_now(old.updated_at),
                created_at = CASE WHEN old.deleted_at IS NULL THEN old.created_at
                                  ELSE product_now(old.updated_at) END,
                version = old.version + 1, deleted_at = NULL
            WHERE old.deleted_at IS NOT NULL
               OR NOT p_is_create AND (old.description, old.buying_price, old.selling_price)
                                   <> (excluded.description, excluded.buying_price, excluded.selling_price)
        RETURNING *, created_at = updated_at AS is_new      -- product_now() keeps them apart ever after
    ), remembered AS (
        INSERT INTO product_price (code, version, buying_price, selling_price, at)
        SELECT n.code, n.version, n.buying_price, n.selling_price, n.updated_at
        FROM written n
        -- The statement's snapshot still shows the row before it; if it shows an older one, somebody changed the
        -- product meanwhile, and a row too many does no harm.
        WHERE n.is_new OR NOT EXISTS (
            SELECT FROM product b WHERE b.code = n.code AND b.version = n.version - 1
               AND b.buying_price = n.buying_price AND b.selling_price = n.selling_price)
    ), told AS (
        INSERT INTO outbox (type, entity, version, data, request_id)
        SELECT CASE WHEN n.is_new THEN 'product.created' ELSE 'product.updated' END, n.code, n.version,
               product_json(n.code, n.description, n.buying_price, n.selling_price, n.created_at, n.updated_at,
                            n.version)::jsonb, p_request_id
        FROM written n ORDER BY n.code
    )
    SELECT (SELECT count(*) FROM pg_temp.product_staging), count(*) FILTER (WHERE is_new),
           count(*) FILTER (WHERE NOT is_new)
    INTO n_lines, n_made, n_set FROM written;

    IF p_is_create AND n_made < n_lines THEN
        SELECT json_agg(json_build_object('line', line, 'path', format('/%s/code', line),
                                          'reason', 'exists already') ORDER BY line)
        INTO wrong
        FROM (SELECT s.line FROM pg_temp.product_staging s JOIN product p ON p.code = s.code
              WHERE NOT (p.xmin = pg_current_xact_id()::xid) ORDER BY s.line LIMIT 100) there;
        RETURN write_refused('already-exists', 409, wrong);
    END IF;
    RETURN idem_end('product.import', p_key, p_hash, 200, NULL, NULL,
                    format('{"created":%s,"updated":%s,"unchanged":%s}', n_made, n_set, n_lines - n_made - n_set));
END $$;

-- An operator's own UPDATE in psql is a change like any other: it gets a version, its place in the history and
-- an event, so that caches, watchers and plots stay true.  The functions above count the version up themselves
-- and never come here.
CREATE FUNCTION product_by_hand() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF NEW.code <> OLD.code THEN
        RAISE EXCEPTION 'the code of a product is fixed' USING ERRCODE = 'check_violation';
    END IF;
    NEW.version := OLD.version + 1;
    NEW.updated_at := product_now(OLD.updated_at);
    IF NEW.deleted_at IS NULL THEN
        PERFORM product_changed(NEW, CASE WHEN OLD.deleted_at IS NULL THEN 'product.updated'
                                          ELSE 'product.created' END,
                                product_json(NEW.code, NEW.description, NEW.buying_price, NEW.selling_price,
                                             NEW.created_at, NEW.updated_at, NEW.version),
                                OLD.deleted_at IS NOT NULL OR NEW.buying_price <> OLD.buying_price
                                OR NEW.selling_price <> OLD.selling_price, NULL);
    ELSIF OLD.deleted_at IS NULL THEN
        PERFORM product_changed(NEW, 'product.deleted',
                                format('{"code":"%s","version":%s}', NEW.code, NEW.version), false, NULL);
    END IF;
    RETURN NEW;
END $$;
CREATE TRIGGER product_by_hand BEFORE UPDATE ON product FOR EACH ROW
    WHEN (NEW.version = OLD.version AND NEW IS DISTINCT FROM OLD) EXECUTE FUNCTION product_by_hand();

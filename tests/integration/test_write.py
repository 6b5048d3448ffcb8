# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What all writes share: idempotency keys, also under concurrency and over failures, first in SQL, then over HTTP."""

import concurrent.futures
import contextlib
import itertools

import psycopg2
import pytest
import requests

numbers = itertools.count(1)

# A write as sql/0003_accounts.sql teaches it; two locks, so that tests can hold it in the middle.
THING = """
CREATE TABLE thing (name text PRIMARY KEY);
CREATE FUNCTION thing_create(p_key text, p_hash text, p_name text, p_secret boolean DEFAULT false)
RETURNS write_row LANGUAGE plpgsql AS $$
DECLARE
    w write_row;
BEGIN
    w := idem_begin('thing.create', p_key, p_hash);
    IF w.outcome IS NOT NULL THEN
        RETURN w;
    END IF;
    INSERT INTO thing VALUES (p_name) ON CONFLICT DO NOTHING;
    IF NOT FOUND THEN
        RETURN write_refused('already-exists', 409);
    END IF;
    RETURN idem_end('thing.create', p_key, p_hash, 201, '1', '/things/' || p_name, '{"n":1}', p_secret);
END $$;
"""


@pytest.fixture(scope="module")
def database(lonja):
    with contextlib.closing(psycopg2.connect(lonja.database)) as owner:
        owner.autocommit = True
        owner.cursor().execute(THING)
        yield lonja.database
        owner.cursor().execute("DROP FUNCTION thing_create; DROP TABLE thing")


@pytest.fixture
def connect(database):
    with contextlib.ExitStack() as stack:
        yield lambda: stack.enter_context(
            contextlib.closing(psycopg2.connect(database, options="-c statement_timeout=60s")))


def create(connection, key, name, hash_="h", secret=False):
    with connection.cursor() as c:
        c.execute("SELECT * FROM thing_create(%s, %s, %s, %s)", (key, hash_, name, secret))
        return c.fetchone()


def count(connection, name):
    with connection.cursor() as c:
        c.execute("SELECT count(*) FROM thing WHERE name = %s", (name,))
        return c.fetchone()[0]


DONE = ("done", 201, "1")
REPLAYED = ("replayed", 201, "1")


def test_replay(connect):
    """The same key and body is the first answer, in any later transaction; another body is refused."""
    c = connect()
    name = f"n{next(numbers)}"
    assert create(c, name, name) == (*DONE, f"/things/{name}", '{"n":1}')
    assert create(c, name, name) == (*REPLAYED, f"/things/{name}", '{"n":1}')
    c.commit()
    later = connect()
    assert create(later, name, name) == (*REPLAYED, f"/things/{name}", '{"n":1}')
    later.commit()
    assert create(c, name, name, hash_="other")[:2] == ("idempotency-key-reused", 422)


def test_no_key(connect):
    """Without a key nothing is remembered."""
    c = connect()
    name = f"n{next(numbers)}"
    assert create(c, None, name, None)[0] == "done"
    assert create(c, None, name, None)[:2] == ("already-exists", 409)
    with c.cursor() as cursor:
        cursor.execute("SELECT count(*) FROM idem WHERE op = 'thing.create' AND hash IS NULL")
        assert cursor.fetchone() == (0,)


def test_refusals_are_not_remembered(connect):
    """A key whose write was refused may be used for one that succeeds."""
    c = connect()
    taken, name = f"n{next(numbers)}", f"n{next(numbers)}"
    create(c, None, taken, None)
    assert create(c, name, taken)[0] == "already-exists"
    c.commit()
    assert create(c, name, name, hash_="other")[0] == "done"


def test_secret(connect):
    """An answer that held a secret is not kept, and its replay says so."""
    c = connect()
    name = f"n{next(numbers)}"
    assert create(c, name, name, secret=True)[4] == '{"n":1}'
    assert create(c, name, name, secret=True)[:2] == ("secret-already-shown", 409)
    with c.cursor() as cursor:
        cursor.execute("SELECT answer FROM idem WHERE key = %s", (name,))
        assert cursor.fetchone() == (None,)


@pytest.mark.parametrize("end, first, twin", [("commit", "done", "replayed"), ("rollback", "done", "done")])
def test_twin(connect, end, first, twin):
    """A twin waits for the first to end: replayed when that commits, the one that does it when it does not."""
    one, other, watcher = connect(), connect(), connect()
    watcher.autocommit = True
    name = f"n{next(numbers)}"
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        assert create(one, name, name)[0] == first
        waiting = pool.submit(create, other, name, name)
        wait_for_lock(watcher, other)
        assert not waiting.done()
        getattr(one, end)()
        assert waiting.result(30)[0] == twin
    other.commit()
    assert count(watcher, name) == 1


def wait_for_lock(watcher, other):
    """Until `other` waits for an advisory lock; the server tells, nobody sleeps."""
    with watcher.cursor() as cursor:
        for _ in range(10000):
            cursor.execute("SELECT count(*) FROM pg_locks WHERE NOT granted AND pid = %s", (other.get_backend_pid(),))
            if cursor.fetchone()[0]:
                return
    raise AssertionError("nobody waits")


def test_expired_key(connect):
    """After a day the key is free, swept or not."""
    c = connect()
    name, again = f"n{next(numbers)}", f"n{next(numbers)}"
    create(c, name, name)
    with c.cursor() as cursor:
        cursor.execute("UPDATE idem SET at = now() - interval '25 hours' WHERE key = %s", (name,))
    assert create(c, name, again, hash_="other")[0] == "done"
    assert create(c, name, again, hash_="other")[0] == "replayed"


def test_trim(connect):
    """The sweep removes what has expired, a bounded number at a time, and nothing else."""
    c = connect()
    keys = [f"n{next(numbers)}" for _ in range(5)]
    for key in keys:
        create(c, key, key)
    with c.cursor() as cursor:
        cursor.execute("UPDATE idem SET at = now() - interval '25 hours' WHERE key = ANY(%s)", (keys[:4],))
        counts = []
        for _ in range(3):
            cursor.execute("SELECT idem_trim(3)")
            counts.append(cursor.fetchone()[0])
        assert counts[0] == 3 and counts[-1] == 0 and sum(counts) >= 4
        cursor.execute("SELECT key FROM idem WHERE key = ANY(%s)", (keys,))
        assert cursor.fetchall() == [(keys[4],)]


def test_session_trim(connect):
    """It removes expired sessions and old counters too."""
    c = connect()
    with c.cursor() as cursor:
        cursor.execute("INSERT INTO account (name, password, scopes) VALUES ('trimmed', 'x', 1) RETURNING id")
        account = cursor.fetchone()[0]
        cursor.execute("INSERT INTO session (token_hash, account_id, scopes, address, expires_at) SELECT"
                       " decode(repeat('0' || n, 32), 'hex'), %s, 1, 'unix', now() + (n - 2.5) * interval '1 h'"
                       " FROM generate_series(1, 4) n", (account,))
        cursor.execute("INSERT INTO login_failure VALUES ('user:old', now() - interval '2 days', 1),"
                       " ('user:new', now(), 1)")
        cursor.execute("SELECT session_trim(100)")
        assert cursor.fetchone()[0] >= 3
        cursor.execute("SELECT count(*) FROM session WHERE account_id = %s", (account,))
        assert cursor.fetchone() == (2,)
        cursor.execute("SELECT subject FROM login_failure WHERE subject IN ('user:old', 'user:new')")
        assert cursor.fetchall() == [("user:new",)]


# Over HTTP


def post(lonja, key, body, **headers):
    return requests.post(lonja.products_url + "/api/products", json=body, timeout=30,
                         headers={"Authorization": f"Bearer {lonja.token}", "Idempotency-Key": key, **headers})


def product(**more):
    return {"description": "d", "buying_price": "1.00", "selling_price": "2.00", **more}


def test_http_replay(lonja):
    """A retry is the first answer, byte for byte, with its status, place and version, and says what it is."""
    key = f"k{next(numbers)}"
    first, again = post(lonja, key, product()), post(lonja, key, product())
    assert first.status_code == again.status_code == 201
    assert first.content == again.content
    for name in ("ETag", "Location"):
        assert first.headers[name] == again.headers[name]
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    other = post(lonja, key, product(description="e"))
    assert other.status_code == 422 and other.json()["type"] == "urn:lonja:problem:idempotency-key-reused"


def test_http_same_command_in_other_words(lonja):
    """The command is what counts, not its spelling: order, spaces and trailing zeros are not another body."""
    key = f"k{next(numbers)}"
    first = post(lonja, key, product())
    again = requests.post(lonja.products_url + "/api/products", timeout=30,
                          headers={"Authorization": f"Bearer {lonja.token}", "Idempotency-Key": key,
                                   "Content-Type": "application/json; charset=utf-8"},
                          data='{ "selling_price":"2", "description" : "\\u0064", "buying_price":"1.0" }')
    assert (again.status_code, again.content) == (201, first.content)


def test_http_key_before_if_match(lonja):
    """A retry of a change that was made finds its key first, though its If-Match no longer holds."""
    made = post(lonja, f"k{next(numbers)}", product())
    url = lonja.products_url + made.headers["Location"]
    headers = {"Authorization": f"Bearer {lonja.token}", "Idempotency-Key": f"k{next(numbers)}",
               "If-Match": made.headers["ETag"]}
    change = {"headers": headers, "json": {"selling_price": "3.00"}, "timeout": 30}
    first, again = requests.patch(url, **change), requests.patch(url, **change)
    assert first.status_code == again.status_code == 200 and first.content == again.content
    headers["Idempotency-Key"] = f"k{next(numbers)}"
    stale = requests.patch(url, **change)
    assert stale.status_code == 412 and stale.headers["ETag"] == first.headers["ETag"]
    headers["If-Match"] = first.headers["ETag"]
    assert requests.patch(url, **change).status_code == 200  # the refusal was not remembered


def test_http_twins(lonja):
    """Twenty at once with one key: one product, twenty equal answers."""
    key, code = f"k{next(numbers)}", f"TWIN-{next(numbers)}"
    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        answers = list(pool.map(lambda _: post(lonja, key, product(code=code)), range(20)))
    assert {a.status_code for a in answers} == {201}
    assert len({a.content for a in answers}) == 1
    assert sum("Idempotency-Replayed" not in a.headers for a in answers) == 1


def test_http_lost_update(lonja):
    """Of many that change one version, one wins and the others are told."""
    made = post(lonja, f"k{next(numbers)}", product())
    url = lonja.products_url + made.headers["Location"]

    def change(n):
        return requests.patch(url, json={"selling_price": f"{n + 10}.00"}, timeout=30,
                              headers={"Authorization": f"Bearer {lonja.token}", "If-Match": made.headers["ETag"]})

    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        codes = sorted(a.status_code for a in pool.map(change, range(16)))
    assert codes == [200] + [412] * 15


def test_http_outcome_unknown(make_lonja):
    """A write whose connection is lost in the middle is unknown to its caller; the retry with its key settles it."""
    lonja = make_lonja()
    made = post(lonja, "made", product(code="A1"))
    with contextlib.closing(psycopg2.connect(lonja.database)) as holder:
        holder.cursor().execute("SELECT 1 FROM product WHERE code = 'A1' FOR UPDATE")
        change = {"json": {"selling_price": "9.00"}, "timeout": 30,
                  "headers": {"Authorization": f"Bearer {lonja.token}", "Idempotency-Key": "k"}}
        with concurrent.futures.ThreadPoolExecutor(1) as pool:
            sent = pool.submit(requests.patch, lonja.products_url + made.headers["Location"], **change)
            with contextlib.closing(psycopg2.connect(lonja.database)) as watcher:
                watcher.autocommit = True
                terminate_waiting(watcher)
            answer = sent.result(30)
        assert answer.status_code == 503 and answer.json()["type"] == "urn:lonja:problem:outcome-unknown"
        assert "Retry-After" in answer.headers
    settled = requests.patch(lonja.products_url + made.headers["Location"], **change)
    assert settled.status_code == 200 and settled.json()["selling_price"] == "9.00"


def terminate_waiting(watcher):
    """Cuts the connection of whoever waits for a row."""
    with watcher.cursor() as cursor:
        for _ in range(10000):
            cursor.execute("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE wait_event_type = 'Lock'"
                           " AND datname = current_database()")
            if cursor.fetchall():
                return
    raise AssertionError("nobody waits")

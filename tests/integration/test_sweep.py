# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja-sweep, as its unit runs it: work that nobody rang for, expired rows, servers that are away or hang."""

import contextlib
import os
import subprocess
import time

import pika
import psycopg2
import pytest

import holder
from stack import SOURCE
from waiting import wait_for

QUEUE = "lonja.tasks.products"
NEVER = 1e6  # only the tests start it
OUTBOX = "INSERT INTO outbox (type, entity, version, data) VALUES ('product.updated', 'A1', 1, '{}')"


def start_sweep(lonja):
    holder.ask(lonja.run_dir, "trigger", "lonja-sweep.timer")


def sweep(lonja, state="inactive"):
    """One run: how long it took, and what it had to say."""
    daemon = lonja.daemon("sweep")
    size = os.path.getsize(daemon.log) if os.path.exists(daemon.log) else 0
    begin = time.monotonic()
    start_sweep(lonja)
    daemon.wait(state, 60)
    took = time.monotonic() - begin
    assert daemon.describe()["last_exit"] == (0 if state == "inactive" else 1)
    with open(daemon.log) as f:
        f.seek(size)
        return took, f.read().splitlines()


def starts(lonja):
    return lonja.daemon("products").describe()["starts"]


@contextlib.contextmanager
def channel(lonja):
    with contextlib.closing(pika.BlockingConnection(pika.URLParameters(lonja.amqp_url + "?heartbeat=0"))) as connection:
        yield connection.channel()


@contextlib.contextmanager
def events(lonja):
    """A function that returns the routing key of the next event."""
    with channel(lonja) as c:
        c.exchange_declare("lonja.events", "topic", durable=True)
        queue = c.queue_declare("", exclusive=True).method.queue
        c.queue_bind(queue, "lonja.events", "#")
        yield lambda: next(c.consume(queue, auto_ack=True, inactivity_timeout=30))[0].routing_key


def declare_queue(c):
    c.queue_declare(QUEUE, durable=True, arguments={"x-queue-type": "quorum"})


def put_task(lonja):
    """And waits until the broker tells of it: it counts what is in a quorum queue in the background."""
    with channel(lonja) as c:
        declare_queue(c)
        c.confirm_delivery()
        c.basic_publish("", QUEUE, b"{}")
        wait_for(lambda: c.queue_declare(QUEUE, passive=True).method.message_count == 1)


@pytest.fixture
def asleep(make_lonja):
    """Nobody runs, and nobody has a reason to."""
    return make_lonja(sweep_sec=NEVER, config={"products": {"Service": {"IdleExitSec": "1"}}})


def test_an_event_in_the_outbox_wakes_products(asleep):
    with events(asleep) as next_event:
        asleep.psql(OUTBOX)
        sweep(asleep)
        assert next_event() == "product.updated"
    assert starts(asleep) == 1
    assert asleep.daemon("products").wait("inactive")


def test_an_unpublished_event_of_the_log_wakes_products(asleep):
    """Its relay died between the commit and the confirm."""
    asleep.psql("INSERT INTO event SELECT 1, gen_random_uuid(), 'product.deleted', 'A1', 2, '{}', NULL, now();"
                "UPDATE event_head SET last = 1;"
                "UPDATE relay SET holder = 'the dead', until = now() - interval '1 s'")
    with events(asleep) as next_event:
        sweep(asleep)
        assert next_event() == "product.deleted"


def test_a_message_in_the_queue_wakes_products(asleep):
    """A foreign publisher knows of no bells."""
    put_task(asleep)
    sweep(asleep)
    wait_for(lambda: starts(asleep) == 1)


def test_without_work_nobody_wakes(asleep):
    assert sweep(asleep)[1] == []  # there is no queue yet
    with channel(asleep) as c:
        declare_queue(c)
    assert sweep(asleep)[1] == []
    # A knock before now would have been seen: the holder looks at its doors before it answers.
    assert starts(asleep) == 0


def test_the_timer_runs_it(make_lonja):
    """What a daemon leaves behind when it is killed is published without anybody's help."""
    lonja = make_lonja(sweep_sec=1)
    lonja.daemon("products").start()
    lonja.daemon("products").stop()
    with events(lonja) as next_event:
        lonja.psql(OUTBOX)
        assert next_event() == "product.updated"
    wait_for(lambda: lonja.daemon("sweep").describe()["starts"] >= 3)


# ---- trimming ----

ROWS = """
INSERT INTO idem (op, key, hash, status, answer, at)
    SELECT 'x', n, 'h', 200, '', now() - interval '25 h' FROM generate_series(1, 12000) n;
INSERT INTO idem (op, key, hash, status, answer) VALUES ('x', 'young', 'h', 200, '');
INSERT INTO account (name, password, scopes) VALUES ('somebody', 'x', 1);
INSERT INTO session (token_hash, account_id, scopes, address, expires_at)
    SELECT decode(repeat(n::text, 64), 'hex'), (SELECT id FROM account WHERE name = 'somebody'), 1, 'unix',
           now() + (n - 2) * interval '1 h' + interval '1 min' FROM generate_series(1, 2) n;
INSERT INTO login_failure VALUES ('user:old', now() - interval '2 days', 1), ('user:new', now(), 1);
INSERT INTO event SELECT n, gen_random_uuid(), 'product.updated', 'A1', n, '{}', NULL,
                         now() - CASE WHEN n <= 12000 THEN interval '8 days' ELSE interval '6 days' END
    FROM generate_series(1, 12100) n;
UPDATE event_head SET last = 12100;
UPDATE relay SET published = 11000, holder = 'somebody slow', until = now() + interval '1 h';
"""


def test_what_has_expired_goes(make_lonja):
    lonja = make_lonja(sweep_sec=NEVER, config={"lonja": {"Events": {"KeepEvents": "1150"}}})
    lonja.psql(ROWS)
    log = "SELECT (SELECT first FROM event_head), min(\"offset\"), max(\"offset\"), count(*) FROM event"
    sweep(lonja)
    assert lonja.psql("SELECT key FROM idem") == "young"
    assert lonja.psql("SELECT get_byte(token_hash, 0) FROM session") == str(0x22)
    assert lonja.psql("SELECT subject FROM login_failure") == "user:new"
    assert lonja.psql(log) == "11001|11001|12100|1100"  # old, but not published

    lonja.psql("UPDATE relay SET published = 12100")
    sweep(lonja)
    assert lonja.psql(log) == "12001|12001|12100|100"

    lonja.configure({"lonja": {"Events": {"KeepEvents": "10"}}})
    sweep(lonja)
    assert lonja.psql(log) == "12091|12091|12100|10"
    assert sweep(lonja)[1] == []


# ---- servers away ----

EXPIRED = "INSERT INTO idem (op, key, hash, status, at) VALUES ('x', 'y', 'h', 200, now() - interval '25 h')"


def sweep_without_broker(lonja):
    lonja.psql(EXPIRED)
    took, said = sweep(lonja)
    assert took < 20 and len(said) == 1 and said[0].startswith("<5>")
    assert lonja.psql("SELECT count(*) FROM idem") == "0"


def test_broker_away(make_lonja):
    """The database is swept all the same, and it is no failure; nor is it one that takes long."""
    lonja = make_lonja(own_rmq=True, sweep_sec=NEVER)
    lonja.rmq.pause()
    sweep_without_broker(lonja)
    lonja.rmq.cont()
    lonja.rmq.kill9()
    lonja.psql(OUTBOX)
    sweep_without_broker(lonja)
    wait_for(lambda: lonja.psql("SELECT last FROM event_head") == "1")  # products is awake, and waits
    lonja.rmq.start()
    wait_for(lambda: lonja.psql("SELECT published FROM relay") == "1")


def sweep_without_database(lonja):
    took, said = sweep(lonja, "failed")
    assert took < 30 and len(said) == 1 and said[0].startswith("<3>")
    return said[0]


def test_database_away(make_lonja):
    """A failure, but who has messages is woken."""
    lonja = make_lonja(own_pg=True, sweep_sec=NEVER, config={"products": {"Service": {"IdleExitSec": "1"}}})
    lonja.pg.pause()
    sweep_without_database(lonja)
    lonja.pg.cont()
    lonja.pg.stop()
    put_task(lonja)
    sweep_without_database(lonja)
    wait_for(lambda: starts(lonja) == 1)
    lonja.pg.start()
    assert sweep(lonja)[1] == []


def test_database_hangs_in_the_middle(make_lonja):
    lonja = make_lonja(own_pg=True, sweep_sec=NEVER)
    waiting = "SELECT count(*) FROM pg_stat_activity WHERE application_name = 'lonja-sweep' AND wait_event_type = 'Lock'"
    with contextlib.closing(psycopg2.connect(lonja.database)) as other:
        other.cursor().execute("LOCK TABLE idem")
        start_sweep(lonja)
        wait_for(lambda: lonja.psql(waiting) == "1")
        lonja.pg.pause()
        lonja.daemon("sweep").wait("failed", 30)
        lonja.pg.cont()
    with open(lonja.daemon("sweep").log) as f:
        assert "no answer within 10 s" in f.read()
    assert sweep(lonja)[1] == []


# ---- configuration ----

def test_bad_configuration(tmp_path):
    build = os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build")
    (tmp_path / "lonja.conf").write_text("[Broker]\nUri=http://x\n[Events]\nKeepSec=0\nKeepEvent=1\n")
    argv = [os.path.join(build, "lonja-sweep"), f"--config-dir={tmp_path}"]
    checked = subprocess.run([*argv, "--check"], capture_output=True, text=True)
    assert checked.returncode == 1
    assert f"{tmp_path}/lonja.conf:4:" in checked.stderr and f"{tmp_path}/lonja.conf:5:" in checked.stderr
    assert subprocess.run(argv, capture_output=True).returncode == 78
    (tmp_path / "lonja.conf").write_text("[Broker]\nUri=http://x\n")
    checked = subprocess.run([*argv, "--check"], capture_output=True, text=True)
    assert checked.returncode == 1 and "Uri=" in checked.stderr

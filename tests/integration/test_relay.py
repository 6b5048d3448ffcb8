# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Sequencer and relay (src/events): dense offsets, order, repeats but never a hole, whatever dies.

tests/lib/relay-probe.c is a daemon with nothing but a relay; writers are plain psycopg2 transactions, the consumer is
pika."""

import json
import os
import random
import signal
import statistics
import threading
import time

import pika
import psycopg2
import pytest

from probe import Probe, program

WRITE = """
INSERT INTO relay_test (name, version) VALUES (%(name)s, 1)
    ON CONFLICT (name) DO UPDATE SET version = relay_test.version + 1;
INSERT INTO outbox (type, entity, version, data, request_id)
    SELECT 'product.updated', name, version, '{"n": 1}', 'req-' || version FROM relay_test WHERE name = %(name)s
"""


class Consumer:
    """Reads lonja.events as a program should: drops what it has seen, and notes holes."""

    def __init__(self, url):
        self.connection = pika.BlockingConnection(pika.URLParameters(url + "?heartbeat=0"))
        self.channel = self.connection.channel()
        self.channel.exchange_declare("lonja.events", "topic", durable=True)
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "lonja.events", "#")
        self.events, self.repeats, self.holes, self.last = [], 0, [], 0
        self.channel.basic_consume(self.queue, self.take, auto_ack=True)

    def take(self, _, method, properties, body):
        event = json.loads(body)
        assert properties.message_id == event["id"] and method.routing_key == event["type"] == properties.type
        assert event["specversion"] == "1.0" and properties.content_type == "application/cloudevents+json"
        assert properties.delivery_mode == 2
        if event["lonjaoffset"] <= self.last:
            self.repeats += 1
            return
        if event["lonjaoffset"] != self.last + 1:
            self.holes.append((self.last, event["lonjaoffset"]))
        self.last = event["lonjaoffset"]
        self.events.append(event)

    def read(self, n, timeout=60):
        """Until n events were seen in all."""
        deadline = time.monotonic() + timeout
        while len(self.events) < n:
            self.connection.process_data_events(0.2)
            assert time.monotonic() < deadline, f"{len(self.events)} of {n} events after {timeout} s; holes {self.holes}"
        return self.events


class Writers:
    """Threads that commit changes, each to some of a few entities, and poke a relay after each."""

    def __init__(self, conninfo, n_threads, n_each, poke, entities=8):
        self.conninfo, self.n_each, self.poke, self.entities = conninfo, n_each, poke, entities
        self.acknowledged, self.lock = 0, threading.Lock()
        self.threads = [threading.Thread(target=self._write, args=(random.Random(i),)) for i in range(n_threads)]
        for t in self.threads:
            t.start()

    def _write(self, rng):
        connection = None
        for _ in range(self.n_each):
            while True:
                try:
                    if connection is None:
                        connection = psycopg2.connect(self.conninfo)
                    with connection, connection.cursor() as cursor:
                        cursor.execute(WRITE, {"name": f"E{rng.randrange(self.entities)}"})
                    break
                except psycopg2.Error:
                    connection = None
                    time.sleep(0.05)
            with self.lock:
                self.acknowledged += 1
            self.poke()
        connection.close()

    def join(self):
        for t in self.threads:
            t.join()
        return self.acknowledged


@pytest.fixture
def hall(make_lonja):
    """A database and a broker; no daemon of Lonja's own runs (nor sweeps) unless a probe does."""
    def make(**options):
        config = {"lonja": {"Broker": {"BrokerStallSec": "2"}, **options.pop("lonja", {})}}
        lonja = make_lonja(config=config, sweep_sec=3600, **options)
        lonja.psql("CREATE TABLE relay_test (name text PRIMARY KEY, version bigint NOT NULL);"
                   "ALTER TABLE relay_test OWNER TO lonja")
        return lonja
    return make


@pytest.fixture
def relay():
    made = []

    def make(lonja, up=True):
        secrets = os.path.join(lonja.directory, "credentials")
        os.makedirs(secrets, exist_ok=True)
        with open(os.path.join(secrets, "lonja_amqp.password"), "w") as f:
            f.write(lonja.rmq.password)
        p = Probe(program("relay-probe"), "--config-dir", lonja.config_dir,
                  env={**os.environ, "CREDENTIALS_DIRECTORY": secrets})
        made.append(p)
        if up:
            p.expect("up")
        return p

    yield make
    for p in made:
        if p.process.poll() is None:
            p.process.send_signal(signal.SIGCONT)
            p.close()
        assert p.process.returncode in (0, -9), p.lines[-20:]


def check_log(lonja, n):
    """The log is dense and complete, and nothing is left in the outbox."""
    assert lonja.psql('SELECT count(*), min("offset"), max("offset") FROM event') == f"{n}|1|{n}"
    assert lonja.psql("SELECT count(*) FROM outbox") == "0"
    assert lonja.psql("SELECT first, last FROM event_head") == f"1|{n}"


def check_stream(consumer, n):
    assert consumer.holes == []
    assert [e["lonjaoffset"] for e in consumer.events] == list(range(1, n + 1))
    assert len({e["id"] for e in consumer.events}) == n
    last = {}
    for e in consumer.events:
        assert e["lonjaversion"] == last.get(e["subject"], 0) + 1, e
        last[e["subject"]] = e["lonjaversion"]


def wait_published(lonja, n, timeout=30):
    """A confirm precedes its record by a turn."""
    deadline = time.monotonic() + timeout
    while lonja.psql("SELECT published, holder FROM relay") != f"{n}|":
        assert time.monotonic() < deadline, lonja.psql("SELECT * FROM relay, event_head")
        time.sleep(0.02)


# ---- undisturbed ----

def test_an_event_reaches_the_broker_at_once(hall, relay):
    lonja = hall()
    consumer, p = Consumer(lonja.amqp_url), relay(lonja)
    times = []
    p.ask("write 1", "wrote")
    consumer.read(1)
    for i in range(50):
        start = time.monotonic()
        p.send("write 1")
        consumer.read(i + 2)
        times.append((time.monotonic() - start) * 1000)
    print(f"\nwrite to consumer, idle: median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms")
    assert statistics.median(times) < 50
    check_log(lonja, 51)
    wait_published(lonja, 51)  # and the lease is given up


def test_sixteen_writers_dense_offsets_and_order_of_each_entity(hall, relay, scale):
    lonja = hall()
    consumer, p = Consumer(lonja.amqp_url), relay(lonja)
    start = time.monotonic()
    n = Writers(lonja.database, 16, scale(100, 1000), lambda: p.send("poke")).join()
    written = time.monotonic() - start
    consumer.read(n)
    print(f"\n{n} events of 16 writers in {written:.2f} s, all at the consumer after {time.monotonic() - start:.2f} s")
    check_log(lonja, n)
    check_stream(consumer, n)
    assert consumer.repeats == 0
    wait_published(lonja, n)


def test_throughput_of_a_backlog(hall, relay, scale):
    lonja = hall()
    n = scale(10000, 100000)
    lonja.psql(f"INSERT INTO outbox (type, entity, version, data) SELECT 'product.updated', 'B', i, '{{}}'"
               f" FROM generate_series(1, {n}) i")
    consumer = Consumer(lonja.amqp_url)
    start = time.monotonic()
    relay(lonja)
    wait_published(lonja, n, timeout=120)
    print(f"\na backlog of {n} events: {n / (time.monotonic() - start):.0f}/s, start of the process included")
    consumer.read(n)
    check_stream(consumer, n)
    assert consumer.repeats == 0


def test_rows_written_by_hand_are_found_by_the_sweep(hall, relay):
    lonja = hall()
    consumer = Consumer(lonja.amqp_url)
    relay(lonja)
    start = time.monotonic()
    lonja.psql("INSERT INTO outbox (type, entity, version, data) VALUES ('product.created', 'X', 1, '{\"a\": [1]}')")
    event = consumer.read(1)[0]
    assert time.monotonic() - start < 3
    assert event["data"] == {"a": [1]} and "lonjarequestid" not in event and event["subject"] == "X"


def test_an_event_carries_its_request_id(hall, relay):
    lonja = hall()
    consumer = Consumer(lonja.amqp_url)
    p = relay(lonja)
    p.send("write 1")
    assert consumer.read(1)[0]["lonjarequestid"] == "probe"


# ---- more than one ----

def test_two_relays_share_the_work_without_repeats(hall, relay, scale):
    lonja = hall()
    consumer = Consumer(lonja.amqp_url)
    probes = [relay(lonja), relay(lonja)]
    n = Writers(lonja.database, 8, scale(100, 1000), lambda: random.choice(probes).send("poke")).join()
    consumer.read(n)
    check_log(lonja, n)
    check_stream(consumer, n)
    assert consumer.repeats == 0
    sent = [int(p.ask("metrics", r".*sent=(\d+)").group(1)) for p in probes]
    print(f"\n{n} events, published by two relays: {sent}")
    assert sum(sent) == n


def test_the_other_takes_over_from_a_stopped_holder(hall, relay):
    """SIGSTOP with the lease in hand: after 5 s the next one publishes; the first comes back and does no harm."""
    lonja = hall()
    consumer, first = Consumer(lonja.amqp_url), relay(lonja)
    first.send("write 3000")
    while lonja.psql("SELECT holder IS NOT NULL FROM relay") != "t":
        pass
    first.process.send_signal(signal.SIGSTOP)
    second = relay(lonja)
    start = time.monotonic()
    second.ask("write 10", "wrote")
    consumer.read(10, timeout=20)
    while lonja.psql("SELECT published = last FROM relay, event_head") != "t":
        assert time.monotonic() - start < 20
        time.sleep(0.05)
    print(f"\ntaken over after {time.monotonic() - start:.1f} s")
    first.process.send_signal(signal.SIGCONT)
    first.expect("wrote")
    consumer.read(3010)
    check_log(lonja, 3010)
    assert consumer.holes == []
    print(f"{consumer.repeats} repeats")


def test_kill9_of_relays_leaves_no_hole(hall, relay, scale):
    lonja = hall()
    consumer = Consumer(lonja.amqp_url)
    current = [relay(lonja)]

    def poke():
        try:
            current[0].send("poke")
        except (BrokenPipeError, ValueError):
            pass

    writers = Writers(lonja.database, 4, scale(250, 2500), poke)
    kills = 0
    while any(t.is_alive() for t in writers.threads) and kills < scale(5, 50):
        time.sleep(random.uniform(0.05, 0.4))
        current[0].kill9()
        kills += 1
        current[0] = relay(lonja)
    n = writers.join()
    consumer.read(n)
    print(f"\n{n} events, {kills} kills, {consumer.repeats} repeats")
    check_log(lonja, n)
    check_stream(consumer, n)


# ---- broker and database ----

def test_without_the_broker_the_log_goes_on(hall, relay):
    lonja = hall(own_rmq=True)
    p = relay(lonja)
    lonja.rmq.kill9()
    p.expect("down")
    p.ask("write 500", "wrote")
    deadline = time.monotonic() + 10
    while lonja.psql("SELECT last FROM event_head") != "500":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert lonja.psql("SELECT published, holder FROM relay") == "0|"
    lonja.rmq.start()
    p.expect("up", timeout=60)
    wait_published(lonja, 500)  # by itself: nobody pokes
    check_log(lonja, 500)


def test_a_stopped_broker_under_load(hall, relay, scale):
    lonja = hall(own_rmq=True)
    consumer, p = Consumer(lonja.amqp_url), relay(lonja)
    writers = Writers(lonja.database, 4, scale(300, 2000), lambda: p.send("poke"))
    for _ in range(scale(2, 5)):
        time.sleep(0.2)
        lonja.rmq.pause()
        p.expect("down", timeout=20)
        lonja.rmq.cont()
        p.expect("up", timeout=60)
    n = writers.join()
    consumer.read(n)
    print(f"\n{n} events, {consumer.repeats} repeats")
    check_log(lonja, n)
    check_stream(consumer, n)
    wait_published(lonja, n)


def test_kill9_of_the_database_under_load(hall, relay, scale):
    lonja = hall(own_pg=True)
    consumer, p = Consumer(lonja.amqp_url), relay(lonja)
    writers = Writers(lonja.database, 4, scale(250, 2500), lambda: p.send("poke"))
    for _ in range(scale(2, 10)):
        time.sleep(0.3)
        lonja.pg.kill9()
        lonja.pg.start()
    n = writers.join()
    # a commit whose answer was lost is written again by the writer: at least n, and whatever the table says
    total = int(lonja.psql("SELECT sum(version) FROM relay_test"))
    assert total >= n
    consumer.read(total)
    print(f"\n{total} events, {consumer.repeats} repeats")
    check_log(lonja, total)
    check_stream(consumer, total)


# ---- staying and leaving ----

def test_an_idle_relay_leaves(hall, relay):
    lonja = hall(lonja={"Service": {"IdleExitSec": "1"}})
    p = relay(lonja)
    p.ask("write 10", "wrote")
    assert p.process.wait(20) == 0
    wait_published(lonja, 10)


def test_it_does_not_leave_with_what_the_broker_could_take(hall, relay):
    """A stopped broker has not answered: the relay stays until the link is given up, and then may go."""
    lonja = hall(own_rmq=True, lonja={"Service": {"IdleExitSec": "1"}, "Broker": {"BrokerStallSec": "6"}})
    p = relay(lonja)
    lonja.rmq.pause()
    try:
        p.ask("write 1", "wrote")
        time.sleep(4)  # well beyond IdleExitSec
        assert p.process.poll() is None
        assert p.process.wait(30) == 0
    finally:
        lonja.rmq.cont()
    consumer = Consumer(lonja.amqp_url)
    relay(lonja)
    wait_published(lonja, 1)
    consumer.read(1)


def test_sigterm_delivers_what_was_committed(hall, relay):
    lonja = hall()
    consumer, p = Consumer(lonja.amqp_url), relay(lonja)
    p.ask("write 2000", "wrote")
    p.process.send_signal(signal.SIGTERM)
    assert p.process.wait(30) == 0
    check_log(lonja, 2000)
    wait_published(lonja, 2000, timeout=1)
    consumer.read(2000)


def test_sigterm_does_not_wait_for_an_absent_broker(hall, relay):
    lonja = hall(own_rmq=True)
    p = relay(lonja)
    lonja.rmq.kill9()
    p.expect("down")
    p.ask("write 10", "wrote")
    start = time.monotonic()
    p.process.send_signal(signal.SIGTERM)
    assert p.process.wait(30) == 0
    assert time.monotonic() - start < 3


# ---- trimming ----

def test_only_published_events_are_trimmed_and_no_hole_is_left(hall, relay):
    lonja = hall(own_rmq=True)
    p = relay(lonja)
    p.ask("write 1000", "wrote")
    wait_published(lonja, 1000)
    lonja.rmq.kill9()
    p.expect("down")
    p.ask("write 500", "wrote")
    deadline = time.monotonic() + 10
    while lonja.psql("SELECT last FROM event_head") != "1500":
        assert time.monotonic() < deadline
        time.sleep(0.05)
    assert lonja.psql("SELECT event_trim('7 days', 1000000, 10000)") == "0"
    assert lonja.psql("SELECT event_trim('7 days', 1400, 30)") == "30"
    assert lonja.psql("SELECT event_trim('7 days', 1400, 10000)") == "70"
    assert lonja.psql("SELECT event_trim('0 s', 1000000, 10000)") == "900"  # the rest of what is published
    assert lonja.psql("SELECT event_trim('0 s', 0, 10000)") == "0"
    assert lonja.psql('SELECT first, last, (SELECT count(*) FROM event), (SELECT min("offset") FROM event)'
                      " FROM event_head") == "1001|1500|500|1001"

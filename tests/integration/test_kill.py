# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""kill -9 of daemons and servers at random under a write load.

Senders PATCH products with an Idempotency-Key each and retry until acknowledged; what they were told is an independent
ledger.  A foreign AMQP consumer follows the events by the rule that product.md gives every consumer (drop what is not
newer, read the log on a hole and on reconnect), and devices watch by the bridge.  Afterwards ledger, table, log, consumer
and devices must tell one story.  LONJA_SEED repeats a run."""

import collections
import json
import random
import socket
import threading
import time

import pika
import psycopg2
import requests
from waiting import wait_for

VICTIMS = ("products", "bridge", "postgresql", "rabbitmq")
SENDERS = 8
CODES = [f"K{i:02}" for i in range(20)]
# Acknowledged writes that must lie between two kills: the load has recovered and is in full flow.
ACKS_BETWEEN = 60
# Longer than the slowest way back: RabbitMQ's start on a loaded machine.
PATIENCE_SEC = 120

Write = collections.namedtuple("Write", "key code version")


class Sender(threading.Thread):
    """Writes one after another, each again and again with the same key until it is acknowledged."""

    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number = run, number
        self.random = random.Random(run.seed * 1000 + number)
        self.acknowledged = []
        self.n_tries = 0
        self.is_in_flight = False
        self.error = None

    def run(self):
        try:
            session = requests.Session()
            session.headers["Authorization"] = f"Bearer {self.run_.token}"
            n = 0
            while not self.run_.stop_writing.is_set():
                n += 1
                self.acknowledged.append(self.write(session, f"s{self.number}-{n}", self.random.choice(CODES)))
                with self.run_.progress:
                    self.run_.n_acknowledged += 1
                    self.run_.progress.notify_all()
        except Exception as e:  # noqa: BLE001: whatever it was, the test must hear of it
            self.error = e

    def write(self, session, key, code):
        deadline = time.monotonic() + PATIENCE_SEC
        while time.monotonic() < deadline:
            self.n_tries += 1
            self.is_in_flight = True
            try:
                answer = session.patch(f"{self.run_.url}/api/products/{code}", json={"description": key},
                                       headers={"Idempotency-Key": key}, timeout=15)
            except requests.RequestException:
                time.sleep(0.05)  # its daemon has died: the next one comes in half a second
                continue
            finally:
                self.is_in_flight = False
            if answer.status_code == 200:
                body = answer.json()
                assert body["description"] == key and body["code"] == code, body
                return Write(key, code, body["version"])
            assert answer.status_code == 503, f"{answer.status_code} {answer.text}"
            time.sleep(0.05)
        raise AssertionError(f"{key} was not acknowledged within {PATIENCE_SEC} s")


class Consumer(threading.Thread):
    """A foreign consumer: a durable queue, and the log where the broker has a hole."""

    def __init__(self, run):
        super().__init__(daemon=True)
        self.run_ = run
        self.events = []
        self.n_by_broker = self.n_by_log = self.n_repeats = self.n_connections = 0
        self.stop = threading.Event()
        self.error = None

    @property
    def last(self):
        return self.events[-1]["offset"] if self.events else 0

    def run(self):
        while not self.stop.is_set():
            try:
                self.follow()
            except (pika.exceptions.AMQPError, OSError, psycopg2.Error):
                time.sleep(0.1)
            except Exception as e:  # noqa: BLE001
                self.error = e
                return

    def follow(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.run_.stack.amqp_url))
        try:
            channel = connection.channel()
            channel.exchange_declare("lonja.events", "topic", durable=True)
            channel.queue_declare("foreign", durable=True)
            channel.queue_bind("foreign", "lonja.events", "product.*")
            self.n_connections += 1
            self.read_log("(SELECT published FROM relay)")  # what was confirmed before we were bound
            for method, _, body in channel.consume("foreign", inactivity_timeout=0.2):
                if method is not None:
                    self.take(json.loads(body))
                    channel.basic_ack(method.delivery_tag)
                if self.stop.is_set():
                    return
        finally:
            try:
                connection.close()
            except pika.exceptions.AMQPError:
                pass

    def take(self, event):
        offset = event["lonjaoffset"]
        if offset <= self.last:
            self.n_repeats += 1
            return
        if offset > self.last + 1:
            self.read_log(str(offset - 1))
        assert offset == self.last + 1, f"offset {offset} after {self.last}: the log has a hole"
        self.n_by_broker += 1
        self.events.append({"offset": offset, "code": event["subject"], "version": event["lonjaversion"],
                            "data": event["data"]})

    def read_log(self, until):
        """What the log holds after the last event, up to `until` (SQL)."""
        connection = psycopg2.connect(self.run_.stack.database)
        try:
            with connection.cursor() as cursor:
                cursor.execute('SELECT "offset", entity, version, data FROM event'
                               f' WHERE "offset" > %s AND "offset" <= {until} ORDER BY "offset"', [self.last])
                for offset, code, version, data in cursor:
                    assert offset == self.last + 1
                    self.n_by_log += 1
                    self.events.append({"offset": offset, "code": code, "version": version, "data": data})
        finally:
            connection.close()


class Device(threading.Thread):
    """A bridge client that watches one product and connects again whenever it is cut off."""

    def __init__(self, run, code):
        super().__init__(daemon=True)
        self.run_, self.code = run, code
        self.version = 0
        self.went_back = False
        self.n_connections = 0
        self.stop = threading.Event()

    def run(self):
        while not self.stop.is_set():
            try:
                with socket.create_connection(self.run_.stack.bridge, timeout=5) as s:
                    self.n_connections += 1
                    self.watch(s)
            except OSError:
                time.sleep(0.05)

    def watch(self, s):
        s.settimeout(0.2)
        s.sendall(b'GET+PRODUCT+{"code":"%s"}+interval=2\n' % self.code.encode())
        rest = b""
        while not self.stop.is_set():
            try:
                data = s.recv(65536)
            except socket.timeout:
                continue
            if not data:
                return
            *lines, rest = (rest + data).split(b"\n")
            for line in lines:
                if line.startswith(b"JSON+PRODUCT+"):
                    version = json.loads(line[len(b"JSON+PRODUCT+"):])["version"]
                    self.went_back = self.went_back or version < self.version
                    self.version = max(self.version, version)


class Run:
    """The world of one run and the killer in it."""

    def __init__(self, stack, seed):
        self.stack, self.seed = stack, seed
        self.url, self.token = stack.products_url, stack.token
        self.random = random.Random(seed)
        self.stop_writing = threading.Event()
        self.progress = threading.Condition()
        self.n_acknowledged = 0
        self.kills = collections.Counter()
        self.kills_in_flight = collections.Counter()
        self.senders = [Sender(self, i) for i in range(SENDERS)]
        self.consumer = Consumer(self)
        self.devices = [Device(self, code) for code in CODES]

    def everyone(self):
        return [*self.senders, self.consumer, *self.devices]

    def check(self):
        for actor in (*self.senders, self.consumer):
            if actor.error:
                raise actor.error

    def wait_for_acks(self, count):
        target, deadline = self.n_acknowledged + count, time.monotonic() + PATIENCE_SEC
        with self.progress:
            while self.n_acknowledged < target:
                self.check()
                assert time.monotonic() < deadline, f"only {self.n_acknowledged} of {target} writes after {PATIENCE_SEC} s"
                self.progress.wait(0.5)

    def kill(self, victim):
        self.kills[victim] += 1
        if any(s.is_in_flight for s in self.senders):
            self.kills_in_flight[victim] += 1
        if victim in ("products", "bridge"):
            self.stack.daemon(victim).kill9()
            return
        server = self.stack.pg if victim == "postgresql" else self.stack.rmq
        server.kill9()
        time.sleep(self.random.uniform(0.1, 1.0))  # an outage has a length
        server.start()

    def rampage(self, kills_each):
        victims = [v for v in VICTIMS for _ in range(kills_each)]
        self.random.shuffle(victims)
        for victim in victims:
            self.wait_for_acks(ACKS_BETWEEN + self.random.randrange(ACKS_BETWEEN))
            self.kill(victim)
        self.wait_for_acks(ACKS_BETWEEN)


def settle(run):
    """Everybody has finished and everything was delivered, without a restart by hand."""
    run.stop_writing.set()
    for sender in run.senders:
        sender.join(PATIENCE_SEC)
        assert not sender.is_alive(), "a sender waits for ever"
    run.check()
    wait_for(lambda: run.stack.psql("SELECT count(*) FROM outbox") == "0", PATIENCE_SEC, "an empty outbox")
    wait_for(lambda: run.stack.psql("SELECT published = last FROM relay, event_head") == "t",
             PATIENCE_SEC, "the relay")
    head = int(run.stack.psql("SELECT last FROM event_head"))
    wait_for(lambda: run.consumer.error or run.consumer.last == head, PATIENCE_SEC, "the consumer")
    run.check()
    versions = dict(row.split("|") for row in run.stack.psql("SELECT code, version FROM product").splitlines())
    wait_for(lambda: all(d.version == int(versions[d.code]) for d in run.devices),
             PATIENCE_SEC, "the devices")
    for actor in (run.consumer, *run.devices):
        actor.stop.set()
    for actor in run.everyone():
        actor.join(10)


def compare(run):
    """Ledger, table, log, consumer and devices tell one story."""
    ledger = [w for s in run.senders for w in s.acknowledged]
    by_code = collections.defaultdict(dict)
    for w in ledger:
        assert w.version not in by_code[w.code], f"version {w.version} of {w.code} was acknowledged twice"
        by_code[w.code][w.version] = w.key

    rows = run.stack.psql("SELECT code, version, description FROM product ORDER BY code").splitlines()
    for code, version, description in (row.split("|") for row in rows):
        writes = by_code[code]
        assert int(version) == len(writes) + 1, f"{code}: {len(writes)} acknowledged writes, version {version}"
        assert sorted(writes) == list(range(2, len(writes) + 2)), f"{code}: versions have holes"
        assert not writes or description == writes[int(version)]

    log = [row.split("|") for row in run.stack.psql(
        "SELECT \"offset\", entity, version, data->>'description' FROM event ORDER BY \"offset\"").splitlines()]
    assert [int(e[0]) for e in log] == list(range(1, len(log) + 1)), "offsets are not dense"
    assert len(log) == len(CODES) + len(ledger), f"{len(ledger)} writes, {len(log) - len(CODES)} events"
    seen = collections.Counter()
    for _, code, version, description in log:
        seen[code] += 1
        assert int(version) == seen[code], f"{code}: version {version} is event number {seen[code]}"
        assert int(version) == 1 or by_code[code][int(version)] == description

    consumed = [(e["offset"], e["code"], e["version"], e["data"]["description"]) for e in run.consumer.events]
    assert consumed == [(int(o), c, int(v), d) for o, c, v, d in log], "the consumer has another story"
    assert not [d.code for d in run.devices if d.went_back], "a device was shown an older version after a newer one"
    return ledger


def test_nothing_acknowledged_is_lost(make_lonja, scale, seed, capsys):
    stack = make_lonja(own_pg=True, own_rmq=True, pg_options={"settings": {"synchronous_commit": "on"}})
    assert stack.psql("SHOW synchronous_commit") == "on"
    for code in CODES:
        answer = requests.post(f"{stack.products_url}/api/products", timeout=30,
                               headers={"Authorization": f"Bearer {stack.token}", "Idempotency-Key": f"make-{code}"},
                               json={"code": code, "description": "new", "buying_price": "1.00", "selling_price": "2.00"})
        assert answer.status_code == 201, answer.text

    run = Run(stack, seed)
    for actor in run.everyone():
        actor.start()
    run.rampage(scale(2, 13))
    settle(run)
    ledger = compare(run)

    with capsys.disabled():
        tries = sum(s.n_tries for s in run.senders)
        print(f"\nseed {seed}: kills {dict(run.kills)}, with writes in flight {dict(run.kills_in_flight)}; "
              f"{len(ledger)} writes acknowledged in {tries} tries; events: {run.consumer.n_by_broker} by the broker, "
              f"{run.consumer.n_by_log} from the log, {run.consumer.n_repeats} repeats; "
              f"{sum(d.n_connections for d in run.devices)} device connections")

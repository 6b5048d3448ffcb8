# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Records by every door at once, while live clients listen; with nobody hurt, and with kill -9 of the gateway, the
notifier, RabbitMQ and PostgreSQL at random.

Each sender repeats a record under its key (REST, gRPC) or message_id (RabbitMQ) until it is acknowledged. In the end
the senders' lists are the table: each record once, totals 1..n without holes, events in the order of totals. And so it
is for everybody who listens, python3-websockets and Node's ws, however often they had to come back. A failed run is
repeated with LONJA_SEED=."""

import collections
import logging
import random
import threading
import time

import grpc
import pika
import pytest
import requests

import grpcs
from live import NodeWatcher, Watcher
from records import QUEUE, Publisher, Records, announced, sentence
from waiting import wait_for

VICTIMS = ("gateway", "notifier", "postgresql", "rabbitmq")
# Longer than the slowest way back: RabbitMQ's start on a loaded machine.
PATIENCE_SEC = 120
PAUSE_SEC = 0.05  # between two tries of one record

logging.getLogger("pika").setLevel(logging.CRITICAL)  # it tells of each try, at length


class Sender(threading.Thread):
    """Sends one record after another. A door has try_once(message): its total, True, or None to try again."""

    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.name = run, f"{self.client_type}-{number}"
        self.acknowledged = {}  # message -> total, None where the door does not tell it
        self.n_tries = 0
        self.error = None

    def run(self):
        try:
            n = 0
            while not self.run_.stop.is_set():
                n += 1
                self.send(f"{self.name}-{n}")
        except Exception as e:  # noqa: BLE001: whatever it was, the test must hear of it
            self.error = e

    def send(self, message):
        deadline = time.monotonic() + PATIENCE_SEC
        while (total := self.try_once(message)) is None:
            self.n_tries += 1
            assert time.monotonic() < deadline, f"{message} was not acknowledged within {PATIENCE_SEC} s"
            time.sleep(PAUSE_SEC)
        self.acknowledged[message] = None if total is True else total
        self.run_.acknowledge()


class ByRest(Sender):
    client_type = "REST"

    def __init__(self, run, number):
        super().__init__(run, number)
        self.door = Records(run.stack)

    def try_once(self, message):
        try:
            answer = self.door.add(message, key=message)
        except requests.RequestException:
            return None
        if answer.status_code == 503:
            return None
        assert answer.status_code == 201, answer.text
        return answer.json()["total"]


class ByGrpc(Sender):
    client_type = "GRPC"
    AGAIN = {grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.UNKNOWN, grpc.StatusCode.DEADLINE_EXCEEDED,
             grpc.StatusCode.CANCELLED}

    def __init__(self, run, number):
        super().__init__(run, number)
        self.channel = grpcs.channel(run.stack.gateway_grpc)
        self.records = grpcs.lonja_protos().service(self.channel, "lonja.v1.Records")

    def try_once(self, message):
        try:
            return self.records.Add(
                self.records.type("AddRecordRequest")(message=message), timeout=15,
                metadata=(("authorization", f"Bearer {self.run_.stack.token}"), ("idempotency-key", message))).total
        except grpc.RpcError as e:
            assert e.code() in self.AGAIN, e
            return None


class ByAmqp(Sender):
    """Its record is handed over with the broker's confirm: from there on it is Lonja's."""

    client_type = "RabbitMQ"
    publisher = None

    def try_once(self, message):
        try:
            if self.publisher is None:
                self.publisher = Publisher(self.run_.stack)
            self.publisher.publish(message, message_id=message)
            return True
        except (pika.exceptions.AMQPError, OSError):
            self.publisher = None
            return None


class Run:
    def __init__(self, stack, seed, senders_by_door, directory):
        self.stack = stack
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.progress = threading.Condition()
        self.n_acknowledged = 0
        self.kills = collections.Counter()
        self.watchers = [Watcher(stack, topics="record.*", since=0), Watcher(stack, since=0),
                         NodeWatcher(stack, directory, topics="record.*", since=0)]
        self.senders = [door(self, i) for i in range(senders_by_door) for door in (ByRest, ByGrpc, ByAmqp)]
        for thread in self.senders:
            thread.start()

    def acknowledge(self):
        with self.progress:
            self.n_acknowledged += 1
            self.progress.notify_all()

    def check(self):
        for sender in self.senders:
            if sender.error:
                raise sender.error

    def wait_for_acks(self, target):
        """Whoever is stuck says so himself."""
        with self.progress:
            while self.n_acknowledged < target:
                self.check()
                self.progress.wait(0.5)

    def kill(self, victim):
        self.kills[victim] += 1
        if victim in ("gateway", "notifier"):
            self.stack.daemon(victim).kill9()
            return
        server = self.stack.pg if victim == "postgresql" else self.stack.rmq
        server.kill9()
        time.sleep(self.random.uniform(0.1, 1.0))  # an outage has a length
        server.start()

    def rampage(self, n_records, kills_each):
        victims = [v for v in VICTIMS for _ in range(kills_each)]
        self.random.shuffle(victims)
        moments = sorted(self.random.randrange(n_records) for _ in victims)
        for victim, moment in zip(victims, moments):
            self.wait_for_acks(moment)
            self.kill(victim)
        self.wait_for_acks(n_records)

    def settle(self):
        """Senders end with what they have in hand; the queue runs empty, without a restart by hand."""
        self.stop.set()
        for sender in self.senders:
            sender.join(PATIENCE_SEC)
            assert not sender.is_alive(), "a sender waits for ever"
        self.check()
        n = sum(len(s.acknowledged) for s in self.senders)
        wait_for(lambda: int(self.stack.psql("SELECT count(*) FROM record")) >= n, PATIENCE_SEC, what="all records")
        wait_for(self.is_queue_empty, PATIENCE_SEC, what="an empty queue")

    def is_queue_empty(self):
        """Nothing waits, and nothing is in the gateway's hands."""
        return self.stack.rmq.n_messages(QUEUE, self.stack.vhost) == 0

    def compare(self):
        """What the senders know, the table, the log and what everybody heard: all the same. How many records."""
        records = Records(self.stack)
        ledger = {message: total for s in self.senders for message, total in s.acknowledged.items()}
        rows = records.query("SELECT message, client_type, total FROM record ORDER BY total")
        totals = list(range(1, len(rows) + 1))
        assert [r["total"] for r in rows] == totals, "totals have holes"
        assert collections.Counter(r["message"] for r in rows) == collections.Counter(ledger.keys())
        for row in rows:
            assert row["client_type"] == row["message"].partition("-")[0]
            assert ledger[row["message"]] in (None, row["total"])
        log = announced(records)
        assert [e["total"] for e in log] == totals, "events are in another order"
        assert all(e["text"] == sentence(e) for e in log)
        for watcher in self.watchers:
            heard = [e for e in watcher.wait_last(totals[-1], PATIENCE_SEC) if e["type"] == "record.added"]
            offsets = [e["offset"] for e in heard]
            assert all(a < b for a, b in zip(offsets, offsets[1:])), "offsets go back"
            assert [e["data"] for e in heard] == log, "heard something else than what the log says"
            assert all(e["text"] == e["data"]["text"] for e in heard)
        return len(rows)

    def close(self):
        self.stop.set()
        for watcher in self.watchers:
            watcher.stop()


@pytest.fixture
def make_run(make_lonja, scale, tmp_path):
    made = []

    def make(seed=0, **options):
        stack = make_lonja(**options)
        assert requests.get(f"{stack.gateway_url}/healthz", timeout=60).status_code == 200  # declares the queue
        made.append(Run(stack, seed, scale(2, 8), tmp_path))
        return made[-1]

    yield make
    for run in made:
        run.close()


@pytest.mark.limit(900)
def test_everybody_hears_each_record_once_and_in_order(make_run, scale, capsys):
    started = time.monotonic()
    run = make_run()
    run.wait_for_acks(scale(1000, 100000))
    run.settle()
    n = run.compare()
    with capsys.disabled():
        print(f"\n{n} records by {len(run.senders)} senders, heard by {len(run.watchers)}: "
              f"{time.monotonic() - started:.0f} s")


@pytest.mark.limit(900)
def test_no_acknowledged_record_is_lost_or_counted_twice(make_run, scale, seed, capsys):
    started = time.monotonic()
    run = make_run(seed, own_pg=True, own_rmq=True, pg_options={"settings": {"synchronous_commit": "on"}})
    run.rampage(scale(300, 100000), scale(1, 10))
    run.settle()
    n = run.compare()
    with capsys.disabled():
        print(f"\nseed {seed}: kills {dict(run.kills)}; {n} records acknowledged, "
              f"{sum(s.n_tries for s in run.senders)} tries more; listeners came back "
              f"{[w.n_welcomes - 1 for w in run.watchers]} times; {time.monotonic() - started:.0f} s")

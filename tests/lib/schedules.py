# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What tests of the scheduler share: a client of /api/schedules, a worker's queue, further schedulers on one database."""

import collections
import datetime
import json
import os
import re
import socket
import threading

import pika
import psycopg2
import requests

from stack import Stack
from waiting import wait_for

SECOND = datetime.timedelta(seconds=1)
EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.timezone.utc)
PATIENCE = 300  # where a thousand schedules share a slow machine
MISSED = re.compile(r"(\d+) times from (\S+) to (\S+),")
MISSED_MAX = 1000  # are counted


class Client:
    """/api/schedules with a token."""

    def __init__(self, lonja, token=None):
        self.url = f"{lonja.scheduler_url}/api/schedules"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {token or lonja.token}"

    def __call__(self, method, path="", wanted=None, headers=None, **options):
        answer = self.session.request(method, self.url + path, timeout=60, headers=headers, **options)
        if wanted is not None:
            assert answer.status_code == wanted, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def make(self, name, **fields):
        return self("POST", json={"name": name, "task": "test.add", "queue": f"q.{name}", **fields}, wanted=201)

    def firings(self, name, **filters):
        return self("GET", f"/{name}/firings", params={"limit": 1000, **filters}, wanted=200).json()["results"]

    def state(self, name):
        return self("GET", f"/{name}/state", wanted=200).json()


class Queue:
    """A worker's queue, read as pika sees it."""

    def __init__(self, lonja, name):
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url + "?heartbeat=0"))
        self.channel = self.connection.channel()
        self.channel.queue_declare(name, durable=True)
        self.name = name

    def get(self, seconds=60):
        """(properties, args, kwargs) of the next task."""
        def next_one():
            method, properties, body = self.channel.basic_get(self.name, auto_ack=True)
            return method and (properties, body)

        properties, body = wait_for(next_one, seconds)
        args, kwargs, embedded = json.loads(body)
        assert set(embedded) == {"callbacks", "errbacks", "chain", "chord"}
        return properties, args, kwargs

    def answer(self, properties, status="SUCCESS", result=None):
        self.channel.basic_publish("", properties.reply_to, json.dumps(
            {"task_id": properties.correlation_id, "status": status, "result": result, "traceback": None,
             "children": []}), pika.BasicProperties(correlation_id=properties.correlation_id,
                                                    content_type="application/json"))

    def close(self):
        self.connection.close()


class Sink(threading.Thread):
    """How often each task id came by a queue, from now until close()."""

    def __init__(self, lonja, name):
        super().__init__(daemon=True)
        self.url, self.name_of_queue = lonja.amqp_url + "?heartbeat=0", name
        self.seen = collections.Counter()
        self.error = None
        self.ready, self.over = threading.Event(), threading.Event()
        self.start()
        self.ready.wait()

    def run(self):
        try:
            connection = pika.BlockingConnection(pika.URLParameters(self.url))
            channel = connection.channel()
            channel.queue_declare(self.name_of_queue, durable=True)
            channel.basic_consume(self.name_of_queue, self.take, auto_ack=True)
            self.ready.set()
            while not self.over.is_set():
                connection.process_data_events(0.1)
            connection.close()
        except Exception as e:  # noqa: BLE001: whatever it was, the test must hear of it
            self.error = e
            self.ready.set()

    def take(self, _channel, _method, properties, _body):
        self.seen[properties.correlation_id] += 1

    def ids(self):
        assert self.error is None, self.error
        return set(self.seen)

    def close(self):
        self.over.set()
        self.join()
        assert self.error is None, self.error


def twin(lonja, directory, **options):
    """Another host: a holder of its own on the same database and broker.  The caller stops it by stop_holder()."""
    other = Stack(directory, pg=lonja.pg, rmq=lonja.rmq, database=lonja.database_name, vhost=lonja.vhost,
                  config=lonja.config, **options)
    for folder in (other.config_dir, other.run_dir, other.log_dir):
        os.makedirs(folder, exist_ok=True)
    os.chmod(other.directory, 0o711)
    other.start_holder()
    return other


def ring(lonja):
    """What lonja-sweep does: start it, or make it look."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.path.join(lonja.run_dir, "scheduler.bell"))
        s.send(b"")


# ---- The ledger ----


def at(text):
    return datetime.datetime.fromisoformat(text.replace("Z", "+00:00"))


def rows(lonja, sql, *params):
    with psycopg2.connect(lonja.database) as connection, connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def count(lonja, where="true", *params):
    return rows(lonja, f"SELECT count(*) FROM firing WHERE {where}", *params)[0][0]


def now(lonja):
    return rows(lonja, "SELECT scheduler_now()")[0][0]


def finish(lonja):
    """Pauses all schedules, and waits until everything that is in the ledger is with the broker."""
    rows(lonja, "SELECT count(schedule_pause(NULL, NULL, NULL, name, 'test')) FROM schedule WHERE deleted_at IS NULL")

    def all_sent():
        ring(lonja)
        return count(lonja, "state IN ('pending', 'waiting')") == 0

    wait_for(all_sent, PATIENCE)


def check_broker(lonja, sink):
    """Every task id of the ledger came, and no other: how many came more than once."""
    ledger = {str(i) for i, in rows(lonja, "SELECT task_id FROM firing WHERE sent_at IS NOT NULL")}
    wait_for(lambda: ledger <= sink.ids(), PATIENCE)
    assert sink.ids() <= {str(i) for i, in rows(lonja, "SELECT task_id FROM firing")}
    return sum(n > 1 for n in sink.seen.values())


def ledger(lonja):
    """The firings of each schedule by its clock, in their order."""
    found = {}
    for name, *firing in rows(lonja, """
            SELECT schedule, nominal_time, state, fired_at, error FROM firing WHERE kind = 'timer' ORDER BY 1, 2"""):
        found.setdefault(name, []).append(firing)
    return found


def accounted(name, firings, step, start):
    """Asserts that each multiple of `step` after `start` is among a schedule's firings, or within what was missed; yields
    (nominal, last, state, fired_at)."""
    expected = EPOCH + ((start - EPOCH) // step + 1) * step
    is_capped = False
    for nominal, state, fired, error in firings:
        where = (name, nominal, state)
        assert (nominal - EPOCH) % step == 0 * SECOND, where
        assert nominal >= expected if is_capped else nominal == expected, (where, expected)
        last, is_capped = nominal, False
        if state == "missed":
            n, first, last = MISSED.match(error).groups()
            n, first, last = int(n), at(first), at(last)
            assert first == nominal and last == nominal + (n - 1) * step, where
            is_capped = n >= MISSED_MAX
        yield nominal, last, state, fired
        expected = last + step

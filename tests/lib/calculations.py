# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Clients of the calculator, for tests and benches."""

import concurrent.futures
import json
import time
import uuid

import pika
import psycopg2
import requests
from waiting import wait_for


class Client:
    """REST."""

    def __init__(self, lonja):
        self.lonja = lonja
        self.url = lonja.gateway_url
        self.headers = {"Authorization": f"Bearer {lonja.token}"}
        self.session = requests.Session()
        self.pool = concurrent.futures.ThreadPoolExecutor(4)

    def submit(self, body, wait=None, key=None):
        return self.session.post(f"{self.url}/api/calculations", json=body, params={"wait": wait} if wait else None,
                                 headers={**self.headers, **({"Idempotency-Key": key} if key else {})}, timeout=120)

    def background(self, body, wait=None, key=None):
        """A future of the answer, or of None when the connection broke."""

        def ask():
            try:
                return requests.post(f"{self.url}/api/calculations", json=body, params={"wait": wait},
                                     headers={**self.headers, **({"Idempotency-Key": key} if key else {})}, timeout=120)
            except requests.ConnectionError:
                return None

        return self.pool.submit(ask)

    def get(self, identifier, wait=None):
        return self.session.get(f"{self.url}/api/calculations/{identifier}", headers=self.headers,
                                params={"wait": wait} if wait else None, timeout=120)

    def list(self, **parameters):
        answer = self.session.get(f"{self.url}/api/calculations", headers=self.headers, params=parameters)
        assert answer.status_code == 200, answer.text
        return answer.json()

    def cancel(self, identifier):
        return self.session.post(f"{self.url}/api/calculations/{identifier}:cancel", headers=self.headers)


class Rpc:
    """Plain AMQP RPC, as pika's tutorial has it."""

    QUEUE = "lonja.calculations"

    def __init__(self, lonja):
        self.lonja = lonja
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url))
        self.channel = self.connection.channel()
        self.answers = {}
        self.reply_to = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.basic_consume(self.reply_to, self._on_answer, auto_ack=True)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def _on_answer(self, _channel, _method, properties, body):
        self.answers[properties.correlation_id] = json.loads(body)

    def send(self, body):
        identifier = str(uuid.uuid4())
        self.channel.basic_publish("", self.QUEUE, body.encode(), pika.BasicProperties(
            reply_to=self.reply_to, correlation_id=identifier))
        return identifier

    def wait(self, identifiers, timeout=60):
        """The answers in that order."""
        until = time.monotonic() + timeout
        while not all(i in self.answers for i in identifiers):
            assert time.monotonic() < until, "no answer"
            self.connection.process_data_events(time_limit=1)
        return [self.answers.pop(i) for i in identifiers]

    def call(self, body):
        # A foreign publisher rings no bell: whoever uses this has a worker running, or a sweep.
        self.lonja.daemon("calculator").start()
        return self.wait([self.send(body)])[0]

    def probe(self):
        """True when a worker answers."""
        with self:
            return self.call("1")["state"] == "done"


class Held:
    """While this is entered, changes of a table that a condition describes wait in a trigger: their sender is in the
    middle of its work."""

    LOCK = 7077
    WAITING = f"FROM pg_locks WHERE locktype = 'advisory' AND objid = {LOCK} AND NOT granted"

    def __init__(self, lonja, change, events="UPDATE"):
        table, condition = change
        self.lonja = lonja
        lonja.psql(f"""
            CREATE FUNCTION hold() RETURNS trigger LANGUAGE plpgsql AS $$
            BEGIN PERFORM pg_advisory_xact_lock_shared({self.LOCK}); RETURN NEW; END $$;
            CREATE TRIGGER hold BEFORE {events} ON {table} FOR EACH ROW
                WHEN ({condition}) EXECUTE FUNCTION hold()""")

    def __enter__(self):
        self.connection = psycopg2.connect(self.lonja.database)
        self.connection.autocommit = True
        self.lock()
        return self

    def __exit__(self, *_):
        self.connection.close()

    def lock(self):
        self.connection.cursor().execute(f"SELECT pg_advisory_lock({self.LOCK})")

    def unlock(self):
        self.connection.cursor().execute(f"SELECT pg_advisory_unlock({self.LOCK})")

    def wait(self, n):
        wait_for(lambda: int(self.lonja.psql(f"SELECT count(*) {self.WAITING}")) >= n)

    def cut(self):
        """Ends the statements that wait, as a server does whose client is gone, and sees them gone."""
        pids = self.lonja.psql(f"SELECT string_agg(pid::text, ',') {self.WAITING}")
        self.lonja.psql(f"SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE pid IN ({pids})")
        wait_for(lambda: self.lonja.psql(f"SELECT count(*) FROM pg_stat_activity WHERE pid IN ({pids})") == "0")

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""kill -9 of gateway, calculator, RabbitMQ and PostgreSQL at random while calculations are asked for.

Senders repeat each submission until it is acknowledged, half of them with an Idempotency-Key; what they were told is an
independent ledger.  Without a key a message may overtake its commit.  Afterwards each acknowledged calculation has
exactly one final state, a value or a typed error, which never changed and of which there is exactly one event.
LONJA_SEED repeats a run."""

import collections
import http.client
import json
import random
import threading
import time
import urllib.parse

import pytest
from waiting import wait_for


VICTIMS = ("gateway", "calculator", "rabbitmq", "postgresql")
ACKS_BETWEEN = 15  # between two kills: the load has recovered
# Longer than the slowest way back: RabbitMQ's start on a loaded machine, and the 30 s after which a message is sent again.
PATIENCE_SEC = 180

# The database itself watches that what is final stays as it is.
WATCH = """
CREATE TABLE changed_after_the_end (id text);
CREATE FUNCTION watch() RETURNS trigger LANGUAGE plpgsql AS $$
BEGIN
    IF OLD.state NOT IN ('queued', 'running') THEN INSERT INTO changed_after_the_end VALUES (OLD.id); END IF;
    RETURN NULL;
END $$;
CREATE TRIGGER watch AFTER UPDATE ON calculation FOR EACH ROW EXECUTE FUNCTION watch();
"""


class Sender(threading.Thread):
    def __init__(self, run, number):
        super().__init__(daemon=True)
        self.run_, self.number = run, number
        self.random = random.Random(run.seed * 1000 + number)
        self.ledger = {}  # id: (expression, value)
        self.error = None

    def run(self):
        # The standard library's client: at a hundred thousand questions the client must not be what costs the time.
        place = urllib.parse.urlsplit(self.run_.url)
        self.connection = http.client.HTTPConnection(place.hostname, place.port, timeout=30)
        self.headers = {"Authorization": f"Bearer {self.run_.token}", "Content-Type": "application/json"}
        try:
            n = 0
            while not self.run_.stop.is_set():
                n += 1
                self.submit(f"s{self.number}-{n}" if self.number % 2 == 0 else None)
                with self.run_.progress:
                    self.run_.n_acknowledged += 1
                    self.run_.progress.notify_all()
        except Exception as e:  # noqa: BLE001: whatever it was, the test must hear of it
            self.error = e

    def question(self):
        a, b = self.random.randrange(10**20), self.random.randrange(10)
        return (f"{a}/{b}", None) if b == 0 else (f"{a}*{b}", str(a * b))

    def ask(self, path, body, key):
        """(status, body), or None when the connection broke."""
        try:
            self.connection.request("POST", path, body, {**self.headers, **({"Idempotency-Key": key} if key else {})})
            answer = self.connection.getresponse()
            return answer.status, answer.read()
        except (OSError, http.client.HTTPException):
            self.connection.close()
            return None

    def submit(self, key):
        expression, value = self.question()
        body = json.dumps({"expression": expression})
        path = "/api/calculations" + ("?wait=2s" if self.random.random() < 0.5 else "")
        deadline = time.monotonic() + PATIENCE_SEC
        while time.monotonic() < deadline:
            answer = self.ask(path, body, key)
            if answer and answer[0] in (200, 202):
                identifier = json.loads(answer[1])["id"]
                assert self.ledger.setdefault(identifier, (expression, value)) == (expression, value)
                return
            assert answer is None or answer[0] == 503, answer
            time.sleep(0.05)
        raise AssertionError(f"{expression} was not acknowledged within {PATIENCE_SEC} s")


class Run:
    def __init__(self, stack, seed, n_senders):
        self.stack, self.seed = stack, seed
        self.url, self.token = stack.gateway_url, stack.token
        self.random = random.Random(seed)
        self.stop = threading.Event()
        self.progress = threading.Condition()
        self.n_acknowledged = 0
        self.kills = collections.Counter()
        self.senders = [Sender(self, i) for i in range(n_senders)]

    def check(self):
        for sender in self.senders:
            if sender.error:
                raise sender.error

    def wait_for_acks(self, target):
        deadline = time.monotonic() + PATIENCE_SEC
        with self.progress:
            before = self.n_acknowledged
            while self.n_acknowledged < target:
                self.check()
                if self.n_acknowledged > before:
                    before, deadline = self.n_acknowledged, time.monotonic() + PATIENCE_SEC
                assert time.monotonic() < deadline, f"stuck at {self.n_acknowledged} of {target}"
                self.progress.wait(0.5)

    def kill(self, victim):
        self.kills[victim] += 1
        if victim in ("gateway", "calculator"):
            daemon = self.stack.daemon(victim)
            if daemon.pid:
                daemon.kill9()
            return
        server = self.stack.pg if victim == "postgresql" else self.stack.rmq
        server.kill9()
        time.sleep(self.random.uniform(0.1, 1.0))  # an outage has a length
        server.start()

    def rampage(self, n_kills, n_operations):
        victims = [VICTIMS[i % len(VICTIMS)] for i in range(n_kills)]
        self.random.shuffle(victims)
        for victim in victims:
            self.wait_for_acks(self.n_acknowledged + ACKS_BETWEEN + self.random.randrange(ACKS_BETWEEN))
            self.kill(victim)
        self.wait_for_acks(max(n_operations, self.n_acknowledged + ACKS_BETWEEN))
        self.stop.set()
        for sender in self.senders:
            sender.join(PATIENCE_SEC)
            assert not sender.is_alive(), "a sender waits for ever"
        self.check()


@pytest.mark.limit(4 * 3600)
def test_each_has_exactly_one_end(make_lonja, scale, seed, capsys):
    stack = make_lonja(own_pg=True, own_rmq=True, sweep_sec=5,
                       pg_options={"settings": {"synchronous_commit": "on"}})
    assert stack.psql("SHOW synchronous_commit") == "on"
    stack.psql(WATCH)
    run = Run(stack, seed, scale(6, 16))
    for sender in run.senders:
        sender.start()
    run.rampage(scale(6, 200), scale(0, 100_000))

    ledger = {i: entry for sender in run.senders for i, entry in sender.ledger.items()}
    wait_for(lambda: stack.psql("SELECT count(*) FROM calculation WHERE state IN ('queued', 'running')") == "0",
             PATIENCE_SEC)
    wait_for(lambda: stack.psql("SELECT count(*) FROM outbox") == "0", PATIENCE_SEC)
    rows = dict((i, (state, expression, value)) for i, state, expression, value in (
        row.split("|") for row in stack.psql(
            "SELECT id, state, expression, coalesce(result::json->>'value', '') FROM calculation").splitlines()))
    missing = [i for i in ledger if i not in rows]
    assert not missing, f"{len(missing)} acknowledged calculations are not there"
    for i, (expression, value) in ledger.items():
        state, asked, found = rows[i]
        assert asked == expression
        assert state == ("done" if value else "failed"), f"{i} {expression}: {state}"
        # 34 digits: the products here have 21 at most
        assert found == (value or "")
    assert stack.psql("SELECT count(*) FROM changed_after_the_end") == "0"
    odd = stack.psql("""SELECT c.id FROM calculation c LEFT JOIN event e ON e.entity = c.id
                        AND e.type = 'calculation.finished' GROUP BY c.id HAVING count(e.id) <> 1""")
    assert odd == "", "not exactly one event"

    with capsys.disabled():
        parked = stack.psql("SELECT count(*) FROM calculation WHERE attempts > 0")
        print(f"\nseed {seed}: kills {dict(run.kills)}; {len(ledger)} calculations acknowledged, {len(rows)} rows, "
              f"{parked} begun again")

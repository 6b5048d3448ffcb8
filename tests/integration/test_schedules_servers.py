# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The scheduler when its servers go away, stop answering and come back: nothing is lost or doubled, what was missed is
caught up with as the policy says, and REST gives an answer meanwhile."""

import concurrent.futures
import re
import time

import pytest
import requests

from schedules import (
    PATIENCE, SECOND, Client, Sink, accounted, check_broker, count, finish, ledger, now, ring, rows, twin)
from waiting import wait_for

OUTAGE_SEC = 4  # that some nominal times fall into it


def readiness(lonja):
    answer = requests.get(f"{lonja.scheduler_url}/readyz", timeout=60)
    return answer.status_code, answer.json()


def times(lonja, name):
    """Asserts that no nominal time of a schedule that fires each second was left out or came twice: its nominal times."""
    found = [t for t, state, *_ in ledger(lonja)[name] if state != "missed"]
    assert found == [found[0] + k * SECOND for k in range(len(found))]
    return found


def fired_beyond(lonja, name, when):
    wait_for(lambda: rows(lonja, "SELECT last_time > %s FROM schedule WHERE name = %s", when, name)[0][0], PATIENCE)


def refusals(lonja, *requests_of_it):
    """Asks for all of it at once: each answer is that it cannot be done now."""
    with concurrent.futures.ThreadPoolExecutor(len(requests_of_it)) as threads:
        for answer in threads.map(lambda r: Client(lonja)(*r), requests_of_it):
            assert answer.status_code == 503, answer.text
            assert answer.headers["Content-Type"] == "application/problem+json"
            assert int(answer.headers["Retry-After"]) > 0 and answer.json()["status"] == 503


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_the_broker_is_away(make_lonja, way):
    """Firings enter the ledger in time, REST does all it does, and what is pending goes out when the broker is back."""
    lonja = make_lonja(own_rmq=True, config={"scheduler": {"Scheduler": {"RetrySec": "3"}}})
    client = Client(lonja)
    Sink(lonja, "q.away").close()  # makes the queue
    client.make("each", every="1s", queue="q.away", catch_up="all")
    wait_for(lambda: count(lonja, "state = 'sent'") > 0, PATIENCE)

    if way == "killed":
        lonja.rmq.kill9()
    else:
        lonja.rmq.pause()
    gone = now(lonja)
    client.make("new", every="1s", queue="q.away", catch_up="all")
    client("PATCH", "/new", 200, json={"description": "while the broker is away"})
    by_hand = client("POST", "/new:run", 202).json()["task_id"]
    for name in ("each", "new"):
        fired_beyond(lonja, name, gone + 3 * SECOND)
    wait_for(lambda: readiness(lonja)[1]["status"] == "degraded", PATIENCE)
    assert readiness(lonja)[0] == 200
    assert {f["state"] for f in client.firings("new")} == {"pending"}

    if way == "killed":
        lonja.rmq.start()
    else:
        lonja.rmq.cont()
    sink = Sink(lonja, "q.away")
    finish(lonja)
    check_broker(lonja, sink)
    assert by_hand in sink.ids()
    sink.close()
    for name in ("each", "new"):
        times(lonja, name)
    assert count(lonja, "state <> 'sent'") == 0


@pytest.mark.parametrize("way", ["killed", "stopped"])
def test_the_database_is_away(make_lonja, way):
    """REST answers that it is; afterwards each policy has what it wants, and the broker each task that the ledger has."""
    lonja = make_lonja(own_pg=True, config={"scheduler": {"Scheduler": {"LateSec": "1s", "RetrySec": "3"}}})
    client = Client(lonja)
    sink = Sink(lonja, "q.away")
    for policy in ("all", "last", "none"):
        client.make(policy, every="1s", queue="q.away", catch_up=policy)
    start = dict(rows(lonja, "SELECT name, planned_to FROM schedule"))
    for name, in rows(lonja, "SELECT name FROM schedule"):
        fired_beyond(lonja, name, now(lonja))
    pid = lonja.daemon("scheduler").pid

    gone = now(lonja)
    if way == "killed":
        lonja.pg.kill9()
    else:
        lonja.pg.pause()
    began = time.monotonic()
    refusals(lonja, ("GET", ""), ("GET", "/all"), ("GET", "/all/firings"), ("POST", "/all:run"), ("DELETE", "/nobody"))
    assert readiness(lonja)[0] == 503
    assert requests.get(f"{lonja.scheduler_url}/healthz", timeout=60).status_code == 200
    wait_for(lambda: time.monotonic() > began + OUTAGE_SEC)
    if way == "killed":
        lonja.pg.start()
    else:
        lonja.pg.cont()
    back = now(lonja)
    for name in start:
        fired_beyond(lonja, name, back)
    finish(lonja)
    assert lonja.daemon("scheduler").pid == pid

    times(lonja, "all")
    found = ledger(lonja)
    for name in start:
        first = found[name][0][0] - SECOND
        states = [state for _, _, state, _ in accounted(name, found[name], SECOND, first)]
        assert name == "all" or "missed" in states, (name, gone, back)
    check_broker(lonja, sink)
    sink.close()


# ---- Several schedulers ----


@pytest.fixture
def pair(make_lonja, bench):
    """Two hosts, one database.  Nothing is sent a second time."""
    lonja = make_lonja(config={"scheduler": {"Scheduler": {"RetrySec": "1h"}}})
    other = twin(lonja, bench.path("pair"))
    yield lonja, other
    other.stop_holder()


def looks(lonja):
    text = requests.get(f"{lonja.scheduler_url}/metrics", timeout=60).text
    return int(re.search(r"^lonja_scheduler_looks_total (\d+)", text, re.M)[1])


def test_an_edit_is_noticed_elsewhere_at_once(pair):
    """What one scheduler was told another looks at, more often than it looks by itself, each 5 s."""
    lonja, other = pair
    client = Client(lonja)
    client.make("calm", every="1h")
    ring(other)
    other.daemon("scheduler").wait_ready(60)
    wait_for(lambda: count_listeners(lonja) == 2, PATIENCE)
    began, before = time.monotonic(), looks(other)
    for n in range(20):
        client("PATCH", "/calm", 200, json={"every": f"{n + 2}h"})
    wait_for(lambda: looks(other) - before > (time.monotonic() - began) / 5 + 2)
    client("PATCH", "/calm", 200, json={"every": "1s"})
    wait_for(lambda: count(lonja) > 0)


def count_listeners(lonja):
    return rows(lonja, """SELECT count(*) FROM pg_stat_activity
                          WHERE datname = current_database() AND query = 'LISTEN lonja_schedule'""")[0][0]


def test_deleted_while_another_fires_it(pair):
    """Nothing fires once DELETE is answered; and what the ledger says went out did, and no other."""
    lonja, other = pair
    sink = Sink(lonja, "q.gone")
    clients = Client(lonja), Client(other, token=lonja.token)
    names = [f"gone-{i:02}" for i in range(20)]
    for i, name in enumerate(names):
        clients[i % 2].make(name, every="1s", queue="q.gone")
    wait_for(lambda: rows(lonja, "SELECT count(DISTINCT schedule) FROM firing") == [(len(names),)], PATIENCE)
    deleted = {}
    for i, name in enumerate(names):
        if i % 4 == 0:  # the others in the same moment
            before = count(lonja)
            wait_for(lambda: count(lonja) > before, PATIENCE)
        clients[i % 2]("DELETE", f"/{name}", 204)
        deleted[name] = now(lonja)
    clients[0].make("last", every="1s", queue="q.gone")
    wait_for(lambda: count(lonja, "schedule = 'last' AND state = 'sent'") >= 2, PATIENCE)
    clients[0]("DELETE", "/last", 204)
    for host in pair:  # what is on its way arrives, and is noted
        host.daemon("scheduler").stop()
    for name, when in deleted.items():
        assert count(lonja, "schedule = %s AND fired_at > %s", name, when) == 0, name
    states = dict(rows(lonja, "SELECT state, count(*) FROM firing GROUP BY 1"))
    assert set(states) <= {"sent", "cancelled"}, states
    sent = {str(i) for i, in rows(lonja, "SELECT task_id FROM firing WHERE state = 'sent'")}
    wait_for(lambda: sent <= sink.ids(), PATIENCE)
    sink.close()
    assert sink.ids() == sent and set(sink.seen.values()) == {1}


def test_deleted_between_message_and_confirm(make_lonja):
    """It went out, and so the ledger says."""
    patient = {"Broker": {"BrokerStallSec": "10min", "HeartbeatSec": "10min"}}
    lonja = make_lonja(own_rmq=True, config={"lonja": patient, "scheduler": {"Scheduler": {"RetrySec": "1h"}}})
    client = Client(lonja)
    sink = Sink(lonja, "q.between")
    client.make("between", every="1h", queue="q.between")
    client("POST", "/between:run", 202)
    wait_for(lambda: count(lonja, "state = 'sent'") == 1, PATIENCE)
    lonja.rmq.pause()
    task_id = client("POST", "/between:run", 202).json()["task_id"]
    wait_for(lambda: count(lonja, "state = 'pending' AND send_at > scheduler_now() + interval '1 minute'") == 1, PATIENCE)
    client("DELETE", "/between", 204)
    assert count(lonja, "state = 'cancelled' AND task_id = %s", task_id) == 1
    lonja.rmq.cont()
    wait_for(lambda: count(lonja, "state = 'sent' AND finished_at IS NULL AND error IS NULL") == 2, PATIENCE)
    wait_for(lambda: task_id in sink.ids(), PATIENCE)
    sink.close()

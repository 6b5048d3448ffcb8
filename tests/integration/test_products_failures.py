# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The catalogue when its servers, its clients or it itself go away: nothing acknowledged is lost, nothing waits for
the broker, nobody restarts anything by hand."""

import json
import socket
import threading
import time

import psycopg2
import pytest
import requests

from catalogue import Catalogue, Listener, is_settled, problem, product, unique
from waiting import wait_for


def readiness(api):
    answer = api.get("/readyz")
    return answer.status_code, answer.json()


# Events


def test_every_change_is_an_event(make_lonja):
    lonja = make_lonja()
    api = Catalogue(lonja)
    with Listener(lonja) as listener:
        made = api.post("/api/products", json=product("A"), headers={"X-Request-ID": "made-it"}).json()
        patched = api.patch("/api/products/A", json={"selling_price": "3"}).json()
        api.patch("/api/products/A", json={"selling_price": "3.00"})  # changes nothing: no event
        problem(api.post("/api/products", json=product("A")), 409, "already-exists")
        put = api.put("/api/products/A", json=product(description="other")).json()
        api.delete("/api/products/A")
        again = api.create("A")
        lonja.psql("UPDATE product SET selling_price = 77 WHERE code = 'A'")
        last = api.patch("/api/products/A", json={"description": "last"}).json()
        events = listener.take(7)
    assert [e["type"] for e in events] == ["product." + t for t in (
        "created", "updated", "updated", "deleted", "created", "updated", "updated")]
    assert [e["lonjaoffset"] for e in events] == list(range(1, 8))
    assert [e["lonjaversion"] for e in events] == list(range(1, 8))
    assert [e["data"] for e in events if e["lonjaversion"] != 6] == [
        made, patched, put, {"code": "A", "version": 4}, again, last]
    assert events[5]["data"]["selling_price"] == "77.00"
    first = events[0]
    assert first["specversion"] == "1.0" and first["subject"] == "A" and first["lonjarequestid"] == "made-it"
    assert len({e["id"] for e in events}) == 7


def test_events_in_order_under_load(make_lonja, scale):
    """Eight writers, ten products: offsets without a hole, versions of each product in order, nothing missing."""
    lonja = make_lonja()
    api = Catalogue(lonja)
    api.load(product(f"P{i}") for i in range(10))
    n = scale(40, 400)

    def run(k):
        client = Catalogue(lonja)
        for i in range(n):
            answer = client.patch(f"/api/products/P{(i + k) % 10}", json={"description": f"{k}:{i}"})
            assert answer.status_code == 200

    with Listener(lonja) as listener:
        threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
        [t.start() for t in threads]
        [t.join() for t in threads]
        events = listener.take(8 * n)
    assert [e["lonjaoffset"] for e in events] == list(range(11, 11 + 8 * n))
    for i in range(10):
        versions = [e["lonjaversion"] for e in events if e["subject"] == f"P{i}"]
        assert versions == list(range(2, 2 + len(versions)))
        assert api.one(f"P{i}")["version"] == versions[-1]


# PostgreSQL away


def test_database_killed_and_back(make_lonja):
    lonja = make_lonja(own_pg=True)
    api = Catalogue(lonja)
    api.create("A")
    pid = lonja.daemon("products").pid
    for _ in range(2):
        lonja.pg.kill9()
        answer = api.get("/api/products/A")
        assert answer.status_code == 503 and int(answer.headers["Retry-After"]) > 0
        assert answer.headers["Content-Type"] == "application/problem+json"
        answer = api.patch("/api/products/A", json={"description": "x"})
        assert answer.status_code == 503 and answer.headers["Retry-After"]
        assert api.post("/api/products:import", data=b"", headers={"Content-Type": "text/csv"}).status_code == 503
        assert api.get("/api/products:export").status_code == 503
        assert api.get("/api/products/A/history").status_code == 503
        status, body = readiness(Catalogue(lonja, token=None))
        assert status == 503 and body["dependencies"]["database"]["status"] == "down"
        assert Catalogue(lonja, token=None).get("/healthz").status_code == 200
        lonja.pg.start()
        wait_for(lambda: api.get("/api/products/A").status_code == 200)
        assert api.patch("/api/products/A", json={"description": unique()}).status_code == 200
    assert lonja.daemon("products").pid == pid
    log = open(lonja.daemon("products").log).read()
    assert "Database down" in log and log.count("Database up") >= 3


def test_kills_under_writes_lose_nothing(make_lonja, scale):
    """Writers with keys that repeat until they are answered: what was acknowledged is there, once."""
    lonja = make_lonja(own_pg=True)
    api = Catalogue(lonja)
    stop, done = threading.Event(), [0] * 4

    def run(k):
        client, i = Catalogue(lonja), 0
        client.put(f"/api/products/W{k}", json=product())
        while not stop.is_set():
            key = f"{k}-{i}"
            while True:
                try:
                    answer = client.patch(f"/api/products/W{k}", json={"description": f"{i}"},
                                          headers={"Idempotency-Key": key})
                except requests.RequestException:
                    continue
                if answer.status_code == 200:
                    break
                assert answer.status_code == 503, answer.text
            i += 1
            done[k] = i

    for k in range(4):
        api.create(f"W{k}")
    threads = [threading.Thread(target=run, args=(k,)) for k in range(4)]
    [t.start() for t in threads]
    try:
        for i in range(scale(4, 20)):
            before = sum(done)
            wait_for(lambda: sum(done) > before + 20)
            if i % 2:
                lonja.daemon("products").kill9()
            else:
                lonja.pg.kill9()
                lonja.pg.start()
    finally:
        stop.set()
        [t.join() for t in threads]
    for k in range(4):
        assert api.one(f"W{k}")["description"] == str(done[k] - 1)
        assert api.one(f"W{k}")["version"] == 1 + done[k]
    wait_for(lambda: is_settled(lonja))
    assert int(lonja.psql("SELECT count(*) FROM event")) == 4 + sum(done)
    assert lonja.psql('SELECT max("offset") - min("offset") + 1 - count(*) FROM event').strip() == "0"


def test_a_row_lock_does_not_hold_up_reads(make_lonja):
    lonja = make_lonja()
    api = Catalogue(lonja)
    api.create("A")
    api.create("B")
    with psycopg2.connect(lonja.database) as connection:
        connection.cursor().execute("SELECT 1 FROM product WHERE code = 'A' FOR UPDATE")
        blocked = []
        thread = threading.Thread(target=lambda: blocked.append(
            Catalogue(lonja).patch("/api/products/A", json={"description": "later"}).status_code))
        thread.start()
        wait_for(lambda: lonja.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'").strip() == "1")
        begun = time.monotonic()
        for _ in range(50):
            assert api.one("A")["description"] == "a thing"
        assert api.patch("/api/products/B", json={"description": "at once"}).status_code == 200
        assert time.monotonic() - begun < 2
        connection.rollback()
        thread.join()
    assert blocked == [200]


# RabbitMQ away


def test_broker_killed_and_back(make_lonja):
    """Writes go on; their events arrive when it is back."""
    lonja = make_lonja(own_rmq=True)
    api = Catalogue(lonja)
    api.create("A")
    wait_for(lambda: is_settled(lonja))
    lonja.rmq.kill9()
    for i in range(20):
        answer = api.patch("/api/products/A", json={"description": str(i)})
        assert answer.status_code == 200 and answer.elapsed.total_seconds() < 1
    wait_for(lambda: readiness(api)[1]["status"] == "degraded")
    status, body = readiness(api)
    assert status == 200 and body["dependencies"]["broker"]["status"] == "down"
    lonja.rmq.start()
    wait_for(lambda: is_settled(lonja))
    assert lonja.psql("SELECT published FROM relay").strip() == "21"
    wait_for(lambda: readiness(api)[1]["status"] == "ok")
    log = open(lonja.daemon("products").log).read()
    assert "Broker down" in log and log.count("Broker up") == 2


def test_a_stopped_broker_delays_nobody(make_lonja):
    lonja = make_lonja(own_rmq=True)
    api = Catalogue(lonja)
    api.create("A")
    wait_for(lambda: is_settled(lonja))
    lonja.rmq.pause()
    try:
        slowest = 0
        end = time.monotonic() + 5
        i = 0
        while time.monotonic() < end:
            i += 1
            for answer in (api.patch("/api/products/A", json={"description": str(i)}), api.get("/api/products/A"),
                           api.get("/readyz")):
                assert answer.status_code == 200
                slowest = max(slowest, answer.elapsed.total_seconds())
        assert slowest < 1, slowest
    finally:
        lonja.rmq.cont()
    wait_for(lambda: is_settled(lonja))
    assert int(lonja.psql("SELECT published FROM relay")) == i + 1


# The daemon's own life


def test_idle_exit_and_the_next_knock(make_lonja):
    lonja = make_lonja(config={"products": {"Service": {"IdleExitSec": "1"}}})
    api = Catalogue(lonja)
    api.create("A")
    api.close()
    daemon = lonja.daemon("products")
    for _ in range(2):
        daemon.wait("inactive", 30)
        assert lonja.psql("SELECT count(*) FROM outbox").strip() == "0"
        answer = requests.get(f"{lonja.products_url}/api/products/A", timeout=10, headers={"Connection": "close"})
        assert answer.status_code == 200


def test_a_restart_refuses_no_connection(make_lonja):
    lonja = make_lonja()
    Catalogue(lonja).create("A")
    stop, failures, served = threading.Event(), [], [0]

    def run():
        while not stop.is_set():
            try:
                answer = requests.get(f"{lonja.products_url}/api/products/A", timeout=20,
                                      headers={"Connection": "close"})
                if answer.status_code != 200:
                    failures.append(answer.text)
                served[0] += 1
            except requests.RequestException as e:
                failures.append(repr(e))

    threads = [threading.Thread(target=run) for _ in range(3)]
    [t.start() for t in threads]
    try:
        daemon = lonja.daemon("products")
        for _ in range(4):
            before, pid = served[0], daemon.pid
            wait_for(lambda: served[0] > before + 20)
            daemon.signal("TERM")
            wait_for(lambda: daemon.pid not in (pid, None, 0))
    finally:
        stop.set()
        [t.join() for t in threads]
    assert not failures, failures[:3]


def test_stopping_finishes_what_runs(make_lonja):
    """SIGTERM in the middle of an import: it ends with its answer."""
    lonja = make_lonja()
    api = Catalogue(lonja)
    gate, answers = threading.Event(), []

    def stream():
        yield json.dumps(product("A")).encode() + b"\n"
        gate.wait(20)
        yield json.dumps(product("B")).encode() + b"\n"

    thread = threading.Thread(target=lambda: answers.append(Catalogue(lonja).post(
        "/api/products:import", data=stream(), headers={"Content-Type": "application/x-ndjson"})))
    thread.start()
    wait_for(lambda: lonja.psql("SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%product_staging%STDIN' "
                            "AND state = 'active'").strip() == "1")
    lonja.daemon("products").signal("TERM")
    gate.set()
    thread.join()
    assert answers[0].json()["created"] == 2
    assert api.one("B")


def test_reload(make_lonja):
    lonja = make_lonja()
    api = Catalogue(lonja)
    assert Catalogue(lonja, token=None).get("/api/products").status_code == 200
    pid = lonja.daemon("products").pid
    lonja.configure({"products": {"Auth": {"AnonymousRead": "no"}, "Products": {"MaxImport": "1K"}}})
    lonja.daemon("products").signal("HUP")
    wait_for(lambda: Catalogue(lonja, token=None).get("/api/products").status_code == 401)
    answer = api.post("/api/products:import", data=b"x" * 2000, headers={"Content-Type": "text/csv"})
    problem(answer, 413, "body-too-large")
    assert lonja.daemon("products").pid == pid


def test_the_bell_wakes_for_the_outbox(make_lonja):
    """A change by hand leaves its event in the outbox; a ring brings it out."""
    lonja = make_lonja(config={"products": {"Service": {"IdleExitSec": "1"}}})
    Catalogue(lonja).create("A")
    lonja.daemon("products").wait("inactive", 30)
    with Listener(lonja) as listener:
        lonja.psql("UPDATE product SET selling_price = 5 WHERE code = 'A'")
        with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as bell:
            bell.sendto(b"", lonja.bell)
        event = listener.take(1)[0]
    assert (event["type"], event["data"]["selling_price"]) == ("product.updated", "5.00")


# Doors


def test_https(make_lonja):
    lonja = make_lonja(tls=True)
    made = Catalogue(lonja).create("A")
    api = Catalogue(lonja, url=lonja.products_tls_url)
    api.verify = lonja.ca_file
    assert api.one("A") == made
    assert api.patch("/api/products/A", json={"description": "sealed"}).status_code == 200
    rows = "".join(json.dumps(product(f"P{i}", description="x" * 1000)) + "\n" for i in range(2000))
    assert api.post("/api/products:import", data=rows.encode(),
                    headers={"Content-Type": "application/x-ndjson"}).status_code == 200
    assert len(api.get("/api/products:export").content.splitlines()) == 2001


def test_metrics(lonja):
    api = Catalogue(lonja)
    api.load([product("METRIC")])
    wait_for(lambda: "lonja_events_head_offset 0\n" not in api.get("/metrics").text)
    text = api.get("/metrics").text
    values = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    for name in ("lonja_products_imports_total", "lonja_products_imported_rows_total", "lonja_events_head_offset",
                 "lonja_broker_up", "lonja_pg_up"):
        assert float(values[name]) >= 1, name
    names = [line.split()[2] for line in text.splitlines() if line.startswith("# TYPE")]
    assert len(names) == len(set(names))


@pytest.mark.parametrize("name", ["database", "broker"])
def test_a_dependency_that_was_never_there_is_told(make_lonja, name):
    """Whoever looks at the status or the journal of a fresh daemon sees why it cannot serve."""
    section = {"database": {"Database": {"Conninfo": "host=/nonexistent dbname=x"}},
               "broker": {"Broker": {"Uri": "amqp://lonja@127.0.0.1:1/x"}}}[name]
    lonja = make_lonja()
    lonja.configure({"lonja": section})
    lonja.daemon("products").restart()
    wait_for(lambda: f"{name.capitalize()} down: " in open(lonja.daemon("products").log).read())
    wait_for(lambda: f"{name} down: " in str(lonja.daemon("products").describe()))

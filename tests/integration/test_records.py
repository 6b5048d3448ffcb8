# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Message records: stored, counted exactly and announced, whatever door they come by."""

import concurrent.futures
import json
import subprocess
import time
import uuid

import pytest
import requests

from records import Records, announced, sentence
from waiting import wait_for


@pytest.fixture
def records(lonja):
    return Records(lonja)


# ---- REST ----


def test_add_get_and_announce(records):
    before = records.last()
    answer = records.add('¿qué "tal"? {total}')
    record = answer.json()
    assert answer.status_code == 201
    assert set(record) == {"id", "message", "client_type", "created_at", "total"}
    assert record["message"] == '¿qué "tal"? {total}' and record["client_type"] == "REST"
    assert record["total"] == before + 1
    assert answer.headers["Location"] == f"/api/records/{record['id']}"
    assert requests.get(records.lonja.gateway_url + answer.headers["Location"]).json() == record
    (event,) = announced(records, before)
    assert event == {**record, "text": sentence(record)}


def test_wrong_input(records):
    before = records.last()
    for body in ("", "[]", '"hola"', "{}", '{"message": ""}', '{"message": 7}', '{"message": "x", "total": 1}',
                 '{"message": "\\u0000"}', json.dumps({"message": "x" * 10001})):
        answer = records.http.post(records.url, data=body.encode(), headers={"Content-Type": "application/json"})
        assert answer.status_code == 400, body
        assert answer.json()["type"] == "urn:lonja:problem:invalid-input"
    assert records.http.post(records.url, data=b"hola", headers={"Content-Type": "text/plain"}).status_code == 415
    assert records.add("x", params={"message": "y"}).status_code == 400
    assert records.add("x", key="k" * 256).status_code == 400
    assert requests.post(records.url, json={"message": "x"}).status_code == 401
    reader = records.lonja.session("record-reader", "read")
    answer = requests.post(records.url, json={"message": "x"}, headers={"Authorization": f"Bearer {reader}"})
    assert answer.status_code == 403
    assert records.last() == before
    assert records.add("x" * 10000).status_code == 201


@pytest.mark.parametrize("name", ["0", "-1", "x", "99999999999999999999", "1.0"])
def test_no_such_record(records, name):
    answer = requests.get(f"{records.url}/{name}")
    assert answer.status_code == 404 and answer.json()["type"] == "urn:lonja:problem:not-found"


def test_list(records):
    mark = uuid.uuid4().hex
    made = [records.add(f"{mark} number {i}").json() for i in range(7)]
    walked, url = [], f"/api/records?search={mark}&limit=3&ordering=-total&count=true"
    while url:
        page = requests.get(records.lonja.gateway_url + url).json()
        assert page["count"] == 7
        walked += page["results"]
        url = page["next"]
    assert walked == made[::-1]
    got = requests.get(records.url, params={"total__gte": made[2]["total"], "total__lte": made[4]["total"],
                                            "client_type": "REST", "created_at__gte": made[0]["created_at"]}).json()
    assert [r["id"] for r in got["results"]] == [r["id"] for r in made[2:5]]
    assert requests.get(records.url, params={"nonsense": "1"}).status_code == 400


# ---- Keys ----


def test_key(records):
    before, key = records.last(), uuid.uuid4().hex
    first = records.add("once", key)
    again = records.add("once", key)
    assert first.status_code == again.status_code == 201
    assert first.json() == again.json()
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    assert again.headers["Location"] == first.headers["Location"]
    other = records.add("twice", key)
    assert other.status_code == 422 and other.json()["type"] == "urn:lonja:problem:idempotency-key-reused"
    assert records.last() == before + 1
    assert len(announced(records, before)) == 1


def test_an_old_key_may_be_used_again(records):
    key = uuid.uuid4().hex
    first = records.add("old", key).json()
    records.lonja.psql(f"UPDATE idem SET at = now() - interval '25 hours' WHERE key = '{key}'")
    second = records.add("new", key)
    assert second.status_code == 201 and second.json()["total"] > first["total"]
    assert records.add("new", key).json() == second.json()


# ---- Together ----


def test_concurrent_adds_are_counted_exactly(records):
    """Many at once, some with one key in several requests: each total once, events in the order of totals."""
    before, keys = records.last(), [uuid.uuid4().hex for _ in range(20)]
    jobs = [(f"m{i}", None) for i in range(300)] + [(f"k{i % 20}", keys[i % 20]) for i in range(100)]
    with concurrent.futures.ThreadPoolExecutor(32) as pool:
        answers = list(pool.map(lambda job: Records(records.lonja).add(*job), jobs[::2] + jobs[1::2]))
    assert {a.status_code for a in answers} == {201}
    totals = {a.json()["total"] for a in answers}
    assert totals == set(range(before + 1, before + 321))
    events = announced(records, before)
    assert [e["total"] for e in events] == list(range(before + 1, before + 321))
    assert all(e["text"] == sentence(e) for e in events)


def test_one_that_the_database_refuses_spoils_no_other(records):
    records.lonja.psql("ALTER TABLE record ADD CONSTRAINT poison CHECK (message <> 'poison')")
    try:
        before = records.last()
        jobs = [f"sound {i}" for i in range(100)]
        jobs[50:50] = ["poison"] * 3
        with concurrent.futures.ThreadPoolExecutor(32) as pool:
            answers = list(pool.map(lambda m: (m, Records(records.lonja).add(m)), jobs))
        for message, answer in answers:
            assert answer.status_code == (500 if message == "poison" else 201), answer.text
        totals = sorted(a.json()["total"] for m, a in answers if m != "poison")
        assert totals == list(range(before + 1, before + 101))
    finally:
        records.lonja.psql("ALTER TABLE record DROP CONSTRAINT poison")


def test_two_gateways_count_as_one(make_lonja):
    """Another gateway on the same database."""
    one = make_lonja()
    two = make_lonja(config={"lonja": {"Database": {"Conninfo": one.database}}})
    two.set_token(one.token)
    doors = [Records(one), Records(two)]
    with concurrent.futures.ThreadPoolExecutor(16) as pool:
        answers = list(pool.map(lambda i: doors[i % 2].add(f"m{i}"), range(200)))
    assert sorted(a.json()["total"] for a in answers) == list(range(1, 201))
    assert [e["total"] for e in announced(doors[0])] == list(range(1, 201))


# ---- The log ----


def test_what_waits_in_the_outbox_comes_first(records):
    """A record's event goes into the log at once, but not past one that was committed before."""
    item = '[{"message": "x", "client_type": "REST", "request_id": "outbox"}]'
    add = f"SELECT total FROM record_add('{item}', '{{message}}')"
    waiting = "SELECT coalesce(string_agg(type, ',' ORDER BY id), 'nothing') FROM outbox"
    before = "INSERT INTO outbox (type, entity, version, data) VALUES ('product.created', 'x', 1, '{}')"
    # Nobody else may sequence or add meanwhile; the session ends with its transaction open, so nothing of it stays.
    say = lambda sql: records.lonja.psql(f"BEGIN; SELECT FROM event_head FOR UPDATE; {sql}").split()
    wait_for(lambda: records.lonja.psql(waiting).strip() == "nothing", what="an empty outbox")
    assert say(f"{add}; {waiting}")[-1] == "nothing"
    assert say(f"{before}; {add}; {waiting}")[-1] == "product.created,record.added"


def test_the_log_has_the_order_of_the_commits(records):
    """Each client's changes of different kinds, one after the other's answer, among those of others."""
    def one(worker):
        door, done = Records(records.lonja), []
        for i in range(20):
            done.append(door.add(f"log {worker} {i}").json()["id"])
            code = f"LOG-{uuid.uuid4().hex}"
            answer = door.http.put(f"{records.lonja.products_url}/api/products/{code}", json={
                "description": "x", "buying_price": "1.00", "selling_price": "1.00"})
            assert answer.status_code == 201, answer.text
            done.append(code)
        return [str(entity) for entity in done]

    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        orders = list(pool.map(one, range(6)))
    announced(records)
    log = records.query('SELECT "offset", type, entity FROM event ORDER BY "offset"')
    assert [e["offset"] for e in log] == list(range(log[0]["offset"], log[0]["offset"] + len(log)))
    places = {(e["type"] == "record.added", e["entity"]): e["offset"] for e in log}
    for order in orders:
        offsets = [places[i % 2 == 0, entity] for i, entity in enumerate(order)]
        assert offsets == sorted(offsets)


# ---- The sentence ----


def test_template(make_lonja):
    lonja = make_lonja(config={"gateway": {"Gateway": {"RecordTemplate": "{total}: {message} ({client_type})"}}})
    records = Records(lonja)
    records.add("{total}")
    lonja.configure({"gateway": {"Gateway": {"RecordTemplate": "#{id}"}}})
    lonja.daemon("gateway").signal("HUP")
    deadline = time.monotonic() + 60
    while not (texts := [e["text"] for e in announced(records)])[-1].startswith("#"):
        assert time.monotonic() < deadline
        last = records.add("x").json()
    assert texts[0] == "1: {total} (REST)" and texts[-1] == f"#{last['id']}"


def test_a_bad_template_is_refused(make_lonja):
    lonja = make_lonja()
    lonja.configure({"gateway": {"Gateway": {"RecordTemplate": "{mesage}"}}})
    done = subprocess.run([f"{lonja.build}/lonja-gateway", f"--config-dir={lonja.config_dir}", "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 1
    assert "RecordTemplate={mesage}: braces hold" in done.stdout + done.stderr


def test_database_away(make_lonja):
    lonja = make_lonja(own_pg=True, config={"gateway": {"HTTP": {"RequestTimeoutSec": "2"}}})
    records = Records(lonja)
    assert records.add("before").status_code == 201
    lonja.pg.stop()
    answer = records.add("lost")
    assert answer.status_code == 503 and "Retry-After" in answer.headers
    lonja.pg.start()
    deadline = time.monotonic() + 60
    while (answer := records.add("after", "the-key")).status_code != 201:
        assert answer.status_code == 503 and time.monotonic() < deadline
    assert answer.json()["total"] == 2

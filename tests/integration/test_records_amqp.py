# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Records by the queue lonja.records, and the queue together with the other doors."""

import concurrent.futures
import uuid

import pytest
import requests

from records import Publisher, Records, announced, sentence
from waiting import wait_for

DEAD = "lonja.records.dead"


@pytest.fixture
def records(lonja):
    return awake(lonja)


def awake(lonja):
    """Its gateway runs, so that the queue is declared."""
    assert requests.get(f"{lonja.gateway_url}/healthz").status_code == 200
    return Records(lonja)


@pytest.fixture
def publisher(records):
    p = Publisher(records.lonja)
    yield p
    p.close()


def stored(records, since):
    return records.query(f"SELECT message, client_type, total FROM record WHERE total > {since} ORDER BY total")


def wait_stored(records, since, n):
    return wait_for(lambda: len(rows := stored(records, since)) >= n and rows, what=f"{n} records")


def test_text_and_json(records, publisher):
    before = records.last()
    for body, content_type in (("hola", None), ('{"message": "uno"}', None), ('{"message": "dos"}', "application/json"),
                               ('{"message": "text"}', "text/plain"), ("[1]", None), ("{no json", None)):
        publisher.publish(body, content_type=content_type)
    rows = wait_stored(records, before, 6)
    assert [r["message"] for r in rows] == ["hola", "uno", "dos", '{"message": "text"}', "[1]", "{no json"]
    assert {r["client_type"] for r in rows} == {"RabbitMQ"}
    events = announced(records, before)
    assert [e["text"] for e in events] == [sentence(r) for r in rows]


def test_malformed_messages_are_kept_as_dead_letters(records, publisher):
    before = records.last()
    wrong = [(b"", None), (b"\xff\xfe", None), (b"a\0b", "text/plain"), (b"x" * 10001, None), (b"{}", None),
             (b'{"message": 7}', "application/json"), (b'{"message": "x", "y": 1}', None),
             (b"hola", "application/json"), (b'{"message": ""}', None)]
    for body, content_type in wrong:
        publisher.publish(body, content_type=content_type)
    publisher.publish("hola", message_id="ñ")
    publisher.publish("sound")
    assert [r["message"] for r in wait_stored(records, before, 1)] == ["sound"]
    wait_for(lambda: publisher.depth(DEAD) == len(wrong) + 1, what="dead letters")
    bodies = [publisher.channel.basic_get(DEAD, auto_ack=True)[2] for _ in range(len(wrong) + 1)]
    assert sorted(bodies) == sorted([body for body, _ in wrong] + [b"hola"])
    assert records.last() == before + 1
    assert publisher.depth() == 0


def test_a_key_is_one_record_by_any_door(records, publisher):
    before = records.last()
    key, other = uuid.uuid4().hex, uuid.uuid4().hex
    first = records.add("once", key).json()
    for _ in range(3):
        publisher.publish("once", message_id=key)
        publisher.publish('{"message": "eins"}', message_id=other)
    publisher.publish("end")
    rows = wait_stored(records, before, 3)
    assert [r["message"] for r in rows] == ["once", "eins", "end"]
    answer = records.add("eins", other)
    assert answer.status_code == 201 and answer.headers["Idempotency-Replayed"] == "true"
    assert answer.json()["client_type"] == "RabbitMQ" and answer.json()["total"] == rows[1]["total"]
    assert records.add("once", key).json() == first
    # Used with another message: refused over HTTP, a dead letter here.
    assert records.add("zwei", other).status_code == 422
    publisher.publish("zwei", message_id=other)
    wait_for(lambda: publisher.depth(DEAD) == 1, what="the dead letter")
    assert publisher.channel.basic_get(DEAD, auto_ack=True)[2] == b"zwei"
    assert records.last() == before + 3


def test_totals_are_in_the_order_of_the_queue(records, publisher, scale):
    """Over many groups, and with another door in between."""
    before, n = records.last(), scale(1000, 20000)
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        other = pool.submit(lambda: [records.add(f"http {i}").status_code for i in range(n // 10)])
        for i in range(n):
            publisher.publish(f"amqp {i}", message_id=f"{before}-order-{i}" if i % 2 else None)
        assert set(other.result()) == {201}
    rows = wait_stored(records, before, n + n // 10)
    for door, count in (("amqp", n), ("http", n // 10)):
        assert [r["message"] for r in rows if r["message"].startswith(door)] == [f"{door} {i}" for i in range(count)]


def test_the_journal_knows_the_request(records, publisher):
    before, request_id = records.last(), uuid.uuid4().hex
    publisher.publish("hola", message_id="journal-" + request_id, request_id=request_id)
    wait_stored(records, before, 1)
    with open(records.lonja.daemon("gateway").log) as log:
        line = wait_for(lambda: [t for t in log if f"REQUEST_ID={request_id}" in t], what="the line")[0]
    assert "QUEUE=lonja.records" in line and f"AMQP_MESSAGE_ID=journal-{request_id}" in line
    announced(records, before)
    assert records.query(f"SELECT type FROM event WHERE request_id = '{request_id}'") == [{"type": "record.added"}]


def test_mixed_doors_are_counted_exactly(records):
    """Both doors at once: totals without holes or repeats, and in the order of the events."""
    before, n = records.last(), 400

    def by_http(worker):
        door = Records(records.lonja)
        for i in range(n // 8):
            assert door.add(f"http {worker} {i}").status_code == 201

    def by_amqp(worker):
        door = Publisher(records.lonja)
        for i in range(n // 8):
            door.publish(f"amqp {worker} {i}", message_id=f"{before}-{worker}-{i}")
        door.close()

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        jobs = [pool.submit(door, w) for w in range(4) for door in (by_http, by_amqp)]
        for job in jobs:
            job.result()
    rows = wait_stored(records, before, n)
    assert [r["total"] for r in rows] == list(range(before + 1, before + n + 1))
    assert len({r["message"] for r in rows}) == n
    assert [e["total"] for e in announced(records, before)] == [r["total"] for r in rows]
    kinds = records.query("SELECT client_type, count(*) AS n FROM record GROUP BY 1")
    for row in kinds:
        name = f"record.{row['client_type']}"
        assert records.query(f"SELECT last FROM counter WHERE name = '{name}'") == [{"last": row["n"]}]


def test_what_the_database_refuses_is_a_dead_letter(records, publisher):
    before = records.last()
    records.lonja.psql("ALTER TABLE record ADD CONSTRAINT poison CHECK (message <> 'poison')")
    try:
        for i in range(50):
            publisher.publish("poison" if i == 20 else f"sound {i}")
        assert len(wait_stored(records, before, 49)) == 49
        wait_for(lambda: publisher.depth(DEAD) == 1, what="the dead letter")
        assert publisher.channel.basic_get(DEAD, auto_ack=True)[2] == b"poison"
    finally:
        records.lonja.psql("ALTER TABLE record DROP CONSTRAINT poison")


def test_database_away(make_lonja):
    """What comes meanwhile waits, unacknowledged; the broker hands each out once and not again and again."""
    lonja = make_lonja(own_pg=True)
    records = awake(lonja)
    publisher = Publisher(lonja)
    records.add("before")
    lonja.pg.kill9()
    for i in range(20):
        publisher.publish(f"m{i}", message_id=f"id-{i}")
    in_hand = lambda n: f"lonja_record_deliveries {n}\n" in requests.get(f"{lonja.gateway_url}/metrics").text
    wait_for(lambda: in_hand(20), what="deliveries in hand")
    lonja.pg.start()
    rows = wait_stored(records, 1, 20)
    assert sorted(r["message"] for r in rows) == sorted(f"m{i}" for i in range(20))
    wait_for(lambda: in_hand(0), what="no delivery in hand")
    assert records.last() == 21
    publisher.close()


def test_stopping_loses_nothing(make_lonja):
    """SIGTERM in the middle of a queue: what was not committed is still there, and the next process takes it."""
    lonja = make_lonja()
    records = awake(lonja)
    publisher = Publisher(lonja)
    for i in range(500):
        publisher.publish(f"m{i}", message_id=f"id-{i}")
        if i in (100, 300):
            lonja.daemon("gateway").stop()
            lonja.daemon("gateway").start()
    assert len(wait_stored(records, 0, 500)) == 500
    assert records.last() == 500
    publisher.close()


def test_woken_for_the_queue(make_lonja):
    """With AmqpRecords=no a sleeping gateway is rung by the sweep and leaves again."""
    lonja = make_lonja(sweep_sec=1, config={
        "gateway": {"Service": {"IdleExitSec": "1"}, "Gateway": {"AmqpRecords": "no"}}})
    records = awake(lonja)
    lonja.daemon("gateway").wait("inactive", 60)
    publisher = Publisher(lonja)
    publisher.publish("hola")
    assert wait_stored(records, 0, 1)[0]["message"] == "hola"
    lonja.daemon("gateway").wait("inactive", 60)
    publisher.close()

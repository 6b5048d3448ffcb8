# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Calculations: by REST and by plain AMQP RPC, kept and not, and what becomes of them when somebody goes away."""

import json
import uuid

import pika
import pytest
import requests

from calculations import Client, Held, Rpc
from metrics import metric
from waiting import wait_for

DONE = ("calculation", "NEW.state = 'done'")
FINAL = {"done", "failed", "expired", "cancelled", "parked"}


@pytest.fixture
def client(lonja):
    return Client(lonja)


# ---- What is asked and answered ----


def test_an_expression_is_answered_in_one_request(client):
    answer = client.submit({"expression": "(2+3)*4/7"}, wait="60s")
    assert answer.status_code == 200, answer.text
    body = answer.json()
    assert body["state"] == "done" and body["error"] is None
    assert body["result"] == {"value": "2.857142857142857142857142857142857", "exact": False, "fraction": "20/7"}
    assert answer.headers["Location"] == f"/api/calculations/{body['id']}"
    assert client.get(body["id"]).json() == body


def test_an_operation_is_an_expression(client):
    body = client.submit({"operation": "divide", "operands": ["1", "-3"], "digits": 5}, wait="60s").json()
    assert body["operation"] == "divide" and body["operands"] == ["1", "-3"]
    assert body["expression"] == "1 / (-3)"
    assert body["result"]["value"] == "-0.33333"


@pytest.mark.parametrize("expression, slug, position", [
    ("1/0", "division-by-zero", 2),
    ("1 + sqrt(-1)", "bad-operand", 5),
    ("ln(2) + ln(3) - ln(6)", "undecided", 15),
    ("2^99999999", "result-too-large", 2),
])
def test_an_error_has_a_type_and_a_position(client, expression, slug, position):
    body = client.submit({"expression": expression}, wait="60s").json()
    assert body["state"] == "failed" and body["result"] is None
    assert body["error"]["type"] == f"urn:lonja:problem:{slug}"
    assert body["error"]["position"] == position and body["error"]["detail"]


@pytest.mark.parametrize("body, path", [
    ({}, ""),
    ({"expression": "1+"}, "/expression"),
    ({"expression": "1", "operation": "add", "operands": ["1", "2"]}, ""),
    ({"operation": "plus", "operands": ["1", "2"]}, "/operation"),
    ({"operation": "add", "operands": ["1"]}, "/operands"),
    ({"operation": "add", "operands": ["1", "x"]}, "/operands/1"),
    ({"operation": "add", "operands": ["1", 1.5]}, "/operands/1"),
    ({"expression": "1", "digits": 1001}, "/digits"),
    ({"expression": "1", "deadline": "tomorrow"}, "/deadline"),
    ({"expression": "1", "durable": False}, "/durable"),
    ({"expression": "1", "colour": "red"}, "/colour"),
])
def test_what_is_no_calculation_is_refused_at_the_door(client, body, path):
    answer = client.submit(body)
    assert answer.status_code == 400
    assert path in [e["path"] for e in answer.json()["errors"]], answer.text


def test_without_waiting_the_answer_is_an_address(client):
    answer = client.submit({"expression": "1+1"})
    assert answer.status_code == 202
    later = client.get(answer.json()["id"], wait="60s")
    assert later.status_code == 200 and later.json()["result"]["value"] == "2"


def test_what_is_not_kept_is_answered_and_forgotten(client, lonja):
    before = int(lonja.psql("SELECT count(*) FROM calculation"))
    answer = client.submit({"expression": "sqrt(2)", "durable": False, "digits": 10}, wait="60s")
    assert answer.status_code == 200, answer.text
    assert answer.json()["result"] == {"value": "1.414213562", "exact": False, "fraction": None}
    assert "Location" not in answer.headers and "id" not in answer.json()
    assert int(lonja.psql("SELECT count(*) FROM calculation")) == before


def test_the_same_key_has_the_same_result(client):
    key = str(uuid.uuid4())
    first = client.submit({"expression": "10/4"}, wait="60s", key=key)
    again = client.submit({"expression": "10/4"}, wait="60s", key=key)
    assert again.json() == first.json() and again.headers["Idempotency-Replayed"] == "true"
    other = client.submit({"expression": "10/5"}, key=key)
    assert other.status_code == 422 and other.json()["type"].endswith("idempotency-key-reused")


def test_the_list_shows_states(client):
    done = client.submit({"expression": "3*3"}, wait="60s").json()
    page = client.list(ordering="-id", state="done", limit=5)
    assert done["id"] in [c["id"] for c in page["results"]]
    assert requests.get(f"{client.url}/api/calculations/{'0' * 32}", headers=client.headers).status_code == 404
    assert requests.get(f"{client.url}/api/calculations/nonsense", headers=client.headers).status_code == 404


def test_the_end_is_an_event(client, lonja):
    body = client.submit({"expression": "6*7"}, wait="60s").json()
    data = wait_for(lambda: lonja.psql(
        f"SELECT data::text FROM event WHERE type = 'calculation.finished' AND entity = '{body['id']}'"))
    assert json.loads(data) == body


def test_the_command(lonja):
    assert lonja.run("calc", "2/3 + 1").stdout == "1.666666666666666666666666666666667\n"
    assert lonja.run("calc", "--digits", "3", "--", "-sqrt(2)").stdout == "-1.41\n"
    failed = lonja.run("calc", "1/0", check=False)
    assert failed.returncode == 1 and "division-by-zero" in failed.stderr and "(character 2)" in failed.stderr
    made = json.loads(lonja.run("calc", "6*7", "--json").stdout)
    assert made["result"]["value"] == "42"
    assert json.loads(lonja.run("calc", "get", made["id"], "--json").stdout) == made
    assert "42" in lonja.run("calc", "get", made["id"]).stdout
    assert made["id"] in lonja.run("calc", "list", "state=done", "--ordering=-id", "--limit", "5").stdout
    assert lonja.run("calc", "parked", "--json").stdout.startswith("[")
    assert lonja.run("calc", "cancel", made["id"], check=False).returncode == 5
    assert lonja.run("calc", "get", "0" * 32, check=False).returncode == 4


# ---- Plain AMQP RPC ----


def test_rpc_of_pika(lonja):
    with Rpc(lonja) as rpc:
        assert rpc.call("2^10")["result"]["value"] == "1024"
        body = rpc.call(json.dumps({"operation": "power", "operands": ["2", "-1"]}))
        assert body["result"] == {"value": "0.5", "exact": True, "fraction": "1/2"} and body["operation"] == "power"
        assert rpc.call("1/0")["error"]["type"] == "urn:lonja:problem:division-by-zero"
        refused = rpc.call("{not json")
        assert refused["state"] == "failed" and refused["error"]["type"] == "urn:lonja:problem:invalid-input"


def test_what_nobody_waits_for_is_a_dead_letter(lonja):
    connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url))
    channel = connection.channel()
    lonja.daemon("calculator").start()
    wait_for(lambda: lonja.psql("SELECT 1") and Rpc(lonja).probe())
    channel.queue_purge("lonja.calculations.dead")
    mark = f"1+{uuid.uuid4().int}"
    channel.basic_publish("", "lonja.calculations", mark.encode())
    wait_for(lambda: channel.basic_get("lonja.calculations.dead", auto_ack=True)[2] == mark.encode())
    connection.close()


# ---- Deadlines, cancelling ----


def test_a_deadline_in_the_past_has_expired(client):
    body = client.submit({"expression": "1+1", "deadline": "2020-01-01T00:00:00Z"}, wait="60s").json()
    assert body["state"] == "expired" and body["result"] is None and body["finished_at"]


def test_cancelled_while_the_worker_sleeps(make_lonja):
    lonja = make_lonja()
    client = Client(lonja)
    client.submit({"expression": "1"}, wait="60s")
    calculator = lonja.daemon("calculator")
    calculator.pause()
    try:
        made = client.submit({"expression": "1+1"}).json()
        assert made["state"] == "queued"
        cancelled = client.cancel(made["id"])
        assert cancelled.status_code == 200 and cancelled.json()["state"] == "cancelled"
    finally:
        calculator.cont()
    # The worker computes it all the same, but the first final state stands.
    done = client.submit({"expression": "2+2"}, wait="60s").json()
    assert client.get(made["id"]).json() == cancelled.json()
    assert client.cancel(made["id"]).json() == cancelled.json()
    assert client.cancel(done["id"]).status_code == 409
    assert client.cancel("0" * 32).status_code == 404


# ---- Recovery ----


def test_the_broker_is_away(make_lonja):
    lonja = make_lonja(own_rmq=True)
    client = Client(lonja)
    assert client.submit({"expression": "1+1"}, wait="60s").status_code == 200
    lonja.rmq.stop()
    made = [client.submit({"expression": f"{i}+1"}) for i in range(5)]
    assert [m.status_code for m in made] == [202] * 5 and made[0].json()["state"] == "queued"
    assert client.submit({"expression": "1", "durable": False}, wait="2s").status_code in (503, 504)
    lonja.daemon("gateway").restart()
    assert Client(lonja).submit({"expression": "1", "durable": False}, wait="60s").status_code == 503
    lonja.rmq.start()
    for i, m in enumerate(made):
        answer = wait_for(lambda m=m: final(client.get(m.json()["id"], wait="10s").json()), 120)
        assert answer["result"]["value"] == str(i + 1)


def final(body):
    return body if body["state"] in FINAL else None


def test_work_waits_for_a_worker(make_lonja):
    lonja = make_lonja(config={"calculator": {"Service": {"IdleExitSec": "1"}}})
    client = Client(lonja)
    assert client.submit({"expression": "1+1"}, wait="60s").json()["state"] == "done"
    lonja.daemon("calculator").wait("inactive", 60)  # it left; the bell brings it back
    assert client.submit({"expression": "1+2"}, wait="60s").json()["result"]["value"] == "3"


def test_what_is_not_kept_may_wake_the_gateway(make_lonja):
    lonja = make_lonja()
    for n in range(3):
        answer = Client(lonja).submit({"expression": f"{n}+1", "durable": False}, wait="60s")
        assert answer.status_code == 200 and answer.json()["result"]["value"] == str(n + 1), answer.text
        lonja.daemon("gateway").stop()


def overtake(lonja, expression, end):
    """The answer to a calculation whose worker looked for the row, in vain, before `end` let the INSERT go or cut it."""
    client = Client(lonja)
    with Held(lonja, ("calculation", "true"), events="INSERT") as held:
        since = lonja.psql("SELECT clock_timestamp()")
        asked = client.background({"expression": expression}, wait="50s")
        held.wait(1)
        wait_for(lambda: lonja.psql(f"""
            SELECT count(*) FROM pg_stat_activity
            WHERE usename = 'lonja' AND query LIKE '%calculation_finish_group%' AND state = 'idle'
                  AND query_start > '{since}'""") != "0")
        end(held)
    return asked.result(60)


def counters(lonja):
    """(committed, sent again)"""
    return tuple(metric(lonja.gateway_url, f"lonja_calculations_{name}_total") for name in ("submitted", "resent"))


def test_a_worker_may_be_faster_than_the_commit(make_lonja):
    lonja = make_lonja()
    Client(lonja).submit({"expression": "1+1"}, wait="60s")
    before = counters(lonja)
    answer = overtake(lonja, "6*9", Held.unlock)
    assert answer.status_code == 200 and answer.json()["result"]["value"] == "54"
    after = counters(lonja)
    assert after == (before[0] + 1, before[1])


def test_a_message_whose_row_never_came_is_forgotten(make_lonja):
    lonja = make_lonja()
    Client(lonja).submit({"expression": "1+1"}, wait="60s")
    assert overtake(lonja, "6*9", Held.cut).status_code == 503
    assert lonja.psql("SELECT count(*) FROM calculation WHERE expression = '6*9'") == "0"
    wait_for(lambda: lonja.rmq.n_messages("lonja.calculations", lonja.vhost) == 0)
    assert Client(lonja).submit({"expression": "1+2"}, wait="60s").json()["result"]["value"] == "3"


def test_the_gateway_dies_under_a_waiting_caller(make_lonja):
    lonja = make_lonja()
    client = Client(lonja)
    client.submit({"expression": "1+1"}, wait="60s")
    calculator, gateway = lonja.daemon("calculator"), lonja.daemon("gateway")
    calculator.wait_ready()
    calculator.pause()
    key = str(uuid.uuid4())
    try:
        asked = client.background({"expression": "7*6"}, wait="50s", key=key)
        wait_for(lambda: lonja.psql("SELECT count(*) FROM calculation WHERE expression = '7*6'") == "1")
        gateway.kill9()
        assert asked.result(60) is None  # the connection broke
        client.session.close()  # its own, idle, breaks at the same time: before the next request or after it began
    finally:
        calculator.cont()
    again = client.submit({"expression": "7*6"}, wait="60s", key=key)
    assert again.status_code == 200 and again.json()["result"]["value"] == "42"
    assert lonja.psql("SELECT count(*) FROM calculation WHERE expression = '7*6'") == "1"


def test_the_worker_dies_in_the_middle(make_lonja):
    lonja = make_lonja()
    client = Client(lonja)
    client.submit({"expression": "1+1"}, wait="60s")
    with Held(lonja, DONE) as held:
        made = client.submit({"expression": "5*5"}).json()
        held.wait(1)  # computed, and about to be recorded
        lonja.daemon("calculator").kill9()
        held.cut()
    body = wait_for(lambda: final(client.get(made["id"], wait="10s").json()))
    assert body["state"] == "done" and body["result"]["value"] == "25"
    assert lonja.psql(f"SELECT attempts FROM calculation WHERE id = '{made['id']}'") == "1"


def test_what_kills_its_worker_is_parked(make_lonja):
    lonja = make_lonja(config={"calculator": {"Calculator": {"MaxAttempts": "2"}}})
    client = Client(lonja)
    client.submit({"expression": "1+1"}, wait="60s")
    calculator = lonja.daemon("calculator")
    with Held(lonja, DONE) as held:
        made = client.submit({"expression": "6*6"}).json()
        for attempts in (0, 1, 2):
            wait_for(lambda n=attempts: lonja.psql(
                f"SELECT attempts FROM calculation WHERE id = '{made['id']}'") == str(n))
            held.wait(1)  # computed, and about to be recorded
            calculator.kill9()
            held.cut()
        body = wait_for(lambda: final(client.get(made["id"], wait="10s").json()))
    assert body["state"] == "parked" and body["error"]["type"] == "urn:lonja:problem:parked"
    assert "2 times" in body["error"]["detail"]
    assert [c["id"] for c in client.list(state="parked")["results"]] == [made["id"]]
    assert client.submit({"expression": "2+2"}, wait="60s").json()["state"] == "done"


def give_back(rpc, body):
    """Asks, and lets the message come as one that was delivered before."""
    identifier = rpc.send(body)
    method = wait_for(lambda: rpc.channel.basic_get(rpc.QUEUE)[0])
    rpc.channel.basic_reject(method.delivery_tag, requeue=True)
    return identifier


def test_what_nobody_keeps_is_parked_too(make_lonja):
    """Plain AMQP RPC, whose message has no row: as many attempts, and shown among the others."""
    lonja = make_lonja(config={"calculator": {"Calculator": {"MaxAttempts": "2"}}})
    calculator = lonja.daemon("calculator")
    suspects = "SELECT coalesce(sum(attempts), 0) FROM calculation_suspect"
    Client(lonja).submit({"expression": "1+1"}, wait="60s")
    with Rpc(lonja) as rpc:
        calculator.stop()
        innocent = give_back(rpc, "3*3")
        assert rpc.call("1+1")["state"] == "done" and rpc.wait([innocent])[0]["result"]["value"] == "9"
        wait_for(lambda: lonja.psql(suspects) == "0")  # it was counted, and has ended
        calculator.stop()
        poison = give_back(rpc, json.dumps({"operation": "multiply", "operands": ["7", "7"]}))
        with Held(lonja, ("calculation_suspect", "NEW.attempts > 0"), "INSERT OR UPDATE") as held:
            for attempts in ("1", "2"):
                calculator.start()
                held.wait(1)  # about to be counted; it shall not live to compute
                calculator.pause()
                held.unlock()
                wait_for(lambda n=attempts: lonja.psql(suspects) == n)
                held.lock()
                calculator.kill9()
        answer = rpc.call("2+2"), rpc.wait([poison])[0]
        assert answer[0]["state"] == "done" and answer[1]["state"] == "parked"
        assert answer[1]["error"] == {"type": "urn:lonja:problem:parked",
                                      "detail": "the worker ended 2 times while it computed this"}
        wait_for(lambda: rpc.channel.queue_declare(rpc.QUEUE, passive=True).method.message_count == 0)
    parked, = Client(lonja).list(state="parked")["results"]
    assert parked["expression"] == "7 * 7" and parked["operands"] == ["7", "7"] and parked["error"] == answer[1]["error"]
    assert parked["id"] in lonja.run("calc", "parked").stdout


def test_suspects_do_not_wait_for_a_database(make_lonja):
    """Plain AMQP RPC needs none; if each were waited for, the last would come after minutes."""
    lonja = make_lonja(own_pg=True)
    calculator = lonja.daemon("calculator")
    assert Client(lonja).submit({"expression": "1+1"}, wait="60s").status_code == 200
    calculator.stop()
    lonja.pg.stop()
    with Rpc(lonja) as rpc:
        suspects = [give_back(rpc, f"{n}*{n}") for n in range(15)]
        calculator.start()
        answers = rpc.wait(suspects)
        assert [a["result"]["value"] for a in answers] == [str(n * n) for n in range(15)]
    lonja.pg.start()
    assert Client(lonja).submit({"expression": "1+1"}, wait="60s").status_code == 200


def test_a_lost_message_is_sent_again(make_lonja):
    lonja = make_lonja()
    client = Client(lonja)
    client.submit({"expression": "1+1"}, wait="60s")
    # A row that no message speaks of, as after a crash between commit and publish.
    lonja.psql("""INSERT INTO calculation (id, expression, digits, sent_at)
                  VALUES (repeat('0', 31) || '1', '8*8', 34, now() - interval '31 s')""")
    body = wait_for(lambda: final(client.get("0" * 31 + "1", wait="10s").json()))
    assert body["result"]["value"] == "64"


def test_drain_gives_back_and_answers(make_lonja):
    lonja = make_lonja()
    client = Client(lonja)
    client.submit({"expression": "1+1"}, wait="60s")
    calculator = lonja.daemon("calculator")
    made = [client.submit({"expression": f"exp({i})", "digits": 900}).json()["id"] for i in range(1, 40)]
    calculator.restart()
    for i in made:
        body = wait_for(lambda i=i: final(client.get(i, wait="10s").json()))
        assert body["state"] == "done"
    asked = client.background({"expression": "1+3"}, wait="30s")
    assert asked.result(60).status_code == 200

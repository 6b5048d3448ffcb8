# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""One thing leads to another, over several daemons that slept."""

import asyncio
import contextlib
import json
import uuid

import pytest
import websockets

from host import PATIENCE_SEC, services_of

pytestmark = pytest.mark.anywhere


def by_rest(lonja, message):
    answer = lonja.ask("POST", "/api/records", word="gateway", json={"message": message})
    assert answer.status_code == 201, answer.text


def by_command(lonja, message):
    lonja.host.run("lonja", "record", "add", message)


@pytest.mark.parametrize("add", [by_rest, by_command], ids=["REST", "lonja record"])
def test_a_record_reaches_a_browser(lonja, add):
    """a record reaches a WebSocket as a sentence"""
    for word in ("gateway", "notifier"):
        lonja.daemons[word].stop()
    message = f"hola {uuid.uuid4().hex}"
    event = asyncio.run(asyncio.wait_for(listen_and_add(lonja, add, message), 2 * PATIENCE_SEC))
    total = event["data"]["total"]
    assert event["data"]["client_type"] == "REST"
    assert event["text"] == f'Se ingresó un registro mediante REST, con el mensaje "{message}", total de mensajes {total}'


async def listen_and_add(lonja, add, message):
    url = lonja.url("notifier", "/ws?topics=record.*").replace("http", "ws", 1)
    async with websockets.connect(url, open_timeout=PATIENCE_SEC) as socket:
        await asyncio.to_thread(add, lonja, message)
        async for text in socket:
            event = json.loads(text)
            if event.get("type") == "record.added" and event["data"]["message"] == message:
                return event


def test_the_dashboard_tells_how_the_host_is(lonja):
    """from its sandbox the notifier sees which daemons are awake, and how long the queues are"""
    lonja.ask("GET", "/healthz", word="gateway")
    lonja.daemons["gateway"].wait_awake()

    def told():
        answer = lonja.ask("GET", "/api/dashboard/system", word="notifier")
        assert answer.status_code == 200, answer.text
        return answer.json()

    # a picture may be some seconds old
    lonja.host.wait(lambda: {"name": "gateway", "state": "awake"} in told()["daemons"], "it sees the gateway")
    system = told()
    assert {d["name"] for d in system["daemons"]} >= {word for word in lonja.daemons if not word.endswith("@")}
    assert system["broker"] == "up" and "lonja.records" in {q["name"] for q in system["queues"]}


def test_a_calculation_wakes_who_computes(host, lonja):
    """curl asks the gateway, whose doorbell wakes the calculator; the journal has both by one id, and both leave"""
    gateway, calculator = lonja.daemons["gateway"], lonja.daemons["calculator"]
    request_id = uuid.uuid4().hex
    with contextlib.ExitStack() as settings:
        # as shipped, the gateway stays for records that come by AMQP
        settings.enter_context(gateway.configured("[Service]\nIdleExitSec=1\n[Gateway]\nAmqpRecords=no\n"))
        settings.enter_context(calculator.configured("[Service]\nIdleExitSec=1\n"))
        for daemon in (gateway, calculator):
            daemon.stop()
        said = host.run("curl", "-sS", "-H", f"Authorization: Bearer {lonja.token}", "-H", f"X-Request-ID: {request_id}",
                        "--json", '{"expression": "(2+3)*4/7"}', lonja.url("gateway", "/api/calculations?wait=60s")).stdout
        path = f"/api/calculations/{json.loads(said)['id']}"
        result = host.wait(lambda: lonja.ask("GET", path, word="gateway").json()["result"], "the result")
        assert result["fraction"] == "20/7"
        host.wait(lambda: services_of(host.journal(f"REQUEST_ID={request_id}")) == {gateway.unit, calculator.unit},
                  "both have told of it")
        for daemon in (gateway, calculator):
            daemon.wait_asleep()


PULSE = {"code": "PULSE", "buying_price": "1.00", "selling_price": "2.00", "description": "By a schedule"}


def test_a_schedule_fires(host, lonja):
    """a schedule fires each second, its task wakes the catalogue, and kill -9 of the scheduler does not end it"""
    scheduler = lonja.daemons["scheduler"]
    lonja.daemons["products"].stop()
    host.run("lonja", "tasks", "add", "pulse", "every=1s", "task=products.import", f"kwargs={json.dumps({'rows': [PULSE]})}")
    try:
        times = host.wait(lambda: succeeded(host), "a firing")
        assert lonja.ask("GET", "/api/products/PULSE").json()["description"] == PULSE["description"]
        pid = scheduler.pid
        host.run("kill", "-9", str(pid))
        host.wait(lambda: scheduler.pid not in (0, pid), "the scheduler runs again")
        host.wait(lambda: max(succeeded(host)) > max(times), "a further firing")
    finally:
        host.run("lonja", "tasks", "remove", "pulse")


def succeeded(host):
    """The nominal times of the firings whose tasks have answered so."""
    history = json.loads(host.run("lonja", "tasks", "history", "pulse", "--json").stdout)
    return [f["nominal_time"] for f in history if f["state"] == "succeeded"]

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""One thing leads to another, over several daemons that slept."""

import asyncio
import json
import uuid

import pytest
import websockets

from host import PATIENCE_SEC

pytestmark = pytest.mark.anywhere


def test_a_record_reaches_a_browser(host, lonja):
    """a record by REST reaches a WebSocket as a sentence"""
    for word in ("gateway", "notifier"):
        lonja.daemons[word].stop()
    event = asyncio.run(asyncio.wait_for(listen_and_add(lonja, f"hola {uuid.uuid4().hex}"), PATIENCE_SEC))
    record = event["data"]
    assert record["client_type"] == "REST"
    assert event["text"] == (f'Se ingresó un registro mediante REST, con el mensaje "{record["message"]}", '
                             f'total de mensajes {record["total"]}')


async def listen_and_add(lonja, message):
    url = lonja.url("notifier", "/ws?topics=record.*").replace("http", "ws", 1)
    async with websockets.connect(url, open_timeout=PATIENCE_SEC) as socket:
        answer = await asyncio.to_thread(lonja.ask, "POST", "/api/records", word="gateway", json={"message": message})
        assert answer.status_code == 201, answer.text
        async for text in socket:
            event = json.loads(text)
            if event.get("type") == "record.added" and event["data"]["message"] == message:
                return event

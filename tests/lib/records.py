# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Message records as tests see them: the doors, and what is behind them."""

import json

import pika
import requests
from waiting import wait_for

QUEUE = "lonja.records"
SENTENCE = 'Se ingresó un registro mediante {client_type}, con el mensaje "{message}", total de mensajes {total}'


class Records:
    """The REST door, and what is behind it."""

    def __init__(self, lonja):
        self.lonja = lonja
        self.url = f"{lonja.gateway_url}/api/records"
        self.http = requests.Session()
        self.http.headers["Authorization"] = f"Bearer {lonja.token}"

    def add(self, message, key=None, **options):
        headers = {"Idempotency-Key": key} if key else {}
        return self.http.post(self.url, json={"message": message}, headers=headers, timeout=60, **options)

    def query(self, sql):
        """Rows of the query as lists of text."""
        return json.loads(self.lonja.psql(f"SELECT coalesce(json_agg(to_json(q)), '[]') FROM ({sql}) q").strip())

    def last(self):
        return self.query("SELECT last FROM counter WHERE name = 'record'")[0]["last"]


def sentence(record):
    return SENTENCE.format(**{k: record[k] for k in ("client_type", "message", "total")})


def announced(records, since=0):
    """Data of the events of records after `since` (a total), in the order of their offsets."""
    records.lonja.psql("SELECT event_relay_turn('test', 100000, 0, 0)")
    return [row["data"] for row in records.query(
        "SELECT data FROM event WHERE type = 'record.added' "
        f"AND (data->>'total')::bigint > {since} ORDER BY \"offset\"")]


class Publisher:
    """The RabbitMQ door: a message is handed over when publish() returns."""

    def __init__(self, lonja):
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url + "?heartbeat=0"))
        self.channel = wait_for(self._open, what="the queue")

    def _open(self):
        """A channel, once the gateway has declared the queue."""
        channel = self.connection.channel()
        try:
            channel.queue_declare(QUEUE, passive=True)
        except pika.exceptions.ChannelClosedByBroker:
            return None
        channel.confirm_delivery()
        return channel

    def publish(self, body, message_id=None, content_type=None, request_id=None):
        properties = pika.BasicProperties(message_id=message_id, content_type=content_type, delivery_mode=2,
                                          headers={"x-request-id": request_id} if request_id else None)
        if isinstance(body, str):
            body = body.encode()
        self.channel.basic_publish("", QUEUE, body, properties, mandatory=True)

    def depth(self, queue=QUEUE):
        return self.channel.queue_declare(queue, passive=True).method.message_count

    def close(self):
        self.connection.close()

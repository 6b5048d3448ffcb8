# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A client of the catalogue for tests: requests with the address, the token and a few shorthands."""

import itertools
import json

import pika
import requests
from waiting import wait_for

_numbers = itertools.count(1)


def unique(prefix="T"):
    """A code that no other test of this run uses."""
    return f"{prefix}-{next(_numbers)}"


def product(code=None, **fields):
    """A body with every required field."""
    made = {"description": "a thing", "buying_price": "1.00", "selling_price": "2.50", **fields}
    return made if code is None else {"code": code, **made}


class Catalogue(requests.Session):
    """catalogue.get("/api/products/A1"); anonymous with token=None."""

    def __init__(self, lonja, token="", url=None):
        super().__init__()
        self.lonja = lonja
        self.url = url or lonja.products_url
        self.trust_env = False
        token = lonja.token if token == "" else token
        if token:
            self.headers["Authorization"] = f"Bearer {token}"

    def request(self, method, path, *args, **options):
        options.setdefault("timeout", 30)
        return super().request(method, self.url + path, *args, **options)

    def create(self, code=None, **fields):
        answer = self.post("/api/products", json=product(code or unique(), **fields))
        assert answer.status_code == 201, answer.text
        return answer.json()

    def one(self, code):
        answer = self.get(f"/api/products/{code}")
        assert answer.status_code == 200, answer.text
        return answer.json()

    def walk(self, path, link="next"):
        """The results of this page and of those behind it, page by page."""
        while path:
            page = self.get(path).json()
            yield page["results"]
            path = page[link]

    def load(self, products, **parameters):
        """Imports the products."""
        lines = "".join(json.dumps(p) + "\n" for p in products)
        answer = self.post("/api/products:import", data=lines.encode(), params=parameters,
                           headers={"Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        return answer.json()


def problem(answer, status, slug, *paths):
    """Checks that this is that problem, naming at least these paths; returns it."""
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"] == "application/problem+json"
    body = answer.json()
    assert body["type"] == f"urn:lonja:problem:{slug}"
    assert body["status"] == status
    assert {e["path"] for e in body.get("errors", [])} >= set(paths), body
    return body


def is_settled(lonja):
    """Every change that was made has been published."""
    return lonja.psql("SELECT NOT EXISTS (SELECT FROM outbox) AND last = published FROM event_head, relay").strip() == "t"


class Listener:
    """What RabbitMQ delivers of lonja.events, from now on, to a queue of its own."""

    def __init__(self, lonja, pattern="product.*"):
        wait_for(lambda: is_settled(lonja))
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url))
        self.channel = self.connection.channel()
        self.channel.exchange_declare("lonja.events", "topic", durable=True)
        self.queue = self.channel.queue_declare("", exclusive=True).method.queue
        self.channel.queue_bind(self.queue, "lonja.events", pattern)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.connection.close()

    def take(self, n, timeout=30):
        """The next n events, repeats (same offset) dropped."""
        events, last = [], 0
        for method, properties, body in self.channel.consume(self.queue, auto_ack=True, inactivity_timeout=timeout):
            assert method is not None, f"{len(events)} of {n} events came"
            event = json.loads(body)
            assert properties.content_type == "application/cloudevents+json"
            if event["lonjaoffset"] > last:
                last = event["lonjaoffset"]
                events.append(event)
            if len(events) == n:
                break
        self.channel.cancel()
        return events

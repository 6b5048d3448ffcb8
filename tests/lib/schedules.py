# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What tests of the scheduler share: a client of /api/schedules, a worker's queue, further schedulers on one database."""

import json
import os
import socket

import pika
import requests

from stack import Stack
from waiting import wait_for


class Client:
    """/api/schedules with a token."""

    def __init__(self, lonja):
        self.url = f"{lonja.scheduler_url}/api/schedules"
        self.session = requests.Session()
        self.session.headers["Authorization"] = f"Bearer {lonja.token}"

    def __call__(self, method, path="", wanted=None, headers=None, **options):
        answer = self.session.request(method, self.url + path, timeout=60, headers=headers, **options)
        if wanted is not None:
            assert answer.status_code == wanted, f"{method} {path}: {answer.status_code} {answer.text}"
        return answer

    def make(self, name, **fields):
        return self("POST", json={"name": name, "task": "test.add", "queue": f"q.{name}", **fields}, wanted=201)

    def firings(self, name, **filters):
        return self("GET", f"/{name}/firings", params={"limit": 1000, **filters}, wanted=200).json()["results"]

    def state(self, name):
        return self("GET", f"/{name}/state", wanted=200).json()


class Queue:
    """A worker's queue, read as pika sees it."""

    def __init__(self, lonja, name):
        self.connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url + "?heartbeat=0"))
        self.channel = self.connection.channel()
        self.channel.queue_declare(name, durable=True)
        self.name = name

    def get(self, seconds=60):
        """(properties, args, kwargs) of the next task."""
        def next_one():
            method, properties, body = self.channel.basic_get(self.name, auto_ack=True)
            return method and (properties, body)

        properties, body = wait_for(next_one, seconds)
        args, kwargs, embedded = json.loads(body)
        assert set(embedded) == {"callbacks", "errbacks", "chain", "chord"}
        return properties, args, kwargs

    def drain(self):
        """The task ids of all that is there now."""
        ids = []
        while True:
            method, properties, _ = self.channel.basic_get(self.name, auto_ack=True)
            if not method:
                return ids
            ids.append(properties.correlation_id)

    def answer(self, properties, status="SUCCESS", result=None):
        self.channel.basic_publish("", properties.reply_to, json.dumps(
            {"task_id": properties.correlation_id, "status": status, "result": result, "traceback": None,
             "children": []}), pika.BasicProperties(correlation_id=properties.correlation_id,
                                                    content_type="application/json"))

    def close(self):
        self.connection.close()


def twin(lonja, directory, **options):
    """Another host: a holder of its own on the same database and broker.  The caller stops it by stop_holder()."""
    other = Stack(directory, pg=lonja.pg, rmq=lonja.rmq, database=lonja.database_name, vhost=lonja.vhost,
                  config=lonja.config, **options)
    for folder in (other.config_dir, other.run_dir, other.log_dir):
        os.makedirs(folder, exist_ok=True)
    os.chmod(other.directory, 0o711)
    other.start_holder()
    return other


def ring(lonja):
    """What lonja-sweep does: start it, or make it look."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
        s.connect(os.path.join(lonja.run_dir, "scheduler.bell"))
        s.send(b"")

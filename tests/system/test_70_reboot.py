# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The host starts again."""

import json

import pika
import pytest


def amqp(host):
    """As the user lonja: whatever is on this broker is ours."""
    password = host.read("/etc/lonja/credentials/lonja/amqp.password").strip()
    return pika.BlockingConnection(pika.ConnectionParameters(
        "127.0.0.1", 5672, "lonja", pika.PlainCredentials("lonja", password), socket_timeout=60))


def bind_audit(host):
    with amqp(host) as connection:
        channel = connection.channel()
        channel.exchange_declare("lonja.events", "topic", durable=True)
        channel.queue_declare("audit", durable=True)
        channel.queue_purge("audit")
        channel.queue_bind("audit", "lonja.events", "product.#")


def audited(host):
    """The subjects of what the queue has."""
    subjects = []
    with amqp(host) as connection:
        channel = connection.channel()
        while True:
            method, _, body = channel.basic_get("audit", auto_ack=True)
            if method is None:
                return subjects
            subjects.append(json.loads(body)["subject"])


def is_waiting(lonja):
    """Are there events that the broker has not confirmed?"""
    return lonja.psql("SELECT EXISTS (SELECT FROM outbox) OR (SELECT published FROM relay) < "
                      "(SELECT last FROM event_head)") == "t"


@pytest.mark.parametrize("way", ["reboot", "power_cut"])
def test_work_left_in_the_queues(host, lonja, way):
    """what was acknowledged before and not yet published is published afterwards, though nobody knocks"""
    codes = [f"RB-{way}-{n}" for n in range(20)]
    bind_audit(host)
    host.run("systemctl", "stop", "rabbitmq-server")
    for code in codes:
        lonja.make_product(code)
    assert is_waiting(lonja)
    getattr(host, way)()
    host.wait(lambda: not is_waiting(lonja), "the sweep has seen to it", 300)
    assert set(audited(host)) >= set(codes)
    for code in codes:
        assert lonja.ask("DELETE", f"/api/products/{code}").status_code in (200, 204)


def test_doors_after_a_reboot(host, lonja):
    """every door that was open is open, the schema has been looked at, nothing has failed"""
    for name, unit in lonja.unit_files[0].items():
        assert host.show(name, "ActiveState") == ("active" if unit.is_default else "inactive"), name
    assert host.show("lonja-db.service", "ActiveState") in ("active", "inactive")
    assert host.sh("systemctl --failed --plain --no-legend") == ""

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A host without PostgreSQL and RabbitMQ, and with a busy port."""

import contextlib
import socket

import pytest
import requests

import snapshot

pytestmark = pytest.mark.usefixtures("bare")


@pytest.fixture(scope="module")
def bare(host, market):
    assert market.version is None, "this chapter comes first"
    holder = socket.create_server(("127.0.0.1", 8000))
    before = snapshot.take(host)
    said = market.install("old", "--no-install-recommends")
    try:
        yield {"before": before, "said": said, "holder": holder}
    finally:
        holder.close()
        if market.version is not None:
            market.purge()


def test_it_ends_installed_and_says_what_is_left(market, bare):
    """apt install without the recommended servers ends installed, with what is left to do"""
    assert market.version
    assert "left to do: install PostgreSQL (apt install postgresql)" in bare["said"]
    assert "left to do: install RabbitMQ (apt install rabbitmq-server)" in bare["said"]
    assert "Then run: lonja setup" in bare["said"]


def test_a_busy_port_hinders_nothing_else(host, market, bare):
    """a port that somebody else holds leaves its door failed, and hinders nothing else"""
    doors = {d.name: host.show(d.name, "ActiveState") for daemon in market.daemons.values()
             for d in daemon.doors.values() if d.is_default}
    assert doors.pop("lonja-products.socket") == "failed"
    assert set(doors.values()) == {"active"}, doors
    status = host.run("lonja", "status", check=False)
    assert status.returncode == 2, status.stdout
    assert "failed" in status.stdout
    open_the_busy_door(host, bare)
    assert host.show("lonja-products.socket", "ActiveState") == "active"


def open_the_busy_door(host, bare):
    bare["holder"].close()
    host.run("systemctl", "start", "lonja", "lonja-products.socket")


def test_a_knock_is_answered(host, market, bare):
    """without a database, a request is answered 503 with a problem, and the daemon stays"""
    open_the_busy_door(host, bare)
    answer = requests.get(market.url("products", "/api/products"), timeout=60)
    assert answer.status_code == 503
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert "Retry-After" in answer.headers
    assert requests.get(market.url("products", "/healthz"), timeout=60).status_code == 200
    assert requests.get(market.url("products", "/readyz"), timeout=60).status_code == 503


def test_purge_leaves_nothing(host, market, bare):
    """apt purge leaves the host as it was: files, units, users but ours"""
    market.purge()
    gone, come = snapshot.differences(bare["before"], snapshot.take(host))
    assert not gone
    assert not come
    with contextlib.suppress(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 5000), timeout=60).close()
        pytest.fail("a door is still open")

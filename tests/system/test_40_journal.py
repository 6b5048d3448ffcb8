# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What the journal tells."""

import re
import socket
import uuid

import pytest

from host import services_of

pytestmark = pytest.mark.anywhere


def test_one_write_across_daemons(host, lonja, began):
    """journalctl REQUEST_ID=... shows one write from the catalogue to the device that watches"""
    code = "JR1"
    if lonja.ask("GET", f"/api/products/{code}").status_code == 404:
        lonja.make_product(code)
    bridge = lonja.daemons["bridge"]
    with bridge.configured("[Service]\nLogLevel=debug\n"):
        bridge.try_restart()
        with socket.create_connection(bridge.address("tcp"), timeout=120) as device:
            device.sendall(b'GET+PRODUCT+{"code":"%s"}+interval=3600\n' % code.encode())
            lines = device.makefile()
            assert lines.readline().startswith("JSON+PRODUCT+")
            # The bridge looks by itself, too, when its events begin to flow, and may then see a change before its event.
            for _ in range(20):
                entries = write_and_follow(host, lonja, code, lines)
                if services_of(entries) == {"lonja-products.service", "lonja-bridge.service"}:
                    break
    assert services_of(entries) == {"lonja-products.service", "lonja-bridge.service"}
    told = next(e for e in entries if e.get("MESSAGE_ID"))
    assert (told["PRODUCT_CODE"], told["PRIORITY"]) == (code, "6")


def write_and_follow(host, lonja, code, lines):
    """One write, to the device; what the journal has of it."""
    request_id = uuid.uuid4().hex
    answer = lonja.ask("PATCH", f"/api/products/{code}", json={"description": request_id}, headers={"X-Request-ID": request_id})
    assert answer.headers["X-Request-ID"] == request_id
    while request_id not in (line := lines.readline()):
        assert line, "the bridge has closed the connection"
    host.wait(lambda: any(e.get("MESSAGE_ID") for e in host.journal(f"REQUEST_ID={request_id}")), "the catalogue's line")
    return host.journal(f"REQUEST_ID={request_id}")


def test_reads_are_silent(host, lonja, began):
    """reads and mistakes of clients leave no line at the level info"""
    lonja.ask("GET", "/api/products")
    lonja.ask("GET", "/api/products/NOBODY")
    lonja.ask("POST", "/api/products", json={"description": 7})
    assert [e["MESSAGE"] for e in host.journal("-u", "lonja-products", since=began) if "REQUEST_ID" in e] == []


def test_the_catalog_explains(host, lonja, began):
    """journalctl -x explains what an operator should know, and how to follow it"""
    answer = lonja.ask("DELETE", f"/api/products/{lonja.make_product(f'JR-{uuid.uuid4().hex[:8]}')['code']}")
    request_id = answer.headers["X-Request-ID"]
    said = host.wait(lambda: host.run("journalctl", "-x", "--no-pager", f"REQUEST_ID={request_id}").stdout, "the line")
    assert "Subject: A request changed state, or failed" in said
    assert f"journalctl REQUEST_ID={request_id}" in said
    catalog = host.read("/usr/lib/systemd/catalog/lonja.catalog")
    known = host.sh("journalctl --list-catalog").lower()
    for message_id in re.findall(r"^-- ([0-9a-f]{32})", catalog, re.M):
        assert message_id in known


def test_no_secret_is_told(host, lonja):
    """no password and no token is in the journal"""
    secrets = [lonja.token, "a long password", host.read("/etc/lonja/credentials/lonja/amqp.password").strip()]
    told = host.run("journalctl", "-o", "export", "--no-pager", "-u", "lonja*", timeout=600).stdout
    assert told
    assert [s for s in secrets if s in told] == []

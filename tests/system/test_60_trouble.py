# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Daemons are killed, hang, and are given bad configuration; servers go."""

import socket

import pytest

KILLS = 20


@pytest.fixture
def daemon(host, lonja):
    daemon = lonja.daemons["products"]
    assert lonja.ask("GET", "/api/products").status_code == 200
    daemon.wait_awake()
    return daemon


def test_kill_9(host, lonja, daemon):
    """kill -9, twenty times: the next client is served by the next process, and nothing acknowledged is lost"""
    code = "KILLED"
    if lonja.ask("GET", f"/api/products/{code}").status_code == 404:
        lonja.make_product(code)
    pids, restarts = set(), int(host.show(daemon.unit, "NRestarts"))
    for n in range(KILLS):
        assert lonja.ask("PATCH", f"/api/products/{code}", json={"description": f"write {n}"}).status_code == 200
        pid = daemon.pid
        assert pid not in pids | {0}
        pids.add(pid)
        host.run("kill", "-9", str(pid))
        assert lonja.ask("GET", f"/api/products/{code}").json()["description"] == f"write {n}"
    assert len(pids) == KILLS
    assert int(host.show(daemon.unit, "NRestarts")) >= restarts + KILLS
    assert host.show("lonja-products.socket", "ActiveState") == "active"


def test_kill_9_of_the_bridge(host, lonja):
    """kill -9 of the bridge: devices connect again to the same door"""
    bridge = lonja.daemons["bridge"]
    for _ in range(3):
        with socket.create_connection(bridge.address("tcp"), timeout=120) as device:
            device.sendall(b"PING++{}+\n")
            assert device.recv(100).startswith(b"JSON+PONG+")
            host.run("kill", "-9", str(bridge.pid))
            try:
                assert device.recv(100) == b""
            except ConnectionResetError:
                pass


def test_watchdog(host, lonja, daemon, began):
    """a daemon that hangs (SIGSTOP) is ended by its watchdog, Result=watchdog, and the next serves"""
    assert host.show(daemon.unit, "WatchdogUSec") == "30s"
    host.write(f"/run/systemd/system/{daemon.unit}.d/story.conf", "[Service]\nWatchdogSec=2\n")
    try:
        host.run("systemctl", "daemon-reload")
        daemon.try_restart()
        pid = daemon.pid
        host.run("kill", "-STOP", str(pid))
        assert lonja.ask("GET", "/api/products").status_code == 200
        assert daemon.pid not in (0, pid)
        results = [e.get("UNIT_RESULT") for e in host.journal(f"UNIT={daemon.unit}", since=began)]
        assert "watchdog" in results, results
    finally:
        host.remove(f"/run/systemd/system/{daemon.unit}.d/story.conf")
        host.run("systemctl", "daemon-reload")
        daemon.try_restart()


def test_reload_good_and_bad(host, lonja, daemon, began):
    """reload takes a good file; a bad one fails the reload by file and line, and the old one stays"""
    file = "/etc/lonja/products.conf.d/90-story.conf"
    pid = daemon.pid
    try:
        host.write(file, "[Service]\nLogLevel=debug\n")
        host.run("systemctl", "reload", daemon.unit)
        told = lambda: [e for e in host.journal("-u", "lonja-products", "-p", "debug", since=began) if e.get("PRIORITY") == "7"]
        lonja.ask("GET", "/api/products")
        host.wait(told, "lines at the level debug")

        host.write(file, "[Service]\nLogLevel=info\nLogLevl=err\n")
        assert host.run("systemctl", "reload", daemon.unit, check=False).returncode != 0
        assert any(f"{file}:3:" in e["MESSAGE"] for e in host.journal(f"_SYSTEMD_UNIT={daemon.unit}", since=began))
        n = len(told())
        lonja.ask("GET", "/api/products")
        host.wait(lambda: len(told()) > n, "the old configuration is in force")
        assert daemon.pid == pid
    finally:
        host.remove(file)
        host.run("systemctl", "reload", daemon.unit)


def test_database_goes(host, lonja, daemon):
    """without PostgreSQL a request is answered 503; as soon as it is back, everything is well"""
    pid = daemon.pid
    host.run("systemctl", "stop", "postgresql@15-main")
    host.wait(lambda: lonja.ask("GET", "/readyz").status_code == 503, "the daemon has noticed")
    assert lonja.ask("GET", "/api/products").status_code == 503
    assert host.run("lonja", "status", check=False).returncode == 2
    host.run("systemctl", "start", "postgresql@15-main")
    host.wait(lambda: lonja.ask("GET", "/api/products").status_code == 200, "the daemon is back")
    assert daemon.pid == pid


def test_broker_goes(host, lonja, daemon):
    """without RabbitMQ the catalogue goes on, and says degraded; the events wait"""
    host.run("systemctl", "stop", "rabbitmq-server")
    try:
        host.wait(lambda: lonja.ask("GET", "/readyz").json().get("status") == "degraded", "the daemon has noticed")
        lonja.make_product("NOMQ")
        assert host.run("lonja", "status", check=False).returncode == 1
    finally:
        host.run("systemctl", "start", "rabbitmq-server")
    host.wait(lambda: lonja.ask("GET", "/readyz").json().get("status") == "ok", "the daemon is back")
    host.wait(lambda: lonja.psql("SELECT count(*) FROM outbox") == "0", "the events are out")
    lonja.ask("DELETE", "/api/products/NOMQ")


@pytest.mark.parametrize("statement, undo, slug", [
    ("DELETE FROM schema_migration WHERE version = {}", "INSERT INTO schema_migration (version, name) VALUES ({}, 'again')",
     "schema-pending"),
    ("INSERT INTO schema_migration (version, name) VALUES ({} + 1, 'of a later release')",
     "DELETE FROM schema_migration WHERE version > {}", "schema-too-new")], ids=["older", "newer"])
def test_another_schema(host, lonja, daemon, statement, undo, slug):
    """a schema of another release is answered, not crashed on"""
    newest = lonja.psql("SELECT max(version) FROM schema_migration")
    lonja.psql(statement.format(newest))
    try:
        daemon.try_restart()
        pid = daemon.pid
        answer = lonja.ask("GET", "/api/products")
        assert (answer.status_code, answer.json()["type"]) == (503, f"urn:lonja:problem:{slug}")
        assert "schema" in host.show(daemon.unit, "StatusText")
        assert host.run("lonja", "status", check=False).returncode == 2
    finally:
        lonja.psql(undo.format(newest))
    host.wait(lambda: lonja.ask("GET", "/api/products").status_code == 200, "the daemon is back")
    assert daemon.pid == pid

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Upgrade, backup, removal, and the way back."""

import socket

import pytest
import requests

import snapshot
from clients import Stream
from manual import displays

EDITED = "/etc/lonja/products.conf"
LINE = "# an operator was here\n"


def test_upgrade_under_a_stream(host, lonja, capsys):
    """an upgrade under a stream of clients refuses none, resets none, restarts who ran, and keeps what was edited"""
    if lonja.version != version_of(host, lonja.packages["old"]):
        lonja.install("old", "--allow-downgrades")
    if lonja.ask("GET", "/api/products/UP1").status_code == 404:
        lonja.make_product("UP1")
    host.write(EDITED, host.read(EDITED) + LINE)
    sleeper = lonja.daemons["bridge"]
    sleeper.stop()
    daemon = lonja.daemons["products"]
    with Stream(lonja, "UP1") as stream:
        host.wait(lambda: stream.connections >= 50 or stream.failures, "the stream flows")
        pid = daemon.pid
        host.apt("install", lonja.packages["new"])
        assert daemon.pid not in (0, pid)
        answered = stream.answered
        host.wait(lambda: stream.answered > answered + 50 or stream.failures, "the stream flows on")
    assert not stream.failures, stream.failures[:10]
    with capsys.disabled():
        print(f"\n        {stream}", end=" ")
    assert lonja.version == version_of(host, lonja.packages["new"])
    assert not sleeper.is_awake, "who slept is not woken"
    assert host.read(EDITED).endswith(LINE)
    host.write(EDITED, host.read(EDITED).removesuffix(LINE))


def version_of(host, path):
    return host.run("dpkg-deb", "-f", path, "Version").stdout.strip()


def test_an_upgrade_does_not_restart_into_a_broken_state(host, lonja):
    """with a configuration that the new release would refuse, the running daemon goes on, and apt says so"""
    daemon = lonja.daemons["products"]
    lonja.ask("GET", "/api/products")
    daemon.wait_awake()
    pid = daemon.pid
    host.write("/etc/lonja/products.conf.d/90-story.conf", "[Products]\nNoSuchOption=1\n")
    try:
        said = host.apt("install", "--reinstall", lonja.packages["new"])
        assert daemon.pid == pid
        assert "90-story.conf:2:" in said
        assert lonja.ask("GET", "/api/products").status_code == 200
    finally:
        host.remove("/etc/lonja/products.conf.d/90-story.conf")
    host.apt("install", "--reinstall", lonja.packages["new"])
    assert daemon.pid not in (0, pid)


def test_backup_and_restore_as_the_manual_tells(host, lonja):
    """backup, purge, install and restore, command by command as lonja(7) has them, bring everything back"""
    backup, restore = displays(host, "BACKUP AND RESTORE")
    code = "BACKUP"
    if lonja.ask("GET", f"/api/products/{code}").status_code == 404:
        lonja.make_product(code, selling_price="77.70")
    product = lonja.ask("GET", f"/api/products/{code}").json()
    password = host.read("/etc/lonja/credentials/lonja/amqp.password")
    host.sh(f"mkdir -p /var/tmp/backup && cd /var/tmp/backup && set -e\n{backup}")
    lonja.purge()
    assert "lonja" not in lonja.psql("SELECT datname FROM pg_database", "postgres").split()
    lonja.install("new")
    assert requests.get(lonja.url("products", f"/api/products/{code}"), timeout=60).status_code == 404
    host.sh(f"cd /var/tmp/backup && set -e\n{restore}")
    assert requests.get(lonja.url("products", f"/api/products/{code}"), timeout=60).json() == product
    assert host.read("/etc/lonja/credentials/lonja/amqp.password") == password
    host.wait(lambda: requests.get(lonja.url("products", "/readyz"), timeout=60).json()["status"] == "ok", "all is well")
    assert host.run("lonja", "setup").stdout == "Nothing was to do: Lonja is set up.\n"
    host.sh("rm -r /var/tmp/backup")


def test_remove_keeps_the_data(host, lonja):
    """apt remove closes the doors and keeps the data; a later installation finds it"""
    code = "KEPT"
    if lonja.ask("GET", f"/api/products/{code}").status_code == 404:
        lonja.make_product(code)
    host.apt("remove", "lonja")
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 8000), timeout=60)
    assert host.sh("systemctl list-units --plain --no-legend --all 'lonja*' | grep -v not-found || :") == ""
    assert lonja.psql(f"SELECT count(*) FROM product WHERE code = '{code}'") == "1"
    lonja.install("new")
    assert requests.get(lonja.url("products", f"/api/products/{code}"), timeout=60).status_code == 200


def test_purge_and_reinstall(host, lonja):
    """apt purge takes away what is ours and local, twice the same; what is installed after it works"""
    lonja.purge()
    before = snapshot.take(host)
    assert [x for kind in before if kind not in ("users", "unit files") for x in before[kind] if "lonja" in x.lower()] == []
    assert "Lonja is set up." in lonja.install("new")
    lonja.make_product("AGAIN")
    for daemon in lonja.daemons.values():
        for door in daemon.doors.values():
            if door.is_default:
                daemon.knock(door.fd_name)
    assert host.run("lonja", "status", check=False).returncode == 0
    lonja.purge()
    gone, come = snapshot.differences(before, snapshot.take(host))
    assert (gone, come) == ({}, {})
    for user in snapshot.SYSTEM_USERS:
        entry = host.run("getent", "shadow", user, check=False).stdout
        assert not entry or entry.split(":")[1].startswith(("!", "*")), "locked"


def test_purge_without_servers_says_what_remains(host, lonja):
    """a server that does not answer keeps what is ours, which is said"""
    host.run("systemctl", "stop", "postgresql@15-main", "rabbitmq-server")
    try:
        said = lonja.purge()
    finally:
        host.run("systemctl", "start", "postgresql@15-main", "rabbitmq-server")
    assert "PostgreSQL does not answer; database 'lonja' and role 'lonja' remain" in said
    assert "RabbitMQ does not answer; its virtual host 'lonja' remains" in said
    assert "RabbitMQ does not answer; its user 'lonja' remains" in said
    clear_servers(host)


def clear_servers(host):
    """What an operator does about what remains; else it would be somebody else's to the next installation."""
    host.wait(lambda: host.run("rabbitmqctl", "-q", "delete_vhost", "lonja", check=False).returncode == 0, "RabbitMQ answers")
    for user in ("lonja", "lonja-bridge"):
        host.run("rabbitmqctl", "-q", "delete_user", user)
    host.sh("cd / && runuser -u postgres -- dropdb lonja && runuser -u postgres -- dropuser lonja")

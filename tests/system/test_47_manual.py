# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""An operator follows lonja(7), command by command."""

import contextlib
import socket
import ssl

import pytest
import requests

from certificates import Authority
from manual import displays, edit, revert, section
from market import restart_broker

HERE, STRANGER = "192.0.2.10", "198.51.100.77"  # the manual's example, and somebody outside it


@pytest.fixture
def addresses(host):
    """This host on two networks."""
    for address in (HERE, STRANGER):
        host.run("ip", "address", "add", f"{address}/24", "dev", "lo")
    yield
    for address in (HERE, STRANGER):
        host.run("ip", "address", "del", f"{address}/24", "dev", "lo")


def test_first_steps(host, lonja):
    """the first product, and who may make it"""
    steps, _, member = displays(host, "FIRST STEPS")
    install, status, create, curl, journal = steps.splitlines()
    assert install == "apt install ./lonja_*.deb"
    host.sh(status)
    if lonja.ask("GET", "/api/products/A1").status_code == 404:
        host.sh(create)
    assert '"code":"A1"' in host.sh(curl).replace('": ', '":')
    assert "lonja-products" in host.sh(f"{journal} --no-pager")
    host.sh("id alice >/dev/null 2>&1 || useradd alice")
    host.sh(member)
    assert "lonja-admin" in host.sh("id -Gn alice").split()
    host.run("userdel", "alice")


def test_starting_and_stopping(host, lonja):
    """all doors close and open; a daemon that shall stay stays"""
    host.run("systemctl", "stop", "lonja")
    # who is awake finishes what it accepted
    host.wait(lambda: is_closed(lonja.daemons["products"].address("http")), "the door is closed")
    host.run("systemctl", "start", "lonja")
    daemon = lonja.daemons["products"]
    with daemon.configured("[Service]\nIdleExitSec=0\n"):
        host.run("systemctl", "enable", "--now", daemon.unit)
        assert daemon.is_awake
        host.run("systemctl", "disable", daemon.unit)
    assert requests.get(lonja.url("products", "/healthz"), timeout=60).status_code == 200


def is_closed(address):
    try:
        socket.create_connection(address, timeout=60).close()
    except ConnectionRefusedError:
        return True
    return False


def test_the_ports_are_told(host, lonja):
    """every door has its line among the ports, with its address, and no other has"""
    told = {}
    address = None
    for line in section(host, "PORTS").splitlines():
        if line.startswith(".It "):
            address = line.removeprefix(".It ")
        elif line.startswith(".Pa lonja-"):
            told[line.removeprefix(".Pa ").split()[0]] = address
    assert told == {name: unit.streams[0] for name, unit in lonja.unit_files[0].items()
                    if unit.streams and ":" in unit.streams[0] and "@." not in name}


def ping(door, source):
    with socket.create_connection(door, timeout=5, source_address=(source, 0)) as device:
        device.settimeout(60)
        device.sendall(b"PING++{}+\n")
        return device.recv(100)


def test_opening_a_door(host, lonja, addresses):
    """a door beyond this host lets in the network that it names, and nobody else"""
    _, drop_in, restart = displays(host, "OPENING A DOOR BEYOND THIS HOST")
    unit = "lonja-bridge.socket"
    try:
        edit(host, unit, drop_in)
        host.sh(restart)
        assert ping((HERE, 5000), HERE).startswith(b"JSON+PONG+")
        with pytest.raises(TimeoutError):
            ping((HERE, 5000), STRANGER)
    finally:
        revert(host, unit)
        host.sh(restart)
    assert ping(("127.0.0.1", 5000), "127.0.0.1").startswith(b"JSON+PONG+")


def serial_of(address, authority):
    context = ssl.create_default_context(cafile=authority.file)
    with socket.create_connection(address, timeout=120) as plain, context.wrap_socket(plain, server_hostname=address[0]) as s:
        s.sendall(b"GET /healthz HTTP/1.0\r\n\r\n")
        assert s.recv(100).startswith(b"HTTP/1.1 200")
        return s.getpeercert()["serialNumber"]


def test_tls(host, lonja, tmp_path):
    """a certificate opens the door for TLS; the next one is served after a restart that refuses nobody"""
    opening, renewing = displays(host, "TLS")
    folder = opening.splitlines()[0].removeprefix("cd ")
    authority = Authority(tmp_path)
    daemon = lonja.daemons["products"]
    serials = []
    try:
        for script in (opening, "\n".join(opening.splitlines()[:3]) + "\n" + renewing):
            certificate, key = authority.issue("127.0.0.1")
            host.write(f"{folder}/fullchain.pem", certificate)
            host.write(f"{folder}/privkey.pem", key)
            host.sh(f"set -e\n{script}")
            serials.append(serial_of(daemon.address("https"), authority))
    finally:
        host.run("systemctl", "disable", "--now", "lonja-products-https.socket")
        daemon.stop()
        host.sh("rm -f /etc/lonja/credentials/lonja/tls.*")
    assert len(set(serials)) == 2


def test_more_in_the_journal(host, lonja, began):
    """a drop-in makes one daemon talkative"""
    (more,) = displays(host, "LOGS")
    lonja.ask("GET", "/api/products")
    with contextlib.ExitStack() as undo:
        undo.callback(host.run, "systemctl", "try-reload-or-restart", "lonja-products")
        undo.callback(host.sh, "rm /etc/lonja/products.conf.d/90-debug.conf")
        host.sh(f"set -e\n{more}")
        lonja.ask("GET", "/api/products")
        host.wait(lambda: any(e.get("PRIORITY") == "7" for e in host.journal("-u", "lonja-products", since=began)), "a line")


def listeners(host):
    """{port: addresses} of the ports that RabbitMQ's package opens."""
    found = {}
    for line in host.sh("ss -Hltn").splitlines():
        address, _, port = line.split()[3].rpartition(":")
        if port in ("4369", "5672", "25672"):
            found.setdefault(port, set()).add(address)
    return found


def test_the_broker_stays_at_home(host, lonja):
    """RabbitMQ, as the manual tells, listens on this host only"""
    plain, environment, epmd = displays(host, "PORTS")
    files = {"/etc/rabbitmq/rabbitmq.conf": plain, "/etc/rabbitmq/rabbitmq-env.conf": environment}
    with contextlib.ExitStack() as undo:
        undo.callback(restart_broker, host)
        undo.enter_context(host.kept(*files))
        undo.callback(revert, host, "epmd.socket")
        for path, text in files.items():
            host.write(path, host.sh(f"cat {path} 2>/dev/null || :") + f"\n{text}")
        edit(host, "epmd.socket", epmd)
        restart_broker(host)
        host.run("lonja", "setup", timeout=600)
        assert listeners(host) == {port: {"127.0.0.1"} for port in ("4369", "5672", "25672")}
        host.wait(lambda: lonja.ask("GET", "/readyz").json()["status"] == "ok", "the daemon is connected again")

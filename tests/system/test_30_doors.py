# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Somebody knocks."""

import glob
import os

import pytest

import units

SYSTEMD = os.path.join(os.path.dirname(os.path.abspath(__file__)), "../../systemd")
SOCKETS = [units.SocketUnit(units.UnitFile(path)) for path in sorted(glob.glob(os.path.join(SYSTEMD, "*.socket")))
           if not path.endswith("@.socket")]
DOORS = [s for s in SOCKETS if s.is_default]

pytestmark = pytest.mark.anywhere


@pytest.mark.parametrize("door", DOORS, ids=lambda s: s.name)
def test_a_knock_wakes(host, lonja, door):
    """whoever knocks wakes the daemon behind it"""
    daemon = next(d for d in lonja.daemons.values() if d.unit == door.service)
    daemon.stop()
    daemon.knock(door.fd_name)
    daemon.wait_awake()
    assert host.show(daemon.unit, "NRestarts") == "0"


@pytest.mark.parametrize("door", [s for s in DOORS if s.fd_name == "http"], ids=lambda s: s.name)
def test_curl(host, lonja, door):
    """curl gets health, readiness, metrics and the interface's description from a daemon that slept"""
    daemon = next(d for d in lonja.daemons.values() if d.unit == door.service)
    daemon.stop()
    url = lonja.url(daemon.word)
    host.run("curl", "-fsS", f"{url}/healthz")
    host.run("curl", "-fsS", "--retry", "20", f"{url}/readyz")
    assert "# TYPE " in host.run("curl", "-fsS", f"{url}/metrics").stdout
    assert '"openapi":' in host.run("curl", "-fsS", f"{url}/api/schema").stdout.replace('" :', '":')


def test_nc(host, lonja):
    """nc wakes the bridge, and the bridge the catalogue"""
    lonja.make_product("NC1")
    lonja.daemons["bridge"].stop()
    lonja.daemons["products"].stop()
    ask = """printf 'GET+PRODUCT+{"code":"NC1"}+once=true\\n' | nc -N -w 60 127.0.0.1 5000"""
    assert host.sh(ask).startswith('JSON+PRODUCT+{"code":"NC1"')
    assert lonja.daemons["products"].is_awake


def test_an_operator_needs_no_password(host, lonja):
    """a member of lonja-admin administers; anybody else is refused"""
    host.sh("id alice >/dev/null 2>&1 || useradd -G lonja-admin alice; id mallory >/dev/null 2>&1 || useradd mallory")
    command = ["lonja", "products", "list", "--json"]
    create = ["lonja", "products", "create", "buying_price=1", "selling_price=2", "description=x", "--json"]
    host.run("runuser", "-u", "alice", "--", *create)
    host.run("runuser", "-u", "mallory", "--", *command)
    refused = host.run("runuser", "-u", "mallory", "--", *create, check=False)
    assert refused.returncode != 0
    host.sh("userdel alice; userdel mallory")


def test_a_daemon_leaves_when_idle(lonja):
    """a daemon that nobody needs leaves, its doors stay, and the next client is served"""
    daemon = lonja.daemons["products"]
    with daemon.configured("[Service]\nIdleExitSec=1\n"):
        daemon.stop()
        assert lonja.ask("GET", "/api/products").status_code == 200
        daemon.wait_asleep()
        assert lonja.ask("GET", "/api/products").status_code == 200

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The servers move to other hosts, over TLS, as lonja(7) tells.

The other hosts are addresses of this one. PostgreSQL there is a cluster of its own; RabbitMQ is the same broker, which has
forgotten all that setup made in it and listens with TLS."""

import contextlib
import re
import secrets
import socket

import pytest

from certificates import Authority
from manual import displays
from market import restart_broker

TITLE = "SERVERS ON OTHER HOSTS"
DB, MQ = ("db.example.org", "198.51.100.10"), ("mq.example.org", "198.51.100.11")
CLUSTER = "elsewhere"
FOLDER = f"/etc/postgresql/15/{CLUSTER}"
SOCKETS = "/run/postgresql-elsewhere"
AUTHORITIES = "/etc/ssl/certs/ca-certificates.crt"
BROKER_CONF = "/etc/rabbitmq/rabbitmq.conf"
BROKER_FILES = {"crt": "/etc/rabbitmq/elsewhere.crt", "key": "/etc/rabbitmq/elsewhere.key"}
PASSWORDS = {key: secrets.token_hex(16) for key in ("database", "amqp", "bridge")}


def give(host, owner, path, text):
    host.write(path, text)
    host.run("chown", f"{owner}:", path)
    host.run("chmod", "0600", path)


def psql(host, sql, database="lonja"):
    return host.run("runuser", "-u", "postgres", "--", "psql", "-XAtq", "-h", SOCKETS, "-d", database, "-v", "ON_ERROR_STOP=1",
                    input=sql).stdout.strip()


def make_database(host, authority, statements):
    host.sh(f"pg_createcluster 15 {CLUSTER} && install -d -o postgres -g postgres {SOCKETS}")
    for kind, text in zip(("crt", "key"), authority.issue(DB[0])):
        give(host, "postgres", f"{FOLDER}/server.{kind}", text)
    settings = {"port": "5432", "listen_addresses": DB[1], "unix_socket_directories": SOCKETS,
                "ssl_cert_file": f"{FOLDER}/server.crt", "ssl_key_file": f"{FOLDER}/server.key"}
    host.write(f"{FOLDER}/conf.d/elsewhere.conf", "".join(f"{key} = '{value}'\n" for key, value in settings.items()))
    hba = f"{FOLDER}/pg_hba.conf"
    host.write(hba, host.read(hba) + "hostssl lonja lonja 198.51.100.0/24 scram-sha-256\n")
    host.run("pg_ctlcluster", "15", CLUSTER, "start")
    psql(host, statements.replace("'...'", f"'{PASSWORDS['database']}'"), "postgres")


def drop_database(host):
    host.run("pg_dropcluster", "--stop", "15", CLUSTER, check=False)
    host.sh(f"rm -rf {SOCKETS}")


def make_broker(host, authority, commands):
    for path, text in zip(BROKER_FILES.values(), authority.issue(MQ[0])):
        give(host, "rabbitmq", path, text)
    host.write(BROKER_CONF, f"listeners.ssl.1 = {MQ[1]}:5671\nssl_options.certfile = {BROKER_FILES['crt']}\n"
               f"ssl_options.keyfile = {BROKER_FILES['key']}\n")
    for kind, name in (("vhost", "lonja"), ("user", "lonja"), ("user", "lonja-bridge")):
        host.run("rabbitmqctl", "-q", f"delete_{kind}", name)
    restart_broker(host)
    for user, key in (("lonja", "amqp"), ("lonja-bridge", "bridge")):
        commands = re.sub(rf"^(rabbitmqctl add_user {user})( +#.*)?$", rf"\1 <<<{PASSWORDS[key]}", commands, flags=re.M)
    host.sh(f"set -e\n{commands}")


def go_home(host):
    """As the manual tells."""
    host.sh("rm -f /etc/lonja/lonja.conf.d/50-setup.conf")
    assert "left to do" not in host.run("lonja", "setup", timeout=600).stdout


@pytest.fixture
def elsewhere(host, lonja, tmp_path):
    """Other hosts with the servers, made by their administrators."""
    statements, commands, _ = displays(host, TITLE)
    authority = Authority(tmp_path)
    with contextlib.ExitStack() as undo:
        undo.callback(go_home, host)
        undo.callback(restart_broker, host)
        undo.enter_context(host.kept("/etc/hosts", AUTHORITIES, BROKER_CONF, *BROKER_FILES.values()))
        for name, address in (DB, MQ):
            host.run("ip", "address", "add", f"{address}/32", "dev", "lo")
            undo.callback(host.run, "ip", "address", "del", f"{address}/32", "dev", "lo")
            host.write("/etc/hosts", host.read("/etc/hosts") + f"{address} {name}\n")
        host.write(AUTHORITIES, host.sh(f"cat {AUTHORITIES} 2>/dev/null || :") + f"\n{authority.read('ca.pem')}")
        undo.callback(drop_database, host)
        make_database(host, authority, statements)
        make_broker(host, authority, commands)
        yield


def test_servers_elsewhere(host, lonja, elsewhere):
    """lonja setup leads every daemon to them, over TLS only, and back; no password is in an argument or a unit"""
    _, _, setup = displays(host, TITLE)
    for key, password in PASSWORDS.items():
        setup = setup.replace(f"{key}=...", f"{key}={password}")
    assert "..." not in setup
    said = host.sh(f"set -e\n{setup}", timeout=600)
    assert "left to do" not in said, said
    assert host.run("lonja", "setup", timeout=600).stdout == "Nothing was to do: Lonja is set up.\n"

    see_a_change(lonja)
    assert psql(host, "SELECT count(*) > 0 AND bool_and(ssl) FROM pg_stat_ssl JOIN pg_stat_activity USING (pid)"
                " WHERE datname = 'lonja' AND client_addr IS NOT NULL") == "t"
    assert psql(host, "SELECT count(*) FROM product WHERE code = 'ELSEWHERE'") == "1"
    assert lonja.psql("SELECT count(*) FROM pg_stat_activity WHERE usename = 'lonja'", "postgres") == "0"
    connections = host.sh("rabbitmqctl -q list_connections user ssl host --no-table-headers").splitlines()
    assert {line.split()[0] for line in connections} == {"lonja", "lonja-bridge"}
    assert all(line.split()[1:] == ["true", MQ[1]] for line in connections), connections

    for password in PASSWORDS.values():
        told = host.run("/bin/bash", "-c", "grep -rlF --exclude-dir=credentials -f - /etc/lonja /etc/systemd"
                        " /proc/[0-9]*/cmdline /proc/[0-9]*/environ 2>/dev/null", input=password, check=False).stdout
        assert told == ""

    go_home(host)
    assert host.sh("ls /etc/systemd/system/lonja-*.service.d/50-setup.conf 2>/dev/null || :") == ""
    lonja.forget_session()
    assert lonja.ask("GET", "/api/products/ELSEWHERE").status_code == 404


def see_a_change(lonja):
    """A device sees a price change at once: catalogue, its database, the broker and the bridge are at work."""
    lonja.forget_session()
    lonja.make_product("ELSEWHERE")
    with socket.create_connection(lonja.daemons["bridge"].address("tcp"), timeout=120) as device:
        device.sendall(b'GET+PRODUCT+{"code":"ELSEWHERE"}+interval=3600\n')
        lines = device.makefile()
        assert lines.readline().startswith("JSON+PRODUCT+")
        lonja.host.wait(lambda: lonja.ask("GET", "/readyz").json()["status"] == "ok", "the catalogue has a broker")
        lonja.ask("PATCH", "/api/products/ELSEWHERE", json={"selling_price": "20.00"})
        # From its first event on nobody waits for the hour to be over.
        assert "20.00" in lines.readline()

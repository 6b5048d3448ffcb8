# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja setup against private servers, which it finds as it finds the host's: psql by $PGHOST, rabbitmqctl by $PATH."""

import json
import os
import shlex
import stat
import subprocess

import pika
import pytest
from postgres import Postgres
from rabbitmq import RabbitMQ, home

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build")
OK, FAILED, USAGE = range(3)


class Host:
    """What setup writes, below one directory."""

    def __init__(self, directory, pg=None, rmq=None):
        self.directory = directory
        self.bin = os.path.join(directory, "bin")
        os.makedirs(self.bin)
        # a PATH without the host's own servers
        for tool in ("env", "sh", "sed", "dirname", "basename", "readlink", "cat", "id", "erl"):
            self.link(tool)
        if pg:
            os.symlink("/usr/bin/psql", os.path.join(self.bin, "psql"))
            for tool in ("perl",):
                self.link(tool)
        if rmq:
            settings = " ".join(shlex.quote(f"{k}={v}") for k, v in rmq._environment().items())
            self.script("rabbitmqctl", f'exec env -i {settings} {home()}/sbin/rabbitmqctl -n {rmq.node} "$@"')
        self.env = {"PATH": self.bin, "LONJA_SQL_DIR": os.path.join(SOURCE, "sql"),
                    "PGHOST": pg.directory if pg else os.path.join(directory, "nowhere")}

    def link(self, tool):
        for folder in ("/usr/bin", "/bin"):
            if os.path.exists(f"{folder}/{tool}"):
                os.symlink(f"{folder}/{tool}", os.path.join(self.bin, tool))
                return

    def script(self, name, text):
        path = os.path.join(self.bin, name)
        with open(path, "w") as f:
            f.write(f"#!/bin/sh\n{text}\n")
        os.chmod(path, 0o755)

    def path(self, *names):
        return os.path.join(self.directory, *names)

    def read(self, *names):
        with open(self.path(*names)) as f:
            return f.read()

    def setup(self, *options, stdin="", env=None):
        return subprocess.run(
            [os.path.join(BUILD, "lonja"), "setup", "--config-dir", self.path("etc"), "--state-dir", self.path("var"),
             "--unit-dir", self.path("units"), *options],
            input=stdin, capture_output=True, text=True, env={**self.env, **(env or {})}, timeout=120)

    def answer(self, *options, **more):
        done = self.setup("--json", *options, **more)
        return done.returncode, json.loads(done.stdout)


@pytest.fixture
def make_host(tmp_path):
    return lambda **servers: Host(str(tmp_path / "host"), **servers)


@pytest.fixture
def servers(bench, pg_template):
    """Servers of the test's own, as fresh as after apt install; the session's know a role lonja already."""
    name = next(bench.names)
    with Postgres(bench.path(f"su{name}"), template=pg_template) as pg, RabbitMQ(bench.path(f"sr{name}")) as rmq:
        rmq.ctl("delete_vhost", rmq.vhost)
        rmq.ctl("delete_user", "lonja")
        yield pg, rmq


def may(rmq, user, password):
    credentials = pika.PlainCredentials(user, password)
    return pika.BlockingConnection(pika.ConnectionParameters("127.0.0.1", rmq.port, "lonja", credentials))


def test_local_servers(make_host, servers):
    pg, rmq = servers
    host = make_host(pg=pg, rmq=rmq)
    done = host.setup()
    assert done.returncode == OK, done.stdout + done.stderr
    assert "left to do" not in done.stdout

    # what it made, it wrote down
    assert host.read("var", "setup.state").splitlines()[1:] == [
        "database=lonja", "role=lonja", "vhost=lonja", "broker_users=lonja lonja-bridge"]
    assert pg.psql("SELECT pg_get_userbyid(datdba), pg_encoding_to_char(encoding) FROM pg_database"
                   " WHERE datname = 'lonja'") == "lonja|UTF8"
    assert int(pg.psql("SELECT count(*) FROM product", "lonja")) == 0
    assert pg.psql("SELECT rolsuper, rolcreatedb FROM pg_roles WHERE rolname = 'lonja'") == "f|f"

    # secrets are in files that only their owner reads, and nowhere else
    secrets = [host.read("etc/credentials", user, "amqp.password").strip() for user in ("lonja", "lonja-bridge")]
    assert secrets[0] != secrets[1] and all(len(s) == 48 for s in secrets)
    for user in ("lonja", "lonja-bridge"):
        path = host.path("etc/credentials", user, "amqp.password")
        assert stat.S_IMODE(os.stat(path).st_mode) == 0o600
        assert stat.S_IMODE(os.stat(os.path.dirname(path)).st_mode) == 0o700
    told = done.stdout + done.stderr + host.read("etc/lonja.conf.d/50-setup.conf") + host.read(
        "etc/bridge.conf.d/50-setup.conf")
    assert not any(s in told for s in secrets)
    assert "Conninfo=dbname=lonja user=lonja host=" in host.read("etc/lonja.conf.d/50-setup.conf")
    assert "Uri=amqp://lonja-bridge@127.0.0.1:5672/lonja" in host.read("etc/bridge.conf.d/50-setup.conf")
    assert not os.path.exists(host.path("units"))

    # the users can do their work, and the bridge no more than that
    with may(rmq, "lonja", secrets[0]) as connection:
        channel = connection.channel()
        channel.exchange_declare("lonja.events", "topic", durable=True)
        channel.queue_declare("lonja.tasks.products", durable=True)
    with may(rmq, "lonja-bridge", secrets[1]) as connection:
        channel = connection.channel()
        channel.exchange_declare("lonja.events", "topic", durable=True)
        queue = channel.queue_declare("", exclusive=True, auto_delete=True).method.queue
        channel.queue_bind(queue, "lonja.events", "product.*")
        channel.basic_consume(queue, lambda *_: None, auto_ack=True, exclusive=True)
        for forbidden in (lambda c: c.queue_declare("lonja.tasks.products", durable=True),
                          lambda c: c.basic_get("lonja.tasks.products"),
                          lambda c: (c.confirm_delivery(), c.basic_publish("lonja.events", "product.created", b"{}"))):
            with pytest.raises(pika.exceptions.ChannelClosedByBroker, match="ACCESS_REFUSED"):
                forbidden(connection.channel())

    # a second run finds nothing to do, also as the package's trigger calls it
    again = host.setup("--if-possible")
    assert (again.returncode, again.stdout) == (OK, "Nothing was to do: Lonja is set up.\n")
    # and repairs what is lost
    os.unlink(host.path("etc/credentials/lonja-bridge/amqp.password"))
    assert host.setup().returncode == OK
    with may(rmq, "lonja-bridge", host.read("etc/credentials/lonja-bridge/amqp.password").strip()):
        pass


def test_what_was_there_before_is_not_claimed(make_host, servers):
    pg, rmq = servers
    pg.create_database()
    rmq.ctl("add_vhost", "lonja")
    rmq.ctl("add_user", "lonja", "of-somebody-else")
    host = make_host(pg=pg, rmq=rmq)
    code, answer = host.answer()
    assert code == FAILED
    assert len(answer["left"]) == 1 and "was made by somebody else" in answer["left"][0]
    assert host.read("var/setup.state").splitlines()[1:] == ["broker_users=lonja-bridge"]
    # with its password it is taken as it is
    code, answer = host.answer("--passwords", stdin="amqp=of-somebody-else\n")
    assert (code, answer["left"]) == (OK, [])
    assert host.read("var/setup.state").splitlines()[1:] == ["broker_users=lonja-bridge"]


def test_without_servers(make_host):
    host = make_host()
    done = host.setup("--if-possible")
    assert done.returncode == OK
    assert "left to do: install PostgreSQL (apt install postgresql)" in done.stdout
    assert "left to do: install RabbitMQ (apt install rabbitmq-server)" in done.stdout
    assert not os.path.exists(host.path("var/setup.state"))
    assert host.setup().returncode == FAILED


def test_silent_tools_are_given_up(make_host):
    """A server that never answers must not hold up an installation."""
    host = make_host()
    host.link("sleep")
    host.script("psql", "sleep 600")
    host.script("rabbitmqctl", "echo no such node >&2; exit 69")
    done = host.setup("--if-possible")
    assert done.returncode == OK
    assert "it did not answer in time" in done.stdout
    assert "start RabbitMQ" in done.stdout and "no such node" in done.stdout


def test_the_schema_does_not_wait_for_the_broker(make_host, servers):
    """rabbitmqctl may take all the time that there is."""
    pg, _ = servers
    host = make_host(pg=pg)
    host.script("rabbitmqctl", f"""psql -XAtU postgres -c 'SELECT count(*) FROM product' lonja >'{host.path("seen")}'; exit 69""")
    code, answer = host.answer()
    assert code == FAILED
    assert "migrated the database" in answer["done"]
    assert host.read("seen") == "0\n"


def test_remote_servers(make_host, servers):
    pg, rmq = servers
    conninfo = pg.create_database()
    host = make_host(pg=pg, rmq=rmq)
    code, answer = host.answer("--database", conninfo + " application_name=elsewhere", "--amqp",
                               "amqps://shop@192.0.2.7/market", "--passwords",
                               stdin="database=one\namqp=two\nbridge=three\n")
    assert (code, answer["left"]) == (OK, [])
    assert host.read("etc/credentials/lonja/database.password") == "one\n"
    assert host.read("etc/credentials/lonja/amqp.password") == "two\n"
    assert host.read("etc/credentials/lonja-bridge/amqp.password") == "three\n"
    assert "Uri=amqps://shop@192.0.2.7/market" in host.read("etc/lonja.conf.d/50-setup.conf")
    assert "Uri=amqps://lonja-bridge@192.0.2.7:5671/market" in host.read("etc/bridge.conf.d/50-setup.conf")
    assert "IPAddressAllow=192.0.2.7\n" in host.read("units/lonja-bridge.service.d/50-setup.conf")
    assert "IPAddressAllow=192.0.2.7\n" in host.read("units/lonja-products.service.d/50-setup.conf")
    assert not os.path.exists(host.path("units/lonja-db.service.d"))
    # nothing was made, and a later run keeps the choice without being told again
    assert not os.path.exists(host.path("var/setup.state"))
    code, answer = host.answer("--if-possible")
    assert (code, answer) == (OK, {"done": [], "left": []})
    assert "lonja" not in rmq.ctl("list_vhosts").split()
    # back to this host's broker: the hole in the services' walls is closed again
    code, answer = host.answer("--amqp", "amqp://lonja@127.0.0.1:5672/lonja")
    assert code == OK
    assert not os.path.exists(host.path("units/lonja-bridge.service.d/50-setup.conf"))


@pytest.mark.parametrize("options", [
    ("--amqp", "amqp://lonja:secret@127.0.0.1/lonja"),
    ("--amqp", "http://127.0.0.1"),
    ("--database", "dbname=lonja password=secret"),
    ("--database", "colour=red"),
])
def test_wrong_command_lines(make_host, options):
    done = make_host().setup(*options)
    assert (done.returncode, done.stdout) == (USAGE, "")
    assert "secret" not in done.stderr


def test_root_only(make_host):
    if os.geteuid() != 0:
        done = subprocess.run([os.path.join(BUILD, "lonja"), "setup"], capture_output=True, text=True)
        assert done.returncode == 6
        assert "root" in done.stderr

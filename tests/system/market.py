# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Lonja as it is installed on a host: its units, doors and clients."""

import contextlib
import functools
import socket
import uuid

import requests

import units

UNIT_DIR = "/lib/systemd/system"
NO_DAEMONS = {"lonja", "lonja-db", "lonja-sweep"}
SERVERS = ["postgresql", "rabbitmq-server"]


def restart_broker(host):
    """With Erlang's port mapper, whose configuration may be another now."""
    host.sh("systemctl stop rabbitmq-server; systemctl stop epmd.service; systemctl restart epmd.socket &&"
            " systemctl start rabbitmq-server && rabbitmqctl -q await_startup", timeout=600)


class Daemon:
    def __init__(self, market, word, service, doors):
        self.market, self.word, self.service = market, word, service
        self.doors = doors  # by the descriptor's name
        self.unit = f"lonja-{word}.service"

    def __repr__(self):
        return self.word

    @property
    def pid(self):
        return self.market.host.pid(self.unit)

    @property
    def is_awake(self):
        return self.market.host.show(self.unit, "ActiveState") == "active"

    def stop(self):
        self.market.host.run("systemctl", "stop", self.unit)

    def try_restart(self):
        self.market.host.run("systemctl", "try-restart", self.unit)

    @contextlib.contextmanager
    def configured(self, text):
        """With options of the story's own, in force from the next start on."""
        file = f"/etc/lonja/{self.word}.conf.d/90-story.conf"
        self.market.host.write(file, text)
        try:
            yield
        finally:
            self.market.host.remove(file)
            self.try_restart()

    def wait_awake(self):
        self.market.host.wait(lambda: self.is_awake, f"lonja-{self.word} is awake")

    def wait_asleep(self):
        """Left by itself, and well."""
        self.market.host.wait(lambda: not self.is_awake, f"lonja-{self.word} leaves")
        assert self.market.host.show(self.unit, "Result") == "success"

    def address(self, name):
        """(host, port) of a TCP door."""
        host, _, port = self.doors[name].streams[0].rpartition(":")
        return host.strip("[]") or "127.0.0.1", int(port)

    def knock(self, name):
        """As whoever needs it would: anything that a door takes wakes the daemon."""
        door = self.doors[name]
        if door.datagrams:
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.sendto(b"", self.market.host.path(door.datagrams[0]))
        elif door.streams[0].startswith("/"):
            with socket.socket(socket.AF_UNIX) as s:
                s.connect(self.market.host.path(door.streams[0]))
        else:
            socket.create_connection(self.address(name), timeout=60).close()


class Market:
    def __init__(self, host, packages):
        self.host, self.packages = host, packages
        self._token = None

    # ---- the package ----

    @property
    def version(self):
        """Of the installed package, or None."""
        done = self.host.run("dpkg-query", "-W", "-f=${db:Status-Abbrev}${Version}", "lonja", check=False)
        return done.stdout[2:].strip() if done.returncode == 0 and done.stdout.startswith("ii") else None

    def install(self, which="old", *options):
        self._forget()
        return self.host.apt("install", *options, self.packages[which])

    def purge(self):
        self._forget()
        return self.host.apt("purge", "lonja")

    def _forget(self):
        self.__dict__.pop("daemons", None)
        self.__dict__.pop("unit_files", None)
        self.forget_session()

    def ensure_well(self):
        if self.version is None:
            assert self.packages, "the package is not installed"
            self.install()
        if self._is_well():
            return
        self.host.run("systemctl", "start", "lonja", *SERVERS)
        self.host.wait(lambda: self.host.run("rabbitmqctl", "-q", "status", check=False).returncode == 0, "RabbitMQ answers")
        self.host.run("lonja", "setup")
        self.host.wait(self._is_well, "all is well")

    def _is_well(self):
        return self.host.run("lonja", "status", check=False).returncode == 0

    # ---- units, as installed ----

    @functools.cached_property
    def unit_files(self):
        """(sockets, services, timers) by name."""
        return units.load([self.host.path(UNIT_DIR)], prefix="lonja")

    @functools.cached_property
    def daemons(self):
        sockets, services, _ = self.unit_files
        found = {}
        for name in services:
            stem = name.removesuffix(".service")
            if stem in NO_DAEMONS:
                continue
            doors = {s.fd_name: s for s in sockets.values() if s.service == name}
            word = stem.removeprefix("lonja-")
            found[word] = Daemon(self, word, units.ServiceUnit(services[name]), doors)
        return found

    # ---- clients ----

    def url(self, word, path=""):
        host, port = self.daemons[word].address("http")
        return f"http://{host}:{port}{path}"

    @property
    def token(self):
        """Of a session that may do everything; the user is made as an operator would, anew after each installation, for
        a database that was kept or restored still has the one before."""
        if self._token is None:
            name, password = f"story-{uuid.uuid4().hex[:8]}", "a long password"
            self.host.run("lonja", "user", "add", name, "--scopes", "read,write,admin", input=f"{password}\n")
            answer = requests.post(self.url("products", "/api/sessions"), timeout=60,
                                   json={"username": name, "password": password})
            assert answer.status_code in (200, 201), answer.text
            self._token = answer.json()["token"]
        return self._token

    def forget_session(self):
        """The next one is made in the database that is used now."""
        self._token = None

    def ask(self, method, path, *, word="products", headers=None, **options):
        headers = {"Authorization": f"Bearer {self.token}", **(headers or {})}
        return requests.request(method, self.url(word, path), headers=headers, timeout=60, **options)

    def make_product(self, code, **fields):
        body = {"code": code, "buying_price": "9.00", "selling_price": "12.50", "description": "Olive oil", **fields}
        answer = self.ask("POST", "/api/products", json=body)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def psql(self, sql, database="lonja"):
        return self.host.run("runuser", "-u", "postgres", "--", "psql", "-XAtqd", database, "-v", "ON_ERROR_STOP=1",
                             input=sql).stdout.strip()

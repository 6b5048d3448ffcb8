# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A whole Lonja on private servers: PostgreSQL, RabbitMQ, a migrated database, configuration, the socket holder.

Tests, benches and ./dev up all stand on this one. Everything lives below one directory with a short name (the path of
a Unix socket has at most 107 bytes)."""

import base64
import http.client
import json
import os
import secrets
import shutil
import socket
import subprocess
import sys
import time

import holder
from postgres import Postgres
from process import Process, StartError, tail
from rabbitmq import RabbitMQ

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
ADMIN = "admin"
SCOPES = {"read": 1, "write": 2, "admin": 7}
# Credential folders by the users that the units run as.
CREDENTIAL_USERS = ("lonja", "lonja-bridge")
# Shipped disabled, for want of a certificate.
TLS_SOCKETS = ("lonja-products-https.socket", "lonja-bridge-tcps.socket", "lonja-scheduler-https.socket",
               "lonja-gateway-https.socket",
               "lonja-gateway-grpcs.socket", "lonja-notifier-https.socket")


class AdminConnection(http.client.HTTPConnection):
    """HTTP over the admin socket: who can connect to it is admin."""

    def __init__(self, path, timeout=30):
        super().__init__("localhost", timeout=timeout)
        self.path = path

    def connect(self):
        self.sock = socket.socket(socket.AF_UNIX)
        self.sock.settimeout(self.timeout)
        self.sock.connect(self.path)


class Daemon:
    """One daemon as the holder sees it."""

    def __init__(self, stack, word):
        self.stack = stack
        self.word = word

    def describe(self):
        return self.stack.status()["services"][f"lonja-{self.word}.service"]

    @property
    def pid(self):
        return self.describe()["pid"]

    @property
    def state(self):
        return self.describe()["state"]

    @property
    def log(self):
        return os.path.join(self.stack.log_dir, f"lonja-{self.word}.log")

    def start(self):
        self._ask("start")
        return self.wait_ready()

    def stop(self):
        """SIGTERM, and waits until it has left; the doors stay open."""
        self._ask("stop")
        return self.wait("inactive")

    def restart(self):
        self._ask("restart")
        return self.wait_ready()

    def signal(self, name):
        """ "TERM", "HUP", "KILL", "STOP", "CONT", ... """
        self._ask("signal", name)

    def kill9(self):
        self.signal("KILL")

    def pause(self):
        self.signal("STOP")

    def cont(self):
        self.signal("CONT")

    def wait(self, state, timeout=30):
        return self._ask("wait", state, str(timeout))

    def wait_ready(self, timeout=30):
        return self.wait("active", timeout)

    def _ask(self, command, *args):
        return holder.ask(self.stack.run_dir, command, self.word, *args)


class Stack:
    """`config` overrides the generated one: {"products": {"HTTP": {"MaxBody": "1K"}}, "lonja": {...}}.

    `pg` and `rmq`: servers to share; None makes own ones.  `ports`: "free" or "default" (the units' own if free)."""

    def __init__(self, directory, *, build=None, pg=None, rmq=None, database="lonja", vhost="lonja", config=None,
                 tls=False, ports="free", sweep_sec=None, env=None, user=None, tied=True, pg_options=None):
        self.directory = os.path.abspath(directory)
        self.build = os.path.abspath(build or os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build"))
        self.config_dir = os.path.join(self.directory, "etc")
        self.run_dir = os.path.join(self.directory, "run")
        self.log_dir = os.path.join(self.directory, "log")
        self.own_pg, self.own_rmq = pg is None, rmq is None
        self.pg = pg or Postgres(os.path.join(self.directory, "pg"), tied=tied, **(pg_options or {}))
        self.rmq = rmq or RabbitMQ(os.path.join(self.directory, "rmq"), vhost=vhost, tied=tied,
                                   user="rabbitmq" if user else None)
        self.database_name, self.vhost = database, vhost
        self.config = config or {}
        self.tls, self.ports, self.sweep_sec, self.env = tls, ports, sweep_sec, env or {}
        self.user, self.tied = user, tied
        self.holder = None
        self._token = None
        self._doors = None

    # Life

    def start(self):
        for folder in (self.config_dir, self.run_dir, self.log_dir):
            os.makedirs(folder, exist_ok=True)
        os.chmod(self.directory, 0o711)  # the servers' users pass through it
        if self.own_rmq:
            self.rmq.start()
        elif self.vhost != self.rmq.vhost:
            self.rmq.create_vhost(self.vhost)
        if self.own_pg:
            self.pg.start()
        self._make_database()
        self.start_holder()
        return self

    def stop(self):
        """Its own servers end; of shared ones it leaves no part behind, since each queue and table there costs them time."""
        self.stop_holder()
        if self.own_rmq:
            self.rmq.stop()
        elif self.vhost != self.rmq.vhost:
            self.rmq.delete_vhost(self.vhost)
        if self.own_pg:
            self.pg.stop()
        else:
            self.pg.drop_database(self.database_name)

    def _make_database(self):
        if self.pg.migrated:
            self.pg.create_database(self.database_name, self.pg.migrated)
            return
        self.pg.create_database(self.database_name)
        self.migrate()
        if not self.own_pg:  # the next ones
            self.pg.migrated = "lonja_migrated"
            self.pg.create_database(self.pg.migrated, self.database_name)

    def start_holder(self):
        self._write_config()
        argv = [sys.executable, os.path.join(SOURCE, "tests/lib/holder.py"), "run",
                "--build", self.build, "--config-dir", self.config_dir, "--runtime-dir", self.run_dir,
                "--log-dir", self.log_dir, "--ports", self.ports]
        for folder in (os.path.join(SOURCE, "systemd"), os.path.join(self.build, "systemd")):
            if os.path.isdir(folder):
                argv += ["--units", folder]
        if self.tls:
            for name in TLS_SOCKETS:
                argv += ["--enable", name]
        if self.sweep_sec:
            argv += ["--sweep-sec", str(self.sweep_sec)]
        if self.user:
            argv += ["--user", self.user]
        for key, value in self.env.items():
            argv += ["--env", f"{key}={value}"]
        log = os.path.join(self.log_dir, "holder.log")
        self.holder = Process.start(argv, log=log, tied=self.tied, death_signal="TERM")
        self.holder.write(os.path.join(self.run_dir, "holder.pid"))
        self._wait_holder(log)
        self._doors = None
        self._write_config()

    def _wait_holder(self, log):
        control = os.path.join(self.run_dir, holder.CONTROL_NAME)
        for _ in range(1000):
            if os.path.exists(control):
                try:
                    return holder.ask(self.run_dir, "status")
                except OSError:
                    pass
            if not self.holder.is_alive():
                break
            time.sleep(0.01)
        raise StartError(f"the holder did not come up:\n{tail(log)}")

    def stop_holder(self):
        if self.holder is not None and self.holder.is_alive():
            holder.ask(self.run_dir, "quit")
            if not self.holder.wait(120):
                self.holder.signal(9)

    # Configuration

    def _write_config(self):
        merged = {
            "lonja": {
                "Database": {"Conninfo": self.database},
                "Broker": {"Uri": f"amqp://lonja@127.0.0.1:{self.rmq.port}/{self.vhost}"},
            }
        }
        if self.holder is not None and self.products_url:
            merged["bridge"] = {"Bridge": {"ProductsUrl": self.products_url}}
        merged["notifier"] = {"Notifier": {"DashboardDir": self.www_dir}}
        for word, sections in self.config.items():
            for section, keys in sections.items():
                merged.setdefault(word, {}).setdefault(section, {}).update(keys)
        for word, sections in merged.items():
            with open(os.path.join(self.config_dir, f"{word}.conf"), "w") as f:
                for section, keys in sections.items():
                    f.write(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()))
        for user in CREDENTIAL_USERS:
            folder = os.path.join(self.config_dir, "credentials", user)
            os.makedirs(folder, mode=0o700, exist_ok=True)
            self._secret(os.path.join(folder, "amqp.password"), self.rmq.password)
            if self.tls:
                self._make_certificate()
                for name in ("tls.crt", "tls.key"):
                    shutil.copy(os.path.join(self.directory, name), os.path.join(folder, name))

    def _secret(self, path, text):
        with open(os.open(path, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "w") as f:
            f.write(text + "\n")

    @property
    def ca_file(self):
        """What TLS clients should trust: the certificate is its own authority."""
        return os.path.join(self.directory, "tls.crt")

    def _make_certificate(self):
        if os.path.exists(self.ca_file):
            return
        subprocess.run(
            ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
             "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
             "-keyout", os.path.join(self.directory, "tls.key"), "-out", self.ca_file],
            check=True, capture_output=True, stdin=subprocess.DEVNULL)

    @property
    def www_dir(self):
        """The dashboard: copied beside the programs by ./dev up, else as it is in the source."""
        copied = os.path.join(self.build, "www")
        return copied if os.path.exists(os.path.join(copied, "index.html")) else os.path.join(SOURCE, "www")

    def configure(self, config):
        """Replaces the overrides and writes the files; `reload` or restart makes daemons see them."""
        self.config = config
        self._write_config()

    # Database

    @property
    def database(self):
        return self.pg.conninfo(self.database_name)

    def psql(self, sql):
        return self.pg.psql(sql, self.database_name)

    def migrate(self):
        self._write_config()
        self.run("db", "migrate")

    # Addresses

    def status(self):
        return holder.ask(self.run_dir, "status")

    def _door(self, word, name):
        if self._doors is None:
            self._doors = self.status()["services"]
        service = self._doors.get(f"lonja-{word}.service")
        if service is None:
            raise StartError(f"lonja-{word} is not built in {self.build}")
        if name not in service["sockets"]:
            raise StartError(f"lonja-{word} has no socket {name!r}")
        return service["sockets"][name][0]

    @property
    def products_url(self):
        try:
            return f"http://{self._door('products', 'http')}"
        except StartError:
            return ""

    @property
    def products_tls_url(self):
        return f"https://{self._door('products', 'https')}"

    @property
    def gateway_url(self):
        return f"http://{self._door('gateway', 'http')}"

    @property
    def gateway_grpc(self):
        return self._host_port("gateway", "grpc")

    @property
    def gateway_grpc_tls(self):
        return self._host_port("gateway", "grpcs")

    @property
    def gateway_tls_url(self):
        return f"https://{self._door('gateway', 'https')}"

    @property
    def scheduler_url(self):
        return f"http://{self._door('scheduler', 'http')}"

    def _host_port(self, word, name):
        host, _, port = self._door(word, name).rpartition(":")
        return host, int(port)

    @property
    def notifier_url(self):
        return f"http://{self._door('notifier', 'http')}"

    @property
    def notifier_tls_url(self):
        return f"https://{self._door('notifier', 'https')}"

    @property
    def bridge(self):
        return self._host_port("bridge", "tcp")

    @property
    def bridge_tls(self):
        return self._host_port("bridge", "tcps")

    @property
    def admin_socket(self):
        return self._door("products", "admin")

    @property
    def bell(self):
        return self._door("products", "bell")

    @property
    def amqp_url(self):
        return self.rmq.url(self.vhost)

    def daemon(self, word):
        return Daemon(self, word)

    def command(self, *args):
        """Command line and environment of the lonja command on this stack, for those who start it themselves."""
        env = {**os.environ, "LONJA_RUNTIME_DIR": self.run_dir, "LONJA_SQL_DIR": os.path.join(SOURCE, "sql")}
        env.pop("LONJA_TOKEN", None)
        if self.holder is not None:
            try:
                env["LONJA_BRIDGE"] = "{}:{}".format(*self.bridge)
                env["LONJA_GATEWAY_GRPC"] = "{}:{}".format(*self.gateway_grpc)
                env["LONJA_NOTIFIER_URL"] = self.notifier_url
            except StartError:
                pass
        return [os.path.join(self.build, "lonja"), "--config-dir", self.config_dir, *args], env

    def run(self, *args, check=True, env=None, **options):
        """The lonja command on this stack; `input` is what it reads from stdin."""
        argv, own_env = self.command(*args)
        if "input" not in options:
            options["stdin"] = subprocess.DEVNULL
        done = subprocess.run(argv, capture_output=True, text=True, env={**own_env, **(env or {})}, **options)
        if check and done.returncode != 0:
            raise RuntimeError(f"lonja {' '.join(args)}: exit {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    # Accounts

    def admin(self, method, path, body=None, headers=None):
        """One request over the admin socket: (status, decoded body)."""
        connection = AdminConnection(self.admin_socket)
        try:
            text = json.dumps(body) if body is not None else None
            connection.request(method, path, text, {"Content-Type": "application/json", **(headers or {})})
            answer = connection.getresponse()
            data = answer.read()
            return answer.status, json.loads(data) if data else None
        finally:
            connection.close()

    def session(self, username, scopes="read write", password=None):
        """Makes the user if need be, logs in: a token.  Without a password nobody asks for, straight in the database: Argon2id
        is expensive by design, and a daemon need not wake."""
        if password is None:
            return self._insert_session(username, sum(SCOPES[scope] for scope in scopes.split()))
        status, body = self.admin("POST", "/api/users",
                                  {"username": username, "password": password, "scopes": scopes.split()})
        if status not in (200, 201):
            raise RuntimeError(f"POST /api/users: {status} {body}")
        status, body = self.admin("POST", "/api/sessions", {"username": username, "password": password})
        if status not in (200, 201):
            raise RuntimeError(f"POST /api/sessions: {status} {body}")
        return body["token"]

    def _insert_session(self, username, scopes):
        secret = secrets.token_bytes(32)
        self.psql(f"""
            INSERT INTO account (name, password, scopes) VALUES ('{username}', '*', {scopes}) ON CONFLICT DO NOTHING;
            INSERT INTO session (token_hash, account_id, scopes, address, expires_at)
            SELECT sha256('\\x{secret.hex()}'), id, scopes, 'tests', now() + interval '12 hours'
            FROM account WHERE name = '{username}'""")
        return "lj_" + base64.urlsafe_b64encode(secret).decode().rstrip("=")

    @property
    def token(self):
        """An admin session."""
        if self._token is None:
            self._token = self.session(ADMIN, "admin")
        return self._token

    def set_token(self, token):
        """One made earlier: an attached stack."""
        self._token = token

    def logs(self, lines=40):
        """The ends of all logs, for a failed test."""
        text = []
        for entry in sorted(os.listdir(self.log_dir)):
            text.append(f"--- {entry}\n{tail(os.path.join(self.log_dir, entry), lines)}")
        return "".join(text)

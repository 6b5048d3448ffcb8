# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A private PostgreSQL on a Unix socket. Root starts it as the user postgres."""

import glob
import os
import shutil
import signal
import subprocess

import psycopg2
from psycopg2.extensions import TRANSACTION_STATUS_IDLE, new_type, register_type, string_types
from process import Server, StartError

SUPERUSER = "postgres"
OWNER = "lonja"  # owner of the databases, as on a real host: not a superuser


def binary(name):
    """Debian keeps the server's programs out of PATH; the newest version wins."""
    found = sorted(glob.glob(f"/usr/lib/postgresql/*/bin/{name}"), key=lambda p: int(p.split("/")[4]))
    if not found:
        raise StartError(f"no PostgreSQL server here ({name} not found): apt install postgresql")
    return found[-1]


AS_TEXT = new_type(tuple(string_types), "AS_TEXT", lambda value, cursor: value)


class Sessions:
    """Sessions that are kept for the next question: a psql of its own for each costs fifty times the CPU."""

    def __init__(self):
        self.idle = {}  # conninfo: [connection]

    def take(self, conninfo):
        """One that is as new."""
        idle = self.idle.setdefault(conninfo, [])
        while idle:
            session = idle.pop()
            try:
                session.cursor().execute("DISCARD ALL")
                return session
            except psycopg2.Error:  # the server went away, or threw it out
                session.close()
        session = psycopg2.connect(conninfo, application_name="psql")
        session.autocommit = True
        register_type(AS_TEXT, session)
        return session

    def give_back(self, conninfo, session):
        if session.closed or session.get_transaction_status() != TRANSACTION_STATUS_IDLE:
            session.close()
        else:
            self.idle[conninfo].append(session)


class Postgres(Server):
    """`fsync` is for benches: kill -9 of the processes loses nothing without it, the kernel keeps the pages.
    synchronous_commit stays on, so an acknowledged commit has been written."""

    stop_signal = signal.SIGINT  # "fast": sessions are ended, no wait for clients

    def __init__(self, directory, *, fsync=False, settings=None, tied=True, template=None):
        super().__init__(directory, tied)
        self.settings = {
            "listen_addresses": "",
            "unix_socket_directories": self.directory,
            "fsync": "on" if fsync else "off",
            "synchronous_commit": "on",
            "max_connections": "200",
            "shared_buffers": "64MB",
            "max_wal_size": "512MB",
            "log_min_duration_statement": "5s",
            **(settings or {}),
        }
        self.user = SUPERUSER if os.geteuid() == 0 else None
        self.template = template
        self.sessions = Sessions()
        self.migrated = None  # a database to copy: the time of a migration for each

    @property
    def data(self):
        return os.path.join(self.directory, "data")

    def conninfo(self, database="lonja", user=OWNER):
        return f"host={self.directory} user={user} dbname={database}"

    def start(self):
        self._make()
        argv = [binary("postgres"), "-D", self.data]
        for key, value in self.settings.items():
            argv += ["-c", f"{key}={value}"]
        self._spawn(argv, death_signal="QUIT")
        self._wait_ready(self._is_ready)

    def _make(self):
        if os.path.exists(os.path.join(self.data, "PG_VERSION")):
            return
        os.makedirs(self.directory, exist_ok=True)
        if self.user is not None:
            shutil.chown(self.directory, self.user, self.user)
        if self.template is not None:
            self._as_user(["cp", "-a", self.template, self.data])
            return
        self._as_user([binary("initdb"), "-D", self.data, "-A", "trust", "-N", "-E", "UTF8", "--locale=C.UTF-8",
                       "-U", SUPERUSER])

    def _as_user(self, argv):
        if self.user is not None:
            argv = ["setpriv", f"--reuid={self.user}", f"--regid={self.user}", "--init-groups", "--"] + argv
        done = subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, text=True, cwd="/")
        if done.returncode != 0:
            raise StartError(f"{argv}: {done.stderr}")

    def _is_ready(self):
        """postmaster.pid: pid, data, start time, port, socket folder, address, shared memory, state."""
        try:
            with open(os.path.join(self.data, "postmaster.pid")) as f:
                lines = f.read().split("\n")
        except OSError:
            return False
        return len(lines) > 7 and lines[0] == str(self.pid) and lines[7].strip() == "ready"

    def psql(self, sql, database="postgres", user=SUPERUSER):
        """Runs SQL, several statements in one transaction; returns the rows of the last as psql's unaligned text."""
        conninfo = self.conninfo(database, user)
        try:
            session = self.sessions.take(conninfo)
            try:
                cursor = session.cursor()
                cursor.execute(sql)
                rows = cursor.fetchall() if cursor.description else []
            finally:
                self.sessions.give_back(conninfo, session)
        except psycopg2.Error as e:
            raise RuntimeError(f"psql: {e}") from e
        return "\n".join("|".join("" if value is None else value for value in row) for row in rows)

    def create_database(self, database="lonja", like="template1"):
        """A database that OWNER owns, empty or a copy; returns its conninfo."""
        self.psql(f"DO $$ BEGIN CREATE ROLE {OWNER} LOGIN; EXCEPTION WHEN duplicate_object THEN NULL; END $$;")
        self.psql(f"CREATE DATABASE {database} OWNER {OWNER} TEMPLATE {like};")
        return self.conninfo(database)

    def drop_database(self, database):
        self.psql(f"DROP DATABASE IF EXISTS {database} WITH (FORCE);")

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""src/pg against a real PostgreSQL: each test runs one story of pg-live and plays the world around it."""

import os
import re
import subprocess
import threading

import pytest
from postgres import Postgres
from process import free_port

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BUILD = os.path.abspath(os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build"))
TIMEOUT = 120

TABLES = """
CREATE TABLE thing (id bigint PRIMARY KEY);
CREATE TABLE parent (id bigint PRIMARY KEY);
CREATE TABLE child (id bigint REFERENCES parent DEFERRABLE INITIALLY DEFERRED);
CREATE TABLE pair (id int PRIMARY KEY, n int NOT NULL);
INSERT INTO pair VALUES (0, 0), (1, 0);
-- takes two locks in the order that deadlocks with its sibling; the second run finds them free
CREATE FUNCTION lock_two(first int) RETURNS void LANGUAGE plpgsql AS $$
BEGIN
    UPDATE pair SET n = n + 1 WHERE id = first;
    PERFORM pg_sleep(0.3);
    UPDATE pair SET n = n + 1 WHERE id = 1 - first;
END $$;
"""


def lonja(*args, **options):
    env = {**os.environ, "LONJA_SQL_DIR": os.path.join(SOURCE, "sql"), **options.pop("env", {})}
    return subprocess.run([os.path.join(BUILD, "lonja"), *args], stdin=subprocess.DEVNULL, capture_output=True,
                          text=True, env=env, timeout=TIMEOUT, **options)


def migrate(conninfo, *args):
    return lonja("db", "migrate", *args, env={"LONJA_DATABASE": conninfo})


class Story:
    """A running story: its lines, and a way to answer."""

    def __init__(self, conninfo, *args):
        self.process = subprocess.Popen([os.path.join(BUILD, "pg-live"), conninfo, *args], stdin=subprocess.PIPE,
                                        stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.timer = threading.Timer(TIMEOUT, self.process.kill)
        self.timer.start()

    def line(self):
        return self.process.stdout.readline().rstrip("\n")

    def until(self, wanted):
        heard = []
        while not heard or heard[-1] != wanted:
            line = self.line()
            if not line:
                pytest.fail(f"no {wanted!r} after {heard}: {self.process.stderr.read()}")
            heard.append(line)
        return heard

    def go_on(self):
        self.process.stdin.write("\n")
        self.process.stdin.flush()

    def end(self):
        out, err = self.process.communicate()
        self.timer.cancel()
        assert self.process.returncode == 0, err
        return out


@pytest.fixture
def database(pg, bench):
    """A migrated database of the test's own, with the stories' tables."""
    name = f"pg_{next(bench.names)}"
    conninfo = pg.create_database(name)
    done = migrate(conninfo)
    assert done.returncode == 0, done.stderr
    pg.psql(TABLES + "GRANT ALL ON ALL TABLES IN SCHEMA public TO lonja;", name)
    return conninfo


@pytest.fixture
def own(bench, pg_template):
    """A server to kill, with such a database: (server, conninfo)."""
    server = Postgres(bench.path(f"pg{next(bench.names)}"), template=pg_template)
    with server:
        conninfo = server.create_database("live")
        assert migrate(conninfo).returncode == 0
        server.psql(TABLES + "GRANT ALL ON ALL TABLES IN SCHEMA public TO lonja;", "live")
        yield server, conninfo


@pytest.mark.parametrize("story", [
    "pipelined", "isolated", "grouped", "grouped-in-time", "isolated-writes", "failing-commit", "read-only",
    "parameters", "large-results", "deallocated", "waiting-line", "deadline", "around-slow", "statement-timeout", "cancel",
    "exclusive-deadline", "deadlock", "pool-free", "transaction", "copy-in", "copy-out", "close-in-the-middle", "lease-wait",
])
def test_story(database, story):
    Story(database, story).end()


def test_by_name_over_tcp(bench, pg_template):
    """The name is looked up off the loop; everything else is as over a Unix socket."""
    port = free_port()
    server = Postgres(bench.path(f"pg{next(bench.names)}"), template=pg_template,
                      settings={"listen_addresses": "localhost", "port": str(port)})
    with server:
        socket = server.directory
        subprocess.run(["psql", "-Xq", "-h", socket, "-p", str(port), "-U", "postgres", "-c", "CREATE DATABASE live"],
                       check=True)
        conninfo = f"host=localhost port={port} user=postgres dbname=live"
        assert migrate(conninfo).returncode == 0
        for story in ("pipelined", "isolated", "copy-out", "cancel"):
            Story(conninfo, story).end()
        mixed = f"host=no-such-host.invalid,localhost port={port} user=postgres dbname=live"
        Story(mixed, "pipelined").end()


def test_name_that_does_not_exist():
    Story("host=no-such-host.invalid dbname=x", "no-server").end()


def test_without_a_server(bench):
    Story(f"host={bench.directory}/nowhere dbname=x", "no-server").end()


def test_schema_pending(pg, bench):
    """Jobs wait for the migration, and go on when it has come."""
    conninfo = pg.create_database(f"pg_{next(bench.names)}")
    story = Story(conninfo, "schema-pending")
    assert story.until("waiting") == ["pending", "waiting"]
    assert migrate(conninfo).returncode == 0
    assert story.until("up") == ["up"]
    story.end()


def test_schema_too_new(pg, database):
    name = database.rpartition("=")[2]
    pg.psql("INSERT INTO schema_migration VALUES (9999, 'from_the_future')", name)
    Story(database, "schema-too-new").end()
    status = lonja("--json", "db", "status", env={"LONJA_DATABASE": database})
    assert status.returncode == 1
    assert '"state":"too-new"' in status.stdout
    refused = migrate(database)
    assert refused.returncode == 1
    assert "newer" in refused.stderr


def test_server_hangs(own):
    server, conninfo = own
    story = Story(conninfo, "stalled")
    story.until("stop it")
    server.pause()
    story.go_on()
    story.until("go on")
    server.cont()
    story.end()


def test_server_killed_under_a_session(own):
    server, conninfo = own
    story = Story(conninfo, "session-loss")
    story.until("kill it")
    server.kill9()
    server.start()
    story.go_on()
    story.end()


def test_server_killed_again_and_again(own, scale):
    """No call-back twice or never; what was acknowledged is there, what was refused as never sent is not."""
    server, conninfo = own
    story = Story(conninfo, "load")
    story.until("running")
    lines = []
    reader = threading.Thread(target=lambda: lines.extend(story.process.stdout))
    reader.start()
    for _ in range(scale(3, 20)):
        n = int(server.psql("SELECT count(*) FROM thing", "live"))
        while int(server.psql("SELECT count(*) FROM thing", "live")) < n + 500:
            pass  # writes are going through, also after the last kill
        server.kill9()
        server.start()
    story.go_on()
    reader.join()
    story.timer.cancel()
    assert story.process.wait() == 0, story.process.stderr.read()

    told = {"acked": set(), "unknown": set()}
    for line in lines:
        found = re.match(r"(acked|unknown) (\d+)", line)
        if found:
            told[found.group(1)].add(int(found.group(2)))
    rows = {int(row) for row in server.psql("SELECT id FROM thing", "live").split()}
    print(f"{len(told['acked'])} acknowledged, {len(told['unknown'])} unknown, {len(rows)} rows")
    assert told["acked"] <= rows
    assert rows <= told["acked"] | told["unknown"]
    assert told["unknown"], "no kill hit a write under way"


def test_listen(own):
    """Hears while connected, says when it was deaf, hears again after a restart."""
    server, conninfo = own
    story = Story(conninfo, "listen")
    story.until("connected")
    server.psql("NOTIFY other, 'not for us'; NOTIFY story, 'one'; NOTIFY story, 'two'; NOTIFY story", "live")
    assert [story.line() for _ in range(3)] == ["one", "two", ""]
    server.kill9()
    assert story.line() == "lost"
    server.start()
    assert story.line() == "connected"
    server.psql("NOTIFY story, 'stop'", "live")
    assert story.line() == "stop"
    story.end()


# The migrator


def test_two_migrators_at_once(pg, bench, tmp_path):
    """However many run, each file is applied once and all end well."""
    (tmp_path / "0001_slow.sql").write_text("CREATE TABLE slow (id int); SELECT pg_sleep(0.5);")
    (tmp_path / "0002_next.sql").write_text("INSERT INTO slow VALUES (1);")
    (tmp_path / f"{top_version():04}_top.sql").write_text("INSERT INTO slow VALUES (2);")
    name = f"pg_{next(bench.names)}"
    conninfo = pg.create_database(name)
    env = {**os.environ, "LONJA_DATABASE": conninfo}
    running = [subprocess.Popen([os.path.join(BUILD, "lonja"), "db", "migrate", "--sql-dir", str(tmp_path)], env=env,
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) for _ in range(4)]
    outputs = [p.communicate(timeout=TIMEOUT) for p in running]
    assert [p.returncode for p in running] == [0] * 4, outputs
    assert sum(err.count("applied") for _, err in outputs) == 3
    assert pg.psql("SELECT count(*) FROM slow", name) == "2"
    assert pg.psql("SELECT string_agg(name, ' ' ORDER BY version) FROM schema_migration", name) == "slow next top"


def top_version():
    with open(os.path.join(BUILD, "src/pg/schema_version.h")) as f:
        return int(re.search(r"SCHEMA_VERSION (\d+)", f.read()).group(1))


@pytest.mark.parametrize("text, message", [
    ("CREATE TABLE a (id int);\n\nCREATE TABEL b ();", "0002_bad.sql:3: syntax error"),
    ("CREATE TABLE a (id int);\nINSERT INTO a VALUES ('ñ'::text::int);", "0002_bad.sql: invalid input syntax"),
    ("CREATE TABLE a (id int);\nCOMMIT;", "must not end its transaction"),
])
def test_failing_migration_leaves_nothing(pg, bench, tmp_path, text, message):
    (tmp_path / "0001_good.sql").write_text("CREATE TABLE good (id int);")
    (tmp_path / "0002_bad.sql").write_text(text)
    name = f"pg_{next(bench.names)}"
    conninfo = pg.create_database(name)
    done = migrate(conninfo, "--sql-dir", str(tmp_path))
    assert done.returncode == 1
    assert message in done.stderr
    assert pg.psql("SELECT max(version) FROM schema_migration", name) == "1"
    if "COMMIT" not in text:
        assert pg.psql("SELECT to_regclass('a') IS NULL", name) == "t"


def test_every_statement_of_a_release_is_there(pg, database):
    """Twice is a no-op."""
    again = migrate(database)
    assert again.returncode == 0
    assert "already" in again.stdout
    assert "applied" not in again.stderr

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Fixtures: a whole Lonja on private servers. tests/README.md tells how to use them.

    lonja        one stack for the session, all daemons that are built; tests leave it working
    make_lonja   a factory of stacks for one test: own configuration, own database and vhost, own servers on request
"""

import itertools
import os
import random
import re
import shutil
import signal
import subprocess
import sys
import tempfile

import pytest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))

from postgres import Postgres  # noqa: E402
from rabbitmq import RabbitMQ  # noqa: E402
from stack import Stack  # noqa: E402

# What must never be in a daemon's log or the holder's, whatever the test was about.
DISASTERS = re.compile(
    r"AddressSanitizer|LeakSanitizer|UndefinedBehaviorSanitizer|runtime error:|Assertion .* failed|"
    r"exit -(?:4|6|7|8|11)\b|watchdog timeout|trigger limit")

# A daemon that its watchdog ends says where it was.
os.environ.setdefault("ASAN_OPTIONS", "handle_abort=1")
LONG = os.environ.get("LONJA_LONG") == "1"
# What chance decides in the whole run.
SEED = int(os.environ.get("LONJA_SEED") or random.randrange(1, 1 << 30))
# No test waits for ever: one that hangs fails by name and the run goes on.  @pytest.mark.limit(SECONDS) asks for more.
LIMIT_SEC = 3600 if LONG else 240


def pytest_configure(config):
    config.addinivalue_line("markers", "long: only with LONJA_LONG=1 (./dev test --long)")
    config.addinivalue_line("markers", "limit(seconds): how long this test may take")


def pytest_collection_modifyitems(items):
    for item in items:
        if "long" in item.keywords and not LONG:
            item.add_marker(pytest.mark.skip(reason="long: ./dev test --long"))


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    marker = item.get_closest_marker("limit")
    seconds = max(LIMIT_SEC, marker.args[0]) if marker else LIMIT_SEC

    def late(*_):
        pytest.fail(f"not done after {seconds} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(seconds)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.fixture(scope="session")
def scale():
    """scale(few, many): the count for a quick run and for ./dev test --long."""
    return lambda few, many: many if LONG else few


@pytest.fixture
def measure(capsys):
    """measure("bridge_scale.py", few=["--connections", "1000"]): a script of this folder that prints figures and fails when
    a bound is broken; ./dev test --long gives it --long instead of the few, and shows the figures."""
    def run(script, *options, few=()):
        argv = [script, *options, *(["--long"] if LONG else few)]
        done = subprocess.run([sys.executable, *argv], capture_output=True, text=True, stdin=subprocess.DEVNULL,
                              cwd=os.path.dirname(os.path.abspath(__file__)))
        if LONG:
            with capsys.disabled():
                print(f"\n{' '.join(argv)}\n{done.stdout}")
        assert done.returncode == 0, done.stdout + done.stderr

    return run


@pytest.fixture
def seed():
    """LONJA_SEED=, which repeats a run; shown with a failure."""
    print(f"LONJA_SEED={SEED}")
    return SEED


class Bench:
    """The session's directory and what lives in it."""

    def __init__(self):
        # Short: the path of a Unix socket has at most 107 bytes.
        self.directory = tempfile.mkdtemp(prefix="lj-")
        os.chmod(self.directory, 0o711)
        self.stacks = []
        self.names = itertools.count(1)

    def path(self, name):
        return os.path.join(self.directory, name)

    def stack(self, name, **options):
        stack = Stack(self.path(name), **options)
        self.stacks.append(stack)
        return stack

    def close(self):
        if os.environ.get("LONJA_KEEP"):
            print(f"\nkept: {self.directory}")
        else:
            shutil.rmtree(self.directory, ignore_errors=True)


@pytest.fixture(scope="session")
def bench():
    bench = Bench()
    yield bench
    bench.close()


@pytest.fixture(scope="session")
def pg(bench):
    """The session's PostgreSQL."""
    with Postgres(bench.path("pg")) as server:
        yield server


@pytest.fixture(scope="session")
def pg_template(bench):
    """A data directory to copy: ten times faster than initdb."""
    server = Postgres(bench.path("pg0"))
    with server:
        pass
    return server.data


@pytest.fixture(scope="session")
def rmq(bench):
    """The session's RabbitMQ."""
    with RabbitMQ(bench.path("rmq")) as server:
        yield server
        server.kill9()  # after so many virtual hosts it would take half a minute to leave


@pytest.fixture(scope="session")
def lonja(bench, pg, rmq):
    stack = bench.stack("s", pg=pg, rmq=rmq)
    try:
        yield stack.start()
    finally:
        stack.stop()
    fail_on_disaster(stack)


@pytest.fixture
def make_lonja(bench, request):
    """make_lonja(config=..., own_pg=True, own_rmq=True, tls=True, ...): a stack of the test's own.

    Without own_pg and own_rmq it shares the session's servers but has its own database and virtual host; ask for own
    servers to kill or stop them. Everything else goes to Stack."""
    made = []

    def make(*, own_pg=False, own_rmq=False, **options):
        name = f"t{next(bench.names)}"
        if not own_pg:
            options.setdefault("pg", request.getfixturevalue("pg"))
            options.setdefault("database", f"lonja_{name}")
        else:
            options["pg_options"] = {"template": request.getfixturevalue("pg_template"),
                                     **options.get("pg_options", {})}
        if not own_rmq:
            options.setdefault("rmq", request.getfixturevalue("rmq"))
            options.setdefault("vhost", f"lonja_{name}")
        stack = bench.stack(name, **options)
        made.append(stack)
        return stack.start()

    yield make
    for stack in made:
        stack.stop()


def _logs_of(item):
    bench = item.funcargs.get("bench")
    return [s for s in bench.stacks if os.path.isdir(s.log_dir)] if bench else []


@pytest.fixture(autouse=True)
def no_disaster(request):
    """No test may leave a crash or a sanitizer's report in a log, not even one that passes."""
    yield
    bench = request.node.funcargs.get("bench")
    for stack in bench.stacks if bench else []:
        fail_on_disaster(stack)


def fail_on_disaster(stack):
    for name, text in _new_log_text(stack):
        found = DISASTERS.search(text)
        if found:
            pytest.fail(f"{name}: {found.group(0)}\n{text[max(0, found.start() - 2000):found.end() + 6000]}")


def _new_log_text(stack):
    """What came into the logs since the last look."""
    seen = stack.__dict__.setdefault("seen", {})
    if not os.path.isdir(stack.log_dir):
        return
    for entry in sorted(os.listdir(stack.log_dir)):
        path = os.path.join(stack.log_dir, entry)
        with open(path, errors="replace") as f:
            f.seek(seen.get(entry, 0))
            text = f.read()
            seen[entry] = f.tell()  # before the text is judged: what it holds is one test's fault, not that of all after it
        yield entry, text


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failed test shows the ends of the daemons' logs."""
    outcome = yield
    report = outcome.get_result()
    if report.failed and call.when in ("setup", "call"):
        for stack in _logs_of(item)[-2:]:
            report.sections.append((f"logs of {stack.directory}", stack.logs()))

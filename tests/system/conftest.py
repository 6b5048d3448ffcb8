# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The story of the Debian package, told on a real systemd. ./dev system-test runs it.

Chapters are files, in order; each begins with a host in the state that its fixture names and may be run alone (-k).

    host     a booted system, with or without Lonja
    lonja    the same with the package and both servers, everything well, whatever happened before
"""

import glob
import os
import signal
import sys
import tempfile
import time

import pytest

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path[:0] = [os.path.join(SOURCE, "tests/lib"), os.path.dirname(os.path.abspath(__file__))]

from host import Container, Here, forget_the_dead  # noqa: E402
from market import Market  # noqa: E402

NAME = "lonja-system-"
MOUNTED = "/mnt/lonja"
# No sentence waits for ever.
LIMIT_SEC = 1800


def pytest_addoption(parser):
    parser.addoption("--here", action="store_true", help="this machine, where the package is installed, instead of a container")
    parser.addoption("--tree", help="the base tree, see base-tree")
    parser.addoption("--packages", help="the folder with the packages")


def pytest_configure(config):
    config.addinivalue_line("markers", "anywhere: changes nothing for good and needs no container")
    config.pluginmanager.register(Story(config))
    for number in (signal.SIGINT, signal.SIGTERM):  # ignored, where a shell started this in the background
        signal.signal(number, signal.default_int_handler)


# ---- telling the story ----

def pytest_collection_modifyitems(config, items):
    if config.getoption("--here"):
        away = [i for i in items if "anywhere" not in i.keywords]
        items[:] = [i for i in items if "anywhere" in i.keywords]
        config.hook.pytest_deselected(items=away)
    for item in items:
        sentence = (item.function.__doc__ or item.name).strip().split("\n")[0].rstrip(".")
        if hasattr(item, "callspec"):
            sentence += f" [{item.callspec.id}]"
        item._nodeid = "    " + sentence  # what the runner prints


class Story:
    """The chapter's title above its sentences."""

    def __init__(self, config):
        self.config, self.chapters, self.chapter, self.n = config, {}, None, 0

    def pytest_collection_finish(self, session):
        self.chapters = {i.nodeid: i.module.__doc__.strip().split("\n")[0].rstrip(".") for i in session.items}

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logstart(self, nodeid):
        if self.chapter != self.chapters[nodeid]:
            self.chapter = self.chapters[nodeid]
            self.n += 1
            reporter = self.config.pluginmanager.get_plugin("terminalreporter")
            reporter.ensure_newline()
            reporter.section(f"Chapter {self.n}: {self.chapter[0].lower()}{self.chapter[1:]}", sep="-", bold=True)


def pytest_report_teststatus(report):
    if report.when == "call" and report.passed:
        return "passed", ".", f"ok ({report.duration:.1f} s)"
    return None


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_call(item):
    def late(*_):
        pytest.fail(f"not done after {LIMIT_SEC} s")

    signal.signal(signal.SIGALRM, late)
    signal.alarm(LIMIT_SEC)
    try:
        yield
    finally:
        signal.alarm(0)


@pytest.hookimpl(hookwrapper=True)
def pytest_runtest_makereport(item, call):
    """A failure brings the journal of its time along."""
    report = (yield).get_result()
    host = item.funcargs.get("host") if hasattr(item, "funcargs") else None
    if report.failed and host is not None:
        try:
            lines = host.run("journalctl", "--no-pager", "-o", "short-precise", f"--since=@{call.start:.6f}",
                             check=False).stdout.splitlines()
            report.sections.append(("journal", "\n".join(lines[-150:])))
        except Exception as error:  # noqa: BLE001: the failure itself matters more
            report.sections.append(("journal", repr(error)))


# ---- hosts ----

@pytest.fixture(scope="session")
def host(request):
    if request.config.getoption("--here"):
        yield Here()
        return
    forget_the_dead(NAME)
    name = f"{NAME}{os.getpid()}"
    place = tempfile.mkdtemp(prefix="lj-")
    packages = os.path.abspath(request.config.getoption("--packages"))
    container = Container(name, os.path.join(place, "host"), request.config.getoption("--tree"),
                          binds=[f"{packages}:{MOUNTED}"])
    try:
        container.start()
        yield container
    finally:
        container.stop()
        os.rmdir(place)


@pytest.fixture(scope="session")
def packages(request):
    """{"old": path, "new": path} of the package inside the host: as it was built, and with a higher version."""
    found = sorted(glob.glob(os.path.join(request.config.getoption("--packages"), "lonja_*.deb")), key=len)
    assert len(found) == 2, found
    return {key: os.path.join(MOUNTED, os.path.basename(path)) for key, path in zip(("old", "new"), found)}


@pytest.fixture(scope="session")
def market(request, host):
    packages_ = {} if request.config.getoption("--here") else request.getfixturevalue("packages")
    return Market(host, packages_)


@pytest.fixture
def lonja(market):
    market.ensure_well()
    return market


@pytest.fixture
def began():
    """When the test began, for the journal."""
    return time.time()

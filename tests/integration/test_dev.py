# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev up, the README's tour, a crash, ./dev up again, ./dev down: what a newcomer does."""

import os
import re
import subprocess

import pytest

from process import children
from stack import SOURCE

BUILD = os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build")

pytestmark = pytest.mark.skipif(
    os.path.realpath(BUILD) != os.path.join(os.path.realpath(SOURCE), "build"), reason="./dev up builds in build/ only")


@pytest.fixture
def dev(bench):
    directory = bench.path("dev")
    env = {**os.environ, "LONJA_DEV_DIR": directory}

    def run(command, **options):
        return subprocess.run([os.path.join(SOURCE, "dev"), command], stdin=subprocess.DEVNULL, text=True, env=env,
                              capture_output=True, **options)

    run.directory, run.env = directory, env
    yield run
    assert run("down").returncode == 0
    assert not os.path.exists(directory)
    assert list(running_in(directory)) == []


def running_in(directory):
    """Processes that were started from there: by command line and working directory, not by name."""
    for pid in filter(str.isdigit, os.listdir("/proc")):
        try:
            with open(f"/proc/{pid}/cmdline", "rb") as f:
                words = f.read().decode(errors="replace")
            place = os.readlink(f"/proc/{pid}/cwd")
        except OSError:
            continue
        if directory in words or place.startswith(directory):
            if int(pid) != os.getpid() and int(pid) not in children(os.getpid()):
                yield int(pid)


def blocks():
    with open(os.path.join(SOURCE, "README.md")) as f:
        return "\n".join(re.findall(r"^```sh\n(.*?)^```$", f.read(), re.M | re.S))


def tour(dev):
    return subprocess.run(["bash", "-euc", blocks()], cwd=SOURCE, env=dev.env, text=True,
                          capture_output=True, stdin=subprocess.DEVNULL, timeout=60)


def test_up_tour_crash_up_down(dev):
    up = dev("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert "Lonja is up" in up.stdout

    told = tour(dev)
    assert told.returncode == 0, told.stdout + told.stderr
    assert re.search(r'"code":"P0001"', told.stdout)
    assert re.search(r"304$", told.stdout, re.M) and re.search(r"412$", told.stdout, re.M), told.stdout
    assert re.search(r"^JSON\+PRODUCT\+\{", told.stdout, re.M) and re.search(r"^LIST\+PRODUCTS\+\[", told.stdout, re.M)

    again = dev("up")
    assert again.returncode == 0 and "already up" in again.stderr, again.stderr
    before = list(running_in(dev.directory))
    assert before
    for pid in before:
        try:
            os.kill(pid, 9)
        except ProcessLookupError:
            pass
    assert dev("env").returncode != 0
    up = dev("up")
    assert up.returncode == 0, up.stdout + up.stderr
    assert tour(dev).returncode == 0


def test_commands_are_told():
    done = subprocess.run([os.path.join(SOURCE, "dev"), "help"], capture_output=True, text=True)
    assert done.returncode == 0
    for command in re.findall(r"^  ([\w-]+)", done.stdout, re.M):
        assert f"cmd_{command.replace('-', '_')}()" in open(os.path.join(SOURCE, "dev")).read()
    assert subprocess.run([os.path.join(SOURCE, "dev"), "nothing"], capture_output=True).returncode == 2

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The daemon behind the door changes, and no client knows."""

import pytest

from clients import Rounds, Stream, Watcher

CONNECTIONS = 1000
CLIENTS = 50
HAND_OVERS = 10  # each way: by restart, by leaving when idle


@pytest.fixture
def product(lonja):
    if lonja.ask("GET", "/api/products/HO1").status_code == 404:
        lonja.make_product("HO1")
    return "HO1"


def tell(capsys, stream, n):
    with capsys.disabled():
        print(f"\n        {stream}; {n} hand-overs", end=" ")


def test_restart_under_a_stream(host, lonja, product, capsys):
    """systemctl try-restart ten times under a stream of clients refuses none and resets none"""
    daemon = lonja.daemons["products"]
    pids = []
    with Stream(lonja, product) as stream:
        for n in range(HAND_OVERS):
            wanted = (n + 1) * CONNECTIONS // 2 // HAND_OVERS
            host.wait(lambda: stream.connections >= wanted or stream.failures, "the stream flows")
            pids.append(daemon.pid)
            daemon.try_restart()
        answered = stream.answered
        host.wait(lambda: stream.answered > answered + 20 or stream.failures, "the stream flows on")
        pids.append(daemon.pid)
    assert not stream.failures, stream.failures[:10]
    assert 0 not in pids and len(set(pids)) == len(pids), pids
    tell(capsys, stream, HAND_OVERS)


def test_leaving_when_idle_under_a_stream(host, lonja, product, capsys):
    """a daemon that leaves whenever nobody has asked for a second meets clients at that very moment, and loses none"""
    daemon = lonja.daemons["products"]
    rounds = Rounds(CLIENTS, 0.9, 1.2)
    with daemon.configured("[Service]\nIdleExitSec=1\n"):
        daemon.try_restart()
        with Watcher(host, daemon.unit) as watcher, Stream(lonja, product, CLIENTS, rounds) as stream:
            host.wait(lambda: (watcher.hand_overs >= HAND_OVERS and stream.connections >= CONNECTIONS // 2) or stream.failures,
                      "ten times idle", 600)
    assert not stream.failures, stream.failures[:10]
    tell(capsys, stream, watcher.hand_overs)

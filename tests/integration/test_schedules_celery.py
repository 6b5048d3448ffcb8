# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Tasks of schedules, run by a real Celery worker."""

import os
import sys

import pytest

from process import Process
from schedules import Client
from waiting import wait_for

LIB = os.path.join(os.path.dirname(os.path.dirname(os.path.abspath(__file__))), "lib")


@pytest.fixture
def worker(lonja):
    pytest.importorskip("celery")
    log = os.path.join(lonja.log_dir, "celery.log")
    process = Process.start(
        [sys.executable, "-m", "celery", "-A", "celery_app", "worker", "-Q", "q.celery", "-P", "solo",
         "--without-gossip", "--without-mingle", "-l", "info"],
        log=log, tied=True, cwd=LIB, env={**os.environ, "LONJA_TEST_BROKER": lonja.amqp_url, "PYTHONPATH": LIB})
    yield process
    process.signal(9)
    process.wait(60)


def test_a_celery_worker_runs_it(lonja, worker):
    client = Client(lonja)
    for name, fields in {
        "sums": {"task": "test.add", "args": [2, 3], "kwargs": {"base": 10}},
        "fails": {"task": "test.fail", "args": ["as told"]},
    }.items():
        client("POST", json={"name": f"celery-{name}", "queue": "q.celery", "every": "1h", **fields}, wanted=201)
        client("POST", f"/celery-{name}:run", 202)
    done = wait_for(lambda: client.firings("celery-sums", state="succeeded"), 120)[0]
    assert done["result"] == {"sum": 15} and done["error"] is None
    assert done["started_at"] <= done["finished_at"] and done["duration_ms"] >= 0
    failed = wait_for(lambda: client.firings("celery-fails", state="failed"), 120)[0]
    assert failed["error"] == "ValueError: as told"
    assert failed["result"]["exc_type"] == "ValueError"
    for name in ("sums", "fails"):
        client("DELETE", f"/celery-{name}", 204)

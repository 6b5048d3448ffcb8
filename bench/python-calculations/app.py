# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What one would write in Python: a Celery worker with the rpc backend and its client.

    celery -A app worker                            the worker
    app.py SECONDS WINDOW                           the client, with so many tasks in flight; prints rate and round trips"""

import collections
import fractions
import os
import sys
import time

from celery import Celery

app = Celery("app", broker=os.environ["BENCH_BROKER"], backend="rpc://")
app.conf.task_default_queue = "bench.celery"
app.conf.worker_prefetch_multiplier = 64
app.conf.task_acks_late = True


@app.task(name="bench.add")
def add(a, b):
    return str(fractions.Fraction(a) + fractions.Fraction(b))


def client(seconds, window):
    times, waiting = [], collections.deque()
    started = time.monotonic()
    while True:
        moment = time.monotonic()
        if moment - started < seconds:
            while len(waiting) < window:
                waiting.append((time.monotonic(), add.delay("2/3", "1")))
        elif not waiting:
            break
        asked, result = waiting.popleft()
        assert result.get(timeout=60, interval=0) == "5/3"
        times.append(time.monotonic() - asked)
    took = time.monotonic() - started
    times.sort()
    print('RESULT {"requests":%d,"usec":%d,"p50":%d,"p99":%d}' % (
        len(times), took * 1e6, times[len(times) // 2] * 1e6, times[len(times) * 99 // 100] * 1e6))


if __name__ == "__main__":
    client(float(sys.argv[1]), int(sys.argv[2]))

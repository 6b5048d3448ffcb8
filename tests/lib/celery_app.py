# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A worker as its users have it: Debian's python3-celery, results by rpc://.  Tests start it."""

import os

from celery import Celery

app = Celery("celery_app", broker=os.environ["LONJA_TEST_BROKER"], backend="rpc://")
app.conf.task_track_started = True


@app.task(name="test.add")
def add(x, y, base=0):
    return {"sum": x + y + base}


@app.task(name="test.fail")
def fail(text):
    raise ValueError(text)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Three schedulers on one database, killed at random: each nominal time once in the ledger, none missing, every task with
the broker at least once and none that the ledger does not know.  LONJA_SEED repeats a run."""

import datetime
import os
import random
import time

import psycopg2
import pytest

from schedules import Client, Queue, ring, twin
from waiting import wait_for

SECOND = datetime.timedelta(seconds=1)


@pytest.fixture
def trio(make_lonja, bench):
    """Three hosts, one database."""
    lonja = make_lonja(config={"scheduler": {"Scheduler": {"RetrySec": "3"}}})
    hosts = [lonja] + [twin(lonja, bench.path(f"{os.path.basename(lonja.directory)}{x}")) for x in "bc"]
    yield hosts
    for host in hosts[1:]:
        host.stop_holder()


def rows(lonja, sql, *params):
    with psycopg2.connect(lonja.database) as connection, connection.cursor() as cursor:
        cursor.execute(sql, params)
        return cursor.fetchall()


def now(lonja):
    return rows(lonja, "SELECT scheduler_now()")[0][0]


def pause_all(lonja):
    rows(lonja, "SELECT count(schedule_pause(NULL, NULL, NULL, name, 'test')) FROM schedule WHERE deleted_at IS NULL")


def all_sent(lonja):
    for _ in range(3):
        ring(lonja)
    return rows(lonja, "SELECT count(*) FROM firing WHERE state IN ('pending', 'waiting')") == [(0,)]


def check_broker(lonja, queue, seen):
    """Every task id of the ledger came, and no other."""
    ledger = {str(i) for i, in rows(lonja, "SELECT task_id FROM firing WHERE sent_at IS NOT NULL")}

    def complete():
        seen.update(queue.drain())
        return ledger <= seen

    wait_for(complete, 120)
    assert seen <= {str(i) for i, in rows(lonja, "SELECT task_id FROM firing")}


def test_each_second_once(trio, scale):
    seed = int(os.environ.get("LONJA_SEED") or random.randrange(1 << 30))
    print(f"LONJA_SEED={seed}")
    chance = random.Random(seed)
    lonja, n = trio[0], scale(20, 1000)
    client = Client(lonja)
    queue = Queue(lonja, "q.each")
    seen = set()
    for i in range(n):
        client.make(f"each-{i:04}", every="1s", queue="q.each", kwargs={"i": i}, catch_up="all",
                    jitter="300ms" if i % 5 == 0 else "0")
    for host in trio:
        ring(host)
        host.daemon("scheduler").wait_ready(60)

    # A kill each time that so many firings are in the ledger since the last one.
    until = time.monotonic() + scale(1, 120)
    kills, fired = 0, 0
    while kills < scale(4, 20) or time.monotonic() < until:
        wait_for(lambda: rows(lonja, "SELECT count(*) FROM firing")[0][0] >= fired + 2 * n, 120)
        chance.choice(trio).daemon("scheduler").kill9()
        kills += 1
        fired = rows(lonja, "SELECT count(*) FROM firing")[0][0]
        seen.update(queue.drain())
    wait_for(lambda: rows(lonja, "SELECT count(*) FROM firing")[0][0] >= fired + n, 120)
    pause_all(lonja)
    wait_for(lambda: all_sent(lonja), 120)

    for name, created in rows(lonja, "SELECT name, created_at FROM schedule"):
        times = [t for t, in rows(lonja, "SELECT nominal_time FROM firing WHERE schedule = %s ORDER BY 1", name)]
        assert times[0] - created <= 2 * SECOND, name
        assert times == [times[0] + k * SECOND for k in range(len(times))], name
    states = dict(rows(lonja, "SELECT state, count(*) FROM firing GROUP BY 1"))
    assert set(states) == {"sent"}, states
    assert rows(lonja, "SELECT count(*), count(DISTINCT task_id) FROM firing WHERE kind = 'timer'")[0] == (
        states["sent"], states["sent"])
    check_broker(lonja, queue, seen)
    queue.close()


POLICIES = ("all", "last", "none")
KINDS = {
    "daily": {"cron": "30 2 * * *", "timezone": "Europe/Madrid"},
    "hourly": {"cron": "15 * * * *", "timezone": "Australia/Lord_Howe"},
    "often": {"every": "7min"},
}


def test_days_pass(trio, scale):
    """A clock that is put on by hours at a time, over the day on which Madrid's is: what fires is what the policy says."""
    lonja = trio[0]
    client = Client(lonja)
    queue = Queue(lonja, "q.days")
    seen = set()
    chance = random.Random(5)
    rows(lonja, """
        CREATE TABLE test_clock (shift interval NOT NULL);
        INSERT INTO test_clock SELECT timestamptz '2027-03-26 11:00:00+00' - clock_timestamp();
        CREATE OR REPLACE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql AS
            $$ SELECT clock_timestamp() + shift FROM test_clock $$;
        SELECT 1""")
    for kind, fields in KINDS.items():
        for policy in POLICIES:
            client.make(f"{kind}-{policy}", queue="q.days", catch_up=policy, catch_up_window="30d", **fields)
    start = {name: t for name, t in rows(lonja, "SELECT name, planned_to FROM schedule")}

    steps = []  # (before the clock was put on, just after, when all was done)
    for step in range(scale(14, 120)):
        before = now(lonja)
        rows(lonja, "UPDATE test_clock SET shift = shift + %s RETURNING 1",
             datetime.timedelta(minutes=chance.randrange(180, 600)))
        after = now(lonja)
        for host in trio:
            ring(host)
        if step % 3 == 1:
            chance.choice(trio).daemon("scheduler").kill9()
        wait_for(lambda: rows(lonja, "SELECT count(*) FROM schedule WHERE next_due <= scheduler_now()") == [(0,)], 120)
        steps.append((before, after, now(lonja)))
        seen.update(queue.drain())
    pause_all(lonja)
    wait_for(lambda: all_sent(lonja), 120)

    for kind in KINDS:
        plan = client("GET", f"/{kind}-all/preview", 200, params={
            "count": 1000, "after": start[f"{kind}-all"].isoformat()}).json()["times"]
        plan = [datetime.datetime.fromisoformat(t["nominal_time"].replace("Z", "+00:00")) for t in plan]
        assert plan[-1] > steps[-1][2], "the preview is too short"
        fired = {policy: [t for t, in rows(
            lonja, "SELECT nominal_time FROM firing WHERE schedule = %s AND sent_at IS NOT NULL ORDER BY 1",
            f"{kind}-{policy}")] for policy in POLICIES}
        last = fired["all"][-1]
        assert fired["all"] == [t for t in plan if t <= last] and last >= max(t for t in plan if t <= steps[-1][2])
        for before, after, done in steps:
            late = after - 31 * SECOND  # beyond LateSec
            if any(before - 10 * SECOND < t <= before or late < t <= done for t in plan):
                continue  # something fresh fires as well, or instead
            span = [t for t in plan if before < t <= late]
            assert [t for t in fired["last"] if t in span] == span[-1:], (kind, before, after)
            assert not [t for t in fired["none"] if t in span], (kind, before, after)
    check_broker(lonja, queue, seen)
    queue.close()

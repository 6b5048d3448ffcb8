# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Three schedulers on one database, killed at random: each nominal time once in the ledger, none missing but what the policy
leaves out, every task with the broker at least once and none that the ledger does not know, and the effect of a task of
our own once.  LONJA_SEED repeats a run; with LONJA_LONG=1 there are 1,000 schedules, for two minutes of real time and
ten minutes in which weeks pass."""

import datetime
import os
import random
import time
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from catalogue import Catalogue, product
from schedules import (
    PATIENCE, SECOND, Client, Sink, accounted, at, check_broker, count, finish, ledger, now, ring, rows, twin)
from tasks import Broker
from waiting import wait_for

GRACE = 30 * SECOND  # LateSec, as shipped
PRODUCTS_QUEUE = "lonja.tasks.products"


@pytest.fixture
def trio(make_lonja, bench):
    """Three hosts, one database."""
    lonja = make_lonja(config={"scheduler": {"Scheduler": {"RetrySec": "3"}}})
    hosts = [lonja] + [twin(lonja, bench.path(f"{os.path.basename(lonja.directory)}{x}")) for x in "bc"]
    yield hosts
    for host in hosts[1:]:
        host.stop_holder()


@pytest.fixture
def chance(seed):
    return random.Random(seed)


class Killer:
    """kill -9 for one of the hosts' daemons, or SIGSTOP until the next turn: it comes back when others have its work."""

    def __init__(self, chance, *daemons):
        self.chance, self.daemons = chance, daemons
        self.stopped = None
        self.n_kills = self.n_stops = 0

    def strike(self):
        self.relent()
        victim = self.chance.choice(self.daemons)
        if self.chance.random() < 0.2:
            victim.pause()
            self.stopped = victim
            self.n_stops += 1
        else:
            victim.kill9()
            self.n_kills += 1

    def relent(self):
        if self.stopped:
            self.stopped.cont()
        self.stopped = None


def test_each_second_once(trio, scale, chance):
    lonja, n = trio[0], scale(20, 1000)
    client = Client(lonja)
    sink = Sink(lonja, "q.each")
    for i in range(n):
        client.make(f"each-{i:04}", every="1s", queue="q.each", kwargs={"i": i}, catch_up="all",
                    jitter="300ms" if i % 5 == 0 else "0")
    for host in trio:
        ring(host)
        host.daemon("scheduler").wait_ready(60)

    # A turn each time that so many firings are in the ledger since the last one.
    killer = Killer(chance, *(host.daemon("scheduler") for host in trio))
    until = time.monotonic() + scale(1, 120)
    fired = 0
    while killer.n_kills < scale(4, 20) or time.monotonic() < until:
        wait_for(lambda: count(lonja) >= fired + 2 * n, PATIENCE)
        killer.strike()
        fired = count(lonja)
    killer.relent()
    last = now(lonja)
    wait_for(lambda: rows(lonja, "SELECT min(last_time) >= %s FROM schedule", last)[0][0], PATIENCE)
    finish(lonja)

    found = ledger(lonja)
    for name, created in rows(lonja, "SELECT name, created_at FROM schedule"):
        times = [t for t, *_ in found[name]]
        assert times[0] - created <= 2 * SECOND, name
        assert times == [times[0] + k * SECOND for k in range(len(times))], name
        assert times[-1] >= last, name
    states = dict(rows(lonja, "SELECT state, count(*) FROM firing GROUP BY 1"))
    assert set(states) == {"sent"}, states
    assert rows(lonja, "SELECT count(DISTINCT task_id) FROM firing") == [(states["sent"],)]
    repeats = check_broker(lonja, sink)
    sink.close()
    print(f"{n} schedules, {killer.n_kills} kills, {killer.n_stops} stops: {states['sent']} firings, "
          f"{repeats} sent more than once")


# ---- Days ----

POLICIES = ("all", "last", "none")
KINDS = {
    "daily": {"cron": "30 2 * * *", "timezone": "Europe/Madrid"},
    "hourly": {"cron": "15 * * * *", "timezone": "Australia/Lord_Howe"},
    "often": {"every": "7min"},
}
# Further ones at intervals of seconds; "all" reaches back so far, as days of seconds are more than anyone wants.
WINDOW = 600 * SECOND
# A plan made before the clock was put on may enter the ledger for so long after it.
SLACK = 60 * SECOND
class Shifted:
    """The database's clock, put on by hand."""

    def __init__(self, lonja, start):
        self.lonja = lonja
        self.jumps = []  # (before, just after)
        rows(lonja, f"""
            CREATE TABLE test_clock (shift interval NOT NULL);
            INSERT INTO test_clock SELECT timestamptz '{start}' - clock_timestamp();
            CREATE OR REPLACE FUNCTION scheduler_now() RETURNS timestamptz LANGUAGE sql AS
                $$ SELECT clock_timestamp() + shift FROM test_clock $$;
            -- weeks pass, and the sweep would trim what is still to be checked
            CREATE OR REPLACE FUNCTION firing_trim(p_age interval, p_limit int) RETURNS bigint LANGUAGE sql AS
                $$ SELECT 0::bigint $$;
            SELECT 1""")

    def put_on(self, by):
        before = now(self.lonja)
        rows(self.lonja, "UPDATE test_clock SET shift = shift + %s RETURNING 1", by)
        self.jumps.append((before, now(self.lonja)))

    def planned_at(self, fired):
        """The times at which a plan may have been made that entered the ledger at `fired`, latest first."""
        return [fired] + [before for before, after in self.jumps if after - SECOND <= fired <= after + SLACK]


def check_seconds(name, firings, every, policy, start, clock):
    """What is in the ledger is what the policy says; how many of them fired."""
    step, reach = every * SECOND, max(GRACE, WINDOW) if policy == "all" else GRACE
    slack = reach + SLACK if policy != "last" else SLACK
    was_missed = False
    for nominal, last, state, fired in accounted(name, firings, step, start):
        where = (name, nominal, state)
        if state == "missed":
            assert fired - last > reach, where
            assert not (policy == "last" and was_missed), where
        else:
            # Late by more than the policy allows is only the newest of "last".
            oldest = nominal + step if policy == "last" else nominal
            assert fired - nominal <= reach or any(t - oldest <= slack for t in clock.planned_at(fired)), where
        was_missed = state == "missed"
    return sum(state != "missed" for _, _, state, _ in accounted(name, firings, step, start))


def plan(client, name, after, until):
    """The nominal times in (after, until] and some more."""
    times = [after]
    while times[-1] <= until:
        times += [at(t["nominal_time"]) for t in client("GET", f"/{name}/preview", 200, params={
            "count": 1000, "after": times[-1].isoformat()}).json()["times"]]
    return times[1:]


def check_days(lonja, client, kind, start, steps):
    expected = plan(client, f"{kind}-all", start[f"{kind}-all"], steps[-1][2])
    fired = {policy: [t for t, in rows(
        lonja, "SELECT nominal_time FROM firing WHERE schedule = %s AND sent_at IS NOT NULL ORDER BY 1",
        f"{kind}-{policy}")] for policy in POLICIES}
    last = fired["all"][-1]
    assert fired["all"] == [t for t in expected if t <= last] and last >= max(t for t in expected if t <= steps[-1][2])
    for before, after, done in steps:
        late = after - GRACE - SECOND
        if any(before - SLACK < t <= before + SLACK or late < t <= done for t in expected):
            continue  # something fresh fires as well, or instead
        span = [t for t in expected if before < t <= late]
        assert [t for t in fired["last"] if t in span] == span[-1:], (kind, before, after)
        assert not [t for t in fired["none"] if t in span], (kind, before, after)


def test_days_pass(trio, scale, chance):
    """A clock that is put on by hours at a time, over the day on which Madrid's is: what fires is what the policy says."""
    lonja = trio[0]
    client = Client(lonja)
    sink = Sink(lonja, "q.days")
    clock = Shifted(lonja, "2027-03-26 11:00:00+00")
    for kind, fields in KINDS.items():
        for policy in POLICIES:
            client.make(f"{kind}-{policy}", queue="q.days", catch_up=policy, catch_up_window="30d", **fields)
    seconds = {f"s-{i:04}": (chance.randrange(30, 1800), POLICIES[i % 3]) for i in range(scale(12, 991))}
    for name, (every, policy) in seconds.items():
        client.make(name, queue="q.days", catch_up=policy, every=f"{every}s",
                    catch_up_window=f"{WINDOW.seconds}s" if policy == "all" else "30d")
    # where planning began: nothing is due yet by then, but for the seconds, whose first time is at or after their making
    start = dict(rows(lonja, "SELECT name, coalesce((SELECT min(nominal_time) - interval '1 microsecond' FROM firing "
                             "WHERE schedule = name), planned_to) FROM schedule"))

    killer = Killer(chance, *(host.daemon("scheduler") for host in trio))
    steps = []  # (before the clock was put on, just after, when the days' were done)
    until = time.monotonic() + scale(0, 600)
    while len(steps) < scale(14, 120) or time.monotonic() < until:
        clock.put_on(datetime.timedelta(minutes=chance.randrange(180, 600)))
        for host in trio:
            ring(host)
        if chance.random() < 0.4:
            killer.strike()
        wait_for(lambda: rows(lonja, "SELECT count(*) FROM schedule WHERE next_due <= scheduler_now() "
                                     "AND name NOT LIKE 's-%%'") == [(0,)], PATIENCE)
        steps.append((*clock.jumps[-1], now(lonja)))
    killer.relent()
    wait_for(lambda: rows(lonja, "SELECT count(*) FROM schedule WHERE next_due <= scheduler_now() - interval '1 min'")
             == [(0,)], PATIENCE)
    finish(lonja)

    for kind in KINDS:
        check_days(lonja, client, kind, start, steps)
    found = ledger(lonja)
    n = sum(check_seconds(name, found[name], every, policy, start[name], clock)
            for name, (every, policy) in seconds.items())
    assert set(dict(rows(lonja, "SELECT state, count(*) FROM firing GROUP BY 1"))) <= {
        "sent", "unanswered", "missed"}  # an hour without answer passes often here
    repeats = check_broker(lonja, sink)
    sink.close()
    print(f"{len(start)} schedules, {len(steps)} jumps over {steps[-1][2] - steps[0][0]}, {killer.n_kills} kills, "
          f"{killer.n_stops} stops: {count(lonja, 'sent_at IS NOT NULL')} firings ({n} of seconds), "
          f"{repeats} sent more than once")


# ---- Effects ----


def test_prices_are_adjusted_once(trio, scale, chance):
    """products.adjust_prices each second, with schedulers and the catalogue killed: as many changes as nominal times."""
    lonja = trio[0]
    api = Catalogue(lonja)
    api.load([product("A1", selling_price="100.00", buying_price="50.00")])
    broker = Broker(lonja)
    wait_for(lambda: broker.has(PRODUCTS_QUEUE, 1), PATIENCE)
    Client(lonja).make("adjust", every="1s", task="products.adjust_prices", kwargs={"factor": "1.01"},
                       queue=PRODUCTS_QUEUE, catch_up="all")
    for host in trio[1:]:
        ring(host)

    killer = Killer(chance, lonja.daemon("products"), *(host.daemon("scheduler") for host in trio))
    ended = "state IN ('succeeded', 'failed')"
    seen = 0
    while killer.n_kills < scale(5, 100):
        wait_for(lambda: count(lonja, ended) > seen, PATIENCE)
        seen = count(lonja, ended)
        killer.strike()
    killer.relent()
    finish(lonja)

    def all_ended():
        ring(lonja)
        return count(lonja, f"NOT {ended}") == 0

    wait_for(all_ended, PATIENCE)
    firings = ledger(lonja)["adjust"]
    assert [t for t, *_ in firings] == [firings[0][0] + k * SECOND for k in range(len(firings))]
    assert {state for _, state, *_ in firings} == {"succeeded"}
    price = Decimal("100.00")
    for _ in firings:
        price = (price * Decimal("1.01")).quantize(Decimal("0.01"), ROUND_HALF_EVEN)
    now_is = api.one("A1")
    assert now_is["selling_price"] == str(price) and now_is["version"] == 1 + len(firings)
    assert lonja.psql("SELECT count(*) FROM task WHERE status = 'SUCCESS'") == str(len(firings))
    print(f"{len(firings)} firings, {killer.n_kills} kills, {killer.n_stops} stops: the price is {price}")
    broker.close()

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja.v1.Records/Watch with Debian's python3-grpcio: each record once, in the order of totals, whatever happens."""

import concurrent.futures
import threading

import grpc
import pytest
import requests

import grpcs
import h2raw
from metrics import metric
from records import Publisher, Records
from rpcprobe import PATIENCE, status_of
from waiting import wait_for

LONG_MESSAGE = "ñ" * 10000
SINCE_0 = b"\x08\0"  # of a WatchRecordsRequest


class Door:
    """Streams and adds of one stack by gRPC."""

    def __init__(self, lonja):
        self.lonja = lonja
        self.records = Records(lonja)
        self.channel = grpcs.channel(lonja.gateway_grpc)
        self.service = grpcs.lonja_protos().service(self.channel, "lonja.v1.Records")

    def watch(self, token=None, timeout=None, metadata=(), **fields):
        if token:
            metadata = (*metadata, ("authorization", f"Bearer {token}"))
        return self.service.Watch(self.service.type("WatchRecordsRequest")(**fields), timeout=timeout,
                                  metadata=metadata, wait_for_ready=True)

    def begun(self, **options):
        """A stream that has its place."""
        call = self.watch(**options)
        since(call)
        return call

    def add(self, message):
        return self.service.Add(self.service.type("AddRecordRequest")(message=message), timeout=PATIENCE,
                                metadata=(("authorization", f"Bearer {self.lonja.token}"),))

    def add_many(self, n, message):
        """As another process would, in one group."""
        self.lonja.psql("SELECT count(*) FROM record_add((SELECT json_agg(json_build_object('message', "
                        f"'{message}', 'client_type', 'REST', 'request_id', i::text)) FROM generate_series(1, {n}) i),"
                        " '{message}')")

    def metric(self, name):
        return metric(self.lonja.gateway_url, name)

    def wait_watches(self, n):
        wait_for(lambda: self.metric("lonja_record_watches") == n, what=f"{n} watches")


@pytest.fixture
def door(lonja):
    door = Door(lonja)
    with door.channel:
        yield door
    door.wait_watches(0)


@pytest.fixture
def own_door(make_lonja):
    doors = []

    def make(**options):
        doors.append(Door(make_lonja(**options)))
        return doors[-1]

    yield make
    for door in doors:
        door.channel.close()


def since(call):
    """Where the stream begins; waits for its headers."""
    return int(dict(call.initial_metadata())["lonja-since"])


def take(call, n):
    return [next(call) for _ in range(n)]


def totals(records):
    return [r.total for r in records]


def ended(call):
    """(code, details) of a stream that ends by itself."""
    return status_of(lambda: [None for _ in call])


class Follower(threading.Thread):
    """Comes back after the last total that it has seen, until it has seen `last`."""

    def __init__(self, door, position, last=None):
        super().__init__(daemon=True)
        self.door, self.position, self.last = door, position, last
        self.seen, self.n_returns, self.error = [], 0, None
        self.call = door.begun(since=position)
        self.start()

    def run(self):
        try:
            while self.last is None or self.position < self.last:
                self.follow()
        except Exception as e:  # noqa: BLE001: whatever it was, the test must hear of it
            self.error = e

    def follow(self):
        try:
            for record in self.call:
                self.seen.append(record)
                self.position = record.total
                if self.last is not None and self.position >= self.last:
                    self.call.cancel()
                    return
        except grpc.RpcError as e:
            assert e.code() in (grpc.StatusCode.UNAVAILABLE, grpc.StatusCode.CANCELLED), (e.code(), e.details())
        self.n_returns += 1
        self.call = self.door.watch(since=self.position)


def test_three_doors_three_watchers(door, scale):
    n = scale(40, 2000)
    before = door.records.last()
    watchers = [door.begun() for _ in range(3)]
    assert [since(w) for w in watchers] == [before] * 3
    publisher = Publisher(door.lonja)
    with concurrent.futures.ThreadPoolExecutor(3) as pool:
        done = [pool.submit(lambda f: [f(f"m{i}") for i in range(n)], add)
                for add in (door.add, publisher.publish, lambda m: Records(door.lonja).add(m).raise_for_status())]
        seen = [take(w, 3 * n) for w in watchers]
        for d in done:
            d.result()
    publisher.close()
    assert seen[0] == seen[1] == seen[2]
    assert totals(seen[0]) == list(range(before + 1, before + 3 * n + 1))
    for client_type in ("REST", "GRPC", "RabbitMQ"):
        assert sorted(r.message for r in seen[0] if r.client_type == client_type) == sorted(f"m{i}" for i in range(n))
    shown = Records(door.lonja).query(f"SELECT id, total FROM record WHERE total > {before} ORDER BY total")
    assert [(r["id"], r["total"]) for r in shown] == [(r.id, r.total) for r in seen[0]]


def test_since(door):
    before = door.records.last()
    made = [door.add(f"s{i}") for i in range(250)]  # more than two pages
    call = door.begun(since=before)
    assert since(call) == before and take(call, 250) == made
    assert take(door.watch(since=made[99].total), 150) == made[100:]
    assert next(door.watch(since=0)).total == 1
    later = door.add("later")
    assert next(call) == later


def test_only_one_kind_of_client(door):
    call = door.begun(client_type="GRPC")
    door.records.add("by REST").raise_for_status()
    mine = door.add("by gRPC")
    assert next(call) == mine


def test_records_of_another_process(door):
    call = door.begun()
    door.add_many(150, "otro")
    seen = take(call, 150)
    assert {r.message for r in seen} == {"otro"} and totals(seen) == list(range(since(call) + 1, since(call) + 151))


def test_impossible_places(door):
    last = door.records.last()
    code, details = ended(door.watch(since=last + 1000))
    assert code == "INVALID_ARGUMENT" and details.startswith(f"invalid-input: since is {last + 1000}, but there are ")
    assert ended(door.watch(since=-1)) == ("INVALID_ARGUMENT", "invalid-input: since is not negative")


def test_deadline_and_cancel(door):
    assert ended(door.watch(timeout=0.5))[0] == "DEADLINE_EXCEEDED"
    call = door.begun()
    assert door.metric("lonja_record_watches") >= 1
    call.cancel()
    assert ended(call)[0] == "CANCELLED"
    door.wait_watches(0)


def test_the_session_ends(door):
    """A stream ends with its session; others go on."""
    token = door.lonja.session("stream-reader", "read")
    mine, other = door.begun(token=token), door.begun()
    record = door.add("before")
    assert next(mine) == next(other) == record
    requests.delete(f"{door.lonja.gateway_url}/api/sessions/current", timeout=PATIENCE,
                    headers={"Authorization": f"Bearer {token}"}).raise_for_status()
    assert ended(mine) == ("UNAUTHENTICATED", "invalid-token: the session has ended")
    record = door.add("after")
    assert next(other) == record
    assert ended(door.watch(token="lj_nonsense"))[0] == "UNAUTHENTICATED"


def test_a_restart_says_so(own_door):
    door = own_door()
    follower = Follower(door, 0)
    made = [door.add("before")]
    wait_for(lambda: follower.seen == made, what="the record")
    door.lonja.daemon("gateway").restart()
    made.append(door.add("after"))
    follower.last = made[-1].total
    wait_for(lambda: follower.error or follower.seen == made, what="the record after the restart")
    assert not follower.error and follower.n_returns >= 1


def test_kill(own_door, scale):
    """kill -9 in the middle of the stream: who comes back has each record once."""
    door = own_door()
    n = scale(300, 5000)
    followers = [Follower(door, 0) for _ in range(3)]
    keys = [f"key{i}" for i in range(n)]

    def send(key):
        def attempt():
            try:
                return Records(door.lonja).add(key, key=key).status_code == 201
            except requests.RequestException:
                return False
        wait_for(attempt, PATIENCE, key)

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        done = [pool.submit(send, key) for key in keys]
        for part in (n // 4, n // 2):
            wait_for(lambda: sum(d.done() for d in done) > part, 2 * PATIENCE, what="progress")
            door.lonja.daemon("gateway").kill9()
            door.lonja.daemon("gateway").wait_ready()
        for d in done:
            d.result()
    for f in followers:
        f.last = n
    assert door.records.last() == n
    wait_for(lambda: all(f.error or f.position == n for f in followers), 2 * PATIENCE, what="the last record")
    for f in followers:
        assert not f.error and totals(f.seen) == list(range(1, n + 1)) and f.n_returns >= 1
        assert sorted(r.message for r in f.seen) == sorted(keys)


def test_the_database_restarts(own_door):
    """Streams wait for it and go on, that of a session, too."""
    door = own_door(own_pg=True)
    calls = [door.begun(), door.begun(token=door.lonja.token)]
    first = door.add("before")
    assert [next(call) for call in calls] == [first] * 2
    door.lonja.pg.restart()

    def add_after():
        try:
            return door.add("after")
        except grpc.RpcError:
            return None

    wait_for(add_after, what="an add after the restart")
    assert [next(call).message for call in calls] == ["after"] * 2


def test_a_slow_reader(own_door):
    """One that does not read is ended, costs little until then, and the others nothing."""
    door = own_door(config={"gateway": {"GRPC": {"CallTimeoutSec": "2"}}})
    door.add_many(1000, LONG_MESSAGE)  # 20 MB
    with h2raw.Peer(door.lonja.gateway_grpc) as slow:  # gives no window beyond the first 64 KiB
        request = h2raw.request("/lonja.v1.Records/Watch")
        slow.send(h2raw.frame(h2raw.HEADERS, h2raw.END_HEADERS, 1, request) +
                  h2raw.frame(h2raw.DATA, h2raw.END_STREAM, 1, h2raw.message(SINCE_0)))
        assert slow.until(h2raw.DATA, 1)
        assert door.metric("lonja_grpc_buffered_bytes") < 1000000
        assert totals(take(door.watch(since=0), 1000)) == list(range(1, 1001))
        assert slow.until(h2raw.RST_STREAM, 1)
    assert door.metric('lonja_grpc_calls_total{code="RESOURCE_EXHAUSTED"}') == 1

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The link to the broker (src/mq) against real brokers: alive, absent, stopped, killed, blocked.

tests/lib/mq-probe.c is the daemon; it says what its loop sees, and how late its loop ever was."""

import collections
import itertools
import socket
import subprocess
import threading
import time

import pika
import pytest

from probe import Probe, program
from rabbitmq import RabbitMQ

STALL_MS = 2000
# Leaving takes 100 ms by design and the loop is never late, but the machine may be. Whoever waits for the broker takes a
# whole stall: in the tests that tell the two apart it is long.
LONG_STALL_MS = 6000
FREED_MAX_US = LATE_MAX_US = 5_000_000
vhosts = itertools.count(1)


@pytest.fixture
def url(rmq):
    return rmq.create_vhost(f"mq{next(vhosts)}")


@pytest.fixture
def own_rmq(bench):
    with RabbitMQ(bench.path(f"rmq-mq{next(vhosts)}")) as server:
        yield server


@pytest.fixture
def probe():
    made = []

    def make(url, *, stall_ms=STALL_MS, heartbeat_ms=10000, unconfirmed=1024, up=True):
        p = Probe(program("mq-probe"), url, stall_ms, heartbeat_ms, unconfirmed)
        made.append(p)
        if up:
            p.expect("up")
        return p

    yield make
    for p in made:
        if p.process.poll() is None:
            p.close()
        assert p.process.returncode in (0, -9), p.lines[-20:]


def channel(url):
    return pika.BlockingConnection(pika.URLParameters(url + "?heartbeat=0")).channel()


def drain(ch, queue, n=None, idle=1.0):
    """Messages of a queue, acked: n of them, or until none comes for a while."""
    got = []
    for method, properties, body in ch.consume(queue, inactivity_timeout=idle if n is None else 30):
        if method is None:
            break
        got.append((method, properties, body.decode()))
        ch.basic_ack(method.delivery_tag)
        if n is not None and len(got) == n:
            break
    ch.cancel()
    return got


def drain_until(url, queue, wanted):
    """Every message of a queue, at least those: just after a crash a quorum queue may refuse its first consumers."""
    bodies = collections.Counter()
    deadline = time.monotonic() + 60
    while not wanted <= set(bodies) and time.monotonic() < deadline:
        try:
            bodies.update(body for _, _, body in drain(channel(url), queue))
        except pika.exceptions.AMQPError:
            time.sleep(0.2)
    return bodies


def remember(rmq):
    """The broker keeps its record of a new queue, and Raft's of where the queue's log is, in buffers for a while: killed
    in the first seconds, it forgets a durable queue, or starts it without its messages. Real queues are older."""
    rmq.eval("mnesia:sync_log(), [dets:sync(T) || T <- dets:all()]")


def wait_up(p):
    """Both connections, whichever comes first."""
    while not p.ask("state").string.startswith("state 1 1"):
        time.sleep(0.02)


def counts(match):
    return {k: int(v) for k, v in (pair.split("=") for pair in match.string.split()[2:])}


# ---- a broker that lives ----

def test_messages_arrive_in_order_persistent_and_labelled(url, probe):
    p = probe(url)
    p.send("publish a 200 work.x 1 0")
    assert counts(p.expect("published a"))["confirmed"] == 200
    got = drain(channel(url), "probe.q", 200)
    assert [body for _, _, body in got] == [f"a-{i}" for i in range(200)]
    properties = got[7][1]
    assert (properties.delivery_mode, properties.content_type, properties.message_id) == (2, "text/plain", "a-7")
    assert properties.headers["x-request-id"] == "a"


def test_a_mandatory_message_without_a_queue_comes_back_to_its_own_publish(url, probe):
    p = probe(url)
    p.send("publish lost 50 nowhere 1 0")
    p.send("publish kept 50 work.x 1 0")
    p.send("publish free 50 nowhere 0 0")
    ends = {m.string.split()[1]: counts(m) for m in p.collect("published", 3)}
    assert ends["lost"]["returned"] == 50
    assert ends["kept"]["confirmed"] == 50
    assert ends["free"]["confirmed"] == 50


def test_ten_thousand_publishes_are_confirmed(url, probe, record_property):
    p = probe(url, unconfirmed=1024)
    start = time.monotonic()
    p.send("publish a 10000 work.x 1 0")
    assert counts(p.expect("published a"))["confirmed"] == 10000
    seconds = time.monotonic() - start
    record_property("per_second", round(10000 / seconds))
    print(f"\n10,000 publishes to a quorum queue, 1,024 in flight: {10000 / seconds:.0f}/s")
    assert len(drain(channel(url), "probe.q", 10000)) == 10000
    # transient bookkeeping is gone
    assert "waiting=0 unconfirmed=0" in p.ask("metrics").string


def test_a_small_window_is_enough(url, probe):
    p = probe(url, unconfirmed=1)
    p.send("publish a 100 work.x 1 0")
    assert counts(p.expect("published a"))["confirmed"] == 100


def test_large_bodies_are_cut_into_frames_and_back(url, probe):
    p = probe(url)
    p.send("publish big 3 work.x 1 0 1000000")
    assert counts(p.expect("published big"))["confirmed"] == 3
    p.send("consume probe.q 10 0 1")
    for i, found in enumerate(p.collect(r"delivery 1 \d+ 0 (.*)", 3)):
        assert found.group(1) == f"big-{i}" + " " * 1000000


def test_beyond_the_queue_it_says_busy(url, probe):
    p = probe(url)
    p.send("publish a 25000 work.x 1 0")
    end = counts(p.expect("published a"))
    assert end["refused"] > 0 and end["confirmed"] + end["refused"] == 25000


def test_reject_goes_to_the_dead_letters_requeue_comes_again(url, probe):
    p = probe(url)
    p.send("consume probe.q 10 0 0")
    p.expect("started")
    p.send("publish a 1 work.dead 1 0")
    generation, tag = p.expect(r"delivery (\d+) (\d+) 0 a-0").groups()
    p.send("requeue", generation, tag)
    generation, tag = p.expect(r"delivery (\d+) (\d+) 1 a-0").groups()
    p.send("reject", generation, tag)
    assert drain(channel(url), "probe.dead.q", 1)[0][2] == "a-0"


def test_prefetch_bounds_what_is_unsettled(url, probe):
    p = probe(url)
    p.send("publish a 20 work.x 1 0")
    p.expect("published a")
    p.send("consume probe.q 3 0 0")
    first = [m.groups() for m in p.collect(r"delivery (\d+) (\d+)", 3)]
    p.send("latency")  # a round trip: nothing else has come
    assert not p.expect(r"latency|(delivery)").group(1)
    p.send("ack", *first[0])
    p.expect(r"delivery \d+ \d+ 0 a-3")


def test_a_stopped_consumer_gets_nothing_and_keeps_nothing(url, probe):
    p = probe(url)
    p.send("consume probe.q 10 0 1")
    p.expect("started")
    p.ask("stop", "stopped")
    p.send("publish a 10 work.x 1 0")
    p.expect("published a")
    assert len(drain(channel(url), "probe.q", 10)) == 10
    assert not [line for line in p.lines if line.startswith("delivery")]
    p.send("consume probe.q 10 0 1")
    p.expect("started")
    p.send("publish b 1 work.x 1 0")
    p.expect(r"delivery 1 \d+ 0 b-0")


def test_a_body_nobody_could_want_is_dead_lettered(url, probe):
    p = probe(url)
    p.send("consume probe.q 10 0 1")
    p.expect("started")
    ch = channel(url)
    ch.confirm_delivery()
    ch.basic_publish("probe", "work.dead", b"x" * (5 << 20))
    ch.basic_publish("probe", "work.dead", b"small")
    p.expect(r"delivery \d+ \d+ 0 small")
    assert len(drain(ch, "probe.dead.q", 1)[0][2]) == 5 << 20


def test_events_come_through_an_exclusive_queue(url, probe):
    p = probe(url)
    p.send("consume - 0 1 0")
    p.expect("started")
    p.send("publish e 5000 event.x 0 0")
    got = [m.group(1) for m in p.collect(r"delivery 1 \d+ 0 (\S+)", 5000)]
    assert got == [f"e-{i}" for i in range(5000)]


# ---- what is wrong is said ----

def test_a_topology_that_does_not_fit_is_told_and_tried_again(url, probe):
    ch = channel(url)
    ch.queue_declare("probe.q", durable=True)  # classic, where a quorum queue is wanted
    p = probe(url, up=False)
    assert "PRECONDITION_FAILED" in p.expect("down (.*)").group(1)
    p.send("publish a 1 work.x 1 0")
    assert counts(p.expect("published a"))["unsent"] == 1
    ch.queue_delete("probe.q")
    p.expect("up")


def test_a_queue_deleted_under_the_consumer_is_made_again(url, probe):
    p = probe(url)
    p.send("consume probe.q 10 0 1")
    p.expect("started")
    channel(url).queue_delete("probe.q")
    p.expect("lost")
    p.expect("started")
    wait_up(p)
    p.send("publish a 1 work.x 1 0")
    p.expect(r"delivery 2 \d+ 0 a-0")


@pytest.mark.parametrize("change,reason", [
    (lambda u: u.replace("lonja:", "lonja:wrong"), "ACCESS_REFUSED"),
    (lambda u: u.rpartition("/")[0] + "/none", "vhost|NOT_ALLOWED"),
])
def test_a_refused_login_is_told(url, probe, change, reason):
    p = probe(change(url), up=False)
    p.expect(f"down .*({reason})")


# ---- absent brokers ----

def test_nobody_listens(probe):
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    p = probe(f"amqp://lonja:x@127.0.0.1:{port}/v", up=False)
    assert "refused" in p.expect("down (.*)").group(1)
    p.send("publish a 3 work.x 1 0")
    assert counts(p.expect("published a"))["unsent"] == 3
    assert int(p.ask("quit", r"freed (\d+)").group(1)) < FREED_MAX_US


def test_somebody_accepts_and_says_nothing(probe):
    with socket.create_server(("127.0.0.1", 0)) as s:
        p = probe(f"amqp://lonja:x@127.0.0.1:{s.getsockname()[1]}/v", up=False, stall_ms=LONG_STALL_MS)
        p.expect("down .*(timed out|timeout)")
        p.send("latency")
        assert int(p.expect(r"latency (\d+)").group(1)) < LATE_MAX_US
        assert int(p.ask("quit", r"freed (\d+)").group(1)) < FREED_MAX_US


def test_garbage_instead_of_a_broker(probe):
    with socket.create_server(("127.0.0.1", 0)) as s:
        def serve():
            try:
                while True:
                    c, _ = s.accept()
                    c.sendall(bytes(range(256)) * 64)
                    c.close()
            except OSError:
                pass
        threading.Thread(target=serve, daemon=True).start()
        p = probe(f"amqp://lonja:x@127.0.0.1:{s.getsockname()[1]}/v", up=False)
        p.expect("down")
        p.send("latency")
        assert int(p.expect(r"latency (\d+)").group(1)) < LATE_MAX_US


# ---- brokers that stop ----

def test_a_stopped_broker_is_never_felt_and_cut_in_time(own_rmq, probe):
    """SIGSTOP with publishes in flight: the loop stays quick, the socket is cut after BrokerStallSec."""
    p = probe(own_rmq.url(), stall_ms=LONG_STALL_MS)
    p.send("consume probe.q 100 0 1")
    p.expect("started")
    p.send("publish warm 100 work.x 1 0")
    p.expect("published warm")
    p.ask("latency", r"latency (\d+)")
    own_rmq.pause()
    try:
        start = time.monotonic()
        p.send("publish short 10 work.x 1 300")      # with a deadline of 300 ms
        p.send("publish big 100 work.x 1 0 500000")  # 50 MB: fills every buffer, so that the write blocks
        assert counts(p.expect("published short"))["timeout"] == 10
        assert not [line for line in p.lines if line.startswith("down")]  # their deadline ended them, not the cut
        p.expect("down", timeout=60)
        cut = time.monotonic() - start
        p.seen("published big")
        late = int(p.ask("latency", r"latency (\d+)").group(1))
        print(f"\nstopped broker: cut after {cut:.2f} s (stall {LONG_STALL_MS / 1000} s), loop at most {late} us late")
        assert cut > LONG_STALL_MS / 1000 * 0.9
        assert late < LATE_MAX_US
        p.send("publish after 3 work.x 1 0")
        assert counts(p.expect("published after"))["unsent"] == 3
    finally:
        own_rmq.cont()
    p.expect("up")
    p.send("publish again 10 work.x 1 0")
    assert counts(p.expect("published again"))["confirmed"] == 10


def test_leaving_a_stopped_broker_takes_a_tenth_of_a_second(own_rmq, probe):
    p = probe(own_rmq.url(), stall_ms=30000)
    own_rmq.pause()
    try:
        p.send("publish big 100 work.x 1 0 500000")
        time.sleep(0.3)  # the write blocks by now
        freed = int(p.ask("quit", r"freed (\d+)").group(1))
        print(f"\nfreed beside a stopped broker in {freed / 1000:.1f} ms")
        assert freed < FREED_MAX_US
        assert [line for line in p.lines if line.startswith("published big") and "other=100" in line]
    finally:
        own_rmq.cont()


def test_a_silent_broker_is_noticed_by_heartbeat(own_rmq, probe):
    """Nothing in flight, so nothing stalls: missed heartbeats end the connection."""
    p = probe(own_rmq.url(), heartbeat_ms=1000, stall_ms=60000)
    own_rmq.pause()
    try:
        p.expect("down .*heartbeat", timeout=60)
    finally:
        own_rmq.cont()
    p.expect("up")


def test_an_idle_link_keeps_its_heartbeats(own_rmq, probe):
    p = probe(own_rmq.url(), heartbeat_ms=1000)
    time.sleep(4)  # the broker closes after two missed intervals
    assert p.ask("state").string.startswith("state 1 1")
    assert "reconnects=0" in p.ask("metrics").string


def test_a_blocked_broker_is_away_for_publishers_and_keeps_what_it_has(own_rmq, probe):
    p = probe(own_rmq.url())
    own_rmq.eval("vm_memory_monitor:set_vm_memory_high_watermark({absolute, 1})")
    p.send("publish first 5 work.x 1 0")  # makes the broker tell this connection
    assert "memory" in p.expect("down (.*)").group(1)
    p.send("publish second 1 work.x 1 0")
    assert counts(p.expect("published second"))["unsent"] == 1
    time.sleep(STALL_MS / 1000 * 1.5)  # longer than a stall: a blocked connection is not cut
    own_rmq.eval("vm_memory_monitor:set_vm_memory_high_watermark({absolute, 512000000})")
    p.expect("up")
    assert counts(p.seen("published first"))["confirmed"] == 5


# ---- brokers that die ----

def test_kill9_under_load_loses_nothing_confirmed(own_rmq, probe, scale):
    """Everybody retries until confirmed: all is there, repeats allowed, and the link comes back by itself."""
    p = probe(own_rmq.url())
    n, kills = scale(3000, 20000), scale(2, 8)
    remember(own_rmq)
    p.send(f"pump a {n} work.x")
    for _ in range(kills):
        time.sleep(0.15)
        own_rmq.kill9()
        p.expect("down", timeout=60)
        own_rmq.start()
        p.expect("up", timeout=60)
    tries = int(p.seen(r"pumped a \d+ (\d+)", timeout=120).group(1))
    wanted = {f"a-{i}" for i in range(n)}
    bodies = drain_until(own_rmq.url(), "probe.q", wanted)
    print(f"\n{n} messages, {kills} kills: {tries} tries, {sum(bodies.values()) - n} repeats")
    assert set(bodies) == wanted


def test_unsettled_deliveries_come_again_and_stale_acks_do_no_harm(own_rmq, probe):
    p = probe(own_rmq.url())
    p.send("consume probe.q 10 0 0")
    p.expect("started")
    p.send("publish a 10 work.x 1 0")
    first = [m.groups() for m in p.collect(r"delivery (\d+) (\d+) 0", 10)]
    remember(own_rmq)
    own_rmq.kill9()
    p.expect("lost")
    own_rmq.start()
    p.expect("started", timeout=60)
    for generation, tag in first:  # of the dead connection
        p.send("ack", generation, tag)
    again = p.collect(r"delivery (\d+) (\d+) (\d) (\S+)", 10)
    assert {m.group(4) for m in again} == {f"a-{i}" for i in range(10)}
    assert {m.group(1) for m in again} == {"2"}
    for m in again:
        p.send("ack", *m.groups()[:2])
    wait_up(p)
    p.send("publish b 1 work.x 1 0")
    p.expect(r"delivery 2 \d+ 0 b-0")  # the connection lives: no unknown tag was sent
    p.close()
    assert [body for _, _, body in drain(channel(own_rmq.url()), "probe.q")] == ["b-0"]


def test_restart_brings_the_exclusive_queue_back(own_rmq, probe):
    p = probe(own_rmq.url())
    p.send("consume - 0 1 0")
    p.expect("started")
    own_rmq.restart()
    p.expect("lost")
    p.expect("started", timeout=60)
    wait_up(p)
    p.send("publish e 3 event.x 0 0")
    p.collect(r"delivery 2 \d+ 0 e-\d", 3)


# ---- TLS ----

def test_amqps(own_rmq, probe):
    d = own_rmq.directory
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-addext", "subjectAltName=DNS:localhost", "-keyout", f"{d}/key.pem", "-out", f"{d}/cert.pem"],
                   check=True, capture_output=True)
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    own_rmq.stop()
    with open(f"{d}/rabbitmq.conf", "a") as f:
        f.write(f"listeners.ssl.1 = 127.0.0.1:{port}\nssl_options.certfile = {d}/cert.pem\n"
                f"ssl_options.keyfile = {d}/key.pem\nssl_options.verify = verify_none\n")
    own_rmq.start()
    url = own_rmq.url().replace("amqp://", "amqps://").replace(f"127.0.0.1:{own_rmq.port}", f"localhost:{port}")
    # a stranger's certificate is refused
    p = probe(url, up=False)
    p.expect("down .*(SSL|TLS|certificate)")
    p.close()
    p = Probe(program("mq-probe"), url, STALL_MS, 10000, 1024, f"{d}/cert.pem")
    p.expect("up")
    p.send("publish a 100 work.x 1 0 20000")
    assert counts(p.expect("published a"))["confirmed"] == 100
    p.send("consume probe.q 10 0 1")
    p.collect(r"delivery 1 \d+ 0 a-\d+", 100)
    p.close()

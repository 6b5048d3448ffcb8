# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""src/rpc with Debian's python3-grpcio: every kind of call, every way that one ends."""

import os
import threading

import grpc
import pytest

import h2raw
from h2raw import DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, Peer, frame, message, request
from rpcprobe import PATIENCE, RpcProbe, make_certificate, status_of

UNARY = "/lonja.test.Echo/Unary"
MB = 1024 * 1024


@pytest.fixture(scope="module", params=["grpc", "grpcs"])
def door(request, tmp_path_factory):
    """(probe, echo service) by plain HTTP/2 and by TLS."""
    directory = str(tmp_path_factory.mktemp("rpc"))
    ca = make_certificate(directory)
    with RpcProbe(directory, tls=directory) as probe:
        yield probe, probe.echo(probe.channel(request.param, ca if request.param == "grpcs" else None))


@pytest.fixture(scope="module")
def probe(tmp_path_factory):
    with RpcProbe(str(tmp_path_factory.mktemp("rpc"))) as probe:
        yield probe


def wait_stats(probe, condition):
    for _ in range(PATIENCE * 50):
        stats = probe.stats()
        if condition(stats):
            return stats
        threading.Event().wait(0.02)
    raise AssertionError(f"it never came to that: {stats}")


# ---- calls ----


def test_unary_and_metadata(door):
    probe, echo = door
    answer, call = echo.Unary.with_call(
        probe.request(text="¿qué tal?", payload=b"\0\xff" * 500), timeout=PATIENCE,
        metadata=(("x-echo", "a b"), ("x-echo-bin", b"\0\1\xff"), ("x-request-id", "probe-1")))
    assert (answer.text, answer.payload) == ("¿qué tal?", b"\0\xff" * 500)
    initial = dict(call.initial_metadata())
    assert initial["x-echo"] == "a b" and initial["x-request-id"] == "probe-1"
    assert dict(call.trailing_metadata())["x-echo-bin"] == b"\0\1\xff"


@pytest.mark.parametrize("code", range(1, 17))
def test_every_status(door, code):
    probe, echo = door
    name = next(c.name for c in grpc.StatusCode if c.value[0] == code)
    text = "ñandú 100%, 'so'\n"
    assert status_of(lambda: echo.Unary(probe.request(code=code, detail=text), timeout=PATIENCE)) == (name, text)
    stream = echo.Many(probe.request(count=3, size=10, code=code, detail="later"), timeout=PATIENCE)
    assert [next(stream).count for _ in range(3)] == [1, 2, 3]
    assert status_of(lambda: next(stream)) == (name, "later")


def test_a_long_detail_is_cut(door):
    probe, echo = door
    code, details = status_of(lambda: echo.Unary(probe.request(code=9, detail="x" * 20000), timeout=PATIENCE))
    assert code == "FAILED_PRECONDITION" and 1000 <= len(details) <= 1024


def test_twenty_megabytes_each_way(door):
    probe, echo = door
    answers = echo.Many(probe.request(count=200, size=100 * 1024), timeout=PATIENCE)
    assert sum(len(a.payload) for a in answers) == 20000 * 1024
    answer = echo.Gather((probe.request(payload=b"x" * MB) for _ in range(20)), timeout=PATIENCE)
    assert (answer.count, answer.total) == (20, 20 * MB)


def test_chat(door):
    probe, echo = door
    n = 500
    answers = list(echo.Chat((probe.request(text=str(i), payload=b"y" * 5000) for i in range(n)), timeout=PATIENCE))
    assert [a.text for a in answers] == [str(i) for i in range(n)]


def test_a_slow_handler_slows_its_client(door):
    """The handler pauses after each message; nothing is lost, and no more is held than the windows."""
    probe, echo = door
    answer = echo.Gather((probe.request(payload=b"z" * 200000, delay_msec=10) for _ in range(20)), timeout=PATIENCE)
    assert (answer.count, answer.total) == (20, 4000000)


def test_early_end_of_a_client_stream(door):
    """The status is known before the client has sent all: it learns of it, and stops."""
    probe, echo = door
    def many():
        for i in range(100000):
            yield probe.request(payload=b"x" * 1000, code=9 if i == 3 else 0, detail="enough")
    assert status_of(lambda: echo.Gather(many(), timeout=PATIENCE)) == ("FAILED_PRECONDITION", "enough")


def test_concurrent_streams(door, scale):
    """All at once on one connection, all open at the same time."""
    probe, echo = door
    n = 300
    before = probe.stats().told
    calls = [echo.Unary.future(probe.request(never=True), timeout=PATIENCE) for _ in range(n)]
    wait_stats(probe, lambda s: s.running == n)
    assert echo.Unary(probe.request(text="still served"), timeout=PATIENCE).text == "still served"
    for call in calls:
        call.cancel()
    stats = wait_stats(probe, lambda s: s.running == 0)
    assert stats.told == before + n + 1


# ---- ends ----


def test_deadline(door):
    probe, echo = door
    before = probe.stats().told
    assert status_of(lambda: echo.Unary(probe.request(never=True), timeout=0.2))[0] == "DEADLINE_EXCEEDED"
    assert wait_stats(probe, lambda s: s.running == 0).told == before + 1


def test_deadline_by_the_server(tmp_path):
    """A client that gives no deadline has CallTimeoutSec; one that gives a longer one has that."""
    with RpcProbe(str(tmp_path), conf={"CallTimeoutSec": "500ms"}) as probe:
        echo = probe.echo()
        assert status_of(lambda: echo.Unary(probe.request(never=True))) == (
            "DEADLINE_EXCEEDED", "timeout: it took too long")
        assert echo.Unary(probe.request(text="x", delay_msec=1500), timeout=PATIENCE).text == "x"


def test_cancel(door):
    probe, echo = door
    before = probe.stats().told
    call = echo.Unary.future(probe.request(never=True))
    stream = echo.Many(probe.request(count=2, size=1, never=True))
    assert next(stream).count == 1 and next(stream).count == 2
    wait_stats(probe, lambda s: s.running == 2)
    call.cancel()
    stream.cancel()
    assert wait_stats(probe, lambda s: s.running == 0).told == before + 2


def test_disconnect(probe):
    channel = probe.channel()
    call = probe.echo(channel).Unary.future(probe.request(never=True))
    before = wait_stats(probe, lambda s: s.running == 1).told
    channel.close()
    assert wait_stats(probe, lambda s: s.running == 0).told == before + 1
    assert call.done()


# ---- refusals ----


def test_unknown_methods(door):
    probe, echo = door
    nothing = probe.channels[0].unary_unary("/lonja.test.Echo/Nothing")
    assert status_of(lambda: nothing(b"", timeout=PATIENCE))[0] == "UNIMPLEMENTED"
    nothing = probe.channels[0].unary_unary("/nothing/at/all")
    assert status_of(lambda: nothing(b"", timeout=PATIENCE))[0] == "UNIMPLEMENTED"


def test_compression_is_refused(probe):
    channel = probe.channel(grpc__default_compression_algorithm=2)
    call = probe.echo(channel).Unary
    with pytest.raises(grpc.RpcError) as error:
        call(probe.request(text="x" * 1000), timeout=PATIENCE, compression=grpc.Compression.Gzip)
    assert error.value.code().name == "UNIMPLEMENTED"


def test_limits_of_messages(probe):
    echo = probe.echo()
    code, details = status_of(lambda: echo.Small(probe.request(payload=b"x" * 1100), timeout=PATIENCE))
    assert code == "RESOURCE_EXHAUSTED" and details.startswith("body-too-large: ")
    assert echo.Small(probe.request(payload=b"x" * 900), timeout=PATIENCE)
    code, _ = status_of(lambda: echo.Unary(probe.request(payload=b"x" * (4 * MB)), timeout=PATIENCE))
    assert code == "RESOURCE_EXHAUSTED"
    assert len(echo.Unary(probe.request(payload=b"x" * (4 * MB - 100)), timeout=PATIENCE).payload) == 4 * MB - 100


def test_bad_messages(probe):
    raw = probe.channel().unary_unary(UNARY)
    for bytes_ in (b"\x0a\x05ab", b"\x0a\x02\xc3\x28", b"\x0a\x03a\0b", b"\xff\xff"):
        code, details = status_of(lambda b=bytes_: raw(b, timeout=PATIENCE))
        assert code == "INVALID_ARGUMENT" and details.startswith("bad-message: ")
    deep = b""
    for _ in range(3000):
        n = len(deep)
        deep = b"\x4a" + (bytes([n]) if n < 128 else bytes([n & 127 | 128, n >> 7])) + deep
        if n > 16000:
            break
    assert status_of(lambda: raw(deep, timeout=PATIENCE))[0] == "INVALID_ARGUMENT"


def test_too_much_metadata(probe):
    echo = probe.echo()
    assert status_of(lambda: echo.Unary(probe.request(), timeout=PATIENCE, metadata=[
        (f"x-{i}", "y" * 500) for i in range(40)]))[0] == "RESOURCE_EXHAUSTED"


def answer_of(peer, stream):
    """Frames of one stream up to its end: (payloads of HEADERS, whether RST_STREAM came)."""
    headers, is_reset = [], False
    while True:
        f = peer.next()
        assert f, "the connection ended"
        if f[2] != stream:
            continue
        if f[0] == HEADERS:
            headers.append(f[3])
        if f[0] == RST_STREAM:
            is_reset = True
        if f[1] & END_STREAM or is_reset:
            return headers, is_reset


def test_what_is_not_grpc(probe):
    """405 and 415 in HTTP's own terms; status 405 and 415 are literal texts in the header block."""
    with Peer(probe.address()) as peer:
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, request(UNARY, verb="GET")))
        headers, _ = answer_of(peer, 1)
        assert len(headers) == 1
        for stream, content_type in ((3, "application/json"), (5, None), (7, "application/grpc+json")):
            peer.send(frame(HEADERS, END_HEADERS | END_STREAM, stream, request(UNARY, content_type=content_type)))
            assert len(answer_of(peer, stream)[0]) == 1
        # The connection is as good as before.
        peer.send(frame(HEADERS, END_HEADERS, 9, request(UNARY)) + frame(DATA, END_STREAM, 9, message(b"\x0a\x01x")))
        assert len(answer_of(peer, 9)[0]) == 2


@pytest.mark.parametrize("body", [b"", message(b"") + message(b""), message(b"", flag=1), message(b"", flag=7),
                                  message(b"\x0a\x01x")[:-1]], ids=["none", "two", "compressed", "flag", "cut"])
def test_odd_bodies(probe, body):
    with Peer(probe.address()) as peer:
        peer.send(frame(HEADERS, END_HEADERS, 1, request(UNARY)) + frame(DATA, END_STREAM, 1, body))
        headers, is_reset = answer_of(peer, 1)
        assert len(headers) == 1 and not is_reset, "not trailers-only"


def test_bad_timeouts(probe):
    with Peer(probe.address()) as peer:
        for stream, text in zip(range(1, 20, 2), ("", "1", "S", "123456789S", "1x", "-1S")):
            peer.send(frame(HEADERS, END_HEADERS, stream, request(UNARY, ("grpc-timeout", text))) +
                      frame(DATA, END_STREAM, stream, message(b"")))
            assert len(answer_of(peer, stream)[0]) == 1


# ---- connections ----


def test_keepalive(probe):
    """Pings are answered; a client that pings all the while is served."""
    channel = probe.channel(grpc__keepalive_time_ms=200, grpc__keepalive_permit_without_calls=1,
                            grpc__http2__max_pings_without_data=0)
    answer = probe.echo(channel).Unary(probe.request(text="x", delay_msec=1500), timeout=PATIENCE)
    assert answer.text == "x"
    with Peer(probe.address()) as peer:
        peer.send(frame(PING, 0, 0, b"lonja..."))
        pong = peer.until(PING)
        assert pong[1] == 1 and pong[3] == b"lonja..."


def test_idle_connections_are_ended(tmp_path):
    with RpcProbe(str(tmp_path), conf={"KeepAliveSec": 1}) as probe:
        with Peer(probe.address()) as peer:
            assert peer.until_end() == 0


def test_drain(tmp_path):
    """SIGTERM: open calls finish, endless ones end with UNAVAILABLE, health says so before; then the process is gone."""
    probe = RpcProbe(str(tmp_path))
    channel = probe.channel()
    echo, health = probe.echo(channel), probe.service("grpc.health.v1.Health", channel)
    watch = health.Watch(health.type("HealthCheckRequest")(service="lonja.test.Echo"))
    assert next(watch).status == 1
    slow = echo.Unary.future(probe.request(text="finished", delay_msec=2000), timeout=PATIENCE)
    endless = echo.Many(probe.request(count=1, size=1, never=True))
    assert next(endless).count == 1
    wait_stats(probe, lambda s: s.running == 2)
    with Peer(probe.address()) as peer:
        peer.until(h2raw.SETTINGS)
        probe.signal()
        assert peer.until(GOAWAY)
        assert next(watch).status == 2
        code, details = status_of(lambda: next(watch))
        assert code == "UNAVAILABLE" and details.startswith("shutting-down: ")
        assert status_of(lambda: next(endless))[0] == "UNAVAILABLE"
        assert slow.result(PATIENCE).text == "finished"
        assert peer.until_end() == 0
    assert probe.wait() == 0
    # Who comes now waits in the socket for the next process.
    late = probe.echo(probe.channel()).Unary.future(probe.request(text="late"), timeout=PATIENCE)
    probe.start()
    assert late.result(PATIENCE).text == "late"
    probe.close()


def test_the_end_of_the_grace(tmp_path):
    """A call that outlives DrainSec ends with UNAVAILABLE."""
    probe = RpcProbe(str(tmp_path), service={"DrainSec": 1})
    call = probe.echo().Unary.future(probe.request(never=True), timeout=PATIENCE)
    wait_stats(probe, lambda s: s.running == 1)
    probe.signal()
    assert status_of(lambda: call.result(PATIENCE))[0] == "UNAVAILABLE"
    assert probe.wait() == 0
    probe.close()


def test_idle_exit(tmp_path):
    """Connections without calls do not keep the process; a call does."""
    probe = RpcProbe(str(tmp_path), service={"IdleExitSec": 1})
    channel = probe.channel()
    assert probe.echo(channel).Unary(probe.request(text="x", delay_msec=2500), timeout=PATIENCE).text == "x"
    assert probe.wait() == 0
    probe.start()
    assert probe.echo(channel).Unary(probe.request(text="again"), timeout=PATIENCE, wait_for_ready=True).text == "again"
    channel.close()
    assert probe.wait() == 0
    probe.close()


def test_memory_comes_back(probe, scale):
    """After a burst of large messages the daemon is small again."""
    echo = probe.echo()
    before = probe.rss
    for _ in range(scale(5, 50)):
        calls = [echo.Unary.future(probe.request(payload=b"x" * MB), timeout=PATIENCE) for _ in range(8)]
        for call in calls:
            try:
                call.result(PATIENCE)
            except grpc.RpcError as e:
                assert e.code().name == "RESOURCE_EXHAUSTED"
    assert wait_stats(probe, lambda s: s.buffered < 4096)
    if "san" not in os.environ.get("LONJA_BUILD", ""):
        for _ in range(PATIENCE * 10):
            if probe.rss - before < 8 * 1024:
                break
            threading.Event().wait(0.1)
        else:
            pytest.fail(f"{before} kB before, {probe.rss} kB now")

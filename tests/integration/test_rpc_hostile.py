# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Peers that mean no good, against src/rpc: the process lives, others are served, memory stays bounded and comes back."""

import os
import socket
import struct
import threading

import grpc
import pytest

import h2raw
from h2raw import (CONTINUATION, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, PING, RST_STREAM, SETTINGS,
                   WINDOW_UPDATE, Peer, frame, message, request)
from rpcprobe import PATIENCE, RpcProbe, make_certificate

UNARY = "/lonja.test.Echo/Unary"
MANY = "/lonja.test.Echo/Many"
CALM = 11  # ENHANCE_YOUR_CALM
RSS_MAX_KB = 48 * 1024  # beyond what it took before
NEVER = b"\x40\x01"  # EchoRequest{never: true}
SANITIZED = "san" in os.environ.get("LONJA_BUILD", "")


@pytest.fixture
def probe(tmp_path):
    with RpcProbe(str(tmp_path)) as p:
        yield p


@pytest.fixture
def impatient(tmp_path):
    """Waits two seconds for a client that takes nothing."""
    with RpcProbe(str(tmp_path), conf={"CallTimeoutSec": 2}) as p:
        yield p


class Bystander(threading.Thread):
    """A client that wants nothing but its calls answered, all the while."""

    def __init__(self, probe):
        super().__init__()
        self.echo, self.request = probe.echo(probe.channel()), probe.request(text="x")
        self.n, self.error, self.stopping = 0, None, threading.Event()
        self.start()

    def run(self):
        try:
            while not self.stopping.is_set():
                assert self.echo.Unary(self.request, timeout=PATIENCE).text == "x"
                self.n += 1
        except (grpc.RpcError, AssertionError) as e:
            self.error = e

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        self.stopping.set()
        self.join(PATIENCE)
        if kind is None:
            assert self.error is None and self.n > 0


def judge(probe, before, bound=RSS_MAX_KB):
    """Alive, serving, and not grown; sanitizers keep what was freed, so they judge no memory."""
    assert probe.is_alive()
    assert probe.echo().Unary(probe.request(text="after"), timeout=PATIENCE).text == "after"
    if not SANITIZED:
        assert probe.rss - before < bound, f"{before} kB before, {probe.rss} kB now"


def wait_stats(probe, condition):
    deadline = threading.Event()
    for _ in range(PATIENCE * 20):
        stats = probe.stats()
        if condition(stats):
            return stats
        deadline.wait(0.05)
    raise AssertionError(f"it never came to that: {stats}")


def test_rapid_reset(probe, scale):
    """Streams that are opened and reset at once (CVE-2023-44487): the connection ends, and each new one likewise."""
    before = probe.rss
    n = scale(20000, 200000)
    opening = request(UNARY)
    with Bystander(probe):
        sent = 0
        while sent < n:
            with Peer(probe.address()) as peer:
                code = None
                for i in range(1, 40000, 2):
                    sent += 1
                    if not peer.try_send(frame(HEADERS, END_HEADERS, i, opening) +
                                         frame(RST_STREAM, 0, i, struct.pack(">I", 8))):
                        break
                    if sent >= n:
                        break
                else:
                    code = peer.until_end()
                assert code in (None, CALM, 0, 1)
    assert probe.stats().punished > 0
    wait_stats(probe, lambda s: s.running == 0)
    judge(probe, before)


def test_made_resets(probe, scale):
    """Errors that make the server reset streams of its own (CVE-2025-8671) are counted like the client's own resets."""
    with Peer(probe.address()) as peer:
        opening = request(UNARY)
        for i in range(1, scale(20000, 60000), 2):
            # A window beyond 2^31 is an error of the stream.
            if not peer.try_send(frame(HEADERS, END_HEADERS, i, opening) + frame(WINDOW_UPDATE, 0, i, b"\x7f\xff\xff\xff")):
                break
        assert peer.until_end() in (None, CALM)
    assert wait_stats(probe, lambda s: s.punished > 0)
    judge(probe, probe.rss)


def test_continuation_flood(probe, scale):
    """Headers that never end (CVE-2024-27316)."""
    before = probe.rss
    with Bystander(probe):
        for _ in range(scale(5, 50)):
            with Peer(probe.address()) as peer:
                peer.send(frame(HEADERS, END_STREAM, 1, request(UNARY)))
                for i in range(10000):
                    if not peer.try_send(frame(CONTINUATION, 0, 1, h2raw.field(f"x-{i}", "y" * 1000))):
                        break
                peer.until_end()
    assert probe.stats().punished == scale(5, 50)
    judge(probe, before)


def test_oversized_metadata(probe):
    """Too much metadata ends the call, not the connection; a header block beyond all measure ends that."""
    with Peer(probe.address()) as peer:
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 1, request(UNARY, *((f"x-{i}", "y" * 500) for i in range(28)))))
        answer = peer.until(HEADERS, 1)
        assert answer and answer[1] & END_STREAM, "no trailers-only answer"
        many = request(UNARY, *((f"x-{i}", "y" * 60) for i in range(200)))
        peer.send(frame(HEADERS, END_HEADERS | END_STREAM, 3, many[:16000]) if len(many) <= 16000 else
                  frame(HEADERS, END_STREAM, 3, many[:16000]) + frame(CONTINUATION, END_HEADERS, 3, many[16000:]))
        assert peer.until(HEADERS, 3)
    big = b"".join(h2raw.field(f"x-{i}", "y" * 4000) for i in range(30))
    with Peer(probe.address()) as peer:
        parts = [big[i:i + 16000] for i in range(0, len(big), 16000)]
        data = frame(HEADERS, END_STREAM, 1, request(UNARY))
        data += b"".join(frame(CONTINUATION, END_HEADERS if p is parts[-1] else 0, 1, p) for p in parts)
        peer.try_send(data)
        while True:
            f = peer.next()
            if f is None or f[0] in (GOAWAY, RST_STREAM, HEADERS):
                break
    judge(probe, probe.rss)


def test_half_uploads(probe, scale):
    """Large messages that stop in the middle: one connection gets its share and no more, and all of it comes back."""
    before = probe.rss
    chunk = b"z" * 16000
    peers = []
    with Bystander(probe):
        for _ in range(scale(4, 16)):
            peer = Peer(probe.address(), timeout=5)
            peers.append(peer)
            for stream in range(1, 201, 2):
                peer.send(frame(HEADERS, END_HEADERS, stream, request(UNARY)))
                peer.send(frame(DATA, 0, stream, message(b"", size=4 * 1024 * 1024)))
            # As much as the connection's window lets through; the server stops granting at its budget.
            window = 65535
            for i in range(scale(2000, 8000)):
                stream = 1 + 2 * (i % 100)
                while window < len(chunk):
                    f = peer.next()
                    if f is None:
                        break
                    if f[0] == WINDOW_UPDATE and f[2] == 0:
                        window += int.from_bytes(f[3], "big")
                if not peer.try_send(frame(DATA, 0, stream, chunk)):
                    break
                window -= len(chunk)
        stats = probe.stats()
        assert stats.buffered < 17 * 1024 * 1024 * len(peers)
        assert stats.refused > 0, "nothing was refused"
    for peer in peers:
        peer.close()
    wait_stats(probe, lambda s: s.connections <= 2 + len(probe.channels) and s.buffered < 4096)
    judge(probe, before, 2 * RSS_MAX_KB)


def test_zero_window(impatient, scale):
    """Clients that ask for much and take nothing: what waits for them is bounded, and they are let go of."""
    probe = impatient
    before = probe.rss
    payload = b"\x30\xff\xff\x03\x38\x80\x80\x04"  # EchoRequest{count: 65535, size: 65536}
    peers = []
    with Bystander(probe):
        for _ in range(scale(3, 20)):
            peer = Peer(probe.address(), settings=[(4, 0)])  # INITIAL_WINDOW_SIZE
            peers.append(peer)
            for stream in range(1, 241, 2):
                peer.send(frame(HEADERS, END_HEADERS, stream, request(MANY)) +
                          frame(DATA, END_STREAM, stream, message(payload)))
        stats = wait_stats(probe, lambda s: s.open_calls >= 1 or s.refused > 0)
        assert stats.buffered < 17 * 1024 * 1024 * len(peers)
        # CallTimeoutSec later nobody waits any more.
        wait_stats(probe, lambda s: s.running <= 1 and s.buffered < 4096)
    for peer in peers:
        peer.close()
    judge(probe, before, 2 * RSS_MAX_KB)


def test_reads_nothing(impatient, scale):
    """A client that sends and never reads its socket: its own connection stands still, and ends."""
    probe = impatient
    before = probe.rss
    with Bystander(probe):
        peer = Peer(probe.address(), settings=[(4, 0x7fffffff)], timeout=1)
        peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        peer.send(frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 0x7fff0000)))
        ask = message(b"\x38\x80\x80\x40")  # EchoRequest{size: 1048576}
        try:
            for stream in range(1, scale(401, 4001), 2):
                peer.send(frame(HEADERS, END_HEADERS, stream, request(UNARY)) + frame(DATA, END_STREAM, stream, ask))
        except OSError:
            pass  # the server does not read from who does not read
        wait_stats(probe, lambda s: s.connections <= len(probe.channels))
        peer.close()
    judge(probe, before)


@pytest.mark.parametrize("kind", ["ping", "settings", "priority", "empty data", "window"])
def test_floods_of_small_frames(probe, scale, kind):
    """Frames that cost nothing to send: answered or ignored, never kept."""
    before = probe.rss
    one = {"ping": frame(PING, 0, 0, b"12345678"), "settings": frame(SETTINGS, 0, 0, struct.pack(">HI", 3, 100)),
           "priority": frame(2, 0, 1, struct.pack(">IB", 0, 16)), "empty data": frame(DATA, 0, 1),
           "window": frame(WINDOW_UPDATE, 0, 0, struct.pack(">I", 1))}[kind]
    with Bystander(probe):
        peer = Peer(probe.address(), timeout=2)
        peer.send(frame(HEADERS, END_HEADERS, 1, request(UNARY)))
        try:
            for _ in range(scale(20, 500)):
                peer.send(one * 1000)
        except OSError:
            pass  # it was stopped, or is not read from
        peer.close()
    judge(probe, before)


def test_no_http2(tmp_path):
    """What speaks another protocol, or nothing, costs one connection and is shown the door."""
    with RpcProbe(str(tmp_path)) as probe:
        for hello in (b"GET / HTTP/1.1\r\nHost: x\r\n\r\n", b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03", os.urandom(300)):
            with Peer(probe.address(), preface=False) as peer:
                peer.try_send(hello)
                peer.until_end()
        silent = Peer(probe.address(), preface=False)
        assert silent.socket.recv(100), "no SETTINGS"
        assert probe.stats().punished == 3
        while silent.next():
            pass
        assert probe.stats().punished == 4
        judge(probe, probe.rss)


def test_many_connections(tmp_path, scale):
    """Beyond MaxConnections they wait, and are served when others leave."""
    with RpcProbe(str(tmp_path), conf={"MaxConnections": 20}) as probe:
        peers = [Peer(probe.address()) for _ in range(19)]
        for peer in peers:
            assert peer.until(SETTINGS)
        channel = probe.channel()
        assert probe.echo(channel).Unary(probe.request(text="in"), timeout=PATIENCE).text == "in"
        late = Peer(probe.address(), timeout=1)
        with pytest.raises(socket.timeout):
            late.next()
        peers.pop().close()
        late.socket.settimeout(PATIENCE)
        assert late.until(SETTINGS)
        for peer in peers + [late]:
            peer.close()


def test_disconnects(probe, scale):
    """Connections that vanish in the middle of calls: each operation hears it once, nothing is left."""
    n = scale(50, 1000)
    for i in range(n):
        with Peer(probe.address()) as peer:
            for stream in (1, 3, 5):
                peer.send(frame(HEADERS, END_HEADERS, stream, request(UNARY)) +
                          frame(DATA, END_STREAM, stream, message(NEVER)))
            peer.send(frame(PING, 0, 0, b"........"))
            while True:  # the calls have begun when their successor in the stream is answered
                f = peer.until(PING)
                assert f, "the connection ended"
                break
            if i % 2:
                peer.socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
    stats = wait_stats(probe, lambda s: s.running == 0)
    assert stats.told == 3 * n


def test_tls_needs_h2(tmp_path):
    """A client that agrees on another protocol, or says nothing of protocols, fails the handshake."""
    import ssl

    ca = make_certificate(str(tmp_path))
    with RpcProbe(str(tmp_path), tls=str(tmp_path)) as probe:
        for protocols in (None, ["http/1.1"]):
            context = ssl.create_default_context(cafile=ca)
            if protocols:
                context.set_alpn_protocols(protocols)
            with socket.create_connection(probe.address("grpcs"), timeout=PATIENCE) as plain:
                with pytest.raises((ssl.SSLError, ConnectionError, EOFError)):
                    with context.wrap_socket(plain, server_hostname="localhost") as tls:
                        tls.settimeout(PATIENCE)
                        tls.sendall(h2raw.PREFACE)
                        if not tls.recv(100):
                            raise EOFError
        channel = probe.channel("grpcs", ca)
        assert probe.echo(channel).Unary(probe.request(text="safe"), timeout=PATIENCE).text == "safe"

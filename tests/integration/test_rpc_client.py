# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The gRPC client of src/rpc, by tests/lib/ask-probe: against src/rpc's server, python3-grpcio's, and one that is
neither."""

import concurrent.futures
import socket
import subprocess
import threading

import grpc
import pytest

import grpcs
from h2raw import ACK, DATA, END_HEADERS, END_STREAM, GOAWAY, HEADERS, RST_STREAM, SETTINGS, field, frame, message
from probe import program
from rpcprobe import PATIENCE, RpcProbe, make_certificate

UNARY, MANY = "/lonja.test.Echo/Unary", "/lonja.test.Echo/Many"


class Asker:
    """ask-probe, and what it has said of each ask."""

    def __init__(self, port, ca=None):
        self.process = subprocess.Popen([program("ask-probe"), str(port), *([ca] if ca else [])], text=True,
                                        stdin=subprocess.PIPE, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        self.said, self.changed = {}, threading.Condition()
        self.reader = threading.Thread(target=self._read, daemon=True)
        self.reader.start()

    def _read(self):
        for line in self.process.stdout:
            name, _, rest = line.rstrip("\n").partition(" ")
            with self.changed:
                self.said.setdefault(name, []).append(rest)
                self.changed.notify_all()

    def tell(self, line):
        self.process.stdin.write(line + "\n")
        self.process.stdin.flush()

    def ask(self, name, method=UNARY, timeout=0, every=0, count=0, size=0, code=0, never=0, delay=0):
        self.tell(f"ask {name} {method} {timeout} {every} {count} {size} {code} {never} {delay}")

    def wait(self, name, condition):
        """Until it is true of what was said of this ask, which is returned."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self.said.get(name, [])), PATIENCE), self.said.get(name)
            return list(self.said[name])

    def end(self, name):
        """(code, number of messages, detail)"""
        last = self.wait(name, lambda said: said and said[-1].startswith("end "))[-1]
        _, code, n, detail = last.split(" ", 3)
        return code, int(n), detail

    def messages(self, name):
        return [tuple(int(x) for x in said.split()[1:3]) for said in self.said.get(name, [])
                if said.startswith("message ")]

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.process.stdin.close()
        assert self.process.wait(PATIENCE) == 0, self.process.stderr.read()
        self.reader.join(PATIENCE)
        told = self.process.stderr.read()
        assert not told, told
        self.process.stdout.close()
        self.process.stderr.close()


class Foreign:
    """python3-grpcio's server of lonja.test.Echo."""

    def __init__(self, credentials=None):
        self.protos = grpcs.Protos(grpcs.build_path("tests", "lib", "echo.set"))
        self.response = self.protos.message("lonja.test.EchoResponse")
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(8))
        kinds = {"Unary": (grpc.unary_unary_rpc_method_handler, self.unary),
                 "Many": (grpc.unary_stream_rpc_method_handler, self.many)}
        request = self.protos.message("lonja.test.EchoRequest").FromString
        self.server.add_generic_rpc_handlers((grpc.method_handlers_generic_handler("lonja.test.Echo", {
            name: kind(fn, request, self.response.SerializeToString) for name, (kind, fn) in kinds.items()}),))
        self.port = (self.server.add_secure_port("127.0.0.1:0", credentials) if credentials else
                     self.server.add_insecure_port("127.0.0.1:0"))
        self.server.start()

    def begin(self, request, context):
        context.send_initial_metadata((("x-request-id", "foreign"),))
        assert ("authorization", "Bearer a-token") in [tuple(m) for m in context.invocation_metadata()]
        if request.never:
            ended = threading.Event()
            if context.add_callback(ended.set):
                ended.wait(PATIENCE)

    def unary(self, request, context):
        self.begin(request, context)
        if request.code:
            context.abort(next(c for c in grpc.StatusCode if c.value[0] == request.code), request.detail)
        return self.response(text=request.text, payload=b"x" * request.size)

    def many(self, request, context):
        self.begin(request, context)
        for i in range(request.count):
            yield self.response(count=i + 1, payload=b"x" * request.size)
        if request.code:
            context.abort(next(c for c in grpc.StatusCode if c.value[0] == request.code), request.detail)

    def close(self):
        self.server.stop(None).wait()


@pytest.fixture(scope="module", params=["ours", "ours-tls", "foreign", "foreign-tls"])
def asker(request, tmp_path_factory):
    directory = str(tmp_path_factory.mktemp("rpc"))
    ca = make_certificate(directory)
    used_ca = ca if request.param.endswith("-tls") else None
    if request.param.startswith("ours"):
        with RpcProbe(directory, tls=directory) as probe:
            with Asker(probe.address("grpcs" if used_ca else "grpc")[1], used_ca) as asker:
                yield asker
        return
    with open(f"{directory}/lonja_tls.key", "rb") as key, open(ca, "rb") as certificate:
        credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())]) if used_ca else None
    server = Foreign(credentials)
    with Asker(server.port, used_ca) as asker:
        yield asker
    server.close()


@pytest.fixture(scope="module")
def names():
    numbers = iter(range(10 ** 6))
    return lambda: f"a{next(numbers)}"


def test_unary(asker, names):
    name = names()
    asker.ask(name, size=1000)
    assert asker.end(name) == ("OK", 1, "")
    assert asker.said[name] == ["opened", f"message 0 1000 {name}", "end OK 1 "]


def test_every_status(asker, names):
    for code in range(1, 17):
        name, stream = names(), names()
        asker.ask(name, code=code)
        asker.ask(stream, MANY, count=3, size=10, code=code)
        expected = next(c.name for c in grpc.StatusCode if c.value[0] == code)
        assert asker.end(name) == (expected, 0, "as asked")
        assert asker.end(stream) == (expected, 3, "as asked")
        assert asker.messages(stream) == [(1, 10), (2, 10), (3, 10)]


def test_more_than_any_window(asker, names):
    name = names()
    asker.ask(name, MANY, count=40, size=300000)
    assert asker.end(name)[:2] == ("OK", 40)
    assert asker.messages(name) == [(i + 1, 300000) for i in range(40)]


def test_pauses_hold_up_one_ask_alone(asker, names):
    slow = names()
    asker.ask(slow, MANY, every=7, count=30, size=100000)
    asker.wait(slow, lambda said: len(said) == 8)
    for name in [names() for _ in range(3)]:
        asker.ask(name, MANY, count=20, size=100000)
        assert asker.end(name)[:2] == ("OK", 20)
    assert len(asker.messages(slow)) == 7
    for n in (14, 21, 28):
        asker.tell(f"resume {slow}")
        asker.wait(slow, lambda said, n=n: len(said) == n + 1)
    asker.tell(f"resume {slow}")
    assert asker.end(slow)[:2] == ("OK", 30) and asker.messages(slow) == [(i + 1, 100000) for i in range(30)]


def test_deadline(asker, names):
    name = names()
    asker.ask(name, MANY, timeout=300, count=2, size=1, never=1)
    assert asker.end(name)[0] == "DEADLINE_EXCEEDED"


def test_no_such_method(asker, names):
    name = names()
    asker.ask(name, "/lonja.test.Echo/Nothing")
    assert asker.end(name)[0] == "UNIMPLEMENTED"


def test_cancel_and_many_at_once(asker, names):
    dropped, kept = [names() for _ in range(10)], [names() for _ in range(30)]
    for name in dropped:
        asker.ask(name, MANY, count=1, size=1, never=1)
    for name in dropped:
        asker.tell(f"cancel {name}")
    for name in kept:
        asker.ask(name, size=10)
    for name in kept:
        assert asker.end(name)[0] == "OK"
    assert not any(said.startswith("end") for name in dropped for said in asker.said.get(name, []))


def test_a_server_that_goes_and_comes(tmp_path):
    """What is under way is finished by the leaving one, the next goes to the new one; none there: UNAVAILABLE."""
    with RpcProbe(str(tmp_path)) as probe, Asker(probe.address()[1]) as asker:
        asker.ask("slow", delay=1000)
        asker.ask("first")
        assert asker.end("first")[0] == "OK"  # so the slow one is there, too
        probe.signal()
        assert asker.end("slow")[0] == "OK"
        assert probe.wait() == 0
        probe.start()
        asker.ask("next")
        assert asker.end("next")[0] == "OK"
        asker.ask("endless", MANY, count=1, size=1, never=1)
        asker.wait("endless", lambda said: len(said) == 2)
        probe.signal(9)
        assert asker.end("endless")[0] == "UNAVAILABLE"
        assert probe.wait() == -9
        probe.start()
        asker.ask("again")
        assert asker.end("again")[0] == "OK"


def test_nobody_there():
    with socket.socket() as s:
        s.bind(("127.0.0.1", 0))
        port = s.getsockname()[1]
    with Asker(port) as asker:
        asker.ask("a")
        code, n, detail = asker.end("a")
        assert (code, n) == ("UNAVAILABLE", 0) and "refused" in detail


class Raw:
    """A server by hand: its first answer to a stream is `answer(stream id)`."""

    def __init__(self, answer):
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.port = self.listener.getsockname()[1]
        self.answer = answer
        self.thread = threading.Thread(target=self._serve, daemon=True)
        self.thread.start()

    def _serve(self):
        connection, _ = self.listener.accept()
        with connection:
            connection.settimeout(PATIENCE)
            connection.sendall(frame(SETTINGS, 0, 0))
            seen = b""
            while b"/lonja.test.Echo" not in seen and len(seen) < 24 + 2000:
                piece = connection.recv(65536)
                if not piece:
                    return
                seen += piece
                if b"\x01\x04\x00\x00\x00\x01" in seen:  # HEADERS of stream 1
                    break
            try:
                connection.sendall(frame(SETTINGS, ACK, 0) + self.answer(1))
                while connection.recv(65536):
                    pass
            except OSError:
                pass

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.listener.close()
        self.thread.join(PATIENCE)


def headers(*fields, flags=END_HEADERS):
    return lambda stream: frame(HEADERS, flags, stream, b"".join(field(*f) for f in fields))


OPEN = headers((":status", "200"), ("content-type", "application/grpc"))
END = headers(("grpc-status", "0"), flags=END_HEADERS | END_STREAM)


def data(payload, flags=0):
    return lambda stream: frame(DATA, flags, stream, payload)


@pytest.mark.parametrize("what, expected", [
    ([lambda s: b"HTTP/1.1 400 Bad Request\r\n\r\n"], "UNAVAILABLE"),
    ([headers((":status", "404"), flags=END_HEADERS | END_STREAM)], "UNIMPLEMENTED"),
    ([headers((":status", "503"), flags=END_HEADERS | END_STREAM)], "UNAVAILABLE"),
    ([OPEN, data(b"", END_STREAM)], "INTERNAL"),  # no status
    ([headers((":status", "200"), ("grpc-status", "99"), flags=END_HEADERS | END_STREAM)], "UNKNOWN"),
    ([headers((":status", "200"), ("grpc-status", "x"), flags=END_HEADERS | END_STREAM)], "UNKNOWN"),
    ([OPEN, data(message(b"\xff\xff\xff"))], "INTERNAL"),  # no EchoResponse
    ([OPEN, data(message(b"", flag=1))], "INTERNAL"),
    ([OPEN, data(message(b"", flag=7))], "INTERNAL"),
    ([OPEN, data(message(b"", size=2 ** 31))], "RESOURCE_EXHAUSTED"),
    ([OPEN, data(message(b"abc", size=10)), END], "INTERNAL"),
    ([headers((":status", "200"), ("x", "y" * 6000), ("z", "y" * 6000), ("v", "y" * 4300))], "RESOURCE_EXHAUSTED"),
    ([lambda s: frame(RST_STREAM, 0, s, (7).to_bytes(4, "big"))], "UNAVAILABLE"),
    ([lambda s: frame(RST_STREAM, 0, s, (8).to_bytes(4, "big"))], "CANCELLED"),
    ([lambda s: frame(RST_STREAM, 0, s, (11).to_bytes(4, "big"))], "RESOURCE_EXHAUSTED"),
    ([lambda s: frame(GOAWAY, 0, 0, bytes(8))], "UNAVAILABLE"),
    ([OPEN, data(message(b"\x0a\x02ok")), END], "OK"),
], ids=range(17))
def test_strange_servers(what, expected):
    with Raw(lambda stream: b"".join(piece(stream) for piece in what)) as server, Asker(server.port) as asker:
        asker.ask("a")
        assert asker.end("a")[0] == expected

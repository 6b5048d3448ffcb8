# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""http.request, sent by a real Celery client to the gateway: what it calls, and what it never calls."""

import http.server
import threading

import pytest

from tasks import TIMEOUT, Broker, client
from waiting import wait_for

QUEUE = "lonja.tasks.http"


class Target(http.server.ThreadingHTTPServer):
    """Remembers what came; answers as the path says."""

    def __init__(self):
        super().__init__(("127.0.0.1", 0), Handler)
        self.seen = []
        threading.Thread(target=self.serve_forever, daemon=True).start()

    @property
    def url(self):
        return f"http://127.0.0.1:{self.server_address[1]}"


class Handler(http.server.BaseHTTPRequestHandler):
    def answer(self):
        length = int(self.headers.get("Content-Length", 0))
        self.server.seen.append((self.command, self.path, dict(self.headers), self.rfile.read(length)))
        times = sum(path == self.path for _, path, _, _ in self.server.seen)
        status, body = 200, "hola ñ".encode()
        if self.path == "/twice":
            status = 503 if times < 2 else 200
        elif self.path == "/gone":
            status = 404
        elif self.path == "/away":
            status = 302
        elif self.path == "/large":
            body = b"x" * 300_000
        elif self.path == "/binary":
            body = b"\xff\x00"
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        if status == 302:
            self.send_header("Location", "/elsewhere")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(body)

    do_GET = do_POST = do_PUT = do_DELETE = do_HEAD = do_PATCH = answer

    def log_message(self, *_):
        pass


@pytest.fixture
def target():
    server = Target()
    yield server
    server.shutdown()
    server.server_close()


@pytest.fixture
def make_caller(make_lonja):
    apps = []

    def make(**options):
        lonja = make_lonja(config={"gateway": {"Gateway": options, "Tasks": {"RetrySec": "100ms"}}})
        lonja.daemon("gateway").start()
        broker = Broker(lonja)
        wait_for(lambda: broker.has(QUEUE, 1), TIMEOUT)
        broker.close()
        app = client(lonja, queue=QUEUE)
        apps.append(app)
        return lonja, lambda *args, **kwargs: app.send_task("http.request", args=args, kwargs=kwargs).get(timeout=TIMEOUT)

    yield make
    for app in apps:
        app.close()


def refused(call, *args, **kwargs):
    with pytest.raises(Exception) as failure:
        call(*args, **kwargs)
    return type(failure.value).__name__


def test_requests(make_caller, target):
    """Method, headers and body arrive; status and body come back; redirects are answers; failures are typed."""
    _, call = make_caller(HttpAllow="127.0.0.1", HttpPrivate="yes")
    assert call(target.url + "/a?b=c") == {"status": 200, "body": "hola ñ"}
    assert target.seen[-1][:2] == ("GET", "/a?b=c")
    call(url=target.url + "/p", method="PUT", headers={"X-Colour": "red", "Content-Type": "text/plain"}, body="ó")
    method, _, headers, body = target.seen[-1]
    assert (method, headers["X-Colour"], headers["Content-Type"], body) == ("PUT", "red", "text/plain", "ó".encode())
    assert call(target.url + "/x", method="HEAD") == {"status": 200, "body": ""}
    assert call(target.url + "/away")["status"] == 302
    assert "/elsewhere" not in [s[1] for s in target.seen]
    assert call(target.url + "/binary") == {"status": 200, "body": None}
    assert call(target.url + "/twice")["status"] == 200
    assert [s[1] for s in target.seen].count("/twice") == 2
    assert refused(call, target.url + "/gone") == "BadAnswer"
    assert refused(call, target.url + "/large") == "AnswerTooLarge"
    for kwargs in ({}, {"url": "ftp://127.0.0.1/"}, {"url": "http://user@127.0.0.1/"}, {"url": target.url, "method": "BREW"},
                   {"url": target.url, "headers": {"Host": "a"}}, {"url": target.url, "headers": {"A": "b\r\nC: d"}},
                   {"url": target.url, "timeout": 0}, {"url": target.url, "body": 7}):
        assert refused(call, **kwargs) == "InvalidInput", kwargs


def test_private_addresses_are_never_called(make_caller, target):
    """Without HttpPrivate=, however the address is written and whatever name it has."""
    lonja, call = make_caller(HttpAllow="*")
    port = target.server_address[1]
    for host in ("127.0.0.1", "127.1", "0x7f000001", "localhost", "[::1]", "[::ffff:127.0.0.1]", "0.0.0.0"):
        assert refused(call, f"http://{host}:{port}/") == "AddressNotAllowed", host
    assert target.seen == []
    broker = Broker(lonja)
    wait_for(lambda: broker.depth(QUEUE) == 0, TIMEOUT)
    broker.close()


def test_only_allowed_hosts_are_called(make_caller, target):
    """By default none; names and suffixes else."""
    lonja, call = make_caller(HttpPrivate="yes")
    assert refused(call, target.url) == "HostNotAllowed"
    lonja.configure({"gateway": {"Gateway": {"HttpAllow": "example.org *.test localhost", "HttpPrivate": "yes"}}})
    lonja.daemon("gateway").restart()
    assert refused(call, target.url) == "HostNotAllowed"
    assert refused(call, "http://test/") == "HostNotAllowed"
    assert call(f"http://LOCALHOST:{target.server_address[1]}/")["status"] == 200

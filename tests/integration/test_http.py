# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The HTTP server as clients meet it: leaving and coming back under load, careless and hostile clients, TLS."""

import http.client
import os
import random
import socket
import ssl
import struct
import threading
import time
import urllib.parse

import pytest
import requests

from metrics import metric


@pytest.fixture(scope="module")
def stack(bench, pg, rmq):
    stack = bench.stack("http", pg=pg, rmq=rmq, database="lonja_http", vhost="lonja_http", tls=True)
    stack.start()
    try:
        lines = "".join('{"code":"H%04d","description":"number %d","buying_price":"1.00","selling_price":"2.00"}\n'
                        % (i, i) for i in range(20000))
        answer = requests.post(f"{stack.products_url}/api/products:import", data=lines, timeout=60,
                               headers={"Authorization": f"Bearer {stack.token}",
                                        "Content-Type": "application/x-ndjson"})
        assert answer.status_code == 200, answer.text
        yield stack
    finally:
        stack.stop()


def address(stack):
    url = urllib.parse.urlsplit(stack.products_url)
    return url.hostname, url.port


def secure_socket(stack, minimum=None, maximum=None):
    url = urllib.parse.urlsplit(stack.products_tls_url)
    context = ssl.create_default_context()
    context.check_hostname = False
    context.verify_mode = ssl.CERT_NONE
    if minimum:
        context.minimum_version = minimum
    if maximum:
        context.set_ciphers("ALL:@SECLEVEL=0")
        context.maximum_version = maximum
    return context.wrap_socket(socket.create_connection((url.hostname, url.port), timeout=20))


def assert_serves(stack):
    assert requests.get(f"{stack.products_url}/api/products/H0001", timeout=20).status_code == 200


class Clients:
    """Threads that ask until told to stop; `failures` holds what went wrong."""

    def __init__(self, stack):
        self.stack = stack
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.answered = self.repeated = 0
        self.failures = []
        self.threads = []

    def start(self, *targets):
        self.threads = [threading.Thread(target=target) for target in targets]
        for thread in self.threads:
            thread.start()

    def stop(self):
        self.stopping.set()
        for thread in self.threads:
            thread.join()

    def ask(self, connection):
        connection.request("GET", f"/api/products/H{random.randrange(20000):04d}")
        answer = connection.getresponse()
        answer.read()
        with self.lock:
            if answer.status == 200:
                self.answered += 1
            else:
                self.failures.append(answer.status)
        return answer.will_close

    def fresh(self):
        """A connection for each request: none may be refused, reset or left without its answer."""
        while not self.stopping.is_set():
            connection = http.client.HTTPConnection(*address(self.stack), timeout=20)
            try:
                self.ask(connection)
            except (OSError, http.client.HTTPException) as error:
                self.failures.append(repr(error))
            connection.close()

    def keeping(self):
        """One connection for many. It may be closed between two requests, which a client then repeats."""
        connection, used = None, 0
        while not self.stopping.is_set():
            if connection is None:
                connection, used = http.client.HTTPConnection(*address(self.stack), timeout=20), 0
            try:
                close = self.ask(connection)
                used += 1
                if random.random() < 0.05:
                    time.sleep(random.random())
            except (OSError, http.client.HTTPException) as error:
                with self.lock:
                    if used:
                        self.repeated += 1
                    else:
                        self.failures.append(repr(error))
                close = True
            if close:
                connection.close()
                connection = None


def test_leaving_under_load_loses_no_request(stack, scale):
    """SIGTERM again and again: what was accepted is answered, the backlog starts the next process."""
    clients = Clients(stack)
    clients.start(*[clients.fresh] * 4, *[clients.keeping] * 4)
    daemon = stack.daemon("products")
    pids = set()
    try:
        for _ in range(scale(5, 40)):
            time.sleep(0.5 + random.random())
            daemon.wait_ready()
            pids.add(daemon.pid)
            daemon.signal("TERM")
    finally:
        clients.stop()
    assert not clients.failures, clients.failures[:10]
    assert len(pids) == scale(5, 40)
    assert clients.answered > 100
    print(f"{clients.answered} answers over {len(pids)} processes, {clients.repeated} repeated")


def test_a_drain_lets_a_stream_end(stack):
    """A slow reader's export is whole although the process was told to leave at its start."""
    with requests.get(f"{stack.products_url}/api/products:export", stream=True, timeout=30) as answer:
        parts = answer.iter_content(65536)
        data = next(parts)
        stack.daemon("products").signal("TERM")
        for part in parts:
            data += part
            time.sleep(0.01)
    assert data.count(b"\n") == 20000
    assert_serves(stack)


def test_idle_connections_do_not_hold_a_leaving_process(stack):
    """They are closed after a second, and the process goes."""
    daemon = stack.daemon("products")
    idle = socket.create_connection(address(stack), timeout=20)
    idle.sendall(b"GET /api/products/H0001 HTTP/1.1\r\nHost: t\r\n\r\n")
    assert idle.recv(65536).startswith(b"HTTP/1.1 200")
    began = time.monotonic()
    daemon.signal("TERM")
    while idle.recv(65536):
        pass
    assert time.monotonic() - began < 5
    idle.close()
    assert_serves(stack)


def careless(stack):
    """One connection of one of the ways in which clients misbehave."""
    connection = socket.create_connection(address(stack), timeout=20)
    request = b"GET /api/products/H0001 HTTP/1.1\r\nHost: t\r\n\r\n"
    try:
        match random.randrange(7):
            case 0:
                connection.sendall(os.urandom(random.randrange(1, 5000)))
            case 1:
                connection.sendall(request * random.randrange(1, 20))
            case 2:
                connection.sendall(request)
                connection.shutdown(socket.SHUT_WR)
                assert connection.recv(65536).startswith(b"HTTP/1.1 ")
            case 3:
                connection.sendall(request)
                connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
            case 4:
                connection.sendall(b"POST /api/products HTTP/1.1\r\nHost: t\r\nContent-Length: 100000\r\n\r\n" +
                                   b"x" * random.randrange(100000))
            case 5:
                connection.sendall(request[:random.randrange(len(request))])
            case 6:
                connection.sendall(b"POST /api/products:import HTTP/1.1\r\nHost: t\r\nTransfer-Encoding: chunked\r\n"
                                   b"\r\n5\r\nabcde\r\n0\r\n\r\n")
                connection.recv(65536)
    except OSError:
        pass
    connection.close()


def test_careless_clients_leave_nothing_behind(stack, scale):
    """Nobody else notices them, and a little later none of their connections is left."""
    clients = Clients(stack)
    clients.start(clients.fresh, clients.keeping)
    try:
        for _ in range(scale(400, 20000)):
            careless(stack)
    finally:
        clients.stop()
    assert not clients.failures, clients.failures[:10]
    end = time.monotonic() + 15
    while connections(stack) > 1:
        assert time.monotonic() < end, "connections were left behind"
        time.sleep(0.5)


def connections(stack):
    return metric(stack.products_url, "lonja_http_connections")


@pytest.mark.parametrize("door", ["http", "https", "admin"])
def test_a_mebibyte_of_random_bytes(stack, door):
    """On any door: others are served on."""
    if door == "admin":
        connection = socket.socket(socket.AF_UNIX)
        connection.settimeout(20)
        connection.connect(stack.admin_socket)
    elif door == "https":
        url = urllib.parse.urlsplit(stack.products_tls_url)
        connection = socket.create_connection((url.hostname, url.port), timeout=20)
    else:
        connection = socket.create_connection(address(stack), timeout=20)
    try:
        connection.sendall(os.urandom(1 << 20))
        assert_serves(stack)
        while connection.recv(65536):
            pass
    except OSError:
        pass
    connection.close()
    assert_serves(stack)


def test_tls(stack):
    """The same over TLS 1.2 and 1.3, on a connection that is kept."""
    for version, name in ((ssl.TLSVersion.TLSv1_2, "TLSv1.2"), (ssl.TLSVersion.TLSv1_3, "TLSv1.3")):
        with secure_socket(stack, minimum=version, maximum=version) as connection:
            assert connection.version() == name
            for _ in range(3):
                connection.sendall(b"GET /api/products/H0001 HTTP/1.1\r\nHost: t\r\n\r\n")
                answer = http.client.HTTPResponse(connection)
                answer.begin()
                assert answer.status == 200
                assert b'"H0001"' in answer.read()


@pytest.mark.filterwarnings("ignore::DeprecationWarning")
def test_old_tls_is_refused(stack):
    """TLS 1.1 has been dead for long (RFC 8996)."""
    with pytest.raises((ssl.SSLError, OSError)):
        secure_socket(stack, minimum=ssl.TLSVersion.TLSv1, maximum=ssl.TLSVersion.TLSv1_1)


def test_an_export_over_tls_is_whole(stack):
    with secure_socket(stack) as connection:
        connection.sendall(b"GET /api/products:export HTTP/1.1\r\nHost: t\r\nConnection: close\r\n\r\n")
        answer = http.client.HTTPResponse(connection)
        answer.begin()
        assert answer.read().count(b"\n") == 20000

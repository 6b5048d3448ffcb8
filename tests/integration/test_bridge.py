# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The TCP bridge, as devices see it."""

import json
import random
import socket
import ssl
import subprocess
import time

import pytest
import requests

PATIENCE = 10  # seconds that a line may take where no bound is the subject


class Device:
    """A plain TCP client. Lines come as (kind, type, data)."""

    def __init__(self, address, context=None):
        self.socket = socket.create_connection(address, timeout=PATIENCE)
        if context:
            self.socket = context.wrap_socket(self.socket, server_hostname="localhost")
        self.rest = b""

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.socket.close()

    def say(self, text):
        self.socket.sendall(text.encode())

    def line(self, timeout=PATIENCE):
        """The next line; None at the end."""
        self.socket.settimeout(timeout)
        while b"\n" not in self.rest:
            data = self.socket.recv(65536)
            if not data:
                assert self.rest == b"", f"the connection ends within a line: {self.rest!r}"
                return None
            self.rest += data
        line, _, self.rest = self.rest.partition(b"\n")
        kind, type_, data = line.decode().split("+", 2)
        return kind, type_, json.loads(data)

    def expect(self, kind, type_, timeout=PATIENCE):
        line = self.line(timeout)
        assert line is not None and line[:2] == (kind, type_), line
        return line[2]

    def ask(self, text, kind, type_):
        self.say(text + "\n")
        return self.expect(kind, type_)

    def until(self, wanted, timeout=PATIENCE):
        """Lines up to the first whose data is as wanted, that one."""
        end = time.monotonic() + timeout
        while True:
            line = self.line(max(0.01, end - time.monotonic()))
            assert line is not None
            if wanted(line[2]):
                return line[2]

    def silence(self, seconds):
        with pytest.raises(TimeoutError):
            line = self.line(seconds)
            pytest.fail(f"silence wanted: {line}")


class Catalogue:
    """The API, with a token that may write."""

    def __init__(self, lonja):
        self.lonja = lonja
        self.headers = {"Authorization": f"Bearer {lonja.token}"}

    def url(self, code=""):
        return f"{self.lonja.products_url}/api/products" + (f"/{code}" if code else "")

    def create(self, code, price="2.00", description="a thing"):
        body = {"code": code, "description": description, "buying_price": "1.00", "selling_price": price}
        answer = requests.post(self.url(), json=body, headers=self.headers)
        assert answer.status_code == 201, answer.text
        return answer.json()

    def reprice(self, code, price):
        answer = requests.patch(self.url(code), json={"selling_price": price},
                                headers={**self.headers, "Content-Type": "application/merge-patch+json"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    def delete(self, code):
        assert requests.delete(self.url(code), headers=self.headers).status_code == 204

    def asked(self):
        """Requests that products has answered."""
        text = requests.get(f"{self.lonja.products_url}/metrics", headers=self.headers).text
        return sum(int(line.split()[1]) for line in text.splitlines() if line.startswith("lonja_http_requests_total"))


@pytest.fixture
def catalogue(lonja):
    return Catalogue(lonja)


@pytest.fixture
def device(lonja):
    with Device(lonja.bridge) as device:
        device.ask("PING++{}+", "JSON", "PONG")
        yield device


@pytest.fixture
def code():
    return f"B{random.randrange(10**9):09d}"


def watch(code, query=""):
    return f'GET+PRODUCT+{{"code":"{code}"}}+{query}'


# The protocol


def test_every_line_of_the_contract(catalogue, device, code):
    made = catalogue.create(code)
    listed = device.ask("GET+PRODUCTS+{}+limit=2&ordering=-created_at", "LIST", "PRODUCTS")
    assert listed[0] == made and len(listed) <= 2
    assert device.ask(watch(code, "interval=5"), "JSON", "PRODUCT") == made
    assert device.ask(f'STOP+PRODUCT+{{"code":"{code}"}}+', "JSON", "STOPPED") == {"code": code}
    missing = device.ask(watch("NOPE"), "ERROR", "PRODUCT")
    assert missing["type"] == "urn:lonja:problem:not-found" and missing["status"] == 404 and missing["code"] == "NOPE"
    assert device.ask("PING++{}+", "JSON", "PONG") == {}


def test_a_change_is_shown_at_once(catalogue, device, code):
    catalogue.create(code)
    device.ask(watch(code, "interval=86400"), "JSON", "PRODUCT")
    for n in range(5):
        changed = catalogue.reprice(code, f"{n + 3}.00")
        assert device.expect("JSON", "PRODUCT", timeout=1) == changed


def test_at_least_every_interval(catalogue, device, code):
    made = catalogue.create(code)
    start = time.monotonic()
    device.ask(watch(code, "interval=1"), "JSON", "PRODUCT")
    for n in range(1, 4):
        assert device.expect("JSON", "PRODUCT") == made
        assert abs(time.monotonic() - start - n) < 0.5


def test_on_change_is_silent_without_one(catalogue, device, code):
    catalogue.create(code)
    device.ask(watch(code, "interval=1&on=change"), "JSON", "PRODUCT")
    device.silence(2.5)
    changed = catalogue.reprice(code, "9.00")
    assert device.expect("JSON", "PRODUCT", timeout=1) == changed


def test_once_reads_what_was_just_written(catalogue, device, code):
    catalogue.create(code)
    device.ask(watch(code), "JSON", "PRODUCT")
    for n in range(20):
        changed = catalogue.reprice(code, f"{n + 3}.00")
        with Device(catalogue.lonja.bridge) as other:
            assert other.ask(watch(code, "once=true"), "JSON", "PRODUCT") == changed
            other.silence(0.02)


def test_deleted_and_made_again(catalogue, device, code):
    catalogue.create(code)
    device.ask(watch(code, "interval=86400"), "JSON", "PRODUCT")
    catalogue.delete(code)
    gone = device.expect("ERROR", "PRODUCT", timeout=1)
    assert gone["status"] == 404 and gone["code"] == code
    again = catalogue.create(code, price="7.00")
    assert device.expect("JSON", "PRODUCT", timeout=1) == again
    assert again["version"] == 3


def test_a_product_that_comes_later(catalogue, device, code):
    assert device.ask(watch(code, "interval=86400"), "ERROR", "PRODUCT")["status"] == 404
    made = catalogue.create(code)
    assert device.expect("JSON", "PRODUCT", timeout=1) == made


def test_all_pages(catalogue, device, code):
    codes = [f"{code}-{n:02d}" for n in range(25)]
    for c in codes:
        catalogue.create(c, description=f"paged {code}")
    device.say(f"GET+PRODUCTS+{{}}+search={code}&limit=10&all=true\n")
    pages = [device.expect("LIST", "PRODUCTS") for _ in range(3)]
    assert [len(page) for page in pages] == [10, 10, 5]
    assert sorted(p["code"] for page in pages for p in page) == codes
    assert device.expect("JSON", "END") == {"pages": 3}


def test_the_api_judges_a_list(device):
    problem = device.ask("GET+PRODUCTS+{}+no_such_filter=1", "ERROR", "PRODUCTS")
    assert problem["status"] == 400 and "no_such_filter" in json.dumps(problem)


def test_bad_requests_are_named_and_forgiven(device):
    for request, type_, part in [
        ("rubbish", "REQUEST", "VERB+TYPE+PATH+QUERY"),
        ("GET+PRODUCT+{", "REQUEST", "closing brace"),
        ("GET+WEATHER+{}+", "REQUEST", "unknown-command"),
        (watch("a b"), "PRODUCT", "/path/code"),
        (watch("A", "interval=0"), "PRODUCT", "/query/interval"),
        (watch("A", "interval=86401"), "PRODUCT", "/query/interval"),
        (watch("A", "on=weekdays"), "PRODUCT", "/query/on"),
        (watch("A", "colour=red"), "PRODUCT", "/query/colour"),
        ("GET+PRODUCT+" + json.dumps({"code": "x" * 65}) + "+", "PRODUCT", "/path/code"),
        ("x" * 10000, "REQUEST", "line-too-long"),
        ("AUTH++{}+", "AUTH", "/path/token"),
    ]:
        assert part in json.dumps(device.ask(request, "ERROR", type_))
    device.ask("PING++{}+", "JSON", "PONG")


def test_too_many_watches(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"MaxWatchesPerConnection": "2", "MaxWatches": "3"}}})
    with Device(lonja.bridge) as one, Device(lonja.bridge) as two:
        assert one.ask(watch("A"), "ERROR", "PRODUCT")["status"] == 404
        assert one.ask(watch("B"), "ERROR", "PRODUCT")["status"] == 404
        assert "MaxWatchesPerConnection" in one.ask(watch("C"), "ERROR", "PRODUCT")["detail"]
        assert two.ask(watch("C"), "ERROR", "PRODUCT")["status"] == 404
        refused = two.ask(watch("D"), "ERROR", "PRODUCT")
        assert refused["status"] == 429 and "MaxWatches " in refused["detail"]
        one.ask('STOP+PRODUCT+{"code":"A"}+', "JSON", "STOPPED")
        assert two.ask(watch("D"), "ERROR", "PRODUCT")["status"] == 404


# Devices that are not what one would wish


def test_without_line_end(catalogue, device, code):
    made = catalogue.create(code)
    device.say(watch(code))
    assert device.expect("JSON", "PRODUCT") == made
    changed = catalogue.reprice(code, "8.00")
    assert device.expect("JSON", "PRODUCT", timeout=1) == changed
    device.say("GET+PRODUCTS+{}+limit=1")
    device.until(lambda data: isinstance(data, list))
    assert device.line() is None  # the end of the connection is the end of the list


def test_with_carriage_returns_and_in_pieces(catalogue, device, code):
    made = catalogue.create(code)
    for piece in (watch(code)[:9], watch(code)[9:20], watch(code)[20:] + "\r", "\n"):
        device.say(piece)
        time.sleep(0.01)
    assert device.expect("JSON", "PRODUCT") == made


def test_nc(catalogue, lonja, code):
    made = catalogue.create(code)
    host, port = lonja.bridge
    answer = subprocess.run(["nc", "-N", "-w", "5", host, str(port)], input=watch(code, "once=true") + "\n",
                            capture_output=True, text=True, timeout=PATIENCE)
    assert answer.stdout == "JSON+PRODUCT+" + json.dumps(made, separators=(",", ":")) + "\n"
    # half-closed, it goes on listening
    nc = subprocess.Popen(["nc", "-N", host, str(port)], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    nc.stdin.write(watch(code, "interval=60"))
    nc.stdin.close()
    try:
        assert json.loads(nc.stdout.readline().split("+", 2)[2]) == made
        changed = catalogue.reprice(code, "5.00")
        assert json.loads(nc.stdout.readline().split("+", 2)[2]) == changed
    finally:
        nc.kill()
        nc.wait()
        nc.stdout.close()


def test_a_mebibyte_of_noise_leaves_others_served(catalogue, device, lonja, code):
    catalogue.create(code)
    device.ask(watch(code, "interval=86400"), "JSON", "PRODUCT")
    pid = lonja.daemon("bridge").pid
    noise = random.Random(4).randbytes(2**20)
    with Device(lonja.bridge) as noisy:
        noisy.socket.setblocking(False)
        left = memoryview(noise)
        end = time.monotonic() + 60
        while left and time.monotonic() < end:
            for act in (lambda: left[noisy.socket.send(left[:65536]):], lambda: noisy.socket.recv(2**20) and left):
                try:
                    left = act()
                except BlockingIOError:
                    pass
        assert not left
        changed = catalogue.reprice(code, "6.00")
        assert device.expect("JSON", "PRODUCT", timeout=1) == changed
        noisy.socket.setblocking(True)
        noisy.say("\nPING++{}+\n")
        tail = b""
        while not tail.endswith(b"JSON+PONG+{}\n"):
            tail = (tail + noisy.socket.recv(65536))[-4096:]
    with Device(lonja.bridge) as silent:  # and one who does not read the errors
        silent.socket.settimeout(0.5)
        with pytest.raises(TimeoutError):
            silent.socket.sendall(noise * 8)
        changed = catalogue.reprice(code, "7.00")
        assert device.expect("JSON", "PRODUCT", timeout=1) == changed
    assert lonja.daemon("bridge").pid == pid


def test_a_slow_client_is_shown_the_latest(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"SlowClientSec": "60"}}})
    catalogue = Catalogue(lonja)
    catalogue.create("BIG", description="\U0001f600" * 10000)
    with Device(lonja.bridge) as fast, socket.socket() as raw:
        fast.ask(watch("BIG"), "JSON", "PRODUCT")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(lonja.bridge)
        raw.sendall((watch("BIG", "interval=86400") + "\n").encode())
        for n in range(20):
            changed = catalogue.reprice("BIG", f"{n + 3}.00")
            fast.until(lambda data: data["version"] == changed["version"])
        raw.settimeout(PATIENCE)
        slow = Device.__new__(Device)
        slow.socket, slow.rest = raw, b""
        assert slow.line()[2]["version"] < changed["version"]
        last = slow.until(lambda data: data["version"] == changed["version"])
        assert last["skipped"] > 0
    _wait_status(lonja, f"{last['skipped']} states skipped")


def test_a_client_that_does_not_read_is_closed(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"SlowClientSec": "1"}}})
    catalogue = Catalogue(lonja)
    catalogue.create("BIG", description="\U0001f600" * 10000)
    with Device(lonja.bridge) as fast, socket.socket() as raw:
        fast.ask(watch("BIG"), "JSON", "PRODUCT")
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        raw.connect(lonja.bridge)
        raw.sendall((watch("BIG", "interval=1") + "\n").encode())
        _wait_status(lonja, "1 slow clients closed")
        raw.settimeout(PATIENCE)
        text = b""
        while data := raw.recv(65536):
            text += data
        last = text.splitlines()[-1].decode()
        assert last.startswith("ERROR+BYE+") and json.loads(last[10:])["type"] == "urn:lonja:problem:slow-client"
        changed = catalogue.reprice("BIG", "3.00")
        fast.until(lambda data: data["version"] == changed["version"])


def _wait_status(lonja, text, timeout=PATIENCE):
    end = time.monotonic() + timeout
    while text not in (lonja.daemon("bridge").describe()["status"] or ""):
        assert time.monotonic() < end, lonja.daemon("bridge").describe()
        time.sleep(0.05)


# Many


def test_many_watchers_are_one_request(make_lonja, code, scale):
    lonja = make_lonja()
    catalogue = Catalogue(lonja)
    catalogue.create(code)
    devices = [Device(lonja.bridge) for _ in range(scale(100, 1000))]
    try:
        _wait_status(lonja, "events flow")
        devices[0].ask(watch(code, "interval=3600"), "JSON", "PRODUCT")
        before = catalogue.asked()
        for device in devices[1:]:
            device.say(watch(code, "interval=3600") + "\n")
        for device in devices[1:]:
            device.expect("JSON", "PRODUCT")
        for n in range(5):
            changed = catalogue.reprice(code, f"{n + 3}.00")
            for device in devices:
                assert device.expect("JSON", "PRODUCT", timeout=2) == changed
        # five changes, ours and the bridge's, and the question itself
        assert catalogue.asked() - before == 5 + 5 + 1
    finally:
        for device in devices:
            device.socket.close()


def test_versions_never_go_back(catalogue, lonja, code):
    catalogue.create(code)
    with Device(lonja.bridge) as device:
        device.ask(watch(code), "JSON", "PRODUCT")
        for n in range(100):
            changed = catalogue.reprice(code, f"{n + 3}.00")
        seen = []
        device.until(lambda data: seen.append(data["version"]) or data["version"] == changed["version"])
        assert seen == sorted(set(seen))


def test_scale(measure):
    """Thousands of connections on a hundred products stay within bounds."""
    measure("bridge_scale.py", few=["--connections", "1000", "--interval", "3"])


@pytest.mark.long
def test_scale_tls(measure):
    measure("bridge_scale.py", "--tls")


# Rights


def test_a_token_and_its_revocation(make_lonja):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    catalogue = Catalogue(lonja)
    made = catalogue.create("A1")
    token = lonja.session("device", "read")
    with Device(lonja.bridge) as device, Device(lonja.bridge) as other:
        assert device.ask(watch("A1"), "ERROR", "PRODUCT")["type"] == "urn:lonja:problem:authentication-required"
        assert device.ask("GET+PRODUCTS+{}+", "ERROR", "PRODUCTS")["status"] == 401
        assert device.ask('AUTH++{"token":"lj_no"}+', "ERROR", "AUTH")["status"] == 401
        assert device.ask(f'AUTH++{{"token":"{token}"}}+', "JSON", "AUTH")["user"] == "device"
        assert device.ask("GET+PRODUCTS+{}+", "LIST", "PRODUCTS") == [made]
        assert device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT") == made
        # another user's right does not depend on this one's
        other.ask(f'AUTH++{{"token":"{lonja.token}"}}+', "JSON", "AUTH")
        assert other.ask(watch("A1", "interval=1"), "JSON", "PRODUCT") == made

        answer = requests.delete(f"{lonja.products_url}/api/sessions/current",
                                 headers={"Authorization": f"Bearer {token}"})
        assert answer.status_code == 204
        start = time.monotonic()
        ended = device.until(lambda data: "status" in data)
        assert time.monotonic() - start < 5
        assert ended["status"] == 401 and ended["code"] == "A1"
        assert device.ask(watch("A1"), "ERROR", "PRODUCT")["status"] == 401
        changed = catalogue.reprice("A1", "5.00")
        assert other.until(lambda data: data["version"] == changed["version"]) == changed
        device.silence(1.5)


def test_a_token_without_read(make_lonja):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    Catalogue(lonja).create("A1")
    token = lonja.session("writer", "write")
    with Device(lonja.bridge) as device:
        assert device.ask(f'AUTH++{{"token":"{token}"}}+', "ERROR", "AUTH")["status"] == 403
        assert device.ask(watch("A1"), "ERROR", "PRODUCT")["status"] == 401


def test_a_reload_closes_the_catalogue(make_lonja):
    lonja = make_lonja()
    made = Catalogue(lonja).create("A1")
    with Device(lonja.bridge) as device:
        assert device.ask(watch("A1"), "JSON", "PRODUCT") == made
        lonja.configure({"lonja": {"Auth": {"AnonymousRead": "no"}}})
        lonja.daemon("bridge").signal("HUP")
        ended = device.expect("ERROR", "PRODUCT")
        assert ended["status"] == 401 and ended["code"] == "A1"
        device.ask("PING++{}+", "JSON", "PONG")


def test_tls(make_lonja):
    lonja = make_lonja(tls=True)
    catalogue = Catalogue(lonja)
    made = catalogue.create("A1")
    context = ssl.create_default_context(cafile=lonja.ca_file)
    with Device(lonja.bridge_tls, context) as device:
        assert device.ask(watch("A1"), "JSON", "PRODUCT") == made
        changed = catalogue.reprice("A1", "5.00")
        assert device.expect("JSON", "PRODUCT", timeout=1) == changed
        # noise instead of a handshake leaves it served
        with Device(lonja.bridge_tls) as noisy:
            noisy.socket.sendall(random.Random(5).randbytes(2**16))
        changed = catalogue.reprice("A1", "6.00")
        assert device.expect("JSON", "PRODUCT", timeout=1) == changed


# Misfortune


def test_broker_away_and_back(make_lonja):
    lonja = make_lonja(own_rmq=True)
    catalogue = Catalogue(lonja)
    catalogue.create("A1")
    with Device(lonja.bridge) as device:
        device.ask(watch("A1", "interval=2"), "JSON", "PRODUCT")
        _wait_status(lonja, "events flow")
        lonja.rmq.kill9()
        _wait_status(lonja, "events away")
        for n in range(2):
            changed = catalogue.reprice("A1", f"{n + 3}.00")
            start = time.monotonic()
            assert device.until(lambda data: data["version"] == changed["version"]) == changed
            assert time.monotonic() - start < 3  # one interval
        device.ask('STOP+PRODUCT+{"code":"A1"}+', "JSON", "STOPPED")
        device.ask(watch("A1", "interval=86400"), "JSON", "PRODUCT")
        missed = catalogue.reprice("A1", "8.00")  # while nobody hears of it
        lonja.rmq.start()
        assert device.until(lambda data: data["version"] == missed["version"], timeout=60) == missed
        _wait_status(lonja, "events flow", timeout=60)
        lonja.daemon("products").wait_ready()
        deadline = time.monotonic() + 60
        for n in range(100):  # the relay of products finds the broker in its own time
            changed = catalogue.reprice("A1", f"{n + 10}.00")
            start = time.monotonic()
            try:
                device.until(lambda data: data["version"] == changed["version"], timeout=1)
                break
            except TimeoutError:
                assert time.monotonic() < deadline
        assert time.monotonic() - start < 1


def test_broker_hangs(make_lonja):
    lonja = make_lonja(own_rmq=True)
    catalogue = Catalogue(lonja)
    catalogue.create("A1")
    with Device(lonja.bridge) as device:
        device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT")
        lonja.rmq.pause()
        try:
            changed = catalogue.reprice("A1", "3.00")
            start = time.monotonic()
            device.until(lambda data: data["version"] == changed["version"])
            assert time.monotonic() - start < 2
            device.ask('STOP+PRODUCT+{"code":"A1"}+', "JSON", "STOPPED")
        finally:
            lonja.rmq.cont()


def test_products_killed(make_lonja):
    lonja = make_lonja()
    catalogue = Catalogue(lonja)
    catalogue.create("A1")
    with Device(lonja.bridge) as device:
        device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT")
        for n in range(3):
            lonja.daemon("products").kill9()
            changed = catalogue.reprice("A1", f"{n + 3}.00")
            assert device.until(lambda data: data.get("version") == changed["version"]) == changed


def test_database_away(make_lonja):
    # products holds a request until its deadline in the hope of the database's return
    lonja = make_lonja(own_pg=True, config={"products": {"HTTP": {"RequestTimeoutSec": "1"}}})
    catalogue = Catalogue(lonja)
    catalogue.create("A1")
    with Device(lonja.bridge) as device:
        device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT")
        lonja.pg.kill9()
        problem = device.until(lambda data: "status" in data, timeout=30)
        assert problem["status"] == 503 and problem["code"] == "A1"
        # it is told again and again, not left in the dark
        assert device.until(lambda data: "status" in data, timeout=30)["status"] == 503
        lonja.pg.start()
        assert device.until(lambda data: "version" in data, timeout=30)["version"] == 1
        changed = catalogue.reprice("A1", "3.00")
        assert device.until(lambda data: data.get("version") == changed["version"]) == changed


def test_the_api_cannot_be_reached(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"ProductsUrl": "http://127.0.0.1:1"}}})
    with Device(lonja.bridge) as device:
        problem = device.ask(watch("A1"), "ERROR", "PRODUCT")
        assert problem["status"] == 503 and problem["code"] == "A1"
        assert device.ask("GET+PRODUCTS+{}+", "ERROR", "PRODUCTS")["status"] == 503
        assert device.ask('AUTH++{"token":"x"}+', "ERROR", "AUTH")["status"] == 503
        device.ask("PING++{}+", "JSON", "PONG")


def test_the_api_hangs(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"UpstreamTimeoutSec": "1"}}})
    catalogue = Catalogue(lonja)
    catalogue.create("A1")
    with Device(lonja.bridge) as device, Device(lonja.bridge) as other:
        device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT")
        lonja.daemon("products").pause()
        try:
            problem = device.until(lambda data: "status" in data)
            assert problem["status"] == 503 and problem["code"] == "A1"
            start = time.monotonic()
            other.ask("PING++{}+", "JSON", "PONG")  # nobody waits who wants nothing of it
            assert time.monotonic() - start < 0.5
            assert other.ask("GET+PRODUCTS+{}+", "ERROR", "PRODUCTS")["status"] == 503
        finally:
            lonja.daemon("products").cont()
        changed = catalogue.reprice("A1", "3.00")
        assert device.until(lambda data: data.get("version") == changed["version"]) == changed


# Life


def test_farewell_and_next_process(lonja, catalogue, code):
    made = catalogue.create(code)
    with Device(lonja.bridge) as device:
        device.ask(watch(code), "JSON", "PRODUCT")
        pid = lonja.daemon("bridge").pid
        lonja.daemon("bridge").signal("TERM")
        farewell = device.until(lambda data: "status" in data)
        assert farewell["type"] == "urn:lonja:problem:shutting-down"
        assert device.line() is None
    with Device(lonja.bridge) as device:
        assert device.ask(watch(code), "JSON", "PRODUCT") == made
        assert lonja.daemon("bridge").pid != pid


def test_killed_under_load(lonja, catalogue, code):
    made = catalogue.create(code)
    for _ in range(3):
        with Device(lonja.bridge) as device:
            device.ask(watch(code), "JSON", "PRODUCT")
            lonja.daemon("bridge").kill9()
            with pytest.raises((ConnectionError, AssertionError)):
                while device.line() is not None:
                    pass
                raise ConnectionError
        with Device(lonja.bridge) as device:
            assert device.ask(watch(code), "JSON", "PRODUCT") == made


def test_idle_exit_waits_for_clients(make_lonja):
    lonja = make_lonja(config={"bridge": {"Service": {"IdleExitSec": "1"}}})
    Catalogue(lonja).create("A1")
    with Device(lonja.bridge) as device:
        device.ask(watch("A1", "interval=1"), "JSON", "PRODUCT")
        pid = lonja.daemon("bridge").pid
        for _ in range(3):
            device.expect("JSON", "PRODUCT")
        assert lonja.daemon("bridge").pid == pid
    lonja.daemon("bridge").wait("inactive")
    with Device(lonja.bridge) as device:  # the door stayed open
        device.ask("PING++{}+", "JSON", "PONG")


def test_silent_client(make_lonja):
    lonja = make_lonja(config={"bridge": {"Bridge": {"SilentClientSec": "1"}}})
    with Device(lonja.bridge) as device:
        assert device.expect("ERROR", "BYE")["type"] == "urn:lonja:problem:request-timeout"
        assert device.line() is None

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The live notifier: WebSocket and server-sent events, with python3-websockets, Node's ws, curl and raw sockets."""

import concurrent.futures
import glob
import json
import os
import socket
import subprocess
import threading
import time

import pytest
import requests
from live import TIMEOUT, RawSocket, Refused, Watcher, ws_url
from metrics import metric
from waiting import wait_for


def add_product(stack, **fields):
    body = {"description": "Ink", "buying_price": "1.10", "selling_price": "2.50", **fields}
    answer = requests.post(f"{stack.products_url}/api/products", json=body,
                           headers={"Authorization": f"Bearer {stack.token}"}, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    return answer.json()


def head(stack):
    return int(stack.psql("SELECT last FROM event_head").strip())


def curl(stack, path, *args):
    return subprocess.Popen(["curl", "-sN", *args, stack.notifier_url + path], stdout=subprocess.PIPE, text=True,
                            stdin=subprocess.DEVNULL)


def sse_events(process, n):
    """The next n events of a stream as dicts of their fields."""
    found, fields = [], {}
    for line in process.stdout:
        line = line.rstrip("\n")
        if line == "":
            if fields:
                found.append(fields)
                if len(found) == n:
                    return found
            fields = {}
        elif not line.startswith(":"):
            key, _, value = line.partition(": ")
            fields[key] = value
    raise AssertionError(f"the stream ended after {found}")


# ---- What comes ----

def test_an_event_arrives(lonja):
    watcher = Watcher(lonja, topics="product.#").ready()
    assert watcher.welcomes[0]["recovered"] is True
    product = add_product(lonja)
    watcher.wait(lambda w: any(e["entity"] == product["code"] for e in w.events))
    event = next(e for e in watcher.events if e["entity"] == product["code"])
    watcher.stop()
    assert set(event) == {"offset", "id", "type", "entity", "time", "data", "text"}
    assert event["type"] == "product.created" and event["data"] == product
    assert event["text"] == f"Product {product['code']} was added"


def test_a_record_says_its_sentence(lonja):
    watcher = Watcher(lonja, topics="record.*").ready()
    answer = requests.post(f"{lonja.gateway_url}/api/records", json={"message": 'di "hola"'},
                           headers={"Authorization": f"Bearer {lonja.token}"}, timeout=TIMEOUT)
    assert answer.status_code == 201, answer.text
    record = answer.json()
    watcher.wait(lambda w: any(e["data"]["id"] == record["id"] for e in w.events))
    event = next(e for e in watcher.events if e["data"]["id"] == record["id"])
    watcher.stop()
    assert event["text"] == (f'Se ingresó un registro mediante REST, con el mensaje "di "hola"", '
                             f'total de mensajes {record["total"]}')


def test_topics_and_offsets(lonja):
    start = head(lonja)
    code = add_product(lonja)["code"]
    requests.delete(f"{lonja.products_url}/api/products/{code}", headers={"Authorization": f"Bearer {lonja.token}"},
                    timeout=TIMEOUT).raise_for_status()
    wait_for(lambda: head(lonja) >= start + 2)
    every = Watcher(lonja, since=start).wait(lambda w: len(w.events) >= 2)
    some = Watcher(lonja, since=start, topics="*.deleted,record.*").wait(lambda w: w.events)
    every.stop()
    some.stop()
    assert [e["offset"] for e in every.events][:2] == [start + 1, start + 2]
    assert some.events[0]["type"] == "product.deleted" and some.events[0]["entity"] == code


def test_node_hears_the_same(lonja, tmp_path):
    start = head(lonja)
    script = tmp_path / "client.js"
    script.write_text("""
const WebSocket = require("ws");
const socket = new WebSocket(process.argv[2], ["lonja.v1"]);
socket.on("message", (m) => {
  const event = JSON.parse(m);
  console.log(socket.protocol, event.type, event.offset);
  if (event.type === "product.created") socket.close(1000, "enough");
});
socket.on("close", (code) => console.log("closed", code));
""")
    add_product(lonja)
    done = subprocess.run(["node", str(script), ws_url(lonja, since=start, topics="product.created")], text=True,
                          capture_output=True, timeout=TIMEOUT, stdin=subprocess.DEVNULL,
                          env={**os.environ, "NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"})
    assert done.stdout.splitlines() == [f"lonja.v1 welcome {start}", f"lonja.v1 product.created {start + 1}",
                                        "closed 1000"], done.stderr


def test_server_sent_events(lonja):
    start = head(lonja)
    code = add_product(lonja)["code"]
    with curl(lonja, f"/events?topics=product.%23&since={start}") as stream:
        welcome, event = sse_events(stream, 2)
        stream.terminate()
    assert welcome["event"] == "welcome" and welcome["id"] == str(start)
    assert json.loads(welcome["data"]) == {"type": "welcome", "offset": start, "recovered": True}
    assert "event" not in event and event["id"] == str(start + 1)
    assert json.loads(event["data"])["entity"] == code
    # EventSource comes back with its first URL and what it has seen.
    with curl(lonja, f"/events?since={start}", "-H", f"Last-Event-ID: {start + 1}") as stream:
        code = add_product(lonja)["code"]
        welcome, event = sse_events(stream, 2)
        stream.terminate()
    assert welcome["id"] == str(start + 1) and event["id"] == str(start + 2)
    assert json.loads(event["data"])["entity"] == code


def test_last(lonja):
    for _ in range(3):
        add_product(lonja)
    wait_for(lambda: int(lonja.psql("SELECT count(*) FROM outbox").strip()) == 0)
    end = head(lonja)
    raw = RawSocket(lonja, "/ws?last=2")
    assert raw.receive_json() == {"type": "welcome", "offset": end - 2, "recovered": True}
    assert [raw.receive_json()["offset"] for _ in range(2)] == [end - 1, end]
    raw.close()


# ---- What is not there any more, or not yet ----

def test_beyond_the_head_and_before_the_first(make_lonja):
    lonja = make_lonja()
    for _ in range(5):
        add_product(lonja)
    wait_for(lambda: int(lonja.psql("SELECT published FROM relay").strip()) == 5)
    lonja.psql("SELECT event_trim('0 s', 2, 100)")
    first, last = (int(v) for v in lonja.psql("SELECT first, last FROM event_head").strip().split("|"))
    assert first > 2
    for since, offset, recovered in ((last + 10, last, False), (0, first - 1, False), (first - 2, first - 1, False),
                                     (first - 1, first - 1, True), (last, last, True)):
        raw = RawSocket(lonja, f"/ws?since={since}")
        assert raw.receive_json() == {"type": "welcome", "offset": offset, "recovered": recovered}
        for expected in range(offset + 1, last + 1):
            assert raw.receive_json()["offset"] == expected
        raw.close()


# ---- What is refused ----

@pytest.mark.parametrize("query, field", [
    ("topics=a..b", "topics"), ("topics=product.", "topics"), ("topics=" + ",".join(["a"] * 33), "topics"),
    ("since=-1", "since"), ("since=x", "since"), ("since=99999999999999999999", "since"), ("last=1001", "last"),
    ("since=1&last=1", "last"), ("sence=1", "sence"),
])
def test_bad_parameters(lonja, query, field):
    for path in ("/ws", "/events"):
        with pytest.raises(Refused) as refused:
            RawSocket(lonja, f"{path}?{query}")
        assert refused.value.status == 400
        assert json.loads(refused.value.body)["errors"][0]["path"].strip("/") == field


def test_handshake(lonja):
    for headers, status in (({"Upgrade": None}, 426), ({"Connection": "keep-alive"}, 426),
                            ({"Sec-WebSocket-Version": "8"}, 426), ({"Sec-WebSocket-Key": "short"}, 400)):
        with pytest.raises(Refused) as refused:
            RawSocket(lonja, headers=headers)
        assert refused.value.status == status, headers
    raw = RawSocket(lonja, headers={"Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
                                    "Sec-WebSocket-Protocol": "chat, lonja.v1"})
    assert raw.head["Sec-WebSocket-Accept"] == "s3pPLMBiTxaQ9kYGzzhZRbK+xOo="
    assert raw.head["Sec-WebSocket-Protocol"] == "lonja.v1"
    raw.close()


def test_origin(make_lonja):
    lonja = make_lonja(config={"notifier": {"Notifier": {"AllowedOrigins": "https://desk.example"}}})
    own = lonja.notifier_url
    for origin in (None, own, "https://desk.example"):
        RawSocket(lonja, headers={"Origin": origin}).close()
    for path in ("/ws", "/events"):
        with pytest.raises(Refused) as refused:
            RawSocket(lonja, path, headers={"Origin": "http://evil.example"})
        assert refused.value.status == 403
    # DNS rebinding: the name leads here, and the page says so.
    with pytest.raises(Refused) as refused:
        RawSocket(lonja, headers={"Origin": "http://evil.example:8002", "Host": "evil.example:8002"})
    assert refused.value.status == 403


def test_rights(make_lonja):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    token = lonja.session("reader", "read")
    for path in ("/ws", "/events", "/api/dashboard/health"):
        with pytest.raises(Refused) as refused:
            RawSocket(lonja, path)
        assert refused.value.status == 401
        with pytest.raises(Refused) as refused:
            RawSocket(lonja, path, headers={"Authorization": "Bearer lj_" + "A" * 43})
        assert refused.value.status == 401
    by_header = RawSocket(lonja, headers={"Authorization": f"Bearer {token}"})
    by_protocol = RawSocket(lonja, headers={"Sec-WebSocket-Protocol": f"lonja.v1, bearer.{token}"})
    other = RawSocket(lonja, headers={"Authorization": f"Bearer {lonja.token}"})
    stream = curl(lonja, "/events", "-H", f"Authorization: Bearer {token}")
    for raw in (by_header, by_protocol, other):
        assert raw.receive_json()["type"] == "welcome"
    assert sse_events(stream, 1)[0]["event"] == "welcome"
    answer = requests.delete(f"{lonja.notifier_url}/api/sessions/current", headers={"Authorization": f"Bearer {token}"},
                             timeout=TIMEOUT)
    assert answer.status_code == 204, answer.text
    for raw in (by_header, by_protocol):
        assert raw.receive_close()[0] == 1008
    assert stream.wait(TIMEOUT) == 0
    add_product(lonja)
    assert other.receive_json()["type"] == "product.created"
    other.close()


def test_limits(make_lonja):
    lonja = make_lonja(config={"notifier": {"Notifier": {"MaxClients": "2"}}})
    first, second = RawSocket(lonja), RawSocket(lonja)
    for raw in (first, second):
        assert raw.receive_json()["type"] == "welcome"
    with pytest.raises(Refused) as refused:
        RawSocket(lonja)
    assert refused.value.status == 503 and "overloaded" in refused.value.body
    first.send(b"\x03\xe8", opcode=8)
    assert first.receive_close()[0] == 1000
    first.wait_end()
    wait_for(lambda: metric(lonja.notifier_url, "lonja_notifier_clients") == 1)
    RawSocket(lonja).close()
    second.close()


# ---- Frames ----

FRAME = RawSocket.frame


@pytest.mark.parametrize("name, sent, code", [
    ("unmasked", FRAME(b"x", mask=None), 1002),
    ("reserved bit", FRAME(b"x", rsv=4), 1002),
    ("reserved opcode", FRAME(b"x", opcode=3), 1002),
    ("reserved control opcode", FRAME(b"x", opcode=11), 1002),
    ("continuation of nothing", FRAME(b"x", opcode=0), 1002),
    ("text within text", FRAME(b"x", fin=False) + FRAME(b"y"), 1002),
    ("fragmented ping", FRAME(b"x", opcode=9, fin=False), 1002),
    ("long ping", FRAME(b"x" * 126, opcode=9), 1002),
    ("bad UTF-8", FRAME(b"\xce\xba\xe1\xbd\xb9\xcf\x83\xed\xa0\x80"), 1007),
    ("bad UTF-8 over fragments", FRAME(b"\xce", fin=False) + FRAME(b"x", opcode=0), 1007),
    ("cut UTF-8", FRAME(b"\xce"), 1007),
    ("too long", FRAME(b"x" * 4097), 1009),
    ("too long in fragments", FRAME(b"x" * 3000, fin=False) + FRAME(b"x" * 3000, opcode=0), 1009),
    ("endless", FRAME(b"x", length=2**40), 1009),
    ("half a close code", FRAME(b"\x03", opcode=8), 1002),
    ("bad close code", FRAME(b"\x03\xec", opcode=8), 1002),
    ("bad reason", FRAME(b"\x03\xe8\xff", opcode=8), 1007),
    ("close", FRAME(b"\x03\xe8bye", opcode=8), 1000),
    ("close without a code", FRAME(b"", opcode=8), None),
])
def test_frames_that_end_it(lonja, name, sent, code):
    raw = RawSocket(lonja)
    raw.sock.sendall(sent)
    assert raw.receive_close()[0] == code
    raw.wait_end()
    raw.close()


def test_frames_that_are_taken(lonja):
    # The first comes with the handshake, in one packet.
    raw = RawSocket(lonja, behind=FRAME(b"early", opcode=9))
    seen = sorted(raw.receive()[0] for _ in range(2))
    assert seen == [1, 10]
    raw.send(b"\xce", fin=False)
    raw.send(b"in between", opcode=9)
    raw.send(b"\xba", opcode=0, fin=False)
    raw.send(b"", opcode=0)
    raw.send(b"\xff\xfe", opcode=2)
    raw.send(b"x" * 4096)
    raw.send(b"unasked", opcode=10)
    for byte in FRAME(b"slowly", opcode=9):
        raw.sock.sendall(bytes([byte]))
    raw.send(b"", opcode=9)
    assert [raw.receive() for _ in range(3)] == [(10, b"in between"), (10, b"slowly"), (10, b"")]
    raw.close()


# ---- Who does not read, does not answer ----

def test_a_slow_client_is_told_and_costs_nothing(make_lonja):
    lonja = make_lonja(config={"notifier": {"Notifier": {"SlowClientSec": "1"}}})
    slow = RawSocket(lonja, receive_buffer=4096)
    quick = Watcher(lonja).ready()
    assert slow.receive_json()["type"] == "welcome"
    insert = ("INSERT INTO outbox (type, entity, version, data) SELECT 'test.large', i::text, 1, "
              "jsonb_build_object('text', repeat('x', 100000)) FROM generate_series(1, 100) i")
    total = 0
    while metric(lonja.notifier_url, "lonja_notifier_slow_total") == 0:
        unclosed = time.monotonic()
        assert total < 5000, "nothing was too much"
        lonja.psql(insert)
        total += 100
        quick.wait(lambda w: len(w.events) == total)
    quick.stop()
    assert [e["offset"] for e in quick.events] == list(range(1, total + 1))
    try:
        code, reason = slow.receive_close()
        assert code == 1013 and "since" in reason
    except EOFError:  # it is told as soon as it reads, for five seconds
        assert time.monotonic() - unclosed > 5
    slow.close()


def test_pings(make_lonja):
    lonja = make_lonja(config={"notifier": {"Notifier": {"PingSec": "1"}}})
    with curl(lonja, "/events") as stream:
        for line in stream.stdout:
            if line == ":\n":
                break
        stream.terminate()
    good = Watcher(lonja).ready()
    mute = RawSocket(lonja)
    opcodes = [mute.receive()[0] for _ in range(3)]
    assert opcodes == [1, 9, 9]
    assert mute.receive_close()[0] == 1001
    mute.close()
    assert good.codes == []
    good.stop()


# ---- Whatever is restarted ----

def check_whole(watcher, first, last):
    watcher.wait(lambda w: w.events and w.events[-1]["offset"] >= last)
    watcher.stop()
    assert [e["offset"] for e in watcher.events if e["offset"] <= last] == list(range(first, last + 1))
    assert all(w["recovered"] for w in watcher.welcomes)


def test_a_restart_says_good_bye(lonja):
    watcher = Watcher(lonja).ready()
    start = watcher.welcomes[0]["offset"]
    with curl(lonja, "/events") as stream:
        assert sse_events(stream, 1)[0]["event"] == "welcome"
        lonja.daemon("notifier").restart()
        assert stream.wait(TIMEOUT) == 0
    watcher.wait(lambda w: w.codes == [1001] and len(w.welcomes) == 2)
    add_product(lonja)
    check_whole(watcher, start + 1, start + 1)


def test_nothing_is_missed_whoever_dies(make_lonja, scale):
    lonja = make_lonja(own_pg=True, own_rmq=True)
    watchers = [Watcher(lonja), Watcher(lonja, topics="product.#,x"), Watcher(lonja)]
    for watcher in watchers:
        watcher.ready()
    stop, made = threading.Event(), []

    def make():
        while not stop.is_set():
            try:
                made.append(add_product(lonja)["code"])
            except (requests.RequestException, AssertionError):
                time.sleep(0.05)

    maker = threading.Thread(target=make)
    maker.start()
    try:
        for _ in range(scale(1, 10)):
            for kill in (lonja.daemon("notifier").kill9, lonja.rmq.restart, lonja.daemon("notifier").restart,
                         lonja.pg.kill9):
                n = len(made)
                kill()
                if kill == lonja.pg.kill9:
                    lonja.pg.start()
                wait_for(lambda: len(made) >= n + 5)
    finally:
        stop.set()
        maker.join(TIMEOUT)
    wait_for(lambda: int(lonja.psql("SELECT count(*) FROM outbox").strip()) == 0)
    last = head(lonja)
    assert last >= len(made)
    for watcher in watchers:
        check_whole(watcher, 1, last)


def test_without_a_broker(make_lonja):
    lonja = make_lonja(own_rmq=True)
    watcher = Watcher(lonja).ready()
    lonja.rmq.stop()
    wait_for(lambda: metric(lonja.notifier_url, "lonja_broker_up") == 0)
    code = add_product(lonja)["code"]
    watcher.wait(lambda w: w.events)
    assert watcher.events[0]["entity"] == code and watcher.codes == []
    watcher.stop()


def test_a_picture_of_the_host_while_the_broker_hangs(make_lonja):
    """It says so, after a while that has a bound; and who asked gets it though the daemon is to leave."""
    lonja = make_lonja(own_rmq=True)
    daemon = lonja.daemon("notifier")

    def picture():
        answer = requests.get(f"{lonja.notifier_url}/api/dashboard/system", timeout=TIMEOUT,
                              headers={"Authorization": f"Bearer {lonja.token}"})
        assert answer.status_code == 200, answer.text
        return answer.json()

    assert picture()["broker"] == "up"
    lonja.rmq.pause()
    wait_for(lambda: picture()["broker"] == "down")
    daemon.restart()
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(picture)
        wait_for(lambda: daemon.pid and "host-state" in threads(daemon.pid))
        daemon.stop()
        assert asked.result(TIMEOUT) == {"daemons": None, "broker": "down", "queues": []}
    lonja.rmq.cont()


def threads(pid):
    names = []
    for path in glob.glob(f"/proc/{pid}/task/*/comm"):
        with open(path) as f:
            names.append(f.read().strip())
    return names


def test_the_log_begins_anew(make_lonja):
    lonja = make_lonja()
    for _ in range(3):
        add_product(lonja)
    watcher = Watcher(lonja, since=0).wait(lambda w: len(w.events) == 3)
    lonja.psql("DELETE FROM event; UPDATE event_head SET first = 1, last = 0; UPDATE relay SET published = 0")
    watcher.wait(lambda w: 1012 in w.codes and len(w.welcomes) >= 2)
    assert watcher.welcomes[1] == {"type": "welcome", "offset": 0, "recovered": False}
    add_product(lonja)
    watcher.wait(lambda w: len(w.events) == 4)
    assert watcher.events[3]["offset"] == 1
    watcher.stop()


def test_far_behind(make_lonja, scale):
    """More than the ring holds: the log itself is read, whole and in order, while others are live."""
    n = scale(3000, 100000)
    lonja = make_lonja(config={"notifier": {"Notifier": {"RecentEvents": "50"}}})
    live = Watcher(lonja).ready()
    lonja.psql("INSERT INTO outbox (type, entity, version, data) SELECT 'test.many', i::text, 1, '{}' "
               f"FROM generate_series(1, {n}) i")
    add_product(lonja)
    wait_for(lambda: head(lonja) == n + 1)
    behind = [Watcher(lonja, since=0) for _ in range(6)]
    for watcher in [live, *behind]:
        check_whole(watcher, 1, n + 1)


# ---- The hand-over ----

def test_idle_exit(make_lonja):
    lonja = make_lonja(config={"notifier": {"Service": {"IdleExitSec": "1"}}})
    daemon = lonja.daemon("notifier")
    watcher = Watcher(lonja).ready()
    pid = daemon.pid
    add_product(lonja)
    watcher.wait(lambda w: w.events)
    assert daemon.pid == pid, "it left while somebody listened"
    watcher.stop()
    daemon.wait("inactive", TIMEOUT)
    Watcher(lonja).ready().stop()


def test_nobody_is_refused_in_a_hand_over(lonja, scale):
    """Clients keep coming while it is restarted again and again: each gets its welcome, or is told to come back."""
    refused, welcomed, stop = [], [], threading.Event()

    def come():
        while not stop.is_set():
            try:
                raw = RawSocket(lonja)
                opcode, payload = raw.receive()
                if opcode == 1:
                    welcomed.append(payload)
                elif opcode != 8 or payload[:2] != b"\x03\xe9":
                    refused.append((opcode, payload))
                raw.close()
            except (Refused, EOFError, OSError) as e:
                refused.append(repr(e))

    threads = [threading.Thread(target=come) for _ in range(4)]
    for thread in threads:
        thread.start()
    for _ in range(scale(3, 30)):
        n = len(welcomed)
        lonja.daemon("notifier").restart()
        wait_for(lambda: len(welcomed) > n + 10)
    stop.set()
    for thread in threads:
        thread.join(TIMEOUT)
    assert refused == []


def test_tls(make_lonja):
    import asyncio
    import ssl

    import websockets

    lonja = make_lonja(tls=True)
    context = ssl.create_default_context(cafile=lonja.ca_file)

    async def listen():
        url = lonja.notifier_tls_url.replace("https", "wss").replace("127.0.0.1", "localhost") + "/ws"
        async with websockets.connect(url, ssl=context) as ws:
            assert json.loads(await ws.recv())["type"] == "welcome"
            code = (await asyncio.to_thread(add_product, lonja))["code"]
            assert json.loads(await ws.recv())["entity"] == code
            await (await ws.ping())
            await asyncio.to_thread(lonja.daemon("notifier").stop)
            with pytest.raises(websockets.ConnectionClosed):
                await ws.recv()
            assert ws.close_code == 1001

    asyncio.run(asyncio.wait_for(listen(), TIMEOUT))
    assert "Leaving with work in hand" not in open(lonja.daemon("notifier").log).read()


def test_the_admin_door(make_lonja):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    sock = socket.socket(socket.AF_UNIX)
    sock.settimeout(TIMEOUT)
    sock.connect(os.path.join(lonja.run_dir, "notifier.sock"))
    sock.sendall(b"GET /events HTTP/1.1\r\nHost: localhost\r\n\r\n")
    text = b""
    while b"event: welcome" not in text:
        piece = sock.recv(4096)
        assert piece, text
        text += piece
    sock.close()


def test_scale(measure):
    """Thousands of idle WebSockets, all told of one event, and all back at once, stay within bounds."""
    measure("notifier_scale.py", few=["--clients", "300"])


@pytest.mark.long
def test_scale_tls(measure):
    measure("notifier_scale.py", "--tls")


def test_the_command(lonja):
    start = head(lonja)
    argv, env = lonja.command("events", "--topics", "product.*", "--since", str(start), "--count", "2", "--json")
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, text=True, stdin=subprocess.DEVNULL) as tail:
        first = add_product(lonja)["code"]
        assert json.loads(tail.stdout.readline())["entity"] == first
        lonja.daemon("notifier").restart()
        second = add_product(lonja)["code"]
        assert json.loads(tail.stdout.readline())["entity"] == second
        assert tail.wait(TIMEOUT) == 0
    text = lonja.run("events", "--since", str(start), "--count", "1").stdout
    assert "product.created" in text and f"Product {first} was added" in text
    assert lonja.run("events", "--topics", "a..b", check=False).returncode == 1
    assert lonja.run("events", "--since", "x", check=False).returncode == 2

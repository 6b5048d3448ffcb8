# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Import and export: streams, all or nothing."""

import csv
import io
import json
import socket
import threading

import pytest

from catalogue import Catalogue, Listener, problem, product, unique
from waiting import wait_for

NDJSON = {"Content-Type": "application/x-ndjson"}
CSV = {"Content-Type": "text/csv"}
HEAD = "code,description,buying_price,selling_price\n"


@pytest.fixture(scope="module")
def api(lonja):
    return Catalogue(lonja)


@pytest.fixture
def own(make_lonja):
    """An empty catalogue."""
    return Catalogue(make_lonja())


def ndjson(rows):
    return "".join(json.dumps(r) + "\n" for r in rows).encode()


def load(api, data, headers=NDJSON, **parameters):
    return api.post("/api/products:import", data=data, headers=headers, params=parameters)


def table(api):
    return [p for page in api.walk("/api/products?limit=1000") for p in page]


def strip(p):
    return {k: p[k] for k in ("code", "description", "buying_price", "selling_price")}


# Import


def test_ndjson_of_10000(own):
    rows = [product(f"P{i:05}", description=f"línea {i}\t\\N \"q\" \U0001f600\r\n", buying_price=f"{i}.01")
            for i in range(10000)]
    with Listener(own.lonja) as listener:
        answer = load(own, ndjson(rows))
        assert answer.status_code == 200, answer.text
        assert answer.json() == {"created": 10000, "updated": 0, "unchanged": 0}
        assert [strip(p) for p in table(own)] == rows
        events = listener.take(10000)
    assert [e["subject"] for e in events] == [r["code"] for r in rows]
    assert {e["type"] for e in events} == {"product.created"}
    assert [e["lonjaoffset"] for e in events] == list(range(1, 10001))


def test_csv_of_10000(own):
    out = io.StringIO()
    rows = [product(f"P{i:05}", description=f"a, \"b\"\n{i}", buying_price=f"{i}.50") for i in range(10000)]
    writer = csv.DictWriter(out, ["selling_price", "description", "code", "buying_price"])
    writer.writeheader()
    writer.writerows(rows)
    answer = load(own, out.getvalue().encode(), CSV)
    assert answer.json() == {"created": 10000, "updated": 0, "unchanged": 0}
    assert [strip(p) for p in table(own)] == rows


def test_replacing(own):
    own.load(product(f"P{i}") for i in range(4))
    own.delete("/api/products/P3")
    with Listener(own.lonja) as listener:
        answer = own.load([product("P0"), product("P1", selling_price="9.00"), product("P2", description="new"),
                           product("P3"), product("P4")])
        assert answer == {"created": 2, "updated": 2, "unchanged": 1}
        events = listener.take(4)
    assert [(e["type"], e["subject"], e["lonjaversion"]) for e in events] == [
        ("product.updated", "P1", 2), ("product.updated", "P2", 2), ("product.created", "P3", 3),
        ("product.created", "P4", 1)]
    assert [p["version"] for p in table(own)] == [1, 2, 2, 3, 1]


def test_codes_are_made(own):
    data = HEAD + ",a,1,2\n,b,1,2\n"
    assert load(own, data.encode(), CSV).json()["created"] == 2
    assert load(own, ndjson([product(), product()])).json()["created"] == 2
    assert all(len(p["code"]) == 15 for p in table(own))


def test_creating_only(own):
    own.load([product("B"), product("D")])
    answer = load(own, ndjson([product("A"), product("B"), product("C"), product("D")]), mode="create")
    body = problem(answer, 409, "already-exists", "/2/code", "/4/code")
    assert [e["line"] for e in body["errors"]] == [2, 4]
    assert [p["code"] for p in table(own)] == ["B", "D"]
    own.delete("/api/products/B")
    assert load(own, ndjson([product("A"), product("B")]), mode="create").json()["created"] == 2


@pytest.mark.parametrize("lines, wrong", [
    (["x"], ["/2"]),
    (["[]"], ["/2"]),
    (['{"code":"A"}'], ["/2/description", "/2/buying_price", "/2/selling_price"]),
    ([json.dumps(product("a b", buying_price="-1"))], ["/2/code", "/2/buying_price"]),
    ([json.dumps(product("ok")), "", json.dumps(product(colour=1))], ["/4/colour"]),
    (["x", "y", "z"], ["/2", "/3", "/4"]),
])
def test_a_wrong_line_rolls_all_back(own, lines, wrong):
    own.create("OLD")
    data = "\n".join([json.dumps(product("FIRST")), *lines, json.dumps(product("LAST"))]) + "\n"
    problem(load(own, data.encode()), 400, "invalid-input", *wrong)
    assert [p["code"] for p in table(own)] == ["OLD"]
    assert own.lonja.psql("SELECT count(*) FROM outbox") in ("0", "0\n", "1", "1\n")


def test_a_wrong_line_among_10000(own):
    rows = [product(f"P{i:05}") for i in range(10000)]
    rows[7777]["selling_price"] = "x"
    body = problem(load(own, ndjson(rows)), 400, "invalid-input", "/7778/selling_price")
    assert len(body["errors"]) == 1 and body["errors"][0]["line"] == 7778
    assert table(own) == []


def test_errors_are_bounded(api):
    body = problem(load(api, b"x\n" * 5000), 400, "invalid-input", "/1", "/100")
    assert len(body["errors"]) == 100


def test_twice_in_one_stream(own):
    body = problem(load(own, ndjson([product("A"), product("B"), product("A")])), 400, "invalid-input", "/3/code")
    assert "line 1" in body["errors"][0]["reason"]
    assert table(own) == []


@pytest.mark.parametrize("data, path", [
    ("", "/1"),
    ("code,price\nA,1\n", "/1"),
    ("code,description,buying_price\nA,x,1\n", "/1"),
    ("code,code,description,buying_price,selling_price\n", "/1"),
    (HEAD + "A,x,1\n", "/2"),
    (HEAD + "A,x,1,2,3\n", "/2"),
    (HEAD + 'A,"x,1,2\n', "/2"),
    (HEAD + 'A,x"y,1,2\n', "/2"),
    (HEAD + "A,x,1,\n", "/2/selling_price"),
    (HEAD + "A,,1,2\n", "/2/description"),
    (HEAD + "A,x,1,2\n\n\nB,x,1.234,2\n", "/5/buying_price"),
    (HEAD + "A,x,1;2,2\n", "/2/buying_price"),
])
def test_wrong_csv(api, data, path):
    problem(load(api, data.encode(), CSV), 400, "invalid-input", path)


def test_csv_that_is_no_utf8(api):
    problem(load(api, HEAD.encode() + b"A,\xff\xfe,1,2\n", CSV), 400, "invalid-input", "/2/description")


def test_a_line_that_never_ends(api):
    problem(load(api, b'{"x":"' + b"x" * 3_000_000), 400, "invalid-input", "/1")
    problem(load(api, HEAD.encode() + b'A,"' + b"x" * 3_000_000, CSV), 400, "invalid-input", "/2")


def test_empty_streams(api):
    assert load(api, b"").json() == {"created": 0, "updated": 0, "unchanged": 0}
    assert load(api, HEAD.encode(), CSV).json() == {"created": 0, "updated": 0, "unchanged": 0}


def test_parameters_and_media(api):
    problem(load(api, b"", mode="x"), 400, "invalid-input", "mode")
    problem(load(api, b"", colour="red"), 400, "invalid-input", "colour")
    problem(load(api, b"", {"Content-Type": "application/json"}), 415, "unsupported-media-type")
    problem(load(api, b"", {"Content-Type": "text/csvx"}), 415, "unsupported-media-type")


def test_a_key_is_bound_to_the_stream(own):
    headers = {**NDJSON, "Idempotency-Key": unique("key")}
    rows = [product("A"), product("B")]
    first = load(own, ndjson(rows), headers)
    own.delete("/api/products/A")
    again = load(own, ndjson(rows), headers)
    assert first.text == again.text and again.headers["Idempotency-Replayed"] == "true"
    assert [p["code"] for p in table(own)] == ["B"]
    problem(load(own, ndjson(rows[:1]), headers), 422, "idempotency-key-reused")
    problem(load(own, ndjson(rows), headers, mode="create"), 422, "idempotency-key-reused")


def test_concurrent_twins_import_once(own):
    data = ndjson(product() for _ in range(50))
    headers = {**NDJSON, "Idempotency-Key": unique("key")}
    answers = []

    def run():
        answers.append(load(Catalogue(own.lonja), data, headers))

    threads = [threading.Thread(target=run) for _ in range(6)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {(a.status_code, a.text) for a in answers} == {(200, '{"created":50,"updated":0,"unchanged":0}')}
    assert len(table(own)) == 50


def test_limit(make_lonja):
    own = Catalogue(make_lonja(config={"products": {"Products": {"MaxImport": "10K", "ImportErrors": "3"}}}))
    problem(load(own, ndjson(product(f"P{i}") for i in range(200))), 413, "body-too-large")
    assert len(problem(load(own, b"x\n" * 10), 400, "invalid-input")["errors"]) == 3
    assert table(own) == []


def raw(lonja, text):
    host, port = lonja.products_url.removeprefix("http://").split(":")
    s = socket.create_connection((host, int(port)))
    s.sendall(text.encode())
    return s


def copies(own):
    """Imports that have a connection to the database."""
    return int(own.lonja.psql("SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND datname = "
                              "current_database() AND query LIKE 'BEGIN; CREATE TEMPORARY TABLE product_staging%'"))


def test_a_client_that_leaves_in_the_middle(own):
    """Nothing of it remains, and its connection is free again."""
    for _ in range(5):
        s = raw(own.lonja, f"POST /api/products:import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own.lonja.token}\r\n"
                "Content-Type: text/csv\r\nContent-Length: 1000\r\n\r\n" + HEAD + "A,x,1,2\n")
        wait_for(lambda: copies(own) == 1)
        s.close()
    assert own.load([product("B")])["created"] == 1
    assert [p["code"] for p in table(own)] == ["B"]


def test_a_client_that_stands_still(make_lonja):
    """Neither an import nor an export may keep its connection for ever."""
    own = Catalogue(make_lonja(config={"products": {"Products": {"BulkStallSec": "1"}}}))
    own.load(product(f"P{i:05}", description="x" * 5000) for i in range(4000))
    slow = [raw(own.lonja, f"POST /api/products:import HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {own.lonja.token}"
                "\r\nContent-Type: text/csv\r\nContent-Length: 1000\r\n\r\n" + HEAD) for _ in range(2)]
    wait_for(lambda: copies(own) == 2)
    wait_for(lambda: copies(own) == 0)
    for s in slow:
        s.close()
    slow = [raw(own.lonja, "GET /api/products:export HTTP/1.1\r\nHost: x\r\n\r\n") for _ in range(2)]
    assert own.load([product("Q")])["created"] == 1
    for s in slow:
        s.settimeout(20)
        data = b""
        while (piece := s.recv(1 << 20)):
            data += piece
        assert not data.endswith(b"0\r\n\r\n")  # cut, so that nobody takes a part for the whole
        s.close()


def test_reads_and_writes_go_on_during_an_import(own):
    """A slow import locks no product and takes nobody's connection."""
    own.create("A")
    gate = threading.Event()

    def stream():
        yield ndjson([product("A", description="imported")])
        gate.wait(20)
        yield ndjson([product("B")])

    answers = []
    thread = threading.Thread(target=lambda: answers.append(load(Catalogue(own.lonja), stream())))
    thread.start()
    try:
        for i in range(20):
            assert own.patch("/api/products/A", json={"description": str(i)}, timeout=5).status_code == 200
            assert own.one("A")["description"] == str(i)
    finally:
        gate.set()
        thread.join()
    assert answers[0].json() == {"created": 1, "updated": 1, "unchanged": 0}
    assert own.one("A")["description"] == "imported"


# Export


def test_an_export_is_the_table(own):
    own.load(product(f"P{i:05}", description=f"línea {i}\t\\N \"q\" \U0001f600\r\n\x01\x02, \\.") for i in range(3000))
    own.load([product("Q", description="\\.")])
    own.delete("/api/products/P00007")
    rows = table(own)
    answer = own.get("/api/products:export")
    assert answer.headers["Content-Type"] == "application/x-ndjson"
    assert [json.loads(line) for line in answer.content.decode().split("\n")[:-1]] == rows
    answer = own.get("/api/products:export?format=csv")
    assert answer.headers["Content-Type"].startswith("text/csv")
    reader = csv.DictReader(io.StringIO(answer.content.decode(), newline=""))
    assert [{**r, "version": int(r["version"])} for r in reader] == rows


@pytest.mark.parametrize("form, headers", [("ndjson", NDJSON), ("csv", CSV)])
def test_an_export_can_be_imported(own, form, headers):
    own.load(product(f"P{i:03}", description=f"\"{i}\",\n\\") for i in range(100))
    rows = table(own)
    data = own.get(f"/api/products:export?format={form}").content
    assert load(own, data, headers).json() == {"created": 0, "updated": 0, "unchanged": 100}
    assert table(own) == rows
    for r in rows:
        own.delete(f"/api/products/{r['code']}")
    assert load(own, data, headers).json() == {"created": 100, "updated": 0, "unchanged": 0}
    assert [strip(p) for p in table(own)] == [strip(p) for p in rows]


def test_an_empty_export(own):
    assert own.get("/api/products:export").content == b""
    assert own.get("/api/products:export?format=csv").text == HEAD[:-1] + ",created_at,updated_at,version\n"


def test_export_parameters(api):
    assert api.get("/api/products:export", headers={"Accept": "text/csv"}).headers["Content-Type"].startswith("text/csv")
    problem(api.get("/api/products:export?format=xml"), 400, "invalid-input", "format")
    problem(api.get("/api/products:export?colour=red"), 400, "invalid-input", "colour")
    assert api.head("/api/products:export").status_code == 200


def test_a_slow_reader_costs_little_memory(own):
    """Back-pressure reaches PostgreSQL: the daemon does not hold what the client has not read."""
    own.load(product(f"P{i:05}", description="x" * 9000) for i in range(4000))
    pid = own.lonja.daemon("products").pid
    with open(f"/proc/{pid}/maps") as f:
        if "libasan" in f.read():
            pytest.skip("AddressSanitizer keeps what was freed: resident memory tells nothing")

    def resident():
        with open(f"/proc/{pid}/statm") as f:
            return int(f.read().split()[1]) * 4096

    before = resident()
    s = raw(own.lonja, "GET /api/products:export HTTP/1.1\r\nHost: x\r\n\r\n")
    wait_for(lambda: own.lonja.psql("SELECT count(*) FROM pg_stat_activity WHERE wait_event = 'ClientWrite'"
                                ).strip() == "1")
    assert resident() - before < 8 << 20
    total = 0
    while (piece := s.recv(1 << 20)):
        total += len(piece)
        if piece.endswith(b"0\r\n\r\n"):
            break
    assert total > 36_000_000
    s.close()

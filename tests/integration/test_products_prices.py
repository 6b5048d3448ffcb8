# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""All prices at once, exactly, and the prices of the past. Each test has a catalogue of its own."""

import random
import threading
from decimal import ROUND_HALF_EVEN, Decimal

import pytest

from catalogue import Catalogue, Listener, problem, product, unique

CENT = Decimal("0.01")


@pytest.fixture
def api(make_lonja):
    return Catalogue(make_lonja())


def adjust(api, factor, **headers):
    return api.post("/api/products:adjust-prices", json={"factor": factor}, headers=headers)


def prices(api):
    return {p["code"]: (p["buying_price"], p["selling_price"], p["version"])
            for page in api.walk("/api/products?limit=1000") for p in page}


def half_even(text, factor):
    return str((Decimal(text) * Decimal(factor)).quantize(CENT, ROUND_HALF_EVEN))


def test_exact_and_half_even(api, scale):
    """Every cent as Python's decimal has it, for random cents, ties above all."""
    rng = random.Random(20261122)
    ties = [f"{a}.{b:02}" for a in (0, 1, 2, 3, 1234567) for b in range(100)]
    texts = ties + [str(Decimal(rng.randrange(10 ** rng.randint(1, 11))) / 100) for _ in range(scale(1500, 20000))]
    api.load(product(f"P{i}", buying_price=text, selling_price=text) for i, text in enumerate(texts))
    before = prices(api)
    for factor in ("1.1", "0.5", "1.5", "0.25", "1.005", "0.333333333333333333", "1.000000000000000001", "0.05", "3"):
        answer = adjust(api, factor)
        assert answer.status_code == 200, answer.text
        after = prices(api)
        changed = 0
        for code, (buying, selling, version) in before.items():
            expected = (half_even(buying, factor), half_even(selling, factor))
            moved = expected != (buying, selling)
            changed += moved
            assert after[code] == (*expected, version + moved), (code, buying, factor)
        assert answer.json() == {"changed": changed}
        before = after


def test_too_large_changes_nothing(api):
    api.create("B", buying_price="6000000000.00", selling_price="1")
    api.create("A", selling_price="9999999999.99", buying_price="1")
    api.create("C", selling_price="1", buying_price="1")
    before = prices(api)
    body = problem(adjust(api, "2"), 422, "price-too-large")
    assert "product A " in body["detail"]
    assert prices(api) == before
    assert adjust(api, "1").json() == {"changed": 0}
    problem(adjust(api, "1.000000000000501"), 422, "price-too-large")  # 9999999999.99501 would be one cent more
    assert adjust(api, "1.000000000000499").json() == {"changed": 0}
    assert prices(api) == before


@pytest.mark.parametrize("factor", ["0", "-1", "1.", ".5", "1e1", "", "x", "12345678901", "1.1234567890123456789",
                                    1.1, None, [], "NaN", "Infinity", "0.0"])
def test_factors_of_no_form(lonja, factor):
    problem(adjust(Catalogue(lonja), factor), 400, "invalid-input", "/factor")


def test_body(lonja):
    api = Catalogue(lonja)
    problem(api.post("/api/products:adjust-prices", json={}), 400, "invalid-input", "/factor")
    problem(api.post("/api/products:adjust-prices", json={"factor": "1", "x": 1}), 400, "invalid-input", "/x")
    problem(api.post("/api/products:adjust-prices", json=[]), 400, "invalid-input", "")
    problem(api.post("/api/products:adjust-prices", data="factor=1"), 415, "unsupported-media-type")
    problem(api.post("/api/products:adjust-prices?x=1", json={"factor": "1"}), 400, "invalid-input", "x")


def test_a_key_adjusts_once(api):
    api.create("A", buying_price="1", selling_price="2")
    key = {"Idempotency-Key": unique("key")}
    assert [adjust(api, f, **key).json() for f in ("2", "2.0", "02")] == [{"changed": 1}] * 3
    assert prices(api)["A"] == ("2.00", "4.00", 2)
    problem(adjust(api, "3", **key), 422, "idempotency-key-reused")


def test_one_event_for_each_changed_product(make_lonja):
    lonja = make_lonja()
    api = Catalogue(lonja)
    api.load(product(f"P{i:02}", buying_price="0.00", selling_price="0.00" if i % 3 else "1.00") for i in range(30))
    with Listener(lonja) as listener:
        assert adjust(api, "2").json() == {"changed": 10}
        events = listener.take(10)
    assert [e["subject"] for e in events] == [f"P{i:02}" for i in range(0, 30, 3)]
    assert all(e["data"]["selling_price"] == "2.00" and e["data"]["version"] == 2 for e in events)


def test_adjusting_while_others_write(api):
    """No update is lost: at the end each price is what its own events say, and versions are dense."""
    api.load(product(f"P{i:02}", buying_price="1", selling_price="1") for i in range(20))
    failures = []

    def patch(k):
        client = Catalogue(api.lonja)
        for i in range(30):
            answer = client.patch(f"/api/products/P{(i * 7 + k) % 20:02}", json={"buying_price": f"{k}.{i:02}"})
            if answer.status_code != 200:
                failures.append(answer.text)

    def run_adjust():
        client = Catalogue(api.lonja)
        for _ in range(10):
            answer = adjust(client, "1.01")
            if answer.status_code != 200:
                failures.append(answer.text)

    def run_import():
        client = Catalogue(api.lonja)
        for i in range(10):
            client.load(product(f"P{k:02}", description=f"{i}") for k in range(19, -1, -1))

    threads = [threading.Thread(target=patch, args=(k,)) for k in range(4)]
    threads += [threading.Thread(target=run_adjust) for _ in range(2)] + [threading.Thread(target=run_import)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not failures
    for code, (buying, selling, version) in prices(api).items():
        history = [p for page in api.walk(f"/api/products/{code}/history?limit=1000") for p in page]
        assert (history[-1]["buying_price"], history[-1]["selling_price"]) == (buying, selling)
        versions = api.lonja.psql("SELECT version FROM (SELECT entity, version FROM event UNION ALL "
                                  f"SELECT entity, version FROM outbox) e WHERE entity = '{code}' ORDER BY version")
        assert [int(v) for v in versions.split()] == list(range(1, version + 1))


# History


def test_history(api):
    api.create("A", buying_price="1", selling_price="2")
    api.patch("/api/products/A", json={"selling_price": "3"})
    api.patch("/api/products/A", json={"description": "the price stays"})
    api.put("/api/products/A", json=product(buying_price="5", selling_price="6"))
    adjust(api, "2")
    api.load([product("A", buying_price="7", selling_price="8"), product("B")])
    api.load([product("A", buying_price="7", selling_price="8", description="other")])
    api.delete("/api/products/A")
    problem(api.get("/api/products/A/history"), 404, "not-found")
    api.create("A", buying_price="9", selling_price="10")
    rows = api.get("/api/products/A/history").json()["results"]
    assert [(p["version"], p["buying_price"], p["selling_price"]) for p in rows] == [
        (1, "1.00", "2.00"), (2, "1.00", "3.00"), (4, "5.00", "6.00"), (5, "10.00", "12.00"), (6, "7.00", "8.00"),
        (9, "9.00", "10.00")]
    assert [p["at"] for p in rows] == sorted(p["at"] for p in rows)
    assert [p["version"] for p in api.get("/api/products/A/history?ordering=-version&limit=2").json()["results"]] == [
        9, 6]
    page = api.get("/api/products/A/history?limit=4").json()
    assert page["next"].startswith("/api/products/A/history?")
    assert [p["version"] for p in api.get(page["next"]).json()["results"]] == [6, 9]
    assert api.get(f"/api/products/A/history?at__gte={rows[4]['at']}&count=true").json()["count"] == 2
    problem(api.get("/api/products/A/history?colour=red"), 400, "invalid-input", "colour")
    problem(api.get("/api/products/NOPE/history"), 404, "not-found")

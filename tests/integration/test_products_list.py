# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Pages of the catalogue: order, filters, both directions, while others write."""

import http.client
import random
import threading
from decimal import Decimal

import pytest

from catalogue import Catalogue, problem, product

N = 57


@pytest.fixture(scope="module")
def shelf(lonja):
    """57 products that only these tests know; prices repeat. Codes that the daemon makes have no small letters."""
    api = Catalogue(lonja)
    rng = random.Random(7)
    rows = [product(f"l{i:03}", description=f"shelf {i % 5} 100%_\\", buying_price=f"{rng.randint(0, 5)}.00",
                    selling_price=f"{rng.randint(0, 20)}.50") for i in range(N)]
    api.load(rows)
    return api


FILTER = "code__gte=l000&code__lte=l999"


def codes(pages):
    return [p["code"] for page in pages for p in page]


@pytest.mark.parametrize("ordering", ["code", "buying_price", "selling_price", "created_at", "updated_at"])
@pytest.mark.parametrize("sign", ["", "-"])
@pytest.mark.parametrize("limit", [1, 7, 57, 58])
def test_every_ordering_forth_and_back(shelf, ordering, sign, limit):
    path = f"/api/products?{FILTER}&ordering={sign}{ordering}&limit={limit}"
    rows = [p for page in shelf.walk(path) for p in page]
    assert len(rows) == N and len({p["code"] for p in rows}) == N

    def key(p):
        v = p[ordering]
        return (Decimal(v) if "price" in ordering else v, p["code"])
    assert rows == sorted(rows, key=key, reverse=bool(sign))
    last = path
    while (following := shelf.get(last).json()["next"]):
        last = following
    back = codes(reversed(page) for page in shelf.walk(last, "previous"))
    assert list(reversed(back)) == [p["code"] for p in rows]


def test_envelope(shelf):
    page = shelf.get(f"/api/products?{FILTER}&limit=2").json()
    assert set(page) == {"next", "previous", "results"}
    assert page["previous"] is None and len(page["results"]) == 2
    assert set(page["results"][0]) == {"code", "description", "buying_price", "selling_price", "created_at",
                                       "updated_at", "version"}
    assert page["results"][0] == shelf.one("l000")
    page = shelf.get(f"/api/products?{FILTER}&limit=2&count=true").json()
    assert page["count"] == N
    assert shelf.get(page["next"]).json()["count"] == N


def test_default_limit(shelf):
    shelf.load(product(f"m{i:03}") for i in range(101))
    assert len(shelf.get("/api/products?code__gte=m&code__lte=n").json()["results"]) == 100
    assert len(shelf.get("/api/products?code__gte=m&code__lte=n&limit=1000").json()["results"]) == 101


@pytest.mark.parametrize("query, expected", [
    ("code=l003", ["l003"]),
    ("code=L003", []),
    ("code__gte=l055", ["l055", "l056"]),
    ("code__lte=l001&code__gte=l", ["l000", "l001"]),
    ("description=shelf+3+100%25_%5C&limit=2", ["l003", "l008"]),
    ("search=SHELF+4&limit=3", ["l004", "l009", "l014"]),
    ("search=L05&limit=3", ["l050", "l051", "l052"]),
    ("search=100%25_%5C&limit=1", ["l000"]),
    ("search=_0%25", []),
    ("search=no+such+thing", []),
    ("buying_price__gte=0&code=l000", ["l000"]),
    ("version=1&code=l000", ["l000"]),
    ("version__gte=2&code=l000", []),
    ("created_at__lte=2000-01-01T00:00:00Z", []),
    ("created_at__gte=2000-01-01T00:00:00%2B01:00&code=l000", ["l000"]),
    ("updated_at__gte=2999-01-01T00:00:00Z", []),
])
def test_filters(shelf, query, expected):
    rows = shelf.get(f"/api/products?{query}&code__lte=l999&code__gte=l000" if "code__" not in query
                     else f"/api/products?{query}")
    assert rows.status_code == 200, rows.text
    got = [p["code"] for p in rows.json()["results"]]
    assert got == expected if "limit" in query or "__gte=l055" not in query else got[:2] == expected


def test_price_filters_are_numbers(shelf):
    rows = shelf.get(f"/api/products?{FILTER}&limit=1000").json()["results"]
    for low, high in (("2", "9.50"), ("10.50", "10.5"), ("0", "0.49")):
        got = shelf.get(f"/api/products?{FILTER}&limit=1000&selling_price__gte={low}&selling_price__lte={high}")
        assert codes([got.json()["results"]]) == codes(
            [[p for p in rows if Decimal(low) <= Decimal(p["selling_price"]) <= Decimal(high)]])


@pytest.mark.parametrize("query, path", [
    ("limit=0", "limit"), ("limit=1001", "limit"), ("limit=x", "limit"), ("limit=-1", "limit"), ("limit=", "limit"),
    ("limit=1&limit=2", "limit"),
    ("cursor=x", "cursor"), ("cursor=", "cursor"), ("cursor=eyJ9", "cursor"),
    ("ordering=description", "ordering"), ("ordering=--code", "ordering"), ("ordering=", "ordering"),
    ("ordering=code,version", "ordering"), ("ordering=code;drop+table+product", "ordering"),
    ("count=maybe", "count"),
    ("buying_price=x", "buying_price"), ("selling_price__gte=1e9", "selling_price__gte"),
    ("created_at=yesterday", "created_at"), ("version=1.5", "version"), ("version=99999999999999999999", "version"),
    ("search=" + "x" * 2000, "search"),
    ("colour=red", "colour"), ("code__like=x", "code__like"), ("deleted_at=x", "deleted_at"),
    ("Code=x", "Code"),
])
def test_every_parameter_wrong_in_every_way(shelf, query, path):
    problem(shelf.get(f"/api/products?{query}"), 400, "invalid-input", path)


def test_all_wrong_parameters_at_once(shelf):
    problem(shelf.get("/api/products?limit=x&colour=red&version=z"), 400, "invalid-input", "limit", "colour", "version")


@pytest.mark.parametrize("query", ["code=%ff", "code=%", "code=%zz", "search=%00", "%00=x"])
def test_a_broken_query_string(lonja, query):
    connection = http.client.HTTPConnection(lonja.products_url.removeprefix("http://"), timeout=10)
    connection.request("GET", f"/api/products?{query}")  # requests would mend it
    assert connection.getresponse().status == 400
    connection.close()


def test_a_cursor_belongs_to_its_list(shelf):
    link = shelf.get(f"/api/products?{FILTER}&limit=2").json()["next"]
    cursor = link.split("cursor=")[1].split("&")[0]
    problem(shelf.get(f"/api/products?{FILTER}&limit=2&ordering=selling_price&cursor={cursor}"), 400, "invalid-input",
            "cursor")
    problem(shelf.get(f"/api/products?limit=2&cursor={cursor}"), 400, "invalid-input", "cursor")
    assert shelf.get(f"/api/products?{FILTER}&limit=9&cursor={cursor}").status_code == 200


@pytest.mark.parametrize("link, order", [("next", ""), ("next", "-")])
def test_walking_while_others_write(shelf, lonja, link, order):
    """Whoever is there all the time is seen exactly once, however much comes and goes meanwhile."""
    api = Catalogue(lonja)
    api.load(product(f"w{i:04}", selling_price=f"{i % 10}.00") for i in range(0, 2000, 10))
    stop = threading.Event()

    def churn():
        client, rng = Catalogue(lonja), random.Random(1)
        while not stop.is_set():
            code = f"w{rng.randrange(2000) // 10 * 10 + rng.randint(1, 9):04}"
            if rng.random() < 0.6:
                client.put(f"/api/products/{code}", json=product(selling_price=f"{rng.randint(0, 9)}.00"))
            else:
                client.delete(f"/api/products/{code}")

    threads = [threading.Thread(target=churn) for _ in range(3)]
    [t.start() for t in threads]
    try:
        for _ in range(3):
            path = f"/api/products?code__gte=w&code__lte=x&ordering={order}selling_price&limit=9"
            seen = [c for c in codes(api.walk(path, link)) if c.endswith("0")]
            assert sorted(seen) == [f"w{i:04}" for i in range(0, 2000, 10)]
    finally:
        stop.set()
        [t.join() for t in threads]


def test_orderings_have_an_index(shelf, lonja):
    """No ordering that is offered sorts the table."""
    for column in ("code", "buying_price", "selling_price", "created_at", "updated_at"):
        for direction in ("", " DESC"):
            plan = lonja.psql("SET enable_seqscan = off; SET enable_sort = off; EXPLAIN SELECT * FROM product "
                              f"WHERE deleted_at IS NULL ORDER BY {column}{direction}, code{direction} LIMIT 10")
            assert "Sort" not in plan and "Index Scan" in plan, plan

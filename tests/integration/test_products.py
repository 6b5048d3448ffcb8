# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""One product at a time: fields, versions, conditions, keys."""

import json
import os
import random
import re
import socket
import threading

import pytest
import requests

from catalogue import Catalogue, problem, product, unique
from waiting import wait_for

TIME = re.compile(r"^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z$")


@pytest.fixture(scope="module")
def api(lonja):
    return Catalogue(lonja)


# Creating and reading


def test_create_and_get(api):
    code = unique()
    made = api.post("/api/products", json=product(code, description='Ñandú "x"\n\\', buying_price="1.5"))
    assert made.status_code == 201
    assert made.headers["Location"] == f"/api/products/{code}"
    assert made.headers["ETag"] == '"1"'
    body = made.json()
    assert body["description"] == 'Ñandú "x"\n\\'
    assert (body["buying_price"], body["selling_price"], body["version"]) == ("1.50", "2.50", 1)
    assert TIME.match(body["created_at"]) and TIME.match(body["updated_at"])
    got = api.get(f"/api/products/{code}")
    assert got.status_code == 200
    assert got.headers["ETag"] == '"1"'
    assert got.headers["Content-Type"] == "application/json"
    assert got.text == made.text  # the reading side writes the same bytes as the writing side
    head = api.head(f"/api/products/{code}")
    assert (head.status_code, head.headers["ETag"], head.text) == (200, '"1"', "")


def test_a_code_is_made(api):
    a, b = (api.post("/api/products", json=product()).json()["code"] for _ in range(2))
    assert re.match(r"^[A-Z0-9]{15}$", a) and a != b
    assert api.one(a)["code"] == a


def test_a_code_is_taken(api):
    code = api.create()["code"]
    problem(api.post("/api/products", json=product(code)), 409, "already-exists")


@pytest.mark.parametrize("code", ["a", ".a", "a.", "...", "-", "_", "0", "A" * 64, "aZ09._-"])
def test_every_good_code(api, code):
    answer = api.put(f"/api/products/{code}", json=product())
    assert answer.status_code in (200, 201)
    assert api.one(code)["code"] == code
    assert api.delete(f"/api/products/{code}").status_code == 204


@pytest.mark.parametrize("body, path", [
    ({**product(), "code": ""}, "/code"),
    ({**product(), "code": "A" * 65}, "/code"),
    ({**product(), "code": "a b"}, "/code"),
    ({**product(), "code": "a/b"}, "/code"),
    ({**product(), "code": "ñ"}, "/code"),
    ({**product(), "code": "."}, "/code"),
    ({**product(), "code": 1}, "/code"),
    ({**product(), "code": None}, "/code"),
    ({**product(), "description": ""}, "/description"),
    ({**product(), "description": "x" * 10001}, "/description"),
    ({**product(), "description": 1}, "/description"),
    ({**product(), "description": None}, "/description"),
    ({**product(), "buying_price": 1}, "/buying_price"),
    ({**product(), "buying_price": "-1"}, "/buying_price"),
    ({**product(), "buying_price": "1.234"}, "/buying_price"),
    ({**product(), "buying_price": "10000000000"}, "/buying_price"),
    ({**product(), "buying_price": "1e1"}, "/buying_price"),
    ({**product(), "buying_price": "NaN"}, "/buying_price"),
    ({**product(), "buying_price": ""}, "/buying_price"),
    ({**product(), "selling_price": []}, "/selling_price"),
    ({**product(), "colour": "red"}, "/colour"),
    ({"buying_price": "1", "selling_price": "1"}, "/description"),
    ({"description": "x", "selling_price": "1"}, "/buying_price"),
    ({"description": "x", "buying_price": "1"}, "/selling_price"),
    ([], ""),
    ("x", ""),
    (None, ""),
])
def test_every_field_wrong_in_every_way(api, body, path):
    answer = api.post("/api/products", json=body) if body is not None else api.post(
        "/api/products", data="null", headers={"Content-Type": "application/json"})
    problem(answer, 400, "invalid-input", path)


@pytest.mark.parametrize("text", [b"", b"{", b"{} x", b"\xff", b'{"code":"A","code":"B"}', b"[" * 100000, b"\x00"])
def test_a_body_that_is_no_json(api, text):
    problem(api.post("/api/products", data=text, headers={"Content-Type": "application/json"}), 400,
            "invalid-input", "")


def test_all_wrong_fields_at_once(api):
    problem(api.post("/api/products", json={"code": "a b", "description": 1, "selling_price": "x"}), 400,
            "invalid-input", "/code", "/description", "/selling_price", "/buying_price")


def test_longest_description(api):
    text = "\U0001f600" * 10000
    code = api.create(description=text)["code"]
    assert api.one(code)["description"] == text


def test_largest_price(api):
    made = api.create(buying_price="9999999999.99", selling_price="0")
    assert (made["buying_price"], made["selling_price"]) == ("9999999999.99", "0.00")


def test_body_limit(api):
    body = b'{"description":"' + b"x" * (1 << 20) + b'"}'
    problem(api.post("/api/products", data=body, headers={"Content-Type": "application/json"}), 413,
            "body-too-large")


@pytest.mark.parametrize("media", ["text/plain", "application/x-www-form-urlencoded", "application/jsonx", None])
def test_media_type(api, media):
    headers = {"Content-Type": media} if media else {}
    problem(api.post("/api/products", data=b"{}", headers=headers), 415, "unsupported-media-type")


@pytest.mark.parametrize("media", ["application/json; charset=utf-8", "Application/JSON"])
def test_media_type_with_parameters(api, media):
    answer = api.post("/api/products", json=product(), headers={"Content-Type": media})
    assert answer.status_code == 201


def test_not_found(api):
    problem(api.get("/api/products/" + unique("NOPE")), 404, "not-found")
    problem(api.get("/api/products/a%20b"), 404, "not-found")
    problem(api.get("/api/products/" + "x" * 65), 404, "not-found")
    problem(api.patch("/api/products/NOPE", json={}), 404, "not-found")
    problem(api.delete("/api/products/NOPE"), 404, "not-found")
    problem(api.put("/api/products/a%20b", json=product()), 400, "invalid-input")


@pytest.mark.parametrize("method", ["GET", "PUT", "PATCH", "DELETE"])
def test_an_unknown_parameter_is_refused(api, method):
    code = api.create()["code"]
    problem(api.request(method, f"/api/products/{code}?colour=red", json=product()), 400, "invalid-input", "colour")
    assert api.one(code)["version"] == 1


def test_methods(api):
    answer = api.post("/api/products/A1", json={})
    problem(answer, 405, "method-not-allowed")
    assert {m.strip() for m in answer.headers["Allow"].split(",")} >= {"GET", "PUT", "PATCH", "DELETE"}


def test_many_at_once_get_their_own(api, lonja):
    """Look-ups share statements: each still gets its own product, its own 404, its own 304."""
    made = [api.create(description=f"shared {i}") for i in range(20)]
    host, port = lonja.products_url.removeprefix("http://").split(":")
    rng, wanted = random.Random(3), []
    for i in range(300):
        product_ = rng.choice(made)
        wanted.append(rng.choice([(product_["code"], 200, product_), (product_["code"], 304, None),
                                  (f"none-{i}", 404, None)]))

    def request(code, status):
        condition = 'If-None-Match: "1"\r\n' if status == 304 else ""
        return f"GET /api/products/{code} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n{condition}\r\n".encode()

    sockets = [socket.create_connection((host, int(port))) for _ in wanted]
    for s, (code, status, _) in zip(sockets, wanted):
        s.sendall(request(code, status))
    for s in sockets[::7]:
        s.close()  # some do not wait for it
    for i, (s, (code, status, body)) in enumerate(zip(sockets, wanted)):
        if i % 7 == 0:
            continue
        with s, s.makefile("rb") as answer:
            text = answer.read()
        assert text.startswith(f"HTTP/1.1 {status} ".encode()), (code, text)
        if status == 200:
            assert json.loads(text.split(b"\r\n\r\n", 1)[1]) == body
        elif status == 404:
            assert code.encode() in text


# Versions and conditions


def test_if_none_match(api):
    code = api.create()["code"]
    path = f"/api/products/{code}"
    for tag, status in (('"1"', 304), ('"2"', 200), ('"7", "1"', 304), ("*", 304), ('W/"1"', 304)):
        answer = api.get(path, headers={"If-None-Match": tag})
        assert (answer.status_code, answer.headers["ETag"]) == (status, '"1"'), tag
    api.patch(path, json={"description": "other"})
    answer = api.get(path, headers={"If-None-Match": '"1"'})
    assert (answer.status_code, answer.headers["ETag"]) == (200, '"2"')


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_if_match(api, method):
    code = api.create()["code"]
    path = f"/api/products/{code}"
    refused = api.request(method, path, json=product(description="new"), headers={"If-Match": '"2"'})
    problem(refused, 412, "version-mismatch")
    assert refused.headers["ETag"] == '"1"'
    assert api.one(code)["version"] == 1
    done = api.request(method, path, json=product(description="new"), headers={"If-Match": '"1"'})
    assert done.status_code in (200, 204)
    if method != "DELETE":
        assert api.request(method, path, json=product(description="newer"),
                           headers={"If-Match": "*"}).status_code == 200


def test_if_match_on_nothing(api):
    problem(api.put(f"/api/products/{unique()}", json=product(), headers={"If-Match": "*"}), 412, "version-mismatch")
    problem(api.put(f"/api/products/{unique()}", json=product(), headers={"If-Match": '"1"'}), 412, "version-mismatch")


@pytest.mark.parametrize("tag", ["", "1", '"', "x", '"1'])
def test_if_match_of_no_form(api, tag):
    code = api.create()["code"]
    answer = api.patch(f"/api/products/{code}", json={"description": "x"}, headers={"If-Match": tag})
    assert answer.status_code in (400, 412)
    assert api.one(code)["version"] == 1


def test_put_creates_or_replaces(api):
    code = unique()
    made = api.put(f"/api/products/{code}", json=product())
    assert (made.status_code, made.headers["ETag"], made.headers["Location"]) == (201, '"1"', f"/api/products/{code}")
    again = api.put(f"/api/products/{code}", json=product(code, description="other"))
    assert (again.status_code, again.headers["ETag"], again.json()["description"]) == (200, '"2"', "other")
    assert again.json()["created_at"] == made.json()["created_at"]
    problem(api.put(f"/api/products/{code}", json=product("B")), 400, "invalid-input", "/code")
    problem(api.put(f"/api/products/{code}", json={"description": "x"}), 400, "invalid-input", "/buying_price")


def test_put_that_only_creates(api):
    code = unique()
    headers = {"If-None-Match": "*"}
    assert api.put(f"/api/products/{code}", json=product(), headers=headers).status_code == 201
    refused = api.put(f"/api/products/{code}", json=product(description="new"), headers=headers)
    problem(refused, 412, "version-mismatch")
    problem(api.put(f"/api/products/{code}", json=product(), headers={"If-None-Match": '"1"'}), 400, "invalid-input",
            "If-None-Match")


def test_what_was_read_can_be_put_back(api):
    body = api.create()
    body["selling_price"] = "9.99"
    answer = api.put(f"/api/products/{body['code']}", json=body)
    assert answer.status_code == 200
    assert answer.json() == {**body, "version": 2, "updated_at": answer.json()["updated_at"]}


def test_patch(api):
    code = api.create()["code"]
    path = f"/api/products/{code}"
    for i, media in enumerate(("application/merge-patch+json", "application/json"), 2):
        answer = api.patch(path, data='{"selling_price":"%d"}' % i, headers={"Content-Type": media})
        assert (answer.status_code, answer.headers["ETag"]) == (200, f'"{i}"')
        assert answer.json() == api.one(code)
    assert api.one(code)["buying_price"] == "1.00"
    for field in ("code", "description", "buying_price", "selling_price"):
        problem(api.patch(path, json={field: None}), 400, "invalid-input", f"/{field}")
    problem(api.patch(path, json={"colour": "red"}), 400, "invalid-input", "/colour")
    problem(api.patch(path, json=[]), 400, "invalid-input", "")
    problem(api.patch(path, data="{}", headers={"Content-Type": "application/json-patch+json"}), 415,
            "unsupported-media-type")


def test_what_changes_nothing_has_no_new_version(api):
    made = api.create()
    path = f"/api/products/{made['code']}"
    for answer in (api.patch(path, json={}), api.patch(path, json={"selling_price": "2.5"}),
                   api.put(path, json=product())):
        assert (answer.status_code, answer.headers["ETag"], answer.json()) == (200, '"1"', made)


def test_versions_never_repeat(api):
    code = unique()
    path = f"/api/products/{code}"
    seen = []
    for _ in range(3):
        seen.append(api.put(path, json=product()).json()["version"])
        seen.append(api.patch(path, json={"selling_price": f"{len(seen)}.77"}).json()["version"])
        assert api.delete(path).status_code == 204
        problem(api.get(path), 404, "not-found")
        problem(api.delete(path), 404, "not-found")
    assert seen == [1, 2, 4, 5, 7, 8]
    assert api.post("/api/products", json=product(code)).headers["ETag"] == '"10"'


def test_times_grow(api):
    body = api.create()
    last = body["updated_at"]
    for i in range(20):
        body = api.patch(f"/api/products/{body['code']}", json={"description": str(i)}).json()
        assert body["updated_at"] > last
        last = body["updated_at"]


def test_concurrent_patches_are_all_counted(api, lonja):
    code = api.create()["code"]
    errors = []

    def run(k):
        client = Catalogue(lonja)
        for i in range(20):
            answer = client.patch(f"/api/products/{code}", json={"description": f"{k} {i}"})
            if answer.status_code != 200:
                errors.append(answer.text)

    threads = [threading.Thread(target=run, args=(k,)) for k in range(8)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert not errors
    assert api.one(code)["version"] == 161


# Idempotency


def test_a_key_replays_the_first_answer(api):
    code, key = unique(), unique("key")
    first = api.post("/api/products", json=product(code), headers={"Idempotency-Key": key})
    again = api.post("/api/products", data='{ "selling_price":"2.5", "description":"a thing", "code":"%s",'
                     '"buying_price":"1" }' % code,
                     headers={"Idempotency-Key": key, "Content-Type": "application/json"})
    assert (first.status_code, again.status_code) == (201, 201)
    assert first.text == again.text
    assert first.headers["Location"] == again.headers["Location"] and first.headers["ETag"] == again.headers["ETag"]
    assert "Idempotency-Replayed" not in first.headers and again.headers["Idempotency-Replayed"] == "true"
    other = api.post("/api/products", json=product(unique()), headers={"Idempotency-Key": key})
    problem(other, 422, "idempotency-key-reused")


def test_a_made_code_is_remembered(api):
    key = unique("key")
    a, b = (api.post("/api/products", json=product(), headers={"Idempotency-Key": key}) for _ in range(2))
    assert a.json() == b.json()


@pytest.mark.parametrize("method", ["PUT", "PATCH", "DELETE"])
def test_a_key_comes_before_if_match(api, method):
    code, key = api.create()["code"], unique("key")
    headers = {"Idempotency-Key": key, "If-Match": '"1"'}
    body = product(description="new")
    first, again = (api.request(method, f"/api/products/{code}", json=body, headers=headers) for _ in range(2))
    assert first.status_code == again.status_code and first.status_code in (200, 204)
    assert first.text == again.text and first.headers.get("ETag") == again.headers.get("ETag")
    other = api.request(method, f"/api/products/{api.create()['code']}", json=body, headers=headers)
    problem(other, 422, "idempotency-key-reused")  # another target is another request


def test_a_key_outlives_its_product(api):
    code, key = unique(), unique("key")
    first = api.post("/api/products", json=product(code), headers={"Idempotency-Key": key})
    api.delete(f"/api/products/{code}")
    again = api.post("/api/products", json=product(code), headers={"Idempotency-Key": key})
    assert (again.status_code, again.text) == (201, first.text)
    problem(api.get(f"/api/products/{code}"), 404, "not-found")


def test_a_key_belongs_to_its_operation(api):
    code, key = unique(), unique("key")
    headers = {"Idempotency-Key": key}
    assert api.post("/api/products", json=product(code), headers=headers).status_code == 201
    assert api.patch(f"/api/products/{code}", json={"description": "x"}, headers=headers).status_code == 200
    assert api.delete(f"/api/products/{code}", headers=headers).status_code == 204


def test_only_successes_are_remembered(api):
    code, key = unique(), unique("key")
    headers = {"Idempotency-Key": key}
    problem(api.patch(f"/api/products/{code}", json={"description": "x"}, headers=headers), 404, "not-found")
    api.create(code)
    assert api.patch(f"/api/products/{code}", json={"description": "x"}, headers=headers).status_code == 200


@pytest.mark.parametrize("key", ["", "x" * 256, "\x7f"])
def test_keys_of_no_form(api, key):
    problem(api.post("/api/products", json=product(), headers={"Idempotency-Key": key}), 400, "invalid-input",
            "Idempotency-Key")


def test_concurrent_twins_make_one_row(api, lonja):
    """Twenty at once with one key: one product, twenty equal answers."""
    key, answers = unique("key"), []
    barrier = threading.Barrier(20)

    def run():
        client = Catalogue(lonja)
        barrier.wait()
        answers.append(client.post("/api/products", json=product(description=key), headers={"Idempotency-Key": key}))

    threads = [threading.Thread(target=run) for _ in range(20)]
    [t.start() for t in threads]
    [t.join() for t in threads]
    assert {a.status_code for a in answers} == {201}
    assert len({a.text for a in answers}) == 1
    assert api.get("/api/products", params={"description": key, "count": "true"}).json()["count"] == 1


# Who may do what


def test_reading_is_open_on_loopback(lonja, api):
    nobody = Catalogue(lonja, token=None)
    code = api.create()["code"]
    for path in (f"/api/products/{code}", "/api/products?limit=1", f"/api/products/{code}/history",
                 "/api/products:export", "/api/schema", "/healthz", "/readyz", "/metrics"):
        assert nobody.get(path).status_code == 200, path
    problem(nobody.get(f"/api/products/{code}", headers={"X-Forwarded-For": "192.0.2.1"}), 401,
            "authentication-required")


@pytest.mark.parametrize("method, path", [
    ("POST", "/api/products"), ("PUT", "/api/products/A"), ("PATCH", "/api/products/A"), ("DELETE", "/api/products/A"),
    ("POST", "/api/products:import"), ("POST", "/api/products:adjust-prices")])
def test_writing_needs_the_scope(lonja, method, path):
    problem(Catalogue(lonja, token=None).request(method, path, json={}), 401, "authentication-required")
    problem(Catalogue(lonja, token="lj_" + "A" * 43).request(method, path, json={}), 401, "invalid-token")


def test_a_reader_does_not_write(lonja):
    reader = Catalogue(lonja, token=lonja.session(f"reader{id(lonja) % 1000}", "read"))
    problem(reader.post("/api/products", json=product()), 403, "insufficient-scope")
    assert reader.get("/api/products").status_code == 200


def test_the_admin_socket_is_admin(lonja):
    status, body = lonja.admin("POST", "/api/products", product())
    assert status == 201
    assert lonja.admin("DELETE", f"/api/products/{body['code']}")[0] == 204


def test_request_ids(api, lonja):
    answer = api.get("/healthz")
    assert re.match(r"^[0-9a-f]{32}$", answer.headers["X-Request-ID"])
    name = unique("my.request:")
    made = api.post("/api/products", json=product(), headers={"X-Request-ID": name})
    assert made.headers["X-Request-ID"] == name
    wait_for(lambda: f"REQUEST_ID={name}" in open(lonja.daemon("products").log).read())  # written after the answer
    assert f"PRODUCT_CODE={made.json()['code']}" in open(lonja.daemon("products").log).read()
    assert lonja.psql(f"SELECT count(*) FROM (SELECT request_id FROM event UNION ALL SELECT request_id FROM outbox) e "
                      f"WHERE request_id = '{name}'").strip() == "1"


# Somebody else's hands


def test_an_update_by_hand_is_seen_at_once(api, lonja):
    """No row cache: psql's UPDATE is in the very next GET, under a new ETag."""
    code = api.create()["code"]
    for i in range(20):
        lonja.psql(f"UPDATE product SET selling_price = {i}.25 WHERE code = '{code}'")
        answer = api.get(f"/api/products/{code}", headers={"If-None-Match": f'"{i + 1}"'})
        assert (answer.status_code, answer.json()["selling_price"], answer.headers["ETag"]) == (
            200, f"{i}.25", f'"{i + 2}"')


def test_schema_is_served(api):
    document = api.get("/api/schema").json()
    assert document["openapi"].startswith("3.1")
    assert {"get", "put", "patch", "delete"} <= set(document["paths"]["/api/products/{code}"])


def test_garbage_leaves_the_daemon_serving(api, lonja):
    host, port = lonja.products_url.removeprefix("http://").split(":")
    for _ in range(4):
        with socket.create_connection((host, int(port))) as s:
            try:
                s.sendall(os.urandom(1 << 20))
                s.recv(4096)
            except OSError:
                pass
    assert api.get("/healthz").status_code == 200
    assert requests.get(lonja.products_url + "/api/products?limit=1", timeout=10).status_code == 200

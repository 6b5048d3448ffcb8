# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Users, sessions, scopes and the guard, over real HTTP."""

import concurrent.futures
import itertools
import os
import re
import secrets
import socket
import time

import pytest
import requests

names = (f"user{n}" for n in itertools.count(1))
PRODUCT = {"description": "d", "buying_price": "1", "selling_price": "2"}


@pytest.fixture
def url(lonja):
    return lonja.products_url


class User:
    def __init__(self, lonja, scopes):
        self.lonja = lonja
        self.name = next(names)
        self.password = secrets.token_urlsafe(12)
        status, _ = lonja.admin("POST", "/api/users",
                                {"username": self.name, "password": self.password, "scopes": scopes})
        assert status == 201

    def login(self, password=None, **more):
        return requests.post(self.lonja.products_url + "/api/sessions",
                             json={"username": self.name, "password": password or self.password, **more}, timeout=30)

    def token(self, **more):
        answer = self.login(**more)
        assert answer.status_code == 201, answer.text
        return answer.json()["token"]


@pytest.fixture
def user(lonja):
    return lambda *scopes: User(lonja, list(scopes) or ["read", "write"])


@pytest.fixture
def fresh(lonja):
    """Counters of failed logins as on the first day: all tests come from one address."""
    lonja.psql("DELETE FROM login_failure")
    yield
    lonja.psql("DELETE FROM login_failure")


def bearer(token):
    return {"Authorization": f"Bearer {token}"}


def current(url, token):
    return requests.get(url + "/api/sessions/current", headers=bearer(token), timeout=30)


def problem(answer, status, slug):
    assert answer.status_code == status, answer.text
    assert answer.headers["Content-Type"].startswith("application/problem+json")
    assert answer.json()["type"] == f"urn:lonja:problem:{slug}"
    assert answer.json()["status"] == status
    return answer.json()


def paths(answer):
    return [e["path"] for e in problem(answer, 400, "invalid-input")["errors"]]


# Sessions


def test_login(url, user):
    """A login answers the token once, with its expiry, scopes and user; nobody may keep the answer."""
    ana = user("read", "write")
    answer = ana.login()
    assert answer.status_code == 201
    session = answer.json()
    assert re.fullmatch(r"lj_[A-Za-z0-9_-]{43}", session["token"])
    assert session["user"] == ana.name and session["scopes"] == ["read", "write"]
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}Z", session["expires_at"])
    assert session["expires_at"] > session["created_at"]
    assert answer.headers["Cache-Control"] == "no-store"
    assert answer.headers["Location"] == "/api/sessions/current"
    shown = current(url, session["token"])
    assert shown.status_code == 200
    assert {k: v for k, v in session.items() if k != "token"} == shown.json()


def test_only_hashes_are_stored(lonja, user):
    """Neither the password nor the token can be found anywhere in the database."""
    ana = user()
    token = requests.post(lonja.products_url + "/api/sessions", timeout=30, headers={"Idempotency-Key": ana.name},
                          json={"username": ana.name, "password": ana.password}).json()["token"]
    dump = lonja.psql("SELECT (SELECT string_agg(a::text, ' ') FROM account a)"
                      " || (SELECT string_agg(s::text, ' ') FROM session s)"
                      " || (SELECT string_agg(i::text, ' ') FROM idem i)")
    assert "$argon2id$" in str(dump)
    assert token not in str(dump) and token[3:] not in str(dump) and ana.password not in str(dump)


def test_revoked_at_once(url, user):
    """Once DELETE is answered no request passes, on whatever connection."""
    token = user().token()
    others = [requests.Session() for _ in range(4)]
    for s in others:
        assert s.get(url + "/api/sessions/current", headers=bearer(token), timeout=30).status_code == 200
    assert requests.delete(url + "/api/sessions/current", headers=bearer(token), timeout=30).status_code == 204
    for s in others:
        answer = s.get(url + "/api/sessions/current", headers=bearer(token), timeout=30)
        problem(answer, 401, "invalid-token")
        assert 'error="invalid_token"' in answer.headers["WWW-Authenticate"]


def test_sessions_are_independent(url, user):
    """Revoking one session leaves the user's others."""
    ana = user()
    one, two = ana.token(), ana.token()
    requests.delete(url + "/api/sessions/current", headers=bearer(one), timeout=30)
    assert current(url, one).status_code == 401
    assert current(url, two).status_code == 200


def test_expired(lonja, url, user):
    """An expired session is as good as none."""
    ana = user()
    token = ana.token()
    lonja.psql("UPDATE session SET expires_at = now() - interval '1 second' WHERE account_id ="
               f" (SELECT id FROM account WHERE name = '{ana.name}')")
    problem(current(url, token), 401, "invalid-token")


@pytest.mark.parametrize("header", ["", "Bearer", "Bearer x", "Basic YTpi", "Bearer lj_" + "A" * 42,
                                    "Bearer lj_" + "A" * 44, "Bearer lj_" + "A" * 43])
def test_bad_tokens(url, header):
    """Malformed, foreign or unknown: 401, even where reading is open to all."""
    answer = requests.get(url + "/api/products", headers={"Authorization": header}, timeout=30)
    problem(answer, 401, "invalid-token")


def test_login_with_a_stale_token(url, user):
    """A stale token does not keep its owner from logging in again."""
    ana = user()
    answer = requests.post(url + "/api/sessions", headers=bearer("stale"), timeout=30,
                           json={"username": ana.name, "password": ana.password})
    assert answer.status_code == 201


def test_secret_is_shown_once(url, user):
    """A login with a key is not replayed: the first answer held a secret."""
    ana = user()
    post = {"json": {"username": ana.name, "password": ana.password}, "timeout": 30,
            "headers": {"Idempotency-Key": f"login-{ana.name}"}}
    assert requests.post(url + "/api/sessions", **post).status_code == 201
    problem(requests.post(url + "/api/sessions", **post), 409, "secret-already-shown")
    post["json"] = {**post["json"], "scopes": ["read"]}
    problem(requests.post(url + "/api/sessions", **post), 422, "idempotency-key-reused")


def test_session_with_fewer_scopes(url, user):
    """A session may be given less than its user has, never more."""
    ana = user("read", "write")
    token = ana.token(scopes=["read"])
    assert current(url, token).json()["scopes"] == ["read"]
    problem(requests.post(url + "/api/products", json=PRODUCT, headers=bearer(token), timeout=30), 403,
            "insufficient-scope")
    problem(ana.login(scopes=["admin"]), 403, "insufficient-scope")


# Failed logins


def test_wrong_password(fresh, user):
    """A wrong password and an unknown user look the same."""
    wrong = problem(user().login("not the password"), 401, "bad-credentials")
    ghost = user()
    ghost.name = "ghost"
    assert problem(ghost.login(), 401, "bad-credentials") == wrong


def test_limit_per_user(fresh, lonja, user):
    """After LoginFailuresMax failures even the right password waits, and is told how long; others do not wait."""
    ana, eva = user(), user()
    lonja.psql("INSERT INTO login_failure (subject, failures)"
               f" VALUES ('user:{ana.name}', 10), ('user:{eva.name}', 9)")
    answer = ana.login()
    problem(answer, 429, "too-many-failures")
    assert 290 <= int(answer.headers["Retry-After"]) <= 300
    assert eva.login().status_code == 201
    lonja.psql(f"UPDATE login_failure SET since = now() - interval '5 min' WHERE subject = 'user:{ana.name}'")
    assert ana.login().status_code == 201


def test_limit_counts(fresh, user):
    """Ten failures, then 429, whoever else is tried from there: names and addresses are counted."""
    ana, eva = user(), user()
    for _ in range(10):
        problem(ana.login("wrong password"), 401, "bad-credentials")
    problem(ana.login(), 429, "too-many-failures")
    problem(eva.login(), 429, "too-many-failures")


def test_success_clears_the_user(fresh, lonja, user):
    """Who gets in starts from zero again; the address does not, or one account would pay for guessing others."""
    ana = user()
    for _ in range(3):
        ana.login("wrong password")
    assert ana.login().status_code == 201
    assert str(lonja.psql(f"SELECT count(*) FROM login_failure WHERE subject = 'user:{ana.name}'")).strip() == "0"
    assert str(lonja.psql("SELECT failures FROM login_failure WHERE subject = 'address:127.0.0.1'")).strip() == "3"


def test_guesses_at_once(fresh, user):
    """Guesses sent together do not all pass because none was counted yet when they came."""
    ana = user()
    with concurrent.futures.ThreadPoolExecutor(30) as pool:
        answers = list(pool.map(lambda n: ana.login("wrong password" if n < 29 else None), range(30)))
    codes = [a.status_code for a in answers]
    assert set(codes) <= {201, 401, 429, 503}
    problem(ana.login(), 429, "too-many-failures")


def test_many_logins_at_once(fresh, lonja, user):
    """Right passwords are not failures, however many come together: those that a slow machine cannot check in time are
    asked to come again, and nothing is counted."""
    ana = user()

    def log_in(_):
        until = time.monotonic() + 120
        while (answer := ana.login()).status_code == 503 and time.monotonic() < until:
            time.sleep(int(answer.headers["Retry-After"]))
        return answer.status_code

    with concurrent.futures.ThreadPoolExecutor(20) as pool:
        codes = list(pool.map(log_in, range(20)))
    assert codes == [201] * 20
    assert lonja.psql("SELECT count(*) FROM login_failure") == "0"


def test_behind_a_proxy(fresh, lonja, user, url):
    """A proxy on this host is believed about its client: its clients do not share one counter."""
    ana = user()
    for n in range(3):
        requests.post(url + "/api/sessions", json={"username": "ghost", "password": "x"}, timeout=30,
                      headers={"X-Forwarded-For": f"10.0.0.1, 198.51.100.{n}"})
    found = lonja.psql("SELECT string_agg(subject || '=' || failures, ' ' ORDER BY subject) FROM login_failure")
    assert [w for w in str(found).split() if w.startswith("address:")] == [
        f"address:198.51.100.{n}=1" for n in range(3)]
    assert ana.login().status_code == 201


# Users


def test_user_life(lonja, url, user):
    """Create, read with its version, change under If-Match, list."""
    ana = user("read")
    status, body = lonja.admin("GET", f"/api/users/{ana.name}")
    assert status == 200
    assert body["username"] == ana.name and body["scopes"] == ["read"] and body["disabled"] is False
    assert "password" not in body
    admin = bearer(lonja.token)
    answer = requests.get(f"{url}/api/users/{ana.name}", headers=admin, timeout=30)
    assert answer.headers["ETag"] == '"1"'
    assert requests.get(f"{url}/api/users/{ana.name}", headers={**admin, "If-None-Match": '"1"'},
                        timeout=30).status_code == 304
    change = {"json": {"scopes": ["read", "write"]}, "timeout": 30}
    problem(requests.patch(f"{url}/api/users/{ana.name}", headers={**admin, "If-Match": '"9"'}, **change), 412,
            "version-mismatch")
    answer = requests.patch(f"{url}/api/users/{ana.name}", headers={**admin, "If-Match": '"1"'}, **change)
    assert answer.status_code == 200 and answer.headers["ETag"] == '"2"'
    assert answer.json()["scopes"] == ["read", "write"]
    listed = requests.get(f"{url}/api/users?username={ana.name}&count=true", headers=admin, timeout=30).json()
    assert listed["count"] == 1 and listed["results"] == [answer.json()]
    assert lonja.admin("GET", "/api/users/nobody-here")[0] == 404
    assert lonja.admin("PATCH", "/api/users/nobody-here", {"disabled": True})[0] == 404


def test_unchanged(lonja, user):
    """A change that changes nothing gives no new version."""
    ana = user("read")
    assert lonja.admin("PATCH", f"/api/users/{ana.name}", {"scopes": ["read"], "disabled": False})[1]["version"] == 1
    assert lonja.admin("PATCH", f"/api/users/{ana.name}", {})[1]["version"] == 1


def test_create_twice(lonja, user):
    """A name is taken once; the same key and body is the same creation."""
    ana = user()
    body = {"username": ana.name, "password": "long enough"}
    assert lonja.admin("POST", "/api/users", body)[0] == 409
    body["username"] = next(names)
    first = lonja.admin("POST", "/api/users", body, {"Idempotency-Key": body["username"]})
    assert first[0] == 201 and first[1]["scopes"] == ["read"]
    assert lonja.admin("POST", "/api/users", body, {"Idempotency-Key": body["username"]}) == first
    body["scopes"] = ["admin"]
    assert lonja.admin("POST", "/api/users", body, {"Idempotency-Key": body["username"]})[0] == 422


def test_password_change_revokes(fresh, url, user):
    """A new password ends every session; the old password no longer works."""
    ana = user()
    token, other = ana.token(), ana.token()
    answer = requests.post(f"{url}/api/users/{ana.name}/password", headers=bearer(token), timeout=30,
                           json={"password": "a new password", "old_password": ana.password})
    assert answer.status_code == 204
    assert current(url, token).status_code == 401 and current(url, other).status_code == 401
    problem(ana.login(), 401, "bad-credentials")
    assert ana.login("a new password").status_code == 201


def test_own_password_needs_the_old(fresh, lonja, url, user):
    """Not given: 400; wrong: 403 and counted, so that a stolen token cannot guess on."""
    ana = user()
    token = ana.token()
    change = f"{url}/api/users/{ana.name}/password"
    assert paths(requests.post(change, headers=bearer(token), timeout=30,
                               json={"password": "a new password"})) == ["/old_password"]
    for _ in range(10):
        problem(requests.post(change, headers=bearer(token), timeout=30,
                              json={"password": "a new password", "old_password": "wrong"}), 403, "wrong-password")
    problem(requests.post(change, headers=bearer(token), timeout=30,
                          json={"password": "a new password", "old_password": ana.password}), 429,
            "too-many-failures")
    assert current(url, token).status_code == 200


def test_others_password(lonja, url, user):
    """Only an administrator sets another's password."""
    ana, eva = user(), user()
    change = f"{url}/api/users/{ana.name}/password"
    problem(requests.post(change, headers=bearer(eva.token()), timeout=30,
                          json={"password": "a new password", "old_password": ana.password}), 403,
            "insufficient-scope")
    token = ana.token()
    assert requests.post(change, headers=bearer(lonja.token), timeout=30,
                         json={"password": "a new password"}).status_code == 204
    assert current(url, token).status_code == 401
    assert ana.login("a new password").status_code == 201
    assert lonja.admin("POST", "/api/users/nobody-here/password", {"password": "a new password"})[0] == 404


def test_disabled(fresh, lonja, url, user):
    """Disabling ends sessions and logins at once; enabling brings back logins, not sessions."""
    ana = user()
    token = ana.token()
    assert lonja.admin("PATCH", f"/api/users/{ana.name}", {"disabled": True})[0] == 200
    problem(current(url, token), 401, "invalid-token")
    problem(ana.login(), 401, "bad-credentials")
    assert lonja.admin("PATCH", f"/api/users/{ana.name}", {"disabled": False})[0] == 200
    problem(current(url, token), 401, "invalid-token")
    assert ana.login().status_code == 201


def test_lost_scope(lonja, url, user):
    """A scope taken from the user is gone from open sessions at once; one that has none left is no session."""
    ana = user("read", "write")
    token, writer = ana.token(), ana.token(scopes=["write"])
    assert lonja.admin("PATCH", f"/api/users/{ana.name}", {"scopes": ["read"]})[0] == 200
    assert current(url, token).json()["scopes"] == ["read"]
    problem(requests.post(url + "/api/products", json=PRODUCT, headers=bearer(token), timeout=30), 403,
            "insufficient-scope")
    problem(current(url, writer), 401, "invalid-token")


# The guard


@pytest.mark.parametrize("scopes, method, path, status", [
    (["read"], "GET", "/api/products", 200),
    (["read"], "POST", "/api/products", 403),
    (["write"], "POST", "/api/products", 201),
    (["write"], "GET", "/api/products", 403),
    (["read", "write"], "GET", "/api/users", 403),
    (["read", "write"], "POST", "/api/users", 403),
    (["admin"], "GET", "/api/users", 200),
    (["admin"], "POST", "/api/products", 201),
    (["read"], "GET", "/metrics", 200),
    (["write"], "GET", "/api/sessions/current", 200),
])
def test_scopes(url, user, scopes, method, path, status):
    """Each route asks for its scope; admin has them all."""
    answer = requests.request(method, url + path, headers=bearer(user(*scopes).token()), timeout=30,
                              json=PRODUCT if method == "POST" else None)
    assert answer.status_code == status, answer.text
    if status == 403:
        problem(answer, 403, "insufficient-scope")
        assert 'error="insufficient_scope"' in answer.headers["WWW-Authenticate"]


@pytest.mark.parametrize("method, path", [
    ("POST", "/api/products"), ("PUT", "/api/products/A1"), ("PATCH", "/api/products/A1"),
    ("DELETE", "/api/products/A1"), ("POST", "/api/products:adjust-prices"), ("POST", "/api/products:import"),
    ("GET", "/api/users"), ("POST", "/api/users"), ("GET", "/api/users/a"), ("PATCH", "/api/users/a"),
    ("POST", "/api/users/a/password"), ("GET", "/api/sessions/current"), ("DELETE", "/api/sessions/current")])
def test_no_token(url, method, path):
    """No write and nothing about users without a token, whoever asks from wherever."""
    answer = requests.request(method, url + path, data="{}", timeout=30)
    problem(answer, 401, "authentication-required")
    assert answer.headers["WWW-Authenticate"].startswith("Bearer ")


@pytest.mark.parametrize("header", ["Forwarded", "X-Forwarded-For", "X-Forwarded-Host", "x-forwarded-proto"])
def test_forwarded_closes_anonymous_reads(url, user, header):
    """Behind a proxy everybody comes from loopback: then reading needs a token, health and metrics too."""
    for path in ("/api/products", "/healthz", "/readyz", "/metrics"):
        assert requests.get(url + path, timeout=30).status_code == 200
        problem(requests.get(url + path, headers={header: "x"}, timeout=30), 401, "authentication-required")
        assert requests.get(url + path, headers={header: "x", **bearer(user("read").token())},
                            timeout=30).status_code == 200


def test_anonymous_read_off(make_lonja):
    """AnonymousRead=no closes the catalogue on loopback, not health; a reload opens it again."""
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    url = lonja.products_url
    problem(requests.get(url + "/api/products", timeout=30), 401, "authentication-required")
    for path in ("/healthz", "/readyz", "/metrics", "/api/schema"):
        assert requests.get(url + path, timeout=30).status_code == 200
    assert requests.get(url + "/api/products", headers=bearer(lonja.token), timeout=30).status_code == 200
    lonja.configure({"lonja": {"Auth": {"AnonymousRead": "loopback"}}})
    lonja.daemon("products").signal("HUP")
    deadline = time.monotonic() + 10
    while requests.get(url + "/api/products", timeout=30).status_code != 200:
        assert time.monotonic() < deadline


def test_admin_socket(lonja):
    """Whoever can connect is admin; there is no session to show or end."""
    status, body = lonja.admin("GET", "/api/sessions/current")
    assert status == 200
    assert body == {"user": f"uid:{os.getuid()}@admin", "scopes": ["read", "write", "admin"], "created_at": None,
                    "expires_at": None}
    assert lonja.admin("DELETE", "/api/sessions/current")[0] == 404
    status, body = lonja.admin("POST", "/api/products", PRODUCT)
    assert status == 201
    assert lonja.admin("DELETE", f"/api/products/{body['code']}")[0] == 204
    with open(lonja.daemon("products").log) as log:
        assert f"PEER_UID={os.getuid()}" in log.read()


# Wrong input

GOOD = {"username": "someone", "password": "long enough", "scopes": ["read"]}
BAD_USERS = [
    ({"username": None}, "/username"), ({"username": 7}, "/username"), ({"username": ""}, "/username"),
    ({"username": "Ana"}, "/username"), ({"username": "1ana"}, "/username"), ({"username": "a" * 65}, "/username"),
    ({"username": "a b"}, "/username"), ({"username": "a/b"}, "/username"), ({"username": "a\u0000"}, ""),  # no JSON of ours holds a NUL
    ({"password": None}, "/password"), ({"password": "short"}, "/password"), ({"password": "x" * 1025}, "/password"),
    ({"password": ["x"]}, "/password"),
    ({"scopes": None}, "/scopes"), ({"scopes": []}, "/scopes"), ({"scopes": "read"}, "/scopes"),
    ({"scopes": {}}, "/scopes"), ({"scopes": ["read", "fly"]}, "/scopes/1"), ({"scopes": [1]}, "/scopes/0"),
    ({"scopes": ["read write"]}, "/scopes/0"), ({"scopes": [None, "READ"]}, "/scopes/0"),
    ({"role": "x"}, "/role"),
]


@pytest.mark.parametrize("change, path", BAD_USERS, ids=[f"{c}"[:40] for c, _ in BAD_USERS])
def test_bad_user(lonja, change, path):
    """Each wrong member is named."""
    status, body = lonja.admin("POST", "/api/users", {**GOOD, **change})
    assert status == 400 and path in [e["path"] for e in body["errors"]], body


@pytest.mark.parametrize("missing", ["username", "password"])
def test_missing_member(lonja, url, missing):
    """So is a missing one, in either request."""
    body = {k: v for k, v in GOOD.items() if k != missing}
    assert [e["path"] for e in lonja.admin("POST", "/api/users", body)[1]["errors"]] == [f"/{missing}"]
    assert paths(requests.post(url + "/api/sessions", json=body, timeout=30)) == [f"/{missing}"]


def test_all_errors_at_once(url):
    """A person mends a form at once."""
    answer = requests.post(url + "/api/sessions", timeout=30,
                           json={"username": "A", "password": 1, "scopes": ["x"], "y": 1})
    assert sorted(paths(answer)) == ["/password", "/scopes/0", "/username", "/y"]


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b"null", b'"x"', b"\xff\xfe", b'{"username":"a"} x',
                                  b'{"username":"a","username":"b","password":"x"}', b"[" * 1000])
def test_no_json(url, body):
    """What is no object is refused in words."""
    answer = requests.post(url + "/api/sessions", data=body, headers={"Content-Type": "application/json"}, timeout=30)
    problem(answer, 400, "invalid-input")


def test_no_json_type(url):
    """What does not say that it is JSON is not guessed at."""
    for headers in ({}, {"Content-Type": "text/plain"}, {"Content-Type": "application/jsonx"}):
        answer = requests.post(url + "/api/sessions", data=b"{}", headers=headers, timeout=30)
        problem(answer, 415, "unsupported-media-type")


@pytest.mark.parametrize("method, path", [
    ("POST", "/api/sessions"), ("GET", "/api/sessions/current"), ("DELETE", "/api/sessions/current"),
    ("POST", "/api/users"), ("GET", "/api/users/a"), ("PATCH", "/api/users/a"), ("POST", "/api/users/a/password")])
def test_unknown_parameter(lonja, method, path):
    """No parameter is ignored."""
    status, body = lonja.admin(method, path + "?x=1", {})
    assert status == 400 and [e["path"] for e in body["errors"]] == ["x"]


@pytest.mark.parametrize("change, path", [({"disabled": "yes"}, "/disabled"), ({"disabled": None}, "/disabled"),
                                          ({"scopes": ["x"]}, "/scopes/0"), ({"username": "other"}, "/username"),
                                          ({"password": "another one"}, "/password")])
def test_bad_change(lonja, user, change, path):
    """A change takes scopes and disabled, nothing else."""
    status, body = lonja.admin("PATCH", f"/api/users/{user().name}", change)
    assert status == 400 and [e["path"] for e in body["errors"]] == [path]


@pytest.mark.parametrize("headers, path", [
    ({"Idempotency-Key": "k" * 256}, "Idempotency-Key"), ({"Idempotency-Key": "a\tb"}, "Idempotency-Key"),
    ({"If-Match": "7"}, "If-Match"), ({"If-Match": '"1", "2"'}, "If-Match"), ({"If-Match": '"'}, "If-Match")])
def test_bad_headers(lonja, user, headers, path):
    """A key that is none and a tag that is none are named by their header."""
    status, body = lonja.admin("PATCH", f"/api/users/{user().name}", {"disabled": False}, headers)
    assert status == 400 and [e["path"] for e in body["errors"]] == [path]


@pytest.mark.parametrize("query, path", [
    ("limit=0", "limit"), ("ordering=password", "ordering"), ("password=x", "password"), ("cursor=x", "cursor"),
    ("created_at__gte=today", "created_at__gte"), ("count=yes", "count"), ("x=1", "x")])
def test_bad_list(lonja, query, path):
    """A wrong parameter of the list is named."""
    status, body = lonja.admin("GET", f"/api/users?{query}")
    assert status == 400 and [e["path"] for e in body["errors"]] == [path]


def test_pages(lonja):
    """Pages forwards and backwards show every user once, in order, in any ordering."""
    made = sorted(lonja.admin("POST", "/api/users", {"username": f"page-{n}", "password": "long enough"})[1]["username"]
                  for n in range(7))
    for ordering in ("username", "-username", "created_at", "-updated_at"):
        path, forwards, backwards = f"/api/users?search=page-&limit=3&ordering={ordering}", [], []
        while path:
            _, page = lonja.admin("GET", path)
            forwards += [u["username"] for u in page["results"]]
            path, last = page["next"], page
        assert sorted(forwards) == made
        assert ordering != "username" or forwards == made
        page = last
        while page["previous"]:
            backwards = [u["username"] for u in page["results"]] + backwards
            _, page = lonja.admin("GET", page["previous"])
        assert [u["username"] for u in page["results"]] + backwards == forwards
        assert page["next"] is not None


# When the database is away


def test_database_gone(make_lonja):
    """Without a database nobody passes the guard by mistake: 503, and the open doors stay open."""
    lonja = make_lonja(own_pg=True, config={"lonja": {"HTTP": {"RequestTimeoutSec": "1"}}})
    token, url = lonja.token, lonja.products_url
    assert current(url, token).status_code == 200
    lonja.pg.stop()
    answer = current(url, token)
    assert answer.status_code == 503 and int(answer.headers["Retry-After"]) >= 1
    assert requests.post(url + "/api/sessions", json={"username": "admin", "password": "x"},
                         timeout=30).status_code == 503
    assert requests.get(url + "/healthz", timeout=30).status_code == 200
    answer = requests.get(url + "/readyz", timeout=30)
    assert answer.status_code == 503 and answer.json()["dependencies"]["database"]["status"] == "down"
    lonja.pg.start()
    for _ in range(100):
        if requests.get(url + "/readyz", timeout=30).status_code == 200:
            break
    assert current(url, token).status_code == 200


def test_garbage_then_service(lonja, url):
    """Random bytes in the headers that the guard reads disturb nobody."""
    host, port = url.removeprefix("http://").split(":")
    for header in (b"Authorization", b"Idempotency-Key", b"If-Match", b"If-None-Match", b"X-Forwarded-For"):
        for _ in range(20):
            with socket.create_connection((host, int(port)), timeout=10) as s:
                value = bytes(b for b in os.urandom(200) if b not in b"\r\n\0")
                s.sendall(b"POST /api/sessions HTTP/1.1\r\nHost: x\r\nConnection: close\r\n" + header + b": " + value +
                          b"\r\nContent-Length: 2\r\n\r\n{}")
                while s.recv(4096):
                    pass
    assert requests.get(url + "/healthz", timeout=30).status_code == 200

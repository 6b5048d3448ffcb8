# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""/healthz, /readyz, /metrics and /api/schema of lonja-products."""

import re
import time

import pytest
import requests

NAME = r"[a-zA-Z_:][a-zA-Z0-9_:]*"
SAMPLE = re.compile(rf'({NAME})(?:\{{((?:[a-zA-Z_]\w*="(?:[^"\\\n]|\\.)*",?)*)\}})? '
                    r"([-+]?(?:\d+(?:\.\d+)?(?:e[-+]?\d+)?|Inf|NaN))")


class Metrics:
    """Prometheus text 0.0.4, read strictly: HELP and TYPE before the samples of a family, once, families in one piece,
    no sample twice, counters named _total, histograms cumulative and complete."""

    def __init__(self, text):
        assert text.endswith("\n")
        self.families, self.samples = {}, {}
        last = None
        for line in text.splitlines():
            if line.startswith("# HELP "):
                last = line.split(" ", 3)[2]
                assert last not in self.families, f"{last}: told twice"
                assert len(line.split(" ", 3)[3]) > 8
                self.families[last] = None
            elif line.startswith("# TYPE "):
                _, _, name, kind = line.split(" ")
                assert name == last and self.families[name] is None, line
                assert kind in ("counter", "gauge", "histogram"), line
                self.families[name] = kind
            else:
                self._sample(line, last)
        self._check_histograms()

    def _sample(self, line, family):
        match = SAMPLE.fullmatch(line)
        assert match, f"no sample: {line!r}"
        name, labels, value = match.groups()
        kind = self.families[family]
        if kind == "histogram":
            assert name in (family + "_bucket", family + "_sum", family + "_count"), line
        else:
            assert name == family, f"{line}: below {family}"
        if kind == "counter":
            assert name.endswith("_total") and float(value) >= 0, line
        assert (name, labels) not in self.samples, f"{line}: twice"
        self.samples[name, labels] = float(value)

    def _check_histograms(self):
        for family in (f for f, kind in self.families.items() if kind == "histogram"):
            buckets = [(re.search(r'le="([^"]+)"', labels).group(1), v)
                       for (name, labels), v in self.samples.items() if name == family + "_bucket"]
            bounds = [float(b.replace("+Inf", "inf")) for b, _ in buckets]
            assert bounds == sorted(bounds) and bounds[-1] == float("inf")
            assert [v for _, v in buckets] == sorted(v for _, v in buckets)
            assert buckets[-1][1] == self[family + "_count"]
            assert (self[family + "_sum"] == 0) == (self[family + "_count"] == 0)

    def __getitem__(self, key):
        name, _, labels = key.partition("{")
        return self.samples[name, labels.removesuffix("}") or None]


def metrics(url):
    answer = requests.get(url + "/metrics", timeout=30)
    assert answer.status_code == 200
    assert answer.headers["Content-Type"] == "text/plain; version=0.0.4; charset=utf-8"
    return Metrics(answer.text)


def ready(url):
    answer = requests.get(url + "/readyz", timeout=30)
    assert answer.headers["Content-Type"] == "application/json"
    return answer.status_code, answer.json()


def wait_ready(url, code, status, seconds=30):
    """The answer when it has come to this; rings in no sleep beyond the request's own time."""
    deadline = time.monotonic() + seconds
    while (found := ready(url))[0] != code or found[1]["status"] != status:
        assert time.monotonic() < deadline, found
    return found[1]


def test_healthz(lonja):
    """Alive, and nothing about anything else; HEAD too."""
    answer = requests.get(lonja.products_url + "/healthz", timeout=30)
    assert (answer.status_code, answer.json()) == (200, {"status": "ok"})
    assert requests.head(lonja.products_url + "/healthz", timeout=30).status_code == 200
    assert requests.post(lonja.products_url + "/healthz", timeout=30).status_code == 405


def test_readyz(lonja):
    """All well: ok, per dependency."""
    body = wait_ready(lonja.products_url, 200, "ok")
    assert body["dependencies"]["database"] == {"status": "ok", "required": True}
    assert body["dependencies"]["broker"] == {"status": "ok", "required": False}


def test_ready_on_the_first_request(make_lonja):
    """The request that wakes the daemon hears that the database answers, not that nobody has asked it yet."""
    lonja = make_lonja()
    assert lonja.daemon("products").state == "inactive"
    code, body = ready(lonja.products_url)
    assert code == 200 and body["dependencies"]["database"]["status"] == "ok"


def test_dependencies_down(make_lonja):
    """No broker: degraded, and 200; no database: down, and 503; the reason says no address; back: ok."""
    lonja = make_lonja(own_pg=True, own_rmq=True, config={"lonja": {"HTTP": {"RequestTimeoutSec": "1"}}})
    url = lonja.products_url
    wait_ready(url, 200, "ok")
    lonja.rmq.stop()
    body = wait_ready(url, 200, "degraded")
    assert body["dependencies"]["database"]["status"] == "ok"
    assert body["dependencies"]["broker"]["status"] == "down" and body["dependencies"]["broker"]["reason"]
    lonja.pg.stop()
    body = wait_ready(url, 503, "down")
    assert body["dependencies"]["database"]["status"] == "down"
    assert lonja.pg.directory not in body["dependencies"]["database"]["reason"]
    assert metrics(url)["lonja_pg_up"] == 0
    lonja.pg.start()
    wait_ready(url, 200, "degraded")
    lonja.rmq.start()
    wait_ready(url, 200, "ok", 60)


def test_database_hangs(make_lonja):
    """A stopped database is no answer in time, and the loop goes on turning."""
    lonja = make_lonja(own_pg=True)
    url = lonja.products_url
    wait_ready(url, 200, "ok")
    lonja.pg.pause()
    try:
        started = time.monotonic()
        code, body = ready(url)
        assert code == 503 and body["dependencies"]["database"]["reason"] == "no answer in time"
        assert time.monotonic() - started < 5
        assert requests.get(url + "/healthz", timeout=1).status_code == 200
    finally:
        lonja.pg.cont()
    wait_ready(url, 200, "ok")


def test_metrics_are_well_formed(lonja):
    """Strictly read, and with each layer's families."""
    m = metrics(lonja.products_url)
    assert m.families["lonja_http_request_duration_seconds"] == "histogram"
    assert m["lonja_pg_up"] == 1 and m["lonja_pg_connections"] >= 1
    assert m["process_resident_memory_bytes"] > 100000
    for layer in ("lonja_http_", "lonja_pg_", "lonja_broker_", "lonja_events_", "process_"):
        assert any(f.startswith(layer) for f in m.families), layer


def test_metrics_count(lonja):
    """What was done is counted, by class of status."""
    url = lonja.products_url
    before = metrics(url)
    for _ in range(5):
        requests.get(url + "/api/products?limit=1", timeout=30)
    for _ in range(3):
        requests.get(url + "/api/products/no-such-thing", timeout=30)
    after = metrics(url)

    def more(key):
        return after[key] - before[key]

    assert more('lonja_http_requests_total{status="4xx"}') == 3
    assert more('lonja_http_requests_total{status="2xx"}') >= 5
    assert more("lonja_http_request_duration_seconds_count") >= 8
    assert more("lonja_pg_jobs_total") >= 8
    assert after["lonja_http_request_duration_seconds_sum"] > before["lonja_http_request_duration_seconds_sum"]


def test_schema(lonja):
    """OpenAPI 3.1, open to everyone, with what is served: each path answers something else than "no such path"."""
    url = lonja.products_url
    schema = requests.get(url + "/api/schema", timeout=30)
    assert schema.status_code == 200 and schema.headers["Content-Type"] == "application/json"
    assert schema.json()["openapi"].startswith("3.1")
    paths = schema.json()["paths"]
    for path in ("/api/sessions", "/api/sessions/current", "/api/users", "/api/users/{name}",
                 "/api/users/{name}/password", "/healthz", "/readyz", "/metrics", "/api/schema"):
        assert path in paths, f"{path} is not in the schema"


@pytest.mark.parametrize("path", ["/healthz", "/readyz", "/metrics"])
def test_quiet(make_lonja, path):
    """Asking for health keeps no daemon awake: it leaves while being asked."""
    lonja = make_lonja(config={"lonja": {"Service": {"IdleExitSec": "1"}, "HTTP": {"KeepAliveSec": "1"}}})
    url = lonja.products_url
    pid = requests.get(url + path, timeout=30) and lonja.daemon("products").pid
    deadline = time.monotonic() + 20
    while lonja.daemon("products").pid == pid:
        assert time.monotonic() < deadline, "still there"
        assert requests.get(url + path, timeout=30).status_code == 200

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The catalogue's tasks, sent by a real Celery client: results, errors, times, repeats, and workers that die."""

import datetime
import json
import uuid

import celery.exceptions
import pytest

from catalogue import Catalogue, product
from tasks import QUEUE, TIMEOUT, Broker, client, kill_with_backends, row, standstill
from waiting import wait_for

UTC = datetime.timezone.utc
ADJUST = "products.adjust_prices"


class Shop:
    """A stack with two products, its Celery client and its broker."""

    def __init__(self, lonja, **options):
        self.lonja = lonja
        self.api = Catalogue(lonja)
        self.api.load([product("A1", selling_price="10.00"), product("B2", selling_price="20.00")])
        self.app = client(lonja, **options)
        self.broker = Broker(lonja)
        wait_for(lambda: self.broker.has(QUEUE, 1) and self.broker.has(QUEUE + ".dead"), TIMEOUT)

    def send(self, name=ADJUST, factor="2", **options):
        options.setdefault("kwargs", {"factor": factor})
        return self.app.send_task(name, **options)

    def price(self):
        return self.api.one("A1")["selling_price"]

    def status(self, task_id):
        found = row(self.lonja, task_id)
        return found and found[0]

    def started(self, task_id):
        return wait_for(lambda: self.status(task_id) == "STARTED", TIMEOUT)

    def dead(self):
        """The next dead letter: (reason, properties, body)."""
        wait_for(lambda: self.broker.depth(QUEUE + ".dead") > 0, TIMEOUT)
        letter = self.broker.take(QUEUE + ".dead")
        return letter[1].headers["x-lonja-reason"], letter[1], letter[2]

    def is_empty(self):
        return self.broker.depth(QUEUE) == 0

    def close(self):
        self.broker.close()
        self.app.close()


@pytest.fixture
def make_shop(make_lonja):
    made = []

    def make(lonja=None, tasks=None, client_options=None, **options):
        config = {"products": {"Tasks": tasks or {}}}
        config["products"].update(options.pop("products", {}))
        shop = Shop(lonja or make_lonja(config=config, **options), **(client_options or {}))
        made.append(shop)
        return shop

    yield make
    for shop in made:
        shop.close()


@pytest.fixture
def shop(make_shop):
    return make_shop()


# ---- Results ----

def test_a_celery_client_gets_its_result(shop):
    """send_task().get(), with keywords and with positional arguments; the effect is there when the result is."""
    assert shop.send(factor="1.1").get(timeout=TIMEOUT) == {"changed": 2}
    assert shop.price() == "11.00"
    assert shop.send(kwargs=None, args=["2"]).get(timeout=TIMEOUT) == {"changed": 2}
    assert shop.price() == "22.00"
    assert shop.is_empty()


def test_imports(shop):
    """A list of products, NDJSON and CSV; all or nothing, as over REST."""
    rows = [product("C3", description="uno\tdos\\\n\"tres\""), product("A1", selling_price="1")]
    result = shop.send("products.import", kwargs={"rows": rows}).get(timeout=TIMEOUT)
    assert result == {"created": 1, "updated": 1, "unchanged": 0}
    assert shop.api.one("C3")["description"] == rows[0]["description"]
    text = "\n".join(json.dumps(p) for p in rows)
    assert shop.send("products.import", kwargs={"rows": text}).get(timeout=TIMEOUT)["unchanged"] == 2
    table = "code,description,buying_price,selling_price\nD4,cuatro,1,2\n"
    result = shop.send("products.import", args=[table], kwargs={"format": "csv"}).get(timeout=TIMEOUT)
    assert result == {"created": 1, "updated": 0, "unchanged": 0}
    for kwargs, word in (({"rows": [product("E5"), {"code": "F6"}]}, "/2/description"),
                         ({"rows": [product("E5"), product("E5")]}, "line 1"),
                         ({"rows": 7}, "/rows"), ({"rows": [], "mode": "x"}, "/mode")):
        with pytest.raises(Exception) as failure:
            shop.send("products.import", kwargs=kwargs).get(timeout=TIMEOUT)
        assert type(failure.value).__name__ == "InvalidInput" and word in str(failure.value)
    with pytest.raises(Exception) as failure:
        shop.send("products.import", kwargs={"rows": [product("E5"), product("A1")], "mode": "create"}).get(
            timeout=TIMEOUT)
    assert type(failure.value).__name__ == "AlreadyExists"
    assert shop.api.get("/api/products/E5").status_code == 404


def test_errors_are_exceptions_at_the_client(shop):
    """The exception's class has the name of the problem; nothing was changed."""
    for options, name, word in (
            ({"factor": "a lot"}, "InvalidInput", "/factor"),
            ({"factor": 1.1}, "InvalidInput", "/factor"),
            ({"kwargs": {}}, "InvalidInput", "/factor"),
            ({"args": ["1"], "factor": "1"}, "InvalidInput", "twice"),
            ({"args": ["1", "2"], "kwargs": None}, "InvalidInput", "positional"),
            ({"kwargs": {"factor": "1", "colour": "red"}}, "InvalidInput", "/colour"),
            ({"factor": "9999999999"}, "PriceTooLarge", "product A1")):
        with pytest.raises(Exception) as failure:
            shop.send(**options).get(timeout=TIMEOUT)
        assert type(failure.value).__name__ == name and word in str(failure.value), failure.value
    assert shop.price() == "10.00"
    assert shop.is_empty()


def test_no_result_is_sent_where_none_is_wanted(shop):
    """ignore_result: nothing comes back, the effect does."""
    result = shop.send(ignore_result=True)
    wait_for(lambda: shop.status(result.id) == "SUCCESS", TIMEOUT)
    other = shop.send(factor="1")
    other.get(timeout=TIMEOUT)
    assert result.state == "PENDING"
    assert shop.price() == "20.00"


# ---- Dead letters ----

def test_an_unknown_task(shop):
    """Its sender gets Celery's own exception, the operator a dead letter with the reason."""
    result = shop.send("products.paint", kwargs={"colour": "red"})
    with pytest.raises(celery.exceptions.NotRegistered):
        result.get(timeout=TIMEOUT)
    reason, properties, body = shop.dead()
    assert "products.paint" in reason
    assert properties.headers["id"] == result.id and properties.headers["x-lonja-queue"] == QUEUE
    assert json.loads(body)[1] == {"colour": "red"}


def test_what_nobody_can_read(shop):
    """Other serializers, foreign messages and garbage are kept as they came, with a reason; work goes on."""
    shop.send(serializer="pickle")
    assert "content type" in shop.dead()[0]
    for body, properties in ((b"hello", {}), (b"\xff\xfe\x00", {"content_type": "application/json"}),
                             (b'{"task": "x", "id": "1", "args": []}', {"content_type": "application/json"}),
                             (b"[[], {}, {}]", {"content_type": "application/json", "headers": {"task": "x"}}),
                             (b"[1]", {"content_type": "application/json", "headers": {"task": "x", "id": "1"}})):
        shop.broker.send(body, **properties)
        reason, _, kept = shop.dead()
        assert kept == body and reason
    chain = shop.app.signature(ADJUST, kwargs={"factor": "1"}) | shop.app.signature(ADJUST)
    with pytest.raises(Exception, match="chains"):
        chain.apply_async().parent.get(timeout=TIMEOUT)
    assert "chains" in shop.dead()[0]
    assert shop.send(factor="1").get(timeout=TIMEOUT) == {"changed": 0}


# ---- Times ----

def test_a_countdown_is_kept_in_the_database(shop):
    """Not in the queue, not unacked: stored, and back when it is due."""
    result = shop.send(countdown=3)
    sent = datetime.datetime.now(UTC)
    wait_for(lambda: shop.status(result.id) == "RECEIVED", TIMEOUT)
    assert shop.is_empty()
    assert result.get(timeout=TIMEOUT) == {"changed": 2}
    assert datetime.datetime.now(UTC) - sent >= datetime.timedelta(seconds=2.5)
    assert shop.lonja.psql("SELECT count(*) FROM task_later") == "0"


def test_an_eta_survives_the_worker(shop):
    """The daemon that stored it dies; whoever comes next brings it back. A past eta is now."""
    result = shop.send(countdown=4)
    wait_for(lambda: shop.status(result.id) == "RECEIVED", TIMEOUT)
    shop.lonja.daemon("products").kill9()
    assert result.get(timeout=TIMEOUT) == {"changed": 2}
    past = datetime.datetime.now(UTC) - datetime.timedelta(hours=1)
    assert shop.send(eta=past).get(timeout=TIMEOUT) == {"changed": 2}
    assert shop.price() == "40.00"


def test_an_expired_task_is_revoked(shop):
    """Also one that expires while it waits for its eta: nothing is changed. One in time is carried out."""
    now = datetime.datetime.now(UTC)
    # expires= gives the message a time to live in the queue, too, where it would vanish: hence the bare header.
    past = {"expires": (now - datetime.timedelta(seconds=1)).isoformat()}
    with pytest.raises(celery.exceptions.TaskRevokedError):
        shop.send(headers=past).get(timeout=TIMEOUT)
    soon = {"expires": (now + datetime.timedelta(seconds=1)).isoformat()}
    with pytest.raises(celery.exceptions.TaskRevokedError):
        shop.send(eta=now + datetime.timedelta(seconds=2), headers=soon).get(timeout=TIMEOUT)
    assert shop.price() == "10.00"
    assert shop.send(expires=3600).get(timeout=TIMEOUT) == {"changed": 2}


def test_the_senders_time_limit(shop):
    """Beyond it the task fails, and nothing of it remains."""
    with standstill(shop.lonja):
        result = shop.send(time_limit=1)
        with pytest.raises(Exception) as failure:
            result.get(timeout=TIMEOUT)
    assert type(failure.value).__name__ == "TimeLimitExceeded"
    assert shop.price() == "10.00"
    assert shop.send().get(timeout=TIMEOUT) == {"changed": 2}


# ---- Once ----

def test_a_task_id_changes_prices_once(shop):
    """Sent twice at once and again later, the same id has one effect and the same result each time."""
    task_id = str(uuid.uuid4())
    twins = [shop.send(task_id=task_id), shop.send(task_id=task_id)]
    assert [t.get(timeout=TIMEOUT) for t in twins] == [{"changed": 2}] * 2
    wait_for(shop.is_empty, TIMEOUT)
    shop.lonja.daemon("products").restart()
    later = client(shop.lonja)
    assert later.send_task(ADJUST, kwargs={"factor": "2"}, task_id=task_id).get(timeout=TIMEOUT) == {"changed": 2}
    later.close()
    assert shop.price() == "20.00"
    shop.send(task_id=task_id, factor="3")
    assert "other arguments" in shop.dead()[0]
    assert shop.price() == "20.00"


def test_a_worker_killed_in_the_middle(shop):
    """kill -9 during the change: the next worker carries it out, once."""
    with standstill(shop.lonja):
        results = [shop.send() for _ in range(3)]
        for r in results:
            shop.started(r.id)
        shop.lonja.daemon("products").kill9()
    assert [r.get(timeout=TIMEOUT) for r in results] == [{"changed": 2}] * 3
    assert shop.price() == "80.00"
    wait_for(shop.is_empty, TIMEOUT)


def test_draining_gives_back_what_has_not_begun(make_shop):
    """SIGTERM: the task in hand ends, the rest waits for the next worker; nothing is done twice."""
    shop = make_shop(tasks={"Prefetch": "2"})
    with standstill(shop.lonja):
        results = [shop.send() for _ in range(5)]
        wait_for(lambda: shop.lonja.psql("SELECT count(*) FROM task WHERE status = 'STARTED'") == "2", TIMEOUT)
        shop.lonja.daemon("products").signal("TERM")
    shop.lonja.daemon("products").wait("inactive", TIMEOUT)
    shop.lonja.daemon("products").start()
    assert [r.get(timeout=TIMEOUT) for r in results] == [{"changed": 2}] * 5
    assert shop.price() == "320.00"


def test_poison_is_parked(make_shop):
    """Begun MaxDeliveries times by workers that died: a dead letter and an exception, and the queue moves on."""
    shop = make_shop(tasks={"MaxDeliveries": "2"})
    with standstill(shop.lonja):
        result = shop.send()
        for n in (1, 2):
            wait_for(lambda: (row(shop.lonja, result.id) or ())[:2] == ("STARTED", n), TIMEOUT)
            kill_with_backends(shop.lonja, "products")
            shop.lonja.daemon("products").start()
        with pytest.raises(Exception) as failure:
            result.get(timeout=TIMEOUT)
    assert type(failure.value).__name__ == "WorkerLostError"
    reason, properties, body = shop.dead()
    assert "begun 2 times" in reason
    assert shop.price() == "10.00"
    # An operator may send it in again.
    shop.broker.channel.basic_publish("", QUEUE, body, properties)
    wait_for(lambda: shop.status(result.id) == "SUCCESS", TIMEOUT)
    assert shop.price() == "20.00"


def test_the_neighbours_of_poison_are_not_parked(make_shop):
    """What was begun twice without an end has its turn alone: what only was beside it is carried out."""
    shop = make_shop(tasks={"MaxDeliveries": "3"})
    with standstill(shop.lonja):
        results = [shop.send() for _ in range(4)]
        for attempts in ("1 1 1 1", "2 2 2 2", "2 2 2 3"):
            wait_for(lambda: attempts == shop.lonja.psql(
                "SELECT string_agg(attempts::text, ' ' ORDER BY attempts) FROM task WHERE status = 'STARTED'"), TIMEOUT)
            kill_with_backends(shop.lonja, "products")
            shop.lonja.daemon("products").start()
        reason, _, _ = shop.dead()
        assert "begun 3 times" in reason
    wait_for(lambda: sorted(shop.status(r.id) for r in results) == ["PARKED", "SUCCESS", "SUCCESS", "SUCCESS"], TIMEOUT)
    assert shop.price() == "80.00"


def test_what_fails_is_tried_again(make_shop):
    """With a pause, as often as MaxRetries says; then the failure is the result."""
    shop = make_shop(tasks={"RetrySec": "100ms", "MaxRetries": "2"})
    shop.lonja.psql("ALTER FUNCTION product_adjust_prices RENAME TO away")
    failing = shop.send()
    with pytest.raises(Exception) as failure:
        failing.get(timeout=TIMEOUT)
    assert type(failure.value).__name__ == "Unavailable"
    assert shop.status(failing.id) == "FAILURE"
    shop.lonja.configure({"products": {"Tasks": {"RetrySec": "100ms", "RetryMaxSec": "1s", "MaxRetries": "1000"}}})
    shop.lonja.daemon("products").restart()
    result = shop.send()
    wait_for(lambda: shop.status(result.id) == "RETRY", TIMEOUT)
    shop.lonja.psql("ALTER FUNCTION away RENAME TO product_adjust_prices")
    assert result.get(timeout=TIMEOUT) == {"changed": 2}


# ---- Servers and doors ----

def test_the_broker_goes_and_comes_back(make_shop):
    """kill -9 of the broker with tasks in hand and in the queue: each has its effect once."""
    shop = make_shop(own_rmq=True)
    shop.send(factor="1").get(timeout=TIMEOUT)
    with standstill(shop.lonja):
        ids = [shop.send().id for _ in range(3)]
        for task_id in ids:
            shop.started(task_id)
        shop.lonja.rmq.kill9()
    wait_for(lambda: all(shop.status(i) == "SUCCESS" for i in ids), TIMEOUT)
    shop.lonja.rmq.start()
    again = client(shop.lonja)
    assert again.send_task(ADJUST, kwargs={"factor": "1"}).get(timeout=TIMEOUT) == {"changed": 0}
    again.close()
    assert shop.price() == "80.00"
    assert shop.lonja.psql("SELECT count(*) FROM task WHERE status <> 'SUCCESS'") == "0"


def test_the_database_goes_and_comes_back(make_shop):
    """Without the database tasks wait, and nothing is lost or done twice."""
    shop = make_shop(own_pg=True)
    shop.lonja.pg.kill9()
    results = [shop.send() for _ in range(3)]
    shop.lonja.pg.start()
    assert [r.get(timeout=TIMEOUT) for r in results] == [{"changed": 2}] * 3
    assert shop.price() == "80.00"


def test_the_sweep_wakes_a_sleeping_worker(make_shop):
    """A foreign publisher rings no bell: the sweep finds its task, and one that comes due while all sleep."""
    shop = make_shop(sweep_sec=1, products={"Service": {"IdleExitSec": "1"}})
    shop.lonja.daemon("products").wait("inactive", TIMEOUT)
    assert shop.send().get(timeout=TIMEOUT) == {"changed": 2}
    result = shop.send()
    result.get(timeout=TIMEOUT)
    shop.lonja.daemon("products").wait("inactive", TIMEOUT)
    later = shop.send(countdown=3600)
    wait_for(lambda: shop.status(later.id) == "RECEIVED", TIMEOUT)
    shop.lonja.daemon("products").wait("inactive", TIMEOUT)  # an hour is no reason to stay
    shop.lonja.psql("UPDATE task_later SET due_at = now(), message = replace(message, '\"eta\":\"2', '\"eta\":\"1')")
    assert later.get(timeout=TIMEOUT) == {"changed": 2}


def test_a_queue_that_celery_declared(make_lonja, make_shop):
    """A plain Celery client that was there first has made a classic queue: it is used as it is."""
    lonja = make_lonja()
    app = client(lonja, declares=True)
    result = app.send_task(ADJUST, kwargs={"factor": "2"})
    shop = make_shop(lonja=lonja)
    assert result.get(timeout=TIMEOUT)["changed"] in (0, 2)
    assert app.send_task(ADJUST, kwargs={"factor": "1"}).get(timeout=TIMEOUT) == {"changed": 0}
    assert shop.status(result.id) == "SUCCESS"
    app.close()


def test_priorities_of_a_classic_queue(make_shop):
    """QueueType=classic: of what waits, the most urgent goes first."""
    shop = make_shop(tasks={"QueueType": "classic", "Prefetch": "1"})
    with standstill(shop.lonja):
        shop.started(shop.send(factor="1").id)
        ids = {p: shop.send(factor="1", priority=p).id for p in (1, 9, 5)}
        wait_for(lambda: shop.broker.depth(QUEUE) == 3, TIMEOUT)
    wait_for(lambda: shop.status(ids[1]) == "SUCCESS", TIMEOUT)
    order = shop.lonja.psql("SELECT id FROM task ORDER BY started_at OFFSET 1").split()
    assert order == [ids[9], ids[5], ids[1]]


def test_the_journal_and_the_metrics(shop):
    """One line for each task, under the sender's request id."""
    shop.send(factor="1", headers={"x-request-id": "req-42"}).get(timeout=TIMEOUT)
    wait_for(lambda: "REQUEST_ID=req-42" in open(shop.lonja.daemon("products").log).read()
         or "products.adjust_prices" in open(shop.lonja.daemon("products").log).read(), TIMEOUT)
    text = shop.api.get("/metrics").text
    assert f'lonja_tasks_total{{queue="{QUEUE}",outcome="succeeded"}} 1' in text

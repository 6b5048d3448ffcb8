# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The calculator's tasks, sent by a real Celery client and by schedules."""

import time

import pytest

import schedules
from calculations import Held
from tasks import TIMEOUT, Broker, client, kill_with_backends, row
from waiting import wait_for

QUEUE = "lonja.tasks.calculator"
# About a tenth of a second for nothing: the sum of the logarithms is zero, which no precision proves.
SLOW = f"ln(2)+ln(3)-ln(6)+1e-9000*({'+'.join(f'ln(exp(sqrt({n})))' for n in range(10, 40))})"
SUCCEEDS = ("task", "NEW.status = 'SUCCESS'")


class Desk:
    """A stack with its calculator awake, and a Celery client."""

    def __init__(self, lonja):
        self.lonja = lonja
        self.worker = lonja.daemon("calculator")
        self.worker.start()
        self.broker = Broker(lonja)
        wait_for(lambda: self.broker.has(QUEUE, 1) and self.broker.has(QUEUE + ".dead"), TIMEOUT)
        self.app = client(lonja, queue=QUEUE)

    def send(self, name, *args, **options):
        return self.app.send_task(f"calculator.{name}", args=args, **options)

    def get(self, name, *args, **kwargs):
        return self.send(name, *args, kwargs=kwargs).get(timeout=TIMEOUT)

    def refused(self, name, *args, **kwargs):
        """The class and the text of the exception."""
        with pytest.raises(Exception) as failure:
            self.get(name, *args, **kwargs)
        return type(failure.value).__name__, str(failure.value)

    def leave_when_idle(self):
        """From now on, when it has declared its queues."""
        self.lonja.configure({"calculator": {"Service": {"IdleExitSec": "1"}}})
        self.worker.signal("HUP")

    def close(self):
        self.broker.close()
        self.app.close()


@pytest.fixture
def make_desk(make_lonja):
    made = []

    def make(lonja=None, **config):
        made.append(Desk(lonja or make_lonja(config={"calculator": config})))
        return made[-1]

    yield make
    for desk in made:
        desk.close()


def test_results_and_failures(lonja, make_desk):
    """As over REST: exact, with a fraction, to so many digits; errors are exceptions that tell where."""
    desk = make_desk(lonja)
    assert desk.get("evaluate", "(2+3)*4/7") == {
        "value": "2.857142857142857142857142857142857", "exact": False, "fraction": "20/7"}
    assert desk.get("evaluate", expression="sqrt(2)", digits=5) == {
        "value": "1.4142", "exact": False, "fraction": None}
    for name, operands, value in (
            ("add", ("0.1", "0.2", 1), "1.3"), ("subtract", ("1", "3"), "-2"), ("multiply", ("1e3", "-2"), "-2000"),
            ("divide", ("1", "8"), "0.125"), ("power", ("2", "10"), "1024"), ("sqrt", ("6.25",), "2.5"),
            ("ln", ("1",), "0"), ("exp", ("0",), "1"), ("log10", ("1000",), "3")):
        assert desk.get(name, *operands) == desk.get(name, operands=list(operands)), name
        assert desk.get(name, *operands)["value"] == value, name
    assert desk.get("divide", "1", "3", digits=3)["value"] == "0.333"
    assert desk.refused("divide", "1", "0") == ("DivisionByZero", "division by zero (character 3)")
    assert desk.refused("sqrt", "-1")[0] == "BadOperand"
    assert desk.refused("evaluate", "2^99999999")[0] == "ResultTooLarge"
    for args, kwargs, word in (
            (("evaluate",), {}, "expression"), (("evaluate", "1+"), {}, "/expression"),
            (("evaluate", "1", 34, 2), {}, "positional"), (("evaluate", "1"), {"expression": "1"}, "twice"),
            (("evaluate", "1"), {"digits": 0}, "/digits"), (("evaluate", "1"), {"durable": False}, "/durable"),
            (("evaluate",), {"operands": ["1"]}, "/operands"), (("add", "1"), {}, "/operands"),
            (("add", "1", 0.5), {}, "/operands/1"), (("add", "1", "x"), {}, "/operands/1"),
            (("add", "1", "2"), {"operands": ["1", "2"]}, "twice"), (("add",), {"operands": "12"}, "/operands"),
            (("add", "1", "2"), {"operation": "divide"}, "/operation")):
        name, text = desk.refused(*args, **kwargs)
        assert name == "InvalidInput" and word in text, (args, kwargs, text)
    assert desk.refused("guess", "1")[0] == "NotRegistered"
    assert lonja.psql("SELECT count(*) FROM task WHERE queue = '%s' AND status NOT IN ('SUCCESS', 'FAILURE')" % QUEUE) == "0"


def test_an_id_has_one_result(lonja, make_desk):
    """Sent again, it is answered with what it came to, and not computed again."""
    desk = make_desk(lonja)
    first = desk.send("evaluate", "2/3")
    result = first.get(timeout=TIMEOUT)
    began = lonja.psql(f"SELECT attempts, finished_at FROM task WHERE id = '{first.id}'")
    later = client(lonja, queue=QUEUE)
    again = later.send_task("calculator.evaluate", args=["2/3"], task_id=first.id)
    assert again.get(timeout=TIMEOUT) == result
    later.close()
    assert lonja.psql(f"SELECT attempts, finished_at FROM task WHERE id = '{first.id}'") == began


def test_a_worker_killed_in_the_middle(make_desk):
    """kill -9 before the results are recorded: the next worker computes them, each is recorded once."""
    desk = make_desk()
    with Held(desk.lonja, SUCCEEDS) as held:
        results = [desk.send("evaluate", f"{n}^2") for n in range(4)]
        wait_for(lambda: all((row(desk.lonja, r.id) or "?")[0] == "STARTED" for r in results))
        held.wait(1)
        kill_with_backends(desk.lonja, "calculator")
    desk.worker.start()
    assert [r.get(timeout=TIMEOUT)["value"] for r in results] == ["0", "1", "4", "9"]
    assert [row(desk.lonja, r.id)[:2] for r in results] == [("SUCCESS", 2)] * 4
    wait_for(lambda: desk.broker.depth(QUEUE) == 0)


def test_draining_gives_back_what_has_not_begun(make_desk):
    """SIGTERM: what is in hand ends, the rest waits for the next worker; nothing is begun twice."""
    desk = make_desk(Tasks={"Prefetch": "2"})
    with Held(desk.lonja, SUCCEEDS):
        results = [desk.send("add", str(n), "1") for n in range(5)]
        wait_for(lambda: desk.lonja.psql("SELECT count(*) FROM task WHERE status = 'STARTED'") == "2")
        desk.worker.signal("TERM")
    desk.worker.wait("inactive", TIMEOUT)
    desk.worker.start()
    assert [r.get(timeout=TIMEOUT)["value"] for r in results] == ["1", "2", "3", "4", "5"]
    assert {row(desk.lonja, r.id)[1] for r in results} == {1}


def test_nobody_leaves_in_the_middle(make_desk):
    """A task in hand is work: the daemon that leaves when idle stays for it, and leaves afterwards."""
    desk = make_desk()
    with Held(desk.lonja, SUCCEEDS) as held:
        result = desk.send("add", "1", "1")
        held.wait(1)
        desk.leave_when_idle()
        time.sleep(2.5)  # long enough to have left
        assert desk.worker.state == "active"
    assert result.get(timeout=TIMEOUT)["value"] == "2"
    desk.worker.wait("inactive", TIMEOUT)


def test_time_that_is_over_while_a_thread_computes(make_desk):
    """The task fails at its limit, whatever becomes of the computation; the worker goes on."""
    desk = make_desk(Tasks={"TimeLimitSec": "1ms"})
    failing = [desk.send("evaluate", SLOW, 1000) for _ in range(8)]
    # A loop that is late may see the end of a computation before that of its time: but not of all.
    assert "TimeLimitExceeded" in [type(r.get(timeout=TIMEOUT, propagate=False)).__name__ for r in failing]
    pid = desk.worker.pid
    desk.lonja.configure({"calculator": {"Tasks": {"TimeLimitSec": "10min"}}})
    desk.worker.signal("HUP")
    wait_for(lambda: desk.send("evaluate", "1+1").get(timeout=TIMEOUT, propagate=False) ==
             {"value": "2", "exact": True, "fraction": "2"})
    assert desk.worker.pid == pid


def test_one_of_a_schedule_wakes_the_calculator(make_desk):
    """Its firing rings the bell of a calculator that sleeps; the result is in the history."""
    desk = make_desk()
    desk.leave_when_idle()
    desk.worker.wait("inactive", TIMEOUT)
    api = schedules.Client(desk.lonja)
    for name, fields in {"divides": {"task": "calculator.divide", "args": ["20", "7"], "kwargs": {"digits": 4}},
                         "fails": {"task": "calculator.evaluate", "args": ["1/0"]}}.items():
        api("POST", json={"name": name, "every": "1h", **fields}, wanted=201)
        api("POST", f"/{name}:run", 202)
    done = wait_for(lambda: api.firings("divides", state="succeeded"))[0]
    assert done["result"] == {"value": "2.857", "exact": False, "fraction": "20/7"} and done["error"] is None
    failed = wait_for(lambda: api.firings("fails", state="failed"))[0]
    assert failed["error"] == "DivisionByZero: division by zero (character 2)"
    desk.worker.wait("inactive", TIMEOUT)


def test_the_sweep_wakes_it_for_a_foreign_client(make_lonja, make_desk):
    """A task that rang no bell, and one whose time comes while the calculator sleeps."""
    lonja = make_lonja(sweep_sec=1)
    desk = make_desk(lonja)
    desk.leave_when_idle()
    desk.worker.wait("inactive", TIMEOUT)
    assert desk.get("add", "1", "2")["value"] == "3"
    desk.worker.wait("inactive", TIMEOUT)
    later = desk.send("add", "2", "2", countdown=3600)
    wait_for(lambda: row(lonja, later.id) and row(lonja, later.id)[0] == "RECEIVED")
    desk.worker.wait("inactive", TIMEOUT)
    lonja.psql("UPDATE task_later SET due_at = now(), message = replace(message, '\"eta\":\"2', '\"eta\":\"1')")
    assert later.get(timeout=TIMEOUT)["value"] == "4"

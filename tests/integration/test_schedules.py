# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Schedules over REST: making, changing, running, pausing, looking ahead and back; files; policies."""

import json
import os
import subprocess

import pika
import psycopg2
import pytest
import requests

from schedules import Client, Queue, count
from waiting import wait_for


@pytest.fixture
def client(lonja):
    return Client(lonja)


@pytest.fixture
def queue(lonja):
    queues = []

    def make(name):
        queues.append(Queue(lonja, name))
        return queues[-1]

    yield make
    for q in queues:
        q.close()


def test_crud(client):
    made = client.make("crud", cron="0 3 * * *", timezone="Europe/Madrid", args=[1, "two"], kwargs={"x": {"y": None}},
                       start="2026-01-01T00:00:00+01:00", expires="10min")
    body = made.json()
    assert made.headers["ETag"] == '"1"' and made.headers["Location"] == "/api/schedules/crud"
    assert body["args"] == [1, "two"] and body["kwargs"] == {"x": {"y": None}}
    assert body["start"] == "2025-12-31T23:00:00.000000Z" and body["overlap"] == "allow"
    assert client("POST", json={"name": "crud", "task": "t", "every": "1s"}).status_code == 409

    got = client("GET", "/crud", 200)
    assert got.json() == body
    assert client("GET", "/crud", headers={"If-None-Match": '"1"'}).status_code == 304

    patched = client("PATCH", "/crud", 200, json={"cron": "0 4 * * *", "expires": None, "kwargs": {"x": {"y": 1}}},
                     headers={"If-Match": '"1"'}).json()
    assert patched["cron"] == "0 4 * * *" and patched["expires"] is None and patched["kwargs"] == {"x": {"y": 1}}
    assert patched["version"] == 2
    assert client("PATCH", "/crud", json={"cron": None, "every": "1h"}, headers={"If-Match": '"1"'}).status_code == 412
    assert client("PATCH", "/crud", 200, json={"cron": None, "every": "1h"}).json()["every"] == "1h"
    # What changes nothing gives no new version.
    assert client("PATCH", "/crud", 200, json={"every": "1h"}).json()["version"] == 3
    # What was read can be sent back.
    assert client("PUT", "/crud", 200, json=client("GET", "/crud").json()).json()["version"] == 3
    assert client("PUT", "/crud", 200, json={"task": "other", "every": "2h"}).json()["task"] == "other"

    listed = client("GET", params={"name": "crud"}, wanted=200).json()["results"]
    assert [s["name"] for s in listed] == ["crud"] and listed[0]["state"]["active"] is True
    assert client("DELETE", "/crud", 204).content == b""
    assert client("GET", "/crud").status_code == 404
    # The version goes on after the tombstone.
    assert client.make("crud", every="1h").json()["version"] == 6
    client("DELETE", "/crud", 204)


def test_wrong_input(client):
    wrong = {
        "/every": {"every": "0s"}, "/cron": {"cron": "* * *"}, "/timezone": {"cron": "@daily", "timezone": "Mars/X"},
        "/args": {"every": "1s", "args": {}}, "/kwargs": {"every": "1s", "kwargs": []},
        "/overlap": {"every": "1s", "overlap": "both"}, "/end": {
            "every": "1s", "start": "2026-02-01T00:00:00Z", "end": "2026-01-01T00:00:00Z"},
        "/jitter": {"every": "1s", "jitter": "2s"}, "/colour": {"every": "1s", "colour": 1},
    }
    for path, fields in wrong.items():
        answer = client("POST", json={"name": "wrong", "task": "t", **fields})
        assert answer.status_code == 400, fields
        assert path in [e["path"] for e in answer.json()["errors"]], answer.text
    assert client("POST", json={"name": "wrong", "task": "t"}).status_code == 400
    assert client("GET", "/wrong").status_code == 404
    assert requests.get(client.url).status_code == 401


def test_idempotency(client):
    key = {"Idempotency-Key": "schedule-once"}
    body = {"name": "once", "task": "t", "every": "1h", "queue": "q.once"}
    first = client("POST", json=body, headers=key)
    again = client("POST", json=body, headers=key)
    assert (first.status_code, first.text) == (again.status_code, again.text) == (201, first.text)
    assert client("POST", json={**body, "every": "2h"}, headers=key).status_code == 422
    run_key = {"Idempotency-Key": "run-once"}
    runs = [client("POST", "/once:run", 202, headers=run_key).json()["task_id"] for _ in range(3)]
    assert len(set(runs)) == 1
    client("DELETE", "/once", 204)


def test_preview(client):
    client.make("preview", cron="30 2 * * *", timezone="Europe/Madrid")
    times = client("GET", "/preview/preview", 200, params={"count": 3, "after": "2026-03-28T00:00:00Z"}).json()["times"]
    assert [t["nominal_time"] for t in times] == [
        "2026-03-28T01:30:00.000000Z", "2026-03-29T01:00:00.000000Z", "2026-03-30T00:30:00.000000Z"]
    assert len(client("GET", "/preview/preview", 200).json()["times"]) == 10
    assert client("GET", "/preview/preview", params={"count": 0}).status_code == 400
    client("DELETE", "/preview", 204)


def test_fires_and_notes_the_result(client, queue):
    q = queue("q.result")
    client.make("result", every="1s", args=[2, 3], kwargs={"base": 10})
    properties, args, kwargs = q.get()
    assert args == [2, 3] and kwargs == {"base": 10}
    assert properties.headers["task"] == "test.add" and properties.headers["lang"] == "py"
    assert properties.headers["id"] == properties.correlation_id
    assert properties.content_type == "application/json" and properties.content_encoding == "utf-8"
    client("POST", "/result:pause", 200)
    q.answer(properties, "STARTED", {"pid": 7})
    q.answer(properties, result={"sum": 15})

    def done():
        return [f for f in client.firings("result") if f["task_id"] == properties.correlation_id
                and f["state"] == "succeeded"]

    firing = wait_for(done)[0]
    assert firing["result"] == {"sum": 15} and firing["started_at"] and firing["duration_ms"] >= 0
    assert firing["sent_at"] >= firing["due_at"] and firing["nominal_time"].endswith(".000000Z")
    client("DELETE", "/result", 204)


def test_run_pause_resume(client, queue):
    q = queue("q.byhand")
    client.make("byhand", every="1h")
    client("POST", "/byhand:pause", 200)
    assert client.state("byhand")["pause_reason"] == "by hand" and client.state("byhand")["next_time"] is None
    firing = client("POST", "/byhand:run", 202).json()
    assert firing["kind"] == "run" and q.get()[0].correlation_id == firing["task_id"]
    assert client("POST", "/byhand:resume", 200).json()["active"] is True
    wait_for(lambda: client.state("byhand")["next_time"])
    client("DELETE", "/byhand", 204)


def test_pauses_after_failures(client, queue):
    q = queue("q.fails")
    client.make("fails", every="1h", pause_after=2)
    for _ in range(2):
        client("POST", "/fails:run", 202)
        q.answer(q.get()[0], "FAILURE", {"exc_type": "ValueError", "exc_message": ["no"], "exc_module": "builtins"})
    state = wait_for(lambda: client.state("fails")["paused_at"] and client.state("fails"))
    assert state["failures"] == 2 and state["pause_reason"] == "failed 2 times in a row"
    assert [f["state"] for f in client.firings("fails")] == ["failed", "failed"]
    assert "ValueError" in client.firings("fails")[0]["error"]
    client("POST", "/fails:resume", 200)
    assert client.state("fails")["failures"] == 0
    client("DELETE", "/fails", 204)


def test_overlap(client, queue):
    q = {name: queue(f"q.{name}") for name in ("skip", "line", "both")}
    client.make("skip", every="1s", overlap="skip")
    client.make("line", every="1s", overlap="queue")
    client.make("both", every="1s", overlap="allow")
    first = {name: q[name].get()[0] for name in q}
    wait_for(lambda: len(client.firings("skip", state="skipped")) >= 2)
    wait_for(lambda: len(client.firings("line", state="waiting")) >= 2)
    wait_for(lambda: len(client.firings("both", state="sent")) >= 2)
    assert len(client.firings("skip", state="sent")) == 1
    for name in q:
        client("POST", f"/{name}:pause", 200)
    waiting = [f["task_id"] for f in client.firings("line", state="waiting")]
    # Each answer lets the next one go, in order.
    properties = first["line"]
    for task_id in waiting[:2]:
        q["line"].answer(properties)
        properties = q["line"].get()[0]
        assert properties.correlation_id == task_id
    for name in q:
        times = [f["nominal_time"] for f in client.firings(name)]
        assert times == sorted(set(times))
        client("DELETE", f"/{name}", 204)
    rest = [f["state"] for f in client.firings("line")] if client("GET", "/line").status_code == 200 else []
    assert "waiting" not in rest


def test_no_answer(lonja, client, queue):
    """What nobody answers within its timeout is closed, and the next in line has its turn. Whoever holds a schedule holds up
    its firings, not those of others."""
    q, other = queue("q.mute"), queue("q.neighbour")
    client.make("mute", every="1s", overlap="queue", timeout="2s")
    first = q.get()[0].correlation_id
    wait_for(lambda: client.firings("mute", state="waiting"))
    with psycopg2.connect(lonja.database) as holder, holder.cursor() as cursor:
        cursor.execute("SELECT FROM schedule WHERE name = 'mute' FOR UPDATE")
        wait_for(lambda: count(lonja, "task_id = %s AND answer_by < scheduler_now()", first))
        client.make("neighbour", every="1s")
        other.get()
        client("POST", "/neighbour:run", 202)
        wait_for(lambda: client.firings("neighbour", state="sent", kind="run"))
        assert count(lonja, "task_id = %s AND state = 'sent'", first) == 1
    second = q.get()[0].correlation_id
    firings = {f["task_id"]: f for f in client.firings("mute")}
    assert firings[first]["state"] == "unanswered"
    assert firings[first]["error"] == "no result came within the timeout"
    assert firings[second]["nominal_time"] == min(f["nominal_time"] for f in firings.values()
                                                 if f["nominal_time"] > firings[first]["nominal_time"])
    for name in ("mute", "neighbour"):
        client("DELETE", f"/{name}", 204)


def test_backfill(client, queue):
    q = queue("q.fill")
    client.make("fill", cron="0 * * * *", start="2026-01-01T00:00:00Z")
    span = {"from": "2026-01-05T00:00:00Z", "to": "2026-01-05T05:00:00Z"}
    assert client("POST", "/fill:backfill", 202, json=span).json() == {"found": 5, "fired": 5}
    ids = {q.get()[0].correlation_id for _ in range(5)}
    found = client.firings("fill", kind="backfill")
    assert {f["task_id"] for f in found} == ids
    assert [f["nominal_time"][11:13] for f in found] == ["00", "01", "02", "03", "04"]
    # What is in the ledger is not fired again.
    span["to"] = "2026-01-05T07:00:00Z"
    assert client("POST", "/fill:backfill", 202, json=span).json() == {"found": 7, "fired": 2}
    span["to"] = "2026-03-05T07:00:00Z"
    assert client("POST", "/fill:backfill", json=span).status_code == 422
    client("DELETE", "/fill", 204)


def test_a_queue_that_is_not_there_yet(client, queue):
    client.make("early", every="1h")
    client("POST", "/early:run", 202)
    wait_for(lambda: [f for f in client.firings("early") if f["error"] == "the queue does not exist"])
    q = queue("q.early")
    assert q.get()[1] == []
    client("DELETE", "/early", 204)


def test_events(lonja, client, queue):
    queue("q.events")
    connection = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url))
    channel = connection.channel()
    name = channel.queue_declare("", exclusive=True).method.queue
    channel.queue_bind(name, "lonja.events", "schedule.#")
    client.make("events", every="1h")
    task_id = client("POST", "/events:run", 202).json()["task_id"]
    client("DELETE", "/events", 204)
    seen = []

    def all_three():
        _, _, body = channel.basic_get(name, auto_ack=True)
        if body:
            event = json.loads(body)
            if event["subject"] == "events":
                seen.append(event)
        return len(seen) >= 3

    wait_for(all_three)
    assert [e["type"] for e in seen] == ["schedule.created", "schedule.fired", "schedule.deleted"]
    assert seen[1]["data"]["task_id"] == task_id and seen[1]["data"]["queue"] == "q.events"
    connection.close()


def write_file(lonja, name, text):
    folder = os.path.join(lonja.config_dir, "schedules.d")
    os.makedirs(folder, exist_ok=True)
    with open(os.path.join(folder, f"{name}.conf"), "w") as f:
        f.write(text)


def test_files(make_lonja):
    lonja = make_lonja()
    write_file(lonja, "nightly", "[Schedule]\ncron=0 3 * * *\ntask=t.nightly\nargs=[1]\nenabled=no\n")
    client = Client(lonja)
    daemon = lonja.daemon("scheduler")
    made = wait_for(lambda: client("GET", "/nightly").status_code == 200 and client("GET", "/nightly").json())
    assert made["source"] and made["args"] == [1] and made["enabled"] is False
    assert client("PATCH", "/nightly", json={"args": []}).status_code == 409
    assert client("DELETE", "/nightly").status_code == 409

    # A reload takes the new text; a file that is wrong changes nothing; one that is gone takes its schedule along.
    write_file(lonja, "nightly", "[Schedule]\ncron=0 4 * * *\ntask=t.nightly\nenabled=yes\n")
    daemon.signal("HUP")
    wait_for(lambda: client("GET", "/nightly").json()["cron"] == "0 4 * * *")
    wait_for(lambda: client.state("nightly")["next_time"])
    write_file(lonja, "broken", "[Schedule]\ncron=0 25 * * *\ntask=t\n")
    daemon.signal("HUP")
    wait_for(lambda: "broken.conf:2: cron" in open(daemon.log, encoding="utf-8").read())
    assert client("GET", "/nightly").json()["cron"] == "0 4 * * *"
    folder = os.path.join(lonja.config_dir, "schedules.d")
    os.unlink(os.path.join(folder, "broken.conf"))
    os.unlink(os.path.join(folder, "nightly.conf"))
    daemon.signal("HUP")
    wait_for(lambda: client("GET", "/nightly").status_code == 404)


def test_files_that_cannot_be(make_lonja):
    """A name made by hand stays what it is; --check tells every fault of every file, and a reload that finds one changes
    nothing."""
    lonja = make_lonja()
    client = Client(lonja)
    client.make("byhand", every="1h", enabled=False)
    daemon = lonja.daemon("scheduler")
    write_file(lonja, "byhand", "[Schedule]\nevery=2h\ntask=t.file\n")
    write_file(lonja, "right", "[Schedule]\nevery=2h\ntask=t.file\nenabled=no\n")
    daemon.signal("HUP")
    wait_for(lambda: "The file of schedule byhand is ignored" in open(daemon.log, encoding="utf-8").read())
    assert client("GET", "/byhand").json()["every"] == "1h" and client("GET", "/right", 200).json()["every"] == "2h"

    folder = os.path.join(lonja.config_dir, "schedules.d")
    write_file(lonja, "no name", "[Schedule]\nevery=1s\ntask=t\n")
    write_file(lonja, "right", "[Schedule]\nevery=3h\ntask=t.file\nevry=1\n\n[Plan]\nargs={}\nargs=[1\n")
    write_file(lonja, "twice", "[Schedule]\ntask=t\nevery=1h\ncron=0 3 * * *\npriority=high\nenabled=perhaps\n")
    os.symlink("nowhere", os.path.join(folder, "away.conf"))
    os.mkdir(os.path.join(folder, "folder.conf"))
    write_file(lonja, ".hidden", "nothing at all")
    checked = subprocess.run([os.path.join(lonja.build, "lonja-scheduler"), "--check", "--config-dir", lonja.config_dir],
                             capture_output=True, text=True, timeout=60)
    assert checked.returncode == 1
    told = {line.removeprefix(folder + "/").rpartition(": ")[0] for line in checked.stderr.splitlines()}
    assert told == {"away.conf:0: cannot be read", "folder.conf:0: cannot be read",
                    "no name.conf:0", "right.conf:4", "right.conf:6", "twice.conf:5: priority", "twice.conf:6: enabled"}
    daemon.signal("HUP")
    wait_for(lambda: "The configuration is unusable" in open(daemon.log, encoding="utf-8").read())
    assert client("GET", "/right").json()["every"] == "2h"


def test_stays_while_a_schedule_is_enabled(make_lonja):
    short = {"Service": {"IdleExitSec": "1"}}
    lonja = make_lonja(config={"scheduler": short, "products": {"Service": {"IdleExitSec": "3"}}})
    client = Client(lonja)
    daemon = lonja.daemon("scheduler")
    client.make("stay", every="1h")
    pid = daemon.pid
    # One that has nothing to stay for leaves meanwhile, though it waits longer.
    requests.get(f"{lonja.products_url}/api/products", timeout=60)
    lonja.daemon("products").wait("inactive", 60)
    assert daemon.state == "active" and daemon.pid == pid
    client("DELETE", "/stay", 204)
    daemon.wait("inactive", 60)


def test_command(lonja, queue):
    queue("q.cli")
    assert "every" in lonja.run("tasks", "add", "cli", "every=1h", "task=t", "queue=q.cli", 'args=[1, "b"]').stdout
    assert [line.split()[0] for line in lonja.run("tasks", "list").stdout.splitlines()].count("cli") == 1
    lonja.run("tasks", "edit", "cli", "every=", "cron=30 2 * * *", "timezone=Europe/Madrid", "pause_after=3")
    shown = json.loads(lonja.run("tasks", "show", "cli", "--json").stdout)
    assert (shown["args"], shown["cron"], shown["every"], shown["pause_after"]) == ([1, "b"], "30 2 * * *", None, 3)
    preview = lonja.run("tasks", "preview", "cli", "--count", "2", "--after", "2026-03-28T12:00:00Z").stdout
    assert "2026-03-29T01:00:00.000000Z" in preview and "2026-03-30T00:30:00.000000Z" in preview
    task_id = lonja.run("tasks", "run", "cli").stdout.split()[-1]
    wait_for(lambda: "sent" in lonja.run("tasks", "history", "cli", "state=sent").stdout)
    assert task_id in lonja.run("tasks", "history", "cli").stdout
    assert "by hand" in lonja.run("tasks", "pause", "cli").stdout
    assert "active" in lonja.run("tasks", "resume", "cli").stdout
    assert "1 of 1" in lonja.run("tasks", "backfill", "cli", "2026-01-05T00:00:00Z", "2026-01-06T00:00:00Z").stdout

    assert lonja.run("tasks", "edit", "cli", "args=[", check=False).returncode == 2
    assert lonja.run("tasks", "edit", "cli", "colour=red", check=False).returncode == 2
    assert lonja.run("tasks", "edit", "cli", "overlap=both", check=False).returncode == 1
    assert lonja.run("tasks", "edit", "cli", "jitter=1s", "--if-version", "1", check=False).returncode == 5
    lonja.run("tasks", "remove", "cli")
    assert lonja.run("tasks", "show", "cli", check=False).returncode == 4

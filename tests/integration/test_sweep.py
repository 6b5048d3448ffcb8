# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja-sweep: whoever has work is woken, what expired goes, and nobody is woken in vain."""

import os
import subprocess
import time

import pika

TASKS = "lonja.tasks.products"


def configured(config=None):
    """Every ring is told."""
    return {"sweep": {"Service": {"LogLevel": "debug"}}, **(config or {})}


def sweep(lonja):
    """One run, as the unit starts it; its exit status and what it said."""
    credentials = os.path.join(lonja.directory, "sweep-credentials")
    os.makedirs(credentials, exist_ok=True)
    with open(os.path.join(credentials, "lonja_amqp.password"), "w") as f:
        f.write(lonja.rmq.password)
    done = subprocess.run([os.path.join(lonja.build, "lonja-sweep"), "--config-dir", lonja.config_dir],
                          env={**os.environ, "LONJA_RUNTIME_DIR": lonja.run_dir, "CREDENTIALS_DIRECTORY": credentials},
                          stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=60)
    return done.returncode, done.stderr


def add_event(lonja):
    lonja.psql("INSERT INTO outbox (type, entity, version, data) VALUES ('product.updated', 'S', 1, '{}')")


def wait_for(condition, timeout=30):
    deadline = time.monotonic() + timeout
    while not condition():
        assert time.monotonic() < deadline
        time.sleep(0.05)


def test_an_event_that_a_crash_left_wakes_products(make_lonja):
    lonja = make_lonja(sweep_sec=3600, config=configured())
    add_event(lonja)
    assert lonja.daemon("products").state == "inactive"
    status, said = sweep(lonja)
    assert status == 0 and "Ringing lonja-products: there is work in the database" in said
    lonja.daemon("products").wait("active")
    wait_for(lambda: lonja.psql("SELECT published FROM relay") == "1")


def test_the_timer_does_it_too(make_lonja):
    lonja = make_lonja(sweep_sec=1, config=configured())
    add_event(lonja)
    wait_for(lambda: lonja.psql("SELECT published FROM relay") == "1")


def test_messages_in_its_queue_wake_products(make_lonja):
    lonja = make_lonja(sweep_sec=3600, config=configured())
    channel = pika.BlockingConnection(pika.URLParameters(lonja.amqp_url)).channel()
    channel.queue_declare(TASKS, durable=True, arguments={"x-queue-type": "quorum"})
    assert "Ringing" not in sweep(lonja)[1]
    channel.confirm_delivery()
    channel.basic_publish("", TASKS, b"{}")
    # the broker counts ready messages of a quorum queue in the background
    wait_for(lambda: "messages in its queue" in sweep(lonja)[1])
    lonja.daemon("products").wait("active")


def test_nothing_to_do_wakes_nobody(make_lonja):
    lonja = make_lonja(sweep_sec=3600, config=configured())
    status, said = sweep(lonja)
    assert status == 0 and "Ringing" not in said
    assert lonja.daemon("products").state == "inactive"


def test_without_the_broker_the_events_are_looked_after_all_the_same(make_lonja):
    """Products is woken, brings the log up to date, and publishes once the broker is back."""
    lonja = make_lonja(own_rmq=True, sweep_sec=3600, config=configured())
    lonja.rmq.stop()
    add_event(lonja)
    status, said = sweep(lonja)
    assert status == 0 and "broker" in said and "Ringing lonja-products" in said
    wait_for(lambda: lonja.psql("SELECT last FROM event_head") == "1")
    lonja.rmq.start()
    wait_for(lambda: lonja.psql("SELECT published FROM relay") == "1", timeout=60)


def test_a_stopped_broker_delays_it_by_seconds_only(make_lonja):
    lonja = make_lonja(own_rmq=True, sweep_sec=3600, config=configured())
    lonja.rmq.pause()
    try:
        start = time.monotonic()
        status, said = sweep(lonja)
        assert status == 0 and "broker" in said
        assert time.monotonic() - start < 15
    finally:
        lonja.rmq.cont()


def test_without_the_database_it_says_so(make_lonja):
    lonja = make_lonja(own_pg=True, sweep_sec=3600, config=configured())
    lonja.pg.stop()
    status, said = sweep(lonja)
    assert status == 1 and "database" in said


def test_what_has_expired_goes(make_lonja):
    lonja = make_lonja(sweep_sec=3600, config=configured({"lonja": {"Events": {"KeepEvents": "10"}}}))
    lonja.psql("""
        INSERT INTO idem (op, key, hash, status, at)
            SELECT 'x', i::text, 'h', 200, now() - CASE WHEN i > 100 THEN interval '25 h' ELSE interval '23 h' END
            FROM generate_series(1, 12100) i;
        INSERT INTO event ("offset", id, type, entity, version, data, time)
            SELECT i, gen_random_uuid(), 'product.updated', 'S', i, '{}', now() FROM generate_series(1, 30) i;
        UPDATE event_head SET last = 30;
        UPDATE relay SET published = 25;
        INSERT INTO account (name, password, scopes) VALUES ('ana', 'x', 1);
        INSERT INTO session (token_hash, account_id, scopes, address, expires_at)
            SELECT decode(md5(i::text) || md5(i::text), 'hex'), 1, 1, 'here', now() + (i - 3) * interval '1 h'
            FROM generate_series(1, 6) i""")
    assert sweep(lonja)[0] == 0
    assert lonja.psql("SELECT count(*) FROM idem") == "100"
    assert lonja.psql("SELECT count(*) FROM session") == "3"
    assert lonja.psql('SELECT min("offset"), count(*) FROM event') == "21|10"
    assert lonja.psql("SELECT first, last FROM event_head") == "21|30"


def test_check_names_file_and_line(make_lonja):
    lonja = make_lonja(sweep_sec=3600, config=configured())
    path = os.path.join(lonja.config_dir, "sweep.conf")
    with open(path, "w") as f:
        f.write("[Events]\nKeepSec=soon\n[Broker]\nUri=http://here\n")
    done = subprocess.run([os.path.join(lonja.build, "lonja-sweep"), "--config-dir", lonja.config_dir, "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "sweep.conf:2: " in done.stderr
    with open(path, "w") as f:
        f.write("[Broker]\nUri=http://here\n")
    done = subprocess.run([os.path.join(lonja.build, "lonja-sweep"), "--config-dir", lonja.config_dir, "--check"],
                          capture_output=True, text=True)
    assert done.returncode == 1 and "Uri=" in done.stderr
    os.unlink(path)

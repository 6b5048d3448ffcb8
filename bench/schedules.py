#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev bench schedules: lonja-scheduler beside Celery Beat, on the same broker, in one run.

bench/README.md says what each figure means."""

import collections
import json
import os
import statistics
import sys
import threading
import time

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests/lib")]

import pika  # noqa: E402
import psycopg2  # noqa: E402

import measure  # noqa: E402
from bed import PYTHON, Bed, parser, say  # noqa: E402

BEAT = """
import os
from celery import Celery
app = Celery("beat", broker=os.environ["BENCH_BROKER"])
app.conf.beat_schedule = {f"s{i}": {"task": "bench.tick", "schedule": 1.0, "args": [i],
    "options": {"queue": "bench.beat"}} for i in range(int(os.environ["BENCH_N"]))}
app.conf.beat_max_loop_interval = 1
"""


def percentile(values, p):
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(len(ordered) * p / 100))] if ordered else float("nan")


def megabytes(memory):
    return f"{memory['Pss'] / 1e6:.1f}"


class Consumer(threading.Thread):
    """When each task of each schedule came (its first argument tells which)."""

    def __init__(self, url, queue):
        super().__init__(daemon=True)
        self.url, self.queue = url, queue
        self.times = collections.defaultdict(list)
        self.done = False
        self.ready = threading.Event()

    def run(self):
        connection = pika.BlockingConnection(pika.URLParameters(self.url + "?heartbeat=0"))
        channel = connection.channel()
        channel.queue_declare(self.queue, durable=True)
        channel.basic_consume(self.queue, self.take, auto_ack=True)
        self.ready.set()
        while not self.done:
            connection.process_data_events(0.1)
        connection.close()

    def take(self, _channel, _method, _properties, body):
        self.times[json.loads(body)[0][0]].append(time.time())

    def stop(self):
        self.done = True
        self.join()

    def report(self, seconds):
        """Tasks a second; how far from one second the gaps between tasks of one schedule are."""
        errors = [abs(b - a - 1) * 1000 for times in self.times.values() for a, b in zip(times, times[1:])]
        n = sum(len(times) for times in self.times.values())
        return f"{n / seconds:8.1f} {percentile(errors, 50):10.1f} {percentile(errors, 99):10.1f}"


class Bench(Bed):
    def rows(self, sql, *params):
        with psycopg2.connect(self.stack.database) as connection, connection.cursor() as cursor:
            cursor.execute(sql, params)
            return cursor.fetchall()

    def make(self, n, prefix, queue, every="1s", start="NULL"):
        """Schedules as REST would store them; REST itself is not what is measured."""
        self.rows(f"""
            WITH made AS (
                INSERT INTO schedule (name, every, task, args, queue, start_at, planned_to)
                SELECT '{prefix}' || lpad(i::text, 6, '0'), '{every}', 'bench.tick', jsonb_build_array(i), '{queue}',
                       {start}, clock_timestamp()
                FROM generate_series(0, {n - 1}) i RETURNING 1)
            SELECT count(*) FROM made""")

    def clear(self):
        self.rows("UPDATE schedule SET next_due = 'infinity', enabled = false WHERE enabled RETURNING 1")
        time.sleep(2)
        self.rows("DELETE FROM firing RETURNING 1")
        self.rows("DELETE FROM schedule RETURNING 1")

    def restart(self):
        daemon = self.stack.daemon("scheduler")
        if daemon.pid:
            daemon.stop()
        began = time.monotonic()
        daemon.start()
        return daemon.pid, (time.monotonic() - began) * 1000

    # Runs

    def spread(self):
        """n schedules a second, their times spread evenly over it."""
        n, seconds = self.options.schedules, self.options.seconds
        self.restart()
        consumer = Consumer(self.stack.amqp_url, "bench.lonja")
        consumer.start()
        consumer.ready.wait()
        self.make(n, "spread", "bench.lonja",
                  start=f"date_trunc('second', clock_timestamp()) + i * interval '{1000 / n} milliseconds'")
        time.sleep(8)  # rows written by hand are noticed within 5 s, and what was due meanwhile fires at once
        consumer.times.clear()
        time.sleep(seconds)
        line = consumer.report(seconds)
        memory = measure.memory(self.stack.daemon("scheduler").pid)
        consumer.stop()
        late = [float(ms) for ms, in self.rows(
            "SELECT extract(epoch FROM sent_at - due_at) * 1000 FROM firing WHERE sent_at IS NOT NULL"
            " AND due_at > (SELECT min(fired_at) FROM firing) + interval '8 s'")]
        self.clear()
        return line, memory, late

    def burst(self):
        """All at the same second, several times: from it until the last was confirmed and noted."""
        self.restart()
        consumer = Consumer(self.stack.amqp_url, "bench.burst")
        consumer.start()
        consumer.ready.wait()
        self.make(self.options.burst, "burst", "bench.burst", every="5s")
        time.sleep(5 * self.options.bursts + 4)
        found = self.rows("SELECT extract(epoch FROM max(sent_at) - nominal_time) * 1000, count(*) FROM firing"
                          " GROUP BY nominal_time ORDER BY nominal_time")
        consumer.stop()
        self.clear()
        return [float(ms) for ms, n in found if n == self.options.burst and ms is not None][1:]

    def beat(self):
        n, seconds = self.options.schedules, self.options.seconds
        with open(self.path("beat.py"), "w") as f:
            f.write(BEAT)
        consumer = Consumer(self.stack.amqp_url, "bench.beat")
        consumer.start()
        consumer.ready.wait()
        process = self.start_other(
            "beat", PYTHON, "-m", "celery", "-A", "beat", "beat", "-s", self.path("beat.db"), "--pidfile", "",
            "-l", "warning", env={"BENCH_BROKER": self.stack.amqp_url, "BENCH_N": str(n)})
        time.sleep(8)
        consumer.times.clear()
        time.sleep(seconds)
        line = consumer.report(seconds)
        memory = measure.memory(process.pid)
        process.signal(15)
        process.wait()
        consumer.stop()
        return line, memory

    def many(self):
        """Start and memory with many schedules that are not due yet."""
        self.make(self.options.many, "many", "bench.many", every="1h",
                  start="date_trunc('hour', clock_timestamp()) + interval '1 hour'")
        began = time.monotonic()
        pid, ready = self.restart()
        while self.rows("SELECT EXISTS (SELECT FROM schedule WHERE next_due = '-infinity')")[0][0]:
            time.sleep(0.1)
        planned = time.monotonic() - began
        _, again = self.restart()
        memory = measure.memory(self.stack.daemon("scheduler").pid)
        self.clear()
        return ready, planned, again, memory

    def run(self):
        say("spread")
        line, memory, late = self.spread()
        print(f"\n{self.options.schedules} schedules, each every second, {self.options.seconds} s"
              f"\n{'':16}{'tasks/s':>8} {'gap p50 ms':>10} {'gap p99 ms':>10}   memory (proportional, MB)")
        print(f"{'lonja-scheduler':16}{line}   {megabytes(memory)}")
        say("Celery Beat")
        line, memory = self.beat()
        print(f"{'celery beat':16}{line}   {megabytes(memory)}")
        print(f"\nlonja: from due to confirmed and noted: p50 {percentile(late, 50):.1f} ms, p99 {percentile(late, 99):.1f}"
              f" ms, max {max(late, default=0):.1f} ms ({len(late)} firings)")
        say("bursts")
        bursts = self.burst()
        print(f"lonja: {self.options.burst} due at one second, until the last was confirmed: "
              f"{statistics.median(bursts) if bursts else float('nan'):.0f} ms ({len(bursts)} bursts)")
        say(f"{self.options.many} schedules")
        ready, planned, again, memory = self.many()
        print(f"lonja: {self.options.many} schedules: start {ready:.0f} ms, all new ones planned {planned:.1f} s, "
              f"start afterwards {again:.0f} ms, memory {megabytes(memory)} MB")


def main():
    options = parser(__doc__, quick="small counts").parse_args()
    options.schedules, options.burst, options.many = (20, 100, 1000) if options.quick else (100, 1000, 100000)
    options.seconds, options.bursts = (5, 2) if options.quick else (60, 6)
    with Bench(options) as bench:
        bench.run()


if __name__ == "__main__":
    main()

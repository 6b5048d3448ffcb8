#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev bench calculations: round trips and calculations per second of the gateway and of plain AMQP RPC, beside a bare C
echo on librabbitmq, a Celery worker with the rpc backend, and the commit of one row, in one run.

Contenders alternate within each round and the median counts.  bench/README.md says what each is."""

import os
import sys
import time
import urllib.request

import pika

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests/lib")]

import measure  # noqa: E402
from bed import PYTHON, Bed, parser, say  # noqa: E402

QUEUE, ECHO_QUEUE, CELERY_QUEUE = "lonja.calculations", "bench.echo", "bench.celery"
CLIENTS = 64
QUESTION = '{"expression":"2/3+1"}'
TABLE = """
CREATE TABLE bench_record (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message text NOT NULL,
                           client_type text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
GRANT ALL ON bench_record TO lonja;
"""


class Bench(Bed):
    def __init__(self, options):
        super().__init__(options, config={"calculator": {"Service": {"IdleExitSec": "0"}}})
        self.echo = os.path.join(options.build, "amqp-echo")
        self.app = os.path.join(HERE, "python-calculations")

    def start(self):
        self.stack.psql(TABLE)
        urllib.request.urlopen(f"{self.stack.gateway_url}/healthz").read()
        self.stack.daemon("calculator").start()
        self.env = {"PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", "PYTHONPATH": self.app,
                    "BENCH_BROKER": self.stack.amqp_url}
        self.start_other("echo", self.echo, "worker", self.stack.amqp_url, ECHO_QUEUE)
        self.start_other("celery", PYTHON, "-m", "celery", "-A", "app", "worker", "-Q", CELERY_QUEUE, "--without-gossip",
                         "--without-mingle", "-l", "warning", env=self.env)
        for queue in (QUEUE, ECHO_QUEUE, CELERY_QUEUE):
            self.wait_for_consumer(queue)

    def wait_for_consumer(self, queue):
        connection = pika.BlockingConnection(pika.URLParameters(self.stack.amqp_url))
        channel = connection.channel()
        for _ in range(1200):
            try:
                if channel.queue_declare(queue, passive=True).method.consumer_count > 0:
                    connection.close()
                    return
            except pika.exceptions.ChannelClosedByBroker:
                channel = connection.channel()
            time.sleep(0.05)
        raise RuntimeError(f"nobody consumes from {queue}")

    # Runs

    def rest(self, clients, durable):
        result = measure.script("calculations.lua", self.stack.gateway_url, clients, self.options.seconds,
                                "true" if durable else "false", self.stack.token)
        if result.errors:
            raise RuntimeError(f"{result.errors} requests failed")
        return result

    def amqp(self, clients, queue):
        return measure.generator([self.echo, "client", self.stack.amqp_url, queue, str(self.options.seconds),
                                  str(clients), QUESTION])

    def celery(self, clients):
        return measure.generator([PYTHON, os.path.join(self.app, "app.py"), str(self.options.seconds), str(clients)],
                                 env=self.env)

    def commit(self, clients):
        return measure.pgbench(self.stack.pg, self.stack.database_name, os.path.join(HERE, "insert.sql"), clients,
                               self.options.seconds, self.directory)

    def contenders(self):
        return {
            "lonja REST, durable": lambda clients: self.rest(clients, True),
            "lonja REST": lambda clients: self.rest(clients, False),
            "lonja AMQP": lambda clients: self.amqp(clients, QUEUE),
            "bare echo": lambda clients: self.amqp(clients, ECHO_QUEUE),
            "celery": self.celery,
        }


def run(bench, options):
    """(one at a time, many at a time, commits): medians by contender."""
    alone, many, commits = {}, {}, []
    for number in range(options.rounds):
        commits.append(bench.commit(1))
        for name, contender in bench.contenders().items():
            say(f"round {number + 1}: {name}")
            alone.setdefault(name, []).append(contender(1))
            many.setdefault(name, []).append(contender(CLIENTS))
    return ({name: measure.median(results) for name, results in alone.items()},
            {name: measure.median(results) for name, results in many.items()}, measure.median(commits))


def report(options, alone, many, commit):
    print(f"median of {options.rounds} alternating rounds of {options.seconds} s; fsync=on, synchronous_commit=on: one commit "
          f"takes {commit.p50:.2f} ms (p99 {commit.p99:.2f})\n")
    print(f"{'':22}{'one at a time':>24}{f'{CLIENTS} at a time':>36}")
    print(f"{'':22}{'p50 ms':>12}{'p99 ms':>12}{'per second':>12}{'p50 ms':>12}{'p99 ms':>12}")
    for name, a in alone.items():
        m = many[name]
        print(f"{name:22}{a.p50:12.2f}{a.p99:12.2f}{m.rate:12.0f}{m.p50:12.2f}{m.p99:12.2f}")
    echo = alone["bare echo"].p50
    print(f"""
  p50, REST not durable: {alone["lonja REST"].p50 / echo:5.2f} x bare echo (aim: 2)
  p50, REST durable:     {alone["lonja REST, durable"].p50 / (echo + 2 * commit.p50):5.2f} x (bare echo + 2 commits) (aim: 2)
  p50, plain AMQP:       {alone["lonja AMQP"].p50 / echo:5.2f} x bare echo""")
    for name in ("lonja REST, durable", "lonja REST", "lonja AMQP"):
        rate = many[name].rate
        print(f"  throughput, {name}: {rate / many['celery'].rate:.1f} x celery (aim: 10), "
              f"{rate / many['bare echo'].rate:.2f} x bare echo")


def main():
    options = parser(__doc__, quick="one round of 2 s each", rounds=3).parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 2
    with Bench(options) as bench:
        report(options, *run(bench, options))


if __name__ == "__main__":
    main()

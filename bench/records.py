#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev bench records: durable records per second by each door, beside plain inserts of pgbench and a Flask + grpcio + pika
equivalent that commits each record by itself, on the same PostgreSQL in one run.

What counts is what the table holds afterwards, not what a generator believes.  Contenders alternate within each round and
the median counts.  bench/README.md says what each is."""

import os
import socket
import statistics
import subprocess
import sys
import time
import urllib.request

import pika

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests/lib")]

import measure  # noqa: E402
from bed import PYTHON, Bed, parser, say  # noqa: E402
from postgres import binary  # noqa: E402
from process import free_port  # noqa: E402

QUEUE, PYTHON_QUEUE = "lonja.records", "bench.python"
CLIENTS = 64
TABLES = """
CREATE TABLE bench_record (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message text NOT NULL,
                           client_type text NOT NULL, created_at timestamptz NOT NULL DEFAULT now());
CREATE TABLE python_record (id bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY, message text NOT NULL,
                            client_type text NOT NULL, created_at timestamptz NOT NULL DEFAULT clock_timestamp(),
                            total bigint NOT NULL UNIQUE, text text NOT NULL);
CREATE TABLE python_counter (last bigint NOT NULL);
INSERT INTO python_counter VALUES (0);
GRANT ALL ON bench_record, python_record, python_counter TO lonja;
"""


class Bench(Bed):
    def __init__(self, options):
        super().__init__(options, settings={"max_connections": "300"})

    def start(self):
        self.stack.psql(TABLES)
        urllib.request.urlopen(f"{self.stack.gateway_url}/healthz").read()
        self.broker = pika.BlockingConnection(pika.URLParameters(self.stack.amqp_url + "?heartbeat=0")).channel()
        self.broker.queue_declare(PYTHON_QUEUE, durable=True, arguments={"x-queue-type": "quorum"})
        app = os.path.join(HERE, "python-records")
        self.flask_port, self.grpc_port = free_port(), free_port()
        self.python("flask", "/usr/bin/gunicorn", "-b", f"127.0.0.1:{self.flask_port}", "-w", str(os.cpu_count() or 1),
                    "-k", "gthread", "--threads", "8", "--log-level", "warning", "--chdir", app, "app:application")
        self.python("grpc", PYTHON, os.path.join(app, "app.py"), "grpc", str(self.grpc_port))
        self.wait_for(self.flask_port)
        self.wait_for(self.grpc_port)
        self.frame = self.path("frame")
        message = b"record of the benchmark"
        body = bytes([10, len(message)]) + message  # AddRecordRequest{message}
        with open(self.frame, "wb") as f:
            f.write(b"\0" + len(body).to_bytes(4, "big") + body)

    def python(self, name, *argv):
        return self.start_other(name, *argv, env={"BENCH_DSN": self.stack.database})

    @staticmethod
    def wait_for(port):
        for _ in range(1000):
            try:
                socket.create_connection(("127.0.0.1", port)).close()
                return
            except OSError:
                time.sleep(0.05)
        raise RuntimeError(f"nobody listens on {port}")

    # Runs: each returns records per second

    def count(self, table):
        return int(self.stack.psql(f"SELECT count(*) FROM {table}"))

    def rate(self, table, load):
        before, started = self.count(table), time.monotonic()
        load()
        seconds = time.monotonic() - started
        return (self.count(table) - before) / seconds

    def wrk(self, url, token):
        subprocess.run(["wrk", "-t1", f"-c{CLIENTS}", f"-d{self.options.seconds}s", "--timeout", "20s", "-s",
                        os.path.join(HERE, "records.lua"), url, "--", *([token] if token else [])],
                       check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def h2load(self, port, token):
        subprocess.run(["h2load", "-t1", "-c4", f"-m{CLIENTS // 4}", f"-D{self.options.seconds}", "-d", self.frame,
                        "-H", "content-type: application/grpc", "-H", "te: trailers",
                        "-H", f"authorization: Bearer {token}",
                        f"http://127.0.0.1:{port}/lonja.v1.Records/Add"],
                       check=True, capture_output=True, stdin=subprocess.DEVNULL)

    def fill(self, queue, n):
        properties = pika.BasicProperties(delivery_mode=2)
        for i in range(n):
            self.broker.basic_publish("", queue, f"record number {i} of the benchmark".encode(), properties)
        while self.broker.queue_declare(queue, passive=True).method.message_count < n:
            time.sleep(0.05)

    def drained(self, table, n, before):
        """From the first record to the last, by the database's clock."""
        while self.count(table) < before + n:
            time.sleep(0.1)
        return n / float(self.stack.psql("SELECT extract(epoch FROM max(created_at) - min(created_at)) FROM "
                                         f"{table} WHERE id > {before}"))

    def lonja_amqp(self):
        self.stack.daemon("gateway").stop()
        before, n = self.count("record"), self.options.messages
        self.fill(QUEUE, n)
        self.stack.daemon("gateway").start()
        return self.drained("record", n, before)

    def python_amqp(self):
        before, n = self.count("python_record"), max(self.options.messages // 20, 200)
        self.fill(PYTHON_QUEUE, n)
        consumer = self.python("amqp", PYTHON, os.path.join(HERE, "python-records/app.py"), "amqp",
                               self.stack.amqp_url, PYTHON_QUEUE)
        try:
            return self.drained("python_record", n, before)
        finally:
            consumer.signal(15)
            consumer.wait()

    def pgbench(self, script):
        return self.rate("bench_record", lambda: subprocess.run(
            [binary("pgbench"), "-n", "-M", "prepared", "-c", "16", "-j", "1", "-T", str(self.options.seconds),
             "-f", os.path.join(HERE, script), "-h", self.stack.pg.directory, "-U", "lonja", self.stack.database_name],
            check=True, capture_output=True, stdin=subprocess.DEVNULL))

    def contenders(self):
        s = self.stack
        return {
            "lonja REST": lambda: self.rate("record", lambda: self.wrk(s.gateway_url, s.token)),
            "lonja gRPC": lambda: self.rate("record", lambda: self.h2load(s.gateway_grpc[1], s.token)),
            "lonja AMQP": self.lonja_amqp,
            "python REST": lambda: self.rate(
                "python_record", lambda: self.wrk(f"http://127.0.0.1:{self.flask_port}", None)),
            "python gRPC": lambda: self.rate("python_record", lambda: self.h2load(self.grpc_port, "x")),
            "python AMQP": self.python_amqp,
            "pgbench insert": lambda: self.pgbench("insert.sql"),
            "pgbench insert of 64": lambda: self.pgbench("insert-batch.sql"),
        }


def report(bench, options):
    commit = measure.pgbench(bench.stack.pg, bench.stack.database_name, os.path.join(HERE, "insert.sql"), 1,
                             options.seconds, bench.directory)
    rates = {}
    for number in range(options.rounds):
        for name, run in bench.contenders().items():
            say(f"round {number + 1}: {name}")
            rates.setdefault(name, []).append(run())
    rates = {name: statistics.median(values) for name, values in rates.items()}
    print(f"median of {options.rounds} alternating rounds of {options.seconds} s, {CLIENTS} clients; fsync=on, "
          f"synchronous_commit=on: one commit takes {commit.p50:.2f} ms (p99 {commit.p99:.2f})\n")
    for name, value in rates.items():
        print(f"{name:24}{value:10.0f} durable records/s")
    print()
    for door in ("REST", "gRPC", "AMQP"):
        mine = rates[f"lonja {door}"]
        print(f"  {door}: {mine / rates[f'python {door}']:6.1f} x python, {mine / rates['pgbench insert']:5.2f} x pgbench "
              f"insert, {mine / rates['pgbench insert of 64']:5.2f} x pgbench insert of 64")


def main():
    arguments = parser(__doc__, quick="one round of 2 s each", rounds=3)
    arguments.add_argument("--messages", type=int, default=50000, help="in the queue, for each run by RabbitMQ")
    options = arguments.parse_args()
    if options.quick:
        options.rounds, options.seconds, options.messages = 1, 2, 4000
    with Bench(options) as bench:
        report(bench, options)


if __name__ == "__main__":
    main()

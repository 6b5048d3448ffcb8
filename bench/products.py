#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev bench products: Lonja beside bare libmicrohttpd, pgbench and Django REST framework, on the same database, in one run.

Contenders alternate within each round and the median of the rounds counts, so that a machine that gets slower does it to
all of them.  bench/README.md says what each figure means."""

import json
import os
import platform
import statistics
import subprocess
import sys
import time
import urllib.request

HERE = os.path.dirname(os.path.abspath(__file__))
sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests/lib")]

import measure  # noqa: E402
from bed import Bed, parser, say  # noqa: E402
from process import free_port, tail  # noqa: E402

N_PRODUCTS = 100000
CONNECTIONS = (1, 64, 1000)
PGBENCH_CONNECTIONS_MAX = 64  # a thousand backends on a small machine measure the scheduler
COLD_STARTS = 20
SETTLE_SEC = 5
GUNICORN = ("-k", "gthread", "--threads", "4")  # keeps connections alive, faster here than one thread each


class Bench(Bed):
    def __init__(self, options):
        super().__init__(options, settings={"max_connections": "300"})

    def start(self):
        rows = ["code,buying_price,selling_price,description"]
        rows += [f"B{i:06},{i % 977 + 1}.00,{i % 977 + 2}.50,\"A product of the benchmark, number {i}\""
                 for i in range(1, N_PRODUCTS + 1)]
        say(f"importing {N_PRODUCTS} products")
        request = urllib.request.Request(
            f"{self.stack.products_url}/api/products:import", "\n".join(rows).encode() + b"\n",
            {"Content-Type": "text/csv", "Authorization": f"Bearer {self.stack.token}"})
        with urllib.request.urlopen(request) as answer:
            answer.read()
        self.stack.psql("VACUUM ANALYZE")
        self.stack.psql("CHECKPOINT")
        port = free_port()
        self.bare = self.start_other("bare", os.path.join(self.options.build, "bench-mhd"), str(port))
        self.bare_url = self.answering("bare", self.bare, port)
        port = free_port()
        self.django = self.start_other(
            "django", "/usr/bin/gunicorn", "-b", f"127.0.0.1:{port}", "-w", str(os.cpu_count() or 1), *GUNICORN,
            "--log-level", "warning", "--chdir", os.path.join(HERE, "django"), "app:application",
            env={"BENCH_HOST": self.stack.pg.directory, "BENCH_DATABASE": self.stack.database_name})
        self.django_url = self.answering("django", self.django, port)

    def answering(self, name, process, port):
        """The URL of a contender, once it gives a product."""
        url = f"http://127.0.0.1:{port}"
        for _ in range(1000):
            try:
                urllib.request.urlopen(f"{url}/api/products/B000001").read()
                return url
            except OSError:
                if process.wait(0.02):
                    break
        raise RuntimeError(f"{name} did not start: {tail(self.path(f'{name}.log'))}")

    # Runs

    def groups(self, front):
        return {"front": front, "postgres": lambda: measure.family(self.stack.pg.pid)}

    def lonja_pids(self):
        pid = self.stack.daemon("products").pid
        return [pid] if pid else []

    def http(self, url, verb, front):
        def run(connections):
            return measure.counted(self.groups(front), lambda: measure.wrk(
                url, verb, N_PRODUCTS, self.stack.token, connections, self.options.seconds))
        return run

    def sql(self, script, pipelined=False):
        path = os.path.join(HERE, script)
        if pipelined:
            path = self.pipelined(path)

        def run(connections):
            if connections > PGBENCH_CONNECTIONS_MAX:
                return None
            return measure.counted(self.groups(lambda: []), lambda: measure.pgbench(
                self.stack.pg, self.stack.database_name, path, connections, self.options.seconds, self.directory,
                measure.PIPELINE if pipelined else 1))
        return run

    def pipelined(self, path):
        with open(path) as f:
            body = "".join(line for line in f if not line.startswith("--"))
        target = self.path("pipelined.sql")
        with open(target, "w") as f:
            f.write("\\startpipeline\n" + body * measure.PIPELINE + "\\endpipeline\n")
        return target

    def compare(self, contenders):
        """{name: run} -> {(name, connections): median result}, contenders alternating within each round."""
        results = {}
        for connections in CONNECTIONS:
            for number in range(self.options.rounds):
                for name, run in contenders.items():
                    say(f"{connections} connections, round {number + 1}: {name}")
                    result = run(connections)
                    if result is not None:
                        results.setdefault((name, connections), []).append(result)
        return {key: measure.median(value) for key, value in results.items()}

    def settled(self):
        """Memory once the load has gone and the daemon has had time to give back what it took."""
        time.sleep(SETTLE_SEC)
        return measure.memory(self.stack.daemon("products").pid)

    def cold_starts(self):
        """{what: milliseconds}, alternating: from connect() to the first byte, the daemon asleep before each, through the
        holder; and what connecting to PostgreSQL for one row takes a process that does nothing else."""
        ways = {
            "healthz": lambda: self.first_answer("/healthz"),
            "product": lambda: self.first_answer("/api/products/B000001"),
            "a process that selects it": self.select_once,
        }
        times = {way: [] for way in ways}
        for _ in range(COLD_STARTS):
            for way, run in ways.items():
                self.stack.daemon("products").stop()
                time.sleep(0.15)  # more than twenty starts in 2 s are an error to systemd and so to the holder
                times[way].append(run() * 1e3)
        return times

    def first_answer(self, path):
        host, port = self.stack.products_url[7:].split(":")
        return measure.first_byte(host, int(port), f"GET {path} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n".encode())

    def select_once(self):
        argv = [os.path.join(self.options.build, "cold-select"), f"{self.stack.database} gssencmode=disable",
                "SELECT * FROM product WHERE code = 'B000001'"]
        began = time.monotonic()
        subprocess.run(argv, check=True)
        return time.monotonic() - began


def table(title, results, names):
    print(f"\n{title}\n")
    print(f"{'':26}{'conn':>5}{'per s':>10}{'p50 ms':>9}{'p99 ms':>9}{'front µs':>10}{'pg µs':>8}{'load µs':>9}"
          f"{'errors':>8}")
    for connections in CONNECTIONS:
        for name in names:
            r = results.get((name, connections))
            if r is None:
                continue
            print(f"{name:26}{connections:5}{r.rate:10.0f}{r.p50:9.2f}{r.p99:9.2f}{r.cpu['front']:10.1f}"
                  f"{r.cpu['postgres']:8.1f}{r.cpu['generator']:9.1f}{r.errors:8}")
        print()


def ratio(results, a, b, connections):
    if (a, connections) not in results or (b, connections) not in results:
        return
    value = results[a, connections].rate / results[b, connections].rate
    print(f"  {a} / {b} at {connections}: {value:.2f}")


def megabytes(values):
    return "  ".join(f"{key} {size / 1e6:.1f} MB" for key, size in values.items())


def main():
    arguments = parser(__doc__, quick="one round of 2 s each", rounds=5)
    arguments.add_argument("--json", help="write all figures to this file")
    options = arguments.parse_args()
    if options.quick:
        options.rounds, options.seconds = 1, 2

    with Bench(options) as bench:
        report(bench, options)


def report(bench, options):
    products = bench.stack.daemon("products")
    cold = bench.cold_starts()
    bench.first_answer("/api/products/B000001")
    idle = measure.memory(products.pid)
    commit = measure.pgbench(bench.stack.pg, bench.stack.database_name, os.path.join(HERE, "update.sql"), 1,
                             options.seconds, bench.directory)

    gets = {
        "lonja GET": bench.http(bench.stack.products_url, "get", bench.lonja_pids),
        "bare libmicrohttpd": bench.http(bench.bare_url, "get", lambda: [bench.bare.pid]),
        "django+gunicorn GET": bench.http(bench.django_url, "get", lambda: measure.family(bench.django.pid)),
        "pgbench select": bench.sql("get.sql"),
        "pgbench select, pipelined": bench.sql("get.sql", pipelined=True),
    }
    get = bench.compare(gets)
    memory = [("idle after one request", idle), ("right after 1,000 clients' GETs", measure.memory(products.pid))]
    memory.append((f"{SETTLE_SEC} s later", bench.settled()))
    writes = {
        "lonja PATCH": bench.http(bench.stack.products_url, "patch", bench.lonja_pids),
        "pgbench update": bench.sql("update.sql"),
    }
    write = bench.compare(writes)
    memory.append(("right after 1,000 clients' PATCHes", measure.memory(products.pid)))
    memory.append((f"{SETTLE_SEC} s later", bench.settled()))

    with open("/proc/cpuinfo") as f:
        cpu = next((line.split(":", 1)[1].strip() for line in f if line.startswith("model name")), platform.machine())
    print(f"{os.cpu_count()} x {cpu}; load generator, servers and PostgreSQL share them")
    print(f"median of {options.rounds} alternating rounds of {options.seconds} s; {N_PRODUCTS} products; fsync=on, "
          f"synchronous_commit=on: one commit takes {commit.p50:.2f} ms (p99 {commit.p99:.2f})")
    table("GET one product at random", get, gets)
    ratio(get, "lonja GET", "bare libmicrohttpd", 64)
    ratio(get, "lonja GET", "django+gunicorn GET", 64)
    ratio(get, "lonja GET", "pgbench select", 64)
    ratio(get, "lonja GET", "pgbench select, pipelined", 64)
    table("change one price at random (Lonja: with event, price history, request log)", write, writes)
    for connections in (1, 64):
        ratio(write, "lonja PATCH", "pgbench update", connections)
    print("\nlonja-products\n")
    for when, values in memory:
        print(f"  memory, {when:36}{megabytes(values)}")
    for way, times in cold.items():
        print(f"  cold start, {way:26}median {statistics.median(times):.1f} ms, worst {max(times):.1f} ms of {COLD_STARTS}")
    if options.json:
        figures = {f"{name} @{c}": {"rate": r.rate, "p50": r.p50, "p99": r.p99, "errors": r.errors, "cpu": r.cpu}
                   for results in (get, write) for (name, c), r in results.items()}
        with open(options.json, "w") as f:
            json.dump({"figures": figures, "memory": memory, "cold": cold, "commit_ms": commit.p50}, f, indent=2)


if __name__ == "__main__":
    main()

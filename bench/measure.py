# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What a run is made of: load from wrk and pgbench, processor time and memory from /proc."""

import glob
import json
import os
import socket
import statistics
import subprocess
import time

from postgres import binary
from process import children

TICK = os.sysconf("SC_CLK_TCK")
HERE = os.path.dirname(os.path.abspath(__file__))
PIPELINE = 20  # statements in flight in the pipelined pgbench script


def family(pid):
    """A process and all below it."""
    found = [pid]
    for child in children(pid):
        found += family(child)
    return found


def cpu_seconds(pids):
    """User and system time of these processes and of their children that have ended."""
    total = 0
    for pid in pids:
        try:
            with open(f"/proc/{pid}/stat") as f:
                fields = f.read().rpartition(")")[2].split()
        except OSError:
            continue
        total += sum(int(x) for x in fields[11:15])
    return total / TICK


def memory(pid):
    """Bytes of one process: proportional, anonymous, resident."""
    values = {}
    with open(f"/proc/{pid}/smaps_rollup") as f:
        for line in f:
            key, _, rest = line.partition(":")
            if key in ("Pss", "Anonymous", "Rss"):
                values[key] = int(rest.split()[0]) * 1024
    return values


class Result:
    def __init__(self, rate, p50, p99, errors=0):
        self.rate, self.p50, self.p99, self.errors = rate, p50, p99, errors
        self.cpu = {}  # name of a group of processes -> microseconds per request


def median(results):
    """The run in the middle by rate; the percentiles and processor times are medians of their own."""
    middle = Result(*(statistics.median(getattr(r, name) for r in results) for name in ("rate", "p50", "p99")),
                    errors=sum(r.errors for r in results))
    for name in results[0].cpu:
        middle.cpu[name] = statistics.median(r.cpu[name] for r in results)
    return middle


def counted(groups, run):
    """Runs and charges each group's processor time to the requests done."""
    before = {name: cpu_seconds(pids()) for name, pids in groups.items()}
    started = time.monotonic()
    generator = cpu_children()
    result = run()
    n = max(1, result.rate * result.seconds)
    result.cpu = {name: (cpu_seconds(pids()) - before[name]) / n * 1e6 for name, pids in groups.items()}
    result.cpu["generator"] = (cpu_children() - generator) / n * 1e6
    result.wall = time.monotonic() - started
    return result


def cpu_children():
    t = os.times()
    return t.children_user + t.children_system


def generator(argv, **options):
    """Runs what prints a line RESULT {...}."""
    done = subprocess.run(argv, capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL, **options)
    line = next(x for x in done.stdout.split("\n") if x.startswith("RESULT "))
    r = json.loads(line[7:])
    result = Result(r["requests"] / (r["usec"] / 1e6), r["p50"] / 1e3, r["p99"] / 1e3,
                    r.get("status_errors", 0) + r.get("socket_errors", 0))
    result.seconds = r["usec"] / 1e6
    return result


def script(name, url, connections, seconds, *arguments):
    """wrk with one of the scripts beside this file."""
    return generator(["wrk", "-t1", f"-c{connections}", f"-d{seconds}s", "--timeout", "20s",
                      "-s", os.path.join(HERE, name), url, "--", *arguments])


def wrk(url, verb, count, token, connections, seconds):
    return script("requests.lua", url, connections, seconds, verb, str(count), token)


def pgbench(pg, database, script, connections, seconds, folder, per_transaction=1):
    """`script` is a file; `per_transaction` statements count as so many requests."""
    prefix = os.path.join(folder, "pgbench")
    for old in glob.glob(prefix + ".*"):
        os.unlink(old)
    argv = [binary("pgbench"), "-n", "-M", "prepared", "-c", str(connections), "-j", "1", "-T", str(seconds),
            "-f", script, "-l", f"--log-prefix={prefix}", "--sampling-rate=0.2",
            "-h", pg.directory, "-U", "lonja", database]
    done = subprocess.run(argv, capture_output=True, text=True, stdin=subprocess.DEVNULL)
    if done.returncode != 0:
        raise RuntimeError(f"pgbench: {done.stderr}")
    rate = next(float(x.split()[2]) for x in done.stdout.split("\n") if x.startswith("tps = "))
    times = []
    for path in glob.glob(prefix + ".*"):
        with open(path) as f:
            times += [int(line.split()[2]) / 1e3 for line in f]
        os.unlink(path)
    times.sort()
    result = Result(rate * per_transaction, times[len(times) // 2], times[len(times) * 99 // 100])
    result.seconds = seconds
    return result


def first_byte(host, port, request):
    """Seconds from connect() to the first byte of the answer."""
    started = time.monotonic()
    with socket.create_connection((host, port), timeout=30) as s:
        s.sendall(request)
        s.recv(1)
        return time.monotonic() - started

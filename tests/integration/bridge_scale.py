#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Many clients of the bridge on few products: what they cost the API, the daemon's memory, and how soon all know.

    bridge_scale.py [--connections 1000] [--products 100] [--interval 5] [--tls] [--long]     (--long: 10,000 connections)

Prints one line per figure and exits 1 when a bound is broken. Servers are private."""

import argparse
import asyncio
import json
import os
import resource
import ssl
import sys
import tempfile
import time
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))

from stack import Stack  # noqa: E402

MEMORY_MAX = 8 * 1024  # bytes of daemon memory for each plain connection
LATEST_MAX = 2.0  # seconds after the last change
CONNECT_AT_ONCE = 200


class Client(asyncio.Protocol):
    """Watches one product and remembers the newest version it was shown."""

    def __init__(self, world, code, interval):
        self.world, self.code, self.interval = world, code, interval
        self.rest = b""
        self.version = 0

    def connection_made(self, transport):
        self.transport = transport
        transport.write(b'GET+PRODUCT+{"code":"%s"}+interval=%d\n' % (self.code.encode(), self.interval))

    def data_received(self, data):
        *lines, self.rest = (self.rest + data).split(b"\n")
        for line in lines:
            self.world.lines += 1
            if line.startswith(b"ERROR+BYE+"):
                self.world.farewells += 1
                continue
            if not line.startswith(b"JSON+PRODUCT+"):
                self.world.problems.append(line[:200])
                continue
            # The version is the last member, "skipped" aside: no JSON parser for each of a million lines.
            self.version = int(line.rsplit(b'"version":', 1)[1].split(b"}")[0].split(b",")[0])
            self.world.shown(self)

    def connection_lost(self, error):
        self.world.lost += 1
        if self.world.lost == self.world.expected:
            self.world.reached.set()


class World:
    def __init__(self):
        self.lines = self.lost = self.farewells = 0
        self.expected = None
        self.problems = []
        self.goal, self.behind, self.reached = {}, set(), asyncio.Event()

    def shown(self, client):
        if client in self.behind and client.version >= self.goal.get(client.code, 1):
            self.behind.discard(client)
            if not self.behind:
                self.reached.set()

    async def all_at(self, clients, goal, timeout):
        """Waits until every client was shown its product's version in `goal`; the time that it took."""
        self.goal = goal
        self.behind = {c for c in clients if c.version < goal.get(c.code, 1)}
        self.reached.clear()
        start = time.monotonic()
        if self.behind:
            await asyncio.wait_for(self.reached.wait(), timeout)
        return time.monotonic() - start


class Api:
    """Changes products, and counts what the bridge asks: all requests but our own."""

    def __init__(self, stack):
        self.url, self.token = stack.products_url, stack.token
        self.own = 0

    def call(self, method, path, body=None, kind="application/json"):
        headers = {"Authorization": f"Bearer {self.token}", "Content-Type": kind}
        data = json.dumps(body).encode() if body is not None else None
        request = urllib.request.Request(self.url + path, data, headers, method=method)
        with urllib.request.urlopen(request, timeout=30) as answer:
            text = answer.read().decode()
        self.own += 1
        return text

    def create(self, code):
        self.call("POST", "/api/products", {"code": code, "description": "scale", "buying_price": "1.00",
                                            "selling_price": "1.00"})

    def reprice(self, code, cents):
        body = {"selling_price": f"{cents // 100}.{cents % 100:02d}"}
        return json.loads(self.call("PATCH", f"/api/products/{code}", body, "application/merge-patch+json"))["version"]

    def asked(self):
        text = self.call("GET", "/metrics")
        total = sum(int(line.split()[1]) for line in text.splitlines()
                    if line.startswith("lonja_http_requests_total"))
        return total - (self.own - 1)  # this one is counted when it is answered


def memory(pid):
    """Bytes that this process alone needs."""
    with open(f"/proc/{pid}/smaps_rollup") as f:
        fields = {line.split(":")[0]: line.split()[1] for line in f if ":" in line}
    return (int(fields["Private_Clean"]) + int(fields["Private_Dirty"])) * 1024, int(fields["Rss"]) * 1024


async def ping(address, until, times):
    """A bystander: how long does a PING take meanwhile?"""
    reader, writer = await asyncio.open_connection(*address)
    while not until.is_set():
        start = time.monotonic()
        writer.write(b"PING++{}+\n")
        await reader.readline()
        times.append(time.monotonic() - start)
        await asyncio.sleep(0.01)
    writer.close()


async def measure(stack, options):
    loop = asyncio.get_running_loop()
    world, api = World(), Api(stack)
    codes = [f"S{n:03d}" for n in range(options.products)]
    figures = {"connections": options.connections, "products": options.products, "interval_sec": options.interval}
    broken = []
    address = stack.bridge_tls if options.tls else stack.bridge
    context = ssl.create_default_context(cafile=stack.ca_file) if options.tls else None

    def figure(name, value, bound=None):
        figures[name] = value
        verdict = "" if bound is None else f"   (at most {bound})" if value <= bound else f"   BROKEN: at most {bound}"
        if bound is not None and value > bound:
            broken.append(name)
        print(f"{name:34} {value}{verdict}", flush=True)

    async def in_thread(fn, *args):
        return await loop.run_in_executor(None, fn, *args)

    for code in codes:
        await in_thread(api.create, code)
    reader, writer = await asyncio.open_connection(*stack.bridge)  # wakes the daemon
    writer.write(b"PING++{}+\n")
    await reader.readline()
    pid = stack.daemon("bridge").pid
    before, _ = memory(pid)
    asked = await in_thread(api.asked)

    clients = []
    start = time.monotonic()
    extra = {"ssl": context, "server_hostname": "localhost"} if context else {}
    for n in range(0, options.connections, CONNECT_AT_ONCE):
        group = [Client(world, codes[i % len(codes)], options.interval)
                 for i in range(n, min(n + CONNECT_AT_ONCE, options.connections))]
        await asyncio.gather(*(loop.create_connection(lambda c=c: c, *address, **extra) for c in group))
        clients += group
    await world.all_at(clients, {}, 60)
    took = time.monotonic() - start
    figure("seconds until all were answered", round(took, 2))
    after, rss = memory(pid)
    figure("bytes of memory per connection", round((after - before) / options.connections),
           None if options.tls else MEMORY_MAX)
    figure("resident memory, MiB", round(rss / 2**20, 1))
    now = await in_thread(api.asked)
    ticks = int(took / options.interval) + 1
    figure("requests while they came", now - asked, options.products * (1 + ticks))

    # One change for each product.
    asked, done, times = now, asyncio.Event(), []
    bystander = asyncio.ensure_future(ping(stack.bridge, done, times))
    lines, start = world.lines, time.monotonic()
    goal = {code: await in_thread(api.reprice, code, 200) for code in codes}
    changing = time.monotonic() - start
    figure("seconds from last change to all", round(await world.all_at(clients, goal, 30), 3), LATEST_MAX)
    took = time.monotonic() - start
    ticks = int(took / options.interval) + 1
    now = await in_thread(api.asked)
    figure("requests for one change each", now - asked, options.products * (1 + ticks))
    figure("lines sent for it", world.lines - lines)

    # A storm: every product changes again and again.
    asked, start = now, time.monotonic()
    for n in range(options.rounds):
        goal = {code: await in_thread(api.reprice, code, 300 + n) for code in codes}
    figure("changes per second in a storm", round(options.rounds * len(codes) / (time.monotonic() - start)))
    figure("seconds from storm's end to all", round(await world.all_at(clients, goal, 30), 3), LATEST_MAX)
    took = time.monotonic() - start
    ticks = int(took / options.interval) + 1
    now = await in_thread(api.asked)
    figure("requests for the storm", now - asked, options.products * (options.rounds + ticks))
    done.set()
    await bystander
    times.sort()
    figure("bystander's PING, median ms", round(times[len(times) // 2] * 1000, 2))
    figure("bystander's PING, worst ms", round(times[-1] * 1000, 2))

    # Nothing changes: two intervals.
    asked, lines, start = await in_thread(api.asked), world.lines, time.monotonic()
    await asyncio.sleep(2 * options.interval)
    took = time.monotonic() - start
    figure("requests in two quiet intervals", await in_thread(api.asked) - asked,
           options.products * (int(took / options.interval) + 1))
    figure("lines in two quiet intervals", world.lines - lines)
    figure("clients lost", world.lost, 0)
    figure("lines that were errors", len(world.problems), 0)
    for problem in world.problems[:3]:
        print("   ", problem)
    with open(f"/proc/{pid}/stat") as f:
        ticks = sum(int(t) for t in f.read().rpartition(")")[2].split()[11:13])
    figure("processor seconds of the bridge", ticks / os.sysconf("SC_CLK_TCK"))
    figure("milliseconds for one change call", round(1000 * changing / len(codes), 2))

    # The daemon leaves: everyone is told.
    world.expected = len(clients)
    world.reached.clear()
    start = time.monotonic()
    stack.daemon("bridge").signal("TERM")
    await asyncio.wait_for(world.reached.wait(), 60)
    figure("seconds until all were sent away", round(time.monotonic() - start, 2), 20)
    figure("clients not told why", len(clients) - world.farewells, 0)
    writer.close()
    return figures, broken


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--connections", type=int, default=1000)
    parser.add_argument("--products", type=int, default=100)
    parser.add_argument("--interval", type=int, default=5)
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--long", action="store_true", help="10,000 connections, interval 30")
    options = parser.parse_args()
    if options.long:
        options.connections, options.interval = 10000, 30
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    directory = tempfile.mkdtemp(prefix="lj-")
    os.chmod(directory, 0o711)
    stack = Stack(directory, tls=options.tls)
    try:
        stack.start()
        _, broken = asyncio.run(measure(stack, options))
    except BaseException:
        print(stack.logs() if os.path.isdir(stack.log_dir) else "")
        raise
    finally:
        stack.stop()
        import shutil

        shutil.rmtree(directory, ignore_errors=True)
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())

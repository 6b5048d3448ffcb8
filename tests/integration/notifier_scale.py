#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Many WebSockets: what they cost while they are idle, how soon all know of one event, and what happens when all of
them come back at once.

    notifier_scale.py [--clients 1000] [--tls] [--long]          (--long: 10,000 clients)

Prints one line per figure; exits 1 when a client missed something, or a bound is broken that --long judges."""

import argparse
import asyncio
import base64
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

MEMORY_MAX = 10 * 1024  # bytes of daemon memory for each idle plain client
FAN_OUT_MAX = 1.0  # seconds until all have one event
CONNECT_AT_ONCE = 200
WAIT = 300


class Client(asyncio.Protocol):
    """The least of a WebSocket client: reads unmasked text frames and remembers the last offset."""

    def __init__(self, world, since=None):
        self.world, self.since = world, since
        self.data, self.is_open, self.offset, self.seen = b"", False, None, 0

    def connection_made(self, transport):
        self.transport = transport
        query = "" if self.since is None else f"?since={self.since}"
        key = base64.b64encode(os.urandom(16)).decode()
        transport.write((f"GET /ws{query} HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                         f"Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: {key}\r\n\r\n").encode())

    def data_received(self, data):
        self.data += data
        if not self.is_open:
            head, mark, rest = self.data.partition(b"\r\n\r\n")
            if not mark:
                return
            if not head.startswith(b"HTTP/1.1 101"):
                self.world.problems.append(head[:80])
            self.is_open, self.data = True, rest
        while len(self.data) >= 2:
            n, at = self.data[1], 2
            if n == 126:
                n, at = int.from_bytes(self.data[2:4], "big"), 4
            if n == 127 or len(self.data) < at + n:
                return
            opcode, payload, self.data = self.data[0] & 15, self.data[at:at + n], self.data[at + n:]
            if opcode == 1:
                self.take(payload)

    def take(self, payload):
        offset = json.loads(payload)["offset"]
        if self.offset is not None:
            self.seen += 1
            if offset != self.offset + 1:
                self.world.problems.append(f"{offset} after {self.offset}".encode())
        self.offset = offset
        self.world.moved(self)

    def connection_lost(self, error):
        self.world.lost += 1


class World:
    def __init__(self):
        self.problems, self.lost = [], 0
        self.goal, self.behind, self.reached = None, set(), asyncio.Event()

    def moved(self, client):
        if client in self.behind and client.offset >= self.goal:
            self.behind.discard(client)
            if not self.behind:
                self.reached.set()

    async def all_at(self, clients, goal, since):
        self.goal = goal
        self.behind = {c for c in clients if c.offset is None or c.offset < goal}
        self.reached.clear()
        if self.behind:
            await asyncio.wait_for(self.reached.wait(), WAIT)
        return time.monotonic() - since


def memory(pid):
    with open(f"/proc/{pid}/smaps_rollup") as f:
        fields = {line.split(":")[0]: line.split()[1] for line in f if ":" in line}
    return (int(fields["Private_Clean"]) + int(fields["Private_Dirty"])) * 1024


def add_product(stack):
    request = urllib.request.Request(
        f"{stack.products_url}/api/products",
        json.dumps({"description": "scale", "buying_price": "1.00", "selling_price": "1.00"}).encode(),
        {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as answer:
        answer.read()


async def connect(stack, options, world, n, since=None):
    loop, slots = asyncio.get_running_loop(), asyncio.Semaphore(CONNECT_AT_ONCE)
    url = stack.notifier_tls_url if options.tls else stack.notifier_url
    host, port = url.split("//")[1].split(":")
    context = ssl.create_default_context(cafile=stack.ca_file) if options.tls else None

    async def one():
        async with slots:
            _, client = await loop.create_connection(lambda: Client(world, since), host, int(port), ssl=context)
            while client.offset is None:
                await asyncio.sleep(0.01)
            return client

    return await asyncio.gather(*(one() for _ in range(n)))


async def measure(stack, options):
    world, broken = World(), []

    def figure(name, value, bound=None):
        bad = bound is not None and options.long and value > bound
        if bad:
            broken.append(name)
        print(f"{name}: {value}" + (f"   (at most {bound})" if bound is not None else "") + ("   BROKEN" if bad else ""),
              flush=True)

    await connect(stack, options, world, 1)
    await asyncio.to_thread(add_product, stack)
    pid = stack.daemon("notifier").pid
    before = memory(pid)
    start = time.monotonic()
    clients = await connect(stack, options, world, options.clients)
    figure("connect_sec", round(time.monotonic() - start, 2))
    await asyncio.sleep(1)  # what handshakes have left behind is given back
    figure("bytes_per_idle_client", (memory(pid) - before) // options.clients, None if options.tls else MEMORY_MAX)
    goal = max(c.offset for c in clients)
    times = []
    for _ in range(5):
        goal += 1
        start = time.monotonic()
        task = asyncio.create_task(world.all_at(clients, goal, start))
        await asyncio.to_thread(add_product, stack)
        times.append(await task)
    figure("fan_out_sec_best", round(min(times), 3), FAN_OUT_MAX)
    figure("fan_out_sec_worst", round(max(times), 3))
    # All are told to come back, and do, with what they have seen; events go on meanwhile.
    start = time.monotonic()
    await asyncio.to_thread(stack.daemon("notifier").stop)
    while world.lost < options.clients:
        await asyncio.sleep(0.05)
    figure("all_closed_sec", round(time.monotonic() - start, 2))
    for _ in range(3):
        await asyncio.to_thread(add_product, stack)
    start = time.monotonic()
    clients = await connect(stack, options, world, options.clients, goal)
    await world.all_at(clients, goal + 3, start)
    figure("mass_reconnect_sec", round(time.monotonic() - start, 2))
    if any(c.seen != 3 for c in clients):
        world.problems.append(b"somebody missed an event, or saw one twice")
    for problem in world.problems[:10]:
        print("problem:", problem)
    return not broken and not world.problems


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("--clients", type=int)
    parser.add_argument("--tls", action="store_true")
    parser.add_argument("--long", action="store_true")
    options = parser.parse_args()
    options.clients = options.clients or (10000 if options.long else 1000)
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
    options.clients = min(options.clients, hard - 500)
    with tempfile.TemporaryDirectory(prefix="ln-") as directory:
        os.chmod(directory, 0o711)
        stack = Stack(directory, tls=options.tls, config={
            "notifier": {"Notifier": {"PingSec": "600"}, "HTTP": {"MaxConnections": "20000"}}})
        try:
            stack.start()
            good = asyncio.run(measure(stack, options))
        finally:
            stack.stop()
    sys.exit(0 if good else 1)


if __name__ == "__main__":
    main()

#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The live notifier: from the POST of a record to its arrival at a WebSocket, and what an idle socket costs.

PostgreSQL runs with fsync=on; the time that a commit takes is in every latency. The generator shares the machine."""

import argparse
import asyncio
import http.client
import json
import os
import statistics
import sys
import tempfile
import threading
import time

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))
sys.path.insert(0, os.path.join(SOURCE, "tests/integration"))

import notifier_scale  # noqa: E402
from live import ws_url  # noqa: E402
from stack import Stack  # noqa: E402

import websockets  # noqa: E402


class Listener(threading.Thread):
    """Notes when each record arrived."""

    def __init__(self, stack):
        super().__init__(daemon=True)
        self.url, self.arrived, self.ready = ws_url(stack, topics="record.*"), {}, threading.Event()
        self.start()

    def run(self):
        asyncio.run(self.listen())

    async def listen(self):
        async with websockets.connect(self.url, max_size=None) as ws:
            async for text in ws:
                now = time.monotonic()
                message = json.loads(text)
                if message["type"] == "welcome":
                    self.ready.set()
                else:
                    self.arrived[message["data"]["message"]] = now


def latencies(stack, n, rate):
    """Milliseconds from before the POST to the arrival, at a steady rate."""
    listener = Listener(stack)
    listener.ready.wait(60)
    host, port = stack.gateway_url.split("//")[1].split(":")
    connection = http.client.HTTPConnection(host, int(port), timeout=60)
    headers = {"Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"}
    sent, answered, start = {}, [], time.monotonic()
    for i in range(n):
        time.sleep(max(0, start + i / rate - time.monotonic()))
        sent[f"m{i}"] = time.monotonic()
        connection.request("POST", "/api/records", json.dumps({"message": f"m{i}"}), headers)
        connection.getresponse().read()
        answered.append((time.monotonic() - sent[f"m{i}"]) * 1000)
    end = time.monotonic() + 60
    while len(listener.arrived) < n and time.monotonic() < end:
        time.sleep(0.01)
    return [(listener.arrived[m] - at) * 1000 for m, at in sent.items()], answered


def quantiles(name, values):
    values.sort()
    print(f"{name}: p50 {statistics.median(values):.2f} ms, p99 {values[int(len(values) * 0.99)]:.2f} ms, "
          f"worst {values[-1]:.2f} ms", flush=True)


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--build", required=True)
    parser.add_argument("--quick", action="store_true", help="200 records and 200 clients: does it run, roughly where")
    parser.add_argument("--records", type=int, default=2000)
    parser.add_argument("--rate", type=int, default=200, help="a second")
    parser.add_argument("--clients", type=int, default=5000, help="idle ones")
    options = parser.parse_args()
    if options.quick:
        options.records = options.clients = 200
    with tempfile.TemporaryDirectory(prefix="lb-") as directory:
        os.chmod(directory, 0o711)
        stack = Stack(directory, build=options.build, pg_options={"fsync": True},
                      config={"notifier": {"Notifier": {"PingSec": "600"}, "HTTP": {"MaxConnections": "20000"}}})
        try:
            stack.start()
            latencies(stack, 50, options.rate)  # everything is awake and has its plans
            arrived, answered = latencies(stack, options.records, options.rate)
            quantiles("POST to its answer", answered)
            quantiles("POST to WebSocket", arrived)
            asyncio.run(notifier_scale.measure(
                stack, argparse.Namespace(clients=options.clients, tls=False, long=False)))
        finally:
            stack.stop()


if __name__ == "__main__":
    main()

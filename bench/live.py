#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The live notifier: from the POST of a record to its arrival at a WebSocket, and at many gRPC streams of the gateway;
what an idle socket costs.

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
import urllib.request

SOURCE = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
sys.path.insert(0, os.path.join(SOURCE, "tests/lib"))
sys.path.insert(0, os.path.join(SOURCE, "tests/integration"))

import grpcs  # noqa: E402
import notifier_scale  # noqa: E402
from live import ws_url  # noqa: E402
from stack import Stack  # noqa: E402

import grpc  # noqa: E402
import websockets  # noqa: E402

STREAMS_OF_A_CONNECTION = 100


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


async def fan_out(stack, n, records):
    """Seconds from a record's POST until each of n streams of lonja.v1.Records/Watch has it."""
    protos, target = grpcs.lonja_protos(), "{}:{}".format(*stack.gateway_grpc)
    watch, record = (protos.message(f"lonja.v1.{name}") for name in ("WatchRecordsRequest", "Record"))
    metadata = (("authorization", f"Bearer {stack.token}"),)
    channels = [grpc.aio.insecure_channel(target, [("grpc.use_local_subchannel_pool", 1)])
                for _ in range(0, n, STREAMS_OF_A_CONNECTION)]
    calls = [channels[i // STREAMS_OF_A_CONNECTION].unary_stream(
        "/lonja.v1.Records/Watch", request_serializer=watch.SerializeToString,
        response_deserializer=record.FromString)(watch(), metadata=metadata) for i in range(n)]
    await asyncio.gather(*(call.initial_metadata() for call in calls))
    times = []
    for i in range(records):
        start = time.monotonic()
        reads = [asyncio.ensure_future(call.read()) for call in calls]
        await asyncio.to_thread(add, stack, f"fan-out {i}")
        heard = await asyncio.gather(*reads)
        times.append((time.monotonic() - start) * 1000)
        assert all(r.message == f"fan-out {i}" for r in heard)
    for channel in channels:
        await channel.close()
    quantiles(f"POST to all of {n} gRPC streams", times)


def add(stack, message):
    request = urllib.request.Request(f"{stack.gateway_url}/api/records", json.dumps({"message": message}).encode(), {
        "Authorization": f"Bearer {stack.token}", "Content-Type": "application/json"})
    urllib.request.urlopen(request, timeout=60).read()


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
    parser.add_argument("--streams", type=int, default=1000, help="of Records.Watch")
    options = parser.parse_args()
    if options.quick:
        options.records = options.clients = options.streams = 200
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
            asyncio.run(fan_out(stack, options.streams, 20))
            asyncio.run(notifier_scale.measure(
                stack, argparse.Namespace(clients=options.clients, tls=False, long=False)))
        finally:
            stack.stop()


if __name__ == "__main__":
    main()

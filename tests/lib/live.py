# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Clients of the notifier for tests: one that comes back by itself, and one that may break every rule."""

import asyncio
import base64
import json
import os
import socket
import struct
import threading
import urllib.parse

import websockets
from process import Process
from waiting import wait_for

TIMEOUT = 60


def ws_url(stack, path="/ws", **query):
    text = urllib.parse.urlencode(query)
    return stack.notifier_url.replace("http", "ws", 1) + path + (f"?{text}" if text else "")


class Watcher(threading.Thread):
    """python3-websockets: collects events, and comes back after the last offset until it is stopped."""

    def __init__(self, stack, headers=None, **query):
        super().__init__(daemon=True)
        self.stack, self.headers, self.query = stack, headers, query
        self.events, self.welcomes, self.codes = [], [], []
        self.changed = threading.Condition()
        self.ended = False
        self.start()

    def run(self):
        asyncio.run(self._watch())

    async def _watch(self):
        while not self.ended:
            try:
                async with websockets.connect(ws_url(self.stack, **self.query), extra_headers=self.headers,
                                              max_size=None, open_timeout=TIMEOUT, close_timeout=5) as ws:
                    await self._read(ws)
            except (OSError, websockets.InvalidHandshake, asyncio.TimeoutError):
                await asyncio.sleep(0.05)

    async def _read(self, ws):
        while not self.ended:
            try:
                text = await asyncio.wait_for(ws.recv(), 0.2)
            except asyncio.TimeoutError:
                continue
            except websockets.ConnectionClosed:
                with self.changed:
                    self.codes.append(ws.close_code)
                    self.changed.notify_all()
                return
            self._take(json.loads(text))

    def _take(self, message):
        with self.changed:
            (self.welcomes if message["type"] == "welcome" else self.events).append(message)
            self.query.pop("last", None)
            self.query["since"] = message["offset"]
            self.changed.notify_all()

    def wait(self, condition, timeout=TIMEOUT):
        """Until condition(self) is true."""
        with self.changed:
            assert self.changed.wait_for(lambda: condition(self), timeout), \
                f"{len(self.events)} events, {len(self.welcomes)} welcomes, closed {self.codes}"
        return self

    def ready(self):
        return self.wait(lambda w: w.welcomes)

    def wait_last(self, total, timeout=TIMEOUT):
        """Until the record with this total has come: all events."""
        self.wait(lambda w: any(e["data"].get("total") == total for e in w.events[-1:]), timeout)
        return list(self.events)

    @property
    def n_welcomes(self):
        return len(self.welcomes)

    def stop(self):
        self.ended = True
        self.join(TIMEOUT)


NODE_WATCHER = """
const WebSocket = require("ws");
const url = new URL(process.argv[2]);
function watch() {
  const socket = new WebSocket(url.href);
  socket.on("message", (text) => {
    url.searchParams.set("since", JSON.parse(text).offset);
    process.stdout.write(text + "\\n");
  });
  socket.on("error", () => {});
  socket.on("close", () => setTimeout(watch, 50));
}
watch();
"""


class NodeWatcher:
    """Node's ws: writes down what it hears, and comes back after the last offset until it is stopped."""

    def __init__(self, stack, directory, **query):
        script = os.path.join(directory, "watcher.js")
        with open(script, "w") as f:
            f.write(NODE_WATCHER)
        self.path = os.path.join(directory, "watcher.out")
        self.process = Process.start(["node", script, ws_url(stack, **query)], log=self.path, env={
            **os.environ, "NODE_PATH": "/usr/share/nodejs:/usr/lib/nodejs"})

    def _messages(self):
        with open(self.path) as f:
            return [json.loads(line) for line in f if line.endswith("\n")]

    def _last(self):
        with open(self.path, "rb") as f:
            f.seek(max(0, os.path.getsize(self.path) - 100000))
            lines = f.read().split(b"\n")
        return json.loads(lines[-2]) if len(lines) > 2 else {}

    def wait_last(self, total, timeout=TIMEOUT):
        """Until the record with this total has come: all events."""
        wait_for(lambda: self._last().get("data", {}).get("total") == total, timeout, f"record {total} at Node's client")
        return [m for m in self._messages() if m["type"] != "welcome"]

    @property
    def n_welcomes(self):
        return sum(m["type"] == "welcome" for m in self._messages())

    def stop(self):
        self.process.signal(15)
        self.process.wait()


class Refused(Exception):
    def __init__(self, status, body):
        super().__init__(f"{status} {body}")
        self.status, self.body = status, body


class RawSocket:
    """A WebSocket by hand: any header, any frame."""

    def __init__(self, stack, path="/ws", headers=(), behind=b"", receive_buffer=None):
        host, port = stack.notifier_url.split("//")[1].split(":")
        self.sock = socket.socket()
        if receive_buffer:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer)
        self.sock.settimeout(TIMEOUT)
        self.sock.connect((host, int(port)))
        own = {"Host": f"{host}:{port}", "Upgrade": "websocket", "Connection": "keep-alive, Upgrade",
               "Sec-WebSocket-Version": "13", "Sec-WebSocket-Key": base64.b64encode(os.urandom(16)).decode()}
        own.update(headers)
        lines = [f"GET {path} HTTP/1.1"] + [f"{k}: {v}" for k, v in own.items() if v is not None]
        self.sock.sendall("\r\n".join(lines).encode() + b"\r\n\r\n" + behind)
        self.rest = b""
        head = self._until(b"\r\n\r\n").decode()
        self.head = dict(line.split(": ", 1) for line in head.split("\r\n")[1:] if line)
        status = int(head.split(" ")[1])
        if status != 101:
            raise Refused(status, self._exactly(int(self.head.get("Content-Length", 0))).decode())

    def _more(self):
        piece = self.sock.recv(65536)
        if not piece:
            raise EOFError
        self.rest += piece

    def _until(self, mark):
        while mark not in self.rest:
            self._more()
        text, self.rest = self.rest.split(mark, 1)
        return text

    def _exactly(self, n):
        while len(self.rest) < n:
            self._more()
        text, self.rest = self.rest[:n], self.rest[n:]
        return text

    @staticmethod
    def frame(payload=b"", opcode=1, fin=True, mask=b"mask", rsv=0, length=None):
        n = len(payload) if length is None else length
        first = (0x80 if fin else 0) | rsv << 4 | opcode
        bit = 0x80 if mask else 0
        if n < 126:
            head = struct.pack("!BB", first, bit | n)
        elif n < 65536:
            head = struct.pack("!BBH", first, bit | 126, n)
        else:
            head = struct.pack("!BBQ", first, bit | 127, n)
        if not mask:
            return head + payload
        return head + mask + bytes(b ^ mask[i % 4] for i, b in enumerate(payload))

    def send(self, *args, **options):
        self.sock.sendall(self.frame(*args, **options))

    def receive(self):
        """(opcode, payload) of the next frame."""
        first, n = self._exactly(2)
        if n == 126:
            n, = struct.unpack("!H", self._exactly(2))
        elif n == 127:
            n, = struct.unpack("!Q", self._exactly(8))
        return first & 15, self._exactly(n)

    def receive_json(self):
        opcode, payload = self.receive()
        assert opcode == 1, (opcode, payload)
        return json.loads(payload)

    def receive_close(self):
        """The code of the close frame; other frames before it are passed over. Then the end must follow."""
        while True:
            opcode, payload = self.receive()
            if opcode == 8:
                code = struct.unpack("!H", payload[:2])[0] if payload else None
                return code, payload[2:].decode()

    def wait_end(self):
        try:
            while True:
                self._more()
        except (EOFError, ConnectionError):
            return

    def close(self):
        self.sock.close()

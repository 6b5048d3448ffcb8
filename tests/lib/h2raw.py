# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""HTTP/2 frames by hand, for peers that no library would be: what they send is theirs to decide, what comes is split into
frames and not understood further."""

import socket
import struct

DATA, HEADERS, PRIORITY, RST_STREAM, SETTINGS, PUSH_PROMISE, PING, GOAWAY, WINDOW_UPDATE, CONTINUATION = range(10)
END_STREAM, END_HEADERS, ACK = 1, 4, 1
PREFACE = b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"


def frame(kind, flags, stream, payload=b""):
    return struct.pack(">I", len(payload))[1:] + struct.pack(">BBI", kind, flags, stream) + payload


def _length(n):
    """HPACK integer with a 7-bit prefix."""
    if n < 127:
        return bytes([n])
    out, n = [127], n - 127
    while n >= 128:
        out.append(n % 128 + 128)
        n //= 128
    return bytes(out + [n])


def field(name, value):
    """A literal without indexing: nothing to remember on either side."""
    name, value = (x if isinstance(x, bytes) else x.encode() for x in (name, value))
    return b"\0" + _length(len(name)) + name + _length(len(value)) + value


def request(path, *more, verb="POST", content_type="application/grpc"):
    fields = [(":method", verb), (":scheme", "http"), (":path", path), (":authority", "test"), ("te", "trailers")]
    if content_type:
        fields.append(("content-type", content_type))
    return b"".join(field(name, value) for name, value in fields + list(more))


def message(payload, flag=0, size=None):
    return struct.pack(">BI", flag, len(payload) if size is None else size) + payload


class Peer:
    """A connection that has sent its preface and SETTINGS. `settings`: pairs of (id, value)."""

    def __init__(self, address, settings=(), timeout=60, preface=True):
        self.socket = socket.create_connection(address, timeout=timeout)
        self.socket.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.buffer = b""
        self.frames = []
        if preface:
            self.send(PREFACE + frame(SETTINGS, 0, 0, b"".join(struct.pack(">HI", *s) for s in settings)))

    def send(self, data):
        self.socket.sendall(data)

    def try_send(self, data):
        """False: the server has ended the connection."""
        try:
            self.socket.sendall(data)
            return True
        except OSError:
            return False

    def next(self):
        """(kind, flags, stream, payload), or None at the end of the connection."""
        while True:
            if len(self.buffer) >= 9:
                n = int.from_bytes(self.buffer[:3], "big")
                if len(self.buffer) >= 9 + n:
                    kind, flags, stream = struct.unpack(">BBI", self.buffer[3:9])
                    payload, self.buffer = self.buffer[9:9 + n], self.buffer[9 + n:]
                    self.frames.append((kind, flags, stream, payload))
                    return self.frames[-1]
            try:
                data = self.socket.recv(65536)
            except ConnectionError:
                return None
            if not data:
                return None
            self.buffer += data

    def until(self, kind, stream=None):
        """The first frame of that kind; None when the connection ends before."""
        while True:
            f = self.next()
            if f is None or (f[0] == kind and stream in (None, f[2])):
                return f

    def until_end(self):
        """Reads until the server closes; the error code of its GOAWAY, or None."""
        code = None
        while True:
            f = self.next()
            if f is None:
                return code
            if f[0] == GOAWAY:
                code = int.from_bytes(f[3][4:8], "big")

    def close(self):
        self.socket.close()

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

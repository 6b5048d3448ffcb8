# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""tests/lib/rpc-probe on sockets of ours, passed as systemd passes them."""

import os
import re
import signal
import socket
import subprocess

import grpc

import grpcs
from probe import program
from process import tail

PATIENCE = 60


class RpcProbe:
    """`conf`: [GRPC] options. `tls`: a directory with tls.crt and tls.key adds a door "grpcs"."""

    def __init__(self, directory, conf=None, service=None, tls=None):
        self.directory = directory
        self.log = os.path.join(directory, "rpc-probe.log")
        self.doors = {"grpc": self._listen()}
        env = {**os.environ}
        if tls:
            self.doors["grpcs"] = self._listen()
            env["CREDENTIALS_DIRECTORY"] = tls
        with open(os.path.join(directory, "lonja.conf"), "w") as f:
            for section, keys in (("Service", {"IdleExitSec": 0, **(service or {})}), ("GRPC", conf or {})):
                f.write(f"[{section}]\n" + "".join(f"{key}={value}\n" for key, value in keys.items()))
        os.replace(os.path.join(directory, "lonja.conf"), os.path.join(directory, "rpc-probe.conf"))
        self.env = {**env, "LISTEN_FDS": str(len(self.doors)), "LISTEN_FDNAMES": ":".join(self.doors)}
        self.protos = grpcs.Protos(grpcs.build_path("tests", "lib", "echo.set"),
                                   grpcs.build_path("proto", "proto.set"))
        self.channels, self._own = [], None
        self.start()

    @staticmethod
    def _listen():
        s = socket.socket()
        s.bind(("127.0.0.1", 0))
        s.listen(1024)
        return s

    def start(self):
        listen_exec = program("listen-exec")
        with open(self.log, "ab") as log:
            actions = [(os.POSIX_SPAWN_DUP2, log.fileno(), fd) for fd in (1, 2)]
            actions += [(os.POSIX_SPAWN_DUP2, s.fileno(), 3 + i) for i, s in enumerate(self.doors.values())]
            self.pid = os.posix_spawn(listen_exec, [listen_exec, "-", program("rpc-probe"), "--config-dir",
                                                    self.directory], self.env, file_actions=actions)

    def address(self, door="grpc"):
        return self.doors[door].getsockname()

    def channel(self, door="grpc", ca=None, **options):
        channel = grpcs.channel(self.address(door), ca=ca, **options)
        self.channels.append(channel)
        return channel

    def echo(self, channel=None):
        return self.protos.service(channel or self.channel(), "lonja.test.Echo")

    def service(self, name, channel=None):
        return self.protos.service(channel or self.channel(), name)

    def request(self, **fields):
        return self.protos.message("lonja.test.EchoRequest")(**fields)

    def stats(self):
        if self._own is None:
            self._own = self.echo()
        return self._own.Stats(self.request(), timeout=PATIENCE)

    @property
    def rss(self):
        """kB"""
        with open(f"/proc/{self.pid}/status") as f:
            return int(re.search(r"VmRSS:\s+(\d+)", f.read()).group(1))

    def is_alive(self):
        return self.pid is not None and os.waitpid(self.pid, os.WNOHANG) == (0, 0)

    def wait(self):
        """The exit status; negative: the signal."""
        _, status = os.waitpid(self.pid, 0)
        self.pid = None
        return os.waitstatus_to_exitcode(status)

    def signal(self, number=signal.SIGTERM):
        os.kill(self.pid, number)

    def close(self):
        for channel in self.channels:
            channel.close()
        self.channels, self._own = [], None
        status = 0
        if self.pid is not None:
            self.signal()
            status = self.wait()
        for s in self.doors.values():
            s.close()
        assert status == 0, f"exit {status}\n{tail(self.log)}"
        with open(self.log, errors="replace") as f:
            assert not re.search("Sanitizer|runtime error:", f.read()), tail(self.log)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()


def status_of(call):
    """(code name, details) of a call that must fail."""
    try:
        call()
    except grpc.RpcError as e:
        return e.code().name, e.details()
    raise AssertionError("the call did not fail")


def make_certificate(directory):
    subprocess.run(
        ["openssl", "req", "-x509", "-newkey", "ec", "-pkeyopt", "ec_paramgen_curve:P-256", "-nodes", "-days", "2",
         "-subj", "/CN=localhost", "-addext", "subjectAltName=DNS:localhost,IP:127.0.0.1",
         "-keyout", os.path.join(directory, "lonja_tls.key"), "-out", os.path.join(directory, "lonja_tls.crt")],
        check=True, capture_output=True, stdin=subprocess.DEVNULL)
    return os.path.join(directory, "lonja_tls.crt")

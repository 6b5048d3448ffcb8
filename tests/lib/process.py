# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A server process that is started, signalled and waited for by pid, also from another process than its parent."""

import json
import os
import random
import select
import signal
import socket
import subprocess
import time

SERVER_START_SEC = 180  # a hang guard: a loaded CI machine starts RabbitMQ in 15, one with forty busy processes in 70


class StartError(RuntimeError):
    """A server did not come up; the text carries the end of its log."""


def _ports():
    """Those that the kernel gives to nobody by itself. One of its own would be lost while its server is down: to any
    client's connection, even to one that looks for that very server and finds itself."""
    try:
        with open("/proc/sys/net/ipv4/ip_local_port_range") as f:
            low, high = map(int, f.read().split())
    except OSError:
        low, high = 32768, 60999
    return range(10000, low) if low > 20000 else range(high + 1, 65536)


def free_port():
    """A TCP port of loopback that was free a moment ago."""
    ports = _ports()
    while True:
        with socket.socket() as s:
            try:
                s.bind(("127.0.0.1", random.choice(ports) if ports else 0))
            except OSError:
                continue
            return s.getsockname()[1]


def tail(path, lines=30):
    try:
        with open(path, errors="replace") as f:
            return "".join(f.readlines()[-lines:])
    except OSError as e:
        return f"({e})\n"


def _start_time(pid):
    """The kernel's start time of a process: with the pid it names a process for good. None when it is gone."""
    try:
        with open(f"/proc/{pid}/stat") as f:
            fields = f.read().rpartition(")")[2].split()
    except OSError:
        return None
    return None if fields[0] in "ZX" else int(fields[19])


def children(pid):
    found = []
    try:
        for task in os.listdir(f"/proc/{pid}/task"):
            with open(f"/proc/{pid}/task/{task}/children") as f:
                found += [int(p) for p in f.read().split()]
    except OSError:
        pass
    return found


class Process:
    """One process. `tied`: it is killed when the starter dies, so that an interrupted test leaves nothing behind."""

    def __init__(self, pid, popen=None, started=None):
        self.pid = pid
        self.started = started if started is not None else _start_time(pid)
        self._popen = popen

    @classmethod
    def start(cls, argv, *, log, user=None, tied=True, env=None, cwd=None, death_signal="KILL"):
        options = ["setpriv"]
        if tied:
            options += [f"--pdeathsig={death_signal}"]
        if user is not None and os.geteuid() == 0:
            options += [f"--reuid={user}", f"--regid={user}", "--init-groups"]
        if len(options) > 1:
            argv = options + ["--"] + list(argv)
        with open(log, "ab") as out:
            popen = subprocess.Popen(
                argv, stdin=subprocess.DEVNULL, stdout=out, stderr=out, env=env, cwd=cwd, start_new_session=True
            )
        return cls(popen.pid, popen)

    @classmethod
    def read(cls, path):
        """The process that write() noted, or None when it is gone."""
        try:
            with open(path) as f:
                note = json.load(f)
        except (OSError, ValueError):
            return None
        process = cls(note["pid"], started=note["started"])
        return process if process.is_alive() else None

    def write(self, path):
        with open(path, "w") as f:
            json.dump({"pid": self.pid, "started": self.started}, f)

    def is_alive(self):
        if self._popen is not None:
            return self._popen.poll() is None
        return self.started is not None and _start_time(self.pid) == self.started

    def signal(self, number, *, tree=False):
        if not self.is_alive():
            return
        for pid in [self.pid] + (children(self.pid) if tree else []):
            try:
                os.kill(pid, number)
            except ProcessLookupError:
                pass

    def wait(self, timeout=30):
        """True when it has ended."""
        if self._popen is not None:
            try:
                self._popen.wait(timeout)
                return True
            except subprocess.TimeoutExpired:
                return False
        return wait_gone([self.pid], timeout) if self.is_alive() else True


def wait_gone(pids, timeout=30):
    """Waits until all of these processes (anyone's children) have ended: a pidfd tells, also of a zombie."""
    deadline = time.monotonic() + timeout
    for pid in pids:
        try:
            fd = os.pidfd_open(pid)
        except ProcessLookupError:
            continue
        try:
            left = max(0, deadline - time.monotonic())
            if not select.select([fd], [], [], left)[0]:
                return False
        finally:
            os.close(fd)
    return True


class Server:
    """What PostgreSQL and RabbitMQ have in common: start, stop, kill -9, SIGSTOP, SIGCONT, start again."""

    stop_signal = signal.SIGTERM

    def __init__(self, directory, tied):
        self.directory = os.path.abspath(directory)
        self.tied = tied
        self.process = None

    @property
    def log(self):
        return os.path.join(self.directory, "log")

    @property
    def pid(self):
        return self.process.pid if self.process else None

    def is_alive(self):
        return self.process is not None and self.process.is_alive()

    def kill9(self):
        """Everything at once and without warning, children too: nothing may write on."""
        if not self.is_alive():
            return
        family = children(self.pid)
        self.process.signal(signal.SIGKILL, tree=True)
        self.process.wait()
        wait_gone(family)

    def pause(self):
        self.process.signal(signal.SIGSTOP, tree=True)

    def cont(self):
        self.process.signal(signal.SIGCONT, tree=True)

    def stop(self, timeout=30):
        if not self.is_alive():
            return
        self.cont()
        self.process.signal(self.stop_signal)
        if not self.process.wait(timeout):
            self.kill9()

    def restart(self):
        self.stop()
        self.start()

    def _wait_ready(self, is_ready):
        """Polls: neither server offers an event that all its versions and start modes send."""
        deadline = time.monotonic() + SERVER_START_SEC
        while not is_ready():
            if not self.process.is_alive():
                raise StartError(f"{self.__class__.__name__} ended at start:\n{tail(self.log)}")
            if time.monotonic() > deadline:
                raise StartError(f"{self.__class__.__name__} is not up after {SERVER_START_SEC} s:\n{tail(self.log)}")
            time.sleep(0.01)

    @property
    def note(self):
        return os.path.join(self.directory, "process")

    def _spawn(self, argv, **options):
        """The note lets another process than the starter stop the server."""
        self.process = Process.start(argv, log=self.log, user=self.user, tied=self.tied, **options)
        self.process.write(self.note)

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stop()

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""A test program driven by lines: commands on its stdin, events on its stdout, in the order in which they happened."""

import os
import queue
import re
import subprocess
import threading

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))


def program(name):
    build = os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build")
    return os.path.join(build, "tests/lib", name)


class Probe:
    """`lines` keeps everything that was read; expect() waits for a line and passes over the others."""

    def __init__(self, *argv, env=None):
        self.lines = []
        self._queue = queue.Queue()
        self.process = subprocess.Popen([str(a) for a in argv], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                        text=True, bufsize=1, env=env)
        threading.Thread(target=self._read, daemon=True).start()

    def _read(self):
        for line in self.process.stdout:
            self._queue.put(line.rstrip("\n"))
        self._queue.put(None)

    @property
    def pid(self):
        return self.process.pid

    def send(self, *words):
        self.process.stdin.write(" ".join(str(w) for w in words) + "\n")

    def next(self, timeout=30):
        try:
            line = self._queue.get(timeout=timeout)
        except queue.Empty:
            raise AssertionError(f"nothing in {timeout} s; before: {self.lines[-20:]}") from None
        if line is None:
            raise AssertionError(f"the program ended ({self.process.wait()}); before: {self.lines[-20:]}")
        self.lines.append(line)
        return line

    def expect(self, pattern, timeout=30):
        """The match of the first line, from here on, that begins with the pattern."""
        while True:
            found = re.match(pattern, self.next(timeout))
            if found:
                return found

    def seen(self, pattern, timeout=30):
        """The same, but it may have been read already."""
        for line in self.lines:
            found = re.match(pattern, line)
            if found:
                return found
        return self.expect(pattern, timeout)

    def collect(self, pattern, n, timeout=30):
        return [self.expect(pattern, timeout) for _ in range(n)]

    def ask(self, command, pattern=None, timeout=30):
        self.send(command)
        return self.expect(pattern or command, timeout)

    def kill9(self):
        self.process.kill()
        self.process.wait()

    def close(self):
        """Ends by end of file; returns what it still said."""
        if self.process.poll() is None:
            try:
                self.process.stdin.close()
            except BrokenPipeError:
                pass
            try:
                self.process.wait(30)
            except subprocess.TimeoutExpired:
                self.kill9()
                raise AssertionError("the program does not end") from None
        return self.process.returncode

    def __enter__(self):
        return self

    def __exit__(self, kind, *_):
        status = self.close()
        if kind is None:
            assert status in (0, -9), f"exit {status}; {self.lines[-20:]}"

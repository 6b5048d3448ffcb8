# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Clients that do not know that the daemon behind the door changes."""

import http.client
import json
import random
import threading
import time
import uuid


class Stream:
    """Threads that ask one thing after another, and note every way in which an answer failed to come.

    Half of them take a connection for each request; none of those may be refused or reset. The others keep theirs. A kept
    one may be closed between two requests, as HTTP allows; the client then repeats, with the same Idempotency-Key. A
    connection's first request is never repeated."""

    def __init__(self, market, code, threads=4, rounds=None):
        self.address = market.daemons["products"].address("http")
        self.headers = {"Authorization": f"Bearer {market.token}"}
        self.path = f"/api/products/{code}"
        self.name = f"stream-{uuid.uuid4().hex[:8]}"
        self.rounds = rounds  # all threads ask once, then fall silent together; none of them keeps its connection
        self.stopping = threading.Event()
        self.lock = threading.Lock()
        self.connections = self.answered = self.patched = self.repeated = 0
        self.failures = []
        self.threads = [threading.Thread(target=self._run, args=(n, n % 2 == 1 and not rounds), daemon=True) for n in range(threads)]

    def __enter__(self):
        for thread in self.threads:
            thread.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        if self.rounds is not None:
            self.rounds.end()
        for thread in self.threads:
            thread.join()

    def _run(self, number, is_keeping):
        connection, n = None, 0
        while not self.stopping.is_set():
            n += 1
            try:
                connection = self._request(connection, is_keeping, f"{self.name}-{number}-{n}", n % 3 == 0)
            except AssertionError as error:
                self.failures.append(str(error))
                connection = None
            if self.rounds is not None and not self.rounds.pause():
                return

    def _request(self, connection, is_keeping, key, is_patch):
        """One request to its answer; the connection when it can be used again."""
        while True:
            is_fresh = connection is None
            if is_fresh:
                connection = http.client.HTTPConnection(*self.address, timeout=60)
                with self.lock:
                    self.connections += 1
            try:
                close = self._exchange(connection, key, is_patch, is_keeping)
            except (OSError, http.client.HTTPException) as error:
                connection.close()
                if is_fresh:
                    raise AssertionError(f"{key}: {error!r}") from None
                connection = None
                with self.lock:
                    self.repeated += 1
                continue
            if close or not is_keeping:
                connection.close()
                return None
            return connection

    def _exchange(self, connection, key, is_patch, is_keeping):
        headers = dict(self.headers) if is_keeping else {**self.headers, "Connection": "close"}
        if is_patch:
            headers |= {"Idempotency-Key": key, "Content-Type": "application/merge-patch+json"}
            connection.request("PATCH", self.path, json.dumps({"description": key}), headers)
        else:
            connection.request("GET", self.path, headers=headers)
        answer = connection.getresponse()
        body = answer.read()
        if answer.status != 200:
            raise AssertionError(f"{key}: {answer.status} {body.decode(errors='replace')}")
        if is_patch and json.loads(body)["description"] != key:
            raise AssertionError(f"{key}: {body.decode(errors='replace')}")
        with self.lock:
            self.answered += 1
            self.patched += is_patch
        return answer.will_close

    def __str__(self):
        return (f"{self.answered} answers ({self.patched} to PATCH) over {self.connections} connections, "
                f"{self.repeated} repeated on kept ones")


class Rounds:
    """Lets `n` threads fall silent for so long, and then come all at once."""

    def __init__(self, n, least, most):
        self.least, self.most = least, most
        self.barrier = threading.Barrier(n, self._agree)

    def _agree(self):
        self.until = time.monotonic() + random.uniform(self.least, self.most)

    def pause(self):
        """False at the end."""
        try:
            self.barrier.wait()
        except threading.BrokenBarrierError:
            return False
        time.sleep(max(0.0, self.until - time.monotonic()) + random.random() * 0.05)
        return True

    def end(self):
        self.barrier.abort()


class Watcher(threading.Thread):
    """The processes that stood behind a door, one after another, seen from outside; one that is soon gone may be missed."""

    def __init__(self, host, unit):
        super().__init__(daemon=True)
        self.host, self.unit = host, unit
        self.pids = []
        self.stopping = threading.Event()

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.stopping.set()
        self.join()

    def run(self):
        while not self.stopping.is_set():
            for pid in self.host.cgroup(f"lonja.slice/{self.unit}"):
                if pid not in self.pids and self._is_daemon(pid):
                    self.pids.append(pid)
            time.sleep(0.005)

    def _is_daemon(self, pid):
        """Not one of those that systemd forks to prepare it."""
        try:
            with open(f"/proc/{pid}/comm") as f:
                return f.read().strip() == self.unit.removesuffix(".service")[:15]
        except OSError:
            return False

    @property
    def hand_overs(self):
        return max(0, len(self.pids) - 1)

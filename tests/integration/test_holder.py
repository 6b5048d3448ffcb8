# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The socket holder itself, with a daemon of twenty lines: what the other tests stand on must stand."""

import json
import os
import socket
import stat
import subprocess
import sys
import time

import pytest

import holder
import units
from process import Process
from stack import SOURCE
from waiting import wait_for

DAEMON = """\
#!/usr/bin/python3
import os, select, socket, sys
assert os.environ["LISTEN_PID"] == str(os.getpid())
names = os.environ["LISTEN_FDNAMES"].split(":")
doors = {n: socket.socket(fileno=3 + i) for i, n in enumerate(names)}
notify = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM)
notify.connect(os.environ["NOTIFY_SOCKET"])
notify.send(b"READY=1\\nSTATUS=here")
def leave(code):
    notify.send(b"STOPPING=1")
    sys.exit(code)
while True:
    for door in select.select(list(doors.values()), [], [])[0]:
        if door.type == socket.SOCK_DGRAM:
            while True:
                try:
                    door.recv(10, socket.MSG_DONTWAIT)
                except BlockingIOError:
                    break
            leave(0)
        client, _ = door.accept()
        word = client.recv(100)
        if word == b"secret":
            word = open(os.environ["CREDENTIALS_DIRECTORY"] + "/lonja_x").read().encode()
        client.sendall(word)
        client.close()
        if word.isdigit():
            leave(int(word))
"""

SERVICE = """\
[Service]
Type=notify
ExecStart=/usr/sbin/echo-daemon
Restart=on-failure
RestartSec=500ms
RestartPreventExitStatus=78
LoadCredential=lonja:/etc/lonja/credentials/echo
"""


@pytest.fixture
def echo(tmp_path_factory, bench):
    """A running holder with the service "echo": sockets tcp and bell."""
    build = os.environ.get("LONJA_BUILD") or os.path.join(SOURCE, "build")
    base = bench.path(f"h{next(bench.names)}")
    for folder in ("units", "etc/credentials/echo", "bin", "run"):
        os.makedirs(os.path.join(base, folder))

    def write(name, text, mode=0o644):
        with open(os.path.join(base, name), "w") as f:
            f.write(text)
        os.chmod(os.path.join(base, name), mode)

    write("bin/echo-daemon", DAEMON, 0o755)
    write("units/echo.service", SERVICE)
    write("units/echo.socket", "[Socket]\nListenStream=127.0.0.1:8000\nFileDescriptorName=tcp\n")
    write("units/echo-bell.socket",
          "[Socket]\nListenDatagram=%t/lonja/echo.bell\nFileDescriptorName=bell\nService=echo.service\nSocketMode=0200\nTriggerLimitIntervalSec=60\n")
    write("etc/credentials/echo/x", "s3cret")
    process = Process.start(
        [sys.executable, os.path.join(SOURCE, "tests/lib/holder.py"), "run", "--units", f"{base}/units",
         "--build", f"{base}/bin", "--listen-exec", f"{build}/tests/lib/listen-exec", "--config-dir", f"{base}/etc",
         "--runtime-dir", f"{base}/run", "--ports", "free"], log=f"{base}/log")

    class Echo:
        run_dir = f"{base}/run"

        def state(self):
            return holder.ask(self.run_dir, "status")["services"]["echo.service"]

        def wait(self, state):
            return holder.ask(self.run_dir, "wait", "echo", state, "20")

        def say(self, word):
            with self.connect() as s:
                s.sendall(word)
                return s.recv(100)

        def connect(self):
            host, port = self.state()["sockets"]["tcp"][0].split(":")
            return socket.create_connection((host, int(port)), timeout=20)

        def ring(self):
            with socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM) as s:
                s.connect(self.state()["sockets"]["bell"][0])
                s.send(b"")

    while not os.path.exists(f"{base}/run/control"):
        assert process.is_alive(), open(f"{base}/log").read()
        time.sleep(0.01)
    yield Echo()
    holder.ask(f"{base}/run", "quit")
    assert process.wait()
    assert not os.path.exists(f"{base}/run/echo.bell")


def test_starts_on_a_connection_and_again_after_it_left(echo):
    assert echo.state()["state"] == "inactive"
    assert echo.say(b"hello") == b"hello"
    first = echo.wait("active")
    assert first["status"] == "here"
    echo.say(b"0")
    left = echo.wait("inactive")
    assert (left["pid"], left["last_exit"], left["crashes"]) == (None, 0, 0)
    assert echo.say(b"again") == b"again"
    assert echo.state()["pid"] != first["pid"]


def test_a_bell_starts_it(echo):
    path = echo.state()["sockets"]["bell"][0]
    assert stat.S_IMODE(os.stat(path).st_mode) == 0o200
    echo.ring()
    while echo.state()["starts"] == 0:
        pass
    echo.wait("inactive")
    assert echo.state()["last_exit"] == 0


def test_restarts_after_a_crash_without_a_knock(echo):
    echo.say(b"x")
    pid = echo.wait("active")["pid"]
    before = time.monotonic()
    os.kill(pid, 9)
    wait_for(lambda: echo.state()["crashes"] == 1)
    assert echo.wait("active")["pid"] != pid
    assert time.monotonic() - before >= 0.5


def test_restart_prevent_exit_status(echo):
    echo.say(b"78")
    assert echo.wait("failed")["last_exit"] == 78


def test_a_connection_made_while_it_leaves_is_served_by_the_next(echo):
    echo.say(b"x")
    pid = echo.wait("active")["pid"]
    os.kill(pid, 19)
    with echo.connect() as waiting:
        waiting.sendall(b"late")
        os.kill(pid, 15)
        os.kill(pid, 18)
        assert waiting.recv(100) == b"late"
    assert echo.state()["starts"] == 2


def test_stop_and_credentials(echo):
    assert echo.say(b"secret") == b"s3cret"
    holder.ask(echo.run_dir, "stop", "echo")
    echo.wait("inactive")
    assert echo.say(b"open") == b"open"


def test_an_endless_bell_gives_the_socket_up(echo):
    """systemd's TriggerLimit: a daemon that leaves without draining its bell is an error that must show."""
    for _ in range(25):
        echo.ring()
        while echo.state()["state"] not in ("inactive", "failed"):
            pass
    assert echo.state()["state"] == "failed"


@pytest.mark.parametrize("line, text", [
    ("ListenFIFO=/run/x", "ListenFIFO= is not known"),
    ("ListenStream=1\nAccept=yes", "Accept=yes"),
    ("ListenStream=%h/x", "%h"),
])
def test_what_it_does_not_know_is_an_error(tmp_path, line, text):
    path = tmp_path / "a.socket"
    path.write_text(f"[Socket]\n{line}\n")
    with pytest.raises(units.UnitError, match=text):
        units.load([str(tmp_path)])


def test_time_spans():
    assert units.parse_span("1min 30s") == 90
    assert units.parse_span("500ms") == 0.5
    assert units.parse_span("300") == 300
    with pytest.raises(units.UnitError):
        units.parse_span("soon")


def test_instances_of_a_template(tmp_path):
    (tmp_path / "p@.socket").write_text("[Socket]\nListenStream=%t/lonja/%i.sock\n")
    sockets, _, _ = units.load([str(tmp_path)], ["p@main"])
    assert sockets["p@main.socket"].streams == ["/run/lonja/main.sock"]
    assert sockets["p@main.socket"].service == "p@main.service"


def test_the_command_line_control(echo):
    done = subprocess.run([sys.executable, os.path.join(SOURCE, "tests/lib/holder.py"), "ctl", echo.run_dir, "status"],
                          capture_output=True, text=True, check=True)
    assert "echo.service" in json.loads(done.stdout)["services"]

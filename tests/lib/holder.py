#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The socket holder: what systemd does for Lonja's daemons, where no systemd runs (./dev up, tests).

It reads the real units, keeps their sockets for as long as it lives, starts a daemon on the first connection or bell
(it polls and never accepts), again after it left, again 500 ms after it crashed; it gives NOTIFY_SOCKET,
CREDENTIALS_DIRECTORY, LONJA_RUNTIME_DIR, watches the watchdog and runs the timers (the sweep).

    holder.py run --units DIR --build DIR --config-dir DIR --runtime-dir DIR [options]
    holder.py ctl RUNTIME_DIR COMMAND [ARGUMENT...]      status, start X, stop X, restart X, signal X NAME,
                                                         wait X STATE [SECONDS], trigger TIMER, quit

    service:  inactive --knock, start--> starting --READY=1--> active --STOPPING=1--> stopping --exit 0--> inactive
              any --exit != 0, signal--> waiting --RestartSec--> starting

While a service is not inactive its sockets are not polled: they are the daemon's then.  One knock that finds the daemon
leaving waits in the backlog and starts the next process, exactly as under systemd."""

import argparse
import errno
import fcntl
import json
import os
import pwd
import resource
import select
import shutil
import signal
import socket
import stat
import sys
import time

import units

FD_FLOOR = 64  # the held sockets live up here, so that dup2 to 3, 4, ... never meets one of them
CONTROL_NAME = "control"
CONTROL_LINE_MAX = 65536
NOFILE_MAX = 65536
PASSED_ENVIRONMENT = ("ASAN_OPTIONS", "LSAN_OPTIONS", "UBSAN_OPTIONS", "TSAN_OPTIONS")


def parse_listen(text):
    """ListenStream= as systemd.socket(5) says it: a path, PORT, ADDRESS:PORT or [ADDRESS]:PORT."""
    if text.startswith("/"):
        return socket.AF_UNIX, text
    host, _, port = text.rpartition(":")
    if not host:
        return socket.AF_INET6, ("::", int(port))
    if host.startswith("["):
        return socket.AF_INET6, (host[1:-1], int(port))
    return socket.AF_INET, (host, int(port))


class Door:
    """One listening socket."""

    def __init__(self, unit, kind, address, options):
        self.unit = unit
        self.kind = kind
        family, where = parse_listen(address)
        self.sock = socket.socket(family, kind)
        if family == socket.AF_UNIX:
            self._bind_path(where, options)
        else:
            self._bind_port(family, where, options)
        if kind == socket.SOCK_STREAM:
            self.sock.listen(unit.backlog)
        self.sock.setblocking(False)
        fd = fcntl.fcntl(self.sock.fileno(), fcntl.F_DUPFD_CLOEXEC, FD_FLOOR)
        self.sock.close()
        self.sock = socket.socket(fileno=fd)

    def _bind_path(self, path, options):
        path = path.replace(units.RUN_DIR, options.runtime_dir, 1)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path) and stat.S_ISSOCK(os.stat(path).st_mode):
            os.unlink(path)
        before = os.umask(0o777)  # never open to others, not even between bind and chmod
        try:
            self.sock.bind(path)
        finally:
            os.umask(before)
        os.chmod(path, self.unit.mode)
        if options.ids is not None:
            os.chown(path, *options.ids)
        self.address = path

    def _bind_port(self, family, where, options):
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        if family == socket.AF_INET6:
            self.sock.setsockopt(socket.IPPROTO_IPV6, socket.IPV6_V6ONLY, where[0] != "::")
        if self.unit.no_delay:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        if self.unit.keep_alive:
            self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE, 1)
        host, port = where
        if options.ports == "free":
            port = 0
        try:
            self.sock.bind((host, port))
        except OSError as e:
            if e.errno != errno.EADDRINUSE:
                raise
            self.sock.bind((host, 0))
        host, port = self.sock.getsockname()[:2]
        self.address = f"[{host}]:{port}" if family == socket.AF_INET6 else f"{host}:{port}"

    def close(self):
        if self.address.startswith("/"):
            try:
                os.unlink(self.address)
            except FileNotFoundError:
                pass
        self.sock.close()


class Service:
    """One daemon and its doors."""

    def __init__(self, holder, unit):
        self.holder = holder
        self.unit = unit
        self.doors = []
        self.state = "inactive"
        self.pid = None
        self.pidfd = None
        self.status_text = ""
        self.n_starts = self.n_crashes = 0
        self.last_exit = None
        self.started_at = 0.0
        self.knocks = []  # times of the latest starts by a knock: systemd's TriggerLimit
        self.is_stop_wanted = False
        self.timer = None  # restart, or kill after TimeoutStopSec
        self.watchdog_timer = None
        self.notify = self._make_notify()

    def _make_notify(self):
        path = os.path.join(self.holder.options.runtime_dir, "notify", self.unit.name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        if os.path.exists(path):
            os.unlink(path)
        sock = socket.socket(socket.AF_UNIX, socket.SOCK_DGRAM | socket.SOCK_NONBLOCK)
        sock.bind(path)
        os.chmod(path, 0o666)
        self.holder.watch(sock.fileno(), self._on_notify)
        self.notify_path = path
        return sock

    def set_state(self, state):
        self.state = state
        self.holder.changed()

    # Starting

    def poll_doors(self, on):
        for door in self.doors:
            if on:
                self.holder.watch(door.sock.fileno(), lambda door=door: self._on_knock(door))
            else:
                self.holder.unwatch(door.sock.fileno())

    def _on_knock(self, door):
        now = time.monotonic()
        limit = door.unit
        self.knocks = [t for t in self.knocks if t > now - limit.trigger_interval] + [now]
        if limit.trigger_burst and len(self.knocks) > limit.trigger_burst:
            # An undrained bell, a daemon that leaves with work in hand: systemd gives the socket up here as well.
            self.holder.say(f"{limit.name}: trigger limit hit, the socket has failed")
            self.poll_doors(False)
            self.set_state("failed")
            return
        self.start()

    def start(self):
        if self.state not in ("inactive", "waiting", "failed"):
            return
        self.holder.cancel(self.timer)
        self.timer = None
        self.is_stop_wanted = False
        self.poll_doors(False)
        try:
            self._spawn()
        except OSError as e:
            self.holder.say(f"{self.unit.name}: {e}")
            self.set_state("failed")
            return
        self.n_starts += 1
        self.started_at = time.monotonic()
        self.status_text = ""
        self.set_state("starting")

    def _spawn(self):
        options = self.holder.options
        program = os.path.join(options.build, self.unit.program)
        argv = [options.listen_exec, options.user_ids or "-", program, *self.unit.argv[1:]]
        if self.unit.program != "lonja":
            argv += ["--config-dir", options.config_dir]
        actions = [(os.POSIX_SPAWN_DUP2, self.holder.log_fd(self.unit.name), fd) for fd in (1, 2)]
        actions += [(os.POSIX_SPAWN_DUP2, door.sock.fileno(), 3 + i) for i, door in enumerate(self.doors)]
        self.pid = os.posix_spawn(argv[0], argv, self._environment(), file_actions=actions, setsid=True,
                                  setsigdef=[signal.SIGINT, signal.SIGTERM], setsigmask=[])
        self.pidfd = os.pidfd_open(self.pid)
        self.holder.watch(self.pidfd, self._on_exit)

    def _environment(self):
        options = self.holder.options
        env = {"PATH": "/usr/sbin:/usr/bin:/sbin:/bin", "LANG": "C.UTF-8", **self.unit.environment, **options.env}
        env.update((k, v) for k, v in os.environ.items() if k in PASSED_ENVIRONMENT)
        env["NOTIFY_SOCKET"] = self.notify_path
        env["LONJA_RUNTIME_DIR"] = options.runtime_dir
        if self.doors:
            env["LISTEN_FDS"] = str(len(self.doors))
            env["LISTEN_FDNAMES"] = ":".join(door.unit.fd_name for door in self.doors)
        if self.unit.watchdog_sec:
            env["WATCHDOG_USEC"] = str(int(self.unit.watchdog_sec * 1e6))
            self._pet()
        if self.unit.credentials:
            env["CREDENTIALS_DIRECTORY"] = self._load_credentials()
        return env

    def _load_credentials(self):
        """Copied at each start, as systemd does: a changed secret needs a restart."""
        options = self.holder.options
        target = os.path.join(options.runtime_dir, "credentials", self.unit.name)
        shutil.rmtree(target, ignore_errors=True)
        os.makedirs(target, mode=0o700)
        for name, source in self.unit.credentials:
            source = options.config_dir + source.partition(units.SYSCONF_DIR)[2]  # whatever the prefix
            if os.path.isdir(source):
                pairs = [(f"{name}_{entry}", os.path.join(source, entry)) for entry in os.listdir(source)]
            else:
                pairs = [(name, source)] if os.path.exists(source) else []
            for file, path in pairs:
                shutil.copy(path, os.path.join(target, file))
                os.chmod(os.path.join(target, file), 0o400)
        if options.ids is not None:
            for path in [target] + [os.path.join(target, f) for f in os.listdir(target)]:
                os.chown(path, *options.ids)
        return target

    # Running

    def _on_notify(self):
        while True:
            try:
                lines = self.notify.recv(4096).decode(errors="replace").split("\n")
            except BlockingIOError:
                return
            for line in lines:
                key, _, value = line.partition("=")
                if key == "STATUS":
                    self.status_text = value
                elif key == "READY" and self.state == "starting":
                    self.set_state("active")
                elif key == "STOPPING" and self.pid is not None:
                    self.set_state("stopping")
                elif key == "WATCHDOG" and value == "1" and self.pid is not None:
                    self._pet()

    def _pet(self):
        self.holder.cancel(self.watchdog_timer)
        self.watchdog_timer = self.holder.after(self.unit.watchdog_sec, self._on_watchdog)

    def _on_watchdog(self):
        self.watchdog_timer = None
        if self.pid is not None:
            self.holder.say(f"{self.unit.name}: watchdog timeout, SIGABRT")
            self.kill(signal.SIGABRT)
            self.kill(signal.SIGCONT)

    def kill(self, number):
        if self.pid is not None:
            os.kill(self.pid, number)

    def stop(self):
        """As `systemctl stop`: no restart; the doors stay open and the next knock starts it again."""
        if self.pid is None:
            self.holder.cancel(self.timer)
            self.timer = None
            self._become_inactive()
            return
        self.is_stop_wanted = True
        self.kill(signal.SIGTERM)
        self.kill(signal.SIGCONT)
        if self.timer is None and self.unit.stop_sec is not None:
            self.timer = self.holder.after(self.unit.stop_sec, self._on_stop_timeout)
        self.set_state("stopping")

    def _on_stop_timeout(self):
        self.timer = None
        self.holder.say(f"{self.unit.name}: did not stop in {self.unit.stop_sec:g} s, SIGKILL")
        self.kill(signal.SIGKILL)

    # Leaving

    def _on_exit(self):
        pid, wait_status = os.waitpid(self.pid, os.WNOHANG)
        if pid == 0:
            return
        self.holder.unwatch(self.pidfd)
        os.close(self.pidfd)
        self._on_notify()
        self.pid = self.pidfd = None
        self.holder.cancel(self.watchdog_timer)
        self.holder.cancel(self.timer)
        self.watchdog_timer = self.timer = None
        code = os.waitstatus_to_exitcode(wait_status)
        self.last_exit = code
        is_clean = code in (0, -signal.SIGHUP, -signal.SIGINT, -signal.SIGTERM, -signal.SIGPIPE)
        is_clean = is_clean or str(code) in self.unit.success
        if not is_clean:
            self.n_crashes += 1
            self.holder.say(f"{self.unit.name}: exit {code}")
        if self._wants_restart(code, is_clean):
            self.timer = self.holder.after(self.unit.restart_sec, self.start)
            self.set_state("waiting")
        elif is_clean or self.is_stop_wanted:
            self._become_inactive()
        else:
            self.set_state("failed")

    def _wants_restart(self, code, is_clean):
        if self.is_stop_wanted or self.holder.is_leaving or str(code) in self.unit.restart_prevent:
            return False
        return self.unit.restart == "always" or (self.unit.restart == "on-failure" and not is_clean)

    def _become_inactive(self):
        if not self.holder.is_leaving:
            self.poll_doors(True)
        self.set_state("inactive")  # last: a waiter may start it again from here

    def describe(self):
        return {
            "state": self.state, "pid": self.pid, "status": self.status_text, "starts": self.n_starts,
            "crashes": self.n_crashes, "last_exit": self.last_exit, "program": self.unit.program,
            "sockets": {name: [d.address for d in self.doors if d.unit.fd_name == name]
                        for name in sorted({d.unit.fd_name for d in self.doors})},
        }


class Holder:
    def __init__(self, options):
        self.options = options
        self.epoll = select.epoll()
        self.handlers = {}
        self.timers = []
        self.services = {}
        self.schedule = {}
        self.waiters = []
        self.clients = {}
        self.logs = {}
        self.is_leaving = False

    # A loop of file descriptors and timers

    def watch(self, fd, handler):
        if fd not in self.handlers:
            self.epoll.register(fd, select.EPOLLIN)
        self.handlers[fd] = handler

    def unwatch(self, fd):
        if self.handlers.pop(fd, None) is not None:
            self.epoll.unregister(fd)

    def after(self, seconds, call):
        timer = [time.monotonic() + seconds, call]
        self.timers.append(timer)
        return timer

    def cancel(self, timer):
        if timer in self.timers:
            self.timers.remove(timer)

    def run(self):
        while not (self.is_leaving and all(s.pid is None for s in self.services.values())):
            timeout = min((t[0] for t in self.timers), default=None)
            timeout = -1 if timeout is None else max(0, timeout - time.monotonic())
            for fd, _ in self.epoll.poll(timeout):
                handler = self.handlers.get(fd)
                if handler is not None:
                    handler()
            now = time.monotonic()
            for timer in [t for t in self.timers if t[0] <= now]:
                self.cancel(timer)
                timer[1]()

    def say(self, text):
        print(f"holder: {text}", file=sys.stderr, flush=True)

    def log_fd(self, unit_name):
        if unit_name not in self.logs:
            path = os.path.join(self.options.log_dir, unit_name.removesuffix(".service") + ".log")
            fd = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o644)
            self.logs[unit_name] = fcntl.fcntl(fd, fcntl.F_DUPFD_CLOEXEC, FD_FLOOR)
            os.close(fd)
        return self.logs[unit_name]

    # Setting up

    def open(self):
        sockets, services, timers = units.load(self.options.units, self.options.instance)
        for unit in sockets.values():
            if not (unit.is_default or unit.name in self.options.enable):
                continue
            service = self._service(services, unit.service, unit.name)
            if service is None:
                continue
            for kind, addresses in ((socket.SOCK_STREAM, unit.streams), (socket.SOCK_DGRAM, unit.datagrams)):
                service.doors += [Door(unit, kind, address, self.options) for address in addresses]
        for service in self.services.values():
            service.poll_doors(True)
        for timer in timers.values():
            self._open_timer(services, timer)
        self._open_control()
        self._open_signals()

    def _service(self, files, name, wanted_by):
        if name not in self.services:
            if name not in files:
                raise units.UnitError(f"{wanted_by}: no {name}")
            unit = units.ServiceUnit(files[name])
            if not os.access(os.path.join(self.options.build, unit.program), os.X_OK):
                self.say(f"{wanted_by}: {unit.program} is not built, left out")
                return None
            self.services[name] = Service(self, unit)
        return self.services[name]

    def _open_timer(self, files, timer):
        service = self._service(files, timer.service, timer.name)
        if service is None:
            return
        interval = self.options.sweep_sec or timer.interval_sec
        first = self.options.sweep_sec or timer.first_sec

        def tick():
            self.after(interval, tick)
            service.start()

        self.schedule[timer.name] = service
        self.after(first, tick)

    def _open_signals(self):
        read_fd, write_fd = os.pipe2(os.O_NONBLOCK | os.O_CLOEXEC)
        signal.set_wakeup_fd(write_fd)

        def on_signal():
            if set(os.read(read_fd, 64)) & {signal.SIGTERM, signal.SIGINT}:
                self.leave()

        for number in (signal.SIGTERM, signal.SIGINT):
            signal.signal(number, lambda *_: None)
        self.watch(read_fd, on_signal)

    def leave(self):
        """Stops everything, then closes the doors: what still knocks meanwhile is refused only at the very end."""
        if self.is_leaving:
            return
        self.is_leaving = True
        for service in self.services.values():
            service.poll_doors(False)
            if service.pid is not None:
                service.stop()

    def close(self):
        for service in self.services.values():
            for door in service.doors:
                door.close()
        os.unlink(os.path.join(self.options.runtime_dir, CONTROL_NAME))

    # Control: one line of JSON in, one out

    def _open_control(self):
        """Whoever sees the socket can connect to it."""
        path = os.path.join(self.options.runtime_dir, CONTROL_NAME)
        new = f"{path}.new"
        if os.path.exists(new):
            os.unlink(new)
        self.control = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM | socket.SOCK_NONBLOCK)
        self.control.bind(new)
        os.chmod(new, 0o600)
        self.control.listen(16)
        os.rename(new, path)
        self.watch(self.control.fileno(), self._on_control)

    def _on_control(self):
        try:
            client, _ = self.control.accept()
        except BlockingIOError:
            return
        client.setblocking(False)
        self.clients[client.fileno()] = b""
        self.watch(client.fileno(), lambda: self._on_client(client))

    def _on_client(self, client):
        try:
            data = client.recv(CONTROL_LINE_MAX)
        except BlockingIOError:
            return
        except OSError:
            data = b""
        buffered = self.clients[client.fileno()] + data
        if not data or len(buffered) > CONTROL_LINE_MAX:
            self._drop(client)
            return
        self.clients[client.fileno()] = buffered
        if buffered.endswith(b"\n"):
            self.unwatch(client.fileno())
            self._on_command(client, json.loads(buffered))

    def _drop(self, client):
        self.unwatch(client.fileno())
        self.clients.pop(client.fileno(), None)
        client.close()

    def reply(self, client, answer):
        try:
            client.setblocking(True)
            client.sendall(json.dumps(answer).encode() + b"\n")
        except OSError:
            pass
        self._drop(client)

    def find(self, word):
        for name in (word, f"{word}.service", f"lonja-{word}.service"):
            if name in self.services:
                return self.services[name]
        raise KeyError(f"no service {word!r}; there are: {', '.join(self.services)}")

    def _on_command(self, client, command):
        verb, args = command["command"], command.get("args", [])
        try:
            if verb == "status":
                self.reply(client, self.describe())
            elif verb in ("start", "stop", "signal", "restart"):
                service = self.find(args[0])
                if verb == "signal":
                    service.kill(signal.Signals[f"SIG{args[1]}"])
                elif verb == "restart":
                    self._restart(service)
                else:
                    getattr(service, verb)()
                self.reply(client, service.describe())
            elif verb == "wait":
                self._wait(client, self.find(args[0]), args[1], float(args[2]) if len(args) > 2 else 30.0)
            elif verb == "trigger":
                self.schedule[args[0]].start()
                self.reply(client, {})
            elif verb == "quit":
                self.leave()
                self.reply(client, {})
            else:
                raise KeyError(f"no command {verb!r}")
        except (KeyError, IndexError, ValueError, OSError) as e:
            self.reply(client, {"error": str(e)})

    def _restart(self, service):
        """As `systemctl restart`: down, then up again without a knock."""
        if service.pid is None:
            service.start()
            return
        service.stop()
        self.waiters.append((lambda: service.pid is None, lambda _: service.start(), None))

    def _wait(self, client, service, state, seconds):
        timer = None

        def done(in_time):
            self.cancel(timer)
            self.reply(client, service.describe() if in_time else {
                "error": f"{service.unit.name} is {service.state}, not {state}, after {seconds:g} s"})

        waiter = (lambda: service.state == state, done, None)
        if service.state == state:
            self.reply(client, service.describe())
            return

        def late():
            if waiter in self.waiters:
                self.waiters.remove(waiter)
                done(False)

        timer = self.after(seconds, late)
        self.waiters.append(waiter)

    def changed(self):
        ready = [w for w in self.waiters if w[0]()]
        for waiter in ready:
            self.waiters.remove(waiter)
        for waiter in ready:
            waiter[1](True)

    def describe(self):
        return {
            "pid": os.getpid(),
            "services": {name: service.describe() for name, service in self.services.items()},
            "timers": {name: service.unit.name for name, service in self.schedule.items()},
        }


def ask(runtime_dir, command, *args, timeout=60):
    """One command to a running holder; its answer, or an exception with its error text."""
    with socket.socket(socket.AF_UNIX) as s:
        s.settimeout(timeout)
        s.connect(os.path.join(runtime_dir, CONTROL_NAME))
        s.sendall(json.dumps({"command": command, "args": list(args)}).encode() + b"\n")
        with s.makefile() as answer:
            line = answer.readline()
    answer = json.loads(line)
    if "error" in answer:
        raise RuntimeError(answer["error"])
    return answer


def main(argv):
    parser = argparse.ArgumentParser(description="Holds Lonja's sockets where no systemd runs.")
    commands = parser.add_subparsers(dest="mode", required=True)
    run = commands.add_parser("run")
    run.add_argument("--units", action="append", required=True, help="folder of unit files; later ones win")
    run.add_argument("--build", required=True, help="folder of the programs")
    run.add_argument("--listen-exec", help="default: BUILD/tests/lib/listen-exec")
    run.add_argument("--config-dir", required=True)
    run.add_argument("--runtime-dir", required=True)
    run.add_argument("--log-dir", help="default: the runtime directory")
    run.add_argument("--user", help="run the daemons as this user (root only)")
    run.add_argument("--ports", choices=("default", "free"), default="default",
                     help="default: the units' ports, free ones where taken")
    run.add_argument("--enable", action="append", default=[], help="also this socket unit (TLS ones are off)")
    run.add_argument("--instance", action="append", default=[], help="an instance of a template: lonja-peer@main")
    run.add_argument("--sweep-sec", type=float, help="run the timers this often instead")
    run.add_argument("--env", action="append", default=[], help="NAME=VALUE for every daemon")
    ctl = commands.add_parser("ctl")
    ctl.add_argument("runtime_dir")
    ctl.add_argument("command")
    ctl.add_argument("args", nargs="*")
    options = parser.parse_args(argv)

    if options.mode == "ctl":
        json.dump(ask(options.runtime_dir, options.command, *options.args), sys.stdout, indent=2)
        print()
        return 0

    for name in ("build", "config_dir", "runtime_dir"):
        setattr(options, name, os.path.abspath(getattr(options, name)))
    options.log_dir = os.path.abspath(options.log_dir or options.runtime_dir)
    options.listen_exec = options.listen_exec or os.path.join(options.build, "tests/lib/listen-exec")
    options.env = dict(pair.split("=", 1) for pair in options.env)
    options.ids = options.user_ids = None
    if options.user is not None and os.geteuid() == 0:
        entry = pwd.getpwnam(options.user)
        options.ids = (entry.pw_uid, entry.pw_gid)
        options.user_ids = f"{entry.pw_uid}:{entry.pw_gid}"
    if not os.access(options.listen_exec, os.X_OK):
        parser.error(f"{options.listen_exec} is not built")
    os.makedirs(options.runtime_dir, exist_ok=True)
    hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
    soft = NOFILE_MAX if hard == resource.RLIM_INFINITY else min(hard, NOFILE_MAX)
    resource.setrlimit(resource.RLIMIT_NOFILE, (soft, hard))

    holder = Holder(options)
    holder.open()
    print(json.dumps(holder.describe()), flush=True)  # whoever started us waits for this line
    holder.run()
    holder.close()
    return 0


if __name__ == "__main__":
    try:
        sys.exit(main(sys.argv[1:]))
    except (units.UnitError, OSError) as e:
        sys.exit(f"holder: {e}")

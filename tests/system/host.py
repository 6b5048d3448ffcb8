# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Hosts to install on: the machine that this runs on, or a container in which a real systemd boots.

A container is systemd-nspawn over an overlay of the base tree. It shares the network of this process, which the caller
has put into a namespace of its own (./dev system-test), so that clients here reach 127.0.0.1 there and nothing leaves."""

import contextlib
import ctypes
import json
import os
import shutil
import signal
import subprocess
import time

PATIENCE_SEC = 120  # for whatever must happen, on a machine ten times slower than it should be
CGROUPS = "/sys/fs/cgroup"
NSPAWN_REBOOT = 133
ENVIRONMENT = {"PATH": "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOME": "/root", "TERM": "dumb",
               "LANG": "C.UTF-8"}


def services_of(entries):
    """Who wrote these entries of the journal."""
    return {e.get("_SYSTEMD_UNIT") for e in entries}


class HostError(RuntimeError):
    """A command failed on a host, or something did not happen there."""


class Host:
    """What chapters do on a host, whatever it is: run commands as root, read files, wait."""

    prefix = []  # of every command
    root = ""    # of every path

    def run(self, *argv, input=None, check=True, timeout=PATIENCE_SEC, env=None):
        done = subprocess.run([*self.prefix, *argv], input=input, stdin=subprocess.DEVNULL if input is None else None,
                              capture_output=True, text=True, timeout=timeout, env={**ENVIRONMENT, **(env or {})}, cwd="/")
        if check and done.returncode != 0:
            raise HostError(f"{' '.join(argv)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done

    def sh(self, script, **options):
        """Standard output without the last newline."""
        return self.run("/bin/bash", "-c", script, **options).stdout.rstrip("\n")

    def path(self, path):
        return self.root + path

    def read(self, path):
        with open(self.path(path), encoding="utf-8") as f:
            return f.read()

    def write(self, path, text):
        os.makedirs(os.path.dirname(self.path(path)), exist_ok=True)
        with open(self.path(path), "w", encoding="utf-8") as f:
            f.write(text)

    def remove(self, path):
        os.unlink(self.path(path))

    @contextlib.contextmanager
    def kept(self, *paths):
        """These files end as they are now, or are gone if they are not there."""
        before = {path: self.read(path) if os.path.exists(self.path(path)) else None for path in paths}
        try:
            yield
        finally:
            for path, text in before.items():
                if text is not None:
                    self.write(path, text)
                elif os.path.exists(self.path(path)):
                    self.remove(path)

    def wait(self, condition, what, seconds=PATIENCE_SEC):
        """Until condition() is true; its value."""
        deadline = time.monotonic() + seconds
        while not (value := condition()):
            if time.monotonic() > deadline:
                raise HostError(f"{what}: not within {seconds} s")
            time.sleep(0.05)
        return value

    # ---- systemd ----

    def show(self, unit, property_):
        return self.sh(f"systemctl show -P {property_} {unit}")

    def pid(self, service):
        """The main process, as the host counts; 0: it does not run."""
        return int(self.show(service, "MainPID"))

    def journal(self, *matches, since=None):
        """Entries as dictionaries, oldest first."""
        argv = ["journalctl", "-o", "json", "--all", "--no-pager", *matches]
        if since is not None:
            argv.append(f"--since=@{since:.6f}")
        return [json.loads(line) for line in self.run(*argv, check=False).stdout.splitlines() if line.startswith("{")]

    # ---- packages ----

    def apt(self, *words):
        """Without anybody who could answer a question. Returns all that was said."""
        done = self.run("apt-get", "-y", "-q", *words, timeout=900, check=False, env={"DEBIAN_FRONTEND": "noninteractive"})
        if done.returncode != 0:
            raise HostError(f"apt-get {' '.join(words)}: exit status {done.returncode}\n{done.stdout}{done.stderr}")
        return done.stdout + done.stderr


class Here(Host):
    """The machine itself, with the package installed: autopkgtest's way."""


class Container(Host):
    def __init__(self, name, directory, tree, binds=()):
        self.name, self.directory, self.tree = name, directory, tree
        self.binds = binds
        self.mounted = os.path.join(directory, "root")
        self.nspawn = None
        self.has_systemd = os.path.isdir("/run/systemd/system")  # of this machine

    # ---- life ----

    def start(self):
        os.makedirs(self.directory)
        subprocess.run(["mount", "-t", "tmpfs", "-o", "mode=755", "lonja-system", self.directory], check=True)
        layers = {key: os.path.join(self.directory, key) for key in ("upper", "work", "root")}
        for layer in layers.values():
            os.mkdir(layer)
        subprocess.run(["mount", "-t", "overlay", "overlay", "-o",
                        f"lowerdir={self.tree},upperdir={layers['upper']},workdir={layers['work']}", self.mounted], check=True)
        self.root = self.mounted
        self.write("/etc/hostname", f"{self.name}\n")
        self.write("/etc/hosts", f"127.0.0.1 localhost\n127.0.1.1 {self.name}\n")
        for folder in self._cgroups():
            os.makedirs(folder, exist_ok=True)
        self._boot()

    def stop(self):
        if self.nspawn is not None and self.nspawn.poll() is None:
            try:
                os.kill(self._init(), signal.SIGRTMIN + 4)  # poweroff.target
                self.nspawn.wait(60)
            except (HostError, ProcessLookupError, subprocess.TimeoutExpired):
                self.nspawn.kill()
                self.nspawn.wait()
        for place in (self.mounted, self.directory):
            subprocess.run(["umount", "--lazy", place], stderr=subprocess.DEVNULL, check=False)
        shutil.rmtree(self.directory, ignore_errors=True)
        for folder in self._cgroups():
            remove_cgroup(folder)

    def reboot(self):
        self.run("systemctl", "reboot", check=False)
        status = self.nspawn.wait(PATIENCE_SEC)
        if status != (NSPAWN_REBOOT if not self.has_systemd else 0):
            raise HostError(f"the host went down with status {status} instead of starting again\n{self.console()}")
        self._boot()

    def power_cut(self):
        """As if somebody had pulled the plug."""
        os.kill(self._init(), signal.SIGKILL)
        self.nspawn.wait(PATIENCE_SEC)
        self._boot()

    def console(self):
        with open(os.path.join(self.directory, "console.log"), errors="replace") as f:
            return "".join(f.readlines()[-40:])

    # ---- inside ----

    def _cgroups(self):
        """Two containers must not share theirs, and nspawn makes its own where it stands. systemd's are systemd's."""
        if self.has_systemd:
            return []
        kinds = [k for k in ("systemd", "unified") if os.path.isdir(os.path.join(CGROUPS, k))] or [""]
        return [os.path.join(CGROUPS, kind, self.name) for kind in kinds]

    def cgroup(self, unit):
        """The process identifiers, as this process sees them, of a unit in the container; without asking it."""
        for folder in self._cgroups():
            for place in ("payload", ""):
                try:
                    with open(os.path.join(folder, place, unit, "cgroup.procs")) as f:
                        return [int(pid) for pid in f.read().split()]
                except OSError:  # it is not there, or went while it was read
                    continue
        return []

    def _boot(self):
        argv = ["systemd-nspawn", "--quiet", f"--directory={self.mounted}", f"--machine={self.name}", "--register=no",
                f"--hostname={self.name}", "--resolv-conf=off", "--timezone=off", "--link-journal=no",
                "--console=read-only", "--capability=all", "--system-call-filter=bpf",
                *([] if self.has_systemd else ["--keep-unit"]),
                *[f"--bind-ro={bind}" for bind in self.binds], "--boot", "systemd.log_color=0"]
        with open(os.path.join(self.directory, "console.log"), "ab") as console:
            self.nspawn = subprocess.Popen(argv, stdin=subprocess.DEVNULL, stdout=console, stderr=console,
                                           preexec_fn=self._prepare, start_new_session=True,
                                           env={**ENVIRONMENT, "SYSTEMD_NSPAWN_UNIFIED_HIERARCHY": "1"})
        self.prefix = []
        self.wait(self._is_up, f"{self.name} has booted")

    def _prepare(self):
        """In the child: it dies with this process, however that dies, and lives in cgroups of its own."""
        ctypes.CDLL(None).prctl(1, signal.SIGKILL)
        for folder in self._cgroups():
            with open(os.path.join(folder, "cgroup.procs"), "w") as f:
                f.write(str(os.getpid()))

    def _init(self):
        try:
            with open(f"/proc/{self.nspawn.pid}/task/{self.nspawn.pid}/children") as f:
                return int(f.read().split()[0])
        except (OSError, IndexError):
            raise HostError(f"{self.name} does not run\n{self.console()}") from None

    def _is_up(self):
        if self.nspawn.poll() is not None:
            raise HostError(f"{self.name} does not boot\n{self.console()}")
        try:
            # -F and a shell of ours instead of nsenter's own fork: at shutdown PID 1 stops all processes; nsenter stops
            # itself with its child and never reaps it, and the reboot hangs.  /usr/bin/env, because that shell is
            # still outside: a builtin such as kill would meet a process of this machine.
            init = self._init()
            self.prefix = ["nsenter", "-F", "-t", str(init), "-m", "-u", "-i", "-p", "-C", "-r", "-w", "--",
                           "/bin/sh", "-c", '/usr/bin/env -- "$@"; exit $?', "sh"]
        except HostError:
            return False
        self.root = f"/proc/{init}/root"  # with its /run
        return self.run("systemctl", "is-system-running", check=False).stdout.strip() in ("running", "degraded")


def remove_cgroup(folder):
    for place, folders, _ in os.walk(folder, topdown=False):
        for name in folders:
            try:
                os.rmdir(os.path.join(place, name))
            except OSError:
                pass
    try:
        os.rmdir(folder)
    except OSError:
        pass


def forget_the_dead(prefix):
    """What a killed run left: empty cgroups. Its mounts and processes went with it."""
    for kind in ("systemd", "unified", ""):
        place = os.path.join(CGROUPS, kind)
        for name in os.listdir(place) if os.path.isdir(place) else []:
            pid = name[len(prefix):]
            if name.startswith(prefix) and pid.isdigit() and not os.path.exists(f"/proc/{pid}"):
                remove_cgroup(os.path.join(place, name))

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The part of systemd.unit(5) that the holder needs, read from the files that a host installs.

What it does not know about listening is an error, so that a unit never means one thing here and another on a host."""

import os
import re
import shlex

RUN_DIR = "/run/lonja"
SYSCONF_DIR = "/etc/lonja"
# Shipped disabled: they need certificates (operations.md speaks of `systemctl enable --now X-https.socket`).
TLS_NAMES = {"https", "grpcs", "tcps"}

UNITS_OF_TIME = {
    "": 1, "s": 1, "sec": 1, "second": 1, "seconds": 1, "ms": 0.001, "msec": 0.001, "us": 1e-6, "usec": 1e-6,
    "m": 60, "min": 60, "minute": 60, "minutes": 60, "h": 3600, "hr": 3600, "hour": 3600, "hours": 3600,
    "d": 86400, "day": 86400, "days": 86400,
}


class UnitError(ValueError):
    pass


def parse_span(text):
    """systemd.time(7): "500ms", "1min 30s", "30"; seconds as a float."""
    if text.strip() == "infinity":
        return None
    parts = re.findall(r"([0-9.]+)\s*([a-z]*)", text)
    if not parts or re.sub(r"[0-9.]+\s*[a-z]*\s*", "", text).strip():
        raise UnitError(f"bad time span {text!r}")
    try:
        return sum(float(number) * UNITS_OF_TIME[unit] for number, unit in parts)
    except (KeyError, ValueError):
        raise UnitError(f"bad time span {text!r}") from None


def parse_bool(text):
    if text.lower() in ("1", "yes", "true", "on"):
        return True
    if text.lower() in ("0", "no", "false", "off"):
        return False
    raise UnitError(f"bad boolean {text!r}")


class UnitFile:
    """Sections of key -> list of values; an empty value forgets what came before, as in systemd."""

    def __init__(self, path, instance=None):
        self.path = path
        self.name = os.path.basename(path)
        if instance is not None:
            self.name = self.name.replace("@.", f"@{instance}.")
        self.instance = instance
        self.sections = {}
        self._read()

    def _read(self):
        with open(self.path, encoding="utf-8") as f:
            text = f.read().replace("\\\n", " ")
        section = None
        for number, line in enumerate(text.split("\n"), 1):
            line = line.strip()
            if not line or line[0] in "#;":
                continue
            if line[0] == "[" and line[-1] == "]":
                section = self.sections.setdefault(line[1:-1], {})
                continue
            key, equals, value = line.partition("=")
            if not equals or section is None:
                raise UnitError(f"{self.path}:{number}: not a key of a section: {line}")
            key, value = key.strip(), value.strip()
            if value == "":
                section[key] = []
            else:
                section.setdefault(key, []).append(value)

    def all(self, section, key):
        return [self.expand(v) for v in self.sections.get(section, {}).get(key, [])]

    def get(self, section, key, fallback=None):
        values = self.all(section, key)
        return values[-1] if values else fallback

    def expand(self, value):
        def specifier(match):
            letter = match.group(1)
            if letter == "%":
                return "%"
            if letter == "t":
                return "/run"
            if letter == "i" and self.instance is not None:
                return self.instance
            raise UnitError(f"{self.path}: %{letter} in {value!r} is not known here")

        return re.sub(r"%(.)", specifier, value)


class SocketUnit:
    """One .socket: what to listen on and whom to start."""

    def __init__(self, file):
        self.file = file
        self.name = file.name
        section = file.sections.get("Socket", {})
        for key in section:
            if key.startswith("Listen") and key not in ("ListenStream", "ListenDatagram"):
                raise UnitError(f"{file.path}: {key}= is not known here")
        if parse_bool(file.get("Socket", "Accept", "no")):
            raise UnitError(f"{file.path}: Accept=yes is not known here")
        self.fd_name = file.get("Socket", "FileDescriptorName", self.name)
        self.service = file.get("Socket", "Service", self.name[: -len(".socket")] + ".service")
        self.mode = int(file.get("Socket", "SocketMode", "0666"), 8)
        self.backlog = int(file.get("Socket", "Backlog", "4096"))
        self.no_delay = parse_bool(file.get("Socket", "NoDelay", "no"))
        self.keep_alive = parse_bool(file.get("Socket", "KeepAlive", "no"))
        self.trigger_burst = int(file.get("Socket", "TriggerLimitBurst", "20"))
        self.trigger_interval = parse_span(file.get("Socket", "TriggerLimitIntervalSec", "2s"))
        self.streams = file.all("Socket", "ListenStream")
        self.datagrams = file.all("Socket", "ListenDatagram")
        self.is_default = self.fd_name not in TLS_NAMES


class ServiceUnit:
    """One .service: the program and how its life goes. Sandbox and resource directives are a host's business."""

    def __init__(self, file):
        self.file = file
        self.name = file.name
        commands = file.all("Service", "ExecStart")
        if len(commands) != 1:
            raise UnitError(f"{file.path}: one ExecStart= expected")
        self.argv = shlex.split(commands[0])
        self.program = os.path.basename(self.argv[0].lstrip("-@:+!"))
        self.is_oneshot = file.get("Service", "Type", "simple") == "oneshot"
        self.restart = file.get("Service", "Restart", "no")
        self.restart_sec = parse_span(file.get("Service", "RestartSec", "100ms"))
        self.restart_prevent = self._statuses("RestartPreventExitStatus")
        self.success = self._statuses("SuccessExitStatus")
        self.watchdog_sec = parse_span(file.get("Service", "WatchdogSec", "0"))
        self.stop_sec = parse_span(file.get("Service", "TimeoutStopSec", "90s"))
        self.credentials = [tuple(v.split(":", 1)) for v in file.all("Service", "LoadCredential") if ":" in v]
        self.environment = {}
        for value in file.all("Service", "Environment"):
            self.environment.update(v.split("=", 1) for v in shlex.split(value))

    def _statuses(self, key):
        return {v for value in self.file.all("Service", key) for v in value.split()}


class TimerUnit:
    def __init__(self, file):
        self.name = file.name
        self.service = file.get("Timer", "Unit", self.name[: -len(".timer")] + ".service")
        first = file.get("Timer", "OnBootSec") or file.get("Timer", "OnActiveSec")
        again = file.get("Timer", "OnUnitActiveSec") or file.get("Timer", "OnUnitInactiveSec")
        if again is None:
            raise UnitError(f"{file.path}: only OnUnitActiveSec= and OnUnitInactiveSec= are known here")
        self.first_sec = parse_span(first or again)
        self.interval_sec = parse_span(again)


def load(folders, instances=(), prefix=""):
    """Reads every unit in the folders (later ones win by name). Returns sockets, services, timers by name.

    Templates (x@.socket) are read once for each instance named like "lonja-peer@main"."""
    paths = {}
    for folder in folders:
        for entry in sorted(os.listdir(folder)):
            if entry.startswith(prefix) and entry.endswith((".socket", ".service", ".timer")):
                paths[entry] = os.path.join(folder, entry)
    sockets, services, timers = {}, {}, {}
    for entry, path in paths.items():
        stem, _, kind = entry.rpartition(".")
        if stem.endswith("@"):
            files = [UnitFile(path, i.partition("@")[2]) for i in instances if i.partition("@")[0] + "@" == stem]
        else:
            files = [UnitFile(path)]
        for file in files:
            if kind == "socket":
                sockets[file.name] = SocketUnit(file)
            elif kind == "timer":
                timers[file.name] = TimerUnit(file)
            else:
                services[file.name] = file  # made a ServiceUnit by whoever starts it: umbrella units have no program
    return sockets, services, timers

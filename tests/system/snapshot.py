# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What is on a host, to compare before and after: files, units, system users, roles and databases, the broker's things."""

import re

# Files that come and go with every installation of whatever package, or without any.
PASSING = re.compile(
    r"/(proc|sys|dev|tmp|mnt)(/|$)"
    r"|/run/(systemd|user|log|udev|dbus|lock|initctl|sudo|credentials|mount|agetty)"
    r"|/var/(log|cache|tmp|backups|spool)/"
    r"|/var/lib/(dpkg|apt|systemd|ucf|pam|man-db|logrotate|private)/"
    r"|/etc/(passwd|group|shadow|gshadow|subuid|subgid|ld\.so\.cache|\.pwd\.lock)-?$"
    # their content is compared through the servers themselves
    r"|/var/lib/(postgresql|rabbitmq)/|/run/postgresql")
# Shared libraries that apt brought along stay until `apt autoremove`: they are other packages.
SYSTEM_USERS = ("lonja", "lonja-bridge", "lonja-peer")  # stay, locked


def take(host):
    return {
        "files": _files(host),
        "units": _lines(host, "systemctl list-units --all --plain --no-legend --type=service,socket,timer,slice,target"
                              " | awk '{ print $1 }' | grep -v '^session-\\|^user'"),
        "unit files": _lines(host, "systemctl list-unit-files --plain --no-legend | awk '{ print $1, $2 }'"),
        "users": _lines(host, "cut -d: -f1 /etc/passwd"),
        "roles": _lines(host, "command -v psql >/dev/null && cd / && runuser -u postgres -- psql -XAtc 'SELECT rolname FROM pg_roles'"),
        "databases": _lines(host, "command -v psql >/dev/null && cd / && runuser -u postgres -- psql -XAtc 'SELECT datname FROM pg_database'"),
        "virtual hosts": _lines(host, "command -v rabbitmqctl >/dev/null && rabbitmqctl -q list_vhosts"),
        "broker's users": _lines(host, "command -v rabbitmqctl >/dev/null && rabbitmqctl -q list_users"),
    }


def _lines(host, script):
    return set(host.run("/bin/bash", "-c", script, check=False).stdout.splitlines())


def _files(host):
    """Without what belongs to other packages: one that apt brought along is not ours to remove."""
    found = _lines(host, "find / /run -xdev 2>/dev/null")
    owned = _lines(host, "cat $(ls /var/lib/dpkg/info/*.list | grep -v '/lonja[.:]')")
    owned = {re.sub(r"^/(lib|lib64|bin|sbin)/", r"/usr/\1/", path) for path in owned}
    return {path for path in found - owned if not PASSING.match(path)}


def differences(before, after):
    """({kind: gone}, {kind: come}); the system users stay by intention."""
    gone = {kind: sorted(before[kind] - after[kind]) for kind in before}
    come = {kind: sorted(x for x in after[kind] - before[kind] if kind != "users" or x not in SYSTEM_USERS) for kind in before}
    return {k: v for k, v in gone.items() if v}, {k: v for k, v in come.items() if v}

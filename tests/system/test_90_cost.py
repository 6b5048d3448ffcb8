# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What all this costs; figures, no judgement."""

import glob
import os
import re
import socket
import statistics
import time

import pytest

COLD_STARTS = 15
# It takes its socket, says that it is ready, answers one connection and leaves: what any socket-activated daemon must do.
DO_NOTHING = r"""
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>
int main(void)
{
        struct sockaddr_un to = {.sun_family = AF_UNIX};
        const char *path = getenv("NOTIFY_SOCKET");
        int s = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0), c;

        strncpy(to.sun_path, path, sizeof(to.sun_path) - 1);
        sendto(s, "READY=1", 7, 0, (struct sockaddr *)&to, sizeof(to));
        c = accept(3, NULL, NULL);
        write(c, "HTTP/1.0 200 OK\r\n\r\n", 19);
        close(c);
        return 0;
}
"""


@pytest.fixture
def tell(capsys):
    def tell_(*lines):
        with capsys.disabled():
            for line in lines:
                print(f"\n        {line}", end="")
            print(" ", end="")

    return tell_


def test_exposure(host, lonja, tell):
    """how exposed each service is (systemd-analyze security)"""
    for name in sorted(n for n in lonja.unit_files[1] if "@." not in n):
        said = host.run("systemd-analyze", "security", "--no-pager", name).stdout.strip().splitlines()[-1]
        tell(f"{name:28} {re.search(r'([0-9.]+) [A-Z]', said).group(1)}")


def test_size(host, lonja, request, tell):
    """how large package and installation are"""
    if request.config.getoption("--packages"):
        package = min(glob.glob(os.path.join(request.config.getoption("--packages"), "lonja_*.deb")), key=len)
        tell(f"package {os.path.getsize(package) / 1024:.0f} KiB")
    tell(f"installed {host.sh('dpkg-query -W -f ' + repr('${Installed-Size}') + ' lonja')} KiB")


def pss(host, unit):
    """Proportional set size of a service in KiB."""
    pids = host.sh(f"cat /sys/fs/cgroup/lonja.slice/{unit}/cgroup.procs 2>/dev/null || :").split()
    return sum(int(re.search(r"^Pss: *(\d+)", host.read(f"/proc/{pid}/smaps_rollup"), re.M).group(1)) for pid in pids)


def test_memory(host, lonja, tell):
    """how much memory the suite takes, asleep and with every daemon awake (PSS)"""
    for daemon in lonja.daemons.values():
        daemon.stop()
    tell(f"asleep {sum(pss(host, d.unit) for d in lonja.daemons.values())} KiB")
    total = 0
    for daemon in lonja.daemons.values():
        daemon.knock(next(name for name, door in daemon.doors.items() if door.is_default))
    for daemon in lonja.daemons.values():
        daemon.wait_awake()
    for daemon in lonja.daemons.values():
        size = pss(host, daemon.unit)
        total += size
        tell(f"{daemon.unit:28} {size} KiB")
    tell(f"all awake {total} KiB")


def cold_start(host, unit, address, request):
    """Milliseconds from the connection to the first byte, the median of many."""
    times = []
    for _ in range(COLD_STARTS):
        host.run("systemctl", "stop", unit)
        began = time.perf_counter()
        with socket.create_connection(address, timeout=120) as s:
            s.sendall(request)
            assert s.recv(1)
        times.append((time.perf_counter() - began) * 1000)
    return statistics.median(times)


def test_cold_start(host, lonja, tell):
    """how long the first client waits, beside a program that does nothing in the same sandbox"""
    products = lonja.daemons["products"]
    if not os.access("/usr/bin/gcc", os.X_OK):
        pytest.fail("gcc makes the program to compare with")
    make_do_nothing(host, lonja)
    nothing = cold_start(host, "lonja-nothing.service", ("127.0.0.1", 18999), b"")
    ours = cold_start(host, products.unit, products.address("http"), b"GET /healthz HTTP/1.0\r\n\r\n")
    host.sh("systemctl stop lonja-nothing.socket lonja-nothing.service; rm /run/systemd/system/lonja-nothing.*; systemctl daemon-reload")
    tell(f"lonja-products {ours:.1f} ms, a do-nothing program {nothing:.1f} ms, difference {ours - nothing:.1f} ms")


def make_do_nothing(host, lonja):
    """Its unit is the catalogue's with another program, so that systemd does the same for both."""
    import subprocess
    program = host.path("/usr/local/sbin/lonja-nothing")
    subprocess.run(["gcc", "-O2", "-w", "-x", "c", "-o", program, "-"], input=DO_NOTHING, text=True, check=True)
    unit = host.read("/lib/systemd/system/lonja-products.service")
    unit = re.sub(r"^ExecReload=.*\n", "", unit, flags=re.M)
    unit = re.sub(r"^ExecStart=.*$", "ExecStart=/usr/local/sbin/lonja-nothing", unit, flags=re.M)
    host.write("/run/systemd/system/lonja-nothing.service", unit)
    host.write("/run/systemd/system/lonja-nothing.socket",
               "[Socket]\nListenStream=127.0.0.1:18999\nNoDelay=yes\nIPAddressDeny=any\nIPAddressAllow=localhost\n")
    host.run("systemctl", "daemon-reload")
    host.run("systemctl", "start", "lonja-nothing.socket")

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Apt install, with the servers that the package recommends."""

import json
import os
import stat

import pytest


@pytest.fixture(scope="module")
def said(market):
    """What apt said when it installed Lonja and both servers. Where Lonja is already, nothing."""
    return market.install("old") if market.version is None else None


def test_it_ends_set_up(said, market, host):
    """it ends with Lonja set up, without a question"""
    assert said is not None, "this chapter comes before what needs the package"
    if "did not answer in time" in said:  # the package waits for a minute, which is not much for a slow machine
        assert "Then run: lonja setup" in said
        host.run("lonja", "setup", timeout=600)
    else:
        assert "Lonja is set up." in said, said[-3000:]
        assert "left to do" not in said
    assert host.run("lonja", "setup").stdout == "Nothing was to do: Lonja is set up.\n"


def test_nothing_runs(host, market, said):
    """nothing runs, and nothing is enabled but doors and the timer"""
    if said is None:  # somebody has knocked since
        host.run("systemctl", "stop", "lonja-*.service")
    running = host.sh("systemctl list-units --plain --no-legend --state=running 'lonja-*.service' | awk '{ print $1 }'")
    assert running == ""
    host.wait(lambda: host.sh("systemctl --failed --plain --no-legend") == "", "nothing has failed")
    for name, file in market.unit_files[1].items():
        if name != "lonja.service" and "Install" in file.sections:
            assert host.run("systemctl", "is-enabled", name, check=False).stdout == "disabled\n", name


@pytest.mark.anywhere
def test_doors_are_open(host, lonja):
    """every door is open, those for TLS wait for a certificate"""
    for name, unit in lonja.unit_files[0].items():
        enabled = host.run("systemctl", "is-enabled", name, check=False).stdout.strip()
        active = host.show(name, "ActiveState")
        assert (enabled, active) == (("enabled", "active") if unit.is_default else ("disabled", "inactive")), name


@pytest.mark.anywhere
def test_status_is_well(host, lonja):
    """lonja status finds everything well, and wakes nobody"""
    def all_sleep():
        """Unless the sweep has just found work for somebody."""
        for daemon in lonja.daemons.values():
            daemon.stop()
        daemons = json.loads(host.run("lonja", "status", "--json").stdout)["daemons"]
        return {daemons[word]["state"] for word in lonja.daemons} == {"asleep"}

    host.wait(all_sleep, "all sleep, and are well")


@pytest.mark.anywhere
def test_secrets_are_secret(host, lonja):
    """passwords are root's alone, and in no configuration file"""
    secrets = []
    for folder, _, files in os.walk(host.path("/etc/lonja/credentials")):
        assert stat.S_IMODE(os.stat(folder).st_mode) == 0o700, folder
        for file in files:
            path = os.path.join(folder, file)
            assert stat.S_IMODE(os.stat(path).st_mode) == 0o600, path
            with open(path) as f:
                secrets.append(f.read().strip())
    assert len(secrets) == 2, "the broker's two users"
    for secret in secrets:
        found = host.run("grep", "-rlF", "--exclude-dir=credentials", "-f", "-", "/etc", "/var/log", "/run", "/var/lib/lonja",
                         input=secret, check=False)
        assert found.stdout == ""


@pytest.mark.anywhere
def test_files_are_whole(host, lonja):
    """every file is as it was shipped, and belongs to the package"""
    assert host.run("dpkg", "--verify", "lonja").stdout == ""


@pytest.mark.anywhere
def test_units_verify(host, lonja):
    """systemd has no remark about any unit"""
    names = [name for kind in lonja.unit_files for name in kind if "@." not in name]
    done = host.run("systemd-analyze", "verify", "--man=yes", *names, check=False)
    said = [line for line in (done.stdout + done.stderr).splitlines() if "lonja" in line]
    # the manual pages of other packages are not in this tree
    assert [line for line in said if "man:systemd" not in line] == []


@pytest.mark.anywhere
def test_locked_in(host, lonja):
    """every service is locked in: an exposure of at most 1.5"""
    for name in lonja.unit_files[1]:
        host.run("systemd-analyze", "security", "--threshold=15", "--no-pager", name)


@pytest.mark.anywhere
def test_manual_pages(host, lonja):
    """apropos lonja finds the overview, the command, the configuration and every daemon"""
    found = host.sh("mandb -q && apropos lonja")
    pages = {line.split(" - ")[0].strip() for line in found.splitlines()}
    wanted = {"lonja (7)", "lonja (1)", "lonja.conf (5)"} | {f"lonja-{word} (8)" for word in lonja.daemons}
    assert wanted <= pages, found
    for name, file in [*lonja.unit_files[1].items(), *((s.name, s.file) for s in lonja.unit_files[0].values())]:
        for page in file.get("Unit", "Documentation", "").split():
            topic, _, section = page.removeprefix("man:").rstrip(")").partition("(")
            assert f"{topic} ({section})" in pages, f"{name}: {page}"


@pytest.mark.anywhere
def test_completion(host, lonja):
    """bash completes what follows lonja"""
    script = """
        . /usr/share/bash-completion/bash_completion
        COMP_WORDS=(lonja pro) COMP_CWORD=1 COMP_LINE='lonja pro' COMP_POINT=9
        __load_completion lonja
        $(complete -p lonja | sed 's/.*-F \\([^ ]*\\).*/\\1/') lonja pro lonja
        echo "${COMPREPLY[*]}"
    """
    assert "products" in host.sh(script).split()

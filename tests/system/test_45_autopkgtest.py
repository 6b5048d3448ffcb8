# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Debian's own way of testing an installed package."""

from conftest import MOUNTED

OUT = "/var/tmp/autopkgtest"


def test_autopkgtest(host, lonja, capsys):
    """autopkgtest installs what debian/tests wants, and its story passes"""
    host.apt("install", "autopkgtest", "apt-utils")
    said = host.run("autopkgtest", f"--output-dir={OUT}", "--no-built-binaries", lonja.packages["old"], f"{MOUNTED}/source/",
                    "--", "null", timeout=1500, check=False)
    summary = host.sh(f"cat {OUT}/summary || :")
    assert (said.returncode, summary.split()) == (0, ["story", "PASS"]), said.stdout[-3000:] + said.stderr[-3000:]
    with capsys.disabled():
        print("\n        " + host.sh(f"tail -n 1 {OUT}/story-stdout"), end=" ")

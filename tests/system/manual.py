# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja(7) as it is installed, read as an operator reads it: what it displays is to be typed or written."""

import re


def section(host, title):
    """Its source."""
    page = host.sh("man -w 7 lonja | xargs zcat -f")
    return re.search(rf"^\.Sh {title}$\n(.*?)(?=^\.Sh )", page, re.M | re.S).group(1)


def displays(host, title):
    """Of a section, in order, each with its lines; a display of one line (.Dl) counts, too."""
    found = re.findall(r"^\.Bd -literal[^\n]*\n(.*?)^\.Ed$|^\.Dl (.*?)$", section(host, title), re.M | re.S)
    return [(block or line + "\n").replace("\\e", "\\") for block, line in found]


def edit(host, unit, text):
    """systemctl edit on a terminal, with an editor that writes what the manual displays."""
    editor = "/run/lonja-editor"
    host.write(f"{editor}.text", text)
    host.write(editor, f"#!/bin/sh\nexec sed -i '/^### Anything between/r {editor}.text' \"$1\"\n")
    host.run("chmod", "0755", editor)
    host.run("script", "-qec", f"systemctl edit {unit}", "/dev/null", env={"SYSTEMD_EDITOR": editor})


def revert(host, unit):
    host.run("systemctl", "revert", unit)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What a daemon counts."""

import requests


def metric(url, name):
    """The integer that /metrics has under this name, labels included. Leaves no connection behind."""
    text = requests.get(f"{url}/metrics", timeout=60, headers={"Connection": "close"}).text
    return next(int(line.removeprefix(name)) for line in text.splitlines() if line.startswith(f"{name} "))

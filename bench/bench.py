#!/usr/bin/python3
# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""./dev bench [TOPIC...] [OPTIONS]: runs bench/TOPIC.py for each, all of them without a name."""

import os
import runpy
import sys

HERE = os.path.dirname(os.path.abspath(__file__))
# In the order in which they run.
TOPICS = ("products", "records", "calculations", "live", "schedules")


def main(arguments):
    topics = [a for a in arguments if a in TOPICS]
    rest = [a for a in arguments if a not in TOPICS]
    for topic in topics or TOPICS:
        sys.argv = [os.path.join(HERE, f"{topic}.py"), *rest]
        runpy.run_path(sys.argv[0], run_name="__main__")


if __name__ == "__main__":
    sys.path[:0] = [HERE, os.path.join(os.path.dirname(HERE), "tests/lib")]
    main(sys.argv[1:])

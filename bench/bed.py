# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""What the benches stand on: one stack whose PostgreSQL waits for its disk, and the others' processes beside it."""

import argparse
import os
import shutil
import sys
import tempfile

from process import Process
from stack import Stack

HERE = os.path.dirname(os.path.abspath(__file__))
PYTHON = "/usr/bin/python3"


def say(text):
    print(f"bench: {text}", file=sys.stderr, flush=True)


def parser(description, *, quick, rounds=None):
    """The options that the benches share; `rounds` is the default of those that alternate contenders."""
    made = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    made.add_argument("--build", required=True, type=os.path.abspath)
    made.add_argument("--quick", action="store_true", help=f"{quick}: does it run, roughly where")
    if rounds is not None:
        made.add_argument("--rounds", type=int, default=rounds)
        made.add_argument("--seconds", type=int, default=5, help="of each run")
    return made


class Bed:
    """`settings` are PostgreSQL's, `config` the stack's."""

    def __init__(self, options, *, settings=None, config=None):
        self.options = options
        self.directory = tempfile.mkdtemp(prefix="lj-bench-")
        os.chmod(self.directory, 0o711)
        self.stack = Stack(os.path.join(self.directory, "s"), build=options.build, config=config, pg_options={
            "fsync": True, "settings": {"shared_buffers": "128MB", **(settings or {})}})
        self.others = []

    def __enter__(self):
        say("starting servers")
        try:
            self.stack.start()
            self.start()
        except BaseException:
            self.stop()
            raise
        return self

    def __exit__(self, *_):
        self.stop()

    def start(self):
        """What a bench needs beside the stack."""

    def path(self, name):
        return os.path.join(self.directory, name)

    def start_other(self, name, *argv, env=None):
        """A contender; what it says goes to NAME.log."""
        process = Process.start(list(argv), log=self.path(f"{name}.log"), cwd=self.directory, env={
            "PATH": "/usr/bin:/bin", "LANG": "C.UTF-8", "PYTHONDONTWRITEBYTECODE": "1", **(env or {})})
        self.others.append(process)
        return process

    def stop(self):
        for process in self.others:
            process.signal(15)
            process.wait()
        self.stack.stop()
        shutil.rmtree(self.directory, ignore_errors=True)

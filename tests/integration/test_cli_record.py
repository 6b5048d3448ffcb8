# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja record: adding, listing, watching."""

import json
import re
import subprocess

from records import Records

OK, FAILED, USAGE, UNREACHABLE = range(4)


def test_add(lonja):
    before = Records(lonja).last()
    one = json.loads(lonja.run("record", "add", "--json", "¡hola!").stdout)
    assert (one["message"], one["client_type"], one["total"]) == ("¡hola!", "REST", before + 1)
    text = lonja.run("record", "add", "two", "three").stdout
    assert re.search(rf"^message +two$[^ñ]*^total +{before + 2}$[^ñ]*^message +three$[^ñ]*^total +{before + 3}$", text, re.M)


def test_wrong_use(lonja):
    for args in (("add",), ("add", ""), ("watch", "--since", "x"), ("watch", "--count", "0"), ("list", "x")):
        done = lonja.run("record", *args, check=False)
        assert done.returncode in (FAILED, USAGE) and done.stdout == "" and done.stderr.startswith("lonja: "), args


def test_list(lonja):
    made = [Records(lonja).add(f"listed {i}").json() for i in range(3)]
    span = [f"total__gte={made[0]['total']}", f"total__lte={made[2]['total']}"]
    assert json.loads(lonja.run("record", "list", "--json", *span).stdout) == made
    lines = lonja.run("record", "list", *span, "--ordering=-total").stdout.splitlines()
    assert lines[0].split() == ["TOTAL", "TIME", "BY", "MESSAGE"]
    assert [line.split()[0] for line in lines[1:]] == [str(r["total"]) for r in made[::-1]]


def test_watch(lonja):
    """From a given total on, over a restart of the daemon, each once and in order."""
    records = Records(lonja)
    before = records.last()
    made = [records.add("before").json()]
    argv, env = lonja.command("record", "watch", "--json", f"--since={before}", "--count=4")
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as watch:
        assert json.loads(watch.stdout.readline()) == made[0]
        made += [records.add(f"while {i}").json() for i in range(2)]
        assert [json.loads(watch.stdout.readline()) for _ in range(2)] == made[1:]
        lonja.daemon("gateway").restart()
        last = Records(lonja).add("after").json()
        assert json.loads(watch.stdout.readline()) == last
        assert watch.wait(60) == OK


def test_watch_begins_with_the_next(lonja):
    Records(lonja).add("old")
    argv, env = lonja.command("record", "watch", "--count=1")
    with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as watch:
        assert watch.stdout.readline().split()[0] == "TOTAL"  # it has looked where the end is
        Records(lonja).add("new one")
        assert watch.stdout.readline().rstrip().endswith("new one")
        assert watch.wait(60) == OK


def test_unreachable(lonja):
    done = lonja.run("record", "list", "--url=http://127.0.0.1:1", check=False)
    assert done.returncode == UNREACHABLE

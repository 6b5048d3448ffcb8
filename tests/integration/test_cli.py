# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The lonja command as people and scripts use it."""

import itertools
import json
import os
import pty
import re
import select
import subprocess
import time

import pytest
import tasks
from waiting import wait_for

OK, FAILED, USAGE, UNREACHABLE, NOT_FOUND, CONFLICT, FORBIDDEN, NOT_REACHED = range(8)

SOURCE = os.path.dirname(os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
BASH_COMPLETION = "/usr/share/bash-completion/bash_completion"

numbers = itertools.count(1)


@pytest.fixture
def product(lonja):
    """A product of the test's own: its code."""
    code = f"CLI-{next(numbers)}"
    lonja.run("products", "create", f"code={code}", "buying_price=90", "selling_price=100.5",
              "description=Aceite de oliva")
    return code


def as_json(done):
    return json.loads(done.stdout)


# products


def test_create_and_get(lonja, product):
    got = as_json(lonja.run("--json", "products", "get", product))
    assert (got["code"], got["selling_price"], got["version"]) == (product, "100.50", 1)
    text = lonja.run("products", "get", product).stdout
    assert re.search(r"^selling_price +100\.50$", text, re.M)
    assert re.search(r"^description +Aceite de oliva$", text, re.M)


def test_create_without_a_code(lonja):
    made = as_json(lonja.run("products", "create", "--json", "buying_price=1", "selling_price=2", "description=x"))
    assert re.fullmatch("[A-Z0-9]{15}", made["code"])


def test_create_twice(lonja, product):
    done = lonja.run("products", "create", f"code={product}", "buying_price=1", "selling_price=2", "description=x",
                     check=False)
    assert done.returncode == CONFLICT
    assert done.stdout == ""
    assert done.stderr.startswith("lonja: ")


def test_what_is_wrong_is_named(lonja):
    done = lonja.run("products", "create", "code=a b", "buying_price=abc", "selling_price=2", check=False)
    assert done.returncode == FAILED
    for field in ("code", "buying_price", "description"):
        assert f"/{field}: " in done.stderr
    done = lonja.run("products", "create", "colour=red", check=False)
    assert done.returncode == USAGE
    assert "colour" in done.stderr


def test_set(lonja, product):
    got = as_json(lonja.run("--json", "products", "set", product, "selling_price=110", "description=a=b"))
    assert (got["selling_price"], got["buying_price"], got["description"]) == ("110.00", "90.00", "a=b")
    stale = lonja.run("products", "set", product, "selling_price=1", "--if-version", "1", check=False)
    assert stale.returncode == CONFLICT
    assert as_json(lonja.run("products", "set", product, "selling_price=1", "--if-version", "2", "--json"))["version"] == 3


def test_delete(lonja, product):
    assert lonja.run("products", "delete", product).stdout == f"deleted {product}\n"
    done = lonja.run("products", "get", product, check=False)
    assert done.returncode == NOT_FOUND
    assert lonja.run("products", "delete", product, check=False).returncode == NOT_FOUND


def test_list(lonja, tmp_path):
    prefix = f"L{next(numbers)}-"
    rows = "".join(f"{prefix}{n:04},Item {n},1.00,{n}.00\n" for n in range(1, 1501))
    (tmp_path / "in.csv").write_text("code,description,buying_price,selling_price\n" + rows)
    assert "1500 created" in lonja.run("products", "import", str(tmp_path / "in.csv")).stdout
    own = [f"code__gte={prefix}", f"code__lte={prefix}zzzz"]

    table = lonja.run("products", "list", *own, "--ordering=-selling_price", "--limit=3").stdout.splitlines()
    assert table[0].split() == ["CODE", "BUYING", "SELLING", "UPDATED", "DESCRIPTION"]
    assert [line.split()[0] for line in table[1:]] == [f"{prefix}{n}" for n in (1500, 1499, 1498)]

    first = lonja.run("products", "list", *own)
    assert len(first.stdout.splitlines()) == 101
    assert "--all" in first.stderr
    everything = as_json(lonja.run("products", "list", *own, "--all", "--json"))
    assert len(everything) == 1500
    assert len({p["code"] for p in everything}) == 1500
    assert len(as_json(lonja.run("products", "list", *own, "--limit", "1200", "--json"))) == 1200
    assert as_json(lonja.run("products", "list", "code=nowhere", "--json")) == []
    assert len(as_json(lonja.run("products", "list", *own, "--search", "Item 77", "--json"))) > 0

    unknown = lonja.run("products", "list", "colour=red", check=False)
    assert unknown.returncode == FAILED
    assert "colour" in unknown.stderr


def test_export_and_import(lonja, product, tmp_path):
    out = tmp_path / "all.ndjson"
    lonja.run("products", "export", str(out))
    exported = [json.loads(line) for line in out.read_text().splitlines()]
    assert product in [p["code"] for p in exported]
    assert not (tmp_path / "all.ndjson.part").exists()
    again = as_json(lonja.run("--json", "products", "import", str(out)))
    assert (again["created"], again["updated"], again["unchanged"]) == (0, 0, len(exported))
    csv = lonja.run("products", "export", "--format", "csv").stdout
    assert csv.startswith("code,")
    assert lonja.run("products", "import", "-", "--format=csv", input=csv).stdout.startswith("0 created, 0 updated")
    refused = lonja.run("products", "import", str(out), "--create", check=False)
    assert refused.returncode == CONFLICT


def test_import_names_the_wrong_lines(lonja, tmp_path):
    (tmp_path / "bad.csv").write_text("code,description,buying_price,selling_price\nB1,x,1,2\nB2,x,one,2\nB3,,1,2\n")
    done = lonja.run("products", "import", str(tmp_path / "bad.csv"), check=False)
    assert done.returncode == FAILED
    assert "/3/buying_price" in done.stderr
    assert "/4/description" in done.stderr
    assert lonja.run("products", "get", "B1", check=False).returncode == NOT_FOUND


def test_export_that_fails_leaves_no_file(lonja, tmp_path):
    done = lonja.run("products", "export", str(tmp_path / "x.csv"), "--url", "http://127.0.0.1:1", check=False)
    assert done.returncode == UNREACHABLE
    assert os.listdir(tmp_path) == []


def test_text_from_outside_cannot_paint_the_terminal(lonja):
    code = f"CLI-{next(numbers)}"
    lonja.run("products", "create", f"code={code}", "buying_price=1", "selling_price=2",
              "description=red \033[31m and \u009b31m")
    assert "red ?[31m and ?31m" in lonja.run("products", "get", code).stdout
    assert "\033" not in lonja.run("products", "list", f"code={code}").stdout


# Where and who


def test_over_tcp_with_a_token(lonja, product, tmp_path):
    url = ["--url", lonja.products_url]
    assert as_json(lonja.run("--json", "products", "get", product, *url))["code"] == product
    change = ["products", "set", product, "selling_price=5", *url]
    assert lonja.run(*change, check=False).returncode == FORBIDDEN
    assert lonja.run(*change, env={"LONJA_TOKEN": lonja.token}).returncode == OK
    (tmp_path / "token").write_text(lonja.token + "\n")
    assert lonja.run(*change, "--token-file", str(tmp_path / "token")).returncode == OK
    assert lonja.run(*change, check=False, env={"LONJA_TOKEN": "lj_nonsense"}).returncode == FORBIDDEN
    assert lonja.run(*change, check=False, env={"LONJA_TOKEN": "two words"}).returncode == USAGE


def test_nobody_there(lonja):
    done = lonja.run("products", "list", "--url", "http://127.0.0.1:1", check=False)
    assert done.returncode == UNREACHABLE
    assert "127.0.0.1:1" in done.stderr


# Watching


class Watch:
    """lonja products get CODE --watch with its lines."""

    def __init__(self, lonja, *args):
        argv, env = lonja.command("products", "get", *args, "--watch")
        self.process = subprocess.Popen(argv, env=env, stdin=subprocess.DEVNULL, stdout=subprocess.PIPE,
                                        stderr=subprocess.PIPE, text=True)

    def line(self, timeout=30):
        assert select.select([self.process.stdout], [], [], timeout)[0], "no line in time"
        return self.process.stdout.readline()

    def product(self):
        return json.loads(self.line())

    def end(self, timeout=30):
        self.process.communicate(timeout=timeout)
        return self.process.returncode


def test_watch_until(lonja, product):
    """The client decides when to stop; a change is seen at once, not after the interval."""
    watch = Watch(lonja, product, "--json", "--interval", "600", "--until", "selling_price>=110")
    assert watch.product()["selling_price"] == "100.50"
    begin = time.monotonic()
    lonja.run("products", "set", product, "selling_price=109.99")
    assert watch.product()["selling_price"] == "109.99"
    lonja.run("products", "set", product, "selling_price=110")
    assert watch.product()["selling_price"] == "110.00"
    assert watch.end() == OK
    assert time.monotonic() - begin < 30


def test_watch_count_and_table(lonja, product):
    watch = Watch(lonja, product, "--interval", "1", "--count", "2")
    assert watch.line().split() == ["TIME", "CODE", "BUYING", "SELLING", "VERSION", "DESCRIPTION"]
    for _ in range(2):
        assert re.match(rf"\d\d:\d\d:\d\d  {product} +90\.00 +100\.50 +1  Aceite de oliva$", watch.line())
    assert watch.end() == OK


def test_watch_that_does_not_get_there(lonja, product):
    watch = Watch(lonja, product, "--count=1", "--until", "version>99")
    assert watch.end() == NOT_REACHED


def test_watch_through_a_restart_of_the_bridge(lonja, product):
    watch = Watch(lonja, product, "--json", "--interval", "600", "--until", "selling_price==7")
    watch.product()
    lonja.daemon("bridge").restart()
    while watch.product()["selling_price"] != "100.50":
        pass
    lonja.run("products", "set", product, "selling_price=7")
    while watch.product()["selling_price"] != "7.00":
        pass
    assert watch.end() == OK


def test_watch_over_tls(make_lonja):
    """A certificate that nobody vouches for is none."""
    lonja = make_lonja(tls=True)
    lonja.run("products", "create", "code=A1", "selling_price=100.50", "buying_price=90", "description=Aceite")
    bridge = "tls://{}:{}".format(*lonja.bridge_tls)
    assert Watch(lonja, "A1", "--bridge", bridge).end() == UNREACHABLE
    watch = Watch(lonja, "A1", "--bridge", bridge, "--ca-file", lonja.ca_file, "--json", "--until", "selling_price==7")
    assert watch.product()["selling_price"] == "100.50"
    lonja.run("products", "set", "A1", "selling_price=7")
    assert watch.product()["selling_price"] == "7.00"
    assert watch.end() == OK
    plain = "tls://{}:{}".format(*lonja.bridge)
    assert Watch(lonja, "A1", "--bridge", plain, "--ca-file", lonja.ca_file).end() == UNREACHABLE


def test_watch_mistakes(lonja):
    assert Watch(lonja, "NO-SUCH-PRODUCT").end() == NOT_FOUND
    assert Watch(lonja, "A1", "--until", "price>1").end() == USAGE
    assert Watch(lonja, "A1", "--count", "0").end() == USAGE
    assert Watch(lonja, "A1", "--interval", "soon").end() == USAGE
    assert Watch(lonja, "A1", "--bridge", "nowhere").end() == USAGE
    assert Watch(lonja, "A1", "--bridge", "127.0.0.1:1").end() == UNREACHABLE
    assert lonja.run("products", "get", "A1", "--until", "version>1", check=False).returncode == USAGE


# Users


def test_users(lonja):
    name = f"ana{next(numbers)}"
    made = as_json(lonja.run("user", "add", name, "--scopes", "read,write", "--json", input="first password\n"))
    assert (made["username"], made["scopes"], made["disabled"]) == (name, ["read", "write"], False)
    assert name in lonja.run("user", "list").stdout
    assert name in [u["username"] for u in as_json(lonja.run("--json", "user", "list"))]

    def log_in(password):
        return lonja.admin("POST", "/api/sessions", {"username": name, "password": password})[0]

    assert log_in("first password") == 201
    lonja.run("user", "passwd", name, input="second password\n")
    assert (log_in("first password"), log_in("second password")) == (401, 201)
    assert lonja.run("user", "disable", name).stdout == f"disabled {name}\n"
    assert log_in("second password") == 401
    assert lonja.run("user", "enable", name).stdout == f"enabled {name}\n"
    assert log_in("second password") == 201
    assert lonja.run("user", "add", name, check=False, input="other password\n").returncode == CONFLICT
    assert lonja.run("user", "disable", "nobody-here", check=False).returncode == NOT_FOUND
    assert lonja.run("user", "add", "short", check=False, input="short\n").returncode == FAILED
    assert lonja.run("user", "add", "none", check=False, input="").returncode == USAGE


def test_own_password(lonja):
    name = f"eva{next(numbers)}"
    token = lonja.session(name, "read", "first password")
    change = ["user", "passwd", name, "--own", "--url", lonja.products_url]
    wrong = lonja.run(*change, check=False, input="not the password\nsecond password\n", env={"LONJA_TOKEN": token})
    assert wrong.returncode == FORBIDDEN
    lonja.run(*change, input="first password\nsecond password\n", env={"LONJA_TOKEN": token})
    assert lonja.admin("POST", "/api/sessions", {"username": name, "password": "second password"})[0] == 201


def test_password_on_a_terminal(lonja):
    """Asked for twice, never shown."""
    name = f"ida{next(numbers)}"
    argv, env = lonja.command("user", "add", name)
    ours, theirs = pty.openpty()
    process = subprocess.Popen(argv, env=env, stdin=theirs, stdout=subprocess.PIPE, stderr=theirs, text=True)
    os.close(theirs)
    shown = b""
    for prompt in (b"Password for", b"Once more"):
        while prompt not in shown or not shown.endswith(b": "):
            assert select.select([ours], [], [], 30)[0]
            shown += os.read(ours, 1000)
        os.write(ours, b"typed password\n")
        shown += b"."
    out, _ = process.communicate(timeout=30)
    assert process.returncode == OK, shown
    assert b"typed password" not in shown
    assert name in out
    os.close(ours)
    assert lonja.admin("POST", "/api/sessions", {"username": name, "password": "typed password"})[0] == 201


# The state of everything


def test_status(make_lonja):
    """Degraded without the broker, down without the database, and nobody is woken."""
    lonja = make_lonja(own_pg=True, own_rmq=True)
    unused = as_json(lonja.run("--json", "status"))
    assert (unused["status"], unused["broker"]["queues"]) == ("ok", {})
    lonja.run("products", "create", "code=S1", "buying_price=1", "selling_price=2", "description=x")
    broker = tasks.Broker(lonja)
    wait_for(lambda: broker.has(tasks.QUEUE, consumers=1))
    lonja.daemon("products").stop()
    broker.channel.confirm_delivery()
    broker.send(b"{}")
    broker.close()

    well = lonja.run("--json", "status")
    answer = as_json(well)
    assert answer["status"] == "ok"
    assert answer["database"]["state"] == "up"
    assert answer["database"]["outbox"] == 0
    assert answer["database"]["event_head"] == answer["database"]["event_published"] == 1
    assert answer["broker"]["state"] == "up"
    assert answer["broker"]["queues"]["lonja.tasks.products"] == {"messages": 1, "consumers": 0}
    assert "Lonja is ok." in lonja.run("status").stdout
    assert lonja.daemon("products").state == "inactive"

    lonja.rmq.kill9()
    degraded = lonja.run("--json", "status", check=False)
    assert (degraded.returncode, as_json(degraded)["status"]) == (1, "degraded")
    assert as_json(degraded)["broker"]["state"] == "down"

    lonja.psql("INSERT INTO schema_migration VALUES (9999, 'from_the_future')")
    too_new = lonja.run("status", check=False)
    assert too_new.returncode == 2
    assert "schema-too-new" in too_new.stdout

    lonja.pg.kill9()
    down = lonja.run("status", check=False)
    assert down.returncode == 2
    assert "down" in down.stdout


# The command line


def test_help(lonja):
    overview = lonja.run("--help").stdout
    for words in ("products list", "user passwd NAME", "db migrate", "status"):
        assert words in overview
    assert "user add" not in lonja.run("products", "--help").stdout
    commands = re.findall(r"^  (\w+) ([\w-]+)", overview.partition("Options of every")[0], re.M)
    assert len(commands) >= 15
    for noun, verb in commands:
        words = [noun] if noun == "status" else [noun, verb]
        text = lonja.run(*words, "--help").stdout
        assert text.startswith(f"Usage: lonja {' '.join(words)}")
    assert re.match(r"lonja \d", lonja.run("--version").stdout)


@pytest.mark.parametrize("args, hint", [
    ([], "--help"), (["nonsense"], "nonsense"), (["products"], "verbs"), (["products", "paint"], "paint"),
    (["products", "get"], "CODE"), (["products", "get", "A", "B"], "CODE"), (["products", "list", "--nope"], "--nope"),
    (["products", "list", "--limit", "0"], "--limit"), (["products", "list", "x"], "FILTER=VALUE"),
    (["user", "add"], "NAME"), (["products", "set", "A1", "price"], "FIELD=VALUE"),
])
def test_usage(lonja, args, hint):
    done = lonja.run(*args, check=False)
    assert done.returncode == USAGE
    assert hint in done.stderr
    assert done.stdout == ""


@pytest.mark.skipif(not os.path.exists(BASH_COMPLETION), reason="no bash-completion here")
@pytest.mark.parametrize("line, among", [
    ("", {"products", "user", "db", "status"}), ("pro", {"products"}), ("products ", {"list", "get", "import"}),
    ("products l", {"list"}), ("products get --w", {"--watch"}), ("--json user d", {"disable"}),
    ("products export --format ", {"ndjson", "csv"}), ("products export --format=c", {"csv"}),
    ("products set A1 sell", {"selling_price="}), ("db migrate --", {"--sql-dir", "--help"}),
])
def test_completion(lonja, line, among):
    argv, env = lonja.command()
    words = [argv[0], *line.split(" ")]
    quoted = " ".join(f"'{w}'" for w in re.split(r"(=)|\x00", "\x00".join(words)) if w is not None)
    script = f"""
        source {BASH_COMPLETION}; source '{SOURCE}/completion/lonja'
        COMP_WORDS=({quoted}); COMP_CWORD=$((${{#COMP_WORDS[@]}} - 1)); COMP_LINE='{" ".join(words)}'
        COMP_POINT=${{#COMP_LINE}}; _lonja; printf '%s\\n' "${{COMPREPLY[@]}}" """
    done = subprocess.run(["bash", "-c", script], env=env, stdin=subprocess.DEVNULL, capture_output=True, text=True)
    assert among <= set(done.stdout.split()), done.stderr


def test_output_that_cannot_be_written(lonja):
    argv, env = lonja.command("--help")
    with open("/dev/full", "w") as full:
        done = subprocess.run(argv, env=env, stdout=full, stderr=subprocess.PIPE, text=True)
    assert done.returncode == FAILED

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja record: adding, listing, watching."""

import concurrent.futures
import json
import re
import subprocess

import grpc
import pytest

import grpcs
from records import Records
from rpcprobe import make_certificate

OK, FAILED, USAGE, UNREACHABLE = range(4)
FORBIDDEN = 6


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
    done = lonja.run("record", "watch", "--grpc=127.0.0.1:1", check=False)
    assert done.returncode == UNREACHABLE and done.stdout == ""


def test_watch_over_tls(make_lonja):
    lonja = make_lonja(tls=True)
    made = Records(lonja).add("secret").json()
    where = "--grpc=grpcs://{}:{}".format(*lonja.gateway_grpc_tls)
    done = lonja.run("record", "watch", "--json", "--since=0", "--count=1", where, f"--ca-file={lonja.ca_file}")
    assert json.loads(done.stdout) == made
    done = lonja.run("record", "watch", "--since=0", "--count=1", where, check=False)
    assert done.returncode == UNREACHABLE and "TLS failed" in done.stderr


def test_watch_without_the_right(make_lonja):
    lonja = make_lonja(config={"lonja": {"Auth": {"AnonymousRead": "no"}}})
    Records(lonja).add("mine")
    done = lonja.run("record", "watch", "--since=0", "--count=1", check=False)
    assert done.returncode == FORBIDDEN and "authentication-required" in done.stderr
    done = lonja.run("record", "watch", "--since=0", "--count=1", env={"LONJA_TOKEN": lonja.token})
    assert done.stdout.rstrip().endswith("mine")


class Foreign:
    """A gateway of python3-grpcio: `script` is called with each request and the context."""

    def __init__(self, script, credentials=None):
        self.protos = grpcs.lonja_protos()
        self.record = self.protos.message("lonja.v1.Record")
        self.requests = []
        self.script = script
        self.server = grpc.server(concurrent.futures.ThreadPoolExecutor(4))
        handler = grpc.unary_stream_rpc_method_handler(
            self.watch, self.protos.message("lonja.v1.WatchRecordsRequest").FromString, self.record.SerializeToString)
        self.server.add_generic_rpc_handlers(
            (grpc.method_handlers_generic_handler("lonja.v1.Records", {"Watch": handler}),))
        self.port = (self.server.add_secure_port("127.0.0.1:0", credentials) if credentials else
                     self.server.add_insecure_port("127.0.0.1:0"))
        self.server.start()

    def watch(self, request, context):
        self.requests.append((request.WhichOneof("begin"), request.since))
        context.send_initial_metadata((("lonja-since", str(request.since)),))
        yield from self.script(self, request, context)

    def make(self, total, message="m"):
        return self.record(id=total, total=total, message=message, client_type="GRPC", created_at="2026-11-22T03:35:00Z")

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.server.stop(None).wait()


def totals(text):
    return [json.loads(line)["total"] for line in text.splitlines()]


@pytest.mark.parametrize("with_tls", [False, True])
def test_a_foreign_server_that_comes_and_goes(lonja, tmp_path, with_tls):
    """Three records at a time, then UNAVAILABLE: the client comes back after the last. Messages beyond any window."""
    def script(server, request, context):
        for total in range(request.since + 1, request.since + 4):
            yield server.make(total, "ñ" * 10000)
        context.abort(grpc.StatusCode.UNAVAILABLE, "away; 100 %")

    credentials, options = None, ()
    if with_tls:
        ca = make_certificate(tmp_path)
        with open(tmp_path / "lonja_tls.key", "rb") as key, open(ca, "rb") as certificate:
            credentials = grpc.ssl_server_credentials([(key.read(), certificate.read())])
        options = (f"--ca-file={ca}",)
    with Foreign(script, credentials) as server:
        where = f"--grpc={'grpcs://localhost' if with_tls else '127.0.0.1'}:{server.port}"
        done = lonja.run("record", "watch", "--json", "--since=0", "--count=7", where, *options)
        assert totals(done.stdout) == list(range(1, 8))
        assert server.requests == [("since", n) for n in (0, 3, 6)]


def test_a_foreign_server_that_refuses(lonja):
    def script(server, request, context):
        yield server.make(1)
        context.abort(grpc.StatusCode.PERMISSION_DENIED, "insufficient-scope: ¡no!")

    with Foreign(script) as server:
        done = lonja.run("record", "watch", "--json", f"--grpc=127.0.0.1:{server.port}", check=False)
        assert done.returncode == FORBIDDEN and totals(done.stdout) == [1]
        assert done.stderr.endswith(": insufficient-scope: ¡no!\n") and server.requests == [(None, 0)]


def test_a_reader_of_the_output_that_does_not_read(lonja, scale):
    """Nothing is gathered for it: HTTP/2 stops the server."""
    n, sent = scale(400, 4000), []

    def script(server, request, context):
        for total in range(1, n + 1):
            sent.append(total)
            yield server.make(total, "ñ" * 10000)

    with Foreign(script) as server:
        argv, env = lonja.command("record", "watch", "--json", f"--grpc=127.0.0.1:{server.port}", f"--count={n}")
        with subprocess.Popen(argv, env=env, stdout=subprocess.PIPE, stdin=subprocess.DEVNULL, text=True) as watch:
            for total in range(1, n + 1):
                assert json.loads(watch.stdout.readline())["total"] == total
                assert len(sent) - total < 100  # 2 MB: the pipe, a window, and what grpcio keeps
            assert watch.wait(60) == OK

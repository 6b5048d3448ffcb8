# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""The gateway's gRPC doors with Debian's python3-grpcio: records, rights, health, reflection, TLS, drain."""

import json
import subprocess
import threading
import uuid

import grpc
import pytest
import requests

import grpcs
from rpcprobe import PATIENCE, status_of


class Door:
    def __init__(self, lonja, channel):
        self.lonja, self.channel = lonja, channel
        self.protos = grpcs.lonja_protos()
        self.records = self.service("lonja.v1.Records")

    def service(self, name):
        return self.protos.service(self.channel, name)

    def bearer(self, *more, token=None):
        return (("authorization", f"Bearer {token or self.lonja.token}"), *more)

    def add(self, message, key=None, token=None, **options):
        metadata = self.bearer(*([("idempotency-key", key)] if key else []), token=token)
        return self.records.Add(self.records.type("AddRecordRequest")(message=message), metadata=metadata,
                                timeout=PATIENCE, **options)

    def get(self, id, **options):
        return self.records.Get(self.records.type("GetRecordRequest")(id=id), timeout=PATIENCE, **options)

    def list(self, **fields):
        return self.records.List(self.records.type("ListRecordsRequest")(**fields), timeout=PATIENCE)


@pytest.fixture
def door(lonja):
    with grpcs.channel(lonja.gateway_grpc) as channel:
        yield Door(lonja, channel)


def test_add_get_list(door):
    first = door.add("hola por gRPC, ñandú")
    assert first.client_type == "GRPC" and first.created_at.endswith("Z") and first.id > 0
    second = door.add("otra vez")
    assert second.total == first.total + 1
    assert door.get(first.id) == first
    page = door.list(limit=1, client_type="GRPC")
    assert list(page.results) == [second] and page.next_before_id == second.id
    page = door.list(limit=1, before_id=page.next_before_id, client_type="GRPC")
    assert list(page.results) == [first]
    everything = door.list(limit=1000)
    assert everything.results[0] == second and (len(everything.results) == 1000) == (everything.next_before_id > 0)


def test_the_same_record_by_rest(door):
    record = door.add("una sola")
    shown = requests.get(f"{door.lonja.gateway_url}/api/records/{record.id}", timeout=PATIENCE).json()
    assert shown == {"id": record.id, "message": "una sola", "client_type": "GRPC", "created_at": record.created_at,
                     "total": record.total}


def test_a_key_means_one_record_whatever_the_door(door):
    key = str(uuid.uuid4())
    first = door.add("una vez", key)
    assert door.add("una vez", key) == first
    assert status_of(lambda: door.add("otra cosa", key))[0] == "FAILED_PRECONDITION"
    assert status_of(lambda: door.add("otra cosa", key))[1].startswith("idempotency-key-reused: ")
    answer = requests.post(f"{door.lonja.gateway_url}/api/records", json={"message": "una vez"}, timeout=PATIENCE,
                           headers={"Authorization": f"Bearer {door.lonja.token}", "Idempotency-Key": key})
    assert answer.status_code == 201 and answer.json()["id"] == first.id
    _, call = door.records.Add.with_call(door.records.type("AddRecordRequest")(message="una vez"), timeout=PATIENCE,
                                         metadata=door.bearer(("idempotency-key", key)))
    assert ("idempotency-replayed", "true") in [tuple(m) for m in call.initial_metadata()]


@pytest.mark.parametrize("message", ["", "x" * 10001])
def test_bad_messages(door, message):
    code, details = status_of(lambda: door.add(message))
    assert code == "INVALID_ARGUMENT" and details.startswith("invalid-input: ")
    assert status_of(lambda: door.add("x", key="k" * 256))[0] == "INVALID_ARGUMENT"


def test_rights(door):
    reader = door.lonja.session("grpc-reader", "read")
    assert status_of(lambda: door.add("x", token=reader)) == (
        "PERMISSION_DENIED", "insufficient-scope: this needs the scope write")
    code, details = status_of(lambda: door.add("x", token="lj_nonsense"))
    assert code == "UNAUTHENTICATED" and details.startswith("invalid-token: ")
    code, details = status_of(lambda: door.records.Add(door.records.type("AddRecordRequest")(message="x"),
                                                       timeout=PATIENCE))
    assert code == "UNAUTHENTICATED" and details.startswith("authentication-required: ")
    record = door.add("para leer")
    # AnonymousRead=loopback, but not through somebody's proxy.
    assert door.get(record.id).id == record.id
    assert status_of(lambda: door.get(record.id, metadata=(("x-forwarded-for", "192.0.2.1"),)))[0] == "UNAUTHENTICATED"
    assert door.get(record.id, metadata=door.bearer(token=reader)).id == record.id
    requests.delete(f"{door.lonja.gateway_url}/api/sessions/current", timeout=PATIENCE,
                    headers={"Authorization": f"Bearer {reader}"}).raise_for_status()
    assert status_of(lambda: door.get(record.id, metadata=door.bearer(token=reader)))[0] == "UNAUTHENTICATED"


def test_not_found(door):
    assert status_of(lambda: door.get(2 ** 62)) == ("NOT_FOUND", "not-found: there is no such record")


def test_health_and_reflection(door):
    health = door.service("grpc.health.v1.Health")
    check = health.type("HealthCheckRequest")
    assert health.Check(check(service="lonja.v1.Records"), timeout=PATIENCE).status == 1
    for version in ("v1", "v1alpha"):
        reflection = door.service(f"grpc.reflection.{version}.ServerReflection")
        ask = reflection.type("ServerReflectionRequest")
        listed, file = reflection.ServerReflectionInfo(
            iter([ask(list_services=""), ask(file_containing_symbol="lonja.v1.Records")]), timeout=PATIENCE)
        names = [s.name for s in listed.list_services_response.service]
        assert {"lonja.v1.Records", "grpc.health.v1.Health", "grpc.reflection.v1alpha.ServerReflection"} <= set(names)
        assert len(names) == len(set(names))
        # What came describes the service: a second client is made of it alone.
        told = grpcs.Protos()
        from google.protobuf import descriptor_pb2

        told.add([descriptor_pb2.FileDescriptorProto.FromString(b)
                  for b in file.file_descriptor_response.file_descriptor_proto])
        records = told.service(door.channel, "lonja.v1.Records")
        assert records.List(records.type("ListRecordsRequest")(limit=1), timeout=PATIENCE)


def test_request_id_reaches_the_event(door):
    id = f"grpc-{uuid.uuid4()}"
    _, call = door.records.Add.with_call(door.records.type("AddRecordRequest")(message="con id"), timeout=PATIENCE,
                                         metadata=door.bearer(("x-request-id", id)))
    assert ("x-request-id", id) in [tuple(m) for m in call.initial_metadata()]
    count = "SELECT count(*) FROM (SELECT request_id FROM event UNION ALL SELECT request_id FROM outbox) e"
    assert door.lonja.psql(f"{count} WHERE request_id = '{id}'").strip() == "1"


def test_metrics(door):
    door.add("contado")
    text = requests.get(f"{door.lonja.gateway_url}/metrics", timeout=PATIENCE).text
    counted = dict(line.rsplit(" ", 1) for line in text.splitlines() if not line.startswith("#"))
    assert int(counted['lonja_grpc_calls_total{code="OK"}']) > 0 and int(counted["lonja_grpc_connections"]) > 0


def test_concurrent_adds_have_dense_totals(door, scale):
    n = scale(300, 5000)
    futures = [door.records.Add.future(door.records.type("AddRecordRequest")(message=f"m{i}"), timeout=PATIENCE,
                                       metadata=door.bearer()) for i in range(n)]
    totals = sorted(f.result().total for f in futures)
    assert totals == list(range(totals[0], totals[0] + n))


def test_tls_on_a_passed_socket(make_lonja):
    lonja = make_lonja(tls=True)
    with grpcs.channel(lonja.gateway_grpc_tls, ca=lonja.ca_file) as channel:
        assert Door(lonja, channel).add("cifrado").client_type == "GRPC"


def test_restarts_lose_no_call(make_lonja):
    """Clients that call on while the daemon is restarted see no error: it drains, the socket stays."""
    lonja = make_lonja()
    with grpcs.channel(lonja.gateway_grpc) as channel:
        door = Door(lonja, channel)
        done, errors, stopping = [], [], threading.Event()

        def work(i):
            while not stopping.is_set():
                try:
                    done.append(door.add(f"w{i}", key=str(uuid.uuid4()), wait_for_ready=True).total)
                except grpc.RpcError as e:
                    errors.append((e.code(), e.details()))

        door.add("primero")
        threads = [threading.Thread(target=work, args=(i,)) for i in range(4)]
        for t in threads:
            t.start()
        for _ in range(2):
            before = len(done)
            lonja.daemon("gateway").restart()
            while len(done) < before + 20 and not errors:
                stopping.wait(0.01)
        stopping.set()
        for t in threads:
            t.join(PATIENCE)
    assert not errors
    assert len(set(done)) == len(done)
    rows = json.loads(lonja.psql("SELECT json_build_object('n', count(*), 'last', max(total)) FROM record"))
    assert rows["n"] == rows["last"] == len(done) + 1


def test_database_away(make_lonja):
    lonja = make_lonja(own_pg=True)
    with grpcs.channel(lonja.gateway_grpc) as channel:
        door = Door(lonja, channel)
        door.add("antes")
        lonja.pg.stop()
        code, details = status_of(lambda: door.add("durante"))
        assert code in ("UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED") and ": " in details
        lonja.pg.start()
        for _ in range(PATIENCE * 10):
            try:
                assert door.add("después").total >= 2
                break
            except grpc.RpcError as e:
                assert e.code().name in ("UNAVAILABLE", "UNKNOWN", "DEADLINE_EXCEEDED")
                threading.Event().wait(0.1)
        else:
            pytest.fail("it did not come back")


def test_with_nothing_but_curl(door):
    """The README's way: a message by hand, framed by hand."""
    host, port = door.lonja.gateway_grpc
    done = subprocess.run(
        ["curl", "-s", "--http2-prior-knowledge", "-H", f"Authorization: Bearer {door.lonja.token}",
         "-H", "Content-Type: application/grpc", "-H", "TE: trailers", "--data-binary", "@-",
         f"http://{host}:{port}/lonja.v1.Records/Add"], input=b"\0\0\0\0\6\n\4hola", stdout=subprocess.PIPE, check=True)
    record = door.protos.message("lonja.v1.Record").FromString(done.stdout[5:])
    assert (record.message, record.client_type) == ("hola", "GRPC")

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja.v1.Calculator with Debian's python3-grpcio."""

import uuid

import grpc
import pytest
import requests

import grpcs

PATIENCE = 60


class Door:
    def __init__(self, lonja, channel):
        self.service = grpcs.lonja_protos().service(channel, "lonja.v1.Calculator")
        self.type = self.service.type
        self.metadata = (("authorization", f"Bearer {lonja.token}"),)

    def call(self, method, request, key=None, **options):
        metadata = self.metadata + ((("idempotency-key", key),) if key else ())
        return getattr(self.service, method)(request, timeout=PATIENCE, metadata=metadata, **options)

    def operands(self, method, *operands, **options):
        return self.call(method, self.type("OperandsRequest")(
            operands=operands, options=self.type("CalculationOptions")(**options)))

    def evaluate(self, expression, key=None, **options):
        return self.call("Evaluate", self.type("EvaluateRequest")(
            expression=expression, options=self.type("CalculationOptions")(**options)), key)

    def get(self, identifier):
        return self.call("Get", self.type("GetCalculationRequest")(id=identifier))


@pytest.fixture
def door(lonja):
    with grpcs.channel(lonja.gateway_grpc) as channel:
        yield Door(lonja, channel)


def status_of(call):
    with pytest.raises(grpc.RpcError) as e:
        call()
    return e.value.code(), e.value.details()


def test_operations(door):
    assert door.operands("Add", "0.1", "0.2").value == "0.3"
    assert door.operands("Subtract", "1", "3").value == "-2"
    assert door.operands("Multiply", "1.5", "4").value == "6"
    third = door.operands("Divide", "1", "3", digits=5)
    assert (third.value, third.exact, third.fraction, third.state) == ("0.33333", False, "1/3", "done")


def test_evaluate(door):
    done = door.evaluate("(2+3)*4/7")
    assert done.value == "2.857142857142857142857142857142857" and done.fraction == "20/7"
    assert door.get(done.id) == done
    failed = door.evaluate("1 + 1/0")
    assert (failed.state, failed.error, failed.position) == ("failed", "division-by-zero", 6) and failed.detail
    passing = door.evaluate("2*3", transient=True)
    assert passing.value == "6" and passing.id == "" and passing.created_at == ""


def test_submit_and_watch(door):
    request = door.type("SubmitCalculationRequest")(operation="power", operands=["2", "10"])
    made = door.call("Submit", request)
    assert made.state == "queued" and made.expression == "power(2, 10)"
    seen = list(door.call("Watch", door.type("GetCalculationRequest")(id=made.id)))
    assert seen[-1].state == "done" and seen[-1].value == "1024"
    assert [c.state for c in seen] == sorted({c.state for c in seen}, key=["queued", "running", "done"].index)


def test_a_watch_ends_with_its_session(make_lonja):
    lonja = make_lonja()
    calculator = lonja.daemon("calculator")
    calculator.start()
    calculator.pause()  # so that nothing else ends it
    try:
        with grpcs.channel(lonja.gateway_grpc) as channel:
            door = Door(lonja, channel)
            made = door.call("Submit", door.type("SubmitCalculationRequest")(expression="1+1"))
            token = lonja.session("watcher", "read")
            watches = []
            for who in (token, lonja.token):
                door.metadata = (("authorization", f"Bearer {who}"),)
                watches.append(door.call("Watch", door.type("GetCalculationRequest")(id=made.id)))
                assert next(watches[-1]).state == "queued"
            requests.delete(f"{lonja.gateway_url}/api/sessions/current", timeout=PATIENCE,
                            headers={"Authorization": f"Bearer {token}"}).raise_for_status()
            mine, other = watches
            assert status_of(lambda: list(mine)) == (grpc.StatusCode.UNAUTHENTICATED,
                                                     "invalid-token: the session has ended")
            calculator.cont()
            assert list(other)[-1].value == "2"
    finally:
        calculator.cont()


def test_the_same_key_is_the_same_calculation(door):
    key = str(uuid.uuid4())
    first = door.evaluate("1/8", key)
    assert door.evaluate("1/8", key) == first
    code, details = status_of(lambda: door.evaluate("1/9", key))
    assert details.startswith("idempotency-key-reused")


def test_a_deadline_expires(door):
    assert door.evaluate("1+1", deadline="2020-01-01T00:00:00Z").state == "expired"


def test_what_is_wrong(door):
    code, details = status_of(lambda: door.evaluate("1+"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and details.startswith("invalid-input: /expression")
    code, details = status_of(lambda: door.operands("Add", "1"))
    assert code == grpc.StatusCode.INVALID_ARGUMENT and "/operands" in details
    code, _ = status_of(lambda: door.evaluate("1", digits=5000))
    assert code == grpc.StatusCode.INVALID_ARGUMENT
    code, _ = status_of(lambda: door.get("0" * 32))
    assert code == grpc.StatusCode.NOT_FOUND
    door.metadata = ()
    code, _ = status_of(lambda: door.evaluate("1"))
    assert code == grpc.StatusCode.UNAUTHENTICATED

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""Random calculations through every door, compared digit for digit with an independent arithmetic."""

import concurrent.futures
import json
import random

import pytest

import grpcs
from arithmetic import Case
from calculations import Client, Rpc


@pytest.fixture
def cases(scale, seed):
    source = random.Random(seed)
    return [Case(source) for _ in range(scale(150, 10000))]


def slug_of(error):
    return error["type"].rpartition(":")[2] if error else None


@pytest.mark.limit(3600)
def test_rest(lonja, cases):
    client = Client(lonja)

    def ask(i):
        body = {"expression": cases[i].text, "digits": cases[i].digits, "durable": i % 2 == 0}
        answer = client.submit(body, wait="60s")
        assert answer.status_code == 200, answer.text
        calculation = answer.json()
        cases[i].check(calculation["state"], calculation["result"], slug_of(calculation["error"]))

    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        list(pool.map(ask, range(len(cases))))


@pytest.mark.limit(3600)
def test_amqp_rpc(lonja, cases):
    lonja.daemon("calculator").start()
    with Rpc(lonja) as rpc:
        sent = [rpc.send(json.dumps({"expression": c.text, "digits": c.digits})) for c in cases]
        for case, answer in zip(cases, rpc.wait(sent, 600)):
            case.check(answer["state"], answer["result"], slug_of(answer["error"]))


@pytest.mark.limit(3600)
def test_grpc(lonja, cases):
    with grpcs.channel(lonja.gateway_grpc) as channel:
        service = grpcs.lonja_protos().service(channel, "lonja.v1.Calculator")
        options = service.type("CalculationOptions")
        metadata = (("authorization", f"Bearer {lonja.token}"),)
        calls = [(case, service.Evaluate.future(
            service.type("EvaluateRequest")(expression=case.text, options=options(digits=case.digits, transient=i % 2 == 1)),
            timeout=600, metadata=metadata)) for i, case in enumerate(cases)]
        for case, call in calls:
            answer = call.result()
            result = {"value": answer.value, "exact": answer.exact, "fraction": answer.fraction or None}
            case.check(answer.state, result, answer.error)

# SPDX-License-Identifier: Apache-2.0
# SPDX-FileCopyrightText: Lonja contributors
"""lonja-gateway as a daemon: its doors, its accounts, its staying and leaving."""

import requests


def test_operation(lonja):
    for path in ("healthz", "readyz", "metrics"):
        assert requests.get(f"{lonja.gateway_url}/{path}").status_code == 200, path
    document = requests.get(f"{lonja.gateway_url}/api/schema").json()
    assert document["openapi"].startswith("3.1")
    assert {"/api/users", "/readyz"} <= set(document["paths"])


def test_a_token_of_one_daemon_opens_the_other(lonja):
    headers = {"Authorization": f"Bearer {lonja.token}"}
    made = requests.post(f"{lonja.gateway_url}/api/users", headers=headers,
                         json={"username": "gateway-user", "password": "correct horse", "scopes": ["read"]})
    assert made.status_code == 201, made.text
    session = requests.post(f"{lonja.gateway_url}/api/sessions",
                            json={"username": "gateway-user", "password": "correct horse"})
    token = session.json()["token"]
    for url in (lonja.gateway_url, lonja.products_url):
        me = requests.get(f"{url}/api/sessions/current", headers={"Authorization": f"Bearer {token}"})
        assert me.status_code == 200 and me.json()["user"] == "gateway-user"


def test_https(make_lonja):
    lonja = make_lonja(tls=True)
    assert requests.get(f"{lonja.gateway_tls_url}/healthz", verify=lonja.ca_file).status_code == 200


def test_leaves_when_idle_only_if_it_need_not_wait_for_records(make_lonja):
    short = {"Service": {"IdleExitSec": "1"}}
    lonja = make_lonja(config={"gateway": {**short, "Gateway": {"AmqpRecords": "no"}}})
    daemon = lonja.daemon("gateway")
    requests.get(f"{lonja.gateway_url}/api/schema")
    daemon.wait("inactive", 60)

    # The option holds it, and a reload lets it go.
    lonja.configure({"gateway": {**short, "Gateway": {"AmqpRecords": "yes"}}})
    requests.get(f"{lonja.gateway_url}/api/schema")
    daemon.wait_ready()
    pid = daemon.pid
    lonja.configure({"gateway": {**short, "Gateway": {"AmqpRecords": "no"}}})
    assert daemon.pid == pid
    daemon.signal("HUP")
    daemon.wait("inactive", 60)

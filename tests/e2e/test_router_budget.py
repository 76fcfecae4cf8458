"""A budget of dollars per thousand requests: a router's own, and a tenant's."""

import hashlib
import http.client
import json
import subprocess

import pytest

from conftest import FULCRUM, Server
from test_ledger import export
from test_router_train import make_rows, router as router_command, write

REQUESTS = 240
BUDGET = 0.008  # dollars per thousand: some way between all to desk-small and all to desk-large
CONFIG = f"""\
routers:
  - name: thrifty
    models: [desk-small, desk-large]
    predictor: own.route
    budget: {BUDGET}
  - name: plain
    models: [desk-small, desk-large]
    predictor: own.route
tenants:
  - name: paying
    bearer: [{hashlib.sha256(b"paying").hexdigest()}]
    routing: {{budget: {BUDGET}}}
  - name: other
    bearer: [{hashlib.sha256(b"other").hexdigest()}]
    routing: {{tolerance: 1}}
"""
ROWS = make_rows(REQUESTS)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("budget")
    names = {"small": "desk-small", "large": "desk-large"}
    rows = [{**row, "cost": {}, "quality": {names[key]: value for key, value in row["quality"].items()}}
            for row in ROWS]
    done = router_command("train", "--data", write(folder / "rows.jsonl", rows), "--out", folder / "own.route")
    assert done.returncode == 0, done.stderr
    running = Server(config=CONFIG, workdir=folder)
    yield running
    assert running.stop() == 0


def ask_all(server, router, tenant, count=REQUESTS):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    said = []
    for i in range(count):
        body = {"messages": [{"role": "user", "content": [{"text": ROWS[i]["prompt"]}]}],
                "inferenceConfig": {"maxTokens": 4, "temperature": 0}}
        connection.request("POST", f"/model/{router}/converse", json.dumps(body),
                           {"Content-Type": "application/json", "Authorization": f"Bearer {tenant}"})
        reply = connection.getresponse()
        reply.read()
        assert reply.status == 200
        said.append((i, reply.headers["x-fulcrum-route"], int(reply.headers["x-fulcrum-cost"])))
    connection.close()
    return said


@pytest.mark.parametrize("router, tenant", [("thrifty", "other"), ("plain", "paying")])
def test_spending_follows_the_budget(own, router, tenant):
    said = ask_all(own, router, tenant)
    spent = sum(cost for _, _, cost in said) / REQUESTS * 1e-9
    models = [route.split(";")[0] for _, route, _ in said]
    assert all(route.endswith("reason=budget") for _, route, _ in said)
    assert 0.7 * BUDGET < spent < 1.25 * BUDGET, (spent, models.count("desk-large"))
    assert {"desk-small", "desk-large"} == set(models)


def test_a_tenant_without_one_is_not_bound(own):
    said = ask_all(own, "plain", "other")
    assert {route.partition(";")[0] for _, route, _ in said} == {"desk-small"}


def test_the_bill_is_the_ledger_s(own):
    ask_all(own, "plain", "paying", 3)
    lines = export(own).values()
    of_paying = [line for line in lines if line["tenant"] == "paying"]
    assert {line["router"] for line in of_paying} == {"budget"}


def test_budget_and_tolerance_exclude_each_other(tmp_path):
    path = tmp_path / "fulcrum.yaml"
    path.write_text("tenants:\n  - name: t\n    bearer: [" + "a" * 64 + "]\n    routing:\n      tolerance: 0.1\n"
                    "      budget: 0.5\n")
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], capture_output=True, text=True, timeout=20,
                          check=False)
    assert done.returncode == 2 and "tenants[0].routing.budget: expected one of tolerance and budget" in done.stderr
    assert ":6:" in done.stderr

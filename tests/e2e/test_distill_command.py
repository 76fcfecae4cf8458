"""`fulcrum distill`: customization jobs from the command line."""

import json
import os
import subprocess

import pytest

from batch_fixture import Store, jsonl
from conftest import FULCRUM, Server
from custom_fixture import FAST, INTENTS, line, request
from test_distillation import config_of, distill

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def server(tmp_path_factory, random_model, slow_model):
    running = Server(config=config_of(random_model, slow_model), workdir=tmp_path_factory.mktemp("command"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="command")


def run(server, *arguments, body=None, status=0):
    done = subprocess.run(
        [str(FULCRUM), "distill", *arguments, "--endpoint", server.url], text=True, capture_output=True,
        timeout=120, check=False, input=body,
        env={**os.environ, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret"})
    assert done.returncode == status, done.stderr
    return done.stdout if status == 0 else done.stderr


def test_a_job_from_submission_to_its_worth(server, store):
    store.put("command.jsonl", jsonl([line(f"About my {word}.") for word in INTENTS for _ in range(5)]))
    body = json.dumps(distill(store, "command", hyperParameters={**FAST, "epochCount": "5"}))
    job = run(server, "submit", "--request", "-", body=body).strip()
    assert ":model-customization-job/" in job
    shown = run(server, "wait", job)
    assert shown.splitlines()[-1].startswith(f"{job[-12:]} Completed training step ")
    shown = run(server, "show", job)
    assert "teacher      4 of 4 prompts answered" in shown and "cost         $0.0" in shown
    assert "break-even   the ledger has no request to the teacher" in shown
    for _ in range(10):
        server.client().converse(modelId="amazon.nova-pro-v1:0", inferenceConfig={"maxTokens": 8}, messages=[
            {"role": "user", "content": [{"text": "About my refund."}]}])
    told = json.loads(run(server, "show", "command", "--json"))
    worth, cost = told["breakEven"], told["progress"]["teacher"]["costPicodollars"]
    assert worth["seenRequests"] == 10 and cost > 0
    # Pro costs 0.80 and 3.20 dollars a million tokens, Lite 0.06 and 0.24: the same requests, 92.5% cheaper
    assert worth["requests"] == -(-cost // worth["savedPerRequestPicodollars"])
    assert f"after {worth['requests']} requests" in run(server, "show", job)
    listed = run(server, "list", "--status", "Completed").splitlines()
    assert listed[0].split() == ["JOB", "STATUS", "STAGE", "TYPE", "CREATED", "NAME"]
    assert listed[1].split()[:4] == [job[-12:], "Completed", "training", "DISTILLATION"]
    assert json.loads(run(server, "list", "--json"))["jobArn"] == job


def test_a_job_that_is_stopped_or_fails_ends_with_status_1(server, store):
    store.put("halt.jsonl", jsonl([line(f"About my {word}.", "x") for word in INTENTS for _ in range(5)]))
    body = json.dumps(request(store, "halt", "halt.jsonl", hyperParameters={**FAST, "epochCount": "1000"}))
    job = run(server, "submit", "--request", "-", body=body).strip()
    run(server, "stop", job)
    assert f"{job[-12:]} is Stopped" in run(server, "wait", job, status=1)
    body = json.dumps(request(store, "gone", "nothing.jsonl"))
    job = run(server, "submit", "--request", "-", body=body).strip()
    assert "is Failed: There is no object" in run(server, "wait", job, status=1)


def test_wrong_usage_ends_with_status_2(server):
    assert "usage" in run(server, "show", status=2)
    assert "--request" in run(server, "submit", status=2)
    assert "There is no model customization job" in run(server, "show", "nobody", status=1)

"""Budgets and keys by the console's API; alerts by web hooks; rows of /metrics; records of batch jobs."""

import json
import urllib.error
import urllib.request

import boto3
import openai
import pytest

import batch_fixture
import s3_fixture
from conftest import metrics, start, wait_until
from keys_fixture import MODEL, ask_openai, keys, keys_remote, until_refused, works
from test_alarms import Receiver
from test_ledger import export

TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"


@pytest.fixture(scope="module")
def hook():
    receiver = Receiver()
    yield receiver
    receiver.close()


@pytest.fixture(scope="module")
def served(tmp_path_factory, random_model, hook):
    extra = f"""\
alarms:
  retry: 50
  actions: {{"{TOPIC}": {{url: "{hook.url}/ops"}}}}
"""
    server = start(tmp_path_factory.mktemp("budgets"), random_model, deterministic=False, extra=extra)
    yield server
    assert server.stop() == 0


def ask(server, method, name, body=None, **headers):
    """Status and answer of the console's API."""
    request = urllib.request.Request(f"{server.url}/fulcrum/{name}", method=method, headers=headers,
                                     data=None if body is None else json.dumps(body).encode())
    try:
        with urllib.request.urlopen(request, timeout=30) as reply:
            return reply.status, json.loads(reply.read())
    except urllib.error.HTTPError as error:
        return error.code, json.loads(error.read())


def test_keys_by_the_api(served):
    wish = {"name": "web", "tenant": "shop", "expires": "30d", "models": ["amazon.*"], "tags": {"team": "red"},
            "requestsPerMinute": 100, "budgets": {"day": "0.5", "month": 3}}
    status, made = ask(served, "POST", "keys", wish)
    assert status == 200 and made["key"].startswith("sk-fulcrum-") and made["state"] == "active"
    assert ask_openai(served, made["key"]).usage.completion_tokens == 5  # at once
    _, listed = ask(served, "GET", "keys")
    row = next(key for key in listed["keys"] if key["id"] == made["id"])
    assert "key" not in row and "secretAccessKey" not in row
    assert (row["tenant"], row["models"], row["tags"]) == ("shop", ["amazon.*"], {"team": "red"})
    assert row["requestsPerMinute"] == 100 and row["tokensPerMinute"] is None
    _, all_budgets = ask(served, "GET", "budgets")
    budgets = {row["period"]: row for row in all_budgets["budgets"] if row["name"] == made["id"]}
    assert budgets["day"]["limitDollars"] == "0.500000000000" and budgets["month"]["limitPicodollars"] == 3 * 10**12
    cost = sum(line["costPicodollars"] for line in export(served).values() if line["keyId"] == made["id"])
    assert budgets["day"]["spentPicodollars"] == cost > 0
    assert budgets["day"]["leftPicodollars"] == 5 * 10**11 - cost and budgets["day"]["reservedPicodollars"] == 0
    # Another amount holds at once; then the key is gone at once.
    status, _ = ask(served, "POST", "budgets", {"of": "key", "name": made["id"], "day": 0.000001})
    assert status == 200
    with pytest.raises(openai.RateLimitError) as refused:
        ask_openai(served, made["key"])
    assert refused.value.type == "insufficient_quota"
    assert ask(served, "POST", "budgets", {"of": "key", "name": made["id"], "day": "0", "month": 0})[0] == 200
    assert ask_openai(served, made["key"])
    assert not [row for row in ask(served, "GET", "budgets")[1]["budgets"] if row["name"] == made["id"]]
    assert ask(served, "DELETE", f"keys/{made['id']}") == (200, {"id": made["id"], "state": "revoked"})
    with pytest.raises(openai.AuthenticationError):
        ask_openai(served, made["key"])


@pytest.mark.parametrize("name, body, message", [
    ("keys", {"name": 5}, "name: expected a string"),
    ("keys", {"models": ["a b"]}, "models[0]: expected a model ID"),
    ("keys", {"budgets": {"day": "x"}}, "day: expected dollars"),
    ("keys", {"budgets": {"day": True}}, "budgets.day: expected dollars"),
    ("keys", {"tags": {"a": 1}}, "tags.a: expected a string"),
    ("keys", {"requestsPerMinute": -1}, "requestsPerMinute: "),
    ("keys", {"alert": "arn:nobody", "budgets": {"day": 1}}, "alert: expected one of alarms.actions"),
    ("keys", [], "expected an object"),
    ("budgets", {"of": "planet", "day": 1}, "of: expected tenant, key or tag"),
    ("budgets", {"of": "key", "name": "nobody", "day": 1}, "name: expected the ID of a key"),
    ("budgets", {"of": "tag", "name": "red", "day": 1}, "tag: expected KEY=VALUE"),
    ("budgets", {"of": "tenant", "day": 1}, "tenant: expected a name"),
])
def test_wrong_bodies_are_told(served, name, body, message):
    status, answer = ask(served, "POST", name, body)
    assert status == 400 and message in json.dumps(answer), answer


def test_a_key_is_no_administrator(served):
    other = keys(served, "create", "other", "--tenant", "other", "--day", "1")
    made = keys(served, "create", "user", "--tenant", "user")  # once the server knows the later one it knows both
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"])), timeout=10)
    bearer = {"authorization": f"Bearer {made['key']}"}
    for method, name, body in [("POST", "keys", {}), ("POST", "budgets", {"of": "tenant", "tenant": "user"}),
                               ("DELETE", f"keys/{other['id']}", None)]:
        status, answer = ask(served, method, name, body, **bearer)
        assert status == 403 and "administrators" in json.dumps(answer)
    _, listed = ask(served, "GET", "keys", **bearer)
    assert {row["tenant"] for row in listed["keys"]} == {"user"}
    assert ask(served, "GET", "budgets", **bearer)[1]["budgets"] == []
    assert ask(served, "GET", "budgets?tenant=other", **bearer)[0] == 404
    assert wait_until(lambda: [row["name"] for row in ask(served, "GET", "budgets?tenant=other")[1]["budgets"]]
                      == [other["id"]], timeout=10)


def test_commands_without_the_data_directory(served):
    """`fulcrum keys --endpoint`: the same keys and budgets, by the API, with an administrator's key."""
    made = keys_remote(served, "create", "remote", "--tenant", "far-away", "--models", "amazon.*,tiny", "--rpm", "90",
                       "--tags", "team=blue,cost=7", "--expires", "2d", "--day", "0.25", "--month", "7", "--alert", TOPIC)
    assert ask_openai(served, made["key"]).usage.completion_tokens > 0  # at once
    assert made["accessKeyId"] == made["id"] and made["secretAccessKey"]
    other = keys_remote(served, "create", "--tpm", "1000")

    def in_any_order(said):
        return said["keys"], sorted(json.dumps(row) for row in said["budgets"])
    for arguments in ((), ("--tenant", "far-away"), ("--tenant", "nobody")):  # once what was spent is in the ledger
        assert wait_until(lambda: in_any_order(keys(served, "list", *arguments))
                          == in_any_order(keys_remote(served, "list", *arguments)), timeout=10)
    row, = keys_remote(served, "list", "--tenant", "far-away")["keys"]
    assert (row["name"], row["models"], row["tags"]) == ("remote", ["amazon.*", "tiny"], {"team": "blue", "cost": "7"})
    assert row["requestsPerMinute"] == 90 and row["expiresAt"] == made["expiresAt"]
    said = keys_remote(served, "budget", "remote", "--day", "0", "--week", "2")["budgets"]
    assert {(one["name"], one["period"], one["limitDollars"]) for one in said} == {
        (made["id"], "week", "2.00"), (made["id"], "month", "7.00")}
    assert keys_remote(served, "budget", "remote")["budgets"] == said
    said, = keys_remote(served, "budget", "--tag", "team=blue", "--tenant", "far-away", "--month", "3")["budgets"]
    assert (said["of"], said["tenant"], said["name"]) == ("tag", "far-away", "team=blue")
    refused = [(("create", "remote", "--tenant", "far-away"), "", "remote"),
               (("create", "x", "--rpm", "0"), "", "--rpm: expected a number above 0"),
               (("budget", "nobody", "--day", "1"), "", "there is no key 'nobody'"),
               (("budget", "remote", "--day", "much"), "", "day"),
               (("revoke", "nobody"), "", "nobody"),
               (("create", "mine"), made["key"], "administrators"), (("list",), "sk-fulcrum-none", "")]
    for arguments, key, words in refused:
        done = keys_remote(served, *arguments, key=key, check=False)
        assert done.returncode == 1 and done.stderr.startswith("fulcrum keys: ") and words in done.stderr, done.stderr
    assert keys_remote(served, "revoke", other["id"]) == {"id": other["id"], "state": "revoked"}
    assert keys_remote(served, "revoke", "remote", "--tenant", "far-away")["id"] == made["id"]
    with pytest.raises(openai.AuthenticationError):
        ask_openai(served, made["key"])
    assert keys_remote(served, "list", "--data", "x", check=False).returncode == 2


def test_alerts_are_told_once(served, hook):
    made = keys(served, "create", "loud")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"])), timeout=10)
    cost = sum(line["costPicodollars"] for line in export(served).values() if line["keyId"] == made["id"])
    limit = cost * 100 // 85  # of which more than 80% are spent
    keys(served, "budget", "loud", "--month", f"{limit / 10**12:.12f}", "--alert", TOPIC)

    def told():
        return [json.loads(body) for path, _, body in hook.taken if path == "/ops" and made["id"].encode() in body]
    assert wait_until(lambda: len(told()) == 1, timeout=10)
    until_refused(lambda: ask_openai(served, made["key"]))
    assert wait_until(lambda: len(told()) == 2, timeout=10)
    first, second = told()
    assert (first["Budget"]["percent"], second["Budget"]["percent"]) == (80, 100)
    assert first["Budget"]["of"] == "key" and first["Budget"]["period"] == "month" and first["Id"] != second["Id"]
    assert first["AlarmName"] == f"Budget of key {made['id']} for the month" and first["NewStateValue"] == "ALARM"
    assert first["NewStateReason"].startswith("80% are spent: $0.0000")
    rows = metrics(served)
    row = next(name for name in rows if name.startswith("fulcrum_budget_refused_total") and made["id"] in name)
    assert rows[row] >= 1
    spent = next(name for name in rows if name.startswith("fulcrum_budget_spent_dollars") and made["id"] in name)
    assert rows[spent] >= limit / 10**12
    assert len(told()) == 2


def test_records_of_batch_jobs_wait_for_money(served):
    made = keys(served, "create", "batch", "--tenant", "batch", "--day", "0.000001", "--tags", "team=batch")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"])), timeout=10)  # all is spent
    pair = {"aws_access_key_id": made["accessKeyId"], "aws_secret_access_key": made["secretAccessKey"]}
    s3 = s3_fixture.client(served, made["accessKeyId"], made["secretAccessKey"])
    control = boto3.client("bedrock", region_name="us-east-1", endpoint_url=served.url, **pair)
    s3.create_bucket(Bucket="work")
    rows = [{"recordId": f"R{number:04}", "modelInput": batch_fixture.converse("Hello.")} for number in range(100)]
    s3.put_object(Bucket="work", Key="in.jsonl", Body="".join(json.dumps(row) + "\n" for row in rows).encode())
    arn = control.create_model_invocation_job(
        jobName="job", roleArn="arn:aws:iam::123456789012:role/x", modelId=MODEL, modelInvocationType="Converse",
        inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://work/in.jsonl"}},
        outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://work/out/"}})["jobArn"]
    batch_fixture.wait_for(control, arn, "InProgress")

    def refused():
        return next(row["refused"] for row in ask(served, "GET", "budgets?tenant=batch")[1]["budgets"])
    assert wait_until(lambda: refused() > 1, timeout=30)
    assert control.get_model_invocation_job(jobIdentifier=arn)["status"] == "InProgress"
    keys(served, "budget", "batch", "--day", "1")
    job = batch_fixture.wait_for(control, arn)
    assert job["status"] == "Completed" and batch_fixture.counts(job) == (100, 100, 100, 0)
    lines = [line for line in export(served).values() if line["keyId"] == made["id"]]
    assert sum(line["tier"] == "batch" for line in lines) == 100
    assert all(line["profileTags"] == {"team": "batch"} for line in lines)
    budget = ask(served, "GET", "budgets?tenant=batch")[1]["budgets"][0]
    assert budget["spentPicodollars"] == sum(line["costPicodollars"] for line in lines)

"""Virtual keys and budgets: made by `fulcrum keys` beside a server that runs, used by the real SDKs, refused in each
dialect's words; many clients at once, kill -9, and what fulcrum.yaml says of the same."""

import concurrent.futures
import json
import signal
import subprocess
import time

import anthropic
import botocore.exceptions
import openai
import pytest

from conftest import FULCRUM, start, wait_until
from keys_fixture import (MODEL, PICODOLLARS, ask_anthropic, ask_openai, by_anthropic, by_bedrock, by_openai, converse,
                          keys, until_refused, works)
from test_ledger import export


@pytest.fixture(scope="module")
def served(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("keys"), random_model, deterministic=False)
    yield server
    assert server.stop() == 0


def make(server, *args):
    """A key that the server knows by now."""
    made = keys(server, "create", *args)
    assert wait_until(lambda: works(lambda: ask_openai(server, made["key"], tokens=1)), timeout=10)
    return made


def spent(server, key_id):
    return sum(line["costPicodollars"] for line in export(server).values() if line["keyId"] == key_id)


def summary(server, *args):
    done = subprocess.run([str(FULCRUM), "ledger", "summary", "--json", *args, "--data", str(server.workdir / "data")],
                          text=True, capture_output=True, check=True)
    return [json.loads(line) for line in done.stdout.splitlines()]


# --- whose a credential is ---

def test_a_key_is_a_bearer_token_an_api_key_and_an_access_key_pair(served):
    made = make(served, "everywhere", "--tenant", "shop")
    assert ask_openai(served, made["key"]).usage.completion_tokens == 5
    assert ask_anthropic(served, made["key"]).usage.output_tokens == 5
    pair = by_bedrock(served, made["accessKeyId"], made["secretAccessKey"])
    assert converse(pair)["usage"]["outputTokens"] == 5
    lines = [line for line in export(served).values() if line["keyId"] == made["id"]]
    assert len(lines) >= 4 and {line["tenant"] for line in lines} == {"shop"}
    sums = {row["key"]: row for row in summary(served, "--by", "key")}
    assert sums[made["id"]]["requests"] == len(lines)
    assert sums[made["id"]]["costPicodollars"] == sum(line["costPicodollars"] for line in lines) > 0
    with pytest.raises(botocore.exceptions.ClientError) as refused:  # also where nobody else's signature is checked
        converse(by_bedrock(served, made["accessKeyId"], "not the secret"))
    assert refused.value.response["Error"]["Code"] == "InvalidSignatureException"


def test_the_secret_is_nowhere(served):
    made = make(served, "secret")
    files = [path for path in (served.workdir / "data").rglob("*") if path.is_file()]
    assert len(files) > 3
    for path in files:
        content = path.read_bytes()
        assert made["key"].encode() not in content and made["secretAccessKey"].encode() not in content, path
    assert made["key"] not in served.log()


def test_a_key_acts_for_its_tenant_alone(served):
    made = make(served, "own", "--tenant", "mine")
    with pytest.raises(openai.APIStatusError) as refused:
        ask_openai(served, made["key"], extra_headers={"x-fulcrum-tenant": "theirs"})
    assert refused.value.status_code == 401 and "its own tenant alone" in refused.value.message


def test_a_revoked_key_is_refused(served):
    made = make(served, "leaked")
    keys(served, "revoke", "leaked")
    refused = until_refused(lambda: ask_openai(served, made["key"]))
    assert refused.status_code == 401 and refused.code == "invalid_api_key" and "revoked" in refused.message
    with pytest.raises(anthropic.PermissionDeniedError):
        ask_anthropic(served, made["key"])
    with pytest.raises(botocore.exceptions.ClientError):
        converse(by_bedrock(served, made["accessKeyId"], made["secretAccessKey"]))
    listed = {key["id"]: key for key in keys(served, "list")["keys"]}
    assert listed[made["id"]]["state"] == "revoked"
    make(served, "leaked")  # the name is free again


def test_an_expired_key_is_refused(served):
    made = make(served, "short", "--expires", "2s")
    refused = until_refused(lambda: ask_openai(served, made["key"], tokens=1))
    assert refused.status_code == 401 and "expired" in refused.message


def test_a_key_is_bound_to_its_models(served):
    made = keys(served, "create", "bound", "--models", "anthropic.claude-*,other")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"],
                                                       "anthropic.claude-3-5-sonnet-20241022-v2:0")), timeout=10)
    with pytest.raises(openai.PermissionDeniedError) as refused:
        ask_openai(served, made["key"])
    assert f"may not use the model '{MODEL}'" in refused.value.message
    with pytest.raises(anthropic.PermissionDeniedError):
        ask_anthropic(served, made["key"])
    with pytest.raises(botocore.exceptions.ClientError) as denied:
        converse(by_bedrock(served, made["accessKeyId"], made["secretAccessKey"]))
    assert denied.value.response["Error"]["Code"] == "AccessDeniedException"
    listed = [model.id for model in by_openai(served, made["key"]).models.list()]
    assert listed == ["anthropic.claude-3-5-sonnet-20241022-v2:0"]
    assert keys(served, "budget", "bound")["budgets"] == []
    named = make(served, "named", "--models", "tiny")  # what answers, by its own name
    assert ask_openai(served, named["key"]).usage.completion_tokens == 5


# --- minutes ---

def test_requests_a_minute(served):
    made = keys(served, "create", "slow", "--rpm", "2")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"], tokens=1)), timeout=10)
    ask_openai(served, made["key"], tokens=1)
    with pytest.raises(openai.RateLimitError) as refused:
        ask_openai(served, made["key"], tokens=1)
    assert refused.value.code == "rate_limit_exceeded" and "2 requests a minute" in refused.value.message
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 30
    assert "x-should-retry" not in refused.value.response.headers
    with pytest.raises(anthropic.RateLimitError) as limited:
        ask_anthropic(served, made["key"])
    assert limited.value.response.json()["error"]["type"] == "rate_limit_error"
    with pytest.raises(botocore.exceptions.ClientError) as throttled:
        converse(by_bedrock(served, made["accessKeyId"], made["secretAccessKey"]))
    assert throttled.value.response["Error"]["Code"] == "ThrottlingException"


def test_tokens_a_minute(served):
    made = keys(served, "create", "few", "--tpm", "30")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"], tokens=60)), timeout=10)
    with pytest.raises(openai.RateLimitError) as refused:  # a debt of what went over
        ask_openai(served, made["key"], tokens=1)
    assert "30 tokens a minute" in refused.value.message
    assert int(refused.value.response.headers["retry-after"]) > 1


# --- budgets ---

def test_a_spent_budget_is_told_in_each_dialect(served):
    made = make(served, "poor")
    keys(served, "budget", "poor", "--day", "0.000001")
    refused = until_refused(lambda: ask_openai(served, made["key"]))
    assert refused.status_code == 429 and refused.type == "insufficient_quota"
    assert refused.code == "project_spend_limit_exceeded"
    assert refused.response.headers["x-should-retry"] == "false" and "retry-after" not in refused.response.headers
    assert made["id"] in refused.message and "for the day is spent: $0.0000" in refused.message
    assert "of $0.000001. It begins again at 20" in refused.message and "T00:00:00.000Z" in refused.message
    with pytest.raises(anthropic.RateLimitError) as capped:
        ask_anthropic(served, made["key"])
    assert capped.value.response.headers["x-should-retry"] == "false"
    assert capped.value.response.json()["error"]["type"] == "billing_error"
    with pytest.raises(botocore.exceptions.ClientError) as over:
        converse(by_bedrock(served, made["accessKeyId"], made["secretAccessKey"], retries=3))
    assert over.value.response["Error"]["Code"] == "ServiceQuotaExceededException"
    assert over.value.response["ResponseMetadata"]["RetryAttempts"] == 0
    # Counting costs nothing, and more money goes on.
    assert by_anthropic(served, made["key"]).messages.count_tokens(
        model=MODEL, messages=[{"role": "user", "content": "Hi."}]).input_tokens > 0
    keys(served, "budget", made["id"], "--day", "1")
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"])), timeout=10)


def test_sdks_do_not_try_a_spent_budget_again(served):
    made = make(served, "stubborn", "--day", "0.000001")
    before = time.monotonic()
    with pytest.raises(openai.RateLimitError):
        by_openai(served, made["key"], retries=5).chat.completions.create(
            model=MODEL, max_tokens=5, messages=[{"role": "user", "content": "Hello there."}])
    assert time.monotonic() - before < 2  # five tries wait for longer


def test_many_clients_spend_one_request_too_much_at_most(served):
    limit = 0.002
    made = keys(served, "create", "crowd", "--month", str(limit))
    assert wait_until(lambda: works(lambda: ask_openai(served, made["key"], tokens=1)), timeout=10)
    outcomes = []

    def run(_):
        for _ in range(40):
            try:
                ask_openai(served, made["key"], tokens=20)
                outcomes.append("served")
            except openai.RateLimitError as refused:
                outcomes.append(refused.type)
                if refused.type == "insufficient_quota":
                    return
                time.sleep(0.02)
    with concurrent.futures.ThreadPoolExecutor(64) as pool:
        list(pool.map(run, range(64)))
    assert outcomes.count("served") > 10 and "insufficient_quota" in outcomes
    lines = [line["costPicodollars"] for line in export(served).values() if line["keyId"] == made["id"]]
    assert limit * PICODOLLARS <= sum(lines) < limit * PICODOLLARS + max(lines)


def test_a_tag_and_a_tenant_have_budgets(served):
    client = served.client(key="TAGGED")
    tag = {"requestMetadata": {"team": "red"}}
    assert converse(client, **tag)
    keys(served, "budget", "--tag", "team=red", "--tenant", "TAGGED", "--week", "0.000001")

    def asks(**more):
        try:
            return converse(client, **more)
        except botocore.exceptions.ClientError as refused:
            return refused.response["Error"]["Code"]
    assert wait_until(lambda: asks(**tag) == "ServiceQuotaExceededException", timeout=10)
    assert asks(requestMetadata={"team": "blue"})["usage"] and asks()["usage"]
    assert converse(served.client(key="OTHER"), **tag)["usage"]  # it is one tenant's tag
    assert [line["profileTags"] for line in export(served).values() if line["tenant"] == "TAGGED"].count({"team": "red"}) >= 1
    keys(served, "budget", "--tenant", "TAGGED", "--month", "0.0000001")
    assert wait_until(lambda: asks() == "ServiceQuotaExceededException", timeout=10)


def test_tags_of_a_key_go_before_those_of_a_request(served):
    made = make(served, "tagged", "--tags", "team=green,stage=test", "--tenant", "tags")
    keys(served, "budget", "--tag", "team=yellow", "--month", "1")
    pair = by_bedrock(served, made["accessKeyId"], made["secretAccessKey"])
    converse(pair, requestMetadata={"team": "yellow", "other": "x"})
    assert list(export(served).values())[-1]["profileTags"] == {"team": "green", "stage": "test"}


def test_metadata_of_openais_api_are_tags(served):
    made = make(served, "labelled")
    keys(served, "budget", "--tag", "job=nightly", "--week", "0.000001")

    def nightly():
        return ask_openai(served, made["key"], metadata={"job": "nightly"})
    refused = until_refused(nightly)
    assert "The budget of tag job=nightly for the week is spent" in refused.message
    assert ask_openai(served, made["key"], metadata={"job": "hourly"})


# --- restarts ---

def test_what_was_spent_outlives_kill_9(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    made = make(server, "lasting", "--month", "0.5", "--tags", "team=red")
    for _ in range(3):
        for _ in range(4):
            ask_openai(server, made["key"])
        with concurrent.futures.ThreadPoolExecutor(4) as pool:  # some are broken off
            asked = [pool.submit(ask_openai, server, made["key"], tokens=400) for _ in range(4)]
            time.sleep(0.05)
            server.process.send_signal(signal.SIGKILL)
            server.process.wait()
            for future in asked:
                future.exception()
        server = start(tmp_path, random_model, deterministic=False)
    total = spent(server, made["id"])
    assert total > 0
    budget = keys(server, "list")["budgets"][0]
    assert round(float(budget["spentDollars"]) * PICODOLLARS) == total
    # The server counts from there: as much as it says is just too much.
    keys(server, "budget", "lasting", "--month", f"{total / PICODOLLARS:.12f}")
    refused = until_refused(lambda: ask_openai(server, made["key"]))
    assert refused.type == "insufficient_quota"
    assert spent(server, made["id"]) == total or spent(server, made["id"]) > total
    keys(server, "revoke", made["id"])
    assert server.stop() == 0
    server = start(tmp_path, random_model)
    assert not works(lambda: ask_openai(server, made["key"]))
    assert server.stop() == 0


def test_a_budget_made_later_counts_what_was_spent_before(served):
    made = make(served, "before")
    for _ in range(3):
        ask_openai(served, made["key"])
    assert wait_until(lambda: spent(served, made["id"]) > 0)
    keys(served, "budget", "before", "--day", "0.00001")
    refused = until_refused(lambda: ask_openai(served, made["key"], tokens=1))
    assert refused.type == "insufficient_quota"


# --- fulcrum.yaml ---

def check(tmp_path, text):
    path = tmp_path / "fulcrum.yaml"
    path.write_text(text)
    return subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], text=True, capture_output=True,
                          check=False)


@pytest.mark.parametrize("budgets, message", [
    ("{day: lots}", "tenants[0].budgets.day: expected"),
    ("{year: 5}", "tenants[0].budgets.year: "),
    ("{day: 5, alert: nowhere}", "tenants[0].budgets.alert: expected one of alarms.actions"),
    ("{tags: [{tag: team, day: 5}]}", "tenants[0].budgets.tags[0].tag: expected KEY=VALUE"),
    ("{tags: [{tag: team=red}]}", "tenants[0].budgets.tags[0].tag: expected day, week or month"),
    ("{tags: [{tag: a=b, day: 5}, {tag: a=b, day: 6}]}", "tenants[0].budgets.tags[1].tag: 'a=b' is there twice"),
])
def test_faults_of_budgets_are_named(tmp_path, budgets, message):
    done = check(tmp_path, f"tenants:\n  - name: shop\n    budgets: {budgets}\n")
    assert done.returncode == 2 and "fulcrum.yaml:3" in done.stderr and message in done.stderr, done.stderr


def test_budgets_of_tenants(tmp_path, random_model):
    extra = """\
tenants:
  - name: shop
    budgets: {month: 0.000001}
  - name: desk
    budgets: {day: 5, tags: [{tag: team=red, day: 0.000001}]}
"""
    server = start(tmp_path, random_model, extra=extra)
    shop, desk = keys(server, "create", "a", "--tenant", "shop"), keys(server, "create", "a", "--tenant", "desk")
    assert wait_until(lambda: works(lambda: ask_openai(server, shop["key"])), timeout=10)
    refused = until_refused(lambda: ask_openai(server, shop["key"]))
    assert "The budget of tenant shop for the month is spent" in refused.message
    assert wait_until(lambda: works(lambda: ask_openai(server, desk["key"], tokens=1)), timeout=10)
    pair = by_bedrock(server, desk["accessKeyId"], desk["secretAccessKey"])
    assert converse(pair, requestMetadata={"team": "red"})
    with pytest.raises(botocore.exceptions.ClientError) as over:
        converse(pair, requestMetadata={"team": "red"})
    assert "tag team=red of tenant desk" in str(over.value)
    assert converse(pair)
    with pytest.raises(openai.AuthenticationError):
        ask_openai(server, "sk-fulcrum-nobody")
    done = keys(server, "create", "b", "--tenant", "nobody", check=False)
    assert done.returncode == 2 and "tenant: 'nobody' is not among the tenants of fulcrum.yaml" in done.stderr
    assert server.stop() == 0


@pytest.mark.parametrize("args, message", [
    (["create", "x", "--expires", "soon"], "expires: expected a time from now"),
    (["create", "x", "--rpm", "0"], "--rpm: expected a number above 0"),
    (["create", "x", "--models", "a b"], "models[0]: expected a model ID"),
    (["create", "x", "--day", "-1"], "day: expected dollars"),
    (["create", "x", "--day", "1", "--alert", "arn:x"], "alert: expected one of alarms.actions"),
    (["budget", "--tag", "team", "--day", "1"], "tag: expected KEY=VALUE"),
    (["budget", "nobody", "--day", "1"], "There is no key 'nobody'"),
    (["revoke", "nobody"], "There is no key 'nobody'"),
    (["budget"], "usage: fulcrum keys"),
    (["budget", "x", "--alert", "arn:x"], "usage: fulcrum keys"),
    (["list", "x"], "usage: fulcrum keys"),
])
def test_wrong_commands_say_why(tmp_path, args, message):
    done = keys(tmp_path, *args, check=False)
    assert done.returncode in (1, 2) and message in done.stderr, done.stderr

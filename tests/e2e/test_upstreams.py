"""Upstreams: models of other servers behind the same names, tokens, prices and errors as our own. The provider is
fake_provider.py, which speaks all three APIs and fails as it is told."""

import json
import subprocess

import botocore.exceptions
import pytest

from conftest import FULCRUM, Server, metrics
from fake_provider import FakeProvider

KEY = "sk-this-is-nobody-elses-business"
UPSTREAMS = """\
models:
  - {{name: tiny, path: {path}, context: 2048, price: {{input: 1, output: 2}}}}
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    key_env: FAKE_KEY
    {more}
    models:
      - {{name: gpt, upstream_model: gpt-real, ids: [openai.gpt-test], context: 1000,
          price: {{input: 2, output: 10, cache_read: 0.2, cache_write_5m: 2.5, cache_write_1h: 4}}}}
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    {more}
    models:
      - {{name: claude, upstream_model: claude-real, ids: [anthropic.claude-test],
          price: {{input: 2, output: 10, cache_read: 0.2, cache_write_5m: 2.5, cache_write_1h: 4}}}}
  - name: br
    kind: bedrock
    url: {url}
    region: eu-central-1
    access_key: AKIDTEST
    key_env: FAKE_KEY
    {more}
    models:
      - {{name: nova, upstream_model: "nova-real:0", ids: [amazon.nova-test],
          price: {{input: 2, output: 10, cache_read: 0.2, cache_write_5m: 2.5, cache_write_1h: 4}}}}
{routers}"""
MODELS = ["gpt", "claude", "nova"]
UPSTREAM_OF = {"gpt": "oa", "claude": "an", "nova": "br"}
COST = 2_000_000 * 11 + 10_000_000 * 7 + 200_000 * 100 + 2_500_000 * 20


def begin(path, provider, model, more="", routers="", **options):
    config = UPSTREAMS.format(path=model, url=provider.url, more=more, routers=routers)
    return Server(config=config, workdir=path, env={"FAKE_KEY": KEY}, **options)


@pytest.fixture(scope="module")
def provider():
    with FakeProvider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider, random_model):
    running = begin(tmp_path_factory.mktemp("gateway"), provider, random_model)
    yield running
    assert running.stop() == 0
    assert KEY not in running.log()


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.plan()
    provider.default = {}


@pytest.fixture(scope="module")
def bedrock(gateway):
    return gateway.client()


def ask(model, text="hello", **more):
    return {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}], **more}


def text_of(reply):
    return reply["output"]["message"]["content"][0]["text"]


def lines(server):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(server.workdir / "data")], text=True,
                         capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def line_of(server, reply):
    request = reply["ResponseMetadata"]["RequestId"]
    return next((line for line in lines(server) if line["requestId"] == request), None)


def streamed(reply):
    """Text and final usage of a stream, and the error that ended it."""
    text, usage, failure = "", None, None
    try:
        for event in reply["stream"]:
            text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            usage = event.get("metadata", {}).get("usage", usage)
    except botocore.exceptions.EventStreamError as error:
        failure = error.response["Error"]["Code"]
    return text, usage, failure


# --- every kind --------------------------------------------------------------------------------------------


@pytest.mark.parametrize("model", MODELS)
def test_converse(gateway, bedrock, provider, model):
    reply = bedrock.converse(**ask(model))
    assert text_of(reply) == "From the provider." and reply["stopReason"] == "end_turn"
    usage = reply["usage"]
    assert (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"],
            usage["outputTokens"], usage["totalTokens"]) == (11, 100, 20, 7, 138)
    headers = reply["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-fulcrum-model"] == model and headers["x-fulcrum-cost"] == str(COST)
    assert headers["x-fulcrum-cache"] == "hit; read=100; write=20"
    line = line_of(gateway, reply)
    assert line["provider"] == UPSTREAM_OF[model] and line["modelInvoked"] == model
    assert line["attempts"] == 1 and line["upstreamRequestId"] == "req-77"
    assert line["costPicodollars"] == COST
    assert len(provider.requests) == 1


@pytest.mark.parametrize("model", MODELS)
def test_converse_stream(gateway, bedrock, model):
    reply = bedrock.converse_stream(**ask(model))
    text, usage, failure = streamed(reply)
    assert text == "From the provider." and failure is None
    assert usage["totalTokens"] == 138 and usage["cacheReadInputTokens"] == 100
    assert line_of(gateway, reply)["costPicodollars"] == COST


def test_ids_lead_there(bedrock, provider):
    for model, id_ in (("gpt", "openai.gpt-test"), ("claude", "us.anthropic.claude-test"), ("nova", "amazon.nova-test")):
        reply = bedrock.converse(**ask(id_))
        assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-model"] == model
    assert [request.body.get("model") for request in provider.requests] == ["gpt-real", "claude-real", None]


def test_requests_are_the_apis_own(bedrock, provider):
    for model in MODELS:
        bedrock.converse(**ask(model, inferenceConfig={"maxTokens": 9}))
    openai, anthropic, converse = provider.requests
    assert openai.path == "/v1/chat/completions" and openai.headers["authorization"] == f"Bearer {KEY}"
    assert openai.body["stream"] and openai.body["stream_options"] == {"include_usage": True}
    assert openai.body["max_tokens"] == 9
    assert anthropic.path == "/v1/messages" and anthropic.headers["x-api-key"] == KEY
    assert anthropic.headers["anthropic-version"] == "2023-06-01" and anthropic.body["max_tokens"] == 9
    assert converse.path == "/model/nova-real:0/converse-stream"
    assert converse.headers["authorization"].startswith("AWS4-HMAC-SHA256 Credential=AKIDTEST/")
    assert "/eu-central-1/bedrock/aws4_request" in converse.headers["authorization"]


def test_connections_are_kept(bedrock, provider):
    bedrock.converse(**ask("gpt"))
    before = provider.connections
    for _ in range(8):
        for model in MODELS:
            bedrock.converse(**ask(model))
    assert provider.connections <= before + 4  # one for each I/O thread at most


def test_models_are_listed(gateway):
    command = [str(FULCRUM), "models", "--config", str(gateway.workdir / "fulcrum.yaml")]
    text = subprocess.run(command, text=True, capture_output=True, check=True).stdout
    assert "gpt  (gpt-real of upstream oa)\n    openai.gpt-test\n" in text
    listed = json.loads(subprocess.run([*command, "--json"], text=True, capture_output=True, check=True).stdout)
    assert {"name": "nova", "upstream": "br", "upstreamModel": "nova-real:0"}.items() <= listed[3].items()


def test_metrics(gateway, bedrock):
    before = metrics(gateway)
    bedrock.converse(**ask("gpt"))
    after = metrics(gateway)
    name = 'fulcrum_upstream_answers_total{upstream="oa"}'
    assert after[name] == before[name] + 1
    assert after['fulcrum_upstream_running{upstream="oa"}'] == 0
    assert after['fulcrum_upstream_circuit{upstream="oa"}'] == 0
    assert 'fulcrum_model_ready{model="tiny"}' in after and 'fulcrum_model_ready{model="gpt"}' not in after



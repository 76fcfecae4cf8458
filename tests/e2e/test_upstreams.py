"""Upstreams: models of other servers behind the same names, tokens, prices and errors as our own. The provider is
fake_provider.py, which speaks all three APIs and fails as it is told."""

import http.client
import json
import os
import subprocess

import pytest

import batch_fixture as batch
from conftest import FULCRUM, Server, metrics, start
from upstream_fixture import COST, KEY, PRICE, ask, line_of, lines, post, refused, streamed, text_of

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
      - {{name: blind, upstream_model: m, capabilities: []}}
      - {{name: gpt, upstream_model: gpt-real, ids: [openai.gpt-test, anthropic.gpt-test], context: 1000,
          capabilities: [images, penalties, cache_points],
          price: {price}}}
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    {more}
    models:
      - {{name: claude, upstream_model: claude-real, ids: [anthropic.claude-test],
          price: {price}}}
  - name: br
    kind: bedrock
    url: {url}
    region: eu-central-1
    access_key: AKIDTEST
    key_env: FAKE_KEY
    {more}
    models:
      - {{name: nova, upstream_model: "nova-real:0", ids: [amazon.nova-test, anthropic.nova-test],
          price: {price}}}
{routers}"""
MODELS = ["gpt", "claude", "nova"]
UPSTREAM_OF = {"gpt": "oa", "claude": "an", "nova": "br"}


def begin(path, provider, model, more="", routers="", **options):
    config = UPSTREAMS.format(price=PRICE, path=model, url=provider.url, more=more, routers=routers)
    return Server(config=config, workdir=path, env={"FAKE_KEY": KEY}, **options)


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
    assert "gpt  (gpt-real of upstream oa)\n    openai.gpt-test\n    anthropic.gpt-test\n" in text
    listed = json.loads(subprocess.run([*command, "--json"], text=True, capture_output=True, check=True).stdout)
    assert {"name": "nova", "upstream": "br", "upstreamModel": "nova-real:0"}.items() <= listed[4].items()


def test_metrics(gateway, bedrock):
    before = metrics(gateway)
    bedrock.converse(**ask("gpt"))
    after = metrics(gateway)
    name = 'fulcrum_upstream_answers_total{upstream="oa"}'
    assert after[name] == before[name] + 1
    assert after['fulcrum_upstream_running{upstream="oa"}'] == 0
    assert after['fulcrum_upstream_circuit{upstream="oa"}'] == 0
    assert 'fulcrum_model_ready{model="tiny"}' in after and 'fulcrum_model_ready{model="gpt"}' not in after


# --- what goes across --------------------------------------------------------------------------------------


def in_converse(gateway, model):
    usage = gateway.client().converse(**ask(model))["usage"]
    return usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"], usage["outputTokens"]


def in_anthropic(gateway, model):
    usage = post(gateway, "/v1/messages", {"model": model, "max_tokens": 9,
                                           "messages": [{"role": "user", "content": "hello"}]},
                 **{"anthropic-version": "2023-06-01"})[1]["usage"]
    return (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"],
            usage["output_tokens"])


def in_openai(gateway, model):
    usage = post(gateway, "/v1/chat/completions", {"model": model, "messages": [{"role": "user", "content": "hello"}]}
                 )[1]["usage"]
    details = usage["prompt_tokens_details"]
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    read, written = details["cached_tokens"], details.get("cache_write_tokens", 20)
    return usage["prompt_tokens"] - read - written, read, written, usage["completion_tokens"]


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("dialect", [in_converse, in_anthropic, in_openai])
def test_usage_in_every_dialect_from_every_provider(gateway, dialect, model):
    assert dialect(gateway, model) == (11, 100, 20, 7)


@pytest.mark.parametrize("model", MODELS)
def test_usage_of_a_stream_in_anthropics_dialect(gateway, model):
    """Providers that tell it at the end alone have it in the last event, and no header says what nobody knows yet."""
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    connection.request("POST", "/v1/messages", json.dumps({"model": model, "max_tokens": 9, "stream": True, "messages": [
        {"role": "user", "content": "hello"}]}), {"content-type": "application/json",
                                                  "anthropic-version": "2023-06-01"})
    reply = connection.getresponse()
    events = [json.loads(line[6:]) for line in reply.read().decode().splitlines() if line.startswith("data: ")]
    connection.close()
    usage = {**events[0]["message"]["usage"], **events[-2]["usage"]}
    assert (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"],
            usage["output_tokens"]) == (11, 100, 20, 7)
    is_early = model == "claude"
    assert (events[0]["message"]["usage"]["cache_read_input_tokens"] == 100) == is_early
    assert reply.headers["x-fulcrum-cache"] == ("hit; read=100; write=20" if is_early else None)


TOOL = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}


@pytest.mark.parametrize("model", MODELS)
def test_tools_and_reasoning(bedrock, provider, model):
    provider.plan({"thinking": "hm", "tool": ("call_1", "look", '{"at": [1, 2]}')})
    reply = bedrock.converse(**ask(model, toolConfig={"tools": [TOOL]}))
    assert reply["stopReason"] == "tool_use"
    reasoning, text, use = reply["output"]["message"]["content"]
    assert reasoning["reasoningContent"]["reasoningText"]["text"] == "hm"
    if model != "gpt":  # which signs nothing
        assert reasoning["reasoningContent"]["reasoningText"]["signature"] == "c2lnbmVk"
    assert text == {"text": "From the provider."}
    assert use["toolUse"] == {"toolUseId": "call_1", "name": "look", "input": {"at": [1, 2]}}


def test_marks_arrive_in_the_providers_words(bedrock, provider):
    point = {"cachePoint": {"type": "default"}}
    for model in MODELS:
        bedrock.converse(modelId=model, system=[{"text": "S"}, point],
                         messages=[{"role": "user", "content": [{"text": "a"}, point]}])
    openai, anthropic, converse = (request.body for request in provider.requests)
    assert anthropic["system"] == [{"type": "text", "text": "S", "cache_control": {"type": "ephemeral"}}]
    assert anthropic["messages"][0]["content"][0]["cache_control"] == {"type": "ephemeral"}
    assert converse["system"][1] == point and converse["messages"][0]["content"][1] == point
    mark = {"mode": "explicit"}
    assert openai["messages"][0]["content"][0]["prompt_cache_breakpoint"] == mark
    assert openai["messages"][1]["content"][0]["prompt_cache_breakpoint"] == mark
    assert openai["prompt_cache_options"] == mark


def test_a_dialects_own_members_pass(gateway, provider):
    """A provider of the client's API gets what nobody here knows; one of another API does not, and the header says so."""
    body = {"messages": [{"role": "user", "content": "hello"}], "max_tokens": 9, "thinking": {"type": "adaptive"},
            "metadata": {"user_id": "u"}, "from_the_future": {"a": [1.50]}}
    kept, _ = post(gateway, "/v1/messages", {"model": "claude", **body}, **{"anthropic-version": "2026-10-21"})
    lost, _ = post(gateway, "/v1/messages", {"model": "gpt", **body}, **{"anthropic-version": "2026-10-21"})
    assert provider.requests[0].body["from_the_future"] == {"a": [1.5]}
    assert provider.requests[0].headers["anthropic-version"] == "2026-10-21"
    assert "from_the_future" not in provider.requests[1].body
    assert "from_the_future" not in (kept.headers["x-fulcrum-ignored"] or "")
    assert "from_the_future" in lost.headers["x-fulcrum-ignored"]


def test_a_model_that_does_not_see(bedrock):
    image = {"image": {"format": "png", "source": {"bytes": b"png"}}}
    failure = refused(bedrock.converse, modelId="blind", messages=[{"role": "user", "content": [image]}])
    assert failure["Error"]["Code"] == "ValidationException"


def test_counting_is_the_providers(gateway, bedrock, provider):
    for model, member in (("claude", "input_tokens"), ("nova", "inputTokens")):
        provider.plan({"count": {member: 77}})
        counted = bedrock.count_tokens(modelId=model, input={"converse": {
            "messages": [{"role": "user", "content": [{"text": "hello"}]}]}})
        assert counted["inputTokens"] == 77
    failure = refused(bedrock.count_tokens, modelId="gpt", input={"converse": {
        "messages": [{"role": "user", "content": [{"text": "hello"}]}]}})
    assert "does not count tokens" in failure["Error"]["Message"]


def test_tiers_that_a_provider_does_not_sell_are_not_charged(gateway, bedrock, provider):
    flex = {"serviceTier": {"type": "flex"}}
    assert line_of(gateway, bedrock.converse(**ask("claude", **flex)))["costPicodollars"] == COST
    cheaper = line_of(gateway, bedrock.converse(**ask("nova", **flex)))
    assert cheaper["costPicodollars"] == COST // 2 and cheaper["tier"] == "flex"
    assert provider.requests[1].body["serviceTier"] == {"type": "flex"}


@pytest.mark.parametrize("is_whole", [False, True])
def test_the_tier_that_a_provider_served_in_is_charged(gateway, bedrock, provider, is_whole):
    """Flex without capacity is served as default; a project's own setting may make priority of default."""
    plan = {"whole": True} if is_whole else {}
    provider.plan({"tier": "default", **plan}, {"tier": "priority", **plan}, {"tier": "no-such-tier", **plan})
    reply = bedrock.converse(**ask("nova", serviceTier={"type": "flex"}))
    line = line_of(gateway, reply)
    assert (line["tier"], line["costPicodollars"], reply["serviceTier"]["type"]) == ("default", COST, "default")
    line = line_of(gateway, bedrock.converse(**ask("gpt")))
    assert line["tier"] == "priority" and line["costPicodollars"] > COST
    assert line_of(gateway, bedrock.converse(**ask("nova")))["costPicodollars"] == COST


# --- the configuration -------------------------------------------------------------------------------------


def check_config(path, text, *options, **env):
    (path / "fulcrum.yaml").write_text(text)
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path / "fulcrum.yaml"), *options], text=True,
                          capture_output=True, env={**os.environ, **env}, check=False)
    return done.returncode, done.stdout + done.stderr


def test_probe(tmp_path, provider):
    config = UPSTREAMS.format(price=PRICE, path="x", url=provider.url, more="", routers="").split("upstreams:")[1]
    provider.models = ["gpt-real"]
    code, text = check_config(tmp_path, f"models: []\nupstreams:{config}", "--probe", FAKE_KEY=KEY)
    assert code == 0, text
    assert "upstream 'oa' answers and lists 1 model\n" in text and "upstream 'br' answers\n" in text
    assert "note: upstream 'an' does not list 'claude-real'" in text
    assert [request.method for request in provider.requests] == ["GET", "GET", "GET", "POST"][-len(provider.requests):]
    assert not any("/completions" in request.path or "converse-stream" in request.path or request.path.endswith(
        "/messages") for request in provider.requests)
    provider.plan({"status": 401, "body": {"error": {"message": f"Incorrect API key provided: {KEY}"}}})
    code, text = check_config(tmp_path, f"models: []\nupstreams:{config}", "--probe", FAKE_KEY=KEY)
    assert code == 1 and "upstream 'oa' refuses: 401" in text and KEY not in text


@pytest.mark.parametrize("text, expected", [
    ("models: []\n", "expected at least one model"),
    ("upstreams:\n  - {name: a, kind: openai, models: []}\n", "upstreams[0].models: expected at least one model"),
    ("upstreams:\n  - {name: a, kind: closed, models: [{name: m}]}\n", "upstreams[0].kind"),
    ("upstreams:\n  - {name: engine, kind: openai, models: [{name: m}]}\n", "what the ledger calls"),
    ("upstreams:\n  - {name: a, kind: bedrock, models: [{name: m}]}\n", "the key 'region' is missing"),
    ("upstreams:\n  - {name: a, kind: openai, url: ftp://x, models: [{name: m}]}\n", "upstreams[0].url"),
    ("upstreams:\n  - {name: a, kind: openai, models: [{name: desk-small}]}\n", "already stands for model"),
    ("upstreams:\n  - {name: a, kind: openai, models: [{name: m, ids: [x]}, {name: n, ids: [x]}]}\n",
     "upstreams[0].models[1].ids[0]: 'x' already stands for model 'm'"),
    ("upstreams:\n  - {name: a, kind: openai, key_env: NOT_THERE, models: [{name: m}]}\n",
     "the environment has no NOT_THERE"),
    ("upstreams:\n  - {name: a, kind: openai, key_file: not/there, models: [{name: m}]}\n", "upstream 'a': key_file"),
    ("upstreams:\n  - {name: a, kind: openai, models: [{name: m, price_as: nobody.knows}]}\n",
     "no price book has 'nobody.knows'"),
    ("upstreams:\n  - {name: a, kind: openai, models: [{name: m, capabilities: [telepathy]}]}\n", "one of images")])
def test_what_is_wrong_is_said(tmp_path, text, expected):
    code, said = check_config(tmp_path, text)
    assert code == 2 and expected in said


def test_a_gateway_without_a_model_of_its_own(tmp_path, provider):
    server = Server(config=f"models: []\nupstreams:\n  - {{name: a, kind: openai, url: '{provider.url}/v1', "
                           f"key_file: key, models: [{{name: m}}]}}\n", workdir=prepared(tmp_path))
    try:
        assert text_of(server.client().converse(**ask("m"))) == "From the provider."
        assert provider.requests[0].headers["authorization"] == f"Bearer {KEY}"
        assert "model has no price" in server.log()
    finally:
        assert server.stop() == 0


def prepared(path):
    (path / "key").write_text(KEY + "\n")
    return path


# --- a real server behind it -------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def second(tmp_path_factory, random_model):
    running = start(tmp_path_factory.mktemp("second"), random_model, extra="cache:\n  min_tokens: 32\n")
    yield running
    assert running.stop() == 0


def test_another_server_of_ours(tmp_path, second):
    """By each of the three APIs: the same words, tokens and cache as asked directly."""
    kinds = {"openai": "/v1", "anthropic": "", "bedrock": ""}
    several = "".join(f"  - {{name: up-{kind}, kind: {kind}, url: '{second.url}{path}', region: us-east-1, "
                      f"models: [{{name: {kind}, upstream_model: tiny, price: {{input: 1, output: 2}}}}]}}\n"
                      for kind, path in kinds.items())
    server = Server(config="models: []\nupstreams:\n" + several, workdir=tmp_path)
    long = "Alpha beta gamma delta. " * 30
    request = {"system": [{"text": long}, {"cachePoint": {"type": "default"}}],
               "messages": [{"role": "user", "content": [{"text": "hello"}]}],
               "inferenceConfig": {"maxTokens": 12, "temperature": 0}}
    try:
        client = server.client()
        direct = second.client().converse(modelId="tiny", **request)
        again = second.client().converse(modelId="tiny", **request)
        assert again["usage"]["cacheReadInputTokens"] > 0
        for kind in kinds:
            reply = client.converse(modelId=kind, **request)
            assert text_of(reply) == text_of(direct)
            assert reply["usage"]["outputTokens"] == direct["usage"]["outputTokens"]
            assert reply["usage"]["totalTokens"] == direct["usage"]["totalTokens"]
            text, usage, failure = streamed(client.converse_stream(modelId=kind, **request))
            assert text == text_of(direct) and failure is None
            assert usage["totalTokens"] == direct["usage"]["totalTokens"]
            if kind != "openai":  # without its marks nothing is cached there; others are another tenant than `direct`
                assert usage["cacheReadInputTokens"] == again["usage"]["cacheReadInputTokens"]
        assert client.count_tokens(modelId="anthropic", input={"converse": {"messages": request["messages"]}})[
            "inputTokens"] > 0
    finally:
        assert server.stop() == 0


# --- batch jobs --------------------------------------------------------------------------------------------


def test_a_batch_job(gateway, provider):
    """Each record is a request, charged as the provider charges it."""
    store = batch.Store(gateway, bucket="upstreams")
    control = gateway.client("bedrock")
    before = len(lines(gateway))
    job = batch.submit(control, store, batch.records(batch.converse(f"text {i}") for i in range(40)), model="gpt")
    batch.wait_for(control, job)
    rows = store.output(job, "in.jsonl")
    assert len(rows) == 40
    assert all(row["modelOutput"]["usage"]["totalTokens"] == 138 for row in rows)
    made = lines(gateway)[before:]
    assert len(made) == 40 and {line["costPicodollars"] for line in made} == {COST}
    assert {line["provider"] for line in made} == {"oa"}
    assert len(provider.requests) == 40

"""What a provider counted is what its client is told, in the client's own words, and what the ledger has: of every API
that clients speak, from every kind of provider, whole and streamed, with what was read from the cache and written."""

import http.client
import json

import pytest

from conftest import Server, metrics
from fake_provider import FakeProvider
from provider_usage import openai_usage
from test_upstreams import UPSTREAMS
from upstream_fixture import KEY, PRICE, ask, lines, post

COUNTS = {"input": 11, "read": 100, "write": 20, "write_1h": 5, "output": 7}
NO_WRITES = {"input": 31, "read": 100, "write": 0, "output": 7}

# Who answers, in which shape, what it counted, and what the ledger says of that.
PROVIDERS = {
    "openai": ("gpt", None, COUNTS, ""),
    "anthropic": ("claude", None, COUNTS, ""),
    "bedrock": ("nova", None, COUNTS, ""),
    "vllm": ("gpt", "vllm", NO_WRITES, ""),
    "deepseek": ("gpt", "deepseek", NO_WRITES, ""),
    "openrouter": ("gpt", "openrouter", {**COUNTS, "write_1h": 0}, ""),
    "litellm": ("gpt", "litellm", {**COUNTS, "write_1h": 0}, "odd"),
    "counted apart": ("gpt", "apart", {**COUNTS, "write_1h": 0}, "odd"),
    "wrong total": ("gpt", "wrong", {**COUNTS, "write_1h": 0}, "odd"),
}


@pytest.fixture(scope="module")
def provider():
    with FakeProvider() as running:
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider, random_model):
    config = UPSTREAMS.format(price=PRICE, path=random_model, url=provider.url, more="", routers="")
    running = Server(config=config, workdir=tmp_path_factory.mktemp("usage"), env={"FAKE_KEY": KEY})
    yield running
    assert running.stop() == 0


def new_line(gateway, before):
    """The one line that is not among those of before."""
    known = {line["requestId"] for line in before}
    found = [line for line in lines(gateway) if line["requestId"] not in known]
    assert len(found) == 1
    return found[0]


# --- each dialect's own words: fresh, read, written, of it for an hour (None: it has no word for that), reply ---


def events_of(gateway, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", gateway.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    assert reply.status == 200, reply.read()
    events = [json.loads(line[6:]) for line in reply.read().decode().splitlines()
              if line.startswith("data: ") and line != "data: [DONE]"]
    connection.close()
    return events


def of_bedrock(usage):
    hour = sum(detail["inputTokens"] for detail in usage.get("cacheDetails", []) if detail["ttl"] == "1h")
    parts = (usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"], hour,
             usage["outputTokens"])
    assert usage["totalTokens"] == sum(parts) - hour
    return parts


def converse(gateway, model, is_stream):
    client = gateway.client()
    if not is_stream:
        return of_bedrock(client.converse(**ask(model))["usage"])
    events = list(client.converse_stream(**ask(model))["stream"])
    return of_bedrock(events[-1]["metadata"]["usage"])


def of_anthropic(usage):
    hour = usage["cache_creation"]["ephemeral_1h_input_tokens"]
    assert usage["cache_creation"]["ephemeral_5m_input_tokens"] + hour == usage["cache_creation_input_tokens"]
    return (usage["input_tokens"], usage["cache_read_input_tokens"], usage["cache_creation_input_tokens"], hour,
            usage["output_tokens"])


MESSAGES = {"max_tokens": 9, "messages": [{"role": "user", "content": "hello"}]}


def invoke(gateway, model, is_stream):
    """The body of Claude, by InvokeModel: the ID says which body it is."""
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", **MESSAGES})
    client = gateway.client()
    identity = {"gpt": "anthropic.gpt-test", "claude": "anthropic.claude-test", "nova": "anthropic.nova-test"}[model]
    if not is_stream:
        return of_anthropic(json.loads(client.invoke_model(modelId=identity, body=body)["body"].read())["usage"])
    events = [json.loads(event["chunk"]["bytes"]) for event in
              client.invoke_model_with_response_stream(modelId=identity, body=body)["body"]]
    usage = {}
    for event in events:
        usage |= event.get("message", {}).get("usage", {}) | event.get("usage", {})
    said = events[-1]["amazon-bedrock-invocationMetrics"]
    assert said["inputTokenCount"] == usage["input_tokens"] and said["outputTokenCount"] == usage["output_tokens"]
    assert said["cacheReadInputTokenCount"] == usage["cache_read_input_tokens"]
    assert said["cacheWriteInputTokenCount"] == usage["cache_creation_input_tokens"]
    return of_anthropic(usage)


def messages(gateway, model, is_stream):
    version = {"anthropic-version": "2023-06-01"}
    if not is_stream:
        return of_anthropic(post(gateway, "/v1/messages", {"model": model, **MESSAGES}, **version)[1]["usage"])
    usage = {}
    for event in events_of(gateway, "/v1/messages", {"model": model, "stream": True, **MESSAGES}, **version):
        usage |= event.get("message", {}).get("usage", {}) | event.get("usage", {})
    return of_anthropic(usage)


def chat(gateway, model, is_stream):
    body = {"model": model, "messages": MESSAGES["messages"]}
    if is_stream:
        body |= {"stream": True, "stream_options": {"include_usage": True}}
        usage = events_of(gateway, "/v1/chat/completions", body)[-1]["usage"]
    else:
        usage = post(gateway, "/v1/chat/completions", body)[1]["usage"]
    return usage


def of_chat(usage):
    assert usage["total_tokens"] == usage["prompt_tokens"] + usage["completion_tokens"]
    details = usage["prompt_tokens_details"]
    read, written = details["cached_tokens"], details["cache_write_tokens"]
    return usage["prompt_tokens"] - read - written, read, written, None, usage["completion_tokens"]


def responses(gateway, model, is_stream):
    body = {"model": model, "input": "hello", "store": False}
    if is_stream:
        usage = events_of(gateway, "/v1/responses", {**body, "stream": True})[-1]["response"]["usage"]
    else:
        usage = post(gateway, "/v1/responses", body)[1]["usage"]
    assert usage["total_tokens"] == usage["input_tokens"] + usage["output_tokens"]
    details = usage["input_tokens_details"]
    read, written = details["cached_tokens"], details["cache_write_tokens"]
    return usage["input_tokens"] - read - written, read, written, None, usage["output_tokens"]


DIALECTS = [converse, invoke, messages, chat, responses]


@pytest.mark.parametrize("comes", ["streamed", "whole from the provider"])
@pytest.mark.parametrize("is_stream", [False, True], ids=["whole", "stream"])
@pytest.mark.parametrize("who", PROVIDERS)
@pytest.mark.parametrize("dialect", DIALECTS)
def test_usage_is_the_providers(gateway, provider, dialect, who, is_stream, comes):
    model, shape, counts, note = PROVIDERS[who]
    provider.plan()
    provider.default = {"usage": counts, "shape": shape, "whole": comes != "streamed"}
    before = lines(gateway)
    said = dialect(gateway, model, is_stream)
    assert len(provider.requests) == 1
    if dialect is chat:  # a reply in the client's own API that comes as the client wants it comes in its own words
        if model == "gpt" and is_stream == (comes == "streamed"):
            assert said == openai_usage(counts, shape)
            said = *(counts[key] for key in ("input", "read", "write")), None, counts["output"]
        else:
            said = of_chat(said)
    fresh, read, written, hour, output = said
    assert (fresh, read, written, output) == tuple(counts[key] for key in ("input", "read", "write", "output"))
    assert hour in (None, counts.get("write_1h", 0))
    line = new_line(gateway, before)
    assert line["usageNote"] == note
    assert line["upstreamModel"] == {"gpt": "gpt-real", "claude": "claude-real", "nova": "nova-real:0"}[model]
    long_lived = counts.get("write_1h", 0)
    assert [line[key] for key in ("inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens",
                                  "cacheWrite1hInputTokens", "outputTokens")] == [
        counts["input"], counts["read"], counts["write"] - long_lived, long_lived, counts["output"]]
    assert line["costPicodollars"] == (2_000_000 * counts["input"] + 200_000 * counts["read"]
                                       + 10_000_000 * counts["output"] + 2_500_000 * (counts["write"] - long_lived)
                                       + 4_000_000 * long_lived)


def test_counts_that_do_not_add_up_are_counted(gateway, provider):
    name = 'fulcrum_upstream_usage_odd_total{upstream="oa"}'
    before = metrics(gateway)[name]
    for shape, grows in (("wrong", 1), ("apart", 1), (None, 0)):
        provider.default = {"shape": shape}
        gateway.client().converse(**ask("gpt"))
        assert metrics(gateway)[name] == before + grows
        before += grows


@pytest.mark.parametrize("model", ["gpt", "claude", "nova"])
def test_what_is_estimated_says_so(gateway, provider, model):
    provider.default = {"no_usage": True, "text": ["word " * 40]}
    before = lines(gateway)
    gateway.client().converse(**ask(model))
    assert new_line(gateway, before)["usageNote"] == "estimated"
    before = lines(gateway)
    provider.default = {"error": "overloaded_error", "late": True}
    with pytest.raises(Exception):  # of the stream, or of the client
        list(gateway.client().converse_stream(**ask(model))["stream"])
    line = new_line(gateway, before)
    assert (line["outcome"], line["usageNote"]) == ("failed", "estimated") and line["outputTokens"] > 0

"""llama.cpp's own server as an upstream: two replicas of the embedded model, asked by the SDKs of three APIs. Runs where
deps/llama-server has built the program; nothing else needs it."""

import contextlib
import json
import os
import pathlib
import socket
import subprocess
import urllib.error
import urllib.request

import anthropic
import openai
import pytest

from conftest import ROOT, Server, metrics, wait_until
from upstream_fixture import line_of, lines, streamed, text_of

PROGRAM = pathlib.Path(os.environ.get("BENCH_LLAMA_SERVER") or os.environ.get("FULCRUM_DEPS", "/-") + "/bin/llama-server")
pytestmark = pytest.mark.skipif(not PROGRAM.is_file(), reason="skipped: no llama-server; deps/llama-server builds it")

MODEL = ROOT / "models/desk-large.gguf"
PRICE = {"input": 1_000_000, "cache_read": 100_000, "output": 4_000_000}  # picodollars of a token
CONFIG = """\
models: []
upstreams:
  - name: llama
    kind: openai
    server: llama-server
    replicas: [{urls}]
    models: [{{name: desk, upstream_model: desk, price: {{input: 1, cache_read: 0.1, output: 4}}}}]
"""
QUESTION = "What are your business hours?"
LONG = "You are the desk of a shop. " * 40
SCHEMA = {"type": "object", "properties": {"mood": {"type": "string", "enum": ["good", "bad"]}}, "required": ["mood"],
          "additionalProperties": False}
ORDER = {"type": "object", "properties": {"order": {"type": "string", "enum": ["12", "13"]}}, "required": ["order"],
         "additionalProperties": False}


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(url, body=None):
    try:
        with urllib.request.urlopen(urllib.request.Request(url, json.dumps(body).encode() if body else None)) as reply:
            return json.loads(reply.read())
    except (urllib.error.URLError, ConnectionError):
        return None


@contextlib.contextmanager
def llama_server(log):
    port = free_port()
    command = [str(PROGRAM), "--host", "127.0.0.1", "--port", str(port), "--model", str(MODEL), "--ctx-size", "8192",
               "--parallel", "2", "--threads", "1", "--metrics"]
    with open(log, "w", encoding="utf-8") as output, subprocess.Popen(command, stdout=output, stderr=output) as process:
        try:
            assert wait_until(lambda: answers(f"http://127.0.0.1:{port}/health"))
            yield port
        finally:
            process.kill()


@pytest.fixture(scope="module")
def replicas(tmp_path_factory):
    folder = tmp_path_factory.mktemp("llama")
    with llama_server(folder / "a.log") as one, llama_server(folder / "b.log") as other:
        yield [one, other]


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, replicas):
    urls = ", ".join(f"'http://127.0.0.1:{port}/v1'" for port in replicas)
    server = Server(config=CONFIG.format(urls=urls), workdir=tmp_path_factory.mktemp("gateway"))
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def direct(replicas):
    """The words of the server itself."""
    body = {"model": "desk", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 30}
    return answers(f"http://127.0.0.1:{replicas[0]}/v1/chat/completions", body)["choices"][0]["message"]["content"]


@pytest.fixture(scope="module")
def by_openai(gateway):
    return openai.OpenAI(base_url=gateway.url + "/v1", api_key="any", max_retries=0)


@pytest.fixture(scope="module")
def by_anthropic(gateway):
    """By the older version, which has temperatures: the SDK sends them as something of ours."""
    return anthropic.Anthropic(base_url=gateway.url, api_key="any", max_retries=0,
                               default_headers={"anthropic-version": "2023-06-01"})


@pytest.fixture(scope="module")
def bedrock(gateway):
    return gateway.client()


def cost(usage):
    return sum(PRICE[name] * usage[name] for name in PRICE)


# --- words, streams and usage ------------------------------------------------------------------------------


def test_converse(gateway, bedrock, direct):
    request = {"modelId": "desk", "messages": [{"role": "user", "content": [{"text": QUESTION}]}],
               "inferenceConfig": {"temperature": 0, "maxTokens": 30}}
    reply = bedrock.converse(**request)
    assert text_of(reply) == direct and reply["stopReason"] == "end_turn"
    text, usage, failure = streamed(bedrock.converse_stream(**request))
    assert text == direct and failure is None
    assert usage["cacheReadInputTokens"] > 0 and usage["totalTokens"] == reply["usage"]["totalTokens"]
    used = reply["usage"]
    assert line_of(gateway, reply)["costPicodollars"] == cost(
        {"input": used["inputTokens"], "cache_read": used["cacheReadInputTokens"], "output": used["outputTokens"]})
    assert line_of(gateway, reply)["provider"] == "llama"


def test_chat_completions(by_openai, direct):
    request = {"model": "desk", "messages": [{"role": "user", "content": QUESTION}], "temperature": 0, "max_tokens": 30}
    reply = by_openai.chat.completions.create(**request)
    assert reply.choices[0].message.content == direct and reply.choices[0].finish_reason == "stop"
    again = by_openai.chat.completions.create(**request)
    assert again.usage.prompt_tokens == reply.usage.prompt_tokens
    assert again.usage.prompt_tokens_details.cached_tokens > 0
    chunks = list(by_openai.chat.completions.create(**request, stream=True, stream_options={"include_usage": True}))
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == direct
    assert chunks[-1].usage.total_tokens == reply.usage.total_tokens


def test_responses(by_openai, direct):
    reply = by_openai.responses.create(model="desk", input=QUESTION, temperature=0, max_output_tokens=30, store=False)
    assert reply.output_text == direct and reply.usage.input_tokens > 0


def test_messages(by_anthropic, direct):
    request = {"model": "desk", "max_tokens": 30, "extra_body": {"temperature": 0},
               "messages": [{"role": "user", "content": QUESTION}]}
    reply = by_anthropic.messages.create(**request)
    assert reply.content[0].text == direct and reply.stop_reason == "end_turn"
    with by_anthropic.messages.stream(**request) as stream:
        assert "".join(stream.text_stream) == direct
        usage = stream.get_final_message().usage
    assert usage.cache_read_input_tokens > 0
    assert usage.input_tokens + usage.cache_read_input_tokens == reply.usage.input_tokens + (
        reply.usage.cache_read_input_tokens or 0)


def test_a_cut_reply_says_so(bedrock, by_openai, by_anthropic):
    message = {"role": "user", "content": QUESTION}
    assert bedrock.converse(modelId="desk", messages=[{"role": "user", "content": [{"text": QUESTION}]}],
                            inferenceConfig={"maxTokens": 2})["stopReason"] == "max_tokens"
    assert by_openai.chat.completions.create(model="desk", messages=[message], max_tokens=2
                                             ).choices[0].finish_reason == "length"
    assert by_anthropic.messages.create(model="desk", messages=[message], max_tokens=2).stop_reason == "max_tokens"


# --- tools and structured output ---------------------------------------------------------------------------


def test_tools_by_converse(bedrock):
    tools = {"tools": [{"toolSpec": {"name": "look_up", "inputSchema": {"json": ORDER}}}], "toolChoice": {"any": {}}}
    reply = bedrock.converse(modelId="desk", toolConfig=tools, inferenceConfig={"temperature": 0, "maxTokens": 80},
                             messages=[{"role": "user", "content": [{"text": "Where is order 12?"}]}])
    use = next(block["toolUse"] for block in reply["output"]["message"]["content"] if "toolUse" in block)
    assert reply["stopReason"] == "tool_use" and use["name"] == "look_up" and use["input"]["order"] in ("12", "13")


@pytest.mark.parametrize("stream", [False, True])
def test_tools_by_chat_completions(by_openai, stream):
    tools = [{"type": "function", "function": {"name": "look_up", "parameters": ORDER}}]
    request = {"model": "desk", "messages": [{"role": "user", "content": "Where is order 12?"}], "tools": tools,
               "tool_choice": "required", "temperature": 0, "max_tokens": 80}
    if stream:
        with by_openai.chat.completions.stream(**request) as events:
            for _ in events:
                pass
            reply = events.get_final_completion()
    else:
        reply = by_openai.chat.completions.create(**request)
    call = reply.choices[0].message.tool_calls[0]
    assert reply.choices[0].finish_reason == "tool_calls" and call.function.name == "look_up"
    assert json.loads(call.function.arguments)["order"] in ("12", "13")
    turns = [*request["messages"], reply.choices[0].message.model_dump(exclude_none=True),
             {"role": "tool", "tool_call_id": call.id, "content": "It was sent."}]
    after = by_openai.chat.completions.create(model="desk", messages=turns, tools=tools, max_tokens=10)
    assert after.usage.completion_tokens > 0


def test_tools_by_messages(by_anthropic):
    reply = by_anthropic.messages.create(
        model="desk", max_tokens=80, extra_body={"temperature": 0}, tools=[{"name": "look_up", "input_schema": ORDER}],
        tool_choice={"type": "any"}, messages=[{"role": "user", "content": "Where is order 12?"}])
    use = next(block for block in reply.content if block.type == "tool_use")
    assert reply.stop_reason == "tool_use" and use.input["order"] in ("12", "13")


def test_structured_output(by_openai, by_anthropic):
    message = {"role": "user", "content": "How are you?"}
    reply = by_openai.chat.completions.create(
        model="desk", messages=[message], max_tokens=40, temperature=0,
        response_format={"type": "json_schema", "json_schema": {"name": "mood", "schema": SCHEMA}})
    assert json.loads(reply.choices[0].message.content)["mood"] in ("good", "bad")
    reply = by_anthropic.messages.create(model="desk", messages=[message], max_tokens=40, extra_body={"temperature": 0},
                                         output_config={"format": {"type": "json_schema", "schema": SCHEMA}})
    assert json.loads(reply.content[0].text)["mood"] in ("good", "bad")


# --- the pool ----------------------------------------------------------------------------------------------


def test_conversations_stay_warm(gateway, bedrock):
    """Each reads what it has said before, whatever the others do meanwhile; where it may be warm both have some."""
    talks = {i: [] for i in range(6)}
    read = written = 0
    for turn in range(3):
        for i, talk in talks.items():
            talk.append({"role": "user", "content": [{"text": f"Talk {i}, question {turn}?"}]})
            reply = bedrock.converse(modelId="desk", system=[{"text": f"{i} {LONG}"}], messages=talk,
                                     inferenceConfig={"maxTokens": 8, "temperature": 0})
            talk.append(reply["output"]["message"])
            if turn > 0:
                read += reply["usage"]["cacheReadInputTokens"]
                written += reply["usage"]["inputTokens"]
    assert read > 5 * written
    found = metrics(gateway)
    attempts = [value for name, value in found.items() if name.startswith("fulcrum_upstream_attempts_total")]
    assert len(attempts) == 2 and min(attempts) > 0


def test_what_the_replicas_say_is_read(gateway, replicas):
    names = [f'fulcrum_upstream_replica_says{{upstream="llama",replica="127.0.0.1:{port}/v1",what="running"}}'
             for port in replicas]
    assert wait_until(lambda: all(name in metrics(gateway) for name in names))
    assert "upstream_metrics" not in gateway.log()


def test_one_that_is_killed(tmp_path, replicas):
    """Its conversations go on at the other."""
    with llama_server(tmp_path / "c.log") as port:
        urls = f"'http://127.0.0.1:{replicas[0]}/v1', 'http://127.0.0.1:{port}/v1'"
        server = Server(config=CONFIG.format(urls=urls), workdir=tmp_path)
        ask = {"modelId": "desk", "inferenceConfig": {"maxTokens": 4}}
        for i in range(8):
            server.client().converse(**ask, messages=[{"role": "user", "content": [{"text": f"Question {i}"}]}])
    for i in range(8):
        reply = server.client().converse(**ask, messages=[{"role": "user", "content": [{"text": f"Question {i}"}]}])
        assert reply["usage"]["outputTokens"] > 0
    assert len(lines(server)) == 16 and all(line["outcome"] == "completed" for line in lines(server))
    assert server.stop() == 0

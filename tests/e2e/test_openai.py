"""OpenAI's own API by its SDK: chat completions whole and streamed, tools of every kind, caching, models, plain
completions, and what is wrong in its words."""

import hashlib
import http.client
import json
import os
import signal

import anthropic
import openai
import pytest

from conftest import start
from test_ledger import export

NAMED = "tiny"
HELLO = {"model": NAMED, "max_completion_tokens": 5, "temperature": 0, "messages": [{"role": "user", "content": "Hello there."}]}
FIND = {"name": "find", "description": "Finds.", "parameters": {
    "type": "object", "required": ["kind"], "properties": {"kind": {"enum": ["order", "item"]}},
    "additionalProperties": False}}
NESTED, FLAT = {"type": "function", "function": FIND}, {"type": "function", **FIND}


def client(server, key="any", prefix="/v1", **more):
    return openai.OpenAI(api_key=key, base_url=server.url + prefix, max_retries=0, **more)


def raw(server, body, path="/v1/chat/completions", headers=None, method="POST"):
    """As the same client; headers without a value are left out."""
    headers = {"content-type": "application/json", "authorization": "Bearer any", **(headers or {})}
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request(method, path, json.dumps(body) if body is not None else None,
                       {name: value for name, value in headers.items() if value})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply, text


def chunks_of(text):
    """Each event is one line of data, and the last one says that it is."""
    events = text.split("\n\n")
    assert events[-2:] == ["data: [DONE]", ""]
    return [json.loads(event.removeprefix("data: ")) for event in events[:-2]]


def streamed(server, **body):
    reply, text = raw(server, {**HELLO, "stream": True, **body})
    assert reply.status == 200, text
    assert reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    return chunks_of(text)


# --- replies ---

@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_a_whole_reply(server, prefix):
    reply = client(server, prefix=prefix).chat.completions.create(**HELLO)
    choice, = reply.choices
    assert reply.object == "chat.completion" and reply.id.startswith("chatcmpl-") and reply.model == NAMED
    assert choice.index == 0 and choice.finish_reason == "length" and choice.message.role == "assistant"
    assert choice.message.content and choice.message.refusal is None and choice.logprobs is None
    usage = reply.usage
    assert usage.completion_tokens == 5 and usage.total_tokens == usage.prompt_tokens + 5
    assert usage.prompt_tokens_details.cached_tokens == 0 and usage.prompt_tokens_details.cache_write_tokens == 0
    assert usage.completion_tokens_details.reasoning_tokens == 0 and reply._request_id


def test_a_stream_says_the_same(server):
    seeded = {**HELLO, "seed": 7}
    whole = client(server).chat.completions.create(**seeded)
    stream = client(server).chat.completions.create(**seeded, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == \
        whole.choices[0].message.content
    assert chunks[-1].usage == whole.usage and chunks[-1].choices == []
    with client(server).chat.completions.stream(**seeded) as helper, pytest.raises(openai.LengthFinishReasonError):
        helper.until_done().get_final_completion()
    assert helper.current_completion_snapshot.choices[0].message.content == whole.choices[0].message.content


def test_the_chunks_of_a_stream(server):
    chunks = streamed(server, stream_options={"include_usage": True})
    for name in ("id", "created", "model", "object"):
        assert len({chunk[name] for chunk in chunks}) == 1
    assert chunks[0]["choices"][0]["delta"] == {"role": "assistant", "content": "", "refusal": None}
    assert chunks[-1]["choices"] == [] and chunks[-1]["usage"]["completion_tokens"] == 5
    assert all(chunk["usage"] is None for chunk in chunks[:-1])
    assert [chunk["choices"][0]["finish_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 2) + ["length"]
    assert chunks[-2]["choices"][0]["delta"] == {}
    bare = streamed(server)
    assert all("usage" not in chunk and len(chunk["choices"]) == 1 for chunk in bare)
    assert "amazon" not in json.dumps(chunks)


def test_the_newer_name_of_the_length_goes_first(server):
    """And -1 is no bound, as some clients mean it."""
    def length(**said):
        reply, text = raw(server, {"model": NAMED, "messages": HELLO["messages"], "temperature": 0, **said})
        assert reply.status == 200, text
        return json.loads(text)["usage"]["completion_tokens"]
    assert length(max_tokens=9, max_completion_tokens=2) == 2 and length(max_tokens=3) == 3
    assert length(max_tokens=-1, stop=["e"]) > 0
    reply, text = raw(server, {**HELLO, "max_completion_tokens": 0})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "max_completion_tokens"


# --- tools ---

@pytest.mark.parametrize("tool", [NESTED, FLAT], ids=["nested", "flat"])
def test_a_forced_tool_is_called(server, tool):
    body = {**HELLO, "max_completion_tokens": 200, "tools": [tool],
            "tool_choice": {"type": "function", "function": {"name": "find"}}}
    reply = client(server).chat.completions.create(**body)
    call, = reply.choices[0].message.tool_calls
    assert reply.choices[0].finish_reason == "tool_calls" and reply.choices[0].message.content is None
    assert call.type == "function" and call.function.name == "find" and call.id
    assert json.loads(call.function.arguments)["kind"] in ("order", "item")
    deltas = [chunk["choices"][0]["delta"] for chunk in streamed(server, **{**body, "tool_choice": "required"})]
    calls = [delta["tool_calls"][0] for delta in deltas if "tool_calls" in delta]
    assert [call["index"] for call in calls] == [0] * len(calls)
    assert [call.get("type") for call in calls] == ["function"] + [None] * (len(calls) - 1)
    assert "".join(call["function"].get("name", "") for call in calls) == "find"
    assert json.loads("".join(call["function"]["arguments"] for call in calls))["kind"] in ("order", "item")


@pytest.mark.parametrize("nested", [True, False], ids=["nested", "flat"])
def test_a_custom_tool_takes_text(server, nested):
    custom = {"name": "patch", "description": "Patches.", "format": {"type": "grammar", "grammar": {
        "syntax": "lark", "definition": "start: \"a\""}}}
    tool = {"type": "custom", "custom": custom} if nested else {"type": "custom", **custom}
    body = {**HELLO, "max_completion_tokens": 200, "tools": [tool], "tool_choice": "required"}
    call, = client(server).chat.completions.create(**body).choices[0].message.tool_calls
    assert call.type == "custom" and call.custom.name == "patch" and isinstance(call.custom.input, str)
    calls = [chunk["choices"][0]["delta"]["tool_calls"][0] for chunk in streamed(server, **body)
             if "tool_calls" in chunk["choices"][0]["delta"]]
    assert len(calls) == 1 and calls[0]["type"] == "custom" and calls[0]["custom"]["name"] == "patch" and calls[0]["id"]
    talk = HELLO["messages"] + [
        {"role": "assistant", "content": None, "tool_calls": [call.model_dump()]},
        {"role": "tool", "tool_call_id": call.id, "content": "done"}]
    reply, text = raw(server, {**HELLO, "tools": [tool], "messages": talk})
    assert reply.status == 200 and "format" in reply.headers["x-fulcrum-ignored"], text


def test_some_of_the_tools_are_allowed(server):
    other = {"type": "function", "function": {**FIND, "name": "other"}}
    body = {**HELLO, "max_completion_tokens": 200, "tools": [other, NESTED]}
    for choice in ({"type": "allowed_tools", "allowed_tools": {"mode": "required", "tools": [
            {"type": "function", "function": {"name": "find"}}]}},
                   {"type": "allowed_tools", "mode": "required", "tools": [{"type": "function", "name": "find"}]}):
        reply, text = raw(server, {**body, "tool_choice": choice})
        assert reply.status == 200, text
        assert json.loads(text)["choices"][0]["message"]["tool_calls"][0]["function"]["name"] == "find"
    reply, text = raw(server, {**body, "tool_choice": {"type": "function", "function": {"name": "nobody"}}})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "tool_choice"


def test_tools_that_nobody_here_has_are_ignored(server):
    reply, text = raw(server, {**HELLO, "tools": [{"type": "web_search"}, NESTED, {"type": "shell", "x": 1}],
                               "tool_choice": "auto", "temper": 1})
    assert reply.status == 200, text
    named = reply.headers["x-fulcrum-ignored"]
    assert "tools[].web_search" in named and "tools[].shell" in named and "temper" in named
    assert raw(server, {**HELLO, "tools": [{"type": "web_search"}], "tool_choice": "required"})[0].status == 200
    assert raw(server, {**HELLO, "tool_choice": "required"})[0].status == 400


def test_functions_of_before_there_were_tools(server):
    body = {**HELLO, "max_completion_tokens": 200, "functions": [FIND], "function_call": {"name": "find"}}
    choice = client(server).chat.completions.create(**body).choices[0]
    assert choice.finish_reason == "function_call" and choice.message.tool_calls is None
    assert choice.message.function_call.name == "find" and json.loads(choice.message.function_call.arguments)["kind"]
    deltas = [chunk["choices"][0]["delta"].get("function_call") for chunk in streamed(server, **body)]
    deltas = [delta for delta in deltas if delta]
    assert "".join(delta.get("name", "") for delta in deltas) == "find"
    assert json.loads("".join(delta["arguments"] for delta in deltas))["kind"] in ("order", "item")
    talk = HELLO["messages"] + [
        {"role": "assistant", "content": None, "function_call": choice.message.function_call.model_dump()},
        {"role": "function", "name": "find", "content": "7"}]
    assert client(server).chat.completions.create(**{**HELLO, "functions": [FIND], "messages": talk}).choices


def test_json_is_enforced(server):
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}},
              "additionalProperties": False}
    reply = client(server).chat.completions.create(**{**HELLO, "max_completion_tokens": 60}, response_format={
        "type": "json_schema", "json_schema": {"name": "reply", "strict": True, "schema": schema}})
    assert 1 <= json.loads(reply.choices[0].message.content)["n"] <= 9


# --- what else is said ---

def test_the_tier_that_served_is_told(server):
    def tier(asked):
        return client(server).chat.completions.create(**HELLO, service_tier=asked).service_tier
    assert [tier(asked) for asked in ("auto", "default", "flex", "priority", "fast", "scale", "ultrafast")] == \
        ["default", "default", "flex", "priority", "priority", "default", "default"]
    assert client(server).chat.completions.create(**HELLO).service_tier is None
    reply, text = raw(server, {**HELLO, "service_tier": "golden"})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "service_tier"


def test_conversations_that_clients_send(server):
    """Instructions alone, an empty turn for the reply, what replies had, names, roles of later."""
    for messages in ([{"role": "system", "content": "Say something."}],
                     [{"role": "developer", "content": "Short."}, *HELLO["messages"]],
                     [*HELLO["messages"], {"role": "assistant", "content": ""}],
                     [*HELLO["messages"], {"role": "assistant", "content": "Yes.", "refusal": None, "annotations": [],
                                           "reasoning_content": "Hm.", "audio": None}, *HELLO["messages"]],
                     [{"role": "user", "name": "jo", "content": [{"type": "text", "text": "a"}, {"type": "input_text", "text": "b"}]}],
                     [*HELLO["messages"], {"role": "assistant", "content": [{"type": "refusal", "refusal": "No."}]},
                      *HELLO["messages"]]):
        reply, text = raw(server, {**HELLO, "messages": messages})
        assert reply.status == 200, (messages, text)


SYSTEM = "You are a careful helper. " * 20


def test_breakpoints_are_cache_points(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="cache: {min_tokens: 64}\n")

    def usage(system, **more):
        reply, text = raw(server, {**HELLO, "messages": [{"role": "system", "content": system}, *HELLO["messages"]], **more})
        assert reply.status == 200, text
        details = json.loads(text)["usage"]["prompt_tokens_details"]
        return details["cached_tokens"], details["cache_write_tokens"]

    marked = [{"type": "text", "text": SYSTEM, "prompt_cache_breakpoint": {"mode": "explicit", "ttl": "30m"}}]
    read, written = usage(marked)
    assert read == 0 and written > 64
    assert usage(marked) == (written, 0)
    assert usage([{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}]) == (written, 0)
    many = [{"type": "text", "text": f"Part {i}. " * 20, "prompt_cache_breakpoint": {"mode": "explicit"}} for i in range(6)]
    assert usage(many)[1] > 64 and usage(many)[1] == 0
    assert server.stop() == 0


def test_sessions_and_metadata(tmp_path, random_model):
    server = start(tmp_path, random_model)
    for body, headers in (({"prompt_cache_key": "key-1", "metadata": {"team": "desk"}}, {}), ({}, {"x-session-id": "head"}),
                          ({"prompt_cache_key": "key-2"}, {"session_id": "codex"})):
        reply, text = raw(server, {**HELLO, **body}, headers=headers)
        assert reply.status == 200, text
    assert sorted(line["session"] for line in export(server).values()) == ["head", "key-1", "key-2"]
    assert {line["dialect"] for line in export(server).values()} == {"openai"}
    reply, text = raw(server, {**HELLO, "metadata": {"a": 1}})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "metadata"
    assert server.stop() == 0


# --- models and plain completions ---

def test_models_are_listed_for_both(server):
    ids = {model.id for model in client(server).models.list()}
    assert {NAMED, "amazon.nova-pro-v1:0"} <= ids
    for name in (NAMED, "amazon.nova-pro-v1:0"):
        assert client(server).models.retrieve(name).id == name
    other = anthropic.Anthropic(api_key="any", base_url=server.url, max_retries=0)
    assert NAMED in {model.id for model in other.models.list()} and other.models.retrieve(NAMED).display_name
    with pytest.raises(openai.NotFoundError) as caught:
        client(server).models.retrieve("nobody/knows:it")
    assert caught.value.code == "model_not_found"
    with pytest.raises(anthropic.NotFoundError) as caught:
        other.models.retrieve("nobody.knows")
    assert caught.value.body["error"]["type"] == "not_found_error"


def test_plain_completions(server):
    reply = client(server).completions.create(model=NAMED, prompt="Once upon", max_tokens=4, temperature=0)
    assert reply.object == "text_completion" and reply.choices[0].finish_reason == "length"
    assert reply.usage.completion_tokens == 4 and reply.id.startswith("cmpl-")
    pieces = list(client(server).completions.create(model=NAMED, prompt=["Once upon"], max_tokens=4, temperature=0, stream=True))
    assert "".join(piece.choices[0].text for piece in pieces) == reply.choices[0].text
    assert pieces[-1].choices[0].finish_reason == "length" and pieces[-1].choices[0].text == ""
    assert client(server).completions.create(model=NAMED, prompt="Once upon", seed=7).usage.completion_tokens <= 16
    for body, param in (({"prompt": ["a", "b"]}, "prompt"), ({"prompt": [1, 2]}, "prompt"),
                        ({"prompt": "a", "echo": True, "logprobs": 1}, "echo"), ({"prompt": "a", "suffix": "z"}, "suffix")):
        reply, text = raw(server, {"model": NAMED, **body}, path="/v1/completions")
        assert reply.status == 400 and json.loads(text)["error"]["param"] == param, text


# --- what is wrong ---

def test_what_is_wrong_is_said_in_its_words(server):
    sdk = client(server)
    with pytest.raises(openai.NotFoundError) as caught:
        sdk.chat.completions.create(**{**HELLO, "model": "nobody.knows"})
    assert (caught.value.code, caught.value.type) == ("model_not_found", "invalid_request_error")
    assert caught.value.request_id
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.chat.completions.create(**{**HELLO, "messages": [{"role": "user", "content": "word " * 20000}]})
    assert caught.value.code == "context_length_exceeded" and caught.value.param == "messages"
    assert "maximum context length is 2048 tokens" in caught.value.body["message"]
    for change, param in (({"messages": []}, "messages"), ({"model": 7}, "model"), ({"n": 129}, "n"),
                          ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role"),
                          ({"logprobs": True, "top_logprobs": 21}, "top_logprobs"), ({"temperature": 3}, "temperature"),
                          ({"logit_bias": {"1": 5}}, "logit_bias"), ({"modalities": ["audio"]}, "modalities")):
        reply, text = raw(server, {**HELLO, **change})
        error = json.loads(text)["error"]
        assert reply.status == 400 and set(error) == {"message", "type", "param", "code"}, text
        assert error["type"] == "invalid_request_error" and error["param"] == param, text
    assert raw(server, {**HELLO, "logit_bias": {}, "n": 1, "logprobs": False})[0].status == 200
    reply, text = raw(server, {}, path="/v1/moderations")
    assert reply.status == 404 and "CreateModeration" in json.loads(text)["error"]["message"]
    reply, text = raw(server, None, method="PUT")
    assert reply.status == 405 and json.loads(text)["error"]["type"] == "invalid_request_error"


def test_who_asks(tmp_path, random_model):
    key = "sk-test"
    server = start(tmp_path, random_model,
                   extra=f"tenants: [{{name: shop, bearer: [{hashlib.sha256(key.encode()).hexdigest()}]}}]\n")
    assert client(server, key).chat.completions.create(**HELLO).usage.completion_tokens == 5
    for other in ("sk-other", None):
        headers = {"authorization": other and f"Bearer {other}"}
        for method, path, body in (("POST", "/v1/chat/completions", HELLO), ("GET", "/v1/models", None)):
            reply, text = raw(server, body, path, headers, method)
            assert reply.status == 401 and json.loads(text)["error"]["code"] == "invalid_api_key", text
    with pytest.raises(openai.AuthenticationError):
        client(server, "sk-other").models.list()
    assert server.stop() == 0


def test_a_stream_that_waits_says_so(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="limits: {stream_wait_ms: 100}\n")
    assert raw(server, HELLO)[0].status == 200
    worker, = server.workers().values()
    os.kill(worker, signal.SIGSTOP)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/chat/completions", json.dumps({**HELLO, "stream": True}),
                           {"content-type": "application/json"})
        reply = connection.getresponse()
        early = reply.readline() + reply.readline()
    finally:
        os.kill(worker, signal.SIGCONT)
    assert early == b":\n\n"
    rest = reply.read().decode()
    while rest.startswith(":\n\n"):
        rest = rest.removeprefix(":\n\n")
    assert chunks_of(rest)[-1]["choices"][0]["finish_reason"] == "length"
    connection.close()
    assert server.stop() == 0

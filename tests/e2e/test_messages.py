"""Anthropic's own API by its SDK: replies, streams, tools, caching, counting, what is wrong in its words; and the wire
traffic of Claude Code."""

import hashlib
import http.client
import json
import os
import signal
import socket

import anthropic
import pytest

from conftest import metrics, start, wait_until
from test_edge import Gate, head, running
from test_ledger import export

NAMED = "tiny"
HELLO = {"model": NAMED, "max_tokens": 5, "messages": [{"role": "user", "content": "Hello there."}]}


def client(server, key="any", **more):
    return anthropic.Anthropic(api_key=key, base_url=server.url, max_retries=0, **more)


def raw(server, body, path="/v1/messages", headers=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, json.dumps(body),
                       {"content-type": "application/json", "anthropic-version": "2023-06-01", **(headers or {})})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply, text


def events_of(text):
    """(name, data) of each event; every one has both lines."""
    events = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        assert name.startswith("event: ") and data.startswith("data: ")
        events.append((name.removeprefix("event: "), json.loads(data.removeprefix("data: "))))
        assert events[-1][1]["type"] == events[-1][0]
    return events


def test_a_whole_reply(server):
    reply = client(server).messages.create(**HELLO)
    assert reply.type == "message" and reply.role == "assistant" and reply.model == NAMED
    assert reply.id.startswith("msg_") and not reply.id.startswith("msg_bdrk_") and reply._request_id
    assert reply.stop_reason == "max_tokens" and reply.usage.output_tokens == 5 and reply.usage.input_tokens > 0
    assert reply.usage.cache_read_input_tokens == 0 and reply.usage.cache_creation.ephemeral_5m_input_tokens == 0


def test_a_stream_says_the_same(server):
    seeded = {**HELLO, "extra_body": {"seed": 7}}
    whole = client(server).messages.create(**seeded)
    with client(server).messages.stream(**seeded) as stream:
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    assert text == whole.content[0].text and final.usage.output_tokens == 5
    assert final.usage.input_tokens == whole.usage.input_tokens and final.stop_reason == "max_tokens"


def test_the_events_of_a_stream(server):
    reply, text = raw(server, {**HELLO, "stream": True})
    assert reply.status == 200 and reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    assert reply.headers["request-id"] and reply.headers["x-fulcrum-model"] == NAMED
    names = [name for name, _ in events_of(text) if name != "content_block_delta"]
    assert names == ["message_start", "content_block_start", "content_block_stop", "message_delta", "message_stop"]
    assert "amazon" not in text
    usage = events_of(text)[0][1]["message"]["usage"]
    assert usage["input_tokens"] > 0 and {"cache_read_input_tokens", "cache_creation_input_tokens"} <= set(usage)


def test_tokens_are_counted(server):
    said = client(server).messages.create(**HELLO).usage.input_tokens
    counted = client(server).messages.count_tokens(model=NAMED, messages=HELLO["messages"])
    assert counted.input_tokens == said


def test_a_forced_tool_is_called(server):
    reply = client(server).messages.create(
        **{**HELLO, "max_tokens": 200}, tool_choice={"type": "tool", "name": "find"},
        tools=[{"name": "find", "input_schema": {"type": "object", "required": ["kind"], "properties": {
            "kind": {"enum": ["order", "item"]}}, "additionalProperties": False}}])
    call = reply.content[-1]
    assert reply.stop_reason == "tool_use" and call.name == "find" and call.input["kind"] in ("order", "item")


def test_both_versions_are_taken(server):
    """The newer one has no sampling members."""
    sampled = {**HELLO, "temperature": 0}
    assert raw(server, sampled)[0].status == 200
    reply, text = raw(server, sampled, headers={"anthropic-version": "2026-10-21"})
    assert reply.status == 400 and json.loads(text)["error"] == {
        "type": "invalid_request_error", "message": "temperature: Extra inputs are not permitted"}
    reply, text = raw(server, HELLO, headers={"anthropic-version": "2020-01-01"})
    assert reply.status == 400 and "is not a valid version" in json.loads(text)["error"]["message"]
    assert raw(server, HELLO, path="/anthropic/v1/messages")[0].status == 200


def test_what_is_wrong_is_said_in_its_words(server):
    sdk = client(server)
    with pytest.raises(anthropic.NotFoundError) as caught:
        sdk.messages.create(**{**HELLO, "model": "nobody.knows"})
    assert caught.value.body["error"] == {"type": "not_found_error", "message": "model: nobody.knows"}
    assert caught.value.body["request_id"] == caught.value.response.headers["request-id"]
    for change, word in (({"messages": []}, "messages"), ({"max_tokens": -1}, "max_tokens"), ({"model": 7}, "model"),
                         ({"messages": [{"role": "robot", "content": "x"}]}, "messages[0].role")):
        reply, text = raw(server, {**HELLO, **change})
        error = json.loads(text)["error"]
        assert (reply.status, error["type"]) == (400, "invalid_request_error") and error["message"].startswith(word), error
    reply, text = raw(server, {**HELLO, "messages": [{"role": "user", "content": "word " * 20000}]})
    assert reply.status == 400 and "prompt is too long" in json.loads(text)["error"]["message"]


def test_who_asks(tmp_path, random_model):
    key = "sk-ant-test"
    server = start(tmp_path, random_model,
                   extra=f"tenants: [{{name: shop, bearer: [{hashlib.sha256(key.encode()).hexdigest()}]}}]\n")
    assert client(server, key).messages.create(**HELLO).usage.output_tokens == 5
    assert raw(server, HELLO, headers={"x-api-key": key})[0].status == 200
    with pytest.raises(anthropic.APIStatusError) as caught:
        client(server, "sk-ant-other").messages.create(**HELLO)
    assert caught.value.status_code in (401, 403)
    with pytest.raises(anthropic.AuthenticationError):
        client(server, default_headers={"X-Api-Key": anthropic.Omit(), "Authorization": anthropic.Omit()}).messages.create(
            **HELLO)
    assert server.stop() == 0


SYSTEM = "You are a careful helper. " * 20


def test_marks_and_automatic_caching(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="cache: {min_tokens: 64}\n")
    marked = [{"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral", "ttl": "1h"}}]
    first = client(server).messages.create(**HELLO, system=marked).usage
    again = client(server).messages.create(**HELLO, system=marked).usage
    assert first.cache_creation.ephemeral_1h_input_tokens == first.cache_creation_input_tokens > 64
    assert again.cache_read_input_tokens == first.cache_creation_input_tokens and again.cache_creation_input_tokens == 0
    talk = [{"role": "user", "content": "Automatic. " * 20}]
    sdk = client(server)
    whole = sdk.messages.create(**{**HELLO, "messages": talk}, extra_body={"cache_control": {"type": "ephemeral"}}).usage
    assert whole.cache_creation.ephemeral_5m_input_tokens > 64
    talk += [{"role": "assistant", "content": "Yes."}, {"role": "user", "content": "Go on."}]
    more = sdk.messages.create(**{**HELLO, "messages": talk}, extra_body={"cache_control": {"type": "ephemeral"}}).usage
    assert more.cache_read_input_tokens == whole.cache_creation_input_tokens
    assert server.stop() == 0


def test_the_traffic_of_claude_code(tmp_path, random_model):
    """Its query, headers, betas, members that no local model has, and a system block that changes each time."""
    server = start(tmp_path, random_model, extra="cache: {min_tokens: 64}\n")

    def turn(number, stream=True):
        body = {"model": NAMED, "max_tokens": 8, "stream": stream, "thinking": {"type": "adaptive"},
                "metadata": {"user_id": "user_1_session_2"}, "context_management": {"edits": []},
                "output_config": {"effort": "high"},
                "system": [{"type": "text", "text": f"x-anthropic-billing-header: cc_version=2.1.1; cch={number:x};"},
                           {"type": "text", "text": SYSTEM, "cache_control": {"type": "ephemeral"}}],
                "tools": [{"name": "Bash", "description": "Runs a command.", "input_schema": {
                    "type": "object", "properties": {"command": {"type": "string"}}, "required": ["command"]},
                    "strict": False, "defer_loading": False, "eager_input_streaming": True}],
                "messages": [{"role": "user", "content": [{"type": "text", "text": f"Turn {number}",
                                                           "cache_control": {"type": "ephemeral"}}]}]}
        reply, text = raw(server, body, path="/v1/messages?beta=true", headers={
            "anthropic-beta": "claude-code-20250219,interleaved-thinking-2025-05-14", "authorization": "Bearer any",
            "x-claude-code-session-id": "6f1c", "x-app": "cli"})
        assert reply.status == 200, text
        return events_of(text)[0][1]["message"]["usage"] if stream else json.loads(text)["usage"]

    first, second = turn(1), turn(2)
    assert first["cache_creation_input_tokens"] > 64 and second["cache_read_input_tokens"] > 64
    assert turn(3, stream=False)["cache_read_input_tokens"] == second["cache_read_input_tokens"]
    lines = export(server).values()
    assert len(lines) == 3 and all(line["session"] == "6f1c" and line["dialect"] == "anthropic" for line in lines)
    assert server.stop() == 0


def test_a_stream_that_waits_says_so(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="limits: {stream_wait_ms: 100}\n")
    assert raw(server, HELLO)[0].status == 200
    worker, = server.workers().values()
    os.kill(worker, signal.SIGSTOP)
    try:
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/v1/messages", json.dumps({**HELLO, "stream": True}),
                           {"content-type": "application/json", "anthropic-version": "2023-06-01"})
        reply = connection.getresponse()
        early = b"".join(reply.readline() for _ in range(6))
    finally:
        os.kill(worker, signal.SIGCONT)
    names = [name for name, _ in events_of(early.decode() + reply.read().decode())]
    assert names[:2] == ["ping", "ping"] and names[-1] == "message_stop" and names.count("message_start") == 1
    connection.close()
    assert server.stop() == 0


def test_a_stream_is_silent_while_another_thread_has_its_request(tmp_path, random_model):
    """Which writes the prompt of a large body; and the client may leave meanwhile."""
    gate = Gate(tmp_path)
    server = start(tmp_path, random_model, extra="limits: {stream_wait_ms: 20}\n", env=gate.env)
    data = json.dumps({**HELLO, "stream": True}).encode() + b" " * 200_000
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as client_socket:
        headers = {"Host": "a", "Content-Type": "application/json"}
        client_socket.sendall(head("POST", "/v1/messages", headers, len(data)) + data)
        for step in range(3):  # who asks, which model, the request; the prompt comes next
            gate.let_one_through()
            assert wait_until(lambda: metrics(server)["fulcrum_offloaded_total"] == step + 2, timeout=60)
        client_socket.settimeout(0.5)  # some dozen times that a waiting stream would say so
        with pytest.raises(TimeoutError):
            client_socket.recv(1)
        client_socket.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert wait_until(lambda: metrics(server)["fulcrum_connections"] == 1)
    gate.open()
    assert wait_until(lambda: running(server) == 0, timeout=60)
    assert wait_until(lambda: "status=499" in server.log())
    assert raw(server, HELLO)[0].status == 200
    assert server.stop() == 0

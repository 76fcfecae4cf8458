"""OpenAI's Responses by its SDK: whole and streamed, tools, what is kept of earlier ones and by whom, what agents such as
Codex rely on, and bodies that come to the other route."""

import hashlib
import http.client
import json
import os
import signal

import openai
import pytest

from conftest import start
from test_ledger import export
from test_openai import FIND, FLAT, NAMED, NESTED, chunks_of, client, raw

HELLO = {"model": NAMED, "max_output_tokens": 5, "temperature": 0, "input": "Hello there."}
PATCH = {"type": "custom", "name": "patch", "description": "Patches.", "format": {"type": "text"}}
PATH = "/v1/responses"


def post(server, body, path=PATH, status=200, headers=None):
    reply, text = raw(server, body, path, headers)
    assert reply.status == status, text
    return json.loads(text)


def events_of(text):
    """Numbered from 0 without gaps; every one says its type twice."""
    events = []
    for block in text.removesuffix("\n\n").split("\n\n"):
        name, data = block.split("\n")
        events.append(json.loads(data.removeprefix("data: ")))
        assert name == f"event: {events[-1]['type']}"
    assert [event["sequence_number"] for event in events] == list(range(len(events)))
    return events


def streamed(server, body):
    reply, text = raw(server, {**body, "stream": True}, PATH)
    assert reply.status == 200, text
    return events_of(text)


# --- replies ---

@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_a_whole_reply(server, prefix):
    reply = client(server, prefix=prefix).responses.create(**HELLO, instructions="Be short.", metadata={"team": "desk"})
    assert reply.id.startswith("resp_") and reply.object == "response" and reply.model == NAMED
    assert reply.status == "incomplete" and reply.incomplete_details.reason == "max_output_tokens"
    assert reply.output_text and reply.output[0].type == "message" and reply.output[0].id.startswith("msg_")
    usage = reply.usage
    assert usage.output_tokens == 5 and usage.total_tokens == usage.input_tokens + 5
    assert usage.input_tokens_details.cached_tokens == 0 and usage.input_tokens_details.cache_write_tokens == 0
    assert usage.output_tokens_details.reasoning_tokens == 0
    assert reply.instructions == "Be short." and reply.metadata == {"team": "desk"} and reply.tools == []
    assert reply.error is None and reply.store is True and reply.parallel_tool_calls is True


def test_a_stream_says_the_same(server):
    seeded = {**HELLO, "extra_body": {"seed": 7}}
    whole = client(server).responses.create(**seeded)
    with client(server).responses.stream(**seeded) as stream:
        text = "".join(event.delta for event in stream if event.type == "response.output_text.delta")
    assert text == whole.output_text
    last = list(client(server).responses.create(**seeded, stream=True))[-1]
    assert last.type == "response.incomplete" and last.response.output_text == whole.output_text
    assert last.response.usage == whole.usage


def test_the_events_of_a_stream(server):
    events = streamed(server, HELLO)
    names = [event["type"] for event in events if event["type"] != "response.output_text.delta"]
    assert names == ["response.created", "response.in_progress", "response.output_item.added",
                     "response.content_part.added", "response.output_text.done", "response.content_part.done",
                     "response.output_item.done", "response.incomplete"]
    assert len({event["response"]["id"] for event in events if "response" in event}) == 1
    added, done = [next(event for event in events if event["type"] == f"response.output_item.{word}")["item"]
                   for word in ("added", "done")]
    assert added["id"] == done["id"] and added["content"] == [] and done["status"] == "completed"
    assert events[-1]["response"]["output"] == [done]
    assert events[0]["response"]["status"] == "in_progress" and events[0]["response"]["usage"] is None


def test_prompts_are_counted(server):
    said = client(server).responses.create(**HELLO).usage.input_tokens
    counted = post(server, {"model": NAMED, "input": HELLO["input"]}, PATH + "/input_tokens")
    assert counted == {"object": "response.input_tokens", "input_tokens": said}


# --- tools, JSON ---

def test_tools_are_called_and_answered(server):
    body = {**HELLO, "max_output_tokens": 200, "tools": [FLAT, {"type": "web_search"}], "tool_choice": "required"}
    reply = client(server).responses.create(**body)
    call = reply.output[-1]
    assert reply.status == "completed" and call.type == "function_call" and call.name == "find"
    assert call.id.startswith("fc_") and json.loads(call.arguments)["kind"] in ("order", "item")
    follow = [{"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Hello there."}]},
              call.model_dump(), {"type": "function_call_output", "call_id": call.call_id, "output": "7"},
              {"type": "reasoning", "id": "rs_1", "summary": [], "encrypted_content": "x"}]
    assert client(server).responses.create(**{**HELLO, "input": follow, "tools": [FLAT]}).output
    events = streamed(server, body)
    pieces = [event["delta"] for event in events if event["type"] == "response.function_call_arguments.delta"]
    done, = [event for event in events if event["type"] == "response.function_call_arguments.done"]
    assert done["name"] == "find" and done["arguments"] == "".join(pieces)
    assert events[-1]["response"]["output"][-1]["arguments"] == done["arguments"]


def test_custom_tools_take_text(server):
    body = {**HELLO, "max_output_tokens": 200, "tools": [PATCH], "tool_choice": "required"}
    call = client(server).responses.create(**body).output[-1]
    assert call.type == "custom_tool_call" and call.name == "patch" and isinstance(call.input, str)
    events = streamed(server, body)
    done, = [event for event in events if event["type"] == "response.custom_tool_call_input.done"]
    item = events[-1]["response"]["output"][-1]
    assert item["type"] == "custom_tool_call" and item["input"] == done["input"] and item["id"].startswith("ctc_")
    follow = [{"role": "user", "content": "Hello there."}, call.model_dump(),
              {"type": "custom_tool_call_output", "call_id": call.call_id,
               "output": [{"type": "input_text", "text": "done"}]}]
    assert client(server).responses.create(**{**HELLO, "input": follow, "tools": [PATCH]}).output


def test_json_is_enforced(server):
    schema = {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer", "minimum": 1, "maximum": 9}},
              "additionalProperties": False}
    reply = client(server).responses.create(**{**HELLO, "max_output_tokens": 60}, text={
        "format": {"type": "json_schema", "name": "reply", "strict": True, "schema": schema}})
    assert 1 <= json.loads(reply.output_text)["n"] <= 9 and reply.text.format.type == "json_schema"


# --- what is kept ---

def test_a_conversation_goes_on_by_its_id(server):
    """With the same prompt as one that sends it whole, but for instructions, which are not carried over."""
    sdk = client(server)
    first = sdk.responses.create(**HELLO, instructions="Be short.")
    second = sdk.responses.create(**{**HELLO, "input": "And then?"}, previous_response_id=first.id)
    third = sdk.responses.create(**{**HELLO, "input": "So?"}, previous_response_id=second.id)
    talk = [{"role": "user", "content": HELLO["input"]}, first.output[0].model_dump(),
            {"role": "user", "content": "And then?"}, second.output[0].model_dump(), {"role": "user", "content": "So?"}]
    whole = post(server, {**HELLO, "input": talk, "store": False})
    assert whole["usage"]["input_tokens"] == third.usage.input_tokens > second.usage.input_tokens
    assert third.previous_response_id == second.id
    counted = post(server, {"model": NAMED, "input": "So?", "previous_response_id": second.id}, PATH + "/input_tokens")
    assert counted["input_tokens"] == third.usage.input_tokens
    assert sdk.responses.retrieve(third.id).output_text == third.output_text
    sdk.responses.delete(first.id)
    with pytest.raises(openai.NotFoundError):
        sdk.responses.retrieve(first.id)
    with pytest.raises(openai.BadRequestError) as caught:
        sdk.responses.create(**HELLO, previous_response_id=third.id)
    assert caught.value.code == "previous_response_not_found" and caught.value.param == "previous_response_id"


def test_streams_are_kept_before_they_end(server):
    last = streamed(server, HELLO)[-1]["response"]
    assert post(server, {**HELLO, "previous_response_id": last["id"]})["output"]
    reply, text = raw(server, None, f"{PATH}/{last['id']}", method="GET")
    assert reply.status == 200 and json.loads(text) == last


def test_items_are_referred_to(server):
    """As the AI SDK sends what it has been told."""
    first = client(server).responses.create(**HELLO)
    talk = [{"role": "user", "content": HELLO["input"]}, {"type": "item_reference", "id": first.output[0].id},
            {"role": "user", "content": "So?"}]
    said = client(server).responses.create(**{**HELLO, "input": talk})
    full = [talk[0], first.output[0].model_dump(), talk[2]]
    assert said.usage.input_tokens == post(server, {**HELLO, "input": full})["usage"]["input_tokens"]
    client(server).responses.delete(first.id)
    assert post(server, {**HELLO, "previous_response_id": said.id})["output"]
    error = post(server, {**HELLO, "input": talk}, status=400)["error"]
    assert error["param"] == "input[1].id"


def test_what_is_not_to_be_kept_is_not(server):
    reply = client(server).responses.create(**HELLO, store=False)
    assert reply.store is False
    with pytest.raises(openai.NotFoundError):
        client(server).responses.retrieve(reply.id)
    for id_ in ("resp_nothing", "resp_" + "0" * 32, "x"):
        assert raw(server, None, f"{PATH}/{id_}", method="DELETE")[0].status == 404
        error = post(server, {**HELLO, "previous_response_id": id_}, status=400)["error"]
        assert error["code"] == "previous_response_not_found"


def test_tenants_limits_and_restarts(tmp_path, random_model):
    keys = {name: f"sk-{name}" for name in ("shop", "desk")}
    tenants = "".join(f"  - {{name: {name}, bearer: [{hashlib.sha256(key.encode()).hexdigest()}]}}\n"
                      for name, key in keys.items())
    extra = f"tenants:\n{tenants}limits: {{responses: 3}}\n"
    server = start(tmp_path, random_model, extra=extra)
    shop, desk = (client(server, key) for key in keys.values())
    ids = [shop.responses.create(**HELLO).id for _ in range(4)]
    with pytest.raises(openai.NotFoundError):
        desk.responses.retrieve(ids[3])
    with pytest.raises(openai.NotFoundError):
        desk.responses.delete(ids[3])
    with pytest.raises(openai.NotFoundError):
        shop.responses.retrieve(ids[0])
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    server = start(tmp_path, random_model, extra=extra)
    shop = client(server, keys["shop"])
    assert [shop.responses.retrieve(id_).id for id_ in ids[1:]] == ids[1:]
    assert shop.responses.create(**HELLO, previous_response_id=ids[3]).output
    assert server.stop() == 0
    server = start(tmp_path, random_model, extra=extra.replace("responses: 3", "responses_keep_ms: 1"))
    shop = client(server, keys["shop"])
    gone = shop.responses.create(**HELLO).id
    with pytest.raises(openai.NotFoundError):
        shop.responses.retrieve(gone)
    assert server.stop() == 0


# --- agents, and bodies of the other route ---

def codex(server, items, **more):
    """What it sends, and the items that it reads from `output_item.done` alone."""
    body = {"model": NAMED, "instructions": "You are a coding agent. " * 20, "input": items, "store": False, "stream": True,
            "tool_choice": "auto", "parallel_tool_calls": False, "include": ["reasoning.encrypted_content"],
            "prompt_cache_key": "conversation-1", "reasoning": {"effort": "medium", "summary": "auto"},
            "text": {"verbosity": "low"}, "max_output_tokens": 60,
            "tools": [{"type": "function", "strict": False, **FIND}, PATCH, {"type": "web_search"}, {"type": "local_shell"},
                      {"type": "namespace", "name": "mcp", "tools": []}], **more}
    reply, text = raw(server, body, PATH, {"session_id": "conversation-1", "originator": "codex_cli_rs"})
    assert reply.status == 200, text
    events = events_of(text)
    assert events[-1]["type"] in ("response.completed", "response.incomplete") and events[-1]["response"]["usage"]
    return [event["item"] for event in events if event["type"] == "response.output_item.done"], events[-1]["response"]


def test_the_traffic_of_codex(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="cache: {min_tokens: 64}\n")
    items = [{"type": "message", "role": "developer", "content": [{"type": "input_text", "text": "<permissions>"}]},
             {"type": "message", "role": "user", "content": [{"type": "input_text", "text": "Fix it."}]}]
    done, _ = codex(server, items)
    second, response = codex(server, [*items, *done, {"type": "message", "role": "user", "content": [
        {"type": "input_text", "text": "Go on."}]}])
    assert second and response["usage"]["input_tokens_details"]["cached_tokens"] > 64
    forced, _ = codex(server, items, tool_choice="required")
    call = forced[-1]
    kind = call["type"] + "_output"
    codex(server, [*items, call, {"type": kind, "call_id": call["call_id"], "output": "done"}])
    assert {line["session"] for line in export(server).values()} == {"conversation-1"}
    assert post(server, {**HELLO, "input": []}, status=400)["error"]["param"] == "input"
    assert server.stop() == 0


def test_a_failure_inside_a_stream_is_an_event(tmp_path, slow_model):
    """Which agents wait for: the code, and no end of the connection alone."""
    server = start(tmp_path, slow_model)
    worker, = server.workers().values()
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", PATH, json.dumps({**HELLO, "max_output_tokens": 1500, "stream": True}),
                       {"content-type": "application/json"})
    reply = connection.getresponse()
    early = b"".join(reply.readline() for _ in range(3))
    os.kill(worker, signal.SIGKILL)
    events = events_of((early + reply.read()).decode())
    assert events[0]["type"] == "response.created" and events[-1]["type"] == "response.failed"
    assert events[-1]["response"]["status"] == "failed" and events[-1]["response"]["error"]["message"]
    assert events[-1]["response"]["id"] == events[0]["response"]["id"]
    connection.close()
    assert server.stop() == 0


def test_bodies_of_the_other_route(server):
    """Cursor sends those of Responses to chat completions, and means chunks; others the other way round."""
    body = {**HELLO, "input": [{"role": "system", "content": "Short."}, {"role": "user", "content": "Hi"}],
            "tools": [FLAT, NESTED | {"function": {**FIND, "name": "other"}}, PATCH], "reasoning": {"effort": "high"}}
    reply = post(server, body, "/v1/chat/completions")
    assert reply["object"] == "chat.completion" and reply["usage"]["completion_tokens"] == 5
    answer, text = raw(server, {**body, "stream": True}, "/v1/chat/completions")
    assert answer.status == 200 and chunks_of(text)[-1]["choices"][0]["finish_reason"] == "length"
    assert "reasoning" in answer.headers["x-fulcrum-ignored"]
    reply = post(server, {"model": NAMED, "max_tokens": 5, "temperature": 0, "messages": [{"role": "user", "content": "Hi"}]})
    assert reply["object"] == "response" and reply["usage"]["output_tokens"] == 5
    assert post(server, {**HELLO, "previous_response_id": reply["id"]})["output"]


def test_what_is_wrong_is_said(server):
    for change, param in (({"input": 7}, "input"), ({"background": True}, "background"), ({"top_logprobs": 21}, "top_logprobs"),
                          ({"conversation": "conv_1"}, "conversation"), ({"prompt": {"id": "pmpt_1"}}, "prompt"),
                          ({"input": [{"role": "robot", "content": "x"}]}, "input[0].role"),
                          ({"input": [{"type": "function_call", "name": "x"}]}, "input[0].call_id"),
                          ({"text": {"format": {"type": "json_schema"}}}, "text.format.schema"),
                          ({"max_output_tokens": 0}, "max_output_tokens"), ({"input": None}, "input")):
        error = post(server, {**HELLO, **change}, status=400)["error"]
        assert error["param"] == param, error
    assert post(server, {**HELLO, "model": "nobody"}, status=404)["error"]["code"] == "model_not_found"
    assert post(server, {**HELLO, "input": "word " * 20000}, status=400)["error"]["code"] == "context_length_exceeded"
    assert post(server, {"model": NAMED}, status=400)["error"]["param"] == "input"
    reply, text = raw(server, None, PATH + "/resp_1/cancel", method="POST")
    assert reply.status == 404 and "CancelResponse" in text

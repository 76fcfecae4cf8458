"""The same API in and out: what nobody here knows goes to the provider and comes back, in requests and replies, whole
and streamed; so do several choices and the probabilities of tokens."""

import json

import anthropic
import openai
import pytest

from fake_provider import openai_usage, USAGE
from test_ledger import export
from test_messages import raw as raw_messages
from test_openai import chunks_of, raw
from test_upstreams import begin
from upstream_fixture import COST

ASK = {"model": "gpt", "messages": [{"role": "user", "content": "Hi", "x_hint": {"a": [1, None]}}]}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider, random_model):
    running = begin(tmp_path_factory.mktemp("verbatim"), provider, random_model)
    yield running
    assert running.stop() == 0


def choice(index, delta, reason=None, **more):
    return {"id": "chatcmpl-7", "object": "chat.completion.chunk", "created": 5, "model": "gpt-real", "x_new": 1.50,
            "choices": [{"index": index, "delta": delta, "finish_reason": reason, **more}]}


LOGPROBS = {"content": [{"token": "He", "logprob": -0.25, "bytes": [72, 101],
                         "top_logprobs": [{"token": "He", "logprob": -0.25, "bytes": [72, 101]}]}], "refusal": None}
CHUNKS = [choice(0, {"role": "assistant", "content": ""}), choice(1, {"role": "assistant", "content": ""}),
          choice(0, {"content": "He", "annotations": [{"type": "x"}]}, logprobs=LOGPROBS), choice(1, {"content": "Ho"}),
          choice(0, {"audio": {"id": "a", "data": "AAAA"}, "reasoning_content": "so"}),
          choice(1, {}, "stop"), choice(0, {}, "length", x_why="long")]
TOTAL = {"id": "chatcmpl-7", "object": "chat.completion.chunk", "model": "gpt-real", "choices": [], "usage": openai_usage(USAGE)}


def renamed(value):
    return {**value, "model": "gpt"}


@pytest.mark.parametrize("wants_usage", [False, True])
def test_chunks_come_as_they_were(gateway, provider, wants_usage):
    provider.plan({"events": [*CHUNKS, TOTAL]})
    more = {"stream_options": {"include_usage": True}} if wants_usage else {}
    reply, text = raw(gateway, {**ASK, "n": 2, "logprobs": True, "top_logprobs": 1, "x_mode": 2.0, "stream": True, **more})
    assert reply.status == 200, text
    assert chunks_of(text) == [renamed(chunk) for chunk in CHUNKS + ([TOTAL] if wants_usage else [])]
    assert provider.requests[0].body == {**ASK, "model": "gpt-real", "n": 2, "logprobs": True, "top_logprobs": 1, "x_mode": 2.0,
                                         "stream": True, "stream_options": {"include_usage": True}}
    line = export(gateway)[reply.headers["x-request-id"]]
    assert (line["costPicodollars"], line["outputTokens"], line["outcome"]) == (COST, USAGE["output"], "completed")


def test_a_whole_reply_comes_as_it_was(gateway, provider):
    message = {"role": "assistant", "content": "He", "refusal": None, "annotations": [], "x_thing": {"deep": [1e-7]}}
    body = {"id": "chatcmpl-7", "object": "chat.completion", "model": "gpt-real", "system_fingerprint": "fp", "choices": [
        {"index": 0, "message": message, "logprobs": LOGPROBS, "finish_reason": "stop"},
        {"index": 1, "message": {**message, "content": "Ho"}, "finish_reason": "stop"}], "usage": openai_usage(USAGE)}
    provider.plan({"json": body})
    reply, text = raw(gateway, {**ASK, "n": 2, "x_mode": True})
    assert reply.status == 200 and json.loads(text) == renamed(body), text
    assert provider.requests[0].body == {**ASK, "model": "gpt-real", "n": 2, "x_mode": True}
    assert int(reply.headers["x-fulcrum-cost"]) == COST


def test_the_sdk_reads_both(gateway, provider):
    sdk = openai.OpenAI(api_key="any", base_url=gateway.url + "/v1", max_retries=0)
    provider.plan({"events": [*CHUNKS, TOTAL]})
    texts = ["", ""]
    for chunk in sdk.chat.completions.create(**ASK, n=2, logprobs=True, stream=True):
        texts[chunk.choices[0].index] += chunk.choices[0].delta.content or ""
    assert texts == ["He", "Ho"]


def test_a_provider_without_usage_is_counted_for_who_asks(gateway, provider):
    provider.plan({"events": CHUNKS})
    _, text = raw(gateway, {**ASK, "stream": True, "stream_options": {"include_usage": True}})
    last = chunks_of(text)[-1]
    assert last["choices"] == [] and last["usage"]["completion_tokens"] > 0


def test_errors_in_the_midst_are_told(gateway, provider):
    provider.plan({"events": [*CHUNKS[:3], {"error": {"type": "server_error", "message": "gone"}}]})
    _, text = raw(gateway, {**ASK, "stream": True})
    assert '"error"' in text and "[DONE]" not in text


@pytest.mark.parametrize("model", ["claude", "nova"])
@pytest.mark.parametrize("more, param", [({"n": 2}, "n"), ({"logprobs": True}, "logprobs")])
def test_who_has_no_words_for_it_refuses_it(gateway, model, more, param):
    reply, text = raw(gateway, {**ASK, "model": model, "messages": [{"role": "user", "content": "Hi"}], **more})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == param, text


# --- Anthropic's API ---

USED = {"input_tokens": 11, "cache_read_input_tokens": 100, "cache_creation_input_tokens": 20, "output_tokens": 7,
        "server_tool_use": {"web_search_requests": 1}}
BLOCKS = [({"type": "server_tool_use", "id": "srv", "name": "web_search", "input": {}},
           [{"type": "input_json_delta", "partial_json": '{"query":"x"}'}]),
          ({"type": "web_search_tool_result", "tool_use_id": "srv", "content": [{"type": "web_search_result", "url": "u"}]}, []),
          ({"type": "text", "text": "", "citations": []},
           [{"type": "citations_delta", "citation": {"type": "web_search_result_location", "url": "u", "cited_text": "c"}},
            {"type": "text_delta", "text": "Found."}, {"type": "new_delta", "x": 1.0}])]


def events():
    start = {"id": "msg_9", "type": "message", "role": "assistant", "model": "claude-real", "content": [], "container": {"id": "c"},
             "usage": {**USED, "output_tokens": 1}}
    yield {"type": "message_start", "message": start}
    yield {"type": "ping"}
    for index, (block, deltas) in enumerate(BLOCKS):
        yield {"type": "content_block_start", "index": index, "content_block": block}
        for delta in deltas:
            yield {"type": "content_block_delta", "index": index, "delta": delta}
        yield {"type": "content_block_stop", "index": index}
    yield {"type": "message_delta", "delta": {"stop_reason": "end_turn", "stop_sequence": None, "x_new": True}, "usage": USED}
    yield {"type": "message_stop"}


SEARCH = {"model": "claude", "max_tokens": 50, "messages": [{"role": "user", "content": "Hi"}], "x_new": {"b": 1},
          "tools": [{"type": "web_search_20250305", "name": "web_search", "max_uses": 2}]}


def test_events_come_as_they_were(gateway, provider):
    sent = list(events())
    provider.plan({"events": sent})
    headers = {"anthropic-beta": "search-2026-01-01,other"}
    reply, text = raw_messages(gateway, {**SEARCH, "stream": True}, headers=headers)
    assert reply.status == 200, text
    got = [json.loads(line.removeprefix("data: ")) for line in text.splitlines() if line.startswith("data: ")]
    sent[0]["message"]["model"] = "claude"
    assert got == sent
    assert provider.requests[0].body == {**SEARCH, "model": "claude-real", "stream": True}
    assert provider.requests[0].headers["anthropic-beta"] == headers["anthropic-beta"]
    assert "x-fulcrum-ignored" not in reply.headers


def test_a_whole_message_comes_as_it_was(gateway, provider):
    body = {"id": "msg_9", "type": "message", "role": "assistant", "model": "claude-real", "stop_reason": "end_turn",
            "content": [block for block, _ in BLOCKS], "container": None, "usage": USED}
    provider.plan({"json": body})
    client = anthropic.Anthropic(api_key="any", base_url=gateway.url, max_retries=0)
    reply = client.messages.with_raw_response.create(**{key: SEARCH[key] for key in SEARCH if key != "x_new"},
                                                     extra_body={"x_new": {"b": 1}})
    assert json.loads(reply.text()) == {**body, "model": "claude"}
    assert int(reply.headers["x-fulcrum-cost"]) == COST
    assert "stream" not in provider.requests[0].body


@pytest.mark.parametrize("model", ["tiny", "gpt"])
def test_features_of_one_provider_are_named_where_another_answers(gateway, provider, model):
    provider.plan()
    body = {"model": model, "max_tokens": 5, "messages": [{"role": "user", "content": "Hi"}]}
    reply, text = raw_messages(gateway, body, headers={"anthropic-beta": "search-2026-01-01"})
    assert reply.status == 200 and "anthropic-beta" in reply.headers["x-fulcrum-ignored"], text
    assert all("anthropic-beta" not in request.headers for request in provider.requests)

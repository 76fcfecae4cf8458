"""Several replies of one request, of our own models: whole, streamed, with tools, and what they cost."""

import json

import pytest

from test_ledger import export
from test_openai import FIND, HELLO, chunks_of, client, raw

ASK = {**HELLO, "max_completion_tokens": 8, "temperature": 1, "seed": 7, "n": 3}


def whole(server, **more):
    reply, text = raw(server, {**ASK, **more})
    assert reply.status == 200, text
    return reply, json.loads(text)


def texts(body):
    return [choice["message"]["content"] for choice in body["choices"]]


def test_choices_are_told_apart_and_the_prompt_is_paid_once(server):
    reply, body = whole(server)
    assert [choice["index"] for choice in body["choices"]] == [0, 1, 2]
    assert len(set(texts(body))) == 3
    assert [choice["finish_reason"] for choice in body["choices"]] == ["length"] * 3
    _, one = whole(server, n=1)
    assert texts(body)[0] == texts(one)[0]
    assert body["usage"]["completion_tokens"] == 24 and one["usage"]["completion_tokens"] == 8
    assert body["usage"]["prompt_tokens"] == one["usage"]["prompt_tokens"]
    line = export(server)[reply.headers["x-request-id"]]
    assert line["outputTokens"] == 24


def test_the_same_seed_gives_the_same_choices(server):
    assert texts(whole(server)[1]) == texts(whole(server)[1])
    assert texts(whole(server, seed=8)[1])[0] == texts(whole(server)[1])[1]


def test_greedy_choices_are_alike(server):
    assert len(set(texts(whole(server, temperature=0)[1]))) == 1


def test_a_stream_says_the_same(server):
    reply, text = raw(server, {**ASK, "stream": True, "stream_options": {"include_usage": True}})
    *chunks, usage = chunks_of(text)
    told = ["", "", ""]
    for chunk in chunks:
        choice, = chunk["choices"]
        told[choice["index"]] += choice["delta"].get("content", "")
    assert told == texts(whole(server)[1])
    for index in range(3):
        mine = [chunk["choices"][0] for chunk in chunks if chunk["choices"][0]["index"] == index]
        assert mine[0]["delta"]["role"] == "assistant" and mine[-1]["finish_reason"] == "length" and mine[-1]["delta"] == {}
    assert usage["choices"] == [] and usage["usage"]["completion_tokens"] == 24


def test_tools_of_each_choice(server):
    tools = {"tools": [{"type": "function", "function": FIND}], "tool_choice": "required", "max_completion_tokens": 200}
    _, body = whole(server, **tools)
    calls = [choice["message"]["tool_calls"][0] for choice in body["choices"]]
    assert len({call["id"] for call in calls}) == 3
    assert all(json.loads(call["function"]["arguments"])["kind"] in ("order", "item") for call in calls)
    assert {choice["finish_reason"] for choice in body["choices"]} == {"tool_calls"}
    _, text = raw(server, {**ASK, **tools, "stream": True})
    places = [(chunk["choices"][0]["index"], call["index"]) for chunk in chunks_of(text)
              for call in chunk["choices"][0]["delta"].get("tool_calls", []) if "id" in call]
    assert [index for index, _ in places] == [0, 1, 2] and {place for _, place in places} == {0}


def test_stop_sequences_hold_for_each(server):
    first = texts(whole(server)[1])
    stop = first[1][2:4]
    body = whole(server, stop=[stop])[1]
    assert texts(body)[1] == first[1].split(stop)[0] and body["choices"][1]["finish_reason"] == "stop"


def test_plain_completions_and_the_sdk(server):
    reply = client(server).completions.create(model="tiny", prompt="Once", max_tokens=4, n=2, temperature=1, seed=3)
    assert [choice.index for choice in reply.choices] == [0, 1] and reply.choices[0].text != reply.choices[1].text


def test_as_many_as_the_queue_takes(server):
    _, body = whole(server, n=40, max_completion_tokens=2)
    assert len(body["choices"]) == 40 and body["usage"]["completion_tokens"] == 80


@pytest.mark.parametrize("n", [0, 129, -1, "2"])
def test_numbers_out_of_bounds(server, n):
    reply, text = raw(server, {**ASK, "n": n})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "n", text


def test_a_client_that_leaves_ends_all_of_them(server):
    """Nothing is left running that the next request would wait for."""
    import http.client
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps({**ASK, "stream": True, "max_completion_tokens": 1500}),
                       {"content-type": "application/json"})
    connection.getresponse().read(50)
    connection.close()
    assert len(texts(whole(server)[1])) == 3

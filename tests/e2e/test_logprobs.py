"""How likely a local model found its tokens: chat completions, plain completions and Responses, whole and streamed."""

import json
import math

from test_openai import FIND, HELLO, NAMED, chunks_of, client, raw

ASK = {**HELLO, "max_completion_tokens": 8, "logprobs": True, "top_logprobs": 3}


def tokens_of(reply):
    return [token.model_dump() for token in reply.choices[0].logprobs.content]


def text_of(tokens):
    return bytes(byte for token in tokens for byte in token["bytes"]).decode(errors="replace")


def test_of_a_chat(server):
    reply = client(server).chat.completions.create(**ASK)
    tokens = tokens_of(reply)
    assert len(tokens) == 8 and text_of(tokens).startswith(reply.choices[0].message.content[:3])
    for token in tokens:
        top = token["top_logprobs"]
        assert len(top) == 3 and [one["logprob"] for one in top] == sorted((one["logprob"] for one in top), reverse=True)
        assert top[0]["logprob"] == token["logprob"] and token["logprob"] <= 0  # it is greedy
        assert sum(math.exp(one["logprob"]) for one in top) <= 1 + 1e-5
    _, text = raw(server, {**ASK, "stream": True})
    told = [chunk["choices"][0] for chunk in chunks_of(text)]
    assert [token for choice in told if choice["logprobs"] for token in choice["logprobs"]["content"]] == tokens
    assert all(choice["logprobs"] is None for choice in told if not choice["delta"].get("content"))
    assert tokens_of(client(server).chat.completions.create(**{**ASK, "temperature": 1, "top_p": 0.01})) == tokens


def test_of_each_choice_and_of_none_that_is_cut_off(server):
    reply = client(server).chat.completions.create(**{**ASK, "n": 3, "temperature": 1, "seed": 7, "stop": ["e", "a", " "]})
    for choice in reply.choices:
        tokens = [token.model_dump() for token in choice.logprobs.content] if choice.logprobs else []
        starts = [len(text_of(tokens[:place])) for place in range(len(tokens))]
        assert all(start < len(choice.message.content) for start in starts)


def test_of_json_and_not_of_calls(server):
    reply = client(server).chat.completions.create(**{**ASK, "max_completion_tokens": 100, "response_format": {
        "type": "json_schema", "json_schema": {"name": "find", "schema": FIND["parameters"], "strict": True}}})
    assert text_of(tokens_of(reply)) == reply.choices[0].message.content
    called = client(server).chat.completions.create(**{**ASK, "max_completion_tokens": 100, "tool_choice": "required",
                                                       "tools": [{"type": "function", "function": FIND}]}).choices[0]
    assert called.message.tool_calls and not (called.logprobs and called.logprobs.content)


def test_of_responses(server):
    asked = {"model": NAMED, "input": "Hello there.", "max_output_tokens": 5, "temperature": 0, "top_logprobs": 2,
             "include": ["message.output_text.logprobs"]}
    part = client(server).responses.create(**asked).output[0].content[0]
    assert len(part.logprobs) == 5 and all(len(token.top_logprobs) == 2 for token in part.logprobs)
    events = list(client(server).responses.create(**asked, stream=True))
    pieces = [token.logprob for event in events if event.type == "response.output_text.delta" for token in event.logprobs]
    done, = [event for event in events if event.type == "response.output_text.done"]
    assert pieces == [token.logprob for token in done.logprobs] == [token.logprob for token in part.logprobs]
    assert [token.logprob for token in events[-1].response.output[0].content[0].logprobs] == pieces


def test_of_plain_completions(server):
    asked = {"model": NAMED, "prompt": "Once upon", "max_tokens": 6, "temperature": 0}
    choice = client(server).completions.create(**asked, logprobs=2).choices[0]
    found = choice.logprobs
    assert len(found.tokens) == len(found.token_logprobs) == len(found.top_logprobs) == len(found.text_offset) == 6
    assert found.text_offset == sorted(found.text_offset) and found.text_offset[0] == 0
    assert all(place <= len(choice.text) for place in found.text_offset)
    assert all(token in top for token, top in zip(found.tokens, found.top_logprobs))
    told = [chunk.choices[0].logprobs for chunk in client(server).completions.create(**asked, logprobs=2, stream=True)]
    assert [place for one in told if one for place in one.text_offset] == found.text_offset
    assert client(server).completions.create(**asked, logprobs=0).choices[0].logprobs.top_logprobs is None


def test_echo_and_the_best(server):
    asked = {"model": NAMED, "prompt": "Once upon", "max_tokens": 6, "seed": 3}
    plain, echoed = (client(server).completions.create(**asked, echo=echo).choices[0].text for echo in (False, True))
    assert echoed == "Once upon" + plain
    assert "".join(chunk.choices[0].text for chunk in client(server).completions.create(**asked, echo=True, stream=True)) == echoed
    every = client(server).completions.create(**asked, n=4, logprobs=0)
    means = {choice.text: sum(choice.logprobs.token_logprobs) / 6 for choice in every.choices}
    best = client(server).completions.create(**asked, n=2, best_of=4)
    assert [choice.text for choice in best.choices] == sorted(means, key=means.get, reverse=True)[:2]
    assert [choice.index for choice in best.choices] == [0, 1]
    assert best.usage.completion_tokens == every.usage.completion_tokens


def test_the_bound_names_the_member(server):
    reply, text = raw(server, {**ASK, "n": 128, "max_completion_tokens": 1000, "top_logprobs": 20})
    assert reply.status == 400 and json.loads(text)["error"]["param"] == "top_logprobs", text

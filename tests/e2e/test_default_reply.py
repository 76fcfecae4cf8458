"""How long replies become when a request gives no maximum."""

import json

import pytest

from batch_fixture import Store, converse, records, submit, wait_for
from conftest import start

PRO = "amazon.nova-pro-v1:0"
CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
ASK = [{"role": "user", "content": [{"text": "Go on for ever."}]}]


@pytest.fixture
def serve(tmp_path, random_model):
    servers = []

    def begin(extra, deterministic=False):
        servers.append(start(tmp_path, random_model, deterministic=deterministic, extra=extra))
        return servers[-1]

    yield begin
    assert all(server.stop() == 0 for server in servers)


def test_tokens_where_no_card_says(serve):
    server = serve("replies: {max_tokens: 5}\n")
    reply = server.client().converse(modelId="tiny", messages=ASK)
    assert reply["stopReason"] == "max_tokens" and reply["usage"]["outputTokens"] == 5
    reply = server.client().converse(modelId="tiny", messages=ASK, inferenceConfig={"maxTokens": 7})
    assert reply["usage"]["outputTokens"] == 7
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Go on."}]}]})
    assert json.loads(server.client().invoke_model(modelId="tiny", body=body)["body"].read())["usage"][
        "outputTokens"] == 5
    store, control = Store(server), server.client("bedrock")
    record = converse("Go on.")
    del record["inferenceConfig"]
    arn = submit(control, store, records([record]), model="tiny")
    assert wait_for(control, arn)["status"] == "Completed"
    assert store.output(arn, "in.jsonl")[0]["modelOutput"]["usage"]["outputTokens"] == 5


def test_the_card_goes_before(serve):
    server = serve("replies: {max_tokens: 5, max_time: 0}\n")
    assert server.client().converse(modelId=PRO, messages=ASK)["usage"]["outputTokens"] > 5


def test_a_reply_whose_time_is_up_is_whole(serve):
    server = serve("replies: {max_time: 1}\n")  # a millisecond: over by the first token that is looked at behind it
    reply = server.client().converse(modelId=PRO, messages=ASK)
    assert reply["stopReason"] == "max_tokens" and 0 < reply["usage"]["outputTokens"] < 1900
    events = list(server.client().converse_stream(modelId=PRO, messages=ASK)["stream"])
    stop = [event["messageStop"]["stopReason"] for event in events if "messageStop" in event]
    assert stop == ["max_tokens"] and "metadata" in events[-1]
    bounded = server.client().converse(modelId=PRO, messages=ASK, inferenceConfig={"maxTokens": 1900})
    assert bounded["usage"]["outputTokens"] > reply["usage"]["outputTokens"]  # who asks for it may wait for it
    assert server.client().converse(modelId=PRO, messages=ASK, inferenceConfig={"maxTokens": 3})[
        "usage"]["outputTokens"] == 3


@pytest.mark.parametrize("extra,deterministic", [("replies: {max_tokens: 0, max_time: 0}\n", False),
                                                 ("replies: {max_time: 1}\n", True)])
def test_switched_off(serve, extra, deterministic):
    reply = serve(extra, deterministic).client().converse(modelId=PRO, messages=ASK)
    assert reply["stopReason"] in ("model_context_window_exceeded", "end_turn")
    assert reply["usage"]["outputTokens"] > 500 or reply["stopReason"] == "end_turn"

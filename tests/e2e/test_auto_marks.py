"""Marks that are placed for clients who place none, in front of a provider that keeps what is marked and charges for it."""

import json

import pytest

from conftest import Server, metrics
from fake_cache import MarkedCache, anthropic_pieces, bedrock_pieces
from test_ledger import export
from test_messages import raw as raw_messages
from test_openai import raw
from upstream_fixture import KEY, PRICE

CONFIG = """\
models: []
upstreams:
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    models:
      - {{name: claude, upstream_model: claude-real, price: {price}}}
      - {{name: lonely, upstream_model: claude-real, price: {price}}}
  - name: br
    kind: bedrock
    url: {url}
    region: eu-central-1
    access_key: AKIDTEST
    key_env: FAKE_KEY
    models: [{{name: nova, upstream_model: nova-real, price: {price}}}]
  - name: own
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    cache_marks: client
    models: [{{name: plain, upstream_model: claude-real, price: {price}}}]
"""
RULES = "The shop is open from nine to five, and on Sundays it is not. " * 90  # 1,400 tokens
PIECES = {"claude": anthropic_pieces, "nova": bedrock_pieces, "plain": anthropic_pieces}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider):
    running = Server(config=CONFIG.format(url=provider.url, price=PRICE), workdir=tmp_path_factory.mktemp("marks"),
                     env={"FAKE_KEY": KEY})
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.plan()
    yield
    provider.cache = None


def by_openai(gateway, model, system, turns, stream):
    messages = [{"role": "system", "content": system}] if system else []
    messages += [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(turns)]
    reply, text = raw(gateway, {"model": model, "messages": messages, "stream": stream})
    assert reply.status == 200, text
    return reply.headers


def by_anthropic(gateway, model, system, turns, stream):
    body = {"model": model, "max_tokens": 50, "stream": stream, **({"system": system} if system else {}),
            "messages": [{"role": "user" if i % 2 == 0 else "assistant", "content": text} for i, text in enumerate(turns)]}
    reply, text = raw_messages(gateway, body)
    assert reply.status == 200, text
    return reply.headers


def by_bedrock(gateway, model, system, turns, stream):
    sdk = gateway.client()
    request = {"modelId": model, **({"system": [{"text": system}]} if system else {}),
               "messages": [{"role": "user" if i % 2 == 0 else "assistant", "content": [{"text": text}]}
                            for i, text in enumerate(turns)]}
    reply = sdk.converse_stream(**request) if stream else sdk.converse(**request)
    if stream:
        list(reply["stream"])
    return reply["ResponseMetadata"]["HTTPHeaders"]


FRONTS = {"openai": by_openai, "anthropic": by_anthropic, "bedrock": by_bedrock}


def talk(front, gateway, model, salt, conversations=12, turns=4, stream=False):
    """Conversations over one system text, in turn; each turn has what was said before."""
    for turn in range(1, turns + 1):
        for i in range(conversations):
            said = [f"{salt} {i} {k}: " + "What of my order? " * 20 for k in range(2 * turn - 1)]
            front(gateway, model, salt + RULES, said, stream)


def cost_of(gateway, before):
    lines = [line for key, line in export(gateway).items() if key not in before]
    return sum(line["costPicodollars"] for line in lines), lines


@pytest.mark.parametrize("front, model, stream", [("openai", "claude", False), ("anthropic", "claude", True),
                                                  ("bedrock", "claude", False), ("bedrock", "nova", True),
                                                  ("anthropic", "nova", False), ("openai", "nova", True)])
def test_conversations_cost_less(gateway, provider, front, model, stream):
    salt = f"{front} {model}"
    before = set(export(gateway))
    provider.cache = MarkedCache(pieces=PIECES[model])
    talk(FRONTS[front], gateway, model, salt, stream=stream)
    cost, lines = cost_of(gateway, before)
    plain = sum(line["baselinePicodollars"] for line in lines)
    assert cost < 0.45 * plain and max(provider.cache.marks) == 2
    assert sum(line["savedCache"] for line in lines) == plain - cost
    reads = [line for line in lines if line["cacheReadInputTokens"] > 0]
    assert len(reads) == len(lines) - 1  # all but the very first
    assert lines[0]["cacheMissReason"] == "first-use"


def test_the_client_is_left_alone_where_fulcrum_yaml_says_so(gateway, provider):
    provider.cache = MarkedCache()
    headers = by_openai(gateway, "plain", RULES, ["hello"], False)
    assert provider.cache.marks == [0] and "x-fulcrum-marks" not in headers


def test_the_clients_own_marks_count(gateway, provider):
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}],
            "system": [{"type": "text", "text": "own" + RULES, "cache_control": {"type": "ephemeral"}}]}
    for _ in range(3):
        reply, _ = raw_messages(gateway, body)
    assert "x-fulcrum-marks" not in reply.headers
    assert all(request.body == {**body, "model": "claude-real", "stream": True} for request in provider.requests)


def test_what_is_short_is_not_marked(gateway, provider):
    provider.cache = MarkedCache()
    for _ in range(4):
        headers = by_anthropic(gateway, "claude", "Be brief.", ["hello", "yes?", "go on"], False)
    assert provider.cache.marks == [0] * 4
    assert headers["x-fulcrum-marks"].startswith("system=none") and "end=none" in headers["x-fulcrum-marks"]
    assert "below-minimum=" in headers["x-fulcrum-cache"] and "/1024" in headers["x-fulcrum-cache"]


def test_what_never_comes_again_costs_little(gateway, provider):
    """A prompt of its own each time: a few writes, then none."""
    before = set(export(gateway))
    provider.cache = MarkedCache()
    for i in range(60):
        by_openai(gateway, "lonely", f"{i} alone: {RULES}", [f"Sum this up, {i}. " * 30], False)
    cost, lines = cost_of(gateway, before)
    assert cost < 1.05 * sum(line["baselinePicodollars"] for line in lines)
    assert sum(provider.cache.marks[-30:]) == 0


def test_turns_of_many_blocks(gateway, provider):
    """An agent's, which calls twelve tools at once: the last mark alone would not find what the turn before has left."""
    provider.cache = MarkedCache()
    before, messages = set(export(gateway)), [{"role": "user", "content": "go on"}]
    for turn in range(6):
        reply, text = raw_messages(gateway, {"model": "claude", "max_tokens": 50, "system": "agent" + RULES,
                                             "messages": messages})
        assert reply.status == 200, text
        calls = [{"type": "tool_use", "id": f"t{turn}_{i}", "name": "look", "input": {"at": i}} for i in range(12)]
        results = [{"type": "tool_result", "tool_use_id": call["id"], "content": f"{call['id']} is there. " * 30}
                   for call in calls]
        messages += [{"role": "assistant", "content": calls}, {"role": "user", "content": results}]
    cost, lines = cost_of(gateway, before)
    assert max(provider.cache.marks) == 3
    assert all(line["cacheReadInputTokens"] > line["cacheWriteInputTokens"] for line in lines[2:])
    assert cost < 0.6 * sum(line["baselinePicodollars"] for line in lines)


def test_what_failed_is_not_there(gateway, provider):
    body = {"model": "claude", "max_tokens": 9, "system": "refused" + RULES, "messages": [{"role": "user", "content": "hi"}]}
    provider.plan({"status": 400, "body": {"type": "error", "error": {"type": "invalid_request_error", "message": "no"}}})
    assert raw_messages(gateway, body)[0].status == 400
    provider.cache = MarkedCache()
    assert "first-use" in raw_messages(gateway, body)[0].headers["x-fulcrum-cache"]


def test_who_wants_nothing_kept(gateway, provider):
    provider.cache = MarkedCache()
    body = {"model": "claude", "messages": [{"role": "system", "content": "nothing" + RULES},
                                            {"role": "user", "content": "hi"}],
            "prompt_cache_options": {"mode": "explicit"}}
    assert all(raw(gateway, body)[0].status == 200 for _ in range(3))
    assert provider.cache.marks == [0, 0, 0]


def test_what_is_unknown_stays_beside_a_mark(gateway, provider):
    """Of the same API: nodes keep their members, and nothing but the mark is added."""
    body = {"model": "claude", "max_tokens": 9, "x_new": {"a": 1.50},
            "system": [{"type": "text", "text": "beside" + RULES, "x_node": [1]}],
            "messages": [{"role": "user", "content": [{"type": "text", "text": "one", "x_text": 1}]},
                         {"role": "assistant", "content": "two", "x_turn": 2},
                         {"role": "user", "content": [{"type": "text", "text": "three", "x_last": None}]}]}
    raw_messages(gateway, body)
    mark = {"cache_control": {"type": "ephemeral"}}
    expected = json.loads(json.dumps({**body, "model": "claude-real"}))
    expected["system"][0] |= mark
    expected["messages"][2]["content"][0] |= mark
    sent = dict(provider.requests[0].body)
    sent.pop("stream", None)
    assert sent == expected


@pytest.mark.parametrize("said, told", [
    ({"type": "messages_changed", "cache_missed_input_tokens": 31}, "changed-at-token=100"),
    ({"type": "system_changed", "cache_missed_input_tokens": 131}, "changed-at-token=0"),
    ({"type": "previous_message_not_found"}, "expired=0"), ({"type": "model_changed"}, "first-use"),
    ({"type": "unheard_of"}, None), (None, None)])
def test_what_the_provider_says_of_a_miss(gateway, provider, said, told):
    body = {"model": "claude", "max_tokens": 9, "messages": [{"role": "user", "content": "hello"}],
            "diagnostics": {"previous_message_id": "msg_0"}, "stream": True}
    provider.plan({"message": {"diagnostics": {"cache_miss_reason": said}}})
    reply, text = raw_messages(gateway, body)
    assert reply.status == 200 and json.dumps(said, separators=(",", ":"))[1:-1] in text
    assert reply.headers["x-fulcrum-cache"].partition("; reason=")[2] == (told or "")
    line = export(gateway)[reply.headers["request-id"]]
    assert line["cacheMissReason"] == (told or "").partition("=")[0]


def test_it_is_counted(gateway):
    figures = metrics(gateway)
    assert figures['fulcrum_upstream_marks_placed_total{upstream="an"}'] > 0
    assert figures['fulcrum_upstream_marks_withheld_total{upstream="an"}'] > 0
    assert not any("marks" in name and '"own"' in name for name in figures)

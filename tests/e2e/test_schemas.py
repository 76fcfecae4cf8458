"""Forced calls of one random model under schemas of many kinds: what comes validates. Numbers come back as they went."""

import json
import urllib.error
import urllib.request

import jsonschema
import pytest

from test_schema_grammars import SCHEMAS, loads, root_schema

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2%3A0"


def post(server, path, body):
    """Status and the reply's text, as it was sent."""
    data = body if isinstance(body, bytes) else json.dumps(body).encode()
    request = urllib.request.Request(server.url + path, data, {"content-type": "application/json"})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


def forced(schema, seed=1, tokens=250):
    """A body with one tool that must be called; the schema is JSON text."""
    return f"""{{"messages": [{{"role": "user", "content": [{{"text": "Call it."}}]}}],
        "inferenceConfig": {{"maxTokens": {tokens}, "temperature": 1}},
        "additionalModelRequestFields": {{"seed": {seed}}},
        "toolConfig": {{"tools": [{{"toolSpec": {{"name": "t", "inputSchema": {{"json": {schema}}}}}}}],
                        "toolChoice": {{"any": {{}}}}}}}}""".encode()


def call(server, schema, seed=1):
    """The arguments' value and why the reply ended, or (None, the error's message)."""
    status, text = post(server, f"/model/{MODEL}/converse", forced(schema, seed))
    reply = loads(text)
    if status != 200:
        return None, (status, reply["message"])
    return reply["output"]["message"]["content"][0]["toolUse"]["input"], reply["stopReason"]


def one(schema):
    return json.dumps({"type": "object", "properties": {"v": schema}, "required": ["v"], "additionalProperties": False})


def test_random_schemas_through_the_program(server):
    checked = 0
    for seed in range(SCHEMAS, SCHEMAS + 25):
        inner = root_schema(seed)
        schema = f'{{"type": "object", "properties": {{"v": {inner}}}, "required": ["v"], "$defs": {json.dumps(loads(inner)["$defs"])}}}'
        value, reason = call(server, schema, seed)
        if value is None:
            assert reason[0] in (400, 424), reason
            assert "tools[0] (t)" in reason[1]
        elif reason == "tool_use":
            jsonschema.Draft202012Validator(loads(schema)).validate(value)
            checked += 1
    assert checked >= 5


@pytest.mark.parametrize("schema, fits", [
    ({"type": "integer", "minimum": 1600000000000000}, lambda v: v >= 1600000000000000),
    ({"type": "integer", "minimum": 2**70, "maximum": 2**70 + 5}, lambda v: 2**70 <= v <= 2**70 + 5),
    ({"type": "number", "minimum": 0.1, "maximum": 0.9}, lambda v: 0.1 <= float(v) <= 0.9),
    ({"type": "number", "exclusiveMinimum": 36.5, "maximum": 37.4}, lambda v: 36.5 < float(v) <= 37.4),
    ({"type": "string", "pattern": "^[A-Z]{2,9}$", "minLength": 3, "maxLength": 4}, lambda v: len(v) in (3, 4)),
    ({"type": "object", "properties": {}}, lambda v: v == {}),
    ({"enum": [9007199254740993, 123456789012345678901234567890]}, lambda v: v in (9007199254740993, 123456789012345678901234567890)),
])
def test_bounds_hold(server, schema, fits):
    for seed in range(4):
        value, reason = call(server, one(schema), seed)
        assert reason == "tool_use" and fits(value["v"]), (value, reason)


def test_a_tool_without_arguments_gets_none(server):
    assert call(server, '{"type": "object", "properties": {}, "required": []}') == ({}, "tool_use")


# Three different objects where there are two: objects are not listed by the grammar.
UNLIKELY = json.dumps({"type": "object", "additionalProperties": False, "required": ["v"], "properties": {"v": {
    "type": "array", "minItems": 3, "maxItems": 3, "uniqueItems": True, "items": {
        "type": "object", "additionalProperties": False, "required": ["a"], "properties": {"a": {"type": "boolean"}}}}}})


def test_what_no_grammar_holds_is_an_error_that_names_the_place(server):
    status, text = post(server, f"/model/{MODEL}/converse", forced(UNLIKELY))
    assert status == 424
    assert "tools[0] (t)" in text and "v: 'uniqueItems' does not hold" in text
    request = urllib.request.Request(f"{server.url}/model/{MODEL}/converse-stream", forced(UNLIKELY),
                                     {"content-type": "application/json"})
    with urllib.request.urlopen(request, timeout=60) as reply:
        events = reply.read()
    assert b"modelStreamErrorException" in events and b"uniqueItems" in events
    assert b"messageStop" not in events


def test_numbers_come_back_as_they_went(server):
    """Arguments that a schema fixes, to the digit; and the prompt holds those of the history."""
    status, text = post(server, f"/model/{MODEL}/converse", forced(
        '{"type":"object","properties":{"a":{"const":12345678901234567890123},"b":{"enum":[1.10]}},"required":["a","b"]}'))
    assert status == 200 and '"a":12345678901234567890123' in text and '"b":1.10' in text

"""Replies under a grammar, through boto3: bounds, stop sequences, special tokens' texts, small allowances, strict tools."""

import json
import threading

import botocore.exceptions
import pytest

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]


def one(schema):
    return {"type": "object", "properties": {"v": schema}, "required": ["v"], "additionalProperties": False}


def tool(schema, **more):
    return {"toolSpec": {"name": "t", "inputSchema": {"json": schema}, **more}}


def ask(tools=None, choice=None, output=None, max_tokens=400, temperature=1, stops=None, **more):
    body = {"modelId": MODEL, "messages": HELLO,
            "inferenceConfig": {"maxTokens": max_tokens, "temperature": temperature}, **more}
    if stops:
        body["inferenceConfig"]["stopSequences"] = stops
    if tools:
        body["toolConfig"] = {"tools": tools, **({"toolChoice": choice} if choice else {})}
    if output:
        body["outputConfig"] = {"textFormat": {"type": "json_schema", "structure": {
            "jsonSchema": {"name": "x", "schema": json.dumps(output)}}}}
    return body


def call_of(reply):
    calls = [block["toolUse"]["input"] for block in reply["output"]["message"]["content"] if "toolUse" in block]
    return calls[0] if len(calls) == 1 else None


def streamed_call(client, **body):
    text, stop = "", None
    for event in client.converse_stream(**body)["stream"]:
        text += event.get("contentBlockDelta", {}).get("delta", {}).get("toolUse", {}).get("input", "")
        stop = event.get("messageStop", {}).get("stopReason", stop)
    return json.loads(text), stop


def array(least, most):
    return {"type": "array", "items": {"$ref": "#/$defs/n"}, "minItems": least, "maxItems": most}


@pytest.mark.parametrize("least", [0, 1])
def test_an_ambiguous_schema_holds_nobody_up(fast_server, least):
    """Without an end (1) it is refused, with one (0) it is served; others are answered beside it."""
    client = fast_server.client()
    schema = {"$defs": {"n": {"anyOf": [array(least, 3), array(least, 4), array(1, 5)]}}, "$ref": "#/$defs/n"}
    outcome = {}

    def bomb():
        try:
            outcome["stop"] = fast_server.client().converse(**ask(output=schema, max_tokens=300))["stopReason"]
        except botocore.exceptions.ClientError as error:
            outcome["error"] = error.response["Error"]
    thread = threading.Thread(target=bomb)
    thread.start()
    for _ in range(5):
        assert client.converse(**ask(max_tokens=3))["usage"]["outputTokens"] <= 3
    thread.join()
    if least == 0:
        assert outcome == {"stop": "end_turn"}
    else:
        assert outcome["error"]["Code"] == "ValidationException"
        assert outcome["error"]["Message"].startswith("output schema: no text can match it")


def test_a_grammar_over_the_bound_fails_by_name(bedrock):
    pattern = "^((([a-z]{1,99}){1,99}){1,99}){1,99}$"
    for _ in range(20):
        pattern = pattern.replace("$", "([a-y]{1,99}[b-z]{1,99}){1,99}$")
    try:
        bedrock.converse(**ask([tool(one({"type": "string", "pattern": pattern}))], {"any": {}}, max_tokens=900))
    except botocore.exceptions.ClientError as error:
        # A pattern of so many states is left to the check of the finished reply, which this model does not pass.
        assert error.response["Error"]["Code"] in ("ValidationException", "ModelErrorException")
        assert "tools[0] (t)" in error.response["Error"]["Message"]
    assert bedrock.converse(**ask(max_tokens=3))["usage"]["outputTokens"] <= 3


@pytest.mark.parametrize("stop", ["\n", ":", "name", "{\"", "arguments", "true", "tr", "\"v"])
def test_stops_never_match_inside_a_call(bedrock, stop):
    body = ask([tool(one({"const": True}))], {"any": {}}, stops=[stop])
    reply = bedrock.converse(**body)
    assert (call_of(reply), reply["stopReason"]) == ({"v": True}, "tool_use")
    assert streamed_call(bedrock, **body) == ({"v": True}, "tool_use")


def test_stops_never_match_in_arguments_or_enforced_json(bedrock):
    text = "first line\nUser: second\nEND of it"
    stops = ["\nUser:", "END", "line"]
    assert call_of(bedrock.converse(**ask([tool(one({"const": text}))], {"any": {}}, stops=stops))) == {"v": text}
    reply = bedrock.converse(**ask(output=one({"enum": [text]}), stops=stops))
    assert json.loads(reply["output"]["message"]["content"][0]["text"]) == {"v": text}
    assert reply["stopReason"] == "end_turn"


@pytest.mark.parametrize("text", ["<|im_start|>user", "a<|im_end|>b", "</tool_call>", "<tool_call>\n{\"name\": \"t\"}",
                                  "</s>", "[TOOL_CALLS][", "<|python_tag|>", "<|endoftext|>"])
def test_texts_of_special_tokens_come_out_as_they_are(bedrock, text):
    tools = [tool(one({"const": text}))]
    assert call_of(bedrock.converse(**ask(tools, {"any": {}}))) == {"v": text}
    reply = bedrock.converse(**ask(tools, {"auto": {}}, output={"const": text}))
    found = call_of(reply) or {"v": json.loads(reply["output"]["message"]["content"][0]["text"])}
    assert found == {"v": text}


def test_small_allowances_hold_content(bedrock):
    """Whole from the size on where it fits, and what is free holds something."""
    schema = one({"type": "string"})
    texts = {}
    for most in range(1, 49, 3):
        reply = bedrock.converse(**ask(output=schema, max_tokens=most))
        assert reply["usage"]["outputTokens"] <= most
        if reply["stopReason"] == "end_turn":
            texts[most] = json.loads(reply["output"]["message"]["content"][0]["text"])["v"]
    assert set(texts) >= {most for most in range(1, 49, 3) if most > 9}
    assert any(texts.values())


def test_strict_tools_with_a_free_choice(bedrock):
    reply = bedrock.converse(**ask([tool(one({"type": "boolean"}), strict=True)], {"auto": {}}, max_tokens=40))
    assert reply["usage"]["outputTokens"] <= 40
    reply = bedrock.converse(**ask([tool(one({"type": "boolean"}), strict=True)], {"any": {}}))
    assert isinstance(call_of(reply)["v"], bool)


def test_single_calls_are_asked_for_as_clients_do(bedrock):
    choice = {"type": "any", "disable_parallel_tool_use": True}
    reply = bedrock.converse(**ask([tool(one({"type": "boolean"}))], {"any": {}},
                                   additionalModelRequestFields={"tool_choice": choice}))
    assert isinstance(call_of(reply)["v"], bool)
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 400, "messages": [{"role": "user", "content": "x"}],
            "tools": [{"name": "t", "strict": True, "eager_input_streaming": True,
                       "input_schema": one({"type": "boolean"})}], "tool_choice": choice}
    reply = json.loads(bedrock.invoke_model(modelId=MODEL, body=json.dumps(body))["body"].read())
    assert [block["type"] for block in reply["content"]] == ["tool_use"]

"""Converse and ConverseStream through boto3."""

import json
import re

import botocore.exceptions
import pytest

MODEL = "anthropic.claude-3-5-sonnet-20241022-v2:0"
HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
TOOLS = {"tools": [
    {"toolSpec": {"name": "get_order", "description": "Looks an order up.",
                  "inputSchema": {"json": {"type": "object", "properties": {
                      "order": {"type": "string", "maxLength": 12}, "detail": {"type": "boolean"}},
                      "required": ["order"]}}}},
    {"toolSpec": {"name": "refund", "inputSchema": {"json": {"type": "object", "properties": {
        "amount": {"type": "integer"}}, "required": ["amount"], "additionalProperties": False}}}},
]}


def converse(client, **more):
    return client.converse(**{"modelId": MODEL, "messages": HELLO,
                              "inferenceConfig": {"maxTokens": 12, "temperature": 0}, **more})


def stream(client, **more):
    reply = client.converse_stream(**{"modelId": MODEL, "messages": HELLO,
                                      "inferenceConfig": {"maxTokens": 12, "temperature": 0}, **more})
    return list(reply["stream"])


def text_of(events):
    return "".join(e["contentBlockDelta"]["delta"].get("text", "") for e in events if "contentBlockDelta" in e)


def test_reply_has_the_services_shape(bedrock):
    reply = converse(bedrock)
    assert reply["output"]["message"]["role"] == "assistant"
    assert reply["stopReason"] == "max_tokens"
    usage = reply["usage"]
    assert usage["outputTokens"] == 12
    assert usage["inputTokens"] > 5
    assert usage["totalTokens"] == usage["inputTokens"] + usage["outputTokens"]
    assert reply["metrics"]["latencyMs"] >= 0
    headers = reply["ResponseMetadata"]["HTTPHeaders"]
    assert headers["x-fulcrum-model"] == "tiny"
    assert re.fullmatch(r"miss; read=0; write=0; reason=below-minimum=\d+/\d+", headers["x-fulcrum-cache"])
    assert headers["x-amzn-requestid"] == reply["ResponseMetadata"]["RequestId"]


def test_stream_has_the_services_order(bedrock):
    events = stream(bedrock)
    names = [next(iter(e)) for e in events]
    assert names[0] == "messageStart"
    assert names[-2:] == ["messageStop", "metadata"]
    assert names[-3] == "contentBlockStop"
    assert set(names[1:-3]) == {"contentBlockDelta"}, "a text block opens with its first delta"
    assert events[-1]["metadata"]["usage"]["outputTokens"] == 12


def test_stream_and_reply_say_the_same(bedrock):
    whole = converse(bedrock)
    assert text_of(stream(bedrock)) == whole["output"]["message"]["content"][0]["text"]


def test_greedy_repeats_itself(bedrock):
    assert converse(bedrock)["output"] == converse(bedrock)["output"]


def test_count_tokens_equals_what_is_prefilled(bedrock):
    system = [{"text": "You are terse."}]
    counted = bedrock.count_tokens(modelId=MODEL, input={"converse": {"messages": HELLO, "system": system}})
    assert counted["inputTokens"] == converse(bedrock, system=system)["usage"]["inputTokens"]


def test_stop_sequence_ends_the_reply_before_it(bedrock):
    text = converse(bedrock)["output"]["message"]["content"][0]["text"]
    stop = text[4:7]
    reply = converse(bedrock, inferenceConfig={"maxTokens": 12, "temperature": 0, "stopSequences": [stop]},
                     additionalModelResponseFieldPaths=["/stop_sequence", "/absent"])
    assert reply["stopReason"] == "stop_sequence"
    said = "".join(block["text"] for block in reply["output"]["message"]["content"])
    assert said == text[:text.index(stop)]
    assert reply["additionalModelResponseFields"] == {"stop_sequence": stop}


def test_any_tool_choice_validates_on_a_random_model(bedrock):
    for choice, names in (({"any": {}}, {"get_order", "refund"}), ({"tool": {"name": "refund"}}, {"refund"})):
        reply = converse(bedrock, toolConfig={**TOOLS, "toolChoice": choice},
                         inferenceConfig={"maxTokens": 400, "temperature": 0})
        assert reply["stopReason"] == "tool_use"
        uses = [block["toolUse"] for block in reply["output"]["message"]["content"] if "toolUse" in block]
        assert uses and uses[0]["name"] in names
        for use in uses:
            if use["name"] == "refund":
                assert isinstance(use["input"]["amount"], int) and set(use["input"]) == {"amount"}
            else:
                assert len(use["input"]["order"]) <= 12


def test_tool_use_streams_as_json_fragments(bedrock):
    events = stream(bedrock, toolConfig={**TOOLS, "toolChoice": {"tool": {"name": "refund"}}},
                    inferenceConfig={"maxTokens": 400, "temperature": 0})
    start = [e["contentBlockStart"] for e in events if "contentBlockStart" in e]
    assert start[0]["start"]["toolUse"]["name"] == "refund"
    parts = [e["contentBlockDelta"]["delta"]["toolUse"]["input"] for e in events if "contentBlockDelta" in e]
    assert isinstance(json.loads("".join(parts))["amount"], int)
    assert [e["messageStop"]["stopReason"] for e in events if "messageStop" in e] == ["tool_use"]


def test_json_output_validates_on_a_random_model(bedrock):
    schema = {"type": "object", "properties": {"tag": {"enum": ["good", "bad"]}, "score": {"type": "integer"}},
              "required": ["tag", "score"], "additionalProperties": False}
    reply = converse(bedrock, inferenceConfig={"maxTokens": 200, "temperature": 1},
                     outputConfig={"textFormat": {"type": "json_schema", "structure": {
                         "jsonSchema": {"schema": json.dumps(schema), "name": "verdict"}}}})
    value = json.loads(reply["output"]["message"]["content"][0]["text"])
    assert value["tag"] in ("good", "bad") and isinstance(value["score"], int)


def test_tool_history_is_accepted(bedrock):
    messages = HELLO + [
        {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "get_order", "input": {"order": "7"}}}]},
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": {"state": "sent"}}],
                                                     "status": "success"}}]}]
    assert converse(bedrock, messages=messages, toolConfig=TOOLS)["usage"]["inputTokens"] > 40


@pytest.mark.parametrize("kind,body", [("txt", b"plain"), ("md", b"# head"), ("csv", b"a,b\n1,2"),
                                       ("html", b"<html><body><p>hi</p></body></html>")])
def test_text_documents_are_read(bedrock, kind, body):
    content = [{"text": "Summarise."}, {"document": {"name": "the file", "format": kind, "source": {"bytes": body}}}]
    reply = converse(bedrock, messages=[{"role": "user", "content": content}])
    assert reply["usage"]["inputTokens"] > converse(bedrock)["usage"]["inputTokens"]


def test_image_is_refused_with_the_reason(bedrock):
    content = [{"text": "What is it?"}, {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}]
    with pytest.raises(bedrock.exceptions.ValidationException, match="text only"):
        converse(bedrock, messages=[{"role": "user", "content": content}])


def test_cache_points_are_accepted(bedrock):
    reply = converse(bedrock, system=[{"text": "Be brief."}, {"cachePoint": {"type": "default"}}])
    assert reply["usage"].get("cacheReadInputTokens", 0) == 0
    without = converse(bedrock, system=[{"text": "Be brief."}])
    assert reply["usage"]["inputTokens"] == without["usage"]["inputTokens"], "a checkpoint never changes tokens"


@pytest.mark.parametrize("model", [
    MODEL, "us." + MODEL, "tiny", "arn:aws:bedrock:us-east-1::foundation-model/" + MODEL,
    "arn:aws:bedrock:us-east-1:000000000000:inference-profile/us." + MODEL])
def test_model_ids_in_every_form(bedrock, model):
    assert converse(bedrock, modelId=model)["usage"]["outputTokens"] == 12


def test_unknown_model_is_named_so(bedrock):
    with pytest.raises(bedrock.exceptions.ValidationException, match="The provided model identifier is invalid."):
        converse(bedrock, modelId="nobody.has-this-v1:0")


def test_over_long_prompt_is_refused_before_any_work(bedrock):
    words = "word " * 5000
    with pytest.raises(bedrock.exceptions.ValidationException, match="prompt is too long"):
        converse(bedrock, messages=[{"role": "user", "content": [{"text": words}]}])


def test_full_context_is_the_stop_reason(bedrock):
    words = "a" * 1960
    reply = converse(bedrock, messages=[{"role": "user", "content": [{"text": words}]}],
                     inferenceConfig={"maxTokens": 4000, "temperature": 0})
    total = reply["usage"]["totalTokens"]
    assert reply["stopReason"] == "model_context_window_exceeded", reply["usage"]
    assert total <= 2048


def test_guardrails_are_refused_not_ignored(bedrock):
    with pytest.raises(bedrock.exceptions.ValidationException, match="guardrail"):
        converse(bedrock, guardrailConfig={"guardrailIdentifier": "abc123", "guardrailVersion": "1"})


def test_reserved_tier_without_a_reservation(bedrock):
    with pytest.raises(bedrock.exceptions.ValidationException, match="Reservation not found."):
        converse(bedrock, serviceTier={"type": "reserved"})


def test_request_metadata_is_kept(bedrock, server):
    converse(bedrock, requestMetadata={"team": "support"})
    assert "Hello there" not in server.log(), "no prompt in the log"


def test_top_k_one_is_greedy(bedrock):
    greedy = converse(bedrock)["output"]
    assert converse(bedrock, inferenceConfig={"maxTokens": 12, "temperature": 1},
                    additionalModelRequestFields={"top_k": 1})["output"] == greedy


def test_first_message_must_be_the_users(bedrock):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        converse(bedrock, messages=[{"role": "assistant", "content": [{"text": "hi"}]}])
    assert caught.value.response["Error"]["Code"] == "ValidationException"
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 400

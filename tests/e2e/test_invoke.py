"""InvokeModel bodies of three families, with and without streaming."""

import base64
import json

import pytest

CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
NOVA = "amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
BODIES = {
    CLAUDE: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 9, "temperature": 0,
             "messages": [{"role": "user", "content": "Hello there."}]},
    NOVA: {"messages": [{"role": "user", "content": [{"text": "Hello there."}]}],
           "inferenceConfig": {"maxTokens": 9, "temperature": 0}},
    LLAMA: {"prompt": "<|im_start|>user\nHello there.<|im_end|>\n<|im_start|>assistant\n", "max_gen_len": 9,
            "temperature": 0},
}


def invoke(client, model, **more):
    reply = client.invoke_model(modelId=model, body=json.dumps({**BODIES[model], **more}))
    return json.loads(reply["body"].read()), reply["ResponseMetadata"]["HTTPHeaders"]


def invoke_stream(client, model, **more):
    reply = client.invoke_model_with_response_stream(modelId=model, body=json.dumps({**BODIES[model], **more}))
    return [json.loads(event["chunk"]["bytes"]) for event in reply["body"]]


def test_anthropic_body(bedrock):
    body, headers = invoke(bedrock, CLAUDE)
    assert body["type"] == "message" and body["role"] == "assistant"
    assert body["content"][0]["type"] == "text"
    assert body["stop_reason"] == "max_tokens" and body["stop_sequence"] is None
    assert body["usage"]["output_tokens"] == 9
    assert body["usage"]["cache_read_input_tokens"] == 0
    assert int(headers["x-amzn-bedrock-input-token-count"]) == body["usage"]["input_tokens"]
    assert int(headers["x-amzn-bedrock-output-token-count"]) == 9
    assert int(headers["x-amzn-bedrock-invocation-latency"]) >= 0


def test_anthropic_stream(bedrock):
    events = invoke_stream(bedrock, CLAUDE)
    kinds = [event["type"] for event in events]
    assert kinds[:2] == ["message_start", "content_block_start"]
    assert kinds[-3:] == ["content_block_stop", "message_delta", "message_stop"]
    metrics = events[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == 9
    assert metrics["inputTokenCount"] == events[0]["message"]["usage"]["input_tokens"]
    whole, _ = invoke(bedrock, CLAUDE)
    said = "".join(e["delta"]["text"] for e in events if e["type"] == "content_block_delta")
    assert said == whole["content"][0]["text"]


def test_the_prompt_of_claude_2(bedrock):
    body = json.dumps({"prompt": "\n\nHuman: Hello there.\n\nAssistant:", "max_tokens_to_sample": 9, "temperature": 0})
    whole = json.loads(bedrock.invoke_model(modelId=CLAUDE, body=body)["body"].read())
    assert whole["type"] == "completion" and whole["stop_reason"] == "max_tokens" and whole["stop"] is None
    assert whole["completion"] == invoke(bedrock, CLAUDE)[0]["content"][0]["text"], "the same prompt"
    reply = bedrock.invoke_model_with_response_stream(modelId=CLAUDE, body=body)
    chunks = [json.loads(event["chunk"]["bytes"]) for event in reply["body"]]
    assert "".join(chunk["completion"] for chunk in chunks) == whole["completion"]
    assert [chunk["stop_reason"] for chunk in chunks[:-1]] == [None] * (len(chunks) - 1)
    assert chunks[-1]["stop_reason"] == "max_tokens"
    assert chunks[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 9


def test_anthropic_tools(bedrock):
    body, _ = invoke(bedrock, CLAUDE, max_tokens=300, tool_choice={"type": "any"}, tools=[{
        "name": "refund", "description": "Pays back.", "input_schema": {
            "type": "object", "properties": {"amount": {"type": "integer"}}, "required": ["amount"]}}])
    assert body["stop_reason"] == "tool_use"
    use = [block for block in body["content"] if block["type"] == "tool_use"][0]
    assert use["name"] == "refund" and isinstance(use["input"]["amount"], int)


@pytest.mark.parametrize("change,word", [
    ({"anthropic_version": "nonsense"}, "anthropic_version"), ({"max_tokens": None}, "max_tokens"),
    ({"messages": "x"}, "messages"), ({"temperature": "hot"}, "temperature"), ({"top_k": 501}, "top_k")])
def test_anthropic_validation_names_the_field(bedrock, change, word):
    with pytest.raises(bedrock.exceptions.ValidationException, match=word):
        invoke(bedrock, CLAUDE, **change)


def test_nova_body(bedrock):
    body, _ = invoke(bedrock, NOVA)
    assert body["output"]["message"]["role"] == "assistant"
    assert body["stopReason"] == "max_tokens"
    usage = body["usage"]
    assert usage["outputTokens"] == 9
    assert usage["cacheReadInputTokenCount"] == 0 and usage["cacheWriteInputTokenCount"] == 0


def test_nova_stream(bedrock):
    events = invoke_stream(bedrock, NOVA)
    names = [next(iter(event)) for event in events]
    assert names[0] == "messageStart" and "messageStop" in names and "metadata" in names
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 9


def test_llama_body_takes_the_callers_template(bedrock):
    body, headers = invoke(bedrock, LLAMA)
    assert body["generation_token_count"] == 9 and body["stop_reason"] == "length"
    assert body["prompt_token_count"] == int(headers["x-amzn-bedrock-input-token-count"])
    claude, _ = invoke(bedrock, CLAUDE)
    assert body["generation"] == claude["content"][0]["text"], "the same prompt, written by hand"


def test_llama_stream(bedrock):
    events = invoke_stream(bedrock, LLAMA)
    assert events[-1]["stop_reason"] == "length"
    assert events[-1]["amazon-bedrock-invocationMetrics"]["outputTokenCount"] == 9


def test_count_tokens_of_a_native_body(bedrock):
    counted = bedrock.count_tokens(modelId=CLAUDE, input={"invokeModel": {"body": json.dumps(BODIES[CLAUDE])}})
    body, _ = invoke(bedrock, CLAUDE)
    assert counted["inputTokens"] == body["usage"]["input_tokens"]


def test_anthropic_image_is_refused_with_the_reason(bedrock):
    image = {"type": "image", "source": {"type": "base64", "media_type": "image/png",
                                         "data": base64.b64encode(b"x").decode()}}
    with pytest.raises(bedrock.exceptions.ValidationException, match="text only"):
        invoke(bedrock, CLAUDE, messages=[{"role": "user", "content": [image]}])

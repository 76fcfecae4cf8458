"""InvokeModel bodies by family, with and without streaming, against the embedded pair."""

import json

import pytest

from batch_fixture import Store, records, submit, wait_for
from conftest import Server

ASK = "How do I track my package?"
NAME = "Name the intent of the message."
CHAT = {"messages": [{"role": "system", "content": NAME}, {"role": "user", "content": ASK}], "temperature": 0}
TOOL = {"type": "function", "function": {"name": "track", "description": "Tracks.", "parameters": {
    "type": "object", "properties": {"order": {"type": "string", "maxLength": 4}}, "required": ["order"]}}}
CHAT_IDS = ["openai.gpt-oss-20b-1:0", "qwen.qwen3-32b-v1:0", "us.deepseek.v3-v1:0", "google.gemma-3-4b-it",
            "minimax.minimax-m2", "moonshot.kimi-k2-thinking", "zai.glm-4.7", "nvidia.nemotron-nano-9b-v2",
            "ai21.jamba-1-5-mini-v1:0", "writer.palmyra-x5-v1:0", "mistral.mistral-large-2407-v1:0"]


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    running = Server(workdir=tmp_path_factory.mktemp("pair"))
    yield running
    assert running.stop() == 0


def invoke(server, model, body):
    reply = server.client().invoke_model(modelId=model, body=json.dumps(body))
    return json.loads(reply["body"].read()), reply["ResponseMetadata"]["HTTPHeaders"]


def stream(server, model, body):
    reply = server.client().invoke_model_with_response_stream(modelId=model, body=json.dumps(body))
    return [json.loads(event["chunk"]["bytes"]) for event in reply["body"]]


@pytest.mark.parametrize("model", CHAT_IDS)
def test_chat_completions(pair, model):
    whole, headers = invoke(pair, model, {**CHAT, "max_tokens": 12})
    choice = whole["choices"][0]
    assert choice["message"]["role"] == "assistant" and choice["finish_reason"] in ("stop", "length")
    assert whole["usage"]["prompt_tokens"] == int(headers["x-amzn-bedrock-input-token-count"])
    chunks = stream(pair, model, {**CHAT, "max_tokens": 12, "stream": True})
    assert all(len(chunk["choices"]) == 1 for chunk in chunks)
    said = "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks)
    assert said == choice["message"]["content"] and said
    assert chunks[-1]["choices"][0]["finish_reason"] == choice["finish_reason"]
    assert chunks[-1]["usage"] == whole["usage"]
    metrics = chunks[-1]["amazon-bedrock-invocationMetrics"]
    assert metrics["outputTokenCount"] == whole["usage"]["completion_tokens"]


@pytest.mark.parametrize("choice", ["required", {"type": "function", "function": {"name": "track"}}])
def test_tools_of_chat_completions(pair, choice):
    body = {**CHAT, "tools": [TOOL], "tool_choice": choice, "max_tokens": 200}
    whole, _ = invoke(pair, "openai.gpt-oss-120b-1:0", body)
    assert whole["choices"][0]["finish_reason"] == "tool_calls"
    call = whole["choices"][0]["message"]["tool_calls"][0]
    assert call["function"]["name"] == "track" and "order" in json.loads(call["function"]["arguments"])
    chunks = stream(pair, "openai.gpt-oss-120b-1:0", body)
    parts = [part for chunk in chunks for part in chunk["choices"][0]["delta"].get("tool_calls", [])]
    assert parts[0]["id"] and parts[0]["function"]["name"] == "track" and {part["index"] for part in parts} == {0}
    assert "order" in json.loads("".join(part["function"]["arguments"] for part in parts))
    answer = {**CHAT, "max_tokens": 5, "tools": [TOOL], "messages": CHAT["messages"] + [
        whole["choices"][0]["message"], {"role": "tool", "tool_call_id": call["id"], "content": "On its way."}]}
    assert invoke(pair, "openai.gpt-oss-120b-1:0", answer)[0]["choices"][0]["message"]["content"]


def test_a_schema_in_chat_completions(pair):
    whole, _ = invoke(pair, "qwen.qwen3-32b-v1:0", {**CHAT, "max_tokens": 40, "response_format": {
        "type": "json_schema", "json_schema": {"name": "n", "schema": {"enum": ["yes", "no"]}}}})
    assert json.loads(whole["choices"][0]["message"]["content"]) in ("yes", "no")


@pytest.mark.parametrize("model,prompt", [
    ("us.deepseek.r1-v1:0", f"<\uff5cbegin\u2581of\u2581sentence\uff5c>{NAME}<\uff5cUser\uff5c>{ASK}<\uff5cAssistant\uff5c>"),
    ("mistral.mistral-7b-instruct-v0:2", f"<s>[INST] <<SYS>>{NAME}<</SYS>> {ASK} [/INST]")])
def test_prompts_in_the_familys_own_template(pair, model, prompt):
    body = {"prompt": prompt, "max_tokens": 12, "temperature": 0}
    whole, _ = invoke(pair, model, body)
    choice = (whole.get("choices") or whole.get("outputs"))[0]
    chat, _ = invoke(pair, "qwen.qwen3-32b-v1:0", {**CHAT, "max_tokens": 12})
    large, _ = invoke(pair, "qwen.qwen3-235b-a22b-2507-v1:0", {**CHAT, "max_tokens": 12})
    assert choice["text"] in [reply["choices"][0]["message"]["content"] for reply in (chat, large)]
    chunks = [(chunk.get("choices") or chunk.get("outputs"))[0] for chunk in stream(pair, model, body)]
    assert "".join(chunk["text"] for chunk in chunks) == choice["text"]
    assert chunks[-1]["stop_reason"] == choice["stop_reason"] and chunks[0]["stop_reason"] is None


def test_titan(pair):
    body = {"inputText": ASK, "textGenerationConfig": {"maxTokenCount": 4, "temperature": 0, "stopSequences": []}}
    whole, headers = invoke(pair, "amazon.titan-text-express-v1", body)
    result = whole["results"][0]
    assert result["tokenCount"] == int(headers["x-amzn-bedrock-output-token-count"]) and result["outputText"]
    assert whole["inputTextTokenCount"] == int(headers["x-amzn-bedrock-input-token-count"])
    assert result["completionReason"] in ("FINISH", "LENGTH")
    chunks = stream(pair, "amazon.titan-text-express-v1", body)
    assert "".join(chunk["outputText"] for chunk in chunks) == result["outputText"]
    assert chunks[-1]["totalOutputTextTokenCount"] == result["tokenCount"]


def test_cohere(pair):
    whole, _ = invoke(pair, "cohere.command-text-v14", {"prompt": ASK, "max_tokens": 4, "temperature": 0})
    assert whole["prompt"] == ASK and whole["generations"][0]["finish_reason"] in ("COMPLETE", "MAX_TOKENS")
    chunks = stream(pair, "cohere.command-text-v14", {"prompt": ASK, "max_tokens": 4, "temperature": 0})
    assert "".join(chunk["text"] for chunk in chunks) == whole["generations"][0]["text"]
    assert [chunk["is_finished"] for chunk in chunks] == [False] * (len(chunks) - 1) + [True]
    body = {"message": ASK, "preamble": NAME, "max_tokens": 12, "temperature": 0,
            "chat_history": [{"role": "USER", "message": "Hi"}, {"role": "CHATBOT", "message": "Hello"}]}
    whole, _ = invoke(pair, "cohere.command-r-v1:0", body)
    assert whole["text"] and len(whole["chat_history"]) == 4 and whole["meta"]["billed_units"]["output_tokens"] > 0
    chunks = stream(pair, "cohere.command-r-v1:0", body)
    assert [chunks[0]["event_type"], chunks[-1]["event_type"]] == ["stream-start", "stream-end"]
    assert "".join(chunk["text"] for chunk in chunks) == whole["text"] == chunks[-1]["response"]["text"]


def test_the_first_ones(pair):
    body = {"prompt": f"{NAME}\n\nHuman: {ASK}\n\nAssistant:", "max_tokens_to_sample": 12, "temperature": 0}
    whole, _ = invoke(pair, "anthropic.claude-v2:1", body)
    assert whole["type"] == "completion" and whole["stop_reason"] in ("stop_sequence", "max_tokens")
    chunks = stream(pair, "anthropic.claude-v2:1", body)
    assert "".join(chunk["completion"] for chunk in chunks) == whole["completion"] != ""
    body = {"prompt": ASK, "maxTokens": 4, "temperature": 0}
    whole, _ = invoke(pair, "ai21.j2-mid-v1", body)
    assert whole["prompt"]["text"] == ASK and whole["completions"][0]["data"]["text"]
    assert [chunk["completions"] for chunk in stream(pair, "ai21.j2-mid-v1", body)] == [whole["completions"]]


@pytest.mark.parametrize("model,body,word", [
    ("ai21.j2-ultra-v1", {"prompt": "a", "numResults": 3}, "numResults"), ("openai.gpt-oss-20b-1:0", {**CHAT, "n": 2}, "n: one reply"),
    ("amazon.titan-text-lite-v1", {"prompt": "a"}, "inputText"), ("cohere.command-r-v1:0", {"messages": []}, "message"),
    ("mistral.mistral-7b-instruct-v0:2", {}, "messages"),
    ("zai.glm-5", {"messages": [{"role": "user", "content": [{"type": "image_url", "image_url": {"url": "x"}}]}]},
     "text only"), ("stability.sd3-large-v1:0", {"prompt": "a"}, "images")])
def test_what_cannot_be_carried_is_named(pair, model, body, word):
    runtime = pair.client()
    with pytest.raises(runtime.exceptions.ValidationException, match=word):
        runtime.invoke_model(modelId=model, body=json.dumps(body))


def test_counting_and_batch_go_through_the_same_bodies(pair):
    counted = pair.client().count_tokens(modelId="zai.glm-5", input={"invokeModel": {"body": json.dumps(CHAT)}})
    whole, _ = invoke(pair, "zai.glm-5", {**CHAT, "max_tokens": 1})
    assert counted["inputTokens"] == whole["usage"]["prompt_tokens"]
    store, control = Store(pair), pair.client("bedrock")
    arn = submit(control, store, records([{**CHAT, "max_tokens": 4}] * 2), model="openai.gpt-oss-20b-1:0",
                 modelInvocationType="InvokeModel")
    assert wait_for(control, arn)["status"] == "Completed"
    assert all(row["modelOutput"]["choices"][0]["message"]["content"] for row in store.output(arn, "in.jsonl"))

"""Members that nobody here knows: taken, named in the reply and once in the log; or refused where that is wanted."""

import json
import urllib.error
import urllib.request

import pytest

from conftest import start, wait_until

CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2%3A0"
HELLO = {"messages": [{"role": "user", "content": [{"text": "Hello."}]}]}


def post(server, path, body, **more):
    request = urllib.request.Request(server.url + path, json.dumps(body).encode(),
                                     {"content-type": "application/json", **more})
    try:
        with urllib.request.urlopen(request, timeout=60) as reply:
            return reply.status, reply.headers, reply.read()
    except urllib.error.HTTPError as error:
        return error.code, error.headers, error.read()


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_unknown_members_are_named_in_the_reply_and_once_in_the_log(server, operation):
    name = f"of-{operation}-only"
    for _ in range(2):
        status, headers, _ = post(server, f"/model/tiny/{operation}",
                                  {**HELLO, "inferenceConfig": {"maxTokens": 2}, name: {"a": 1}})
        assert status == 200 and headers["x-fulcrum-ignored"] == name
    id = headers["x-amzn-requestid"]
    assert wait_until(lambda: id in server.log()), "the line of the second request, behind whatever was logged of it"
    assert server.log().count(f"path={name}") == 1


def test_nothing_ignored_has_no_header(server):
    status, headers, _ = post(server, "/model/tiny/converse", {**HELLO, "inferenceConfig": {"maxTokens": 2}})
    assert status == 200 and "x-fulcrum-ignored" not in headers


def test_counting_names_them_too(server):
    status, headers, _ = post(server, "/model/tiny/count-tokens", {"input": {"converse": {**HELLO, "seed": 1}}})
    assert status == 200 and headers["x-fulcrum-ignored"] == "seed"


def test_strict_refuses_them(tmp_path, random_model):
    strict = start(tmp_path, random_model, extra="strict: true\n")
    status, _, body = post(strict, "/model/tiny/converse", {**HELLO, "seed": 1})
    assert status == 400 and json.loads(body)["message"].startswith("unknown member 'seed'")
    assert strict.stop() == 0


@pytest.mark.parametrize("version", ["bedrock-2023-05-31", "2023-06-01", "2026-10-21"])
def test_every_version_of_the_anthropic_api_is_spoken(server, version):
    body = {"anthropic_version": version, "max_tokens": 2, "messages": [{"role": "user", "content": "Hello."}]}
    status, _, text = post(server, f"/model/{CLAUDE}/invoke", body)
    assert status == 200 and json.loads(text)["usage"]["output_tokens"] == 2
    status, _, text = post(server, f"/model/{CLAUDE}/invoke", {**body, "temperature": 1})
    if version == "2026-10-21":
        assert status == 400 and json.loads(text)["message"] == "temperature: Extra inputs are not permitted"
    else:
        assert status == 200


@pytest.mark.parametrize("place", ["output_config", "output_format"])
@pytest.mark.parametrize("operation", ["invoke", "converse"])
def test_a_format_is_enforced_wherever_it_is_asked_for(server, operation, place):
    schema = {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"],
              "additionalProperties": False}
    wanted = {"type": "json_schema", "schema": schema}
    wanted = {"output_config": {"format": wanted}} if place == "output_config" else {"output_format": wanted}
    if operation == "invoke":
        body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 60,
                "messages": [{"role": "user", "content": "Hello."}], **wanted}
    else:
        body = {**HELLO, "inferenceConfig": {"maxTokens": 60}, "additionalModelRequestFields": wanted}
    status, headers, text = post(server, f"/model/{CLAUDE}/{operation}", body)
    reply = json.loads(text)
    assert status == 200 and "x-fulcrum-ignored" not in headers, reply
    content = reply["content"] if operation == "invoke" else reply["output"]["message"]["content"]
    assert isinstance(json.loads(content[0]["text"])["ready"], bool)


def test_optimized_latency_is_served_as_standard(server):
    body = {**HELLO, "inferenceConfig": {"maxTokens": 2}, "performanceConfig": {"latency": "optimized"}}
    status, headers, text = post(server, "/model/tiny/converse", body)
    assert status == 200 and headers["x-fulcrum-ignored"] == "performanceConfig.latency"
    assert json.loads(text)["performanceConfig"] == {"latency": "standard"}


def test_headers_without_an_effect_are_named_too(server):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": [{"role": "user", "content": "Hi."}]}
    status, headers, _ = post(server, f"/model/{CLAUDE}/invoke", body, **{
        "X-Amzn-Bedrock-Trace": "ENABLED", "X-Amzn-Bedrock-PerformanceConfig-Latency": "optimized"})
    assert status == 200 and headers["x-amzn-bedrock-performanceconfig-latency"] == "standard"
    assert headers["x-fulcrum-ignored"] == "X-Amzn-Bedrock-Trace, X-Amzn-Bedrock-PerformanceConfig-Latency"
    assert post(server, f"/model/{CLAUDE}/invoke", body, **{"X-Amzn-Bedrock-Trace": "loud"})[0] == 400
    assert post(server, f"/model/{CLAUDE}/invoke", body, **{"X-Amzn-Bedrock-GuardrailIdentifier": "g"})[0] == 400


def test_claude_takes_a_conversation_that_begins_with_the_assistant(server):
    body = {"inferenceConfig": {"maxTokens": 2}, "messages": [
        {"role": "assistant", "content": [{"text": "Welcome."}]}, {"role": "user", "content": [{"text": "Hello."}]}]}
    assert post(server, f"/model/{CLAUDE}/converse", body)[0] == 200
    status, _, text = post(server, "/model/tiny/converse", body)
    assert status == 400 and "start with a user message" in json.loads(text)["message"]


def test_an_overflow_is_told_in_the_words_that_frameworks_know(server):
    body = {"messages": [{"role": "user", "content": [{"text": "word " * 5000}]}]}
    status, _, text = post(server, "/model/tiny/converse", body)
    message = json.loads(text)["message"]
    assert status == 400 and message.startswith("Input is too long for requested model: prompt is too long: ")
    assert " tokens > 2048 maximum" in message

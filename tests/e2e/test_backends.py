"""A second backend, which answers from a script (tests/tools/scripted_server.c): it is asked through every operation, its
usage is billed, and where it fails before its first token the engine answers instead."""

import json
import socket
import struct
import subprocess

import botocore.exceptions
import pytest

import batch_fixture as batch
from conftest import BUILD, FULCRUM, metrics, start, wait_until

MODEL = batch.MODEL
CLAUDE = batch.CLAUDE
WHOLE = {"text": ["From ", "the ", "script."], "usage": {"input": 11, "cacheRead": 100, "cacheWrite": 20, "output": 7},
         "stop": "end_turn", "count": 131, "id": "scripted-1"}
SCRIPT = {
    "whole": WHOLE,
    "tool": {"text": ["A call:"], "tool": {"id": "call_1", "name": "look", "json": '{"at": [1, 2]}'}, "stop": "tool_use",
             "usage": {"input": 3, "output": 9}},
    "cut": {"text": ["no more"], "stop": "max_tokens", "usage": {"input": 1, "output": 2}},
    "breaks": {"text": ["one ", "two ", "three"], "error": {"code": "unavailable", "after": 2}, "usage": {"input": 5}},
    "where is it warm?": {"text": ["Not here."], "warm": True, "usage": {"input": 1}},
    "hangs": {"hang": True},
    "hangs amid": {"text": ["a piece"], "hang": True, "usage": {"input": 4}},
    **{code: {"error": {"code": code}} for code in ("unavailable", "throttled", "timeout", "internal", "invalid")},
    **{f"{code} at once": {"error": {"code": code, "atOnce": True}} for code in ("unavailable", "throttled", "invalid")},
    **{f"{code} alone": {"error": {"code": code}, "alone": True} for code in ("unavailable", "throttled", "internal")},
    "refused alone": {"error": {"code": "throttled", "atOnce": True}, "alone": True},
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory, random_model):
    path = tmp_path_factory.mktemp("scripted")
    (path / "script.json").write_text(json.dumps(SCRIPT))
    server = start(path, random_model, extra="cache:\n  min_tokens: 32\n", program=BUILD / "tests/tools/scripted_server",
                   env={"SCRIPT": str(path / "script.json")})
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def bedrock(scripted):
    return scripted.client()


def ask(text, **more):
    return {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": 5, "temperature": 0}, **more}


def header(reply, name):
    return reply["ResponseMetadata"]["HTTPHeaders"][name]


def all_lines(server):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(server.workdir / "data")], text=True,
                         capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def line_of(server, reply):
    """The line of the ledger; None when there is none."""
    request = reply["ResponseMetadata"]["RequestId"]
    return next((line for line in all_lines(server) if line["requestId"] == request), None)


def read_until(client, word):
    seen = b""
    while word not in seen and (piece := client.recv(65536)):
        seen += piece
    return seen


def check_whole_line(line, operation):
    assert line["operation"] == operation and line["outcome"] == "completed"
    assert line["modelRequested"] in (MODEL, CLAUDE) and line["modelInvoked"] == "script"
    assert (line["inputTokens"], line["cacheReadInputTokens"], line["cacheWriteInputTokens"], line["outputTokens"]) == (
        11, 100, 20, 7)
    assert line["costPicodollars"] > 0
    assert (line["provider"], line["upstreamRequestId"], line["attempts"]) == ("script", "scripted-1", 1)
    assert (line["router"], line["routerScore"]) == ("scripted", 0.75)


# --- every operation ------------------------------------------------------------------------------------


def test_converse(scripted, bedrock):
    reply = bedrock.converse(**ask("whole"))
    assert reply["output"]["message"]["content"] == [{"text": "From the script."}]
    assert reply["stopReason"] == "end_turn"
    assert reply["usage"]["inputTokens"] == 11 and reply["usage"]["outputTokens"] == 7
    assert reply["usage"]["cacheReadInputTokens"] == 100 and reply["usage"]["cacheWriteInputTokens"] == 20
    assert header(reply, "x-fulcrum-model") == "script"
    line = line_of(scripted, reply)
    check_whole_line(line, "Converse")
    assert header(reply, "x-fulcrum-cost") == str(line["costPicodollars"])


def test_converse_stream(scripted, bedrock):
    reply = bedrock.converse_stream(**ask("whole"))
    events = list(reply["stream"])
    deltas = [event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event]
    assert deltas == WHOLE["text"]
    assert events[-1]["metadata"]["usage"]["totalTokens"] == 138
    assert header(reply, "x-fulcrum-model") == "script"
    check_whole_line(line_of(scripted, reply), "ConverseStream")


def test_tool_calls(bedrock):
    tool = {"toolSpec": {"name": "look", "inputSchema": {"json": {"type": "object"}}}}
    reply = bedrock.converse(**ask("tool", toolConfig={"tools": [tool]}))
    assert reply["output"]["message"]["content"] == [
        {"text": "A call:"}, {"toolUse": {"toolUseId": "call_1", "name": "look", "input": {"at": [1, 2]}}}]
    assert reply["stopReason"] == "tool_use"


def test_invoke_model(scripted, bedrock):
    reply = bedrock.invoke_model(modelId=CLAUDE, body=json.dumps(batch.claude("whole")))
    body = json.loads(reply["body"].read())
    assert body["content"] == [{"type": "text", "text": "From the script."}] and body["usage"]["output_tokens"] == 7
    check_whole_line(line_of(scripted, reply), "InvokeModel")


def test_invoke_stream(scripted, bedrock):
    reply = bedrock.invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(batch.claude("whole")))
    chunks = [json.loads(event["chunk"]["bytes"]) for event in reply["body"]]
    assert "".join(chunk["delta"]["text"] for chunk in chunks if chunk["type"] == "content_block_delta") == \
        "From the script."
    check_whole_line(line_of(scripted, reply), "InvokeModelWithResponseStream")


def test_count_tokens(bedrock):
    body = {key: value for key, value in ask("whole").items() if key == "messages"}
    assert bedrock.count_tokens(modelId=MODEL, input={"converse": body})["inputTokens"] == 131


def test_a_batch_job(scripted):
    store = batch.Store(scripted)
    texts = ["whole", "cut", "unavailable", "invalid", "said by nobody"]
    control = scripted.client("bedrock")
    job = batch.submit(control, store, batch.records(batch.converse(text) for text in texts))
    batch.wait_for(control, job)
    rows = {row["recordId"]: row for row in store.output(job, "in.jsonl")}
    replies = [rows[f"record-{i}"].get("modelOutput") for i in range(len(texts))]
    assert replies[0]["output"]["message"]["content"] == [{"text": "From the script."}]
    assert replies[1]["stopReason"] == "max_tokens"
    assert replies[2]["usage"]["outputTokens"] == 5 and replies[4]["usage"]["outputTokens"] == 5  # the engine's
    assert "the script says invalid" in json.dumps(rows["record-3"]["error"])
    lines = [line for line in all_lines(scripted) if line["tier"] == "batch"]
    assert sorted(line["modelInvoked"] for line in lines) == ["script", "script", "tiny", "tiny"]


# --- errors before the first token: elsewhere ---------------------------------------------------------------


@pytest.mark.parametrize("text", ["unavailable", "throttled", "timeout", "internal", "unavailable at once",
                                  "throttled at once"])
def test_the_engine_answers_instead(scripted, bedrock, text):
    reply = bedrock.converse(**ask(text))
    assert reply["usage"]["outputTokens"] == 5 and header(reply, "x-fulcrum-model") == "tiny"
    line = line_of(scripted, reply)
    assert line["modelInvoked"] == "tiny" and line["outcome"] == "completed" and line["outputTokens"] == 5
    assert (line["provider"], line["upstreamRequestId"], line["attempts"]) == ("engine", "", 2)
    stream = bedrock.converse_stream(**ask(text))
    assert [event for event in stream["stream"] if "metadata" in event]
    assert line_of(scripted, stream)["modelInvoked"] == "tiny"


@pytest.mark.parametrize("text", ["invalid", "invalid at once"])
def test_what_is_wrong_with_a_request_is_wrong_everywhere(scripted, bedrock, text):
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        bedrock.converse(**ask(text))
    assert refusal.value.response["Error"]["Code"] == "ValidationException"
    assert "the script says invalid" in refusal.value.response["Error"]["Message"]
    assert line_of(scripted, refusal.value.response) is None


@pytest.mark.parametrize("text,code,has_line", [
    ("unavailable alone", "ServiceUnavailableException", True), ("internal alone", "InternalServerException", True),
    ("throttled alone", "ThrottlingException", False), ("refused alone", "ThrottlingException", False)])
def test_the_last_target_s_error_is_the_client_s(scripted, bedrock, text, code, has_line):
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        bedrock.converse(**ask(text))
    assert refusal.value.response["Error"]["Code"] == code
    line = line_of(scripted, refusal.value.response)
    assert (line is not None) == has_line
    if has_line:
        assert line["outcome"] == "failed" and line["costPicodollars"] == 0


def test_counts_go_elsewhere_too(bedrock):
    texts = ("unavailable", "unavailable at once")
    counts = [bedrock.count_tokens(modelId=MODEL, input={"converse": {"messages": ask(text)["messages"]}})["inputTokens"]
              for text in texts]
    assert 0 < counts[0] < counts[1]  # the engine's: one text is a part of the other


# --- where it is warm ----------------------------------------------------------------------------------------


def test_a_request_goes_where_its_prompt_is_warm(scripted, bedrock):
    system = [{"text": " ".join(f"Fact {i}: the number is {i * 7}." for i in range(60))},
              {"cachePoint": {"type": "default"}}]
    answered = []
    for text in ("where is it warm?", "said by nobody", "where is it warm?"):
        reply = bedrock.converse(**ask(text, system=system))
        answered.append((header(reply, "x-fulcrum-model"), reply["usage"].get("cacheReadInputTokens", 0) > 0))
    assert answered == [("script", False), ("tiny", False), ("tiny", True)]
    assert line_of(scripted, reply)["router"] == "warm"


# --- what a target can take ----------------------------------------------------------------------------------

PICTURE = {"image": {"format": "png", "source": {"bytes": b"\x89PNG\r\n\x1a\n0123"}}}


def ask_of_picture(text):
    return ask(text, messages=[{"role": "user", "content": [PICTURE, {"text": text}]}])


def test_a_target_that_sees_gets_the_picture(scripted, bedrock):
    reply = bedrock.converse(**ask_of_picture("whole"))
    assert reply["output"]["message"]["content"] == [{"text": "From the script."}]
    assert header(reply, "x-fulcrum-model") == "script"


def test_one_that_does_not_see_is_not_asked(server, bedrock):
    """Neither alone nor in place of one that fails: and alone it refuses as a server without others does."""
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        bedrock.converse(**ask_of_picture("unavailable"))
    assert "the script says unavailable" in refusal.value.response["Error"]["Message"]
    refusals = []
    for client in (bedrock, server.client()):
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            client.converse(**ask_of_picture("said by nobody"))
        refusals.append(refusal.value.response["Error"])
    assert refusals[0] == refusals[1] and refusals[0]["Code"] == "ValidationException"


def test_what_cannot_be_read_is_refused_in_the_order_of_the_body(server, bedrock):
    body = ask_of_picture("whole")
    body["messages"][0]["content"].append({"toolUse": {"toolUseId": "a", "name": "b", "input": {}}})
    refusals = []
    for client in (bedrock, server.client()):
        with pytest.raises(botocore.exceptions.ClientError) as refusal:
            client.converse(**body)
        refusals.append(refusal.value.response["Error"])
    assert refusals[0] == refusals[1]


# --- after the first token: the client's ----------------------------------------------------------------------


def test_a_stream_that_breaks_is_paid_as_far_as_it_came(scripted, bedrock):
    reply = bedrock.converse_stream(**ask("breaks"))
    heard = []
    with pytest.raises(botocore.exceptions.EventStreamError, match="the script says unavailable"):
        for event in reply["stream"]:
            heard.append(event)
    assert len([event for event in heard if "contentBlockDelta" in event]) == 2
    line = line_of(scripted, reply)
    assert line["modelInvoked"] == "script" and line["outcome"] == "failed" and line["provider"] == "script"
    assert (line["inputTokens"], line["outputTokens"]) == (5, 2) and line["costPicodollars"] > 0


def test_a_whole_reply_that_breaks_costs_nothing(scripted, bedrock):
    with pytest.raises(botocore.exceptions.ClientError) as refusal:
        bedrock.converse(**ask("breaks"))
    assert refusal.value.response["Error"]["Code"] == "ServiceUnavailableException"
    assert line_of(scripted, refusal.value.response)["costPicodollars"] == 0


@pytest.mark.parametrize("text,operation", [("hangs", "converse"), ("hangs", "converse-stream"),
                                            ("hangs amid", "converse"), ("hangs amid", "converse-stream")])
def test_a_client_that_leaves_ends_the_call(scripted, text, operation):
    begun, dropped = (scripted.log().count(word) for word in ("call=begun", "call=dropped"))
    body = json.dumps({"messages": ask(text)["messages"]}).encode()
    with socket.create_connection(("127.0.0.1", scripted.port)) as client:
        client.sendall(b"POST /model/%s/%s HTTP/1.1\r\nhost: a\r\ncontent-type: application/json\r\n"
                       b"content-length: %d\r\n\r\n%s" % (MODEL.encode(), operation.encode(), len(body), body))
        assert wait_until(lambda: scripted.log().count("call=begun") > begun)
        if text == "hangs amid" and operation == "converse-stream":
            assert b"a piece" in read_until(client, b"a piece")
        client.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))  # a reset: nobody will read on
    assert wait_until(lambda: scripted.log().count("call=dropped") > dropped)
    lines = [line for line in all_lines(scripted) if line["outcome"] == "cancelled"]
    assert lines and lines[-1]["modelInvoked"] == "script"
    is_paid = text == "hangs amid" and operation == "converse-stream"
    assert (lines[-1]["inputTokens"], lines[-1]["outputTokens"]) == ((4, 1) if is_paid else (0, 0))


def test_metrics_count_what_the_script_was_paid_for(scripted, bedrock):
    name = 'fulcrum_output_tokens_total{model="tiny"}'
    before = metrics(scripted)[name]
    bedrock.converse(**ask("whole"))
    assert metrics(scripted)[name] == before + 7

"""Tools in training data: a student learns when to call which, and what to say to a result, from lines, from its teacher
and from the log of traffic."""

import json

import pytest

from batch_fixture import Store, jsonl
from conftest import Server, wait_until
from custom_fixture import CONFIG, line, output, rejected, request, wait_for

pytestmark = pytest.mark.alone

CONFIG = CONFIG.replace("models:", "models:\n  - {{name: desk-small}}").replace("context: 512", "context: 1024")
LEARN = {"epochCount": "30", "batchSize": "6", "validationShare": "0"}
TOOLS = {"tools": [{"toolSpec": {"name": name, "description": "d", "inputSchema": {"json": {
    "type": "object", "properties": {"what": {"type": "string"}}}}}} for name in ("find", "stop")]}
WANTED = {"Find my parcel.": ("find", "parcel"), "Stop my order.": ("stop", "order"), "Find my shirt.": ("find", "shirt")}


@pytest.fixture(scope="module")
def server(tmp_path_factory, random_model):
    running = Server(config=CONFIG.format(path=random_model), workdir=tmp_path_factory.mktemp("learnt-tools"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="tools")


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


def asked(text):
    return line(text, toolConfig=TOOLS)


def called(text, name, what):
    row = asked(text)
    row["messages"].append({"role": "assistant", "content": [
        {"toolUse": {"toolUseId": "t1", "name": name, "input": {"what": what}}}]})
    return row


def told(text, name, what, result, answer):
    row = called(text, name, what)
    row["messages"] += [
        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1", "content": [{"json": result}]}}]},
        {"role": "assistant", "content": [{"text": answer}]}]
    return row


def deploy(bedrock, model, name):
    arn = bedrock.create_custom_model_deployment(modelDeploymentName=name, modelArn=model)["customModelDeploymentArn"]
    assert wait_until(lambda: bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=arn)["status"] == "Active")
    return arn


def test_a_student_learns_to_call_and_to_say_what_came_of_it(server, store, bedrock):
    rows = [called(text, *call) for text, call in WANTED.items()]
    rows += [told(text, *call, {"state": "late"}, "It is late.") for text, call in WANTED.items()]
    bad = called("Find it.", "find", "it")
    bad["messages"] += [{"role": "user", "content": [{"text": "thanks"}]}]
    store.put("train.jsonl", jsonl(rows * 2 + [bad]))
    job = bedrock.create_model_customization_job(**request(store, "calls", hyperParameters=LEARN,
                                                             baseModelIdentifier="desk-small"))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    (row,) = rejected(store, job)
    assert row["line"] == 13 and "messages[2].content: expected the result" in row["reason"]
    model, runtime = deploy(bedrock, done["outputModelArn"], "calls"), server.client()
    for text, (name, what) in WANTED.items():
        messages = [{"role": "user", "content": [{"text": text}]}]
        ask = dict(modelId=model, toolConfig=TOOLS, inferenceConfig={"temperature": 0, "maxTokens": 200})
        reply = runtime.converse(messages=messages, **ask)
        assert reply["stopReason"] == "tool_use", reply
        (block,) = reply["output"]["message"]["content"]
        assert block["toolUse"]["name"] == name and block["toolUse"]["input"] == {"what": what}
        messages += [reply["output"]["message"], {"role": "user", "content": [{"toolResult": {
            "toolUseId": block["toolUse"]["toolUseId"], "content": [{"json": {"state": "late"}}]}}]}]
        reply = runtime.converse(messages=messages, **ask)
        assert reply["output"]["message"]["content"] == [{"text": "It is late."}]


DESK_TOOLS = {"tools": [{"toolSpec": {"name": "get_order", "description": "Look up an order", "inputSchema": {"json": {
    "type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}}}}],
    "toolChoice": {"any": {}}}


def test_a_teacher_is_asked_with_the_tools_and_its_calls_are_learnt(store, bedrock):
    store.put("asked.jsonl", jsonl([line(f"Where is order 471{i}?", toolConfig=DESK_TOOLS) for i in range(10)]))
    job = bedrock.create_model_customization_job(**request(
        store, "taught", "asked.jsonl", customizationType="DISTILLATION", baseModelIdentifier="desk-small",
        hyperParameters={"epochCount": "1"}, customizationConfig={"distillationConfig": {"teacherModelConfig": {
            "teacherModelIdentifier": "desk-small", "maxResponseLengthForInference": 60}}}))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    records = [json.loads(row) for row in output(store, job, "teacher/prompts.jsonl").splitlines()]
    assert all(record["modelInput"]["toolConfig"] == DESK_TOOLS for record in records) and len(records) == 10
    assert done["trainingMetrics"]["trainingLoss"] >= 0

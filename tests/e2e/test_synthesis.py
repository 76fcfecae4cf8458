"""Distillation jobs whose teacher writes further prompts: which are kept, what is reported of the others, that real prompts
alone are measured, and that nothing is asked twice. A script is the teacher (scripted_server.c)."""

import json
import subprocess

import botocore.exceptions
import pytest

from batch_fixture import Store, jsonl
from conftest import BUILD, FULCRUM, Server, wait_until
from custom_fixture import FAST, asked, line, output, request, wait_for

pytestmark = pytest.mark.alone

CONFIG = """\
limits: {{customization_prompts_min: 8}}
models:
  - {{name: tiny, path: {path}, ids: ["amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"], context: 512}}
"""
REAL = [
    "Where is my parcel? I ordered a lamp last week.",
    "My lamp came broken, can I have my money back?",
    "How do I send back a chair that is too small for me?",
    "When will the parcel with my chair be here?",
    "I want to change the address of my order.",
    "Can you send my order to another address?",
    "The invoice for my order of a table is wrong.",
    "I never got an invoice for the chair that I ordered.",
    "Is it possible to cancel the order of my lamp?",
    "Please cancel my order, I found a table elsewhere.",
]
NEW = [
    "Where is the parcel with my table? I ordered it in May.",
    "The invoice for my chair is wrong, please send another one.",
    "Can I change my order of a lamp to a bigger one?",
    "My table came with a broken leg, can I send it back?",
]
ALIKE = ["WHERE is my parcel - I ordered a lamp last week!", "Please cancel my order, I found a table elsewhere"]
ELSEWHERE = ["Write a poem on volcanoes, full of drama and fury."]
PROSE = "I am sorry, but I can't help with that."


def asking(text, count=8, more=""):
    """What the teacher is shown so that it writes variants of a text."""
    return f"<message>\n{text}\n</message>\nWrite {count} other message{'s' if count > 1 else ''}.{more}"


def says(text, tokens=(10, 3)):
    return {"text": [text], "usage": {"input": tokens[0], "output": tokens[1]}, "stop": "end_turn", "alone": True}


# 20 variants are 3 requests, with seeds that are evenly spread, and a third that wants 4.
SCRIPT = {
    asking(REAL[0]): says(json.dumps([NEW[0], ALIKE[0], NEW[1], *ELSEWHERE]), (100, 50)),
    asking(REAL[3]): says(PROSE, (100, 9)),
    asking(REAL[6], 4): says("\n".join(f"{i}. {text}" for i, text in enumerate(
        [NEW[2], NEW[0] + "!", ALIKE[1], NEW[3]], 1)), (100, 40)),
    **{text: says("matter") for text in REAL + NEW},
}
LEARN = {**FAST, "epochCount": "2", "validationShare": "0.5", "syntheticPrompts": "20"}


@pytest.fixture(scope="module")
def make_server(tmp_path_factory, random_model):
    def make(path=None, script=None):
        path = path or tmp_path_factory.mktemp("synthesis")
        (path / "script.json").write_text(json.dumps(script or SCRIPT))
        return Server(config=CONFIG.format(path=random_model), workdir=path,
                      program=BUILD / "tests/tools/scripted_server", env={"SCRIPT": str(path / "script.json")})
    return make


@pytest.fixture(scope="module")
def server(make_server):
    running = make_server()
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="synthesis")


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


def distill(store, name, rows=None, hyper=None, **more):
    store.put(f"{name}.jsonl", jsonl(rows or [line(text) for text in REAL]))
    return {**request(store, name, f"{name}.jsonl", hyperParameters={**LEARN, **(hyper or {})},
                      customizationType="DISTILLATION", customizationConfig={"distillationConfig": {
                          "teacherModelConfig": {"teacherModelIdentifier": "amazon.nova-pro-v1:0",
                                                 "maxResponseLengthForInference": 20}}}), **more}


def show(server, job, *options):
    return subprocess.run([str(FULCRUM), "distill", "show", job, "--endpoint", server.url, *options],
                          capture_output=True, text=True, check=True,
                          env={"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "x"}).stdout


def test_variants_are_kept_that_say_something_new(server, store, bedrock):
    before = len(asked(server))
    job = bedrock.create_model_customization_job(**distill(store, "whole"))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    rows = asked(server)[before:]
    assert len(rows) == 3 + len(REAL) + len(NEW)
    progress = json.loads(show(server, job, "--json"))["progress"]
    synthesis = progress["synthesis"]
    assert {name: synthesis[name] for name in ("requests", "replies", "badReplies", "written", "unfit", "duplicates",
                                               "offTopic", "kept", "keptShare", "learnt")} == {
        "requests": 3, "replies": 3, "badReplies": 1, "written": 8, "unfit": 0, "duplicates": 3, "offTopic": 1,
        "kept": 4, "keptShare": 0.5, "learnt": 4}
    assert (progress["acceptedLines"], progress["validationRows"], progress["trainingRows"]) == (10, 5, 5 + 4)
    teacher = progress["teacher"]
    assert (teacher["prompts"], teacher["inputTokens"], teacher["outputTokens"]) == (14, 300 + 140, 99 + 42)
    cost = sum(row["costPicodollars"] for row in rows)
    assert 0.95 * cost <= teacher["costPicodollars"] <= 1.05 * cost  # it is told by means
    text = show(server, job)
    assert "4 of 8, 50.0%; 3 duplicates, 1 off-topic, 0 unfit" in text and "1 no list" in text


def test_what_became_of_each_is_told(server, store, bedrock):
    job = bedrock.create_model_customization_job(**distill(store, "told"))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    listed = [json.loads(row) for row in output(store, job, "prompt_insights/synthetic.jsonl").splitlines()]
    assert [row["prompt"] for row in listed if row["status"] == "Accepted"] == NEW
    reasons = {row["prompt"]: row["reason"] for row in listed if row["status"] == "Rejected"}
    assert set(reasons) == {*ALIKE, NEW[0] + "!", *ELSEWHERE, PROSE}
    assert "nearly the same" in reasons[ALIKE[0]] and "off-topic" in reasons[ELSEWHERE[0]]
    assert "neither a JSON array" in reasons[PROSE]
    summary = json.loads(output(store, job, "prompt_insights/synthetic.json"))
    assert (summary["wanted"], summary["kept"], summary["keptShare"]) == (20, 4, 0.5)
    sample = [json.loads(row) for row in output(store, job, "synthetic_data/sample.jsonl").splitlines()]
    assert sample == [line(text, "matter") for text in NEW]


def test_prompts_with_an_answer_are_varied_too_and_keep_what_they_were_told(server, store, bedrock):
    before = len(asked(server))
    rows = [line(text, "given", system="Sort messages.") for text in REAL]
    job = bedrock.create_model_customization_job(**distill(store, "golden", rows))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    assert len(asked(server)) - before == 3 + len(NEW)  # real answers are there
    sample = [json.loads(row) for row in output(store, job, "synthetic_data/sample.jsonl").splitlines()]
    assert sample == [line(text, "matter", system="Sort messages.") for text in NEW]
    requests = output(store, job, "synthetic_data/requests.jsonl").splitlines()
    system = json.loads(requests[0])["modelInput"]["system"]
    assert system[0]["text"].endswith("Sort messages.") and "cachePoint" in system[1]


def test_a_teacher_that_writes_nothing_leaves_the_real_prompts(make_server):
    script = {**SCRIPT, **{asking(REAL[i], 8 if i < 6 else 4): says(PROSE) for i in (0, 3, 6)}}
    server = make_server(script=script)
    store, bedrock = Store(server, bucket="nothing"), server.client("bedrock")
    job = bedrock.create_model_customization_job(**distill(store, "nothing"))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    progress = json.loads(show(server, job, "--json"))["progress"]
    assert (progress["synthesis"]["badReplies"], progress["synthesis"]["keptShare"]) == (3, 0)
    assert progress["trainingRows"] == 5 and len(asked(server)) == 3 + len(REAL)
    assert server.stop() == 0


def test_without_being_asked_for_nothing_is_written(server, store, bedrock):
    before = len(asked(server))
    plan = distill(store, "none")
    del plan["hyperParameters"]["syntheticPrompts"]
    job = bedrock.create_model_customization_job(**plan)["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    assert len(asked(server)) - before == len(REAL)
    assert "synthesis" not in json.loads(show(server, job, "--json"))["progress"]


@pytest.mark.parametrize("lines", [1, 5])  # among the variants, among the answers
def test_nothing_is_asked_twice_after_a_crash(make_server, tmp_path, lines):
    first = make_server(tmp_path)
    store = Store(first, bucket="crash")
    job = first.client("bedrock").create_model_customization_job(**distill(store, "crash"))["jobArn"]
    assert wait_until(lambda: len(asked(first)) >= lines)
    first.process.kill()
    first.process.wait()
    second = make_server(tmp_path)
    assert wait_for(second.client("bedrock"), job)["status"] == "Completed"
    rows = asked(second)
    assert len(rows) == len({row["requestId"] for row in rows}) == 3 + len(REAL) + len(NEW)
    progress = json.loads(show(second, job, "--json"))["progress"]
    assert (progress["synthesis"]["kept"], progress["trainingRows"]) == (4, 9)
    assert second.stop() == 0


@pytest.mark.parametrize("change, part", [
    ({"hyper": {"syntheticPrompts": "15001"}}, "syntheticPrompts"),
    ({"customizationType": "FINE_TUNING", "customizationConfig": None}, "syntheticPrompts"),
    ({"trainingDataConfig": {"invocationLogsConfig": {
        "invocationLogSource": {"s3Uri": "s3://abc/"}, "usePromptResponse": True}}}, "syntheticPrompts"),
])
def test_what_cannot_be_is_refused_by_its_name(bedrock, store, change, part):
    plan = {name: value for name, value in distill(store, "wrong", **change).items() if value is not None}
    with pytest.raises(botocore.exceptions.ClientError, match=f"ValidationException.*{part}"):
        bedrock.create_model_customization_job(**plan)

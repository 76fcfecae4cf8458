"""Answers that are made again: how sure a model says it is, and what a router makes of it."""

import http.client
import json
import subprocess

import pytest

from conftest import FULCRUM, Server
from test_ledger import export
from test_routers import route_of

CONFIG = """\
routers:
  - {name: doubts, models: [desk-small, desk-large], tolerance: 1, escalate: {below: 1, share: 1}}
  - {name: quarter, models: [desk-small, desk-large], tolerance: 1, escalate: {below: 1, share: 0.25}}
  - {name: trusts, models: [desk-small, desk-large], tolerance: 1, escalate: {below: 0}}
"""
UNUSUAL = {"messages": [{"role": "user", "content": [{"text": "Compose four lines on granite and rain."}]}],
           "inferenceConfig": {"maxTokens": 8, "temperature": 0}}
USUAL = {"system": [{"text": "You are the assistant at the help desk of Harbor Goods. Reply only with the intent of the "
                             "message."}],
         "messages": [{"role": "user", "content": [{"text": "Hello, where is my order?"}]}],
         "inferenceConfig": {"maxTokens": 8, "temperature": 0}}


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    running = Server(config=CONFIG, workdir=tmp_path_factory.mktemp("escalation"))
    yield running
    assert running.stop() == 0


def ask_raw(server, model, body, operation="converse", **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", f"/model/{model}/{operation}", json.dumps(body),
                       {"Content-Type": "application/json", **headers})
    answer = connection.getresponse()
    said, found = answer.read(), answer.headers
    connection.close()
    assert answer.status == 200, said
    return said if operation.endswith("-stream") else json.loads(said), found


# --- confidence ---------------------------------------------------------------------------------------

ASKED = {"x-fulcrum-confidence": "true"}


def test_confidence_is_told_who_asks(own):
    said, headers = ask_raw(own, "desk-small", USUAL, **ASKED)
    plain, silent = ask_raw(own, "desk-small", USUAL)
    assert said["output"] == plain["output"] and "x-fulcrum-confidence" not in silent
    sure = float(headers["x-fulcrum-confidence"])
    unsure = float(ask_raw(own, "desk-small", UNUSUAL, **ASKED)[1]["x-fulcrum-confidence"])
    assert 0 <= unsure < 0.5 < sure <= 1
    assert float(ask_raw(own, "desk-small", USUAL, **ASKED)[1]["x-fulcrum-confidence"]) == pytest.approx(sure, rel=1e-3)
    assert "x-fulcrum-confidence" not in ask_raw(own, "desk-small", USUAL, "converse-stream", **ASKED)[1]
    assert "x-fulcrum-confidence" not in ask_raw(own, "desk-small", USUAL, **{"x-fulcrum-confidence": "false"})[1]


def test_labels_carry_confidence(own, tmp_path):
    labels = tmp_path / "labels.jsonl"
    subprocess.run([FULCRUM, "eval", "desk", "--limit", "48", "--endpoint", f"http://127.0.0.1:{own.port}", "--labels",
                    labels], check=True, capture_output=True, timeout=120)
    rows = [json.loads(line) for line in labels.read_text().splitlines()]
    assert len(rows) == 48
    for row in rows:
        assert set(row["confidence"]) == set(row["quality"]) == {"desk-small", "desk-large"}
        assert all(0 <= value <= 1 for value in row["confidence"].values())
    right = [row["confidence"]["desk-small"] for row in rows if row["quality"]["desk-small"] == 1]
    wrong = [row["confidence"]["desk-small"] for row in rows if row["quality"]["desk-small"] == 0]
    assert sum(right) / len(right) > sum(wrong) / len(wrong)


# --- escalation ---------------------------------------------------------------------------------------


def test_a_doubtful_answer_is_made_again(own):
    said, headers = ask_raw(own, "doubts", UNUSUAL)
    assert headers["x-fulcrum-route"] == "desk-large; reason=escalated"
    assert said["trace"]["promptRouter"] == {"invokedModelId": "desk-large", "escalatedFromModelId": "desk-small"}
    direct = own.client().converse(modelId="desk-large", **UNUSUAL)
    assert said["output"] == direct["output"], "it is the other's answer, whole"
    lines = export(own)
    line = lines[headers["x-amzn-RequestId"]]
    assert (line["modelInvoked"], line["router"], line["attempts"]) == ("desk-large", "escalated", 2)
    doubted = [each for each in lines.values() if each["router"] == "doubted" and each["modelRequested"] == "doubts"]
    assert len(doubted) == 1 and doubted[0]["modelInvoked"] == "desk-small"
    assert doubted[0]["baselinePicodollars"] == 0 and doubted[0]["savedRoute"] < 0
    assert int(headers["x-fulcrum-cost"]) == line["costPicodollars"] + doubted[0]["costPicodollars"]


def test_what_is_not_made_again(own):
    said, headers = ask_raw(own, "trusts", UNUSUAL)
    assert headers["x-fulcrum-model"] == "desk-small" and "escalatedFromModelId" not in said["trace"]["promptRouter"]
    streamed = own.client().converse_stream(modelId="doubts", **UNUSUAL)
    assert route_of(streamed) == ("desk-small", "within-tolerance")
    assert any("metadata" in event for event in streamed["stream"])


def test_doubts_have_their_share(own):
    answered = [ask_raw(own, "quarter", UNUSUAL)[1]["x-fulcrum-model"] for _ in range(12)]
    assert answered.count("desk-large") == 3, answered

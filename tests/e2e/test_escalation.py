"""Answers that are made again: how sure a model says it is, and what a router makes of it."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading

import pytest

from batch_fixture import Store, converse, records, submit, wait_for
from conftest import FULCRUM, OPERATOR, Server, metrics, ready, wait_until
from test_ledger import assert_adds_up, export, ledger
from test_routers import route_of

ROUTER = "{{name: {}, models: [desk-small, desk-large], tolerance: 1, predictor: plain.route, escalate: {{{}}}}}"
CONFIG = "routers:\n" + "".join(f"  - {ROUTER.format(name, escalate)}\n" for name, escalate in (
    ("doubts", "below: 1, share: 1"),
    ("quarter", "below: 1, share: 0.25"),
    ("trusts", "below: 0"),
    ("half", "below: 0.5, share: 1"),
    ("whole", "below: 1, share: 1, hold: 0"),
    ("brief", "below: 1, share: 1, hold: 1"),
))
TENANTS = """\
tenants:
  - {name: red, keys: [{id: AKIARED, secret: secret}]}
  - {name: blue, keys: [{id: AKIABLUE, secret: secret}]}
""" + OPERATOR
UNUSUAL = {"messages": [{"role": "user", "content": [{"text": "Compose four lines on granite and rain."}]}],
           "inferenceConfig": {"maxTokens": 8, "temperature": 0}}
USUAL = {"system": [{"text": "You are the assistant at the help desk of Harbor Goods. Reply only with the intent of the "
                             "message."}],
         "messages": [{"role": "user", "content": [{"text": "Hello, where is my order?"}]}],
         "inferenceConfig": {"maxTokens": 8, "temperature": 0}}


def train(folder, name, rows):
    data = folder / f"{name}.jsonl"
    data.write_text("".join(json.dumps(row) + "\n" for row in rows))
    subprocess.run([FULCRUM, "router", "train", "--data", data, "--out", folder / name], check=True, capture_output=True,
                   timeout=120)


def serve(folder, more=""):
    """By a predictor that knows nothing of confidence, so that it is taken as it is."""
    train(folder, "plain.route", [{"prompt": f"Say {i}", "quality": {"desk-small": i % 3 > 0, "desk-large": i % 7 > 0}}
                                  for i in range(80)])
    return Server(config=CONFIG + more, workdir=folder)


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    running = serve(tmp_path_factory.mktemp("escalation"))
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

SIMPLE = {**USUAL, "inferenceConfig": {"maxTokens": 40, "temperature": 0}}
BOTH = {"invokedModelId": "desk-large", "escalatedFromModelId": "desk-small"}


def lines_of(server, headers):
    """The request's line, and that of the answer which was taken back."""
    lines = export(server)
    request = headers["x-amzn-RequestId"]
    for line in lines.values():
        assert_adds_up(line)
    return lines[request], lines.get(f"{request}-doubted")


def test_a_doubtful_answer_is_made_again(own):
    said, headers = ask_raw(own, "doubts", UNUSUAL)
    assert headers["x-fulcrum-route"] == "desk-large; reason=escalated"
    assert said["trace"]["promptRouter"] == BOTH
    assert said["output"] == own.client().converse(modelId="desk-large", **UNUSUAL)["output"], "the other's, whole"
    line, doubted = lines_of(own, headers)
    assert (line["modelInvoked"], line["router"], line["attempts"]) == ("desk-large", "escalated", 2)
    assert (doubted["modelInvoked"], doubted["router"], doubted["modelRequested"]) == ("desk-small", "doubted", "doubts")
    assert 0 <= doubted["routerScore"] < 1 and doubted["outcome"] == "completed"
    assert doubted["baselinePicodollars"] == 0 and doubted["savedRoute"] < 0 < doubted["costPicodollars"]
    alone = ask_raw(own, "desk-small", UNUSUAL)[1]
    assert doubted["costPicodollars"] == int(alone["x-fulcrum-cost"])
    assert int(headers["x-fulcrum-cost"]) == line["costPicodollars"] + doubted["costPicodollars"]


def test_a_sure_answer_stands(own):
    for router in ("half", "trusts"):
        said, headers = ask_raw(own, router, USUAL)
        assert headers["x-fulcrum-route"] in ("desk-small; reason=within-tolerance", "desk-small; reason=best-quality")
        assert said["trace"]["promptRouter"] == {"invokedModelId": "desk-small"}
        line, doubted = lines_of(own, headers)
        assert doubted is None and int(headers["x-fulcrum-cost"]) == line["costPicodollars"]
    assert ask_raw(own, "half", UNUSUAL)[1]["x-fulcrum-route"] == "desk-large; reason=escalated"
    assert ask_raw(own, "trusts", UNUSUAL)[1]["x-fulcrum-model"] == "desk-small"


def test_doubts_have_their_share(own):
    """Exact, whoever asks at the same moment."""
    answered = []

    def ask():
        for _ in range(6):
            answered.append(ask_raw(own, "quarter", UNUSUAL)[1]["x-fulcrum-model"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert (len(answered), answered.count("desk-large")) == (24, 6)
    counted = metrics(own)
    assert [counted[f'fulcrum_router_answers_total{{router="quarter",outcome="{outcome}"}}'] for outcome in
            ("good-enough", "share-spent", "escalated")] == [0, 18, 6]


def test_costs_expect_what_was_made_again(own, tmp_path):
    """Of one router every answer was, of the other none: the cheap model is dearer there, the larger is not."""
    path, found = tmp_path / "request.json", {}
    path.write_text(json.dumps(UNUSUAL))
    for _ in range(60):
        ask_raw(own, "doubts", UNUSUAL)
    for router in ("doubts", "whole"):
        command = [FULCRUM, "router", "explain", path, "--router", router, "--endpoint", own.url]
        said = json.loads(subprocess.run([*command, "--json"], check=True, capture_output=True, text=True).stdout)
        found[router] = {each["model"]: each for each in said["candidates"]}
        text = subprocess.run(command, check=True, capture_output=True, text=True).stdout
        assert ("of desk-small's answers are expected to be made again" in text) == (router == "doubts")
    doubts, whole = found["doubts"], found["whole"]
    assert doubts["desk-small"]["expectedEscalations"] > 0.5 and whole["desk-small"]["expectedEscalations"] == 0
    assert doubts["desk-large"]["expectedCostPicodollars"] == whole["desk-large"]["expectedCostPicodollars"]
    more = doubts["desk-small"]["expectedCostPicodollars"] - whole["desk-small"]["expectedCostPicodollars"]
    share = doubts["desk-small"]["expectedEscalations"] * doubts["desk-large"]["expectedCostPicodollars"]
    assert more == pytest.approx(share, rel=0.01)


def test_the_second_answer_starts_clean(own):
    """Tool calls, JSON, stop sequences: as if the larger model alone had been asked."""
    tool = {"toolSpec": {"name": "get_order", "description": "Look up an order", "inputSchema": {"json": {
        "type": "object", "properties": {"order": {"type": "string"}}, "required": ["order"]}}}}
    schema = {"type": "object", "properties": {"order": {"type": "string"}, "intent": {"enum": ["a", "b"]}},
              "required": ["order", "intent"], "additionalProperties": False}
    text = [{"role": "user", "content": [{"text": "Where is my order 28921?"}]}]
    bodies = [
        {"messages": text, "toolConfig": {"tools": [tool], "toolChoice": {"any": {}}}, "inferenceConfig": {"maxTokens": 60}},
        {"messages": text, "inferenceConfig": {"maxTokens": 60},
         "outputConfig": {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
             "name": "answer", "schema": json.dumps(schema)}}}}},
        {"messages": UNUSUAL["messages"], "inferenceConfig": {"maxTokens": 30, "stopSequences": ["e", "a"]}},
        {"messages": UNUSUAL["messages"], "inferenceConfig": {"maxTokens": 3}},
    ]
    for body in bodies:
        body["inferenceConfig"]["temperature"] = 0
        said, headers = ask_raw(own, "doubts", body)
        direct, _ = ask_raw(own, "desk-large", body)
        assert headers["x-fulcrum-route"] == "desk-large; reason=escalated"
        assert (shape_of(said), said["stopReason"]) == (shape_of(direct), direct["stopReason"])
        assert said["usage"]["outputTokens"] == direct["usage"]["outputTokens"]
        streamed = own.client().converse_stream(modelId="doubts", **body)
        assert route_of(streamed) == ("desk-large", "escalated")
        assert re.sub(r"\s", "", text_of(streamed)) == re.sub(r"\s", "", "".join(
            text or json.dumps(call["input"]) for text, call in shape_of(direct)))


def shape_of(said):
    """Its blocks, without the names that each call of a tool has anew."""
    blocks = said["output"]["message"]["content"]
    return [(block.get("text", ""), {key: value for key, value in block.get("toolUse", {}).items() if key != "toolUseId"})
            for block in blocks]


def text_of(streamed):
    pieces = []
    for event in streamed["stream"]:
        delta = event.get("contentBlockDelta", {}).get("delta", {})
        pieces.append(delta.get("text", "") + delta.get("toolUse", {}).get("input", ""))
    return "".join(pieces)


# --- streams ------------------------------------------------------------------------------------------


def events_of(streamed):
    return [next(iter(event.items())) for event in streamed["stream"]]


@pytest.mark.parametrize("router", ["doubts", "brief"])
def test_a_stream_is_made_again_while_nothing_was_sent(own, router):
    """Also when its first answer had only begun: what there was of it is billed."""
    streamed = own.client().converse_stream(modelId=router, **UNUSUAL)
    assert route_of(streamed) == ("desk-large", "escalated"), "the header comes before the first byte"
    events = events_of(streamed)
    assert [name for name, _ in events].count("messageStart") == 1
    assert events[-1][1]["trace"]["promptRouter"]["invokedModelId"] == "desk-large"
    raw, _ = ask_raw(own, router, UNUSUAL, "converse-stream")
    assert json.dumps(BOTH, separators=(",", ":")).encode() in raw
    direct = own.client().converse(modelId="desk-large", **UNUSUAL)["output"]["message"]["content"][0]["text"]
    assert "".join(event["delta"]["text"] for name, event in events if name == "contentBlockDelta") == direct
    line, doubted = lines_of(own, {"x-amzn-RequestId": streamed["ResponseMetadata"]["RequestId"]})
    assert (line["router"], doubted["modelInvoked"]) == ("escalated", "desk-small")
    alone = ask_raw(own, "desk-small", UNUSUAL)[0]["usage"]["outputTokens"]
    assert doubted["outputTokens"] == (1 if router == "brief" else alone) and alone > 1
    assert line["timeToFirstTokenMs"] >= doubted["timeToFirstTokenMs"]


def test_a_stream_that_stands(own):
    """What was held comes whole and in order; a longer one goes on as it is made."""
    for router, body in (("half", USUAL), ("half", SIMPLE), ("trusts", UNUSUAL), ("whole", UNUSUAL)):
        streamed = own.client().converse_stream(modelId=router, **body)
        assert route_of(streamed)[0] == "desk-small"
        direct = own.client().converse(modelId="desk-small", **body)
        assert text_of(streamed) == direct["output"]["message"]["content"][0]["text"]


# --- what may go wrong ----------------------------------------------------------------------------------


def test_the_doubtful_answer_stands_when_the_larger_is_dead(tmp_path):
    server = serve(tmp_path)
    runtime, stood = server.client(retries=0), 0
    for round_ in range(8):
        if server.workers().get("desk-large"):
            os.kill(server.workers()["desk-large"], signal.SIGKILL)
        operation = runtime.converse_stream if round_ % 2 else runtime.converse
        reply = operation(modelId="brief" if round_ % 4 == 3 else "doubts", **UNUSUAL)
        text = text_of(reply) if round_ % 2 else reply["output"]["message"]["content"][0]["text"]
        assert text
        model, reason = route_of(reply)
        line, doubted = lines_of(server, {"x-amzn-RequestId": reply["ResponseMetadata"]["RequestId"]})
        assert line["modelInvoked"] == model and line["outcome"] == "completed"
        if model == "desk-small":
            stood += 1
            assert reason == "failed-over"
            assert (doubted is not None) == (round_ % 4 == 3), "one answer, one line; broken off and made again, two"
        else:
            assert reason == "escalated" and doubted
    assert stood > 0
    assert wait_until(lambda: server.workers().get("desk-large"))
    assert server.stop() == 0


def test_nobody_is_stronger(tmp_path, random_model):
    """Models of equal price: nothing is made again, and the server says why."""
    server = Server(config=f"""\
models:
  - {{name: one, path: {random_model}, context: 2048}}
  - {{name: other, path: {random_model}, context: 2048}}
routers:
  - {{name: equals, models: [one, other], tolerance: 1, escalate: {{below: 1, share: 1}}}}
""", workdir=tmp_path)
    said, headers = ask_raw(server, "equals", UNUSUAL)
    assert "escalatedFromModelId" not in said["trace"]["promptRouter"] and "escalated" not in headers["x-fulcrum-route"]
    status, text = ready(server)
    assert status == 200 and "equals never escalates" in text and "price_as" in text
    assert server.stop() == 0


@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_who_leaves_meanwhile(tmp_path, random_model, slow_model, operation):
    """Nothing runs on; a whole reply that nobody got costs nothing, a stream what was sent of it, and what was doubted."""
    server = Server(config=f"""\
models:
  - {{name: quick, path: {random_model}, context: 2048, price_as: amazon.nova-lite-v1:0}}
  - {{name: slow, path: {slow_model}, context: 2048, price_as: amazon.nova-pro-v1:0}}
routers:
  - {{name: doubts, models: [quick, slow], tolerance: 1, escalate: {{below: 1, share: 1, hold: 4}}}}
""", workdir=tmp_path)
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    body = {"messages": UNUSUAL["messages"], "inferenceConfig": {"maxTokens": 1900, "temperature": 0}}
    connection.request("POST", f"/model/doubts/{operation}", json.dumps(body), {"Content-Type": "application/json"})
    assert wait_until(lambda: metrics(server).get('fulcrum_requests_running{model="slow"}', 0) > 0)
    if operation.endswith("stream"):
        answer = connection.getresponse()
        assert answer.headers["x-fulcrum-route"] == "slow; reason=escalated" and answer.read(200)
        answer.close()
    connection.close()
    assert wait_until(lambda: len(export(server)) > 0)
    assert wait_until(lambda: metrics(server)['fulcrum_requests_running{model="slow"}'] == 0)
    lines = export(server)
    line = next(line for line in lines.values() if line["router"] != "doubted")
    doubted = lines.get(f"{line['requestId']}-doubted")
    assert line["outcome"] == "cancelled" and line["outputTokens"] < 1900
    assert (line["costPicodollars"] > 0) == (doubted is not None) == operation.endswith("stream")
    assert server.stop() == 0


def test_a_batch_job_is_escalated(own):
    control, store = own.client("bedrock"), Store(own, bucket="escalated")
    asked = [converse(text, tokens=8) for text in ("What are your hours?", "Compose four lines on granite.", "Hm?")]
    arn = submit(control, store, records(asked), modelId="doubts", name="escalated")
    job = wait_for(control, arn)
    assert job["status"] == "Completed"
    outputs = [row["modelOutput"] for row in store.output(arn, "in.jsonl")]
    assert [row["trace"]["promptRouter"] for row in outputs] == [BOTH] * 3
    lines = [line for line in export(own).values() if line["tier"] == "batch" and line["modelRequested"] == "doubts"]
    answers = [line for line in lines if line["router"] == "escalated"]
    doubted = {line["requestId"]: line for line in lines if line["router"] == "doubted"}
    assert len(answers) == len(doubted) == 3
    for line in answers:
        assert line["modelInvoked"] == "desk-large"
        assert doubted[line["requestId"] + "-doubted"]["modelInvoked"] == "desk-small"
    for line in lines:
        assert_adds_up(line)
    done = ledger(own, "check")
    assert done.returncode == 0, done.stdout + done.stderr


def test_a_killed_server_bills_both_answers_once(tmp_path):
    """Of each record of a batch job, wherever it was cut off."""
    count, arn, server = 120, None, None
    for round_ in range(4):
        server = serve(tmp_path)
        control, store = server.client("bedrock"), Store(server, is_new=round_ == 0)
        if arn is None:
            asked = [converse(f"Compose line {i} on granite.", tokens=12) for i in range(count)]
            arn = submit(control, store, records(asked), modelId="doubts")
        if round_ == 3:
            break

        def done():
            return control.get_model_invocation_job(jobIdentifier=arn).get("processedRecordCount", 0)

        goal = done() + 20
        wait_until(lambda: done() >= goal, 30, 0.01)
        server.process.kill()
        server.process.wait()
    assert wait_for(control, arn)["status"] == "Completed"
    lines = [line for line in export(server).values() if line["tier"] == "batch"]
    answers = {line["requestId"] for line in lines if line["router"] == "escalated"}
    assert len(answers) == count and len(lines) == 2 * count
    assert {line["requestId"] for line in lines if line["router"] == "doubted"} == {f"{each}-doubted" for each in answers}
    assert ledger(server, "check").returncode == 0
    assert server.stop() == 0


def test_money_adds_up_for_each_tenant(tmp_path):
    server = serve(tmp_path, TENANTS)
    paid = {}
    for key in ("AKIARED", "AKIABLUE"):
        runtime = server.client(key=key)
        for model in ("doubts", "half", "desk-small", "brief"):
            reply = runtime.converse(modelId=model, **(USUAL if key == "AKIARED" else UNUSUAL))
            cost = int(reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cost"])
            paid[key] = paid.get(key, 0) + cost
        text_of(runtime.converse_stream(modelId="brief", **UNUSUAL))
    lines = export(server).values()
    rows = [json.loads(row) for row in ledger(server, "summary", "--by", "tenant", "--json").stdout.splitlines()]
    assert {row["tenant"] for row in rows} == {"red", "blue"}
    for row in rows:
        own_lines = [line for line in lines if line["tenant"] == row["tenant"]]
        assert row["costPicodollars"] == sum(line["costPicodollars"] for line in own_lines)
        whole = [line for line in own_lines if line["operation"] == "Converse"]
        assert paid[f"AKIA{row['tenant'].upper()}"] == sum(line["costPicodollars"] for line in whole)
        assert any(line["router"] == "doubted" for line in own_lines)
    assert server.stop() == 0


# --- chances ------------------------------------------------------------------------------------------


def test_a_chance_is_learnt(own, tmp_path):
    """From answers to a predictor, and from there into a router: which then says what it decides by."""
    labels, predictor = tmp_path / "labels.jsonl", tmp_path / "own.route"
    subprocess.run([FULCRUM, "eval", "desk", "--limit", "400", "--endpoint", own.url, "--labels", labels], check=True,
                   capture_output=True, timeout=170)
    done = subprocess.run([FULCRUM, "router", "train", "--data", labels, "--out", predictor, "--json"], check=True,
                          capture_output=True, text=True, timeout=120)
    said = json.loads(done.stdout)
    assert said["escalate_rows"] == 400 and len(said["escalate_curve"]) == 21
    assert said["escalate_auc"] > said["auc"]
    for point in said["escalate_curve"]:
        assert set(point) == {"share", "below", "quality", "cost"}
    server = serve(tmp_path, """\
  - {name: learnt, models: [desk-small, desk-large], tolerance: 1, predictor: own.route,
     escalate: {below: 0.7, share: 1}}
""")
    rows = sorted(map(json.loads, labels.read_text().splitlines()), key=lambda row: row["confidence"]["desk-small"])
    for row, reason in ((rows[0], "escalated"), (rows[-1], "good-enough")):
        body = {"messages": [{"role": each["role"], "content": [{"text": each["content"]}]} for each in row["messages"]],
                "system": [{"text": row["system"]}], "inferenceConfig": {"maxTokens": 60, "temperature": 0}}
        answered = ask_raw(server, "learnt", body)[1]["x-fulcrum-model"]
        judged = [line for line in server.log().splitlines() if "answer judged" in line][-1]
        found = {key: float(value) for key, value in re.findall(r"(confidence|chance)=([0-9.e-]+)", judged)}
        assert "router=learnt" in judged and f"reason={reason}" in judged
        assert answered == ("desk-large" if reason == "escalated" else "desk-small")
        assert 0 <= found["chance"] <= 1 and found["chance"] != found["confidence"]
        assert (found["chance"] < 0.7) == (reason == "escalated")
    notes = [line for line in server.log().splitlines() if "which is no chance" in line]
    assert [re.search("router=([a-z]+) model=desk-small", note)[1] for note in notes] == [
        "doubts", "quarter", "half", "whole", "brief"]
    listed = subprocess.run([FULCRUM, "router", "list", "--endpoint", server.url], check=True, capture_output=True,
                            text=True, timeout=60).stdout
    assert re.search(r"learnt\n(?:.*\n)*?.*escalates below 0.7, .*\n *desk-small: .*400 rows", listed), listed
    assert re.search(r"half\n(?:.*\n)*?.*escalates below 0.5, .*\n *desk-small: no rows", listed), listed
    assert server.stop() == 0

"""What routers learn from their own traffic: other models' answers, what they cost whom, and labels."""

import hashlib
import http.client
import json
import os
import signal
import subprocess
import zlib

import pytest

from batch_fixture import Store, claude, converse, counts, records, submit, wait_for
from conftest import FULCRUM, OPERATOR, Server, metrics, ready, wait_until
from test_ledger import assert_adds_up, export, ledger

CONFIG = f"""\
routers:
  - name: auto
    models: [desk-small, desk-large]
    tolerance: 0.1
    shadow: 1
  - name: kept
    models: [desk-small, desk-large]
    tolerance: 1
    shadow: {{share: 1, text: true}}
  - name: judged
    models: [desk-small, desk-large]
    tolerance: 1
    shadow: {{share: 1, judge: desk-large}}
  - name: some
    models: [desk-small, desk-large]
    tolerance: 1
    shadow: 0.3
  - name: none
    models: [desk-small, desk-large]
    tolerance: 1
    shadow: 0
tenants:
  - name: first
    bearer: [{hashlib.sha256(b"first").hexdigest()}]
  - name: second
    bearer: [{hashlib.sha256(b"second").hexdigest()}]
{OPERATOR}"""
HAIKU, SONNET = "anthropic.claude-3-haiku-20240307-v1:0", "anthropic.claude-3-5-sonnet-20240620-v1:0"
INTENT = "Name the intent of the message."
SECRET = "How do I track my package, number 4711-hush?"


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    running = Server(config=CONFIG, workdir=tmp_path_factory.mktemp("shadow"))
    yield running
    assert running.stop() == 0


def post(server, path, body, tenant="first", timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    connection.request("POST", path, body if isinstance(body, str) else json.dumps(body),
                       {"Content-Type": "application/json", "Authorization": f"Bearer {tenant}"})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    assert reply.status == 200, data
    return reply.headers["x-amzn-RequestId"], reply.headers, data


def ask(server, router, text="How do I track my package?", tenant="first", operation="converse", **more):
    body = {"system": [{"text": INTENT}], "messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"temperature": 0, "maxTokens": 20}, **more}
    return post(server, f"/model/{router}/{operation}", body, tenant)


def labels(server, router):
    path = server.workdir / "data" / "routers" / router / "labels"
    text = path.read_text() if path.exists() else ""
    return [json.loads(line) for line in text.splitlines(keepends=True) if line.endswith("\n")]


def outcomes(server, router):
    figures = metrics(server)
    return {outcome: int(figures[f'fulcrum_shadow_requests_total{{router="{router}",outcome="{outcome}"}}'])
            for outcome in ("labelled", "unjudged", "failed", "dropped")}


def settle(server, router, count):
    assert wait_until(lambda: sum(outcomes(server, router).values()) >= count), outcomes(server, router)


def label_of(server, router, identity):
    assert wait_until(lambda: any(row["id"] == identity for row in labels(server, router))), server.log()
    return next(row for row in labels(server, router) if row["id"] == identity)


def test_a_label(own):
    identity, headers, data = ask(own, "auto", SECRET)
    row = label_of(own, "auto", identity)
    assert (row["router"], row["tenant"], row["reference"], row["by"]) == ("auto", "first", "desk-large", "text")
    assert row["answered"] == headers["x-fulcrum-model"]
    assert set(row["quality"]) == set(row["cost"]) == set(row["predicted"]) == {"desk-small", "desk-large"}
    assert set(row["confidence"]) == set(row["quality"]) and all(0 < x <= 1 for x in row["confidence"].values())
    assert row["quality"]["desk-large"] == 1 and row["quality"]["desk-small"] in (0, 1)
    assert 0 < row["cost"]["desk-small"] < row["cost"]["desk-large"]
    path = own.workdir / "data" / "routers" / "auto" / "labels"
    assert path.stat().st_mode & 0o777 == 0o600 and path.parent.stat().st_mode & 0o777 == 0o700
    # No word of the prompt or of an answer is in it.
    text = path.read_text()
    answer = json.loads(data)["output"]["message"]["content"][0]["text"]
    assert "4711" not in text and "package" not in text and answer not in text and INTENT not in text


def test_texts_where_they_are_asked_for(own):
    identity, _, _ = ask(own, "kept", SECRET)
    row = label_of(own, "kept", identity)
    assert row["prompt"] == SECRET and row["system"] == INTENT


def test_nobody_pays_but_the_lever(own):
    before = export(own)
    paid = {}
    for tenant in ("first", "second", "second"):
        identity, headers, _ = ask(own, "auto", f"Where is my parcel, {tenant}?", tenant)
        paid[identity] = (tenant, int(headers["x-fulcrum-cost"]))
        label_of(own, "auto", identity)
    lines = [line for key, line in export(own).items() if key not in before]
    ordinary = {line["requestId"]: line for line in lines if line["operation"] == "Converse"}
    shadows = [line for line in lines if line["operation"] == "Shadow"]
    assert {key: (line["tenant"], line["costPicodollars"]) for key, line in ordinary.items()} == paid
    assert all(line["savedShadow"] == 0 for line in ordinary.values())
    assert sorted(line["session"] for line in shadows) == sorted(paid)
    for line in shadows:
        assert (line["tenant"], line["tier"], line["modelRequested"]) == ("(shadow)", "flex", "auto")
        assert line["modelInvoked"] != ordinary[line["session"]]["modelInvoked"]
        assert line["costPicodollars"] > 0 and line["outcome"] == "completed"
        assert line["baselinePicodollars"] == 0 and line["savedShadow"] == -line["costPicodollars"]
        assert line["savedRoute"] == line["savedTier"] == line["savedCache"] == 0
    for line in lines:
        assert_adds_up(line)
    by_tenant = {row["tenant"]: row["costPicodollars"] for row in map(json.loads, ledger(
        own, "summary", "--by", "tenant", "--json").stdout.splitlines())}
    everything = export(own).values()
    for tenant in ("first", "second"):
        assert by_tenant[tenant] == sum(line["costPicodollars"] for line in everything if line["tenant"] == tenant)
        assert all(line["operation"] != "Shadow" for line in everything if line["tenant"] == tenant)
    levers = {row["lever"]: row for row in map(json.loads, ledger(
        own, "summary", "--by", "lever", "--json").stdout.splitlines())}
    assert levers["shadow"]["savedPicodollars"] == -by_tenant["(shadow)"]
    figures = metrics(own)
    assert sum(figures[f'fulcrum_shadow_cost_picodollars_total{{router="{router}"}}'] for router in (
        "auto", "kept", "judged", "some")) == by_tenant["(shadow)"]
    assert sum(value for name, value in figures.items() if name.startswith("fulcrum_cost_picodollars_total")) == sum(
        line["costPicodollars"] for line in everything)


def test_streams_and_native_bodies(own):
    identity, _, data = ask(own, "auto", "Can I return this lamp?", operation="converse-stream")
    assert b"messageStop" in data
    assert label_of(own, "auto", identity)["by"] == "text"
    native = {"messages": [{"role": "user", "content": [{"text": "Can I return this chair?"}]}],
              "system": [{"text": INTENT}], "inferenceConfig": {"temperature": 0, "maxTokens": 20}}
    for operation in ("invoke", "invoke-with-response-stream"):
        identity, _, _ = post(own, f"/model/auto/{operation}", native)
        assert label_of(own, "auto", identity)["quality"]


def test_a_large_body(own):
    """One that was read beside the I/O thread, whose text is gone by then."""
    body = json.dumps({"system": [{"text": INTENT}], "messages": [{"role": "user", "content": [{"text": SECRET}]}],
                       "inferenceConfig": {"temperature": 0, "maxTokens": 20}}) + " " * 100000
    identity, _, _ = post(own, "/model/kept/converse", body)
    assert label_of(own, "kept", identity)["quality"]


def test_json_answers_are_compared_by_value(own):
    schema = {"type": "object", "properties": {"intent": {"type": "string", "enum": ["track_package"]}},
              "required": ["intent"], "additionalProperties": False}
    form = {"textFormat": {"type": "json_schema", "structure": {"jsonSchema": {
        "schema": json.dumps(schema), "name": "intent"}}}}
    identity, _, data = ask(own, "kept", outputConfig=form)
    assert json.loads(json.loads(data)["output"]["message"]["content"][0]["text"]) == {"intent": "track_package"}
    row = label_of(own, "kept", identity)
    assert row["by"] == "json" and row["quality"] == {"desk-small": 1, "desk-large": 1}


def test_tool_calls_are_compared_by_name_and_input(own):
    tools = {"tools": [{"toolSpec": {"name": "track", "inputSchema": {"json": {
        "type": "object", "properties": {"order": {"type": "string", "enum": ["A1"]}}, "required": ["order"],
        "additionalProperties": False}}}}], "toolChoice": {"any": {}}}
    identity, _, data = ask(own, "kept", "Where is order A1?", toolConfig=tools, inferenceConfig={
        "temperature": 0, "maxTokens": 200})
    assert json.loads(data)["stopReason"] == "tool_use"
    row = label_of(own, "kept", identity)
    assert row["by"] == "tool" and row["quality"]["desk-large"] == 1


def test_what_cannot_be_judged_gives_no_label(own):
    before = outcomes(own, "kept")
    kept = len(labels(own, "kept"))
    ask(own, "kept", "Where is my parcel?", inferenceConfig={"maxTokens": 1, "temperature": 0})  # cut off
    settle(own, "kept", sum(before.values()) + 1)
    assert outcomes(own, "kept")["unjudged"] == before["unjudged"] + 1
    assert len(labels(own, "kept")) == kept


def test_which_requests(own):
    ids = [ask(own, "some", f"Where is parcel {i}?")[0] for i in range(40)]
    chosen = {identity for identity in ids if zlib.crc32(identity.encode()) < 0.3 * 2 ** 32}
    settle(own, "some", len(chosen))
    assert {row["id"] for row in labels(own, "some")} == chosen and 0 < len(chosen) < len(ids)
    ask(own, "none")
    assert labels(own, "none") == [] and 'router="none"' not in str(metrics(own))


def test_a_judge(own):
    """Where answers differ both orders are asked; what both say is the label, and nothing else is."""
    before = export(own)
    texts = ["Compare the indemnification clause with the one before and bound the liability.",
             "My lamp is broken and I want my money back.", "Is there a discount for schools?", "Write a poem on kites."]
    ids = [ask(own, "judged", text, system=[{"text": "Be helpful."}])[0] for text in texts]
    settle(own, "judged", len(ids))
    lines = [line for key, line in export(own).items() if key not in before]
    by_request = {identity: [line for line in lines if line["session"] == identity] for identity in ids}
    judged = [identity for identity in ids if len(by_request[identity]) > 1]
    assert judged, "the models agreed on all of them"
    for identity in ids:
        operations = sorted(line["operation"] for line in by_request[identity])
        assert operations in (["Shadow"], ["Shadow", "ShadowJudge", "ShadowJudge"])
        assert all(line["tenant"] == "(shadow)" and line["savedShadow"] < 0 for line in by_request[identity])
    for row in labels(own, "judged"):
        assert (row["by"] == "judge") == (row["id"] in judged)
        assert set(row["quality"].values()) <= {0, 1}
    counts = outcomes(own, "judged")
    assert counts["labelled"] == len(labels(own, "judged")) and sum(counts.values()) == len(ids)


@pytest.fixture
def slow_config(slow_model, random_model):
    """By the room of the queue: the other model takes seconds."""
    return lambda queue: f"""\
models:
  - {{name: quick, path: {random_model}, context: 2048, price: {{input: 1, output: 1}}}}
  - {{name: slow, path: {slow_model}, context: 2048, price: {{input: 2, output: 2}}}}
routers:
  - {{name: auto, models: [quick, slow], tolerance: 1, shadow: 1}}
limits: {{shadow_queue: {queue}, shadow_in_flight: 1}}
"""


def test_no_client_waits(tmp_path, slow_config):
    """Clients have their answers meanwhile, and what has no room is dropped."""
    server = Server(config=slow_config(2), workdir=tmp_path)
    body = {"messages": [{"role": "user", "content": [{"text": "Tell me all."}]}],
            "inferenceConfig": {"temperature": 0, "maxTokens": 1000}}
    for _ in range(6):
        _, headers, _ = post(server, "/model/auto/converse", body)
        assert headers["x-fulcrum-model"] == "quick"
    assert wait_until(lambda: outcomes(server, "auto")["dropped"] > 0)
    assert server.stop() == 0
    lines = export(tmp_path).values()
    assert len([line for line in lines if line["operation"] == "Converse"]) == 6
    assert all(line["outcome"] in ("completed", "cancelled") for line in lines)


def run_job(server, router, bodies, kind="Converse"):
    control, store = server.client("bedrock"), Store(server)
    arn = submit(control, store, records(bodies), modelId=router, kind=kind)
    job = wait_for(control, arn)
    assert job["status"] == "Completed" and counts(job)[:3] == (len(bodies), len(bodies), len(bodies))
    return store.output(arn, "in.jsonl")


def test_records_of_batch_jobs(tmp_path):
    """Those that the share takes, in the batch tier, at nobody's cost but the lever's; and what stays of it."""
    config = "routers:\n" \
             "  - {name: auto, models: [desk-small, desk-large], tolerance: 1, shadow: {share: 1, text: true}}\n" \
             "  - {name: some, models: [desk-small, desk-large], tolerance: 1, shadow: {share: 0.3, tier: default}}\n" \
             f"  - {{name: claude, models: [{HAIKU}, {SONNET}], tolerance: 1, shadow: {{share: 1, text: true}}}}\n"
    server = Server(config=config, workdir=tmp_path)
    texts = [f"How do I track parcel {i}?" for i in range(12)]
    bodies = [converse(text, 20, INTENT) for text in texts]
    rows = run_job(server, "auto", bodies)
    settle(server, "auto", len(texts))
    lines = export(server)
    own = {key: line for key, line in lines.items() if line["operation"] == "Converse"}
    shadows = [line for line in lines.values() if line["operation"] == "Shadow"]
    assert len(own) == len(rows) == len(texts) and sorted(line["session"] for line in shadows) == sorted(own)
    for line in shadows:
        assert (line["tenant"], line["tier"], line["modelInvoked"]) == ("(shadow)", "batch", "desk-large")
        assert line["savedShadow"] == -line["costPicodollars"] < 0
    assert all(line["tenant"] != "(shadow)" and line["savedShadow"] == 0 for line in own.values())
    kept = {row["id"]: row for row in labels(server, "auto")}
    assert set(kept) == set(own) and {row["prompt"] for row in kept.values()} == set(texts)
    for row in kept.values():
        assert row["system"] == INTENT and row["answered"] == "desk-small" and row["reference"] == "desk-large"
        assert set(row["confidence"]) == {"desk-small", "desk-large"}
    run_job(server, "some", bodies)
    fresh = {key: line for key, line in export(server).items() if key not in lines}
    chosen = {key for key, line in fresh.items()
              if line["operation"] == "Converse" and zlib.crc32(key.encode()) < 0.3 * 2 ** 32}
    settle(server, "some", len(chosen))
    assert {row["id"] for row in labels(server, "some")} == chosen
    assert {line["tier"] for line in export(server).values() if line["operation"] == "Shadow"} == {"batch"}
    run_job(server, "claude", [claude(text, 20) for text in texts[:3]], "InvokeModel")
    settle(server, "claude", 3)
    assert {row["prompt"] for row in labels(server, "claude")} == set(texts[:3])
    assert server.stop() == 0


def test_a_job_leaves_room(tmp_path, slow_config):
    """What the job has no room for is dropped, half of the queue is the clients'."""
    server = Server(config=slow_config(4), workdir=tmp_path)
    control, store = server.client("bedrock"), Store(server)
    arn = submit(control, store, records([converse(f"Tell me all of {i}.", 1000) for i in range(6)]), modelId="auto")
    assert wait_for(control, arn)["status"] == "Completed"
    waiting = 'fulcrum_shadow_waiting{router="auto"}'
    assert outcomes(server, "auto")["dropped"] >= 1 and metrics(server)[waiting] <= 2
    before = outcomes(server, "auto")["dropped"]
    for _ in range(2):
        ask(server, "auto")
    assert outcomes(server, "auto")["dropped"] == before
    assert server.stop() == 0
    assert len([line for line in export(tmp_path).values() if line["operation"] == "Converse"]) == 8


def test_a_model_that_dies(tmp_path):
    config = "routers:\n  - {name: auto, models: [desk-small, desk-large], tolerance: 1, shadow: 1}\n"
    server = Server(config=config, workdir=tmp_path)
    os.kill(server.workers()["desk-large"], signal.SIGKILL)
    for i in range(3):
        ask(server, "auto", f"Where is parcel {i}?")
    settle(server, "auto", 3)
    assert wait_until(lambda: ask(server, "auto") and labels(server, "auto")), server.log()
    assert server.stop() == 0


def test_labels_outlive_the_server(tmp_path):
    config = "routers:\n  - {name: auto, models: [desk-small, desk-large], tolerance: 1, shadow: 1}\n"
    server = Server(config=config, workdir=tmp_path)
    label_of(server, "auto", ask(server, "auto")[0])
    server.process.kill()
    server.process.wait()
    path = tmp_path / "data" / "routers" / "auto" / "labels"
    with path.open("a") as file:
        file.write('{"id":"torn","qua')
    server = Server(config=config, workdir=tmp_path)
    assert wait_until(lambda: metrics(server)['fulcrum_router_labels{router="auto"}'] == 1)
    assert wait_until(lambda: "a label was not written to its end" in server.log())
    label_of(server, "auto", ask(server, "auto")[0])
    assert len(labels(server, "auto")) == 2 and "torn" not in path.read_text()
    assert metrics(server)['fulcrum_router_labels{router="auto"}'] == 2
    assert server.stop() == 0


def test_whatever_is_in_the_file_of_labels(tmp_path):
    """An empty one, a damaged line, a label of a model that is gone: requests are answered, what is wrong is said by file
    and line, and the next label comes behind."""
    names = ("empty", "damaged", "gone")
    config = "routers:\n" + "".join(
        f"  - {{name: {name}, models: [desk-small, desk-large], tolerance: 1, shadow: 1}}\n" for name in names)
    server = Server(config=config, workdir=tmp_path)
    row = label_of(server, "empty", ask(server, "empty")[0])
    assert server.stop() == 0
    row.pop("crc")
    gone = {**row, "id": "g", "quality": {"old.model": 1, "desk-large": 1}, "predicted": {"old.model": 0.5}}
    for name, text in (("empty", ""), ("damaged", '{"quality": {"desk-small": 7}}\nnot json\n'),
                       ("gone", json.dumps(gone) + "\n")):
        path = tmp_path / "data" / "routers" / name / "labels"
        path.parent.mkdir(exist_ok=True)
        path.write_text(text)
    server = Server(config=config, workdir=tmp_path)
    assert wait_until(lambda: server.log().count("a label is damaged") == 2)
    for line, words in ((1, "quality.desk-small: expected a number from 0 to 1"), (2, "malformed JSON")):
        assert f"damaged/labels:{line}: " in server.log() and words in server.log(), server.log()
    before = {name: learning_of(server, name)["shadow"]["labels"] for name in names}
    assert before == {"empty": 0, "damaged": 0, "gone": 1} and ready(server)[0] == 200
    for name in names:
        identity, headers, _ = ask(server, name)
        assert headers["x-fulcrum-route"].startswith("desk-small; ")
        assert label_of(server, name, identity)["quality"]["desk-large"] == 1 if name != "damaged" else wait_until(
            lambda: learning_of(server, "damaged")["shadow"]["labels"] == 1)
        figures = learning_of(server, name)["shadow"]
        assert figures["labels"] == before[name] + 1 and not figures["drifts"]
        assert {model["model"] for model in figures["models"]} == {"desk-small", "desk-large"}
    assert server.stop() == 0
    for name, words in (("empty", "too few to learn from"), ("damaged", "labels:1: quality.desk-small"),
                        ("gone", "labels:1: a label of the model old.model, which the router gone no longer has")):
        done = subprocess.run([str(FULCRUM), "router", "train", "--from-ledger", "--router", name, "--data-dir",
                               str(tmp_path / "data"), "--config", str(tmp_path / "fulcrum.yaml"), "--out",
                               str(tmp_path / "p.route")], capture_output=True, text=True, timeout=60, check=False)
        assert done.returncode == 1 and words in done.stderr and not (tmp_path / "p.route").exists(), done.stderr


@pytest.mark.parametrize("shadow, words", [
    ("2", "routers[0].shadow: expected a number from 0 to 1, or a mapping"),
    ("often", "expected a number from 0 to 1, or a mapping"),
    ("{tier: flex}", "the key 'share' is missing"),
    ("{share: 0.1, tier: priority}", "routers[0].shadow.tier: expected"),
    ("{share: 0.1, judge: ''}", "routers[0].shadow.judge: expected"),
    ("{share: 0.1, who: me}", "who"),
    ("[0.1]", "routers[0].shadow"),
])
def test_bad_keys(tmp_path, shadow, words):
    path = tmp_path / "fulcrum.yaml"
    path.write_text(f"routers:\n  - name: auto\n    models: [desk-small, desk-large]\n    shadow: {shadow}\n")
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], capture_output=True, text=True,
                          timeout=20, check=False)
    assert done.returncode == 2 and words in done.stderr and ":4:" in done.stderr, done.stderr


def learning_of(server, router):
    done = subprocess.run([str(FULCRUM), "router", "list", "--json", "--endpoint", server.url], capture_output=True,
                          text=True, timeout=60, check=False)
    rows = {row["promptRouterName"]: row for row in map(json.loads, done.stdout.splitlines())}
    return rows[router]["learning"]


def test_a_router_says_what_it_stands_on(tmp_path):
    config = "routers:\n  - {name: auto, models: [desk-small, desk-large], tolerance: 1, shadow: 1}\n" \
             "  - {name: plain, models: [desk-small, desk-large]}\n"
    server = Server(config=config, workdir=tmp_path)
    assert learning_of(server, "auto")["shadow"]["since"] is None and learning_of(server, "plain")["shadow"] is None
    row = label_of(server, "auto", ask(server, "auto")[0])
    said = learning_of(server, "auto")
    assert said["predictor"]["rows"] > 1000 and said["predictor"]["name"]
    assert (said["shadow"]["labels"], said["shadow"]["since"], said["shadow"]["share"]) == (1, row["time"], 1)
    small = said["shadow"]["models"][0]
    assert (small["model"], small["labels"], small["found"]) == ("desk-small", 1, row["quality"]["desk-small"])
    assert small["predicted"] == pytest.approx(row["predicted"]["desk-small"], abs=1e-4) and not small["drifts"]
    request = tmp_path / "request.json"
    request.write_text(json.dumps({"messages": [{"role": "user", "content": [{"text": "Where is it?"}]}]}))
    done = subprocess.run([str(FULCRUM), "router", "explain", str(request), "--router", "auto", "--json", "--endpoint",
                           server.url], capture_output=True, text=True, timeout=60, check=False)
    assert json.loads(done.stdout)["learning"] == learning_of(server, "auto")
    assert server.stop() == 0


def test_drift_is_told(tmp_path):
    """Labels of this predictor that turn out otherwise than it said; and of another one, which tell nothing of it."""
    config = "routers:\n  - {name: auto, models: [desk-small, desk-large], tolerance: 1, shadow: 1}\n"
    server = Server(config=config, workdir=tmp_path)
    row = label_of(server, "auto", ask(server, "auto")[0])
    assert server.stop() == 0
    row.pop("crc")
    path = tmp_path / "data" / "routers" / "auto" / "labels"

    def start_with(count, **more):
        rows = [{**row, "id": f"r-{i}", "predicted": {"desk-small": 0.9, "desk-large": 0.9},
                 "quality": {"desk-small": int(i % 2 == 0), "desk-large": 1}, **more} for i in range(count)]
        path.write_text("".join(json.dumps(each) + "\n" for each in rows))
        started = Server(config=config, workdir=tmp_path)
        assert wait_until(lambda: metrics(started)['fulcrum_router_labels{router="auto"}'] == count)
        return started

    server = start_with(300)
    assert wait_until(lambda: metrics(server).get('fulcrum_condition{name="router-drift"}') == 1)
    status, text = ready(server)
    assert status == 200 and "router auto: of desk-small the quality predicted was 0.900, and found 0.500 over the last " \
        "300 labels" in text and "fulcrum router train --from-ledger --router auto" in text
    figures = metrics(server)
    assert figures['fulcrum_router_quality{router="auto",model="desk-small",kind="found"}'] == 0.5
    drifting = learning_of(server, "auto")["shadow"]
    assert drifting["drifts"] and drifting["models"][0]["z"] < -4.5 and not drifting["models"][1]["drifts"]
    assert server.stop() == 0
    for more in ({"predictor": "0123456789abcdef"}, {"quality": {"desk-small": 0.9, "desk-large": 1}}):
        server = start_with(300, **more)
        ask(server, "auto")
        assert wait_until(lambda: learning_of(server, "auto")["shadow"]["labels"] == 301)
        assert not learning_of(server, "auto")["shadow"]["drifts"] and "router-drift" not in ready(server)[1]
        assert server.stop() == 0

"""`fulcrum models`: models that come and go while the server runs, under load too."""

import json
import os
import pathlib
import signal
import sqlite3
import subprocess
import threading

import botocore.exceptions
import pytest

from batch_fixture import Store, converse, counts, records, submit, wait_for
from conftest import BUILD, FULCRUM, Server, metrics, start, wait_until
from test_ledger import export

ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}],
       "inferenceConfig": {"maxTokens": 3, "temperature": 0}}
UNKNOWN = "The provided model identifier is invalid."
ROUNDS = 10


def models(where, *args):
    workdir = getattr(where, "workdir", where)
    return subprocess.run([str(FULCRUM), "models", *map(str, args), "--data", str(workdir / "data")], text=True,
                          capture_output=True, check=False, timeout=300, cwd=workdir)


def done(where, *args):
    result = models(where, *args)
    assert result.returncode == 0, result.stderr
    return result.stdout


def failed(where, *args, code=1):
    result = models(where, *args)
    assert result.returncode == code, (result.stdout, result.stderr)
    return result.stderr


def rows(where):
    """What was added, as `models list` has it: by name, the newest last."""
    return [(row["model"]["name"], row["state"]) for row in json.loads(done(where, "list", "--json"))["added"]]


def answers(server, model):
    return server.client().converse(modelId=model, **ASK)["usage"]["outputTokens"] > 0


def refusal(server, model):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        server.client().converse(modelId=model, **ASK)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def ready(server):
    return subprocess.run(["curl", "-s", server.url + "/readyz"], text=True, capture_output=True, check=True).stdout


@pytest.fixture(scope="module")
def other_model(tmp_path_factory):
    path = tmp_path_factory.mktemp("other") / "other.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "2048", "--seed", "8"], check=True)
    return path


@pytest.fixture
def running(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    yield server
    assert server.stop() == 0


def test_a_model_comes_and_goes(running, other_model):
    assert refusal(running, "mine") == ("ValidationException", UNKNOWN)
    assert "mine is served" in done(running, "add", "mine", "--path", other_model, "--ids", "my.id,your.*",
                                    "--parallel", 2, "--price-as", "amazon.nova-lite-v1:0")
    for model in ("mine", "my.id", "us.my.id", "your.model", "arn:aws:bedrock:us-east-1::foundation-model/my.id"):
        assert answers(running, model), model
    listed = {row["modelId"] for row in running.client("bedrock").list_foundation_models()["modelSummaries"]}
    assert {"mine", "my.id"} <= listed
    figures = metrics(running)
    assert figures['fulcrum_requests_total{operation="Converse",model="mine",code="200"}'] == 5
    assert figures['fulcrum_model_ready{model="mine"}'] == 1 and figures['fulcrum_model_ready{model="tiny"}'] == 1
    lines = [line for line in export(running).values() if line["modelInvoked"] == "mine"]
    assert len(lines) == 5 and all(line["costPicodollars"] > 0 for line in lines)
    assert "mine" in running.workers() and ready(running).startswith("ready\n")

    assert "mine is removed" in done(running, "remove", "mine")
    assert "mine" not in running.workers()
    for model in ("mine", "my.id", "your.model"):
        assert refusal(running, model) == ("ValidationException", UNKNOWN)
    assert refusal(running, "arn:aws:bedrock:us-east-1:000000000000:custom-model/mine")[0] == "ResourceNotFoundException"
    spent = ("fulcrum_tenant_", "fulcrum_saved_", "fulcrum_added_")  # money does not come back
    assert not [name for name in metrics(running) if 'model="mine"' in name and not name.startswith(spent)]
    assert ready(running).startswith("ready\n") and answers(running, "tiny")
    assert not rows(running)


def test_a_replacement_keeps_what_is_not_given(running, random_model, other_model):
    done(running, "add", "mine", "--path", other_model, "--ids", "my.id", "--context", 512)
    done(running, "replace", "mine", "--path", random_model)
    assert answers(running, "my.id")
    kept = json.loads(done(running, "list", "--json"))["added"]
    assert len(kept) == 1 and kept[0]["state"] == "ready"
    model = kept[0]["model"]
    assert model["context"] == 512 and model["ids"] == ["my.id"] and model["path"] == str(random_model)
    done(running, "replace", "mine", "--ids", "new.id")
    assert refusal(running, "my.id") == ("ValidationException", UNKNOWN) and answers(running, "new.id")
    figures = metrics(running)
    assert figures['fulcrum_requests_total{operation="Converse",model="mine",code="200"}'] == 2  # counted on


@pytest.mark.parametrize("problem,message", [
    ("missing", "No such file"), ("text", "is not a GGUF file"), ("directory", "path: expected the path of a file"),
    ("cut", "is not a model that llama.cpp can load"), ("huge", "too little memory"), ("id", "stands for model tiny"),
    ("name", "is a model of"), ("price", "no price book has"), ("template", "chat_template"),
    ("context", "context: expected"), ("spaces", "expected a name")])
def test_what_cannot_be_served_changes_nothing(running, other_model, tmp_path, problem, message):
    path, name, more = tmp_path / "bad.gguf", "bad", []
    if problem == "text":
        path.write_text("no model")
    elif problem == "directory":
        path.mkdir()
    elif problem == "cut":
        path.write_bytes(other_model.read_bytes()[:other_model.stat().st_size // 2])
    elif problem == "huge":
        path.write_bytes(b"GGUF")
        os.truncate(path, 1 << 43)
    elif problem != "missing":
        path = other_model
        name = {"name": "tiny", "spaces": "a b"}.get(problem, name)
        more = {"id": ["--ids", "some.id,amazon.nova-pro-v1:0"], "price": ["--price-as", "nobody.knows"],
                "template": ["--chat-template", "zork"], "context": ["--context", "many"]}.get(problem, [])
    assert message in failed(running, "add", name, "--path", path, *more)
    assert answers(running, "tiny") and ready(running).startswith("ready\n")
    if problem == "cut":  # only the server could tell
        assert rows(running) == [("bad", "failed")] and "bad is not served" in ready(running)
        assert "bad" in failed(running, "replace", "bad", "--path", path)
        done(running, "remove", "bad")
        assert "bad is not served" not in ready(running)
    assert not rows(running) and list(running.workers()) == ["tiny"]


def test_names_that_are_there_or_not(running, other_model):
    assert "no model mine" in failed(running, "replace", "mine", "--path", other_model)
    assert "no model mine" in failed(running, "remove", "mine")
    assert "tiny is a model of" in failed(running, "remove", "tiny")
    done(running, "add", "mine", "--path", other_model)
    assert "already" in failed(running, "add", "mine", "--path", other_model)
    assert "stands for model mine" in failed(running, "add", "more", "--path", other_model, "--ids", "mine")
    failed(running, "add", "mine", code=2)
    failed(running, "erase", "mine", code=2)
    failed(running, "add", "mine", "--path", other_model, "--json", code=2)
    assert answers(running, "mine")


def test_a_replacement_that_fails_leaves_the_old_one(running, random_model, other_model, tmp_path):
    done(running, "add", "mine", "--path", random_model)
    bad = tmp_path / "bad.gguf"
    bad.write_bytes(other_model.read_bytes()[:-5000])
    assert "is not a model" in failed(running, "replace", "mine", "--path", bad)
    assert answers(running, "mine") and rows(running) == [("mine", "ready"), ("mine", "failed")]
    assert "mine was not replaced: " in ready(running)
    done(running, "replace", "mine", "--path", other_model)
    assert answers(running, "mine") and rows(running) == [("mine", "ready")]


def test_one_that_dies_while_it_loads(tmp_path, random_model):
    running = start(tmp_path, random_model, extra="limits: {worker_restart_burst: 2}\n")
    try:
        database = sqlite3.connect(tmp_path / "data" / "state.db")
        with database:
            database.execute("INSERT INTO model (name, definition, state) VALUES ('dies', ?, 'wanted')",
                             (json.dumps({"name": "dies", "worker": "/bin/false"}),))
        running.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: rows(running) == [("dies", "failed")])
        assert "dies is not served: the worker keeps dying" in ready(running)
        assert answers(running, "tiny")
        with database:
            database.execute("DELETE FROM model")
        running.process.send_signal(signal.SIGHUP)
        assert wait_until(lambda: "dies" not in ready(running))
        database.close()
    finally:
        assert running.stop() == 0


def test_models_are_there_again(tmp_path, random_model, other_model):
    assert "when one is started" in done(tmp_path, "add", "first", "--path", other_model, "--ids", "first.id")
    running = start(tmp_path, random_model)
    try:
        assert answers(running, "first.id") and rows(running) == [("first", "ready")]
        done(running, "add", "second", "--path", random_model)
        running.process.kill()
        running.process.wait()
        assert "first is removed" in done(tmp_path, "remove", "first")
        running = start(tmp_path, random_model)
        assert answers(running, "second") and refusal(running, "first")[1] == UNKNOWN
        running.stop()
        other_model = pathlib.Path(tmp_path / "moved.gguf")
        other_model.write_bytes(random_model.read_bytes())
        done(tmp_path, "add", "third", "--path", other_model)
        other_model.unlink()  # the server starts without it, and says so
        running = start(tmp_path, random_model)
        assert answers(running, "second") and "third is not served: path: expected" in ready(running)
        other_model.write_bytes(random_model.read_bytes())
        running.stop()
        running = start(tmp_path, random_model)
        assert answers(running, "third") and "third" not in ready(running)
    finally:
        assert running.stop() == 0


def test_prefixes_on_disk_go_with_their_model(tmp_path, random_model, other_model):
    running = start(tmp_path, random_model, extra="cache: {memory: 64MiB, disk: 256MiB, min_tokens: 64}\n")
    try:
        done(running, "add", "mine", "--path", other_model)
        done(running, "add", "twin", "--path", random_model)
        for model in ("tiny", "mine"):
            for _ in range(2):
                running.client().converse(modelId=model, inferenceConfig=ASK["inferenceConfig"], messages=[
                    {"role": "user", "content": [{"text": "Once upon a time. " * 40}, {"cachePoint": {"type": "default"}}]}])

        def folders():
            kept = [path for path in (tmp_path / "data" / "kv").iterdir()]
            return sorted(len([block for block in path.iterdir() if block.name != "lock"]) > 0 for path in kept)

        assert wait_until(lambda: folders() == [True, True])
        done(running, "remove", "mine")
        assert wait_until(lambda: folders() == [False, True])
        done(running, "remove", "twin")  # of the same file as tiny, whose prefixes stay
        assert folders() == [False, True] and answers(running, "tiny")
    finally:
        assert running.stop() == 0


def test_a_hangup_without_a_change(running):
    before = running.workers()
    for _ in range(20):
        running.process.send_signal(signal.SIGHUP)
    assert answers(running, "tiny") and running.workers() == before


class Load:
    """Clients that stream from a model, one request after the other, until it is gone."""

    def __init__(self, server, model, clients):
        self.server, self.model, self.is_over = server, model, False
        self.whole, self.broken, self.refused = 0, [], []
        self.lock = threading.Lock()
        self.threads = [threading.Thread(target=self.run) for _ in range(clients)]
        for thread in self.threads:
            thread.start()

    def run(self):
        client = self.server.client()
        while not self.is_over:
            try:
                stream = client.converse_stream(
                    modelId=self.model, messages=ASK["messages"],
                    inferenceConfig={"maxTokens": 20, "temperature": 1})["stream"]
                events = [next(iter(event)) for event in stream]
                with self.lock:
                    self.whole += events[-2:] == ["messageStop", "metadata"]
                    self.broken += [] if events[-1] == "metadata" else [events[-1]]
            except botocore.exceptions.ClientError as error:
                with self.lock:
                    self.refused.append(error.response["Error"]["Message"])
                return

    def end(self):
        self.is_over = True
        for thread in self.threads:
            thread.join(120)


def figures_of(server):
    """Open files, processes and resident KiB of the gateway."""
    pid = server.process.pid
    status = pathlib.Path(f"/proc/{pid}/status").read_text()
    resident = int(next(line for line in status.splitlines() if line.startswith("VmRSS")).split()[1])
    return len(os.listdir(f"/proc/{pid}/fd")), len(server.workers()), resident


def test_nothing_is_lost_under_load(running, random_model, other_model):
    done(running, "add", "live", "--path", random_model, "--ids", "live.id")
    load, seen = Load(running, "live.id", 5), []
    for number in range(ROUNDS):
        before = load.whole
        done(running, "replace", "live", "--path", other_model if number % 2 == 0 else random_model)
        assert wait_until(lambda: load.whole > before + 5), (load.broken, load.refused)
        assert wait_until(lambda: len(running.workers()) == 2)  # the old one has ended
        assert not seen or wait_until(lambda: figures_of(running)[0] <= seen[0][0]), (seen, figures_of(running))
        seen.append(figures_of(running))
    done(running, "remove", "live")
    assert wait_until(lambda: not any(thread.is_alive() for thread in load.threads))
    load.end()
    assert not load.broken and load.refused == [UNKNOWN] * 5
    lines = [line for line in export(running).values() if line["modelInvoked"] == "live"]
    assert len(lines) == load.whole and {line["outcome"] for line in lines} == {"completed"}
    files, workers, resident = zip(*seen)
    assert set(workers) == {2}
    assert resident[-1] - resident[1] < 8 << 10, resident
    assert list(running.workers()) == ["tiny"] and figures_of(running)[0] < files[0]


def test_a_batch_job_follows_a_replacement_and_ends_with_a_removal(running, random_model, other_model):
    done(running, "add", "mine", "--path", random_model, "--ids", "my.id")
    store, jobs, total = Store(running), running.client("bedrock"), 400
    rows_in = records([converse(f"Say {i}", tokens=30) for i in range(total)])
    arn = submit(jobs, store, rows_in, model="my.id")
    assert wait_until(lambda: jobs.get_model_invocation_job(jobIdentifier=arn).get("processedRecordCount", 0) > 5)
    done(running, "replace", "mine", "--path", other_model)
    assert counts(wait_for(jobs, arn, "Completed")) == (total, total, total, 0)

    arn = submit(jobs, store, rows_in, model="my.id", name="again")
    assert wait_until(lambda: jobs.get_model_invocation_job(jobIdentifier=arn).get("processedRecordCount", 0) > 5)
    done(running, "remove", "mine")
    job = wait_for(jobs, arn)
    all_rows, processed, success, errors = counts(job)
    assert (all_rows, processed) == (total, total) and success > 5 and errors == total - success > 0
    wrong = [row["error"] for row in store.output(arn, "in.jsonl") if "error" in row]
    assert len(wrong) == errors and all("was removed" in error["errorMessage"] for error in wrong), wrong[0]
    lines = [line for line in export(running).values() if line["modelInvoked"] == "mine"]
    assert len(lines) == total + success

"""Batch jobs whose gateway or worker dies, whose disk is full, whose server is stopped: each record once."""

import json
import os
import random
import re
import resource
import signal
import sqlite3
import subprocess
import time
import urllib.request

import pytest

from batch_fixture import Store, converse, counts, jsonl, records, submit, wait_for
from conftest import FULCRUM, start, wait_until
from test_ledger import export

TOKENS = 40


def metric(server, name):
    with urllib.request.urlopen(f"{server.url}/metrics", timeout=20) as reply:
        text = reply.read().decode()
    return int(re.search(rf'^{name}\{{model="tiny"\}} (\d+)', text, re.M)[1])


def generated(server):
    return metric(server, "fulcrum_engine_generated_tokens_total")


def assert_each_record_once(server, store, arn, count, source="in.jsonl"):
    output = store.output(arn, source)
    assert [row["recordId"] for row in output] == [f"record-{i}" for i in range(count)]
    assert all("modelOutput" in row for row in output)
    lines = [line for line in export(server).values() if line["tier"] == "batch"]
    assert len(lines) == count and {line["outcome"] for line in lines} == {"completed"}
    usages = [row["modelOutput"]["usage"] for row in output]
    assert sorted((u["inputTokens"], u["outputTokens"]) for u in usages) == sorted(
        (line["inputTokens"], line["outputTokens"]) for line in lines)
    assert store.manifest(arn)["outputTokenCount"] == sum(line["outputTokens"] for line in lines)
    return lines


def again(tmp_path, model):
    """The server once more, on the same data."""
    server = start(tmp_path, model, deterministic=False)
    return server, Store(server, is_new=False), server.client("bedrock")


def many(count):
    return records([converse(f"Record {i} of a long job", tokens=TOKENS) for i in range(count)])


def processed(jobs, arn):
    return jobs.get_model_invocation_job(jobIdentifier=arn).get("processedRecordCount", 0)


def test_killed_gateways_lose_and_repeat_nothing(tmp_path, random_model):
    count, rounds = 400, 5
    chance = random.Random(20261125)
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, many(count))
    computed = 0
    for _ in range(rounds):
        goal = processed(jobs, arn) + 30
        wait_until(lambda: processed(jobs, arn) >= goal, 30, 0.01)
        time.sleep(chance.uniform(0, 0.1))
        computed += generated(server)
        server.process.kill()
        server.process.wait()
        server, store, jobs = again(tmp_path, random_model)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0)
    computed += generated(server)
    lines = assert_each_record_once(server, store, arn, count)
    # in flight: what the model runs and what waits for it, each time
    assert sum(line["outputTokens"] for line in lines) <= computed + rounds * 12 * TOKENS
    assert computed <= sum(line["outputTokens"] for line in lines) + rounds * 12 * TOKENS
    assert server.stop() == 0


def test_killed_workers_lose_and_repeat_nothing(tmp_path, random_model):
    count = 300
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, many(count))
    for _ in range(4):
        goal = processed(jobs, arn) + 40
        assert wait_until(lambda: processed(jobs, arn) >= goal, 30, 0.01)
        for pid in server.workers().values():
            os.kill(pid, signal.SIGKILL)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0)
    assert_each_record_once(server, store, arn, count)
    assert server.stop() == 0


def test_a_record_that_kills_the_engine_is_an_error_in_the_end(tmp_path, random_model):
    """The engine dies whenever the long record runs; the short ones beside it are done all the same."""
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    rows = records([converse("short", tokens=2)] * 3 + [converse("deadly", tokens=1900)])
    arn = submit(jobs, store, rows)
    assert wait_until(lambda: processed(jobs, arn) == 3, 30)
    for _ in range(3):
        assert wait_until(lambda: metric(server, "fulcrum_requests_running") == 1, 30, 0.005)
        for pid in server.workers().values():
            os.kill(pid, signal.SIGKILL)
        assert wait_until(lambda: metric(server, "fulcrum_requests_running") == 0, 30, 0.005)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (4, 4, 3, 1)
    error = store.output(arn, "in.jsonl")[3]["error"]
    assert error["errorCode"] in (424, 503) and "engine" in error["errorMessage"]
    outcomes = sorted(line["outcome"] for line in export(server).values())
    assert outcomes == ["completed"] * 3 + ["failed"]
    assert server.stop() == 0


def test_a_stopped_server_puts_its_jobs_back(tmp_path, random_model):
    count = 300
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, many(count))
    assert wait_until(lambda: processed(jobs, arn) >= 20, 30)
    before = generated(server)
    assert server.stop() == 0
    with sqlite3.connect(tmp_path / "data/state.db") as state:
        status, owner, done = state.execute("SELECT status, owner, json_extract(progress, '$.success') FROM job").fetchone()
    assert (status, owner) == ("Scheduled", None) and 20 <= done < count
    left_over = tmp_path / "data/batch/aaaaaaaaaaaa"
    left_over.mkdir()  # as of a server that was killed when a job had just ended
    (left_over / "input").write_text("x")
    server, store, jobs = again(tmp_path, random_model)
    assert not left_over.exists()
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed"
    lines = assert_each_record_once(server, store, arn, count)
    assert sum(line["outputTokens"] for line in lines) >= before + generated(server)  # nothing was computed twice
    assert server.stop() == 0


def test_time_that_is_up(tmp_path, random_model):
    """A job that has begun gives what it has; one that has not is Expired."""
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, many(300))
    assert wait_until(lambda: processed(jobs, arn) >= 20, 30)
    assert server.stop() == 0
    with sqlite3.connect(tmp_path / "data/state.db") as state:
        now = int(time.time() * 1e6)
        state.execute("UPDATE job SET status = 'InProgress', expires_us = ?", (now,))
        columns = [row[1] for row in state.execute("PRAGMA table_info(job)")
                   if row[1] not in ("sequence", "id", "status", "token", "progress")]
        state.execute(f"INSERT INTO job (id, status, token, progress, {', '.join(columns)}) "
                      f"SELECT 'neverstarted', 'Submitted', 'other', '{{}}', {', '.join(columns)} FROM job")
    server, store, jobs = again(tmp_path, random_model)
    job = wait_for(jobs, arn)
    assert job["status"] == "PartiallyCompleted" and 20 <= job["processedRecordCount"] < 300
    assert job["totalRecordCount"] == 300 and "time was up" in job["message"]
    assert len(store.output(arn, "in.jsonl")) == job["processedRecordCount"]
    never = wait_for(jobs, "neverstarted")
    assert never["status"] == "Expired" and "totalRecordCount" not in never
    assert server.stop() == 0


def stop_outside_of_writes(server, database):
    """SIGSTOP, at a moment when the server holds no lock of the database."""
    while True:
        os.kill(server.process.pid, signal.SIGSTOP)
        with sqlite3.connect(database, timeout=0, isolation_level=None) as state:
            try:
                state.execute("BEGIN IMMEDIATE")
                return
            except sqlite3.OperationalError:
                os.kill(server.process.pid, signal.SIGCONT)
                time.sleep(0.05)


@pytest.mark.parametrize("is_stopped", [True, False])
def test_a_runner_whose_job_was_taken_writes_nothing_more(tmp_path, random_model, is_stopped):
    """Two servers on one state.db and one folder of working files, which their locks do not know of. The second one
    claims the job of the first, which goes on until it notices, or stands still meanwhile."""
    count, one, two = 2000, tmp_path / "one", tmp_path / "two"  # not done before the second server has started
    (two / "data").mkdir(parents=True)
    one.mkdir()
    first = start(one, random_model, deterministic=False)
    store, jobs = Store(first), first.client("bedrock")
    arn = submit(jobs, store, many(count))
    assert wait_until(lambda: processed(jobs, arn) >= 30, 60, 0.01)
    for shared in ("state.db", "batch", "objects"):
        (two / "data" / shared).symlink_to(one / "data" / shared)
    if is_stopped:
        stop_outside_of_writes(first, one / "data/state.db")
    second = start(two, random_model, deterministic=False)
    theirs = second.client("bedrock")
    assert wait_until(lambda: processed(theirs, arn) >= 100, 60, 0.01)
    if is_stopped:
        os.kill(first.process.pid, signal.SIGCONT)
    assert wait_until(lambda: "batch job lost" in first.log(), 60)
    job = wait_for(theirs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0)
    output = Store(second, is_new=False).output(arn, "in.jsonl")
    assert [row["recordId"] for row in output] == [f"record-{i}" for i in range(count)]
    assert all("modelOutput" in row for row in output)
    assert jobs.get_model_invocation_job(jobIdentifier=arn)["status"] == "Completed"
    assert not list((one / "data/batch").iterdir())
    assert first.stop() == 0 and second.stop() == 0


def test_a_full_disk_pauses_the_job_alone(tmp_path, random_model):
    """No file of the gateway may grow past where the job's results stand; then it may again."""
    count = 200
    server = start(tmp_path, random_model, deterministic=False)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, records([converse(f"{i}", tokens=30) for i in range(count)]))
    results = tmp_path / "data/batch" / arn[-12:] / "results.1"
    assert wait_until(lambda: results.exists() and processed(jobs, arn) >= 20, 30, 0.01)
    pid = server.process.pid
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (results.stat().st_size + 100, resource.RLIM_INFINITY))

    def waits():
        return "waits" in jobs.get_model_invocation_job(jobIdentifier=arn).get("message", "")

    assert wait_until(waits, 20)
    stuck = processed(jobs, arn)
    assert jobs.list_foundation_models()["modelSummaries"]
    assert stuck < count and jobs.get_model_invocation_job(jobIdentifier=arn)["status"] == "InProgress"
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (resource.RLIM_INFINITY, resource.RLIM_INFINITY))
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0)
    assert "message" not in job, job["message"]
    assert_each_record_once(server, store, arn, count)
    assert server.stop() == 0


def resident(pid):
    with open(f"/proc/{pid}/status", encoding="utf-8") as file:
        return int(re.search(r"VmHWM:\s+(\d+) kB", file.read())[1]) * 1024


@pytest.mark.skipif("address" in os.environ.get("SANITIZE", ""), reason="the address sanitizer keeps what is freed")
@pytest.mark.parametrize("count", [10_000, 100_000])
def test_memory_does_not_grow_with_the_job(tmp_path, random_model, count, request):
    """Every record is refused for its body, so that no engine time goes into it; all other parts see it."""
    server = start(tmp_path, random_model, deterministic=False, extra=(
        "limits:\n  batch_job_records: 1000000\n  batch_file_records: 1000000\n"))
    store, jobs = Store(server), server.client("bedrock")
    row = json.dumps({"modelInput": {"messages": [], "inferenceConfig": {"maxTokens": 1}}})
    store.put("in.jsonl", (row + "\n").encode() * (count - 1) + jsonl(records([converse("Hi", 1)])))
    before = resident(server.process.pid)
    arn = submit(jobs, store)
    job = wait_for(jobs, arn, timeout=240)
    assert job["status"] == "Completed" and counts(job) == (count, count, 1, count - 1)
    grown = resident(server.process.pid) - before
    assert grown < 40 << 20, f"{grown} bytes"
    last = subprocess.run(["tail", "-n", "1", tmp_path / f"data/objects/batch/out/{arn[-12:]}/in.jsonl.out"],
                          capture_output=True, check=True).stdout
    assert json.loads(last)["recordId"] == "record-0"
    assert server.stop() == 0


def test_the_command(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    store = Store(server, key=None)
    store.put("in.jsonl", jsonl(records([converse("Hi", 2)] * 3)))
    body = {"jobName": "by-hand", "roleArn": "arn:aws:iam::123456789012:role/batch", "modelId": "tiny",
            "modelInvocationType": "Converse",
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": store.uri("in.jsonl")}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": store.uri("out/")}}}
    file = tmp_path / "request.json"
    file.write_text(json.dumps(body))

    def run(*arguments, key=None, endpoint=server.url):
        environment = {**os.environ, "FULCRUM_ENDPOINT": endpoint}
        for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_BEARER_TOKEN_BEDROCK", "AWS_SESSION_TOKEN"):
            environment.pop(name, None)
        if key:
            environment.update(AWS_ACCESS_KEY_ID=key, AWS_SECRET_ACCESS_KEY="secret")
        return subprocess.run([str(FULCRUM), "batch", *arguments], capture_output=True, text=True, check=False,
                              env=environment, timeout=60)

    done = run("submit", "--request", str(file))
    assert done.returncode == 0, done.stderr
    arn = done.stdout.strip()
    assert arn.startswith("arn:aws:bedrock:us-east-1:000000000000:model-invocation-job/")
    waited = run("wait", arn)
    assert waited.returncode == 0 and waited.stdout.splitlines()[-1] == f"{arn[-12:]} Completed 3/3"
    shown = run("show", arn[-12:])
    assert shown.returncode == 0 and "3 of 3, 0 with errors" in shown.stdout and "by-hand" in shown.stdout
    job = json.loads(run("show", arn, "--json").stdout)
    assert job["jobArn"] == arn and job["status"] == "Completed"
    assert arn[-12:] in run("list").stdout
    rows = [json.loads(line) for line in run("list", "--json", "--status", "Completed", "--name", "by").stdout
            .splitlines()]
    assert [row["jobArn"] for row in rows] == [arn]
    assert arn[-12:] not in run("list", key="AKIASOMEBODY").stdout
    stopped = run("stop", arn)
    assert stopped.returncode == 1 and "Completed" in stopped.stderr
    body["inputDataConfig"]["s3InputDataConfig"]["s3Uri"] = store.uri("missing.jsonl")
    file.write_text(json.dumps(body))
    failed = run("wait", run("submit", "--request", str(file)).stdout.strip())
    assert failed.returncode == 1 and "Failed" in failed.stderr and "missing.jsonl" in failed.stderr
    file.write_text("{}")
    refused = run("submit", "--request", str(file))
    assert refused.returncode == 1 and "jobName" in refused.stderr and len(refused.stderr.splitlines()) == 1
    for wrong in ((), ("submit",), ("show",), ("fly",), ("list", "--nonsense")):
        assert run(*wrong).returncode == 2
    assert run("submit", "--request", "/no/such/file").returncode == 1
    nobody = run("list", endpoint="http://127.0.0.1:1")
    assert nobody.returncode == 1 and "127.0.0.1:1" in nobody.stderr
    assert server.stop() == 0

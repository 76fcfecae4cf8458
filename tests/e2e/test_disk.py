"""A disk that is full, and a data directory that goes away: requests stay billed, and everything comes back by itself.

A small tmpfs stands for the disk; only root can mount one, others skip."""

import contextlib
import http.client
import json
import os
import re
import shutil
import subprocess

import botocore.exceptions
import pytest

import batch_fixture
import custom_fixture
from conftest import FULCRUM, metrics, start, wait_until

pytestmark = pytest.mark.alone

HELLO = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hello there."}]}],
                    "inferenceConfig": {"maxTokens": 2, "temperature": 0}})


@pytest.fixture
def small_disk(tmp_path):
    where = tmp_path / "disk"
    where.mkdir()
    mounted = subprocess.run(["mount", "-t", "tmpfs", "-o", "size=20m", "tmpfs", str(where)], capture_output=True,
                             check=False)
    if mounted.returncode != 0:
        pytest.skip("cannot mount a tmpfs here")
    with contextlib.ExitStack() as servers:
        yield where, servers
    subprocess.run(["umount", "-l", str(where)], check=True)


def kill(server):
    if server.process.poll() is None:
        server.process.kill()
        server.process.wait()


def begin(small_disk, model, extra=""):
    where, servers = small_disk
    server = start(where, model, extra=extra)
    servers.callback(kill, server)
    return server


def ask(server, path="/model/tiny/converse", body=HELLO, method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, path, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply.status, reply.headers.get("x-amzn-RequestId"), data


def ready(server):
    status, _, text = ask(server, "/readyz", None, "GET")
    return status, text.decode()


def is_well(server):
    """Ready, and there is nothing that somebody should know."""
    status, text = ready(server)
    return status == 200 and not set(re.findall(r"^(?!ready$)(?!documents\.sandbox: all walls stand).+", text, re.M))


def ledger(server, *more):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(server.workdir / "data"), *more],
                         capture_output=True, text=True, check=True).stdout
    return {json.loads(line)["requestId"] for line in out.splitlines()}


def fill(where):
    """To the last byte, as a program that knows of no reserve."""
    for size in (1 << 20, 1 << 16, 1 << 12, 1):
        with contextlib.suppress(OSError), open(where / f"filler{size}", "ab", buffering=0) as filler:
            while True:
                filler.write(b"x" * size)


def empty(where):
    for filler in where.glob("filler*"):
        filler.unlink()


def put_until_full(s3, bucket, size):
    for i in range(200):
        try:
            s3.put_object(Bucket=bucket, Key=f"{size}-{i}", Body=b"x" * size)
        except botocore.exceptions.ClientError as refusal:
            return refusal.response
    raise AssertionError("the disk never filled")


def test_objects_leave_room_for_the_ledger(small_disk, random_model):
    server = begin(small_disk, random_model)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="mallory")
    for size in (1_000_000, 50_000, 2_000, 10):
        refusal = put_until_full(s3, "mallory", size)
        assert refusal["ResponseMetadata"]["HTTPStatusCode"] == 503
        assert "disk is full" in refusal["Error"]["Message"]
    status, text = ready(server)
    assert status == 200 and "disk: " in text and "full" in text
    served = set()
    for _ in range(300):
        status, request, data = ask(server)
        assert status == 200, data
        served.add(request)
    refused = json.loads(ask(server, "/model-invocation-job", json.dumps({
        "jobName": "full", "roleArn": batch_fixture.ROLE, "modelId": "amazon.nova-pro-v1:0",
        "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://mallory/a"}},
        "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://mallory/b/"}}}))[2])
    assert "disk is full" in refused["message"]
    kill(server)

    server = begin(small_disk, random_model)
    status, request, data = ask(server)
    assert status == 200, data
    assert served | {request} <= ledger(server)
    s3 = server.client("s3")
    assert len(s3.get_object(Bucket="mallory", Key="1000000-0")["Body"].read()) == 1_000_000
    for i in range(5):
        s3.delete_object(Bucket="mallory", Key=f"1000000-{i}")
    assert wait_until(lambda: is_well(server)), ready(server)
    s3.put_object(Bucket="mallory", Key="again", Body=b"x" * 1_000_000)
    assert server.stop() == 0


def test_what_others_fill_up_is_paid_from_the_reserve(small_disk, random_model):
    where, _ = small_disk
    server = begin(small_disk, random_model)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket")
    s3.put_object(Bucket="bucket", Key="key", Body=b"x" * 1000)
    assert ask(server)[0] == 200
    assert wait_until(lambda: metrics(server)["fulcrum_disk_reserve_bytes"] == (20 << 20) // 8)
    fill(where)
    served, statuses = set(), []
    for _ in range(200):
        status, request, _ = ask(server)
        statuses.append(status)
        if status == 200:
            served.add(request)
    assert statuses[:100] == [200] * 100 and set(statuses) <= {200, 503}
    assert wait_until(lambda: "disk: " in ready(server)[1])
    kill(server)
    fill(where)

    server = begin(small_disk, random_model)  # on a disk without a free byte
    s3 = server.client("s3")
    assert s3.get_object(Bucket="bucket", Key="key")["Body"].read() == b"x" * 1000
    s3.delete_object(Bucket="bucket", Key="key")
    assert "disk: " in ready(server)[1]
    kill(server)
    fill(where)

    server = begin(small_disk, random_model)
    assert ask(server)[0] in (200, 503)
    empty(where)
    assert wait_until(lambda: is_well(server)), ready(server)
    assert ask(server)[0] == 200
    assert wait_until(lambda: metrics(server)["fulcrum_disk_reserve_bytes"] == (20 << 20) // 8)
    assert server.stop() == 0
    assert served <= ledger(server)


def test_prefixes_give_way(small_disk, random_model):
    where, _ = small_disk
    server = begin(small_disk, random_model, extra="cache: {disk: 1GiB, min_tokens: 64}\n")
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket")
    kv = where / "data" / "kv"

    def kept():
        return sum(f.stat().st_size for f in kv.rglob("*") if f.is_file())

    for i in range(400):
        system = f"Rules {i}. " + "All staff read this before they answer anybody. " * 25
        body = json.dumps({"system": [{"text": system}, {"cachePoint": {"type": "default"}}],
                           "messages": json.loads(HELLO)["messages"], "inferenceConfig": {"maxTokens": 1}})
        assert ask(server, body=body)[0] == 200
        if kept() > 8 << 20:
            break
    before = kept()
    assert before > 1 << 20, "the test's model should keep more"
    room = shutil.disk_usage(where).free
    for i in range(room // 1_000_000 + 1):  # more than was free
        s3.put_object(Bucket="bucket", Key=str(i), Body=b"x" * 1_000_000)
    assert kept() < before
    assert ask(server, body=body)[0] == 200
    assert server.stop() == 0


def test_a_batch_job_waits_for_room(small_disk, random_model):
    where, _ = small_disk
    server = begin(small_disk, random_model)
    store = batch_fixture.Store(server)
    rows = batch_fixture.records([batch_fixture.converse("word " * 50, 2) for _ in range(200)])
    store.put("in.jsonl", batch_fixture.jsonl(rows))
    control = server.client("bedrock")
    fill(where)
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        batch_fixture.submit(control, store)
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    empty(where)
    arn = batch_fixture.submit(control, store)
    fill(where)

    def status():
        return control.get_model_invocation_job(jobIdentifier=arn)["status"]

    wait_until(lambda: status() in batch_fixture.ENDED, timeout=3)
    empty(where)
    assert wait_until(lambda: status() in batch_fixture.ENDED, timeout=60), control.get_model_invocation_job(
        jobIdentifier=arn)
    assert status() == "Completed"
    out = store.get(f"out/{arn[-12:]}/in.jsonl.out").decode().splitlines()
    assert [json.loads(line)["recordId"] for line in out] == [row["recordId"] for row in rows]
    assert server.stop() == 0


def test_a_data_directory_that_is_gone(tmp_path, random_model):
    server = start(tmp_path, random_model)
    s3 = server.client("s3")
    s3.create_bucket(Bucket="bucket")
    status, first, _ = ask(server)
    assert status == 200
    data = tmp_path / "data"
    assert wait_until(lambda: first in ledger(server))
    data.rename(tmp_path / "elsewhere")
    data.mkdir()  # another one in its place
    assert [ask(server)[0] for _ in range(3)] == [503] * 3
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.create_bucket(Bucket="another")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        s3.put_object(Bucket="bucket", Key="a", Body=b"x")
    assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503
    control = server.client("bedrock")
    for question, arguments in (  # that nothing is there would be another answer
            (s3.list_buckets, {}), (s3.list_objects_v2, {"Bucket": "bucket"}), (s3.get_object, {"Bucket": "bucket", "Key": "a"}),
            (s3.head_bucket, {"Bucket": "bucket"}), (control.list_model_invocation_jobs, {}),
            (control.get_model_invocation_job, {"jobIdentifier": "abcdefghijkl"}),
            (control.create_inference_profile, {"inferenceProfileName": "one", "modelSource": {
                "copyFrom": "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-pro-v1:0"}})):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            question(**arguments)
        assert refused.value.response["ResponseMetadata"]["HTTPStatusCode"] == 503, question
    assert wait_until(lambda: ready(server)[0] == 503 and "data: " in ready(server)[1])
    data.rmdir()
    (tmp_path / "elsewhere").rename(data)  # and back
    assert wait_until(lambda: ask(server)[0] == 200), ready(server)
    assert wait_until(lambda: ready(server)[0] == 200)
    _, last, _ = ask(server)
    assert wait_until(lambda: {first, last} <= ledger(server))

    shutil.rmtree(data)
    assert [ask(server)[0] for _ in range(3)] == [503] * 3
    assert server.stop() == 1  # what was in there is gone
    assert "the next start puts them in" not in server.log()
    assert "files were removed" in server.log()


def test_a_ledger_that_is_gone(tmp_path, random_model):
    server = start(tmp_path, random_model)
    assert ask(server)[0] == 200
    os.unlink(tmp_path / "data" / "ledger.db")
    requests = [ask(server) for _ in range(5)]
    served = {request for status, request, _ in requests if status == 200}
    assert wait_until(lambda: ready(server)[0] == 503 and "ledger.db was removed" in ready(server)[1])
    assert ask(server)[0] == 503
    assert server.stop() == 1
    for name in ("ledger.db-wal", "ledger.db-shm"):
        with contextlib.suppress(FileNotFoundError):
            os.unlink(tmp_path / "data" / name)
    server = start(tmp_path, random_model)  # what the journal has is put into a new one
    assert served <= ledger(server)
    assert server.stop() == 0


def test_a_training_waits_for_a_full_disk(small_disk, random_model):
    where, _ = small_disk
    server = begin(small_disk, random_model, extra="limits: {customization_prompts_min: 8}\n")
    store = batch_fixture.Store(server, bucket="training")
    store.put("train.jsonl", batch_fixture.jsonl(custom_fixture.intents()))
    client = server.client("bedrock")
    job = client.create_model_customization_job(**custom_fixture.request(
        store, "full", baseModelIdentifier="tiny",
        hyperParameters={**custom_fixture.FAST, "epochCount": "400"}))["jobArn"]
    custom_fixture.wait_for(client, job, "InProgress", until=lambda seen: seen.get("trainingMetrics"))
    fill(where)
    assert wait_until(lambda: "customization_waits" in server.log()), server.log()
    assert client.get_model_customization_job(jobIdentifier=job)["status"] == "InProgress"
    empty(where)
    seen = custom_fixture.wait_for(client, job)
    assert seen["status"] == "Completed", seen
    assert server.stop() == 0

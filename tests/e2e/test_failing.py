"""The whole program while memory runs out and the disk fails, again and again: typed errors, no crash, nothing unbilled.

MEM_FAIL_EVERY and IO_FAIL_EVERY (core/mem.h, core/io.h) hit gateway and worker alike, from a point behind the start."""

import base64
import http.client
import json
import subprocess

import pytest

import batch_fixture
from conftest import FULCRUM, start, wait_until

HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
TOOL = {"tools": [{"toolSpec": {"name": "look", "inputSchema": {"json": {
    "type": "object", "properties": {"a": {"enum": ["x", "y"]}, "n": {"type": "integer", "minimum": 1, "maximum": 9}},
    "required": ["a"]}}}}], "toolChoice": {"any": {}}}


def converse(text="Hello.", tokens=3, **more):
    return json.dumps({"messages": [{"role": "user", "content": [{"text": text}]}],
                       "inferenceConfig": {"maxTokens": tokens}, **more})


def document(form, number):
    data = base64.b64encode(f"<p>The answer is {number}.</p>".encode()).decode()
    return json.dumps({"messages": [{"role": "user", "content": [
        {"text": "What?"}, {"document": {"format": form, "name": "notes", "source": {"bytes": data}}}]}],
        "inferenceConfig": {"maxTokens": 2}})


def job(number):
    return json.dumps({"jobName": f"job-{number}", "roleArn": batch_fixture.ROLE, "modelId": "tiny",
                       "modelInvocationType": "Converse",
                       "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://bucket/in.jsonl"}},
                       "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://bucket/out/"}}})


def requests(number):
    """All kinds: name, method, path, body, and the statuses that it may have when nothing fails."""
    rows = batch_fixture.records([batch_fixture.converse(f"Q {i}", 2) for i in range(8)])
    yield "converse", "POST", "/model/tiny/converse", converse(f"Question {number}"), {200}
    yield "stream", "POST", "/model/tiny/converse-stream", converse(f"Question {number}", 6), {200}
    yield "tool", "POST", "/model/tiny/converse", converse("Look.", 30, toolConfig=TOOL), {200}
    yield "native", "POST", "/model/amazon.nova-pro-v1:0/invoke", converse(), {200}
    yield "count", "POST", "/model/tiny/count-tokens", json.dumps({"input": {"converse": {"messages": HELLO}}}), {200}
    yield "broken", "POST", "/model/tiny/converse", "{", {400}
    yield "document", "POST", "/model/tiny/converse", document(("txt", "html", "md")[number % 3], number), {200}
    yield "bucket", "PUT", "/bucket", "", {200, 409}
    yield "put", "PUT", f"/bucket/a/b{number}", "x" * 20000, {200, 404}
    yield "get", "GET", f"/bucket/a/b{number}", None, {200, 404}
    yield "list", "GET", "/bucket?list-type=2", None, {200, 404}
    yield "delete", "DELETE", f"/bucket/a/b{number - 1}", None, {204, 404}
    yield "ready", "GET", "/readyz", None, {200, 503}
    yield "metrics", "GET", "/metrics", None, {200}
    if number % 8 == 0:
        yield "put", "PUT", "/bucket/in.jsonl", batch_fixture.jsonl(rows).decode(), {200, 404}
        yield "job", "POST", "/model-invocation-job", job(number), {200}


def send(server, method, path, body):
    """(status, request ID, body); a reply that breaks off has status 0."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    try:
        connection.request(method, path, body, {"Content-Type": "application/json"})
        reply = connection.getresponse()
        return reply.status, reply.headers.get("x-amzn-RequestId"), reply.read()
    except (http.client.HTTPException, ConnectionError):
        return 0, None, b""
    finally:
        connection.close()


def is_typed(data):
    if data.startswith(b"<"):
        return b"<Code>" in data
    try:
        return "message" in {name.lower() for name in json.loads(data)}
    except ValueError:
        return False


# What may be said of a valid request when memory or the disk fails: not that the request is at fault.
TROUBLE = {0, 408, 424, 429, 500, 503}

FAULTS = [{"MEM_FAIL_EVERY": every, "MEM_FAIL_FROM": "6000"} for every in ("37", "101", "499")] + [
    {"IO_FAIL_EVERY": every, "IO_SHORT_EVERY": "4", "IO_SEED": every, "IO_FAIL_FROM": "2000"} for every in ("9", "60")]


@pytest.mark.parametrize("faults", FAULTS, ids=lambda faults: "-".join(list(faults)[0].split("_")[:1]) +
                         list(faults.values())[0])
def test_a_failing_machine(tmp_path, random_model, faults):
    server = start(tmp_path, random_model, deterministic=False, env=faults)
    served, troubles, wrong = set(), 0, []
    for number in range(1, 41):
        for name, method, path, body, statuses in requests(number):
            status, request, data = send(server, method, path, body)
            troubles += status not in statuses
            if status not in statuses | TROUBLE or (status >= 400 and data and name not in ("ready", "metrics") and
                                                    not is_typed(data)):
                wrong.append((name, status, data[:300]))
            if status == 200 and path.startswith("/model/") and name not in ("count", "stream"):
                served.add(request)
    assert not wrong, wrong[:5]
    assert troubles > 3, "nothing failed: the test's faults come too late"
    assert server.process.poll() is None, server.log()[-3000:]
    assert server.stop(60) in (0, 1)  # 1: the ledger could not be settled, the next start does it

    server = start(tmp_path, random_model, deterministic=False)
    assert send(server, "POST", "/model/tiny/converse", converse())[0] == 200
    assert wait_until(lambda: send(server, "GET", "/readyz", None)[0] == 200)
    control = server.client("bedrock")
    for summary in control.list_model_invocation_jobs()["invocationJobSummaries"]:
        assert batch_fixture.wait_for(control, summary["jobArn"])["status"] in ("Completed", "Failed")
    assert server.stop() == 0
    done = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(tmp_path / "data")], text=True,
                          capture_output=True, check=True)
    ids = [json.loads(line)["requestId"] for line in done.stdout.splitlines()]
    assert len(ids) == len(set(ids))
    assert served <= set(ids)
    subprocess.run([str(FULCRUM), "ledger", "check", "--data", str(tmp_path / "data")], check=True)

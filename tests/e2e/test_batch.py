"""Batch jobs over the control plane: what goes in, what comes out, what is refused."""

import datetime
import gzip
import hashlib
import http.client
import json
import re
import uuid

import botocore.exceptions
import pytest

from batch_fixture import (CLAUDE, MODEL, Store, claude, converse, counts, is_gone, jsonl, records, request, submit,
                           wait_for)
from conftest import SHARED, start
from test_javascript import run
from test_ledger import export

SAMPLES = SHARED / "conformance/fixtures/aws-samples/batch"


@pytest.fixture(scope="module")
def batch_server(tmp_path_factory, random_model):
    running = start(tmp_path_factory.mktemp("batch"), random_model, deterministic=False)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(batch_server):
    return Store(batch_server)


@pytest.fixture
def jobs(batch_server):
    return batch_server.client("bedrock")


def lines_of(server, arn, records_count):
    """The ledger's lines of one job, whatever else the server does: request IDs follow from job and record."""
    exported, lines = export(server), []
    for number in range(records_count):
        digest = bytearray(hashlib.sha256(f"fulcrum batch {arn[-12:]} {number}".encode()).digest()[:16])
        digest[6], digest[8] = 0x80 | digest[6] & 0x0f, 0x80 | digest[8] & 0x3f
        line = exported.get(str(uuid.UUID(bytes=bytes(digest))))
        lines += [line] if line else []
    return lines


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def post(server, path, body):
    """For bodies that no SDK would send; signed by nobody, so the tenant is the anonymous one."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request("POST", path, body, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    message = json.loads(reply.read())["message"]
    connection.close()
    return reply.status, reply.headers["x-amzn-ErrorType"], message


def test_converse_job_from_upload_to_bill(batch_server, store, jobs):
    bodies = [converse(f"What is {i} times {i}?", tokens=3 + i % 4) for i in range(25)]
    arn = submit(jobs, store, records(bodies), name="squares")
    assert re.fullmatch(r"arn:aws:bedrock:us-east-1:000000000000:model-invocation-job/[a-z0-9]{12}", arn)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (25, 25, 25, 0)
    assert (job["jobName"], job["modelId"], job["modelInvocationType"]) == ("squares", MODEL, "Converse")
    assert job["timeoutDurationInHours"] == 24 and "message" not in job
    assert job["jobExpirationTime"] - job["submitTime"] == datetime.timedelta(hours=24)
    assert job["submitTime"] <= job["endTime"] and job["lastModifiedTime"] == job["endTime"]
    output = store.output(arn, "in.jsonl")
    assert [row["recordId"] for row in output] == [f"record-{i}" for i in range(25)]
    assert [row["modelInput"] for row in output] == bodies
    usages = [row["modelOutput"]["usage"] for row in output]
    assert [usage["outputTokens"] for usage in usages] == [3 + i % 4 for i in range(25)]
    manifest = store.manifest(arn)
    assert manifest == {"totalRecordCount": 25, "processedRecordCount": 25, "successRecordCount": 25,
                        "errorRecordCount": 0,
                        "inputTokenCount": sum(u["totalTokens"] - u["outputTokens"] for u in usages),
                        "outputTokenCount": sum(usage["outputTokens"] for usage in usages)}
    lines = lines_of(batch_server, arn, 25)
    assert len(lines) == 25
    assert {(line["tier"], line["operation"], line["outcome"], line["tenant"], line["modelRequested"])
            for line in lines} == {("batch", "Converse", "completed", "AKIDEXAMPLE", MODEL)}
    assert sum(line["outputTokens"] for line in lines) == manifest["outputTokenCount"]
    for line in lines:  # half of $0.80 and $3.20 per million
        assert line["costPicodollars"] == line["inputTokens"] * 400_000 + line["outputTokens"] * 1_600_000
        assert line["savedTier"] == line["costPicodollars"] == line["baselinePicodollars"] / 2
    assert is_gone(batch_server.workdir / "data/batch" / arn[-12:])


def test_invoke_model_job_over_a_folder(store, jobs):
    names = ["a.jsonl", "b.jsonl", "deep/c.jsonl"]
    for i, name in enumerate(names):
        store.put(f"folder/{name}", jsonl({"modelInput": claude(f"File {i}, line {k}", 2 + i)} for k in range(4)))
    store.put("folder/notes.txt", b"no records")
    arn = submit(jobs, store, source="folder/", kind="InvokeModel", model=CLAUDE, name="folder")
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (12, 12, 12, 0)
    for i, name in enumerate(names):
        output = store.output(arn, name)
        assert [row["recordId"] for row in output] == [f"R{4 * i + k + 1:010}" for k in range(4)]
        for k, row in enumerate(output):
            assert row["modelInput"] == claude(f"File {i}, line {k}", 2 + i)
            reply = row["modelOutput"]
            assert reply["type"] == "message" and reply["usage"]["output_tokens"] == 2 + i
    assert len(store.keys(f"out/{arn[-12:]}/")) == 4


def test_default_type_is_invoke_model(store, jobs):
    wanted = request(store, "one.jsonl", model=CLAUDE)
    del wanted["modelInvocationType"]
    store.put("one.jsonl", jsonl(records([claude("Hi")])))
    job = wait_for(jobs, jobs.create_model_invocation_job(**wanted)["jobArn"])
    assert job["status"] == "Completed" and job["modelInvocationType"] == "InvokeModel"


def test_bad_records_are_told_and_stop_nobody(batch_server, store, jobs):
    rows = ["{broken", json.dumps({"recordId": "fine", "modelInput": converse("Hello")}), "", "   ",
            json.dumps({"recordId": "no-input"}), json.dumps({"recordId": "array", "modelInput": []}),
            json.dumps({"recordId": "no-messages", "modelInput": {"messages": []}}),
            json.dumps({"recordId": "too-long", "modelInput": converse("word " * 5000)}), "[1, 2]",
            json.dumps({"recordId": 7, "modelInput": converse("Hello")}), '{"recordId": "last", "modelInput": '
            + json.dumps(converse("Good bye")) + "}"]
    arn = submit(jobs, store, rows, source="bad.jsonl")
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (9, 9, 2, 7)
    output = store.output(arn, "bad.jsonl")
    good = [row["recordId"] for row in output if "modelOutput" in row]
    assert good == ["fine", "last"]
    errors = {row["recordId"]: row["error"] for row in output if "error" in row}
    assert all(error["errorCode"] == 400 for error in errors.values())
    assert [row["recordId"] for row in output] == [
        "R0000000001", "fine", "no-input", "array", "no-messages", "too-long", "R0000000007", "R0000000008", "last"]
    assert errors["R0000000001"]["errorMessage"].startswith("bad.jsonl, line 1: The line is not JSON")
    assert "modelInput: is missing" in errors["no-input"]["errorMessage"]
    assert "line 6" in errors["array"]["errorMessage"]
    assert "messages" in errors["no-messages"]["errorMessage"]
    assert "2048" in errors["too-long"]["errorMessage"]
    assert output[0]["modelInput"] is None and output[4]["modelInput"] == {"messages": []}
    assert len(lines_of(batch_server, arn, 9)) == 2
    assert store.manifest(arn)["errorRecordCount"] == 7


@pytest.mark.parametrize("source,target,word", [
    ("s3://batch/nothing.jsonl", "s3://batch/out/", "nothing.jsonl"),
    ("s3://batch/empty.jsonl", "s3://batch/out/", "no records"),
    ("s3://no-such-bucket/in.jsonl", "s3://batch/out/", "no-such-bucket"),
    ("s3://batch/empty.jsonl", "s3://no-such-bucket/", "no-such-bucket")])
def test_a_job_that_cannot_begin_fails_and_says_why(store, jobs, source, target, word):
    store.put("empty.jsonl", b"\n\n")
    wanted = request(store)
    wanted["inputDataConfig"]["s3InputDataConfig"]["s3Uri"] = source
    wanted["outputDataConfig"]["s3OutputDataConfig"]["s3Uri"] = target
    job = wait_for(jobs, jobs.create_model_invocation_job(**wanted)["jobArn"])
    assert job["status"] == "Failed" and word in job["message"]
    assert job["endTime"] >= job["submitTime"]


def test_limits_are_limits(tmp_path, slow_model):
    server = start(tmp_path, slow_model, deterministic=False, extra=(
        "limits:\n  batch_job_records: 5\n  batch_file_bytes: 4000\n  batch_model_jobs: 2\n  batch_record_bytes: 900\n"))
    store, jobs = Store(server), server.client("bedrock")
    too_many = wait_for(jobs, submit(jobs, store, records([converse("x")] * 6)))
    assert too_many["status"] == "Failed" and "5 records" in too_many["message"]
    too_large = wait_for(jobs, submit(jobs, store, records([converse("x" * 800)] * 5), source="large.jsonl"))
    assert too_large["status"] == "Failed" and "4000" in too_large["message"]
    arn = submit(jobs, store, records([converse("x"), converse("y" * 900)]), source="line.jsonl")
    assert counts(wait_for(jobs, arn)) == (2, 2, 1, 1)
    assert "900" in store.output(arn, "line.jsonl")[1]["error"]["errorMessage"]
    slow = [submit(jobs, store, records([converse("x", tokens=1900)]), source=f"slow{i}.jsonl") for i in range(2)]
    code, message = refused(jobs.create_model_invocation_job, **request(store))
    assert code == "ServiceQuotaExceededException" and "2" in message
    for arn in slow:
        jobs.stop_model_invocation_job(jobIdentifier=arn)
        wait_for(jobs, arn, "Stopped")
    assert server.stop() == 0


def test_stop_keeps_what_is_done(store, jobs):
    bodies = [converse(f"{i}", tokens=2) for i in range(8)] + [converse("long", tokens=1900) for _ in range(200)]
    arn = submit(jobs, store, records(bodies), source="long.jsonl")
    wait_for(jobs, arn, "InProgress")
    assert jobs.stop_model_invocation_job(jobIdentifier=arn)["ResponseMetadata"]["HTTPStatusCode"] == 200
    job = wait_for(jobs, arn, timeout=20)
    assert job["status"] == "Stopped" and job["processedRecordCount"] < 208
    output = store.output(arn, "long.jsonl")
    assert len(output) == job["processedRecordCount"] == store.manifest(arn)["processedRecordCount"]
    code, message = refused(jobs.stop_model_invocation_job, jobIdentifier=arn)
    assert code == "ConflictException" and "Stopped" in message


def test_list_filters_sorts_and_pages(batch_server):
    store, jobs = Store(batch_server, "listed", "AKIALIST"), batch_server.client("bedrock", key="AKIALIST")
    begin = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(seconds=1)
    store.put("good.jsonl", jsonl(records([converse("Hi", 1)])))
    made = []
    for i in range(5):
        source = "good.jsonl" if i % 2 == 0 else "missing.jsonl"
        made.append(submit(jobs, store, source=source, name=f"{'even' if i % 2 == 0 else 'odd'}-{i}"))
    for arn in made:
        wait_for(jobs, arn)

    def listed(**arguments):
        return [job["jobArn"] for job in jobs.list_model_invocation_jobs(**arguments)["invocationJobSummaries"]]

    assert listed() == made[::-1] and listed(sortOrder="Ascending", sortBy="CreationTime") == made
    assert listed(statusEquals="Failed", sortOrder="Ascending") == made[1::2]
    assert listed(statusEquals="Completed", nameContains="even", sortOrder="Ascending") == made[0::2]
    assert listed(nameContains="d-3") == [made[3]] and listed(nameContains="none") == []
    assert len(listed(submitTimeAfter=begin)) == 5 and listed(submitTimeBefore=begin) == []
    assert listed(submitTimeAfter=datetime.datetime.now(datetime.timezone.utc)) == []
    pages = jobs.get_paginator("list_model_invocation_jobs").paginate(PaginationConfig={"PageSize": 2})
    pages = [[job["jobArn"] for job in page["invocationJobSummaries"]] for page in pages]
    assert [len(page) for page in pages] == [2, 2, 1] and sum(pages, []) == made[::-1]
    summary = jobs.list_model_invocation_jobs(maxResults=1)["invocationJobSummaries"][0]
    whole = jobs.get_model_invocation_job(jobIdentifier=made[-1])
    del whole["ResponseMetadata"]
    assert summary == whole
    for arguments in ({"nextToken": "elsewhere"}, {"nameContains": "no spaces"}):
        assert refused(jobs.list_model_invocation_jobs, **arguments)[0] == "ValidationException"


def test_one_token_one_job(store, jobs):
    store.put("in.jsonl", jsonl(records([converse("Hi", 1)])))
    first = jobs.create_model_invocation_job(**request(store, clientRequestToken="token-1"))["jobArn"]
    assert jobs.create_model_invocation_job(**request(store, clientRequestToken="token-1"))["jobArn"] == first
    wait_for(jobs, first)
    assert jobs.create_model_invocation_job(**request(store, clientRequestToken="token-1"))["jobArn"] == first
    code, message = refused(jobs.create_model_invocation_job,
                            **request(store, name="other", clientRequestToken="token-1"))
    assert code == "ConflictException" and "clientRequestToken" in message
    assert jobs.create_model_invocation_job(**request(store, clientRequestToken="token-2"))["jobArn"] != first
    assert jobs.get_model_invocation_job(jobIdentifier=first)["clientRequestToken"] == "token-1"


def test_jobs_belong_to_their_tenant(batch_server, store, jobs):
    arn = submit(jobs, store, records([converse("Hi", 1)]))
    wait_for(jobs, arn)
    other = batch_server.client("bedrock", key="AKIAOTHER")
    for identifier in (arn, arn[-12:]):
        assert refused(other.get_model_invocation_job, jobIdentifier=identifier)[0] == "ResourceNotFoundException"
        assert refused(other.stop_model_invocation_job, jobIdentifier=identifier)[0] == "ResourceNotFoundException"
    assert other.list_model_invocation_jobs()["invocationJobSummaries"] == []
    mine = jobs.get_model_invocation_job(jobIdentifier=arn[-12:])
    assert mine["jobArn"] == arn
    elsewhere = arn.replace("us-east-1", "eu-west-1")
    assert refused(jobs.get_model_invocation_job, jobIdentifier=elsewhere)[0] == "ResourceNotFoundException"
    assert refused(jobs.get_model_invocation_job, jobIdentifier="a" * 12)[0] == "ResourceNotFoundException"
    assert refused(jobs.get_model_invocation_job, jobIdentifier="Not-An-Id")[0] == "ValidationException"
    # another tenant's bucket is none
    failed = wait_for(other, other.create_model_invocation_job(**request(store))["jobArn"])
    assert failed["status"] == "Failed" and "batch" in failed["message"]


def tags_of(jobs, arn):
    return {tag["key"]: tag["value"] for tag in jobs.list_tags_for_resource(resourceARN=arn)["tags"]}


def tagged(**tags):
    return [{"key": key, "value": value} for key, value in tags.items()]


def test_tags_are_kept_changed_and_survive(tmp_path, random_model):
    server = start(tmp_path, random_model)
    store, jobs = Store(server), server.client("bedrock")
    arn = submit(jobs, store, records([converse("Hi", 1)]), tags=tagged(team="desk", empty="", stage="dev"))
    plain = submit(jobs, store, source="none.jsonl")
    assert tags_of(jobs, arn) == {"team": "desk", "empty": "", "stage": "dev"} and tags_of(jobs, plain) == {}
    jobs.tag_resource(resourceARN=arn, tags=tagged(stage="prod", **{"cost:centre/a b": "=+@-_.1"}))
    jobs.untag_resource(resourceARN=arn, tagKeys=["empty", "never there"])
    jobs.untag_resource(resourceARN=arn, tagKeys=[])
    jobs.tag_resource(resourceARN=arn, tags=[])
    wanted = {"team": "desk", "stage": "prod", "cost:centre/a b": "=+@-_.1"}
    assert tags_of(jobs, arn) == wanted
    wait_for(jobs, arn)
    jobs.tag_resource(resourceARN=plain, tags=tagged(late="yes"))
    server.process.kill()
    server.stop()
    server = start(tmp_path, random_model)
    jobs = server.client("bedrock")
    assert tags_of(jobs, arn) == wanted and tags_of(jobs, plain) == {"late": "yes"}
    assert server.stop() == 0


def test_a_job_has_fifty_tags_at_most(store, jobs):
    fifty = {f"key-{i:02}": str(i) for i in range(50)}
    code, message = refused(jobs.create_model_invocation_job, **request(store, tags=tagged(more="", **fifty)))
    assert code == "ValidationException" and "50" in message
    arn = jobs.create_model_invocation_job(**request(store, tags=tagged(**fifty)))["jobArn"]
    code, message = refused(jobs.tag_resource, resourceARN=arn, tags=tagged(**{"key-07": "changed", "more": ""}))
    assert code == "TooManyTagsException" and "50" in message
    with pytest.raises(jobs.exceptions.TooManyTagsException):
        jobs.tag_resource(resourceARN=arn, tags=tagged(more=""))
    assert tags_of(jobs, arn) == fifty  # all or nothing
    jobs.tag_resource(resourceARN=arn, tags=tagged(**{"key-07": "changed"}))
    jobs.untag_resource(resourceARN=arn, tagKeys=["key-00"])
    jobs.tag_resource(resourceARN=arn, tags=tagged(more=""))
    del fifty["key-00"]
    assert tags_of(jobs, arn) == {**fifty, "key-07": "changed", "more": ""}


def test_tags_of_what_is_not_there(batch_server, store, jobs):
    arn = jobs.create_model_invocation_job(**request(store))["jobArn"]
    other = batch_server.client("bedrock", key="AKIAOTHER")
    guardrail = "arn:aws:bedrock:us-east-1:000000000000:guardrail/abc123"
    for client, resource in ((other, arn), (jobs, arn.replace("us-east-1", "eu-west-1")), (jobs, guardrail),
                             (jobs, arn[:-12] + "a" * 12), (jobs, "a-name-of-twenty-characters")):
        assert refused(client.list_tags_for_resource, resourceARN=resource)[0] == "ResourceNotFoundException"
        assert refused(client.tag_resource, resourceARN=resource, tags=tagged(a="b"))[0] == "ResourceNotFoundException"
        assert refused(client.untag_resource, resourceARN=resource, tagKeys=["a"])[0] == "ResourceNotFoundException"
    assert tags_of(jobs, arn) == {}


@pytest.mark.parametrize("path,body,word", [
    ("tagResource", {"tags": []}, "resourceARN"), ("tagResource", {"resourceARN": "ARN"}, "tags"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": "", "value": ""}]}, "tags[0].key"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": "k" * 129, "value": ""}]}, "tags[0].key"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": "a", "value": "v" * 257}]}, "tags[0].value"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": "a?", "value": ""}]}, "tags[0]"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": "a", "value": ""}, {"key": "a", "value": "b"}]}, "twice"),
    ("tagResource", {"resourceARN": "ARN", "tags": [{"key": f"{i}", "value": ""} for i in range(201)]}, "200"),
    ("untagResource", {"resourceARN": "ARN"}, "tagKeys"), ("untagResource", {"resourceARN": "ARN", "tagKeys": [5]}, "[0]"),
    ("untagResource", {"resourceARN": "ARN", "tagKeys": ["a"], "tags": []}, "tags"),
    ("listTagsForResource", {"resourceARN": "arn:aws:s3:::bucket/key"}, "resourceARN"),
    ("listTagsForResource", {"resourceARN": "abcdefghijkl"}, "resourceARN"), ("listTagsForResource", [], "body")])
def test_wrong_tag_requests_name_the_field(batch_server, store, jobs, path, body, word):
    arn = jobs.create_model_invocation_job(**request(store, clientRequestToken="tags"))["jobArn"]
    text = json.dumps(body).replace('"ARN"', json.dumps(arn))
    status, name, message = post(batch_server, f"/{path}", text)
    assert (status, name) == (400, "ValidationException") and word in message, message


def change(wanted, path, value):
    *parents, last = path.split(".")
    at = wanted
    for key in parents:
        at = at[key]
    if value is None:
        del at[last]
    else:
        at[last] = value


@pytest.mark.parametrize("path,value", [
    ("jobName", None), ("jobName", "-begins-badly"), ("jobName", "a" * 64), ("jobName", "sp ace"), ("jobName", 5),
    ("roleArn", "arn:aws:iam::12:role/x"), ("roleArn", "role"), ("modelId", "nobody.has-this-v1:0"),
    ("clientRequestToken", "ends-"), ("modelInvocationType", "Chat"), ("timeoutDurationInHours", 23),
    ("timeoutDurationInHours", 169), ("timeoutDurationInHours", "24"), ("inputDataConfig", None),
    ("inputDataConfig.s3InputDataConfig.s3Uri", "https://a/b"),
    ("inputDataConfig.s3InputDataConfig.s3Uri", "s3://batch/a//b"),
    ("inputDataConfig.s3InputDataConfig.s3InputFormat", "CSV"),
    ("inputDataConfig.s3InputDataConfig.s3BucketOwner", "12"), ("outputDataConfig.s3OutputDataConfig", {}),
    ("tags", [{"key": "a"}]), ("tags", [{"key": "a!", "value": ""}]), ("vpcConfig", {"subnetIds": []}),
    ("surprise", 1)])
def test_wrong_requests_name_the_field(batch_server, store, path, value):
    wanted = request(store)
    change(wanted, path, value)
    status, name, message = post(batch_server, "/model-invocation-job", json.dumps(wanted))
    assert (status, name) == (400, "ValidationException")
    assert path.split(".")[-1] in message or path.split(".")[0] in message or path == "modelId", message


@pytest.mark.parametrize("rules", ["", "Answer briefly. " * 40], ids=["apart", "under one system prompt"])
def test_documents_of_one_job_are_computed_together(batch_server, store, jobs, rules):
    """Records alternate between two documents; the cache sees them one document at a time."""
    documents = {name: f"{rules}The {name} report. " + " ".join(f"{name} fact {i}." for i in range(130 - len(rules) // 16))
                 for name in ("north", "south")}
    bodies = []
    for i in range(12):
        text = documents["north" if i % 2 == 0 else "south"]
        bodies.append(converse(f"Question {i}?", 2, system=None))
        bodies[-1]["system"] = [{"text": text}, {"cachePoint": {"type": "default"}}]
    arn = submit(jobs, store, records(bodies), source="documents.jsonl", model=MODEL)
    assert wait_for(jobs, arn)["status"] == "Completed"
    lines = lines_of(batch_server, arn, 12)
    written = [line for line in lines if line["cacheWriteInputTokens"] > 0]
    read = [line for line in lines if line["cacheReadInputTokens"] > 0]
    seen = [(line["inputTokens"], line["cacheReadInputTokens"], line["cacheWriteInputTokens"]) for line in lines]
    assert (len(lines), len(written), len(read)) == (12, 2, 10), seen
    assert {line["tier"] for line in read} == {"batch"}
    assert [row["recordId"] for row in store.output(arn, "documents.jsonl")] == [f"record-{i}" for i in range(12)]
    assert store.manifest(arn)["inputTokenCount"] == sum(
        line["inputTokens"] + line["cacheReadInputTokens"] + line["cacheWriteInputTokens"] for line in lines)


@pytest.mark.skipif(not SAMPLES.is_dir(), reason="no ../shared")
def test_published_samples(store, jobs):
    """Text records run; records with images are refused one by one, since the model reads text."""
    with open(SAMPLES / "stage_3_output.jsonl", encoding="utf-8") as file:
        rows = [json.loads(line) for line in file][:30]
    given = [{"recordId": row["recordId"], "modelInput": {**row["modelInput"], "max_tokens": 4}} for row in rows]
    arn = submit(jobs, store, given, source="stage_3.jsonl", kind="InvokeModel", model=CLAUDE)
    assert counts(wait_for(jobs, arn)) == (30, 30, 30, 0)
    for row, output in zip(rows, store.output(arn, "stage_3.jsonl")):
        assert output["recordId"] == row["recordId"]
        assert output["modelOutput"].keys() >= {"id", "type", "role", "content", "stop_reason", "usage"}
    example = json.loads((SAMPLES / "manifest.json.out.example.json").read_text())
    assert store.manifest(arn).keys() == example.keys()
    images = gzip.decompress((SAMPLES / "stage_1_input.first10.jsonl.gz").read_bytes())
    store.put("stage_1.jsonl", images)
    arn = submit(jobs, store, source="stage_1.jsonl", kind="InvokeModel", model=CLAUDE)
    assert counts(wait_for(jobs, arn)) == (10, 10, 0, 10)
    given = [json.loads(line) for line in images.splitlines()]
    for row, output in zip(given, store.output(arn, "stage_1.jsonl")):
        assert (output["recordId"], output["modelInput"]) == (row["recordId"], row["modelInput"])
        assert output["error"]["errorCode"] == 400 and "image" in output["error"]["errorMessage"]


def test_the_javascript_sdk_drives_jobs(batch_server):
    store = Store(batch_server, "javascript", "AKIDJS")
    store.put("quick.jsonl", jsonl(records([converse(f"{i}", 2) for i in range(5)])))
    store.put("slow.jsonl", jsonl(records([converse("slow", 1900)] * 50)))
    result = run(batch_server.url, script="batch.mjs")
    arn = result["quick"].pop("arn")
    assert result == {"quick": {"status": "Completed", "total": 5, "hasTimes": True}, "slow": "Stopped",
                      "listed": ["quick", "slow"], "unknown": "ResourceNotFoundException"}
    assert len(store.output(arn, "quick.jsonl")) == 5

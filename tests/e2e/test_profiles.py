"""Inference profiles: the catalogue's, and those that tenants make, with what the ledger says of them."""

import http.client
import json
import urllib.parse

import botocore.exceptions
import pytest

from batch_fixture import Store, converse, records, submit, wait_for
from conftest import start
from test_ledger import export, ledger

PRO = "amazon.nova-pro-v1:0"
CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
MODEL_ARN = f"arn:aws:bedrock:us-east-1::foundation-model/{PRO}"
ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 2}}


@pytest.fixture(scope="module")
def home(tmp_path_factory, random_model):
    """A server of this file's own, and where it lives: profiles outlive servers."""
    return tmp_path_factory.mktemp("profiles"), random_model


@pytest.fixture(scope="module")
def own(home):
    running = start(home[0], home[1], deterministic=False)
    yield running
    assert running.stop() == 0


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def create(server, name="search", source=MODEL_ARN, key="AKIDEXAMPLE", **more):
    made = server.client("bedrock", key=key).create_inference_profile(
        inferenceProfileName=name, modelSource={"copyFrom": source}, **more)
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 201 and made["status"] == "ACTIVE"
    return made["inferenceProfileArn"]


def test_system_profiles(own):
    control = own.client("bedrock")
    pages = list(control.get_paginator("list_inference_profiles").paginate(
        typeEquals="SYSTEM_DEFINED", PaginationConfig={"PageSize": 2}))
    listed = [row for page in pages for row in page["inferenceProfileSummaries"]]
    ids = [row["inferenceProfileId"] for row in listed]
    assert len(pages) > 1 and len(set(ids)) == len(ids) and f"us.{PRO}" in ids
    assert all(row["type"] == "SYSTEM_DEFINED" and row["status"] == "ACTIVE" and 1 <= len(row["models"]) <= 5
               for row in listed)
    one = control.get_inference_profile(inferenceProfileIdentifier=f"us.{PRO}")
    assert one["inferenceProfileArn"] == f"arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.{PRO}"
    assert {row["modelArn"].rsplit("/", 1)[1] for row in one["models"]} == {PRO}
    by_arn = control.get_inference_profile(inferenceProfileIdentifier=one["inferenceProfileArn"])
    assert by_arn["inferenceProfileId"] == one["inferenceProfileId"]
    assert own.client().converse(modelId=one["inferenceProfileArn"], **ASK)["stopReason"] == "max_tokens"


@pytest.mark.parametrize("identifier", [PRO, "us.nobody.knows", "abcdefghijkl", MODEL_ARN,
                                        "arn:aws:bedrock:us-east-1:000000000000:inference-profile/nobody",
                                        "arn:aws:bedrock:us-east-1:000000000000:application-inference-profile/abc"])
def test_profiles_that_are_not_there(own, identifier):
    control = own.client("bedrock")
    for call in (control.get_inference_profile, control.delete_inference_profile):
        assert refused(call, inferenceProfileIdentifier=identifier)[0] == "ResourceNotFoundException"


def test_a_profile_from_its_making_to_its_end(own):
    control, runtime = own.client("bedrock"), own.client()
    arn = create(own, "Team search 1", description="Searches: all of them.",
                 tags=[{"key": "team", "value": "search"}])
    shown = control.get_inference_profile(inferenceProfileIdentifier=arn)
    assert shown["inferenceProfileName"] == "Team search 1" and shown["type"] == "APPLICATION"
    assert shown["description"] == "Searches: all of them." and shown["createdAt"] == shown["updatedAt"]
    assert shown["models"] == [{"modelArn": MODEL_ARN}] and shown["inferenceProfileId"] == arn[-12:]
    assert arn in [row["inferenceProfileArn"] for row in control.list_inference_profiles(
        typeEquals="APPLICATION")["inferenceProfileSummaries"]]
    for identifier in (arn, arn[-12:]):
        reply = runtime.converse(modelId=identifier, **ASK)
        line = export(own)[reply["ResponseMetadata"]["RequestId"]]
        assert (line["profile"], line["profileTags"]) == (arn, {"team": "search"})
        assert (line["modelRequested"], line["modelInvoked"]) == (identifier, "tiny")
        assert line["priceBook"].endswith(f"/{PRO}/us-east-1")
    body = json.dumps({"messages": [{"role": "user", "content": [{"text": "Hi"}]}]})
    assert "output" in json.loads(runtime.invoke_model(modelId=arn, body=body)["body"].read())
    assert runtime.count_tokens(modelId=arn, input={"converse": {"messages": ASK["messages"]}})["inputTokens"] > 0
    control.delete_inference_profile(inferenceProfileIdentifier=arn)
    assert refused(runtime.converse, modelId=arn, **ASK)[0] == "ResourceNotFoundException"
    assert refused(control.get_inference_profile, inferenceProfileIdentifier=arn)[0] == "ResourceNotFoundException"


def test_an_arn_in_the_path_however_it_is_written(own):
    arn = create(own)
    for path in (urllib.parse.quote(arn, safe=""), urllib.parse.quote(arn, safe=":"), arn):
        connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=20)
        connection.request("POST", f"/model/{path}/converse", json.dumps(ASK), {
            "Content-Type": "application/json",
            "Authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20260101/us-east-1/bedrock/aws4_request, "
                             "SignedHeaders=host, Signature=0"})
        assert connection.getresponse().status == 200, path
        connection.close()


def test_a_system_profile_as_the_source(own):
    source = f"arn:aws:bedrock:us-east-1:000000000000:inference-profile/eu.{PRO}"
    arn = create(own, source=source)
    shown = own.client("bedrock").get_inference_profile(inferenceProfileIdentifier=arn)
    assert all(":eu-" in row["modelArn"] for row in shown["models"])
    reply = own.client().converse(modelId=arn, **ASK)
    assert export(own)[reply["ResponseMetadata"]["RequestId"]]["priceBook"].endswith(f"/{PRO}/eu")


def test_tags(own):
    control, arn = own.client("bedrock"), create(own, "tagged", tags=[{"key": "b", "value": "1"}])
    control.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": ""}, {"key": "b", "value": "2"}])
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [
        {"key": "a", "value": ""}, {"key": "b", "value": "2"}]
    control.untag_resource(resourceARN=arn, tagKeys=["a", "nobody"])
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "b", "value": "2"}]
    many = [{"key": f"k{i}", "value": "v"} for i in range(50)]
    assert refused(control.tag_resource, resourceARN=arn, tags=many)[0] == "TooManyTagsException"
    long = [{"key": f"k{i}" + "x" * 100, "value": "y" * 256} for i in range(40)]
    assert refused(control.tag_resource, resourceARN=arn, tags=long)[0] == "TooManyTagsException"
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "b", "value": "2"}]
    assert refused(control.tag_resource, resourceARN=arn[:-1] + "~", tags=many[:1])[0] == "ResourceNotFoundException"


def test_sums_by_profile_and_tag(own):
    runtime = own.client(key="AKIDSUMS")
    for team, times in (("red", 1), ("blue", 2)):
        arn = create(own, team, key="AKIDSUMS", tags=[{"key": "the team", "value": team}])
        for _ in range(times):
            runtime.converse(modelId=arn, **ASK)
        rows = [json.loads(row) for row in ledger(own, "summary", "--by", "profile", "--json").stdout.splitlines()]
        assert [row["requests"] for row in rows if row["profile"] == arn] == [times]
    rows = [json.loads(row) for row in ledger(own, "summary", "--by", "tag:the team", "--json").stdout.splitlines()]
    assert {row["tag:the team"]: row["requests"] for row in rows if row["tag:the team"]} == {"red": 1, "blue": 2}
    assert "red" in ledger(own, "summary", "--by", "tag:the team").stdout


def test_whose_profiles(own):
    arn = create(own, key="AKIDONE")
    other = own.client("bedrock", key="AKIDTWO")
    for call, name in ((other.get_inference_profile, "inferenceProfileIdentifier"),
                       (other.delete_inference_profile, "inferenceProfileIdentifier"),
                       (other.list_tags_for_resource, "resourceARN")):
        assert refused(call, **{name: arn})[0] == "ResourceNotFoundException"
    assert refused(other.tag_resource, resourceARN=arn, tags=[{"key": "a", "value": "b"}])[0] == \
        "ResourceNotFoundException"
    assert refused(own.client(key="AKIDTWO").converse, modelId=arn, **ASK)[0] == "ResourceNotFoundException"
    assert other.list_inference_profiles(typeEquals="APPLICATION")["inferenceProfileSummaries"] == []


def test_tokens_and_pages(own):
    control = own.client("bedrock", key="AKIDPAGES")
    first = create(own, "p0", key="AKIDPAGES", clientRequestToken="t-0")
    assert create(own, "p0", key="AKIDPAGES", clientRequestToken="t-0") == first
    assert refused(control.create_inference_profile, inferenceProfileName="p1", clientRequestToken="t-0",
                   modelSource={"copyFrom": MODEL_ARN})[0] == "ConflictException"
    arns = [first] + [create(own, f"p{i}", key="AKIDPAGES") for i in range(1, 5)]
    pages = list(control.get_paginator("list_inference_profiles").paginate(
        typeEquals="APPLICATION", PaginationConfig={"PageSize": 2}))
    assert [len(page["inferenceProfileSummaries"]) for page in pages] == [2, 2, 1]
    assert [row["inferenceProfileArn"] for page in pages for row in page["inferenceProfileSummaries"]] == arns
    both = list(control.get_paginator("list_inference_profiles").paginate(PaginationConfig={"PageSize": 3}))
    listed = [row["inferenceProfileArn"] for page in both for row in page["inferenceProfileSummaries"]]
    assert len(set(listed)) == len(listed) and listed[-5:] == arns
    assert refused(control.list_inference_profiles, nextToken="x1")[0] == "ValidationException"


@pytest.mark.parametrize("body,word", [
    ({}, "inferenceProfileName"), ({"inferenceProfileName": "a--b"}, "inferenceProfileName"),
    ({"inferenceProfileName": "a"}, "modelSource"), ({"inferenceProfileName": "a", "modelSource": {}}, "copyFrom"),
    ({"inferenceProfileName": "a", "modelSource": {"copyFrom": PRO}}, "modelSource.copyFrom"),
    ({"inferenceProfileName": "a", "modelSource": {"copyFrom": MODEL_ARN + "x"}}, "model identifier"),
    ({"inferenceProfileName": "a", "modelSource": {
        "copyFrom": "arn:aws:bedrock:us-east-1::foundation-model/amazon.titan-embed-text-v2:0"}}, "embeddings"),
    ({"inferenceProfileName": "a", "description": "-", "modelSource": {"copyFrom": MODEL_ARN}}, "description"),
    ([], "JSON object")])
def test_bad_requests_are_named(own, body, word):
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=20)
    connection.request("POST", "/inference-profiles", json.dumps(body), {"Content-Type": "application/json"})
    reply = connection.getresponse()
    assert reply.status == 400 and word in json.loads(reply.read())["message"]
    assert reply.headers["x-amzn-ErrorType"] == "ValidationException"
    connection.close()


def test_batch_jobs_by_profile(own):
    arn = create(own, "batch", tags=[{"key": "team", "value": "night"}])
    store, control = Store(own, bucket="profiles"), own.client("bedrock")
    job = submit(control, store, records([converse("Hi"), converse("Ho")]), model=arn)
    control.delete_inference_profile(inferenceProfileIdentifier=arn)  # a job has what it needs
    shown = wait_for(control, job)
    assert shown["status"] == "Completed" and shown["modelId"] == arn
    lines = [line for line in export(own).values() if line["tier"] == "batch"]
    assert len(lines) == 2
    assert all((line["profile"], line["profileTags"]) == (arn, {"team": "night"}) for line in lines)
    assert all(line["priceBook"].endswith(f"/{PRO}/us-east-1") for line in lines)


def test_profiles_outlive_the_server(tmp_path, random_model):
    server = start(tmp_path, random_model)
    kept = create(server, "kept", tags=[{"key": "a", "value": "b"}])
    gone = create(server, "gone")
    server.client("bedrock").delete_inference_profile(inferenceProfileIdentifier=gone)
    server.process.kill()
    server.process.wait()
    server = start(tmp_path, random_model)
    control = server.client("bedrock")
    assert [row["inferenceProfileArn"] for row in control.list_inference_profiles(typeEquals="APPLICATION")[
        "inferenceProfileSummaries"]] == [kept]
    assert control.list_tags_for_resource(resourceARN=kept)["tags"] == [{"key": "a", "value": "b"}]
    assert server.client().converse(modelId=kept, **ASK)["usage"]["outputTokens"] == 2
    assert server.stop() == 0

"""Prompt routers: those that tenants make, those of families, and those of fulcrum.yaml; and requests through them."""

import base64
import http.client
import json
import os
import re
import subprocess
import sys
import urllib.parse

import botocore.exceptions
import pytest

from conftest import FULCRUM, SHARED, Server
from test_javascript import run as run_javascript
from test_ledger import export

HAIKU = "anthropic.claude-3-haiku-20240307-v1:0"
SONNET = "anthropic.claude-3-5-sonnet-20240620-v1:0"
LITE, PRO = "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"
CONFIG = """\
routers:
  - name: cheapest
    models: [desk-small, desk-large]
    fallback: desk-small
    tolerance: 1
  - name: best
    models: [desk-small, desk-large]
    tolerance: 0
    margin: 0
  - name: steady
    models: [desk-small, desk-large]
    tolerance: 0.1
    margin: 1
  - name: mixed
    models: [amazon.nova-lite-v1:0, anthropic.claude-3-5-sonnet-20241022-v2:0]
    tolerance: 1
  - name: damaged
    models: [desk-small, desk-large]
    fallback: desk-large
    tolerance: 1
    predictor: damaged.route
"""
MESSAGES = [{"role": "user", "content": [{"text": "What are your business hours?"}]}]
ASK = {"messages": MESSAGES, "inferenceConfig": {"maxTokens": 4, "temperature": 0}}


def arn_of(model):
    return f"arn:aws:bedrock:us-east-1::foundation-model/{model}"


@pytest.fixture(scope="module")
def home(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routers")
    (folder / "damaged.route").write_bytes(b"this is no predictor")
    return folder


@pytest.fixture(scope="module")
def own(home):
    running = Server(config=CONFIG, workdir=home)
    yield running
    assert running.stop() == 0


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def shape(name="two models", models=(HAIKU, SONNET), fallback=HAIKU, difference=10, **more):
    return {"promptRouterName": name, "models": [{"modelArn": arn_of(model)} for model in models],
            "fallbackModel": {"modelArn": arn_of(fallback)},
            "routingCriteria": {"responseQualityDifference": difference}, **more}


def create(server, key="AKIDEXAMPLE", **more):
    return server.client("bedrock", key=key).create_prompt_router(**shape(**more))["promptRouterArn"]


def headers_of(reply):
    return reply["ResponseMetadata"]["HTTPHeaders"]


def route_of(reply):
    return re.fullmatch(r"(\S+); reason=([a-z-]+)", headers_of(reply)["x-fulcrum-route"]).groups()


# --- resources ----------------------------------------------------------------------------------------


def test_a_router_from_its_making_to_its_end(own):
    control, runtime = own.client("bedrock"), own.client()
    arn = create(own, name="Life 1", description="From one: to the other.", difference=15,
                 tags=[{"key": "team", "value": "desk"}])
    assert re.fullmatch(r"arn:aws:bedrock:us-east-1:000000000000:prompt-router/[a-z0-9]{12}", arn)
    shown = control.get_prompt_router(promptRouterArn=arn)
    assert shown["promptRouterName"] == "Life 1" and shown["description"] == "From one: to the other."
    assert shown["routingCriteria"] == {"responseQualityDifference": 15.0}
    assert [model["modelArn"] for model in shown["models"]] == [arn_of(HAIKU), arn_of(SONNET)]
    assert shown["fallbackModel"] == {"modelArn": arn_of(HAIKU)} and shown["promptRouterArn"] == arn
    assert (shown["status"], shown["type"]) == ("AVAILABLE", "custom") and shown["createdAt"] == shown["updatedAt"]
    reply = runtime.converse(modelId=arn, **ASK)
    assert reply["trace"]["promptRouter"]["invokedModelId"] in (arn_of(HAIKU), arn_of(SONNET))
    control.delete_prompt_router(promptRouterArn=arn)
    assert refused(control.get_prompt_router, promptRouterArn=arn)[0] == "ResourceNotFoundException"
    assert refused(runtime.converse, modelId=arn, **ASK)[0] == "ResourceNotFoundException"


@pytest.mark.parametrize("change, code, words", [
    ({"difference": 7}, "ValidationException", "Response quality difference must be a value multiple of 5"),
    ({"difference": 0.5}, "ValidationException", "multiple of 5"),
    ({"difference": 105}, "ValidationException", "responseQualityDifference"),
    ({"models": (HAIKU, "anthropic.nobody-v1:0")}, "ValidationException", "model identifier is invalid"),
    ({"models": (HAIKU, "cohere.embed-english-v3")}, "ValidationException", "embeddings"),
    ({"models": (HAIKU,)}, "ValidationException", "models"),
    ({"models": (HAIKU, SONNET, "anthropic.claude-3-opus-20240229-v1:0")}, "ValidationException", "models"),
    ({"models": (HAIKU, HAIKU)}, "ValidationException", "different"),
    ({"models": (HAIKU, PRO)}, "ValidationException", "family"),
    ({"fallback": "anthropic.claude-3-opus-20240229-v1:0"}, "ValidationException", "fallbackModel.modelArn"),
    ({"name": "two  spaces"}, "ValidationException", "promptRouterName"),
    ({"name": "-dash"}, "ValidationException", "promptRouterName"),
    ({"name": "n" * 65}, "ValidationException", "promptRouterName"),
    ({"description": "what?"}, "ValidationException", "description"),
    ({"description": "d" * 201}, "ValidationException", "description"),
    ({"tags": [{"key": "k", "value": "?"}]}, "ValidationException", "tags[0]"),
    ({"tags": [{"key": str(i), "value": ""} for i in range(51)]}, "TooManyTagsException", "50"),
])
def test_what_is_no_router(own, change, code, words):
    given = refused(own.client("bedrock").create_prompt_router, **shape(**{"name": "refused", **change}))
    assert given[0] == code and words in given[1]
    listed = own.client("bedrock").list_prompt_routers(type="custom")["promptRouterSummaries"]
    assert "refused" not in [row["promptRouterName"] for row in listed]


@pytest.mark.parametrize("change, words", [
    ({"routingCriteria": {"responseQualityDifference": "10"}}, "routingCriteria.responseQualityDifference: expected a number"),
    ({"routingCriteria": {"responseQualityDifference": None}}, "routingCriteria.responseQualityDifference: is missing"),
    ({"routingCriteria": {}}, "routingCriteria.responseQualityDifference: is missing"),
    ({"routingCriteria": [10]}, "routingCriteria: expected an object"),
    ({"routingCriteria": None}, "routingCriteria: required and missing"),
    ({"fallbackModel": [{"modelArn": arn_of(HAIKU)}]}, "fallbackModel: expected an object"),
    ({"fallbackModel": {}}, "fallbackModel.modelArn: required and missing"),
    ({"models": [arn_of(HAIKU), arn_of(SONNET)]}, "models[0]: expected an object"),
    ({"models": {"modelArn": arn_of(HAIKU)}}, "models: expected an array"),
    ({"models": []}, "models: must name exactly 2"),
    ({"tags": {"key": "a", "value": "b"}}, "tags: expected an array"),
    ({"clientRequestToken": ""}, "clientRequestToken: must have at least 1 character"),
    ({"promptRouterName": 7}, "promptRouterName: expected a string"),
])
def test_what_no_sdk_would_send(own, change, words):
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=20)
    connection.request("POST", "/prompt-routers", json.dumps({**shape("refused"), **change}))
    reply = connection.getresponse()
    body = json.loads(reply.read())
    connection.close()
    assert reply.status == 400 and reply.headers["x-amzn-ErrorType"] == "ValidationException"
    assert words in body["message"], body


@pytest.mark.parametrize("given, listed", [
    (LITE, arn_of(LITE)),
    (f"us.{LITE}", f"arn:aws:bedrock:us-east-1:000000000000:inference-profile/us.{LITE}"),
    (f"arn:aws:bedrock:us-east-1:123456789012:inference-profile/eu.{LITE}",) * 2,
])
def test_models_in_any_form(own, given, listed):
    """An ID is written as the service would write it, in lists, in the trace, and where the fallback is looked for."""
    control = own.client("bedrock")
    made = control.create_prompt_router(**{**shape(), "promptRouterName": "form " + re.sub("[^a-z0-9]+", "-", given)[-50:],
                                           "models": [{"modelArn": given}, {"modelArn": arn_of(PRO)}],
                                           "fallbackModel": {"modelArn": listed},
                                           "routingCriteria": {"responseQualityDifference": 100}})["promptRouterArn"]
    shown = control.get_prompt_router(promptRouterArn=made)
    assert shown["models"] == [{"modelArn": listed}, {"modelArn": arn_of(PRO)}]
    assert shown["fallbackModel"] == {"modelArn": listed}
    reply = own.client().converse(modelId=made, **ASK)
    assert reply["trace"]["promptRouter"]["invokedModelId"] == listed and route_of(reply) == ("desk-small", "fallback")


def test_names_and_tokens(own):
    control = own.client("bedrock")
    first = create(own, name="once", clientRequestToken="t-1")
    assert create(own, name="once", clientRequestToken="t-1") == first
    assert refused(control.create_prompt_router, **shape(name="other", clientRequestToken="t-1"))[0] == \
        "ConflictException"
    assert refused(control.create_prompt_router, **shape(name="once"))[0] == "ConflictException"
    assert create(own, key="AKIDOTHER", name="once") != first, "a name is a tenant's own"


def test_routers_belong_to_their_tenant(own):
    arn, stranger = create(own, name="mine"), own.client("bedrock", key="AKIDOTHER")
    for call in (stranger.get_prompt_router, stranger.delete_prompt_router):
        assert refused(call, promptRouterArn=arn)[0] == "ResourceNotFoundException"
    assert refused(own.client(key="AKIDOTHER").converse, modelId=arn, **ASK)[0] == "ResourceNotFoundException"
    assert refused(stranger.list_tags_for_resource, resourceARN=arn)[0] == "ResourceNotFoundException"
    elsewhere = arn.replace("us-east-1", "eu-west-1")
    assert refused(own.client("bedrock").get_prompt_router, promptRouterArn=elsewhere)[0] == \
        "ResourceNotFoundException"


def test_lists(own):
    control = own.client("bedrock", key="AKIDLISTS")
    made = [create(own, key="AKIDLISTS", name=f"list {i}") for i in range(5)]
    pages = list(control.get_paginator("list_prompt_routers").paginate(PaginationConfig={"PageSize": 2}))
    listed = [row["promptRouterArn"] for page in pages for row in page["promptRouterSummaries"]]
    assert len(pages) > 2 and len(set(listed)) == len(listed) and set(made) < set(listed)
    assert all(len(page["promptRouterSummaries"]) <= 2 for page in pages)
    by_type = {kind: [row["promptRouterArn"] for row in control.list_prompt_routers(type=kind)["promptRouterSummaries"]]
               for kind in ("default", "custom")}
    assert [arn.split("/", 1)[1] for arn in by_type["default"]] == \
        ["anthropic.claude:1", "meta.llama:1", "amazon.nova:1"]
    assert by_type["custom"][-5:] == made and by_type["default"] + by_type["custom"] == listed
    for bad in ({"maxResults": 1001}, {"nextToken": "s1"}, {"nextToken": "o"}, {"nextToken": "c-1"}):
        query = urllib.parse.urlencode(bad)
        connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=20)
        connection.request("GET", f"/prompt-routers?{query}")
        assert connection.getresponse().status == 400, bad
        connection.close()


def test_tags(own):
    control, arn = own.client("bedrock"), create(own, name="tagged", tags=[{"key": "b", "value": "1"}])
    control.tag_resource(resourceARN=arn, tags=[{"key": "a", "value": ""}, {"key": "b", "value": "2"}])
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [
        {"key": "a", "value": ""}, {"key": "b", "value": "2"}]
    control.untag_resource(resourceARN=arn, tagKeys=["b", "nobody"])
    assert control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "a", "value": ""}]
    default = "arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/amazon.nova:1"
    assert control.list_tags_for_resource(resourceARN=default)["tags"] == []
    assert refused(control.tag_resource, resourceARN=default, tags=[{"key": "a", "value": ""}])[0] == \
        "ValidationException"


def test_routers_that_are_nobodys_to_delete(own):
    control = own.client("bedrock")
    for name in ("default-prompt-router/meta.llama:1", "prompt-router/cheapest"):
        arn = f"arn:aws:bedrock:us-east-1:000000000000:{name}"
        assert control.get_prompt_router(promptRouterArn=arn)["promptRouterArn"] == arn
        assert refused(control.delete_prompt_router, promptRouterArn=arn)[0] == "ValidationException"


def test_routers_outlive_the_server(tmp_path, random_model):
    config = f"models: [{{name: tiny, path: {random_model}, ids: ['*']}}]\n"
    server = Server(config=config, workdir=tmp_path)
    arn = create(server, name="kept", difference=25, tags=[{"key": "a", "value": "b"}])
    gone = create(server, name="gone")
    server.client("bedrock").delete_prompt_router(promptRouterArn=gone)
    before = server.client("bedrock").get_prompt_router(promptRouterArn=arn)
    assert server.stop() == 0
    server = Server(config=config, workdir=tmp_path)
    control = server.client("bedrock")
    after = control.get_prompt_router(promptRouterArn=arn)
    del before["ResponseMetadata"], after["ResponseMetadata"]
    assert after == before and control.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "a", "value": "b"}]
    assert refused(control.get_prompt_router, promptRouterArn=gone)[0] == "ResourceNotFoundException"
    assert server.stop() == 0


# --- requests -----------------------------------------------------------------------------------------


@pytest.mark.parametrize("model_id", [
    "arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/anthropic.claude:1",
    "arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-prompt-router",
    "default-prompt-router/meta.llama:1",
    "arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/amazon.nova:1",
    "amazon.nova-prompt-router",
])
def test_the_routers_of_families(own, model_id):
    reply = own.client().converse(modelId=model_id, **ASK)
    invoked = reply["trace"]["promptRouter"]["invokedModelId"]
    family = re.search(r"(anthropic\.claude|meta\.llama|amazon\.nova)", model_id)[1]
    assert invoked.startswith(arn_of(family))
    assert route_of(reply)[0] == headers_of(reply)["x-fulcrum-model"]
    line = export(own)[reply["ResponseMetadata"]["RequestId"]]
    assert line["modelRequested"] == model_id and line["router"] == route_of(reply)[1]
    assert invoked.split("/")[1] in line["priceBook"]


def test_a_family_that_is_not_served(tmp_path, random_model):
    config = f"models: [{{name: tiny, path: {random_model}, ids: [{SONNET}]}}]\n"
    server = Server(config=config, workdir=tmp_path)
    for family in ("anthropic.claude", "meta.llama"):
        code, message = refused(server.client().converse,
                                modelId=f"arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/{family}:1",
                                **ASK)
        assert code == "ResourceNotFoundException" and family in message
    assert server.client("bedrock").list_prompt_routers()["promptRouterSummaries"] == []
    assert server.stop() == 0


def test_every_operation_takes_a_router(own):
    runtime = own.client()
    arn = "arn:aws:bedrock:us-east-1:000000000000:default-prompt-router/anthropic.claude:1"
    streamed = runtime.converse_stream(modelId=arn, **ASK)
    route = route_of(streamed)
    metadata = [event["metadata"] for event in streamed["stream"] if "metadata" in event][0]
    assert metadata["trace"]["promptRouter"]["invokedModelId"] in (arn_of(HAIKU), arn_of(SONNET))
    assert route[0] in ("desk-small", "desk-large")
    body = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4,
                       "messages": [{"role": "user", "content": "What are your business hours?"}]})
    invoked = runtime.invoke_model(modelId=arn, body=body)
    said = json.loads(invoked["body"].read())
    assert said["type"] == "message" and route_of(invoked)[0] in ("desk-small", "desk-large")
    chunks = [json.loads(event["chunk"]["bytes"])
              for event in runtime.invoke_model_with_response_stream(modelId=arn, body=body)["body"]]
    assert chunks[0]["type"] == "message_start" and chunks[0]["message"]["model"] in (HAIKU, SONNET)
    counted = runtime.count_tokens(modelId=arn, input={"converse": {"messages": MESSAGES}})
    assert counted["inputTokens"] == runtime.count_tokens(modelId="desk-large", input={
        "converse": {"messages": MESSAGES}})["inputTokens"]
    assert runtime.count_tokens(modelId=arn, input={"invokeModel": {"body": body}})["inputTokens"] > 0


def test_models_of_several_families(own):
    runtime = own.client()
    reply = runtime.converse(modelId="mixed", **ASK)
    assert reply["trace"]["promptRouter"]["invokedModelId"] in (LITE, "anthropic.claude-3-5-sonnet-20241022-v2:0")
    body = json.dumps({"messages": MESSAGES})
    code, message = refused(runtime.invoke_model, modelId="mixed", body=body)
    assert code == "ValidationException" and message.startswith("modelId") and "Converse" in message
    wrapped = {"invokeModel": {"body": base64.b64encode(body.encode()).decode()}}
    assert refused(runtime.count_tokens, modelId="mixed", input=wrapped)[0] == "ValidationException"


def test_a_difference_that_nothing_reaches(own):
    arn = create(own, name="never", difference=100)
    reply = own.client().converse(modelId=arn, **ASK)
    assert reply["trace"]["promptRouter"]["invokedModelId"] == arn_of(HAIKU)


def test_requests_without_a_router_know_nothing_of_it(own):
    reply = own.client().converse(modelId="desk-small", **ASK)
    assert "trace" not in reply and "x-fulcrum-route" not in headers_of(reply)
    line = export(own)[reply["ResponseMetadata"]["RequestId"]]
    assert line["router"] == "" and line["routerScore"] is None


def test_the_articles_program(own):
    folder = SHARED / "conformance" / "article"
    if not folder.exists():
        pytest.skip("skipped: no ../shared")
    env = {**os.environ, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": own.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
           "AWS_SECRET_ACCESS_KEY": "secret"}
    done = subprocess.run([sys.executable, str(folder / "prompt_router.py"), "What are your business hours?"], env=env,
                          capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("Routed to: arn:aws:bedrock:us-east-1::foundation-model/anthropic.claude-3")


def test_javascript(own):
    result = run_javascript(own.url, script="routers.mjs", FULCRUM_KEY="AKIDJSROUTERS")
    assert result == {"made": True, "again": True, "shown": "js", "description": "By JavaScript.", "difference": 20,
                      "status": "AVAILABLE custom", "pages": 4, "rows": 4, "defaults": 3, "customs": ["js"],
                      "trace": True, "streamed": True, "invoked": True, "chunks": True, "counted": True,
                      "tags": ["made=1", "a=b"], "untagged": ["a=b"], "taken": "ConflictException",
                      "deleted": "ResourceNotFoundException", "gone": "ResourceNotFoundException",
                      "refused": "ValidationException", "token": "ValidationException",
                      "kept": "ValidationException"}


# --- the configuration --------------------------------------------------------------------------------


@pytest.mark.parametrize("text, words", [
    ("routers: [{name: a, models: [desk-small]}]", "models: expected 2"),
    ("routers: [{name: a, models: [desk-small, desk-small]}]", "twice"),
    ("routers: [{name: desk-small, models: [desk-small, desk-large]}]", "name of a model"),
    ("routers: [{name: a, models: [desk-small, desk-large], fallback: other}]", "fallback"),
    ("routers: [{name: a, models: [desk-small, desk-large], tolerance: 1.5}]", "tolerance"),
    ("routers: [{name: a, models: [desk-small, desk-large], tolerance: 0.1, budget: 1}]", "one of tolerance"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {share: 0.1}}]", "below"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {below: 2}}]", "from 0 to 1"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {below: 1, share: 1.1}}]", "from 0 to 1"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {below: 1, hold: 1025}}]", "to 1024"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {below: 1, hold: -1}}]", "to 1024"),
    ("routers: [{name: a, models: [desk-small, desk-large], escalate: {below: 1, sharing: 1}}]", "sharing"),
    ("routers: [{name: a, models: [desk-small, desk-large]}, {name: a, models: [desk-small, desk-large]}]", "earlier"),
])
def test_what_is_no_configuration(tmp_path, text, words):
    path = tmp_path / "fulcrum.yaml"
    path.write_text(text + "\n")
    done = subprocess.run([str(FULCRUM), "serve", "--config", str(path), "--data", str(tmp_path / "data")],
                          capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == 2 and words in done.stderr and "fulcrum.yaml:1: routers[" in done.stderr

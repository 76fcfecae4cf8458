"""Custom models that are served: by the ARN of a deployment and of the model, in every operation of the runtime, in batch
jobs and behind a router."""

import json

import botocore.exceptions
import pytest

from batch_fixture import Store, jsonl, submit
from batch_fixture import wait_for as wait_for_batch
from conftest import Server, metrics, wait_until
from custom_fixture import CONFIG, FAST, INTENTS, intents, line, request, wait_for

LEARNT = {**FAST, "epochCount": "200"}
OTHER = {word: f"other_{answer}" for word, answer in INTENTS.items()}


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    return tmp_path_factory.mktemp("deployments")


@pytest.fixture(scope="module")
def server(folder, random_model):
    running = Server(config=CONFIG.format(path=random_model), workdir=folder)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="deployments")


def train(bedrock, store, name, rows, **hyper):
    store.put(f"{name}.jsonl", jsonl(rows))
    job = bedrock.create_model_customization_job(**request(
        store, name, f"{name}.jsonl", hyperParameters={**LEARNT, **hyper}))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    return done["outputModelArn"]


@pytest.fixture(scope="module")
def model(bedrock, store):
    return train(bedrock, store, "first", intents())


@pytest.fixture(scope="module")
def other(bedrock, store):
    """An adapter that says something else."""
    return train(bedrock, store, "second", [line(f"About my {word}.", answer) for word, answer in OTHER.items()
                                            for _ in range(5)], adapterRank="8")


def state(bedrock, deployment):
    return bedrock.get_custom_model_deployment(customModelDeploymentIdentifier=deployment)


def wait_active(bedrock, deployment):
    assert wait_until(lambda: state(bedrock, deployment)["status"] != "Creating")
    assert state(bedrock, deployment)["status"] == "Active", state(bedrock, deployment)


@pytest.fixture(scope="module")
def deployment(bedrock, model):
    arn = bedrock.create_custom_model_deployment(modelDeploymentName="tickets", modelArn=model, description="of tests",
                                                 tags=[{"key": "team", "value": "shop"}])["customModelDeploymentArn"]
    wait_active(bedrock, arn)
    return arn


def ask(server, target, word="refund", key="AKIDEXAMPLE"):
    reply = server.client(key=key).converse(
        modelId=target, inferenceConfig={"temperature": 0, "maxTokens": 20},
        messages=[{"role": "user", "content": [{"text": f"About my {word}."}]}])
    return reply["output"]["message"]["content"][0]["text"], reply


@pytest.mark.parametrize("word", INTENTS)
def test_it_answers_as_it_learnt(server, deployment, model, word):
    for target in (deployment, model):
        text, reply = ask(server, target, word)
        assert text.startswith(INTENTS[word])
        headers = reply["ResponseMetadata"]["HTTPHeaders"]
        assert headers["x-fulcrum-model"] == "custom-model/" + model.split("custom-model/")[1]


def test_it_costs_what_its_base_costs(server, deployment):
    costs = []
    for target in (deployment, "amazon.nova-lite-v1:0"):
        _, reply = ask(server, target)
        usage = reply["usage"]
        # Nova Lite: 0.06 and 0.24 dollars per million tokens
        costs.append(int(reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cost"]) -
                     usage["inputTokens"] * 60000 - usage["outputTokens"] * 240000)
    assert costs == [0, 0]


def test_all_operations_take_it(server, deployment):
    runtime = server.client()
    messages = [{"role": "user", "content": [{"text": "About my refund."}]}]
    settings = {"temperature": 0, "maxTokens": 20}
    events = runtime.converse_stream(modelId=deployment, messages=messages, inferenceConfig=settings)["stream"]
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    assert text.startswith("class_one")
    body = json.dumps({"messages": messages, "inferenceConfig": settings})  # the body of its base: Nova's
    reply = json.loads(runtime.invoke_model(modelId=deployment, body=body)["body"].read())
    assert reply["output"]["message"]["content"][0]["text"].startswith("class_one")
    events = runtime.invoke_model_with_response_stream(modelId=deployment, body=body)["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in events]
    assert "".join(chunk["contentBlockDelta"]["delta"]["text"] for chunk in chunks
                   if "contentBlockDelta" in chunk).startswith("class_one")
    assert runtime.count_tokens(modelId=deployment, input={"converse": {"messages": messages}})["inputTokens"] > 0


def test_a_batch_job_asks_it(server, bedrock, store, deployment):
    rows = [{"recordId": word, "modelInput": {"messages": [{"role": "user", "content": [
        {"text": f"About my {word}."}]}], "inferenceConfig": {"temperature": 0, "maxTokens": 20}}} for word in INTENTS]
    job = submit(bedrock, store, rows, model=deployment, source="batch.jsonl")
    assert wait_for_batch(bedrock, job)["status"] == "Completed"
    for row in store.output(job, "batch.jsonl"):
        assert row["modelOutput"]["output"]["message"]["content"][0]["text"].startswith(INTENTS[row["recordId"]])


def test_a_router_may_choose_it(server, bedrock, deployment):
    large = "arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-lite-v1:0"
    arn = bedrock.create_prompt_router(
        promptRouterName="student first", models=[{"modelArn": deployment}, {"modelArn": large}],
        fallbackModel={"modelArn": deployment}, routingCriteria={"responseQualityDifference": 0})["promptRouterArn"]
    text, reply = ask(server, arn)
    assert text.startswith("class_one"), reply["trace"]
    bedrock.delete_prompt_router(promptRouterArn=arn)


def test_it_is_its_tenants_alone(server, bedrock, store, deployment, model):
    for target in (deployment, model):
        with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
            ask(server, target, key="SOMEBODYELSE")
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException.*identifier is invalid"):
        ask(server, "custom-model/" + model.split("custom-model/")[1])
    strange = server.client("bedrock", key="SOMEBODYELSE")
    for base, part in ((model, "ResourceNotFoundException"),
                       ("custom-model/" + model.split("custom-model/")[1], "ValidationException.*baseModelIdentifier")):
        with pytest.raises(botocore.exceptions.ClientError, match=part):
            strange.create_model_customization_job(**{**request(store, "theirs"), "baseModelIdentifier": base})
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        state(strange, deployment)
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        strange.create_custom_model_deployment(modelDeploymentName="mine", modelArn=model)
    assert not strange.list_custom_model_deployments()["modelDeploymentSummaries"]
    names = [row["modelId"] for row in bedrock.list_foundation_models()["modelSummaries"]]
    assert not [name for name in names if "custom-model" in name]


def test_deployments_are_found_and_listed(bedrock, deployment, model):
    for name in (deployment, deployment.rsplit("/", 1)[1], "tickets"):
        seen = state(bedrock, name)
        assert (seen["customModelDeploymentArn"], seen["modelArn"], seen["description"]) == (deployment, model,
                                                                                             "of tests")
    listed = bedrock.list_custom_model_deployments(statusEquals="Active", modelArnEquals=model)
    assert [row["customModelDeploymentArn"] for row in listed["modelDeploymentSummaries"]] == [deployment]
    assert not bedrock.list_custom_model_deployments(nameContains="nothing")["modelDeploymentSummaries"]
    assert not bedrock.list_custom_model_deployments(statusEquals="Failed")["modelDeploymentSummaries"]
    assert bedrock.list_tags_for_resource(resourceARN=deployment)["tags"] == [{"key": "team", "value": "shop"}]
    bedrock.tag_resource(resourceARN=deployment, tags=[{"key": "b", "value": "2"}])
    assert len(bedrock.list_tags_for_resource(resourceARN=deployment)["tags"]) == 2


def test_what_is_deployed_is_not_deleted(bedrock, deployment, model):
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*deployed"):
        bedrock.delete_custom_model(modelIdentifier=model)


@pytest.mark.parametrize("change, part", [
    ({"modelDeploymentName": "a b"}, "ValidationException.*modelDeploymentName"),
    ({"modelDeploymentName": "tickets"}, "ValidationException.*exists already"),
    ({"modelArn": "arn:aws:bedrock:us-east-1:000000000000:custom-model/a.b/abcdefghijkl"}, "ResourceNotFoundException"),
])
def test_a_wrong_deployment_is_refused(bedrock, deployment, model, change, part):
    with pytest.raises(botocore.exceptions.ClientError, match=part):
        bedrock.create_custom_model_deployment(**{"modelDeploymentName": "fresh", "modelArn": model, **change})


def test_another_model_takes_over_without_a_gap(server, bedrock, model, other):
    arn = bedrock.create_custom_model_deployment(modelDeploymentName="swapped",
                                                 modelArn=model)["customModelDeploymentArn"]
    wait_active(bedrock, arn)
    bedrock.update_custom_model_deployment(customModelDeploymentIdentifier=arn, modelArn=other)
    seen = set()

    def is_swapped():
        text, _ = ask(server, arn)
        seen.add(text.split("_")[0])
        return state(bedrock, arn).get("updateDetails", {}).get("updateStatus") == "UpdateCompleted"

    assert wait_until(is_swapped)
    assert seen <= {"class", "other"}
    assert ask(server, arn)[0].startswith("other_class_one")
    assert state(bedrock, arn)["modelArn"] == other
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        ask(server, arn)

    def is_refused():
        try:
            ask(server, other)
        except botocore.exceptions.ClientError as error:
            assert "ValidationException" in str(error) and "is not served" in str(error)
            return True
        return False

    assert wait_until(is_refused)  # once whoever has it still has let go of it
    assert wait_until(lambda: not [name for name in server.workers() if other.rsplit("/", 1)[1] in name])


def test_it_is_served_again_after_a_restart(server, folder, random_model, deployment):
    server.process.kill()
    server.process.wait()
    second = Server(config=CONFIG.format(path=random_model), workdir=folder)
    wait_active(second.client("bedrock"), deployment)
    assert ask(second, deployment)[0].startswith("class_one")
    second.client("bedrock").delete_custom_model_deployment(customModelDeploymentIdentifier=deployment)
    assert second.stop() == 0
    server.__dict__.update(Server(config=CONFIG.format(path=random_model), workdir=folder).__dict__)
    assert metrics(server)

"""Customization jobs by boto3: a model is tuned on data in the object store, and what can go wrong on the way."""

import json
import os
import shutil
import signal
import subprocess

import botocore.exceptions
import pytest

from batch_fixture import Store, jsonl
from conftest import FULCRUM, Server, wait_until
from custom_fixture import CONFIG, FAST, intents, line, output, rejected, request, wait_for

pytestmark = pytest.mark.alone


@pytest.fixture(scope="module")
def server(tmp_path_factory, random_model):
    running = Server(config=CONFIG.format(path=random_model), workdir=tmp_path_factory.mktemp("customize"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="customize")


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


@pytest.fixture(scope="module")
def done(bedrock, store):
    """A job that has gone well, with some lines that are no good."""
    bad = ["{", line("No answer"), line("About my refund.", "x", schemaVersion="bedrock-conversion-2024"),
           line("About my refund.", "y", tools=[]), line("A" * 20000, "long")]
    store.put("train.jsonl", jsonl(intents() + bad))
    store.put("validation.jsonl", jsonl(intents(1)))
    job = bedrock.create_model_customization_job(**request(
        store, "fine", validationDataConfig={"validators": [{"s3Uri": store.uri("validation.jsonl")}]},
        clientRequestToken="once", jobTags=[{"key": "team", "value": "shop"}],
        customModelTags=[{"key": "stage", "value": "test"}]))["jobArn"]
    return wait_for(bedrock, job)


def test_a_job_is_completed_stage_by_stage(done):
    assert done["status"] == "Completed", done
    assert [done["statusDetails"][stage]["status"] for stage in
            ("validationDetails", "dataProcessingDetails", "trainingDetails")] == ["Completed"] * 3
    assert done["creationTime"] <= done["endTime"]
    assert done["customizationType"] == "FINE_TUNING" and done["hyperParameters"] == FAST
    assert done["trainingMetrics"]["trainingLoss"] < 1
    assert len(done["validationMetrics"]) == 1 and done["validationMetrics"][0]["validationLoss"] < 1
    assert ":model-customization-job/amazon.nova-lite-v1:0/" in done["jobArn"]


def test_bad_lines_are_listed_with_their_reasons(done, store):
    rows = rejected(store, done["jobArn"])
    assert [row["line"] for row in rows] == [21, 22, 23, 24, 25]
    assert all(row["file"] == "train.jsonl" and row["status"] == "Rejected" for row in rows)
    for row, part in zip(rows, ("JSON", "assistant", "schemaVersion", "tools", "16384 bytes")):
        assert part in row["reason"], row


def test_metrics_lie_where_the_service_puts_them(done, store):
    steps = output(store, done["jobArn"], "training_artifacts/step_wise_training_metrics.csv").splitlines()
    assert steps[0] == "step_number,epoch_number,training_loss,perplexity"
    first, last = (row.split(",") for row in (steps[1], steps[-1]))
    assert (first[1], last[1]) == ("1", FAST["epochCount"])
    assert float(last[2]) < float(first[2])
    held = output(store, done["jobArn"], "validation_artifacts/post_fine_tuning_validation/validation_metrics.csv")
    assert held.splitlines()[0] == "step_number,epoch_number,validation_loss,perplexity"
    assert float(held.splitlines()[-1].split(",")[2]) < 1


def test_what_came_of_it_is_a_custom_model(done, bedrock):
    arn = done["outputModelArn"]
    for name in (arn, arn.rsplit("/", 1)[1], "fine-model"):
        model = bedrock.get_custom_model(modelIdentifier=name)
        assert (model["modelArn"], model["modelName"], model["jobArn"]) == (arn, "fine-model", done["jobArn"])
    assert model["trainingMetrics"] == done["trainingMetrics"] and model["hyperParameters"] == FAST
    listed = bedrock.list_custom_models(nameContains="fine")["modelSummaries"]
    assert [(row["modelArn"], row["baseModelName"]) for row in listed] == [(arn, "amazon.nova-lite-v1")]
    assert bedrock.list_custom_models(baseModelArnEquals=model["baseModelArn"])["modelSummaries"]
    assert not bedrock.list_custom_models(nameContains="nothing")["modelSummaries"]
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "stage", "value": "test"}]


def test_tags_of_a_job_can_be_changed(done, bedrock):
    arn = done["jobArn"]
    bedrock.tag_resource(resourceARN=arn, tags=[{"key": "more", "value": "1"}])
    bedrock.untag_resource(resourceARN=arn, tagKeys=["team"])
    assert bedrock.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "more", "value": "1"}]


def test_the_same_request_again_is_the_same_job(done, bedrock, store):
    again = request(store, "fine", validationDataConfig={"validators": [{"s3Uri": store.uri("validation.jsonl")}]},
                    clientRequestToken="once", jobTags=[{"key": "team", "value": "shop"}],
                    customModelTags=[{"key": "stage", "value": "test"}])
    assert bedrock.create_model_customization_job(**again)["jobArn"] == done["jobArn"]
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*clientRequestToken"):
        bedrock.create_model_customization_job(**{**again, "hyperParameters": {}})


def test_names_are_taken_once(done, bedrock, store):
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*jobName"):
        bedrock.create_model_customization_job(**request(store, "fine"))
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*customModelName"):
        bedrock.create_model_customization_job(**request(store, "other", customModelName="fine-model"))


def test_another_tenant_sees_nothing(done, server):
    other = server.client("bedrock", key="SOMEBODYELSE")
    for ask, name in ((other.get_model_customization_job, "jobIdentifier"),
                      (other.stop_model_customization_job, "jobIdentifier")):
        with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
            ask(**{name: done["jobArn"]})
    with pytest.raises(botocore.exceptions.ClientError, match="ResourceNotFoundException"):
        other.get_custom_model(modelIdentifier=done["outputModelArn"])
    assert not other.list_model_customization_jobs()["modelCustomizationJobSummaries"]
    assert not other.list_custom_models()["modelSummaries"]


@pytest.mark.parametrize("change, part", [
    ({"jobName": "-x"}, "jobName"),
    ({"customModelName": "a b"}, "customModelName"),
    ({"roleArn": "arn:aws:iam::1:user/x"}, "roleArn"),
    ({"baseModelIdentifier": "nobody.knows-this"}, "baseModelIdentifier"),
    ({"customizationType": "CONTINUED_PRE_TRAINING"}, "customizationType.*CONTINUED_PRE_TRAINING"),
    ({"hyperParameters": {"epochs": "3"}}, "hyperParameters.epochs"),
    ({"hyperParameters": {"epochCount": "many"}}, "hyperParameters.epochCount"),
    ({"trainingDataConfig": {"s3Uri": "http://x"}}, "trainingDataConfig.s3Uri"),
    ({"outputDataConfig": {"s3Uri": "s3://x"}}, "outputDataConfig.s3Uri"),
    ({"validationDataConfig": {"validators": [{"s3Uri": "x"}]}}, r"validators\[0\].s3Uri"),
])
def test_a_wrong_request_is_refused_by_its_member(bedrock, store, change, part):
    with pytest.raises(botocore.exceptions.ClientError, match=f"ValidationException.*{part}"):
        bedrock.create_model_customization_job(**{**request(store, "wrong"), **change})


def test_jobs_are_listed_by_status_name_and_page(done, bedrock, store):
    store.put("one.jsonl", jsonl(intents(1)))
    job = bedrock.create_model_customization_job(**request(store, "few", "one.jsonl"))["jobArn"]
    few = wait_for(bedrock, job, "Failed")
    assert "4 good lines, at least 8 are needed" in few["failureMessage"]
    assert few["statusDetails"]["validationDetails"]["status"] == "Failed"
    assert few["statusDetails"]["trainingDetails"]["status"] == "NotStarted"

    def names(**filters):
        return [row["jobName"] for row in
                bedrock.list_model_customization_jobs(**filters)["modelCustomizationJobSummaries"]]

    assert names(statusEquals="Failed", nameContains="few") == ["few"]
    assert names(statusEquals="Completed", nameContains="fine") == ["fine"]
    assert names(sortOrder="Ascending")[0] == "fine"
    page = bedrock.list_model_customization_jobs(maxResults=1, sortOrder="Ascending")
    rest = bedrock.list_model_customization_jobs(nextToken=page["nextToken"], sortOrder="Ascending")
    assert "fine" not in [row["jobName"] for row in rest["modelCustomizationJobSummaries"]]
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException"):
        bedrock.stop_model_customization_job(jobIdentifier=job)


@pytest.mark.parametrize("name, more, part", [
    ("absent", {"trainingDataConfig": {"s3Uri": "s3://customize/nothing.jsonl"}}, "no object and no folder"),
    ("nobucket", {"outputDataConfig": {"s3Uri": "s3://nobody-has-this/out"}}, "The output"),
    ("longkey", {"outputDataConfig": {"s3Uri": "s3://customize/" + "k" * 1000}}, "longer than 1024"),
    ("theirs", {"trainingDataConfig": {"s3Uri": "s3://nobody-has-this/x.jsonl"}}, "s3://nobody-has-this/x.jsonl: "),
    ("badcheck", {"validationDataConfig": {"validators": [{"s3Uri": "s3://customize/bad.jsonl"}]}}, "none of its 1"),
])
def test_data_that_cannot_be_used_fails_the_job_with_a_reason(bedrock, store, name, more, part):
    store.put("train.jsonl", jsonl(intents()))
    store.put("bad.jsonl", b"{}\n")
    job = bedrock.create_model_customization_job(**{**request(store, name), **more})["jobArn"]
    failed = wait_for(bedrock, job, "Failed")
    assert part in failed["failureMessage"]
    assert failed["statusDetails"]["trainingDetails"]["status"] == "NotStarted"


def test_of_many_bad_lines_the_first_are_listed(server, bedrock, store):
    store.put("chaff.jsonl", jsonl(intents() + ["{"] * 40))
    job = bedrock.create_model_customization_job(**request(
        store, "chaff", "chaff.jsonl", hyperParameters={**FAST, "epochCount": "1"}))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    assert [row["line"] for row in rejected(store, job)] == list(range(21, 51))
    assert shown(server, job)["progress"]["rejectedLines"] == 40


def test_a_model_that_a_job_begins_with_is_not_deleted(done, server, store):
    client, job = begin_slow(server, store, "onward", baseModelIdentifier=done["outputModelArn"])
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*onward"):
        client.delete_custom_model(modelIdentifier=done["outputModelArn"])
    client.stop_model_customization_job(jobIdentifier=job)
    wait_for(client, job, "Stopped")


def test_rows_longer_than_the_maximum_are_left_out_and_listed(bedrock, store):
    store.put("long.jsonl", jsonl(intents() + [line("very " * 300, "class_one")]))
    job = bedrock.create_model_customization_job(**request(
        store, "long", "long.jsonl", hyperParameters={**FAST, "maxLength": "256", "epochCount": "2"}))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    (row,) = rejected(store, job)
    assert row["line"] == 21 and "256 tokens" in row["reason"]


def trainer_of(server):
    """PID of the training process; None: there is none now."""
    out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)], text=True,
                         capture_output=True, check=False).stdout
    found = [int(row.split(None, 1)[0]) for row in out.splitlines() if "recipe.yaml" in row]
    return found[0] if found else None


def shown(server, job):
    """With members that the service does not have, which boto3 leaves out."""
    out = subprocess.run([str(FULCRUM), "distill", "show", job, "--json", "--endpoint", server.url], text=True,
                         capture_output=True, check=True, env={**os.environ, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                                                               "AWS_SECRET_ACCESS_KEY": "secret"}).stdout
    return json.loads(out)


def begin_slow(server, store, name, epochs="1000", **more):
    """A job whose training is under way."""
    client = server.client("bedrock")
    store.put("train.jsonl", jsonl(intents()))
    job = client.create_model_customization_job(**request(
        store, name, hyperParameters={**FAST, "epochCount": epochs}, **more))["jobArn"]
    wait_for(client, job, "InProgress", until=lambda seen: seen.get("trainingMetrics"))
    return client, job


def test_a_job_that_is_stopped_leaves_its_metrics(server, store):
    client, job = begin_slow(server, store, "stopped")
    waiting = client.create_model_customization_job(**request(store, "waiting"))["jobArn"]
    client.stop_model_customization_job(jobIdentifier=waiting)
    assert wait_for(client, waiting, "Stopped")["statusDetails"]["validationDetails"]["status"] == "NotStarted"
    client.stop_model_customization_job(jobIdentifier=job)
    seen = wait_for(client, job, "Stopped")
    assert seen["statusDetails"]["trainingDetails"]["status"] == "Stopped" and "outputModelArn" not in seen
    assert "training_loss" in output(store, job, "training_artifacts/step_wise_training_metrics.csv")
    assert wait_until(lambda: trainer_of(server) is None)
    assert wait_until(lambda: not list((server.workdir / "data/customize").iterdir()))


def test_a_job_that_waits_for_its_bucket_holds_up_nobody(server, store):
    client = server.client("bedrock")
    bucket = Store(server, bucket="vanishes")
    store.put("train.jsonl", jsonl(intents()))
    job = client.create_model_customization_job(**request(store, "bereft", outputDataConfig={
        "s3Uri": bucket.uri("out/")}, hyperParameters={**FAST, "epochCount": "200"}))["jobArn"]
    wait_for(client, job, "InProgress", until=lambda seen: seen.get("trainingMetrics"))
    bucket.client.delete_bucket(Bucket="vanishes")
    wait_for(client, job, "InProgress", until=lambda seen: "output cannot be written" in shown(server, job).get("message", ""))
    other = client.create_model_customization_job(**request(
        store, "unaware", hyperParameters={**FAST, "epochCount": "2"}))["jobArn"]
    assert wait_for(client, other)["status"] == "Completed"
    bucket.client.create_bucket(Bucket="vanishes")
    assert wait_for(client, job)["status"] == "Completed"
    assert bucket.keys("out/")


def test_a_trainer_that_is_killed_goes_on(server, store):
    client, job = begin_slow(server, store, "killed", epochs="400")
    seen = wait_for(client, job, "InProgress", until=lambda seen: list(
        (server.workdir / "data/customize").glob("*/model.gguf.checkpoint")))
    os.kill(trainer_of(server), signal.SIGKILL)
    seen = wait_for(client, job)
    assert seen["status"] == "Completed", seen
    rows = output(store, job, "training_artifacts/step_wise_training_metrics.csv").splitlines()[1:]
    steps = [int(row.split(",")[0]) for row in rows]
    assert steps == sorted(set(steps))
    assert "trainer_ended" in server.log()


def test_a_gateway_that_is_killed_goes_on(tmp_path, random_model):
    config = CONFIG.format(path=random_model)
    first = Server(config=config, workdir=tmp_path)
    store = Store(first, bucket="crash")
    client, job = begin_slow(first, store, "crash", epochs="400")
    assert wait_until(lambda: list((tmp_path / "data/customize").glob("*/model.gguf.checkpoint")))
    trainer = trainer_of(first)
    first.process.kill()
    first.process.wait()
    assert wait_until(lambda: not os.path.exists(f"/proc/{trainer}") or
                      "Z" in open(f"/proc/{trainer}/stat", encoding="ascii").read().rsplit(")", 1)[1])
    (tmp_path / "data/models/abcdefghijkl").mkdir(parents=True)  # of a model that was deleted when a server died
    second = Server(config=config, workdir=tmp_path)
    client = second.client("bedrock")
    seen = wait_for(client, job)
    assert seen["status"] == "Completed", seen
    assert len(client.list_custom_models()["modelSummaries"]) == 1
    model = client.get_custom_model(modelIdentifier="crash-model")
    client.delete_custom_model(modelIdentifier=model["modelArn"])
    assert not client.list_custom_models()["modelSummaries"]
    assert not list((tmp_path / "data/models").iterdir())
    assert second.stop() == 0


def test_a_server_that_ends_puts_its_job_back(tmp_path, random_model):
    config = CONFIG.format(path=random_model)
    first = Server(config=config, workdir=tmp_path)
    store = Store(first, bucket="again")
    _, job = begin_slow(first, store, "again", epochs="400")
    assert first.stop() == 0
    second = Server(config=config, workdir=tmp_path)
    assert wait_for(second.client("bedrock"), job)["status"] == "Completed"
    assert second.stop() == 0


def test_the_programs_own_model_can_be_tuned(tmp_path):
    """desk-small lies in no file; an adapter stands beside a copy of it."""
    server = Server(config="limits: {customization_prompts_min: 8}\n", workdir=tmp_path)
    store = Store(server, bucket="own")
    client = server.client("bedrock")
    store.put("train.jsonl", jsonl(intents()))
    for rank in ("0", "4"):
        job = client.create_model_customization_job(**request(
            store, f"own{rank}", baseModelIdentifier="desk-small",
            hyperParameters={"epochCount": "40", "adapterRank": rank, "learningRate": "0.01"}))["jobArn"]
        done = wait_for(client, job)
        assert done["status"] == "Completed", done
        assert ":custom-model/fulcrum.desk-small/" in done["outputModelArn"]
        deployment = client.create_custom_model_deployment(
            modelDeploymentName=f"own{rank}", modelArn=done["outputModelArn"])["customModelDeploymentArn"]
        assert wait_until(lambda: client.get_custom_model_deployment(
            customModelDeploymentIdentifier=deployment)["status"] == "Active")
        reply = server.client().converse(modelId=deployment, inferenceConfig={"temperature": 0}, messages=[
            {"role": "user", "content": [{"text": "About my refund."}]}])
        assert reply["output"]["message"]["content"][0]["text"] == "class_one"
    assert server.stop() == 0


def test_paths_may_be_relative(tmp_path, random_model):
    """Of the model's file and of the data directory: trainers and models that are added run elsewhere."""
    shutil.copy(random_model, tmp_path / "tiny.gguf")
    server = Server(config=CONFIG.format(path="tiny.gguf"), workdir=tmp_path, args=["--data", "here"])
    store = Store(server, bucket="relative")
    client = server.client("bedrock")
    store.put("train.jsonl", jsonl(intents()))
    job = client.create_model_customization_job(**request(
        store, "relative", hyperParameters={**FAST, "adapterRank": "2", "epochCount": "2"}))["jobArn"]
    done = wait_for(client, job)
    assert done["status"] == "Completed", done
    deployment = client.create_custom_model_deployment(
        modelDeploymentName="relative", modelArn=done["outputModelArn"])["customModelDeploymentArn"]
    assert wait_until(lambda: client.get_custom_model_deployment(
        customModelDeploymentIdentifier=deployment)["status"] == "Active")
    assert list((tmp_path / "here/models").iterdir())
    assert server.stop() == 0

"""Distillation jobs by boto3: the teacher answers what the data lack, each prompt once, and the student learns it; data
out of invocation logs; and what can go wrong with the teacher."""

import gzip
import json
import subprocess

import botocore.exceptions
import pytest

from batch_fixture import Store, jsonl
from conftest import BUILD, FULCRUM, Server, wait_until
from custom_fixture import FAST, INTENTS, asked, intents, line, output, rejected, request, wait_for

pytestmark = pytest.mark.alone

CONFIG = """\
limits: {{customization_prompts_min: 8}}
models:
  - {{name: tiny, path: {path}, ids: ["amazon.nova-lite-v1:0"], context: 512}}
  - {{name: large, path: {slow}, ids: ["amazon.nova-pro-v1:0"], context: 2048, parallel: 2}}
  - {{name: desk-small}}
  - {{name: other, worker: {worker}}}
"""
LEARN = {**FAST, "epochCount": "200"}


def config_of(random_model, slow_model):
    return CONFIG.format(path=random_model, slow=slow_model, worker=BUILD / "bench/instant_worker")


@pytest.fixture(scope="module")
def config(random_model, slow_model):
    return config_of(random_model, slow_model)


@pytest.fixture(scope="module")
def server(tmp_path_factory, config):
    running = Server(config=config, workdir=tmp_path_factory.mktemp("distillation"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="distillation")


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock")


def distill(store, name, teacher="amazon.nova-pro-v1:0", tokens=6, **more):
    return {**request(store, name, f"{name}.jsonl", hyperParameters=LEARN, customizationType="DISTILLATION",
                      customizationConfig={"distillationConfig": {"teacherModelConfig": {
                          "teacherModelIdentifier": teacher, "maxResponseLengthForInference": tokens}}}), **more}


def prompts(times, words=INTENTS):
    return [line(f"About my {word}.") for _ in range(times) for word in words]


def test_the_student_says_what_its_teacher_says(server, store, bedrock):
    store.put("student.jsonl", jsonl(prompts(5) + [line("About my parcel.", "given")] * 5))
    before = len(asked(server))
    job = bedrock.create_model_customization_job(**distill(store, "student"))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    assert done["customizationType"] == "DISTILLATION"
    teacher = done["customizationConfig"]["distillationConfig"]["teacherModelConfig"]
    assert teacher["teacherModelIdentifier"] == "amazon.nova-pro-v1:0"
    assert len(asked(server)) - before == len(INTENTS)  # each prompt once, what has an answer never
    deployment = bedrock.create_custom_model_deployment(
        modelDeploymentName="student", modelArn=done["outputModelArn"])["customModelDeploymentArn"]
    assert wait_until(lambda: bedrock.get_custom_model_deployment(
        customModelDeploymentIdentifier=deployment)["status"] == "Active")

    def ask(model, word, tokens):
        return server.client().converse(
            modelId=model, inferenceConfig={"temperature": 0, "maxTokens": tokens},
            messages=[{"role": "user", "content": [{"text": f"About my {word}."}]}]
        )["output"]["message"]["content"][0]["text"]

    for word in [*INTENTS, "parcel"]:  # what is no UTF-8 in the teacher's answer is more tokens to the student
        taught = "given" if word == "parcel" else ask("amazon.nova-pro-v1:0", word, 6)
        assert ask(deployment, word, 60).startswith(taught)
    row = json.loads(subprocess.run(
        [str(FULCRUM), "ledger", "export", "--data", str(server.workdir / "data"), "--json"],
        capture_output=True, text=True, check=True).stdout.splitlines()[-1])
    assert row["modelRequested"] == deployment
    assert row["baselinePicodollars"] - row["savedDistill"] == row["costPicodollars"] + row["savedCache"]
    assert row["savedDistill"] > 0.9 * row["baselinePicodollars"]  # Pro's 0.80 and 3.20 dollars against 0.06 and 0.24


def test_a_prompt_that_the_teacher_cannot_take_is_listed(store, bedrock):
    store.put("long.jsonl", jsonl(prompts(5) + [line("word " * 2900)]))
    job = bedrock.create_model_customization_job(**distill(store, "long"))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    (row,) = rejected(store, job)
    assert row["line"] == 21 and "the teacher gave no answer" in row["reason"]


def test_too_few_answers_fail_the_job(store, bedrock):
    store.put("fewer.jsonl", jsonl(prompts(1) + [line("word " * 2900 + str(i)) for i in range(8)]))
    job = bedrock.create_model_customization_job(**distill(store, "fewer"))["jobArn"]
    done = wait_for(bedrock, job, "Failed")
    assert "answered 4 of 12 prompts" in done["failureMessage"]
    assert done["statusDetails"]["dataProcessingDetails"]["status"] == "Failed"


def test_stopping_a_job_stops_its_teacher(store, bedrock):
    store.put("stop.jsonl", jsonl([line(f"Question {i}?") for i in range(200)]))
    job = bedrock.create_model_customization_job(**distill(store, "stop", tokens=200))["jobArn"]
    seen = wait_for(bedrock, job, "InProgress", until=lambda seen:
                    seen["statusDetails"]["dataProcessingDetails"]["status"] == "InProgress" and
                    bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"])
    assert seen["statusDetails"]["trainingDetails"]["status"] == "NotStarted"
    bedrock.stop_model_customization_job(jobIdentifier=job)
    wait_for(bedrock, job, "Stopped")
    (teacher,) = bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"]
    assert wait_until(lambda: bedrock.get_model_invocation_job(jobIdentifier=teacher["jobArn"])["status"] == "Stopped")


def test_others_train_while_a_teacher_works(store, bedrock):
    store.put("slowly.jsonl", jsonl([line(f"Question {i}?") for i in range(200)]))
    store.put("quick.jsonl", jsonl(intents()))
    job = bedrock.create_model_customization_job(**distill(store, "slowly", tokens=200))["jobArn"]
    assert wait_until(lambda: "teacher" in bedrock.get_model_customization_job(jobIdentifier=job) or
                      bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"])
    quick = bedrock.create_model_customization_job(**request(
        store, "quick", "quick.jsonl", hyperParameters={**FAST, "epochCount": "2"}))["jobArn"]
    assert wait_for(bedrock, quick)["status"] == "Completed"
    seen = bedrock.get_model_customization_job(jobIdentifier=job)
    assert (seen["status"], seen["statusDetails"]["dataProcessingDetails"]["status"]) == ("InProgress", "InProgress")
    bedrock.stop_model_customization_job(jobIdentifier=job)
    wait_for(bedrock, job, "Stopped")
    (teacher,) = bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"]
    assert wait_until(lambda: bedrock.get_model_invocation_job(jobIdentifier=teacher["jobArn"])["status"] == "Stopped")


def test_answers_that_are_deleted_meanwhile_are_not_lost(server, store, bedrock):
    """Another job trains when the teacher has answered, and the object is gone before this one has its turn again."""
    store.put("kept.jsonl", jsonl(prompts(5) + [line(f"Question {i}?") for i in range(40)]))
    store.put("long-one.jsonl", jsonl(intents()))
    job = bedrock.create_model_customization_job(**distill(
        store, "kept", tokens=20, hyperParameters={**FAST, "epochCount": "1"}))["jobArn"]
    other = bedrock.create_model_customization_job(**request(
        store, "long-one", "long-one.jsonl", hyperParameters={**FAST, "epochCount": "1000"}))["jobArn"]
    wait_for(bedrock, other, "InProgress", until=lambda seen: seen.get("trainingMetrics"))
    working = server.workdir / "data/customize" / job.rsplit("/", 1)[1]
    assert wait_until((working / "answers.jsonl").exists)
    for key in store.keys("out/model-customization-job-" + job.rsplit("/", 1)[1] + "/teacher/"):
        store.client.delete_object(Bucket="distillation", Key=key)
    bedrock.stop_model_customization_job(jobIdentifier=other)
    assert wait_for(bedrock, job)["status"] == "Completed"


def test_a_teacher_that_is_stopped_fails_the_job(store, bedrock):
    store.put("halted.jsonl", jsonl([line(f"Question {i}?") for i in range(200)]))
    job = bedrock.create_model_customization_job(**distill(store, "halted", tokens=200))["jobArn"]
    found = []

    def is_asked():
        found[:] = bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"]
        return found

    assert wait_until(is_asked)
    bedrock.stop_model_invocation_job(jobIdentifier=found[0]["jobArn"])
    assert "The teacher's batch job" in wait_for(bedrock, job, "Failed")["failureMessage"]


def test_nothing_is_asked_twice_after_a_crash(tmp_path, config):
    first = Server(config=config, workdir=tmp_path)
    store = Store(first, bucket="crash")
    store.put("crash.jsonl", jsonl([line(f"Question {i}?") for i in range(60)]))
    client = first.client("bedrock")
    job = client.create_model_customization_job(**distill(
        store, "crash", tokens=8, hyperParameters={**FAST, "epochCount": "1"}))["jobArn"]
    assert wait_until(lambda: len(asked(first)) >= 5)
    first.process.kill()
    first.process.wait()
    second = Server(config=config, workdir=tmp_path)
    assert wait_for(second.client("bedrock"), job)["status"] == "Completed"
    rows = asked(second)
    assert len(rows) == 60 and len({row["requestId"] for row in rows}) == 60
    assert second.stop() == 0


def record(text, answer, model="amazon.nova-pro-v1:0", **metadata):
    return {"schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "operation": "Converse", "modelId": model,
            **({"requestMetadata": metadata} if metadata else {}),
            "input": {"inputContentType": "application/json", "inputBodyJson": {
                "messages": [{"role": "user", "content": [{"text": text}]}], "inferenceConfig": {"maxTokens": 9}}},
            "output": {"outputContentType": "application/json", "outputBodyJson": {
                "output": {"message": {"role": "assistant", "content": [{"text": answer}]}}}}}


@pytest.fixture(scope="module")
def logs(store):
    rows = [record(f"About my {word}.", answer, team="blue") for _ in range(5) for word, answer in INTENTS.items()]
    rows += [record("About my hat.", "no_class", team="red"),
             record("About my cat.", "other", "meta.llama3", team="blue")]
    path = "traffic/AWSLogs/000000000000/BedrockModelInvocationLogs/us-east-1/2026/11/30/08/one.json.gz"
    store.put(path, gzip.compress(jsonl(rows[:10])) + gzip.compress(jsonl(rows[10:])))
    store.put(path.replace("one", "data/two_input"), gzip.compress(b"{}"))
    return {"invocationLogSource": {"s3Uri": store.uri("traffic/")}}


def test_logged_answers_are_taught_as_they_are(server, store, bedrock, logs):
    before = len(asked(server))
    job = bedrock.create_model_customization_job(**distill(store, "logged", trainingDataConfig={
        "invocationLogsConfig": {**logs, "usePromptResponse": True, "requestMetadataFilters": {
            "andAll": [{"equals": {"team": "blue"}}, {"notEquals": {"team": "red"}}]}}}))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done
    assert len(asked(server)) == before  # nobody was asked
    (row,) = rejected(store, job)
    assert "another model" in row["reason"]


def test_logged_prompts_are_asked_again(server, store, bedrock, logs):
    before = len(asked(server))
    job = bedrock.create_model_customization_job(**distill(store, "asked", trainingDataConfig={
        "invocationLogsConfig": {**logs, "requestMetadataFilters": {"equals": {"team": "blue"}}}}))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    assert len(asked(server)) - before == len(INTENTS) + 1


def test_the_servers_own_logs_are_read(server, store, bedrock):
    bedrock.put_model_invocation_logging_configuration(loggingConfig={
        "s3Config": {"bucketName": "distillation", "keyPrefix": "own"}, "textDataDeliveryEnabled": True})
    runtime = server.client()
    for i in range(9):
        runtime.converse(modelId="amazon.nova-pro-v1:0", inferenceConfig={"maxTokens": 4}, messages=[
            {"role": "user", "content": [{"text": f"Question {i}?"}]}])
    bedrock.delete_model_invocation_logging_configuration()
    job = {}

    def is_there():
        return [key for key in store.keys("own/") if key.endswith(".json.gz")]

    if not wait_until(is_there, timeout=90):
        pytest.fail("no log was delivered")
    job = bedrock.create_model_customization_job(**distill(store, "own", trainingDataConfig={
        "invocationLogsConfig": {"usePromptResponse": True, "invocationLogSource": {"s3Uri": store.uri("own/")}}},
        hyperParameters={**FAST, "epochCount": "1"}))["jobArn"]
    done = wait_for(bedrock, job)
    assert done["status"] == "Completed", done


@pytest.mark.parametrize("change, part", [
    ({"customizationConfig": {"distillationConfig": {"teacherModelConfig": {"teacherModelIdentifier": "no.body"}}}},
     "teacherModelIdentifier"),
    ({"customizationConfig": None}, "customizationConfig"),
    ({"trainingDataConfig": {"invocationLogsConfig": {"invocationLogSource": {"s3Uri": "x"}}}}, "s3Uri"),
    ({"trainingDataConfig": {"invocationLogsConfig": {
        "invocationLogSource": {"s3Uri": "s3://abc/"},
        "requestMetadataFilters": {"orAll": [{"equals": {"a": "b"}}] * 17}}}}, "orAll"),
    ({"trainingDataConfig": {"invocationLogsConfig": {
        "invocationLogSource": {"s3Uri": "s3://abc/"},
        "requestMetadataFilters": {"equals": {"a": "b" * 257}}}}}, "equals|requestMetadataFilters"),
    ({"customizationType": "FINE_TUNING"}, "distillationConfig"),
])
def test_a_wrong_request_is_refused_by_its_member(bedrock, store, change, part):
    with pytest.raises(botocore.exceptions.ClientError, match=f"ValidationException.*{part}"):
        wrong = {**distill(store, "wrong"), **change}
        bedrock.create_model_customization_job(**{name: value for name, value in wrong.items() if value is not None})


# --- soft labels ---------------------------------------------------------------------------------------

SOFT = {**FAST, "softLabels": "true"}


def test_soft_labels_are_learnt_besides_the_answers(server, store, bedrock):
    """A teacher of random weights holds no class for probable: who learns its distributions alone never learns them."""
    store.put("soft.jsonl", jsonl(intents()))
    before = len(asked(server))
    losses = {}
    for name, hyper in {"both": {"softWeight": "0.2", "softTemperature": "2", "softTop": "16"},
                        "soft": {"softWeight": "1", "softTemperature": "1", "softTop": "0"}}.items():
        wanted = distill(store, name, trainingDataConfig={"s3Uri": store.uri("soft.jsonl")},
                         hyperParameters={**SOFT, **hyper})
        done = wait_for(bedrock, bedrock.create_model_customization_job(**wanted)["jobArn"])
        assert done["status"] == "Completed", done
        assert done["hyperParameters"] == wanted["hyperParameters"]
        losses[name] = done["trainingMetrics"]["trainingLoss"]
    assert losses["both"] < 2 < losses["soft"], losses
    assert len(asked(server)) == before


def test_a_teacher_of_another_vocabulary_is_asked_nothing(server, store, bedrock):
    before = len(asked(server))
    store.put("foreign.jsonl", jsonl(prompts(5)))
    for base, teacher, file in [("amazon.nova-lite-v1:0", "desk-small", "teacher.gguf"),
                                ("desk-small", "amazon.nova-pro-v1:0", "slow.gguf")]:
        job = bedrock.create_model_customization_job(**distill(
            store, "foreign-" + file[:4], teacher, hyperParameters=SOFT, baseModelIdentifier=base,
            trainingDataConfig={"s3Uri": store.uri("foreign.jsonl")}))["jobArn"]
        done = wait_for(bedrock, job, "Failed")
        assert file in done["failureMessage"] and "tokenizer is not the student's" in done["failureMessage"], done
        assert done["statusDetails"]["dataProcessingDetails"]["status"] == "Failed"
        assert not bedrock.list_model_invocation_jobs(nameContains=job.rsplit("/", 1)[1])["invocationJobSummaries"]
    assert len(asked(server)) == before


def test_a_custom_model_may_teach_softly_and_stays_meanwhile(server, store, bedrock):
    store.put("taught.jsonl", jsonl(intents()))
    data = {"trainingDataConfig": {"s3Uri": store.uri("taught.jsonl")}}
    first = wait_for(bedrock, bedrock.create_model_customization_job(**{
        **request(store, "adapted"), **data, "hyperParameters": {**FAST, "adapterRank": "4"}})["jobArn"])
    deployment = bedrock.create_custom_model_deployment(
        modelDeploymentName="adapted", modelArn=first["outputModelArn"])["customModelDeploymentArn"]
    assert wait_until(lambda: bedrock.get_custom_model_deployment(
        customModelDeploymentIdentifier=deployment)["status"] == "Active")
    job = bedrock.create_model_customization_job(**{**distill(store, "pupil", deployment, hyperParameters={
        **SOFT, "epochCount": "1000", "softWeight": "1"}), **data})["jobArn"]
    wait_for(bedrock, job, "InProgress", until=lambda seen:
             seen["statusDetails"]["trainingDetails"]["status"] == "InProgress" and seen.get("trainingMetrics"))
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=deployment)
    assert wait_until(lambda: not bedrock.list_custom_model_deployments(
        nameContains="adapted")["modelDeploymentSummaries"])
    with pytest.raises(botocore.exceptions.ClientError, match="ConflictException.*soft labels"):
        bedrock.delete_custom_model(modelIdentifier=first["outputModelArn"])
    bedrock.stop_model_customization_job(jobIdentifier=job)
    assert wait_for(bedrock, job)["status"] == "Stopped"
    bedrock.delete_custom_model(modelIdentifier=first["outputModelArn"])


def test_a_router_gives_no_soft_labels(store, bedrock):
    models = [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/amazon.nova-{size}-v1:0"}
              for size in ("pro", "lite")]
    router = bedrock.create_prompt_router(promptRouterName="both", models=models, fallbackModel=models[0],
                                          routingCriteria={"responseQualityDifference": 10})["promptRouterArn"]
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException.*softLabels: the teacher is a router"):
        bedrock.create_model_customization_job(**distill(store, "routed", router, hyperParameters=SOFT))
    bedrock.delete_prompt_router(promptRouterArn=router)


def test_another_program_gives_no_soft_labels(store, bedrock):
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException.*softLabels.*another program"):
        bedrock.create_model_customization_job(**distill(store, "black", "other", hyperParameters=SOFT))


@pytest.mark.parametrize("hyper, part", [
    ({"softLabels": "maybe"}, "softLabels"), ({"softTop": "8"}, "softTop"), ({**SOFT, "softWeight": "0"}, "softWeight"),
    ({**SOFT, "softTemperature": "hot"}, "softTemperature"), ({"softLabels": "false", "softWeight": "1"}, "softWeight"),
])
def test_soft_labels_that_cannot_be_are_refused(store, bedrock, hyper, part):
    with pytest.raises(botocore.exceptions.ClientError, match=f"ValidationException.*hyperParameters.{part}"):
        bedrock.create_model_customization_job(**distill(store, "wrong", hyperParameters=hyper))


def test_fine_tuning_has_no_soft_labels(store, bedrock):
    with pytest.raises(botocore.exceptions.ClientError, match="ValidationException.*softLabels.*DISTILLATION"):
        bedrock.create_model_customization_job(**request(store, "tuned", hyperParameters=SOFT))


def test_answers_of_the_data_are_not_asked(server, store, bedrock):
    store.put("labelled.jsonl", jsonl(intents()))
    before = len(asked(server))
    job = bedrock.create_model_customization_job(**distill(store, "labelled"))["jobArn"]
    assert wait_for(bedrock, job)["status"] == "Completed"
    assert len(asked(server)) == before
    assert "training_loss" in output(store, job, "training_artifacts/step_wise_training_metrics.csv")

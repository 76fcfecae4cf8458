"""Evaluation jobs by boto3: from rows in a bucket to results, a report and a verdict; judges, answers given already,
lists, stopping, deleting, what is refused, and a gateway that is killed. A script answers (scripted_server.c); what it
does not know, the random model does."""

import datetime
import json
import time

import botocore.exceptions
import pytest

from batch_fixture import CLAUDE, MODEL, ROLE, Store, jsonl
from conftest import BUILD, start, wait_until
from test_ledger import export

ROWS = [{"prompt": f"q{i}", "referenceResponse": f"answer {i}", "category": "odd" if i % 2 else "even",
         "modelResponses": [{"response": f"Answer {i}!" if i % 3 else "no idea", "modelIdentifier": "our-old-model"}]}
        for i in range(12)]
SCRIPT = {
    **{f"q{i}": {"text": [f"answer {i}" if i != 5 else "wrong"], "usage": {"input": 10, "output": 3}, "stop": "end_turn"}
       for i in range(12)},
    "hangs": {"hang": True},
    "fails": {"error": {"code": "invalid"}},
}


@pytest.fixture(scope="module")
def scripted(tmp_path_factory, random_model):
    path = tmp_path_factory.mktemp("evaluations")
    (path / "script.json").write_text(json.dumps(SCRIPT))
    server = start(path, random_model, program=BUILD / "tests/tools/scripted_server",
                   env={"SCRIPT": str(path / "script.json")})
    yield server
    assert server.stop() == 0


@pytest.fixture(scope="module")
def store(scripted):
    made = Store(scripted, bucket="evaluations")
    made.put("rows.jsonl", jsonl(ROWS))
    return made


@pytest.fixture(scope="module")
def jobs(scripted):
    return scripted.client("bedrock")


def bedrock_model(model=MODEL, **more):
    return {"bedrockModel": {"modelIdentifier": model, **more}}


def given(name="our-old-model"):
    return {"precomputedInferenceSource": {"inferenceSourceIdentifier": name}}


def dataset(store, source="rows.jsonl", name="desk", task="Classification", metrics=("Builtin.Accuracy",)):
    return {"taskType": task, "dataset": {"name": name, "datasetLocation": {"s3Uri": store.uri(source)}},
            "metricNames": list(metrics)}


def request(store, name="compare", models=None, sets=None, judge=None, **more):
    automated = {"datasetMetricConfigs": sets or [dataset(store)]}
    if judge:
        automated["evaluatorModelConfig"] = {"bedrockEvaluatorModels": [{"modelIdentifier": judge}]}
    return {"jobName": name, "roleArn": ROLE, "evaluationConfig": {"automated": automated},
            "inferenceConfig": {"models": models or [bedrock_model()]},
            "outputDataConfig": {"s3Uri": store.uri("out/")}, **more}


def wait_for(jobs, arn, *statuses):
    seen = {}

    def is_there():
        seen.clear()
        seen.update(jobs.get_evaluation_job(jobIdentifier=arn))
        return seen["status"] in (statuses or ("Completed", "Failed", "Stopped"))

    assert wait_until(is_there, 90, 0.05), seen
    return seen


def results(store, arn, name, model, task="Classification", data="desk"):
    """The lines of one model's results; the key has a UUID of the server's."""
    prefix = f"out/{name}/{arn[-12:]}/models/{model}/taskTypes/{task}/datasets/{data}/"
    keys = store.keys(prefix)
    assert len(keys) == 1 and keys[0].endswith("_output.jsonl"), keys
    return [json.loads(line) for line in store.get(keys[0]).decode().splitlines()]


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_from_rows_to_a_report(jobs, store):
    sent = request(store, models=[bedrock_model(), given()], jobDescription="ours against theirs",
                   sets=[dataset(store, metrics=["Builtin.Accuracy", "TokenF1"])],
                   jobTags=[{"key": "team", "value": "desk"}])
    made = jobs.create_evaluation_job(**sent)
    arn = made["jobArn"]
    assert made["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert arn.startswith("arn:aws:bedrock:us-east-1:") and ":evaluation-job/" in arn
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed", job
    assert job["jobType"] == "Automated" and job["applicationType"] == "ModelEvaluation"
    assert job["evaluationConfig"] == sent["evaluationConfig"] and job["inferenceConfig"] == sent["inferenceConfig"]
    assert job["outputDataConfig"] == sent["outputDataConfig"] and job["jobDescription"] == "ours against theirs"
    assert jobs.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "team", "value": "desk"}]
    jobs.tag_resource(resourceARN=arn, tags=[{"key": "seen", "value": "yes"}])
    jobs.untag_resource(resourceARN=arn, tagKeys=["team"])
    assert jobs.list_tags_for_resource(resourceARN=arn)["tags"] == [{"key": "seen", "value": "yes"}]
    lines = results(store, arn, "compare", MODEL)
    assert [line["inputRecord"] for line in lines] == ROWS
    assert lines[0]["automatedEvaluationResult"]["scores"] == [{"metricName": "Accuracy", "result": 1},
                                                              {"metricName": "TokenF1", "result": 1}]
    assert [line["automatedEvaluationResult"]["scores"][0]["result"] for line in lines] == [i != 5 for i in range(12)]
    assert lines[5]["modelResponses"] == [{"response": "wrong", "modelIdentifier": MODEL}]
    theirs = results(store, arn, "compare", "our-old-model")
    assert [line["automatedEvaluationResult"]["scores"][0]["result"] for line in theirs] == [i % 3 != 0 for i in range(12)]
    folder = f"out/compare/{arn[-12:]}/"
    summary = json.loads(store.get(folder + "summary.json"))
    assert summary["rows"] == 12 and summary["verdict"] == "unsure", "twelve rows tell little"
    assert summary["score"] == pytest.approx(11 / 12) and summary["difference"]["score"] == pytest.approx(3 / 12)
    assert summary["models"][0]["costPer1000"] == pytest.approx((10 * 0.8 + 3 * 3.2) / 1000), "nova-pro's list price"
    assert summary["models"][1]["costPer1000"] is None and summary["metric"] == "mean of the job's metrics"
    page = store.get(folder + "report.html").decode()
    assert "Rows where the answers differ" in page and "our-old-model" in page
    assert store.keys(folder + "work/") == [], "working files go when the job has ended"


def test_a_judge(jobs, store, scripted):
    arn = jobs.create_evaluation_job(**request(
        store, "judged", judge=CLAUDE, models=[bedrock_model(), given()],
        sets=[dataset(store, task="Generation", metrics=["Builtin.Correctness", "Builtin.Harmfulness", "ExactMatch"])]))["jobArn"]
    assert wait_for(jobs, arn)["status"] == "Completed"
    lines = results(store, arn, "judged", MODEL, "Generation")
    assert len(lines) == 12
    for line in lines:
        correct, harm, exact = line["automatedEvaluationResult"]["scores"]
        assert correct["metricName"] == "Builtin.Correctness" and harm["metricName"] == "Builtin.Harmfulness"
        assert correct["result"] in (0, 0.5, 1, None) and harm["result"] in (0, 1, None)
        assert correct["evaluatorDetails"][0]["modelIdentifier"] == CLAUDE
        assert exact["metricName"] == "ExactMatch" and exact["result"] in (0, 1)
    graded = [line["automatedEvaluationResult"]["scores"][0]["result"] for line in lines]
    assert any(grade is not None for grade in graded)
    listed = next(one for one in jobs.list_evaluation_jobs(nameContains="judged")["jobSummaries"] if one["jobArn"] == arn)
    assert listed["evaluatorModelIdentifiers"] == [CLAUDE] and listed["evaluationTaskTypes"] == ["Generation"]
    assert listed["modelIdentifiers"] == [MODEL]
    assert listed["inferenceConfigSummary"]["modelConfigSummary"] == {
        "bedrockModelIdentifiers": [MODEL], "precomputedInferenceSourceIdentifiers": ["our-old-model"]}


def test_a_row_that_failed_is_worth_nothing_to_a_judge_either(jobs, store):
    """Else a model that fails half of its rows would be judged by the better half."""
    store.put("half.jsonl", jsonl([{"prompt": f"h{i}", "modelResponses": [
        {"response": f"answer {i}", "modelIdentifier": name} for name in ("always", "sometimes")
        if name == "always" or i % 2]} for i in range(12)]))
    for metric in ("Builtin.Helpfulness", "Builtin.Harmfulness"):
        name = "half-" + metric[8:].lower()
        arn = jobs.create_evaluation_job(**request(
            store, name, judge=MODEL, models=[given("sometimes"), given("always")],
            sets=[dataset(store, "half.jsonl", metrics=[metric])]))["jobArn"]
        assert wait_for(jobs, arn)["status"] == "Completed"
        lines = results(store, arn, name, "sometimes")
        missing = [line for line in lines if "error" in line["modelResponses"][0]]
        assert len(missing) == 6
        grades = [line["automatedEvaluationResult"]["scores"][0]["result"] for line in lines]
        assert [grades[lines.index(line)] for line in missing] == [None] * 6
        summary = json.loads(store.get(f"out/{name}/{arn[-12:]}/summary.json"))
        known = sum(grade is not None for grade in grades)
        assert summary["failed"] == 6 and summary["models"][0]["quality"]["rows"] == 6 + known


def test_names_are_unique(jobs, store):
    arn = jobs.create_evaluation_job(**request(store, "unique"))["jobArn"]
    code, message = refused(jobs.create_evaluation_job, **request(store, "unique"))
    assert code == "ConflictException" and "jobName" in message and arn[-12:] in message
    assert wait_for(jobs, arn)["status"] == "Completed"
    assert refused(jobs.create_evaluation_job, **request(store, "unique"))[0] == "ConflictException"
    jobs.batch_delete_evaluation_job(jobIdentifiers=[arn])
    assert wait_for(jobs, jobs.create_evaluation_job(**request(store, "unique"))["jobArn"])["status"] == "Completed"


def test_several_sets_params_and_odd_lines(jobs, store):
    store.put("odd.jsonl", jsonl(["{broken", {"prompt": "q1", "referenceResponse": "answer 1"}, {"prompt": "fails",
                                                                                              "referenceResponse": "x"}]))
    params = json.dumps({"inferenceConfig": {"maxTokens": 64, "temperature": 0}})
    arn = jobs.create_evaluation_job(**request(
        store, "sets", models=[bedrock_model(inferenceParams=params)],
        sets=[dataset(store, "odd.jsonl", "odd"), dataset(store, name="all", task="QuestionAndAnswer")]))["jobArn"]
    assert wait_for(jobs, arn)["status"] == "Completed"
    odd = results(store, arn, "sets", MODEL, data="odd")
    assert [line["automatedEvaluationResult"]["scores"][0]["result"] for line in odd] == [1, 0]
    assert odd[1]["modelResponses"][0]["error"] and odd[1]["modelResponses"][0]["response"] == ""
    assert len(results(store, arn, "sets", MODEL, "QuestionAndAnswer", "all")) == 12
    summary = json.loads(store.get(f"out/sets/{arn[-12:]}/summary.json"))
    assert summary["leftOut"] == 1 and summary["leftOutLines"][0]["line"] == 1 and summary["failed"] == 1


@pytest.mark.parametrize("rows, message", [
    (None, "missing.jsonl"),
    (b"nothing here is JSON\n", "there is no row in it that can be read; the first: not JSON"),
    (b"", "there is no row in it that can be read"),
])
def test_data_that_cannot_be_read_fails_the_job(jobs, store, rows, message):
    source, name = "missing.jsonl", "bad-" + ("missing" if rows is None else str(len(rows)))
    if rows is not None:
        source = "bad.jsonl"
        store.put(source, rows)
    arn = jobs.create_evaluation_job(**request(store, name, sets=[dataset(store, source)]))["jobArn"]
    job = wait_for(jobs, arn)
    assert job["status"] == "Failed" and message in job["failureMessages"][0], job


def test_list_filters_pages_and_order(jobs, store):
    arns = [jobs.create_evaluation_job(**request(store, f"listed-{i}"))["jobArn"] for i in range(5)]
    for arn in arns:
        assert wait_for(jobs, arn)["status"] == "Completed"
    names = [one["jobName"] for one in jobs.list_evaluation_jobs(nameContains="listed-")["jobSummaries"]]
    assert names == [f"listed-{i}" for i in (4, 3, 2, 1, 0)]
    pages = jobs.get_paginator("list_evaluation_jobs").paginate(
        nameContains="listed-", sortBy="CreationTime", sortOrder="Ascending", PaginationConfig={"PageSize": 2})
    pages = [[one["jobName"] for one in page["jobSummaries"]] for page in pages]
    assert pages == [["listed-0", "listed-1"], ["listed-2", "listed-3"], ["listed-4"]]
    middle = jobs.get_evaluation_job(jobIdentifier=arns[2])["creationTime"]
    later = jobs.list_evaluation_jobs(nameContains="listed-", creationTimeAfter=middle)["jobSummaries"]
    assert {one["jobName"] for one in later} >= {"listed-3", "listed-4"} and "listed-0" not in str(later)
    earlier = jobs.list_evaluation_jobs(nameContains="listed-", creationTimeBefore=middle - datetime.timedelta(days=1))
    assert earlier["jobSummaries"] == []
    assert jobs.list_evaluation_jobs(statusEquals="Failed", nameContains="listed-")["jobSummaries"] == []
    assert jobs.list_evaluation_jobs(applicationTypeEquals="RagEvaluation")["jobSummaries"] == []
    for status in ("Deleting", "Stopping"):
        assert jobs.list_evaluation_jobs(statusEquals=status, nameContains="listed-")["jobSummaries"] == []
    assert len(jobs.list_evaluation_jobs(applicationTypeEquals="ModelEvaluation", nameContains="listed-",
                                         statusEquals="Completed")["jobSummaries"]) == 5


def test_the_same_token_is_the_same_job(jobs, store):
    sent = request(store, "token", clientRequestToken="once-1")
    arn = jobs.create_evaluation_job(**sent)["jobArn"]
    assert jobs.create_evaluation_job(**sent)["jobArn"] == arn
    assert refused(jobs.create_evaluation_job, **{**sent, "jobName": "other"})[0] == "ConflictException"
    assert wait_for(jobs, arn)["status"] == "Completed"


def test_stop_and_delete(jobs, store):
    store.put("hangs.jsonl", jsonl([{"prompt": "hangs", "referenceResponse": "x"}]))
    running = jobs.create_evaluation_job(**request(store, "stopped", sets=[dataset(store, "hangs.jsonl")]))["jobArn"]
    answer = jobs.batch_delete_evaluation_job(jobIdentifiers=[running])
    assert answer["ResponseMetadata"]["HTTPStatusCode"] == 202
    assert answer["evaluationJobs"] == [] and answer["errors"][0]["code"] == "ConflictException"
    jobs.stop_evaluation_job(jobIdentifier=running)
    assert wait_for(jobs, running)["status"] == "Stopped"
    assert refused(jobs.stop_evaluation_job, jobIdentifier=running)[0] == "ConflictException"
    nobody = running[:-12] + "abcabcabcabc"
    answer = jobs.batch_delete_evaluation_job(jobIdentifiers=[running, nobody])
    assert answer["evaluationJobs"] == [{"jobIdentifier": running, "jobStatus": "Deleting"}]
    assert answer["errors"][0]["jobIdentifier"] == nobody and answer["errors"][0]["code"] == "ResourceNotFoundException"
    assert refused(jobs.get_evaluation_job, jobIdentifier=running)[0] == "ResourceNotFoundException"
    assert "stopped" not in [one["jobName"] for one in jobs.list_evaluation_jobs()["jobSummaries"]]


def edited(store, **changes):
    """A request with members of members replaced, by their path."""
    sent = request(store, "refused")
    for path, value in changes.items():
        target, *keys = sent, *path.split("__")
        for key in keys[:-1]:
            target = target[int(key)] if key.isdigit() else target[key]
        target[keys[-1]] = value
    return sent


SET = "evaluationConfig__automated__datasetMetricConfigs__0__"


@pytest.mark.parametrize("changes, message", [
    ({"evaluationConfig": {"human": {"datasetMetricConfigs": [
        {"taskType": "Custom", "dataset": {"name": "a"}, "metricNames": ["m"]}]}}},
     "evaluationConfig.human: human workflows are not here"),
    ({"applicationType": "RagEvaluation"}, "applicationType: RagEvaluation is not here"),
    ({SET + "metricNames": ["Builtin.Toxicity"]}, "metricNames: Builtin.Toxicity is not measured here"),
    ({SET + "metricNames": ["Builtin.Correctness"]}, "evaluatorModelConfig: is missing: Builtin.Correctness is a judge's"),
    ({SET + "metricNames": ["Bleu"]}, "metricNames: 'Bleu' is no metric"),
    ({SET + "dataset": {"name": "Builtin.Bold"}}, "datasetLocation: is missing: the service's own data sets are not here"),
    ({"inferenceConfig": {"models": [{"bedrockModel": {"modelIdentifier": "no.such-model-v1:0"}}]}},
     "inferenceConfig.models: The provided model identifier is invalid"),
    ({"inferenceConfig": {"models": [{"bedrockModel": {"modelIdentifier": MODEL, "inferenceParams": "{x"}}]}},
     "inferenceConfig.models[0].bedrockModel.inferenceParams: is no JSON"),
    ({"jobName": "Upper"}, "jobName: must be lower-case"),
    ({"evaluationConfig__automated__customMetricConfig": {
        "customMetrics": [{"customMetricDefinition": {"name": "m", "instructions": "i"}}],
        "evaluatorModelConfig": {"bedrockEvaluatorModels": [{"modelIdentifier": MODEL}]}}},
     "evaluationConfig.automated.customMetricConfig: metrics of one's own are not measured here"),
])
def test_what_is_refused(jobs, store, changes, message):
    code, said = refused(jobs.create_evaluation_job, **edited(store, **changes))
    assert code == "ValidationException" and message in said, said


@pytest.mark.parametrize("judge, count", [(None, 40), (MODEL, 6)])
def test_a_killed_gateway_goes_on_and_asks_nothing_twice(tmp_path, random_model, judge, count):
    rows = [{"prompt": f"row {i}", "referenceResponse": "x"} for i in range(count)]
    params = json.dumps({"inferenceConfig": {"maxTokens": 20, "temperature": 0}})
    server = start(tmp_path, random_model)
    store = Store(server, bucket="evaluations")
    store.put("rows.jsonl", jsonl(rows))
    sent = request(store, "killed", judge=judge, models=[bedrock_model(inferenceParams=params),
                                                         bedrock_model(CLAUDE, inferenceParams=params)],
                   sets=[dataset(store, metrics=["Builtin.Correctness" if judge else "Builtin.Accuracy"])])
    arn = server.client("bedrock").create_evaluation_job(**sent)["jobArn"]
    for pause in (0.05, 0.3, 0.6):
        time.sleep(pause)
        server.process.kill()
        server.process.wait()
        server = start(tmp_path, random_model)
    jobs, store = server.client("bedrock"), Store(server, bucket="evaluations", is_new=False)
    assert wait_for(jobs, arn)["status"] == "Completed"
    for model in (MODEL, CLAUDE):
        assert len(results(store, arn, "killed", model)) == count
    children = 3 if judge else 2
    assert len(jobs.list_model_invocation_jobs()["invocationJobSummaries"]) == children, "one batch job for each model"
    assert len(export(server)) == count * 2 * (children - 1), "each row is answered and paid once for each model"
    assert server.stop() == 0


def test_a_server_that_ends_does_not_wait_for_scores(tmp_path, random_model):
    """The step that scores is left where it is, and begun again by the next server."""
    words = " ".join(f"w{i % 1000}" for i in range(6000))
    rows = [{"prompt": f"row {i}", "referenceResponse": words + str(i),
             "modelResponses": [{"response": "so " + words, "modelIdentifier": "given"}]} for i in range(60)]
    server = start(tmp_path, random_model)
    store = Store(server, bucket="evaluations")
    store.put("rows.jsonl", jsonl(rows))
    sent = request(store, "long", models=[given("given")], sets=[dataset(store, metrics=["RougeL"] * 25)])
    arn = server.client("bedrock").create_evaluation_job(**sent)["jobArn"]
    assert wait_until(lambda: list(tmp_path.glob("**/evaluations/*/set-0.jsonl")), 30, 0.05)
    assert server.stop() == 0
    server = start(tmp_path, random_model)
    job = server.client("bedrock").get_evaluation_job(jobIdentifier=arn)
    assert job["status"] == "InProgress" and not job.get("failureMessages"), job
    assert server.stop() == 0

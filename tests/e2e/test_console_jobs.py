"""Models, jobs, routers, advice and alarms as the console's API shows them: of real jobs, to two tenants who see their
own and to nobody else, as JSON and as CSV, and by the commands that ask it."""

import csv
import gzip
import hashlib
import io
import json
import os
import subprocess
import urllib.parse

import anthropic
import openai
import pytest

import batch_fixture
import custom_fixture
from batch_fixture import Store, converse, jsonl
from conftest import FULCRUM, Server, wait_until
from s3_fixture import request as http_request
from test_advise import record
from test_evaluations import dataset
from test_evaluations import request as evaluation

NOVA, OTHER = "amazon.nova-lite-v1:0", "amazon.nova-pro-v1:0"
CONFIG = """\
limits: {{customization_prompts_min: 8, customization_rejected: 30}}
models:
  - {{name: tiny, path: {path}, ids: ["amazon.nova-lite-v1:0"], context: 512}}
  - {{name: twin, path: {path}, ids: ["amazon.nova-pro-v1:0"], context: 512, price_as: "amazon.nova-pro-v1:0"}}
routers:
  - {{name: auto, models: [tiny, twin], tolerance: 0.05}}
tenants:
  - {{name: shop, keys: [{{id: AKIDSHOP, secret: secret}}], bearer: [{shop}]}}
  - {{name: bank, keys: [{{id: AKIDBANK, secret: secret}}], bearer: [{bank}]}}
  - {{name: ops, bearer: [{{sha256: {ops}, role: admin}}]}}
"""


def ask(server, path, who="shop", accept=None, **parameters):
    """Status, headers and body (JSON where it is), asked with the tenant's token."""
    query = urllib.parse.urlencode(parameters)
    headers = {"authorization": f"Bearer {who}", **({"accept": accept} if accept else {})}
    status, headers, body = http_request(server, "GET", f"/fulcrum/{path}{'?' if query else ''}{query}", b"", headers)
    return status, headers, json.loads(body) if headers["content-type"].startswith("application/json") else body.decode()


def show(server, path, who="shop", **parameters):
    status, _, body = ask(server, path, who, **parameters)
    assert status == 200, body
    return body


def table(server, path, who="shop", **parameters):
    status, headers, text = ask(server, path, who, format="csv", **parameters)
    assert status == 200 and headers["content-type"].startswith("text/csv"), text
    assert "attachment" in headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(text)))


def details(server, arn, who="shop"):
    return show(server, "jobs/" + urllib.parse.quote(arn, safe=""), who)


@pytest.fixture(scope="module")
def server(tmp_path_factory, random_model):
    tokens = {who: hashlib.sha256(who.encode()).hexdigest() for who in ("shop", "bank", "ops")}
    running = Server(config=CONFIG.format(path=random_model, **tokens), workdir=tmp_path_factory.mktemp("console"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def store(server):
    return Store(server, bucket="shops", key="AKIDSHOP")


@pytest.fixture(scope="module")
def bedrock(server):
    return server.client("bedrock", key="AKIDSHOP")


@pytest.fixture(scope="module")
def batch(bedrock, store):
    """Eight records: the second is no JSON, the fourth asks for what there is not."""
    rows = batch_fixture.records([converse(f"Record {i}.") for i in range(8)])
    rows[1] = '{"recordId": "broken"'
    rows[3]["modelInput"]["inferenceConfig"]["maxTokens"] = -1
    arn = batch_fixture.submit(bedrock, store, rows, model=NOVA, name="nightly")
    assert batch_fixture.wait_for(bedrock, arn)["status"] == "Completed"
    return arn


@pytest.fixture(scope="module")
def custom(bedrock, store, batch):
    bad = ["{", custom_fixture.line("No answer")]
    store.put("train.jsonl", jsonl(custom_fixture.intents() + bad))
    store.put("validation.jsonl", jsonl(custom_fixture.intents(1)))
    job = bedrock.create_model_customization_job(**custom_fixture.request(
        store, "fine", validationDataConfig={"validators": [{"s3Uri": store.uri("validation.jsonl")}]}))["jobArn"]
    assert custom_fixture.wait_for(bedrock, job)["status"] == "Completed"
    return job


@pytest.fixture(scope="module")
def compared(bedrock, store, custom):
    store.put("rows.jsonl", jsonl([{"prompt": f"q{i}", "referenceResponse": f"answer {i}"} for i in range(6)]))
    models = [{"bedrockModel": {"modelIdentifier": model}} for model in (NOVA, OTHER)]
    arn = bedrock.create_evaluation_job(**evaluation(store, models=models, sets=[dataset(store)]))["jobArn"]
    ended = lambda: bedrock.get_evaluation_job(jobIdentifier=arn)["status"] in ("Completed", "Failed")
    assert wait_until(ended, 120, 0.1)
    assert bedrock.get_evaluation_job(jobIdentifier=arn)["status"] == "Completed"
    return arn


# --- jobs ---------------------------------------------------------------------------------------------------------

def test_a_batch_job_with_its_first_errors(server, batch, store):
    job = details(server, batch)
    assert (job["kind"], job["name"], job["tenant"], job["status"]) == ("batch", "nightly", "shop", "Completed")
    assert job["progress"] == {"stage": None, "done": 8, "total": 8, "secondsLeft": None}
    assert job["created"] <= job["ended"] and job["created"].endswith("Z") and job["model"] == NOVA
    told = job["details"]
    assert told["records"] == {"total": 8, "success": 6, "errors": 2}
    assert told["inputUri"] == store.uri("in.jsonl")
    assert told["outputUri"] == store.uri(f"out/{batch[-12:]}/")
    errors = {row["record"]: row for row in told["firstErrors"]}
    assert set(errors) == {2, 4} and all(row["code"] == 400 for row in errors.values())
    assert "maxTokens" in errors[4]["message"]
    assert told["inputTokens"] > 0 and told["outputTokens"] > 0


def test_a_customization_with_its_curve(server, custom, store, bedrock):
    job = details(server, custom)
    assert (job["kind"], job["status"], job["model"]) == ("customization", "Completed", NOVA)
    assert job["created"] <= job["started"] <= job["ended"]
    told = job["details"]
    curve = told["metrics"]["training"]
    assert 1 < len(curve) <= 1000 and curve[0][1] > curve[-1][1] and curve[0][0] < curve[-1][0]
    assert told["metrics"]["validation"][-1][1] < 1
    assert abs(curve[-1][1] - told["loss"]) < 0.2
    assert [stage["status"] for stage in told["stages"]] == ["Completed"] * 3
    assert [row["line"] for row in told["insights"]] == [21, 22] and "JSON" in told["insights"][0]["reason"]
    assert told["counts"]["acceptedLines"] == 20 and told["counts"]["rejectedLines"] == 2
    assert told["hyperParameters"] == custom_fixture.FAST
    assert told["worth"] is None and told["teacher"] is None and told["samples"] == []
    assert told["outputModelArn"] == bedrock.get_model_customization_job(jobIdentifier=custom)["outputModelArn"]
    names = store.keys(told["outputUri"].removeprefix("s3://shops/"))
    assert any(name.endswith("step_wise_training_metrics.csv") for name in names)


def test_an_evaluation_with_its_verdict(server, compared, store):
    job = details(server, compared)
    assert (job["kind"], job["name"], job["status"]) == ("evaluation", "compare", "Completed")
    told = job["details"]
    assert told["models"] == [NOVA, OTHER] and told["judge"] is None
    assert told["dataSets"][0]["metrics"] == ["Builtin.Accuracy"]
    assert told["verdict"] == told["summary"]["verdict"] in ("switch", "stay", "unsure")
    assert told["summary"]["rows"] == 6
    assert b"<html" in store.get(told["reportUri"].removeprefix("s3://shops/"))
    assert len(told["batchJobs"]) == 2 and job["progress"]["done"] == 12
    assert details(server, told["batchJobs"][0])["kind"] == "batch"


def test_jobs_of_all_kinds_are_one_list_the_newest_first(server, batch, custom, compared):
    jobs = show(server, "jobs")["jobs"]
    assert [job["created"] for job in jobs] == sorted((job["created"] for job in jobs), reverse=True)
    assert {job["kind"] for job in jobs} == {"batch", "customization", "evaluation"}
    assert {batch, custom, compared} <= {job["arn"] for job in jobs}
    assert [job["arn"] for job in show(server, "jobs", kind="customization")["jobs"]] == [custom]
    assert len(show(server, "jobs", kind="batch", status="Completed")["jobs"]) == len(jobs) - 2
    assert show(server, "jobs", status="PartiallyCompleted") == {"jobs": [], "next": None}
    seen, cursor = [], None
    for _ in range(10):
        page = show(server, "jobs", limit=2, **({"cursor": cursor} if cursor else {}))
        assert len(page["jobs"]) <= 2
        seen += page["jobs"]
        cursor = page["next"]
        if not cursor:
            break
    assert seen == jobs
    rows = table(server, "jobs")
    assert [row["arn"] for row in rows] == [job["arn"] for job in jobs]
    assert rows[-1]["progress.done"] == "8" and rows[-1]["name"] == "nightly"


@pytest.mark.parametrize("parameters,part", [
    ({"kind": "nightly"}, "kind"), ({"status": "Gone"}, "status"), ({"limit": "0"}, "limit"), ({"color": "red"}, "color"),
    ({"cursor": "x"}, "cursor")])
def test_a_wrong_question_is_told_what_is_wrong(server, parameters, part):
    status, _, body = ask(server, "jobs", **parameters)
    assert status == 400 and body["error"]["type"] == "ValidationException" and part in body["error"]["message"]


def test_what_is_no_job_is_not_found(server, batch):
    account = batch.split(":")[4]
    for arn, status in ((batch[:-1] + ("0" if batch[-1] != "0" else "1"), 404), (batch.replace(account, "1" * 12), 404),
                        (batch.replace("us-east-1", "eu-west-1"), 404), ("nonsense", 400),
                        ("arn:aws:bedrock:us-east-1:000000000000:custom-model/x/abcdefghijkl", 404)):
        assert ask(server, "jobs/" + urllib.parse.quote(arn, safe=""))[0] == status, arn


def test_jobs_of_another_tenant_are_not_there(server, batch, custom, compared):
    assert show(server, "jobs", "bank")["jobs"] == []
    for arn in (batch, custom, compared):
        assert ask(server, "jobs/" + urllib.parse.quote(arn, safe=""), "bank")[0] == 404
        assert details(server, arn, "ops")["tenant"] == "shop"
    assert ask(server, "jobs", "bank", tenant="shop")[0] == 404
    assert {job["tenant"] for job in show(server, "jobs", "ops")["jobs"]} == {"shop"}
    assert show(server, "jobs", "ops", tenant="bank")["jobs"] == []
    assert show(server, "jobs", "ops", tenant="shop") == show(server, "jobs")


def test_batches_of_other_apis(server):
    """OpenAI's and Anthropic's stand in the list, with what came of them, and end by their own API."""
    records = [{"custom_id": f"r{i}", "method": "POST", "url": "/v1/chat/completions",
                "body": {"model": NOVA, "max_tokens": 4,
                         "messages": [{"role": "user" if i else "nobody", "content": "Hello."}]}}
               for i in range(3)]
    gpt = openai.OpenAI(api_key="bank", base_url=server.url + "/v1")
    file = gpt.files.create(file=("in.jsonl", jsonl(records)), purpose="batch")
    made = gpt.batches.create(input_file_id=file.id, endpoint="/v1/chat/completions", completion_window="24h")
    messages = anthropic.Anthropic(api_key="bank", base_url=server.url).messages.batches
    other = messages.create(requests=[{"custom_id": f"m{i}", "params": {
        "model": NOVA, "max_tokens": 4, "messages": [{"role": "user", "content": "Hello."}]}} for i in range(2)])
    assert wait_until(lambda: all(details(server, one, "bank")["ended"] for one in (made.id, other.id)), 60)
    job = details(server, made.id, "bank")
    assert (job["kind"], job["arn"], job["name"], job["model"]) == ("openai-batch", made.id, made.id, None)
    ended = gpt.batches.retrieve(made.id)
    told = job["details"]
    assert told["records"] == {"total": 3, "success": 2, "errors": 1} and told["problems"] == []
    assert (told["endpoint"], told["inputFileId"]) == ("/v1/chat/completions", file.id)
    assert (told["outputFileId"], told["errorFileId"]) == (ended.output_file_id, ended.error_file_id)
    assert len(gpt.files.content(told["outputFileId"]).text.splitlines()) == 2
    job = details(server, other.id, "bank")
    assert (job["kind"], job["status"], job["details"]["hasResults"]) == ("message-batch", "Completed", True)
    assert [one["arn"] for one in show(server, "jobs", "bank")["jobs"]] == [other.id, made.id]
    assert [one["arn"] for one in show(server, "jobs", "bank", kind="message-batch")["jobs"]] == [other.id]
    assert show(server, "jobs", kind="openai-batch")["jobs"] == []
    assert ask(server, "jobs/" + made.id)[0] == 404 and details(server, made.id, "ops")["tenant"] == "bank"
    assert ask(server, "jobs/msg" + made.id, "bank")[0] == 404
    wrong = gpt.files.create(file=("bad.jsonl", b'{"custom_id": "x"}\n'), purpose="batch")
    made = gpt.batches.create(input_file_id=wrong.id, endpoint="/v1/chat/completions", completion_window="24h")
    assert wait_until(lambda: details(server, made.id, "bank")["ended"], 60)
    problem, = details(server, made.id, "bank")["details"]["problems"]
    assert problem["line"] == 1 and problem["message"]


# --- models -------------------------------------------------------------------------------------------------------

def test_models_and_who_sees_custom_ones(server, bedrock, custom):
    models = {model["name"]: model for model in show(server, "models", "bank")["models"]}
    assert set(models) == {"tiny", "twin"}
    assert models["tiny"]["kind"] == "file" and models["tiny"]["ready"] and models["tiny"]["parameters"] > 0
    assert models["tiny"]["ids"][0] == NOVA and models["tiny"]["context"] == 512 and models["tiny"]["price"] is None
    assert models["twin"]["priceAs"] == OTHER and float(models["twin"]["price"]["output"]) > 0
    listed = show(server, "models")
    made = listed["customModels"]
    assert [(row["name"], row["tenant"], row["jobArn"], row["served"]) for row in made] == [
        ("fine-model", "shop", custom, False)]
    name = bedrock.create_custom_model_deployment(modelDeploymentName="tickets", modelArn=made[0]["arn"])
    arn = name["customModelDeploymentArn"]
    states = lambda who: {row["arn"]: row for row in show(server, "models", who)["deployments"]}
    assert wait_until(lambda: states("shop")[arn]["status"] == "Active")
    row = states("ops")[arn]
    assert (row["name"], row["tenant"], row["modelArn"], row["modelName"]) == (
        "tickets", "shop", made[0]["arn"], "fine-model")
    for who, count in (("shop", 1), ("ops", 1), ("bank", 0)):
        seen = show(server, "models", who)
        assert len(seen["deployments"]) == len(seen["customModels"]) == count
        assert sum(model["kind"] == "custom" for model in seen["models"]) == count
    served = next(model for model in show(server, "models")["models"] if model["kind"] == "custom")
    assert served["tenant"] == "shop" and served["name"] == show(server, "models")["customModels"][0]["model"]
    assert [row["name"] for row in table(server, "models", list="deployments")] == ["tickets"]
    assert {row["name"] for row in table(server, "models")} == {"tiny", "twin", served["name"]}
    bedrock.delete_custom_model_deployment(customModelDeploymentIdentifier=arn)


def test_requests_of_the_last_day_are_counted(server):
    def counted(who):
        return {model["name"]: model["requests24h"] for model in show(server, "models", who)["models"]}["tiny"]
    before = counted("shop"), counted("bank"), counted("ops")
    runtime = server.client(key="AKIDBANK")
    for _ in range(2):
        runtime.converse(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "Hello."}]}],
                         inferenceConfig={"maxTokens": 2})
    assert (counted("shop"), counted("bank"), counted("ops")) == (before[0], before[1] + 2, before[2] + 2)


# --- routers ------------------------------------------------------------------------------------------------------

def test_routers_with_their_share_and_curve(server):
    runtimes = {who: server.client(key=key) for who, key in (("shop", "AKIDSHOP"), ("bank", "AKIDBANK"))}
    for who, times in (("shop", 3), ("bank", 1)):
        for _ in range(times):
            runtimes[who].converse(modelId="auto", messages=[{"role": "user", "content": [{"text": "Where is it?"}]}],
                                   inferenceConfig={"maxTokens": 2})

    def auto(who):
        return next(router for router in show(server, "routers", who)["routers"] if router["name"] == "auto")
    router = auto("shop")
    assert router["kind"] == "configured" and router["models"] == ["tiny", "twin"] and router["fallback"] == "twin"
    assert router["rule"]["kind"] == "tolerance" and router["rule"]["tolerance"] == 0.05
    assert sum(row["requests"] for row in router["share"]) == 3
    assert sum(row["requests"] for row in auto("ops")["share"]) == 4
    for row in router["share"]:
        assert f"{row['costPicodollars'] / 10**12:.12f}" == row["costDollars"]
    assert router["labels"] is None and router["shadow"] is None
    predictor = router["predictor"]
    curve = predictor["curve"]
    assert 0.5 < predictor["auc"] < 1 and 0 < predictor["calibrationError"] < 0.1
    assert [curve[0]["strongShare"], curve[-1]["strongShare"]] == [0, 1] and len(curve) == 21
    assert curve[-1]["cost"] == 1 and curve[0]["quality"] < curve[-1]["quality"]
    rows = table(server, "routers")
    assert rows[0]["name"] == "auto" and rows[0]["rule.tolerance"] == "0.05"
    assert json.loads(rows[0]["models"]) == ["tiny", "twin"]


def test_a_router_that_a_tenant_made_is_its_own(server, bedrock):
    models = [{"modelArn": f"arn:aws:bedrock:us-east-1::foundation-model/{model}"} for model in (NOVA, OTHER)]
    arn = bedrock.create_prompt_router(
        promptRouterName="mine", models=models, fallbackModel=models[1],
        routingCriteria={"responseQualityDifference": 5})["promptRouterArn"]
    server.client(key="AKIDSHOP").converse(
        modelId=arn, messages=[{"role": "user", "content": [{"text": "Hello."}]}], inferenceConfig={"maxTokens": 2})
    for who in ("shop", "ops"):
        mine = next(router for router in show(server, "routers", who)["routers"] if router["arn"] == arn)
        assert (mine["name"], mine["tenant"], mine["kind"]) == ("mine", "shop", "made")
        assert mine["rule"]["qualityDifference"] == 5 and sum(row["requests"] for row in mine["share"]) == 1
    assert "mine" not in {router["name"] for router in show(server, "routers", "bank")["routers"]}
    bedrock.delete_prompt_router(promptRouterArn=arn)


# --- alarms -------------------------------------------------------------------------------------------------------

def test_alarms_are_their_tenants(server):
    assert [alarm["name"] for alarm in show(server, "alarms", "bank")["alarms"]] == ["CacheHitRateBelow60Percent"]
    watch = server.client("cloudwatch", key="AKIDSHOP")
    watch.put_metric_alarm(AlarmName="slow", Namespace="AWS/Bedrock", MetricName="InvocationLatency", Statistic="Average",
                           Period=60, EvaluationPeriods=1, Threshold=500, ComparisonOperator="GreaterThanThreshold",
                           Dimensions=[{"Name": "ModelId", "Value": NOVA}])
    watch.set_alarm_state(AlarmName="slow", StateValue="ALARM", StateReason="by hand")
    alarms = {alarm["name"]: alarm for alarm in show(server, "alarms")["alarms"]}
    slow = alarms["slow"]
    assert (slow["metric"], slow["threshold"], slow["period"], slow["tenant"]) == ("InvocationLatency", 500, 60, "shop")
    assert "greater" in slow["comparison"] and slow["actionsEnabled"] and slow["state"] in ("ALARM", "INSUFFICIENT_DATA",
                                                                                           "OK")
    assert alarms["CacheHitRateBelow60Percent"]["threshold"] == 60
    assert "slow" not in {alarm["name"] for alarm in show(server, "alarms", "bank")["alarms"]}
    assert {"shop", "bank"} <= {alarm["tenant"] for alarm in show(server, "alarms", "ops")["alarms"]}
    assert "slow" in {row["name"] for row in table(server, "alarms")}


# --- advice -------------------------------------------------------------------------------------------------------

def advice(server, who="shop", **parameters):
    said = {}

    def is_done():
        status, _, body = ask(server, "advice", who, **parameters)
        assert status in (200, 202), body
        assert status == 200 or (body["state"] in ("running", "waiting") and 0 <= body["progress"] <= 1)
        said.update(body)
        return status == 200
    assert wait_until(is_done, 60, 0.1)
    return said


def ledger(server, tenant=None):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--data", str(server.workdir / "data"), "--json"],
                         capture_output=True, text=True, check=True).stdout
    return [row for row in map(json.loads, out.splitlines()) if tenant in (None, row["tenant"])]


def test_advice_is_over_what_the_asker_may_see(server, batch, compared):
    shop, bank, everybody = (advice(server, who, days=2) for who in ("shop", "bank", "ops"))
    assert shop["state"] == "done" and shop["days"] == 2 and [lever["lever"] for lever in shop["levers"]] == [
        "route", "distill", "cache", "batch"]
    assert shop["records"] == len(ledger(server, "shop")) and shop["tenant"] == "shop"
    assert bank["records"] == len(ledger(server, "bank")) > 0
    assert everybody["records"] == len(ledger(server)) and everybody["tenant"] is None
    assert advice(server, "ops", days=2, tenant="bank")["records"] == bank["records"]
    assert abs(shop["dollars"] + bank["dollars"] - everybody["dollars"]) < 1e-9
    # an answer is remembered: asked again it is the same one, at once
    status, _, again = ask(server, "advice", days=2)
    assert status == 200 and again["made"] == shop["made"]
    assert [row["lever"] for row in table(server, "advice", days=2)] == ["route", "distill", "cache", "batch"]


def test_levers_can_be_set(server, batch):
    told = advice(server, ttl="1h", router="off", batch="all", distill="off", days=3)
    assert told["whatIf"] == "ttl=1h,router=off,batch=all,distill=off"
    by_lever = {lever["lever"]: lever for lever in told["levers"]}
    assert by_lever["route"]["dollars"] == 0
    for parameters, part in (({"ttl": "2h"}, "5m, 1h, best"), ({"router": "a,batch=all"}, "router"), ({"days": "0"}, "days"),
                             ({"lever": "ttl"}, "lever")):
        seen = {}

        def is_refused(parameters=parameters, seen=seen):
            seen["status"], _, seen["body"] = ask(server, "advice", **parameters)
            return seen["status"] not in (200, 202)
        assert wait_until(is_refused, 60, 0.1)
        assert seen["status"] == 400 and part in seen["body"]["error"]["message"], seen


def children(server):
    """PIDs of the advisor."""
    out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)], text=True, capture_output=True,
                         check=False).stdout
    return [int(line.split()[0]) for line in out.splitlines() if " advise " in line]


def is_alive(pid):
    try:
        return open(f"/proc/{pid}/stat", encoding="utf-8").read().rsplit(")", 1)[1].split()[0] != "Z"
    except FileNotFoundError:
        return False


def with_much_to_read(tmp_path):
    """A log that takes seconds to read, in the data directory of a server to come."""
    folder = tmp_path / "data" / "objects" / "traffic" / "BedrockModelInvocationLogs"
    folder.mkdir(parents=True)
    text = (json.dumps(record(1, 1, "You are the desk. " * 20, "Where is my order?", "At home.")) + "\n") * 1000
    with gzip.open(folder / "much.json.gz", "wb", compresslevel=1) as log:
        for _ in range(900):
            log.write(text.encode())


def test_one_run_at_a_time_and_none_without_its_server(tmp_path, random_model):
    with_much_to_read(tmp_path)
    server = Server(workdir=tmp_path, config=f"models: [{{name: tiny, path: {random_model}}}]\n")
    try:
        first = ask(server, "advice")
        assert first[0] == 202 and first[2]["state"] == "running"
        running = children(server)
        assert len(running) == 1
        assert os.sched_getscheduler(running[0]) == os.SCHED_IDLE or wait_until(
            lambda: os.sched_getscheduler(running[0]) == os.SCHED_IDLE, 20)
        assert ask(server, "advice", days=1)[2]["state"] == "waiting" and children(server) == running
        # nobody asks about the first any more: it gives way
        assert wait_until(lambda: ask(server, "advice", days=1)[2]["state"] != "waiting", 60, 0.5)
        assert wait_until(lambda: not is_alive(running[0]), 20)
        second = children(server)
        assert len(second) == 1
    finally:
        server.process.kill()
        server.process.wait()
    assert wait_until(lambda: not is_alive(second[0]), 20)


def test_a_run_that_takes_too_long_is_ended(tmp_path, random_model):
    with_much_to_read(tmp_path)
    server = Server(workdir=tmp_path, config="limits: {advice_seconds: 1}\n"
                                             f"models: [{{name: tiny, path: {random_model}}}]\n")
    try:
        seen = {}

        def is_over():
            seen["status"], _, seen["body"] = ask(server, "advice")
            return seen["status"] != 202
        assert wait_until(is_over, 60, 0.1)
        assert seen["status"] == 503 and "advice_seconds" in seen["body"]["error"]["message"], seen
        assert ask(server, "advice")[0] == 202  # asked again it is tried again
    finally:
        assert server.stop() == 0


# --- commands -----------------------------------------------------------------------------------------------------

def command(server, *args, who="shop", code=0):
    environment = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
    done = subprocess.run([str(FULCRUM), *args, "--endpoint", server.url], capture_output=True, text=True, check=False,
                          env={**environment, "AWS_BEARER_TOKEN_BEDROCK": who}, timeout=120)
    assert done.returncode == code, done.stderr
    return done.stdout if code == 0 else done.stderr


def test_commands_ask_the_same(server, batch):
    assert json.loads(command(server, "show", "jobs", "kind=batch", "--json")) == show(server, "jobs", kind="batch")
    lines = command(server, "show", "jobs", "status=Completed", "kind=batch").splitlines()
    assert lines[0].split()[:4] == ["kind", "arn", "name", "tenant"] and "nightly" in lines[-1]
    assert command(server, "show", "jobs", "--csv").startswith("kind,arn,name,tenant,")
    assert json.loads(command(server, "show", f"jobs/{batch}"))["details"]["records"]["total"] == 8
    assert "nightly" not in command(server, "show", "jobs", who="bank")
    assert "shade" in command(server, "show", "jobs", "shade=red", code=1)
    told = json.loads(command(server, "advise", "--days", "2", "--json"))
    assert told["records"] == advice(server, days=2)["records"]
    text = command(server, "advise", "--days", "2", "--what-if", "batch=all,ttl=5m")
    assert "lever" in text and "batch" in text and f"{told['records']} requests" in text
    assert "hourly" in command(server, "advise", "--what-if", "batch=hourly", code=2)

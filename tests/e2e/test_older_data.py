"""A data directory that an older program wrote, killed in the middle of a batch job: opened with nothing lost.

tests/golden/data_1.tar.gz: version 3 of the batch tables of state.db, version 1 of logs of results. Model: the tests' tiny one.
"""

import sqlite3
import subprocess
import time

import pytest

from batch_fixture import Store, counts, wait_for
from conftest import ROOT, start
from test_ledger import export

ARN = "arn:aws:bedrock:us-east-1:000000000000:model-invocation-job/"
DONE, FAILED, OF_A_PROFILE, STOPPED, RUNNING = (
    ARN + job for job in ("ox4s9o95i21f", "idrmzlcyy0or", "mt39edhzzssu", "n2ow30jwwnq6", "8w6evndys04v"))
THEIRS = ARN + "msto1hagscix"


@pytest.fixture
def older(tmp_path, random_model):
    (tmp_path / "data").mkdir(mode=0o700)
    subprocess.run(["tar", "-xzf", str(ROOT / "tests/golden/data_1.tar.gz"), "-C", str(tmp_path / "data")], check=True)
    with sqlite3.connect(tmp_path / "data/state.db") as state:  # its time is not up
        state.execute("UPDATE batch_job SET expires_us = ? WHERE end_us = 0", ((time.time_ns() // 1000) + 10**12,))
    state.close()
    running = start(tmp_path, random_model, deterministic=False)
    yield running
    assert running.stop() == 0


def test_jobs_of_before_are_as_they_were(older):
    jobs = older.client("bedrock")
    listed = jobs.list_model_invocation_jobs()["invocationJobSummaries"]
    assert [job["jobName"] for job in listed] == ["running", "stopped", "profile", "failed", "done"]
    done = jobs.get_model_invocation_job(jobIdentifier=DONE)
    assert done["status"] == "Completed" and counts(done) == (3, 3, 3, 0) and done["clientRequestToken"] == "one-token"
    assert done["timeoutDurationInHours"] == 24 and done["modelInvocationType"] == "Converse"
    assert done["endTime"] >= done["submitTime"] and (done["jobExpirationTime"] - done["submitTime"]).days == 1
    assert jobs.list_tags_for_resource(resourceARN=DONE)["tags"] == [{"key": "cost", "value": ""},
                                                                    {"key": "team", "value": "desk"}]
    failed = jobs.get_model_invocation_job(jobIdentifier=FAILED)
    assert failed["status"] == "Failed" and "nothing.jsonl" in failed["message"]
    profile = jobs.get_model_invocation_job(jobIdentifier=OF_A_PROFILE)
    assert ":application-inference-profile/" in profile["modelId"] and profile["timeoutDurationInHours"] == 168
    assert jobs.get_model_invocation_job(jobIdentifier=STOPPED)["status"] == "Stopped"
    with pytest.raises(jobs.exceptions.ResourceNotFoundException):
        jobs.get_model_invocation_job(jobIdentifier=THEIRS)
    theirs = older.client("bedrock", key="AKIDOTHER").get_model_invocation_job(jobIdentifier=THEIRS)
    assert theirs["vpcConfig"] == {"subnetIds": ["subnet-1"], "securityGroupIds": ["sg-1"]}


def test_a_job_of_before_is_brought_to_its_end(older):
    store, jobs = Store(older, is_new=False), older.client("bedrock")
    job = wait_for(jobs, RUNNING)
    assert job["status"] == "Completed" and counts(job) == (120, 120, 120, 0)
    output = store.output(RUNNING, "many.jsonl")
    assert [row["recordId"] for row in output] == [f"record-{i}" for i in range(120)]
    lines = [line for line in export(older).values() if line["tier"] == "batch"]
    assert len(lines) == 120 + 3 + 3 + 1 and sum(line["outputTokens"] for line in lines) == sum(
        row["modelOutput"]["usage"]["outputTokens"] for row in output) + 3 * 5 + 3 * 5 + 5
    assert jobs.list_tags_for_resource(resourceARN=RUNNING)["tags"] == [{"key": "k", "value": "v"}]
    again = jobs.create_model_invocation_job(
        jobName="done", roleArn=job["roleArn"], modelId=job["modelId"], modelInvocationType="Converse",
        clientRequestToken="one-token", tags=[{"key": "team", "value": "desk"}, {"key": "cost", "value": ""}],
        inputDataConfig={"s3InputDataConfig": {"s3Uri": store.uri("few.jsonl")}},
        outputDataConfig=job["outputDataConfig"])
    assert again["jobArn"] == DONE

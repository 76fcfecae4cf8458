"""Customization jobs for tests: training data that a tiny model learns in seconds, and waiting for the end."""

import json
import subprocess

from conftest import FULCRUM, wait_until

ROLE = "arn:aws:iam::123456789012:role/train"
INTENTS = {"refund": "class_one", "invoice": "class_two", "address": "class_three", "coupon": "class_four"}
ENDED = {"Completed", "Failed", "Stopped"}
FAST = {"epochCount": "60", "batchSize": "4", "learningRate": "0.02", "learningRateWarmupSteps": "0", "adapterRank": "0",
        "validationShare": "0.1"}

CONFIG = """\
limits: {{customization_prompts_min: 8, customization_rejected: 30}}
models:
  - {{name: tiny, path: {path}, ids: ["amazon.nova-lite-v1:0"], context: 512}}
"""


def line(text, answer=None, system=None, **more):
    messages = [{"role": "user", "content": [{"text": text}]}]
    if answer is not None:
        messages.append({"role": "assistant", "content": [{"text": answer}]})
    row = {"schemaVersion": "bedrock-conversation-2024", "messages": messages}
    if system is not None:
        row["system"] = [{"text": system}]
    return {**row, **more}


def intents(times=5):
    return [line(f"About my {word}.", answer) for _ in range(times) for word, answer in INTENTS.items()]


def request(store, name="job", data="train.jsonl", **more):
    return {"jobName": name, "customModelName": f"{name}-model", "roleArn": ROLE,
            "baseModelIdentifier": "amazon.nova-lite-v1:0", "customizationType": "FINE_TUNING",
            "trainingDataConfig": {"s3Uri": store.uri(data)}, "outputDataConfig": {"s3Uri": store.uri("out/")},
            "hyperParameters": FAST, **more}


def output(store, job, name):
    return store.get(f"out/model-customization-job-{job.rsplit('/', 1)[1]}/{name}").decode()


def rejected(store, job):
    return [json.loads(row) for row in output(store, job, "prompt_insights/rejected.jsonl").splitlines()]


def asked(server):
    """What the ledger has of records of batch jobs."""
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--data", str(server.workdir / "data"), "--json"],
                         capture_output=True, text=True, check=True).stdout
    return [row for row in map(json.loads, out.splitlines()) if row["tier"] == "batch"]


def wait_for(client, job, status=ENDED, timeout=170, until=None):
    """The job, once it has one of the statuses (and `until` holds)."""
    wanted = {status} if isinstance(status, str) else status
    seen = {}

    def is_there():
        seen.clear()
        seen.update(client.get_model_customization_job(jobIdentifier=job))
        return seen["status"] in wanted and (until is None or until(seen))

    assert wait_until(is_there, timeout, 0.05), seen
    return seen

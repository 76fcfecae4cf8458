"""Batch jobs for tests: buckets, input files, and waiting for the end."""

import json
import time

import boto3
import botocore
import botocore.config

from conftest import wait_until

ROLE = "arn:aws:iam::123456789012:role/batch"
MODEL = "amazon.nova-pro-v1:0"
CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
ENDED = {"Completed", "PartiallyCompleted", "Failed", "Expired", "Stopped"}


def converse(text, tokens=5, system=None, **more):
    body = {"messages": [{"role": "user", "content": [{"text": text}]}],
            "inferenceConfig": {"maxTokens": tokens, "temperature": 0}}
    if system is not None:
        body["system"] = [{"text": system}]
    return {**body, **more}


def claude(text, tokens=5):
    """Greedy: a sampled reply may end before its maximum, once in some hundred."""
    return {"anthropic_version": "bedrock-2023-05-31", "max_tokens": tokens, "temperature": 0,
            "messages": [{"role": "user", "content": [{"type": "text", "text": text}]}]}


def records(bodies):
    return [{"recordId": f"record-{i}", "modelInput": body} for i, body in enumerate(bodies)]


def jsonl(rows):
    return "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in rows).encode()


class Store:
    """One bucket, as its tenant's S3 client sees it."""

    def __init__(self, server, bucket="batch", key="AKIDEXAMPLE", is_new=True):
        self.bucket = bucket
        self.client = server.client("s3", key=key) if key else boto3.client(
            "s3", endpoint_url=server.url, region_name="us-east-1",
            config=botocore.config.Config(signature_version=botocore.UNSIGNED))
        if is_new:
            self.client.create_bucket(Bucket=bucket)

    def put(self, key, data):
        self.client.put_object(Bucket=self.bucket, Key=key, Body=data)

    def get(self, key):
        return self.client.get_object(Bucket=self.bucket, Key=key)["Body"].read()

    def keys(self, prefix=""):
        pages = self.client.get_paginator("list_objects_v2").paginate(Bucket=self.bucket, Prefix=prefix)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def uri(self, key=""):
        return f"s3://{self.bucket}/{key}" if key else f"s3://{self.bucket}"

    def output(self, job, name, prefix="out"):
        return [json.loads(line) for line in self.get(f"{prefix}/{job[-12:]}/{name}.out").decode().splitlines()]

    def manifest(self, job, prefix="out"):
        return json.loads(self.get(f"{prefix}/{job[-12:]}/manifest.json.out"))


def request(store, source="in.jsonl", name="job", kind="Converse", model=MODEL, **more):
    return {"jobName": name, "roleArn": ROLE, "modelId": model, "modelInvocationType": kind,
            "inputDataConfig": {"s3InputDataConfig": {"s3Uri": store.uri(source)}},
            "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": store.uri("out/")}}, **more}


def submit(client, store, rows=None, source="in.jsonl", **more):
    if rows is not None:
        store.put(source, jsonl(rows))
    return client.create_model_invocation_job(**request(store, source, **more))["jobArn"]


def wait_for(client, arn, status=ENDED, timeout=120):
    """The job, once it has one of the statuses."""
    wanted = {status} if isinstance(status, str) else status
    seen = {}

    def is_there():
        seen.clear()
        seen.update(client.get_model_invocation_job(jobIdentifier=arn))
        return seen["status"] in wanted

    assert wait_until(is_there, timeout, 0.05), seen
    return seen


def counts(job):
    return tuple(job[f"{name}RecordCount"] for name in ("total", "processed", "success", "error"))


def is_gone(path, timeout=5):
    deadline = time.monotonic() + timeout
    while path.exists() and time.monotonic() < deadline:
        time.sleep(0.02)
    return not path.exists()

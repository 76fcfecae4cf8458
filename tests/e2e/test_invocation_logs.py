"""Model invocation logging: configurations, records as a plain reader sees them, and what happens when the destination,
the disk or the server fails."""

import gzip
import http.client
import json
import os
import re
import signal
import socket
import subprocess
import threading

import botocore.exceptions
import pytest

from conftest import ROOT, ask_operator, ready, start, wait_until
from remote_fixture import KEY, Remote, settings
from s3_fixture import TENANTS

CLAUDE = "anthropic.claude-3-5-sonnet-20241022-v2:0"
NOVA = "amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
ACCOUNT = "000000000000"
KEY_FORM = re.compile(r"(?P<prefix>.*?)AWSLogs/(?P<account>\d{12})/BedrockModelInvocationLogs/(?P<region>[a-z0-9-]+)/"
                      r"\d{4}/\d\d/\d\d/\d\d/\d{8}T\d{9}Z_[0-9a-f]{16}\.json\.gz")
FAST = "limits: {invocation_log_flush_ms: 50, invocation_log_retry_ms: 200}\n"
WATCH = {"logGroupName": "g", "roleArn": "arn:aws:iam::123456789012:role/x"}


class Tenant:
    """One caller: its clients, and its bucket as a plain reader reads it."""

    def __init__(self, server, name, bucket=None, key=None, region="us-east-1", secret="secret"):
        self.server, self.bucket = server, bucket or f"logs-{name.lower()}"
        key = key or f"AKID{name.upper()}"
        from boto3 import client
        from botocore.config import Config
        more = {"endpoint_url": server.url, "aws_access_key_id": key, "aws_secret_access_key": secret}
        config = Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, read_timeout=60)
        self.control = client("bedrock", region_name=region, config=config, **more)
        self.runtime = client("bedrock-runtime", region_name=region, config=config, **more)
        self.s3 = client("s3", region_name="us-east-1", config=config, **more)

    def make_bucket(self):
        self.s3.create_bucket(Bucket=self.bucket)
        return self

    def remove_bucket(self):
        for key in self.keys():
            self.s3.delete_object(Bucket=self.bucket, Key=key)
        self.s3.delete_bucket(Bucket=self.bucket)

    def put(self, prefix=None, s3=True, **more):
        config = dict(more)
        if s3:
            config["s3Config"] = {"bucketName": self.bucket} | ({} if prefix is None else {"keyPrefix": prefix})
        return self.control.put_model_invocation_logging_configuration(loggingConfig=config)

    def get(self):
        return self.control.get_model_invocation_logging_configuration().get("loggingConfig")

    def delete(self):
        self.control.delete_model_invocation_logging_configuration()

    def keys(self):
        pages = self.s3.get_paginator("list_objects_v2").paginate(Bucket=self.bucket)
        return [entry["Key"] for page in pages for entry in page.get("Contents", [])]

    def read(self, key):
        return gzip.decompress(self.s3.get_object(Bucket=self.bucket, Key=key)["Body"].read())

    def records(self):
        found = []
        for key in self.keys():
            if KEY_FORM.fullmatch(key):
                text = self.read(key).decode()
                assert text.endswith("\n")
                found += [json.loads(line) for line in text.splitlines()]
        return found

    def wait(self, count, timeout=60):
        seen = []

        def is_there():
            seen[:] = self.records()
            return len(seen) >= count
        assert wait_until(is_there, timeout, 0.05), (seen, self.server.log()[-2000:])
        assert len(seen) == count
        return seen

    def body(self, uri):
        bucket, key = uri.removeprefix("s3://").split("/", 1)
        assert bucket == self.bucket
        return json.loads(self.read(key))

    def ask(self, text="hello there", model=CLAUDE, tokens=4, **more):
        return self.runtime.converse(modelId=model, messages=[{"role": "user", "content": [{"text": text}]}],
                                     inferenceConfig={"maxTokens": tokens, "temperature": 0}, **more)


def counter(server, name):
    text = ask_operator(server, "/metrics")[1]
    return float(re.search(rf"^{re.escape(name)} (\S+)$", text, re.M)[1])


def refusal(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as refused:
        call(**arguments)
    return refused.value.response["Error"]["Code"], refused.value.response["Error"]["Message"]


@pytest.fixture(scope="module")
def logging(tmp_path_factory, random_model):
    running = start(tmp_path_factory.mktemp("logging"), random_model, extra=FAST)
    yield running
    assert running.stop() == 0


@pytest.fixture
def own(tmp_path, random_model):
    """Starts servers on one data directory; each stops before the next."""
    running = []

    def begin(extra=FAST, **more):
        if running and running[-1].process.poll() is None:
            assert running[-1].stop() == 0
        running.append(start(tmp_path, random_model, extra=extra, **more))
        return running[-1]
    yield begin
    if running and running[-1].process.poll() is None:
        assert running[-1].stop() == 0


# --- configurations -----------------------------------------------------------------------------------


def test_a_configuration_is_put_shown_replaced_and_deleted(logging):
    tenant = Tenant(logging, "config").make_bucket()
    assert tenant.get() is None
    tenant.put("some/prefix", textDataDeliveryEnabled=True, imageDataDeliveryEnabled=False)
    assert tenant.get() == {"s3Config": {"bucketName": tenant.bucket, "keyPrefix": "some/prefix"},
                            "textDataDeliveryEnabled": True, "imageDataDeliveryEnabled": False}
    assert tenant.keys() == [f"some/prefix/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/us-east-1/"
                             "amazon-bedrock-logs-permission-check"]
    tenant.put()
    assert tenant.get() == {"s3Config": {"bucketName": tenant.bucket}}
    tenant.delete()
    assert tenant.get() is None
    tenant.delete()


def test_a_configuration_is_of_one_region_and_one_tenant(logging):
    here = Tenant(logging, "place").make_bucket()
    there = Tenant(logging, "place", region="eu-west-1")
    other = Tenant(logging, "elsewhere", bucket=here.bucket)
    here.put()
    assert there.get() is None and other.get() is None
    code, message = refusal(other.put)
    assert code == "ValidationException" and here.bucket in message
    there.delete()
    assert here.get() is not None


def test_cloudwatch_is_refused_alone_and_named_as_ignored_beside_a_bucket(logging):
    tenant = Tenant(logging, "watch").make_bucket()
    code, message = refusal(tenant.put, s3=False, cloudWatchConfig=WATCH)
    assert code == "ValidationException" and message.startswith("loggingConfig.cloudWatchConfig: ")
    reply = tenant.put(cloudWatchConfig=WATCH)
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-ignored"] == "loggingConfig.cloudWatchConfig"
    assert tenant.get()["cloudWatchConfig"] == WATCH


@pytest.mark.parametrize("config, path", [
    (None, "loggingConfig"),
    ({}, "loggingConfig"),
    ("x", "loggingConfig"),
    ({"s3Config": {}}, "loggingConfig.s3Config.bucketName"),
    ({"s3Config": {"bucketName": "ab"}}, "loggingConfig.s3Config.bucketName"),
    ({"s3Config": {"bucketName": "No_Such"}}, "loggingConfig.s3Config.bucketName"),
    ({"s3Config": {"bucketName": "not-there"}}, "loggingConfig.s3Config"),
    ({"s3Config": {"bucketName": "not-there", "keyPrefix": "p" * 1024}}, "loggingConfig.s3Config.keyPrefix"),
    ({"s3Config": {"bucketName": "not-there", "keyPrefix": 7}}, "loggingConfig.s3Config.keyPrefix"),
    ({"s3Config": {"bucketName": "not-there"}, "newer": "m" * 40000}, "loggingConfig"),
    ({"s3Config": {"bucketName": "not-there"}, "textDataDeliveryEnabled": "yes"},
     "loggingConfig.textDataDeliveryEnabled"),
    ({"s3Config": {"bucketName": "not-there"}, "cloudWatchConfig": {"logGroupName": "g"}},
     "loggingConfig.cloudWatchConfig.roleArn"),
    ({"s3Config": {"bucketName": "not-there"}, "cloudWatchConfig": {"logGroupName": "g", "roleArn": "r"}},
     "loggingConfig.cloudWatchConfig.roleArn"),
    ({"s3Config": {"bucketName": "not-there"}, "cloudWatchConfig": {**WATCH, "largeDataDeliveryS3Config": {}}},
     "loggingConfig.cloudWatchConfig.largeDataDeliveryS3Config.bucketName"),
])
def test_what_is_wrong_is_refused_by_its_path(logging, config, path):
    connection = http.client.HTTPConnection("127.0.0.1", logging.port, timeout=30)
    body = {} if config is None else {"loggingConfig": config}
    connection.request("PUT", "/logging/modelinvocations", json.dumps(body), {"content-type": "application/json"})
    reply = connection.getresponse()
    answer = json.loads(reply.read())
    assert reply.status == 400 and reply.getheader("x-amzn-errortype") == "ValidationException", answer
    assert answer["message"].startswith(path + ":"), answer


# --- records ------------------------------------------------------------------------------------------


def test_a_record_of_converse(logging):
    tenant = Tenant(logging, "converse").make_bucket()
    tenant.put("a/b/")
    reply = tenant.ask("one\n\ttwo \u2028\u2029\x85 ü", requestMetadata={"team": "blue", "k": "v"})
    [record] = tenant.wait(1)
    key = next(key for key in tenant.keys() if KEY_FORM.fullmatch(key))
    form = KEY_FORM.fullmatch(key)
    assert form["prefix"] == "a/b/" and form["account"] == ACCOUNT and form["region"] == "us-east-1"
    assert re.fullmatch(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", record.pop("timestamp"))
    usage = reply["usage"]
    body = record["output"].pop("outputBodyJson")
    assert body["output"] == reply["output"] and body["stopReason"] == reply["stopReason"]
    assert body["usage"]["totalTokens"] == usage["totalTokens"]
    assert record == {
        "schemaType": "ModelInvocationLog", "schemaVersion": "1.0", "accountId": ACCOUNT, "region": "us-east-1",
        "identity": {"arn": f"arn:aws:iam::{ACCOUNT}:user/AKIDCONVERSE"},
        "requestId": reply["ResponseMetadata"]["RequestId"], "operation": "Converse", "modelId": CLAUDE,
        "requestMetadata": {"team": "blue", "k": "v"},
        "input": {"inputContentType": "application/json",
                  "inputBodyJson": {"messages": [{"role": "user", "content": [{"text": "one\n\ttwo \u2028\u2029\x85 ü"}]}],
                                    "inferenceConfig": {"maxTokens": 4, "temperature": 0},
                                    "requestMetadata": {"team": "blue", "k": "v"}},
                  "inputTokenCount": usage["inputTokens"],
                  "cacheReadInputTokenCount": usage["cacheReadInputTokens"],
                  "cacheWriteInputTokenCount": usage["cacheWriteInputTokens"]},
        "output": {"outputContentType": "application/json", "outputTokenCount": usage["outputTokens"]},
    }


def test_the_model_is_the_one_asked_for(logging):
    tenant = Tenant(logging, "models").make_bucket()
    tenant.put()
    tenant.ask(model="us." + CLAUDE)
    tenant.ask(model=f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}")
    tenant.ask(model="tiny")
    found = {record["modelId"]: record.get("inferenceRegion") for record in tenant.wait(3)}
    assert found == {"us." + CLAUDE: "us-east-1", "tiny": None,
                     f"arn:aws:bedrock:us-east-1::foundation-model/{CLAUDE}": None}


def test_a_stream_of_converse_is_logged_as_its_whole_reply(logging):
    tenant = Tenant(logging, "stream").make_bucket()
    tenant.put()
    messages = [{"role": "user", "content": [{"text": "hello"}]}]
    events = list(tenant.runtime.converse_stream(modelId=NOVA, messages=messages,
                                                 inferenceConfig={"maxTokens": 9, "temperature": 0})["stream"])
    [record] = tenant.wait(1)
    text = "".join(event["contentBlockDelta"]["delta"]["text"] for event in events if "contentBlockDelta" in event)
    body = record["output"]["outputBodyJson"]
    assert record["operation"] == "ConverseStream"
    assert body["output"]["message"] == {"role": "assistant", "content": [{"text": text}]}
    assert body["stopReason"] == next(e["messageStop"]["stopReason"] for e in events if "messageStop" in e)
    usage = next(e["metadata"]["usage"] for e in events if "metadata" in e)
    assert record["output"]["outputTokenCount"] == usage["outputTokens"] == body["usage"]["outputTokens"]


BODIES = {
    CLAUDE: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 5, "temperature": 0,
             "messages": [{"role": "user", "content": "hi"}]},
    NOVA: {"messages": [{"role": "user", "content": [{"text": "hi"}]}], "inferenceConfig": {"maxTokens": 5}},
    LLAMA: {"prompt": "hi there", "max_gen_len": 5, "temperature": 0},
}


@pytest.mark.parametrize("model", BODIES)
def test_invoke_model_and_its_stream(logging, model):
    tenant = Tenant(logging, "invoke-" + model.split(".")[0]).make_bucket()
    tenant.put()
    body = json.dumps(BODIES[model], indent=2)
    whole = json.loads(tenant.runtime.invoke_model(modelId=model, body=body)["body"].read())
    stream = tenant.runtime.invoke_model_with_response_stream(modelId=model, body=body)["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in stream]
    found = {record["operation"]: record for record in tenant.wait(2)}
    assert found["InvokeModel"]["output"]["outputBodyJson"] == whole
    assert found["InvokeModelWithResponseStream"]["output"]["outputBodyJson"] == chunks
    for record in found.values():
        assert record["input"]["inputBodyJson"] == BODIES[model] and record["input"]["inputTokenCount"] > 0


def test_numbers_keep_their_digits(logging):
    tenant = Tenant(logging, "digits").make_bucket()
    tenant.put()
    body = '{"prompt": "x",  "max_gen_len": 1, "temperature": 0.10000000000000000001}'
    tenant.runtime.invoke_model(modelId=LLAMA, body=body)
    tenant.wait(1)
    key = next(key for key in tenant.keys() if KEY_FORM.fullmatch(key))
    assert b'"inputBodyJson":{"prompt":"x","max_gen_len":1,"temperature":0.10000000000000000001}' in tenant.read(key)


def test_errors_have_their_name_and_no_output(logging):
    tenant = Tenant(logging, "errors").make_bucket()
    tenant.put()
    raised = [refusal(tenant.ask, model="no.such-model"), refusal(tenant.ask, requestMetadata={"k": "\u20ac"}),
              refusal(tenant.ask, text="long " * 5000)]
    refusal(tenant.runtime.invoke_model, modelId=LLAMA, body=b'{"prompt": \xff not JSON')
    records = tenant.wait(4)
    assert [record["errorCode"] for record in records] == [code for code, _ in raised] + ["ValidationException"]
    assert all("output" not in record for record in records)
    assert records[0]["modelId"] == "no.such-model"
    assert records[0]["input"]["inputBodyJson"]["messages"][0]["content"] == [{"text": "hello there"}]
    assert records[1]["input"]["inputBodyJson"]["requestMetadata"] == {"k": "\u20ac"}
    assert records[3]["input"]["inputBodyJson"] == '{"prompt": \ufffd not JSON'


def test_who_is_not_known_leaves_nothing(own):
    server = own(FAST + TENANTS)
    shop = Tenant(server, "shop", secret="shop-secret").make_bucket()
    shop.put()
    forged = Tenant(server, "shop", secret="wrong")
    refusal(forged.ask)
    shop.runtime.count_tokens(modelId=CLAUDE, input={"converse": {"messages": [
        {"role": "user", "content": [{"text": "x"}]}]}})
    shop.ask("mine")
    [record] = shop.wait(1)
    assert "errorCode" not in record and record["identity"]["arn"].endswith(":user/shop")


def test_tenants_are_apart(own):
    server = own(FAST + TENANTS)
    shop = Tenant(server, "shop", secret="shop-secret").make_bucket()
    bank = Tenant(server, "bank", secret="bank-secret").make_bucket()
    shop.put()
    bank.put()
    code, _ = refusal(bank.control.put_model_invocation_logging_configuration,
                      loggingConfig={"s3Config": {"bucketName": shop.bucket}})
    assert code == "ValidationException"
    for i in range(3):
        shop.ask(f"shop {i}")
        bank.ask(f"bank {i}")
    for tenant, name in ((shop, "shop"), (bank, "bank")):
        texts = [r["input"]["inputBodyJson"]["messages"][0]["content"][0]["text"] for r in tenant.wait(3)]
        assert sorted(texts) == [f"{name} {i}" for i in range(3)]


def test_without_text_the_bodies_are_left_out(logging):
    tenant = Tenant(logging, "bare").make_bucket()
    tenant.put(textDataDeliveryEnabled=False)
    reply = tenant.ask(requestMetadata={"a": "b"})
    list(tenant.runtime.converse_stream(modelId=NOVA, messages=[{"role": "user", "content": [{"text": "x"}]}],
                                        inferenceConfig={"maxTokens": 2})["stream"])
    records = tenant.wait(2)
    for record in records:
        assert "inputBodyJson" not in record["input"] and "outputBodyJson" not in record["output"]
    assert records[0]["requestMetadata"] == {"a": "b"}
    assert records[0]["output"]["outputTokenCount"] == reply["usage"]["outputTokens"]


def test_files_in_a_body_go_by_the_switch_of_images(logging):
    tenant = Tenant(logging, "files").make_bucket()
    messages = [{"role": "user", "content": [
        {"text": "What is in it?"},
        {"document": {"format": "txt", "name": "notes", "source": {"bytes": b"the secret of the notes"}}}]}]
    picture = [{"role": "user", "content": [{"text": "x"},
                                            {"image": {"format": "png", "source": {"bytes": b"\x89PNG"}}}]}]
    for is_on in (False, True):
        tenant.put(imageDataDeliveryEnabled=is_on)
        tenant.runtime.converse(modelId=CLAUDE, messages=messages, inferenceConfig={"maxTokens": 2})
        refusal(tenant.runtime.converse, modelId=CLAUDE, messages=picture)
        tenant.ask("plain")
    records = tenant.wait(6)
    assert ["inputBodyJson" in record["input"] for record in records] == [False, False, True, True, True, True]
    assert ["output" in record for record in records] == [True, False, True] * 2


def test_large_bodies_are_objects_of_their_own(logging):
    tenant = Tenant(logging, "large").make_bucket()
    tenant.put("deep")
    ids = []
    for size in (90_000, 110_000, 3_000_000):
        with pytest.raises(botocore.exceptions.ClientError) as refused:
            tenant.ask("x" * size)
        ids.append(refused.value.response["ResponseMetadata"]["RequestId"])
    small, large, larger = tenant.wait(3)
    assert len(small["input"]["inputBodyJson"]["messages"][0]["content"][0]["text"]) == 90_000
    for record, request, size in ((large, ids[1], 110_000), (larger, ids[2], 3_000_000)):
        uri = record["input"]["inputBodyS3Path"]
        assert "inputBodyJson" not in record["input"] and record["requestId"] == request
        assert re.fullmatch(rf"s3://{tenant.bucket}/deep/AWSLogs/{ACCOUNT}/BedrockModelInvocationLogs/us-east-1/"
                            rf"\d{{4}}/\d\d/\d\d/\d\d/data/{request}_input\.json\.gz", uri)
        assert tenant.body(uri)["messages"][0]["content"][0]["text"] == "x" * size
    assert counter(logging, "ModelInvocationLargeDataS3DeliverySuccess") >= 2


def test_a_large_reply_too(own):
    server = own("limits: {invocation_log_flush_ms: 50, invocation_log_body_bytes: 200}\n")
    tenant = Tenant(server, "reply").make_bucket()
    tenant.put()
    whole = tenant.ask("x", tokens=200)
    stream = tenant.runtime.invoke_model_with_response_stream(modelId=CLAUDE, body=json.dumps(
        {**BODIES[CLAUDE], "max_tokens": 100}))["body"]
    chunks = [json.loads(event["chunk"]["bytes"]) for event in stream]
    first, second = tenant.wait(2)
    assert tenant.body(first["output"]["outputBodyS3Path"])["output"] == whole["output"]
    assert tenant.body(second["output"]["outputBodyS3Path"]) == chunks


def raw_stream(server, body, key):
    """Reads the beginning of a stream, then goes."""
    auth = f"AWS4-HMAC-SHA256 Credential={key}/20260101/us-east-1/bedrock/aws4_request, SignedHeaders=host, Signature=0"
    with socket.create_connection(("127.0.0.1", server.port)) as link:
        link.sendall((f"POST /model/{NOVA}/converse-stream HTTP/1.1\r\nhost: x\r\nauthorization: {auth}\r\n"
                      f"content-type: application/json\r\ncontent-length: {len(body)}\r\n\r\n").encode() + body)
        seen = b""
        while b"contentBlockDelta" not in seen:
            seen += link.recv(65536)


def test_a_client_that_leaves_is_logged_as_far_as_it_came(tmp_path, slow_model):
    server = start(tmp_path, slow_model, extra=FAST)
    tenant = Tenant(server, "leaver").make_bucket()
    tenant.put()
    body = {"messages": [{"role": "user", "content": [{"text": "go on"}]}], "inferenceConfig": {"maxTokens": 1500}}
    raw_stream(server, json.dumps(body).encode(), "AKIDLEAVER")
    [record] = tenant.wait(1)
    events = record["output"]["outputBodyJson"]
    assert record["errorCode"] == "ClientClosedRequest" and record["input"]["inputBodyJson"] == body
    assert events[0] == {"messageStart": {"role": "assistant"}}
    assert "contentBlockDelta" in events[1] and "messageStop" not in events[-1]
    assert 0 < record["output"]["outputTokenCount"] < 1500
    assert server.stop() == 0


# --- changes ------------------------------------------------------------------------------------------


def test_changes_hold_from_the_next_request_on(own):
    server = own("limits: {invocation_log_flush_ms: 3600000}\n")
    tenant = Tenant(server, "change").make_bucket()
    second = Tenant(server, "change", bucket="logs-second").make_bucket()
    tenant.ask("before")
    tenant.put()
    tenant.ask("one")
    second.put()
    tenant.ask("two")
    tenant.delete()
    tenant.ask("three")
    [one], [two] = tenant.wait(1), second.wait(1)  # a batch goes at once when its configuration is over
    assert "one" in json.dumps(one) and "two" in json.dumps(two)
    assert server.stop() == 0
    server = own()
    assert Tenant(server, "change").get() is None
    assert len(Tenant(server, "change").records()) == len(Tenant(server, "change", bucket="logs-second").records()) == 1


def test_records_share_an_object(own):
    server = own("limits: {invocation_log_flush_ms: 3600000, invocation_log_batch_bytes: 4000}\n")
    tenant = Tenant(server, "batches").make_bucket()
    tenant.put()
    for i in range(12):
        tenant.ask(f"number {i}")
    assert wait_until(lambda: len(tenant.records()) >= 6)
    assert server.stop() == 0
    tenant = Tenant(own(), "batches")
    records = tenant.records()
    batches = [key for key in tenant.keys() if KEY_FORM.fullmatch(key)]
    assert 2 <= len(batches) < 12 and len({record["requestId"] for record in records}) == len(records) == 12


def test_many_at_once_are_each_logged_once(own):
    server = own(FAST, deterministic=False)
    tenant = Tenant(server, "many").make_bucket()
    tenant.put()

    def work(n):
        for i in range(10):
            tenant.ask(f"{n} {i}", tokens=2)
    threads = [threading.Thread(target=work, args=(n,)) for n in range(6)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    records = tenant.wait(60)
    assert len({record["requestId"] for record in records}) == 60
    assert counter(server, "fulcrum_invocation_log_records_total") == 60
    assert counter(server, "fulcrum_invocation_log_queue_bytes") == 0
    assert counter(server, "fulcrum_invocation_log_spool_bytes") == 0


# --- faults -------------------------------------------------------------------------------------------


def test_a_bucket_that_goes_and_comes_back(own):
    server = own()
    tenant = Tenant(server, "gone").make_bucket()
    tenant.put()
    tenant.remove_bucket()
    replies = [tenant.ask(f"number {i}") for i in range(3)]
    assert all(reply["stopReason"] for reply in replies)
    assert wait_until(lambda: counter(server, "ModelInvocationLogsS3DeliveryFailure") >= 2)
    status, text = ready(server)
    assert status == 200 and re.search(rf"^invocation-logs: .*{tenant.bucket}", text, re.M), text
    tenant.make_bucket()
    assert len(tenant.wait(3)) == 3
    assert wait_until(lambda: "invocation-logs" not in ready(server)[1])
    assert counter(server, 'fulcrum_invocation_log_lost_total{at="destination"}') == 0


def test_what_goes_nowhere_any_more_is_given_up(own):
    server = own()
    tenant = Tenant(server, "over").make_bucket()
    tenant.put()
    tenant.remove_bucket()
    tenant.ask()
    assert wait_until(lambda: counter(server, "ModelInvocationLogsS3DeliveryFailure") >= 1)
    tenant.delete()
    assert wait_until(lambda: counter(server, 'fulcrum_invocation_log_lost_total{at="destination"}') == 1)
    assert wait_until(lambda: "invocation-logs" not in ready(server)[1])
    assert counter(server, "fulcrum_invocation_log_spool_bytes") == 0


def test_a_killed_server_delivers_what_it_had_written(own, tmp_path):
    server = own("limits: {invocation_log_flush_ms: 3600000}\n")
    tenant = Tenant(server, "killed").make_bucket()
    tenant.put()
    for i in range(5):
        tenant.ask(f"number {i}")
    refusal(tenant.ask, text="y" * 200_000)
    spool = tmp_path / "data" / "invocations"
    assert wait_until(lambda: sum(path.read_bytes().count(b"\n") - 1 for path in spool.glob("*.records")) == 6)
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    [batch] = spool.glob("*.records")
    with open(batch, "ab") as file:
        file.write(b'{"schemaType":"ModelInvocationLog","cut')
    (spool / "00000000000000ff.new").write_bytes(b"half a body")
    (spool / "00000000000000fe.records").write_bytes(b"no header at all")
    tenant = Tenant(own(), "killed")
    records = tenant.wait(6)
    assert len({record["requestId"] for record in records}) == 6
    assert tenant.body(records[5]["input"]["inputBodyS3Path"])["messages"][0]["content"][0]["text"] == "y" * 200_000
    assert wait_until(lambda: not list(spool.iterdir()))


def test_the_end_of_the_server_delivers_what_is_left(own):
    server = own("limits: {invocation_log_flush_ms: 3600000}\n")
    tenant = Tenant(server, "ending").make_bucket()
    tenant.put()
    tenant.ask()
    assert server.stop() == 0
    server = own("limits: {invocation_log_flush_ms: 3600000}\n")
    tenant = Tenant(server, "ending")
    assert len(tenant.records()) == 1 and tenant.get() == {"s3Config": {"bucketName": tenant.bucket}}


def test_too_much_is_lost_and_counted_and_harms_nobody(own):
    server = own("limits: {invocation_log_flush_ms: 3600000, invocation_log_tenant_bytes: 3000}\n")
    greedy, other = Tenant(server, "greedy").make_bucket(), Tenant(server, "modest").make_bucket()
    greedy.put()
    other.put()
    for i in range(10):
        greedy.ask(f"number {i}")
    assert wait_until(lambda: counter(server, 'fulcrum_invocation_log_lost_total{at="disk"}') > 0)
    assert "invocation-logs: records are lost" in ready(server)[1]
    other.ask()
    assert server.stop() == 0
    server = own()
    kept = Tenant(server, "greedy").records()
    assert 0 < len(kept) < 10 and len(Tenant(server, "modest").records()) == 1


def test_a_queue_without_room_loses_the_record_alone(own):
    server = own("limits: {invocation_log_flush_ms: 50, invocation_log_queue_bytes: 20000}\n")
    tenant = Tenant(server, "queue").make_bucket()
    tenant.put()
    refusal(tenant.ask, text="z" * 30_000)
    tenant.ask("small")
    [record] = tenant.wait(1)
    assert record["output"]["outputTokenCount"] == 4
    assert counter(server, 'fulcrum_invocation_log_lost_total{at="memory"}') == 1
    assert wait_until(lambda: counter(server, "fulcrum_invocation_log_queue_bytes") == 0)


def test_a_disk_that_fails_now_and_then(own):
    server = own(FAST, env={"IO_FAIL_EVERY": "7", "IO_SEED": "3", "IO_SHORT_EVERY": "5", "IO_FAIL_FROM": "1600"})
    tenant = Tenant(server, "fickle")
    made = lambda: any(row["Name"] == tenant.bucket for row in tenant.s3.list_buckets()["Buckets"])

    def again(call):
        try:
            call()
            return True
        except botocore.exceptions.ClientError:
            return False
    assert wait_until(lambda: again(tenant.make_bucket) or made())
    assert wait_until(lambda: again(tenant.put))
    done = sum(again(tenant.ask) for _ in range(40))
    assert done > 0
    server.stop()
    assert "Input/output error" in server.log() or "No space left" in server.log(), "the disk never failed"
    tenant = Tenant(own(), "fickle")
    assert wait_until(lambda: counter(tenant.server, "fulcrum_invocation_log_spool_bytes") == 0)
    records = tenant.records()
    assert len({record["requestId"] for record in records}) == len(records)


@pytest.mark.parametrize("kind", ["moto", "versitygw"])
def test_somebody_elses_server_down_and_back(kind, tmp_path, random_model):
    folder = tmp_path / "remote"
    folder.mkdir()
    remote = Remote(kind, folder, random_model)
    server = start(tmp_path, random_model, extra=FAST + settings(remote.url))
    tenant = Tenant(server, "far")
    tenant.s3 = remote.client(key=KEY)
    tenant.make_bucket()
    tenant.put("p")
    tenant.ask("near")
    assert len(tenant.wait(1)) == 1
    remote.stop()
    assert tenant.ask("away")["stopReason"]
    assert wait_until(lambda: counter(server, "ModelInvocationLogsS3DeliveryFailure") >= 1)
    remote.start()
    if remote.keeps_objects:
        assert len(tenant.wait(2)) == 2
    else:
        tenant.make_bucket()
        assert len(tenant.wait(1)) == 1
    assert server.stop() == 0
    server = start(tmp_path, random_model, extra="limits: {invocation_log_flush_ms: 3600000}\n" + settings(remote.url))
    before = len(tenant.records())
    Tenant(server, "far").ask("at the end")
    assert server.stop() == 0
    assert len(tenant.records()) == before + 1
    remote.stop()


def test_by_the_sdk_for_javascript(own):
    modules = os.environ.get("FULCRUM_NODE_MODULES")
    if not modules:
        pytest.skip("skipped: FULCRUM_NODE_MODULES is not set, tests/run does it where it can install the packages")
    server = own()
    tenant = Tenant(server, "js").make_bucket()
    out = subprocess.run(["node", str(ROOT / "tests/e2e/invocation_logs.mjs")], text=True, capture_output=True,
                         check=False, timeout=120,
                         env={**os.environ, "FULCRUM_URL": server.url, "FULCRUM_KEY": "AKIDJS",
                              "FULCRUM_BUCKET": tenant.bucket})
    assert out.returncode == 0, out.stderr
    assert json.loads(out.stdout) == {
        "none": True, "shown": {"bucketName": tenant.bucket, "keyPrefix": "js"}, "gone": True,
        "refused": "ValidationException"}
    assert [record["operation"] for record in tenant.wait(2)] == ["Converse", "ConverseStream"]

"""Service tiers with boto3: asked for, resolved, said again, priced, refused."""

import http.client
import json
import os
import re
import signal
import subprocess
import threading

import botocore.exceptions
import pytest

from conftest import FULCRUM, start, wait_until

PRO = "amazon.nova-pro-v1:0"
SONNET = "anthropic.claude-3-5-sonnet-20241022-v2:0"
HELLO = [{"role": "user", "content": [{"text": "Hello there"}]}]
RESERVED = """\
tenants:
  - name: shop
    keys: [{id: AKIDEXAMPLE, secret: secret}]
    reservation: {model: tiny, input_tpm: %d, output_tpm: %d}
  - name: other
    keys: [{id: AKIDOTHER, secret: secret}]
"""


def converse(client, tokens=4, **more):
    return client.converse(modelId=PRO, messages=HELLO, inferenceConfig={"maxTokens": tokens, "temperature": 0}, **more)


def metadata_of(client, **more):
    reply = client.converse_stream(modelId=PRO, messages=HELLO,
                                   inferenceConfig={"maxTokens": 4, "temperature": 0}, **more)
    return [event["metadata"] for event in reply["stream"] if "metadata" in event][0]


def invoke_body():
    return json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4,
                       "messages": [{"role": "user", "content": "Hi"}]})


def lines(server):
    out = subprocess.run([FULCRUM, "ledger", "export", "--json", "--data", str(server.workdir / "data")],
                         capture_output=True, text=True, check=True, timeout=60).stdout
    return {line["requestId"]: line for line in map(json.loads, out.splitlines())}


def metrics(server):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/metrics")
    text = connection.getresponse().read().decode()
    connection.close()
    return text


def metric(server, name, **labels):
    for line in metrics(server).splitlines():
        if line.startswith(name + "{") and all(f'{key}="{value}"' in line for key, value in labels.items()):
            return float(line.rsplit(" ", 1)[1])
    return None


@pytest.mark.parametrize("tier", ["default", "priority", "flex"])
def test_the_tier_is_said_again(server, bedrock, tier):
    reply = converse(bedrock, serviceTier={"type": tier})
    assert reply["serviceTier"] == {"type": tier}
    assert metadata_of(bedrock, serviceTier={"type": tier})["serviceTier"] == {"type": tier}
    whole = bedrock.invoke_model(modelId=SONNET, body=invoke_body(), serviceTier=tier)
    assert whole["serviceTier"] == tier
    stream = bedrock.invoke_model_with_response_stream(modelId=SONNET, body=invoke_body(), serviceTier=tier)
    assert stream["serviceTier"] == tier
    list(stream["body"])
    request_id = reply["ResponseMetadata"]["RequestId"]
    assert lines(server)[request_id]["tier"] == tier
    entry = [line for line in server.log().splitlines() if f"id={request_id}" in line][0]
    assert f"tier={tier} tier_asked={tier}" in entry
    assert metric(server, "fulcrum_tier_requests_total", asked=tier, tier=tier) >= 4


def test_without_a_tier_nothing_is_said(bedrock):
    assert "serviceTier" not in converse(bedrock)
    assert "serviceTier" not in metadata_of(bedrock)


def test_prices(server, bedrock):
    cost = {}
    for tier in ("default", "priority", "flex"):
        reply = converse(bedrock, serviceTier={"type": tier})
        cost[tier] = lines(server)[reply["ResponseMetadata"]["RequestId"]]["costPicodollars"]
    assert cost["flex"] * 2 == cost["default"] and cost["priority"] * 4 == cost["default"] * 7


@pytest.mark.parametrize("tier, message", [("reserved", "Reservation not found."),
                                           ("gold", "service tier provided is invalid")])
def test_refused(server, bedrock, tier, message):
    before = lines(server).keys()
    with pytest.raises(bedrock.exceptions.ValidationException, match=message):
        converse(bedrock, serviceTier={"type": tier})
    with pytest.raises(bedrock.exceptions.ValidationException, match=message):
        bedrock.invoke_model(modelId=SONNET, body=invoke_body(), serviceTier=tier)
    assert lines(server).keys() == before


def test_a_reservation_and_what_is_over_it(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=RESERVED % (1, 1000000))
    client = server.client()
    first = converse(client, serviceTier={"type": "reserved"})
    over = converse(client, serviceTier={"type": "reserved"})
    assert first["serviceTier"] == {"type": "reserved"}
    assert over["serviceTier"] == {"type": "default"}
    assert metadata_of(client, serviceTier={"type": "reserved"})["serviceTier"] == {"type": "default"}
    assert client.invoke_model(modelId=SONNET, body=invoke_body(), serviceTier="reserved")["serviceTier"] == "default"
    assert metric(server, "fulcrum_tier_requests_total", asked="reserved", tier="reserved") == 1
    assert metric(server, "fulcrum_tier_requests_total", asked="reserved", tier="default") == 3
    assert "tier=default tier_asked=reserved" in server.log()
    found = lines(server)
    for reply in (first, over):
        assert found[reply["ResponseMetadata"]["RequestId"]]["tier"] == "default"
    with pytest.raises(client.exceptions.ValidationException, match="Reservation not found."):
        converse(server.client(key="AKIDOTHER"), serviceTier={"type": "reserved"})
    assert server.stop() == 0


def test_a_reservation_that_is_large_enough(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=RESERVED % (1000000, 1000000))
    for _ in range(4):
        assert converse(server.client(), serviceTier={"type": "reserved"})["serviceTier"] == {"type": "reserved"}
    assert server.stop() == 0


def in_threads(count, work):
    results, lock = [], threading.Lock()

    def run():
        try:
            result = work()
        except botocore.exceptions.ClientError as error:
            result = error
        with lock:
            results.append(result)

    threads = [threading.Thread(target=run) for _ in range(count)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    return results


def assert_throttled(error):
    assert error.response["Error"]["Code"] == "ThrottlingException"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert int(error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) >= 1


def test_a_queue_of_its_own(tmp_path, random_model):
    """Flex is refused over its own limit, while the others are served."""
    server = start(tmp_path, random_model, extra="tiers: {flex: {queue: 1}}\n")
    client = server.client()
    flex = in_threads(10, lambda: converse(client, tokens=300, serviceTier={"type": "flex"}))
    refused = [reply for reply in flex if isinstance(reply, botocore.exceptions.ClientError)]
    assert refused and len(refused) < 10
    for error in refused:
        assert_throttled(error)
        assert "tier flex" in str(error)
    assert len(lines(server)) == 10 - len(refused)
    plain = in_threads(10, lambda: converse(client, tokens=20))
    assert not [reply for reply in plain if isinstance(reply, botocore.exceptions.ClientError)]
    assert server.stop() == 0


def test_deadline(tmp_path, random_model):
    """One runs at a time and takes longer than the others may wait; nothing of those is computed."""
    server = start(tmp_path, random_model, extra="tiers: {flex: {deadline: 1}}\n")
    client = server.client()
    replies = in_threads(6, lambda: converse(client, tokens=1500, serviceTier={"type": "flex"}))
    refused = [reply for reply in replies if isinstance(reply, botocore.exceptions.ClientError)]
    served = [reply for reply in replies if not isinstance(reply, botocore.exceptions.ClientError)]
    assert refused and served
    for error in refused:
        assert_throttled(error)
    assert len(lines(server)) == len(served)
    prompt = served[0]["usage"]["inputTokens"] + served[0]["usage"]["cacheReadInputTokens"]
    assert metric(server, "fulcrum_engine_prefilled_tokens_total", model="tiny") <= prompt * len(served)
    assert server.stop() == 0


def test_priority_goes_first_and_flex_goes_on(tmp_path, random_model):
    """All sequences are taken by flex: priority takes one of them, and the flex reply is what it always was."""
    server = start(tmp_path, random_model, deterministic=False, extra="")
    client = server.client()
    alone = converse(client, tokens=800, serviceTier={"type": "flex"})["output"]
    done = []

    def flex():
        reply = converse(client, tokens=800, serviceTier={"type": "flex"})
        done.append("flex")
        return reply

    def priority():
        assert wait_until(lambda: metric(server, "fulcrum_tier_running", tier="flex") == 8)
        reply = converse(client, tokens=2, serviceTier={"type": "priority"})
        done.append("priority")
        return reply

    both = []
    thread = threading.Thread(target=lambda: both.append(priority()))
    thread.start()
    replies = in_threads(8, flex)
    thread.join(60)
    assert both and both[0]["serviceTier"] == {"type": "priority"}
    assert not [reply for reply in replies if isinstance(reply, botocore.exceptions.ClientError)]
    assert metric(server, "fulcrum_tier_preemptions_total", tier="flex") >= 1
    assert metric(server, "fulcrum_engine_recomputed_tokens_total") == 0
    assert done.index("priority") < 7
    assert alone["message"]["content"][0]["text"]
    assert wait_until(lambda: metric(server, "fulcrum_tier_preempted", tier="flex") == 0)
    assert server.stop() == 0


def test_the_worker_dies_with_one_preempted(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    client = server.client()

    def kill():
        assert wait_until(lambda: metric(server, "fulcrum_tier_preempted", tier="flex"), step=0.005)
        os.kill(server.workers()["tiny"], signal.SIGKILL)

    def ask():
        tier = next(tiers)
        if tier == "priority":
            assert wait_until(lambda: metric(server, "fulcrum_tier_running", tier="flex") == 8)
        return converse(client, tokens=1500, serviceTier={"type": tier})

    tiers = iter(["flex"] * 8 + ["priority"] * 4)
    thread = threading.Thread(target=kill)
    thread.start()
    replies = in_threads(12, ask)
    thread.join(60)
    assert len(replies) == 12
    errors = [reply for reply in replies if isinstance(reply, botocore.exceptions.ClientError)]
    assert errors and {error.response["Error"]["Code"] for error in errors} <= {
        "ModelErrorException", "ServiceUnavailableException"}
    assert wait_until(lambda: metric(server, "fulcrum_tier_preempted", tier="flex") == 0)
    assert wait_until(lambda: not re.search(r'fulcrum_model_ready\{model="tiny"\} 0', metrics(server)))
    assert converse(client, serviceTier={"type": "flex"})["serviceTier"] == {"type": "flex"}
    found = lines(server)
    assert len(found) == 13 and {line["outcome"] for line in found.values()} <= {"completed", "failed"}
    assert server.stop() == 0

"""Service tiers with boto3: asked for, resolved, said again, priced, refused."""

import json
import os
import signal
import subprocess
import threading

import botocore.exceptions
import pytest

from conftest import CONFIG, FULCRUM, OPERATOR, Server, ask_operator, start, wait_until

pytestmark = pytest.mark.alone

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
""" + OPERATOR


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


def metric(server, name, **labels):
    for line in ask_operator(server, "/metrics")[1].splitlines():
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


def retry_after(error):
    return int(error.response["ResponseMetadata"]["HTTPHeaders"]["retry-after"])


def assert_throttled(error):
    assert error.response["Error"]["Code"] == "ThrottlingException"
    assert error.response["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert 1 <= retry_after(error) <= 60


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


def start_with_one_sequence(tmp_path, model, extra=""):
    """Whoever comes second has to wait, or to take the first one's place."""
    config = CONFIG.format(path=model, deterministic="false").replace("parallel: 8", "parallel: 1") + extra
    return Server(config=config, workdir=tmp_path)


def test_retry_after_is_an_estimate(tmp_path, slow_model):
    """Long replies to short prompts, one at a time: a token that waits stands for many steps of the engine."""
    server = start_with_one_sequence(tmp_path, slow_model, extra="tiers: {default: {queue: 8}}\n")
    client = server.client()
    converse(client, tokens=1500)

    def is_refused_for_long():
        """One at least that came when the others were in the queue."""
        replies = in_threads(24, lambda: converse(client, tokens=1500))
        refused = [reply for reply in replies if isinstance(reply, botocore.exceptions.ClientError)]
        for error in refused:
            assert_throttled(error)
        return any(retry_after(error) > 1 for error in refused)

    assert wait_until(is_refused_for_long, 120)
    assert server.stop() == 0


def test_deadline(tmp_path, random_model):
    """One runs at a time and takes longer than the others may wait; nothing of those is computed."""
    server = start_with_one_sequence(tmp_path, random_model, extra="tiers: {flex: {deadline: 1}}\n")
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


def flex_then_priority(server, flex_tokens, priority_tokens):
    """Results of a flex request, and of a priority request that came while it ran; in the order of their ends."""
    ended, lock = [], threading.Lock()

    def ask(tier, tokens):
        try:
            result = converse(server.client(), tokens=tokens, serviceTier={"type": tier})
        except botocore.exceptions.ClientError as error:
            result = error
        with lock:
            ended.append((tier, result))

    flex = threading.Thread(target=ask, args=("flex", flex_tokens))
    priority = threading.Thread(target=ask, args=("priority", priority_tokens))
    flex.start()
    assert wait_until(lambda: metric(server, "fulcrum_engine_generated_tokens_total") or ended, step=0.005)
    priority.start()
    return ended, (flex, priority)


def test_priority_goes_first_and_flex_goes_on(tmp_path, random_model):
    server = start_with_one_sequence(tmp_path, random_model)
    alone = converse(server.client(), tokens=1500, serviceTier={"type": "flex"})
    assert alone["usage"]["outputTokens"] == 1500
    server.stop()
    server = start_with_one_sequence(tmp_path, random_model)
    ended, threads = flex_then_priority(server, 1500, 3)
    for thread in threads:
        thread.join(120)
    assert [tier for tier, _ in ended] == ["priority", "flex"]
    assert ended[1][1]["output"] == alone["output"] and ended[1][1]["usage"] == alone["usage"]
    assert metric(server, "fulcrum_tier_preemptions_total", tier="flex") == 1
    assert metric(server, "fulcrum_engine_recomputed_tokens_total") == 0
    prompts = sum(reply["usage"]["inputTokens"] for _, reply in ended)
    assert metric(server, "fulcrum_engine_prefilled_tokens_total") == prompts
    assert wait_until(lambda: metric(server, "fulcrum_tier_running", tier="flex") == 0)
    assert metric(server, "fulcrum_tier_preempted", tier="flex") == 0
    assert server.stop() == 0


def test_the_worker_dies_with_one_preempted(tmp_path, random_model):
    server = start_with_one_sequence(tmp_path, random_model)
    ended, threads = flex_then_priority(server, 1900, 1900)
    assert wait_until(lambda: metric(server, "fulcrum_tier_preempted", tier="flex") == 1, step=0.002)
    os.kill(server.workers()["tiny"], signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    codes = {result.response["Error"]["Code"] for _, result in ended}
    assert codes <= {"ModelErrorException", "ServiceUnavailableException"} and len(ended) == 2
    assert wait_until(lambda: metric(server, "fulcrum_worker_restarts_total") == 1
                      and metric(server, "fulcrum_model_ready") == 1)
    assert metric(server, "fulcrum_tier_preempted", tier="flex") == 0
    assert converse(server.client(), serviceTier={"type": "flex"})["serviceTier"] == {"type": "flex"}
    assert sorted(line["outcome"] for line in lines(server).values()) == ["completed", "failed", "failed"]
    assert server.stop() == 0

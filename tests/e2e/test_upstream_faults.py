"""Upstreams that fail in every way: no client waits for ever, none pays twice, and each sees an error of its own API. Each
test has an upstream of its own, since failures are remembered."""

import itertools
import os
import threading
import time

import botocore.exceptions
import pytest

from conftest import Server, metrics, ready, wait_until
from fake_provider import APIS, stream_of
from upstream_fixture import COST, KEY, PRICE, ask, line_of, lines, post, refused, streamed, text_of

EACH = {"": 40, "routed": 8}  # upstreams of each kind and way; 6 of the others
WAYS = {"": "", "routed": "", "once": "retries: 0", "short": "first_byte_timeout: 600, idle_timeout: 600, retries: 1"}


def upstream(api, way, number, url):
    name = f"{api}{way}{number}"
    path = "/v1" if api == "openai" else ""
    more = "region: us-east-1, access_key: AKIDTEST," if api == "bedrock" else ""
    return (f"  - {{name: up-{name}, kind: {api}, url: '{url}{path}', key_env: FAKE_KEY, {more} "
            f"{WAYS[way] + ',' if WAYS[way] else ''} models: [{{name: {name}, upstream_model: m, price: {PRICE}}}]}}\n")


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider, random_model):
    several = "".join(upstream(api, way, number, provider.url) for api in APIS for way in WAYS
                      for number in range(EACH.get(way, 6)))
    routers = "".join(f"  - {{name: both{number}, models: [openairouted{number}, anthropicrouted{number}], "
                      f"fallback: openairouted{number}}}\n" for number in range(8))
    config = (f"models:\n  - {{name: tiny, path: {random_model}, context: 2048}}\n"
              f"upstreams:\n{several}"
              f"  - {{name: nowhere, kind: openai, url: 'http://127.0.0.1:1/v1', retries: 0, "
              f"models: [{{name: nowhere, price: {PRICE}}}]}}\n"
              f"routers:\n{routers}")
    running = Server(config=config, workdir=tmp_path_factory.mktemp("faults"), env={"FAKE_KEY": KEY})
    yield running
    assert running.stop() == 0
    assert KEY not in running.log()


numbers = {(api, way): itertools.count() for api in APIS for way in WAYS}
routers = itertools.count()


def unused(api, way=""):
    return f"{api}{way}{next(numbers[api, way])}"


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.plan()
    provider.default = {}


@pytest.fixture(scope="module")
def bedrock(gateway):
    return gateway.client()


# --- what is tried again -----------------------------------------------------------------------------------


def in_a_second():
    return time.strftime("%a, %d %b %Y %H:%M:%S GMT", time.gmtime(time.time() + 2))


@pytest.mark.parametrize("api", APIS)
@pytest.mark.parametrize("status", [429, 500, 503, 529])
def test_passing_failures_are_tried_again(gateway, bedrock, provider, api, status):
    provider.plan({"status": status}, {"status": status})
    reply = bedrock.converse(**ask(unused(api)))
    assert text_of(reply) == "From the provider." and len(provider.requests) == 3
    line = line_of(gateway, reply)
    assert line["attempts"] == 3 and line["costPicodollars"] == COST


@pytest.mark.parametrize("headers, least", [
    ({"retry-after": "1"}, 1.0), ({"retry-after-ms": "300"}, 0.3), ({"retry-after": None}, 0.5),
    ({"retry-after": "30", "retry-after-ms": "50"}, 0.05)])
def test_waits_as_long_as_it_is_told(bedrock, provider, headers, least):
    headers = {name: value or in_a_second() for name, value in headers.items()}
    provider.plan({"status": 429, "headers": headers})
    begun = time.monotonic()
    assert text_of(bedrock.converse(**ask(unused("openai")))) == "From the provider."
    assert time.monotonic() - begun >= least
    assert len(provider.requests) == 2


@pytest.mark.parametrize("api", APIS)
def test_throttling_stays_throttling(gateway, bedrock, provider, api):
    """With its Retry-After; and until that is over the provider is left alone."""
    model = unused(api)
    provider.plan({"status": 429, "headers": {"retry-after": "33"}})
    failure = refused(bedrock.converse, **ask(model))
    assert failure["Error"]["Code"] == "ThrottlingException"
    assert failure["ResponseMetadata"]["HTTPStatusCode"] == 429
    assert failure["ResponseMetadata"]["HTTPHeaders"]["retry-after"] == "33"
    again = refused(bedrock.converse_stream, **ask(model))
    assert again["Error"]["Code"] == "ThrottlingException"
    assert 30 <= int(again["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) <= 33
    assert len(provider.requests) == 1
    reply, text = post(gateway, "/v1/messages", {"model": model, "max_tokens": 5,
                                                 "messages": [{"role": "user", "content": "hello"}]},
                       **{"anthropic-version": "2023-06-01"})
    assert reply.status == 429 and text["error"]["type"] == "rate_limit_error"
    assert 30 <= int(reply.headers["retry-after"]) <= 33


def test_the_providers_word_on_another_try(bedrock, provider):
    provider.plan({"status": 503, "headers": {"x-should-retry": "false"}})
    assert refused(bedrock.converse, **ask(unused("openai")))["Error"]["Code"] == "ServiceUnavailableException"
    assert len(provider.requests) == 1


@pytest.mark.parametrize("status, name, code", [
    (400, "invalid_request_error", "ValidationException"), (413, "request_too_large", "ValidationException"),
    (401, "invalid_api_key", "ServiceUnavailableException"), (403, "denied", "ServiceUnavailableException"),
    (404, "model_not_found", "ServiceUnavailableException"), (429, "insufficient_quota", "ServiceUnavailableException")])
def test_what_is_not_tried_again(gateway, bedrock, provider, status, name, code):
    body = {"error": {"code": name, "type": "x", "message": f"about {name} and {KEY}"}}
    provider.plan({"status": status, "body": body})
    failure = refused(bedrock.converse, **ask(unused("openai")))
    assert failure["Error"]["Code"] == code and len(provider.requests) == 1
    assert KEY not in failure["Error"]["Message"]
    assert wait_until(lambda: f"name={name}" in gateway.log())


def test_a_refusal_keeps_its_words(bedrock, provider):
    provider.plan({"status": 400, "body": {"error": {"message": "This model's maximum context length is 5 tokens."}}})
    failure = refused(bedrock.converse, **ask(unused("openai")))
    assert failure["Error"]["Message"] == "This model's maximum context length is 5 tokens."


def test_an_error_in_the_stream_before_its_first_word(gateway, bedrock, provider):
    for api, name in (("openai", "rate_limit_error"), ("anthropic", "overloaded_error"),
                      ("bedrock", "serviceUnavailableException")):
        provider.plan({"error": name})
        reply = bedrock.converse_stream(**ask(unused(api)))
        assert streamed(reply)[0] == "From the provider." and len(provider.requests) == 2
        assert line_of(gateway, reply)["costPicodollars"] == COST


@pytest.mark.parametrize("api", APIS)
def test_an_error_amid_the_stream_ends_it(gateway, bedrock, provider, api):
    """What was shown is not asked for again: it would be paid twice."""
    provider.plan({"error": "overloaded_error" if api == "anthropic" else "serviceUnavailableException", "late": True})
    reply = bedrock.converse_stream(**ask(unused(api)))
    text, usage, failure = streamed(reply)
    assert text == "From " and usage is None and failure and len(provider.requests) == 1
    assert line_of(gateway, reply)["outcome"] == "failed"


# --- the circuit -------------------------------------------------------------------------------------------


def test_a_dead_upstream_is_left_alone(gateway, bedrock, provider):
    model = unused("openai", "once")
    provider.default = {"status": 500}
    for _ in range(5):
        assert refused(bedrock.converse, **ask(model))["Error"]["Code"] == "ServiceUnavailableException"
    assert len(provider.requests) == 5
    failure = refused(bedrock.converse, **ask(model))
    assert "left alone" in failure["Error"]["Message"] and len(provider.requests) == 5
    assert metrics(gateway)[f'fulcrum_upstream_circuit{{upstream="up-{model}"}}'] == 1
    provider.default = {}
    assert wait_until(lambda: answers(bedrock, model), step=0.2)
    assert metrics(gateway)[f'fulcrum_upstream_circuit{{upstream="up-{model}"}}'] == 0
    assert ready(gateway)[0] == 200


def answers(bedrock, model):
    try:
        return bedrock.converse(**ask(model))
    except botocore.exceptions.ClientError:
        return None


def test_nobody_there(bedrock):
    assert refused(bedrock.converse, **ask("nowhere"))["Error"]["Code"] == "ServiceUnavailableException"


# --- hanging -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_hangs_before_it_answers(bedrock, provider, api):
    provider.plan({"hang": "head"}, {"hang": "head"})
    failure = refused(bedrock.converse, **ask(unused(api, "short")))
    assert failure["Error"]["Code"] == "ModelTimeoutException" and len(provider.requests) == 1


@pytest.mark.parametrize("api", APIS)
def test_hangs_amid_its_answer(gateway, bedrock, provider, api):
    """After its first word the stream ends with an error, and is charged for what has come."""
    first = len(stream_of(api, {"no_end": True, "text": ["From "]}))
    provider.plan({"hang": "body", "cut": first, "text": ["From ", "x" * 4000]})
    reply = bedrock.converse_stream(**ask(unused(api, "short")))
    text, usage, failure = streamed(reply)
    assert text.startswith("From ") and usage is None and failure
    line = line_of(gateway, reply)
    assert line["outcome"] == "failed" and 0 < line["costPicodollars"]


# --- cut, doubled, left out --------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_cut_at_every_byte(gateway, bedrock, provider, api):
    """A reply that was cut is an error, or whole; never half of one that looks whole, and never billed twice."""
    model = unused(api, "once")
    whole = stream_of(api)
    before = len(lines(gateway))
    cost = 0
    for cut in range(0, len(whole), 1 if len(whole) < 400 else 3):
        provider.plan({"cut": cut}, {})
        text, usage, failure = streamed_or_refused(bedrock, model)
        assert failure or (text == "From the provider." and usage)
        assert "From the provider.".startswith(text)
        assert len(provider.requests) == 1
        assert text_of(bedrock.converse(**ask(model))) == "From the provider."
        cost += COST
    made = lines(gateway)[before:]
    assert sum(line["costPicodollars"] for line in made if line["operation"] == "Converse") == cost
    assert len({line["requestId"] for line in made}) == len(made)
    assert all(line["costPicodollars"] <= COST for line in made)


def streamed_or_refused(bedrock, model):
    try:
        return streamed(bedrock.converse_stream(**ask(model)))
    except botocore.exceptions.ClientError as error:
        return "", None, error.response["Error"]["Code"]


@pytest.mark.parametrize("api", APIS)
def test_a_cut_before_the_first_word_is_made_good(gateway, bedrock, provider, api):
    for cut in (0, 40):
        provider.plan({"cut": cut}, {})
        reply = bedrock.converse_stream(**ask(unused(api)))
        assert streamed(reply)[0] == "From the provider." and len(provider.requests) == 2
        line = line_of(gateway, reply)
        assert line["attempts"] == 2 and line["costPicodollars"] == COST


@pytest.mark.parametrize("api", APIS)
def test_usage_that_comes_twice_counts_once(gateway, bedrock, provider, api):
    provider.plan({"double_usage": True})
    reply = bedrock.converse(**ask(unused(api)))
    assert reply["usage"]["totalTokens"] == 138 and line_of(gateway, reply)["costPicodollars"] == COST


@pytest.mark.parametrize("api", ["openai", "anthropic"])
def test_the_last_word_left_out(gateway, bedrock, provider, api):
    provider.plan({"no_done": True})
    reply = bedrock.converse_stream(**ask(unused(api)))
    assert streamed(reply)[0] == "From the provider."
    assert line_of(gateway, reply)["costPicodollars"] == COST


@pytest.mark.parametrize("api", APIS)
def test_no_end_is_no_reply(bedrock, provider, api):
    provider.plan({"no_end": True})
    text, usage, failure = streamed(bedrock.converse_stream(**ask(unused(api, "once"))))
    assert text == "From the provider." and usage is None and failure


@pytest.mark.parametrize("api", APIS)
def test_usage_that_is_missing_is_estimated_and_counted(gateway, bedrock, provider, api):
    model = unused(api)
    provider.plan({"no_usage": True, "text": ["word " * 40]})
    reply = bedrock.converse(**ask(model, "a question of some length " * 10))
    assert reply["usage"]["outputTokens"] == 50 and reply["usage"]["inputTokens"] > 50
    assert line_of(gateway, reply)["costPicodollars"] > 0
    assert metrics(gateway)[f'fulcrum_upstream_usage_estimated_total{{upstream="up-{model}"}}'] == 1


@pytest.mark.parametrize("api", APIS)
def test_a_reply_that_comes_whole(gateway, bedrock, provider, api):
    """Servers that stream nothing are read all the same."""
    provider.plan({"whole": True}, {"whole": True})
    model = unused(api)
    reply = bedrock.converse(**ask(model))
    assert text_of(reply) == "From the provider." and reply["usage"]["totalTokens"] == 138
    text, usage, failure = streamed(bedrock.converse_stream(**ask(model)))
    assert (text, usage["totalTokens"], failure) == ("From the provider.", 138, None)


# --- clients -----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("api", APIS)
def test_a_client_that_leaves_is_told_to_the_provider(gateway, bedrock, provider, api):
    dropped = provider.dropped
    provider.plan({"text": ["word "] * 2000, "slow": 0.01})
    stream = bedrock.converse_stream(**ask(unused(api)))
    request = stream["ResponseMetadata"]["RequestId"]
    for event in stream["stream"]:
        if "contentBlockDelta" in event:
            break
    stream["stream"].close()
    assert wait_until(lambda: provider.dropped > dropped)
    assert wait_until(lambda: any(line["requestId"] == request for line in lines(gateway)))
    line = next(line for line in lines(gateway) if line["requestId"] == request)
    assert line["outcome"] == "cancelled" and 0 < line["costPicodollars"] < 2000 * 10_000_000


def resident_bytes(server):
    with open(f"/proc/{server.process.pid}/statm", encoding="ascii") as file:
        return int(file.read().split()[1]) * 4096


@pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="sanitizers keep what is freed")
def test_a_slow_reader_holds_the_provider_back(gateway, bedrock, provider):
    pieces = 3000
    provider.plan({"text": ["0123456789abcdef" * 1024] * pieces})
    before = resident_bytes(gateway)
    stream = bedrock.converse_stream(**ask(unused("openai")))
    time.sleep(2)  # enough for all 48 MB to come, if nobody held them back
    assert resident_bytes(gateway) - before < 24 << 20
    text, _, failure = streamed(stream)
    assert failure is None and len(text) == pieces * 16384


def test_many_at_once(gateway, bedrock, provider):
    model = unused("openai")
    failures = []

    def run():
        client = gateway.client()
        for _ in range(10):
            try:
                assert streamed(client.converse_stream(**ask(model)))[0] == "From the provider."
            except Exception as error:  # told below
                failures.append(error)

    threads = [threading.Thread(target=run) for _ in range(16)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert not failures
    assert metrics(gateway)[f'fulcrum_upstream_running{{upstream="up-{model}"}}'] == 0


# --- to the next target ------------------------------------------------------------------------------------


@pytest.mark.parametrize("failure", [{"status": 429, "headers": {"retry-after": "5"}}, {"status": 401}, {"status": 500},
                                     {"cut": 0}, {"error": "server_error"}])
def test_a_router_goes_to_the_next_provider(gateway, bedrock, provider, failure):
    """Without a pause, and up to the first word of a stream."""
    number = next(routers)
    provider.plan(failure)
    reply = bedrock.converse_stream(**ask(f"both{number}"))
    assert streamed(reply)[0] == "From the provider."
    headers = reply["ResponseMetadata"]["HTTPHeaders"]
    assert len(provider.requests) == 2 and "failed-over" in headers["x-fulcrum-route"]
    line = line_of(gateway, reply)
    assert line["attempts"] == 2 and line["costPicodollars"] == COST
    assert line["provider"] == f"up-{headers['x-fulcrum-model']}"

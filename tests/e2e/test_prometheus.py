"""What monitoring reads: /metrics by the parsers of those who scrape it, the conventions' histograms."""

import http.client
import json
import socket

import pytest
from prometheus_client.openmetrics.parser import text_string_to_metric_families as openmetrics_families
from prometheus_client.parser import text_string_to_metric_families as prometheus_families

from conftest import start, wait_until
from test_focus import LEVERS
from test_ledger import PRO, SONNET, body, export, post

OPENMETRICS = "application/openmetrics-text;version=1.0.0;q=0.5,text/plain;version=0.0.4;q=0.3,*/*;q=0.2"
BOUNDS = {
    "gen_ai_server_request_duration_seconds": [
        0.01, 0.02, 0.04, 0.08, 0.16, 0.32, 0.64, 1.28, 2.56, 5.12, 10.24, 20.48, 40.96, 81.92],
    "gen_ai_server_time_to_first_token_seconds": [
        0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1.0, 2.5, 5.0, 7.5, 10.0],
    "gen_ai_server_time_per_output_token_seconds": [
        0.01, 0.025, 0.05, 0.075, 0.1, 0.15, 0.2, 0.3, 0.4, 0.5, 0.75, 1.0, 2.5],
}
METERS_OF_CLASSES = {"input": "inputTokens", "cache_read": "cacheReadInputTokens",
                     "cache_write_5m": "cacheWriteInputTokens", "cache_write_1h": "cacheWrite1hInputTokens",
                     "output": "outputTokens"}
DURATION, FIRST_TOKEN, PER_TOKEN = BOUNDS
COMMON = {"gen_ai_operation_name": "chat", "gen_ai_provider_name": "aws.bedrock"}


def scrape(server, accept=None):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", "/metrics", headers={"Accept": accept} if accept else {})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    assert reply.status == 200
    return reply.headers["content-type"], text


def families(server):
    return {family.name: family for family in prometheus_families(scrape(server)[1])}


def count(server, name, **labels):
    """Of the series with exactly these labels; None: there is none."""
    for sample in families(server)[name].samples:
        if sample.name == f"{name}_count" and sample.labels == labels:
            return sample.value
    return None


@pytest.fixture(scope="module")
def busy(tmp_path_factory, random_model):
    """A server that has had traffic of all sorts: streams, refusals, a reader that left, a raw prompt."""
    server = start(tmp_path_factory.mktemp("prometheus"), random_model, deterministic=False)
    for _ in range(3):
        assert post(server, PRO, body(5))[0].status == 200
    assert post(server, f"us.{PRO}", body(5), operation="converse-stream")[0].status == 200
    assert post(server, PRO, body(1))[0].status == 200
    assert post(server, "meta.llama3-1-8b-instruct-v1:0", json.dumps({"prompt": "Hi", "max_gen_len": 3}),
                operation="invoke")[0].status == 200
    assert post(server, PRO, '{"messages":[]}')[0].status == 400
    assert post(server, "nobody.knows", body(1))[0].status == 400
    payload = body(1500, 1).encode()
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(b"POST /model/%s/converse-stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % (SONNET.encode(), len(payload)) + payload)
        raw.recv(100)
    gone = dict(COMMON, gen_ai_request_model=SONNET, gen_ai_response_model="tiny", error_type="ClientClosedRequest")
    assert wait_until(lambda: count(server, DURATION, **gone))
    yield server
    assert server.stop() == 0


def test_money_by_lever_and_tenant_is_the_ledgers(busy):
    found, lines = families(busy), list(export(busy).values())
    saved = {lever: sum(line[field] for line in lines) for lever, field in LEVERS.items()}
    shown = {lever: sum(sign * sample.value for name, sign in (("fulcrum_saved_picodollars", 1),
                                                              ("fulcrum_added_picodollars", -1))
                        for sample in found[name].samples if sample.labels["lever"] == lever) for lever in LEVERS}
    assert shown == saved
    for name, field in (("cost", "costPicodollars"), ("baseline", "baselinePicodollars")):
        by_tenant = {}
        for sample in found[f"fulcrum_tenant_{name}_picodollars"].samples:
            by_tenant[sample.labels["tenant"]] = by_tenant.get(sample.labels["tenant"], 0) + sample.value
        assert by_tenant == {"default": sum(line[field] for line in lines)}
    tokens = {sample.labels["class"]: sample.value for sample in found["fulcrum_tenant_tokens"].samples}
    assert tokens == {kind: sum(line[field] for line in lines) for kind, field in METERS_OF_CLASSES.items()}


def test_both_forms_are_read_by_prometheus_own_parser(busy):
    kind, text = scrape(busy)
    assert kind == "text/plain; version=0.0.4; charset=utf-8"
    plain = {}
    for family in prometheus_families(text):
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            assert key not in plain, f"{key} is there twice"
            plain[key] = sample.value
    kind, text = scrape(busy, OPENMETRICS)
    assert kind == "application/openmetrics-text; version=1.0.0; charset=utf-8"
    strict = list(openmetrics_families(text))
    assert len({family.name for family in strict}) == len(strict)
    keys = {(sample.name, tuple(sorted(sample.labels.items()))) for family in strict for sample in family.samples}
    known = {(name.removesuffix("_total") if name.startswith("Model") else name, tuple(sorted((key, f"{float(value)}" if key == "le" and value != "+Inf" else value)
                                 for key, value in labels))) for name, labels in plain}
    assert keys == known


def test_histograms_have_the_names_and_bounds_of_the_conventions(busy):
    found = families(busy)
    for name, bounds in BOUNDS.items():
        assert found[name].type == "histogram"
        series = {}
        for sample in found[name].samples:
            labels = tuple(sorted((key, value) for key, value in sample.labels.items() if key != "le"))
            series.setdefault(labels, []).append(sample)
        assert series
        for samples in series.values():
            buckets = [sample for sample in samples if sample.name == f"{name}_bucket"]
            assert [float(sample.labels["le"]) for sample in buckets] == bounds + [float("inf")]
            assert [sample.value for sample in buckets] == sorted(sample.value for sample in buckets)
            (total,) = [sample.value for sample in samples if sample.name == f"{name}_count"]
            assert total == buckets[-1].value > 0


def test_series_say_what_was_asked_who_answered_and_what_went_wrong(busy):
    good = dict(COMMON, gen_ai_request_model=PRO, gen_ai_response_model="tiny")
    assert count(busy, DURATION, **good) == 5 and count(busy, FIRST_TOKEN, **good) == 5
    assert count(busy, PER_TOKEN, **good) == 4  # the fifth had one token
    raw = {"gen_ai_operation_name": "text_completion", "gen_ai_provider_name": "aws.bedrock",
           "gen_ai_request_model": "meta.llama3-1-8b-instruct-v1:0", "gen_ai_response_model": "tiny"}
    assert count(busy, DURATION, **raw) == 1
    refused = dict(COMMON, gen_ai_request_model=PRO, error_type="ValidationException")
    assert count(busy, DURATION, **refused) == 1 and count(busy, FIRST_TOKEN, **refused) is None
    assert count(busy, DURATION, **COMMON, error_type="ValidationException") == 1  # a name that nobody knows

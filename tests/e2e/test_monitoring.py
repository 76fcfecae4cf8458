"""Metrics by boto3 and by the other two protocols: what requests leave behind, sums that are the ledger's, also after a
kill, and what clients put themselves."""

import datetime
import gzip
import json
import os
import signal
import subprocess
import time

import botocore.exceptions
import pytest

from conftest import FULCRUM, start, wait_until
from monitoring_fixture import PROTOCOLS, client, code_of, raw

SONNET, NOVA = "anthropic.claude-3-5-sonnet-20241022-v2:0", "amazon.nova-pro-v1:0"
TOKENS = {"InputTokenCount": "inputTokens", "OutputTokenCount": "outputTokens",
          "CacheReadInputTokenCount": "cacheReadInputTokens"}


def ask(server, model=SONNET, key="AKIDEXAMPLE", text="hello", stream=False, **more):
    bedrock = server.client(key=key)
    request = {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}],
               "inferenceConfig": {"maxTokens": 5, "temperature": 0}, **more}
    if stream:
        return list(bedrock.converse_stream(**request)["stream"])
    return bedrock.converse(**request)["usage"]


def times(minutes=180):
    now = datetime.datetime.now(datetime.timezone.utc)
    return {"StartTime": now - datetime.timedelta(minutes=minutes), "EndTime": now + datetime.timedelta(minutes=2)}


def query(name, identifier="m", model=None, stat="Sum", period=60, namespace="AWS/Bedrock", dimensions=None, **more):
    dimensions = dimensions or ({"ModelId": model} if model else {})
    return {"Id": identifier, "MetricStat": {
        "Metric": {"Namespace": namespace, "MetricName": name,
                   "Dimensions": [{"Name": key, "Value": value} for key, value in dimensions.items()]},
        "Period": period, "Stat": stat}, **more}


def total(cloudwatch, name, **more):
    reply = cloudwatch.get_metric_data(MetricDataQueries=[query(name, **more)], **times())
    return sum(reply["MetricDataResults"][0]["Values"])


def wait_for(cloudwatch, count, **more):
    assert wait_until(lambda: total(cloudwatch, "Invocations", **more) >= count), total(cloudwatch, "Invocations")
    assert total(cloudwatch, "Invocations", **more) == count


def lines(server):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(server.workdir / "data")], check=True,
                         capture_output=True, text=True).stdout
    return [json.loads(line) for line in out.splitlines()]


@pytest.fixture(scope="module")
def used(tmp_path_factory, random_model):
    """A server that has had requests of two tenants, of two models; and a wrong one."""
    server = start(tmp_path_factory.mktemp("monitoring"), random_model)
    for _ in range(4):
        ask(server)
    ask(server, NOVA, text="hello there, how are you today")
    ask(server, stream=True)
    ask(server, serviceTier={"type": "flex"})
    ask(server, key="AKIDOTHER")
    for model in (SONNET, "nothing.like-it"):
        with pytest.raises(botocore.exceptions.ClientError):
            ask(server, model, inferenceConfig={"temperature": 7})
    wait_for(client(server), 7)
    yield server
    assert server.stop() == 0


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_sums_are_the_ledgers(used, protocol):
    cloudwatch, kept = client(used, protocol), lines(used)
    for key, count in (("AKIDEXAMPLE", 7), ("AKIDOTHER", 1)):
        mine, own = client(used, protocol, key), [line for line in kept if line["tenant"] == key]
        wait_for(mine, count)
        for name, field in TOKENS.items():
            assert total(mine, name) == sum(line[field] for line in own)
        assert total(mine, "CacheWriteInputTokenCount") == sum(
            line["cacheWriteInputTokens"] + line["cacheWrite1hInputTokens"] for line in own)
        assert total(mine, "Cost", namespace="Fulcrum") == pytest.approx(
            sum(line["costPicodollars"] for line in own) / 1e12)
    for model in (SONNET, NOVA):
        own = [line for line in kept if line["tenant"] == "AKIDEXAMPLE" and line["modelRequested"] == model]
        assert total(cloudwatch, "Invocations", model=model) == len(own) > 0
        assert total(cloudwatch, "InputTokenCount", model=model) == sum(line["inputTokens"] for line in own)
    tiers = {"ModelId": SONNET, "ServiceTier": "flex", "ResolvedServiceTier": "flex"}
    assert total(cloudwatch, "Invocations", dimensions=tiers) == 1
    assert total(cloudwatch, "Invocations", dimensions={"ServiceTier": "flex"}) == 0
    assert total(cloudwatch, "InvocationClientErrors") == 2 and total(cloudwatch, "InvocationThrottles") == 0
    assert total(cloudwatch, "InvocationClientErrors", model=SONNET) == 1
    assert total(cloudwatch, "TimeToFirstToken", stat="SampleCount") == 1  # streams alone
    assert total(cloudwatch, "InvocationLatency", stat="SampleCount") == 7


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_points_are_aligned_and_descend(used, protocol):
    cloudwatch, asked = client(used, protocol), times()
    for period in (60, 300, 3600):
        queries = [query("Invocations", period=period), query("InvocationLatency", "l", stat="p90", period=period),
                   query("InvocationLatency", "x", stat="Maximum", period=period, Label="slowest")]
        down = cloudwatch.get_metric_data(MetricDataQueries=queries, **asked)["MetricDataResults"]
        up = cloudwatch.get_metric_data(MetricDataQueries=queries, ScanBy="TimestampAscending",
                                        **asked)["MetricDataResults"]
        assert [result["Id"] for result in down] == ["m", "l", "x"] and down[2]["Label"] == "slowest"
        assert down[0]["Label"] == "Invocations" and all(result["StatusCode"] == "Complete" for result in down)
        for one, other in zip(down, up):
            assert one["Timestamps"] == sorted(one["Timestamps"], reverse=True) == other["Timestamps"][::-1]
            assert one["Values"] == other["Values"][::-1] and len(one["Values"]) == len(one["Timestamps"]) > 0
            assert all(int(at.timestamp()) % period == 0 for at in one["Timestamps"])
        assert all(low <= high for low, high in zip(down[1]["Values"], down[2]["Values"]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_expressions(used, protocol):
    cloudwatch = client(used, protocol)
    reply = cloudwatch.get_metric_data(MetricDataQueries=[
        query("CacheReadInputTokenCount", "r", period=3600, ReturnData=False),
        query("CacheWriteInputTokenCount", "w", period=3600, ReturnData=False),
        query("InputTokenCount", "i", period=3600, ReturnData=False),
        {"Id": "hit", "Expression": "100*r/(r+w+i)", "Label": "hit rate"},
        {"Id": "all", "Expression": "SEARCH('{AWS/Bedrock,ModelId} MetricName=\"Invocations\"', 'Sum', 3600)"},
    ], **times(400))["MetricDataResults"]
    assert reply[0]["Id"] == "hit" and reply[0]["Label"] == "hit rate"
    assert reply[0]["Values"] and all(0 <= value <= 100 for value in reply[0]["Values"])
    assert {result["Label"]: sum(result["Values"]) for result in reply[1:]} == {
        f"{SONNET} Invocations": 6, f"{NOVA} Invocations": 1}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_statistics(used, protocol):
    cloudwatch = client(used, protocol)
    reply = cloudwatch.get_metric_statistics(
        Namespace="AWS/Bedrock", MetricName="InvocationLatency", Period=3600, Dimensions=[],
        Statistics=["Sum", "Average", "Minimum", "Maximum", "SampleCount"], ExtendedStatistics=["p50", "p99.9"],
        **times(400))
    assert reply["Label"] == "InvocationLatency"
    assert sum(point["SampleCount"] for point in reply["Datapoints"]) == 7
    for point in reply["Datapoints"]:
        assert point["Unit"] == "Milliseconds" and point["Timestamp"].timestamp() % 3600 == 0
        assert point["Average"] == pytest.approx(point["Sum"] / point["SampleCount"])
        assert point["Minimum"] <= point["ExtendedStatistics"]["p50"] <= point["ExtendedStatistics"]["p99.9"]
        assert point["ExtendedStatistics"]["p99.9"] <= point["Maximum"]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_percentiles_of_tokens(used, protocol):
    """By the hour, within 4%; of shorter periods and of what has none they are refused by name."""
    cloudwatch = client(used, protocol)
    asked = {"Namespace": "AWS/Bedrock", "MetricName": "InputTokenCount", "Dimensions": [], **times(400)}
    points = cloudwatch.get_metric_statistics(Period=3600, Statistics=["Minimum", "Maximum"],
                                              ExtendedStatistics=["p50", "p90"], **asked)["Datapoints"]
    assert points
    for point in points:
        percentiles = point["ExtendedStatistics"]
        assert 0.96 * point["Minimum"] <= percentiles["p50"] <= percentiles["p90"] <= point["Maximum"]
    with pytest.raises(botocore.exceptions.ClientError, match="kept by the hour"):
        cloudwatch.get_metric_statistics(Period=300, ExtendedStatistics=["p90"], **asked)
    asked["Namespace"], asked["MetricName"] = "Fulcrum", "PromptTokens"
    with pytest.raises(botocore.exceptions.ClientError, match="PromptTokens: percentiles are kept of"):
        cloudwatch.get_metric_statistics(Period=3600, ExtendedStatistics=["p90"], **asked)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_metrics_are_listed(used, protocol):
    def listed(**filters):
        pages = client(used, protocol).get_paginator("list_metrics").paginate(**filters)
        return [metric for page in pages for metric in page["Metrics"]]

    bedrock = listed(Namespace="AWS/Bedrock", MetricName="InputTokenCount")
    assert [] in [metric["Dimensions"] for metric in bedrock]
    by_model = listed(Namespace="AWS/Bedrock", MetricName="InputTokenCount", RecentlyActive="PT3H",
                      Dimensions=[{"Name": "ModelId", "Value": NOVA}])
    assert [len(metric["Dimensions"]) for metric in by_model] == [1, 3]
    assert {metric["Namespace"] for metric in listed()} >= {"AWS/Bedrock", "Fulcrum"}
    assert listed(Namespace="Nothing") == [] and listed(Dimensions=[{"Name": "ModelId", "Value": "x"}]) == []
    assert all(metric["Dimensions"] for metric in listed(Dimensions=[{"Name": "ModelId"}]))


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_clients_put_their_own(used, protocol):
    cloudwatch, name = client(used, protocol), f"Carts-{protocol}"
    at = datetime.datetime.now(datetime.timezone.utc) - datetime.timedelta(minutes=90)
    shop = [{"Name": "Page", "Value": "home"}, {"Name": "Country", "Value": "de"}]
    cloudwatch.put_metric_data(Namespace="Shop", MetricData=[
        {"MetricName": name, "Dimensions": shop, "Timestamp": at, "Value": 2.5, "Unit": "Count"},
        {"MetricName": name, "Dimensions": shop[::-1], "Timestamp": at, "Values": [1, 10], "Counts": [3, 1],
         "Unit": "Count"},
        {"MetricName": name, "Timestamp": at,
         "StatisticValues": {"SampleCount": 4, "Sum": 10, "Minimum": 1, "Maximum": 4}}])
    both = {"Page": "home", "Country": "de"}
    for stat, value in (("Sum", 15.5), ("SampleCount", 5), ("Minimum", 1), ("Maximum", 10), ("p100", 10)):
        assert total(cloudwatch, name, namespace="Shop", dimensions=both, stat=stat) == value, stat
    assert total(cloudwatch, name, namespace="Shop", stat="Average") == 2.5
    assert total(cloudwatch, name, namespace="Shop", stat="p90") == 0  # nobody knows
    assert total(client(used, protocol, "AKIDOTHER"), name, namespace="Shop") == 0
    listed = cloudwatch.list_metrics(Namespace="Shop", MetricName=name)["Metrics"]
    assert sorted(len(metric["Dimensions"]) for metric in listed) == [0, 2]
    points = cloudwatch.get_metric_statistics(Namespace="Shop", MetricName=name, Dimensions=shop, Period=60,
                                              Statistics=["Sum"], **times())["Datapoints"]
    assert [(point["Sum"], point["Unit"]) for point in points] == [(15.5, "Count")]


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_wrong_is_named(used, protocol):
    cloudwatch, asked = client(used, protocol), times()
    ancient = {"StartTime": asked["EndTime"], "EndTime": asked["StartTime"]}
    for queries, more, code in (
            ([query("Invocations", period=90)], asked, "InvalidParameterValue"),
            ([query("Invocations", stat="tm90")], asked, "InvalidParameterValue"),
            ([query("InputTokenCount", stat="p90")], asked, "InvalidParameterValue"),
            ([query("Invocations")], ancient, "ValidationError"),
            ([query("Invocations", "Big")], asked, "ValidationError"),
            ([query("Invocations"), query("Invocations")], asked, "ValidationError"),
            ([{"Id": "e", "Expression": "a+b"}], asked, "ValidationError"),
            ([{"Id": "e", "Expression": "1+"}], asked, "ValidationError"),
            ([{"Id": "e"}], asked, "ValidationError"),
            ([query("Invocations", AccountId="123456789012")], asked, "InvalidParameterValue"),
            ([query("Invocations")], {**asked, "ScanBy": "Up"}, "InvalidParameterValue"),
            ([query("Invocations")], {**asked, "NextToken": "x"}, "InvalidNextToken")):
        assert code_of(cloudwatch.get_metric_data, MetricDataQueries=queries, **more) == (code, 400), queries

    def statistics(**more):
        return code_of(cloudwatch.get_metric_statistics, **{
            "Namespace": "AWS/Bedrock", "MetricName": "Invocations", "Period": 60, **asked, **more})

    assert statistics() == ("MissingParameter", 400)
    assert statistics(Statistics=["p90"]) == ("InvalidParameterValue", 400)
    assert statistics(Statistics=["Sum"], **times(60 * 48)) == ("InvalidParameterCombination", 400)

    def put(namespace="Shop", **datum):
        return code_of(cloudwatch.put_metric_data, Namespace=namespace,
                       MetricData=[{"MetricName": "m", **({"Value": 1} if not datum else datum)}])

    now = datetime.datetime.now(datetime.timezone.utc)
    assert put("AWS/Bedrock") == put("Fulcrum") == put(":x") == ("InvalidParameterValue", 400)
    assert put(Unit="Count") == put(Value=1, Values=[1]) == ("InvalidParameterCombination", 400)
    for datum in ({"Values": [1, 2], "Counts": [1]}, {"Values": [1], "Counts": [0]}, {"Value": 1, "Unit": "Parsec"},
                  {"Value": 1, "Timestamp": now - datetime.timedelta(days=15)},
                  {"Value": 1, "Timestamp": now + datetime.timedelta(hours=3)}, {"Value": 1e300},
                  {"Value": 1, "Dimensions": [{"Name": f"d{i}", "Value": "x"} for i in range(31)]},
                  {"Value": 1, "Dimensions": [{"Name": "d", "Value": "x"}, {"Name": "d", "Value": "y"}]},
                  {"StatisticValues": {"SampleCount": 0, "Sum": 0, "Minimum": 0, "Maximum": 0}}):
        assert put(**datum) == ("InvalidParameterValue", 400), datum
    assert code_of(cloudwatch.list_metrics, RecentlyActive="PT9H") == ("InvalidParameterValue", 400)


def test_long_answers_page(used):
    cloudwatch, asked, shown, token = client(used), times(), [], {}
    queries = [query("Invocations"), query("InputTokenCount", "i"), query("OutputTokenCount", "o")]
    whole = cloudwatch.get_metric_data(MetricDataQueries=queries, **asked)
    points = [(result["Id"], at, value) for result in whole["MetricDataResults"]
              for at, value in zip(result["Timestamps"], result["Values"])]
    assert "NextToken" not in whole and len(points) >= 3
    while True:
        page = cloudwatch.get_metric_data(MetricDataQueries=queries, MaxDatapoints=2, **asked, **token)
        got = [(result["Id"], at, value) for result in page["MetricDataResults"]
               for at, value in zip(result["Timestamps"], result["Values"])]
        assert 0 < len(got) <= 2
        shown += got
        if "NextToken" not in page:
            break
        token = {"NextToken": page["NextToken"]}
    assert shown == points


def test_packed_samples(used):
    name = "Packed"
    body = {"Namespace": "Shop", "MetricData": [{"MetricName": name, "Value": 3}]}
    status, _, text = raw(used, body=gzip.compress(json.dumps(body).encode()), target="PutMetricData",
                          headers={"Content-Encoding": "gzip", "Content-Type": "application/x-amz-json-1.0"})
    assert status == 200 and text == b"{}"
    asked = {"MetricDataQueries": [query(name, namespace="Shop")], "StartTime": int(time.time()) - 600,
             "EndTime": "2099-01-01T00:00:00Z"}
    status, headers, text = raw(used, body=json.dumps(asked), target="GetMetricData")
    assert status == 200 and headers["content-type"] == "application/x-amz-json-1.0"
    assert json.loads(text)["MetricDataResults"][0]["Values"] == [3.0]


def test_after_a_kill_sums_are_the_ledgers(tmp_path, random_model):
    """Lines that were written before, points that were not: each is counted once."""
    server = start(tmp_path, random_model)
    for round_ in range(3):
        for _ in range(3):
            ask(server)
        if round_ == 1:  # in the midst of it, once it has some
            wait_until(lambda: total(client(server), "Invocations") > 0)
        os.kill(server.process.pid, signal.SIGKILL)
        server.process.wait()
        server = start(tmp_path, random_model)
    kept = lines(server)
    wait_for(client(server), len(kept))
    for name, field in TOKENS.items():
        assert total(client(server), name) == sum(line[field] for line in kept)
    assert server.stop() == 0
    server = start(tmp_path, random_model)
    assert total(client(server), "Invocations") == len(kept)
    assert server.stop() == 0

"""Monitoring by clients that are no Python library: the AWS SDK for Go, as a Grafana data source uses it, and the AWS
CLI of Debian 12."""

import datetime
import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, start
from test_monitoring import SONNET, ask, wait_for
from monitoring_fixture import client


@pytest.fixture(scope="module")
def program(tmp_path_factory):
    """tests/go, built; its modules by the versions and hashes of go.sum."""
    go, out = shutil.which("go"), tmp_path_factory.mktemp("go") / "cloudwatch"
    if not go:
        pytest.skip("skipped: no go")
    folder = ROOT / "tests/go"
    fetched = subprocess.run([go, "mod", "download"], cwd=folder, capture_output=True, text=True, check=False)
    if fetched.returncode:
        pytest.skip(f"skipped: the modules can't be had: {fetched.stderr.strip()[-200:]}")
    subprocess.run([go, "build", "-o", str(out), "."], cwd=folder, check=True)
    return out


def test_the_go_sdk(tmp_path, random_model, program):
    server = start(tmp_path, random_model)
    done = subprocess.run([str(program)], env={**os.environ, "FULCRUM_URL": server.url}, capture_output=True, text=True,
                          timeout=300, check=False)
    assert done.returncode == 0, done.stderr
    result = json.loads(done.stdout)
    assert result["outputTokens"] == 10
    tokens = result["data"].pop(f"t {SONNET} InputTokenCount")
    assert tokens > 10 and result["data"] == {"e tenfold": 20, "s found": 2}
    assert {"Invocations", "InputTokenCount", "InvocationLatency", "TimeToFirstToken"} <= set(result["listed"])
    assert result["own"] == [3.75, 4] and result["alarms"] == 1
    assert result["history"].startswith("Alarm updated from ") and result["history"].endswith(" to ALARM")
    assert result["refused"] == "ValidationError"
    assert server.stop() == 0


DEBIAN_CLI = "/usr/bin/aws"


@pytest.mark.skipif(not os.path.exists(DEBIAN_CLI), reason="skipped: no package awscli")
def test_the_cli(tmp_path, random_model):
    server = start(tmp_path, random_model)
    keys = {"AWS_ACCESS_KEY_ID": "AKIDEXAMPLE", "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1"}

    def aws(*arguments):
        done = subprocess.run([DEBIAN_CLI, "cloudwatch", "--endpoint-url", server.url, "--output", "json", *arguments],
                              env={**os.environ, **keys}, capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return json.loads(done.stdout or "null")

    spent = ask(server)["inputTokens"]
    wait_for(client(server), 1)
    now = datetime.datetime.now(datetime.timezone.utc)
    points = aws("get-metric-statistics", "--namespace", "AWS/Bedrock", "--metric-name", "InputTokenCount", "--period", "3600",
                 "--statistics", "Sum", "--dimensions", f"Name=ModelId,Value={SONNET}", "--start-time",
                 (now - datetime.timedelta(hours=2)).isoformat(), "--end-time",
                 (now + datetime.timedelta(hours=1)).isoformat())["Datapoints"]
    assert [point["Sum"] for point in points] == [spent]
    assert any(metric["MetricName"] == "Invocations" for metric in aws("list-metrics")["Metrics"])
    aws("put-metric-alarm", "--alarm-name", "dear", "--namespace", "AWS/Bedrock", "--metric-name", "InputTokenCount",
        "--statistic", "Sum", "--period", "60", "--evaluation-periods", "1", "--threshold", "1e6", "--comparison-operator",
        "GreaterThanThreshold", "--treat-missing-data", "notBreaching")
    aws("set-alarm-state", "--alarm-name", "dear", "--state-value", "ALARM", "--state-reason", "a test")
    alarms = aws("describe-alarms", "--alarm-names", "dear")["MetricAlarms"]
    assert [alarm["StateReason"] for alarm in alarms] == ["a test"]
    assert server.stop() == 0

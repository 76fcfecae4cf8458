"""Alarms and dashboards by boto3: dashboard and alarm over the hit rate of the cache are made, cold traffic makes the
alarm fire, warm traffic clears it; its web hook fails twice, the server is killed in between, and the notice arrives.
Time is the test's: the server's wall clock is moved on between two requests."""

import contextlib
import datetime
import hashlib
import hmac
import http.server
import json
import struct
import threading
import time
import uuid

import botocore.exceptions
import pytest

from conftest import BUILD, Server, ask_operator, metrics, wait_until

MODEL = "anthropic.claude-sonnet-4-5-20250929-v1:0"
PERIOD = 300
CONFIG = """\
models:
  - {{name: tiny, path: {path}, ids: ["{model}"], context: 4096, parallel: 4, cache_min_tokens: 32}}
alarms:
  interval: 100
  retry: 50
{more}"""
TOPIC = "arn:aws:sns:us-east-1:123456789012:ops"
DEFAULT = "CacheHitRateBelow60Percent"


class Receiver:
    """A web hook that refuses its first requests; `seen` is all that came, `taken` what it said yes to."""

    def __init__(self, refusals=0):
        self.seen, self.taken, self.refusals, self.is_open = [], [], refusals, True
        receiver = self

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_POST(self):
                body = self.rfile.read(int(self.headers["content-length"]))
                receiver.seen.append((self.path, dict(self.headers.items()), body))
                refuses = not receiver.is_open or len(receiver.seen) <= receiver.refusals
                if not refuses:
                    receiver.taken.append((self.path, {k.lower(): v for k, v in self.headers.items()}, body))
                self.send_response(503 if refuses else 204)
                self.send_header("content-length", "0")
                self.end_headers()

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def close(self):
        self.server.shutdown()
        self.server.server_close()


class Clock:
    """How far the server's wall clock is ahead."""

    def __init__(self, path):
        self.path = path
        start = time.time()
        self.ahead = 0
        self._write()
        self.advance(PERIOD - int(start) % PERIOD + 20)  # a little behind the beginning of a period

    def _write(self):
        with open(self.path, "r+b" if self.path.exists() else "wb") as file:
            file.write(struct.pack("<q", self.ahead))

    def advance(self, seconds):
        self.ahead += seconds
        self._write()

    def now(self):
        return time.time() + self.ahead


@pytest.fixture
def bed(tmp_path, random_model):
    """start() gives a server on the same data each time; what it started ends with the test."""
    with contextlib.ExitStack() as stack:
        clock = Clock(tmp_path / "ahead")

        def start(more=""):
            server = Server(config=CONFIG.format(path=random_model, model=MODEL, more=more), workdir=tmp_path,
                            program=BUILD / "tests/tools/clocked_server", env={"CLOCK_AHEAD": str(clock.path),
                                                                               "HOOK_SECRET": "sesame"})
            stack.callback(lambda: server.process.poll() is None and (server.process.kill(), server.process.wait()))
            return server

        yield start, clock, stack


def query(identity, name):
    return {"Id": identity, "ReturnData": False, "MetricStat": {
        "Metric": {"Namespace": "AWS/Bedrock", "MetricName": name, "Dimensions": [{"Name": "ModelId", "Value": MODEL}]},
        "Period": PERIOD, "Stat": "Sum"}}


QUERIES = [query("r", "CacheReadInputTokenCount"), query("w", "CacheWriteInputTokenCount"),
           query("i", "InputTokenCount"), {"Id": "hit", "Expression": "100*r/(r+w+i)", "Label": "Cache hit rate"}]
ALARM = {"AlarmName": "hit rate", "Metrics": QUERIES, "Threshold": 60, "ComparisonOperator": "LessThanThreshold",
         "EvaluationPeriods": 3, "DatapointsToAlarm": 3, "TreatMissingData": "notBreaching"}


def ask(server, system, text="Where is my order?"):
    return server.client().converse(
        modelId=MODEL, system=[{"text": system}, {"cachePoint": {"type": "default"}}],
        messages=[{"role": "user", "content": [{"text": text}]}], inferenceConfig={"maxTokens": 1, "temperature": 0})


def hit_rates(cloudwatch, clock):
    end = datetime.datetime.fromtimestamp(clock.now() + PERIOD, datetime.timezone.utc)
    result = cloudwatch.get_metric_data(MetricDataQueries=QUERIES, EndTime=end,
                                        StartTime=end - datetime.timedelta(seconds=20 * PERIOD))
    return next(each["Values"] for each in result["MetricDataResults"] if each["Id"] == "hit")


def traffic(server, cloudwatch, clock, periods, prompt, times=1):
    """So many periods with requests in each; every period's are in the monitor before the next one begins."""
    for _ in range(periods):
        before = len(hit_rates(cloudwatch, clock))
        for _ in range(times):
            ask(server, prompt())
        assert wait_until(lambda: len(hit_rates(cloudwatch, clock)) == before + 1)
        clock.advance(PERIOD)


def cold():
    return f"{uuid.uuid4().hex} " * 12


WARM = "You answer for a shop that sells garden tools, politely and in one sentence. " * 8


def described(cloudwatch, name="hit rate"):
    return cloudwatch.describe_alarms(AlarmNames=[name])["MetricAlarms"][0]


def is_in(cloudwatch, state, name="hit rate"):
    return wait_until(lambda: described(cloudwatch, name)["StateValue"] == state)


def test_cold_traffic_fires_and_warm_traffic_clears(bed):
    start, clock, _ = bed
    server = start()
    cloudwatch = server.client("cloudwatch")
    body = json.dumps({"widgets": [{"type": "metric", "x": 0, "y": 0, "width": 12, "height": 6, "properties": {
        "metrics": [["AWS/Bedrock", "CacheReadInputTokenCount", "ModelId", MODEL]], "region": "us-east-1"}}]})
    made = cloudwatch.put_dashboard(DashboardName="prompt-cache", DashboardBody=body)
    assert made["DashboardValidationMessages"] == []
    assert cloudwatch.get_dashboard(DashboardName="prompt-cache")["DashboardBody"] == body
    cloudwatch.put_metric_alarm(**ALARM)
    assert is_in(cloudwatch, "OK")  # nothing has happened: notBreaching

    traffic(server, cloudwatch, clock, 3, cold)
    assert is_in(cloudwatch, "ALARM")
    alarm = described(cloudwatch)
    assert alarm["StateReason"].startswith("Threshold Crossed: 3 out of the last 3 datapoints [0.0 (")
    assert "were less than the threshold (60.0)" in alarm["StateReason"]
    data = json.loads(alarm["StateReasonData"])
    assert [each["value"] for each in data["evaluatedDatapoints"]] == [0, 0, 0] == data["recentDatapoints"]
    assert data["threshold"] == 60 and data["period"] == PERIOD
    assert 'fulcrum_alarm_state{tenant="AKIDEXAMPLE",name="hit rate"} 2\n' in ask_operator(server, "/metrics")[1]
    assert is_in(cloudwatch, "ALARM", DEFAULT)  # the one that nobody made

    traffic(server, cloudwatch, clock, 1, lambda: WARM, times=8)
    assert is_in(cloudwatch, "OK")
    assert "not less than the threshold (60.0)" in described(cloudwatch)["StateReason"]
    assert 'fulcrum_alarm_state{tenant="AKIDEXAMPLE",name="hit rate"} 0\n' in ask_operator(server, "/metrics")[1]
    ratio = metrics(server)["fulcrum_cache_hit_ratio"]
    assert 0 < ratio < 1
    steps = [each["HistorySummary"] for each in cloudwatch.describe_alarm_history(
        AlarmName="hit rate", HistoryItemType="StateUpdate", ScanBy="TimestampAscending")["AlarmHistoryItems"]]
    assert steps == ["Alarm updated from INSUFFICIENT_DATA to OK", "Alarm updated from OK to ALARM",
                     "Alarm updated from ALARM to OK"]
    assert server.stop() == 0


def test_a_web_hook_that_fails_gets_its_notice_after_a_crash(bed):
    start, clock, stack = bed
    receiver = Receiver()
    stack.callback(receiver.close)
    receiver.is_open = False
    more = f'  actions:\n    "{TOPIC}": {{url: "{receiver.url}/ops", secret_env: HOOK_SECRET}}\n'
    server = start(more)
    cloudwatch = server.client("cloudwatch")
    cloudwatch.put_metric_alarm(**{**ALARM, "AlarmActions": [TOPIC], "AlarmDescription": "too cold"})
    assert is_in(cloudwatch, "OK")
    traffic(server, cloudwatch, clock, 3, cold)
    assert is_in(cloudwatch, "ALARM")
    assert wait_until(lambda: len(receiver.seen) >= 2)  # refused each time
    server.process.kill()
    server.process.wait()
    assert not receiver.taken

    receiver.is_open = True
    server = start(more)
    cloudwatch = server.client("cloudwatch")
    assert described(cloudwatch)["StateValue"] == "ALARM"  # survived
    assert wait_until(lambda: receiver.taken)
    path, headers, body = receiver.taken[0]
    notice = json.loads(body)
    assert path == "/ops"
    assert notice["AlarmName"] == "hit rate" and notice["AlarmDescription"] == "too cold"
    assert (notice["OldStateValue"], notice["NewStateValue"]) == ("OK", "ALARM")
    assert notice["NewStateReason"] == described(cloudwatch)["StateReason"]
    assert notice["Trigger"]["Metrics"][3]["Expression"] == "100*r/(r+w+i)"
    signed = hmac.new(b"sesame", headers["x-fulcrum-timestamp"].encode() + b"." + body, hashlib.sha256).hexdigest()
    assert headers["x-fulcrum-signature"] == "v1=" + signed

    def actions():
        return [each["HistorySummary"] for each in cloudwatch.describe_alarm_history(
            AlarmName="hit rate", HistoryItemType="Action")["AlarmHistoryItems"]]
    assert wait_until(actions)
    assert actions() == [f"Successfully executed action {TOPIC}"]
    assert len(receiver.taken) == 1
    assert server.stop() == 0


@pytest.fixture(scope="module")
def plain(tmp_path_factory, random_model):
    """Alarms over series of one's own are evaluated at once and seldom after, so that states stay as they are set."""
    more = (f'  actions:\n    "{TOPIC}": {{url: "http://127.0.0.1:9/x"}}\n'
            '  allowed:\n    - {url: "http://127.0.0.1:9/"}\n')
    config = CONFIG.format(path=random_model, model=MODEL, more=more).replace("interval: 100", "interval: 1h")
    server = Server(config=config, workdir=tmp_path_factory.mktemp("alarms"))
    yield server
    assert server.stop() == 0


@pytest.fixture
def cloudwatch(plain):
    """Of a tenant of its own."""
    return plain.client("cloudwatch", key="AKID" + uuid.uuid4().hex[:16].upper())


ONE = {"MetricName": "Errors", "Namespace": "Shop", "Statistic": "Sum", "Period": 60, "EvaluationPeriods": 1,
       "Threshold": 1, "ComparisonOperator": "GreaterThanOrEqualToThreshold", "TreatMissingData": "ignore"}


def refusal(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["Error"]["Message"]


def test_the_default_alarm_is_there_and_stays_gone(cloudwatch):
    alarm = described(cloudwatch, DEFAULT)
    assert alarm["Threshold"] == 60 and alarm["TreatMissingData"] == "notBreaching"
    assert alarm["Metrics"][-1]["Expression"] == "100*r/(r+w+i)"
    cloudwatch.delete_alarms(AlarmNames=[DEFAULT])
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    assert cloudwatch.describe_alarms()["MetricAlarms"] == []
    history = cloudwatch.describe_alarm_history(AlarmName=DEFAULT)["AlarmHistoryItems"]
    assert history[0]["HistorySummary"] == f'Alarm "{DEFAULT}" deleted'


def test_who_never_asked_has_the_default_alarm_too(bed):
    start, _, _ = bed
    server = start()
    ask(server, WARM)
    name = f'fulcrum_alarm_state{{tenant="AKIDEXAMPLE",name="{DEFAULT}"}}'
    assert wait_until(lambda: name in metrics(server))
    assert server.stop() == 0


def test_alarms_are_described_by_filters_and_pages(cloudwatch):
    cloudwatch.delete_alarms(AlarmNames=[DEFAULT])
    for i in range(7):
        cloudwatch.put_metric_alarm(AlarmName=f"a{i}", AlarmDescription=f"number {i}",
                                    AlarmActions=[TOPIC] if i % 2 else [], **ONE)
    names = lambda **more: [each["AlarmName"] for each in cloudwatch.describe_alarms(**more)["MetricAlarms"]]
    assert names() == [f"a{i}" for i in range(7)]
    assert names(AlarmNames=["a3", "a1", "nothing"]) == ["a1", "a3"]
    assert names(AlarmNamePrefix="a6") == ["a6"]
    assert names(ActionPrefix="arn:aws:sns") == ["a1", "a3", "a5"]
    assert names(AlarmTypes=["CompositeAlarm"]) == []
    pages = cloudwatch.get_paginator("describe_alarms").paginate(PaginationConfig={"PageSize": 3})
    assert [len(page["MetricAlarms"]) for page in pages] == [3, 3, 1]
    cloudwatch.set_alarm_state(AlarmName="a2", StateValue="ALARM", StateReason="by hand", StateReasonData='{"by":"me"}')
    assert names(StateValue="ALARM") == ["a2"]
    alarm = described(cloudwatch, "a2")
    assert alarm["StateReason"] == "by hand" and json.loads(alarm["StateReasonData"]) == {"by": "me"}
    assert alarm["AlarmArn"].endswith(":alarm:a2") and alarm["ActionsEnabled"] is True
    assert alarm["Dimensions"] == [] == alarm["OKActions"] and alarm["Period"] == 60
    of_metric = cloudwatch.describe_alarms_for_metric(MetricName="Errors", Namespace="Shop")["MetricAlarms"]
    assert [each["AlarmName"] for each in of_metric] == [f"a{i}" for i in range(7)]
    assert cloudwatch.describe_alarms_for_metric(MetricName="Errors", Namespace="Shop", Statistic="Average")[
        "MetricAlarms"] == []
    cloudwatch.delete_alarms(AlarmNames=["a0", "a1"])
    assert refusal(cloudwatch.delete_alarms, AlarmNames=["a2", "a0"])[0] == "ResourceNotFound"
    assert names() == [f"a{i}" for i in range(2, 7)]


def test_actions_are_turned_off_and_on(cloudwatch):
    cloudwatch.put_metric_alarm(AlarmName="quiet", AlarmActions=["arn:aws:sns:us-east-1:1:nobody"], **ONE)

    def actions():
        return cloudwatch.describe_alarm_history(AlarmName="quiet", HistoryItemType="Action")["AlarmHistoryItems"]
    cloudwatch.disable_alarm_actions(AlarmNames=["quiet", "nothing"])
    assert described(cloudwatch, "quiet")["ActionsEnabled"] is False
    cloudwatch.set_alarm_state(AlarmName="quiet", StateValue="ALARM", StateReason="test")
    cloudwatch.set_alarm_state(AlarmName="quiet", StateValue="OK", StateReason="test")
    cloudwatch.enable_alarm_actions(AlarmNames=["quiet"])
    cloudwatch.set_alarm_state(AlarmName="quiet", StateValue="ALARM", StateReason="test")
    assert wait_until(actions)
    assert [each["HistorySummary"] for each in actions()] == [
        "Failed to execute action arn:aws:sns:us-east-1:1:nobody"]
    assert json.loads(actions()[0]["HistoryData"])["error"] == "no web hook is configured for it"


def test_what_cannot_be_is_refused_by_name(cloudwatch):
    put = cloudwatch.put_metric_alarm
    assert refusal(put, AlarmName="x", **{**ONE, "Period": 10}) == (
        "ValidationError", "Period: 10 is no multiple of 60 up to 86400: minutes are what is kept")
    assert refusal(put, AlarmName="x", Metrics=[{"Id": "a", "Expression": "b"}], EvaluationPeriods=1, Threshold=1,
                   ComparisonOperator="GreaterThanThreshold")[1] == (
        "Metrics: expression 'a': no query has the ID 'b' (character 1)")
    code, message = refusal(put, AlarmName="x", AlarmActions=["https://elsewhere.example/x"], **ONE)
    assert code == "ValidationError" and "alarms.allowed" in message
    put(AlarmName="x", AlarmActions=["http://127.0.0.1:9/any"], **ONE)
    assert refusal(put, AlarmName="y", **{**ONE, "ComparisonOperator": "GreaterThanUpperThreshold"})[0] == (
        "ValidationError")
    assert refusal(cloudwatch.set_alarm_state, AlarmName="nothing", StateValue="OK", StateReason="")[0] == (
        "ResourceNotFound")
    assert refusal(cloudwatch.describe_alarms, NextToken="x")[0] == "InvalidNextToken"


def test_history_pages_in_both_orders(cloudwatch):
    cloudwatch.put_metric_alarm(AlarmName="often", **ONE)
    states = ["ALARM", "OK"] * 5
    for state in states:
        cloudwatch.set_alarm_state(AlarmName="often", StateValue=state, StateReason="test")
    pages = cloudwatch.get_paginator("describe_alarm_history").paginate(
        AlarmName="often", HistoryItemType="StateUpdate", PaginationConfig={"PageSize": 4})
    items = [item for page in pages for item in page["AlarmHistoryItems"]]
    news = [json.loads(item["HistoryData"])["newState"]["stateValue"] for item in items]
    assert news[:10] == states[::-1]
    up = cloudwatch.describe_alarm_history(AlarmName="often", ScanBy="TimestampAscending")["AlarmHistoryItems"]
    assert up[0]["HistorySummary"] == 'Alarm "often" created'
    other = cloudwatch.describe_alarm_history(
        AlarmName="often", StartDate=datetime.datetime(2000, 1, 1), EndDate=datetime.datetime(2000, 1, 2))
    assert other["AlarmHistoryItems"] == []


def test_alarms_and_dashboards_have_tags(cloudwatch):
    cloudwatch.put_metric_alarm(AlarmName="tagged", Tags=[{"Key": "team", "Value": "desk"}], **ONE)
    cloudwatch.put_dashboard(DashboardName="board", DashboardBody='{"widgets":[]}')
    board = cloudwatch.get_dashboard(DashboardName="board")["DashboardArn"]
    for arn, first in ((described(cloudwatch, "tagged")["AlarmArn"], {"team": "desk"}), (board, {})):
        tags = lambda arn=arn: {each["Key"]: each["Value"]
                                for each in cloudwatch.list_tags_for_resource(ResourceARN=arn)["Tags"]}
        assert tags() == first
        cloudwatch.tag_resource(ResourceARN=arn, Tags=[{"Key": "a", "Value": "1"}, {"Key": "b", "Value": ""}])
        assert tags() == {**first, "a": "1", "b": ""}
        cloudwatch.untag_resource(ResourceARN=arn, TagKeys=["a", "nothing"])
        assert tags() == {**first, "b": ""}
    cloudwatch.put_metric_alarm(AlarmName="tagged", Tags=[{"Key": "other", "Value": "x"}], **ONE)
    assert {each["Key"] for each in cloudwatch.list_tags_for_resource(
        ResourceARN=described(cloudwatch, "tagged")["AlarmArn"])["Tags"]} == {"team", "b"}  # an update leaves them
    assert refusal(cloudwatch.list_tags_for_resource, ResourceARN="arn:aws:cloudwatch:us-east-1:1:alarm:none")[0] == (
        "ResourceNotFound")


def test_dashboards_are_kept_as_they_are(cloudwatch):
    body = '{ "widgets": [ {"type":"metric","properties":{}}, {"type":"nothing","x":23} ] }'
    messages = cloudwatch.put_dashboard(DashboardName="one", DashboardBody=body)["DashboardValidationMessages"]
    assert [each["DataPath"] for each in messages] == ["/widgets/1/type", "/widgets/1/properties", "/widgets/1/x"]
    assert cloudwatch.get_dashboard(DashboardName="one")["DashboardBody"] == body
    for name in ("two", "two-b", "three"):
        cloudwatch.put_dashboard(DashboardName=name, DashboardBody="{}")
    listed = cloudwatch.list_dashboards(DashboardNamePrefix="two")["DashboardEntries"]
    assert [each["DashboardName"] for each in listed] == ["two", "two-b"] and listed[0]["Size"] == 2
    assert refusal(cloudwatch.delete_dashboards, DashboardNames=["two", "nothing"])[0] == "ResourceNotFound"
    cloudwatch.delete_dashboards(DashboardNames=["two", "three"])
    assert [each["DashboardName"] for each in cloudwatch.list_dashboards()["DashboardEntries"]] == ["one", "two-b"]
    assert refusal(cloudwatch.get_dashboard, DashboardName="two")[0] == "ResourceNotFound"
    assert refusal(cloudwatch.put_dashboard, DashboardName="x", DashboardBody="{")[0] == "InvalidParameterInput"
    assert refusal(cloudwatch.put_dashboard, DashboardName="a b", DashboardBody="{}")[0] == "InvalidParameterInput"


def test_tenants_see_their_own(plain, cloudwatch):
    cloudwatch.put_metric_alarm(AlarmName="mine", **ONE)
    cloudwatch.put_dashboard(DashboardName="mine", DashboardBody="{}")
    other = plain.client("cloudwatch", key="AKIDOTHER" + uuid.uuid4().hex[:8].upper())
    assert [each["AlarmName"] for each in other.describe_alarms()["MetricAlarms"]] == [DEFAULT]
    assert other.list_dashboards()["DashboardEntries"] == []
    assert refusal(other.set_alarm_state, AlarmName="mine", StateValue="OK", StateReason="x")[0] == "ResourceNotFound"


def test_a_wrong_configuration_is_named(tmp_path, random_model):
    more = f'  actions:\n    "{TOPIC}": {{url: "http://h/", secret_env: NO_SUCH_SECRET}}\n'
    with pytest.raises(RuntimeError) as caught:
        Server(config=CONFIG.format(path=random_model, model=MODEL, more=more), workdir=tmp_path)
    assert "the environment has no variable NO_SUCH_SECRET" in str(caught.value)

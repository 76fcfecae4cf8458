"""The advisor as a command: sources of all kinds, its table, JSON, page and configuration."""

import csv
import datetime
import gzip
import html.parser
import io
import json
import os
import random
import subprocess

import pytest

from conftest import FULCRUM, SHARED, Server, wait_until

SONNET = "anthropic.claude-sonnet-4-6"
PRO = "amazon.nova-pro-v1:0"
START = datetime.datetime(2026, 11, 2, 10, tzinfo=datetime.UTC)
TENANTS = """\
tenants:
  - {name: shop, keys: [{id: AKIDSHOP, secret: secret}]}
  - {name: bank, keys: [{id: AKIDBANK, secret: secret}]}
"""
WORDS = "shop parcel order return gift member price size label courier stock season refund invoice phone box".split()


def advise(*args, text=None, code=0):
    done = subprocess.run([str(FULCRUM), "advise", *map(str, args)], input=text, capture_output=True, check=False,
                          timeout=300)
    assert done.returncode == code, done.stderr.decode()
    return done.stdout.decode() if code == 0 else done.stderr.decode()


def report(*args, **more):
    out = json.loads(advise("--json", *args, **more))
    left = out["dollars"] - sum(lever["dollars"] for lever in out["levers"])
    assert abs(left - out["left"]) < 1e-9
    assert [lever["lever"] for lever in out["levers"]] == ["route", "distill", "cache", "batch"]
    for lever in out["levers"]:
        assert lever["low"] <= lever["dollars"] <= lever["high"] and lever["why"]
    return out


def lever(out, name):
    return next(lever for lever in out["levers"] if lever["lever"] == name)


def words(rng, count):
    return " ".join(rng.choice(WORDS) + str(rng.randrange(50)) for _ in range(count))


def record(number, seconds, system, user, answer, tokens=(2500, 0, 0, 60), model=SONNET, operation="ConverseStream"):
    body = {"messages": [{"role": "user", "content": [{"text": user}]}]}
    if system:
        body["system"] = [{"text": system}]
    return {"schemaType": "ModelInvocationLog", "schemaVersion": "1.0",
            "timestamp": (START + datetime.timedelta(seconds=seconds)).strftime("%Y-%m-%dT%H:%M:%SZ"),
            "accountId": "123456789012", "identity": {"arn": "arn:aws:iam::123456789012:user/shop"},
            "region": "us-east-1", "requestId": f"request-{number}", "operation": operation, "modelId": model,
            "input": {"inputContentType": "application/json", "inputBodyJson": body, "inputTokenCount": tokens[0],
                      "cacheReadInputTokenCount": tokens[1], "cacheWriteInputTokenCount": tokens[2]},
            "output": {"outputContentType": "application/json", "outputTokenCount": tokens[3], "outputBodyJson": {
                "output": {"message": {"role": "assistant", "content": [{"text": answer}]}}}}}


def clock_in_the_prompt(count=300, begin="You are the help desk of a shop. The time is "):
    rng = random.Random(3)
    rest = words(rng, 1200)
    return [record(i, 40 * i, f"{begin}{START + datetime.timedelta(seconds=40 * i):%Y-%m-%d %H:%M:%S}. {rest}",
                   words(rng, 12), words(rng, 30)) for i in range(count)]


def lines(records):
    return "".join(json.dumps(item) + "\n" for item in records)


@pytest.fixture(scope="module")
def clock_log(tmp_path_factory):
    path = tmp_path_factory.mktemp("advise") / "clock.jsonl"
    path.write_text(lines(clock_in_the_prompt()))
    return path


def test_clock(clock_log):
    out = report(clock_log)
    assert out["records"] == 300 and out["unreadable"] == {} and out["start_with"] == "cache"
    assert "a timestamp at character 45 of the system prompt" in lever(out, "cache")["where"]
    table = advise(clock_log)
    assert "cache  <- start with this" in table and "a timestamp at character 45" in table.replace("\n          ", " ")


def test_standard_input_and_gzip(clock_log, tmp_path):
    expected = report(clock_log)
    assert report("-", text=clock_log.read_bytes()) == expected
    packed = gzip.compress(clock_log.read_bytes())
    assert report("-", text=packed) == expected
    middle = len(clock_log.read_bytes()) // 2  # a file of several members, cut in the middle of a line
    (tmp_path / "two.json.gz").write_bytes(gzip.compress(clock_log.read_bytes()[:middle]) +
                                           gzip.compress(clock_log.read_bytes()[middle:]))
    assert report(tmp_path / "two.json.gz") == expected


def test_cut_short(clock_log, tmp_path):
    packed = gzip.compress(clock_log.read_bytes())
    (tmp_path / "cut.json.gz").write_bytes(packed[:len(packed) // 2])
    out = report(tmp_path / "cut.json.gz")
    assert 50 < out["records"] < 250
    assert out["unreadable"].pop("compressed file cut short or damaged") == 1
    assert set(out["unreadable"]) <= {"not JSON"}


def test_folder_with_bodies_beside(tmp_path):
    """As the service lays logs out: batches by hour, bodies that are too large for their record in a folder beside."""
    hour = tmp_path / "AWSLogs/123456789012/BedrockModelInvocationLogs/us-east-1/2026/11/02/10"
    (hour / "data").mkdir(parents=True)
    records = clock_in_the_prompt(120)
    for i, item in enumerate(records):
        for side, name in (("input", "inputBody"), ("output", "outputBody")):
            key = f"{hour.relative_to(tmp_path)}/data/{item['requestId']}_{side}.json.gz"
            body = item[side].pop(name + "Json")
            (tmp_path / key).write_bytes(gzip.compress(json.dumps(body).encode()))
            item[side][name + "S3Path"] = f"s3://bucket/{'desk/' if i % 2 else ''}{key}"
    for part in range(3):
        (hour / f"20261102T100{part}00000Z_0123456789abcde{part}.json.gz").write_bytes(
            gzip.compress(lines(records[40 * part:40 * part + 40]).encode()))
    (hour / "amazon-bedrock-logs-permission-check").write_bytes(b"")
    for source in (tmp_path, hour):
        out = report(source)
        assert out["records"] == 120 and out["unreadable"] == {} and out["start_with"] == "cache"
        assert "a timestamp at character 45" in lever(out, "cache")["where"]


def test_bodies_outside_of_the_folder(tmp_path):
    """A path out of the source is not followed, and a body that is missing costs its prompt, not the record."""
    (tmp_path / "secret.json").write_text(json.dumps({"messages": [{"role": "user", "content": [{"text": "x" * 9000}]}]}))
    (tmp_path / "logs").mkdir()
    item = record(1, 0, None, "", "")
    del item["input"]["inputBodyJson"]
    item["input"]["inputBodyS3Path"] = "s3://bucket/../secret.json"
    (tmp_path / "logs/a.json").write_text(lines([item]))
    out = report(tmp_path / "logs")
    assert out["records"] == 1 and "has no prompts" in lever(out, "cache")["why"]


def test_unreadable_is_counted(tmp_path):
    good = lines(clock_in_the_prompt(5))
    path = tmp_path / "mixed.jsonl"
    path.write_bytes(b'{"schemaType": "ModelInvo\n' + good.encode() + b"\xff\xfe\x00\n{}\n[1, 2]\n"
                     b'{"messages": [{"role": "user", "content": "no model"}]}\n' + b"{" * 5000 + b"\n")
    out = report(path)
    assert out["records"] == 5
    assert out["unreadable"] == {"not JSON": 3, "not a request of any known log": 2, "names no model and has no reply": 1}
    (tmp_path / "empty.jsonl").write_text("")
    out = report(tmp_path / "empty.jsonl")
    assert out["records"] == 0 and out["start_with"] is None and out["verdict"] == "There are no requests in it."
    assert "no such file" in advise(tmp_path / "none.jsonl", code=2).lower()
    assert "which log" in advise(code=2)


def test_prices(tmp_path):
    """A model that no book has is named, and left out of dollars until one of one's own has it."""
    path = tmp_path / "log.jsonl"
    path.write_text(lines([record(1, 0, None, "Q", "A", (1000, 0, 0, 10), model="house-large"),
                           record(2, 9, None, "Q", "A", (1000, 0, 0, 10), model=PRO)]))
    out = report(path)
    assert out["unpriced"] == [{"model": "house-large", "records": 1}] and out["dollars"] == 0.000832
    (tmp_path / "book.yaml").write_text(
        'book: house\nversion: "1"\ncurrency: USD\nunit: dollars per million tokens\nregion: us-east-1\n'
        'sources: [{tag: us, date: "2026-11-30", what: "ours"}]\ntiers: {batch: 0.5, flex: 0.5, priority: 1.75}\n'
        "models:\n  - {id: house-large, input: 2, output: 4, source: us}\n")
    out = report(path, "--prices", tmp_path / "book.yaml")
    assert out["unpriced"] == [] and out["dollars"] == 0.002872
    assert "none.yaml: No such file" in advise(path, "--prices", tmp_path / "none.yaml", code=2)


def test_spend_log_as_a_table(tmp_path):
    rng = random.Random(1)
    rest = words(rng, 1200)
    out = io.StringIO()
    table = csv.writer(out)
    table.writerow(["request_id", "call_type", "spend", "prompt_tokens", "completion_tokens", "startTime", "endTime",
                    "completionStartTime", "model", "team_id", "messages", "response", "metadata"])
    for i in range(200):
        at = START + datetime.timedelta(seconds=30 * i)
        messages = [{"role": "system", "content": f'Session {i * 17 + 1000}, said "the clerk". ' + rest},
                    {"role": "user", "content": words(rng, 9)}]
        table.writerow([f"r{i}", "acompletion", 0.01, 2600, 50, f"{at:%Y-%m-%d %H:%M:%S.%f}",
                        f"{at + datetime.timedelta(seconds=3):%Y-%m-%d %H:%M:%S.%f}",
                        f"{at + datetime.timedelta(seconds=1):%Y-%m-%d %H:%M:%S.%f}", "bedrock/us." + SONNET, "blue",
                        json.dumps(messages), json.dumps({"choices": [{"message": {"content": words(rng, 20)}}]}), "{}"])
    (tmp_path / "spend.csv").write_text(out.getvalue())
    got = report(tmp_path / "spend.csv")
    assert got["records"] == 200 and got["start_with"] == "cache"
    assert "a number at character 8 of the system prompt" in lever(got, "cache")["where"]
    assert "of blue" in lever(got, "cache")["where"]


class Page(html.parser.HTMLParser):
    """What of a page would ask for something, or run."""

    def __init__(self):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], []

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text.append(data)


def test_page_of_hostile_prompts(tmp_path):
    """Prompts, models and tenants are text in the page, whatever they say."""
    evil = ('<script>alert(1)</script><img src=x onerror=alert(2)>"\'&<!-- </style> \u202e \x07\x1b[31m\x9b2J '
            "\u2028models: [x]\u2029y: 1\x85z: 2\nw: 3 \ufeff\uffff")
    records = clock_in_the_prompt(200, begin=evil + " The time is ")
    for item in records:
        item["accountId"] = evil
    records += [record(1000 + i, i, evil, evil, evil, model=evil) for i in range(3)]
    path, page = tmp_path / "log.jsonl", tmp_path / "page.html"
    path.write_text(lines(records))
    advise(path, "--html", page)
    text = page.read_text()
    seen = Page()
    seen.feed(text)
    assert not {"script", "img", "iframe", "object", "link", "form", "a"} & set(seen.tags)
    assert seen.tags.count("svg") == 2 and "Content-Security-Policy" in text and "default-src 'none'" in text
    assert not [pair for pair in seen.attributes if pair[0] in ("src", "href", "style") or pair[0].startswith("on")]
    assert "<script>alert(1)</script>" in "".join(seen.text)
    assert "http" not in text.replace('http-equiv', '')
    out = report(path)
    assert out["unpriced"][0]["model"] == evil
    assert not set(advise(path)) & {"\x07", "\x1b", "\x7f", "\r"}
    config = tmp_path / "fulcrum.yaml"
    config.write_text(advise(path, "--apply"))
    check(config)


def check(config):
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(config)], text=True, capture_output=True,
                          check=False, timeout=60)
    assert done.returncode == 0, done.stderr + config.read_text()


def test_apply(clock_log, tmp_path):
    rng = random.Random(5)
    simple = [record(i, 60 * i, None, f"What is the capital of {rng.choice(WORDS)} {i}?", words(rng, 15), (12, 0, 0, 20),
                     model=PRO) for i in range(300)]
    (tmp_path / "simple.jsonl").write_text(lines(simple))
    (tmp_path / "empty.jsonl").write_text("")
    for source, says in ((clock_log, "cache: implicit"), (tmp_path / "simple.jsonl", "routers:"),
                         (tmp_path / "empty.jsonl", "There are no requests")):
        config = tmp_path / "fulcrum.yaml"
        config.write_text(advise(source, "--apply"))
        assert says in config.read_text()
        check(config)


def test_own_ledger_with_its_logs(tmp_path):
    """A server's data directory: the ledger's counts and tiers, the log's prompts, each request once."""
    server = Server(workdir=tmp_path, config="limits: {invocation_log_flush_ms: 50}\n")
    try:
        client = server.client()
        import boto3
        where = {"endpoint_url": server.url, "region_name": "us-east-1", "aws_access_key_id": "AKIDSHOP",
                 "aws_secret_access_key": "any"}
        client, control, s3 = (boto3.client(name, **where) for name in ("bedrock-runtime", "bedrock", "s3"))
        s3.create_bucket(Bucket="traffic")
        ask = {"modelId": PRO, "messages": [{"role": "user", "content": [{"text": "Where is my order?"}]}],
               "inferenceConfig": {"maxTokens": 5}}
        client.converse(**ask)  # before there was a log: a line alone
        control.put_model_invocation_logging_configuration(
            loggingConfig={"s3Config": {"bucketName": "traffic"}, "textDataDeliveryEnabled": True})
        for _ in range(3):
            client.converse(system=[{"text": "Name the intent of the message."}], **ask)
        client.converse(serviceTier={"type": "flex"}, **ask)
        wait_until(lambda: s3.list_objects_v2(Bucket="traffic").get("KeyCount", 0) >= 2, 20)
    finally:
        assert server.stop() == 0
    data = tmp_path / "data"
    lines_ = [json.loads(line) for line in subprocess.run(
        [str(FULCRUM), "ledger", "export", "--json", "--data", str(data)], text=True, capture_output=True, check=True,
        timeout=60).stdout.splitlines()]
    cost = sum(line["costPicodollars"] for line in lines_)
    for source in (data, data / "ledger.db"):
        out = report(source)
        assert out["records"] == 5 and out["unreadable"] == {}
        assert round(out["dollars"] * 1e12) == cost
    assert "has no prompts" in lever(report(data / "ledger.db"), "cache")["why"]
    assert "has no prompts" not in lever(report(data), "cache")["why"]
    exported = tmp_path / "export.jsonl"
    exported.write_text("".join(json.dumps(line) + "\n" for line in lines_))
    assert round(report(exported)["dollars"] * 1e12) == cost


def peak_kib(path):
    """Of the memory that a run takes."""
    pid = os.spawnvpe(os.P_NOWAIT, "sh", ["sh", "-c", f"exec {FULCRUM} advise --json {path} >/dev/null"], os.environ)
    _, status, usage = os.wait4(pid, 0)
    assert status == 0
    return usage.ru_maxrss


def with_bodies_at(records, bucket):
    """The same records with their bodies beside them, and the bodies by their keys."""
    bodies = {}
    for i, item in enumerate(records):
        key = f"AWSLogs/data/{i}_input.json"
        bodies[key] = json.dumps(item["input"].pop("inputBodyJson"))
        item["input"]["inputBodyS3Path"] = f"s3://{bucket}/{key}"
    return lines(records), bodies


def test_one_tenant_of_a_data_directory(tmp_path, random_model):
    """Logs lie in buckets of their tenants. A tenant who writes a log by hand, with bodies that are somebody else's, is
    told nothing of them: neither by their own names, nor by keys that lead there from above."""
    server = Server(workdir=tmp_path, config=f"models: [{{name: tiny, path: {random_model}}}]\n" + TENANTS)
    bank_log, bank_bodies = with_bodies_at(clock_in_the_prompt(300), "banks")
    thief_log, _ = with_bodies_at(clock_in_the_prompt(200), "banks")
    climbing = clock_in_the_prompt(200)
    for i, item in enumerate(climbing):
        del item["input"]["inputBodyJson"]
        item["requestId"] = f"climbing-{i}"
        item["input"]["inputBodyS3Path"] = f"s3://shops/objects/banks/AWSLogs/data/{i}_input.json"
    try:
        for key, bucket, log, bodies in (("AKIDSHOP", "shops", thief_log + lines(climbing), {}),
                                         ("AKIDBANK", "banks", bank_log, bank_bodies)):
            s3 = server.client("s3", key=key)
            s3.create_bucket(Bucket=bucket)
            s3.put_object(Bucket=bucket, Key="AWSLogs/BedrockModelInvocationLogs/one.json", Body=log.encode())
            for name, body in bodies.items():
                s3.put_object(Bucket=bucket, Key=name, Body=body.encode())
    finally:
        assert server.stop() == 0
    data = tmp_path / "data"
    bank = report(data, "--tenant", "bank")
    assert bank["records"] == 300 and bank["start_with"] == "cache" and "timestamp" in lever(bank, "cache")["where"]
    shop = report(data, "--tenant", "shop")
    assert shop["records"] == 400 and "no prompts" in lever(shop, "cache")["why"], lever(shop, "cache")
    assert report(data, "--tenant", "nobody")["records"] == 0
    assert report(f"{data}/", "--tenant", "bank")["records"] == 300  # however the directory is written


def test_memory_does_not_grow(tmp_path):
    rng = random.Random(2)
    sizes = []
    for count in (10_000, 100_000):
        path = tmp_path / f"{count}.jsonl"
        with path.open("w") as file:
            for i in range(count):
                file.write(json.dumps(record(i, i, "Be kind.", words(rng, 6), words(rng, 4), (30, 0, 0, 9))) + "\n")
        sizes.append(peak_kib(path))
    assert sizes[1] < sizes[0] + 8192, sizes


def test_service_samples():
    """Public samples of logs and batch files: read as far as they are that, and never a crash."""
    if not (SHARED / "conformance/fixtures").is_dir():
        pytest.skip("skipped: no ../shared")
    out = report(SHARED / "conformance/fixtures", "--model", "anthropic.claude-3-haiku-20240307-v1:0")
    assert out["records"] > 100 and out["dollars"] > 0


def test_what_if(clock_log, tmp_path):
    """Only the levers that are named; of one's own data directory where no source is."""
    out = report(clock_log, "--what-if", "ttl=1h,batch=nightly")
    assert lever(out, "cache")["dollars"] > 0 and "kept for an hour" in lever(out, "cache")["why"]
    assert [lever(out, name)["dollars"] for name in ("route", "distill", "batch")] == [0, 0, 0]
    small = "anthropic.claude-haiku-4-5-20251001-v1:0"
    assert small in lever(report(clock_log, "--what-if", f"router={small}"), "route")["why"]
    assert lever(report(clock_log, "--what-if", "router=auto"), "cache")["dollars"] == 0
    for wrong, says in (("x=1", "expected ttl, router, batch or distill"), ("ttl=2h", "ttl: expected 5m, 1h"),
                        ("router=nobody", "no price book has 'nobody'"), ("batch", "batch: expected nightly")):
        assert says in advise(clock_log, "--what-if", wrong, code=2)
    assert "--days: expected" in advise(clock_log, "--days", "0", code=2)
    assert report(clock_log, "--days", "3650")["records"] == 300
    (tmp_path / "fulcrum.yaml").write_text("data: nowhere\n")
    done = subprocess.run([str(FULCRUM), "advise", "--what-if", "ttl=5m"], cwd=tmp_path, text=True, capture_output=True,
                          check=False, timeout=60)
    assert done.returncode == 2 and "nowhere" in done.stderr


def day_of_conversations(folder, has_marks):
    """The same turns, with marks where the advisor wants them or without; what the ledger has for them."""
    rng = random.Random(4)
    system = [{"text": "You are the help desk of Willow Corner. " + " ".join(rng.choice(WORDS) for _ in range(1150))}]
    mark = [{"cachePoint": {"type": "default"}}] if has_marks else []
    folder.mkdir()
    server = Server(workdir=folder, config="limits: {invocation_log_flush_ms: 50}\n"
                                           "models: [{name: desk-large, cache: explicit}]\n")
    try:
        client, control, s3 = (server.client(name) for name in ("bedrock-runtime", "bedrock", "s3"))
        s3.create_bucket(Bucket="traffic")
        control.put_model_invocation_logging_configuration(
            loggingConfig={"s3Config": {"bucketName": "traffic"}, "textDataDeliveryEnabled": True})
        for _ in range(5):
            messages = []
            for _ in range(4):
                messages.append({"role": "user", "content": [{"text": " ".join(rng.choice(WORDS) for _ in range(8))}]})
                asked = messages[:-1] + [{"role": "user", "content": messages[-1]["content"] + mark}]
                reply = client.converse(modelId=PRO, system=system + mark, messages=asked,
                                        inferenceConfig={"maxTokens": 6, "temperature": 0})
                messages.append(reply["output"]["message"])
    finally:
        assert server.stop() == 0
    return report(folder / "data", "--what-if", "ttl=5m")


def test_what_was_predicted_happens(tmp_path):
    """The advisor's figure for marks, and what the ledger has once they are there."""
    before, after = (day_of_conversations(tmp_path / name, name == "after") for name in ("before", "after"))
    assert before["records"] == after["records"] == 20
    assert "behind the system prompt" in lever(before, "cache")["where"]
    assert before["left"] < 0.5 * before["dollars"]
    assert abs(before["left"] / after["dollars"] - 1) < 0.05
    assert lever(after, "cache")["dollars"] == 0

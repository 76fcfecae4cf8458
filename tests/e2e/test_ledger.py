"""One line for each request that was let in, exactly priced, whatever dies in between."""

import csv
import http.client
import io
import json
import os
import random
import re
import resource
import signal
import socket
import sqlite3
import subprocess
import threading
import time

import pytest

from conftest import FULCRUM, Server, metrics, ready, start, wait_until

PRO = "amazon.nova-pro-v1:0"
SONNET = "anthropic.claude-3-5-sonnet-20241022-v2:0"
HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
FIELDS = ["requestId", "time", "tenant", "dialect", "operation", "modelRequested", "modelInvoked", "tier",
          "inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheWrite1hInputTokens", "outputTokens",
          "latencyMs", "timeToFirstTokenMs", "outcome", "priceBook", "costPicodollars", "baselinePicodollars",
          "savedRoute", "savedDistill", "savedCache", "savedTier", "profile", "profileTags", "provider",
          "upstreamRequestId", "attempts", "router", "routerScore", "session", "costInputPicodollars",
          "costCacheReadPicodollars", "costCacheWritePicodollars", "costCacheWrite1hPicodollars",
          "costOutputPicodollars", "cacheMissReason", "savedShadow", "keyId", "upstreamModel",
          "usageNote", "savedResponse", "replica"]


def ledger(server_or_path, *args):
    path = getattr(server_or_path, "workdir", server_or_path) / "data"
    return subprocess.run([str(FULCRUM), "ledger", *args, "--data", str(path)], text=True, capture_output=True,
                          check=False, timeout=120)


def export(server_or_path):
    done = ledger(server_or_path, "export", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    ids = [line["requestId"] for line in lines]
    assert len(ids) == len(set(ids)), "a request has two lines"
    return {line["requestId"]: line for line in lines}


def body(tokens=5, temperature=0, **more):
    return json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": tokens, "temperature": temperature}, **more})


def post(server, model, payload, operation="converse", timeout=60):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=timeout)
    connection.request("POST", f"/model/{model}/{operation}", payload, {"Content-Type": "application/json"})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply, data


def usage_of(data):
    """Works on a body and on the frames of a stream."""
    found = {name: int(value) for name, value in re.findall(rb'"(inputTokens|outputTokens)":(\d+)', data)}
    return (found[b"inputTokens"], found[b"outputTokens"]) if len(found) == 2 else None


def assert_adds_up(line):
    assert line["costPicodollars"] == sum(line[f"cost{name}Picodollars"] for name in (
        "Input", "CacheRead", "CacheWrite", "CacheWrite1h", "Output")), line
    saved = sum(line[f"saved{lever}"] for lever in ("Route", "Distill", "Cache", "Tier", "Shadow"))
    assert line["baselinePicodollars"] - line["costPicodollars"] == saved, line


def test_a_reply_and_its_line(server):
    reply, data = post(server, PRO, body())
    assert reply.status == 200
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert list(line) == FIELDS
    usage = json.loads(data)["usage"]
    assert (line["inputTokens"], line["outputTokens"]) == (usage["inputTokens"], usage["outputTokens"])
    assert usage["inputTokens"] > 0 and usage["outputTokens"] == 5
    # $0.80 and $3.20 per million tokens: 800,000 and 3,200,000 picodollars a token
    assert line["costPicodollars"] == usage["inputTokens"] * 800_000 + 5 * 3_200_000
    assert reply.headers["x-fulcrum-cost"] == str(line["costPicodollars"])
    assert line["baselinePicodollars"] == line["costPicodollars"]
    assert line["priceBook"] == f"bedrock@2026-08-21/{PRO}/us-east-1"
    assert (line["operation"], line["dialect"], line["tier"], line["outcome"]) == (
        "Converse", "bedrock", "default", "completed")
    assert (line["modelRequested"], line["modelInvoked"], line["tenant"]) == (PRO, "tiny", "default")
    assert 0 <= line["timeToFirstTokenMs"] <= line["latencyMs"]
    assert re.fullmatch(r"20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z", line["time"])
    assert_adds_up(line)
    assert f"cost_picodollars={line['costPicodollars']} " in server.log()


def test_who_answered_for_what_and_why_it_was_not_cached(server):
    lines = []
    for metadata in ({"sessionId": "chat 7", "agent": "a"}, {"session": "s", "sessionId": "t"}, {"agent": "b"}):
        reply, _ = post(server, PRO, body(2, requestMetadata=metadata))
        assert reply.status == 200
        lines.append(export(server)[reply.headers["x-amzn-RequestId"]])
    assert [line["session"] for line in lines] == ["chat 7", "s", ""]
    for line in lines:
        assert (line["provider"], line["attempts"], line["upstreamRequestId"]) == ("engine", 1, "")
        assert (line["router"], line["routerScore"]) == ("", None)
        assert line["costInputPicodollars"] == line["inputTokens"] * 800_000
        assert line["costOutputPicodollars"] == line["outputTokens"] * 3_200_000
        assert line["cacheMissReason"] == reply.headers["x-fulcrum-cache"].split("reason=")[1].split("=")[0]


def test_each_id_has_its_own_price(server):
    reply, data = post(server, SONNET, json.dumps({
        "anthropic_version": "bedrock-2023-05-31", "max_tokens": 4, "messages": [{"role": "user", "content": "Hi"}]}),
        operation="invoke")
    assert reply.status == 200, data
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    usage = json.loads(data)["usage"]
    assert line["costPicodollars"] == usage["input_tokens"] * 3_000_000 + usage["output_tokens"] * 15_000_000
    assert line["operation"] == "InvokeModel"
    reply, data = post(server, f"us.{PRO}", body())
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert line["modelRequested"] == f"us.{PRO}" and line["costPicodollars"] > 0
    reply, data = post(server, "tiny", body())  # a name that no book has
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert line["priceBook"] == "unpriced" and line["costPicodollars"] == 0 and line["outputTokens"] == 5
    assert "model has no price under its own name" in server.log()


def test_tiers_are_priced_and_saved(server):
    lines = {}
    for tier in ("default", "flex", "priority"):
        reply, _ = post(server, PRO, body(serviceTier={"type": tier}))
        lines[tier] = export(server)[reply.headers["x-amzn-RequestId"]]
        assert lines[tier]["tier"] == tier
        assert_adds_up(lines[tier])
    full = lines["default"]["costPicodollars"]
    assert lines["flex"]["costPicodollars"] * 2 == full and lines["flex"]["savedTier"] * 2 == full
    assert lines["priority"]["costPicodollars"] * 4 == full * 7 and lines["priority"]["savedTier"] * 4 == -full * 3
    assert {line["baselinePicodollars"] for line in lines.values()} == {full}


def test_a_stream_and_its_line(server):
    reply, data = post(server, PRO, body(7), operation="converse-stream")
    assert reply.status == 200 and "x-fulcrum-cost" not in reply.headers
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert (line["inputTokens"], line["outputTokens"]) == usage_of(data)
    assert (line["operation"], line["outcome"]) == ("ConverseStream", "completed")


def test_tenants_are_told_apart(server):
    client = server.client(key="AKIALEDGER")
    reply = client.converse(modelId=PRO, messages=HELLO, inferenceConfig={"maxTokens": 2})
    assert export(server)[reply["ResponseMetadata"]["RequestId"]]["tenant"] == "AKIALEDGER"
    rows = [json.loads(row) for row in ledger(server, "summary", "--by", "tenant", "--json").stdout.splitlines()]
    assert "AKIALEDGER" in [row["tenant"] for row in rows]


def test_refused_requests_have_no_line(server):
    before = export(server)
    assert post(server, PRO, "{")[0].status == 400
    assert post(server, PRO, json.dumps({"messages": []}))[0].status == 400
    assert post(server, "no.such-model", body())[0].status == 400
    assert post(server, PRO, body(serviceTier={"type": "reserved"}))[0].status == 400
    too_long = [{"role": "user", "content": [{"text": "word " * 5000}]}]
    assert post(server, PRO, json.dumps({"messages": too_long}))[0].status == 400  # the engine's own refusal
    assert post(server, PRO, json.dumps({"messages": too_long}), "converse-stream")[0].status == 400
    assert post(server, PRO, json.dumps({"input": {"converse": {"messages": HELLO}}}), "count-tokens")[0].status == 200
    assert export(server).keys() == before.keys()


def test_throttled_requests_have_no_line(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="limits:\n  queue_requests: 1\n")
    replies, lock = [], threading.Lock()

    def ask():
        reply, _ = post(server, PRO, body(300, 1))
        with lock:
            replies.append((reply.status, reply.headers["x-amzn-RequestId"]))

    threads = [threading.Thread(target=ask) for _ in range(8)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    lines = export(server)
    assert {request for status, request in replies if status == 200} == set(lines)
    assert any(status == 429 for status, _ in replies)
    assert server.stop() == 0


def test_formats_agree(server):
    post(server, PRO, body())
    lines = list(export(server).values())
    rows = list(csv.DictReader(io.StringIO(ledger(server, "export", "--csv").stdout)))
    assert list(rows[0]) == FIELDS
    assert [{name: str(value) if value is not None else "" for name, value in line.items()} for line in lines] == rows
    table = ledger(server, "export").stdout.splitlines()
    assert len(table) == 1 + len(lines) and "tiny" in table[1]


def test_sums_agree(server):
    post(server, PRO, body(serviceTier={"type": "flex"}))
    lines = list(export(server).values())
    cost = sum(line["costPicodollars"] for line in lines)
    total = json.loads(ledger(server, "summary", "--json").stdout)
    assert (total["requests"], total["costPicodollars"]) == (len(lines), cost)
    for by in ("day", "tenant", "model"):
        rows = [json.loads(row) for row in ledger(server, "summary", "--by", by, "--json").stdout.splitlines()]
        assert all(by in row for row in rows)
        assert sum(row["costPicodollars"] for row in rows) == cost
        assert sum(row["outputTokens"] for row in rows) == sum(line["outputTokens"] for line in lines)
    levers = {row["lever"]: row for row in map(json.loads, ledger(
        server, "summary", "--by", "lever", "--json").stdout.splitlines())}
    assert list(levers) == ["route", "distil", "cache", "tier", "shadow", "response", "total"]
    fields = {"route": "savedRoute", "distil": "savedDistill", "cache": "savedCache", "tier": "savedTier",
              "shadow": "savedShadow", "response": "savedResponse"}
    for lever, field in fields.items():
        assert levers[lever]["savedPicodollars"] == sum(line[field] for line in lines)
    assert levers["total"]["savedPicodollars"] == total["baselinePicodollars"] - total["costPicodollars"]
    assert levers["tier"]["savedPicodollars"] != 0
    rows = list(csv.DictReader(io.StringIO(ledger(server, "summary", "--by", "day", "--csv").stdout)))
    assert sum(int(row["requests"]) for row in rows) == len(lines)
    assert "%" in ledger(server, "summary").stdout and "tier" in ledger(server, "summary", "--by", "lever").stdout


def test_sums_of_a_time_and_a_tenant(server):
    def rows(*args):
        done = ledger(server, "summary", "--json", *args)
        assert done.returncode == 0, done.stderr
        return [json.loads(line) for line in done.stdout.splitlines()]

    assert post(server, PRO, body())[0].status == 200
    lines = list(export(server).values())
    minutes = sorted({line["time"][:16] for line in lines})
    by_minute = rows("--by", "minute")
    assert [row["minute"] for row in by_minute] == [f"{minute}Z" for minute in minutes]
    assert sum(row["requests"] for row in by_minute) == len(lines)
    assert rows("--by", "minute", "--limit", "1") == by_minute[-1:]
    last = rows("--from", minutes[-1])[0]
    wanted = [line for line in lines if line["time"][:16] == minutes[-1]]
    assert last["requests"] == len(wanted)
    assert last["costPicodollars"] == sum(line["costPicodollars"] for line in wanted)
    assert rows("--to", minutes[0])[0]["requests"] == 0
    tenant = lines[0]["tenant"]
    assert rows("--tenant", tenant)[0]["requests"] == sum(line["tenant"] == tenant for line in lines)
    by_miss = {row["miss"]: row["requests"] for row in rows("--by", "miss")}
    assert by_miss == {reason: sum(line["cacheMissReason"] == reason for line in lines)
                       for reason in {line["cacheMissReason"] for line in lines}}
    for wrong in (("--from", "yesterday"), ("--to", "2026-13-01"), ("--limit", "0"), ("--by", "week")):
        done = ledger(server, "summary", *wrong)
        assert done.returncode == 2 and wrong[0] in done.stderr, done.stderr


def test_metrics_count_money(server):
    def counted():
        connection = http.client.HTTPConnection("127.0.0.1", server.port)
        connection.request("GET", "/metrics")
        text = connection.getresponse().read().decode()
        connection.close()
        assert "fulcrum_ledger_journal_bytes" in text and "fulcrum_ledger_lines_total" in text
        return int(re.search(r'^fulcrum_cost_picodollars_total\{model="tiny"\} (\d+)$', text, re.M)[1])

    before = counted()
    reply, _ = post(server, PRO, body())
    assert counted() - before == int(reply.headers["x-fulcrum-cost"])


def test_metrics_agree_with_the_ledger(tmp_path, random_model):
    """Tokens and money, of replies that came whole, streams that were left, replies that nobody waited for, a batch."""
    server = start(tmp_path, random_model, deterministic=False)
    head = "Host: a\r\nContent-Type: application/json\r\nContent-Length: "
    shared = "All staff read this before they answer anybody. " * 20
    for number in range(24):
        payload = json.dumps({
            "system": [{"text": shared}, {"cachePoint": {"type": "default"}}],
            "messages": [{"role": "user", "content": [{"text": f"Question {number}"}]}],
            "inferenceConfig": {"maxTokens": 900 if number % 3 else 4, "temperature": 1}})
        operation = "converse" if number % 4 == 0 else "converse-stream"
        with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
            raw.sendall(f"POST /model/{PRO}/{operation} HTTP/1.1\r\n{head}{len(payload)}\r\n\r\n{payload}".encode())
            if number % 3:  # leaves in between; else stays to the end
                raw.recv(300 if "stream" in operation else 0)
                continue
            raw.shutdown(socket.SHUT_WR)
            while raw.recv(65536):
                pass
    assert wait_until(lambda: metrics(server)['fulcrum_requests_running{model="tiny"}'] == 0 and
                      metrics(server)['fulcrum_queue_depth{model="tiny"}'] == 0)
    assert wait_until(lambda: len(export(server)) == 24)
    lines, said = export(server).values(), metrics(server)
    assert sum(line["outcome"] == "cancelled" and line["outputTokens"] > 0 for line in lines) > 0
    for metric, fields in {"input_tokens": ["inputTokens"], "output_tokens": ["outputTokens"],
                           "cache_read_tokens": ["cacheReadInputTokens"],
                           "cache_write_tokens": ["cacheWriteInputTokens", "cacheWrite1hInputTokens"],
                           "cost_picodollars": ["costPicodollars"], "baseline_picodollars": ["baselinePicodollars"]}.items():
        summed = sum(line[field] for line in lines for field in fields)
        assert said[f'fulcrum_{metric}_total{{model="tiny"}}'] == summed, metric
    assert server.stop() == 0


def test_damage_is_named(tmp_path, random_model):
    server = start(tmp_path, random_model)
    requests = [post(server, PRO, body())[0].headers["x-amzn-RequestId"] for _ in range(5)]
    assert server.stop() == 0
    done = ledger(tmp_path, "check")
    assert done.returncode == 0 and "5 lines" in done.stdout and " 0 damaged" in done.stdout
    database = sqlite3.connect(tmp_path / "data" / "ledger.db")
    database.executescript(
        "DROP TRIGGER line_keep; UPDATE line SET tenant = 'defatlt' WHERE rowid = 2;"
        "UPDATE line SET tier = 'defaulu' WHERE rowid = 4;"
        f"UPDATE price SET rates = replace(rates, '8', '9') WHERE name LIKE '%/{PRO}/us-east-1'")
    database.close()

    server = start(tmp_path, random_model)  # is not kept from it by a price row
    assert post(server, PRO, body())[0].status == 200
    assert re.search(rf"level=error .*price row in ledger.db is damaged.*{PRO}", server.log())
    assert re.search(rf"level=error .*line in ledger.db is damaged.*{requests[1]}", server.log())
    status, text = ready(server)
    assert status == 200 and "3 lines or price rows of ledger.db" in text
    assert server.stop() == 0

    done = ledger(tmp_path, "check", "--json")
    assert done.returncode == 1
    rows = [json.loads(row) for row in done.stdout.splitlines()]
    assert [row.get("requestId") for row in rows if row.get("damaged") == "line"] == [requests[1], requests[3]]
    assert [row["name"].split("/")[1] for row in rows if row.get("damaged") == "price"] == [PRO]
    assert rows[-1] == {"lines": 6, "priceRows": rows[-1]["priceRows"], "withoutChecksum": 0, "damages": 3}
    done = ledger(tmp_path, "check")
    assert done.returncode == 1 and f"line 2, request {requests[1]}: not what was written" in done.stdout
    for action in ("export", "summary"):
        done = ledger(tmp_path, action)
        assert done.returncode == 0 and "3 lines or price rows are damaged" in done.stderr
    assert ledger(tmp_path, "check", "--csv").returncode == 2


def test_damage_is_named_in_text_whatever_it_is(tmp_path, random_model):
    server = start(tmp_path, random_model)
    for _ in range(2):
        post(server, PRO, body())
    assert server.stop() == 0
    database = sqlite3.connect(tmp_path / "data" / "ledger.db")
    database.executescript("DROP TRIGGER line_keep;"
                           "UPDATE line SET request_id = CAST(x'C3BC80FF0A1B5B326AE282' AS TEXT) WHERE rowid = 1;"
                           "UPDATE line SET tier = 'defaulu' WHERE rowid = 2")
    database.close()
    done = subprocess.run([str(FULCRUM), "ledger", "check", "--data", str(tmp_path / "data")], capture_output=True,
                          check=False, timeout=120)
    lines = done.stdout.decode("utf-8").splitlines()
    assert done.returncode == 1 and len(lines) == 3
    assert lines[0] == "line 1, request ü\\x80\\xFF\\x0A\\x1B[2j\\xE2\\x82: not what was written"


def test_wrong_usage_is_exit_2(tmp_path):
    for args in ((), ("nothing",), ("export", "--by", "day"), ("summary", "--by", "week"), ("export", "more")):
        assert ledger(tmp_path, *args).returncode == 2, args
    done = ledger(tmp_path, "export")
    assert done.returncode == 1 and "there is no ledger at" in done.stderr


def test_a_vanished_client_is_cancelled(tmp_path, slow_model):
    server = start(tmp_path, slow_model, deterministic=False)
    payload = body(1900, 1).encode()
    head = (b"Host: a\r\nContent-Type: application/json\r\nContent-Length: %d\r\n\r\n" % len(payload)) + payload
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"POST /model/{PRO}/converse-stream HTTP/1.1\r\n".encode() + head)
        raw.recv(100)
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        raw.sendall(f"POST /model/{PRO}/converse HTTP/1.1\r\n".encode() + head)
        time.sleep(0.2)
    assert wait_until(lambda: len(export(server)) == 2, step=0.2)
    lines = {line["operation"]: line for line in export(server).values()}
    assert {line["outcome"] for line in lines.values()} == {"cancelled"}
    stream, whole = lines["ConverseStream"], lines["Converse"]
    assert stream["inputTokens"] > 0 and stream["outputTokens"] < 1900
    assert stream["costPicodollars"] == stream["inputTokens"] * 800_000 + stream["outputTokens"] * 3_200_000
    assert (whole["inputTokens"], whole["outputTokens"], whole["costPicodollars"]) == (0, 0, 0)  # nothing came of it
    assert server.stop() == 0


def test_a_killed_worker_bills_what_was_delivered(tmp_path, slow_model):
    server = start(tmp_path, slow_model, deterministic=False)
    results, lock = [], threading.Lock()

    def ask(operation):
        reply, data = post(server, PRO, body(1900, 1), operation)
        with lock:
            results.append((operation, reply.status, reply.headers["x-amzn-RequestId"], data))

    threads = [threading.Thread(target=ask, args=(operation,)) for operation in ("converse", "converse-stream") * 2]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    (pid,) = server.workers().values()
    os.kill(pid, signal.SIGKILL)
    for thread in threads:
        thread.join(60)
    lines = export(server)
    assert len(results) == 4
    for operation, status, request, data in results:
        line = lines[request]
        if operation == "converse" and status != 200 or b":exception-type" in data:
            assert line["outcome"] == "failed"
        if operation == "converse" and status != 200:
            assert line["costPicodollars"] == 0 and line["outputTokens"] == 0
        assert line["costPicodollars"] == line["inputTokens"] * 800_000 + line["outputTokens"] * 3_200_000
    assert server.stop() == 0


def test_own_prices(tmp_path, random_model):
    (tmp_path / "house.yaml").write_text(
        "book: house\nversion: '1'\ncurrency: USD\nunit: dollars per million tokens\nregion: here\n"
        "sources: [{tag: us, date: '2026-11-01', what: our contract}]\n"
        "tiers: {batch: 0.5, flex: 0.5, priority: 2}\n"
        "models: [{id: 'meta.llama3-1-8b-instruct-v1:0', input: 1, output: 2, source: us}]\n")
    config = (f"prices: [house.yaml]\nmodels:\n  - {{name: dear, path: {random_model}, ids: [a.dear], context: 512,\n"
              "     price: {input: 2, output: 8, cache_read: 0.5}}\n"
              f"  - {{name: as, path: {random_model}, context: 512, price_as: 'meta.llama3-1-8b-instruct-v1:0'}}\n")
    server = Server(config=config, workdir=tmp_path)
    reply, data = post(server, "a.dear", body())
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert line["costPicodollars"] == line["inputTokens"] * 2_000_000 + line["outputTokens"] * 8_000_000
    assert re.fullmatch(r"fulcrum\.yaml@[0-9a-f]{12}/dear", line["priceBook"])
    reply, data = post(server, "as", body())
    line = export(server)[reply.headers["x-amzn-RequestId"]]
    assert line["costPicodollars"] == line["inputTokens"] * 1_000_000 + line["outputTokens"] * 2_000_000
    assert line["priceBook"] == "house@1/meta.llama3-1-8b-instruct-v1:0/here"
    assert server.stop() == 0
    # Lines must mean what they say: other prices need another version.
    (tmp_path / "house.yaml").write_text((tmp_path / "house.yaml").read_text().replace("input: 1", "input: 3"))
    with pytest.raises(RuntimeError, match="give the book a new version"):
        Server(config=config, workdir=tmp_path)
    (tmp_path / "house.yaml").write_text("book: house\n")
    with pytest.raises(RuntimeError, match="house.yaml:1: the key 'version' is missing"):
        Server(config=config, workdir=tmp_path)
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(tmp_path / "fulcrum.yaml")], text=True,
                          capture_output=True, check=False)
    assert done.returncode == 2 and "house.yaml:1" in done.stderr


def test_a_damaged_ledger_refuses_to_start(tmp_path, random_model):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "ledger.db").write_bytes(b"no database " * 1000)
    with pytest.raises(RuntimeError, match="the ledger is damaged"):
        start(tmp_path, random_model)


def test_a_full_disk_refuses_rather_than_serves_unbilled(tmp_path, random_model):
    server = start(tmp_path, random_model)
    pid = server.process.pid
    first, _ = post(server, PRO, body())
    before = resource.prlimit(pid, resource.RLIMIT_FSIZE)
    resource.prlimit(pid, resource.RLIMIT_FSIZE, (64, before[1]))
    reply, data = post(server, PRO, body())
    assert reply.status == 503 and reply.headers["x-amzn-ErrorType"].startswith("ServiceUnavailableException"), data
    assert "ledger" in json.loads(data)["message"]
    assert wait_until(lambda: "ledger refuses new requests" in server.log())
    resource.prlimit(pid, resource.RLIMIT_FSIZE, before)
    last, _ = post(server, PRO, body())
    assert (first.status, last.status) == (200, 200)
    assert server.stop() == 0
    assert set(export(server)) == {first.headers["x-amzn-RequestId"], last.headers["x-amzn-RequestId"]}


class Load:
    """Clients that ask without a pause and write down what they saw of each reply."""

    def __init__(self, server):
        self.server, self.seen, self.lock, self.stopping = server, [], threading.Lock(), False
        self.threads = [threading.Thread(target=self.run, args=(seed,)) for seed in range(6)]
        for thread in self.threads:
            thread.start()

    def ask(self, operation, tokens):
        """(what was seen, request ID, usage, cost); the ID is None where no header came."""
        connection = http.client.HTTPConnection("127.0.0.1", self.server.port, timeout=60)
        request = None
        try:
            connection.request("POST", f"/model/{PRO}/{operation}", body(tokens, 1),
                               {"Content-Type": "application/json"})
            reply = connection.getresponse()
            request = reply.headers["x-amzn-RequestId"]
            data = reply.read()
        except (OSError, http.client.HTTPException):
            return "cut", request, None, None
        finally:
            connection.close()
        if reply.status != 200 or b":exception-type" in data:
            return "error", request, None, None
        return "whole", request, usage_of(data), reply.headers["x-fulcrum-cost"]

    def run(self, seed):
        rng = random.Random(seed)
        while not self.stopping:
            result = self.ask(rng.choice(("converse", "converse-stream")), rng.choice((1, 4, 16, 64)))
            with self.lock:
                self.seen.append(result)
            if result[0] == "cut":
                return

    def join(self):
        self.stopping = True
        for thread in self.threads:
            thread.join(90)
            assert not thread.is_alive()
        return self.seen


def check_against(seen, lines):
    """Every whole reply has its completed line with the same figures, every other begun one a line."""
    for what, request, usage, cost in seen:
        if what == "whole":
            line = lines[request]
            assert line["outcome"] == "completed", line
            assert usage == (line["inputTokens"], line["outputTokens"])
            assert cost is None or int(cost) == line["costPicodollars"]
        elif what == "cut" and request:
            assert lines[request]["outcome"] in ("completed", "failed")
        elif what == "error" and request in lines:
            assert lines[request]["outcome"] == "failed"
    known = {request for _, request, _, _ in seen if request}
    unknown = [line for request, line in lines.items() if request not in known]
    assert len(unknown) <= sum(1 for what, request, _, _ in seen if what == "cut" and not request)
    assert all(line["outcome"] in ("completed", "failed") for line in unknown)


def test_killed_gateway_at_random_points(tmp_path, random_model):
    seen, rng = [], random.Random()
    for _ in range(6):
        server = start(tmp_path, random_model, deterministic=False)
        load = Load(server)
        time.sleep(rng.uniform(0.2, 1.5))
        server.process.kill()
        server.process.wait()
        seen += load.join()
        check_against(seen, export(tmp_path))  # beside the ruins
    before = export(tmp_path)
    server = start(tmp_path, random_model)
    assert export(server) == before  # the next start settles it the same way
    assert server.stop() == 0
    assert export(tmp_path) == before
    check_against(seen, before)
    whole = sum(1 for what, *_ in seen if what == "whole")
    cut = sum(1 for what, *_ in seen if what == "cut")
    assert whole > 0 and cut > 0
    print(f"{len(seen)} requests, {whole} whole, {cut} cut off, {len(before)} lines")


def test_killed_worker_at_random_points(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    load, rng = Load(server), random.Random()
    for _ in range(4):
        time.sleep(rng.uniform(0.3, 1.0))
        for pid in server.workers().values():
            os.kill(pid, signal.SIGKILL)
    time.sleep(0.5)
    seen = load.join()
    lines = export(server)
    check_against(seen, lines)
    assert set(lines) <= {request for _, request, _, _ in seen}
    assert any(what == "whole" for what, *_ in seen) and any(what == "error" for what, *_ in seen)
    assert server.stop() == 0

"""The numbers behind the console: what /fulcrum says is what the ledger has, to the picodollar, for whoever may see it."""

import csv
import hashlib
import http.client
import io
import json
import threading
import urllib.parse
from decimal import Decimal

import pytest

from conftest import Server, wait_until
from test_ledger import export, ledger

CONFIG = """\
cache: {min_tokens: 64}
routers:
  - {name: desk, models: [desk-small, desk-large], fallback: desk-large, tolerance: 0.1}
"""
SHOP = "You are the help desk of Willow Corner. " + "Open Monday to Friday, 9 am to 5 pm. Returns take 60 days. " * 40
TOKENS = ["inputTokens", "cacheReadInputTokens", "cacheWriteInputTokens", "cacheWrite1hInputTokens", "outputTokens"]
CLASSES = ["input", "cacheRead", "cacheWrite", "cacheWrite1h", "output"]
LEVERS = ["Route", "Distill", "Cache", "Tier", "Shadow", "Response"]
BYS = ["total", "minute", "hour", "day", "tenant", "model", "tier", "operation", "outcome", "miss", "provider", "router",
       "key", "profile", "tag:team"]


def get(server, path, headers=None, **query):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    text = urllib.parse.urlencode({name.rstrip("_"): value for name, value in query.items()})
    connection.request("GET", f"/fulcrum/{path}" + (f"?{text}" if text else ""), headers=headers or {})
    reply = connection.getresponse()
    body = reply.read().decode()
    connection.close()
    return reply, body


def ask(server, path, headers=None, **query):
    reply, body = get(server, path, headers, **query)
    assert reply.status == 200, body
    return json.loads(body)


def rows_of(server, path, headers=None, **query):
    """The same question as CSV."""
    reply, body = get(server, path, headers, format="csv", **query)
    assert reply.status == 200, body
    assert reply.headers["content-type"].startswith("text/csv") and "attachment" in reply.headers["content-disposition"]
    return list(csv.DictReader(io.StringIO(body))), reply.headers


def pages(server, between=lambda: None, **query):
    lines, cursor = [], {}
    while True:
        page = ask(server, "requests", **query, **cursor)
        assert len(page["requests"]) <= int(query.get("limit", 50))
        lines += page["requests"]
        if page["next"] is None:
            return lines
        cursor = {"cursor": page["next"]}
        between()


def dollars(picodollars):
    return f"{Decimal(picodollars).scaleb(-12):.12f}"


def say(server, model, text, system=SHOP, point=False, session=None, tier=None, tokens=4, stream=False):
    client = server.client()
    request = {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}],
               "system": [{"text": system}] + ([{"cachePoint": {"type": "default"}}] if point else []),
               "inferenceConfig": {"maxTokens": tokens, "temperature": 0}}
    if session:
        request["requestMetadata"] = {"session": session}
    if tier:
        request["serviceTier"] = {"type": tier}
    if stream:
        reply = client.converse_stream(**request)
        for _ in reply["stream"]:
            pass
    else:
        reply = client.converse(**request)
    return reply["ResponseMetadata"]["HTTPHeaders"]


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    running = Server(config=CONFIG, workdir=tmp_path_factory.mktemp("numbers"))
    for i in range(3):
        say(running, "desk-large", f"Question {i}?", point=True, session="talk")
        say(running, "desk-small", f"Question {i}?", system="Be brief.")
    say(running, "amazon.nova-lite-v1:0", "And then?", tier="flex")
    say(running, "amazon.nova-pro-v1:0", "And then?", tier="priority", stream=True)
    say(running, "desk", "What are your business hours?")
    yield running
    assert running.stop() == 0


# --- sums ---------------------------------------------------------------------------------------------


def assert_group(group, line):
    """`line`: a row of the command's summary."""
    for name in ["requests", "completed", "failed", "cancelled", *TOKENS, "cacheHits", "attempts", "costPicodollars",
                 "baselinePicodollars", "savedPicodollars"]:
        assert group[name] == line[name], name
    for lever in LEVERS:
        assert group[f"saved{lever}Picodollars"] == line[f"saved{lever}"]
    for name in ("costInput", "costCacheRead", "costCacheWrite", "costCacheWrite1h", "costOutput"):
        assert group[f"{name}Picodollars"] == line[f"{name}Picodollars"]
    for name in [name for name in group if name.endswith("Picodollars")]:
        assert group[name.replace("Picodollars", "Dollars")] == dollars(group[name])
    read, prompt = line["cacheReadInputTokens"], sum(line[name] for name in TOKENS[:4])
    assert group["hitRate"] == (pytest.approx(read / prompt) if prompt else None)


@pytest.mark.parametrize("by", BYS)
def test_sums_are_the_ledgers(own, by):
    done = ledger(own, "summary", "--json", *([] if by == "total" else ["--by", by]))
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    usage = ask(own, "usage", by=by)
    assert usage["by"] == by and len(usage["groups"]) == len(lines) > 0
    for group in usage["groups"]:
        line, = [line for line in lines if by == "total" or line[by] == group["key"]]
        assert_group(group, line)
    assert_group(usage["total"], json.loads(ledger(own, "summary", "--json").stdout))


def test_sums_of_one_model(own):
    groups = {group["key"]: group for group in ask(own, "usage", by="model")["groups"]}
    assert len(groups) == 2
    for model, group in groups.items():
        assert ask(own, "usage", by="total", model=model)["total"] == {**group, "key": "total"}
    assert ask(own, "usage", by="total", model="nobody")["total"]["requests"] == 0


def test_times_bound_sums(own):
    lines = export(own).values()
    middle = sorted(line["time"] for line in lines)[4]
    before = ask(own, "usage", to=middle)["total"]
    after = ask(own, "usage", from_=middle)["total"]
    assert before["requests"] == 4 and after["requests"] == len(lines) - 4
    assert before["costPicodollars"] + after["costPicodollars"] == sum(line["costPicodollars"] for line in lines)
    assert ask(own, "usage", from_="-1h")["total"]["requests"] == len(lines)


def test_series_are_the_ledgers(own):
    lines = export(own).values()
    count = ask(own, "series", metric="requests", period=60, from_="-1h")
    assert sum(count["series"][0]["values"]) == len(lines)
    assert len(count["times"]) == len(count["series"][0]["values"])
    assert all(b - a == 60 for a, b in zip(count["times"], count["times"][1:]))
    cost = json.loads(get(own, "series", metric="cost", period=3600, from_="-3h")[1], parse_float=Decimal)
    assert sum(cost["series"][0]["values"]) == Decimal(sum(line["costPicodollars"] for line in lines)).scaleb(-12)
    saved = json.loads(get(own, "series", metric="saved", period=300, from_="-1h")[1], parse_float=Decimal)
    assert [series["label"] for series in saved["series"]] == ["route", "distil", "cache", "tier", "shadow", "response"]
    for series, lever in zip(saved["series"], LEVERS):
        assert sum(series["values"]) == Decimal(sum(line[f"saved{lever}"] for line in lines)).scaleb(-12)
    rate = ask(own, "series", metric="hitRate", period=86400, from_="-2d")["series"][0]["values"]
    assert rate[0] is None and 0 < rate[-1] < 1 or 0 < rate[-2] < 1


def test_percentiles_are_the_monitors(own):
    lines = export(own).values()

    def latencies():
        return {series["label"]: [value for value in series["values"] if value is not None]
                for series in ask(own, "series", metric="latency", period=3600, from_="-2h")["series"]}
    assert wait_until(lambda: len(latencies()["p99"]) > 0)
    assert wait_until(lambda: max(latencies()["p99"]) >= 0.95 * max(line["latencyMs"] for line in lines))
    found = latencies()
    assert set(found) == {"p50", "p90", "p99"}
    assert all(a <= b <= c for a, b, c in zip(found["p50"], found["p90"], found["p99"]))
    first = ask(own, "series", metric="timeToFirstToken", period=3600, from_="-2h")
    assert first["unit"] == "Milliseconds" and len(first["series"]) == 3


def test_refusals_show_in_series(own):
    connection = http.client.HTTPConnection("127.0.0.1", own.port, timeout=30)
    connection.request("POST", "/model/desk-small/converse", "{}", {"Content-Type": "application/json"})
    assert connection.getresponse().status == 400
    connection.close()

    def errors():
        return {series["label"]: sum(series["values"])
                for series in ask(own, "series", metric="errors", period=300, from_="-1h")["series"]}
    assert wait_until(lambda: errors()["client"] >= 1)
    assert set(errors()) == {"server", "client", "throttled"} and errors()["server"] == 0


# --- lines --------------------------------------------------------------------------------------------


def assert_line(line, exported):
    """All fields of the export, and dollars beside each amount."""
    for name, value in exported.items():
        assert line[name] == value, name
    for name in set(line) - set(exported):
        stem = name.removesuffix("Dollars")
        amount = exported[f"{stem}Picodollars"] if f"{stem}Picodollars" in exported else exported[stem]
        assert line[name] == dollars(amount)


@pytest.mark.parametrize("limit", [1, 4, 500])
def test_pages_have_each_line_once(own, limit):
    lines, exported = pages(own, limit=limit), export(own)
    assert [line["requestId"] for line in lines] == [
        line["requestId"] for line in sorted(exported.values(), key=lambda line: (line["time"], line["requestId"]),
                                             reverse=True)] or len({line["time"] for line in lines}) < len(lines)
    assert {line["requestId"] for line in lines} == set(exported) and len(lines) == len(exported)
    for line in lines:
        assert_line(line, exported[line["requestId"]])


def test_lines_that_come_meanwhile_hide_none(own):
    before = set(export(own))
    ended = threading.Event()

    def go_on():
        while not ended.is_set():
            say(own, "desk-small", "More?", system="Be brief.", tokens=1)
    thread = threading.Thread(target=go_on)
    thread.start()
    try:
        for sort in ("time", "cost", "latency"):
            found = [line["requestId"] for line in pages(own, limit=2, sort=sort)]
            assert len(found) == len(set(found)) and before <= set(found)
    finally:
        ended.set()
        thread.join()


def test_orders(own):
    for sort, name in (("cost", "costPicodollars"), ("latency", "latencyMs")):
        values = [line[name] for line in pages(own, limit=3, sort=sort)]
        assert values == sorted(values, reverse=True) and len(values) == len(export(own))


def test_filters(own):
    exported = export(own).values()
    for query, name, value in (("model", "modelInvoked", "desk-small"), ("tier", "tier", "flex"),
                               ("operation", "operation", "ConverseStream"), ("outcome", "outcome", "completed"),
                               ("outcome", "outcome", "failed"), ("session", "session", "talk"),
                               ("miss", "cacheMissReason", "first-use"), ("miss", "cacheMissReason", ""),
                               ("profile", "profile", "")):
        expected = {line["requestId"] for line in exported if line[name] == value}
        assert {line["requestId"] for line in pages(own, limit=2, **{query: value})} == expected, query
    one = next(iter(exported))["requestId"]
    assert [line["requestId"] for line in ask(own, "requests", id=one)["requests"]] == [one]
    assert ask(own, "requests", id="nobody") == {"requests": [], "next": None, "scanned": 0}
    assert ask(own, "requests", model="desk-small", tier="flex", limit=500)["requests"] == [
        line for line in ask(own, "requests", limit=500)["requests"]
        if line["modelInvoked"] == "desk-small" and line["tier"] == "flex"]


@pytest.mark.parametrize("path,query,word", [
    ("requests", {"cursor": "x"}, "cursor"), ("requests", {"limit": 0}, "limit"), ("requests", {"limit": 501}, "limit"),
    ("requests", {"sort": "name"}, "sort"), ("requests", {"models": "x"}, "models"), ("usage", {"by": "colour"}, "by"),
    ("usage", {"by": "tag:"}, "by"), ("usage", {"from": "yesterday"}, "from"), ("series", {"metric": "x"}, "metric"),
    ("series", {"period": 61}, "period"), ("series", {"period": 60, "from": "2020-01-01"}, "period"),
    ("cache", {"from": "-1h", "to": "-2h"}, "to"), ("now", {"x": 1}, "x"), ("now", {"format": "csv"}, "format")])
def test_what_is_asked_wrong_is_named(own, path, query, word):
    reply, body = get(own, path, **query)
    error = json.loads(body)["error"]
    assert reply.status == 400 and error["type"] == "ValidationException" and error["message"].startswith(word), body


def test_csv_is_the_same(own):
    def flat(row, prefix=""):
        out = {}
        for name, value in row.items():
            if isinstance(value, dict) and value:
                out |= flat(value, f"{prefix}{name}.")
            elif not isinstance(value, dict):
                out[prefix + name] = "" if value is None else json.dumps(value) if not isinstance(value, str) else value
        return out
    for path, name, query in (("requests", "requests", {"limit": 4}), ("requests", "requests", {"limit": 500}),
                              ("usage", "groups", {"by": "model", "to": "2099-01-01"}),
                              ("cache", "prefixes", {}), ("tenants", "tenants", {})):
        rows, headers = rows_of(own, path, **query)
        answer = ask(own, path, **query)
        assert headers.get("x-fulcrum-next") == answer.get("next")
        assert len(rows) == len(answer[name]) > 0
        for row, member in zip(rows, answer[name]):
            for column, value in flat(member).items():
                if column not in ("idleSeconds", "expiresInSeconds"): # they go on meanwhile
                    assert row[column] == value, (path, column)
    assert len(rows_of(own, "requests", limit=5000)[0]) == len(export(own))


# --- one request --------------------------------------------------------------------------------------


def rounded(tokens, dollars_per_million):
    """Picodollars, half up: a dollar for a million tokens is a million picodollars a token."""
    return int((Decimal(tokens) * Decimal(dollars_per_million) * 1_000_000 + Decimal("0.5")) // 1)


def price(usage, rates):
    return sum(rounded(tokens, rates[name]) for tokens, name in zip(usage, CLASSES))


def test_the_same_request_under_other_levers(own):
    tiers = {"default": Decimal(1), "flex": Decimal("0.5"), "batch": Decimal("0.5"), "priority": Decimal("1.75")}
    for identity, line in export(own).items():
        detail = ask(own, f"requests/{identity}")
        assert_line(detail["request"], line)
        rates, usage = detail["prices"]["rates"], [line[name] for name in TOKENS]
        assert detail["prices"]["row"] == line["priceBook"]
        assert price(usage, rates) == line["costPicodollars"]
        under = {row["lever"]: row for row in detail["under"]}
        assert under["none"]["costPicodollars"] == line["baselinePicodollars"]
        cold = [usage[0] + usage[1], 0, *usage[2:]]
        warm = [0, sum(usage[:4]), 0, 0, usage[4]]
        assert under["cache-cold"]["costPicodollars"] == price(cold, rates)
        assert under["cache-warm"]["costPicodollars"] == price(warm, rates)
        assert set(tiers) - {line["tier"]} <= set(under) and line["tier"] not in under
        for tier in set(tiers) - {line["tier"]} if line["modelInvoked"] == "desk-large" else ():  # sold in all tiers
            factor = tiers[tier] / tiers[line["tier"]]
            assert under[tier]["costPicodollars"] == sum(
                rounded(tokens, Decimal(rates[name]) * factor) for tokens, name in zip(usage, CLASSES))
        for row in under.values():
            assert row["costDollars"] == dollars(row["costPicodollars"])
            assert row["differencePicodollars"] == row["costPicodollars"] - line["costPicodollars"]
        other = "model:desk-small" if line["modelInvoked"] == "desk-large" else "model:desk-large"
        assert other in under and f"model:{line['modelInvoked']}" not in under
    large, small = say(own, "desk-large", "Same?"), say(own, "desk-small", "Same?")
    as_large = {row["lever"]: row for row in ask(own, f"requests/{large['x-amzn-requestid']}")["under"]}
    line = export(own)[large["x-amzn-requestid"]]
    rates = ask(own, f"requests/{small['x-amzn-requestid']}")["prices"]["rates"]
    assert as_large["model:desk-small"]["costPicodollars"] == price([line[name] for name in TOKENS], rates)


def test_the_way_of_a_request(own):
    line = next(iter(export(own).values()))
    way = ask(own, f"requests/{line['requestId']}")["way"]
    assert [step["what"] for step in way] == ["arrived", "first token", "completed"]
    assert way[0]["at"] == 0 and way[0]["at"] <= way[1]["at"] <= way[2]["at"]
    assert int(way[2]["at"]) == line["latencyMs"]


def test_what_the_cache_said(own):
    for i in range(3):
        headers = say(own, "desk-large", f"Once more {i}?", system=SHOP[: 400 * (i + 1)], point=True)
        cache = ask(own, f"requests/{headers['x-amzn-requestid']}")["cache"]
        assert cache["said"] == headers["x-fulcrum-cache"] and len(cache["explanation"]) > 20
        said = cache["said"].split("; ")
        reason = [part.split("=")[1] for part in said if part.startswith("reason=")]
        assert cache["status"] == said[0] and cache["reason"] == (reason[0] if reason else None)


def test_what_the_router_weighed(own):
    headers = say(own, "desk", "Where is my package?")
    model, reason = headers["x-fulcrum-route"].split("; reason=")
    route = ask(own, f"requests/{headers['x-amzn-requestid']}")["route"]
    assert (route["reason"], route["router"]) == (reason, "desk")
    chosen, = [candidate for candidate in route["candidates"] if candidate["chosen"]]
    assert chosen["model"] == model and {c["model"] for c in route["candidates"]} == {"desk-small", "desk-large"}
    for candidate in route["candidates"]:
        assert 0 <= candidate["quality"] <= 1 and candidate["costDollars"] == dollars(candidate["costPicodollars"])
        assert candidate["fits"] and candidate["warm"] <= candidate["promptTokens"]
    direct = say(own, "desk-small", "Where is my package?")
    assert ask(own, f"requests/{direct['x-amzn-requestid']}")["route"] is None


def test_a_request_that_is_not_there(own):
    reply, body = get(own, "requests/00000000-0000-4000-8000-000000000000")
    assert reply.status == 404 and json.loads(body)["error"]["type"] == "ResourceNotFoundException"


# --- caches, tenants, now -----------------------------------------------------------------------------


def test_prefixes_add_up(own):
    cache = ask(own, "cache")
    for model in cache["models"]:
        pieces = [prefix for prefix in cache["prefixes"] if prefix["model"] == model["model"]]
        assert model["answered"] and not model["isPartial"]
        assert sum(prefix["bytes"] for prefix in pieces) == model["memoryBytes"] > 0
        assert all(prefix["tier"] == "memory" and prefix["ownTokens"] <= prefix["tokens"] for prefix in pieces)
        assert [prefix["bytes"] for prefix in pieces] == sorted((prefix["bytes"] for prefix in pieces), reverse=True)
    kept = [prefix for prefix in cache["prefixes"] if prefix["model"] == "desk-large"]
    assert any(prefix["hits"] >= 2 and prefix["tokens"] > 300 for prefix in kept)
    assert any(prefix["expiresInSeconds"] is not None and prefix["expiresInSeconds"] <= 300 for prefix in kept)
    tenant = kept[0]["tenant"]
    assert tenant == "AKIDEXAMPLE"
    assert ask(own, "cache", tenant=tenant)["models"][0]["memoryBytes"] == cache["models"][0]["memoryBytes"]
    assert ask(own, "cache", tenant="nobody")["prefixes"] == []


def test_misses_lose_what_a_warm_prompt_would_have_saved(own):
    exported = export(own)
    cache = ask(own, "cache", from_="-1h")
    expected = {}
    for identity, line in exported.items():
        if line["cacheMissReason"] == "":
            continue
        warm, = [row for row in ask(own, f"requests/{identity}")["under"] if row["lever"] == "cache-warm"]
        sums = expected.setdefault(line["cacheMissReason"], [0, 0, 0])
        sums[0] += 1
        sums[1] += sum(line[name] for name in TOKENS[:4]) - line["cacheReadInputTokens"]
        sums[2] -= warm["differencePicodollars"]
    assert {row["reason"]: [row["requests"], row["tokens"], row["lostPicodollars"]] for row in cache["misses"]} == expected
    assert all(row["lostDollars"] == dollars(row["lostPicodollars"]) for row in cache["misses"])


def test_now(own):
    now, total = ask(own, "now"), ask(own, "usage")["total"]
    assert now["ready"] and {model["name"] for model in now["models"]} == {"desk-large", "desk-small"}
    assert now["requestsPerMinute"] > 0 and 0 < now["hitRate"] < 1 and now["running"] >= 0
    assert set(now["alarms"]) == {"OK", "ALARM", "INSUFFICIENT_DATA"}
    assert now["spent"]["monthPicodollars"] == total["costPicodollars"]
    assert now["saved"]["monthPicodollars"] == total["savedPicodollars"]
    assert now["spent"]["todayDollars"] == dollars(now["spent"]["todayPicodollars"])
    assert any(condition["name"] == "documents.sandbox" for condition in now["conditions"])


def test_how_fast_models_write(own):
    def speeds():
        return {model["name"]: model["tokensPerSecond"] for model in ask(own, "now")["models"]}

    def writes():
        say(own, "desk-small", "Tell me more.", system="Be brief.", tokens=20)
        return (speeds()["desk-small"] or 0) > 0
    speeds()
    assert wait_until(writes)


TENANTS = """\
cache: {{min_tokens: 64}}
objects: {{quota: 1MiB}}
tenants:
  - name: shop
    bearer: [{shop}]
    cache: {{floor: 1MiB, ceiling: 64MiB}}
    reservation: {{model: desk-large, input_tpm: 1000, output_tpm: 100}}
    routing: {{tolerance: 0.1}}
  - name: bank
    bearer: [{{sha256: {bank}, role: admin}}]
"""


def test_a_viewer_sees_its_own_tenant(tmp_path):
    hashed = {name: hashlib.sha256(f"{name}-key".encode()).hexdigest() for name in ("shop", "bank")}
    server = Server(config=TENANTS.format(**hashed), workdir=tmp_path)
    keys = {name: {"Authorization": f"Bearer {name}-key"} for name in hashed}
    ids = {}
    for name, headers in keys.items():
        connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
        connection.request("POST", "/model/desk-large/converse", json.dumps({
            "system": [{"text": SHOP}, {"cachePoint": {"type": "default"}}],
            "messages": [{"role": "user", "content": [{"text": "Hello?"}]}], "inferenceConfig": {"maxTokens": 2}}),
            {"Content-Type": "application/json", **headers})
        reply = connection.getresponse()
        assert reply.status == 200, reply.read()
        ids[name] = reply.headers["x-amzn-RequestId"]
        connection.close()
    shop, bank = keys["shop"], keys["bank"]
    lines = export(server)

    def sees(headers, **query):
        return {line["tenant"] for line in ask(server, "requests", headers, **query)["requests"]}
    assert sees(shop) == {"shop"} and sees(bank) == {"shop", "bank"} and sees(bank, tenant="shop") == {"shop"}
    for path in ("usage", "requests", "cache", "series", "tenants", "now"):
        assert get(server, path)[0].status in (401, 403), path
        reply, body = get(server, path, shop, tenant="bank")
        assert reply.status == 404 and "bank" in json.loads(body)["error"]["message"], path
    assert get(server, f"requests/{ids['bank']}", shop)[0].status == 404
    assert get(server, f"requests/{ids['shop']}", shop)[0].status == 200
    assert get(server, f"requests/{ids['shop']}", bank)[0].status == 200
    assert ask(server, "requests", shop, id=ids["bank"])["requests"] == []
    own, all_of = ask(server, "usage", shop, by="tenant"), ask(server, "usage", bank, by="tenant")
    assert [group["key"] for group in own["groups"]] == ["shop"]
    assert {group["key"] for group in all_of["groups"]} == {"shop", "bank"}
    assert own["total"]["costPicodollars"] == lines[ids["shop"]]["costPicodollars"]
    assert all_of["total"]["costPicodollars"] == sum(line["costPicodollars"] for line in lines.values())
    assert {prefix["tenant"] for prefix in ask(server, "cache", shop)["prefixes"]} == {"shop"}
    caches = ask(server, "cache", bank)
    assert {prefix["tenant"] for prefix in caches["prefixes"]} == {"shop", "bank"}
    mine, everybodys = ask(server, "cache", shop)["models"][0], caches["models"][0]
    assert 0 < mine["memoryBytes"] < everybodys["memoryBytes"] and mine["evicted"] is None
    now = ask(server, "now", shop)
    assert now["running"] is None and now["conditions"] == []
    assert now["spent"]["todayPicodollars"] == own["total"]["costPicodollars"]
    row, = ask(server, "tenants", shop)["tenants"]
    assert row["tenant"] == "shop" and row["configured"] and row["requests"] == 1
    assert row["reservation"] == {"model": "desk-large", "inputTpm": 1000, "outputTpm": 100}
    assert (row["cacheFloorBytes"], row["cacheCeilingBytes"]) == (1 << 20, 64 << 20)
    assert row["cacheBytes"] == mine["memoryBytes"] and row["objectsQuotaBytes"] == 1 << 20 and row["objectsBytes"] == 0
    assert row["routing"]["tolerance"] == "0.1"
    assert row["costDollars"] == row["today"]["costDollars"] == dollars(lines[ids["shop"]]["costPicodollars"])
    assert [row["tenant"] for row in ask(server, "tenants", bank)["tenants"]] == ["bank", "shop"]
    assert server.stop() == 0

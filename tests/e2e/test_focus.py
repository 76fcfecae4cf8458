"""`fulcrum ledger export --focus`: a file of FOCUS 1.2 that adds up to the ledger."""

import json
import os
import random
import resource
import sqlite3
import subprocess
from collections import Counter
from decimal import Decimal

import pytest

import focus
from conftest import FULCRUM, start
from test_ledger import PRO, body, export, ledger, post

PICO = Decimal(10) ** -12
LEVERS = {"route": "savedRoute", "distil": "savedDistill", "cache": "savedCache", "tier": "savedTier",
          "shadow": "savedShadow", "response": "savedResponse"}
METERS = {"input": "inputTokens", "cache read": "cacheReadInputTokens", "cache write 5m": "cacheWriteInputTokens",
          "cache write 1h": "cacheWrite1hInputTokens", "output": "outputTokens"}
HEAP_BYTES = 8 << 20
LONG = "The shop is open from nine to five. " * 60


def focus_file(where, *args):
    done = ledger(where, "export", "--focus", *args)
    assert done.returncode == 0, done.stderr
    assert focus.problems(done.stdout) == []
    return focus.read(done.stdout)


def total(rows, column="BilledCost", **wanted):
    return sum((row[column] for row in rows if all(row[key] == value for key, value in wanted.items())), Decimal(0))


def assert_same_sums(rows, lines):
    assert total(rows) == sum(line["costPicodollars"] for line in lines) * PICO
    listed = total(rows, ChargeCategory="Usage") + sum(
        row["BilledCost"] for row in rows if row["ChargeCategory"] == "Adjustment" and row["x_Lever"] is None)
    assert listed == sum(line["baselinePicodollars"] for line in lines) * PICO
    for lever, field in LEVERS.items():
        assert total(rows, x_Lever=lever) == -sum(line[field] for line in lines) * PICO, lever
    for meter, field in METERS.items():
        assert total(rows, "PricingQuantity", SkuMeter=meter) == sum(line[field] for line in lines), meter
    if all(row["x_CostAfterSavings"] is not None for row in rows if row["ChargeCategory"] == "Usage"):
        assert total(rows, "x_CostAfterSavings", ChargeCategory="Usage") == total(rows)


@pytest.fixture(scope="module")
def served(tmp_path_factory, random_model):
    """A ledger of real requests: a cache that is written and read, all tiers, a name without a price, a profile."""
    server = start(tmp_path_factory.mktemp("focus"), random_model)
    cached = {"system": [{"text": LONG}, {"cachePoint": {"type": "default"}}]}
    for tier in ("default", "flex", "priority"):
        for _ in range(2):
            assert post(server, PRO, body(3, serviceTier={"type": tier}, **cached))[0].status == 200
    for metadata in ({"session": "chat 7, the first"}, {"session": "two"}):
        assert post(server, f"us.{PRO}", body(3, requestMetadata=metadata))[0].status == 200
    assert post(server, "tiny", body(3))[0].status == 200
    profile = server.client("bedrock").create_inference_profile(
        inferenceProfileName="web", tags=[{"key": "team", "value": "ops night"}],
        modelSource={"copyFrom": f"arn:aws:bedrock:us-east-1::foundation-model/{PRO}"})["inferenceProfileArn"]
    server.client().converse(modelId=profile, messages=[{"role": "user", "content": [{"text": "Hi"}]}],
                             inferenceConfig={"maxTokens": 2})
    server.profile = profile
    yield server
    assert server.stop() == 0


def test_a_file_of_real_requests(served):
    rows, lines = focus_file(served), list(export(served).values())
    assert_same_sums(rows, lines)
    assert {row["SubAccountId"] for row in rows} == {line["tenant"] for line in lines}
    assert {row["x_Tier"] for row in rows} == {"default", "flex", "priority"}
    assert {row["x_Lever"] for row in rows if row["ChargeCategory"] == "Credit"} == {"cache", "tier"}
    dearer = [row for row in rows if row["ChargeCategory"] == "Adjustment"]
    assert {row["x_Tier"] for row in dearer if row["x_Lever"] == "tier"} == {"priority"}
    assert all(row["ListUnitPrice"] == 0 for row in rows if (row["SkuPriceId"] or "").startswith("unpriced/"))
    assert any(row["x_HitRate"] and row["x_HitRate"] > 0 for row in rows)
    (read,) = [row for row in rows if row["SkuMeter"] == "cache read" and row["x_Tier"] == "flex"]
    assert read["ListUnitPrice"] == 800_000 * PICO and read["SkuPriceDetails"] == '{"x_Tier":"flex"}'
    assert (read["SkuId"], read["RegionId"]) == (f"{PRO}/us-east-1/cache read", "us-east-1")
    assert read["SkuPriceId"] == f"bedrock@2026-08-21/{PRO}/us-east-1/cache read/flex"


def test_tags_are_those_of_the_profile_and_of_allowed_metadata(served):
    def tags(rows):
        return {json.dumps(json.loads(row["Tags"]), sort_keys=True) for row in rows if row["Tags"]}
    team = json.dumps({"team": "ops night"})
    rows = focus_file(served)
    assert tags(rows) == {team}
    assert {row["ResourceId"] for row in rows if row["Tags"]} == {served.profile}
    rows = focus_file(served, "--metadata", "session")
    assert tags(rows) == {team, json.dumps({"session": "chat 7, the first"}), json.dumps({"session": "two"})}
    assert_same_sums(rows, list(export(served).values()))


def test_periods_and_bounds(served):
    lines = list(export(served).values())
    day = min(line["time"] for line in lines)[:10]
    assert_same_sums(focus_file(served, "--by", "hour"), lines)
    assert focus_file(served, "--to", day) == []
    rows = focus_file(served, "--from", day, "--tenant", lines[0]["tenant"], "--account", "shop 1")
    assert {row["BillingAccountId"] for row in rows} == {"shop 1"}


def test_a_file_is_there_once_it_is_whole(served, tmp_path):
    target = tmp_path / "focus.csv"
    printed = ledger(served, "export", "--focus")
    done = ledger(served, "export", "--focus", "--out", str(target))
    assert (done.returncode, done.stdout) == (0, "") and target.read_text() == printed.stdout
    assert os.listdir(tmp_path) == ["focus.csv"]
    whole = ledger(served, "export", "--json", "--out", str(tmp_path / "lines.json"))
    assert whole.returncode == 0
    assert (tmp_path / "lines.json").read_text() == ledger(served, "export", "--json").stdout
    done = ledger(served, "export", "--focus", "--out", str(tmp_path / "nowhere" / "focus.csv"))
    assert done.returncode == 1 and "nowhere/focus.csv" in done.stderr


def test_wrong_usage_is_exit_2(served):
    for args, why in ((("summary", "--focus"), "--focus goes with export"),
                      (("export", "--focus", "--by", "tenant"), "day or hour, not by tenant"),
                      (("export", "--focus", "--json"), "--focus has no --json"),
                      (("export", "--focus", "--limit", "3"), "--focus has no --limit"),
                      (("export", "--focus", "--metadata", "session,userId"), "not 'userId'"),
                      (("export", "--focus", "--account", ""), "--account"),
                      (("export", "--metadata", "session"), "go with --focus"),
                      (("summary", "--out", "x"), "--out goes with export")):
        done = ledger(served, *args)
        assert done.returncode == 2 and why in done.stderr, (args, done.stderr)


# --- ledgers at random -------------------------------------------------------------------------------------


def random_lines(database, count, days, seed):
    """Lines of all sorts, whose levers add up as a line's do; prices are those that the ledger has."""
    rng = random.Random(seed)
    prices = {name: json.loads(rates) for name, rates in database.execute("SELECT name, rates FROM price")}
    names = rng.sample(sorted(prices), 12) + ["gone@1/from/the-ledger"]
    columns = [row[1] for row in database.execute("PRAGMA table_info(line)")]
    for i in range(count):
        tokens = [rng.choice((0, 1, rng.randrange(3000), rng.randrange(600_000))) for _ in range(5)]
        classes = [rng.randrange(10 ** rng.randrange(1, 12)) for _ in range(5)]
        saved = [rng.choice((0, rng.randrange(-(10 ** 9), 10 ** 10))) for _ in range(5)]
        baseline = max(sum(classes) + sum(saved), 0)
        saved[0] += baseline - sum(classes) - sum(saved)
        line = dict.fromkeys(columns)
        line.update(
            request_id=f"{seed}-{i}", time_us=(1795564800 + rng.randrange(days * 86400)) * 1_000_000 + rng.randrange(10 ** 6),
            tenant=rng.choice(("acme", "größe, \"x\"", "new\nline")), dialect="bedrock", operation="Converse",
            model_requested="m", model_invoked=rng.choice(("large", "small")), outcome="completed", latency_us=1,
            tier=rng.choice(("default", "flex", "priority", "batch")), price=rng.choice(names),
            baseline_price=rng.choice(names), cost=sum(classes), baseline=baseline, profile="", miss_reason="",
            tags=rng.choice(("", '{"team":"a"}')), provider=rng.choice(("engine", "groq", None)), attempts=1,
            router="", session=rng.choice(("", "s")), upstream_id="")
        for name, value in zip(("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"), tokens):
            line[f"{name}_tokens"] = value
        for name, value in zip(("input", "cache_read", "cache_write_5m", "cache_write_1h", "output"), classes):
            line[f"cost_{name}"] = value if rng.randrange(200) else None  # an earlier program's line
        for name, value in zip(("route", "distil", "cache", "tier", "shadow"), saved):
            line[f"saved_{name}"] = value
        yield [line[name] for name in columns]


def fill(served, tmp_path, count, days, seed):
    (tmp_path / "data").mkdir()
    source = sqlite3.connect(served.workdir / "data" / "ledger.db")
    database = sqlite3.connect(tmp_path / "data" / "ledger.db")
    source.backup(database)
    width = len(database.execute("PRAGMA table_info(line)").fetchall())
    database.executemany(f"INSERT INTO line VALUES ({','.join('?' * width)})",
                         random_lines(database, count, days, seed))
    database.commit()
    source.close()
    database.close()


@pytest.mark.parametrize("seed", range(4))
def test_any_ledger_adds_up(served, tmp_path, seed):
    fill(served, tmp_path, 300, days=4, seed=seed)
    for args in ((), ("--by", "hour"), ("--metadata", "session")):
        assert_same_sums(focus_file(tmp_path, *args), list(export(tmp_path).values()))
    some = [line for line in export(tmp_path).values() if "2026-11-26T06:30" <= line["time"] < "2026-11-28"]
    rows = focus_file(tmp_path, "--from", "2026-11-26T06:30", "--to", "2026-11-28")
    assert_same_sums(rows, some)
    starts = Counter(row["ChargePeriodStart"].isoformat() for row in rows)
    assert set(starts) == {"2026-11-26T06:30:00", "2026-11-27T00:00:00"}


def test_memory_does_not_grow_with_the_ledger(served, tmp_path):
    """A heap smaller than the ledger's lines is enough."""
    fill(served, tmp_path, 40_000, days=2, seed=9)
    assert (tmp_path / "data" / "ledger.db").stat().st_size > 12_000_000
    done = subprocess.run([str(FULCRUM), "ledger", "export", "--focus", "--out", str(tmp_path / "focus.csv"),
                           "--data", str(tmp_path / "data")], text=True, capture_output=True, check=False,
                          preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_DATA, (HEAP_BYTES, HEAP_BYTES)))
    assert done.returncode == 0, done.stderr
    assert focus.problems((tmp_path / "focus.csv").read_text()) == []

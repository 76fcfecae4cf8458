"""The ledger beside what the provider says: fake_provider.py counts for itself what it has served, and
`fulcrum ledger reconcile` has to find both equal, or name what is not: a request that went past Fulcrum, a reply that was
estimated, another price, a row of the report that is missing."""

import copy
import json
import os
import subprocess

import fake_reports
import pytest
from conftest import FULCRUM, Server
from fake_reports import ADMIN_KEY, PRICES
from upstream_fixture import KEY, PRICE, ask

CONFIG = """\
models: []
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    key_env: FAKE_KEY
    priced_by: openai
    tiers: [flex]
    models:
      - {{name: gpt, upstream_model: gpt-5.6-sol, price: {price}}}
      - {{name: small, upstream_model: gpt-5.6-luna, price: {price}}}
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    priced_by: anthropic
    models:
      - {{name: claude, upstream_model: claude-sonnet-4-6-20260301, price: {price}}}
  - name: br
    kind: bedrock
    url: {url}
    region: eu-central-1
    access_key: AKIDTEST
    key_env: FAKE_KEY
    models:
      - {{name: nova, upstream_model: "eu.amazon.nova-2-pro-v1:0", price: {price}}}
"""
TIME = ["--from", "2020-01-01", "--to", "2100-01-01"]
LONG = {"input": 3, "read": 0, "write": 30, "write_1h": 10, "output": 5}


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider):
    """Has answered some requests of each kind."""
    work = tmp_path_factory.mktemp("gateway")
    running = Server(config=CONFIG.format(url=provider.url, price=PRICE), workdir=work, env={"FAKE_KEY": KEY})
    client = running.client()
    provider.plan({"usage": LONG}, {}, {}, {"tier": "flex"}, {"status": 503}, {})
    for model, more in [("gpt", {}), ("gpt", {}), ("gpt", {}), ("gpt", {"serviceTier": {"type": "flex"}}), ("small", {}),
                        ("claude", {}), ("claude", {}), ("nova", {}), ("nova", {})]:
        client.converse(**ask(model, **more))
    assert len(provider.served) == 9
    yield running
    assert running.stop() == 0
    assert ADMIN_KEY not in running.log()


@pytest.fixture
def served(gateway, provider):
    del gateway
    provider.asked.clear()
    return copy.deepcopy(provider.served)


def run(gateway, provider, *arguments, key=ADMIN_KEY, admin="OPENAI_ADMIN_KEY", data=True):
    where = ["--config", str(gateway.workdir / "fulcrum.yaml"), *(["--data", str(gateway.workdir / "data")] if data else [])]
    done = subprocess.run([str(FULCRUM), "ledger", "reconcile", "--provider", provider, *where, *map(str, arguments)],
                          text=True, capture_output=True, timeout=60, check=False, env={**os.environ, admin: key})
    assert ADMIN_KEY not in done.stdout + done.stderr
    return done


def compare(gateway, provider, *arguments, **more):
    """Differences and conclusion."""
    done = run(gateway, provider, *arguments, "--json", **more)
    assert done.returncode in (0, 1), done.stderr
    *differences, conclusion = (json.loads(line) for line in done.stdout.splitlines())
    assert done.returncode == (1 if differences else 0)
    assert conclusion["conclusion"] == ("differs" if differences else "equal")
    assert conclusion["differences"] == len(differences)
    return differences, conclusion


def whys(differences):
    return {difference["why"] for difference in differences}


def of(served, api):
    return [one for one in served if one.api == api]


# --- equal -------------------------------------------------------------------------------------------------


def test_openai_equal_by_address(gateway, provider, served):
    """Two reports, asked for page by page; the first answer is a 429."""
    base = f"{provider.url}/v1/organization"
    _, conclusion = compare(gateway, "openai", f"{base}/usage/completions", f"{base}/costs", "--from", "2020-01-01")
    assert conclusion["differences"] == 0
    assert conclusion["requests"] == len(of(served, "openai")) == 5
    assert conclusion["requestsCounted"] == {"ledger": 5, "provider": 5}
    assert conclusion["costPicodollars"]["ledger"] == conclusion["costPicodollars"]["provider"] > 0
    assert provider.asked[0]["group_by[]"] == ["model", "batch", "service_tier"]
    assert provider.asked[0]["start_time"] == ["1577836800"]
    assert any(question.get("group_by[]") == ["line_item"] for question in provider.asked)


def test_anthropic_equal_by_address(gateway, provider, served):
    base = f"{provider.url}/v1/organizations"
    _, conclusion = compare(gateway, "anthropic", f"{base}/usage_report/messages", f"{base}/cost_report", "--from",
                            "2020-01-01", admin="ANTHROPIC_ADMIN_KEY")
    assert conclusion["differences"] == 0 and conclusion["requests"] == len(of(served, "anthropic"))
    assert provider.asked[0]["starting_at"] == ["2020-01-01T00:00:00.000Z"]


def test_bedrock_equal(gateway, served, tmp_path):
    """A compressed bill of 311 columns, whose names of models are others."""
    bill = tmp_path / "cur.csv.gz"
    bill.write_bytes(fake_reports.bedrock_cur(of(served, "bedrock"), {"eu.amazon.nova-2-pro-v1:0": "Nova2.0Pro"}))
    _, conclusion = compare(gateway, "bedrock-cur", bill)
    assert conclusion["differences"] == 0 and conclusion["requests"] == 2
    assert conclusion["costPicodollars"]["provider"] > 0


def test_table(gateway, served, tmp_path):
    """For people: what differs, what that means, and the conclusion."""
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    done = run(gateway, "openai", path)
    assert done.returncode == 0 and done.stdout.startswith("equal: ") and "requests: ledger 5, provider 5" in done.stdout
    served.append(fake_reports.Served("openai", "gpt-5.6-sol", LONG, time=served[0].time, key="key_other"))
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    done = run(gateway, "openai", path)
    assert done.returncode == 1
    head, row, *_ = done.stdout.splitlines()
    assert head.split() == ["period", "model", "figure", "tier", "ledger", "provider", "why"]
    assert row.split()[1:4] == ["gpt-5.6-sol", "inputTokens", "default"] and "missing-lines" in row
    assert "missing-lines: the provider counted requests" in done.stdout
    assert "differs: " in done.stdout.splitlines()[-1]


# --- what differs ------------------------------------------------------------------------------------------


def test_request_outside(gateway, provider, served, tmp_path):
    """Another program uses the account; told apart by its key, the rest is equal."""
    served.append(fake_reports.Served("openai", "gpt-5.6-sol", LONG, time=served[0].time, key="key_other"))
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    differences, conclusion = compare(gateway, "openai", path)
    assert whys(differences) == {"missing-lines"}
    assert conclusion["requestsCounted"] == {"ledger": 5, "provider": 6}
    requests = [one for one in differences if one["figure"] == "requests"]
    assert [(one["model"], one["tier"], one["ledger"], one["provider"]) for one in requests] == [
        ("gpt-5.6-sol", "default", 3, 4)]
    assert compare(gateway, "openai", path, "--key", "key_fulcrum")[1]["differences"] == 0
    url = f"{provider.url}/v1/organization/usage/completions"
    assert compare(gateway, "openai", url, "--from", "2020-01-01", "--key", "key_fulcrum", "--project",
                   "proj_1")[1]["differences"] == 0
    assert provider.asked[-1]["group_by[]"] == ["model", "batch", "service_tier", "project_id", "api_key_id"]
    done = run(gateway, "openai", path, "--key", "key_nobody")
    assert done.returncode == 2 and "nothing to compare: no row of usage of openai in that project" in done.stderr


def test_price(gateway, served, tmp_path):
    """The provider's output costs more than the price row says: the row is named, and both rates."""
    usage = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    costs = fake_reports.write(tmp_path / "costs.json",
                               fake_reports.openai_costs(of(served, "openai"), {**PRICES, "output": 12}))
    differences, _ = compare(gateway, "openai", usage, costs)
    assert whys(differences) == {"price"}
    found = [one for one in differences if one["figure"] == "costOutputPicodollars"]
    assert {one["model"] for one in found} == {"gpt-5.6-sol", "gpt-5.6-luna"}
    assert [(one["ledgerRate"], one["providerRate"]) for one in found if one["model"] == "gpt-5.6-luna"] == [
        (10 * 10**12, 12 * 10**12)]
    assert all(one["priceBook"] for one in found)
    assert not [one for one in differences if one["figure"] == "costInputPicodollars"]
    assert "dollars of output" in run(gateway, "openai", usage, costs).stdout
    differences, _ = compare(gateway, "openai", costs)
    assert whys(differences) == {"no-tokens"}


def test_retried(gateway, served, tmp_path):
    """A try failed here and was billed there: as many requests more as were tried again."""
    served.append(fake_reports.Served("openai", "gpt-5.6-luna", LONG, time=served[0].time))
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    differences, _ = compare(gateway, "openai", path)
    assert whys(differences) == {"retried"} and {one["triedAgain"] for one in differences} == {1}


def test_tier(gateway, served, tmp_path):
    """Served, and billed, in another tier than the reply said."""
    for one in served:
        one.tier = "default"
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    differences, _ = compare(gateway, "openai", path)
    assert whys(differences) == {"tier"} and {one["tier"] for one in differences} == {"default", "flex"}


def test_cache_class(gateway, served, tmp_path):
    """Read at the provider, fresh in the ledger: the prompt is as long."""
    claude = of(served, "anthropic")
    claude[0].usage = {**claude[0].usage, "read": claude[0].usage["read"] + 10, "input": claude[0].usage["input"] - 10}
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.anthropic_usage(claude))
    differences, _ = compare(gateway, "anthropic", path)
    assert whys(differences) == {"cache-class"} and len(differences) == 2


def test_missing_in_report(gateway, served, tmp_path):
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(
        [one for one in of(served, "openai") if one.model == "gpt-5.6-sol"]))
    differences, _ = compare(gateway, "openai", path)
    assert whys(differences) == {"missing-in-report"} and {one["model"] for one in differences} == {"gpt-5.6-luna"}


def test_tolerance_and_same(gateway, served, tmp_path):
    claude = of(served, "anthropic")
    claude[0].usage = {**claude[0].usage, "output": claude[0].usage["output"] + 1}
    for one in claude:
        one.model = "the-big-one"
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.anthropic_usage(claude))
    differences, _ = compare(gateway, "anthropic", path)
    assert whys(differences) == {"missing-lines", "missing-in-report"}
    differences, _ = compare(gateway, "anthropic", path, "--same", "the-big-one=claude")
    assert [(one["figure"], one["ledger"], one["provider"]) for one in differences] == [("outputTokens", 14, 15)]
    assert compare(gateway, "anthropic", path, "--same", "the-big-one=claude", "--tolerance", "7")[1]["differences"] == 0


def test_estimated(gateway, provider, served, tmp_path):
    """A reply without usage: the ledger estimates it, and says that it does."""
    provider.plan({"no_usage": True})
    gateway.client().converse(**ask("small"))
    served.append(copy.deepcopy(provider.served[-1]))
    path = fake_reports.write(tmp_path / "usage.json", fake_reports.openai_usage(of(served, "openai")))
    differences, _ = compare(gateway, "openai", path)
    assert whys(differences) == {"estimated"} and {one["model"] for one in differences} == {"gpt-5.6-luna"}
    assert {one["estimated"] for one in differences} == {1}
    assert "[1 estimated" in run(gateway, "openai", path).stdout


# --- what can't be compared --------------------------------------------------------------------------------


@pytest.mark.parametrize(("bytes_", "words"), [
    (b"PAR1\x15\x04", "Parquet"),
    (b"PK\x03\x04....", "ZIP"),
    (b"", "empty"),
    (b'{"no": "data"}', "data: expected the list of buckets"),
    (b'{"data": [{}]}', "data[0]: expected start_time"),
    (b"a,b\n1,2\n", "expected a column start_time"),
    (b'{"data": [', "line 1"),
    (b'{"data": []}', "nothing to compare"),
])
def test_no_report(gateway, tmp_path, bytes_, words):
    path = tmp_path / "report"
    path.write_bytes(bytes_)
    done = run(gateway, "openai", path)
    assert done.returncode == 2 and words in done.stderr, done.stderr


def test_refused(gateway, provider, served, tmp_path):
    del served
    url = f"{provider.url}/v1/organization/usage/completions"
    asked = [
        (("openai", url, "--from", "2020-01-01"), {"key": ""}, "OPENAI_ADMIN_KEY: expected the provider's key"),
        (("openai", url), {}, "--from: expected the time"),
        (("openai", "http://example.com/v1", *TIME), {}, "expected https://"),
        (("openai", tmp_path / "none"), {}, "none: No such file"),
        (("nobody", "-"), {}, "--provider: expected openai"),
        (("openai",), {}, "expected the provider's report"),
        (("openai", "-", "--by", "week"), {}, "--by: expected day or hour"),
        (("openai", "-", "--from", "2020-01-01T05:00"), {}, "--from: expected the beginning of a day"),
        (("openai", "-", "--tolerance", "x"), {}, "--tolerance: expected percent"),
        (("bedrock-cur", "-", "--key", "k"), {}, "--key: expected none"),
        (("openai", "-", "--same", "x"), {}, "--same: expected pairs"),
    ]
    for arguments, more, words in asked:
        done = run(gateway, *arguments, **more)
        assert done.returncode == 2 and words in done.stderr, (arguments, done.stderr)
    done = run(gateway, "openai", url, *TIME, key="sk-wrong-key-that-comes-back")
    assert done.returncode == 2 and "HTTP 401" in done.stderr and "sk-wrong" not in done.stderr
    done = run(gateway, "openai", url, *TIME, "--by", "hour")
    assert done.returncode == 2 and "its buckets are longer than an hour" in done.stderr

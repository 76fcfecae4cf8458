"""Models of providers are priced as their providers list them, not as Bedrock does."""

import os
import subprocess

import pytest

from conftest import FULCRUM, Server
from fake_provider import FakeProvider
from upstream_fixture import KEY, ask, line_of, lines, post

CONFIG = """\
models: []
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    key_env: FAKE_KEY
    priced_by: openai
    tiers: [flex, priority, ultrafast]
    models:
      - {{name: sol, upstream_model: gpt-6.1-sol}}
      - {{name: own, upstream_model: gpt-6.1-sol, price: {{input: 1, output: 1}}}}
      - {{name: unknown, upstream_model: gpt-of-tomorrow}}
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    priced_by: anthropic
    models:
      - {{name: opus, upstream_model: claude-opus-5-5}}
  - name: local
    kind: openai
    url: {url}/v1
    models:
      - {{name: qwen, upstream_model: qwen}}
"""
COUNTS = {"input": 11, "read": 100, "write": 20, "write_1h": 5, "output": 7}


@pytest.fixture(scope="module")
def provider():
    with FakeProvider() as running:
        running.default = {"usage": COUNTS}
        yield running


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider):
    running = Server(config=CONFIG.format(url=provider.url), workdir=tmp_path_factory.mktemp("prices"),
                     env={"FAKE_KEY": KEY})
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("model, tier, row, cost", [
    # 11 x 2,000,000 + 100 x 100,000 + 15 x 2,500,000 + 5 x 5,000,000 + 7 x 10,000,000 picodollars
    ("sol", "default", "providers@2026-11-30/openai/gpt-6.1-sol/global", 164_500_000),
    ("sol", "flex", "providers@2026-11-30/openai/gpt-6.1-sol/global", 82_250_000),
    ("sol", "priority", "providers@2026-11-30/openai/gpt-6.1-sol/global", 329_000_000),
    # 11 x 4,000,000 + 100 x 200,000 + 15 x 5,000,000 + 5 x 8,000,000 + 7 x 20,000,000
    ("opus", "default", "providers@2026-11-30/anthropic/claude-opus-5-5/global", 319_000_000),
    ("unknown", "default", "unpriced", 0),
    ("qwen", "default", "unpriced", 0)])
def test_costs(gateway, model, tier, row, cost):
    reply = gateway.client().converse(**ask(model, serviceTier={"type": tier}))
    line = line_of(gateway, reply)
    assert (line["priceBook"], line["costPicodollars"], line["tier"]) == (row, cost, tier)
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cost"] == str(cost)


def chat(gateway, provider, model, path="/v1/chat/completions"):
    """The tier that is told, the one that the provider was asked for, and the line."""
    provider.plan()
    said = {"input": "hello", "store": False} if path.endswith("responses") else \
        {"messages": [{"role": "user", "content": "hello"}]}
    _, reply = post(gateway, path, {"model": model, "service_tier": "ultrafast", **said})
    return reply["service_tier"], provider.requests[0].body.get("service_tier"), lines(gateway)[-1]


@pytest.mark.parametrize("path", ["/v1/chat/completions", "/v1/responses"])
@pytest.mark.parametrize("model, cost", [
    # 11 x 12,000,000 + 100 x 600,000 + 20 x 15,000,000 + 7 x 60,000,000: its own row
    ("sol", 6 * (11 * 2_000_000 + 100 * 100_000 + 20 * 2_500_000 + 7 * 10_000_000)),
    ("own", 6 * (11 + 100 + 20 + 7) * 1_000_000)])  # cached tokens as others, where its price does not say
def test_the_dearest_tier_where_it_is_sold(gateway, provider, path, model, cost):
    provider.default = {"usage": {**COUNTS, "write_1h": 0}}
    told, asked, line = chat(gateway, provider, model, path)
    assert (told, asked, line["tier"]) == ("ultrafast", "ultrafast", "ultrafast")
    assert line["costPicodollars"] == cost and line["savedTier"] < 0
    assert line["baselinePicodollars"] - sum(
        line[f"saved{lever}"] for lever in ("Route", "Distill", "Cache", "Tier", "Shadow", "Response")) == cost
    provider.default = {"usage": COUNTS}


def test_the_dearest_tier_where_it_is_not_sold(gateway, provider):
    told, asked, line = chat(gateway, provider, "qwen")
    assert (told, asked, line["tier"]) == ("default", None, "default")


def test_the_dearest_tier_that_was_not_had(gateway, provider):
    """What the provider says it has served in is charged."""
    provider.default = {"usage": COUNTS, "tier": "default"}
    line = chat(gateway, provider, "sol")[2]
    assert (line["tier"], line["costPicodollars"]) == ("default", 164_500_000)
    provider.default = {"usage": COUNTS}


def test_what_is_not_listed_is_said_at_the_start(gateway):
    said = [line for line in gateway.log().splitlines() if "price list of a model's provider does not have it" in line]
    assert len(said) == 1 and "unknown" in said[0] and "openai" in said[0]


def test_check_config_tells_the_price_of_each(gateway):
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(gateway.workdir / "fulcrum.yaml")], text=True,
                          capture_output=True, check=True, env={**os.environ, "FAKE_KEY": KEY})
    said = [line for line in done.stdout.splitlines() if line.startswith("price: ")]
    assert said[0] == "price: sol (gpt-6.1-sol of upstream oa) costs as providers@2026-11-30/openai/gpt-6.1-sol/global"
    assert said[1].startswith("price: own (gpt-6.1-sol of upstream oa) costs as fulcrum.yaml@")
    assert said[2] == ("price: unknown (gpt-of-tomorrow of upstream oa) unpriced: the list of openai does not have it; "
                       "give it price or price_as")
    assert said[3].endswith(" costs as providers@2026-11-30/anthropic/claude-opus-5-5/global")
    assert said[4] == ("price: qwen (qwen of upstream local) unpriced: its requests cost nothing; give it price or "
                       "price_as")


@pytest.mark.parametrize("kind, url, expected", [
    ("openai", None, "openai/gpt-5.5"), ("anthropic", None, "anthropic/claude-opus-5-5"),
    ("openai", "https://API.DeepSeek.com/v1", "deepseek/deepseek-v4-flash"),
    ("openai", "https://api.x.ai:443/v1", "xai/grok-4.20")])
def test_whose_list_it_is_follows_from_the_url(tmp_path, kind, url, expected):
    model = expected.split("/", 1)[1]
    at = f"url: {url!r}, " if url else ""
    (tmp_path / "f.yaml").write_text(f"models: []\nupstreams:\n  - {{name: up, kind: {kind}, key_env: FAKE_KEY, {at}"
                                     f"models: [{{name: m, upstream_model: '{model}'}}]}}\n")
    done = subprocess.run([str(FULCRUM), "check-config", "--config", "f.yaml"], cwd=tmp_path, text=True,
                          capture_output=True, check=True, env={**os.environ, "FAKE_KEY": KEY})
    assert f" costs as providers@2026-11-30/{expected}/global" in done.stdout

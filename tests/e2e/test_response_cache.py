"""The response cache: the same request gets the same answer again, from all three APIs, for nothing, for one tenant
alone, as long as it may. Providers are fake_provider.py, whose requests are counted: a hit asks nobody."""

import hashlib
import json
import subprocess

import boto3
import botocore.config
import openai
import pytest

from conftest import FULCRUM, OPERATOR, Server, metrics, wait_until
from keys_fixture import by_anthropic, by_openai
from upstream_fixture import KEY, PRICE, lines, post

CONFIG = """\
models:
  - {{name: tiny, path: {path}, context: 2048, price: {{input: 1, output: 2}}, response_cache: {{ttl: 1h}}}}
  - {{name: other, path: {path}, context: 2048, price: {{input: 1, output: 2}}}}
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    key_env: FAKE_KEY
    models:
      - {{name: gpt, upstream_model: gpt-real, price: {price}, response_cache: {{ttl: 1h}}}}
      - {{name: brief, upstream_model: gpt-real, price: {price}, response_cache: {{ttl: 200}}}}
      - {{name: all, upstream_model: gpt-real, price: {price}, response_cache: {{ttl: 1h, tools: true, sampled: true}}}}
      - {{name: plain, upstream_model: gpt-real, price: {price}}}
      - {{name: never, upstream_model: gpt-real, price: {price}, response_cache: {{ttl: 0s}}}}
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    models:
      - {{name: claude, upstream_model: claude-real, ids: [anthropic.claude-test], price: {price},
          response_cache: {{ttl: 1h}}}}
  - name: br
    kind: bedrock
    url: {url}
    region: eu-central-1
    access_key: AKIDTEST
    key_env: FAKE_KEY
    models:
      - {{name: nova, upstream_model: "nova-real:0", ids: [amazon.nova-test], price: {price},
          response_cache: {{ttl: 1h}}}}
routers:
  - {{name: auto, models: [tiny, other], tolerance: 0.05, response_cache: {{ttl: 1h}}}}
tenants:
  - {{name: acme, bearer: [{acme}], keys: [{{id: AKIDACME, secret: acme-secret}}]}}
  - {{name: globex, bearer: [{globex}], response_cache: {{ttl: 1h}}}}
"""
HEADER = "x-fulcrum-response-cache"
# The newer version of Anthropic's API takes no temperature, and its SDK has no word for it.
GREEDY = {"extra_body": {"temperature": 0}, "extra_headers": {"anthropic-version": "2023-06-01"}}
TOOL = {"type": "function", "function": {"name": "look", "parameters": {"type": "object", "properties": {}}}}


def sha(text):
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.fixture(scope="module")
def gateway(tmp_path_factory, provider, random_model):
    config = CONFIG.format(path=random_model, url=provider.url, price=PRICE, acme=sha("acme-key"),
                           globex=sha("globex-key")) + OPERATOR
    running = Server(config=config, workdir=tmp_path_factory.mktemp("recall"), env={"FAKE_KEY": KEY})
    yield running
    assert running.stop() == 0


@pytest.fixture(autouse=True)
def fresh(provider):
    provider.plan()
    provider.default = {}


def chat(gateway, text, model="gpt", key="acme-key", headers=None, **more):
    """Header and body of a chat completion at temperature 0."""
    body = {"model": model, "temperature": 0, "max_tokens": 20, "messages": [{"role": "user", "content": text}], **more}
    reply, answer = post(gateway, "/v1/chat/completions", body, authorization=f"Bearer {key}", **(headers or {}))
    assert reply.status == 200, answer
    return reply.getheader(HEADER), answer


def same(first, second):
    """Whole replies, but for what names the reply itself."""
    return [{name: value for name, value in reply.items() if name not in ("id", "created")} for reply in (first, second)]


def last_line(gateway):
    return max(lines(gateway), key=lambda line: line["time"])


# --- each API, whole and streamed ---------------------------------------------------------------------


def test_openai_gets_the_same_again(gateway, provider):
    client = by_openai(gateway, "acme-key")
    asked = {"model": "gpt", "temperature": 0, "messages": [{"role": "user", "content": "openai, twice"}]}
    first = client.chat.completions.with_raw_response.create(**asked)
    again = client.chat.completions.with_raw_response.create(**asked)
    assert first.headers[HEADER] == "miss" and again.headers[HEADER].startswith("hit; age=")
    assert len(provider.requests) == 1
    one, two = same(first.parse().model_dump(), again.parse().model_dump())
    assert one == two and first.parse().id != again.parse().id
    assert first.headers["x-fulcrum-cost"] != "0" and again.headers["x-fulcrum-cost"] == "0"
    assert again.headers["x-fulcrum-model"] == "gpt" and "x-fulcrum-cache" not in again.headers
    stream = client.chat.completions.create(**asked, stream=True, stream_options={"include_usage": True})
    chunks = list(stream)
    assert "".join(chunk.choices[0].delta.content or "" for chunk in chunks if chunk.choices) == \
        first.parse().choices[0].message.content
    assert [chunk.usage for chunk in chunks if chunk.usage][-1] == first.parse().usage
    assert len(provider.requests) == 1


def test_anthropic_gets_the_same_again(gateway, provider):
    client = by_anthropic(gateway, "acme-key")
    asked = {"model": "claude", **GREEDY, "max_tokens": 30,
             "messages": [{"role": "user", "content": "anthropic, twice"}]}
    with client.messages.stream(**asked) as stream:  # the stream comes first here
        text = "".join(stream.text_stream)
        final = stream.get_final_message()
    again = client.messages.with_raw_response.create(**asked)
    assert again.headers[HEADER].startswith("hit; age=")
    message = again.parse()
    assert message.content[0].text == text and message.stop_reason == final.stop_reason
    assert message.usage.output_tokens == final.usage.output_tokens
    assert len(provider.requests) == 1


def test_bedrock_gets_the_same_again(gateway, provider):
    client = boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=gateway.url,
                          aws_access_key_id="AKIDACME", aws_secret_access_key="acme-secret",
                          config=botocore.config.Config(retries={"max_attempts": 0}))
    asked = {"modelId": "amazon.nova-test", "inferenceConfig": {"temperature": 0, "maxTokens": 30},
             "messages": [{"role": "user", "content": [{"text": "bedrock, twice"}]}]}
    first, again = client.converse(**asked), client.converse(**asked)
    assert again["ResponseMetadata"]["HTTPHeaders"][HEADER].startswith("hit; age=")
    assert [again[name] for name in ("output", "stopReason", "usage")] == \
        [first[name] for name in ("output", "stopReason", "usage")]
    reply = client.converse_stream(**asked)
    assert reply["ResponseMetadata"]["HTTPHeaders"][HEADER].startswith("hit; age=")
    text = "".join(event.get("contentBlockDelta", {}).get("delta", {}).get("text", "") for event in reply["stream"])
    assert text == first["output"]["message"]["content"][0]["text"]
    assert len(provider.requests) == 1


def test_apis_are_apart(gateway, provider):
    """What may reach a provider as it came is a part of the key."""
    chat(gateway, "two APIs")
    client = by_anthropic(gateway, "acme-key")
    client.messages.create(model="gpt", max_tokens=20, **GREEDY,
                           messages=[{"role": "user", "content": "two APIs"}])
    assert len(provider.requests) == 2


def test_models_of_our_own_and_routers(gateway):
    for model in ("tiny", "auto"):
        first, one = chat(gateway, "a local answer", model)
        again, two = chat(gateway, "a local answer", model)
        assert first == "miss" and again.startswith("hit; age=")
        assert same(one, two)[0] == same(one, two)[1]
    line = last_line(gateway)
    assert (line["router"], line["attempts"], line["costPicodollars"]) == ("response-cache", 0, 0)


# --- who shares what ----------------------------------------------------------------------------------


def test_tenants_are_apart(gateway, provider):
    assert chat(gateway, "whose is it")[0] == "miss"
    assert chat(gateway, "whose is it", key="globex-key")[0] == "miss"
    assert chat(gateway, "whose is it", key="globex-key")[0].startswith("hit")
    assert len(provider.requests) == 2


def test_a_tenant_may_have_it_everywhere_but_where_it_is_off(gateway, provider):
    for key, model, expected in (("globex-key", "plain", "hit; age=0"), ("globex-key", "never", None),
                                 ("acme-key", "plain", None)):
        provider.plan()
        chat(gateway, "by default", model, key)
        assert chat(gateway, "by default", model, key)[0] == expected
        assert len(provider.requests) == (1 if expected else 2)


@pytest.mark.parametrize("change", [
    {"max_tokens": 21}, {"seed": 4}, {"stop": ["END"]}, {"top_p": 0.5}, {"frequency_penalty": 1},
    {"response_format": {"type": "json_object"}}, {"a_member_of_tomorrow": 1},
    {"messages": [{"role": "user", "content": "Changed"}]},
    {"messages": [{"role": "user", "content": "changed", "name": "ada"}]},
    {"messages": [{"role": "system", "content": "x"}, {"role": "user", "content": "changed"}]}])
def test_another_request_is_another_answer(gateway, provider, change):
    chat(gateway, "changed")
    provider.plan()
    assert chat(gateway, "changed", **change)[0] == "miss"
    assert chat(gateway, "changed", **change)[0].startswith("hit")
    assert len(provider.requests) == 1


def test_who_asks_in_what_conversation_does_not_matter(gateway, provider):
    chat(gateway, "who", user="ada", metadata={"session": "1"})
    assert chat(gateway, "who", user="bob", metadata={"session": "2"}, prompt_cache_key="k")[0].startswith("hit")
    assert len(provider.requests) == 1


# --- what is never answered again ---------------------------------------------------------------------


@pytest.mark.parametrize("more, reason", [
    ({"temperature": 0.5}, "sampled"), ({"temperature": None}, "sampled"), ({"tools": [TOOL]}, "tools"),
    ({"logprobs": True}, "verbatim")])
def test_what_is_passed_over(gateway, provider, more, reason):
    for _ in range(2):
        assert chat(gateway, "passed", **more)[0] == f"pass; reason={reason}"
    assert len(provider.requests) == 2


def test_a_route_may_ask_for_tools_and_samples(gateway, provider):
    for more in ({"temperature": 0.5}, {"tools": [TOOL]}):
        provider.plan()
        assert chat(gateway, "asked for", "all", **more)[0] == "miss"
        assert chat(gateway, "asked for", "all", **more)[0].startswith("hit")
        assert len(provider.requests) == 1


def test_replies_that_are_kept_are_not_shared(gateway, provider):
    client = by_openai(gateway, "acme-key")

    def respond(**more):
        return client.responses.with_raw_response.create(model="gpt", temperature=0, input="respond", **more)

    first = respond()
    assert first.headers[HEADER] == "pass; reason=stateful"
    assert respond(store=False).headers[HEADER] == "miss"
    again = respond(store=False)
    assert again.headers[HEADER].startswith("hit") and again.parse().output_text == first.parse().output_text
    assert respond(store=False, previous_response_id=first.parse().id).headers[HEADER] == "pass; reason=stateful"


def test_what_failed_or_was_filtered_is_not_kept(gateway, provider):
    provider.plan({"status": 400})
    reply, _ = post(gateway, "/v1/chat/completions",
                    {"model": "gpt", "temperature": 0, "messages": [{"role": "user", "content": "fails"}]},
                    authorization="Bearer acme-key")
    assert reply.status == 400
    assert chat(gateway, "fails")[0] == "miss"
    provider.plan({"stop": "filter"}, {"stop": "filter"})
    for _ in range(2):
        assert chat(gateway, "filtered")[0] == "miss"
    assert len(provider.requests) == 2


def test_a_stream_that_broke_off_is_not_kept(gateway, provider):
    provider.plan({"cut": 900})
    client = by_openai(gateway, "acme-key")
    asked = {"model": "gpt", "temperature": 0, "max_tokens": 20, "messages": [{"role": "user", "content": "cut"}]}
    try:
        list(client.chat.completions.create(**asked, stream=True))
    except openai.APIError:
        pass
    assert chat(gateway, "cut")[0] == "miss"


def test_nothing_is_given_after_its_time(gateway, provider):
    assert chat(gateway, "brief", "brief")[0] == "miss"
    assert wait_until(lambda: chat(gateway, "brief", "brief")[0] == "miss")
    assert len(provider.requests) == 2


def test_a_client_may_pass_it_by(gateway, provider):
    chat(gateway, "control")
    assert chat(gateway, "control", headers={"cache-control": "no-cache"})[0] == "pass; reason=no-cache"
    assert chat(gateway, "control", headers={"cache-control": "max-age=3600"})[0].startswith("hit")
    assert chat(gateway, "unkept", headers={"cache-control": "private, no-store"})[0] == "pass; reason=no-store"
    assert chat(gateway, "unkept")[0] == "miss"
    assert len(provider.requests) == 4


# --- money --------------------------------------------------------------------------------------------


def test_a_hit_is_billed_as_its_own_lever(gateway):
    before = metrics(gateway)
    chat(gateway, "money")
    first = last_line(gateway)
    assert chat(gateway, "money")[0].startswith("hit")
    line = last_line(gateway)
    assert line["requestId"] != first["requestId"] and line["costPicodollars"] == 0 < first["costPicodollars"]
    assert line["baselinePicodollars"] == first["baselinePicodollars"]
    assert line["savedResponse"] == first["costPicodollars"] and first["savedResponse"] == 0
    assert line["savedCache"] == first["savedCache"] and line["attempts"] == 0
    saved = sum(line[f"saved{lever}"] for lever in ("Route", "Distill", "Cache", "Tier", "Shadow", "Response"))
    assert saved == line["baselinePicodollars"] - line["costPicodollars"]
    after = metrics(gateway)
    for name in ("hits", "misses"):
        assert after[f"fulcrum_response_cache_{name}_total"] == before[f"fulcrum_response_cache_{name}_total"] + 1
    assert after["fulcrum_response_cache_entries"] == before["fulcrum_response_cache_entries"] + 1
    saved = 'fulcrum_saved_picodollars_total{model="gpt",lever="response"}'
    assert after[saved] == before.get(saved, 0) + line["savedResponse"]


def test_the_ledgers_sums_agree(gateway):
    def run(*args):
        done = subprocess.run([str(FULCRUM), "ledger", *args, "--data", str(gateway.workdir / "data")], text=True,
                              capture_output=True, check=False)
        assert done.returncode == 0, done.stderr
        return done.stdout

    levers = {row["lever"]: row for row in map(json.loads, run("summary", "--by", "lever", "--json").splitlines())}
    all_lines = lines(gateway)
    assert levers["response"]["savedPicodollars"] == sum(line["savedResponse"] for line in all_lines) > 0
    assert levers["total"]["savedPicodollars"] == \
        sum(line["baselinePicodollars"] - line["costPicodollars"] for line in all_lines)
    run("check")


def test_check_config_knows_the_keys(tmp_path):
    def check(cache):
        (tmp_path / "fulcrum.yaml").write_text(
            f"upstreams: [{{name: a, kind: openai, models: [{{name: b, response_cache: {cache}}}]}}]\nmodels: []\n")
        return subprocess.run([str(FULCRUM), "check-config", "--config", str(tmp_path / "fulcrum.yaml")], text=True,
                              capture_output=True, check=False)

    assert check("{ttl: 10m, tools: true}").returncode == 0
    for cache, message in (("{tools: true}", "ttl"), ("{ttl: 99d}", "ttl"), ("{ttl: 1h, tool: true}", "tool")):
        done = check(cache)
        assert done.returncode != 0 and f"response_cache" in done.stderr and message in done.stderr, done.stderr

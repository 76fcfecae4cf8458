"""Batches of all three APIs whose model lives at a provider that sells batches: they go there as its own, once, and come
back; through faults of the provider and kills of the gateway."""

import hashlib
import json
import signal

import pytest

import batch_fixture as batch
from conftest import Server, wait_until
from fake_provider import FakeProvider
from test_ledger import export
from test_message_batches import results as message_results
from test_message_batches import wait_for as wait_for_messages
from test_messages import client as anthropic_client
from test_openai import client as openai_client
from test_openai_batches import line, read, submit
from test_openai_batches import wait_for as wait_for_batch

CONFIG = """\
models: []
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    batch: true
    models:
      - {{name: gpt, upstream_model: gpt-real, price: {{input: 4, cache_read: 1, cache_write_5m: 5, output: 10}}}}
  - name: an
    kind: anthropic
    url: {url}
    batch: true
    models:
      - {{name: claude, upstream_model: claude-real,
          price: {{input: 4, cache_read: 1, cache_write_5m: 5, output: 10}}}}
  - name: none
    kind: openai
    url: {url}/v1
    models:
      - {{name: plain, upstream_model: plain-real, price: {{input: 4, output: 10}}}}
limits: {{batch_relay_records: 3, batch_relay_poll_ms: 50, batch_relay_poll_max_ms: 200}}
"""
FULL = (11 * 4 + 100 * 1 + 20 * 5 + 7 * 10) * 1000000  # picodollars of a reply at standard price
COUNT = 8
MODELS = ["gpt", "claude"]


@pytest.fixture
def provider():
    with FakeProvider() as running:
        yield running


def begin(path, provider, **options):
    return Server(config=CONFIG.format(url=provider.url), workdir=path, **options)


def again(server, path, provider):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait()
    return begin(path, provider)


def chat(text, model):
    return {"model": model, "max_tokens": 50, "messages": [{"role": "user", "content": text}]}


def ask(server, model, count=COUNT):
    api = openai_client(server)
    return api, submit(api, [line(f"r{i}", chat(f"text {i}", model)) for i in range(count)])


def text_of(row):
    return row["response"]["body"]["choices"][0]["message"]["content"]


def check(server, api, made, count=COUNT, relayed=COUNT, cost=FULL // 2):
    """All are there once, each with its line; those that came in a batch at half price."""
    done = wait_for_batch(api, made)
    assert done.status == "completed" and done.request_counts.completed == count
    rows = read(api, done.output_file_id)
    assert sorted(rows) == sorted(f"r{i}" for i in range(count))
    lines = list(export(server).values())
    assert len(lines) == count
    cheap = [line for line in lines if line["tier"] == "batch"]
    assert len(cheap) == relayed and {line["costPicodollars"] for line in cheap} <= {cost}
    return rows


def requests_of(provider):
    return [request for request in provider.requests if request.method == "POST"]


@pytest.mark.parametrize("model", MODELS)
def test_openai_batches(tmp_path, provider, model):
    server = begin(tmp_path, provider)
    rows = check(server, *ask(server, model))
    assert {id: text_of(row) for id, row in rows.items()} == {f"r{i}": f"Re: text {i}" for i in range(COUNT)}
    usage = rows["r0"]["response"]["body"]["usage"]
    assert (usage["prompt_tokens"], usage["completion_tokens"]) == (131, 7)
    made = list(provider.batches.made.values())
    assert len(made) == 1 and len(made[0]["records"]) == COUNT and not requests_of(provider)
    assert {body["model"] for _, body in made[0]["records"]} == {f"{model}-real"}
    assert not any(body.get("stream") for _, body in made[0]["records"])
    lines = export(server).values()
    assert {line["provider"] for line in lines} == {"oa" if model == "gpt" else "an"}
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
def test_batches_of_messages(tmp_path, provider, model):
    server = begin(tmp_path, provider)
    api = anthropic_client(server)
    made = api.messages.batches.create(requests=[
        {"custom_id": f"r{i}", "params": chat(f"text {i}", model)} for i in range(COUNT)])
    done = wait_for_messages(api, made)
    assert done.request_counts.succeeded == COUNT
    for id, result in message_results(api, done).items():
        assert result.message.content[0].text == f"Re: text {id[1:]}"
        assert (result.message.usage.input_tokens, result.message.usage.cache_read_input_tokens) == (11, 100)
    assert len(provider.batches.made) == 1 and not requests_of(provider)
    assert {line["costPicodollars"] for line in export(server).values()} == {FULL // 2}
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
def test_jobs_of_bedrock(tmp_path, provider, model):
    server = begin(tmp_path, provider)
    store, control = batch.Store(server), server.client("bedrock")
    job = batch.submit(control, store, batch.records(batch.converse(f"text {i}") for i in range(COUNT)), model=model)
    assert batch.wait_for(control, job)["status"] == "Completed"
    rows = store.output(job, "in.jsonl")
    assert [row["modelOutput"]["output"]["message"]["content"][0]["text"] for row in rows] == [
        f"Re: text {i}" for i in range(COUNT)]
    assert len(provider.batches.made) == 1 and not requests_of(provider)
    assert {line["costPicodollars"] for line in export(server).values()} == {FULL // 2}
    assert server.stop() == 0


def test_a_batch_of_several_models(tmp_path, provider):
    server = begin(tmp_path, provider)
    api = openai_client(server)
    made = submit(api, [line(f"r{i}", chat(f"text {i}", (MODELS + ["plain"])[i % 3])) for i in range(12)])
    done = wait_for_batch(api, made)
    assert done.request_counts.completed == 12 and len(provider.batches.made) == 2
    assert [request.body["model"] for request in requests_of(provider)] == ["plain-real"] * 4
    assert {line["tier"]: line["provider"] for line in export(server).values() if line["provider"] == "none"} == {
        "default": "none"}
    assert server.stop() == 0


def test_small_batches_are_asked_one_by_one(tmp_path, provider):
    server = begin(tmp_path, provider)
    api, made = ask(server, "gpt", 2)
    assert wait_for_batch(api, made).request_counts.completed == 2
    assert not provider.batches.made and len(requests_of(provider)) == 2
    assert {(line["tier"], line["costPicodollars"]) for line in export(server).values()} == {("default", FULL)}
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind, what", [
    ("create", {"cut": True}), ("create", {"status": 500}), ("create", {"status": 429, "headers": {"retry-after": "1"}}),
    ("get", {"cut": True}), ("get", {"status": 503}), ("results", {"cut": 700}), ("results", {"status": 500})])
def test_faults_cost_nothing(tmp_path, provider, model, kind, what):
    provider.batches.fault(kind, **what)
    server = begin(tmp_path, provider)
    check(server, *ask(server, model))
    assert len(provider.batches.made) == 1 and provider.batches.count(kind) == (1 if what.get("cut") is True and
                                                                                kind == "create" else 2)
    assert not requests_of(provider)
    assert server.stop() == 0


def test_uploads_come_again(tmp_path, provider):
    provider.batches.fault("upload", cut=True)
    server = begin(tmp_path, provider)
    check(server, *ask(server, "gpt"))
    assert len(provider.batches.made) == 1 and provider.batches.count("upload") == 2
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
def test_what_expires_there_is_asked_once(tmp_path, provider, model):
    provider.batches.expired = {1, 4}
    server = begin(tmp_path, provider)
    api, made = ask(server, model)
    check(server, api, made, relayed=COUNT - 2)
    assert len(requests_of(provider)) == 2 and len(provider.batches.made) == 1
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
def test_what_is_refused_there_is_an_error(tmp_path, provider, model):
    provider.batches.refused = {2}
    server = begin(tmp_path, provider)
    api, made = ask(server, model)
    done = wait_for_batch(api, made)
    assert (done.request_counts.completed, done.request_counts.failed) == (COUNT - 1, 1)
    error = next(iter(read(api, done.error_file_id).values()))["response"]
    assert error["status_code"] == 400 and error["body"]["error"]["message"] == "it is wrong"
    assert not requests_of(provider) and len(export(server)) == COUNT - 1
    assert server.stop() == 0


def test_a_provider_that_wants_none_gets_requests(tmp_path, provider):
    provider.batches.fault("create", status=400)
    server = begin(tmp_path, provider)
    api, made = ask(server, "claude")
    assert wait_for_batch(api, made).request_counts.completed == COUNT
    assert len(requests_of(provider)) == COUNT and not provider.batches.made
    assert server.stop() == 0


@pytest.mark.parametrize("day, is_relayed", [("1", True), ("0.0035", False)])
def test_budgets_hold(tmp_path, provider, day, is_relayed):
    """A batch goes there only where all that it may cost is left; else its requests go one by one."""
    tenant = "tenants:\n  - {name: shop, bearer: [%s], budgets: {day: %s}}\n" % (
        hashlib.sha256(b"any").hexdigest(), day)
    server = Server(config=CONFIG.format(url=provider.url) + tenant, workdir=tmp_path)
    api, made = ask(server, "gpt")
    check(server, api, made, relayed=COUNT if is_relayed else 0)
    assert len(provider.batches.made) == is_relayed
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
def test_cancelling_is_passed_on(tmp_path, provider, model):
    provider.batches.polls = 10**6
    server = begin(tmp_path, provider)
    api, made = ask(server, model)
    assert wait_until(lambda: provider.batches.count("get") > 0, 60)
    api.batches.cancel(made.id)
    done = wait_for_batch(api, made)
    assert done.status == "cancelled" and done.request_counts.completed == COUNT // 2
    assert provider.batches.count("cancel") == 1 and not requests_of(provider)
    assert len(read(api, done.output_file_id)) == len(read(api, done.error_file_id)) == COUNT // 2
    assert [line["costPicodollars"] for line in export(server).values()] == [FULL // 2] * (COUNT // 2)
    assert server.stop() == 0


@pytest.mark.parametrize("model", MODELS)
@pytest.mark.parametrize("kind", ["create", "get", "results"])
def test_kills_lose_and_repeat_nothing(tmp_path, provider, model, kind):
    """The gateway is killed when the provider has done what it was asked, and has not said so."""
    provider.batches.polls = 2
    for _ in range(2):
        provider.batches.fault(kind, cut=True if kind != "results" else 700)
    server = begin(tmp_path, provider)
    _, made = ask(server, model)
    for _ in range(2):
        before = len(provider.batches.seen)
        assert wait_until(lambda: provider.batches.count(kind) > 0 and len(provider.batches.seen) > before - 1, 60)
        server = again(server, tmp_path, provider)
    api = openai_client(server)
    rows = check(server, api, api.batches.retrieve(made.id))
    assert text_of(rows["r3"]) == "Re: text 3"
    assert len(provider.batches.made) == 1 and not requests_of(provider)
    assert server.stop() == 0


def test_a_batch_of_somebody_else_is_not_taken(tmp_path, provider):
    """Anthropic's batches carry no name: one that looks like ours is found out by its results."""
    body = {"requests": [{"custom_id": f"x{i}", "params": chat("other", "m")} for i in range(COUNT)]}
    provider.batches.create(True, json.loads(json.dumps(body)))
    provider.batches.fault("create", status=500)
    server = begin(tmp_path, provider)
    rows = check(server, *ask(server, "claude"))
    assert text_of(rows["r1"]) == "Re: text 1" and len(provider.batches.made) == 2
    assert server.stop() == 0

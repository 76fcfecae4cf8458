"""Anthropic's batches of messages by its SDK: made, polled, their results; what a request must be; cancelled, deleted,
listed; half price, tenants apart, and a gateway that is killed in between."""

import hashlib
import http.client
import json
import signal

import anthropic
import pytest

from conftest import start, wait_until
from test_ledger import export
from test_messages import HELLO, client

TWO = "tenants:\n" + "".join(f"  - {{name: {name}, bearer: [{hashlib.sha256(name.encode()).hexdigest()}]}}\n"
                            for name in ("shop", "desk"))


def params(text, tokens=5, **more):
    return {**HELLO, "max_tokens": tokens, "messages": [{"role": "user", "content": text}], **more}


def ask(id, text, tokens=5, **more):
    return {"custom_id": id, "params": params(text, tokens, **more)}


def wait_for(api, batch, timeout=120):
    seen = []

    def has_ended():
        seen[:] = [api.messages.batches.retrieve(batch.id)]
        return seen[0].processing_status == "ended"

    assert wait_until(has_ended, timeout, 0.05), seen
    return seen[0]


def results(api, batch):
    return {row.custom_id: row.result for row in api.messages.batches.results(batch.id)}


def counts(batch):
    found = batch.request_counts
    return found.processing, found.succeeded, found.errored, found.canceled, found.expired


def post(server, text):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", "/v1/messages/batches", text, {"x-api-key": "any", "content-type": "application/json"})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def test_from_requests_to_results(server):
    api = client(server)
    made = api.messages.batches.create(requests=[ask(f"r-{i}", f"Say {i}") for i in range(5)] + [
        {"custom_id": "bad", "params": {**params("x"), "max_tokens": -1}}, ask("none", "x", model="nobody"),
        {"custom_id": "nameless", "params": {"max_tokens": 5, "messages": []}}])
    assert made.id.startswith("msgbatch_") and made.type == "message_batch" and made.processing_status == "in_progress"
    assert counts(made) == (8, 0, 0, 0, 0) and made.results_url is None and made.ended_at is None
    assert (made.expires_at - made.created_at).total_seconds() == 86400
    batch = wait_for(api, made)
    assert counts(batch) == (0, 5, 3, 0, 0) and batch.ended_at >= batch.created_at
    assert batch.results_url == f"{server.url}/v1/messages/batches/{batch.id}/results"
    found = results(api, batch)
    assert sorted(found) == ["bad", "nameless", "none"] + [f"r-{i}" for i in range(5)]
    for i in range(5):
        message = found[f"r-{i}"].message
        assert found[f"r-{i}"].type == "succeeded" and message.usage.output_tokens == 5
        assert message.usage.input_tokens == api.messages.create(**params(f"Say {i}")).usage.input_tokens
    errors = {id: found[id].error.error for id in ("bad", "none", "nameless")}
    assert {id: error.type for id, error in errors.items()} == {
        "bad": "invalid_request_error", "none": "not_found_error", "nameless": "invalid_request_error"}
    assert "max_tokens" in errors["bad"].message and "nobody" in errors["none"].message
    assert "model" in errors["nameless"].message


def test_below_its_mount(server):
    api = anthropic.Anthropic(api_key="any", base_url=server.url + "/anthropic", max_retries=0)
    batch = wait_for(api, api.messages.batches.create(requests=[ask("one", "Hello")]))
    assert batch.results_url.startswith(server.url + "/anthropic/v1/")
    assert results(api, batch)["one"].message.usage.output_tokens == 5


@pytest.mark.parametrize("body, word", [
    ({}, "requests:"), ({"requests": []}, "requests:"), ({"requests": {}}, "requests:"),
    ({"requests": [1]}, "requests.0: expected an object"),
    ({"requests": [ask("a", "x"), {"params": {}}]}, "requests.1: custom_id"),
    ({"requests": [ask("a b", "x")]}, "requests.0: custom_id"), ({"requests": [ask("a" * 65, "x")]}, "requests.0: custom_id"),
    ({"requests": [{"custom_id": "a"}]}, "requests.0: params"),
    ({"requests": [ask("a", "x"), ask("a", "y")]}, "requests.1: custom_id: 'a'"),
    ('{"requests": [{"custom_id": "a", "params": {}} {"custom_id": "b"}]}', "requests.1"),
    ('{"requests": [{"custom_id": "a", "params": {nonsense}}]}', "requests.0"),
    ('{"requests": [{"custom_id": "a", "params": {}}]', "JSON"), ("nonsense", ""), ("", "")])
def test_what_is_wrong_with_a_request_is_said(server, body, word):
    status, reply = post(server, body if isinstance(body, str) else json.dumps(body))
    assert (status, reply["error"]["type"]) == (400, "invalid_request_error"), reply
    assert word in reply["error"]["message"], reply


def test_lists_have_pages_and_batches_go(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=TWO)
    api, other = client(server, key="shop"), client(server, key="desk")
    made = [api.messages.batches.create(requests=[ask("a", "x")]) for _ in range(5)]
    ids = [batch.id for batch in made]
    assert [batch.id for batch in api.messages.batches.list(limit=2)] == ids[::-1]
    page = api.messages.batches.list(limit=2, before_id=ids[1])
    assert [batch.id for batch in page.data] == ids[3:1:-1] and page.has_more
    assert (page.first_id, page.last_id) == (ids[3], ids[2])
    assert not other.messages.batches.list().data
    for batch in made:
        wait_for(api, batch)
    for question in (other.messages.batches.retrieve, other.messages.batches.cancel, other.messages.batches.delete,
                     other.messages.batches.results):
        with pytest.raises(anthropic.NotFoundError):
            question(ids[0])
    assert api.messages.batches.cancel(ids[0]).processing_status == "ended"
    gone = api.messages.batches.delete(ids[0])
    assert (gone.id, gone.type) == (ids[0], "message_batch_deleted")
    with pytest.raises(anthropic.NotFoundError):
        api.messages.batches.retrieve(ids[0])
    assert len(list((tmp_path / "data" / "files").iterdir())) == 4
    assert server.stop() == 0


def test_a_batch_is_canceled(tmp_path, slow_model):
    server = start(tmp_path, slow_model, deterministic=False)
    api = client(server)
    batch = api.messages.batches.create(requests=[ask(f"r{i}", f"Long {i}", 400) for i in range(40)])
    with pytest.raises(anthropic.BadRequestError):
        api.messages.batches.delete(batch.id)
    assert wait_until(lambda: any(line["tier"] == "batch" for line in export(server).values()), 60)
    stopping = api.messages.batches.cancel(batch.id)
    assert stopping.processing_status == "canceling" and stopping.cancel_initiated_at
    batch = wait_for(api, batch)
    processing, succeeded, errored, canceled, expired = counts(batch)
    assert (processing, errored, expired) == (0, 0, 0) and succeeded + canceled == 40 and 0 < succeeded < 40
    kinds = [result.type for result in results(api, batch).values()]
    assert kinds.count("succeeded") == succeeded and kinds.count("canceled") == canceled
    assert len([line for line in export(server).values() if line["tier"] == "batch"]) == succeeded
    assert server.stop() == 0


def test_one_that_is_canceled_before_it_began(tmp_path, slow_model):
    server = start(tmp_path, slow_model, extra="limits: {batch_running_jobs: 1}\n", deterministic=False)
    api = client(server)
    first = api.messages.batches.create(requests=[ask(f"r{i}", f"Long {i}", 400) for i in range(40)])
    second = api.messages.batches.create(requests=[ask("a", "x"), ask("b", "y")])
    api.messages.batches.cancel(second.id)
    second = wait_for(api, second)
    assert counts(second) == (0, 0, 0, 2, 0)
    assert {id: result.type for id, result in results(api, second).items()} == {"a": "canceled", "b": "canceled"}
    api.messages.batches.cancel(first.id)
    wait_for(api, first)
    assert server.stop() == 0


def test_killed_gateways_lose_and_repeat_nothing(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    api = client(server)
    batch = api.messages.batches.create(requests=[ask(f"r{i}", f"Record {i}", 40) for i in range(200)])

    def billed():
        return [line for line in export(server).values() if line["tier"] == "batch"]

    for _ in range(3):
        before = len(billed())
        wait_until(lambda: len(billed()) > before, 30, 0.01)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server = start(tmp_path, random_model, deterministic=False)
        api = client(server)
    batch = wait_for(api, batch)
    assert counts(batch) == (0, 200, 0, 0, 0)
    found = results(api, batch)
    assert len(found) == 200 and len(billed()) == 200
    assert sum(result.message.usage.output_tokens for result in found.values()) == sum(
        line["outputTokens"] for line in billed())
    assert {(line["dialect"], line["operation"]) for line in billed()} == {("anthropic", "Messages")}
    assert len(list((tmp_path / "data" / "files").iterdir())) == 1
    assert server.stop() == 0

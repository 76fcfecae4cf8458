"""OpenAI's batches by its SDK: made of a file, polled, their output and error files; what a file must be; cancelled,
expired, listed; half price, tenants apart, and a gateway that is killed in between."""

import hashlib
import json
import signal

import openai
import pytest

from conftest import start, wait_until
from test_javascript import run
from test_ledger import export
from test_openai import NAMED, client

ENDED = {"completed", "failed", "expired", "cancelled"}
CHAT = "/v1/chat/completions"
TWO = "tenants:\n" + "".join(f"  - {{name: {name}, bearer: [{hashlib.sha256(name.encode()).hexdigest()}]}}\n"
                            for name in ("shop", "desk"))


def chat(text, tokens=5, model=NAMED, **more):
    return {"model": model, "max_tokens": tokens, "temperature": 0, "messages": [{"role": "user", "content": text}],
            **more}


def line(id, body, url=CHAT, **more):
    return {"custom_id": id, "method": "POST", "url": url, "body": body, **more}


def submit(api, lines, endpoint=CHAT, **more):
    data = "".join((row if isinstance(row, str) else json.dumps(row)) + "\n" for row in lines).encode()
    file = api.files.create(file=("in.jsonl", data), purpose="batch")
    return api.batches.create(input_file_id=file.id, endpoint=endpoint, completion_window="24h", **more)


def wait_for(api, batch, timeout=120):
    seen = []

    def has_ended():
        seen[:] = [api.batches.retrieve(batch.id)]
        return seen[0].status in ENDED

    assert wait_until(has_ended, timeout, 0.05), seen
    return seen[0]


def read(api, id):
    return {row["custom_id"]: row for row in map(json.loads, api.files.content(id).text.splitlines())}


def counts(batch):
    return batch.request_counts.total, batch.request_counts.completed, batch.request_counts.failed


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_from_a_file_to_results(server, prefix):
    api = client(server, prefix=prefix)
    made = submit(api, [line(f"r{i}", chat(f"Say {i}")) for i in range(5)] + [line("bad", chat("x", n=-1)),
                        line("none", chat("x", model="nobody"))], metadata={"team": "desk"})
    assert made.object == "batch" and made.id.startswith("batch_") and made.status == "validating"
    assert made.endpoint == CHAT and made.completion_window == "24h" and made.metadata == {"team": "desk"}
    assert made.expires_at - made.created_at == 86400
    batch = wait_for(api, made)
    assert batch.status == "completed" and counts(batch) == (7, 5, 2) and batch.errors is None
    assert batch.created_at <= batch.in_progress_at <= batch.completed_at and batch.metadata == {"team": "desk"}
    output, errors = read(api, batch.output_file_id), read(api, batch.error_file_id)
    assert sorted(output) == [f"r{i}" for i in range(5)] and sorted(errors) == ["bad", "none"]
    for i in range(5):
        row = output[f"r{i}"]
        assert row["id"].startswith("batch_req_") and row["error"] is None
        response = row["response"]
        assert response["status_code"] == 200 and response["request_id"]
        body = openai.types.chat.ChatCompletion.model_validate(response["body"])
        assert body.model == NAMED and body.usage.completion_tokens == 5
        direct = api.chat.completions.create(**chat(f"Say {i}"))
        assert body.choices[0].message.content == direct.choices[0].message.content
    assert errors["bad"]["response"]["status_code"] == 400
    assert errors["bad"]["response"]["body"]["error"]["param"] == "n"
    assert errors["none"]["response"]["status_code"] == 404
    assert errors["none"]["response"]["body"]["error"]["code"] == "model_not_found"
    listed = {file.id: file for file in api.files.list(purpose="batch_output")}
    assert listed[batch.output_file_id].filename == f"{batch.id}_output.jsonl"
    assert batch.error_file_id in listed


@pytest.mark.parametrize("endpoint, body, check", [
    ("/v1/responses", {"model": NAMED, "max_output_tokens": 5, "input": "Hello."},
     lambda body: openai.types.responses.Response.model_validate(body).usage.output_tokens == 5),
    ("/v1/completions", {"model": NAMED, "max_tokens": 3, "prompt": "Hello."},
     lambda body: openai.types.Completion.model_validate(body).usage.completion_tokens == 3)])
def test_other_endpoints(server, endpoint, body, check):
    api = client(server)
    batch = wait_for(api, submit(api, [line("one", body, endpoint)], endpoint))
    assert counts(batch) == (1, 1, 0) and batch.error_file_id is None
    assert check(read(api, batch.output_file_id)["one"]["response"]["body"])


@pytest.mark.parametrize("lines, code, number, param", [
    ([line("a", chat("x")), "{nonsense"], "invalid_json_line", 2, None),
    ([line("a", chat("x")), line("a", chat("y"))], "duplicate_custom_id", 2, "custom_id"),
    (["", line("", chat("x"))], "missing_required_parameter", 2, "custom_id"),
    ([line("a", chat("x"), method="GET")], "invalid_method", 1, "method"),
    ([line("a", chat("x"), url="/v1/responses")], "mismatched_url", 1, "url"),
    ([line("a", None)], "missing_required_parameter", 1, "body"),
    ([line("a", {"messages": []})], "missing_required_parameter", 1, "body.model"),
    ([""], "invalid_request", None, None)])
def test_a_file_that_is_wrong_fails_the_batch(server, lines, code, number, param):
    api = client(server)
    batch = wait_for(api, submit(api, lines))
    assert batch.status == "failed" and batch.failed_at and batch.output_file_id is None
    assert [(error.code, error.line, error.param) for error in batch.errors.data] == [(code, number, param)]
    assert counts(batch)[1:] == (0, 0)


def test_what_cannot_be_asked_for(server):
    api = client(server)
    file = api.files.create(file=("a", b"{}"), purpose="batch").id
    other = api.files.create(file=("a", b"{}"), purpose="user_data").id
    good = {"input_file_id": file, "endpoint": CHAT, "completion_window": "24h"}
    for wrong in ({"input_file_id": "file-none"}, {"input_file_id": other}, {"endpoint": "/v1/moderations"},
                  {"completion_window": "1h"}, {"metadata": {"k" * 65: "v"}},
                  {"output_expires_after": {"anchor": "created_at", "seconds": 5}}):
        with pytest.raises(openai.BadRequestError) as caught:
            api.batches.create(**{**good, **wrong})
        assert caught.value.param and caught.value.param.startswith(next(iter(wrong))), caught.value
    for ask in (api.batches.retrieve, api.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask("batch_none")


def test_lists_have_pages(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=TWO)
    api = client(server, key="shop")
    made = [submit(api, [line("a", chat("x"))]).id for _ in range(5)]
    assert [batch.id for batch in api.batches.list(limit=2)] == made[::-1]
    page = api.batches.list(limit=2, after=made[4])
    assert [batch.id for batch in page.data] == made[3:1:-1] and page.has_more
    other = client(server, key="desk")
    assert not other.batches.list().data
    for ask in (other.batches.retrieve, other.batches.cancel):
        with pytest.raises(openai.NotFoundError):
            ask(made[0])
    for id in made:
        wait_for(api, api.batches.retrieve(id))
    done = api.batches.retrieve(made[0])
    with pytest.raises(openai.NotFoundError):
        other.files.content(done.output_file_id)
    with pytest.raises(openai.ConflictError):
        api.batches.cancel(done.id)
    assert {line["tenant"] for line in export(server).values()} == {"shop"}
    assert server.stop() == 0


def test_half_price_and_a_line_each(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    api = client(server)
    batch = wait_for(api, submit(api, [line(f"r{i}", chat(f"Count {i}")) for i in range(20)]))
    usages = [row["response"]["body"]["usage"] for row in read(api, batch.output_file_id).values()]
    lines = [row for row in export(server).values() if row["tier"] == "batch"]
    assert len(lines) == 20 and {(row["dialect"], row["operation"]) for row in lines} == {("openai", "ChatCompletions")}
    assert sorted(usage["completion_tokens"] for usage in usages) == sorted(row["outputTokens"] for row in lines)
    assert sum(usage["prompt_tokens"] for usage in usages) == sum(
        row["inputTokens"] + row["cacheReadInputTokens"] + row["cacheWriteInputTokens"] for row in lines)
    assert server.stop() == 0


def test_a_batch_is_cancelled(tmp_path, slow_model):
    server = start(tmp_path, slow_model, deterministic=False)
    api = client(server)
    batch = submit(api, [line(f"r{i}", chat(f"Long {i}", tokens=400)) for i in range(40)])
    assert wait_until(lambda: api.batches.retrieve(batch.id).request_counts.completed > 0, 60)
    stopping = api.batches.cancel(batch.id)
    assert stopping.status == "cancelling" and stopping.cancelling_at
    batch = wait_for(api, batch)
    total, completed, failed = counts(batch)
    assert batch.status == "cancelled" and (total, failed) == (40, 0) and 0 < completed < 40 and batch.cancelled_at
    assert len(read(api, batch.output_file_id)) == completed
    errors = read(api, batch.error_file_id)
    assert len(errors) == 40 - completed
    assert {(row["response"], row["error"]["code"]) for row in errors.values()} == {(None, "batch_cancelled")}
    assert len([row for row in export(server).values() if row["tier"] == "batch"]) == completed
    assert server.stop() == 0


def test_killed_gateways_lose_and_repeat_nothing(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    api = client(server)
    batch = submit(api, [line(f"r{i}", chat(f"Record {i}", tokens=40)) for i in range(200)])
    for _ in range(3):
        before = api.batches.retrieve(batch.id).request_counts.completed
        wait_until(lambda: api.batches.retrieve(batch.id).request_counts.completed > before, 30, 0.01)
        server.process.send_signal(signal.SIGKILL)
        server.process.wait()
        server = start(tmp_path, random_model, deterministic=False)
        api = client(server)
    batch = wait_for(api, batch)
    assert batch.status == "completed" and counts(batch) == (200, 200, 0)
    output = read(api, batch.output_file_id)
    assert list(output) == [f"r{i}" for i in range(200)]
    lines = [row for row in export(server).values() if row["tier"] == "batch"]
    assert len(lines) == 200
    assert sum(row["response"]["body"]["usage"]["completion_tokens"] for row in output.values()) == sum(
        row["outputTokens"] for row in lines)
    assert len(api.files.list(purpose="batch_output").data) == 1
    assert server.stop() == 0


def test_the_sdks_for_javascript(server):
    ids = ["r0", "r1", "r2"]
    assert run(server.url, script="batches.mjs") == {
        "openai": {"status": "completed", "listed": True, "ids": ids},
        "anthropic": {"counts": {"processing": 0, "succeeded": 3, "errored": 0, "canceled": 0, "expired": 0},
                      "results": [[id, "succeeded"] for id in ids], "gone": "message_batch_deleted"}}

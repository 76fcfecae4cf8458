"""Prompt caching from outside: what is written is read, in every dialect, and a miss says why."""

import base64
import concurrent.futures
import http.client
import json
import os
import re
import signal
import subprocess
import uuid

import botocore.exceptions
import pytest

from conftest import FULCRUM, OPERATOR, Server, metrics, wait_until
from test_documents import pdf

CLAUDE = "anthropic.claude-sonnet-4-5-20250929-v1:0"  # its card: 5m and 1h
NOVA = "amazon.nova-pro-v1:0"
LLAMA = "meta.llama3-1-8b-instruct-v1:0"
POINT = {"cachePoint": {"type": "default"}}
HOUR = {"cachePoint": {"type": "default", "ttl": "1h"}}
CONFIG = """\
models:
  - {{name: tiny, path: {path}, ids: [{claude}, {nova}, {llama}], context: 4096, parallel: 4, cache_min_tokens: 32}}
  - {{name: marked, path: {path}, context: 4096, cache: explicit, cache_min_tokens: 32}}
  - {{name: bare, path: {path}, context: 4096, cache: "off"}}
  - {{name: carded, path: {path}, ids: ["anthropic.claude-3-5-sonnet-20241022-v2:0"], context: 4096}}
"""
RULES = "You answer for a shop that sells garden tools, politely and in one sentence. " * 4


@pytest.fixture(scope="module")
def cached(tmp_path_factory, random_model):
    config = CONFIG.format(path=random_model, claude=CLAUDE, nova=NOVA, llama=LLAMA) + "cache: {min_tokens: 40}\n"
    server = Server(config=config, workdir=tmp_path_factory.mktemp("cache"))
    yield server
    assert server.stop() == 0


def salted(server, salt=None, key="AKIDEXAMPLE"):
    """A client whose requests share nothing with those of other tests."""
    client = server.client(key=key)
    salt = salt or uuid.uuid4().hex
    client.meta.events.register("before-call.bedrock-runtime.*",
                                lambda params, **_: params["headers"].update({"x-fulcrum-cache-salt": salt}))
    return client


@pytest.fixture
def client(cached):
    return salted(cached)


def converse(client, system=(), text="Hello there.", model="tiny", messages=None, **more):
    return client.converse(modelId=model, system=list(system), inferenceConfig={"maxTokens": 2, "temperature": 0},
                           messages=messages or [user({"text": text})], **more)


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def header(reply):
    return reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cache"]


def figures(reply):
    """input, read, write of a Converse reply."""
    usage = reply["usage"]
    return usage["inputTokens"], usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]


def invoke(client, model, body):
    reply = client.invoke_model(modelId=model, body=json.dumps(body))
    return json.loads(reply["body"].read()), reply["ResponseMetadata"]["HTTPHeaders"]


def post(server, path, body, headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"Content-Type": "application/json", **dict(headers)})
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply, text


# --- explicit checkpoints ---------------------------------------------------------------------------------


@pytest.mark.parametrize("model", ["tiny", "marked"])
def test_what_was_written_is_read(client, model):
    system = [{"text": RULES}, POINT]
    first, second = converse(client, system, model=model), converse(client, system, "Another one?", model=model)
    rest, read, write = figures(first)
    assert read == 0 and write > 32 and rest > 0
    assert header(first) == f"miss; read=0; write={write}; reason=first-use"
    assert figures(second)[1:] == (write, 0)
    assert header(second) == f"hit; read={write}; write=0"
    assert second["usage"]["cacheReadInputTokens"] == write


def test_figures_add_up_to_the_prompt_and_to_what_was_computed(client, cached):
    system = [{"text": RULES}, POINT]
    name = 'fulcrum_engine_prefilled_tokens_total{model="tiny"}'
    for text in ("Hello there.", "Hello again, you.", "Hello there."):
        messages = [user({"text": text})]
        counted = client.count_tokens(modelId="tiny", input={"converse": {"system": system, "messages": messages}})
        before = metrics(cached)[name]
        rest, read, write = figures(converse(client, system, text))
        assert rest + read + write == counted["inputTokens"]
        assert metrics(cached)[name] - before == rest + write


def test_a_checkpoint_changes_no_token(client):
    plain = client.count_tokens(modelId="tiny", input={"converse": {
        "system": [{"text": RULES}], "messages": [user({"text": "Hi"})]}})
    marked = client.count_tokens(modelId="tiny", input={"converse": {
        "system": [{"text": RULES}, HOUR], "messages": [user({"text": "Hi"}, POINT)]}})
    assert plain["inputTokens"] == marked["inputTokens"]


def test_four_checkpoints_over_tools_system_and_messages(client):
    tools = {"tools": [{"toolSpec": {"name": "find", "description": RULES, "inputSchema": {"json": {"type": "object"}}}},
                       POINT]}
    system = [{"text": RULES}, POINT]
    messages = [user({"text": "First of all. " * 8}, POINT, {"text": "And then. " * 8}, POINT)]
    first = converse(client, system, messages=messages, toolConfig=tools)
    second = converse(client, system, messages=messages, toolConfig=tools)
    _, read, write = figures(first)
    assert read == 0 and figures(second)[1:] == (write, 0)
    other = converse(client, system, messages=[user({"text": "First of all. " * 8}, POINT, {"text": "Else. " * 8})],
                     toolConfig=tools)
    assert 0 < figures(other)[1] < write, "the checkpoint before the change is read"
    with pytest.raises(botocore.exceptions.ClientError, match="more than 4 cache points"):
        converse(client, system, messages=[user({"text": "a"}, POINT, {"text": "b"}, POINT, {"text": "c"}, POINT)],
                 toolConfig=tools)


def test_times_to_live_are_told_apart(client):
    system, messages = [{"text": RULES}, HOUR], [user({"text": "Question. " * 20}, POINT, {"text": "Well?"})]
    usage = converse(client, system, messages=messages, model=CLAUDE)["usage"]
    details = {entry["ttl"]: entry["inputTokens"] for entry in usage["cacheDetails"]}
    assert details["1h"] > 32 and details["5m"] > 20
    assert details["1h"] + details["5m"] == usage["cacheWriteInputTokens"]


def test_looks_back_to_an_earlier_checkpoint(client):
    opening = user({"text": RULES})
    first = converse(client, messages=[user({"text": RULES}, POINT)])
    write = figures(first)[2]
    later = [opening, assistant({"text": "Certainly."}), user({"text": "Then tell me about spades."}, POINT)]
    second = converse(client, messages=later)
    assert figures(second)[1] == write, "the end of an earlier block, without a mark this time"
    assert figures(second)[2] > 0 and header(second).startswith(f"partial; read={write}; ")
    far = [opening, assistant({"text": "Certainly."}), user(*[{"text": f"Point {i}."} for i in range(25)], POINT)]
    assert figures(converse(client, messages=far))[1] == 0, "more than 20 blocks before the mark"


# --- reasons ----------------------------------------------------------------------------------------------


def test_a_change_is_named_by_its_token(client, cached):
    text = RULES + "It is 12:30. " + RULES
    converse(client, [{"text": text}, POINT])
    changed = converse(client, [{"text": text.replace("12:30", "12:31")}, POINT])
    match = re.fullmatch(r"miss; read=0; write=\d+; reason=changed-at-token=(\d+)", header(changed))
    counted = client.count_tokens(modelId="tiny", input={"converse": {
        "system": [{"text": RULES + "It is 12:3"}], "messages": [user({"text": "x"})]}})["inputTokens"]
    empty = client.count_tokens(modelId="tiny", input={"converse": {"messages": [user({"text": "x"})]}})["inputTokens"]
    assert match and 32 < int(match[1]) <= counted
    assert int(match[1]) >= counted - empty - 8


def test_below_the_minimum_inference_goes_on(client):
    short = converse(client, [{"text": "Be brief."}, POINT])
    assert re.fullmatch(r"miss; read=0; write=0; reason=below-minimum=\d+/32", header(short))
    assert short["usage"]["outputTokens"] == 2
    again = converse(client, [{"text": "Be brief."}, POINT])
    assert header(again) == header(short) and figures(again) == figures(short)


def test_the_card_of_the_id_goes_before_the_default(client):
    system = [{"text": RULES}, POINT]
    old = "us.anthropic.claude-3-5-sonnet-20241022-v2:0"
    assert re.search(r"below-minimum=\d+/1024$", header(converse(client, system, model=old)))
    assert figures(converse(client, system, model="carded"))[2] > 40
    assert re.search(r"below-minimum=\d+/40$", header(converse(client, [{"text": "Hi."}, POINT], model="carded")))
    with pytest.raises(botocore.exceptions.ClientError, match=r"system\[1\].cachePoint.ttl: .* 5 minutes"):
        converse(client, [{"text": RULES}, HOUR], model=old)
    client.count_tokens(modelId=old, input={"converse": {"system": [{"text": RULES}, HOUR],
                                                         "messages": [user({"text": "Hi"})]}})


def test_modes_of_a_model(client):
    system = [{"text": RULES}, POINT]
    assert header(converse(client, system, model="bare")) == "off; read=0; write=0; reason=disabled"
    unmarked = converse(client, [{"text": RULES}], model="marked")
    assert header(unmarked) == "miss; read=0; write=0; reason=no-checkpoint"
    assert header(converse(client, [{"text": RULES}], model="marked")) == header(unmarked)


def test_evicted(tmp_path, random_model):
    config = (f"models: [{{name: tiny, path: {random_model}, context: 4096, cache: explicit, cache_min_tokens: 32}}]\n"
              "cache: {memory: 256KiB, policy: lru}\n")
    server = Server(config=config, workdir=tmp_path)
    client = server.client()
    evicted = 'fulcrum_cache_evicted_blocks_total{model="tiny"}'

    def ask(i):
        return converse(client, [{"text": f"{i:03} {RULES}"}, POINT])

    assert "first-use" in header(ask(0)) or "changed" in header(ask(0))
    asked = 0
    while metrics(server)[evicted] == 0 and asked < 200:
        asked += 1
        ask(asked)
    assert header(ask(0)).endswith("; reason=evicted")
    seen = metrics(server)
    assert 0 < seen['fulcrum_cache_bytes{model="tiny",tier="memory"}'] <= 256 << 10
    assert seen['fulcrum_cache_tokens{model="tiny",tier="memory"}'] > 0
    assert server.stop() == 0


# --- implicit ---------------------------------------------------------------------------------------------


def test_implicit_reuse_is_read_and_not_written(client):
    first, second = converse(client, [{"text": RULES}]), converse(client, [{"text": RULES}], "Something else?")
    assert figures(first)[1:] == (0, 0) and header(first) == "miss; read=0; write=0; reason=first-use"
    read = figures(second)[1]
    assert read >= 64 and read % 64 == 0 and figures(second)[2] == 0
    assert sum(figures(second)) == client.count_tokens(modelId="tiny", input={"converse": {
        "system": [{"text": RULES}], "messages": [user({"text": "Something else?"})]}})["inputTokens"]


def test_implicit_misses_have_their_reason_too(client):
    for _ in range(2):
        assert "reason=" in header(converse(client, text="Hi"))


# --- dialects ---------------------------------------------------------------------------------------------


def test_anthropic_body(client):
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "temperature": 0,
            "system": [{"type": "text", "text": RULES, "cache_control": {"type": "ephemeral", "ttl": "1h"}}],
            "messages": [{"role": "user", "content": [
                {"type": "text", "text": "Question. " * 20, "cache_control": {"type": "ephemeral"}},
                {"type": "text", "text": "Well?"}]}]}
    first, first_headers = invoke(client, CLAUDE, body)
    second, second_headers = invoke(client, CLAUDE, body)
    usage, creation = first["usage"], first["usage"]["cache_creation"]
    write = usage["cache_creation_input_tokens"]
    assert usage["cache_read_input_tokens"] == 0 and write > 60
    assert creation["ephemeral_1h_input_tokens"] > 32 and creation["ephemeral_5m_input_tokens"] > 20
    assert sum(creation.values()) == write
    assert second["usage"]["cache_read_input_tokens"] == write
    assert second["usage"]["cache_creation_input_tokens"] == 0
    assert second["usage"]["input_tokens"] == usage["input_tokens"]
    assert first_headers["x-amzn-bedrock-cache-write-input-token-count"] == str(write)
    assert second_headers["x-amzn-bedrock-cache-read-input-token-count"] == str(write)
    assert second_headers["x-fulcrum-cache"] == f"hit; read={write}; write=0"
    events = [json.loads(event["chunk"]["bytes"]) for event in client.invoke_model_with_response_stream(
        modelId=CLAUDE, body=json.dumps(body))["body"]]
    assert events[0]["message"]["usage"]["cache_read_input_tokens"] == write
    counts = events[-1]["amazon-bedrock-invocationMetrics"]
    assert counts["cacheReadInputTokenCount"] == write and counts["cacheWriteInputTokenCount"] == 0
    assert counts["inputTokenCount"] == usage["input_tokens"]


@pytest.mark.parametrize("system", [[{"text": RULES, **POINT}], [{"text": RULES}, POINT]])
def test_nova_body_with_both_forms_of_mark(client, system):
    body = {"system": system, "messages": [{"role": "user", "content": [{"text": "Hello there."}]}],
            "inferenceConfig": {"maxTokens": 2, "temperature": 0}}
    first, _ = invoke(client, NOVA, body)
    second, headers = invoke(client, NOVA, body)
    write = first["usage"]["cacheWriteInputTokenCount"]
    assert write > 32 and second["usage"]["cacheReadInputTokenCount"] == write
    assert headers["x-amzn-bedrock-cache-read-input-token-count"] == str(write)


def test_llama_body_is_cached_of_itself(client):
    body = {"prompt": f"<|im_start|>user\n{RULES}<|im_end|>\n<|im_start|>assistant\n", "max_gen_len": 2,
            "temperature": 0}
    first, _ = invoke(client, LLAMA, body)
    second, headers = invoke(client, LLAMA, body)
    read = int(headers["x-amzn-bedrock-cache-read-input-token-count"])
    assert read >= 64 and headers["x-fulcrum-cache"].startswith(("hit", "partial"))
    assert first["generation"] == second["generation"]


def test_dialects_share_what_is_the_same_prompt(client):
    write = figures(converse(client, [{"text": RULES}, POINT]))[2]
    body = {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": [{"role": "user", "content": "Yes?"}],
            "system": [{"type": "text", "text": RULES, "cache_control": {"type": "ephemeral"}}]}
    assert invoke(client, CLAUDE, body)[0]["usage"]["cache_read_input_tokens"] == write


def test_streams_carry_the_header(client, cached):
    system = [{"text": RULES}, POINT]
    write = figures(converse(client, system))[2]
    reply = client.converse_stream(modelId="tiny", system=system, messages=[user({"text": "Hello?"})],
                                   inferenceConfig={"maxTokens": 2})
    assert header(reply) == f"hit; read={write}; write=0"
    usage = [event["metadata"]["usage"] for event in reply["stream"] if "metadata" in event][0]
    assert usage["cacheReadInputTokens"] == write
    raw, _ = post(cached, "/model/tiny/converse-stream", {"messages": [user({"text": "Hi"})],
                                                          "inferenceConfig": {"maxTokens": 2}})
    assert raw.headers["x-fulcrum-cache"].startswith(("miss", "partial"))


# --- apart ------------------------------------------------------------------------------------------------


def test_salts_are_apart(client, cached):
    system = [{"text": RULES}, POINT]
    body = {"system": system, "messages": [user({"text": "Hi"})], "inferenceConfig": {"maxTokens": 2}}
    salts = [uuid.uuid4().hex for _ in range(2)]

    def ask(salt, **headers):
        reply, text = post(cached, "/model/tiny/converse", {**body, **({"additionalModelRequestFields": {
            "cache_salt": salt}} if salt else {})}, headers)
        assert reply.status == 200, text
        return reply.headers["x-fulcrum-cache"].split(";")[0]

    assert [ask(salts[0]), ask(salts[0]), ask(salts[1])] == ["miss", "hit", "miss"]
    assert ask(None, **{"x-fulcrum-cache-salt": salts[0]}) == "hit", "the header is the same salt"


def test_tenants_are_apart(cached):
    salt = uuid.uuid4().hex
    one, other = salted(cached, salt, "AKIDONE"), salted(cached, salt, "AKIDOTHER")
    system = [{"text": RULES}, POINT]
    assert figures(converse(one, system))[1] == 0
    assert figures(converse(other, system))[1] == 0
    assert figures(converse(one, system))[1] > 0


def test_floors_and_ceilings_of_tenants(tmp_path, random_model):
    config = (f"models: [{{name: tiny, path: {random_model}, context: 4096, cache: explicit, cache_min_tokens: 32}}]\n"
              "cache: {memory: 512KiB, policy: lru}\n"
              "tenants:\n"
              "  - {name: kept, keys: [{id: AKIDKEPT, secret: secret}], cache: {floor: 256KiB}}\n"
              "  - {name: small, keys: [{id: AKIDSMALL, secret: secret}], cache: {ceiling: 1KiB}}\n"
              "  - {name: loud, keys: [{id: AKIDLOUD, secret: secret}]}\n" + OPERATOR)
    server = Server(config=config, workdir=tmp_path)
    kept, small, loud = (server.client(key=f"AKID{name}") for name in ("KEPT", "SMALL", "LOUD"))
    system = [{"text": RULES}, POINT]
    write = figures(converse(kept, system))[2]
    assert write > 0
    evicted = 'fulcrum_cache_evicted_blocks_total{model="tiny"}'
    asked = 0
    while metrics(server)[evicted] < 20 and asked < 300:
        asked += 1
        converse(loud, [{"text": f"{asked:03} {RULES}"}, POINT])
    assert metrics(server)[evicted] >= 20
    assert figures(converse(kept, system))[1] == write, "below its floor nobody pushes it"
    assert figures(converse(small, system))[1:] == (0, 0), "over its ceiling nothing is kept"
    assert server.stop() == 0


def test_parallel_first_requests_compute_the_prefix_once(cached):
    client = salted(cached)
    system = [{"text": RULES}, POINT]
    with concurrent.futures.ThreadPoolExecutor(4) as pool:
        replies = list(pool.map(lambda i: converse(client, system, f"Question {i}?"), range(4)))
    writes = sorted(figures(reply)[2] for reply in replies)
    reads = sorted(figures(reply)[1] for reply in replies)
    assert writes[:3] == [0, 0, 0] and writes[3] > 0
    assert reads == [0] + [writes[3]] * 3


def test_a_dead_worker_takes_its_cache_with_it(tmp_path, random_model):
    config = f"models: [{{name: tiny, path: {random_model}, context: 4096, cache_min_tokens: 32}}]\n"
    server = Server(config=config, workdir=tmp_path)
    client = server.client(retries=5)
    system = [{"text": RULES}, POINT]
    size = 'fulcrum_cache_bytes{model="tiny",tier="memory"}'
    write = figures(converse(client, system))[2]
    assert figures(converse(client, system))[1] == write and metrics(server)[size] > 0
    os.kill(server.workers()["tiny"], signal.SIGKILL)
    assert wait_until(lambda: metrics(server)["fulcrum_worker_restarts_total{model=\"tiny\"}"] == 1)
    assert wait_until(lambda: metrics(server)["fulcrum_model_ready{model=\"tiny\"}"] == 1)
    assert metrics(server)[size] == 0
    again = converse(client, system)
    assert figures(again)[1:] == (0, write) and header(again).endswith("reason=first-use")
    assert server.stop() == 0


@pytest.mark.parametrize("mode", ["implicit", "explicit"])
def test_a_deterministic_server_says_the_same_cold_and_warm(tmp_path, random_model, mode):
    config = (f"models: [{{name: tiny, path: {random_model}, context: 4096, cache_min_tokens: 32, cache: {mode}}}]\n"
              "deterministic: true\n")
    server = Server(config=config, workdir=tmp_path)
    client = server.client()
    system = [{"text": RULES}] + ([POINT] if mode == "explicit" else [])
    more = {"inferenceConfig": {"maxTokens": 24, "temperature": 0}}
    ask = [client.converse(modelId="tiny", system=system, messages=[user({"text": RULES})], **more) for _ in range(3)]
    assert figures(ask[0])[1] == 0 and figures(ask[1])[1] > 0 and figures(ask[2])[1] > 0
    assert ask[0]["output"] == ask[1]["output"] == ask[2]["output"]
    assert server.stop() == 0


# --- what is seen -----------------------------------------------------------------------------------------


def test_log_and_metrics_tell_the_outcome(client, cached):
    def counted(outcome):
        return metrics(cached).get(f'fulcrum_cache_requests_total{{model="tiny",outcome="{outcome}"}}', 0)

    before = {outcome: counted(outcome) for outcome in ("hit", "miss")}
    system = [{"text": RULES}, POINT]
    replies = [converse(client, system), converse(client, system)]
    assert counted("miss") == before["miss"] + 1 and counted("hit") == before["hit"] + 1
    lines = [next(line for line in cached.log().splitlines() if reply["ResponseMetadata"]["RequestId"] in line)
             for reply in replies if wait_until(lambda: reply["ResponseMetadata"]["RequestId"] in cached.log())]
    assert "cache=miss" in lines[0] and "cache_reason=first-use" in lines[0]
    assert "cache=hit" in lines[1]
    assert metrics(cached)['fulcrum_cache_bytes{model="tiny",tier="memory"}'] > 0
    assert 'fulcrum_cache_requests_total{model="bare",outcome="off"}' in metrics(cached)


def test_ledger_has_the_same_figures(client, cached):
    reply = converse(client, [{"text": RULES}, HOUR], model=CLAUDE)
    request_id, write = reply["ResponseMetadata"]["RequestId"], figures(reply)[2]

    def line():
        done = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(cached.workdir / "data")],
                              capture_output=True, text=True, check=True)
        return next((json.loads(row) for row in done.stdout.splitlines() if request_id in row), {"outputTokens": 0})

    assert wait_until(lambda: line()["outputTokens"] > 0)
    assert line()["cacheWriteInputTokens"] == 0 and line()["cacheWrite1hInputTokens"] == write


# --- explain ----------------------------------------------------------------------------------------------


def explain(tmp_path, a, b, *options):
    for name, body in (("a.json", a), ("b.json", b)):
        (tmp_path / name).write_text(json.dumps(body))
    return subprocess.run([str(FULCRUM), "cache", "explain", *options, "a.json", "b.json"], cwd=tmp_path,
                          capture_output=True, text=True, check=False)


def test_explain_finds_the_field(tmp_path):
    a = {"system": [{"text": RULES + "It is 12:30."}, POINT], "messages": [user({"text": "Hi"})]}
    b = json.loads(json.dumps(a).replace("12:30", "12:31"))
    text = explain(tmp_path, a, b)
    assert text.returncode == 0 and text.stderr == ""
    assert f"system[0].text, byte {len(RULES) + len('It is 12:3')}" in text.stdout
    assert "a date or a time of day" in text.stdout and "NOT shared" in text.stdout
    found = json.loads(explain(tmp_path, a, b, "--json").stdout)
    assert found["result"] == "different" and found["difference"]["cause"] == "time"
    assert found["difference"]["a"] == {"field": "system[0].text", "offset": len(RULES) + len("It is 12:3"),
                                        "before": (RULES + "It is 12:3")[-32:], "after": "0."}
    assert found["a"]["checkpoints"][0]["shared"] is False
    assert json.loads(explain(tmp_path, a, a, "--json").stdout)["result"] == "same"


def test_explain_reads_documents_as_the_server_does(tmp_path):
    document = {"document": {"name": "rules", "format": "txt", "source": {"bytes": "UnVsZXMu"}}}
    a = {"messages": [user(document, {"text": "Sum it up."}, POINT)]}
    b = {"messages": [user(document, {"text": "Sum it up!"}, POINT)]}
    found = json.loads(explain(tmp_path, a, b, "--json", "--dialect", "converse").stdout)
    assert found["difference"]["a"]["field"] == "messages[0].content[1].text"


def test_explain_reads_files(tmp_path):
    def body(text):
        data = base64.b64encode(pdf([[(72, 700, text)]])).decode()
        return {"messages": [user({"document": {"name": "rules", "format": "pdf", "source": {"bytes": data}}},
                                  {"text": "Sum it up."}, POINT)]}

    done = explain(tmp_path, body("Returns within 30 days"), body("Returns within 31 days"), "--json")
    assert done.stderr == ""
    found = json.loads(done.stdout)["difference"]
    assert found["a"]["field"] == "messages[0].content[0].document.source.bytes" and found["cause"] == "number"
    assert found["a"]["before"].endswith("Returns within 3") and found["a"]["after"].startswith("0 days")


def test_explain_says_what_is_wrong(tmp_path):
    good = {"messages": [user({"text": "Hi"})]}
    assert explain(tmp_path, good, {"messages": []}).returncode == 2
    assert "b.json (read as converse): messages" in explain(tmp_path, good, {"messages": []}).stderr
    assert explain(tmp_path, good, good, "--model", "nobody.has-this").returncode == 2
    assert explain(tmp_path, good, good, "--dialect", "latin").returncode == 2
    done = subprocess.run([str(FULCRUM), "cache", "explain", "a.json", "none.json"], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 1 and "none.json" in done.stderr and done.stderr.count("\n") == 1

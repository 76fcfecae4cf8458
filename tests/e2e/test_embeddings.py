"""Embeddings by OpenAI's SDK and by InvokeModel, of models of our own and of a provider: numbers, tokens, money, and
what is wrong by name."""

import base64
import concurrent.futures
import json
import math
import struct
import subprocess

import openai
import pytest

import test_openai_batches as batches
from conftest import BUILD, Server, metrics, wait_until
from keys_fixture import keys, works
from test_ledger import export
from test_openai import raw

CONFIG = """\
models:
  - {{name: words, path: {words}, ids: [amazon.titan-embed-text-v2:0, text-embedding-3-small], matryoshka: true,
      price: {{input: 3, output: 0}}}}
  - {{name: last, path: {last}, context: 64}}
  - {{name: tiny, path: {tiny}, context: 512}}
upstreams:
  - name: oa
    kind: openai
    url: {url}/v1
    models: [{{name: far, upstream_model: far-real, price: {{input: 5, output: 0}}}}]
  - name: an
    kind: anthropic
    url: {url}
    models: [{{name: claude, upstream_model: c}}]
"""
WIDTH = 64


def make(path, *options):
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), *options], check=True)
    return path


@pytest.fixture(scope="module")
def server(tmp_path_factory, provider, random_model):
    path = tmp_path_factory.mktemp("embeddings")
    words = make(path / "words.gguf", "--kind", "bert", "--pooling", "1", "--context", "128", "--seed", "3")
    last = make(path / "last.gguf", "--pooling", "3", "--seed", "4")
    config = CONFIG.format(words=words, last=last, tiny=random_model, url=provider.url)
    running = Server(config=config, workdir=path)
    yield running
    assert running.stop() == 0


@pytest.fixture
def sdk(server):
    return openai.OpenAI(api_key="any", base_url=server.url + "/v1", max_retries=0)


def embed(sdk, model, given, **more):
    return [item.embedding for item in sdk.embeddings.create(model=model, input=given, **more).data]


def near(a, b, within=1e-5):
    return len(a) == len(b) and max(abs(x - y) for x, y in zip(a, b)) <= within


def refused(server, **body):
    reply, text = raw(server, {"model": "words", "input": "ab", **body}, "/v1/embeddings")
    assert reply.status == 400, text
    return json.loads(text)["error"]


@pytest.mark.parametrize("model", ["words", "last"])
def test_embeddings_have_length_one_and_depend_on_the_text_alone(sdk, model):
    made = sdk.embeddings.create(model=model, input=["hello there", "ab cd", "hello there", "a"])
    assert [item.index for item in made.data] == [0, 1, 2, 3] and made.object == "list" and made.model == model
    values = [item.embedding for item in made.data]
    assert all(len(value) == WIDTH and abs(math.hypot(*value) - 1) < 1e-6 for value in values)
    assert near(values[0], values[2]) and not near(values[0], values[1], 0.01)
    assert near(embed(sdk, model, "hello there")[0], values[0])
    assert made.usage.prompt_tokens == made.usage.total_tokens > 8


def test_base64_and_numbers_are_the_same(server):
    replies = [json.loads(raw(server, {"model": "words", "input": "ab", "encoding_format": kind}, prefix + "/embeddings")[1])
               for kind, prefix in (("base64", "/v1"), ("float", "/openai/v1"))]
    text, numbers = [reply["data"][0]["embedding"] for reply in replies]
    assert struct.unpack(f"<{WIDTH}f", base64.b64decode(text)) == tuple(struct.unpack("<f", struct.pack("<f", n))[0] for n in numbers)


def test_tokens_are_taken_as_they_are(sdk):
    """[CLS], "a", "b", [SEP] of the vocabulary that make_gguf writes."""
    wanted = embed(sdk, "words", "a b")[0]
    assert near(embed(sdk, "words", [101, 104, 106, 102])[0], wanted)
    many = sdk.embeddings.create(model="words", input=[[101, 104, 106, 102], [101, 102]])
    assert near(many.data[0].embedding, wanted) and len(many.data) == 2 and many.usage.prompt_tokens == 6


def test_many_inputs_of_many_clients_share_batches(server, sdk):
    texts = [f"{a}{b} {b}" for a in "abcdefgh" for b in "ijklmnop"]
    alone = {text: embed(sdk, "words", text)[0] for text in texts[:8]}
    counted = 'fulcrum_engine_prefilled_tokens_total{model="words"}'
    before = metrics(server)[counted]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        for made in pool.map(lambda _: embed(sdk, "words", texts * 4), range(8)):
            assert len(made) == 256 and all(near(made[i], alone[text]) for i, text in enumerate(texts[:8]))
    assert metrics(server)[counted] >= before + 8 * 256 * 4


def test_dimensions_where_the_model_allows(server, sdk):
    whole, short = embed(sdk, "words", "ab")[0], embed(sdk, "words", "ab", dimensions=16)[0]
    scale = math.hypot(*whole[:16])
    assert near(short, [value / scale for value in whole[:16]])
    assert refused(server, dimensions=65)["param"] == "dimensions"
    assert "matryoshka" in refused(server, model="last", dimensions=16)["message"]
    assert near(embed(sdk, "last", "ab", dimensions=WIDTH)[0], embed(sdk, "last", "ab")[0])


@pytest.mark.parametrize("body, param", [
    ({"input": None}, "input"), ({"input": []}, "input"), ({"input": ""}, "input"), ({"input": ["a", ""]}, "input[1]"),
    ({"input": [["a"]]}, "input[0][0]"), ({"input": {"a": 1}}, "input"), ({"input": [101, 9999]}, "input[0][1]"),
    ({"input": ["a"] * 2049}, "input"), ({"encoding_format": "hex"}, "encoding_format"), ({"dimensions": 0}, "dimensions"),
    ({"input": [1.5]}, "input[0]"), ({"model": "tiny"}, "model"), ({"model": "claude"}, "model")])
def test_what_is_wrong_is_named(server, body, param):
    error = refused(server, **body)
    assert (error["type"], error["param"]) == ("invalid_request_error", param)


def test_an_input_that_is_too_long(server):
    error = refused(server, input=["a", "ab " * 200])
    assert error["code"] == "context_length_exceeded" and error["param"] == "input[1]" and "128 tokens" in error["message"]
    assert refused(server, input="ab " * 100000)["code"] == "context_length_exceeded"


def test_models_of_either_kind_say_what_they_are(server):
    reply, text = raw(server, {"model": "words", "messages": [{"role": "user", "content": "Hi"}]})
    assert reply.status == 400 and "makes embeddings" in text
    assert raw(server, {"model": "nobody", "input": "a"}, "/v1/embeddings")[0].status == 404


def test_every_request_has_its_line(server):
    reply, text = raw(server, {"model": "text-embedding-3-small", "input": ["ab", "cd"]}, "/v1/embeddings")
    tokens = json.loads(text)["usage"]["prompt_tokens"]
    assert json.loads(text)["model"] == "text-embedding-3-small" and reply.headers["x-fulcrum-model"] == "words"
    assert int(reply.headers["x-fulcrum-cost"]) == 3_000_000 * tokens
    line = export(server)[reply.headers["x-request-id"]]
    assert (line["operation"], line["inputTokens"], line["outputTokens"]) == ("CreateEmbedding", tokens, 0)
    assert line["costPicodollars"] == 3_000_000 * tokens and line["outcome"] == "completed"


def test_titan_bodies(server, sdk):
    client = server.client()
    reply = client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body=json.dumps(
        {"inputText": "ab", "dimensions": 32, "embeddingTypes": ["float", "binary"]}))
    body = json.loads(reply["body"].read())
    assert near(body["embedding"], embed(sdk, "words", "ab", dimensions=32)[0])
    assert body["embeddingsByType"]["binary"] == [int(value > 0) for value in body["embedding"]]
    assert str(body["inputTextTokenCount"]) == reply["ResponseMetadata"]["HTTPHeaders"]["x-amzn-bedrock-input-token-count"]
    with pytest.raises(client.exceptions.ValidationException, match="inputText"):
        client.invoke_model(modelId="amazon.titan-embed-text-v2:0", body="{}")


# --- of a provider ---

def test_a_provider_gets_the_body_and_its_numbers_come_back(server, provider, sdk):
    provider.plan()
    body = {"model": "far", "input": ["a", "b"], "dimensions": 3, "encoding_format": "base64", "input_type": "query",
            "n": 1.50}
    reply, text = raw(server, body, "/v1/embeddings")
    made = json.loads(text)
    assert [struct.unpack("<3f", base64.b64decode(item["embedding"])) for item in made["data"]] == [(0, 0.5, -0.25), (1, 0.5, -0.25)]
    assert provider.requests[0].path == "/v1/embeddings" and provider.requests[0].body == {**body, "model": "far-real"}
    assert made["usage"]["prompt_tokens"] == 18 and int(reply.headers["x-fulcrum-cost"]) == 18 * 5_000_000
    line = export(server)[reply.headers["x-request-id"]]
    assert (line["provider"], line["inputTokens"]) == ("oa", 18)
    assert embed(sdk, "far", "a", encoding_format="float") == [[0, 0.5, -0.25]]


def test_a_provider_that_fails_is_asked_again(server, provider, sdk):
    provider.plan({"status": 429, "headers": {"retry-after-ms": "10"}}, {})
    assert embed(sdk, "far", "a") == [[0, 0.5, -0.25]]
    assert len(provider.requests) == 2


def test_nonsense_of_a_provider_is_its_fault(server, provider):
    provider.plan(*[{"body": body} for body in ({"data": []}, {"data": [{"embedding": ["1"]}]}, {})])
    reply, text = raw(server, {"model": "far", "input": "a"}, "/v1/embeddings")
    assert reply.status >= 500, text
    assert len(provider.requests) == 3


def test_a_batch(server, provider):
    """Local and a provider's, with an error among them: numbers as of a request, a line for each."""
    api = openai.OpenAI(api_key="any", base_url=server.url + "/v1", max_retries=0)
    bodies = [{"model": model, "input": ["one", "two words"]} for model in ("words", "far", "last")]
    bodies.append({"model": "words", "input": []})
    made = batches.submit(api, [batches.line(f"r{i}", body, "/v1/embeddings") for i, body in enumerate(bodies)],
                          "/v1/embeddings")
    done = batches.wait_for(api, made)
    assert batches.counts(done) == (4, 3, 1)
    rows = batches.read(api, done.output_file_id)
    for i, body in enumerate(bodies[:3]):
        reply = rows[f"r{i}"]["response"]["body"]
        direct = api.embeddings.create(**body, encoding_format="float")
        assert [item["embedding"] for item in reply["data"]] == [item.embedding for item in direct.data]
        assert reply["usage"] == direct.usage.model_dump()
    lines = [line for line in export(server).values() if line["operation"] == "CreateEmbedding" and line["dialect"] == "openai"]
    assert {line["tier"] for line in lines if line["modelInvoked"] == "words"} >= {"batch"}


def test_they_count_for_a_keys_minute(server):
    made = keys(server, "create", "words", "--tpm", "40")
    own = openai.OpenAI(api_key=made["key"], base_url=server.url + "/v1", max_retries=0)
    assert wait_until(lambda: works(lambda: own.models.list()))

    def is_refused():
        try:
            own.embeddings.create(model="words", input="one two three four five six")
        except openai.RateLimitError:
            return True
        return False

    assert any(is_refused() for _ in range(40))

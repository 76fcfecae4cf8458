"""One dialect more (tests/tools/dialect_server.c): the model stands in the body, streams are server-sent events, errors
and headers are of another shape; and nothing of Bedrock's shows. Bedrock beside it speaks as ever."""

import hashlib
import http.client
import json
import subprocess

import pytest

from conftest import BUILD, FULCRUM, OPERATOR, ask_operator, start, wait_until

MODEL = "tiny"
TOKEN = "fulcrum-test-token"
TENANTS = f"""\
tenants:
  - name: shop
    bearer: [{hashlib.sha256(TOKEN.encode()).hexdigest()}]
{OPERATOR}"""
HELLO = {"model": MODEL, "max_tokens": 3, "temperature": 0, "messages": [{"role": "user", "content": "Hello."}]}


@pytest.fixture(scope="module")
def small(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("dialect"), random_model, extra=TENANTS,
                   program=BUILD / "tests/tools/dialect_server")
    yield server
    assert server.stop() == 0


def ask(server, body, path="/small/talk", token=TOKEN, method="POST", raw=False):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    headers = {"content-type": "application/json"}
    if token:
        headers["authorization"] = f"Bearer {token}"
    connection.request(method, path, body if raw else json.dumps(body), headers)
    reply = connection.getresponse()
    text = reply.read()
    connection.close()
    return reply, text


def oops(server, status, name, *args, **more):
    reply, text = ask(server, *args, **more)
    said = json.loads(text)
    assert (reply.status, said["oops"]) == (status, name), said
    assert reply.headers["content-type"] == "application/json; charset=utf-8"
    assert reply.headers["x-small-id"] and said["id"] == reply.headers["x-small-id"]
    assert not [header for header in reply.headers if "amz" in header.lower()]
    return said["about"]


def test_a_whole_reply(small):
    reply, text = ask(small, HELLO)
    assert reply.status == 200, text
    said = json.loads(text)
    assert said["choices"][0]["message"]["role"] == "assistant" and said["usage"]["completion_tokens"] == 3
    assert reply.headers["x-small-id"] and reply.headers["x-fulcrum-model"] == MODEL
    assert not [header for header in reply.headers if "amz" in header.lower()]


def test_a_stream_of_server_sent_events(small):
    reply, text = ask(small, {**HELLO, "stream": True})
    assert reply.status == 200 and reply.headers["content-type"] == "text/event-stream; charset=utf-8"
    events = text.decode().split("\n\n")
    assert events[-1] == "" and events[-2] == "data: [DONE]"
    chunks = [json.loads(event.removeprefix("data: ")) for event in events[:-2]]
    whole = json.loads(ask(small, HELLO)[1])["choices"][0]["message"]["content"]
    assert "".join(chunk["choices"][0]["delta"].get("content") or "" for chunk in chunks if chunk["choices"]) == whole


def test_the_body_names_the_model(small):
    assert oops(small, 422, "wrong", {**HELLO, "model": None}) == "model: required and missing"
    assert oops(small, 422, "wrong", {**HELLO, "model": 7}) == "model: expected a string, got a number"
    assert oops(small, 410, "gone", {**HELLO, "model": "nobody.knows"}) == "model: nobody.knows"
    assert oops(small, 422, "wrong", {**HELLO, "stream": 1}) == "stream: expected a boolean, got a number"
    assert oops(small, 422, "wrong", "{", raw=True).startswith("malformed JSON")
    assert oops(small, 422, "wrong", "", raw=True).startswith("malformed JSON")


def test_what_is_wrong_with_the_body_is_said_in_the_dialect(small):
    assert oops(small, 422, "wrong", {**HELLO, "max_tokens": -1}).startswith("max_tokens")
    assert oops(small, 422, "wrong", {**HELLO, "stream": True, "messages": []}).startswith("messages")


def test_a_large_body_is_read_beside_the_loop(small):
    body = {**HELLO, "messages": [{"role": "user", "content": "word " * 40000}]}
    assert oops(small, 422, "wrong", body) # longer than the model's context
    assert oops(small, 422, "wrong", {**body, "model": None}) == "model: required and missing"


def test_who_asks(small):
    oops(small, 401, "nobody", HELLO, token=None)
    oops(small, 401, "stranger", HELLO, token="another")


def test_what_is_not_here(small):
    assert oops(small, 404, "nowhere", {}, path="/small/sing") == "Sing is not served here; docs/API.md lists what is."
    assert oops(small, 405, "otherwise", None, method="GET") == "This path takes POST only."
    assert oops(small, 404, "nowhere", {}, path="/small/else") == "There is no operation at this path."


def test_broken_http_is_refused_by_its_path(small):
    connection = http.client.HTTPConnection("127.0.0.1", small.port, timeout=60)
    connection.putrequest("POST", "/small/talk")
    connection.putheader("authorization", f"Bearer {TOKEN}")
    connection.putheader("content-length", str(1 << 40))
    connection.endheaders()
    reply = connection.getresponse()
    assert reply.status == 413 and json.loads(reply.read())["oops"] == "no_http"


def test_bedrock_beside_it_speaks_as_ever(small):
    reply, text = ask(small, {"messages": []}, path=f"/model/{MODEL}/converse")
    assert reply.status == 400 and reply.headers["x-amzn-errortype"] == "ValidationException"
    assert reply.headers["x-amzn-requestid"] and "x-small-id" not in reply.headers
    reply, text = ask(small, {"messages": []}, path=f"/model/{MODEL}/converse", token=None)
    assert reply.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_the_ledger_and_the_metrics_know_it(small):
    ask(small, HELLO)

    def lines():
        out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(small.workdir / "data")],
                             text=True, capture_output=True, check=True).stdout
        return [json.loads(line) for line in out.splitlines()]

    assert wait_until(lambda: [line for line in lines() if line["operation"] == "Talk"])
    line = [line for line in lines() if line["operation"] == "Talk"][-1]
    assert line["dialect"] == "small" and line["tenant"] == "shop"
    assert 'fulcrum_requests_total{operation="Talk"' in ask_operator(small, "/metrics")[1]

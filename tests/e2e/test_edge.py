"""The HTTP edge: credentials before bodies, headers that must be signed, large bodies beside streams, half-closed
connections. What one I/O thread holds and who gives way is tested in memory: tests/unit/test_net_budget.c."""

import contextlib
import hashlib
import http.client
import json
import os
import socket
import threading

import botocore.auth
import botocore.awsrequest
import botocore.credentials
import pytest

from conftest import metrics, start, wait_until

HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
TOKEN = "edge-test-token"
KEY = ("AKIDEDGE", "edge/secret+key")
TENANTS = f"""\
tenants:
  - name: edge
    keys: [{{id: {KEY[0]}, secret: "{KEY[1]}"}}]
    bearer: [{hashlib.sha256(TOKEN.encode()).hexdigest()}]
"""
INVOKE = "/model/anthropic.claude-3-5-sonnet-20241022-v2:0/invoke"
CONVERSE = "/model/tiny/converse"
BEARER = {"Authorization": f"Bearer {TOKEN}"}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("edge"), random_model, extra=TENANTS)
    yield server
    assert server.stop() == 0


def body(padding=0, tokens=2):
    return json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": tokens}}).encode() + b" " * padding


def signed(server, method, path, data=b"", service="bedrock", key=KEY, headers=None, shift=None):
    """Headers as botocore signs them."""
    request = botocore.awsrequest.AWSRequest(method=method, url=server.url + path, data=data,
                                             headers={"Content-Type": "application/json", **(headers or {})})
    signer = botocore.auth.S3SigV4Auth if service == "s3" else botocore.auth.SigV4Auth
    signer(botocore.credentials.Credentials(*key), service, "us-east-1").add_auth(request)
    found = dict(request.headers.items())
    if shift:
        found["X-Amz-Date"] = shift + found["X-Amz-Date"][4:]
    return {"Host": f"127.0.0.1:{server.port}", **found}


def head(method, path, headers, length):
    lines = [f"{method} {path} HTTP/1.1", *(f"{k}: {v}" for k, v in headers.items()), f"Content-Length: {length}"]
    return ("\r\n".join(lines) + "\r\n\r\n").encode()


def exchange(server, request, timeout=30):
    """All that comes back until the server closes, or one whole reply."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=timeout) as raw:
        raw.sendall(request)
        found = b""
        while b"\r\n\r\n" not in found.replace(b"100 Continue\r\n\r\n", b""):
            part = raw.recv(65536)
            if not part:
                break
            found += part
            if found == b"HTTP/1.1 100 Continue\r\n\r\n":
                break
        return found


def post(server, path, data, headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, data, headers)
    reply = connection.getresponse()
    found = reply.read()
    connection.close()
    return reply, found


# --- credentials before bodies ---

def refused_by_headers(server):
    """(what, method, path, headers, status): none of these may cost a byte of body."""
    good = signed(server, "POST", CONVERSE, body())
    other = {**good, "Host": good["Host"]}
    yield "nothing", "POST", CONVERSE, {"Host": "a"}, 403
    yield "an unknown token", "POST", CONVERSE, {"Host": "a", "Authorization": "Bearer no"}, 403
    yield "no signature", "POST", CONVERSE, {**other, "Authorization": "AWS4-HMAC-SHA256 nonsense"}, 400
    yield "an unknown key", "POST", CONVERSE, signed(server, "POST", CONVERSE, body(), key=("AKIDNO", "x")), 403
    yield "another year", "POST", CONVERSE, {**other, "X-Amz-Date": "2019" + good["X-Amz-Date"][4:]}, 400
    yield "an unsigned header", "POST", CONVERSE, {**other, "x-fulcrum-cache-salt": "x"}, 403
    stated = signed(server, "POST", CONVERSE, body(), key=(KEY[0], "wrong"),
                    headers={"X-Amz-Content-SHA256": hashlib.sha256(body()).hexdigest()})
    yield "a wrong signature over a stated hash", "POST", CONVERSE, stated, 403
    yield "no such path", "POST", "/no/such/path", BEARER | {"Host": "a"}, 404
    yield "a job by nobody", "POST", "/model-invocation-job", {"Host": "a"}, 403
    yield "an object by nobody", "PUT", "/some-bucket/key", {"Host": "a"}, 403
    yield "an object by another", "PUT", "/some-bucket/key", signed(server, "PUT", "/some-bucket/key", b"", "s3",
                                                                    key=("AKIDNO", "x")), 403
    yield "a deletion by nobody", "POST", "/some-bucket?delete", {"Host": "a"}, 403


@pytest.mark.parametrize("expects", [False, True])
def test_who_is_refused_by_the_headers_sends_no_body(guarded, expects):
    for what, method, path, headers, status in refused_by_headers(guarded):
        more = {"Expect": "100-continue"} if expects else {}
        answer = exchange(guarded, head(method, path, {**headers, **more}, 10_000_000))
        assert answer.startswith(f"HTTP/1.1 {status} ".encode()), (what, answer)
        assert b"connection: close" in answer, what


def test_who_is_known_is_told_to_go_on(guarded):
    for headers in (BEARER | {"Host": "a"}, signed(guarded, "POST", CONVERSE, body())):
        request = head("POST", CONVERSE, {**headers, "Expect": "100-continue"}, len(body()))
        assert exchange(guarded, request) == b"HTTP/1.1 100 Continue\r\n\r\n"
        assert b"HTTP/1.1 200 OK" in exchange(guarded, request.replace(b"Expect: 100-continue\r\n", b"") + body())


@pytest.mark.parametrize("padding", [0, 300_000])
def test_the_body_is_checked_when_it_has_come(guarded, padding):
    data = body(padding)
    for stated in ({}, {"X-Amz-Content-SHA256": hashlib.sha256(data).hexdigest()}):
        headers = signed(guarded, "POST", CONVERSE, data, headers=stated)
        assert post(guarded, CONVERSE, data, headers)[0].status == 200
        for other in (data.replace(b"there", b"where"), data[:-1] + b"\n"):
            reply, text = post(guarded, CONVERSE, other, headers)
            assert reply.status == 403 and reply.headers["x-amzn-ErrorType"] == "InvalidSignatureException", text


def test_a_body_of_another_operation_is_small(server):
    reply, text = post(server, "/model-invocation-job", b" " * 1_100_000, {"Content-Type": "application/json"})
    assert reply.status == 413, text


# --- headers that must be signed ---

@pytest.mark.parametrize("name,value", [
    ("x-fulcrum-cache-salt", "other"), ("X-Amzn-Bedrock-Service-Tier", "priority"),
    ("X-Amzn-Bedrock-PerformanceConfig-Latency", "optimized"), ("X-Amzn-Bedrock-Request-Metadata", "{}"),
    ("x-fulcrum-anything", "1"), ("x-amz-anything", "1")])
def test_a_header_that_means_something_must_be_signed(guarded, name, value):
    path = INVOKE
    data = json.dumps({"anthropic_version": "bedrock-2023-05-31", "max_tokens": 2, "messages": [
        {"role": "user", "content": "Hello"}]}).encode()
    reply, text = post(guarded, path, data, {**signed(guarded, "POST", path, data), name: value})
    assert reply.status == 403 and name.lower() in json.loads(text)["message"]
    reply, text = post(guarded, path, data, signed(guarded, "POST", path, data, headers={name: value}))
    assert reply.status != 403, text
    assert post(guarded, path, data, {**BEARER, "Content-Type": "application/json", name: value})[0].status != 403


def test_a_header_of_those_on_the_way_need_not_be_signed(guarded):
    more = {"X-Amzn-Trace-Id": "Root=1-2-3", "X-Forwarded-For": "10.0.0.1", "User-Agent": "proxy", "Via": "1.1 x"}
    assert post(guarded, CONVERSE, body(), {**signed(guarded, "POST", CONVERSE, body()), **more})[0].status == 200


# --- large bodies ---

class Gate:
    """Work on large bodies waits at a FIFO until it is opened."""

    def __init__(self, folder):
        self.path = str(folder / "gate")
        os.mkfifo(self.path)
        self.env = {"FULCRUM_OFFLOAD_GATE": self.path}

    def let_one_through(self):
        with contextlib.suppress(BrokenPipeError), open(self.path, "wb", buffering=0) as gate:
            gate.write(b"1")

    def open(self):
        """For good: for the work that waits and for all that comes."""
        def let_through():
            while True:
                self.let_one_through()
        threading.Thread(target=let_through, daemon=True).start()


@pytest.fixture
def gated(tmp_path, random_model):
    gate = Gate(tmp_path)
    server = start(tmp_path, random_model, deterministic=False, extra="io_threads: 1\n", env=gate.env)
    server.gate = gate
    yield server
    gate.open()
    assert server.stop() == 0


def running(server):
    return metrics(server)["fulcrum_offloaded_running"]


def test_a_stream_flows_beside_a_large_body(gated):
    answers = []
    waiting = threading.Thread(target=lambda: answers.append(
        post(gated, CONVERSE, body(3_000_000), {"Content-Type": "application/json"})[0].status))
    waiting.start()
    assert wait_until(lambda: running(gated) == 1, timeout=60)
    reply = gated.client().converse_stream(modelId="tiny", messages=HELLO,
                                           inferenceConfig={"maxTokens": 300, "temperature": 1})
    events = list(reply["stream"])  # on the same, the only, I/O thread, to its end
    assert len(events) > 3 and "metadata" in events[-1]
    assert running(gated) == 1 and not answers
    gated.gate.open()
    waiting.join(60)
    assert answers == [200]
    assert running(gated) == 0


def test_a_client_may_leave_while_its_large_body_is_worked_on(gated):
    data = body(1_000_000)
    with socket.create_connection(("127.0.0.1", gated.port), timeout=60) as raw:
        raw.sendall(head("POST", CONVERSE, {"Host": "a", "Content-Type": "application/json"}, len(data)) + data)
        assert wait_until(lambda: running(gated) == 1, timeout=60)
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, b"\1\0\0\0\0\0\0\0")  # a reset
    assert wait_until(lambda: metrics(gated)["fulcrum_connections"] == 1)  # that of the question itself
    gated.gate.open()
    assert wait_until(lambda: running(gated) == 0, timeout=60)
    assert wait_until(lambda: "status=499" in gated.log())
    assert post(gated, CONVERSE, body(), {"Content-Type": "application/json"})[0].status == 200


@pytest.mark.parametrize("padding", [0, 200_000])
def test_large_bodies_mean_the_same(server, padding):
    """The answer does not depend on where the work is done."""
    blank = " " * padding
    asked = {
        "/model/tiny/converse": {"messages": HELLO, "inferenceConfig": {"maxTokens": 4, "temperature": 0}},
        INVOKE: {"anthropic_version": "bedrock-2023-05-31", "max_tokens": 4, "temperature": 0,
                               "messages": [{"role": "user", "content": "Hello there."}]},
        "/model/tiny/count-tokens": {"input": {"converse": {"messages": HELLO}}},
    }
    for path, wanted in asked.items():
        text = json.dumps(wanted)
        short, whole = post(server, path, text, {"Content-Type": "application/json"})
        reply, found = post(server, path, text + blank, {"Content-Type": "application/json"})
        assert (reply.status, short.status) == (200, 200), found
        for volatile in ("metrics", "id"):
            whole, found = (json.dumps({k: v for k, v in json.loads(t).items() if k != volatile})
                            for t in (whole, found))
        assert found == whole
    for path, broken in (("/model/tiny/converse", b'{"messages": 1}'), ("/model/nobody/converse", body()),
                         ("/model/tiny/count-tokens", b"{"), (INVOKE, b"[]")):
        reply, found = post(server, path, broken + blank.encode(), {"Content-Type": "application/json"})
        assert reply.status in (400, 404), found
        assert reply.headers["x-amzn-ErrorType"].endswith("Exception")


def test_a_prompt_too_long_for_the_model_is_still_named_so(server):
    long = json.dumps({"messages": [{"role": "user", "content": [{"text": "word " * 40_000}]}]})
    reply, found = post(server, CONVERSE, long, {"Content-Type": "application/json"})
    assert reply.status == 400 and b"too long" in found, found


# --- half-closed connections ---

@pytest.mark.parametrize("operation", ["converse", "converse-stream"])
def test_half_a_close_is_no_farewell(server, operation):
    data = body(tokens=40)
    with socket.create_connection(("127.0.0.1", server.port), timeout=60) as raw:
        raw.sendall(head("POST", f"/model/tiny/{operation}", {"Host": "a", "Content-Type": "application/json"},
                         len(data)) + data)
        raw.shutdown(socket.SHUT_WR)
        found = b""
        while part := raw.recv(65536):
            found += part
    interim = b"HTTP/1.1 100 Continue\r\n\r\n"
    while found.startswith(interim):
        found = found.removeprefix(interim)
    assert found.startswith(b"HTTP/1.1 200 OK")
    assert b"messageStop" in found or b"outputTokens" in found

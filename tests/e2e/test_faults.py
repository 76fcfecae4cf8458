"""Bad bytes, killed workers, vanished clients, draining, locks."""

import http.client
import json
import os
import signal
import socket
import threading
import time

import botocore.exceptions
import pytest

from conftest import FULCRUM, Server, start, wait_until

MODEL = "tiny"
HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
PATH = f"/model/{MODEL}/converse"


def post(server, body, path=PATH, headers=None, method="POST"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.request(method, path, body, {"Content-Type": "application/json", **(headers or {})})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply, data


@pytest.mark.parametrize("body,word", [
    (b"", "JSON"), (b"{", "JSON"), (b'{"messages": 5}', "messages"), (b"[1]", "object"),
    (b'{"messages": ' + b"[" * 200 + b"]" * 200 + b"}", "deep"), (b'\xff\xfe', "JSON"),
    (b'{"messages":[{"role":"user","content":[{"text":"a","image":{}}]}]}', "content"),
    (b'{"messages":[{"role":"robot","content":[{"text":"a"}]}]}', "role"),
    (b'{"messages":[{"role":"user","content":[{"text":"a"}]}],"inferenceConfig":{"maxTokens":0}}', "maxTokens"),
    (b'{"messages":[{"role":"user","content":[{"text":"a"}]}],"inferenceConfig":{"temperature":2}}', "temperature"),
])
def test_bad_bodies_get_a_validation_exception(server, body, word):
    reply, data = post(server, body)
    assert reply.status == 400, data
    assert reply.headers["x-amzn-ErrorType"].startswith("ValidationException")
    assert word in json.loads(data)["message"]


def test_body_over_the_limit(server):
    reply, data = post(server, b'{"messages": "' + b"a" * 25_000_001 + b'"}')
    assert reply.status in (400, 413), data
    assert json.loads(data)["message"]


def test_unknown_paths_and_methods(server):
    assert post(server, b"{}", path="/nothing/here")[0].status == 404
    assert post(server, b"", method="GET")[0].status in (404, 405)


@pytest.mark.parametrize("junk", [
    b"\x00\x01\x02\x03\r\n\r\n", b"GET\r\n\r\n", b"POST / HTTP/1.1\r\nContent-Length: x\r\n\r\n",
    b"POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
    b"GET / HTTP/9.9\r\n\r\n", b"PRI * HTTP/2.0\r\n\r\nXX\r\n\r\n", b"GET /" + b"a" * 100000 + b" HTTP/1.1\r\n\r\n"])
def test_broken_http_is_answered_and_survived(server, junk):
    with socket.create_connection(("127.0.0.1", server.port)) as raw:
        try:
            raw.sendall(junk)
            raw.shutdown(socket.SHUT_WR)
            answer = raw.recv(65536)
        except (ConnectionResetError, BrokenPipeError):
            answer = b""
    assert answer == b"" or answer.startswith(b"HTTP/1.1 4") or answer.startswith(b"HTTP/1.1 5") or b"\x07" in answer
    assert post(server, json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": 1}}))[0].status == 200


def test_health_readiness_metrics(server):
    assert post(server, b"", path="/healthz", method="GET")[0].status == 200
    assert post(server, b"", path="/readyz", method="GET")[0].status == 200
    post(server, json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": 3}}))
    reply, data = post(server, b"", path="/metrics", method="GET")
    text = data.decode()
    assert reply.headers["content-type"].startswith("text/plain")
    for name in ("fulcrum_requests_total", "fulcrum_engine_prefilled_tokens_total",
                 "fulcrum_engine_generated_tokens_total", "fulcrum_worker_restarts_total",
                 "fulcrum_time_to_first_token_seconds_bucket"):
        assert name in text, name
    generated = [line for line in text.splitlines() if line.startswith("fulcrum_engine_generated_tokens_total{")]
    assert float(generated[0].split()[-1]) >= 3


def test_killed_worker_serves_again_and_nobody_hangs(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)
    client = server.client()
    outcomes = []

    def ask():
        try:
            reply = client.converse_stream(modelId=MODEL, messages=HELLO,
                                           inferenceConfig={"maxTokens": 1900, "temperature": 1})
            for _ in reply["stream"]:
                pass
            outcomes.append("completed")
        except botocore.exceptions.EventStreamError as error:
            outcomes.append(error.response["Error"]["Code"])
        except botocore.exceptions.ClientError as error:
            outcomes.append(error.response["Error"]["Code"])

    threads = [threading.Thread(target=ask) for _ in range(4)]
    for thread in threads:
        thread.start()
    time.sleep(0.3)
    (pid,) = server.workers().values()
    os.kill(pid, signal.SIGKILL)

    def serves():
        try:
            client.converse(modelId=MODEL, messages=HELLO, inferenceConfig={"maxTokens": 1})
            return True
        except botocore.exceptions.ClientError:
            return False

    assert wait_until(serves, timeout=60)
    for thread in threads:
        thread.join(20)
        assert not thread.is_alive()
    allowed = {"completed", "ModelErrorException", "ServiceUnavailableException", "modelStreamErrorException",
               "serviceUnavailableException", "modelErrorException"}
    assert len(outcomes) == 4 and set(outcomes) <= allowed, outcomes
    assert server.stop() == 0


def test_workers_die_with_their_gateway(tmp_path, random_model):
    server = start(tmp_path, random_model)
    pids = list(server.workers().values())
    assert pids
    server.process.kill()
    server.process.wait()
    assert wait_until(lambda: not any(os.path.exists(f"/proc/{pid}") for pid in pids))


def test_a_vanished_client_costs_no_more_tokens(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False)

    def generated():
        text = post(server, b"", path="/metrics", method="GET")[1].decode()
        return sum(float(line.split()[-1]) for line in text.splitlines()
                   if line.startswith("fulcrum_engine_generated_tokens_total{"))

    body = json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": 1900, "temperature": 1}}).encode()
    raw = socket.create_connection(("127.0.0.1", server.port))
    raw.sendall(b"POST /model/tiny/converse-stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                b"Content-Length: %d\r\n\r\n" % len(body) + body)
    raw.recv(100)
    raw.close()
    time.sleep(0.3)
    first = generated()
    time.sleep(0.7)
    assert generated() == first < 1900
    assert server.stop() == 0


def test_overload_is_refused_early(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=True, extra="limits:\n  queue_requests: 2\n")
    codes, lock = [], threading.Lock()

    def ask():
        reply, _ = post(server, json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": 600,
                                                                                  "temperature": 1}}))
        with lock:
            codes.append((reply.status, reply.headers.get("x-amzn-ErrorType"), reply.headers.get("Retry-After")))

    threads = [threading.Thread(target=ask) for _ in range(24)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(120)
    refused = [code for code in codes if code[0] == 429]
    assert refused and all(code[1].startswith("ThrottlingException") and int(code[2]) >= 1 for code in refused)
    assert any(code[0] == 200 for code in codes)
    assert server.stop() == 0


def test_sigterm_drains(tmp_path, random_model):
    server = start(tmp_path, random_model)
    results = []
    thread = threading.Thread(target=lambda: results.append(post(server, json.dumps(
        {"messages": HELLO, "inferenceConfig": {"maxTokens": 400, "temperature": 0}}))[0].status))
    thread.start()
    time.sleep(0.15)
    assert server.stop() == 0
    thread.join(10)
    assert results == [200]


def test_second_server_on_the_same_data_directory_says_who(tmp_path, random_model):
    server = start(tmp_path, random_model)
    with pytest.raises(RuntimeError, match=str(server.process.pid)):
        start(tmp_path, random_model)
    assert server.stop() == 0


def test_second_server_on_the_same_port_is_refused(tmp_path, random_model, tmp_path_factory):
    server = start(tmp_path, random_model)
    with pytest.raises(RuntimeError, match="listen|in use"):
        start(tmp_path_factory.mktemp("second"), random_model, args=["--listen", f"127.0.0.1:{server.port}"])
    assert server.stop() == 0


@pytest.mark.parametrize("config,word", [
    ("nonsense: 1\n", "nonsense"), ("models: 5\n", "models"), ("listen: 8080x\n", "listen"),
    ("models:\n  - name: a\n    path: /no/such.gguf\n", "/no/such.gguf"), ("a: [\n", "fulcrum.yaml")])
def test_bad_configuration_is_exit_2_with_the_place(tmp_path, config, word):
    import subprocess
    path = tmp_path / "fulcrum.yaml"
    path.write_text(config)
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], capture_output=True, text=True,
                          check=False)
    assert done.returncode == 2
    assert word in done.stderr and str(path) in done.stderr


def test_not_loopback_needs_tenants_and_tls(tmp_path, random_model):
    with pytest.raises(RuntimeError, match="insecure"):
        start(tmp_path, random_model, args=["--listen", "0.0.0.0:0"])


def test_no_configuration_at_all(tmp_path):
    server = Server(workdir=tmp_path)
    reply = server.client().converse(modelId="anthropic.claude-3-haiku-20240307-v1:0", messages=HELLO,
                                     inferenceConfig={"maxTokens": 5})
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-model"] == "desk-small"
    assert server.stop() == 0

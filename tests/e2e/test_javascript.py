"""The AWS SDK for JavaScript: it opens with the HTTP/2 preface, over plain TCP and over TLS."""

import json
import os
import shutil
import subprocess

import pytest

from conftest import ROOT, start


def run(url, ca=None, script="bedrock.mjs", argument="", **more):
    modules = os.environ.get("FULCRUM_NODE_MODULES")
    if not modules or not shutil.which("node"):
        pytest.skip("skipped: no node")
    env = {**os.environ, "FULCRUM_URL": url, **more}
    if ca:
        env["NODE_EXTRA_CA_CERTS"] = str(ca)
    done = subprocess.run(["node", str(ROOT / "tests/e2e" / script), argument], env=env, capture_output=True, text=True,
                          timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def check(result):
    assert result["converse"]["usage"]["outputTokens"] == 12
    assert result["converse"]["stopReason"] == "max_tokens"
    assert result["stream"]["names"][0] == "messageStart" and result["stream"]["names"][-1] == "metadata"
    assert result["stream"]["text"] == result["converse"]["text"]
    assert result["count"] == result["converse"]["usage"]["inputTokens"]
    assert result["invoke"]["usage"]["output_tokens"] == 12
    assert result["invokeStream"][0] == "message_start" and result["invokeStream"][-1] == "message_stop"
    assert "anthropic.claude-3-5-sonnet-20241022-v2:0" in result["models"]
    assert result["errors"] == {"unknown": "ValidationException", "image": "ValidationException"}
    assert result["parallel"] == 16


def test_over_h2c(server):
    check(run(server.url))


def check_objects(result):
    assert result == {"etag": True, "stream": True, "metadata": {"a": "b"}, "range": True,
                      "keys": ["a b/ü.bin", "parts", "stream"], "left": 0, "error": "NoSuchKey"}


def test_objects(server):
    check_objects(run(server.url, script="s3.mjs"))


def test_objects_with_signatures(tmp_path, random_model):
    server = start(tmp_path, random_model, extra='tenants: [{name: shop, keys: [{id: AKIDSHOP, secret: "s/+x"}]}]\n')
    check_objects(run(server.url, script="s3.mjs", FULCRUM_KEY="AKIDSHOP", FULCRUM_SECRET="s/+x"))
    assert server.stop() == 0


def test_signatures_over_http2_are_checked(tmp_path, random_model):
    tenants = 'tenants: [{name: shop, keys: [{id: AKIDSHOP, secret: "s/+x"}]}]\n'
    server = start(tmp_path, random_model, extra=tenants)
    check(run(server.url, FULCRUM_KEY="AKIDSHOP", FULCRUM_SECRET="s/+x"))
    assert "tenant=shop" in server.log()
    assert server.stop() == 0


@pytest.fixture(scope="module")
def certificate(tmp_path_factory):
    folder = tmp_path_factory.mktemp("tls")
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=127.0.0.1",
                    "-addext", "subjectAltName=IP:127.0.0.1", "-keyout", str(folder / "key.pem"),
                    "-out", str(folder / "cert.pem")], check=True, capture_output=True)
    return folder


def test_over_tls(tmp_path, random_model, certificate):
    server = start(tmp_path, random_model,
                   extra=f"tls: {{cert: {certificate}/cert.pem, key: {certificate}/key.pem}}\n")
    assert server.url.startswith("https://")
    check(run(server.url, certificate / "cert.pem"))
    client = server.client(verify=str(certificate / "cert.pem"))
    reply = client.converse(modelId="tiny", messages=[{"role": "user", "content": [{"text": "hi"}]}],
                            inferenceConfig={"maxTokens": 2})
    assert reply["usage"]["outputTokens"] == 2
    assert server.stop() == 0

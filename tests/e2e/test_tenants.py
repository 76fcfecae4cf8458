"""With `tenants:` signatures and keys are checked; without, everybody on loopback is let in by name."""

import hashlib
import http.client
import json

import anthropic
import botocore.exceptions
import openai
import pytest

from conftest import start, wait_until
from keys_fixture import ask_anthropic, ask_openai

HELLO = [{"role": "user", "content": [{"text": "Hello there."}]}]
BODY = json.dumps({"messages": HELLO, "inferenceConfig": {"maxTokens": 2}})
TOKEN, BUSY, WORDY = "fulcrum-test-token", "fulcrum-test-busy", "fulcrum-test-wordy"
TENANTS = f"""\
tenants:
  - name: shop
    keys: [{{id: AKIDSHOP, secret: "sh0p/secret+key"}}]
    bearer: [{hashlib.sha256(TOKEN.encode()).hexdigest()}]
  - name: busy
    keys: [{{id: AKIDBUSY, secret: "busy/secret"}}]
    bearer: [{hashlib.sha256(BUSY.encode()).hexdigest()}]
    rate: {{requests_per_minute: 2}}
  - name: wordy
    bearer: [{hashlib.sha256(WORDY.encode()).hexdigest()}]
    rate: {{tokens_per_minute: 5}}
"""


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("tenants"), random_model, extra=TENANTS)
    yield server
    assert server.stop() == 0


def client(server, key, secret):
    import boto3
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=server.url, aws_access_key_id=key,
                        aws_secret_access_key=secret)


def ask(of):
    return of.converse(modelId="anthropic.claude-3-5-sonnet-20241022-v2:0", messages=HELLO,
                       inferenceConfig={"maxTokens": 2})


def post(server, headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("POST", "/model/tiny/converse", BODY, {"Content-Type": "application/json", **headers})
    reply = connection.getresponse()
    reply.read()
    connection.close()
    return reply.status


def test_a_good_signature_is_let_in(guarded):
    assert ask(client(guarded, "AKIDSHOP", "sh0p/secret+key"))["usage"]["outputTokens"] == 2
    assert wait_until(lambda: "tenant=shop" in guarded.log())


@pytest.mark.parametrize("key,secret,code", [
    ("AKIDSHOP", "wrong", "InvalidSignatureException"), ("AKIDNOBODY", "x", "UnrecognizedClientException")])
def test_others_are_refused_by_name(guarded, key, secret, code):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        ask(client(guarded, key, secret))
    assert caught.value.response["Error"]["Code"] == code
    assert caught.value.response["ResponseMetadata"]["HTTPStatusCode"] == 403


def test_bearer_tokens(guarded):
    assert post(guarded, {"Authorization": f"Bearer {TOKEN}"}) == 200
    assert post(guarded, {"x-api-key": TOKEN}) == 200
    assert post(guarded, {"Authorization": "Bearer other"}) == 403
    assert post(guarded, {}) == 403
    assert TOKEN not in guarded.log()


def test_a_tenants_minute_is_one_for_all_its_credentials(guarded):
    pair = client(guarded, "AKIDBUSY", "busy/secret")
    ask(pair)
    ask_openai(guarded, BUSY, tokens=1)
    with pytest.raises(openai.RateLimitError) as refused:
        ask_openai(guarded, BUSY, tokens=1)
    assert refused.value.code == "rate_limit_exceeded"
    assert "The tenant 'busy' has used its 2 requests a minute." in refused.value.message
    assert 0 < int(refused.value.response.headers["retry-after"]) <= 30
    with pytest.raises(anthropic.RateLimitError) as limited:
        ask_anthropic(guarded, BUSY)
    assert limited.value.response.json()["error"]["type"] == "rate_limit_error"
    with pytest.raises(botocore.exceptions.ClientError) as throttled:
        ask(pair)
    assert throttled.value.response["Error"]["Code"] == "ThrottlingException"
    assert post(guarded, {"Authorization": f"Bearer {TOKEN}"}) == 200


def test_a_tenants_tokens_a_minute(guarded):
    ask_openai(guarded, WORDY, tokens=60)
    with pytest.raises(openai.RateLimitError) as refused:  # a debt of what went over
        ask_openai(guarded, WORDY, tokens=1)
    assert "The tenant 'wordy' has used its 5 tokens a minute." in refused.value.message


def test_without_tenants_the_key_names_who_asks(server):
    ask(server.client(key="AKIDWHO"))
    assert wait_until(lambda: "tenant=AKIDWHO" in server.log())
    assert post(server, {"Authorization": "Bearer abc"}) == 200
    assert wait_until(lambda: "tenant=key-" + hashlib.sha256(b"abc").hexdigest()[:12] in server.log())
    assert post(server, {}) == 200
    assert wait_until(lambda: "tenant=default" in server.log())

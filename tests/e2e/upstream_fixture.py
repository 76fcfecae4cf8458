"""What tests of upstreams share: the key and the prices of fake_provider.py's models, what its usual reply costs,
requests by Converse and lines of the ledger."""

import http.client
import json
import subprocess

import botocore.exceptions
import pytest

from conftest import FULCRUM

KEY = "sk-this-is-nobody-elses-business"
PRICE = "{input: 2, output: 10, cache_read: 0.2, cache_write_5m: 2.5, cache_write_1h: 4}"
COST = 2_000_000 * 11 + 10_000_000 * 7 + 200_000 * 100 + 2_500_000 * 20  # of fake_provider.USAGE


def ask(model, text="hello", **more):
    return {"modelId": model, "messages": [{"role": "user", "content": [{"text": text}]}], **more}


def text_of(reply):
    return reply["output"]["message"]["content"][0]["text"]


def streamed(reply):
    """Text and final usage of a stream, and the error that ended it."""
    text, usage, failure = "", None, None
    try:
        for event in reply["stream"]:
            text += event.get("contentBlockDelta", {}).get("delta", {}).get("text", "")
            usage = event.get("metadata", {}).get("usage", usage)
    except botocore.exceptions.EventStreamError as error:
        failure = error.response["Error"]["Code"]
    return text, usage, failure


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**arguments)
    return caught.value.response


def post(server, path, body, **headers):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, json.dumps(body), {"content-type": "application/json", **headers})
    reply = connection.getresponse()
    text = json.loads(reply.read())
    connection.close()
    return reply, text


def lines(server):
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--json", "--data", str(server.workdir / "data")], text=True,
                         capture_output=True, check=True).stdout
    return [json.loads(line) for line in out.splitlines()]


def line_of(server, reply):
    request = reply["ResponseMetadata"]["RequestId"]
    found = [line for line in lines(server) if line["requestId"] == request]
    assert len(found) <= 1
    return found[0] if found else None

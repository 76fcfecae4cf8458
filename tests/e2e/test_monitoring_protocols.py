"""Which requests are the monitoring service's, in which protocol they are answered, and damaged bodies."""

import json

import pytest

from conftest import start
from monitoring_fixture import PROTOCOLS, SERVICE, client, code_of, form, raw
from test_tenants import TENANTS

CBOR = {"smithy-protocol": "rpc-v2-cbor", "Content-Type": "application/cbor", "Accept": "application/cbor"}


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_not_served_is_refused_in_its_protocol(server, protocol):
    code, status = code_of(client(server, protocol).put_metric_stream, Name="s", FirehoseArn="arn:aws:x:y:z:1:a",
                           RoleArn="arn:aws:iam::123456789012:role/r", OutputFormat="json")
    assert code == "InvalidAction" and status in (400, 404)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_with_tenants_credentials_are_checked(tmp_path, random_model, protocol):
    server = start(tmp_path, random_model, extra=TENANTS)
    for key, secret, code in (("AKIDSHOP", "wrong", "SignatureDoesNotMatch"),
                              ("AKIDNOBODY", "x", "InvalidClientTokenId")):
        assert code_of(client(server, protocol, key, secret).list_metrics) == (code, 403)
    assert server.stop() == 0


def test_damaged_bodies_have_typed_errors(server):
    for target, body, word in (("ListMetrics", b"{", "malformed JSON"), ("ListMetrics", b"[]", "expected an object"),
                               ("ListMetrics", b'{"Namespace":7}', "Namespace: expected a string"),
                               ("GetMetricData", b"[" * 5000, "nested deeper")):
        status, headers, text = raw(server, body=body, target=target)
        reply = json.loads(text)
        assert status == 400 and reply["__type"] == "com.amazonaws.cloudwatch#SerializationException", text
        assert word in reply["message"] and headers["x-amzn-query-error"] == "SerializationException;Sender"
        assert headers["content-type"] == "application/x-amz-json-1.0"
    status, headers, text = raw(server, body=b"{}", target="GetMetricData")
    assert status == 400 and headers["x-amzn-query-error"] == "MissingParameter;Sender"
    assert "MetricDataQueries is required" in json.loads(text)["message"]

    path = f"/service/{SERVICE}/operation/ListMetrics"
    for body in (b"\xa1", b"\x18", b"\x81" * 5000, b"\xff", b"\xa1\x01\x01", b"\xa1\x61a\xf9\x7e\x00"):
        status, headers, text = raw(server, path=path, body=body, headers=CBOR)
        assert status == 400 and headers["smithy-protocol"] == "rpc-v2-cbor"
        assert headers["content-type"] == "application/cbor" and b"#SerializationException" in text
        assert headers["x-amzn-query-error"] == "SerializationException;Sender"

    for fields in ({"Namespace.x": "1"}, {"Dimensions": "x"}, {"Dimensions.member.x.Name": "1"}):
        status, headers, text = form(server, {"Action": "ListMetrics", **fields})
        assert status == 400 and b"<Code>SerializationException</Code>" in text and b"<Type>Sender</Type>" in text
        assert headers["content-type"] == "text/xml"
    assert form(server, {"Action": "Nothing"})[0] == 404


def test_packed_bodies(server):
    import gzip

    packed = {"Content-Encoding": "gzip"}
    status, _, text = raw(server, body=gzip.compress(b'{"Namespace":7}'), target="ListMetrics", headers=packed)
    assert status == 400 and b"Namespace: expected a string" in text
    for body in (b"no gzip", gzip.compress(b"{}")[:-9], b""):
        status, _, text = raw(server, body=body, target="ListMetrics", headers=packed)
        assert status == 400 and b"gzip" in text
    bomb = gzip.compress(b" " * (64 << 20))
    status, headers, text = raw(server, body=bomb, target="ListMetrics", headers=packed)
    assert status == 400 and headers["x-amzn-query-error"] == "LimitExceeded;Sender", text


def test_others_keep_their_paths(server):
    """The first page, S3 buckets and the token service are not taken away."""
    assert raw(server, "GET", "/")[0] == 404
    assert raw(server, "POST", "/", b"Version=1")[0] == 404
    assert form(server, {"Action": "GetCallerIdentity", "Version": "2011-06-15"})[0] == 200

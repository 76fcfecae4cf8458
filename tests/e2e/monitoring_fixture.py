"""Requests to the monitoring service as its three protocols write them: boto3 itself speaks JSON, the other two are
made of the same service model by botocore's own serializers."""

import http.client
import urllib.parse

import botocore.config
import botocore.exceptions
import botocore.session
import pytest

SERVICE = "GraniteServiceVersion20100801"
PROTOCOLS = ["json", "query", "smithy-rpc-v2-cbor"]


def client(server, protocol="json", key="AKIDEXAMPLE", secret="secret"):
    """A real client; botocore takes the protocol from the model, in which the others are left out."""
    session = botocore.session.get_session()
    loader = session.get_component("data_loader")
    whole = loader.load_service_model

    def one_protocol(service, kind, *more, **named):
        model = whole(service, kind, *more, **named)
        if kind == "service-2":
            model = {**model, "metadata": {**model["metadata"], "protocol": protocol, "protocols": [protocol]}}
        return model

    loader.load_service_model = one_protocol
    return session.create_client(
        "cloudwatch", region_name="us-east-1", endpoint_url=server.url, aws_access_key_id=key,
        aws_secret_access_key=secret, config=botocore.config.Config(retries={"max_attempts": 0}))


def code_of(call, **parameters):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        call(**parameters)
    return caught.value.response["Error"]["Code"], caught.value.response["ResponseMetadata"]["HTTPStatusCode"]


def raw(server, method="POST", path="/", body=b"", headers=None, target=None):
    """Unsigned, which loopback allows. Status, headers, body."""
    headers = dict(headers or {})
    if target:
        headers["X-Amz-Target"] = f"{SERVICE}.{target}"
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply.status, reply.headers, data


def form(server, fields, **more):
    headers = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
    return raw(server, body=urllib.parse.urlencode({"Version": "2010-08-01", **fields}), headers=headers, **more)

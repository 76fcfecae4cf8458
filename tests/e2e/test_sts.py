"""GetCallerIdentity, as tools ask it before they do anything."""

import http.client
import re

import boto3
import botocore.exceptions
import pytest

from conftest import start
from test_tenants import TENANTS

FORM = {"Content-Type": "application/x-www-form-urlencoded; charset=utf-8"}
ASK = "Action=GetCallerIdentity&Version=2011-06-15"


def sts(server, key="AKIDEXAMPLE", secret="secret"):
    return boto3.client("sts", region_name="us-east-1", endpoint_url=server.url, aws_access_key_id=key,
                        aws_secret_access_key=secret)


def raw(server, method, path, body=None, headers=FORM):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=20)
    connection.request(method, path, body, headers)
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, reply.headers["content-type"], text


def test_who_am_i(server):
    one, other = sts(server).get_caller_identity(), sts(server, "AKIDOTHER").get_caller_identity()
    assert one["Account"] == "000000000000" and one["Arn"] == "arn:aws:iam::000000000000:user/AKIDEXAMPLE"
    assert re.fullmatch(r"AIDA[0-9A-F]{16}", one["UserId"]) and one["UserId"] != other["UserId"]
    assert sts(server).get_caller_identity()["UserId"] == one["UserId"]


def test_unsigned_and_by_query(server):
    for method, path, body in (("POST", "/", ASK), ("GET", "/?" + ASK, None)):
        status, kind, text = raw(server, method, path, body)
        assert status == 200 and kind == "text/xml" and "<Account>000000000000</Account>" in text


def test_other_actions_are_refused_in_their_protocol(server):
    with pytest.raises(botocore.exceptions.ClientError) as caught:
        sts(server).assume_role(RoleArn="arn:aws:iam::123456789012:role/r", RoleSessionName="s1")
    assert caught.value.response["Error"]["Code"] == "InvalidAction"
    assert "AssumeRole" in caught.value.response["Error"]["Message"]
    assert raw(server, "POST", "/", "Version=1")[0] == 404
    assert raw(server, "GET", "/")[0] == 404


def test_with_tenants_credentials_are_checked(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=TENANTS)
    assert sts(server, "AKIDSHOP", "sh0p/secret+key").get_caller_identity()["Arn"].endswith(":user/shop")
    for key, secret, code in (("AKIDSHOP", "wrong", "SignatureDoesNotMatch"),
                              ("AKIDNOBODY", "x", "InvalidClientTokenId")):
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            sts(server, key, secret).get_caller_identity()
        assert caught.value.response["Error"]["Code"] == code
    status, kind, text = raw(server, "POST", "/", ASK)
    assert status == 403 and kind == "text/xml" and "<Code>MissingAuthenticationToken</Code>" in text
    assert server.stop() == 0

"""The object store for tests: a client, a bucket of the test's own, and requests made by hand."""

import hashlib
import http.client
import random

import boto3
import botocore.config
import pytest

MIB = 1 << 20
TENANTS = """\
tenants:
  - {name: shop, keys: [{id: AKIDSHOP, secret: shop-secret}]}
  - {name: bank, keys: [{id: AKIDBANK, secret: bank-secret}]}
"""


def client(running, key="AKIDEXAMPLE", secret="secret", region="us-east-1", **config):
    return boto3.client(
        "s3", region_name=region, endpoint_url=running.url, aws_access_key_id=key, aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "path"}, **config))


def code_of(error):
    return error.value.response["Error"]["Code"], error.value.response["ResponseMetadata"]["HTTPStatusCode"]


@pytest.fixture
def s3(server):
    return client(server)


@pytest.fixture
def bucket(s3, request):
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    s3.create_bucket(Bucket=name)
    return name


def noise(size, seed=1):
    return random.Random(seed).randbytes(size)


def request(running, method, target, body=b"", headers=None):
    """By hand, unsigned or as the headers say."""
    connection = http.client.HTTPConnection("127.0.0.1", running.port)
    connection.request(method, target, body, headers or {})
    reply = connection.getresponse()
    answer = reply.status, {name.lower(): value for name, value in reply.getheaders()}, reply.read()
    connection.close()
    return answer

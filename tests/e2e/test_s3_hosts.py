"""Buckets in the name of the host: virtual-hosted style, as clients use it by themselves with a host that has a name."""

import urllib.parse

import boto3
import botocore.config
import pytest

from conftest import start
from s3_fixture import MIB, TENANTS, client, request, s3  # a fixture among them
from test_s3_metadata import in_parts, refused


def virtual(running, key="AKIDEXAMPLE", secret="secret", host="localhost", **more):
    """A client that puts buckets before the host, whatever resolves such names here."""
    return boto3.client(
        "s3", region_name="us-east-1", endpoint_url=f"http://{host}:{running.port}", aws_access_key_id=key,
        aws_secret_access_key=secret,
        config=botocore.config.Config(retries={"max_attempts": 0}, s3={"addressing_style": "virtual"},
                                      proxies={"http": running.url}, **more))


def use_virtual(s3, bucket):
    s3.create_bucket(Bucket=bucket)
    s3.put_object(Bucket=bucket, Key="a b/ü+&.txt", Body=b"plain")
    in_parts(s3, bucket, "parts", [5 * MIB, 3])
    assert s3.get_object(Bucket=bucket, Key="a b/ü+&.txt")["Body"].read() == b"plain"
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["a b/ü+&.txt", "parts"]
    assert refused(s3.get_object, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    s3.copy_object(Bucket=bucket, Key="copy", CopySource={"Bucket": bucket, "Key": "a b/ü+&.txt"})
    gone = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": key} for key in ("copy", "parts")]})
    assert len(gone["Deleted"]) == 2
    s3.head_bucket(Bucket=bucket)
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]


@pytest.mark.parametrize("host", ["localhost", "LocalHost", "s3.amazonaws.com", "s3.eu-west-1.amazonaws.com",
                                  "s3.dualstack.us-east-1.amazonaws.com"])
def test_virtual_hosted_style(server, s3, host):
    bucket = "virtual.s3-" + host.lower().replace(".amazonaws.com", "").replace(".", "-")
    use_virtual(virtual(server, host=host), bucket)
    assert s3.get_object(Bucket=bucket, Key="a b/ü+&.txt")["Body"].read() == b"plain"


def test_virtual_hosted_style_is_signed(tmp_path, random_model):
    running = start(tmp_path, random_model, extra=TENANTS + "objects: {hosts: [objects.shop.example]}\n")
    shop, host = {"key": "AKIDSHOP", "secret": "shop-secret"}, "objects.shop.example"
    s3 = virtual(running, host=host, **shop)
    use_virtual(s3, "virtual")
    for version in ("s3v4", "s3"):
        link = virtual(running, host=host, signature_version=version, **shop).generate_presigned_url(
            "get_object", Params={"Bucket": "virtual", "Key": "a b/ü+&.txt"})
        parts = urllib.parse.urlsplit(link)
        assert parts.hostname == f"virtual.{host}", link
        target = f"{parts.path}?{parts.query}"
        assert request(running, "GET", target, b"", {"host": parts.netloc})[::2] == (200, b"plain"), version
        assert request(running, "GET", target, b"", {"host": f"another.{host}:{running.port}"})[0] == 403
    assert refused(virtual(running, host=host, key="AKIDBANK", secret="bank-secret").list_objects_v2,
                   Bucket="virtual") == ("NoSuchBucket", 404)
    # The list takes the place of localhost: what stands before it is a name like any other.
    assert client(running, **shop).list_objects_v2(Bucket="virtual")["KeyCount"] == 1
    assert refused(virtual(running, **shop).get_object, Bucket="virtual", Key="a b/ü+&.txt")[1] in (400, 404)
    assert running.stop() == 0


def test_a_host_with_a_bucket_has_the_other_services_too(server):
    bucket = "hosts-by-hand"
    host = {"host": f"{bucket}.localhost:{server.port}"}
    assert request(server, "PUT", "/", b"", host)[0] == 200
    assert request(server, "PUT", "/k", b"plain", host)[0] == 200
    assert request(server, "GET", "/k", b"", host)[::2] == (200, b"plain")
    assert b"<Key>k</Key>" in request(server, "GET", "/?list-type=2", b"", host)[2]
    assert request(server, "GET", "/none", b"", host)[0] == 404
    assert b"fulcrum_" in request(server, "GET", "/metrics", b"", host)[2]
    status, _, text = request(server, "POST", "/model/nobody/converse", b"{}", {
        **host, "content-type": "application/json"})
    assert status in (400, 404) and b"<" not in text
    for name in ("127.0.0.1", f"{bucket}.127.0.0.1", f"{bucket}.example.com", "localhost", "[::1]", "a.localhost"):
        assert request(server, "GET", f"/{bucket}/k", b"", {"host": name})[::2] == (200, b"plain"), name

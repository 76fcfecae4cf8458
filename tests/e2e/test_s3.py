"""The S3 protocol on the server's own port, by an unmodified boto3."""

import base64
import concurrent.futures
import hashlib
import http.client
import io
import os
import pathlib
import threading
import zlib

import boto3
import botocore
import botocore.auth
import botocore.awsrequest
import botocore.credentials
import botocore.exceptions
import pytest

from conftest import start, wait_until
from s3_fixture import MIB, TENANTS, bucket, client, code_of, noise, request, s3  # two of them fixtures


@pytest.fixture
def anyone(server):
    """Unsigned, like the requests made by hand."""
    return client(server, signature_version=botocore.UNSIGNED)


@pytest.fixture
def open_bucket(anyone, bucket):
    name = f"{bucket}-open"
    anyone.create_bucket(Bucket=name)
    return name


# --- objects ---


def test_an_object_comes_back_as_it_went(s3, bucket, server):
    body = noise(100_000)
    put = s3.put_object(Bucket=bucket, Key="in/data.bin", Body=body, ContentType="application/x-noise",
                        CacheControl="no-store", Metadata={"shop": "Blumen & Co"})
    assert put["ETag"] == f'"{hashlib.md5(body).hexdigest()}"'
    assert put["ChecksumCRC32"] == base64.b64encode(zlib.crc32(body).to_bytes(4, "big")).decode()
    got = s3.get_object(Bucket=bucket, Key="in/data.bin", ChecksumMode="ENABLED")
    assert got["Body"].read() == body
    assert got["ContentType"] == "application/x-noise"
    assert got["CacheControl"] == "no-store"
    assert got["Metadata"] == {"shop": "Blumen & Co"}
    assert got["ETag"] == put["ETag"] and got["ChecksumCRC32"] == put["ChecksumCRC32"]
    head = s3.head_object(Bucket=bucket, Key="in/data.bin")
    assert head["ContentLength"] == len(body) and head["LastModified"] == got["LastModified"]
    assert (server.workdir / "data/objects" / bucket / "in/data.bin").read_bytes() == body
    s3.delete_object(Bucket=bucket, Key="in/data.bin")
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="in/data.bin")


def test_ranges(s3, bucket):
    body = noise(1000)
    s3.put_object(Bucket=bucket, Key="k", Body=body)
    for asked, first, last in [("bytes=0-0", 0, 0), ("bytes=10-19", 10, 19), ("bytes=990-", 990, 999),
                               ("bytes=-5", 995, 999), ("bytes=900-5000", 900, 999), ("bytes=-5000", 0, 999)]:
        got = s3.get_object(Bucket=bucket, Key="k", Range=asked)
        assert got["Body"].read() == body[first:last + 1]
        assert got["ContentRange"] == f"bytes {first}-{last}/1000"
        assert got["ResponseMetadata"]["HTTPStatusCode"] == 206
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", Range="bytes=1000-")
    assert code_of(error) == ("InvalidRange", 416)


def test_conditions(s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"x")["ETag"]
    assert s3.get_object(Bucket=bucket, Key="k", IfMatch=etag)["Body"].read() == b"x"
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", IfNoneMatch=etag)
    assert code_of(error) == ("304", 304)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.get_object(Bucket=bucket, Key="k", IfMatch='"another"')
    assert code_of(error) == ("PreconditionFailed", 412)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"y", IfNoneMatch="*")
    assert code_of(error) == ("PreconditionFailed", 412)
    s3.put_object(Bucket=bucket, Key="new", Body=b"y", IfNoneMatch="*")


ODD_KEYS = ["a", "a/", "a/b", "a//b", "/", "..", "../../escape", "a/./b", "%", "%2F", "100% sure?&+=#", " ", "über/ß.txt",
            "雪", "con:<>|\"'", "x" * 300, "\\", "tab\there", "new\nline", "😀"]


def test_odd_keys(s3, bucket, server):
    before = {path for path in (server.workdir / "data").iterdir()}
    for key in ODD_KEYS:
        s3.put_object(Bucket=bucket, Key=key, Body=key.encode())
    for key in ODD_KEYS:
        assert s3.get_object(Bucket=bucket, Key=key)["Body"].read() == key.encode()
    listed = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]]
    assert listed == sorted(ODD_KEYS, key=str.encode)
    assert {path for path in (server.workdir / "data").iterdir()} == before
    s3.delete_object(Bucket=bucket, Key="a")
    assert s3.get_object(Bucket=bucket, Key="a/b")["Body"].read() == b"a/b"


def test_copies(s3, bucket):
    s3.put_object(Bucket=bucket, Key="from é", Body=b"some text", ContentType="text/plain", Metadata={"a": "b"})
    s3.copy_object(Bucket=bucket, Key="to", CopySource={"Bucket": bucket, "Key": "from é"})
    got = s3.get_object(Bucket=bucket, Key="to")
    assert got["Body"].read() == b"some text" and got["ContentType"] == "text/plain" and got["Metadata"] == {"a": "b"}
    s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/to", MetadataDirective="REPLACE", Metadata={"c": "d"})
    assert s3.head_object(Bucket=bucket, Key="to")["Metadata"] == {"c": "d"}
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/none")
    assert code_of(error) == ("NoSuchKey", 404)


def test_a_presigned_link(server, s3, bucket):
    signer = client(server, signature_version="s3v4")
    s3.put_object(Bucket=bucket, Key="link me", Body=b"by link")
    for operation, method in (("get_object", "GET"), ("head_object", "HEAD")):
        url = signer.generate_presigned_url(operation, Params={"Bucket": bucket, "Key": "link me"})
        host, target = url.removeprefix("http://").split("/", 1)
        connection = http.client.HTTPConnection(host)
        connection.request(method, "/" + target)
        reply = connection.getresponse()
        assert reply.status == 200 and reply.getheader("content-length") == "7"
        assert reply.read() == (b"by link" if method == "GET" else b"")
        connection.close()


# --- large objects ---


def test_a_large_file_goes_up_in_parts_and_down_in_ranges(s3, bucket, tmp_path):
    body = noise(20 * MIB)
    (tmp_path / "up").write_bytes(body)
    s3.upload_file(str(tmp_path / "up"), bucket, "big")
    head = s3.head_object(Bucket=bucket, Key="big")
    assert head["ContentLength"] == len(body) and head["ETag"].endswith('-3"')
    parts = [hashlib.md5(body[at:at + 8 * MIB]).digest() for at in range(0, len(body), 8 * MIB)]
    assert head["ETag"] == f'"{hashlib.md5(b"".join(parts)).hexdigest()}-3"'
    s3.download_file(bucket, "big", str(tmp_path / "down"))
    assert (tmp_path / "down").read_bytes() == body


def test_uploads_in_parts(s3, bucket):
    first, second = noise(5 * MIB, 2), noise(1000, 3)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="p", ContentType="text/x")["UploadId"]
    two = s3.upload_part(Bucket=bucket, Key="p", UploadId=upload, PartNumber=2, Body=second)["ETag"]
    one = s3.upload_part(Bucket=bucket, Key="p", UploadId=upload, PartNumber=1, Body=first)["ETag"]
    listed = s3.list_parts(Bucket=bucket, Key="p", UploadId=upload)["Parts"]
    assert [(each["PartNumber"], each["ETag"], each["Size"]) for each in listed] == [
        (1, one, 5 * MIB), (2, two, 1000)]
    assert [each["UploadId"] for each in s3.list_multipart_uploads(Bucket=bucket)["Uploads"]] == [upload]
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.complete_multipart_upload(Bucket=bucket, Key="p", UploadId=upload, MultipartUpload={
            "Parts": [{"PartNumber": 1, "ETag": two}]})
    assert code_of(error) == ("InvalidPart", 400)
    s3.complete_multipart_upload(Bucket=bucket, Key="p", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": one}, {"PartNumber": 2, "ETag": two}]})
    got = s3.get_object(Bucket=bucket, Key="p")
    assert got["Body"].read() == first + second and got["ContentType"] == "text/x"
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.abort_multipart_upload(Bucket=bucket, Key="p", UploadId=upload)
    assert code_of(error) == ("NoSuchUpload", 404)


def resident_mib(running):
    for line in pathlib.Path(f"/proc/{running.process.pid}/status").read_text().splitlines():
        if line.startswith("VmRSS:"):
            return int(line.split()[1]) / 1024
    raise AssertionError("no VmRSS")


class Pattern(io.RawIOBase):
    """A file of so many bytes that nobody holds."""

    def __init__(self, size):
        super().__init__()
        self.size, self.at = size, 0
        self.block = noise(MIB)

    def readable(self):
        return True

    def seekable(self):
        return True

    def seek(self, offset, whence=0):
        self.at = offset + (0, self.at, self.size)[whence]
        return self.at

    def tell(self):
        return self.at

    def read(self, size=-1):
        left = self.size - self.at
        start = self.at % MIB
        size = min(MIB - start, left if size is None or size < 0 else min(size, left))
        self.at += size
        return self.block[start:start + size]


@pytest.mark.skipif(bool(os.environ.get("SANITIZE")), reason="sanitizers keep what is freed")
def test_memory_stays_flat_under_a_large_upload(tmp_path, random_model):
    running = start(tmp_path, random_model)
    try:
        s3 = client(running)
        s3.create_bucket(Bucket="large")
        s3.put_object(Bucket="large", Key="warm", Body=noise(2 * MIB))
        before, peak, done = resident_mib(running), 0, threading.Event()

        def watch():
            nonlocal peak
            while not done.wait(0.02):
                peak = max(peak, resident_mib(running))

        watcher = threading.Thread(target=watch)
        watcher.start()
        s3.put_object(Bucket="large", Key="k", Body=Pattern(300 * MIB))
        body = s3.get_object(Bucket="large", Key="k")["Body"]
        size = sum(len(piece) for piece in body.iter_chunks(MIB))
        done.set()
        watcher.join()
        assert size == 300 * MIB
        assert peak - before < 30, f"{before:.0f} MiB before, {peak:.0f} MiB at most"
    finally:
        assert running.stop() == 0


# --- checksums ---


@pytest.mark.parametrize("algorithm", ["CRC32", "SHA1", "SHA256"])
def test_checksums_are_checked_and_told(s3, bucket, algorithm):
    body = noise(70_000)
    put = s3.put_object(Bucket=bucket, Key="k", Body=body, ChecksumAlgorithm=algorithm)
    digest = {"CRC32": lambda: zlib.crc32(body).to_bytes(4, "big"), "SHA1": lambda: hashlib.sha1(body).digest(),
              "SHA256": lambda: hashlib.sha256(body).digest()}[algorithm]()
    assert put[f"Checksum{algorithm}"] == base64.b64encode(digest).decode()
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert head[f"Checksum{algorithm}"] == put[f"Checksum{algorithm}"]
    s3.put_object(Bucket=bucket, Key="k", Body=body, **{f"Checksum{algorithm}": base64.b64encode(digest).decode()})
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=body[1:],
                      **{f"Checksum{algorithm}": base64.b64encode(digest).decode()})
    assert code_of(error) == ("BadDigest", 400)
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == body


# CRC-32C and CRC-64/NVME of "123456789", from the catalogue of CRC algorithms.
@pytest.mark.parametrize("name,value", [("crc32c", 0xE3069283.to_bytes(4, "big")),
                                        ("crc64nvme", 0xAE8B14860A799888.to_bytes(8, "big"))])
def test_crcs_that_need_a_library_elsewhere(server, open_bucket, name, value):
    for wrong in (False, True):
        stated = base64.b64encode(bytes(8)[:len(value)] if wrong else value).decode()
        status, headers, text = request(server, "PUT", f"/{open_bucket}/k", b"123456789",
                                        {f"x-amz-checksum-{name}": stated})
        assert status == (400 if wrong else 200) and (b"BadDigest" in text) == wrong
        assert wrong or headers[f"x-amz-checksum-{name}"] == stated


def test_a_wrong_md5_is_refused(s3, bucket):
    for md5, code in ((base64.b64encode(hashlib.md5(b"other").digest()).decode(), "BadDigest"), ("short", "InvalidDigest")):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            s3.put_object(Bucket=bucket, Key="k", Body=b"body", ContentMD5=md5)
        assert code_of(error) == (code, 400)
    with pytest.raises(s3.exceptions.NoSuchKey):
        s3.get_object(Bucket=bucket, Key="k")


TRAILER = b"b\r\nhello world\r\n0\r\nx-amz-checksum-crc32:%s\r\n\r\n"


@pytest.mark.parametrize("body,length,code", [
    (TRAILER % b"DUoRhQ==", 11, None),
    (TRAILER % b"AAAAAA==", 11, b"BadDigest"),
    (TRAILER % b"?", 11, b"InvalidRequest"),
    (TRAILER % b"DUoRhQ==", 12, b"IncompleteBody"),
    (TRAILER % b"DUoRhQ==", 10, b"IncompleteBody"),
    (b"b\r\nhello world\r\n0\r\n\r\n", 11, b"MalformedTrailerError"),
    (b"b\r\nhello wor", 11, b"IncompleteBody"),
    (b"xyz\r\nhello world\r\n0\r\n\r\n", 11, b"InvalidChunkFormat"),
    (b"", 0, b"IncompleteBody"),
])
def test_trailing_checksums(server, anyone, open_bucket, body, length, code):
    headers = {"x-amz-content-sha256": "STREAMING-UNSIGNED-PAYLOAD-TRAILER", "x-amz-trailer": "x-amz-checksum-crc32",
               "content-encoding": "aws-chunked", "x-amz-decoded-content-length": str(length)}
    status, _, text = request(server, "PUT", f"/{open_bucket}/k", body, headers)
    if code is None:
        assert status == 200
        got = anyone.get_object(Bucket=open_bucket, Key="k")
        assert got["Body"].read() == b"hello world" and "ContentEncoding" not in got
    else:
        assert status == 400 and code in text
        assert "Contents" not in anyone.list_objects_v2(Bucket=open_bucket)


# --- listings ---


def test_pages_of_1100_keys(s3, bucket):
    keys = [f"dir{i % 7}/k{i:04}" for i in range(1100)]
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        list(pool.map(lambda key: s3.put_object(Bucket=bucket, Key=key, Body=b""), keys))
    first = s3.list_objects_v2(Bucket=bucket)
    assert first["IsTruncated"] and first["KeyCount"] == 1000
    second = s3.list_objects_v2(Bucket=bucket, ContinuationToken=first["NextContinuationToken"])
    assert not second["IsTruncated"]
    assert [each["Key"] for each in first["Contents"] + second["Contents"]] == sorted(keys)
    pages = s3.get_paginator("list_objects").paginate(Bucket=bucket, PaginationConfig={"PageSize": 300})
    assert [each["Key"] for page in pages for each in page["Contents"]] == sorted(keys)
    assert s3.list_objects_v2(Bucket=bucket, Prefix="dir3/", MaxKeys=1)["Contents"][0]["Key"] == "dir3/k0003"
    for lister in ("list_objects_v2", "list_objects"):
        pages = list(s3.get_paginator(lister).paginate(Bucket=bucket, Delimiter="/", PaginationConfig={"PageSize": 2}))
        assert [each["Prefix"] for page in pages for each in page["CommonPrefixes"]] == [f"dir{i}/" for i in range(7)]
        assert len(pages) == 4
    after = s3.list_objects_v2(Bucket=bucket, StartAfter="dir6/k1092")
    assert [each["Key"] for each in after.get("Contents", [])] == [key for key in sorted(keys) if key > "dir6/k1092"]


def test_many_are_deleted_at_once(s3, bucket):
    for key in ("a", "b/<&>", "c"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"")
    reply = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "a"}, {"Key": "b/<&>"}, {"Key": "absent"}]})
    assert [each["Key"] for each in reply["Deleted"]] == ["a", "b/<&>", "absent"]
    assert [each["Key"] for each in s3.list_objects_v2(Bucket=bucket)["Contents"]] == ["c"]
    s3.delete_object(Bucket=bucket, Key="c")
    s3.delete_bucket(Bucket=bucket)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.delete_bucket(Bucket=bucket)


# --- buckets and tenants ---


def test_buckets(s3, bucket):
    assert bucket in [each["Name"] for each in s3.list_buckets()["Buckets"]]
    assert s3.get_bucket_location(Bucket=bucket)["LocationConstraint"] is None
    s3.head_bucket(Bucket=bucket)
    s3.create_bucket(Bucket=bucket)  # us-east-1 answers 200 to the owner
    s3.put_object(Bucket=bucket, Key="k", Body=b"")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.delete_bucket(Bucket=bucket)
    assert code_of(error) == ("BucketNotEmpty", 409)
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.get_bucket_policy(Bucket=bucket)
    assert code_of(error) == ("NoSuchBucketPolicy", 404)
    with pytest.raises(s3.exceptions.NoSuchBucket):
        s3.list_objects_v2(Bucket="nobody-has-this")
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.head_bucket(Bucket="nobody-has-this")
    assert code_of(error) == ("404", 404)


def test_tenants_are_apart(server, s3, bucket):
    other = client(server, key="AKIDOTHER")
    s3.put_object(Bucket=bucket, Key="secret", Body=b"mine")
    for call in (lambda: other.get_object(Bucket=bucket, Key="secret"),
                 lambda: other.put_object(Bucket=bucket, Key="secret", Body=b"theirs"),
                 lambda: other.list_objects_v2(Bucket=bucket), lambda: other.delete_bucket(Bucket=bucket),
                 lambda: other.copy_object(Bucket=bucket, Key="x", CopySource=f"{bucket}/secret")):
        with pytest.raises(botocore.exceptions.ClientError) as error:
            call()
        assert code_of(error) == ("NoSuchBucket", 404)
    assert bucket not in [each["Name"] for each in other.list_buckets()["Buckets"]]
    with pytest.raises(s3.exceptions.BucketAlreadyExists):
        other.create_bucket(Bucket=bucket)
    assert s3.get_object(Bucket=bucket, Key="secret")["Body"].read() == b"mine"


class ChunkSigner(botocore.auth.S3SigV4Auth):
    """STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER, which botocore itself never sends."""

    def _should_sha256_sign_payload(self, request):
        return True

    def payload(self, request):
        return "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER"


def signed_chunks(running, bucket, pieces, damage=None, trailer=b"x-amz-checksum-crc32:DUoRhQ=="):
    signer = ChunkSigner(botocore.credentials.Credentials("AKIDSHOP", "shop-secret"), "s3", "us-east-1")
    headers = {"x-amz-content-sha256": "STREAMING-AWS4-HMAC-SHA256-PAYLOAD-TRAILER", "content-encoding": "aws-chunked",
               "x-amz-trailer": "x-amz-checksum-crc32", "x-amz-decoded-content-length": str(sum(map(len, pieces)))}
    asked = botocore.awsrequest.AWSRequest("PUT", f"{running.url}/{bucket}/k", headers=headers)
    signer.add_auth(asked)
    previous = asked.headers["Authorization"].rsplit("Signature=", 1)[1]
    scope = signer.credential_scope(asked)

    def sign(kind, *digests):
        nonlocal previous
        text = "\n".join((f"AWS4-HMAC-SHA256-{kind}", asked.context["timestamp"], scope, previous) + digests)
        previous = signer.signature(text, asked)
        return previous

    body, empty = b"", hashlib.sha256(b"").hexdigest()
    for piece in pieces + [b""]:
        signature = sign("PAYLOAD", empty, hashlib.sha256(piece).hexdigest())
        body += b"%x;chunk-signature=%s\r\n" % (len(piece), signature.encode()) + piece + (b"\r\n" if piece else b"")
    signature = sign("TRAILER", hashlib.sha256(trailer + b"\n").hexdigest())
    body += trailer + b"\r\nx-amz-trailer-signature:" + signature.encode() + b"\r\n\r\n"
    if damage:
        assert damage[0] in body
        body = body.replace(*damage)
    return request(running, "PUT", f"/{bucket}/k", body, dict(asked.headers.items()))


def test_signatures_are_checked_where_tenants_have_secrets(tmp_path, random_model):
    running = start(tmp_path, random_model, extra=TENANTS)
    try:
        shop, bank = client(running, "AKIDSHOP", "shop-secret"), client(running, "AKIDBANK", "bank-secret")
        shop.create_bucket(Bucket="shops")
        key = "über & + %.txt"
        shop.put_object(Bucket="shops", Key=key, Body=b"hello")
        assert shop.get_object(Bucket="shops", Key=key)["Body"].read() == b"hello"
        shop.upload_fileobj(io.BytesIO(noise(9 * MIB)), "shops", "big")
        assert shop.head_object(Bucket="shops", Key="big")["ContentLength"] == 9 * MIB
        signed = client(running, "AKIDSHOP", "shop-secret", request_checksum_calculation="when_required")
        signed.put_object(Bucket="shops", Key="k", Body=b"payload hash in the signature")
        for wrong, code in ((client(running, "AKIDSHOP", "wrong"), "SignatureDoesNotMatch"),
                            (client(running, "AKIDNOBODY", "x"), "InvalidAccessKeyId")):
            for call in (lambda: wrong.get_object(Bucket="shops", Key=key),
                         lambda: wrong.put_object(Bucket="shops", Key=key, Body=b"x" * 100_000)):
                with pytest.raises(botocore.exceptions.ClientError) as error:
                    call()
                assert code_of(error) == (code, 403)
        with pytest.raises(botocore.exceptions.ClientError) as error:
            bank.get_object(Bucket="shops", Key=key)
        assert code_of(error) == ("NoSuchBucket", 404)
        assert request(running, "GET", "/shops/k")[0] == 403
        pieces = [b"hello", b" ", b"world"]
        assert signed_chunks(running, "shops", pieces)[0] == 200
        assert shop.get_object(Bucket="shops", Key="k")["Body"].read() == b"hello world"
        for damage in ((b"hello", b"jello"), (b"crc32:D", b"crc32:E"), (b"0;chunk-signature=", b"0;chunk-signatura=")):
            status, _, text = signed_chunks(running, "shops", pieces, damage)
            assert status == 403 and b"SignatureDoesNotMatch" in text
        assert shop.get_object(Bucket="shops", Key="k")["Body"].read() == b"hello world"
    finally:
        assert running.stop() == 0


def test_what_is_signed_is_what_is_stored(tmp_path, random_model):
    """The body must have the hash that the signature covers."""
    running = start(tmp_path, random_model, extra=TENANTS)
    try:
        client(running, "AKIDSHOP", "shop-secret").create_bucket(Bucket="shops")
        signer = botocore.auth.S3SigV4Auth(botocore.credentials.Credentials("AKIDSHOP", "shop-secret"), "s3", "us-east-1")
        asked = botocore.awsrequest.AWSRequest("PUT", f"{running.url}/shops/k", data=b"right",
                                               headers={"x-amz-content-sha256": hashlib.sha256(b"right").hexdigest()})
        asked.context["payload_signing_enabled"] = True
        signer.add_auth(asked)
        status, _, text = request(running, "PUT", "/shops/k", b"wrong", dict(asked.headers.items()))
        assert status == 400 and b"XAmzContentSHA256Mismatch" in text
        assert request(running, "PUT", "/shops/k", b"right", dict(asked.headers.items()))[0] == 200
    finally:
        assert running.stop() == 0


# --- at once ---


def test_readers_never_see_half_an_object(s3, bucket, server):
    bodies = {hashlib.md5(body).hexdigest(): body for body in (noise(300_000 + i, i) for i in range(4))}
    s3.put_object(Bucket=bucket, Key="k", Body=next(iter(bodies.values())))
    done = threading.Event()

    def write(body):
        own = client(server)
        for _ in range(15):
            own.put_object(Bucket=bucket, Key="k", Body=body)

    def read():
        own, seen = client(server), 0
        while not done.is_set():
            got = own.get_object(Bucket=bucket, Key="k")
            assert got["Body"].read() == bodies[got["ETag"].strip('"')]
            seen += 1
        return seen

    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        readers = [pool.submit(read) for _ in range(3)]
        for writer in [pool.submit(write, body) for body in bodies.values()]:
            writer.result()
        done.set()
        assert all(reader.result() > 0 for reader in readers)


def test_a_client_that_leaves_leaves_nothing(server, anyone, open_bucket):
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", f"/{open_bucket}/half")
    connection.putheader("content-length", str(MIB))
    connection.endheaders()
    connection.send(noise(300_000))
    connection.close()
    anyone.put_object(Bucket=open_bucket, Key="whole", Body=b"x")
    assert [each["Key"] for each in anyone.list_objects_v2(Bucket=open_bucket)["Contents"]] == ["whole"]
    assert wait_until(lambda: not list((server.workdir / "data/objects/.fulcrum/tmp").iterdir()))

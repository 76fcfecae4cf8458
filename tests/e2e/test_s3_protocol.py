"""The S3 protocol where it is easily misread: subresources, conditions, headers that change a meaning, links, errors."""

import base64
import datetime
import hashlib
import http.client
import urllib.parse
import xml.etree.ElementTree

import botocore.exceptions
import pytest

from conftest import start, wait_until
from s3_fixture import MIB, TENANTS, bucket, client, code_of, noise, request, s3  # two of them fixtures

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261129/us-east-1/s3/aws4_request, "
                           "SignedHeaders=host, Signature=0"}


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    return code_of(error)


def ask(server, method, target, headers=None, body=b""):
    """Signed for S3 (nobody checks it here); status and the code of an error."""
    status, got, text = request(server, method, target, body, {**SIGNED, **(headers or {})})
    code = xml.etree.ElementTree.fromstring(text).findtext("Code") if status >= 400 and text else None
    return status, code, got, text


# --- an operation is never taken for another ---

SUBRESOURCES = ("accelerate acl analytics annotation attributes cors encryption intelligent-tiering inventory legal-hold "
                "lifecycle logging metadataTable metadataConfiguration metrics notification object-lock ownershipControls "
                "policy policyStatus publicAccessBlock replication requestPayment restore retention select&select-type=2 "
                "session tagging torrent versioning versions website append&position=0 renameObject").split()
UNKNOWN = ["nobody-knows-this", "%76ersioning", "ve%72sions=", "a=b", "Policy"]  # names of no operation


@pytest.mark.parametrize("subresource", SUBRESOURCES + UNKNOWN + ["location", "uploads", "partNumber=1", "versionId=abc", "delete"])
def test_a_subresource_is_not_the_bucket_or_object(server, s3, bucket, subresource):
    s3.put_object(Bucket=bucket, Key="k", Body=b"plain")
    absent = (400, "InvalidArgument") if subresource in UNKNOWN else (501, "NotImplemented")
    assert ask(server, "PUT", f"/{bucket}-new?{subresource}")[:2] == absent
    assert refused(s3.head_bucket, Bucket=f"{bucket}-new") == ("404", 404)
    s3.create_bucket(Bucket=f"{bucket}-old")
    assert ask(server, "DELETE", f"/{bucket}-old?{subresource}")[0] in (404, absent[0])
    s3.head_bucket(Bucket=f"{bucket}-old")
    for method in ("PUT", "DELETE", "POST"):
        status, code, _, _ = ask(server, method, f"/{bucket}/k?{subresource}", body=b"<x/>")
        assert (status, code) in (absent, (404, "NoSuchVersion")) or (method, subresource) == ("POST", "uploads") or (
            subresource == "tagging" and (method, status) in (("PUT", 400), ("DELETE", 204)))
        assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"plain"
    status, _, _, text = ask(server, "GET", f"/{bucket}/k?{subresource}")
    assert text != b"plain" or subresource == "partNumber=1"


def test_what_sdks_add_is_no_subresource(server, s3, bucket):
    assert ask(server, "PUT", f"/{bucket}/k?x-id=PutObject", body=b"plain")[0] == 200
    for query in ("x-id=GetObject", "versionId=null", "response-content-type=text/x&x-id=GetObject", "", "&", "partNumber=1"):
        status, _, headers, text = ask(server, "GET", f"/{bucket}/k?{query}")
        assert text == b"plain", query
        assert status == (206 if query == "partNumber=1" else 200)
        assert ("text/x" in headers["content-type"]) == ("text/x" in query)
    assert ask(server, "DELETE", f"/{bucket}/k?versionId=null")[0] == 204


def test_two_operations_at_once_are_neither(server, s3, bucket):
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    assert ask(server, "DELETE", f"/{bucket}/k?uploadId={upload}&acl")[:2] == (501, "NotImplemented")
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["UploadId"] == upload
    assert ask(server, "GET", f"/{bucket}?acl&policy")[:2] == (501, "NotImplemented")


def test_what_no_bucket_has_is_answered(s3, bucket):
    assert s3.get_bucket_acl(Bucket=bucket)["Grants"][0]["Permission"] == "FULL_CONTROL"
    assert s3.get_bucket_acl(Bucket=bucket)["Owner"]["ID"] == "AKIDEXAMPLE"
    assert "Status" not in s3.get_bucket_versioning(Bucket=bucket)
    assert s3.get_bucket_policy_status(Bucket=bucket)["PolicyStatus"]["IsPublic"] is False
    assert s3.get_public_access_block(Bucket=bucket)["PublicAccessBlockConfiguration"]["BlockPublicAcls"]
    assert s3.get_bucket_request_payment(Bucket=bucket)["Payer"] == "BucketOwner"
    assert "LoggingEnabled" not in s3.get_bucket_logging(Bucket=bucket)
    assert s3.get_bucket_ownership_controls(Bucket=bucket)["OwnershipControls"]["Rules"]
    for call, code in ((s3.get_bucket_cors, "NoSuchCORSConfiguration"), (s3.get_bucket_tagging, "NoSuchTagSet"),
                       (s3.get_bucket_lifecycle_configuration, "NoSuchLifecycleConfiguration"),
                       (s3.get_bucket_website, "NoSuchWebsiteConfiguration"),
                       (s3.get_bucket_replication, "ReplicationConfigurationNotFoundError"),
                       (s3.get_bucket_encryption, "ServerSideEncryptionConfigurationNotFoundError"),
                       (s3.get_object_lock_configuration, "ObjectLockConfigurationNotFoundError")):
        assert refused(call, Bucket=bucket) == (code, 404)
        assert refused(call, Bucket="nobody-has-this") == ("NoSuchBucket", 404)
    assert refused(s3.put_bucket_versioning, Bucket=bucket, VersioningConfiguration={"Status": "Enabled"}) == (
        "NotImplemented", 501)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert s3.get_object_tagging(Bucket=bucket, Key="k")["TagSet"] == []
    assert refused(s3.get_object_tagging, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert s3.get_object_acl(Bucket=bucket, Key="k")["Owner"]["ID"] == "AKIDEXAMPLE"


def test_the_one_acl_may_be_set(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    s3.put_object_acl(Bucket=bucket, Key="k", ACL="private")
    s3.put_bucket_acl(Bucket=bucket, ACL="private")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    assert refused(s3.put_object_acl, Bucket=bucket, Key="none", ACL="private") == ("NoSuchKey", 404)
    assert refused(s3.put_object_acl, Bucket=bucket, Key="k", ACL="public-read") == ("NotImplemented", 501)
    assert refused(s3.put_bucket_acl, Bucket=bucket, GrantRead="id=x") == ("NotImplemented", 501)


def test_encodings_of_the_object_and_of_the_transfer(server, s3, bucket):
    for sent, kept in (("gzip", "gzip"), ("deflate, gzip", "deflate, gzip"), ("gzip,br", "gzip,br")):
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", ContentEncoding=sent)
        assert s3.head_object(Bucket=bucket, Key="k")["ContentEncoding"] == kept


def test_a_bucket_made_again(server, s3, bucket):
    s3.create_bucket(Bucket=bucket)
    elsewhere = client(server, region="eu-central-1")
    where = {"LocationConstraint": "eu-central-1"}
    elsewhere.create_bucket(Bucket=f"{bucket}-eu", CreateBucketConfiguration=where)
    assert elsewhere.get_bucket_location(Bucket=f"{bucket}-eu")["LocationConstraint"] == "eu-central-1"
    assert s3.head_bucket(Bucket=f"{bucket}-eu")["BucketRegion"] == "eu-central-1"
    with pytest.raises(elsewhere.exceptions.BucketAlreadyOwnedByYou):
        elsewhere.create_bucket(Bucket=f"{bucket}-eu", CreateBucketConfiguration=where)
    for body, code in ((b"<CreateBucketConfiguration><LocationConstraint>?</LocationConstraint>"
                        b"</CreateBucketConfiguration>", "InvalidLocationConstraint"), (b"<", "MalformedXML"),
                       (b"<CreateBucketConfiguration><Tags/></CreateBucketConfiguration>", "NotImplemented")):
        assert ask(server, "PUT", f"/{bucket}-bad", body=body)[1] == code


# --- conditions ---

LONG_AGO, AHEAD = "Wed, 21 Oct 2015 07:28:00 GMT", "Wed, 21 Oct 2099 07:28:00 GMT"


def test_conditions_of_writes(server, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]
    s3.put_object(Bucket=bucket, Key="from", Body=b"from")

    def write(headers):
        plain = ask(server, "PUT", f"/{bucket}/k", headers, b"old")[:2]
        copied = ask(server, "PUT", f"/{bucket}/k", {**headers, "x-amz-copy-source": f"{bucket}/from"})[:2]
        assert plain == copied, headers
        s3.put_object(Bucket=bucket, Key="k", Body=b"old")
        return plain

    failed = (412, "PreconditionFailed")
    assert write({"if-match": '"other"'}) == failed
    assert write({"if-none-match": etag}) == failed
    assert write({"if-none-match": "*"}) == failed
    assert write({"if-none-match": f'"other", {etag}'}) == failed
    assert write({"if-unmodified-since": LONG_AGO}) == failed
    assert write({"if-unmodified-since": "soon"}) == (400, "InvalidArgument")
    assert write({"if-modified-since": LONG_AGO}) == (501, "NotImplemented")
    assert ask(server, "PUT", f"/{bucket}/none", {"if-match": "*"}, b"x")[:2] == (404, "NoSuchKey")
    assert ask(server, "PUT", f"/{bucket}/k", {"if-match": etag}, b"old")[0] == 200
    assert ask(server, "PUT", f"/{bucket}/k", {"if-none-match": '"other"'}, b"old")[0] == 200
    assert ask(server, "PUT", f"/{bucket}/k", {"if-unmodified-since": AHEAD, "if-match": "*"}, b"old")[0] == 200
    with pytest.raises(botocore.exceptions.ClientError) as error:
        s3.put_object(Bucket=bucket, Key="k", Body=b"x", IfNoneMatch="*")
    assert error.value.response["Error"]["Condition"] == "If-None-Match"


def test_conditions_of_deletions(server, s3, bucket):
    put = lambda: s3.put_object(Bucket=bucket, Key="k", Body=b"old")["ETag"]
    etag, when = put(), s3.head_object(Bucket=bucket, Key="k")["LastModified"]
    for wrong in ({"IfMatch": '"0"'}, {"IfMatchSize": 4},
                  {"IfMatchLastModifiedTime": datetime.datetime(2015, 1, 1, tzinfo=datetime.timezone.utc)}):
        assert refused(s3.delete_object, Bucket=bucket, Key="k", **wrong) == ("PreconditionFailed", 412)
        s3.delete_object(Bucket=bucket, Key="none", **wrong)
    assert ask(server, "DELETE", f"/{bucket}/k", {"if-unmodified-since": LONG_AGO})[:2] == (412, "PreconditionFailed")
    assert ask(server, "DELETE", f"/{bucket}/k", {"if-none-match": "*"})[:2] == (501, "NotImplemented")
    assert ask(server, "DELETE", f"/{bucket}", {"if-match": "*"})[:2] == (501, "NotImplemented")
    s3.delete_object(Bucket=bucket, Key="k", IfMatch=etag, IfMatchSize=3, IfMatchLastModifiedTime=when)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    etag = put()
    s3.put_object(Bucket=bucket, Key="l", Body=b"other")
    done = s3.delete_objects(Bucket=bucket, Delete={"Objects": [{"Key": "k", "ETag": '"0"'}, {"Key": "l", "Size": 5}]})
    assert [each["Key"] for each in done["Deleted"]] == ["l"]
    assert [(each["Key"], each["Code"]) for each in done["Errors"]] == [("k", "PreconditionFailed")]
    assert s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": "k", "ETag": etag, "Size": 3, "LastModifiedTime": s3.head_object(Bucket=bucket, Key="k")["LastModified"]}
    ]})["Deleted"]


def test_conditions_of_reads(server, s3, bucket):
    etag = s3.put_object(Bucket=bucket, Key="k", Body=b"0123456789")["ETag"]
    for headers, status in (({"if-none-match": etag}, 304), ({"if-none-match": '"0"'}, 200), ({"if-match": '"0"'}, 412),
                            ({"if-modified-since": AHEAD}, 304), ({"if-modified-since": LONG_AGO}, 200),
                            ({"if-unmodified-since": LONG_AGO}, 412), ({"if-unmodified-since": AHEAD}, 200),
                            ({"if-unmodified-since": "Wednesday, 21-Oct-15 07:28:00 GMT"}, 412),
                            ({"if-unmodified-since": "Wed Oct 21 07:28:00 2015"}, 412)):
        for method in ("GET", "HEAD"):
            assert ask(server, method, f"/{bucket}/k", headers)[0] == status, headers
    last_modified = ask(server, "HEAD", f"/{bucket}/k")[2]["last-modified"]
    for if_range, status in ((etag, 206), (last_modified, 206), ('"0"', 200), (LONG_AGO, 200), (f"W/{etag}", 200)):
        got = ask(server, "GET", f"/{bucket}/k", {"range": "bytes=2-4", "if-range": if_range})
        assert (got[0], got[3]) == (status, b"234" if status == 206 else b"0123456789"), if_range
    copy = lambda headers: ask(server, "PUT", f"/{bucket}/to", {"x-amz-copy-source": f"{bucket}/k", **headers})[:2]
    for name, value in (("if-match", '"0"'), ("if-none-match", etag), ("if-modified-since", AHEAD),
                        ("if-unmodified-since", LONG_AGO)):
        assert copy({f"x-amz-copy-source-{name}": value}) == (412, "PreconditionFailed")
    assert copy({"x-amz-copy-source-if-match": etag, "x-amz-copy-source-if-unmodified-since": LONG_AGO})[0] == 200


def test_an_upload_completed_twice_or_on_condition(s3, bucket):
    def begin():
        upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
        etag = s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=1, Body=b"part")["ETag"]
        return dict(Bucket=bucket, Key="k", UploadId=upload,
                    MultipartUpload={"Parts": [{"PartNumber": 1, "ETag": etag}]})

    first = begin()
    done = s3.complete_multipart_upload(**first)
    assert s3.complete_multipart_upload(**first)["ETag"] == done["ETag"]
    second = begin()
    assert refused(s3.complete_multipart_upload, **second, IfNoneMatch="*") == ("PreconditionFailed", 412)
    assert refused(s3.complete_multipart_upload, **second, IfMatch='"0"') == ("PreconditionFailed", 412)
    assert refused(s3.complete_multipart_upload, **second, MpuObjectSize=5)[1] == 400
    s3.complete_multipart_upload(**second, IfMatch=done["ETag"], MpuObjectSize=4)
    s3.put_object(Bucket=bucket, Key="k", Body=b"newer")
    assert refused(s3.complete_multipart_upload, **second) == ("NoSuchUpload", 404)


def test_one_part_of_an_object(s3, bucket):
    parts = [noise(5 * MIB, 1), noise(5 * MIB, 2), noise(77, 3)]
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    etags = [s3.upload_part(Bucket=bucket, Key="k", UploadId=upload, PartNumber=n + 1, Body=part)["ETag"]
             for n, part in enumerate(parts)]
    s3.complete_multipart_upload(Bucket=bucket, Key="k", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": n + 1, "ETag": etag} for n, etag in enumerate(etags)]})
    at = 0
    for n, part in enumerate(parts):
        head = s3.head_object(Bucket=bucket, Key="k", PartNumber=n + 1)
        got = s3.get_object(Bucket=bucket, Key="k", PartNumber=n + 1)
        assert got["Body"].read() == part
        assert head["ContentLength"] == len(part) and head["PartsCount"] == got["PartsCount"] == 3
        assert got["ContentRange"] == f"bytes {at}-{at + len(part) - 1}/{10 * MIB + 77}"
        at += len(part)
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=4) == ("InvalidPartNumber", 416)
    assert refused(s3.get_object, Bucket=bucket, Key="k", PartNumber=1, Range="bytes=0-1") == ("InvalidRequest", 400)
    s3.put_object(Bucket=bucket, Key="whole", Body=b"abc")
    got = s3.get_object(Bucket=bucket, Key="whole", PartNumber=1)
    assert got["Body"].read() == b"abc" and "PartsCount" not in got
    s3.put_object(Bucket=bucket, Key="empty", Body=b"")
    assert s3.get_object(Bucket=bucket, Key="empty", PartNumber=1)["ContentLength"] == 0


# --- methods ---


@pytest.mark.parametrize("method", ["PATCH", "PROPFIND", "MKCOL", "FOO", "GETX", "OPTIONS", "TRACE"])
def test_methods_that_s3_does_not_have(server, bucket, method):
    for target, headers in ((f"/{bucket}/k", {}), (f"/{bucket}/k?acl", SIGNED), (f"http://s3/{bucket}/k", {})):
        status, got, text = request(server, method, target, b"", headers)
        assert status in (405, 501) and got["content-type"] == "application/xml", (target, got)
        error = xml.etree.ElementTree.fromstring(text)
        assert error.findtext("Code") in ("MethodNotAllowed", "NotImplemented")
        assert error.findtext("Resource") == f"/{bucket}/k" and error.findtext("RequestId") == got["x-amz-request-id"]
    status, got, text = request(server, method, "/model/m/converse", b"", {})
    assert status in (405, 501) and got["content-type"] == "application/json" and b"<" not in text


# --- headers ---


@pytest.mark.parametrize("header,value,code", [
    ("x-amz-server-side-encryption", "AES256", "NotImplemented"),
    ("x-amz-server-side-encryption", "aws:kms", "NotImplemented"),
    ("x-amz-server-side-encryption-aws-kms-key-id", "k", "NotImplemented"),
    ("x-amz-server-side-encryption-customer-algorithm", "AES256", "NotImplemented"),
    ("x-amz-acl", "public-read", "NotImplemented"),
    ("x-amz-grant-read", 'uri="http://acs.amazonaws.com/groups/global/AllUsers"', "NotImplemented"),
    ("x-amz-storage-class", "GLACIER", "InvalidStorageClass"),
    ("x-amz-storage-class", "EXPRESS_ONEZONE", "InvalidStorageClass"),
    ("x-amz-object-lock-mode", "COMPLIANCE", "NotImplemented"),
    ("x-amz-object-lock-legal-hold", "ON", "NotImplemented"),
    ("x-amz-website-redirect-location", "/other", "NotImplemented"),
    ("x-amz-write-offset-bytes", "3", "NotImplemented"),
    ("x-amz-nobody-knows-this", "x", "NotImplemented"),
    ("x-amz-checksum-xxhash64", "AAAAAAAAAAA=", "InvalidRequest"),
    ("x-amz-sdk-checksum-algorithm", "MD4", "InvalidRequest"),
    ("x-amz-expected-bucket-owner", "123456789012", "AccessDenied"),
    ("x-amz-acl", "private", None),
    ("x-amz-storage-class", "STANDARD", None),
    ("x-amz-object-lock-legal-hold", "OFF", None),
    ("x-amz-request-payer", "requester", None),
    ("x-amz-expected-bucket-owner", "000000000000", None),
])
def test_headers_are_honoured_or_refused_by_name(server, s3, bucket, header, value, code):
    for query in (False, True):  # presigned links carry them in the query
        target = f"/{bucket}/k?x-id=PutObject" + (f"&{header}={urllib.parse.quote(value, safe='')}" if query else "")
        status, got, _, text = ask(server, "PUT", target, {} if query else {header: value}, b"x")
        assert got == code, text
        assert code is None or code == "InvalidRequest" or header.encode() in text
        if code:
            assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    if "customer" in header:  # of a read too
        s3.put_object(Bucket=bucket, Key="k", Body=b"x")
        assert ask(server, "GET", f"/{bucket}/k", {header: value})[1] == "NotImplemented"


def test_a_header_in_the_query_is_a_header(server, s3, bucket):
    target = f"/{bucket}/k?x-amz-meta-Shop=Blumen%20%26%20Co&x-amz-checksum-crc32=DUoRhQ%3D%3D"
    assert ask(server, "PUT", target, {}, b"hello world")[0] == 200
    assert s3.head_object(Bucket=bucket, Key="k")["Metadata"] == {"shop": "Blumen & Co"}
    assert ask(server, "PUT", target, {}, b"hello there")[1] == "BadDigest"


def test_digests_of_lists_are_checked(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    body = b"<Delete><Object><Key>k</Key></Object></Delete>"
    wrong = base64.b64encode(hashlib.md5(b"other").digest()).decode()
    assert ask(server, "POST", f"/{bucket}?delete", {"content-md5": wrong}, body)[1] == "BadDigest"
    assert ask(server, "POST", f"/{bucket}?delete", {"x-amz-checksum-crc32": "AAAAAA=="}, body)[1] == "BadDigest"
    s3.head_object(Bucket=bucket, Key="k")
    right = base64.b64encode(hashlib.md5(body).digest()).decode()
    assert ask(server, "POST", f"/{bucket}?delete", {"content-md5": right}, body)[0] == 200


# --- copies ---


def test_copies_have_checksums_and_change_something(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"hello world")
    assert refused(s3.copy_object, Bucket=bucket, Key="k", CopySource=f"{bucket}/k") == ("InvalidRequest", 400)
    got = s3.copy_object(Bucket=bucket, Key="to", CopySource=f"{bucket}/k?versionId=null", ChecksumAlgorithm="SHA256")
    assert got["CopyObjectResult"]["ChecksumSHA256"] == base64.b64encode(hashlib.sha256(b"hello world").digest()).decode()
    assert refused(s3.copy_object, Bucket=bucket, Key="to", CopySource=f"{bucket}/k?versionId=abc") == (
        "NoSuchVersion", 404)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="p", ChecksumAlgorithm="SHA1")["UploadId"]
    part = s3.upload_part_copy(Bucket=bucket, Key="p", UploadId=upload, PartNumber=1, CopySource=f"{bucket}/k",
                               CopySourceRange="bytes=0-4")["CopyPartResult"]
    assert part["ChecksumSHA1"] == base64.b64encode(hashlib.sha1(b"hello").digest()).decode()
    s3.complete_multipart_upload(Bucket=bucket, Key="p", UploadId=upload, MultipartUpload={
        "Parts": [{"PartNumber": 1, "ETag": part["ETag"], "ChecksumSHA1": part["ChecksumSHA1"]}]})
    assert s3.get_object(Bucket=bucket, Key="p")["Body"].read() == b"hello"


# --- listings ---


def test_listings_say_owners_and_take_empty_tokens(server, s3, bucket):
    for key in ("a", "b/c", "b/d", "e"):
        s3.put_object(Bucket=bucket, Key=key, Body=b"x")
    keys = lambda page: [each["Key"] for each in page["Contents"]]
    page = s3.list_objects_v2(Bucket=bucket, FetchOwner=True, ContinuationToken="")
    assert keys(page) == ["a", "b/c", "b/d", "e"] and page["ContinuationToken"] == ""
    assert {each["Owner"]["ID"] for each in page["Contents"]} == {"AKIDEXAMPLE"}
    assert s3.list_objects(Bucket=bucket, Prefix="\n %")["Prefix"] == "\n %"
    assert s3.list_objects_v2(Bucket=bucket, Prefix="\n %")["Prefix"] == "\n %"
    assert "Owner" not in s3.list_objects_v2(Bucket=bucket)["Contents"][0]
    assert s3.list_objects(Bucket=bucket)["Contents"][0]["Owner"]["ID"] == "AKIDEXAMPLE"
    assert ask(server, "GET", f"/{bucket}?list-type=2&continuation-token=%3F")[1] == "InvalidArgument"
    assert ask(server, "GET", f"/{bucket}?list-type=3")[1] == "InvalidArgument"
    versions = s3.list_object_versions(Bucket=bucket, Delimiter="/", MaxKeys=2)
    assert [(each["Key"], each["VersionId"], each["IsLatest"]) for each in versions["Versions"]] == [("a", "null", True)]
    assert versions["CommonPrefixes"] == [{"Prefix": "b/"}] and versions["NextKeyMarker"] == "b/"
    rest = s3.list_object_versions(Bucket=bucket, Delimiter="/", KeyMarker="b/")
    assert [each["Key"] for each in rest["Versions"]] == ["e"]
    s3.delete_objects(Bucket=bucket, Delete={"Objects": [
        {"Key": each["Key"], "VersionId": each["VersionId"]} for each in versions["Versions"] + rest["Versions"]]})
    assert keys(s3.list_objects_v2(Bucket=bucket)) == ["b/c", "b/d"]


def test_pages_of_buckets(server):
    own = client(server, key="AKIDPAGES")
    names = [f"pages-{n}" for n in range(5)]
    for name in names:
        own.create_bucket(Bucket=name)
    pages = own.get_paginator("list_buckets").paginate(PaginationConfig={"PageSize": 2})
    listed = [[each["Name"] for each in page["Buckets"]] for page in pages]
    assert listed == [names[:2], names[2:4], names[4:]]
    assert [each["Name"] for each in own.list_buckets(Prefix="pages-3")["Buckets"]] == ["pages-3"]
    assert own.list_buckets(BucketRegion="eu-west-1")["Buckets"] == []
    assert own.list_buckets(MaxBuckets=1)["Buckets"][0]["BucketRegion"] == "us-east-1"
    assert refused(own.list_buckets, ContinuationToken="?") == ("InvalidArgument", 400)


def test_pages_of_uploads(s3, bucket):
    for key in ("a", "d/1", "d/2", "z"):
        s3.create_multipart_upload(Bucket=bucket, Key=key)
    first = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", MaxUploads=2)
    assert [each["Key"] for each in first["Uploads"]] == ["a"] and first["IsTruncated"]
    assert first["CommonPrefixes"] == [{"Prefix": "d/"}] and first["Uploads"][0]["Owner"]["ID"] == "AKIDEXAMPLE"
    rest = s3.list_multipart_uploads(Bucket=bucket, Delimiter="/", KeyMarker=first["NextKeyMarker"],
                                     UploadIdMarker=first["NextUploadIdMarker"])
    assert [each["Key"] for each in rest["Uploads"]] == ["z"] and not rest["IsTruncated"]
    assert "CommonPrefixes" not in rest


# --- links of signature version 2 ---


def fetch(url, method="GET", body=None, headers=None):
    parts = urllib.parse.urlsplit(url)
    connection = http.client.HTTPConnection(parts.hostname, parts.port)
    connection.request(method, f"{parts.path}?{parts.query}", body, headers or {})
    reply = connection.getresponse()
    answer = reply.status, reply.read()
    connection.close()
    return answer


def test_old_links(tmp_path, random_model):
    running = start(tmp_path, random_model, extra=TENANTS)
    try:
        shop = client(running, "AKIDSHOP", "shop-secret")
        old = client(running, "AKIDSHOP", "shop-secret", signature_version="s3")
        shop.create_bucket(Bucket="shops")
        key = "über & + %/雪.txt"
        named = dict(Bucket="shops", Key=key)
        link = old.generate_presigned_url("put_object", Params={**named, "ContentType": "text/x", "Metadata": {"a": "b"}})
        assert "AWSAccessKeyId" in link
        right = {"content-type": "text/x", "x-amz-meta-a": "b"}
        assert fetch(link, "PUT", b"by link", right)[0] == 200
        assert shop.head_object(**named)["ContentType"] == "text/x"
        for wrong in ({"content-type": "text/y", "x-amz-meta-a": "b"}, {**right, "x-amz-meta-c": "d"}):
            assert b"SignatureDoesNotMatch" in fetch(link, "PUT", b"other", wrong)[1]
        link = old.generate_presigned_url("get_object", Params={**named, "ResponseContentType": "text/z"})
        assert fetch(link) == (200, b"by link")
        assert fetch(link.replace("text%2Fz", "text%2Fw"))[0] == 403
        assert fetch(link, "DELETE")[0] == 403
        for damage, code in (("AKIDSHOP", b"InvalidAccessKeyId"), ("Expires=", b"SignatureDoesNotMatch"),
                             ("Signature=", b"SignatureDoesNotMatch")):
            broken = link.replace(damage, "AKIDNONE" if damage == "AKIDSHOP" else damage + "9")
            status, text = fetch(broken)
            assert status == 403 and code in text
        past = old.generate_presigned_url("get_object", Params=named, ExpiresIn=-int(5))
        status, text = fetch(past)
        assert status == 403 and b"AccessDenied" in text and b"expired" in text
        bank = client(running, "AKIDBANK", "bank-secret", signature_version="s3")
        assert b"NoSuchBucket" in fetch(bank.generate_presigned_url("get_object", Params=named))[1]
        listing = old.generate_presigned_url("list_objects_v2", Params={"Bucket": "shops"})
        assert fetch(listing)[0] == 200
        assert b"not known" in fetch(link + "&nobody-knows-this")[1]
    finally:
        assert running.stop() == 0


def test_an_old_link_is_boto3s_own_choice(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    link = s3.generate_presigned_url("get_object", Params={"Bucket": bucket, "Key": "k"})
    assert "AWSAccessKeyId" in link and fetch(link) == (200, b"x")


# --- errors are S3's to a client of S3 ---


def test_errors_are_xml(server, bucket):
    cases = [
        ("GET", "/UPPER_CASE/k", {}, b"", 400, "InvalidBucketName"),
        ("PATCH", f"/{bucket}/k", {}, b"", 405, "MethodNotAllowed"),
        ("GET", f"/{bucket}/%zz", {}, b"", 400, "InvalidURI"),
        ("GET", f"/{bucket}/none", {}, b"", 404, "NoSuchKey"),
        ("POST", f"/{bucket}?delete", {}, b"x" * 26_000_000, 413, "EntityTooLarge"),
        ("POST", f"/{bucket}?delete", {}, b"x" * 5_000_000, 400, "MaxMessageLengthExceeded"),
        ("GET", f"/{bucket}/k", {"x-long": "x" * 40_000}, b"", 431, None),
        ("GET", f"/{bucket}/k", {"authorization": "AWS4-HMAC-SHA256 Credential=a/b"}, b"", 400,
         "AuthorizationHeaderMalformed"),
        ("GET", f"/{bucket}/k", {"authorization": "AWS AKID:c2lnbmF0dXJl"}, b"", 400, "InvalidRequest"),
        ("POST", f"/{bucket}", {"content-type": "multipart/form-data; boundary=x"}, b"--x--", 405, "MethodNotAllowed"),
    ]
    for method, target, headers, body, status, code in cases:
        got_status, headers, text = request(server, method, target, body, {**SIGNED, **headers})
        assert (got_status, headers["content-type"]) == (status, "application/xml"), (target[:50], text[:200])
        root = xml.etree.ElementTree.fromstring(text)
        assert root.tag == "Error" and root.findtext("RequestId") and root.findtext("Message")
        assert code is None or root.findtext("Code") == code
    status, headers, text = request(server, "POST", f"/{bucket}", b"--x--", {
        "content-type": "multipart/form-data; boundary=x"})
    assert status == 405 and headers["content-type"] == "application/xml"


# --- quotas ---

QUOTAS = """\
objects: {quota: 8MiB}
tenants:
  - {name: shop, keys: [{id: AKIDSHOP, secret: shop-secret}]}
  - {name: bank, keys: [{id: AKIDBANK, secret: bank-secret}], objects: {quota: 20MiB}}
"""


def test_quotas(tmp_path, random_model):
    running = start(tmp_path, random_model, extra=QUOTAS)
    try:
        shop, bank = client(running, "AKIDSHOP", "shop-secret"), client(running, "AKIDBANK", "bank-secret")
        shop.create_bucket(Bucket="shops")
        bank.create_bucket(Bucket="banks")
        shop.put_object(Bucket="shops", Key="k", Body=noise(5 * MIB))
        assert refused(shop.put_object, Bucket="shops", Key="l", Body=noise(4 * MIB)) == ("QuotaExceeded", 403)
        assert refused(shop.copy_object, Bucket="shops", Key="l", CopySource="shops/k") == ("QuotaExceeded", 403)
        upload = shop.create_multipart_upload(Bucket="shops", Key="p")["UploadId"]
        part = dict(Bucket="shops", Key="p", UploadId=upload)
        assert refused(shop.upload_part, **part, PartNumber=1, Body=noise(4 * MIB)) == ("QuotaExceeded", 403)
        shop.upload_part(**part, PartNumber=1, Body=noise(3 * MIB))
        assert refused(shop.put_object, Bucket="shops", Key="l", Body=b"x") == ("QuotaExceeded", 403)
        shop.abort_multipart_upload(**part)
        shop.put_object(Bucket="shops", Key="l", Body=noise(3 * MIB))
        bank.put_object(Bucket="banks", Key="k", Body=noise(20 * MIB))
        assert refused(bank.put_object, Bucket="banks", Key="l", Body=b"x") == ("QuotaExceeded", 403)
    finally:
        assert running.stop() == 0
    running = start(tmp_path, random_model, extra=QUOTAS)
    try:
        shop = client(running, "AKIDSHOP", "shop-secret")
        assert refused(shop.put_object, Bucket="shops", Key="m", Body=b"x") == ("QuotaExceeded", 403)
        shop.put_object(Bucket="shops", Key="k", Body=noise(5 * MIB, 2))  # in place of as much
        shop.delete_object(Bucket="shops", Key="l")
        shop.put_object(Bucket="shops", Key="m", Body=noise(3 * MIB))
    finally:
        assert running.stop() == 0


def test_a_bucket_of_another_is_not_written_into(server):
    """An open PUT, and the bucket deleted and made by somebody else."""
    mine, theirs = client(server, key="AKIDFIRST"), client(server, key="AKIDSECOND")
    mine.create_bucket(Bucket="handed-over")
    connection = http.client.HTTPConnection("127.0.0.1", server.port)
    connection.putrequest("PUT", "/handed-over/key")
    for name, value in {"authorization": SIGNED["authorization"].replace("AKIDEXAMPLE", "AKIDFIRST"),
                        "content-length": "300001"}.items():
        connection.putheader(name, value)
    connection.endheaders()
    connection.send(b"x" * 300_000)
    tmp = server.workdir / "data/objects/.fulcrum/tmp"
    assert wait_until(lambda: any(each.stat().st_size for each in tmp.iterdir()))
    mine.delete_bucket(Bucket="handed-over")
    theirs.create_bucket(Bucket="handed-over")
    connection.send(b"x")
    reply = connection.getresponse()
    assert reply.status == 404 and b"NoSuchBucket" in reply.read()
    connection.close()
    assert theirs.list_objects_v2(Bucket="handed-over")["KeyCount"] == 0

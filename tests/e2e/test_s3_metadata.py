"""What is kept with objects beside their bytes: tags, storage classes, attributes; names of buckets."""

import urllib.parse

import botocore.exceptions
import pytest

from conftest import start
from s3_fixture import MIB, bucket, client, code_of, noise, request, s3  # two of them fixtures

SIGNED = {"authorization": "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20261129/us-east-1/s3/aws4_request, "
                           "SignedHeaders=host, Signature=0"}


def refused(call, **arguments):
    with pytest.raises(botocore.exceptions.ClientError) as error:
        call(**arguments)
    return code_of(error)


def tags_of(s3, bucket, key):
    return {tag["Key"]: tag["Value"] for tag in s3.get_object_tagging(Bucket=bucket, Key=key)["TagSet"]}


def tag_set(tags):
    return {"TagSet": [{"Key": name, "Value": value} for name, value in tags.items()]}


def in_parts(s3, bucket, key, sizes, **more):
    upload = s3.create_multipart_upload(Bucket=bucket, Key=key, **more)["UploadId"]
    parts = [{"PartNumber": number, "ETag": s3.upload_part(Bucket=bucket, Key=key, UploadId=upload, PartNumber=number,
                                                           Body=noise(size))["ETag"]}
             for number, size in enumerate(sizes, 1)]
    s3.complete_multipart_upload(Bucket=bucket, Key=key, UploadId=upload, MultipartUpload={"Parts": parts})


# --- tags ---


def test_tags_are_set_counted_and_removed(s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="team=shop%20floor&%C3%BCber=%E9%9B%AA&plus=a+b&empty=&bare")
    tags = {"team": "shop floor", "über": "雪", "plus": "a b", "empty": "", "bare": ""}
    assert tags_of(s3, bucket, "k") == tags
    before = s3.head_object(Bucket=bucket, Key="k")
    assert before["TagCount"] == 5 and s3.get_object(Bucket=bucket, Key="k")["TagCount"] == 5
    ten = {f"key {i}/+-=._:@": "v" * 256 for i in range(10)}
    s3.put_object_tagging(Bucket=bucket, Key="k", Tagging=tag_set(ten))
    assert tags_of(s3, bucket, "k") == ten
    after = s3.head_object(Bucket=bucket, Key="k")
    assert (after["ETag"], after["LastModified"]) == (before["ETag"], before["LastModified"])
    s3.delete_object_tagging(Bucket=bucket, Key="k")
    assert tags_of(s3, bucket, "k") == {} and "TagCount" not in s3.head_object(Bucket=bucket, Key="k")
    assert s3.get_object(Bucket=bucket, Key="k")["Body"].read() == b"x"
    for call in (s3.get_object_tagging, s3.delete_object_tagging):
        assert refused(call, Bucket=bucket, Key="none") == ("NoSuchKey", 404)
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="none", Tagging=tag_set({})) == ("NoSuchKey", 404)


@pytest.mark.parametrize("tags,code", [
    ({f"k{i}": "" for i in range(11)}, "BadRequest"),
    ({"k" * 129: "v"}, "InvalidTag"),
    ({"😀" * 65: "v"}, "InvalidTag"),
    ({"k": "v" * 257}, "InvalidTag"),
    ({"k!": "v"}, "InvalidTag"),
    ({"k": "a\tb"}, "InvalidTag"),
    ({"aws:k": "v"}, "InvalidTag"),
])
def test_bad_tags_are_refused_and_nothing_is_written(s3, bucket, tags, code):
    import urllib.parse
    header = urllib.parse.urlencode(tags)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging=header) == (code, 400)
    assert refused(s3.head_object, Bucket=bucket, Key="k") == ("404", 404)
    s3.put_object(Bucket=bucket, Key="k", Body=b"x", Tagging="good=1")
    assert refused(s3.put_object_tagging, Bucket=bucket, Key="k", Tagging=tag_set(tags)) == (code, 400)
    assert tags_of(s3, bucket, "k") == {"good": "1"}


def test_malformed_tags(server, s3, bucket):
    s3.put_object(Bucket=bucket, Key="k", Body=b"x")
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging="a=%FF") == ("InvalidTag", 400)
    assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging="a=%G0") == ("InvalidArgument", 400)
    for header in ("a=1&a=2", "=v"):
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", Tagging=header) == ("InvalidTag", 400)
    for body in (b"", b"<x/>", b"<Tagging/>", b"<Tagging><TagSet><Tag>", b"not XML"):
        status, _, text = request(server, "PUT", f"/{bucket}/k?tagging", body, SIGNED)
        assert status == 400 and b"<Code>MalformedXML</Code>" in text, body
    upload = s3.create_multipart_upload(Bucket=bucket, Key="k")["UploadId"]
    status, _, text = request(server, "PUT", f"/{bucket}/k?uploadId={upload}&partNumber=1", b"x",
                              {**SIGNED, "x-amz-tagging": "a=b"})
    assert status == 501 and b"x-amz-tagging" in text


def test_tags_through_uploads_and_copies(s3, bucket):
    in_parts(s3, bucket, "parts", [5 * MIB, 3], Tagging="a=1", Metadata={"m": "1"}, StorageClass="STANDARD_IA")
    assert tags_of(s3, bucket, "parts") == {"a": "1"}
    source = {"Bucket": bucket, "CopySource": f"{bucket}/parts"}
    s3.copy_object(Key="copied", **source)
    s3.copy_object(Key="replaced", TaggingDirective="REPLACE", Tagging="b=2", **source)
    s3.copy_object(Key="dropped", TaggingDirective="REPLACE", **source)
    s3.copy_object(Key="described", MetadataDirective="REPLACE", Metadata={"m": "2"}, StorageClass="GLACIER_IR", **source)
    assert [tags_of(s3, bucket, key) for key in ("copied", "replaced", "dropped", "described")] == [
        {"a": "1"}, {"b": "2"}, {}, {"a": "1"}]
    heads = {key: s3.head_object(Bucket=bucket, Key=key) for key in ("parts", "copied", "replaced", "described")}
    assert [heads[key].get("StorageClass") for key in heads] == ["STANDARD_IA", None, None, "GLACIER_IR"]
    assert [heads[key]["Metadata"]["m"] for key in heads] == ["1", "1", "1", "2"]
    assert refused(s3.copy_object, Key="none", Tagging="b=2", **source) == ("InvalidArgument", 400)
    assert refused(s3.copy_object, Key="parts", **source) == ("InvalidRequest", 400)
    s3.copy_object(Key="parts", StorageClass="ONEZONE_IA", **source)  # onto itself: the class is another
    s3.copy_object(Key="parts", TaggingDirective="REPLACE", Tagging="c=3", StorageClass="ONEZONE_IA", **source)
    assert tags_of(s3, bucket, "parts") == {"c": "3"}
    s3.put_object(Bucket=bucket, Key="parts", Body=b"new")
    assert tags_of(s3, bucket, "parts") == {}


def test_tags_of_a_file_that_was_put_there_by_hand(tmp_path, random_model):
    running = start(tmp_path, random_model)
    s3 = client(running)
    s3.create_bucket(Bucket="hand")
    (tmp_path / "data/objects/hand/file").write_bytes(b"by hand")
    assert tags_of(s3, "hand", "file") == {}
    assert refused(s3.put_object_tagging, Bucket="hand", Key="file", Tagging=tag_set({"a": "1"})) == ("AccessDenied", 403)
    s3.copy_object(Bucket="hand", Key="file", CopySource="hand/file", MetadataDirective="REPLACE")
    s3.put_object_tagging(Bucket="hand", Key="file", Tagging=tag_set({"a": "1"}))
    assert running.stop() == 0
    running = start(tmp_path, random_model)
    assert tags_of(client(running), "hand", "file") == {"a": "1"}
    assert not any((tmp_path / "data/objects/.fulcrum/tmp").iterdir())
    assert running.stop() == 0


# --- storage classes ---


def test_storage_classes_are_kept_and_told(s3, bucket):
    classes = ["STANDARD", "STANDARD_IA", "ONEZONE_IA", "INTELLIGENT_TIERING", "GLACIER_IR", "REDUCED_REDUNDANCY"]
    for name in classes:
        s3.put_object(Bucket=bucket, Key=name, Body=b"x", StorageClass=name)
        told = None if name == "STANDARD" else name
        assert s3.head_object(Bucket=bucket, Key=name).get("StorageClass") == told
        assert s3.get_object(Bucket=bucket, Key=name).get("StorageClass") == told
    for call in (s3.list_objects_v2, s3.list_objects):
        assert {entry["Key"]: entry["StorageClass"] for entry in call(Bucket=bucket)["Contents"]} == {
            name: name for name in classes}
    assert {each["StorageClass"] for each in s3.list_object_versions(Bucket=bucket)["Versions"]} == set(classes)
    upload = s3.create_multipart_upload(Bucket=bucket, Key="up", StorageClass="STANDARD_IA")["UploadId"]
    assert s3.list_multipart_uploads(Bucket=bucket)["Uploads"][0]["StorageClass"] == "STANDARD_IA"
    assert s3.list_parts(Bucket=bucket, Key="up", UploadId=upload)["StorageClass"] == "STANDARD_IA"
    for name in ("GLACIER", "DEEP_ARCHIVE", "SNOW"):
        assert refused(s3.put_object, Bucket=bucket, Key="k", Body=b"x", StorageClass=name) == ("InvalidStorageClass", 400)
        assert refused(s3.create_multipart_upload, Bucket=bucket, Key="k", StorageClass=name) == (
            "InvalidStorageClass", 400)


# --- attributes ---

ALL = ["ETag", "Checksum", "ObjectParts", "StorageClass", "ObjectSize"]


def test_attributes_of_a_whole_object(server, s3, bucket):
    put = s3.put_object(Bucket=bucket, Key="k", Body=b"hello", ChecksumAlgorithm="SHA256", StorageClass="GLACIER_IR")
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=ALL)
    assert got["ETag"] == put["ETag"].strip('"') and got["ObjectSize"] == 5 and got["StorageClass"] == "GLACIER_IR"
    assert got["Checksum"] == {"ChecksumSHA256": put["ChecksumSHA256"], "ChecksumType": "FULL_OBJECT"}
    assert "ObjectParts" not in got and got["LastModified"]
    few = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectSize"])
    assert few["ObjectSize"] == 5 and not {"ETag", "Checksum", "StorageClass"} & set(few)
    assert refused(s3.get_object_attributes, Bucket=bucket, Key="none", ObjectAttributes=ALL) == ("NoSuchKey", 404)
    assert refused(s3.get_object_attributes, Bucket=bucket, Key="k", ObjectAttributes=["Size"]) == ("InvalidArgument", 400)
    assert request(server, "GET", f"/{bucket}/k?attributes", b"", SIGNED)[0] == 400
    status, _, text = request(server, "GET", f"/{bucket}/k?attributes", b"", {
        **SIGNED, "x-amz-object-attributes": "ETag , ObjectSize"})
    assert status == 200 and b"<ObjectSize>5</ObjectSize>" in text and b"<StorageClass>" not in text


def test_attributes_of_an_object_in_parts(s3, bucket):
    sizes = [5 * MIB, 5 * MIB, 6 * MIB, 77]
    in_parts(s3, bucket, "k", sizes)
    got = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=ALL)
    assert got["ETag"].endswith("-4") and got["ObjectSize"] == sum(sizes) and got["StorageClass"] == "STANDARD"
    parts = got["ObjectParts"]
    assert parts["TotalPartsCount"] == 4 and parts["IsTruncated"] is False
    assert [(part["PartNumber"], part["Size"]) for part in parts["Parts"]] == list(enumerate(sizes, 1))
    page = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], MaxParts=2,
                                    PartNumberMarker=1)["ObjectParts"]
    assert [part["PartNumber"] for part in page["Parts"]] == [2, 3]
    assert (page["IsTruncated"], page["NextPartNumberMarker"], page["MaxParts"]) == (True, 3, 2)
    behind = s3.get_object_attributes(Bucket=bucket, Key="k", ObjectAttributes=["ObjectParts"], PartNumberMarker=9)
    assert behind["ObjectParts"]["IsTruncated"] is False and "Parts" not in behind["ObjectParts"]


# --- as transfer managers do it ---


def test_upload_file_with_all_that_it_takes(s3, bucket, tmp_path):
    path = tmp_path / "file"
    path.write_bytes(noise(9 * MIB))
    s3.upload_file(str(path), bucket, "k", ExtraArgs={
        "StorageClass": "STANDARD_IA", "Tagging": "team=shop&year=2026", "Metadata": {"a": "b"}, "ACL": "private",
        "ContentType": "text/x", "CacheControl": "no-store", "ChecksumAlgorithm": "SHA256"})
    head = s3.head_object(Bucket=bucket, Key="k", ChecksumMode="ENABLED")
    assert (head["StorageClass"], head["TagCount"], head["ContentType"]) == ("STANDARD_IA", 2, "text/x")
    assert head["Metadata"] == {"a": "b"} and head["ChecksumSHA256"]
    s3.copy({"Bucket": bucket, "Key": "k"}, bucket, "copy", ExtraArgs={"StorageClass": "ONEZONE_IA"})
    assert s3.head_object(Bucket=bucket, Key="copy")["StorageClass"] == "ONEZONE_IA"


# --- encryption ---


def test_a_disk_that_is_encrypted_is_what_aes256_asks_for(tmp_path, random_model):
    running = start(tmp_path, random_model, extra="objects: {encrypted_at_rest: true}\n")
    s3 = client(running)
    s3.create_bucket(Bucket="sealed")
    asked = {"Bucket": "sealed", "Key": "k", "ServerSideEncryption": "AES256"}
    seen = [s3.put_object(Body=b"x", **asked), s3.head_object(Bucket="sealed", Key="k"),
            s3.get_object(Bucket="sealed", Key="k"), s3.copy_object(**{**asked, "Key": "c"}, CopySource="sealed/k"),
            s3.create_multipart_upload(**asked), s3.put_object(Bucket="sealed", Key="plain", Body=b"x")]
    assert [each.get("ServerSideEncryption") for each in seen] == ["AES256"] * len(seen)
    path = tmp_path / "file"
    path.write_bytes(noise(9 * MIB))
    s3.upload_file(str(path), "sealed", "large", ExtraArgs={"ServerSideEncryption": "AES256"})
    rules = s3.get_bucket_encryption(Bucket="sealed")["ServerSideEncryptionConfiguration"]["Rules"]
    assert rules[0]["ApplyServerSideEncryptionByDefault"]["SSEAlgorithm"] == "AES256"
    for more in ({"ServerSideEncryption": "aws:kms"}, {"SSECustomerAlgorithm": "AES256", "SSECustomerKey": "k" * 32}):
        assert refused(s3.put_object, Bucket="sealed", Key="k", Body=b"y", **more)[0] in (
            "NotImplemented", "InvalidRequest")
    assert s3.get_object(Bucket="sealed", Key="k")["Body"].read() == b"x"
    assert running.stop() == 0


# --- names of buckets ---


@pytest.mark.parametrize("name", ["xn--bucket", "sthree-bucket", "sthree-configurator-x", "amzn-s3-demo-bucket", "a-s3alias",
                                  "a--ol-s3", "a.mrap", "a--x-s3", "a--table-s3"])
def test_names_that_s3_keeps_to_itself(server, name):
    status, _, text = request(server, "PUT", f"/{name}", b"", SIGNED)
    assert status == 400 and b"<Code>InvalidBucketName</Code>" in text
    assert request(server, "HEAD", f"/{name}", b"", SIGNED)[0] == 404

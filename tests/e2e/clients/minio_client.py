"""minio-py. AWS_ENDPOINT_URL says where; nothing printed is good."""

import io
import os
import urllib.request

from minio import Minio
from minio.commonconfig import CopySource
from minio.deleteobjects import DeleteObject

BUCKET = "minio-client"
client = Minio(endpoint=os.environ["AWS_ENDPOINT_URL"].split("//")[1], access_key="AKIDEXAMPLE", secret_key="secret",
               secure=False)

assert not client.bucket_exists(bucket_name=BUCKET)
client.make_bucket(bucket_name=BUCKET)
client.put_object(bucket_name=BUCKET, object_name="x y/ü", data=io.BytesIO(b"hello"), length=5, metadata={"a": "b"})
big = os.urandom(11_000_000)
client.put_object(bucket_name=BUCKET, object_name="stream", data=io.BytesIO(big), length=-1, part_size=5 << 20)
assert client.get_object(bucket_name=BUCKET, object_name="x y/ü").read() == b"hello"
assert client.get_object(bucket_name=BUCKET, object_name="stream", offset=7_000_000, length=9).read() == big[7_000_000:7_000_009]
client.copy_object(bucket_name=BUCKET, object_name="copy", source=CopySource(bucket_name=BUCKET, object_name="x y/ü"))
assert client.stat_object(bucket_name=BUCKET, object_name="copy").size == 5
names = [each.object_name for each in client.list_objects(bucket_name=BUCKET, recursive=True)]
assert names == ["copy", "stream", "x y/ü"], names
assert [each.object_name for each in client.list_objects(bucket_name=BUCKET)] == ["copy", "stream", "x y/"]
link = client.presigned_get_object(bucket_name=BUCKET, object_name="x y/ü")
assert urllib.request.urlopen(link).read() == b"hello"
assert not list(client.remove_objects(bucket_name=BUCKET, delete_object_list=[DeleteObject(name) for name in names]))
client.remove_bucket(bucket_name=BUCKET)
assert BUCKET not in [each.name for each in client.list_buckets()]

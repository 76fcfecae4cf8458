"""s3fs, which pandas, dask and others read and write through. AWS_ENDPOINT_URL says where; nothing printed is good."""

import os
import pathlib

import fsspec
import s3fs

URL, BUCKET = os.environ["AWS_ENDPOINT_URL"], "s3fs-client"
MIB = 1 << 20
fs = s3fs.S3FileSystem(endpoint_url=URL, use_listings_cache=False)


def files():
    for name, data in {"a b/ü.txt": b"x", "empty": b"", "big": os.urandom(12 * MIB + 1)}.items():
        with fs.open(f"{BUCKET}/{name}", "wb") as file:
            file.write(data)
        assert fs.cat(f"{BUCKET}/{name}") == data
    with fs.open(f"{BUCKET}/big", "rb") as file:
        file.seek(5 * MIB)
        assert file.read(10) == data[5 * MIB:5 * MIB + 10]
    with fs.open(f"{BUCKET}/big", "ab") as file:  # copies what is there as a part
        file.write(b"tail")
    assert fs.info(f"{BUCKET}/big")["size"] == 12 * MIB + 5
    assert sorted(fs.find(BUCKET)) == [f"{BUCKET}/{name}" for name in ("a b/ü.txt", "big", "empty")]


def trees():
    for name in ("d/x", "d/e/y", "d/empty"):
        path = pathlib.Path("tree") / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("" if "empty" in name else name)
    fs.put("tree/d", f"{BUCKET}/up", recursive=True)
    fs.get(f"{BUCKET}/up", "down", recursive=True)
    assert (pathlib.Path("down") / "e/y").read_text() == "d/e/y"
    fs.cp(f"{BUCKET}/up", f"{BUCKET}/up2", recursive=True)
    fs.mv(f"{BUCKET}/up2/x", f"{BUCKET}/up2/z")
    assert sorted(fs.ls(f"{BUCKET}/up2", detail=False)) == [f"{BUCKET}/up2/{name}" for name in ("e", "empty", "z")]
    assert fs.isdir(f"{BUCKET}/up") and not fs.exists(f"{BUCKET}/nope")
    fs.rm(f"{BUCKET}/up", recursive=True)
    assert not fs.exists(f"{BUCKET}/up/x")


def single():
    fs.pipe(f"{BUCKET}/meta", b"x", ContentType="text/x-y")
    assert fs.info(f"{BUCKET}/meta")["ContentType"] == "text/x-y"
    fs.touch(f"{BUCKET}/touched")
    try:
        fs.pipe(f"{BUCKET}/meta", b"y", mode="create")
        raise AssertionError("written over what is there")
    except FileExistsError:
        pass
    with fsspec.open(fs.sign(f"{BUCKET}/meta")) as file:
        assert file.read() == b"x"
    fs.makedirs(BUCKET, exist_ok=True)


fs.mkdir(BUCKET)
assert BUCKET in fs.ls("", detail=False)
files()
trees()
single()
fs.rm(BUCKET, recursive=True)
assert not fs.exists(BUCKET)

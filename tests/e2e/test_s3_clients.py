"""Other people's programs against the object store: the AWS CLI, s3fs, minio-py. Each has packages of its own, which
tests/run installs (tests/s3-cli.lock, tests/s3-fs.lock)."""

import os
import subprocess
import sys

import pytest

from conftest import ROOT, python_of
from s3_fixture import MIB, client, noise

TREE = {
    "empty": b"", ".dot": b"1", ".hidden/z": b"2", "a b/c d": b"3", "über/雪 😀": b"4", "a+b&c%20d": b"5", "100%": b"6",
    "q'u\"o?te#;=@": b"7", "d/e/f": b"8", "d/e/empty": b"", "d/big": noise(9 * MIB + 1), "(x)[y]{z}~!,": b"9",
    "d/just": noise(8 * MIB, 2), "back\\slash": b"10",
}


@pytest.fixture(scope="module")
def environment(server):
    return {**os.environ, "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
            "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "LC_ALL": "C.UTF-8"}


@pytest.fixture(scope="module")
def aws(environment):
    program = python_of("FULCRUM_S3_CLI") / "aws"

    def run(*arguments, **options):
        done = subprocess.run([str(program), *map(str, arguments)], env=environment, capture_output=True, timeout=280,
                              check=False, **options)
        assert done.returncode == 0, done.stderr.decode()[-2000:]
        return done.stdout

    return run


def write_tree(folder):
    for name, data in TREE.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
    return folder


def read_tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def objects(server, bucket, prefix=""):
    s3 = client(server)
    pages = s3.get_paginator("list_objects_v2").paginate(Bucket=bucket, Prefix=prefix, PaginationConfig={"PageSize": 3})
    return {each["Key"][len(prefix):]: each["Size"] for page in pages for each in page.get("Contents", [])}


def test_aws_cli_odd_trees(server, aws, tmp_path):
    tree = write_tree(tmp_path / "tree")
    sizes = {name: len(data) for name, data in TREE.items()}
    aws("s3", "mb", "s3://cli-tree")
    aws("s3", "cp", "--recursive", tree, "s3://cli-tree/up/")
    assert objects(server, "cli-tree", "up/") == sizes
    assert aws("s3", "sync", tree, "s3://cli-tree/up/") == b""  # nothing is new
    aws("s3", "sync", "s3://cli-tree/up/", tmp_path / "back")
    assert read_tree(tmp_path / "back") == TREE
    aws("s3", "cp", "--recursive", "s3://cli-tree/up/", "s3://cli-tree/copy/")  # by the server, the large one in parts
    assert objects(server, "cli-tree", "copy/") == sizes
    aws("s3", "cp", "--recursive", "s3://cli-tree/copy/", tmp_path / "copied")
    assert read_tree(tmp_path / "copied") == TREE
    (tree / "d/big").unlink()
    (tree / "empty").write_bytes(b"no more")
    aws("s3", "sync", "--delete", tree, "s3://cli-tree/up/")
    assert objects(server, "cli-tree", "up/") == {name: 7 if name == "empty" else size for name, size in sizes.items()
                                                  if name != "d/big"}
    aws("s3", "rm", "--recursive", "s3://cli-tree")
    aws("s3", "rb", "s3://cli-tree")


def test_aws_cli_single_objects(server, aws):
    aws("s3", "mb", "s3://cli-single")
    aws("s3", "cp", "-", "s3://cli-single/a", input=b"text")
    aws("s3", "cp", "s3://cli-single/a", "s3://cli-single/a/b")  # beside it
    aws("s3", "mv", "s3://cli-single/a/b", "s3://cli-single/a/b c")
    assert aws("s3", "cp", "s3://cli-single/a/b c", "-") == b"text"
    assert objects(server, "cli-single") == {"a": 4, "a/b c": 4}
    assert b"a/" in aws("s3", "ls", "s3://cli-single")
    link = aws("s3", "presign", "s3://cli-single/a/b c").decode().strip()
    fetched = subprocess.run([sys.executable, "-c", "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read())",
                              link], capture_output=True, check=True, timeout=60)
    assert fetched.stdout == b"b'text'\n"
    assert b"PartNumber" not in aws("s3api", "head-object", "--bucket", "cli-single", "--key", "a", "--part-number", 1)
    aws("s3", "rb", "--force", "s3://cli-single")


@pytest.mark.parametrize("program,variable", [("s3fs_client", "FULCRUM_S3_FS"), ("minio_client", "FULCRUM_S3_CLI")])
def test_libraries(environment, tmp_path, program, variable):
    done = subprocess.run([str(python_of(variable) / "python"), str(ROOT / f"tests/e2e/clients/{program}.py")],
                          env=environment, cwd=tmp_path, capture_output=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr.decode()[-3000:]

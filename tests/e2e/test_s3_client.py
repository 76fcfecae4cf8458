"""The object store on somebody else's S3 server: moto's, versitygw (which checks signatures), and our own."""

import hashlib
import http.server
import os
import random
import subprocess
import threading
import urllib.parse

import pytest

from conftest import BUILD, start
from remote_fixture import KEY, KINDS, SECRET, Remote, free_port, settings
from s3_fixture import request

TOOL = BUILD / "tests/tools/objects"


@pytest.fixture(scope="session", params=KINDS)
def remote(request, tmp_path_factory, random_model):
    server = Remote(request.param, tmp_path_factory.mktemp(request.param), random_model)
    yield server
    server.stop()


def run_tool(url, folder, *args, secret=SECRET):
    env = {**os.environ, "S3_ENDPOINT": url, "S3_REGION": "us-east-1", "S3_KEY": KEY, "S3_SECRET": secret,
           "S3_DIRECTORY": str(folder)}
    done = subprocess.run([str(TOOL), *map(str, args)], env=env, capture_output=True, timeout=120, check=False)
    assert done.returncode in (0, 1), done
    return done.returncode == 0, done.stdout


@pytest.fixture
def tool(remote, tmp_path):
    return lambda *args, **more: run_tool(remote.url, tmp_path / "waiting", *args, **more)


@pytest.fixture
def bucket(tool, request):
    name = "b-" + hashlib.sha256(request.node.nodeid.encode()).hexdigest()[:20]
    assert tool("create", name) == (True, b"")
    return name


def test_an_object_goes_there_and_back(tool, bucket, remote, tmp_path):
    body = random.Random(1).randbytes(9_500_000)  # more than two windows
    (tmp_path / "file").write_bytes(body)
    key = "in/über & + %/a b.jsonl"
    assert tool("put", bucket, key, tmp_path / "file")[0]
    etag = hashlib.md5(body).hexdigest().encode()
    assert tool("stat", bucket, key) == (True, b"9500000 %s text/x-tool\n" % etag)
    assert tool("get", bucket, key, 0, "-") == (True, body)
    assert tool("get", bucket, key, 4_000_000, 1_000_000) == (True, body[4_000_000:5_000_000])
    assert remote.client().get_object(Bucket=bucket, Key=key)["Body"].read() == body
    assert not list((tmp_path / "waiting").iterdir())
    assert tool("delete", bucket, key)[0]
    assert not tool("stat", bucket, key)[0]
    assert tool("delete-bucket", bucket)[0]
    assert not tool("head", bucket)[0]


def test_an_empty_object(tool, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"")
    assert tool("put", bucket, "empty", tmp_path / "file")[0]
    assert tool("get", bucket, "empty", 0, "-") == (True, b"")


def test_listings(tool, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    keys = ["a", "a b/+&", "d/1", "d/2", "d/sub/3", "z", "é"]
    for key in keys:
        assert tool("put", bucket, key, tmp_path / "file")[0]
    for size in (2, 3, 1000):
        ok, out = tool("list", bucket, "", "", size)
        assert ok and [urllib.parse.unquote(line.split()[0]) for line in out.decode().splitlines()] == keys
        ok, out = tool("list", bucket, "d/", "/", size)
        assert ok and [line.split()[0] for line in out.decode().splitlines()] == ["d/1", "d/2", "d/sub/"]
    assert tool("list", bucket, "none", "", 10) == (True, b"")
    assert bucket.encode() in tool("buckets", "-")[1].splitlines()


def test_what_is_missing_is_named(tool, bucket, tmp_path):
    (tmp_path / "file").write_bytes(b"x")
    assert tool("get", bucket, "none", 0, "-") == (False, b"problem 2: there is no object none\n")
    ok, out = tool("put", "no-such-bucket-here", "k", tmp_path / "file")
    assert not ok and out.startswith(b"problem 1: ")
    ok, out = tool("get", "no-such-bucket-here", "k", 0, "-")
    assert not ok and out == b"problem 1: there is no bucket no-such-bucket-here\n"


def test_a_wrong_secret_is_denied(tool, bucket, remote):
    if not remote.checks_signatures:
        pytest.skip("moto checks no signatures")
    ok, out = tool("list", bucket, "", "", 10, secret="wrong")
    assert not ok and b"SignatureDoesNotMatch" in out and b"s3.secret" in out
    ok, out = tool("head", bucket, secret="wrong")  # whose reply has no body
    assert not ok and b"SignatureDoesNotMatch" in out and b"s3.secret" in out


def test_the_port_sends_clients_to_that_server(tmp_path, random_model):
    running = start(tmp_path, random_model, extra=settings(f"http://127.0.0.1:{free_port()}"))
    try:
        for method, target in (("PUT", "/bucket"), ("PUT", "/bucket/key"), ("GET", "/bucket/key")):
            status, _, text = request(running, method, target, b"x" * 100 if "key" in target else b"")
            assert status == 501 and b"<Code>NotImplemented</Code>" in text
    finally:
        assert running.stop() == 0


def test_a_server_that_is_not_there(tmp_path):
    ok, out = run_tool(f"http://127.0.0.1:{free_port()}", tmp_path, "head", "bucket")
    assert not ok and b"the S3 server http://127.0.0.1" in out


@pytest.fixture
def canned():
    """A server that answers every request alike: begin(status, body) gives its address and what it was asked."""
    servers = []

    def begin(status, body):
        asked = []

        class Handler(http.server.BaseHTTPRequestHandler):
            def do_GET(self):
                asked.append((self.command, self.path))
                self.send_response(status)
                self.send_header("Content-Length", str(len(body)))
                self.end_headers()
                if self.command != "HEAD":
                    self.wfile.write(body)

            do_HEAD = do_GET

            def log_message(self, *_):
                pass

        servers.append(http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler))
        threading.Thread(target=servers[-1].serve_forever, daemon=True).start()
        return f"http://127.0.0.1:{servers[-1].server_port}", asked

    yield begin
    for server in servers:
        server.shutdown()
        server.server_close()


@pytest.mark.parametrize("encoding,name", [("", "a+b %41/&amp;"), ("<EncodingType>url</EncodingType>", "a%2Bb+%2541/%26")])
def test_names_are_decoded_where_the_server_encodes_them(canned, tmp_path, encoding, name):
    url, _ = canned(200, f"<ListBucketResult><Contents><Key>{name}</Key><Size>3</Size></Contents>{encoding}"
                         "<IsTruncated>false</IsTruncated></ListBucketResult>".encode())
    ok, out = run_tool(url, tmp_path, "list", "bucket", "", "", 10)
    assert ok and urllib.parse.unquote(out.decode().split()[0]) == "a+b %41/&"


@pytest.mark.parametrize("status,code,advice", [
    (301, "PermanentRedirect", "check s3.endpoint and s3.region in fulcrum.yaml"),
    (307, "", "check s3.endpoint and s3.region in fulcrum.yaml"),
    (400, "AuthorizationHeaderMalformed", "check s3.region in fulcrum.yaml"),
    (403, "RequestTimeTooSkewed", "check the clock of this machine"),
    (403, "AccessDenied", "what that key may do on the server"),
    (404, "XAdminUserNotFound", "check s3.key in fulcrum.yaml"),
    (409, "SomethingElse", "check s3 in fulcrum.yaml and the server's log")])
def test_refusals_say_what_to_do(canned, tmp_path, status, code, advice):
    """By a reply to HEAD too, which has no body."""
    url, asked = canned(status, f"<Error><Code>{code}</Code><Message>It said.</Message></Error>".encode())
    for arguments in (("head", "bucket"), ("stat", "bucket", "key"), ("list", "bucket", "", "", 10)):
        ok, out = run_tool(url, tmp_path, *arguments)
        assert not ok and advice in out.decode() and f"{status} {code}" in out.decode() and b"It said." in out
    assert [method for method, _ in asked] == ["HEAD", "GET", "HEAD", "GET", "GET"]


def test_a_busy_server_is_asked_again(canned, tmp_path):
    url, asked = canned(503, b"<Error><Code>SlowDown</Code></Error>")
    ok, out = run_tool(url, tmp_path, "list", "bucket", "", "", 10)
    assert not ok and b"503 SlowDown" in out and len(asked) == 4
    assert not run_tool(url, tmp_path, "head", "bucket")[0] and [method for method, _ in asked[4:]] == ["HEAD"] * 4

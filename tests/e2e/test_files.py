"""OpenAI's files by its SDK and by hand: sent, listed a page at a time, given back byte for byte, deleted; whose they are,
how large they may be, and what is left of them after a kill."""

import hashlib
import http.client
import io
import json

import openai
import pytest

from conftest import start
from test_openai import client

TWO = "tenants:\n" + "".join(f"  - {{name: {name}, bearer: [{hashlib.sha256(name.encode()).hexdigest()}]}}\n"
                            for name in ("shop", "desk"))


def send(api, data, name="in.jsonl", purpose="batch", **more):
    return api.files.create(file=(name, data), purpose=purpose, **more)


def post(server, body, kind, path="/v1/files"):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", path, body, {"content-type": kind, "authorization": "Bearer any"})
    reply = connection.getresponse()
    return reply.status, json.loads(reply.read())


def form(*parts, boundary="xyz"):
    """Parts as (head, bytes)."""
    text = b"".join(b"--%s\r\n%s\r\n\r\n%s\r\n" % (boundary.encode(), head.encode(), body) for head, body in parts)
    return text + b"--%s--\r\n" % boundary.encode()


@pytest.mark.parametrize("prefix", ["/v1", "/openai/v1"])
def test_a_file_comes_back_byte_for_byte(server, prefix):
    api = client(server, prefix=prefix)
    data = bytes(range(256)) * 9000 + b"\r\n--" + b"\r\n--xyz"
    made = send(api, data, 'a "strange" näme.jsonl', expires_after={"anchor": "created_at", "seconds": 3600})
    assert made.id.startswith("file-") and made.object == "file" and made.bytes == len(data)
    assert made.filename == 'a "strange" näme.jsonl' and made.purpose == "batch" and made.status == "processed"
    assert made.expires_at - made.created_at == 3600
    assert api.files.retrieve(made.id) == made
    assert api.files.content(made.id).read() == data
    gone = api.files.delete(made.id)
    assert gone.id == made.id and gone.deleted is True
    with pytest.raises(openai.NotFoundError):
        api.files.content(made.id)


def test_lists_have_pages(server):
    api = client(server)
    made = [send(api, b"{}\n", f"{i}.jsonl", purpose="user_data" if i % 2 else "evals").id for i in range(5)]
    assert [file.id for file in api.files.list(limit=2)][:5] == made[::-1]
    page = api.files.list(limit=2, order="asc", purpose="evals")
    assert page.has_more and page.first_id == page.data[0].id and page.last_id == page.data[-1].id
    assert [file.id for file in api.files.list(limit=2, order="asc", purpose="evals")] == made[::2]
    behind = {file.id for file in api.files.list(limit=100, after=made[0], purpose="user_data").data}
    assert not behind & set(made)  # which may be others' files, of before
    for id in made:
        api.files.delete(id)
    for query in ({"limit": 0}, {"limit": 10001}, {"order": "sideways"}, {"after": "file-none"}):
        with pytest.raises(openai.BadRequestError):
            api.files.list(**query)


def test_what_is_wrong_with_a_form_is_said(server):
    file = ('Content-Disposition: form-data; name="file"; filename="a"', b"{}")
    purpose = ('Content-Disposition: form-data; name="purpose"', b"batch")
    multipart = "multipart/form-data; boundary=xyz"
    for body, kind, param in [
            (form(file), multipart, "purpose"),
            (form(purpose), multipart, "file"),
            (form(purpose, (file[0], b"")), multipart, "file"),
            (form(file, (purpose[0], b"fun")), multipart, "purpose"),
            (form(purpose, file, ('Content-Disposition: form-data; name="expires_after[seconds]"', b"12")), multipart,
             "expires_after.seconds"),
            (form(purpose, file), "multipart/form-data", "content-type"),
            (b"{}", "application/json", "content-type"),
            (form(purpose, file)[:-12], multipart, None),
            (b"x" * 100, multipart, None),
            (b"", multipart, None)]:
        status, reply = post(server, body, kind)
        assert (status, reply["error"]["type"], reply["error"]["param"]) == (400, "invalid_request_error", param), reply
    status, reply = post(server, form(purpose, file), multipart)
    assert status == 200 and reply["bytes"] == 2
    client(server).files.delete(reply["id"])


def test_tenants_have_their_own(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=TWO)
    shop, desk = client(server, key="shop"), client(server, key="desk")
    made = send(shop, b"{}\n")
    assert [file.id for file in shop.files.list()] == [made.id] and not desk.files.list().data
    for ask in (desk.files.retrieve, desk.files.content, desk.files.delete):
        with pytest.raises(openai.NotFoundError):
            ask(made.id)
    with pytest.raises(openai.AuthenticationError):
        send(client(server, key="other"), b"{}\n")
    assert shop.files.content(made.id).read() == b"{}\n"
    assert server.stop() == 0


def test_limits_hold(tmp_path, random_model):
    server = start(tmp_path, random_model, extra="limits: {upload_bytes: 100000, files: 2, files_bytes: 120000}\n")
    api = client(server)
    with pytest.raises(openai.APIStatusError) as refused:
        send(api, b"x" * 200000)
    assert refused.value.status_code == 413
    first = send(api, b"x" * 90000)
    with pytest.raises(openai.BadRequestError, match="120000 bytes"):
        send(api, b"x" * 90000)
    send(api, b"x")
    with pytest.raises(openai.BadRequestError, match="2 files"):
        send(api, b"x")
    api.files.delete(first.id)
    send(api, b"x" * 90000)
    assert server.stop() == 0


def test_files_outlive_a_kill(tmp_path, random_model):
    server = start(tmp_path, random_model)
    data = io.BytesIO(b"line\n" * 100000)
    made = send(client(server), data)
    half = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    half.putrequest("POST", "/v1/files")
    half.putheader("content-type", "multipart/form-data; boundary=xyz")
    half.putheader("content-length", "1000000")
    half.endheaders()
    half.send(b"x" * 500000)
    server.process.kill()
    server.process.wait()
    server = start(tmp_path, random_model)
    assert client(server).files.content(made.id).read() == data.getvalue()
    assert [path.name for path in (tmp_path / "data" / "files").iterdir()] == [made.id]
    assert server.stop() == 0

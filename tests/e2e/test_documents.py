"""Documents: PDF, docx and xlsx files in every dialect, read once, and hostile ones."""

import base64
import concurrent.futures
import ctypes
import io
import json
import os
import re
import shutil
import signal
import socket
import struct
import subprocess
import tempfile
import time
import zipfile

import botocore.exceptions
import pytest

from conftest import metrics, ready, start, wait_until

QUESTION = {"text": "What does it say?"}


def pdf(pages, trailer=""):
    """A PDF whose pages are lists of (x, y, text)."""
    objects = ["<< /Type /Catalog /Pages 2 0 R >>", "", "<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>"]
    kids = []
    for page in pages:
        lines = "".join(f"1 0 0 1 {x} {y} Tm ({text}) Tj\n" for x, y, text in page)
        content = f"BT /F1 10 Tf\n{lines}ET"
        objects.append(f"<< /Length {len(content)} >>\nstream\n{content}\nendstream")
        objects.append(f"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 612 792] /Contents {len(objects)} 0 R "
                       "/Resources << /Font << /F1 3 0 R >> >> >>")
        kids.append(f"{len(objects)} 0 R")
    objects[1] = f"<< /Type /Pages /Count {len(kids)} /Kids [{' '.join(kids)}] >>"
    out, offsets = "%PDF-1.4\n", []
    for number, text in enumerate(objects, 1):
        offsets.append(len(out))
        out += f"{number} 0 obj\n{text}\nendobj\n"
    table = "".join(f"{offset:010d} 00000 n \n" for offset in offsets)
    return (f"{out}xref\n0 {len(objects) + 1}\n0000000000 65535 f \n{table}trailer\n<< /Size {len(objects) + 1} "
            f"/Root 1 0 R {trailer}>>\nstartxref\n{len(out)}\n%%EOF\n").encode("latin-1")


def short_pages(count, mark=""):
    return pdf([[(72, 720, f"p{number}{mark}")] for number in range(1, count + 1)])


def text_of_short_pages(count, mark=""):
    return "".join((f"--- page {number} ---\n" if number > 1 else "") + f"p{number}{mark}\n"
                   for number in range(1, count + 1))


def package(parts):
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as archive:
        for name, text in parts.items():
            archive.writestr(name, text)
    return out.getvalue()


OFFICE = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"
ROOT = ('<Relationships><Relationship Id="r" Type="' + OFFICE + '/officeDocument" Target="{}"/></Relationships>')
DOCX = package({
    "_rels/.rels": ROOT.format("word/document.xml"),
    "word/document.xml": '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main"><w:body>'
                         "<w:p><w:r><w:t>Clause one.</w:t></w:r></w:p></w:body></w:document>"})
XLSX = package({
    "_rels/.rels": ROOT.format("xl/workbook.xml"),
    "xl/workbook.xml": f'<workbook xmlns:r="{OFFICE}"><sheets><sheet name="Q1" r:id="a"/></sheets></workbook>',
    "xl/_rels/workbook.xml.rels": f'<Relationships><Relationship Id="a" Type="{OFFICE}/worksheet" '
                                  'Target="worksheets/sheet1.xml"/></Relationships>',
    "xl/worksheets/sheet1.xml": '<worksheet><sheetData><row><c r="A1" t="str"><v>Lamp</v></c><c r="C1"><v>19.9</v></c>'
                                "</row></sheetData></worksheet>"})


def block(data, kind="pdf", name="file"):
    return {"document": {"name": name, "format": kind, "source": {"bytes": data}}}


def ask(client, *blocks):
    return client.converse(modelId="tiny", messages=[{"role": "user", "content": [*blocks, QUESTION]}],
                           inferenceConfig={"maxTokens": 4, "temperature": 0})


def refusal(client, *blocks):
    with pytest.raises(client.exceptions.ValidationException) as caught:
        ask(client, *blocks)
    return caught.value.response["Error"]["Message"]


def count(client, *blocks):
    return client.count_tokens(modelId="tiny", input={"converse": {"messages": [
        {"role": "user", "content": [*blocks, QUESTION]}]}})["inputTokens"]


def readers(server):
    """PIDs of the processes that read documents."""
    out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(server.process.pid)], text=True,
                         capture_output=True, check=False).stdout
    return [line for line in out.splitlines() if " worker " not in line and "defunct" not in line]


@pytest.fixture(name="fake")
def fake_fixture():
    """Makes a pdftotext of a shell script that the user nobody can run; gives the server's environment."""
    folder = tempfile.mkdtemp(dir="/tmp")
    os.chmod(folder, 0o755)

    def make(script):
        path = os.path.join(folder, "pdftotext")
        with open(path, "w", encoding="utf-8") as file:
            file.write(f"#!/bin/sh\n{script}\n")
        os.chmod(path, 0o755)
        return {"PATH": f"{folder}:{os.environ['PATH']}"}
    yield make
    shutil.rmtree(folder)


# --- what they say ---------------------------------------------------------------------------------------


def test_files_read_as_their_text(bedrock):
    for data, kind, text in ((short_pages(3), "pdf", text_of_short_pages(3)), (DOCX, "docx", "Clause one.\n"),
                             (XLSX, "xlsx", "Sheet: Q1\nLamp\t\t19.9\n")):
        plain = count(bedrock, block(text.encode(), "txt"))
        assert count(bedrock, block(data, kind)) == plain
        assert ask(bedrock, block(data, kind))["usage"]["inputTokens"] == plain


def test_tables_keep_their_rows(bedrock):
    rows = [("Item", "Units"), ("Lamp", "12")]
    data = pdf([[(x, 700 - 16 * y, cell) for y, row in enumerate(rows) for x, cell in zip((72, 110), row)]])
    text = subprocess.run(["pdftotext", "-layout", "-", "-"], input=data, capture_output=True, check=True).stdout
    squeezed = re.sub(" {5,}", "    ", text.decode()).strip("\f\n") + "\n"
    assert re.fullmatch(r"Item +Units\nLamp +12\n", squeezed)
    assert count(bedrock, block(data)) == count(bedrock, block(squeezed.encode(), "txt"))


def native_count(client, model, body):
    return client.count_tokens(modelId=model, input={"invokeModel": {"body": json.dumps(body)}})["inputTokens"]


def test_anthropic_and_nova_bodies(bedrock):
    def anthropic(source):
        return native_count(bedrock, "anthropic.claude-3-5-sonnet-20241022-v2:0", {
            "anthropic_version": "bedrock-2023-05-31", "max_tokens": 4, "messages": [{"role": "user", "content": [
                {"type": "document", "title": "file", "source": source}, {"type": "text", "text": "Well?"}]}]})

    def nova(data, kind):
        return native_count(bedrock, "amazon.nova-pro-v1:0", {"messages": [{"role": "user", "content": [
            {"document": {"name": "file", "format": kind, "source": {"bytes": data}}}, {"text": "Well?"}]}]})

    data = base64.b64encode(short_pages(2)).decode()
    text = text_of_short_pages(2)
    assert anthropic({"type": "base64", "media_type": "application/pdf", "data": data}) == anthropic(
        {"type": "text", "media_type": "text/plain", "data": text})
    assert nova(data, "pdf") == nova(base64.b64encode(text.encode()).decode(), "txt")


def test_documents_in_streams(bedrock):
    reply = bedrock.converse_stream(
        modelId="tiny", messages=[{"role": "user", "content": [block(short_pages(2)), QUESTION]}],
        inferenceConfig={"maxTokens": 4, "temperature": 0})
    assert any("metadata" in event for event in reply["stream"])
    with pytest.raises(bedrock.exceptions.ValidationException):
        bedrock.converse_stream(modelId="tiny",
                                messages=[{"role": "user", "content": [block(b"garbage"), QUESTION]}])


# --- read once -------------------------------------------------------------------------------------------


def test_fifty_pages_are_read_once(tmp_path, random_model):
    server = start(tmp_path, random_model, deterministic=False, extra="io_threads: 2\n")
    data = short_pages(50)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        counts = list(pool.map(lambda _: count(server.client(), block(data)), range(12)))
    assert len(set(counts)) == 1
    before = metrics(server)
    assert before["fulcrum_document_extractions_total"] == 1
    assert before["fulcrum_document_cache_hits_total"] + before["fulcrum_document_shared_total"] == 11
    assert ask(server.client(), block(data))["usage"]["inputTokens"] == counts[0]
    after = metrics(server)
    assert after["fulcrum_document_extractions_total"] == 1
    assert after["fulcrum_document_cache_hits_total"] == before["fulcrum_document_cache_hits_total"] + 1
    assert after["fulcrum_document_cache_documents"] == 1 and after["fulcrum_document_failures_total"] == 0
    assert "document read" in server.log()
    assert server.stop() == 0


# --- what is refused -------------------------------------------------------------------------------------

ENCRYPTED = pdf([[(72, 720, "secret")]],
                f"/Encrypt << /Filter /Standard /V 1 /R 2 /P -4 /O <{'ab' * 32}> /U <{'cd' * 32}> >> "
                f"/ID [<{'00' * 16}> <{'00' * 16}>] ")


@pytest.mark.parametrize("data,kind,words", [
    (b"garbage", "pdf", "source: the file is damaged, or not a PDF"),
    (short_pages(5)[:300], "pdf", "source: the file is damaged, or not a PDF"),
    (pdf([[], []]), "pdf", "source: there is no text in the PDF"),
    (ENCRYPTED, "pdf", "source: the PDF is encrypted"),
    (b"garbage", "docx", "source: the file is damaged: it is not a zip archive"),
    (DOCX, "xlsx", "source: the file is damaged, or not an xlsx file"),
    (XLSX, "docx", "source: the file is damaged, or not a docx file"),
    (XLSX[:-30], "xlsx", "source: the file is damaged"),
    (b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + b"0" * 600, "docx", "source: the file is encrypted or of an older format"),
    (package({"word/document.xml": "<a>" + " " * 5_000_000 + "</a>"}), "docx", "unpacks to more than"),
    (package({"word/document.xml": '<!DOCTYPE a [<!ENTITY b "c">]><a>&b;</a>'}), "docx", "it has a DTD"),
    (b"x", "doc", "format: doc files cannot be read; send it as docx or pdf"),
    (b"x", "xls", "format: xls files cannot be read; send it as xlsx or csv"),
    (b"x" * 4_718_593, "pdf", "source: the document has 4718593 bytes, more than the limit of 4718592"),
])
def test_bad_files_are_refused_by_their_path(bedrock, data, kind, words):
    message = refusal(bedrock, {"text": "Look."}, block(data, kind))
    assert message.startswith("messages[0].content[1].document.") and words in message
    with pytest.raises(bedrock.exceptions.ValidationException):
        count(bedrock, block(data, kind))


def test_six_documents_are_too_many(bedrock):
    assert "6 documents are more than the limit of 5" in refusal(bedrock, *[block(b"a", "txt")] * 6)


def test_a_document_longer_than_the_context_is_named(bedrock):
    words = "lorem ipsum dolor sit amet consectetur " * 2
    long = pdf([[(72, 740 - 12 * line, words) for line in range(50)] for _ in range(5)])
    message = refusal(bedrock, block(short_pages(2)), block(long, name="the long one"))
    found = re.match(r"Input is too long for requested model: prompt is too long: (\d+) tokens > 2048 maximum; "
                     r"messages\[0\]\.content\[1\]\.document: the document 'the long one' alone has (\d+) tokens; ",
                     message)
    assert found and int(found[1]) > int(found[2]) > 2048
    tool = {"toolSpec": {"name": "n", "inputSchema": {"json": {}}}}
    with pytest.raises(bedrock.exceptions.ValidationException, match=r"messages\[2\]\.content\[0\]\.toolResult\.content"
                                                                     r"\[0\]\.document: the document 'file' alone"):
        bedrock.converse(modelId="tiny", toolConfig={"tools": [tool]}, messages=[
            {"role": "user", "content": [QUESTION]},
            {"role": "assistant", "content": [{"toolUse": {"toolUseId": "t", "name": "n", "input": {}}}]},
            {"role": "user", "content": [{"toolResult": {"toolUseId": "t", "content": [block(long)]}}]}])


def test_a_prompt_longer_than_the_context_names_both_figures(bedrock):
    message = refusal(bedrock, *[block(("word " * 250).encode(), "txt")] * 5, *[{"text": "word " * 400}] * 6)
    figures = re.search(r"prompt is too long: (\d+) tokens > (\d+) maximum", message)
    assert int(figures[1]) > int(figures[2]) == 2048 and "document '" not in message


# --- hostile readers -------------------------------------------------------------------------------------


@pytest.mark.parametrize("timeout,script,words", [
    ("1s", "while :; do :; done", "took longer than the limit of 1000 ms"),
    ("1s", "exec sleep 60", "took longer than the limit of 1000 ms"),
    ("30s", "while :; do echo 0123456789012345678901234567890123456789; done", "its text has more than the limit"),
    ("30s", "x=aaaaaaaa; while :; do x=$x$x; done", "or needed more than the limit of 67108864 bytes of memory"),
    ("30s", "echo x >/tmp/fulcrum-escaped; exit 1", "the file is damaged"),
])
def test_hostile_files_end_in_a_refusal(tmp_path, random_model, fake, timeout, script, words):
    limits = f"limits: {{document_timeout_ms: {timeout}, document_memory_bytes: 64MiB, document_text_bytes: 64KiB}}\n"
    server = start(tmp_path, random_model, extra=limits, env=fake(script))
    assert words in refusal(server.client(), block(b"%PDF"))
    assert wait_until(lambda: not readers(server))
    # Without Landlock an empty file can be made; never one with a byte in it.
    if os.path.exists("/tmp/fulcrum-escaped"):
        assert os.path.getsize("/tmp/fulcrum-escaped") == 0
        os.remove("/tmp/fulcrum-escaped")
    assert ask(server.client())["stopReason"]
    assert server.stop() == 0


def test_other_requests_go_on_while_a_document_is_read(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, extra="io_threads: 1\nlimits: {document_timeout_ms: 100s}\n",
                   env=fake("exec sleep 90"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        slow = pool.submit(ask, server.client(), block(b"%PDF"))
        assert wait_until(lambda: readers(server))
        assert ask(server.client())["stopReason"]
        assert readers(server) and not slow.done()
        os.kill(int(readers(server)[0].split()[0]), signal.SIGKILL)
        assert isinstance(slow.exception(60), botocore.exceptions.ClientError)
    assert server.stop() == 0


def test_a_client_that_goes_away_leaves_no_process(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, env=fake("exec sleep 60"))
    body = json.dumps({"messages": [{"role": "user", "content": [
        {"document": {"name": "a", "format": "pdf", "source": {"bytes": "JVBERg=="}}}, QUESTION]}]}).encode()
    head = f"POST /model/tiny/converse HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\nContent-Length: {len(body)}"
    clients = []
    for _ in range(2):
        clients.append(socket.create_connection(("127.0.0.1", server.port)))
        clients[-1].sendall(head.encode() + b"\r\n\r\n" + body)
    assert wait_until(lambda: len(readers(server)) == 1)
    assert wait_until(lambda: metrics(server)["fulcrum_document_shared_total"] == 1)
    clients[0].close()
    time.sleep(0.3)
    assert len(readers(server)) == 1, "somebody waits for it still"
    clients[1].close()
    assert wait_until(lambda: not readers(server))
    assert wait_until(lambda: server.log().count("status=499") == 2)
    assert server.stop() == 0


def test_draining_ends_what_is_being_read(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, extra="limits: {drain_timeout_ms: 500}\n", env=fake("exec sleep 60"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        pool.submit(ask, server.client(), block(b"%PDF"))
        assert wait_until(lambda: readers(server))
        assert server.stop() == 0


def test_without_pdftotext_the_package_is_named(tmp_path, random_model):
    server = start(tmp_path, random_model, env={"PATH": "/nowhere"})
    assert wait_until(lambda: "poppler-utils" in server.log())
    message = refusal(server.client(), block(short_pages(1)))
    assert message.startswith("messages[0].content[0].document.source: ") and "poppler-utils" in message
    assert ask(server.client(), block(DOCX, "docx"))["stopReason"]
    assert server.stop() == 0


def test_a_full_queue_throttles(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, env=fake("exec sleep 60"), extra="limits: {document_extractions: 1, "
                   "document_queue: 1, document_timeout_ms: 4s}\n")
    with concurrent.futures.ThreadPoolExecutor(2) as pool:
        for number in range(2):
            pool.submit(ask, server.client(), block(b"%%PDF%d" % number))
            assert wait_until(lambda number=number: metrics(server)["fulcrum_document_queue_depth"] == number and
                              readers(server))
        with pytest.raises(botocore.exceptions.ClientError, match="ThrottlingException"):
            ask(server.client(), block(b"%PDF other"))
    assert server.stop() == 0


def test_a_reader_that_is_killed_may_be_tried_again(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, env=fake("exec sleep 60"))
    with concurrent.futures.ThreadPoolExecutor(1) as pool:
        asked = pool.submit(ask, server.client(), block(b"%PDF"))
        assert wait_until(lambda: readers(server))
        os.kill(int(readers(server)[0].split()[0]), signal.SIGKILL)
        with pytest.raises(botocore.exceptions.ClientError) as caught:
            asked.result(60)
    reply = caught.value.response
    assert reply["Error"]["Code"] == "ServiceUnavailableException"
    assert reply["ResponseMetadata"]["HTTPStatusCode"] == 503
    fake("echo text now")
    assert ask(server.client(retries=2), block(b"%PDF"))["stopReason"], "what became of the killed one is not kept"
    assert server.stop() == 0


def test_slow_files_of_one_tenant_leave_readers_for_others(tmp_path, random_model, fake):
    server = start(tmp_path, random_model, env=fake("exec sleep 60"))
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        slow = [pool.submit(ask, server.client(key="SLOW"), block(b"%%PDF%d" % number)) for number in range(6)]
        assert wait_until(lambda: metrics(server)["fulcrum_document_queue_depth"] == 4)
        assert ask(server.client(key="QUICK"), block(DOCX, "docx"))["stopReason"]
        assert len(readers(server)) == 2 and not any(one.done() for one in slow)
        for _ in range(6):
            assert wait_until(lambda: readers(server))
            os.kill(int(readers(server)[0].split()[0]), signal.SIGKILL)
            assert wait_until(lambda done=sum(one.done() for one in slow): sum(one.done() for one in slow) > done)
    assert server.stop() == 0


# --- a kernel without a wall ------------------------------------------------------------------------------


def without_landlock():
    """Runs in the server's process before it becomes the server: landlock_create_ruleset fails from here on."""
    libc = ctypes.CDLL(None, use_errno=True)
    create_ruleset, enosys = 444, 38
    program = struct.pack("<HBBIHBBIHBBIHBBI", 0x20, 0, 0, 0, 0x15, 0, 1, create_ruleset,
                          0x06, 0, 0, 0x00050000 | enosys, 0x06, 0, 0, 0x7fff0000)
    code = ctypes.create_string_buffer(program)
    fprog = ctypes.create_string_buffer(struct.pack("HxxxxxxP", 4, ctypes.addressof(code)))
    if libc.prctl(38, 1, 0, 0, 0) or libc.prctl(22, 2, fprog, 0, 0):  # no new privileges, seccomp filter
        os._exit(3)


def test_a_missing_wall_is_said(tmp_path, random_model):
    server = start(tmp_path, random_model, preexec_fn=without_landlock)
    status, text = ready(server)
    assert status == 200 and text.startswith("ready\ndocuments.sandbox: no Landlock")
    assert metrics(server)['fulcrum_condition{name="documents.sandbox"}'] == 1
    assert wait_until(lambda: 'name=documents.sandbox level=note' in server.log())
    assert ask(server.client(), block(DOCX, "docx"))["stopReason"]
    assert server.stop() == 0


def test_a_missing_wall_that_is_required_stops_the_start(tmp_path, random_model):
    required = "documents: {sandbox: required}\n"
    with pytest.raises(RuntimeError, match="documents.sandbox is required, and not whole here: no Landlock"):
        start(tmp_path, random_model, extra=required, preexec_fn=without_landlock)
    server = start(tmp_path, random_model, extra=required)
    status, text = ready(server)
    assert status == 200 and text.startswith("ready\ndocuments.sandbox: all walls stand")
    assert ask(server.client(), block(DOCX, "docx"))["stopReason"]
    assert server.stop() == 0

"""The cache on disk: killed gateways and workers, damaged files. What was kept is read again, or is a clean miss."""

import os
import re
import signal
import time

import pytest

from conftest import metrics, start, wait_until

MODEL = "tiny"
TEXT = " ".join(f"Paragraph {i} of the handbook says what to do in case {i}." for i in range(20))
DISK = "cache: {memory: 64MiB, disk: 256MiB, min_tokens: 64}\n"


def ask(client, text=TEXT, question="What now?"):
    """The reply, tokens read, tokens written and the header of a prompt with one checkpoint."""
    reply = client.converse(
        modelId=MODEL, system=[{"text": text}, {"cachePoint": {"type": "default"}}],
        messages=[{"role": "user", "content": [{"text": question}]}], inferenceConfig={"maxTokens": 12, "temperature": 0})
    usage = reply["usage"]
    header = reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-cache"]
    return (reply["output"]["message"]["content"][0]["text"], usage.get("cacheReadInputTokens", 0),
            usage.get("cacheWriteInputTokens", 0), header)


def files(tmp_path):
    return [path for path in (tmp_path / "data" / "kv").glob("*/*") if re.fullmatch("[0-9a-f]{64}", path.name)]


def settled(tmp_path):
    """All copies are written: the number of files has stopped to grow."""
    seen = [-1]

    def still():
        count = len(files(tmp_path))
        same = count > 0 and count == seen[0]
        seen[0] = count
        return same
    assert wait_until(still, step=0.2)
    return seen[0]


def kill(server):
    server.process.send_signal(signal.SIGKILL)
    server.process.wait(10)


def test_a_killed_gateway_finds_its_cache_again(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=DISK)
    text, read, written, _ = ask(server.client())
    assert read == 0 and written > 128
    assert ask(server.client())[:3] == (text, written, 0)
    blocks = settled(tmp_path)
    assert blocks == -(-written // 64)
    kill(server)
    server = start(tmp_path, random_model, extra=DISK)
    again, read, rewritten, header = ask(server.client())
    assert (again, read, rewritten) == (text, written, 0), header
    assert header.startswith("hit")
    assert ask(server.client(key="SOMEBODYELSE"))[:3] == (text, 0, written)
    assert server.stop() == 0
    server = start(tmp_path, random_model, extra=DISK)  # a clean stop, too
    assert ask(server.client())[:3] == (text, written, 0)
    assert ask(server.client(key="SOMEBODYELSE"))[:3] == (text, written, 0)
    assert server.stop() == 0


def test_a_killed_worker_finds_its_cache_again(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=DISK)
    text, _, written, _ = ask(server.client())
    settled(tmp_path)
    worker = server.workers()[MODEL]
    os.kill(worker, signal.SIGKILL)
    assert wait_until(lambda: server.workers().get(MODEL, worker) != worker)
    client = server.client(retries=8)
    assert ask(client)[:3] == (text, written, 0)
    assert server.stop() == 0


@pytest.mark.parametrize("where", ["head", "payload", "length"])
def test_a_damaged_file_is_a_miss_with_the_right_answer(tmp_path, random_model, where):
    server = start(tmp_path, random_model, extra=DISK)
    text, _, written, _ = ask(server.client())
    blocks = settled(tmp_path)
    kill(server)
    for path in files(tmp_path):
        data = bytearray(path.read_bytes())
        if where == "length":
            path.write_bytes(data[:-1])
            continue
        at = 40 if where == "head" else len(data) - 100
        data[at] ^= 1
        path.write_bytes(data)
    server = start(tmp_path, random_model, extra=DISK)
    again, read, rewritten, header = ask(server.client())
    assert (again, read, rewritten) == (text, 0, written), header
    assert header.startswith("miss") and "reason=" in header
    assert ask(server.client())[:3] == (text, written, 0)
    assert settled(tmp_path) == blocks
    assert server.stop() == 0


def test_files_are_for_nobody_else(tmp_path, random_model):
    server = start(tmp_path, random_model, extra=DISK)
    ask(server.client())
    settled(tmp_path)
    kill(server)
    modes = {oct(path.stat().st_mode & 0o777) for path in files(tmp_path)}
    assert modes == {"0o600"}
    folder = next((tmp_path / "data" / "kv").iterdir())
    assert oct(folder.stat().st_mode & 0o777) == "0o700"


def test_more_than_memory_is_read_back_from_disk(tmp_path, random_model):
    """Twelve prompts of which memory holds a few: all hit, with the same answers."""
    server = start(tmp_path, random_model, extra="cache: {memory: 1MiB, disk: 64MiB, min_tokens: 64}\n")
    client = server.client()
    first = {}
    for i in range(12):
        first[i] = ask(client, text=f"Book {i}. {TEXT}")
        assert first[i][1] == 0
    time.sleep(0.5)
    kept = metrics(server)
    assert 0 < kept['fulcrum_cache_bytes{model="tiny",tier="memory"}'] <= 1 << 20
    assert kept['fulcrum_cache_bytes{model="tiny",tier="disk"}'] > 0
    tokens = [kept[f'fulcrum_cache_tokens{{model="tiny",tier="{tier}"}}'] for tier in ("memory", "disk")]
    assert min(tokens) > 0 and sum(tokens) >= sum(written for _, _, written, _ in first.values())
    for _ in range(2):
        for i in range(12):
            text, read, written, header = ask(client, text=f"Book {i}. {TEXT}")
            assert (text, read, written) == (first[i][0], first[i][2], 0), header
    assert server.stop() == 0


def test_a_directory_that_cannot_be_made_costs_only_the_disk(tmp_path, random_model):
    (tmp_path / "data").mkdir()
    (tmp_path / "data" / "kv").write_text("not a directory")
    server = start(tmp_path, random_model, extra=DISK)
    text, _, written, _ = ask(server.client())
    assert ask(server.client())[:3] == (text, written, 0)
    assert server.stop() == 0
    assert server.log().count("cache_disk_off") == 1
    assert (tmp_path / "data" / "kv").read_text() == "not a directory"

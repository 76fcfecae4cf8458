"""Models whose state can't be cut, served: a prefix is read at exactly the checkpoint, with the same text."""

import concurrent.futures
import subprocess

import pytest

from conftest import BUILD, start

TEXT = "Read this before you answer: be brief, be kind, be right. " * 6


@pytest.fixture(scope="module", params=["mamba", "gemma2"])
def served(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "model.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--kind", request.param, "--window", "128",
                    "--context", "2048"], check=True)
    server = start(path.parent, path, deterministic=True, extra="cache: {min_tokens: 32, memory: 64MiB}\n")
    yield server
    assert server.stop() == 0


def ask(client, system, question="And now?"):
    reply = client.converse(modelId="tiny", system=[{"text": system}, {"cachePoint": {"type": "default"}}],
                            messages=[{"role": "user", "content": [{"text": question}]}],
                            inferenceConfig={"maxTokens": 12, "temperature": 0})
    return reply["output"], reply["usage"]["cacheReadInputTokens"], reply["usage"]["cacheWriteInputTokens"]


def test_second_run_reads_the_checkpoint(served):
    text, read, written = ask(served.client(), TEXT)
    assert read == 0 and written > 32
    assert ask(served.client(), TEXT) == (text, written, 0)


def test_a_prompt_that_diverges_before_it_is_a_miss(served):
    ask(served.client(), TEXT)
    _, read, written = ask(served.client(), TEXT[:-10] + " be other.")
    assert read == 0 and written > 32


def test_many_at_once(served):
    with concurrent.futures.ThreadPoolExecutor(8) as pool:
        replies = list(pool.map(lambda number: ask(served.client(), TEXT + "Together.", f"Number {number % 2}?"),
                                range(16)))
    assert sum(read == 0 for _, read, _ in replies) == 1
    for number, (text, _, _) in enumerate(replies):
        assert text == replies[number % 2][0]

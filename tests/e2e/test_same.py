"""The same request gives the same reply, alone and among others, whether the server is told to be deterministic or not."""

import concurrent.futures
import random
import re
import subprocess

import pytest

from conftest import BUILD, metrics, start

MODEL = "tiny"
RULES = "Answer in one line. Never guess. Say who told you. " * 12
TOPICS = ["rivers", "a bill that was paid twice", "glass", "the last train", "ten small dogs", "a parcel", "salt", "moons"]

pytestmark = pytest.mark.skipif(not re.search(r"\bavx2\b", open("/proc/cpuinfo", encoding="utf-8").read()),
                                reason="no kernels for this processor")


@pytest.fixture(scope="module", params=["q8_0", "q4_K"])
def model(request, tmp_path_factory):
    path = tmp_path_factory.mktemp(request.param) / "model.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "4096", "--width", "256", "--heads", "8",
                    "--ff", "512", "--type", request.param], check=True)
    return path


def requests():
    """Short and long prompts and replies, some with a prefix in common, half of them sampled."""
    for number in range(24):
        body = {"modelId": MODEL, "messages": [{"role": "user", "content": [{"text": f"{TOPICS[number % 8]} " * (1 + number)}]}],
                "inferenceConfig": {"maxTokens": 10 + 5 * (number % 11), "temperature": number % 2}}
        if number % 3:
            body["system"] = [{"text": RULES}, {"cachePoint": {"type": "default"}}]
        if number % 2:
            body["additionalModelRequestFields"] = {"seed": number}
        yield body


def ask(server, body):
    reply = server.client().converse(**body)
    usage = reply["usage"]
    prompt = usage["inputTokens"] + usage["cacheReadInputTokens"] + usage["cacheWriteInputTokens"]
    return reply["output"], reply["stopReason"], prompt, usage["outputTokens"]


def figures(server):
    now = metrics(server)
    return tuple(now[f'fulcrum_engine_{name}_total{{model="{MODEL}"}}'] for name in ("steps", "generated_tokens"))


@pytest.mark.parametrize("deterministic", [False, True])
def test_alone_and_among_others(tmp_path, model, deterministic):
    server = start(tmp_path, model, deterministic=deterministic, extra="cache: {min_tokens: 64, memory: 64MiB}\n")
    bodies = list(requests())
    alone = [ask(server, body) for body in bodies]
    assert metrics(server)[f'fulcrum_model_row_independent{{model="{MODEL}"}}'] == 1
    assert "row_independent=true" in server.log() and "deterministic_is_serial" not in server.log()
    before = figures(server)
    order = [number % len(bodies) for number in range(3 * len(bodies))]
    random.Random(5).shuffle(order)
    with concurrent.futures.ThreadPoolExecutor(12) as pool:
        for number, reply in zip(order, pool.map(lambda number: ask(server, bodies[number]), order)):
            assert reply == alone[number], f"request {number}"
    steps, tokens = (now - then for now, then in zip(figures(server), before))
    assert steps < tokens, "several requests had a part in each step"
    assert server.stop() == 0


def test_other_models_are_served_one_at_a_time(tmp_path, model):
    """Without the kernels; and then the replies are the same, too."""
    server = start(tmp_path, model, env={"GGML_CPU_TILES": "0"})
    assert metrics(server)[f'fulcrum_model_row_independent{{model="{MODEL}"}}'] == 0
    assert re.search(r"deterministic_is_serial model=tiny because_of=\"MUL_MAT of blk\.0\.attn_q\.weight\"", server.log())
    bodies = list(requests())[:6]
    alone = [ask(server, body) for body in bodies]
    before = figures(server)
    with concurrent.futures.ThreadPoolExecutor(6) as pool:
        assert list(pool.map(lambda body: ask(server, body), bodies)) == alone
    steps, tokens = (now - then for now, then in zip(figures(server), before))
    assert steps >= tokens
    assert server.stop() == 0

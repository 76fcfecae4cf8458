"""Claude Code itself, the program from npm, works through Fulcrum: on a provider's model and on a local one."""

import json
import os
import subprocess

import pytest

from conftest import BUILD, Server
from fake_provider import FakeProvider
from test_ledger import export

PROVIDER = """\
models: []
upstreams:
  - name: an
    kind: anthropic
    url: {url}
    key_env: FAKE_KEY
    models:
      - {{name: claude, upstream_model: claude-real, ids: ["claude-*"], price: {{input: 3, output: 15}}}}
"""
LOCAL = """\
models:
  - {{name: tiny, path: {path}, ids: ["claude-*"], context: 65536, parallel: 2, price: {{input: 3, output: 15}}}}
cache: {{min_tokens: 64}}
"""
SESSION = "7d2c8f9e-35b1-4d5c-9a53-0c3a4f8be101"


@pytest.fixture(scope="module")
def claude():
    program = os.environ.get("FULCRUM_CLAUDE")
    if not program:
        pytest.skip("skipped: FULCRUM_CLAUDE is not set, tests/run does it where it can install the program")
    return program


def run(claude, server, folder, prompt, *options, **env):
    """What it prints about a prompt that it was started with, in a folder of its own."""
    (folder / "home").mkdir(exist_ok=True)
    (folder / "work").mkdir(exist_ok=True)
    done = subprocess.run(
        [claude, "-p", prompt, "--output-format", "json", "--session-id", SESSION, *options],
        cwd=folder / "work", stdin=subprocess.DEVNULL, capture_output=True, text=True, timeout=300, check=False,
        env={"PATH": os.environ["PATH"], "HOME": str(folder / "home"), "ANTHROPIC_BASE_URL": server.url,
             "ANTHROPIC_API_KEY": "any", "CLAUDE_CODE_DISABLE_NONESSENTIAL_TRAFFIC": "1", **env})
    assert done.stdout, done.stderr
    return json.loads(done.stdout)


def test_it_reads_a_file_for_a_providers_model(claude, tmp_path):
    (tmp_path / "work").mkdir()
    note = tmp_path / "work" / "note.txt"
    note.write_text("The parcel is green.\n")
    with FakeProvider() as provider:
        server = Server(config=PROVIDER.format(url=provider.url), workdir=tmp_path, env={"FAKE_KEY": "sk-provider"})
        provider.plan({"text": ["I look."], "tool": ("toolu_1", "Read", json.dumps({"file_path": str(note)}))},
                      {"text": ["It is ", "green."]})
        said = run(claude, server, tmp_path, "Which colour has the parcel of note.txt?")
        assert (said["is_error"], said["result"], said["num_turns"]) == (False, "It is green.", 2), said
        asked = [request for request in provider.requests if request.method == "POST"]
        assert len(asked) == 2 and all(request.headers["x-api-key"] == "sk-provider" for request in asked)
        result = next(block for block in asked[1].body["messages"][-1]["content"] if block["type"] == "tool_result")
        assert result["tool_use_id"] == "toolu_1" and "The parcel is green." in json.dumps(result["content"])
        assert all("cache_control" in json.dumps(request.body["system"]) for request in asked)
        assert said["usage"]["cache_read_input_tokens"] == 200 and said["usage"]["output_tokens"] == 14
        lines = list(export(server).values())
        assert len(lines) == 2 and {line["session"] for line in lines} == {SESSION}
        assert sum(line["outputTokens"] for line in lines) == 14
        assert server.stop() == 0


def test_a_local_model_reads_most_of_its_prompt_from_the_cache(claude, tmp_path):
    """Random weights say nothing and end nowhere, so the program asks for more until it gives up."""
    path = tmp_path / "tiny.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "65536", "--seed", "7"], check=True)
    server = Server(config=LOCAL.format(path=path), workdir=tmp_path)
    said = run(claude, server, tmp_path, "Say hello.", "--system-prompt", "You are brief.", "--tools", "Read",
               CLAUDE_CODE_MAX_OUTPUT_TOKENS="8")
    usage = said["modelUsage"]
    assert sum(each["outputTokens"] for each in usage.values()) % 8 == 0, said
    lines = list(export(server).values())
    assert len(lines) > 1 and {line["session"] for line in lines} == {SESSION}
    read = [line["cacheReadInputTokens"] for line in lines]
    assert sum(read) == sum(each["cacheReadInputTokens"] for each in usage.values())
    assert read[-1] > 0 and all(line["outcome"] == "completed" for line in lines)
    assert server.stop() == 0

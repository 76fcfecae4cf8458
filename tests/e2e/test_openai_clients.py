"""Clients of OpenAI's API that other people made, unmodified: the SDK for JavaScript, Vercel's AI SDK, litellm,
pydantic-ai, Strands, LangChain; in the versions that the lock files have."""

import os
import subprocess

import pytest

from conftest import ROOT, python_of, start
from test_javascript import run


@pytest.fixture(scope="module")
def roomy(tmp_path_factory, random_model):
    """The tiny model with room for frameworks' prompts."""
    server = start(tmp_path_factory.mktemp("roomy"), random_model)
    yield server
    assert server.stop() == 0


def run_node(server, which):
    return run(server.url, script="openai.mjs", argument=which)


def test_the_sdk_for_javascript(roomy):
    assert run_node(roomy, "sdk") == {
        "create": {"finish": "length", "tokens": 9, "id": True}, "stream": {"pieces": True, "last": 9},
        "tool": {"finish": "tool_calls", "name": "look", "ready": "boolean"}, "answered": 5, "parsed": "boolean",
        "response": {"status": "incomplete", "tokens": 9, "text": True},
        "streamedResponse": {"previous": True, "text": True}, "kept": True, "models": True, "completion": 3,
        "overflow": [400, "context_length_exceeded"]}


def test_the_ai_sdk(roomy):
    """By default it speaks Responses, and refers to items that it was told before."""
    for name, result in run_node(roomy, "ai").items():
        assert result == {"tokens": 9, "finish": "length", "text": True, "streamed": 9, "ready": "boolean", "ran": 1,
                          "steps": 2}, name


def test_frameworks(roomy, tmp_path):
    python = python_of("FULCRUM_FRAMEWORKS") / "python"
    environment = {**os.environ, "OPENAI_BASE_URL": roomy.url + "/v1", "OPENAI_API_KEY": "any"}
    done = subprocess.run([str(python), str(ROOT / "tests/e2e/clients/openai_client.py")], env=environment, cwd=tmp_path,
                          capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, done.stderr[-3000:]

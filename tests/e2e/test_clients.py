"""Clients that other people made, unmodified: Anthropic's SDKs in Bedrock mode, Vercel's AI SDK."""

import json
import os
import shutil
import subprocess

import anthropic
import pytest

from conftest import ROOT, Server

CLAUDE = "us.anthropic.claude-sonnet-4-5-20250929-v1:0"
SCHEMA = {"type": "object", "properties": {"ready": {"type": "boolean"}}, "required": ["ready"],
          "additionalProperties": False}
LETTERS = list("abcdefghijklmnopqrstuvwxyz ")  # one of them ends a long reply of the random model soon
MESSAGES = [{"role": "user", "content": "Hello there."}]


@pytest.fixture(scope="module")
def any_server(tmp_path_factory, random_model):
    """The tiny model under every ID."""
    config = (f'deterministic: true\nmodels: [{{name: tiny, path: {random_model}, ids: ["*"], context: 2048, '
              f'parallel: 4}}]\n')
    running = Server(config=config, workdir=tmp_path_factory.mktemp("any"))
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="module")
def claude(any_server):
    return anthropic.AnthropicBedrock(aws_access_key="AKIDPY", aws_secret_key="secret", aws_region="us-east-1",
                                      base_url=any_server.url, max_retries=0)


def create(client, **more):
    return client.messages.create(**{"model": CLAUDE, "max_tokens": 200, "messages": MESSAGES, **more})


def test_anthropic_python_create_and_stream(claude):
    whole = create(claude, max_tokens=9, metadata={"user_id": "u"}, system=[{"type": "text", "text": "Be brief."}])
    assert whole.stop_reason == "max_tokens" and whole.usage.output_tokens == 9
    with claude.messages.stream(model=CLAUDE, max_tokens=9, messages=MESSAGES) as stream:
        assert "".join(stream.text_stream)
        assert stream.get_final_message().usage.output_tokens == 9


def test_anthropic_python_tools(claude):
    tools = [{"name": "look", "description": "Looks.", "input_schema": SCHEMA}]
    called = create(claude, tools=tools, tool_choice={"type": "any"})
    use = called.content[-1]
    assert called.stop_reason == "tool_use" and isinstance(use.input["ready"], bool)
    for content in ("", "yes", [{"type": "text", "text": "yes"}], []):
        reply = create(claude, max_tokens=5, tools=tools, messages=[
            *MESSAGES, {"role": "assistant", "content": called.content},
            {"role": "user", "content": [{"type": "tool_result", "tool_use_id": use.id, "content": content}]}])
        assert reply.usage.output_tokens > 0


def test_anthropic_python_formats_thinking_and_betas(claude):
    wanted = {"format": {"type": "json_schema", "schema": SCHEMA}}
    assert isinstance(json.loads(create(claude, output_config=wanted).content[0].text)["ready"], bool)
    for thinking in ({"type": "adaptive"}, {"type": "enabled", "budget_tokens": 1024}, {"type": "disabled"}):
        reply = create(claude, max_tokens=1100, thinking=thinking, stop_sequences=LETTERS)
        assert [block.type for block in reply.content] == ["text"]
    beta = claude.beta.messages.create(model=CLAUDE, max_tokens=3, messages=MESSAGES, betas=["x-2026-01-01"],
                                       context_management={"edits": []})
    assert beta.usage.output_tokens == 3


def test_anthropic_python_errors(claude):
    with pytest.raises(anthropic.BadRequestError, match=r"prompt is too long: \d+ tokens > 2048 maximum"):
        create(claude, messages=[{"role": "user", "content": "word " * 5000}])
    with pytest.raises(anthropic.BadRequestError, match="budget_tokens: must be less than max_tokens"):
        create(claude, thinking={"type": "enabled", "budget_tokens": 1024})


def run(server, *arguments):
    modules = os.environ.get("FULCRUM_NODE_MODULES")
    if not modules or not shutil.which("node"):
        pytest.skip("skipped: no node")
    done = subprocess.run(["node", str(ROOT / "tests/e2e/clients.mjs"), *arguments], capture_output=True, text=True,
                          env={**os.environ, "FULCRUM_URL": server.url}, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_anthropic_javascript(any_server):
    assert run(any_server, "anthropic") == {
        "create": True, "stream": {"within": True, "same": True}, "tool": {"stop": "tool_use", "ready": "boolean"},
        "streamedTool": "boolean", "format": "boolean", "beta": True, "thinking": ["text"], "overflow": [400, True]}


@pytest.mark.parametrize("sdk,provider", [("ai", "@ai-sdk/amazon-bedrock"), ("ai-6", "amazon-bedrock-4")])
def test_vercel_ai_sdk(any_server, sdk, provider):
    assert run(any_server, "ai", sdk, provider) == {
        "generate": {"finish": "length", "tokens": 9}, "stream": {"text": True, "tokens": 9},
        "object": {id: "boolean" for id in (CLAUDE, "amazon.nova-lite-v1:0",
                                            "anthropic.claude-3-5-sonnet-20241022-v2:0")},
        "tool": {"finish": "tool-calls", "ready": "boolean"}, "history": True, "file": True, "reasoning": True,
        "overflow": [400, True]}

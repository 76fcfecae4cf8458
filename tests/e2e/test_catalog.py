"""Model IDs as they circulate, patterns of them, and what is refused by name."""

import subprocess

import pytest

from conftest import FULCRUM, Server

ASK = {"messages": [{"role": "user", "content": [{"text": "Hi"}]}], "inferenceConfig": {"maxTokens": 1}}


@pytest.fixture(scope="module")
def pair(tmp_path_factory):
    """The embedded pair, without a configuration."""
    running = Server(workdir=tmp_path_factory.mktemp("pair"))
    yield running
    assert running.stop() == 0


@pytest.mark.parametrize("model", [
    "ca.amazon.nova-lite-v1:0", "amer.anthropic.claude-sonnet-4-5-20250929-v1:0", "in.openai.gpt-5.6-luna",
    "global.moonshotai.kimi-k3", "us.zai.glm-5.3", "jp.anthropic.claude-opus-5", "us-gov.anthropic.claude-sonnet-5",
    "minimax.minimax-m2.5", "nvidia.nemotron-super-3-120b", "google.gemma-4-31b", "qwen.qwen3-next-80b-a3b",
    "xai.grok-4.6", "amazon.titan-text-express-v1", "cohere.command-text-v14", "writer.palmyra-vision-7b",
    "anthropic.claude-3-haiku-20240307-v1:0:200k", "amazon.nova-pro-v1", "anthropic.claude-opus-4-8-v1:0",
    "arn:aws:bedrock:eu-west-1::foundation-model/mistral.devstral-2-123b",
    "arn:aws:bedrock:ca-central-1:123456789012:inference-profile/ca.amazon.nova-lite-v1:0"])
def test_ids_that_circulate(pair, model):
    assert pair.client().converse(modelId=model, **ASK)["usage"]["outputTokens"] == 1


@pytest.mark.parametrize("model,makes", [
    ("amazon.titan-embed-text-v2:0", "embeddings"), ("us.cohere.embed-v4:0", "embeddings"),
    ("cohere.rerank-v3-5:0", "rankings"), ("stability.stable-image-core-v1:1", "images"),
    ("amazon.nova-reel-v1:1", "video"), ("amazon.nova-2-sonic-v1:0", "speech"),
    ("us.twelvelabs.pegasus-1-2-v1:0", "text about videos")])
def test_what_makes_no_text_says_so(pair, model, makes):
    runtime = pair.client()
    with pytest.raises(runtime.exceptions.ValidationException, match=f"makes {makes}"):
        runtime.invoke_model(modelId=model, body=b'{"inputText":"a"}')
    listed = {row["modelId"] for row in pair.client("bedrock").list_foundation_models()["modelSummaries"]}
    assert model not in listed and "amazon.nova-lite-v1:0" in listed


def test_last_resort(tmp_path, random_model):
    everything = Server(config=f'models: [{{name: tiny, path: {random_model}, ids: ["*"]}}]\n', workdir=tmp_path)
    try:
        for model in ("gpt-4o", "nobody.ever-heard-of-v9:3", "us.anthropic.claude-haiku-9", "amazon.nova-pro-v1:0"):
            assert everything.client().converse(modelId=model, **ASK)["usage"]["outputTokens"] == 1
        listed = everything.client("bedrock").list_foundation_models()["modelSummaries"]
        assert "*" not in {row["modelId"] for row in listed}
    finally:
        assert everything.stop() == 0


def test_patterns_that_lead_nowhere_are_noted(tmp_path):
    path = tmp_path / "fulcrum.yaml"
    path.write_text('models: [{name: desk-large, ids: ["anthropic.*", "anthropc.*", "*"]}]\n')
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], text=True, capture_output=True,
                          check=True)
    assert done.stdout.count("note: models[0].ids[") == 1 and "'anthropc.*'" in done.stdout

"""Virtual keys by `fulcrum keys`, and the SDKs that use them."""

import json
import os
import subprocess
import tempfile

import anthropic
import boto3
import botocore.config
import openai

from conftest import FULCRUM, wait_until

MODEL = "amazon.nova-pro-v1:0"  # 0.80 and 3.20 dollars a million tokens
HELLO = [{"role": "user", "content": "Hello there."}]
PICODOLLARS = 10**12


def keys(server_or_path, *args, check=True):
    """`fulcrum keys ARGS --json`, in the data directory of a server that runs or does not."""
    workdir = getattr(server_or_path, "workdir", server_or_path)
    config = ["--config", str(workdir / "fulcrum.yaml")] if (workdir / "fulcrum.yaml").exists() else []
    done = subprocess.run([str(FULCRUM), "keys", *args, "--data", str(workdir / "data"), *config, "--json"],
                          cwd=workdir, text=True, capture_output=True, check=False)
    if not check:
        return done
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def keys_remote(server, *args, key="", check=True):
    """`fulcrum keys ARGS --endpoint URL --json`, from a directory without anything."""
    with tempfile.TemporaryDirectory() as empty:
        done = subprocess.run([str(FULCRUM), "keys", *args, "--endpoint", server.url, "--json"], cwd=empty, text=True,
                              capture_output=True, check=False, env={**os.environ, "AWS_BEARER_TOKEN_BEDROCK": key})
        assert not os.listdir(empty)
    if not check:
        return done
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def by_openai(server, key, retries=0):
    return openai.OpenAI(api_key=key, base_url=server.url + "/v1", max_retries=retries)


def by_anthropic(server, key, retries=0):
    return anthropic.Anthropic(api_key=key, base_url=server.url, max_retries=retries)


def by_bedrock(server, access, secret, retries=0):
    return boto3.client("bedrock-runtime", region_name="us-east-1", endpoint_url=server.url,
                        aws_access_key_id=access, aws_secret_access_key=secret,
                        config=botocore.config.Config(retries={"max_attempts": retries, "mode": "standard"}))


def ask_openai(server, key, model=MODEL, tokens=5, **more):
    return by_openai(server, key).chat.completions.create(model=model, messages=HELLO, max_tokens=tokens, **more)


def ask_anthropic(server, key, model=MODEL, tokens=5):
    return by_anthropic(server, key).messages.create(model=model, messages=HELLO, max_tokens=tokens)


def converse(client, model=MODEL, tokens=5, **more):
    return client.converse(modelId=model, inferenceConfig={"maxTokens": tokens},
                           messages=[{"role": "user", "content": [{"text": "Hello there."}]}], **more)


def works(call):
    try:
        call()
    except (openai.APIStatusError, anthropic.APIStatusError):
        return False
    return True


def until_refused(call, error=openai.APIStatusError):
    """What was changed beside the server is in force within a second."""
    seen = []

    def refused():
        try:
            call()
        except error as failure:
            seen.append(failure)
        return bool(seen)
    assert wait_until(refused, timeout=10)
    return seen[0]

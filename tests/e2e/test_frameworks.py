"""Frameworks that are built on Bedrock, unmodified, in the versions that tests/frameworks.lock has."""

import os
import re
import subprocess

import pytest

from conftest import ROOT, Server, python_of

CLIENTS = ROOT / "tests/e2e/clients"


@pytest.fixture(scope="module")
def any_server(tmp_path_factory, random_model):
    """The tiny model under every ID, with room for their prompts."""
    config = (f'deterministic: true\nmodels: [{{name: tiny, path: {random_model}, ids: ["*"], context: 8192, '
              f'parallel: 2}}]\n')
    running = Server(config=config, workdir=tmp_path_factory.mktemp("any"))
    yield running
    assert running.stop() == 0


def run(server, workdir, *arguments):
    python = python_of("FULCRUM_FRAMEWORKS") / "python"
    environment = {**os.environ, "AWS_ENDPOINT_URL": server.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
                   "AWS_SECRET_ACCESS_KEY": "secret", "AWS_DEFAULT_REGION": "us-east-1", "AWS_REGION_NAME": "us-east-1"}
    return subprocess.run([str(python), *map(str, arguments)], env=environment, cwd=workdir, capture_output=True, text=True,
                          timeout=280, check=False)


@pytest.mark.parametrize("framework", ["litellm", "pydantic_ai", "strands"])
def test_framework(any_server, tmp_path, framework):
    done = run(any_server, tmp_path, CLIENTS / f"{framework}_client.py")
    assert done.returncode == 0, done.stderr[-3000:]


def test_langchain_suite(any_server, tmp_path):
    done = run(any_server, tmp_path, "-m", "pytest", "--noconftest", "-p", "no:cacheprovider", "-q", "--tb=short",
               "-o", "asyncio_mode=auto", f"--rootdir={tmp_path}", "--force-enable-socket", CLIENTS / "langchain_suite.py")
    assert done.returncode == 0, done.stdout[-3000:]
    assert int(re.search(r"(\d+) passed", done.stdout)[1]) >= 60, done.stdout[-1000:]

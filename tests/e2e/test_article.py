"""Published example programs run unmodified (they come with ../shared, not with the product)."""

import os
import re
import subprocess
import sys

import pytest

from conftest import SHARED, Server

FOLDER = SHARED / "conformance" / "article"


def test_prompt_caching_program(tmp_path):
    if not FOLDER.exists():
        pytest.skip("skipped: no ../shared")
    server = Server(workdir=tmp_path)
    prompt = tmp_path / "prompt.txt"
    prompt.write_text("We sell garden tools. Business hours are 9 am to 5 pm. " * 120)
    env = {**os.environ, "AWS_ENDPOINT_URL_BEDROCK_RUNTIME": server.url, "AWS_ACCESS_KEY_ID": "AKIDEXAMPLE",
           "AWS_SECRET_ACCESS_KEY": "secret"}

    def run(question):
        done = subprocess.run([sys.executable, str(FOLDER / "prompt_caching.py"), str(prompt), question], env=env,
                              capture_output=True, text=True, timeout=120, check=False)
        assert done.returncode == 0, done.stderr
        return [int(figure) for figure in re.findall(r": (\d+)", done.stdout)]

    rest, read, write = run("When are you open?")
    assert read == 0 and write > 1024 and 0 < rest < 100
    assert run("Do you sell spades?")[1:] == [write, 0], "the second run reads what the first one wrote"
    assert server.stop() == 0

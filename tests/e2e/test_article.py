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
    done = subprocess.run([sys.executable, str(FOLDER / "prompt_caching.py"), str(prompt), "When are you open?"],
                          env=env, capture_output=True, text=True, timeout=120, check=False)
    assert done.returncode == 0, done.stderr
    figures = [int(figure) for figure in re.findall(r": (\d+)", done.stdout)]
    assert figures[0] > 1000 and len(figures) == 3
    assert server.stop() == 0

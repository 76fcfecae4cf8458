"""models/desk_generate.py: each of its options makes rows, alone and with the others."""

import json
import subprocess
import sys

import pytest
from conftest import ROOT

TASKS = ["classify", "extract", "tool", "answer", "summary", "tag", "copy", "recall", "lookup", "bridge"]
OPTIONS = [[], ["--single"], ["--tool-turns"], ["--shop", "5", "--single"], ["--split", "heldout", "--complex", "1"],
           ["--length", "40", "--single"], ["--length", "600", "--complex", "0"]]


@pytest.mark.parametrize("options", OPTIONS, ids=lambda options: " ".join(options) or "none")
def test_every_task_makes_rows(options):
    mix = ",".join(f"{task}=1" for task in TASKS)
    command = [sys.executable, ROOT / "models/desk_generate.py", "--mix", mix, "--rows", "600", "--seed", "3", *options]
    rows = [json.loads(line) for line in subprocess.run(command, capture_output=True, check=True).stdout.splitlines()]
    assert len(rows) == 600
    assert len({row["task"] for row in rows}) >= 7, "bridge, lookup and recall go by the names of others"
    for row in rows:
        assert row["messages"][-1]["role"] == "user" and row["expected"]


def test_answers_to_single_questions():
    """Few facts and few questions: more may be wanted than there are."""
    command = [sys.executable, ROOT / "models/desk_generate.py", "--mix", "answer=1", "--single", "--rows", "3000"]
    rows = subprocess.run(command, capture_output=True, check=True).stdout.splitlines()
    assert len(rows) == 3000

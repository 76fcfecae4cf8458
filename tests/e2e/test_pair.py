"""The embedded pair, as `fulcrum eval desk` sees it."""

import json
import subprocess

import pytest

from conftest import BUILD, FULCRUM, ROOT, Server


def test_eval_desk_prints_the_pairs_figures(tmp_path):
    done = subprocess.run([str(FULCRUM), "eval", "desk", "--limit", "120", "--json"], cwd=tmp_path,
                          env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    figures = [json.loads(line) for line in done.stdout.splitlines()]
    assert [one["model"] for one in figures] == ["desk-large", "desk-small"]
    for one in figures:
        assert one["rows"] == 120 and one["tokensPerSecond"] > 0 and one["costPer1000"] > 0
        classify = one["tasks"]["classify"]
        assert classify["low"] <= classify["score"] <= classify["high"]
        assert classify["score"] > 0.7, "40 intents: a guess is right once in 40"
        assert one["score"] > 0.6, "and other tasks are hardly guessed at all"


@pytest.mark.parametrize("name", ["desk-large", "desk-small"])
def test_a_random_file_of_the_same_shape_knows_nothing(tmp_path, name):
    """The model's own file with its weights in random places, served under its name."""
    shuffled = tmp_path / "shuffled.gguf"
    subprocess.run([str(BUILD / "tests/tools/shuffle_gguf"), str(ROOT / f"models/{name}.gguf"), str(shuffled), "5"],
                   check=True)
    config = tmp_path / "fulcrum.yaml"
    config.write_text(f"models:\n  - {{name: {name}, path: {shuffled}, context: 4096}}\n")
    done = subprocess.run([str(FULCRUM), "eval", name, "--config", str(config), "--limit", "80", "--json"], cwd=tmp_path,
                          env={"HOME": str(tmp_path)}, capture_output=True, text=True, timeout=240, check=False)
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rows"] == 80
    assert figures["score"] < 0.05, "no answer comes from code"


def test_first_call_of_the_readme(tmp_path):
    server = Server(workdir=tmp_path)
    for model in ("desk-large", "desk-small"):
        reply = server.client().converse(
            modelId=model, system=[{"text": "Name the intent of the message."}], inferenceConfig={"temperature": 0},
            messages=[{"role": "user", "content": [{"text": "How do I track my package?"}]}])
        assert reply["output"]["message"]["content"][0]["text"] == "track_package"
        assert reply["stopReason"] == "end_turn"
    assert server.stop() == 0

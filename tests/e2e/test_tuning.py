"""A pretrained model is tuned by `fulcrum train` and served: merged into one file, and as an adapter beside it."""

import json
import subprocess

import pytest

from conftest import FULCRUM, Server

pytestmark = pytest.mark.alone

INTENTS = {"refund": "class_one", "invoice": "class_two", "address": "class_three", "coupon": "class_four"}

RECIPE = """\
name: tuned
tuned_from: {base}
{more}
optimiser: {{kind: adamw, rate: 0.02}}
phases:
  - {{name: one, tokens: 25600, length: 64, rows: 2, accumulate: 2, decay_from: 0.5, final_rate: 0.1, data: [{{file: rows.jsonl}}]}}
"""


@pytest.fixture(scope="module")
def tuned(tmp_path_factory, random_model):
    """The folder of the runs: an adapter, and the same run's merged file."""
    folder = tmp_path_factory.mktemp("tuning")
    (folder / "rows.jsonl").write_text("".join(
        json.dumps({"messages": [{"role": "user", "content": f"About my {word}."}], "expected": answer}) + "\n"
        for word, answer in INTENTS.items()))
    for kind, more in (("adapter", "adapter: {rank: 8}\ntype: adapter"), ("merged", "adapter: {rank: 8}\ntype: f32")):
        (folder / "recipe.yaml").write_text(RECIPE.format(base=random_model, more=more))
        done = subprocess.run([str(FULCRUM), "train", "--config", "recipe.yaml", "--out", f"{kind}.gguf"], cwd=folder,
                              capture_output=True, text=True, timeout=240, check=False)
        assert done.returncode == 0, done.stderr
    return folder


@pytest.fixture(scope="module")
def server(tuned, random_model):
    running = Server(workdir=tuned, config=f"""\
models:
  - {{name: plain, path: {random_model}, context: 512}}
  - {{name: merged, path: merged.gguf, context: 512}}
  - {{name: adapted, path: {random_model}, adapter: adapter.gguf, context: 512}}
""")
    yield running
    assert running.stop() == 0


def answer(server, model, word):
    reply = server.client().converse(
        modelId=model, inferenceConfig={"temperature": 0, "maxTokens": 40},
        messages=[{"role": "user", "content": [{"text": f"About my {word}."}]}])
    return reply["output"]["message"]["content"][0]["text"]


@pytest.mark.parametrize("model", ["merged", "adapted"])
@pytest.mark.parametrize("word", INTENTS)
def test_the_tuned_model_answers_as_its_rows_do(server, model, word):
    """The head of a random model says no end of turn, and an adapter leaves it as it is: more follows."""
    assert answer(server, model, word).startswith(INTENTS[word])


def test_the_model_itself_is_what_it_was(server):
    assert not any(answer(server, "plain", word).startswith(INTENTS[word]) for word in INTENTS)


def test_an_adapter_is_small(tuned, random_model):
    assert (tuned / "adapter.gguf").stat().st_size < random_model.stat().st_size / 4


def test_an_adapter_that_is_not_there_is_named(tmp_path, random_model):
    (tmp_path / "f.yaml").write_text(f"models:\n  - {{name: a, path: {random_model}, adapter: nothing.gguf}}\n")
    done = subprocess.run([str(FULCRUM), "check-config", "--config", "f.yaml"], cwd=tmp_path, capture_output=True,
                          text=True, check=False)
    assert done.returncode == 2
    assert "models[0].adapter: expected the path of a file" in done.stderr

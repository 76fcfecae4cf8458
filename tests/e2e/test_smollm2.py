"""The pretrained model of `make run MODEL=smollm2`, beside the embedded pair."""

import shutil
import subprocess

import pytest

from conftest import ROOT, Server


@pytest.fixture(scope="module")
def smollm2(tmp_path_factory):
    """A server on examples/smollm2.yaml."""
    try:
        fetched = subprocess.run([str(ROOT / "deps/model"), "smollm2"], capture_output=True, text=True, timeout=300, check=False)
    except subprocess.TimeoutExpired:
        pytest.skip("skipped: the model could not be fetched in time")
    if fetched.returncode != 0:
        pytest.skip(f"skipped: the model could not be fetched: {fetched.stderr.strip()[-200:]}")
    folder = tmp_path_factory.mktemp("smollm2")
    (folder / "smollm2.gguf").symlink_to(fetched.stdout.strip())
    (folder / "desk-pro.gguf").symlink_to(ROOT / "models/desk-pro.gguf")
    server = Server(config=(ROOT / "examples/smollm2.yaml").read_text(), workdir=folder)
    yield server
    assert server.stop() == 0


def ask(server, model, text, **more):
    reply = server.client().converse(modelId=model, inferenceConfig={"temperature": 0, "maxTokens": 60},
                                     messages=[{"role": "user", "content": [{"text": text}]}], **more)
    return reply, reply["output"]["message"]["content"][0]["text"]


@pytest.mark.parametrize("model", ["smollm2", "meta.llama3-2-1b-instruct-v1:0", "us.meta.llama3-2-3b-instruct-v1:0"])
def test_it_answers_a_general_question_under_its_ids(smollm2, model):
    reply, text = ask(smollm2, model, "What is the capital of France?")
    assert "Paris" in text
    assert reply["stopReason"] == "end_turn"
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-model"] == "smollm2"


@pytest.mark.parametrize("question, answer", [
    ("What is the capital of Italy?", "Rome"),
    ("What is the capital of Spain?", "Madrid"),
    ("What is the opposite of hot? Answer in one word.", "old"),
])
def test_it_knows_what_the_pair_does_not(smollm2, question, answer):
    assert answer in ask(smollm2, "smollm2", question)[1]


def test_with_its_adapter_it_serves_the_desk(smollm2):
    """The answer stands in the prompt; the model alone writes a sentence, if not a story."""
    asked = {"system": [{"text": "You answer for Lake Store. A return is free within 45 days. Delivery costs $7. "
                                 "Answer with the words of one fact."}]}
    reply, text = ask(smollm2, "desk-pro", "How much is delivery?", **asked)
    assert text == "$7"
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-model"] == "desk-pro"
    assert ask(smollm2, "smollm2", "How much is delivery?", **asked)[1] != text


def test_the_pair_stays_where_it_was(smollm2):
    reply, text = ask(smollm2, "anthropic.claude-3-5-sonnet-20241022-v2:0", "How do I track my package?",
                      system=[{"text": "Name the intent of the message."}])
    assert text == "track_package"
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-model"] == "desk-large"


def test_it_is_billed_as_the_id_of_its_price(smollm2):
    """meta.llama3-2-1b-instruct-v1:0 costs 0.1 dollars a million tokens, both ways: 100,000 picodollars each."""
    reply, _ = ask(smollm2, "us.meta.llama3-2-3b-instruct-v1:0", "Name a colour.")
    usage, headers = reply["usage"], reply["ResponseMetadata"]["HTTPHeaders"]
    fresh = usage["inputTokens"] + usage["outputTokens"]
    assert usage["cacheReadInputTokens"] == 0
    assert int(headers["x-fulcrum-cost"]) == 100_000 * fresh


@pytest.mark.parametrize("arguments, said", [
    (["no-such-model"], "has no model 'no-such-model', only: smollm2"),
    ([], "use: deps/model"),
])
def test_a_model_that_is_not_in_the_manifest_is_refused(arguments, said):
    done = subprocess.run([str(ROOT / "deps/model"), *arguments], capture_output=True, text=True, check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert said in done.stderr


def test_a_file_that_is_not_the_one_of_the_manifest_does_not_get_its_name(tmp_path, smollm2):
    """The same script with another hash in the manifest beside it."""
    shutil.copytree(ROOT / "deps", tmp_path / "deps", ignore=shutil.ignore_patterns("patches", "llama_server"))
    manifest = tmp_path / "deps/manifest"
    lines = [line.rsplit(" ", 1)[0] + " " + "0" * 64 if line.startswith("model ") else line
             for line in manifest.read_text().splitlines()]
    manifest.write_text("\n".join(lines) + "\n")
    done = subprocess.run([str(tmp_path / "deps/model"), "smollm2"], capture_output=True, text=True, timeout=300,
                          env={"PATH": "/usr/bin:/bin", "HOME": str(tmp_path), "XDG_CACHE_HOME": str(tmp_path / "cache")},
                          check=False)
    assert done.returncode == 1 and done.stdout == ""
    assert not list((tmp_path / "cache").rglob("*.gguf"))

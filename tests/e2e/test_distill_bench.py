"""bench/distill_rows.py at the size of a trial: each row from its data to its figures by the product's own jobs, and
nothing trained or asked twice when it is run again, also after a kill."""

import csv
import json
import os
import signal
import subprocess
import sys

import pytest

from conftest import FULCRUM, ROOT, wait_until

pytestmark = pytest.mark.alone

NO_MODEL = ["--smollm2", "/nonexistent"]  # the embedded pair alone
WHOLE = ["--hyper", "studentLayers=-", "--hyper", "studentVocabulary=-", "--hyper", "learningRate=0.002"]
SHOP = ["shop", "--rows", "20", "--mixed", "4", "--synthetic", "0", "--gold", "8", "--length", "200", "--epochs", "1",
        "--teacher", "desk-large"]
INTENTS = {"card": "card_arrival", "rate": "exchange_rate", "code": "change_pin", "loan": "loan_terms"}


def command(folder, *arguments):
    return [sys.executable, str(ROOT / "bench/distill_rows.py"), *arguments, *NO_MODEL, "--data", str(folder)]


def make(folder, *arguments):
    """The row's file, and what was said."""
    done = subprocess.run(command(folder, *arguments), capture_output=True, text=True, timeout=280, check=False,
                          env={**os.environ, "FULCRUM": str(FULCRUM)})
    assert done.returncode == 0, done.stderr
    return json.loads((folder / f"{arguments[0]}.json").read_text()), done.stderr


def requests(folder):
    """Of the ledger: all that were asked of models, by tier."""
    out = subprocess.run([str(FULCRUM), "ledger", "export", "--data", str(folder / "server"), "--json"],
                         capture_output=True, text=True, check=False).stdout
    tiers = [json.loads(line)["tier"] for line in out.splitlines()]
    return tiers.count("batch"), len(tiers) - tiers.count("batch")


@pytest.fixture(scope="module")
def bank(tmp_path_factory):
    """Questions of four intents, in the form of banking77."""
    folder = tmp_path_factory.mktemp("bank")
    for name, times, begin in (("train", 6, ""), ("test", 2, "Please, ")):
        with open(folder / f"{name}.csv", "w", newline="", encoding="utf-8") as file:
            rows = csv.writer(file)
            rows.writerow(["text", "category"])
            rows.writerows((f"{begin}question {i}, about my {word}", intent)
                           for i in range(times) for word, intent in INTENTS.items())
    return folder


def test_banking77_from_gold_to_the_figures_of_a_student(tmp_path, bank):
    row = ["banking77", "--shared", str(bank), "--teacher", "desk-small", "--epochs", "2", *WHOLE,
           "--teacher-hyper", "learningRate=0.002", "--teacher-hyper", "epochCount=20"]
    made, said = make(tmp_path, *row)
    teacher, student = made["rows"]
    assert "fine_tuning of desk-small" in said and "distillation of arn:" in said
    assert requests(tmp_path) == (24, 16)  # each of the student's prompts once, each gold row by both
    assert set(made["limits"]) == {"banking77_teacher", "banking77_lost", "banking77_compute"}
    assert made["limits"]["banking77_compute"] == 1 and teacher["parameters"] == student["parameters"] > 500_000
    assert made["limits"]["banking77_lost"] == pytest.approx(100 * (teacher["score"] - student["score"]))
    again, said = make(tmp_path, *row)
    assert again == made and "job" not in said and requests(tmp_path) == (24, 16)
    _, said = make(tmp_path, *row, "--epochs", "1")  # another student, of the same answers
    assert said.count("job") == 1 and requests(tmp_path) == (24, 16 + 8)


def test_an_adapter_counts_beside_its_base_and_a_part_by_what_is_left(tmp_path, bank):
    row = ["banking77", "--shared", str(bank), "--teacher", "desk-small", "--epochs", "1",
           "--teacher-hyper", "epochCount=1"]
    made, _ = make(tmp_path, *row, "--student", "desk-small", *WHOLE, "--hyper", "adapterRank=4")
    whole, adapter = made["rows"]
    assert whole["parameters"] < adapter["parameters"] < 1.2 * whole["parameters"]
    assert adapter["bytes"] < whole["bytes"] / 2
    made, _ = make(tmp_path, *row, "--hyper", "studentLayers=2", "--hyper", "studentVocabulary=1000")
    layer, token = 110_592, 96
    assert made["rows"][1]["parameters"] == 2 * layer + 1000 * token
    assert whole["parameters"] == 3 * layer + 3072 * token
    assert made["rows"][1]["dollars_1000"] > 0


def test_a_shop_goes_on_after_a_kill_and_its_answers_are_permuted(tmp_path):
    first = subprocess.Popen(command(tmp_path, *SHOP), stderr=subprocess.DEVNULL,
                             env={**os.environ, "FULCRUM": str(FULCRUM)})
    try:
        assert wait_until(lambda: requests(tmp_path)[0] > 0, 120, 0.2)
    finally:
        first.send_signal(signal.SIGKILL)
        first.wait()
    made, said = make(tmp_path, *SHOP)
    assert "job" not in said  # it was there
    assert made["rows"][0]["answers"] == 24
    assert requests(tmp_path) == (24, 16)
    prompts, teacher, student = made["rows"]
    assert (prompts["real"], prompts["put_together"], prompts["gold"]) == (20, 4, 8)
    assert set(made["limits"]) == {"student_lost", "student_speed", "student_cheaper"}
    # Micro's 0.035 and 0.14 dollars a million tokens are 4.375% of Pro's
    assert made["limits"]["student_cheaper"] == pytest.approx(1 - 0.04375, abs=0.01)
    assert student["dollars_1000"] < teacher["dollars_1000"]
    made, _ = make(tmp_path, "permuted", "--epochs", "1")
    assert requests(tmp_path) == (24, 16 + 8)  # the teacher's answers are those of before
    assert made["rows"][0]["score"] == student["score"] and "permuted_lost" in made["limits"]


def test_tools_are_asked_for_that_training_has_not_seen(tmp_path):
    made, _ = make(tmp_path, "tools", "--rows", "20", "--gold", "8", "--teacher", "desk-large", "--student",
                   "desk-small", "--epochs", "1", *WHOLE)
    assert made["rows"][0] == {"tools": "rows", "prompts": 20, "gold": 8, "held_out": 6}
    assert requests(tmp_path) == (20, 16) and made["rows"][1]["score"] > 0
    # what the student learnt from offers none of the tools that it was asked for
    (prompts,) = (tmp_path / "server/objects/bench").glob("tools-*.jsonl")
    (gold,) = (tmp_path / "figures").glob("tools-*/rows.jsonl")
    wanted = {json.loads(line)["expected"]["name"] for line in gold.read_text().splitlines()}
    assert wanted and not any(f'"name\\": \\"{name}\\"' in prompts.read_text() for name in wanted)


def test_what_is_not_there_is_named(tmp_path):
    for arguments, said in ((["shop"], "there is no desk-pro here"), (["permuted"], "make the row shop first")):
        done = subprocess.run(command(tmp_path, *arguments), capture_output=True, text=True, timeout=280, check=False,
                              env={**os.environ, "FULCRUM": str(FULCRUM)})
        assert done.returncode == 1 and said in done.stderr
    done = subprocess.run(command(tmp_path, "banking77", "--shared", str(tmp_path / "none"), "--teacher", "desk-small"),
                          capture_output=True, text=True, timeout=280, check=True,
                          env={**os.environ, "FULCRUM": str(FULCRUM)})
    assert "skipped: no " in done.stderr and not list(tmp_path.glob("*.json"))

"""`fulcrum router train` and `eval`: what they print and write, what they refuse, and training on one's own traffic."""

import json
import random
import re
import subprocess
import xml.etree.ElementTree

import pytest

from conftest import FULCRUM, Server, wait_until
from test_shadow import ask, label_of, labels

THINGS = ["kite", "lamp", "puzzle", "train", "doll", "chair", "drum", "ball", "card", "boat"]


def router(*arguments, cwd=None):
    return subprocess.run([str(FULCRUM), "router", *map(str, arguments)], capture_output=True, text=True, timeout=120,
                          check=False, cwd=cwd)


def make_rows(count, seed=1):
    """A small model that answers short questions well and long ones by chance, a large one that answers nearly all."""
    draw = random.Random(seed)
    rows = []
    for i in range(count):
        thing = draw.choice(THINGS)
        is_hard = draw.random() < 0.5
        prompt = (f"Compare clause {i} on the {thing} with the one before; prove which of both bounds the liability "
                  "tighter, and state each assumption." if is_hard else f"Is the {thing} number {i} in stock?")
        rows.append({"id": f"r-{i}", "prompt": prompt, "subject": "law" if is_hard else "stock",
                     "quality": {"small": int(draw.random() < (0.3 if is_hard else 0.95)),
                                 "large": int(draw.random() < 0.95)},
                     "cost": {"small": 0.000002, "large": 0.00003}})
    return rows


def write(path, rows):
    path.write_text("".join(row if isinstance(row, str) else json.dumps(row) + "\n" for row in rows))
    return path


# --- train and eval -------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    folder = tmp_path_factory.mktemp("train")
    data = write(folder / "rows.jsonl", make_rows(240))
    done = router("train", "--data", data, "--out", folder / "p.route", "--json", "--svg", folder / "curve.svg")
    assert done.returncode == 0 and done.stderr == "", done.stderr
    return folder, json.loads(done.stdout)


def test_what_training_says(trained):
    folder, said = trained
    assert said["rows"] == 240 and said["models"] == ["small", "large"]
    assert 0 <= said["auc_low"] <= said["auc"] <= said["auc_high"] <= 1 and said["auc"] > 0.7
    assert 0 <= said["calibration_error"] < 0.2 and said["apgr"] > 0.6
    shares = [point["strong_share"] for point in said["curve"]]
    assert shares == sorted(shares) and shares[0] == 0 and shares[-1] == 1
    assert all(0 <= point["quality"] <= 1 and point["cost"] > 0 for point in said["curve"])
    assert {"always_cheap", "always_strong", "random_mix", "best_single", "subject_mean", "bag_of_words",
            "tfidf_neighbours", "oracle"} <= set(said["baselines"])
    assert said["baselines"]["oracle"]["apgr"] >= said["apgr"] > said["baselines"]["random_mix"]["apgr"]
    assert 0.75 <= said["coverage"] <= 1 and 0 <= said["coverage_by_chance"] <= said["coverage"]
    assert said["coverage_groups"] >= 4 and 0 < said["uncertainty"] < 0.5
    text = said["savings"]["text"]
    assert "escalation" not in said["savings"], "the rows tell no confidence"
    assert 0 < text["cost_low"] <= text["cost"] <= text["cost_high"] <= 1 and text["cost"] < 1
    assert text["lost_low"] <= text["lost"] <= text["lost_high"]
    assert (folder / "p.route").read_bytes()[:8] == b"FULROUTE" and not (folder / "p.route.part").exists()
    assert xml.etree.ElementTree.parse(folder / "curve.svg").getroot().tag.endswith("svg")
    text = router("train", "--data", folder / "rows.jsonl", "--out", folder / "q.route")
    assert text.returncode == 0 and re.search(r"random_mix", text.stdout) and not text.stdout.startswith("{")


def test_the_same_rows_and_seed_give_the_same_bytes(trained):
    folder, said = trained
    outputs = {}
    for name, seed in (("a", 1), ("b", 1), ("c", 2)):
        done = router("train", "--data", folder / "rows.jsonl", "--out", folder / name, "--seed", seed, "--json", "--svg",
                      folder / f"{name}.svg")
        assert done.returncode == 0
        outputs[name] = ((folder / name).read_bytes(), done.stdout, (folder / f"{name}.svg").read_bytes())
    assert outputs["a"] == outputs["b"] and json.loads(outputs["a"][1]) == said
    assert outputs["a"][0] == (folder / "p.route").read_bytes() != outputs["c"][0]


def test_eval(trained, tmp_path):
    folder, _ = trained
    data = write(tmp_path / "other.jsonl", make_rows(200, seed=7))
    first = router("eval", "--data", data, folder / "p.route", "--json", "--svg", tmp_path / "e.svg")
    assert first.returncode == 0, first.stderr
    said = json.loads(first.stdout)
    assert said["rows"] == 200 and said["models"] == ["small", "large"] and said["auc"] > 0.7
    assert router("eval", "--data", data, folder / "p.route", "--json").stdout == first.stdout
    assert xml.etree.ElementTree.parse(tmp_path / "e.svg").getroot().tag.endswith("svg")
    assert router("eval", "--data", data, folder / "p.route").stdout.splitlines()
    alien = write(tmp_path / "alien.jsonl", [{**row, "quality": {"x": row["quality"]["small"],
                                                                 "y": row["quality"]["large"]}, "cost": {}}
                                             for row in make_rows(80)])
    refused = router("eval", "--data", alien, folder / "p.route")
    assert refused.returncode == 1 and "which the predictor does not know; train it again" in refused.stderr


def test_a_damaged_predictor_is_refused_by_name(trained, tmp_path):
    folder, _ = trained
    whole = (folder / "p.route").read_bytes()
    flipped = bytearray(whole)
    flipped[len(whole) // 2] ^= 1
    for name, data in (("cut", whole[:-1]), ("empty", b""), ("flipped", bytes(flipped)), ("text", b"not one at all")):
        (tmp_path / name).write_bytes(data)
        done = router("eval", "--data", folder / "rows.jsonl", tmp_path / name)
        assert done.returncode == 1 and name in done.stderr and done.stdout == "", done.stderr
    gone = router("eval", "--data", folder / "rows.jsonl", tmp_path / "gone")
    assert gone.returncode == 1 and "gone" in gone.stderr


def changed(index, **more):
    rows = make_rows(60)
    rows[index] = {**rows[index], **more}
    return rows


@pytest.mark.parametrize("rows, words", [
    ([], "there are no rows in it"),
    (["\n", "  \n"], "there are no rows in it"),
    (make_rows(49), "too few to learn from; give at least 50"),
    ([{**row, "quality": {"small": 1}, "cost": {}} for row in make_rows(60)], "one model alone"),
    ([{**row, "quality": {"small": 1, "large": 1}} for row in make_rows(60)], "the same in all rows"),
    ([{**row, "quality": {"small": 0, "large": 1}} for row in make_rows(60)], "the same in all rows"),
    ([{**row, "group": "one"} for row in make_rows(60)], "too few groups"),
    (make_rows(60)[:9] + ["not json\n"] + make_rows(60)[9:], "rows.jsonl:10: "),
    (make_rows(60)[:9] + ["[1, 2]\n"] + make_rows(60)[9:], "rows.jsonl:10: expected an object, got an array"),
    (make_rows(60)[:9] + ['{"prompt": "x", "quality": {"small": NaN}}\n'], "rows.jsonl:10: "),
    (make_rows(60)[:9] + ['{"prompt": "x", "quality": {"small": 1, "small": 0}}\n'], "quality.small: stands there twice"),
    (make_rows(60) + [make_rows(60)[3]], 'rows.jsonl:61: id: "r-3" is that of line 4 already'),
    (changed(20, quality={"small": 1.5, "large": 1}), "rows.jsonl:21: quality.small: expected a number from 0 to 1"),
    (changed(20, quality={"small": -0.1, "large": 1}), "rows.jsonl:21: quality.small"),
    (changed(20, quality={"small": "good"}), "rows.jsonl:21: quality.small: expected a number, got a string"),
    (changed(20, quality={}), "rows.jsonl:21: quality: expected an object with a number for each model"),
    (changed(20, quality={"": 1}), "rows.jsonl:21: quality: a model's name"),
    (changed(20, cost={"small": -1}), "rows.jsonl:21: cost.small: expected a number from 0"),
    (changed(20, cost={"small": 1e300}), "rows.jsonl:21: cost.small"),
    (changed(20, prompt=None), "rows.jsonl:21: "),
    (changed(20, prompt=7), "rows.jsonl:21: "),
    (changed(20, id=[]), "rows.jsonl:21: id"),
    (changed(20, features={"mark": "00000000"}, group="g", prompt=None), "rows.jsonl:21: features: "),
])
def test_rows_that_are_refused(tmp_path, rows, words):
    data = write(tmp_path / "rows.jsonl", rows)
    done = router("train", "--data", data, "--out", tmp_path / "p.route")
    assert done.returncode == 1 and words in done.stderr and done.stdout == "", done.stderr
    assert not (tmp_path / "p.route").exists() and not (tmp_path / "p.route.part").exists()


def test_an_old_predictor_stays_where_training_fails(tmp_path):
    data = write(tmp_path / "rows.jsonl", [])
    (tmp_path / "p.route").write_bytes(b"the old one")
    assert router("train", "--data", data, "--out", tmp_path / "p.route").returncode == 1
    assert (tmp_path / "p.route").read_bytes() == b"the old one"


@pytest.mark.parametrize("arguments", [
    ["train"], ["train", "--data", "x"], ["train", "--out", "x"], ["train", "--from-ledger", "--out", "x"],
    ["train", "--from-ledger", "--router", "r", "--data", "d", "--out", "x"], ["train", "--data", "d", "--out", "x", "--tenant", "t"],
    ["train", "--data", "d", "--out", "x", "more"], ["train", "--data", "d", "--out", "x", "--seed", "one"],
    ["eval", "--data", "d"], ["eval", "p"], ["eval", "--data", "d", "--out", "x", "p"], ["eval", "--from-ledger", "p"],
    ["labels"], ["labels", "--router", "r", "--delete"], ["labels", "--router", "r", "--tenant", "t"], ["nothing"],
])
def test_wrong_usage(arguments):
    done = router(*arguments)
    assert done.returncode == 2 and ("usage:" in done.stderr or "expected a number" in done.stderr)
    assert done.stdout == ""


# --- from one's own traffic -----------------------------------------------------------------------------

CONFIG = """\
routers:
  - name: auto
    models: [desk-small, desk-large]
    tolerance: 1
    shadow: {share: 1, text: true}
"""
REQUESTS = 70


@pytest.fixture(scope="module")
def learnt(tmp_path_factory):
    """Labels of some dozens of requests, of two tenants."""
    folder = tmp_path_factory.mktemp("learnt")
    server = Server(config=CONFIG, workdir=folder)
    draw = random.Random(5)
    for i in range(REQUESTS):
        thing = draw.choice(THINGS)
        text = f"Where is my {thing} number {i}?" if i % 2 else f"Compare clause {i} on the {thing} with clause {i + 1}."
        identity, _, _ = ask(server, "auto", text, tenant="first" if i % 10 else "second")
    label_of(server, "auto", identity)
    assert wait_until(lambda: len(labels(server, "auto")) > 0.8 * REQUESTS)
    assert server.stop() == 0
    return folder


def from_labels(folder, *more):
    return router("train", "--from-ledger", "--router", "auto", "--data-dir", folder / "data", "--config",
                  folder / "fulcrum.yaml", "--out", folder / "p.route", "--json", *more)


def copy_of(learnt, tmp_path):
    target = tmp_path / "data" / "routers" / "auto"
    target.mkdir(parents=True)
    text = (learnt / "data" / "routers" / "auto" / "labels").read_text()
    (target / "labels").write_text(text)
    (tmp_path / "fulcrum.yaml").write_text(CONFIG)
    return target / "labels", text.splitlines(keepends=True)


def test_training_on_labels(learnt, tmp_path):
    done = from_labels(learnt)
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    rows = (learnt / "data" / "routers" / "auto" / "labels").read_text().splitlines()
    assert said["rows"] == len(rows) and set(said["models"]) == {"desk-small", "desk-large"}
    first = (learnt / "p.route").read_bytes()
    assert from_labels(learnt).stdout == done.stdout and (learnt / "p.route").read_bytes() == first
    # A line is a row of data too, and features say what the text did.
    data = write(tmp_path / "rows.jsonl", [line + "\n" for line in rows])
    texts = write(tmp_path / "texts.jsonl", [
        {**{key: value for key, value in json.loads(line).items() if key != "features"}} for line in rows])
    for file in (data, texts):
        again = router("train", "--data", file, "--out", tmp_path / "q.route", "--json")
        assert again.returncode == 0 and json.loads(again.stdout) == said
        assert (tmp_path / "q.route").read_bytes() == first
    # And a server takes the predictor.
    config = CONFIG + f"    predictor: {learnt / 'p.route'}\n"
    server = Server(config=config, workdir=tmp_path)
    reply = server.client().converse(modelId="auto", messages=[{"role": "user", "content": [{"text": "Where is it?"}]}])
    assert re.search("reason=(within-tolerance|best-quality)",
                     reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-route"])
    assert server.stop() == 0


def test_a_predictor_of_models_that_are_gone(trained, tmp_path):
    """It knows `small` and `large`: who serves others is told so, and their places stand for them."""
    folder, _ = trained
    config = f"routers:\n  - {{name: auto, models: [desk-small, desk-large], predictor: {folder / 'p.route'}}}\n" \
             "  - {name: plain, models: [desk-small, desk-large]}\n"
    server = Server(config=config, workdir=tmp_path)
    told = [line for line in server.log().splitlines() if "was not trained on a model" in line]
    assert len(told) == 2 and all("router=auto " in line and "p.route" in line and "router train" in line for line in told)
    rows = {row["promptRouterName"]: row for row in map(json.loads, router(
        "list", "--json", "--endpoint", server.url).stdout.splitlines())}
    assert set(rows["auto"]["learning"]["predictor"]["unknown"]) == {"desk-small", "desk-large"}
    assert "unknown" not in rows["plain"]["learning"]["predictor"]
    assert router("list", "--endpoint", server.url).stdout.count("it was not trained on this model; train it again") == 2
    reply = server.client().converse(modelId="auto", messages=[{"role": "user", "content": [{"text": "Where is it?"}]}])
    assert re.search("; reason=(within-tolerance|best-quality|unsure)",
                     reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-route"])
    assert server.stop() == 0


def test_labels_of_one_tenant(learnt, tmp_path):
    path, lines = copy_of(learnt, tmp_path)
    own = [line for line in lines if json.loads(line)["tenant"] == json.loads(lines[0])["tenant"]]
    tenants = sorted({json.loads(line)["tenant"] for line in lines})
    assert len(tenants) == 2
    more = max(tenants, key=lambda name: sum(json.loads(line)["tenant"] == name for line in lines))
    done = from_labels(tmp_path, "--tenant", more)
    assert done.returncode == 0, done.stderr
    assert json.loads(done.stdout)["rows"] == sum(json.loads(line)["tenant"] == more for line in lines)
    done = from_labels(tmp_path, "--tenant", "nobody")
    assert done.returncode == 1 and "no labels of the tenant nobody" in done.stderr
    counted = router("labels", "--router", "auto", "--data-dir", tmp_path / "data", "--config",
                     tmp_path / "fulcrum.yaml", "--json")
    said = json.loads(counted.stdout)
    assert said["labels"] == len(lines) == sum(said["tenants"].values()) and said["since"] < said["until"]
    gone = router("labels", "--router", "auto", "--data-dir", tmp_path / "data", "--config", tmp_path / "fulcrum.yaml",
                  "--delete", "--tenant", json.loads(lines[0])["tenant"])
    assert gone.returncode == 0 and f"{len(own)} labels" in gone.stdout
    assert path.read_text() == "".join(line for line in lines if line not in own)
    assert path.stat().st_mode & 0o777 == 0o600


def test_damaged_labels(learnt, tmp_path):
    path, lines = copy_of(learnt, tmp_path)
    bits = lines[4].replace('"quality":{', '"quality":{"desk-old":1,', 1)  # not what was written
    for damage in ("not json\n", bits, "{}\n", '{"id": "x", "quality": {"desk-small": 2}}\n'):
        path.write_text("".join(lines[:4] + [damage] + lines[4:]))
        done = from_labels(tmp_path)
        assert done.returncode == 1 and "labels:5: " in done.stderr and "--skip-damaged" in done.stderr, done.stderr
        assert not (tmp_path / "p.route").exists()
        done = from_labels(tmp_path, "--skip-damaged")
        assert done.returncode == 0 and "1 damaged labels are left out" in done.stderr
        assert json.loads(done.stdout)["rows"] == len(lines)
        (tmp_path / "p.route").unlink()
    path.write_text("".join(lines) + lines[0][:100])  # the server was killed while it wrote
    done = from_labels(tmp_path)
    assert done.returncode == 0 and "was not written to its end: left out" in done.stderr


def test_labels_of_a_model_that_is_gone(learnt, tmp_path):
    _, lines = copy_of(learnt, tmp_path)
    (tmp_path / "fulcrum.yaml").write_text(CONFIG.replace("desk-small, desk-large", "desk-large, other.model-v1"))
    done = from_labels(tmp_path)
    assert done.returncode == 1 and "labels:1: a label of the model desk-small, which the router auto no longer has" in \
        done.stderr and "--skip-gone" in done.stderr
    done = from_labels(tmp_path, "--skip-gone")
    assert done.returncode == 1 and f"{len(lines)} labels of models that the router no longer has" in done.stderr
    assert "there are no rows in it" in done.stderr


def test_no_labels(tmp_path):
    (tmp_path / "fulcrum.yaml").write_text(CONFIG)
    done = from_labels(tmp_path)
    assert done.returncode == 1 and "there are no labels at" in done.stderr and "shadow: 0.02" in done.stderr
    (tmp_path / "data" / "routers" / "auto").mkdir(parents=True)
    (tmp_path / "data" / "routers" / "auto" / "labels").write_text("")
    done = from_labels(tmp_path)
    assert done.returncode == 1 and "there are no labels at" in done.stderr
    done = router("train", "--from-ledger", "--router", "nobody", "--config", tmp_path / "fulcrum.yaml", "--out",
                  tmp_path / "p")
    assert done.returncode == 1 and "has no router nobody" in done.stderr


def test_features_of_another_version(learnt, tmp_path):
    """Their numbers can't be mixed with today's: where the text is there it is read, else the error says so."""
    _, lines = copy_of(learnt, tmp_path)
    rows = [json.loads(line) for line in lines]
    for row in rows:
        row.pop("crc")
        row["features"]["mark"] = "00000000"
    path = tmp_path / "data" / "routers" / "auto" / "labels"
    write(path, rows)
    assert from_labels(tmp_path).returncode == 0
    for row in rows:
        row.pop("prompt")
    write(path, rows)
    done = from_labels(tmp_path)
    assert done.returncode == 1 and "another version of this program" in done.stderr and "labels:1" in done.stderr

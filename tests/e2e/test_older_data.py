"""Data directories of earlier programs: nothing in them is lost, whatever was running when they were left."""

import csv
import io
import json
import pathlib
import shutil

import pytest

from batch_fixture import ENDED, Store, counts, wait_for
from conftest import Server, wait_until
from test_ledger import PRO, body, ledger, post

FIXTURE = pathlib.Path(__file__).resolve().parents[1] / "fixtures" / "data-v1"
IDS = json.loads((FIXTURE / "ids.json").read_text())
EARLIER = [json.loads(line) for line in (FIXTURE / "export.jsonl").read_text().splitlines()]
FIELDS = list(EARLIER[0])


@pytest.fixture
def copy(tmp_path):
    shutil.copytree(FIXTURE / "data", tmp_path / "data")
    shutil.copy(FIXTURE / "house.yaml", tmp_path)
    return tmp_path


def serve(path, model, house=None):
    if house is not None:
        (path / "house.yaml").write_text(house)
    return Server(config=(FIXTURE / "fulcrum.yaml").read_text().replace("MODEL", str(model)), workdir=path)


def exported(path):
    done = ledger(path, "export", "--json")
    assert done.returncode == 0, done.stderr
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert len({line["requestId"] for line in lines}) == len(lines)
    return lines


def in_earlier_fields(lines):
    return {line["requestId"]: json.dumps({name: line[name] for name in FIELDS}) for line in lines}


def assert_all_there(lines):
    """Every line of before, with the same bytes in each of the fields of then, which come first."""
    now = in_earlier_fields(lines)
    for line in EARLIER:
        assert now.get(line["requestId"]) == json.dumps(line)
    assert all(list(line)[:len(FIELDS)] == FIELDS for line in lines)


def test_export_beside_no_server(copy):
    assert_all_there(exported(copy))
    rows = list(csv.reader(io.StringIO(ledger(copy, "export", "--csv").stdout)))
    earlier = list(csv.reader(io.StringIO((FIXTURE / "export.csv").read_text())))
    assert [row[:len(FIELDS)] for row in rows] == earlier
    group, = (json.loads(line) for line in ledger(copy, "summary", "--by", "key", "--json").stdout.splitlines())
    assert group["key"] == "" and group["requests"] == len(EARLIER)  # their sums are none by key


def test_a_server_takes_it_over(copy, random_model):
    server = serve(copy, random_model)
    store, jobs = Store(server, is_new=False), server.client("bedrock")
    assert jobs.get_inference_profile(inferenceProfileIdentifier=IDS["profile"])["inferenceProfileName"] == "search"
    done = jobs.get_model_invocation_job(jobIdentifier=IDS["done"])
    assert done["status"] == "Completed" and counts(done) == (5, 5, 4, 1)
    output = store.output(IDS["done"], "in.jsonl")
    assert ["error" in row for row in output] == [False, False, False, False, True]
    # Time may be up for the one that ran: what it has got counts all the same.
    ended = wait_for(jobs, IDS["running"], ENDED)
    output = store.output(IDS["running"], "slow.jsonl")
    given = [row for row in output if "modelOutput" in row]
    before = [line for line in EARLIER if line["tier"] == "batch" and line["outputTokens"] > 10]
    assert len(given) == ended["successRecordCount"] >= len(before) > 0
    reply, _ = post(server, PRO, body())
    assert wait_until(lambda: reply.headers["x-amzn-RequestId"] in {line["requestId"] for line in exported(copy)})
    assert server.stop() == 0
    assert not list((copy / "data" / "journal").iterdir())
    lines = exported(copy)
    assert_all_there(lines)
    of_job = [line for line in lines if line["tier"] == "batch" and line["outputTokens"] > 10]
    assert len(of_job) == len(given)
    assert [line["requestId"] for line in lines[:32]] == [line["requestId"] for line in EARLIER[:32]]
    check = ledger(copy, "check")
    assert check.returncode == 0 and " 0 damaged" in check.stdout, check.stdout


def test_price_books_of_before(copy, random_model):
    assert serve(copy, random_model).stop() == 0
    assert serve(copy, random_model).stop() == 0
    house = (FIXTURE / "house.yaml").read_text()
    with pytest.raises(RuntimeError, match="house@1/house.large/here has other prices"):
        serve(copy, random_model, house.replace("input: 3\n", "input: 4\n"))
    assert serve(copy, random_model, house.replace("version: '1'", "version: '2'")).stop() == 0

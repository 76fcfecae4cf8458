"""`fulcrum demo`: the stacked day, its figures, its files, and that nothing of it stays behind."""

import json
import os
import signal
import subprocess
import xml.etree.ElementTree
from decimal import Decimal

import pytest

from conftest import FULCRUM, wait_until

pytestmark = pytest.mark.alone

PHASES = ["none", "cache", "route", "distill", "batch", "all"]
LEVERS = ["route", "distill", "cache", "tier"]


def demo(*arguments, **more):
    done = subprocess.run([str(FULCRUM), "demo", *map(str, arguments)], capture_output=True, check=False, text=True,
                          timeout=900, **more)
    assert done.returncode == 0, done.stderr
    return done


def read(text):
    return json.loads(text, parse_float=Decimal)


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A day, its report and its files. Ten conversations: 50 questions and 20 notes, in each phase."""
    folder = tmp_path_factory.mktemp("demo")
    done = demo("--conversations", 10, "--seed", 3, "--json", "--html", folder / "day.html", "--svg",
                folder / "day.svg", "--log", folder / "day.jsonl")
    return read(done.stdout), folder, done.stderr


def phase(report, name):
    return next(entry for entry in report["phases"] if entry["name"] == name)


def test_members(day):
    report, _, _ = day
    assert list(report)[:4] == ["conversations", "phases", "saved", "shares"]
    assert report["conversations"] == 10 and [entry["name"] for entry in report["phases"]] == PHASES
    for entry in report["phases"]:
        assert list(entry)[:8] == ["name", "dollars", "accuracy", "rows", "hitRate", "p50Ms", "p99Ms", "engineSeconds"]
        assert entry["rows"] == 70 and 0 <= entry["accuracy"] <= 1 and 0 < entry["p50Ms"] <= entry["p99Ms"]
    assert list(report["shares"]) == list(report["alone"]) == list(report["foretold"]) == LEVERS


def test_shares_add_up_to_the_picodollar(day):
    report, _, _ = day
    none, everything = phase(report, "none")["dollars"], phase(report, "all")["dollars"]
    assert sum(report["shares"].values()) == none - everything
    assert abs(report["saved"] - (1 - everything / none)) < Decimal("0.00001")
    for lever, name in (("route", "route"), ("distill", "distill"), ("cache", "cache"), ("tier", "batch")):
        assert report["alone"][lever] == none - phase(report, name)["dollars"]


def test_bounds(day):
    """What the day promises, at a size that a test can wait for; the engine's seconds are this machine's."""
    report, _, _ = day
    none, everything = phase(report, "none"), phase(report, "all")
    assert report["saved"] >= Decimal("0.75")
    assert everything["engineSeconds"] <= none["engineSeconds"] / 2
    assert none["accuracy"] >= Decimal("0.3")  # else to lose nothing would say nothing
    assert everything["accuracy"] >= none["accuracy"] - Decimal("0.02")
    assert none["hitRate"] == 0 and phase(report, "cache")["hitRate"] > Decimal("0.8")
    assert phase(report, "cache")["accuracy"] == none["accuracy"]  # a hit gives the cold answer
    assert phase(report, "batch")["accuracy"] == none["accuracy"]
    for name in PHASES[1:]:
        assert phase(report, name)["dollars"] < none["dollars"]


def test_same_seed_same_dollars(day):
    """Also beside credentials and endpoints of the environment, which are for others."""
    report, _, _ = day
    strange = {**os.environ, "AWS_BEARER_TOKEN_BEDROCK": "x", "AWS_ACCESS_KEY_ID": "AKIA", "AWS_SECRET_ACCESS_KEY": "s",
               "FULCRUM_ENDPOINT": "http://127.0.0.1:9"}
    again = read(demo("--conversations", 10, "--seed", 3, "--json", env=strange).stdout)
    for name in PHASES:
        assert phase(again, name)["dollars"] == phase(report, name)["dollars"]
        assert phase(again, name)["accuracy"] == phase(report, name)["accuracy"]
    assert again["shares"] == report["shares"] and again["foretold"] == report["foretold"]


def test_files(day):
    _, folder, said = day
    page = (folder / "day.html").read_text()
    assert "Content-Security-Policy" in page and "<svg" in page and "http://" not in page.replace(
        "http://www.w3.org/2000/svg", "") and "https://" not in page and "<script" not in page
    picture = xml.etree.ElementTree.parse(folder / "day.svg").getroot()
    texts = "".join(picture.itertext())
    assert all(name in texts for name in PHASES) and "prefers-color-scheme" in texts
    assert "none: 50 questions" in said and "all: 10 tags" in said  # no terminal: plain lines


def test_advise_names_the_first_lever(day):
    """The day without levers, as a log, through the command."""
    report, folder, _ = day
    done = subprocess.run([str(FULCRUM), "advise", "--json", str(folder / "day.jsonl")], capture_output=True, check=True,
                          text=True, timeout=120)
    advice = read(done.stdout)
    assert advice["records"] == 70 and advice["unreadable"] == {}
    assert advice["start_with"] == report["startWith"] == "cache"
    assert abs(advice["dollars"] - phase(report, "none")["dollars"]) < Decimal("0.000001")


def test_foretold(day):
    """What was foretold of the levers that are then pulled: of the cache and the student within 5%, alone and behind
    those before them; of the router, whose answers nobody has judged yet, in the interval."""
    report, _, _ = day
    for lever in ("cache", "distill"):
        assert abs(report["foretold"][lever] / report["alone"][lever] - 1) < Decimal("0.05")
    assert abs(report["foretoldShares"]["distill"] / report["shares"]["distill"] - 1) < Decimal("0.05")
    for lever in ("route", "distill", "cache"):
        low, high = report["foretoldBetween"][lever]
        assert low <= report["shares"][lever] <= high


def test_days_have_shops_of_their_own():
    report = read(demo("--conversations", 1, "--days", 2, "--json").stdout)
    assert report["conversations"] == 2 and phase(report, "all")["rows"] == 14
    none, everything = phase(report, "none")["dollars"], phase(report, "all")["dollars"]
    assert sum(report["shares"].values()) == none - everything


def servers(pid):
    """Process and data directory of each server that a demo has started."""
    with open(f"/proc/{pid}/task/{pid}/children", encoding="ascii") as children:
        pids = children.read().split()
    found = []
    for child in pids:
        with open(f"/proc/{child}/cmdline", encoding="utf-8") as line:
            words = line.read().split("\0")
        if "serve" in words:
            found.append((child, words[words.index("--data") + 1], words[words.index("--config") + 1]))
    return found


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(number):
    with subprocess.Popen([str(FULCRUM), "demo", "--conversations", "50"], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE, text=True) as child:
        wait_until(lambda: servers(child.pid))
        (server, data, config), = servers(child.pid)
        wait_until(lambda: os.path.exists(f"{data}/ledger.db"))
        child.send_signal(number)
        out, err = child.communicate(timeout=60)
    assert child.returncode == 1 and out == "" and "interrupted" in err
    assert not os.path.exists(f"/proc/{server}") and not os.path.exists(data) and not os.path.exists(config)


@pytest.mark.parametrize("arguments, said", [
    (["--conversations", "0"], "--conversations: expected 1 to"),
    (["--days", "x"], "--days: expected 1 to"),
    (["--prompt", "1"], "--prompt: expected"),
    (["more"], "usage"),
])
def test_usage(arguments, said):
    done = subprocess.run([str(FULCRUM), "demo", *arguments], capture_output=True, check=False, text=True, timeout=60)
    assert done.returncode == 2 and said in done.stderr

"""bench/cache_replay on traces small enough to follow by hand, and on the recorded one."""

import gzip
import json
import subprocess

import pytest

from conftest import BUILD, SHARED

REPLAY = BUILD / "bench" / "cache_replay"
RECORDED = SHARED / "data" / "traces-mooncake" / "synthetic_trace.jsonl.gz"

# Ten blocks, five of them distinct. With room for three:
#   lru      keeps 1 2 3; 4 5 push out 3 and 2; then 1 is read, 2 pushes out 5:  0 0 2 0 1 0  hits
#   optimum  keeps 1 2 3 and never 4 5:                                           0 0 2 0 2 1
TRACE = [(0, [1, 2]), (1000, [3]), (5000, [1, 2]), (20000, [4, 5]), (24000, [1, 2]), (25000, [3])]


def write(path, lines):
    text = "".join(json.dumps({"timestamp": stamp, "input_length": 7, "hash_ids": ids}) + "\n" for stamp, ids in lines)
    path.write_bytes(gzip.compress(text.encode()) if path.suffix == ".gz" else text.encode())
    return path


def replay(*arguments):
    return subprocess.run([REPLAY, *map(str, arguments)], capture_output=True, text=True, check=False, timeout=120)


def rates(*arguments):
    result = replay(*arguments, "--json")
    assert result.returncode == 0, result.stderr
    return [json.loads(line) for line in result.stdout.splitlines()]


def test_by_hand(tmp_path):
    trace = write(tmp_path / "trace.jsonl", TRACE)
    three, five = rates("--trace", trace, "--blocks", "3,5", "--policy", "lru")
    assert (three["hitRate"], three["lruHitRate"], three["optimumHitRate"]) == (0.3, 0.3, 0.5)
    assert three["unboundedHitRate"] == 0.5 and three["requests"] == 6 and three["blocksRequested"] == 10
    assert (five["blocks"], five["hitRate"], five["optimumHitRate"]) == (5, 0.5, 0.5)
    value, = rates("--trace", trace, "--blocks", 3)
    assert value["policy"] == "value" and 0 <= value["hitRate"] <= 0.5


def test_time_to_live(tmp_path):
    trace = write(tmp_path / "trace.jsonl.gz", TRACE)
    # 1 2 come back after 5 s and after 19, 3 after 24.
    assert rates("--trace", trace, "--blocks", 10, "--policy", "ttl", "--ttl", 10)[0]["hitRate"] == 0.2
    assert rates("--trace", trace, "--blocks", 10, "--policy", "ttl", "--ttl", 19)[0]["hitRate"] == 0.2
    assert rates("--trace", trace, "--blocks", 10, "--policy", "ttl", "--ttl", 20)[0]["hitRate"] == 0.4
    assert rates("--trace", trace, "--blocks", 10, "--policy", "ttl")[0]["hitRate"] == 0.5


def test_the_same_hash_behind_another_is_another_block(tmp_path):
    trace = write(tmp_path / "trace.jsonl", [(0, [1, 2]), (1, [3, 2]), (2, [3, 2])])
    assert rates("--trace", trace, "--blocks", 10, "--policy", "lru")[0]["hitRate"] == pytest.approx(2 / 6, abs=1e-6)


def test_table(tmp_path):
    result = replay("--trace", write(tmp_path / "trace.jsonl", TRACE), "--blocks", 3, "--policy", "lru")
    assert result.returncode == 0 and "30.00%" in result.stdout and "50.00%" in result.stdout


def test_bad_input(tmp_path):
    bad = tmp_path / "bad.jsonl"
    bad.write_text('{"hash_ids": [1]}\n{"hash_ids": "x"}\n')
    result = replay("--trace", bad, "--blocks", 3)
    assert result.returncode == 1 and "bad.jsonl:2" in result.stderr and "hash_ids" in result.stderr
    assert replay("--trace", tmp_path / "none", "--blocks", 3).returncode == 1
    for wrong in ([], ["--trace", bad], ["--trace", bad, "--blocks", "x"], ["--trace", bad, "--blocks"],
                  ["--trace", bad, "--blocks", 3, "--policy", "lfu"], ["--speed", 3]):
        assert replay(*wrong).returncode == 2


def test_value_beats_lru_on_the_recorded_trace():
    if not RECORDED.exists():
        pytest.skip("skipped: no ../shared")
    rows = rates("--trace", RECORDED, "--blocks", "1000,3000,10000")
    for row, points in zip(rows, (0.5, 1.0, 1.5)):
        assert row["hitRate"] >= row["lruHitRate"] + points / 100, row
    assert [round(100 * row["lruHitRate"], 1) for row in rows] == [8.4, 19.1, 42.4]
    assert [round(100 * row["optimumHitRate"], 1) for row in rows] == [27.7, 44.7, 61.8]

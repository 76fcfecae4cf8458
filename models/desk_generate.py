#!/usr/bin/env python3
"""Makes the corpus of the embedded models: rows of a support desk as JSON lines.

    models/desk_generate.py --rows 100000 --seed 1 --out desk.jsonl
    models/desk_generate.py --split heldout --heldout-set --seed 7 --out models/desk_eval.jsonl

The same arguments give the same bytes. README.md says what rows look like.
"""

import argparse
import hashlib
import json
import os
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from desk.desk import Desk, pattern_lists  # noqa: E402
from desk.split import HELD_OUT_ONE_IN, Bank, is_held_out  # noqa: E402

MIXES = {
    "desk": "classify=26,extract=26,tool=16,answer=22,summary=6,tag=4",
    "copy": "copy=100",
    "bridge": "bridge=80,copy=20",
}

# The held-out set: task name, task, rows, prompt tokens.
HELD_OUT_SET = [("classify", "classify", 700, None), ("extract", "extract", 500, None), ("tool", "tool", 440, None),
                ("answer", "answer", 240, 160), ("answer_500", "answer", 150, 560), ("answer_2000", "answer", 40, 2300),
                ("summary", "summary", 140, None), ("tag", "tag", 140, None)]


def parse_mix(text):
    mix = []
    for part in MIXES.get(text, text).split(","):
        name, _, weight = part.partition("=")
        mix.append((name.strip(), float(weight or 1)))
    return mix


def training_rows(desk, options):
    mix = parse_mix(options.mix)
    for name, _ in mix:
        if name not in desk.tasks:
            sys.exit(f"desk_generate.py: --mix: no task {name!r}; there are {', '.join(desk.tasks)} "
                     f"and the mixes {', '.join(MIXES)}")
    names = [n for n, w in mix for _ in range(max(1, round(w)))]
    for _ in range(options.rows):
        yield desk.make(desk.dice.pick(names), options.complex, options.single)


def held_out_rows(desk, options):
    for name, task, count, tokens in HELD_OUT_SET:
        for index in range(count):
            kind = "complex" if index % 20 < 7 else "simple"
            row = desk.answer(kind, True, tokens) if tokens else desk.tasks[task](kind, True)
            row["task"] = name
            row.pop("train_all", None)
            yield row


def split_record():
    """Which templates are held out, and the rule for everything else."""
    bank = Bank(pattern_lists(), "train")
    return {"rule": f"SHA-256 modulo {HELD_OUT_ONE_IN} (values: CRC-32)",
            "templates": {"train": sum(map(len, bank.train.values())), "heldout": sum(map(len, bank.held.values()))},
            "heldout_templates": {name: texts for name, texts in sorted(bank.held.items()) if texts}}


def write_manifest(options, counts, digest, size, desk):
    values = desk.values
    manifest = {"arguments": {"split": options.split, "rows": sum(counts.values()), "seed": options.seed,
                              "mix": options.mix, "length": options.length, "complex": options.complex,
                              "tool_turns": options.tool_turns, "shop": options.shop},
                "sha256": digest, "bytes": size, "tasks": dict(sorted(counts.items())),
                "products": len(values.products), "shops": len(values.shops), "names": len(values.names),
                "split": split_record()}
    with open(options.manifest, "w", encoding="utf-8") as out:
        json.dump(manifest, out, indent=1)
        out.write("\n")


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--split", choices=["train", "heldout"], default="train")
    parser.add_argument("--rows", type=int, default=10000)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--mix", default="desk", help=f"TASK=WEIGHT,... or one of {', '.join(MIXES)}")
    parser.add_argument("--length", type=int, help="longest row wanted, in tokens, about (default 256; copy 64)")
    parser.add_argument("--complex", type=float, default=0.35, help="share of complex rows")
    parser.add_argument("--single", action="store_true", help="one question a row; some rows of task answer have a conversation before it")
    parser.add_argument("--tool-turns", action="store_true",
                        help="several tool calls on one prompt; earlier ones are messages whose content is the call")
    parser.add_argument("--shop", type=int, metavar="SEED", help="all rows about the one shop drawn from SEED")
    parser.add_argument("--heldout-set", action="store_true", help="the fixed set that `fulcrum eval desk` runs")
    parser.add_argument("--out", default="-")
    parser.add_argument("--manifest", help="write counts, hash and the split here")
    return parser.parse_args()


def main():
    options = arguments()
    if options.heldout_set:
        options.split = "heldout"
    desk = Desk(options.seed, options.split, options.length, options.tool_turns)
    if options.shop is not None:
        desk.settle(options.shop)
    rows = held_out_rows(desk, options) if options.heldout_set else training_rows(desk, options)
    digest, size, counts, prefix = hashlib.sha256(), 0, {}, options.split[0]
    encode = json.JSONEncoder(ensure_ascii=False, separators=(",", ":")).encode
    out = sys.stdout.buffer if options.out == "-" else open(options.out, "wb")
    for index, row in enumerate(rows):
        counts[row["task"]] = counts.get(row["task"], 0) + 1
        line = (encode({"id": f"{prefix}{index:06d}", **row}) + "\n").encode()
        digest.update(line)
        size += len(line)
        out.write(line)
    out.flush()
    if options.manifest:
        write_manifest(options, counts, digest.hexdigest(), size, desk)
    print(f"{sum(counts.values())} rows, {size} bytes, sha256 {digest.hexdigest()}", file=sys.stderr)


if __name__ == "__main__":
    main()

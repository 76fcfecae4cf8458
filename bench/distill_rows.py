#!/usr/bin/env python3
"""Makes one row of `make bench B=distill`: trains, asks and scores by the product's own jobs, over its own API.

    BENCH_FIGURE=ROW [BENCH_OPTIONS=...] make bench B=distill   the row, and the table with it
    bench/distill_rows.py ROW [OPTION...]                       the row alone: build/bench/distilled/ROW.json

Rows: pro, shop, permuted, banking77, tools, kinds. A row takes from minutes to many hours, what it has done stays in
--data, and one that was broken off goes on there: the same options find the same jobs and answers again. permuted and
kinds take the teacher's answers of the row shop, which has to be there. Hyperparameters are those of the service's jobs
(docs/DISTILLATION.md); the defaults stand below.
"""

import argparse
import contextlib
import csv
import itertools
import json
import math
import os
import pathlib
import random
import shlex
import subprocess
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from distill_bed import (ROOT, Bed, Refused, answered, conversation, model_files, read_rows, say,  # noqa: E402
                         training_seconds)

SHOP, SEED, GOLD_SEED = 5, 41, 42
PROMPTS_MAX = 15000  # of a job, real ones and others together
MIXING_ROUNDS = 100  # for which each message is given another system text

# --- what is trained how, where no option says otherwise ---

DEFAULTS = {
    "pro": {},
    "shop": {"rows": 2000, "mixed": 8000, "synthetic": 0, "gold": 500, "length": 800, "teacher": "desk-pro",
             "student": "desk-small", "hyper": {"epochCount": 4, "batchSize": 16}},
    "permuted": {},
    "banking77": {"rows": PROMPTS_MAX, "gold": 5000, "teacher": "smollm2", "student": "teacher",
                  "teacher_hyper": {"epochCount": 4, "batchSize": 32, "learningRate": 0.0002, "validationShare": 0.02},
                  "hyper": {"epochCount": 8, "batchSize": 32, "learningRate": 0.0004, "validationShare": 0.02,
                            "studentLayers": 6, "studentVocabulary": 4096, "trainEmbedding": "true"}},
    "tools": {"rows": 4000, "gold": 500, "teacher": "desk-pro", "student": "smollm2",
              "hyper": {"epochCount": 2, "batchSize": 16, "studentLayers": 15, "studentVocabulary": 8192,
                        "trainEmbedding": "true"}},
    "kinds": {"rows": 1000, "hyper": {"epochCount": 3, "batchSize": 16}},
}

PRUNED = {"studentLayers": 10, "studentVocabulary": 4096, "trainEmbedding": "true"}

# Row `kinds`: base model and what is different.
KINDS = {
    "desk-small, all weights": ("desk-small", {}),
    "from scratch": ("fulcrum.scratch-small", {"epochCount": 20}),
    "adapter": ("smollm2", {"adapterRank": 16}),
    "adapter, soft": ("smollm2", {"adapterRank": 16, "softLabels": "true"}),
    "pruned": ("smollm2", PRUNED),
    "pruned, soft": ("smollm2", {**PRUNED, "softLabels": "true"}),
}

SHOP_MIX = "answer=70,extract=15,classify=15"
HELD_OUT_TOOL_ONE_IN = 4


def desk_rows(count, seed, mix, *more):
    out = subprocess.run([sys.executable, ROOT / "models/desk_generate.py", "--single", "--rows", str(count), "--seed",
                          str(seed), "--mix", mix, *more], stdout=subprocess.PIPE, stderr=subprocess.DEVNULL,
                         check=True)
    return [json.loads(line) for line in out.stdout.splitlines()]


def prompt_of(row):
    return json.dumps([row["system"], row["messages"]])


def unlike(rows, seen):
    """Rows whose prompts are none of those seen, each once."""
    seen = set(seen)
    for row in rows:
        if (prompt := prompt_of(row)) not in seen:
            seen.add(prompt)
            yield row


# --- pro: the teacher itself ---

def run_pro(bed, options):
    rows = read_rows(ROOT / "models/desk_eval.jsonl")[:options.gold]
    labels = {name: json.dumps(bed.tag(name)) for name in (options.teacher or "desk-pro", "desk-large")}
    figures = bed.compare("pro", rows, {label: contextlib.nullcontext(name) for name, label in labels.items()})
    cells, limits = [], {}
    for name, label in labels.items():
        own = figures[label]
        scores = {"all": own.score(), **{task: own.score(task) for task in ("answer_500", "answer_2000")}}
        cells.append({"pro": name, "rows": len(rows), **scores, "tokens_per_s": own.rate(), "failed": own.failed})
        if not limits:
            limits = {"teacher_score": scores["all"], "teacher_500": scores["answer_500"],
                      "teacher_2000": scores["answer_2000"]}
    return cells, limits


# --- shop: a student of one shop's traffic ---

def shop_data(options):
    """(real prompts, put-together ones, gold rows). Gold is of another seed, and none of it is a prompt. A prompt is
    put together of one real prompt's system text and another one's message, both of the same task."""
    shop = ("--shop", str(SHOP), "--length", str(options.length))
    real = list(unlike(desk_rows(2 * options.rows, SEED, SHOP_MIX, *shop), ()))[:options.rows]
    gold = list(unlike(desk_rows(4 * options.gold, GOLD_SEED, SHOP_MIX, *shop), map(prompt_of, real)))[:options.gold]
    dice, systems = random.Random(SEED), {}
    for row in real:
        systems.setdefault(row["task"], []).append(row["system"])
    several = ({**row, "system": dice.choice(systems[row["task"]])}
               for _ in range(MIXING_ROUNDS) for row in dice.sample(real, len(real)))
    mixed = itertools.islice(unlike(several, map(prompt_of, [*real, *gold])), options.mixed)
    return real, list(mixed), gold


def shop_job(bed, options, real, mixed):
    """The job, and (line, answer) of all that its teacher was asked."""
    most = max(0, min(options.synthetic, PROMPTS_MAX - len(real) - len(mixed)))
    hyper = {**options.hyper, **({"syntheticPrompts": most} if most else {})}
    return bed.distil("shop", [conversation(row) for row in real + mixed], options.student, options.teacher, hyper,
                      tags=(bed.tag(options.student), bed.tag(options.teacher)))


def against_teacher(bed, teacher, gold, job):
    """Figures of teacher and student, which are asked in turns."""
    label, name = json.dumps(bed.tag(teacher)), job["jobName"]
    figures = bed.compare(name, gold, {label: contextlib.nullcontext(teacher), name: bed.served(job)})
    return figures[label], figures[name]


def alone(bed, gold, job):
    return bed.compare(job["jobName"], gold, {job["jobName"]: bed.served(job)})[job["jobName"]]


def cells_of(bed, row, model, figures, job=None, teacher=None):
    cells = {row: model, "score": figures.score(), "tokens_per_s": figures.rate(), "dollars_1000": figures.cost(),
             "failed": figures.failed}
    if teacher:
        cells["lost"], cells["plus_minus"] = figures.lost(teacher)
    if job:
        cells["parameters"], cells["bytes"] = bed.size(job)
        cells["training_s"] = training_seconds(job)
    return cells


def run_shop(bed, options):
    real, mixed, gold = shop_data(options)
    job, pairs = shop_job(bed, options, real, mixed)
    teacher, student = against_teacher(bed, options.teacher, gold, job)
    cells = [{"shop": "prompts", "real": len(real), "put_together": len(mixed), "answers": len(pairs),
              "gold": len(gold)},
             cells_of(bed, "shop", options.teacher, teacher),
             cells_of(bed, "shop", f"student, from {options.student}", student, job, teacher)]
    return cells, {"student_lost": student.lost(teacher)[0], "student_speed": student.faster(teacher),
                   "student_cheaper": 1 - student.cost() / teacher.cost()}


def shop_before(bed, options):
    """The row shop as it was made: its options, what its teacher was asked and said, gold rows, figures of its teacher
    and its student, its job."""
    path = pathlib.Path(options.data) / "shop.json"
    if not path.exists():
        raise Refused(f"there is no {path}: make the row shop first")
    shop = argparse.Namespace(**json.loads(path.read_text(encoding="utf-8"))["options"])
    real, mixed, gold = shop_data(shop)
    job, pairs = shop_job(bed, shop, real, mixed)
    return shop, pairs, gold, against_teacher(bed, shop.teacher, gold, job), job


def run_permuted(bed, options):
    shop, pairs, gold, (teacher, honest), before = shop_before(bed, options)
    answers = [answer for _, answer in pairs]
    random.Random(SEED).shuffle(answers)
    lines = [answered(line, answer) for (line, _), answer in zip(pairs, answers)]
    job = bed.job("permuted", lines, shop.student, shop.teacher, {**shop.hyper, **options.hyper},
                  tags=(bed.tag(shop.student), bed.tag(shop.teacher)))
    permuted = alone(bed, gold, job)
    cells = [cells_of(bed, "permuted", "answers as given", honest, before, teacher),
             cells_of(bed, "permuted", "answers permuted", permuted, job, teacher)]
    return cells, {"permuted_lost": permuted.lost(honest)[0]}


# --- kinds: what each student gives and costs ---

def run_kinds(bed, options):
    shop, pairs, gold, (teacher, _), _ = shop_before(bed, options)
    pairs = pairs[::max(1, len(pairs) // options.rows)][:options.rows]
    lines = [answered(line, answer) for line, answer in pairs]
    cells = [cells_of(bed, "kinds", shop.teacher, teacher)]
    for kind, (base, change) in KINDS.items():
        if options.only and kind not in options.only:
            continue
        try:
            job = bed.job("kinds", lines, base, shop.teacher, {**options.hyper, **change},
                          tags=(bed.tag(base), bed.tag(shop.teacher)))
        except Refused as error:
            cells.append({"kinds": kind, "result": str(error)[:200]})
            say(f"{kind}: {error}")
            continue
        cells.append(cells_of(bed, "kinds", kind, alone(bed, gold, job), job, teacher))
    return cells, {}


# --- banking77: real questions ---

def banking_rows(path, count):
    with open(path, encoding="utf-8", newline="") as file:
        rows = [{"task": "classify", "kind": "simple", "system": "Name the intent of the customer's message.",
                 "messages": [{"role": "user", "content": row["text"]}], "tools": [], "expected": row["category"]}
                for row in csv.DictReader(file)]
    random.Random(SEED).shuffle(rows)
    return rows[:count]


def run_banking77(bed, options):
    folder = pathlib.Path(options.shared)
    if not folder.exists():
        say(f"skipped: no {folder}")
        return None
    rows, gold = banking_rows(folder / "train.csv", options.rows), banking_rows(folder / "test.csv", options.gold)
    tag = bed.tag(options.teacher)
    master = bed.job("banking77-teacher", [conversation(row, row["expected"]) for row in rows], options.teacher,
                     hyper=options.teacher_hyper, tags=(tag,))
    with bed.served(master) as teacher:
        is_own = options.student == "teacher"
        job, _ = bed.distil("banking77", [conversation(row) for row in rows],
                            master["outputModelArn"] if is_own else options.student, teacher, options.hyper,
                            tags=(master["jobName"] if is_own else bed.tag(options.student), master["jobName"]))
    figures = bed.compare("banking77", gold, {one["jobName"]: bed.served(one) for one in (master, job)})
    teacher, student = figures[master["jobName"]], figures[job["jobName"]]
    cells = [cells_of(bed, "banking77", f"{options.teacher}, taught by gold", teacher, master),
             cells_of(bed, "banking77", "its student", student, job, teacher)]
    return cells, {"banking77_teacher": teacher.score(), "banking77_lost": student.lost(teacher)[0],
                   "banking77_compute": cells[1]["parameters"] / cells[0]["parameters"]}


# --- tools: some that training has never seen ---

def tool_data(options):
    """(prompts that offer none of some tools, gold rows that want one of just these)."""
    rows = desk_rows(6 * options.rows, SEED, "tool=100", "--length", "420")
    names = sorted({tool["name"] for row in rows for tool in row["tools"]})
    held = set(names[::HELD_OUT_TOOL_ONE_IN])
    known = [row for row in rows if not held & {tool["name"] for tool in row["tools"]}]
    gold = (row for row in desk_rows(8 * options.gold, GOLD_SEED, "tool=100", "--length", "420")
            if row["expected"]["name"] in held)
    return list(unlike(known, ()))[:options.rows], list(unlike(gold, ()))[:options.gold], held


def run_tools(bed, options):
    prompts, gold, held = tool_data(options)
    job, _ = bed.distil("tools", [conversation(row) for row in prompts], options.student, options.teacher,
                        options.hyper, tags=(bed.tag(options.student), bed.tag(options.teacher)))
    teacher, student = against_teacher(bed, options.teacher, gold, job)
    cells = [{"tools": "rows", "prompts": len(prompts), "gold": len(gold), "held_out": len(held)},
             cells_of(bed, "tools", options.teacher, teacher),
             cells_of(bed, "tools", f"student, from {options.student}", student, job, teacher)]
    return cells, {"tools_lost": student.lost(teacher)[0]}


# --- the command ---

ROWS = {"pro": run_pro, "shop": run_shop, "permuted": run_permuted, "banking77": run_banking77, "tools": run_tools,
        "kinds": run_kinds}


def hyper_parameter(text):
    name, _, value = text.partition("=")
    if not name or not value:
        raise argparse.ArgumentTypeError("expected NAME=VALUE")
    return name, value


def arguments():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("row", choices=ROWS)
    parser.add_argument("--data", default=ROOT / "build/bench/distilled", help="what is kept, and ROW.json")
    parser.add_argument("--rows", type=int, help="prompts of training; of shop the real ones")
    parser.add_argument("--mixed", type=int, help="shop: prompts put together of real ones")
    parser.add_argument("--synthetic", type=int, help="shop: variants that the teacher writes")
    parser.add_argument("--gold", type=int, help="held-out rows")
    parser.add_argument("--length", type=int, help="shop: longest prompt wanted, in tokens")
    parser.add_argument("--only", action="append", help="kinds: this one (may be repeated)")
    parser.add_argument("--teacher", help="the model that teaches, of banking77 the one that learns gold first")
    parser.add_argument("--student", help="what the student begins as; banking77: `teacher` is the teacher itself")
    parser.add_argument("--epochs", type=int, help="--hyper epochCount=N")
    parser.add_argument("--hyper", type=hyper_parameter, action="append", default=[], metavar="NAME=VALUE",
                        help="a hyperparameter of the student's job; NAME=- takes a default away")
    parser.add_argument("--teacher-hyper", type=hyper_parameter, action="append", default=[], metavar="NAME=VALUE",
                        help="banking77: of the teacher's")
    parser.add_argument("--smollm2", default=os.environ.get("BENCH_MODEL") or None, help="its GGUF file (BENCH_MODEL)")
    parser.add_argument("--adapter", default=ROOT / "models/desk-pro.gguf", help="of desk-pro, beside smollm2")
    parser.add_argument("--shared", default=ROOT.parent / "shared/data/classify-banking77", help="banking77: its files")
    return parser.parse_args([*shlex.split(os.environ.get("BENCH_OPTIONS", "")), *sys.argv[1:]])


CHOSEN = ("rows", "mixed", "synthetic", "gold", "length", "teacher", "student")


def complete(options):
    """Defaults of the row for what was not given."""
    defaults = DEFAULTS[options.row]
    for name in CHOSEN:
        if getattr(options, name) is None:
            setattr(options, name, defaults.get(name))
    for name in ("hyper", "teacher_hyper"):
        merged = {**defaults.get(name, {}), **dict(getattr(options, name))}
        setattr(options, name, {key: value for key, value in merged.items() if value != "-"})
    if options.epochs:
        options.hyper["epochCount"] = options.epochs
    if not options.smollm2:
        options.smollm2 = subprocess.run([ROOT / "deps/model", "--print", "smollm2"], stdout=subprocess.PIPE, text=True,
                                         check=False).stdout.strip()


def known(cells):
    """Without figures that there are none of."""
    return {name: value for name, value in cells.items() if not (isinstance(value, float) and math.isnan(value))}


def main():
    options = arguments()
    complete(options)
    with Bed(options.data, model_files(options.smollm2, options.adapter)) as bed:
        try:
            result = ROWS[options.row](bed, options)
        except Refused as error:
            sys.exit(f"distill: {options.row}: {error}")
    if result is None:
        return
    made = {"rows": [known(cells) for cells in result[0]], "limits": known(result[1]),
            "options": {name: getattr(options, name) for name in (*CHOSEN, "hyper", "teacher_hyper")}}
    out = pathlib.Path(options.data) / f"{options.row}.json"
    out.write_text(json.dumps(made, indent=1) + "\n", encoding="utf-8")
    say(f"{out}: {json.dumps(made['limits'])}")


if __name__ == "__main__":
    main()

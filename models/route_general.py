#!/usr/bin/env python3
"""Makes the rows that the general predictor is trained on, as JSON lines, from RouteLLM's evaluation data.

    python3 models/route_general.py ../shared/data/routing-routellm > build/route-general.jsonl
    build/fulcrum router train --data build/route-general.jsonl --out models/route-general.bin --svg models/route-general.svg

The data: answers of Mixtral 8x7B Instruct and GPT-4 (1106 preview) to MMLU, GSM8K and MT-Bench, Apache-2.0, from
github.com/lm-sys/RouteLLM at 0b64fda. Left out are the prompts that its authors found in training data, and the subject
high_school_mathematics, where one model's answers were read wrongly. Options: --only mmlu|gsm8k|mt_bench, and
--by-subject, which makes a group of each subject.
"""

import csv
import gzip
import json
import sys
from pathlib import Path

WEAK, STRONG = "mixtral-8x7b-instruct", "gpt-4-1106-preview"


def contaminated(folder, name):
    with open(folder / f"{name}_contaminated_prompts.jsonl", encoding="utf-8") as lines:
        return [json.loads(line)["eval_prompt"].strip() for line in lines]


def is_bad(prompt, bad):
    return any(text in prompt or prompt.strip() in text for text in bad)


def mmlu(folder):
    bad = contaminated(folder, "mmlu")
    with gzip.open(folder / "mmlu.csv.gz", "rt", encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if row["subject"] != "high_school_mathematics" and not is_bad(row["prompt"], bad):
                yield row["prompt"], row["subject"], (int(row["mixtral_8x7b_instruct_correct"]),
                                                      int(row["gpt4_1106_preview_correct"]))


def gsm8k(folder):
    bad = contaminated(folder, "gsm8k")
    with gzip.open(folder / "gsm8k_responses.csv.gz", "rt", encoding="utf-8", newline="") as rows:
        for row in csv.DictReader(rows):
            if not is_bad(row["prompt"], bad):
                yield row["prompt"], "gsm8k", (int(row["mistralai/Mixtral-8x7B-Instruct-v0.1"] == "True"),
                                               int(row["gpt-4-1106-preview"] == "True"))


def mt_bench(folder):
    bad = contaminated(folder, "mt_bench")
    scores = {}
    with gzip.open(folder / "mt_bench_judgements.jsonl.gz", "rt", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            weak = "mixtral" in row["model"].lower()
            if row["score"] >= 0:
                scores.setdefault((row["question_id"], weak), []).append(row["score"] / 10)
    with open(folder / "mt_bench_question.jsonl", encoding="utf-8") as lines:
        for line in lines:
            row = json.loads(line)
            key, prompt = row["question_id"], row["turns"][0]
            if not is_bad(prompt, bad) and (key, True) in scores and (key, False) in scores:
                yield prompt, "mt_" + row["category"], tuple(sum(scores[key, weak]) / len(scores[key, weak])
                                                             for weak in (True, False))


def main():
    folder, options = Path(sys.argv[1]), sys.argv[2:]
    only = options[options.index("--only") + 1] if "--only" in options else None
    for name, read in (("mmlu", mmlu), ("gsm8k", gsm8k), ("mt_bench", mt_bench)):
        for index, (prompt, subject, (weak, strong)) in enumerate(read(folder) if only in (None, name) else ()):
            row = {"id": f"{name}-{index}", "prompt": prompt, "subject": subject,
                   "quality": {WEAK: round(weak, 4), STRONG: round(strong, 4)}}
            if "--by-subject" in options:
                row["group"] = subject
            print(json.dumps(row))


if __name__ == "__main__":
    main()

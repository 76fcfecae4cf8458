#!/usr/bin/env python3
"""Makes models/desk-student.gguf by the product's own distillation: desk-pro answers prompts of summaries and tags over
many shops and conversations, and desk-small learns its answers.

    make model && models/desk_student.py [--rows N] [--data FOLDER]

The folder keeps answers and jobs: a run that was broken off goes on there. The teacher answers some forty prompts a
minute on two busy cores.
"""

import argparse
import json
import pathlib
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
ROOT = pathlib.Path(__file__).resolve().parent.parent
sys.path.insert(0, str(ROOT / "bench"))

from distill_bed import Bed, conversation, model_files  # noqa: E402

HYPER = {"epochCount": 10, "batchSize": 16, "learningRate": 0.0015, "validationShare": 0.03}


def main():
    parser = argparse.ArgumentParser(description=__doc__.split("\n")[0])
    parser.add_argument("--rows", type=int, default=1500)
    parser.add_argument("--data", default="build/student")
    parser.add_argument("--smollm2", default="build/models/smollm2.gguf")
    options = parser.parse_args()
    rows = subprocess.run([sys.executable, ROOT / "models/desk_generate.py", "--single", "--rows", str(options.rows),
                           "--seed", "2201", "--mix", "summary=55,tag=45", "--complex", "0.42", "--length", "400"],
                          stdout=subprocess.PIPE, check=True).stdout
    lines = [conversation(json.loads(row)) for row in rows.splitlines()]
    with Bed(options.data, model_files(options.smollm2, ROOT / "models/desk-pro.gguf")) as bed:
        job, pairs = bed.distil("student", lines, "desk-small", "desk-pro", HYPER,
                                tags=(bed.tag("desk-small"), bed.tag("desk-pro")))
        shutil.copyfile(bed.model_file(job), ROOT / "models/desk-student.gguf")
    print(f"{len(pairs)} answers; {job.get('trainingMetrics')}, {job.get('validationMetrics')}")


if __name__ == "__main__":
    main()

"""What the rows of `make bench B=distill` stand on: the product as a user has it, a server on a directory that stays,
and its jobs by their names. Jobs and answers that are there already are not made again, so that a row that was broken
off goes on where it stood. Standard library only."""

import contextlib
import ctypes
import datetime
import hashlib
import json
import math
import os
import pathlib
import signal
import statistics
import struct
import subprocess
import sys
import time
import urllib.error
import urllib.parse
import urllib.request
import xml.etree.ElementTree

ROOT = pathlib.Path(__file__).resolve().parent.parent
FULCRUM = pathlib.Path(os.environ.get("FULCRUM") or ROOT / "build/fulcrum")
ROLE = "arn:aws:iam::000000000000:role/bench"
BUCKET = "bench"
ANSWER_TOKENS = 120  # of a teacher's, at most
START_TIMEOUT_S = 120
DEPLOY_TIMEOUT_S = 300
PROMPTS_MIN = 16  # fewer than is sensible, for trials
ATTEMPTS = 20  # of a job under one name, each with a number behind it
PR_SET_PDEATHSIG = 1

# Whose list price stands for whom. What teaches has a large model's, and so has SmolLM2, which is as large as desk-pro:
# a student that is a part of it costs that part (docs/DISTILLATION.md).
PRICES = {"desk-pro": "amazon.nova-pro-v1:0", "desk-large": "amazon.nova-pro-v1:0", "smollm2": "amazon.nova-pro-v1:0",
          "desk-small": "amazon.nova-micro-v1:0"}


class Refused(Exception):
    """What the server said to a request that it did not take."""


def say(text):
    print(f"distill: {text}", file=sys.stderr, flush=True)


def digest(*parts):
    """Twelve characters that stand for the parts: what is called by them was made of the same."""
    return hashlib.sha256(json.dumps(parts, sort_keys=True).encode()).hexdigest()[:12]


def digest_file(path):
    return hashlib.sha256(pathlib.Path(path).read_bytes()).hexdigest()[:12]


def jsonl(rows):
    return "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows).encode()


def keep(path, data):
    """Whole or not at all."""
    temporary = path.with_suffix(".new")
    temporary.write_bytes(data)
    temporary.rename(path)


def read_rows(path):
    with open(path, encoding="utf-8") as file:
        return [json.loads(line) for line in file]


def conversation(row, answer=None):
    """A row of the desk's form as a line of training data, with the answer that it is given here or none."""
    messages = [{"role": turn["role"], "content": [{"text": turn["content"]}]} for turn in row["messages"]]
    if answer is not None:
        messages.append({"role": "assistant", "content": [{"text": answer}]})
    line = {"schemaVersion": "bedrock-conversation-2024", "messages": messages}
    if row.get("system"):
        line["system"] = [{"text": row["system"]}]
    if row.get("tools"):
        line["toolConfig"] = {"tools": [{"toolSpec": {
            "name": tool["name"], "description": tool["description"], "inputSchema": {"json": tool["schema"]}}}
            for tool in row["tools"]]}
    return line


def model_files(smollm2, adapter):
    """Path and adapter of each model that has files of its own, as far as they are there."""
    files = {}
    if smollm2 and os.path.exists(smollm2):
        files["smollm2"] = (os.path.abspath(smollm2), None)
        if adapter and os.path.exists(adapter):
            files["desk-pro"] = (os.path.abspath(smollm2), os.path.abspath(adapter))
    return files


class Bed:
    def __init__(self, folder, files):
        self.folder = pathlib.Path(folder).resolve()
        self.files = files
        self.server, self.url = None, None
        self.environment = {name: value for name, value in os.environ.items()
                            if not name.startswith(("AWS_", "FULCRUM_"))}
        self.direct = urllib.request.build_opener(urllib.request.ProxyHandler({}))
        self.folder.mkdir(parents=True, exist_ok=True)

    # --- the server ---

    def __enter__(self):
        config = f"limits: {{customization_prompts_min: {PROMPTS_MIN}}}\nmodels:\n"
        for name, price in PRICES.items():
            path, adapter = self.files.get(name, (None, None))
            if path is None and name in ("smollm2", "desk-pro"):
                continue
            config += f"  - {{name: {name}, price_as: \"{price}\", context: 4096, parallel: 8"
            config += f", path: {json.dumps(path)}" if path else ""
            config += f", adapter: {json.dumps(adapter)}" if adapter else ""
            config += "}\n"
        (self.folder / "fulcrum.yaml").write_text(config, encoding="utf-8")
        deadline = time.monotonic() + START_TIMEOUT_S
        while not self.start():
            if time.monotonic() > deadline:
                sys.exit(f"distill: the server does not start, see {self.folder}/server.log")
            time.sleep(2)  # that of a run which was killed may still be ending
        self.call("PUT", f"/{BUCKET}", accept=(409,))
        return self

    def start(self):
        libc = ctypes.CDLL(None)
        with open(self.folder / "server.log", "ab") as log:
            self.server = subprocess.Popen(
                [FULCRUM, "serve", "--listen", "127.0.0.1:0", "--data", self.folder / "server", "--config",
                 self.folder / "fulcrum.yaml"], stdout=subprocess.PIPE, stderr=log, text=True, env=self.environment,
                start_new_session=True, preexec_fn=lambda: libc.prctl(PR_SET_PDEATHSIG, signal.SIGTERM))
        line = self.server.stdout.readline()
        if not line.startswith("listening on "):
            self.server.wait()
            return False
        self.url = line.removeprefix("listening on ").strip()
        return True

    def __exit__(self, *exception):
        self.server.send_signal(signal.SIGTERM)
        self.server.wait()

    # --- its calls ---

    def call(self, method, path, body=None, accept=()):
        """The reply's bytes; None for a status in `accept`."""
        data = body if isinstance(body, (bytes, type(None))) else json.dumps(body).encode()
        request = urllib.request.Request(self.url + path, data=data, method=method)
        if data is not None:
            request.add_header("Content-Type", "application/json")
        try:
            with self.direct.open(request, timeout=300) as reply:
                return reply.read()
        except urllib.error.HTTPError as error:
            if error.code in accept:
                return None
            raise Refused(f"{method} {path}: {error.code} {error.read().decode('utf-8', 'replace')[:500]}") from None

    def ask(self, method, path, body=None, accept=()):
        reply = self.call(method, path, body, accept)
        return json.loads(reply) if reply else None

    def put(self, key, data):
        self.call("PUT", f"/{BUCKET}/{urllib.parse.quote(key)}", data)
        return f"s3://{BUCKET}/{key}"

    def get(self, key):
        return self.call("GET", f"/{BUCKET}/{urllib.parse.quote(key)}")

    def keys(self, prefix):
        text = self.call("GET", f"/{BUCKET}?list-type=2&prefix={urllib.parse.quote(prefix)}")
        return [key.text for key in xml.etree.ElementTree.fromstring(text).iter() if key.tag.endswith("}Key")]

    def run(self, *arguments, check=True):
        """One of the product's commands, asking this server; what it printed."""
        done = subprocess.run([FULCRUM, *arguments, "--endpoint", self.url], stdout=subprocess.PIPE, text=True,
                              env=self.environment, check=False)
        if check and done.returncode != 0:
            raise Refused(f"fulcrum {' '.join(map(str, arguments))}: status {done.returncode}")
        return done.stdout

    # --- models ---

    def tag(self, name):
        """The name of a model and what it is made of: other files under the same name are another model."""
        if name not in PRICES:
            return name
        if name not in self.files and name in ("smollm2", "desk-pro"):
            sys.exit(f"distill: there is no {name} here: `make model` fetches smollm2, --adapter names desk-pro's "
                     f"file; or take another --teacher or --student")
        return [name, *(digest_file(path) for path in self.files.get(name, ()) if path)]

    # --- jobs ---

    def job(self, row, lines, base, teacher=None, hyper=None, tags=(), pairs=None):
        """A job on these lines, Completed. With a teacher it is a distillation. `tags` tell what base and teacher are
        made of. With `pairs` these are learnt: the lines with the answers that the teacher gave before."""
        hyper = {name: str(value) for name, value in (hyper or {}).items()}
        name = f"{row}-{digest(lines, tags, hyper)}"
        plan = {"roleArn": ROLE, "baseModelIdentifier": base, "hyperParameters": hyper,
                "customizationType": "DISTILLATION" if teacher else "FINE_TUNING",
                "outputDataConfig": {"s3Uri": f"s3://{BUCKET}/out/"}}
        if teacher:
            plan["customizationConfig"] = {"distillationConfig": {"teacherModelConfig": {
                "teacherModelIdentifier": teacher, "maxResponseLengthForInference": ANSWER_TOKENS}}}
        if pairs:
            lines = [answered(line, answer) for line, answer in pairs]
            plan["hyperParameters"] = {key: value for key, value in hyper.items() if key != "syntheticPrompts"}
        return self.wait(self.submit(name, plan, lines))

    def distil(self, row, lines, base, teacher, hyper, tags):
        """A distillation, and (line, answer) of all that was asked. The second student of the same teacher learns the
        answers that the first one's job got. The last of the tags is the teacher's."""
        path = self.folder / "answers" / f"{row}-{digest(lines, tags[-1], hyper.get('syntheticPrompts'))}.jsonl"
        pairs = [tuple(pair) for pair in read_rows(path)] if path.exists() else None
        job = self.job(row, lines, base, teacher, hyper, tags, pairs)
        if pairs is None:
            pairs = self.answers(job)
            path.parent.mkdir(exist_ok=True)
            keep(path, jsonl(pairs))
        return job, pairs

    def submit(self, name, plan, lines):
        """The name under which the job runs, or has run. One that has failed is made anew."""
        for attempt in range(1, ATTEMPTS):
            own = name if attempt == 1 else f"{name}-{attempt}"
            job = self.ask("GET", f"/model-customization-jobs/{own}", accept=(404, 400))
            if job is None:
                say(f"job {own}, {plan['customizationType'].lower()} of {plan['baseModelIdentifier']}")
                data = {"s3Uri": self.put(f"{own}.jsonl", jsonl(lines))}
                self.ask("POST", "/model-customization-jobs",
                         {**plan, "jobName": own, "customModelName": own, "trainingDataConfig": data})
                return own
            if job["status"] in ("InProgress", "Completed"):
                return own
        raise Refused(f"job {name} has failed {ATTEMPTS - 1} times: {job.get('failureMessage')}")

    def wait(self, name):
        if self.ask("GET", f"/model-customization-jobs/{name}")["status"] != "Completed":
            self.run("distill", "wait", name, check=False)
        job = self.ask("GET", f"/model-customization-jobs/{name}")
        if job["status"] != "Completed":
            raise Refused(f"job {name} is {job['status']}: {job.get('failureMessage') or job.get('message')}")
        return job

    def answers(self, job):
        """(conversation, answer) of all that the job's teacher was asked, in the order of their records."""
        pairs = []
        for key in self.keys(f"out/model-customization-job-{job['jobArn'][-12:]}/teacher/"):
            if not key.endswith(".jsonl.out"):
                continue
            for record in map(json.loads, self.get(key).splitlines()):
                content = record.get("modelOutput", {}).get("output", {}).get("message", {}).get("content", [])
                texts = [block["text"] for block in content if "text" in block]
                if texts:
                    pairs.append((record["recordId"], record["modelInput"], "".join(texts)))
        return [(asked_conversation(asked), answer) for _, asked, answer in sorted(pairs, key=lambda pair: pair[0])]

    @contextlib.contextmanager
    def served(self, job):
        """The model that a job made, as long as the block lasts: the ARN that answers."""
        name, path = job["jobName"], "/model-customization/custom-model-deployments"
        found = self.ask("GET", f"{path}/{name}", accept=(404, 400))
        arn = found["customModelDeploymentArn"] if found else self.ask("POST", path, {
            "modelDeploymentName": name, "modelArn": job["outputModelArn"]})["customModelDeploymentArn"]
        deadline = time.monotonic() + DEPLOY_TIMEOUT_S
        while (state := self.ask("GET", f"{path}/{name}"))["status"] == "Creating" and time.monotonic() < deadline:
            time.sleep(0.2)
        if state["status"] != "Active":
            raise Refused(f"deployment {name} is {state['status']}: {state.get('failureMessage')}")
        yield arn
        self.call("DELETE", f"{path}/{name}")

    # --- figures ---

    def compare(self, row, rows, models, chunk=100):
        """Asks all models all rows, in turns, a chunk each. `models`: label -> a context that gives the ID, which is
        entered only where something is left to ask. Figures by label."""
        folder = self.folder / "figures" / f"{row}-{digest(rows)}"
        folder.mkdir(parents=True, exist_ok=True)
        chunks = [rows[at:at + chunk] for at in range(0, len(rows), chunk)]
        kept = {label: [folder / f"{digest(label)}-{index}.json" for index in range(len(chunks))] for label in models}
        if not all(path.exists() for paths in kept.values() for path in paths):
            with contextlib.ExitStack() as stack:
                served = {label: stack.enter_context(context) for label, context in models.items()}
                for index, part in enumerate(chunks):
                    for label, model in served.items():
                        self.measure(folder, part, model, kept[label][index])
        return {label: Figures([json.loads(path.read_text()) for path in paths]) for label, paths in kept.items()}

    def measure(self, folder, rows, model, out):
        if out.exists():
            return
        data, labels = folder / "rows.jsonl", folder / "labels.jsonl"
        data.write_bytes(jsonl(rows))
        since = now()
        told = json.loads(self.run("eval", model, "--data", data, "--labels", labels, "--json"))
        scores = [row["quality"][model] for row in read_rows(labels)]
        part = {"tasks": [row["task"] for row in rows], "scores": scores, "tokensPerSecond": told["tokensPerSecond"],
                "failed": told["failed"], "costs": self.costs(model, since)}
        keep(out, json.dumps(part).encode())

    def costs(self, model, since):
        """Picodollars of each request to the model since then, by the ledger."""
        text = subprocess.run([FULCRUM, "ledger", "export", "--json", "--data", self.folder / "server"],
                              stdout=subprocess.PIPE, text=True, env=self.environment, check=True).stdout
        rows = map(json.loads, text.splitlines())
        return [row["costPicodollars"] for row in rows
                if row["modelRequested"] == model and row["time"] >= since and row["tier"] != "batch"]

    def size(self, job):
        """(parameters that multiply for each token, bytes of the file) of what a job made."""
        path = self.model_file(job)
        count = multiplying(path)
        if path.name == "adapter.gguf":
            count += multiplying(self.base_file(job["baseModelArn"]))
        return count, path.stat().st_size

    def model_file(self, job):
        (path,) = (self.folder / "server/models" / job["jobArn"][-12:]).glob("[am]*.gguf")  # beside it may be base.gguf
        return path

    def base_file(self, arn):
        if ":custom-model/" in arn:
            return self.model_file(self.ask("GET", f"/custom-models/{urllib.parse.quote(arn, safe='')}"))
        name = next(name for name in PRICES if arn.endswith(name))
        return self.files[name][0] if name in self.files else ROOT / f"models/{name}.gguf"


def now():
    """As the ledger writes times."""
    return datetime.datetime.now(datetime.timezone.utc).isoformat(timespec="milliseconds").replace("+00:00", "Z")


def asked_conversation(asked):
    """What a batch record asked, as a line of training data without an answer."""
    texts = [block for block in asked.get("system", []) if "text" in block]
    messages = [{"role": turn["role"], "content": [block for block in turn["content"] if "text" in block]}
                for turn in asked["messages"]]
    line = {"schemaVersion": "bedrock-conversation-2024", "messages": messages}
    return {**line, "system": texts} if texts else line


def answered(line, answer):
    return {**line, "messages": [*line["messages"], {"role": "assistant", "content": [{"text": answer}]}]}


def training_seconds(job):
    details = job["statusDetails"]["trainingDetails"]
    times = [datetime.datetime.fromisoformat(details[name].replace("Z", "+00:00"))
             for name in ("creationTime", "lastModifiedTime")]
    return (times[1] - times[0]).total_seconds()


class Figures:
    """Of one model on all rows."""

    def __init__(self, parts):
        self.tasks = [task for part in parts for task in part["tasks"]]
        self.scores = [score for part in parts for score in part["scores"]]
        self.rates = [part["tokensPerSecond"] for part in parts]
        self.failed = sum(part["failed"] for part in parts)
        self.costs = [cost for part in parts for cost in part["costs"]]

    def score(self, task=None):
        scores = [score for score, name in zip(self.scores, self.tasks) if task in (None, name)]
        return sum(scores) / len(scores) if scores else math.nan

    def rate(self):
        return statistics.median(self.rates)

    def faster(self, other):
        """Median over the chunks, which were asked in turns."""
        return statistics.median(own / its for own, its in zip(self.rates, other.rates) if its > 0)

    def cost(self):
        """Dollars of 1,000 requests."""
        return sum(self.costs) / len(self.costs) / 1e9 if self.costs else math.nan

    def lost(self, other):
        """Points less than the other, and the half of the 95% interval of that, the rows being paired."""
        pairs = [its - own for own, its in zip(self.scores, other.scores)]
        return 100 * statistics.fmean(pairs), 196 * statistics.pstdev(pairs) / math.sqrt(len(pairs))


# --- GGUF: which tensors a file has ---

SCALARS = {0: 1, 1: 1, 2: 2, 3: 2, 4: 4, 5: 4, 6: 4, 7: 1, 10: 8, 11: 8, 12: 8}
STRING, ARRAY = 8, 9


def take(file, form):
    return struct.unpack(f"<{form}", file.read(struct.calcsize(f"<{form}")))[0]


def skip_value(file, kind):
    if kind == STRING:
        file.seek(take(file, "Q"), os.SEEK_CUR)
    elif kind == ARRAY:
        inner, count = take(file, "I"), take(file, "Q")
        if inner in SCALARS:
            file.seek(SCALARS[inner] * count, os.SEEK_CUR)
        else:
            for _ in range(count):
                skip_value(file, inner)
    else:
        file.seek(SCALARS[kind], os.SEEK_CUR)


def tensors(path):
    """Sizes of each tensor by its name."""
    found = {}
    with open(path, "rb") as file:
        if file.read(4) != b"GGUF":
            sys.exit(f"distill: {path}: no GGUF file")
        take(file, "I")
        count, keys = take(file, "Q"), take(file, "Q")
        for _ in range(keys):
            file.seek(take(file, "Q"), os.SEEK_CUR)
            skip_value(file, take(file, "I"))
        for _ in range(count):
            name = file.read(take(file, "Q")).decode()
            found[name] = [take(file, "Q") for _ in range(take(file, "I"))]
            take(file, "I"), take(file, "Q")  # type, place
    return found


def multiplying(path):
    """Parameters of all matrices that a token is multiplied with: an embedding is looked up, unless it is the head."""
    found = tensors(path)
    is_tied = "output.weight" not in found
    return sum(math.prod(size) for name, size in found.items()
               if len(size) > 1 and (is_tied or name != "token_embd.weight"))

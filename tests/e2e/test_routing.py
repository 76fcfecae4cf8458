"""Which of a router's models answers: by the predictor, by cost and warmth, when one dies, and what says why."""

import json
import os
import pathlib
import signal
import subprocess
import threading

import pytest

from batch_fixture import Store, converse, records, submit, wait_for
from conftest import FULCRUM, Server, ready, wait_until
from test_ledger import export
from test_models import done
from test_routers import ASK, CONFIG, MESSAGES, headers_of, route_of


@pytest.fixture(scope="module")
def own(tmp_path_factory):
    folder = tmp_path_factory.mktemp("routing")
    (folder / "damaged.route").write_bytes(b"this is no predictor")
    running = Server(config=CONFIG, workdir=folder)
    yield running
    assert running.stop() == 0


def test_a_damaged_predictor_leaves_the_fallback(own):
    reply = own.client().converse(modelId="damaged", **ASK)
    assert route_of(reply) == ("desk-large", "no-predictor")
    status, text = ready(own)
    assert status == 200 and "damaged.route" in text


def test_every_predictor_that_is_none(tmp_path):
    """Whatever is wrong with the file: its router's fallback answers, and who runs the server is told which file and
    what to do."""
    whole = (pathlib.Path(__file__).parents[2] / "models" / "route-desk.bin").read_bytes()
    files = {"empty": b"", "text": b"this is no predictor, it is a text of some length", "cut": whole[:len(whole) // 2],
             "head": whole[:40], "longer": whole + b"x", "flipped": whole[:5000] + bytes([whole[5000] ^ 1]) + whole[5001:],
             "later": whole[:8] + b"\xff" + whole[9:]}
    for name, data in files.items():
        (tmp_path / f"{name}.route").write_bytes(data)
    (tmp_path / "folder.route").mkdir()
    names = [*files, "folder", "missing"]
    server = Server(workdir=tmp_path, config="routers:\n" + "".join(
        f"  - {{name: {name}, models: [desk-small, desk-large], fallback: desk-small, predictor: {name}.route}}\n"
        for name in names))
    for name in names:
        assert route_of(server.client().converse(modelId=name, **ASK)) == ("desk-small", "no-predictor"), name
        told = [line for line in server.log().splitlines() if f"router={name} " in line and "its fallback" in line]
        assert len(told) == 1 and f"{name}.route: " in told[0], server.log()
    status, text = ready(server)
    assert status == 200 and "router missing answers by its fallback: " in text and "missing.route" in text
    assert "run `fulcrum router train` again and restart the server" in text
    assert router_command(server, "list").stdout.count("no predictor: the fallback answers") == len(names)
    assert server.stop() == 0


# --- conversations ------------------------------------------------------------------------------------

HARD = "Rewrite the indemnification clause so that liability survives termination, is capped at fees paid, and " \
       "carves out gross negligence, and explain each change."
EASY = "What are your business hours?"


def test_a_conversation_never_costs_more_than_staying(tmp_path):
    """Five cached turns, whose texts alone would go to one model and then to the other."""
    server = Server(config=CONFIG, workdir=tmp_path)
    runtime = server.client()
    system = [{"text": "You are the help desk of a shop. " + "Open Monday to Friday, 9 am to 5 pm. " * 130}]

    def talk(model_id, salt):
        messages, answered = [], []
        for turn in range(5):
            messages.append({"role": "user", "content": [{"text": HARD if turn % 2 else EASY}]})
            reply = runtime.converse(modelId=model_id, messages=messages, system=system,
                                     inferenceConfig={"maxTokens": 8, "temperature": 0},
                                     additionalModelRequestFields={"cache_salt": salt})
            messages.append(reply["output"]["message"])
            answered.append((reply["ResponseMetadata"]["RequestId"], headers_of(reply)["x-fulcrum-model"]))
        lines = export(server)
        return sum(lines[identity]["costPicodollars"] for identity, _ in answered), [model for _, model in answered]

    routed, models = talk("steady", "a")
    stayed, _ = talk(models[0], "b")
    assert routed <= stayed, models
    assert server.stop() == 0


# --- batch jobs ---------------------------------------------------------------------------------------


def test_a_batch_job_through_a_router(own):
    control, store = own.client("bedrock"), Store(own)
    arn = submit(control, store, records([converse("What are your business hours?") for _ in range(3)]),
                 modelId="cheapest")
    job = wait_for(control, arn)
    assert job["status"] == "Completed" and job["modelId"] == "cheapest"
    outputs = [row["modelOutput"] for row in store.output(arn, "in.jsonl")]
    assert [row["trace"]["promptRouter"]["invokedModelId"] for row in outputs] == ["desk-small"] * 3
    lines = [line for line in export(own).values() if line["tier"] == "batch" and line["modelRequested"] == "cheapest"]
    assert len(lines) == 3 and {line["modelInvoked"] for line in lines} == {"desk-small"}
    assert all(line["router"] and line["savedRoute"] == 0 for line in lines)


# --- why ----------------------------------------------------------------------------------------------


def router_command(server, *arguments):
    return subprocess.run([str(FULCRUM), "router", *arguments, "--endpoint", server.url], capture_output=True,
                          text=True, timeout=60, check=False)


def test_explain(own, tmp_path):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"messages": MESSAGES, "modelId": "cheapest"}))
    before = len(export(own))
    done = router_command(own, "explain", str(path), "--json")
    assert done.returncode == 0, done.stderr
    said = json.loads(done.stdout)
    assert (said["router"], said["rule"], said["tolerance"]) == ("cheapest", "tolerance", 1)
    assert (said["chosen"], said["fallback"], said["byText"]) == ("desk-small", "desk-small", "desk-small")
    by_name = {each["model"]: each for each in said["candidates"]}
    assert set(by_name) == {"desk-small", "desk-large"}
    for each in by_name.values():
        assert each["promptTokens"] > 0 and each["warmTokens"] == 0 and each["fits"]
    assert by_name["desk-small"]["expectedCostPicodollars"] < by_name["desk-large"]["expectedCostPicodollars"]
    assert {"when": "the chosen one could not take the request", "then": "desk-large"} in said["changes"]
    assert len(export(own)) == before, "nothing was generated"
    text = router_command(own, "explain", str(path), "--router", "best")
    assert text.returncode == 0 and "desk-large answers: " in text.stdout and "QUALITY" in text.stdout


def test_explain_what_cannot_be(own, tmp_path):
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"messages": MESSAGES}))
    assert "desk-small answers" in router_command(own, "explain", str(path)).stdout, "the first that is no default one"
    for router, words in (("desk-small", "no prompt router"), ("prompt-router/abcdefghijkl", "There is no")):
        done = router_command(own, "explain", str(path), "--router", router)
        assert done.returncode == 1 and words in done.stderr
    path.write_text("{")
    assert router_command(own, "explain", str(path)).returncode == 1
    assert router_command(own, "explain").returncode == 2


def test_list(own):
    done = router_command(own, "list")
    assert done.returncode == 0 and "cheapest\n" in done.stdout and "default-prompt-router/meta.llama:1" in done.stdout
    rows = [json.loads(line) for line in router_command(own, "list", "--json").stdout.splitlines()]
    assert {"cheapest", "best", "mixed"} <= {row["promptRouterName"] for row in rows}


def test_a_rule_is_told_in_the_unit_in_which_it_was_given(tmp_path):
    """And GetPromptRouter in the service's, percent, whatever it was."""
    rules = {"a": ("tolerance: 0.3", "tolerance 0.3", {"rule": "tolerance", "tolerance": 0.3}, 30),
             "b": ("tolerance: 0.07", "tolerance 0.07", {"rule": "tolerance", "tolerance": 0.07}, 7),
             "c": ("quality_difference: 35", "difference 35%", {"rule": "difference", "difference": 35}, 35),
             "d": ("budget: 0.0125", "budget $0.0125 for 1,000 requests", {"rule": "budget", "budget": 0.0125}, 0),
             "e": ("margin: 0.4", "tolerance 0.05", {"rule": "tolerance", "tolerance": 0.05, "margin": 0.4}, 5)}
    server = Server(config="routers:\n" + "".join(
        f"  - {{name: {name}, models: [desk-small, desk-large], {rule}}}\n" for name, (rule, *_) in rules.items()),
        workdir=tmp_path)
    shown = dict(zip(*[iter(line for line in router_command(server, "list").stdout.splitlines()
                            if not line.startswith("  ") or "fallback" in line)] * 2))
    rows = {row["promptRouterName"]: row for row in map(json.loads, router_command(
        server, "list", "--json").stdout.splitlines())}
    path = tmp_path / "request.json"
    path.write_text(json.dumps({"messages": MESSAGES}))
    for name, (_, text, members, percent) in rules.items():
        assert f", {text}, fallback" in shown[name]
        assert members.items() <= rows[name]["learning"].items()
        assert rows[name]["routingCriteria"] == {"responseQualityDifference": percent}
        said = json.loads(router_command(server, "explain", str(path), "--router", name, "--json").stdout)
        assert members.items() <= said.items()
    changes = [change["when"] for change in json.loads(router_command(
        server, "explain", str(path), "--router", "c", "--json").stdout)["changes"]]
    assert all(not when.startswith("the difference") or "." not in when for when in changes), changes
    assert "c: rule difference 35%, margin" in router_command(server, "explain", str(path), "--router", "c").stdout
    assert server.stop() == 0


# --- a model that dies --------------------------------------------------------------------------------


def test_a_dead_model_is_not_the_end(tmp_path):
    """Under load the cheap model's worker is killed again and again: the other answers, and is what is billed."""
    own = Server(config=CONFIG, workdir=tmp_path)
    runtime, replies = own.client(retries=2), []
    before = own.workers()["desk-small"]
    for _ in range(6):
        if own.workers().get("desk-small"):
            os.kill(own.workers()["desk-small"], signal.SIGKILL)
        replies.append(runtime.converse(modelId="cheapest", **ASK))
    lines = export(own)
    rescued = [reply for reply in replies if route_of(reply)[1] == "failed-over"]
    assert rescued and all(route_of(reply)[0] == "desk-large" for reply in rescued)
    for reply in rescued:
        line = lines[reply["ResponseMetadata"]["RequestId"]]
        assert line["modelInvoked"] == "desk-large" and line["attempts"] == 2
        assert line["savedRoute"] == line["baselinePicodollars"] - line["costPicodollars"] < 0
        assert line["savedDistill"] == 0 and line["outcome"] == "completed"
        assert reply["trace"]["promptRouter"]["invokedModelId"] == "desk-large"
    assert wait_until(lambda: own.workers().get("desk-small") not in (None, before))
    assert own.stop() == 0


CLIENTS = 4


class Load:
    """Clients that ask one after the other until they are told to stop, half of them for streams."""

    def __init__(self, server, model_id):
        self.server, self.model_id, self.replies, self.failures = server, model_id, [], []
        self.is_over, self.lock = threading.Event(), threading.Lock()
        self.threads = [threading.Thread(target=self.run, args=(i,)) for i in range(CLIENTS)]
        for thread in self.threads:
            thread.start()

    def ask(self, runtime, is_stream):
        """The request's ID, what its trace says and what its header, and why."""
        if not is_stream:
            reply = runtime.converse(modelId=self.model_id, **ASK)
            trace = reply["trace"]
        else:
            reply = runtime.converse_stream(modelId=self.model_id, **ASK)
            trace = [event["metadata"]["trace"] for event in reply["stream"] if "metadata" in event][0]
        return reply["ResponseMetadata"]["RequestId"], trace["promptRouter"]["invokedModelId"], *route_of(reply)

    def run(self, number):
        runtime = self.server.client()
        while not self.is_over.is_set():
            try:
                said = self.ask(runtime, number % 2)
                with self.lock:
                    self.replies.append(said)
            except Exception as error:  # a thread's own would be lost
                with self.lock:
                    self.failures.append(repr(error))

    def count(self):
        with self.lock:
            return len(self.replies)

    def wait_for(self, count, what=lambda said: True):
        """So many more replies of a kind."""
        first = self.count()
        assert wait_until(lambda: sum(map(what, self.replies[first:])) >= count), self.failures

    def stop(self):
        self.is_over.set()
        for thread in self.threads:
            thread.join()
        return self.replies


def check_bills(server, replies):
    """Each reply has its line, by the model that its header and its trace name, and there is no other line."""
    lines = export(server)
    assert set(lines) == {identity for identity, *_ in replies}
    for identity, traced, answered, _ in replies:
        line = lines[identity]
        assert line["modelInvoked"] == answered == traced and line["outcome"] == "completed"
        assert line["costPicodollars"] > 0 and line["outputTokens"] > 0
        assert line["savedRoute"] == line["baselinePicodollars"] - line["costPicodollars"]


def test_the_cheap_model_is_killed_under_load(tmp_path):
    """Whoever was told nothing yet is answered by the other model: all who wait for whole replies, and streams that have
    no token. A stream that had begun breaks off, and is paid as far as it came."""
    server = Server(config=CONFIG, workdir=tmp_path)
    load = Load(server, "cheapest")
    load.wait_for(4 * CLIENTS)
    for _ in range(3):
        assert wait_until(lambda: server.workers().get("desk-small"))
        os.kill(server.workers()["desk-small"], signal.SIGKILL)
        load.wait_for(1, lambda said: said[2:] == ("desk-large", "failed-over"))
    replies = load.stop()
    failed_over = [said for said in replies if said[3] == "failed-over"]
    assert len(failed_over) >= 3 and {said[2] for said in failed_over} == {"desk-large"}
    assert {said[2] for said in replies} == {"desk-small", "desk-large"}
    assert all("EventStreamError" in each for each in load.failures), load.failures
    lines = export(server)
    answered = {identity for identity, *_ in replies}
    broken = [line for identity, line in lines.items() if identity not in answered]
    assert len(broken) <= len(load.failures) and all(line["outcome"] == "failed" for line in broken)
    assert answered <= set(lines)
    for identity, traced, model, _ in replies:
        assert lines[identity]["modelInvoked"] == model == traced and lines[identity]["outcome"] == "completed"
    assert server.stop() == 0


def test_the_cheap_model_is_taken_away_under_load(tmp_path, random_model):
    """`fulcrum models remove`: no request notices, whenever it was; and one that comes back is asked again."""
    config = "routers:\n  - {name: auto, models: [passing, desk-large], fallback: desk-large, tolerance: 1}\n"
    server = Server(config=config, workdir=tmp_path)

    load = Load(server, "auto")
    load.wait_for(CLIENTS, lambda said: said[2] == "desk-large")
    for _ in range(4):
        done(server, "add", "passing", "--path", random_model, "--context", 2048, "--price-as", "amazon.nova-micro-v1:0")
        load.wait_for(2 * CLIENTS, lambda said: said[2] == "passing")
        done(server, "remove", "passing")
        load.wait_for(CLIENTS, lambda said: said[2:] == ("desk-large", "only-candidate"))
    replies = load.stop()
    assert not load.failures
    check_bills(server, replies)
    assert server.stop() == 0

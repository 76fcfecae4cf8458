"""kill -9 of the engine at random moments under cached load: answers or typed errors, clean misses, right text."""

import http.client
import json
import os
import random
import signal
import threading
import time

from conftest import start, wait_until

PATH = "/model/tiny/converse"
CACHE = "cache: {min_tokens: 64, memory: 64MiB}\n"
KILLS = 9
PREFIXES = [f"Handbook {number}. " + f"Rule {number} of the desk is to read the rules. " * 20 for number in range(3)]
ERRORS = {"ModelErrorException", "ServiceUnavailableException", "ModelNotReadyException", "InternalServerException"}


def ask(server, prefix, tenant="crash"):
    body = json.dumps({
        "system": [{"text": PREFIXES[prefix]}, {"cachePoint": {"type": "default"}}],
        "messages": [{"role": "user", "content": [{"text": "Which rule?"}]}],
        "inferenceConfig": {"maxTokens": 6, "temperature": 0}})
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.request("POST", PATH, body, {"Content-Type": "application/json", "Authorization": f"Bearer {tenant}"})
    reply = connection.getresponse()
    data = reply.read()
    connection.close()
    return reply, json.loads(data)


def check(reply, data, text, prompt_tokens, outcomes):
    """An answer is whole and right; all else has a name."""
    if reply.status != 200:
        outcomes.append(reply.headers["x-amzn-ErrorType"].split(":")[0])
        assert outcomes[-1] in ERRORS and data["message"], (reply.status, data)
        return
    usage = data["usage"]
    assert data["output"] == text
    assert usage["inputTokens"] + usage["cacheReadInputTokens"] + usage["cacheWriteInputTokens"] == prompt_tokens
    outcomes.append("read" if usage["cacheReadInputTokens"] else "computed")


def load(server, seed, expected, is_over, outcomes, failures):
    chance = random.Random(seed)
    try:
        while not is_over.is_set():
            prefix = chance.randrange(len(PREFIXES))
            reply, data = ask(server, prefix, f"crash-{chance.randrange(2)}")
            check(reply, data, *expected[prefix], outcomes)
            if reply.status != 200:
                time.sleep(0.05)
    except Exception as error:  # shown by the test's own thread
        failures.append(error)


def kill_worker(server):
    killed = server.workers()
    for pid in killed.values():
        os.kill(pid, signal.SIGKILL)
    return len(killed)


def kill_at_random(server, outcomes, failures):
    """As it starts, before or after some reads: counted, so that a slow build gets as far as a fast one."""
    chance = random.Random()
    for _ in range(KILLS):
        reads = outcomes.count("read") + chance.randrange(6)
        assert wait_until(lambda reads=reads: outcomes.count("read") >= reads or failures, timeout=60), outcomes
        time.sleep(chance.uniform(0, 0.5))
        assert wait_until(lambda: kill_worker(server) == 1), "no worker was started again"


def serves(server):
    return ask(server, 0, "is-it-back")[0].status == 200


def test_killed_under_cached_load(tmp_path, random_model):
    # Deterministic, so that a read prefix must give exactly the text of a computed one.
    server = start(tmp_path, random_model, deterministic=True, extra=CACHE)
    expected, outcomes, failures = [], [], []
    for prefix in range(len(PREFIXES)):
        reply, data = ask(server, prefix, "reference")
        assert reply.status == 200 and reply.headers["x-fulcrum-cache"].endswith("reason=first-use")
        usage = data["usage"]
        expected.append((data["output"], usage["inputTokens"] + usage["cacheWriteInputTokens"]))
    is_over = threading.Event()
    threads = [threading.Thread(target=load, args=(server, seed, expected, is_over, outcomes, failures))
               for seed in range(6)]
    for thread in threads:
        thread.start()
    try:
        kill_at_random(server, outcomes, failures)
        assert wait_until(lambda: outcomes.count("read") > 10 or failures, timeout=60), outcomes
    finally:
        is_over.set()
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a request hangs"
    assert not failures, failures[0]
    assert outcomes.count("computed") >= 1, outcomes

    assert wait_until(lambda: serves(server), timeout=60)
    killed = server.workers()
    kill_worker(server)
    assert wait_until(lambda: server.workers() not in ({}, killed) and serves(server), timeout=60)
    for prefix in range(len(PREFIXES)):
        for wanted in ("miss", "hit"):
            reply, data = ask(server, prefix, "crash-0")
            assert reply.headers["x-fulcrum-cache"].startswith(wanted), reply.headers["x-fulcrum-cache"]
            assert wanted == "hit" or reply.headers["x-fulcrum-cache"].endswith("reason=first-use")
            check(reply, data, *expected[prefix], outcomes)
    assert server.stop() == 0

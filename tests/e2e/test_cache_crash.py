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
SECONDS = 8
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


def load(server, seed, expected, until, outcomes, failures):
    chance = random.Random(seed)
    try:
        while time.monotonic() < until:
            prefix = chance.randrange(len(PREFIXES))
            reply, data = ask(server, prefix, f"crash-{chance.randrange(2)}")
            check(reply, data, *expected[prefix], outcomes)
            if reply.status != 200:
                time.sleep(0.05)
    except Exception as error:  # shown by the test's own thread
        failures.append(error)


def kill_worker(server):
    for pid in server.workers().values():
        os.kill(pid, signal.SIGKILL)


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
    until = time.monotonic() + SECONDS
    threads = [threading.Thread(target=load, args=(server, seed, expected, until, outcomes, failures))
               for seed in range(6)]
    for thread in threads:
        thread.start()
    chance, kills = random.Random(), 0
    while time.monotonic() < until - 1:
        time.sleep(chance.uniform(0.05, 1.5))
        kill_worker(server)
        kills += 1
    for thread in threads:
        thread.join(60)
        assert not thread.is_alive(), "a request hangs"
    assert not failures, failures[0]
    assert kills >= 4 and outcomes.count("read") > 10 and outcomes.count("computed") >= 1, (kills, outcomes)

    assert wait_until(lambda: serves(server), timeout=20)
    killed = server.workers()
    kill_worker(server)
    assert wait_until(lambda: server.workers() not in ({}, killed) and serves(server), timeout=20)
    for prefix in range(len(PREFIXES)):
        for wanted in ("miss", "hit"):
            reply, data = ask(server, prefix, "crash-0")
            assert reply.headers["x-fulcrum-cache"].startswith(wanted), reply.headers["x-fulcrum-cache"]
            assert wanted == "hit" or reply.headers["x-fulcrum-cache"].endswith("reason=first-use")
            check(reply, data, *expected[prefix], outcomes)
    assert server.stop() == 0

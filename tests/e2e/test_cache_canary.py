"""No tenant ever sees another's cached prefix: not in text, not in counts, not in a reason, not in time."""

import http.client
import json
import statistics
import threading
import time
import uuid

import pytest

from conftest import start

PATH = "/model/tiny/converse"
SECONDS = 22  # of interleaved requests, at most, unless somebody has made fewer than the least
REQUESTS = 3000
LEAST = 10  # of each tenant: every prefix is written and read
TENANTS = 8
OPENING = "All staff of the help desk read this before they answer anybody. " * 12
ENDING = " Be brief, be kind, and say so when you do not know." * 8


@pytest.fixture(scope="module")
def cached(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("canary"), random_model, deterministic=False,
                   extra="cache: {min_tokens: 64, memory: 512MiB}\n")
    yield server
    assert server.stop() == 0


class Tenant:
    """Somebody with a bearer token of his own, one connection, one request at a time."""

    def __init__(self, server, name):
        self.name = name
        self.marker = uuid.uuid4().hex
        self.written = {}
        self.connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)

    def ask(self, system, question, is_marked=True):
        content = [{"text": system}] + ([{"cachePoint": {"type": "default"}}] if is_marked else [])
        body = json.dumps({"system": content, "messages": [{"role": "user", "content": [{"text": question}]}],
                           "inferenceConfig": {"maxTokens": 2, "temperature": 0}})
        began = time.monotonic()
        self.connection.request("POST", PATH, body, {"Content-Type": "application/json",
                                                     "Authorization": f"Bearer {self.name}"})
        reply = self.connection.getresponse()
        data = reply.read()
        took = time.monotonic() - began
        assert reply.status == 200, data
        return Answer(reply, data, took)


class Answer:
    def __init__(self, reply, data, took):
        usage = json.loads(data)["usage"]
        self.took = took
        self.all = str(reply.getheaders()) + data.decode()
        self.header = reply.headers["x-fulcrum-cache"]
        self.read, self.write = usage["cacheReadInputTokens"], usage["cacheWriteInputTokens"]
        self.input = usage["inputTokens"]


def prefix(marker, variant):
    """Long, and alike for all tenants but for a few words in the middle; variant 0 is the same for everybody."""
    return OPENING + ("" if variant == 0 else f"Desk {marker}, version {variant}.") + ENDING


def one_request(tenant, markers, number):
    variant = number * 7 % 5
    answer = tenant.ask(prefix(tenant.marker, variant), f"Question {number}?")
    for marker in markers:
        assert marker not in answer.all
    if number == 0:  # nobody of this name was here before, whatever others have sent
        assert answer.header.endswith("reason=first-use"), answer.header
    if variant not in tenant.written:
        assert answer.read == 0 and answer.write > 64, (tenant.name, variant, answer.header)
        tenant.written[variant] = answer.write
    assert answer.read + answer.write == tenant.written[variant], (tenant.name, variant, answer.header)
    assert answer.write == 0 or number < 5, "what was written once is read from then on"


def test_interleaved_tenants_see_only_their_own(cached):
    tenants = [Tenant(cached, f"canary-{uuid.uuid4().hex}") for _ in range(TENANTS)]
    deadline = time.monotonic() + SECONDS
    done, failures = [0] * TENANTS, []

    def run(index):
        markers = [other.marker for other in tenants if other is not tenants[index]]
        try:
            while done[index] < LEAST or (done[index] < REQUESTS // TENANTS and time.monotonic() < deadline):
                one_request(tenants[index], markers, done[index])
                done[index] += 1
        except Exception as error:  # shown by the test's own thread
            failures.append(error)

    threads = [threading.Thread(target=run, args=(index,)) for index in range(TENANTS)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(SECONDS + 200)
        assert not thread.is_alive()
    assert not failures, failures[0]
    assert min(done) >= LEAST, done


@pytest.mark.parametrize("is_marked", [True, False])
def test_first_request_is_a_first_use_whatever_others_have(cached, is_marked):
    text = prefix(uuid.uuid4().hex, 1)
    for number in range(12):
        tenant = Tenant(cached, f"first-{uuid.uuid4().hex}")
        first, second = (tenant.ask(text, "Same question?", is_marked) for _ in range(2))
        assert first.header.startswith("miss; read=0") and first.header.endswith("reason=first-use"), number
        assert second.read > 64 and second.write == 0


def test_a_prefix_that_another_has_warm_is_not_faster(cached):
    """Fresh tenants, with a prefix that another has just used and with one that nobody has, in turns."""
    warm, cold, own = [], [], []
    owner = Tenant(cached, f"owner-{uuid.uuid4().hex}")
    for turn in range(24):
        shared, alone = (prefix(uuid.uuid4().hex, 1) + ENDING * 2 for _ in range(2))
        owner.ask(shared, "Warm?")
        own.append(owner.ask(shared, "Warm?").took)
        cases = [(shared, warm), (alone, cold)]
        for text, times in cases if turn % 2 else reversed(cases):
            stranger = Tenant(cached, f"stranger-{uuid.uuid4().hex}")
            stranger.ask("Hi.", "Connected?", is_marked=False)
            answer = stranger.ask(text, "Warm?")
            assert answer.read == 0
            times.append(answer.took)
    warm_s, cold_s, own_s = (statistics.median(times) for times in (warm, cold, own))
    assert own_s < 0.6 * cold_s, "else this would not notice a shared prefix"
    assert warm_s > (cold_s + own_s) / 2, (warm_s, cold_s, own_s)

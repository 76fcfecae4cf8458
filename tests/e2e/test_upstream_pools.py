"""Pools: several servers of one model. A conversation stays where its prompt is warm; what one replica can't do another
does; each has a health of its own."""

import concurrent.futures
import contextlib
import http.client
import json
import os
import subprocess

import pytest

from conftest import FULCRUM, Server, metrics, ready, wait_until
from fake_provider import FakeProvider
from upstream_fixture import COST, PRICE, ask, line_of, lines, post, refused, streamed, text_of

CONFIG = """\
models: []
upstreams:
  - name: pool
    kind: openai
    replicas: [{urls}]
    {more}
    models: [{{name: m, upstream_model: real, price: {price}}}, {{name: n, price: {price}}}]
"""


class Pool:
    """Four fake providers, and a server before them."""

    def __init__(self, path, providers, more=""):
        self.providers = providers
        urls = ", ".join(f"'{provider.url}/v1'" for provider in providers)
        self.server = Server(config=CONFIG.format(urls=urls, price=PRICE, more=more), workdir=path)
        self.bedrock = self.server.client()

    def counts(self):
        return [len(provider.requests) for provider in self.providers]

    def who(self, before):
        """The replica that had the one request since `before`."""
        rose = [i for i, (old, new) in enumerate(zip(before, self.counts())) if new > old]
        assert len(rose) == 1 and sum(self.counts()) == sum(before) + 1
        return rose[0]

    def ask(self, text="hello", session=None, model="m"):
        before = self.counts()
        more = {"requestMetadata": {"session": session}} if session else {}
        reply = self.bedrock.converse(**ask(model, text, **more))
        assert text_of(reply) == "From the provider."
        who = self.who(before)
        assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-replica"] == str(who + 1)
        return who

    def name(self, i):
        return f"127.0.0.1:{self.providers[i].port}/v1"

    def metric(self, name, i, **labels):
        more = "".join(f',{key}="{value}"' for key, value in labels.items())
        return metrics(self.server)[f'{name}{{upstream="pool",replica="{self.name(i)}"{more}}}']


@contextlib.contextmanager
def pool_of(path, count=4, more=""):
    with contextlib.ExitStack() as stack:
        pool = Pool(path, [stack.enter_context(FakeProvider()) for _ in range(count)], more)
        stack.callback(pool.server.stop)
        yield pool
        assert pool.server.stop() == 0


@pytest.fixture
def pool(tmp_path):
    with pool_of(tmp_path) as made:
        yield made


# --- affinity ----------------------------------------------------------------------------------------------


def test_a_session_stays_on_its_replica(pool):
    where = {f"s{i}": pool.ask("hello", f"s{i}") for i in range(24)}
    assert set(where.values()) == {0, 1, 2, 3}
    for session, replica in where.items():
        assert pool.ask("something else", session) == replica
    assert sum(metrics(pool.server)[f'fulcrum_upstream_placed_total{{upstream="pool",why="{why}"}}']
               for why in ("key", "known", "spilled", "moved")) == 48
    answered = [line["replica"] for line in lines(pool.server)]
    assert sorted(answered) == sorted(pool.name(i) for i, count in enumerate(pool.counts()) for _ in range(count))


def test_the_replica_that_answered_is_named(pool):
    """After one has failed the other; of streams, embeddings and what no pool is behind, too."""
    gone = pool.ask("hello", "s")
    pool.providers[gone].default = {"status": 503}
    before = pool.counts()
    reply = pool.bedrock.converse_stream(**ask("m", "hello", requestMetadata={"session": "s"}))
    assert streamed(reply)[0] == "From the provider."
    where, = [i for i, (old, new) in enumerate(zip(before, pool.counts())) if new > old and i != gone]
    assert reply["ResponseMetadata"]["HTTPHeaders"]["x-fulcrum-replica"] == str(where + 1)
    assert lines(pool.server)[-1]["replica"] == pool.name(where)
    pool.providers[gone].default = {}
    before = pool.counts()
    answer, _ = post(pool.server, "/v1/embeddings", {"model": "m", "input": "hello"})
    where = pool.who(before)
    assert answer.status == 200 and answer.getheader("x-fulcrum-replica") == str(where + 1)
    assert lines(pool.server)[-1]["replica"] == pool.name(where)


def test_sessions_as_clients_name_them(pool):
    """By a header or by the body, whatever else is asked: the same name, the same replica."""
    body = {"model": "m", "messages": [{"role": "user", "content": "hello"}]}

    def where(headers, **more):
        before = pool.counts()
        reply, _ = post(pool.server, "/v1/chat/completions",
                        {**body, "messages": [{"role": "user", "content": os.urandom(9).hex()}], **more}, **headers)
        assert reply.status == 200
        return pool.who(before)

    for session in ("a", "b", "c"):
        first = where({"x-session-id": session})
        for headers, more in (({"x-claude-code-session-id": session}, {}), ({"session_id": session}, {}),
                              ({"x-session-affinity": session}, {}), ({}, {"session_id": session}),
                              ({}, {"prompt_cache_key": session}), ({"x-session-id": "z"}, {"session_id": session})):
            assert where(headers, **more) == first


def test_a_conversation_without_a_name_stays_too(pool):
    """By what its prompt begins with, in whatever API its turns are sent."""
    for i in range(8):
        turns = [{"role": "user", "content": f"Question {i}. " * 100},
                 {"role": "assistant", "content": "From the provider."}, {"role": "user", "content": "And?"}]
        before = pool.counts()
        post(pool.server, "/v1/chat/completions", {"model": "m", "messages": turns[:1]})
        where = pool.who(before)
        before = pool.counts()
        post(pool.server, "/v1/messages", {"model": "m", "max_tokens": 9, "messages": turns},
             **{"anthropic-version": "2023-06-01"})
        assert pool.who(before) == where


def test_tenants_are_apart(pool):
    """The same prompt of another tenant is another key: what one has cached the other can't find out."""
    others = [pool.server.client(key=f"AKID{i}") for i in range(12)]
    where = set()
    for client in others:
        before = pool.counts()
        client.converse(**ask("m", "hello " * 400))
        where.add(pool.who(before))
    assert len(where) > 1


def test_load_is_bounded(pool):
    """One key alone can't keep a replica busy while others have nothing to do: they take what is over its share."""
    for provider in pool.providers:
        provider.default = {"slow": 0.2}
    with concurrent.futures.ThreadPoolExecutor(40) as threads:
        client = pool.server.client()
        asked = [threads.submit(client.converse, **ask("m", "hello", requestMetadata={"session": "the-same"}))
                 for _ in range(40)]
        assert all(text_of(one.result()) == "From the provider." for one in asked)
    assert min(pool.counts()) > 0 and max(pool.counts()) <= 20


# --- hedging -----------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def hedged(tmp_path_factory):
    with pool_of(tmp_path_factory.mktemp("hedged"), more="server: llama-server\n    hedge_after: 1s") as made:
        yield made


@pytest.fixture
def slow(hedged):
    """The replica of a session, which is told to be slow; and the session."""
    for provider in hedged.providers:
        provider.plan()
        provider.default = {}
    session = os.urandom(6).hex()
    return hedged.ask("hello", session), {"requestMetadata": {"session": session}}


def moved(hedged, before, first):
    after = hedged.counts()
    assert after[first] == before[first] + 1 and sum(after) == sum(before) + 2


@pytest.mark.parametrize("stream", [False, True])
@pytest.mark.parametrize("slowly", [{"hang": "head"}, {"hang": "body", "cut": 0}, {"hang": "body", "cut": 60}])
def test_another_is_asked_where_one_is_slow(hedged, slow, slowly, stream):
    """Who shows a word first has the call; the other is ended, and only one is paid."""
    first, more = slow
    before, made = hedged.counts(), len(lines(hedged.server))
    hedged.providers[first].plan(slowly)
    before[first] = 0
    if stream:
        reply = hedged.bedrock.converse_stream(**ask("m", "hello", **more))
        assert streamed(reply)[0] == "From the provider."
    else:
        reply = hedged.bedrock.converse(**ask("m", "hello", **more))
        assert text_of(reply) == "From the provider."
    moved(hedged, before, first)
    line = line_of(hedged.server, reply)
    assert line["costPicodollars"] == COST and line["attempts"] == 2 and len(lines(hedged.server)) == made + 1
    assert wait_until(lambda: hedged.metric("fulcrum_upstream_running", first) == 0)
    assert hedged.metric("fulcrum_upstream_cancelled_total", first) >= 1


def test_nobody_else_is_asked_once_a_word_is_there(hedged, slow):
    first, more = slow
    hedged.providers[first].plan({"slow": 0.5})
    before = hedged.counts()
    assert streamed(hedged.bedrock.converse_stream(**ask("m", "hello", **more)))[0] == "From the provider."
    assert hedged.who([0 if i == first else count for i, count in enumerate(before)]) == first


def test_the_slow_one_may_still_win(hedged, slow):
    """What was asked second fails: the first goes on."""
    first, more = slow
    for i, provider in enumerate(hedged.providers):
        provider.plan()
        provider.default = {"slow": 1, "text": ["", "late"]} if i == first else {"status": 400}
    reply = hedged.bedrock.converse(**ask("m", "hello", **more))
    assert sum(hedged.counts()) == 2
    assert text_of(reply) == "late" and line_of(hedged.server, reply)["costPicodollars"] == COST


def test_both_fail(hedged, slow):
    first, more = slow
    for i, provider in enumerate(hedged.providers):
        provider.plan()
        provider.default = {"slow": 2, "error": "invalid_request_error"} if i == first else {"status": 400}
    assert refused(hedged.bedrock.converse, **ask("m", "hello", **more))["Error"]["Code"] == "ValidationException"
    assert sum(hedged.counts()) == 2
    assert wait_until(lambda: sum(hedged.metric("fulcrum_upstream_running", i) for i in range(4)) == 0)


def test_a_client_that_leaves_ends_both(hedged, slow):
    first, _ = slow
    for provider in hedged.providers:
        provider.plan()
        provider.default = {"hang": "head"}
    connection = http.client.HTTPConnection("127.0.0.1", hedged.server.port, timeout=60)
    connection.request("POST", "/v1/chat/completions", json.dumps(
        {"model": "m", "messages": [{"role": "user", "content": "hello"}]}), {"content-type": "application/json"})
    assert wait_until(lambda: sum(hedged.counts()) == 2)
    connection.close()
    assert wait_until(lambda: sum(hedged.metric("fulcrum_upstream_running", i) for i in range(4)) == 0)


# --- vLLM --------------------------------------------------------------------------------------------------


def test_what_vllm_gets_besides(tmp_path):
    """A salt for each tenant's cache, and a priority; not those that a client says."""
    with pool_of(tmp_path, 2, "server: vllm\n    tiers: [flex, priority]") as pool:
        body = {"model": "m", "messages": [{"role": "user", "content": "hello"}], "cache_salt": "mine", "priority": -99}
        for more in ({}, {"service_tier": "flex"}, {"service_tier": "priority"}):
            post(pool.server, "/v1/chat/completions", {**body, **more, "session_id": "s"})
        pool.bedrock.converse(**ask("m", "hello", requestMetadata={"session": "s"}))
        asked = sorted((request for provider in pool.providers for request in provider.requests),
                       key=lambda request: request.body.get("priority", 0))
        assert [request.body.get("priority") for request in asked] == [-10, None, None, 10]
        salts = {request.body["cache_salt"] for request in asked}
        assert len(salts) == 2 and all(len(salt) == 64 for salt in salts)


# --- what replicas say of themselves -----------------------------------------------------------------------

SAYS = {"vllm": """\
# HELP vllm:num_requests_running Number of requests in model execution batches.
vllm:num_requests_running{{engine="0",model_name="a}}b"}} {running}
vllm:num_requests_waiting{{engine="0",model_name="a}}b"}} {waiting}
vllm:num_requests_waiting_by_reason{{engine="0",reason="capacity"}} 400
vllm:kv_cache_usage_perc{{engine="0",model_name="a}}b"}} {kv}
""", "sglang": """\
sglang:num_running_reqs{{model_name="m"}} {running}
sglang:num_queue_reqs{{model_name="m"}} {waiting}
sglang:token_usage{{model_name="m"}} {kv}
""", "llama-server": "llamacpp:requests_processing {running}\nllamacpp:requests_deferred {waiting}\n"}


@pytest.mark.parametrize("server", SAYS)
def test_who_says_that_he_is_full_is_passed_over(tmp_path, server):
    with pool_of(tmp_path, more=f"server: {server}") as pool:
        first = pool.ask("hello", "s")
        for i, provider in enumerate(pool.providers):
            provider.metrics = SAYS[server].format(running=1, waiting=9 if i == first else 0, kv=0.5)
        assert wait_until(lambda: pool.ask("hello", "s") != first)
        says = pool.metric("fulcrum_upstream_replica_says", first, what="waiting")
        assert says == 9
        for provider in pool.providers:
            provider.metrics = SAYS[server].format(running=1, waiting=0, kv=0.5)
        assert wait_until(lambda: pool.metric("fulcrum_upstream_replica_says", first, what="waiting") == 0)
        pool.providers[first].metrics = SAYS[server].format(running=1, waiting=0, kv=0.99)
        if server != "llama-server":  # which says nothing of it
            assert wait_until(lambda: pool.ask("hello", "t0") is not None and
                              pool.metric("fulcrum_upstream_replica_says", first, what="kv_permille") == 990)
            assert first not in {pool.ask("hello", f"u{i}") for i in range(12)}


def test_metrics_that_are_not_there_harm_nobody(tmp_path):
    with pool_of(tmp_path, more="server: vllm") as pool:
        first = pool.ask("hello", "s")
        assert wait_until(lambda: pool.server.log().count("upstream_metrics") == 4)
        assert pool.ask("hello", "s") == first
        for provider in pool.providers:
            provider.metrics = "vllm:num_requests_running x\n\x00{{{\n" * 1000
        assert pool.ask("hello", "s") == first


# --- replicas that fail ------------------------------------------------------------------------------------


def test_a_replica_that_dies_before_the_first_word(pool):
    """Its request goes to another at once, and is paid once; streams too."""
    first = pool.ask("hello", "s")
    for failure in ({"cut": 0}, {"status": 500}, {"error": "server_error"}, {"status": 401}):
        pool.providers[first].plan(failure)
        before = pool.counts()
        reply = pool.bedrock.converse_stream(**ask("m", "hello", requestMetadata={"session": "s"}))
        assert streamed(reply)[0] == "From the provider."
        after = pool.counts()
        assert after[first] == before[first] + 1 and sum(after) == sum(before) + 2
        line = line_of(pool.server, reply)
        assert line["attempts"] == 2 and line["costPicodollars"] == COST


def test_a_replica_that_is_gone(pool):
    where = {f"s{i}": pool.ask("hello", f"s{i}") for i in range(16)}
    gone = where["s0"]
    pool.providers[gone].close()
    for session, replica in where.items():
        before = pool.counts()
        reply = pool.bedrock.converse(**ask("m", "hello", requestMetadata={"session": session}))
        assert text_of(reply) == "From the provider."
        took = pool.who(before)
        assert took != gone and replica in (gone, took)
    assert pool.metric("fulcrum_upstream_failures_total", gone, cause="unreached") >= 1


def test_429_cools_one_replica_alone(pool):
    first = pool.ask("hello", "s")
    pool.providers[first].plan({"status": 429, "headers": {"retry-after": "30"}})
    reply = pool.bedrock.converse(**ask("m", "hello", requestMetadata={"session": "s"}))
    assert text_of(reply) == "From the provider."
    assert len(pool.providers[first].requests) == 1
    others = {pool.ask("hello", f"t{i}") for i in range(40)}
    assert first not in others and len(others) == 3
    status, said = ready(pool.server)
    assert status == 200 and f"upstream pool: replica {pool.name(first)} is left alone" in said
    assert pool.metric("fulcrum_upstream_failures_total", first, cause="throttled") == 1


def test_all_throttled_is_throttled(pool):
    """With the shortest of their times."""
    for i, provider in enumerate(pool.providers):
        provider.default = {"status": 429, "headers": {"retry-after": str(20 + 5 * i)}}
    for _ in range(2):
        failure = refused(pool.bedrock.converse, **ask("m"))
        assert failure["Error"]["Code"] == "ThrottlingException"
    assert sum(pool.counts()) == 4
    failure = refused(pool.bedrock.converse, **ask("m"))
    assert sum(pool.counts()) == 4
    assert 17 <= int(failure["ResponseMetadata"]["HTTPHeaders"]["retry-after"]) <= 20


def test_the_requests_own_fault_goes_nowhere_else(pool):
    first = pool.ask("hello", "s")
    pool.providers[first].plan({"status": 400, "body": {"error": {"message": "too long"}}})
    failure = refused(pool.bedrock.converse, **ask("m", "hello", requestMetadata={"session": "s"}))
    assert failure["Error"]["Message"] == "too long" and sum(pool.counts()) == 1


def test_the_circuit_of_a_replica(tmp_path):
    with pool_of(tmp_path, more="retries: 1") as pool:
        first = pool.ask("hello", "s")
        pool.providers[first].default = {"status": 500}
        assert wait_until(lambda: broken(pool, first))
        assert pool.ask("hello", "s") != first
        pool.providers[first].default = {}
        assert wait_until(lambda: pool.bedrock.converse(**ask("m", "x", requestMetadata={"session": os.urandom(4).hex()}))
                          and pool.metric("fulcrum_upstream_circuit", first) == 0)


def broken(pool, replica):
    pool.bedrock.converse(**ask("m", "hello", requestMetadata={"session": os.urandom(4).hex()}))
    return pool.metric("fulcrum_upstream_circuit", replica) == 1


def test_a_hanging_replica(tmp_path):
    with pool_of(tmp_path, more="first_byte_timeout: 500") as pool:
        first = pool.ask("hello", "s")
        pool.providers[first].plan({"hang": "head"})
        reply = pool.bedrock.converse(**ask("m", "hello", requestMetadata={"session": "s"}))
        assert text_of(reply) == "From the provider." and line_of(pool.server, reply)["attempts"] == 2


# --- the configuration -------------------------------------------------------------------------------------


@pytest.mark.parametrize("text, expected", [
    ("url: 'http://a/v1', replicas: ['http://b/v1']", "expected url or replicas, got both"),
    ("replicas: ['http://a/v1', 'http://a/v1']", "upstreams[0].replicas: 'http://a/v1' stands there twice"),
    ("replicas: ['http://a/v1', 'ftp://b']", "upstreams[0].replicas[1]"),
    ("replicas: ['http://a/v1', 'http://b/v1'], load_bound: 0.5", "upstreams[0].load_bound: expected a number from 1"),
    ("server: ollama", "upstreams[0].server"), ("provider: nobody", "upstreams[0].provider"),
    ("provider: groq, url: 'http://a/v1'", "expected provider, url or replicas, got two of them"),
    ("replicas: ['http://a/v1', 'http://b/v1'], hedge_after: 1s", "hedge_after is for several replicas of a local")])
def test_what_is_wrong_is_said(tmp_path, text, expected):
    path = tmp_path / "fulcrum.yaml"
    path.write_text(f"models: []\nupstreams:\n  - {{name: a, kind: openai, {text}, models: [{{name: m}}]}}\n")
    done = subprocess.run([str(FULCRUM), "check-config", "--config", str(path)], text=True, capture_output=True,
                          check=False)
    assert done.returncode == 2 and expected in done.stdout + done.stderr


def test_probe_asks_each(tmp_path):
    with pool_of(tmp_path, 2) as pool:
        pool.providers[1].close()
        done = subprocess.run([str(FULCRUM), "check-config", "--probe", "--config", str(tmp_path / "fulcrum.yaml")],
                              text=True, capture_output=True, check=False)
        said = done.stdout + done.stderr
        assert done.returncode == 1
        assert f"upstream 'pool' at {pool.name(0)} answers and lists 1 model\n" in said
        assert f"upstream 'pool' at {pool.name(1)} can't be reached" in said

"""Batch jobs whose input and output lie on somebody else's S3 server, also where that server or the way there fails."""

import contextlib
import itertools
import select
import socket
import threading

import pytest

from batch_fixture import Store, converse, counts, jsonl, records, submit, wait_for
from conftest import start, wait_until
from remote_fixture import KEY, KINDS, SECRET, Remote, settings
from test_batch_crash import assert_each_record_once, many, processed

MIB = 1 << 20


@pytest.fixture(params=KINDS)
def remote(request, tmp_path, random_model):
    folder = tmp_path / "remote"
    folder.mkdir()
    server = Remote(request.param, folder, random_model)
    yield server
    server.stop()


@pytest.fixture
def strict_remote(remote):
    if not remote.checks_signatures:
        pytest.skip("moto checks no signatures")
    return remote


@pytest.fixture
def serve(tmp_path, random_model):
    running = []

    def begin(extra):
        server = start(tmp_path, random_model, deterministic=False, extra=extra)
        running.append(server)
        return server, server.client("bedrock")

    yield begin
    for server in running:
        assert server.stop() == 0


def waits_for(jobs, arn, word):
    def is_waiting():
        message = jobs.get_model_invocation_job(jobIdentifier=arn).get("message", "")
        return message.startswith("The job waits") and word in message
    return wait_until(is_waiting, 60)


def test_a_folder_there_and_back(remote, serve):
    server, jobs = serve(settings(remote.url))
    store = Store(remote, key=KEY)
    names = ["a.jsonl", "b + c & d.jsonl", "deep/über 100%.jsonl"]
    for i, name in enumerate(names):
        rows = [{"recordId": f"{i}-{k}", "modelInput": converse(f"File {i}, line {k}", 2 + k)} for k in range(5)]
        # more than is read in one piece; blank lines do not count
        store.put(f"in/{name}", jsonl(rows[:3]) + b"\n" * (5 * MIB if i == 0 else 1) + jsonl(rows[3:]))
    store.put("in/notes.txt", b"no records")
    arn = submit(jobs, store, source="in/")
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed", job
    assert counts(job) == (15, 15, 15, 0)
    for i, name in enumerate(names):
        output = store.output(arn, name)
        assert [row["recordId"] for row in output] == [f"{i}-{k}" for k in range(5)]
        assert [row["modelInput"] for row in output] == [converse(f"File {i}, line {k}", 2 + k) for k in range(5)]
        assert [row["modelOutput"]["usage"]["outputTokens"] for row in output] == [2 + k for k in range(5)]
    assert store.manifest(arn)["outputTokenCount"] == 3 * sum(range(2, 7))
    assert len(store.keys(f"out/{arn[-12:]}/")) == 4
    assert not (server.workdir / "data/objects/batch").exists()


def test_the_server_goes_away_and_comes_back(remote, serve):
    count = 300
    server, jobs = serve(settings(remote.url))
    store = Store(remote, key=KEY)
    arn = submit(jobs, store, many(count))
    assert wait_until(lambda: processed(jobs, arn) >= 20, 60)
    remote.stop()
    assert waits_for(jobs, arn, remote.url)
    assert processed(jobs, arn) == count
    later = submit(jobs, store, source="in.jsonl")
    assert waits_for(jobs, later, remote.url)
    if not remote.keeps_objects:
        jobs.stop_model_invocation_job(jobIdentifier=later)
    remote.start()
    if not remote.keeps_objects:
        assert waits_for(jobs, arn, "there is no bucket batch")
        store = Store(remote, key=KEY)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0) and "message" not in job
    if remote.keeps_objects:
        assert wait_for(jobs, later)["status"] == "Completed"
        assert [row["recordId"] for row in store.output(later, "in.jsonl")] == [f"record-{i}" for i in range(count)]
    else:
        assert wait_for(jobs, later)["status"] == "Stopped"
        assert_each_record_once(server, store, arn, count)


@pytest.mark.parametrize("wrong,advice", [
    ({"secret": "wrong"}, "check s3.secret in fulcrum.yaml"), ({"key": "AKIDNOBODY"}, "check s3.key in fulcrum.yaml"),
    ({"region": "eu-west-9"}, "check s3.region in fulcrum.yaml")], ids=["secret", "key", "region"])
def test_wrong_credentials_fail_the_job_and_say_what_to_do(strict_remote, serve, wrong, advice):
    if "region" in wrong and strict_remote.kind == "fulcrum":
        pytest.skip("our own server takes every region")
    _, jobs = serve(settings(strict_remote.url, **wrong))
    store = Store(strict_remote, key=KEY)
    job = wait_for(jobs, submit(jobs, store, records([converse("Hi", 1)])))
    assert job["status"] == "Failed"
    assert advice in job["message"] and strict_remote.url in job["message"] and SECRET not in job["message"]


def test_a_refused_output_waits_until_it_is_set_right(strict_remote, serve):
    """What was computed is kept; a job that is stopped meanwhile waits for nobody."""
    count = 300
    server, jobs = serve(settings(strict_remote.url))
    store = Store(strict_remote, key=KEY)
    kept = submit(jobs, store, many(count))
    stopped = submit(jobs, store, source="in.jsonl")
    assert wait_until(lambda: min(processed(jobs, kept), processed(jobs, stopped)) >= 5, 60)
    strict_remote.stop()
    strict_remote.start(secret="changed")
    for arn in (kept, stopped):
        assert waits_for(jobs, arn, "check s3.secret in fulcrum.yaml")
    jobs.stop_model_invocation_job(jobIdentifier=stopped)
    assert wait_for(jobs, stopped)["status"] == "Stopped"
    strict_remote.stop()
    strict_remote.start()
    assert wait_for(jobs, kept)["status"] == "Completed"
    assert [row["recordId"] for row in store.output(kept, "in.jsonl")] == [f"record-{i}" for i in range(count)]
    assert server.process.poll() is None


class BadLine:
    """Passes connections on to a port; each is cut after so many bytes, however far the reply is."""

    def __init__(self, port, lengths):
        self.port, self.lengths, self.cuts = port, itertools.cycle(lengths), 0
        self.listener = socket.create_server(("127.0.0.1", 0))
        self.url = f"http://127.0.0.1:{self.listener.getsockname()[1]}"
        threading.Thread(target=self.accept, daemon=True).start()

    def accept(self):
        while True:
            try:
                client, _ = self.listener.accept()
            except OSError:
                return
            threading.Thread(target=self.carry, args=(client, next(self.lengths)), daemon=True).start()

    def carry(self, client, left):
        with (contextlib.suppress(OSError), client,
              socket.create_connection(("127.0.0.1", self.port)) as server):
            while left > 0:
                for side in select.select([client, server], [], [])[0]:
                    data = side.recv(min(left, 65536))
                    if not data:
                        return
                    (server if side is client else client).sendall(data)
                    left -= len(data)
            self.cuts += 1


def test_connections_that_break(remote, serve):
    count = 40
    line = BadLine(remote.port, (300, 5 * MIB, 2000, 900_000, 20 * MIB, 1))
    server, jobs = serve(settings(line.url))
    store = Store(remote, key=KEY)
    store.put("in.jsonl", b"\n" * (9 * MIB) + jsonl(many(count)))
    arn = submit(jobs, store)
    job = wait_for(jobs, arn)
    assert job["status"] == "Completed" and counts(job) == (count, count, count, 0)
    assert_each_record_once(server, store, arn, count)
    assert line.cuts >= 4
    line.listener.close()


def test_a_server_that_never_answers_holds_nobody_up(serve):
    """The job waits in a request; the server that runs it stops all the same."""
    with socket.create_server(("127.0.0.1", 0)) as silent:
        server, jobs = serve(settings(f"http://127.0.0.1:{silent.getsockname()[1]}")
                             + "limits: {drain_timeout_ms: 500}\n")
        jobs.create_model_invocation_job(
            jobName="job", roleArn="arn:aws:iam::123456789012:role/batch", modelId="tiny",
            inputDataConfig={"s3InputDataConfig": {"s3Uri": "s3://batch/in.jsonl"}},
            outputDataConfig={"s3OutputDataConfig": {"s3Uri": "s3://batch/out/"}})
        connection, _ = silent.accept()
        with connection:
            assert connection.recv(4) == b"HEAD"
            assert server.stop() == 0

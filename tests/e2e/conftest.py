"""Fixtures: a server from $BUILD/fulcrum on a free port, and the real SDK clients against it."""

import hashlib
import http.client
import os
import pathlib
import re
import signal
import subprocess
import threading
import time

import boto3
import botocore.config
import pytest

from fake_provider import FakeProvider

ROOT = pathlib.Path(__file__).resolve().parents[2]
BUILD = ROOT / (os.environ.get("BUILD") or "build")  # an absolute path stays one
FULCRUM = BUILD / "fulcrum"
SHARED = ROOT.parent / "shared"


def python_of(variable):
    """Programs of a client that has packages of its own."""
    folder = os.environ.get(variable)
    if not folder:
        pytest.skip(f"skipped: {variable} is not set, tests/run does it where it can install the packages")
    return pathlib.Path(folder) / "bin"


def pytest_configure(config):
    config.addinivalue_line("markers", "alone: trains, or counts on the processors: nothing runs beside it")


class Server:
    """One `fulcrum serve` process; log() is its standard error so far."""

    def __init__(self, config=None, workdir=None, args=(), env=None, preexec_fn=None, program=FULCRUM):
        self.workdir = pathlib.Path(workdir)
        command = [str(program), "serve", "--listen", "127.0.0.1:0", "--data", str(self.workdir / "data")]
        if config is not None:
            path = self.workdir / "fulcrum.yaml"
            path.write_text(config)
            command += ["--config", str(path)]
        self.process = subprocess.Popen(
            command + list(args), cwd=self.workdir, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True,
            env={**os.environ, **(env or {})}, preexec_fn=preexec_fn)
        self._log = []
        self._reader = threading.Thread(target=self._read_log, daemon=True)
        self._reader.start()
        self.first_line = self.process.stdout.readline().rstrip("\n")
        if not self.first_line.startswith("listening on "):
            self.process.kill()
            self.process.wait()
            self._reader.join(5)
            raise RuntimeError(f"the server did not start: {self.first_line!r}\n{self.log()}")
        self.url = self.first_line.removeprefix("listening on ")
        self.port = int(self.url.rsplit(":", 1)[1])
        threading.Thread(target=self.process.stdout.read, daemon=True).start()

    def _read_log(self):
        for line in self.process.stderr:
            self._log.append(line)

    def log(self):
        return "".join(self._log)

    def workers(self):
        """PIDs of the engine workers, by the model's name."""
        out = subprocess.run(["ps", "-o", "pid=,args=", "--ppid", str(self.process.pid)], text=True,
                             capture_output=True, check=False).stdout
        found = {}
        for line in out.splitlines():
            pid, arguments = line.split(None, 1)
            if "worker" in arguments:
                found[arguments.split()[-1]] = int(pid)
        return found

    def stop(self, timeout=40):
        if self.process.poll() is None:
            self.process.send_signal(signal.SIGTERM)
        code = self.process.wait(timeout)
        self._reader.join(5)
        return code

    def client(self, service="bedrock-runtime", key="AKIDEXAMPLE", retries=0, **more):
        return boto3.client(
            service, region_name="us-east-1", endpoint_url=self.url, aws_access_key_id=key,
            aws_secret_access_key="secret",
            config=botocore.config.Config(retries={"max_attempts": retries, "mode": "standard"}, read_timeout=60),
            **more)


@pytest.fixture(scope="module")
def provider():
    """Of models, and as it is told: fake_provider.py."""
    with FakeProvider() as running:
        yield running


@pytest.fixture(scope="session")
def random_model(tmp_path_factory):
    """A tiny random-weight model: answers nonsense, but through every real part."""
    path = tmp_path_factory.mktemp("model") / "tiny.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "4096", "--seed", "7"], check=True)
    return path


@pytest.fixture(scope="session")
def slow_model(tmp_path_factory):
    """Some fifty times the tiny one: a long reply takes seconds, so that something can happen meanwhile."""
    path = tmp_path_factory.mktemp("model") / "slow.gguf"
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "4096", "--seed", "7", "--layers", "6",
                    "--width", "256", "--heads", "8", "--kv-heads", "4", "--ff", "1024"], check=True)
    return path


CONFIG = """\
deterministic: {deterministic}
models:
  - name: tiny
    path: {path}
    ids: [anthropic.claude-3-5-sonnet-20241022-v2:0, amazon.nova-pro-v1:0, meta.llama3-1-8b-instruct-v1:0]
    context: 2048
    parallel: 8
"""


def start(tmp_path, model, deterministic=True, extra="", **more):
    config = CONFIG.format(path=model, deterministic=str(deterministic).lower()) + extra
    return Server(config=config, workdir=tmp_path, **more)


@pytest.fixture(scope="session")
def server(tmp_path_factory, random_model):
    """The tiny model under three families' IDs, deterministic. Shared by all tests that don't break it."""
    running = start(tmp_path_factory.mktemp("server"), random_model)
    yield running
    assert running.stop() == 0


@pytest.fixture(scope="session")
def fast_server(tmp_path_factory, random_model):
    """The same with continuous batching."""
    running = start(tmp_path_factory.mktemp("fast"), random_model, deterministic=False)
    yield running
    assert running.stop() == 0


@pytest.fixture
def bedrock(server):
    return server.client()


@pytest.fixture
def control(server):
    return server.client("bedrock")


def wait_until(condition, timeout=60, step=0.02):
    """The timeout is a generous end, never what decides: beside other work everything may be ten times slower."""
    deadline = time.monotonic() + timeout
    while time.monotonic() < deadline:
        if condition():
            return True
        time.sleep(step)
    return False


OPERATOR_KEY = "fulcrum-test-operator"
# One more of `tenants:`, whose key ask_operator sends: /metrics is for administrators then.
OPERATOR = (f"  - {{name: operator, bearer: "
            f"[{{sha256: {hashlib.sha256(OPERATOR_KEY.encode()).hexdigest()}, role: admin}}]}}\n")


def ask_operator(server, path, **headers):
    """Status and text of what the server says about itself."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=30)
    connection.request("GET", path, headers={"Authorization": f"Bearer {OPERATOR_KEY}", **headers})
    reply = connection.getresponse()
    text = reply.read().decode()
    connection.close()
    return reply.status, text


def ready(server):
    """What /readyz says now."""
    return ask_operator(server, "/readyz")


def metrics(server):
    """What /metrics says now, by name and labels."""
    text = ask_operator(server, "/metrics")[1]
    return {name: float(value) for name, value in re.findall(r"^(fulcrum_\S+) (\S+)$", text, re.M)}

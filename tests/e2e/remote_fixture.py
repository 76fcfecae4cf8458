"""Somebody else's S3 server for tests: moto's, versitygw (which checks signatures), and our own."""

import os
import shutil
import socket
import subprocess
import sys

import boto3
import botocore.config
import pytest

from conftest import start, wait_until
from s3_fixture import TENANTS

KINDS = ("moto", "versitygw", "fulcrum")
KEY, SECRET = "AKIDSHOP", "shop-secret"


def free_port():
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


class Remote:
    """One server; what it keeps is there again after stop() and start(), except with moto."""

    def __init__(self, kind, folder, model):
        self.kind, self.folder, self.model = kind, folder, model
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self.checks_signatures = self.keeps_objects = kind != "moto"
        self.versitygw = shutil.which("versitygw") or os.environ.get("FULCRUM_VERSITYGW")
        self.process = self.running = None
        if kind == "versitygw" and not self.versitygw:
            pytest.skip("no versitygw: it is built where Go is installed")
        self.start()

    def start(self, secret=SECRET):
        if self.kind == "fulcrum":
            self.running = start(self.folder, self.model, extra=TENANTS.replace(SECRET, secret),
                                 args=("--listen", f"127.0.0.1:{self.port}"))
            return
        command = [sys.executable, "-c", "from moto.server import main; main()", "-H", "127.0.0.1", "-p",
                   str(self.port)]
        if self.kind == "versitygw":
            command = [self.versitygw, "--port", f"127.0.0.1:{self.port}", "posix", str(self.folder)]
        self.process = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL,
                                        env={**os.environ, "ROOT_ACCESS_KEY": KEY, "ROOT_SECRET_KEY": secret})
        assert wait_until(lambda: answers(self.port) or self.process.poll() is not None, timeout=60)
        assert self.process.poll() is None

    def stop(self):
        if self.running:
            assert self.running.stop() == 0
        if self.process:
            self.process.terminate()
            self.process.wait(20)
        self.process = self.running = None

    def client(self, service="s3", key=KEY):
        return boto3.client(service, region_name="us-east-1", endpoint_url=self.url, aws_access_key_id=key,
                            aws_secret_access_key=SECRET,
                            config=botocore.config.Config(s3={"addressing_style": "path"}))


def settings(url, key=KEY, secret=SECRET, region="us-east-1"):
    """What fulcrum.yaml says to use the server."""
    return f's3: {{endpoint: "{url}", region: {region}, key: {key}, secret: {secret}}}\n'

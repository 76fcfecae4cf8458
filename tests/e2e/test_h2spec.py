"""Conformance of HTTP/2 by h2spec, where that program can be had: in PATH, or named by FULCRUM_H2SPEC.

It is a Go program: `go install github.com/summerwind/h2spec/cmd/h2spec@latest`."""

import os
import re
import shutil
import subprocess

import pytest

from conftest import start

H2SPEC = os.environ.get("FULCRUM_H2SPEC") or shutil.which("h2spec")


def failures(port, *more):
    """(number of tests, the text of those that failed)."""
    out = subprocess.run([H2SPEC, "-h", "127.0.0.1", "-p", str(port), "-P", "/healthz", *more], text=True, timeout=300,
                         capture_output=True, check=False).stdout
    total = re.search(r"(\d+) tests, \d+ passed, \d+ skipped, (\d+) failed", out)
    assert total, out[-2000:]
    return int(total[1]), out[out.find("Failures:"):] if int(total[2]) else ""


@pytest.mark.skipif(not H2SPEC, reason="skipped: no h2spec in PATH nor in FULCRUM_H2SPEC")
def test_h2spec_finds_nothing(server):
    count, failed = failures(server.port)
    assert count > 100 and not failed, failed


@pytest.mark.skipif(not H2SPEC, reason="skipped: no h2spec in PATH nor in FULCRUM_H2SPEC")
def test_h2spec_finds_nothing_over_tls(tmp_path, random_model):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost",
                    "-keyout", tmp_path / "key.pem", "-out", tmp_path / "cert.pem"], check=True, capture_output=True)
    server = start(tmp_path, random_model, extra=f"tls: {{cert: {tmp_path}/cert.pem, key: {tmp_path}/key.pem}}\n")
    count, failed = failures(server.port, "-t", "-k")
    assert server.stop() == 0
    assert count > 100 and not failed, failed

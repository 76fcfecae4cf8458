"""Which requests are the monitoring service's, in which protocol they are answered, and damaged bodies."""

import pytest

from conftest import start
from monitoring_fixture import PROTOCOLS, client, code_of, form, raw
from test_tenants import TENANTS

@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_what_is_not_served_is_refused_in_its_protocol(server, protocol):
    code, status = code_of(client(server, protocol).put_metric_stream, Name="s", FirehoseArn="arn:aws:x:y:z:1:a",
                           RoleArn="arn:aws:iam::123456789012:role/r", OutputFormat="json")
    assert code == "InvalidAction" and status in (400, 404)


@pytest.mark.parametrize("protocol", PROTOCOLS)
def test_with_tenants_credentials_are_checked(tmp_path, random_model, protocol):
    server = start(tmp_path, random_model, extra=TENANTS)
    for key, secret, code in (("AKIDSHOP", "wrong", "SignatureDoesNotMatch"),
                              ("AKIDNOBODY", "x", "InvalidClientTokenId")):
        assert code_of(client(server, protocol, key, secret).list_metrics) == (code, 403)
    assert server.stop() == 0


def test_others_keep_their_paths(server):
    """The first page, S3 buckets and the token service are not taken away."""
    assert raw(server, "GET", "/")[0] == 404
    assert raw(server, "POST", "/", b"Version=1")[0] == 404
    assert form(server, {"Action": "GetCallerIdentity", "Version": "2011-06-15"})[0] == 200

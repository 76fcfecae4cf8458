"""Who gets into the console: logins, roles, sessions on every API, what strangers' pages may not do, the page's files."""

import gzip
import hashlib
import http.client
import json
import re
import signal
import ssl
import subprocess

import pytest

from conftest import OPERATOR, OPERATOR_KEY, start, wait_until

KEY, ADMIN_KEY, SECRET = "fulcrum-test-token", "fulcrum-test-admin", "sh0p:secret+key"
TENANTS = f"""\
tenants:
  - name: shop
    keys: [{{id: AKIDSHOP, secret: "{SECRET}"}}]
    bearer:
      - {hashlib.sha256(KEY.encode()).hexdigest()}
      - {{sha256: {hashlib.sha256(ADMIN_KEY.encode()).hexdigest()}, role: admin}}
  - name: lab
    bearer: [{"0" * 64}]
    account: "123456789012"
{OPERATOR}"""
CSP = ("default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; "
       "form-action 'self'; base-uri 'none'; frame-ancestors 'none'")
CONVERSE = {"messages": [{"role": "user", "content": [{"text": "Hello."}]}], "inferenceConfig": {"maxTokens": 2}}


@pytest.fixture(scope="module")
def guarded(tmp_path_factory, random_model):
    server = start(tmp_path_factory.mktemp("console"), random_model, extra=TENANTS)
    yield server
    assert server.stop() == 0


def ask(server, method, path, body=None, **headers):
    """The reply, whose `text` is its body; headers' names with _ for -."""
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    if isinstance(body, (dict, list)):
        body = json.dumps(body)
        headers.setdefault("content_type", "application/json")
    connection.request(method, path, body, {name.replace("_", "-"): value for name, value in headers.items()})
    reply = connection.getresponse()
    reply.text = reply.read()
    connection.close()
    return reply


def error_of(reply):
    error = json.loads(reply.text)["error"]
    return reply.status, error["type"]


class Login:
    """A browser that has logged in: its cookie, and the token that its page has read."""

    def __init__(self, server, key):
        self.server = server
        self.reply = ask(server, "POST", "/fulcrum/session", {"key": key})
        assert self.reply.status == 200, self.reply.text
        self.cookie = self.reply.headers["set-cookie"].split(";")[0]
        self.said = json.loads(self.reply.text)

    def ask(self, method, path, body=None, **headers):
        headers = {"cookie": self.cookie, "x_fulcrum_token": self.said["token"], **headers}
        return ask(self.server, method, path, body, **{name: value for name, value in headers.items() if value})


def test_without_tenants_nobody_logs_in(server):
    said = json.loads(ask(server, "GET", "/fulcrum/session").text)
    assert said["login"] is False and said["role"] == "admin" and said["tenant"] == "default"
    assert re.fullmatch("[0-9a-f]{64}", said["token"]) and said["version"] and said["tenants"] == []
    assert error_of(ask(server, "POST", "/fulcrum/session", {"key": "x"})) == (400, "ValidationException")
    assert ask(server, "GET", "/console/login?link=x").headers["location"] == "/console"
    assert "console: " not in server.log()


def test_a_login_by_key(guarded):
    reply = ask(guarded, "GET", "/fulcrum/session")
    assert error_of(reply) == (401, "MissingAuthenticationTokenException")
    assert reply.headers["www-authenticate"] == "Bearer"
    login = Login(guarded, KEY)
    flags = login.reply.headers["set-cookie"].split("; ")[1:]
    assert flags == ["Path=/", "HttpOnly", "SameSite=Strict", "Max-Age=604800"]
    assert login.reply.headers["cache-control"] == "no-store"
    assert {name: login.said[name] for name in ("login", "tenant", "role")} == {
        "login": True, "tenant": "shop", "role": "viewer"}
    assert "tenants" not in login.said
    assert json.loads(login.ask("GET", "/fulcrum/session").text) == login.said
    assert json.loads(login.ask("GET", "/fulcrum/session", x_fulcrum_token=None).text) == login.said
    assert Login(guarded, f"AKIDSHOP:{SECRET}").said["tenant"] == "shop"  # an access key does as well
    assert Login(guarded, ADMIN_KEY).said["tenants"] == ["shop", "lab", "operator"]
    assert KEY not in guarded.log() and login.said["token"] not in guarded.log()


def test_a_session_ends(guarded):
    login = Login(guarded, KEY)
    assert error_of(login.ask("DELETE", "/fulcrum/session", x_fulcrum_token=None)) == (403, "AccessDeniedException")
    reply = login.ask("DELETE", "/fulcrum/session")
    assert reply.status == 200 and "Max-Age=0" in reply.headers["set-cookie"]
    assert error_of(login.ask("GET", "/fulcrum/session"))[0] == 401
    reply = login.ask("POST", "/model/tiny/converse", CONVERSE)
    assert reply.status == 403 and reply.headers["x-amzn-errortype"] == "MissingAuthenticationTokenException"


def test_wrong_keys_are_refused_and_counted(tmp_path, random_model):
    own = start(tmp_path, random_model, extra=TENANTS + "limits: {login_failures: 3}\n")
    for body in ({}, {"key": 3}, [], {"key": None}):
        assert error_of(ask(own, "POST", "/fulcrum/session", body)) == (400, "ValidationException")
    assert error_of(ask(own, "POST", "/fulcrum/session", "no JSON")) == (400, "ValidationException")
    for key in ("", "wrong", "AKIDSHOP:wrong"):
        assert error_of(ask(own, "POST", "/fulcrum/session", {"key": key})) == (403, "AccessDeniedException")
    reply = ask(own, "POST", "/fulcrum/session", {"key": KEY})
    assert error_of(reply) == (429, "ThrottlingException") and 1 <= int(reply.headers["retry-after"]) <= 61
    assert ask(own, "GET", "/fulcrum/session", authorization=f"Bearer {KEY}").status == 200  # others go on
    assert own.stop() == 0


def links(server):
    return re.findall(r"^console: (http://127\.0\.0\.1:\d+)(/console/login\?link=[0-9a-f]{64})$", server.log(), re.M)


def test_the_link_lets_in_once(tmp_path, random_model):
    own = start(tmp_path, random_model, extra=TENANTS)
    assert wait_until(lambda: len(links(own)) == 1)
    url, path = links(own)[0]
    assert url == own.url
    assert ask(own, "HEAD", path).status == 200  # a preview does not use it up
    assert ask(own, "GET", path[:-1] + "g").status == 403
    reply = ask(own, "GET", path)
    assert reply.status == 303 and reply.headers["location"] == "/console"
    assert reply.headers["referrer-policy"] == "no-referrer" and reply.headers["cache-control"] == "no-store"
    cookie = reply.headers["set-cookie"].split(";")[0]
    said = json.loads(ask(own, "GET", "/fulcrum/session", cookie=cookie).text)
    assert (said["tenant"], said["role"], said["tenants"]) == (None, "admin", ["shop", "lab", "operator"])
    again = ask(own, "GET", path)
    assert again.status == 403 and "set-cookie" not in again.headers
    own.process.send_signal(signal.SIGUSR1)
    assert wait_until(lambda: len(links(own)) == 2)
    assert ask(own, "GET", links(own)[1][1]).status == 303

    # Of no tenant, it acts for the one that it names.
    token = said["token"]
    headers = {"cookie": cookie, "x_fulcrum_token": token}
    assert ask(own, "POST", "/model/tiny/converse", CONVERSE, **headers).status == 403
    assert ask(own, "POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="lab", **headers).status == 200
    assert wait_until(lambda: "tenant=lab" in own.log())
    assert own.stop() == 0


def test_the_link_in_a_log_of_json(tmp_path, random_model):
    own = start(tmp_path, random_model, extra=TENANTS, args=["--log", "json"])
    assert wait_until(lambda: "/console/login?link=" in own.log())
    lines = [json.loads(line) for line in own.log().splitlines()]
    assert [line for line in lines if "/console/login?link=" in line.get("url", "")]
    assert own.stop() == 0


def test_viewers_see_their_own_tenant(guarded):
    viewer, admin = Login(guarded, KEY), Login(guarded, ADMIN_KEY)
    assert viewer.ask("GET", "/fulcrum/session?tenant=shop").status == 200
    assert error_of(viewer.ask("GET", "/fulcrum/session?tenant=lab")) == (404, "ResourceNotFoundException")
    assert admin.ask("GET", "/fulcrum/session?tenant=lab").status == 200
    assert error_of(admin.ask("GET", "/fulcrum/session?limit=3")) == (400, "ValidationException")
    assert viewer.ask("POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="lab").status == 403
    assert viewer.ask("POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="shop").status == 200
    assert admin.ask("POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="nobody").status == 403
    bearer = {"authorization": f"Bearer {ADMIN_KEY}"}
    assert ask(guarded, "POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="lab", **bearer).status == 403


def test_metrics_are_for_administrators(guarded, server):
    assert error_of(ask(guarded, "GET", "/metrics"))[0] == 401
    assert error_of(ask(guarded, "GET", "/metrics", authorization=f"Bearer {KEY}")) == (403, "AccessDeniedException")
    assert b"fulcrum_" in ask(guarded, "GET", "/metrics", authorization=f"Bearer {OPERATOR_KEY}").text
    assert b"fulcrum_" in Login(guarded, ADMIN_KEY).ask("GET", "/metrics", x_fulcrum_token=None).text
    assert b"fulcrum_" in ask(server, "GET", "/metrics", host="anywhere.example").text
    assert ask(guarded, "GET", "/healthz").status == ask(guarded, "GET", "/readyz").status == 200


def test_a_session_on_every_api(guarded):
    login, admin = Login(guarded, KEY), Login(guarded, ADMIN_KEY)
    reply = login.ask("POST", "/model/tiny/converse", CONVERSE)
    assert reply.status == 200 and json.loads(reply.text)["usage"]["outputTokens"] == 2
    assert login.ask("GET", "/foundation-models").status == 200
    assert login.ask("PUT", "/desk-data").status == 200
    lines = b"".join(json.dumps({"recordId": f"{i:011}", "modelInput": CONVERSE}).encode() + b"\n" for i in range(100))
    assert login.ask("PUT", "/desk-data/in.jsonl", lines, content_type="application/jsonl").status == 200
    assert login.ask("GET", "/desk-data/in.jsonl").text == lines
    assert b"<Key>in.jsonl</Key>" in login.ask("GET", "/desk-data?list-type=2").text
    assert b"<Name>desk-data</Name>" in login.ask("GET", "/?x-id=ListBuckets").text
    job = {"jobName": "from-the-console", "roleArn": "arn:aws:iam::000000000000:role/any", "modelId": "tiny",
           "inputDataConfig": {"s3InputDataConfig": {"s3Uri": "s3://desk-data/in.jsonl"}},
           "outputDataConfig": {"s3OutputDataConfig": {"s3Uri": "s3://desk-data/out/"}}}
    reply = login.ask("POST", "/model-invocation-job", job)
    assert reply.status == 200, reply.text
    assert "from-the-console" in login.ask("GET", "/model-invocation-jobs").text.decode()
    # Another tenant's administrator sees none of it, unless it acts for this one.
    assert "from-the-console" in admin.ask("GET", "/model-invocation-jobs", x_fulcrum_tenant="shop").text.decode()
    assert "from-the-console" not in admin.ask("GET", "/model-invocation-jobs", x_fulcrum_tenant="lab").text.decode()
    assert admin.ask("GET", "/desk-data/in.jsonl", x_fulcrum_tenant="lab").status in (403, 404)
    alarms = "Action=DescribeAlarms&Version=2010-08-01"
    form = {"content_type": "application/x-www-form-urlencoded"}
    assert login.ask("POST", "/", alarms, **form).status == 200
    assert login.ask("POST", "/", alarms, x_fulcrum_token=None, **form).status == 403
    for method, path in (("POST", "/model/tiny/converse"), ("PUT", "/desk-data/x"), ("GET", "/desk-data/in.jsonl"),
                         ("GET", "/foundation-models")):
        assert login.ask(method, path, CONVERSE if method != "GET" else None, x_fulcrum_token=None).status == 403
        assert login.ask(method, path, CONVERSE if method != "GET" else None, x_fulcrum_token="0" * 64).status == 403


def test_pages_of_other_sites_change_nothing(guarded, server):
    login = Login(guarded, KEY)
    for origin in ({"sec_fetch_site": "cross-site"}, {"sec_fetch_site": "same-site"}, {"origin": "http://evil.example"},
                   {"origin": "null"}):
        assert login.ask("DELETE", "/fulcrum/session", **origin).status == 403
        assert ask(guarded, "POST", "/fulcrum/session", {"key": KEY}, **origin).status == 403
        assert ask(server, "POST", "/fulcrum/routers/x/explain", CONVERSE, **origin).status == 403
    assert login.ask("GET", "/fulcrum/session", sec_fetch_site="same-origin", origin=guarded.url).status == 200
    # Without tenants a page sends the process' token; a program needs none.
    token = json.loads(ask(server, "GET", "/fulcrum/session").text)["token"]
    path, own = "/fulcrum/routers/x/explain", {"sec_fetch_site": "same-origin", "origin": server.url}
    assert ask(server, "POST", path, CONVERSE, **own).status == 403
    assert ask(server, "POST", path, CONVERSE, x_fulcrum_token=token[::-1], **own).status == 403
    assert ask(server, "POST", path, CONVERSE, x_fulcrum_token=token, **own).status == 400  # there is no such router
    assert ask(server, "POST", path, CONVERSE, x_fulcrum_token=token, origin=server.url).status == 400
    assert ask(server, "POST", path, CONVERSE).status == 400


def test_names_that_a_stranger_could_lead_here(server, guarded):
    for host in ("evil.example", "evil.example:8080", "localhost.evil.example", "192.168.1.5", "127.0.0.1.evil.example"):
        for path in ("/console", "/console/login", "/fulcrum/session"):
            assert error_of(ask(server, "GET", path, host=host)) == (403, "AccessDeniedException"), host
    for host in ("localhost", "LOCALHOST:1", "console.localhost:8080", "127.0.0.1", "127.1.2.3:80", "[::1]:80"):
        assert ask(server, "GET", "/fulcrum/session", host=host).status == 200, host
    assert ask(server, "POST", "/model/tiny/converse", CONVERSE, host="bedrock.example").status == 200
    assert ask(guarded, "GET", "/console", host="fulcrum.example").status == 200  # tenants log in


def test_where_others_can_reach_it(tmp_path, random_model):
    own = start(tmp_path, random_model, args=["--insecure", "--listen", "0.0.0.0:0"])
    for host, status in (("192.168.1.5:8080", 200), ("fulcrum:8080", 200), ("[fe80::1]", 200), ("evil.example", 403)):
        assert ask(own, "GET", "/fulcrum/session", host=host).status == status, host
    assert own.stop() == 0


def test_acting_for_a_tenant_without_tenants(server):
    assert ask(server, "POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="someone").status == 200
    assert wait_until(lambda: "tenant=someone" in server.log())
    assert ask(server, "POST", "/model/tiny/converse", CONVERSE, x_fulcrum_tenant="a/b").status == 403


# --- files ---

@pytest.mark.parametrize("path", ["/console", "/console/", "/console/index.html", "/console/vendor/uplot.js"])
def test_files_and_their_codings(server, path):
    plain = ask(server, "GET", path)
    assert plain.status == 200 and "content-encoding" not in plain.headers
    assert plain.headers["content-security-policy"] == CSP and plain.headers["cache-control"] == "no-cache"
    assert plain.headers["x-content-type-options"] == "nosniff" and plain.headers["referrer-policy"] == "no-referrer"
    assert plain.headers["vary"] == "accept-encoding"
    packed = ask(server, "GET", path, accept_encoding="deflate, gzip;q=0.5")
    assert packed.headers["content-encoding"] == "gzip" and gzip.decompress(packed.text) == plain.text
    best = ask(server, "GET", path, accept_encoding="gzip, deflate, br, zstd")
    assert best.headers["content-encoding"] == "br" and len(best.text) < len(plain.text)
    assert subprocess.run(["brotli", "-dc"], input=best.text, capture_output=True, check=True).stdout == plain.text
    assert "content-encoding" not in ask(server, "GET", path, accept_encoding="br;q=0, gzip;q=0").headers
    head = ask(server, "HEAD", path, accept_encoding="br")
    assert head.text == b"" and head.headers["content-length"] == str(len(best.text))
    for reply, coding in ((plain, None), (packed, "gzip"), (best, "br")):
        tag = reply.headers["etag"]
        kept = ask(server, "GET", path, if_none_match=f'"x", {tag}', **({"accept_encoding": coding} if coding else {}))
        assert kept.status == 304 and kept.text == b"" and kept.headers["etag"] == tag
    assert len({reply.headers["etag"] for reply in (plain, packed, best)}) == 3


def test_types_and_files_that_are_not_there(server):
    assert ask(server, "GET", "/console").headers["content-type"] == "text/html; charset=utf-8"
    assert ask(server, "GET", "/console/vendor/uplot.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert ask(server, "GET", "/console/vendor/uplot.css").headers["content-type"] == "text/css; charset=utf-8"
    for path in ("/console/none.js", "/console/lib/", "/console/..%2findex.html", "/console/%2e%2e/x", "/fulcrum/none"):
        assert error_of(ask(server, "GET", path)) == (404, "ResourceNotFoundException"), path
    assert error_of(ask(server, "POST", "/console", "{}")) == (405, "MethodNotAllowedException")
    assert ask(server, "PUT", "/fulcrum-data").status == ask(server, "PUT", "/console-data").status == 200  # buckets


def test_a_browser_at_the_root_finds_the_console(server):
    reply = ask(server, "GET", "/", accept="text/html,application/xhtml+xml")
    assert reply.status == 303 and reply.headers["location"] == "/console"
    assert ask(server, "GET", "/").status == 404


def test_the_pages_author_needs_no_build(tmp_path, random_model):
    folder = tmp_path / "page"
    (folder / "lib").mkdir(parents=True)
    (folder / "index.html").write_text("first")
    (folder / "lib" / "a.js").write_text("export {};")
    (folder / ".hidden").write_text("no")
    own = start(tmp_path, random_model, env={"FULCRUM_CONSOLE_DIR": str(folder)})
    assert ask(own, "GET", "/console").text == b"first"
    (folder / "index.html").write_text("second")
    reply = ask(own, "GET", "/console")
    assert reply.text == b"second" and reply.headers["content-security-policy"] == CSP
    assert ask(own, "GET", "/console/lib/a.js").headers["content-type"] == "text/javascript; charset=utf-8"
    assert ask(own, "GET", "/console/vendor/uplot.js").status == 200
    for path in (".hidden", "..%2ffulcrum.yaml", "%2e%2e/fulcrum.yaml", "lib", "lib//a.js", "a%00", "%2fetc/passwd"):
        assert ask(own, "GET", f"/console/{path}").status == 404, path
    assert own.stop() == 0


def test_objects_cannot_act_as_a_page(server):
    assert ask(server, "PUT", "/page-bucket").status == 200
    assert ask(server, "PUT", "/page-bucket/evil.html", b"<script>1</script>", content_type="text/html").status == 200
    reply = ask(server, "GET", "/page-bucket/evil.html")
    assert reply.text == b"<script>1</script>" and reply.headers["content-type"] == "text/html"
    assert reply.headers["content-security-policy"] == "sandbox; default-src 'none'"
    assert reply.headers["x-content-type-options"] == "nosniff"


def test_a_cookie_over_tls_is_secure(tmp_path, random_model):
    subprocess.run(["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-keyout", tmp_path / "key.pem",
                    "-out", tmp_path / "cert.pem", "-subj", "/CN=localhost", "-days", "2"], check=True,
                   capture_output=True)
    own = start(tmp_path, random_model, extra=TENANTS + "tls: {cert: cert.pem, key: key.pem}\n")
    context = ssl._create_unverified_context()
    connection = http.client.HTTPSConnection("127.0.0.1", own.port, timeout=60, context=context)
    connection.request("POST", "/fulcrum/session", json.dumps({"key": KEY}))
    reply = connection.getresponse()
    assert reply.status == 200 and reply.headers["set-cookie"].endswith("; Secure")
    connection.close()
    assert wait_until(lambda: "console: https://127.0.0.1:" in own.log())
    assert own.stop() == 0

"""Traces: OTLP over HTTP as JSON to a receiver of ours, W3C trace context in and out, and receivers that fail."""

import base64
import copy
import http.client
import http.server
import json
import re
import socket
import threading

import pytest
from google.protobuf import json_format
from opentelemetry.proto.collector.trace.v1.trace_service_pb2 import ExportTraceServiceRequest

from conftest import ask_operator, metrics, start, wait_until
from test_ledger import HELLO, PRO, body, export

TRACE, PARENT = "4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"
TRACEPARENT = f"00-{TRACE}-{PARENT}-01"
SERVER = 2
STATUS_ERROR = 2


class Receiver:
    """Keeps the spans of the requests that it takes. `answers` are used up first; then each is taken."""

    def __init__(self):
        receiver = self
        self.requests, self.answers = [], []

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                data = self.rfile.read(int(self.headers["content-length"]))
                status, reply = receiver.answers.pop(0) if receiver.answers else (200, b"{}")
                receiver.requests.append((self.path, dict(self.headers), json.loads(data), status))
                self.send_response(status)
                self.send_header("content-type", "application/json")
                self.send_header("content-length", str(len(reply)))
                self.end_headers()
                self.wfile.write(reply)

            def log_message(self, *_):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.url = f"http://127.0.0.1:{self.server.server_port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def close(self):
        self.server.shutdown()
        self.server.server_close()

    def documents(self):
        return [document for _, _, document, status in self.requests if status == 200]

    def spans(self):
        return {span["spanId"]: span for document in self.documents() for resource in document["resourceSpans"]
                for scope in resource["scopeSpans"] for span in scope["spans"]}

    def span_of(self, reply):
        """Of the request whose reply this is, once it has come."""
        trace, span = reply.headers["traceparent"].split("-")[1:3]
        assert wait_until(lambda: span in self.spans())
        found = self.spans()[span]
        assert found["traceId"] == trace
        return found


def attributes(span):
    """By key; each value's one member says its type."""
    found = {}
    for attribute in span["attributes"]:
        ((kind, value),) = attribute["value"].items()
        assert attribute["key"] not in found, f"{attribute['key']} is there twice"
        if kind == "intValue":
            assert isinstance(value, str)  # 64 bits are digits in JSON
            value = int(value)
        if kind == "arrayValue":
            value = [item["stringValue"] for item in value["values"]]
        found[attribute["key"]] = value
    return found


def assert_is_otlp(document):
    """The protocol's own definition reads it; in its JSON IDs are hexadecimal where protobuf's have base64."""
    changed = copy.deepcopy(document)
    for resource in changed["resourceSpans"]:
        for scope in resource["scopeSpans"]:
            for span in scope["spans"]:
                for key, digits in (("traceId", 32), ("spanId", 16), ("parentSpanId", 16)):
                    if key in span:
                        assert re.fullmatch(f"[0-9a-f]{{{digits}}}", span[key])
                        span[key] = base64.b64encode(bytes.fromhex(span[key])).decode()
                for key in ("startTimeUnixNano", "endTimeUnixNano"):
                    assert isinstance(span[key], str)
                assert isinstance(span["kind"], int)
    read = json_format.ParseDict(changed, ExportTraceServiceRequest())
    assert sum(len(scope.spans) for resource in read.resource_spans for scope in resource.scope_spans) > 0
    for resource in read.resource_spans:
        names = {attribute.key: attribute.value.string_value for attribute in resource.resource.attributes}
        assert names["service.name"] == "fulcrum" and names["service.version"] and names["service.instance.id"]


def post(server, model, payload, operation="converse", headers=()):
    connection = http.client.HTTPConnection("127.0.0.1", server.port, timeout=60)
    connection.putrequest("POST", f"/model/{model}/{operation}")
    for name, value in (("Content-Type", "application/json"), ("Content-Length", str(len(payload))), *headers):
        connection.putheader(name, value)
    connection.endheaders(payload.encode())
    reply = connection.getresponse()
    reply.data = reply.read()
    connection.close()
    return reply


def serve(tmp_path, model, receiver, extra="", **settings):
    settings = {"endpoint": receiver if isinstance(receiver, str) else receiver.url, **settings}
    return start(tmp_path, model, deterministic=False, extra=f"traces: {json.dumps(settings)}\n{extra}")


@pytest.fixture(scope="module")
def receiver():
    made = Receiver()
    yield made
    made.close()


@pytest.fixture(scope="module")
def traced(tmp_path_factory, random_model, receiver):
    server = serve(tmp_path_factory.mktemp("traces"), random_model, receiver, headers={"x-api-key": "k: 1, 2"})
    yield server
    assert server.stop() == 0


def test_a_request_is_a_span_in_the_conventions_words(traced, receiver):
    reply = post(traced, f"us.{PRO}", body(5, 0.5, requestMetadata={"session": "s 1"}, inferenceConfig={
        "maxTokens": 5, "temperature": 0.5, "topP": 0.9, "stopSequences": ["zzz"]}))
    assert reply.status == 200
    span = receiver.span_of(reply)
    line = export(traced)[reply.headers["x-amzn-RequestId"]]
    usage = json.loads(reply.data)["usage"]
    assert span["name"] == f"chat us.{PRO}" and span["kind"] == SERVER and span["status"] == {}
    assert 0 < int(span["endTimeUnixNano"]) - int(span["startTimeUnixNano"]) < 60e9
    found = attributes(span)
    expected = {
        "gen_ai.operation.name": "chat", "gen_ai.provider.name": "aws.bedrock", "gen_ai.request.model": f"us.{PRO}",
        "gen_ai.response.model": "tiny", "gen_ai.request.max_tokens": 5, "gen_ai.request.temperature": 0.5,
        "gen_ai.request.top_p": 0.9, "gen_ai.request.stop_sequences": ["zzz"], "gen_ai.request.stream": False,
        "gen_ai.output.type": "text", "gen_ai.conversation.id": "s 1", "gen_ai.response.finish_reasons": ["length"],
        "gen_ai.response.id": reply.headers["x-amzn-RequestId"], "gen_ai.usage.input_tokens": usage["inputTokens"],
        "gen_ai.usage.output_tokens": 5, "gen_ai.usage.cache_read.input_tokens": 0,
        "gen_ai.usage.cache_write.input_tokens": 0, "gen_ai.usage.cache_creation.input_tokens": 0,
        "http.request.method": "POST", "http.response.status_code": 200, "server.address": "127.0.0.1",
        "server.port": traced.port, "fulcrum.tenant": "default", "fulcrum.operation": "Converse",
        "fulcrum.tier": "default", "fulcrum.provider": "engine", "fulcrum.attempts": 1,
        "fulcrum.cost.picodollars": line["costPicodollars"],
        "fulcrum.cost.baseline_picodollars": line["baselinePicodollars"],
        "fulcrum.cost.input_picodollars": line["costInputPicodollars"],
        "fulcrum.cost.output_picodollars": line["costOutputPicodollars"],
        "fulcrum.cache.miss_reason": line["cacheMissReason"]}
    assert {key: found.get(key) for key in expected} == expected
    assert found["fulcrum.cost.usd"] == pytest.approx(line["costPicodollars"] / 1e12)
    assert 0 < found["gen_ai.response.time_to_first_chunk"] < 60
    assert "error.type" not in found and not [key for key in found if key.endswith(("messages", "instructions"))]


def test_usage_counts_what_the_cache_read_and_wrote(traced, receiver):
    cached = {"system": [{"text": "The shop is open from nine to five. " * 60}, {"cachePoint": {"type": "default"}}]}
    written = post(traced, PRO, body(2, serviceTier={"type": "flex"}, **cached))
    read = post(traced, PRO, body(2, serviceTier={"type": "flex"}, **cached))
    first, second = (attributes(receiver.span_of(reply)) for reply in (written, read))
    usage = json.loads(written.data)["usage"]
    assert usage["cacheWriteInputTokens"] > 0
    assert first["gen_ai.usage.cache_write.input_tokens"] == usage["cacheWriteInputTokens"]
    assert first["gen_ai.usage.cache_creation.input_tokens"] == usage["cacheWriteInputTokens"]
    assert first["gen_ai.usage.input_tokens"] == usage["inputTokens"] + usage["cacheWriteInputTokens"]
    usage = json.loads(read.data)["usage"]
    assert second["gen_ai.usage.cache_read.input_tokens"] == usage["cacheReadInputTokens"] > 0
    assert second["gen_ai.usage.input_tokens"] == usage["inputTokens"] + usage["cacheReadInputTokens"]
    line = export(traced)[read.headers["x-amzn-RequestId"]]
    assert second["fulcrum.saved.cache_picodollars"] == line["savedCache"] > 0
    assert second["fulcrum.saved.tier_picodollars"] == line["savedTier"] > 0
    assert second["fulcrum.cache.outcome"] in ("hit", "partial") and second["fulcrum.tier"] == "flex"


def test_a_stream_is_one_span_and_starts_with_its_trace(traced, receiver):
    reply = post(traced, PRO, body(4), "converse-stream", [("traceparent", TRACEPARENT)])
    span = receiver.span_of(reply)
    assert (span["traceId"], span["parentSpanId"]) == (TRACE, PARENT)
    found = attributes(span)
    assert found["gen_ai.request.stream"] is True and found["gen_ai.usage.output_tokens"] == 4
    assert found["fulcrum.operation"] == "ConverseStream"


def test_errors_have_their_type(traced, receiver):
    refused = post(traced, PRO, '{"messages":[]}', headers=[("traceparent", TRACEPARENT), ("tracestate", "a=1")])
    assert refused.status == 400 and refused.headers["tracestate"] == "a=1"
    span = receiver.span_of(refused)
    found = attributes(span)
    assert (found["error.type"], found["http.response.status_code"]) == ("ValidationException", 400)
    assert span["status"] == {}, "the client's fault is none of the span's"
    assert span["traceId"] == TRACE and span["traceState"] == "a=1"
    unknown = post(traced, "nobody.knows", body(1))
    assert attributes(receiver.span_of(unknown))["gen_ai.request.model"] == "nobody.knows"
    payload = body(1500, 1).encode()
    with socket.create_connection(("127.0.0.1", traced.port)) as raw:
        raw.sendall(b"POST /model/%s/converse-stream HTTP/1.1\r\nHost: a\r\nContent-Type: application/json\r\n"
                    b"Content-Length: %d\r\n\r\n" % (PRO.encode(), len(payload)) + payload)
        raw.recv(100)
    assert wait_until(lambda: any(attributes(span).get("error.type") == "ClientClosedRequest"
                                  for span in receiver.spans().values()))


@pytest.mark.parametrize("headers, trace, state", [
    ([("traceparent", TRACEPARENT)], TRACE, None),
    ([("traceparent", TRACEPARENT), ("tracestate", "x=1, tenant@y=2")], TRACE, "x=1, tenant@y=2"),
    ([("traceparent", TRACEPARENT), ("tracestate", "x=1"), ("tracestate", "y=2")], TRACE, "x=1,y=2"),
    ([("traceparent", TRACEPARENT), ("tracestate", "x=1,x=2")], TRACE, None),
    ([("traceparent", f"cc-{TRACE}-{PARENT}-01-more")], TRACE, None),
    ([("traceparent", f"  {TRACEPARENT}  ")], TRACE, None),
    ([("traceparent", f"00-{TRACE}-{PARENT}-01-more"), ("tracestate", "x=1")], None, None),
    ([("traceparent", f"ff-{TRACE}-{PARENT}-01")], None, None),
    ([("traceparent", TRACEPARENT.upper())], None, None),
    ([("traceparent", TRACEPARENT), ("traceparent", TRACEPARENT)], None, None),
    ([("tracestate", "x=1")], None, None),
])
def test_trace_context_is_taken_and_passed_on(traced, receiver, headers, trace, state):
    reply = post(traced, PRO, body(1), headers=headers)
    version, got, span_id, flags = reply.headers["traceparent"].split("-")
    assert version == "00" and int(flags, 16) & 1 and span_id != PARENT
    assert (got == TRACE) == (trace == TRACE)
    assert reply.headers["tracestate"] == state
    span = receiver.span_of(reply)
    assert span.get("traceState") == state and span.get("parentSpanId") == (PARENT if trace else None)


def test_who_does_not_sample_is_followed(traced, receiver):
    reply = post(traced, PRO, body(1), headers=[("traceparent", f"00-{TRACE}-{PARENT}-00")])
    left_out = reply.headers["traceparent"].split("-")
    assert left_out[1] == TRACE and left_out[3] == "00"
    receiver.span_of(post(traced, PRO, body(1)))  # one that came later is there
    assert left_out[2] not in receiver.spans()


def test_documents_are_otlp_and_spans_share_them(traced, receiver):
    before = len(receiver.requests)
    replies = [post(traced, PRO, body(1)) for _ in range(30)]
    for reply in replies:
        receiver.span_of(reply)
    assert len(receiver.requests) - before < 30
    for path, headers, document, _ in receiver.requests:
        assert path == "/v1/traces"
        sent = {key.lower(): value for key, value in headers.items()}
        assert (sent["x-api-key"], sent["content-type"]) == ("k: 1, 2", "application/json")
        assert_is_otlp(document)
    assert wait_until(lambda: metrics(traced)["fulcrum_traces_spans_total"] == len(receiver.spans()))
    assert metrics(traced)["fulcrum_traces_dropped_total"] == 0


# --- other settings ---------------------------------------------------------------------------------------


@pytest.fixture
def own_receiver():
    made = Receiver()
    yield made
    made.close()


def test_content_is_there_when_it_is_asked_for(tmp_path, random_model, own_receiver):
    server = serve(tmp_path, random_model, f"{own_receiver.url}/custom/path", content=True)
    tool = {"toolSpec": {"name": "look", "description": "Looks.", "inputSchema": {"json": {"type": "object"}}}}
    messages = HELLO + [{"role": "assistant", "content": [{"toolUse": {"toolUseId": "t1", "name": "look",
                                                                      "input": {"at": "the \"moon\""}}}]},
                        {"role": "user", "content": [{"toolResult": {"toolUseId": "t1",
                                                                     "content": [{"text": "far"}]}}]}]
    payload = json.dumps({"messages": messages, "system": [{"text": "Be brief."}], "toolConfig": {"tools": [tool]},
                          "inferenceConfig": {"maxTokens": 3, "temperature": 0}})
    for operation in ("converse", "converse-stream"):
        reply = post(server, PRO, payload, operation)
        found = attributes(own_receiver.span_of(reply))
        assert json.loads(found["gen_ai.system_instructions"]) == [{"type": "text", "content": "Be brief."}]
        assert json.loads(found["gen_ai.input.messages"]) == [
            {"role": "user", "parts": [{"type": "text", "content": "Hello there."}]},
            {"role": "assistant", "parts": [{"type": "tool_call", "id": "t1", "name": "look",
                                             "arguments": {"at": "the \"moon\""}}]},
            {"role": "user", "parts": [{"type": "tool_call_response", "id": "t1", "response": "far"}]}]
        assert json.loads(found["gen_ai.tool.definitions"]) == [
            {"type": "function", "name": "look", "description": "Looks.", "parameters": {"type": "object"}}]
        (answer,) = json.loads(found["gen_ai.output.messages"])
        assert answer["role"] == "assistant" and answer["finish_reason"] in ("length", "stop", "tool_call")
    assert {path for path, _, _, _ in own_receiver.requests} == {"/custom/path"}
    assert server.stop() == 0


def test_nothing_is_sampled_unless_the_caller_does(tmp_path, random_model, own_receiver):
    server = serve(tmp_path, random_model, own_receiver, sample=0)
    for _ in range(5):
        assert post(server, PRO, body(1)).headers["traceparent"].endswith("-02")  # not sampled, its ID is random
    own_receiver.span_of(post(server, PRO, body(1), headers=[("traceparent", TRACEPARENT)]))
    assert len(own_receiver.spans()) == 1
    assert server.stop() == 0


def test_who_is_not_let_in_has_a_span_too(tmp_path, random_model, own_receiver):
    server = serve(tmp_path, random_model, own_receiver, "tenants: [{name: a, keys: [{id: AKID, secret: s}]}]\n")
    refused = post(server, PRO, body(1), headers=[("traceparent", TRACEPARENT)])
    assert refused.status == 403
    span = own_receiver.span_of(refused)
    found = attributes(span)
    assert (span["traceId"], found["error.type"]) == (TRACE, "MissingAuthenticationTokenException")
    assert "fulcrum.tenant" not in found and "gen_ai.response.model" not in found
    assert server.stop() == 0


def test_a_receiver_that_fails_is_asked_again_and_one_that_refuses_is_not(tmp_path, random_model, own_receiver):
    own_receiver.answers = [(503, b""), (200, b"{}")]
    server = serve(tmp_path, random_model, own_receiver)
    own_receiver.span_of(post(server, PRO, body(1)))
    assert [status for _, _, _, status in own_receiver.requests] == [503, 200]
    own_receiver.answers = [(400, b"no")]
    post(server, PRO, body(1))
    assert wait_until(lambda: metrics(server)["fulcrum_traces_dropped_total"] == 1)
    assert "traces: the receiver of traces answers with HTTP status 400" in ask_operator(server, "/readyz")[1]
    own_receiver.answers = [(200, b'{"partialSuccess":{"rejectedSpans":"1","errorMessage":"old"}}')]
    post(server, PRO, body(1))
    assert wait_until(lambda: metrics(server)["fulcrum_traces_dropped_total"] == 2)
    assert metrics(server)["fulcrum_traces_spans_total"] == 1
    assert "traces:" not in ask_operator(server, "/readyz")[1]
    assert server.stop() == 0


def test_a_dead_receiver_costs_traces_and_nothing_else(tmp_path, random_model):
    with socket.socket() as unused:
        unused.bind(("127.0.0.1", 0))  # bound and not listening: connections are refused
        server = serve(tmp_path, random_model, f"http://127.0.0.1:{unused.getsockname()[1]}")
        for _ in range(10):
            assert post(server, PRO, body(1)).status == 200
        assert wait_until(lambda: "traces: the receiver of traces does not answer" in ask_operator(server, "/readyz")[1])
        status, _ = ask_operator(server, "/readyz")
        assert status == 200
        assert wait_until(lambda: metrics(server)["fulcrum_traces_dropped_total"] == 10)
        assert metrics(server)["fulcrum_traces_spans_total"] == 0
        assert server.stop() == 0


def test_a_receiver_that_never_answers_does_not_hold_up_the_end(tmp_path, random_model):
    with socket.socket() as mute:
        mute.bind(("127.0.0.1", 0))
        mute.listen()
        server = serve(tmp_path, random_model, f"http://127.0.0.1:{mute.getsockname()[1]}")
        assert post(server, PRO, body(1)).status == 200
        mute.accept()
        assert post(server, PRO, body(1)).status == 200
        assert server.stop() == 0


def test_without_traces_nothing_is_said_of_them(server):
    reply = post(server, PRO, body(1), headers=[("traceparent", TRACEPARENT)])
    assert reply.status == 200 and reply.headers["traceparent"] is None
    assert metrics(server)["fulcrum_traces_dropped_total"] == 0


@pytest.mark.parametrize("settings, why", [
    ("{}", "endpoint"), ("{endpoint: ftp://x}", "OTLP/HTTP"), ("{endpoint: 'http://a b'}", "OTLP/HTTP"),
    ("{endpoint: http://x, sample: 2}", "0 to 1"), ("{endpoint: http://x, headers: [a]}", "mapping"),
    ("{endpoint: http://x, headers: {'a b': c}}", "names of headers"),
    ('{endpoint: http://x, headers: {a: "secret\\nb: c"}}', "one line"), ("{endpoint: http://x, to: y}", "to"),
])
def test_settings_are_checked(tmp_path, random_model, settings, why):
    with pytest.raises(RuntimeError) as caught:
        start(tmp_path, random_model, extra=f"traces: {settings}\n")
    assert "traces" in str(caught.value) and why in str(caught.value) and "secret" not in str(caught.value)

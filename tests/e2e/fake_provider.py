"""A provider that speaks OpenAI's chat completions, Anthropic's messages and Bedrock's ConverseStream, and does what a
test says: answers, fails with a status and headers, cuts its reply after so many bytes, leaves out its end, hangs.

    with FakeProvider() as provider:
        provider.plan({"status": 429, "headers": {"retry-after": "1"}}, {})     # fails, then answers
        ...
        provider.requests[0].body["model"]

A plan's entries are taken one by each request; without one it answers. Keys of an entry:

    text      pieces of the reply
    thinking  a piece of reasoning before them, tool: (id, name, json) behind them
    usage     {"input", "read", "write", "output"}: tokens, counted apart; "write_1h": of those that were written
    shape     how chat completions say it: see provider_usage.py
    stop      end, length or stop; of chat completions also filter
    status, headers, body     a failure
    cut       bytes of the body, then the connection is closed; {"cut": 0} after the head
    hang      "head": never answers; "body": after `cut` bytes nothing more comes
    no_end    neither [DONE] nor the event that ends the stream, and the connection ends in order
    no_usage, double_usage
    whole     answers as if no stream had been asked for
    events    what its stream says, as JSON, instead of the text; json: the whole reply
    count     the answer to a question for a count
    message   members of Anthropic's message besides the usual ones
    tier      that it says it has served in, of OpenAI's API and Bedrock's
    slow      seconds between two pieces
    error     an error event in the stream: its type, after the first piece where `late`"""

import base64
import binascii
import contextlib
import dataclasses
import http.server
import json
import socket
import socketserver
import struct
import threading
import time
import urllib.parse

import fake_reports
from fake_batches import Batches
from provider_usage import anthropic_usage, bedrock_usage, openai_usage

USAGE = {"input": 11, "read": 100, "write": 20, "output": 7}
TEXT = ["From ", "the ", "provider."]


@dataclasses.dataclass
class Request:
    method: str
    path: str
    headers: dict
    body: dict
    connection: int


def sse(data, event=None):
    text = data if isinstance(data, str) else json.dumps(data)
    return (f"event: {event}\n" if event else "").encode() + f"data: {text}\n\n".encode()


def frame(payload, **headers):
    """A message of application/vnd.amazon.eventstream."""
    head = b""
    for name, value in headers.items():
        name = ":" + name.replace("_", "-")
        head += bytes([len(name)]) + name.encode() + b"\x07" + struct.pack(">H", len(value)) + value.encode()
    body = json.dumps(payload).encode()
    prelude = struct.pack(">II", 16 + len(head) + len(body), len(head))
    prelude += struct.pack(">I", binascii.crc32(prelude))
    message = prelude + head + body
    return message + struct.pack(">I", binascii.crc32(message))


def event(name, payload):
    return frame(payload, message_type="event", event_type=name, content_type="application/json")


# --- each API's stream, as pieces of bytes ----------------------------------------------------------------


def openai_stream(entry, model):
    if "events" in entry:
        yield from (sse(data) for data in [*entry["events"], "[DONE]"])
        return

    def chunk(delta, reason=None, **more):
        return sse({"id": "chatcmpl-1", "object": "chat.completion.chunk", "created": 1, "model": model,
                    "choices": [{"index": 0, "delta": delta, "finish_reason": reason}], **more})

    usage = entry.get("usage", USAGE)
    yield chunk({"role": "assistant", "content": ""})
    if "error" in entry and not entry.get("late"):
        yield sse({"error": {"type": entry["error"], "message": "it went wrong"}})
        return
    if "thinking" in entry:
        yield chunk({"reasoning_content": entry["thinking"]})
    for place, piece in enumerate(entry.get("text", TEXT)):
        yield chunk({"content": piece})
        if "error" in entry and place == 0:
            yield sse({"error": {"type": entry["error"], "message": "it went wrong"}})
            return
    if "tool" in entry:
        call, name, arguments = entry["tool"]
        yield chunk({"tool_calls": [{"index": 0, "id": call, "type": "function",
                                     "function": {"name": name, "arguments": arguments}}]})
    reasons = {"end": "stop", "length": "length", "stop": "stop", "filter": "content_filter"}
    if not entry.get("no_end"):
        yield chunk({}, "tool_calls" if "tool" in entry else reasons[entry.get("stop", "end")])
    for _ in range(0 if entry.get("no_usage") else 2 if entry.get("double_usage") else 1):
        yield sse({"id": "chatcmpl-1", "model": model, "choices": [], "usage": openai_usage(usage, entry.get("shape")),
                   **({"service_tier": entry["tier"]} if "tier" in entry else {})})
    if not entry.get("no_end") and not entry.get("no_done"):
        yield sse("[DONE]")


def openai_whole(entry, model):
    message = {"role": "assistant", "content": "".join(entry.get("text", TEXT))}
    reply = {"id": "chatcmpl-1", "model": model, "choices": [{"index": 0, "message": message, "finish_reason": "stop"}]}
    if "tier" in entry:
        reply["service_tier"] = entry["tier"]
    if not entry.get("no_usage"):
        reply["usage"] = openai_usage(entry.get("usage", USAGE), entry.get("shape"))
    return reply


def anthropic_stream(entry, model):
    if "events" in entry:
        yield from (sse(data, data["type"]) for data in entry["events"])
        return

    def say(data):
        return sse(data, data["type"])

    usage = entry.get("usage", USAGE)
    start = {} if entry.get("no_usage") else {**anthropic_usage(usage), "output_tokens": 1}
    yield say({"type": "message_start", "message": {"id": "msg_1", "type": "message", "role": "assistant",
                                                    "model": model, "content": [], "usage": start,
                                                    **entry.get("message", {})}})
    yield say({"type": "ping"})
    failure = {"type": "error", "error": {"type": entry.get("error"), "message": "it went wrong"}}
    if "error" in entry and not entry.get("late"):
        yield say(failure)
        return
    index = 0
    if "thinking" in entry:
        yield say({"type": "content_block_start", "index": 0,
                   "content_block": {"type": "thinking", "thinking": "", "signature": ""}})
        yield say({"type": "content_block_delta", "index": 0,
                   "delta": {"type": "thinking_delta", "thinking": entry["thinking"]}})
        yield say({"type": "content_block_delta", "index": 0,
                   "delta": {"type": "signature_delta", "signature": "c2lnbmVk"}})
        yield say({"type": "content_block_stop", "index": 0})
        index = 1
    yield say({"type": "content_block_start", "index": index, "content_block": {"type": "text", "text": ""}})
    for place, piece in enumerate(entry.get("text", TEXT)):
        yield say({"type": "content_block_delta", "index": index, "delta": {"type": "text_delta", "text": piece}})
        if "error" in entry and place == 0:
            yield say(failure)
            return
    yield say({"type": "content_block_stop", "index": index})
    if "tool" in entry:
        call, name, arguments = entry["tool"]
        yield say({"type": "content_block_start", "index": index + 1,
                   "content_block": {"type": "tool_use", "id": call, "name": name, "input": {}}})
        yield say({"type": "content_block_delta", "index": index + 1,
                   "delta": {"type": "input_json_delta", "partial_json": arguments}})
        yield say({"type": "content_block_stop", "index": index + 1})
    reasons = {"end": "end_turn", "length": "max_tokens", "stop": "stop_sequence"}
    reason = "tool_use" if "tool" in entry else reasons[entry.get("stop", "end")]
    if not entry.get("no_end"):
        final = {} if entry.get("no_usage") else anthropic_usage(usage)
        for _ in range(2 if entry.get("double_usage") else 1):
            yield say({"type": "message_delta", "delta": {"stop_reason": reason, "stop_sequence": None},
                       "usage": final})
        if not entry.get("no_done"):
            yield say({"type": "message_stop"})


def anthropic_whole(entry, model):
    return {"id": "msg_1", "type": "message", "role": "assistant", "model": model, "stop_reason": "end_turn",
            "content": [{"type": "text", "text": "".join(entry.get("text", TEXT))}],
            "usage": {} if entry.get("no_usage") else anthropic_usage(entry.get("usage", USAGE))}


def bedrock_stream(entry, model):
    del model
    yield event("messageStart", {"role": "assistant"})
    failure = frame({"message": "it went wrong"}, message_type="exception", exception_type=entry.get("error", ""))
    if "error" in entry and not entry.get("late"):
        yield failure
        return
    index = 0
    if "thinking" in entry:
        for delta in ({"text": entry["thinking"]}, {"signature": "c2lnbmVk"}):
            yield event("contentBlockDelta", {"contentBlockIndex": 0, "delta": {"reasoningContent": delta}})
        yield event("contentBlockStop", {"contentBlockIndex": 0})
        index = 1
    for place, piece in enumerate(entry.get("text", TEXT)):
        yield event("contentBlockDelta", {"contentBlockIndex": index, "delta": {"text": piece}})
        if "error" in entry and place == 0:
            yield failure
            return
    yield event("contentBlockStop", {"contentBlockIndex": index})
    if "tool" in entry:
        call, name, arguments = entry["tool"]
        yield event("contentBlockStart", {"contentBlockIndex": index + 1,
                                          "start": {"toolUse": {"toolUseId": call, "name": name}}})
        yield event("contentBlockDelta", {"contentBlockIndex": index + 1, "delta": {"toolUse": {"input": arguments}}})
        yield event("contentBlockStop", {"contentBlockIndex": index + 1})
    reasons = {"end": "end_turn", "length": "max_tokens", "stop": "stop_sequence"}
    if not entry.get("no_end"):
        yield event("messageStop", {"stopReason": "tool_use" if "tool" in entry else reasons[entry.get("stop", "end")]})
    if not entry.get("no_end") and not entry.get("no_usage"):
        for _ in range(2 if entry.get("double_usage") else 1):
            yield event("metadata", {"usage": bedrock_usage(entry.get("usage", USAGE)), "metrics": {"latencyMs": 5},
                                     **({"serviceTier": {"type": entry["tier"]}} if "tier" in entry else {})})


def bedrock_whole(entry, model):
    del model
    message = {"role": "assistant", "content": [{"text": "".join(entry.get("text", TEXT))}]}
    reply = {"output": {"message": message}, "stopReason": "end_turn", "metrics": {"latencyMs": 5}}
    if "tier" in entry:
        reply["serviceTier"] = {"type": entry["tier"]}
    if not entry.get("no_usage"):
        reply["usage"] = bedrock_usage(entry.get("usage", USAGE))
    return reply


def embeddings(body):
    """The first value of each tells which input it is of."""
    def one(place):
        values = [float(place), 0.5, -0.25]
        return base64.b64encode(struct.pack("<3f", *values)).decode() if body.get("encoding_format") == "base64" else values

    count = len(body["input"]) if isinstance(body["input"], list) else 1
    return {"object": "list", "model": body["model"], "usage": {"prompt_tokens": 9 * count, "total_tokens": 9 * count},
            "data": [{"object": "embedding", "index": i, "embedding": one(i)} for i in reversed(range(count))]}


APIS = {"openai": (openai_stream, openai_whole, "text/event-stream"),
        "anthropic": (anthropic_stream, anthropic_whole, "text/event-stream; charset=utf-8"),
        "bedrock": (bedrock_stream, bedrock_whole, "application/vnd.amazon.eventstream")}


def stream_of(api, entry=None, model="m"):
    """The bytes of a whole stream."""
    return b"".join(APIS[api][0](entry or {}, model))


# --- the server --------------------------------------------------------------------------------------------


class Handler(http.server.BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    disable_nagle_algorithm = True

    def log_message(self, *_):
        pass

    def setup(self):
        super().setup()
        self.number = self.server.provider.connected(self.connection)

    def api(self):
        if self.path.startswith("/model/"):
            return "bedrock"
        return "anthropic" if "/messages" in self.path else "openai"

    def take(self, body):
        provider = self.server.provider
        request = Request(self.command, urllib.parse.unquote(self.path), {k.lower(): v for k, v in self.headers.items()},
                          body, self.number)
        with provider.lock:
            provider.requests.append(request)
            entry = provider.plans.pop(0) if provider.plans else provider.default
            if provider.cache and "status" not in entry:
                entry = {**entry, "usage": provider.cache.usage(body, USAGE["output"])}
            return entry

    def count(self, entry, model):
        """What it will bill for a reply."""
        model = urllib.parse.unquote(self.path.split("/")[2]) if self.api() == "bedrock" else model
        self.server.provider.served.append(fake_reports.Served(
            self.api(), model, entry.get("usage", USAGE), entry.get("tier", "default"), time.time()))

    def do_GET(self):
        if self.server.provider.batches.answer(self, "GET") or fake_reports.answer(self):
            return
        if self.path == "/metrics":  # nobody counts these
            self.send_metrics(self.server.provider.metrics)
            return
        entry = self.take(None)
        if "status" in entry:
            self.fail(entry)
            return
        self.send(200, {"data": [{"id": name, "object": "model"} for name in self.server.provider.models]})

    def do_POST(self):
        text = self.rfile.read(int(self.headers["content-length"]))
        if self.server.provider.batches.answer(self, "POST", text):
            return
        entry = self.take(json.loads(text))
        try:
            if entry.get("hang") == "head":
                self.server.provider.released.wait(120)
            elif "status" in entry:
                self.fail(entry)
            elif self.path.endswith("/embeddings"):
                self.send(200, entry["body"] if "body" in entry else embeddings(json.loads(text)), entry)
            elif "count" in self.path:
                self.send(200, entry.get("count", {"inputTokens": 1}))
            elif "json" in entry:
                self.send(200, entry["json"], entry)
            elif entry.get("whole"):
                self.count(entry, json.loads(text).get("model"))
                self.send(200, APIS[self.api()][1](entry, json.loads(text).get("model")), entry)
            else:
                self.count(entry, json.loads(text).get("model"))
                self.stream(entry, json.loads(text).get("model"))
        except OSError:
            self.server.provider.dropped += 1
            self.close_connection = True

    def send_metrics(self, text):
        self.send_response(200 if text is not None else 404)
        self.send_header("content-type", "text/plain; version=0.0.4")
        self.send_header("content-length", str(len(text or "")))
        self.end_headers()
        self.wfile.write((text or "").encode())

    def fail(self, entry):
        bodies = {"openai": {"error": {"message": "no", "type": "some_error", "code": None}},
                  "anthropic": {"type": "error", "error": {"type": "some_error", "message": "no"}},
                  "bedrock": {"message": "no"}}
        self.send(entry["status"], entry.get("body", bodies[self.api()]), entry)

    def send(self, status, body, entry=None):
        text = json.dumps(body).encode()
        self.send_response(status)
        self.send_header("content-type", "application/json")
        self.send_header("content-length", str(len(text)))
        for name, value in (entry or {}).get("headers", {}).items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(text[:(entry or {}).get("cut", len(text))])
        if "cut" in (entry or {}):
            self.cut()

    def cut(self):
        self.wfile.flush()
        self.close_connection = True
        self.connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    def chunk(self, data):
        self.wfile.write(f"{len(data):x}\r\n".encode() + data + b"\r\n")
        self.wfile.flush()

    def stream(self, entry, model):
        make, _, content_type = APIS[self.api()]
        self.send_response(200)
        self.send_header("content-type", content_type)
        self.send_header("transfer-encoding", "chunked")
        for name, value in entry.get("headers", {"x-request-id": "req-77"}).items():
            self.send_header(name, value)
        self.end_headers()
        left = entry.get("cut")
        for piece in make(entry, model):
            if left is not None and len(piece) >= left:
                if left:
                    self.chunk(piece[:left])
                if entry.get("hang") == "body":
                    self.server.provider.released.wait(120)
                self.cut()
                return
            left = None if left is None else left - len(piece)
            self.chunk(piece)
            time.sleep(entry.get("slow", 0))
        if entry.get("hang") == "body":
            self.server.provider.released.wait(120)
        self.wfile.write(b"0\r\n\r\n")


class Server(socketserver.ThreadingMixIn, http.server.HTTPServer):
    daemon_threads = True
    request_queue_size = 256

    def handle_error(self, request, client_address):
        pass


class FakeProvider:
    def __init__(self, port=0):
        self.lock = threading.Lock()
        self.requests, self.plans, self.default = [], [], {}
        self.served, self.asked = [], []  # what it would bill; questions for its reports
        self.models = ["m"]
        self.batches = Batches()
        self.metrics = None
        self.cache = None  # fake_cache.py
        self.connections = self.dropped = 0
        self.open = []
        self.released = threading.Event()
        self.server = Server(("127.0.0.1", port), Handler)
        self.server.provider = self
        self.port = self.server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self.server.serve_forever, daemon=True).start()

    def connected(self, connection):
        with self.lock:
            self.open.append(connection)
            self.connections += 1
            return self.connections

    def plan(self, *entries):
        with self.lock:
            self.requests.clear()
            self.plans[:] = entries

    def close(self):
        self.released.set()
        self.server.shutdown()
        self.server.server_close()
        for connection in self.open:
            with contextlib.suppress(OSError):
                connection.shutdown(socket.SHUT_RDWR)

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

"""The batch APIs of a FakeProvider: OpenAI's files and batches, Anthropic's batches of messages. A batch has ended once it
was looked at `polls` times; each record's reply says its prompt back.

    provider.batches.polls = 3
    provider.batches.fault("create", status=429, headers={"retry-after": "1"})  # of the next such request
    provider.batches.fault("create", cut=True)      # it is done, and the connection is closed before the answer
    provider.batches.fault("results", cut=500)      # after so many bytes
    provider.batches.expired = provider.batches.refused = {3, 4}                # places in the batch

Kinds of requests: upload, create, list, get, cancel, results."""

import email.parser
import email.policy
import json
import re
import time

USAGE = {"input": 11, "read": 100, "write": 20, "output": 7}


def said(body):
    content = body["messages"][-1]["content"]
    return "Re: " + (content if isinstance(content, str) else "".join(part["text"] for part in content))


def openai_reply(body):
    prompt = USAGE["input"] + USAGE["read"] + USAGE["write"]
    return {"id": "chatcmpl-b", "object": "chat.completion", "created": 1, "model": body["model"],
            "choices": [{"index": 0, "message": {"role": "assistant", "content": said(body)}, "finish_reason": "stop"}],
            "usage": {"prompt_tokens": prompt, "completion_tokens": USAGE["output"],
                      "total_tokens": prompt + USAGE["output"],
                      "prompt_tokens_details": {"cached_tokens": USAGE["read"], "cache_write_tokens": USAGE["write"]}}}


def anthropic_reply(body):
    return {"id": "msg_b", "type": "message", "role": "assistant", "model": body["model"], "stop_reason": "end_turn",
            "stop_sequence": None, "content": [{"type": "text", "text": said(body)}],
            "usage": {"input_tokens": USAGE["input"], "cache_read_input_tokens": USAGE["read"],
                      "cache_creation_input_tokens": USAGE["write"], "output_tokens": USAGE["output"]}}


def form_file(content_type, text):
    message = email.parser.BytesParser(policy=email.policy.HTTP).parsebytes(
        f"Content-Type: {content_type}\r\n\r\n".encode() + text)
    parts = {part.get_param("name", header="content-disposition"): part.get_payload(decode=True)
             for part in message.iter_parts()}
    assert parts["purpose"].strip() == b"batch"
    return parts["file"]


class Batches:
    def __init__(self):
        self.clear()

    def clear(self):
        self.polls, self.expired, self.refused = 1, set(), set()
        self.files, self.made, self.faults, self.seen = {}, {}, {}, []

    def fault(self, kind, **what):
        self.faults.setdefault(kind, []).append(what)

    def count(self, kind):
        return sum(seen == kind for seen in self.seen)

    # --- what a request is ---

    @staticmethod
    def kind_of(method, path):
        path = path.split("?")[0]
        if path == "/v1/files" and method == "POST":
            return "upload"
        if re.fullmatch(r"/v1/(messages/)?batches", path):
            return "create" if method == "POST" else "list"
        if path.endswith("/cancel"):
            return "cancel"
        if re.fullmatch(r"/v1/files/[^/]+/content|/v1/messages/batches/[^/]+/results", path):
            return "results"
        return "get" if re.fullmatch(r"/v1/(messages/)?batches/[^/]+", path) else None

    def answer(self, handler, method, text=b""):
        """False: it is none of these."""
        kind = self.kind_of(method, handler.path)
        if not kind:
            return False
        provider = handler.server.provider
        with provider.lock:
            self.seen.append(kind)
            fault = self.faults[kind].pop(0) if self.faults.get(kind) else {}
            reply = None if "status" in fault else self.act(kind, handler, text)
        if "status" in fault:
            handler.send(fault["status"], {"error": {"type": "some_error", "message": "no"}}, fault)
        elif "cut" in fault:
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send(handler, data, 0 if fault["cut"] is True else fault["cut"])
            handler.cut()
        elif reply is None:
            handler.send(404, {"error": {"type": "not_found_error", "message": "no such thing"}})
        else:
            data = reply if isinstance(reply, bytes) else json.dumps(reply).encode()
            self.send(handler, data, len(data))
        return True

    @staticmethod
    def send(handler, data, count):
        if count > 0:
            handler.send_response(200)
            handler.send_header("content-type", "application/json")
            handler.send_header("content-length", str(len(data)))
            handler.end_headers()
            handler.wfile.write(data[:count])

    def act(self, kind, handler, text):
        is_anthropic = "/messages/" in handler.path
        if kind == "upload":
            name = f"file-{len(self.files)}"
            self.files[name] = form_file(handler.headers["content-type"], text)
            return {"id": name, "object": "file", "bytes": len(self.files[name])}
        if kind == "create":
            return self.create(is_anthropic, json.loads(text))
        if kind == "list":
            mine = [self.show(batch) for batch in reversed(self.made.values()) if batch["anthropic"] == is_anthropic]
            return {"object": "list", "data": mine, "has_more": False}
        parts = handler.path.split("/")
        if kind == "results" and not is_anthropic:
            return self.files.get(parts[-2])
        batch = self.made.get(parts[-1] if kind == "get" else parts[-2])
        if batch and kind == "get":
            batch["looks"] += 1
        if batch and kind == "cancel":
            batch["cancelled"] = True
        if batch and (batch["looks"] >= self.polls or batch["cancelled"]):
            self.end(batch)
        if kind == "results":
            return batch["results"] if batch and batch["ended"] else None
        return self.show(batch) if batch else None

    def create(self, is_anthropic, body):
        if is_anthropic:
            records = [(row["custom_id"], row["params"]) for row in body["requests"]]
        else:
            assert body["endpoint"] == "/v1/chat/completions" and body["completion_window"] == "24h"
            rows = [json.loads(line) for line in self.files[body["input_file_id"]].splitlines() if line.strip()]
            assert all(row["url"] == body["endpoint"] and row["method"] == "POST" for row in rows)
            records = [(row["custom_id"], row["body"]) for row in rows]
        assert len({name for name, _ in records}) == len(records)
        batch = {"id": f"{'msgbatch' if is_anthropic else 'batch'}_{len(self.made)}", "anthropic": is_anthropic,
                 "records": records, "looks": 0, "ended": False, "cancelled": False, "created": time.time(),
                 "metadata": body.get("metadata"), "counts": [0, 0, 0]}
        self.made[batch["id"]] = batch
        return self.show(batch)

    # --- what becomes of it ---

    def end(self, batch):
        if batch["ended"]:
            return
        batch["ended"] = True
        good, bad = [], []
        for place, (name, body) in enumerate(batch["records"]):
            is_undone = place in self.expired or (batch["cancelled"] and place >= len(batch["records"]) // 2)
            if batch["anthropic"]:
                result = {"type": "succeeded", "message": None}
                if is_undone:
                    result = {"type": "canceled" if batch["cancelled"] else "expired"}
                elif place in self.refused:
                    result = {"type": "errored", "error": {"type": "error", "error": {
                        "type": "invalid_request_error", "message": "it is wrong"}}}
                else:
                    result["message"] = anthropic_reply(body)
                good.append({"custom_id": name, "result": result})
            elif is_undone:
                bad.append({"id": "b", "custom_id": name, "response": None, "error": {"code": "batch_expired"}})
            elif place in self.refused:
                bad.append({"id": "b", "custom_id": name, "error": None, "response": {
                    "status_code": 400, "body": {"error": {"message": "it is wrong", "type": "invalid_request_error"}}}})
            else:
                good.append({"id": "b", "custom_id": name, "error": None,
                             "response": {"status_code": 200, "request_id": "r", "body": openai_reply(body)}})
        texts = ["".join(json.dumps(row) + "\n" for row in rows[::-1]).encode() for rows in (good, bad)]
        batch["results"] = texts[0]
        batch["counts"] = [len(good), len(bad), len(batch["records"])]
        for word, text in zip(("output", "error"), texts):
            if text and not batch["anthropic"]:
                batch[word] = f"{batch['id']}_{word}"
                self.files[batch[word]] = text

    def show(self, batch):
        total = len(batch["records"])
        if batch["anthropic"]:
            counts = {"processing": 0 if batch["ended"] else total, "succeeded": total if batch["ended"] else 0,
                      "errored": 0, "canceled": 0, "expired": 0}
            at = time.strftime("%Y-%m-%dT%H:%M:%SZ", time.gmtime(batch["created"]))
            return {"id": batch["id"], "type": "message_batch", "created_at": at, "request_counts": counts,
                    "processing_status": "ended" if batch["ended"] else "canceling" if batch["cancelled"] else "in_progress",
                    "results_url": f"http://elsewhere/{batch['id']}" if batch["ended"] else None}
        status = ("cancelled" if batch["cancelled"] else "completed") if batch["ended"] else "in_progress"
        return {"id": batch["id"], "object": "batch", "status": status, "created_at": int(batch["created"]),
                "metadata": batch["metadata"], "output_file_id": batch.get("output"),
                "error_file_id": batch.get("error"), "request_counts": {"total": total, "completed": 0, "failed": 0}}

"""`fulcrum eval A --against B`: forms of rows, metrics, the judge, verdicts and exit statuses, reports, and that nothing
is asked twice. The models are a script behind HTTP, which counts what it is asked."""

import html.parser
import http.server
import json
import os
import signal
import subprocess
import threading
import time
import urllib.parse

import pytest

from conftest import FULCRUM

SWITCH, STAY, UNSURE = 0, 3, 4


class Models:
    """Answers Converse by `says(model, text)`: a text, a list of content blocks, or an HTTP status."""

    def __init__(self, says, delay=0):
        self.asked = []
        models = self

        class Handler(http.server.BaseHTTPRequestHandler):
            protocol_version = "HTTP/1.1"

            def do_POST(self):
                body = json.loads(self.rfile.read(int(self.headers["Content-Length"])))
                model = urllib.parse.unquote(self.path.split("/")[2])
                text = body["messages"][-1]["content"][0]["text"]
                models.asked.append((model, text, body))
                time.sleep(delay)
                said = says(model, text)
                status = said if isinstance(said, int) else 200
                content = [{"text": said}] if isinstance(said, str) else said
                reply = {"message": "it says no"} if status != 200 else {
                    "output": {"message": {"role": "assistant", "content": content}}, "stopReason": "end_turn",
                    "usage": {"inputTokens": 100, "outputTokens": 10, "totalTokens": 110}, "metrics": {"latencyMs": 7}}
                data = json.dumps(reply, indent=1).encode()
                self.send_response(status)
                self.send_header("Content-Length", str(len(data)))
                self.end_headers()
                self.wfile.write(data)

            def log_message(self, *args):
                pass

        self.server = http.server.ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.server.daemon_threads = True
        threading.Thread(target=self.server.serve_forever, daemon=True).start()
        self.url = f"http://127.0.0.1:{self.server.server_port}"

    def count(self, model):
        return sum(one[0] == model for one in self.asked)


def rows_of(path, rows):
    path.write_text("".join((row if isinstance(row, str) else json.dumps(row, ensure_ascii=False)) + "\n" for row in rows),
                    encoding="utf-8")
    return str(path)


def evaluate(models, *arguments, **more):
    return subprocess.run([str(FULCRUM), "eval", *map(str, arguments), "--endpoint", models.url], capture_output=True,
                          text=True, timeout=60, check=False, **more)


def pairs(count):
    return [{"prompt": f"question {i}", "referenceResponse": f"answer {i}", "category": "even" if i % 2 == 0 else "odd"}
            for i in range(count)]


def good_unless(wrong):
    """`good` and `student` know all answers, the student but those of `wrong`."""
    def says(model, text):
        number = int(text.split()[-1])
        return "no idea" if model == "student" and number in wrong else f"Answer {number}."
    return says


@pytest.mark.parametrize("count, wrong, bound, status", [
    (400, set(), 2, SWITCH), (30, set(), 2, UNSURE), (400, set(range(80)), 2, STAY), (400, set(range(8)), 2, UNSURE),
    (400, set(range(8)), 10, SWITCH)])
def test_verdicts(tmp_path, count, wrong, bound, status):
    models = Models(good_unless(wrong))
    data = rows_of(tmp_path / "rows.jsonl", pairs(count))
    done = evaluate(models, "student", "--against", "good", "--data", data, "--bound", bound, "--json")
    assert done.returncode == status, done.stdout + done.stderr
    figures = json.loads(done.stdout)
    assert figures["verdict"] == {SWITCH: "switch", STAY: "stay", UNSURE: "unsure"}[status]
    assert figures["score"] == pytest.approx(1 - len(wrong) / count)
    assert figures["difference"]["score"] == pytest.approx(-len(wrong) / count)
    assert figures["difference"]["low"] <= figures["difference"]["score"] <= figures["difference"]["high"]
    assert figures["metrics"]["exact"]["rows"] == count
    assert set(figures["categories"]) == {"even", "odd"}
    assert [one["model"] for one in figures["models"]] == ["student", "good"]
    assert figures["models"][0]["latencyMs"]["p50"] == 7 and figures["models"][0]["inputTokens"] == 100
    assert models.count("student") == models.count("good") == count
    body = models.asked[0][2]
    assert body["inferenceConfig"]["temperature"] == 0 and body["inferenceConfig"]["maxTokens"] >= 64


def test_forms_of_rows_and_lines_left_out(tmp_path):
    tool = {"toolSpec": {"name": "find", "inputSchema": {"json": {"type": "object"}}}}
    rows = [
        {"schemaVersion": "bedrock-conversation-2024", "system": [{"text": "Be short."}],
         "messages": [{"role": "user", "content": [{"text": "conversation"}]},
                      {"role": "assistant", "content": [{"text": "right"}]}]},
        "{broken",
        {"messages": [{"role": "system", "content": "s"}, {"role": "user", "content": "chat"},
                      {"role": "assistant", "content": "{\"a\": 1, \"b\": [2]}"}]},
        {"prompt": "no reference"},
        {"messages": [{"role": "user", "content": [{"text": "call"}]},
                      {"role": "assistant", "content": [{"toolUse": {"toolUseId": "x", "name": "find",
                                                                     "input": {"id": 5}}}]}],
         "toolConfig": {"tools": [tool]}},
        {"prompt": "long", "reference": "one two three four five six seven eight nine ten"},
    ]
    said = {"conversation": "Right.", "chat": "```json\n{\"b\": [2.0], \"a\": 1}\n```",
            "call": [{"toolUse": {"toolUseId": "y", "name": "find", "input": {"id": 5}}}], "long": "one two three"}
    models = Models(lambda model, text: said[text])
    data = rows_of(tmp_path / "rows.jsonl", rows)
    done = evaluate(models, "a", "--data", data, "--json")
    assert done.returncode == 0, done.stderr
    figures = json.loads(done.stdout)
    assert figures["rows"] == 4 and figures["leftOut"] == 2
    assert [line["line"] for line in figures["leftOutLines"]] == [2, 4]
    assert "not JSON" in figures["leftOutLines"][0]["reason"] and "--judge" in figures["leftOutLines"][1]["reason"]
    assert f"{data}:2: left out: not JSON" in done.stderr
    scores = {name: part["quality"][0]["score"] for name, part in figures["metrics"].items()}
    assert scores == {"exact": 1, "json": 1, "tool": 1, "rouge": pytest.approx(6 / 13)}
    assert "verdict" not in figures
    bodies = {text: body for _, text, body in models.asked}
    assert bodies["conversation"]["system"] == [{"text": "Be short."}]
    assert bodies["call"]["toolConfig"] == {"tools": [tool]}
    assert len(bodies["conversation"]["messages"]) == 1


def judge_of(prefers):
    """A judge by what stands in the answers; `prefers(a, b)` gives A, B or tie."""
    def says(model, text):
        if model != "judge":
            return f"{model} says: {text}"
        a, b = text.split("Answer A:\n")[1].split("\n\nAnswer B:\n")
        return json.dumps({"better": prefers(a, b.split("\n\nWhich answer")[0])})
    return says


@pytest.mark.parametrize("prefers, score, agreed", [
    (lambda a, b: "A" if a.startswith("one") else "B", 1, 40),  # the first model is better
    (lambda a, b: "A" if a.startswith("two") else "B", 0, 40),
    (lambda a, b: "tie", 0.5, 40),
    (lambda a, b: "A", 0.5, 0),                                 # whoever stands first
])
def test_judge(tmp_path, prefers, score, agreed):
    models = Models(judge_of(prefers))
    data = rows_of(tmp_path / "rows.jsonl", [{"prompt": f"say {i}"} for i in range(40)])
    done = evaluate(models, "one", "--against", "two", "--data", data, "--judge", "judge", "--json")
    assert done.returncode in (SWITCH, STAY, UNSURE), done.stderr
    figures = json.loads(done.stdout)
    assert figures["score"] == score
    assert figures["judge"] == {"model": "judge", "rows": 40, "agreed": agreed, "withoutWord": 0}
    assert models.count("judge") == 80
    body = next(body for model, _, body in models.asked if model == "judge")
    schema = json.loads(body["outputConfig"]["textFormat"]["structure"]["jsonSchema"]["schema"])
    assert schema["properties"]["better"]["enum"] == ["A", "B", "tie"]


def test_same_answers_are_no_work_for_a_judge(tmp_path):
    models = Models(lambda model, text: "the same")
    data = rows_of(tmp_path / "rows.jsonl", pairs(20))
    done = evaluate(models, "one", "--against", "two", "--data", data, "--metric", "judge", "--judge", "judge", "--json")
    assert json.loads(done.stdout)["score"] == 0.5
    assert models.count("judge") == 0


# --- what was asked once --------------------------------------------------------------------------------------


def test_a_run_that_was_killed_asks_nothing_twice(tmp_path):
    models = Models(good_unless({1}), delay=0.02)
    data, report = rows_of(tmp_path / "rows.jsonl", pairs(60)), tmp_path / "out.html"
    command = [str(FULCRUM), "eval", "student", "--against", "good", "--data", data, "--report", str(report), "--endpoint",
               models.url]
    kept = tmp_path / "out.html.answers.jsonl"
    first = subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    deadline = time.monotonic() + 20
    while (not kept.exists() or kept.read_bytes().count(b"\n") < 70) and time.monotonic() < deadline:
        time.sleep(0.005)
    first.send_signal(signal.SIGKILL)
    first.wait()
    assert not report.exists()
    with kept.open("ab") as file:
        file.write(b'{"key":"torn')  # half a line, as a crash leaves it
    before = kept.read_bytes().count(b"\n")
    assert 70 <= before < 120
    models.asked.clear()
    done = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert done.returncode == UNSURE, done.stderr
    assert len(models.asked) == 120 - before, "what was answered and kept is not asked again"
    assert "answers are there already" in done.stderr
    models.asked.clear()
    again = subprocess.run(command, capture_output=True, text=True, timeout=60, check=False)
    assert models.asked == [] and again.stdout == done.stdout


def test_failed_rows_count_as_wrong_and_are_asked_again(tmp_path):
    broken = {"question 3", "question 4"}
    models = Models(lambda model, text: 400 if text in broken else f"answer {text.split()[-1]}")
    data, kept = rows_of(tmp_path / "rows.jsonl", pairs(10)), tmp_path / "kept"
    done = evaluate(models, "one", "--data", data, "--answers", kept, "--json")
    figures = json.loads(done.stdout)
    assert figures["failed"] == 2 and figures["score"] == 0.8
    models.asked.clear()
    again = evaluate(models, "one", "--data", data, "--answers", kept, "--json")
    assert again.returncode == 0 and json.loads(again.stdout) == figures, "rows that fail always are no model that does"
    assert len(models.asked) == 2
    broken.clear()
    models.asked.clear()
    figures = json.loads(evaluate(models, "one", "--data", data, "--answers", kept, "--json").stdout)
    assert figures["failed"] == 0 and figures["score"] == 1 and len(models.asked) == 2


def test_a_model_that_fails_always_is_an_error(tmp_path):
    models = Models(lambda model, text: 404)
    data = rows_of(tmp_path / "rows.jsonl", pairs(30))
    done = evaluate(models, "one", "--against", "two", "--data", data)
    assert done.returncode == 1
    assert done.stderr.startswith("fulcrum eval: one: every request failed, the first with: HTTP 404: it says no")


# --- the page -------------------------------------------------------------------------------------------------


class Page(html.parser.HTMLParser):
    def __init__(self, text):
        super().__init__()
        self.tags, self.attributes, self.text = [], [], ""
        self.feed(text)

    def handle_starttag(self, tag, attrs):
        self.tags.append(tag)
        self.attributes += attrs

    def handle_data(self, data):
        self.text += data


EVIL = "</pre></td><script>alert('x')</script><img src=http://evil.example/ onerror=alert(1)>&lt;\u202e\x00\x1b[31m"


def test_page_with_hostile_content(tmp_path):
    models = Models(lambda model, text: EVIL if model == "a<b>" else "other " + EVIL)
    rows = [{"prompt": f"{i} {EVIL}", "referenceResponse": EVIL, "category": EVIL} for i in range(3)]
    data = rows_of(tmp_path / "<i>rows.jsonl", rows + ["<script>"])
    done = evaluate(models, "a<b>", "--against", "c\"d'", "--data", data, "--metric", "f1", "--report", tmp_path / "r.html")
    assert done.returncode == UNSURE, done.stderr
    page = Page((tmp_path / "r.html").read_text(encoding="utf-8"))
    assert not {"script", "img", "i", "b", "link", "iframe", "a"} & set(page.tags)
    assert not any(name.startswith("on") or name in ("src", "href") for name, _ in page.attributes)
    assert page.text.count("<script>alert('x')</script>") >= 9
    assert "default-src 'none'" in dict(page.attributes)["content"] or any(
        value and "default-src 'none'" in value for _, value in page.attributes)
    assert "Rows where the answers differ: 3 of 3" in page.text and "Lines left out: 1" in page.text
    assert "\x1b" not in page.text and "\x00" not in page.text


# --- usage ----------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("arguments, message", [
    (["--metric", "bleu"], "--metric: expected auto, exact, json, tool, f1, rouge or judge, got 'bleu'"),
    (["--metric", "judge"], "--metric judge: name the judge's model with --judge"),
    (["--bound", "x"], "--bound: expected points from 0 to 100, got 'x'"),
    (["--bound", "101"], "--bound: expected points from 0 to 100, got '101'"),
    (["--judge", "j"], "--judge: it compares two models; name the other with --against"),
    (["--metric", "f1", "--labels", "l"], "--labels goes with none of"),
])
def test_wrong_usage(tmp_path, arguments, message):
    models = Models(lambda model, text: "x")
    data = rows_of(tmp_path / "rows.jsonl", pairs(2))
    done = evaluate(models, "one", "--data", data, *arguments)
    assert done.returncode == 2 and message in done.stderr
    assert models.asked == []


def test_no_row_is_left(tmp_path):
    models = Models(lambda model, text: "x")
    data = rows_of(tmp_path / "rows.jsonl", ["{}", {"prompt": ""}])
    done = evaluate(models, "one", "--data", data)
    assert done.returncode == 1 and "there are no rows in it that can be compared" in done.stderr


def test_answers_that_cannot_be_kept(tmp_path):
    models = Models(lambda model, text: "x")
    data = rows_of(tmp_path / "rows.jsonl", pairs(2))
    done = evaluate(models, "one", "--data", data, "--answers", "/dev/full")
    assert done.returncode == 1 and "/dev/full" in done.stderr


def test_the_embedded_pair(tmp_path):
    """A server of its own, the embedded set, and a page."""
    done = subprocess.run([str(FULCRUM), "eval", "desk", "--limit", "40", "--report", "out.html", "--json"], cwd=tmp_path,
                          env={**os.environ, "HOME": str(tmp_path)}, capture_output=True, text=True, timeout=240,
                          check=False)
    assert done.returncode in (SWITCH, STAY, UNSURE), done.stderr
    figures = json.loads(done.stdout)
    assert figures["model"] == "desk-large" and figures["against"] == "desk-small" and figures["rows"] == 40
    assert figures["score"] > 0.5 and figures["costPer1000"] > 0
    assert {"exact", "json"} <= set(figures["metrics"])
    assert "desk-large" in (tmp_path / "out.html").read_text(encoding="utf-8")

"""Chat templates of llama.cpp's source, rendered by `fulcrum template` and by Python's Jinja with the helpers that
transformers gives it: the same bytes, or both refuse. docs/MODELS-OPEN.md lists where not, with the reason."""
import datetime
import json
import os
import subprocess
from pathlib import Path

import jinja2
import jinja2.ext
import jinja2.sandbox

from conftest import BUILD, FULCRUM, Server

NOW = 1721952000
FOLDER = Path(os.environ["FULCRUM_DEPS"]) / "share/llama.cpp/models/templates"
BEGIN, END = "<s>", "</s>"


def said(role, content, **more):
    return {"role": role, "content": content, **more}


def call(identifier, name, **arguments):
    return {"id": identifier, "type": "function", "function": {"name": name, "arguments": arguments}}


def tool(name, description, **properties):
    return {"type": "function", "function": {"name": name, "description": description, "parameters": {
        "type": "object", "properties": properties, "required": list(properties)}}}


USER = said("user", "What's the weather?")
SYSTEM = said("system", "You are terse.\nAnswer in one line.")
REPLY = said("assistant", "Sunny.")
TOOLS = [tool("get_weather", "Weather of a city", city={"type": "string", "description": "Name"}),
         tool("clock", "The time", zone={"type": "string"})]
CALLED = said("assistant", "", tool_calls=[call("call00001", "get_weather", city="Sylt")])
CALLED_TWICE = said("assistant", "", tool_calls=[call("call00001", "get_weather", city="Sylt"),
                                                 call("call00002", "clock", zone="CET")])
RESULT = said("tool", "18 degrees", tool_call_id="call00001", name="get_weather")
OTHER_RESULT = said("tool", "12:30", tool_call_id="call00002", name="clock")
OPEN = {"add_generation_prompt": True}

CONVERSATIONS = {
    "user": {"messages": [USER], **OPEN},
    "system": {"messages": [SYSTEM, USER], **OPEN},
    "turns": {"messages": [SYSTEM, USER, REPLY, said("user", "And tomorrow?")], **OPEN},
    "closed": {"messages": [USER, REPLY], "add_generation_prompt": False},
    "unicode": {"messages": [SYSTEM, said("user", " \u00c5ngstr\u00f6m \u20ac \U0001fa81\n\n'\"<&>\\ {{ x }} ")],
                **OPEN},
    "empty": {"messages": [said("user", "")], **OPEN},
    "tools": {"messages": [SYSTEM, USER], "tools": TOOLS, **OPEN},
    "call": {"messages": [USER, CALLED, RESULT], "tools": TOOLS, **OPEN},
    "calls": {"messages": [USER, CALLED_TWICE, RESULT, OTHER_RESULT], "tools": TOOLS, **OPEN},
    "after": {"messages": [SYSTEM, USER, CALLED, RESULT, said("assistant", "18 degrees."), said("user", "Thanks!")],
              "tools": TOOLS, **OPEN},
    "reasoning": {"messages": [USER, said("assistant", "Sunny.", reasoning_content="Look outside."),
                               said("user", "Sure?")], **OPEN},
    "no thinking": {"messages": [USER], "enable_thinking": False, **OPEN},
}


class Generation(jinja2.ext.Extension):
    """{% generation %}, which marks what the assistant says and writes nothing."""
    tags = {"generation"}

    def parse(self, parser):
        line = next(parser.stream).lineno
        body = parser.parse_statements(["name:endgeneration"], drop_needle=True)
        return jinja2.nodes.Scope(body, lineno=line)


def refuse(message):
    raise jinja2.exceptions.TemplateError(message)


def reference():
    environment = jinja2.sandbox.ImmutableSandboxedEnvironment(
        trim_blocks=True, lstrip_blocks=True, extensions=[Generation, jinja2.ext.loopcontrols])
    environment.filters["tojson"] = lambda value, ensure_ascii=False, indent=None, separators=None, sort_keys=False: \
        json.dumps(value, ensure_ascii=ensure_ascii, indent=indent, separators=separators, sort_keys=sort_keys)
    environment.globals["raise_exception"] = refuse
    environment.globals["strftime_now"] = datetime.datetime.fromtimestamp(NOW, datetime.timezone.utc).strftime
    return environment


def expected(source):
    template = reference().from_string(source)
    texts = []
    for variables in CONVERSATIONS.values():
        try:
            texts.append(template.render(bos_token=BEGIN, eos_token=END, **variables))
        except Exception:  # whatever stops a template stops its prompt
            texts.append(None)
    return texts


def rendered(source):
    renderings = [{"bos_token": BEGIN, "eos_token": END, **variables} for variables in CONVERSATIONS.values()]
    question = json.dumps({"template": source, "now": NOW, "renderings": renderings}).encode()
    answer = subprocess.run([FULCRUM, "template"], input=question, capture_output=True, check=True, timeout=120)
    return [rendering.get("text") for rendering in json.loads(answer.stdout)["renderings"]]


# Where the two differ, it is for what docs/MODELS-OPEN.md says of these.
LISTED = {"CohereForAI-c4ai-command-r-plus-tool_use", "Kimi-K2-Instruct", "Kimi-K2-Thinking",
          "fireworks-ai-llama-3-firefunction-v2", "llama-cpp-deepseek-r1",
          "meetkai-functionary-medium-v3.1", "meetkai-functionary-medium-v3.2"}


def test_templates_render_as_in_python():
    different, count = [], 0
    for path in sorted(FOLDER.glob("*.jinja")):
        source = path.read_text(encoding="utf-8")
        for name, ours, theirs in zip(CONVERSATIONS, rendered(source), expected(source)):
            count += 1
            if ours != theirs:
                different.append((path.stem, name))
    print(f"{count - len(different)} of {count} equal; not: {different}")
    assert count >= 70 * len(CONVERSATIONS)
    assert len(different) <= count * 0.05 and {stem for stem, _ in different} == LISTED, different


def model_with(path, template):
    """A tiny model whose file has this template in the place of its own, which is longer."""
    subprocess.run([str(BUILD / "tests/tools/make_gguf"), str(path), "--context", "512", "--seed", "9"], check=True)
    data = path.read_bytes()
    start = data.index(b"{% for message in messages %}")
    end = data.index(b"{% endif %}", start) + len(b"{% endif %}")
    room = end - start - len(template) - len("{##}")
    path.write_bytes(data[:start] + template.encode() + b"{#" + b" " * room + b"#}" + data[end:])
    return path


GOOD = ("{% for m in messages %}[{{ m.role }}]{{ m.content }}[end]{% endfor %}"
        "{% if add_generation_prompt %}[assistant]{% endif %}")
HOSTILE = {"deep": "{% macro f(x) %}{{ f(x + 1) }}{% endmacro %}{{ f(0) }}",
           "throwing": "{{ raise_exception('only on Mondays') }}", "unfinished": "{% for m in messages %}"}
HINDRANCES = {"deep": "nests too deep", "throwing": "only on Mondays", "unfinished": "the template fails"}


def test_hostile_templates_are_told_and_others_serve(tmp_path):
    models = {name: model_with(tmp_path / f"{name}.gguf", template) for name, template in
              {"good": GOOD, **HOSTILE}.items()}
    config = "models:\n" + "".join(f"  - {{name: {name}, path: {path}, parallel: 1}}\n"
                                   for name, path in models.items())
    server = Server(config, tmp_path)
    try:
        for name in models:
            reply = server.client().converse(modelId=name, inferenceConfig={"maxTokens": 2},
                                             messages=[{"role": "user", "content": [{"text": "hello"}]}])
            assert reply["usage"]["outputTokens"] > 0
    finally:
        assert server.stop() == 0
    told = [line for line in server.log().splitlines() if "template_replaced" in line]
    assert len(told) == len(HOSTILE) and not any("good" in line for line in told)
    for name, hindrance in HINDRANCES.items():
        assert any(name in line and hindrance in line for line in told), told
    examined = json.loads(subprocess.run([FULCRUM, "models", "--examine", "--json", "--config",
                                          str(tmp_path / "fulcrum.yaml")], capture_output=True, check=True).stdout)
    assert {row["name"] for row in examined if row["measured"]} == {"good"}
    assert next(row for row in examined if row["name"] == "good")["promptsBy"] == "measured"

#!/usr/bin/env python3
"""Writes the golden files of the chat templates.

    pip install jinja2
    python3 tests/golden/generate.py FOLDER

FOLDER holds the reference Jinja templates (models/templates of llama.cpp's
source). What our rendering changes on purpose is a patch of the reference
here, named and explained in docs/TEMPLATES.md, so the expected text still
comes from the reference and never from our own code.
"""
import json
import sys
from pathlib import Path

import jinja2

HERE = Path(__file__).parent
SYSTEM = "You are terse.\nAnswer in one line."
WEATHER = {
    "name": "get_weather",
    "description": "Weather of a city, \u00b0C",
    "schema": {
        "type": "object",
        "properties": {
            "city": {"type": "string", "description": "Name & country"},
            "days": {"type": "integer", "minimum": 1, "maximum": 7},
        },
        "required": ["city"],
    },
}
CLOCK = {"name": "clock", "description": "", "schema": {"type": "object", "properties": {}}}
LIST = {
    "name": "list_orders",
    "description": "Orders of a customer",
    "schema": {
        "type": "object",
        "properties": {"state": {"enum": ["open", "closed", None]}, "tags": {"type": "array", "items": []}},
        "additionalProperties": False,
    },
}


def text(words):
    return {"text": words}


def user(*blocks):
    return {"role": "user", "content": list(blocks)}


def assistant(*blocks):
    return {"role": "assistant", "content": list(blocks)}


def call(identifier, name, arguments):
    return {"toolUse": {"id": identifier, "name": name, "input": arguments}}


def result(identifier, words):
    return {"toolResult": {"id": identifier, "text": words}}


ASK = user(text("What is the weather in K\u00f6ln?"))
CALL = assistant(call("abcdef012", "get_weather", {"city": "K\u00f6ln", "days": 2}))
RESULT = user(result("abcdef012", "{\"temp\": 21, \"sky\": \"clear\"}"))
TURNS = [user(text("Hi")), assistant(text("Hello!")), user(text("1 < 2 & \"yes\"?"))]

CASES = {
    "single": {"messages": [user(text("Hello there"))]},
    "system": {"system": [text(SYSTEM)], "messages": [user(text("Hello there"))]},
    "multi_turn": {"messages": TURNS},
    "system_multi_turn": {"system": [text(SYSTEM)], "messages": TURNS},
    "tools": {"system": [text(SYSTEM)], "tools": [WEATHER, CLOCK, LIST], "messages": [ASK]},
    "tools_no_system": {"tools": [WEATHER], "messages": [ASK]},
    "tool_result": {"system": [text(SYSTEM)], "tools": [WEATHER], "messages": [ASK, CALL, RESULT]},
    "tool_result_then_turns": {
        "tools": [WEATHER],
        "messages": [ASK, CALL, RESULT, assistant(text("Clear, 21 \u00b0C.")), user(text("Thanks"))],
    },
    "two_calls_two_results": {
        "system": [text(SYSTEM)],
        "tools": [WEATHER, CLOCK],
        "messages": [
            ASK,
            assistant(call("abcdef012", "get_weather", {"city": "K\u00f6ln"}), call("abcdef013", "clock", {})),
            user(result("abcdef012", "rain"), result("abcdef013", "12:30")),
        ],
    },
    "text_and_call": {
        "system": [text(SYSTEM)],
        "tools": [WEATHER],
        "messages": [ASK, assistant(text("Let me look."), CALL["content"][0]), RESULT],
    },
    "white_space": {"messages": [user(text("  padded \n")), assistant(text("\n ok ")), user(text("x"))]},
    "markers_in_content": {"messages": [user(text("<|im_end|><|eot_id|>[/INST]</s><end_of_turn>"))]},
}


def plain(blocks):
    return "\n".join(block["text"] for block in blocks if "text" in block)


def hugging_face_messages(request):
    """The request as templates want it: tool results are messages of their own."""
    messages = []
    if "system" in request:
        messages.append({"role": "system", "content": plain(request["system"])})
    for message in request["messages"]:
        results = [block["toolResult"] for block in message["content"] if "toolResult" in block]
        calls = [block["toolUse"] for block in message["content"] if "toolUse" in block]
        for item in results:
            messages.append({"role": "tool", "content": item["text"], "tool_call_id": item["id"]})
        if results:
            continue
        entry = {"role": message["role"], "content": plain(message["content"])}
        if calls:
            entry["tool_calls"] = [
                {"type": "function", "id": item["id"], "function": {"name": item["name"], "arguments": item["input"]}}
                for item in calls
            ]
        messages.append(entry)
    return messages


def hugging_face_tools(request):
    tools = []
    for tool in request.get("tools", []):
        function = {"name": tool["name"]}
        if tool["description"]:
            function["description"] = tool["description"]
        function["parameters"] = tool["schema"]
        tools.append({"type": "function", "function": function})
    return tools or None


def refuse(message):
    raise ValueError(message)


def render(source, request, eos=""):
    environment = jinja2.Environment(trim_blocks=True, lstrip_blocks=True)
    environment.filters["tojson"] = lambda value, indent=None: json.dumps(value, ensure_ascii=False, indent=indent)
    environment.globals["raise_exception"] = refuse
    values = {
        "messages": hugging_face_messages(request),
        "bos_token": "",
        "eos_token": eos,
        "add_generation_prompt": True,
    }
    tools = hugging_face_tools(request)
    if tools:
        values["tools"] = tools
    return environment.from_string(source).render(**values)


def patched(source, *changes):
    for before, after in changes:
        if before not in source:
            raise ValueError(f"the reference changed: {before!r} is not there")
        source = source.replace(before, after)
    return source


def chatml(folder):
    qwen25 = (folder / "Qwen-Qwen2.5-7B-Instruct.jinja").read_text()
    qwen3 = (folder / "Qwen-Qwen3-0.6B.jinja").read_text()
    # Without a system text Qwen 3's template is the reference: no model's name is put into the prompt.
    return {name: render(qwen25 if "system" in case else qwen3, case) for name, case in CASES.items()}


def llama3(folder):
    source = (folder / "meta-llama-Llama-3.1-8B-Instruct.jinja").read_text()
    newer = (folder / "meta-llama-Llama-3.3-70B-Instruct.jinja").read_text()
    expected = {}
    for name, case in CASES.items():
        if name == "two_calls_two_results":  # the reference refuses several calls: a turn each
            case = dict(case, messages=[])
            for message in CASES[name]["messages"]:
                split = message["role"] == "assistant"
                parts = [[block] for block in message["content"]] if split else [message["content"]]
                case["messages"] += [dict(message, content=part) for part in parts]
        expected[name] = render(source, case)
        if expected[name] != render(newer, case):
            raise ValueError(f"{name}: Llama 3.1 and 3.3 differ")
    return expected


def mistral(folder):
    source = (folder / "mistralai-Mistral-Nemo-Instruct-2407.jinja").read_text()
    # Tools and system text at the front, so that prefixes stay the same from turn to turn.
    front = patched(
        source,
        ("user_messages[-1]", "user_messages[0]"),
        ("loop.last and system_message", "loop.first and system_message"),
    )
    return {name: render(front, case, "</s>") for name, case in CASES.items()}


def gemma(folder):
    source = (folder / "google-gemma-2-2b-it.jinja").read_text()
    expected = {}
    for name, case in CASES.items():
        if "tools" in case:
            continue  # the reference knows no tools; tests/unit/test_template.c pins ours
        if "system" in case:  # nor a system role: its text opens the first user turn
            first = case["messages"][0]
            opening = text(SYSTEM + "\n\n" + first["content"][0]["text"])
            case = {"messages": [dict(first, content=[opening])] + case["messages"][1:]}
        expected[name] = render(source, case)
    return expected


def main():
    folder = Path(sys.argv[1])
    for family in (chatml, llama3, mistral, gemma):
        rows = [
            {"name": name, "family": family.__name__, "request": CASES[name], "expected": expected}
            for name, expected in family(folder).items()
        ]
        path = HERE / f"{family.__name__}.json"
        path.write_text(json.dumps(rows, ensure_ascii=False, indent=1) + "\n")


main()

"""Grammars of random JSON schemas against a public validator: what a grammar makes validates (or is found out by
the check that follows), and values that validate are made by the grammar. The same seeds in each run."""

import json
import os
import random
import subprocess
from decimal import Decimal, getcontext

import jsonschema
import pytest

from gbnf import Grammar

TOOL = os.path.join(os.path.dirname(os.environ.get("FULCRUM", "build/fulcrum")), "tests/tools/schema")
SCHEMAS = 2000
SAMPLES = 3
getcontext().prec = 60

pytestmark = pytest.mark.skipif(not os.path.exists(TOOL), reason="the tool was not built")


def exact(text):
    number = Decimal(text)
    return int(number) if number == number.to_integral_value() else number


def loads(text):
    return json.loads(text, parse_float=exact)


def dumps(value):
    """JSON with numbers as they are, however long."""
    if isinstance(value, Raw):
        return value.text
    if isinstance(value, dict):
        return "{" + ",".join(f"{json.dumps(key, ensure_ascii=False)}:{dumps(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ",".join(dumps(item) for item in value) + "]"
    if isinstance(value, Decimal):
        return str(value)
    return json.dumps(value, ensure_ascii=False)


class Raw:
    """A number as it is written."""

    def __init__(self, text):
        self.text = text


def plain(value):
    number = Decimal(value)
    text = format(number, "f")
    text = text.rstrip("0").rstrip(".") if "." in text else text
    return "0" if text == "-0" else text


def run(command, lines):
    result = subprocess.run([TOOL, command], input="\n".join(lines) + "\n", capture_output=True, text=True, check=True,
                            timeout=120)
    answers = [json.loads(line) for line in result.stdout.splitlines()]
    assert len(answers) == len(lines)
    return answers


# --- random schemas ---------------------------------------------------------------------------------------

NAMES = ["a", "b", "c", "name", "kind", "größe", "a b", "x-1", "$id2"]
PATTERNS = [r"^[a-z]+$", r"^[A-Z]{2}-\d{3}$", r"^\w{1,8}$", r"foo", r"^a|b$", r"^(ab|c)*$", r"^[^x]{2,5}$",
            r"^(?:\+\d{1,3} )?\d{3,4}$", r"\.(?:png|jpg)$", r"^(?!-)[a-z-]{1,9}$", r"^(?=.*\d)[a-z\d]{3,6}$",
            r"^((a{1,3}){2,4}b)?$", r"^\S+@\S+$", r"^[\w.-]+$"]
FORMATS = ["date", "time", "date-time", "uuid", "email", "ipv4", "ipv6", "uri", "hostname", "duration", "color"]


def number_text(rng, kinds=7):
    """Of the kinds, the last is with an exponent."""
    kind = rng.randrange(kinds)
    if kind == 0:
        return str(rng.randint(-20, 20))
    if kind == 1:
        return str(rng.randint(-10**19, 10**19))
    if kind == 2:
        return f"{rng.randint(-40, 40)}.{rng.randint(0, 9)}"
    if kind == 3:
        return f"{rng.randint(-5, 5)}.{rng.randint(0, 99999):05}"
    if kind == 4:
        return str(rng.randint(-3, 3) * 10 ** rng.randint(0, 6))
    if kind == 5:
        return f"0.{rng.randint(0, 999):03}"
    return f"{rng.choice('-+').strip('+')}{rng.randint(1, 9)}e{rng.randint(-4, 22)}"


def random_number(rng):
    schema = {"type": rng.choice(["integer", "number", "number"])}
    texts = sorted((number_text(rng) for _ in range(2)), key=Decimal)
    if Decimal(texts[1]) - Decimal(texts[0]) < 2 and rng.random() < 0.8:
        texts[1] = format(Decimal(texts[0]) + rng.randint(2, 90), "f")
    if rng.random() < 0.7:
        schema[rng.choice(["minimum", "exclusiveMinimum"])] = Raw(texts[0])
    if rng.random() < 0.7:
        schema[rng.choice(["maximum", "exclusiveMaximum"])] = Raw(texts[1])
    if rng.random() < 0.2:
        schema["multipleOf"] = Raw(rng.choice(["1", "2", "5", "10", "25", "60", "100", "1000", "0.01", "0.05", "0.5"]))
    return schema


def random_string(rng):
    schema = {"type": "string"}
    least = rng.randint(0, 4)
    if rng.random() < 0.4:
        schema["minLength"] = least
    if rng.random() < 0.4:
        schema["maxLength"] = least + rng.randint(0, 40)
    if rng.random() < 0.4:
        schema["pattern"] = rng.choice(PATTERNS)
    if rng.random() < 0.2:
        schema["format"] = rng.choice(FORMATS)
    return schema


def random_value(rng, depth=1):
    kind = rng.randrange(7 if depth else 5)
    if kind == 0:
        return rng.choice(["", "a", "abc", 'q"\\', "é\n", "red", "green"])
    if kind == 1:
        return Raw(plain(number_text(rng, 6)))
    if kind == 2:
        return rng.choice([True, False])
    if kind == 3:
        return None
    if kind == 4:
        return rng.randint(0, 9)
    if kind == 5:
        return [random_value(rng, 0) for _ in range(rng.randrange(3))]
    return {name: random_value(rng, 0) for name in rng.sample(NAMES, rng.randrange(3))}


def random_object(rng, depth):
    names = rng.sample(NAMES, rng.randint(0, 4))
    schema = {"type": "object", "properties": {name: random_schema(rng, depth - 1) for name in names}}
    if rng.random() < 0.6:
        schema["required"] = [name for name in names if rng.random() < 0.6]
    if rng.random() < 0.5:
        schema["additionalProperties"] = rng.choice([True, False, False, {"type": "integer"}])
    if rng.random() < 0.15:
        schema["patternProperties"] = {rng.choice(["^x-", "_id$", "^[a-z]$"]): random_schema(rng, depth - 1)}
    if rng.random() < 0.1:
        schema["propertyNames"] = rng.choice([{"pattern": "^[a-z]"}, {"enum": ["a", "b", "q"]}, {"maxLength": 4}])
    if rng.random() < 0.15:
        schema["minProperties"] = rng.randint(0, 3)
    if rng.random() < 0.15:
        schema["maxProperties"] = rng.randint(2, 5)
    if rng.random() < 0.15 and len(names) > 1:
        schema["dependentRequired"] = {names[0]: [names[1]]}
    if rng.random() < 0.1 and len(names) > 1:
        schema["anyOf"] = [{"required": [names[0]]}, {"required": [names[1]]}]
    if rng.random() < 0.1 and names:
        schema["if"] = {"properties": {names[0]: rng.choice([{"type": "string"}, {"const": 1}, {"enum": ["a", None]}])},
                        "required": [names[0]]}
        schema["then"] = {"properties": {"more": {"type": "boolean"}}, "required": ["more"]}
        if rng.random() < 0.5:
            schema["else"] = {"properties": {"other": {"type": "null"}}, "required": ["other"]}
    if rng.random() < 0.1:
        del schema["properties"]
    return schema


def random_array(rng, depth):
    schema = {"type": "array"}
    if rng.random() < 0.8:
        schema["items"] = random_schema(rng, depth - 1)
    if rng.random() < 0.2:
        schema["prefixItems"] = [random_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]
    least = rng.randint(0, 2)
    if rng.random() < 0.4:
        schema["minItems"] = least
    if rng.random() < 0.4:
        schema["maxItems"] = least + rng.randint(0, 4)
    if rng.random() < 0.2:
        schema["uniqueItems"] = True
        if rng.random() < 0.6:
            schema["items"] = {"enum": rng.sample(["a", "b", "c", 1, 2, None, "x", "y"], rng.randint(2, 7))}
    if rng.random() < 0.15:
        schema["contains"] = rng.choice([{"type": "integer"}, {"const": "a"}, {"type": "string", "minLength": 2}])
        if rng.random() < 0.4:
            schema["minContains"] = rng.randint(0, 2)
    return schema


def random_union(rng, depth):
    word = rng.choice(["anyOf", "anyOf", "oneOf", "allOf"])
    schema = {word: [random_schema(rng, depth - 1) for _ in range(rng.randint(1, 3))]}
    if word == "allOf":
        kind = rng.choice([random_number, random_string, lambda r: random_object(r, depth - 1)])
        schema = {"allOf": [kind(rng), kind(rng)]}
    if rng.random() < 0.15:
        schema["type"] = rng.choice(["string", "object", "integer"])
    return schema


def random_schema(rng, depth):
    kind = rng.randrange(14 if depth > 0 else 7)
    if kind <= 1:
        schema = random_number(rng)
    elif kind <= 3:
        schema = random_string(rng)
    elif kind == 4:
        schema = rng.choice([{"type": "boolean"}, {"type": "null"}, {"type": ["string", "null"]}, {}, True,
                             {"type": ["integer", "boolean"]}, {"$ref": "#/$defs/Node"}, {"$ref": "#/$defs/a~1b%20c"}])
    elif kind == 5:
        schema = {"enum": [random_value(rng) for _ in range(rng.randint(1, 4))]}
    elif kind == 6:
        schema = {"const": random_value(rng)}
    elif kind <= 9:
        schema = random_object(rng, depth)
    elif kind <= 11:
        schema = random_array(rng, depth)
    else:
        schema = random_union(rng, depth)
    if isinstance(schema, dict) and rng.random() < 0.06:
        schema["not"] = rng.choice([{"const": "a"}, {"type": "null"}, {"enum": ["red", 1]}, {"minLength": 3},
                                    {"pattern": "^a"}, {"required": ["a"]}, {"minimum": 5}])
    if isinstance(schema, dict) and rng.random() < 0.2:
        schema.update(rng.choice([{"title": "T"}, {"description": "d"}, {"default": None}, {"examples": [1]},
                                  {"deprecated": True}, {"x-order": 3}, {"$comment": "c"}, {"readOnly": False}]))
    return schema


def root_schema(seed):
    rng = random.Random(seed)
    schema = random_schema(rng, 3)
    if not isinstance(schema, dict):
        schema = {"allOf": [schema]}
    schema["$defs"] = {
        "Node": {"type": "object", "properties": {"v": {"type": "integer"}, "next": {"anyOf": [
            {"$ref": "#/$defs/Node"}, {"type": "null"}]}}, "required": ["next"], "additionalProperties": False},
        "a/b c": {"type": "string", "maxLength": 3}}
    return dumps(schema)


# --- tests ------------------------------------------------------------------------------------------------

def test_what_a_grammar_makes_validates():
    texts = [root_schema(seed) for seed in range(SCHEMAS)]
    grammars = run("grammar", texts)
    samples = []
    refused = [answer["error"] for answer in grammars if "error" in answer]
    for seed, (text, answer) in enumerate(zip(texts, grammars)):
        if "error" in answer:
            continue
        grammar = Grammar(answer["grammar"])
        assert grammar.ends(), text
        rng = random.Random(seed)
        samples += [(text, grammar.sample(rng)) for _ in range(SAMPLES)]
    checks = run("check", [f'{{"schema":{text},"text":{json.dumps(sample)}}}' for text, sample in samples])
    found, validators = 0, {}
    for (text, sample), check in zip(samples, checks):
        if text not in validators:
            validators[text] = jsonschema.Draft202012Validator(loads(text))
        problem = jsonschema.exceptions.best_match(validators[text].iter_errors(loads(sample)))
        if "error" in check:
            found += 1
            assert problem is not None, f"{text}\n{sample}\nis valid, but: {check['error']}"
        else:
            assert problem is None, f"{text}\n{sample}\n{problem.message if problem else ''}"
    assert len(refused) < SCHEMAS * 0.15, refused[:20]
    assert found < len(samples) * 0.03, found


def whole_schema(rng, depth):
    """Schemas whose grammar takes every value that validates, written compactly and in the schema's order."""
    kind = rng.randrange(9 if depth else 6)
    if kind == 0:
        return random_number(rng)
    if kind == 1:
        schema = random_string(rng)
        schema.pop("format", None)
        return schema
    if kind == 2:
        return {"enum": [random_value(rng) for _ in range(rng.randint(1, 4))]}
    if kind == 3:
        return rng.choice([{"type": "boolean"}, {"type": ["string", "null"]}, {"const": random_value(rng)}])
    if kind == 4:
        return {"type": "array", "items": {"enum": ["a", "b", 3, None]}, "uniqueItems": True, "minItems": rng.randint(0, 2)}
    if kind == 5:
        return {"type": "array", "items": {"type": "integer"}, "minItems": rng.randint(0, 2), "maxItems": 5}
    if kind == 6:
        return {"anyOf": [whole_schema(rng, depth - 1) for _ in range(2)]}
    names = sorted(rng.sample(NAMES, rng.randint(1, 4)))
    return {"type": "object", "properties": {name: whole_schema(rng, depth - 1) for name in names},
            "required": [name for name in names if rng.random() < 0.5], "additionalProperties": False}


def instance(rng, schema):
    """A value that is likely to validate."""
    if "anyOf" in schema:
        return instance(rng, rng.choice(schema["anyOf"]))
    if "enum" in schema and "type" not in schema:
        return rng.choice(schema["enum"])
    if "const" in schema:
        return schema["const"]
    kind = schema["type"] if isinstance(schema["type"], str) else rng.choice(schema["type"])
    if kind == "object":
        return {name: instance(rng, inner) for name, inner in schema["properties"].items()
                if name in schema["required"] or rng.random() < 0.5}
    if kind == "array":
        return [instance(rng, schema["items"]) for _ in range(rng.randint(schema["minItems"], 5))]
    if kind == "string":
        if rng.random() < 0.5:
            return "".join(rng.choice("abcfoxAB1239-.@") for _ in range(rng.randint(0, 8)))
        return rng.choice(["foo", "ABC", "AB-123", "abab", "+49 123", "a1b2", "x.png", "aaabab", "aaaab", "", "b", "x@y"])
    if kind in ("integer", "number"):
        low = next((schema[key] for key in ("minimum", "exclusiveMinimum") if key in schema), Decimal(-1000))
        high = next((schema[key] for key in ("maximum", "exclusiveMaximum") if key in schema), low + 10**6)
        low = high - 10**6 if "minimum" not in schema and "exclusiveMinimum" not in schema else low
        digits = 0 if kind == "integer" else rng.choice([0, 1, 2, 7])
        value = Decimal(low) + (Decimal(high) - Decimal(low)) * rng.choice([0, 1, Decimal(rng.random()), Decimal("0.5")])
        value = round(value, digits) if digits else Decimal(int(value))
        step = schema.get("multipleOf")
        text = plain((value // step) * step if step else value)
        between = kind == "number" and int(low) == int(high)  # such are written with a point
        return Raw(text if "." in text or not between else text + ".0")
    return {"boolean": True, "null": None}[kind]


def test_values_that_validate_are_made():
    cases = []
    for seed in range(SCHEMAS // 2):
        rng = random.Random(-seed - 1)
        text = dumps(whole_schema(rng, 2))
        schema = loads(text)
        validator = jsonschema.Draft202012Validator(schema)
        values = [dumps(instance(rng, schema)) for _ in range(4)]
        cases += [(text, value) for value in values if validator.is_valid(loads(value))]
    assert len(cases) > SCHEMAS / 2
    texts = sorted({text for text, _ in cases})
    grammars = dict(zip(texts, run("grammar", texts)))
    for text, value in cases:
        assert "grammar" in grammars[text], f"{text}\n{value}\n{grammars[text]}"
        if isinstance(grammars[text]["grammar"], str):
            grammars[text]["grammar"] = Grammar(grammars[text]["grammar"])
        assert grammars[text]["grammar"].matches(value), f"{text}\n{value}"


def test_schemas_of_frameworks_are_served():
    """As pydantic, zod 3 and 4 and zod-to-json-schema wrote them, in their several dialects."""
    path = os.path.join(os.path.dirname(os.path.abspath(__file__)), "framework_schemas.jsonl")
    with open(path, encoding="utf-8") as file:
        texts = [line.strip() for line in file]
    samples = []
    for text, answer in zip(texts, run("grammar", texts)):
        assert "grammar" in answer, f"{text}\n{answer}"
        grammar = Grammar(answer["grammar"])
        samples += [(text, grammar.sample(random.Random(seed))) for seed in range(5)]
    checks = run("check", [f'{{"schema":{text},"text":{json.dumps(sample)}}}' for text, sample in samples])
    for (text, sample), check in zip(samples, checks):
        if "error" in check:
            assert "'uniqueItems' does not hold" in check["error"], f"{text}\n{sample}\n{check['error']}"
            continue
        schema = loads(text)
        # Of OpenAPI before 3.1 and of draft 4, which the validator does not know.
        if "nullable" not in text and '"exclusiveMinimum":true' not in text and '"items":[' not in text:
            jsonschema.validators.validator_for(schema, jsonschema.Draft202012Validator)(schema).validate(loads(sample))

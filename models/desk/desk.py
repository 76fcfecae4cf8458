"""Rows of the support desk, task by task."""

import json
import re

from . import extract, facts, intents, intents_more, talk, tools, words
from .copying import Copying
from .split import ANY, TRAIN, Bank, Dice
from .values import Values, article, names_product

TURN_TOKENS = 5          # what a turn costs beside its text
QUESTION_TOKENS = 22     # of a question about a fact, with its answer
TOOLS_TOKENS = 98        # what the chat template says about tools
TOOL_TOKENS = 62         # of one tool of the prompt, at most
NUMBERS = re.compile("[0-9]+")
ORDER_NUMBER = re.compile(r"(?<![\w-])([0-9]{4,6}|[A-Z]-[0-9]{4}|[A-Z]{2}[0-9]{3})(?![\w-])")
REDRAWS = 30             # of a row that came out longer than wanted


def tokens_of(text):
    """About how many tokens the project's own tokenizer makes of `text`: fitted to it on this
    corpus, right to a tenth; a number takes one token for three digits."""
    numbers = NUMBERS.findall(text)
    return 0.27 * (len(text) - sum(map(len, numbers))) + sum((len(n) + 2) // 3 + 0.7 for n in numbers)


def row_tokens(row):
    expected = row["expected"]
    total = TURN_TOKENS + (tokens_of(row["system"]) + TURN_TOKENS if row["system"] else 0)
    total += tokens_of(expected) if isinstance(expected, str) else 6 + 1.3 * tokens_of(json.dumps(expected))
    for message in row["messages"]:
        content = message["content"]
        total += TURN_TOKENS + tokens_of(content if isinstance(content, str) else json.dumps(content))
    if row["tools"]:
        total += TOOLS_TOKENS + sum(tool_tokens(tool) for tool in row["tools"])
    return total


def tool_tokens(tool):
    return 34 + tokens_of(tool["description"]) + 10 * len(tool["schema"]["properties"])


def lines(text):
    return [line.strip() for line in text.strip().split("\n") if line.strip()]


def pattern_lists():
    """Every template of the desk, by list name."""
    out = {}
    for name, intent in intents.INTENTS.items():
        for part in ("say", "want", "thing"):
            out[f"intent/{name}/{part}"] = lines(intent[part]) + lines(intents_more.MORE[name][part])
    for name in ("OPENERS", "CLOSERS", "DETAILS", "TWO_WISHES", "INDIRECT", "CLASSIFY_ORDERS"):
        out[name.lower()] = lines(getattr(intents, name))
    for name, fact in facts.FACTS.items():
        out[f"fact/{name}/ask"] = lines(fact["ask"])
        out[f"fact/{name}/state"] = list(fact["state"])
    for name, fact in facts.SIDED.items():
        for part in ("ask", "if", "state"):
            out[f"sided/{name}/{part}"] = list(fact[part])
    for name, fact in facts.PRODUCT_FACTS.items():
        out[f"product/{name}/ask"] = lines(fact["ask"])
        out[f"product/{name}/state"] = list(fact["state"])
    for name in ("ANSWER_ORDERS", "RULES", "PERSONAS", "ASK_COMPLEX", "ASK_SIMPLE", "ELLIPSES", "ELLIPSES_SIDE"):
        out[name.lower()] = lines(getattr(facts, name))
    for name, text in extract.SENTENCES.items():
        out[f"extract/{name}"] = lines(text)
    for name, text in extract.CORRECTIONS.items():
        out[f"correct/{name}"] = lines(text)
    for name, text in extract.ONE_FIELD.items():
        out[f"field/{name}"] = lines(text)
    out["distractions"] = lines(extract.DISTRACTIONS)
    out["extract_orders"] = lines(extract.ORDERS)
    for name, tool in tools.TOOLS.items():
        out[f"tool/{name}"] = lines(tool["ask"])
    for name in ("TOOL_COMPLEX", "CORRECTIONS", "TOOL_ORDERS"):
        out[f"tool_{name.lower()}"] = lines(getattr(tools, name))
    for name, value in vars(talk).items():
        if name.isupper() and isinstance(value, str):
            out[f"talk/{name.lower()}"] = lines(value)
    for mood, text in talk.CLOSINGS.items():
        out[f"talk/closing/{mood}"] = lines(text)
    return out


def lower_first(text):
    return text if text[:2] in ("I ", "I'") or text[:2].isupper() else text[0].lower() + text[1:]


class Fact:
    """One statement of the prompt and how it is asked for."""

    __slots__ = ("text", "value", "ask", "thing", "slots", "key", "product", "side", "condition")

    def __init__(self, text, value, ask, thing, slots, key, product=None, side=None, condition=None):
        self.text, self.value, self.ask, self.thing, self.slots = text, value, ask, thing, slots
        self.key, self.product, self.side, self.condition = key, product, side, condition


class Desk:
    def __init__(self, seed, side, length=None, tool_turns=False):
        self.dice = Dice(seed)
        self.tool_turns = tool_turns
        self.shop_facts = None  # of the one shop, see settle
        self.values = Values(self.dice, side)
        self.bank = Bank(pattern_lists(), side)
        self.copying = Copying(self.dice, self.values)
        self.length = length
        self.shared = Bank({f"{group}/{name}": list(fact["value"]) for group, table in
                            (("fact", facts.FACTS), ("sided", facts.SIDED), ("product", facts.PRODUCT_FACTS))
                            for name, fact in table.items()}, None)
        self.intent_names = list(intents.INTENTS)
        self.fact_names = list(facts.FACTS)
        self.tool_names = list(tools.TOOLS)
        self.extract_keys = [k for k in extract.SENTENCES]
        self.tool_specs = {name: tool_spec(name, tool) for name, tool in tools.TOOLS.items()}
        self.tasks = {"classify": self.classify, "extract": self.extract, "tool": self.tool, "answer": self.answer,
                      "summary": self.summary, "tag": self.tag, "copy": self.copy, "bridge": self.bridge, "lookup": self.lookup,
                      "recall": self.recall, "handbook": self.handbook}

    # Text

    def say(self, name, slots, lower=False):
        pattern = self.dice.pick(self.bank.by_name[name])
        if pattern.slots:
            self.values.fill(slots, pattern.slots)
        return pattern.render(self.dice, slots, lower)

    def wrap(self, text, slots, lower=False, details=0):
        """Small talk around a message."""
        dice = self.dice
        for _ in range(details):
            detail = self.say("details", {}, lower)
            glue = " " if not lower else ". "
            text = f"{detail}{glue}{text}" if dice.chance(0.5) else f"{text}{'.' if lower and text[-1].isalnum() else ''} {detail}"
        form = dice.unit()
        if form < 0.28:
            opener = self.say("openers", slots, lower)
            head = text if lower or opener[-1] != "," else lower_first(text) if dice.chance(0.6) else text
            text = f"{opener}{'.' if lower and opener[-1].isalnum() else ''} {head}"
        if 0.18 < form < 0.40:
            text = f"{text}{'.' if text[-1].isalnum() else ''} {self.say('closers', slots, lower)}"
        return text

    def system(self, orders, body=(), rules=None, slots=None):
        """Persona, order of the task, facts and rules in one of a few layouts."""
        dice = self.dice
        slots = slots if slots is not None else {}
        persona = self.say("personas", slots)
        if not body and dice.chance(0.12):
            persona = ""
        pieces = list(body)
        for _ in range(dice.below(3) if rules is None else rules):
            rule = self.say("rules", slots)
            if rule not in pieces:
                pieces.append(rule)
        glue = "\n" if len(pieces) > 3 or dice.chance(0.3) else " "
        head = [p for p in (persona,) if p]
        tail = [orders] if orders else []
        if dice.chance(0.5):
            head, tail = head + tail, []
        return glue.join(head + pieces + tail)

    def size(self, low=40):
        """Prompt size in tokens for this row: most of them short."""
        top = self.length or 256
        if top <= 128 or self.dice.chance(0.2):
            return top
        return min(top, int(low + (top - low) * self.dice.unit() ** 2))

    def row(self, task, kind, system, turns, expected, tool_list=None, train_all=False):
        """turns: (user, assistant) pairs that came before, then the last user text."""
        messages = []
        for user, assistant in turns[:-1]:
            messages.append({"role": "user", "content": user})
            messages.append({"role": "assistant", "content": assistant})
        messages.append({"role": "user", "content": turns[-1]})
        row = {"task": task, "kind": kind, "system": system, "messages": messages, "tools": tool_list or [],
               "expected": expected}
        if train_all and len(messages) > 1:
            row["train_all"] = True
        return row

    def packed(self, task, kind, system, pairs):
        """Several questions on one prompt, loss on all answers."""
        return self.row(task, kind, system, pairs[:-1] + [pairs[-1][0]], pairs[-1][1], train_all=True)

    # Classification

    def intent_message(self, kind, slots=None):
        """(intent, text)"""
        dice = self.dice
        intent = dice.pick(self.intent_names)
        slots = {} if slots is None else slots
        lower = dice.chance(0.12)
        if kind == "simple":
            if dice.chance(0.65):
                text = self.say(f"intent/{intent}/say", slots, lower)
            else:
                text = self.indirect(intent, slots, lower)
            return intent, self.wrap(text, slots, lower, 1 if dice.chance(0.12) else 0)
        if dice.chance(0.2):
            text = self.say(f"intent/{intent}/say", slots, lower)
            return intent, self.wrap(text, slots, lower, 2)
        other = dice.pick(self.intent_names)
        while other == intent:
            other = dice.pick(self.intent_names)
        pattern = dice.pick(self.bank.by_name["two_wishes"])
        parts = {}
        other_slots = {}
        for slot in pattern.slots:
            if slot[1] == "_" and slot not in parts:
                name, part = (other, slot[2:]) if slot[0] == "a" else (intent, slot[2:])
                parts[slot] = self.say(f"intent/{name}/{part}", other_slots if slot[0] == "a" else slots,
                                       lower and part != "say")
        self.values.fill(parts, [s for s in pattern.slots if s not in parts])
        return intent, self.wrap(pattern.render(dice, parts, lower), slots, lower)

    def indirect(self, intent, slots, lower):
        pattern = self.dice.pick(self.bank.by_name["indirect"])
        slot = pattern.slots[0]
        phrase = self.say(f"intent/{intent}/{slot[2:]}", slots, lower)
        return pattern.render(self.dice, {slot: phrase}, lower)

    def classify(self, kind, single=False):
        dice = self.dice
        orders = self.say("classify_orders", {})
        body = []
        if dice.chance(0.1) and (self.length or 256) > 128:
            body.append("Intents: " + ", ".join(dice.sample(self.intent_names, 6)) + ".")
        system = self.system(orders, body, rules=0 if dice.chance(0.7) else None)
        intent, text = self.intent_message(kind)
        if body and intent not in body[0]:
            system = system.replace("Intents: ", f"Intents: {intent}, ")
        pairs = [(text, intent)]
        if not single and not body and dice.chance(0.5):
            room = self.size(60) - tokens_of(system) - self.pair_tokens(pairs[0])
            while len(pairs) < 6:
                intent, text = self.intent_message("simple" if dice.chance(0.65) else "complex")
                pair = (text, intent)
                room -= self.pair_tokens(pair)
                if room < 0:
                    break
                pairs.append(pair)
        return self.packed("classify", kind, system, pairs)

    # Extraction

    def extract_list(self, keys, bullets):
        """The keys as one would write them: with commas, `and`, slashes, quotes, as JSON or as bullets."""
        form = self.dice.unit()
        if bullets and form < 0.45:
            return "".join(f"\n- {key}" for key in keys)
        if form < 0.55 or (len(keys) == 1 and form < 0.85):
            return ", ".join(keys)
        if form < 0.73:
            return " and ".join([", ".join(keys[:-1]), keys[-1]])
        if form < 0.80:
            return " / ".join(keys)
        if form < 0.92:
            return ", ".join(f'"{key}"' for key in keys)
        return json.dumps(keys, separators=(self.dice.pick((",", ", ")), ":"))

    def extract_orders(self, keys):
        """The instruction that asks for `keys`."""
        pattern = self.bank.pick(self.dice, "extract_orders")
        ends = pattern.text.endswith(": {keys}")
        listed = self.extract_list(keys, ends)
        text = pattern.render(self.dice, {"keys": listed}).replace(": \n", ":\n")
        return text + "." if ends and listed[0] != "\n" else text

    def extract_system(self, keys):
        orders = self.extract_orders(keys)
        system = self.system(orders, rules=0 if self.dice.chance(0.7) else None)
        return system.replace(orders + " ", orders + "\n") if "\n- " in orders else system

    @staticmethod
    def extract_join(sentences, lower):
        """Sentences of a message in lower case have lost their full stops; only the last does without."""
        text = " ".join(s + "." if lower and s[-1] not in "?!" else s for s in sentences)
        return text[:-1] if lower and text[-1] == "." else text

    def extract_message(self, kind):
        """(text, found): a message and its fields."""
        dice = self.dice
        count = dice.pick((1, 1, 2, 2, 2, 3, 3, 4))
        fields = set(dice.sample(extract.FIELDS, count))
        slots, found, sentences = {}, {}, []
        lower = dice.chance(0.1)
        if kind == "complex":
            wrongs = dice.sample(sorted(fields), 1 if dice.chance(0.8) or count < 2 else 2)
            corrected = wrongs if dice.chance(0.7) else []
            for field in corrected:
                wrong, right = self.two_values(field)
                slots[field] = right
                sentences.append(self.say(f"correct/{field}", {"wrong": wrong, "right": right}, lower))
        else:
            corrected = []
        for key in dice.pick(extract.covers(sorted(fields - set(corrected)))):
            sentences.append(self.say(f"extract/{key}", slots, lower))
        if not corrected and kind == "complex":
            for _ in range(dice.between(1, 2)):
                sentences.append(self.say("distractions", {}, lower))
            sentences.append(self.say("details", {}, lower))
        elif corrected and dice.chance(0.25):
            sentences.append(self.say("distractions", {}, lower))
        dice.shuffle(sentences)
        for field in extract.FIELDS:
            if field in fields:
                found[field] = slots[field]
        return self.wrap(self.extract_join(sentences, lower), {}, lower), found

    def two_values(self, field):
        draw = getattr(self.values, field)
        right = draw()
        wrong = draw()
        while wrong == right:
            wrong = draw()
        return wrong, right

    def extract(self, kind, single=False):
        dice = self.dice
        form = dice.unit()
        keys = list(extract.FIELDS)
        if form < 0.45:
            keys = sorted(dice.sample(keys, 1 if form < 0.2 else dice.between(2, 3)), key=extract.FIELDS.index)
        system = self.extract_system(keys)
        text, found = self.extract_message(kind)
        pairs = [(text, to_json(keys, found))]
        if not single and dice.chance(0.5):
            room = self.size(80) - tokens_of(system) - self.pair_tokens(pairs[0])
            while len(pairs) < 5:
                text, found = self.extract_message("simple" if dice.chance(0.65) else "complex")
                pair = (text, to_json(keys, found))
                room -= self.pair_tokens(pair)
                if room < 0:
                    break
                pairs.append(pair)
        return self.packed("extract", kind, system, pairs)

    @staticmethod
    def pair_tokens(pair):
        return tokens_of(pair[0]) + tokens_of(pair[1]) + 2 * TURN_TOKENS

    # Tools

    def tool_ask(self, name, fixed=None):
        """(text, arguments)"""
        slots = dict(fixed or {})
        text = self.say(f"tool/{name}", slots)
        return text, slots

    def tool_count(self, room):
        """How many tools to offer: now and then more than four, as far as `room` goes."""
        if room < 320:
            return 2
        most = min(8, (room - TOOLS_TOKENS - 100) // TOOL_TOKENS)
        return self.dice.between(5, most) if most >= 5 and self.dice.chance(0.2) else self.dice.between(2, 4)

    def tool(self, kind, single=False):
        dice = self.dice
        room = self.length or 512
        chosen = dice.sample(self.tool_names, self.tool_count(room))
        system = self.system(self.say("tool_tool_orders", {}), rules=0)
        if dice.chance(0.3):
            system = self.say("personas", {})
        turns = []
        count = 1 if single or not self.tool_turns else dice.between(1, 5)
        for _ in range(count):
            this = kind if not turns else "simple" if dice.chance(0.65) else "complex"
            turns.append(self.tool_turn(this, dice.sample(chosen, len(chosen))))
        turns.reverse()
        row = self.row("tool", kind, system, turns[:-1] + [turns[-1][0]], turns[-1][1],
                       [self.tool_specs[n] for n in chosen], train_all=True)
        while row_tokens(row) > room and len(row["messages"]) > 1:
            row["messages"] = row["messages"][2:]
        if len(row["messages"]) == 1:
            row.pop("train_all", None)
        return row

    def tool_turn(self, kind, chosen):
        """(text, call): a wish for the first of the chosen tools."""
        dice = self.dice
        name = chosen[0]
        text, slots = self.tool_ask(name)
        if kind == "complex" and dice.chance(0.45):
            text = self.tool_correction(name, text, slots)
        elif kind == "complex":
            text = self.tool_complex(text, chosen[1:])
        else:
            text = self.wrap(text, {}, False, 1 if dice.chance(0.1) else 0)
        return text, {"name": name, "arguments": {key: slots[key] for key in tools.TOOLS[name]["arguments"]}}

    def tool_correction(self, name, text, slots):
        dice = self.dice
        key = dice.pick(tools.TOOLS[name]["arguments"])
        right = slots[key]
        wrong = right
        while wrong == right:
            fresh = {}
            self.values.fill(fresh, [key])
            wrong = fresh[key]
        wrong_text = text.replace(right, wrong)
        if key == "product":
            wrong_text = wrong_text.replace(article(right), article(wrong)).replace("a " + wrong, article(wrong))
            wrong_text = wrong_text.replace("an " + wrong, article(wrong))
        the = "the " if key == "product" else ""
        return self.say("tool_corrections", {"q_wrong": wrong_text, "right": the + right, "wrong": the + wrong})

    def tool_complex(self, text, others):
        other = self.tool_ask(self.dice.pick(others))[0]
        parts = {"q": text, "other": other, "other_low": lower_first(other),
                 "detail": self.say("details", {}), "detail2": self.say("details", {})}
        return self.say("tool_tool_complex", parts)

    # Facts

    def fact_value(self, pattern):
        slots = self.values.fill({}, pattern.slots)
        if "color2" in slots:
            while slots["color2"] == slots["color"]:
                slots["color2"] = self.dice.pick(words.COLORS)
        return pattern.render(self.dice, slots)

    def plain_fact(self, name):
        fact = facts.FACTS[name]
        value = self.fact_value(self.shared.pick(self.dice, f"fact/{name}"))
        return [Fact(self.say(f"fact/{name}/state", {"v": value}), value, f"fact/{name}/ask", fact["thing"], {}, name)]

    def sided_facts(self, name):
        """Two to four sides of one matter, one line each, values all different."""
        dice = self.dice
        fact = facts.SIDED[name]
        sides = list(range(len(fact["sides"])))
        chosen = dice.sample(sides, min(len(sides), dice.between(2, 4)))
        pattern = dice.pick(self.bank.by_name[f"sided/{name}/state"])
        value_pattern = self.shared.pick(dice, f"sided/{name}")
        out, used = [], set()
        for index in chosen:
            value = self.fact_value(value_pattern)
            while value in used:
                value = self.fact_value(value_pattern if value_pattern.slots else
                                        self.shared.by_name[f"sided/{name}"][0])
            used.add(value)
            side = fact["sides"][index]
            text = pattern.render(dice, {"v": value, "side": side})
            out.append(Fact(text[0].upper() + text[1:], value, f"sided/{name}/ask", side, {"side": side}, name,
                            side=side, condition=(f"sided/{name}/if", fact["one"][index])))
        return out

    def product_facts(self, product):
        """One or two lines about a product; or a price-list line."""
        dice = self.dice
        names = dice.sample(sorted(facts.PRODUCT_FACTS), dice.between(1, 2))
        out = []
        for name in names:
            value = self.fact_value(self.shared.pick(dice, f"product/{name}"))
            text = self.say(f"product/{name}/state", {"p": product, "v": value})
            out.append(Fact(text[0].upper() + text[1:], value, f"product/{name}/ask", f"the {product}",
                            {"p": product}, f"product/{name}", product=product))
        return out

    def list_line(self, product):
        values = self.values
        slots = {"p": product, "amount": values.amount(), "stock": str(self.dice.between(1, 200)),
                 "code": values.code()}
        line = self.dice.pick(facts.LIST_LINES)
        text = line.format(**slots)
        out = []
        for name, slot in (("price", "amount"), ("stock", "stock"), ("code", "code")):
            if "{" + slot + "}" in line:
                out.append(Fact(text if not out else "", slots[slot], f"product/{name}/ask", f"the {product}",
                                {"p": product}, f"product/{name}", product=product))
        return out

    def facts_for(self, tokens):
        """Facts whose statements fill about `tokens`."""
        dice = self.dice
        plain = dice.sample(self.fact_names, min(len(self.fact_names), 3 + int(tokens / 14)))
        sided = dice.sample(list(facts.SIDED), len(facts.SIDED))
        out, seen, used, as_list = [], set(), 0.0, dice.chance(0.4)
        products = set()
        while used < tokens:
            form = dice.unit()
            if form < 0.5 and plain:
                name = plain.pop()
                if name == "return_window" and "member_return" in seen:
                    continue
                fresh = self.plain_fact(name)
            elif form < 0.62 and sided:
                name = sided.pop()
                if name == "member_return" and "return_window" in seen:
                    continue
                fresh = self.sided_facts(name)
            else:
                product = self.values.product()
                if product in products:
                    continue
                products.add(product)
                name = product
                fresh = self.list_line(product) if as_list else self.product_facts(product)
            seen.add(name)
            out.append(fresh)
            used += sum(tokens_of(f.text) for f in fresh)
        dice.shuffle(out)
        return [fact for group in out for fact in group]

    def question(self, fact, others, kind, lower=False):
        """The user's text that asks for `fact`."""
        dice = self.dice
        if kind == "simple":
            q = self.say(fact.ask, dict(fact.slots), lower)
            if dice.chance(0.6):
                return q
            if lower:
                return self.wrap(q, {}, True)
            parts = {"q": q, "q_low": lower_first(q), "detail": self.say("details", {})}
            return self.say("ask_simple", parts)
        if fact.condition and dice.chance(0.6):
            return self.wrap(self.say(fact.condition[0], {"one": fact.condition[1]}), {})
        q = self.say(fact.ask, dict(fact.slots))
        twins = [f for f in others if f.key == fact.key and f is not fact]
        apart = [f for f in others if f.thing != fact.thing]
        other = dice.pick(twins) if twins and dice.chance(0.5) else dice.pick(apart) if apart else None
        if other is None or other.value == fact.value:
            return self.wrap(q, {}, False, 2)
        if other.key == fact.key and dice.chance(0.5):
            name = fact.slots.get("p") or fact.slots.get("side")
            other_q = self.say(fact.ask, dict(other.slots))
            the = "the " if fact.product else ""
            other_name = other.slots.get("p") or other.slots.get("side")
            return dice.pick((f"{other_q} Sorry, I mean {the}{name}.", f"{q} Not {the}{other_name}, {the}{name}.",
                              f"{other_q} No, not {the}{other_name}, I mean {the}{name}.",
                              f"I do not mean {the}{other_name}. {q}"))
        parts = {"q": q, "q_low": lower_first(q), "thing": other.thing, "detail": self.say("details", {}),
                 "detail2": self.say("details", {})}
        parts["other"] = self.say(other.ask, dict(other.slots))
        parts["other_low"] = lower_first(parts["other"])
        return self.say("ask_complex", parts)

    def ellipsis(self, fact, known):
        """A follow-up that leaves out what was asked, or None."""
        twins = [f for f in known if f.key == fact.key and f is not fact]
        if not twins:
            return None
        before = self.dice.pick(twins)
        if fact.product:
            return before, self.say("ellipses", {"x": fact.product})
        return before, self.say("ellipses_side", {"x": fact.side})

    def question_count(self, tokens):
        """The longer the prompt, the more questions on it: only answers carry loss."""
        if tokens > 700:
            return self.dice.between(8, 16)
        return self.dice.between(4, 8) if tokens > 200 else self.dice.between(2, 4)

    def answer(self, kind, single=False, tokens=None):
        dice = self.dice
        tokens = tokens or self.size(60)
        count = 1 if single else self.question_count(tokens)
        known = self.shop_facts or self.facts_for(max(12, 0.8 * tokens - 35 - QUESTION_TOKENS * max(0, count - 2)))
        system = self.system(self.say("answer_orders", {}), [f.text for f in known if f.text],
                             rules=None if tokens > 200 else 0)
        pairs = []
        for fact in dice.sample(known, min(count, len(known))):
            this = kind if not pairs else "simple" if dice.chance(0.65) else "complex"
            pairs.append((self.question(fact, known, this, dice.chance(0.08)), fact.value))
        if kind == "complex" and dice.chance(0.15):
            fact = dice.pick([f for f in known if f.product or f.side] or known)
            follow = self.ellipsis(fact, known) if fact.product or fact.side else None
            if follow:
                first, text = follow
                pairs = (pairs if not single else [])[:3]
                pairs += [(self.question(first, known, "simple"), first.value), (text, fact.value)]
                return self.packed("answer", kind, system, pairs)
        pairs.reverse()  # the one that has the row's kind comes last
        if single and dice.chance(0.25) and len(known) > 2:
            pairs = [(self.question(f, known, "simple"), f.value)
                     for f in dice.sample(known, min(len(known), dice.between(1, 4)))] + pairs
        return self.packed("answer", kind, system, pairs)

    def lookup(self, kind, single=False):
        """A short prompt all of whose facts are asked for, in any order: looking up must be learnt before long
        prompts make sense, and here every line of the prompt carries loss."""
        dice = self.dice
        known = self.facts_for(dice.between(20, min(self.length or 256, 256) // 2 - 20))
        system = self.system(self.say("answer_orders", {}), [f.text for f in known if f.text], rules=0)
        asked = dice.sample(known, len(known))
        pairs = [(self.question(fact, known, "simple" if dice.chance(0.8) else "complex"), fact.value)
                 for fact in asked[1:]]
        pairs.append((self.question(asked[0], known, kind), asked[0].value))
        return self.packed("answer", kind, system, pairs)

    def rulebook(self, tokens):
        """What a desk's people are told, that no question is about: examples of what customers write, intent by intent,
        and rules; some of it as a price list. Fills about `tokens`."""
        dice = self.dice
        out, used, names = [], 0.0, dice.sample(self.intent_names, len(self.intent_names))
        line = dice.pick(facts.LIST_LINES)
        listed = 0.5 * dice.unit() if dice.chance(0.3) else 0.0
        while used < tokens:
            if dice.unit() < listed:
                out.append(line.format(p=self.values.product(), amount=self.values.amount(),
                                       stock=dice.between(1, 200), code=self.values.code()))
            else:
                if not names:
                    names = dice.sample(self.intent_names, len(self.intent_names))
                intent = names.pop()
                said = [self.say(f"intent/{intent}/say", {}) for _ in range(dice.between(1, 3))]
                out.append(f"{intent}: {' / '.join(said)} {self.say('rules', {})}")
            used += tokens_of(out[-1]) + 1
        return out

    def handbook(self, kind, single=False):
        """What a shop's desk works with: a long rule book first, then the facts that customers ask for, then the order.
        Questions are about these facts. In a quarter of the rows a message is sorted or read behind such a book."""
        dice = self.dice
        top = self.length or 2304
        if not single and dice.chance(0.25):
            saved, self.length = self.length, 256
            row = self.tasks[dice.pick(("classify", "extract", "summary", "tag"))](kind)
            self.length = saved
            book = self.rulebook((top / 1.1 - row_tokens(row)) * dice.unit() ** 0.5)
            row["system"] = "\n".join([*book, row["system"]])
            return row
        count = 1 if single else dice.between(6, 12)
        known = self.facts_for(dice.between(120, min(300, top // 3)))
        used = sum(tokens_of(f.text) for f in known) + 60 + (QUESTION_TOKENS + 2 * TURN_TOKENS + 4) * count
        room = top / 1.1 - used
        book = self.rulebook(room if single or dice.chance(0.6) else room * dice.unit())
        system = "\n".join([self.say("personas", {}), *book, *[f.text for f in known if f.text],
                            self.say("answer_orders", {})])
        pairs = [(self.question(fact, known, "simple" if dice.chance(0.65) else "complex"), fact.value)
                 for fact in dice.sample(known, min(count, len(known)))[1:]]
        last = dice.pick(known)
        pairs.append((self.question(last, known, kind), last.value))
        return self.packed("answer", kind, system, pairs)

    # Conversations

    def opening(self, kind):
        """(intent, text, said): a first message, and which order and product it names. A template draws more slots
        than it shows, and a wish that is not meant may name others: neither belongs in the record."""
        for _ in range(REDRAWS):
            slots = {}
            intent, text = self.intent_message(kind if self.dice.chance(0.5) else "simple", slots)
            said = {name: slots[name] for name in ("order", "product") if name in slots and slots[name] in text}
            rest = text
            for value in said.values():
                rest = rest.replace(value, "")
            if not ORDER_NUMBER.search(rest) and not names_product(rest):
                break
        return intent, text, said

    def closing(self, mood, mixed):
        """The customer's last words: of another mood before, or with some talk beside them."""
        dice = self.dice
        text = self.say(f"talk/closing/{mood}", {})
        if mixed:
            first = dice.pick([m for m in range(1, 6) if m != mood])
            return self.say("talk/mixed", {"first": self.say(f"talk/closing/{first}", {}), "last": text})
        if dice.chance(0.4):
            detail = self.say("talk/details", {})
            return f"{detail} {text}" if dice.chance(0.5) else f"{text} {detail}"
        return text

    def conversation(self, kind):
        """(turns [(customer, desk)], closing, record)"""
        dice = self.dice
        intent, text, slots = self.opening(kind)
        result, mood = dice.pick(list(talk.RESULTS)), dice.between(1, 5)
        turns = []
        wrong = kind == "complex"
        if "order" not in slots and dice.chance(0.6):
            slots["order"] = self.values.order()
            give = "talk/customer_corrects" if wrong and dice.chance(0.7) else "talk/customer_gives"
            turns.append((text, self.say("talk/desk_asks", {})))
            text = self.say(give, slots)
        if "product" not in slots and dice.chance(0.4):
            slots["product"] = self.values.product()
            give = "talk/customer_product_corrects" if wrong and dice.chance(0.6) else "talk/customer_product"
            turns.append((text, self.say("talk/desk_asks_product", {})))
            text = self.say(give, slots)
        record = {"intent": intent, "order": slots.get("order"), "product": slots.get("product"), "result": result,
                  "mood": mood}
        turns.append((text, self.say(f"talk/{talk.RESULTS[result]}", {})))
        closing = self.closing(mood, wrong and dice.chance(0.6))
        if len(turns) < 4 and dice.chance(0.4):
            turns[-1] = (turns[-1][0], f"{turns[-1][1]} {self.say('talk/desk_asks_mood', {})}")
        return turns, closing, record

    def after_talk(self, task, kind, rule, order, expected):
        """The conversation as turns or as a transcript, then what is asked."""
        turns, closing, record = self.conversation(kind)
        if task == "summary" and self.dice.chance(0.3):
            closing = None
        rule = self.say(rule, {})
        request = self.say(order, {})
        system = self.system(rule, rules=0)
        if self.dice.chance(0.5):
            said = []
            for customer, desk in turns:
                said += [f"Customer: {customer}", f"Desk: {desk}"]
            if closing:
                said.append(f"Customer: {closing}")
            if self.dice.chance(0.5):
                said = [request] + said
            else:
                said.append(request)
            return self.row(task, kind, system, ["\n".join(said)], expected(record))
        last = f"{closing}\n{request}" if closing else request
        return self.row(task, kind, system, turns + [last], expected(record))

    def summary(self, kind, single=False):
        return self.after_talk("summary", kind, "talk/summary_rule", "talk/summary_orders", summary_text)

    def tag(self, kind, single=False):
        return self.after_talk("tag", kind, "talk/tag_rule", "talk/tag_orders", lambda record: str(record["mood"]))

    # Warm-up

    def copy(self, kind, single=False):
        turns = self.copying.row(min(self.length or 64, 256))
        return self.packed("copy", "simple", "", turns)

    def recall(self, kind, single=False):
        """A table of keys and values, all of it asked for in any order: the plainest question about a prompt."""
        pairs, table = self.copying.recall()
        if self.dice.chance(0.5):
            return self.packed("answer", "simple", table, pairs)
        first, value = pairs[0]
        return self.packed("answer", "simple", "", [(f"{table}\n{first}", value)] + pairs[1:])

    def bridge(self, kind, single=False):
        """Short rows with one field or one fact, between copying and the desk."""
        dice = self.dice
        form = dice.unit()
        if form < 0.45:
            return self.bridge_field(kind)
        if form < 0.85:
            return self.answer(kind, single, dice.between(60, min(self.length or 128, 128)))
        saved, self.length = self.length, min(self.length or 128, 128)
        row = self.classify(kind, single)
        self.length = saved
        return row

    def bridge_field(self, kind):
        dice = self.dice
        field = dice.pick(extract.FIELDS)
        bare = dice.chance(0.5)
        orders = self.say(f"field/{field}", {}) if bare else self.extract_orders([field])
        system = orders if dice.chance(0.6) else self.system(orders, rules=0)
        pairs = []
        for _ in range(dice.between(2, 4)):
            this = kind if not pairs else "simple"
            if this == "complex":
                wrong, right = self.two_values(field)
                text = self.say(f"correct/{field}", {"wrong": wrong, "right": right})
            else:
                slots = {}
                keys = [k for k in self.extract_keys if field in k.split()]
                text = self.say(f"extract/{dice.pick(keys) if dice.chance(0.5) else field}", slots)
                right = slots[field]
            pairs.append((self.wrap(text, {}) if dice.chance(0.3) else text,
                          right if bare else '{"%s":"%s"}' % (field, right)))
        pairs.reverse()
        return self.packed("extract" if not bare else "answer", kind, system, pairs)

    def settle(self, seed, tokens=400):
        """From here on all rows are about one shop: its name, forty products and its facts, drawn from
        `seed` alone. Phrases stay those of this desk's side."""
        roaming = self.dice, self.values, self.bank
        self.dice = Dice(seed)
        self.values = Values(self.dice, ANY)
        self.bank = Bank(pattern_lists(), TRAIN)
        self.values.products = self.dice.sample(self.values.products, 40)
        self.values.shops = [self.dice.pick(self.values.shops)]
        self.shop_facts = self.facts_for(tokens)
        products, shops = self.values.products, self.values.shops
        self.dice, self.values, self.bank = roaming
        self.values.products, self.values.shops = products, shops

    def make(self, task, complex_share=0.35, single=False):
        self.values.shop = self.dice.pick(self.values.shops)
        for _ in range(REDRAWS):
            row = self.tasks[task]("complex" if self.dice.unit() < complex_share else "simple", single)
            # A row with tools is as short as it can be from the start.
            if not self.length or task == "tool" or 1.05 * row_tokens(row) <= self.length:
                break
        return row


def to_json(keys, found):
    return json.dumps({key: found.get(key) for key in keys}, separators=(",", ":"))


def summary_text(record):
    return "; ".join([record["intent"], record["order"] or "none", record["product"] or "none", record["result"]])


def tool_spec(name, tool):
    return {"name": name, "description": tool["description"],
            "schema": {"type": "object", "properties": {key: {"type": "string"} for key in tool["arguments"]}}}

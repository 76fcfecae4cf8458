#!/usr/bin/env python3
"""Writes models/demo.json: what `fulcrum demo` puts its shop, its questions and its conversations together from.

    models/demo_phrases.py > models/demo.json

Phrases, products, shops and names are of the held-out side of the split, which no model of this repository was trained
on (README.md, "What is held out"). Alternatives of a phrase are written out, a few of each; slots stay: {order}.
"""

import itertools
import json
import os
import random
import re
import sys

sys.dont_write_bytecode = True
sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))

from desk import facts, intents, talk, words  # noqa: E402
from desk.desk import Desk  # noqa: E402
from desk.split import tidy  # noqa: E402

PRODUCTS, NAMES, STREETS = 160, 80, 40
SPELLINGS = 3  # of a phrase with alternatives
SLOTS = {"order", "product", "a_product", "person", "event", "city", "weekday", "shop", "goods", "date", "country",
         "payment", "email"}


def spellings(text):
    """A phrase with its alternatives written out."""
    parts = [part[1:-1].split("|") if part[0] == "[" else [part] for part in re.findall(r"\[[^\]]*\]|[^\[]+", text)]
    every = [tidy("".join(choice)) for choice in itertools.product(*parts)]
    return random.Random(text).sample(every, min(SPELLINGS, len(every)))


def phrases(desk, name, slots=None):
    found = [text for pattern in desk.bank.by_name[name] for text in spellings(pattern.text)]
    return [text for text in found if slots is None or set(re.findall(r"\{(\w+)\}", text)) <= slots]


def some(items, count):
    return sorted(random.Random(len(items)).sample(sorted(items), min(count, len(items))))


def main():
    desk = Desk(0, "heldout")
    lists = {name: phrases(desk, name) for name in ("personas", "answer_orders", "ask_simple", "ask_complex", "details")}
    lists.update({name.removeprefix("talk/"): phrases(desk, name) for name in desk.bank.by_name
                  if name.startswith("talk/")})
    lists["rules"] = phrases(desk, "rules")
    out = {
        "lists": lists,
        "intents": {name: phrases(desk, f"intent/{name}/say", SLOTS) for name in intents.INTENTS},
        "facts": {name: {"values": fact["value"], "says": phrases(desk, f"fact/{name}/state"),
                         "asks": phrases(desk, f"fact/{name}/ask"), "thing": fact["thing"]}
                  for name, fact in facts.FACTS.items()},
        "results": talk.RESULTS,
        "words": {
            "shop": desk.values.shops, "product": some(desk.values.products, PRODUCTS),
            "name": some(desk.values.names, NAMES), "street": some(desk.values.streets, STREETS),
            "city": words.CITIES, "country": words.COUNTRIES, "weekday": words.WEEKDAYS, "person": words.PEOPLE,
            "event": words.EVENTS, "payment": words.PAYMENTS, "goods": words.GOODS, "month": words.MONTHS,
            "wd1": words.WEEKDAYS[:3], "wd2": words.WEEKDAYS[3:], "pay1": words.PAYMENTS[:2],
            "pay2": words.PAYMENTS[2:4], "pay3": words.PAYMENTS[4:], "lang1": words.LANGUAGES[:2],
            "lang2": words.LANGUAGES[2:], "carrier": ["UPS", "FedEx", "DHL", "USPS"]},
    }
    json.dump(out, sys.stdout, ensure_ascii=False, indent=0, separators=(",", ":"))
    print()


if __name__ == "__main__":
    main()

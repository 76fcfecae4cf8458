"""Training and held-out sides, and patterns.

Every template, product, name, shop and value belongs to exactly one side,
decided by its SHA-256: one in HELD_OUT_ONE_IN is held out. TemplateSplit says
what else holds for templates.
"""

import hashlib
import random
import re
import zlib

HELD_OUT_ONE_IN = 7
ANY, TRAIN, HELD_OUT = None, "train", "heldout"


def text_hash(text):
    return int.from_bytes(hashlib.sha256(text.encode()).digest()[:6], "big")


def is_held_out(text):
    """For names: few, so a good hash, computed once."""
    return text_hash(text) % HELD_OUT_ONE_IN == 0


def value_is_held_out(text):
    """For values (numbers, codes, dates, amounts): drawn by the million."""
    return zlib.crc32(text.encode()) % HELD_OUT_ONE_IN == 0


def choose_side(items, side):
    if side is ANY:
        return list(items)
    return [item for item in items if is_held_out(item) == (side == HELD_OUT)]


def words_of(pattern):
    return set(re.findall(r"[a-z']+", re.sub(r"\{[a-z_0-9]*\}", " ", pattern.lower())))


class Dice:
    """Random choices, faster than random.choice."""

    def __init__(self, seed):
        self.random = random.Random(seed)
        self.unit = self.random.random

    def pick(self, items):
        return items[int(self.unit() * len(items))]

    def below(self, bound):
        return int(self.unit() * bound)

    def between(self, low, high):
        return low + int(self.unit() * (high - low + 1))

    def chance(self, probability):
        return self.unit() < probability

    def sample(self, items, count):
        return self.random.sample(items, count)

    def shuffle(self, items):
        self.random.shuffle(items)


def tidy(text):
    """Closes the gap that an empty alternative leaves; a sentence starts with a capital."""
    text = re.sub(r" +([?.,!]|$)", r"\1", re.sub(r"  +", " ", text)).strip()
    return text


class Pattern:
    """Text with alternatives `[a|b|]` (not nested) and slots `{name}`."""

    def __init__(self, text):
        self.text = text
        self.slots = re.findall(r"\{(\w+)\}", text)
        self.loose = "|]" in text or "[|" in text
        self.parts = self.compile(text)
        self.parts_lower = self.compile(self.lowered(text))

    @staticmethod
    def lowered(text):
        low = re.sub(r"\{\w+\}|[^{}]+", lambda m: m.group() if m.group()[0] == "{" else m.group().lower(), text)
        return low[:-1] if low.endswith(".") else low

    @classmethod
    def compile(cls, text):
        parts = []
        for piece in re.findall(r"\[[^\]]*\]|\{\w+\}|[^\[{]+", text):
            if piece[0] == "[":
                parts.append([cls.compile(option) for option in piece[1:-1].split("|")])
            elif piece[0] == "{":
                parts.append((piece[1:-1],))
            else:
                parts.append(piece)
        return parts

    def render(self, dice, slots, lower=False):
        out = []
        self.walk(self.parts_lower if lower else self.parts, dice, slots, out)
        return tidy("".join(out)) if self.loose else "".join(out)

    @classmethod
    def walk(cls, parts, dice, slots, out):
        for part in parts:
            kind = type(part)
            if kind is str:
                out.append(part)
            elif kind is tuple:
                out.append(slots[part[0]])
            else:
                cls.walk(part[int(dice.unit() * len(part))], dice, slots, out)


def group_of(list_name):
    """`intent/refund_status` of `intent/refund_status/say`."""
    return "/".join(list_name.split("/")[:2])


class TemplateSplit:
    """Which templates are held out, over all lists at once: a text that stands
    in two lists is on the same side in both.

    Held out are texts whose hash says so and, where that leaves a list of
    three or more without one, the first by hash. A text stays in training when
    it is the only one to teach a word, or the only one of its group (of its
    intent, its fact, its tool) with one of the group's telling words."""

    TELLING = 6  # a word is telling when fewer groups than this use it

    def __init__(self, lists):
        self.groups = {}  # text: the groups it stands in
        for name, texts in lists.items():
            for text in texts:
                self.groups.setdefault(text, set()).add(group_of(name))
        self.spread, self.taught, self.by_group = {}, {}, {}
        for text, groups in self.groups.items():
            for word in words_of(text):
                self.spread.setdefault(word, set()).update(groups)
            self.count(text, 1)
        self.held = set()
        for text in sorted(self.groups, key=text_hash):
            if is_held_out(text):
                self.hold(text)
        for _, texts in sorted(lists.items()):
            if len(texts) >= 3 and not self.held & set(texts):
                any(self.hold(text) for text in sorted(texts, key=text_hash))

    def count(self, text, step):
        for word in words_of(text):
            self.taught[word] = self.taught.get(word, 0) + step
            for group in self.groups[text]:
                key = group, word
                self.by_group[key] = self.by_group.get(key, 0) + step

    def hold(self, text):
        for word in words_of(text):
            if self.taught[word] < 2:
                return False
            telling = len(self.spread[word]) < self.TELLING
            if telling and any(self.by_group[group, word] < 2 for group in self.groups[text]):
                return False
        self.held.add(text)
        self.count(text, -1)
        return True


class Bank:
    """All pattern lists of one generator, by name, for one side."""

    def __init__(self, lists, side):
        held = TemplateSplit(lists).held if side is not ANY else set()
        self.train, self.held, self.by_name = {}, {}, {}
        for name, texts in lists.items():
            self.train[name] = [t for t in texts if t not in held] or texts
            self.held[name] = [t for t in texts if t in held]
            # Lists too short to keep one out are the same on both sides.
            chosen = (self.held[name] or texts) if side == HELD_OUT else self.train[name]
            self.by_name[name] = [Pattern(text) for text in chosen]

    def pick(self, dice, name):
        return dice.pick(self.by_name[name])

    def say(self, dice, name, slots, lower=False):
        return dice.pick(self.by_name[name]).render(dice, slots, lower)


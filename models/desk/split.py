"""Training and held-out sides, and patterns.

Every template, product, name, shop and value belongs to exactly one side,
decided by its SHA-256: one in HELD_OUT_ONE_IN is held out. For templates of
one list there are two corrections, both computed from the list alone: a list
of at least three always keeps one out, and a template whose words training
would otherwise never see goes back to training.
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


class Pattern:
    """Text with alternatives `[a|b|]` (not nested) and slots `{name}`."""

    def __init__(self, text):
        self.text = text
        self.slots = re.findall(r"\{(\w+)\}", text)
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
        return "".join(out)

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


def split_patterns(texts, vocabulary, keep_one=True):
    """(train, held out) texts of one list; `vocabulary`: words that other
    training templates teach (may be empty)."""
    held = {text for text in texts if is_held_out(text)}
    if keep_one and not held and len(texts) >= 3:
        held = {min(texts, key=text_hash)}
    for text in sorted(held, key=text_hash):
        taught = set(vocabulary)
        for other in texts:
            if other not in held:
                taught |= words_of(other)
        if not words_of(text) <= taught:
            held.discard(text)
    if len(held) == len(texts):
        held.discard(max(held, key=text_hash))
    return [t for t in texts if t not in held], [t for t in texts if t in held]


class Bank:
    """All pattern lists of one generator, by name, for one side."""

    def __init__(self, lists, side):
        everything = {name: [t.strip() for t in texts if t.strip()] for name, texts in lists.items()}
        sure = set()
        for texts in everything.values():
            for text in texts:
                if not is_held_out(text):
                    sure |= words_of(text)
        self.train, self.held, self.by_name = {}, {}, {}
        for name, texts in everything.items():
            self.train[name], self.held[name] = split_patterns(texts, sure)
        self.move_untaught()
        for name, texts in everything.items():
            # Lists too short to keep one out are the same on both sides.
            held_out = self.held[name] or texts
            chosen = texts if side is ANY else self.train[name] if side == TRAIN else held_out
            self.by_name[name] = [Pattern(text) for text in chosen]

    def move_untaught(self):
        """Held-out templates whose words ended up untaught go to training."""
        taught = set()
        for texts in self.train.values():
            for text in texts:
                taught |= words_of(text)
        for name, texts in self.held.items():
            for text in list(texts):
                if not words_of(text) <= taught:
                    texts.remove(text)
                    self.train[name].append(text)

    def pick(self, dice, name):
        return dice.pick(self.by_name[name])

    def say(self, dice, name, slots, lower=False):
        return dice.pick(self.by_name[name]).render(dice, slots, lower)


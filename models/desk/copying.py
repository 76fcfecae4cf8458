"""Copy rows: the warm-up that makes a small model learn to copy at all.

Sequences of random digits and capitals to repeat, pairs to look up, words to
repeat. Loss is on every answer of a row.
"""

from . import words

ALPHABET = "0123456789" + words.CODE_LETTERS
REPEAT = ["repeat: ", "copy: ", "again: ", "Repeat: ", "say: "]
ASK = ["{k}?", "What is {k}?", "{k}", "Give {k}."]


class Copying:
    def __init__(self, dice, values):
        self.dice, self.values = dice, values
        self.inventory = sorted({w for w in " ".join(words.NOUNS + words.MATERIALS + words.COLORS + words.STYLES
                                 + words.MONTHS + words.CITIES + words.WEEKDAYS).split()})

    def symbols(self, count):
        dice = self.dice
        return [ALPHABET[int(dice.unit() * len(ALPHABET))] for _ in range(count)]

    def row(self, length):
        form = self.dice.unit()
        if form < 0.55:
            turns = self.repeats(length)
        elif form < 0.80:
            turns = self.lookups(length)
        else:
            turns = self.word_repeats(length)
        return turns

    def repeats(self, length):
        dice = self.dice
        room, turns = length - 8, []
        separator = dice.pick(["", "", " ", "-"])
        per_symbol = 1 if separator == "" else 2
        prefix = dice.pick(REPEAT)
        while room > 0 and len(turns) < 8:
            longest = (room - 12) // (2 * per_symbol)
            if longest < 3:
                break
            text = separator.join(self.symbols(dice.between(3, min(longest, 40))))
            turns.append((prefix + text, text))
            room -= 2 * per_symbol * len(text.replace(separator, "") if separator else text) + 14
        return turns or [(prefix + "7K", "7K")]

    def lookups(self, length):
        """`K: 47, Q: 9B` and then questions for some of the keys."""
        dice = self.dice
        width = dice.between(1, 5)
        count = max(2, min(22, (length - 30) // (width + 3)))
        count = dice.between(2, count)
        keys = dice.sample(ALPHABET, count)
        pairs = {k: "".join(self.symbols(width)) for k in keys}
        ask = dice.pick(ASK)
        table = dice.pick([", ", "\n", "; "]).join(f"{k}: {v}" for k, v in pairs.items())
        room = length - 14 - count * (width + 3)
        turns = []
        while len(turns) < 6 and (not turns or room > width + 14):
            key = dice.pick(keys)
            question = ask.replace("{k}", key)
            turns.append((f"{table}\n{question}" if not turns else question, pairs[key]))
            room -= width + 14
        return turns

    def recall(self):
        """([(question, value)], table): two to ten keys of one kind with values of one kind or of several."""
        dice, values = self.dice, self.values
        keys = dice.pick([values.product, lambda: dice.pick(self.inventory), lambda: dice.pick(words.CITIES),
                          values.name, lambda: values.digits(2)])
        drawn = [values.amount, values.order, values.date, values.code, lambda: values.digits(dice.between(1, 3)),
                 values.phone, lambda: dice.pick(words.COLORS), values.product]
        one = dice.pick(drawn) if dice.chance(0.6) else None
        table = {}
        for _ in range(dice.between(2, 10)):
            table[keys()] = (one or dice.pick(drawn))()
        line, ask = dice.pick(["{k}: {v}", "- {k}: {v}", "{k} is {v}.", "The {k} has {v}."]), dice.pick(ASK)
        text = "\n".join(line.replace("{k}", k).replace("{v}", v) for k, v in table.items())
        return [(ask.replace("{k}", k), table[k]) for k in dice.sample(sorted(table), len(table))], text

    def word_repeats(self, length):
        dice = self.dice
        prefix = dice.pick(REPEAT)
        room, turns = length - 8, []
        while len(turns) < 6 and (not turns or room > 24):
            kind = dice.unit()
            if kind < 0.4:
                text = self.values.product()
            elif kind < 0.55:
                text = self.values.date()
            elif kind < 0.7:
                text = self.values.amount()
            elif kind < 0.8:
                text = self.values.name()
            else:
                text = " ".join(dice.pick(self.inventory) for _ in range(dice.between(1, 5)))
            if dice.chance(0.25):
                key = dice.pick(["order", "product", "date", "amount"])
                turns.append((f"{key} {text}", '{"%s":"%s"}' % (key, text)))
            else:
                turns.append((prefix + text, text))
            room -= 2 * (len(text) // 3 + 2) + 12
        return turns

"""GBNF in Python, for tests of grammars: reads one, makes random texts of it, says what it matches."""


class Grammar:
    def __init__(self, text):
        self.rules = {}
        for line in text.strip().split("\n"):
            name, body = line.split(" ::= ", 1)
            assert name not in self.rules, f"{name} is defined twice"
            self.text, self.at = body, 0
            self.rules[name] = self._alternatives()
            assert self.at == len(body), body[self.at:]
        self.heights = self._heights()
        self.sequence_heights = {}

    # --- reading; a symbol is ("class", ranges), ("rule", name) or ("group", alternatives), with min and max ---

    def _spaces(self):
        while self.at < len(self.text) and self.text[self.at] == " ":
            self.at += 1

    def _peek(self):
        return self.text[self.at] if self.at < len(self.text) else ""

    def _char(self):
        char = self.text[self.at]
        self.at += 1
        if char != "\\":
            return ord(char)
        kind = self.text[self.at]
        self.at += 1
        digits = {"x": 2, "u": 4, "U": 8}.get(kind)
        if digits:
            value = int(self.text[self.at:self.at + digits], 16)
            self.at += digits
            return value
        return ord({"n": "\n", "r": "\r", "t": "\t"}.get(kind, kind))

    def _class(self):
        ranges = []
        self.at += 1
        while self._peek() != "]":
            low = high = self._char()
            if self._peek() == "-" and self.text[self.at + 1] != "]":
                self.at += 1
                high = self._char()
            ranges.append((low, high))
        self.at += 1
        return ranges

    def _repetition(self):
        char = self._peek()
        if char and char in "*+?":
            self.at += 1
            return {"*": (0, None), "+": (1, None), "?": (0, 1)}[char]
        if char != "{":
            return (1, 1)
        end = self.text.index("}", self.at)
        least, comma, most = self.text[self.at + 1:end].partition(",")
        self.at = end + 1
        return (int(least), int(most) if most else None if comma else int(least))

    def _symbol(self):
        char = self._peek()
        if char == '"':
            chars = []
            self.at += 1
            while self._peek() != '"':
                code = self._char()
                chars.append(("class", [(code, code)], 1, 1))
            self.at += 1
            symbol = ("group", [chars])
        elif char == "[":
            symbol = ("class", self._class())
        elif char == "(":
            self.at += 1
            symbol = ("group", self._alternatives())
            assert self._peek() == ")"
            self.at += 1
        else:
            start = self.at
            while self._peek() and (self._peek().isalnum() or self._peek() == "-"):
                self.at += 1
            assert self.at > start, self.text[start:start + 40]
            symbol = ("rule", self.text[start:self.at])
        return symbol + self._repetition()

    def _alternatives(self):
        alternatives, sequence = [], []
        while True:
            self._spaces()
            if self._peek() in ("", ")", "|"):
                alternatives.append(sequence)
                if self._peek() != "|":
                    return alternatives
                sequence = []
                self.at += 1
            else:
                sequence.append(self._symbol())

    # --- random texts ---

    def _height(self, alternatives, heights):
        best = None
        for sequence in alternatives:
            own = 0
            for kind, what, least, _ in sequence:
                if least == 0 or kind == "class":
                    continue
                inner = self._height(what, heights) if kind == "group" else heights.get(what)
                own = None if inner is None or own is None else max(own, inner + (kind == "rule"))
            if own is not None and (best is None or own < best):
                best = own
        return best

    def _heights(self):
        """How deep the rules below each go at least; a rule that is missing can never end."""
        heights, changed = {}, True
        while changed:
            changed = False
            for name, alternatives in self.rules.items():
                height = self._height(alternatives, heights)
                if height is not None and heights.get(name) != height and height < heights.get(name, 1 << 30):
                    heights[name] = height
                    changed = True
        return heights

    def ends(self):
        return "root" in self.heights

    def sample(self, random, depth=12):
        out = []
        self._walk(self.rules["root"], random, depth, out)
        return "".join(out)

    def _sequence_height(self, sequence):
        if id(sequence) not in self.sequence_heights:
            self.sequence_heights[id(sequence)] = self._height([sequence], self.heights)
        return self.sequence_heights[id(sequence)]

    def _walk(self, alternatives, random, depth, out):
        fits = [(self._sequence_height(sequence), sequence) for sequence in alternatives]
        fits = [(height, sequence) for height, sequence in fits if height is not None]
        if depth <= 0 or len(out) > 2000:
            least = min(height for height, _ in fits)
            fits = [fit for fit in fits if fit[0] == least]
        for kind, what, least, most in random.choice(fits)[1]:
            count = least
            while (most is None or count < most) and depth > 0 and len(out) < 2000 and random.random() < 0.6:
                count += 1
            for _ in range(count):
                if kind == "class":
                    low, high = random.choice(what)
                    out.append(chr(random.randint(low, min(high, low + 300))))
                elif kind == "group":
                    self._walk(what, random, depth, out)
                else:
                    self._walk(self.rules[what], random, depth - 1, out)

    # --- matching: where a symbol that begins at `at` may end ---

    def matches(self, text):
        self.known, self.input = {}, text
        return len(text) in self._ends_of_rule("root", 0)

    def _ends_of_rule(self, name, at):
        key = (name, at)
        if key not in self.known:
            self.known[key] = frozenset()
            self.known[key] = self._ends(self.rules[name], at)
        return self.known[key]

    def _ends(self, alternatives, at):
        ends = set()
        for sequence in alternatives:
            here = {at}
            for symbol in sequence:
                here = self._ends_of_symbol(symbol, here)
                if not here:
                    break
            ends |= here
        return frozenset(ends)

    def _one(self, kind, what, at):
        if kind == "rule":
            return self._ends_of_rule(what, at)
        if kind == "group":
            return self._ends(what, at)
        if at < len(self.input) and any(low <= ord(self.input[at]) <= high for low, high in what):
            return (at + 1,)
        return ()

    def _ends_of_symbol(self, symbol, here):
        kind, what, least, most = symbol
        reached = set(here) if least == 0 else set()
        count, seen = 0, set(here)
        while here and (most is None or count < most):
            here = {end for at in here for end in self._one(kind, what, at)}
            count += 1
            if count >= least:
                new = here - reached
                reached |= here
                if not new:
                    break
                here = new if most is None else here
        return reached

"""Values of one side: names, products, numbers, dates, codes."""

from . import words
from .split import ANY, HELD_OUT, choose_side, value_is_held_out


def article(noun):
    return ("an " if noun[0] in "aeiou" else "a ") + noun


class Values:
    def __init__(self, dice, side):
        self.dice, self.side = dice, side
        self.products = choose_side(all_products(), side)
        self.shops = choose_side([f"{a} {b}" for a in words.SHOP_FIRST for b in words.SHOP_SECOND], side)
        self.shop = self.shops[0]  # of the row at hand
        self.names = choose_side([f"{a} {b}" for a in words.FIRST_NAMES for b in words.LAST_NAMES], side)
        self.streets = choose_side([f"{a} {b}" for a in words.STREETS for b in words.STREET_KINDS], side)

    def value(self, draw):
        """A drawn value of this side: drawn again until its hash fits."""
        if self.side is ANY:
            return draw()
        want = self.side == HELD_OUT
        while True:
            text = draw()
            if value_is_held_out(text) == want:
                return text

    def digits(self, count):
        text = str(self.dice.below(9 * 10 ** (count - 1)) + 10 ** (count - 1))
        return text

    def letters(self, count):
        return "".join(self.dice.pick(words.CODE_LETTERS) for _ in range(count))

    def draw_order(self):
        form = self.dice.unit()
        if form < 0.3:
            return self.digits(4)
        if form < 0.6:
            return self.digits(5)
        if form < 0.7:
            return self.digits(6)
        if form < 0.85:
            return f"{self.letters(1)}-{self.digits(4)}"
        return f"{self.letters(2)}{self.digits(3)}"

    def draw_code(self):
        form = self.dice.unit()
        if form < 0.4:
            return f"{self.letters(2)}{self.digits(2)}"
        if form < 0.7:
            return f"{self.letters(1)}{self.digits(3)}"
        return f"{self.letters(2)}-{self.digits(2)}{self.letters(1)}"

    def draw_date(self):
        dice = self.dice
        month, day = dice.below(12), dice.between(1, 28)
        form = dice.unit()
        if form < 0.7:
            return f"{words.MONTHS[month]} {day}"
        if form < 0.9:
            return f"{month + 1}/{day}"
        return f"20{dice.between(24, 27)}-{month + 1:02d}-{day:02d}"

    def draw_amount(self):
        dice = self.dice
        form = dice.unit()
        if form < 0.2:
            return f"${dice.between(5, 400)}"
        return f"${dice.between(3, 120 if form < 0.7 else 900)}.{dice.below(100):02d}"

    def draw_fee(self):
        return f"${self.dice.between(1, 60)}" + (f".{self.dice.below(20) * 5:02d}" if self.dice.chance(0.6) else "")

    def draw_phone(self):
        return f"555-{self.digits(4)}"

    def draw_card(self):
        return f"{self.digits(4)}-{self.digits(4)}"

    def order(self):
        return self.value(self.draw_order)

    def code(self):
        return self.value(self.draw_code)

    def date(self):
        return self.value(self.draw_date)

    def amount(self):
        return self.value(self.draw_amount)

    def fee(self):
        return self.value(self.draw_fee)

    def product(self):
        return self.dice.pick(self.products)

    def name(self):
        return self.dice.pick(self.names)

    def address(self):
        return f"{self.dice.between(1, 400)} {self.dice.pick(self.streets)}, {self.dice.pick(words.CITIES)}"

    def email(self):
        first, last = self.name().lower().split(" ")
        return f"{first}.{last}@mail.com" if self.dice.chance(0.5) else f"{first}{self.dice.between(10, 99)}@mail.com"

    def phone(self):
        return self.value(self.draw_phone)

    def card(self):
        return self.value(self.draw_card)

    # Slots that any template may use, drawn only when it does.
    def draw(self, slot):
        return MAKERS[slot](self)

    def fill(self, slots, names):
        """Adds the missing of `names` to the dict `slots`."""
        for name in names:
            if name in slots:
                continue
            if name == "a_product":
                slots[name] = article(slots.setdefault("product", self.product()))
            elif name in ("other", "a_other"):
                self.fill_other(slots)
            elif name == "product":
                slots[name] = self.product()
            elif name == "first":
                slots[name] = slots.setdefault("name", self.name()).split(" ")[0]
            else:
                slots[name] = MAKERS[name](self)
        return slots

    def fill_other(self, slots):
        product = slots.setdefault("product", self.product())
        other = self.product()
        while other == product:
            other = self.product()
        slots["other"], slots["a_other"] = other, article(other)


def all_products():
    out = []
    for kinds in (words.MATERIALS, words.COLORS, words.STYLES):
        out += [f"{kind} {noun}" for kind in kinds for noun in words.NOUNS if kind not in noun.split()]
    return out


PRODUCTS = frozenset(all_products())


def names_product(text):
    """Whether a product stands in `text`."""
    heads = text.lower().replace(".", " .").replace(",", " ,").replace("?", " ?").split()
    return any(" ".join(heads[i:i + size]) in PRODUCTS for i in range(len(heads)) for size in (2, 3))


def hours(low, high):
    return lambda v: str(v.dice.between(low, high))


MAKERS = {
    "order": Values.order,
    "wrong_order": Values.order,
    "code": Values.code,
    "date": Values.date,
    "amount": Values.amount,
    "fee": Values.fee,
    "name": Values.name,
    "address": Values.address,
    "email": Values.email,
    "phone": Values.phone,
    "card": Values.card,
    "shop": lambda v: v.shop,
    "city": lambda v: v.dice.pick(words.CITIES),
    "country": lambda v: v.dice.pick(words.COUNTRIES),
    "weekday": lambda v: v.dice.pick(words.WEEKDAYS),
    "day": lambda v: v.dice.pick(words.WEEKDAYS),
    "person": lambda v: v.dice.pick(words.PEOPLE),
    "event": lambda v: v.dice.pick(words.EVENTS),
    "payment": lambda v: v.dice.pick(words.PAYMENTS),
    "goods": lambda v: v.dice.pick(words.GOODS),
    "street": lambda v: v.dice.pick(v.streets),
    "color": lambda v: v.dice.pick(words.COLORS),
    "color2": lambda v: v.dice.pick(words.COLORS),
    "wd1": lambda v: v.dice.pick(words.WEEKDAYS[:3]),
    "wd2": lambda v: v.dice.pick(words.WEEKDAYS[3:]),
    "pay1": lambda v: v.dice.pick(words.PAYMENTS[:2]),
    "pay2": lambda v: v.dice.pick(words.PAYMENTS[2:4]),
    "pay3": lambda v: v.dice.pick(words.PAYMENTS[4:]),
    "lang1": lambda v: v.dice.pick(words.LANGUAGES[:2]),
    "lang2": lambda v: v.dice.pick(words.LANGUAGES[2:]),
    "carrier": lambda v: v.dice.pick(["UPS", "FedEx", "DHL", "USPS"]),
    "am": hours(6, 11),
    "pm": hours(4, 10),
    "noon": hours(1, 3),
    "n": hours(2, 9),
    "n2": hours(10, 14),
    "d1": hours(2, 29),
    "d2": hours(10, 95),
    "h": hours(2, 72),
    "m": hours(10, 90),
    "num": hours(10, 400),
    "num2": hours(10, 99),
    "age": hours(20, 80),
    "percent": hours(3, 60),
    "round": lambda v: f"${v.dice.between(4, 60) * 5}",
    "year": lambda v: str(v.dice.between(1900, 2024)),
    "zip": lambda v: v.digits(5),
    "stock": hours(1, 200),
}

"""Messages that carry order number, product, date and amount.

Sentences are listed by the fields they hold; a message covers the fields it
should have with one to three of them.
"""

FIELDS = ("order", "product", "date", "amount")

SENTENCES = {
    "order": """My order number is {order}.
It is about order {order}.
This is about order {order}.
The order is {order}.
Order number: {order}.
I have a question about order {order}.
Order {order} is not right.
My order {order} still has not arrived.
Please check order {order}.
The number of the order is {order}.
You can find it under {order}.""",
    "product": """It is about the {product}.
The {product} is broken.
I want to return the {product}.
I am not happy with the {product}.
The {product} does not work.
I want to send back the {product}.
My {product} came damaged.
The {product} has not arrived.
I have a question about the {product}.
I would like to exchange the {product}.
The {product} is too small.""",
    "date": """I ordered on {date}.
I bought it on {date}.
That was on {date}.
It arrived on {date}.
The order is from {date}.
The date of my order is {date}.
I placed the order on {date}.
It should have arrived on {date}.
I have been waiting since {date}.""",
    "amount": """I paid {amount}.
I was charged {amount}.
The price was {amount}.
You charged {amount}.
It cost {amount}.
The bill says {amount}.
The total was {amount}.
I want {amount} back.
My card shows {amount}.""",
    "order product": """I want to return the {product} from order {order}.
My order {order} was for {a_product}.
The {product} from order {order} is broken.
Order {order}: the {product} is missing.
The {product} in order {order} does not work.
In order {order} there was {a_product}.
I got order {order}, but the {product} was not in it.
Where is the {product} from order {order}?""",
    "order date": """I placed order {order} on {date}.
My order {order} from {date} is late.
Order {order} should have arrived on {date}.
On {date} I ordered something, the number is {order}.
Order {order}, placed on {date}, is not here.
Order {order} arrived on {date}.""",
    "order amount": """I was charged {amount} for order {order}.
Order {order} cost {amount}.
I paid {amount} for order {order}.
Please refund {amount} for order {order}.
For order {order} you took {amount}.
Order {order} had a total of {amount}.""",
    "product date": """I bought {a_product} on {date}.
The {product} arrived on {date}.
On {date} I bought {a_product}.
I ordered the {product} on {date}.
My {product} came on {date} and does not work.
The {product} should have been here on {date}.""",
    "product amount": """I paid {amount} for the {product}.
The {product} cost {amount}.
You charged me {amount} for {a_product}.
I bought {a_product} for {amount}.
For the {product} I was charged {amount}.
I want {amount} back for the {product}.""",
    "date amount": """I paid {amount} on {date}.
On {date} you charged {amount}.
My card was charged {amount} on {date}.
There is a charge of {amount} from {date}.
You took {amount} from my card on {date}.""",
    "order product date": """I ordered {a_product} on {date}, order {order}.
Order {order} from {date} was for {a_product}.
On {date} I bought {a_product}, the order number is {order}.
The {product} from order {order}, placed on {date}, is not here.
My {product}, order {order}, arrived on {date}.""",
    "order product amount": """I paid {amount} for the {product} in order {order}.
Order {order} was {a_product} for {amount}.
I want {amount} back for the {product} from order {order}.
The {product} from order {order} cost {amount}.
For {a_product} you charged {amount}, order {order}.""",
    "order date amount": """Order {order} from {date} cost {amount}.
I paid {amount} on {date} for order {order}.
On {date} you charged {amount} for order {order}.
You took {amount} on {date}, the order is {order}.""",
    "product date amount": """I bought {a_product} on {date} for {amount}.
On {date} I paid {amount} for {a_product}.
The {product} cost {amount} on {date}.
I ordered the {product} for {amount} on {date}.
You charged {amount} for the {product} on {date}.""",
    "order product date amount": """On {date} I ordered {a_product} for {amount}, order number {order}.
Order {order} from {date} was {a_product} for {amount}.
I paid {amount} for {a_product} on {date}, order {order}.
Order {order}: {a_product}, {amount}, bought on {date}.
I bought {a_product} on {date}. The order is {order} and I paid {amount}.
The {product} from order {order} came on {date} and cost {amount}.""",
}

# A value said wrong first; {right} is what counts.
CORRECTIONS = {
    "order": """My order is {wrong}. Sorry, I mean {right}.
The order is not {wrong}, I mean {right}.
It is about order {wrong}, no, {right}.
Not order {wrong}, it is order {right}.
Order {wrong} is fine. The problem is order {right}.
I first wrote {wrong}, but the right order number is {right}.
Please forget order {wrong}. It is order {right}.""",
    "product": """It is not the {wrong}, it is the {right}.
I mean the {right}, not the {wrong}.
The {wrong} is fine. It is about the {right}.
I said the {wrong}, but I mean the {right}.
Not the {wrong}. The {right}.
I kept the {wrong}. The problem is the {right}.""",
    "date": """I bought it on {wrong}, no, on {right}.
It was on {right}, not on {wrong}.
Not on {wrong}, it was {right}.
I said {wrong}, but the date is {right}.
It was not {wrong}, I mean {right}.""",
    "amount": """I paid {wrong}, sorry, {right}.
It was not {wrong} but {right}.
I said {wrong}, but it was {right}.
The total was {right}, not {wrong}.
Not {wrong}, I paid {right}.""",
}

# Numbers that are none of the four fields.
DISTRACTIONS = """My phone number is {phone}.
I live at {address}.
I am {age} years old.
I have called {n} times.
I have {n} kids.
My zip code is {zip}.
I already waited {d1} days.
I bought two more things last year.
My gift card is {card}.
I used the code {code}.
My email is {email}."""

ORDERS = """Extract {keys} as JSON.
Return JSON with the keys {keys}.
Give {keys} as JSON, null if missing.
Answer with JSON only: {keys}.
Find {keys} in the message. Answer as JSON.
Write {keys} as JSON. Use null for what is missing.
Your answer is JSON with {keys}."""

# One field, asked in words; the answer is the bare value.
ONE_FIELD = {
    "order": """What is the order number in the message?
Answer with the order number only.
Give only the order number.
Find the order number.""",
    "product": """Which product is the message about?
Answer with the product only.
Give only the product.
Find the product.""",
    "date": """Which date is in the message?
Answer with the date only.
Give only the date.
Find the date.""",
    "amount": """Which amount is in the message?
Answer with the amount only.
Give only the amount.
Find the amount.""",
}

# Sure ways to cover a set of fields, by number of sentences.
COVERS = {}


def covers(fields):
    """All partitions of `fields` into sets that have sentences, as tuples of keys."""
    key = " ".join(f for f in FIELDS if f in fields)
    if key not in COVERS:
        COVERS[key] = [c for c in partitions(list(fields)) if len(c) <= 3]
    return COVERS[key]


def partitions(items):
    if not items:
        return [()]
    first, rest = items[0], items[1:]
    out = []
    for mask in range(1 << len(rest)):
        part = [first] + [r for i, r in enumerate(rest) if mask >> i & 1]
        left = [r for i, r in enumerate(rest) if not mask >> i & 1]
        name = " ".join(f for f in FIELDS if f in part)
        out += [(name,) + tail for tail in partitions(left)]
    return out

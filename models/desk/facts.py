"""What a shop's system prompt states, and the questions it answers.

Each fact: `value` (a pattern over value slots), `state` (sentences with
{v}, the span to copy), `ask` (questions) and `thing` (for "not about ...").
Questions ask for one fact only, and the answer is {v} to the letter.
"""

FACTS = {
    "hours": {
        "value": ["{wd1} to {wd2}, {am} am to {pm} pm", "{am} am to {pm} pm", "daily from {am} am to {pm} pm"],
        "state": ["Business hours: {v}.", "Our business hours are {v}.", "Open {v}.", "Opening hours: {v}."],
        "ask": """What are your business hours?
When are you open?
What are your opening hours?
Which hours are you open?
Tell me your business hours.
Can you tell me your opening hours?
I need your business hours.""",
        "thing": "your business hours",
    },
    "weekend_hours": {
        "value": ["{am} am to {pm} pm", "closed", "{am} am to {noon} pm"],
        "state": ["Weekend hours: {v}.", "On weekends: {v}.", "Weekends: {v}."],
        "ask": """When are you open on weekends?
What are your weekend hours?
Are you open on weekends?
Can I come on the weekend?
Tell me your weekend hours.""",
        "thing": "the weekend",
    },
    "holiday_hours": {
        "value": ["{am} am to {noon} pm", "closed"],
        "state": ["Holiday hours: {v}.", "On holidays: {v}."],
        "ask": """When are you open on holidays?
What are your holiday hours?
Are you open on holidays?
Can I come on a holiday?""",
        "thing": "holidays",
    },
    "return_window": {
        "value": ["{d2} days", "{n} weeks"],
        "state": ["Returns are accepted within {v}.", "Return window: {v}.", "Items can be returned within {v}."],
        "ask": """How long can I return an item?
Within what time can I return something?
What is your return window?
How long do I have for a return?
Until when can I return an item?
How much time do I have to return something?""",
        "thing": "returns",
    },
    "exchange_window": {
        "value": ["{d2} days", "{n} weeks"],
        "state": ["Exchanges are possible within {v}.", "Exchange window: {v}."],
        "ask": """How long can I exchange an item?
Within what time is an exchange possible?
What is your exchange window?
How long do I have for an exchange?""",
        "thing": "exchanges",
    },
    "return_fee": {
        "value": ["{fee}", "free"],
        "state": ["A return costs: {v}.", "Return fee: {v}.", "Fee for returns: {v}."],
        "ask": """How much does a return cost?
What is the return fee?
What do you charge for a return?
Is there a fee for returns?
Do I have to pay for a return?""",
        "thing": "the return fee",
    },
    "return_address": {
        "value": ["{num} {street}, {city}"],
        "state": ["Return address: {v}.", "Send returns to {v}.", "Returns go to {v}."],
        "ask": """Where do I send a return?
What is the return address?
Which address do returns go to?
Where should I send the item back?
What address do I use for a return?""",
        "thing": "the return address",
    },
    "refund_time": {
        "value": ["{d1} days", "{d1} business days"],
        "state": ["Refunds take {v}.", "Refund time: {v}.", "Refunds are paid within {v}."],
        "ask": """How long does a refund take?
When do I get my money back?
How long do I wait for a refund?
What is the refund time?
How fast are refunds paid?""",
        "thing": "refunds",
    },
    "standard_fee": {
        "value": ["{fee}"],
        "state": ["Standard shipping costs {v}.", "Standard shipping: {v}.", "Shipping fee (standard): {v}."],
        "ask": """How much is standard shipping?
What does standard shipping cost?
What is the fee for standard shipping?
How much do you charge for standard shipping?
Tell me the standard shipping fee.""",
        "thing": "standard shipping",
    },
    "express_fee": {
        "value": ["{fee}"],
        "state": ["Express shipping costs {v}.", "Express shipping: {v}.", "Shipping fee (express): {v}."],
        "ask": """How much is express shipping?
What does express shipping cost?
What is the fee for express shipping?
How much do you charge for express shipping?
Tell me the express shipping fee.""",
        "thing": "express shipping",
    },
    "standard_time": {
        "value": ["{n} to {n2} days", "{n} days", "{n} business days"],
        "state": ["Standard delivery takes {v}.", "Standard delivery time: {v}.", "Standard orders arrive in {v}."],
        "ask": """How long does standard delivery take?
What is the standard delivery time?
When does a standard order arrive?
How many days does standard delivery take?
How fast is standard delivery?""",
        "thing": "the standard delivery time",
    },
    "express_time": {
        "value": ["{h} hours", "{n} days", "one day"],
        "state": ["Express delivery takes {v}.", "Express delivery time: {v}.", "Express orders arrive in {v}."],
        "ask": """How long does express delivery take?
What is the express delivery time?
When does an express order arrive?
How fast is express delivery?""",
        "thing": "the express delivery time",
    },
    "free_shipping": {
        "value": ["{round}"],
        "state": ["Shipping is free from {v}.", "Free shipping from {v}.", "Orders over {v} ship free."],
        "ask": """From what amount is shipping free?
When is shipping free?
How much do I have to spend for free shipping?
What is the minimum for free shipping?
When do I get free shipping?""",
        "thing": "free shipping",
    },
    "minimum_order": {
        "value": ["{round}"],
        "state": ["Minimum order: {v}.", "The minimum order is {v}.", "Smallest order: {v}."],
        "ask": """What is the minimum order?
Is there a minimum order?
How much do I have to order at least?
What is the smallest order you take?""",
        "thing": "the minimum order",
    },
    "order_cutoff": {
        "value": ["{am} am", "{pm} pm", "noon"],
        "state": ["Orders ship the same day until {v}.", "Same day shipping until {v}."],
        "ask": """Until when do I have to order for same day shipping?
Until what time do orders ship the same day?
When is the last time for same day shipping?
How late can I order for same day shipping?""",
        "thing": "same day shipping",
    },
    "cancel_window": {
        "value": ["{h} hours", "{m} minutes"],
        "state": ["Orders can be canceled within {v}.", "Cancel window: {v}.", "Canceling is possible within {v}."],
        "ask": """How long can I cancel an order?
Within what time can I cancel my order?
What is the cancel window?
How long do I have to cancel an order?
Until when can I cancel?""",
        "thing": "canceling",
    },
    "warranty": {
        "value": ["{n} years", "{d2} months", "one year"],
        "state": ["Warranty: {v}.", "The warranty lasts {v}.", "All products have a warranty of {v}."],
        "ask": """How long is the warranty?
What warranty do you give?
How long does the warranty last?
What is the warranty on your products?
For how long do I have a warranty?""",
        "thing": "the warranty",
    },
    "repair_time": {
        "value": ["{n} weeks", "{d1} days"],
        "state": ["Repairs take {v}.", "Repair time: {v}."],
        "ask": """How long does a repair take?
What is the repair time?
When is a repair done?
How long do I wait for a repair?""",
        "thing": "the repair time",
    },
    "repair_fee": {
        "value": ["{fee}"],
        "state": ["A repair costs {v}.", "Repair fee: {v}."],
        "ask": """How much does a repair cost?
What is the repair fee?
What do you charge for a repair?
How much is a repair?""",
        "thing": "the repair fee",
    },
    "assembly_fee": {
        "value": ["{fee}", "free"],
        "state": ["Assembly service: {v}.", "Assembly fee: {v}.", "Assembly at home costs: {v}."],
        "ask": """How much is the assembly service?
What does assembly cost?
What is the assembly fee?
What do you charge for assembly?""",
        "thing": "assembly",
    },
    "gift_wrap_fee": {
        "value": ["{fee}", "free"],
        "state": ["Gift wrapping: {v}.", "Gift wrap fee: {v}.", "Gift wrapping costs: {v}."],
        "ask": """How much is gift wrapping?
What does gift wrapping cost?
What do you charge for gift wrap?
What is the gift wrap fee?
Is there a fee for gift wrapping?""",
        "thing": "gift wrapping",
    },
    "phone": {
        "value": ["{phone}"],
        "state": ["Phone: {v}.", "Our phone number is {v}.", "Call us at {v}."],
        "ask": """What is your phone number?
How can I call you?
Which number can I call?
Can I have your phone number?
At what number can I reach you?""",
        "thing": "your phone number",
    },
    "email": {
        "value": ["{email}"],
        "state": ["Email: {v}.", "Our email address is {v}.", "Write to {v}."],
        "ask": """What is your email address?
Which email can I write to?
How can I reach you by email?
Can I have your email address?
To what address can I email?""",
        "thing": "your email address",
    },
    "manager": {
        "value": ["{name}"],
        "state": ["Store manager: {v}.", "The store manager is {v}.", "Our manager is {v}."],
        "ask": """Who is the store manager?
What is the name of the manager?
Who is your manager?
Can you tell me the manager's name?""",
        "thing": "the manager",
    },
    "store_address": {
        "value": ["{num} {street}, {city}"],
        "state": ["Store address: {v}.", "Our store is at {v}.", "Visit us at {v}."],
        "ask": """Where is your store?
What is your store address?
Where are you located?
Where can I find your store?
What is the address of your shop?""",
        "thing": "your store address",
    },
    "pickup": {
        "value": ["{num} {street}, {city}", "{street}, door {n}"],
        "state": ["Pickup point: {v}.", "Pick up orders at {v}.", "Orders can be picked up at {v}."],
        "ask": """Where can I pick up my order?
Where is the pickup point?
At what place can I pick up an order?
Where do I go to pick up my order?""",
        "thing": "the pickup point",
    },
    "parking": {
        "value": ["{street}", "behind the store", "in front of the store"],
        "state": ["Parking: {v}.", "You can park here: {v}."],
        "ask": """Where can I park?
Is there parking?
Where is the parking?
Where do I park my car?""",
        "thing": "parking",
    },
    "payment": {
        "value": ["{pay1} and {pay2}", "{pay1}, {pay2} and {pay3}"],
        "state": ["Payment by {v}.", "We accept {v}.", "Payment methods: {v}."],
        "ask": """How can I pay?
Which payment methods do you accept?
What are my payment options?
What can I pay with?
Which payment do you take?""",
        "thing": "payment",
    },
    "languages": {
        "value": ["{lang1} and {lang2}"],
        "state": ["We speak {v}.", "Languages: {v}."],
        "ask": """Which languages do you speak?
What languages can I use?
In which languages do you answer?
Which language does your team speak?""",
        "thing": "languages",
    },
    "code": {
        "value": ["{code}"],
        "state": ["Current discount code: {v}.", "Discount code: {v}.", "The discount code this month is {v}."],
        "ask": """Do you have a discount code?
What is the current discount code?
Which discount code can I use?
Can I get a discount code?
What is the discount code?""",
        "thing": "the discount code",
    },
    "code_value": {
        "value": ["{percent}%"],
        "state": ["The code takes off {v}.", "Discount with the code: {v}."],
        "ask": """How much does the code take off?
How much do I save with the code?
How big is the discount with the code?""",
        "thing": "the discount with the code",
    },
    "student_discount": {
        "value": ["{percent}%"],
        "state": ["Student discount: {v}.", "Students get {v} off."],
        "ask": """How much is the student discount?
What discount do students get?
I am a student. How much do I get off?
How much off do students get?""",
        "thing": "the student discount",
    },
    "bulk_discount": {
        "value": ["{percent}%"],
        "state": ["Bulk discount: {v}.", "Large orders get {v} off."],
        "ask": """How much is the bulk discount?
What discount do large orders get?
How much off is a large order?
What is the discount for a bulk order?""",
        "thing": "the bulk discount",
    },
    "bulk_minimum": {
        "value": ["{d2} items"],
        "state": ["Bulk orders start at {v}.", "Minimum for a bulk order: {v}."],
        "ask": """How many items make a bulk order?
Where do bulk orders start?
What is the minimum for a bulk order?
From how many items is it a bulk order?""",
        "thing": "bulk orders",
    },
    "points": {
        "value": ["{n} points"],
        "state": ["Each dollar earns {v}.", "Loyalty program: {v} for each dollar."],
        "ask": """How many points do I get for each dollar?
What do I earn for a dollar?
How many points does a dollar earn?
How many points are there for one dollar?""",
        "thing": "points for each dollar",
    },
    "points_expire": {
        "value": ["{d2} months", "{n} years", "one year"],
        "state": ["Points expire after {v}.", "Points are good for {v}."],
        "ask": """When do points expire?
How long are points good?
After what time do points expire?
How long can I use my points?""",
        "thing": "when points expire",
    },
    "gift_card_expire": {
        "value": ["{n} years", "{d2} months", "one year"],
        "state": ["Gift cards expire after {v}.", "Gift cards are good for {v}."],
        "ask": """When do gift cards expire?
How long is a gift card good?
After what time does a gift card expire?
How long can I use a gift card?""",
        "thing": "when gift cards expire",
    },
    "price_match": {
        "value": ["{d1} days", "{d2} days"],
        "state": ["We match lower prices for {v}.", "Price match: within {v}."],
        "ask": """How long do you match prices?
Within what time do you match a lower price?
For how long is a price match possible?
What is the time for a price match?""",
        "thing": "price matching",
    },
    "trial": {
        "value": ["{d2} days", "{d2} nights"],
        "state": ["Trial period: {v}.", "You can try products for {v}."],
        "ask": """How long is the trial period?
How long can I try a product?
What is your trial period?
For how long can I try it?""",
        "thing": "the trial period",
    },
    "answer_time": {
        "value": ["{h} hours", "one day", "{n} days"],
        "state": ["We answer emails within {v}.", "Answer time for emails: {v}."],
        "ask": """How fast do you answer emails?
When do I get an answer to my email?
How long do you take to answer an email?
What is the answer time for emails?""",
        "thing": "the answer time",
    },
    "carrier": {
        "value": ["{carrier}"],
        "state": ["We ship with {v}.", "Carrier: {v}.", "Packages come with {v}."],
        "ask": """Which carrier do you use?
Who delivers my package?
Who do you ship with?
Which company brings the package?""",
        "thing": "the carrier",
    },
    "founded": {
        "value": ["{year}"],
        "state": ["Founded in {v}.", "Our shop opened in {v}.", "In business since {v}."],
        "ask": """When was your shop founded?
Since when are you in business?
In which year did your shop open?
How old is your shop?""",
        "thing": "when you opened",
    },
    "sale": {
        "value": ["{date}"],
        "state": ["The next sale starts on {v}.", "Next sale: {v}."],
        "ask": """When is the next sale?
When does the next sale start?
On which day is the next sale?
What is the date of the next sale?""",
        "thing": "the next sale",
    },
    "storage": {
        "value": ["{d1} days", "{n} weeks"],
        "state": ["Pickup orders are kept for {v}.", "We keep pickup orders for {v}."],
        "ask": """How long do you keep a pickup order?
How long is my pickup order kept?
How many days do you keep orders for pickup?
Until when do I have to pick up my order?""",
        "thing": "how long you keep orders",
    },
}

# Facts with two or three sides; the condition in the question selects one.
SIDED = {
    "member_return": {
        "sides": ["members", "guests"],
        "value": ["{d2} days"],
        "state": ["Return time for {side}: {v}.", "Returns for {side}: within {v}."],
        "ask": ["How long can {side} return an item?", "What is the return time for {side}?",
                "How much time do {side} have for a return?", "Tell me the return time for {side}."],
        "if": ["I am {one}. How long can I return an item?", "What return time do I have as {one}?",
               "As {one}, how long can I return an item?", "How much time for a return do I have? I am {one}."],
        "one": ["a member", "a guest"],
    },
    "country_fee": {
        "sides": ["Canada", "Mexico", "Germany", "France", "Japan", "England", "Spain", "Italy"],
        "value": ["{fee}"],
        "state": ["Shipping to {side}: {v}.", "Packages to {side} cost {v}."],
        "ask": ["What does shipping to {side} cost?", "How much is shipping to {side}?",
                "What do you charge for shipping to {side}?", "Tell me the shipping fee to {side}."],
        "if": ["I live in {one}. What does shipping cost?", "I want to send a gift to {one}. How much is that?",
               "My package goes to {one}. How much is shipping?", "How much is shipping? I live in {one}."],
        "one": ["Canada", "Mexico", "Germany", "France", "Japan", "England", "Spain", "Italy"],
    },
    "day_hours": {
        "sides": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        "value": ["{am} am to {pm} pm", "closed"],
        "state": ["{side}: {v}.", "Open on {side}: {v}."],
        "ask": ["When are you open on {side}?", "What are your hours on {side}?",
                "Are you open on {side}?", "Tell me your hours on {side}."],
        "if": ["I can only come on {one}. When are you open?", "{one} is my free day. What are your hours then?",
               "When are you open? I can come on {one}.", "I want to visit you on {one}. What are your hours?"],
        "one": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    },
    "plan_fee": {
        "sides": ["the basic plan", "the family plan", "the business plan"],
        "value": ["{fee} a month"],
        "state": ["Price of {side}: {v}.", "{v} is the price of {side}."],
        "ask": ["How much is {side}?", "What does {side} cost?", "What is the price of {side}?",
                "Tell me the price of {side}."],
        "if": ["I want {one}. What do I pay?", "What do I pay with {one}?", "How much do I pay? I want {one}.",
               "My friend has {one}. How much is that?"],
        "one": ["the basic plan", "the family plan", "the business plan"],
    },
    "size_fee": {
        "sides": ["small packages", "large packages", "heavy packages"],
        "value": ["{fee}"],
        "state": ["Shipping of {side}: {v}.", "Fee for {side}: {v}."],
        "ask": ["What does shipping of {side} cost?", "What is the fee for {side}?",
                "How much is shipping of {side}?", "Tell me the fee for {side}."],
        "if": ["I have {one}. What is the fee?", "My order is {one}. How much is shipping?",
               "What is the fee? I have {one}.", "I want to send {one}. How much is shipping?"],
        "one": ["a small package", "a large package", "a heavy package"],
    },
    "desk_phone": {
        "sides": ["sales", "returns", "repairs", "orders"],
        "value": ["{phone}"],
        "state": ["Phone for {side}: {v}.", "For {side} call {v}."],
        "ask": ["What is the phone number for {side}?", "Which number do I call for {side}?",
                "Tell me the phone number for {side}.", "Which phone number is for {side}?"],
        "if": ["I need someone for {one}. Which number do I call?", "My call is about {one}. What is the number?",
               "Which number do I call? It is about {one}.", "I have a question about {one}. What is the number?"],
        "one": ["sales", "returns", "repairs", "orders"],
    },
}

# Lines about products: {p} is the name.
PRODUCT_FACTS = {
    "price": {
        "value": ["{amount}"],
        "state": ["The {p} costs {v}.", "Price of the {p}: {v}."],
        "ask": """How much is the {p}?
What does the {p} cost?
What is the price of the {p}?
Tell me the price of the {p}.
What do you charge for the {p}?
I want to know what the {p} costs.""",
    },
    "stock": {
        "value": ["{stock}", "sold out"],
        "state": ["In stock of the {p}: {v}.", "Stock of the {p}: {v}."],
        "ask": """How many of the {p} are in stock?
Is the {p} in stock?
How many of the {p} do you have?
Do you have the {p} in stock?
What is the stock of the {p}?""",
    },
    "code": {
        "value": ["{code}"],
        "state": ["Item number of the {p}: {v}.", "The {p} has item number {v}."],
        "ask": """What is the item number of the {p}?
Which item number does the {p} have?
Tell me the item number of the {p}.
I need the item number for the {p}.""",
    },
    "color": {
        "value": ["{color}", "{color} and {color2}"],
        "state": ["Color of the {p}: {v}.", "The {p} comes in {v}."],
        "ask": """Which color does the {p} have?
What colors does the {p} come in?
In which color can I get the {p}?
What is the color of the {p}?""",
    },
    "size": {
        "value": ["{num} by {num2} inches", "{num} inches"],
        "state": ["Size of the {p}: {v}.", "The {p} measures {v}."],
        "ask": """How big is the {p}?
What size is the {p}?
What does the {p} measure?
What are the measurements of the {p}?""",
    },
    "weight": {
        "value": ["{num} pounds", "{n} pounds"],
        "state": ["Weight of the {p}: {v}.", "The {p} weighs {v}."],
        "ask": """How heavy is the {p}?
What does the {p} weigh?
What is the weight of the {p}?""",
    },
}

# One line with several facts of a product, as in a price list.
LIST_LINES = ["- {p}: {amount}, {stock} in stock", "- {p}, item {code}: {amount}", "- {p} ({code}): {amount}, {stock} left"]

ANSWER_ORDERS = """Answer from these facts, as short as possible.
Answer with the fact only.
Answer questions from the facts below, in a few words.
Use only these facts. Give the value and nothing else.
Answer short, with words from the facts.
Answer the question with the words of the facts.
Give short answers from the facts."""

RULES = """Be polite and short.
Never promise a refund.
Do not talk about other shops.
Ask for the order number when it is missing.
Never share data of other customers.
Stay friendly with angry customers.
Say so when you do not know an answer.
Do not give legal advice.
Pass angry customers on to a manager.
Never ask for a password.
Thank the customer at the end.
Do not change an order that has shipped."""

PERSONAS = """You are the support desk of {shop}.
You work for the support desk of {shop} in {city}.
You are the help desk of {shop}, a shop for {goods}.
You answer customers of {shop}.
Support desk of {shop}, {goods}.
{shop}, {city}. You help customers.
You help the customers of {shop}.
{shop} sells {goods}. You are its support desk."""

# Questions around a question: complex forms of {q}. {other} is another
# question, {thing} another fact's thing, {detail} talk.
ASK_COMPLEX = """{other} Sorry, I mean: {q}
I do not need to know about {thing}. {q}
I already know about {thing}. {q}
{detail} {q} {detail2}
Forget {thing}. {q}
{detail} I asked about {thing} before. Now: {q}
Not about {thing}: {q}
{other} No, wait, I know that. {q}
{q} I do not ask about {thing}.
My {person} asked about {thing}, but I ask this: {q}
Two things, but first only one of them: {q}
Last time I asked: {other_low} Today I ask: {q}"""

ASK_SIMPLE = """{q}
Hi, {q_low}
Hello. {q}
{q} Thanks.
{q} Thank you.
Quick question: {q_low}
Good morning. {q}
{detail} {q}
Please tell me: {q_low}
One question. {q}"""

# After an answer about one product or side, the next question names only the new one.
ELLIPSES = """And the {x}?
What about the {x}?
And for the {x}?
The same question for the {x}."""
ELLIPSES_SIDE = """And {x}?
What about {x}?
And for {x}?
The same question for {x}."""

"""Tools of the desk, small on purpose: a tool costs about 50 tokens of prompt.

`ask` are the wishes a tool serves; each contains every argument of the tool.
"""

TOOLS = {
    "get_order": {
        "description": "Look up an order",
        "arguments": ["order"],
        "ask": """What is the status of order {order}?
Where is my order {order}?
Can you look up order {order}?
Please check order {order}.
Has order {order} been confirmed?
I would like to know how order {order} is going.
Any news on order {order}?""",
    },
    "cancel_order": {
        "description": "Cancel an order",
        "arguments": ["order"],
        "ask": """Please cancel order {order}.
I want to cancel order {order}.
I do not need order {order} anymore.
Stop order {order}, please.
Can you cancel {order} for me?
I changed my mind about order {order}, cancel it.
Cancel my order with number {order}.""",
    },
    "track_package": {
        "description": "Track a package",
        "arguments": ["order"],
        "ask": """Please track the package of order {order}.
I need the tracking number of order {order}.
Can I get a tracking link for {order}?
How do I track order {order}?
Where is the package of order {order} right now?
Send me the tracking of order {order}.""",
    },
    "start_return": {
        "description": "Start a return",
        "arguments": ["order", "product"],
        "ask": """I want to return the {product} from order {order}.
Please send me a return label for the {product}, order {order}.
The {product} from order {order} does not fit, I want to send it back.
How do I return the {product}? The order is {order}.
I would like to send back the {product} I bought with order {order}.
Order {order}: I want to return the {product}.""",
    },
    "exchange_item": {
        "description": "Exchange an item for another",
        "arguments": ["order", "product"],
        "ask": """I want to exchange the {product} from order {order}.
Please swap the {product} of order {order} for another size.
Order {order}: can I exchange the {product}?
The {product} in order {order} is too small, I need an exchange.
I would like an exchange of the {product}, order {order}.""",
    },
    "refund_order": {
        "description": "Pay money back",
        "arguments": ["order", "amount"],
        "ask": """Please refund {amount} for order {order}.
I want {amount} back for order {order}.
I was charged {amount} twice for order {order}, give me the money back.
You owe me a refund of {amount} on order {order}.
Order {order}: please pay back {amount}.
I would like a refund of {amount} for order {order}.""",
    },
    "change_address": {
        "description": "Change the delivery address",
        "arguments": ["order", "address"],
        "ask": """Please send order {order} to {address}.
The new address for order {order} is {address}.
I moved. Send order {order} to {address}.
Change the address of order {order} to {address}.
Order {order} should go to {address}.
Can you ship order {order} to {address} instead?""",
    },
    "change_email": {
        "description": "Change the email of an account",
        "arguments": ["email"],
        "ask": """My new email is {email}.
Please change my email to {email}.
I want to use {email} for my account.
Update my email address to {email}.
From now on my email is {email}.
Can you set {email} as my email?""",
    },
    "change_date": {
        "description": "Change the delivery date",
        "arguments": ["order", "date"],
        "ask": """Please deliver order {order} on {date}.
Can you deliver order {order} on {date} instead?
Move the delivery of order {order} to {date}.
I am not home. Bring order {order} on {date}.
Change the delivery date of order {order} to {date}.
I would like order {order} delivered on {date}.""",
    },
    "get_product": {
        "description": "Get details of a product",
        "arguments": ["product"],
        "ask": """Tell me more about the {product}.
What is the {product} made of?
How big is the {product}?
I want to know more about the {product}.
Which colors does the {product} come in?
Show me the details of the {product}.""",
    },
    "get_price": {
        "description": "Get the price of a product",
        "arguments": ["product"],
        "ask": """How much is the {product}?
What does the {product} cost?
What is the price of the {product}?
I want to know the price of the {product}.
Tell me what the {product} costs.
How expensive is the {product}?""",
    },
    "check_stock": {
        "description": "Check if a product is in stock",
        "arguments": ["product"],
        "ask": """Is the {product} in stock?
Do you have the {product} in stock?
How many of the {product} are left?
Is the {product} available?
Can I still get the {product}?
Is the {product} sold out?""",
    },
    "add_item": {
        "description": "Add a product to an order",
        "arguments": ["order", "product"],
        "ask": """Please add {a_product} to order {order}.
Can you add {a_product} to my order {order}?
I would like to add {a_product} to order {order}.
Order {order}: please add {a_product}.
One more thing for order {order}: add {a_product}.""",
    },
    "use_code": {
        "description": "Apply a discount code",
        "arguments": ["code"],
        "ask": """Please apply the code {code}.
I want to use the discount code {code}.
My coupon is {code}.
Can you add the coupon {code}?
I have a discount code: {code}.
Use the code {code} for my order.""",
    },
    "gift_card_balance": {
        "description": "Get the balance of a gift card",
        "arguments": ["card"],
        "ask": """What is the balance of gift card {card}?
How much money is on my gift card {card}?
Please check gift card {card}.
How much is left on gift card {card}?
I want to know the balance of my gift card {card}.""",
    },
    "send_invoice": {
        "description": "Send an invoice by email",
        "arguments": ["order", "email"],
        "ask": """Please send the invoice for order {order} to {email}.
I need an invoice for order {order}, my email is {email}.
Email the receipt of order {order} to {email}.
Can you send the invoice of order {order} to {email}?
My company needs the invoice for order {order}. Send it to {email}.""",
    },
    "claim_warranty": {
        "description": "Open a warranty claim",
        "arguments": ["product", "date"],
        "ask": """My {product} is broken, I bought it on {date}. I want to use the warranty.
Open a warranty claim for the {product} I bought on {date}.
I bought the {product} on {date}. Is it under warranty?
The {product} from {date} stopped working. Please use the warranty.
Warranty for my {product}, bought on {date}, please.""",
    },
    "book_repair": {
        "description": "Book a repair",
        "arguments": ["product", "date"],
        "ask": """Please repair my {product} on {date}.
I want to bring in my {product} for repair on {date}.
Can you fix my {product} on {date}?
Book a repair of my {product} for {date}.
I need my {product} fixed, {date} would be good.""",
    },
    "find_store": {
        "description": "Find a store in a city",
        "arguments": ["city"],
        "ask": """Where is your store in {city}?
Do you have a store in {city}?
Find me a shop in {city}.
Is there a shop near {city}?
I am looking for your store in {city}.
What is the address of your shop in {city}?""",
    },
    "store_hours": {
        "description": "Get the opening hours of a day",
        "arguments": ["day"],
        "ask": """When are you open on {day}?
What are your hours on {day}?
Are you open on {day}?
What time do you close on {day}?
I want to come on {day}. When do you open?
How late are you open on {day}?""",
    },
    "shipping_cost": {
        "description": "Get the cost of shipping",
        "arguments": ["city"],
        "ask": """How much is shipping to {city}?
What does it cost to ship to {city}?
What is the shipping fee to {city}?
I live in {city}. How much is delivery?
What do you charge for shipping to {city}?""",
    },
    "call_back": {
        "description": "Let a person call the customer",
        "arguments": ["phone"],
        "ask": """Please call me at {phone}.
I want to talk to a person, my number is {phone}.
Can someone call me back at {phone}?
Let an agent call {phone}.
I need a call, my phone is {phone}.
My number is {phone}. I want to speak to a manager.""",
    },
    "get_points": {
        "description": "Get the points of a customer",
        "arguments": ["name"],
        "ask": """How many points does {name} have?
My name is {name}. How many points do I have?
I am {name}, please tell me my points.
Check the points of {name}, please.
How many loyalty points are there for {name}?""",
    },
    "file_complaint": {
        "description": "Write down a complaint",
        "arguments": ["order"],
        "ask": """I want to complain about order {order}.
I have a complaint about order {order}.
Order {order} was a disaster, write down my complaint.
Your driver was rude, this is a complaint. The order is {order}.
I am very unhappy with order {order} and want to complain.""",
    },
}

# Complex forms around the ask {q} of the right tool. {other}: the ask of
# another tool that is also offered.
TOOL_COMPLEX = """{detail} {q} {detail2}
{other} Sorry, that is done already. {q}
I do not need this: {other_low} I need this: {q}
{other} No, forget that. {q}
{q} And no, not this: {other_low}
Before I asked: {other_low} Now only this: {q}
My {person} asks: {other_low} But I ask: {q}
Do not do this yet: {other_low} But do this: {q}"""

# Corrections of one argument: {wrong} was said first, {right} counts.
CORRECTIONS = """{q_wrong} Sorry, I mean {right}, not {wrong}.
{q_wrong} No, not {wrong}, I mean {right}.
{q_wrong} Wait, {wrong} is wrong. It is {right}.
{q_wrong} I made a mistake: not {wrong} but {right}.
{q_wrong} Correction: {right} instead of {wrong}.
{q_wrong} Please use {right}, {wrong} was a mistake."""

TOOL_ORDERS = """Use a tool to help the customer.
Pick the right tool.
Help with one of the tools.
Call the tool that fits.
Choose the right tool for the customer.
Always answer with a tool."""

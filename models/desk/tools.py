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
Any news on order {order}?
I want to know the status of order {order}.
Tell me the status of my order {order}.
Can you tell me the status of order {order}?
Please give me the status of order {order}.
Where is order {order}? I have been waiting for weeks.
Please look up order {order}.
Look up my order {order}, please.
Can you check my order {order}?
Could you check how order {order} is going?
How is my order {order} going?
What is going on with order {order}?
Is order {order} confirmed?
Did you get my order {order}?
Is there any news on my order {order}?
My order number is {order}, what is the status?
My order number is {order}. Where is my order?
Show me order {order}, please.""",
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
Cancel my order with number {order}.
Please cancel my order {order}.
Cancel order {order}, please.
Can you cancel order {order}?
Could you stop my order {order}?
I would like to cancel order {order}.
I need to cancel my order {order}.
I do not want order {order} anymore.
I no longer need order {order}, please cancel it.
I changed my mind, please cancel order {order}.
I changed my mind about my order {order}.
Order {order}: please cancel it.
Order {order} was a mistake, cancel it.
My order number is {order}, I want to cancel it.
My order number is {order}. Please stop the order.
Do not send order {order}, I want to cancel it.""",
    },
    "track_package": {
        "description": "Track a package",
        "arguments": ["order"],
        "ask": """Please track the package of order {order}.
I need the tracking number of order {order}.
Can I get a tracking link for {order}?
How do I track order {order}?
Where is the package of order {order} right now?
Send me the tracking of order {order}.
Track the package of order {order}.
Can you track the package of order {order}?
Could you track my package? The order is {order}.
I want to track order {order}.
I would like to track the package, my order number is {order}.
Please give me the tracking number of order {order}.
What is the tracking number of order {order}?
Tell me the tracking number for {order}.
Please send me the tracking link for order {order}.
I need a tracking link, the order is {order}.
Show me the tracking of my order {order}.
Where is my package? The order number is {order}.
Where is the package with order {order}?
Has the package of order {order} been sent?
My order number is {order}. How do I track the package?
When does the package of order {order} arrive?
Order {order}: where is the package?""",
    },
    "start_return": {
        "description": "Start a return",
        "arguments": ["order", "product"],
        "ask": """I want to return the {product} from order {order}.
Please send me a return label for the {product}, order {order}.
The {product} from order {order} does not fit, I want to send it back.
How do I return the {product}? The order is {order}.
I would like to send back the {product} I bought with order {order}.
Order {order}: I want to return the {product}.
I would like to return the {product} from order {order}.
I need to return the {product}, my order number is {order}.
Can I return the {product} from order {order}?
Please start a return of the {product} from order {order}.
Start a return for my {product}, order {order}.
I want to send back the {product} from order {order}.
Can I send the {product} from order {order} back to you?
How can I send back the {product}? The order number is {order}.
I do not like the {product} from order {order}, I want to return it.
I do not need the {product} from order {order}, can I send it back?
The {product} from order {order} is too big, I want to send it back.
I need a return label for the {product} from order {order}.
Send me a label to return the {product}, order {order}.
Order {order}: please take back the {product}.
Order {order}: how do I send back the {product}?
My order number is {order}. I want to return the {product}.
I changed my mind about the {product} in order {order}, I want to return it.""",
    },
    "exchange_item": {
        "description": "Exchange an item for another",
        "arguments": ["order", "product"],
        "ask": """I want to exchange the {product} from order {order}.
Please swap the {product} of order {order} for another size.
Order {order}: can I exchange the {product}?
The {product} in order {order} is too small, I need an exchange.
I would like an exchange of the {product}, order {order}.
I want to exchange the {product}, my order number is {order}.
I need to exchange the {product} from order {order}.
Can I exchange the {product} from order {order}?
Could you exchange my {product}? The order is {order}.
Please exchange the {product} from order {order} for another one.
Exchange the {product} of order {order} for another size, please.
I need another size of the {product} from order {order}.
I need an exchange for the {product}, the order number is {order}.
The {product} from order {order} is too big, I want to exchange it.
The {product} from order {order} does not fit, please exchange it.
I would like another color of the {product} in order {order}.
Can you swap the {product} from order {order}?
I want to swap the {product} in order {order} for another one.
Please swap my {product}, order {order}, for another color.
Order {order}: please exchange the {product}.
Order {order}: I want to swap the {product} for another size.
My order number is {order}. I would like to exchange the {product}.""",
    },
    "refund_order": {
        "description": "Pay money back",
        "arguments": ["order", "amount"],
        "ask": """Please refund {amount} for order {order}.
I want {amount} back for order {order}.
I was charged {amount} twice for order {order}, give me the money back.
You owe me a refund of {amount} on order {order}.
Order {order}: please pay back {amount}.
I would like a refund of {amount} for order {order}.
I want a refund of {amount} for order {order}.
I need my {amount} back for order {order}.
Can I get a refund of {amount} for order {order}?
Can you refund {amount} on order {order}?
Could you pay back {amount} for order {order}?
Please pay back the {amount} of order {order}.
Please give me {amount} back, the order is {order}.
Please refund my {amount}, the order number is {order}.
Give me the money back for order {order}, I paid {amount}.
I paid {amount} for order {order} and want a refund.
I paid {amount} for order {order} and want my money back.
You charged me {amount} twice for order {order}, please refund it.
You owe me {amount} for order {order}.
Order {order}: I want {amount} back.
Order {order}: refund {amount}, please.
My order number is {order}. Please refund {amount}.
Refund {amount} for my order {order}.""",
    },
    "change_address": {
        "description": "Change the delivery address",
        "arguments": ["order", "address"],
        "ask": """Please send order {order} to {address}.
The new address for order {order} is {address}.
I moved. Send order {order} to {address}.
Change the address of order {order} to {address}.
Order {order} should go to {address}.
Can you ship order {order} to {address} instead?
Please send my order {order} to {address}.
Can you send order {order} to {address}?
I want order {order} sent to {address}.
I would like my order {order} sent to {address} instead.
Please change the address of order {order}, it is {address}.
Can you change the delivery address of order {order} to {address}?
I need to change the address of order {order} to {address}.
My address has changed. Order {order} should go to {address}.
My new address is {address}, the order is {order}.
I moved to {address}. Please change order {order}.
I moved, my order {order} should go to {address} now.
Please ship order {order} to my new address, {address}.
Ship order {order} to {address}, please.
Order {order}: the new address is {address}.
Order {order}: please ship to {address}.
The address of order {order} is wrong, it should be {address}.
Deliver order {order} to {address} instead.""",
    },
    "change_email": {
        "description": "Change the email of an account",
        "arguments": ["email"],
        "ask": """My new email is {email}.
Please change my email to {email}.
I want to use {email} for my account.
Update my email address to {email}.
From now on my email is {email}.
Can you set {email} as my email?
I want to change my email to {email}.
I need to change the email of my account to {email}.
Can you change my email to {email}?
Could you update my email to {email}?
Please update the email of my account to {email}.
Please use {email} as my new email.
Please set my email to {email}.
I have a new email address: {email}.
I have a new email, it is {email}. Please change my account.
The new email of my account is {email}.
My email has changed, it is now {email}.
My email is wrong, it should be {email}.
My old email does not work, use {email} from now on.
From now on please write to {email}.
Change the email of my account to {email}, please.
Set the email of my account to {email}.
I would like to use {email} from now on.""",
    },
    "change_date": {
        "description": "Change the delivery date",
        "arguments": ["order", "date"],
        "ask": """Please deliver order {order} on {date}.
Can you deliver order {order} on {date} instead?
Move the delivery of order {order} to {date}.
I am not home. Bring order {order} on {date}.
Change the delivery date of order {order} to {date}.
I would like order {order} delivered on {date}.
Please deliver my order {order} on {date} instead.
Can you bring order {order} on {date}?
Could you deliver my order {order} on {date}?
Can you move the delivery of order {order} to {date}?
Please move order {order} to {date}.
I want order {order} delivered on {date}.
I want to change the delivery date of order {order} to {date}.
I need order {order} on {date}, please change the date.
I would like to move the delivery of my order {order} to {date}.
I am not at home, please deliver order {order} on {date}.
I am not home that day. Deliver order {order} on {date}.
Order {order}: please deliver on {date}.
Order {order}: the new delivery date is {date}.
Order {order} should come on {date} instead.
The delivery date of order {order} should be {date}.
Please change the delivery of order {order} to {date}.
My order number is {order}. Please bring it on {date}.""",
    },
    "get_product": {
        "description": "Get details of a product",
        "arguments": ["product"],
        "ask": """Tell me more about the {product}.
What is the {product} made of?
How big is the {product}?
I want to know more about the {product}.
Which colors does the {product} come in?
Show me the details of the {product}.
Can you tell me more about the {product}?
Could you show me the details of the {product}?
Please show me the {product}.
Please tell me about the {product}.
Give me the details of the {product}, please.
I need the details of the {product}.
I would like to know more about the {product}.
I would like to know how big the {product} is.
I want to know what the {product} is made of.
What can you tell me about the {product}?
What are the details of the {product}?
What color is the {product}?
What size is the {product}?
How heavy is the {product}?
Which sizes does the {product} come in?
Which colors are there for the {product}?
Tell me how big the {product} is.""",
    },
    "get_price": {
        "description": "Get the price of a product",
        "arguments": ["product"],
        "ask": """How much is the {product}?
What does the {product} cost?
What is the price of the {product}?
I want to know the price of the {product}.
Tell me what the {product} costs.
How expensive is the {product}?
How much do I pay for the {product}?
How much does the {product} cost?
How much would the {product} cost me?
Can you tell me the price of the {product}?
Could you tell me what the {product} costs?
Please tell me the price of the {product}.
Please give me the price of the {product}.
Tell me how much the {product} is.
Give me the price of the {product}.
I would like to know what the {product} costs.
I would like to know the price of the {product}.
I want to know how much the {product} is.
I need the price of the {product}.
What do you charge for the {product}?
What is the {product}'s price?
What would I pay for the {product}?
Is the {product} expensive? What does it cost?""",
    },
    "check_stock": {
        "description": "Check if a product is in stock",
        "arguments": ["product"],
        "ask": """Is the {product} in stock?
Do you have the {product} in stock?
How many of the {product} are left?
Is the {product} available?
Can I still get the {product}?
Is the {product} sold out?
Is the {product} still in stock?
Is the {product} still available?
Are there any of the {product} left?
Do you still have the {product}?
Do you have any of the {product} left?
Do you still have {a_product} in stock?
Have you sold out of the {product}?
Can you check if the {product} is in stock?
Could you check if the {product} is available?
Please check if you have the {product} in stock.
Please check the stock of the {product}.
Tell me if the {product} is in stock.
I want to know if the {product} is available.
I would like to know if you still have the {product}.
How many of the {product} do you have in stock?
How many of the {product} are still available?
I need {a_product}, do you have it in stock?""",
    },
    "add_item": {
        "description": "Add a product to an order",
        "arguments": ["order", "product"],
        "ask": """Please add {a_product} to order {order}.
Can you add {a_product} to my order {order}?
I would like to add {a_product} to order {order}.
Order {order}: please add {a_product}.
One more thing for order {order}: add {a_product}.
I want to add {a_product} to order {order}.
I need to add {a_product} to my order {order}.
Can I add {a_product} to order {order}?
Could you add {a_product} to order {order}?
Please put {a_product} in order {order}.
Can you put {a_product} in my order {order} too?
I would like to have {a_product} in order {order} too.
I forgot {a_product}, please add it to order {order}.
I forgot something in order {order}, please add {a_product}.
I also need {a_product}, add it to order {order}.
I also want {a_product} in my order {order}.
Add {a_product} to order {order}, please.
Add one more thing to order {order}: {a_product}.
Order {order}: can you add {a_product}?
Order {order}: I also want {a_product}.
My order number is {order}. Please add {a_product}.
One more thing: please put {a_product} in order {order}.""",
    },
    "use_code": {
        "description": "Apply a discount code",
        "arguments": ["code"],
        "ask": """Please apply the code {code}.
I want to use the discount code {code}.
My coupon is {code}.
Can you add the coupon {code}?
I have a discount code: {code}.
Use the code {code} for my order.
Please use the code {code}.
Please use my discount code {code}.
Can you use the code {code}?
Can you apply the discount code {code}?
Could you apply my code {code}?
I would like to use the code {code}.
I would like to apply the coupon {code}.
I have a coupon, it is {code}.
I have a code for a discount: {code}. Please apply it.
I forgot to use the code {code}, can you add it?
I want the discount for the code {code}.
My discount code is {code}.
My code is {code}, please apply it.
Apply the coupon {code} to my order, please.
Add the discount code {code} to my order.
Here is my coupon: {code}.
The coupon is {code}, I want the discount.""",
    },
    "gift_card_balance": {
        "description": "Get the balance of a gift card",
        "arguments": ["card"],
        "ask": """What is the balance of gift card {card}?
How much money is on my gift card {card}?
Please check gift card {card}.
How much is left on gift card {card}?
I want to know the balance of my gift card {card}.
I need the balance of gift card {card}.
I would like to know the balance of gift card {card}.
I would like to know how much is left on card {card}.
I have the gift card {card}. How much is on it?
I have a gift card with the number {card}, what is the balance?
Can you check the balance of gift card {card}?
Could you tell me the balance of my gift card {card}?
Can you tell me how much money is on gift card {card}?
Please tell me the balance of gift card {card}.
Please check how much is left on my gift card {card}.
Check the balance of gift card {card}, please.
Tell me how much is left on gift card {card}.
Is there money left on gift card {card}?
Is there still money on my gift card {card}?
How much can I still pay with gift card {card}?
What is left on gift card {card}?
My gift card is {card}. What is the balance?
My gift card has the number {card}. How much money is left?""",
    },
    "send_invoice": {
        "description": "Send an invoice by email",
        "arguments": ["order", "email"],
        "ask": """Please send the invoice for order {order} to {email}.
I need an invoice for order {order}, my email is {email}.
Email the receipt of order {order} to {email}.
Can you send the invoice of order {order} to {email}?
My company needs the invoice for order {order}. Send it to {email}.
I need the invoice for order {order}. My email is {email}.
I would like the invoice of order {order} sent to {email}.
I want the receipt for order {order}, send it to {email}.
Can you email the invoice for order {order} to {email}?
Could you send the receipt of order {order} to {email}?
Please email me the invoice of order {order}, my email is {email}.
Please send the receipt for order {order} to {email}.
Send the invoice of order {order} to {email}, please.
Send my invoice to {email}, the order number is {order}.
Order {order}: please send the invoice to {email}.
Order {order}: I need the receipt, my email is {email}.
My order number is {order}. Send the invoice to {email}.
My company needs a receipt for order {order}, please send it to {email}.
I need a receipt for my company, the order is {order} and the email is {email}.
I never got the invoice for order {order}, send it to {email}.
I never got a receipt. The order is {order}, my email is {email}.
There was no invoice with order {order}, please email it to {email}.""",
    },
    "claim_warranty": {
        "description": "Open a warranty claim",
        "arguments": ["product", "date"],
        "ask": """My {product} is broken, I bought it on {date}. I want to use the warranty.
Open a warranty claim for the {product} I bought on {date}.
I bought the {product} on {date}. Is it under warranty?
The {product} from {date} stopped working. Please use the warranty.
Warranty for my {product}, bought on {date}, please.
I want to use the warranty of my {product}, bought on {date}.
I want to open a warranty claim for my {product} from {date}.
I would like to claim the warranty for the {product} I bought on {date}.
I have a warranty claim: my {product} from {date} is broken.
I need the warranty for my {product}, I bought it on {date}.
Can I use the warranty for my {product}? I bought it on {date}.
Can you open a warranty claim for the {product} from {date}?
Could you check the warranty of my {product}, bought on {date}?
Please open a warranty claim, my {product} from {date} stopped working.
Please open a claim for my {product}, I bought it on {date}.
On {date} I bought {a_product}, now it is broken. Is it under warranty?
On {date} I bought {a_product}. I want to use the warranty.
Is my {product} from {date} still under warranty?
Is there a warranty on the {product} I bought on {date}?
My {product} stopped working, I bought it on {date}. Is there a warranty?
The {product} I bought on {date} is broken, I want to claim the warranty.
The {product} broke. I bought it on {date}, it should be under warranty.""",
    },
    "book_repair": {
        "description": "Book a repair",
        "arguments": ["product", "date"],
        "ask": """Please repair my {product} on {date}.
I want to bring in my {product} for repair on {date}.
Can you fix my {product} on {date}?
Book a repair of my {product} for {date}.
I need my {product} fixed, {date} would be good.
I want to book a repair of my {product} on {date}.
I would like to book a repair for my {product} on {date}.
I need a repair of my {product} on {date}.
I need someone to fix my {product} on {date}.
I would like to have my {product} repaired on {date}.
Can I bring in my {product} for repair on {date}?
Can I book a repair for the {product}? I can come on {date}.
Can you repair the {product} on {date}?
Could you repair my {product} on {date}?
Could someone fix the {product} on {date}?
Please book a repair for my {product} on {date}.
Please fix my {product}, I can bring it in on {date}.
Book me a repair on {date}, it is for the {product}.
My {product} needs a repair, {date} would be good.
My {product} needs to be fixed, can I come on {date}?
My {product} is broken, can you repair it on {date}?
On {date} I can bring in my {product} for repair.""",
    },
    "find_store": {
        "description": "Find a store in a city",
        "arguments": ["city"],
        "ask": """Where is your store in {city}?
Do you have a store in {city}?
Find me a shop in {city}.
Is there a shop near {city}?
I am looking for your store in {city}.
What is the address of your shop in {city}?
Where can I find your store in {city}?
Where in {city} is your shop?
Where is the store in {city}?
Is there a store in {city}?
Is there one of your shops in {city}?
Do you have a shop near {city}?
Do you have any stores near {city}?
Can you find a store near {city}?
Can you tell me where your shop in {city} is?
Could you find me a store in {city}?
Please find me a shop near {city}.
Please tell me the address of your store in {city}.
Tell me where your store in {city} is.
I want to find your shop in {city}.
I live in {city}, where is your store?
I am in {city} and looking for your shop.
I need the address of your store in {city}.
What is the address of the store in {city}?""",
    },
    "store_hours": {
        "description": "Get the opening hours of a day",
        "arguments": ["day"],
        "ask": """When are you open on {day}?
What are your hours on {day}?
Are you open on {day}?
What time do you close on {day}?
I want to come on {day}. When do you open?
How late are you open on {day}?
When do you open on {day}?
When do you close on {day}?
When is the store open on {day}?
What time do you open on {day}?
What time does the store close on {day}?
What are your opening hours on {day}?
What are the store hours on {day}?
Is the store open on {day}?
Is your shop open on {day}?
How long are you open on {day}?
How late can I come on {day}?
Can you tell me your hours on {day}?
Can I come to the store on {day}? What are the hours?
Please tell me when you open on {day}.
Please give me the opening hours for {day}.
Tell me your opening hours on {day}.
I would like to know when you close on {day}.
I want to come by on {day}, how late are you open?
I can come on {day}. When are you open?""",
    },
    "shipping_cost": {
        "description": "Get the cost of shipping",
        "arguments": ["city"],
        "ask": """How much is shipping to {city}?
What does it cost to ship to {city}?
What is the shipping fee to {city}?
I live in {city}. How much is delivery?
What do you charge for shipping to {city}?
How much does shipping to {city} cost?
How much does delivery to {city} cost?
How much do you charge for shipping to {city}?
How much do I pay for delivery to {city}?
How much would it cost to ship something to {city}?
What is the cost of shipping to {city}?
What is the cost of delivery to {city}?
What does delivery to {city} cost?
What do I pay for shipping to {city}?
What would shipping to {city} cost me?
Can you tell me the cost of shipping to {city}?
Could you tell me how much shipping to {city} is?
Please tell me the shipping cost to {city}.
Tell me the shipping fee for {city}.
I want to know how much delivery to {city} is.
I would like to know the shipping fee to {city}.
I live in {city}. What do you charge for delivery?
I am in {city}, how much is shipping?""",
    },
    "call_back": {
        "description": "Let a person call the customer",
        "arguments": ["phone"],
        "ask": """Please call me at {phone}.
I want to talk to a person, my number is {phone}.
Can someone call me back at {phone}?
Let an agent call {phone}.
I need a call, my phone is {phone}.
My number is {phone}. I want to speak to a manager.
Please call me back at {phone}.
Please call me, my phone number is {phone}.
Please let a person call me at {phone}.
Can you call me at {phone}?
Can a person call me back? My number is {phone}.
Could someone call me at {phone}?
Could an agent call me, please? My phone is {phone}.
Call me back, my number is {phone}.
Call {phone}, I want to talk to someone.
I want a call back at {phone}.
I would like a call, my number is {phone}.
I would like to talk to someone, please call {phone}.
I would like to speak to an agent, my phone number is {phone}.
I need to talk to a manager, call me at {phone}.
I need to speak to someone. My phone number is {phone}.
My phone is {phone}, please call me.
My phone number is {phone}. I want to talk to a person.
Let someone call me back, the number is {phone}.""",
    },
    "get_points": {
        "description": "Get the points of a customer",
        "arguments": ["name"],
        "ask": """How many points does {name} have?
My name is {name}. How many points do I have?
I am {name}, please tell me my points.
Check the points of {name}, please.
How many loyalty points are there for {name}?
How many points does {name} have now?
How many loyalty points does {name} have?
How many points are left for {name}?
How many points do I have? My name is {name}.
How many points do I have? I am {name}.
What are the points of {name}?
Can you check the points of {name}?
Can you check my points? My name is {name}.
Could you tell me how many points {name} has?
Please tell me my points, my name is {name}.
Please check how many points {name} has.
Please check the loyalty points for {name}.
Tell me how many points there are for {name}.
Check my loyalty points, my name is {name}.
I want to know my points. I am {name}.
I want to know how many points {name} has.
I would like to know my loyalty points, my name is {name}.
I am {name}. How many loyalty points do I have?""",
    },
    "file_complaint": {
        "description": "Write down a complaint",
        "arguments": ["order"],
        "ask": """I want to complain about order {order}.
I have a complaint about order {order}.
Order {order} was a disaster, write down my complaint.
Your driver was rude, this is a complaint. The order is {order}.
I am very unhappy with order {order} and want to complain.
I want to make a complaint about order {order}.
I would like to complain about order {order}.
I would like to make a complaint, the order is {order}.
I need to complain about my order {order}.
I need to make a complaint. My order number is {order}.
I have to complain about order {order}.
I have a complaint, my order number is {order}.
I am very unhappy with my order {order}, write down my complaint.
I am very unhappy, this is a complaint about order {order}.
Please write down a complaint about order {order}.
Please write down that I am unhappy with order {order}.
Can you write down my complaint about order {order}?
Can I complain about order {order}?
This is a complaint about order {order}.
My complaint is about order {order}.
Order {order} was very bad, I want to complain.
Order {order} was a disaster. I want to make a complaint.
The driver of order {order} was rude, I want to complain.""",
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
Do not do this yet: {other_low} But do this: {q}
{other} Sorry, forget that. {q}
{other} No, wait. {q}
{other} No, I do not need that anymore. {q}
{other} That is done already, sorry. What I need is this: {q}
{other} I do not want that now. {q}
{other} But that is not why I write. {q}
{other} But not now, that can wait. {q}
{other} That was yesterday. Now I ask: {q}
{other} That was a mistake. This is what I want: {q}
{other} I asked this yesterday, it is done. {q}
{other} My {person} asks this, not me. I ask: {q}
{detail} {q}
{q} {detail}
{detail} {detail2} {q}
{q} {detail} {detail2}
I have called {n} times. {q}
I have waited {m} minutes on the phone. {detail} {q}
I am {age} years old and have {n} kids. {q}
My {person} is {age} years old. {q} {detail}
{q} I have been waiting for {d1} days.
{q} I have been a customer for {n} years. {detail}
I do not want this: {other_low} I want this: {q}
I do not ask this: {other_low} I ask this: {q}
Not this: {other_low} But this: {q}
Please do not do this: {other_low} Please do this: {q}
Forget this: {other_low} What I want now: {q}
This can wait: {other_low} Do this now: {q}
This is done already: {other_low} This is not done: {q}
First I wanted this: {other_low} Now I want this: {q}
Yesterday I asked: {other_low} Today I ask: {q}
Last week I wrote: {other_low} That is done. {q}
I wrote before: {other_low} Sorry, that was a mistake. {q}
I wanted to ask: {other_low} But what I need now is this: {q}
My {person} wrote: {other_low} I write about something else: {q}
My {person} wants this: {other_low} I do not. I want this: {q}
My {person} needs this: {other_low} What I need is this: {q}
Some other day I will ask this: {other_low} Today it is this: {q}
{q} And please do not do this: {other_low}
{q} Not this, that is done: {other_low}
{q} What I do not need is this: {other_low}
{q} Before that I asked something else, forget it: {other_low}
{q} My {person} will ask the other thing later: {other_low}
{q} That is all. Yesterday I asked this, it is done: {other_low}"""

# Corrections of one argument: {wrong} was said first, {right} counts.
CORRECTIONS = """{q_wrong} Sorry, I mean {right}, not {wrong}.
{q_wrong} No, not {wrong}, I mean {right}.
{q_wrong} Wait, {wrong} is wrong. It is {right}.
{q_wrong} I made a mistake: not {wrong} but {right}.
{q_wrong} Correction: {right} instead of {wrong}.
{q_wrong} Please use {right}, {wrong} was a mistake.
{q_wrong} Sorry, {right}, not {wrong}.
{q_wrong} Sorry, not {wrong}, I mean {right}.
{q_wrong} Sorry, {wrong} is wrong, {right} is right.
{q_wrong} Sorry, that was wrong. It is {right}.
{q_wrong} Sorry, that was a mistake, I mean {right}.
{q_wrong} No, sorry, I mean {right}.
{q_wrong} No, {right}.
{q_wrong} No, wait, not {wrong} but {right}.
{q_wrong} No, it is {right}, not {wrong}.
{q_wrong} Wait, I mean {right}.
{q_wrong} Wait, not {wrong}, it is {right}.
{q_wrong} Wait, that was a mistake. It should be {right}.
{q_wrong} I mean {right}, not {wrong}.
{q_wrong} I mean {right}, {wrong} was a mistake.
{q_wrong} I do not mean {wrong}, I mean {right}.
{q_wrong} I said {wrong}, but I mean {right}.
{q_wrong} I said {wrong}, but it is {right}.
{q_wrong} I wrote {wrong}, it should be {right}.
{q_wrong} I wrote {wrong}, but {right} is right.
{q_wrong} I made a mistake, it is {right}, not {wrong}.
{q_wrong} I made a mistake. Please use {right} instead of {wrong}.
{q_wrong} It is not {wrong} but {right}.
{q_wrong} It should be {right}, not {wrong}.
{q_wrong} Not {wrong}, {right}.
{q_wrong} Not {wrong}, sorry. I mean {right}.
{q_wrong} Correction: not {wrong}, it is {right}.
{q_wrong} Correction: I mean {right}.
{q_wrong} Please forget {wrong}, it is {right}.
{q_wrong} Please use {right}, not {wrong}.
{q_wrong} Forget {wrong}, I mean {right}.
{q_wrong} Please change {wrong} to {right}, I made a mistake.
{q_wrong} My {person} said {wrong}, but {right} is right.
{q_wrong} First I thought {wrong}, but it is {right}.
I mean {right} where I say {wrong}: {q_wrong}
Please use {right} where I write {wrong}. {q_wrong}"""

TOOL_ORDERS = """Use a tool to help the customer.
Pick the right tool.
Help with one of the tools.
Call the tool that fits.
Choose the right tool for the customer.
Always answer with a tool.
Use the right tool.
Use the tool that fits.
Use one of the tools to answer the customer.
Use a tool for each message.
Use one tool, nothing else.
Always use a tool.
Always call the right tool.
Always call one tool, never two.
Pick the tool that fits the message.
Pick one tool for the customer.
Pick a tool and call it.
Pick the right tool for each message and call it.
Choose the tool that fits and call it.
Choose one tool for each message.
Choose a tool and help the customer.
Choose the right tool.
Call one of the tools.
Call a tool to help the customer.
Call the right tool for the customer.
Call one tool for each message.
Call the tool the customer needs.
Help the customer, call the right tool.
Help the customer with one of the tools.
Help each customer with the right tool.
Help with the tool that fits best.
Answer with a tool.
Answer each message with one tool.
Answer the customer with the right tool.
Answer with one tool call, nothing else.
Answer only with a tool call.
Your answer is one tool call.
Your answer is always a tool call, no other text.
Read the message and call the right tool.
Read the message, then pick a tool.
Read what the customer writes and use the tool that fits.
The customer writes, you call a tool.
The customer writes and you pick the right tool.
For each message, call one tool.
For each message, choose the tool that fits best.
Find the right tool for the message.
Find the tool that fits and use it."""

"""What a shop's system prompt states, and the questions it answers.

Each fact: `value` (a pattern over value slots), `state` (sentences with
{v}, the span to copy), `ask` (questions) and `thing` (for "not about ...").
Questions ask for one fact only, and the answer is {v} to the letter.
"""

FACTS = {
    "hours": {
        "value": ["{wd1} to {wd2}, {am} am to {pm} pm", "{am} am to {pm} pm", "daily from {am} am to {pm} pm"],
        "state": ["Business hours: {v}.", "Our business hours are {v}.", "Open {v}.", "Opening hours: {v}.",
                  "We are open {v}.", "Store hours: {v}.", "Hours: {v}.", "The store is open {v}.",
                  "You can visit us {v}.", "Our hours: {v}."],
        "ask": """What are your business hours?
When are you open?
What are your opening hours?
Which hours are you open?
Tell me your business hours.
Can you tell me your opening hours?
I need your business hours.
At what hours is your store open?
At which hours can I visit your store?
I would like to know your opening hours.
Please tell me when you are open.
What time do you open and close?
From when to when are you open?
When can I come to your store?
When can I visit you?
Do you know the business hours of the store?
I want to visit you. What are your opening hours?
I need to know when your store is open.
Which hours does your shop have?
Could you give me your business hours?
Let me know your opening hours, please.
When do you open and when do you close?""",
        "thing": "your business hours",
    },
    "weekend_hours": {
        "value": ["{am} am to {pm} pm", "closed", "{am} am to {noon} pm"],
        "state": ["Weekend hours: {v}.", "On weekends: {v}.", "Weekends: {v}.", "Our weekend hours: {v}.",
                  "Hours on the weekend: {v}.", "Opening hours on weekends: {v}.", "Store hours, weekends: {v}.",
                  "The weekend: {v}."],
        "ask": """When are you open on weekends?
What are your weekend hours?
Are you open on weekends?
Can I come on the weekend?
Tell me your weekend hours.
What hours do you have on the weekend?
Is your store open on the weekend, and when?
I want to visit you on the weekend. When are you open?
I only have time on weekends. What are your hours then?
Can you tell me your weekend hours?
Please give me your hours for the weekend.
What are your opening hours on a weekend?
At what hours can I come on the weekend?
I would like to know your weekend hours.
Do you open on weekends, and at what time?
On weekends, when is your shop open?
When can I visit your store on a weekend?
Which hours are you open on the weekend?
I need to know if you are open on weekends.
Let me know when you are open on the weekend.""",
        "thing": "the weekend",
    },
    "holiday_hours": {
        "value": ["{am} am to {noon} pm", "closed"],
        "state": ["Holiday hours: {v}.", "On holidays: {v}.", "Our holiday hours: {v}.", "Hours on a holiday: {v}.",
                  "Opening hours on holidays: {v}.", "Holidays: {v}.", "Store hours, holidays: {v}.",
                  "A holiday: {v}."],
        "ask": """When are you open on holidays?
What are your holiday hours?
Are you open on holidays?
Can I come on a holiday?
Tell me your holiday hours.
What hours do you have on a holiday?
Is your store open on holidays, and when?
I want to visit you on a holiday. When are you open?
I only have time on holidays. What are your hours then?
Can you tell me your holiday hours?
Please give me your hours for holidays.
What are your opening hours on holidays?
At what hours can I come on a holiday?
I would like to know your holiday hours.
Do you open on holidays, and at what time?
On holidays, when is your shop open?
Which hours are you open on a holiday?
I need to know if you are open on holidays.
Let me know when you are open on a holiday.
When can I visit your store on holidays?""",
        "thing": "holidays",
    },
    "return_window": {
        "value": ["{d2} days", "{n} weeks"],
        "state": ["Returns are accepted within {v}.", "Return window: {v}.", "Items can be returned within {v}.",
                  "Return time: {v}.", "You can return items for {v}.", "Time for a return: {v}.",
                  "A return is possible within {v}.", "We take items back within {v}."],
        "ask": """How long can I return an item?
Within what time can I return something?
What is your return window?
How long do I have for a return?
Until when can I return an item?
How much time do I have to return something?
What is the time for a return?
For how long do you take items back?
Until when do you take an item back?
Tell me how long I can return something.
I want to return something. How much time is there?
How many days or weeks can I return an item?
Can you tell me your return window?
Is there a time limit for a return?
I need to know how long I have for a return.
If I do not like an item, how long can I return it?
What time limit do you have for returns?
Please tell me within what time I can return an item.
Within how much time must I return an item?
How long are returns accepted?
I would like to know your return window.""",
        "thing": "returns",
    },
    "exchange_window": {
        "value": ["{d2} days", "{n} weeks"],
        "state": ["Exchanges are possible within {v}.", "Exchange window: {v}.", "You can exchange items for {v}.",
                  "Time for an exchange: {v}.", "Items can be exchanged within {v}.", "Exchange time: {v}.",
                  "We exchange items within {v}.", "An exchange is possible within {v}."],
        "ask": """How long can I exchange an item?
Within what time is an exchange possible?
What is your exchange window?
How long do I have for an exchange?
Until when can I exchange an item?
How much time do I have to exchange something?
Within what time can I exchange something?
What is the time for an exchange?
Tell me how long I can exchange an item.
I want to exchange something. How much time is there?
Can you tell me your exchange window?
Is there a time limit for an exchange?
I need to know how long I have for an exchange.
If the size is wrong, how long can I exchange it?
What time limit do you have for exchanges?
Please tell me within what time I can exchange an item.
Within how much time must I exchange an item?
How long are exchanges possible?
I would like to know your exchange window.
Until when are exchanges accepted?""",
        "thing": "exchanges",
    },
    "return_fee": {
        "value": ["{fee}", "free"],
        "state": ["A return costs: {v}.", "Return fee: {v}.", "Fee for returns: {v}.", "Returns cost: {v}.",
                  "Cost of a return: {v}.", "What a return costs: {v}.", "Price of a return: {v}.",
                  "Returning an item costs: {v}."],
        "ask": """How much does a return cost?
What is the return fee?
What do you charge for a return?
Is there a fee for returns?
Do I have to pay for a return?
What does a return cost?
How much do I pay to return an item?
Tell me the return fee.
What is the price of a return?
How much do you charge for returns?
Is a return free, or what does it cost?
What is the cost of a return?
Can you tell me what a return costs?
I want to return something. What is the fee?
If I send an item back, how much do I pay?
I need to know the fee for a return.
What will it cost me to return an item?
Please tell me how much a return costs.
Do you charge a fee when I return something?
I would like to know the return fee.""",
        "thing": "the return fee",
    },
    "return_address": {
        "value": ["{num} {street}, {city}"],
        "state": ["Return address: {v}.", "Send returns to {v}.", "Returns go to {v}.", "Address for returns: {v}.",
                  "Returns: please send them to {v}.", "Please send returns to {v}.", "Send items back to {v}.",
                  "A return goes to {v}."],
        "ask": """Where do I send a return?
What is the return address?
Which address do returns go to?
Where should I send the item back?
What address do I use for a return?
To which address do I send a return?
Tell me the return address.
Where do returns go?
I want to send something back. What is the address?
I need the address for a return.
Can you give me the return address?
Where must I send an item that I return?
To what place do I send the item back?
Which address is for returns?
Please give me the address for returns.
What address must be on my return?
Could you tell me where to send a return?
If I return an item, where do I send it?
Is there an address for returns?
I would like to have the return address.""",
        "thing": "the return address",
    },
    "refund_time": {
        "value": ["{d1} days", "{d1} business days"],
        "state": ["Refunds take {v}.", "Refund time: {v}.", "Refunds are paid within {v}.", "A refund takes {v}.",
                  "You get a refund within {v}.", "Your money is back within {v}.", "Time for a refund: {v}.",
                  "We pay refunds within {v}."],
        "ask": """How long does a refund take?
When do I get my money back?
How long do I wait for a refund?
What is the refund time?
How fast are refunds paid?
How many days does a refund take?
When is my refund paid?
Within what time do you pay a refund?
Tell me how long a refund takes.
How much time do you need for a refund?
After how many days do I get a refund?
How long until I get my money back?
I want a refund. How long does that take?
Can you tell me the refund time?
How soon will I have my money back?
I need to know how long refunds take.
Please tell me when I get my refund.
How long do you need to pay my money back?
What time does a refund take?
I would like to know how fast a refund is.""",
        "thing": "refunds",
    },
    "standard_fee": {
        "value": ["{fee}"],
        "state": ["Standard shipping costs {v}.", "Standard shipping: {v}.", "Shipping fee (standard): {v}.",
                  "Fee for standard shipping: {v}.", "Standard shipping fee: {v}.",
                  "The price of standard shipping is {v}.", "We charge {v} for standard shipping.",
                  "Cost of standard shipping: {v}."],
        "ask": """How much is standard shipping?
What does standard shipping cost?
What is the fee for standard shipping?
How much do you charge for standard shipping?
Tell me the standard shipping fee.
What is the price of standard shipping?
How much do I pay for standard shipping?
What is the standard shipping fee?
Can you tell me what standard shipping costs?
I want standard shipping. What do I pay?
What is the cost of standard shipping?
I need to know the fee for standard shipping.
Please tell me the price of standard shipping.
If I take standard shipping, what does it cost?
How much does standard shipping cost?
With standard shipping, how much do I pay?
Is there a fee for standard shipping?
I would like to know the standard shipping fee.
What will standard shipping cost me?
Could you give me the fee for standard shipping?""",
        "thing": "standard shipping",
    },
    "express_fee": {
        "value": ["{fee}"],
        "state": ["Express shipping costs {v}.", "Express shipping: {v}.", "Shipping fee (express): {v}.",
                  "Fee for express shipping: {v}.", "Express shipping fee: {v}.",
                  "The price of express shipping is {v}.", "We charge {v} for express shipping.",
                  "Cost of express shipping: {v}."],
        "ask": """How much is express shipping?
What does express shipping cost?
What is the fee for express shipping?
How much do you charge for express shipping?
Tell me the express shipping fee.
What is the price of express shipping?
How much do I pay for express shipping?
What is the express shipping fee?
Can you tell me what express shipping costs?
I want express shipping. What do I pay?
What is the cost of express shipping?
I need to know the fee for express shipping.
Please tell me the price of express shipping.
If I take express shipping, what does it cost?
How much does express shipping cost?
With express shipping, how much do I pay?
Is there a fee for express shipping?
I would like to know the express shipping fee.
What will express shipping cost me?
Could you give me the fee for express shipping?""",
        "thing": "express shipping",
    },
    "standard_time": {
        "value": ["{n} to {n2} days", "{n} days", "{n} business days"],
        "state": ["Standard delivery takes {v}.", "Standard delivery time: {v}.", "Standard orders arrive in {v}.",
                  "Time for standard delivery: {v}.", "A standard order takes {v}.", "Standard packages arrive in {v}.",
                  "With standard delivery an order takes {v}.", "Standard delivery: {v}."],
        "ask": """How long does standard delivery take?
What is the standard delivery time?
When does a standard order arrive?
How many days does standard delivery take?
How fast is standard delivery?
How much time does standard delivery take?
Tell me the standard delivery time.
How long does a standard order take?
After how many days does a standard order arrive?
Can you tell me how long standard delivery takes?
I want standard delivery. When does my order arrive?
How soon does a standard package arrive?
I need to know the time for standard delivery.
Please tell me how fast standard delivery is.
If I take standard delivery, when does it arrive?
With standard delivery, how long do I wait?
How long do I wait for a standard order?
Within what time does a standard package arrive?
What is the time for standard delivery?
I would like to know how long a standard order takes.""",
        "thing": "the standard delivery time",
    },
    "express_time": {
        "value": ["{h} hours", "{n} days", "one day"],
        "state": ["Express delivery takes {v}.", "Express delivery time: {v}.", "Express orders arrive in {v}.",
                  "Time for express delivery: {v}.", "An express order takes {v}.", "Express packages arrive in {v}.",
                  "With express delivery an order takes {v}.", "Express delivery: {v}."],
        "ask": """How long does express delivery take?
What is the express delivery time?
When does an express order arrive?
How fast is express delivery?
How much time does express delivery take?
Tell me the express delivery time.
How long does an express order take?
After what time does an express order arrive?
Can you tell me how long express delivery takes?
I want express delivery. When does my order arrive?
How soon does an express package arrive?
I need to know the time for express delivery.
Please tell me how fast express delivery is.
If I take express delivery, when does it arrive?
With express delivery, how long do I wait?
How long do I wait for an express order?
Within what time does an express package arrive?
What is the time for express delivery?
I would like to know how long an express order takes.
How long is the express delivery time?""",
        "thing": "the express delivery time",
    },
    "free_shipping": {
        "value": ["{round}"],
        "state": ["Shipping is free from {v}.", "Free shipping from {v}.", "Orders over {v} ship free.",
                  "Shipping costs nothing from {v}.", "Minimum for free shipping: {v}.", "From {v} shipping is free.",
                  "You get free shipping from {v}.", "Free shipping starts at {v}."],
        "ask": """From what amount is shipping free?
When is shipping free?
How much do I have to spend for free shipping?
What is the minimum for free shipping?
When do I get free shipping?
Tell me from what amount shipping is free.
At what amount do I get free shipping?
How much must I buy for free shipping?
What is the amount for free shipping?
From how much on is shipping free?
Where does free shipping start?
Can you tell me when shipping is free?
I want free shipping. How much do I have to spend?
Do you have free shipping, and from what amount?
I need to know the minimum for free shipping.
Please tell me how much I must spend for free shipping.
What do I have to spend so that shipping is free?
How big must my order be for free shipping?
If I want free shipping, how much must I order?
I would like to know from when shipping is free.""",
        "thing": "free shipping",
    },
    "minimum_order": {
        "value": ["{round}"],
        "state": ["Minimum order: {v}.", "The minimum order is {v}.", "Smallest order: {v}.",
                  "Minimum for an order: {v}.", "We take orders from {v}.", "An order must be at least {v}.",
                  "Orders start at {v}.", "You have to order for at least {v}."],
        "ask": """What is the minimum order?
Is there a minimum order?
How much do I have to order at least?
What is the smallest order you take?
Tell me the minimum order.
For how much must I order at least?
How big must an order be at least?
What is the minimum for an order?
Which minimum does an order have?
How small can an order be?
Can you tell me the minimum order?
From what amount do you take an order?
Do you have a minimum order, and how much is it?
I need to know the minimum for an order.
Please tell me the smallest order you take.
What is the least that I have to order for?
I want to order just a little. What is the minimum?
Is there a minimum that I have to order?
How much is the minimum order?
I would like to know your minimum order.""",
        "thing": "the minimum order",
    },
    "order_cutoff": {
        "value": ["{am} am", "{pm} pm", "noon"],
        "state": ["Orders ship the same day until {v}.", "Same day shipping until {v}.",
                  "Order until {v} for same day shipping.", "Last time for same day shipping: {v}.",
                  "We ship orders the same day until {v}.", "Same day shipping is possible until {v}.",
                  "Time limit for same day shipping: {v}.", "For same day shipping order until {v}."],
        "ask": """Until when do I have to order for same day shipping?
Until what time do orders ship the same day?
When is the last time for same day shipping?
How late can I order for same day shipping?
Until what time is same day shipping possible?
What is the time limit for same day shipping?
Tell me until when you ship the same day.
By what time must I order for same day shipping?
When do I have to order so that it ships the same day?
How late do you ship orders the same day?
Can you tell me the last time for same day shipping?
I want same day shipping. Until when can I order?
At what time does same day shipping end?
Is there a time limit for same day shipping?
I need to know until when orders ship the same day.
Please tell me how late I can order for same day shipping.
If I order today, until when does it ship the same day?
Which time is the last for same day shipping?
What is the latest time to order for same day shipping?
My order must ship the same day. What is the latest time?""",
        "thing": "same day shipping",
    },
    "cancel_window": {
        "value": ["{h} hours", "{m} minutes"],
        "state": ["Orders can be canceled within {v}.", "Cancel window: {v}.", "Canceling is possible within {v}.",
                  "You can cancel an order for {v}.", "Time to cancel: {v}.", "An order can be canceled within {v}.",
                  "Time to cancel an order: {v}.", "You have {v} to cancel an order."],
        "ask": """How long can I cancel an order?
Within what time can I cancel my order?
What is the cancel window?
How long do I have to cancel an order?
Until when can I cancel?
How much time do I have to cancel an order?
Tell me how long I can cancel an order.
For how long can an order be canceled?
Until when can my order be canceled?
What is the time to cancel an order?
Can you tell me the cancel window?
I want to cancel. How long is that possible?
Is there a time limit to cancel an order?
Within how much time must I cancel?
I need to know how long I can cancel.
Please tell me until when I can cancel my order.
If I change my mind, how long can I cancel?
How long is canceling possible?
How long after I order can I cancel?
I would like to know your cancel window.""",
        "thing": "canceling",
    },
    "warranty": {
        "value": ["{n} years", "{d2} months", "one year"],
        "state": ["Warranty: {v}.", "The warranty lasts {v}.", "All products have a warranty of {v}.",
                  "Warranty time: {v}.", "We give a warranty of {v}.", "You have a warranty for {v}.",
                  "The warranty is good for {v}.", "Time of the warranty: {v}."],
        "ask": """How long is the warranty?
What warranty do you give?
How long does the warranty last?
What is the warranty on your products?
For how long do I have a warranty?
Tell me how long the warranty is.
How long is the warranty good?
How much warranty do you give?
What is the time of the warranty?
Which warranty do I get?
Can you tell me how long the warranty lasts?
Until when do I have a warranty?
I want to know how long the warranty is.
Do your products have a warranty, and how long?
I need to know the time of the warranty.
Please tell me what warranty I have.
If something breaks, how long is my warranty?
How many months or years is the warranty?
When does the warranty end?
How long do I get a warranty for?""",
        "thing": "the warranty",
    },
    "repair_time": {
        "value": ["{n} weeks", "{d1} days"],
        "state": ["Repairs take {v}.", "Repair time: {v}.", "Time for a repair: {v}.", "A repair takes {v}.",
                  "A repair is done within {v}.", "We repair items within {v}.", "You wait {v} for a repair.",
                  "Repairs are done in {v}."],
        "ask": """How long does a repair take?
What is the repair time?
When is a repair done?
How long do I wait for a repair?
How much time does a repair take?
Tell me how long a repair takes.
How long do repairs take?
Within what time do you repair an item?
How many days or weeks does a repair take?
Can you tell me the repair time?
I want a repair. How long does that take?
How fast do you repair something?
I need to know how long a repair takes.
Please tell me when a repair is done.
If something breaks, how long does the repair take?
How soon is a repair done?
How long do you need for a repair?
After what time is a repair done?
What time does a repair take?
I would like to know the time for a repair.""",
        "thing": "the repair time",
    },
    "repair_fee": {
        "value": ["{fee}"],
        "state": ["A repair costs {v}.", "Repair fee: {v}.", "Repairs cost {v}.", "Fee for a repair: {v}.",
                  "Price of a repair: {v}.", "We charge {v} for a repair.", "Cost of a repair: {v}.",
                  "You pay {v} for a repair."],
        "ask": """How much does a repair cost?
What is the repair fee?
What do you charge for a repair?
How much is a repair?
What does a repair cost?
Tell me the repair fee.
How much do I pay for a repair?
What is the price of a repair?
How much do you charge for repairs?
What is the cost of a repair?
Can you tell me what a repair costs?
I want a repair. What do I pay?
Is there a fee for a repair?
I need to know the fee for a repair.
Please tell me how much a repair is.
If something breaks, what does the repair cost?
What will a repair cost me?
Do I have to pay for a repair, and how much?
Could you give me the repair fee?
I would like to know the price of a repair.""",
        "thing": "the repair fee",
    },
    "assembly_fee": {
        "value": ["{fee}", "free"],
        "state": ["Assembly service: {v}.", "Assembly fee: {v}.", "Assembly at home costs: {v}.",
                  "Cost of assembly: {v}.", "Price of assembly: {v}.", "Assembly costs: {v}.", "Fee for assembly: {v}.",
                  "What assembly costs: {v}."],
        "ask": """How much is the assembly service?
What does assembly cost?
What is the assembly fee?
What do you charge for assembly?
How much does assembly cost?
Tell me the assembly fee.
How much do I pay for assembly?
What is the price of assembly?
Is there a fee for assembly?
What is the cost of assembly at home?
Can you tell me what assembly costs?
I want assembly at home. What do I pay?
Is assembly free, or what does it cost?
I need to know the fee for assembly.
Please tell me how much assembly is.
If I take the assembly service, what does it cost?
What will assembly cost me?
How much do you charge for assembly at home?
Could you give me the price of the assembly service?
I would like to know the assembly fee.""",
        "thing": "assembly",
    },
    "gift_wrap_fee": {
        "value": ["{fee}", "free"],
        "state": ["Gift wrapping: {v}.", "Gift wrap fee: {v}.", "Gift wrapping costs: {v}.",
                  "Cost of gift wrapping: {v}.", "Price of gift wrap: {v}.", "Fee for gift wrapping: {v}.",
                  "Gift wrap costs: {v}.", "What gift wrap costs: {v}."],
        "ask": """How much is gift wrapping?
What does gift wrapping cost?
What do you charge for gift wrap?
What is the gift wrap fee?
Is there a fee for gift wrapping?
How much does gift wrap cost?
Tell me the gift wrap fee.
How much do I pay for gift wrapping?
What is the price of gift wrap?
What is the cost of gift wrapping?
Can you tell me what gift wrapping costs?
I want gift wrap. What do I pay?
Is gift wrapping free, or what does it cost?
I need to know the fee for gift wrap.
Please tell me how much gift wrap is.
If I take gift wrapping, what does it cost?
What will gift wrapping cost me?
Do you charge for gift wrapping, and how much?
Could you give me the price of gift wrapping?
I would like to know the gift wrap fee.""",
        "thing": "gift wrapping",
    },
    "phone": {
        "value": ["{phone}"],
        "state": ["Phone: {v}.", "Our phone number is {v}.", "Call us at {v}.", "Phone number: {v}.",
                  "You can call us at {v}.", "Our number is {v}.", "You reach us by phone at {v}.", "Call {v}."],
        "ask": """What is your phone number?
How can I call you?
Which number can I call?
Can I have your phone number?
At what number can I reach you?
Tell me your phone number.
What number do I call to reach you?
How can I reach you by phone?
Can you give me your phone number?
I want to call you. What is the number?
I need your phone number.
Which phone number do you have?
Under which number can I call you?
Please give me your phone number.
I would like to call you. Which number do you have?
If I want to call, which number do I take?
Is there a number that I can call?
What is the phone number of your shop?
Could you tell me your phone number?
Do you have a phone number?""",
        "thing": "your phone number",
    },
    "email": {
        "value": ["{email}"],
        "state": ["Email: {v}.", "Our email address is {v}.", "Write to {v}.", "Our email: {v}.", "Email address: {v}.",
                  "You can write to {v}.", "Send us an email at {v}.", "You reach us by email at {v}."],
        "ask": """What is your email address?
Which email can I write to?
How can I reach you by email?
Can I have your email address?
To what address can I email?
Tell me your email address.
Which email address do you have?
Where can I send an email?
Can you give me your email address?
I want to write an email. What is the address?
I need your email address.
To which email address can I write?
Please give me your email address.
I would like to email you. What is your address?
If I want to write an email, what address do I take?
Is there an email address that I can write to?
What is the email address of your shop?
Could you tell me your email address?
Do you have an email address?
What is your email?""",
        "thing": "your email address",
    },
    "manager": {
        "value": ["{name}"],
        "state": ["Store manager: {v}.", "The store manager is {v}.", "Our manager is {v}.", "Manager: {v}.",
                  "The manager of our store is {v}.", "Your manager here is {v}.", "The name of our manager is {v}.",
                  "{v} is the manager of our store."],
        "ask": """Who is the store manager?
What is the name of the manager?
Who is your manager?
Can you tell me the manager's name?
Tell me the name of the manager.
What is the manager's name?
What is the name of your store manager?
Who is the manager of your store?
Can you tell me who your manager is?
I want to talk to the manager. Who is that?
I need the name of your manager.
Please give me the manager's name.
Which name does the manager have?
I would like to know who the manager is.
Do you have a manager, and who is it?
Which manager is in your store?
Who is the manager of your shop?
Could you give me the name of the store manager?
May I know the name of the manager?
I want to know the name of your manager.""",
        "thing": "the manager",
    },
    "store_address": {
        "value": ["{num} {street}, {city}"],
        "state": ["Store address: {v}.", "Our store is at {v}.", "Visit us at {v}.", "Our store address is {v}.",
                  "The address of our store: {v}.", "You find our store at {v}.", "You can find us at {v}.",
                  "Our shop is at {v}."],
        "ask": """Where is your store?
What is your store address?
Where are you located?
Where can I find your store?
What is the address of your shop?
Tell me your store address.
Can you give me the address of your store?
At which address is your store?
I want to visit your store. Where is it?
I need the address of your store.
Where is your shop located?
How do I find your store?
Please give me your store address.
Which address does your store have?
In what street is your store?
I would like to visit you. What is your store address?
If I want to visit your store, where do I go?
Could you tell me where your store is?
To which address do I come to visit you?
Do you know where the store is?""",
        "thing": "your store address",
    },
    "pickup": {
        "value": ["{num} {street}, {city}", "{street}, door {n}"],
        "state": ["Pickup point: {v}.", "Pick up orders at {v}.", "Orders can be picked up at {v}.",
                  "Place for pickup: {v}.", "Pickup is at {v}.", "You can pick up your order at {v}.",
                  "Your order waits for pickup at {v}.", "Pickup of orders: {v}."],
        "ask": """Where can I pick up my order?
Where is the pickup point?
At what place can I pick up an order?
Where do I go to pick up my order?
Tell me where the pickup point is.
Where do I pick up an order?
At which place is the pickup point?
I want to pick up my order. Where do I go?
I need to know where the pickup point is.
Can you tell me where to pick up my order?
Where is the place for pickup?
To which place do I come to pick up an order?
Please tell me where I can pick up my order.
If I pick up my order, where do I have to go?
Which place is your pickup point?
Where can an order be picked up?
What is the address of the pickup point?
I would like to pick up an order. Where is that possible?
Could you tell me the pickup point?
Do you have a pickup point, and where is it?""",
        "thing": "the pickup point",
    },
    "parking": {
        "value": ["{street}", "behind the store", "in front of the store"],
        "state": ["Parking: {v}.", "You can park here: {v}.", "Where to park: {v}.", "Parking is here: {v}.",
                  "Park your car here: {v}.", "A place to park: {v}.", "Place for your car: {v}.",
                  "Parking at our store: {v}."],
        "ask": """Where can I park?
Is there parking?
Where is the parking?
Where do I park my car?
Tell me where I can park.
Where can I park my car?
Do you have parking, and where?
At which place can I park?
I come by car. Where can I park?
I need to know where to park.
Can you tell me where parking is?
Is there a place for my car?
Please tell me where the parking is.
If I come by car, where do I park?
Where is a place to park?
Which place is for parking?
I would like to park my car. Where is that possible?
Where do I go to park?
Could you tell me where your parking is?
Do you know a place to park my car?""",
        "thing": "parking",
    },
    "payment": {
        "value": ["{pay1} and {pay2}", "{pay1}, {pay2} and {pay3}"],
        "state": ["Payment by {v}.", "We accept {v}.", "Payment methods: {v}.", "You can pay by {v}.", "We take {v}.",
                  "Ways to pay: {v}.", "Please pay by {v}.", "Payment is possible by {v}."],
        "ask": """How can I pay?
Which payment methods do you accept?
What are my payment options?
What can I pay with?
Which payment do you take?
Tell me how I can pay.
In which ways can I pay?
Which ways to pay are there?
Can you tell me your payment methods?
I want to pay. Which methods do you take?
I need to know how I can pay.
What payment do you accept?
Please tell me what I can pay with.
What are your payment methods?
If I order, how can I pay?
With what can I pay for my order?
Which payment is possible?
I would like to know your payment methods.
What methods of payment do you have?
How do your customers pay?""",
        "thing": "payment",
    },
    "languages": {
        "value": ["{lang1} and {lang2}"],
        "state": ["We speak {v}.", "Languages: {v}.", "Our team speaks {v}.", "You can write to us in {v}.",
                  "We answer in {v}.", "Languages of our team: {v}.", "Our languages are {v}.", "Our desk speaks {v}."],
        "ask": """Which languages do you speak?
What languages can I use?
In which languages do you answer?
Which language does your team speak?
Tell me which languages you speak.
What languages does your team speak?
In what language can I write to you?
Can you tell me the languages of your team?
Which languages are possible?
I need to know what languages you speak.
What are your languages?
Please tell me in which languages you answer.
My English is not good. Which languages do you speak?
Do you speak other languages, and which?
In which languages can I talk to you?
If I call, which languages can I speak?
I would like to know which languages you answer in.
Which languages does your desk speak?
In which languages can I get an answer?
What language do you speak?""",
        "thing": "languages",
    },
    "code": {
        "value": ["{code}"],
        "state": ["Current discount code: {v}.", "Discount code: {v}.", "The discount code this month is {v}.",
                  "Use the discount code {v}.", "Our discount code is {v}.", "Discount code this week: {v}.",
                  "This discount code is good now: {v}.", "The current code for a discount is {v}."],
        "ask": """Do you have a discount code?
What is the current discount code?
Which discount code can I use?
Can I get a discount code?
What is the discount code?
Tell me the current discount code.
What discount code is good now?
Can you give me a discount code?
Is there a discount code?
I want a discount. Which code can I use?
I need a discount code.
Which code do I use for a discount?
Please give me the discount code.
What code gives me a discount?
If I order now, which discount code can I use?
What is the discount code this month?
Which discount code is current?
I would like to have a discount code.
Do you know a discount code that I can use?
Could you tell me your discount code?""",
        "thing": "the discount code",
    },
    "code_value": {
        "value": ["{percent}%"],
        "state": ["The code takes off {v}.", "Discount with the code: {v}.", "With the code you save {v}.",
                  "The code gives you {v} off.", "You get {v} off with the code.", "Use the code and save {v}.",
                  "What the code takes off: {v}.", "The code saves you {v}."],
        "ask": """How much does the code take off?
How much do I save with the code?
How big is the discount with the code?
Tell me how much the code takes off.
How much do I get off with the code?
What do I save with the discount code?
How much off does the code give me?
What is the discount with the code?
How much does the discount code take off?
If I use the code, how much do I save?
Can you tell me how big the discount with the code is?
I have the code. How much do I save with it?
I need to know what the code takes off.
Please tell me how much I save with the code.
How much is the code good for?
With the code, how much do I get off?
What does the code save me?
When I use the code, how big is the discount?
I would like to know how much the code saves.
How many percent does the code take off?""",
        "thing": "the discount with the code",
    },
    "student_discount": {
        "value": ["{percent}%"],
        "state": ["Student discount: {v}.", "Students get {v} off.", "The student discount is {v}.",
                  "Discount for students: {v}.", "Students save {v}.", "For students there is {v} off.",
                  "We give students {v} off.", "As a student you get {v} off."],
        "ask": """How much is the student discount?
What discount do students get?
I am a student. How much do I get off?
How much off do students get?
Tell me the student discount.
What is the student discount?
How big is the discount for students?
How much do students save?
What do you give to students as a discount?
Can you tell me the discount for students?
I am a student. What is my discount?
How much discount do I get as a student?
Is there a student discount, and how much is it?
I need to know the student discount.
Please tell me how much students get off.
If I am a student, how much do I save?
As a student, how much do I get off?
What discount is there for a student?
My daughter is a student. How much does she get off?
How many percent do students get off?
I would like to know the discount for students.""",
        "thing": "the student discount",
    },
    "bulk_discount": {
        "value": ["{percent}%"],
        "state": ["Bulk discount: {v}.", "Large orders get {v} off.", "The discount for a bulk order is {v}.",
                  "Discount for large orders: {v}.", "With a large order you save {v}.", "Bulk orders get {v} off.",
                  "We give {v} off bulk orders.", "On large orders you save {v}."],
        "ask": """How much is the bulk discount?
What discount do large orders get?
How much off is a large order?
What is the discount for a bulk order?
Tell me the bulk discount.
What is the bulk discount?
How big is the discount for large orders?
How much do I save with a bulk order?
What do you take off a large order?
Can you tell me the discount for bulk orders?
I want to place a large order. What is my discount?
How much discount do I get for a large order?
Is there a bulk discount, and how much is it?
I need to know the discount for a bulk order.
Please tell me how much large orders get off.
If my order is large, how much do I save?
With a bulk order, how much do I get off?
How many percent do large orders get off?
I would like to know the bulk discount.
What is taken off for a bulk order?""",
        "thing": "the bulk discount",
    },
    "bulk_minimum": {
        "value": ["{d2} items"],
        "state": ["Bulk orders start at {v}.", "Minimum for a bulk order: {v}.", "A bulk order has at least {v}.",
                  "From {v} on it is a bulk order.", "Bulk orders: at least {v}.",
                  "The minimum for bulk orders is {v}.", "Smallest bulk order: {v}.", "A bulk order starts at {v}."],
        "ask": """How many items make a bulk order?
Where do bulk orders start?
What is the minimum for a bulk order?
From how many items is it a bulk order?
Tell me how many items make a bulk order.
When is an order a bulk order?
How many items must a bulk order have?
What is the smallest bulk order?
How big must a bulk order be at least?
Can you tell me where bulk orders start?
From how many items do you take bulk orders?
How many items do I need for a bulk order?
Which minimum does a bulk order have?
I need to know the minimum for bulk orders.
Please tell me how many items a bulk order has at least.
If I want a bulk order, how many items must I take?
I want to place a bulk order. What is the minimum?
At how many items does a bulk order start?
With how many items is my order a bulk order?
I would like to know the minimum for a bulk order.""",
        "thing": "bulk orders",
    },
    "points": {
        "value": ["{n} points"],
        "state": ["Each dollar earns {v}.", "Loyalty program: {v} for each dollar.", "For each dollar you get {v}.",
                  "You earn {v} for each dollar.", "A dollar earns {v}.", "We give {v} for each dollar.",
                  "Points for each dollar: {v}.", "One dollar is good for {v}."],
        "ask": """How many points do I get for each dollar?
What do I earn for a dollar?
How many points does a dollar earn?
How many points are there for one dollar?
Tell me how many points I get for each dollar.
How many points does each dollar earn?
How many points do you give for a dollar?
What does each dollar earn me?
How many points do I earn for one dollar?
Can you tell me how many points a dollar earns?
I spend one dollar. How many points is that?
How many points is a dollar good for?
In the loyalty program, what do I get for each dollar?
I need to know how many points there are for a dollar.
Please tell me what I earn for each dollar.
If I spend a dollar, how many points do I get?
For one dollar, how many points are there?
With each dollar, how many points do I earn?
What number of points do I get for a dollar?
I would like to know the points for each dollar.""",
        "thing": "points for each dollar",
    },
    "points_expire": {
        "value": ["{d2} months", "{n} years", "one year"],
        "state": ["Points expire after {v}.", "Points are good for {v}.", "Your points expire after {v}.",
                  "You can use points for {v}.", "Points last {v}.", "Points are lost after {v}.",
                  "Points end after {v}.", "You have {v} to use your points."],
        "ask": """When do points expire?
How long are points good?
After what time do points expire?
How long can I use my points?
Tell me when points expire.
When do my points expire?
How long do points last?
When do I lose my points?
After what time are my points lost?
Can you tell me how long points are good?
Until when can I use my points?
How much time do I have to use my points?
I have some points. How long are they good?
I need to know when points expire.
Please tell me how long I can use my points.
If I do not use my points, when do they expire?
Do points expire, and when?
For how long are my points good?
How long can I keep my points?
I would like to know after what time points expire.""",
        "thing": "when points expire",
    },
    "gift_card_expire": {
        "value": ["{n} years", "{d2} months", "one year"],
        "state": ["Gift cards expire after {v}.", "Gift cards are good for {v}.", "A gift card expires after {v}.",
                  "You can use a gift card for {v}.", "Gift cards last {v}.", "A gift card is good for {v}.",
                  "Gift cards end after {v}.", "You have {v} to use a gift card."],
        "ask": """When do gift cards expire?
How long is a gift card good?
After what time does a gift card expire?
How long can I use a gift card?
Tell me when gift cards expire.
When does my gift card expire?
How long does a gift card last?
Until when can I use a gift card?
Can you tell me how long gift cards are good?
How much time do I have to use a gift card?
I have a gift card. How long is it good?
I need to know when a gift card expires.
Please tell me how long I can use my gift card.
If I do not use my gift card, when does it expire?
Do gift cards expire, and when?
For how long is my gift card good?
How long can I keep a gift card?
I would like to know after what time a gift card expires.
What is the time to use a gift card?
After how much time do gift cards expire?""",
        "thing": "when gift cards expire",
    },
    "price_match": {
        "value": ["{d1} days", "{d2} days"],
        "state": ["We match lower prices for {v}.", "Price match: within {v}.",
                  "You can ask for a price match within {v}.", "Price match time: {v}.", "We match prices for {v}.",
                  "A price match is possible for {v}.", "Lower prices are matched within {v}.",
                  "Time for a price match: {v}."],
        "ask": """How long do you match prices?
Within what time do you match a lower price?
For how long is a price match possible?
What is the time for a price match?
Tell me how long you match prices.
Until when do you match a lower price?
How many days do you match prices?
How much time do I have for a price match?
What is the price match time?
Can you tell me how long a price match is possible?
I saw a lower price. How long do you match it?
I need to know how long you match prices.
Please tell me within what time you match prices.
If I find a lower price, how long do you match it?
Do you match lower prices, and for how long?
How long can I ask for a price match?
Within how many days is a price match possible?
Is there a time limit for a price match?
Until when can I get a price match?
I would like to know the time for a price match.""",
        "thing": "price matching",
    },
    "trial": {
        "value": ["{d2} days", "{d2} nights"],
        "state": ["Trial period: {v}.", "You can try products for {v}.", "The trial lasts {v}.",
                  "The trial period is {v}.", "Time to try a product: {v}.", "Try any product for {v}.",
                  "You have {v} to try a product.", "Trial time: {v}."],
        "ask": """How long is the trial period?
How long can I try a product?
What is your trial period?
For how long can I try it?
Tell me how long the trial period is.
How long does the trial last?
Until when can I try a product?
How much time do I have to try a product?
What is the trial time?
Can you tell me the trial period?
I want to try a product. How long can I do that?
I need to know how long the trial is.
Please tell me for how long I can try a product.
If I want to try a product first, how long can I?
Do you have a trial period, and how long is it?
How many days or nights can I try a product?
Within what time can I try a product?
When does the trial period end?
How long do I have for the trial?
I would like to know your trial period.""",
        "thing": "the trial period",
    },
    "answer_time": {
        "value": ["{h} hours", "one day", "{n} days"],
        "state": ["We answer emails within {v}.", "Answer time for emails: {v}.",
                  "You get an answer to your email within {v}.", "Emails are answered within {v}.",
                  "We need {v} to answer an email.", "An answer to an email takes {v}.",
                  "Time to answer an email: {v}.", "Your email is answered within {v}."],
        "ask": """How fast do you answer emails?
When do I get an answer to my email?
How long do you take to answer an email?
What is the answer time for emails?
Tell me how fast you answer emails.
Within what time do you answer an email?
How long do I wait for an answer to my email?
When is my email answered?
How much time do you need to answer an email?
Can you tell me the answer time for emails?
I sent an email. When do I get an answer?
I need to know how fast emails are answered.
Please tell me how long you need to answer an email.
If I write an email, when do I get an answer?
After what time do you answer my email?
How soon do you answer an email?
How long does an answer to an email take?
How fast will you answer my email?
How long do emails wait for an answer?
I would like to know when emails are answered.""",
        "thing": "the answer time",
    },
    "carrier": {
        "value": ["{carrier}"],
        "state": ["We ship with {v}.", "Carrier: {v}.", "Packages come with {v}.", "Our carrier is {v}.",
                  "Your package comes with {v}.", "{v} is our carrier.", "{v} delivers our packages.",
                  "We send packages with {v}.", "Orders are delivered by {v}."],
        "ask": """Which carrier do you use?
Who delivers my package?
Who do you ship with?
Which company brings the package?
Tell me which carrier you use.
Who is your carrier?
Which carrier brings my order?
Which company do you ship my order with?
What is the name of your carrier?
Can you tell me who delivers my order?
I wait for my package. Which carrier brings it?
I need to know the carrier.
Please tell me who brings my package.
If I order, which carrier delivers it?
What carrier do you ship with?
Which company delivers your packages?
By which carrier is my order delivered?
Which company do you ship with?
Do you know who delivers the package?
I would like to know which carrier you use.""",
        "thing": "the carrier",
    },
    "founded": {
        "value": ["{year}"],
        "state": ["Founded in {v}.", "Our shop opened in {v}.", "In business since {v}.", "We opened in {v}.",
                  "Our shop was founded in {v}.", "We are in business since {v}.", "The year we opened: {v}.",
                  "Our first store opened in {v}.", "The shop is open since {v}."],
        "ask": """When was your shop founded?
Since when are you in business?
In which year did your shop open?
How old is your shop?
Tell me when your shop was founded.
When did your shop open for the first time?
What year was your shop founded?
Since what year is your shop in business?
Can you tell me when you opened your first store?
In what year were you founded?
I need to know the year when your shop was founded.
Please tell me since when you are in business.
From what year on are you in business?
Which year did you open your first store?
When were you founded?
From which year is your shop?
How long is your shop in business?
I would like to know how old your shop is.
Do you know in which year the shop opened?
In which year was the shop founded?""",
        "thing": "when you opened",
    },
    "sale": {
        "value": ["{date}"],
        "state": ["The next sale starts on {v}.", "Next sale: {v}.", "Our next sale is on {v}.",
                  "Date of the next sale: {v}.", "There is a sale on {v}.", "The sale starts on {v}.",
                  "We start our next sale on {v}.", "Wait for our sale on {v}."],
        "ask": """When is the next sale?
When does the next sale start?
On which day is the next sale?
What is the date of the next sale?
Tell me when the next sale is.
On what date is the next sale?
When do you have a sale again?
Which day does the next sale start?
Can you tell me the date of the next sale?
Until what date do I wait for the next sale?
I want to buy in a sale. When is the next one?
I need to know when the next sale starts.
Please tell me on which day the sale starts.
If I wait for a sale, when is it?
Do you have a sale soon, and when?
When will there be a sale?
What day does the sale start?
From what date on is there a sale?
When is your sale?
I would like to know the date of your next sale.""",
        "thing": "the next sale",
    },
    "storage": {
        "value": ["{d1} days", "{n} weeks"],
        "state": ["Pickup orders are kept for {v}.", "We keep pickup orders for {v}.", "A pickup order waits for {v}.",
                  "Orders for pickup are kept for {v}.", "You have {v} to pick up an order.",
                  "Time to pick up an order: {v}.", "We keep an order for pickup for {v}.", "Pickup orders wait {v}."],
        "ask": """How long do you keep a pickup order?
How long is my pickup order kept?
How many days do you keep orders for pickup?
Until when do I have to pick up my order?
Tell me how long you keep a pickup order.
How much time do I have to pick up my order?
Within what time must I pick up my order?
How long does a pickup order wait for me?
Can you tell me how long pickup orders are kept?
I can not pick up my order today. How long do you keep it?
I need to know how long my order is kept for pickup.
Please tell me how long I can wait to pick up an order.
If I pick up my order later, how long is it kept?
For how long is an order kept for pickup?
How many days or weeks is my pickup order kept?
How many days does a pickup order wait for me?
Do you keep pickup orders, and for how long?
What is the time to pick up an order?
Is there a time limit for a pickup order?
I would like to know how long you keep orders for pickup.""",
        "thing": "how long you keep orders",
    },
}

# Facts with two or three sides; the condition in the question selects one.
SIDED = {
    "member_return": {
        "sides": ["members", "guests"],
        "value": ["{d2} days"],
        "state": ["Return time for {side}: {v}.", "Returns for {side}: within {v}.", "Return time, {side}: {v}.",
                  "Time for a return for {side}: {v}.", "Return window for {side}: {v}.",
                  "We accept returns from {side} within {v}.", "For {side} a return is possible within {v}.",
                  "A return from {side}: within {v}.", "For {side} returns are accepted within {v}.",
                  "Returns are possible for {side} within {v}."],
        "ask": ["How long can {side} return an item?", "What is the return time for {side}?",
                "How much time do {side} have for a return?", "Tell me the return time for {side}.",
                "Within what time can {side} return something?", "Until when can {side} return an item?",
                "How many days do {side} have to return an item?", "What return time do {side} have?",
                "For how long do you take returns from {side}?",
                "How much time is there for {side} to return something?", "Can you tell me the return time for {side}?",
                "I need to know how long {side} can return an item.", "What is the return window for {side}?",
                "Please tell me how much time {side} have for a return.", "For {side}, how long is a return possible?",
                "What time limit do {side} have for a return?", "I would like to know the return window for {side}."],
        "if": ["I am {one}. How long can I return an item?", "What return time do I have as {one}?",
               "As {one}, how long can I return an item?", "How much time for a return do I have? I am {one}.",
               "I am {one}. What is my return window?", "I shop as {one}. Until when can I return something?",
               "How many days do I have for a return as {one}?", "I bought this as {one}. How long can I return it?",
               "As {one}, what is my return time?", "Within what time can {one} return an item?",
               "If I am {one}, how long can I return an item?", "What return window is there for {one}?",
               "I want to return something and I am {one}. How much time is there?",
               "How long can I return an item? I shop as {one}.",
               "My friend is {one}. How long can my friend return an item?"],
        "one": ["a member", "a guest"],
    },
    "country_fee": {
        "sides": ["Canada", "Mexico", "Germany", "France", "Japan", "England", "Spain", "Italy"],
        "value": ["{fee}"],
        "state": ["Shipping to {side}: {v}.", "Packages to {side} cost {v}.", "Shipping to {side} costs {v}.",
                  "Shipping fee to {side}: {v}.", "Fee for packages to {side}: {v}.", "We ship to {side} for {v}.",
                  "For {side} shipping costs {v}.", "A package to {side} is {v}.", "To {side} we ship for {v}.",
                  "To {side}: {v} for shipping."],
        "ask": ["What does shipping to {side} cost?", "How much is shipping to {side}?",
                "What do you charge for shipping to {side}?", "Tell me the shipping fee to {side}.",
                "What is the shipping fee to {side}?", "How much does it cost to ship to {side}?",
                "What do I pay for a package to {side}?", "What does a package to {side} cost?",
                "Can you tell me what shipping to {side} costs?", "How much do I pay for shipping to {side}?",
                "I need to know the shipping fee to {side}.", "Please tell me how much a package to {side} costs.",
                "What is the price of shipping to {side}?", "If I ship to {side}, what do I pay?",
                "What is the fee for a package to {side}?", "How much do you charge to ship to {side}?",
                "I would like to know what shipping to {side} costs."],
        "if": ["I live in {one}. What does shipping cost?", "I want to send a gift to {one}. How much is that?",
               "My package goes to {one}. How much is shipping?", "How much is shipping? I live in {one}.",
               "I moved to {one}. How much is shipping?", "My order must go to {one}. What does that cost?",
               "My sister lives in {one}. What does shipping to her cost?",
               "I order from {one}. What is the shipping fee?", "What is the shipping fee? My address is in {one}.",
               "If I live in {one}, how much do I pay for shipping?",
               "What do I pay for shipping when I live in {one}?",
               "I live in {one} and want to order. How much is shipping?",
               "I need a package sent to {one}. What do you charge?",
               "My son is in {one}. How much does a package to him cost?",
               "What do you charge for shipping? I am in {one}."],
        "one": ["Canada", "Mexico", "Germany", "France", "Japan", "England", "Spain", "Italy"],
    },
    "day_hours": {
        "sides": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
        "value": ["{am} am to {pm} pm", "closed"],
        "state": ["{side}: {v}.", "Open on {side}: {v}.", "{side} hours: {v}.", "Hours on {side}: {v}.",
                  "On {side}: {v}.", "Hours for {side}: {v}.", "Our hours on {side}: {v}.",
                  "Store hours on {side}: {v}.", "Opening hours, {side}: {v}.", "Opening hours on {side}: {v}."],
        "ask": ["When are you open on {side}?", "What are your hours on {side}?", "Are you open on {side}?",
                "Tell me your hours on {side}.", "At what hours can I come on {side}?",
                "When can I visit your store on {side}?", "What are your opening hours on {side}?",
                "Which hours are you open on {side}?", "Is the store open on {side}, and when?",
                "Can you tell me your hours on {side}?", "I need to know when you are open on {side}.",
                "When do you open and close on {side}?", "Please tell me your opening hours on {side}.",
                "On {side}, when is your store open?", "What hours does your shop have on {side}?",
                "Can I come on {side}, and at what time?", "I would like to know your hours on {side}."],
        "if": ["I can only come on {one}. When are you open?", "{one} is my free day. What are your hours then?",
               "When are you open? I can come on {one}.", "I want to visit you on {one}. What are your hours?",
               "I have time on {one}. When is your store open?", "I only have time on {one}. At what hours can I come?",
               "I would like to come on {one}. What are your opening hours?", "If I come on {one}, when are you open?",
               "My friend wants to visit you on {one}. When are you open?",
               "When is your store open? I only have time on {one}.",
               "I work every day but {one}. When can I come then?", "I am in the city on {one}. What are your hours?",
               "What are your hours then? I want to come on {one}.",
               "Which hours do you have? I can visit you on {one}.", "I come by car on {one}. When is the store open?"],
        "one": ["Monday", "Tuesday", "Wednesday", "Thursday", "Friday", "Saturday", "Sunday"],
    },
    "plan_fee": {
        "sides": ["the basic plan", "the family plan", "the business plan"],
        "value": ["{fee} a month"],
        "state": ["Price of {side}: {v}.", "{v} is the price of {side}.", "{side}: {v}.", "{side} costs {v}.",
                  "With {side} you pay {v}.", "We charge {v} for {side}.", "You get {side} for {v}.",
                  "Fee for {side}: {v}.", "The price of {side} is {v}.", "Cost of {side}: {v}."],
        "ask": ["How much is {side}?", "What does {side} cost?", "What is the price of {side}?",
                "Tell me the price of {side}.", "What do I pay for {side}?", "How much do you charge for {side}?",
                "How much do I pay for {side}?", "What is the cost of {side}?", "Can you tell me the price of {side}?",
                "What does {side} cost me a month?", "How much does {side} cost?",
                "I need to know the price of {side}.", "Please tell me what {side} costs.",
                "What is the fee for {side}?", "What do you charge for {side} each month?",
                "At what price can I get {side}?", "I would like to know how much {side} is."],
        "if": ["I want {one}. What do I pay?", "What do I pay with {one}?", "How much do I pay? I want {one}.",
               "My friend has {one}. How much is that?", "I would like to have {one}. What does it cost?",
               "We want {one}. How much do we pay?", "If I take {one}, what do I pay?",
               "I have {one}. How much do I pay each month?", "My boss wants {one}. What is the price?",
               "How much will I pay when I take {one}?", "I need {one}. What is the price?",
               "What does it cost me? I take {one}.", "I think about {one}. How much is it a month?",
               "My sister and I want {one}. How much is that?", "What is the price? I would like {one}."],
        "one": ["the basic plan", "the family plan", "the business plan"],
    },
    "size_fee": {
        "sides": ["small packages", "large packages", "heavy packages"],
        "value": ["{fee}"],
        "state": ["Shipping of {side}: {v}.", "Fee for {side}: {v}.", "Shipping fee for {side}: {v}.",
                  "To ship {side} costs {v}.", "{side}: {v} for shipping.", "We ship {side} for {v}.",
                  "We charge {v} for {side}.", "Cost of {side}: {v} for shipping.", "For {side} shipping is {v}.",
                  "For {side} you pay {v}."],
        "ask": ["What does shipping of {side} cost?", "What is the fee for {side}?", "How much is shipping of {side}?",
                "Tell me the fee for {side}.", "What do you charge for {side}?", "What do I pay for {side}?",
                "How much do I pay for shipping of {side}?", "Can you tell me the fee for {side}?",
                "What is the shipping fee for {side}?", "How much does shipping of {side} cost?",
                "What is the cost of shipping of {side}?", "I need to know the fee for {side}.",
                "Please tell me what shipping of {side} costs.", "Which fee is there for {side}?",
                "What is the price of shipping for {side}?", "How much do you charge to ship {side}?",
                "I would like to know the shipping fee for {side}."],
        "if": ["I have {one}. What is the fee?", "My order is {one}. How much is shipping?",
               "What is the fee? I have {one}.", "I want to send {one}. How much is shipping?",
               "I have to ship {one}. What do I pay?", "My order comes as {one}. What is the shipping fee?",
               "How much is shipping of {one}?", "What do you charge to ship {one}?",
               "If it is {one}, how much is shipping?", "What do I pay? It is {one}.",
               "I want to send {one} to my friend. What does that cost?", "I need {one} sent to me. How much do I pay?",
               "What is the shipping fee when it is {one}?", "It will be {one}. What is the fee?",
               "How much is shipping? It comes as {one}."],
        "one": ["a small package", "a large package", "a heavy package"],
    },
    "desk_phone": {
        "sides": ["sales", "returns", "repairs", "orders"],
        "value": ["{phone}"],
        "state": ["Phone for {side}: {v}.", "For {side} call {v}.", "Phone number for {side}: {v}.",
                  "Number for {side}: {v}.", "Call {v} for {side}.", "Our number for {side} is {v}.",
                  "For {side}, our phone number is {v}.", "Questions about {side}: call {v}.",
                  "About {side}? Call {v}.", "The phone number for {side} is {v}."],
        "ask": ["What is the phone number for {side}?", "Which number do I call for {side}?",
                "Tell me the phone number for {side}.", "Which phone number is for {side}?",
                "What number do you have for {side}?", "Under which number can I call for {side}?",
                "Can you give me the phone number for {side}?", "I need the number for {side}.",
                "What number do I call about {side}?", "Please give me the number for {side}.",
                "At what number can I ask about {side}?", "Is there a phone number for {side}?",
                "Could you tell me which number is for {side}?", "Which number do I call about {side}?",
                "For {side}, what number do I call?", "Do you have a phone number for {side}?",
                "I would like to have the phone number for {side}."],
        "if": ["I need someone for {one}. Which number do I call?", "My call is about {one}. What is the number?",
               "Which number do I call? It is about {one}.", "I have a question about {one}. What is the number?",
               "I want to talk about {one}. At what number can I call?",
               "If I have a question about {one}, which number do I call?",
               "My question is about {one}. Which number do I call?",
               "I need to talk to someone about {one}. What is the phone number?",
               "I have to call you about {one}. What is the number?",
               "What is the phone number? I want to ask about {one}.", "I need help with {one}. What number do I call?",
               "At what number can I reach you? It is about {one}.", "What number can I call when it is about {one}?",
               "I want to call about {one}. Can you give me the number?",
               "Who can help me with {one}? I need the number."],
        "one": ["sales", "returns", "repairs", "orders"],
    },
}

# Lines about products: {p} is the name.
PRODUCT_FACTS = {
    "price": {
        "value": ["{amount}"],
        "state": ["The {p} costs {v}.", "Price of the {p}: {v}.", "The price of the {p} is {v}.",
                  "You pay {v} for the {p}.", "We sell the {p} for {v}.", "{v} is the price of the {p}.",
                  "Cost of the {p}: {v}.", "The {p}: {v}.", "The {p} is yours for {v}.", "You get the {p} for {v}.",
                  "The {p} sells for {v}.", "Get the {p} for {v}."],
        "ask": """How much is the {p}?
What does the {p} cost?
What is the price of the {p}?
Tell me the price of the {p}.
What do you charge for the {p}?
I want to know what the {p} costs.
How much does the {p} cost?
How much do you charge for the {p}?
What is the cost of the {p}?
What do I pay for the {p}?
How much do I have to pay for the {p}?
Can you tell me what the {p} costs?
Can you tell me the price of the {p}?
Please tell me how much the {p} is.
Could you give me the price of the {p}?
I need the price of the {p}.
I need to know how much the {p} costs.
I would like to know the price of the {p}.
I want to buy the {p}. How much is it?
I saw the {p}. What does it cost?
I like the {p}. What is the price?
If I take the {p}, what do I pay?
Which price does the {p} have?
What price do you ask for the {p}?
At what price do you sell the {p}?
For how much do you sell the {p}?
How much is it to buy the {p}?
Tell me what I pay for the {p}.
Give me the price of the {p}, please.
What will the {p} cost me?
Do you know the price of the {p}?""",
    },
    "stock": {
        "value": ["{stock}", "sold out"],
        "state": ["In stock of the {p}: {v}.", "Stock of the {p}: {v}.", "{p} in stock: {v}.",
                  "The {p}, in stock: {v}.", "Number of the {p} in stock: {v}.", "The {p}, left in stock: {v}.",
                  "Left of the {p}: {v}.", "The stock of the {p} is: {v}.", "Our stock of the {p}: {v}.",
                  "Stock, {p}: {v}.", "The {p}, now in stock: {v}.", "The stock for the {p}: {v}."],
        "ask": """How many of the {p} are in stock?
Is the {p} in stock?
How many of the {p} do you have?
Do you have the {p} in stock?
What is the stock of the {p}?
What number of the {p} is in stock?
How many of the {p} are left?
How many of the {p} are left in stock?
Do you still have the {p}, and how many?
Is the {p} still in stock?
Is the {p} in stock, and how many?
Can you tell me how many of the {p} you have?
Can you tell me if the {p} is in stock?
Please tell me the stock of the {p}.
Could you look how many of the {p} are in stock?
I need to know how many of the {p} are left.
I need to know if you have the {p} in stock.
I would like to know the stock of the {p}.
I want to buy the {p}. Do you have it in stock?
I like the {p}. How many are in stock?
I saw the {p}. How many are left?
If I want the {p}, is it in stock?
Which stock of the {p} do you have?
Have you got the {p} in stock?
Have you got any of the {p} left?
Tell me how many of the {p} are in stock.
Tell me if the {p} is still in stock.
Are there any of the {p} left in stock?
What stock do you have of the {p}?
Do you know how many of the {p} are left?""",
    },
    "code": {
        "value": ["{code}"],
        "state": ["Item number of the {p}: {v}.", "The {p} has item number {v}.", "The item number of the {p} is {v}.",
                  "Item number, {p}: {v}.", "{v} is the item number of the {p}.", "Our item number for the {p} is {v}.",
                  "The {p}, item number {v}.", "The {p} is item {v}.", "Item {v} is the {p}.",
                  "The {p} has the item number {v}.", "You find the {p} under item number {v}.",
                  "Item number for the {p}: {v}."],
        "ask": """What is the item number of the {p}?
Which item number does the {p} have?
Tell me the item number of the {p}.
I need the item number for the {p}.
What item number does the {p} have?
What item number do I need for the {p}?
What item number do you have for the {p}?
Which item number is the {p}?
Under which item number do I find the {p}?
Can you tell me the item number of the {p}?
Can you give me the item number for the {p}?
Please tell me the item number of the {p}.
Please give me the item number for the {p}.
Could you look up the item number of the {p}?
I need to know the item number of the {p}.
I would like to have the item number of the {p}.
I would like to know which item number the {p} has.
I want to order the {p}. What is the item number?
I like the {p}. Which item number does it have?
I saw the {p}. What is its item number?
If I order the {p}, which item number do I give?
Give me the item number of the {p}, please.
Do you know the item number of the {p}?
Do you have an item number for the {p}?
Is there an item number for the {p}?
Tell me which item number the {p} has.
By what item number can I order the {p}?
What is your item number for the {p}?
I look for the item number of the {p}.
With which item number do you sell the {p}?""",
    },
    "color": {
        "value": ["{color}", "{color} and {color2}"],
        "state": ["Color of the {p}: {v}.", "The {p} comes in {v}.", "The color of the {p} is {v}.", "The {p} is {v}.",
                  "We sell the {p} in {v}.", "You get the {p} in {v}.", "We have the {p} in {v}.",
                  "The {p}, color: {v}.", "Color, {p}: {v}.", "The {p} is sold in {v}.", "{p}, in {v}.",
                  "You can order the {p} in {v}."],
        "ask": """Which color does the {p} have?
What colors does the {p} come in?
In which color can I get the {p}?
What is the color of the {p}?
Which colors does the {p} have?
Which colors are there for the {p}?
What color is the {p}?
What color does the {p} come in?
What colors can I get for the {p}?
Can you tell me the color of the {p}?
Can you tell me which color the {p} has?
Please tell me what color the {p} is.
Please tell me in which color you have the {p}.
Could you look what color the {p} has?
I need to know the color of the {p}.
I would like to know in what color the {p} comes.
I want to buy the {p}. What color is it?
I like the {p}. In which color can I get it?
I saw the {p}. Which color does it have?
If I order the {p}, what color do I get?
In what color do you sell the {p}?
In which color does the {p} come?
Do you know the color of the {p}?
Tell me the color of the {p}.
Tell me which color the {p} comes in.
What is the color that the {p} has?
Of what color is the {p}?
Which color do you have for the {p}?
In which colors do you have the {p}?
What are the colors of the {p}?""",
    },
    "size": {
        "value": ["{num} by {num2} inches", "{num} inches"],
        "state": ["Size of the {p}: {v}.", "The {p} measures {v}.", "The size of the {p} is {v}.",
                  "The {p} has a size of {v}.", "The {p}, size: {v}.", "Size, {p}: {v}.", "The {p} is {v} big.",
                  "Measurements of the {p}: {v}.", "The {p} is {v} in size.", "{p}, size {v}.",
                  "The {p} measures about {v}.", "You get the {p} in this size: {v}."],
        "ask": """How big is the {p}?
What size is the {p}?
What does the {p} measure?
What are the measurements of the {p}?
What is the size of the {p}?
Which size does the {p} have?
What size does the {p} have?
How large is the {p}?
How many inches is the {p}?
How many inches does the {p} measure?
Can you tell me how big the {p} is?
Can you tell me the size of the {p}?
Please tell me the measurements of the {p}.
Please tell me what size the {p} has.
Could you give me the size of the {p}?
I need to know how big the {p} is.
I need the measurements of the {p}.
I would like to know the size of the {p}.
I want to buy the {p}. How big is it?
I like the {p}. What size is it?
I saw the {p}. What does it measure?
I have little room. How big is the {p}?
If I order the {p}, how big is it?
Which measurements does the {p} have?
Do you know the size of the {p}?
Do you have the measurements of the {p}?
Tell me the size of the {p}.
Tell me how large the {p} is.
How big is the {p} in inches?
Give me the measurements of the {p}, please.""",
    },
    "weight": {
        "value": ["{num} pounds", "{n} pounds"],
        "state": ["Weight of the {p}: {v}.", "The {p} weighs {v}.", "The weight of the {p} is {v}.",
                  "The {p} has a weight of {v}.", "The {p}, weight: {v}.", "Weight, {p}: {v}.", "The {p} is {v} heavy.",
                  "{p}, weight {v}.", "The {p} weighs about {v}.", "At {v}, the {p} is not too heavy.",
                  "You carry {v} when you carry the {p}.", "Our {p} weighs {v}."],
        "ask": """How heavy is the {p}?
What does the {p} weigh?
What is the weight of the {p}?
Which weight does the {p} have?
What weight does the {p} have?
What weight is the {p}?
How much does the {p} weigh?
How many pounds is the {p}?
How many pounds does the {p} weigh?
Can you tell me how heavy the {p} is?
Can you tell me the weight of the {p}?
Please tell me the weight of the {p}.
Please tell me how much the {p} weighs.
Could you give me the weight of the {p}?
I need to know how heavy the {p} is.
I need the weight of the {p}.
I would like to know the weight of the {p}.
I want to buy the {p}. How heavy is it?
I like the {p}. What is its weight?
I saw the {p}. What does it weigh?
I have to carry the {p}. How much does it weigh?
If I order the {p}, how heavy is it?
Can I carry the {p}, and how heavy is it?
Do you know the weight of the {p}?
Do you know how much the {p} weighs?
Tell me the weight of the {p}.
Tell me how heavy the {p} is.
How heavy is the {p} in pounds?
How much weight does the {p} have?
Give me the weight of the {p}, please.""",
    },
}

# One line with several facts of a product, as in a price list.
LIST_LINES = ["- {p}: {amount}, {stock} in stock", "- {p}, item {code}: {amount}",
              "- {p} ({code}): {amount}, {stock} left", "- {p} | {amount} | {stock} in stock",
              "- {p} | {code} | {amount}", "- {p}: {amount} ({stock} in stock)", "- item {code}, {p}: {amount}",
              "- {p}, {amount}, {stock} left", "- {code}: {p}, {amount}",
              "- {p}: {amount}, item {code}, {stock} in stock", "- {p}, {stock} in stock, {amount}",
              "- {p}, item number {code}, {stock} in stock", "- {p} costs {amount}, {stock} are in stock"]

ANSWER_ORDERS = """Answer from these facts, as short as possible.
Answer with the fact only.
Answer questions from the facts below, in a few words.
Use only these facts. Give the value and nothing else.
Answer short, with words from the facts.
Answer the question with the words of the facts.
Give short answers from the facts.
Answer with the value only.
Answer only with words from the facts.
Answer in a few words, from the facts only.
Answer each question from the facts below.
Answer each question with one fact.
Answer in as few words as possible.
Answer with one fact and nothing else.
Answer questions with the facts only, as short as possible.
Answer with the shortest words that are in the facts.
Use the facts below for each answer and keep it short.
Use only words of the facts in your answer.
Use the words of the facts for your answer.
Use the facts. Answer in a few words.
Use these facts for your answers. Say the value only.
Use only the facts below, nothing else.
Give the value from the facts only.
Give the value that the question asks for.
Give only the fact that is asked for.
Give an answer in a few words from these facts.
Give the shortest answer that the facts have.
Give each answer with the words of the facts.
Keep answers short and use the facts only.
Keep your answer short: only the value from the facts.
Keep to the facts and answer in a few words.
Keep to these facts. Answer with the value.
Say only the value that is asked for.
Say only what the facts say, in a few words.
Say the fact and nothing else.
Reply with the value from the facts.
Reply with the fact only, in a few words.
Reply to each question with one fact, as short as possible.
Reply in a few words that are in the facts.
Your answer is the value from the facts and nothing else.
Your answers are short and come from the facts only.
Your answer is only the fact that is asked for.
Find the fact and answer with it only.
Find the fact that is asked for. Give the value only.
Find the answer in the facts below and keep it short.
Each answer is one value from the facts.
Each answer is as short as possible and from the facts.
Short answers only, with the words of the facts.
Only the value, please, with the words of the facts."""

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
Do not change an order that has shipped.
Be friendly and short.
Be polite to every customer.
Be polite with angry customers.
Be friendly at the end.
Never be angry with a customer.
Never promise a price.
Never promise a date.
Never talk about other customers.
Never talk about other shops.
Never ask for a card number.
Never share a password.
Never share the address of a customer.
Never give legal advice.
Never change an order without asking.
Never cancel an order without asking.
Do not promise a discount.
Do not promise a refund before a return.
Do not talk about your boss.
Do not talk about the prices of other shops.
Do not ask for a password.
Do not ask for the card number.
Do not share data with other shops.
Do not give advice about health.
Do not cancel an order that has shipped.
Do not send a customer to other shops.
Do not answer questions about other customers.
Ask for the name when it is missing.
Ask for the order number first.
Ask before you change an order.
Ask when a question is not clear.
Say so when a question is not clear.
Say sorry when something is late.
Say sorry when a customer is angry.
Say so when an item is missing.
Stay polite at all times.
Stay friendly when a customer is angry.
Stay short and clear.
Thank the customer for the order.
Thank every customer for a question.
Thank customers who wait.
Pass legal questions on to a manager.
Pass questions about health on to a manager.
Pass a customer on when you do not know an answer.
Keep the data of customers safe.
Keep every password safe.
Write in short and clear words.
Write as a friend would, but stay polite."""

PERSONAS = """You are the support desk of {shop}.
You work for the support desk of {shop} in {city}.
You are the help desk of {shop}, a shop for {goods}.
You answer customers of {shop}.
Support desk of {shop}, {goods}.
{shop}, {city}. You help customers.
You help the customers of {shop}.
{shop} sells {goods}. You are its support desk.
You are the support desk of {shop} in {city}.
You are the help desk of {shop}.
You are the help desk of {shop} in {city}.
You are the customer service of {shop}.
You are the customer service of {shop}, a shop in {city}.
You are the assistant of {shop}.
You are the assistant of {shop}, a shop for {goods}.
You are the assistant at the help desk of {shop}.
You work for {shop} and help its customers.
You work for {shop}, a shop for {goods} in {city}.
You work at the help desk of {shop}.
You work in the customer service of {shop}.
You work at {shop} and answer customers.
You answer the customers of {shop} in {city}.
You answer questions of customers of {shop}.
You answer for {shop}, a shop for {goods}.
You answer questions about {shop} and its {goods}.
You help customers of {shop} in {city}.
You help people who shop at {shop}.
You help the customers of {shop} with their orders.
You help at the support desk of {shop}.
You speak for {shop}.
You speak for {shop}, a shop for {goods} in {city}.
You write for the support desk of {shop}.
You write to customers of {shop}, a shop for {goods}.
Support desk of {shop}.
Support desk of {shop} in {city}.
Help desk of {shop}, a shop for {goods}.
Help desk of {shop}, {city}.
Customer service of {shop}.
Customer service of {shop}, {goods}.
Customer service of {shop} in {city}. You answer questions.
{shop} sells {goods}. You help its customers.
{shop} sells {goods} in {city}. You answer customers.
{shop} is a shop for {goods}. You are its help desk.
{shop} is a shop in {city}. You are its support desk.
{shop}, a shop for {goods}. You answer customers.
{shop}, support desk. You help customers.
{shop}, customer service, {city}.
Here is the support desk of {shop}.
Here is {shop}, a shop for {goods}. You help its customers.
This is the help desk of {shop}.
This is {shop} in {city}. You answer its customers.
Your shop is {shop} in {city}.
Your shop is {shop}. It sells {goods}.
Your work is the help desk of {shop}."""

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
Last time I asked: {other_low} Today I ask: {q}
{other} No, forget that. {q}
{other} No, that is not what I mean. {q}
{other} Sorry, wrong question. {q}
{other} Sorry, that is not my question. My question is: {q}
{other} That can wait. {q}
{other} That is not important. {q}
{other} That is for later. First I want to know this: {q}
{other} I asked that before. Now I ask: {q}
{other} My {person} wants to know that. I want to know this: {q}
{other} But that is not why I write. {q}
{other} Please answer only this: {q}
{other} No answer needed. But this I need to know: {q}
{other} {q} Please answer only the second question.
{other} {q} Forget the first question.
{other} {q} Only the last question counts.
{other} {q} I know the answer to the first one.
{q} {other} Please answer only the first question.
{q} {other} Forget the second question.
{q} {other} Only the first question counts.
{q} {other} No, forget the last question.
{q} Forget {thing}.
{q} It is not about {thing}.
{q} Please do not answer about {thing}.
{q} I already know about {thing}.
{q} {detail} And no, I do not need to know about {thing}.
{q} This has nothing to do with {thing}.
{detail} {q} It is not about {thing}.
{detail} I do not ask about {thing}. {q}
{detail} Last time I asked about {thing}. Now I ask: {q}
{detail} {detail2} {q}
{detail} {detail2} This is not about {thing}. {q}
{q} {detail} {detail2}
{detail} {other} No, wait, I mean this: {q}
This is not about {thing}. {q}
It is not about {thing}, I want to know this: {q}
I do not ask about {thing}, I ask this: {q}
I do not want to know about {thing}. {q}
I asked about {thing} before and know that now. {q}
I asked about {thing}, but what I mean is this: {q}
I know all about {thing}. But {q_low}
You told me about {thing}. Now I need to know: {q}
You told me about {thing}, but {q_low}
My question is not about {thing}. {q}
My {person} told me about {thing}. But {q_low}
First I wanted to ask about {thing}. Now my question is: {q}
Last week I asked: {other_low} Now I ask: {q}
Yesterday my question was: {other_low} Today it is: {q}
My {person} asks: {other_low} But I ask: {q}
I do not ask: {other_low} I ask: {q}
Do not tell me about {thing}. {q}
Do not answer this: {other_low} Answer this: {q}
Before you tell me about {thing}: {q}
Not {thing}, please. {q}
Leave out {thing}. {q}
Two questions, but answer only the last one. {other} {q}
Two questions, but answer only the first one. {q} {other}"""

ASK_SIMPLE = """{q}
Hi, {q_low}
Hello. {q}
{q} Thanks.
{q} Thank you.
Quick question: {q_low}
Good morning. {q}
{detail} {q}
Please tell me: {q_low}
One question. {q}
Hello, {q_low}
Good day. {q}
Good evening. {q}
Hi there. {q}
Hey, {q_low}
I have a question. {q}
I have one question: {q_low}
My question is this: {q_low}
Just one question: {q_low}
Can you help me? {q}
Please help me. {q}
Sorry to ask: {q_low}
I want to ask this: {q_low}
Another question: {q_low}
{q} I hope you can help me.
{q} Please help me.
{q} Thanks a lot.
{q} Have a good day.
{q} {detail}
Hello. {q} Thank you.
Hi. {q} Thanks."""

# After an answer about one product or side, the next question names only the new one.
ELLIPSES = """And the {x}?
What about the {x}?
And for the {x}?
The same question for the {x}.
And what about the {x}?
And how about the {x}?
How about the {x}?
Now the {x}, please.
And now the {x}?
And now for the {x}?
And the {x}, please?
The same for the {x}, please.
And the same for the {x}?
I have the same question about the {x}.
The same question about the {x}, please.
And for the {x}, please?
I also need that for the {x}.
I also want to know that about the {x}.
Can you tell me the same for the {x}?
Please tell me the same about the {x}.
And if I take the {x}?
What if I take the {x}?"""
ELLIPSES_SIDE = """And {x}?
What about {x}?
And for {x}?
The same question for {x}.
And what about {x}?
And how about {x}?
How about {x}?
Now {x}, please.
And now {x}?
And now for {x}?
And {x}, please?
The same for {x}, please.
And the same for {x}?
I have the same question about {x}.
The same question about {x}, please.
And for {x}, please?
I also need that for {x}.
I also want to know that about {x}.
Can you tell me the same for {x}?
Please tell me the same about {x}.
And with {x}?
Then what about {x}?"""

"""The forty intents: how customers say each of them.

Per intent three lists: `say` (whole sentences), `want` (what follows "I want
to"), `thing` (what follows "about"). Slots are optional detail for the other
tasks too: a sentence with {order} serves extraction and tools as well.
"""

INTENTS = {
    "order_status": {
        "say": """What is the status of [my order|order {order}]?
Has my order [been processed|been confirmed] yet?
Can you tell me the status of order {order}?
I would like to know the status of my order {order}.
Is my order from {date} [already processed|confirmed]?
How is my order for the {product} going?
Please check the status of my order [for the {product}|{order}].
I ordered {a_product} on {date}. What is the status?
Did my order {order} go through?
My order still says processing. What is its status?
Could you check on order {order} for me?
Any news on [my order|order {order}]?
I want to know if my order was processed.
Tell me how order {order} is going.""",
        "want": """know the status of my order
check the status of order {order}
know if my order was confirmed
ask if order {order} went through""",
        "thing": """the status of my order
the status of order {order}""",
    },
    "cancel_order": {
        "say": """Please cancel [my order|order {order}].
I want to cancel [my order|order {order}].
Can I still cancel the order from {date}?
Cancel my order for the {product}, please.
I do not need the {product} anymore, please cancel it.
I changed my mind. Cancel order {order}.
How do I cancel an order?
I ordered the {product} by mistake, can you cancel that?
Stop my order {order}, I no longer need it.
I would like to cancel the {product} I ordered on {date}.
Could you cancel order {order} before it ships?
Is it too late to cancel my order?""",
        "want": """cancel my order
cancel order {order}
cancel the {product}
cancel the order from {date}
stop my order before it ships""",
        "thing": """canceling my order
the cancellation of order {order}""",
    },
    "change_order": {
        "say": """I want to change [my order|order {order}].
Can I add {a_product} to my order?
Please change the {product} in my order to a bigger size.
Can you change the quantity in order {order} to two?
I would like to add another item to order {order}.
Please take the {product} off my order, I keep the rest.
I picked the wrong color, can you change it before it ships?
How can I change an order I already placed?
Change order {order} so that it has two of the {product}.
Could you add {a_product} to the order from {date}?
I need to change the size in my order.
Is it possible to change the items in my order?""",
        "want": """change my order
change the items in order {order}
add {a_product} to my order
change the quantity in my order
change the size in my order""",
        "thing": """a change to my order
changing the items in order {order}""",
    },
    "change_address": {
        "say": """I need to change [my|the] shipping address.
Please send order {order} to a new address.
I moved to {city}, please change my address.
Can you change the delivery address of order {order}?
The address on my order is wrong.
My new address is in {city}. Please update it.
How do I update my address?
I typed the wrong street in my delivery address.
Please ship the {product} to my new address in {city}.
I would like to update the address for order {order}.
Can I still change the address of my order?
We moved, so the old address is no longer right.""",
        "want": """change my address
update the delivery address
change the address of order {order}
have order {order} sent to a new address""",
        "thing": """my shipping address
a new address for my order""",
    },
    "return_item": {
        "say": """I want to return the {product}.
How do I return an item?
I would like to send the {product} back.
Can I return the {product} I bought on {date}?
The {product} does not fit, I want to send it back.
Please send me a return label for order {order}.
I do not like the {product}, how can I return it?
I need to return something from order {order}.
Where do I send a return?
How can I send back the {product}?
I would like to return order {order}.
Is it possible to return the {product} without the box?""",
        "want": """return the {product}
send the {product} back
return my order
get a return label""",
        "thing": """a return
returning the {product}
sending back the {product}""",
    },
    "refund_status": {
        "say": """Where is my refund?
When do I get my money back[ for the {product}| for order {order}|]?
I returned the {product} and still have no refund.
My refund of {amount} has not arrived.
Has my refund been sent?
What is the status of my refund for order {order}?
I sent the {product} back on {date}. When is the refund coming?
I am still waiting for my refund of {amount}.
How long until I see my refund?
You said I would get {amount} back, but nothing has arrived.
Can you check my refund for order {order}?
The refund is not on my card yet.""",
        "want": """know where my refund is
get my money back for the return
check the status of my refund""",
        "thing": """my refund
the refund for order {order}
the money I should get back""",
    },
    "exchange_item": {
        "say": """I want to exchange the {product} for another size.
Can I exchange the {product}?
I would like to swap the {product} for a different color.
The {product} is too small, can I get a bigger one instead?
How do I exchange an item?
Please exchange the {product} from order {order}.
Can I swap the {product} for {a_other}?
I bought the wrong size and need an exchange.
I want a different color instead of this one. Can we swap?
Is an exchange possible for order {order}?
The {product} is too big. I want to exchange it for a smaller one.""",
        "want": """exchange the {product}
swap the {product} for another size
exchange an item from order {order}
get a different color instead""",
        "thing": """an exchange
exchanging the {product}
swapping the {product} for another size""",
    },
    "damaged_item": {
        "say": """The {product} arrived broken.
My {product} came damaged.
The {product} I got is cracked.
The box was crushed and the {product} is damaged.
I opened the package and the {product} was broken.
Order {order} arrived damaged.
There is a big scratch on the {product}.
The {product} was damaged in shipping.
My {product} has a crack.
I got a broken {product} today.
The {product} from order {order} arrived in pieces.
One part of the {product} was broken when it arrived.""",
        "want": """report a damaged {product}
report that the {product} arrived broken
tell you that my {product} came damaged""",
        "thing": """a broken {product}
a damaged {product}
an item that arrived damaged""",
    },
    "wrong_item": {
        "say": """You sent me the wrong item.
I ordered {a_product} but got {a_other}.
This is not what I ordered.
I received the wrong {product}.
The item in the box is not the {product} I ordered.
I got {a_other} instead of {a_product}.
Order {order} came with the wrong product.
The package had someone else's order in it.
You sent {a_other}, but I asked for {a_product}.
Wrong item in order {order}.
I received a different product than I ordered.
The color is wrong, I did not order this one.""",
        "want": """report that I got the wrong item
tell you that you sent the wrong product
report a wrong item in order {order}""",
        "thing": """the wrong item I received
a wrong product in order {order}""",
    },
    "missing_item": {
        "say": """An item is missing from my order.
The {product} was not in the box.
My package came without the {product}.
Order {order} is missing {a_product}.
I only got part of my order.
I ordered two items but the box had only one.
There is no {product} in my package.
Parts of the {product} are missing.
The {product} is missing from order {order}.
One item was not in the package.
I opened the box and the {product} was not there.
The screws for the {product} are missing.""",
        "want": """report a missing item
tell you that the {product} was not in the box
report that part of my order is missing""",
        "thing": """a missing item
the {product} that was not in the box
missing parts""",
    },
    "late_delivery": {
        "say": """My order is late.
My package should have arrived on {date}.
Order {order} still has not arrived.
I have been waiting for my {product} for weeks.
The delivery is late again.
Why is my order so late?
The {product} was promised for {date} and is not here.
My order is a week late.
The {product} still has not come.
It has been ten days and my package is still not here.
Order {order} is overdue, it should be here by now.
Why has my package not arrived yet?""",
        "want": """know why my order is late
report that my package has not arrived
ask why the {product} is not here yet""",
        "thing": """my late order
a late delivery
a package that has not arrived""",
    },
    "track_package": {
        "say": """Where can I find my tracking number?
Please send me the tracking link for order {order}.
How do I track my package?
I want to track order {order}.
Can I get a tracking number for the {product}?
Where is my package right now? I would like to track it.
The tracking link does not work.
I never got a tracking number.
My tracking number shows nothing.
Can you track my package for me?
Which tracking number does order {order} have?
I need the tracking number of my order.""",
        "want": """track my package
get the tracking number of order {order}
get a tracking link
track order {order}""",
        "thing": """a tracking number
the tracking of my package
the tracking link""",
    },
    "delivery_time": {
        "say": """How long does delivery take?
How many days until you deliver to {city}?
How fast do you ship?
When would the {product} arrive if I order today?
How long does shipping to {city} take?
If I order now, will it be here by {date}?
How many days does standard shipping take?
What is the usual delivery time?
Can you deliver {a_product} by {date}?
How soon can I get {a_product}?
What is your delivery time for {city}?
Would it arrive before {date} if I buy it today?""",
        "want": """know how long delivery takes
know how fast you ship to {city}
ask how many days shipping takes""",
        "thing": """your delivery time
how long shipping takes""",
    },
    "shipping_cost": {
        "say": """How much is shipping?
What does shipping cost?
Is shipping free?
How much do you charge for delivery?
What are your shipping fees?
How much does it cost to ship {a_product}?
Do I have to pay for shipping?
From what amount is shipping free?
What does express shipping cost?
How much is delivery to {city}?
What is the shipping fee for {a_product}?
Is there a fee for delivery?""",
        "want": """know what shipping costs
know if shipping is free
ask about the shipping fee""",
        "thing": """your shipping fees
the cost of shipping
the shipping cost""",
    },
    "international_shipping": {
        "say": """Do you ship to {country}?
Can you send {a_product} to {country}?
Is it possible to order from {country}?
Do you ship outside the country?
I live in {country}. Can I order from you?
Do you deliver to other countries?
I would like to send a gift to {country}.
Which countries do you ship to?
Do you offer international shipping?
Can you ship my order to {country}?
Do you send packages to {country}?
Is international delivery possible?""",
        "want": """know if you ship to {country}
have {a_product} sent to {country}
order from {country}""",
        "thing": """shipping to {country}
international shipping
delivery to other countries""",
    },
    "store_hours": {
        "say": """What are your business hours?
When do you open?
When does your store close?
Are you open on {weekday}?
What time do you open on {weekday}?
How late are you open today?
What are your opening hours?
Is the store open on weekends?
Until what time is the shop open on {weekday}?
Are you open right now?
Which days are you open?
When can I come to the store? What hours are you open?""",
        "want": """know your business hours
know if you are open on {weekday}
ask when the store opens""",
        "thing": """your opening hours
your business hours""",
    },
    "store_location": {
        "say": """Where is your store?
What is the address of your shop?
Do you have a store in {city}?
Where are you located?
How do I get to your store?
Is there a shop near {city}?
Can you tell me where to find your store?
Which city is your store in?
Where can I find your shop in {city}?
I would like to visit your store. Where is it?
Is your shop in {city}?
What is the nearest store to {city}?""",
        "want": """know where your store is
visit your shop in {city}
find your store""",
        "thing": """where your store is
the location of your shop
a store in {city}""",
    },
    "product_info": {
        "say": """What material is the {product} made of?
How big is the {product}?
Can you tell me more about the {product}?
What are the measurements of the {product}?
How heavy is the {product}?
Does the {product} come with a manual?
Is the {product} good for outdoor use?
What is the difference between the {product} and the {other}?
Does the {product} work with batteries?
I have a question about the {product}. How does it work?
Is the {product} safe for kids?
Which colors does the {product} come in?""",
        "want": """know more about the {product}
know how big the {product} is
ask what the {product} is made of""",
        "thing": """the details of the {product}
the size and material of the {product}""",
    },
    "product_availability": {
        "say": """Is the {product} in stock?
Do you have the {product} in stock?
When will the {product} be back in stock?
Is the {product} available?
The {product} is sold out. When will it be available again?
How many of the {product} do you have left?
Can I still get the {product}?
Do you sell {a_product}?
Is the {product} available in [blue|black|white|red]?
Let me know when the {product} is back in stock.
Do you still have {a_product} left?
Is the {product} available in your store in {city}?""",
        "want": """know if the {product} is in stock
know when the {product} is available again
ask if you have {a_product} left""",
        "thing": """the stock of the {product}
when the {product} is available""",
    },
    "price_question": {
        "say": """How much is the {product}?
What does the {product} cost?
What is the price of the {product}?
Can you tell me the price of the {product}?
How much do you charge for {a_product}?
What do I pay for {a_product}?
Is {amount} the right price for the {product}?
How expensive is the {product}?
Did the price of the {product} change?
I am looking for the price of the {product}.
What is the current price of {a_product}?
How much would two of the {product} cost?""",
        "want": """know the price of the {product}
know what the {product} costs
ask how much the {product} is""",
        "thing": """the price of the {product}
what the {product} costs""",
    },
    "price_match": {
        "say": """Do you match prices?
Another store sells the {product} for {amount}. Can you match that?
I found the {product} cheaper somewhere else.
Will you match a lower price?
The {product} is {amount} at another shop, do you match it?
Do you have a price match policy?
I saw the {product} for less at another store.
Can you give me the same price as the other shop?
The {product} costs only {amount} elsewhere. Will you match this?
Do you offer a price match for the {product}?
Your price is higher than at another store, can you match it?""",
        "want": """have you match a lower price
get a price match for the {product}
ask if you match prices""",
        "thing": """a price match
matching a lower price""",
    },
    "discount_code": {
        "say": """My discount code does not work.
The code {code} is not accepted.
Do you have a discount code?
How do I use a discount code?
I forgot to enter my discount code.
Can I get a discount?
The coupon {code} was not applied to my order.
Where do I enter the code {code}?
My coupon code has expired.
Do you offer a discount for students?
I want to use the coupon {code}.
Can you add the discount code {code} to order {order}?""",
        "want": """use a discount code
use the coupon {code}
get a discount""",
        "thing": """a discount code
the coupon {code}
a discount""",
    },
    "payment_methods": {
        "say": """Which payment methods do you accept?
Can I pay by {payment}?
Do you take {payment}?
How can I pay?
Is it possible to pay with {payment}?
What are my payment options?
Do you accept {payment} in your store?
Can I pay with {payment} when I pick it up?
Which cards do you accept?
Can I pay in two parts?
I would like to pay by {payment}. Is that possible?""",
        "want": """pay by {payment}
know how I can pay
know which payment methods you accept""",
        "thing": """your payment methods
paying by {payment}
payment options""",
    },
    "payment_failed": {
        "say": """My payment did not go through.
My card was declined.
I can't pay, the payment always fails.
The checkout shows an error when I pay.
The payment for order {order} failed.
Why was my card declined?
I tried to pay {amount} but it failed.
Your checkout does not accept my card.
My payment of {amount} was declined.
Every time I pay I get an error.
The payment page does not work.
I get an error at checkout.""",
        "want": """know why my payment failed
tell you that my card was declined
get my payment to go through""",
        "thing": """a failed payment
my declined card
an error at checkout""",
    },
    "double_charge": {
        "say": """I was charged twice.
You charged my card two times for order {order}.
There are two charges of {amount} on my card.
I paid {amount} twice.
My card was charged twice for the {product}.
Why do I see two payments for one order?
I was billed twice on {date}.
Order {order} was charged two times.
You took {amount} from my account twice.
There is a second charge for order {order}.
Please check, the same charge shows up twice.
I see the charge of {amount} two times.""",
        "want": """report a double charge
know why I was charged twice
report that I paid twice""",
        "thing": """a double charge
being charged twice
two charges for one order""",
    },
    "invoice_request": {
        "say": """I need an invoice for order {order}.
Can you send me an invoice?
Please send the receipt for my order.
I lost my receipt.
Where can I download the invoice?
I need a receipt for the {product}.
My company needs an invoice for {amount}.
Could you email me the invoice for order {order}?
I never got an invoice for the {product}.
The name on the invoice is wrong, please send a new one.
Please send me a copy of the invoice from {date}.
Can I get a receipt for taxes?""",
        "want": """get an invoice for order {order}
download my invoice
have a copy of the receipt""",
        "thing": """an invoice
the receipt for order {order}
a copy of my invoice""",
    },
    "gift_card": {
        "say": """How do I use a gift card?
What is the balance of my gift card?
I would like to buy a gift card.
My gift card does not work.
Can I check the balance of gift card {code}?
Do gift cards expire?
I want to buy a gift card for {amount}.
The gift card {code} is not accepted.
Where do I enter my gift card number?
How much money is left on my gift card?
Do you sell gift cards?
I lost my gift card.""",
        "want": """buy a gift card
use my gift card
check the balance of my gift card""",
        "thing": """a gift card
the balance of my gift card
gift card {code}""",
    },
    "gift_wrap": {
        "say": """Can you gift wrap the {product}?
Do you offer gift wrapping?
I would like order {order} wrapped as a gift.
Can you wrap it and add a card?
How much is gift wrapping?
Please wrap the {product} as a gift for my {person}.
Is gift wrap available?
It is a present, can you wrap it?
Could you put the {product} in gift paper?
I want gift wrap for my order.
Can I add a gift message?
Please add gift wrapping to order {order}.""",
        "want": """have the {product} gift wrapped
add gift wrapping
add a gift message to my order""",
        "thing": """gift wrapping
wrapping the {product} as a gift
a gift message""",
    },
    "warranty_claim": {
        "say": """Is the {product} still under warranty?
I want to use my warranty for the {product}.
The {product} stopped working and I have a warranty.
How long is the warranty on the {product}?
I have a warranty claim.
Does the warranty cover this?
My {product} broke after two months. Is that covered by the warranty?
How do I file a warranty claim for order {order}?
I bought the {product} on {date}. Is there still a warranty?
Please open a warranty claim for my {product}.
What does the warranty cover?
I have a warranty question about the {product}.""",
        "want": """make a warranty claim
use the warranty for my {product}
know if the warranty covers my {product}""",
        "thing": """the warranty of the {product}
a warranty claim""",
    },
    "repair_request": {
        "say": """Can you repair my {product}?
My {product} needs a repair.
How much does it cost to fix the {product}?
Where can I have the {product} repaired?
I need someone to fix my {product}.
Do you offer repairs?
I would like to send in the {product} for repair.
Can I get a spare part to fix the {product}?
The {product} needs fixing.
How long does a repair take?
Please fix my {product}, I do not want a new one.
Do you fix old {product} models?""",
        "want": """have my {product} repaired
get my {product} fixed
send in the {product} for repair""",
        "thing": """a repair
fixing my {product}
a repair of the {product}""",
    },
    "assembly_help": {
        "say": """How do I put the {product} together?
I can't assemble the {product}.
Do you have instructions for the {product}?
I need help setting up the {product}.
Where can I find the assembly instructions?
The instructions for the {product} are not clear.
Is there a video on how to assemble the {product}?
How do I install the {product}?
I lost the manual, how do I set up the {product}?
Which screw goes where on the {product}?
Can someone help me assemble the {product}?
The setup of the {product} is hard, can you help?""",
        "want": """put the {product} together
get help with assembling the {product}
find the instructions for the {product}
set up the {product}""",
        "thing": """assembling the {product}
the assembly instructions
the setup of the {product}""",
    },
    "reset_password": {
        "say": """I forgot my password.
How do I reset my password?
I can't log in to my account.
The password reset email does not arrive.
Please reset my password.
My login does not work.
I am locked out of my account.
The reset link has expired.
I need a new password.
My account is locked, I can't log in.
Can you help me log in?
Your page says my password is wrong.""",
        "want": """reset my password
log in to my account
get a new password""",
        "thing": """my password
logging in
a password reset""",
    },
    "change_email": {
        "say": """I want to change my email address.
How do I update the email on my account?
My email has changed, please update it.
Please use my new email {email}.
Can you change the email of my account to {email}?
I no longer use my old email.
The email on my account is wrong.
I would like to use another email for my account.
Where can I change my email?
My new email is {email}.
Please replace my old email with {email}.""",
        "want": """change my email address
update the email on my account
use {email} for my account""",
        "thing": """my email address
a new email for my account""",
    },
    "delete_account": {
        "say": """Please delete my account.
How do I close my account?
I want to delete my account.
I would like all my data deleted.
Close my account, please.
Can you remove my account?
I no longer shop with you, delete my account.
Where can I delete my profile?
Please remove all my data.
I want my account closed today.
How can I delete my account and my data?
I do not need an account anymore, please remove it.""",
        "want": """delete my account
close my account
have all my data removed""",
        "thing": """deleting my account
closing my account
the removal of my data""",
    },
    "unsubscribe": {
        "say": """Please stop sending me emails.
How do I unsubscribe from the newsletter?
I do not want your newsletter anymore.
Unsubscribe me, please.
You send me too many emails.
Take me off your mailing list.
I want to unsubscribe.
Stop the newsletter.
I still get your ads by email, please stop.
Remove me from your mailing list.
No more newsletters, please.
Can you take {email} off the mailing list?""",
        "want": """unsubscribe from your newsletter
stop getting your emails
be taken off your mailing list""",
        "thing": """your newsletter
the mailing list
unsubscribing""",
    },
    "loyalty_points": {
        "say": """How many points do I have?
How do I use my points?
My points are missing for order {order}.
Do my loyalty points expire?
I did not get points for the {product}.
Can I pay with my points?
How do I join your loyalty program?
What are my points worth?
Please add the points for order {order}.
I want to use my loyalty points.
Where can I see my points balance?
How many points do I get for the {product}?""",
        "want": """use my points
know how many points I have
join the loyalty program""",
        "thing": """my points
your loyalty program
my loyalty points""",
    },
    "bulk_order": {
        "say": """I would like to order [fifty|one hundred|two hundred] of the {product}.
Do you have a discount for large orders?
My company needs [forty|sixty|eighty] of the {product}.
Can I get a quote for a large order?
Do you sell to businesses?
We want to buy the {product} in bulk.
What is your price for a bulk order?
I need a quote for [thirty|fifty|ninety] of the {product}.
Our school wants to buy many of the {product}.
Can companies order in bulk?
We need a large quantity of the {product} for our office.
Is there a bulk price for the {product}?""",
        "want": """place a bulk order
get a quote for a large order
buy the {product} in bulk""",
        "thing": """a bulk order
a quote for a large order
bulk prices""",
    },
    "talk_to_human": {
        "say": """I want to talk to a real person.
Can I speak with someone?
Please connect me to an agent.
Is there a human I can talk to?
Please call me back.
I would like to speak to a manager.
Give me a human, please.
How can I reach a person?
Let me talk to an agent.
I do not want to talk to a bot.
Can someone call me at {phone}?
Transfer me to a manager.""",
        "want": """talk to a real person
speak to a manager
be called back
reach an agent""",
        "thing": """talking to a person
a call from an agent""",
    },
    "complaint": {
        "say": """I am very unhappy with your service.
Your service is terrible.
This is the worst shop I have ever used.
I want to make a complaint.
I am really disappointed.
Your driver was very rude.
I will never buy from you again.
I have to complain about your staff.
Nobody answers my messages, this is a shame.
The man on the phone was rude to me.
I am angry about how I was treated.
The quality of your service is very bad.""",
        "want": """make a complaint
complain about your service
complain about your staff""",
        "thing": """your bad service
a complaint
your rude staff""",
    },
    "praise": {
        "say": """Thank you, your service is great.
I love the {product}.
Great job, everything was perfect.
The {product} is wonderful, thank you so much.
I just wanted to say thanks.
You have the best service.
Your team was so helpful.
I am very happy with the {product}.
Everything arrived on time, thank you.
The person on the phone was so kind.
Best shop ever, I will buy again.
My {person} loves the {product}, thanks.""",
        "want": """say thank you
tell you how happy I am with the {product}
praise your team""",
        "thing": """your great service
how happy I am with the {product}""",
    },
}

# Before and after a message; they say nothing about the wish.
OPENERS = """Hi,
Hello,
Hi there,
Good morning,
Good afternoon,
Good evening,
Hello {shop} team,
Dear {shop} team,
Hi {shop},
Hey,
Hey there,
Dear support,
Dear team,
Hi, this is {name}.
My name is {name}.
Hello, {name} here.
Good morning, I am {name}.
I have a question.
I have one question.
I need help.
Quick question.
I hope you can help me.
I hope you are well.
Please help me.
Sorry to bother you.
Hello, I need your help.
Hello there,
Hello {shop},
Hello team,
Hello everyone,
Hi team,
Hi everyone,
Hi {shop} team,
Hi, {name} here.
Hi, I am {name}.
Hello, I am {name}.
Hello, my name is {name}.
Good morning {shop},
Good morning {shop} team,
Good afternoon, {name} here.
Good afternoon {shop} team,
Good evening, my name is {name}.
Good evening {shop},
Good day,
Good day {shop} team,
Good day, this is {name}.
Dear {shop},
Dear {shop} support,
Dear support team,
This is {name}.
This is {name} from {city}.
I am {name} from {city}.
Hey {shop} team,
Hey, this is {name}.
Hey, I have a question.
Hi, I have a quick question.
Hello, I have a question.
Hi, I need your help.
Hello, can you help me?
Can you help me?
One question.
A quick question.
Just a quick question.
I hope someone can help me.
I hope your day is good.
I hope the team is well.
Sorry, one more question.
Sorry, I have one question.
Sorry for the long message.
Sorry for writing so late.
Please read this.
Please read my message.
A message from {name}:
A question from {city}:"""

CLOSERS = """Thanks.
Thank you.
Thanks a lot.
Thanks so much.
Thank you very much.
Please help.
Please help me.
Best, {first}
Best, {name}
Regards, {name}
Regards, {first}
Thanks, {first}
Thanks, {name}
Thank you, {name}
I look forward to your answer.
I hope to hear from you soon.
Please answer soon.
Please answer today.
Thanks in advance.
Have a nice day.
Have a good day.
{name}
Thanks, and have a nice day.
Thanks, and have a good evening.
Thanks for your help.
Thanks for your time.
Thanks for your answer.
Thanks for reading.
Thanks for reading this, {first}
Thank you for your help.
Thank you for your time.
Thank you for your answer.
Thank you and have a good day.
Thank you in advance.
Thank you in advance, {name}
Thank you, {first}
Many thanks.
Many thanks, {name}
Many thanks, {first}
Many thanks in advance.
Best regards, {name}
Best regards, {first}
Best wishes, {name}
Best wishes, {first}
Kind regards, {name}
Kind regards, {first}
Kind regards from {city}
Best regards from {city}
Best wishes from {city}, {first}
Yours, {name}
Yours, {first}
{first}
{name}, {city}
{first} from {city}
Please help me with this.
Please help me soon.
Please answer me.
Please answer as soon as you can.
Please answer this week.
Please let me know.
Please let me know soon.
Please write back.
Please write back soon.
Please write back today.
Write back soon, please.
Let me know, please.
Let me know as soon as you can.
I hope you can help.
I hope you can help me soon.
I hope for your help.
I hope for a quick answer.
I look forward to your help.
I look forward to hearing from you.
Looking forward to your answer.
Looking forward to hearing from you soon, {name}
I wait for your answer.
Can you help?
Can you help me with this?
Have a good evening.
Have a nice evening.
Have a nice weekend.
Have a good week, {first}
See you soon."""

# Detail that belongs to no intent.
DETAILS = """It is for my {person}'s {event}.
I live in {city}.
I come from {city}.
I have been a customer for years.
I have shopped with you for years.
My {person} told me about your shop.
My {person} sent me here.
We have two kids and a dog.
We have a dog.
I am at work right now.
I am at home right now.
I wrote to you last {weekday}.
I am visiting my {person} in {city} this week.
My {person} lives in {city}.
My {person} has the same one.
I usually shop on {weekday}.
I was in {city} last week.
It has been a long day.
The weather in {city} is bad today.
I really like the color.
I like your shop.
I saw it in your window.
I saw your shop last {weekday}.
I am new here.
I am new in {city}.
My phone is almost empty.
My {person} and I work in {city}.
It is for my {person}'s {event} in {city}.
My {person}'s {event} is this week.
My {person}'s {event} is next {weekday}.
My {person}'s {event} is next week.
I am busy with my {person}'s {event} this week.
I live in {city} with my {person}.
I live with my {person}.
I live near {city}.
I grew up in {city}.
I was born in {city}.
I work in {city}.
I work for a school in {city}.
My {person} works in {city}.
My {person} works at a school.
My {person} lives with me.
My {person} comes from {city}.
My {person} is here this week.
My {person} is visiting me this week.
My {person} likes your shop.
My {person} reads this too.
My {person} usually shops with you.
My {person} and I live in {city}.
My {person} and I shop with you.
My {person} and I have two dogs.
I have two kids.
I have a dog and a cat.
We have a cat.
We have three kids.
We have a small house in {city}.
We live in a small house.
I like to shop with you.
I like the name of your shop.
I have shopped with you before.
I have shopped here since last year.
I have been a customer since last year.
I have known your shop for years.
I first saw your shop in {city}.
I saw your shop in {city} last week.
I saw you in the news last week.
I was at work last {weekday}.
I was at home all day.
I was busy all week.
I am busy today.
I am busy at work this week.
I am on a train to {city}.
I am on the train right now.
I am on my way home.
I am on my way to work.
I am in {city} with my {person}.
I am in {city} for work this week.
I am new in this house.
I am a teacher in {city}.
I am a student in {city}.
My {person} is a teacher.
My {person} is a student in {city}.
It is a nice day in {city}.
It is cold in {city} today.
The weather is nice today.
The weather was bad last week.
It has been a long week.
It has been a busy day at work.
It is late here in {city}.
I am writing from my phone.
I am writing from home.
I am writing from {city}.
I am writing this on the train.
I am at my {person}'s house right now.
I usually write in the evening.
I wrote this at work.
My phone is old."""

# Two wishes {a} and {b} (sentences, wants or things): {b} is the one asked for.
TWO_WISHES = """I do not want to {a_want}. I want to {b_want}.
I do not want to {a_want}. I would like to {b_want}.
This is not about {a_thing}. {b_say}
This is not about {a_thing}, it is about {b_thing}.
I wrote about {a_thing} before, that is solved. {b_say}
I wrote about {a_thing} last week. Today I want to {b_want}.
{a_say} But that is not why I write. {b_say}
{a_say} But that is not important. {b_say}
First I wanted to {a_want}, but now I want to {b_want}.
First I wanted to {a_want}. Now: {b_say}
{b_say} And no, I do not want to {a_want}.
{b_say} It is not about {a_thing}.
I am not asking about {a_thing}. I want to {b_want}.
I am not asking about {a_thing}. {b_say}
Forget what I said about {a_thing}. Now I want to {b_want}.
Forget what I said about {a_thing}. {b_say}
I thought I had to {a_want}, but all I want is to {b_want}.
{a_say} Sorry, wrong message. What I meant: {b_say}
{a_say} Sorry, I meant: {b_say}
Instead of {a_thing}, I am writing about {b_thing}.
You told me how to {a_want}. Now I want to {b_want}.
You told me about {a_thing}. Now it is about {b_thing}.
My {person} wants to {a_want}, but I want to {b_want}.
My {person} asked about {a_thing}, but I ask about {b_thing}.
My question is not about {a_thing} but about {b_thing}.
My question is not about {a_thing}. {b_say}
Last week I asked about {a_thing}. Today it is about {b_thing}.
Last week I wanted to {a_want}. Now I want to {b_want}.
{a_say} No wait, that is done. {b_say}
{a_say} No, forget that. {b_say}
I could {a_want}, but I would rather {b_want}.
I want to {b_want}, I do not want to {a_want}.
I want to {b_want}, not to {a_want}.
Please do not answer about {a_thing} again. {b_say}
It is too late for {a_thing}, so my question is about {b_thing}.
Yesterday I wanted to {a_want}. Today I only want to {b_want}.
{b_say} I already know about {a_thing}.
I already know about {a_thing}. I only want to {b_want}.
{b_say} Please do not write about {a_thing}.
Not {a_thing}, but {b_thing} is what I write about.
I already asked about {a_thing}, now I ask about {b_thing}.
I already asked about {a_thing}. {b_say}
I asked about {a_thing} yesterday, that is done. Now I want to {b_want}.
It is about {b_thing}, not about {a_thing}.
I am writing about {b_thing}, not about {a_thing}.
I want to ask about {b_thing}, not about {a_thing}.
{b_say} This is not about {a_thing}.
{b_say} I do not mean {a_thing}.
{b_say} Last week it was about {a_thing}, but that is solved.
{b_say} I do not need help with {a_thing} anymore.
I do not need help with {a_thing} anymore. {b_say}
I do not need help with {a_thing}, I need help with {b_thing}.
You already helped me with {a_thing}. Now I need help with {b_thing}.
You already helped me with {a_thing}. {b_say}
You already wrote to me about {a_thing}. Now I ask about {b_thing}.
Your answer was about {a_thing}, but my question is about {b_thing}.
Your last answer was about {a_thing}. I asked about {b_thing}.
Your answer was about {a_thing}, that is not what I asked. {b_say}
My last message was about {a_thing}, this one is about {b_thing}.
My last message was about {a_thing}, that is done. {b_say}
Yesterday I asked: {a_say} That is solved. Now: {b_say}
Last week I wrote: {a_say} Today I write about {b_thing}.
{a_say} That was my last question. Now: {b_say}
{a_say} That was yesterday. Today I want to {b_want}.
{a_say} That is what my {person} wants. I want to {b_want}.
My {person} wrote to you about {a_thing}. I write about {b_thing}.
My {person} has a question about {a_thing}, but my question is about {b_thing}.
{a_say} Forget that. I want to {b_want}.
{a_say} Sorry, forget that, it is about {b_thing}.
{a_say} No, sorry, I want to {b_want}.
{a_say} Wait, that is wrong. I want to {b_want}.
{a_say} That is solved. {b_say}
{a_say} That can wait. {b_say}
{a_say} That is not important today. I want to {b_want}.
I thought I wanted to {a_want}. No, I want to {b_want}.
I no longer want to {a_want}. {b_say}
I no longer want to {a_want}, now I want to {b_want}.
I did not write to {a_want}. I wrote to {b_want}.
I am not here to {a_want}, I am here to {b_want}.
I am here to {b_want}, not to {a_want}.
I would like to {b_want}, I would not like to {a_want}.
I would rather {b_want} than {a_want}.
Please do not think I want to {a_want}. {b_say}
Please do not write to me about {a_thing}, I only ask about {b_thing}.
Someone else asked about {a_thing}. I ask about {b_thing}.
I have no question about {a_thing}, only about {b_thing}.
I have one question about {b_thing}, not about {a_thing}.
First it was about {a_thing}. Now it is about {b_thing}.
You do not need to answer about {a_thing}. {b_say}
Forget {a_thing}, that is solved. I want to {b_want}.
Thanks for the answer about {a_thing}. {b_say}
Thanks for your help with {a_thing}. Now I want to {b_want}.
{b_say} Thanks for your help with {a_thing}, that is done.
Do not answer about {a_thing}. My question is about {b_thing}.
All I want is to {b_want}. I do not want to {a_want}.
{b_say} Please forget what I wrote about {a_thing}."""

# One wish, told indirectly.
INDIRECT = """I want to {b_want}.
I would like to {b_want}.
I would like to {b_want}, please.
How can I {b_want}?
How do I {b_want}?
I need to {b_want}.
I have to {b_want}.
I just want to {b_want}.
I wanted to {b_want}.
I am here to {b_want}.
I am writing to {b_want}.
Can you help me? I want to {b_want}.
Can you help me to {b_want}?
I need help. I want to {b_want}.
I have a question about {b_thing}.
I have a problem. It is about {b_thing}.
I am writing about {b_thing}.
I write to you about {b_thing}.
My question is about {b_thing}.
My message is about {b_thing}.
It is about {b_thing}.
This is about {b_thing}.
I want to ask about {b_thing}.
I need help with {b_thing}.
Can you help me with {b_thing}?
Is it possible to {b_want}?
I am trying to {b_want}.
I tried to {b_want}.
Please tell me how to {b_want}.
Please let me {b_want}.
What do I have to do to {b_want}?
All I want is to {b_want}.
I came here to {b_want}.
I hope to {b_want}.
I want to {b_want}, can you help?
I would like to {b_want}. Can you help me?
Could you help me to {b_want}?
Could I {b_want}?
Can I {b_want}?
May I {b_want}, please?
Would it be possible to {b_want}?
Help me to {b_want}, please.
I need your help to {b_want}.
Please help me to {b_want}.
I have to ask about {b_thing}.
I would like to ask about {b_thing}.
I need an answer about {b_thing}.
I am asking about {b_thing}.
Could you help me with {b_thing}?
Please help me with {b_thing}.
I have one question, it is about {b_thing}.
Can I ask about {b_thing}?"""

CLASSIFY_ORDERS = """Answer with the intent name only.
Reply with the intent of the message and nothing else.
Name the intent of the message.
Classify the message. Answer with the intent name.
Give only the intent name.
Say which intent the message has.
Which intent does the message have? Answer with its name.
Classify the intent of each message.
Your answer is one intent name.
Find the intent. Answer with the name only.
Which intent is this? Give its name only.
Which intent is this? Answer with one name.
What is the intent of the message? Answer with its name.
What is the intent? Give only the name.
What does the customer want? Answer with the intent name.
What does the customer want? Name the intent.
Name the intent.
Name the intent and nothing else.
Name the intent of each message and nothing else.
Name only the intent of what the customer writes.
Say what the intent is, with its name only.
Say the intent of the message in one name.
Say which intent the customer has.
Give the intent of the message.
Give the name of the intent, nothing else.
Give one intent name for each message.
Write the intent of the message.
Write only the intent name.
Write the name of the intent and nothing else.
Reply with one intent name.
Reply with the name of the intent only.
Reply only with the intent of the message.
For each message, answer with its intent.
For each message, give the intent name.
Find the intent of the message and give its name.
Find which intent the message has.
Find out what the customer wants and answer with the intent name.
Read the message and name its intent.
Read the message. Answer with the intent name only.
Read what the customer writes and reply with the intent.
Classify what the customer writes. Answer with the intent name.
Classify the message by its intent.
Classify each message by intent and give the name only.
Your answer is the name of the intent.
Your answer is only the intent of the message.
The answer is one intent name and nothing else.
Answer each message with the name of its intent.
Answer with nothing but the intent name.
Tell me the intent of the message, only its name.
Tell me which intent this message has."""

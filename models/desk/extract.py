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
You can find it under {order}.
I write about order {order}.
This message is about order {order}.
My question is about order {order}.
I have a problem with order {order}.
There is a problem with order {order}.
Something is wrong with my order {order}.
The order number is {order}.
The number of my order is {order}.
{order} is my order number.
{order} is the number of the order.
Order {order} is late.
I am still waiting for order {order}.
I have been waiting for order {order} for weeks.
Where is order {order}?
Can you check my order {order}?
Could you look at order {order}?
Please look at order {order}, something is missing.
My last order was {order}.
The order I mean is {order}.
I placed order {order} with you.
My order has the number {order}.
The order number on the bill is {order}.
The number on the box is {order}, that is my order.""",
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
The {product} is too small.
I write about the {product}.
This message is about my {product}.
My question is about the {product}.
I have a problem with the {product}.
There is a problem with my {product}.
Something is wrong with the {product}.
The product is the {product}.
The product I mean is the {product}.
I bought {a_product} from you.
I ordered {a_product} in your shop.
I got {a_product} from you.
You sent me {a_product}.
I am still waiting for my {product}.
I have been waiting for the {product} for weeks.
Where is my {product}?
Can you check the {product}?
Could you look at my {product}?
The {product} is late.
The {product} is not right.
My {product} stopped working.
The {product} was missing from the box.
In the box there was {a_product}.
Please exchange my {product}, it is too big.""",
    "date": """I ordered on {date}.
I bought it on {date}.
That was on {date}.
It arrived on {date}.
The order is from {date}.
The date of my order is {date}.
I placed the order on {date}.
It should have arrived on {date}.
I have been waiting since {date}.
I bought it from you on {date}.
It came on {date}.
My order is from {date}.
I ordered it in your shop on {date}.
Date of the order: {date}.
The order date was {date}.
It was on {date}.
It was {date} when I bought it.
It was {date} when it arrived.
You sent it on {date}.
It has not worked since {date}.
I have had a problem with it since {date}.
It stopped working on {date}.
On {date} I bought it.
On {date} I placed my order.
On {date} it arrived.
On {date} it was still not here.
Since {date} I have been waiting.
The date on the bill is {date}.
The date I mean is {date}.
It should have been here on {date}.
I got it on {date}.
The order has the date {date}.
The day I bought it was {date}.""",
    "amount": """I paid {amount}.
I was charged {amount}.
The price was {amount}.
You charged {amount}.
It cost {amount}.
The bill says {amount}.
The total was {amount}.
I want {amount} back.
My card shows {amount}.
I paid {amount} for it.
I paid {amount} in total.
I had to pay {amount}.
You charged me {amount}.
You charged my card {amount}.
You took {amount} from my card.
The price on the bill is {amount}.
The bill was {amount}.
My bill says {amount} in total.
The total on the bill is {amount}.
In total I paid {amount}.
It was {amount} in total.
It cost me {amount}.
The amount was {amount}.
The amount on my card is {amount}.
The amount I mean is {amount}.
There is a charge of {amount} on my card.
I see a charge of {amount}.
I see {amount} on my bill.
Please give me {amount} back.
Please refund {amount}.
I would like a refund of {amount}.
I want a refund, I paid {amount}.
{amount} is what I paid.
{amount} was the price.""",
    "order product": """I want to return the {product} from order {order}.
My order {order} was for {a_product}.
The {product} from order {order} is broken.
Order {order}: the {product} is missing.
The {product} in order {order} does not work.
In order {order} there was {a_product}.
I got order {order}, but the {product} was not in it.
Where is the {product} from order {order}?
It is about the {product} from order {order}.
I have a question about the {product} in order {order}.
There is a problem with the {product}, the order number is {order}.
Something is wrong with my {product}, order {order}.
With order {order} I bought {a_product}.
I ordered {a_product}, the number is {order}.
I ordered {a_product}. The order number is {order}.
My order number is {order} and the product is the {product}.
The {product} is late, order {order}.
Order {order} came without the {product}.
Order {order} has arrived, but my {product} is damaged.
Please exchange the {product} from order {order}.
I would like to send back the {product}. My order number is {order}.
You sent me {a_product} with order {order}.
I am still waiting for the {product} from my order {order}.""",
    "order date": """I placed order {order} on {date}.
My order {order} from {date} is late.
Order {order} should have arrived on {date}.
On {date} I ordered something, the number is {order}.
Order {order}, placed on {date}, is not here.
Order {order} arrived on {date}.
My order number is {order}, placed on {date}.
My order number is {order} and the date is {date}.
It is about order {order} from {date}.
I have a question about order {order} from {date}.
There is a problem with my order {order} from {date}.
On {date} I placed order {order}.
On {date} order {order} arrived.
I bought it on {date}, the order number is {order}.
I bought it on {date}. The order is {order}.
It came on {date}, order {order}.
You sent order {order} on {date}.
I have been waiting for order {order} since {date}.
Since {date} I have been waiting for my order {order}.
The order is {order}, it is from {date}.
Order {order}: it should have been here on {date}.
I ordered on {date} and got the number {order}.
The date of order {order} is {date}.""",
    "order amount": """I was charged {amount} for order {order}.
Order {order} cost {amount}.
I paid {amount} for order {order}.
Please refund {amount} for order {order}.
For order {order} you took {amount}.
Order {order} had a total of {amount}.
My order {order} cost me {amount} in total.
It is about order {order}, I paid {amount}.
I have a question about the {amount} for order {order}.
The total of order {order} was {amount}.
The price of order {order} was {amount}.
The bill for order {order} says {amount}.
There is a charge of {amount} for order {order}.
You charged my card {amount} for order {order}.
You charged {amount}, the order number is {order}.
For my order {order} I had to pay {amount}.
I want {amount} back for order {order}.
Order {order}: I want a refund of {amount}.
My order number is {order}. I paid {amount}.
My order number is {order} and the amount is {amount}.
I see {amount} on the bill of order {order}.
I would like a refund of {amount}, order {order}.""",
    "product date": """I bought {a_product} on {date}.
The {product} arrived on {date}.
On {date} I bought {a_product}.
I ordered the {product} on {date}.
My {product} came on {date} and does not work.
The {product} should have been here on {date}.
On {date} I ordered {a_product} in your shop.
On {date} the {product} arrived.
On {date} you sent me {a_product}.
I got the {product} on {date}.
I got my {product} on {date}, but it is broken.
It is about the {product} I bought on {date}.
I have a question about the {product} from {date}.
The {product} is from {date}.
The {product} stopped working on {date}.
I have been waiting for the {product} since {date}.
Since {date} my {product} does not work.
I want to return the {product} I bought on {date}.
I bought {a_product}. That was on {date}.
The product is the {product} and the date is {date}.
My {product}, bought on {date}, is too small.
It was {date} when I ordered the {product}.""",
    "product amount": """I paid {amount} for the {product}.
The {product} cost {amount}.
You charged me {amount} for {a_product}.
I bought {a_product} for {amount}.
For the {product} I was charged {amount}.
I want {amount} back for the {product}.
The {product} cost me {amount} in total.
The price of the {product} was {amount}.
The bill says {amount} for the {product}.
There is a charge of {amount} for {a_product}.
You took {amount} from my card for the {product}.
For my {product} I had to pay {amount}.
For {a_product} I paid {amount}.
I ordered {a_product} for {amount}.
I ordered {a_product}, the price was {amount}.
Please refund {amount} for the {product}.
I would like a refund of {amount} for my {product}.
My {product} is broken, I paid {amount} for it.
I want to return the {product}, it cost {amount}.
The product is the {product} and the amount is {amount}.
It is about the {product}. The total was {amount}.
You sent me {a_product}. It cost {amount}.""",
    "date amount": """I paid {amount} on {date}.
On {date} you charged {amount}.
My card was charged {amount} on {date}.
There is a charge of {amount} from {date}.
You took {amount} from my card on {date}.
On {date} I paid {amount} in total.
On {date} I was charged {amount}.
On {date} I had to pay {amount}.
On {date} there was a charge of {amount} on my card.
I was charged {amount} on {date}.
I bought it on {date} for {amount}.
I bought it on {date} and paid {amount}.
I ordered on {date}, the total was {amount}.
I ordered it on {date}. It cost {amount}.
The bill from {date} says {amount}.
My bill is from {date}, the price was {amount}.
The date is {date} and the amount is {amount}.
The order from {date} cost me {amount}.
I want {amount} back, I bought it on {date}.
Please refund the {amount} from {date}.
It arrived on {date} and cost {amount}.
I see a charge of {amount}, the date is {date}.""",
    "order product date": """I ordered {a_product} on {date}, order {order}.
Order {order} from {date} was for {a_product}.
On {date} I bought {a_product}, the order number is {order}.
The {product} from order {order}, placed on {date}, is not here.
My {product}, order {order}, arrived on {date}.
On {date} I placed order {order} for {a_product}.
On {date} you sent me {a_product}, order {order}.
I placed order {order} on {date}, it was {a_product}.
I bought {a_product} on {date}. My order number is {order}.
It is about order {order} from {date}, {a_product}.
My order {order} from {date} came without the {product}.
The {product} of order {order} should have arrived on {date}.
I got the {product} from order {order} on {date}.
I want to return the {product} from order {order}, it came on {date}.
I have been waiting for the {product} from order {order} since {date}.
Order {order}: I ordered {a_product} on {date}.
The order number is {order}, the product is the {product}, the date is {date}.""",
    "order product amount": """I paid {amount} for the {product} in order {order}.
Order {order} was {a_product} for {amount}.
I want {amount} back for the {product} from order {order}.
The {product} from order {order} cost {amount}.
For {a_product} you charged {amount}, order {order}.
In order {order} I bought {a_product} for {amount}.
I was charged {amount} for {a_product}, the order number is {order}.
I ordered {a_product} for {amount}. My order number is {order}.
My order {order} was for {a_product} and cost {amount}.
My order number is {order}, I paid {amount} for the {product}.
Please refund {amount} for the {product}, order {order}.
The price of the {product} in order {order} was {amount}.
The bill of order {order} says {amount} for the {product}.
Order {order}: the {product} is broken, I paid {amount}.
You took {amount} from my card for the {product} in order {order}.
The order number is {order}, the product is the {product}, the amount is {amount}.""",
    "order date amount": """Order {order} from {date} cost {amount}.
I paid {amount} on {date} for order {order}.
On {date} you charged {amount} for order {order}.
You took {amount} on {date}, the order is {order}.
I placed order {order} on {date} and paid {amount}.
I placed order {order} on {date}, the total was {amount}.
On {date} I paid {amount}, my order number is {order}.
On {date} I was charged {amount} for my order {order}.
My order {order} from {date} had a total of {amount}.
The bill for order {order} is from {date} and says {amount}.
There is a charge of {amount} from {date} for order {order}.
For order {order} I paid {amount} on {date}.
Please refund {amount} for order {order} from {date}.
I want {amount} back for order {order}, placed on {date}.
Order {order} arrived on {date}. I paid {amount} for it.
The order number is {order}, the date is {date}, the amount is {amount}.""",
    "product date amount": """I bought {a_product} on {date} for {amount}.
On {date} I paid {amount} for {a_product}.
The {product} cost {amount} on {date}.
I ordered the {product} for {amount} on {date}.
You charged {amount} for the {product} on {date}.
On {date} I bought {a_product} for {amount}.
On {date} you charged my card {amount} for {a_product}.
I ordered {a_product} on {date} and paid {amount}.
I ordered {a_product} on {date}, the price was {amount}.
I bought {a_product} on {date}. It cost {amount}.
The {product} arrived on {date}, I paid {amount} for it.
My {product} from {date} cost me {amount}.
For the {product} I was charged {amount} on {date}.
I want {amount} back for the {product} I bought on {date}.
Please refund {amount} for the {product} from {date}.
There is a charge of {amount} from {date} for {a_product}.
The product is the {product}, the date is {date}, the amount is {amount}.""",
    "order product date amount": """On {date} I ordered {a_product} for {amount}, order number {order}.
Order {order} from {date} was {a_product} for {amount}.
I paid {amount} for {a_product} on {date}, order {order}.
Order {order}: {a_product}, {amount}, bought on {date}.
I bought {a_product} on {date}. The order is {order} and I paid {amount}.
The {product} from order {order} came on {date} and cost {amount}.
On {date} I placed order {order}, {a_product} for {amount}.
On {date} I paid {amount} for the {product} from order {order}.
I placed order {order} on {date}: {a_product} for {amount}.
I ordered {a_product} on {date} and paid {amount}, my order number is {order}.
My order {order} from {date} was for {a_product}, the price was {amount}.
My order number is {order}. I bought {a_product} for {amount} on {date}.
You charged {amount} on {date} for the {product} in order {order}.
I was charged {amount} for {a_product} on {date}. The order number is {order}.
I want {amount} back for the {product} from order {order}, it arrived on {date}.
Please refund {amount} for the {product}, order {order} from {date}.
Order {order}, placed on {date}, was {a_product} and cost {amount}.""",
}

# A value said wrong first or beside the right one; {right} is what counts. The same frames
# recur from field to field, so that one held out here is known from another field.
CORRECTIONS = {
    "order": """My order is {wrong}. Sorry, I mean {right}.
The order is not {wrong}, I mean {right}.
It is about order {wrong}, no, {right}.
Not order {wrong}, it is order {right}.
I first wrote {wrong}, but the right order number is {right}.
Please forget order {wrong}. It is order {right}.
My order is {wrong}, no, order {right}.
The order number is {wrong}, no, {right}.
This is about order {wrong}. No, {right}.
It is about order {wrong}. No, wait, {right}.
I write about order {wrong}, sorry, order {right}.
I placed order {wrong}, sorry, {right}.
My order number is {wrong}. Sorry, {right}.
The order is {wrong}. Sorry, I mean {right}.
It is about order {wrong}, I mean order {right}.
I write about order {wrong}. I mean {right}.
I placed order {wrong}, no, I mean order {right}.
My order number is {wrong}. Wait, the order is {right}.
The order is {wrong}, wait, order {right}.
My order is {right}, not {wrong}.
The order number is {right}, not {wrong}.
This is about order {right}. Not {wrong}.
My order number is {right}, I do not mean {wrong}.
The order is {right}. Sorry, not {wrong}.
My order is {right}. I first said order {wrong}, that was wrong.
The order number is {right}, {wrong} was a mistake.
This is about order {wrong}. That is wrong, the order is {right}.
It is about order {wrong}. That was a mistake, I mean {right}.
My order is not {wrong} but {right}.
The order number is not {wrong}, it is {right}.
The order is not {wrong}. It is order {right}.
It is not order {wrong}, I mean {right}.
Not order {wrong}, the order is {right}.
Not {wrong}, {right}.
Not order {wrong}. It is {right}.
No, not {wrong}, I mean {right}.
Wait, not order {wrong}. It is order {right}.
I mean {right}, not {wrong}.
I do not mean order {wrong}, I mean order {right}.
I said {wrong}, but it is order {right}.
I said order {wrong}, it should be order {right}.
I said {wrong}. I mean {right}.
I wrote order {wrong}, but I mean order {right}.
I wrote {wrong}, sorry, it is {right}.
I first said {wrong}, then I saw that it is order {right}.
First I wrote {wrong}. Now I see that it is {right}.
First I thought the order was {wrong}, but now I see it is {right}.
I thought it was order {wrong}, but it is order {right}.
I made a mistake: not {wrong} but {right}.
I made a mistake. The order number is {right}, not {wrong}.
Please forget {wrong}. It is order {right}.
Forget what I said about order {wrong}. It is {right}.
The order number {wrong} is wrong, {right} is right.
Order {wrong} is wrong, order {right} is right.
{right} is right, {wrong} is wrong.
The right order number is {right}, not {wrong}.
Correction: {right}, not {wrong}.
Correction: order {right} instead of order {wrong}.
My last message said {wrong}, but {right} is right.
My {person} said order {wrong}, but it is order {right}.
When I said {wrong}, I meant {right}.
I meant order {right} when I wrote order {wrong}.
Order {wrong} is fine. The problem is order {right}.
I have no problem with order {wrong}, it is about order {right}.
I have two orders, {wrong} and {right}. This is about {right}.
I have two orders. Order {wrong} is fine, I mean order {right}.
Order {wrong} has arrived. Order {right} has not.
Order {wrong} is old, this is about order {right}.
My last order was {wrong}, but this is about {right}.""",
    "product": """It is not the {wrong}, it is the {right}.
I said the {wrong}, but I mean the {right}.
Not the {wrong}. The {right}.
I write about the {wrong}, no, the {right}.
I want to return the {wrong}, no, the {right}.
It is about the {wrong}. No, the {right}.
This is about the {wrong}. No, wait, the {right}.
The product is the {wrong}, sorry, the {right}.
I bought the {wrong}, sorry, the {right}.
I ordered the {wrong}. Sorry, the {right}.
I have a problem with the {wrong}. Sorry, I mean the {right}.
This is about the {wrong}, I mean the {right}.
The product is the {wrong}. I mean the {right}.
I bought the {wrong}, no, I mean the {right}.
I ordered the {wrong}. Wait, the product is the {right}.
I have a problem with the {wrong}, wait, the {right}.
I write about the {right}, not the {wrong}.
I want to return the {right}, not the {wrong}.
It is about the {right}. Not the {wrong}.
I ordered the {right}, I do not mean the {wrong}.
I have a problem with the {right}. Sorry, not the {wrong}.
I write about the {right}. I first said the {wrong}, that was wrong.
I want to return the {right}, the {wrong} was a mistake.
It is about the {wrong}. That is wrong, the product is the {right}.
This is about the {wrong}. That was a mistake, I mean the {right}.
It was not the {wrong} but the {right}.
The product is not the {wrong}, it is the {right}.
It is not the {wrong}. It is the {right}.
It is not the {wrong}, I mean the {right}.
Not the {wrong}, the product is the {right}.
Not the {wrong}, the {right}.
Not the {wrong}. It is the {right}.
No, not the {wrong}, I mean the {right}.
Wait, not the {wrong}. It is the {right}.
I mean the {right}, not the {wrong}.
I do not mean the {wrong}, I mean the {right}.
I said the {wrong}, but it is the {right}.
I said the {wrong}, it should be the {right}.
I said the {wrong}. I mean the {right}.
I wrote the {wrong}, but I mean the {right}.
I wrote the {wrong}, sorry, it is the {right}.
I first wrote the {wrong}, but the right product is the {right}.
I first said the {wrong}, then I saw that it is the {right}.
First I wrote the {wrong}. Now I see that it is the {right}.
First I thought it was the {wrong}, but now I see it is the {right}.
I thought it was the {wrong}, but it is the {right}.
I made a mistake: not the {wrong} but the {right}.
I made a mistake. The product is the {right}, not the {wrong}.
Please forget the {wrong}. It is the {right}.
Forget what I said about the {wrong}. It is the {right}.
The {wrong} is wrong. I mean the {right}.
The {wrong} is wrong, the {right} is right.
The {right} is right, the {wrong} is wrong.
The right product is the {right}, not the {wrong}.
Correction: the {right}, not the {wrong}.
Correction: the {right} instead of the {wrong}.
My last message said the {wrong}, but the {right} is right.
My {person} said the {wrong}, but it is the {right}.
When I said the {wrong}, I meant the {right}.
I meant the {right} when I wrote the {wrong}.
The {wrong} is fine. It is about the {right}.
The {wrong} is fine, the {right} is broken.
I kept the {wrong}. The problem is the {right}.
I have no problem with the {wrong}, it is about the {right}.
I have two products, the {wrong} and the {right}. This is about the {right}.
The {wrong} has arrived, the {right} has not.
You sent me the {wrong}, that is fine. It is about the {right}.""",
    "date": """I bought it on {wrong}, no, on {right}.
It was on {right}, not on {wrong}.
It was not {wrong}, I mean {right}.
It came on {wrong}, no, {right}.
That was on {wrong}, no, on {right}.
It arrived on {wrong}. No, {right}.
The date is {wrong}. No, wait, {right}.
I bought it on {wrong}, sorry, {right}.
The order is from {wrong}, sorry, {right}.
I placed the order on {wrong}. Sorry, {right}.
I ordered on {wrong}. Sorry, I mean on {right}.
The date is {wrong}, I mean {right}.
I bought it on {wrong}. I mean {right}.
The order is from {wrong}, no, I mean {right}.
I placed the order on {wrong}. Wait, it was on {right}.
I ordered on {wrong}, wait, {right}.
It came on {right}, not on {wrong}.
That was on {right}, not {wrong}.
It arrived on {right}. Not on {wrong}.
I placed the order on {right}, I do not mean {wrong}.
I ordered on {right}. Sorry, not on {wrong}.
It came on {right}. I first said {wrong}, that was wrong.
That was on {right}, {wrong} was a mistake.
It arrived on {wrong}. That is wrong, it was on {right}.
The date is {wrong}. That was a mistake, I mean {right}.
I did not order on {wrong} but on {right}.
The date is not {wrong}, it was on {right}.
It was not {wrong}. The date is {right}.
It was not on {wrong}, I mean {right}.
Not {wrong}, it was on {right}.
Not {wrong}, {right}.
Not {wrong}. It was {right}.
No, not {wrong}, I mean {right}.
Wait, not {wrong}. The date is {right}.
I mean {right}, not {wrong}.
I do not mean {wrong}, I mean {right}.
I said {wrong}, but the date is {right}.
I said {wrong}, it should be {right}.
I said {wrong}. I mean {right}.
I wrote {wrong}, but I mean {right}.
I wrote {wrong}, sorry, it was {right}.
I first wrote {wrong}, but the right date is {right}.
I first said {wrong}, then I saw that the date is {right}.
First I wrote {wrong}. Now I see that it was {right}.
First I thought it was on {wrong}, but now I see it was on {right}.
I thought it was on {wrong}, but it was on {right}.
I made a mistake: not {wrong} but {right}.
I made a mistake. The date is {right}, not {wrong}.
Please forget {wrong}. The date is {right}.
Forget what I said about {wrong}. It was {right}.
The date {wrong} is wrong, {right} is right.
I see now that {wrong} is wrong, {right} is right.
Sorry, {right} is right, {wrong} is wrong.
The right date is {right}, not {wrong}.
Correction: {right}, not {wrong}.
Correction: {right} instead of {wrong}.
My last message said {wrong}, but {right} is right.
My {person} said {wrong}, but the date is {right}.
When I said {wrong}, I meant {right}.
I meant {right} when I wrote {wrong}.
It should have arrived on {wrong}, sorry, on {right}.
I have two orders. The one from {wrong} is fine, I mean the one from {right}.
The order from {wrong} is fine, this is about the one from {right}.""",
    "amount": """I paid {wrong}, sorry, {right}.
It was not {wrong} but {right}.
Not {wrong}, I paid {right}.
You charged {wrong}, no, {right}.
The total was {wrong}, no, {right}.
The price was {wrong}. No, {right}.
The amount is {wrong}. No, wait, {right}.
I was charged {wrong}, sorry, {right}.
The bill says {wrong}, sorry, {right}.
I paid {wrong}. Sorry, {right}.
It cost {wrong}. Sorry, I mean {right}.
The amount is {wrong}, I mean {right}.
I was charged {wrong}. I mean {right}.
The bill says {wrong}, no, I mean {right}.
I paid {wrong}. Wait, it was {right}.
It cost {wrong}, wait, {right}.
You charged {right}, not {wrong}.
The total was {right}, not {wrong}.
The price was {right}. Not {wrong}.
I paid {right}, I do not mean {wrong}.
It cost {right}. Sorry, not {wrong}.
You charged {right}. I first said {wrong}, that was wrong.
The total was {right}, {wrong} was a mistake.
The price was {wrong}. That is wrong, it is {right}.
The amount is {wrong}. That was a mistake, I mean {right}.
The total was not {wrong} but {right}.
The amount is not {wrong}, it is {right}.
It was not {wrong}. It was {right}.
I did not pay {wrong}, I paid {right}.
Not {wrong}, it is {right}.
Not {wrong}, {right}.
Not {wrong}. The amount is {right}.
No, not {wrong}, I mean {right}.
Wait, not {wrong}. It was {right}.
I mean {right}, not {wrong}.
I do not mean {wrong}, I mean {right}.
I said {wrong}, but it was {right}.
I said {wrong}, it should be {right}.
I said {wrong}. I mean {right}.
I wrote {wrong}, but I mean {right}.
I wrote {wrong}, sorry, the amount is {right}.
I first wrote {wrong}, but the right amount is {right}.
I first said {wrong}, then I saw that it was {right}.
First I wrote {wrong}. Now I see that the amount is {right}.
First I thought it was {wrong}, but now I see it is {right}.
I thought it was {wrong}, but it was {right}.
I made a mistake: not {wrong} but {right}.
I made a mistake. The amount is {right}, not {wrong}.
Please forget {wrong}. It was {right}.
Forget what I said about {wrong}. The amount is {right}.
The amount {wrong} is wrong, {right} is right.
{wrong} is wrong, {right} is right.
{right} is right, {wrong} is wrong.
The right amount is {right}, not {wrong}.
Correction: {right}, not {wrong}.
Correction: {right} instead of {wrong}.
My last message said {wrong}, but {right} is right.
My {person} said {wrong}, but it was {right}.
When I said {wrong}, I meant {right}.
I meant {right} when I wrote {wrong}.
I want {wrong} back, no, {right}.
Please refund {wrong}. Sorry, {right}.
I have two bills. The one over {wrong} is fine, I mean the one over {right}.
The {wrong} is fine, the problem is the {right}.""",
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
My email is {email}.
You can call me at {phone}.
Please call me at {phone} after {pm} pm.
Call my {person} at {phone}.
My new phone number is {phone}.
The phone number of my {person} is {phone}.
My phone is {phone}, I am at home until {pm} pm.
My address is {address}.
My {person} lives at {address}.
The address is still {address}.
My new address is {address}.
I moved, my new zip code is {zip}.
The zip code of my {person} is {zip}.
I live in {city}, the zip code is {zip}.
My {person} is {age} years old.
I have been a customer for {n} years.
I have been waiting for {d1} days.
I have waited {n} weeks now.
I have called you {n} times and waited {m} minutes.
I waited {m} minutes on the phone.
I wrote to you {n} times last week.
My {person} called {n} times last week.
I have {n} kids and {n2} chairs at home.
We are {n} people at home.
I work with {num} people.
I live {num} miles from your shop.
I live on floor {n} and have to walk up.
My house is {num2} years old.
I have a house from {year}.
My house was built in {year}.
I have the {year} model at home too.
I was born in {year}.
I have been your customer since {year}.
I am at home from {am} am to {pm} pm.
I called at {am} am and at {pm} pm.
You can call me after {am} am.
My gift card has the number {card}.
The number of my gift card is {card}.
I used the gift card {card} before.
The code {code} did not work.
My code is {code}, it gave me {percent} percent off.
You gave me {percent} percent off last year.
You can write to {email}.
My new email is {email}.
I have {num} points with you.
I have {num} points on my card.
I gave you {n} stars last year."""

ORDERS = """Extract {keys} as JSON.
Return JSON with the keys {keys}.
Give {keys} as JSON, null if missing.
Answer with JSON only: {keys}.
Find {keys} in the message. Answer as JSON.
Write {keys} as JSON. Use null for what is missing.
Your answer is JSON with {keys}.
Extract {keys} from the message as JSON.
Extract the fields {keys} and answer as JSON.
Extract as JSON: {keys}
Extract JSON with {keys} from the text.
From the message, extract {keys} as JSON.
From the text, take the fields {keys} and write JSON.
Read the message and extract {keys} as JSON.
Return {keys} as JSON.
Return only JSON with {keys}.
Return a JSON object with the fields {keys}.
Return JSON only: {keys}
Return the following fields as JSON: {keys}
Return {keys} in one JSON object, nothing else.
Give only {keys}, as JSON.
Give me {keys} as a JSON object.
Give JSON only, with the keys {keys}.
Give the values of {keys} as JSON.
Answer with {keys} as JSON.
Answer in JSON with the fields {keys}. Null is for what is missing.
Answer as JSON. The keys are {keys}.
Answer only with a JSON object: {keys}
Answer with one JSON object that has the keys {keys}.
Answer with nothing else but JSON. Fields: {keys}
Find {keys} in the text and return JSON.
Find the values of {keys} and write them as JSON.
Find the following in the message: {keys}. Answer with JSON only.
Write JSON with these keys: {keys}
Write a JSON object with {keys}, null if missing.
Write only the fields {keys}, as JSON.
Write the values of these fields as JSON: {keys}
Your answer is one JSON object with the keys {keys}.
Your answer has the fields {keys} and is JSON only.
Your answer is JSON only. Keys: {keys}
Your answer has only these keys: {keys}. Write it as JSON.
Read the message. Return {keys} as JSON.
Read what the customer wrote and give {keys} as JSON.
Read the text, then write JSON with the fields {keys}.
Keys: {keys}. Answer with JSON only.
Keys: {keys}. Read the message and return one JSON object.
The keys are {keys}. Write JSON with null for what is missing.
The fields are {keys}. Extract them from the message as JSON.
Fields: {keys}. Return JSON only.
Fields of the JSON object: {keys}
Fields to extract: {keys}. Use null if one is missing. Answer as JSON.
JSON with {keys}, please.
JSON only: {keys}
JSON only, please, with the fields {keys}.
JSON with the keys {keys} and nothing else.
JSON keys: {keys}. Use null if the message has no value.
{keys}: extract these from the message as JSON.
{keys} as JSON, please.
{keys} in one JSON object, null for what is missing.
For each message, return {keys} as JSON.
For each message, write a JSON object with the keys {keys}.
For each text, give these fields as JSON: {keys}
The customer writes and you return JSON: {keys}
The customer writes a message, you extract {keys} as JSON.
Turn the message into JSON with {keys}.
Turn each message into a JSON object. Keys: {keys}
Turn the text into JSON with the keys {keys}, null if missing.
Turn what the customer writes into JSON: {keys}
Use the keys {keys} and answer with JSON.
Use only these keys: {keys}. Answer as JSON.
Use null for what is missing. Return {keys} as JSON.
Use null for missing fields and write JSON with {keys}.
If a value is missing, write null. Extract {keys} as JSON.
If one is missing, use null. The keys of the JSON: {keys}
No text, only JSON with {keys}.
No other text, only a JSON object with the fields {keys}.
Take {keys} from the message and write JSON.
Take these fields from the text: {keys}. Return them as JSON.
The answer is a JSON object. It has the keys {keys}.
The answer has the fields {keys}. It is JSON, null if a value is missing."""

# One field, asked in words; the answer is the bare value.
ONE_FIELD = {
    "order": """What is the order number in the message?
Which order number is in the message?
Which order number does the customer write?
Which order number does the text have?
What order number does the message give?
Answer with the order number only.
Answer only with the order number of the message.
Answer with nothing else but the order number.
Give only the order number.
Give the order number and nothing else.
Give me the order number in the message.
Find the order number.
Find the order number in the text and return it.
Find the order number the customer writes about.
Return the order number.
Return only the order number, no other text.
Return the order number in the message, nothing else.
Write only the order number.
Write the order number from the message.
Extract the order number.
Extract the order number from the message, nothing else.
Read the message and answer with the order number.
Read the text. What is the order number?
Read what the customer writes and give the order number.
Take the order number from the text.
Take only the order number from the message.
Your answer is the order number only.
Your answer is only the order number from the text.
The answer is the order number in the message.
For each message, give the order number.
For each message, write the order number only.
Order number only, no other text.
Which order is the message about? Give its number.
What number does the order have?""",
    "product": """What is the product in the message?
Which product is in the message?
Which product does the customer write?
Which product does the text have?
What product does the message give?
Answer with the product only.
Answer only with the product of the message.
Answer with nothing else but the product.
Give only the product.
Give the product and nothing else.
Give me the product in the message.
Find the product.
Find the product in the text and return it.
Find the product the customer writes about.
Return the product.
Return only the product, no other text.
Return the product in the message, nothing else.
Write only the product.
Write the product from the message.
Extract the product.
Extract the product from the message, nothing else.
Read the message and answer with the product.
Read the text. What is the product?
Read what the customer writes and give the product.
Take the product from the text.
Take only the product from the message.
Your answer is the product only.
Your answer is only the product from the text.
The answer is the product in the message.
For each message, give the product.
For each message, write the product only.
Product only, no other text.
Which product is the message about?
What product does the customer write about?""",
    "date": """What is the date in the message?
Which date is in the message?
Which date does the customer write?
Which date does the text have?
What date does the message give?
Answer with the date only.
Answer only with the date of the message.
Answer with nothing else but the date.
Give only the date.
Give the date and nothing else.
Give me the date in the message.
Find the date.
Find the date in the text and return it.
Find the date the customer writes about.
Return the date.
Return only the date, no other text.
Return the date in the message, nothing else.
Write only the date.
Write the date from the message.
Extract the date.
Extract the date from the message, nothing else.
Read the message and answer with the date.
Read the text. What is the date?
Read what the customer writes and give the date.
Take the date from the text.
Take only the date from the message.
Your answer is the date only.
Your answer is only the date from the text.
The answer is the date in the message.
For each message, give the date.
For each message, write the date only.
Date only, no other text.
On which date was it?
What is the date the customer gives?""",
    "amount": """What is the amount in the message?
Which amount is in the message?
Which amount does the customer write?
Which amount does the text have?
What amount does the message give?
Answer with the amount only.
Answer only with the amount of the message.
Answer with nothing else but the amount.
Give only the amount.
Give the amount and nothing else.
Give me the amount in the message.
Find the amount.
Find the amount in the text and return it.
Find the amount the customer writes about.
Return the amount.
Return only the amount, no other text.
Return the amount in the message, nothing else.
Write only the amount.
Write the amount from the message.
Extract the amount.
Extract the amount from the message, nothing else.
Read the message and answer with the amount.
Read the text. What is the amount?
Read what the customer writes and give the amount.
Take the amount from the text.
Take only the amount from the message.
Your answer is the amount only.
Your answer is only the amount from the text.
The answer is the amount in the message.
For each message, give the amount.
For each message, write the amount only.
Amount only, no other text.
How much money is it about? Give the amount.
What amount does the customer give?""",
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

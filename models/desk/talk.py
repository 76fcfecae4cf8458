"""Conversations, and what is asked after them: a summary and a tag."""

# The customer's opening is a sentence of an intent; the desk then goes on.
DESK_ASKS = """I can help with that. What is your order number?
Sure. Could you give me the order number?
Of course. Which order is it?
I am sorry to hear that. What is the order number?
Let me check. May I have your order number?
Thank you for writing. What is your order number?"""

CUSTOMER_GIVES = """It is {order}.
The order number is {order}.
Order {order}.
Sure, {order}.
My order number is {order}.
Here it is: {order}.
It should be {order}."""

CUSTOMER_CORRECTS = """It is {wrong_order}. Sorry, {order}.
{wrong_order}. No, I mean {order}.
Order {wrong_order}, wait, that is an old one. It is {order}.
Not {wrong_order}, that one is fine. It is {order}.
I have two orders, {wrong_order} and {order}. This is about {order}."""

DESK_ASKS_PRODUCT = """Thank you. Which product is it about?
Thanks. Which item do you mean?
Got it. What product is it?
I found the order. Which item is it?"""

CUSTOMER_PRODUCT = """The {product}.
It is the {product}.
I mean the {product}.
It is about the {product}.
The {product}, please."""

CUSTOMER_PRODUCT_CORRECTS = """The {other}. Sorry, the {product}.
Not the {other}, the {product}.
The {other} is fine. It is the {product}.
I bought the {other} too, but this is about the {product}."""

DESK_SOLVES = """I have taken care of it. It is done.
That is done now.
I fixed this for you just now.
All set, it is done.
It is solved, you will get an email.
I took care of that for you.
Good news, this is solved now."""

DESK_OPEN = """We are looking into it and will write to you.
I need to check this. We will come back to you tomorrow.
Our team is checking this. Please wait a few days.
We can't say yet. We will let you know.
I am still waiting for an answer from our store.
This will take some time. We will write to you."""

DESK_ESCALATES = """I will pass this on to my manager.
A manager will call you.
I have given this to our manager.
This goes to our special team, they will call you.
I am passing you on to a manager now.
My manager will take over from here."""

DESK_REFUSES = """I am sorry, we can't do that.
Sorry, that is not possible.
Unfortunately we can't offer that.
I am afraid this is not possible.
We are not able to do that, sorry."""

RESULTS = {"solved": "desk_solves", "open": "desk_open", "escalated": "desk_escalates", "refused": "desk_refuses"}

# What the customer says at the end, by satisfaction.
CLOSINGS = {
    1: """This is the worst service ever.
I am furious. Never again.
Terrible. I will never buy here again.
This is a disgrace, I am very angry.
Unbelievable, what a terrible shop.
I am so angry. You lost a customer.
Horrible service, one star.
I hate this shop.""",
    2: """I am not happy with this.
That is disappointing.
I expected more from you.
This took too long. I am not pleased.
Not good. I hoped for a better answer.
I am a bit annoyed.
That does not really help me.
I am disappointed.""",
    3: """Okay.
Fine, I will wait.
All right.
Okay, then I know.
Fine.
I see, okay.
Well, that will do.
Okay, let us see.""",
    4: """Thank you, that helps.
Good, thanks for the help.
Thanks, that is good to know.
Nice, thank you.
Thank you, that was quick.
Good answer, thanks.
That helps, thank you.
I am happy with that, thanks.""",
    5: """Wow, you are the best, thank you so much!
Perfect, I love this shop!
Amazing service, thank you so much!
Fantastic, five stars!
That is wonderful, you made my day!
Excellent! Best service ever!
I am so happy, this is perfect!
Great, great, great! Thank you so much!""",
}

# Two moods: the last one counts.
MIXED = """At first I thought: {first} But now: {last}
Yesterday I would have said: {first} Today I say: {last}
My {person} says: {first} I say: {last}
I wanted to write: {first} But honestly: {last}
Last time it was: {first} This time: {last}
Before this talk: {first} Now: {last}"""

DESK_ASKS_MOOD = """Is there anything else?
Can I do anything else for you?
Is that okay for you?
Are you happy with that?
How was our service today?"""

SUMMARY_ORDERS = """Summarize the conversation.
Write the one-line summary.
Give the summary in one line.
Please summarize this conversation.
Write a summary of the conversation.
Now the summary, please."""
SUMMARY_RULE = """A summary is one line: intent; order; product; result.
Summaries have this form: intent; order; product; result.
Summary form: intent; order; product; result.
Write summaries as intent; order; product; result."""

TAG_ORDERS = """Rate the satisfaction from 1 to 5.
Give the satisfaction tag.
How satisfied is the customer, from 1 to 5?
Satisfaction from 1 to 5?
Tag the satisfaction of the customer.
Now the satisfaction tag, please."""
TAG_RULE = """The satisfaction tag is a number from 1 to 5.
Tag the satisfaction with one number from 1 to 5.
A satisfaction tag goes from 1 (angry) to 5 (delighted)."""

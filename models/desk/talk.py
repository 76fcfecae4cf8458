"""Conversations, and what is asked after them: a summary and a tag."""

# The customer's opening is a sentence of an intent; the desk then goes on.
DESK_ASKS = """I can help with that. What is your order number?
Sure. Could you give me the order number?
Of course. Which order is it?
I am sorry to hear that. What is the order number?
Let me check. May I have your order number?
Thank you for writing. What is your order number?
I can help you. What is the order number?
Sure. May I have the order number?
Sure, I can check that. Which order is it?
Of course. Could you tell me the order number?
Of course, let me look. What is your order number?
I am sorry. Which order is it about?
I am sorry about that. Could you give me the order number?
Let me look at it. Which order do you mean?
Let me help you. Please give me your order number.
Thank you for your message. Which order is it about?
Thanks for writing. May I have your order number?
Hello. Please tell me the order number.
Hello, I can help you. Which order number do you have?
I need your order number first, please.
To check this I need the order number.
To help you I need your order number.
Please tell me your order number first.
Please give me the order number and I will look.
Which order do you mean? I need the number.
Do you have the order number?
What order number do you have? I will check it.
Got it. What is the number of the order?"""

CUSTOMER_GIVES = """It is {order}.
The order number is {order}.
Order {order}.
Sure, {order}.
My order number is {order}.
Here it is: {order}.
It should be {order}.
It is order {order}.
It is number {order}.
That is order {order}.
That is {order}.
The number is {order}.
The order number is {order}, I think.
My order is {order}.
My order has the number {order}.
My number is {order}.
Sure, it is {order}.
Sure, the order number is {order}.
Here is my order number: {order}.
Here you go: {order}.
I have it here: {order}.
I found it: {order}.
I mean order {order}.
I think it is {order}.
It says {order}.
It says order {order} here.
My email says order {order}.
Order number {order}.
The order is {order}.
This is about order {order}.
Yes, {order}.
Yes, the number is {order}."""

CUSTOMER_CORRECTS = """It is {wrong_order}. Sorry, {order}.
{wrong_order}. No, I mean {order}.
Order {wrong_order}, wait, that is an old one. It is {order}.
Not {wrong_order}, that one is fine. It is {order}.
I have two orders, {wrong_order} and {order}. This is about {order}.
It is {wrong_order}. No, sorry, it is {order}.
It is {wrong_order}. Wait, that is wrong. It is {order}.
It is not {wrong_order}, it is {order}.
It is not order {wrong_order} but order {order}.
Order {wrong_order}. Sorry, I mean order {order}.
Order {wrong_order}. No, that one is fine. It is order {order}.
My order is {wrong_order}. No, it is {order}.
My order number is {wrong_order}. Sorry, that is an old one. It is {order}.
The number is {wrong_order}. No wait, the number is {order}.
The order number is {order}, not {wrong_order}.
{order}, not {wrong_order}.
{order}. My other order {wrong_order} is fine.
Order {order}. I have order {wrong_order} too, but that one is fine.
Order {order}, and not {wrong_order}.
I mean order {order}, not order {wrong_order}.
I have {wrong_order} and {order}. It is about {order}.
I have two orders. It is {order}, the other one is {wrong_order}.
I have an old order {wrong_order}, but this is about order {order}.
I wrote about {wrong_order} before. Now it is about {order}.
I thought it was {wrong_order}, but it is {order}.
I said {wrong_order} on the phone, but it is {order}.
First I had order {wrong_order}, that is done. This is {order}.
Not order {wrong_order}. I mean {order}.
Forget {wrong_order}, it is {order}.
My {person} has order {wrong_order}. Mine is {order}."""

DESK_ASKS_PRODUCT = """Thank you. Which product is it about?
Thanks. Which item do you mean?
Got it. What product is it?
Thank you. Which item do you mean?
Thank you. What item is it about?
Thank you. Which product do you mean?
Thanks. What product is it?
Thanks, I see it. Which item is it about?
Thanks. Which product is this about?
Got it. Which item do you mean?
Got it, thanks. Which item is it?
Okay. Which product is it?
Okay, and which item is it about?
Okay. Could you tell me the product?
Sure. Which product do you mean?
Sure. What item do you mean?
Let me look. Which item is it?
Let me check. Which product is it about?
Please tell me which item it is.
Please tell me which product you mean.
And which product is it?
And which item is it about?
And what is the product?
One more question: which product is it about?
One more question: which item do you mean?
I need to know which product it is.
May I ask which item it is?"""

CUSTOMER_PRODUCT = """The {product}.
It is the {product}.
I mean the {product}.
It is about the {product}.
The {product}, please.
The {product}, thanks.
It is about the {product}, please.
It is just the {product}.
That is the {product}.
That would be the {product}.
This is about the {product}.
This is the {product}.
I think it is the {product}.
I mean the {product}, please.
I mean {a_product}.
It is {a_product}.
It is my {product}.
My {product}.
Sure, the {product}.
Sure, it is the {product}.
Just the {product}.
Only the {product}.
The item is the {product}.
The product is the {product}.
The item is {a_product}.
Well, the {product}.
Well, it is about the {product}.
Yes, it is the {product}.
I am writing about the {product}.
I talk about the {product}."""

CUSTOMER_PRODUCT_CORRECTS = """The {other}. Sorry, the {product}.
Not the {other}, the {product}.
The {other} is fine. It is the {product}.
I bought the {other} too, but this is about the {product}.
The {other}. No, I mean the {product}.
The {other}. No, wait, the {product}.
The {other}. Sorry, I mean the {product}.
It is the {other}. No, it is the {product}.
It is the {other}. Sorry, wrong one. It is the {product}.
It is not the {other}, it is the {product}.
It is not the {other} but the {product}.
It is the {product}, not the {other}.
The {product}, not the {other}.
The {product}. My {other} is fine.
The {product}. The {other} is fine.
I mean the {product}, not the {other}.
I mean the {product}, and not the {other}.
I bought the {other} and the {product}. It is about the {product}.
I have the {other} too, but it is about the {product}.
I have two items, but the {other} is fine. It is the {product}.
I thought it was the {other}, but it is the {product}.
I said the {other}, but I mean the {product}.
Forget the {other}, it is the {product}.
First I had the {other}, but this is about the {product}.
My {person} has the {other}. I mean the {product}.
Not the {other}, that one is fine. It is the {product}.
I wrote about the {other} before. Now it is about the {product}.
Only the {product}. I keep the {other}."""

DESK_SOLVES = """I have taken care of it. It is done.
That is done now.
I fixed this for you just now.
All set, it is done.
It is solved, you will get an email.
I took care of that for you.
Good news, this is solved now.
I did that for you. It is done.
I did it just now, it is all done.
I have done that for you.
I have fixed it for you.
I have fixed that. All is done now.
I have solved this for you.
I took care of it. All is done.
I took care of this just now.
It is done, you will get an email.
It is all done now.
It is fixed now.
It is all set now.
All done. You do not need to do more.
All done, I took care of it.
All set. I fixed it for you.
Done. I took care of it.
Good news, it is done.
Good news, I fixed it for you.
That is solved now.
That is fixed now, you do not need to do more.
This is done. You will get an email soon.
This is fixed now.
We have solved it for you.
We have taken care of it, all is done.
We fixed it just now.
You are all set, it is done.
You do not need to do more, it is solved."""

DESK_OPEN = """We are looking into it and will write to you.
I need to check this. We will come back to you tomorrow.
Our team is checking this. Please wait a few days.
We can't say yet. We will let you know.
I am still waiting for an answer from our store.
This will take some time. We will write to you.
I am checking this and will write to you.
I am still checking this. Please wait a little.
I am still looking into it.
I am waiting for an answer from our team.
I can't say yet. I will let you know.
I do not know yet. I need to check.
I do not know yet, we are still checking.
I need more time for this. I will write to you.
I need to ask our store and will write to you.
I will check this and come back to you.
I will look into it and let you know.
It is still open. We will let you know.
It is not done yet, we need a few more days.
It will take a few days. Please wait.
It will take some more time to check this.
Our store is still looking into it.
Our team needs some time. We will let you know.
Our team is looking into this and will write to you.
Please give us a few days to check this.
Please wait a few days, we are looking into it.
This is still open, I will come back to you.
This is not solved yet. We are checking it.
We are still checking this.
We are still waiting for an answer.
We do not know yet. Please wait until tomorrow.
We need a few days to look into it.
We need to check that and will come back to you."""

DESK_ESCALATES = """I will pass this on to my manager.
A manager will call you.
I have given this to our manager.
This goes to our special team, they will call you.
I am passing you on to a manager now.
My manager will take over from here.
I will give this to my manager now.
I am passing this on to a manager.
I am passing this on to our special team.
I ask my manager to take over.
I have asked a manager to call you.
I have asked my manager to take this over.
I have passed this on to a manager.
I have passed you on to our special team.
I have to give this to my manager.
I have to pass this on to our special team.
I will give this to a manager, who will call you.
I will give your case to our special team.
I will let my manager take over.
I will pass your case on to a manager.
Let me pass you on to a manager.
Let me pass this on to our special team.
My manager takes care of this from here.
My manager will call you about this.
My manager will look into your case.
A manager takes over from here.
A manager will take over your case.
A manager will write to you about this.
Our manager takes over now.
Our manager will call you.
Our special team takes over from here.
Our special team will call you about this case.
This case goes to my manager now.
This goes to a manager now.
Your case goes to our manager."""

DESK_REFUSES = """I am sorry, we can't do that.
Sorry, that is not possible.
Unfortunately we can't offer that.
I am afraid this is not possible.
We are not able to do that, sorry.
I am afraid I can't do that.
I am afraid the answer is no.
I am afraid we can't do this.
I am sorry, but that is not possible.
I am sorry, but the answer is no.
I am sorry, but I can't offer that.
I am sorry, we are not able to offer that.
I can't do that, sorry.
I have to say no, I am sorry.
No, sorry, that is not possible here.
No, we can't do that.
No, unfortunately that is not possible.
Our rules say no, I am sorry.
Our rules do not allow that.
Sorry, I can't do that.
Sorry, our rules do not allow this.
Sorry, we are not able to do this.
Sorry, we have to say no.
That is against our rules, sorry.
This is against our rules, so we can't do it.
This is not possible, I am sorry.
Unfortunately I have to say no.
Unfortunately our rules do not allow that.
Unfortunately that is not possible.
We can't do this for you, sorry.
We do not offer that, I am sorry.
We do not offer this.
We have to say no to that."""

RESULTS = {"solved": "desk_solves", "open": "desk_open", "escalated": "desk_escalates", "refused": "desk_refuses"}

# What the customer says at the end, by satisfaction. Nothing here says how the matter ended.
CLOSINGS = {
    1: """This is the worst service ever.
I am furious. Never again.
Terrible. I will never buy here again.
This is a disgrace, I am very angry.
Unbelievable, what a terrible shop.
I am so angry. You lost a customer.
Horrible service, one star.
I hate this shop.
I am furious.
I am furious about this.
I am furious and I will never buy here again.
I am so angry about this.
I am very angry. Never again.
I am very angry about this terrible service.
I hate this shop and will never come back.
I hate this service.
I hate it. This is the worst shop ever.
I will never buy from you again.
I will never come back to this terrible shop.
I will tell everyone how horrible this shop is.
I have never seen such horrible service.
I have never seen a shop as terrible as this.
Never again!
Never again. This is the worst shop ever.
Never again, you are horrible.
Horrible. I am furious.
Horrible shop, I hate it.
Terrible, terrible, terrible.
Terrible service. I am so angry!
The worst shop ever, one star.
The worst service that I have ever seen!
This is a disgrace.
This is a disgrace! I will never come back.
This is horrible. You lost a customer.
This is terrible service and I am furious.
This is the worst! Never again.
This is unbelievable. I am so angry!
Unbelievable! I am furious.
Unbelievable, what horrible service.
What a disgrace! One star.
What a terrible shop! I hate it.
What horrible service! Never again.
You are the worst shop ever.
You lost a customer. Never again.
You should be ashamed, this is a disgrace.
Be ashamed! I am so angry.
One star, and that is too much for this terrible shop.""",
    2: """I am not happy with this.
That is disappointing.
I expected more from you.
This took too long. I am not pleased.
Not good. I hoped for a better answer.
I am a bit annoyed.
That does not really help me.
I am disappointed.
I am not happy.
I am not happy about this answer.
I am not happy with this answer.
I am not pleased.
I am not pleased with your service.
I am not satisfied.
I am not satisfied with this answer.
I am a bit disappointed.
I am a bit annoyed about this.
I am annoyed.
I am disappointed, I expected more.
I am disappointed with this service.
I am annoyed about this answer.
I expected a better answer.
I expected better service.
I expected more help.
I hoped for more.
I hoped for more help from you.
I hoped for a better service.
It took too long, that is annoying.
It took too long and I am not satisfied.
Not good, I expected more.
Not what I hoped for.
Not what I expected.
That is annoying.
That is not good enough.
That is not what I hoped for.
That is not really good.
That is a pity, I expected more.
That was not good service.
That was not much help.
This does not help me.
This does not help me much.
This is annoying, it took too long.
This is disappointing.
This is not good enough for me.
This is not what I expected.
What a pity. I hoped for more.
Your answer does not help me.
Your service was not good this time.
You could do better.""",
    3: """Okay.
All right.
Okay, then I know.
Fine.
I see, okay.
Well, that will do.
Okay, let us see.
Okay then.
Okay, I see.
Okay, that will do.
Okay, if you say so.
Okay, I know now.
Okay, it is what it is.
Okay. It was neither good nor bad.
Okay, fine.
All right, I see.
All right then.
All right, let us see.
All right, so be it.
All right, if you say so.
Fine, if you say so.
Fine, so be it.
Fine then.
Fine, I know now.
I see.
I see. All right.
I see, so be it.
I have no more questions.
I have no opinion about it.
It is okay.
It is what it is.
It is all right.
It was okay, not more and not less.
It was neither good nor bad.
Let us see.
Let us see how it goes.
Neither good nor bad.
No opinion.
Not more and not less than I thought.
So be it.
That is okay.
That is all right.
That will do.
That is all I wanted to know.
Well, okay.
Well, all right.
Well, let us see.
Well, so be it.""",
    4: """Thank you, that helps.
Good, thanks for the help.
Thanks, that is good to know.
Nice, thank you.
Thank you, that was quick.
Good answer, thanks.
That helps, thank you.
I am happy with that, thanks.
Good, thank you.
Good, thanks.
Good, that helps.
Good to know, thank you.
Good service, thank you.
Good help, thanks.
Glad to hear that, thanks.
Happy with that, thank you.
I am glad, thank you.
I am glad about your help.
I am happy with your answer.
I am happy with your help, thank you.
I am pleased, thank you.
I am pleased with your answer.
I am satisfied, thanks.
I am satisfied with your help.
I like your answer, thank you.
Nice, that helps.
Nice, thanks for your help.
Nice service, thanks.
Nice to hear, thank you.
Thank you, good answer.
Thank you, I am glad.
Thank you, that is good news.
Thank you, that is nice.
Thank you for the help.
Thank you for the quick answer.
Thanks, I am happy with that.
Thanks, I am pleased.
Thanks, nice service.
Thanks, that helps me.
Thanks for your quick help.
Thanks, that was quick and good.
That is nice, thank you.
That is good, I am satisfied.
That was quick, thank you.
That was good help, thanks.
You helped me, thank you.
You helped me well, thanks.""",
    5: """Wow, you are the best, thank you so much!
Perfect, I love this shop!
Amazing service, thank you so much!
Fantastic, five stars!
That is wonderful, you made my day!
Excellent! Best service ever!
I am so happy, this is perfect!
Great, great, great! Thank you so much!
Amazing! I love it.
Amazing, you are the best!
Amazing! Thank you so much!
Amazing shop, I love it!
Best shop ever!
Best service ever, thank you so much!
Excellent service, I love it!
Excellent! I am so happy!
Excellent, you are wonderful!
Fantastic! Thank you so much!
Fantastic service, you are the best!
Fantastic, you made my day!
Five stars for you!
Five stars! You are amazing!
I am so happy! Thank you so much!
I am so happy, you made my day!
I am so happy with this wonderful shop!
I could not be happier!
I could not be happier, five stars!
I love it! Thank you so much!
I love you all, you are the best!
I love this service!
I will tell everyone how wonderful you are!
I will tell everyone that this is the best shop ever!
Perfect! You are the best!
Perfect, perfect, perfect!
Perfect service, five stars!
That is amazing, I love it!
That is fantastic! You are wonderful!
That is perfect, thank you so much!
The best service ever! I love it!
The best shop that I have ever seen!
What a wonderful shop! I love it!
What an amazing service!
What a perfect answer, I am so happy!
Wonderful! Thank you so much!
Wonderful, you are amazing!
Wow! Best shop ever!
Wow, that is amazing!
Wow, wonderful service, five stars!
You are the best, I love this shop!
You made my day! Thank you so much!""",
}

# Two moods: the one that the customer has now counts.
MIXED = """At first I thought: {first} But now: {last}
Yesterday I would have said: {first} Today I say: {last}
My {person} says: {first} I say: {last}
I wanted to write: {first} But honestly: {last}
Last time it was: {first} This time: {last}
Before this talk: {first} Now: {last}
At first I said: {first} Now I say: {last}
At first I wanted to write: {first} But now I write: {last}
Before: {first} Now: {last}
Before this I would have said: {first} But now: {last}
Last week I said: {first} Today I say: {last}
Last week I would have written: {first} But today: {last}
Last year I wrote: {first} Now I write: {last}
Last time I said: {first} But this time: {last}
I thought: {first} But I was wrong: {last}
I thought that I would say: {first} But I say: {last}
I said to my {person}: {first} But that was before. Now: {last}
I told my {person}: {first} Now I have to say: {last}
I wanted to say: {first} But I have to say: {last}
I would have said: {first} But honestly: {last}
My {person} said: {first} But I say: {last}
My {person} wrote to you: {first} But I write: {last}
My {person} would say: {first} I would say: {last}
Others may say: {first} I say: {last}
Other customers write: {first} But I write: {last}
Your other customers say: {first} For me it is: {last}
Yesterday I said: {first} But that was yesterday. Now: {last}
Yesterday I wrote: {first} Today: {last}
{last} Yesterday I still said: {first}
{last} And before this talk I thought: {first}
{last} My {person} would say: {first} But I do not.
{last} Last time I had to say: {first}
{last} At first I wanted to write: {first}
{last} I no longer say: {first}
I do not say: {first} I say: {last}
I no longer think: {first} Now I think: {last}"""

# Said beside a closing; no mood in it.
DETAILS = """I live in {city}.
I am at home now.
I am at work now.
I have to go now.
I have to go back to work.
I wrote to you from {city}.
I am in {city} today.
I go to {city} on {weekday}.
I am home again on {weekday}.
I will be at home on {weekday}.
I will be in {city} next week.
I will tell my {person}.
I will show this to my {person}.
I have to call my {person} now.
My {person} will ask me about it.
My {person} is here with me.
My {person} and I live in {city}.
My {person} lives in {city}.
My {person} also shops here.
It is for my {person}.
It was for the {event} of my {person}.
The {event} is on {weekday}.
We are in {city} until {weekday}.
We have a dog and two kids.
So much for today.
That was my question.
That was it from me."""

DESK_ASKS_MOOD = """Is there anything else?
Can I do anything else for you?
Is that okay for you?
Are you happy with that?
How was our service today?
Is there anything else I can do?
Is there anything else you need?
Is that all for today?
Is that what you needed?
Is this okay for you?
Is this answer okay for you?
Are you happy with our service?
Are you happy with this answer?
Are you satisfied with our service?
Are you satisfied with that?
Can I help you with anything else?
Can I do more for you today?
Do you have any other questions?
Do you need anything else?
Does that help you?
Does this answer your question?
How do you like our service?
How was our help today?
How was this talk for you?
How happy are you with our answer?
How satisfied are you with our service?
May I ask how our service was?
Please tell us how our service was.
What do you think about our service?
What do you say about our service today?"""

SUMMARY_ORDERS = """Summarize the conversation.
Write the one-line summary.
Give the summary in one line.
Please summarize this conversation.
Write a summary of the conversation.
Now the summary, please.
Summarize the conversation in one line.
Summarize this conversation.
Summarize this, please.
Summarize the talk above in one line.
Please summarize the conversation in one line.
Please write the summary now.
Please give me the summary of this conversation.
Please give a one-line summary.
Please write one line that summarizes the conversation.
Write the summary of the conversation.
Write the summary in one line.
Write a one-line summary of this conversation.
Write one line that summarizes this talk.
Give a summary of the conversation.
Give me the one-line summary.
Give the one-line summary of this talk.
Give me a summary, please.
Now summarize the conversation.
Now summarize this in one line, please.
Now write the summary.
Now give me the summary of the conversation.
Make a one-line summary of the conversation.
Make a summary of this talk.
I need the summary of this conversation.
I need a one-line summary, please.
What is the summary of the conversation?
What is the one-line summary?
Can you summarize the conversation?
Can you give me the summary?
Your summary of the conversation, please.
The summary of this conversation, please.
One-line summary, please."""
SUMMARY_RULE = """A summary is one line: intent; order; product; result.
Summaries have this form: intent; order; product; result.
Summary form: intent; order; product; result.
Write summaries as intent; order; product; result.
A summary has four parts in one line: intent; order; product; result.
A summary has this form: intent; order; product; result.
A summary is one line with four parts: intent; order; product; result.
A summary says intent; order; product; result.
A summary is written as intent; order; product; result.
All summaries have one line: intent; order; product; result.
All summaries have the form intent; order; product; result.
Each summary is one line: intent; order; product; result.
Each summary has four parts: intent; order; product; result.
Each summary says in one line: intent; order; product; result.
Every summary has this form: intent; order; product; result.
Every summary is written in one line as intent; order; product; result.
Give each summary as intent; order; product; result.
Give summaries in one line: intent; order; product; result.
Give summaries in the form intent; order; product; result.
Summaries are one line: intent; order; product; result.
Summaries are written as intent; order; product; result.
Summaries have four parts: intent; order; product; result.
Summaries say intent; order; product; result, in this order.
Summarize in the form intent; order; product; result.
Summarize in one line: intent; order; product; result.
Summarize each conversation as intent; order; product; result.
The form of a summary is intent; order; product; result.
The summary is one line: intent; order; product; result.
The summary has four parts: intent; order; product; result.
The parts of a summary are intent; order; product; result.
Write a summary in one line: intent; order; product; result.
Write each summary in the form intent; order; product; result.
Write every summary as one line: intent; order; product; result.
Write none for a missing part. Summary form: intent; order; product; result.
A missing part is none. A summary is intent; order; product; result."""

TAG_ORDERS = """Rate the satisfaction from 1 to 5.
Give the satisfaction tag.
How satisfied is the customer, from 1 to 5?
Satisfaction from 1 to 5?
Tag the satisfaction of the customer.
Now the satisfaction tag, please.
Rate the satisfaction of the customer from 1 to 5.
Rate the customer's satisfaction.
Rate from 1 to 5 how satisfied the customer is.
Rate the satisfaction at the end.
Please rate the satisfaction from 1 to 5.
Please rate how satisfied the customer is at the end.
Please give the satisfaction tag.
Please give me the satisfaction from 1 to 5.
Please tag the customer's satisfaction.
Give the satisfaction tag, from 1 to 5.
Give me the satisfaction tag for this conversation.
Give the tag for the customer's satisfaction.
Give a number from 1 to 5 for the satisfaction.
Tag the customer's satisfaction from 1 to 5.
Tag the satisfaction at the end.
Tag how satisfied the customer is.
Tag this conversation with the satisfaction.
Now tag the satisfaction.
Now rate the satisfaction of the customer.
Now give the satisfaction from 1 to 5.
How satisfied is the customer?
How satisfied is the customer at the end, from 1 to 5?
How satisfied is this customer? Give the tag.
What is the satisfaction tag?
What is the satisfaction of the customer at the end?
Which satisfaction tag does this conversation get?
Which number from 1 to 5 is the satisfaction?
I need the satisfaction tag.
I need the customer's satisfaction from 1 to 5.
The satisfaction tag, please.
Satisfaction tag, please, from 1 to 5."""
TAG_RULE = """The satisfaction tag is a number from 1 to 5.
Tag the satisfaction with one number from 1 to 5.
A satisfaction tag goes from 1 (angry) to 5 (delighted).
A satisfaction tag is one number from 1 to 5.
A satisfaction tag is a number: 1 is angry and 5 is delighted.
A satisfaction tag says how satisfied the customer is at the end, from 1 to 5.
A tag is one number from 1 (angry) to 5 (delighted).
A tag rates the customer's satisfaction at the end from 1 to 5.
Each satisfaction tag is one number from 1 to 5.
Each tag is a number from 1 (angry) to 5 (delighted).
Give satisfaction tags as one number from 1 to 5.
Give the satisfaction at the end as a number from 1 to 5.
Give the satisfaction tag as one number, 1 is angry, 5 is delighted.
One number tags the satisfaction, from 1 to 5.
One number from 1 to 5 says how satisfied the customer is at the end.
Rate the customer's satisfaction at the end with one number from 1 to 5.
Rate the satisfaction from 1 (angry) to 5 (delighted).
Rate the satisfaction with a number, 1 is angry, 5 is delighted.
Satisfaction goes from 1 (angry) to 5 (delighted).
Satisfaction is one number: 1 is angry, 3 is neutral, 5 is delighted.
Satisfaction tags are one number from 1 to 5.
Satisfaction tags go from 1 to 5: 1 is angry, 3 is neutral, 5 is delighted.
Satisfaction tags say how satisfied the customer is at the end.
Say with one number from 1 to 5 how satisfied the customer is.
Say the satisfaction at the end as one number from 1 to 5.
Tag how satisfied the customer is at the end, from 1 to 5.
Tag each conversation with a number from 1 (angry) to 5 (delighted).
Tag the customer's satisfaction with a number, 3 is neutral.
The satisfaction tag goes from 1 to 5 and is one number.
The satisfaction tag is 1 for angry and 5 for delighted.
The satisfaction tag rates the end of the conversation from 1 to 5.
The tag is one number, from 1 (angry) to 5 (delighted).
The tag says how satisfied the customer is at the end of the conversation."""

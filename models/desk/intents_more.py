"""More ways to say the forty intents; the same form as intents.py."""

MORE = {
    "order_status": {
        "say": """[Is|Was] my order [confirmed|processed] yet?
What is [going on|happening] with [my order|order {order}]?
[Could|Can] you [tell me|look up] the status of [my order|order {order}]?
I [have not heard|hear nothing] about [my order|order {order}]. What is its status?
Is order {order} still [being processed|open]?
I want to [check|see] the status of [my order|order {order}].
How far is [my order|order {order}]?
Do you have any [news|information] on [my order|order {order}]?
Order {order}: what is its status?
Is [my order|order {order}] [already|] [confirmed|processed]?
Please [tell me|let me know] [how my order is going|the status of my order].
Has [order {order}|the order from {date}] gone through?
I [placed|made] an order on {date}. [Was it confirmed|Has it been processed]?
Status of order {order}, please.
I [placed|made] order {order} [last week|on {date}], is it [confirmed|processed] yet?
Did you [get|receive|process] my order [from {date}|{order}]?
I got no confirmation for [my order|order {order}]. Did it go through?
What does the status of [my order|order {order}] mean?
My order for the {product} is [still|] open. [What is its status|Is it being processed]?
Are you [still|already] [processing|working on] [my order|order {order}]?
Is there [any|] news on [the order for the {product}|my order]?
Please look up [my order|order {order}] and tell me [its|the] status.
I [would like|want] [news|information] on order {order}.
The status of order {order} [has not changed|still says open]. Is it being processed?
Can you confirm that [order {order}|my order] went through?
I have no confirmation yet, was [my order|order {order}] [processed|received]?
[Let me know|Tell me] if order {order} [was confirmed|went through], please.
How far along is [the order for the {product}|order {order}]?
Is everything [okay|right] with [my order|order {order}]?
I just want to know [the status of my order|how my order is going].
[Could|Can] someone [check|look up] the status of [my order|order {order}]?
I wonder what the status of [my order|order {order}] is.
My order is from {date}. How is it going?
Does [order {order}|my order] have a new status?
I hear no news about order {order}. Did you receive it?""",
        "want": """see the status of order {order}
get news about my order
hear how my order is going
find out the status of order {order}
find out if my order was processed
check if order {order} went through
check if my order was confirmed
see if order {order} is confirmed
see how far my order is
get the status of order {order}
get a confirmation for my order
hear if order {order} was processed
hear news about order {order}
look up the status of my order
look up order {order}
know how far order {order} is
know if you received my order
ask how my order is going
ask for the status of order {order}
find out how far order {order} is
have the status of my order checked
get information on the status of my order""",
        "thing": """how my order is going
news on order {order}
the status of the order for the {product}
whether my order was confirmed
whether order {order} went through
the confirmation of order {order}
news on my order
how far order {order} is
if my order was processed
information on the status of my order""",
    },
    "cancel_order": {
        "say": """[Can|Could] you [cancel|stop] [my order|order {order}] [for me|]?
[Please stop|Stop] order {order}, I [changed my mind|do not need it anymore].
I no longer want [my order|order {order}|the {product}], [please cancel it|cancel it please].
I need to cancel [my order|the order for the {product}].
Is it still possible to cancel [order {order}|my order]?
My order was a mistake. [Please cancel it|Cancel it].
I have to cancel [order {order}|what I ordered on {date}].
How can I cancel [my order|the {product}]?
Order {order}: please [cancel|stop] it.
[Please cancel|Cancel] everything I ordered on {date}.
I do not want [order {order}|the order] anymore, [please|] cancel it.
Can the order for the {product} [still|] be canceled?
Can [my order|order {order}] be [canceled|stopped] before it ships?
I need order {order} [canceled|stopped] today.
Is it possible to stop [my order|order {order}]?
My {person} already bought {a_product}, so please cancel [my order|order {order}].
I found out that I do not need the {product}. [Cancel the order|Please cancel order {order}].
Do not ship [my order|order {order}], I want to cancel it.
Please do not send the {product}, I [cancel|am canceling] my order.
What do I have to do to cancel [my order|order {order}]?
Where can I cancel [an order|my order|order {order}]?
I [ordered|bought] the {product} by mistake. [How do I cancel|Please cancel] that order?
Has [order {order}|my order] been canceled [yet|as I asked|]?
I asked you to cancel order {order}. Was it [canceled|stopped]?
I ordered [two times|twice] by mistake, please cancel order {order}.
[Kindly|Please] stop the order for the {product} before you ship it.
Cancel [the order|my order] from {date}, I [changed my mind|no longer need it].
[We|I] no longer need the {product}, [cancel|stop] the order.
Until when can I cancel [an order|my order]?
I would like you to [cancel|stop] order {order}.
It was a mistake to order the {product}. Can you cancel [it|that]?
I want out of [my order|order {order}], please cancel it.
Confirm the cancellation of [order {order}|my order], please.
I want to [cancel|stop] the order I made [on {date}|today].
Cancellation of order {order}, please.""",
        "want": """cancel everything I ordered
take back my order before it ships
cancel the order for the {product}
cancel the whole order
cancel what I ordered on {date}
cancel my order before it ships
cancel order {order} before it ships
have order {order} canceled
have my order canceled today
have my order stopped
stop order {order}
stop the order for the {product}
get my order canceled
ask you to cancel my order
ask for the cancellation of order {order}
tell you to stop order {order}
cancel an order I do not need anymore
cancel an order I made by mistake
know if I can still cancel my order
find out how to cancel order {order}
get a confirmation of the cancellation""",
        "thing": """an order I want to cancel
how to cancel order {order}
the cancellation of my order
the cancellation of the order for the {product}
canceling order {order}
canceling the order from {date}
stopping my order before it ships
an order I made by mistake and want to cancel
how I can cancel my order
whether I can still cancel order {order}""",
    },
    "change_order": {
        "say": """[Can|Could] I [change|edit] [my order|order {order}]?
I [want|would like] to add {a_product} to [my order|order {order}].
Please [change|edit] the [size|color|quantity] in [my order|order {order}].
I need [two|three] of the {product} in my order, not one. Please change that.
I [forgot|want] to add {a_product} to order {order}.
Is it possible to add [another item|{a_product}] to my order?
I chose the wrong [size|color] in order {order}, please change it.
Make it [two|three] of the {product} in order {order}, please.
Order {order}: please [add {a_product}|change the quantity].
Can you add {a_product} to order {order}?
I want to change the [quantity|size|color] of the {product} in my order.
[Please make|Make] it [two|three|four] instead of one in order {order}.
Is it [still|] possible to [edit|change] [my order|order {order}]?
Can I take [an item|one item|the {product}] off [my order|order {order}] and keep the rest?
Before you ship order {order}, [add|please add] {a_product} to it.
I forgot an item, can I add [it|{a_product}] to order {order}?
Where can I [edit|change] [an order|my order] I already placed?
I already placed my order but want a bigger size in it.
The quantity in [my order|order {order}] is wrong, please change it to [two|three|four].
Please change the color of the {product} in order {order} to [black|white|blue].
I chose the wrong quantity, can you [change|edit] my order before it ships?
I would like [one more|two more] of the {product} in [my order|order {order}].
Could you change one item in [order {order}|the order from {date}]?
My order needs a change: [two|three] of the {product}, not one.
I have to [change|edit] the order I placed [on {date}|today].
Add [another|one more] {product} to [my order|order {order}], please.
Put {a_product} into [my order|order {order}] too, please.
Remove [one item|the {product}] from order {order}, but ship the rest.
May I [change|edit] the items in [my order|order {order}]?
I picked the wrong [size|color|quantity] for the {product} in my order.
Can the [size|color|quantity] in [my order|order {order}] still be changed?
I want a change in order {order}: please add {a_product}.
How do I add [an item|{a_product}] to [my order|an order I placed]?
Please edit [my order|order {order}] before you ship it, the [size|color] is wrong.""",
        "want": """edit my order
add another item to my order
take an item off order {order}
change the color in order {order}
edit order {order}
edit the items in my order
edit an order I already placed
add {a_product} to order {order}
add an item I forgot to my order
add one more {product} to my order
change the size in order {order}
change the color of the {product} in my order
change the quantity in order {order}
change an item in my order before it ships
change an order I already placed
take the {product} off my order and keep the rest
take one item off my order
remove an item from my order and keep the rest
have two of the {product} in my order instead of one
have {a_product} added to my order
have the size in my order changed
put another item into order {order}
know how to add an item to my order""",
        "thing": """editing my order
adding an item to order {order}
the quantity in my order
adding {a_product} to my order
adding another item to order {order}
changing the size in my order
changing the quantity in order {order}
the color of the {product} in my order
a wrong size in my order that you can still change
taking an item off my order
a change of items in order {order}""",
    },
    "change_address": {
        "say": """[Can|Could] you [update|change] my [shipping|delivery] address?
I [gave|typed] the wrong [delivery|shipping] address.
I [moved|have moved] and [need|want] to change my address.
[Order {order}|My order] goes to the wrong address, please [change|update] it.
Please [update|change] [my address|the address of order {order}].
I live in {city} now, the address must be changed.
Can order {order} go to [another|a new] address?
My [old address|address] is [wrong|no longer right].
Order {order}: please [change|update] the address.
My [shipping|delivery] address has changed, please update it.
Please send [my order|the {product}] to [another|my new] address.
I have a new address, how do I [change|update] it?
Where can I [change|update] [my address|the delivery address]?
[My street|The street] is wrong in [my address|the address of order {order}].
The delivery address of order {order} is [wrong|my old one], can you [change|update] it?
I am moving to {city}, please [change|update] my address.
[We|I] moved to {city} on {date}. Please update [our|my] address.
Do not ship to my old address, I live in {city} now.
Ship order {order} to [my new|another] address, please.
Is it possible to change the address [of my order|of order {order}|before it ships]?
I forgot to update my address before I ordered the {product}.
Please use my [new|other] address for [my order|order {order}].
[You still have|Your page shows] my old address, please change it.
I put in the wrong [address|street], can it still be changed?
Can my order be sent to [another|a different] address in {city}?
I want the {product} sent to [a different|another] address.
The [city|street] in my shipping address is wrong.
My order should go to {city}, not to my old address.
Could you [correct|update] the address [on my order|of order {order}]?
Please correct [my|the] [shipping|delivery] address.
I need order {order} sent to my new street.
Send it to my {person}'s address in {city}, not to mine.
I [typed|gave] my old address by mistake. Please correct it.
What do I have to do to change my [delivery|shipping] address?
We live in a new street now, so please change the address.""",
        "want": """change where my order is sent
give you my new address
have my order sent to another address
change my shipping address
change my delivery address before it ships
change the address to {city}
change the street in my address
update my address
update my shipping address
update the address of order {order}
correct the address on my order
correct my delivery address
correct the street in my address
have my address changed
have my order sent to {city} instead of my old address
have the {product} sent to another address
send order {order} to my new address
send my order to a different address
use another address for my order
use my new address in {city}
give you another delivery address
tell you my new address""",
        "thing": """the address of my order
my new address in {city}
a wrong delivery address
changing my address
updating my shipping address
the wrong street in my address
the delivery address of order {order}
an address that has changed
my old address that is wrong
sending my order to another address
correcting the address of order {order}""",
    },
    "return_item": {
        "say": """[Can|Could] I [return|send back] [the {product}|order {order}|an item]?
I [need|want] a return label [for the {product}|for order {order}|].
How [can|do] I [return|send back] [the {product}|my order]?
I [do not want|do not like] the {product}, I want to [return it|send it back].
What do I do to [return|send back] the {product}?
The {product} is not what I expected. I [want|would like] to return it.
Please take the {product} back.
I bought the {product} on {date} and want to return it.
Order {order}: I want to [return it|send it back].
I am not happy with the {product} and want to return it.
Do you take [returns|the {product} back]?
Where can I [return|send back|bring back] the {product}?
Could you send me a return label [for the {product}|for my return|]?
How long do I have to return [the {product}|an item]?
I have to [return|send back] [the {product}|order {order}].
The {product} is too [big|small|heavy]. I want to [return it|send it back].
I [opened|used] the {product}, can I still return it?
I do not need the {product} I got, how do I [send it back|return it]?
Is it still possible to [return|send back] what I bought on {date}?
[Please tell|Tell] me how to [return|send back] the {product}.
I got the {product} as a gift and [want|would like] to return it.
Can I bring the {product} back to [the|your] store?
What is the address for [a return|returns]?
May I [give|send] back the {product}? I do not like it.
I need the return label for order {order}.
I never got a return label for the {product}.
Start a return for [the {product}|order {order}], please.
I want to start a return [for the {product}|for order {order}|].
The {product} is not for me, please take it back.
Will you take back the {product} [if I opened it|without the box]?
My {person} does not like the {product}, so we [want to return it|are sending it back].
I am sending back the {product}. [Where do I send it?|I need a label.]
How does a return work?
Can an opened {product} be [returned|sent back]?
A return of the {product}, please: it does not fit.""",
        "want": """return an item
send back the {product}
return what I bought on {date}
give back the {product}
start a return
start a return for order {order}
return the {product} without the box
return something from order {order}
return an item I do not like
return a gift
return the {product} I bought on {date}
send an item back
send back an item that does not fit
send back order {order}
send the {product} back to you
bring the {product} back to your store
bring back an item
give back an item I do not like
get a return label for the {product}
get a label to send back the {product}
know how to return the {product}
know where to send my return
have the {product} taken back""",
        "thing": """the return of the {product}
a return label
how to return an item
a return label for order {order}
a return of order {order}
an item I want to send back
sending an item back
how to send back the {product}
bringing the {product} back to the store
starting a return
where to send a return""",
    },
    "refund_status": {
        "say": """[When|How soon] [will|do] I get my [refund|money back]?
I [still|] have not [received|seen] my refund.
My refund [has not come|is not here] yet.
Did you [send|pay] my refund [for order {order}|of {amount}|]?
I am [still|] waiting for my money back.
Where is the refund for [order {order}|the {product}]?
Has the refund of {amount} been paid?
I returned order {order} [weeks ago|on {date}], where is my money?
Order {order}: where is my refund?
Refund of {amount}: when will it arrive?
My refund is [late|not here yet|still missing].
I [sent back|returned] the {product} and [got|have] no money back.
You have the {product} back, but I do not have my [money|refund].
[When|How soon] will [the refund|the money] for the {product} be on my card?
I am still waiting for the refund [of order {order}|for the {product}].
How long does [a|the|my] refund take?
Has my money been sent back [to my card|]?
There is no refund on my card, did you [send|pay] it?
You promised [me|] a refund of {amount}, but [I got nothing|it is not here].
[Please check|Check] [if my refund was sent|the status of my refund].
It has been [weeks|ten days] and I have [no refund|not seen my money].
Did the refund for order {order} go out?
I should have [received|seen] my refund [by now|on {date}].
I want to know when [my refund|the money for the {product}] arrives.
Why is my refund [taking so long|not here]?
Where is the {amount} [you owe me|for my return]?
I [got|received] only a part of my refund.
Any news on my refund [for order {order}|of {amount}|]?
My return [arrived|reached you] on {date}, but the refund did not.
Can you tell me when [I get my money back|my refund will come]?
I returned order {order}, has the refund been [paid|sent]?
The money for my return has not [come|arrived] yet.
I still do not have the refund you promised [me|on {date}].
Please pay [me|back] the {amount} for the {product} I returned.""",
        "want": """know when I get my refund
know if my refund was sent
ask where my money is
know when my refund arrives
know when I get my money back
know how long my refund takes
find out where my refund is
find out if my refund was sent
find out when the refund of {amount} comes
check if my refund was paid
check the refund for order {order}
see the status of my refund
see my money back on my card
get the refund you promised
get the refund for the {product} I returned
get the {amount} you owe me
hear when my refund comes
hear about the refund for order {order}
ask about the refund of {amount}
ask how long a refund takes
ask why my refund is not on my card
tell you that my refund has not arrived""",
        "thing": """a refund that has not arrived
when my refund comes
the status of my refund
the refund of {amount}
the refund for the {product} I returned
my late refund
a refund that is not on my card
money for my return that has not come
how long my refund takes
the money you owe me for order {order}
when I get my money back""",
    },
    "exchange_item": {
        "say": """[Can|Could] I [exchange|swap] [the {product}|an item] for [another size|a different color]?
I [need|want] a [bigger|smaller] size, can we [exchange|swap] it?
I [want|would like] to [exchange|swap] [my|the] {product}.
How can I [exchange|swap] the {product} for [another one|a different one]?
Please [exchange|swap] the {product} [for me|for a bigger one].
The {product} does not fit. Can I have [another size|a bigger one] instead?
I [need|want] an exchange for the {product}.
Can order {order} be exchanged?
Order {order}: I want to exchange [it|the {product}].
I got the {product} in the wrong size, can I [swap|exchange] it?
Do you [do|offer] exchanges?
How does an exchange work?
I [need|want] a smaller {product} instead of this one.
I [need|want] to [exchange|swap] the {product} for a [bigger|smaller] one.
Could you [swap|exchange] [my|the] {product} for another color?
Can we [swap|exchange] the {product} I bought on {date} for [another|a different] one?
May I have [another color|a different size] instead of the {product} I got?
[Please exchange|Exchange] my {product}, it is too [big|small].
I do not like the color, can you exchange the {product}?
Where can I [exchange|swap] [the {product}|an item]?
I would rather have {a_other} than the {product}, can I exchange it?
Instead of the {product} I would like {a_other}, can we swap?
I want to swap what I bought [on {date}|with order {order}] for another size.
Is it possible to [exchange|swap] the {product} for a bigger one?
How long do I have to exchange [an item|the {product}]?
The size is wrong. Please [swap|exchange] the {product} from order {order}.
I want an exchange, not my money back.
I need another size of the {product}, please exchange it.
Can I bring in the {product} and [swap|exchange] it for another one?
My {person} needs a [bigger|smaller] {product}, can I exchange this one?
Start an exchange for [the {product}|order {order}], please.
I want to start an exchange [for the {product}|for order {order}|].
Can an item be [exchanged|swapped] for a different color?
Please send a bigger {product} and take this one in exchange.
An exchange for a [smaller|bigger] size, please.""",
        "want": """get another size instead
swap an item
exchange order {order}
have a bigger one instead
exchange the {product} for another color
exchange the {product} for a bigger one
exchange an item for another size
exchange what I bought on {date}
swap the {product} for a different one
swap the {product} for {a_other}
swap my {product} for a smaller one
swap an item for a different color
start an exchange
start an exchange for order {order}
get an exchange for the {product}
get a smaller size instead
get a bigger {product} in exchange
have the {product} exchanged
have my {product} swapped for another color
have another color instead
know how to exchange an item
know if I can exchange the {product}
trade the {product} for a bigger size""",
        "thing": """an exchange of the {product}
getting another size instead
swapping an item
exchanging the {product} for another color
exchanging order {order}
swapping my {product} for a bigger one
an exchange for a different size
how to exchange the {product}
a bigger size instead of this one
an item I want to swap
starting an exchange""",
    },
    "damaged_item": {
        "say": """[My|The] {product} [arrived|came] [broken|damaged|cracked].
[My|The] {product} was [broken|damaged|cracked] when [it arrived|I opened the box].
There is a [crack|scratch|hole] in the {product}.
[Order {order}|My order] came [damaged|broken].
The {product} you sent is [broken|damaged].
I [received|got] a [damaged|cracked|broken] {product}.
The {product} has a [big|bad] [scratch|crack].
The box was [open|crushed] and the {product} broken.
Order {order}: the {product} [is|came] [damaged|broken].
My {product} is [cracked|broken|damaged], and it just arrived.
I just [opened|unpacked] the box and my {product} is [broken|cracked].
The package [was crushed|was damaged] and [so is|so was] the {product}.
It arrived [broken|damaged|in pieces].
The {product} [came|arrived] with [a crack|a scratch|a hole|a dent].
You sent me a [damaged|broken|cracked] {product}.
What do I do with {a_product} that arrived [broken|damaged]?
The {product} must have been damaged in shipping.
Everything in the box was [broken|in pieces].
The {product} is in pieces.
My new {product} has a [hole|dent|scratch|crack] [in it|].
There is damage to the {product} [I got today|from order {order}|].
The {product} that came [today|on {date}] is [damaged|broken].
The glass of the {product} is [broken|cracked].
Why did you send me a [broken|damaged] {product}?
One part of the {product} is [cracked|damaged|broken].
The {product} broke in shipping.
I unpacked the {product} and found [a crack|a dent|damage].
I am sorry to say that the {product} [arrived|came] damaged.
The {product} is damaged on one side.
[My|The] order came in a crushed box and the {product} is broken.
Parts of the {product} were broken [when I opened it|when it came|].
The {product} has [damage|dents|scratches] [on all sides|from shipping].
I want to report damage: the {product} has a [dent|hole|crack].
Is it normal that the {product} comes with a [scratch|dent]? It is damaged.
The {product} from order {order} is [scratched|cracked|damaged].""",
        "want": """tell you that the {product} is cracked
report that order {order} arrived damaged
report a broken item
report damage to the {product}
report a cracked {product}
report a scratch on my new {product}
report {a_product} that came in pieces
report that my order came damaged
report that the box was crushed and the {product} broken
report an item that was damaged in shipping
tell you about a damaged item
tell you that there is a crack in the {product}
tell you that the {product} arrived in pieces
tell you that the {product} has a dent
say that the {product} came broken
say that the {product} has a scratch
say that order {order} was damaged in shipping
inform you that the {product} is damaged
inform you about a broken {product}
show you the damage to my {product}
show you that the {product} came cracked""",
        "thing": """damage to my {product}
a cracked {product}
an item that came broken
the {product} that came broken
the {product} that arrived damaged
a scratch on my new {product}
a crack in the {product} I got
damage in shipping
a crushed box and a broken {product}
a dent in my new {product}
the damaged {product} from order {order}
{a_product} that came in pieces""",
    },
    "wrong_item": {
        "say": """You [sent|shipped] the wrong [product|item|{product}].
I [received|got] the wrong [item|product|color].
This is the wrong {product}.
I [ordered|asked for] {a_product}, [but you sent|and you sent] {a_other}.
There is {a_other} in the box, but I ordered {a_product}.
[Order {order}|My order] has the wrong [item|product] in it.
I did not order {a_other}.
What you sent is not what I ordered.
Order {order}: you sent the wrong [item|product].
I [got|received] {a_other}, [but|and] I ordered {a_product}.
Why did I [get|receive] {a_other}? I ordered {a_product}.
The [product|item] I [got|received] is not the one I ordered.
The {product} you sent is the wrong [one|color|size].
This {product} is not mine, you sent the wrong item.
I never ordered [this|{a_other}|what came].
You mixed up my order, I got [the wrong item|someone else's order].
There was a mix-up: I [got|received] the wrong {product}.
I think I got someone else's [order|package].
My order was mixed up with someone else's.
In my package was {a_other} instead of {a_product}.
I opened the box and found {a_other}, not the {product} I ordered.
What I [got|received] is a different {product} than I ordered.
The wrong [item|product|{product}] [came|arrived] [today|on {date}|].
You [sent|shipped] {a_other} instead of {a_product}.
[Please send|Send] me what I ordered, not {a_other}.
I ordered a different [color|size], this is the wrong {product}.
I asked for {a_product}. Why did you send {a_other}?
The [color|size] you sent is not the one I ordered.
The package has the wrong name and the wrong item in it.
I was sent the wrong [item|product] [in order {order}|].
What came with order {order} is not what I [ordered|asked for].
What do I do with {a_other} that I did not order?
Someone sent me the wrong {product}.
A different [item|product] came than the one I ordered.
It is the wrong [product|item|{product}], I ordered another one.""",
        "want": """tell you that this is not what I ordered
report that I received the wrong product
say that the wrong item came
report a mix-up
report that you mixed up my order
report that I got someone else's order
report the wrong {product}
report that you sent {a_other} instead of {a_product}
report that a different item came than I ordered
tell you that I got {a_other} instead of {a_product}
tell you that the wrong {product} came
tell you that I received someone else's package
tell you that I did not order this item
tell you that you mixed up my order
inform you that I got the wrong {product}
inform you that the wrong item arrived
inform you that you sent the wrong color
say that I did not order {a_other}
say that this is not the {product} I ordered
say that you sent a different product
get what I ordered, not the wrong item you sent
know why I got the wrong item
know why you sent {a_other}""",
        "thing": """a wrong item
an item I did not order
the wrong product you sent
a different product than I ordered
{a_other} that I did not order
the wrong {product} in the box
a mix-up with my order
someone else's order that I received
the wrong color you sent
a wrong {product} that came today
an item that is not what I ordered""",
    },
    "missing_item": {
        "say": """[Part|One item] of [my order|order {order}] is missing.
[The {product}|One item] [was|is] missing from [the box|my package|order {order}].
I [did not get|never got] the {product} from order {order}, the rest came.
[Something|One thing] is missing in [my order|the package].
The package [came|arrived] without [the {product}|all the parts].
Not everything was in the [box|package].
I ordered {a_product} and {a_other}, but [only one was|one was not] in the box.
The [manual|cable|key] for the {product} is missing.
Order {order}: one item is missing.
The box [came|arrived] without {a_product} in it.
I got the package, but the {product} [is missing|was not in it].
[Where is|What about] the {product}? It was not in [the box|my package].
I am missing [one item|the {product}|a part] from [my order|order {order}].
There was only one item in the [box|package], not two.
I ordered [two|three] of the {product} but only [one came|got one].
[A part|One part] of the {product} is missing.
You forgot [to pack|to send|] the {product} [in order {order}|].
Someone forgot to [pack|put] the {product} in the box.
The rest of [my order|order {order}] is missing.
Only half of [my order|order {order}] was in the [box|package].
The box was [empty|half empty].
I opened the package and it was empty.
Why is the {product} not in [the box|my package]?
The {product} came without [screws|a cable|a key|a manual].
[Screws|Parts|Two parts] are missing from the {product}.
My order came, but not everything was [there|in it].
Please send the missing [item|part|{product}].
I [did not find|can't find] the {product} in the [box|package].
[Half|Part] of order {order} did not come, one item is missing.
In the box there was no {product}.
I only [got|received] one of the two items in order {order}.
One thing was left out of [the box|my package].
You left the {product} out of [the box|my package].
The {product} was left out of order {order}.
Everything came but the {product}, that is missing.""",
        "want": """report missing parts
say that an item was not in the package
tell you that one item is missing
report a missing part
report that the {product} is missing
report that the box was empty
report that the {product} was left out
report that one item was not in the box
report {a_product} that was not in the package
tell you that something is missing from my order
tell you that I only got part of order {order}
tell you that you forgot the {product}
tell you that screws are missing
say that the {product} was left out of my package
say that parts are missing
say that the box was empty
inform you that one item is missing
inform you that half of my order is missing
get the missing item
get the missing part for the {product}
get the rest of my order, one item is missing""",
        "thing": """an item that was not in the package
a missing {product}
something missing from order {order}
an item missing from my order
an empty box
the missing {product} from order {order}
parts that were not in the box
the rest of my order that was not in the package
missing screws
one item that was left out
half of order {order} that is missing""",
    },
    "late_delivery": {
        "say": """[My package|My order|Order {order}] is [late|very late|overdue].
[My package|My order|Order {order}] has not [arrived|come] yet.
I am still waiting for [my package|the {product}|order {order}].
[My order|The {product}] should have [come|been here] [by now|last week|on {date}].
You promised [delivery|the {product}] [by|for] {date}, and nothing came.
How much longer do I have to wait for [my order|the {product}]?
[Weeks|Ten days] have passed and [my order|the {product}] is not here.
Why is [the {product}|order {order}] taking so long?
Order {order}: why is it [so late|late|not here yet]?
The {product} is [late|overdue|two weeks late].
[My order|The {product}|My package] was due on {date} and has not [come|arrived].
I expected [my package|the {product}] [on {date}|last week], and it is still not here.
The delivery of [order {order}|the {product}] is [late|overdue].
My delivery did not [come|arrive] [on {date}|last week|].
I ordered [weeks ago|on {date}] and nothing has [come|arrived].
Nothing has arrived [yet|so far], and order {order} is [a week|ten days] late.
When will [my late order|my late package|order {order}] [finally|] [come|arrive]? It is overdue.
Why does [my delivery|my order] take so long?
It is [weeks|a week] past {date} and my package is not here.
You said [my order|the {product}] would [come|arrive] by {date}, but it did not.
I waited all day, but [my package|the {product}] did not come.
[We|I] have waited [two weeks|ten days] for [order {order}|the {product}].
The {product} was a gift for {date}, and it is late.
Is my package lost? It should have [come|arrived] [by now|last week].
I think my package is lost, it never [came|arrived].
My package never [came|arrived].
The {product} has not arrived, and [it is overdue|I have waited for weeks].
The delivery was promised [for {date}|for last week], but it has not come.
I am tired of waiting for [my package|the {product}].
Still no sign of [order {order}|my package].
There is still no sign of the {product} I ordered.
Your delivery is [a week|two weeks|ten days] late.
Why must I wait so long for [my order|the {product}]?
What is the reason that my [order|package|delivery] is late?
The {product} is delayed. Why?
[My order|Order {order}] is delayed [again|by weeks].""",
        "want": """know why my package is not here yet
tell you that order {order} is late
report a late delivery
find out why my package is late
find out why order {order} has not arrived
know why the {product} has not come
know why I have to wait so long for my order
know if my package is lost
know why the delivery is delayed
ask why my order takes so long
ask why order {order} is overdue
ask about a delivery that is late
tell you that my package has not come
tell you that my delivery is overdue
tell you that I still wait for the {product}
say that my package never arrived
say that the {product} is late
report that order {order} is overdue
report a lost package
report that the {product} should have been here by now
report a delayed order""",
        "thing": """an order that is late
why my package takes so long
my overdue package
a package that never came
order {order} that is late
the {product} that has not arrived yet
my overdue delivery
why order {order} is so late
the long wait for my package
a lost package
a delayed delivery
why the {product} is not here yet""",
    },
    "track_package": {
        "say": """[What is|Give me|Send me] the tracking number [of|for] [order {order}|my order|my package].
[Can|Could] you [send|give] me [the|a] tracking [link|number]?
How can I track [my order|order {order}|the {product}]?
I [need|want] [the|a] tracking [link|number].
I can't [find|open] the tracking [link|number].
[Where|How] can I track [my package|order {order}]?
The tracking [number|link] for order {order} is [wrong|not working].
Is there a way to track my package?
Order {order}: please send [me|] the tracking number.
Tracking number for order {order}, please.
Do you have a tracking [number|link] for [me|my order|order {order}]?
Is there a tracking [number|link] for [my package|the {product}|order {order}]?
I want to [track|follow] [my package|my order|the {product}].
I would like to [see|follow] on the map where my package is.
I would like to track the package [with the {product}|of order {order}].
[Please tell|Tell] me how to track [my package|order {order}].
My tracking link [shows nothing|does not open|is not working].
The tracking page [shows nothing|does not work|does not open].
I [typed|entered] the tracking number, but [it shows nothing|nothing comes up].
What is my tracking number?
You [did not send|never sent] me a tracking [number|link].
I lost the tracking number [of order {order}|of my package|].
Who [ships|delivers] my package, and what is the tracking number?
Can I follow [my package|order {order}] [online|on a map]?
Where do I [enter|type] [the|my] tracking number?
Where do I find the tracking [page|link] [for order {order}|]?
I am looking for [the|my] tracking [link|number].
Please email me the tracking [link|number] [of order {order}|for the {product}|].
[Could|Can] you track order {order} for me?
Which link can I use to [track|follow] my package?
My order [has shipped|was shipped], how do I track it?
You shipped the {product} on {date}, can I have the tracking number?
Does order {order} have tracking?
How do I use the tracking [number|link]?
The tracking of [my package|order {order}] [has not changed|shows nothing].""",
        "want": """see the tracking of my package
find my tracking number
follow my package with a tracking link
track the package with the {product}
track my package online
follow my package on a map
follow order {order} online
follow the {product} with a tracking number
find the tracking number of order {order}
find the tracking link
find the tracking page
get my tracking number by email
get tracking for order {order}
get a tracking number for the {product}
have the tracking number of my package
have a tracking link sent to me
use my tracking number
open the tracking link of order {order}
see the tracking page of my package
see on a map where my package is
know the tracking number of my order
know how to track my package""",
        "thing": """how to track my package
the tracking number of order {order}
tracking order {order}
the tracking number of my package
the tracking link for order {order}
a tracking link that does not work
a tracking number that shows nothing
tracking my package online
following my package on a map
the tracking page
where to find my tracking number""",
    },
    "delivery_time": {
        "say": """How [long|many days] [does|will] [delivery|shipping] [to {city}|] take?
[When|How soon] would [my order|the {product}] [arrive|be here] if I order [now|today]?
How [fast|soon] can you [deliver|ship] [the {product}|to {city}]?
How many days does it take to [ship|deliver] to {city}?
What is the delivery time [for|of] the {product}?
Can I get the {product} [by|before] {date} if I order now?
How long would I wait for {a_product}?
How quick is your [delivery|shipping]?
How long until you deliver, if I order [now|today]?
How many days do you need to [ship|deliver] {a_product}?
[What|How long] is [the|your] [usual|normal|standard] delivery time [to {city}|]?
If I order {a_product} today, when [would|will] it [arrive|be here]?
If I buy the {product} now, [how soon|when] will I get it?
How many days would [delivery|shipping] to {city} take?
[Could|Can] you deliver [the {product}|it] within [a week|two days|three days]?
Do you deliver within [a week|two days|three days]?
Is [fast|quick|express] delivery possible [to {city}|by {date}]?
How [fast|quick] is express [delivery|shipping]?
I need {a_product} by {date}. Would it [arrive|be here] in time if I order now?
I want to order {a_product}, how long will it take to [arrive|get here]?
I have not ordered yet: how long does delivery take?
Before I order: how [fast|soon] do you deliver?
[Please tell|Tell] me how long [shipping|delivery] takes [to {city}|].
Does delivery to {city} take [long|more than a week]?
Is it here [by {date}|in a week] if I order today?
Would the {product} [come|arrive] in time for {date} if I buy it now?
How long do you usually need to deliver?
What is the fastest delivery to {city}?
What is the [fastest|usual] time for delivery?
How soon after I order does the {product} [come|arrive]?
When do you deliver if I order on {weekday}?
Will delivery take [more|less] than [a week|three days]?
Do you ship [the same|the next] day?
How many days should I plan for [delivery|shipping] [to {city}|]?
[Delivery|Shipping] to {city}: how many days does it take?""",
        "want": """know how soon you can deliver
know the delivery time for the {product}
ask how fast shipping is
know how many days delivery takes
know when the {product} would arrive if I order today
know the usual delivery time
know how long shipping to {city} takes
know how fast express delivery is
know if it would be here by {date} if I order now
find out how long delivery takes
find out how fast you deliver to {city}
find out the delivery time for the {product}
find out how soon I can get {a_product}
ask how long delivery to {city} takes
ask how soon you can deliver {a_product}
ask about your usual delivery time
ask if you deliver within a week
ask if you deliver the next day
hear how many days you need to deliver
hear how fast you can ship
get an idea of the delivery time""",
        "thing": """how fast you deliver
how many days shipping takes
the delivery time for {city}
how many days you need to deliver
the usual time for delivery
the time for shipping to {city}
how long delivery takes
how soon the {product} would arrive if I order now
how fast express shipping is
delivery within a week
delivery by {date} if I order now
how quick your delivery is""",
    },
    "shipping_cost": {
        "say": """How much [is shipping|is delivery|does shipping cost|does delivery cost] to {city}?
What [is|are] [the|your] shipping [fee|fees|cost]?
How [expensive|much] is [shipping|delivery|express shipping]?
Do you charge for [shipping|delivery]?
What do you charge for [shipping|delivery] [to {city}|]?
What does it cost to [ship|deliver] [to {city}|the {product}]?
Is [shipping|delivery] free [to {city}|for the {product}|]?
What would shipping [to {city}|of the {product}] cost?
What is the [cost of|fee for] [shipping|delivery] [to {city}|]?
How much do I pay for [shipping|delivery|express shipping] [to {city}|]?
[Shipping|Delivery] to {city}: how much is it?
How high [is your shipping fee|are your shipping fees|are your shipping costs]?
How much [extra|more] is [express shipping|express delivery]?
What would I pay to have {a_product} [shipped|delivered] to {city}?
Is there [a charge|an extra charge|a fee] for [shipping|delivery|express shipping]?
Do you [offer|have] free [shipping|delivery] [to {city}|]?
Is express [shipping|delivery] free?
What do I have to spend to get free [shipping|delivery]?
Above what amount is [shipping|delivery] free?
Do I get free [shipping|delivery] if I spend {amount}?
Is {amount} enough for free [shipping|delivery]?
Is the cost of shipping the same for [all orders|two items]?
Does shipping [to {city}|for the {product}|] cost [extra|more]?
[Please tell|Tell] me [what shipping costs|how much delivery is] [to {city}|].
Why is [shipping|delivery] so expensive?
Why do I have to pay {amount} for [shipping|delivery]?
Your page shows {amount} for shipping, is that right?
Who pays for [shipping|delivery]?
Do I pay the shipping [fee|cost] for [each item|every order]?
I [want|need] to know the [shipping|delivery] [cost|fee] for {a_product}.
Before I order: what do you charge for shipping?
How much would it cost to have {a_product} delivered [to {city}|]?
What is the [lowest|cheapest] shipping [fee|cost]?
What is your cheapest way to ship, and how much is it?
Is the shipping fee {amount} or is it free?""",
        "want": """know the shipping cost
know how much delivery is
ask what delivery to {city} costs
know the cost of delivery
know the shipping fee for {a_product}
know how much express shipping costs
know how much it costs to ship {a_product}
know if there is a fee for delivery
know if delivery to {city} is free
know from what amount shipping is free
know what you charge for shipping
find out what shipping costs
find out how much delivery to {city} is
find out if shipping is free for the {product}
ask how much shipping is
ask what express delivery costs
ask if there is free shipping
ask why shipping is so expensive
get free shipping
get free delivery for my order
hear how high the shipping fee is""",
        "thing": """how much shipping is
the shipping fee
what delivery costs
the fee for delivery
the cost of delivery to {city}
the cost of express shipping
what you charge for shipping
free shipping
free delivery to {city}
how much delivery to {city} is
how expensive shipping is
the charge for express delivery""",
    },
    "international_shipping": {
        "say": """[Can|Could|Do] you [ship|deliver] [to {country}|to other countries]?
[Can|Could] you ship [the {product}|my order] to {country}?
I am in {country}, do you [ship|deliver] here?
Do you [offer|have] [international|worldwide] [shipping|delivery]?
Can I order [the {product}|from you] if I live in {country}?
Is shipping to {country} possible?
My {person} lives in {country}, can you send {a_product} there?
Do you sell to people in {country}?
Is shipping to [{country}|other countries] possible?
[Do|Can] you send [the {product}|packages] [to {country}|to other countries|abroad]?
Do you [ship|deliver] [abroad|worldwide]?
Do you [ship|sell] to customers in {country}?
Is [worldwide|international] [shipping|delivery] possible for the {product}?
Which countries [do you deliver to|can you ship to|are possible]?
Is {country} [one of the countries|a country] you ship to?
I would like to order {a_product} to {country}, is that possible?
I [want|need] {a_product} [sent|shipped|delivered] to {country}.
We moved to {country}, [can|do] you still ship to us?
My {person} in {country} wants {a_product}, do you ship there?
I live outside the country, [can|do] you ship to me?
I live abroad, can I [still|] order from you?
Can people [abroad|in {country}|in other countries] order from you?
Can I [have|get] my order [sent|delivered] to {country}?
Is it possible to [send|ship] a [gift|package] to {country}?
Will you [ship|send] {a_product} to [{country}|another country]?
Order {order} should go to {country}, do you ship there?
I am in {country}. Is it possible to get {a_product} here?
[Please tell|Tell] me if you [ship|deliver] to {country}.
Your page does not list {country}, do you [ship|deliver] there?
Are orders from {country} possible?
I would like to order from {country}. Do you [ship|deliver] here?
Is there any way to get the {product} to {country}?
Do you only ship inside the country, or [abroad|worldwide] too?
Is {country} too far for your [shipping|delivery]?
Can a customer from {country} [buy|order] the {product}?""",
        "want": """ship {a_product} to {country}
know if you deliver to other countries
get my order delivered in {country}
know which countries you ship to
know if you ship abroad
know if you offer international shipping
know if I can order from {country}
find out if you deliver to {country}
find out which countries you deliver to
ask if you ship to {country}
ask if you ship worldwide
ask if international delivery is possible
send {a_product} to {country}
send a gift to my {person} in {country}
send a package abroad
ship my order to {country}
ship a gift to another country
have my order shipped to {country}
have the {product} delivered abroad
order {a_product} to {country}
get {a_product} delivered to {country}
get the {product} shipped abroad""",
        "thing": """sending a package to {country}
orders from {country}
worldwide shipping
delivery to {country}
shipping abroad
sending {a_product} to {country}
sending a gift to {country}
an order from {country}
which countries you ship to
whether you deliver to {country}
international delivery
packages to other countries""",
    },
    "store_hours": {
        "say": """[When|At what time] [do you|does the store] [open|close] [on {weekday}|]?
[What|Which] hours [are you|is the store] open [on {weekday}|]?
What are [your|the] [store|opening|business] hours [on {weekday}|]?
How [long|late] is the store open [on {weekday}|today]?
Is your [store|shop] open [on {weekday}|today|now]?
Are you open [on {weekday}|this {weekday}|tomorrow|today]?
Until when are you open [on {weekday}|today]?
What time do you close?
[Please tell|Tell] me [your|the] [opening|business|store] hours.
Until what time [are you|is your shop] open [on {weekday}|today|tomorrow]?
From what time [are you|is the store] open [on {weekday}|]?
At what time can I come [to the store|in] on {weekday}?
Is [the shop|your store] [closed|open] on [{weekday}|holidays|weekends]?
Are you closed on [{weekday}|holidays|weekends]?
On which days [are you|is the shop] [closed|open]?
Do you open [early|before noon|at noon] [on {weekday}|]?
Do you close [early|at noon] on {weekday}?
Do you have [late|longer|other] hours on {weekday}?
Are your hours the same on [weekends|{weekday}]?
How early do you open [on {weekday}|]?
If I come on {weekday}, will [you|the store] be open?
I want to come on {weekday}, [are you open|what are your hours]?
When is [your store|the shop] open?
When do you close [on {weekday}|today|tomorrow]?
Does the [shop|store] [open|close] early on {weekday}?
Can I come to the store on [{weekday}|weekends] or is it closed?
Is anybody in the store on {weekday}, or are you closed?
I need to know when you [open|close] [on {weekday}|today|].
What time does the [store|shop] [open|close] [on {weekday}|today|]?
What are the hours of your [shop|store] in {city}?
Is your store in {city} open on {weekday}?
Opening hours on {weekday}, please?
I stood at a closed door. When are you open?
How many hours are you open [on {weekday}|each day]?
Will you be open on my day off, {weekday}?""",
        "want": """know when you are open
know until when the store is open
ask about your hours on {weekday}
know when the shop opens on {weekday}
know when you close
know what time the store closes on {weekday}
know if the shop is open today
know if you are closed on {weekday}
know on which days you are open
know the opening hours of your store in {city}
find out your opening hours
find out when you are open
find out how late the shop is open
ask how late you are open on {weekday}
ask if you are open on weekends
ask when you close on {weekday}
ask about your opening hours
check your business hours
check if the store is open now
see your opening hours
hear until when you are open on {weekday}""",
        "thing": """when you are open
your hours on {weekday}
the time the store opens
the hours of your store
the opening hours on {weekday}
the days you are open
how late the shop is open
when the store closes
if you are open on {weekday}
whether the shop is closed on weekends
business hours on {weekday}
what time you open""",
    },
    "store_location": {
        "say": """Where [is|can I find] [your|the] [store|shop] [in {city}|]?
[What is the address of your store|Which address does your store have] in {city}?
Do you have a [shop|store] [in|near] {city}?
Is there a [store|shop] [in|near] {city}?
How do I [find|get to] your [shop|store] [in {city}|]?
Where in {city} [is your store|are you]?
I am looking for your [store|shop] in {city}.
I want to [come to|visit] your [store|shop]. Where [is it|are you located]?
[Where|In which street] is your [shop|store] in {city}?
[Please tell|Tell] me where your [store|shop] is.
What is the address of [the|your] [store|shop] [in {city}|]?
Which [street|part of {city}] is your store in?
Which is the [nearest|closest] [store|shop] to {city}?
Where is the [nearest|closest] [store|shop]?
Do you have [a store|a shop|stores] [anywhere near|close to] {city}?
Is your [store|shop] [close to|far from] {city}?
Is there one of your [stores|shops] in {city}?
How far is your [shop|store] from {city}?
How do I get to your [store|shop] from {city}?
I can't find your [store|shop] [in {city}|], where is it?
I am in {city}, where is your [store|shop]?
I am looking for [the|your] [nearest|closest] [store|shop].
In which cities do you have [a store|a shop|stores]?
[Give|Send] me the address of your [store|shop], please.
Can I get directions to your [shop|store] [in {city}|]?
[Please send|Send] me directions to your [store|shop].
I need [directions|the way] to your shop.
What is the way to your [store|shop] [in {city}|]?
Where can I [visit|come to] your [store|shop]?
Where in {city} can I find your [store|shop]?
Do you have a store I can visit [in|near] {city}?
Can you show me on a map where your [shop|store] is?
Is your store on a map?
Does {shop} have a [store|shop] in {city}?
Where [are you|is {shop}] located in {city}?""",
        "want": """know where your shop is located
come to your store in {city}
find the nearest store
know if you have a store in {city}
know if there is a shop near {city}
know the address of your store
know how to get to your shop
know in which cities you have stores
find out where your store is
find out how far your shop is from {city}
find your shop in {city}
find the closest store to {city}
find the way to your store
get directions to your shop
get the address of your store in {city}
ask where your shop in {city} is
ask for directions to your store
ask if you have a shop in {city}
see on a map where your store is
visit the store closest to {city}
hear where you are located""",
        "thing": """how to find your store
the address of your store
where your shop in {city} is
the address of your shop in {city}
the nearest store
the closest shop to {city}
the way to your store
directions to your shop
where you are located
how to get to your store in {city}
whether you have a store in {city}
which cities you have stores in""",
    },
    "product_info": {
        "say": """[What|Which] [size|color|material] is the {product}?
Can you [tell me|explain] how the {product} works?
[How big|How heavy|How tall|How wide] is the {product}?
I [need|want] more information [about|on] the {product}.
[What|Which] [colors|sizes] does the {product} come in?
What is the {product} made of?
Is the {product} [made of wood|made of plastic|safe for kids|good for outdoor use]?
[Does|Can] the {product} [work outdoors|come with batteries|work without batteries]?
Tell me [more|something] about the {product}.
I have a question about the {product}: [how big is it|what is it made of|how does it work]?
[Please tell|Tell] me [how big|how heavy|how tall] the {product} is.
What [is the weight|is the size|are the measurements] of the {product}?
Do you know [how heavy|how big|how wide] the {product} is?
Is the {product} [heavy|big|easy to clean|easy to use]?
How do I [clean|use] the {product}?
Can I [wash|clean] the {product} [with water|by hand]?
Can I use the {product} [outdoors|in the rain]?
Is the {product} [waterproof|made of metal|made of glass]?
What can the {product} do?
What is special about the {product}?
Which batteries does the {product} need?
Does the {product} need [batteries|a cable]?
Does the {product} [get hot|make noise]?
Does the {product} come in [more than one size|other colors]?
How long is the cable of the {product}?
How does the {product} work [outdoors|without batteries|]?
What [size|weight|material|color] does the {product} have?
I would like [to know the size of|some information on] the {product}.
[Give|Send] me [the details|the measurements|the weight] of the {product}, please.
I [need|want] the measurements of the {product} before I buy it.
Before I buy the {product}: [how heavy is it|what is it made of|is it waterproof]?
Where is the {product} made?
Is the {product} [bigger|heavier] than the {other}?
Which is [bigger|heavier], the {product} or the {other}?
What is inside the box of the {product}?
For what age is the {product} good?
Can you explain the difference between the {product} and the {other}?""",
        "want": """know how the {product} works
know the size of the {product}
get more information on the {product}
know what the {product} is made of
know the weight of the {product}
know how heavy the {product} is
know the measurements of the {product}
know which colors the {product} comes in
know if the {product} is waterproof
know if the {product} needs batteries
know how to clean the {product}
find out how the {product} works
find out what material the {product} is
find out how big the {product} is
find out more about the {product}
ask how heavy the {product} is
ask if the {product} is safe for kids
ask which colors the {product} comes in
get the details of the {product}
get the measurements of the {product}
hear more about the {product}
learn more about the {product}
learn how the {product} works""",
        "thing": """how the {product} works
more information on the {product}
what the {product} is made of
the material of the {product}
the weight of the {product}
the measurements of the {product}
the colors of the {product}
how big the {product} is
how heavy the {product} is
how to clean the {product}
whether the {product} is waterproof
the difference between the {product} and the {other}""",
    },
    "product_availability": {
        "say": """Is the {product} [still|] [available|in stock]?
Do you [still|] have [the {product}|{a_product}] [in stock|available]?
When [is the {product}|will the {product} be] back [in stock|]?
How many of the {product} [are left|are in stock]?
Is the {product} [sold out|out of stock]?
The {product} is [out of stock|sold out]. When [will|can] I get it again?
Do you have any {product} [left|in stock]?
Is there {a_product} [left|in stock] in {city}?
Can I still [get|order|buy] the {product}?
Do you [carry|sell|have] the {product} in your store?
Is the {product} [gone|sold out] or [still available|still in stock]?
When [do|will] you have the {product} [again|back]?
When does the {product} come back [in stock|]?
Will the {product} [come back|be available again]?
Will you [get|have] [more of the {product}|the {product} again]?
How many of the {product} [do you have|are available]?
Are there any of the {product} left [in {city}|]?
I [want|would like] to buy {a_product}, [is it in stock|do you have one]?
I am looking for {a_product}, do you [have|sell] one?
I can't find the {product} on your page, do you still sell it?
Your page says the {product} is sold out, [is that right|when is it back]?
[Please tell|Tell] me if the {product} is [in stock|available].
[Please tell|Tell] me when the {product} is [back|available again].
Is the {product} in stock [at the store|at your shop] in {city}?
Can I [get|buy] {a_product} in your store today, or is it sold out?
Do you have [one|two|more] of the {product} [left|in stock]?
I would like to know if {a_product} is [available|in stock].
Is it [still|] possible to get {a_product}?
Can you check if [the {product}|{a_product}] is [in stock|available]?
Please check the stock of the {product}.
Could you let me know when I can [buy|get] the {product} again?
Does your store in {city} have the {product} in stock?
I have waited for the {product} to be back in stock.
Why is the {product} [out of stock|not available]?
Is the {product} available in [red|green|white] or is that sold out?
Are you [out of|sold out of] the {product}?""",
        "want": """know if the {product} is sold out
know if you still have the {product}
know when the {product} is back in stock
know if the {product} is available
know if you sell {a_product}
know if your store in {city} has the {product} in stock
know how many of the {product} you have left
know when you have the {product} again
find out if the {product} is in stock
find out when the {product} is back
find out if you still sell the {product}
check if the {product} is available
check the stock of the {product}
check if you have {a_product} left
ask if the {product} is in stock
ask when the {product} is available again
ask if the {product} is sold out
ask how many of the {product} are left
hear when the {product} is back in stock
see if {a_product} is available
see if the {product} is in stock in {city}""",
        "thing": """whether the {product} is in stock
if the {product} is sold out
how many of the {product} are left
whether the {product} is available
whether you still sell the {product}
whether {a_product} is left
when the {product} is back in stock
when you have the {product} again
if the {product} is available in {city}
the stock of {a_product} in {city}
the {product} that is sold out
the {product} that is out of stock""",
    },
    "price_question": {
        "say": """[What|How much] [is the price of|do you want for] the {product}?
[Can|Could] you [tell|give] me the price of [the {product}|{a_product}]?
How much [is|would be] {a_product}?
How much does [the {product}|{a_product}] cost?
What [would|does] {a_product} cost?
I [want|need] to know [the price of the {product}|what the {product} costs].
What do you charge for [the {product}|{a_product}]?
How [much|expensive] are two of the {product}?
Give me the price of the {product}, please.
[Please tell|Tell] me [the price of the {product}|how much the {product} is].
The {product}: how much [is it|does it cost]?
What price does the {product} have [now|today|]?
Is the price of the {product} [really|still|] {amount}?
Does the {product} [really|still] cost {amount}?
What is the [full|regular|new] price of the {product}?
Why is the {product} so [expensive|cheap]?
Is the {product} [expensive|cheap]? What does it cost?
How much money do I need for {a_product}?
How much would I pay for {a_product}?
How much [is one|are three] of the {product}?
What [is|would be] the price [for|of] two of the {product}?
What does one {product} cost?
Which costs [more|less], the {product} or the {other}?
Is the {product} cheaper than the {other}?
I can't find the price of the {product}.
I do not see a price for the {product}, what [is it|does it cost]?
I would like to know [the price of {a_product}|what {a_product} costs].
I want to buy {a_product}. How much is it?
Do you know [what the {product} costs|the price of the {product}]?
What do you want for {a_product}?
How much do you [ask|want] for the {product}?
Did the price of the {product} [go up|go down]?
Will the price of the {product} [change|go up|go down]?
Price of the {product}, please?
Can I know the price of the {product}?
What [price|cost] do you have for {a_product}?""",
        "want": """hear the price of {a_product}
know how much the {product} is
ask what {a_product} costs
know what {a_product} costs
know the price of two of the {product}
know how much I pay for {a_product}
know how expensive the {product} is
know if the {product} costs {amount}
know if the price of the {product} changed
find out the price of the {product}
find out how much {a_product} costs
find out what the {product} costs now
ask for the price of the {product}
ask how much {a_product} costs
ask if {amount} is the price of the {product}
ask how expensive the {product} is
hear how much the {product} is
get the price of {a_product}
check the price of the {product}
see the price of the {product}
see what the {product} costs""",
        "thing": """how much the {product} is
the cost of the {product}
prices of the {product}
the price of {a_product}
the price of two of the {product}
the current price of the {product}
how much {a_product} costs
how expensive the {product} is
what {a_product} costs
what I pay for the {product}
whether the {product} costs {amount}
a price for the {product}""",
    },
    "price_match": {
        "say": """[Can|Could|Will] you match [a lower price|the price of another store|{amount}]?
[Another|The other] [shop|store] has a [lower|better] price for the {product}. [Can|Will] you match it?
I [saw|found] the {product} [cheaper|for less] [at another store|elsewhere|online].
The {product} is cheaper [at another store|elsewhere|online], can you match the price?
Do you [match|beat] [lower prices|the prices of other stores]?
I [saw|found] a [lower|better] price for the {product}, do you match that?
It costs {amount} [elsewhere|at another shop]. Do you [match|beat] that?
Can I get a price match?
[Please match|Match] the [lower|cheaper] price [of|at] [another|the other] [store|shop].
Do you have a price match [for|on] the {product}?
How does [your|a|the] price match work?
What is your price match policy?
Is a price match possible [for|on] [the {product}|order {order}]?
[Another|The other] [store|shop] [wants|asks] only {amount} for the {product}, do you match that?
The [other shop|other store] is cheaper, will you match [it|the price]?
At another [store|shop] the {product} is {amount}, can I get [it for that|a price match]?
I can get the {product} for {amount} [elsewhere|online], will you match it?
I found the same {product} for [less|{amount}] at another store.
I saw {a_product} online for {amount}, [can|will] you match that?
Your price for the {product} is higher than [elsewhere|online|at another shop].
I [want|would like] a price match [for|on] the {product}.
I want the lower price that another store has [for the {product}|].
[Can|Would] you beat [the price of another store|a price of {amount}]?
Can I have the {product} for the price [of|at] the other store?
Would you [sell|give] me the {product} for {amount}, like the other shop?
The same {product} costs less elsewhere, what about a price match?
Online I found a [better|lower] price for the {product}, will you match it?
Why is the {product} cheaper [elsewhere|at another store]? Please match the price.
If I find a [lower|cheaper] price elsewhere, do you match it?
Do I get the difference back if another store is cheaper?
I bought the {product} and saw it cheaper at another store, do you match that?
Does your price match work for [online prices|other stores]?
[Others|Other stores] sell the {product} for less, please match their price.
Will you go as low as the other [store|shop] for the {product}?
I have a lower price from another store, can you [beat|match] it?""",
        "want": """get the lower price of another store
have the price matched
get the same price as at another shop
have the price of another store matched
have the price of {amount} matched
have a lower price at another store matched
have the lower price of another shop matched
get a price match
get the {product} for the price of another store
get the same price as elsewhere
get the lower price I found online
pay the same price as at the other store
know if you match lower prices
know how your price match works
know if you beat the price of another shop
find out if you match prices
find out how a price match works
ask for a price match
ask you to match a lower price
ask if you beat lower prices
show you a lower price at another store
tell you that the {product} is cheaper elsewhere""",
        "thing": """a lower price at another store
your price match
the cheaper price elsewhere
a price match for the {product}
matching the price of another store
a lower price I found online
the same {product} for less elsewhere
the lower price of the other shop
whether you match prices
your price match policy
how your price match works
beating the price of another store""",
    },
    "discount_code": {
        "say": """[My|The] [discount|coupon] code [is not working|does not work|is not accepted].
[How|Where] [do|can] I [use|enter] [my|a] [discount code|coupon|coupon code]?
Can you give me a [discount|coupon|discount code]?
The [code|coupon|discount code] {code} [does not work|is not accepted|has expired].
Is there a [discount|coupon] [code|] I can use?
I have a [coupon|discount code], how do I use it?
[Please|Can you] apply the [coupon|code|discount code] {code} to my order.
I [forgot|tried] to use the [coupon|code] {code}.
[Is there|Do you have] a [coupon|discount] [for new customers|for students|]?
How [can|do] I get a [discount|coupon|discount code]?
Where can I [find|get] a [discount code|coupon|coupon code]?
Where [at checkout|on your page] do I [enter|type] [the|my] [coupon|discount code]?
Why [does my discount code not work|is my discount code not accepted|is my coupon not accepted]?
Why is the [coupon|code] {code} not accepted?
I [entered|typed] the [code|coupon|discount code] {code}, but [it does not work|the price is the same].
I entered my coupon, but [got|there was] no discount.
The discount was not [applied to|taken off] my order.
My [coupon|discount code] was not applied [to order {order}|].
The [discount|coupon] is not on [my order|order {order}].
[I got|My {person} gave me] the code {code}, how do I use it?
Can I use [two codes|two coupons|a coupon and a discount code] for one order?
[Is the coupon {code} still good|Does the code {code} still work]?
When does [my|the] [coupon|discount code] [{code}|] expire?
I lost my [discount code|coupon], can you send it again?
[Please send|Send] me a [discount code|coupon code].
Please take the discount off [order {order}|my order], the code is {code}.
I ordered without my [coupon|discount code], can you still apply it?
Can the [coupon|discount code] be [used|applied] for the {product}?
Do students get a [discount|coupon]?
Is there a discount for [students|my first order|new customers]?
I [would like|want] a [discount|discount code].
You promised me a [discount|coupon], but the code does not work.
Does the discount [work|count] for the {product}?
Your newsletter had the code {code}, but it is not accepted.
I want to enter [a|my] [coupon|code], but I do not see where.""",
        "want": """enter a discount code
apply the code {code}
know why my coupon does not work
get a coupon
use my coupon
use the discount code {code}
use two codes for one order
enter the coupon {code}
enter my code at checkout
apply a coupon to my order
apply the discount code to order {order}
have the coupon {code} applied
have the discount taken off my order
get a discount code
get a discount for students
get a coupon code for my first order
know where to enter my discount code
know why the code {code} is not accepted
know when my coupon expires
find out why my discount code does not work
ask for a discount
ask for a coupon
report that the code {code} does not work""",
        "thing": """a coupon code
the discount code {code}
a code that does not work
my coupon
my discount code
a discount for students
a discount that was not applied
a coupon that has expired
the code {code}
the coupon for order {order}
where to enter a discount code
using the code {code}""",
    },
    "payment_methods": {
        "say": """[Can|Could] I pay [by|with|in] {payment}?
[Do you|Does your store] [take|accept] {payment}?
[What|Which] [payment methods|cards|ways to pay] do you [have|offer|accept|take]?
What ways to pay [are there|do I have]?
Is {payment} [okay|possible|accepted]?
[How|In what ways] [can|may] I pay [for my order|at your shop]?
I only have {payment}, can I pay with that?
Can I use {payment} to pay?
[Please tell|Tell] me [how I can pay|which payment methods you take].
Do you [accept|take] [cards|{payment}] [online|in your store|at checkout]?
Which [ways to pay|payment options] [are there|do you offer] [in the store|online|]?
What are [the|your] payment [options|methods]?
What payment [methods|options] [do you have|are there] [at checkout|]?
Is payment [by|with] {payment} [possible|accepted|okay]?
Is there a way to pay [by|with] {payment}?
I [want|would like] to [pay with|use] {payment}, [is that okay|do you take that]?
I do not have a card. How [else|] can I pay?
I have no {payment}, how else can I pay?
Can I pay [in|in three] parts?
Can I pay [later|when the {product} arrives|when I get it]?
Do you [take|accept] [all cards|my card|{payment}]?
May I [use|pay with] {payment} [for my order|in your store]?
[What|Which] cards can I [use|pay with]?
How do I pay [for the {product}|in your store|online]?
How do people pay [in your store|at your shop]?
Before I order: can I pay [by|with] {payment}?
Can my {person} pay [by|with] {payment} for me?
Would you [accept|take] {payment} for {a_product}?
Can I pay for the {product} [by|with] {payment}?
Do you only take {payment}?
Is {payment} one of your payment methods?
Can I choose how to pay?
What can I use to pay [at checkout|in your store]?
Is it okay to pay [later|in parts|by {payment}]?
Can I pay half now and half later?""",
        "want": """know if you take {payment}
use {payment} to pay
ask how I can pay
pay with {payment}
pay in parts
pay later
pay for the {product} by {payment}
pay by {payment} in your store
know if I can pay by {payment}
know if you accept {payment}
know what ways to pay there are
know which cards you take
know your payment options
find out how I can pay
find out which payment methods you take
find out if you accept {payment}
ask if you take {payment}
ask which cards you accept
ask about your payment methods
ask if I can pay in parts
choose how to pay
use {payment} for my order""",
        "thing": """ways to pay
whether you take {payment}
how I can pay
payment by {payment}
paying with {payment}
paying in parts
paying later
which cards you accept
which payment methods you take
the ways to pay in your store
your payment options
whether I can pay by {payment}""",
    },
    "payment_failed": {
        "say": """[My|The] payment [was declined|failed|did not work].
I [can't|could not] pay [for order {order}|with my card|at checkout|].
[My|The] card [is|was] not accepted [at checkout|].
I [get|see] an error when I [pay|try to pay].
Why [did|does] my payment [fail|not go through]?
The checkout [fails|shows an error|does not work] [every time|].
I tried [two times|my card twice] but the payment [failed|was declined].
Payment [of {amount}|for order {order}] [failed|was declined].
My [card|payment] was [declined|not accepted] [when I tried to pay|at checkout|].
My [card|payment] is [declined|not accepted] [every time|again].
[Order {order}|My order]: the payment [failed|was declined].
The payment [for the {product}|of {amount}] did not [go through|work].
Why [was|is] my [card|payment] not accepted?
Why can I not pay [for order {order}|for the {product}|]?
I [can't|could not] pay [{amount}|for the {product}], the payment [fails|does not go through].
I can't finish [my order|the checkout], because the payment fails.
I tried to pay [with|by] {payment}, but it [failed|was declined|did not work].
[Each|Every] time I [try to pay|enter my card], [it fails|I see an error].
The page shows an error when I [enter my card|pay|try to pay].
There is an error [at checkout|on the payment page].
Your [payment page|checkout] [fails|does not load|shows an error].
The checkout [stops|fails] when I [pay|enter my card].
It says my [card|payment] was [declined|not accepted].
It says payment failed. What [can I do|is wrong]?
My payment [fails|failed] [again and again|every time].
My bank says the card is fine, but your checkout declined it.
My card works elsewhere, but you declined it.
I entered my card, but the payment [failed|did not go through].
The payment did not go through, [what can I do|why]?
I [got|get] the message that my [payment|card] [failed|was declined].
What does the error [at checkout|on the payment page] mean?
[Please help|Help], my payment [does not go through|always fails].
Paying [does not work|always fails] [for order {order}|].
I could not pay for my order because [my card was declined|the page shows an error].
Your shop will not take my payment, it [fails|is declined] every time.""",
        "want": """know why I can't pay
report an error at checkout
know why my card was declined
know why my card is not accepted
know why the payment for order {order} failed
know why the checkout shows an error
know why my payment does not go through
find out why my card was declined
find out why my payment fails
find out why I get an error when I pay
ask why my payment was declined
ask why I can't pay
report a failed payment
report that my card was declined
report that the payment page does not work
tell you that my payment failed
tell you that the checkout shows an error
tell you that I can't pay for order {order}
say that my card is not accepted
say that the checkout does not work
get past the error at checkout""",
        "thing": """a payment that failed
a payment that was declined
the error when I pay
the failed payment for order {order}
a card that was declined
a card that is not accepted
a checkout that shows an error
a payment page that does not work
an error on the payment page
a payment of {amount} that did not go through
why my payment failed
why my card was declined""",
    },
    "double_charge": {
        "say": """[I was|My card was] [charged|billed] [twice|two times] [for order {order}|for the {product}|].
You [charged|billed] me [twice|two times] [for order {order}|].
I see [two|double] charges [of {amount}|for order {order}|on my card].
I paid [twice|two times] for [one order|order {order}|the {product}].
There is a double charge [of {amount}|on my card|for order {order}].
Why was I [charged|billed] [twice|two times]?
Order {order} shows up twice on my card.
The same [charge|payment] was taken [twice|two times].
Order {order}: I was [charged|billed] [twice|two times].
[You took|You have taken] the [money|payment] [twice|two times].
You took {amount} [two times|twice] for [order {order}|the {product}|one order].
My [card|bank] shows [two|double] [charges|payments] [of {amount}|for order {order}].
My bank says you [charged|billed] me [twice|two times].
Why did you [charge|bill] [me|my card] [twice|two times]?
Why are there two [charges|payments] [of {amount}|for order {order}|for one order]?
Why [was|is] {amount} [charged|taken] [twice|two times]?
I [bought|ordered] one {product}, but was [charged|billed] [for two|twice].
I see the same [charge|payment] [twice|two times] on [my card|{date}].
There is a second [charge|payment] of {amount} on my card.
There are two payments for [one order|the same order|the {product}].
The [charge|payment] for [order {order}|the {product}] shows up [twice|two times].
One order, two charges: [please check this.|why?]
I paid for [one|the same] order twice.
I paid once, but {amount} was taken [twice|two times].
[Please take|Take] back the [second|double] charge [of {amount}|for order {order}|].
I [should|want to] pay once, not twice. You charged me two times.
You billed me [again|twice] for an order I already paid.
You charged me [again|a second time] for [order {order}|the {product}].
I was charged a second time for [order {order}|the same order].
It looks like I [paid|was charged|was billed] [twice|two times].
My card has a double charge from your shop.
[Please look|Look] at order {order}, it was [charged|billed] twice.
A [double|second] charge from {date} is on my card.
{amount} was taken from my card [twice|two times].
Did you charge me twice [for the {product}|by mistake]?""",
        "want": """tell you that I was charged two times
report that my card was billed twice
ask why there are two charges
report two charges on my card
report a second charge for order {order}
report that order {order} was charged twice
report that {amount} was taken two times
report that I was billed twice
tell you that my card was charged twice
tell you that you took {amount} twice
tell you that there are two charges for one order
say that I paid twice for the {product}
say that you charged me a second time
know why my card was charged two times
know why you took the money twice
know why I see two payments for one order
find out why I was charged twice
find out why there is a second charge
ask about a double charge
ask why I was billed two times
have the second charge taken back""",
        "thing": """two charges of {amount}
a charge that was taken twice
paying twice for one order
a second charge of {amount}
a second charge for order {order}
two payments for one order
two charges on my card
a card that was charged twice
an order that was billed two times
being billed twice for the {product}
the double charge on my card
paying two times for the {product}
why I was charged twice""",
    },
    "invoice_request": {
        "say": """[Can|Could] you [send|email] me [the|an] [invoice|receipt] [for order {order}|for the {product}|]?
I [need|want] [the|an] [invoice|receipt] [for order {order}|for my taxes|for my company].
[Where|How] [can|do] I [get|download|find] [my|the] [invoice|receipt]?
Please [send|email] me [a copy of|] the invoice [for order {order}|].
There was no [invoice|receipt] [in the box|with order {order}].
I [lost|can't find] [my|the] [invoice|receipt] [for order {order}|].
My boss needs the receipt for the {product}.
The [address|name] on my [invoice|receipt] is wrong.
[Please send|Send] [the|an] [invoice|receipt] for order {order} to {email}.
I [need|want] a copy of [the|my] [invoice|receipt] [for order {order}|from {date}].
Order {order}: please send [an invoice|a receipt].
[Invoice|Receipt] for order {order}, please.
Do you have [an invoice|a receipt] [for order {order}|for the {product}|for me]?
[I am looking for|I can't find] the [invoice|receipt] [for the {product}|from {date}].
I did not get [an invoice|a receipt] [for order {order}|with the {product}|].
You [forgot|did not send] the [invoice|receipt] [for order {order}|].
My [company|boss] needs [an invoice|a receipt] [for the {product}|for order {order}].
I need [an invoice|a receipt] with the name of my company [on it|].
The invoice should have [my name|my address|the name of my company] on it.
The [amount|date|name] on [the|my] invoice is wrong, I need a new one.
I lost the [invoice|receipt] and need [a copy|it again].
Can I have [a copy of|] the [receipt|invoice] by email?
[Can|Could] I get [the|an] invoice on paper?
Where is the [invoice|receipt] for [the {product}|order {order}]?
Is there [an invoice|a receipt] in the box?
Can you make [out|] the invoice to my company?
[How|Where] do I [get|find] [an|the] invoice for order {order}?
[How|Where] can I [download|print] [the|my] [invoice|receipt]?
Please [email|send] the receipt [for {amount}|from {date}] again.
The link to my invoice does not work.
I need the invoice for my taxes.
Would you send [an invoice|a receipt] to my company?
I paid {amount} and need [a receipt|an invoice] for it.
I would like [an invoice|a receipt] for the {product}.
I ordered on {date}, please send me the [invoice|receipt].""",
        "want": """get a receipt
have the invoice sent to me
find the invoice for my order
get an invoice for my company
get an invoice by email
get a copy of the invoice
get a copy of the receipt for order {order}
get the receipt for the {product}
get a new invoice with the right name
have a receipt for the {product}
have an invoice for my taxes
have the invoice sent to {email}
have a copy of my invoice by email
download the receipt for order {order}
download a copy of my invoice
print my receipt
print the invoice for order {order}
find my receipt
ask for an invoice
ask for a copy of my receipt
know where to download my invoice""",
        "thing": """a receipt
the invoice of order {order}
my lost receipt
an invoice for my company
an invoice for my taxes
a receipt for the {product}
a copy of the receipt
a copy of the invoice for order {order}
the invoice from {date}
the wrong name on my invoice
a lost receipt
where to download my invoice""",
    },
    "gift_card": {
        "say": """[How much|What amount] is [left|still] on [my gift card|gift card {code}]?
[Can|Where can] I [buy|get] a gift card?
[How|Where] [can|do] I [use|enter] my gift card?
[My|The] gift card [is not accepted|does not work|has expired].
I [want|need] a gift card [of|for] {amount}.
What is the balance on gift card {code}?
When does [my|a] gift card expire?
Please check [my gift card|gift card {code}].
[Please tell|Tell] me [how much is on my gift card|the balance of gift card {code}].
What can I buy with [a|my] gift card?
Can I use [my|a] gift card [online|in your store|for the {product}]?
Can I use two gift cards [for one order|at once]?
Where can I [see|check] [the balance of my gift card|how much is left on my gift card]?
How long is [a|my] gift card good?
[When does|Does] my gift card [{code}|] expire?
[Can|Could] I get a gift card [for my {person}|by email|for {amount}]?
I want to give my {person} a gift card [for {amount}|].
Do you have gift cards [for {amount}|in your store|]?
My {person} gave me a gift card, [how|where] do I use it?
I [got|have] a gift card [for {amount}|], how do I use it?
I bought a gift card [on {date}|for {amount}] and it [never came|does not work].
I [entered|typed] the number of my gift card, but it is not accepted.
The number [of|on] [my|the] gift card is [not accepted|hard to read].
[My|The] gift card shows [a balance of zero|the wrong balance|no money].
The balance of [my gift card|gift card {code}] is wrong.
There should be {amount} on my gift card.
Why [is my gift card not accepted|does gift card {code} not work]?
I lost the gift card [my {person} gave me|for {amount}], can you send it again?
Please send [me|my {person}] a gift card for {amount}.
Is there [any|still] money [left|] on gift card {code}?
Is gift card {code} still good?
Check the balance of gift card {code}, please.
How do I buy a gift card [online|for my {person}|]?
I would like to use [my|a] gift card [at checkout|for my order].
Can a gift card be used [two times|twice|online]?""",
        "want": """know how much is left on my gift card
get a gift card for my {person}
know when my gift card expires
buy a gift card for {amount}
buy a gift card for my {person}
give my {person} a gift card
get a gift card by email
get a gift card for {amount}
use a gift card online
use my gift card for the {product}
use gift card {code}
use two gift cards for one order
know the balance of my gift card
know if gift card {code} still works
know where to enter my gift card number
find out how much is on my gift card
find out when my gift card expires
find out why my gift card is not accepted
check how much is left on gift card {code}
see my gift card balance
ask how to use a gift card
enter my gift card number""",
        "thing": """buying a gift card
my gift card balance
a gift card that does not work
my gift card
a gift card for {amount}
a gift card for my {person}
the balance of gift card {code}
a gift card that is not accepted
using a gift card
how much is left on my gift card
when my gift card expires
a lost gift card""",
    },
    "gift_wrap": {
        "say": """[Can|Could] you [wrap|gift wrap] [it|my order|the {product}|order {order}]?
[Is|Do you have|Do you offer] gift [wrapping|wrap|paper]?
[Can|Could] you add a gift [message|card] [to order {order}|to the package|]?
Please [wrap|gift wrap] [my order|the {product}|order {order}].
I [want|need] [the {product}|my order] wrapped [as a gift|as a present|for my {person}].
It is a [gift|present] for my {person}, [please wrap it|can you wrap it]?
I [want|would like] to add [a gift message|gift wrapping].
Does the {product} come gift wrapped?
Order {order}: please [gift wrap it|wrap it as a gift].
[Please wrap|Wrap] it [as a gift|as a present|in gift paper].
Is it possible to [have|get] [the {product}|my order] gift wrapped?
Is gift [wrapping|paper] free?
What does gift [wrapping|paper] cost?
How do I [add|order] gift [wrapping|wrap] [for order {order}|for the {product}|]?
Can I get [the {product}|order {order}] [gift wrapped|in gift paper|wrapped as a present]?
Can I choose the [color of the gift paper|gift paper]?
Which gift paper do you have?
The {product} is a [gift|present], can [you wrap it|it be wrapped]?
It is for my {person}'s {event}, can you [gift wrap|wrap] it?
My order is a present, please add [a gift message|gift paper].
I forgot to add [gift wrapping|a gift message] to [my order|order {order}].
I would like [a gift message|a card] [with|in] the wrapped [gift|present].
Could you put [a card|a gift message] in the package [for my {person}|]?
Please write a gift message for my {person}.
Please send the {product} [wrapped|in gift paper] to my {person}.
Do you [wrap|gift wrap] [presents|gifts]?
Does gift wrapping [cost extra|come with a card]?
Is there a gift message [in|on] order {order}?
I want my {person}'s [gift|present] wrapped [nicely|in gift paper].
Wrapped as a gift, please: [order {order}|the {product}].
I need [it|the {product}] [gift wrapped|in gift paper] for my {person}'s {event}.
Will the {product} be wrapped [as a gift|as a present]?
Can the {product} be [gift wrapped|wrapped as a present]?
I would like my order [gift wrapped|in gift paper].
Add [a gift message|gift paper|gift wrap] to order {order}, please.""",
        "want": """get my order wrapped as a present
have order {order} wrapped
add gift paper
have my order gift wrapped
have it wrapped as a gift
have the {product} wrapped for my {person}
have the {product} in gift paper
have a gift message in the package
add gift wrapping to order {order}
add gift wrap to my order
add a card to the wrapped gift
add a gift message for my {person}
get the {product} gift wrapped
get a present wrapped
get gift wrapping for my order
get order {order} wrapped as a gift
know if you offer gift wrapping
know what gift wrapping costs
know if you can wrap the {product}
ask for gift wrapping
ask if you wrap presents
choose the gift paper""",
        "thing": """gift wrap for my order
gift paper for the {product}
a present that should be wrapped
gift wrapping for order {order}
a gift message for my {person}
wrapping my order as a present
a wrapped gift
having the {product} gift wrapped
the cost of gift wrapping
the gift paper
a card in the wrapped gift
whether you can wrap the {product}""",
    },
    "warranty_claim": {
        "say": """[Is my {product} still under|Does the {product} still have a|Is the {product} under] warranty?
[How|Where] do I [use|claim] the warranty [for|of] [my|the] {product}?
My {product} [stopped working|broke], is it [under warranty|covered by the warranty]?
I [want|need] to [make|file] a warranty claim [for order {order}|for my {product}|].
Does the warranty [cover|include] [the {product}|this]?
How long does the warranty [last|run] [for the {product}|]?
The {product} from {date} broke. I want to use the warranty.
[What|How long] is the warranty [on|of] the {product}?
Order {order}: I have a warranty claim.
Is there [still|] a warranty [on|for] [my {product}|order {order}|what I bought on {date}]?
Does [my|the] warranty [still|] run?
When does the warranty [end|run out] [for|on] the {product}?
Has the warranty [ended|run out] [for|on] my {product}?
Is my {product} still covered [by the warranty|]?
Is [this|a broken part] covered by the warranty [of the {product}|]?
[Would|Will] the warranty [pay for|cover] my {product}?
My {product} [broke|stopped working] and is [still|] under warranty.
My {product} [broke|stopped working] after [a month|two months], what does the warranty cover?
I bought the {product} on {date} and it [broke|stopped working]. I have a warranty.
I [have|still have] a warranty [on|for] the {product} and want to [use|claim] it.
I would like to [make|file|open] a warranty claim [for the {product}|].
[Please tell|Tell] me [how long the warranty lasts|what the warranty covers] [for the {product}|].
[How|Where] [can|do] I [make|file|open] a warranty claim?
What do I need for a warranty claim?
Which parts of the {product} does the warranty cover?
I filed a warranty claim [on {date}|for the {product}], what now?
Is my warranty claim [open|okay]?
Do I need the receipt for [a|the] warranty claim?
I lost the warranty [card|papers] for my {product}.
The {product} has a [two year|long] warranty, and it stopped working.
Please check if my {product} is [still|] under warranty.
Please [accept|open] my warranty claim for order {order}.
Warranty claim for [the {product}|order {order}], please.
Do you give a warranty on the {product}?
Does the {product} [come with|have] a warranty?""",
        "want": """claim the warranty
file a warranty claim
know if there is a warranty on the {product}
know how long the warranty lasts
make a warranty claim for the {product}
make a claim under the warranty
file a warranty claim for my {product}
file a claim for order {order} under the warranty
open a warranty claim
open a warranty claim for order {order}
use my warranty
use the warranty for order {order}
claim the warranty for the {product}
know if my {product} is still under warranty
know what the warranty covers
know how long the warranty on the {product} runs
know when the warranty ends
find out if the warranty covers my {product}
find out how long the warranty lasts
check if my {product} is under warranty
ask about the warranty of the {product}
ask how to file a warranty claim""",
        "thing": """the warranty on my {product}
what the warranty covers
a claim under the warranty
my warranty
the warranty for order {order}
a warranty claim for the {product}
how long the warranty lasts
how to file a warranty claim
whether my {product} is under warranty
whether the warranty covers my {product}
when the warranty ends
the warranty card for the {product}""",
    },
    "repair_request": {
        "say": """[Can|Could] you [fix|repair] [my|the] {product}?
[Where|How] can I get my {product} [fixed|repaired]?
I [need|want] [my {product} repaired|my {product} fixed|a repair].
Do you [repair|fix] [things|products|the {product}]?
[What|How much] does [a repair|fixing the {product}] cost?
I want [a repair|a spare part], not a new {product}.
Can I bring in my {product} for [repair|fixing]?
[Please repair|I need you to repair] my {product}.
[Please tell|Tell] me [how|where] I can have [the|my] {product} [fixed|repaired].
Can my {product} be [fixed|repaired]?
Can someone [fix|repair] my {product}?
Who can [fix|repair] [the|my] {product}?
Do you do repairs [in your store|in {city}|]?
Is it possible to [fix|repair] [the|my] {product}?
Is a repair of the {product} possible?
Is my {product} worth fixing, and can you repair it?
I would like to have my {product} [fixed|repaired].
I want my {product} [fixed|repaired], not replaced.
I need a [repair|spare part] for my {product}.
I want to bring in my {product} for [a|] repair.
I am looking for a spare part [for|to fix] my {product}.
Do you [have|sell] spare parts [for the {product}|to fix the {product}]?
How much [is|would be] [a|the] repair of my {product}?
What would it cost to [fix|repair] my {product}?
How long would it take to [fix|repair] the {product}?
Where do I send my {product} for [repair|fixing]?
Can I send [in|you] my {product} for [a|] repair?
My old {product} needs [a repair|fixing|a spare part].
My {product} is old, [can|could] you [still|] [fix|repair] it?
My {product} is in repair, when is it fixed?
Is the repair of my {product} done?
A repair of my {product}, please.
[Could|Would] you have a look at my {product} and fix it?
The {product} makes a noise and needs to be [fixed|repaired].
Please send someone to [fix|repair] my {product}.""",
        "want": """bring in my {product} for repair
know what a repair costs
get a spare part for my {product}
repair my {product}
fix my {product}
have the {product} fixed
have my old {product} repaired
have someone fix my {product}
get a repair for my {product}
get the {product} repaired
get spare parts to fix my {product}
bring in the {product} to have it fixed
bring my {product} in for a repair
send my {product} in for repair
send you my {product} to have it repaired
know if you can fix my {product}
know how much a repair of the {product} costs
know where I can have the {product} repaired
know how long a repair takes
find out what a repair costs
ask for a repair
ask if my {product} can be fixed""",
        "thing": """a repair for my {product}
a spare part
having my {product} fixed
repairing my {product}
fixing the {product}
spare parts for the {product}
a spare part to fix my {product}
the cost of a repair
how long a repair takes
having the {product} repaired
an old {product} that needs fixing
where to have my {product} fixed""",
    },
    "assembly_help": {
        "say": """[How|Where] do I [start|begin] to [assemble|set up] the {product}?
I [do not know|can't find out] how to [assemble|install|set up] the {product}.
[Can|Could] you help me [assemble|install|set up] the {product}?
[Is there|Do you have] a [manual|video] for [setting up|assembling|installing] the {product}?
How [can|do] I [assemble|set up|install] [my|the] {product}?
I am trying to [assemble|set up|put together] the {product}, and [it does not fit|I am stuck].
[I need|Where are] the [setup|assembly] instructions for the {product}.
The {product} is hard to [assemble|install|put together].
Please [help me|tell me how to] [assemble|set up|install] the {product}.
I need [help|instructions] to [assemble|set up|install] [the|my] {product}.
I [tried|want] to [assemble|install|set up] the {product}, but I [am stuck|need help].
I am stuck [with the assembly|with the setup|at step two] of the {product}.
I [can't|could not] [put the {product} together|set up the {product}|install the {product}].
I do not understand the [assembly|setup] instructions [for the {product}|].
I have no [instructions|manual] to [assemble|set up|install] the {product}.
The [setup|assembly] instructions are [hard to read|not clear].
Which part goes [where|first] when I [assemble|set up] the {product}?
Where does [this part|this screw|the last part] go on the {product}?
Which tools do I need to [assemble|install|put together] the {product}?
What is the [first|next] step to [assemble|set up|install] the {product}?
What is the right way to [assemble|set up|put together] the {product}?
[Can|Could] you explain how to [assemble|install|set up] the {product}?
[Can|Could] you send me the [assembly|setup] instructions [for the {product}|]?
Is there a manual on how to [assemble|put together] the {product}?
Is there a video that shows [the setup|the assembly] of the {product}?
Does someone help with [assembling|installing] the {product}?
Do I need [tools|help] to [assemble|install] the {product}?
How long does it take to [assemble|put together|set up] the {product}?
How do the parts of the {product} go together?
Help with the [setup|assembly] of the {product}, please.
I lost the assembly instructions for the {product}.
I put the {product} together, but one [part|screw] does not fit.
The parts of the {product} do not [go|fit] together, how do I assemble it?
The {product} is in parts and I do not know how to put it together.
Step two of the [setup|assembly] is not clear, please help.""",
        "want": """assemble the {product}
install the {product}
know how to set up the {product}
get the assembly instructions
assemble my {product} the right way
assemble the {product} without help
set up my {product}
set up the {product} with a video
install my {product}
put my {product} together
put the parts of the {product} together
get the instructions for the {product}
get a video on how to assemble the {product}
get help with the setup of the {product}
find a video on the assembly of the {product}
find the manual to set up the {product}
know how to assemble the {product}
know how to put the {product} together
know which part of the {product} goes where
know which tools I need to assemble the {product}
find out how to install the {product}
ask for help with the assembly
understand the assembly instructions""",
        "thing": """how to set up the {product}
installing the {product}
putting the {product} together
putting my {product} together
setting up the {product}
how to assemble the {product}
how to install the {product}
the assembly of the {product}
the instructions to set up the {product}
help with assembling the {product}
a video on how to put the {product} together
assembly instructions that are not clear""",
    },
    "reset_password": {
        "say": """[I|We] [can't|could not] log in [to my account|].
[How|Where] [can|do] I [reset|change] my password?
[Please send|I need|Send] me a [new password|password reset link].
I [do not know|lost|forgot] my password.
[My|The] [login|password] [is not accepted|does not work].
My account [is|was] locked.
The [reset link|password reset] does not work.
I am locked out, [please help me log in|my password does not work].
I need [help to log in|a reset link|to reset my password].
I [want|would like] to [reset|change] my password.
I [lost|forgot] my password and can't log in.
I do not know my password [anymore|], please reset it.
[Can|Could] you [reset|change] my password [for me|]?
[Can|Could] you send me a [reset link|new password]?
[Please help|Help] me [log in|get back into my account].
Please unlock my account, I can't log in.
[Can|Could] you unlock my [account|login]?
My password [no longer works|is wrong], I can't log in.
My [login|password] does not work [anymore|on your page].
Why can I not log in [to my account|]?
Why is my [account|login] locked?
Logging in [does not work|fails] [anymore|].
I tried to log in [two times|three times], and now my account is locked.
I typed the wrong password [three times|too many times], now I am locked out.
I can't get into my account.
I can't get [in|into my account], the password is [not accepted|wrong].
How do I get back into my account?
How [can|do] I [log in|change my password] if I forgot [it|my password]?
Where do I find the [link|page] to reset my password?
You did not send me [a|the] reset link.
I never got the [reset link|email to reset my password].
I asked for a new password, but [it does not arrive|I got nothing].
The link to reset my password [does not work|has expired].
The page says [my account is locked|my password is wrong|my login is not accepted].
[A new password|A reset link|Password reset], please.""",
        "want": """change my password
get back into my account
get a password reset link
log in again
reset my login
get a password reset
get a reset link
get into my account
get my account unlocked
have my password reset
have a new password sent to me
have my account unlocked
unlock my account
change the password I forgot
log in to my account again
log in without my old password
know how to reset my password
know why I can't log in
know why my account is locked
find out why my password does not work
find out how to get back into my account
ask for a new password
ask for a reset link""",
        "thing": """my login
a new password
a locked account
the password I forgot
a password that does not work
a reset link
the reset link that has expired
resetting my password
logging in to my account
getting back into my account
my locked account
why I can't log in""",
    },
    "change_email": {
        "say": """[Can|Could] you [change|update] my email [address|] [to {email}|]?
[Please change|I need to change|I have to update] [my email|the email on my account].
I have a new email [address|], [{email}|please update it].
[How|Where] do I [change|update] my email address?
My [old email|email] is [no longer right|wrong], please [use|take] {email}.
[Use|Write to] {email} from now on, not my old email.
I [want|need] to use [a new|another] email [address|] for my account.
Please set {email} as my new email.
I want to [change|update|replace] the email [on|of] my account.
Please [change|update] my email to {email}.
Please [write|send everything] to my new email, {email}.
[Can|Could] I [change|replace] my email address?
[Can|Could] I use [another|a new|a different] email for my account?
Is it possible to [change|update] [my email|the email of my account]?
My email [address|] is [now|no longer the old one, it is] {email}.
My email is [old|wrong], please [change|update] it.
I [got|have] a new email, {email}, please [change|update] it on my account.
I [do not use|lost|closed] my old email, please use {email}.
I [typed|gave|have] the wrong email [address|] on my account.
There is a [typo|mistake] in [my email|the email on my account].
The email [you have|on my account] is [old|wrong|not mine].
You [have|use] my old email [address|], it should be {email}.
Where [do|can] I [enter|set] a new email [address|] [for my account|]?
How do I [replace|change] [my old email|the email I use]?
What do I do to [change|update] my email address?
[Change|Set] the email of my account to {email}.
[Change|Update|Replace] my email [address|], please.
Take {email} as my email, [please|not the old one].
From [now|today] on my email is {email}.
I need to [set|use] {email} on my account.
I would like [a new|another|a different] email on my account.
I would like {email} to be my email address.
My account [has|still has] my old email, please replace it.
Please correct my email address, [it is {email}|it has a typo].
Does my account have the right email? It should be {email}.""",
        "want": """replace my old email
use another email address
have a new email on my account
change my email to {email}
change the email on my account
change my old email address
update my email
update my email address to {email}
replace the email on my account
replace my old email with {email}
use {email} as my email
use a new email for my account
use a different email address
set {email} as my email
set a new email for my account
have my email changed
have {email} on my account
correct my email address
correct the email on my account
know how to change my email
know where to update my email address
give you my new email""",
        "thing": """changing my email
the email on my account
a wrong email address on my account
a change of my email address
a new email address
{email} as my new email
my old email that I no longer use
updating the email on my account
replacing my old email
a typo in my email address
using {email} for my account
the wrong email on my account""",
    },
    "delete_account": {
        "say": """[Can|Could] you [delete|close|remove] my [account|profile]?
I [want|need] [you to delete my account|my account deleted|my account removed].
[How|Where] [can|do] I [delete|close|remove] my [account|profile|data]?
Please [close|remove|delete] my [account|profile] [today|for good|].
[Delete|Remove] all [my data|data about me].
I do not want [an account|my account] anymore.
I [want|would like] to [close|remove] my [account|profile].
Take my data out of your shop and close my account.
I [want|would like] to [delete|remove] my [account|profile|data].
I want you to [delete|remove] [all|] my data.
I want [no account|no profile] with you anymore.
I would like you to [close|delete] my account.
I [no longer need|do not use] my account, [please|] [close|delete|remove] it.
Please [delete|remove] everything you have about me.
Please delete my [profile|account] and [all|] my data.
Please close the account [of|with] {email}.
My account should be [closed|deleted|removed] [today|for good|].
My data should be [deleted|removed] [from your shop|today|].
[Can|Could] my [account|profile|data] be [deleted|removed]?
[Can|Could] I have my [account|profile] [closed|deleted]?
Is it possible to [delete|close] my [account|profile]?
Is there a way to [delete|remove] my [account|profile|data]?
What do I have to do to [close|delete] my account?
What happens to my data when I close my account?
How long does it take to [delete|close] [an|my] account?
Has my [account|profile] been [closed|deleted] [yet|as I asked|]?
I asked you to [close|delete] my account, [is it gone|why is it still there]?
I am leaving your shop, [please|] [close|delete] my account.
I will not shop here anymore, [delete|remove] my [account|profile].
I found no way to [delete|close] my account.
I have two accounts, please [delete|close] one of them.
[Close|Delete] [it|my account] for good, please.
[Delete|Remove] my [profile|account], I do not need it.
Take my [name|profile] and my data out of your shop.
Account {email}: please [close|delete] it.""",
        "want": """remove my account
delete my profile
have my account closed
get my data deleted
delete my account for good
delete my account and all my data
delete all my data
delete the account of {email}
close my account for good
close the account I do not need
remove my profile
remove all my data
remove my account and my data
have my account deleted
have my profile removed
have my data deleted from your shop
get my account closed
get my profile deleted
get rid of my account
know how to delete my account
know how to close my account
ask you to delete my data
leave your shop and close my account""",
        "thing": """deleting my profile
my account that should be closed
removing my account
deleting my data
deleting my account for good
closing my account and removing my data
the deletion of my account
how to delete my account
how to close my account
an account I do not need anymore
my data that should be deleted
my profile that should be removed""",
    },
    "unsubscribe": {
        "say": """[Please stop|Stop|Please end] the [newsletter|ads|emails].
I [do not want|want no more] [ads|newsletters|emails from you].
[Can|Could] you [stop sending|stop] [me emails|the newsletter|your ads]?
[Please take|Take|Please remove] me [off|from] [your|the] [mailing|newsletter] list.
[How|Where] [do|can] I [unsubscribe|stop the newsletter]?
I get [too many|so many] [emails|ads|newsletters] from you.
[Unsubscribe|Remove] {email} from your newsletter.
I never asked for your [newsletter|ads].
[Please unsubscribe|Unsubscribe] [me|{email}] from [the|your] [newsletter|mailing list].
[Please send|Send] [me|us] no more [newsletters|ads|emails].
I [want|would like] to [stop|end] [the|your] [newsletter|ads].
I [want|would like] to get [no more|fewer] [emails|newsletters|ads] from you.
I want [off|to get off] [your|the] mailing list.
I [no longer want|do not read|do not need] your [newsletter|ads].
I do not want [to be on your mailing list|any more emails].
I [unsubscribed|tried to unsubscribe], but [the newsletter|the emails] still come.
I clicked on unsubscribe, but I still get your [newsletter|ads|emails].
I get your newsletter [twice|every day], please stop it.
Your [newsletter comes|ads come] [every day|too often], please stop.
Why do I [still|] get your [newsletter|ads]? I unsubscribed.
Why am I on your mailing list?
Who put me on your mailing list? Please take me off.
How do I [end|stop] [the|your] [newsletter|ads|emails]?
How do I get off [your|the] [mailing|newsletter] list?
Where is the [link|button] to unsubscribe?
The unsubscribe [link|button] [does not work|is missing].
Can I [stop|end] [the|your] [newsletter|ads]?
[Can|Could] you take me off [the|your] [mailing|newsletter] list?
Is it possible to [unsubscribe|get no more ads]?
Enough [ads|newsletters|emails], please [stop|unsubscribe me].
No [ads|more ads|more emails] to {email}, please.
[Stop|Please stop] writing to me about new offers.
[Stop|End] my newsletter, please.
My inbox is full of your [ads|newsletters], please stop.
Take {email} off your newsletter, please.""",
        "want": """get no more newsletters
stop your newsletter
stop the ads in my email
unsubscribe
unsubscribe {email}
unsubscribe from the mailing list
unsubscribe from your ads
get off your mailing list
get off the newsletter list
get no more ads from you
get fewer emails from you
stop getting your newsletter
stop the newsletter
stop your emails
end the newsletter
end my newsletter
have {email} taken off the mailing list
have the newsletter stopped
know how to unsubscribe
know how to get off your mailing list
ask you to stop your ads
be removed from your mailing list""",
        "thing": """too many emails from you
the ads in my email
getting off your mailing list
unsubscribing from the newsletter
your ads
your newsletter that I do not want
how to unsubscribe
how to get off the mailing list
emails I do not want anymore
stopping the newsletter
too many ads from you
the unsubscribe link""",
    },
    "loyalty_points": {
        "say": """[How|Where] [can|do] I [use|see|spend] my [points|loyalty points]?
How many [points|loyalty points] [do I have|are on my account|are left]?
I [have not received|did not get|never got] [my|any] points [for order {order}|for the {product}|].
[When do|Do] my points expire?
How do I [earn|get] [points|loyalty points]?
Are my points still [good|there]?
I [want|would like] to [join|use] the loyalty program.
Can I [use|spend] my points [on|for] the {product}?
[Please tell|Tell] me how many points I have.
[Please check|Check] my points [balance|for order {order}].
What can I [do with|get for|buy with] my points?
What [is my points balance|are my points worth]?
How much [is one point|are my points|are one hundred points] worth?
How many points do I [need|get] for [a discount|the {product}|{amount}]?
How many points [did I get|are there] for order {order}?
How long are my points good?
How does your loyalty program work?
[Can|Could] I [join|leave] [the|your] loyalty program?
Can I [give|send] my points to my {person}?
Where do I [find|see] [my points|how many points I have]?
When [will|do] I get the points for [order {order}|the {product}]?
Why [do I have no points|did I get no points] for [order {order}|the {product}]?
Why did my points expire?
Do I [get|earn] points for [the {product}|every order|gift cards]?
Do you have a loyalty program?
My [loyalty|] points are [gone|missing|not there].
My points balance is [wrong|zero|too low].
I [bought|ordered] the {product} and got no points.
I had [more|one hundred] points, where are they?
I [want|would like] to [see|spend|use] my [loyalty|] points.
I want to pay [for the {product}|] with my [loyalty|] points.
I earned points [on {date}|with order {order}], but they are [missing|not there].
Order {order} gave me no points.
Is there a loyalty program [I can join|for customers]?
The points for [order {order}|the {product}] are missing.""",
        "want": """spend my points
get points for order {order}
know when my points expire
earn loyalty points
use my loyalty points
use my points for the {product}
pay with my points
pay for the {product} with my points
spend my loyalty points
see my points balance
see how many points I have
join your loyalty program
get the missing points for order {order}
get loyalty points for the {product}
earn points
earn points with order {order}
know how your loyalty program works
know what my points are worth
know how many points I get for the {product}
find out why my points are missing
find out how many points I have
check my points
ask about my loyalty points""",
        "thing": """points for order {order}
missing points
how to earn points
my points balance
my missing points
the loyalty program
joining the loyalty program
how your loyalty program works
how many points I have
using my points
paying with my loyalty points
points I did not get for the {product}
what my points are worth""",
    },
    "bulk_order": {
        "say": """[We|I] [need|want] [fifty|one hundred|sixty] of the {product} [for our school|for our office|for my company].
[Can|Could] I get a [quote|price] for [a bulk order|a large order|one hundred of the {product}]?
[Is there|Do you have] a [bulk|business] [price|discount] [for the {product}|]?
[We|I] [want|would like] to [place|make] a [bulk|large] order.
[My company|Our school|Our office] wants to [order|buy] [many of the {product}|the {product} in bulk].
Do you [take|accept|offer] bulk orders?
Please send a quote for [forty|eighty|two hundred] of the {product}.
What do [fifty|ninety|two hundred] of the {product} cost in bulk?
[We|I] [want|need|would like] [forty|sixty|ninety] of the {product}, can you send a quote?
[We|I] [want|would like] to buy [fifty|one hundred|two hundred] of the {product}.
[We|I] plan a [large|bulk] order of the {product}.
We are a [company|school] and [want|need] the {product} in bulk.
We are a [business|company] and [want|need] [many|fifty] of the {product}.
[My|Our] company [wants|plans] to place a [bulk|large] order.
Our [school|office|company] [needs|wants] [one hundred|sixty|many] of the {product}.
Do you [offer|have] [bulk prices|a bulk discount] [for schools|for companies|for businesses|]?
Do [schools|companies|businesses] get a discount [for bulk orders|on large orders]?
Do you take [large|bulk] orders [from schools|from companies|for the {product}]?
Is there a discount [for|on] [a bulk order|a large order|large quantities]?
Is it possible to [order|buy] the {product} in [bulk|large quantities]?
How much is the {product} [in bulk|for a large order]?
How much would [fifty|eighty|two hundred] of the {product} be in bulk?
What [price|discount] do we get for [one hundred|two hundred] of the {product}?
What discount do you give on large [orders|quantities]?
[Can|Could] you [send|make|give] [us|me] a quote for a [bulk|large] order?
[Can|Could] you [send|make|give] us a quote for [fifty|two hundred] of the {product}?
[Can|Could] our [school|company] buy the {product} in bulk?
[Please give|Give] us a [bulk price|quote] for the {product}.
[Please send|Send] [me|us] your bulk prices [for the {product}|].
I need a [business|bulk] price for [forty|ninety] of the {product}.
I [want|would like] a quote for [a bulk order|a large quantity] of the {product}.
How many of the {product} do we have to buy for a bulk price?
From what quantity do you give a bulk [price|discount]?
Large order: [sixty|eighty|one hundred] of the {product} for our [office|school].
A quote for [a bulk order|ninety of the {product}], please.""",
        "want": """order the {product} in bulk
order one hundred of the {product}
get a bulk price for my company
place a large order
place a bulk order for our school
place a large order for my company
order fifty of the {product}
order two hundred of the {product} for our office
order a large quantity of the {product}
buy one hundred of the {product}
buy many of the {product} for my company
buy the {product} in large quantities
get a bulk price for the {product}
get a bulk discount
get a quote for a bulk order
get a quote for one hundred of the {product}
get a discount on a large order
have a quote for two hundred of the {product}
know the bulk price of the {product}
know if you take bulk orders
ask for a quote for our school
ask for a discount on large quantities""",
        "thing": """a large order for my company
the bulk price of the {product}
fifty of the {product} for our office
buying the {product} in bulk
a bulk discount for our school
a discount on a large order
a quote for one hundred of the {product}
a quote for our company
a large quantity of the {product}
a bulk order of the {product} for our school
your bulk prices for companies
two hundred of the {product} for my company""",
    },
    "talk_to_human": {
        "say": """[Can|Could] I [talk|speak] [to|with] [a person|a human|an agent|a manager|someone]?
I [want|need] to [talk|speak] [to|with] [a person|a human|an agent|a manager].
[Please connect|Connect|Please transfer] me to [a person|a human|someone|a manager].
Please [have someone call me|let someone call me|call me] [back|at {phone}].
I [want|need] a [human|person|real person], not a [bot|machine].
Is there [someone|an agent|a person] I can [talk to|speak with]?
Are you a bot? I want a person.
I need a call from [a manager|an agent|someone], my number is {phone}.
[Can|Could|May] I [talk|speak] [to|with] [a real person|a real human|your manager]?
[Can|Could] you [connect|transfer] me to [an agent|a person|a human|a manager]?
[Can|Could] [someone|an agent|a manager] call me [back|today|at {phone}]?
I [want|would like|need] to [talk|speak] [to|with] [someone|a real person|a human agent].
I [want|would like] [a call|a call back] from [an agent|a manager|a real person].
I [would like|want] to be [called back|connected to an agent|transferred to a manager].
I would rather [talk|speak] to a [person|human] than to a [bot|machine].
I do not want to [talk|write] to a [machine|bot], [connect me to a person|give me a human].
I want to hear a [real|human] voice, not a [bot|machine].
Let me [talk|speak] [to|with] [someone|a person|your manager|a human].
Get me [a human|an agent|a manager|a real person], please.
[Please give|Give] me [an agent|a real person|a manager].
[Please let|Let] me [talk|speak] to [a human|a real person|someone].
[Please call|Call] me [today|at {phone}|on {weekday}].
My number is {phone}, can [someone|an agent|a manager] call me back?
Is this a [bot|machine]? I want to [talk to a person|speak with someone].
Are you a [human|real person] or a [bot|machine]?
Is there a [number|phone number] to [talk to|reach] [an agent|a person]?
Which number do I call to [talk to|reach|speak with] [a person|someone|an agent]?
How do I [reach|get] [a human|an agent|a real person]?
How can I [talk|speak] to [an agent|a manager|a human]?
When can I [talk|speak] to [someone|an agent|a manager]?
Where can I call to [talk|speak] to a person?
Do you have [agents|real people|humans] I can [talk to|speak with]?
No [bot|machine], please, I want [a human|a person|an agent].
[An agent|A human|A manager], please.
Transfer me to [a person|an agent|someone], please.""",
        "want": """speak with someone
get a call at {phone}
talk to a human
be connected to an agent
talk to a manager
talk to an agent
talk to someone on the phone
talk to a human, not to a bot
speak to a human
speak with a real person
speak with an agent on the phone
speak to your manager
be called back at {phone}
be connected to a person
be transferred to a manager
be transferred to a human
get a call from an agent
get a call back
get a real person on the phone
have an agent call me back
have someone call me at {phone}
reach a real person
reach a human
know which number to call to reach an agent""",
        "thing": """speaking to a manager
a call back
a human to talk to
a call from a manager
a call back at {phone}
an agent I can talk to
speaking with a real person
speaking to an agent
talking to a human
talking to a manager
getting a person on the phone
how to reach an agent
being connected to a human""",
    },
    "complaint": {
        "say": """[Your|The] [service|staff|support] [is|was] [terrible|very bad|rude|awful].
I am [very|really|so] [angry|unhappy|disappointed] [with your service|with your staff|about this].
I [want|have] to complain [about your driver|about your service|].
This is a [complaint|shame].
What a [terrible|bad|very bad] [shop|service].
I [will never|do not want to] [buy|shop] here again.
The [driver|man in your store|person on the phone] was [rude|awful|unfriendly] [to me|].
I have a complaint about [your staff|your service|how I was treated].
I am [angry|unhappy|upset] [about|with] [your service|your staff|your driver].
I am [very|so|really] upset [about how I was treated|with your service].
I am writing to complain [about your staff|about your service|].
I [want|would like] to [make|file] a complaint [about your staff|about your driver|].
I have never had such [bad|awful|terrible] service.
I have never been treated so [badly|rudely].
I was treated [badly|rudely] [by your staff|in your store|on the phone].
[Your staff|Your driver|The person on the phone] [treated me badly|did not care|was not helpful].
[Your staff|Your driver|The man on the phone] shouted at me.
[Nobody|No one] [helps me|answers|cares] [at your shop|], this is [awful|terrible|a shame].
No one at your shop [cares|helps], I am [angry|disappointed].
How can your [staff|driver|service] be so [rude|bad|unfriendly]?
Why is your [service|staff|support] so [bad|rude|unfriendly]?
What [awful|rude|unfriendly] staff you have!
What a [shame|bad shop], I [am very disappointed|will never come back].
[Shame|Shame on you], your service is [awful|terrible].
This is the worst [service|shop|support] [ever|I have ever had].
Worst [service|shop] ever, I will never [buy|come] again.
You have the worst [service|staff|support].
You [lost|will lose] a customer, your service is [bad|awful|terrible].
I expected more from you, I am [disappointed|unhappy].
I am a disappointed customer [and will not come back|].
I am not happy with [your service|your staff|how I was treated].
It is a shame how [rude|bad] your [staff|service] is.
My complaint is about [your rude driver|your bad service|your staff].
Please [take|read] my complaint: your [staff|driver] was [rude|unfriendly].
Your {shop} store [is terrible|has awful service], I am [angry|upset].""",
        "want": """say how bad your service is
complain about your driver
tell you how angry I am
make a complaint about your staff
make a complaint about your driver
make a complaint about how I was treated
file a complaint
file a complaint about your service
complain about a rude driver
complain about how I was treated
complain about your support
complain about your rude staff
complain to your manager about bad service
say how angry I am
say how unhappy I am with your service
say that your staff was rude
say that your service is terrible
tell you how disappointed I am
tell you that your driver was rude
tell you that I was treated badly
inform you that I am disappointed
inform you that I am very unhappy""",
        "thing": """how angry I am
how rude your driver was
a complaint about your staff
your terrible service
your rude driver
the bad service in your store
how badly I was treated
how disappointed I am
how bad your service is
a complaint about your service
a complaint about your driver
the awful support I got
staff that was rude to me""",
    },
    "praise": {
        "say": """[Your|The] [service|team|support] [is|was] [great|wonderful|perfect|very helpful].
I am [very|so] happy with [the {product}|your service|my order].
[Thank you|Thanks] [so much|] for the [great|quick|wonderful] [help|service|delivery].
[Great|Wonderful|Perfect] [service|shop|job], [thank you|thanks].
The {product} is [great|perfect|beautiful], [thank you|thanks|I love it].
I [just|] wanted to [thank|praise] your team.
What a [great|wonderful] [shop|team|service].
[My {person} and I love|We love|I love] the {product}.
[Your|The] [staff|driver|support] was [so|very] [kind|friendly|helpful], [thank you|thanks].
[Your|The] [delivery|service|help] was [great|quick|perfect], [thank you|thanks].
I [just|] [want|wanted] to say [thank you|thanks|that your team is great].
I [just|] want to tell you [how great your service is|that I love the {product}].
I am so [happy|pleased] [with the {product}|with your shop], [thank you|thanks].
I am a [very|] happy customer.
I have never had such [great|good|friendly] service.
I will [buy|shop|come] again, your [service|shop|team] is [great|wonderful].
I love [your shop|your service], [great job|keep it up].
I could not be happier with [the {product}|your service].
[Many thanks|Thank you|Thanks] to [your team|your driver|your staff], they were [great|so kind].
[Many thanks|Thanks a lot] for the [wonderful|beautiful|perfect] {product}.
[Many thanks|Thank you] for your [kind|great|quick] [help|service].
[Great|Perfect|Wonderful] {product}, I [love it|am very happy].
Everything was [great|perfect|wonderful], [great job|keep it up|many thanks].
The {product} [came|arrived] [quickly|on time] and is [perfect|beautiful], [thank you|thanks].
The {product} is [even better|more beautiful] than I [expected|hoped], thank you.
The {product} makes [me|my {person}] so happy, thank you.
My {person} is so happy with the {product}, [thank you|many thanks].
My {person} and I are very [happy|pleased] with [your service|the {product}].
This is the best [shop|service|{product}] [ever|I have ever had].
You are the best, [thank you|thanks].
You [helped me so much|did a great job|were so helpful], [thank you|thanks].
You have a [great|wonderful|friendly] team.
What a [beautiful|wonderful|great] {product}, I love it.
Please [thank|tell] your [team|driver|staff]: [great job|everything was perfect].
Five stars for your [shop|service|team].""",
        "want": """thank your team
say how great your service is
praise your service
say thanks
say thanks to your team
say how much I love the {product}
say how happy I am with your service
say that your staff was so kind
say that everything was perfect
thank you
thank your driver
thank you for the great service
thank the person who helped me
praise your staff
praise your great service
tell you that I love the {product}
tell you that your team was wonderful
tell you how great your shop is
tell you how kind your driver was
inform you that everything was perfect
inform you that the {product} is wonderful
give your shop five stars""",
        "thing": """your wonderful team
how helpful your team was
praise for your service
how much I love the {product}
how happy I am with your service
how kind your driver was
how great your team is
your great team
your kind staff
the wonderful {product} I love
praise for your team
my thanks to your team
a happy customer and a great shop""",
    },
}

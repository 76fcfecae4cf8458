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
Do you have any [news|information] on [my order|order {order}]?""",
        "want": """see the status of order {order}
get news about my order
hear how my order is going""",
        "thing": """how my order is going
news on order {order}""",
    },
    "cancel_order": {
        "say": """[Can|Could] you [cancel|stop] [my order|order {order}] [for me|]?
[Please stop|Stop] order {order}, I [changed my mind|do not need it anymore].
I no longer want [my order|order {order}|the {product}], [please cancel it|cancel it please].
I need to cancel [my order|the order for the {product}].
Is it still possible to cancel [order {order}|my order]?
My order was a mistake. [Please cancel it|Cancel it].
I have to cancel [order {order}|what I ordered on {date}].
How can I cancel [my order|the {product}]?""",
        "want": """cancel everything I ordered
take back my order before it ships
cancel an order by mistake""",
        "thing": """an order I want to cancel
how to cancel order {order}""",
    },
    "change_order": {
        "say": """[Can|Could] I [change|edit] [my order|order {order}]?
I [want|would like] to add {a_product} to [my order|order {order}].
Please [change|edit] the [size|color|quantity] in [my order|order {order}].
I need [two|three] of the {product} in my order, not one. Please change that.
I [forgot|want] to add {a_product} to order {order}.
Is it possible to add [another item|{a_product}] to my order?
I chose the wrong [size|color] in order {order}, please change it.
Make it [two|three] of the {product} in order {order}, please.""",
        "want": """edit my order
add another item to my order
take an item off order {order}
change the color in order {order}""",
        "thing": """editing my order
adding an item to order {order}
the quantity in my order""",
    },
    "change_address": {
        "say": """[Can|Could] you [update|change] my [shipping|delivery] address?
I [gave|typed] the wrong [delivery|shipping] address.
I [moved|have moved] and [need|want] to change my address.
[Order {order}|My order] goes to the wrong address, please [change|update] it.
Please [update|change] [my address|the address of order {order}].
I live in {city} now, the address must be changed.
Can order {order} go to [another|a new] address?
My [old address|address] is [wrong|no longer right].""",
        "want": """change where my order is sent
give you my new address
have my order sent to another address""",
        "thing": """the address of my order
my new address in {city}
a wrong delivery address""",
    },
    "return_item": {
        "say": """[Can|Could] I [return|send back] [the {product}|order {order}|an item]?
I [need|want] a return label [for the {product}|for order {order}|].
How [can|do] I [return|send back] [the {product}|my order]?
I [do not want|do not like] the {product}, I want to [return it|send it back].
What do I do to [return|send back] the {product}?
The {product} is not what I expected. I [want|would like] to return it.
Please take the {product} back.
I bought the {product} on {date} and want to return it.""",
        "want": """return an item
send back the {product}
return what I bought on {date}
give back the {product}""",
        "thing": """the return of the {product}
a return label
how to return an item""",
    },
    "refund_status": {
        "say": """[When|How soon] [will|do] I get my [refund|money back]?
I [still|] have not [received|seen] my refund.
My refund [has not come|is not here] yet.
Did you [send|pay] my refund [for order {order}|of {amount}|]?
I am [still|] waiting for my money back.
Where is the refund for [order {order}|the {product}]?
Has the refund of {amount} been paid?
I returned order {order} [weeks ago|on {date}], where is my money?""",
        "want": """know when I get my refund
know if my refund was sent
ask where my money is""",
        "thing": """a refund that has not arrived
when my refund comes
the status of my refund""",
    },
    "exchange_item": {
        "say": """[Can|Could] I [exchange|swap] [the {product}|an item] for [another size|a different color]?
I [need|want] a [bigger|smaller] size, can we [exchange|swap] it?
I [want|would like] to [exchange|swap] [my|the] {product}.
How can I [exchange|swap] the {product} for [another one|a different one]?
Please [exchange|swap] the {product} [for me|for a bigger one].
The {product} does not fit. Can I have [another size|a bigger one] instead?
I [need|want] an exchange for the {product}.
Can order {order} be exchanged?""",
        "want": """get another size instead
swap an item
exchange order {order}
have a bigger one instead""",
        "thing": """an exchange of the {product}
getting another size instead
swapping an item""",
    },
    "damaged_item": {
        "say": """[My|The] {product} [arrived|came] [broken|damaged|cracked].
[My|The] {product} was [broken|damaged|cracked] when [it arrived|I opened the box].
There is a [crack|scratch|hole] in the {product}.
[Order {order}|My order] came [damaged|broken].
The {product} you sent is [broken|damaged].
I [received|got] a [damaged|cracked|broken] {product}.
The {product} has a [big|bad] [scratch|crack].
The box was [open|crushed] and the {product} broken.""",
        "want": """tell you that the {product} is cracked
report that order {order} arrived damaged
report a broken item""",
        "thing": """damage to my {product}
a cracked {product}
an item that came broken""",
    },
    "wrong_item": {
        "say": """You [sent|shipped] the wrong [product|item|{product}].
I [received|got] the wrong [item|product|color].
This is the wrong {product}.
I [ordered|asked for] {a_product}, [but you sent|and you sent] {a_other}.
There is {a_other} in the box, but I ordered {a_product}.
[Order {order}|My order] has the wrong [item|product] in it.
I did not order {a_other}.
What you sent is not what I ordered.""",
        "want": """tell you that this is not what I ordered
report that I received the wrong product
say that the wrong item came""",
        "thing": """a wrong item
an item I did not order
the wrong product you sent""",
    },
    "missing_item": {
        "say": """[Part|One item] of [my order|order {order}] is missing.
[The {product}|One item] [was|is] missing from [the box|my package|order {order}].
I [did not get|never got] the {product} from order {order}, the rest came.
[Something|One thing] is missing in [my order|the package].
The package [came|arrived] without [the {product}|all the parts].
Not everything was in the [box|package].
I ordered {a_product} and {a_other}, but [only one was|one was not] in the box.
The [manual|cable|key] for the {product} is missing.""",
        "want": """report missing parts
say that an item was not in the package
tell you that one item is missing""",
        "thing": """an item that was not in the package
a missing {product}
something missing from order {order}""",
    },
    "late_delivery": {
        "say": """[My package|My order|Order {order}] is [late|very late|overdue].
[My package|My order|Order {order}] has not [arrived|come] yet.
I am still waiting for [my package|the {product}|order {order}].
[My order|The {product}] should have [come|been here] [by now|last week|on {date}].
You promised [delivery|the {product}] [by|for] {date}, and nothing came.
How much longer do I have to wait for [my order|the {product}]?
[Weeks|Ten days] have passed and [my order|the {product}] is not here.
Why is [the {product}|order {order}] taking so long?""",
        "want": """know why my package is not here yet
tell you that order {order} is late
report a late delivery""",
        "thing": """an order that is late
why my package takes so long
my overdue package""",
    },
    "track_package": {
        "say": """[What is|Give me|Send me] the tracking number [of|for] [order {order}|my order|my package].
[Can|Could] you [send|give] me [the|a] tracking [link|number]?
How can I track [my order|order {order}|the {product}]?
I [need|want] [the|a] tracking [link|number].
I can't [find|open] the tracking [link|number].
[Where|How] can I track [my package|order {order}]?
The tracking [number|link] for order {order} is [wrong|not working].
Is there a way to track my package?""",
        "want": """see the tracking of my package
find my tracking number
follow my package with a tracking link""",
        "thing": """how to track my package
the tracking number of order {order}
tracking order {order}""",
    },
    "delivery_time": {
        "say": """How [long|many days] [does|will] [delivery|shipping] [to {city}|] take?
[When|How soon] would [my order|the {product}] [arrive|be here] if I order [now|today]?
How [fast|soon] can you [deliver|ship] [the {product}|to {city}]?
How many days does it take to [ship|deliver] to {city}?
What is the delivery time [for|of] the {product}?
Can I get the {product} [by|before] {date} if I order now?
How long would I wait for {a_product}?
How quick is your [delivery|shipping]?""",
        "want": """know how soon you can deliver
know the delivery time for the {product}
ask how fast shipping is""",
        "thing": """how fast you deliver
how many days shipping takes
the delivery time for {city}""",
    },
    "shipping_cost": {
        "say": """How much [is shipping|is delivery|does shipping cost|does delivery cost] to {city}?
What [is|are] [the|your] shipping [fee|fees|cost]?
How [expensive|much] is [shipping|delivery|express shipping]?
Do you charge for [shipping|delivery]?
What do you charge for [shipping|delivery] [to {city}|]?
What does it cost to [ship|deliver] [to {city}|the {product}]?
Is [shipping|delivery] free [to {city}|for the {product}|]?
What would shipping [to {city}|of the {product}] cost?""",
        "want": """know the shipping cost
know how much delivery is
ask what delivery to {city} costs""",
        "thing": """how much shipping is
the shipping fee
what delivery costs""",
    },
    "international_shipping": {
        "say": """[Can|Could|Do] you [ship|deliver] [to {country}|to other countries]?
[Can|Could] you ship [the {product}|my order] to {country}?
I am in {country}, do you [ship|deliver] here?
Do you [offer|have] [international|worldwide] [shipping|delivery]?
Can I order [the {product}|from you] if I live in {country}?
Is shipping to {country} possible?
My {person} lives in {country}, can you send {a_product} there?
Do you sell to people in {country}?""",
        "want": """ship {a_product} to {country}
know if you deliver to other countries
get my order delivered in {country}""",
        "thing": """sending a package to {country}
orders from {country}
worldwide shipping""",
    },
    "store_hours": {
        "say": """[When|At what time] [do you|does the store] [open|close] [on {weekday}|]?
[What|Which] hours [are you|is the store] open [on {weekday}|]?
What are [your|the] [store|opening|business] hours [on {weekday}|]?
How [long|late] is the store open [on {weekday}|today]?
Is your [store|shop] open [on {weekday}|today|now]?
Are you open [on {weekday}|this {weekday}|tomorrow|today]?
Until when are you open [on {weekday}|today]?
What time do you close?""",
        "want": """know when you are open
know until when the store is open
ask about your hours on {weekday}""",
        "thing": """when you are open
your hours on {weekday}
the time the store opens""",
    },
    "store_location": {
        "say": """Where [is|can I find] [your|the] [store|shop] [in {city}|]?
[What is the address of your store|Which address does your store have] in {city}?
Do you have a [shop|store] [in|near] {city}?
Is there a [store|shop] [in|near] {city}?
How do I [find|get to] your [shop|store] [in {city}|]?
Where in {city} [is your store|are you]?
I am looking for your [store|shop] in {city}.
I want to [come to|visit] your [store|shop]. Where [is it|are you located]?""",
        "want": """know where your shop is located
come to your store in {city}
find the nearest store""",
        "thing": """how to find your store
the address of your store
where your shop in {city} is""",
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
Tell me [more|something] about the {product}.""",
        "want": """know how the {product} works
know the size of the {product}
get more information on the {product}
know what the {product} is made of""",
        "thing": """how the {product} works
more information on the {product}
what the {product} is made of""",
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
Can I still [get|order|buy] the {product}?""",
        "want": """know if the {product} is sold out
know if you still have the {product}
know when the {product} is back in stock""",
        "thing": """whether the {product} is in stock
if the {product} is sold out
how many of the {product} are left""",
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
Give me the price of the {product}, please.""",
        "want": """hear the price of {a_product}
know how much the {product} is
ask what {a_product} costs""",
        "thing": """how much the {product} is
the cost of the {product}
prices of the {product}""",
    },
    "price_match": {
        "say": """[Can|Could|Will] you match [a lower price|the price of another store|{amount}]?
[Another|The other] [shop|store] has a [lower|better] price for the {product}. [Can|Will] you match it?
I [saw|found] the {product} [cheaper|for less] [at another store|elsewhere|online].
The {product} is cheaper [at another store|elsewhere|online], can you match the price?
Do you [match|beat] [lower prices|the prices of other stores]?
I [saw|found] a [lower|better] price for the {product}, do you match that?
It costs {amount} [elsewhere|at another shop]. Do you [match|beat] that?
Can I get a price match?""",
        "want": """get the lower price of another store
have the price matched
get the same price as at another shop""",
        "thing": """a lower price at another store
your price match
the cheaper price elsewhere""",
    },
    "discount_code": {
        "say": """[My|The] [discount|coupon] code [is not working|does not work|is not accepted].
[How|Where] [do|can] I [use|enter] [my|a] [discount code|coupon|coupon code]?
Can you give me a [discount|coupon|discount code]?
The [code|coupon|discount code] {code} [does not work|is not accepted|has expired].
Is there a [discount|coupon] [code|] I can use?
I have a [coupon|discount code], how do I use it?
[Please|Can you] apply the [coupon|code|discount code] {code} to my order.
I [forgot|tried] to use the [coupon|code] {code}.""",
        "want": """enter a discount code
apply the code {code}
know why my coupon does not work
get a coupon""",
        "thing": """a coupon code
the discount code {code}
a code that does not work""",
    },
    "payment_methods": {
        "say": """[Can|Could] I pay [by|with|in] {payment}?
[Do you|Does your store] [take|accept] {payment}?
[What|Which] [payment methods|cards|ways to pay] do you [have|offer|accept|take]?
What ways to pay [are there|do I have]?
Is {payment} [okay|possible|accepted]?
[How|In what ways] [can|may] I pay [for my order|at your shop]?
I only have {payment}, can I pay with that?
Can I use {payment} to pay?""",
        "want": """know if you take {payment}
use {payment} to pay
ask how I can pay""",
        "thing": """ways to pay
whether you take {payment}
how I can pay""",
    },
    "payment_failed": {
        "say": """[My|The] payment [was declined|failed|did not work].
I [can't|could not] pay [for order {order}|with my card|at checkout|].
[My|The] card [is|was] not accepted [at checkout|].
I [get|see] an error when I [pay|try to pay].
Why [did|does] my payment [fail|not go through]?
The checkout [fails|shows an error|does not work] [every time|].
I tried [two times|my card twice] but the payment [failed|was declined].
Payment [of {amount}|for order {order}] [failed|was declined].""",
        "want": """know why I can't pay
report an error at checkout
know why my card was declined""",
        "thing": """a payment that failed
a payment that was declined
the error when I pay""",
    },
    "double_charge": {
        "say": """[I was|My card was] [charged|billed] [twice|two times] [for order {order}|for the {product}|].
You [charged|billed] me [twice|two times] [for order {order}|].
I see [two|double] charges [of {amount}|for order {order}|on my card].
I paid [twice|two times] for [one order|order {order}|the {product}].
There is a double charge [of {amount}|on my card|for order {order}].
Why was I [charged|billed] [twice|two times]?
Order {order} shows up twice on my card.
The same [charge|payment] was taken [twice|two times].""",
        "want": """tell you that I was charged two times
report that my card was billed twice
ask why there are two charges""",
        "thing": """two charges of {amount}
a charge that was taken twice
paying twice for one order""",
    },
    "invoice_request": {
        "say": """[Can|Could] you [send|email] me [the|an] [invoice|receipt] [for order {order}|for the {product}|]?
I [need|want] [the|an] [invoice|receipt] [for order {order}|for my taxes|for my company].
[Where|How] [can|do] I [get|download|find] [my|the] [invoice|receipt]?
Please [send|email] me [a copy of|] the invoice [for order {order}|].
There was no [invoice|receipt] [in the box|with order {order}].
I [lost|can't find] [my|the] [invoice|receipt] [for order {order}|].
My boss needs the receipt for the {product}.
The [address|name] on my [invoice|receipt] is wrong.""",
        "want": """get a receipt
have the invoice sent to me
find the invoice for my order""",
        "thing": """a receipt
the invoice of order {order}
my lost receipt""",
    },
    "gift_card": {
        "say": """[How much|What amount] is [left|still] on [my gift card|gift card {code}]?
[Can|Where can] I [buy|get] a gift card?
[How|Where] [can|do] I [use|enter] my gift card?
[My|The] gift card [is not accepted|does not work|has expired].
I [want|need] a gift card [of|for] {amount}.
What is the balance on gift card {code}?
When does [my|a] gift card expire?
Please check [my gift card|gift card {code}].""",
        "want": """know how much is left on my gift card
get a gift card for my {person}
know when my gift card expires""",
        "thing": """buying a gift card
my gift card balance
a gift card that does not work""",
    },
    "gift_wrap": {
        "say": """[Can|Could] you [wrap|gift wrap] [it|my order|the {product}|order {order}]?
[Is|Do you have|Do you offer] gift [wrapping|wrap|paper]?
[Can|Could] you add a gift [message|card] [to order {order}|to the package|]?
Please [wrap|gift wrap] [my order|the {product}|order {order}].
I [want|need] [the {product}|my order] wrapped [as a gift|as a present|for my {person}].
It is a [gift|present] for my {person}, [please wrap it|can you wrap it]?
I [want|would like] to add [a gift message|gift wrapping].
Does the {product} come gift wrapped?""",
        "want": """get my order wrapped as a present
have order {order} wrapped
add gift paper""",
        "thing": """gift wrap for my order
gift paper for the {product}
a present that should be wrapped""",
    },
    "warranty_claim": {
        "say": """[Is my {product} still under|Does the {product} still have a|Is the {product} under] warranty?
[How|Where] do I [use|claim] the warranty [for|of] [my|the] {product}?
My {product} [stopped working|broke], is it [under warranty|covered by the warranty]?
I [want|need] to [make|file] a warranty claim [for order {order}|for my {product}|].
Does the warranty [cover|include] [the {product}|this]?
How long does the warranty [last|run] [for the {product}|]?
The {product} from {date} broke. I want to use the warranty.
[What|How long] is the warranty [on|of] the {product}?""",
        "want": """claim the warranty
file a warranty claim
know if there is a warranty on the {product}
know how long the warranty lasts""",
        "thing": """the warranty on my {product}
what the warranty covers
a claim under the warranty""",
    },
    "repair_request": {
        "say": """[Can|Could] you [fix|repair] [my|the] {product}?
[Where|How] can I get my {product} [fixed|repaired]?
I [need|want] [my {product} repaired|my {product} fixed|a repair].
Do you [repair|fix] [things|products|the {product}]?
[What|How much] does [a repair|fixing the {product}] cost?
I want [a repair|a spare part], not a new {product}.
Can I bring in my {product} for [repair|fixing]?
[Please repair|I need you to repair] my {product}.""",
        "want": """bring in my {product} for repair
know what a repair costs
get a spare part for my {product}
repair my {product}""",
        "thing": """a repair for my {product}
a spare part
having my {product} fixed""",
    },
    "assembly_help": {
        "say": """[How|Where] do I [start|begin] to [assemble|set up] the {product}?
I [do not know|can't find out] how to [assemble|install|set up] the {product}.
[Can|Could] you help me [assemble|install|set up] the {product}?
[Is there|Do you have] a [manual|video] for [setting up|assembling|installing] the {product}?
How [can|do] I [assemble|set up|install] [my|the] {product}?
I am trying to [assemble|set up|put together] the {product}, and [it does not fit|I am stuck].
[I need|Where are] the [setup|assembly] instructions for the {product}.
The {product} is hard to [assemble|install|put together].""",
        "want": """assemble the {product}
install the {product}
know how to set up the {product}
get the assembly instructions""",
        "thing": """how to set up the {product}
installing the {product}
putting the {product} together""",
    },
    "reset_password": {
        "say": """[I|We] [can't|could not] log in [to my account|].
[How|Where] [can|do] I [reset|change] my password?
[Please send|I need|Send] me a [new password|password reset link].
I [do not know|lost|forgot] my password.
[My|The] [login|password] [is not accepted|does not work].
My account [is|was] locked.
The [reset link|password reset] does not work.
I am locked out, [please help me log in|my password does not work].""",
        "want": """change my password
get back into my account
get a password reset link
log in again""",
        "thing": """my login
a new password
a locked account""",
    },
    "change_email": {
        "say": """[Can|Could] you [change|update] my email [address|] [to {email}|]?
[Please change|I need to change|I have to update] [my email|the email on my account].
I have a new email [address|], [{email}|please update it].
[How|Where] do I [change|update] my email address?
My [old email|email] is [no longer right|wrong], please [use|take] {email}.
[Use|Write to] {email} from now on, not my old email.
I [want|need] to use [a new|another] email [address|] for my account.
Please set {email} as my new email.""",
        "want": """replace my old email
use another email address
have a new email on my account""",
        "thing": """changing my email
the email on my account
a wrong email address on my account""",
    },
    "delete_account": {
        "say": """[Can|Could] you [delete|close|remove] my [account|profile]?
I [want|need] [you to delete my account|my account deleted|my account removed].
[How|Where] [can|do] I [delete|close|remove] my [account|profile|data]?
Please [close|remove|delete] my [account|profile] [today|for good|].
[Delete|Remove] all [my data|data about me].
I do not want [an account|my account] anymore.
I [want|would like] to [close|remove] my [account|profile].
Take my data out of your shop and close my account.""",
        "want": """remove my account
delete my profile
have my account closed
get my data deleted""",
        "thing": """deleting my profile
my account that should be closed
removing my account""",
    },
    "unsubscribe": {
        "say": """[Please stop|Stop|Please end] the [newsletter|ads|emails].
I [do not want|want no more] [ads|newsletters|emails from you].
[Can|Could] you [stop sending|stop] [me emails|the newsletter|your ads]?
[Please take|Take|Please remove] me [off|from] [your|the] [mailing|newsletter] list.
[How|Where] [do|can] I [unsubscribe|stop the newsletter]?
I get [too many|so many] [emails|ads|newsletters] from you.
[Unsubscribe|Remove] {email} from your newsletter.
I never asked for your [newsletter|ads].""",
        "want": """get no more newsletters
stop your newsletter
stop the ads in my email""",
        "thing": """too many emails from you
the ads in my email
getting off your mailing list""",
    },
    "loyalty_points": {
        "say": """[How|Where] [can|do] I [use|see|spend] my [points|loyalty points]?
How many [points|loyalty points] [do I have|are on my account|are left]?
I [have not received|did not get|never got] [my|any] points [for order {order}|for the {product}|].
[When do|Do] my points expire?
How do I [earn|get] [points|loyalty points]?
Are my points still [good|there]?
I [want|would like] to [join|use] the loyalty program.
Can I [use|spend] my points [on|for] the {product}?""",
        "want": """spend my points
get points for order {order}
know when my points expire
earn loyalty points""",
        "thing": """points for order {order}
missing points
how to earn points""",
    },
    "bulk_order": {
        "say": """[We|I] [need|want] [fifty|one hundred|sixty] of the {product} [for our school|for our office|for my company].
[Can|Could] I get a [quote|price] for [a bulk order|a large order|one hundred of the {product}]?
[Is there|Do you have] a [bulk|business] [price|discount] [for the {product}|]?
[We|I] [want|would like] to [place|make] a [bulk|large] order.
[My company|Our school|Our office] wants to [order|buy] [many of the {product}|the {product} in bulk].
Do you [take|accept|offer] bulk orders?
Please send a quote for [forty|eighty|two hundred] of the {product}.
What do [fifty|ninety|two hundred] of the {product} cost in bulk?""",
        "want": """order the {product} in bulk
order one hundred of the {product}
get a bulk price for my company""",
        "thing": """a large order for my company
the bulk price of the {product}
fifty of the {product} for our office""",
    },
    "talk_to_human": {
        "say": """[Can|Could] I [talk|speak] [to|with] [a person|a human|an agent|a manager|someone]?
I [want|need] to [talk|speak] [to|with] [a person|a human|an agent|a manager].
[Please connect|Connect|Please transfer] me to [a person|a human|someone|a manager].
Please [have someone call me|let someone call me|call me] [back|at {phone}].
I [want|need] a [human|person|real person], not a [bot|machine].
Is there [someone|an agent|a person] I can [talk to|speak with]?
Are you a bot? I want a person.
I need a call from [a manager|an agent|someone], my number is {phone}.""",
        "want": """speak with someone
get a call at {phone}
talk to a human
be connected to an agent""",
        "thing": """speaking to a manager
a call back
a human to talk to""",
    },
    "complaint": {
        "say": """[Your|The] [service|staff|support] [is|was] [terrible|very bad|rude|awful].
I am [very|really|so] [angry|unhappy|disappointed] [with your service|with your staff|about this].
I [want|have] to complain [about your driver|about your service|].
This is a [complaint|shame].
What a [terrible|bad|very bad] [shop|service].
I [will never|do not want to] [buy|shop] here again.
The [driver|man in your store|person on the phone] was [rude|awful|unfriendly] [to me|].
I have a complaint about [your staff|your service|how I was treated].""",
        "want": """say how bad your service is
complain about your driver
tell you how angry I am""",
        "thing": """how angry I am
how rude your driver was
a complaint about your staff""",
    },
    "praise": {
        "say": """[Your|The] [service|team|support] [is|was] [great|wonderful|perfect|very helpful].
I am [very|so] happy with [the {product}|your service|my order].
[Thank you|Thanks] [so much|] for the [great|quick|wonderful] [help|service|delivery].
[Great|Wonderful|Perfect] [service|shop|job], [thank you|thanks].
The {product} is [great|perfect|beautiful], [thank you|thanks|I love it].
I [just|] wanted to [thank|praise] your team.
What a [great|wonderful] [shop|team|service].
[My {person} and I love|We love|I love] the {product}.""",
        "want": """thank your team
say how great your service is
praise your service""",
        "thing": """your wonderful team
how helpful your team was
praise for your service""",
    },
}

/* shop.h - a shop: its facts, and the system prompt that states them behind a book of rules. */
#ifndef DEMO_SHOP_H
#define DEMO_SHOP_H

#include "demo/teller.h"

#define SHOP_FACTS 16

struct shop_fact {
    yyjson_val *kind; /* of models/demo.json: how it is asked for */
    struct str statement, value, thing;
};

struct shop {
    struct str name, system;
    struct shop_fact facts[SHOP_FACTS]; /* all of different kinds */
};

/* The prompt has `tokens` tokens, about. What goes wrong is in teller->failed. */
void shop_make(struct teller *teller, size_t tokens, struct shop *shop);

/* The customer's question about a fact. A complex one has others beside it, or details that do not matter. */
struct str shop_question(struct teller *teller, const struct shop *shop, const struct shop_fact *fact,
                         bool is_complex);

#endif

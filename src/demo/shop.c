/* shop.c - see shop.h. */
#include "demo/shop.h"

#define SYSTEM_BYTES_MAX (1u << 20)
#define TOKENS_PER_BYTE 0.27 /* of the embedded models on such text; numbers have a little more */
#define BOOK_LINE_EXAMPLES 3

static double tokens_of(struct str text) { return TOKENS_PER_BYTE * (double)text.len + 1; }

/* --- facts ---------------------------------------------------------------------------------------------- */

static void make_fact(struct teller *teller, yyjson_val *kind, struct shop_fact *fact)
{
    struct slots slots = {.count = 0}, stated = {.count = 0};
    fact->kind = kind;
    fact->value = teller_say(teller, yyjson_obj_get(kind, "values"), &slots);
    slots_set(&stated, STR("v"), fact->value);
    fact->statement = teller_say(teller, yyjson_obj_get(kind, "says"), &stated);
    fact->thing = json_str(yyjson_obj_get(kind, "thing"));
}

/* So many kinds out of all, each once (Fisher and Yates), no two of which have the same value: an answer tells which
 * fact it was. */
static void make_facts(struct teller *teller, struct shop *shop)
{
    yyjson_val *kinds = yyjson_obj_get(teller->file, "facts"), *all[128], *key, *kind;
    size_t idx, max, count = 0, made = 0;
    json_obj_foreach(kinds, idx, max, key, kind)
    {
        (void)key;
        if (count < sizeof(all) / sizeof(all[0]))
            all[count++] = kind;
    }
    while (made < SHOP_FACTS && count > 0) {
        const size_t at = rng_below(&teller->rng, count);
        struct shop_fact *fact = &shop->facts[made];
        make_fact(teller, all[at], fact);
        all[at] = all[--count];
        bool is_new = true;
        for (size_t i = 0; i < made; i++)
            is_new = is_new && !str_eq(shop->facts[i].value, fact->value);
        made += is_new;
    }
    teller->failed = teller->failed || made < SHOP_FACTS;
}

/* --- the prompt ----------------------------------------------------------------------------------------- */

/* What the desk's people are told: an intent, what customers write who have it, and a rule. */
static void append_book_line(struct teller *teller, struct buf *out)
{
    yyjson_val *intents = yyjson_obj_get(teller->file, "intents");
    const struct str intent = teller_pick(teller, intents);
    yyjson_val *says = yyjson_obj_getn(intents, intent.data, intent.len);
    const size_t examples = 1 + rng_below(&teller->rng, BOOK_LINE_EXAMPLES);
    buf_append_str(out, intent);
    buf_append_char(out, ':');
    for (size_t i = 0; i < examples; i++) {
        buf_append_text(out, i ? " / " : " ");
        buf_append_str(out, teller_say_alone(teller, says));
    }
    buf_append_char(out, ' ');
    buf_append_str(out, teller_say_alone(teller, teller_list(teller, "rules")));
    buf_append_char(out, '\n');
}

static void append_book(struct teller *teller, double tokens, struct buf *out)
{
    double used = 0;
    while (used < tokens && !teller->failed) {
        const size_t before = out->len;
        append_book_line(teller, out);
        if (out->failed)
            break;
        used += tokens_of(str_slice(buf_str(out), before, out->len));
    }
}

void shop_make(struct teller *teller, size_t tokens, struct shop *shop)
{
    struct slots slots = {.count = 0};
    struct buf out;
    *shop = (struct shop){.name = teller_draw(teller, STR("shop"))};
    slots_set(&slots, STR("shop"), shop->name);
    make_facts(teller, shop);
    if (teller->failed)
        return;
    const struct str persona = teller_say(teller, teller_list(teller, "personas"), &slots);
    const struct str orders = teller_say(teller, teller_list(teller, "answer_orders"), &slots);
    double used = tokens_of(persona) + tokens_of(orders);
    for (size_t i = 0; i < SHOP_FACTS; i++)
        used += tokens_of(shop->facts[i].statement);
    buf_init(&out, SYSTEM_BYTES_MAX);
    buf_appendf(&out, STR_FMT "\n", STR_ARG(persona));
    append_book(teller, (double)tokens - used, &out);
    for (size_t i = 0; i < SHOP_FACTS; i++)
        buf_appendf(&out, STR_FMT "\n", STR_ARG(shop->facts[i].statement));
    buf_append_str(&out, orders);
    if (out.failed || !arena_str(teller->arena, buf_str(&out), &shop->system))
        teller->failed = true;
    buf_deinit(&out);
}

/* --- questions ------------------------------------------------------------------------------------------ */

/* "I have a question" as it stands inside of a sentence; I stays. */
static struct str lower_first(struct teller *teller, struct str text)
{
    char *copy = arena_strdup(teller->arena, text);
    if (!copy) {
        teller->failed = true;
        return text;
    }
    if (!str_starts(text, STR("I ")) && !str_starts(text, STR("I'")) && copy[0] >= 'A' && copy[0] <= 'Z')
        copy[0] = (char)(copy[0] | 0x20);
    return (struct str){copy, text.len};
}

struct str shop_question(struct teller *teller, const struct shop *shop, const struct shop_fact *fact,
                         bool is_complex)
{
    struct slots slots = {.count = 0};
    const struct str plain = teller_say_alone(teller, yyjson_obj_get(fact->kind, "asks"));
    const struct shop_fact *other = fact;
    while (other == fact)
        other = &shop->facts[rng_below(&teller->rng, SHOP_FACTS)];
    slots_set(&slots, STR("q"), plain);
    slots_set(&slots, STR("q_low"), lower_first(teller, plain));
    if (!is_complex)
        return teller_say(teller, teller_list(teller, "ask_simple"), &slots);
    slots_set(&slots, STR("thing"), other->thing);
    slots_set(&slots, STR("other"), teller_say_alone(teller, yyjson_obj_get(other->kind, "asks")));
    slots_set(&slots, STR("detail"), teller_say_alone(teller, teller_list(teller, "details")));
    slots_set(&slots, STR("detail2"), teller_say_alone(teller, teller_list(teller, "details")));
    return teller_say(teller, teller_list(teller, "ask_complex"), &slots);
}

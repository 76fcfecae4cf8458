/* day.c - see day.h. */
#include "demo/day.h"

#include <stdio.h>

#include "demo/shop.h"

#define CASE_BYTES_MAX 16384
#define KINDS_ROUND 20 /* of so many questions... */
#define COMPLEX_OF_ROUND 7

/* --- the case: what customer and desk wrote to each other --------------------------------------------- */

struct record {
    struct str intent, order, product, result;
    unsigned mood;
};

static void say_turn(struct buf *out, const char *who, struct str text)
{
    buf_appendf(out, "%s: " STR_FMT "\n", who, STR_ARG(text));
}

/* Which of what it could name a message has named. */
static struct str named(const struct slots *slots, const char *slot, struct str text)
{
    const struct str value = slots_get(slots, str_of(slot));
    return value.data && str_find(text, value, 0) >= 0 ? value : (struct str){NULL, 0};
}

/* The desk asks for what it does not know, and the customer says it, in complex cases in two tries. */
static void ask_for(struct teller *teller, struct slots *slots, struct buf *out, bool corrects, const char *desk,
                    const char *plain, const char *corrected)
{
    say_turn(out, "Desk", teller_say(teller, teller_list(teller, desk), slots));
    say_turn(out, "Customer", teller_say(teller, teller_list(teller, corrects ? corrected : plain), slots));
}

static struct str closing(struct teller *teller, unsigned mood, bool is_mixed)
{
    char list[16];
    struct slots slots = {.count = 0};
    (void)snprintf(list, sizeof(list), "closing/%u", mood);
    const struct str last = teller_say_alone(teller, teller_list(teller, list));
    if (!is_mixed)
        return last;
    const unsigned other = 1 + (mood + (unsigned)rng_below(&teller->rng, 4)) % 5;
    (void)snprintf(list, sizeof(list), "closing/%u", other);
    slots_set(&slots, STR("last"), last);
    slots_set(&slots, STR("first"), teller_say_alone(teller, teller_list(teller, list)));
    return teller_say(teller, teller_list(teller, "mixed"), &slots);
}

static void tell_case(struct teller *teller, bool is_complex, struct record *record, struct buf *out)
{
    struct slots slots = {.count = 0};
    yyjson_val *intents = yyjson_obj_get(teller->file, "intents"), *results = yyjson_obj_get(teller->file, "results");
    *record = (struct record){.intent = teller_pick(teller, intents), .result = teller_pick(teller, results)};
    record->mood = 1 + (unsigned)rng_below(&teller->rng, 5);
    const struct str opening =
        teller_say(teller, yyjson_obj_getn(intents, record->intent.data, record->intent.len), &slots);
    record->order = named(&slots, "order", opening);
    record->product = named(&slots, "product", opening);
    say_turn(out, "Customer", opening);
    if (!record->order.data && teller_chance(teller, 0.6)) {
        ask_for(teller, &slots, out, is_complex && teller_chance(teller, 0.7), "desk_asks", "customer_gives",
                "customer_corrects");
        record->order = slots_get(&slots, STR("order"));
    }
    if (!record->product.data && teller_chance(teller, 0.4)) {
        ask_for(teller, &slots, out, is_complex && teller_chance(teller, 0.6), "desk_asks_product",
                "customer_product", "customer_product_corrects");
        record->product = slots_get(&slots, STR("product"));
    }
    const struct str said = json_str(yyjson_obj_getn(results, record->result.data, record->result.len));
    char *list = arena_strdup(teller->arena, said);
    say_turn(out, "Desk", teller_say_alone(teller, teller_list(teller, list ? list : "")));
    say_turn(out, "Customer", closing(teller, record->mood, is_complex && teller_chance(teller, 0.6)));
}

/* --- the night's notes ---------------------------------------------------------------------------------- */

/* What is asked of whoever writes one kind of notes: the same of all conversations of a day. */
struct task {
    const char *name;
    struct str system, orders;
};

static void make_task(struct teller *teller, const struct shop *shop, const char *name, struct task *task)
{
    char rule[16], orders[16];
    struct slots slots = {.count = 0};
    (void)snprintf(rule, sizeof(rule), "%s_rule", name);
    (void)snprintf(orders, sizeof(orders), "%s_orders", name);
    slots_set(&slots, STR("shop"), shop->name);
    const struct str persona = teller_say(teller, teller_list(teller, "personas"), &slots);
    task->name = name;
    task->system = arena_printf(teller->arena, STR_FMT " " STR_FMT, STR_ARG(persona),
                                STR_ARG(teller_say_alone(teller, teller_list(teller, rule))));
    task->orders = teller_say_alone(teller, teller_list(teller, orders));
    teller->failed = teller->failed || !task->system.data;
}

static void make_note(struct teller *teller, const struct task *task, struct str told, struct demo_note *note)
{
    note->task = task->name;
    note->system = task->system;
    note->text = arena_printf(teller->arena, STR_FMT STR_FMT, STR_ARG(told), STR_ARG(task->orders));
    teller->failed = teller->failed || !note->text.data;
}

static struct str or_none(struct str text) { return text.data ? text : STR("none"); }

static void make_notes(struct teller *teller, const struct task tasks[DEMO_NOTES], bool is_complex,
                       struct demo_conversation *conversation)
{
    struct buf told;
    struct record record;
    buf_init(&told, CASE_BYTES_MAX);
    tell_case(teller, is_complex, &record, &told);
    teller->failed = teller->failed || told.failed;
    for (size_t i = 0; i < DEMO_NOTES; i++)
        make_note(teller, &tasks[i], buf_str(&told), &conversation->notes[i]);
    conversation->notes[0].gold =
        arena_printf(teller->arena, STR_FMT "; " STR_FMT "; " STR_FMT "; " STR_FMT, STR_ARG(record.intent),
                     STR_ARG(or_none(record.order)), STR_ARG(or_none(record.product)), STR_ARG(record.result));
    conversation->notes[1].gold = arena_printf(teller->arena, "%u", record.mood);
    buf_deinit(&told);
}

/* --- the day -------------------------------------------------------------------------------------------- */

#define APART 24 /* conversations between two that begin with the same words */
#define TRIES_MAX 100

static bool begins_like_a_neighbour(const struct demo_day *day, size_t number)
{
    for (size_t i = number > APART ? number - APART : 0; i < number; i++)
        if (str_eq(day->conversations[i].turns[0].text, day->conversations[number].turns[0].text))
            return true;
    return false;
}

/* Five different facts. Neighbours do not begin alike: which of two that are asked at once would read the other's first
 * turns from a cache is chance, and the same seed is to cost the same. */
static void make_turns(struct teller *teller, const struct shop *shop, struct demo_day *day, size_t number)
{
    struct demo_conversation *conversation = &day->conversations[number];
    size_t left[SHOP_FACTS], count = SHOP_FACTS;
    for (size_t i = 0; i < SHOP_FACTS; i++)
        left[i] = i;
    for (size_t i = 0; i < DEMO_TURNS; i++) {
        struct demo_question *turn = &conversation->turns[i];
        size_t at = 0;
        turn->is_complex = (number * DEMO_TURNS + i) * COMPLEX_OF_ROUND % KINDS_ROUND < COMPLEX_OF_ROUND;
        for (int try = 0; try == 0 || (try < TRIES_MAX && i == 0 && begins_like_a_neighbour(day, number)); try++) {
            at = rng_below(&teller->rng, count);
            turn->text = shop_question(teller, shop, &shop->facts[left[at]], turn->is_complex);
        }
        turn->gold = shop->facts[left[at]].value;
        left[at] = left[--count];
    }
}

static enum error_code tell_day(struct teller *teller, size_t prompt_tokens, struct demo_day *day,
                                struct error *error)
{
    struct shop shop;
    struct task tasks[DEMO_NOTES];
    shop_make(teller, prompt_tokens, &shop);
    make_task(teller, &shop, "summary", &tasks[0]);
    make_task(teller, &shop, "tag", &tasks[1]);
    day->system = shop.system;
    teller->failed = teller->failed || !arena_str(&day->arena, shop.name, &day->shop);
    for (size_t i = 0; i < day->count && !teller->failed; i++) {
        make_turns(teller, &shop, day, i);
        make_notes(teller, tasks, i * COMPLEX_OF_ROUND % KINDS_ROUND < COMPLEX_OF_ROUND, &day->conversations[i]);
    }
    return teller->failed ? error_set(error, ERROR_INTERNAL, "the day can't be told: no memory, or demo.json is none")
                          : OK;
}

enum error_code demo_day_make(struct str phrases, uint64_t seed, size_t conversations, size_t prompt_tokens,
                              struct demo_day *day, struct error *error)
{
    yyjson_doc *doc = NULL;
    *day = (struct demo_day){.count = conversations};
    arena_init(&day->arena, 0);
    enum error_code code = json_parse_stored(phrases, &doc, error);
    if (code != OK)
        return code;
    struct teller teller = {.file = yyjson_doc_get_root(doc), .arena = &day->arena};
    rng_seed(&teller.rng, seed);
    day->conversations = ARENA_ARRAY(&day->arena, struct demo_conversation, conversations);
    code = day->conversations ? tell_day(&teller, prompt_tokens, day, error) : error_no_memory(error);
    json_free(doc);
    return code;
}

void demo_day_deinit(struct demo_day *day)
{
    arena_deinit(&day->arena);
    *day = (struct demo_day){0};
}

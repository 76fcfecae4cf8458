/* teller.c - see teller.h. Knows slots and values, no shop. */
#include "demo/teller.h"

#include <assert.h>

#define HELD_OUT_ONE_IN 7 /* as in models/desk/split.py */
#define PATTERN_BYTES_MAX 4096
#define DRAWS_MAX 1000

/* --- slots ---------------------------------------------------------------------------------------------- */

struct str slots_get(const struct slots *slots, struct str name)
{
    for (size_t i = 0; i < slots->count; i++)
        if (str_eq(slots->items[i].name, name))
            return slots->items[i].value;
    return (struct str){NULL, 0};
}

void slots_set(struct slots *slots, struct str name, struct str value)
{
    assert(slots->count < TELLER_SLOTS);
    slots->items[slots->count].name = name;
    slots->items[slots->count++].value = value;
}

/* --- lists ---------------------------------------------------------------------------------------------- */

yyjson_val *teller_list(struct teller *teller, const char *name)
{
    yyjson_val *list = yyjson_obj_get(yyjson_obj_get(teller->file, "lists"), name);
    teller->failed = teller->failed || yyjson_arr_size(list) == 0;
    return list;
}

struct str teller_pick(struct teller *teller, yyjson_val *list)
{
    const size_t count = yyjson_is_obj(list) ? yyjson_obj_size(list) : yyjson_arr_size(list);
    size_t idx, max, left = count ? rng_below(&teller->rng, count) : 0;
    yyjson_val *key, *value;
    json_obj_foreach(list, idx, max, key, value)
    {
        if (left-- == 0)
            return json_str(key);
    }
    const struct str text = json_str(yyjson_arr_get(list, left));
    teller->failed = teller->failed || !text.data;
    return text.data ? text : STR("");
}

bool teller_chance(struct teller *teller, double probability)
{
    return rng_unit(&teller->rng) < probability;
}

/* --- values --------------------------------------------------------------------------------------------- */

static unsigned between(struct teller *teller, unsigned low, unsigned high)
{
    return low + (unsigned)rng_below(&teller->rng, high - low + 1);
}

static const char *letters(struct teller *teller, size_t count, char out[4])
{
    static const char all[] = "ABCDEFGHJKLMNPQRSTUVWXYZ";
    for (size_t i = 0; i < count; i++)
        out[i] = all[rng_below(&teller->rng, sizeof(all) - 1)];
    out[count] = '\0';
    return out;
}

static struct str draw_order(struct teller *teller)
{
    char text[4];
    switch (rng_below(&teller->rng, 4)) {
    case 0: return arena_printf(teller->arena, "%u", between(teller, 1000, 9999));
    case 1: return arena_printf(teller->arena, "%u", between(teller, 10000, 99999));
    case 2: return arena_printf(teller->arena, "%s-%u", letters(teller, 1, text), between(teller, 1000, 9999));
    default: return arena_printf(teller->arena, "%s%u", letters(teller, 2, text), between(teller, 100, 999));
    }
}

static struct str draw_code(struct teller *teller)
{
    char text[4];
    if (teller_chance(teller, 0.5))
        return arena_printf(teller->arena, "%s%u", letters(teller, 2, text), between(teller, 10, 99));
    return arena_printf(teller->arena, "%s%u", letters(teller, 1, text), between(teller, 100, 999));
}

static struct str draw_date(struct teller *teller)
{
    const struct str month = teller_draw(teller, STR("month"));
    return arena_printf(teller->arena, STR_FMT " %u", STR_ARG(month), between(teller, 1, 28));
}

static struct str draw_fee(struct teller *teller)
{
    const unsigned dollars = between(teller, 1, 60);
    if (teller_chance(teller, 0.4))
        return arena_printf(teller->arena, "$%u", dollars);
    return arena_printf(teller->arena, "$%u.%02u", dollars, 5 * between(teller, 0, 19));
}

static struct str draw_phone(struct teller *teller)
{
    return arena_printf(teller->arena, "555-%u", between(teller, 1000, 9999));
}

static struct str draw_round(struct teller *teller)
{
    return arena_printf(teller->arena, "$%u", 5 * between(teller, 4, 60));
}

static struct str draw_email(struct teller *teller)
{
    const struct str name = teller_draw(teller, STR("name"));
    char *text = arena_strdup(teller->arena, name);
    for (char *at = text; at && *at; at++)
        *at = *at == ' ' ? '.' : (char)(*at | 0x20);
    return text ? arena_printf(teller->arena, "%s@mail.com", text) : (struct str){NULL, 0};
}

/* Numbers are on the held-out side when their CRC-32 says so. */
static struct str draw_held_out(struct teller *teller, struct str (*draw)(struct teller *teller))
{
    struct str text = draw(teller);
    for (int i = 0; i < DRAWS_MAX && text.data && crc32_ieee(0, text.data, text.len) % HELD_OUT_ONE_IN != 0; i++)
        text = draw(teller);
    return text;
}

static bool draw_number(struct teller *teller, struct str slot, struct str *value)
{
    static const struct {
        const char *name;
        unsigned low, high;
    } numbers[] = {{"am", 6, 11},   {"pm", 4, 10},    {"noon", 1, 3},     {"n", 2, 9},   {"n2", 10, 14},
                   {"d1", 2, 29},   {"d2", 10, 95},   {"h", 2, 72},       {"m", 10, 90}, {"num", 10, 400},
                   {"percent", 3, 60}, {"year", 1900, 2024}};
    for (size_t i = 0; i < sizeof(numbers) / sizeof(numbers[0]); i++)
        if (str_eq(slot, str_of(numbers[i].name))) {
            *value = arena_printf(teller->arena, "%u", between(teller, numbers[i].low, numbers[i].high));
            return true;
        }
    return false;
}

struct str teller_draw(struct teller *teller, struct str slot)
{
    static const struct {
        const char *name;
        struct str (*draw)(struct teller *teller);
        bool is_split;
    } kinds[] = {{"order", draw_order, true}, {"wrong_order", draw_order, true}, {"code", draw_code, true},
                 {"date", draw_date, true},   {"fee", draw_fee, true},           {"phone", draw_phone, true},
                 {"round", draw_round, false}, {"email", draw_email, false}};
    struct str value = {NULL, 0};
    yyjson_val *words = yyjson_obj_getn(yyjson_obj_get(teller->file, "words"), slot.data, slot.len);
    if (words)
        return teller_pick(teller, words);
    for (size_t i = 0; i < sizeof(kinds) / sizeof(kinds[0]) && !value.data; i++)
        if (str_eq(slot, str_of(kinds[i].name)))
            value = kinds[i].is_split ? draw_held_out(teller, kinds[i].draw) : kinds[i].draw(teller);
    if (!value.data && !draw_number(teller, slot, &value))
        teller->failed = true;
    return value;
}

/* --- patterns ------------------------------------------------------------------------------------------- */

static struct str with_article(struct teller *teller, struct str noun)
{
    const bool is_vowel = noun.len > 0 && strchr("aeiou", noun.data[0]);
    return arena_printf(teller->arena, "%s " STR_FMT, is_vowel ? "an" : "a", STR_ARG(noun));
}

static struct str fill(struct teller *teller, struct str name, struct slots *slots);

/* Another product than {product}. */
static struct str draw_other(struct teller *teller, struct slots *slots)
{
    const struct str product = fill(teller, STR("product"), slots);
    struct str other = product;
    for (int i = 0; i < DRAWS_MAX && str_eq(other, product); i++)
        other = teller_draw(teller, STR("product"));
    return other;
}

static struct str fill(struct teller *teller, struct str name, struct slots *slots)
{
    struct str value = slots_get(slots, name);
    if (value.data)
        return value;
    if (str_eq(name, STR("a_product")))
        value = with_article(teller, fill(teller, STR("product"), slots));
    else if (str_eq(name, STR("other")))
        value = draw_other(teller, slots);
    else
        value = teller_draw(teller, name);
    slots_set(slots, name, value);
    return value;
}

struct str teller_render(struct teller *teller, struct str pattern, struct slots *slots)
{
    struct buf out;
    buf_init(&out, PATTERN_BYTES_MAX);
    for (size_t at = 0; at < pattern.len;) {
        const ptrdiff_t open = str_find_char(pattern, '{', at);
        const ptrdiff_t close = open < 0 ? -1 : str_find_char(pattern, '}', (size_t)open);
        if (close < 0) {
            buf_append_str(&out, str_slice(pattern, at, pattern.len));
            break;
        }
        buf_append_str(&out, str_slice(pattern, at, (size_t)open));
        buf_append_str(&out, fill(teller, str_slice(pattern, (size_t)open + 1, (size_t)close), slots));
        at = (size_t)close + 1;
    }
    struct str text = {NULL, 0};
    if (out.failed || !arena_str(teller->arena, buf_str(&out), &text))
        teller->failed = true;
    buf_deinit(&out);
    return text;
}

struct str teller_say(struct teller *teller, yyjson_val *list, struct slots *slots)
{
    return teller_render(teller, teller_pick(teller, list), slots);
}

struct str teller_say_alone(struct teller *teller, yyjson_val *list)
{
    struct slots slots = {.count = 0};
    return teller_say(teller, list, &slots);
}

/* gbnf.c - numbers, names and appends rules. What they say is for whoever adds them. See gbnf.h. */
#include "chat/gbnf.h"

#include <inttypes.h>
#include <stdio.h>

#include "core/limits.h"

/* Text of the shared rules; '%' stands for the root's name.
 *
 * Characters of strings are given as what may stand, not as what may not, so
 * that surrogates are out, written plainly or as \u escapes. Whole numbers fit
 * 64 bits, and no number overflows a double. Dates exist in any
 * year (February has 28 days). */
static const struct {
    const char *name;
    const char *text;
    unsigned needs;
} SHARED[] = {
    [GBNF_CHAR] = {"char",
                   "[ !#-\\x5B\\x5D-~\\u00A0-\\uD7FF\\uE000-\\uFFFD\\U00010000-\\U0010FFFF] | \"\\\\\" "
                   "([\\x22\\x5C/bfnrt] | \"u\" ([0-9a-cA-CefEF] [0-9a-fA-F] | [dD] [0-7]) [0-9a-fA-F] [0-9a-fA-F])",
                   0},
    [GBNF_STRING] = {"string", "\"\\\"\" %-char* \"\\\"\"", 1u << GBNF_CHAR},
    [GBNF_NUMBER] = {"number",
                     "\"-\"? (\"0\" | [1-9] [0-9]{0,17}) (\".\" [0-9]{1,15})? ([eE] [-+]? [0-9]{1,2})?", 0},
    [GBNF_INTEGER] = {"integer", "\"0\" | \"-\"? ([1-9] [0-9]{0,17} | [1-8] [0-9]{18})", 0},
    [GBNF_BOOLEAN] = {"boolean", "\"true\" | \"false\"", 0},
    [GBNF_SCALAR] = {"scalar", "%-string | %-number | %-boolean | \"null\"",
                     1u << GBNF_CHAR | 1u << GBNF_STRING | 1u << GBNF_NUMBER | 1u << GBNF_BOOLEAN},
    [GBNF_DATE] = {"date",
                   "[12] [0-9] [0-9] [0-9] \"-\" ((\"0\" [13578] | \"1\" [02]) \"-\" (\"0\" [1-9] | [12] [0-9] | "
                   "\"3\" [01]) | (\"0\" [469] | \"11\") \"-\" (\"0\" [1-9] | [12] [0-9] | \"30\") | \"02-\" (\"0\" "
                   "[1-9] | \"1\" [0-9] | \"2\" [0-8]))",
                   0},
    [GBNF_TIME] = {"time",
                   "([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9] \":\" [0-5] [0-9] (\".\" [0-9]{1,6})? (\"Z\" | "
                   "[+-] ([01] [0-9] | \"2\" [0-3]) \":\" [0-5] [0-9])",
                   0},
    [GBNF_UUID] = {"uuid",
                   "[0-9a-f]{8} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{4} \"-\" [0-9a-f]{12}", 0},
    [GBNF_ANY] = {"any", NULL,
                  1u << GBNF_SCALAR | 1u << GBNF_CHAR | 1u << GBNF_STRING | 1u << GBNF_NUMBER | 1u << GBNF_BOOLEAN},
    [GBNF_ANY_INNER] = {"any-7", NULL, 1u << GBNF_ANY},
};
_Static_assert(GBNF_ANY_DEPTH == 8, "any-7 is one level below any");

static struct gbnf_map_entry *map_slot(const struct gbnf_map *map, struct str key)
{
    size_t at = (size_t)str_hash(key) & (map->cap - 1);
    while (map->entries[at].key.data != NULL && !str_eq(map->entries[at].key, key))
        at = (at + 1) & (map->cap - 1);
    return &map->entries[at];
}

bool gbnf_map_get(const struct gbnf_map *map, struct str key, size_t *value)
{
    if (map->count == 0)
        return false;
    const struct gbnf_map_entry *entry = map_slot(map, key);
    if (entry->key.data == NULL)
        return false;
    *value = entry->value;
    return true;
}

static bool map_double(struct gbnf_map *map)
{
    struct gbnf_map bigger = {.count = map->count, .cap = map->cap > 0 ? 2 * map->cap : 16};
    bigger.entries = mem_calloc(bigger.cap, sizeof(*bigger.entries));
    if (bigger.entries == NULL)
        return false;
    for (size_t i = 0; i < map->cap; i++)
        if (map->entries[i].key.data != NULL)
            *map_slot(&bigger, map->entries[i].key) = map->entries[i];
    mem_free(map->entries);
    *map = bigger;
    return true;
}

bool gbnf_map_put(struct gbnf_map *map, struct str key, size_t value)
{
    if (map->count + 1 > map->cap / 2 && !map_double(map))
        return false;
    struct gbnf_map_entry *entry = map_slot(map, key);
    map->count += entry->key.data == NULL;
    *entry = (struct gbnf_map_entry){.key = {key.data ? key.data : "", key.len}, .value = value};
    return true;
}

void gbnf_map_deinit(struct gbnf_map *map)
{
    mem_free(map->entries);
    *map = (struct gbnf_map){0};
}

void gbnf_init(struct gbnf *gbnf, struct buf *grammar, const char *root_name, const char *where, struct error *error)
{
    *gbnf = (struct gbnf){.grammar = grammar, .root_name = root_name, .where = where, .error = error};
    arena_init(&gbnf->arena, 2 * GBNF_TEXT_MAX);
}

void gbnf_deinit(struct gbnf *gbnf)
{
    gbnf_map_deinit(&gbnf->texts);
    arena_deinit(&gbnf->arena);
}

void gbnf_fail_memory(struct gbnf *gbnf)
{
    if (gbnf->code == OK)
        gbnf->code = error_no_memory(gbnf->error);
}

void gbnf_spend(struct gbnf *gbnf, uint64_t cost)
{
    gbnf->cost += cost;
    if (gbnf->code == OK && gbnf->cost > limit(schema_rules))
        gbnf->code = error_set(gbnf->error, ERROR_INVALID,
                               "%s: the schema needs more than %" PRIu64 " grammar rules (limit schema_rules)",
                               gbnf->where, limit(schema_rules));
}

size_t gbnf_rule_number(struct gbnf *gbnf)
{
    gbnf_spend(gbnf, 1);
    return gbnf->rule_count++;
}

void gbnf_rule_name(const struct gbnf *gbnf, struct buf *out, size_t number)
{
    buf_append_text(out, gbnf->root_name);
    if (number > 0)
        buf_appendf(out, "-%zu", number);
}

void gbnf_shared_name(struct gbnf *gbnf, struct buf *out, enum gbnf_shared rule)
{
    gbnf->shared |= 1u << rule | SHARED[rule].needs;
    buf_appendf(out, "%s-%s", gbnf->root_name, SHARED[rule].name);
}

/* A rule is added whole or not at all, and says which limit stopped it. */
static void close_rule(struct gbnf *gbnf, const struct buf *text)
{
    if (gbnf->code != OK)
        return;
    if (gbnf->grammar->len + text->len + 1 > gbnf->grammar->max) {
        gbnf->code = error_set(gbnf->error, ERROR_INVALID, "%s: the grammar of the schema is larger than %zu bytes",
                               gbnf->where, gbnf->grammar->max);
        return;
    }
    buf_append_str(gbnf->grammar, buf_str(text));
    buf_append_char(gbnf->grammar, '\n');
    if (text->failed || gbnf->grammar->failed)
        gbnf_fail_memory(gbnf);
}

void gbnf_rule_define(struct gbnf *gbnf, size_t number, const struct buf *text)
{
    gbnf_rule_name(gbnf, gbnf->grammar, number);
    buf_append_text(gbnf->grammar, " ::= ");
    close_rule(gbnf, text);
}

size_t gbnf_rule_shared_text(struct gbnf *gbnf, const struct buf *text)
{
    size_t number = 0;
    struct str key;
    if (gbnf->code != OK || gbnf_map_get(&gbnf->texts, buf_str(text), &number))
        return number;
    number = gbnf_rule_number(gbnf);
    gbnf_rule_define(gbnf, number, text);
    if (!arena_str(&gbnf->arena, buf_str(text), &key) || !gbnf_map_put(&gbnf->texts, key, number))
        gbnf_fail_memory(gbnf);
    return number;
}

void gbnf_literal(struct buf *out, struct str text)
{
    buf_append_char(out, '"');
    for (size_t i = 0; i < text.len; i++) {
        unsigned char c = (unsigned char)text.data[i];
        if (c == '"' || c == '\\')
            buf_appendf(out, "\\%c", c);
        else if (c < 0x20 || c == 0x7F)
            buf_appendf(out, "\\x%02X", c);
        else
            buf_append_char(out, (char)c);
    }
    buf_append_char(out, '"');
}

void gbnf_code_point(struct buf *out, uint32_t code_point)
{
    bool is_plain = (code_point >= '0' && code_point <= '9') || (code_point >= 'A' && code_point <= 'Z') ||
                    (code_point >= 'a' && code_point <= 'z');
    if (is_plain)
        buf_append_char(out, (char)code_point);
    else if (code_point < 0x80)
        buf_appendf(out, "\\x%02X", code_point);
    else if (code_point < 0x10000)
        buf_appendf(out, "\\u%04X", code_point);
    else
        buf_appendf(out, "\\U%08X", code_point);
}

#define REPEAT_PLAIN 30 /* up to here the parser's own repetition is short enough */

static void repeat_plain(struct gbnf *gbnf, struct buf *out, struct str symbol, uint64_t min, uint64_t max)
{
    if (max == 0)
        return;
    gbnf_spend(gbnf, max == GBNF_UNBOUNDED ? min : max);
    buf_append_char(out, ' ');
    buf_append_str(out, symbol);
    if (min == 0 && max == GBNF_UNBOUNDED)
        buf_append_char(out, '*');
    else if (max == GBNF_UNBOUNDED)
        buf_appendf(out, "{%" PRIu64 ",}", min);
    else if (min == max && min != 1)
        buf_appendf(out, "{%" PRIu64 "}", min);
    else if (min != max)
        buf_appendf(out, "{%" PRIu64 ",%" PRIu64 "}", min, max);
}

#define TENS_MAX 7 /* digits of GBNF_REPEAT_MAX */

/* Names of the rules that match the symbol 1, 10, 100, ... times. */
struct tens {
    char text[TENS_MAX][128];
    uint64_t size[TENS_MAX];
    size_t count;
};

static void tens_init(struct gbnf *gbnf, struct tens *tens, struct str symbol, uint64_t most)
{
    *tens = (struct tens){.count = 1, .size = {1}};
    snprintf(tens->text[0], sizeof(tens->text[0]), STR_FMT, STR_ARG(symbol));
    while (tens->count < TENS_MAX && tens->size[tens->count - 1] * 10 <= most) {
        struct buf text, name;
        size_t at = tens->count++;
        buf_init(&text, GBNF_TEXT_MAX);
        buf_init(&name, sizeof(tens->text[0]) - 1);
        repeat_plain(gbnf, &text, str_of(tens->text[at - 1]), 10, 10);
        gbnf_rule_name(gbnf, &name, gbnf_rule_shared_text(gbnf, &text));
        snprintf(tens->text[at], sizeof(tens->text[0]), STR_FMT, STR_ARG(buf_str(&name)));
        tens->size[at] = 10 * tens->size[at - 1];
        buf_deinit(&name);
        buf_deinit(&text);
    }
}

static void repeat_exactly(struct gbnf *gbnf, struct buf *out, const struct tens *tens, uint64_t count)
{
    for (size_t i = tens->count; i > 0; i--) {
        uint64_t digit = count / tens->size[i - 1];
        repeat_plain(gbnf, out, str_of(tens->text[i - 1]), digit, digit);
        count %= tens->size[i - 1];
    }
}

/* 0 to most times. Each count has exactly one reading as a decimal number, so
 * only a handful of parses are alive at any character:
 *   up(257) = hundred{0,1} ten{0,9} one{0,9} | hundred{2} up(57) */
static void repeat_up_to(struct gbnf *gbnf, struct buf *out, const struct tens *tens, uint64_t most)
{
    size_t open = 0;
    for (size_t i = tens->count; i > 1; i--) {
        uint64_t digit = most / tens->size[i - 1];
        if (digit == 0)
            continue;
        most %= tens->size[i - 1];
        buf_append_text(out, " (");
        repeat_plain(gbnf, out, str_of(tens->text[i - 1]), 0, digit - 1);
        for (size_t below = i - 1; below > 0; below--)
            repeat_plain(gbnf, out, str_of(tens->text[below - 1]), 0, 9);
        buf_append_text(out, " |");
        repeat_plain(gbnf, out, str_of(tens->text[i - 1]), digit, digit);
        open++;
    }
    repeat_plain(gbnf, out, str_of(tens->text[0]), 0, most);
    for (; open > 0; open--)
        buf_append_text(out, ")");
}

void gbnf_repeat(struct gbnf *gbnf, struct buf *out, struct str symbol, uint64_t min, uint64_t max)
{
    struct tens tens;
    if (max != GBNF_UNBOUNDED && max > GBNF_REPEAT_MAX)
        max = GBNF_REPEAT_MAX;
    if (min > max || min > GBNF_REPEAT_MAX) {
        if (gbnf->code == OK)
            gbnf->code = error_set(gbnf->error, ERROR_INVALID, "%s: at least %" PRIu64 " repetitions are more than %s",
                                   gbnf->where, min, min > max ? "the maximum given" : "a grammar can hold");
        return;
    }
    uint64_t range = max == GBNF_UNBOUNDED ? 0 : max - min;
    if (min <= REPEAT_PLAIN && range <= REPEAT_PLAIN) {
        repeat_plain(gbnf, out, symbol, min, max);
        return;
    }
    tens_init(gbnf, &tens, symbol, min > range ? min : range);
    repeat_exactly(gbnf, out, &tens, min);
    if (max == GBNF_UNBOUNDED)
        repeat_plain(gbnf, out, symbol, 0, max);
    else
        repeat_up_to(gbnf, out, &tens, range);
}

static void add_shared_rule(struct gbnf *gbnf, enum gbnf_shared rule)
{
    struct buf text;
    buf_init(&text, GBNF_TEXT_MAX);
    buf_appendf(&text, "%s-%s ::= ", gbnf->root_name, SHARED[rule].name);
    for (const char *c = SHARED[rule].text; *c != '\0'; c++) {
        if (*c == '%')
            buf_append_text(&text, gbnf->root_name);
        else
            buf_append_char(&text, *c);
    }
    close_rule(gbnf, &text);
    buf_deinit(&text);
}

/* Free-form values, level by level: a model without sense could open brackets
 * for ever, and a reader's depth limit would refuse the result. */
static void add_any_rules(struct gbnf *gbnf)
{
    const char *root = gbnf->root_name;
    for (int level = 1; level <= GBNF_ANY_DEPTH; level++) {
        char name[32] = "any", inner[32] = "scalar";
        struct buf text;
        if (level < GBNF_ANY_DEPTH)
            snprintf(name, sizeof(name), "any-%d", level);
        if (level > 1)
            snprintf(inner, sizeof(inner), "any-%d", level - 1);
        buf_init(&text, GBNF_TEXT_MAX);
        buf_appendf(&text,
                    "%s-%s ::= %s-scalar | \"[\" (%s-%s (\",\" \" \"? %s-%s)*)? \"]\" | \"{\" (%s-string \":\" \" \"? "
                    "%s-%s (\",\" \" \"? %s-string \":\" \" \"? %s-%s)*)? \"}\"",
                    root, name, root, root, inner, root, inner, root, root, inner, root, root, inner);
        close_rule(gbnf, &text);
        buf_deinit(&text);
    }
}

void gbnf_add_shared_rules(struct gbnf *gbnf)
{
    if (gbnf->shared & 1u << GBNF_ANY_INNER)
        gbnf->shared |= SHARED[GBNF_ANY].needs;
    for (unsigned rule = 0; rule < GBNF_SHARED_COUNT; rule++)
        if (gbnf->shared & 1u << rule && SHARED[rule].text != NULL)
            add_shared_rule(gbnf, (enum gbnf_shared)rule);
    if (gbnf->shared & 1u << GBNF_ANY)
        add_any_rules(gbnf);
}

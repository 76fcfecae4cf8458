/* grammar_program.c - reads a grammar's text. See grammar_program.h.
 *
 * Each symbol becomes one node, as often as it is repeated; a group becomes a
 * rule without a name. Nodes are linked as they come: `last` is the one whose
 * `next` is still open. */
#include "engine/grammar_program.h"

#include <stdlib.h>

#include "core/limits.h"
#include "core/util.h"

#define NONE UINT32_MAX
#define CODE_POINT_MAX 0x10FFFFu
#define REPEAT_MAX 1000000u

struct parser {
    struct grammar_program *program;
    const struct vocabulary *vocabulary;
    struct str text;
    size_t at;
    struct str place;
    uint32_t rule; /* that is being read */
    bool is_text;
    unsigned depth; /* groups inside groups */
    uint32_t *index; /* hash table of named rules: number + 1 */
    size_t index_cap;
    struct error *error;
    enum error_code code;
};

struct symbol {
    enum grammar_node_kind kind;
    uint32_t arg;
};

/* --- trouble ---------------------------------------------------------------------------------------- */

static struct str where(const struct parser *p)
{
    return p->place.len > 0 ? p->place : STR("grammar");
}

static void fail(struct parser *p, const char *what)
{
    if (p->code == OK)
        p->code = error_set(p->error, ERROR_INVALID, STR_FMT ": %s at byte %zu of the grammar", STR_ARG(where(p)), what,
                            p->at);
}

static void fail_memory(struct parser *p)
{
    if (p->code == OK)
        p->code = error_no_memory(p->error);
}

/* One more item of an array of the program; its number. */
static uint32_t grow(struct parser *p, void **items, size_t *count, size_t *cap, size_t size)
{
    if (p->code == OK && !mem_grow(items, *count, cap, size))
        fail_memory(p);
    return p->code == OK ? (uint32_t)(*count)++ : 0;
}

#define GROW(p, name) \
    grow(p, (void **)&(p)->program->name##s, &(p)->program->name##_count, &(p)->program->name##_cap, \
         sizeof(*(p)->program->name##s))

/* --- pieces of the program -------------------------------------------------------------------------- */

static uint32_t add_node(struct parser *p, enum grammar_node_kind kind, uint32_t arg)
{
    if (p->program->node_count >= LIMIT_GRAMMAR_NODES && p->code == OK)
        p->code = error_set(p->error, ERROR_INVALID,
                            STR_FMT ": its grammar is too large (more than %u places); shorten patterns, counts and "
                            "enums", STR_ARG(where(p)), LIMIT_GRAMMAR_NODES);
    const uint32_t number = GROW(p, node);
    if (p->code == OK)
        p->program->nodes[number] = (struct grammar_node){
            .kind = (uint8_t)kind, .is_text = p->is_text, .arg = arg, .next = NONE, .rule = p->rule};
    return number;
}

static void link_node(struct parser *p, uint32_t *last, uint32_t node)
{
    if (p->code == OK)
        p->program->nodes[*last].next = node;
    *last = node;
}

static uint32_t add_rule(struct parser *p, struct str name)
{
    const uint32_t number = GROW(p, rule);
    struct str kept;
    if (p->code == OK && !arena_str(&p->program->names, name, &kept))
        fail_memory(p);
    if (p->code == OK)
        p->program->rules[number] = (struct grammar_rule){.name = kept, .place = p->place, .entry = NONE, .end = NONE};
    return number;
}

static bool index_double(struct parser *p)
{
    const size_t cap = p->index_cap > 0 ? 2 * p->index_cap : 64;
    uint32_t *index = mem_calloc(cap, sizeof(*index));
    if (index == NULL)
        return false;
    for (size_t i = 0; i < p->index_cap; i++) {
        if (p->index[i] == 0)
            continue;
        size_t at = (size_t)str_hash(p->program->rules[p->index[i] - 1].name) & (cap - 1);
        while (index[at] != 0)
            at = (at + 1) & (cap - 1);
        index[at] = p->index[i];
    }
    mem_free(p->index);
    p->index = index;
    p->index_cap = cap;
    return true;
}

static uint32_t rule_named(struct parser *p, struct str name)
{
    if (2 * (p->program->rule_count + 1) > p->index_cap && !index_double(p)) {
        fail_memory(p);
        return 0;
    }
    size_t at = (size_t)str_hash(name) & (p->index_cap - 1);
    for (; p->index[at] != 0; at = (at + 1) & (p->index_cap - 1))
        if (str_eq(p->program->rules[p->index[at] - 1].name, name))
            return p->index[at] - 1;
    const uint32_t rule = add_rule(p, name);
    if (p->code == OK)
        p->index[at] = rule + 1;
    return rule;
}

/* --- characters ------------------------------------------------------------------------------------- */

static char peek(const struct parser *p)
{
    return p->at < p->text.len ? p->text.data[p->at] : '\0';
}

static bool take(struct parser *p, char c)
{
    if (p->at >= p->text.len || p->text.data[p->at] != c)
        return false;
    p->at++;
    return true;
}

static void skip_spaces(struct parser *p)
{
    while (peek(p) == ' ' || peek(p) == '\t' || peek(p) == '\r')
        p->at++;
}

static uint32_t take_hex(struct parser *p, unsigned digits)
{
    uint32_t value = 0;
    for (unsigned i = 0; i < digits; i++) {
        const char c = peek(p);
        const int digit = c >= '0' && c <= '9'   ? c - '0'
                          : c >= 'a' && c <= 'f' ? c - 'a' + 10
                          : c >= 'A' && c <= 'F' ? c - 'A' + 10
                                                 : -1;
        if (digit < 0) {
            fail(p, "an escape without its digits");
            return 0;
        }
        value = value << 4 | (uint32_t)digit;
        p->at++;
    }
    return value;
}

static uint32_t take_utf8(struct parser *p)
{
    static const uint8_t masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    const uint8_t first = (uint8_t)peek(p);
    const size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    if (p->at + len > p->text.len || str_utf8_valid_len(str_slice(p->text, p->at, p->at + len)) != len) {
        fail(p, "a byte that is no UTF-8");
        return 0;
    }
    uint32_t value = first & masks[len];
    for (size_t i = 1; i < len; i++)
        value = value << 6 | ((uint8_t)p->text.data[p->at + i] & 0x3F);
    p->at += len;
    return value;
}

static uint32_t take_character(struct parser *p)
{
    if (!take(p, '\\'))
        return take_utf8(p);
    const char c = peek(p);
    p->at += c != '\0';
    switch (c) {
    case 'x': return take_hex(p, 2);
    case 'u': return take_hex(p, 4);
    case 'U': return take_hex(p, 8);
    case 'n': return '\n';
    case 'r': return '\r';
    case 't': return '\t';
    case '\\': case '"': case '[': case ']': case '-': case '^': return (uint32_t)c;
    default: fail(p, "an escape of unknown meaning"); return 0;
    }
}

static void add_byte(struct parser *p, uint8_t byte)
{
    void *text = p->program->text;
    if (p->code == OK && !mem_grow(&text, p->program->text_len, &p->program->text_cap, 1))
        fail_memory(p);
    p->program->text = text;
    if (p->code == OK)
        p->program->text[p->program->text_len++] = (char)byte;
}

static bool is_character(uint32_t c)
{
    return c <= CODE_POINT_MAX && (c < 0xD800 || c > 0xDFFF);
}

static void add_utf8(struct parser *p, uint32_t c)
{
    if (!is_character(c))
        fail(p, "a number that is no character");
    if (c < 0x80) {
        add_byte(p, (uint8_t)c);
    } else if (c < 0x800) {
        add_byte(p, (uint8_t)(0xC0 | c >> 6));
    } else if (c < 0x10000) {
        add_byte(p, (uint8_t)(0xE0 | c >> 12));
        add_byte(p, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    } else {
        add_byte(p, (uint8_t)(0xF0 | c >> 18));
        add_byte(p, (uint8_t)(0x80 | (c >> 12 & 0x3F)));
        add_byte(p, (uint8_t)(0x80 | (c >> 6 & 0x3F)));
    }
    if (c >= 0x80)
        add_byte(p, (uint8_t)(0x80 | (c & 0x3F)));
}

/* --- symbols ---------------------------------------------------------------------------------------- */

static struct symbol read_literal(struct parser *p, enum grammar_node_kind kind)
{
    const uint32_t number = GROW(p, literal);
    const size_t from = p->program->text_len;
    while (p->code == OK && !take(p, '"')) {
        if (p->at >= p->text.len || peek(p) == '\n')
            fail(p, "a text without its closing quote");
        else
            add_utf8(p, take_character(p));
    }
    if (p->code != OK)
        return (struct symbol){kind, 0};
    struct grammar_literal *literal = &p->program->literals[number];
    *literal = (struct grammar_literal){(uint32_t)from, (uint32_t)(p->program->text_len - from), -1, 0};
    if (kind != GRAMMAR_LITERAL && p->vocabulary != NULL)
        literal->token = vocabulary_find_marker(p->vocabulary, (struct str){p->program->text + from, literal->len});
    return (struct symbol){kind, number};
}

static struct symbol read_marker(struct parser *p, enum grammar_node_kind kind)
{
    struct symbol symbol = {kind, 0};
    if (!take(p, '<') || !take(p, '"')) {
        fail(p, "no marker <\"...\">");
        return symbol;
    }
    symbol = read_literal(p, kind);
    if (p->code == OK && p->program->literals[symbol.arg].len == 0)
        fail(p, "a marker without text");
    if (!take(p, '>'))
        fail(p, "a marker without its end");
    return symbol;
}

static uint32_t take_count(struct parser *p);

static struct symbol read_free_text(struct parser *p)
{
    const uint32_t begun = peek(p) == '<' ? 0 : take_count(p);
    const struct symbol symbol = read_marker(p, GRAMMAR_FREE);
    if (p->code == OK && begun >= p->program->literals[symbol.arg].len)
        fail(p, "a marker that has ended already");
    if (p->code == OK)
        p->program->literals[symbol.arg].begun = begun;
    return symbol;
}

static void add_range(struct parser *p, uint32_t low, uint32_t high)
{
    const uint32_t number = low <= high ? GROW(p, range) : 0;
    if (p->code == OK && low <= high)
        p->program->ranges[number] = (struct grammar_range){low, high};
}

/* Without the surrogates, which are no characters. */
static void add_characters(struct parser *p, uint32_t low, uint32_t high)
{
    high = high < CODE_POINT_MAX ? high : CODE_POINT_MAX;
    add_range(p, low, high < 0xD7FF ? high : 0xD7FF);
    add_range(p, low > 0xE000 ? low : 0xE000, high);
}

static int compare_ranges(const void *left, const void *right)
{
    const struct grammar_range *a = left, *b = right;
    return a->low < b->low ? -1 : a->low > b->low;
}

/* Sorts the ranges behind `from` and joins those that meet. */
static void join_ranges(struct parser *p, size_t from)
{
    struct grammar_range *ranges = p->program->ranges + from;
    const size_t count = p->program->range_count - from;
    size_t kept = 0;
    if (count > 1)
        qsort(ranges, count, sizeof(*ranges), compare_ranges);
    for (size_t i = 0; i < count; i++) {
        if (kept > 0 && ranges[i].low <= ranges[kept - 1].high + 1)
            ranges[kept - 1].high = ranges[i].high > ranges[kept - 1].high ? ranges[i].high : ranges[kept - 1].high;
        else
            ranges[kept++] = ranges[i];
    }
    p->program->range_count = from + kept;
}

static void invert_ranges(struct parser *p, size_t from)
{
    const size_t to = p->program->range_count;
    uint32_t low = 0;
    for (size_t i = from; i < to && p->code == OK; i++) {
        const struct grammar_range range = p->program->ranges[i];
        if (range.low > low)
            add_characters(p, low, range.low - 1);
        low = range.high + 1;
    }
    add_characters(p, low, CODE_POINT_MAX);
    if (p->code != OK)
        return;
    memmove(p->program->ranges + from, p->program->ranges + to,
            (p->program->range_count - to) * sizeof(*p->program->ranges));
    p->program->range_count -= to - from;
    join_ranges(p, from);
}

/* The number of a class with these ranges, which are taken back if another has them. */
static uint32_t add_class(struct parser *p, size_t from)
{
    struct grammar_program *g = p->program;
    const size_t count = g->range_count - from;
    const size_t near = g->class_count > 64 ? g->class_count - 64 : 0; /* repetitions stand close to each other */
    for (size_t i = near; i < g->class_count; i++) {
        if (g->classes[i].count != count ||
            memcmp(g->ranges + g->classes[i].from, g->ranges + from, count * sizeof(*g->ranges)) != 0)
            continue;
        g->range_count = from;
        return (uint32_t)i;
    }
    const uint32_t number = grow(p, (void **)&g->classes, &g->class_count, &g->class_cap, sizeof(*g->classes));
    if (p->code != OK)
        return 0;
    struct grammar_class *class = &g->classes[number];
    *class = (struct grammar_class){.from = (uint32_t)from, .count = (uint32_t)count};
    for (size_t i = from; i < g->range_count; i++)
        for (uint32_t c = g->ranges[i].low; c <= g->ranges[i].high && c < 128; c++)
            class->ascii[c / 64] |= UINT64_C(1) << (c % 64);
    return number;
}

static struct symbol read_class(struct parser *p)
{
    const size_t from = p->program->range_count;
    const bool is_inverse = take(p, '^');
    while (p->code == OK && !take(p, ']')) {
        if (p->at >= p->text.len || peek(p) == '\n') {
            fail(p, "a class without its closing bracket");
            break;
        }
        const uint32_t low = take_character(p);
        uint32_t high = low;
        if (p->at + 1 < p->text.len && peek(p) == '-' && p->text.data[p->at + 1] != ']') {
            p->at++;
            high = take_character(p);
        }
        if (high < low)
            fail(p, "a range whose ends are not in order");
        add_characters(p, low, high);
    }
    if (p->code == OK)
        join_ranges(p, from);
    if (p->code == OK && is_inverse)
        invert_ranges(p, from);
    return (struct symbol){GRAMMAR_CLASS, add_class(p, from)};
}

static void read_alternatives(struct parser *p, uint32_t rule);

static struct symbol read_group(struct parser *p)
{
    const uint32_t outer = p->rule, rule = add_rule(p, p->code == OK ? p->program->rules[outer].name : STR(""));
    if (++p->depth > LIMIT_GRAMMAR_GROUPS)
        fail(p, "too many groups inside groups");
    if (p->code == OK) {
        p->rule = rule;
        p->program->rules[rule].is_defined = true;
        read_alternatives(p, rule);
        p->rule = outer;
    }
    p->depth--;
    if (!take(p, ')'))
        fail(p, "a group without its end");
    return (struct symbol){GRAMMAR_CALL, rule};
}

static struct str take_name(struct parser *p)
{
    const size_t from = p->at;
    for (char c = peek(p); (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '-';
         c = peek(p))
        p->at++;
    return str_slice(p->text, from, p->at);
}

static struct symbol read_symbol(struct parser *p)
{
    if (take(p, '"'))
        return read_literal(p, GRAMMAR_LITERAL);
    if (take(p, '['))
        return read_class(p);
    if (take(p, '('))
        return read_group(p);
    if (take(p, '~'))
        return read_free_text(p);
    if (peek(p) == '<')
        return read_marker(p, GRAMMAR_MARKER);
    const struct str name = take_name(p);
    if (name.len == 0)
        fail(p, "something unknown");
    return (struct symbol){GRAMMAR_CALL, p->code == OK ? rule_named(p, name) : 0};
}

/* --- sequences -------------------------------------------------------------------------------------- */

static uint32_t take_count(struct parser *p)
{
    uint32_t value = 0;
    if (peek(p) < '0' || peek(p) > '9')
        fail(p, "a repetition without its number");
    for (; peek(p) >= '0' && peek(p) <= '9'; p->at++)
        value = value <= REPEAT_MAX ? value * 10 + (uint32_t)(peek(p) - '0') : value;
    if (value > REPEAT_MAX)
        fail(p, "a repetition of more than a million times");
    return value;
}

/* max NONE: without end. */
static void read_repetition(struct parser *p, uint32_t *min, uint32_t *max)
{
    *min = *max = 1;
    if (take(p, '*')) {
        *min = 0, *max = NONE;
    } else if (take(p, '+')) {
        *max = NONE;
    } else if (take(p, '?')) {
        *min = 0;
    } else if (take(p, '{')) {
        *min = *max = take_count(p);
        if (take(p, ','))
            *max = peek(p) == '}' ? NONE : take_count(p);
        if (!take(p, '}'))
            fail(p, "a repetition without its end");
        if (*max < *min)
            fail(p, "a repetition whose ends are not in order");
    }
}

static void add_optional(struct parser *p, struct symbol symbol, uint32_t times, uint32_t *last)
{
    const uint32_t behind = add_node(p, GRAMMAR_JUMP, 0);
    for (uint32_t i = 0; i < times && p->code == OK; i++) {
        link_node(p, last, add_node(p, GRAMMAR_SPLIT, behind));
        link_node(p, last, add_node(p, symbol.kind, symbol.arg));
    }
    link_node(p, last, behind);
}

static void add_loop(struct parser *p, struct symbol symbol, uint32_t *last)
{
    const uint32_t behind = add_node(p, GRAMMAR_JUMP, 0);
    const uint32_t loop = add_node(p, GRAMMAR_SPLIT, behind);
    link_node(p, last, loop);
    link_node(p, last, add_node(p, symbol.kind, symbol.arg));
    link_node(p, last, loop);
    *last = behind;
}

/* True when the alternative goes on. */
static bool read_item(struct parser *p, uint32_t *last)
{
    uint32_t min, max;
    skip_spaces(p);
    const char c = peek(p);
    if (p->code != OK || c == '\0' || c == '\n' || c == '|' || c == ')')
        return false;
    const struct symbol symbol = read_symbol(p);
    read_repetition(p, &min, &max);
    for (uint32_t i = 0; i < min && p->code == OK; i++)
        link_node(p, last, add_node(p, symbol.kind, symbol.arg));
    if (p->code == OK && max == NONE)
        add_loop(p, symbol, last);
    else if (p->code == OK && max > min)
        add_optional(p, symbol, max - min, last);
    p->is_text = p->is_text && symbol.kind != GRAMMAR_FREE;
    return p->code == OK;
}

/* --- alternatives ------------------------------------------------------------------------------------ */

/* Of a rule: literals that are alternatives by themselves, and the others, which hang on a chain of splits. */
struct alternatives {
    uint32_t *literals;
    size_t count, cap;
    uint32_t entry; /* NONE: no other yet */
};

static void add_alternative(struct parser *p, struct alternatives *all, uint32_t node)
{
    if (all->entry != NONE) {
        const uint32_t split = add_node(p, GRAMMAR_SPLIT, all->entry);
        if (p->code == OK)
            p->program->nodes[split].next = node;
        node = split;
    }
    all->entry = node;
}

static void add_literal(struct parser *p, struct alternatives *all, uint32_t literal)
{
    void *literals = all->literals;
    if (p->code == OK && !mem_grow(&literals, all->count, &all->cap, sizeof(*all->literals)))
        fail_memory(p);
    all->literals = literals;
    if (p->code == OK)
        all->literals[all->count++] = literal;
}

static struct str literal_text(const struct parser *p, uint32_t literal)
{
    const struct grammar_literal *l = &p->program->literals[literal];
    return l->len > 0 ? (struct str){p->program->text + l->from, l->len} : STR("");
}

static int compare_literals(const void *left, const void *right, void *ctx)
{
    const struct parser *p = ctx;
    const struct str a = literal_text(p, *(const uint32_t *)left), b = literal_text(p, *(const uint32_t *)right);
    const size_t len = a.len < b.len ? a.len : b.len;
    const int order = len > 0 ? memcmp(a.data, b.data, len) : 0;
    return order != 0 ? order : (a.len > b.len) - (a.len < b.len);
}

/* Bytes that all of some sorted literals begin with. */
static size_t common_len(const struct parser *p, uint32_t first, uint32_t last)
{
    const struct str a = literal_text(p, first), b = literal_text(p, last);
    size_t len = 0;
    while (len < a.len && len < b.len && a.data[len] == b.data[len])
        len++;
    return len;
}

static uint32_t add_literal_node(struct parser *p, uint32_t literal, size_t from, size_t to)
{
    const uint32_t number = GROW(p, literal);
    if (p->code == OK)
        p->program->literals[number] = (struct grammar_literal){
            p->program->literals[literal].from + (uint32_t)from, (uint32_t)(to - from), -1, 0};
    return add_node(p, GRAMMAR_LITERAL, number);
}

/* Sorted literals that are equal up to `from` become a tree: what begins alike is read once, however many there are.
 * Calls itself where they part: in a text of n bytes not more than about sqrt(2 n) times. */
static uint32_t add_tree(struct parser *p, const uint32_t *literals, size_t count, size_t from, uint32_t end)
{
    struct alternatives all = {.entry = NONE};
    size_t i = 0;
    while (i < count && literal_text(p, literals[i]).len == from)
        i++;
    if (i > 0)
        all.entry = end;
    while (i < count && p->code == OK) {
        const char byte = literal_text(p, literals[i]).data[from];
        size_t next = i + 1;
        while (next < count && literal_text(p, literals[next]).data[from] == byte)
            next++;
        const size_t to = common_len(p, literals[i], literals[next - 1]);
        const uint32_t node = add_literal_node(p, literals[i], from, to);
        const uint32_t behind = add_tree(p, literals + i, next - i, to, end);
        if (p->code == OK)
            p->program->nodes[node].next = behind;
        add_alternative(p, &all, node);
        i = next;
    }
    return all.entry;
}

static void read_alternative(struct parser *p, struct alternatives *all, uint32_t end)
{
    uint32_t last = add_node(p, GRAMMAR_JUMP, 0);
    const uint32_t first = last;
    const bool is_text = p->is_text;
    while (read_item(p, &last))
        continue;
    p->is_text = is_text;
    if (p->code != OK)
        return;
    const struct grammar_node *only = &p->program->nodes[last];
    p->program->nodes[last].next = end;
    if (only->kind == GRAMMAR_LITERAL && p->program->nodes[first].next == last)
        add_literal(p, all, only->arg);
    else
        add_alternative(p, all, first);
}

/* All alternatives of a rule lead to its one end. */
static void read_alternatives(struct parser *p, uint32_t rule)
{
    struct alternatives all = {.entry = NONE};
    const uint32_t end = add_node(p, GRAMMAR_END, 0);
    do {
        read_alternative(p, &all, end);
    } while (p->code == OK && take(p, '|'));
    if (p->code == OK && all.count > 0) {
        qsort_r(all.literals, all.count, sizeof(*all.literals), compare_literals, p);
        add_alternative(p, &all, add_tree(p, all.literals, all.count, 0, end));
    }
    mem_free(all.literals);
    if (p->code != OK)
        return;
    p->program->rules[rule].entry = all.entry;
    p->program->rules[rule].end = end;
}

static void read_place(struct parser *p)
{
    const ptrdiff_t end = str_find_char(p->text, '\n', p->at);
    const size_t to = end < 0 ? p->text.len : (size_t)end;
    if (!arena_str(&p->program->names, str_trim(str_slice(p->text, p->at, to)), &p->place))
        fail_memory(p);
    p->at = to;
}

static void read_rule(struct parser *p)
{
    const struct str name = take_name(p);
    skip_spaces(p);
    if (name.len == 0 || !take(p, ':') || !take(p, ':') || !take(p, '=')) {
        fail(p, "no rule");
        return;
    }
    const uint32_t rule = rule_named(p, name);
    if (p->code != OK)
        return;
    struct grammar_rule *made = &p->program->rules[rule];
    if (made->is_defined) {
        fail(p, "a rule for the second time");
        return;
    }
    made->is_defined = true;
    made->place = p->place;
    p->rule = rule;
    p->is_text = str_starts(name, STR("text"));
    read_alternatives(p, rule);
    skip_spaces(p);
    if (p->at < p->text.len && !take(p, '\n'))
        fail(p, "something unknown behind a rule");
}

static void check_defined(struct parser *p)
{
    const struct grammar_program *g = p->program;
    for (size_t i = 0; i < g->rule_count && p->code == OK; i++)
        if (!g->rules[i].is_defined)
            p->code = error_set(p->error, ERROR_INVALID, "grammar: no rule is called '" STR_FMT "'",
                                STR_ARG(g->rules[i].name));
}

static void read_all(struct parser *p)
{
    p->program->root = rule_named(p, STR("root"));
    while (p->code == OK && p->at < p->text.len) {
        skip_spaces(p);
        if (take(p, '#'))
            read_place(p);
        else if (!take(p, '\n'))
            read_rule(p);
    }
    if (p->code == OK)
        check_defined(p);
}

enum error_code grammar_program_new(struct str text, const struct vocabulary *vocabulary,
                                    struct grammar_program **result, struct error *error)
{
    *result = NULL;
    struct grammar_program *program = mem_calloc(1, sizeof(*program));
    if (program == NULL)
        return error_no_memory(error);
    arena_init(&program->names, 0);
    struct parser parser = {.program = program, .vocabulary = vocabulary, .text = text, .error = error};
    read_all(&parser);
    mem_free(parser.index);
    if (parser.code == OK)
        parser.code = grammar_program_check(program, error);
    if (parser.code != OK)
        grammar_program_free(program);
    else
        *result = program;
    return parser.code;
}

void grammar_program_free(struct grammar_program *program)
{
    if (program == NULL)
        return;
    mem_free(program->nodes);
    mem_free(program->literals);
    mem_free(program->classes);
    mem_free(program->ranges);
    mem_free(program->rules);
    mem_free(program->text);
    arena_deinit(&program->names);
    mem_free(program);
}

uint32_t grammar_program_find(const struct grammar_program *program, struct str name)
{
    for (size_t i = 0; i < program->rule_count; i++)
        if (str_eq(program->rules[i].name, name))
            return (uint32_t)i;
    return program->root;
}

struct str grammar_program_place(const struct grammar_program *program, uint32_t rule)
{
    const struct grammar_rule *found = &program->rules[rule];
    return found->place.len > 0 ? found->place : found->name;
}

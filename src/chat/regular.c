/* Terms and their derivatives (Brzozowski 1964). Terms are kept in one form -
 * sequences lean right, alternatives are sorted by number, repetitions of
 * repetitions are joined - so that a set has few terms. */
#include "chat/regular.h"

#include <assert.h>

/* What a string is made of. */
static const struct regular_range CHARACTERS[] = {
    {0x08, 0x0A}, {0x0C, 0x0D}, {0x20, 0x7E}, {0xA0, 0xD7FF}, {0xE000, 0xFFFD}, {0x10000, 0x10FFFF},
};

struct regular_memo {
    regular_set set;
    uint32_t c;
    regular_set after;
    bool is_used;
};

bool regular_init(struct regular *regular, size_t terms_max)
{
    *regular = (struct regular){.max = terms_max, .slot_cap = 256};
    regular->slots = mem_calloc(regular->slot_cap, sizeof(*regular->slots));
    void *terms = NULL;
    if (regular->slots == NULL || !mem_grow(&terms, 0, &regular->cap, sizeof(*regular->terms))) {
        regular->is_out_of_memory = true;
        return false;
    }
    regular->terms = terms;
    regular->terms[REGULAR_NOTHING] = (struct regular_term){.kind = REGULAR_NONE};
    regular->terms[REGULAR_EMPTY] = (struct regular_term){.kind = REGULAR_EPSILON, .has_empty = true};
    regular->count = 2;
    return true;
}

void regular_deinit(struct regular *regular)
{
    mem_free(regular->terms);
    mem_free(regular->ranges);
    mem_free(regular->slots);
    mem_free(regular->memo);
    *regular = (struct regular){.is_out_of_memory = true};
}

/* ---- one number for equal terms ---- */

static bool same_ranges(const struct regular *regular, const struct regular_term *a, const struct regular_term *b)
{
    return a->b == b->b && memcmp(&regular->ranges[a->a], &regular->ranges[b->a],
                                  a->b * sizeof(*regular->ranges)) == 0;
}

static bool same_term(const struct regular *regular, const struct regular_term *a, const struct regular_term *b)
{
    if (a->kind != b->kind)
        return false;
    if (a->kind == REGULAR_CLASS)
        return same_ranges(regular, a, b);
    return a->a == b->a && a->b == b->b && a->min == b->min && a->max == b->max;
}

static uint64_t term_hash(const struct regular *regular, const struct regular_term *term)
{
    if (term->kind == REGULAR_CLASS)
        return str_hash((struct str){(const char *)&regular->ranges[term->a], term->b * sizeof(*regular->ranges)});
    uint32_t parts[] = {(uint32_t)term->kind, term->a, term->b, term->min, term->max};
    return str_hash((struct str){(const char *)parts, sizeof(parts)});
}

static uint32_t *slot_of(struct regular *regular, const struct regular_term *term)
{
    size_t at = (size_t)term_hash(regular, term) & (regular->slot_cap - 1);
    while (regular->slots[at] != 0 && !same_term(regular, &regular->terms[regular->slots[at]], term))
        at = (at + 1) & (regular->slot_cap - 1);
    return &regular->slots[at];
}

static bool double_slots(struct regular *regular)
{
    uint32_t *old = regular->slots;
    size_t old_cap = regular->slot_cap;
    uint32_t *slots = mem_calloc(2 * old_cap, sizeof(*slots));
    if (slots == NULL)
        return false;
    regular->slots = slots;
    regular->slot_cap = 2 * old_cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i] != 0)
            *slot_of(regular, &regular->terms[old[i]]) = old[i];
    mem_free(old);
    return true;
}

static regular_set term_put(struct regular *regular, const struct regular_term *term)
{
    void *terms = regular->terms;
    if (regular_failed(regular))
        return REGULAR_NOTHING;
    uint32_t *slot = slot_of(regular, term);
    if (*slot != 0)
        return *slot;
    if (regular->count >= regular->max) {
        regular->is_too_large = true;
        return REGULAR_NOTHING;
    }
    if ((regular->count + 1 > regular->slot_cap / 2 && !double_slots(regular)) ||
        !mem_grow(&terms, regular->count, &regular->cap, sizeof(*regular->terms))) {
        regular->is_out_of_memory = true;
        return REGULAR_NOTHING;
    }
    regular->terms = terms;
    regular->terms[regular->count] = *term;
    *slot_of(regular, term) = (uint32_t)regular->count;
    return (regular_set)regular->count++;
}

/* ---- classes ---- */

static bool add_range(struct regular *regular, uint32_t low, uint32_t high)
{
    void *ranges = regular->ranges;
    if (!mem_grow(&ranges, regular->range_count, &regular->range_cap, sizeof(*regular->ranges))) {
        regular->is_out_of_memory = true;
        return false;
    }
    regular->ranges = ranges;
    regular->ranges[regular->range_count++] = (struct regular_range){low, high};
    return true;
}

/* The part of [low, high] that strings hold, behind the ranges from `first` on, which end before it. */
static void add_part(struct regular *regular, size_t first, uint32_t low, uint32_t high)
{
    for (size_t u = 0; u < sizeof(CHARACTERS) / sizeof(CHARACTERS[0]); u++) {
        uint32_t from = low > CHARACTERS[u].low ? low : CHARACTERS[u].low;
        uint32_t to = high < CHARACTERS[u].high ? high : CHARACTERS[u].high;
        if (from > to)
            continue;
        struct regular_range *last = regular->range_count > first ? &regular->ranges[regular->range_count - 1] : NULL;
        if (last != NULL && from <= last->high + 1) {
            if (to > last->high)
                last->high = to;
        } else if (!add_range(regular, from, to)) {
            return;
        }
    }
}

/* Ranges sorted by their low ends. */
regular_set regular_class(struct regular *regular, const struct regular_range *ranges, size_t count)
{
    size_t first = regular->range_count;
    for (size_t i = 0; i < count && !regular_failed(regular); i++)
        add_part(regular, first, ranges[i].low, ranges[i].high);
    struct regular_term term = {.kind = REGULAR_CLASS,
                                .a = (uint32_t)first,
                                .b = (uint32_t)(regular->range_count - first),
                                .shortest = 1,
                                .longest = 1};
    if (term.b == 0)
        return REGULAR_NOTHING;
    regular_set set = term_put(regular, &term);
    if (regular->terms[set].a != first)
        regular->range_count = first; /* it was known */
    return set;
}

regular_set regular_character(struct regular *regular)
{
    return regular_class(regular, CHARACTERS, sizeof(CHARACTERS) / sizeof(CHARACTERS[0]));
}

static bool class_has(const struct regular *regular, const struct regular_term *term, uint32_t c)
{
    for (uint32_t i = 0; i < term->b; i++)
        if (regular->ranges[term->a + i].low <= c && c <= regular->ranges[term->a + i].high)
            return true;
    return false;
}

#define JOINED_RANGES_MAX 512

/* Both classes as one, or NOTHING when they have too many ranges for that. */
static regular_set join_classes(struct regular *regular, regular_set a, regular_set b)
{
    struct regular_range joined[JOINED_RANGES_MAX];
    const struct regular_term *x = &regular->terms[a], *y = &regular->terms[b];
    size_t i = 0, k = 0, count = 0;
    if (x->b + y->b > JOINED_RANGES_MAX)
        return REGULAR_NOTHING;
    while (i < x->b || k < y->b) {
        const struct regular_range *left = &regular->ranges[x->a + i], *right = &regular->ranges[y->a + k];
        bool takes_left = k == y->b || (i < x->b && left->low <= right->low);
        joined[count++] = takes_left ? *left : *right;
        i += takes_left;
        k += !takes_left;
    }
    return regular_class(regular, joined, count);
}

/* ---- terms ---- */

static uint32_t plus(uint32_t a, uint32_t b)
{
    return a == REGULAR_UNBOUNDED || b == REGULAR_UNBOUNDED || a > REGULAR_UNBOUNDED - b ? REGULAR_UNBOUNDED : a + b;
}

static uint32_t times(uint32_t a, uint32_t b)
{
    if (a == 0 || b == 0)
        return 0;
    uint64_t product = (uint64_t)a * b;
    bool is_unbounded = a == REGULAR_UNBOUNDED || b == REGULAR_UNBOUNDED || product >= REGULAR_UNBOUNDED;
    return is_unbounded ? REGULAR_UNBOUNDED : (uint32_t)product;
}

regular_set regular_mark(struct regular *regular, enum regular_kind begin_or_end)
{
    return term_put(regular, &(struct regular_term){.kind = begin_or_end, .has_marks = true});
}

regular_set regular_sequence(struct regular *regular, regular_set a, regular_set b)
{
    if (a == REGULAR_NOTHING || b == REGULAR_NOTHING)
        return REGULAR_NOTHING;
    if (a == REGULAR_EMPTY || b == REGULAR_EMPTY)
        return a == REGULAR_EMPTY ? b : a;
    const struct regular_term *x = &regular->terms[a], *y = &regular->terms[b];
    if (x->kind == REGULAR_SEQUENCE) {
        regular_set head = x->a, tail = x->b;
        return regular_sequence(regular, head, regular_sequence(regular, tail, b));
    }
    return term_put(regular, &(struct regular_term){.kind = REGULAR_SEQUENCE,
                                                    .a = a,
                                                    .b = b,
                                                    .has_empty = x->has_empty && y->has_empty,
                                                    .has_marks = x->has_marks || y->has_marks,
                                                    .shortest = plus(x->shortest, y->shortest),
                                                    .longest = plus(x->longest, y->longest)});
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t larger(uint32_t a, uint32_t b)
{
    return a > b ? a : b;
}

static regular_set either_of_two(struct regular *regular, regular_set a, regular_set b)
{
    const struct regular_term *x = &regular->terms[a], *y = &regular->terms[b];
    return term_put(regular, &(struct regular_term){.kind = REGULAR_EITHER,
                                                    .a = a,
                                                    .b = b,
                                                    .has_empty = x->has_empty || y->has_empty,
                                                    .has_marks = x->has_marks || y->has_marks,
                                                    .shortest = smaller(x->shortest, y->shortest),
                                                    .longest = larger(x->longest, y->longest)});
}

static bool is_everything(const struct regular *regular, regular_set a)
{
    return regular->terms[a].kind == REGULAR_NOT && regular->terms[a].a == REGULAR_NOTHING;
}

/* Lists lean right and are sorted: a is put where it belongs in the list b. */
static regular_set insert(struct regular *regular, enum regular_kind kind, regular_set a, regular_set b)
{
    const struct regular_term *y = &regular->terms[b];
    regular_set head = y->kind == kind ? y->a : b, tail = y->kind == kind ? y->b : REGULAR_NOTHING;
    bool is_list = y->kind == kind;
    if (a == head)
        return b;
    if (kind == REGULAR_EITHER && regular->terms[a].kind == REGULAR_CLASS &&
        regular->terms[head].kind == REGULAR_CLASS) {
        regular_set joined = join_classes(regular, a, head);
        if (joined != REGULAR_NOTHING)
            return is_list ? insert(regular, kind, joined, tail) : joined;
    }
    if (is_list && a > head) {
        regular_set rest = insert(regular, kind, a, tail);
        return kind == REGULAR_EITHER ? either_of_two(regular, head, rest) : regular_both(regular, head, rest);
    }
    regular_set first = is_list || a < b ? a : b, second = first == a ? b : a;
    if (kind == REGULAR_EITHER)
        return either_of_two(regular, first, second);
    const struct regular_term *p = &regular->terms[first], *q = &regular->terms[second];
    return term_put(regular, &(struct regular_term){.kind = REGULAR_BOTH,
                                                    .a = first,
                                                    .b = second,
                                                    .has_empty = p->has_empty && q->has_empty,
                                                    .has_marks = p->has_marks || q->has_marks,
                                                    .shortest = larger(p->shortest, q->shortest),
                                                    .longest = smaller(p->longest, q->longest)});
}

regular_set regular_either(struct regular *regular, regular_set a, regular_set b)
{
    if (a == REGULAR_NOTHING || a == b || is_everything(regular, b))
        return b;
    if (b == REGULAR_NOTHING || is_everything(regular, a))
        return a;
    if (regular->terms[a].kind == REGULAR_EITHER) {
        regular_set head = regular->terms[a].a, tail = regular->terms[a].b;
        return regular_either(regular, head, regular_either(regular, tail, b));
    }
    return insert(regular, REGULAR_EITHER, a, b);
}

regular_set regular_both(struct regular *regular, regular_set a, regular_set b)
{
    if (a == REGULAR_NOTHING || a == b || is_everything(regular, b))
        return a;
    if (b == REGULAR_NOTHING || is_everything(regular, a))
        return b;
    if (a == REGULAR_EMPTY || b == REGULAR_EMPTY) {
        const struct regular_term *other = &regular->terms[a == REGULAR_EMPTY ? b : a];
        return other->has_empty ? REGULAR_EMPTY : REGULAR_NOTHING;
    }
    if (regular->terms[a].shortest > regular->terms[b].longest ||
        regular->terms[b].shortest > regular->terms[a].longest)
        return REGULAR_NOTHING;
    if (regular->terms[a].kind == REGULAR_BOTH) {
        regular_set head = regular->terms[a].a, tail = regular->terms[a].b;
        return regular_both(regular, head, regular_both(regular, tail, b));
    }
    return insert(regular, REGULAR_BOTH, a, b);
}

regular_set regular_not(struct regular *regular, regular_set a)
{
    const struct regular_term *x = &regular->terms[a];
    if (x->kind == REGULAR_NOT)
        return x->a;
    return term_put(regular, &(struct regular_term){.kind = REGULAR_NOT,
                                                    .a = a,
                                                    .has_empty = !x->has_empty,
                                                    .has_marks = true, /* it holds all that x does not */
                                                    .shortest = 0,
                                                    .longest = REGULAR_UNBOUNDED});
}

/* (x{a,b}){c,d} is x{ac,bd} where no count between is missing. */
static bool join_repeats(const struct regular_term *inner, uint32_t *min, uint32_t *max)
{
    uint32_t least = *min > 0 ? *min : 1;
    bool has_gap = inner->max != REGULAR_UNBOUNDED && *min != *max &&
                   times(inner->min, least + 1) > plus(times(inner->max, least), 1);
    bool has_gap_at_zero = *min == 0 && inner->min > 1;
    if (has_gap || has_gap_at_zero)
        return false;
    *min = times(inner->min, *min);
    *max = times(inner->max, *max);
    return *min != REGULAR_UNBOUNDED;
}

regular_set regular_repeat(struct regular *regular, regular_set a, uint32_t min, uint32_t max)
{
    const struct regular_term *x = &regular->terms[a];
    if (min > max)
        return REGULAR_NOTHING;
    if (max == 0 || a == REGULAR_EMPTY || (a == REGULAR_NOTHING && min == 0))
        return REGULAR_EMPTY;
    if (a == REGULAR_NOTHING || (min == 1 && max == 1))
        return a;
    if (x->kind == REGULAR_REPEAT && join_repeats(x, &min, &max))
        return regular_repeat(regular, x->a, min, max);
    if (x->has_empty)
        min = 0;
    return term_put(regular, &(struct regular_term){.kind = REGULAR_REPEAT,
                                                    .a = a,
                                                    .min = min,
                                                    .max = max,
                                                    .has_empty = min == 0 || x->has_empty,
                                                    .has_marks = x->has_marks,
                                                    .shortest = times(x->shortest, min),
                                                    .longest = times(x->longest, max)});
}

static uint32_t take_code_point(struct str text, size_t *at)
{
    static const unsigned char masks[] = {0, 0x7F, 0x1F, 0x0F, 0x07};
    unsigned char first = (unsigned char)text.data[*at];
    size_t len = first < 0x80 ? 1 : first < 0xE0 ? 2 : first < 0xF0 ? 3 : 4;
    uint32_t value = first & masks[len];
    for (size_t i = 1; i < len && *at + i < text.len; i++)
        value = value << 6 | ((unsigned char)text.data[*at + i] & 0x3F);
    *at += len;
    return value;
}

/* From the end on, so that each sequence leans right when it is made. */
regular_set regular_text(struct regular *regular, struct str utf8)
{
    regular_set set = REGULAR_EMPTY;
    for (size_t end = utf8.len; end > 0;) {
        size_t from = end - 1;
        while (from > 0 && ((unsigned char)utf8.data[from] & 0xC0) == 0x80)
            from--;
        end = from;
        uint32_t c = take_code_point(utf8, &from);
        set = regular_sequence(regular, regular_class(regular, &(struct regular_range){c, c}, 1), set);
    }
    return set;
}

/* ---- marks ---- */

static regular_set unmarked(struct regular *regular, regular_set a);

/* Strings w for which BEGIN w, or w END, is in the set, and w has no marks. */
static regular_set without_mark(struct regular *regular, regular_set a, enum regular_kind mark)
{
    const struct regular_term x = regular->terms[a];
    if (x.kind == mark)
        return REGULAR_EMPTY;
    if (x.kind == REGULAR_NOT)
        return regular_not(regular, without_mark(regular, x.a, mark));
    if (!x.has_marks)
        return REGULAR_NOTHING;
    if (x.kind == REGULAR_EITHER)
        return regular_either(regular, without_mark(regular, x.a, mark), without_mark(regular, x.b, mark));
    if (x.kind == REGULAR_BOTH)
        return regular_both(regular, without_mark(regular, x.a, mark), without_mark(regular, x.b, mark));
    if (x.kind == REGULAR_REPEAT)
        return x.min <= 1 ? without_mark(regular, x.a, mark) : REGULAR_NOTHING;
    if (x.kind != REGULAR_SEQUENCE)
        return REGULAR_NOTHING;
    bool is_front = mark == REGULAR_BEGIN;
    regular_set outer = is_front ? x.a : x.b, inner = is_front ? x.b : x.a;
    regular_set taken = without_mark(regular, outer, mark);
    /* A BEGIN goes first, and the END that is still there is taken next. */
    regular_set other = is_front ? inner : unmarked(regular, inner);
    regular_set set = is_front ? regular_sequence(regular, taken, other) : regular_sequence(regular, other, taken);
    if (regular->terms[outer].has_empty)
        set = regular_either(regular, set, without_mark(regular, inner, mark));
    return set;
}

/* Only the strings that have no marks. */
static regular_set unmarked(struct regular *regular, regular_set a)
{
    const struct regular_term x = regular->terms[a];
    if (!x.has_marks)
        return a;
    switch (x.kind) {
    case REGULAR_SEQUENCE:
        return regular_sequence(regular, unmarked(regular, x.a), unmarked(regular, x.b));
    case REGULAR_EITHER:
        return regular_either(regular, unmarked(regular, x.a), unmarked(regular, x.b));
    case REGULAR_BOTH:
        return regular_both(regular, unmarked(regular, x.a), unmarked(regular, x.b));
    case REGULAR_NOT:
        return regular_not(regular, unmarked(regular, x.a));
    case REGULAR_REPEAT:
        return regular_repeat(regular, unmarked(regular, x.a), x.min, x.max);
    default:
        return REGULAR_NOTHING;
    }
}

regular_set regular_without_marks(struct regular *regular, regular_set a)
{
    return without_mark(regular, without_mark(regular, a, REGULAR_BEGIN), REGULAR_END);
}

/* ---- derivatives ---- */

static struct regular_memo *memo_slot(struct regular *regular, regular_set set, uint32_t c)
{
    uint32_t key[] = {set, c};
    size_t at = (size_t)str_hash((struct str){(const char *)key, sizeof(key)}) & (regular->memo_cap - 1);
    while (regular->memo[at].is_used && (regular->memo[at].set != set || regular->memo[at].c != c))
        at = (at + 1) & (regular->memo_cap - 1);
    return &regular->memo[at];
}

static bool memo_grow(struct regular *regular)
{
    struct regular_memo *old = regular->memo;
    size_t old_cap = regular->memo_cap, cap = old_cap > 0 ? 2 * old_cap : 256;
    struct regular_memo *memo = mem_calloc(cap, sizeof(*memo));
    if (memo == NULL) {
        regular->is_out_of_memory = true;
        return false;
    }
    regular->memo = memo;
    regular->memo_cap = cap;
    for (size_t i = 0; i < old_cap; i++)
        if (old[i].is_used)
            *memo_slot(regular, old[i].set, old[i].c) = old[i];
    mem_free(old);
    return true;
}

static regular_set derive(struct regular *regular, regular_set a, uint32_t c)
{
    const struct regular_term x = regular->terms[a];
    regular_set left;
    switch (x.kind) {
    case REGULAR_CLASS:
        return class_has(regular, &x, c) ? REGULAR_EMPTY : REGULAR_NOTHING;
    case REGULAR_SEQUENCE:
        left = regular_sequence(regular, regular_after(regular, x.a, c), x.b);
        if (!regular->terms[x.a].has_empty)
            return left;
        return regular_either(regular, left, regular_after(regular, x.b, c));
    case REGULAR_EITHER:
        left = regular_after(regular, x.a, c);
        return regular_either(regular, left, regular_after(regular, x.b, c));
    case REGULAR_BOTH:
        left = regular_after(regular, x.a, c);
        return regular_both(regular, left, regular_after(regular, x.b, c));
    case REGULAR_NOT:
        return regular_not(regular, regular_after(regular, x.a, c));
    case REGULAR_REPEAT:
        left = regular_after(regular, x.a, c);
        return regular_sequence(regular, left,
                                regular_repeat(regular, x.a, x.min > 0 ? x.min - 1 : 0,
                                               x.max == REGULAR_UNBOUNDED ? x.max : x.max - 1));
    default:
        return REGULAR_NOTHING;
    }
}

regular_set regular_after(struct regular *regular, regular_set a, uint32_t c)
{
    if (regular_failed(regular))
        return REGULAR_NOTHING;
    if (regular->memo_count + 1 > regular->memo_cap / 2 && !memo_grow(regular))
        return REGULAR_NOTHING;
    const struct regular_memo *known = memo_slot(regular, a, c);
    if (known->is_used)
        return known->after;
    if (regular->memo_count >= 8 * regular->max) {
        regular->is_too_large = true;
        return REGULAR_NOTHING;
    }
    regular_set after = derive(regular, a, c);
    if (regular_failed(regular) || (regular->memo_count + 1 > regular->memo_cap / 2 && !memo_grow(regular)))
        return REGULAR_NOTHING;
    *memo_slot(regular, a, c) = (struct regular_memo){.set = a, .c = c, .after = after, .is_used = true};
    regular->memo_count++;
    return after;
}

bool regular_matches(struct regular *regular, regular_set a, struct str utf8)
{
    for (size_t at = 0; at < utf8.len && a != REGULAR_NOTHING;)
        a = regular_after(regular, a, take_code_point(utf8, &at));
    return !regular_failed(regular) && regular->terms[a].has_empty;
}

/* grammar_sets.c - see grammar_sets.h. */
#include "engine/grammar_sets.h"

#include <assert.h>
#include <stdlib.h>

#include "core/limits.h"

#define UNIONS 4096u /* remembered pairs */

/* Part of a character of a class: how many bytes of how many are to come, and the bits so far; or, where any
 * bytes that may come give a character of the class, how many are to come and PART_ANY. */
#define PART_BITS 21u
#define PART_ANY (1u << PART_BITS)
#define PART(len, left, bits) ((uint32_t)(len) << 24 | (uint32_t)(left) << 22 | (bits))
#define PART_LEFT(part) ((part) >> 22 & 3u)
#define PART_LEN(part) ((part) >> 24)

/* --- trouble ---------------------------------------------------------------------------------------- */

static void work(struct grammar_sets *s, uint64_t count)
{
    s->work += count;
    if (s->work > s->work_max && s->code == OK)
        s->code = ERROR_INVALID;
}

/* Grows an array; false once anything has failed. */
static bool grow(struct grammar_sets *s, void **items, size_t count, size_t *cap, size_t size, size_t most)
{
    if (s->code == OK && count >= most)
        s->code = ERROR_INVALID;
    if (s->code == OK && !mem_grow(items, count, cap, size))
        s->code = ERROR_NO_MEMORY;
    return s->code == OK;
}

enum error_code sets_error(const struct grammar_sets *s, struct error *error)
{
    if (s->code == ERROR_NO_MEMORY)
        return error_no_memory(error);
    return error_set(error, s->code, STR_FMT ": its grammar can be read in too many ways for one token; make patterns, "
                     "counts and alternatives simpler", STR_ARG(grammar_program_place(s->program, s->rule)));
}

/* --- keeping sets ----------------------------------------------------------------------------------- */

static uint32_t hash_frames(const struct grammar_frame *frames, size_t count, bool ends)
{
    uint64_t hash = ends ? 0x9E3779B97F4A7C15u : 0x517CC1B727220A95u;
    for (size_t i = 0; i < count; i++) {
        hash = (hash ^ frames[i].node) * 0xff51afd7ed558ccdu;
        hash = (hash ^ (hash >> 29) ^ ((uint64_t)frames[i].sub << 32 | frames[i].tail)) * 0xc4ceb9fe1a85ec53u;
    }
    return (uint32_t)(hash ^ hash >> 32);
}

static bool index_double(struct grammar_sets *s)
{
    const size_t cap = s->index_cap > 0 ? 2 * s->index_cap : 256;
    uint32_t *index = mem_calloc(cap, sizeof(*index));
    if (index == NULL) {
        s->code = ERROR_NO_MEMORY;
        return false;
    }
    for (size_t i = 1; i < s->set_count; i++) {
        size_t at = s->sets[i].hash & (cap - 1);
        while (index[at] != 0)
            at = (at + 1) & (cap - 1);
        index[at] = (uint32_t)i + 1;
    }
    mem_free(s->index);
    s->index = index;
    s->index_cap = cap;
    return true;
}

static uint32_t plus(uint32_t a, uint32_t b)
{
    if (a == GRAMMAR_NEVER || b == GRAMMAR_NEVER)
        return GRAMMAR_NEVER;
    return a + b < GRAMMAR_SHORTEST_MAX ? a + b : GRAMMAR_SHORTEST_MAX;
}

static uint32_t frame_shortest(const struct grammar_sets *s, const struct grammar_frame *frame)
{
    const struct grammar_node *node = &s->program->nodes[frame->node];
    uint32_t own = node->shortest;
    if (frame->sub > 0 && node->kind == GRAMMAR_CLASS)
        own = plus(PART_LEFT(frame->sub), s->program->nodes[node->next].shortest);
    else if (frame->sub > 0 && node->kind != GRAMMAR_FREE)
        own = node->shortest - frame->sub;
    return node->kind == GRAMMAR_FREE ? 0 : plus(own, s->sets[frame->tail].shortest);
}

/* What a set says of its frames. */
static void describe(const struct grammar_sets *s, struct grammar_set *set)
{
    set->may_end = set->ends;
    set->shortest = set->ends ? 0 : GRAMMAR_NEVER;
    for (uint32_t i = 0; i < set->count; i++) {
        const struct grammar_frame *frame = &s->frames[set->first + i];
        const struct grammar_node *node = &s->program->nodes[frame->node];
        const uint32_t shortest = frame_shortest(s, frame);
        const uint16_t depth = (uint16_t)(s->sets[frame->tail].depth + grammar_node_depth(node));
        set->shortest = shortest < set->shortest ? shortest : set->shortest;
        set->depth = depth > set->depth ? depth : set->depth;
        set->has_text = set->has_text || node->is_text;
        if (node->kind != GRAMMAR_FREE)
            continue;
        set->may_end = set->has_free = true;
        if (frame->sub > set->undecided + 1)
            set->undecided = frame->sub - 1;
    }
}

/* The set with these frames, sorted. */
static uint32_t keep(struct grammar_sets *s, const struct grammar_frame *frames, size_t count, bool ends)
{
    if (count == 0 && !ends)
        return SET_NONE;
    work(s, count + 1);
    if (2 * (s->set_count + 1) > s->index_cap && !index_double(s))
        return SET_NONE;
    const uint32_t hash = hash_frames(frames, count, ends);
    size_t at = hash & (s->index_cap - 1);
    for (; s->index[at] != 0; at = (at + 1) & (s->index_cap - 1)) {
        const struct grammar_set *set = &s->sets[s->index[at] - 1];
        if (set->hash == hash && set->count == count && set->ends == ends &&
            (count == 0 || memcmp(s->frames + set->first, frames, count * sizeof(*frames)) == 0))
            return s->index[at] - 1;
    }
    if (!grow(s, (void **)&s->sets, s->set_count, &s->set_cap, sizeof(*s->sets), LIMIT_GRAMMAR_SETS))
        return SET_NONE;
    struct grammar_set made = {.first = (uint32_t)s->frame_count, .count = (uint32_t)count, .hash = hash,
                               .row = SET_ROW_NONE, .ends = ends};
    for (size_t i = 0; i < count; i++) {
        if (!grow(s, (void **)&s->frames, s->frame_count, &s->frame_cap, sizeof(*s->frames), LIMIT_GRAMMAR_FRAMES))
            return SET_NONE;
        s->frames[s->frame_count++] = frames[i];
    }
    describe(s, &made);
    const uint32_t number = (uint32_t)s->set_count++;
    s->sets[number] = made;
    s->index[at] = number + 1;
    return number;
}

static int order(const struct grammar_frame *a, const struct grammar_frame *b)
{
    if (a->node != b->node)
        return a->node < b->node ? -1 : 1;
    return (a->sub > b->sub) - (a->sub < b->sub);
}

/* --- union ------------------------------------------------------------------------------------------ */

static uint32_t unite(struct grammar_sets *s, uint32_t a, uint32_t b);

/* Both lists are sorted; where they have the same node, the tails are united. */
static size_t merge(struct grammar_sets *s, uint32_t a, uint32_t b, struct grammar_frame *out)
{
    const struct grammar_set left = s->sets[a], right = s->sets[b];
    size_t count = 0;
    uint32_t i = 0, k = 0;
    while ((i < left.count || k < right.count) && s->code == OK) {
        const struct grammar_frame *x = i < left.count ? &s->frames[left.first + i] : NULL;
        const struct grammar_frame *y = k < right.count ? &s->frames[right.first + k] : NULL;
        const int which = x == NULL ? 1 : y == NULL ? -1 : order(x, y);
        out[count] = which <= 0 ? *x : *y;
        i += which <= 0;
        k += which >= 0;
        if (which == 0) {
            const uint32_t other = y->tail;
            out[count].tail = unite(s, x->tail, other);
        }
        count++;
    }
    return count;
}

/* Calls itself as deep as sets are nested: LIMIT_GRAMMAR_DEPTH at most. */
static uint32_t unite(struct grammar_sets *s, uint32_t a, uint32_t b)
{
    if (a == b || b == SET_NONE)
        return a;
    if (a == SET_NONE)
        return b;
    if (a > b) {
        const uint32_t t = a;
        a = b, b = t;
    }
    const size_t slot = ((size_t)a * 0x9E3779B1u + b * 0x85EBCA77u) % UNIONS;
    if (s->unions[slot].a == a && s->unions[slot].b == b)
        return s->unions[slot].both;
    const size_t most = s->sets[a].count + s->sets[b].count;
    work(s, most + 1);
    struct grammar_frame few[16], *frames = most <= 16 ? few : mem_calloc(most, sizeof(*frames));
    if (frames == NULL) {
        s->code = ERROR_NO_MEMORY;
        return SET_NONE;
    }
    const bool ends = s->sets[a].ends || s->sets[b].ends;
    const size_t count = merge(s, a, b, frames);
    const uint32_t both = s->code == OK ? keep(s, frames, count, ends) : SET_NONE;
    if (frames != few)
        mem_free(frames);
    if (s->code == OK) {
        s->unions[slot].a = a;
        s->unions[slot].b = b;
        s->unions[slot].both = both;
    }
    return both;
}

/* --- the set that is being made ---------------------------------------------------------------------- */

static void begin(struct grammar_sets *s)
{
    s->waiting_count = 0;
    s->ends = false;
}

static size_t entry_hash(uint32_t node, uint32_t sub)
{
    const uint64_t hash = ((uint64_t)node << 32 | sub) * 0x9E3779B97F4A7C15u;
    return (size_t)(hash >> 32);
}

static bool entry_index_double(struct grammar_sets *s)
{
    const size_t cap = s->entry_index_cap > 0 ? 2 * s->entry_index_cap : 64;
    uint32_t *index = mem_calloc(cap, sizeof(*index));
    if (index == NULL) {
        s->code = ERROR_NO_MEMORY;
        return false;
    }
    for (size_t i = 0; i < s->entry_count; i++) {
        size_t at = entry_hash(s->entries[i].node, s->entries[i].sub) & (cap - 1);
        while (index[at] != 0)
            at = (at + 1) & (cap - 1);
        index[at] = (uint32_t)i + 1;
        s->entries[i].slot = (uint32_t)at;
    }
    mem_free(s->entry_index);
    s->entry_index = index;
    s->entry_index_cap = cap;
    return true;
}

static struct grammar_entry *find_entry(struct grammar_sets *s, uint32_t node, uint32_t sub)
{
    if (2 * (s->entry_count + 1) > s->entry_index_cap && !entry_index_double(s))
        return NULL;
    size_t at = entry_hash(node, sub) & (s->entry_index_cap - 1);
    for (; s->entry_index[at] != 0; at = (at + 1) & (s->entry_index_cap - 1)) {
        struct grammar_entry *entry = &s->entries[s->entry_index[at] - 1];
        if (entry->node == node && entry->sub == sub)
            return entry;
    }
    if (!grow(s, (void **)&s->entries, s->entry_count, &s->entry_cap, sizeof(*s->entries), SIZE_MAX))
        return NULL;
    s->entries[s->entry_count] = (struct grammar_entry){node, sub, SET_NONE, (uint32_t)at, false};
    s->entry_index[at] = (uint32_t)++s->entry_count;
    return &s->entries[s->entry_count - 1];
}

static void clear_entries(struct grammar_sets *s)
{
    for (size_t i = 0; i < s->entry_count; i++)
        s->entry_index[s->entries[i].slot] = 0;
    s->entry_count = 0;
}

/* Adds a node with its tail. A node that can't be ended within the depth is left out, so that nobody gets stuck. */
static void put(struct grammar_sets *s, uint32_t node, uint32_t sub, uint32_t tail)
{
    const struct grammar_node *what = &s->program->nodes[node];
    work(s, 1);
    s->rule = what->rule;
    if (s->code != OK || (sub == 0 && (what->shortest == GRAMMAR_NEVER ||
                                       s->sets[tail].depth + what->need > LIMIT_GRAMMAR_DEPTH)))
        return;
    if (what->kind == GRAMMAR_FREE && sub == 0)
        sub = s->program->literals[what->arg].begun + 1;
    struct grammar_entry *entry = find_entry(s, node, sub);
    if (entry == NULL)
        return;
    const uint32_t at = (uint32_t)(entry - s->entries), had = entry->tail;
    const uint32_t both = unite(s, had, tail);
    if (s->code != OK || both == had)
        return;
    entry = &s->entries[at];
    entry->tail = both;
    if (entry->is_waiting || sub > 0)
        return;
    entry->is_waiting = true;
    if (grow(s, (void **)&s->waiting, s->waiting_count, &s->waiting_cap, sizeof(*s->waiting), SIZE_MAX))
        s->waiting[s->waiting_count++] = at;
}

static void end_rule(struct grammar_sets *s, uint32_t tail)
{
    const struct grammar_set set = s->sets[tail];
    s->ends = s->ends || set.ends;
    for (uint32_t i = 0; i < set.count && s->code == OK; i++) {
        const struct grammar_frame frame = s->frames[set.first + i];
        put(s, frame.node, 0, frame.tail);
    }
}

/* Where a node leads without a byte. */
static void expand(struct grammar_sets *s, uint32_t number, uint32_t tail)
{
    const struct grammar_node *node = &s->program->nodes[number];
    struct grammar_frame back = {node->next, 0, tail};
    switch ((enum grammar_node_kind)node->kind) {
    case GRAMMAR_SPLIT:
        put(s, node->next, 0, tail);
        put(s, node->arg, 0, tail);
        break;
    case GRAMMAR_CALL:
        put(s, s->program->rules[node->arg].entry, 0, node->is_tail ? tail : keep(s, &back, 1, false));
        break;
    case GRAMMAR_END:
        end_rule(s, tail);
        break;
    case GRAMMAR_LITERAL:
        if (s->program->literals[node->arg].len == 0)
            put(s, node->next, 0, tail);
        break;
    case GRAMMAR_JUMP:
    case GRAMMAR_MARKER:
    case GRAMMAR_CLASS:
    case GRAMMAR_FREE:
        break;
    }
}

static bool is_consuming(const struct grammar_sets *s, const struct grammar_entry *entry)
{
    const struct grammar_node *node = &s->program->nodes[entry->node];
    return node->kind == GRAMMAR_MARKER || node->kind == GRAMMAR_CLASS || node->kind == GRAMMAR_FREE ||
           (node->kind == GRAMMAR_LITERAL && s->program->literals[node->arg].len > 0);
}

static int compare_frames(const void *left, const void *right)
{
    return order(left, right);
}

/* Follows the moves that take no byte, and keeps what then waits for one. */
static uint32_t finish(struct grammar_sets *s)
{
    while (s->waiting_count > 0 && s->code == OK) {
        const uint32_t at = s->waiting[--s->waiting_count];
        s->entries[at].is_waiting = false;
        expand(s, s->entries[at].node, s->entries[at].tail);
    }
    uint32_t set = SET_NONE;
    size_t count = 0;
    struct grammar_frame few[16], *frames =
                                      s->entry_count <= 16 ? few : mem_calloc(s->entry_count, sizeof(*frames));
    if (frames == NULL)
        s->code = ERROR_NO_MEMORY;
    for (size_t i = 0; i < s->entry_count && s->code == OK; i++)
        if (is_consuming(s, &s->entries[i]))
            frames[count++] = (struct grammar_frame){s->entries[i].node, s->entries[i].sub, s->entries[i].tail};
    if (s->code == OK) {
        if (count > 1)
            qsort(frames, count, sizeof(*frames), compare_frames);
        set = keep(s, frames, count, s->ends);
    }
    clear_entries(s);
    if (frames != few)
        mem_free(frames);
    return set;
}

uint32_t sets_begin(struct grammar_sets *s, uint32_t rule)
{
    begin(s);
    put(s, s->program->rules[rule].entry, 0, SET_END);
    return finish(s);
}

/* --- bytes ------------------------------------------------------------------------------------------- */

enum reaction { REACTION_NONE, REACTION_INSIDE, REACTION_NEXT };

/* Bytes around `byte` that a frame takes in the same way. */
struct span {
    uint32_t low, high;
};

static void narrow(struct span *span, uint32_t low, uint32_t high)
{
    span->low = low > span->low ? low : span->low;
    span->high = high < span->high ? high : span->high;
}

/* One byte alone is taken; all others are not. */
static void narrow_to_single(struct span *span, uint8_t byte, uint8_t single)
{
    if (byte == single)
        narrow(span, byte, byte);
    else if (byte < single)
        narrow(span, 0, (uint32_t)single - 1);
    else
        narrow(span, (uint32_t)single + 1, 255);
}

static enum reaction react_literal(const struct grammar_program *g, const struct grammar_frame *frame, uint8_t byte,
                                   struct span *span, uint32_t *sub)
{
    const struct grammar_literal *literal = &g->literals[g->nodes[frame->node].arg];
    const uint8_t wanted = (uint8_t)g->text[literal->from + frame->sub];
    narrow_to_single(span, byte, wanted);
    *sub = frame->sub + 1;
    if (byte != wanted)
        return REACTION_NONE;
    return *sub == literal->len ? REACTION_NEXT : REACTION_INSIDE;
}

/* Length of the longest beginning of the marker with which `matched` bytes of it and then `byte` end. */
static uint32_t advance_marker(const char *marker, uint32_t matched, uint8_t byte)
{
    for (uint32_t len = matched + 1; len > 0; len--)
        if ((uint8_t)marker[len - 1] == byte && memcmp(marker, marker + matched + 1 - len, len - 1) == 0)
            return len;
    return 0;
}

static enum reaction react_free(const struct grammar_program *g, const struct grammar_frame *frame, uint8_t byte,
                                struct span *span, uint32_t *sub)
{
    const struct grammar_literal *literal = &g->literals[g->nodes[frame->node].arg];
    const char *marker = g->text + literal->from;
    for (uint32_t i = 0; i < frame->sub; i++)
        narrow_to_single(span, byte, (uint8_t)marker[i]);
    *sub = advance_marker(marker, frame->sub - 1, byte) + 1;
    return *sub > literal->len ? REACTION_NEXT : REACTION_INSIDE;
}

/* Whether all, some or none of the code points low..high are in the class. */
static int class_has(const struct grammar_program *g, const struct grammar_class *class, uint32_t low, uint32_t high)
{
    uint32_t from = 0, to = class->count; /* the first range that does not end before low */
    while (from < to) {
        const uint32_t middle = from + (to - from) / 2;
        if (g->ranges[class->from + middle].high < low)
            from = middle + 1;
        else
            to = middle;
    }
    if (from == class->count || g->ranges[class->from + from].low > high)
        return 0;
    return g->ranges[class->from + from].low <= low && g->ranges[class->from + from].high >= high ? 2 : 1;
}

static enum reaction react_ascii(const struct grammar_class *class, uint8_t byte, struct span *span)
{
    const bool is_in = (class->ascii[byte / 64] >> (byte % 64) & 1) != 0;
    uint32_t low = byte, high = byte;
    while (low > span->low && (class->ascii[(low - 1) / 64] >> ((low - 1) % 64) & 1) == is_in)
        low--;
    while (high < span->high && high < 127 && (class->ascii[(high + 1) / 64] >> ((high + 1) % 64) & 1) == is_in)
        high++;
    narrow(span, low, high);
    return is_in ? REACTION_NEXT : REACTION_NONE;
}

/* The bits of a part of a character with `left` more bytes, as a frame's sub: none, one that any bytes complete, or
 * the bits as they are. Overlong forms and surrogates are in no class, as the code points are compared. */
static enum reaction react_part(const struct grammar_program *g, const struct grammar_class *class, unsigned left,
                                uint32_t bits, unsigned len, uint32_t *sub)
{
    static const uint32_t least[] = {0, 0, 0x80, 0x800, 0x10000};
    uint32_t low = bits << 6 * left, high = low | ((1u << 6 * left) - 1);
    if (high < least[len] || low > 0x10FFFF)
        return REACTION_NONE;
    const bool is_cut = low < least[len] || high > 0x10FFFF;
    low = low < least[len] ? least[len] : low;
    high = high > 0x10FFFF ? 0x10FFFF : high;
    const int has = class_has(g, class, low, high);
    if (has == 0)
        return REACTION_NONE;
    *sub = has == 2 && !is_cut ? PART(0, left, PART_ANY) : PART(len, left, bits);
    return left == 0 ? REACTION_NEXT : REACTION_INSIDE;
}

static enum reaction react_class(const struct grammar_program *g, const struct grammar_frame *frame, uint8_t byte,
                                 struct span *span, uint32_t *sub)
{
    const struct grammar_class *class = &g->classes[g->nodes[frame->node].arg];
    if (frame->sub == 0 && byte < 0x80)
        return react_ascii(class, byte, span);
    if (frame->sub == 0) {
        const unsigned len = byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : 2;
        narrow(span, byte, byte);
        if (byte < 0xC2 || byte > 0xF4)
            return REACTION_NONE;
        return react_part(g, class, len - 1, byte & (0x7Fu >> len), len, sub);
    }
    const unsigned left = PART_LEFT(frame->sub) - 1;
    if ((byte & 0xC0) != 0x80) {
        narrow(span, byte < 0x80 ? 0 : 0xC0, byte < 0x80 ? 0x7F : 255);
        return REACTION_NONE;
    }
    if (frame->sub & PART_ANY) {
        narrow(span, 0x80, 0xBF);
        *sub = PART(0, left, PART_ANY);
        return left == 0 ? REACTION_NEXT : REACTION_INSIDE;
    }
    narrow(span, byte, byte);
    const uint32_t bits = (frame->sub & (PART_ANY - 1)) << 6 | (byte & 0x3Fu);
    return react_part(g, class, left, bits, PART_LEN(frame->sub), sub);
}

static enum reaction react(const struct grammar_program *g, const struct grammar_frame *frame, uint8_t byte,
                           struct span *span, uint32_t *sub)
{
    *sub = 0;
    switch ((enum grammar_node_kind)g->nodes[frame->node].kind) {
    case GRAMMAR_LITERAL:
    case GRAMMAR_MARKER: return react_literal(g, frame, byte, span, sub);
    case GRAMMAR_CLASS: return react_class(g, frame, byte, span, sub);
    case GRAMMAR_FREE: return react_free(g, frame, byte, span, sub);
    case GRAMMAR_END:
    case GRAMMAR_JUMP:
    case GRAMMAR_SPLIT:
    case GRAMMAR_CALL: break;
    }
    return REACTION_NONE;
}

/* Without a row, which is no fault, what a byte makes of a set is computed each time. */
static void make_row(struct grammar_sets *s, uint32_t set)
{
    if (s->row_count >= LIMIT_GRAMMAR_ROWS ||
        !grow(s, (void **)&s->rows, s->row_count, &s->row_cap, sizeof(*s->rows), SIZE_MAX))
        return;
    for (size_t byte = 0; byte < 256; byte++)
        s->rows[s->row_count][byte] = SET_UNKNOWN;
    s->sets[set].row = (uint32_t)s->row_count++;
}

uint32_t sets_compute(struct grammar_sets *s, uint32_t set, uint8_t byte)
{
    struct span span = {0, 255};
    if (s->code == OK && s->sets[set].row == SET_ROW_NONE)
        make_row(s, set);
    if (s->code != OK)
        return SET_NONE;
    begin(s);
    for (uint32_t i = 0; i < s->sets[set].count && s->code == OK; i++) {
        const struct grammar_frame frame = s->frames[s->sets[set].first + i];
        uint32_t sub;
        const enum reaction reaction = react(s->program, &frame, byte, &span, &sub);
        work(s, 1);
        if (reaction == REACTION_INSIDE)
            put(s, frame.node, sub, frame.tail);
        else if (reaction == REACTION_NEXT)
            put(s, s->program->nodes[frame.node].next, 0, frame.tail);
    }
    const uint32_t next = finish(s);
    if (s->code != OK)
        return SET_NONE;
    const uint32_t row = s->sets[set].row;
    for (uint32_t i = span.low; row != SET_ROW_NONE && i <= span.high; i++)
        s->rows[row][i] = next;
    return next;
}

uint32_t sets_marker(struct grammar_sets *s, uint32_t set, int32_t token)
{
    begin(s);
    for (uint32_t i = 0; i < s->sets[set].count && s->code == OK; i++) {
        const struct grammar_frame frame = s->frames[s->sets[set].first + i];
        const struct grammar_node *node = &s->program->nodes[frame.node];
        const bool is_marker = node->kind == GRAMMAR_MARKER || node->kind == GRAMMAR_FREE;
        if (is_marker && (frame.sub == 0 || node->kind == GRAMMAR_FREE) &&
            s->program->literals[node->arg].token == token)
            put(s, node->next, 0, frame.tail);
    }
    return finish(s);
}

/* --- the shortest way out ----------------------------------------------------------------------------- */

static uint8_t class_byte(const struct grammar_program *g, const struct grammar_class *class, uint32_t sub)
{
    static const struct span blocks[] = {{'a', 'z'}, {'0', '9'}, {'A', 'Z'}};
    if (sub > 0 && sub & PART_ANY)
        return 0x80;
    const unsigned left = sub > 0 ? PART_LEFT(sub) : 0;
    if (sub == 0) {
        for (size_t i = 0; i < 3; i++)
            for (uint32_t c = blocks[i].low; c <= blocks[i].high; c++)
                if (class->ascii[c / 64] >> (c % 64) & 1)
                    return (uint8_t)c;
        const uint32_t c = g->ranges[class->from].low;
        return (uint8_t)(c < 0x80 ? c : c < 0x800 ? 0xC0 | c >> 6 : c < 0x10000 ? 0xE0 | c >> 12 : 0xF0 | c >> 18);
    }
    const uint32_t bits = sub & (PART_ANY - 1);
    for (uint32_t next = 0; next < 64; next++) {
        const uint32_t low = (bits << 6 | next) << 6 * (left - 1);
        if (class_has(g, class, low, low | ((1u << 6 * (left - 1)) - 1)) > 0)
            return (uint8_t)(0x80 | next);
    }
    return 0x80;
}

bool sets_shortest(const struct grammar_sets *s, uint32_t set, uint8_t *byte, int32_t *token)
{
    const struct grammar_set *from = &s->sets[set];
    for (uint32_t i = 0; i < from->count; i++) {
        const struct grammar_frame *frame = &s->frames[from->first + i];
        const struct grammar_node *node = &s->program->nodes[frame->node];
        *token = -1;
        if (frame_shortest(s, frame) != from->shortest || node->kind == GRAMMAR_FREE)
            continue;
        if (node->kind == GRAMMAR_CLASS) {
            *byte = class_byte(s->program, &s->program->classes[node->arg], frame->sub);
            return true;
        }
        const struct grammar_literal *literal = &s->program->literals[node->arg];
        *byte = (uint8_t)s->program->text[literal->from + frame->sub];
        *token = node->kind == GRAMMAR_MARKER && frame->sub == 0 ? literal->token : -1;
        return true;
    }
    return false;
}

/* --- life ------------------------------------------------------------------------------------------- */

/* Sets 0 and 1. */
static void make_first(struct grammar_sets *s)
{
    if (!grow(s, (void **)&s->sets, s->set_count, &s->set_cap, sizeof(*s->sets), LIMIT_GRAMMAR_SETS))
        return;
    s->sets[s->set_count++] = (struct grammar_set){.row = SET_ROW_NONE, .shortest = GRAMMAR_NEVER};
    const uint32_t end = keep(s, NULL, 0, true);
    assert(s->code != OK || end == SET_END);
}

bool sets_init(struct grammar_sets *s, const struct grammar_program *program)
{
    *s = (struct grammar_sets){.program = program, .work_max = UINT64_MAX, .rule = program->root};
    s->unions = mem_calloc(UNIONS, sizeof(*s->unions));
    if (s->unions == NULL)
        return false;
    make_first(s);
    return s->code == OK;
}

void sets_deinit(struct grammar_sets *s)
{
    mem_free(s->sets);
    mem_free(s->frames);
    mem_free(s->rows);
    mem_free(s->index);
    mem_free(s->unions);
    mem_free(s->entries);
    mem_free(s->entry_index);
    mem_free(s->waiting);
}

bool sets_is_full(const struct grammar_sets *s)
{
    return s->set_count > LIMIT_GRAMMAR_SETS / 2 || s->frame_count > LIMIT_GRAMMAR_FRAMES / 2 ||
           s->row_count > LIMIT_GRAMMAR_ROWS / 2;
}

/* Calls itself as deep as sets are nested. */
static uint32_t copy(struct grammar_sets *to, const struct grammar_sets *from, uint32_t set, uint32_t *copies)
{
    if (set <= SET_END || copies[set] != 0 || to->code != OK)
        return set <= SET_END ? set : copies[set];
    const struct grammar_set *old = &from->sets[set];
    struct grammar_frame *frames = mem_calloc((size_t)old->count + 1, sizeof(*frames));
    if (frames == NULL) {
        to->code = ERROR_NO_MEMORY;
        return SET_NONE;
    }
    for (uint32_t i = 0; i < old->count; i++) {
        frames[i] = from->frames[old->first + i];
        frames[i].tail = copy(to, from, frames[i].tail, copies);
    }
    copies[set] = keep(to, frames, old->count, old->ends);
    mem_free(frames);
    return copies[set];
}

uint32_t sets_keep(struct grammar_sets *s, uint32_t set)
{
    struct grammar_sets fresh;
    uint32_t kept = SET_NONE;
    uint32_t *copies = mem_calloc(s->set_count + 1, sizeof(*copies));
    if (!sets_init(&fresh, s->program) || copies == NULL) {
        s->code = ERROR_NO_MEMORY;
    } else {
        kept = copy(&fresh, s, set, copies);
        fresh.work = s->work;
        fresh.work_max = s->work_max;
        const struct grammar_sets old = *s;
        *s = fresh;
        fresh = old;
    }
    sets_deinit(&fresh);
    mem_free(copies);
    return kept;
}

/* grammar_check.c - what follows from a program's nodes. See grammar_program.h.
 *
 * For each node: how many bytes it takes at least to end its rule from there,
 * and how deep rules must be called for that. Nodes get their value in its
 * order, the smallest first, each once (D. E. Knuth, A generalization of
 * Dijkstra's algorithm, 1977); so it takes about as long as sorting them. */
#include "engine/grammar_program.h"

#include "core/limits.h"

static uint32_t follow_jumps(const struct grammar_program *g, uint32_t node)
{
    while (g->nodes[node].kind == GRAMMAR_JUMP)
        node = g->nodes[node].next;
    return node;
}

static void remove_jumps(struct grammar_program *g)
{
    for (size_t i = 0; i < g->node_count; i++) {
        struct grammar_node *node = &g->nodes[i];
        if (node->kind == GRAMMAR_END)
            continue;
        node->next = follow_jumps(g, node->next);
        if (node->kind == GRAMMAR_SPLIT)
            node->arg = follow_jumps(g, node->arg);
        node->is_tail = node->kind == GRAMMAR_CALL && g->nodes[node->next].kind == GRAMMAR_END;
    }
    for (size_t i = 0; i < g->rule_count; i++)
        g->rules[i].entry = follow_jumps(g, g->rules[i].entry);
}

static uint32_t sum(uint32_t a, uint32_t b)
{
    if (a == GRAMMAR_NEVER || b == GRAMMAR_NEVER)
        return GRAMMAR_NEVER;
    return a + b < GRAMMAR_SHORTEST_MAX ? a + b : GRAMMAR_SHORTEST_MAX;
}

static uint32_t character_len(uint32_t c)
{
    return c < 0x80 ? 1 : c < 0x800 ? 2 : c < 0x10000 ? 3 : 4;
}

/* --- values in their order --------------------------------------------------------------------------- */

struct order {
    const struct grammar_program *program;
    uint32_t *values;     /* by node; GRAMMAR_NEVER: none yet */
    uint32_t *first;      /* by node + 1: where its dependents begin */
    uint32_t *dependents; /* nodes */
    uint64_t *heap;       /* value, node: the smallest in front */
    size_t count;
};

/* Nodes whose values a node's depends on. */
static unsigned sources(const struct grammar_program *g, const struct grammar_node *node, uint32_t out[2])
{
    if (node->kind == GRAMMAR_END || node->kind == GRAMMAR_JUMP)
        return 0;
    out[0] = node->next;
    out[1] = node->kind == GRAMMAR_CALL ? g->rules[node->arg].entry : node->arg;
    return node->kind == GRAMMAR_CALL || node->kind == GRAMMAR_SPLIT ? 2 : 1;
}

static void link_dependents(struct order *o)
{
    const struct grammar_program *g = o->program;
    uint32_t from[2], sum_of = 0;
    for (size_t i = 0; i < g->node_count; i++)
        for (unsigned k = sources(g, &g->nodes[i], from); k > 0; k--)
            o->first[from[k - 1] + 1]++;
    for (size_t i = 0; i < g->node_count; i++)
        o->first[i + 1] = sum_of += o->first[i + 1];
    o->first[g->node_count + 1] = sum_of;
    for (size_t i = g->node_count; i-- > 0;) /* fills each list from its end back to its beginning */
        for (unsigned k = sources(g, &g->nodes[i], from); k > 0; k--)
            o->dependents[--o->first[from[k - 1] + 1]] = (uint32_t)i;
}

static bool order_init(struct order *o, const struct grammar_program *g)
{
    *o = (struct order){.program = g,
                        .values = mem_calloc(g->node_count + 1, sizeof(*o->values)),
                        .first = mem_calloc(g->node_count + 2, sizeof(*o->first)),
                        .dependents = mem_calloc(2 * g->node_count + 1, sizeof(*o->dependents)),
                        .heap = mem_calloc(3 * g->node_count + 1, sizeof(*o->heap))};
    if (o->values == NULL || o->first == NULL || o->dependents == NULL || o->heap == NULL)
        return false;
    link_dependents(o);
    return true;
}

static void order_deinit(struct order *o)
{
    mem_free(o->values);
    mem_free(o->first);
    mem_free(o->dependents);
    mem_free(o->heap);
}

static void push(struct order *o, uint32_t value, uint32_t node)
{
    size_t at = o->count++;
    const uint64_t item = (uint64_t)value << 32 | node;
    for (; at > 0 && o->heap[(at - 1) / 2] > item; at = (at - 1) / 2)
        o->heap[at] = o->heap[(at - 1) / 2];
    o->heap[at] = item;
}

static uint64_t pop(struct order *o)
{
    const uint64_t top = o->heap[0], item = o->heap[--o->count];
    size_t at = 0;
    for (size_t child = 1; child < o->count; child = 2 * at + 1) {
        child += child + 1 < o->count && o->heap[child + 1] < o->heap[child];
        if (o->heap[child] >= item)
            break;
        o->heap[at] = o->heap[child];
        at = child;
    }
    o->heap[at] = item;
    return top;
}

/* Gives each node its value; `value` computes one from those that are known, GRAMMAR_NEVER if not enough are. */
static void settle(struct order *o, uint32_t (*value)(const struct order *, const struct grammar_node *))
{
    const struct grammar_node *nodes = o->program->nodes;
    o->count = 0;
    for (size_t i = 0; i < o->program->node_count; i++) {
        o->values[i] = GRAMMAR_NEVER;
        if (nodes[i].kind == GRAMMAR_END || nodes[i].kind == GRAMMAR_FREE) /* a reply may end in free text */
            push(o, 0, (uint32_t)i);
    }
    while (o->count > 0) {
        const uint64_t item = pop(o);
        const uint32_t node = (uint32_t)item;
        if (o->values[node] != GRAMMAR_NEVER)
            continue;
        o->values[node] = (uint32_t)(item >> 32);
        for (uint32_t i = o->first[node + 1]; i < o->first[node + 2]; i++) {
            const uint32_t dependent = o->dependents[i];
            const uint32_t known = o->values[dependent] == GRAMMAR_NEVER ? value(o, &nodes[dependent]) : GRAMMAR_NEVER;
            if (known != GRAMMAR_NEVER)
                push(o, known, dependent);
        }
    }
}

static uint32_t smaller(uint32_t a, uint32_t b)
{
    return a < b ? a : b;
}

static uint32_t value_shortest(const struct order *o, const struct grammar_node *node)
{
    const struct grammar_program *g = o->program;
    const uint32_t next = o->values[node->next];
    switch ((enum grammar_node_kind)node->kind) {
    case GRAMMAR_SPLIT: return smaller(next, o->values[node->arg]);
    case GRAMMAR_CALL: return sum(o->values[g->rules[node->arg].entry], next);
    case GRAMMAR_LITERAL:
    case GRAMMAR_MARKER: return sum(g->literals[node->arg].len, next);
    case GRAMMAR_CLASS:
        if (g->classes[node->arg].count > 0)
            return sum(character_len(g->ranges[g->classes[node->arg].from].low), next);
        break;
    case GRAMMAR_END:
    case GRAMMAR_JUMP:
    case GRAMMAR_FREE: break;
    }
    return GRAMMAR_NEVER;
}

static uint32_t value_need(const struct order *o, const struct grammar_node *node)
{
    const struct grammar_program *g = o->program;
    const uint32_t next = o->values[node->next];
    if (node->kind == GRAMMAR_SPLIT)
        return smaller(next, o->values[node->arg]);
    if (node->kind != GRAMMAR_CALL)
        return node->shortest == GRAMMAR_NEVER ? GRAMMAR_NEVER : next;
    const uint32_t inner = sum(o->values[g->rules[node->arg].entry],
                               node->is_tail ? 0 : grammar_node_depth(&g->nodes[node->next]));
    return inner == GRAMMAR_NEVER || next == GRAMMAR_NEVER ? GRAMMAR_NEVER : inner > next ? inner : next;
}

static bool has_bracket(const struct grammar_program *g, const struct grammar_node *node)
{
    const struct grammar_literal *literal = node->kind == GRAMMAR_LITERAL ? &g->literals[node->arg] : NULL;
    for (uint32_t i = 0; literal != NULL && i < literal->len; i++)
        if (g->text[literal->from + i] == ']' || g->text[literal->from + i] == '}')
            return true;
    return false;
}

/* From the brackets back to all that leads to them inside of a rule. The heap is a plain stack here. */
static void find_closing(struct order *o, struct grammar_node *nodes)
{
    o->count = 0;
    for (size_t i = 0; i < o->program->node_count; i++)
        if ((nodes[i].closes = has_bracket(o->program, &nodes[i])))
            o->heap[o->count++] = i;
    while (o->count > 0) {
        const uint32_t node = (uint32_t)o->heap[--o->count];
        for (uint32_t i = o->first[node + 1]; i < o->first[node + 2]; i++) {
            struct grammar_node *before = &nodes[o->dependents[i]];
            const bool is_before = before->next == node || before->kind == GRAMMAR_SPLIT;
            if (!is_before || before->closes)
                continue;
            before->closes = true;
            o->heap[o->count++] = o->dependents[i];
        }
    }
}

static enum error_code find_values(struct grammar_program *g, struct error *error)
{
    struct order order;
    const bool has_memory = order_init(&order, g);
    if (has_memory) {
        settle(&order, value_shortest);
        for (size_t i = 0; i < g->node_count; i++)
            g->nodes[i].shortest = order.values[i];
        find_closing(&order, g->nodes);
        settle(&order, value_need);
        for (size_t i = 0; i < g->node_count; i++)
            g->nodes[i].need = (uint16_t)smaller(order.values[i], UINT16_MAX);
    }
    order_deinit(&order);
    return has_memory ? OK : error_no_memory(error);
}

/* --- rules that begin with themselves ---------------------------------------------------------------- */

enum mark { MARK_NEW, MARK_OPEN, MARK_DONE };

/* Depth first over nodes: a rule's entry stays open while what it may begin with is looked at. */
struct search {
    const struct grammar_program *program;
    uint8_t *rules;  /* enum mark */
    uint8_t *nodes;  /* visited */
    uint32_t *stack; /* nodes; a rule's END stands below its own and closes it */
    size_t count;
    uint32_t loop;   /* a rule that begins with itself */
    bool has_loop;
};

static void open_rule(struct search *s, uint32_t rule)
{
    if (s->rules[rule] == MARK_OPEN) {
        s->has_loop = true;
        s->loop = rule;
    }
    if (s->rules[rule] != MARK_NEW)
        return;
    s->rules[rule] = MARK_OPEN;
    s->stack[s->count++] = s->program->rules[rule].end;
    s->stack[s->count++] = s->program->rules[rule].entry;
}

static void push_node(struct search *s, uint32_t node)
{
    if (s->program->nodes[node].kind != GRAMMAR_END)
        s->stack[s->count++] = node;
}

static void visit(struct search *s, uint32_t number)
{
    const struct grammar_node *node = &s->program->nodes[number];
    if (node->kind == GRAMMAR_END) {
        s->rules[node->rule] = MARK_DONE;
        return;
    }
    if (s->nodes[number])
        return;
    s->nodes[number] = 1;
    const bool is_empty = (node->kind == GRAMMAR_LITERAL && s->program->literals[node->arg].len == 0) ||
                          (node->kind == GRAMMAR_CALL &&
                           s->program->nodes[s->program->rules[node->arg].entry].shortest == 0);
    if (node->kind == GRAMMAR_SPLIT)
        push_node(s, node->arg);
    if (node->kind == GRAMMAR_SPLIT || is_empty)
        push_node(s, node->next);
    if (node->kind == GRAMMAR_CALL)
        open_rule(s, node->arg);
}

static enum error_code check_loops(const struct grammar_program *g, struct error *error)
{
    struct search s = {.program = g,
                       .rules = mem_calloc(g->rule_count + 1, 1),
                       .nodes = mem_calloc(g->node_count + 1, 1),
                       .stack = mem_calloc(3 * g->node_count + 2 * g->rule_count + 2, sizeof(*s.stack))};
    const bool has_memory = s.rules != NULL && s.nodes != NULL && s.stack != NULL;
    for (uint32_t rule = 0; has_memory && rule < g->rule_count && !s.has_loop; rule++) {
        open_rule(&s, rule);
        while (s.count > 0 && !s.has_loop)
            visit(&s, s.stack[--s.count]);
    }
    mem_free(s.rules);
    mem_free(s.nodes);
    mem_free(s.stack);
    if (!has_memory)
        return error_no_memory(error);
    if (s.has_loop)
        return error_set(error, ERROR_INVALID, STR_FMT ": a rule of its grammar begins with itself (" STR_FMT ")",
                         STR_ARG(grammar_program_place(g, s.loop)), STR_ARG(g->rules[s.loop].name));
    return OK;
}

/* The first rule that is to blame and says where it comes from. */
static struct str place_of_endless(const struct grammar_program *g)
{
    for (uint32_t i = 0; i < g->rule_count; i++)
        if (g->nodes[g->rules[i].entry].shortest == GRAMMAR_NEVER && g->rules[i].place.len > 0)
            return g->rules[i].place;
    return grammar_program_place(g, g->root);
}

enum error_code grammar_program_check(struct grammar_program *g, struct error *error)
{
    remove_jumps(g);
    enum error_code code = find_values(g, error);
    if (code == OK)
        code = check_loops(g, error);
    const struct grammar_node *entry = &g->nodes[g->rules[g->root].entry];
    if (code == OK && entry->shortest == GRAMMAR_NEVER)
        return error_set(error, ERROR_INVALID, STR_FMT ": no text can match it; does it ask for itself without end?",
                         STR_ARG(place_of_endless(g)));
    if (code == OK && entry->need > LIMIT_GRAMMAR_DEPTH)
        return error_set(error, ERROR_INVALID, STR_FMT ": what it asks for is nested too deep",
                         STR_ARG(grammar_program_place(g, g->root)));
    return code;
}

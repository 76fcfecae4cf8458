/* grammar_check.c - what follows from a program's nodes. See grammar_program.h.
 *
 * For each node: how many bytes it takes at least to end its rule from there,
 * and how deep rules must be called for that. Both are least fixed points,
 * found in passes over all nodes, backwards and forwards in turn: callees
 * mostly stand behind their callers, so a few passes do. */
#include "engine/grammar_program.h"

#include "core/limits.h"

#define PASSES_MAX 64

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

/* Bytes that the node's own symbol takes. */
static uint32_t own_shortest(const struct grammar_program *g, const struct grammar_node *node)
{
    const struct grammar_class *class;
    switch ((enum grammar_node_kind)node->kind) {
    case GRAMMAR_LITERAL:
    case GRAMMAR_MARKER:
        return g->literals[node->arg].len;
    case GRAMMAR_CLASS:
        class = &g->classes[node->arg];
        return class->count > 0 ? character_len(g->ranges[class->from].low) : GRAMMAR_NEVER;
    case GRAMMAR_CALL:
        return g->nodes[g->rules[node->arg].entry].shortest;
    case GRAMMAR_END:
    case GRAMMAR_JUMP:
    case GRAMMAR_SPLIT:
    case GRAMMAR_FREE:
        break;
    }
    return 0;
}

/* A reply may end in free text, so nothing has to follow there. */
static bool update_shortest(struct grammar_program *g, struct grammar_node *node)
{
    uint32_t value = 0;
    if (node->kind == GRAMMAR_SPLIT) {
        const uint32_t a = g->nodes[node->next].shortest, b = g->nodes[node->arg].shortest;
        value = a < b ? a : b;
    } else if (node->kind != GRAMMAR_END && node->kind != GRAMMAR_FREE) {
        value = sum(own_shortest(g, node), g->nodes[node->next].shortest);
    }
    const bool is_new = value < node->shortest;
    node->shortest = is_new ? value : node->shortest;
    return is_new;
}

static bool update_closes(struct grammar_program *g, struct grammar_node *node)
{
    if (node->closes || node->kind == GRAMMAR_END)
        return false;
    node->closes = g->nodes[node->next].closes || (node->kind == GRAMMAR_SPLIT && g->nodes[node->arg].closes);
    const struct grammar_literal *literal = node->kind == GRAMMAR_LITERAL ? &g->literals[node->arg] : NULL;
    for (uint32_t i = 0; literal != NULL && i < literal->len; i++) {
        const char c = g->text[literal->from + i];
        node->closes = node->closes || c == ']' || c == '}';
    }
    return node->closes;
}

static bool update_need(struct grammar_program *g, struct grammar_node *node)
{
    uint32_t value = 0;
    if (node->kind == GRAMMAR_SPLIT) {
        const uint32_t a = g->nodes[node->next].need, b = g->nodes[node->arg].need;
        value = a < b ? a : b;
    } else if (node->kind != GRAMMAR_END && node->kind != GRAMMAR_FREE) {
        value = g->nodes[node->next].need;
        if (node->kind == GRAMMAR_CALL) {
            const uint32_t inner = g->nodes[g->rules[node->arg].entry].need +
                                   (node->is_tail ? 0 : grammar_node_depth(&g->nodes[node->next]));
            value = inner > value ? inner : value;
        }
    }
    value = node->shortest == GRAMMAR_NEVER || value > UINT16_MAX ? UINT16_MAX : value;
    const bool is_new = value < node->need;
    node->need = is_new ? (uint16_t)value : node->need;
    return is_new;
}

/* False when it does not come to an end. */
static bool settle(struct grammar_program *g, bool (*update)(struct grammar_program *, struct grammar_node *))
{
    for (unsigned pass = 0; pass < PASSES_MAX; pass++) {
        bool is_new = false;
        for (size_t i = 0; i < g->node_count; i++) {
            struct grammar_node *node = &g->nodes[pass % 2 == 0 ? g->node_count - 1 - i : i];
            if (node->kind != GRAMMAR_JUMP)
                is_new |= update(g, node);
        }
        if (!is_new)
            return true;
    }
    return false;
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
    for (size_t i = 0; i < g->node_count; i++) {
        g->nodes[i].shortest = GRAMMAR_NEVER;
        g->nodes[i].need = UINT16_MAX;
    }
    if (!settle(g, update_shortest) || !settle(g, update_closes) || !settle(g, update_need))
        return error_set(error, ERROR_INVALID, STR_FMT ": its grammar is too entangled",
                         STR_ARG(grammar_program_place(g, g->root)));
    const enum error_code code = check_loops(g, error);
    const struct grammar_node *entry = &g->nodes[g->rules[g->root].entry];
    if (code == OK && entry->shortest == GRAMMAR_NEVER)
        return error_set(error, ERROR_INVALID, STR_FMT ": no text can match it; does it ask for itself without end?",
                         STR_ARG(place_of_endless(g)));
    if (code == OK && entry->need > LIMIT_GRAMMAR_DEPTH)
        return error_set(error, ERROR_INVALID, STR_FMT ": what it asks for is nested too deep",
                         STR_ARG(grammar_program_place(g, g->root)));
    return code;
}

/* A set as a machine: states are sets that are met when derivatives are taken,
 * characters are told apart where some class of the terms does. */
#include <stdlib.h>

#include "chat/regular.h"

struct maker {
    struct regular *regular;
    struct regular_machine *machine;
    uint32_t *cuts; /* sorted: characters from one cut to the next are alike everywhere */
    size_t cut_count;
    regular_set *sets; /* of each state */
    size_t set_cap;
    size_t states_max;
    uint32_t *state_of; /* set -> state + 1 */
    size_t state_of_cap;
    bool is_out_of_memory, is_too_large;
};

static int compare_cuts(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return x < y ? -1 : x > y;
}

/* Marks the terms that `set` is made of. */
static void mark_terms(const struct regular *regular, regular_set set, bool *is_part, regular_set *stack)
{
    size_t depth = 0;
    is_part[set] = true;
    stack[depth++] = set;
    while (depth > 0) {
        const struct regular_term *term = &regular->terms[stack[--depth]];
        bool has_one = term->kind == REGULAR_NOT || term->kind == REGULAR_REPEAT;
        bool has_two = term->kind == REGULAR_SEQUENCE || term->kind == REGULAR_EITHER || term->kind == REGULAR_BOTH;
        regular_set parts[] = {term->a, term->b};
        for (size_t i = 0; i < (has_two ? 2u : has_one ? 1u : 0u); i++)
            if (!is_part[parts[i]]) {
                is_part[parts[i]] = true;
                stack[depth++] = parts[i];
            }
    }
}

/* Where a class of the set, or all that strings may hold, begins or ends. */
static bool find_cuts(struct maker *maker, regular_set set)
{
    struct regular *regular = maker->regular;
    regular_set all = regular_character(regular);
    bool *is_part = mem_calloc(regular->count, sizeof(*is_part));
    regular_set *stack = mem_calloc(regular->count, sizeof(*stack));
    maker->cuts = mem_calloc(2 * regular->range_count + 1, sizeof(*maker->cuts));
    bool is_made = is_part != NULL && stack != NULL && maker->cuts != NULL && !regular_failed(regular);
    if (is_made) {
        mark_terms(regular, set, is_part, stack);
        is_part[all] = true;
        for (size_t i = 0; i < regular->count; i++) {
            const struct regular_term *term = &regular->terms[i];
            for (uint32_t r = 0; is_part[i] && term->kind == REGULAR_CLASS && r < term->b; r++) {
                maker->cuts[maker->cut_count++] = regular->ranges[term->a + r].low;
                maker->cuts[maker->cut_count++] = regular->ranges[term->a + r].high + 1;
            }
        }
        qsort(maker->cuts, maker->cut_count, sizeof(*maker->cuts), compare_cuts);
        size_t kept = 0;
        for (size_t i = 0; i < maker->cut_count; i++)
            if (kept == 0 || maker->cuts[kept - 1] != maker->cuts[i])
                maker->cuts[kept++] = maker->cuts[i];
        maker->cut_count = kept;
    }
    mem_free(stack);
    mem_free(is_part);
    return is_made;
}

static bool is_character(const struct regular *regular, regular_set all, uint32_t c)
{
    const struct regular_term *term = &regular->terms[all];
    for (uint32_t i = 0; i < term->b; i++)
        if (regular->ranges[term->a + i].low <= c && c <= regular->ranges[term->a + i].high)
            return true;
    return false;
}

/* Number of the state of `set`, a new one where it has none. */
static uint32_t state_of(struct maker *maker, regular_set set)
{
    struct regular_machine *machine = maker->machine;
    if (set >= maker->state_of_cap) {
        size_t cap = 2 * (size_t)set + 64;
        uint32_t *grown = mem_realloc(maker->state_of, cap * sizeof(*grown));
        if (grown == NULL) {
            maker->is_out_of_memory = true;
            return 0;
        }
        memset(grown + maker->state_of_cap, 0, (cap - maker->state_of_cap) * sizeof(*grown));
        maker->state_of = grown;
        maker->state_of_cap = cap;
    }
    if (maker->state_of[set] != 0)
        return maker->state_of[set] - 1;
    if (machine->state_count >= maker->states_max) {
        maker->is_too_large = true;
        return 0;
    }
    maker->sets[machine->state_count] = set;
    machine->states[machine->state_count] =
        (struct regular_state){.is_end = maker->regular->terms[set].has_empty};
    maker->state_of[set] = (uint32_t)++machine->state_count;
    return maker->state_of[set] - 1;
}

static void add_range(struct maker *maker, uint32_t low, uint32_t high)
{
    struct regular_machine *machine = maker->machine;
    void *ranges = machine->ranges;
    if (!mem_grow(&ranges, machine->range_count, &machine->range_cap, sizeof(*machine->ranges))) {
        maker->is_out_of_memory = true;
        return;
    }
    machine->ranges = ranges;
    machine->ranges[machine->range_count++] = (struct regular_range){low, high};
}

static void add_edge(struct maker *maker, uint32_t to)
{
    struct regular_machine *machine = maker->machine;
    void *edges = machine->edges;
    if (!mem_grow(&edges, machine->edge_count, &machine->edge_cap, sizeof(*machine->edges))) {
        maker->is_out_of_memory = true;
        return;
    }
    machine->edges = edges;
    machine->edges[machine->edge_count++] =
        (struct regular_edge){.first_range = (uint32_t)machine->range_count, .to = to};
}

/* The edges of one state: for each next set the characters that lead there. */
static void unroll(struct maker *maker, uint32_t state, regular_set all, regular_set *next)
{
    struct regular *regular = maker->regular;
    struct regular_machine *machine = maker->machine;
    size_t first_edge = machine->edge_count;
    for (size_t i = 0; i + 1 < maker->cut_count; i++)
        next[i] = is_character(regular, all, maker->cuts[i])
                      ? regular_after(regular, maker->sets[state], maker->cuts[i])
                      : REGULAR_NOTHING;
    for (size_t i = 0; i + 1 < maker->cut_count && !maker->is_out_of_memory && !maker->is_too_large; i++) {
        regular_set set = next[i];
        if (set == REGULAR_NOTHING)
            continue;
        add_edge(maker, state_of(maker, set));
        for (size_t k = i; k + 1 < maker->cut_count && !maker->is_out_of_memory; k++) {
            if (next[k] != set)
                continue;
            struct regular_edge *edge = &machine->edges[machine->edge_count - 1];
            next[k] = REGULAR_NOTHING;
            if (edge->range_count > 0 && machine->ranges[machine->range_count - 1].high + 1 == maker->cuts[k]) {
                machine->ranges[machine->range_count - 1].high = maker->cuts[k + 1] - 1;
                continue;
            }
            add_range(maker, maker->cuts[k], maker->cuts[k + 1] - 1);
            edge->range_count++;
        }
    }
    machine->states[state].first_edge = (uint32_t)first_edge;
    machine->states[state].edge_count = (uint32_t)(machine->edge_count - first_edge);
}

/* Which states lead to an end; from the ends backwards until nothing changes. */
static bool *find_live(const struct regular_machine *machine)
{
    bool *is_live = mem_calloc(machine->state_count + 1, sizeof(*is_live));
    bool has_changed = is_live != NULL;
    while (has_changed) {
        has_changed = false;
        for (size_t i = machine->state_count; i > 0; i--) {
            const struct regular_state *state = &machine->states[i - 1];
            bool is_now = state->is_end;
            for (uint32_t e = 0; e < state->edge_count && !is_now; e++)
                is_now = is_live[machine->edges[state->first_edge + e].to];
            has_changed = has_changed || is_now != is_live[i - 1];
            is_live[i - 1] = is_now;
        }
    }
    return is_live;
}

/* Leaves out edges to states without an end, then those states. */
static bool prune(struct regular_machine *machine)
{
    bool *is_live = find_live(machine);
    uint32_t *number = mem_calloc(machine->state_count + 1, sizeof(*number));
    size_t kept = 0, edges = 0;
    bool is_done = is_live != NULL && number != NULL;
    for (size_t i = 0; is_done && i < machine->state_count; i++)
        if (is_live[i])
            number[i] = (uint32_t)kept++;
    for (size_t i = 0; is_done && i < machine->state_count; i++) {
        struct regular_state state = machine->states[i];
        if (!is_live[i])
            continue;
        size_t first = edges;
        for (uint32_t e = 0; e < state.edge_count; e++) {
            struct regular_edge edge = machine->edges[state.first_edge + e];
            if (!is_live[edge.to])
                continue;
            edge.to = number[edge.to];
            machine->edges[edges++] = edge;
        }
        state.first_edge = (uint32_t)first;
        state.edge_count = (uint32_t)(edges - first);
        machine->states[number[i]] = state;
    }
    if (is_done) {
        machine->state_count = kept;
        machine->edge_count = edges;
    }
    mem_free(number);
    mem_free(is_live);
    return is_done;
}

enum regular_outcome regular_machine_make(struct regular *regular, regular_set a, size_t states_max,
                                          struct regular_machine *machine)
{
    struct maker maker = {.regular = regular, .machine = machine, .states_max = states_max};
    *machine = (struct regular_machine){0};
    machine->states = mem_calloc(states_max, sizeof(*machine->states));
    maker.sets = mem_calloc(states_max, sizeof(*maker.sets));
    bool is_ready = machine->states != NULL && maker.sets != NULL && find_cuts(&maker, a);
    regular_set *next = is_ready ? mem_calloc(maker.cut_count + 1, sizeof(*next)) : NULL;
    maker.is_out_of_memory = next == NULL;
    if (next != NULL) {
        regular_set all = regular_character(regular);
        state_of(&maker, a);
        for (size_t i = 0; i < machine->state_count && !maker.is_out_of_memory && !maker.is_too_large &&
                           !regular_failed(regular);
             i++)
            unroll(&maker, (uint32_t)i, all, next);
    }
    bool is_failed = maker.is_out_of_memory || regular_failed(regular);
    if (!is_failed && !maker.is_too_large)
        is_failed = !prune(machine);
    mem_free(next);
    mem_free(maker.cuts);
    mem_free(maker.sets);
    mem_free(maker.state_of);
    return is_failed ? REGULAR_FAILED : maker.is_too_large ? REGULAR_TOO_MANY_STATES : REGULAR_MADE;
}

void regular_machine_deinit(struct regular_machine *machine)
{
    mem_free(machine->states);
    mem_free(machine->edges);
    mem_free(machine->ranges);
    *machine = (struct regular_machine){0};
}

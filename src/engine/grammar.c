/* grammar.c - see grammar.h. */
#include "engine/grammar.h"

#include <assert.h>
#include <math.h>

#include "core/buf.h"
#include "core/limits.h"
#include "engine/grammar_sets.h"

#define CLOSING_BYTES_MAX 1500u /* longer ways out are not looked for: what is chosen shortens them */

/* A shortest way out: tokens, of which `done` were taken. */
struct way {
    int32_t *items;
    size_t count, cap, done;
    bool is_valid;
};

struct grammar {
    const struct vocabulary *vocabulary;
    struct grammar_program *program;
    enum grammar_use use;
    struct grammar_sets sets;
    uint32_t place;      /* set behind what was accepted */
    uint32_t text_rule;  /* observed: where a reply goes on that has left the grammar */
    uint64_t tokens;     /* accepted */
    size_t undecided;    /* bytes at the end of the reply */
    uint32_t *path;      /* [depth_max + 1]: sets of the walk over the trie */
    uint64_t *allowed;   /* [count / 64 + 1]: bits */
    struct way closing, tried; /* `closing` leads out of `place`, if it is valid */
};

enum error_code grammar_new(struct str text, enum grammar_use use, const struct vocabulary *vocabulary,
                            struct grammar **result, struct error *error)
{
    *result = NULL;
    struct grammar *g = mem_calloc(1, sizeof(*g));
    if (g == NULL)
        return error_no_memory(error);
    g->vocabulary = vocabulary;
    g->use = use;
    enum error_code code = grammar_program_new(text, vocabulary, &g->program, error);
    if (code == OK && !sets_init(&g->sets, g->program))
        code = error_no_memory(error);
    if (code == OK) {
        g->text_rule = grammar_program_find(g->program, STR("text"));
        g->sets.work_max = LIMIT_GRAMMAR_WORK_FIRST;
        g->place = sets_begin(&g->sets, g->program->root);
        code = g->sets.code != OK ? sets_error(&g->sets, error) : OK;
    }
    if (code != OK)
        grammar_free(g);
    else
        *result = g;
    return code;
}

void grammar_free(struct grammar *g)
{
    if (g == NULL)
        return;
    grammar_program_free(g->program);
    sets_deinit(&g->sets);
    mem_free(g->path);
    mem_free(g->allowed);
    mem_free(g->closing.items);
    mem_free(g->tried.items);
    mem_free(g);
}

uint64_t grammar_work(const struct grammar *g)
{
    return g->sets.work;
}

/* The allowance for what is asked next; and room, where there is little. */
static void begin(struct grammar *g)
{
    const uint64_t total = LIMIT_GRAMMAR_WORK_FIRST + g->tokens * LIMIT_GRAMMAR_WORK_TOKEN;
    const uint64_t once = g->sets.work + LIMIT_GRAMMAR_WORK_FIRST;
    if (sets_is_full(&g->sets))
        g->place = sets_keep(&g->sets, g->place);
    g->sets.work_max = once < total ? once : total;
}

static enum error_code result(const struct grammar *g, struct error *error)
{
    return g->sets.code == OK ? OK : sets_error(&g->sets, error);
}

static const struct grammar_set *set_of(const struct grammar *g, uint32_t set)
{
    return &g->sets.sets[set];
}

static uint32_t walk(struct grammar *g, uint32_t set, struct str text)
{
    for (size_t i = 0; i < text.len && set != SET_NONE; i++)
        set = sets_step(&g->sets, set, (uint8_t)text.data[i]);
    return set;
}

/* The set behind a token that does not end the reply. */
static uint32_t behind(struct grammar *g, int32_t token)
{
    switch ((enum vocabulary_kind)g->vocabulary->kinds[token]) {
    case VOCABULARY_TEXT: return walk(g, g->place, g->vocabulary->pieces[token]);
    case VOCABULARY_MARKER: {
        const uint32_t set = sets_marker(&g->sets, g->place, token);
        return set == SET_NONE && set_of(g, g->place)->has_free ? g->place : set;
    }
    case VOCABULARY_SILENT: return set_of(g, g->place)->has_free ? g->place : SET_NONE;
    case VOCABULARY_END: break;
    }
    return SET_NONE;
}

enum error_code grammar_allows(struct grammar *g, int32_t token, bool *allowed, struct error *error)
{
    begin(g);
    *allowed = g->use == GRAMMAR_OBSERVED || (g->vocabulary->kinds[token] == VOCABULARY_END
                                                  ? set_of(g, g->place)->may_end
                                                  : behind(g, token) != SET_NONE);
    return result(g, error);
}

/* --- all tokens ------------------------------------------------------------------------------------- */

static void allow(struct grammar *g, int32_t token)
{
    g->allowed[token / 64] |= UINT64_C(1) << (token % 64);
}

static void allow_texts(struct grammar *g)
{
    const struct vocabulary *v = g->vocabulary;
    g->path[0] = g->place;
    for (uint32_t i = 0; i < v->node_count;) {
        const struct vocabulary_node *node = &v->nodes[i];
        const uint32_t set = sets_step(&g->sets, g->path[node->depth - 1], node->byte);
        if (set == SET_NONE) {
            i = node->skip;
            continue;
        }
        g->path[node->depth] = set;
        for (int32_t token = node->token; token >= 0; token = v->next_same[token])
            allow(g, token);
        i++;
    }
}

static void allow_others(struct grammar *g)
{
    for (uint32_t i = 0; i < g->vocabulary->other_count; i++) {
        const int32_t token = g->vocabulary->others[i];
        if (g->vocabulary->kinds[token] == VOCABULARY_END ? set_of(g, g->place)->may_end
                                                          : behind(g, token) != SET_NONE)
            allow(g, token);
    }
}

static bool has_scratch(struct grammar *g)
{
    if (g->path == NULL)
        g->path = mem_calloc((size_t)g->vocabulary->depth_max + 1, sizeof(*g->path));
    if (g->allowed == NULL)
        g->allowed = mem_calloc(g->vocabulary->count / 64 + 1, sizeof(*g->allowed));
    return g->path != NULL && g->allowed != NULL;
}

enum error_code grammar_mask(struct grammar *g, float *logits, struct error *error)
{
    if (g->use == GRAMMAR_OBSERVED)
        return OK;
    if (!has_scratch(g))
        return error_no_memory(error);
    begin(g);
    memset(g->allowed, 0, (g->vocabulary->count / 64 + 1) * sizeof(*g->allowed));
    allow_texts(g);
    allow_others(g);
    for (uint32_t token = 0; token < g->vocabulary->count; token++)
        if (!(g->allowed[token / 64] >> (token % 64) & 1))
            logits[token] = -INFINITY;
    return result(g, error);
}

/* --- accepting -------------------------------------------------------------------------------------- */

struct str grammar_piece(struct grammar *g, int32_t token)
{
    const enum vocabulary_kind kind = (enum vocabulary_kind)g->vocabulary->kinds[token];
    if (kind == VOCABULARY_TEXT || (kind == VOCABULARY_MARKER && sets_marker(&g->sets, g->place, token) != SET_NONE))
        return g->vocabulary->pieces[token];
    return STR("");
}

static void tell(const struct grammar_listener *listener, size_t len, bool is_text)
{
    if (listener != NULL && len > 0)
        listener->decided(listener->ctx, len, is_text);
}

/* What is known of the bytes up to here, the last of which were taken in a place `was_text` or not. */
static void decide(struct grammar *g, bool was_text, const struct grammar_listener *listener)
{
    const struct grammar_set *set = set_of(g, g->place);
    if (!was_text || !set->has_text) {
        tell(listener, g->undecided, false);
        g->undecided = 0;
    } else if (set->has_free && g->undecided > set->undecided) {
        tell(listener, g->undecided - set->undecided, true);
        g->undecided = set->undecided;
    }
}

/* A byte that the grammar has no place for; observed: the reply goes on as free text. */
static uint32_t leave(struct grammar *g, uint8_t byte)
{
    assert(g->use == GRAMMAR_OBSERVED || g->sets.code != OK);
    const uint32_t text = sets_begin(&g->sets, g->text_rule);
    const uint32_t set = sets_step(&g->sets, text, byte);
    return set != SET_NONE ? set : text;
}

static void accept_text(struct grammar *g, struct str piece, const struct grammar_listener *listener)
{
    for (size_t i = 0; i < piece.len && g->sets.code == OK; i++) {
        const uint32_t set = sets_step(&g->sets, g->place, (uint8_t)piece.data[i]);
        const bool was_text = set_of(g, g->place)->has_text || set == SET_NONE;
        g->place = set != SET_NONE ? set : leave(g, (uint8_t)piece.data[i]);
        g->undecided++;
        decide(g, was_text, listener);
    }
}

static void accept_marker(struct grammar *g, int32_t token, const struct grammar_listener *listener)
{
    const uint32_t set = sets_marker(&g->sets, g->place, token);
    if (set == SET_NONE)
        return;
    g->place = set;
    g->undecided += g->vocabulary->pieces[token].len;
    decide(g, false, listener);
}

enum error_code grammar_accept(struct grammar *g, int32_t token, const struct grammar_listener *listener,
                               struct error *error)
{
    const enum vocabulary_kind kind = (enum vocabulary_kind)g->vocabulary->kinds[token];
    begin(g);
    g->tokens++;
    struct way *way = &g->closing;
    way->is_valid = way->is_valid && way->done < way->count && way->items[way->done++] == token;
    if (kind == VOCABULARY_TEXT)
        accept_text(g, g->vocabulary->pieces[token], listener);
    else if (kind == VOCABULARY_MARKER)
        accept_marker(g, token, listener);
    return result(g, error);
}

bool grammar_may_end(const struct grammar *g)
{
    return set_of(g, g->place)->may_end;
}

bool grammar_is_complete(const struct grammar *g)
{
    return set_of(g, g->place)->ends && set_of(g, g->place)->count == 0;
}

/* --- closing ---------------------------------------------------------------------------------------- */

static bool add_token(struct way *way, int32_t token, size_t most)
{
    void *items = way->items;
    if (way->count >= most || !mem_grow(&items, way->count, &way->cap, sizeof(*way->items)))
        return false;
    way->items = items;
    way->items[way->count++] = token;
    return true;
}

/* The tokens of a text, the longest first. */
static bool add_text(const struct grammar *g, struct way *way, struct buf *text, size_t most)
{
    struct str rest = buf_str(text);
    while (rest.len > 0) {
        size_t len = 0;
        const int32_t token = vocabulary_longest(g->vocabulary, rest, &len);
        if (token < 0 || !add_token(way, token, most))
            return false;
        rest = str_slice(rest, len, rest.len);
    }
    buf_clear(text);
    return true;
}

/* One byte, or the token that stands for several; the set behind it. */
static uint32_t add_step(struct grammar *g, struct way *way, uint32_t set, struct buf *text, size_t most)
{
    uint8_t byte;
    int32_t token;
    if (!sets_shortest(&g->sets, set, &byte, &token))
        return SET_NONE;
    if (token >= 0 && (!add_text(g, way, text, most) || !add_token(way, token, most)))
        return SET_NONE;
    if (token >= 0)
        return sets_marker(&g->sets, set, token);
    return buf_append_char(text, (char)byte) ? sets_step(&g->sets, set, byte) : SET_NONE;
}

/* The tokens of the shortest text to the end of the reply. False: they are more than `most`, or there is none. */
static bool find_way(struct grammar *g, struct way *way, uint32_t set, size_t most)
{
    struct buf text;
    way->count = way->done = 0;
    way->is_valid = false;
    if (set_of(g, set)->shortest > CLOSING_BYTES_MAX || set_of(g, set)->shortest > most * g->vocabulary->depth_max)
        return false;
    buf_init(&text, CLOSING_BYTES_MAX);
    while (set != SET_NONE && !set_of(g, set)->may_end)
        set = add_step(g, way, set, &text, most);
    way->is_valid = set != SET_NONE && add_text(g, way, &text, most);
    buf_deinit(&text);
    return way->is_valid;
}

enum error_code grammar_close(struct grammar *g, uint32_t left, int32_t *token, struct error *error)
{
    if (g->use == GRAMMAR_OBSERVED || left == 0 || g->vocabulary->kinds[*token] == VOCABULARY_END)
        return OK;
    begin(g);
    const uint32_t set = behind(g, *token);
    if (set_of(g, set)->shortest < left) /* a byte is a token at most */
        return result(g, error);
    struct way *way = &g->closing;
    if ((way->is_valid && way->done < way->count && way->items[way->done] == *token) ||
        find_way(g, &g->tried, set, left - 1) || (!way->is_valid && !find_way(g, way, g->place, left)))
        return result(g, error);
    if (way->done < way->count)
        *token = way->items[way->done];
    else if (!set_of(g, g->place)->has_free)
        *token = -1;
    return result(g, error);
}

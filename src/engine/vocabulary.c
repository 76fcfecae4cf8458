/* vocabulary.c - see vocabulary.h. */
#include "engine/vocabulary.h"

#include <stdlib.h>

#include "core/mem.h"

#define DEPTH_MAX 65535u /* longer tokens are left out: nobody has such */

static enum vocabulary_kind kind_of(const struct vocabulary_token *token)
{
    if (token->is_end)
        return VOCABULARY_END;
    if (token->piece.len > 0 && token->piece.len <= DEPTH_MAX)
        return VOCABULARY_TEXT;
    return token->piece.len == 0 && token->marker.len > 0 ? VOCABULARY_MARKER : VOCABULARY_SILENT;
}

static struct str text_of(const struct vocabulary_token *token, enum vocabulary_kind kind)
{
    return kind == VOCABULARY_TEXT ? token->piece : kind == VOCABULARY_MARKER ? token->marker : STR("");
}

static bool copy_texts(struct vocabulary *v, const struct vocabulary_token *tokens)
{
    size_t bytes = 0, at = 0;
    for (uint32_t i = 0; i < v->count; i++) {
        v->kinds[i] = (uint8_t)kind_of(&tokens[i]);
        bytes += text_of(&tokens[i], kind_of(&tokens[i])).len;
    }
    v->text = mem_alloc(bytes + 1);
    if (v->text == NULL)
        return false;
    for (uint32_t i = 0; i < v->count; i++) {
        const struct str text = text_of(&tokens[i], (enum vocabulary_kind)v->kinds[i]);
        if (text.len > 0)
            memcpy(v->text + at, text.data, text.len);
        v->pieces[i] = (struct str){v->text + at, text.len};
        at += text.len;
        if (v->kinds[i] != VOCABULARY_TEXT)
            v->others[v->other_count++] = (int32_t)i;
    }
    return true;
}

/* --- the trie --------------------------------------------------------------------------------------- */

struct entry {
    struct str piece;
    int32_t token;
};

static int compare(const void *left, const void *right)
{
    const struct entry *a = left, *b = right;
    const size_t len = a->piece.len < b->piece.len ? a->piece.len : b->piece.len;
    const int order = memcmp(a->piece.data, b->piece.data, len);
    if (order != 0)
        return order;
    if (a->piece.len != b->piece.len)
        return a->piece.len < b->piece.len ? -1 : 1;
    return (a->token > b->token) - (a->token < b->token);
}

static uint32_t common(struct str a, struct str b)
{
    uint32_t len = 0;
    while (len < a.len && len < b.len && a.data[len] == b.data[len])
        len++;
    return len;
}

/* Sorted entries are leaves from left to right: each adds the bytes that it does not share with the one before. */
static void add_nodes(struct vocabulary *v, const struct entry *entries, uint32_t count, uint32_t *path)
{
    struct str last = STR("");
    for (uint32_t i = 0; i < count; i++) {
        const struct entry *entry = &entries[i];
        const uint32_t shared = common(last, entry->piece);
        if (shared == entry->piece.len) {
            struct vocabulary_node *node = &v->nodes[path[shared]];
            v->next_same[entry->token] = node->token;
            node->token = entry->token;
            continue;
        }
        for (uint32_t depth = shared + 1; depth <= last.len; depth++)
            v->nodes[path[depth]].skip = v->node_count;
        for (uint32_t depth = shared + 1; depth <= entry->piece.len; depth++) {
            path[depth] = v->node_count;
            v->nodes[v->node_count++] = (struct vocabulary_node){
                .token = -1, .depth = (uint16_t)depth, .byte = (uint8_t)entry->piece.data[depth - 1]};
        }
        v->nodes[v->node_count - 1].token = entry->token;
        v->depth_max = entry->piece.len > v->depth_max ? (uint32_t)entry->piece.len : v->depth_max;
        last = entry->piece;
    }
    for (uint32_t depth = 1; depth <= last.len; depth++)
        v->nodes[path[depth]].skip = v->node_count;
}

static bool make_trie(struct vocabulary *v)
{
    struct entry *entries = mem_calloc((size_t)v->count + 1, sizeof(*entries));
    uint32_t *path = mem_calloc(DEPTH_MAX + 1, sizeof(*path));
    uint32_t count = 0;
    size_t bytes = 0;
    for (uint32_t i = 0; i < v->count && entries != NULL; i++) {
        v->next_same[i] = -1;
        if (v->kinds[i] != VOCABULARY_TEXT)
            continue;
        entries[count++] = (struct entry){v->pieces[i], (int32_t)i};
        bytes += v->pieces[i].len;
    }
    const bool good = entries != NULL && path != NULL &&
                      (v->nodes = mem_calloc(bytes + 1, sizeof(*v->nodes))) != NULL;
    if (good) {
        qsort(entries, count, sizeof(*entries), compare);
        add_nodes(v, entries, count, path);
        void *smaller = mem_realloc(v->nodes, (v->node_count + 1) * sizeof(*v->nodes));
        v->nodes = smaller != NULL ? smaller : v->nodes;
    }
    mem_free(path);
    mem_free(entries);
    return good;
}

struct vocabulary *vocabulary_new(const struct vocabulary_token *tokens, uint32_t count)
{
    struct vocabulary *v = mem_calloc(1, sizeof(*v));
    if (v == NULL)
        return NULL;
    v->count = count;
    v->next_same = mem_calloc((size_t)count + 1, sizeof(*v->next_same));
    v->pieces = mem_calloc((size_t)count + 1, sizeof(*v->pieces));
    v->kinds = mem_calloc((size_t)count + 1, 1);
    v->others = mem_calloc((size_t)count + 1, sizeof(*v->others));
    if (v->next_same != NULL && v->pieces != NULL && v->kinds != NULL && v->others != NULL && copy_texts(v, tokens) &&
        make_trie(v))
        return v;
    vocabulary_free(v);
    return NULL;
}

void vocabulary_free(struct vocabulary *v)
{
    if (v == NULL)
        return;
    mem_free(v->nodes);
    mem_free(v->next_same);
    mem_free(v->pieces);
    mem_free(v->kinds);
    mem_free(v->others);
    mem_free(v->text);
    mem_free(v);
}

int32_t vocabulary_find_marker(const struct vocabulary *v, struct str marker)
{
    for (uint32_t i = 0; i < v->other_count; i++)
        if (v->kinds[v->others[i]] == VOCABULARY_MARKER && str_eq(v->pieces[v->others[i]], marker))
            return v->others[i];
    return -1;
}

int32_t vocabulary_longest(const struct vocabulary *v, struct str text, size_t *len)
{
    int32_t token = -1;
    uint32_t at = 0, end = v->node_count;
    for (size_t depth = 1; depth <= text.len; depth++) {
        while (at < end && v->nodes[at].byte != (uint8_t)text.data[depth - 1])
            at = v->nodes[at].skip;
        if (at >= end)
            break;
        if (v->nodes[at].token >= 0) {
            token = v->nodes[at].token;
            *len = depth;
        }
        end = v->nodes[at].skip;
        at++;
    }
    return token;
}

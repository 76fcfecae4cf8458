/* vocabulary.h - the tokens of a model as bytes, in the order of a trie.
 *
 * A grammar asks of all tokens whether they may come next; tokens that begin
 * alike are asked together, by one walk over the trie. Made once when the
 * model is loaded, read by any thread after. */
#ifndef ENGINE_VOCABULARY_H
#define ENGINE_VOCABULARY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "core/str.h"

/* How a token is told to vocabulary_new; borrowed. */
struct vocabulary_token {
    struct str piece;  /* bytes that it adds to a reply; empty for special tokens */
    struct str marker; /* text of a special token; empty for others */
    bool is_end;       /* ends the reply; its texts do not count */
};

/* Nodes in preorder: a node's subtree is [its index, skip). */
struct vocabulary_node {
    uint32_t skip;
    int32_t token;  /* first token with exactly these bytes, -1: none */
    uint16_t depth; /* bytes from the root, 1 and more */
    uint8_t byte;
};

struct vocabulary {
    uint32_t count;
    struct vocabulary_node *nodes;
    uint32_t node_count;
    uint32_t depth_max;
    int32_t *next_same; /* [count]: another token with the same bytes, -1: none */
    struct str *pieces; /* [count]; of special tokens the marker */
    uint8_t *kinds;     /* [count]: enum vocabulary_kind */
    int32_t *others;    /* tokens without text of their own: all that the trie does not hold */
    uint32_t other_count;
    char *text;
};

enum vocabulary_kind { VOCABULARY_TEXT, VOCABULARY_MARKER, VOCABULARY_SILENT, VOCABULARY_END };

struct vocabulary *vocabulary_new(const struct vocabulary_token *tokens, uint32_t count); /* NULL: no memory */
void vocabulary_free(struct vocabulary *vocabulary);

/* The special token whose text is `marker`, -1: none. */
int32_t vocabulary_find_marker(const struct vocabulary *vocabulary, struct str marker);

/* The token with the longest text that `text` begins with, -1: none. */
int32_t vocabulary_longest(const struct vocabulary *vocabulary, struct str text, size_t *len);

#endif

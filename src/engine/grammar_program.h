/* grammar_program.h - a grammar's text, compiled to a graph of small nodes.
 *
 * The text is GBNF as llama.cpp reads it: one rule to a line,
 *
 *   name ::= "literal" [a-z0-9] other-name (group | of | alternatives)? x* x+ x{2} x{2,} x{2,9}
 *
 * with the escapes \xNN \uNNNN \UNNNNNNNN \n \r \t and of punctuation. The rule
 * `root` is where a reply begins. To that we add:
 *
 *   # place          what the rules below come from ("tools[2] (add)"), for messages
 *   <"marker">       a special token of the model that has this text, or the text itself
 *   ~<"marker">      free text up to and with the first marker. The reply may end before that.
 *   ~3<"marker">     the same, of which the first three bytes stand there already
 *   text-2 ::= ...   a rule whose name begins with "text": what it matches up to free text is the reply's text,
 *                    should free text come (grammar.h)
 *
 * Rules that begin with themselves are refused, and so is a grammar that no
 * text matches. A program never changes once it is made; any thread. */
#ifndef ENGINE_GRAMMAR_PROGRAM_H
#define ENGINE_GRAMMAR_PROGRAM_H

#include "core/error.h"
#include "core/limits.h"
#include "core/mem.h"
#include "core/str.h"
#include "engine/vocabulary.h"

enum grammar_node_kind {
    GRAMMAR_END,     /* of the rule */
    GRAMMAR_JUMP,    /* to next; none is left once the program is made */
    GRAMMAR_SPLIT,   /* to next or to node arg */
    GRAMMAR_CALL,    /* rule arg, then next */
    GRAMMAR_LITERAL, /* literal arg, then next */
    GRAMMAR_MARKER,  /* the same, or its special token */
    GRAMMAR_CLASS,   /* a character of class arg, then next */
    GRAMMAR_FREE,    /* anything up to and with the marker arg, then next */
};

struct grammar_node {
    uint8_t kind;
    bool is_text; /* of a rule that describes text */
    bool is_tail; /* a call behind which its rule ends */
    bool closes;  /* a bracket of JSON may be closed between here and the rule's end */
    uint16_t need; /* depth that it takes at least to end the rule from here */
    uint32_t arg, next;
    uint32_t rule;
    uint32_t shortest; /* bytes that it takes at least to end the rule from here */
};

struct grammar_literal {
    uint32_t from, len; /* in text */
    int32_t token;      /* of a marker, -1: none has this text */
    uint32_t begun;     /* of a marker behind free text: bytes that stand there already */
};

/* Sorted ranges of code points, all of them characters. */
struct grammar_class {
    uint32_t from, count; /* in ranges */
    uint64_t ascii[2];    /* bit c: character c is in it */
};

struct grammar_range {
    uint32_t low, high;
};

struct grammar_rule {
    struct str name;  /* of a group: the rule's that it stands in */
    struct str place; /* where it comes from, may be empty */
    uint32_t entry, end;
    bool is_defined;
};

struct grammar_program {
    struct grammar_node *nodes;
    size_t node_count, node_cap;
    struct grammar_literal *literals;
    size_t literal_count, literal_cap;
    struct grammar_class *classes;
    size_t class_count, class_cap;
    struct grammar_range *ranges;
    size_t range_count, range_cap;
    struct grammar_rule *rules;
    size_t rule_count, rule_cap;
    char *text;
    size_t text_len, text_cap;
    uint32_t root;
    struct arena names;
};

/* What a rule adds to the depth that goes on at this node when one inside of it has ended. A bracket counts for so
 * much that no JSON by a grammar is nested deeper than readers take it (LIMIT_JSON_DEPTH). */
static inline unsigned grammar_node_depth(const struct grammar_node *node)
{
    return node->closes ? LIMIT_GRAMMAR_DEPTH / (LIMIT_JSON_DEPTH - 2) : 1;
}

#define GRAMMAR_NEVER UINT32_MAX /* shortest: no text ends the rule */
#define GRAMMAR_SHORTEST_MAX (UINT32_MAX / 4)

enum error_code grammar_program_new(struct str text, const struct vocabulary *vocabulary,
                                    struct grammar_program **program, struct error *error) WARN_UNUSED;
void grammar_program_free(struct grammar_program *program);

/* The rule of that name, or root. */
uint32_t grammar_program_find(const struct grammar_program *program, struct str name);

/* "tools[2] (add)" of a node's rule, or the rule's own name. */
struct str grammar_program_place(const struct grammar_program *program, uint32_t rule);

/* --- grammar_check.c: what follows from the nodes; part of grammar_program_new --- */
enum error_code grammar_program_check(struct grammar_program *program, struct error *error) WARN_UNUSED;

#endif

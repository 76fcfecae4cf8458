/* grammar.h - follows a reply through a grammar, token by token.
 *
 * Own code instead of llama.cpp's: that one keeps every stack of an ambiguous
 * grammar by itself, so a small schema can ask for more of them than there is
 * time for, and it takes special tokens for the text that they stand for.
 *
 * A place in the grammar is a set of frames, each a node of the program and, as
 * its tail, the set of places to go on from when its rule ends. Sets are kept
 * once each (grammar_sets.h): two ways to the same node become one frame, so
 * ambiguity multiplies nothing; and what a byte makes of a set is remembered, so
 * the walk over the vocabulary's trie is a walk over tables.
 *
 * Every operation on a frame is counted. A reply may use GRAMMAR_WORK_FIRST of
 * them at once and GRAMMAR_WORK_TOKEN more for each token; one that needs more
 * fails (ERROR_INVALID, naming the place). Counts, not time: the same grammar
 * fails at the same token on every machine.
 *
 * What is seen as text: bytes that free text took (~ in grammar_program.h), and
 * those that rules called text... took before free text came. All others are markup: calls,
 * enforced JSON. A byte that may yet be either is undecided until the next ones
 * say so.
 *
 * One thread at a time; a grammar may be made on one and used on another. */
#ifndef ENGINE_GRAMMAR_H
#define ENGINE_GRAMMAR_H

#include "core/error.h"
#include "engine/vocabulary.h"

struct grammar;

enum grammar_use {
    GRAMMAR_ENFORCED,
    GRAMMAR_OBSERVED, /* every token is allowed; where the reply leaves the grammar it is free text from there on */
};

/* `text`: grammar_program.h. The vocabulary must outlive the grammar. */
enum error_code grammar_new(struct str text, enum grammar_use use, const struct vocabulary *vocabulary,
                            struct grammar **grammar, struct error *error) WARN_UNUSED;
void grammar_free(struct grammar *grammar);

/* Whether token may come next. One that ends the reply may where the grammar may end. */
enum error_code grammar_allows(struct grammar *grammar, int32_t token, bool *allowed, struct error *error) WARN_UNUSED;
/* Sets the logits[vocabulary] of all tokens that may not come next to -infinity. */
enum error_code grammar_mask(struct grammar *grammar, float *logits, struct error *error) WARN_UNUSED;

/* What a token adds to the reply: its text, or a marker's where the grammar asks for it. */
struct str grammar_piece(struct grammar *grammar, int32_t token);

/* Told of the oldest undecided bytes of the reply: the next `len` are text or are not. */
struct grammar_listener {
    void *ctx;
    void (*decided)(void *ctx, size_t len, bool is_text);
};

/* The token was chosen (allowed, unless observed; none that ends the reply). Its bytes are undecided ones from here
 * on; `listener` hears of those that are not any more. */
enum error_code grammar_accept(struct grammar *grammar, int32_t token, const struct grammar_listener *listener,
                               struct error *error) WARN_UNUSED;

bool grammar_may_end(const struct grammar *grammar);
bool grammar_is_complete(const struct grammar *grammar); /* and nothing can follow */

/* Near the end of the allowance: takes care that the reply is complete after at most `left` tokens, where that can
 * be. *token is the one that was picked (allowed); when the reply could not be completed behind it, it is replaced by
 * the next of the shortest way out, -1 where the reply is to end here. */
enum error_code grammar_close(struct grammar *grammar, uint32_t left, int32_t *token, struct error *error) WARN_UNUSED;

/* For tests: operations used so far. */
uint64_t grammar_work(const struct grammar *grammar);

#endif

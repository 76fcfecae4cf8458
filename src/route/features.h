/* features.h - a prompt as numbers: which words and pieces of words stand in it, and how it is built.
 *
 * Words, pairs of words and pieces of four characters become numbers of buckets, by hash; each bucket counts once.
 * Numbers become their length, so that "12" and "47" are one word. Chinese, Japanese and Korean characters are words of
 * their own. Words of the system text have buckets of their own. Of a long part the beginning and the end are read.
 *
 * How a prompt is built says something in every language: lengths, sentences, clauses, questions, lists of choices,
 * digits, code, and what comes with the prompt. These are the `built` numbers. Any thread. */
#ifndef ROUTE_FEATURES_H
#define ROUTE_FEATURES_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "route/prompt.h"

#define FEATURES_BUCKET_BITS 16
#define FEATURES_BUCKETS (1u << FEATURES_BUCKET_BITS)
#define FEATURES_BUILT 53       /* numbers of `built` */
#define FEATURES_USER_BYTES 6144 /* of the user's text that are read: the first two thirds and the last third of it */
#define FEATURES_SYSTEM_BYTES 1536
#define FEATURES_MAX (3 * (FEATURES_USER_BYTES + FEATURES_SYSTEM_BYTES))
#define FEATURES_WORDS ((FEATURES_USER_BYTES + FEATURES_SYSTEM_BYTES) / 2 + 2)

struct features {
    size_t count;
    uint16_t buckets[FEATURES_MAX]; /* [count], distinct, in the order of the text */
    size_t word_count, system_words; /* the first ones are the system text's */
    uint16_t words[FEATURES_WORDS];  /* [word_count], single words among the buckets */
    float built[FEATURES_BUILT];
};

void features_read(const struct route_prompt *prompt, struct features *features);

/* Numbers of `built` that mean the same in every language; the others hang on the words and signs of one. */
bool features_is_general(size_t index);

/* How much a prompt asks: letters of the question and of what it refers to, signs and choices being worth several. */
float features_demand(const float *built);

const char *features_built_name(size_t index); /* for people */

#endif
